/* SPDX-License-Identifier: Apache-2.0
 *
 * Rules that take values apart and put them together: slice, split, concat and gather, of constants and of run-time
 * data as in rules_shape.c. */
#include "onnx/geometry.h"
#include "onnx/rules.h"
#include "op/sym.h"

#define I64 "%" G_GINT64_FORMAT

/* --- Slices --- */

/* One axis of a slice: count elements from start in steps. */
struct cut {
  int64_t start, step, count;
};

/* ONNX clamps what lies outside, as Python does. */
static struct cut
cut_of (int64_t start, int64_t end, int64_t step, int64_t extent)
{
  int64_t low = step > 0 ? 0 : -1, high = step > 0 ? extent : extent - 1;

  start = start < 0 ? start + extent : start; /* cannot overflow: the sign changes at most towards 0 */
  end = end < 0 ? end + extent : end;
  start = CLAMP (start, step > 0 ? 0 : MIN (0, high), high);
  end = CLAMP (end, low, high);
  if (step > 0 ? end <= start : end >= start)
    return (struct cut){0, 1, 0};
  uint64_t distance = (uint64_t) (step > 0 ? end - start : start - end), stride = (uint64_t) step;
  stride = step > 0 ? stride : -stride;
  return (struct cut){start, step, (int64_t) ((distance - 1) / stride) + 1};
}

static sym
cut_sym (sym x, int axis, struct cut cut)
{
  int64_t extent = sym_shape (x).dim[axis];

  if (cut.step > 0)
    return sym_slice (x, axis, cut.start, MIN (cut.start + (cut.count - 1) * cut.step + 1, extent), cut.step);
  x = sym_slice (x, axis, cut.start + (cut.count - 1) * cut.step, cut.start + 1, -cut.step);
  return sym_flip (x, 1u << axis);
}

/* Applies the cuts to input 0, constant or not. */
static bool
set_cut (struct onnx_node *node, int output, const struct cut *cuts, GError **error)
{
  const struct onnx_constant *constant = onnx_node_constant (node, 0);
  struct shape shape = onnx_node_shape (node, 0), from = shape;
  int64_t stride[SHAPE_RANK_MAX], offset = 0;
  sym x = constant ? (sym){NULL, -1} : onnx_node_sym (node, 0);

  onnx_strides (&from, stride);
  for (int i = 0; i < from.rank; i++) {
    shape.dim[i] = cuts[i].count;
    offset += cuts[i].start * stride[i];
    stride[i] *= cuts[i].step;
    if (constant == NULL && cuts[i].count > 0 && (cuts[i].count != from.dim[i] || cuts[i].step != 1))
      x = cut_sym (x, i, cuts[i]);
  }
  if (constant)
    return onnx_node_give (node, output, onnx_constant_view (node, constant, shape, offset, stride, error));
  if (shape_size (&shape) == 0) /* nothing is known: it is a constant */
    return onnx_node_give (node, output, onnx_node_new_constant (node, onnx_node_input (node, 0)->type, shape, error));
  onnx_node_set (node, output, x);
  return true;
}

/* Every axis whole. */
static void
cuts_init (struct cut *cuts, const struct shape *shape)
{
  for (int i = 0; i < shape->rank; i++)
    cuts[i] = (struct cut){0, 1, shape->dim[i]};
}

/* starts, ends, axes, steps: attributes before opset 10, inputs since. */
static bool
build_slice (struct onnx_node *node, GError **error)
{
  struct shape shape = onnx_node_shape (node, 0);
  const int64_t *starts, *ends, *axes = NULL, *steps = NULL;
  int n, n_ends, n_axes = 0, n_steps = 0;
  struct cut cuts[SHAPE_RANK_MAX];

  if (onnx_node_opset (node) < 10) {
    starts = onnx_node_ints (node, "starts", &n);
    ends = onnx_node_ints (node, "ends", &n_ends);
    axes = onnx_node_ints (node, "axes", &n_axes);
  } else if (!onnx_node_input_ints (node, 1, &starts, &n, error) ||
             !onnx_node_input_ints (node, 2, &ends, &n_ends, error) ||
             !onnx_node_input_ints (node, 3, &axes, &n_axes, error) ||
             !onnx_node_input_ints (node, 4, &steps, &n_steps, error))
    return false;
  if (n_ends != n || (axes && n_axes != n) || (steps && n_steps != n) || n > shape.rank)
    return onnx_node_fail (node, error, "has %d starts, %d ends, %d axes and %d steps for %d axes", n, n_ends, n_axes,
                           n_steps, shape.rank);
  cuts_init (cuts, &shape);
  for (int i = 0; i < n; i++) {
    int axis;

    if (!onnx_node_axis (node, axes ? axes[i] : i, shape.rank, &axis, error))
      return false;
    if (steps && steps[i] == 0)
      return onnx_node_fail (node, error, "the step of axis %d is 0", axis);
    cuts[axis] = cut_of (starts[i], ends[i], steps ? steps[i] : 1, shape.dim[axis]);
  }
  return set_cut (node, 0, cuts, error);
}

