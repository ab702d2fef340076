/* SPDX-License-Identifier: Apache-2.0
 *
 * Constants from nothing (Constant, Range, ...) and by index (GatherElements, ScatterND, NonZero, Pad ...): what
 * exporters write to compute paddings, sizes, grids and masks. Run-time data never comes here. */
#include <math.h>
#include <string.h>

#include "onnx/geometry.h"
#include "onnx/rules.h"

#define I64 "%" G_GINT64_FORMAT

/* --- From nothing --- */

/* The one attribute among value, value_int, value_ints, value_float, value_floats. */
static bool
evaluate_constant (struct onnx_node *node, GError **error)
{
  struct onnx_constant *constant = NULL;
  const int64_t *ints;
  const float *floats;
  int n;

  if (onnx_node_has (node, "value")) {
    constant = onnx_node_tensor (node, "value");
    if (constant)
      onnx_node_set_constant (node, 0, constant);
    return true; /* a tensor that is not there is a mistake of the node */
  }
  if (onnx_node_has (node, "value_int")) {
    constant = onnx_node_new_constant (node, ONNX_INT64, SHAPE_SCALAR, error);
    if (constant)
      onnx_constant_set_int (constant, 0, onnx_node_int (node, "value_int", 0));
  } else if (onnx_node_has (node, "value_float")) {
    constant = onnx_node_new_constant (node, ONNX_FLOAT, SHAPE_SCALAR, error);
    if (constant)
      onnx_constant_set_float (constant, 0, onnx_node_float (node, "value_float", 0));
  } else if (onnx_node_has (node, "value_ints")) {
    ints = onnx_node_ints (node, "value_ints", &n);
    constant = onnx_constant_new_ints (ints, n, error);
  } else if (onnx_node_has (node, "value_floats")) {
    floats = onnx_node_floats (node, "value_floats", &n);
    constant = onnx_node_new_constant (node, ONNX_FLOAT, SHAPE (n), error);
    for (int i = 0; constant && i < n; i++)
      onnx_constant_set_float (constant, i, floats[i]);
  } else
    return onnx_node_fail (node, error, "has no value that is supported: no tensor, no numbers");
  return onnx_node_give (node, 0, constant);
}

static bool
evaluate_constant_of_shape (struct onnx_node *node, GError **error)
{
  struct onnx_constant *value = onnx_node_tensor (node, "value"), *constant;
  struct shape shape;
  const int64_t *dim;
  int n;

  if (!onnx_node_input_ints (node, 0, &dim, &n, error))
    return false;
  if (n > SHAPE_RANK_MAX || (value && value->count != 1))
    return onnx_node_fail (node, error, "makes %d axes (%d are supported) of " I64 " values", n, SHAPE_RANK_MAX,
                           value ? value->count : 1);
  shape = (struct shape){.rank = n};
  for (int i = 0; i < n; i++)
    shape.dim[i] = dim[i];
  constant = onnx_node_new_constant (node, value ? value->type : ONNX_FLOAT, shape, error);
  for (int64_t i = 0; constant && value && i < constant->count; i++)
    onnx_constant_copy (constant, i, value, 0);
  return onnx_node_give (node, 0, constant);
}

/* start, start + delta, ... before limit. */
static bool
evaluate_range (struct onnx_node *node, GError **error)
{
  const struct onnx_constant *part[3];
  struct onnx_constant *range;
  double count;

  for (int i = 0; i < 3; i++) {
    part[i] = onnx_node_constant (node, i);
    if (part[i]->count != 1 || part[i]->type != part[0]->type)
      return onnx_node_fail (node, error, "input %d is no number of the type of the first", i);
  }
  count =
    ceil ((onnx_constant_float (part[1], 0) - onnx_constant_float (part[0], 0)) / onnx_constant_float (part[2], 0));
  if (isnan (count) || count > 1e12)
    return onnx_node_fail (node, error, "the range has no end");
  range = onnx_node_new_constant (node, part[0]->type, SHAPE (count > 0 ? (int64_t) count : 0), error);
  for (int64_t i = 0; range && i < range->count; i++)
    if (range->ints) {
      uint64_t offset = (uint64_t) i * (uint64_t) part[2]->ints[0];

      onnx_constant_set_int (range, i, (int64_t) ((uint64_t) part[0]->ints[0] + offset));
    } else
      onnx_constant_set_float (range, i,
                               onnx_constant_float (part[0], 0) + (double) i * onnx_constant_float (part[2], 0));
  return onnx_node_give (node, 0, range);
}

