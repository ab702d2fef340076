/* SPDX-License-Identifier: Apache-2.0
 *
 * The reference interpreter: one array of doubles for each node that is needed, filled by the op's reference kernel or,
 * where it has none, by evaluating its decomposition in a graph of its own. Arrays are freed after their last use. */
#include "compile/reference.h"

#include <string.h>

#include "graph/op.h"
#include "impasto/error.h"

struct evaluation {
  struct graph *graph;
  uint64_t seed, step;
  double **value; /* by node id; owned */
  int *uses;      /* by node id: readers that are still to come */
};

static double *
new_array (const struct shape *shape, GError **error)
{
  size_t size = (size_t) shape_size (shape);
  double *array = g_try_new0 (double, size);

  if (array == NULL) {
    g_autofree char *text = shape_text (shape);
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "out of memory: a value %s in double wants %.1f MiB", text,
                 (double) size * sizeof (double) / (1 << 20));
  }
  return array;
}

/* A copy of the value bound to the leaf @id. */
static double *
leaf_value (const struct node *node, const double *bound, GError **error)
{
  size_t size = (size_t) shape_size (&node->shape);
  double *array;

  if (node->value == NULL && bound == NULL) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MODEL, "%s \"%s\" has no value", node->op->name, node->name);
    return NULL;
  }
  array = new_array (&node->shape, error);
  if (array == NULL)
    return NULL;
  if (node->value == NULL)
    memcpy (array, bound, size * sizeof (double));
  else
    for (size_t i = 0; i < size; i++)
      array[i] = (double) tensor_floats (node->value)[i];
  return array;
}

/* @call's op in smaller ops. */
static double *
decomposed_value (const struct node *node, const struct op_call *call, GError **error)
{
  g_autoptr (graph) graph = graph_new ();
  g_autofree sym *x = g_new (sym, node->n_inputs);
  g_autofree const double **leaf = NULL;
  double *value = NULL;
  sym y;

  for (int i = 0; i < node->n_inputs; i++) {
    g_autofree char *name = g_strdup_printf ("x%d", i);
    x[i] = graph_input (graph, name, *call->x_shape[i]);
  }
  y = node->op->decompose (node->attrs, x, node->n_inputs);
  if (!graph_check (graph, error))
    return NULL;
  leaf = g_new0 (const double *, graph_count (graph));
  for (int i = 0; i < node->n_inputs; i++)
    leaf[x[i].id] = call->x[i];
  reference_evaluate (graph, leaf, call->seed, call->step, &y, 1, &value, error);
  return value;
}

static double *
node_value (const struct evaluation *run, const struct node *node, GError **error)
{
  g_autofree const struct shape **shapes = g_new (const struct shape *, node->n_inputs);
  g_autofree const double **inputs = g_new (const double *, node->n_inputs);
  struct op_call call = {
    .attrs = node->attrs,
    .n_inputs = node->n_inputs,
    .x_shape = shapes,
    .x = inputs,
    .y_shape = &node->shape,
    .seed = run->seed,
    .step = run->step,
  };

  for (int i = 0; i < node->n_inputs; i++) {
    shapes[i] = &graph_node (run->graph, node->input[i])->shape;
    inputs[i] = run->value[node->input[i]];
  }
  if (node->op->reference == NULL && node->op->decompose != NULL)
    return decomposed_value (node, &call, error);
  if (node->op->reference == NULL) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MODEL, "%s: has no reference kernel", node->op->name);
    return NULL;
  }
  call.y = new_array (&node->shape, error);
  if (call.y != NULL)
    node->op->reference (&call);
  return call.y;
}

/* Counts the readers of each node that @want needs, @want itself as one more. */
static void
count_uses (struct evaluation *run, const sym *want, int n)
{
  for (int i = 0; i < n; i++)
    run->uses[want[i].id]++;
  for (int id = graph_count (run->graph) - 1; id >= 0; id--) {
    const struct node *node = graph_node (run->graph, id);

    for (int i = 0; i < node->n_inputs && run->uses[id] > 0; i++)
      run->uses[node->input[i]]++;
  }
}

static bool
evaluate (struct evaluation *run, const double *const *leaf, GError **error)
{
  for (int id = 0; id < graph_count (run->graph); id++) {
    const struct node *node = graph_node (run->graph, id);
    const struct op *op = node->op;
    bool is_leaf = op == &op_input || op == &op_parameter || op == &op_constant;

    if (run->uses[id] == 0)
      continue;
    run->value[id] = is_leaf ? leaf_value (node, leaf != NULL ? leaf[id] : NULL, error) : node_value (run, node, error);
    if (run->value[id] == NULL)
      return false;
    for (int i = 0; i < node->n_inputs; i++)
      if (--run->uses[node->input[i]] == 0)
        g_clear_pointer (&run->value[node->input[i]], g_free);
  }
  return true;
}

bool
reference_evaluate (struct graph *graph, const double *const *leaf, uint64_t seed, uint64_t step, const sym *want,
                    int n, double **out, GError **error)
{
  struct evaluation run = {.graph = graph, .seed = seed, .step = step};
  int count = graph_count (graph);
  bool done;

  if (!graph_check (graph, error))
    return false;
  for (int i = 0; i < n; i++)
    if (sym_null (want[i]) || want[i].graph != graph) {
      g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MODEL, "value %d to evaluate is not of this graph", i);
      return false;
    }
  run.value = g_new0 (double *, count);
  run.uses = g_new0 (int, count);
  count_uses (&run, want, n);
  done = evaluate (&run, leaf, error);
  for (int i = 0; i < n && done; i++) {
    size_t size = (size_t) shape_size (&sym_node (want[i])->shape);

    out[i] = g_memdup2 (run.value[want[i].id], size * sizeof (double));
  }
  for (int id = 0; id < count; id++)
    g_free (run.value[id]);
  g_free (run.value);
  g_free (run.uses);
  return done;
}
