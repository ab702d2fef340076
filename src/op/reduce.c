/* SPDX-License-Identifier: Apache-2.0
 *
 * Reductions over a set of axes, which stay as extents of 1, and what is composed of them. Plans run sum and max
 * themselves (op.h: reduce), together with the elementwise ops before them. Variance is an op for its gradient's sake:
 * the path through the mean contributes nothing, so dx = dy 2 (x - mean x) / n, which is less than its parts'
 * gradients. */
#include <math.h>

#include "device/moments.h"
#include "op/sym.h"
#include "op/table.h"

static const struct option reduce_options[] = {
  {"axes", OPTION_INT, offsetof (struct reduce_attrs, axes), "bit mask of reduced axes, bit a = axis a",
   .max = AXES_ALL},
  {NULL},
};

static bool
reduce_shape (const void *attrs, const struct shape *const *x, int n_inputs, struct shape *y,
                          GError **error)
{
  const struct reduce_attrs *reduce = attrs;

  if (reduce->axes < 0 || reduce->axes >> x[0]->rank != 0)
    return op_fail (error, "axes 0x%x of a value of rank %d", (unsigned) reduce->axes, x[0]->rank);
  *y = *x[0];
  for (int i = 0; i < y->rank; i++)
    if (reduce->axes >> i & 1)
      y->dim[i] = 1;
  return true;
}

/* The element of y that element @i of x goes to. */
static int64_t
reduced_index (const struct op_call *call, int64_t i)
{
  int64_t at[SHAPE_RANK_MAX];

  shape_unravel (i, call->x_shape[0], at);
  for (int a = 0; a < call->y_shape->rank; a++)
    if (call->y_shape->dim[a] == 1)
      at[a] = 0;
  return shape_ravel (at, call->y_shape);
}

static void
sum_reference (const struct op_call *call)
{
  int64_t n = shape_size (call->x_shape[0]);

  for (int64_t i = 0; i < n; i++)
    call->y[reduced_index (call, i)] += call->x[0][i];
}

static void
max_reference (const struct op_call *call)
{
  int64_t n = shape_size (call->x_shape[0]), m = shape_size (call->y_shape);

  for (int64_t i = 0; i < m; i++)
    call->y[i] = -INFINITY;
  for (int64_t i = 0; i < n; i++) {
    double *y = &call->y[reduced_index (call, i)], x = call->x[0][i];

    *y = x > *y || isnan (x) ? x : *y;
  }
}

static void
variance_reference (const struct op_call *call)
{
  int64_t n = shape_size (call->x_shape[0]), m = shape_size (call->y_shape);
  g_autofree double *mean = g_new0 (double, m);
  double share = (double) m / (double) n;

  for (int64_t i = 0; i < n; i++)
    mean[reduced_index (call, i)] += call->x[0][i] * share;
  for (int64_t i = 0; i < n; i++) {
    int64_t k = reduced_index (call, i);
    double d = call->x[0][i] - mean[k];

    call->y[k] += d * d * share;
  }
}

static void
sum_gradient (const void *attrs, const sym *x, int n_inputs, sym y, sym dy, const bool *wanted, sym *dx)
{
  dx[0] = sym_broadcast (dy, sym_shape (x[0]));
}

/* To the largest; where several are, in equal shares. */
static void
max_gradient (const void *attrs, const sym *x, int n_inputs, sym y, sym dy, const bool *wanted, sym *dx)
{
  const struct reduce_attrs *reduce = attrs;
  sym largest = sym_equal (x[0], y);

  dx[0] = sym_mul (largest, sym_div (dy, sym_sum (largest, (unsigned) reduce->axes)));
}

/* How many elements of x go into one of y. */
static double
reduced_count (sym x, sym y)
{
  struct shape from = sym_shape (x), to = sym_shape (y);

  return (double) shape_size (&from) / (double) shape_size (&to);
}

static void
variance_gradient (const void *attrs, const sym *x, int n_inputs, sym y, sym dy, const bool *wanted,
                               sym *dx)
{
  const struct reduce_attrs *reduce = attrs;
  sym centred = sym_sub (x[0], sym_mean (x[0], (unsigned) reduce->axes));

  dx[0] = sym_mul (centred, sym_scale (dy, 2 / reduced_count (x[0], y)));
}

