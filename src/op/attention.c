/* SPDX-License-Identifier: Apache-2.0
 *
 * Attention (Vaswani et al. 2017): y = softmax (scale q k^T + bias) v, over q (..., n, d), k (..., m, d) or with
 * `columns` (..., d, m), v (..., m, e) and a bias that broadcasts to the scores (..., n, m). Networks write it in its
 * parts; lowering finds those (compile/absorb.c), since together they need not keep the scores. */
#include <math.h>

#include "device/cpu.h"
#include "op/sym.h"
#include "op/table.h"

static const struct option attention_options[] = {
  {"scale", OPTION_FLOAT, offsetof (struct attention_attrs, scale), "factor of the products", .fallback = 1},
  {"columns", OPTION_BOOL, offsetof (struct attention_attrs, columns), "k has its vectors as columns"},
  {NULL},
};

static bool
attention_shape (const void *attrs, const struct shape *const *x, int n_inputs, struct shape *y, GError **error)
{
  const struct attention_attrs *a = attrs;
  const struct shape *q = x[0], *k = x[1], *v = x[2];
  int last = q->rank - 1, deep = a->columns ? last - 1 : last, wide = a->columns ? last : last - 1;
  struct shape scores = *q, sum;

  if (q->rank < 2 || k->rank != q->rank || v->rank != q->rank)
    return op_fail (error, "inputs have ranks %d, %d, %d, want the same, 2 or more", q->rank, k->rank, v->rank);
  for (int i = 0; i < last - 1; i++)
    if (k->dim[i] != q->dim[i] || v->dim[i] != q->dim[i])
      return op_fail (error, "inputs differ in axis %d", i);
  if (k->dim[deep] != q->dim[last] || k->dim[wide] != v->dim[last - 1]) {
    g_autofree char *queries = shape_text (q), *keys = shape_text (k), *values = shape_text (v);
    return op_fail (error, "queries %s, keys %s and values %s do not fit", queries, keys, values);
  }
  scores.dim[last] = v->dim[last - 1];
  if (n_inputs > 3 && (!shape_broadcast (&scores, x[3], &sum) || !shape_equal (&sum, &scores)))
    return op_fail (error, "bias does not broadcast to the scores");
  *y = *q;
  y->dim[last] = v->dim[last];
  return isfinite (a->scale) || op_fail (error, "scale %g", a->scale);
}

static sym
attention_decompose (const void *attrs, const sym *x, int n_inputs)
{
  const struct attention_attrs *a = attrs;
  sym scores = sym_scale (sym_matmul_t (x[0], false, x[1], !a->columns), a->scale);

  if (n_inputs > 3)
    scores = sym_add (scores, x[3]);
  return sym_matmul (sym_softmax (scores, sym_shape (scores).rank - 1), x[2]);
}

sym
sym_attention (sym q, sym k, sym v, sym bias, struct attention_attrs attrs)
{
  sym inputs[4] = {q, k, v, bias};

  return graph_add (q.graph, &op_attention, inputs, sym_null (bias) ? 3 : 4, &attrs);
}

static double
attention_flops (const struct shape *const *x, const struct shape *y)
{
  double m = (double) x[2]->dim[y->rank - 2];

  return 2 * m * ((double) shape_size (x[0]) + (double) shape_size (y));
}

static const struct attention_attrs half = {.scale = 0.5}, one = {.scale = 1},
                                    columns = {.scale = 0.7, .columns = true};

static const struct op_case attention_cases[] = {
  {"one head", {SHAPE (5, 4), SHAPE (7, 4), SHAPE (7, 3)}, 3, &half},
  {"heads", {SHAPE (2, 3, 5, 4), SHAPE (2, 3, 6, 4), SHAPE (2, 3, 6, 4)}, 3, &one},
  {"heads, keys as columns", {SHAPE (3, 5, 4), SHAPE (3, 4, 6), SHAPE (3, 6, 2)}, 3, &columns},
  {"a bias of heads", {SHAPE (2, 3, 5, 4), SHAPE (2, 3, 6, 4), SHAPE (2, 3, 6, 4), SHAPE (3, 5, 6)}, 4, &half},
  {"a bias of places", {SHAPE (2, 5, 4), SHAPE (2, 6, 4), SHAPE (2, 6, 4), SHAPE (2, 1, 6)}, 4, &half},
  {"more rows than a block", {SHAPE (2, 150, 3), SHAPE (2, 40, 3), SHAPE (2, 40, 2)}, 3, &one},
  {"keys of another depth", {SHAPE (5, 4), SHAPE (7, 3), SHAPE (7, 3)}, 3, &half, .error = "do not fit"},
  {"another batch", {SHAPE (2, 5, 4), SHAPE (3, 7, 4), SHAPE (2, 7, 3)}, 3, &half, .error = "differ in axis 0"},
  {"a bias too large",
   {SHAPE (1, 5, 4), SHAPE (1, 6, 4), SHAPE (1, 6, 4), SHAPE (2, 5, 6)},
   4,
   &half,
   .error = "bias does not broadcast"},
  {NULL},
};

const struct op op_attention = {
  .name = "attention",
  .formula = "y = softmax (scale q k^T + bias) v",
  .min_inputs = 3,
  .max_inputs = 4,
  .attrs_size = sizeof (struct attention_attrs),
  .attrs = attention_options,
  .flags = OP_FLOAT,
  .shape = attention_shape,
  .decompose = attention_decompose,
  .prepare = cpu_attention,
  .flops = attention_flops,
  .cases = attention_cases,
};
