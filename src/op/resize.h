/* SPDX-License-Identifier: Apache-2.0
 *
 * Resampling of the last two axes in general: wherever an output looks, however it rounds or mixes. The usual ways have
 * builders of their own in op/sym.h (sym_upsample_nearest, sym_resize_bilinear). */
#pragma once

#include "graph/graph.h"

enum resize_kernel { RESIZE_NEAREST, RESIZE_LINEAR, RESIZE_CUBIC };

/* Which of two equally near positions nearest takes, or that it takes the one below or above anyway. */
enum resize_rounding { RESIZE_PREFER_FLOOR, RESIZE_PREFER_CEIL, RESIZE_FLOOR, RESIZE_CEIL };

/* Output i of an axis looks at position s = start + i step of the input, whose elements lie at 0, 1, ... */
struct resize_attrs {
  int64_t size[2];   /* rows and columns of the result */
  int64_t extent[2]; /* resize_back: of the result; else unused */
  double start[2], step[2];
  double cubic; /* the cubic kernel's parameter: its slope at distance 1; Keys 1981 has -0.5, many libraries -0.75 */
  int kernel;   /* enum resize_kernel */
  int rounding; /* enum resize_rounding, of nearest */
  bool exclude; /* taps beside the picture are left out and the others scaled up; otherwise the edge repeats */
  bool blank;   /* zero where s is beside the picture */
  bool smooth;  /* antialiasing: the kernel is as much wider as step is above 1 */
};

sym sym_resize (sym x, const struct resize_attrs *attrs);
