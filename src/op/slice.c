/* SPDX-License-Identifier: Apache-2.0
 *
 * Cutting, joining, reversing: slice, its adjoint unslice (into zeros), concat, flip. Kernels are strided copies, so
 * that every layout and type goes in and out. Gradients: slice <-> unslice, concat -> slices, flip -> flip. */
#include <string.h>

#include "device/kernel.h"
#include "op/sym.h"
#include "op/table.h"

#define I64 "%" G_GINT64_FORMAT

/* The element @offset elements into @value. */
static void *
element_at (const struct value *value, int64_t offset)
{
  return (char *) value->data + offset * (int64_t) dtype_size (value->dtype);
}

/* slice, and its adjoint into zeros */

struct slice_attrs {
  int64_t axis, start, stop, step; /* start <= i < stop, every step-th; counted from 0 */
  int64_t extent;                  /* unslice: of the axis of the result */
};

static const struct option slice_options[] = {
  {"axis", OPTION_INT, offsetof (struct slice_attrs, axis), "the axis to cut", .max = SHAPE_RANK_MAX - 1},
  {"start", OPTION_INT, offsetof (struct slice_attrs, start), "the first index", .max = 1e15},
  {"stop", OPTION_INT, offsetof (struct slice_attrs, stop), "the index after the last", .max = 1e15},
  {"step", OPTION_INT, offsetof (struct slice_attrs, step), "takes every step-th", .min = 1, .max = 1e15,
   .fallback = 1},
  {"extent", OPTION_INT, offsetof (struct slice_attrs, extent), "unslice: extent of the axis of the result",
   .max = 1e15},
  {NULL},
};

/* The cut fits an axis of @extent; *count := how many indices it takes. */
static bool
slice_check (const struct slice_attrs *a, int64_t extent, int64_t *count, GError **error)
{
  if (a->step < 1)
    return op_fail (error, "step is " I64 ", wants 1 or more", a->step);
  if (a->start < 0 || a->start >= a->stop || a->stop > extent)
    return op_fail (error, "indices " I64 " to " I64 " of axis " I64 ", which has " I64, a->start, a->stop, a->axis,
                    extent);
  *count = (a->stop - a->start - 1) / a->step + 1;
  return true;
}

static bool
axis_check (int64_t axis, const struct shape *x, GError **error)
{
  return (axis >= 0 && axis < x->rank) || op_fail (error, "axis " I64 " of an input of rank %d", axis, x->rank);
}

static bool
slice_shape (const void *attrs, const struct shape *const *x, int n_inputs, struct shape *y, GError **error)
{
  const struct slice_attrs *a = attrs;

  *y = *x[0];
  return axis_check (a->axis, x[0], error) && slice_check (a, y->dim[a->axis], &y->dim[a->axis], error);
}

static bool
unslice_shape (const void *attrs, const struct shape *const *x, int n_inputs, struct shape *y, GError **error)
{
  const struct slice_attrs *a = attrs;
  int64_t count = 0;

  if (!axis_check (a->axis, x[0], error) || !slice_check (a, a->extent, &count, error))
    return false;
  if (x[0]->dim[a->axis] != count)
    return op_fail (error, "axis " I64 " has " I64 ", the cut takes " I64, a->axis, x[0]->dim[a->axis], count);
  *y = *x[0];
  y->dim[a->axis] = a->extent;
  return true;
}

static void
slice_reference (const struct op_call *call)
{
  const struct slice_attrs *a = call->attrs;
  int64_t at[SHAPE_RANK_MAX];

  for (int64_t flat = 0; flat < shape_size (call->y_shape); flat++) {
    shape_unravel (flat, call->y_shape, at);
    at[a->axis] = a->start + at[a->axis] * a->step;
    call->y[flat] = call->x[0][shape_ravel (at, call->x_shape[0])];
  }
}

