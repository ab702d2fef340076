/* SPDX-License-Identifier: Apache-2.0
 *
 * Pooling over windows of pixels with nothing around the picture: what is outside neither wins a maximum nor, unless
 * asked for, counts in a mean. Every window holds a pixel of the picture.
 *
 * The maximum is closed under differentiation by three ops; m(i) is the first pixel of window i that holds its maximum:
 *   max_pool (x)          y(i) = x(m(i))
 *   max_pool_back (x, d)  y(q) = sum of d(i) over windows with m(i) = q   max_pool's gradient, max_pool_take's for v
 *   max_pool_take (x, v)  y(i) = v(m(i))                                  max_pool_back's gradient for d
 * The mean is a separable linear map (op/separable.h), and its gradient the transposed map.
 * Kernels: op/max_pool.c. */
#include "op/pool.h"

#include "device/kernel.h"
#include "op/separable.h"
#include "op/sym.h"
#include "op/table.h"

#define I64 "%" G_GINT64_FORMAT

static const struct option pool_options[] = {
  {"kernel", OPTION_INTS, offsetof (struct pool_attrs, kernel), "height and width of a window", .min = 1, .max = 1e6,
   .fallback = 2, .count = 2},
  {"stride", OPTION_INTS, offsetof (struct pool_attrs, stride), "distance of windows", .min = 1, .max = 1e6,
   .fallback = 2, .count = 2},
  {"pad", OPTION_INTS, offsetof (struct pool_attrs, pad), "pixels around the picture: top, left, bottom, right",
   .max = 1e6, .count = 4},
  {"dilation", OPTION_INTS, offsetof (struct pool_attrs, dilation), "distance of a window's pixels", .min = 1,
   .max = 1e6, .fallback = 1, .count = 2},
  {"extra", OPTION_INTS, offsetof (struct pool_attrs, extra), "further room below and to the right that never counts",
   .max = 1e6, .count = 2},
  {"extent", OPTION_INTS, offsetof (struct pool_attrs, extent), "height and width of the result of the adjoint",
   .max = 1e9, .count = 2},
  {"count-padding", OPTION_BOOL, offsetof (struct pool_attrs, count_padding), "means count the padding as zeros"},
  {NULL},
};

/* Shapes */

/* A number that may be multiplied without a thought of overflow. */
static bool
within (int64_t value, int64_t low)
{
  return value >= low && value <= 1000000;
}

static bool
check_numbers (const struct pool_attrs *a, GError **error)
{
  for (int i = 0; i < 2; i++) {
    if (!within (a->kernel[i], 1) || !within (a->stride[i], 1) || !within (a->dilation[i], 1))
      return op_fail (error, "kernel " I64 ", stride " I64 ", dilation " I64 ", all want 1 or more", a->kernel[i],
                      a->stride[i], a->dilation[i]);
    if (!within (a->pad[i], 0) || !within (a->pad[i + 2], 0) || !within (a->extra[i], 0))
      return op_fail (error, "padding " I64 " and " I64 ", wants 0 or more", a->pad[i], a->pad[i + 2] + a->extra[i]);
  }
  return true;
}

/* Along @axis, the pixels of window @i have the positions start + k dilation. Those that begin in the picture hold a
 * pixel; before it, one must step inside. */
static bool
holds_pixel (const struct pool_attrs *a, int axis, int64_t i, int64_t extent)
{
  int64_t start = i * a->stride[axis] - a->pad[axis], d = a->dilation[axis];
  int64_t steps = start < 0 ? (-start + d - 1) / d : 0;

  return steps < a->kernel[axis] && start + steps * d < extent;
}

static bool
pooled_shape (const struct pool_attrs *a, const struct shape *x, struct shape *y, GError **error)
{
  if (x->rank != 4)
    return op_fail (error, "input has rank %d, wants 4", x->rank);
  if (!check_numbers (a, error))
    return false;
  *y = *x;
  for (int i = 0; i < 2; i++) {
    int64_t extent = x->dim[2 + i], window = (a->kernel[i] - 1) * a->dilation[i] + 1;
    int64_t room = extent + a->pad[i] + a->pad[i + 2] + a->extra[i] - window, n = room / a->stride[i] + 1;
    bool held = room >= 0 && holds_pixel (a, i, n - 1, extent);

    if (room < 0)
      return op_fail (error, "kernel " I64 "x" I64 " does not fit into a picture of " I64 "x" I64 " with its padding",
                      a->kernel[0], a->kernel[1], x->dim[2], x->dim[3]);
    for (int64_t k = 0; held && k < n && k * a->stride[i] < a->pad[i]; k++)
      held = holds_pixel (a, i, k, extent);
    if (!held)
      return op_fail (error, "padding " I64 " and " I64 " with stride " I64 " leaves windows without a pixel of " I64,
                      a->pad[i], a->pad[i + 2] + a->extra[i], a->stride[i], extent);
    y->dim[2 + i] = n;
  }
  return true;
}

