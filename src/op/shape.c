/* SPDX-License-Identifier: Apache-2.0
 *
 * Ops that look at values under another shape: reshape, stop_gradient, permute, broadcast. Reshape and stop_gradient
 * are views; the kernels of the others are strided copies, so that every layout and type goes in and out. Gradients:
 * reshape back, none, the inverse permutation, the sum over what was repeated. */
#include <string.h>

#include "device/kernel.h"
#include "op/sym.h"
#include "op/table.h"

#define I64 "%" G_GINT64_FORMAT

/* Attributes of reshape and broadcast: a shape. */
struct shape_attrs {
  int64_t rank;
  int64_t dim[SHAPE_RANK_MAX];
};

static const struct option shape_options[] = {
  {"rank", OPTION_INT, offsetof (struct shape_attrs, rank), "axes of the result", .max = SHAPE_RANK_MAX,
   .fallback = -1},
  {"shape", OPTION_INTS, offsetof (struct shape_attrs, dim), "extents of the result, then zeros", .max = 1e15,
   .count = SHAPE_RANK_MAX},
  {NULL},
};

static struct shape_attrs
attrs_of_shape (const struct shape *shape)
{
  struct shape_attrs attrs = {.rank = shape->rank};

  for (int i = 0; i < shape->rank && i < SHAPE_RANK_MAX; i++)
    attrs.dim[i] = shape->dim[i];
  return attrs;
}

static bool
shape_of_attrs (const struct shape_attrs *attrs, struct shape *shape, GError **error)
{
  *shape = (struct shape){.rank = (int) CLAMP (attrs->rank, -1, SHAPE_RANK_MAX + 1)};
  if (shape->rank < 0 || shape->rank > SHAPE_RANK_MAX)
    return op_fail (error, "rank " I64 ", wants 0 to %d", attrs->rank, SHAPE_RANK_MAX);
  memcpy (shape->dim, attrs->dim, sizeof shape->dim);
  if (shape_valid (shape))
    return true;
  g_autofree char *text = shape_text (shape);
  return op_fail (error, "no value has the shape %s", text);
}

/* reshape */

static bool
reshape_shape (const void *attrs, const struct shape *const *x, int n_inputs, struct shape *y, GError **error)
{
  if (!shape_of_attrs (attrs, y, error))
    return false;
  if (shape_size (y) == shape_size (x[0]))
    return true;
  g_autofree char *from = shape_text (x[0]), *to = shape_text (y);
  return op_fail (error, "input %s has " I64 " elements, %s wants " I64, from, shape_size (x[0]), to, shape_size (y));
}

static void
reshape_reference (const struct op_call *call)
{
  memcpy (call->y, call->x[0], (size_t) shape_size (call->y_shape) * sizeof (double));
}

static void
reshape_gradient (const void *attrs, const sym *x, int n_inputs, sym y, sym dy, const bool *wanted, sym *dx)
{
  dx[0] = sym_reshape (dy, sym_shape (x[0]));
}

/* The extent -1 becomes what is left of x's elements; reshape_shape tells when that does not come out. */
sym
sym_reshape (sym x, struct shape shape)
{
  struct shape from = sym_shape (x);
  int64_t known = 1;

  for (int i = 0; i < shape.rank; i++)
    known *= shape.dim[i] > 0 && known <= SHAPE_SIZE_MAX ? shape.dim[i] : 1;
  for (int i = 0; i < shape.rank; i++)
    if (shape.dim[i] == -1) {
      shape.dim[i] = shape_size (&from) / known;
      break;
    }
  if (!sym_null (x) && shape_equal (&from, &shape))
    return x;
  struct shape_attrs attrs = attrs_of_shape (&shape);
  return graph_add (x.graph, &op_reshape, &x, 1, &attrs);
}

static const struct shape_attrs shape_6_20 = {2, {6, 20}}, shape_scalar = {0}, shape_2_3_4_5 = {4, {2, 3, 4, 5}};
static const struct shape_attrs shape_7 = {1, {7}}, shape_rank_7 = {7, {1}}, shape_minus = {2, {-1, -1}};

static const struct op_case reshape_cases[] = {
  {"4 to 2 axes", {SHAPE (2, 3, 4, 5)}, 1, &shape_6_20},
  {"2 to 4 axes", {SHAPE (6, 20)}, 1, &shape_2_3_4_5},
  {"between pictures", {SHAPE (1, 5, 8, 3)}, 1, &shape_2_3_4_5},
  {"to a scalar", {SHAPE (1, 1, 1)}, 1, &shape_scalar},
  {"other size", {SHAPE (2, 3)}, 1, &shape_7, .error = "input (2, 3) has 6 elements, (7) wants 7"},
  {"too many axes", {SHAPE (2, 3)}, 1, &shape_rank_7, .error = "rank 7"},
  {"unknown extents", {SHAPE (2, 3)}, 1, &shape_minus, .error = "no value has the shape (-1, -1)"},
  {NULL},
};

