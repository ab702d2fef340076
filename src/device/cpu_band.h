/* SPDX-License-Identifier: Apache-2.0
 *
 * A convolution together with what is done just before and after it, in bands of rows that stay in the second-level
 * cache: a thread fetches the rows of a band, or computes them (normalisation, activation, residual), completes their
 * border, convolves them, and measures mean and variance of the result. Neither the padded picture nor the normalised
 * one is ever written to memory. In two forms every window of a small picture gives several pixels of the result: a
 * nearest-neighbour enlargement by 2 with a 3x3 convolution after it, and a transposed convolution. */
#pragma once

#include "device/cpu.h"

/* Who makes the rows of the picture. Functions are called by any thread, each with scratch of its own. */
struct row_source {
  const void *state;
  size_t scratch; /* bytes a thread */
  void (*begin) (const void *state, void *scratch);
  /* target := elements start ... start + count of the picture in channels-last order, in its type. Whole pixels. */
  void (*fill) (const void *state, void *scratch, int64_t start, int64_t count, void *target);
};

enum band_form {
  BAND_PLAIN,
  BAND_ENLARGE,   /* every pixel of the picture stands for 2x2; the border, of 1, is that of the small picture */
  BAND_TRANSPOSED /* conv2d_back_x; makes its own border of zeros */
};

/* Makes @source of @kernel, a dense 1x1 convolution of x[0], channels-last, by the constant x[1] with bias and
 * activation; its y needs no memory. A fill is one row. @kernel must outlive it. */
bool cpu_conv2d_rows (struct kernel *kernel, struct row_source *source, GError **error);

struct band {
  enum band_form form;
  int64_t pad[4];                /* border around the picture: top, left, bottom, right */
  const int64_t *rows, *columns; /* for each row (column) with its border the one of the picture it shows, -1 = zeros */
  const struct row_source *source; /* or NULL: the picture lies at kernel->x[0]->data */
  const struct value *moments;     /* (n, 2c, 1, 1): means and variances of y (device/moments.h); or NULL */
};

/* Whether bands pay for a picture (n,c,h,w) of @x: it must be larger than a cache. */
bool cpu_band_worthwhile (const struct shape *x);

/* Whether a transposed convolution is better done as BAND_TRANSPOSED than by itself: @w (c, o, kh, kw) as its second
 * operand. */
bool cpu_band_transposes (const struct conv_attrs *attrs, const struct shape *w);

/* Prepares conv2d of x[0] (n,c,h,w), channels-last, with the constant weight x[1], bias and activation like cpu_conv2d.
 * The border is @band's, not that of the attributes. Copies @band but for what its pointers show, which must outlive
 * the kernel. With BAND_ENLARGE the weight is 3x3, stride and dilation 1, one group; with BAND_TRANSPOSED the operands
 * are those of cpu_conv2d_back_x, dilation 1, one group. */
bool cpu_conv2d_banded (struct kernel *kernel, const struct band *band, GError **error);
