/* SPDX-License-Identifier: Apache-2.0
 *
 * Importing: a walk over the nodes in their order. Each value is a constant or run-time data; a node of constants is
 * evaluated, any other is built by its rule. An If with a known condition is the branch it takes, a call of a function
 * of the model is the function's nodes. */
#include <string.h>

#include "base/text.h"
#include "impasto/error.h"
#include "onnx/evaluate.h"
#include "onnx/import.h"

#define CALL_DEPTH_MAX 64

static bool import_body (struct importer *importer, const struct scope *scope, const struct onnx_body *body,
                         GError **error);

/* --- Scopes --- */

static void
value_free (void *data)
{
  struct onnx_value *value = data;

  onnx_constant_unref (value->constant);
  g_free (value);
}

static void
scope_init (struct scope *scope, const struct scope *parent, int opset)
{
  *scope = (struct scope){
    .parent = parent,
    .values = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, value_free),
    .opset = opset,
  };
}

static void
scope_clear (struct scope *scope)
{
  g_hash_table_unref (scope->values);
  if (scope->attributes)
    g_hash_table_unref (scope->attributes);
}

/* A copy of @value under @name, which must outlive the scope. */
static void
scope_set (const struct scope *scope, const char *name, const struct onnx_value *value)
{
  struct onnx_value *copy = g_memdup2 (value, sizeof *value);

  copy->name = name;
  if (copy->constant)
    onnx_constant_ref (copy->constant);
  g_hash_table_insert (scope->values, (gpointer) name, copy);
}

static void
scope_set_constant (const struct scope *scope, const char *name, struct onnx_constant *constant)
{
  scope_set (
    scope, name,
    &(struct onnx_value){.type = constant->type, .constant = constant, .sym = {NULL, -1}, .shape = constant->shape});
}

static void
scope_add_initializers (struct importer *importer, const struct scope *scope, const Onnx__GraphProto *graph)
{
  for (size_t i = 0; i < graph->n_initializer; i++)
    scope_set_constant (scope, graph->initializer[i]->name,
                        g_hash_table_lookup (importer->model->constants, graph->initializer[i]));
}

/* --- Nodes --- */

/* Looks the inputs up; says whether all of them are constants. */
static bool
resolve_inputs (struct onnx_node *node, bool *constant, GError **error)
{
  *constant = true;
  for (int i = 0; i < node->n_inputs; i++) {
    const char *name = node->proto->input[i];

    if (*name == '\0')
      continue;
    node->input[i] = scope_find (node->scope, name);
    if (node->input[i] == NULL) {
      g_autofree char *shown = text_show (name);
      return onnx_node_fail (node, error, "there is no value '%s'", shown);
    }
    *constant &= node->input[i]->constant != NULL;
  }
  return true;
}

/* A small file can name one large constant often. */
static bool
pay_for_constants (struct onnx_node *node, GError **error)
{
  for (int i = 0; i < node->n_inputs; i++)
    if (node->input[i] && node->input[i]->constant)
      node->importer->work -= node->input[i]->constant->count;
  return node->importer->work >= 0 || onnx_node_fail (node, error, "too much work on constants");
}

static bool
check_inputs (struct onnx_node *node, const struct onnx_rule *rule, GError **error)
{
  for (int i = 0; i < rule->min_inputs; i++)
    if (onnx_node_input (node, i) == NULL)
      return onnx_node_fail (node, error, "input %d is missing", i);
  return true;
}

/* The graph's own mistake, named after the node. The graph's message begins with the scope, which is the node's
 * name. */
static bool
check_built (struct onnx_node *node, GError **error)
{
  g_autoptr (GError) mistake = NULL;
  const char *message;

  if (graph_check (node->importer->graph, &mistake))
    return true;
  message = mistake->message;
  if (g_str_has_prefix (message, node->importer->title))
    message += strlen (node->importer->title) + strlen (": ");
  return onnx_node_fail (node, error, "%s", message);
}

static bool
check_outputs (struct onnx_node *node, GError **error)
{
  if (node->mistake) {
    g_propagate_error (error, g_steal_pointer (&node->mistake));
    return false;
  }
  for (int i = 0; i < node->n_outputs; i++) {
    const struct onnx_value *output = &node->output[i];
    g_autofree char *shown = text_show (output->name);

    if (*output->name != '\0' && output->constant == NULL && sym_null (output->sym))
      return onnx_node_fail (node, error, "output %d ('%s') is not supported", i, shown);
  }
  return true;
}

