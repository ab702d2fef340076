/* SPDX-License-Identifier: Apache-2.0
 *
 * depth_to_space (pixel shuffle) and space_to_depth: a block of b x b pixels against b b channels,
 *
 *   space (n, c, h b + i, w b + j) = depth (n, c b b + i b + j, h, w)
 *
 * Each only moves values and is the other's gradient. One strided copy over the six axes (n, c, h, i, w, j) does it in
 * any layout, where reshapes and a permutation would force channels-last pictures through row-major copies. */
#include <string.h>

#include "device/kernel.h"
#include "op/sym.h"
#include "op/table.h"

#define I64 "%" G_GINT64_FORMAT

struct depth_attrs {
  int64_t block;
};

static const struct option depth_options[] = {
  {"block", OPTION_INT, offsetof (struct depth_attrs, block), "side of a block in pixels", .min = 1, .max = 1024,
   .fallback = 2},
  {NULL},
};

static bool
check (int64_t block, const struct shape *x, GError **error)
{
  if (block < 1 || block > 1024)
    return op_fail (error, "block is " I64 ", wants 1 to 1024", block);
  return x->rank == 4 || op_fail (error, "input has rank %d, wants (n, c, h, w)", x->rank);
}

static bool
to_space_shape (const void *attrs, const struct shape *const *x, int n_inputs, struct shape *y, GError **error)
{
  int64_t b = ((const struct depth_attrs *) attrs)->block;
  const int64_t *dim = x[0]->dim;

  if (!check (b, x[0], error))
    return false;
  if (dim[1] % (b * b) != 0)
    return op_fail (error, "input has " I64 " channels, wants a multiple of " I64, dim[1], b * b);
  *y = SHAPE (dim[0], dim[1] / (b * b), dim[2] * b, dim[3] * b);
  return true;
}

static bool
to_depth_shape (const void *attrs, const struct shape *const *x, int n_inputs, struct shape *y, GError **error)
{
  int64_t b = ((const struct depth_attrs *) attrs)->block;
  const int64_t *dim = x[0]->dim;

  if (!check (b, x[0], error))
    return false;
  if (dim[2] % b != 0 || dim[3] % b != 0)
    return op_fail (error, "input is " I64 " x " I64 " pixels, wants multiples of " I64, dim[2], dim[3], b);
  *y = SHAPE (dim[0], dim[1] * b * b, dim[2] / b, dim[3] / b);
  return true;
}

/* Visits every element of the @space picture (rows y, columns x) and its place in the deep one. */
static void
walk (const struct op_call *call, const struct shape *space, bool to_space)
{
  int64_t b = ((const struct depth_attrs *) call->attrs)->block, at = 0;
  int64_t c = space->dim[1], h = space->dim[2], w = space->dim[3];

  for (int64_t k = 0; k < space->dim[0] * c; k++) /* picture and channel */
    for (int64_t y = 0; y < h; y++)
      for (int64_t x = 0; x < w; x++, at++) {
        int64_t channel = k * b * b + y % b * b + x % b, deep = (channel * (h / b) + y / b) * (w / b) + x / b;

        if (to_space)
          call->y[at] = call->x[0][deep];
        else
          call->y[deep] = call->x[0][at];
      }
}

static void
to_space_reference (const struct op_call *call)
{
  walk (call, call->y_shape, true);
}

static void
to_depth_reference (const struct op_call *call)
{
  walk (call, call->x_shape[0], false);
}

static void
to_space_gradient (const void *attrs, const sym *x, int n_inputs, sym y, sym dy, const bool *wanted, sym *dx)
{
  dx[0] = graph_add (dy.graph, &op_space_to_depth, &dy, 1, attrs);
}

static void
to_depth_gradient (const void *attrs, const sym *x, int n_inputs, sym y, sym dy, const bool *wanted, sym *dx)
{
  dx[0] = graph_add (dy.graph, &op_depth_to_space, &dy, 1, attrs);
}

/* Both pictures seen as (n, c, h, i, w, j). */
static void
split (const struct value *space, const struct value *deep, int64_t b, struct shape *shape, int64_t *space_strides,
       int64_t *deep_strides)
{
  const int64_t *dim = space->shape.dim;
  int64_t s[SHAPE_RANK_MAX], d[SHAPE_RANK_MAX];

  value_strides (space, s);
  value_strides (deep, d);
  *shape = SHAPE (dim[0], dim[1], dim[2] / b, b, dim[3] / b, b);
  memcpy (space_strides, ((int64_t[]){s[0], s[1], s[2] * b, s[2], s[3] * b, s[3]}), 6 * sizeof *s);
  memcpy (deep_strides, ((int64_t[]){d[0], d[1] * b * b, d[2], d[1] * b, d[3], d[1]}), 6 * sizeof *d);
}