const struct op op_reshape = {
  .name = "reshape",
  .formula = "y = x under another shape of the same size, row-major",
  .min_inputs = 1,
  .max_inputs = 1,
  .attrs_size = sizeof (struct shape_attrs),
  .attrs = shape_options,
  .flags = OP_VIEW,
  .shape = reshape_shape,
  .reference = reshape_reference,
  .gradient = reshape_gradient,
  .cases = reshape_cases,
};

/* stop_gradient */

static bool
same_shape (const void *attrs, const struct shape *const *x, int n_inputs, struct shape *y, GError **error)
{
  *y = *x[0];
  return true;
}

sym
sym_stop_gradient (sym x)
{
  return graph_add (x.graph, &op_stop_gradient, &x, 1, NULL);
}

sym
sym_scalar_like (sym x, double value)
{
  return graph_scalar (x.graph, value);
}

static const struct op_case stop_gradient_cases[] = {
  {"a picture", {SHAPE (2, 3, 4, 5)}, 1, .no_gradient = true},
  {"a scalar", {SHAPE_SCALAR}, 1, .no_gradient = true},
  {NULL},
};

const struct op op_stop_gradient = {
  .name = "stop_gradient",
  .formula = "y = x; dx = 0",
  .min_inputs = 1,
  .max_inputs = 1,
  .flags = OP_VIEW | OP_STOP,
  .shape = same_shape,
  .reference = reshape_reference,
  .cases = stop_gradient_cases,
};

/* permute */

struct permute_attrs {
  int64_t axes[SHAPE_RANK_MAX]; /* axis i of y is axis axes[i] of x; beyond the rank axes[i] = i */
};

static const struct option permute_options[] = {
  {"axes", OPTION_INTS, offsetof (struct permute_attrs, axes), "which axis of the input becomes each axis",
   .max = SHAPE_RANK_MAX - 1, .count = SHAPE_RANK_MAX},
  {NULL},
};

static bool
permute_shape (const void *attrs, const struct shape *const *x, int n_inputs, struct shape *y, GError **error)
{
  const int64_t *axes = ((const struct permute_attrs *) attrs)->axes;
  unsigned seen = 0;

  *y = (struct shape){.rank = x[0]->rank};
  for (int i = 0; i < y->rank; i++) {
    if (axes[i] < 0 || axes[i] >= y->rank)
      return op_fail (error, "axis " I64 " of an input of rank %d", axes[i], y->rank);
    if (seen & 1u << axes[i])
      return op_fail (error, "axis " I64 " is named twice", axes[i]);
    seen |= 1u << axes[i];
    y->dim[i] = x[0]->dim[axes[i]];
  }
  return true;
}

static void
permute_reference (const struct op_call *call)
{
  const int64_t *axes = ((const struct permute_attrs *) call->attrs)->axes;
  int64_t at[SHAPE_RANK_MAX], from[SHAPE_RANK_MAX];

  for (int64_t flat = 0; flat < shape_size (call->y_shape); flat++) {
    shape_unravel (flat, call->y_shape, at);
    for (int i = 0; i < call->y_shape->rank; i++)
      from[axes[i]] = at[i];
    call->y[flat] = call->x[0][shape_ravel (from, call->x_shape[0])];
  }
}

static void
permute_gradient (const void *attrs, const sym *x, int n_inputs, sym y, sym dy, const bool *wanted, sym *dx)
{
  const int64_t *axes = ((const struct permute_attrs *) attrs)->axes;
  int inverse[SHAPE_RANK_MAX] = {0};

  for (int i = 0; i < sym_shape (dy).rank; i++)
    inverse[axes[i]] = i;
  dx[0] = sym_permute (dy, inverse);
}

static void
permute_run (const struct kernel *kernel, void *scratch, const struct run_context *context)
{
  const int64_t *axes = ((const struct permute_attrs *) kernel->attrs)->axes;
  const struct value *x = kernel->x[0], *y = kernel->y;
  int64_t xs[SHAPE_RANK_MAX], ys[SHAPE_RANK_MAX], from[SHAPE_RANK_MAX];

  value_strides (x, xs);
  value_strides (y, ys);
  for (int i = 0; i < y->shape.rank; i++)
    from[i] = xs[axes[i]];
  strided_copy (&y->shape, y->data, y->dtype, ys, x->data, x->dtype, from);
}

static bool
permute_prepare (struct kernel *kernel, GError **error)
{
  kernel->run = permute_run;
  kernel->implementation = "strided";
  return true;
}

sym
sym_permute (sym x, const int *axes)
{
  struct permute_attrs attrs;
  bool identity = true;

  for (int i = 0; i < SHAPE_RANK_MAX; i++) {
    attrs.axes[i] = i < sym_shape (x).rank ? axes[i] : i;
    identity &= attrs.axes[i] == i;
  }
  return identity ? x : graph_add (x.graph, &op_permute, &x, 1, &attrs);
}

static const struct permute_attrs to_last = {{0, 2, 3, 1, 4, 5}}, to_first = {{0, 3, 1, 2, 4, 5}};
static const struct permute_attrs transpose = {{1, 0, 2, 3, 4, 5}}, six = {{5, 0, 3, 1, 4, 2}};
static const struct permute_attrs twice = {{1, 1, 2, 3, 4, 5}}, outside = {{0, 2, 1, 3, 4, 5}};