/* Runs a rule of the evaluator or of the graph's. */
static bool
run_rule (struct onnx_node *node, const struct onnx_rule *rule, GError **error)
{
  struct importer *importer = node->importer;
  const char *name = node->proto->name && *node->proto->name ? node->proto->name : node->proto->op_type;
  bool ok;

  if (!check_inputs (node, rule, error) || !pay_for_constants (node, error))
    return false;
  importer->title = text_show (name);
  graph_push (importer->graph, "%s", importer->title);
  ok = rule->build (node, error) && check_built (node, error);
  graph_pop (importer->graph);
  g_clear_pointer (&importer->title, g_free);
  return ok;
}

static bool
unknown_op (const struct onnx_node *node, GError **error)
{
  const char *domain = node->proto->domain;

  if (onnx_standard_domain (domain))
    return onnx_node_fail (node, error, "the op is not supported");
  g_autofree char *shown = text_show (domain);
  return onnx_node_fail (node, error, "ops of the domain '%s' are not supported", shown);
}

/* The branch that a known condition takes. */
static bool
import_if (struct onnx_node *node, GError **error)
{
  const struct onnx_value *condition = onnx_node_input (node, 0);
  const Onnx__AttributeProto *attribute;
  const Onnx__GraphProto *graph;
  struct scope scope;
  bool ok;

  if (condition == NULL || condition->constant == NULL || condition->constant->count != 1)
    return onnx_node_fail (node, error, "the condition is known at run time only; a constant is supported");
  attribute = node_attribute (node, onnx_constant_int (condition->constant, 0) ? "then_branch" : "else_branch");
  graph = attribute ? attribute->g : NULL;
  if (graph == NULL || graph->n_output < (size_t) node->n_outputs)
    return onnx_node_fail (node, error, "a branch lacks an output");
  scope_init (&scope, node->scope, node->scope->opset);
  scope_add_initializers (node->importer, &scope, graph);
  ok = import_body (node->importer, &scope, g_hash_table_lookup (node->importer->model->bodies, graph), error);
  for (int i = 0; ok && i < node->n_outputs; i++) {
    const struct onnx_value *value = scope_find (&scope, graph->output[i]->name);

    if (value == NULL)
      ok = onnx_node_fail (node, error, "output %d of a branch has no value", i);
    else if (value->constant)
      onnx_node_set_constant (node, i, value->constant);
    else
      onnx_node_set_typed (node, i, value->sym, value->type);
  }
  scope_clear (&scope);
  return ok;
}

static const Onnx__FunctionProto *
find_function (const struct onnx_node *node)
{
  const char *domain = node->proto->domain ? node->proto->domain : "";
  g_autofree char *key = g_strconcat (domain, "/", node->proto->op_type, NULL);

  return g_hash_table_lookup (node->importer->model->functions, key);
}

static int
function_opset (const struct onnx_node *node, const Onnx__FunctionProto *function)
{
  for (size_t i = 0; i < function->n_opset_import; i++)
    if (onnx_standard_domain (function->opset_import[i]->domain))
      return (int) CLAMP (function->opset_import[i]->version, 1, 1 << 20);
  return node->scope->opset;
}

/* A call of a function of the model: its nodes in a scope of their own. */
static bool
import_call (struct onnx_node *node, const Onnx__FunctionProto *function, GError **error)
{
  struct scope scope;
  bool ok;

  scope_init (&scope, NULL, function_opset (node, function));
  scope.attributes = g_hash_table_new (g_str_hash, g_str_equal);
  for (size_t i = 0; i < node->proto->n_attribute; i++) {
    const char *name = node->proto->attribute[i]->name;

    g_hash_table_insert (scope.attributes, (gpointer) name, (gpointer) node_attribute (node, name));
  }
  for (size_t i = 0; i < function->n_input; i++)
    if (onnx_node_input (node, (int) i))
      scope_set (&scope, function->input[i], onnx_node_input (node, (int) i));
  ok = import_body (node->importer, &scope, g_hash_table_lookup (node->importer->model->bodies, function), error);
  for (int i = 0; ok && i < node->n_outputs; i++) {
    const struct onnx_value *value = (size_t) i < function->n_output ? scope_find (&scope, function->output[i]) : NULL;

    if (value && value->constant)
      onnx_node_set_constant (node, i, value->constant);
    else if (value)
      onnx_node_set_typed (node, i, value->sym, value->type);
  }
  scope_clear (&scope);
  return ok;
}

