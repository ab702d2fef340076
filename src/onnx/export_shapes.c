/* SPDX-License-Identifier: Apache-2.0
 *
 * Ops that look at values under another shape, cut, join and multiply matrices, as ONNX. What is written holds at every
 * size: an extent that differs between the two graphs is copied from the input (0 in a Reshape), or left over (-1). */
#include "onnx/export_rule.h"

#define WRITE(NAME) static const char *NAME (struct exporter *e, int id, const int *operand)

/* The shape that a Reshape of @from to the shape of @id asks for; false when none holds at every size. */
static bool
reshape_target (struct exporter *e, int id, int from, int64_t *target)
{
  int left = 0;
  for (int a = 0; a < export_shape (e, id)->rank; a++) {
    bool copied = a < export_shape (e, from)->rank &&
                  export_extent (e, id, a, false) == export_extent (e, from, a, false) &&
                  export_extent (e, id, a, true) == export_extent (e, from, a, true);
    if (export_fixed (e, id, a))
      target[a] = export_extent (e, id, a, false);
    else if (copied)
      target[a] = 0;
    else {
      target[a] = -1;
      left++;
    }
  }
  return left <= 1;
}

WRITE (reshape)
{
  int64_t target[SHAPE_RANK_MAX] = {0};
  if (!reshape_target (e, id, operand[0], target))
    return export_fail (e, id, "more than one extent of its shape depends on the size of the input");
  const char *shape = onnx_write_int_list (e->writer, target, export_shape (e, id)->rank);
  return export_node_2 (e, id, "Reshape", export_value (e, operand[0]), shape);
}

WRITE (same)
{
  return export_value (e, operand[0]);
}

static const char *
transpose (struct exporter *e, int id, const char *x, const int64_t *axes, int rank)
{
  const char *y = export_node_1 (e, id, "Transpose", x);
  if (y)
    onnx_write_ints (e->writer, "perm", axes, rank);
  return y;
}

WRITE (permute)
{
  int64_t axes[SHAPE_RANK_MAX];
  export_ints (e, id, "axes", axes, SHAPE_RANK_MAX);
  return transpose (e, id, export_value (e, operand[0]), axes, export_shape (e, id)->rank);
}

/* Expand keeps an extent where its shape says 1. */
WRITE (broadcast)
{
  int64_t target[SHAPE_RANK_MAX] = {0};
  int rank = export_shape (e, id)->rank, before = rank - export_shape (e, operand[0])->rank;
  for (int a = 0; a < rank; a++) {
    target[a] = export_fixed (e, id, a) ? export_extent (e, id, a, false) : 1;
    if (!export_fixed (e, id, a) && (a < before || export_fixed (e, operand[0], a - before)))
      return export_fail (e, id, "repeats along axis %d as often as the size of the input says", a);
  }
  return export_node_2 (e, id, "Expand", export_value (e, operand[0]), onnx_write_int_list (e->writer, target, rank));
}

/* A bound of a cut of @axis of @from, as the same number at both sizes: counted from the start, or from the end. */
static bool
bound (struct exporter *e, int id, const char *name, int from, int axis, int64_t *value)
{
  int64_t a = export_int_of (e, id, name, false), b = export_int_of (e, id, name, true);
  int64_t n = export_extent (e, from, axis, false), m = export_extent (e, from, axis, true);
  *value = a == n && b == m ? G_MAXINT64 : a == b ? a : a - n;
  return a == b || a - n == b - m;
}

WRITE (slice)
{
  int64_t start, stop, axis = export_int (e, id, "axis"), step = export_int (e, id, "step");
  if (!bound (e, id, "start", operand[0], axis, &start) || !bound (e, id, "stop", operand[0], axis, &stop))
    return export_fail (e, id, "what it cuts depends on the size of the input");
  struct onnx_writer *w = e->writer;
  return export_node (e, id, "Slice",
                      (const char *const[]){export_value (e, operand[0]), onnx_write_int_list (w, &start, 1),
                                            onnx_write_int_list (w, &stop, 1), onnx_write_int_list (w, &axis, 1),
                                            onnx_write_int_list (w, &step, 1), NULL});
}

WRITE (concat)
{
  const struct node *node = export_at (e, id);
  g_autofree const char **inputs = g_new0 (const char *, node->n_inputs + 1);
  for (int i = 0; i < node->n_inputs; i++)
    inputs[i] = export_value (e, node->input[i]);
  int64_t axis = export_int (e, id, "axis");
  const char *y = export_node (e, id, "Concat", inputs);
  if (y)
    onnx_write_int (e->writer, "axis", axis);
  return y;
}

/* The last two axes swapped. */
static const char *
swapped (struct exporter *e, int id, const char *x, int rank)
{
  int64_t axes[SHAPE_RANK_MAX];
  for (int a = 0; a < rank; a++)
    axes[a] = a < rank - 2 ? a : 2 * rank - 3 - a;
  return transpose (e, id, x, axes, rank);
}

WRITE (matmul)
{
  bool turn_a = export_flag (e, id, "transpose-a"), turn_b = export_flag (e, id, "transpose-b");
  int rank_a = export_shape (e, operand[0])->rank, rank_b = export_shape (e, operand[1])->rank;
  const char *a = export_value (e, operand[0]), *b = export_value (e, operand[1]);
  if (rank_a == 2 && rank_b == 2 && (turn_a || turn_b)) {
    const char *y = export_node_2 (e, id, "Gemm", a, b);
    if (y && turn_a)
      onnx_write_int (e->writer, "transA", 1);
    if (y && turn_b)
      onnx_write_int (e->writer, "transB", 1);
    return y;
  }
  return export_node_2 (e, id, "MatMul", turn_a ? swapped (e, id, a, rank_a) : a,
                        turn_b ? swapped (e, id, b, rank_b) : b);
}

/* (n,c,h,w) as matrices (n, c, h w). */
static const char *
pixels (struct exporter *e, int id, const char *x)
{
  return export_node_2 (e, id, "Reshape", x, onnx_write_int_list (e->writer, (const int64_t[]){0, 0, -1}, 3));
}

WRITE (gram)
{
  const char *a = pixels (e, id, export_value (e, operand[0]));
  const char *b = operand[0] == operand[1] ? a : pixels (e, id, export_value (e, operand[1]));
  return export_node_2 (e, id, "MatMul", a, swapped (e, id, b, 3));
}

/* s f for every row of pixels: (n,1,d,c) (n,h,c,w) -> (n,h,d,w); no extent of the picture need be known. */
WRITE (gram_back)
{
  static const int64_t rows_first[] = {0, 2, 1, 3};
  const struct shape *s = export_shape (e, operand[1]);
  const int64_t matrices[] = {0, 1, s->dim[1], s->dim[2]};
  const char *f = transpose (e, id, export_value (e, operand[0]), rows_first, 4);
  const char *spread =
    export_node_2 (e, id, "Reshape", export_value (e, operand[1]), onnx_write_int_list (e->writer, matrices, 4));
  return transpose (e, id, export_node_2 (e, id, "MatMul", spread, f), rows_first, 4);
}

const struct export_rule export_shapes[] = {
  {&op_reshape, .write = reshape},     {&op_stop_gradient, .write = same},
  {&op_permute, .write = permute},     {&op_broadcast, .write = broadcast},
  {&op_slice, .write = slice},         {&op_concat, .write = concat},
  {&op_matmul, .write = matmul},       {&op_gram, .write = gram},
  {&op_gram_back, .write = gram_back}, {NULL},
};
