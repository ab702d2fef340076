/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening: bytes -> scan -> protobuf-c -> checked graphs, decoded tensors, ports. What is wrong with a file is said
 * here, before any input is known; an op without a rule is said by the import that needs it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "impasto/error.h"
#include "onnx/model.h"
#include "onnx/rule.h"

#define FILE_MAX ((int64_t) 2 << 30) /* protobuf's own limit */
#define OPSET_MIN 1
#define OPSET_MAX 25

bool
onnx_fail (GError **error, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  g_autofree char *message = g_strdup_vprintf (format, args), *valid = g_utf8_make_valid (message, -1);
  va_end (args);
  for (char *at = valid; *at; at++) /* what a file says may hold anything */
    *at = g_ascii_iscntrl (*at) ? '?' : *at;
  g_set_error_literal (error, IMPASTO_ERROR, IMPASTO_ERROR_MODEL, valid);
  return false;
}

bool
onnx_standard_domain (const char *domain)
{
  return domain == NULL || *domain == '\0' || g_str_equal (domain, "ai.onnx");
}

char *
onnx_node_title (const Onnx__NodeProto *proto)
{
  const char *name = proto->name && *proto->name ? proto->name : proto->n_output > 0 ? proto->output[0] : "";
  g_autofree char *shown = text_show (name), *op = text_show (proto->op_type ? proto->op_type : "");

  return g_strdup_printf ("node '%s' (%s)", shown, op);
}

/* --- Tensors --- */

/* Decodes one tensor and gives its bytes back. */
static bool
take_tensor (struct onnx_model *model, Onnx__TensorProto *tensor, GError **error)
{
  struct onnx_constant *constant = onnx_tensor_decode (tensor, model->folder, error);

  if (constant == NULL)
    return false;
  g_hash_table_insert (model->constants, tensor, constant);
  if (onnx_type_float (constant->type))
    model->parameters += constant->count;
  model->elements += constant->count;
  free (tensor->raw_data.data);
  tensor->raw_data = (ProtobufCBinaryData){0};
  free (tensor->float_data);
  tensor->float_data = NULL;
  tensor->n_float_data = 0;
  return true;
}

static bool check_graph (struct onnx_model *model, const Onnx__GraphProto *graph, GError **error);

/* Attributes: decodes their tensors, checks their graphs. */
static bool
check_node (struct onnx_model *model, const Onnx__NodeProto *node, GError **error)
{
  g_autofree char *title = NULL;
  bool ok = true;

  if (node->op_type == NULL || *node->op_type == '\0')
    return onnx_fail (error, "a node has no op");
  for (size_t i = 0; ok && i < node->n_attribute; i++) {
    Onnx__AttributeProto *attribute = node->attribute[i];

    if (attribute->name == NULL)
      ok = onnx_fail (error, "an attribute has no name");
    if (ok && attribute->t && onnx_type_known ((enum onnx_type) attribute->t->data_type))
      ok = take_tensor (model, attribute->t, error);
    if (ok && attribute->g)
      ok = check_graph (model, attribute->g, error);
  }
  if (!ok) {
    title = onnx_node_title (node);
    g_prefix_error (error, "%s: ", title);
  }
  return ok;
}

/* --- Graphs --- */

/* Names of inputs and initialisers: each once (an initialiser may give an input its default). Nodes may not make
 * them. */
static bool
check_names (const Onnx__GraphProto *graph, GError **error)
{
  g_autoptr (GHashTable) names = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GHashTable) defaults = g_hash_table_new (g_str_hash, g_str_equal);
  const char *twice = NULL;

  for (size_t i = 0; i < graph->n_input; i++) {
    const char *name = graph->input[i]->name;

    if (name == NULL || *name == '\0')
      return onnx_fail (error, "input %zu has no name", i);
    if (!g_hash_table_add (names, (char *) name))
      twice = name;
  }
  for (size_t i = 0; i < graph->n_initializer; i++) {
    const char *name = graph->initializer[i]->name;

    if (name == NULL || *name == '\0')
      return onnx_fail (error, "initialiser %zu has no name", i);
    if (!g_hash_table_add (defaults, (char *) name))
      twice = name;
    g_hash_table_add (names, (char *) name);
  }
  for (size_t n = 0; n < graph->n_node; n++)
    for (size_t k = 0; k < graph->node[n]->n_output; k++)
      if (g_hash_table_contains (names, graph->node[n]->output[k]))
        twice = graph->node[n]->output[k];
  if (twice == NULL)
    return true;
  g_autofree char *shown = text_show (twice);
  return onnx_fail (error, "there are two values called '%s'", shown);
}