static void
unslice_reference (const struct op_call *call)
{
  const struct slice_attrs *a = call->attrs;
  int64_t at[SHAPE_RANK_MAX];

  for (int64_t flat = 0; flat < shape_size (call->x_shape[0]); flat++) {
    shape_unravel (flat, call->x_shape[0], at);
    at[a->axis] = a->start + at[a->axis] * a->step;
    call->y[shape_ravel (at, call->y_shape)] = call->x[0][flat];
  }
}

static void
slice_gradient (const void *attrs, const sym *x, int n_inputs, sym y, sym dy, const bool *wanted, sym *dx)
{
  struct slice_attrs back = *(const struct slice_attrs *) attrs;

  back.extent = sym_shape (x[0]).dim[back.axis];
  dx[0] = graph_add (dy.graph, &op_unslice, &dy, 1, &back);
}

static void
unslice_gradient (const void *attrs, const sym *x, int n_inputs, sym y, sym dy, const bool *wanted, sym *dx)
{
  struct slice_attrs cut = *(const struct slice_attrs *) attrs;

  cut.extent = 0;
  dx[0] = graph_add (dy.graph, &op_slice, &dy, 1, &cut);
}

static void
slice_run (const struct kernel *kernel, void *scratch, const struct run_context *context)
{
  const struct slice_attrs *a = kernel->attrs;
  const struct value *x = kernel->x[0], *y = kernel->y;
  int64_t xs[SHAPE_RANK_MAX], ys[SHAPE_RANK_MAX], start;

  value_strides (x, xs);
  value_strides (y, ys);
  start = a->start * xs[a->axis];
  xs[a->axis] *= a->step;
  strided_copy (&y->shape, y->data, y->dtype, ys, element_at (x, start), x->dtype, xs);
}

static void
unslice_run (const struct kernel *kernel, void *scratch, const struct run_context *context)
{
  const struct slice_attrs *a = kernel->attrs;
  const struct value *x = kernel->x[0], *y = kernel->y;
  int64_t xs[SHAPE_RANK_MAX], ys[SHAPE_RANK_MAX], start;

  value_strides (x, xs);
  value_strides (y, ys);
  start = a->start * ys[a->axis];
  ys[a->axis] *= a->step;
  memset (y->data, 0, value_bytes (y));
  strided_copy (&x->shape, element_at (y, start), y->dtype, ys, x->data, x->dtype, xs);
}

static bool
slice_prepare (struct kernel *kernel, GError **error)
{
  kernel->run = slice_run;
  kernel->implementation = "strided";
  return true;
}

static bool
unslice_prepare (struct kernel *kernel, GError **error)
{
  kernel->run = unslice_run;
  kernel->implementation = "zero, strided";
  return true;
}

sym
sym_slice (sym x, int axis, int64_t start, int64_t stop, int64_t step)
{
  struct shape shape = sym_shape (x);
  int64_t extent = axis >= 0 && axis < shape.rank ? shape.dim[axis] : 0;
  struct slice_attrs attrs = {axis, start < 0 ? start + extent : start, stop < 0 ? stop + extent : stop, step, 0};

  if (attrs.start == 0 && attrs.stop == extent && step == 1)
    return x;
  return graph_add (x.graph, &op_slice, &x, 1, &attrs);
}

sym
sym_unslice (sym x, int axis, int64_t start, int64_t step, int64_t extent)
{
  struct shape shape = sym_shape (x);
  int64_t count = axis >= 0 && axis < shape.rank ? shape.dim[axis] : 1;
  struct slice_attrs attrs = {axis, start, start + (count - 1) * step + 1, step, extent};

  if (attrs.start == 0 && step == 1 && attrs.stop == extent)
    return x;
  return graph_add (x.graph, &op_unslice, &x, 1, &attrs);
}

