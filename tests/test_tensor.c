/* SPDX-License-Identifier: Apache-2.0
 *
 * tensor: shapes, buffers, weights, and conversions: every half and every bfloat against the value its bits stand for,
 * and rounding at, just below and just above the middle of every pair of neighbours. */
#include <float.h>
#include <glib.h>
#include <math.h>
#include <string.h>

#include "impasto/error.h"
#include "tensor/weights.h"

/* --- Shapes --- */

static void
test_shape (void)
{
  struct shape a = SHAPE (2, 3, 64, 64), scalar = SHAPE_SCALAR;
  g_autofree char *text = shape_text (&a), *scalar_text = shape_text (&scalar);

  g_assert_cmpint (a.rank, ==, 4);
  g_assert_cmpint (shape_size (&a), ==, 2 * 3 * 64 * 64);
  g_assert_cmpint (shape_size (&scalar), ==, 1);
  g_assert_cmpstr (text, ==, "(2, 3, 64, 64)");
  g_assert_cmpstr (scalar_text, ==, "()");
  g_assert_true (shape_equal (&a, &SHAPE (2, 3, 64, 64)));
  g_assert_false (shape_equal (&a, &SHAPE (2, 3, 64)));
  g_assert_false (shape_equal (&a, &SHAPE (2, 3, 64, 65)));
}

static void
test_shape_valid (void)
{
  const struct shape good[] = {
    SHAPE_SCALAR, SHAPE (1), SHAPE (SHAPE_SIZE_MAX), SHAPE (1 << 20, 1 << 20), SHAPE (1, 1, 1, 1, 1, 1),
  };
  const struct shape bad[] = {
    SHAPE (0),
    SHAPE (-1),
    SHAPE (-1, -1),
    SHAPE (2, 0),
    SHAPE (SHAPE_SIZE_MAX + 1),
    SHAPE (1 << 20, (1 << 20) + 1),
    SHAPE (INT64_MAX, INT64_MAX),
    SHAPE ((int64_t) 1 << 32, (int64_t) 1 << 32, 1),
    {.rank = 7},
    {.rank = -1},
  };

  for (size_t i = 0; i < G_N_ELEMENTS (good); i++)
    g_assert_true (shape_valid (&good[i]));
  for (size_t i = 0; i < G_N_ELEMENTS (bad); i++)
    g_assert_false (shape_valid (&bad[i]));
}

static void
test_shape_broadcast (void)
{
  const struct {
    struct shape a, b, out;
    bool fits;
  } cases[] = {
    {SHAPE (2, 3), SHAPE (2, 3), SHAPE (2, 3), true}, {SHAPE (2, 3), SHAPE (3), SHAPE (2, 3), true},
    {SHAPE (2, 1), SHAPE (4), SHAPE (2, 4), true},    {SHAPE (8, 1, 6, 1), SHAPE (7, 1, 5), SHAPE (8, 7, 6, 5), true},
    {SHAPE_SCALAR, SHAPE (5, 4), SHAPE (5, 4), true}, {SHAPE_SCALAR, SHAPE_SCALAR, SHAPE_SCALAR, true},
    {SHAPE (2, 3), SHAPE (2), SHAPE_SCALAR, false},   {SHAPE (2, 1), SHAPE (8, 4, 3), SHAPE_SCALAR, false},
  };

  for (size_t i = 0; i < G_N_ELEMENTS (cases); i++) {
    struct shape out = SHAPE (99), swapped = SHAPE (99);

    g_assert_cmpint (shape_broadcast (&cases[i].a, &cases[i].b, &out), ==, cases[i].fits);
    g_assert_cmpint (shape_broadcast (&cases[i].b, &cases[i].a, &swapped), ==, cases[i].fits);
    g_assert_true (shape_equal (&out, &swapped));
    if (cases[i].fits)
      g_assert_true (shape_equal (&out, &cases[i].out));
  }
}

/* --- Tensors --- */

static void
test_tensor_new (void)
{
  static const enum dtype dtypes[] = {DTYPE_F32, DTYPE_F16, DTYPE_BF16, DTYPE_F64, DTYPE_I64, DTYPE_U8};

  for (size_t i = 0; i < G_N_ELEMENTS (dtypes); i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (tensor) tensor = tensor_new (SHAPE (3, 5), dtypes[i], &error);

    g_assert_no_error (error);
    g_assert_cmpuint (tensor->size, ==, 15 * dtype_size (dtypes[i]));
    g_assert_cmpuint ((guintptr) tensor->data % 64, ==, 0);
    for (size_t at = 0; at < tensor->size; at++)
      g_assert_cmpint (((const char *) tensor->data)[at], ==, 0);
  }
}

