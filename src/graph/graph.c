/* SPDX-License-Identifier: Apache-2.0
 *
 * The list of nodes. A node is one block of memory (struct, input ids, attributes) that stays where it is until the
 * graph is freed, so that pointers to nodes survive later additions; strings lie in one string chunk. Equal nodes
 * are found through a hash of op, inputs and attributes. Attributes are compared field by field through the op's option
 * table, so that padding between fields does not count. */
#include "graph/graph.h"

#include <string.h>

#include "graph/op.h"
#include "impasto/error.h"

struct graph {
  GPtrArray *nodes;    /* struct node *, owned */
  GHashTable *known;   /* set of the nodes that have an op of their own, by op, inputs and attributes */
  GHashTable *names;   /* full name of an input or parameter -> id + 1 */
  GHashTable *scalars; /* bits of the float -> id + 1 */
  GHashTable *tensors; /* struct tensor * of a constant -> id + 1 */
  GArray *results;     /* struct graph_result */
  GStringChunk *strings;
  GString *scope;       /* "generator.res3" */
  GArray *scope_length; /* gsize: length of scope before each push */
  GError *error;
};

const struct op op_input = {.name = "input", .formula = "y, given for each run"};
const struct op op_parameter = {.name = "parameter", .formula = "y, kept from run to run"};
const struct op op_constant = {.name = "constant", .formula = "y, fixed"};

/* Attributes */

static size_t
field_size (const struct option *field)
{
  switch (field->type) {
  case OPTION_BOOL: return sizeof (bool);
  case OPTION_INT: return sizeof (int64_t);
  case OPTION_FLOAT: return sizeof (double);
  case OPTION_STRING: return sizeof (char *);
  case OPTION_CHOICE: return sizeof (int);
  case OPTION_INTS: return (size_t) field->count * sizeof (int64_t);
  }
  g_return_val_if_reached (0);
}

/* FNV-1a. */
static guint
hash_bytes (guint hash, const void *data, size_t size)
{
  const uint8_t *bytes = data;

  for (size_t i = 0; i < size; i++)
    hash = (hash ^ bytes[i]) * 16777619u;
  return hash;
}

static guint
attrs_hash (guint hash, const struct op *op, const void *attrs)
{
  if (op->attrs == NULL)
    return hash_bytes (hash, attrs, op->attrs_size);
  for (const struct option *field = op->attrs; field->name != NULL; field++)
    hash = hash_bytes (hash, (const char *) attrs + field->offset, field_size (field));
  return hash;
}

static bool
attrs_equal (const struct op *op, const char *a, const char *b)
{
  if (op->attrs_size == 0)
    return true;
  if (op->attrs == NULL)
    return memcmp (a, b, op->attrs_size) == 0;
  for (const struct option *field = op->attrs; field->name != NULL; field++)
    if (memcmp (a + field->offset, b + field->offset, field_size (field)) != 0)
      return false;
  return true;
}

static guint
node_hash (gconstpointer data)
{
  const struct node *node = data;
  guint hash = hash_bytes (2166136261u, &node->op, sizeof node->op);

  hash = hash_bytes (hash, node->input, (size_t) node->n_inputs * sizeof *node->input);
  return node->op->attrs_size > 0 ? attrs_hash (hash, node->op, node->attrs) : hash;
}

static gboolean
node_equal (gconstpointer data_a, gconstpointer data_b)
{
  const struct node *a = data_a, *b = data_b;

  return a->op == b->op && a->n_inputs == b->n_inputs &&
         (a->n_inputs == 0 || memcmp (a->input, b->input, (size_t) a->n_inputs * sizeof *a->input) == 0) &&
         attrs_equal (a->op, a->attrs, b->attrs);
}

/* The graph */

static void
node_free (gpointer data)
{
  struct node *node = data;

  tensor_unref (node->value);
  g_free (node);
}