static const struct slice_attrs channels_2_9 = {1, 2, 9, 1}, rows_step_2 = {2, 1, 6, 2}, columns_last = {3, 4, 5, 1};
static const struct slice_attrs batch_step_3 = {0, 0, 5, 3}, empty = {1, 2, 2, 1}, beyond = {1, 0, 20, 1};
static const struct slice_attrs no_axis = {4, 0, 1, 1}, no_step = {0, 0, 1, 0};

static const struct op_case slice_cases[] = {
  {"channels", {SHAPE (2, 19, 3, 4)}, 1, &channels_2_9},
  {"every second row", {SHAPE (2, 3, 7, 4)}, 1, &rows_step_2},
  {"the last column", {SHAPE (1, 16, 4, 5)}, 1, &columns_last},
  {"every third of a batch", {SHAPE (5, 4)}, 1, &batch_step_3},
  {"empty", {SHAPE (2, 3)}, 1, &empty, .error = "indices 2 to 2 of axis 1, which has 3"},
  {"beyond the end", {SHAPE (2, 3)}, 1, &beyond, .error = "indices 0 to 20 of axis 1, which has 3"},
  {"no such axis", {SHAPE (2, 3)}, 1, &no_axis, .error = "axis 4 of an input of rank 2"},
  {"no step", {SHAPE (2, 3)}, 1, &no_step, .error = "step is 0"},
  {NULL},
};

static const struct slice_attrs into_channels = {1, 2, 9, 1, 19}, into_rows = {2, 1, 6, 2, 7},
                                into_batch = {0, 0, 5, 3, 5};

static const struct op_case unslice_cases[] = {
  {"channels", {SHAPE (2, 7, 3, 4)}, 1, &into_channels},
  {"every second row", {SHAPE (2, 3, 3, 4)}, 1, &into_rows},
  {"every third of a batch", {SHAPE (2, 4)}, 1, &into_batch},
  {"other count", {SHAPE (2, 3)}, 1, &into_channels, .error = "axis 1 has 3, the cut takes 7"},
  {NULL},
};

const struct op op_slice = {
  .name = "slice",
  .formula = "y = x[start : stop : step] along one axis",
  .min_inputs = 1,
  .max_inputs = 1,
  .attrs_size = sizeof (struct slice_attrs),
  .attrs = slice_options,
  .flags = OP_STRIDED,
  .shape = slice_shape,
  .reference = slice_reference,
  .gradient = slice_gradient,
  .prepare = slice_prepare,
  .cases = slice_cases,
};

const struct op op_unslice = {
  .name = "unslice",
  .formula = "y = 0; y[start : stop : step] = x along one axis",
  .min_inputs = 1,
  .max_inputs = 1,
  .attrs_size = sizeof (struct slice_attrs),
  .attrs = slice_options,
  .flags = OP_STRIDED,
  .shape = unslice_shape,
  .reference = unslice_reference,
  .gradient = unslice_gradient,
  .prepare = unslice_prepare,
  .cases = unslice_cases,
};

/* concat */

struct concat_attrs {
  int64_t axis;
};

static const struct option concat_options[] = {
  {"axis", OPTION_INT, offsetof (struct concat_attrs, axis), "the axis along which inputs follow each other",
   .max = SHAPE_RANK_MAX - 1},
  {NULL},
};

static bool
concat_shape (const void *attrs, const struct shape *const *x, int n_inputs, struct shape *y, GError **error)
{
  int64_t axis = ((const struct concat_attrs *) attrs)->axis;

  if (!axis_check (axis, x[0], error))
    return false;
  *y = *x[0];
  for (int k = 1; k < n_inputs; k++) {
    struct shape fit = *x[k];

    if (fit.rank == y->rank)
      fit.dim[axis] = y->dim[axis];
    if (!shape_equal (&fit, y)) {
      g_autofree char *first = shape_text (x[0]), *other = shape_text (x[k]);
      return op_fail (error, "input %d is %s, which differs from %s beside axis " I64, k, other, first, axis);
    }
    y->dim[axis] += x[k]->dim[axis];
  }
  return true;
}

