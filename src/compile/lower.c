/* SPDX-License-Identifier: Apache-2.0
 *
 * Lowering copies node by node into a new graph, in topological order, so that hash-consing removes what a rewrite
 * makes equal. The rewrites are peepholes over one node and its inputs; each keeps the value exactly or to the last
 * rounding of float. */
#include "compile/lower.h"

#include <string.h>

#include "compile/absorb.h"
#include "device/vector.h"
#include "graph/op.h"
#include "op/sym.h"
#include "op/table.h"

/* A one-element constant's value. */
static bool
scalar_constant (sym s, double *value)
{
  const struct node *node = sym_node (s);
  if (!node || node->op != &op_constant || shape_size (&node->shape) != 1)
    return false;
  *value = ((const float *) node->value->data)[0];
  return true;
}

static bool
same_shape (sym s, const struct node *node)
{
  struct shape shape = sym_shape (s);
  return shape_equal (&shape, &node->shape);
}

/* a + b, a - b, a * b, a / b with a scalar constant: one affine op, no second operand. Null for anything else. */
static sym
fold_scalar (const struct node *node, const sym *x)
{
  double value;
  int kind = node->op->vector;
  sym none = {x[0].graph, -1};
  if (node->n_inputs != 2)
    return none;
  if (scalar_constant (x[1], &value) && same_shape (x[0], node)) {
    switch (kind) {
    case VECTOR_ADD: return value == 0 ? x[0] : sym_affine (x[0], 1, value);
    case VECTOR_SUB: return value == 0 ? x[0] : sym_affine (x[0], 1, -value);
    case VECTOR_MUL: return value == 1 ? x[0] : sym_affine (x[0], value, 0);
    case VECTOR_DIV: return value == 1 ? x[0] : sym_affine (x[0], 1 / value, 0);
    default: return none;
    }
  }
  if (scalar_constant (x[0], &value) && same_shape (x[1], node)) {
    switch (kind) {
    case VECTOR_ADD: return value == 0 ? x[1] : sym_affine (x[1], 1, value);
    case VECTOR_SUB: return sym_affine (x[1], -1, value);
    case VECTOR_MUL: return value == 1 ? x[1] : sym_affine (x[1], value, 0);
    default: return none;
    }
  }
  return none;
}

static bool
runs_in_plan (const struct op *op)
{
  return op->vector || op->reduce || op->prepare || (op->flags & OP_VIEW) || !op->decompose;
}

/* An elementwise op broadcasts by itself: reads the small source of a broadcast where the result keeps its shape. */
static bool
skip_broadcasts (const struct node *node, sym *x)
{
  bool skipped = false;
  for (int i = 0; i < node->n_inputs; i++) {
    const struct node *input = sym_node (x[i]);
    if (!input || input->op != &op_broadcast)
      continue;
    sym source = {x[i].graph, input->input[0]}, full = x[i];
    x[i] = source;
    struct shape shape = sym_shape (x[0]);
    for (int k = 1; k < node->n_inputs; k++) {
      struct shape other = sym_shape (x[k]), sum;
      if (shape_broadcast (&shape, &other, &sum))
        shape = sum;
    }
    if (shape_equal (&shape, &node->shape))
      skipped = true;
    else
      x[i] = full;
  }
  return skipped;
}

/* Whether @node reduces its picture's pixels to one value a channel by @op, and the picture is computed. */
static bool
reduces_pixels (const struct graph *graph, const struct node *node, const struct op *op)
{
  if (node->op != op || ((const struct reduce_attrs *) node->attrs)->axes != AXES_HW || node->shape.rank != 4)
    return false;
  const struct node *x = graph_node (graph, node->input[0]);
  return x->n_inputs > 0 && x->shape.dim[2] * x->shape.dim[3] > 1;
}

/* A picture's mean and variance are taken in one pass: @both tells of which pictures both are wanted. */
static sym
share_moments (const struct graph *graph, const struct node *node, const sym *x, const bool *both)
{
  sym none = {x[0].graph, -1};
  if (node->n_inputs != 1 || !both[node->input[0]])
    return none;
  struct shape shape = sym_shape (x[0]);
  int64_t c = shape.dim[1];
  if (reduces_pixels (graph, node, &op_variance))
    return sym_slice (sym_moments (x[0]), 1, c, 2 * c, 1);
  if (reduces_pixels (graph, node, &op_sum))
    return sym_scale (sym_slice (sym_moments (x[0]), 1, 0, c, 1), shape.dim[2] * shape.dim[3]);
  return none;
}

