/* SPDX-License-Identifier: Apache-2.0
 *
 * Tensors: buffers, element types and the conversions between them. Conversion rounds to nearest even, once: values on
 * their way to a narrow floating type pass through wider ones rounded to odd (truncated, the last bit set when anything
 * was lost), which a later rounding to nearest cannot tell from the exact value (Boldo and Melquiond, 2008). */
#include "tensor/tensor.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "impasto/error.h"

#define ALIGNMENT 64

static uint32_t
bits_of_float (float x)
{
  uint32_t bits;

  memcpy (&bits, &x, sizeof bits);
  return bits;
}

static float
float_of_bits (uint32_t bits)
{
  float x;

  memcpy (&x, &bits, sizeof x);
  return x;
}

/* Shifts right by @n in 1..31, rounding to nearest, ties to even. */
static uint32_t
shift_round (uint32_t x, int n)
{
  uint32_t half = 1u << (n - 1), odd = x >> n & 1;

  return (x + half - 1 + odd) >> n;
}

uint16_t
half_from_float (float x)
{
  uint32_t bits = bits_of_float (x);
  uint16_t sign = (uint16_t) (bits >> 16 & 0x8000);
  uint32_t magnitude = bits & 0x7fffffff;

  if (magnitude > 0x7f800000) { /* NaN keeps what fits of its payload, and stays one */
    uint16_t payload = (uint16_t) (magnitude >> 13 & 0x3ff);
    return sign | 0x7c00 | (payload != 0 ? payload : 0x200);
  }
  if (magnitude >= 0x47800000) /* 65536 and more; what rounds up to it is caught by the carry below */
    return sign | 0x7c00;
  if (magnitude < 0x33000000) /* below 2^-25, half of the smallest subnormal */
    return sign;
  if (magnitude < 0x38800000) { /* below 2^-14: a subnormal, in units of 2^-24 */
    uint32_t mantissa = (magnitude & 0x7fffff) | 0x800000;
    return sign | (uint16_t) shift_round (mantissa, 126 - (int) (magnitude >> 23));
  }
  return sign | (uint16_t) shift_round (magnitude - (112u << 23), 13);
}

float
half_to_float (uint16_t h)
{
  uint32_t sign = (uint32_t) (h & 0x8000) << 16;
  uint32_t exponent = h >> 10 & 0x1f, mantissa = h & 0x3ff;

  if (exponent == 0) {
    float subnormal = (float) mantissa * 0x1p-24f;
    return float_of_bits (bits_of_float (subnormal) | sign);
  }
  if (exponent == 0x1f)
    return float_of_bits (sign | 0x7f800000 | mantissa << 13);
  return float_of_bits (sign | (exponent + 112) << 23 | mantissa << 13);
}

