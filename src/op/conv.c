/* SPDX-License-Identifier: Apache-2.0
 *
 * Convolution as three ops, each the derivative of the others. All three come from one trilinear form over pictures x
 * (n,c,h,w), weights w (o,c/groups,kh,kw) and results y (n,o,oh,ow):
 *
 *   F(x, w, y) = sum over n, o, i, j, c, a, b of  x[n, c, i s - p + a d, j s - p + b d]  w[o, c, a, b]  y[n, o, i, j]
 *
 *   conv2d (x, w)       = dF/dy    what networks call convolution (a correlation)
 *   conv2d_back_x (y, w) = dF/dx   its gradient for x; by itself the transposed convolution
 *   conv2d_back_w (x, y) = dF/dw   its gradient for w
 *
 * so every gradient of every one of them is another one of them. Stride s, padding p and dilation d per axis. */
#include "device/cpu.h"
#include "op/sym.h"
#include "op/table.h"

#define I64 "%" G_GINT64_FORMAT

static const struct option conv_options_table[] = {
  {"stride", OPTION_INTS, offsetof (struct conv_attrs, stride), "step down and to the right", .min = 1, .max = 1e6,
   .fallback = 1, .count = 2},
  {"pad", OPTION_INTS, offsetof (struct conv_attrs, pad), "zeros around: top, left, bottom, right", .max = 1e6,
   .count = 4},
  {"dilation", OPTION_INTS, offsetof (struct conv_attrs, dilation), "distance of the taps; 1 = dense", .min = 1,
   .max = 1e6, .fallback = 1, .count = 2},
  {"groups", OPTION_INT, offsetof (struct conv_attrs, groups), "channels are convolved in as many groups", .min = 1,
   .max = 1e6, .fallback = 1},
  {"extent", OPTION_INTS, offsetof (struct conv_attrs, extent),
   "last two extents of a derivative's result: picture or weight", .max = 1e9, .count = 2},
  {NULL},
};

/* Shapes */

static bool
check_attrs (const struct conv_attrs *a, GError **error)
{
  static const int64_t most = 1000000;

  for (int i = 0; i < 2; i++) {
    if (a->stride[i] < 1 || a->stride[i] > most || a->dilation[i] < 1 || a->dilation[i] > most)
      return op_fail (error, "stride " I64 ", dilation " I64 ", both want 1 or more", a->stride[i], a->dilation[i]);
    if (a->pad[i] < 0 || a->pad[i + 2] < 0 || a->pad[i] > most || a->pad[i + 2] > most)
      return op_fail (error, "padding " I64 " and " I64 ", wants 0 or more", a->pad[i], a->pad[i + 2]);
  }
  return a->groups >= 1 || op_fail (error, "groups " I64 ", wants 1 or more", a->groups);
}

/* One extent of y from those of x and w; 0 when the kernel does not fit. */
static int64_t
result_extent (const struct conv_attrs *a, int axis, int64_t x, int64_t k)
{
  int64_t room = x + a->pad[axis] + a->pad[axis + 2] - a->dilation[axis] * (k - 1) - 1;

  return room < 0 ? 0 : room / a->stride[axis] + 1;
}

/* Whether the three shapes belong together; all but y's extents are there. */
static bool
check_shapes (const struct conv_attrs *a, const struct shape *x, const struct shape *w, GError **error)
{
  int64_t oh = result_extent (a, 0, x->dim[2], w->dim[2]), ow = result_extent (a, 1, x->dim[3], w->dim[3]);

  if (x->dim[1] % a->groups != 0 || x->dim[1] / a->groups != w->dim[1])
    return op_fail (error, "input has " I64 " channels, weight wants " I64, x->dim[1], w->dim[1] * a->groups);
  if (w->dim[0] % a->groups != 0)
    return op_fail (error, "weight gives " I64 " channels, not a multiple of " I64 " groups", w->dim[0], a->groups);
  if (oh < 1 || ow < 1)
    return op_fail (error,
                    "kernel " I64 "x" I64 " with dilation " I64 "x" I64 " does not fit into a picture of " I64 "x" I64
                    " with its padding",
                    w->dim[2], w->dim[3], a->dilation[0], a->dilation[1], x->dim[2], x->dim[3]);
  return true;
}

