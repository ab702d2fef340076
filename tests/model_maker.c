/* SPDX-License-Identifier: Apache-2.0
 *
 * Models for tests, put together with protobuf-c's own structs. */
#include "model_maker.h"

void *
keep (struct maker *maker, void *block)
{
  g_ptr_array_add (maker->garbage, block);
  return block;
}

void
add_opset (struct maker *maker, const char *domain, int64_t version)
{
  Onnx__OperatorSetIdProto *set = MAKE (maker, Onnx__OperatorSetIdProto, onnx__operator_set_id_proto__init);

  set->domain = (char *) domain;
  set->has_version = 1;
  set->version = version;
  g_ptr_array_add (maker->opsets, set);
}

struct maker
maker_new (void)
{
  return (struct maker){
    .garbage = g_ptr_array_new_with_free_func (g_free),
    .nodes = g_ptr_array_new (),
    .inputs = g_ptr_array_new (),
    .outputs = g_ptr_array_new (),
    .initializers = g_ptr_array_new (),
    .opsets = g_ptr_array_new (),
    .functions = g_ptr_array_new (),
    .metadata = g_ptr_array_new (),
  };
}

void
maker_clear (struct maker *maker)
{
  g_ptr_array_unref (maker->garbage);
  g_ptr_array_unref (maker->nodes);
  g_ptr_array_unref (maker->inputs);
  g_ptr_array_unref (maker->outputs);
  g_ptr_array_unref (maker->initializers);
  g_ptr_array_unref (maker->opsets);
  g_ptr_array_unref (maker->functions);
  g_ptr_array_unref (maker->metadata);
}

/* Words of "a b c"; "-" is the empty name. */
char **
words (struct maker *maker, const char *text, size_t *n)
{
  char **parts = g_strsplit (text, " ", -1);

  *n = 0;
  for (char **part = parts; *part; part++)
    if (**part) {
      if (g_str_equal (*part, "-"))
        **part = '\0';
      keep (maker, *part);
      parts[(*n)++] = *part;
    } else
      g_free (*part);
  return keep (maker, parts);
}

Onnx__NodeProto *
make_node (struct maker *maker, const char *op, const char *inputs, const char *outputs)
{
  Onnx__NodeProto *node = MAKE (maker, Onnx__NodeProto, onnx__node_proto__init);

  node->op_type = (char *) op;
  node->input = words (maker, inputs, &node->n_input);
  node->output = words (maker, outputs, &node->n_output);
  node->attribute = keep (maker, g_new0 (Onnx__AttributeProto *, 8));
  return node;
}

Onnx__NodeProto *
add_node (struct maker *maker, const char *op, const char *inputs, const char *outputs)
{
  Onnx__NodeProto *node = make_node (maker, op, inputs, outputs);

  g_ptr_array_add (maker->nodes, node);
  return node;
}

Onnx__AttributeProto *
attribute (struct maker *maker, Onnx__NodeProto *node, const char *name, int type)
{
  Onnx__AttributeProto *attribute = MAKE (maker, Onnx__AttributeProto, onnx__attribute_proto__init);

  attribute->name = (char *) name;
  attribute->has_type = 1;
  attribute->type = type;
  node->attribute[node->n_attribute++] = attribute;
  return attribute;
}

void
set_int (struct maker *maker, Onnx__NodeProto *node, const char *name, int64_t value)
{
  Onnx__AttributeProto *a = attribute (maker, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);

  a->has_i = 1;
  a->i = value;
}

void
set_float (struct maker *maker, Onnx__NodeProto *node, const char *name, float value)
{
  Onnx__AttributeProto *a = attribute (maker, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);

  a->has_f = 1;
  a->f = value;
}

int64_t *
numbers (struct maker *maker, const char *text, size_t *n)
{
  char **parts = words (maker, text, n);
  int64_t *values = keep (maker, g_new0 (int64_t, *n + 1));

  for (size_t i = 0; i < *n; i++)
    values[i] = g_ascii_strtoll (parts[i], NULL, 10);
  return values;
}

Onnx__TensorProto *
make_tensor (struct maker *maker, const char *name, int type, const char *dims)
{
  Onnx__TensorProto *tensor = MAKE (maker, Onnx__TensorProto, onnx__tensor_proto__init);

  tensor->name = (char *) name;
  tensor->has_data_type = 1;
  tensor->data_type = type;
  tensor->dims = numbers (maker, dims, &tensor->n_dims);
  return tensor;
}

/* Floats 0, 1, 2 ... scaled. */
Onnx__TensorProto *
add_floats (struct maker *maker, const char *name, const char *dims, float scale)
{
  Onnx__TensorProto *tensor = make_tensor (maker, name, ONNX_FLOAT, dims);
  size_t n = 1;

  for (size_t i = 0; i < tensor->n_dims; i++)
    n *= tensor->dims[i];
  tensor->n_float_data = n;
  tensor->float_data = keep (maker, g_new (float, n));
  for (size_t i = 0; i < n; i++)
    tensor->float_data[i] = (float) i * scale;
  g_ptr_array_add (maker->initializers, tensor);
  return tensor;
}

