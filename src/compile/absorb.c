/* SPDX-License-Identifier: Apache-2.0
 *
 * Rewrites over a few nodes of the graph that is being made; what they leave unread, the next round of lowering
 * drops. */
#include "compile/absorb.h"

#include <math.h>

#include "device/cpu.h"
#include "device/vector.h"
#include "graph/op.h"
#include "op/sym.h"
#include "op/table.h"

#define SCORES_MIN 1024 /* fewer are not worth a kernel of their own */

struct absorb {
  GHashTable *assigned; /* names of parameters that a run changes */
  int *source_users;    /* by source id */
  GArray *users;        /* int, by target id: readers of what became this node */
  GArray *known;        /* bool, by target id, as far as asked for */
};

struct absorb *
absorb_new (const struct graph *source, const bool *needed)
{
  struct absorb *a = g_new0 (struct absorb, 1);
  a->assigned = g_hash_table_new (g_str_hash, g_str_equal);
  a->source_users = g_new0 (int, graph_count (source) + 1);
  a->users = g_array_new (FALSE, TRUE, sizeof (int));
  a->known = g_array_new (FALSE, TRUE, sizeof (bool));
  for (int id = 0; id < graph_count (source); id++)
    for (int i = 0; needed[id] && i < graph_node (source, id)->n_inputs; i++)
      a->source_users[graph_node (source, id)->input[i]]++;
  for (guint i = 0; i < graph_result_count (source); i++) {
    struct graph_result result = graph_result (source, i);
    a->source_users[result.id]++;
    if (!result.name)
      g_hash_table_add (a->assigned, (gpointer) graph_node (source, result.target)->name);
  }
  return a;
}

void
absorb_free (struct absorb *a)
{
  if (!a)
    return;
  g_hash_table_unref (a->assigned);
  g_free (a->source_users);
  g_array_unref (a->users);
  g_array_unref (a->known);
  g_free (a);
}

void
absorb_note (struct absorb *a, int id, sym copy)
{
  if (sym_null (copy))
    return;
  if (a->users->len <= (guint) copy.id)
    g_array_set_size (a->users, copy.id + 1);
  g_array_index (a->users, int, copy.id) += a->source_users[id];
}

/* At most one node will read it; what a rewrite has just made has no reader yet. */
static bool
used_once (const struct absorb *a, sym s)
{
  return !sym_null (s) && (a->users->len <= (guint) s.id || g_array_index (a->users, int, s.id) <= 1);
}

/* Whether @s depends on no input, no chance and no parameter that a run changes. */
static bool
is_known (struct absorb *a, sym s)
{
  if (sym_null (s))
    return false;
  for (guint id = a->known->len; id <= (guint) s.id; id++) {
    const struct node *node = graph_node (s.graph, (int) id);
    bool known = node->op == &op_constant ||
                 (node->op == &op_parameter && !g_hash_table_contains (a->assigned, node->name)) || node->n_inputs > 0;
    known &= !(node->op->flags & OP_RANDOM);
    for (int i = 0; i < node->n_inputs; i++)
      known &= g_array_index (a->known, bool, node->input[i]);
    g_array_append_val (a->known, known);
  }
  return g_array_index (a->known, bool, s.id);
}

static sym
input_of (sym s, int i)
{
  return (sym){s.graph, sym_node (s)->input[i]};
}

static bool
is_op (sym s, const struct op *op)
{
  return !sym_null (s) && sym_node (s)->op == op;
}

/* Constants of channels */

/* A known value a channel, of (1, c, 1, 1) or (c, 1, 1). */
static bool
is_channels (struct absorb *a, sym s, int64_t channels)
{
  struct shape shape = sym_shape (s);
  int last = shape.rank - 1;
  return (shape.rank == 3 || (shape.rank == 4 && shape.dim[0] == 1)) && shape.dim[last] == 1 &&
         shape.dim[last - 1] == 1 && shape.dim[last - 2] == channels && is_known (a, s);
}

static sym
as_row (sym s, int64_t channels)
{
  return sym_reshape (s, SHAPE (1, channels, 1, 1));
}

