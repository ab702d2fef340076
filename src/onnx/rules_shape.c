/* SPDX-License-Identifier: Apache-2.0
 *
 * Rules that move values without computing: reshape, transpose, slice, concat, gather and their like. Most take
 * constants and run-time data alike: the geometry is read once, then either a constant is copied through it or graph is built.
 * So these rows serve as evaluations too. */
#include <math.h>
#include <string.h>

#include "onnx/geometry.h"
#include "onnx/rules.h"
#include "op/sym.h"

#define I64 "%" G_GINT64_FORMAT

/* --- Shapes as values --- */

/* (start, end) of opset 15: a range of the axes. */
static bool
build_shape (struct onnx_node *node, GError **error)
{
  struct shape shape = onnx_node_shape (node, 0);
  int64_t start = onnx_node_int (node, "start", 0), end = onnx_node_int (node, "end", shape.rank);

  start = CLAMP (start < 0 ? start + shape.rank : start, 0, shape.rank);
  end = CLAMP (end < 0 ? end + shape.rank : end, start, shape.rank);
  return onnx_node_give (node, 0, onnx_constant_new_ints (shape.dim + start, end - start, error));
}

static bool
build_size (struct onnx_node *node, GError **error)
{
  struct shape shape = onnx_node_shape (node, 0);
  struct onnx_constant *size = onnx_node_new_constant (node, ONNX_INT64, SHAPE_SCALAR, error);

  if (size)
    onnx_constant_set_int (size, 0, shape_size (&shape));
  return onnx_node_give (node, 0, size);
}

/* The shape that a list of extents means. */
static bool
shape_from (const struct onnx_node *node, const int64_t *dim, int n, struct shape *shape, GError **error)
{
  if (n > SHAPE_RANK_MAX)
    return onnx_node_fail (node, error, "a shape of %d axes, %d are supported", n, SHAPE_RANK_MAX);
  *shape = (struct shape){.rank = n};
  if (n > 0)
    memcpy (shape->dim, dim, n * sizeof *dim);
  return true;
}

/* --- The same elements under another shape --- */

/* 0 keeps an extent (unless allowzero), -1 takes what is left. */
static bool
build_reshape (struct onnx_node *node, GError **error)
{
  struct shape from = onnx_node_shape (node, 0), to;
  bool zero = onnx_node_int (node, "allowzero", 0) != 0;
  const int64_t *dim;
  int64_t known = 1;
  int n, rest = -1;

  if (onnx_node_opset (node) < 5)
    dim = onnx_node_ints (node, "shape", &n);
  else if (!onnx_node_input_ints (node, 1, &dim, &n, error))
    return false;
  if (onnx_node_opset (node) >= 5 && onnx_node_input (node, 1) == NULL)
    return onnx_node_fail (node, error, "input 1 is missing");
  if (!shape_from (node, dim, n, &to, error))
    return false;
  for (int i = 0; i < n; i++) {
    if (to.dim[i] == 0 && !zero) {
      if (i >= from.rank)
        return onnx_node_fail (node, error, "extent %d is to be kept, the input has %d axes", i, from.rank);
      to.dim[i] = from.dim[i];
    }
    if (to.dim[i] < -1 || (to.dim[i] == -1 && rest >= 0) || to.dim[i] > SHAPE_SIZE_MAX)
      return onnx_node_fail (node, error, "the shape has the extent " I64 " for axis %d", to.dim[i], i);
    if (to.dim[i] == -1)
      rest = i;
    else if (known > 0 && to.dim[i] > SHAPE_SIZE_MAX / known)
      return onnx_node_fail (node, error, "the shape has more than " I64 " elements", SHAPE_SIZE_MAX);
    else
      known *= to.dim[i];
  }
  if (rest >= 0)
    to.dim[rest] = known > 0 ? shape_size (&from) / known : 0;
  if (shape_size (&to) != shape_size (&from)) {
    g_autofree char *have = shape_text (&from), *want = shape_text (&to);
    return onnx_node_fail (node, error, "%s cannot become %s", have, want);
  }
  return onnx_node_set_reshaped (node, to, error);
}

