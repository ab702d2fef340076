/* SPDX-License-Identifier: Apache-2.0
 *
 * Resampling in general and its adjoint, both separable linear maps (op/separable.h). Output i looks at s = start + i
 * step and is the nearest element, or the sum of elements p with weights k(p - s):
 *
 *   linear  k(t) = 1 - |t|                                         for |t| < 1
 *   cubic   k(t) = (a + 2) |t|^3 - (a + 3) |t|^2 + 1               for |t| < 1     (Keys 1981)
 *                = a |t|^3 - 5a |t|^2 + 8a |t| - 4a                for 1 <= |t| < 2
 *
 * Taps beside the picture fall on its edge, or are left out. */
#include "op/resize.h"

#include <math.h>

#include "op/separable.h"
#include "op/sym.h"
#include "op/table.h"

#define I64 "%" G_GINT64_FORMAT
#define FACTOR_MAX 4096 /* of antialiasing: bounds the taps of an output */

static const char *const kernels[] = {"nearest", "linear", "cubic", NULL};
static const char *const roundings[] = {"prefer-floor", "prefer-ceil", "floor", "ceil", NULL};

static const struct option resize_options[] = {
  {"size", OPTION_INTS, offsetof (struct resize_attrs, size), "rows and columns of the result", .min = 1, .max = 1e9,
   .count = 2},
  {"extent", OPTION_INTS, offsetof (struct resize_attrs, extent), "resize_back: rows and columns of its result",
   .max = 1e9, .count = 2},
  {"start-h", OPTION_FLOAT, offsetof (struct resize_attrs, start[0]), "the row that the first output row looks at"},
  {"start-w", OPTION_FLOAT, offsetof (struct resize_attrs, start[1]), "the column that the first one looks at"},
  {"step-h", OPTION_FLOAT, offsetof (struct resize_attrs, step[0]), "rows between the places that outputs look at"},
  {"step-w", OPTION_FLOAT, offsetof (struct resize_attrs, step[1]), "columns between them"},
  {"cubic", OPTION_FLOAT, offsetof (struct resize_attrs, cubic), "slope of the cubic kernel at 1", .fallback = -0.75},
  {"kernel", OPTION_CHOICE, offsetof (struct resize_attrs, kernel), "which elements are mixed", .choices = kernels},
  {"rounding", OPTION_CHOICE, offsetof (struct resize_attrs, rounding), "how nearest rounds", .choices = roundings},
  {"exclude", OPTION_BOOL, offsetof (struct resize_attrs, exclude), "taps beside the picture are left out"},
  {"blank", OPTION_BOOL, offsetof (struct resize_attrs, blank), "zero for what looks beside the picture"},
  {"smooth", OPTION_BOOL, offsetof (struct resize_attrs, smooth), "antialiasing"},
  {NULL},
};

/* Shapes */

static bool
check_attrs (const struct resize_attrs *a, const struct shape *x, GError **error)
{
  if (x->rank < 2)
    return op_fail (error, "input has rank %d, wants at least rows and columns", x->rank);
  for (int i = 0; i < 2; i++) {
    if (!isfinite (a->start[i]) || !isfinite (a->step[i]) || fabs (a->start[i]) > 1e12 || fabs (a->step[i]) > 1e6)
      return op_fail (error, "start %g, step %g: not places in a picture", a->start[i], a->step[i]);
    if (a->smooth && fabs (a->step[i]) > FACTOR_MAX)
      return op_fail (error, "antialiasing of a step of %g, wants %d or less", a->step[i], FACTOR_MAX);
  }
  return isfinite (a->cubic) || op_fail (error, "cubic kernel of slope %g", a->cubic);
}

static bool
with_size (const struct shape *x, const int64_t *size, struct shape *y, GError **error)
{
  if (size[0] < 1 || size[1] < 1)
    return op_fail (error, "size is " I64 " x " I64 ", wants 1 x 1 or more", size[0], size[1]);
  *y = *x;
  y->dim[y->rank - 2] = size[0];
  y->dim[y->rank - 1] = size[1];
  return true;
}

static bool
resize_shape (const void *attrs, const struct shape *const *x, int n_inputs, struct shape *y, GError **error)
{
  const struct resize_attrs *a = attrs;

  return check_attrs (a, x[0], error) && with_size (x[0], a->size, y, error);
}

static bool
resize_back_shape (const void *attrs, const struct shape *const *x, int n_inputs, struct shape *y, GError **error)
{
  const struct resize_attrs *a = attrs;

  if (!check_attrs (a, x[0], error) || !with_size (x[0], a->extent, y, error))
    return false;
  for (int i = 0; i < 2; i++)
    if (x[0]->dim[x[0]->rank - 2 + i] != a->size[i])
      return op_fail (error, "input has " I64 " rows or columns, wants " I64, x[0]->dim[x[0]->rank - 2 + i],
                      a->size[i]);
  return true;
}