static bool
check_ranks (const struct shape *const *x, const char *first, const char *second, GError **error)
{
  const char *names[2] = {first, second};

  for (int i = 0; i < 2; i++)
    if (x[i]->rank != 4)
      return op_fail (error, "%s has rank %d, wants 4", names[i], x[i]->rank);
  return true;
}

static bool
conv2d_shape (const void *attrs, const struct shape *const *x, int n_inputs, struct shape *y, GError **error)
{
  const struct conv_attrs *a = attrs;

  if (!check_attrs (a, error) || !check_ranks (x, "input", "weight", error) || !check_shapes (a, x[0], x[1], error))
    return false;
  *y = SHAPE (x[0]->dim[0], x[1]->dim[0], result_extent (a, 0, x[0]->dim[2], x[1]->dim[2]),
              result_extent (a, 1, x[0]->dim[3], x[1]->dim[3]));
  return true;
}

static bool
check_result (const struct conv_attrs *a, const struct shape *x, const struct shape *w, const struct shape *y,
              GError **error)
{
  int64_t oh = result_extent (a, 0, x->dim[2], w->dim[2]), ow = result_extent (a, 1, x->dim[3], w->dim[3]);

  if (!check_shapes (a, x, w, error))
    return false;
  if (oh != y->dim[2] || ow != y->dim[3])
    return op_fail (
      error, "a picture of " I64 "x" I64 " under a kernel of " I64 "x" I64 " gives " I64 "x" I64 ", not " I64 "x" I64,
      x->dim[2], x->dim[3], w->dim[2], w->dim[3], oh, ow, y->dim[2], y->dim[3]);
  return true;
}

static bool
conv2d_back_x_shape (const void *attrs, const struct shape *const *x, int n_inputs, struct shape *y, GError **error)
{
  const struct conv_attrs *a = attrs;
  const struct shape *dy = x[0], *w = x[1];

  if (!check_attrs (a, error) || !check_ranks (x, "input", "weight", error))
    return false;
  if (dy->dim[1] != w->dim[0])
    return op_fail (error, "input has " I64 " channels, weight wants " I64, dy->dim[1], w->dim[0]);
  *y = SHAPE (dy->dim[0], w->dim[1] * a->groups, a->extent[0], a->extent[1]);
  return check_result (a, y, w, dy, error);
}

static bool
conv2d_back_w_shape (const void *attrs, const struct shape *const *x, int n_inputs, struct shape *y, GError **error)
{
  const struct conv_attrs *a = attrs;
  const struct shape *picture = x[0], *dy = x[1];

  if (!check_attrs (a, error) || !check_ranks (x, "input", "gradient", error))
    return false;
  if (picture->dim[0] != dy->dim[0])
    return op_fail (error, "input has " I64 " pictures, gradient has " I64, picture->dim[0], dy->dim[0]);
  *y = SHAPE (dy->dim[1], picture->dim[1] / a->groups, a->extent[0], a->extent[1]);
  return check_result (a, picture, y, dy, error);
}

/* Reference: every term of the form, added to the one array that is the derivative. One tap of the kernel meets a row
 * of x in steps of the stride and a row of y one by one: nothing but that is in the innermost loop, for much is tested
 * against this. */

enum place { X, W, Y };

/* Along one row of y, of @n columns: @x lies @stride apart, @w is one weight. */
static void
derive_row (enum place result, double *x, double *w, double *y, int64_t stride, int64_t n)
{
  if (result == X)
    for (int64_t j = 0; j < n; j++)
      x[j * stride] += *w * y[j];
  else if (result == W)
    for (int64_t j = 0; j < n; j++)
      *w += x[j * stride] * y[j];
  else
    for (int64_t j = 0; j < n; j++)
      y[j] += x[j * stride] * *w;
}

