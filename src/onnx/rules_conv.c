/* SPDX-License-Identifier: Apache-2.0
 *
 * Conv and ConvTranspose over one, two or three axes. The graph convolves pictures: one axis is a picture of one row,
 * and three are the sum over the taps in depth of convolutions of the slices that each tap meets,
 *
 *   y[:, :, i] = sum over a of conv2d (x[:, :, i s - p + a d], w[:, :, a])                  forward
 *   y[:, :, i s - p + a d] += conv_transpose2d (x[:, :, i], w[:, :, a])                     transposed
 *
 * with the slices as a batch. */
#include "onnx/rules.h"
#include "onnx/window.h"
#include "op/sym.h"

#define I64 "%" G_GINT64_FORMAT

static struct conv_attrs
attrs_of (const struct window *window, int64_t groups)
{
  struct window w = window_spatial (window);

  return (struct conv_attrs){
    .stride = {w.stride[0], w.stride[1]},
    .pad = {w.before[0], w.before[1], w.after[0], w.after[1]},
    .dilation = {w.dilation[0], w.dilation[1]},
    .groups = groups,
  };
}

/* y + bias of channels. */
static sym
with_bias (struct onnx_node *node, sym y)
{
  sym bias = onnx_node_sym (node, 2);
  int64_t channels = sym_shape (y).dim[1];

  return onnx_node_input (node, 2) != NULL ? sym_add (y, sym_reshape (bias, SHAPE (1, channels, 1, 1))) : y;
}

/* The weight of one tap in depth: w[:, :, a]. */
static sym
weight_at (sym w, int64_t a)
{
  struct shape s = sym_shape (w);

  return sym_reshape (sym_slice (w, 2, a, a + 1, 1), SHAPE (s.dim[0], s.dim[1], s.dim[3], s.dim[4]));
}

/* (n, c, d, h, w) as slices (n, d, c, h, w), and back. */
static sym
swap_depth (sym x)
{
  return sym_permute (x, (const int[]){0, 2, 1, 3, 4});
}

/* Slices (n, d, c, h, w) as a batch of pictures, and back to @n times @d. */
static sym
as_batch (sym x)
{
  struct shape s = sym_shape (x);

  return sym_reshape (x, SHAPE (-1, s.dim[2], s.dim[3], s.dim[4]));
}

static sym
from_batch (sym y, int64_t n, int64_t d)
{
  struct shape s = sym_shape (y);

  return sym_reshape (y, SHAPE (n, d, s.dim[1], s.dim[2], s.dim[3]));
}

/* Zeros in front of and behind the depth of (n, c, d, h, w). */
static sym
pad_depth (sym x, int64_t before, int64_t after)
{
  struct shape s = sym_shape (x);
  sym rows = sym_reshape (x, SHAPE (s.dim[0] * s.dim[1], s.dim[2], s.dim[3] * s.dim[4]));

  s.dim[2] += before + after;
  return sym_reshape (sym_pad (rows, PAD_ZERO, before, 0, after, 0), s);
}

static bool
check_weight (struct onnx_node *node, const struct shape *x, const struct shape *w, int channels, int64_t groups,
              GError **error)
{
  const struct onnx_value *bias = onnx_node_input (node, 2);

  if (w->rank != x->rank)
    return onnx_node_fail (node, error, "input has rank %d, the weight %d", x->rank, w->rank);
  if (groups < 1 || w->dim[0] % groups != 0)
    return onnx_node_fail (node, error, "group is " I64 " for a weight of " I64 " channels", groups, w->dim[0]);
  if (bias != NULL &&
      (bias->shape.rank != 1 || bias->shape.dim[0] != w->dim[channels] * (channels == 1 ? groups : 1))) {
    g_autofree char *text = shape_text (&bias->shape);
    return onnx_node_fail (node, error, "bias is %s, wants (" I64 ")", text,
                           w->dim[channels] * (channels == 1 ? groups : 1));
  }
  return true;
}

static bool
build_conv_deep (struct onnx_node *node, const struct window *window, int64_t groups, GError **error)
{
  struct conv_attrs attrs = attrs_of (window, groups);
  sym x = onnx_node_sym (node, 0), w = onnx_node_sym (node, 1), y = {x.graph, -1};
  int64_t n = sym_shape (x).dim[0], stride = window->stride[0], reach = (window->kernel[0] - 1) * window->dilation[0];
  int64_t depth = sym_shape (x).dim[2] + window->before[0] + window->after[0], out = (depth - reach - 1) / stride + 1;

  if (depth < reach + 1)
    return onnx_node_fail (node, error, "kernel of " I64 " does not fit into a depth of " I64, window->kernel[0],
                           depth);
  x = swap_depth (pad_depth (x, window->before[0], window->after[0]));
  for (int64_t a = 0; a < window->kernel[0]; a++) {
    int64_t start = a * window->dilation[0];
    sym met = as_batch (sym_slice (x, 1, start, start + (out - 1) * stride + 1, stride));
    sym part = sym_conv2d_attrs (met, weight_at (w, a), &attrs);

    y = a == 0 ? part : sym_add (y, part);
  }
  onnx_node_set (node, 0, swap_depth (from_batch (with_bias (node, y), n, out)));
  return true;
}

static bool
build_conv (struct onnx_node *node, GError **error)
{
  struct shape x = onnx_node_shape (node, 0), w = onnx_node_shape (node, 1);
  int64_t groups = onnx_node_int (node, "group", 1);
  struct window window;

  if (!check_weight (node, &x, &w, 0, groups, error) || !window_read (node, &x, w.dim + 2, true, &window, error))
    return false;
  if (window.n == 3)
    return build_conv_deep (node, &window, groups, error);
  struct conv_attrs attrs = attrs_of (&window, groups);
  sym y = sym_conv2d_attrs (window_picture (onnx_node_sym (node, 0)), window_picture (onnx_node_sym (node, 1)), &attrs);
  onnx_node_set (node, 0, window_back (sym_null (y) ? y : with_bias (node, y), x.rank));
  return true;
}