static bool
build_flatten (struct onnx_node *node, GError **error)
{
  struct shape from = onnx_node_shape (node, 0), to = SHAPE (1, 1);
  int64_t axis = onnx_node_int (node, "axis", 1);

  if (axis < -from.rank || axis > from.rank)
    return onnx_node_fail (node, error, "axis " I64 " of a value of rank %d", axis, from.rank);
  axis = axis < 0 ? axis + from.rank : axis;
  for (int i = 0; i < from.rank; i++)
    to.dim[i >= axis] *= from.dim[i];
  return onnx_node_set_reshaped (node, to, error);
}

static bool
build_squeeze (struct onnx_node *node, GError **error)
{
  struct shape from = onnx_node_shape (node, 0), to = {0};
  unsigned axes;
  bool given;

  if (!onnx_node_axes (node, "axes", 1, from.rank, &axes, &given, error))
    return false;
  for (int i = 0; i < from.rank; i++) {
    bool drop = given ? axes >> i & 1 : from.dim[i] == 1;

    if (drop && from.dim[i] != 1)
      return onnx_node_fail (node, error, "axis %d has the extent " I64 ", wants 1", i, from.dim[i]);
    if (!drop)
      to.dim[to.rank++] = from.dim[i];
  }
  return onnx_node_set_reshaped (node, to, error);
}

/* Axes count in the result, whose rank is that of the input and as many more as are listed. */
static bool
build_unsqueeze (struct onnx_node *node, GError **error)
{
  struct shape from = onnx_node_shape (node, 0), to = {0};
  const int64_t *list;
  unsigned axes;
  bool given;
  int n;

  if (onnx_node_has (node, "axes"))
    onnx_node_ints (node, "axes", &n);
  else if (!onnx_node_input_ints (node, 1, &list, &n, error))
    return false;
  if (n > SHAPE_RANK_MAX - from.rank)
    return onnx_node_fail (node, error, "makes %d axes, %d are supported", n + from.rank, SHAPE_RANK_MAX);
  if (!onnx_node_axes (node, "axes", 1, from.rank + n, &axes, &given, error))
    return false;
  to.rank = from.rank + n;
  for (int i = 0, k = 0; i < to.rank; i++)
    to.dim[i] = axes >> i & 1 ? 1 : from.dim[k++];
  return onnx_node_set_reshaped (node, to, error);
}

/* --- The same element type, other places --- */

static bool
build_identity (struct onnx_node *node, GError **error)
{
  struct onnx_constant *constant = onnx_node_constant (node, 0);

  if (constant)
    onnx_node_set_constant (node, 0, constant);
  else
    onnx_node_set (node, 0, onnx_node_sym (node, 0));
  return true;
}

static bool
build_transpose (struct onnx_node *node, GError **error)
{
  struct shape from = onnx_node_shape (node, 0), to = from;
  int64_t stride[SHAPE_RANK_MAX], moved[SHAPE_RANK_MAX];
  int axes[SHAPE_RANK_MAX], n;
  const int64_t *perm = onnx_node_ints (node, "perm", &n);
  unsigned seen = 0;

  if (perm && n != from.rank)
    return onnx_node_fail (node, error, "perm has %d axes, the input %d", n, from.rank);
  onnx_strides (&from, stride);
  for (int i = 0; i < from.rank; i++) {
    axes[i] = from.rank - 1 - i;
    if (perm && !onnx_node_axis (node, perm[i], from.rank, &axes[i], error))
      return false;
    if (seen >> axes[i] & 1)
      return onnx_node_fail (node, error, "perm names axis %d twice", axes[i]);
    seen |= 1u << axes[i];
    to.dim[i] = from.dim[axes[i]];
    moved[i] = stride[axes[i]];
  }
  const struct onnx_constant *constant = onnx_node_constant (node, 0);
  if (constant)
    return onnx_node_give (node, 0, onnx_constant_view (node, constant, to, 0, moved, error));
  onnx_node_set (node, 0, sym_permute (onnx_node_sym (node, 0), axes));
  return true;
}

