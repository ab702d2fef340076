/* SPDX-License-Identifier: Apache-2.0
 *
 * The vector loops on bare arrays. Mathematical functions are measured in units in the last place against the C library
 * in double, over a grid of all floats; plain loops must be exact. Every loop gives the same bits wherever a run is cut
 * and whether or not the result overwrites an operand. Run again with ONEDNN_MAX_CPU_ISA for the narrower sets. */
#include <glib.h>
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "device/vector.h"
#include "tensor/tensor.h"

#define CHUNK 1024
#define GRID_STEP 39989 /* a prime: 107 400 of the 2^32 floats, every exponent and both signs */

static float
float_of_bits (uint32_t bits)
{
  float x;

  memcpy (&x, &bits, sizeof x);
  return x;
}

static bool
same_bits (const float *a, const float *b, size_t n)
{
  return memcmp (a, b, n * sizeof (float)) == 0;
}

/* Mathematical functions */

static double
sigmoid (double x)
{
  return x < 0 ? exp (x) / (1 + exp (x)) : 1 / (1 + exp (-x));
}

static double
softplus (double x)
{
  return (x > 0 ? x : x < 0 ? 0 : x) + log1p (exp (-fabs (x)));
}

static double
rsqrt (double x)
{
  return 1 / sqrt (x);
}

static const struct function {
  const char *name;
  int op;
  double (*exact) (double x);
  double ulps; /* that the result may be off */
} functions[] = {
  {"exp", VECTOR_EXP, exp, 1.5},
  {"log", VECTOR_LOG, log, 1.5},
  {"tanh", VECTOR_TANH, tanh, 3},
  {"erf", VECTOR_ERF, erf, 2},
  {"sigmoid", VECTOR_SIGMOID, sigmoid, 3},
  {"softplus", VECTOR_SOFTPLUS, softplus, 2.5},
  {"sin", VECTOR_SIN, sin, 2},
  {"cos", VECTOR_COS, cos, 2},
  {"sqrt", VECTOR_SQRT, sqrt, 0.5001},
  {"rsqrt", VECTOR_RSQRT, rsqrt, 1.5},
};

/* The distance of @y to @exact in units in the last place of a float there, denormals included. Where the exact value
 * is NaN, or infinite as a float, only that or (for overflow) the largest float will do. */
static double
ulps (float y, double exact)
{
  int exponent;

  if (isnan (exact) || isnan (y))
    return isnan (exact) && isnan (y) ? 0 : HUGE_VAL;
  if (isinf (exact) || isinf (y))
    return (float) exact == y ? 0 : isinf (exact) || fabs (exact) < 0x1.fffffep127 ? HUGE_VAL : 1;
  frexp (exact, &exponent);
  return fabs (y - exact) / ldexp (1, MAX (exponent, -125) - 24);
}

static void
check_function (const struct function *function, const float *x, size_t n)
{
  const float *operands[] = {x};
  float y[CHUNK];

  vector_kernels ()->fn[function->op](y, operands, n, NULL);
  for (size_t i = 0; i < n; i++) {
    double exact = function->exact (x[i]);
    bool zero_kept = exact != 0 || y[i] != 0 || function->op == VECTOR_COS || !signbit (y[i]) == !signbit (exact);

    if (!(ulps (y[i], exact) <= function->ulps) || !zero_kept)
      g_error ("%s (%.9g) = %.9g, wants %.17g: off by %g ulp", function->name, (double) x[i], (double) y[i], exact,
               ulps (y[i], exact));
  }
}

static void
test_grid (gconstpointer data)
{
  const struct function *function = data;
  float x[CHUNK];
  size_t n = 0;

  for (uint64_t bits = 0; bits < (uint64_t) 1 << 32; bits += GRID_STEP) {
    x[n++] = float_of_bits ((uint32_t) bits);
    if (n == CHUNK) {
      check_function (function, x, n);
      n = 0;
    }
  }
  check_function (function, x, n);
}

