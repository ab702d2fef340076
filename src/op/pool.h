/* SPDX-License-Identifier: Apache-2.0
 *
 * What the ops of pooling and the kernels of the maximum share. */
#pragma once

#include "device/kernel.h"
#include "graph/graph.h"

struct pool_attrs {
  int64_t kernel[2], stride[2]; /* down, to the right */
  int64_t pad[4];               /* top, left, bottom, right */
  int64_t dilation[2];          /* distance of a window's pixels; 1 = dense; means only */
  int64_t extra[2];             /* further room below and to the right, which no mean counts: windows rounded up */
  int64_t extent[2];            /* avg_pool_back: h, w of the result */
  bool count_padding;           /* means divide by the pixels of a window in the padded picture */
};

/* The maximum or mean of windows with all that can be said about them; op/sym.h has the usual ones. */
sym sym_max_pool_attrs (sym x, const struct pool_attrs *attrs);
sym sym_avg_pool_attrs (sym x, const struct pool_attrs *attrs);

/* What @values, of x's shape, has where the first maximum of each window of x is. */
sym sym_max_pool_take_attrs (sym x, sym values, const struct pool_attrs *attrs);

/* Windows: the pixels of window @i, dense, along @axis (0 down, 1 to the right) of @extent are begin .. end-1. */

struct range {
  int64_t begin, end;
};

static inline struct range
pool_window (const struct pool_attrs *a, int axis, int64_t i, int64_t extent)
{
  int64_t begin = i * a->stride[axis] - a->pad[axis];

  return (struct range){MAX (begin, 0), MIN (begin + a->kernel[axis], extent)};
}

/* Kernels of max_pool and, with a second operand, max_pool_take; and of max_pool_back (max_pool.c). */
bool max_pool_prepare (struct kernel *kernel, GError **error);
bool max_pool_back_prepare (struct kernel *kernel, GError **error);