static sym
variance_decompose (const void *attrs, const sym *x, int n_inputs)
{
  const struct reduce_attrs *reduce = attrs;
  unsigned axes = (unsigned) reduce->axes;

  return sym_mean (sym_square (sym_sub (x[0], sym_mean (x[0], axes))), axes);
}

/* Both at once, for lowering: one pass over a picture instead of two. */

static bool
moments_shape (const void *attrs, const struct shape *const *x, int n_inputs, struct shape *y, GError **error)
{
  if (x[0]->rank != 4)
    return op_fail (error, "input has rank %d, wants (n, c, h, w)", x[0]->rank);
  *y = SHAPE (x[0]->dim[0], 2 * x[0]->dim[1], 1, 1);
  return true;
}

static void
moments_reference (const struct op_call *call)
{
  const int64_t *d = call->x_shape[0]->dim;
  int64_t pixels = d[2] * d[3];

  for (int64_t i = 0; i < d[0] * d[1]; i++) {
    const double *x = call->x[0] + i * pixels;
    double *mean = call->y + i / d[1] * 2 * d[1] + i % d[1], *variance = mean + d[1];

    for (int64_t k = 0; k < pixels; k++)
      *mean += x[k] / (double) pixels;
    for (int64_t k = 0; k < pixels; k++)
      *variance += (x[k] - *mean) * (x[k] - *mean) / (double) pixels;
  }
}

static void
moments_gradient (const void *attrs, const sym *x, int n_inputs, sym y, sym dy, const bool *wanted, sym *dx)
{
  struct shape shape = sym_shape (x[0]);
  int64_t c = shape.dim[1];
  sym centred = sym_sub (x[0], sym_mean (x[0], AXES_HW));
  sym of_mean = sym_slice (dy, 1, 0, c, 1), of_variance = sym_slice (dy, 1, c, 2 * c, 1);

  dx[0] = sym_scale (sym_add (of_mean, sym_mul (centred, sym_scale (of_variance, 2))),
                     1 / (double) (shape.dim[2] * shape.dim[3]));
}

/* Builders */

/* AXES_ALL means as many as there are. */
static sym
reduce (const struct op *op, sym x, unsigned axes)
{
  if (axes == AXES_ALL)
    axes = (1u << sym_shape (x).rank) - 1;
  return graph_add (x.graph, op, &x, 1, &(struct reduce_attrs){axes});
}

/* Nothing to do where every reduced extent is 1. */
static bool
reduces_nothing (sym x, unsigned axes)
{
  struct shape shape = sym_shape (x);

  for (int i = 0; i < shape.rank; i++)
    if ((axes >> i & 1) && shape.dim[i] > 1)
      return false;
  return !sym_null (x) && (axes == AXES_ALL || axes >> shape.rank == 0);
}

sym
sym_sum (sym x, unsigned axes)
{
  return reduces_nothing (x, axes) ? x : reduce (&op_sum, x, axes);
}

sym
sym_mean (sym x, unsigned axes)
{
  sym sum = sym_sum (x, axes);

  return sym_null (sum) || sum.id == x.id ? sum : sym_scale (sum, 1 / reduced_count (x, sum));
}

sym
sym_max (sym x, unsigned axes)
{
  return reduces_nothing (x, axes) ? x : reduce (&op_max, x, axes);
}

sym
sym_variance (sym x, unsigned axes)
{
  return reduce (&op_variance, x, axes);
}

sym
sym_moments (sym x)
{
  return graph_add (x.graph, &op_moments, &x, 1, NULL);
}

sym
sym_sum_to (sym x, struct shape shape)
{
  struct shape from = sym_shape (x), fits;
  int missing = from.rank - shape.rank;
  unsigned axes = 0;

  if (sym_null (x) || shape_equal (&from, &shape))
    return x;
  if (!shape_broadcast (&from, &shape, &fits) || !shape_equal (&fits, &from)) {
    g_autofree char *a = shape_text (&from), *b = shape_text (&shape);
    return graph_fail (x.graph, "sum_to: %s is no broadcast of %s", a, b);
  }
  for (int i = 0; i < from.rank; i++)
    if (i < missing || shape.dim[i - missing] == 1)
      axes |= AXIS (i);
  return sym_reshape (sym_sum (x, axes), shape);
}