static bool
is_dense (const struct pool_attrs *a, GError **error)
{
  return (a->dilation[0] == 1 && a->dilation[1] == 1) || op_fail (error, "a maximum of dilated windows is not there");
}

static bool
max_pool_shape (const void *attrs, const struct shape *const *x, int n_inputs, struct shape *y, GError **error)
{
  return pooled_shape (attrs, x[0], y, error) && is_dense (attrs, error);
}

static bool
avg_pool_shape (const void *attrs, const struct shape *const *x, int n_inputs, struct shape *y, GError **error)
{
  return pooled_shape (attrs, x[0], y, error);
}

static bool
fail_shapes (const char *message, const struct shape *found, const struct shape *wanted, GError **error)
{
  g_autofree char *have = shape_text (found), *want = shape_text (wanted);

  return op_fail (error, "%s %s, wants %s", message, have, want);
}

static bool
max_pool_back_shape (const void *attrs, const struct shape *const *x, int n_inputs, struct shape *y, GError **error)
{
  struct shape pooled;

  if (!pooled_shape (attrs, x[0], &pooled, error) || !is_dense (attrs, error))
    return false;
  *y = *x[0];
  return shape_equal (&pooled, x[1]) || fail_shapes ("gradient is", x[1], &pooled, error);
}

static bool
max_pool_take_shape (const void *attrs, const struct shape *const *x, int n_inputs, struct shape *y, GError **error)
{
  return pooled_shape (attrs, x[0], y, error) && is_dense (attrs, error) &&
         (shape_equal (x[0], x[1]) || fail_shapes ("values are", x[1], x[0], error));
}

static bool
avg_pool_back_shape (const void *attrs, const struct shape *const *x, int n_inputs, struct shape *y, GError **error)
{
  const struct pool_attrs *a = attrs;
  struct shape pooled;

  if (x[0]->rank != 4)
    return op_fail (error, "input has rank %d, wants 4", x[0]->rank);
  *y = SHAPE (x[0]->dim[0], x[0]->dim[1], a->extent[0], a->extent[1]);
  return pooled_shape (a, y, &pooled, error) &&
         (shape_equal (&pooled, x[0]) || fail_shapes ("input is", x[0], &pooled, error));
}

/* Reference */

/* Index in plane @x (h, w) of the first maximum of window (i, j). */
static int64_t
first_maximum (const struct pool_attrs *a, const double *x, int64_t h, int64_t w, int64_t i, int64_t j)
{
  struct range rows = pool_window (a, 0, i, h), columns = pool_window (a, 1, j, w);
  int64_t best = rows.begin * w + columns.begin;

  for (int64_t p = rows.begin; p < rows.end; p++)
    for (int64_t q = columns.begin; q < columns.end; q++)
      if (x[p * w + q] > x[best])
        best = p * w + q;
  return best;
}

/* For every window of every plane: where its maximum is in x, and where it itself is in the pooled picture. */
static void
walk_maxima (const struct op_call *call, const struct shape *pooled,
             void (*visit) (const struct op_call *call, int64_t maximum, int64_t at))
{
  const int64_t *d = call->x_shape[0]->dim;
  int64_t oh = pooled->dim[2], ow = pooled->dim[3];

  for (int64_t at = 0; at < shape_size (pooled); at++) {
    int64_t plane = at / (oh * ow) * d[2] * d[3];

    visit (call, plane + first_maximum (call->attrs, call->x[0] + plane, d[2], d[3], at / ow % oh, at % ow), at);
  }
}

static void
visit_pool (const struct op_call *call, int64_t maximum, int64_t at)
{
  call->y[at] = call->x[0][maximum];
}

static void
visit_back (const struct op_call *call, int64_t maximum, int64_t at)
{
  call->y[maximum] += call->x[1][at];
}

static void
visit_take (const struct op_call *call, int64_t maximum, int64_t at)
{
  call->y[at] = call->x[1][maximum];
}