static void
derive_form (const struct conv_attrs *a, enum place result, double *const *array, const struct shape *xs,
             const struct shape *ws, const struct shape *ys)
{
  int64_t oh = ys->dim[2], ow = ys->dim[3], kh = ws->dim[2], kw = ws->dim[3], taps = ws->dim[1] * kh * kw;
  int64_t stride = a->stride[1], rows = xs->dim[2], columns = xs->dim[3];

  for (int64_t picture = 0; picture < ys->dim[0]; picture++)
    for (int64_t o = 0; o < ys->dim[1]; o++)
      for (int64_t tap = 0; tap < taps; tap++) {
        int64_t channel = o / (ws->dim[0] / a->groups) * ws->dim[1] + tap / (kh * kw);
        int64_t down = tap / kw % kh * a->dilation[0] - a->pad[0], right = tap % kw * a->dilation[1] - a->pad[1];
        int64_t first = right < 0 ? (-right + stride - 1) / stride : 0; /* column of y whose term is within x */
        int64_t end = right < columns ? MIN (ow, (columns - 1 - right) / stride + 1) : 0;

        for (int64_t row = 0; row < oh; row++) {
          int64_t i = row * a->stride[0] + down;
          if (i < 0 || i >= rows || first >= end)
            continue;
          derive_row (result,
                      array[X] + ((picture * xs->dim[1] + channel) * rows + i) * columns + first * stride + right,
                      array[W] + o * taps + tap, array[Y] + ((picture * ys->dim[1] + o) * oh + row) * ow + first,
                      stride, end - first);
        }
      }
}

static void
conv2d_reference (const struct op_call *call)
{
  double *array[3] = {[X] = (double *) call->x[0], [W] = (double *) call->x[1], [Y] = call->y};

  derive_form (call->attrs, Y, array, call->x_shape[0], call->x_shape[1], call->y_shape);
}

static void
conv2d_back_x_reference (const struct op_call *call)
{
  double *array[3] = {[X] = call->y, [W] = (double *) call->x[1], [Y] = (double *) call->x[0]};

  derive_form (call->attrs, X, array, call->y_shape, call->x_shape[1], call->x_shape[0]);
}

static void
conv2d_back_w_reference (const struct op_call *call)
{
  double *array[3] = {[X] = (double *) call->x[0], [W] = call->y, [Y] = (double *) call->x[1]};

  derive_form (call->attrs, W, array, call->x_shape[0], call->y_shape, call->x_shape[1]);
}

/* Builders */

static struct conv_attrs
with_extent (const struct conv_attrs *attrs, int64_t h, int64_t w)
{
  struct conv_attrs result = *attrs;

  result.extent[0] = h;
  result.extent[1] = w;
  return result;
}

sym
sym_conv2d_attrs (sym x, sym weight, const struct conv_attrs *attrs)
{
  struct conv_attrs own = with_extent (attrs, 0, 0);
  sym inputs[2] = {x, weight};

  return graph_add (x.graph, &op_conv2d, inputs, 2, &own);
}

sym
sym_conv2d_back_x (sym dy, sym weight, const struct conv_attrs *attrs)
{
  sym inputs[2] = {dy, weight};

  return graph_add (dy.graph, &op_conv2d_back_x, inputs, 2, attrs);
}

sym
sym_conv2d_back_w (sym x, sym dy, const struct conv_attrs *attrs)
{
  sym inputs[2] = {x, dy};

  return graph_add (x.graph, &op_conv2d_back_w, inputs, 2, attrs);
}

static struct conv_attrs
attrs_of_options (struct conv_options options)
{
  int64_t stride = options.stride != 0 ? options.stride : 1, dilation = options.dilation != 0 ? options.dilation : 1;
  int64_t pad = options.pad;

  return (struct conv_attrs){
    .stride = {stride, stride},
    .pad = {pad, pad, pad, pad},
    .dilation = {dilation, dilation},
    .groups = options.groups != 0 ? options.groups : 1,
  };
}

sym
sym_conv2d (sym x, sym weight, struct conv_options options)
{
  struct conv_attrs attrs = attrs_of_options (options);

  return sym_conv2d_attrs (x, weight, &attrs);
}

sym
sym_conv_transpose2d (sym x, sym weight, struct conv_options options, int output_pad)
{
  struct conv_attrs attrs = attrs_of_options (options);
  struct shape xs = sym_shape (x), ws = sym_shape (weight);

  for (int i = 0; i < 2 && xs.rank == 4 && ws.rank == 4; i++)
    attrs.extent[i] = (xs.dim[2 + i] - 1) * attrs.stride[i] - 2 * attrs.pad[i] +
                      attrs.dilation[i] * (ws.dim[2 + i] - 1) + output_pad + 1;
  return sym_conv2d_back_x (x, weight, &attrs);
}