/* The lengths of the parts: an attribute before opset 13, an input since, or equal shares (the last of num_outputs
 * smaller).
 */
static bool
build_split (struct onnx_node *node, GError **error)
{
  struct shape shape = onnx_node_shape (node, 0);
  int n = onnx_node_output_count (node), axis, n_lengths;
  struct cut cuts[SHAPE_RANK_MAX];
  const int64_t *lengths = onnx_node_ints (node, "split", &n_lengths);
  int64_t at = 0, share;

  if (!onnx_node_axis (node, onnx_node_int (node, "axis", 0), shape.rank, &axis, error) ||
      (lengths == NULL && !onnx_node_input_ints (node, 1, &lengths, &n_lengths, error)))
    return false;
  if (lengths && n_lengths != n)
    return onnx_node_fail (node, error, "splits into %d parts, has %d outputs", n_lengths, n);
  share = n > 0 ? (shape.dim[axis] + n - 1) / n : 0;
  if (!lengths && !onnx_node_has (node, "num_outputs") && n > 0 && shape.dim[axis] % n != 0)
    return onnx_node_fail (node, error, "axis %d has " I64 ", which %d outputs do not share evenly", axis,
                           shape.dim[axis], n);
  for (int i = 0; i < n; i++) {
    int64_t length = lengths ? lengths[i] : MIN (share, shape.dim[axis] - at);

    if (length < 0 || length > shape.dim[axis] - at)
      return onnx_node_fail (node, error, "part %d has " I64 " of " I64, i, length, shape.dim[axis] - at);
    cuts_init (cuts, &shape);
    cuts[axis] = (struct cut){at, 1, length};
    if (onnx_node_wants (node, i) && !set_cut (node, i, cuts, error))
      return false;
    at += length;
  }
  return at == shape.dim[axis] || onnx_node_fail (node, error, "the parts have " I64 " of " I64, at, shape.dim[axis]);
}

/* --- Concat --- */

/* The inputs one after another, all constants; extents beside the axis agree. */
static bool
concat_constants (struct onnx_node *node, int axis, GError **error)
{
  int n = onnx_node_input_count (node);
  const struct onnx_constant *first = onnx_node_constant (node, 0);
  struct shape shape = first->shape;
  struct onnx_constant *whole;
  int64_t inner = 1, outer = 1, at = 0;

  for (int i = 1; i < n; i++) {
    const struct onnx_constant *next = onnx_node_constant (node, i);
    struct shape other = next->shape;

    if (other.rank == shape.rank)
      other.dim[axis] = shape.dim[axis];
    if (next->type != first->type || !shape_equal (&other, &shape))
      return onnx_node_fail (node, error, "input %d does not fit to the others", i);
    if (next->shape.dim[axis] > SHAPE_SIZE_MAX - shape.dim[axis])
      return onnx_node_fail (node, error, "the result is too large");
    shape.dim[axis] += next->shape.dim[axis];
  }
  whole = onnx_node_new_constant (node, first->type, shape, error);
  if (whole == NULL || whole->count == 0)
    return onnx_node_give (node, 0, whole);
  for (int i = 0; i < shape.rank; i++)
    if (i < axis)
      outer *= shape.dim[i];
    else if (i > axis)
      inner *= shape.dim[i];
  for (int64_t o = 0; o < outer; o++)
    for (int i = 0; i < n; i++) {
      const struct onnx_constant *next = onnx_node_constant (node, i);
      int64_t run = next->shape.dim[axis] * inner;

      for (int64_t k = 0; k < run; k++)
        onnx_constant_copy (whole, at++, next, o * run + k);
    }
  return onnx_node_give (node, 0, whole);
}

/* Empty constants among run-time data add nothing. */
static bool
build_concat (struct onnx_node *node, GError **error)
{
  int n = onnx_node_input_count (node), kept = 0, axis;
  bool constant = true;
  g_autofree sym *parts = g_new (sym, n + 1);
  enum onnx_type type = onnx_node_input (node, 0)->type;

  if (!onnx_node_axis (node, onnx_node_int (node, "axis", 1), onnx_node_shape (node, 0).rank, &axis, error))
    return false;
  for (int i = 0; i < n; i++) {
    if (onnx_node_input (node, i) == NULL)
      return onnx_node_fail (node, error, "input %d is missing", i);
    constant &= onnx_node_constant (node, i) != NULL;
  }
  if (constant)
    return concat_constants (node, axis, error);
  for (int i = 0; i < n; i++)
    if (onnx_node_constant (node, i) == NULL || onnx_node_constant (node, i)->count > 0)
      parts[kept++] = onnx_node_sym (node, i);
  onnx_node_set_typed (node, 0, sym_concat (parts, kept, axis), type);
  return true;
}