Onnx__TensorProto *
add_ints (struct maker *maker, const char *name, const char *dims, const char *values)
{
  Onnx__TensorProto *tensor = make_tensor (maker, name, ONNX_INT64, dims);

  tensor->int64_data = numbers (maker, values, &tensor->n_int64_data);
  g_ptr_array_add (maker->initializers, tensor);
  return tensor;
}

/* "1 3 h w": numbers are extents, words names of open ones. */
static Onnx__ValueInfoProto *
port (struct maker *maker, const char *name, int type, const char *dims)
{
  Onnx__ValueInfoProto *info = MAKE (maker, Onnx__ValueInfoProto, onnx__value_info_proto__init);
  Onnx__TypeProto *outer = MAKE (maker, Onnx__TypeProto, onnx__type_proto__init);
  Onnx__TypeProto__Tensor *inner = MAKE (maker, Onnx__TypeProto__Tensor, onnx__type_proto__tensor__init);
  Onnx__TensorShapeProto *shape = MAKE (maker, Onnx__TensorShapeProto, onnx__tensor_shape_proto__init);
  char **parts = words (maker, dims, &shape->n_dim);

  info->name = (char *) name;
  info->type = outer;
  outer->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
  outer->tensor_type = inner;
  inner->has_elem_type = 1;
  inner->elem_type = type;
  inner->shape = shape;
  shape->dim = keep (maker, g_new0 (Onnx__TensorShapeProto__Dimension *, shape->n_dim + 1));
  for (size_t i = 0; i < shape->n_dim; i++) {
    Onnx__TensorShapeProto__Dimension *dim =
      MAKE (maker, Onnx__TensorShapeProto__Dimension, onnx__tensor_shape_proto__dimension__init);

    if (g_ascii_isdigit (*parts[i])) {
      dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
      dim->dim_value = g_ascii_strtoll (parts[i], NULL, 10);
    } else {
      dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
      dim->dim_param = parts[i];
    }
    shape->dim[i] = dim;
  }
  return info;
}

void
add_input (struct maker *maker, const char *name, const char *dims)
{
  g_ptr_array_add (maker->inputs, port (maker, name, ONNX_FLOAT, dims));
}

void
add_output (struct maker *maker, const char *name)
{
  Onnx__ValueInfoProto *info = MAKE (maker, Onnx__ValueInfoProto, onnx__value_info_proto__init);

  info->name = (char *) name;
  g_ptr_array_add (maker->outputs, info);
}

void
add_metadata (struct maker *maker, const char *key, const char *value)
{
  Onnx__StringStringEntryProto *entry =
    MAKE (maker, Onnx__StringStringEntryProto, onnx__string_string_entry_proto__init);

  entry->key = (char *) key;
  entry->value = (char *) value;
  g_ptr_array_add (maker->metadata, entry);
}

/* A graph of everything collected so far, which is taken away: the maker is empty again. */
Onnx__GraphProto *
take_graph (struct maker *maker)
{
  Onnx__GraphProto *graph = MAKE (maker, Onnx__GraphProto, onnx__graph_proto__init);

#define TAKE(field, list) \
  graph->n_##field = maker->list->len; \
  graph->field = keep (maker, g_memdup2 (maker->list->pdata, maker->list->len * sizeof (gpointer))); \
  g_ptr_array_set_size (maker->list, 0);
  TAKE (node, nodes)
  TAKE (input, inputs)
  TAKE (output, outputs)
  TAKE (initializer, initializers)
#undef TAKE
  return graph;
}

/* The bytes of the model, to be freed. */
uint8_t *
maker_pack (struct maker *maker, size_t *size)
{
  Onnx__ModelProto model;
  uint8_t *bytes;

  onnx__model_proto__init (&model);
  model.has_ir_version = 1;
  model.ir_version = 8;
  if (maker->opsets->len == 0)
    add_opset (maker, "", 17);
  model.n_opset_import = maker->opsets->len;
  model.opset_import = (Onnx__OperatorSetIdProto **) maker->opsets->pdata;
  model.n_functions = maker->functions->len;
  model.functions = (Onnx__FunctionProto **) maker->functions->pdata;
  model.n_metadata_props = maker->metadata->len;
  model.metadata_props = (Onnx__StringStringEntryProto **) maker->metadata->pdata;
  model.graph = take_graph (maker);
  *size = onnx__model_proto__get_packed_size (&model);
  bytes = g_malloc (*size);
  onnx__model_proto__pack (&model, bytes);
  return bytes;
}

struct onnx_model *
maker_parse (struct maker *maker, const char *folder, GError **error)
{
  size_t size;
  g_autofree uint8_t *bytes = maker_pack (maker, &size);
  struct onnx_model *model = onnx_parse (bytes, size, "FILE", folder, error);

  maker_clear (maker);
  return model;
}

struct maker
maker_one_node (const char *op, const char *inputs)
{
  struct maker maker = maker_new ();

  add_node (&maker, op, inputs, "y")->name = (char *) "it";
  add_input (&maker, "x", "2 3");
  add_output (&maker, "y");
  return maker;
}