/* Gradients */

static void
conv2d_gradient (const void *attrs, const sym *x, int n_inputs, sym y, sym dy, const bool *wanted, sym *dx)
{
  struct shape xs = sym_shape (x[0]), ws = sym_shape (x[1]);
  struct conv_attrs for_x = with_extent (attrs, xs.dim[2], xs.dim[3]);
  struct conv_attrs for_w = with_extent (attrs, ws.dim[2], ws.dim[3]);

  if (wanted[0])
    dx[0] = sym_conv2d_back_x (dy, x[1], &for_x);
  if (wanted[1])
    dx[1] = sym_conv2d_back_w (x[0], dy, &for_w);
}

static void
conv2d_back_x_gradient (const void *attrs, const sym *x, int n_inputs, sym y, sym dy, const bool *wanted, sym *dx)
{
  struct shape ws = sym_shape (x[1]);
  struct conv_attrs for_w = with_extent (attrs, ws.dim[2], ws.dim[3]);

  if (wanted[0])
    dx[0] = sym_conv2d_attrs (dy, x[1], attrs);
  if (wanted[1])
    dx[1] = sym_conv2d_back_w (dy, x[0], &for_w);
}

static void
conv2d_back_w_gradient (const void *attrs, const sym *x, int n_inputs, sym y, sym dy, const bool *wanted, sym *dx)
{
  struct shape xs = sym_shape (x[0]);
  struct conv_attrs for_x = with_extent (attrs, xs.dim[2], xs.dim[3]);

  if (wanted[0])
    dx[0] = sym_conv2d_back_x (x[1], dy, &for_x);
  if (wanted[1])
    dx[1] = sym_conv2d_attrs (x[0], dy, attrs);
}

static double
conv2d_flops (const struct shape *const *x, const struct shape *y)
{
  return 2.0 * (double) shape_size (y) * (double) (x[1]->dim[1] * x[1]->dim[2] * x[1]->dim[3]);
}

static double
conv2d_back_x_flops (const struct shape *const *x, const struct shape *y)
{
  return conv2d_flops (x, x[0]);
}

static double
conv2d_back_w_flops (const struct shape *const *x, const struct shape *y)
{
  return 2.0 * (double) shape_size (x[1]) * (double) (y->dim[1] * y->dim[2] * y->dim[3]);
}

/* Cases */

#define DENSE .dilation = {1, 1}, .groups = 1

static const struct conv_attrs
  valid = {.stride = {1, 1}, DENSE},
  same_3 = {.stride = {1, 1}, .pad = {1, 1, 1, 1}, DENSE}, same_9 = {.stride = {1, 1}, .pad = {4, 4, 4, 4}, DENSE},
  half = {.stride = {2, 2}, .pad = {1, 1, 1, 1}, DENSE}, uneven = {.stride = {2, 1}, .pad = {0, 1, 2, 0}, DENSE},
  dilated = {.stride = {1, 1}, .pad = {2, 2, 2, 2}, .dilation = {2, 2}, .groups = 1},
  groups_3 = {.stride = {1, 1}, .pad = {1, 1, 1, 1}, .dilation = {1, 1}, .groups = 3},
  depthwise = {.stride = {1, 1}, .pad = {1, 1, 1, 1}, .dilation = {1, 1}, .groups = 16},
  no_stride = {.stride = {0, 1}, DENSE}, to_3 = {.stride = {1, 1}, DENSE, .extent = {3, 3}},
  to_9_7 = {.stride = {1, 1}, .pad = {1, 1, 1, 1}, DENSE, .extent = {9, 7}},
  to_8_8 = {.stride = {2, 2}, .pad = {1, 1, 1, 1}, DENSE, .extent = {8, 8}},
  to_10_6 = {.stride = {1, 1}, .pad = {4, 4, 4, 4}, DENSE, .extent = {10, 6}},
  dilated_3 = {.stride = {1, 1}, .pad = {2, 2, 2, 2}, .dilation = {2, 2}, .groups = 1, .extent = {3, 3}},
  depthwise_3 = {.stride = {1, 1}, .pad = {1, 1, 1, 1}, .dilation = {1, 1}, .groups = 16, .extent = {3, 3}},
  depthwise_5 = {.stride = {1, 1}, .pad = {1, 1, 1, 1}, .dilation = {1, 1}, .groups = 16, .extent = {5, 6}},
  half_1 = {.stride = {2, 2}, DENSE, .extent = {1, 1}},
  half_4 = {.stride = {2, 2}, .pad = {1, 1, 1, 1}, DENSE, .extent = {4, 4}};