static void
max_pool_reference (const struct op_call *call)
{
  walk_maxima (call, call->y_shape, visit_pool);
}

static void
max_pool_back_reference (const struct op_call *call)
{
  walk_maxima (call, call->x_shape[1], visit_back);
}

static void
max_pool_take_reference (const struct op_call *call)
{
  walk_maxima (call, call->y_shape, visit_take);
}

/* 1 / how many positions along @axis of window @i count. */
static double
mean_weight (const struct pool_attrs *a, int axis, int64_t i, int64_t extent)
{
  int64_t start = i * a->stride[axis] - a->pad[axis], count = 0;

  for (int64_t k = 0; k < a->kernel[axis]; k++) {
    int64_t at = start + k * a->dilation[axis];

    count += a->count_padding ? at < extent + a->pad[axis + 2] : at >= 0 && at < extent;
  }
  return 1.0 / (double) count;
}

/* y += the mean map, or its adjoint with @back. */
static void
walk_means (const struct op_call *call, const struct shape *full, const struct shape *pooled, bool back)
{
  const struct pool_attrs *a = call->attrs;
  int64_t h = full->dim[2], w = full->dim[3], oh = pooled->dim[2], ow = pooled->dim[3];

  for (int64_t at = 0; at < shape_size (pooled); at++) {
    int64_t plane = at / (oh * ow) * h * w, i = at / ow % oh, j = at % ow;
    double weight = mean_weight (a, 0, i, h) * mean_weight (a, 1, j, w);

    for (int64_t k = 0; k < a->kernel[0] * a->kernel[1]; k++) {
      int64_t p = i * a->stride[0] - a->pad[0] + k / a->kernel[1] * a->dilation[0];
      int64_t q = j * a->stride[1] - a->pad[1] + k % a->kernel[1] * a->dilation[1];
      int64_t pixel = plane + p * w + q;

      if (p < 0 || p >= h || q < 0 || q >= w)
        continue;
      if (back)
        call->y[pixel] += weight * call->x[0][at];
      else
        call->y[at] += weight * call->x[0][pixel];
    }
  }
}

static void
avg_pool_reference (const struct op_call *call)
{
  walk_means (call, call->x_shape[0], call->y_shape, false);
}

static void
avg_pool_back_reference (const struct op_call *call)
{
  walk_means (call, call->y_shape, call->x_shape[0], true);
}

/* Gradients */

static sym
pool2 (const struct op *op, sym x, sym other, const void *attrs)
{
  sym inputs[2] = {x, other};

  return graph_add (x.graph, op, inputs, 2, attrs);
}

static void
max_pool_gradient (const void *attrs, const sym *x, int n_inputs, sym y, sym dy, const bool *wanted, sym *dx)
{
  dx[0] = pool2 (&op_max_pool_back, x[0], dy, attrs);
}

/* Which pixel wins does not change with x, almost everywhere. */
static void
max_pool_back_gradient (const void *attrs, const sym *x, int n_inputs, sym y, sym dy, const bool *wanted, sym *dx)
{
  if (wanted[1])
    dx[1] = pool2 (&op_max_pool_take, x[0], dy, attrs);
}

static void
max_pool_take_gradient (const void *attrs, const sym *x, int n_inputs, sym y, sym dy, const bool *wanted, sym *dx)
{
  if (wanted[1])
    dx[1] = pool2 (&op_max_pool_back, x[0], dy, attrs);
}

static void
avg_pool_gradient (const void *attrs, const sym *x, int n_inputs, sym y, sym dy, const bool *wanted, sym *dx)
{
  struct pool_attrs own = *(const struct pool_attrs *) attrs;
  struct shape shape = sym_shape (x[0]);

  own.extent[0] = shape.dim[2];
  own.extent[1] = shape.dim[3];
  dx[0] = graph_add (dy.graph, &op_avg_pool_back, &dy, 1, &own);
}

static void
avg_pool_back_gradient (const void *attrs, const sym *x, int n_inputs, sym y, sym dy, const bool *wanted, sym *dx)
{
  dx[0] = sym_avg_pool_attrs (dy, attrs);
}

sym
sym_max_pool_attrs (sym x, const struct pool_attrs *attrs)
{
  return graph_add (x.graph, &op_max_pool, &x, 1, attrs);
}

sym
sym_max_pool_take_attrs (sym x, sym values, const struct pool_attrs *attrs)
{
  return pool2 (&op_max_pool_take, x, values, attrs);
}