static void
concat_reference (const struct op_call *call)
{
  int64_t axis = ((const struct concat_attrs *) call->attrs)->axis, offset = 0, at[SHAPE_RANK_MAX];

  for (int k = 0; k < call->n_inputs; k++) {
    for (int64_t flat = 0; flat < shape_size (call->x_shape[k]); flat++) {
      shape_unravel (flat, call->x_shape[k], at);
      at[axis] += offset;
      call->y[shape_ravel (at, call->y_shape)] = call->x[k][flat];
    }
    offset += call->x_shape[k]->dim[axis];
  }
}

static void
concat_gradient (const void *attrs, const sym *x, int n_inputs, sym y, sym dy, const bool *wanted, sym *dx)
{
  int64_t axis = ((const struct concat_attrs *) attrs)->axis, offset = 0;

  for (int k = 0; k < n_inputs; k++) {
    int64_t extent = sym_shape (x[k]).dim[axis];

    if (wanted[k])
      dx[k] = sym_slice (dy, (int) axis, offset, offset + extent, 1);
    offset += extent;
  }
}

static void
concat_run (const struct kernel *kernel, void *scratch, const struct run_context *context)
{
  int64_t axis = ((const struct concat_attrs *) kernel->attrs)->axis, offset = 0;
  const struct value *y = kernel->y;
  int64_t xs[SHAPE_RANK_MAX], ys[SHAPE_RANK_MAX];

  value_strides (y, ys);
  for (int k = 0; k < kernel->n_inputs; k++) {
    const struct value *x = kernel->x[k];

    value_strides (x, xs);
    strided_copy (&x->shape, element_at (y, offset * ys[axis]), y->dtype, ys, x->data, x->dtype, xs);
    offset += x->shape.dim[axis];
  }
}

static bool
concat_prepare (struct kernel *kernel, GError **error)
{
  kernel->run = concat_run;
  kernel->implementation = "strided";
  return true;
}

sym
sym_concat (const sym *x, int n, int axis)
{
  struct concat_attrs attrs = {axis};

  g_return_val_if_fail (n >= 1, ((sym){NULL, -1}));
  return n == 1 ? x[0] : graph_add (x[0].graph, &op_concat, x, n, &attrs);
}

static const struct concat_attrs axis_0 = {0}, axis_1 = {1}, axis_3 = {3};

static const struct op_case concat_cases[] = {
  {"channels", {SHAPE (2, 3, 4, 5), SHAPE (2, 16, 4, 5)}, 2, &axis_1},
  {"three of the batch", {SHAPE (1, 3, 4, 4), SHAPE (2, 3, 4, 4), SHAPE (1, 3, 4, 4)}, 3, &axis_0},
  {"columns", {SHAPE (1, 19, 3, 2), SHAPE (1, 19, 3, 1)}, 2, &axis_3},
  {"four vectors", {SHAPE (2), SHAPE (1), SHAPE (3), SHAPE (4)}, 4, &axis_0},
  {"other height", {SHAPE (1, 3, 4, 4), SHAPE (1, 3, 5, 4)}, 2, &axis_1, .error = "input 1 is (1, 3, 5, 4)"},
  {"other rank", {SHAPE (3, 4), SHAPE (3)}, 2, &axis_1, .error = "input 1 is (3)"},
  {"no such axis", {SHAPE (3), SHAPE (3)}, 2, &axis_1, .error = "axis 1 of an input of rank 1"},
  {NULL},
};

const struct op op_concat = {
  .name = "concat",
  .formula = "y = x0, x1, ... one after another along an axis",
  .min_inputs = 1,
  .max_inputs = G_MAXINT,
  .attrs_size = sizeof (struct concat_attrs),
  .attrs = concat_options,
  .flags = OP_STRIDED,
  .shape = concat_shape,
  .reference = concat_reference,
  .gradient = concat_gradient,
  .prepare = concat_prepare,
  .cases = concat_cases,
};

