/* SPDX-License-Identifier: Apache-2.0
 *
 * Reductions: of run-time data by the graph's sum and max, of constants by a loop over their elements. Axes are an
 * attribute or, since opset 13 (ReduceSum) or 18, an input; no axes means all of them, unless noop_with_empty_axes. */
#include <math.h>

#include "onnx/geometry.h"
#include "onnx/rules.h"
#include "op/sym.h"

#define I64 "%" G_GINT64_FORMAT

/* --- Run-time data --- */

static sym
reduce_min (sym x, unsigned axes)
{
  return sym_neg (sym_max (sym_neg (x), axes));
}

/* Pairs are multiplied until one is left. */
static sym
product_along (sym x, int axis)
{
  for (int64_t n = sym_shape (x).dim[axis]; n > 1; n = n / 2 + n % 2) {
    sym half = sym_mul (sym_slice (x, axis, 0, n / 2, 1), sym_slice (x, axis, n / 2, n / 2 * 2, 1));
    sym rest = n % 2 ? sym_slice (x, axis, n - 1, n, 1) : half;

    x = n % 2 ? sym_concat ((const sym[]){half, rest}, 2, axis) : half;
  }
  return x;
}

static sym
reduce_prod (sym x, unsigned axes)
{
  for (int i = 0; i < sym_shape (x).rank; i++)
    if (axes >> i & 1)
      x = product_along (x, i);
  return x;
}

static sym
reduce_l1 (sym x, unsigned axes)
{
  return sym_sum (sym_abs (x), axes);
}

static sym
reduce_sum_square (sym x, unsigned axes)
{
  return sym_sum (sym_square (x), axes);
}

static sym
reduce_l2 (sym x, unsigned axes)
{
  return sym_sqrt (reduce_sum_square (x, axes));
}

static sym
reduce_log_sum (sym x, unsigned axes)
{
  return sym_log (sym_sum (x, axes));
}

static sym
reduce_log_sum_exp (sym x, unsigned axes)
{
  sym largest = sym_max (x, axes);

  return sym_add (largest, sym_log (sym_sum (sym_exp (sym_sub (x, largest)), axes)));
}

/* --- Constants: a sum or extremum of f(x), then g --- */

enum fold { FOLD_SUM, FOLD_PROD, FOLD_MAX, FOLD_MIN };

static double
same (double x)
{
  return x;
}

static double
square (double x)
{
  return x * x;
}

static const struct reduction {
  const char *op;
  sym (*build) (sym x, unsigned axes);
  enum fold fold;
  double (*before) (double x);
  double (*after) (double x);
  bool mean;
} reductions[] = {
  {"ReduceL1", reduce_l1, FOLD_SUM, fabs, same},         {"ReduceL2", reduce_l2, FOLD_SUM, square, sqrt},
  {"ReduceLogSum", reduce_log_sum, FOLD_SUM, same, log}, {"ReduceLogSumExp", reduce_log_sum_exp, FOLD_SUM, exp, log},
  {"ReduceMax", sym_max, FOLD_MAX, same, same},          {"ReduceMean", sym_mean, FOLD_SUM, same, same, true},
  {"ReduceMin", reduce_min, FOLD_MIN, same, same},       {"ReduceProd", reduce_prod, FOLD_PROD, same, same},
  {"ReduceSum", sym_sum, FOLD_SUM, same, same},          {"ReduceSumSquare", reduce_sum_square, FOLD_SUM, square, same},
};

static double
fold_double (enum fold fold, double y, double x)
{
  switch (fold) {
  case FOLD_SUM: return y + x;
  case FOLD_PROD: return y * x;
  case FOLD_MAX: return x > y || isnan (x) ? x : y;
  default: return x < y || isnan (x) ? x : y;
  }
}

static int64_t
fold_int (enum fold fold, int64_t y, int64_t x)
{
  switch (fold) {
  case FOLD_SUM: return (int64_t) ((uint64_t) y + (uint64_t) x);
  case FOLD_PROD: return (int64_t) ((uint64_t) y * (uint64_t) x);
  case FOLD_MAX: return MAX (x, y);
  default: return MIN (x, y);
  }
}