static bool
build_expand (struct onnx_node *node, GError **error)
{
  struct shape from = onnx_node_shape (node, 0), wish, to;
  int64_t stride[SHAPE_RANK_MAX], repeated[SHAPE_RANK_MAX];
  const int64_t *dim;
  int n;

  if (!onnx_node_input_ints (node, 1, &dim, &n, error) || !shape_from (node, dim, n, &wish, error))
    return false;
  if (!shape_broadcast (&from, &wish, &to)) {
    g_autofree char *a = shape_text (&from), *b = shape_text (&wish);
    return onnx_node_fail (node, error, "%s and %s do not broadcast", a, b);
  }
  const struct onnx_constant *constant = onnx_node_constant (node, 0);
  if (constant == NULL) {
    onnx_node_set (node, 0, sym_broadcast (onnx_node_sym (node, 0), to));
    return true;
  }
  onnx_strides (&from, stride);
  for (int i = 0; i < to.rank; i++) {
    int own = i - (to.rank - from.rank);
    repeated[i] = own < 0 || from.dim[own] == 1 ? 0 : stride[own];
  }
  return onnx_node_give (node, 0, onnx_constant_view (node, constant, to, 0, repeated, error));
}

/* Concat of copies, axis by axis; the count is bounded by the result's size. */
static bool
tile_graph (struct onnx_node *node, const int64_t *repeats, GError **error)
{
  sym x = onnx_node_sym (node, 0);

  for (int i = 0; i < sym_shape (x).rank; i++) {
    if (repeats[i] > 1 << 16)
      return onnx_node_fail (node, error, "repeats axis %d " I64 " times", i, repeats[i]);
    if (sym_shape (x).dim[i] == 1) { /* a broadcast */
      struct shape shape = sym_shape (x);

      shape.dim[i] = repeats[i];
      x = sym_broadcast (x, shape);
      continue;
    }
    g_autofree sym *copies = g_new (sym, repeats[i]);
    for (int64_t k = 0; k < repeats[i]; k++)
      copies[k] = x;
    x = sym_concat (copies, (int) repeats[i], i);
  }
  onnx_node_set (node, 0, x);
  return true;
}

static bool
build_tile (struct onnx_node *node, GError **error)
{
  struct shape from = onnx_node_shape (node, 0), to = from;
  struct onnx_constant *constant = onnx_node_constant (node, 0), *tiled;
  int64_t stride[SHAPE_RANK_MAX];
  const int64_t *repeats;
  int n;

  if (!onnx_node_input_ints (node, 1, &repeats, &n, error))
    return false;
  if (n != from.rank)
    return onnx_node_fail (node, error, "has %d repeats, the input %d axes", n, from.rank);
  for (int i = 0; i < n; i++) {
    if (repeats[i] < 0 || (repeats[i] == 0 && constant == NULL) || repeats[i] > SHAPE_SIZE_MAX)
      return onnx_node_fail (node, error, "repeats axis %d " I64 " times", i, repeats[i]);
    if (from.dim[i] > 0 && repeats[i] > SHAPE_SIZE_MAX / from.dim[i])
      return onnx_node_fail (node, error, "repeats axis %d " I64 " times", i, repeats[i]);
    to.dim[i] *= repeats[i];
  }
  if (constant == NULL)
    return tile_graph (node, repeats, error);
  tiled = onnx_node_new_constant (node, constant->type, to, error);
  onnx_strides (&from, stride);
  for (int64_t i = 0; tiled && i < tiled->count; i++) {
    int64_t index = 0, left = i;

    for (int a = to.rank - 1; a >= 0; a--) {
      index += left % to.dim[a] % from.dim[a] * stride[a];
      left /= to.dim[a];
    }
    onnx_constant_copy (tiled, i, constant, index);
  }
  return onnx_node_give (node, 0, tiled);
}

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

