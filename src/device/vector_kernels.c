/* SPDX-License-Identifier: Apache-2.0
 *
 * The vector loops, written once in plain C for the compiler to vectorise and compiled once for each instruction set:
 * VECTOR_SET names the table, VECTOR_ISA the set.
 *
 * A loop runs over whole blocks of 16 elements; a rest goes through a padded block of its own, the same instructions,
 * so that the bits of an element depend neither on its place in a run nor on where the run was cut. The mathematics is
 * in vector_math.h. Selections are written so that NaN goes through. */
#include "device/vector.h"

#include <stdbool.h>
#include <string.h>

#include "device/vector_math.h"

#define BLOCK 16
#define NOINLINE __attribute__ ((noinline)) /* one copy of the instructions for blocks and rests */

/* A loop of one, two or three operands from an expression in a, b, c and p. y may be one of the operands, so the only
 * promise to the compiler is that iterations do not depend on each other. */
#define LOOP(name, operands, expression)                                                                     \
  static NOINLINE void name##_blocks (float *y, const float *x0, const float *x1, const float *x2, size_t n, \
                             const float *p)                                                                 \
  {                                                                                                          \
    const float p0 = p[0], p1 = p[1];                                                                        \
    n = n / BLOCK * BLOCK;                                                                                   \
    _Pragma ("omp simd")                                                                                     \
    for (size_t i = 0; i < n; i++) {                                                                         \
      float a = x0[i], b = operands > 1 ? x1[i] : 0, c = operands > 2 ? x2[i] : 0;                           \
      (void) b, (void) c, (void) p0, (void) p1;                                                              \
      y[i] = expression;                                                                                     \
    }                                                                                                        \
  }                                                                                                          \
  static void name (float *y, const float *const *x, size_t n, const float *p)                               \
  {                                                                                                          \
    run_blocks (name##_blocks, operands, y, x, n, p);                                                        \
  }

typedef void (*blocks_fn) (float *y, const float *x0, const float *x1, const float *x2, size_t n, const float *p);

static inline void
run_blocks (blocks_fn fn, int operands, float *y, const float *const *x, size_t n, const float *p)
{
  static const float none[2];
  size_t whole = n / BLOCK * BLOCK, rest = n - whole;
  const float *x1 = operands > 1 ? x[1] : x[0], *x2 = operands > 2 ? x[2] : x[0];
  float pad[4][BLOCK];

  if (p == NULL)
    p = none;
  if (whole > 0)
    fn (y, x[0], x1, x2, whole, p);
  if (rest == 0)
    return;
  memset (pad, 0, sizeof pad);
  for (int k = 0; k < operands; k++)
    memcpy (pad[k], x[k] + whole, rest * sizeof (float));
  fn (pad[3], pad[0], pad[1], pad[2], BLOCK, p);
  memcpy (y + whole, pad[3], rest * sizeof (float));
}

/* What depends on x alone is as NaN as x; of two operands either NaN wins. */
LOOP (vector_add, 2, a + b)
LOOP (vector_sub, 2, a - b)
LOOP (vector_mul, 2, a * b)
LOOP (vector_div, 2, a / b)
LOOP (vector_maximum, 2, a > b || a != a ? a : b)
LOOP (vector_minimum, 2, a < b || a != a ? a : b)
LOOP (vector_pow, 2, math_pow (a, b))
LOOP (vector_greater, 2, a > b ? 1.0f : 0.0f)
LOOP (vector_equal, 2, a == b ? 1.0f : 0.0f)
LOOP (vector_where, 3, a != 0 ? b : c)
LOOP (vector_neg, 1, -a)
LOOP (vector_abs, 1, __builtin_fabsf (a))
LOOP (vector_sign, 1, a > 0 ? 1.0f : a < 0 ? -1.0f : a)
LOOP (vector_floor, 1, __builtin_floorf (a))
LOOP (vector_ceil, 1, __builtin_ceilf (a))
LOOP (vector_round, 1, __builtin_rintf (a))
LOOP (vector_square, 1, a * a)
LOOP (vector_sqrt, 1, __builtin_sqrtf (a))
LOOP (vector_rsqrt, 1, 1 / __builtin_sqrtf (a))
LOOP (vector_reciprocal, 1, 1 / a)
LOOP (vector_exp, 1, math_exp (a))
LOOP (vector_log, 1, math_log (a))
LOOP (vector_tanh, 1, math_tanh (a))
LOOP (vector_erf, 1, math_erf (a))
LOOP (vector_sigmoid, 1, math_sigmoid (a))
LOOP (vector_softplus, 1, math_softplus (a))
LOOP (vector_relu, 1, a < 0 ? 0 : a)
LOOP (vector_leaky_relu, 1, a < 0 ? p0 * a : a)
LOOP (vector_relu_back, 2, a > 0 ? b : p0 * b)
LOOP (vector_clamp, 1, a < p0 ? p0 : a > p1 ? p1 : a)
LOOP (vector_affine, 1, p0 * a + p1)

/* Sine and cosine of a block; the huge arguments among them, which hardly ever occur, by the C library. */
static inline void
trig_block (float *y, const float *x, uint32_t turn)
{
  float result[BLOCK];
  uint32_t large = 0;

  _Pragma ("omp simd reduction (|: large)")
  for (size_t i = 0; i < BLOCK; i++) {
    result[i] = math_trig (x[i], turn);
    large |= math_abs (x[i]) > MATH_TRIG_LIMIT;
  }
  for (size_t i = 0; i < BLOCK && large; i++)
    if (math_abs (x[i]) > MATH_TRIG_LIMIT)
      result[i] = turn ? __builtin_cosf (x[i]) : __builtin_sinf (x[i]);
  memcpy (y, result, sizeof result);
}

static NOINLINE void sin_blocks (float *y, const float *x0, const float *x1, const float *x2, size_t n, const float *p)
{
  for (size_t i = 0; i < n; i += BLOCK)
    trig_block (y + i, x0 + i, 0);
}

static NOINLINE void cos_blocks (float *y, const float *x0, const float *x1, const float *x2, size_t n, const float *p)
{
  for (size_t i = 0; i < n; i += BLOCK)
    trig_block (y + i, x0 + i, 1);
}

static void
vector_sin (float *y, const float *const *x, size_t n, const float *p)
{
  run_blocks (sin_blocks, 1, y, x, n, p);
}

static void
vector_cos (float *y, const float *const *x, size_t n, const float *p)
{
  run_blocks (cos_blocks, 1, y, x, n, p);
}

static void
vector_copy (float *y, const float *const *x, size_t n, const float *p)
{
  if (y != x[0])
    memcpy (y, x[0], n * sizeof (float));
}

static void
from_bf16 (float *y, const uint16_t *x, size_t n)
{
  for (size_t i = 0; i < n; i++)
    y[i] = math_from_bfloat (x[i]);
}

static void
to_bf16 (uint16_t *y, const float *x, size_t n)
{
  for (size_t i = 0; i < n; i++)
    y[i] = math_to_bfloat (x[i]);
}

static void
accumulate (float *acc, const float *x, size_t n)
{
  for (size_t i = 0; i < n; i++)
    acc[i] += x[i];
}

/* The larger; NaN once seen stays. */
static inline float
max_2 (float a, float b)
{
  return ((b > a) | (b != b)) ? b : a;
}

static void
accumulate_max (float *acc, const float *x, size_t n)
{
  for (size_t i = 0; i < n; i++)
    acc[i] = max_2 (acc[i], x[i]);
}

/* Scale, shift, activation and residual: a function of whole blocks for each combination. */

#define SCALE_SHIFT(name, type, load, store, inner, residual, outer)                                            \
  static NOINLINE void name (type *y, const type *x, const float *a, const float *b, const type *r, size_t n)   \
  {                                                                                                             \
    (void) r;                                                                                                   \
    n = n / BLOCK * BLOCK;                                                                                      \
    _Pragma ("omp simd")                                                                                        \
    for (size_t i = 0; i < n; i++) {                                                                            \
      float t = load (x[i]) * a[i] + b[i];                                                                      \
      t = inner (t);                                                                                            \
      t = outer (t residual (load, r[i]));                                                                      \
      y[i] = store (t);                                                                                         \
    }                                                                                                           \
  }

#define KEEP(x) (x)
#define RELU(x) ((x) < 0 ? 0 : (x)) /* NaN goes through */
#define WITHOUT(load, r)
#define WITH(load, r) + load (r)
#define SCALE_SHIFTS(suffix, type, load, store)                                     \
  SCALE_SHIFT (scale_shift_##suffix, type, load, store, KEEP, WITHOUT, KEEP)        \
  SCALE_SHIFT (scale_shift_relu_##suffix, type, load, store, RELU, WITHOUT, KEEP)   \
  SCALE_SHIFT (residual_##suffix, type, load, store, KEEP, WITH, KEEP)              \
  SCALE_SHIFT (residual_relu_##suffix, type, load, store, RELU, WITH, KEEP)         \
  SCALE_SHIFT (residual_last_##suffix, type, load, store, KEEP, WITH, RELU)         \
  SCALE_SHIFT (residual_both_##suffix, type, load, store, RELU, WITH, RELU)

SCALE_SHIFTS (f32, float, KEEP, KEEP)
SCALE_SHIFTS (bf16, uint16_t, math_from_bfloat, math_to_bfloat)

/* Blocks, then the rest in a padded block. */
#define SCALE_SHIFT_RUN(suffix, type)                                                                                \
  static void run_scale_shift_##suffix (type *y, const type *x, const float *a, const float *b, const type *r,       \
                                        size_t n, unsigned flags)                                                    \
  {                                                                                                                  \
    static void (*const with[]) (type *, const type *, const float *, const float *, const type *, size_t) = {       \
      residual_##suffix, residual_relu_##suffix, residual_last_##suffix, residual_both_##suffix};                    \
    bool relu = flags & SCALE_SHIFT_RELU, last = flags & SCALE_SHIFT_LAST_RELU;                                      \
    size_t whole = n / BLOCK * BLOCK, rest = n - whole;                                                              \
    type xs[BLOCK] = {0}, rs[BLOCK] = {0}, ys[BLOCK];                                                                \
    float as[BLOCK] = {0}, bs[BLOCK] = {0};                                                                          \
    void (*fn) (type *, const type *, const float *, const float *, const type *, size_t) =                          \
      r != NULL ? with[relu + 2 * last] : relu ? scale_shift_relu_##suffix : scale_shift_##suffix;                   \
    fn (y, x, a, b, r, whole);                                                                                       \
    if (rest == 0)                                                                                                   \
      return;                                                                                                        \
    memcpy (xs, x + whole, rest * sizeof *x);                                                                        \
    memcpy (as, a + whole, rest * sizeof *a);                                                                        \
    memcpy (bs, b + whole, rest * sizeof *b);                                                                        \
    if (r != NULL)                                                                                                   \
      memcpy (rs, r + whole, rest * sizeof *r);                                                                      \
    fn (ys, xs, as, bs, rs, BLOCK);                                                                                  \
    memcpy (y + whole, ys, rest * sizeof *y);                                                                        \
  }

SCALE_SHIFT_RUN (f32, float)
SCALE_SHIFT_RUN (bf16, uint16_t)

static void
scale_shift (void *y, const void *x, const float *a, const float *b, const void *r, size_t n, unsigned flags)
{
  if (flags & SCALE_SHIFT_BF16)
    run_scale_shift_bf16 (y, x, a, b, r, n, flags);
  else
    run_scale_shift_f32 (y, x, a, b, r, n, flags);
}

/* Four rows at a time, so that sums are loaded and stored a quarter as often. */
static void
moments (const float *x, size_t rows, size_t n, const float *origin, float *sum, float *square)
{
  size_t row = 0;

  for (; row + 4 <= rows; row += 4, x += 4 * n)
#pragma omp simd
    for (size_t i = 0; i < n; i++) {
      float o = origin[i], a = x[i] - o, b = x[n + i] - o, c = x[2 * n + i] - o, d = x[3 * n + i] - o;
      sum[i] += (a + b) + (c + d);
      square[i] += (a * a + b * b) + (c * c + d * d);
    }
  for (; row < rows; row++, x += n)
#pragma omp simd
    for (size_t i = 0; i < n; i++) {
      float a = x[i] - origin[i];
      sum[i] += a;
      square[i] += a * a;
    }
}

static void
mix (float *y, const float *a, float wa, const float *b, float wb, size_t n)
{
#pragma omp simd
  for (size_t i = 0; i < n; i++)
    y[i] = wa * a[i] + wb * b[i];
}

static double
sum (const float *x, size_t n)
{
  double lane[BLOCK] = {0};
  size_t whole = n / BLOCK * BLOCK;

  for (size_t i = 0; i < whole; i += BLOCK)
    for (size_t j = 0; j < BLOCK; j++)
      lane[j] += (double) x[i + j];
  for (size_t j = 0; whole + j < n; j++)
    lane[j] += (double) x[whole + j];
  for (size_t half = BLOCK / 2; half > 0; half /= 2)
    for (size_t j = 0; j < half; j++)
      lane[j] += lane[j + half];
  return lane[0];
}

static float
max (const float *x, size_t n)
{
  float lane[BLOCK], largest = -__builtin_inff ();
  size_t whole = n / BLOCK * BLOCK;

  for (size_t j = 0; j < BLOCK; j++)
    lane[j] = largest;
  for (size_t i = 0; i < whole; i += BLOCK)
    _Pragma ("omp simd")
    for (size_t j = 0; j < BLOCK; j++)
      lane[j] = max_2 (lane[j], x[i + j]);
  for (size_t j = 0; j < BLOCK; j++)
    largest = max_2 (largest, lane[j]);
  for (size_t i = whole; i < n; i++)
    largest = max_2 (largest, x[i]);
  return largest;
}

/* Softmax */

static float
largest (const float *x, size_t n)
{
  float lane[4 * BLOCK];
  size_t whole = n / (4 * BLOCK) * (4 * BLOCK);

  for (size_t j = 0; j < 4 * BLOCK; j++)
    lane[j] = -__builtin_inff ();
  for (size_t i = 0; i < whole; i += 4 * BLOCK)
    _Pragma ("omp simd")
    for (size_t j = 0; j < 4 * BLOCK; j++)
      lane[j] = x[i + j] > lane[j] ? x[i + j] : lane[j];
  for (size_t j = 0; whole + j < n; j++)
    lane[j] = x[whole + j] > lane[j] ? x[whole + j] : lane[j];
  for (size_t half = 2 * BLOCK; half > 0; half /= 2)
    for (size_t j = 0; j < half; j++)
      lane[j] = lane[j + half] > lane[j] ? lane[j + half] : lane[j];
  return lane[0];
}

/* Nearest, of a number between 0 and 1. */
static inline uint16_t
part_to_bfloat (float x)
{
  return (uint16_t) ((math_bits (x) + 0x8000) >> 16);
}

#define SUM_RUN 4096 /* elements added up as float */

#define EXP2_SUM(name, type, store)                                                                \
  static float name##_run (type *y, const float *x, size_t n, float most, float scale)             \
  {                                                                                                \
    float sum = 0;                                                                                 \
    _Pragma ("omp simd reduction(+ : sum)")                                                        \
    for (size_t i = 0; i < n; i++) {                                                               \
      float e = math_exp2_negative ((x[i] - most) * scale);                                        \
      y[i] = store (e);                                                                            \
      sum += e;                                                                                    \
    }                                                                                              \
    return sum;                                                                                    \
  }                                                                                                \
  static double name (type *y, const float *x, size_t n, float most, float scale)                  \
  {                                                                                                \
    double sum = 0;                                                                                \
    for (size_t i = 0; i < n; i += SUM_RUN)                                                        \
      sum += (double) name##_run (y + i, x + i, n - i < SUM_RUN ? n - i : SUM_RUN, most, scale);   \
    return sum;                                                                                    \
  }

EXP2_SUM (exp2_sum, float, KEEP)
EXP2_SUM (exp2_sum_bf16, uint16_t, part_to_bfloat)

extern const struct vector_kernels VECTOR_SET;
extern const struct winograd_kernels WINOGRAD_SET; /* winograd_kernels.c, compiled for the same instructions */

const struct vector_kernels VECTOR_SET = {
  .isa = VECTOR_ISA,
  .fn = {
    [VECTOR_ADD] = vector_add,
    [VECTOR_SUB] = vector_sub,
    [VECTOR_MUL] = vector_mul,
    [VECTOR_DIV] = vector_div,
    [VECTOR_MAXIMUM] = vector_maximum,
    [VECTOR_MINIMUM] = vector_minimum,
    [VECTOR_POW] = vector_pow,
    [VECTOR_GREATER] = vector_greater,
    [VECTOR_EQUAL] = vector_equal,
    [VECTOR_WHERE] = vector_where,
    [VECTOR_NEG] = vector_neg,
    [VECTOR_ABS] = vector_abs,
    [VECTOR_SIGN] = vector_sign,
    [VECTOR_FLOOR] = vector_floor,
    [VECTOR_CEIL] = vector_ceil,
    [VECTOR_ROUND] = vector_round,
    [VECTOR_SQUARE] = vector_square,
    [VECTOR_SQRT] = vector_sqrt,
    [VECTOR_RSQRT] = vector_rsqrt,
    [VECTOR_RECIPROCAL] = vector_reciprocal,
    [VECTOR_EXP] = vector_exp,
    [VECTOR_LOG] = vector_log,
    [VECTOR_SIN] = vector_sin,
    [VECTOR_COS] = vector_cos,
    [VECTOR_TANH] = vector_tanh,
    [VECTOR_ERF] = vector_erf,
    [VECTOR_SIGMOID] = vector_sigmoid,
    [VECTOR_SOFTPLUS] = vector_softplus,
    [VECTOR_RELU] = vector_relu,
    [VECTOR_LEAKY_RELU] = vector_leaky_relu,
    [VECTOR_RELU_BACK] = vector_relu_back,
    [VECTOR_CLAMP] = vector_clamp,
    [VECTOR_AFFINE] = vector_affine,
    [VECTOR_COPY] = vector_copy,
  },
  .from_bf16 = from_bf16,
  .to_bf16 = to_bf16,
  .accumulate = accumulate,
  .accumulate_max = accumulate_max,
  .moments = moments,
  .scale_shift = scale_shift,
  .mix = mix,
  .sum = sum,
  .max = max,
  .largest = largest,
  .exp2_sum = exp2_sum,
  .exp2_sum_bf16 = exp2_sum_bf16,
  .winograd = &WINOGRAD_SET,
};
