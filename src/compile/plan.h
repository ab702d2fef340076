/* SPDX-License-Identifier: Apache-2.0
 *
 * A plan: a graph made ready to run on this machine. Compiling chooses kernels, layouts, precision and fusions, and
 * lays every intermediate at an offset of one workspace from its lifetime; running allocates no buffers.
 *
 * Weights are shared, not copied: parameters are bound to the tensors of @weights at compile time, and assigned
 * parameters are written there. Parameters that no result assigns are taken as constant and may be laid out once:
 * after changing their values by hand call plan_refresh. A plan is used by one thread at a time. */
#pragma once

#include "graph/graph.h"
#include "tensor/weights.h"

enum precision { PRECISION_AUTO, PRECISION_F32, PRECISION_BF16 };
extern const char *const precision_names[]; /* "auto", "f32", "bf16", NULL */

/* What auto becomes on this machine; the others are themselves. */
enum precision precision_settle (enum precision precision);

struct plan_options {
  enum precision precision; /* auto: bf16 where the CPU has it */
  int threads;              /* 0 = all */
  uint64_t memory_limit;    /* bytes of what plan_memory counts; 0 = none */
  uint64_t *needed;         /* when not NULL: receives what plan_memory would say, also when that is beyond the limit */
};

typedef struct plan plan;

/* Draws parameters that @weights lacks from their init, a pure function of seed and name. */
bool weights_init (struct weights *weights, const struct graph *graph, uint64_t seed, GError **error);

/* IMPASTO_ERROR_MODEL: the graph's own mistake, a parameter that is missing or of another shape.
 * IMPASTO_ERROR_MEMORY: the workspace does not fit; said before any of it is touched. */
struct plan *plan_compile (struct graph *graph, struct weights *weights, const struct plan_options *options,
                           GError **error);
void plan_free (struct plan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (plan, plan_free)

/* The buffers of named inputs and outputs: F32, row-major, valid while the plan lives. NULL: no such name. */
struct tensor *plan_input (struct plan *plan, const char *name);
struct tensor *plan_output (struct plan *plan, const char *name);

void plan_run (struct plan *plan, uint64_t seed, uint64_t step);
/* IMPASTO_ERROR_MEMORY; the plan can then only be freed. */
bool plan_refresh (struct plan *plan, GError **error);

/* Gives the workspace's memory back to the system until the next run; inputs, outputs and kernels stay. */
void plan_release (struct plan *plan);

uint64_t plan_memory (const struct plan *plan); /* workspace, scratch, inputs, outputs, computed constants; bytes */
/* Of convolutions and matrix products in the graph as it was given, a multiply-add counting two: what a kernel saves by
 * a better algorithm counts as time, not as fewer operations. */
double plan_flops (const struct plan *plan);
enum precision plan_precision (const struct plan *plan); /* what auto became */
char *plan_text (const struct plan *plan);               /* a line a step: kernel, shapes, offsets; new string */

/* Runs @runs times and adds each step's seconds to a table; a new string sorted by time. */
char *plan_profile (struct plan *plan, int runs);

/* Where the last profile's time went, by kind of work. */
enum plan_kind {
  PLAN_CONVOLUTION,
  PLAN_MATMUL, /* Gram matrices too */
  PLAN_NORMALISATION,
  PLAN_PADDING,
  PLAN_RESAMPLING,
  PLAN_ELEMENTWISE,
  PLAN_REDUCTION,
  PLAN_COPY,
  PLAN_OTHER,
  PLAN_KINDS
};
extern const char *const plan_kind_names[]; /* NULL-terminated */

struct plan_part {
  double seconds, flops; /* of one run; operations that its kernels carry out */
};
void plan_parts (const struct plan *plan, struct plan_part parts[PLAN_KINDS]);

/* Names of steps that fall back on reference kernels: must be empty for shipped networks. NULL-terminated. */
char **plan_reference_steps (const struct plan *plan);