/* --- By index --- */

/* @k counted from the end when negative; -1 when there is no such place. */
static int64_t
place (int64_t k, int64_t extent)
{
  k = k < 0 ? k + extent : k;
  return k >= 0 && k < extent ? k : -1;
}

/* Where element @flat of @shape lies in an array of strides @stride, its index along @axis replaced by @k. */
static int64_t
replaced_index (const struct shape *shape, const int64_t *stride, int64_t flat, int axis, int64_t k)
{
  int64_t index = 0;

  for (int i = shape->rank - 1; i >= 0; i--) {
    index += (i == axis ? k : flat % shape->dim[i]) * stride[i];
    flat /= shape->dim[i];
  }
  return index;
}

/* GatherElements, ScatterElements: the shape of the indices fits into that of the data beside the axis. */
static bool
check_elements (struct onnx_node *node, int64_t default_axis, int *axis, GError **error)
{
  struct shape data = onnx_node_shape (node, 0), by = onnx_node_shape (node, 1);

  if (!onnx_node_axis (node, onnx_node_int (node, "axis", default_axis), data.rank, axis, error))
    return false;
  if (by.rank != data.rank)
    return onnx_node_fail (node, error, "the indices have rank %d, the data %d", by.rank, data.rank);
  for (int i = 0; i < data.rank; i++)
    if (i != *axis && by.dim[i] > data.dim[i])
      return onnx_node_fail (node, error, "axis %d has " I64 " indices for " I64, i, by.dim[i], data.dim[i]);
  return true;
}

static bool
evaluate_gather_elements (struct onnx_node *node, GError **error)
{
  const struct onnx_constant *data = onnx_node_constant (node, 0), *index = onnx_node_constant (node, 1);
  g_autoptr (onnx_constant) result = NULL;
  int64_t stride[SHAPE_RANK_MAX];
  int axis;

  if (!check_elements (node, 0, &axis, error))
    return false;
  onnx_strides (&data->shape, stride);
  result = onnx_node_new_constant (node, data->type, index->shape, error);
  for (int64_t i = 0; result && i < result->count; i++) {
    int64_t k = place (onnx_constant_int (index, i), data->shape.dim[axis]);

    if (k < 0)
      return onnx_node_fail (node, error, "index " I64 " of an axis of " I64, onnx_constant_int (index, i),
                             data->shape.dim[axis]);
    onnx_constant_copy (result, i, data, replaced_index (&index->shape, stride, i, axis, k));
  }
  return onnx_node_give (node, 0, g_steal_pointer (&result));
}

/* A copy of input 0 that may be changed. */
static struct onnx_constant *
copy_data (struct onnx_node *node, GError **error)
{
  const struct onnx_constant *data = onnx_node_constant (node, 0);
  struct onnx_constant *copy = onnx_node_new_constant (node, data->type, data->shape, error);

  for (int64_t i = 0; copy && i < copy->count; i++)
    onnx_constant_copy (copy, i, data, i);
  return copy;
}

/* to[i] := from[k], or their sum, product, extremum. */
static bool
scatter_one (struct onnx_node *node, const char *how, struct onnx_constant *to, int64_t i,
             const struct onnx_constant *from, int64_t k, GError **error)
{
  double a = onnx_constant_float (to, i), b = onnx_constant_float (from, k);

  if (g_str_equal (how, "none"))
    onnx_constant_copy (to, i, from, k);
  else if (g_str_equal (how, "add"))
    onnx_constant_set_float (to, i, a + b);
  else if (g_str_equal (how, "mul"))
    onnx_constant_set_float (to, i, a * b);
  else if (g_str_equal (how, "max"))
    onnx_constant_set_float (to, i, fmax (a, b));
  else if (g_str_equal (how, "min"))
    onnx_constant_set_float (to, i, fmin (a, b));
  else
    return onnx_node_fail (node, error, "reduction '%.20s'", how);
  return true;
}

