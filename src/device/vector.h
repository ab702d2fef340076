/* SPDX-License-Identifier: Apache-2.0
 *
 * Loops over short contiguous runs of float, one for each elementwise op, compiled for several instruction sets from
 * one source (vector_kernels.c) and chosen once by what oneDNN may use (dnnl_get_effective_cpu_isa, so that
 * ONEDNN_MAX_CPU_ISA binds these too). Results are the same for every n-split of a run; lanes never mix except in the
 * fixed order of sums. Pure functions: any thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* y[i] = f(x[0][i], x[1][i], ...). y may be x[0] or any x[k] exactly, never overlap otherwise. @p: the op's parameters
 * as floats (slope of a leaky ReLU, bounds of a clamp), NULL when it has none. */
typedef void (*vector_fn) (float *y, const float *const *x, size_t n, const float *p);

enum vector_op {
  VECTOR_NONE,
  VECTOR_ADD,
  VECTOR_SUB,
  VECTOR_MUL,
  VECTOR_DIV,
  VECTOR_MAXIMUM,
  VECTOR_MINIMUM,
  VECTOR_POW,
  VECTOR_GREATER, /* x0 > x1 ? 1 : 0 */
  VECTOR_EQUAL,   /* x0 == x1 ? 1 : 0 */
  VECTOR_WHERE,   /* x0 != 0 ? x1 : x2 */
  VECTOR_NEG,
  VECTOR_ABS,
  VECTOR_SIGN,
  VECTOR_FLOOR,
  VECTOR_CEIL,
  VECTOR_ROUND, /* half to even */
  VECTOR_SQUARE,
  VECTOR_SQRT,
  VECTOR_RSQRT,
  VECTOR_RECIPROCAL,
  VECTOR_EXP,
  VECTOR_LOG,
  VECTOR_SIN,
  VECTOR_COS,
  VECTOR_TANH,
  VECTOR_ERF,
  VECTOR_SIGMOID,
  VECTOR_SOFTPLUS,
  VECTOR_RELU,
  VECTOR_LEAKY_RELU, /* p[0] = slope */
  VECTOR_RELU_BACK,  /* x0 = y or x of the relu, x1 = dy; p[0] = slope (0 for relu): x0 > 0 ? x1 : p[0] * x1 */
  VECTOR_CLAMP,      /* p[0] = low, p[1] = high */
  VECTOR_AFFINE,     /* p[0] * x0 + p[1] */
  VECTOR_COPY,
  VECTOR_OPS
};

struct winograd_kernels; /* winograd.h */
/* y = f(f(x a + b) + r), in one pass: what a normalisation with its activation and residual comes to. x, r and y are
 * all float or all bfloat16, a and b float; r may be NULL; y may be x or r. */
enum vector_scale_shift {
  SCALE_SHIFT_BF16 = 1,
  SCALE_SHIFT_RELU = 2,      /* the inner f is relu, else nothing */
  SCALE_SHIFT_LAST_RELU = 4, /* the outer one, with r */
};

struct vector_kernels {
  const char *isa; /* "avx512", "avx2", "base" */
  vector_fn fn[VECTOR_OPS];
  void (*from_bf16) (float *y, const uint16_t *x, size_t n);
  void (*to_bf16) (uint16_t *y, const float *x, size_t n); /* nearest even */
  /* acc[i] += x[i] for i < n: one row of a reduction over rows. */
  void (*accumulate) (float *acc, const float *x, size_t n);
  void (*accumulate_max) (float *acc, const float *x, size_t n);
  /* Of @rows rows of n: sum[i] += x[i] - origin[i], square[i] += the square of it. */
  void (*moments) (const float *x, size_t rows, size_t n, const float *origin, float *sum, float *square);
  void (*scale_shift) (void *y, const void *x, const float *a, const float *b, const void *r, size_t n, unsigned flags);
  /* y[i] = wa a[i] + wb b[i]; y may be a. */
  void (*mix) (float *y, const float *a, float wa, const float *b, float wb, size_t n);
  double (*sum) (const float *x, size_t n); /* 16 lanes, folded in a fixed order */
  float (*max) (const float *x, size_t n);
  /* For softmax: the largest that is a number, -inf without one; and y := 2^(scale (x - most)), for x <= most, whose
   * sum is returned. y may be x. */
  float (*largest) (const float *x, size_t n);
  double (*exp2_sum) (float *y, const float *x, size_t n, float most, float scale);
  double (*exp2_sum_bf16) (uint16_t *y, const float *x, size_t n, float most, float scale);
  const struct winograd_kernels *winograd;
};

/* The set for this machine. */
const struct vector_kernels *vector_kernels (void);