/* Under AddressSanitizer an allocation that is too large shall fail as it does without. */
const char *__asan_default_options (void);
__attribute__ ((visibility ("default"))) const char *
__asan_default_options (void)
{
  return "allocator_may_return_null=1";
}

static void
test_tensor_refusals (void)
{
  const struct shape bad[] = {SHAPE (3, 0), SHAPE (-2), SHAPE (INT64_MAX, 2), SHAPE (SHAPE_SIZE_MAX), {.rank = 9}};

  for (size_t i = 0; i < G_N_ELEMENTS (bad); i++) {
    g_autoptr (GError) error = NULL;

    g_assert_null (tensor_new (bad[i], DTYPE_F64, &error));
    g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY);
  }
}

static void
test_tensor_ref (void)
{
  struct tensor *tensor = tensor_new_scalar (2.5f);

  g_assert_cmpint (tensor->shape.rank, ==, 0);
  g_assert_true (tensor_ref (tensor) == tensor);
  tensor_unref (tensor);
  g_assert_cmpfloat (*tensor_floats (tensor), ==, 2.5f);
  tensor_unref (tensor);
}

/* --- Half and bfloat --- */

struct format {
  int exponent_bits, mantissa_bits;
  uint16_t (*from_float) (float);
  float (*to_float) (uint16_t);
};

static const struct format formats[] = {
  {5, 10, half_from_float, half_to_float},
  {8, 7, bfloat_from_float, bfloat_to_float},
};

/* IEEE 754: what the bits of a positive finite number stand for; one step beyond the last counts on as if there were
 * no infinity. */
static double
value_of (const struct format *format, uint32_t bits)
{
  int bias = (1 << (format->exponent_bits - 1)) - 1;
  int exponent = (int) (bits >> format->mantissa_bits);
  double mantissa = bits & ((1u << format->mantissa_bits) - 1);

  if (exponent == 0)
    return ldexp (mantissa, 1 - bias - format->mantissa_bits);
  return ldexp (mantissa + (1 << format->mantissa_bits), exponent - bias - format->mantissa_bits);
}

static void
test_half_every_value (void)
{
  for (size_t f = 0; f < G_N_ELEMENTS (formats); f++) {
    const struct format *format = &formats[f];
    uint32_t infinity = ((1u << format->exponent_bits) - 1) << format->mantissa_bits;

    for (uint32_t bits = 0; bits <= 0xffff; bits++) {
      float x = format->to_float ((uint16_t) bits);
      uint32_t magnitude = bits & 0x7fff;

      g_assert_cmphex (format->from_float (x), ==, bits);
      g_assert_cmpint (!!signbit (x), ==, bits >> 15);
      if (magnitude < infinity)
        g_assert_cmpfloat (fabs ((double) x), ==, value_of (format, magnitude));
      else
        g_assert_true (magnitude == infinity ? isinf (x) : isnan (x));
    }
  }
}

static void
test_half_rounding (void)
{
  for (size_t f = 0; f < G_N_ELEMENTS (formats); f++) {
    const struct format *format = &formats[f];
    uint32_t infinity = ((1u << format->exponent_bits) - 1) << format->mantissa_bits;

    for (uint32_t low = 0; low < infinity; low++) {
      uint32_t high = low + 1, even = low & 1 ? high : low;
      float middle = (float) ((value_of (format, low) + value_of (format, high)) / 2); /* exact in a float */

      g_assert_cmphex (format->from_float (middle), ==, even);
      g_assert_cmphex (format->from_float (nextafterf (middle, 0)), ==, low);
      g_assert_cmphex (format->from_float (nextafterf (middle, INFINITY)), ==, high);
      g_assert_cmphex (format->from_float (-middle), ==, even | 0x8000);
      g_assert_cmphex (format->from_float (nextafterf (-middle, -INFINITY)), ==, high | 0x8000);
    }
  }
}

/* NaN whose payload lies only in bits that are dropped must not become infinity. */
static void
test_half_nan (void)
{
  uint32_t bits = 0x7f800001;
  float x;

  memcpy (&x, &bits, sizeof x);
  g_assert_true (isnan (half_to_float (half_from_float (x))));
  g_assert_true (isnan (bfloat_to_float (bfloat_from_float (x))));
  g_assert_cmphex (half_from_float (FLT_MAX), ==, 0x7c00);
  g_assert_cmphex (half_from_float (-INFINITY), ==, 0xfc00);
}

/* --- Conversion --- */

static struct tensor *
new_doubles (const double *values, int64_t n)
{
  struct tensor *tensor = tensor_new (SHAPE (n), DTYPE_F64, NULL);

  memcpy (tensor->data, values, tensor->size);
  return tensor;
}

