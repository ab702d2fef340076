/* SPDX-License-Identifier: Apache-2.0
 *
 * Products of matrices. matmul is batched over broadcast leading axes. Gram matrices have two ops of their own, because
 * pictures lie channels-last in plans: their pixels are then the rows of a matrix, and neither op moves a byte.
 *
 *   gram (a, b)      = a b^T   (n,c,hw) (n,d,hw) -> (n,c,d)    the Gram matrix of f is gram (f, f)
 *   gram_back (f, s) = s f     (n,c,hw) (n,d,c)  -> (n,d,hw)
 *
 * Each is the gradient of the other: with y = gram (a, b), da = dy b and db = dy^T a; with y = gram_back (f, s),
 * df = s^T dy and ds = gram (dy, f). */
#include "device/cpu.h"
#include "op/sym.h"
#include "op/table.h"

#define I64 "%" G_GINT64_FORMAT

/* matmul */

static const struct option matmul_options[] = {
  {"transpose-a", OPTION_BOOL, offsetof (struct matmul_attrs, transpose_a), "swap the last two axes of a"},
  {"transpose-b", OPTION_BOOL, offsetof (struct matmul_attrs, transpose_b), "swap the last two axes of b"},
  {NULL},
};

/* Rows, or with @columns columns, of the matrices of @x, perhaps transposed. */
static int64_t
side (const struct shape *x, bool transpose, bool columns)
{
  return x->dim[x->rank - (columns != transpose ? 1 : 2)];
}

static struct shape
leading (const struct shape *x)
{
  struct shape result = *x;

  result.rank = x->rank - 2;
  return result;
}

static bool
matmul_shape (const void *attrs, const struct shape *const *x, int n_inputs, struct shape *y, GError **error)
{
  const struct matmul_attrs *a = attrs;
  int64_t inner[2];
  struct shape lead[2];

  for (int i = 0; i < 2; i++) {
    if (x[i]->rank < 2)
      return op_fail (error, "%s has rank %d, wants 2 or more", i == 0 ? "left side" : "right side", x[i]->rank);
    lead[i] = leading (x[i]);
  }
  inner[0] = side (x[0], a->transpose_a, true);
  inner[1] = side (x[1], a->transpose_b, false);
  if (inner[0] != inner[1])
    return op_fail (error, "left side has " I64 " columns, right side " I64 " rows", inner[0], inner[1]);
  if (!shape_broadcast (&lead[0], &lead[1], y)) {
    g_autofree char *left = shape_text (x[0]), *right = shape_text (x[1]);
    return op_fail (error, "leading axes of %s and %s do not fit", left, right);
  }
  y->dim[y->rank++] = side (x[0], a->transpose_a, false);
  y->dim[y->rank++] = side (x[1], a->transpose_b, true);
  return true;
}

/* Offset of the matrix of @x that meets the one at @at (coordinates of y) under broadcasting. */
static int64_t
matrix_at (const struct shape *x, const struct shape *y, const int64_t *at)
{
  int64_t offset = 0;

  for (int i = 0; i < x->rank - 2; i++)
    offset = offset * x->dim[i] + (x->dim[i] == 1 ? 0 : at[y->rank - x->rank + i]);
  return offset * x->dim[x->rank - 2] * x->dim[x->rank - 1];
}

static void
matmul_reference (const struct op_call *call)
{
  const struct matmul_attrs *a = call->attrs;
  const struct shape *as = call->x_shape[0], *bs = call->x_shape[1], *ys = call->y_shape;
  int64_t inner = side (as, a->transpose_a, true), at[SHAPE_RANK_MAX];
  int64_t a_row = a->transpose_a ? 1 : as->dim[as->rank - 1], a_column = a->transpose_a ? as->dim[as->rank - 1] : 1;
  int64_t b_row = a->transpose_b ? 1 : bs->dim[bs->rank - 1], b_column = a->transpose_b ? bs->dim[bs->rank - 1] : 1;

  for (int64_t i = 0; i < shape_size (ys); i++) {
    shape_unravel (i, ys, at);
    const double *left = call->x[0] + matrix_at (as, ys, at) + at[ys->rank - 2] * a_row;
    const double *right = call->x[1] + matrix_at (bs, ys, at) + at[ys->rank - 1] * b_column;

    for (int64_t k = 0; k < inner; k++)
      call->y[i] += left[k * a_column] * right[k * b_row];
  }
}