static bool
check_graph (struct onnx_model *model, const Onnx__GraphProto *graph, GError **error)
{
  g_autofree const char **outputs = g_new0 (const char *, graph->n_output + 1);
  struct onnx_body *body;

  if (graph->n_sparse_initializer > 0)
    return onnx_fail (error, "sparse initialisers are not supported");
  if (!check_names (graph, error))
    return false;
  for (size_t i = 0; i < graph->n_output; i++) {
    outputs[i] = graph->output[i]->name;
    if (outputs[i] == NULL || *outputs[i] == '\0')
      return onnx_fail (error, "output %zu has no name", i);
  }
  body = onnx_body_new (graph->node, graph->n_node, outputs, graph->n_output, error);
  if (body == NULL)
    return false;
  g_hash_table_insert (model->bodies, (gpointer) graph, body);
  for (size_t i = 0; i < graph->n_initializer; i++)
    if (!take_tensor (model, graph->initializer[i], error))
      return false;
  for (guint i = 0; i < body->n_nodes; i++)
    if (!check_node (model, body->nodes[i], error))
      return false;
  return true;
}

/* --- The model --- */

static bool
check_functions (struct onnx_model *model, GError **error)
{
  for (size_t i = 0; i < model->proto->n_functions; i++) {
    const Onnx__FunctionProto *function = model->proto->functions[i];
    const char *domain = function->domain ? function->domain : "", *name = function->name ? function->name : "";
    g_autofree char *shown = text_show (name);
    struct onnx_body *body;

    body = onnx_body_new (function->node, function->n_node, (const char *const *) function->output, function->n_output,
                          error);
    if (body != NULL)
      g_hash_table_insert (model->bodies, (gpointer) function, body);
    for (guint n = 0; body && n < body->n_nodes; n++)
      if (!check_node (model, body->nodes[n], error))
        body = NULL;
    if (body == NULL) {
      g_prefix_error (error, "function '%s': ", shown);
      return false;
    }
    if (!g_hash_table_insert (model->functions, g_strconcat (domain, "/", name, NULL), (gpointer) function))
      return onnx_fail (error, "there are two functions called '%s'", shown);
  }
  return true;
}

static bool
check_opset (struct onnx_model *model, GError **error)
{
  for (size_t i = 0; i < model->proto->n_opset_import; i++) {
    const Onnx__OperatorSetIdProto *set = model->proto->opset_import[i];

    if (!onnx_standard_domain (set->domain))
      continue;
    if (set->version < OPSET_MIN || set->version > OPSET_MAX)
      return onnx_fail (error, "is written in opset %" G_GINT64_FORMAT ", opsets %d to %d are supported", set->version,
                        OPSET_MIN, OPSET_MAX);
    model->opset = (int) set->version;
  }
  model->opset = MAX (model->opset, 1); /* models of the first days do not say */
  return true;
}

/* The declared type and shape of an input or output. */
static struct onnx_port
read_port (const Onnx__ValueInfoProto *info)
{
  struct onnx_port port = {.name = info->name, .rank = -1};
  const Onnx__TypeProto *type = info->type;
  const Onnx__TensorShapeProto *shape;

  if (type == NULL || type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE)
    return port;
  port.type = (enum onnx_type) type->tensor_type->elem_type;
  shape = type->tensor_type->shape;
  if (shape == NULL || shape->n_dim > SHAPE_RANK_MAX)
    return port;
  port.rank = (int) shape->n_dim;
  for (int i = 0; i < port.rank; i++) {
    const Onnx__TensorShapeProto__Dimension *dim = shape->dim[i];
    bool fixed = dim->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE && dim->dim_value > 0;
    bool named = dim->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;

    port.dim[i] = fixed ? dim->dim_value : -1;
    port.axis[i] = named && *dim->dim_param ? dim->dim_param : NULL;
  }
  return port;
}

