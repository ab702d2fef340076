/* SPDX-License-Identifier: Apache-2.0
 *
 * The exporter. Going backwards from the results it finds out what is needed and by which rule each node will be
 * written (a composition that a rule recognises is not written node by node); computes what depends on no input; then
 * writes the nodes in the graph's own order. Rules: export_*.c. */
#include "onnx/export.h"

#include <string.h>

#include "compile/reference.h"
#include "impasto/error.h"
#include "onnx/export_rule.h"

static const struct export_rule *const tables[] = {export_patterns, export_elementwise, export_shapes, export_spatial};

static bool
is_leaf (const struct node *node)
{
  return node->op == &op_input || node->op == &op_parameter || node->op == &op_constant;
}

/* The two sizes */

static bool
same_node (const struct node *a, const struct node *b)
{
  return a->op == b->op && a->n_inputs == b->n_inputs && a->shape.rank == b->shape.rank &&
         g_strcmp0 (a->name, b->name) == 0 &&
         (a->n_inputs == 0 || memcmp (a->input, b->input, a->n_inputs * sizeof *a->input) == 0);
}

static void
check_same (struct exporter *e)
{
  int n = graph_count (e->graph), m = graph_count (e->other);
  for (int id = 0; id < MIN (n, m); id++) {
    const struct node *a = export_at (e, id), *b = graph_node (e->other, id);
    if (!same_node (a, b)) {
      export_fail (e, id, "at another size the network has %s here: its structure depends on the size", b->op->name);
      return;
    }
    if (a->op == &op_parameter && !shape_equal (&a->shape, &b->shape)) {
      export_fail (e, id, "parameter %s has another shape at another size", a->name);
      return;
    }
  }
  if (n != m)
    g_set_error (&e->error, IMPASTO_ERROR, IMPASTO_ERROR_MODEL,
                 "the network has %d nodes, at another size %d: its structure depends on the size", n, m);
}

/* What is needed, and how it will be written */

static void
find_known (struct exporter *e)
{
  for (int id = 0; id < graph_count (e->graph); id++) {
    const struct node *node = export_at (e, id);
    e->known[id] = node->op != &op_input && !(node->op->flags & OP_RANDOM);
    for (int i = 0; i < node->n_inputs; i++) {
      e->known[id] &= e->known[node->input[i]];
      e->users[node->input[i]]++;
    }
  }
  for (guint i = 0; i < graph_result_count (e->graph); i++)
    e->users[graph_result (e->graph, i).id]++;
}

static void
find_rule (struct exporter *e, int id)
{
  const struct op *op = export_at (e, id)->op;
  for (size_t t = 0; t < G_N_ELEMENTS (tables); t++)
    for (const struct export_rule *rule = tables[t]; rule->op; rule++)
      if (rule->op == op && (!rule->match || rule->match (e, id, e->operand[id]) > 0)) {
        e->rule[id] = rule;
        return;
      }
  if (op->flags & OP_RANDOM)
    export_fail (e, id, "draws random numbers, which another runtime would draw otherwise");
  else
    export_fail (e, id, "has no form in ONNX");
}

/* Marks in @needed what the results need; known values are ends of the walk. */
static void
choose (struct exporter *e, bool *needed)
{
  for (guint i = 0; i < graph_result_count (e->graph); i++) {
    struct graph_result result = graph_result (e->graph, i);
    if (!result.name) {
      export_fail (e, result.id, "assigns a parameter: only networks that do not learn can be exported");
      return;
    }
    needed[result.id] = true;
  }
  for (int id = graph_count (e->graph) - 1; id >= 0 && !e->error; id--) {
    const struct node *node = export_at (e, id);
    if (!needed[id] || e->known[id] || is_leaf (node))
      continue;
    find_rule (e, id);
    bool composed = e->rule[id] && e->rule[id]->match;
    int n = composed ? e->rule[id]->match (e, id, e->operand[id]) : node->n_inputs;
    for (int i = 0; i < n; i++)
      needed[composed ? e->operand[id][i] : node->input[i]] = true;
  }
}

/* Known values */

static struct tensor *
weight_of (struct exporter *e, int id)
{
  const struct node *node = export_at (e, id);
  struct tensor *tensor = weights_find (e->weights, node->name);
  if (!tensor)
    export_fail (e, id, "weight %s is missing", node->name);
  else if (!shape_equal (&tensor->shape, &node->shape) || tensor->dtype != DTYPE_F32)
    export_fail (e, id, "weight %s does not fit its parameter", node->name);
  else
    return tensor_ref (tensor);
  return NULL;
}