sym
sym_matmul_t (sym a, bool transpose_a, sym b, bool transpose_b)
{
  struct matmul_attrs attrs = {.transpose_a = transpose_a, .transpose_b = transpose_b};
  sym inputs[2] = {a, b};

  return graph_add (a.graph, &op_matmul, inputs, 2, &attrs);
}

sym
sym_matmul (sym a, sym b)
{
  return sym_matmul_t (a, false, b, false);
}

/* With A = op(a), B = op(b): dA = dy B^T and dB = A^T dy, transposed once more where a or b are; then summed over what
 * was broadcast. */
static void
matmul_gradient (const void *attrs, const sym *x, int n_inputs, sym y, sym dy, const bool *wanted, sym *dx)
{
  const struct matmul_attrs *t = attrs;

  if (wanted[0])
    dx[0] =
      t->transpose_a ? sym_matmul_t (x[1], t->transpose_b, dy, true) : sym_matmul_t (dy, false, x[1], !t->transpose_b);
  if (wanted[1])
    dx[1] =
      t->transpose_b ? sym_matmul_t (dy, true, x[0], t->transpose_a) : sym_matmul_t (x[0], !t->transpose_a, dy, false);
  for (int i = 0; i < 2; i++)
    if (wanted[i])
      dx[i] = sym_sum_to (dx[i], sym_shape (x[i]));
}

static double
matmul_flops (const struct shape *const *x, const struct shape *y)
{
  /* |a| |b| = batch m k k n, whichever of them is transposed */
  double k = (double) x[0]->dim[x[0]->rank - 1] * (double) x[0]->dim[x[0]->rank - 2] / (double) y->dim[y->rank - 2];

  return 2 * k * (double) shape_size (y);
}

static const struct matmul_attrs plain = {0}, left = {.transpose_a = true}, right = {.transpose_b = true},
                                 both = {.transpose_a = true, .transpose_b = true};

static const struct op_case matmul_cases[] = {
  {"a matrix and a matrix", {SHAPE (5, 7), SHAPE (7, 3)}, 2, &plain},
  {"left transposed", {SHAPE (7, 5), SHAPE (7, 19)}, 2, &left},
  {"right transposed", {SHAPE (4, 6), SHAPE (9, 6)}, 2, &right},
  {"both transposed", {SHAPE (6, 4), SHAPE (9, 6)}, 2, &both},
  {"a batch", {SHAPE (3, 4, 16), SHAPE (3, 16, 5)}, 2, &plain},
  {"a batch, both transposed", {SHAPE (3, 16, 4), SHAPE (3, 5, 16)}, 2, &both},
  {"the same right side for a batch", {SHAPE (3, 4, 6), SHAPE (6, 5)}, 2, &plain},
  {"the same left side for a batch", {SHAPE (4, 6), SHAPE (2, 3, 6, 5)}, 2, &plain},
  {"batches that broadcast", {SHAPE (2, 1, 3, 4), SHAPE (1, 3, 5, 4)}, 2, &right},
  {"a row and a column", {SHAPE (1, 17), SHAPE (17, 1)}, 2, &plain},
  {"a column and a row", {SHAPE (2, 3, 1), SHAPE (2, 1, 5)}, 2, &plain},
  {"inner extents that differ", {SHAPE (5, 7), SHAPE (6, 3)}, 2, &plain, .error = "7 columns, right side 6 rows"},
  {"batches that differ", {SHAPE (2, 5, 7), SHAPE (3, 7, 3)}, 2, &plain, .error = "do not fit"},
  {"a vector", {SHAPE (7), SHAPE (7, 3)}, 2, &plain, .error = "left side has rank 1"},
  {NULL},
};