/* flip: its own inverse and its own gradient */

static const struct option flip_options[] = {
  {"axes", OPTION_INT, offsetof (struct reduce_attrs, axes), "bit mask of reversed axes, bit a = axis a",
   .max = AXES_ALL},
  {NULL},
};

static bool
flip_shape (const void *attrs, const struct shape *const *x, int n_inputs, struct shape *y, GError **error)
{
  const struct reduce_attrs *flip = attrs;

  *y = *x[0];
  return (flip->axes >= 0 && flip->axes >> y->rank == 0) ||
         op_fail (error, "axes 0x%x of a value of rank %d", (unsigned) flip->axes, y->rank);
}

static void
flip_reference (const struct op_call *call)
{
  int64_t axes = ((const struct reduce_attrs *) call->attrs)->axes, at[SHAPE_RANK_MAX];

  for (int64_t flat = 0; flat < shape_size (call->y_shape); flat++) {
    shape_unravel (flat, call->y_shape, at);
    for (int a = 0; a < call->y_shape->rank; a++)
      if (axes >> a & 1)
        at[a] = call->y_shape->dim[a] - 1 - at[a];
    call->y[flat] = call->x[0][shape_ravel (at, call->y_shape)];
  }
}

static void
flip_gradient (const void *attrs, const sym *x, int n_inputs, sym y, sym dy, const bool *wanted, sym *dx)
{
  dx[0] = graph_add (dy.graph, &op_flip, &dy, 1, attrs);
}

static void
flip_run (const struct kernel *kernel, void *scratch, const struct run_context *context)
{
  int64_t axes = ((const struct reduce_attrs *) kernel->attrs)->axes, start = 0;
  const struct value *x = kernel->x[0], *y = kernel->y;
  int64_t xs[SHAPE_RANK_MAX], ys[SHAPE_RANK_MAX];

  value_strides (x, xs);
  value_strides (y, ys);
  for (int a = 0; a < x->shape.rank; a++)
    if (axes >> a & 1) {
      start += (x->shape.dim[a] - 1) * xs[a];
      xs[a] = -xs[a];
    }
  strided_copy (&y->shape, y->data, y->dtype, ys, element_at (x, start), x->dtype, xs);
}

static bool
flip_prepare (struct kernel *kernel, GError **error)
{
  kernel->run = flip_run;
  kernel->implementation = "strided";
  return true;
}

sym
sym_flip (sym x, unsigned axes)
{
  return axes == 0 ? x : graph_add (x.graph, &op_flip, &x, 1, &(struct reduce_attrs){axes});
}

static const struct reduce_attrs flip_columns = {AXIS (3)}, flip_channels = {AXIS (1)}, flip_picture = {AXES_HW},
                                 flip_0 = {AXIS (0)};

static const struct op_case flip_cases[] = {
  {"columns", {SHAPE (2, 3, 4, 5)}, 1, &flip_columns},
  {"columns, 19 channels", {SHAPE (1, 19, 4, 9)}, 1, &flip_columns},
  {"channels", {SHAPE (2, 5, 3, 4)}, 1, &flip_channels},
  {"rows and columns", {SHAPE (1, 16, 5, 3)}, 1, &flip_picture},
  {"a long vector", {SHAPE (133)}, 1, &flip_0},
  {"no such axis", {SHAPE (2, 3)}, 1, &flip_picture, .error = "axes 0xc of a value of rank 2"},
  {NULL},
};

const struct op op_flip = {
  .name = "flip",
  .formula = "y = x with some axes backwards",
  .min_inputs = 1,
  .max_inputs = 1,
  .attrs_size = sizeof (struct reduce_attrs),
  .attrs = flip_options,
  .flags = OP_STRIDED,
  .shape = flip_shape,
  .reference = flip_reference,
  .gradient = flip_gradient,
  .prepare = flip_prepare,
  .cases = flip_cases,
};