static void
to_space_run (const struct kernel *kernel, void *scratch, const struct run_context *context)
{
  const struct value *x = kernel->x[0], *y = kernel->y;
  int64_t xs[6], ys[6];
  struct shape shape;

  split (y, x, ((const struct depth_attrs *) kernel->attrs)->block, &shape, ys, xs);
  strided_copy (&shape, y->data, y->dtype, ys, x->data, x->dtype, xs);
}

static void
to_depth_run (const struct kernel *kernel, void *scratch, const struct run_context *context)
{
  const struct value *x = kernel->x[0], *y = kernel->y;
  int64_t xs[6], ys[6];
  struct shape shape;

  split (x, y, ((const struct depth_attrs *) kernel->attrs)->block, &shape, xs, ys);
  strided_copy (&shape, y->data, y->dtype, ys, x->data, x->dtype, xs);
}

static bool
to_space_prepare (struct kernel *kernel, GError **error)
{
  kernel->run = to_space_run;
  kernel->implementation = "strided";
  return true;
}

static bool
to_depth_prepare (struct kernel *kernel, GError **error)
{
  kernel->run = to_depth_run;
  kernel->implementation = "strided";
  return true;
}

sym
sym_depth_to_space (sym x, int block)
{
  struct depth_attrs attrs = {block};

  return block == 1 ? x : graph_add (x.graph, &op_depth_to_space, &x, 1, &attrs);
}

sym
sym_space_to_depth (sym x, int block)
{
  struct depth_attrs attrs = {block};

  return block == 1 ? x : graph_add (x.graph, &op_space_to_depth, &x, 1, &attrs);
}

static const struct depth_attrs two = {2}, three = {3}, none = {0};

static const struct op_case to_space_cases[] = {
  {"block 2", {SHAPE (2, 12, 3, 5)}, 1, &two},
  {"block 2, 16 channels out", {SHAPE (1, 64, 2, 3)}, 1, &two},
  {"block 3 to 1 channel", {SHAPE (2, 9, 4, 3)}, 1, &three},
  {"odd channels", {SHAPE (1, 6, 4, 4)}, 1, &two, .error = "6 channels, wants a multiple of 4"},
  {"a matrix", {SHAPE (4, 4)}, 1, &two, .error = "rank 2"},
  {"block 0", {SHAPE (1, 4, 4, 4)}, 1, &none, .error = "block is 0"},
  {NULL},
};

static const struct op_case to_depth_cases[] = {
  {"block 2", {SHAPE (2, 3, 6, 10)}, 1, &two},
  {"block 2, 16 channels", {SHAPE (1, 16, 4, 6)}, 1, &two},
  {"block 3, 1 channel", {SHAPE (2, 1, 12, 9)}, 1, &three},
  {"odd width", {SHAPE (1, 3, 4, 5)}, 1, &two, .error = "4 x 5 pixels, wants multiples of 2"},
  {NULL},
};

const struct op op_depth_to_space = {
  .name = "depth_to_space",
  .formula = "y(n, c, h b + i, w b + j) = x(n, c b b + i b + j, h, w)",
  .min_inputs = 1,
  .max_inputs = 1,
  .attrs_size = sizeof (struct depth_attrs),
  .attrs = depth_options,
  .flags = OP_STRIDED,
  .shape = to_space_shape,
  .reference = to_space_reference,
  .gradient = to_space_gradient,
  .prepare = to_space_prepare,
  .cases = to_space_cases,
};

const struct op op_space_to_depth = {
  .name = "space_to_depth",
  .formula = "y(n, c b b + i b + j, h, w) = x(n, c, h b + i, w b + j)",
  .min_inputs = 1,
  .max_inputs = 1,
  .attrs_size = sizeof (struct depth_attrs),
  .attrs = depth_options,
  .flags = OP_STRIDED,
  .shape = to_depth_shape,
  .reference = to_depth_reference,
  .gradient = to_depth_gradient,
  .prepare = to_depth_prepare,
  .cases = to_depth_cases,
};