static struct tensor *
convert (const struct tensor *tensor, enum dtype dtype)
{
  g_autoptr (GError) error = NULL;
  struct tensor *result = tensor_convert (tensor, dtype, &error);

  g_assert_no_error (error);
  g_assert_true (shape_equal (&tensor->shape, &result->shape) && result->dtype == dtype);
  return result;
}

/* Rounding a double to float and then to half would lose the last bit that breaks the tie. */
static void
test_convert_rounds_once (void)
{
  const double values[] = {1 + 0x1p-11 + 0x1p-40, 1 + 0x1p-11, -(1 + 0x1p-11 + 0x1p-40), 1 + 3 * 0x1p-11 - 0x1p-40};
  const float halves[] = {1 + 0x1p-10f, 1, -(1 + 0x1p-10f), 1 + 0x1p-10f};
  const double wide[] = {1 + 0x1p-8 + 0x1p-40, 1 + 0x1p-8, 0x1p-134 + 0x1p-160, 1e300};
  const float bfloats[] = {1 + 0x1p-7f, 1, 0x1p-133f, INFINITY};
  g_autoptr (tensor) a = new_doubles (values, 4), half = convert (a, DTYPE_F16), half_float = convert (half, DTYPE_F32);
  g_autoptr (tensor) b = new_doubles (wide, 4), bfloat = convert (b, DTYPE_BF16);
  g_autoptr (tensor) bfloat_float = convert (bfloat, DTYPE_F32);

  g_assert_cmpmem (half_float->data, half_float->size, halves, sizeof halves);
  g_assert_cmpmem (bfloat_float->data, bfloat_float->size, bfloats, sizeof bfloats);
}

static void
test_convert_integers (void)
{
  const int64_t integers[] = {0, -1, 255, 256, ((int64_t) 1 << 53) + ((int64_t) 1 << 29) + 1, INT64_MAX, INT64_MIN};
  const float floats[] = {0, -1, 255, 256, 0x1p53f + 0x1p30f, 0x1p63f, -0x1p63f};
  const double wide[] = {0, -1, 255, 256, 0x1p53 + 0x1p29, 0x1p63, -0x1p63}; /* 2^53 + 2^29 + 1 is a tie: to even */
  const uint8_t bytes[] = {0, 0, 255, 255, 255, 255, 0};
  const double doubles[] = {0.5, 1.5, 2.5, -0.5, NAN, INFINITY, -INFINITY, 254.5, 1e300};
  const int64_t rounded[] = {0, 2, 2, 0, 0, INT64_MAX, INT64_MIN, 254, INT64_MAX};
  const uint8_t rounded_bytes[] = {0, 2, 2, 0, 0, 255, 0, 254, 255};
  g_autoptr (tensor) a = tensor_new (SHAPE (7), DTYPE_I64, NULL), b = new_doubles (doubles, 9);
  g_autoptr (tensor) a_floats = NULL, a_bytes = NULL, a_doubles = NULL;
  g_autoptr (tensor) b_integers = convert (b, DTYPE_I64), b_bytes = convert (b, DTYPE_U8);

  memcpy (a->data, integers, sizeof integers);
  a_floats = convert (a, DTYPE_F32);
  a_bytes = convert (a, DTYPE_U8);
  a_doubles = convert (a, DTYPE_F64);
  g_assert_cmpmem (a_floats->data, a_floats->size, floats, sizeof floats);
  g_assert_cmpmem (a_doubles->data, a_doubles->size, wide, sizeof wide);
  g_assert_cmpmem (a_bytes->data, a_bytes->size, bytes, sizeof bytes);
  g_assert_cmpmem (b_integers->data, b_integers->size, rounded, sizeof rounded);
  g_assert_cmpmem (b_bytes->data, b_bytes->size, rounded_bytes, sizeof rounded_bytes);
}

/* Narrow to wide and back is the identity, for every pair where the wide type holds the narrow. */
static void
test_convert_round_trip (void)
{
  static const enum dtype pairs[][2] = {
    {DTYPE_F16, DTYPE_F32}, {DTYPE_F16, DTYPE_F64}, {DTYPE_BF16, DTYPE_F32}, {DTYPE_BF16, DTYPE_F64},
    {DTYPE_F32, DTYPE_F64}, {DTYPE_U8, DTYPE_F16},  {DTYPE_U8, DTYPE_BF16},  {DTYPE_U8, DTYPE_I64},
    {DTYPE_U8, DTYPE_F64},  {DTYPE_U8, DTYPE_F32},  {DTYPE_I64, DTYPE_I64},
  };

  for (size_t i = 0; i < G_N_ELEMENTS (pairs); i++) {
    g_autoptr (tensor) narrow = tensor_new (SHAPE (256), pairs[i][0], NULL), wide = NULL, back = NULL;

    for (size_t at = 0; at < narrow->size; at++) /* top exponents, where NaN lives, are left out */
      ((uint8_t *) narrow->data)[at] = (uint8_t) (pairs[i][0] == DTYPE_U8 ? at : (at * 37 + at / 256) & 0xbf);
    wide = convert (narrow, pairs[i][1]);
    back = convert (wide, pairs[i][0]);
    g_assert_cmpmem (back->data, back->size, narrow->data, narrow->size);
  }
}