static bool
import_node (struct onnx_node *node, GError **error)
{
  const struct onnx_rule *rule = NULL;
  const Onnx__FunctionProto *function;
  bool constant, ok;

  if (!resolve_inputs (node, &constant, error))
    return false;
  if (node->n_outputs > ONNX_OUTPUTS_MAX * 64)
    return onnx_node_fail (node, error, "has %d outputs", node->n_outputs);
  function = find_function (node);
  if (function)
    return import_call (node, function, error) && check_outputs (node, error);
  if (!onnx_standard_domain (node->proto->domain))
    return unknown_op (node, error);
  if (g_str_equal (node->proto->op_type, "If"))
    return import_if (node, error) && check_outputs (node, error);
  if (constant)
    rule = onnx_evaluation_find (node->proto->op_type);
  if (rule == NULL)
    rule = onnx_rule_find (node->proto->op_type);
  if (rule == NULL)
    return unknown_op (node, error);
  ok = run_rule (node, rule, error);
  return ok && check_outputs (node, error);
}

static bool
import_body (struct importer *importer, const struct scope *scope, const struct onnx_body *body, GError **error)
{
  bool ok = true;

  if (importer->depth >= CALL_DEPTH_MAX)
    return onnx_fail (error, "functions call each other too deeply");
  importer->depth++;
  for (guint i = 0; ok && i < body->n_nodes; i++) {
    struct onnx_node node;

    if (++importer->nodes > IMPORT_NODES_MAX)
      ok = onnx_fail (error, "more than %d nodes", IMPORT_NODES_MAX);
    node_init (&node, importer, scope, body->nodes[i]);
    ok = ok && import_node (&node, error);
    for (int k = 0; ok && k < node.n_outputs; k++)
      if (*node.output[k].name != '\0')
        scope_set (scope, node.output[k].name, &node.output[k]);
    node_clear (&node);
  }
  importer->depth--;
  return ok;
}

/* --- Inputs and outputs of the model --- */

/* The graph's own mistake outside of nodes. */
static bool
check_leaves (struct importer *importer, GError **error)
{
  g_autoptr (GError) mistake = NULL;

  return graph_check (importer->graph, &mistake) || onnx_fail (error, "%s", mistake->message);
}

/* Whether what is given is what the model declares. */
static bool
check_given (const struct onnx_port *port, const struct onnx_given *given, GError **error)
{
  const struct shape *shape = given->value ? &given->value->shape : &given->shape;
  bool fits = port->rank < 0 || port->rank == shape->rank;
  g_autofree char *name = text_show (port->name);

  for (int i = 0; fits && i < port->rank; i++)
    fits = port->dim[i] < 0 || port->dim[i] == shape->dim[i];
  if (!fits) {
    g_autofree char *have = shape_text (shape), *want = onnx_port_text (port);
    return onnx_fail (error, "input '%s' is given as %s, the model wants %s", name, have, want);
  }
  if (given->value == NULL && port->type != ONNX_UNDEFINED && !onnx_type_known (port->type))
    return onnx_fail (error, "input '%s' is of type %d, which is not supported", name, (int) port->type);
  return true;
}

static bool
bind_inputs (struct importer *importer, const struct scope *scope, const struct onnx_given *given, guint n,
             GError **error)
{
  const struct onnx_model *model = importer->model;

  for (guint i = 0; i < model->inputs->len; i++) {
    const struct onnx_port *port = onnx_input (model, i);
    const struct onnx_given *found = NULL;

    for (guint k = 0; k < n; k++)
      if (g_str_equal (given[k].input, port->name))
        found = &given[k];
    if (found && !check_given (port, found, error))
      return false;
    if (found && found->value)
      scope_set_constant (scope, port->name, found->value);
    else if (found) {
      sym input = graph_input (importer->graph, port->name, found->shape);
      struct onnx_value value = {.type = port->type ? port->type : ONNX_FLOAT, .sym = input, .shape = found->shape};

      g_hash_table_add (importer->names, g_strdup (port->name));
      scope_set (scope, port->name, &value);
    } else if (!port->optional) {
      g_autofree char *name = text_show (port->name);
      return onnx_fail (error, "input '%s' is not given", name);
    }
  }
  for (guint k = 0; k < n; k++)
    if (!scope_find (scope, given[k].input)) {
      g_autofree char *name = text_show (given[k].input);
      return onnx_fail (error, "there is no input '%s'", name);
    }
  return check_leaves (importer, error);
}