/* The lengths of the parts: an attribute before opset 13, an input since, or equal shares (the last of num_outputs smaller).
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

/* --- Depth and space --- */

/* (n, b b c, h, w) -> (n, c b b, h, w): the block's axes behind the channel, as sym_depth_to_space wants them. */
static sym
block_last (sym x, int block)
{
  struct shape s = sym_shape (x);
  int64_t area = (int64_t) block * block;

  x = sym_reshape (x, SHAPE (s.dim[0], area, s.dim[1] / area, s.dim[2], s.dim[3]));
  x = sym_permute (x, (const int[]){0, 2, 1, 3, 4});
  return sym_reshape (x, s);
}

static sym
block_first (sym x, int block)
{
  struct shape s = sym_shape (x);
  int64_t area = (int64_t) block * block;

  x = sym_reshape (x, SHAPE (s.dim[0], s.dim[1] / area, area, s.dim[2], s.dim[3]));
  x = sym_permute (x, (const int[]){0, 2, 1, 3, 4});
  return sym_reshape (x, s);
}

static bool
check_block (struct onnx_node *node, int64_t *block, GError **error)
{
  struct shape s = onnx_node_shape (node, 0);

  *block = onnx_node_int (node, "blocksize", 0);
  if (s.rank != 4)
    return onnx_node_fail (node, error, "the input has rank %d, wants 4", s.rank);
  if (*block < 1 || *block > 1 << 15)
    return onnx_node_fail (node, error, "blocksize is " I64, *block);
  return true;
}

static bool
build_depth_to_space (struct onnx_node *node, GError **error)
{
  const char *mode = onnx_node_string (node, "mode", "DCR");
  struct shape s = onnx_node_shape (node, 0);
  sym x = onnx_node_sym (node, 0);
  int64_t block;

  if (!check_block (node, &block, error))
    return false;
  if (s.dim[1] % (block * block) != 0)
    return onnx_node_fail (node, error, I64 " channels for a block of " I64 " by " I64, s.dim[1], block, block);
  if (!g_str_equal (mode, "CRD") && !g_str_equal (mode, "DCR"))
    return onnx_node_fail (node, error, "mode '%.20s'", mode);
  x = g_str_equal (mode, "DCR") && s.dim[1] > block * block ? block_last (x, (int) block) : x;
  onnx_node_set (node, 0, sym_depth_to_space (x, (int) block));
  return true;
}

static bool
build_space_to_depth (struct onnx_node *node, GError **error)
{
  sym x = onnx_node_sym (node, 0);
  int64_t block;

  if (!check_block (node, &block, error))
    return false;
  x = sym_space_to_depth (x, (int) block);
  onnx_node_set (node, 0, sym_null (x) || onnx_node_shape (node, 0).dim[1] == 1 ? x : block_first (x, (int) block));
  return true;
}

/* --- Triangles --- */

/* Upper: where column >= row + k; lower: column <= row + k. */
static bool
build_trilu (struct onnx_node *node, GError **error)
{
  struct shape from = onnx_node_shape (node, 0), shape;
  struct onnx_constant *constant = onnx_node_constant (node, 0), *result;
  bool upper = onnx_node_int (node, "upper", 1) != 0;
  const int64_t *list;
  int64_t k = 0;
  int n;

  if (!onnx_node_input_ints (node, 1, &list, &n, error))
    return false;
  if (from.rank < 2)
    return onnx_node_fail (node, error, "the input has rank %d, wants 2 or more", from.rank);
  k = n > 0 ? CLAMP (list[0], -SHAPE_SIZE_MAX, SHAPE_SIZE_MAX) : 0;
  shape = constant ? from : SHAPE (from.dim[from.rank - 2], from.dim[from.rank - 1]);
  result = onnx_node_new_constant (node, constant ? constant->type : ONNX_FLOAT, shape, error);
  for (int64_t i = 0; result && i < result->count; i++) {
    int64_t column = i % from.dim[from.rank - 1], row = i / from.dim[from.rank - 1] % from.dim[from.rank - 2];

    if (upper ? column < row + k : column > row + k)
      continue;
    if (constant)
      onnx_constant_copy (result, i, constant, i);
    else
      onnx_constant_set_float (result, i, 1);
  }
  if (constant || result == NULL)
    return onnx_node_give (node, 0, result);
  onnx_node_set (node, 0,
                 sym_where (onnx_node_parameter (node, "triangle", result->tensor), onnx_node_sym (node, 0),
                            graph_scalar (onnx_node_graph (node), 0)));
  onnx_constant_unref (result);
  return true;
}

