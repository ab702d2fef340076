/* SPDX-License-Identifier: Apache-2.0
 *
 * What a rule sees of its node: attributes, inputs, outputs (rule.h). */
#include <string.h>

#include "base/text.h"
#include "impasto/error.h"
#include "onnx/evaluate.h"
#include "onnx/import.h"

void
node_init (struct onnx_node *node, struct importer *importer, const struct scope *scope, const Onnx__NodeProto *proto)
{
  *node = (struct onnx_node){
    .importer = importer,
    .scope = scope,
    .proto = proto,
    .n_inputs = (int) proto->n_input,
    .n_outputs = (int) proto->n_output,
    .input = g_new0 (struct onnx_value *, proto->n_input + 1),
    .output = g_new0 (struct onnx_value, proto->n_output + 1),
    .owned = g_ptr_array_new_with_free_func (g_free),
  };
  for (int i = 0; i < node->n_outputs; i++)
    node->output[i] = (struct onnx_value){.name = proto->output[i], .sym = {NULL, -1}};
}

void
node_clear (struct onnx_node *node)
{
  for (int i = 0; i < node->n_outputs; i++)
    onnx_constant_unref (node->output[i].constant);
  g_free (node->input);
  g_free (node->output);
  g_ptr_array_unref (node->owned);
  g_clear_error (&node->mistake);
}

const char *
onnx_node_op (const struct onnx_node *node)
{
  return node->proto->op_type;
}

int
onnx_node_opset (const struct onnx_node *node)
{
  return node->scope->opset;
}

struct graph *
onnx_node_graph (const struct onnx_node *node)
{
  return node->importer->graph;
}

bool
onnx_node_fail (const struct onnx_node *node, GError **error, const char *format, ...)
{
  g_autofree char *title = onnx_node_title (node->proto), *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  return onnx_fail (error, "%s: %s", title, message);
}

/* The first mistake of a getter stays. */
static void
node_mistake (struct onnx_node *node, const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list args;

  if (node->mistake)
    return;
  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  onnx_node_fail (node, &node->mistake, "%s", message);
}

/* --- Attributes --- */

const Onnx__AttributeProto *
node_attribute (const struct onnx_node *node, const char *name)
{
  for (size_t i = 0; i < node->proto->n_attribute; i++) {
    const Onnx__AttributeProto *attribute = node->proto->attribute[i];

    if (!g_str_equal (attribute->name, name))
      continue;
    if (attribute->ref_attr_name == NULL || *attribute->ref_attr_name == '\0')
      return attribute;
    return node->scope->attributes ? g_hash_table_lookup (node->scope->attributes, attribute->ref_attr_name) : NULL;
  }
  return NULL;
}

/* The attribute when it is of this type. The oldest models state no type: then what it holds (@filled) tells. */
static const Onnx__AttributeProto *
typed_attribute (struct onnx_node *node, const char *name, Onnx__AttributeProto__AttributeType type, const char *wanted)
{
  const Onnx__AttributeProto *attribute = node_attribute (node, name);

  if (attribute == NULL || !attribute->has_type || attribute->type == type ||
      attribute->type == ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__UNDEFINED)
    return attribute;
  node_mistake (node, "attribute '%s' is of type %d, wants %s", name, (int) attribute->type, wanted);
  return NULL;
}

bool
onnx_node_has (const struct onnx_node *node, const char *name)
{
  return node_attribute (node, name) != NULL;
}

int64_t
onnx_node_int (struct onnx_node *node, const char *name, int64_t fallback)
{
  const Onnx__AttributeProto *attribute =
    typed_attribute (node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT, "a whole number");

  return attribute ? attribute->i : fallback;
}

double
onnx_node_float (struct onnx_node *node, const char *name, double fallback)
{
  const Onnx__AttributeProto *attribute =
    typed_attribute (node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT, "a number");

  return attribute ? attribute->f : fallback;
}

const char *
onnx_node_string (struct onnx_node *node, const char *name, const char *fallback)
{
  const Onnx__AttributeProto *attribute =
    typed_attribute (node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING, "a string");
  char *text;

  if (attribute == NULL)
    return fallback;
  text = g_strndup (attribute->s.data ? (const char *) attribute->s.data : "", attribute->s.len);
  g_ptr_array_add (node->owned, text);
  return text;
}

const int64_t *
onnx_node_ints (struct onnx_node *node, const char *name, int *n)
{
  const Onnx__AttributeProto *attribute =
    typed_attribute (node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS, "whole numbers");

  *n = attribute ? (int) MIN (attribute->n_ints, (size_t) G_MAXINT) : 0;
  return *n > 0 ? attribute->ints : NULL;
}

