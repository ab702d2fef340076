/* SPDX-License-Identifier: Apache-2.0
 *
 * A tensor: shape, element type and one contiguous row-major buffer, 64-byte aligned, reference counted.
 * The bytes may be shared between threads that only read. Sizes come from data, so allocation is checked: tensor_new
 * fails with IMPASTO_ERROR_MEMORY instead of aborting. */
#pragma once

#include <glib.h>

#include "tensor/shape.h"

typedef struct tensor tensor;

enum dtype { DTYPE_F32, DTYPE_F16, DTYPE_BF16, DTYPE_F64, DTYPE_I64, DTYPE_U8 };

size_t dtype_size (enum dtype dtype);
const char *dtype_name (enum dtype dtype); /* safetensors' names: "F32", "BF16" */

struct tensor {
  gatomicrefcount ref_count;
  struct shape shape;
  enum dtype dtype;
  void *data;
  size_t size; /* bytes */
};

/* Zeroed memory. */
struct tensor *tensor_new (struct shape shape, enum dtype dtype, GError **error);
struct tensor *tensor_new_scalar (float value);
struct tensor *tensor_ref (struct tensor *tensor);
void tensor_unref (struct tensor *tensor);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (tensor, tensor_unref) /* g_autoptr (tensor) */

/* A new tensor of another element type, values rounded to nearest even; integers saturate, NaN becomes integer 0. */
struct tensor *tensor_convert (const struct tensor *tensor, enum dtype dtype, GError **error);

/* The float data of an F32 tensor (asserts the type). */
float *tensor_floats (struct tensor *tensor);

/* Index of the first NaN or infinity of a floating tensor, or -1. */
int64_t tensor_find_nonfinite (const struct tensor *tensor);

uint16_t half_from_float (float x); /* IEEE binary16, round to nearest even */
float half_to_float (uint16_t h);
uint16_t bfloat_from_float (float x);
float bfloat_to_float (uint16_t b);