static bool
check_updates (struct onnx_node *node, const struct shape *want, GError **error)
{
  const struct onnx_constant *updates = onnx_node_constant (node, 2);

  if (updates->type == onnx_node_constant (node, 0)->type && shape_equal (&updates->shape, want))
    return true;
  g_autofree char *have = shape_text (&updates->shape), *wants = shape_text (want);
  return onnx_node_fail (node, error, "the updates are %s, wants %s of the type of the data", have, wants);
}

static bool
evaluate_scatter_elements (struct onnx_node *node, GError **error)
{
  const struct onnx_constant *index = onnx_node_constant (node, 1), *updates = onnx_node_constant (node, 2);
  const char *how = onnx_node_string (node, "reduction", "none");
  g_autoptr (onnx_constant) result = NULL;
  int64_t stride[SHAPE_RANK_MAX];
  int axis;

  if (!check_elements (node, 0, &axis, error) || !check_updates (node, &index->shape, error))
    return false;
  result = copy_data (node, error);
  if (result == NULL)
    return false;
  onnx_strides (&result->shape, stride);
  for (int64_t i = 0; i < index->count; i++) {
    int64_t k = place (onnx_constant_int (index, i), result->shape.dim[axis]);

    if (k < 0)
      return onnx_node_fail (node, error, "index " I64 " of an axis of " I64, onnx_constant_int (index, i),
                             result->shape.dim[axis]);
    if (!scatter_one (node, how, result, replaced_index (&index->shape, stride, i, axis, k), updates, i, error))
      return false;
  }
  return onnx_node_give (node, 0, g_steal_pointer (&result));
}

/* GatherND and ScatterND: the last axis of the indices addresses the first axes of the data, behind @batch common ones.
 * *@run: elements that an address names; *@depth: axes that it has; *@shape: of what is gathered or scattered. */
static bool
check_addresses (struct onnx_node *node, int batch, int *depth, int64_t *run, struct shape *shape, GError **error)
{
  struct shape data = onnx_node_shape (node, 0), by = onnx_node_shape (node, 1);

  if (by.rank < 1 || batch < 0 || batch >= by.rank || by.dim[by.rank - 1] > data.rank - batch)
    return onnx_node_fail (node, error, "addresses of rank %d with %d batch axes for data of rank %d", by.rank, batch,
                           data.rank);
  *depth = (int) by.dim[by.rank - 1];
  *run = 1;
  *shape = by;
  shape->rank = by.rank - 1;
  for (int i = 0; i < batch; i++)
    if (by.dim[i] != data.dim[i])
      return onnx_node_fail (node, error, "batch axis %d has " I64 " and " I64, i, data.dim[i], by.dim[i]);
  for (int i = batch + *depth; i < data.rank; i++) {
    if (shape->rank == SHAPE_RANK_MAX)
      return onnx_node_fail (node, error, "makes more than %d axes", SHAPE_RANK_MAX);
    shape->dim[shape->rank++] = data.dim[i];
    *run *= data.dim[i];
  }
  return true;
}

/* Where the @a-th address leads: the flat index of the first element; -1 when outside. */
static int64_t
address (const struct onnx_constant *index, int64_t a, const struct shape *data, int batch, int64_t batch_index,
         int depth)
{
  int64_t at = batch_index;

  for (int i = 0; i < depth; i++) {
    int64_t k = place (onnx_constant_int (index, a * depth + i), data->dim[batch + i]);

    if (k < 0)
      return -1;
    at = at * data->dim[batch + i] + k;
  }
  return at;
}