static const struct op_case conv2d_cases[] = {
  {"3x3, 3 to 16 channels", {SHAPE (1, 3, 7, 5), SHAPE (16, 3, 3, 3)}, 2, &same_3},
  {"3x3, 19 to 5, batch 2, no padding", {SHAPE (2, 19, 5, 6), SHAPE (5, 19, 3, 3)}, 2, &valid},
  {"4x4 stride 2", {SHAPE (2, 8, 8, 6), SHAPE (16, 8, 4, 4)}, 2, &half},
  {"3x3 stride 2 that does not divide", {SHAPE (1, 4, 8, 6), SHAPE (5, 4, 3, 3)}, 2, &half},
  {"9x9 to 3 channels", {SHAPE (1, 16, 10, 12), SHAPE (3, 16, 9, 9)}, 2, &same_9},
  {"uneven padding and stride", {SHAPE (1, 6, 7, 5), SHAPE (4, 6, 3, 2)}, 2, &uneven},
  {"dilated", {SHAPE (1, 8, 6, 7), SHAPE (8, 8, 3, 3)}, 2, &dilated},
  {"three groups", {SHAPE (1, 9, 4, 5), SHAPE (6, 3, 3, 3)}, 2, &groups_3},
  {"depthwise", {SHAPE (2, 16, 5, 6), SHAPE (16, 1, 3, 3)}, 2, &depthwise},
  {"1 channel", {SHAPE (2, 1, 5, 5), SHAPE (1, 1, 3, 3)}, 2, &same_3},
  {"1x1", {SHAPE (1, 16, 3, 4), SHAPE (19, 16, 1, 1)}, 2, &valid},
  {"of single pixels", {SHAPE (3, 5, 1, 1), SHAPE (7, 5, 1, 1)}, 2, &valid},
  {"to a single pixel", {SHAPE (2, 6, 4, 4), SHAPE (5, 6, 4, 4)}, 2, &valid},
  {"channels that differ",
   {SHAPE (1, 64, 8, 8), SHAPE (8, 128, 3, 3)},
   2,
   &same_3,
   .error = "input has 64 channels, weight wants 128"},
  {"groups that do not divide",
   {SHAPE (1, 9, 4, 4), SHAPE (4, 3, 3, 3)},
   2,
   &groups_3,
   .error = "multiple of 3 groups"},
  {"kernel too large", {SHAPE (1, 2, 2, 8), SHAPE (2, 2, 3, 3)}, 2, &valid, .error = "does not fit"},
  {"not a picture", {SHAPE (2, 8, 8), SHAPE (2, 2, 3, 3)}, 2, &valid, .error = "input has rank 3"},
  {"stride of zero", {SHAPE (1, 2, 4, 4), SHAPE (2, 2, 3, 3)}, 2, &no_stride, .error = "stride 0"},
  {NULL},
};

static const struct op_case conv2d_back_x_cases[] = {
  {"3x3, from 16 to 3 channels", {SHAPE (1, 16, 9, 7), SHAPE (16, 3, 3, 3)}, 2, &to_9_7},
  {"3x3, from 5 to 19, batch 2", {SHAPE (2, 5, 9, 7), SHAPE (5, 19, 3, 3)}, 2, &to_9_7},
  {"4x4 stride 2, transposed", {SHAPE (2, 16, 4, 4), SHAPE (16, 8, 4, 4)}, 2, &to_8_8},
  {"3x3 stride 2 that does not divide", {SHAPE (1, 5, 4, 4), SHAPE (5, 4, 3, 3)}, 2, &to_8_8},
  {"9x9 to 3 channels", {SHAPE (1, 16, 10, 6), SHAPE (16, 3, 9, 9)}, 2, &to_10_6},
  {"depthwise", {SHAPE (2, 16, 5, 6), SHAPE (16, 1, 3, 3)}, 2, &depthwise_5},
  {"from single pixels", {SHAPE (2, 7, 1, 1), SHAPE (7, 4, 3, 3)}, 2, &to_3},
  {"channels that differ",
   {SHAPE (1, 8, 4, 4), SHAPE (16, 8, 4, 4)},
   2,
   &to_8_8,
   .error = "input has 8 channels, weight wants 16"},
  {"a size that cannot be", {SHAPE (1, 16, 5, 4), SHAPE (16, 8, 4, 4)}, 2, &to_8_8, .error = "gives 4x4, not 5x4"},
  {NULL},
};