/* A convolution whose weight can be scaled. */
static bool
is_conv (struct absorb *a, sym s)
{
  if (!used_once (a, s) || (!is_op (s, &op_conv2d) && !is_op (s, &op_conv2d_back_x)))
    return false;
  return is_known (a, input_of (s, 1)) &&
         (is_op (s, &op_conv2d) || ((const struct conv_attrs *) sym_node (s)->attrs)->groups == 1);
}

static sym
scaled_conv (sym conv, sym scale)
{
  const struct node *node = sym_node (conv);
  int64_t c = node->shape.dim[1];
  bool forward = node->op == &op_conv2d;
  sym factor = sym_reshape (scale, forward ? SHAPE (c, 1, 1, 1) : SHAPE (1, c, 1, 1));
  sym weight = sym_mul (input_of (conv, 1), factor);
  return forward ? sym_conv2d_attrs (input_of (conv, 0), weight, node->attrs)
                 : sym_conv2d_back_x (input_of (conv, 0), weight, node->attrs);
}

/* conv + c, in either order: the two, or false. */
static bool
is_biased_conv (struct absorb *a, sym s, sym *conv, sym *bias)
{
  if (!used_once (a, s) || !is_op (s, &op_add))
    return false;
  for (int i = 0; i < 2; i++) {
    *conv = input_of (s, i);
    *bias = input_of (s, 1 - i);
    if (is_conv (a, *conv) && is_channels (a, *bias, sym_shape (*conv).dim[1]))
      return true;
  }
  return false;
}

static sym
absorb_scale (struct absorb *a, sym x, sym scale)
{
  sym none = {x.graph, -1}, conv = x, bias = none;
  if (sym_shape (x).rank != 4 || (!is_conv (a, x) && !is_biased_conv (a, x, &conv, &bias)) ||
      !is_channels (a, scale, sym_shape (conv).dim[1]))
    return none;
  int64_t c = sym_shape (conv).dim[1];
  sym y = scaled_conv (conv, scale);
  return sym_null (bias) ? y : sym_add (y, sym_mul (as_row (bias, c), as_row (scale, c)));
}

static sym
absorb_shift (struct absorb *a, sym x, sym shift, bool subtract)
{
  sym none = {x.graph, -1}, conv = x, bias = none;
  bool biased = sym_shape (x).rank == 4 && is_biased_conv (a, x, &conv, &bias);
  if (sym_shape (x).rank != 4 || (!biased && (!subtract || !is_conv (a, x))) ||
      !is_channels (a, shift, sym_shape (conv).dim[1]))
    return none;
  int64_t c = sym_shape (conv).dim[1];
  sym row = subtract ? sym_neg (as_row (shift, c)) : as_row (shift, c);
  return sym_add (conv, biased ? sym_add (as_row (bias, c), row) : row);
}

/* Products of matrices */

/* b where @s is b with its last two axes swapped, which nothing else reads. */
static sym
unswapped (const struct absorb *a, sym s)
{
  sym none = {s.graph, -1};
  if (!used_once (a, s) || !is_op (s, &op_permute))
    return none;
  const int64_t *axes = sym_node (s)->attrs; /* its only attribute */
  int rank = sym_shape (s).rank;
  for (int i = 0; i < rank; i++)
    if (axes[i] != (i < rank - 2 ? i : 2 * rank - 3 - i))
      return none;
  return input_of (s, 0);
}

static sym
absorb_transposes (struct absorb *a, const struct node *node, const sym *x)
{
  const struct matmul_attrs *t = node->attrs;
  sym from[2] = {unswapped (a, x[0]), unswapped (a, x[1])}, none = {x[0].graph, -1};
  if (sym_null (from[0]) && sym_null (from[1]))
    return none;
  return sym_matmul_t (sym_null (from[0]) ? x[0] : from[0], t->transpose_a != !sym_null (from[0]),
                       sym_null (from[1]) ? x[1] : from[1], t->transpose_b != !sym_null (from[1]));
}

/* From @s, which a softmax reads, to what is scaled there; a shift is lost in the softmax. */
static sym
without_scale (const struct absorb *a, sym s, double *scale)
{
  while (used_once (a, s) && is_op (s, &op_affine)) {
    const double *attrs = sym_node (s)->attrs; /* scale and shift lead, as VECTOR_AFFINE wants */
    if (!isfinite (attrs[0]) || !isfinite (attrs[1]))
      break;
    *scale *= attrs[0];
    s = input_of (s, 0);
  }
  return s;
}