/* Taps */

static double
kernel_at (const struct resize_attrs *a, double t)
{
  double d = fabs (t), c = a->cubic;

  if (a->kernel == RESIZE_LINEAR)
    return d < 1 ? 1 - d : 0;
  if (d < 1)
    return ((c + 2) * d - (c + 3)) * d * d + 1;
  return d < 2 ? ((c * d - 5 * c) * d + 8 * c) * d - 4 * c : 0;
}

/* Places come from scales that were float32 once: one that float32 cannot tell from a whole or half number is taken for
 * it, as in programs that compute with float32. */
static int64_t
nearest_at (const struct resize_attrs *a, double s, int64_t extent)
{
  double place = (double) (float) (s + 1) - 1, at = 0;

  switch ((enum resize_rounding) a->rounding) {
  case RESIZE_PREFER_FLOOR: at = ceil (place - 0.5); break;
  case RESIZE_PREFER_CEIL: at = floor (place + 0.5); break;
  case RESIZE_FLOOR: at = floor (place); break;
  case RESIZE_CEIL: at = ceil (place); break;
  }
  return (int64_t) CLAMP (at, 0, (double) (extent - 1));
}

/* Whole numbers are met exactly, so that what only copies is seen to copy. */
static double
place_at (const struct resize_attrs *a, int axis, int64_t i)
{
  double s = a->start[axis] + (double) i * a->step[axis];

  return fabs (s - rint (s)) < 1e-9 * (1 + fabs (s)) ? rint (s) : s;
}

static double
width_of (const struct resize_attrs *a, int axis)
{
  return a->smooth ? MAX (1, fabs (a->step[axis])) : 1;
}

/* How many taps an output has at most. */
static int64_t
most_taps (const struct resize_attrs *a, int axis)
{
  return a->kernel == RESIZE_NEAREST ? 1 : (int64_t) ceil (4 * width_of (a, axis)) + 1;
}

/* Adds output @i of an axis. */
static void
add_taps (struct taps *taps, const struct resize_attrs *a, int axis, int64_t i)
{
  double s = place_at (a, axis, i), width = width_of (a, axis), sum = 0, pending = 0;
  double radius = (a->kernel == RESIZE_CUBIC ? 2 : 1) * width, from = floor (s - radius) + 1;
  int64_t last = taps->source - 1, n = (int64_t) (ceil (s + radius) - from), at = -1;

  if (a->blank && (s < 0 || s > (double) last))
    return;
  if (a->kernel == RESIZE_NEAREST) {
    taps_add (taps, nearest_at (a, s, taps->source), 1);
    return;
  }
  for (int64_t k = 0; k < n; k++)
    if (!a->exclude || (from + (double) k >= 0 && from + (double) k <= (double) last))
      sum += kernel_at (a, (from + (double) k - s) / width);
  for (int64_t k = 0; k <= n; k++) { /* taps that meet on the edge are one */
    double p = from + (double) k;
    int64_t index = k == n ? -1 : (int64_t) CLAMP (p, 0, (double) last);

    if (index != at && at >= 0 && pending != 0)
      taps_add (taps, at, a->exclude || a->smooth ? pending / sum : pending);
    pending = index == at ? pending : 0;
    at = index;
    if (!a->exclude || (p >= 0 && p <= (double) last))
      pending += kernel_at (a, (p - s) / width);
  }
}

static struct taps *
resize_taps (const struct resize_attrs *a, int axis, int64_t extent, GError **error)
{
  struct taps *taps = taps_new (a->size[axis], extent, MIN (most_taps (a, axis), extent), error);

  for (int64_t i = 0; taps != NULL && i < a->size[axis]; i++) {
    add_taps (taps, a, axis, i);
    taps_next (taps);
  }
  return taps;
}

/* Reference: the tables multiplied out */

