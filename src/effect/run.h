/* SPDX-License-Identifier: Apache-2.0
 *
 * Pictures as a model wants them, and back: which axis is what, which values mean black and white. Pure functions but
 * for memory. */
#pragma once

#include "image/picture.h"
#include "onnx/onnx.h"

enum layout { LAYOUT_AUTO, LAYOUT_NCHW, LAYOUT_NHWC };

/* What black and white are. */
struct range {
  double low, high;
};

/* How pixels become values: (low + pixel (high - low) - mean) / deviation, channels in the order blue, green, red when
 * @bgr. */
struct pixel_form {
  struct range range;
  double mean[3], deviation[3];
  bool bgr;
};

/* Axes of a picture in an array; -1: there is none. */
struct picture_axes {
  int rank, c, h, w;
};

/* By the layout asked for, or by the extent that looks like channels. False for a shape that holds no picture. */
bool picture_axes_of (int rank, const int64_t *dim, enum layout layout, struct picture_axes *axes);

/* The picture as values of @type; @channels 1 (luma), 3 or 4. */
struct onnx_constant *picture_to_values (const struct picture *picture, struct picture_axes axes, int channels,
                                         enum onnx_type type, const struct pixel_form *form, GError **error);

/* Values as a picture of one batch: 1, 3 or 4 channels. IMPASTO_ERROR_MODEL when they are none. */
struct picture *picture_from_values (const struct onnx_constant *values, enum layout layout, struct range range,
                                     bool bgr, GError **error);

/* Gives a grey @picture the colours of @from, scaled to its size: luma from one, the rest from the other. And alpha. */
bool picture_take_colours (struct picture *picture, const struct picture *from, GError **error);
bool picture_take_alpha (struct picture *picture, const struct picture *from, GError **error);

/* The values that all but the lowest and highest hundredth lie between. */
struct range values_spread (const struct onnx_constant *values);
