/* SPDX-License-Identifier: Apache-2.0
 *
 * A kernel: one step of a plan on the CPU, prepared once for fixed shapes, layouts and types, then run many times
 * without allocating. The plan fills in the operands, the op's `prepare` looks at them and sets run, state, free and
 * scratch. Data pointers are final when run is first called; those of constant operands already at preparation. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensor/tensor.h"

/* Where the elements lie: row-major as the shape is written, or for rank 4 channels-last, (n, h, w, c) in memory.
 * The two are the same bytes when c = 1 or h = w = 1; plans then say LAYOUT_PLAIN for either. */
enum layout { LAYOUT_PLAIN, LAYOUT_LAST };

struct value {
  struct shape shape; /* logical: (n, c, h, w) in either layout */
  enum layout layout;
  enum dtype dtype; /* DTYPE_F32 or DTYPE_BF16 */
  bool constant;    /* the same bytes in every run: lay out or convert once, in prepare */
  void *data;
};

/* Elements between neighbours along each logical axis. */
void value_strides (const struct value *value, int64_t *strides);
size_t value_bytes (const struct value *value);

enum activation { ACTIVATION_NONE, ACTIVATION_RELU, ACTIVATION_LEAKY_RELU, ACTIVATION_TANH, ACTIVATION_SIGMOID, ACTIVATION_CLAMP };

struct run_context {
  uint64_t seed, step;
};

struct kernel {
  const void *attrs;
  int n_inputs;
  const struct value *const *x;
  const struct value *y;

  /* For ops with OP_EPILOGUE: y = activation(op(x) + bias); bias is F32 with c elements, or NULL. */
  const struct value *bias;
  enum activation activation;
  float activation_p[2]; /* slope of a leaky ReLU; bounds of a clamp */

  bool brief; /* the plan is of bfloat16: products of float32 operands may round them to it */

  /* NULL, or a kernel prepared before with the same constant operands in the same places, that is not cleared before
   * the last run of this one: what it laid out of them is used, not laid out again. */
  const struct kernel *twin;
  bool repeated; /* run many times in a row: its constant operands will be in a cache */

  /* Set by prepare. */
  size_t scratch; /* bytes wanted at run time, shared with other kernels */
  void *state;
  void (*run) (const struct kernel *kernel, void *scratch, const struct run_context *context);
  void (*free_state) (void *state);
  const char *implementation; /* for dumps: "brgconv:avx512_core_bf16" */
};

void kernel_clear (struct kernel *kernel);

/* @size up to a multiple of a cache line, for what lies side by side in scratch. */
static inline size_t
kernel_aligned (size_t size)
{
  return (size + 63) / 64 * 64;
}

/* Copies @source into @target of the same logical shape, converting layout and type. All threads. */
void value_copy (const struct value *target, const struct value *source);

/* The general form behind permute, slice, concat, broadcast: for every index of @shape,
 * target[sum i*ts] = source[sum i*ss], strides in elements. */
void strided_copy (const struct shape *shape, void *target, enum dtype tt, const int64_t *ts, const void *source,
                   enum dtype st, const int64_t *ss);
