/* SPDX-License-Identifier: Apache-2.0
 *
 * Which nodes are needed, in which order: a depth-first walk from the outputs, with a stack of its own, since a chain
 * of a million nodes is a small file. A node depends on what its inputs name, and on every name that the graphs in its
 * attributes (the branches of an If) mention. */
#include <string.h>

#include "base/text.h"
#include "impasto/error.h"
#include "onnx/model.h"

enum mark { UNSEEN, OPEN, DONE };

struct walk {
  Onnx__NodeProto *const *nodes;
  GHashTable *maker; /* name of a value -> index of its node + 1 */
  GArray *stack;     /* struct visit */
  uint8_t *mark;
  struct onnx_body *body;
};

/* A node that is being visited, and its dependencies that are left. */
struct visit {
  guint node;
  guint next;
  GArray *needs; /* of node indices */
};

static bool
makers_fill (struct walk *walk, size_t n_nodes, GError **error)
{
  for (size_t n = 0; n < n_nodes; n++)
    for (size_t k = 0; k < walk->nodes[n]->n_output; k++) {
      const char *name = walk->nodes[n]->output[k];

      if (*name != '\0' && !g_hash_table_insert (walk->maker, (char *) name, GUINT_TO_POINTER (n + 1))) {
        g_autofree char *title = onnx_node_title (walk->nodes[n]), *shown = text_show (name);
        return onnx_fail (error, "%s: '%s' is made by another node, too", title, shown);
      }
    }
  return true;
}

static void
need (struct walk *walk, GArray *needs, const char *name)
{
  guint maker = GPOINTER_TO_UINT (g_hash_table_lookup (walk->maker, name)) - 1;

  if (maker != G_MAXUINT)
    g_array_append_val (needs, maker);
}

/* The nesting of graphs is bounded by the scan. */
static void
need_all (struct walk *walk, GArray *needs, const Onnx__NodeProto *node)
{
  for (size_t i = 0; i < node->n_input; i++)
    need (walk, needs, node->input[i]);
  for (size_t i = 0; i < node->n_attribute; i++) {
    const Onnx__GraphProto *graph = node->attribute[i]->g;

    for (size_t n = 0; graph && n < graph->n_node; n++)
      need_all (walk, needs, graph->node[n]);
    for (size_t k = 0; graph && k < graph->n_output; k++)
      if (graph->output[k]->name)
        need (walk, needs, graph->output[k]->name);
  }
}

static void
enter (struct walk *walk, guint node)
{
  struct visit visit = {.node = node, .needs = g_array_new (FALSE, FALSE, sizeof (guint))};

  need_all (walk, visit.needs, walk->nodes[node]);
  walk->mark[node] = OPEN;
  g_array_append_val (walk->stack, visit);
}

static void
leave (struct walk *walk)
{
  struct visit *visit = &g_array_index (walk->stack, struct visit, walk->stack->len - 1);

  walk->mark[visit->node] = DONE;
  walk->body->nodes[walk->body->n_nodes++] = walk->nodes[visit->node];
  g_array_unref (visit->needs);
  g_array_set_size (walk->stack, walk->stack->len - 1);
}

static bool
visit_from (struct walk *walk, guint node, GError **error)
{
  enter (walk, node);
  while (walk->stack->len > 0) {
    struct visit *visit = &g_array_index (walk->stack, struct visit, walk->stack->len - 1);
    guint next;

    if (visit->next == visit->needs->len) {
      leave (walk);
      continue;
    }
    next = g_array_index (visit->needs, guint, visit->next++);
    if (walk->mark[next] == OPEN) {
      g_autofree char *title = onnx_node_title (walk->nodes[next]);
      return onnx_fail (error, "%s: needs its own output: a cycle", title);
    }
    if (walk->mark[next] == UNSEEN)
      enter (walk, next);
  }
  return true;
}

struct onnx_body *
onnx_body_new (Onnx__NodeProto *const *nodes, size_t n_nodes, const char *const *outputs, size_t n_outputs,
               GError **error)
{
  g_autofree uint8_t *mark = g_new0 (uint8_t, n_nodes + 1);
  g_autoptr (GHashTable) maker = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GArray) stack = g_array_new (FALSE, FALSE, sizeof (struct visit));
  struct onnx_body *body = g_new0 (struct onnx_body, 1);
  struct walk walk = {.nodes = nodes, .maker = maker, .stack = stack, .mark = mark, .body = body};
  bool ok = makers_fill (&walk, n_nodes, error);

  body->nodes = g_new0 (const Onnx__NodeProto *, n_nodes + 1);
  for (size_t i = 0; ok && i < n_outputs; i++) {
    guint node = GPOINTER_TO_UINT (g_hash_table_lookup (maker, outputs[i])) - 1;

    if (node != G_MAXUINT && mark[node] == UNSEEN)
      ok = visit_from (&walk, node, error);
  }
  for (guint i = 0; i < stack->len; i++)
    g_array_unref (g_array_index (stack, struct visit, i).needs);
  if (!ok)
    g_clear_pointer (&body, onnx_body_free);
  return body;
}

void
onnx_body_free (struct onnx_body *body)
{
  g_free (body->nodes);
  g_free (body);
}
