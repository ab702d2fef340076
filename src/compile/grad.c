/* SPDX-License-Identifier: Apache-2.0
 *
 * Reverse mode over the list of nodes: since every node comes after its inputs, one pass forwards finds the nodes that
 * x influences and one pass backwards from y hands gradients to their inputs, summing where a value is used more than
 * once. An op without a rule of its own is differentiated through its decomposition. */
#include "compile/grad.h"

#include "graph/op.h"
#include "op/sym.h"

static bool
stops (const struct op *op)
{
  return (op->flags & OP_STOP) != 0;
}

/* active[id]: node id is in x or depends on it; nodes up to @last. With @leaves the nodes of x count as independent
 * of each other. */
static bool *
find_active (const struct graph *graph, int last, const sym *x, int n)
{
  bool *active = g_new0 (bool, last + 1);

  for (int i = 0; i < n; i++)
    if (x[i].id <= last)
      active[x[i].id] = true;
  for (int id = 0; id <= last; id++) {
    const struct node *node = graph_node (graph, id);

    for (int i = 0; i < node->n_inputs && !active[id] && !stops (node->op); i++)
      active[id] = active[node->input[i]];
  }
  return active;
}

static void
accumulate (struct graph *graph, sym *gradient, sym more, const struct node *target, const struct op *op)
{
  struct shape shape = sym_shape (more);

  if (sym_null (more))
    return;
  if (!shape_equal (&shape, &target->shape)) {
    g_autofree char *have = shape_text (&shape), *want = shape_text (&target->shape);
    graph_fail (graph, "%s: its gradient is %s, the input is %s", op->name, have, want);
    return;
  }
  *gradient = sym_null (*gradient) ? more : sym_add (*gradient, more);
}

static void differentiate (sym y, sym dy, const sym *x, int n, bool independent, sym *dx);

/* dx[i] := gradient with respect to input i of the node @y. */
static void
node_gradient (sym y, sym dy, const sym *x, const bool *wanted, sym *dx)
{
  const struct node *node = sym_node (y);
  const struct op *op = node->op;

  if (op->gradient != NULL)
    op->gradient (node->attrs, x, node->n_inputs, y, dy, wanted, dx);
  else if (op->decompose != NULL)
    differentiate (op->decompose (node->attrs, x, node->n_inputs), dy, x, node->n_inputs, true, dx);
  else
    graph_fail (y.graph, "%s: has no gradient", op->name);
}

/* Hands the gradient @dy of node @y on to its active inputs. */
static void
propagate (sym y, sym dy, const bool *active, sym *gradient)
{
  const struct node *node = sym_node (y);
  struct graph *graph = y.graph;
  int n = node->n_inputs;
  g_autofree sym *x = g_new (sym, n), *dx = g_new (sym, n);
  g_autofree bool *wanted = g_new (bool, n);

  for (int i = 0; i < n; i++) {
    x[i] = (sym){graph, node->input[i]};
    dx[i] = (sym){graph, -1};
    wanted[i] = active[node->input[i]];
  }
  node_gradient (y, dy, x, wanted, dx);
  for (int i = 0; i < n; i++)
    if (wanted[i])
      accumulate (graph, &gradient[x[i].id], dx[i], graph_node (graph, x[i].id), node->op);
}

/* With @independent the nodes of x are taken as leaves: what flows into one does not flow on to another. */
static void
differentiate (sym y, sym dy, const sym *x, int n, bool independent, sym *dx)
{
  struct graph *graph = y.graph;
  g_autofree bool *active = NULL, *leaf = NULL;
  g_autofree sym *gradient = NULL;

  for (int i = 0; i < n; i++)
    dx[i] = (sym){graph, -1};
  if (sym_null (y) || sym_null (dy))
    return;
  active = find_active (graph, y.id, x, n);
  leaf = g_new0 (bool, y.id + 1);
  gradient = g_new0 (sym, y.id + 1);
  for (int i = 0; i < n; i++)
    if (independent && x[i].id <= y.id)
      leaf[x[i].id] = true;
  gradient[y.id] = dy;
  for (int id = y.id; id >= 0; id--) {
    const struct node *node = graph_node (graph, id);

    if (active[id] && !sym_null (gradient[id]) && !leaf[id] && node->n_inputs > 0 && !stops (node->op))
      propagate ((sym){graph, id}, gradient[id], active, gradient);
  }
  for (int i = 0; i < n; i++)
    if (x[i].id <= y.id)
      dx[i] = gradient[x[i].id];
}

static sym
filled (sym like, double value)
{
  return sym_broadcast (sym_scalar_like (like, value), sym_shape (like));
}

/* Every symbol is there and of @y's graph; else dx is all null and the graph has an error. */
static bool
valid (sym y, sym dy, const sym *x, int n, sym *dx)
{
  bool whole = !sym_null (y) && !sym_null (dy) && dy.graph == y.graph;

  for (int i = 0; i < n; i++) {
    dx[i] = (sym){y.graph, -1};
    whole = whole && !sym_null (x[i]) && x[i].graph == y.graph;
  }
  if (!whole)
    graph_fail (y.graph, "a value or its seed is missing or belongs to another graph");
  return whole;
}

void
graph_gradient_from (sym y, sym dy, const sym *x, int n, sym *dx)
{
  struct shape shape = sym_shape (y), seed = sym_shape (dy);
  struct graph *graph = y.graph;

  if (graph == NULL) {
    for (int i = 0; i < n; i++)
      dx[i] = (sym){NULL, -1};
    return;
  }
  graph_push (graph, "gradient");
  if (!shape_equal (&shape, &seed)) {
    g_autofree char *have = shape_text (&seed), *want = shape_text (&shape);
    dy = graph_fail (graph, "the seed is %s, the value %s", have, want);
  }
  if (valid (y, dy, x, n, dx)) {
    differentiate (y, dy, x, n, false, dx);
    for (int i = 0; i < n; i++)
      if (sym_null (dx[i]))
        dx[i] = filled (x[i], 0);
  }
  graph_pop (graph);
}

void
graph_gradient (sym y, const sym *x, int n, sym *dx)
{
  struct shape shape = sym_shape (y);
  struct graph *graph = y.graph;
  sym seed = {graph, -1};

  if (graph != NULL) {
    graph_push (graph, "gradient");
    if (shape_size (&shape) != 1) {
      g_autofree char *text = shape_text (&shape);
      graph_fail (graph, "the value is %s, wanted a single number", text);
    }
    seed = filled (y, 1);
    graph_pop (graph);
  }
  graph_gradient_from (y, seed, x, n, dx);
}