static bool
is_initializer (const Onnx__GraphProto *graph, GHashTable *names, const char *name)
{
  if (g_hash_table_size (names) == 0)
    for (size_t i = 0; i < graph->n_initializer; i++)
      g_hash_table_add (names, graph->initializer[i]->name);
  return g_hash_table_contains (names, name);
}

static void
read_ports (struct onnx_model *model)
{
  const Onnx__GraphProto *graph = model->proto->graph;
  g_autoptr (GHashTable) names = g_hash_table_new (g_str_hash, g_str_equal);

  for (int pass = 0; pass < 2; pass++)
    for (size_t i = 0; i < graph->n_input; i++) {
      struct onnx_port port = read_port (graph->input[i]);

      port.optional = is_initializer (graph, names, port.name);
      if (port.optional == (pass == 1))
        g_array_append_val (model->inputs, port);
    }
  for (size_t i = 0; i < graph->n_output; i++) {
    struct onnx_port port = read_port (graph->output[i]);

    g_array_append_val (model->outputs, port);
  }
}

static struct onnx_model *
model_new (const char *name, const char *folder)
{
  struct onnx_model *model = g_new0 (struct onnx_model, 1);

  model->name = g_strdup (name);
  model->folder = g_strdup (folder);
  model->constants = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify) onnx_constant_unref);
  model->bodies = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify) onnx_body_free);
  model->functions = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  model->inputs = g_array_new (FALSE, FALSE, sizeof (struct onnx_port));
  model->outputs = g_array_new (FALSE, FALSE, sizeof (struct onnx_port));
  return model;
}

void
onnx_free (struct onnx_model *model)
{
  if (model == NULL)
    return;
  g_hash_table_unref (model->constants);
  g_hash_table_unref (model->bodies);
  g_hash_table_unref (model->functions);
  g_array_unref (model->inputs);
  g_array_unref (model->outputs);
  if (model->proto)
    onnx__model_proto__free_unpacked (model->proto, NULL);
  g_free (model->name);
  g_free (model->folder);
  g_free (model);
}

static bool
model_read (struct onnx_model *model, const uint8_t *data, size_t size, GError **error)
{
  if (!onnx_scan (data, size, error))
    return false;
  model->proto = onnx__model_proto__unpack (NULL, size, data);
  if (model->proto == NULL) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "damaged, or no ONNX model");
    return false;
  }
  if (model->proto->graph == NULL || model->proto->graph->n_output == 0) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "no ONNX model: it has no graph with an output");
    return false;
  }
  if (!check_opset (model, error) || !check_functions (model, error) ||
      !check_graph (model, model->proto->graph, error))
    return false;
  read_ports (model);
  return true;
}

struct onnx_model *
onnx_parse (const void *data, size_t size, const char *name, const char *folder, GError **error)
{
  g_autoptr (onnx_model) model = model_new (name, folder);

  if (model_read (model, data, size, error))
    return g_steal_pointer (&model);
  g_prefix_error (error, "%s: ", name);
  return NULL;
}

struct onnx_model *
onnx_open (const char *path, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (path);
  g_autoptr (GError) failure = NULL;
  g_autoptr (GMappedFile) file = NULL;
  struct stat status;
  const char *what = NULL;

  if (stat (path, &status) != 0)
    what = g_strerror (errno);
  else if (!S_ISREG (status.st_mode))
    what = S_ISDIR (status.st_mode) ? "it is a folder" : "it is not a regular file";
  else if (status.st_size > FILE_MAX)
    what = "larger than 2 GiB, the limit of the format";
  else if ((file = g_mapped_file_new (path, FALSE, &failure)) == NULL)
    what = failure->message;
  if (what != NULL) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "%s: %s", path, what);
    return NULL;
  }
  return onnx_parse (g_mapped_file_get_contents (file), g_mapped_file_get_length (file), path, folder, error);
}