static bool
take_output (struct importer *importer, const struct scope *scope, const char *name, GArray *results, GError **error)
{
  struct onnx_value *value = scope_find (scope, name);
  struct onnx_result result;

  if (value == NULL) {
    g_autofree char *shown = text_show (name);
    return onnx_fail (error, "output '%s' has no value", shown);
  }
  result = (struct onnx_result){.name = name, .type = value->type, .shape = value->shape};
  if (value->constant)
    result.constant = onnx_constant_ref (value->constant);
  else {
    graph_output (importer->graph, name, value->sym);
    result.bounds = onnx_bounds (value->sym);
  }
  g_array_append_val (results, result);
  return check_leaves (importer, error);
}

/* The nodes that the wanted outputs need; the whole body when all are. */
static bool
import_outputs (struct importer *importer, const struct scope *scope, const char *const *outputs, GArray *results,
                GError **error)
{
  const struct onnx_model *model = importer->model;
  const Onnx__GraphProto *graph = model->proto->graph;
  g_autofree const char **all = g_new0 (const char *, model->outputs->len + 1);
  struct onnx_body *body;
  bool ok;

  for (guint i = 0; i < model->outputs->len; i++)
    all[i] = onnx_output (model, i)->name;
  outputs = outputs ? outputs : all;
  for (guint i = 0; outputs[i]; i++)
    if (!g_strv_contains (all, outputs[i])) {
      g_autofree char *shown = text_show (outputs[i]);
      return onnx_fail (error, "there is no output '%s'", shown);
    }
  body = onnx_body_new (graph->node, graph->n_node, outputs, g_strv_length ((char **) outputs), error);
  ok = body && import_body (importer, scope, body, error);
  for (guint i = 0; ok && i < model->outputs->len; i++)
    if (g_strv_contains (outputs, all[i]))
      ok = take_output (importer, scope, all[i], results, error);
  g_clear_pointer (&body, onnx_body_free);
  return ok;
}

static void
result_clear (void *data)
{
  struct onnx_result *result = data;

  onnx_constant_unref (result->constant);
}

/* How much may be made of constants: more for large models and large inputs. */
static int64_t
elements_allowed (const struct onnx_model *model, const struct onnx_given *given, guint n)
{
  int64_t allowed = IMPORT_ELEMENTS_BASE + IMPORT_PER_CONSTANT * MIN (model->elements, (int64_t) 1 << 40);

  for (guint i = 0; i < n; i++) {
    const struct shape *shape = given[i].value ? &given[i].value->shape : &given[i].shape;

    if (shape_valid (shape))
      allowed += IMPORT_PER_INPUT * MIN (shape_size (shape), (int64_t) 1 << 40);
  }
  return allowed;
}

struct onnx_import *
onnx_import_new (struct onnx_model *model, const struct onnx_given *given, guint n_given, const char *const *outputs,
                 GError **error)
{
  g_autoptr (onnx_import) import = g_new0 (struct onnx_import, 1);
  struct scope scope;
  bool ok;

  import->graph = graph_new ();
  import->weights = weights_new ();
  import->results = g_array_new (FALSE, FALSE, sizeof (struct onnx_result));
  g_array_set_clear_func (import->results, result_clear);
  struct importer importer = {
    .model = model,
    .graph = import->graph,
    .weights = import->weights,
    .names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL),
    .parameters = g_hash_table_new (NULL, NULL),
    .left = elements_allowed (model, given, n_given),
  };
  importer.work = importer.left * IMPORT_WORK;
  scope_init (&scope, NULL, model->opset);
  scope_add_initializers (&importer, &scope, model->proto->graph);
  ok = bind_inputs (&importer, &scope, given, n_given, error) &&
       import_outputs (&importer, &scope, outputs, import->results, error);
  scope_clear (&scope);
  g_hash_table_unref (importer.names);
  g_hash_table_unref (importer.parameters);
  if (ok)
    return g_steal_pointer (&import);
  g_prefix_error (error, "%s: ", model->name);
  return NULL;
}

void
onnx_import_free (struct onnx_import *import)
{
  if (import == NULL)
    return;
  g_clear_pointer (&import->graph, graph_free);
  g_clear_pointer (&import->weights, weights_unref);
  g_clear_pointer (&import->results, g_array_unref);
  g_free (import);
}