/* Every float from 0.9 to 1.1 in steps of 16 ulp, and where results end: near over- and underflow. */
static void
test_edges (gconstpointer data)
{
  static const float edges[] = {
    0.0f,
    -0.0f,
    INFINITY,
    -INFINITY,
    NAN,
    0x1p-149f,
    -0x1p-149f,
    0x1.fffffcp-127f,
    0x1p-126f,
    0x1.fffffep127f,
    -0x1.fffffep127f,
    1,
    -1,
    88.7228317f,
    88.7228394f,
    89,
    128,
    -87.3365479f,
    -87.3365402f,
    -103.972076f,
    -103.972084f,
    -104,
    -150,
    9.0f,
    9.01091385f,
    10,
    10.5f,
    4.0f,
    4.00000048f,
    -3.9f,
    0.99999994f,
    20,
    0x1p20f,
    0x1.000002p20f,
    -0x1p20f,
    1e10f,
    -1e30f,
    1.57079637f,
    3.14159274f,
    0.346573591f,
    0.3465736f,
    0.707106769f,
    0.70710683f,
    1.41421354f,
    1.41421366f,
  };
  const struct function *function = data;
  float x[CHUNK];
  size_t n = 0;

  check_function (function, edges, G_N_ELEMENTS (edges));
  for (float at = 0.9f; at < 1.1f; at += 0x1p-20f) {
    x[n++] = at;
    if (n == CHUNK) {
      check_function (function, x, n);
      n = 0;
    }
  }
  check_function (function, x, n);
}

static bool
same_number (float a, float b)
{
  return (isnan (a) && isnan (b)) || a == b;
}

static void
check_pow (float a, float b)
{
  const float *operands[] = {&a, &b};
  double exact = pow (a, b);
  float y;

  vector_kernels ()->fn[VECTOR_POW](&y, operands, 1, NULL);
  if (!(ulps (y, exact) <= 0.6))
    g_error ("pow (%.9g, %.9g) = %.9g, wants %.17g", (double) a, (double) b, (double) y, exact);
}

static void
test_pow (void)
{
  static const float special[] = {0, 1, 2, 3, 0.5f, INFINITY, 0x1p-140f, 1e30f, 7.5f, 16777215, 16777216, 1.0001f};
  struct random_key key = {.seed = 5};

  for (size_t i = 0; i < G_N_ELEMENTS (special); i++)
    for (size_t j = 0; j < G_N_ELEMENTS (special); j++) {
      check_pow (special[i], special[j]);
      check_pow (special[i], -special[j]);
    }
  for (int base = -3; base < 0; base++)
    for (float b = -4; b <= 4; b += 0.5f)
      check_pow ((float) base, b);
  check_pow (NAN, 0);
  check_pow (NAN, 1);
  check_pow (2, NAN);
  check_pow (1, NAN);
  check_pow (-0.0f, 3);
  for (uint64_t i = 0; i < 100000; i += 2) {
    float a = (float) exp (40 * random_uniform (key, i) - 20);
    check_pow (a, (float) (20 * random_uniform (key, i + 1) - 10));
  }
}

/* Plain loops */

static float
larger (float a, float b)
{
  return isnan (a) || isnan (b) ? NAN : a > b ? a : b;
}

static float
smaller (float a, float b)
{
  return isnan (a) || isnan (b) ? NAN : a < b ? a : b;
}

#define SLOPE 0.25f /* p[0]; exact in products with what is drawn */
#define UPPER 1.5f  /* p[1] */

/* The meaning of op, for those that are exact. */
static float
plain (int op, float a, float b, float c)
{
  switch (op) {
  case VECTOR_ADD: return a + b;
  case VECTOR_SUB: return a - b;
  case VECTOR_MUL: return a * b;
  case VECTOR_DIV: return a / b;
  case VECTOR_MAXIMUM: return larger (a, b);
  case VECTOR_MINIMUM: return smaller (a, b);
  case VECTOR_GREATER: return a > b;
  case VECTOR_EQUAL: return a == b;
  case VECTOR_WHERE: return a != 0 ? b : c;
  case VECTOR_NEG: return -a;
  case VECTOR_ABS: return fabsf (a);
  case VECTOR_SIGN: return isnan (a) ? a : (float) ((a > 0) - (a < 0));
  case VECTOR_FLOOR: return floorf (a);
  case VECTOR_CEIL: return ceilf (a);
  case VECTOR_ROUND: return nearbyintf (a);
  case VECTOR_SQUARE: return a * a;
  case VECTOR_SQRT: return sqrtf (a);
  case VECTOR_RECIPROCAL: return 1 / a;
  case VECTOR_RELU: return isnan (a) || a > 0 ? a : 0;
  case VECTOR_LEAKY_RELU: return a < 0 ? SLOPE * a : a;
  case VECTOR_RELU_BACK: return a > 0 ? b : SLOPE * b;
  case VECTOR_CLAMP: return isnan (a) ? a : fminf (fmaxf (a, SLOPE), UPPER);
  case VECTOR_AFFINE: return fmaf (SLOPE, a, UPPER); /* the product is exact */
  case VECTOR_COPY: return a;
  }
  g_assert_not_reached ();
}