static void
resize_walk (const struct op_call *call, const struct shape *whole, const struct shape *resized, bool back)
{
  const struct resize_attrs *a = call->attrs;
  int64_t h = whole->dim[whole->rank - 2], w = whole->dim[whole->rank - 1], pictures = shape_size (whole) / (h * w);
  int64_t rh = resized->dim[resized->rank - 2], rw = resized->dim[resized->rank - 1];
  g_autoptr (taps) rows = resize_taps (a, 0, h, NULL);
  g_autoptr (taps) columns = resize_taps (a, 1, w, NULL);

  for (int64_t at = 0; at < pictures * rh * rw && rows != NULL && columns != NULL; at++)
    for (int64_t p = rows->start[at / rw % rh]; p < rows->start[at / rw % rh + 1]; p++)
      for (int64_t q = columns->start[at % rw]; q < columns->start[at % rw + 1]; q++) {
        double weight = (double) rows->weight[p] * (double) columns->weight[q];
        int64_t pixel = (at / (rh * rw) * h + rows->index[p]) * w + columns->index[q];

        if (back)
          call->y[pixel] += weight * call->x[0][at];
        else
          call->y[at] += weight * call->x[0][pixel];
      }
}

static void
resize_reference (const struct op_call *call)
{
  resize_walk (call, call->x_shape[0], call->y_shape, false);
}

static void
resize_back_reference (const struct op_call *call)
{
  resize_walk (call, call->y_shape, call->x_shape[0], true);
}

/* Builder and gradients */

/* One axis: output i looks at (i + 1/2) extent / size - 1/2, as PyTorch's align_corners=False. */
static void
half_pixel (struct resize_attrs *attrs, int axis, int64_t extent, int64_t size)
{
  attrs->size[axis] = size;
  attrs->step[axis] = (double) extent / (double) MAX (size, 1);
  attrs->start[axis] = 0.5 * attrs->step[axis] - 0.5;
}

sym
sym_resize_bilinear (sym x, int64_t h, int64_t w)
{
  struct shape shape = sym_shape (x);
  struct resize_attrs attrs = {.cubic = -0.75, .kernel = RESIZE_LINEAR};
  int rows = MAX (shape.rank - 2, 0);

  if (shape.rank >= 2 && shape.dim[rows] == h && shape.dim[rows + 1] == w)
    return x;
  half_pixel (&attrs, 0, shape.dim[rows], h);
  half_pixel (&attrs, 1, shape.dim[rows + 1], w);
  return sym_resize (x, &attrs);
}

sym
sym_resize (sym x, const struct resize_attrs *attrs)
{
  struct resize_attrs own = *attrs;

  own.extent[0] = own.extent[1] = 0;
  return graph_add (x.graph, &op_resize, &x, 1, &own);
}

static void
resize_gradient (const void *attrs, const sym *x, int n_inputs, sym y, sym dy, const bool *wanted, sym *dx)
{
  struct resize_attrs own = *(const struct resize_attrs *) attrs;
  struct shape shape = sym_shape (x[0]);

  own.extent[0] = shape.dim[shape.rank - 2];
  own.extent[1] = shape.dim[shape.rank - 1];
  dx[0] = graph_add (dy.graph, &op_resize_back, &dy, 1, &own);
}

static void
resize_back_gradient (const void *attrs, const sym *x, int n_inputs, sym y, sym dy, const bool *wanted, sym *dx)
{
  dx[0] = sym_resize (dy, attrs);
}

/* Kernels */

static bool
prepare (struct kernel *kernel, const struct shape *whole, bool back, GError **error)
{
  struct taps *rows = resize_taps (kernel->attrs, 0, whole->dim[whole->rank - 2], error);
  struct taps *columns = rows == NULL ? NULL : resize_taps (kernel->attrs, 1, whole->dim[whole->rank - 1], error);

  return separable_prepare (kernel, rows, columns, back, error);
}

static bool
resize_prepare (struct kernel *kernel, GError **error)
{
  return prepare (kernel, &kernel->x[0]->shape, false, error);
}

static bool
resize_back_prepare (struct kernel *kernel, GError **error)
{
  return prepare (kernel, &kernel->y->shape, true, error);
}

/* Cases */

#define HALF_PIXEL(H, W) {0.5 * (H) -0.5, 0.5 * (W) -0.5}, .step = {H, W}

