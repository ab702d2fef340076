/* SPDX-License-Identifier: Apache-2.0
 *
 * What a model says of itself: its ports, who made it, its metadata, which ops it is written in and which of them no
 * rule imports. */
#include <string.h>

#include "base/text.h"
#include "onnx/evaluate.h"
#include "onnx/model.h"
#include "onnx/rule.h"

guint
onnx_input_count (const struct onnx_model *model)
{
  return model->inputs->len;
}

const struct onnx_port *
onnx_input (const struct onnx_model *model, guint i)
{
  return &g_array_index (model->inputs, struct onnx_port, i);
}

guint
onnx_output_count (const struct onnx_model *model)
{
  return model->outputs->len;
}

const struct onnx_port *
onnx_output (const struct onnx_model *model, guint i)
{
  return &g_array_index (model->outputs, struct onnx_port, i);
}

char *
onnx_port_text (const struct onnx_port *port)
{
  GString *text = g_string_new (port->rank < 0 ? "of any shape" : "(");

  for (int i = 0; i < port->rank; i++) {
    g_autofree char *axis = text_show (port->axis[i] ? port->axis[i] : "?");

    g_string_append (text, i > 0 ? ", " : "");
    if (port->dim[i] >= 0)
      g_string_append_printf (text, "%" G_GINT64_FORMAT, port->dim[i]);
    else
      g_string_append (text, axis);
  }
  return g_string_free (g_string_append (text, port->rank < 0 ? "" : ")"), FALSE);
}

const char *
onnx_name (const struct onnx_model *model)
{
  return model->name;
}

const char *
onnx_producer (const struct onnx_model *model)
{
  return model->proto->producer_name ? model->proto->producer_name : "";
}

int
onnx_opset (const struct onnx_model *model)
{
  return model->opset;
}

int64_t
onnx_parameters (const struct onnx_model *model)
{
  return model->parameters;
}

const char *
onnx_metadata_key (const struct onnx_model *model, guint i)
{
  if (i >= model->proto->n_metadata_props)
    return NULL;
  return model->proto->metadata_props[i]->key ? model->proto->metadata_props[i]->key : "";
}

const char *
onnx_metadata (const struct onnx_model *model, const char *key)
{
  for (size_t i = 0; i < model->proto->n_metadata_props; i++)
    if (g_strcmp0 (model->proto->metadata_props[i]->key, key) == 0)
      return model->proto->metadata_props[i]->value;
  return NULL;
}

/* --- Ops --- */

/* Counts the ops of nodes and of what their attributes hold, under "Conv" or "com.microsoft.Gelu". */
static void
count_ops (const struct onnx_model *model, Onnx__NodeProto *const *nodes, size_t n, GHashTable *counts)
{
  for (size_t i = 0; i < n; i++) {
    const Onnx__NodeProto *node = nodes[i];
    bool standard = onnx_standard_domain (node->domain);
    g_autofree char *call = g_strconcat (node->domain ? node->domain : "", "/", node->op_type, NULL);
    char *name;

    if (node->op_type == NULL || g_hash_table_contains (model->functions, call))
      continue;
    name = standard ? g_strdup (node->op_type) : g_strconcat (node->domain, ".", node->op_type, NULL);
    g_hash_table_insert (counts, name, GUINT_TO_POINTER (GPOINTER_TO_UINT (g_hash_table_lookup (counts, name)) + 1));
    for (size_t k = 0; k < node->n_attribute; k++)
      if (node->attribute[k]->g)
        count_ops (model, node->attribute[k]->g->node, node->attribute[k]->g->n_node, counts);
  }
}

static bool
op_known (const char *op)
{
  return g_str_equal (op, "If") || onnx_rule_find (op) || onnx_evaluation_find (op);
}

static int
compare_names (const void *a, const void *b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

static char **
sorted (GPtrArray *names)
{
  g_ptr_array_sort (names, compare_names);
  g_ptr_array_add (names, NULL);
  return (char **) g_ptr_array_free (names, FALSE);
}

char **
onnx_ops (const struct onnx_model *model, char ***missing)
{
  g_autoptr (GHashTable) counts = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  GPtrArray *all = g_ptr_array_new (), *unknown = g_ptr_array_new ();
  GHashTableIter iter;
  void *key, *count;

  count_ops (model, model->proto->graph->node, model->proto->graph->n_node, counts);
  for (size_t i = 0; i < model->proto->n_functions; i++)
    count_ops (model, model->proto->functions[i]->node, model->proto->functions[i]->n_node, counts);
  g_hash_table_iter_init (&iter, counts);
  while (g_hash_table_iter_next (&iter, &key, &count)) {
    g_autofree char *shown = text_show (key);

    g_ptr_array_add (all, g_strdup_printf ("%s %u", shown, GPOINTER_TO_UINT (count)));
    if (!op_known (key))
      g_ptr_array_add (unknown, g_strdup (shown));
  }
  g_auto (GStrv) lacking = sorted (unknown);
  if (missing)
    *missing = g_steal_pointer (&lacking);
  return sorted (all);
}