static bool
is_function (int op)
{
  for (size_t i = 0; i < G_N_ELEMENTS (functions); i++)
    if (functions[i].op == op && op != VECTOR_SQRT)
      return true;
  return op == VECTOR_POW;
}

/* Operands of all kinds: one in four special, equal pairs among them. */
static void
draw_operands (float x[3][CHUNK])
{
  static const float special[] = {0, -0.0f, 1, -1, INFINITY, -INFINITY, NAN, 0.25f, 1.5f, 2.5f, -0.5f, 1e30f};
  struct random_key key = {.seed = 11};

  for (int k = 0; k < 3; k++)
    for (size_t i = 0; i < CHUNK; i++) {
      uint64_t index = 2 * (k * CHUNK + i);
      uint64_t which = random_bits (key, index) % (4 * G_N_ELEMENTS (special));

      x[k][i] = which < G_N_ELEMENTS (special) ? special[which] : (float) (6 * random_uniform (key, index + 1) - 3);
    }
}

static const float parameters[] = {SLOPE, UPPER};

static void
test_plain (void)
{
  float x[3][CHUNK], y[CHUNK];
  const float *operands[] = {x[0], x[1], x[2]};

  draw_operands (x);
  for (int op = VECTOR_NONE + 1; op < VECTOR_OPS; op++) {
    g_assert_nonnull (vector_kernels ()->fn[op]);
    if (is_function (op))
      continue;
    vector_kernels ()->fn[op](y, operands, CHUNK, parameters);
    for (size_t i = 0; i < CHUNK; i++)
      if (!same_number (y[i], plain (op, x[0][i], x[1][i], x[2][i])))
        g_error ("op %d of %g, %g, %g = %.9g, wants %.9g", op, (double) x[0][i], (double) x[1][i], (double) x[2][i],
                 (double) y[i], (double) plain (op, x[0][i], x[1][i], x[2][i]));
  }
}

/* A run cut in two anywhere, at any alignment, is the whole run bit by bit. */
static void
test_cuts (void)
{
  static const size_t cuts[] = {1, 2, 7, 15, 16, 17, 31, 33, 100, 511, 1023};
  float x[3][CHUNK], whole[CHUNK], y[CHUNK];
  const float *operands[] = {x[0], x[1], x[2]};

  draw_operands (x);
  for (int op = VECTOR_NONE + 1; op < VECTOR_OPS; op++) {
    vector_fn fn = vector_kernels ()->fn[op];

    fn (whole, operands, CHUNK, parameters);
    for (size_t i = 0; i < G_N_ELEMENTS (cuts); i++) {
      size_t cut = cuts[i];
      const float *second[] = {x[0] + cut, x[1] + cut, x[2] + cut};

      fn (y, operands, cut, parameters);
      fn (y + cut, second, CHUNK - cut, parameters);
      if (!same_bits (y, whole, CHUNK))
        g_error ("op %d cut at %zu is another result", op, cut);
    }
  }
}

static void
test_in_place (void)
{
  float x[3][CHUNK], whole[CHUNK], y[CHUNK];
  const size_t n = CHUNK - 5;

  draw_operands (x);
  for (int op = VECTOR_NONE + 1; op < VECTOR_OPS; op++)
    for (int k = 0; k < 3; k++) {
      const float *apart[] = {x[0], x[1], x[2]}, *over[] = {x[0], x[1], x[2]};

      if (op == VECTOR_COPY && k > 0)
        continue;
      vector_kernels ()->fn[op](whole, apart, n, parameters);
      memcpy (y, x[k], sizeof y);
      over[k] = y;
      vector_kernels ()->fn[op](y, over, n, parameters);
      if (!same_bits (y, whole, n))
        g_error ("op %d over its operand %d is another result", op, k);
    }
}

/* Sums, maxima, types */