sym
sym_avg_pool_attrs (sym x, const struct pool_attrs *attrs)
{
  struct pool_attrs own = *attrs;

  own.extent[0] = own.extent[1] = 0;
  return graph_add (x.graph, &op_avg_pool, &x, 1, &own);
}

static struct pool_attrs
square (int kernel, int stride, int pad)
{
  return (struct pool_attrs){
    .kernel = {kernel, kernel}, .stride = {stride, stride}, .pad = {pad, pad, pad, pad}, .dilation = {1, 1}};
}

sym
sym_max_pool (sym x, int kernel, int stride, int pad)
{
  struct pool_attrs attrs = square (kernel, stride, pad);

  return sym_max_pool_attrs (x, &attrs);
}

sym
sym_avg_pool (sym x, int kernel, int stride, int pad)
{
  struct pool_attrs attrs = square (kernel, stride, pad);

  return sym_avg_pool_attrs (x, &attrs);
}

/* The kernels of the mean */

static struct taps *
mean_taps (const struct pool_attrs *a, int axis, int64_t extent, int64_t pooled, GError **error)
{
  struct taps *taps = taps_new (pooled, extent, MIN (a->kernel[axis], extent), error);

  for (int64_t i = 0; taps != NULL && i < pooled; i++) {
    int64_t start = i * a->stride[axis] - a->pad[axis];
    double weight = mean_weight (a, axis, i, extent);

    for (int64_t k = 0; k < a->kernel[axis]; k++) {
      int64_t at = start + k * a->dilation[axis];

      if (at >= 0 && at < extent)
        taps_add (taps, at, weight);
    }
    taps_next (taps);
  }
  return taps;
}

static bool
prepare_mean (struct kernel *kernel, const struct shape *full, const struct shape *pooled, bool back, GError **error)
{
  struct taps *rows = mean_taps (kernel->attrs, 0, full->dim[2], pooled->dim[2], error);
  struct taps *columns = rows == NULL ? NULL : mean_taps (kernel->attrs, 1, full->dim[3], pooled->dim[3], error);

  return separable_prepare (kernel, rows, columns, back, error);
}

static bool
avg_pool_prepare (struct kernel *kernel, GError **error)
{
  return prepare_mean (kernel, &kernel->x[0]->shape, &kernel->y->shape, false, error);
}

static bool
avg_pool_back_prepare (struct kernel *kernel, GError **error)
{
  return prepare_mean (kernel, &kernel->y->shape, &kernel->x[0]->shape, true, error);
}

/* Cases */

#define POOL(K, S, P) .kernel = {K, K}, .stride = {S, S}, .pad = {P, P, P, P}, .dilation = {1, 1}

static const struct pool_attrs
  two = {POOL (2, 2, 0)},
  three = {POOL (3, 3, 0)}, dense = {POOL (3, 1, 1)}, resnet = {POOL (3, 2, 1)}, sparse = {POOL (2, 3, 0)},
  padded = {POOL (4, 4, 2)}, one = {POOL (1, 1, 0)}, much_padding = {POOL (2, 2, 2)}, none = {POOL (0, 1, 0)},
  two_8_6 = {POOL (2, 2, 0), .extent = {8, 6}}, two_9_7 = {POOL (2, 2, 0), .extent = {9, 7}},
  dense_5_6 = {POOL (3, 1, 1), .extent = {5, 6}}, resnet_7_8 = {POOL (3, 2, 1), .extent = {7, 8}},
  flat = {.kernel = {2, 3}, .stride = {1, 2}, .pad = {0, 1, 1, 2}, .dilation = {1, 1}},
  up = {.kernel = {3, 3}, .stride = {2, 2}, .extra = {1, 1}, .dilation = {1, 1}},
  flat_counted = {.kernel = {2, 3}, .stride = {1, 2}, .pad = {0, 1, 1, 2}, .dilation = {1, 1}, .count_padding = true},
  up_counted = {.kernel = {3, 3},
                .stride = {2, 2},
                .pad = {1, 0, 1, 0},
                .extra = {1, 1},
                .dilation = {1, 1},
                .count_padding = true},
  dilated = {.kernel = {2, 3}, .stride = {1, 1}, .pad = {1, 2, 1, 2}, .dilation = {2, 2}},
  dilated_7_6 = {.kernel = {2, 3}, .stride = {1, 1}, .pad = {1, 2, 1, 2}, .dilation = {2, 2}, .extent = {7, 6}},
  overshooting = {POOL (2, 2, 0), .extra = {2, 0}};