static sym
lower_node (struct graph *target, const struct node *node, const sym *x)
{
  if (node->op == &op_input)
    return graph_input (target, node->name, node->shape);
  if (node->op == &op_parameter)
    return graph_parameter (target, node->name, node->shape, node->init);
  if (node->op == &op_constant)
    return graph_constant (target, node->value);
  if ((node->op->flags & OP_STOP) && (node->op->flags & OP_VIEW))
    return x[0];
  if (!runs_in_plan (node->op))
    return node->op->decompose (node->attrs, x, node->n_inputs);
  if (node->op->vector) {
    sym folded = fold_scalar (node, x);
    if (!sym_null (folded))
      return folded;
  }
  return graph_add (target, node->op, x, node->n_inputs, node->attrs);
}

/* Decompositions may hold decomposed ops themselves: lower until none is left. */
static struct graph *
lower_once (struct graph *graph, bool *changed, GError **error)
{
  if (!graph_check (graph, error))
    return NULL;
  int count = graph_count (graph);
  g_autofree bool *needed = g_new0 (bool, count + 1);
  for (guint i = 0; i < graph_result_count (graph); i++)
    needed[graph_result (graph, i).id] = true;
  for (int id = count - 1; id >= 0; id--) {
    const struct node *node = graph_node (graph, id);
    for (int i = 0; needed[id] && i < node->n_inputs; i++)
      needed[node->input[i]] = true;
  }
  g_autofree bool *both = g_new0 (bool, count + 1), *summed = g_new0 (bool, count + 1);
  for (int id = 0; id < count; id++)
    if (needed[id] && reduces_pixels (graph, graph_node (graph, id), &op_sum))
      summed[graph_node (graph, id)->input[0]] = true;
  for (int id = 0; id < count; id++)
    if (needed[id] && reduces_pixels (graph, graph_node (graph, id), &op_variance))
      both[graph_node (graph, id)->input[0]] = summed[graph_node (graph, id)->input[0]];
  g_autoptr (graph) target = graph_new ();
  g_autofree sym *map = g_new0 (sym, count + 1);
  g_autoptr (absorb) absorb = absorb_new (graph, needed);
  *changed = false;
  for (int id = 0; id < count; id++) {
    const struct node *node = graph_node (graph, id);
    if (!needed[id])
      continue;
    g_autofree sym *x = g_new0 (sym, node->n_inputs + 1);
    for (int i = 0; i < node->n_inputs; i++)
      x[i] = map[node->input[i]];
    x[node->n_inputs].graph = target;
    *changed |= !runs_in_plan (node->op) && !(node->op->flags & OP_STOP) && node->n_inputs > 0;
    *changed |= node->op->vector && skip_broadcasts (node, x);
    bool leaf = node->n_inputs == 0; /* its name is full already */
    if (!leaf)
      graph_push (target, "%s", node->scope);
    map[id] = share_moments (graph, node, x, both);
    if (sym_null (map[id]) && !leaf) {
      map[id] = absorb_node (absorb, node, x);
      *changed |= !sym_null (map[id]);
    }
    if (sym_null (map[id]))
      map[id] = lower_node (target, node, x);
    absorb_note (absorb, id, map[id]);
    if (!leaf)
      graph_pop (target);
    if (sym_null (map[id]) && graph_check (target, NULL))
      graph_fail (target, "%s: lowering failed", node->op->name);
  }
  for (guint i = 0; i < graph_result_count (graph); i++) {
    struct graph_result result = graph_result (graph, i);
    if (result.name) {
      graph_output (target, result.name, map[result.id]);
      continue;
    }
    const struct node *parameter = graph_node (graph, result.target);
    graph_assign (target, graph_parameter (target, parameter->name, parameter->shape, parameter->init), map[result.id]);
  }
  if (!graph_check (target, error))
    return NULL;
  return g_steal_pointer (&target);
}

struct graph *
graph_lower (struct graph *graph, GError **error)
{
  bool changed = true;
  struct graph *lowered = lower_once (graph, &changed, error);
  while (lowered && changed) {
    struct graph *next = lower_once (lowered, &changed, error);
    graph_free (lowered);
    lowered = next;
  }
  return lowered;
}
