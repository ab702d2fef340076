/* SPDX-License-Identifier: Apache-2.0
 *
 * Constants of ONNX models: a table of element types, three kinds of storage. */
#include "onnx/constant.h"

#include <math.h>
#include <string.h>

#include "impasto/error.h"

#define COUNT_MAX ((int64_t) 1 << 36)

enum storage { STORED_NOT, STORED_FLOAT, STORED_DOUBLE, STORED_INT };

/* Whole numbers: how many bits, and whether with a sign. */
static const struct {
  const char *name;
  enum storage storage;
  int bits;
  bool is_signed;
} types[] = {
  [ONNX_FLOAT] = {"float", STORED_FLOAT},
  [ONNX_FLOAT16] = {"float16", STORED_FLOAT},
  [ONNX_BFLOAT16] = {"bfloat16", STORED_FLOAT},
  [ONNX_DOUBLE] = {"double", STORED_DOUBLE},
  [ONNX_UINT8] = {"uint8", STORED_INT, 8, false},
  [ONNX_INT8] = {"int8", STORED_INT, 8, true},
  [ONNX_UINT16] = {"uint16", STORED_INT, 16, false},
  [ONNX_INT16] = {"int16", STORED_INT, 16, true},
  [ONNX_UINT32] = {"uint32", STORED_INT, 32, false},
  [ONNX_INT32] = {"int32", STORED_INT, 32, true},
  [ONNX_UINT64] = {"uint64", STORED_INT, 64, false},
  [ONNX_INT64] = {"int64", STORED_INT, 64, true},
  [ONNX_BOOL] = {"bool", STORED_INT, 1, false},
  [ONNX_STRING] = {"string", STORED_NOT},
};

static enum storage
storage_of (enum onnx_type type)
{
  return (unsigned) type < G_N_ELEMENTS (types) ? types[type].storage : STORED_NOT;
}

const char *
onnx_type_name (enum onnx_type type)
{
  return (unsigned) type < G_N_ELEMENTS (types) ? types[type].name : NULL;
}

bool
onnx_type_known (enum onnx_type type)
{
  return storage_of (type) != STORED_NOT;
}

bool
onnx_type_float (enum onnx_type type)
{
  enum storage storage = storage_of (type);

  return storage == STORED_FLOAT || storage == STORED_DOUBLE;
}

/* The number of elements, or -1: a negative extent, too many. */
static int64_t
count_of (const struct shape *shape)
{
  int64_t count = 1;
  bool empty = false;

  if (shape->rank < 0 || shape->rank > SHAPE_RANK_MAX)
    return -1;
  for (int i = 0; i < shape->rank; i++) {
    if (shape->dim[i] < 0)
      return -1;
    empty |= shape->dim[i] == 0;
  }
  for (int i = 0; i < shape->rank && !empty; i++) {
    if (shape->dim[i] > COUNT_MAX / count)
      return -1;
    count *= shape->dim[i];
  }
  return empty ? 0 : count;
}

/* Everything but the elements. */
static struct onnx_constant *
constant_shell (enum onnx_type type, struct shape shape, GError **error)
{
  int64_t count = count_of (&shape);
  struct onnx_constant *constant;

  if (storage_of (type) == STORED_NOT) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MODEL, "elements of type %d (%s) are not supported", (int) type,
                 onnx_type_name (type) ? onnx_type_name (type) : "unknown");
    return NULL;
  }
  if (count < 0) {
    g_autofree char *text = shape.rank >= 0 && shape.rank <= SHAPE_RANK_MAX ? shape_text (&shape) : NULL;
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MODEL, "no constant has the shape %s", text ? text : "(...)");
    return NULL;
  }
  constant = g_new0 (struct onnx_constant, 1);
  *constant = (struct onnx_constant){.type = type, .shape = shape, .count = count};
  g_atomic_ref_count_init (&constant->ref_count);
  return constant;
}

struct onnx_constant *
onnx_constant_new (enum onnx_type type, struct shape shape, GError **error)
{
  g_autoptr (onnx_constant) constant = constant_shell (type, shape, error);
  enum storage storage = storage_of (type);
  int64_t n;

  if (constant == NULL)
    return NULL;
  n = constant->count;
  if (n == 0)
    return g_steal_pointer (&constant);
  if (storage == STORED_FLOAT) {
    constant->tensor = tensor_new (shape, DTYPE_F32, error);
    return constant->tensor ? g_steal_pointer (&constant) : NULL;
  }
  if (storage == STORED_DOUBLE)
    constant->doubles = g_try_new0 (double, n);
  else
    constant->ints = g_try_new0 (int64_t, n);
  if (constant->doubles == NULL && constant->ints == NULL) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "out of memory: a constant wants %.1f MiB",
                 n * 8.0 / (1 << 20));
    return NULL;
  }
  return g_steal_pointer (&constant);
}

struct onnx_constant *
onnx_constant_new_ints (const int64_t *value, int64_t n, GError **error)
{
  struct onnx_constant *constant = onnx_constant_new (ONNX_INT64, SHAPE (n), error);

  if (constant != NULL && n > 0)
    memcpy (constant->ints, value, n * sizeof *value);
  return constant;
}