static const double starts[] = {[FOLD_SUM] = 0, [FOLD_PROD] = 1, [FOLD_MAX] = -INFINITY, [FOLD_MIN] = INFINITY};
static const int64_t int_starts[] = {[FOLD_SUM] = 0, [FOLD_PROD] = 1, [FOLD_MAX] = G_MININT64, [FOLD_MIN] = G_MAXINT64};

/* The element of a reduced shape (extents of 1 at the axes) that element @flat of @from goes to. */
static int64_t
reduced_index (const struct shape *from, unsigned axes, int64_t flat)
{
  int64_t index = 0, stride = 1;

  for (int i = from->rank - 1; i >= 0; i--) {
    if (!(axes >> i & 1)) {
      index += flat % from->dim[i] * stride;
      stride *= from->dim[i];
    }
    flat /= from->dim[i];
  }
  return index;
}

/* Whole numbers stay such in sums, products and extrema of themselves. */
static struct onnx_constant *
reduce_constant (struct onnx_node *node, const struct reduction *reduction, unsigned axes, struct shape shape,
                 GError **error)
{
  const struct onnx_constant *x = onnx_node_constant (node, 0);
  struct onnx_constant *y = onnx_node_new_constant (node, x->type, shape, error);
  bool whole = x->ints && reduction->before == same && reduction->after == same && !reduction->mean;
  double share = y && x->count > 0 ? (double) y->count / (double) x->count : 1;
  g_autofree double *sums = NULL;
  g_autofree int64_t *whole_sums = NULL;

  if (y == NULL)
    return NULL;
  sums = g_try_new (double, y->count + 1);
  whole_sums = g_try_new (int64_t, y->count + 1);
  if (sums == NULL || whole_sums == NULL) {
    onnx_constant_unref (y);
    onnx_node_fail (node, error, "out of memory");
    return NULL;
  }
  for (int64_t i = 0; i < y->count; i++) {
    sums[i] = starts[reduction->fold];
    whole_sums[i] = int_starts[reduction->fold];
  }
  for (int64_t i = 0; i < x->count; i++) {
    int64_t k = reduced_index (&x->shape, axes, i);

    if (whole)
      whole_sums[k] = fold_int (reduction->fold, whole_sums[k], x->ints[i]);
    else
      sums[k] = fold_double (reduction->fold, sums[k], reduction->before (onnx_constant_float (x, i)));
  }
  for (int64_t i = 0; i < y->count; i++)
    if (whole)
      onnx_constant_set_int (y, i, whole_sums[i]);
    else
      onnx_constant_set_float (y, i, reduction->after (reduction->mean ? sums[i] * share : sums[i]));
  return y;
}

/* --- Both --- */

/* @shape without the axes, or with extents of 1 there. */
static struct shape
reduced_shape (struct shape shape, unsigned axes, bool keep)
{
  struct shape reduced = {0};

  for (int i = 0; i < shape.rank; i++)
    if (!(axes >> i & 1))
      reduced.dim[reduced.rank++] = shape.dim[i];
    else if (keep)
      reduced.dim[reduced.rank++] = 1;
  return reduced;
}

static bool
build_reduce (struct onnx_node *node, GError **error)
{
  struct shape from = onnx_node_shape (node, 0), to;
  bool keep = onnx_node_int (node, "keepdims", 1) != 0, given;
  const struct reduction *reduction = reductions;
  unsigned axes;

  while (!g_str_equal (reduction->op, onnx_node_op (node)))
    reduction++;
  if (!onnx_node_axes (node, "axes", 1, from.rank, &axes, &given, error))
    return false;
  if (axes == 0 && onnx_node_int (node, "noop_with_empty_axes", 0) == 0)
    axes = (1u << from.rank) - 1;
  to = reduced_shape (from, axes, keep);
  if (onnx_node_constant (node, 0))
    return onnx_node_give (node, 0, reduce_constant (node, reduction, axes, to, error));
  onnx_node_set (node, 0, sym_reshape (reduction->build (onnx_node_sym (node, 0), axes), to));
  return true;
}

