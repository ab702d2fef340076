/* SPDX-License-Identifier: Apache-2.0
 *
 * Internal to this room: a oneDNN primitive as a struct kernel. A prepare function says what each argument is and where
 * its elements lie, lets oneDNN create a primitive, and hands both over; the rest is done here: arguments that
 * the primitive wants in another type or order go through scratch before or after it, those of constant operands
 * are laid out once, and the primitive's own scratchpad is part of the kernel's scratch. */
#pragma once

#include <oneapi/dnnl/dnnl.h>

#include "device/kernel.h"

typedef struct cpu_primitive cpu_primitive;

/* The one engine and stream of the process. */
dnnl_engine_t cpu_engine (void);
dnnl_stream_t cpu_stream (void);

/* FALSE with IMPASTO_ERROR_MODEL "@what: oneDNN: ..." unless @status is success. */
bool cpu_check (dnnl_status_t status, const char *what, GError **error);

dnnl_data_type_t cpu_type (enum dtype dtype);
dnnl_memory_desc_t cpu_desc (int rank, const int64_t *dims, enum dtype dtype, const int64_t *strides);
/* A 4-D value channels-last. */
dnnl_memory_desc_t cpu_desc_last (const struct value *value, enum dtype dtype);
/* The same shape and type in an order of oneDNN's choice. */
dnnl_memory_desc_t cpu_desc_any (const dnnl_memory_desc_t *desc);

/* A new attribute: scratchpad from the caller, and after the operation @activation with parameters @p (kernel.h). */
dnnl_primitive_attr_t cpu_attr (enum activation activation, const float *p);

/* Which implementations of oneDNN's may be taken: none by a matrix made of the picture, none of plain loops (those are
 * slower by orders of magnitude), all. Each takes in those before it. */
enum cpu_ways { CPU_NO_MATRIX, CPU_NO_LOOPS, CPU_ALL };

/* The first of these implementations of @op; NULL when there is none. */
dnnl_primitive_t cpu_create (const_dnnl_op_desc_t op, dnnl_primitive_attr_t attr, const_dnnl_primitive_desc_t hint,
                             enum cpu_ways ways);

struct cpu_primitive *cpu_primitive_new (void);
void cpu_primitive_free (struct cpu_primitive *primitive);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (cpu_primitive, cpu_primitive_free)

/* Argument @arg (DNNL_ARG_SRC, ...) is @value, whose elements lie as @home says; home's type may be another than the
 * value's. Up to four arguments. */
void cpu_primitive_argument (struct cpu_primitive *primitive, int arg, const struct value *value,
                             const dnnl_memory_desc_t *home, bool output);

/* Makes @kernel run @made with these arguments; sets everything that a prepare function has to. Takes over @primitive
 * and @made; when @made is NULL, because nothing could be created for @what, that is the error. */
bool cpu_primitive_finish (struct cpu_primitive *primitive, struct kernel *kernel, dnnl_primitive_t made,
                           const char *what, GError **error);
