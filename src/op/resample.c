/* SPDX-License-Identifier: Apache-2.0
 *
 * Resampling of the last two axes and its adjoints, all linear; channels do not mix.
 *
 *   upsample_nearest       every pixel becomes a block of f x f
 *   upsample_nearest_back  its adjoint: the sum of each block
 *   resize_bilinear        to any size; half-pixel centres: output i looks at s = (i + 1/2) H / h - 1/2, held inside the
 *                          picture, and mixes rows floor(s) and floor(s) + 1 by the distance (PyTorch's
 *                          align_corners=False; no antialiasing, so a factor below 1/2 skips pixels)
 *   resize_bilinear_back   its adjoint, back to the given size */
#include <math.h>

#include "op/separable.h"
#include "op/sym.h"
#include "op/table.h"

#define I64 "%" G_GINT64_FORMAT

struct upsample_attrs {
  int64_t factor;
};

struct resize_attrs {
  int64_t size[2]; /* h, w of the result */
};

static const struct option upsample_options[] = {
  {"factor", OPTION_INT, offsetof (struct upsample_attrs, factor), "side of the block that a pixel becomes", .min = 1,
   .max = 1024, .fallback = 2},
  {NULL},
};

static const struct option resize_options[] = {
  {"size", OPTION_INTS, offsetof (struct resize_attrs, size), "rows and columns of the result", .min = 1, .max = 1e9,
   .count = 2},
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

/* upsample_nearest */

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

/* resize_bilinear */

static bool
resize_shape (const void *attrs, const struct shape *const *x, int n_inputs, struct shape *y, GError **error)
{
  const int64_t *size = ((const struct resize_attrs *) attrs)->size;

  if (size[0] < 1 || size[1] < 1) {
    return op_fail (error, "size is " I64 " x " I64 ", wants 1 x 1 or more", size[0], size[1]);
  }
  if (!has_picture (x[0], error))
    return false;
  *y = *x[0];
  y->dim[y->rank - 2] = size[0];
  y->dim[y->rank - 1] = size[1];
  return true;
}

/* Output @i of @n mixes inputs low and high of @extent: (1 - mix) x[low] + mix x[high]. */
struct mixture {
  int64_t low, high;
  double mix;
};

static struct mixture
mixture_at (int64_t i, int64_t n, int64_t extent)
{
  double s = MAX (((double) i + 0.5) * (double) extent / (double) n - 0.5, 0);
  int64_t low = MIN ((int64_t) s, extent - 1);

  return (struct mixture){low, MIN (low + 1, extent - 1), s - (double) low};
}

/* Each pixel of the resized picture with its four of the @whole one; the adjoint goes the other way. */
static void
resize_walk (const struct op_call *call, const struct shape *whole, const struct shape *resized, bool back)
{
  int64_t h = rows_of (whole), w = columns_of (whole), pictures = shape_size (whole) / (h * w);
  int64_t resized_h = rows_of (resized), resized_w = columns_of (resized);

  for (int64_t n = 0; n < pictures; n++)
    for (int64_t i = 0; i < resized_h; i++)
      for (int64_t j = 0; j < resized_w; j++) {
        struct mixture p = mixture_at (i, resized_h, h), q = mixture_at (j, resized_w, w);
        int64_t top = (n * h + p.low) * w, bottom = (n * h + p.high) * w, at = (n * resized_h + i) * resized_w + j;
        const int64_t corner[4] = {top + q.low, top + q.high, bottom + q.low, bottom + q.high};
        const double weight[4] = {(1 - p.mix) * (1 - q.mix), (1 - p.mix) * q.mix, p.mix * (1 - q.mix), p.mix * q.mix};

        for (int k = 0; k < 4; k++)
          if (back)
            call->y[corner[k]] += weight[k] * call->x[0][at];
          else
            call->y[at] += weight[k] * call->x[0][corner[k]];
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

/* @op applied to dy gives x's size back. */
static sym
resize_like (const struct op *op, sym dy, sym x)
{
  struct shape shape = sym_shape (x);
  struct resize_attrs attrs = {{rows_of (&shape), columns_of (&shape)}};

  return graph_add (dy.graph, op, &dy, 1, &attrs);
}

static void
resize_gradient (const void *attrs, const sym *x, int n_inputs, sym y, sym dy, const bool *wanted, sym *dx)
{
  dx[0] = resize_like (&op_resize_bilinear_back, dy, x[0]);
}

static void
resize_back_gradient (const void *attrs, const sym *x, int n_inputs, sym y, sym dy, const bool *wanted, sym *dx)
{
  dx[0] = resize_like (&op_resize_bilinear, dy, x[0]);
}

static struct taps *
resize_taps (int64_t extent, int64_t n, GError **error)
{
  struct taps *taps = taps_new (n, extent, 2, error);

  for (int64_t i = 0; taps != NULL && i < n; i++) {
    struct mixture m = mixture_at (i, n, extent);

    if (m.high == m.low || m.mix == 0) {
      taps_add (taps, m.low, 1);
    } else {
      taps_add (taps, m.low, 1 - m.mix);
      taps_add (taps, m.high, m.mix);
    }
    taps_next (taps);
  }
  return taps;
}

static bool
prepare_resize (struct kernel *kernel, const struct shape *whole, const struct shape *resized, bool back,
                GError **error)
{
  struct taps *rows = resize_taps (rows_of (whole), rows_of (resized), error);
  struct taps *columns = rows == NULL ? NULL : resize_taps (columns_of (whole), columns_of (resized), error);

  return separable_prepare (kernel, rows, columns, back, error);
}

static bool
resize_prepare (struct kernel *kernel, GError **error)
{
  return prepare_resize (kernel, &kernel->x[0]->shape, &kernel->y->shape, false, error);
}

static bool
resize_back_prepare (struct kernel *kernel, GError **error)
{
  return prepare_resize (kernel, &kernel->y->shape, &kernel->x[0]->shape, true, error);
}

sym
sym_resize_bilinear (sym x, int64_t h, int64_t w)
{
  struct resize_attrs attrs = {{h, w}};
  struct shape shape = sym_shape (x);

  if (shape.rank >= 2 && rows_of (&shape) == h && columns_of (&shape) == w)
    return x;
  return graph_add (x.graph, &op_resize_bilinear, &x, 1, &attrs);
}

static const struct resize_attrs to_8_10 = {{8, 10}}, to_5_7 = {{5, 7}}, to_2_3 = {{2, 3}}, to_1_1 = {{1, 1}};
static const struct resize_attrs to_4_4 = {{4, 4}}, to_0_4 = {{0, 4}}, to_3_9 = {{3, 9}};

static const struct op_case resize_cases[] = {
  {"twice", {SHAPE (2, 3, 4, 5)}, 1, &to_8_10},
  {"half, 16 channels", {SHAPE (1, 16, 8, 8)}, 1, &to_4_4},
  {"odd sizes, 19 channels", {SHAPE (2, 19, 4, 9)}, 1, &to_5_7},
  {"much smaller", {SHAPE (1, 3, 11, 13)}, 1, &to_2_3},
  {"one axis", {SHAPE (1, 4, 3, 5)}, 1, &to_3_9},
  {"to 1x1", {SHAPE (2, 3, 5, 4)}, 1, &to_1_1},
  {"from 1x1, 1 channel", {SHAPE (2, 1, 1, 1)}, 1, &to_5_7},
  {"a plane", {SHAPE (3, 4)}, 1, &to_5_7},
  {"no rows", {SHAPE (1, 1, 4, 4)}, 1, &to_0_4, .error = "size is 0 x 4"},
  {"a scalar", {SHAPE_SCALAR}, 1, &to_4_4, .error = "rank 0"},
  {NULL},
};

static const struct op_case resize_back_cases[] = {
  {"from twice", {SHAPE (2, 3, 10, 14)}, 1, &to_5_7},
  {"from half, 16 channels", {SHAPE (1, 16, 2, 2)}, 1, &to_4_4},
  {"odd sizes, 19 channels", {SHAPE (2, 19, 4, 9)}, 1, &to_5_7},
  {"from much larger", {SHAPE (1, 3, 11, 13)}, 1, &to_2_3},
  {"from much smaller", {SHAPE (1, 3, 2, 3)}, 1, &to_8_10},
  {"to 1x1", {SHAPE (2, 3, 5, 4)}, 1, &to_1_1},
  {"from 1x1, 1 channel", {SHAPE (2, 1, 1, 1)}, 1, &to_5_7},
  {"no rows", {SHAPE (1, 1, 4, 4)}, 1, &to_0_4, .error = "size is 0 x 4"},
  {NULL},
};

const struct op op_resize_bilinear = {
  .name = "resize_bilinear",
  .formula = "y(i,j) = x at ((i + 1/2) H / h - 1/2, (j + 1/2) W / w - 1/2), bilinear",
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

const struct op op_resize_bilinear_back = {
  .name = "resize_bilinear_back",
  .formula = "the adjoint of resize_bilinear from the given size to x's",
  .min_inputs = 1,
  .max_inputs = 1,
  .attrs_size = sizeof (struct resize_attrs),
  .attrs = resize_options,
  .flags = OP_SPATIAL,
  .shape = resize_shape,
  .reference = resize_back_reference,
  .gradient = resize_back_gradient,
  .prepare = resize_back_prepare,
  .cases = resize_back_cases,
};