const float *
onnx_node_floats (struct onnx_node *node, const char *name, int *n)
{
  const Onnx__AttributeProto *attribute =
    typed_attribute (node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS, "numbers");

  *n = attribute ? (int) MIN (attribute->n_floats, (size_t) G_MAXINT) : 0;
  return *n > 0 ? attribute->floats : NULL;
}

struct onnx_constant *
onnx_node_tensor (struct onnx_node *node, const char *name)
{
  const Onnx__AttributeProto *attribute =
    typed_attribute (node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR, "a tensor");
  struct onnx_constant *constant = NULL;

  if (attribute == NULL)
    return NULL;
  if (attribute->t)
    constant = g_hash_table_lookup (node->importer->model->constants, attribute->t);
  if (constant == NULL && attribute->t)
    node_mistake (node, "attribute '%s' has elements of type %d, which is not supported", name,
                  (int) attribute->t->data_type);
  else if (constant == NULL)
    node_mistake (node, "attribute '%s' holds no tensor", name);
  return constant;
}

/* --- Inputs --- */

struct onnx_value *
scope_find (const struct scope *scope, const char *name)
{
  for (; scope; scope = scope->parent) {
    struct onnx_value *value = g_hash_table_lookup (scope->values, name);

    if (value)
      return value;
  }
  return NULL;
}

int
onnx_node_input_count (const struct onnx_node *node)
{
  return node->n_inputs;
}

const struct onnx_value *
onnx_node_input (const struct onnx_node *node, int i)
{
  return i < node->n_inputs ? node->input[i] : NULL;
}

struct onnx_constant *
onnx_node_constant (const struct onnx_node *node, int i)
{
  const struct onnx_value *value = onnx_node_input (node, i);

  return value ? value->constant : NULL;
}

/* A name that is not taken: the wish, or with a number behind it. */
static const char *
unique_name (struct importer *importer, const char *wish)
{
  char *name = g_strdup (wish);

  for (int i = 2; !g_hash_table_add (importer->names, name); i++) /* frees the name when it is there */
    name = g_strdup_printf ("%s.%d", wish, i);
  return name;
}

/* @tensor as a parameter; the scope of the current node is no part of its name. */
static sym
tensor_parameter (struct importer *importer, const char *wish, struct tensor *tensor)
{
  const char *name = g_hash_table_lookup (importer->parameters, tensor);

  if (name == NULL) {
    name = unique_name (importer, wish);
    g_hash_table_insert (importer->parameters, tensor, (gpointer) name);
    weights_add (importer->weights, name, tensor);
  }
  if (importer->title)
    graph_pop (importer->graph);
  sym parameter = graph_parameter (importer->graph, name, tensor->shape, (struct init){INIT_ZERO, 0});
  if (importer->title)
    graph_push (importer->graph, "%s", importer->title);
  return parameter;
}

sym
value_sym (struct importer *importer, struct onnx_value *value, GError **error)
{
  g_autoptr (tensor) tensor = NULL;

  if (value->constant == NULL || !sym_null (value->sym))
    return value->sym;
  if (value->constant->count == 0) {
    g_autofree char *shown = text_show (value->name);
    onnx_fail (error, "'%s' is empty", shown);
    return value->sym;
  }
  tensor = onnx_constant_tensor (value->constant, error);
  if (tensor == NULL)
    return value->sym;
  if (value->constant->count == 1)
    value->sym = graph_constant (importer->graph, tensor);
  else
    value->sym = tensor_parameter (importer, value->name, tensor);
  return value->sym;
}

sym
onnx_node_sym (struct onnx_node *node, int i)
{
  sym none = {node->importer->graph, -1};

  if (i >= node->n_inputs || node->input[i] == NULL)
    return none;
  g_autoptr (GError) error = NULL;
  sym value = value_sym (node->importer, node->input[i], &error);
  if (error)
    node_mistake (node, "input %d: %s", i, error->message);
  return error ? none : value;
}

struct shape
onnx_node_shape (const struct onnx_node *node, int i)
{
  const struct onnx_value *value = onnx_node_input (node, i);

  return value ? value->shape : SHAPE_SCALAR;
}

/* The constant of an input that has to be one; *@n = its elements. */
static bool
known_input (struct onnx_node *node, int i, const struct onnx_constant **constant, int *n, GError **error)
{
  const struct onnx_value *value = onnx_node_input (node, i);

  *constant = value ? value->constant : NULL;
  *n = 0;
  if (value == NULL)
    return true;
  g_autofree char *shown = text_show (value->name);
  if (*constant == NULL)
    return onnx_node_fail (node, error, "input %d ('%s') is known at run time only, wants a constant", i, shown);
  if ((*constant)->count > 1 << 20)
    return onnx_node_fail (node, error, "input %d ('%s') has %" G_GINT64_FORMAT " elements", i, shown,
                           (*constant)->count);
  *n = (int) (*constant)->count;
  return true;
}

