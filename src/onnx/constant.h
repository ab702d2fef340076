/* SPDX-License-Identifier: Apache-2.0
 *
 * Constants: what is known of an ONNX model before it runs. Initialisers, attributes, and the shape arithmetic that
 * exporters write between layers. Three ways of storing cover all element types: floats (float32, float16, bfloat16) in
 * a struct tensor that graphs can take as it is, doubles, and int64_t for whole numbers and booleans (0 or 1), which
 * are always within the range of their type. Unlike tensors, constants may be empty: an extent may be 0. Immutable once
 * made and reference counted: any thread may read. */
#pragma once

#include "tensor/tensor.h"

/* Numbered as TensorProto.DataType. */
enum onnx_type {
  ONNX_UNDEFINED = 0,
  ONNX_FLOAT = 1,
  ONNX_UINT8 = 2,
  ONNX_INT8 = 3,
  ONNX_UINT16 = 4,
  ONNX_INT16 = 5,
  ONNX_INT32 = 6,
  ONNX_INT64 = 7,
  ONNX_STRING = 8,
  ONNX_BOOL = 9,
  ONNX_FLOAT16 = 10,
  ONNX_DOUBLE = 11,
  ONNX_UINT32 = 12,
  ONNX_UINT64 = 13,
  ONNX_BFLOAT16 = 16,
};

const char *onnx_type_name (enum onnx_type type); /* "float", "int64"; NULL for a type without constants */
bool onnx_type_known (enum onnx_type type);       /* has constants: everything but strings and complex numbers */
bool onnx_type_float (enum onnx_type type);       /* float, float16, bfloat16, double */

typedef struct onnx_constant onnx_constant;

struct onnx_constant {
  gatomicrefcount ref_count;
  enum onnx_type type;
  struct shape shape;    /* extents may be 0 */
  int64_t count;         /* elements */
  struct tensor *tensor; /* float32, float16, bfloat16: F32; NULL when empty or of another type */
  double *doubles;       /* double */
  int64_t *ints;         /* whole numbers and booleans */
};

/* Zeros. IMPASTO_ERROR_MODEL: a negative extent, too large; IMPASTO_ERROR_MEMORY. */
struct onnx_constant *onnx_constant_new (enum onnx_type type, struct shape shape, GError **error);
struct onnx_constant *onnx_constant_new_ints (const int64_t *value, int64_t n, GError **error); /* int64, rank 1 */
struct onnx_constant *onnx_constant_new_tensor (struct tensor *tensor);                         /* float; references */
struct onnx_constant *onnx_constant_ref (struct onnx_constant *constant);
void onnx_constant_unref (struct onnx_constant *constant);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (onnx_constant, onnx_constant_unref)

/* The same elements under another shape of as many; shares nothing that may change. */
struct onnx_constant *onnx_constant_reshape (struct onnx_constant *constant, struct shape shape, GError **error);

/* Elements, converted when the storage is of the other kind. Storing a whole number wraps it to the type's range; a
 * double is cut towards zero (saturating), booleans are 1 for anything but 0. Only a maker stores. */
double onnx_constant_float (const struct onnx_constant *constant, int64_t i);
int64_t onnx_constant_int (const struct onnx_constant *constant, int64_t i);
void onnx_constant_set_float (struct onnx_constant *constant, int64_t i, double value);
void onnx_constant_set_int (struct onnx_constant *constant, int64_t i, int64_t value);

/* to[i] := from[k], both of the same storage. */
void onnx_constant_copy (struct onnx_constant *to, int64_t i, const struct onnx_constant *from, int64_t k);

/* The values as F32, of the constant's shape; a reference to its own tensor where it has one. Not for empty ones. */
struct tensor *onnx_constant_tensor (const struct onnx_constant *constant, GError **error);