static const struct op_case max_pool_cases[] = {
  {"2x2", {SHAPE (2, 3, 8, 6)}, 1, &two},
  {"2x2, odd picture, 19 channels", {SHAPE (1, 19, 7, 9)}, 1, &two},
  {"2x2, 1 channel", {SHAPE (2, 1, 4, 6)}, 1, &two},
  {"3x3 of stride 1, 16 channels", {SHAPE (1, 16, 5, 6)}, 1, &dense},
  {"3x3 of stride 2", {SHAPE (2, 4, 7, 8)}, 1, &resnet},
  {"3x3", {SHAPE (1, 5, 9, 7)}, 1, &three},
  {"windows apart", {SHAPE (1, 4, 8, 9)}, 1, &sparse},
  {"much padding", {SHAPE (1, 3, 5, 4)}, 1, &padded},
  {"1x1", {SHAPE (1, 3, 4, 4)}, 1, &one},
  {"of uneven sides", {SHAPE (2, 16, 5, 6)}, 1, &flat},
  {"rounded up", {SHAPE (1, 4, 6, 8)}, 1, &up},
  {"padding of the kernel", {SHAPE (1, 3, 4, 4)}, 1, &much_padding, .error = "windows without a pixel of 4"},
  {"rounded up too far", {SHAPE (1, 3, 4, 4)}, 1, &overshooting, .error = "windows without a pixel of 4"},
  {"dilated", {SHAPE (1, 3, 7, 6)}, 1, &dilated, .error = "dilated"},
  {"too small", {SHAPE (1, 3, 1, 4)}, 1, &two, .error = "does not fit"},
  {"no kernel", {SHAPE (1, 3, 4, 4)}, 1, &none, .error = "kernel 0"},
  {"a matrix", {SHAPE (4, 4)}, 1, &two, .error = "rank 2"},
  {NULL},
};

/* Where two pixels of a window round to the same bfloat16 the other may win: these draws have no such window. */
static const struct op_case max_pool_back_cases[] = {
  {"2x2", {SHAPE (2, 3, 8, 6), SHAPE (2, 3, 4, 3)}, 2, &two},
  {"2x2 of an odd picture, 19 channels", {SHAPE (1, 19, 7, 9), SHAPE (1, 19, 3, 4)}, 2, &two},
  {"3x3 of stride 1, 16 channels", {SHAPE (1, 16, 5, 6), SHAPE (1, 16, 5, 6)}, 2, &dense},
  {"3x3 of stride 2, batch 3", {SHAPE (3, 4, 7, 8), SHAPE (3, 4, 4, 4)}, 2, &resnet},
  {"windows apart", {SHAPE (1, 4, 8, 9), SHAPE (1, 4, 3, 3)}, 2, &sparse},
  {"much padding", {SHAPE (1, 3, 5, 4), SHAPE (1, 3, 2, 2)}, 2, &padded},
  {"of uneven sides", {SHAPE (1, 4, 5, 6), SHAPE (1, 4, 5, 4)}, 2, &flat},
  {"another gradient",
   {SHAPE (2, 3, 8, 6), SHAPE (2, 3, 4, 4)},
   2,
   &two,
   .error = "gradient is (2, 3, 4, 4), wants (2, 3, 4, 3)"},
  {NULL},
};

static const struct op_case max_pool_take_cases[] = {
  {"2x2", {SHAPE (2, 3, 8, 6), SHAPE (2, 3, 8, 6)}, 2, &two},
  {"2x2, odd picture, 19 channels", {SHAPE (1, 19, 7, 9), SHAPE (1, 19, 7, 9)}, 2, &two},
  {"3x3 of stride 2", {SHAPE (2, 4, 7, 8), SHAPE (2, 4, 7, 8)}, 2, &resnet},
  {"other values", {SHAPE (2, 3, 8, 6), SHAPE (2, 3, 4, 3)}, 2, &two, .error = "values are (2, 3, 4, 3)"},
  {NULL},
};