bool
onnx_node_input_ints (struct onnx_node *node, int i, const int64_t **value, int *n, GError **error)
{
  const struct onnx_constant *constant;
  int64_t *ints;

  *value = NULL;
  if (!known_input (node, i, &constant, n, error))
    return false;
  if (constant == NULL)
    return true;
  ints = g_new0 (int64_t, *n + 1);
  for (int k = 0; k < *n; k++)
    ints[k] = onnx_constant_int (constant, k);
  g_ptr_array_add (node->owned, ints);
  *value = ints;
  return true;
}

bool
onnx_node_input_floats (struct onnx_node *node, int i, const double **value, int *n, GError **error)
{
  const struct onnx_constant *constant;
  double *floats;

  *value = NULL;
  if (!known_input (node, i, &constant, n, error))
    return false;
  if (constant == NULL)
    return true;
  floats = g_new0 (double, *n + 1);
  for (int k = 0; k < *n; k++)
    floats[k] = onnx_constant_float (constant, k);
  g_ptr_array_add (node->owned, floats);
  *value = floats;
  return true;
}

bool
onnx_node_axis (const struct onnx_node *node, int64_t axis, int rank, int *out, GError **error)
{
  if (axis < -rank || axis >= rank)
    return onnx_node_fail (node, error, "axis %" G_GINT64_FORMAT " of a value of rank %d", axis, rank);
  *out = (int) (axis < 0 ? axis + rank : axis);
  return true;
}

sym
onnx_node_parameter (struct onnx_node *node, const char *name, struct tensor *values)
{
  return tensor_parameter (node->importer, name, values);
}

struct tensor *
onnx_node_known (const struct onnx_node *node, sym s)
{
  const struct node *inner = sym_node (s);

  if (inner == NULL)
    return NULL;
  return inner->op == &op_constant    ? inner->value
         : inner->op == &op_parameter ? weights_find (node->importer->weights, inner->name)
                                      : NULL;
}

/* --- Outputs --- */

int
onnx_node_output_count (const struct onnx_node *node)
{
  return node->n_outputs;
}

bool
onnx_node_wants (const struct onnx_node *node, int i)
{
  return i < node->n_outputs && *node->output[i].name != '\0';
}

void
onnx_node_set_typed (struct onnx_node *node, int i, sym value, enum onnx_type type)
{
  if (!onnx_node_wants (node, i))
    return;
  node->output[i].sym = value;
  node->output[i].type = type;
  node->output[i].shape = sym_shape (value);
}

void
onnx_node_set (struct onnx_node *node, int i, sym value)
{
  const struct onnx_value *first = onnx_node_input (node, 0);

  onnx_node_set_typed (node, i, value, first ? first->type : ONNX_FLOAT);
}

void
onnx_node_set_constant (struct onnx_node *node, int i, struct onnx_constant *value)
{
  if (!onnx_node_wants (node, i))
    return;
  onnx_constant_ref (value);
  onnx_constant_unref (node->output[i].constant);
  node->output[i].constant = value;
  node->output[i].type = value->type;
  node->output[i].shape = value->shape;
}

bool
onnx_node_give (struct onnx_node *node, int i, struct onnx_constant *value)
{
  if (value == NULL)
    return false;
  onnx_node_set_constant (node, i, value);
  onnx_constant_unref (value);
  return true;
}

/* The number of elements, or any number above @limit. Negative extents are for onnx_constant_new to refuse. */
static int64_t
capped_count (const struct shape *shape, int64_t limit)
{
  int64_t count = 1;

  for (int i = 0; i < shape->rank; i++)
    if (shape->dim[i] <= 0)
      return 0;
  for (int i = 0; i < shape->rank; i++)
    count = shape->dim[i] > limit / count ? limit + 1 : count * shape->dim[i];
  return count;
}

struct onnx_constant *
onnx_node_new_constant (struct onnx_node *node, enum onnx_type type, struct shape shape, GError **error)
{
  int64_t left = node->importer->left;
  g_autoptr (GError) inner = NULL;
  struct onnx_constant *constant;

  if (capped_count (&shape, left) > left) {
    g_autofree char *text = shape_text (&shape);
    onnx_node_fail (node, error, "makes a constant of shape %s: too large", text);
    return NULL;
  }
  constant = onnx_constant_new (type, shape, &inner);
  if (constant == NULL)
    onnx_node_fail (node, error, "%s", inner->message);
  else
    node->importer->left -= constant->count;
  return constant;
}