static bool
evaluate_gather_nd (struct onnx_node *node, GError **error)
{
  const struct onnx_constant *data = onnx_node_constant (node, 0), *index = onnx_node_constant (node, 1);
  int batch = (int) CLAMP (onnx_node_int (node, "batch_dims", 0), -1, SHAPE_RANK_MAX), depth = 0;
  g_autoptr (onnx_constant) result = NULL;
  int64_t run = 1, batches = 1, n;
  struct shape shape;

  if (!check_addresses (node, batch, &depth, &run, &shape, error))
    return false;
  result = onnx_node_new_constant (node, data->type, shape, error);
  if (result == NULL || result->count == 0)
    return onnx_node_give (node, 0, g_steal_pointer (&result));
  for (int i = 0; i < batch; i++)
    batches *= data->shape.dim[i];
  n = result->count / run;
  for (int64_t a = 0; a < n; a++) {
    int64_t from = address (index, a, &data->shape, batch, a / (n / batches), depth);

    if (from < 0)
      return onnx_node_fail (node, error, "address " I64 " leads outside", a);
    for (int64_t i = 0; i < run; i++)
      onnx_constant_copy (result, a * run + i, data, from * run + i);
  }
  return onnx_node_give (node, 0, g_steal_pointer (&result));
}

static bool
evaluate_scatter_nd (struct onnx_node *node, GError **error)
{
  const struct onnx_constant *index = onnx_node_constant (node, 1), *updates = onnx_node_constant (node, 2);
  const char *how = onnx_node_string (node, "reduction", "none");
  g_autoptr (onnx_constant) result = NULL;
  struct shape shape;
  int64_t run = 1, n;
  int depth = 0;

  if (!check_addresses (node, 0, &depth, &run, &shape, error) || !check_updates (node, &shape, error))
    return false;
  result = copy_data (node, error);
  if (result == NULL)
    return false;
  n = updates->count > 0 ? updates->count / run : 0;
  for (int64_t a = 0; a < n; a++) {
    int64_t to = address (index, a, &result->shape, 0, 0, depth);

    if (to < 0)
      return onnx_node_fail (node, error, "address " I64 " leads outside", a);
    for (int64_t i = 0; i < run; i++)
      if (!scatter_one (node, how, result, to * run + i, updates, a * run + i, error))
        return false;
  }
  return onnx_node_give (node, 0, g_steal_pointer (&result));
}

/* (rank, found): the places of what is not zero, in row-major order. */
static bool
evaluate_non_zero (struct onnx_node *node, GError **error)
{
  const struct onnx_constant *x = onnx_node_constant (node, 0);
  int64_t found = 0, k = 0;
  struct onnx_constant *places;
  int rank = MAX (x->shape.rank, 1);

  for (int64_t i = 0; i < x->count; i++)
    found += onnx_constant_float (x, i) != 0;
  places = onnx_node_new_constant (node, ONNX_INT64, SHAPE (rank, found), error);
  for (int64_t i = 0; places && i < x->count; i++) {
    int64_t left = i;

    if (onnx_constant_float (x, i) == 0)
      continue;
    for (int a = rank - 1; a >= 0; a--) {
      int64_t extent = a < x->shape.rank ? x->shape.dim[a] : 1;

      onnx_constant_set_int (places, a * found + k, left % extent);
      left /= extent;
    }
    k++;
  }
  return onnx_node_give (node, 0, places);
}

static bool
evaluate_cum_sum (struct onnx_node *node, GError **error)
{
  const struct onnx_constant *x = onnx_node_constant (node, 0);
  bool exclusive = onnx_node_int (node, "exclusive", 0) != 0, reverse = onnx_node_int (node, "reverse", 0) != 0;
  struct onnx_constant *y;
  int64_t stride[SHAPE_RANK_MAX], lines;
  const int64_t *list;
  int n, axis;

  if (!onnx_node_input_ints (node, 1, &list, &n, error))
    return false;
  if (n != 1 || !onnx_node_axis (node, list[0], x->shape.rank, &axis, error))
    return n == 1 ? false : onnx_node_fail (node, error, "has %d axes, wants 1", n);
  y = onnx_node_new_constant (node, x->type, x->shape, error);
  if (y == NULL || y->count == 0)
    return onnx_node_give (node, 0, y);
  onnx_strides (&x->shape, stride);
  lines = x->count / x->shape.dim[axis];
  for (int64_t line = 0; line < lines; line++) {
    int64_t first = line / stride[axis] * stride[axis] * x->shape.dim[axis] + line % stride[axis];
    double sum = 0;
    uint64_t whole = 0;

    for (int64_t i = 0; i < x->shape.dim[axis]; i++) {
      int64_t at = first + (reverse ? x->shape.dim[axis] - 1 - i : i) * stride[axis];
      double before = sum;
      uint64_t whole_before = whole;

      if (x->ints) {
        whole += (uint64_t) x->ints[at];
        onnx_constant_set_int (y, at, (int64_t) (exclusive ? whole_before : whole));
      } else {
        sum += onnx_constant_float (x, at);
        onnx_constant_set_float (y, at, exclusive ? before : sum);
      }
    }
  }
  return onnx_node_give (node, 0, y);
}

