/* SPDX-License-Identifier: Apache-2.0
 *
 * What the ops of pooling and the kernels of the maximum share. */
#pragma once

#include "device/kernel.h"

struct pool_attrs {
  int64_t kernel, stride, pad;
  int64_t extent[2]; /* avg_pool_back: h, w of the result */
};

/* Windows: the pixels of window @i along an axis of @extent are begin .. end-1. */

struct range {
  int64_t begin, end;
};

static inline struct range
pool_window (const struct pool_attrs *a, int64_t i, int64_t extent)
{
  int64_t begin = i * a->stride - a->pad;

  return (struct range){MAX (begin, 0), MIN (begin + a->kernel, extent)};
}

/* Kernels of max_pool and, with a second operand, max_pool_take; and of max_pool_back (max_pool.c). */
bool max_pool_prepare (struct kernel *kernel, GError **error);
bool max_pool_back_prepare (struct kernel *kernel, GError **error);