uint16_t
bfloat_from_float (float x)
{
  uint32_t bits = bits_of_float (x);

  if ((bits & 0x7fffffff) > 0x7f800000) {
    uint16_t top = (uint16_t) (bits >> 16);
    return (top & 0x7f) != 0 ? top : top | 0x40;
  }
  return (uint16_t) ((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

float
bfloat_to_float (uint16_t b)
{
  return float_of_bits ((uint32_t) b << 16);
}

static float
float_round_to_odd (double x)
{
  float nearest = (float) x;
  uint32_t bits = bits_of_float (nearest);

  if (isnan (x) || isinf (x) || (double) nearest == x)
    return nearest;
  if (fabs ((double) nearest) > fabs (x))
    bits--;
  return float_of_bits (bits | 1);
}

/* More bits than a float or narrower can hold, yet no more than a double can. */
static double
double_round_to_odd (int64_t x)
{
  const int64_t exact = (int64_t) 1 << 53;
  uint64_t magnitude = x < 0 ? -(uint64_t) x : (uint64_t) x;
  uint64_t kept = magnitude & ~(uint64_t) 0xfff;

  if (x >= -exact && x <= exact)
    return (double) x;
  if (kept != magnitude)
    kept |= 0x1000;
  return x < 0 ? -(double) kept : (double) kept;
}

/* --- The table of element types --- */

static double
load_f32 (const void *data, int64_t i)
{
  return ((const float *) data)[i];
}

static double
load_f16 (const void *data, int64_t i)
{
  return half_to_float (((const uint16_t *) data)[i]);
}

static double
load_bf16 (const void *data, int64_t i)
{
  return bfloat_to_float (((const uint16_t *) data)[i]);
}

static double
load_f64 (const void *data, int64_t i)
{
  return ((const double *) data)[i];
}

static double
load_i64 (const void *data, int64_t i)
{
  return double_round_to_odd (((const int64_t *) data)[i]);
}

static double
load_u8 (const void *data, int64_t i)
{
  return ((const uint8_t *) data)[i];
}

static void
store_f32 (void *data, int64_t i, double x)
{
  ((float *) data)[i] = (float) x;
}

static void
store_f16 (void *data, int64_t i, double x)
{
  ((uint16_t *) data)[i] = half_from_float (float_round_to_odd (x));
}

static void
store_bf16 (void *data, int64_t i, double x)
{
  ((uint16_t *) data)[i] = bfloat_from_float (float_round_to_odd (x));
}

static void
store_f64 (void *data, int64_t i, double x)
{
  ((double *) data)[i] = x;
}

/* Integers saturate; NaN becomes 0. */
static void
store_i64 (void *data, int64_t i, double x)
{
  ((int64_t *) data)[i] = isnan (x) ? 0 : x >= 0x1p63 ? INT64_MAX : x < -0x1p63 ? INT64_MIN : (int64_t) rint (x);
}

static void
store_u8 (void *data, int64_t i, double x)
{
  ((uint8_t *) data)[i] = x >= 0 ? (uint8_t) rint (fmin (x, 255)) : 0;
}

static const struct {
  const char *name;
  size_t size;
  bool finite; /* cannot hold NaN or infinity */
  double (*load) (const void *data, int64_t i);
  void (*store) (void *data, int64_t i, double x);
} dtypes[] = {
  [DTYPE_F32] = {"F32", 4, false, load_f32, store_f32},     [DTYPE_F16] = {"F16", 2, false, load_f16, store_f16},
  [DTYPE_BF16] = {"BF16", 2, false, load_bf16, store_bf16}, [DTYPE_F64] = {"F64", 8, false, load_f64, store_f64},
  [DTYPE_I64] = {"I64", 8, true, load_i64, store_i64},      [DTYPE_U8] = {"U8", 1, true, load_u8, store_u8},
};

size_t
dtype_size (enum dtype dtype)
{
  return dtypes[dtype].size;
}

const char *
dtype_name (enum dtype dtype)
{
  return dtypes[dtype].name;
}

/* --- Tensors --- */

struct tensor *
tensor_new (struct shape shape, enum dtype dtype, GError **error)
{
  g_autofree char *text = NULL;
  struct tensor *tensor;
  void *data = NULL;
  size_t size;

  if (!shape_valid (&shape)) {
    bool rank_valid = shape.rank >= 0 && shape.rank <= SHAPE_RANK_MAX;

    text = rank_valid ? shape_text (&shape) : g_strdup_printf ("of rank %d", shape.rank);
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY,
                 "no tensor has the shape %s: at most %d extents of 1 or more and %" G_GINT64_FORMAT " elements", text,
                 SHAPE_RANK_MAX, SHAPE_SIZE_MAX);
    return NULL;
  }
  size = (size_t) shape_size (&shape) * dtype_size (dtype);
  if (posix_memalign (&data, ALIGNMENT, size) != 0) {
    text = shape_text (&shape);
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "out of memory: a tensor %s of %s wants %.1f MiB", text,
                 dtype_name (dtype), (double) size / (1 << 20));
    return NULL;
  }
  memset (data, 0, size);
  tensor = g_new0 (struct tensor, 1);
  *tensor = (struct tensor){.shape = shape, .dtype = dtype, .data = data, .size = size};
  g_atomic_ref_count_init (&tensor->ref_count);
  return tensor;
}

struct tensor *
tensor_new_scalar (float value)
{
  struct tensor *tensor = tensor_new (SHAPE_SCALAR, DTYPE_F32, NULL);

  if (tensor == NULL)
    g_error ("out of memory for four bytes");
  *tensor_floats (tensor) = value;
  return tensor;
}

struct tensor *
tensor_ref (struct tensor *tensor)
{
  g_atomic_ref_count_inc (&tensor->ref_count);
  return tensor;
}

void
tensor_unref (struct tensor *tensor)
{
  if (tensor == NULL || !g_atomic_ref_count_dec (&tensor->ref_count))
    return;
  free (tensor->data);
  g_free (tensor);
}

/* The pairs that matter for time (half precision on disk) or cannot pass through a double (whole numbers). */
static bool
convert_directly (const struct tensor *from, struct tensor *to, int64_t n)
{
  const float *floats = from->data;
  const uint16_t *halves = from->data;
  const int64_t *integers = from->data;

  if (from->dtype == DTYPE_F16 && to->dtype == DTYPE_F32)
    for (int64_t i = 0; i < n; i++)
      ((float *) to->data)[i] = half_to_float (halves[i]);
  else if (from->dtype == DTYPE_BF16 && to->dtype == DTYPE_F32)
    for (int64_t i = 0; i < n; i++)
      ((float *) to->data)[i] = bfloat_to_float (halves[i]);
  else if (from->dtype == DTYPE_F32 && to->dtype == DTYPE_F16)
    for (int64_t i = 0; i < n; i++)
      ((uint16_t *) to->data)[i] = half_from_float (floats[i]);
  else if (from->dtype == DTYPE_F32 && to->dtype == DTYPE_BF16)
    for (int64_t i = 0; i < n; i++)
      ((uint16_t *) to->data)[i] = bfloat_from_float (floats[i]);
  else if (from->dtype == DTYPE_I64 && to->dtype == DTYPE_F64)
    for (int64_t i = 0; i < n; i++)
      ((double *) to->data)[i] = (double) integers[i];
  else if (from->dtype == to->dtype)
    memcpy (to->data, from->data, from->size);
  else
    return false;
  return true;
}

struct tensor *
tensor_convert (const struct tensor *tensor, enum dtype dtype, GError **error)
{
  struct tensor *result = tensor_new (tensor->shape, dtype, error);
  int64_t n = shape_size (&tensor->shape);

  if (result == NULL)
    return NULL;
  if (!convert_directly (tensor, result, n))
    for (int64_t i = 0; i < n; i++)
      dtypes[dtype].store (result->data, i, dtypes[tensor->dtype].load (tensor->data, i));
  return result;
}

float *
tensor_floats (struct tensor *tensor)
{
  g_assert (tensor->dtype == DTYPE_F32);
  return tensor->data;
}

/* The whole of a tensor of floats at the speed of memory: the usual answer is that all is well. */
static bool
all_finite (const float *x, int64_t n)
{
  int bad = 0;

  for (int64_t i = 0; i < n; i++)
    bad |= !isfinite (x[i]);
  return !bad;
}

int64_t
tensor_find_nonfinite (const struct tensor *tensor)
{
  int64_t n = shape_size (&tensor->shape);

  if (dtypes[tensor->dtype].finite || (tensor->dtype == DTYPE_F32 && all_finite (tensor->data, n)))
    return -1;
  for (int64_t i = 0; i < n; i++)
    if (!isfinite (dtypes[tensor->dtype].load (tensor->data, i)))
      return i;
  return -1;
}