/* indices, depth, (off, on): a new axis. */
static bool
evaluate_one_hot (struct onnx_node *node, GError **error)
{
  const struct onnx_constant *index = onnx_node_constant (node, 0), *values = onnx_node_constant (node, 2);
  struct shape shape = index->shape;
  int64_t depth, inner = 1;
  struct onnx_constant *hot;
  const int64_t *list;
  int n, axis;

  if (!onnx_node_input_ints (node, 1, &list, &n, error))
    return false;
  if (n != 1 || list[0] < 1 || values->count != 2 || shape.rank == SHAPE_RANK_MAX)
    return onnx_node_fail (node, error, "wants a depth of 1 or more and two values");
  depth = list[0];
  if (!onnx_node_axis (node, onnx_node_int (node, "axis", -1), shape.rank + 1, &axis, error))
    return false;
  for (int i = shape.rank++; i > axis; i--)
    inner *= shape.dim[i] = shape.dim[i - 1];
  shape.dim[axis] = depth;
  hot = onnx_node_new_constant (node, values->type, shape, error);
  for (int64_t i = 0; hot && i < hot->count; i++) {
    int64_t k = i / inner % depth, which = i / inner / depth * inner + i % inner;

    onnx_constant_copy (hot, i, values, place (onnx_constant_int (index, which), depth) == k);
  }
  return onnx_node_give (node, 0, hot);
}

/* Elements where the condition holds, along an axis or of the flat data. */
static bool
evaluate_compress (struct onnx_node *node, GError **error)
{
  const struct onnx_constant *data = onnx_node_constant (node, 0), *condition = onnx_node_constant (node, 1);
  struct shape shape = data->shape;
  int64_t extent = data->count, inner = 1, kept = 0, at = 0;
  struct onnx_constant *result;
  int axis = 0;

  if (onnx_node_has (node, "axis")) {
    if (!onnx_node_axis (node, onnx_node_int (node, "axis", 0), shape.rank, &axis, error))
      return false;
    extent = shape.dim[axis];
    for (int i = axis + 1; i < shape.rank; i++)
      inner *= shape.dim[i];
  } else
    shape = SHAPE (data->count);
  for (int64_t i = 0; i < MIN (condition->count, extent); i++)
    kept += onnx_constant_int (condition, i) != 0;
  shape.dim[axis] = kept;
  result = onnx_node_new_constant (node, data->type, shape, error);
  for (int64_t i = 0; result && i < data->count; i++) {
    int64_t k = i / inner % extent;

    if (k < condition->count && onnx_constant_int (condition, k) != 0)
      onnx_constant_copy (result, at++, data, i);
  }
  return onnx_node_give (node, 0, result);
}

const struct onnx_rule onnx_evaluations_index[] = {
  {"Compress", evaluate_compress, 2},
  {"Constant", evaluate_constant, 0},
  {"ConstantOfShape", evaluate_constant_of_shape, 1},
  {"CumSum", evaluate_cum_sum, 2},
  {"GatherElements", evaluate_gather_elements, 2},
  {"GatherND", evaluate_gather_nd, 2},
  {"NonZero", evaluate_non_zero, 1},
  {"OneHot", evaluate_one_hot, 3},
  {"Range", evaluate_range, 3},
  {"Scatter", evaluate_scatter_elements, 3},
  {"ScatterElements", evaluate_scatter_elements, 3},
  {"ScatterND", evaluate_scatter_nd, 3},
  {NULL},
};