static const struct op_case permute_cases[] = {
  {"channels last", {SHAPE (2, 3, 4, 5)}, 1, &to_last},
  {"channels first", {SHAPE (2, 4, 5, 19)}, 1, &to_first},
  {"transpose", {SHAPE (7, 5)}, 1, &transpose},
  {"batch and channel", {SHAPE (2, 16, 3, 3)}, 1, &transpose},
  {"six axes", {SHAPE (2, 3, 4, 2, 3, 2)}, 1, &six},
  {"axis twice", {SHAPE (2, 3)}, 1, &twice, .error = "axis 1 is named twice"},
  {"axis outside", {SHAPE (2, 3)}, 1, &outside, .error = "axis 2 of an input of rank 2"},
  {NULL},
};

const struct op op_permute = {
  .name = "permute",
  .formula = "y's axis i is x's axis axes[i]",
  .min_inputs = 1,
  .max_inputs = 1,
  .attrs_size = sizeof (struct permute_attrs),
  .attrs = permute_options,
  .flags = OP_STRIDED,
  .shape = permute_shape,
  .reference = permute_reference,
  .gradient = permute_gradient,
  .prepare = permute_prepare,
  .cases = permute_cases,
};

/* broadcast */

static bool
broadcast_shape (const void *attrs, const struct shape *const *x, int n_inputs, struct shape *y, GError **error)
{
  struct shape both;

  if (!shape_of_attrs (attrs, y, error))
    return false;
  if (shape_broadcast (x[0], y, &both) && shape_equal (&both, y))
    return true;
  g_autofree char *from = shape_text (x[0]), *to = shape_text (y);
  return op_fail (error, "input %s does not broadcast to %s", from, to);
}

static void
broadcast_reference (const struct op_call *call)
{
  const struct shape *x = call->x_shape[0], *y = call->y_shape;
  int64_t at[SHAPE_RANK_MAX], from[SHAPE_RANK_MAX];

  for (int64_t flat = 0; flat < shape_size (y); flat++) {
    shape_unravel (flat, y, at);
    for (int i = 0; i < x->rank; i++)
      from[i] = x->dim[i] == 1 ? 0 : at[i + y->rank - x->rank];
    call->y[flat] = call->x[0][shape_ravel (from, x)];
  }
}

static void
broadcast_gradient (const void *attrs, const sym *x, int n_inputs, sym y, sym dy, const bool *wanted, sym *dx)
{
  dx[0] = sym_sum_to (dy, sym_shape (x[0]));
}

static void
broadcast_run (const struct kernel *kernel, void *scratch, const struct run_context *context)
{
  const struct value *x = kernel->x[0], *y = kernel->y;
  int64_t xs[SHAPE_RANK_MAX], ys[SHAPE_RANK_MAX], from[SHAPE_RANK_MAX] = {0};

  value_strides (x, xs);
  value_strides (y, ys);
  for (int i = 0; i < x->shape.rank; i++)
    if (x->shape.dim[i] > 1)
      from[i + y->shape.rank - x->shape.rank] = xs[i];
  strided_copy (&y->shape, y->data, y->dtype, ys, x->data, x->dtype, from);
}

static bool
broadcast_prepare (struct kernel *kernel, GError **error)
{
  kernel->run = broadcast_run;
  kernel->implementation = "strided";
  return true;
}

sym
sym_broadcast (sym x, struct shape shape)
{
  struct shape_attrs attrs = attrs_of_shape (&shape);
  struct shape from = sym_shape (x);

  if (!sym_null (x) && shape_equal (&from, &shape))
    return x;
  return graph_add (x.graph, &op_broadcast, &x, 1, &attrs);
}

static const struct op_case broadcast_cases[] = {
  {"a scalar", {SHAPE_SCALAR}, 1, &shape_2_3_4_5},
  {"channels", {SHAPE (3, 1, 1)}, 1, &shape_2_3_4_5},
  {"batch and channels", {SHAPE (2, 3, 1, 1)}, 1, &shape_2_3_4_5},
  {"a picture over the channels", {SHAPE (2, 1, 4, 5)}, 1, &shape_2_3_4_5},
  {"columns", {SHAPE (5)}, 1, &shape_2_3_4_5},
  {"the same", {SHAPE (6, 20)}, 1, &shape_6_20},
  {"does not fit", {SHAPE (4)}, 1, &shape_7, .error = "input (4) does not broadcast to (7)"},
  {"larger than the result", {SHAPE (2, 7)}, 1, &shape_7, .error = "does not broadcast"},
  {NULL},
};

const struct op op_broadcast = {
  .name = "broadcast",
  .formula = "y = x repeated along axes of extent 1, NumPy's rule",
  .min_inputs = 1,
  .max_inputs = 1,
  .attrs_size = sizeof (struct shape_attrs),
  .attrs = shape_options,
  .flags = OP_STRIDED,
  .shape = broadcast_shape,
  .reference = broadcast_reference,
  .gradient = broadcast_gradient,
  .prepare = broadcast_prepare,
  .cases = broadcast_cases,
};
