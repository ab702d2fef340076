/* SPDX-License-Identifier: Apache-2.0
 *
 * Enlarging the last two axes by a whole factor: every pixel becomes a block of f x f. The adjoint sums each block.
 * Plans do it inside the convolution that follows, where they can; resize.c is the general case. */
#include "op/separable.h"
#include "op/sym.h"
#include "op/table.h"

#define I64 "%" G_GINT64_FORMAT

struct upsample_attrs {
  int64_t factor;
};

static const struct option upsample_options[] = {
  {"factor", OPTION_INT, offsetof (struct upsample_attrs, factor), "side of the block that a pixel becomes", .min = 1,
   .max = 1024, .fallback = 2},
  {NULL},
};

/* The extents of rows and columns, which are the last two axes. */
static int64_t
rows_of (const struct shape *shape)
{
  return shape->dim[shape->rank - 2];
}

static int64_t
columns_of (const struct shape *shape)
{
  return shape->dim[shape->rank - 1];
}

static bool
has_picture (const struct shape *x, GError **error)
{
  if (x->rank >= 2)
    return true;
  return op_fail (error, "input has rank %d, wants at least rows and columns", x->rank);
}

static bool
upsample_check (const struct upsample_attrs *attrs, const struct shape *x, GError **error)
{
  if (attrs->factor >= 1 && attrs->factor <= 1024)
    return has_picture (x, error);
  return op_fail (error, "factor is " I64 ", wants 1 to 1024", attrs->factor);
}

static bool
upsample_shape (const void *attrs, const struct shape *const *x, int n_inputs, struct shape *y, GError **error)
{
  const struct upsample_attrs *a = attrs;

  if (!upsample_check (a, x[0], error))
    return false;
  *y = *x[0];
  y->dim[y->rank - 2] *= a->factor;
  y->dim[y->rank - 1] *= a->factor;
  return true;
}

static bool
upsample_back_shape (const void *attrs, const struct shape *const *x, int n_inputs, struct shape *y, GError **error)
{
  const struct upsample_attrs *a = attrs;

  if (!upsample_check (a, x[0], error))
    return false;
  if (rows_of (x[0]) % a->factor != 0 || columns_of (x[0]) % a->factor != 0) {
    g_autofree char *text = shape_text (x[0]);
    return op_fail (error, "input %s is not made of blocks of " I64, text, a->factor);
  }
  *y = *x[0];
  y->dim[y->rank - 2] /= a->factor;
  y->dim[y->rank - 1] /= a->factor;
  return true;
}

static void
upsample_reference (const struct op_call *call)
{
  int64_t f = ((const struct upsample_attrs *) call->attrs)->factor, w = columns_of (call->y_shape);

  for (int64_t i = 0; i < shape_size (call->y_shape); i++)
    call->y[i] = call->x[0][i / w / f * (w / f) + i % w / f];
}

static void
upsample_back_reference (const struct op_call *call)
{
  int64_t f = ((const struct upsample_attrs *) call->attrs)->factor, w = columns_of (call->x_shape[0]);

  for (int64_t i = 0; i < shape_size (call->x_shape[0]); i++)
    call->y[i / w / f * (w / f) + i % w / f] += call->x[0][i];
}

static void
upsample_gradient (const void *attrs, const sym *x, int n_inputs, sym y, sym dy, const bool *wanted, sym *dx)
{
  dx[0] = graph_add (dy.graph, &op_upsample_nearest_back, &dy, 1, attrs);
}

static void
upsample_back_gradient (const void *attrs, const sym *x, int n_inputs, sym y, sym dy, const bool *wanted, sym *dx)
{
  dx[0] = graph_add (dy.graph, &op_upsample_nearest, &dy, 1, attrs);
}

static struct taps *
upsample_taps (int64_t extent, int64_t factor, GError **error)
{
  struct taps *taps = taps_new (extent * factor, extent, 1, error);

  for (int64_t i = 0; taps != NULL && i < extent * factor; i++) {
    taps_add (taps, i / factor, 1);
    taps_next (taps);
  }
  return taps;
}

static bool
prepare_upsample (struct kernel *kernel, const struct shape *small, bool back, GError **error)
{
  int64_t factor = ((const struct upsample_attrs *) kernel->attrs)->factor;
  struct taps *rows = upsample_taps (rows_of (small), factor, error);
  struct taps *columns = rows == NULL ? NULL : upsample_taps (columns_of (small), factor, error);

  return separable_prepare (kernel, rows, columns, back, error);
}

static bool
upsample_prepare (struct kernel *kernel, GError **error)
{
  return prepare_upsample (kernel, &kernel->x[0]->shape, false, error);
}

static bool
upsample_back_prepare (struct kernel *kernel, GError **error)
{
  return prepare_upsample (kernel, &kernel->y->shape, true, error);
}

sym
sym_upsample_nearest (sym x, int factor)
{
  struct upsample_attrs attrs = {factor};

  return factor == 1 ? x : graph_add (x.graph, &op_upsample_nearest, &x, 1, &attrs);
}

static const struct upsample_attrs twice = {2}, thrice = {3}, never = {0};

static const struct op_case upsample_cases[] = {
  {"x2", {SHAPE (2, 3, 4, 5)}, 1, &twice},
  {"x2, 16 channels", {SHAPE (1, 16, 3, 3)}, 1, &twice},
  {"x3, 1 channel", {SHAPE (2, 1, 3, 4)}, 1, &thrice},
  {"x3, 19 channels, 1x1", {SHAPE (1, 19, 1, 1)}, 1, &thrice},
  {"x2, a plane", {SHAPE (3, 5)}, 1, &twice},
  {"x0", {SHAPE (1, 1, 2, 2)}, 1, &never, .error = "factor is 0"},
  {"a vector", {SHAPE (4)}, 1, &twice, .error = "rank 1"},
  {NULL},
};

static const struct op_case upsample_back_cases[] = {
  {"x2", {SHAPE (2, 3, 4, 6)}, 1, &twice},
  {"x2, 16 channels", {SHAPE (1, 16, 6, 4)}, 1, &twice},
  {"x3, 1 channel", {SHAPE (2, 1, 6, 3)}, 1, &thrice},
  {"x3, 19 channels, to 1x1", {SHAPE (1, 19, 3, 3)}, 1, &thrice},
  {"odd", {SHAPE (1, 1, 4, 5)}, 1, &twice, .error = "blocks of 2"},
  {NULL},
};

const struct op op_upsample_nearest = {
  .name = "upsample_nearest",
  .formula = "y(i,j) = x(i / f, j / f)",
  .min_inputs = 1,
  .max_inputs = 1,
  .attrs_size = sizeof (struct upsample_attrs),
  .attrs = upsample_options,
  .flags = OP_SPATIAL,
  .shape = upsample_shape,
  .reference = upsample_reference,
  .gradient = upsample_gradient,
  .prepare = upsample_prepare,
  .cases = upsample_cases,
};

const struct op op_upsample_nearest_back = {
  .name = "upsample_nearest_back",
  .formula = "y(i,j) = sum of x(p,q) where p / f = i, q / f = j",
  .min_inputs = 1,
  .max_inputs = 1,
  .attrs_size = sizeof (struct upsample_attrs),
  .attrs = upsample_options,
  .flags = OP_SPATIAL,
  .shape = upsample_back_shape,
  .reference = upsample_back_reference,
  .gradient = upsample_back_gradient,
  .prepare = upsample_back_prepare,
  .cases = upsample_back_cases,
};