/* gram */

static bool
gram_shape (const void *attrs, const struct shape *const *x, int n_inputs, struct shape *y, GError **error)
{
  for (int i = 0; i < 2; i++)
    if (x[i]->rank != 4)
      return op_fail (error, "input has rank %d, wants 4", x[i]->rank);
  if (x[0]->dim[0] != x[1]->dim[0] || x[0]->dim[2] != x[1]->dim[2] || x[0]->dim[3] != x[1]->dim[3]) {
    g_autofree char *a = shape_text (x[0]), *b = shape_text (x[1]);
    return op_fail (error, "inputs %s and %s differ in more than channels", a, b);
  }
  *y = SHAPE (x[0]->dim[0], x[0]->dim[1], x[1]->dim[1]);
  return true;
}

static void
gram_reference (const struct op_call *call)
{
  const int64_t *a = call->x_shape[0]->dim;
  int64_t c = a[1], d = call->x_shape[1]->dim[1], pixels = a[2] * a[3];

  for (int64_t i = 0; i < a[0] * c; i++)
    for (int64_t j = 0; j < d; j++)
      for (int64_t p = 0; p < pixels; p++)
        call->y[i * d + j] += call->x[0][i * pixels + p] * call->x[1][(i / c * d + j) * pixels + p];
}

static sym
gram (sym a, sym b)
{
  sym inputs[2] = {a, b};

  return graph_add (a.graph, &op_gram, inputs, 2, NULL);
}

static sym
gram_back (sym f, sym s)
{
  sym inputs[2] = {f, s};

  return graph_add (f.graph, &op_gram_back, inputs, 2, NULL);
}

static sym
transposed (sym s)
{
  return sym_permute (s, (const int[]){0, 2, 1});
}

/* Of gram (f, f) both parts at once: (dy + dy^T) f. */
static void
gram_gradient (const void *attrs, const sym *x, int n_inputs, sym y, sym dy, const bool *wanted, sym *dx)
{
  if (x[0].id == x[1].id) {
    dx[0] = gram_back (x[0], sym_add (dy, transposed (dy)));
    return;
  }
  if (wanted[0])
    dx[0] = gram_back (x[1], dy);
  if (wanted[1])
    dx[1] = gram_back (x[0], transposed (dy));
}

sym
sym_gram (sym features)
{
  struct shape shape = sym_shape (features);
  double size = shape.rank == 4 ? (double) (shape.dim[1] * shape.dim[2] * shape.dim[3]) : 1;

  return sym_scale (gram (features, features), 1 / size);
}

static double
gram_flops (const struct shape *const *x, const struct shape *y)
{
  return 2.0 * (double) shape_size (y) * (double) (x[0]->dim[2] * x[0]->dim[3]);
}

static const struct op_case gram_cases[] = {
  {"3 and 16 channels", {SHAPE (1, 3, 5, 4), SHAPE (1, 16, 5, 4)}, 2},
  {"19 and 19 channels, batch 2", {SHAPE (2, 19, 3, 7), SHAPE (2, 19, 3, 7)}, 2},
  {"1 channel", {SHAPE (2, 1, 4, 4), SHAPE (2, 1, 4, 4)}, 2},
  {"1 pixel", {SHAPE (3, 5, 1, 1), SHAPE (3, 4, 1, 1)}, 2},
  {"other sizes", {SHAPE (1, 3, 5, 4), SHAPE (1, 3, 4, 5)}, 2, .error = "differ in more than channels"},
  {"matrices", {SHAPE (3, 5, 4), SHAPE (3, 4, 5)}, 2, .error = "rank 3, wants 4"},
  {NULL},
};

/* gram_back */