/* --- The place of an extremum --- */

/* The first or last place of the largest: the largest of the places, counted from the wanted end, where x is
 * largest. */
static bool
arg_graph (struct onnx_node *node, int axis, bool least, bool last, struct shape to, GError **error)
{
  struct shape from = onnx_node_shape (node, 0), line = {.rank = from.rank};
  int64_t n = from.dim[axis];
  sym x = least ? sym_neg (onnx_node_sym (node, 0)) : onnx_node_sym (node, 0), y;
  g_autoptr (tensor) places = NULL;

  if (n > 1 << 24)
    return onnx_node_fail (node, error, "an axis of " I64 " is too long", n);
  for (int i = 0; i < line.rank; i++)
    line.dim[i] = i == axis ? n : 1;
  places = tensor_new (line, DTYPE_F32, error);
  if (places == NULL)
    return false;
  for (int64_t i = 0; i < n; i++)
    tensor_floats (places)[i] = (float) (last ? i : n - 1 - i);
  y = sym_mul (sym_equal (x, sym_max (x, AXIS (axis))), onnx_node_parameter (node, "places", places));
  y = sym_max (y, AXIS (axis));
  y = last ? y : sym_affine (y, -1, n - 1);
  onnx_node_set_typed (node, 0, sym_reshape (y, to), ONNX_INT64);
  return true;
}

static bool
arg_constant (struct onnx_node *node, int axis, bool least, bool last, struct shape to, GError **error)
{
  const struct onnx_constant *x = onnx_node_constant (node, 0);
  struct onnx_constant *y;
  int64_t stride[SHAPE_RANK_MAX], n = x->shape.dim[axis];

  if (n == 0)
    return onnx_node_fail (node, error, "axis %d is empty", axis);
  y = onnx_node_new_constant (node, ONNX_INT64, to, error);
  onnx_strides (&x->shape, stride);
  for (int64_t i = 0; y && i < y->count; i++) {
    int64_t first = i / stride[axis] * stride[axis] * n + i % stride[axis], best = 0;

    for (int64_t k = 1; k < n; k++) {
      double here = onnx_constant_float (x, first + k * stride[axis]);
      double before = onnx_constant_float (x, first + best * stride[axis]);

      if (here == before ? last : least ? here < before : here > before)
        best = k;
    }
    onnx_constant_set_int (y, i, best);
  }
  return onnx_node_give (node, 0, y);
}

static bool
build_arg (struct onnx_node *node, GError **error)
{
  struct shape from = onnx_node_shape (node, 0), to;
  bool least = g_str_equal (onnx_node_op (node), "ArgMin"), last = onnx_node_int (node, "select_last_index", 0) != 0;
  int axis;

  if (!onnx_node_axis (node, onnx_node_int (node, "axis", 0), from.rank, &axis, error))
    return false;
  to = reduced_shape (from, AXIS (axis), onnx_node_int (node, "keepdims", 1) != 0);
  return onnx_node_constant (node, 0) ? arg_constant (node, axis, least, last, to, error)
                                      : arg_graph (node, axis, least, last, to, error);
}

const struct onnx_rule onnx_rules_reduce[] = {
  {"ArgMax", build_arg, 1},
  {"ArgMin", build_arg, 1},
  {"ReduceL1", build_reduce, 1},
  {"ReduceL2", build_reduce, 1},
  {"ReduceLogSum", build_reduce, 1},
  {"ReduceLogSumExp", build_reduce, 1},
  {"ReduceMax", build_reduce, 1},
  {"ReduceMean", build_reduce, 1},
  {"ReduceMin", build_reduce, 1},
  {"ReduceProd", build_reduce, 1},
  {"ReduceSum", build_reduce, 1},
  {"ReduceSumSquare", build_reduce, 1},
  {NULL},
};