struct graph *
graph_new (void)
{
  struct graph *graph = g_new0 (struct graph, 1);

  graph->nodes = g_ptr_array_new_with_free_func (node_free);
  graph->known = g_hash_table_new (node_hash, node_equal);
  graph->names = g_hash_table_new (g_str_hash, g_str_equal);
  graph->scalars = g_hash_table_new (g_direct_hash, g_direct_equal);
  graph->tensors = g_hash_table_new (g_direct_hash, g_direct_equal);
  graph->results = g_array_new (FALSE, FALSE, sizeof (struct graph_result));
  graph->strings = g_string_chunk_new (4096);
  graph->scope = g_string_new (NULL);
  graph->scope_length = g_array_new (FALSE, FALSE, sizeof (gsize));
  return graph;
}

void
graph_free (struct graph *graph)
{
  if (graph == NULL)
    return;
  g_hash_table_unref (graph->known);
  g_hash_table_unref (graph->names);
  g_hash_table_unref (graph->scalars);
  g_hash_table_unref (graph->tensors);
  g_ptr_array_unref (graph->nodes);
  g_array_unref (graph->results);
  g_string_chunk_free (graph->strings);
  g_string_free (graph->scope, TRUE);
  g_array_unref (graph->scope_length);
  g_clear_error (&graph->error);
  g_free (graph);
}

bool
graph_check (struct graph *graph, GError **error)
{
  if (graph->error == NULL)
    return true;
  g_propagate_error (error, g_error_copy (graph->error));
  return false;
}

sym
graph_fail (struct graph *graph, const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list list;

  if (graph == NULL || graph->error != NULL)
    return (sym){graph, -1};
  va_start (list, format);
  message = g_strdup_vprintf (format, list);
  va_end (list);
  graph->error = g_error_new (IMPASTO_ERROR, IMPASTO_ERROR_MODEL, "%s%s%s", graph->scope->str,
                              graph->scope->len > 0 ? ": " : "", message);
  return (sym){graph, -1};
}

void
graph_push (struct graph *graph, const char *format, ...)
{
  gsize length = graph->scope->len;
  va_list list;

  g_array_append_val (graph->scope_length, length);
  if (length > 0)
    g_string_append_c (graph->scope, '.');
  va_start (list, format);
  g_string_append_vprintf (graph->scope, format, list);
  va_end (list);
}

void
graph_pop (struct graph *graph)
{
  guint depth = graph->scope_length->len;

  g_return_if_fail (depth > 0);
  g_string_truncate (graph->scope, g_array_index (graph->scope_length, gsize, depth - 1));
  g_array_set_size (graph->scope_length, depth - 1);
}

int
graph_count (const struct graph *graph)
{
  return (int) graph->nodes->len;
}

const struct node *
graph_node (const struct graph *graph, int id)
{
  g_return_val_if_fail (id >= 0 && (guint) id < graph->nodes->len, NULL);
  return graph->nodes->pdata[id];
}

bool
sym_null (sym s)
{
  return s.graph == NULL || s.id < 0;
}

double
graph_node_flops (const struct graph *graph, int id)
{
  const struct node *node = graph_node (graph, id);
  if (!node->op->flops)
    return 0;
  g_autofree const struct shape **shapes = g_new0 (const struct shape *, node->n_inputs + 1);
  for (int i = 0; i < node->n_inputs; i++)
    shapes[i] = &graph_node (graph, node->input[i])->shape;
  return node->op->flops (shapes, &node->shape);
}

const struct node *
sym_node (sym s)
{
  return sym_null (s) ? NULL : graph_node (s.graph, s.id);
}

struct shape
sym_shape (sym s)
{
  return sym_null (s) ? SHAPE_SCALAR : graph_node (s.graph, s.id)->shape;
}

/* Appends a copy of @node with its input ids and attributes behind it in the same block. */
static sym
append (struct graph *graph, const struct node *node)
{
  const size_t align = 16;
  size_t head = (sizeof *node + align - 1) / align * align;
  size_t size = node->op->attrs_size, inputs = (size_t) node->n_inputs * sizeof (int);
  char *block = g_malloc0 (head + (size + align - 1) / align * align + inputs);
  struct node *copy = (struct node *) block;

  *copy = *node;
  copy->scope = g_string_chunk_insert_const (graph->strings, graph->scope->str);
  copy->attrs = NULL;
  if (size > 0)
    copy->attrs = memcpy (block + head, node->attrs, size);
  copy->input = (int *) (block + head + (size + align - 1) / align * align);
  if (inputs > 0)
    memcpy ((int *) copy->input, node->input, inputs);
  g_ptr_array_add (graph->nodes, copy);
  return (sym){graph, (int) graph->nodes->len - 1};
}