static void
test_find_nonfinite (void)
{
  static const enum dtype dtypes[] = {DTYPE_F32, DTYPE_F16, DTYPE_BF16, DTYPE_F64};
  const double values[] = {1, 2, 65504, -3, NAN, INFINITY};
  const double infinite[] = {1, -INFINITY}, finite[] = {0, -0.0, 1e-8, 65504};
  g_autoptr (tensor) a = new_doubles (values, 6), b = new_doubles (infinite, 2), c = new_doubles (finite, 4);

  for (size_t i = 0; i < G_N_ELEMENTS (dtypes); i++) {
    g_autoptr (tensor) x = convert (a, dtypes[i]), y = convert (b, dtypes[i]), z = convert (c, dtypes[i]);

    g_assert_cmpint (tensor_find_nonfinite (x), ==, 4);
    g_assert_cmpint (tensor_find_nonfinite (y), ==, 1);
    g_assert_cmpint (tensor_find_nonfinite (z), ==, -1);
  }
}

/* --- Weights --- */

static void
test_weights (void)
{
  g_autoptr (weights) weights = weights_new ();
  g_autoptr (tensor) a = tensor_new_scalar (1), b = tensor_new_scalar (2), c = tensor_new_scalar (3);

  weights_add (weights, "z.weight", a);
  weights_add (weights, "a.bias", b);
  weights_add (weights, "m", c);
  weights_add (weights, "z.weight", c); /* replaced in its place */
  weights_add (weights, "m", c);        /* by itself */
  g_assert_cmpuint (weights_count (weights), ==, 3);
  g_assert_cmpstr (weights_name (weights, 0), ==, "z.weight");
  g_assert_true (weights_at (weights, 0) == c && weights_find (weights, "a.bias") == b);
  g_assert_null (weights_find (weights, "a"));
  g_assert_true (weights_remove (weights, "a.bias"));
  g_assert_false (weights_remove (weights, "a.bias"));
  g_assert_null (weights_find (weights, "a.bias"));
  g_assert_cmpuint (weights_count (weights), ==, 2);
  g_assert_cmpstr (weights_name (weights, 1), ==, "m");
  g_assert_true (g_atomic_ref_count_compare (&a->ref_count, 1) && g_atomic_ref_count_compare (&c->ref_count, 3));
}

static void
test_weights_metadata (void)
{
  g_autoptr (weights) weights = weights_new ();
  g_auto (GStrv) keys = NULL;

  weights_set_metadata (weights, "b", "1");
  weights_set_metadata (weights, "a", "2");
  weights_set_metadata (weights, "b", "3");
  keys = weights_metadata_keys (weights);
  g_assert_cmpuint (g_strv_length (keys), ==, 2);
  g_assert_cmpstr (keys[0], ==, "a");
  g_assert_cmpstr (weights_metadata (weights, "b"), ==, "3");
  g_assert_null (weights_metadata (weights, "c"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/shape/basics", test_shape);
  g_test_add_func ("/shape/valid", test_shape_valid);
  g_test_add_func ("/shape/broadcast", test_shape_broadcast);
  g_test_add_func ("/tensor/new", test_tensor_new);
  g_test_add_func ("/tensor/refusals", test_tensor_refusals);
  g_test_add_func ("/tensor/ref", test_tensor_ref);
  g_test_add_func ("/half/every-value", test_half_every_value);
  g_test_add_func ("/half/rounding", test_half_rounding);
  g_test_add_func ("/half/nan", test_half_nan);
  g_test_add_func ("/convert/rounds-once", test_convert_rounds_once);
  g_test_add_func ("/convert/integers", test_convert_integers);
  g_test_add_func ("/convert/round-trip", test_convert_round_trip);
  g_test_add_func ("/tensor/find-nonfinite", test_find_nonfinite);
  g_test_add_func ("/weights/basics", test_weights);
  g_test_add_func ("/weights/metadata", test_weights_metadata);
  return g_test_run ();
}
