/* SPDX-License-Identifier: Apache-2.0
 *
 * The contract of an op: everything about it in one const struct, in the file of its family (src/op/). The reference
 * kernel is the meaning of the op: plain C in double over row-major arrays, a few lines. Device kernels must
 * agree with it within the tolerance of its cases. A gradient is more graph, built with the same builders (op/sym.h).
 *
 * Four kinds of op by how a plan runs them:
 *   elementwise   `vector` names a loop of device/vector.h; inputs broadcast as NumPy does; plans fuse chains of them
 *   reduction     `reduce`: likewise run by the plan, with the elementwise chain before it
 *   kernel        `prepare` makes a struct kernel (device/kernel.h)
 *   decomposed    `decompose` gives the meaning in smaller ops; reference and gradient follow from it when absent */
#pragma once

#include "base/option.h"
#include "graph/graph.h"

struct kernel;

/* One evaluation of a reference kernel. Arrays are row-major doubles, contiguous. */
struct op_call {
  const void *attrs;
  int n_inputs;
  const struct shape *const *x_shape;
  const double *const *x;
  const struct shape *y_shape;
  double *y; /* zeroed before the call */
  uint64_t seed, step;
};

/* A test case: input shapes and attributes, NULL-terminated by an empty name. Inputs are drawn uniformly from
 * [low, high]; when both are 0 from [-1, 1]. */
struct op_case {
  const char *name;
  struct shape shape[4]; /* of the inputs, rank -1 beyond the last when fewer than four */
  int n_inputs;
  const void *attrs;
  double low, high;
  double tolerance;  /* of float kernels, relative to the largest reference value; 0 = 1e-5 */
  bool no_gradient;  /* not differentiable at what is drawn (sign, random): skip the difference test */
  const char *error; /* when set: building must fail with a message that contains this */
};

enum op_flags {
  OP_VIEW = 1 << 0,      /* output is the first input's bytes under another shape (reshape) when both are row-major */
  OP_SPATIAL = 1 << 1,   /* its 4-D operands lie channels-last in a plan, except those named by OP_PLAIN_1 */
  OP_PLAIN_1 = 1 << 2,   /* input 1 (a weight) is read row-major float32 as the graph means it */
  OP_PLAIN_OUT = 1 << 3, /* output (a weight's gradient) is written row-major float32 */
  OP_EPILOGUE = 1 << 4,  /* its kernel can add a bias per channel and apply an activation */
  OP_RANDOM = 1 << 5,    /* depends on the run's seed and step */
  OP_STRIDED = 1 << 6,   /* its kernel takes every operand in either layout and dtype (copies, reductions) */
  OP_FLOAT = 1 << 7,     /* operands and output are float32 in any precision (matmul of Gram matrices) */
  OP_STOP = 1 << 8,      /* no gradient flows through */
};

enum op_reduce { REDUCE_NONE, REDUCE_SUM, REDUCE_MAX };

/* Attributes of every reduction: reduced axes as a bit mask; they stay as extents of 1. */
struct reduce_attrs {
  int64_t axes;
};

struct op {
  const char *name;    /* "conv2d" */
  const char *formula; /* one line for docs and dumps */
  int min_inputs, max_inputs;
  size_t attrs_size;
  const struct option *attrs;
  unsigned flags;

  /* The output's shape; IMPASTO_ERROR_MODEL with a message like "input has 64 channels, weight wants 128". */
  bool (*shape) (const void *attrs, const struct shape *const *x, int n_inputs, struct shape *y, GError **error);

  void (*reference) (const struct op_call *call);

  /* dx[i] := gradient with respect to input i given dy, or left null when there is none. x and y are the op's own
   * inputs and output; wanted[i] tells which are needed. */
  void (*gradient) (const void *attrs, const sym *x, int n_inputs, sym y, sym dy, const bool *wanted, sym *dx);

  sym (*decompose) (const void *attrs, const sym *x, int n_inputs);

  int vector;            /* elementwise: enum vector_op of device/vector.h; 0 otherwise */
  int params;            /* elementwise: how many leading doubles of attrs are the loop's parameters p */
  enum op_reduce reduce; /* a reduction over struct reduce_attrs; plans fuse its elementwise producers into it */
  bool (*prepare) (struct kernel *kernel, GError **error);
  double (*flops) (const struct shape *const *x,
                   const struct shape *y); /* a multiply-add counts two; NULL: not counted */

  const struct op_case *cases;
};
