/* SPDX-License-Identifier: Apache-2.0
 *
 * Pictures and values of models. Luma and colour differences are those of BT.601 in full range, which networks that
 * work on "Y" were trained with. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "effect/run.h"
#include "image/pixels.h"
#include "impasto/error.h"

#define RED 0.299f
#define GREEN 0.587f
#define BLUE 0.114f

/* --- Axes --- */

static bool
like_channels (int64_t extent)
{
  return extent == 1 || extent == 3 || extent == 4;
}

bool
picture_axes_of (int rank, const int64_t *dim, enum layout layout, struct picture_axes *axes)
{
  int first = rank - 3, last = rank - 1; /* where channels may lie */
  if (rank == 2) {
    *axes = (struct picture_axes){2, -1, 0, 1};
    return true;
  }
  if (rank != 3 && rank != 4)
    return false;
  if (layout == LAYOUT_AUTO)
    layout = like_channels (dim[last]) && !like_channels (dim[first]) ? LAYOUT_NHWC : LAYOUT_NCHW;
  *axes = layout == LAYOUT_NCHW ? (struct picture_axes){rank, first, first + 1, first + 2}
                                : (struct picture_axes){rank, last, first, first + 1};
  return true;
}

/* --- To values --- */

static float
luma (const float *rgb, int64_t plane, int64_t i)
{
  return RED * rgb[i] + GREEN * rgb[plane + i] + BLUE * rgb[2 * plane + i];
}

/* Pixel @i of channel @c of @channels, 0..1. */
static float
pixel (const struct picture *picture, int channels, int c, int64_t i)
{
  int64_t plane = (int64_t) picture->width * picture->height;
  if (channels == 1)
    return luma (picture->rgb, plane, i);
  if (c == 3)
    return picture->alpha ? picture->alpha[i] : 1;
  return picture->rgb[c * plane + i];
}

struct onnx_constant *
picture_to_values (const struct picture *picture, struct picture_axes axes, int channels, enum onnx_type type,
                   const struct pixel_form *form, GError **error)
{
  struct shape shape = {.rank = axes.rank};
  for (int i = 0; i < axes.rank; i++)
    shape.dim[i] = i == axes.h ? picture->height : i == axes.w ? picture->width : i == axes.c ? channels : 1;
  struct onnx_constant *values = onnx_constant_new (type, shape, error);
  if (!values)
    return NULL;
  int64_t plane = (int64_t) picture->width * picture->height;
  bool planar = axes.c < axes.h;
  for (int c = 0; c < channels; c++) {
    int from = form->bgr && c < 3 && channels >= 3 ? 2 - c : c;
    int k = MIN (c, 2);
    for (int64_t i = 0; i < plane; i++) {
      double value = form->range.low + pixel (picture, channels, from, i) * (form->range.high - form->range.low);
      value = c < 3 ? (value - form->mean[k]) / form->deviation[k] : value;
      onnx_constant_set_float (values, planar ? c * plane + i : i * channels + c, values->ints ? rint (value) : value);
    }
  }
  return values;
}

/* --- From values --- */

static struct picture *
no_picture (const struct onnx_constant *values, GError **error)
{
  g_autofree char *shape = shape_text (&values->shape);
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MODEL,
               "an output of shape %s is no picture of 1, 3 or 4 channels; save it as .npy", shape);
  return NULL;
}

struct picture *
picture_from_values (const struct onnx_constant *values, enum layout layout, struct range range, bool bgr,
                     GError **error)
{
  const struct shape *shape = &values->shape;
  struct picture_axes axes;
  if (!picture_axes_of (shape->rank, shape->dim, layout, &axes) || values->count == 0)
    return no_picture (values, error);
  int64_t channels = axes.c < 0 ? 1 : shape->dim[axes.c], width = shape->dim[axes.w], height = shape->dim[axes.h];
  if (!like_channels (channels) || channels * width * height != values->count || width > 1 << 20 || height > 1 << 20)
    return no_picture (values, error);
  struct picture *picture = picture_new ((int) width, (int) height, channels == 4, error);
  if (!picture)
    return NULL;
  bool planar = axes.c < axes.h;
  int64_t plane = width * height;
  double scale = 1 / (range.high - range.low);
  for (int c = 0; c < (channels == 1 ? 3 : channels); c++) {
    int64_t from = channels == 1 ? 0 : bgr && c < 3 ? 2 - c : c;
    float *to = c == 3 ? picture->alpha : picture->rgb + c * plane;
    for (int64_t i = 0; i < plane; i++)
      to[i] =
        (float) ((onnx_constant_float (values, planar ? from * plane + i : i * channels + from) - range.low) * scale);
  }
  picture->was_grey = channels == 1;
  return picture;
}

bool
picture_take_colours (struct picture *picture, const struct picture *from, GError **error)
{
  int64_t plane = (int64_t) picture->width * picture->height;
  g_autofree float *scaled = g_try_new (float, 3 * plane);
  if (!scaled) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "out of memory: a picture wants %.1f MiB",
                 12.0 * plane / (1 << 20));
    return false;
  }
  if (!planes_resize (from->rgb, 3, from->height, from->width, scaled, picture->height, picture->width, error))
    return false;
  for (int64_t i = 0; i < plane; i++) {
    float shift = picture->rgb[i] - luma (scaled, plane, i); /* the same for red, green and blue: differences stay */
    for (int c = 0; c < 3; c++)
      picture->rgb[c * plane + i] = CLAMP (scaled[c * plane + i] + shift, 0.0f, 1.0f);
  }
  return true;
}

bool
picture_take_alpha (struct picture *picture, const struct picture *from, GError **error)
{
  int64_t plane = (int64_t) picture->width * picture->height;
  if (!from->alpha || picture->alpha)
    return true;
  picture->alpha = g_try_new (float, plane);
  if (!picture->alpha) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "out of memory: alpha wants %.1f MiB",
                 4.0 * plane / (1 << 20));
    return false;
  }
  if (!planes_resize (from->alpha, 1, from->height, from->width, picture->alpha, picture->height, picture->width,
                      error))
    return false;
  for (int64_t i = 0; i < plane; i++)
    picture->alpha[i] = CLAMP (picture->alpha[i], 0.0f, 1.0f);
  return true;
}

static int
by_value (const void *a, const void *b)
{
  double x = *(const double *) a, y = *(const double *) b;
  return x < y ? -1 : x > y;
}

struct range
values_spread (const struct onnx_constant *values)
{
  enum { SAMPLES = 10007 }; /* a prime, so that no row length lines up with the steps */
  g_autofree double *sample = g_new (double, SAMPLES);
  int64_t step = MAX (values->count / SAMPLES, 1), n = 0;
  for (int64_t i = 0; i < values->count && n < SAMPLES; i += step)
    sample[n++] = onnx_constant_float (values, i);
  if (n == 0)
    return (struct range){0, 0};
  qsort (sample, n, sizeof *sample, by_value);
  return (struct range){sample[n / 100], sample[n - 1 - n / 100]};
}