static bool
gram_back_shape (const void *attrs, const struct shape *const *x, int n_inputs, struct shape *y, GError **error)
{
  const struct shape *f = x[0], *s = x[1];

  if (f->rank != 4 || s->rank != 3)
    return op_fail (error, "inputs have rank %d and %d, want 4 and 3", f->rank, s->rank);
  if (s->dim[0] != f->dim[0] || s->dim[2] != f->dim[1]) {
    g_autofree char *picture = shape_text (f), *matrices = shape_text (s);
    return op_fail (error, "matrices %s do not fit pictures %s", matrices, picture);
  }
  *y = *f;
  y->dim[1] = s->dim[1];
  return true;
}

static void
gram_back_reference (const struct op_call *call)
{
  const int64_t *f = call->x_shape[0]->dim;
  int64_t c = f[1], d = call->x_shape[1]->dim[1], pixels = f[2] * f[3];

  for (int64_t i = 0; i < f[0] * d; i++)
    for (int64_t k = 0; k < c; k++)
      for (int64_t p = 0; p < pixels; p++)
        call->y[i * pixels + p] += call->x[1][i * c + k] * call->x[0][(i / d * c + k) * pixels + p];
}

static void
gram_back_gradient (const void *attrs, const sym *x, int n_inputs, sym y, sym dy, const bool *wanted, sym *dx)
{
  if (wanted[0])
    dx[0] = gram_back (dy, transposed (x[1]));
  if (wanted[1])
    dx[1] = gram (dy, x[0]);
}

static double
gram_back_flops (const struct shape *const *x, const struct shape *y)
{
  return 2.0 * (double) shape_size (y) * (double) x[0]->dim[1];
}

static const struct op_case gram_back_cases[] = {
  {"3 channels", {SHAPE (1, 3, 5, 4), SHAPE (1, 3, 3)}, 2},
  {"19 to 5 channels, batch 2", {SHAPE (2, 19, 3, 7), SHAPE (2, 5, 19)}, 2},
  {"1 channel", {SHAPE (2, 1, 4, 4), SHAPE (2, 1, 1)}, 2},
  {"1 pixel", {SHAPE (3, 16, 1, 1), SHAPE (3, 4, 16)}, 2},
  {"channels that differ", {SHAPE (1, 3, 5, 4), SHAPE (1, 3, 4)}, 2, .error = "do not fit pictures"},
  {"a picture", {SHAPE (1, 3, 5, 4), SHAPE (1, 3, 3, 1)}, 2, .error = "want 4 and 3"},
  {NULL},
};

const struct op op_matmul = {
  .name = "matmul",
  .formula = "y(i,j) = sum over k of a(i,k) b(k,j)",
  .min_inputs = 2,
  .max_inputs = 2,
  .attrs_size = sizeof (struct matmul_attrs),
  .attrs = matmul_options,
  .flags = OP_FLOAT,
  .shape = matmul_shape,
  .reference = matmul_reference,
  .gradient = matmul_gradient,
  .prepare = cpu_matmul,
  .flops = matmul_flops,
  .cases = matmul_cases,
};

const struct op op_gram = {
  .name = "gram",
  .formula = "y(i,j) = sum over pixels p of a(i,p) b(j,p)",
  .min_inputs = 2,
  .max_inputs = 2,
  .flags = OP_SPATIAL,
  .shape = gram_shape,
  .reference = gram_reference,
  .gradient = gram_gradient,
  .prepare = cpu_gram,
  .flops = gram_flops,
  .cases = gram_cases,
};

const struct op op_gram_back = {
  .name = "gram_back",
  .formula = "y(i,p) = sum over channels k of s(i,k) f(k,p)",
  .min_inputs = 2,
  .max_inputs = 2,
  .flags = OP_SPATIAL,
  .shape = gram_back_shape,
  .reference = gram_back_reference,
  .gradient = gram_back_gradient,
  .prepare = cpu_gram_back,
  .flops = gram_back_flops,
  .cases = gram_back_cases,
};
