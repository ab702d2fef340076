/* SPDX-License-Identifier: Apache-2.0
 *
 * Rules that move values without computing: reshape, transpose, expand, tile and their like (parts of values:
 * rules_slice.c). Most take constants and run-time data alike: the geometry is read once, then either a constant is
 * copied through it or graph is built. So these rows serve as evaluations too. */
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
  {"DepthToSpace", build_depth_to_space, 1},
  {"Dropout", build_dropout, 1},
  {"Expand", build_expand, 2},
  {"EyeLike", build_eye_like, 1},
  {"Flatten", build_flatten, 1},
  {"Identity", build_identity, 1},
  {"Reshape", build_reshape, 1},
  {"Shape", build_shape, 1},
  {"Size", build_size, 1},
  {"SpaceToDepth", build_space_to_depth, 1},
  {"Squeeze", build_squeeze, 1},
  {"Tile", build_tile, 2},
  {"Transpose", build_transpose, 1},
  {"Trilu", build_trilu, 1},
  {"Unsqueeze", build_unsqueeze, 1},
  {NULL},
};
