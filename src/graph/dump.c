/* SPDX-License-Identifier: Apache-2.0
 *
 * Graphs for people: one line a node, and Graphviz. Attributes are printed when they differ from their defaults. */
#include <string.h>

#include "graph/graph.h"
#include "graph/op.h"

/* " stride=2,2 pad=1,1,1,1" */
static void
append_attrs (GString *text, const struct node *node)
{
  const struct op *op = node->op;
  g_autofree void *fallback = NULL;

  if (op->attrs == NULL || op->attrs_size == 0)
    return;
  fallback = g_malloc0 (op->attrs_size);
  option_init (op->attrs, fallback);
  for (const struct option *field = op->attrs; field->name != NULL; field++) {
    g_autofree char *value = option_get (op->attrs, node->attrs, field->name);
    g_autofree char *usual = option_get (op->attrs, fallback, field->name);

    if (g_strcmp0 (value, usual) != 0)
      g_string_append_printf (text, " %s=%s", field->name, value);
  }
}

/* "conv2d(%3, %5) stride=2,2", "parameter \"weight\"", "constant 0.5" */
static void
append_value (GString *text, const struct node *node)
{
  g_string_append (text, node->op->name);
  if (node->name != NULL)
    g_string_append_printf (text, " \"%s\"", node->name);
  else if (node->value != NULL && node->shape.rank == 0)
    g_string_append_printf (text, " %.9g", (double) *tensor_floats (node->value));
  else if (node->value == NULL) {
    g_string_append_c (text, '(');
    for (int i = 0; i < node->n_inputs; i++)
      g_string_append_printf (text, i > 0 ? ", %%%d" : "%%%d", node->input[i]);
    g_string_append_c (text, ')');
  }
  append_attrs (text, node);
}

char *
graph_text (const struct graph *graph)
{
  GString *text = g_string_new (NULL);

  for (int id = 0; id < graph_count (graph); id++) {
    const struct node *node = graph_node (graph, id);
    g_autofree char *shape = shape_text (&node->shape);

    g_string_append_printf (text, "%%%d = ", id);
    append_value (text, node);
    g_string_append_printf (text, " : %s", shape);
    if (node->scope[0] != '\0')
      g_string_append_printf (text, "  # %s", node->scope);
    g_string_append_c (text, '\n');
  }
  for (guint i = 0; i < graph_result_count (graph); i++) {
    struct graph_result result = graph_result (graph, i);

    if (result.name != NULL)
      g_string_append_printf (text, "output \"%s\" = %%%d\n", result.name, result.id);
    else
      g_string_append_printf (text, "%%%d := %%%d\n", result.target, result.id);
  }
  return g_string_free (text, FALSE);
}

/* Graphviz's double-quoted strings want '"' and '\' escaped; names may hold either. */
static void
append_quoted (GString *dot, const char *text)
{
  g_string_append_c (dot, '"');
  for (; *text != '\0'; text++) {
    if (*text == '"' || *text == '\\')
      g_string_append_c (dot, '\\');
    g_string_append_c (dot, *text);
  }
  g_string_append_c (dot, '"');
}

static void
append_dot_node (GString *dot, int id, const struct node *node)
{
  g_autoptr (GString) label = g_string_new (node->name != NULL ? node->name : node->op->name);
  g_autofree char *shape = shape_text (&node->shape);

  if (node->value != NULL && node->shape.rank == 0)
    g_string_printf (label, "%.9g", (double) *tensor_floats (node->value));
  append_attrs (label, node);
  g_string_append_printf (label, " %s", shape);
  g_string_append_printf (dot, "  n%d [label=", id);
  append_quoted (dot, label->str);
  if (node->n_inputs == 0)
    g_string_append (dot, ", shape=ellipse");
  if (node->scope[0] != '\0') {
    g_string_append (dot, ", tooltip=");
    append_quoted (dot, node->scope);
  }
  g_string_append (dot, "];\n");
  for (int i = 0; i < node->n_inputs; i++)
    g_string_append_printf (dot, "  n%d -> n%d;\n", node->input[i], id);
}

char *
graph_dot (const struct graph *graph)
{
  GString *dot = g_string_new ("digraph {\n  node [shape=box, fontname=\"sans-serif\"];\n");

  for (int id = 0; id < graph_count (graph); id++)
    append_dot_node (dot, id, graph_node (graph, id));
  for (guint i = 0; i < graph_result_count (graph); i++) {
    struct graph_result result = graph_result (graph, i);

    g_string_append_printf (dot, "  r%u [shape=plaintext, label=", i);
    append_quoted (dot, result.name != NULL ? result.name : graph_node (graph, result.target)->name);
    g_string_append_printf (dot, "];\n  n%d -> r%u%s;\n", result.id, i, result.name != NULL ? "" : " [style=dashed]");
  }
  g_string_append (dot, "}\n");
  return g_string_free (dot, FALSE);
}