/* Ones on a diagonal, in the shape of the input. */
static bool
build_eye_like (struct onnx_node *node, GError **error)
{
  struct shape shape = onnx_node_shape (node, 0);
  enum onnx_type type = (enum onnx_type) onnx_node_int (node, "dtype", onnx_node_input (node, 0)->type);
  int64_t k = onnx_node_int (node, "k", 0);
  struct onnx_constant *eye;

  if (shape.rank != 2)
    return onnx_node_fail (node, error, "the input has rank %d, wants 2", shape.rank);
  eye = onnx_node_new_constant (node, type, shape, error);
  for (int64_t i = 0; eye && i < shape.dim[0]; i++)
    if (k >= -i && k < shape.dim[1] - i)
      onnx_constant_set_int (eye, i * shape.dim[1] + i + k, 1);
  return onnx_node_give (node, 0, eye);
}

/* --- Nothing at inference --- */

/* Training mode (an input since opset 12, an attribute before 7) drops nothing only at a ratio of 0. */
static bool
drops (struct onnx_node *node)
{
  const struct onnx_constant *ratio = onnx_node_constant (node, 1), *training = onnx_node_constant (node, 2);
  double share = onnx_node_float (node, "ratio", 0.5);

  if (onnx_node_opset (node) < 7)
    return onnx_node_int (node, "is_test", 0) == 0 && onnx_node_has (node, "is_test") && share != 0;
  if (onnx_node_opset (node) < 12 || onnx_node_input (node, 2) == NULL)
    return false;
  if (training && training->count == 1 && onnx_constant_int (training, 0) == 0)
    return false;
  if (onnx_node_input (node, 1))
    return ratio == NULL || ratio->count != 1 || onnx_constant_float (ratio, 0) != 0;
  return true;
}

/* The second output, a mask, is all ones. */
static bool
build_dropout (struct onnx_node *node, GError **error)
{
  struct onnx_constant *mask;

  if (drops (node))
    return onnx_node_fail (node, error, "for training, the op is not supported");
  if (onnx_node_wants (node, 1)) {
    mask = onnx_node_new_constant (node, onnx_node_opset (node) < 10 ? ONNX_FLOAT : ONNX_BOOL,
                                   onnx_node_shape (node, 0), error);
    for (int64_t i = 0; mask && i < mask->count; i++)
      onnx_constant_set_int (mask, i, 1);
    if (!onnx_node_give (node, 1, mask))
      return false;
  }
  return build_identity (node, error);
}

const struct onnx_rule onnx_rules_shape[] = {
  {"Concat", build_concat, 1},
  {"DepthToSpace", build_depth_to_space, 1},
  {"Dropout", build_dropout, 1},
  {"Expand", build_expand, 2},
  {"EyeLike", build_eye_like, 1},
  {"Flatten", build_flatten, 1},
  {"Gather", build_gather, 2},
  {"Identity", build_identity, 1},
  {"Reshape", build_reshape, 1},
  {"Shape", build_shape, 1},
  {"Size", build_size, 1},
  {"Slice", build_slice, 1},
  {"SpaceToDepth", build_space_to_depth, 1},
  {"Split", build_split, 1},
  {"Squeeze", build_squeeze, 1},
  {"Tile", build_tile, 2},
  {"Transpose", build_transpose, 1},
  {"Trilu", build_trilu, 1},
  {"Unsqueeze", build_unsqueeze, 1},
  {NULL},
};