/* Double arrays of the parameters that the @n known nodes @want are computed from, by node id. */
static double **
leaves_for (struct exporter *e, const sym *want, int n)
{
  double **leaf = g_new0 (double *, graph_count (e->graph));
  g_autofree bool *needed = g_new0 (bool, graph_count (e->graph));
  for (int i = 0; i < n; i++)
    needed[want[i].id] = true;
  for (int id = graph_count (e->graph) - 1; id >= 0; id--) {
    const struct node *node = export_at (e, id);
    for (int i = 0; needed[id] && i < node->n_inputs; i++)
      needed[node->input[i]] = true;
    if (!needed[id] || node->op != &op_parameter)
      continue;
    g_autoptr (tensor) tensor = weight_of (e, id);
    int64_t size = shape_size (&node->shape);
    leaf[id] = tensor ? g_try_new (double, size) : NULL;
    if (tensor && !leaf[id])
      export_fail (e, id, "no memory for weight %s", node->name);
    for (int64_t i = 0; leaf[id] && i < size; i++)
      leaf[id][i] = tensor_floats (tensor)[i];
  }
  return leaf;
}

/* The values of known nodes at one of the sizes: into @out, new arrays. */
static bool
evaluate (struct exporter *e, bool other, const GArray *want, double **out)
{
  g_autofree sym *syms = g_new (sym, want->len);
  for (guint i = 0; i < want->len; i++)
    syms[i] = (sym){other ? e->other : e->graph, g_array_index (want, int, i)};
  double **leaf = leaves_for (e, syms, want->len);
  bool done = !e->error &&
              reference_evaluate (syms[0].graph, (const double *const *) leaf, 0, 0, syms, want->len, out, &e->error);
  for (int id = 0; id < graph_count (e->graph); id++)
    g_free (leaf[id]);
  g_free (leaf);
  return done;
}

static void
keep_value (struct exporter *e, int id, const double *value, const double *other)
{
  const struct shape *shape = export_shape (e, id);
  int64_t n = shape_size (shape);
  if (!shape_equal (shape, &graph_node (e->other, id)->shape) || memcmp (value, other, n * sizeof *value) != 0) {
    export_fail (e, id, "is a constant that depends on the size");
    return;
  }
  e->tensor[id] = tensor_new (*shape, DTYPE_F32, e->error ? NULL : &e->error);
  for (int64_t i = 0; e->tensor[id] && i < n; i++)
    tensor_floats (e->tensor[id])[i] = (float) value[i];
}

/* Known nodes that are needed: weights as they are, everything else computed, at both sizes. */
static void
compute_known (struct exporter *e, const bool *needed)
{
  g_autoptr (GArray) want = g_array_new (FALSE, FALSE, sizeof (int));
  for (int id = 0; id < graph_count (e->graph); id++) {
    if (!needed[id] || !e->known[id])
      continue;
    if (export_at (e, id)->op == &op_parameter)
      e->tensor[id] = weight_of (e, id);
    else
      g_array_append_val (want, id);
  }
  if (want->len == 0 || e->error)
    return;
  g_autofree double **value = g_new0 (double *, want->len), **other = g_new0 (double *, want->len);
  bool fixed = e->other == e->graph;
  if (evaluate (e, false, want, value) && (fixed || evaluate (e, true, want, other)))
    for (guint i = 0; i < want->len; i++)
      keep_value (e, g_array_index (want, int, i), value[i], fixed ? value[i] : other[i]);
  for (guint i = 0; i < want->len; i++) {
    g_free (value[i]);
    g_free (other[i]);
  }
}

/* Inputs, nodes, outputs */

static bool
is_framed (const struct exporter *e, const char *name, bool input)
{
  const struct onnx_frame *frame = e->options->frame;
  return frame && g_strcmp0 (name, input ? frame->input : frame->output) == 0;
}

/* The name of a dynamic axis: that of the first input's axis with the same two extents, after its meaning there. */
static const char *
axis_name (const struct exporter *e, int64_t extent, int64_t other)
{
  static const char *const picture[] = {"batch", "channels", "height", "width"}, *const plain[] = {"batch", "axis1",
                                                                                                   "axis2", "axis3",
                                                                                                   "axis4", "axis5"};
  for (int id = 0; id < graph_count (e->graph); id++) {
    const struct node *node = export_at (e, id);
    for (int a = 0; node->op == &op_input && a < node->shape.rank; a++)
      if (extent == export_extent (e, id, a, false) && other == export_extent (e, id, a, true))
        return (node->shape.rank == 4 ? picture : plain)[a];
  }
  return NULL;
}

static void
dims_of (const struct exporter *e, int id, bool framed, struct onnx_dim *dims)
{
  for (int a = 0; a < export_shape (e, id)->rank; a++) {
    int64_t extent = export_extent (e, id, a, false), other = export_extent (e, id, a, true);
    dims[a] = extent == other ? (struct onnx_dim){extent, NULL} : (struct onnx_dim){0, axis_name (e, extent, other)};
    if (framed && a >= 2 && e->options->width > 0)
      dims[a].extent = a == 2 ? e->options->height : e->options->width;
  }
  if (framed && e->options->frame->last) {
    struct onnx_dim channels = dims[1];
    dims[1] = dims[2];
    dims[2] = dims[3];
    dims[3] = channels;
  }
}