struct onnx_constant *
onnx_constant_new_tensor (struct tensor *tensor)
{
  struct onnx_constant *constant = constant_shell (ONNX_FLOAT, tensor->shape, NULL);

  g_assert (constant != NULL && tensor->dtype == DTYPE_F32);
  constant->tensor = tensor_ref (tensor);
  return constant;
}

struct onnx_constant *
onnx_constant_ref (struct onnx_constant *constant)
{
  g_atomic_ref_count_inc (&constant->ref_count);
  return constant;
}

void
onnx_constant_unref (struct onnx_constant *constant)
{
  if (constant == NULL || !g_atomic_ref_count_dec (&constant->ref_count))
    return;
  g_clear_pointer (&constant->tensor, tensor_unref);
  g_free (constant->doubles);
  g_free (constant->ints);
  g_free (constant);
}

struct onnx_constant *
onnx_constant_reshape (struct onnx_constant *constant, struct shape shape, GError **error)
{
  g_autoptr (onnx_constant) result = NULL;
  int64_t n = constant->count;

  if (shape_equal (&shape, &constant->shape))
    return onnx_constant_ref (constant);
  if (count_of (&shape) != n) {
    g_autofree char *from = shape_text (&constant->shape), *to = shape_text (&shape);
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MODEL, "%s cannot become %s", from, to);
    return NULL;
  }
  result = onnx_constant_new (constant->type, shape, error);
  if (result == NULL || n == 0)
    return g_steal_pointer (&result);
  if (constant->tensor)
    memcpy (result->tensor->data, constant->tensor->data, constant->tensor->size);
  else if (constant->doubles)
    memcpy (result->doubles, constant->doubles, n * sizeof (double));
  else
    memcpy (result->ints, constant->ints, n * sizeof (int64_t));
  return g_steal_pointer (&result);
}

double
onnx_constant_float (const struct onnx_constant *constant, int64_t i)
{
  if (constant->tensor)
    return ((const float *) constant->tensor->data)[i];
  if (constant->doubles)
    return constant->doubles[i];
  return constant->type == ONNX_UINT64 ? (double) (uint64_t) constant->ints[i] : (double) constant->ints[i];
}

static int64_t
truncated (double x)
{
  return isnan (x) ? 0 : x >= 0x1p63 ? INT64_MAX : x < -0x1p63 ? INT64_MIN : (int64_t) x;
}

int64_t
onnx_constant_int (const struct onnx_constant *constant, int64_t i)
{
  return constant->ints ? constant->ints[i] : truncated (onnx_constant_float (constant, i));
}

/* Brought into the range of its type as C does it. */
static int64_t
wrapped (enum onnx_type type, int64_t value)
{
  int bits = types[type].bits;
  uint64_t low;

  if (bits == 1)
    return value != 0;
  if (bits == 64)
    return value;
  low = (uint64_t) value & (((uint64_t) 1 << bits) - 1);
  if (types[type].is_signed && low >> (bits - 1))
    return (int64_t) low - ((int64_t) 1 << bits);
  return (int64_t) low;
}

void
onnx_constant_set_int (struct onnx_constant *constant, int64_t i, int64_t value)
{
  if (constant->ints)
    constant->ints[i] = wrapped (constant->type, value);
  else
    onnx_constant_set_float (constant, i, (double) value);
}

/* Narrow floats are rounded to what their type can hold. */
static float
narrowed (enum onnx_type type, float value)
{
  if (type == ONNX_FLOAT16)
    return half_to_float (half_from_float (value));
  return type == ONNX_BFLOAT16 ? bfloat_to_float (bfloat_from_float (value)) : value;
}

void
onnx_constant_set_float (struct onnx_constant *constant, int64_t i, double value)
{
  if (constant->tensor)
    ((float *) constant->tensor->data)[i] = narrowed (constant->type, (float) value);
  else if (constant->doubles)
    constant->doubles[i] = value;
  else
    constant->ints[i] = constant->type == ONNX_BOOL ? value != 0 : wrapped (constant->type, truncated (value));
}

void
onnx_constant_copy (struct onnx_constant *to, int64_t i, const struct onnx_constant *from, int64_t k)
{
  if (to->tensor)
    ((float *) to->tensor->data)[i] = ((const float *) from->tensor->data)[k];
  else if (to->doubles)
    to->doubles[i] = from->doubles[k];
  else
    to->ints[i] = from->ints[k];
}

struct tensor *
onnx_constant_tensor (const struct onnx_constant *constant, GError **error)
{
  struct tensor *tensor;

  if (constant->tensor)
    return tensor_ref (constant->tensor);
  tensor = tensor_new (constant->shape, DTYPE_F32, error);
  for (int64_t i = 0; tensor && i < constant->count; i++)
    ((float *) tensor->data)[i] = (float) onnx_constant_float (constant, i);
  return tensor;
}