static sym
find (struct graph *graph, GHashTable *table, gconstpointer key)
{
  return (sym){graph, GPOINTER_TO_INT (g_hash_table_lookup (table, key)) - 1};
}

/* Leaves */

static sym
named_leaf (struct graph *graph, const struct op *op, const char *name, struct shape shape, struct init init)
{
  struct node node = {.op = op, .shape = shape, .init = init};
  sym leaf;

  if (!shape_valid (&shape)) {
    g_autofree char *text = shape_text (&shape);
    return graph_fail (graph, "%s \"%s\": no value has the shape %s", op->name, name, text);
  }
  node.name = g_string_chunk_insert_const (graph->strings, name);
  leaf = append (graph, &node);
  g_hash_table_insert (graph->names, (char *) node.name, GINT_TO_POINTER (leaf.id + 1));
  return leaf;
}

sym
graph_input (struct graph *graph, const char *name, struct shape shape)
{
  if (graph->error != NULL)
    return (sym){graph, -1};
  if (g_hash_table_contains (graph->names, name))
    return graph_fail (graph, "input \"%s\": the name is taken", name);
  return named_leaf (graph, &op_input, name, shape, (struct init){INIT_ZERO, 0});
}

sym
graph_parameter (struct graph *graph, const char *name, struct shape shape, struct init init)
{
  const char *scope = graph->scope->str;
  g_autofree char *full = scope[0] != '\0' ? g_strconcat (scope, ".", name, NULL) : g_strdup (name);
  const struct node *node;
  sym leaf;

  if (graph->error != NULL)
    return (sym){graph, -1};
  leaf = find (graph, graph->names, full);
  if (sym_null (leaf))
    return named_leaf (graph, &op_parameter, full, shape, init);
  node = sym_node (leaf);
  if (node->op != &op_parameter)
    return graph_fail (graph, "parameter \"%s\": the name is taken by an input", full);
  if (!shape_equal (&node->shape, &shape)) {
    g_autofree char *old = shape_text (&node->shape), *new = shape_text (&shape);
    return graph_fail (graph, "parameter \"%s\": is shared, but was %s before and is %s here", full, old, new);
  }
  return leaf;
}

sym
graph_constant (struct graph *graph, struct tensor *value)
{
  struct node node = {.op = &op_constant, .shape = value->shape};
  sym leaf;

  if (graph->error != NULL)
    return (sym){graph, -1};
  if (value->dtype != DTYPE_F32)
    return graph_fail (graph, "constant: is %s, a graph wants F32", dtype_name (value->dtype));
  leaf = find (graph, graph->tensors, value);
  if (!sym_null (leaf))
    return leaf;
  node.value = tensor_ref (value);
  leaf = append (graph, &node);
  g_hash_table_insert (graph->tensors, value, GINT_TO_POINTER (leaf.id + 1));
  return leaf;
}

sym
graph_scalar (struct graph *graph, double value)
{
  float number = (float) value;
  uint32_t bits;
  sym leaf;

  if (graph == NULL || graph->error != NULL)
    return (sym){graph, -1};
  memcpy (&bits, &number, sizeof bits);
  leaf = find (graph, graph->scalars, GUINT_TO_POINTER (bits));
  if (sym_null (leaf)) {
    g_autoptr (tensor) tensor = tensor_new_scalar (number);
    leaf = graph_constant (graph, tensor);
    g_hash_table_insert (graph->scalars, GUINT_TO_POINTER (bits), GINT_TO_POINTER (leaf.id + 1));
  }
  return leaf;
}

/* Ops */