/* --- Gather --- */

static bool
gather_constants (struct onnx_node *node, int axis, GError **error)
{
  const struct onnx_constant *data = onnx_node_constant (node, 0), *index = onnx_node_constant (node, 1);
  struct shape shape = {.rank = data->shape.rank - 1 + index->shape.rank};
  int64_t inner = 1, outer = 1, extent = data->shape.dim[axis], at = 0;
  struct onnx_constant *result;

  if (shape.rank > SHAPE_RANK_MAX)
    return onnx_node_fail (node, error, "makes %d axes, %d are supported", shape.rank, SHAPE_RANK_MAX);
  for (int i = 0; i < axis; i++)
    outer *= shape.dim[i] = data->shape.dim[i];
  for (int i = 0; i < index->shape.rank; i++)
    shape.dim[axis + i] = index->shape.dim[i];
  for (int i = axis + 1; i < data->shape.rank; i++)
    inner *= shape.dim[i - 1 + index->shape.rank] = data->shape.dim[i];
  for (int64_t i = 0; i < index->count; i++) {
    int64_t k = onnx_constant_int (index, i);

    if (k < -extent || k >= extent)
      return onnx_node_fail (node, error, "index " I64 " of an axis of " I64, k, extent);
  }
  result = onnx_node_new_constant (node, data->type, shape, error);
  if (result == NULL || result->count == 0)
    return onnx_node_give (node, 0, result);
  for (int64_t o = 0; o < outer; o++)
    for (int64_t i = 0; i < index->count; i++) {
      int64_t k = onnx_constant_int (index, i), from = (o * extent + (k < 0 ? k + extent : k)) * inner;

      for (int64_t j = 0; j < inner; j++)
        onnx_constant_copy (result, at++, data, from + j);
    }
  return onnx_node_give (node, 0, result);
}

/* Known indices in equal steps, which a slice reads: *@cut. */
static bool
index_is_cut (const struct onnx_constant *index, int64_t extent, struct cut *cut)
{
  int64_t step = 1;

  if (index == NULL || index->count == 0 || index->count > extent)
    return false;
  for (int64_t i = 0; i < index->count; i++) {
    int64_t k = onnx_constant_int (index, i);

    k = k < 0 ? k + extent : k;
    if (k < 0 || k >= extent)
      return false;
    if (i == 0)
      cut->start = k;
    else if (i == 1)
      step = k - cut->start;
    if (k != cut->start + i * step)
      return false;
  }
  cut->step = step;
  cut->count = index->count;
  return step != 0;
}

static bool
build_gather (struct onnx_node *node, GError **error)
{
  struct shape from = onnx_node_shape (node, 0), by = onnx_node_shape (node, 1), shape = {0};
  const struct onnx_constant *index = onnx_node_constant (node, 1);
  struct cut cut;
  int axis;

  if (!onnx_node_axis (node, onnx_node_int (node, "axis", 0), from.rank, &axis, error))
    return false;
  if (onnx_node_constant (node, 0) && index)
    return gather_constants (node, axis, error);
  if (from.rank - 1 + by.rank > SHAPE_RANK_MAX)
    return onnx_node_fail (node, error, "makes %d axes, %d are supported", from.rank - 1 + by.rank, SHAPE_RANK_MAX);
  for (int64_t i = 0; index && i < index->count; i++)
    if (onnx_constant_int (index, i) < -from.dim[axis] || onnx_constant_int (index, i) >= from.dim[axis])
      return onnx_node_fail (node, error, "index " I64 " of an axis of " I64, onnx_constant_int (index, i),
                             from.dim[axis]);
  if (!index_is_cut (index, from.dim[axis], &cut)) {
    onnx_node_set (node, 0, sym_gather (onnx_node_sym (node, 0), axis, onnx_node_sym (node, 1)));
    return true;
  }
  for (int i = 0; i < axis; i++)
    shape.dim[shape.rank++] = from.dim[i];
  for (int i = 0; i < by.rank; i++)
    shape.dim[shape.rank++] = by.dim[i];
  for (int i = axis + 1; i < from.rank; i++)
    shape.dim[shape.rank++] = from.dim[i];
  onnx_node_set (node, 0, sym_reshape (cut_sym (onnx_node_sym (node, 0), axis, cut), shape));
  return true;
}

const struct onnx_rule onnx_rules_slice[] = {
  {"Concat", build_concat, 1},
  {"Gather", build_gather, 2},
  {"Slice", build_slice, 1},
  {"Split", build_split, 1},
  {NULL},
};
