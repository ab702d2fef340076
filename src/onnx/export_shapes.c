/* SPDX-License-Identifier: Apache-2.0
 *
 * Ops that look at values under another shape, cut, join and multiply matrices, as ONNX. What is written holds at every
 * size: an extent that differs between the two graphs is copied from the input (0 in a Reshape), left over (-1), or
 * read off another value at run time. */
#include "onnx/export_rule.h"

#define WRITE(NAME) static const char *NAME (struct exporter *e, int id, const int *operand)

/* The extent of axis @a of @id, read off an earlier value that has the same at both sizes; a list of one. */
static const char *
read_extent (struct exporter *e, int id, int a)
{
  int64_t first, past;
  for (int from = 0; from < id; from++)
    for (int k = 0; e->value[from] && !e->known[from] && k < export_shape (e, from)->rank; k++)
      if (export_extent (e, from, k, false) == export_extent (e, id, a, false) &&
          export_extent (e, from, k, true) == export_extent (e, id, a, true)) {
        const char *shape = export_node_1 (e, id, "Shape", e->value[from]);
        first = k;
        past = k + 1;
        return export_node_3 (e, id, "Slice", shape, onnx_write_int_list (e->writer, &first, 1),
                              onnx_write_int_list (e->writer, &past, 1));
      }
  return export_fail (e, id, "axis %d of its shape depends on the size of the input, in a way that no value shows", a);
}

/* The shape of @id, computed at run time. */
static const char *
run_time_shape (struct exporter *e, int id)
{
  const char *parts[SHAPE_RANK_MAX + 1] = {NULL};
  for (int a = 0; a < export_shape (e, id)->rank; a++) {
    int64_t extent = export_extent (e, id, a, false);
    parts[a] = export_fixed (e, id, a) ? onnx_write_int_list (e->writer, &extent, 1) : read_extent (e, id, a);
  }
  const char *shape = export_node (e, id, "Concat", parts);
  if (shape)
    onnx_write_int (e->writer, "axis", 0);
  return shape;
}

/* The shape that a Reshape of @from to the shape of @id asks for; false when it takes more than 0 and -1 to say. */
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
  const char *shape = reshape_target (e, id, operand[0], target)
                        ? onnx_write_int_list (e->writer, target, export_shape (e, id)->rank)
                        : run_time_shape (e, id);
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
  bool listed = true;
  for (int a = 0; a < rank; a++) {
    target[a] = export_fixed (e, id, a) ? export_extent (e, id, a, false) : 1;
    listed &= export_fixed (e, id, a) || (a >= before && !export_fixed (e, operand[0], a - before));
  }
  const char *shape = listed ? onnx_write_int_list (e->writer, target, rank) : run_time_shape (e, id);
  return export_node_2 (e, id, "Expand", export_value (e, operand[0]), shape);
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

WRITE (flip)
{
  int64_t start[SHAPE_RANK_MAX], stop[SHAPE_RANK_MAX], axes[SHAPE_RANK_MAX], step[SHAPE_RANK_MAX];
  unsigned mask = export_int (e, id, "axes");
  struct onnx_writer *w = e->writer;
  int n = 0;
  for (int a = 0; a < SHAPE_RANK_MAX; a++)
    if (mask & AXIS (a)) {
      start[n] = step[n] = -1;
      stop[n] = G_MININT64;
      axes[n++] = a;
    }
  return export_node (e, id, "Slice",
                      (const char *const[]){export_value (e, operand[0]), onnx_write_int_list (w, start, n),
                                            onnx_write_int_list (w, stop, n), onnx_write_int_list (w, axes, n),
                                            onnx_write_int_list (w, step, n), NULL});
}

/* Indices are cut to whole numbers and held inside the axis; known ones here, of at most one axis. */
static const char *
known_index (struct exporter *e, int index, int64_t extent)
{
  const struct shape *shape = export_shape (e, index);
  int64_t n = shape_size (shape);
  g_autofree int64_t *values = g_new (int64_t, n);
  for (int64_t i = 0; i < n; i++) {
    double at = tensor_floats (e->tensor[index])[i];
    at = at < 0 ? at + extent : at;
    values[i] = at > 0 ? MIN (at, extent - 1) : 0;
  }
  return shape->rank == 0 ? onnx_write_int_scalar (e->writer, values[0]) : onnx_write_int_list (e->writer, values, n);
}

/* Likewise at run time, with what the extent is then. */
static const char *
computed_index (struct exporter *e, int id, const char *x, int index, int axis)
{
  struct onnx_writer *w = e->writer;
  const char *at = export_value (e, index), *zero = onnx_write_scalar (w, 0), *extent;
  if (export_fixed (e, export_input (e, id, 0), axis))
    extent = onnx_write_scalar (w, export_extent (e, export_input (e, id, 0), axis, false));
  else {
    const int64_t first = axis, past = axis + 1;
    const char *shape = export_node_1 (e, id, "Shape", x);
    extent =
      export_node_3 (e, id, "Slice", shape, onnx_write_int_list (w, &first, 1), onnx_write_int_list (w, &past, 1));
    extent = export_node_1 (e, id, "Cast", extent);
    if (extent)
      onnx_write_int (w, "to", ONNX_FLOAT);
  }
  at = export_node_3 (e, id, "Where", export_node_2 (e, id, "Less", at, zero), export_node_2 (e, id, "Add", at, extent),
                      at);
  const char *last = export_node_2 (e, id, "Sub", extent, onnx_write_scalar (w, 1));
  at = export_node_2 (e, id, "Min", export_node_2 (e, id, "Max", at, zero), last);
  at = export_node_1 (e, id, "Cast", at);
  if (at)
    onnx_write_int (w, "to", ONNX_INT64);
  return at;
}

WRITE (gather)
{
  int axis = export_int (e, id, "axis");
  const char *x = export_value (e, operand[0]);
  bool listed = e->known[operand[1]] && export_shape (e, operand[1])->rank <= 1 && export_fixed (e, operand[0], axis);
  const char *index = listed ? known_index (e, operand[1], export_extent (e, operand[0], axis, false))
                             : computed_index (e, id, x, operand[1], axis);
  const char *y = export_node_2 (e, id, "Gather", x, index);
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
  {&op_reshape, .write = reshape},     {&op_stop_gradient, .write = same},  {&op_permute, .write = permute},
  {&op_broadcast, .write = broadcast}, {&op_slice, .write = slice},         {&op_concat, .write = concat},
  {&op_flip, .write = flip},           {&op_gather, .write = gather},       {&op_matmul, .write = matmul},
  {&op_gram, .write = gram},           {&op_gram_back, .write = gram_back}, {NULL},
};