static void
test_reductions (void)
{
  const struct vector_kernels *vk = vector_kernels ();
  struct random_key key = {.seed = 3};
  float x[CHUNK], acc[CHUNK], most[CHUNK];

  random_normal_fill (key, 0, x, CHUNK);
  for (size_t n = 0; n <= 70; n++) {
    double sum = 0;
    float largest = -INFINITY;

    for (size_t i = 0; i < n; i++) {
      sum += (double) x[i];
      largest = larger (largest, x[i]);
    }
    g_assert_cmpfloat_with_epsilon (vk->sum (x, n), sum, 1e-13);
    g_assert_cmpfloat (vk->max (x, n), ==, largest);

    random_normal_fill (key, 5000, acc, CHUNK);
    memcpy (most, acc, sizeof most);
    vk->accumulate (acc, x, n);
    vk->accumulate_max (most, x, n);
    for (size_t i = 0; i < CHUNK; i++) {
      float before = (float) random_normal (key, 5000 + i);
      g_assert_cmpfloat (acc[i], ==, i < n ? before + x[i] : before);
      g_assert_cmpfloat (most[i], ==, i < n ? larger (before, x[i]) : before);
    }
  }
  /* Sixteen lanes: what a sum in float would lose stays. */
  x[0] = 0x1p30f, x[1] = 1, x[2] = -0x1p30f, x[16] = 1;
  memset (x + 3, 0, 13 * sizeof (float));
  g_assert_cmpfloat (vk->sum (x, 17), ==, 2);
  for (size_t at = 0; at < 50; at++) {
    float row[50], lanes[50];

    memcpy (row, x + 64, sizeof row);
    memcpy (lanes, x + 200, sizeof lanes);
    row[at] = NAN;
    g_assert_true (isnan (vk->max (row, 50)));
    g_assert_true (isnan (vk->sum (row, 50)));
    vk->accumulate_max (lanes, row, 50);
    vk->accumulate_max (lanes, x + 64, 50);
    g_assert_true (isnan (lanes[at]));
  }
}

/* Largest and powers of two of rows of any length, with what is no number and what is infinite among them. */
static void
test_softmax (void)
{
  const struct vector_kernels *vk = vector_kernels ();
  static float x[CHUNK], y[CHUNK];
  static uint16_t brief[CHUNK];

  for (size_t n = 1; n < 300; n += n < 70 ? 1 : 37) {
    float most = -INFINITY;
    double sum = 0;

    random_normal_fill ((struct random_key){.seed = n}, 0, x, n);
    for (size_t i = 0; i < n; i++) {
      x[i] = i % 17 == 5 ? -INFINITY : 40 * x[i];
      most = fmaxf (most, x[i]);
    }
    g_assert_cmpfloat (vk->largest (x, n), ==, most);
    double total = vk->exp2_sum (y, x, n, most, 0.7f), again = vk->exp2_sum_bf16 (brief, x, n, most, 0.7f);
    for (size_t i = 0; i < n; i++) {
      double power = exp2 ((double) ((x[i] - most) * 0.7f));

      sum += power;
      g_assert_cmpfloat (fabs ((double) y[i] - power), <=, 1.2e-7 * power + 1.2e-38);
      g_assert_cmpfloat (fabs ((double) bfloat_to_float (brief[i]) - power), <=, 0.00391 * power + 1.2e-38);
    }
    g_assert_cmpfloat (fabs (total - sum), <=, 2e-6 * sum);
    g_assert_cmpfloat (fabs (again - sum), <=, 2e-6 * sum);
    x[n / 2] = NAN;
    g_assert_cmpfloat (vk->largest (x, n), <=, most);
    g_assert_true (isnan (vk->exp2_sum (y, x, n, most, 0.7f)) && isnan (y[n / 2]));
    g_assert_true (isnan (vk->exp2_sum_bf16 (brief, x, n, most, 0.7f)));
  }
}

static void
test_bfloat (void)
{
  static const uint32_t lower[] = {0, 1, 0x7fff, 0x8000, 0x8001, 0xffff}; /* around half, under every upper half */
  const struct vector_kernels *vk = vector_kernels ();
  g_autofree uint16_t *b = g_new (uint16_t, 65536), *back = g_new (uint16_t, 65536);
  g_autofree float *x = g_new (float, 65536);

  for (size_t i = 0; i < 65536; i++)
    b[i] = (uint16_t) i;
  vk->from_bf16 (x, b, 65536);
  vk->to_bf16 (back, x, 65536);
  for (size_t i = 0; i < 65536; i++) {
    g_assert_true (same_number (x[i], bfloat_to_float ((uint16_t) i)));
    g_assert_cmpint (back[i], ==, b[i]);
  }
  for (size_t k = 0; k < G_N_ELEMENTS (lower); k++) {
    for (uint32_t i = 0; i < 65536; i++)
      x[i] = float_of_bits (i << 16 | lower[k]);
    vk->to_bf16 (back, x, 65535); /* an odd length: the rest too */
    for (uint32_t i = 0; i < 65535; i++)
      g_assert_cmphex (back[i], ==, bfloat_from_float (x[i]));
  }
}