static const struct resize_attrs
  nearest = {.size = {7, 9}, .step = {0.6, 0.5}, .rounding = RESIZE_FLOOR},
  nearest_up = {.size = {6, 4}, .start = {0.1, 0.4}, .step = {0.7, 1}, .rounding = RESIZE_CEIL},
  ties = {.size = {8, 8}, .start = HALF_PIXEL (0.5, 1), .rounding = RESIZE_PREFER_CEIL},
  linear_corners = {.size = {7, 5}, .step = {0.5, 1.25}, .kernel = RESIZE_LINEAR},
  linear_smooth = {.size = {3, 2}, .start = HALF_PIXEL (3, 4.5), .kernel = RESIZE_LINEAR, .smooth = true},
  cubic = {.size = {9, 6}, .start = HALF_PIXEL (0.5, 0.75), .cubic = -0.75, .kernel = RESIZE_CUBIC},
  cubic_inside = {.size = {9, 6},
                  .start = HALF_PIXEL (0.5, 0.75),
                  .cubic = -0.5,
                  .kernel = RESIZE_CUBIC,
                  .exclude = true},
  cubic_smooth = {.size = {4, 3},
                  .start = HALF_PIXEL (2, 2.5),
                  .cubic = -0.5,
                  .kernel = RESIZE_CUBIC,
                  .exclude = true,
                  .smooth = true},
  crop = {.size = {5, 6}, .start = {-1.2, 0.5}, .step = {1.1, 1}, .kernel = RESIZE_LINEAR, .blank = true},
  one_axis = {.size = {10, 3}, .start = HALF_PIXEL (0.4, 1), .cubic = -0.75, .kernel = RESIZE_CUBIC},
  nowhere = {.size = {2, 2}, .step = {INFINITY, 1}}, no_rows = {.size = {0, 2}, .step = {1, 1}},
  linear_back = {.size = {7, 5}, .extent = {4, 6}, .step = {0.5, 1.25}, .kernel = RESIZE_LINEAR},
  cubic_back = {.size = {9, 6},
                .extent = {5, 4},
                .start = HALF_PIXEL (0.5, 0.75),
                .cubic = -0.75,
                .kernel = RESIZE_CUBIC},
  crop_back = {
    .size = {5, 6}, .extent = {3, 5}, .start = {-1.2, 0.5}, .step = {1.1, 1}, .kernel = RESIZE_LINEAR, .blank = true};

static const struct op_case resize_cases[] = {
  {"nearest below", {SHAPE (2, 3, 4, 5)}, 1, &nearest},
  {"nearest above, 16 channels", {SHAPE (1, 16, 4, 4)}, 1, &nearest_up},
  {"nearest, of two the upper", {SHAPE (1, 3, 4, 8)}, 1, &ties},
  {"linear from corner to corner, 19 channels", {SHAPE (2, 19, 4, 6)}, 1, &linear_corners},
  {"linear, smooth", {SHAPE (1, 3, 9, 9)}, 1, &linear_smooth},
  {"cubic", {SHAPE (2, 3, 5, 4)}, 1, &cubic},
  {"cubic, taps inside only", {SHAPE (1, 16, 5, 4)}, 1, &cubic_inside},
  {"cubic, smooth", {SHAPE (1, 5, 8, 8)}, 1, &cubic_smooth},
  {"a crop that looks outside", {SHAPE (2, 3, 3, 5)}, 1, &crop},
  {"one axis, 1 channel", {SHAPE (1, 1, 4, 3)}, 1, &one_axis},
  {"from 1x1", {SHAPE (2, 4, 1, 1)}, 1, &cubic},
  {"a plane", {SHAPE (5, 4)}, 1, &cubic},
  {"a vector", {SHAPE (5)}, 1, &cubic, .error = "rank 1"},
  {"nowhere", {SHAPE (1, 1, 4, 4)}, 1, &nowhere, .error = "not places"},
  {"no rows", {SHAPE (1, 1, 4, 4)}, 1, &no_rows, .error = "size is 0 x 2"},
  {NULL},
};

static const struct op_case resize_back_cases[] = {
  {"linear, 19 channels", {SHAPE (2, 19, 7, 5)}, 1, &linear_back},
  {"cubic", {SHAPE (1, 3, 9, 6)}, 1, &cubic_back},
  {"a crop", {SHAPE (1, 16, 5, 6)}, 1, &crop_back},
  {"another size", {SHAPE (1, 3, 9, 7)}, 1, &cubic_back, .error = "input has 7 rows or columns, wants 6"},
  {NULL},
};

const struct op op_resize = {
  .name = "resize",
  .formula = "y(i,j) = x at (start + i step, start + j step), nearest, linear or cubic",
  .min_inputs = 1,
  .max_inputs = 1,
  .attrs_size = sizeof (struct resize_attrs),
  .attrs = resize_options,
  .flags = OP_SPATIAL,
  .shape = resize_shape,
  .reference = resize_reference,
  .gradient = resize_gradient,
  .prepare = resize_prepare,
  .cases = resize_cases,
};

const struct op op_resize_back = {
  .name = "resize_back",
  .formula = "the adjoint of resize from the given size to x's",
  .min_inputs = 1,
  .max_inputs = 1,
  .attrs_size = sizeof (struct resize_attrs),
  .attrs = resize_options,
  .flags = OP_SPATIAL,
  .shape = resize_back_shape,
  .reference = resize_back_reference,
  .gradient = resize_back_gradient,
  .prepare = resize_back_prepare,
  .cases = resize_back_cases,
};