/* Cases */

static const struct reduce_attrs over_hw = {AXES_HW}, over_nhw = {AXES_NHW}, over_chw = {AXES_CHW}, over_all = {0xf},
                                 over_c = {AXIS (1)}, over_w = {AXIS (3)}, over_0 = {AXIS (0)},
                                 over_2 = {AXIS (0) | AXIS (1)}, over_none = {0};

#define REDUCE_CASES(NAME)                                                                   \
  static const struct op_case NAME##_cases[] = {                                             \
    {"pictures, 3 channels", {SHAPE (2, 3, 5, 7)}, 1, &over_hw},                             \
    {"pictures, 16 channels", {SHAPE (2, 16, 4, 3)}, 1, &over_hw},                           \
    {"batch and picture, 19 channels", {SHAPE (3, 19, 3, 2)}, 1, &over_nhw},                 \
    {"all but the batch", {SHAPE (2, 3, 4, 5)}, 1, &over_chw},                               \
    {"channels", {SHAPE (2, 16, 3, 5)}, 1, &over_c},                                         \
    {"rows", {SHAPE (2, 3, 4, 37)}, 1, &over_w},                                             \
    {"everything", {SHAPE (2, 3, 5, 7)}, 1, &over_all},                                      \
    {"vector", {SHAPE (61)}, 1, &over_0},                                                    \
    {"columns of a matrix", {SHAPE (9, 20)}, 1, &over_0},                                    \
    {"both of a matrix", {SHAPE (9, 20)}, 1, &over_2},                                       \
    {"nothing", {SHAPE (2, 3)}, 1, &over_none},                                              \
    {"extents of 1", {SHAPE (2, 3, 1, 1)}, 1, &over_hw},                                     \
    {"large pictures, 19 channels", {SHAPE (2, 19, 40, 50)}, 1, &over_hw},                   \
    {"wide columns", {SHAPE (5, 4700)}, 1, &over_0},                                         \
    {"batch of wide rows", {SHAPE (2, 3, 1, 4700)}, 1, &over_c},                             \
    {"long vector", {SHAPE (70001)}, 1, &over_0},                                            \
    {"too few axes", {SHAPE (2, 3)}, 1, &over_hw, .error = "axes 0xc of a value of rank 2"}, \
    {NULL},                                                                                  \
  };

static const struct op_case moments_cases[] = {
  {"3 channels", {SHAPE (2, 3, 5, 7)}, 1},
  {"16 channels", {SHAPE (1, 16, 4, 3)}, 1},
  {"19 channels far from zero", {SHAPE (2, 19, 40, 50)}, 1, .low = 100, .high = 101},
  {"one channel", {SHAPE (2, 1, 9, 4)}, 1},
  {"one pixel", {SHAPE (3, 5, 1, 1)}, 1},
  {"many channels", {SHAPE (1, 4100, 2, 2)}, 1},
  {"a matrix", {SHAPE (3, 5)}, 1, .error = "rank 2"},
  {NULL},
};

REDUCE_CASES (sum)
REDUCE_CASES (max)
REDUCE_CASES (variance)

#define OP(NAME, TEXT, ...)                                                                        \
  const struct op op_##NAME = {                                                                    \
    .name = #NAME, .formula = TEXT, .min_inputs = 1, .max_inputs = 1,                              \
    .attrs_size = sizeof (struct reduce_attrs), .attrs = reduce_options, .shape = reduce_shape,    \
    .reference = NAME##_reference, .gradient = NAME##_gradient, .cases = NAME##_cases, __VA_ARGS__ \
  };

OP (sum, "sum over axes", .reduce = REDUCE_SUM)
OP (max, "largest over axes", .reduce = REDUCE_MAX)
OP (variance, "mean squared distance to the mean over axes", .decompose = variance_decompose)

const struct op op_moments = {
  .name = "moments",
  .formula = "means, then variances of every channel over h and w",
  .min_inputs = 1,
  .max_inputs = 1,
  .flags = OP_SPATIAL,
  .shape = moments_shape,
  .reference = moments_reference,
  .gradient = moments_gradient,
  .prepare = moments_prepare,
  .cases = moments_cases,
};