/* Every combination of scale_shift against its formula in double, over lengths that fill no block, and cut anywhere. */
static void
test_scale_shift (void)
{
  enum { N = 70 };
  const struct vector_kernels *vk = vector_kernels ();
  float x[N], a[N], b[N], r[N], y[N], again[N];
  uint16_t hx[N], hr[N], hy[N], hagain[N];

  for (size_t i = 0; i < N; i++) {
    struct random_key key = {.seed = 11};
    x[i] = (float) random_uniform (key, 4 * i) - 0.5f;
    a[i] = (float) random_uniform (key, 4 * i + 1) - 0.5f;
    b[i] = (float) random_uniform (key, 4 * i + 2) - 0.5f;
    r[i] = (float) random_uniform (key, 4 * i + 3) - 0.5f;
  }
  vk->to_bf16 (hx, x, N);
  vk->to_bf16 (hr, r, N);
  vk->from_bf16 (x, hx, N); /* so that both types hold the same values */
  vk->from_bf16 (r, hr, N);
  for (unsigned flags = 0; flags < 8; flags += 2)
    for (int residual = 0; residual < 2; residual++) {
      size_t cut = 7 + flags * 5;

      vk->scale_shift (y, x, a, b, residual ? r : NULL, N, flags);
      vk->scale_shift (hy, hx, a, b, residual ? hr : NULL, N, flags | SCALE_SHIFT_BF16);
      vk->scale_shift (again, x, a, b, residual ? r : NULL, cut, flags);
      vk->scale_shift (again + cut, x + cut, a + cut, b + cut, residual ? r + cut : NULL, N - cut, flags);
      memcpy (hagain, hx, sizeof hx); /* in place */
      vk->scale_shift (hagain, hagain, a, b, residual ? hr : NULL, N, flags | SCALE_SHIFT_BF16);
      for (size_t i = 0; i < N; i++) {
        double exact = (double) x[i] * a[i] + b[i];
        exact = flags & SCALE_SHIFT_RELU ? fmax (exact, 0) : exact;
        exact += residual ? r[i] : 0;
        exact = residual && (flags & SCALE_SHIFT_LAST_RELU) ? fmax (exact, 0) : exact;
        g_assert_cmpfloat_with_epsilon (y[i], exact, 2e-7);
        g_assert_cmpfloat_with_epsilon (bfloat_to_float (hy[i]), exact, 4e-3);
      }
      g_assert_true (same_bits (y, again, N));
      g_assert_cmpmem (hy, sizeof hy, hagain, sizeof hagain);
    }
  x[3] = NAN;
  vk->scale_shift (y, x, a, b, r, N, SCALE_SHIFT_RELU | SCALE_SHIFT_LAST_RELU);
  g_assert_true (isnan (y[3]));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_message ("instruction set: %s", vector_kernels ()->isa);
  for (size_t i = 0; i < G_N_ELEMENTS (functions); i++) {
    g_autofree char *grid = g_strdup_printf ("/vector/%s/grid", functions[i].name);
    g_autofree char *edges = g_strdup_printf ("/vector/%s/edges", functions[i].name);

    g_test_add_data_func (grid, &functions[i], test_grid);
    g_test_add_data_func (edges, &functions[i], test_edges);
  }
  g_test_add_func ("/vector/pow", test_pow);
  g_test_add_func ("/vector/plain", test_plain);
  g_test_add_func ("/vector/cuts", test_cuts);
  g_test_add_func ("/vector/in-place", test_in_place);
  g_test_add_func ("/vector/reductions", test_reductions);
  g_test_add_func ("/vector/softmax", test_softmax);
  g_test_add_func ("/vector/bfloat", test_bfloat);
  g_test_add_func ("/vector/scale-shift", test_scale_shift);
  return g_test_run ();
}
