/* SPDX-License-Identifier: Apache-2.0
 *
 * Arithmetic on sizes inside a model: padding of an axis whose extent is known at run time, and the frame, which
 * mirrors the picture's surroundings in and cuts the result out again. Positions are computed, then gathered, so that a
 * picture narrower than its margin is mirrored again and again. */
#include "onnx/export_rule.h"

/* Nodes on int64 values, named "frame.". */
static const char *
node (struct exporter *e, const char *op, const char *a, const char *b, const char *c)
{
  g_autofree char *name = g_strconcat ("frame.", op, NULL);
  return onnx_write_node (e->writer, name, op, (const char *const[]){a, b, c, NULL});
}

static const char *
number (struct exporter *e, int64_t value)
{
  return onnx_write_int_scalar (e->writer, value);
}

/* The extent of an axis of @x, a scalar. */
static const char *
extent (struct exporter *e, const char *x, int axis)
{
  const char *n = node (e, "Gather", node (e, "Shape", x, NULL, NULL), number (e, axis), NULL);
  onnx_write_int (e->writer, "axis", 0);
  return n;
}

const char *
export_mirrored_dynamic (struct exporter *e, const char *x, int axis, enum export_mirror mirror, int64_t before,
                         int64_t after, int64_t multiple)
{
  if (e->error)
    return NULL;
  const char *n = extent (e, x, axis), *stop = node (e, "Add", n, number (e, after), NULL);
  if (multiple > 1) { /* before + n + after, rounded up, less before */
    stop = node (e, "Add", stop, number (e, before + multiple - 1), NULL);
    stop = node (e, "Mul", node (e, "Div", stop, number (e, multiple), NULL), number (e, multiple), NULL);
    stop = node (e, "Sub", stop, number (e, before), NULL);
  }
  const char *i = node (e, "Range", number (e, -before), stop, number (e, 1));
  if (mirror == MIRROR_CIRCULAR)
    i = node (e, "Mod", i, n, NULL);
  else {
    const char *period = node (e, "Mul", n, number (e, 2), NULL), *last = period;
    if (mirror == MIRROR_REFLECT)
      period = last = node (e, "Sub", period, number (e, 2), NULL);
    else
      last = node (e, "Sub", period, number (e, 1), NULL);
    const char *phase = node (e, "Mod", i, period, NULL);
    i = node (e, "Where", node (e, "Less", phase, n, NULL), phase, node (e, "Sub", last, phase, NULL));
  }
  const char *y = node (e, "Gather", x, i, NULL);
  onnx_write_int (e->writer, "axis", axis);
  return y;
}

static const char *
transposed (struct exporter *e, const char *x, const int64_t *axes)
{
  const char *y = node (e, "Transpose", x, NULL, NULL);
  onnx_write_ints (e->writer, "perm", axes, 4);
  return y;
}

const char *
export_frame_in (struct exporter *e, const char *x, const char **photo)
{
  const struct onnx_frame *frame = e->options->frame;
  int margin = frame->margin, multiple = frame->multiple;
  if (frame->last)
    x = transposed (e, x, (const int64_t[]){0, 3, 1, 2});
  *photo = x;
  if (frame->range != 1)
    x = node (e, "Mul", x, onnx_write_scalar (e->writer, 1 / frame->range), NULL);
  if (margin == 0 && multiple <= 1)
    return x;
  if (e->options->width == 0) {
    x = export_mirrored_dynamic (e, x, 2, MIRROR_SYMMETRIC, margin, margin, multiple);
    return export_mirrored_dynamic (e, x, 3, MIRROR_SYMMETRIC, margin, margin, multiple);
  }
  for (int axis = 2; axis < 4; axis++) {
    int64_t n = axis == 2 ? e->options->height : e->options->width;
    int64_t padded = (n + 2 * margin + multiple - 1) / multiple * multiple;
    x = export_mirrored (e, 0, x, axis, n, MIRROR_SYMMETRIC, margin, padded - n - margin);
  }
  return x;
}

const char *
export_frame_out (struct exporter *e, const char *x, const char *photo)
{
  const struct onnx_frame *frame = e->options->frame;
  struct onnx_writer *w = e->writer;
  const int64_t start[] = {frame->margin, frame->margin}, axes[] = {2, 3}, two[] = {2}, four[] = {4};
  const int64_t stop[] = {frame->margin + e->options->height, frame->margin + e->options->width};
  if (frame->margin > 0 || frame->multiple > 1) {
    const char *starts = onnx_write_int_list (w, start, 2), *stops;
    if (e->options->width > 0)
      stops = onnx_write_int_list (w, stop, 2);
    else {
      const char *size = node (e, "Slice", node (e, "Shape", photo, NULL, NULL), onnx_write_int_list (w, two, 1),
                               onnx_write_int_list (w, four, 1));
      stops = node (e, "Add", size, starts, NULL);
    }
    x = onnx_write_node (w, "frame.Slice", "Slice",
                         (const char *const[]){x, starts, stops, onnx_write_int_list (w, axes, 2), NULL});
  }
  if (frame->range != 1)
    x = node (e, "Mul", x, onnx_write_scalar (w, frame->range), NULL);
  return frame->last ? transposed (e, x, (const int64_t[]){0, 2, 3, 1}) : x;
}