static bool
inputs_fit (struct graph *graph, const struct op *op, const sym *inputs, int n_inputs)
{
  if (n_inputs < op->min_inputs || n_inputs > op->max_inputs) {
    if (op->min_inputs == op->max_inputs)
      graph_fail (graph, "%s: has %d inputs, wants %d", op->name, n_inputs, op->min_inputs);
    else
      graph_fail (graph, "%s: has %d inputs, wants %d to %d", op->name, n_inputs, op->min_inputs, op->max_inputs);
    return false;
  }
  for (int i = 0; i < n_inputs; i++) {
    if (sym_null (inputs[i]))
      graph_fail (graph, "%s: input %d has no value", op->name, i);
    else if (inputs[i].graph != graph)
      graph_fail (graph, "%s: input %d belongs to another graph", op->name, i);
    else
      continue;
    return false;
  }
  return true;
}

sym
graph_add (struct graph *graph, const struct op *op, const sym *inputs, int n_inputs, const void *attrs)
{
  g_autofree int *ids = g_new (int, n_inputs + 1);
  g_autofree const struct shape **shapes = g_new (const struct shape *, n_inputs + 1);
  g_autoptr (GError) error = NULL;
  struct node node = {.op = op, .n_inputs = n_inputs, .input = ids, .attrs = attrs};
  gpointer known_id;
  sym result;

  if (graph == NULL || graph->error != NULL || !inputs_fit (graph, op, inputs, n_inputs))
    return (sym){graph, -1};
  for (int i = 0; i < n_inputs; i++) {
    ids[i] = inputs[i].id;
    shapes[i] = &graph_node (graph, ids[i])->shape;
  }
  if (g_hash_table_lookup_extended (graph->known, &node, NULL, &known_id))
    return (sym){graph, GPOINTER_TO_INT (known_id)};
  if (!op->shape (attrs, shapes, n_inputs, &node.shape, &error))
    return graph_fail (graph, "%s: %s", op->name, error->message);
  if (!shape_valid (&node.shape)) {
    g_autofree char *text = shape_text (&node.shape);
    return graph_fail (graph, "%s: no value has the shape %s", op->name, text);
  }
  result = append (graph, &node);
  g_hash_table_insert (graph->known, graph->nodes->pdata[result.id], GINT_TO_POINTER (result.id));
  return result;
}

/* Results */

static bool
result_taken (const struct graph *graph, const char *name, int target)
{
  for (guint i = 0; i < graph->results->len; i++) {
    const struct graph_result *result = &g_array_index (graph->results, struct graph_result, i);

    if (name != NULL ? g_strcmp0 (result->name, name) == 0 : result->target == target)
      return true;
  }
  return false;
}

void
graph_output (struct graph *graph, const char *name, sym value)
{
  struct graph_result result = {.target = -1, .id = value.id};

  if (graph->error != NULL)
    return;
  if (sym_null (value) || value.graph != graph) {
    graph_fail (graph, "output \"%s\": has no value of this graph", name);
    return;
  }
  if (result_taken (graph, name, -1)) {
    graph_fail (graph, "output \"%s\": the name is taken", name);
    return;
  }
  result.name = g_string_chunk_insert_const (graph->strings, name);
  g_array_append_val (graph->results, result);
}

void
graph_assign (struct graph *graph, sym parameter, sym value)
{
  struct graph_result result = {.target = parameter.id, .id = value.id};
  struct shape want = sym_shape (parameter), have = sym_shape (value);

  if (graph->error != NULL)
    return;
  if (sym_null (parameter) || parameter.graph != graph || sym_node (parameter)->op != &op_parameter)
    graph_fail (graph, "assign: the target is not a parameter of this graph");
  else if (sym_null (value) || value.graph != graph)
    graph_fail (graph, "assign: \"%s\" gets no value of this graph", sym_node (parameter)->name);
  else if (!shape_equal (&want, &have)) {
    g_autofree char *want_text = shape_text (&want), *have_text = shape_text (&have);
    graph_fail (graph, "assign: the value is %s, \"%s\" wants %s", have_text, sym_node (parameter)->name, want_text);
  } else if (result_taken (graph, NULL, parameter.id))
    graph_fail (graph, "assign: \"%s\" is assigned twice", sym_node (parameter)->name);
  else
    g_array_append_val (graph->results, result);
}

guint
graph_result_count (const struct graph *graph)
{
  return graph->results->len;
}

struct graph_result
graph_result (const struct graph *graph, guint i)
{
  return g_array_index (graph->results, struct graph_result, i);
}