/* ConvTranspose. Along an axis, all windows together cover @full positions, of which the output is @out from @before
 * on; what reaches beyond is zero. */

struct cover {
  int64_t full[WINDOW_AXES_MAX], out[WINDOW_AXES_MAX], before[WINDOW_AXES_MAX];
};

/* output_shape, or what auto_pad or pads and output_padding make of it. */
static bool
read_cover (struct onnx_node *node, const struct shape *x, const struct window *window, struct cover *cover,
            GError **error)
{
  const char *automatic = onnx_node_string (node, "auto_pad", "NOTSET");
  bool upper = g_str_equal (automatic, "SAME_UPPER"), same = upper || g_str_equal (automatic, "SAME_LOWER");
  int64_t wanted[WINDOW_AXES_MAX], more[WINDOW_AXES_MAX];

  if (!window_ints (node, "output_shape", window->n, 1, 1, wanted, error) ||
      !window_ints (node, "output_padding", window->n, 0, 0, more, error))
    return false;
  for (int i = 0; i < window->n; i++) {
    int64_t extent = x->dim[2 + i], stride = window->stride[i];

    cover->full[i] = stride * (extent - 1) + (window->kernel[i] - 1) * window->dilation[i] + 1;
    cover->before[i] = window->before[i];
    cover->out[i] = cover->full[i] + more[i] - window->before[i] - window->after[i];
    if (same || onnx_node_has (node, "output_shape")) {
      cover->out[i] = onnx_node_has (node, "output_shape") ? wanted[i] : extent * stride;
      int64_t total = MAX (cover->full[i] + more[i] - cover->out[i], 0);
      cover->before[i] = upper ? total / 2 : total - total / 2;
    }
    if (cover->out[i] < 1 || cover->before[i] >= cover->full[i])
      return onnx_node_fail (node, error, "padding leaves nothing of " I64 " rows or columns", cover->full[i]);
  }
  return true;
}

/* The transposed convolution of pictures, cut to @cover's last two axes (from @axis on). */
static sym
transpose_pictures (sym x, sym w, const struct window *window, const struct cover *cover, int64_t groups)
{
  struct conv_attrs attrs = attrs_of (window, groups);
  int64_t beyond[2] = {0, 0};

  for (int i = 0; i < 2; i++) {
    int axis = window->n - 2 + i;
    int64_t before = axis < 0 ? 0 : cover->before[axis], out = axis < 0 ? 1 : cover->out[axis];
    int64_t after = axis < 0 ? 0 : cover->full[axis] - before - out;

    attrs.pad[i] = before;
    attrs.pad[2 + i] = MAX (after, 0);
    attrs.extent[i] = out;
    if (-after >= attrs.stride[i]) { /* no window could end there */
      beyond[i] = -after;
      attrs.extent[i] = out + after;
    }
  }
  return sym_pad (sym_conv2d_back_x (x, w, &attrs), PAD_ZERO, 0, 0, beyond[0], beyond[1]);
}

static sym
transpose_deep (sym x, sym w, const struct window *window, const struct cover *cover, int64_t groups)
{
  int64_t n = sym_shape (x).dim[0], d = sym_shape (x).dim[2],
          end = MIN (cover->before[0] + cover->out[0], cover->full[0]);
  sym slices = as_batch (swap_depth (x)), y = {x.graph, -1};

  for (int64_t a = 0; a < window->kernel[0]; a++) {
    sym part = from_batch (transpose_pictures (slices, weight_at (w, a), window, cover, groups), n, d);

    part = sym_unslice (part, 1, a * window->dilation[0], window->stride[0], cover->full[0]);
    y = a == 0 ? part : sym_add (y, part);
  }
  y = swap_depth (sym_slice (y, 1, cover->before[0], end, 1));
  return pad_depth (y, 0, cover->before[0] + cover->out[0] - end);
}

static bool
build_conv_transpose (struct onnx_node *node, GError **error)
{
  struct shape x = onnx_node_shape (node, 0), w = onnx_node_shape (node, 1);
  int64_t groups = onnx_node_int (node, "group", 1);
  struct window window;
  struct cover cover;
  sym y;

  if (!check_weight (node, &x, &w, 1, groups, error) || !window_read (node, &x, w.dim + 2, false, &window, error) ||
      !read_cover (node, &x, &window, &cover, error))
    return false;
  if (x.dim[1] != w.dim[0])
    return onnx_node_fail (node, error, "input has " I64 " channels, the weight wants " I64, x.dim[1], w.dim[0]);
  if (window.n == 3) {
    y = transpose_deep (onnx_node_sym (node, 0), onnx_node_sym (node, 1), &window, &cover, groups);
    sym bias = onnx_node_sym (node, 2);
    if (onnx_node_input (node, 2) != NULL)
      y = sym_add (y, sym_reshape (bias, SHAPE (1, w.dim[1] * groups, 1, 1, 1)));
    onnx_node_set (node, 0, y);
    return true;
  }
  y = transpose_pictures (window_picture (onnx_node_sym (node, 0)), window_picture (onnx_node_sym (node, 1)), &window,
                          &cover, groups);
  onnx_node_set (node, 0, window_back (sym_null (y) ? y : with_bias (node, y), x.rank));
  return true;
}

const struct onnx_rule onnx_rules_conv[] = {
  {"Conv", build_conv, 2},
  {"ConvTranspose", build_conv_transpose, 2},
  {NULL},
};
