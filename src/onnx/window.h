/* SPDX-License-Identifier: Apache-2.0
 *
 * What convolutions and pools of ONNX share: windows over one to three axes behind batch and channels, read from the
 * node's attributes; and how values of one or three such axes become pictures (n, c, h, w) and back. */
#pragma once

#include "onnx/rule.h"

#define WINDOW_AXES_MAX 3

struct window {
  int n; /* axes */
  int64_t kernel[WINDOW_AXES_MAX], stride[WINDOW_AXES_MAX], dilation[WINDOW_AXES_MAX];
  int64_t before[WINDOW_AXES_MAX], after[WINDOW_AXES_MAX]; /* padding */
};

/* Windows over an input of shape @x: strides, dilations, pads, auto_pad, and the kernel from kernel_shape unless
 * @kernel has it. @forward: padding of SAME keeps x's extents over the stride; a transposed convolution leaves padding
 * with auto_pad to its rule. */
bool window_read (struct onnx_node *node, const struct shape *x, const int64_t *kernel, bool forward,
                  struct window *window, GError **error);

/* @n whole numbers from attribute @name, each at least @low and no more than a million; @fallback where it is absent.
 * */
bool window_ints (struct onnx_node *node, const char *name, int n, int64_t low, int64_t fallback, int64_t *out,
                  GError **error);

/* The same window over one axis fewer in front, or with a flat one there: (l) is (1, l). */
struct window window_spatial (const struct window *window);

/* (n, c, l) as (n, c, 1, l); others stay. And the first two axes of three spatial ones in one. */
sym window_picture (sym x);

/* A picture made by window_picture back to @rank. */
sym window_back (sym y, int rank);