static const struct op_case conv2d_back_w_cases[] = {
  {"3x3 from 3 to 16 channels", {SHAPE (1, 3, 6, 5), SHAPE (1, 16, 4, 3)}, 2, &to_3},
  {"3x3 from 19 to 5, batch 2", {SHAPE (2, 19, 5, 5), SHAPE (2, 5, 3, 3)}, 2, &to_3},
  {"4x4 stride 2", {SHAPE (2, 4, 8, 6), SHAPE (2, 8, 4, 3)}, 2, &half_4},
  {"stride that does not divide", {SHAPE (1, 4, 7, 6), SHAPE (1, 5, 3, 3)}, 2, &half_4},
  {"dilated", {SHAPE (1, 8, 6, 7), SHAPE (1, 8, 6, 7)}, 2, &dilated_3},
  {"depthwise", {SHAPE (2, 16, 5, 6), SHAPE (2, 16, 5, 6)}, 2, &depthwise_3},
  {"1x1 stride 2", {SHAPE (2, 3, 8, 6), SHAPE (2, 5, 4, 3)}, 2, &half_1},
  {"1x1 stride 2 of odd extents", {SHAPE (2, 3, 7, 5), SHAPE (2, 5, 4, 3)}, 2, &half_1},
  {"pictures that differ", {SHAPE (2, 3, 6, 5), SHAPE (1, 16, 4, 3)}, 2, &to_3, .error = "2 pictures, gradient has 1"},
  {"a size that cannot be", {SHAPE (1, 3, 6, 5), SHAPE (1, 16, 6, 5)}, 2, &to_3, .error = "gives 4x3, not 6x5"},
  {NULL},
};

const struct op op_conv2d = {
  .name = "conv2d",
  .formula = "y(o,i,j) = sum of x(c, i s - p + a d, j s - p + b d) w(o,c,a,b)",
  .min_inputs = 2,
  .max_inputs = 2,
  .attrs_size = sizeof (struct conv_attrs),
  .attrs = conv_options_table,
  .flags = OP_SPATIAL | OP_PLAIN_1 | OP_EPILOGUE,
  .shape = conv2d_shape,
  .reference = conv2d_reference,
  .gradient = conv2d_gradient,
  .prepare = cpu_conv2d,
  .flops = conv2d_flops,
  .cases = conv2d_cases,
};

const struct op op_conv2d_back_x = {
  .name = "conv2d_back_x",
  .formula = "x(c,k,l) = sum of y(o,i,j) w(o,c,a,b) where k = i s - p + a d, l = j s - p + b d",
  .min_inputs = 2,
  .max_inputs = 2,
  .attrs_size = sizeof (struct conv_attrs),
  .attrs = conv_options_table,
  .flags = OP_SPATIAL | OP_PLAIN_1,
  .shape = conv2d_back_x_shape,
  .reference = conv2d_back_x_reference,
  .gradient = conv2d_back_x_gradient,
  .prepare = cpu_conv2d_back_x,
  .flops = conv2d_back_x_flops,
  .cases = conv2d_back_x_cases,
};

const struct op op_conv2d_back_w = {
  .name = "conv2d_back_w",
  .formula = "w(o,c,a,b) = sum of x(c, i s - p + a d, j s - p + b d) y(o,i,j)",
  .min_inputs = 2,
  .max_inputs = 2,
  .attrs_size = sizeof (struct conv_attrs),
  .attrs = conv_options_table,
  .flags = OP_SPATIAL | OP_PLAIN_OUT,
  .shape = conv2d_back_w_shape,
  .reference = conv2d_back_w_reference,
  .gradient = conv2d_back_w_gradient,
  .prepare = cpu_conv2d_back_w,
  .flops = conv2d_back_w_flops,
  .cases = conv2d_back_w_cases,
};