/* @scores = scale product + bias, the bias null when there is none. */
static bool
is_scores (const struct absorb *a, sym scores, sym *product, sym *bias, double *scale)
{
  double outer = 1;
  sym sum = without_scale (a, scores, &outer);
  *bias = (sym){scores.graph, -1};
  *product = sum;
  *scale = outer;
  for (int i = 0; i < 2 && !is_op (*product, &op_matmul) && used_once (a, sum) && is_op (sum, &op_add); i++) {
    *scale = outer;
    *product = without_scale (a, input_of (sum, i), scale);
    *bias = outer == 1 ? input_of (sum, 1 - i) : sym_scale (input_of (sum, 1 - i), outer);
  }
  struct shape shape = sym_shape (scores), computed = sym_shape (*product);
  return used_once (a, *product) && is_op (*product, &op_matmul) && shape_equal (&computed, &shape);
}

static bool
same_batch (sym a, sym b)
{
  struct shape one = sym_shape (a), other = sym_shape (b);
  bool same = one.rank == other.rank && one.rank >= 2;
  for (int i = 0; same && i < one.rank - 2; i++)
    same = one.dim[i] == other.dim[i];
  return same;
}

static sym
swapped (sym s)
{
  int axes[SHAPE_RANK_MAX], rank = sym_shape (s).rank;
  for (int i = 0; i < rank; i++)
    axes[i] = i < rank - 2 ? i : 2 * rank - 3 - i;
  return sym_permute (s, axes);
}

/* A product p v, or the other way round v^T p^T, where p is the softmax of scores. */
static sym
absorb_attention (const struct absorb *a, const struct node *node, const sym *x)
{
  const struct matmul_attrs *t = node->attrs, *inner;
  sym none = {x[0].graph, -1}, product, bias;
  struct attention_attrs attrs = {0};
  int left = is_op (x[0], &op_softmax) ? 0 : 1;
  if (!used_once (a, x[left]) || !is_op (x[left], &op_softmax) || (left ? !t->transpose_b : t->transpose_a))
    return none;
  const struct softmax_attrs *softmax = sym_node (x[left])->attrs;
  sym scores = input_of (x[left], 0);
  struct shape shape = sym_shape (scores);
  if (softmax->logarithm || softmax->axis != shape.rank - 1 || !used_once (a, scores) ||
      shape.dim[shape.rank - 1] * shape.dim[shape.rank - 2] < SCORES_MIN ||
      !is_scores (a, scores, &product, &bias, &attrs.scale))
    return none;
  inner = sym_node (product)->attrs;
  attrs.columns = !inner->transpose_b;
  sym q = input_of (product, 0), k = input_of (product, 1), v = x[1 - left];
  if (!same_batch (q, k) || !same_batch (q, v))
    return none;
  sym y = sym_attention (inner->transpose_a ? swapped (q) : q, k,
                         (left ? !t->transpose_a : t->transpose_b) ? swapped (v) : v, bias, attrs);
  return left ? swapped (y) : y;
}

sym
absorb_node (struct absorb *a, const struct node *node, const sym *x)
{
  sym none = {x[0].graph, -1}, y = none;
  if (node->op == &op_matmul) {
    y = absorb_attention (a, node, x);
    return sym_null (y) ? absorb_transposes (a, node, x) : y;
  }
  if (node->op == &op_mul || node->op == &op_add)
    for (int i = 0; i < 2 && sym_null (y); i++)
      y = node->op == &op_mul ? absorb_scale (a, x[i], x[1 - i]) : absorb_shift (a, x[i], x[1 - i], false);
  if (node->op == &op_div && is_known (a, x[1]) &&
      is_channels (a, x[1], node->shape.rank == 4 ? node->shape.dim[1] : 0))
    y = absorb_scale (a, x[0], sym_reciprocal (x[1]));
  if (node->op == &op_sub)
    y = absorb_shift (a, x[0], x[1], true);
  return y;
}