static const struct op_case avg_pool_cases[] = {
  {"2x2", {SHAPE (2, 3, 8, 6)}, 1, &two},
  {"2x2, odd picture, 19 channels", {SHAPE (1, 19, 7, 9)}, 1, &two},
  {"3x3 of stride 1, 16 channels", {SHAPE (1, 16, 5, 6)}, 1, &dense},
  {"3x3 of stride 2, 1 channel", {SHAPE (2, 1, 7, 8)}, 1, &resnet},
  {"windows apart", {SHAPE (1, 4, 8, 9)}, 1, &sparse},
  {"much padding", {SHAPE (1, 3, 5, 4)}, 1, &padded},
  {"of uneven sides", {SHAPE (2, 16, 5, 6)}, 1, &flat},
  {"of uneven sides, counting the padding", {SHAPE (2, 5, 5, 6)}, 1, &flat_counted},
  {"rounded up, counting the padding", {SHAPE (1, 4, 6, 8)}, 1, &up_counted},
  {"dilated", {SHAPE (1, 3, 7, 6)}, 1, &dilated},
  {"too small", {SHAPE (1, 3, 1, 4)}, 1, &two, .error = "does not fit"},
  {NULL},
};

static const struct op_case avg_pool_back_cases[] = {
  {"2x2", {SHAPE (2, 3, 4, 3)}, 1, &two_8_6},
  {"2x2, odd picture, 19 channels", {SHAPE (1, 19, 4, 3)}, 1, &two_9_7},
  {"3x3 of stride 1, 16 channels", {SHAPE (1, 16, 5, 6)}, 1, &dense_5_6},
  {"3x3 of stride 2, 1 channel", {SHAPE (2, 1, 4, 4)}, 1, &resnet_7_8},
  {"dilated", {SHAPE (1, 3, 7, 6)}, 1, &dilated_7_6},
  {"another size", {SHAPE (2, 3, 4, 4)}, 1, &two_8_6, .error = "wants (2, 3, 4, 3)"},
  {NULL},
};

const struct op op_max_pool = {
  .name = "max_pool",
  .formula = "y(i,j) = max of x over window (i,j)",
  .min_inputs = 1,
  .max_inputs = 1,
  .attrs_size = sizeof (struct pool_attrs),
  .attrs = pool_options,
  .flags = OP_SPATIAL,
  .shape = max_pool_shape,
  .reference = max_pool_reference,
  .gradient = max_pool_gradient,
  .prepare = max_pool_prepare,
  .cases = max_pool_cases,
};

const struct op op_max_pool_back = {
  .name = "max_pool_back",
  .formula = "y(q) = sum of d(i) over windows i of x whose first maximum is q",
  .min_inputs = 2,
  .max_inputs = 2,
  .attrs_size = sizeof (struct pool_attrs),
  .attrs = pool_options,
  .flags = OP_SPATIAL,
  .shape = max_pool_back_shape,
  .reference = max_pool_back_reference,
  .gradient = max_pool_back_gradient,
  .prepare = max_pool_back_prepare,
  .cases = max_pool_back_cases,
};

const struct op op_max_pool_take = {
  .name = "max_pool_take",
  .formula = "y(i) = v at the first maximum of window i of x",
  .min_inputs = 2,
  .max_inputs = 2,
  .attrs_size = sizeof (struct pool_attrs),
  .attrs = pool_options,
  .flags = OP_SPATIAL,
  .shape = max_pool_take_shape,
  .reference = max_pool_take_reference,
  .gradient = max_pool_take_gradient,
  .prepare = max_pool_prepare,
  .cases = max_pool_take_cases,
};

const struct op op_avg_pool = {
  .name = "avg_pool",
  .formula = "y(i,j) = mean of x over window (i,j)",
  .min_inputs = 1,
  .max_inputs = 1,
  .attrs_size = sizeof (struct pool_attrs),
  .attrs = pool_options,
  .flags = OP_SPATIAL,
  .shape = avg_pool_shape,
  .reference = avg_pool_reference,
  .gradient = avg_pool_gradient,
  .prepare = avg_pool_prepare,
  .cases = avg_pool_cases,
};

const struct op op_avg_pool_back = {
  .name = "avg_pool_back",
  .formula = "y(q) = sum of x(i) / |window i| over windows i that hold q",
  .min_inputs = 1,
  .max_inputs = 1,
  .attrs_size = sizeof (struct pool_attrs),
  .attrs = pool_options,
  .flags = OP_SPATIAL,
  .shape = avg_pool_back_shape,
  .reference = avg_pool_back_reference,
  .gradient = avg_pool_back_gradient,
  .prepare = avg_pool_back_prepare,
  .cases = avg_pool_back_cases,
};