/* The framed picture, before its frame. */
static const char *
write_inputs (struct exporter *e)
{
  const char *photo = NULL;
  for (int id = 0; id < graph_count (e->graph); id++) {
    const struct node *node = export_at (e, id);
    struct onnx_dim dims[SHAPE_RANK_MAX];
    if (node->op != &op_input)
      continue;
    bool framed = is_framed (e, node->name, true);
    dims_of (e, id, framed, dims);
    e->value[id] = onnx_write_input (e->writer, node->name, dims, node->shape.rank);
    if (framed)
      e->value[id] = export_frame_in (e, e->value[id], &photo);
  }
  return photo;
}

static void
write_nodes (struct exporter *e)
{
  for (int id = 0; id < graph_count (e->graph) && !e->error; id++) {
    const struct export_rule *rule = e->rule[id];
    const struct node *node = export_at (e, id);
    if (!rule)
      continue;
    if (rule->write) {
      e->value[id] = rule->write (e, id, rule->match ? e->operand[id] : node->input);
      continue;
    }
    g_autofree const char **inputs = g_new0 (const char *, node->n_inputs + 1);
    for (int i = 0; i < node->n_inputs; i++)
      inputs[i] = export_value (e, node->input[i]);
    e->value[id] = e->error ? NULL : export_node (e, id, rule->to, inputs);
  }
}

static void
write_outputs (struct exporter *e, const char *photo)
{
  for (guint i = 0; i < graph_result_count (e->graph) && !e->error; i++) {
    struct graph_result result = graph_result (e->graph, i);
    struct onnx_dim dims[SHAPE_RANK_MAX];
    const char *value = export_value (e, result.id);
    bool framed = is_framed (e, result.name, false);
    if (value && framed)
      value = export_frame_out (e, value, photo);
    if (!value)
      return;
    dims_of (e, result.id, framed, dims);
    onnx_write_output (e->writer, result.name, value, dims, export_shape (e, result.id)->rank);
  }
}

static void
write_model (struct exporter *e)
{
  g_autofree bool *needed = g_new0 (bool, graph_count (e->graph) + 1);
  find_known (e);
  choose (e, needed);
  if (!e->error)
    compute_known (e, needed);
  if (e->error)
    return;
  const char *photo = write_inputs (e);
  write_nodes (e);
  write_outputs (e, photo);
  const struct onnx_export_options *options = e->options;
  onnx_write_producer (e->writer, "impasto", options->version);
  onnx_write_doc (e->writer, options->name, options->doc);
  for (const char *const *at = options->metadata; at && at[0]; at += 2)
    onnx_write_metadata (e->writer, at[0], at[1]);
}

static struct exporter *
exporter_new (struct graph *graph, struct graph *other, struct weights *weights,
              const struct onnx_export_options *options)
{
  struct exporter *e = g_new0 (struct exporter, 1);
  int n = graph_count (graph) + 1;
  e->graph = graph;
  e->other = other ? other : graph;
  e->weights = weights;
  e->options = options;
  e->opset = options->opset ? options->opset : ONNX_OPSET_DEFAULT;
  e->writer = onnx_writer_new (e->opset);
  e->value = g_new0 (const char *, n);
  e->known = g_new0 (bool, n);
  e->users = g_new0 (int, n);
  e->tensor = g_new0 (struct tensor *, n);
  e->rule = g_new0 (const struct export_rule *, n);
  e->operand = g_malloc0_n (n, sizeof *e->operand);
  return e;
}

static void
exporter_free (struct exporter *e)
{
  for (int id = 0; id < graph_count (e->graph); id++)
    g_clear_pointer (&e->tensor[id], tensor_unref);
  onnx_writer_free (e->writer);
  g_clear_error (&e->error);
  g_free (e->value);
  g_free (e->known);
  g_free (e->users);
  g_free (e->tensor);
  g_free (e->rule);
  g_free (e->operand);
  g_free (e);
}

bool
onnx_export (struct graph *graph, struct graph *other, struct weights *weights,
             const struct onnx_export_options *options, const char *path, GError **error)
{
  if (!graph_check (graph, error) || (other && !graph_check (other, error)))
    return false;
  if (options->opset != 0 && (options->opset < ONNX_OPSET_MIN || options->opset > ONNX_OPSET_MAX)) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "opset is %d, wants %d to %d", options->opset,
                 ONNX_OPSET_MIN, ONNX_OPSET_MAX);
    return false;
  }
  struct exporter *e = exporter_new (graph, other, weights, options);
  check_same (e);
  if (!e->error)
    write_model (e);
  bool done = !e->error && onnx_writer_save (e->writer, path, options->into, &e->error);
  if (e->error)
    g_propagate_error (error, g_steal_pointer (&e->error));
  exporter_free (e);
  return done;
}
