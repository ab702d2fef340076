/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing an ONNX model through protobuf-c. The messages and their texts are owned by the writer and freed with it; the
 * bytes of tensors are those of the tensors, packed straight into the draft of the file. */
#include "onnx/write.h"

#include <onnx.pb-c.h>
#include <string.h>

#include "base/draft.h"
#include "base/text.h"
#include "impasto/error.h"

#define FILE_MAX ((size_t) G_MAXINT32) /* of a protobuf message */

G_STATIC_ASSERT (G_BYTE_ORDER == G_LITTLE_ENDIAN); /* raw data is copied as it lies in memory */

struct onnx_writer {
  int opset;
  GPtrArray *owned;   /* messages, texts, arrays */
  GPtrArray *tensors; /* struct tensor */
  GHashTable *names;  /* of values, borrowed from `owned` */
  GHashTable *small;  /* key -> name of a small constant */
  GPtrArray *nodes, *initializers, *inputs, *outputs, *metadata;
  const char *producer, *version, *graph_name, *doc;
};

struct onnx_writer *
onnx_writer_new (int opset)
{
  struct onnx_writer *writer = g_new0 (struct onnx_writer, 1);
  writer->opset = opset;
  writer->owned = g_ptr_array_new_with_free_func (g_free);
  writer->tensors = g_ptr_array_new_with_free_func ((GDestroyNotify) tensor_unref);
  writer->names = g_hash_table_new (g_str_hash, g_str_equal);
  writer->small = g_hash_table_new (g_str_hash, g_str_equal);
  writer->nodes = g_ptr_array_new ();
  writer->initializers = g_ptr_array_new ();
  writer->inputs = g_ptr_array_new ();
  writer->outputs = g_ptr_array_new ();
  writer->metadata = g_ptr_array_new ();
  return writer;
}

void
onnx_writer_free (struct onnx_writer *writer)
{
  if (!writer)
    return;
  g_ptr_array_unref (writer->nodes);
  g_ptr_array_unref (writer->initializers);
  g_ptr_array_unref (writer->inputs);
  g_ptr_array_unref (writer->outputs);
  g_ptr_array_unref (writer->metadata);
  g_hash_table_unref (writer->names);
  g_hash_table_unref (writer->small);
  g_ptr_array_unref (writer->tensors);
  g_ptr_array_unref (writer->owned);
  g_free (writer);
}

int
onnx_writer_opset (const struct onnx_writer *writer)
{
  return writer->opset;
}

/* What the writer owns from now on. */
static void *
own (struct onnx_writer *writer, void *memory)
{
  g_ptr_array_add (writer->owned, memory);
  return memory;
}

static char *
own_text (struct onnx_writer *writer, const char *text)
{
  return text ? own (writer, g_strdup (text)) : NULL;
}

/* A new message of @type with its protobuf-c initialiser. */
#define NEW(WRITER, TYPE, INIT) ((TYPE *) own (WRITER, g_memdup2 (&(TYPE) INIT, sizeof (TYPE))))

/* @array, which an owned array holds, longer by @item. */
static void **
append (struct onnx_writer *writer, void **array, size_t *n, void *item)
{
  void **longer = own (writer, g_new (void *, *n + 1));
  for (size_t i = 0; i < *n; i++)
    longer[i] = array[i];
  longer[(*n)++] = item;
  return longer;
}

/* @name, or that with the first number that makes it new. */
static const char *
unique (struct onnx_writer *writer, const char *name)
{
  char *found = g_strdup (name);
  for (int i = 2; g_hash_table_contains (writer->names, found); i++) {
    g_free (found);
    found = g_strdup_printf ("%s_%d", name, i);
  }
  g_hash_table_add (writer->names, own (writer, found));
  return found;
}

/* Nodes */

const char *
onnx_write_node (struct onnx_writer *writer, const char *name, const char *op, const char *const *inputs)
{
  Onnx__NodeProto *node = NEW (writer, Onnx__NodeProto, ONNX__NODE_PROTO__INIT);
  const char *output = unique (writer, name);
  node->name = own_text (writer, output);
  node->op_type = own_text (writer, op);
  node->n_input = g_strv_length ((char **) inputs);
  node->input = own (writer, g_memdup2 (inputs, (node->n_input + 1) * sizeof *inputs));
  while (node->n_input > 0 && !*node->input[node->n_input - 1]) /* left out at the end: not listed */
    node->n_input--;
  node->output = (char **) append (writer, NULL, &node->n_output, (char *) output);
  g_ptr_array_add (writer->nodes, node);
  return output;
}

static Onnx__AttributeProto *
new_attribute (struct onnx_writer *writer, const char *name, Onnx__AttributeProto__AttributeType type)
{
  Onnx__NodeProto *node = writer->nodes->pdata[writer->nodes->len - 1];
  Onnx__AttributeProto *attribute = NEW (writer, Onnx__AttributeProto, ONNX__ATTRIBUTE_PROTO__INIT);
  attribute->name = own_text (writer, name);
  attribute->has_type = TRUE;
  attribute->type = type;
  node->attribute = (Onnx__AttributeProto **) append (writer, (void **) node->attribute, &node->n_attribute, attribute);
  return attribute;
}

void
onnx_write_int (struct onnx_writer *writer, const char *name, int64_t value)
{
  Onnx__AttributeProto *attribute = new_attribute (writer, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
  attribute->has_i = TRUE;
  attribute->i = value;
}

void
onnx_write_ints (struct onnx_writer *writer, const char *name, const int64_t *values, size_t n)
{
  Onnx__AttributeProto *attribute = new_attribute (writer, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
  attribute->n_ints = n;
  attribute->ints = own (writer, g_memdup2 (values, n * sizeof *values));
}

void
onnx_write_float (struct onnx_writer *writer, const char *name, double value)
{
  Onnx__AttributeProto *attribute = new_attribute (writer, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
  attribute->has_f = TRUE;
  attribute->f = (float) value;
}

void
onnx_write_string (struct onnx_writer *writer, const char *name, const char *value)
{
  Onnx__AttributeProto *attribute = new_attribute (writer, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING);
  attribute->has_s = TRUE;
  attribute->s = (ProtobufCBinaryData){strlen (value), (uint8_t *) own_text (writer, value)};
}

/* Initialisers */

static const char *
add_initializer (struct onnx_writer *writer, const char *name, enum onnx_type type, const int64_t *dims, int rank,
                 void *data, size_t size)
{
  Onnx__TensorProto *tensor = NEW (writer, Onnx__TensorProto, ONNX__TENSOR_PROTO__INIT);
  tensor->name = (char *) unique (writer, name);
  tensor->has_data_type = TRUE;
  tensor->data_type = type;
  tensor->n_dims = rank;
  tensor->dims = own (writer, g_memdup2 (dims, MAX (rank, 1) * sizeof *dims));
  tensor->has_raw_data = TRUE;
  tensor->raw_data = (ProtobufCBinaryData){size, data};
  g_ptr_array_add (writer->initializers, tensor);
  return tensor->name;
}

const char *
onnx_write_tensor (struct onnx_writer *writer, const char *name, struct tensor *tensor, struct shape shape, bool half,
                   GError **error)
{
  g_autoptr (tensor) stored = tensor_convert (tensor, half ? DTYPE_F16 : DTYPE_F32, error);
  if (!stored)
    return NULL;
  if (half && tensor_find_nonfinite (stored) >= 0) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_NUMERIC, "weight %s does not fit half precision", name);
    return NULL;
  }
  g_autofree char *packed = g_strconcat (name, ".f16", NULL);
  const char *value = add_initializer (writer, half ? packed : name, half ? ONNX_FLOAT16 : ONNX_FLOAT, shape.dim,
                                       shape.rank, stored->data, stored->size);
  g_ptr_array_add (writer->tensors, g_steal_pointer (&stored));
  if (!half)
    return value;
  value = onnx_write_node (writer, name, "Cast", (const char *const[]){value, NULL});
  onnx_write_int (writer, "to", ONNX_FLOAT);
  return value;
}

/* A small constant, named after its values: "int64_2_3", "float_0.5". */
static const char *
small_constant (struct onnx_writer *writer, enum onnx_type type, const char *values, size_t n, bool scalar,
                const void *data, size_t size)
{
  g_autofree char *key = g_strdup_printf ("%d %d %s", type, scalar, values);
  const char *known = g_hash_table_lookup (writer->small, key);
  if (known)
    return known;
  g_autofree char *name = g_strdup_printf ("%s%s%s", onnx_type_name (type), scalar ? "_scalar" : "", values);
  const int64_t dim = (int64_t) n;
  const char *written = add_initializer (writer, n > 6 ? onnx_type_name (type) : name, type, &dim, scalar ? 0 : 1,
                                         own (writer, g_memdup2 (n > 0 ? data : "", MAX (n * size, 1))), n * size);
  g_hash_table_insert (writer->small, own (writer, g_steal_pointer (&key)), (char *) written);
  return written;
}

static const char *
small_floats (struct onnx_writer *writer, const double *values, size_t n, bool scalar)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autofree float *data = g_new (float, n + 1);
  for (size_t i = 0; i < n; i++) {
    data[i] = (float) values[i];
    g_autofree char *number = text_number (data[i]);
    g_string_append_printf (text, "_%s", number);
  }
  return small_constant (writer, ONNX_FLOAT, text->str, n, scalar, data, sizeof *data);
}

static const char *
small_ints (struct onnx_writer *writer, const int64_t *values, size_t n, bool scalar)
{
  g_autoptr (GString) text = g_string_new (NULL);
  for (size_t i = 0; i < n; i++)
    g_string_append_printf (text, "_%" G_GINT64_FORMAT, values[i]);
  return small_constant (writer, ONNX_INT64, text->str, n, scalar, values, sizeof *values);
}

const char *
onnx_write_scalar (struct onnx_writer *writer, double value)
{
  return small_floats (writer, &value, 1, true);
}

const char *
onnx_write_floats (struct onnx_writer *writer, const double *values, size_t n)
{
  return small_floats (writer, values, n, false);
}

const char *
onnx_write_int_scalar (struct onnx_writer *writer, int64_t value)
{
  return small_ints (writer, &value, 1, true);
}

const char *
onnx_write_int_list (struct onnx_writer *writer, const int64_t *values, size_t n)
{
  return small_ints (writer, values, n, false);
}

/* Inputs and outputs */

static Onnx__ValueInfoProto *
value_info (struct onnx_writer *writer, const char *name, const struct onnx_dim *dims, int rank)
{
  Onnx__ValueInfoProto *info = NEW (writer, Onnx__ValueInfoProto, ONNX__VALUE_INFO_PROTO__INIT);
  Onnx__TypeProto *type = NEW (writer, Onnx__TypeProto, ONNX__TYPE_PROTO__INIT);
  Onnx__TypeProto__Tensor *tensor = NEW (writer, Onnx__TypeProto__Tensor, ONNX__TYPE_PROTO__TENSOR__INIT);
  Onnx__TensorShapeProto *shape = NEW (writer, Onnx__TensorShapeProto, ONNX__TENSOR_SHAPE_PROTO__INIT);
  for (int i = 0; i < rank; i++) {
    Onnx__TensorShapeProto__Dimension *dim =
      NEW (writer, Onnx__TensorShapeProto__Dimension, ONNX__TENSOR_SHAPE_PROTO__DIMENSION__INIT);
    if (dims[i].extent > 0) {
      dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
      dim->dim_value = dims[i].extent;
    } else if (dims[i].name) {
      dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
      dim->dim_param = own_text (writer, dims[i].name);
    }
    shape->dim = (Onnx__TensorShapeProto__Dimension **) append (writer, (void **) shape->dim, &shape->n_dim, dim);
  }
  tensor->has_elem_type = TRUE;
  tensor->elem_type = ONNX_FLOAT;
  tensor->shape = shape;
  type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
  type->tensor_type = tensor;
  info->name = (char *) name;
  info->type = type;
  return info;
}

const char *
onnx_write_input (struct onnx_writer *writer, const char *name, const struct onnx_dim *dims, int rank)
{
  const char *given = unique (writer, name);
  g_ptr_array_add (writer->inputs, value_info (writer, given, dims, rank));
  return given;
}

/* Whether @value is what a node computes and no output yet. */
static bool
can_rename (const struct onnx_writer *writer, const char *value)
{
  for (guint i = 0; i < writer->outputs->len; i++)
    if (g_str_equal (((Onnx__ValueInfoProto *) writer->outputs->pdata[i])->name, value))
      return false;
  for (guint i = 0; i < writer->nodes->len; i++)
    if (g_str_equal (((Onnx__NodeProto *) writer->nodes->pdata[i])->output[0], value))
      return true;
  return false;
}

static void
rename_value (struct onnx_writer *writer, const char *from, const char *to)
{
  for (guint i = 0; i < writer->nodes->len; i++) {
    Onnx__NodeProto *node = writer->nodes->pdata[i];
    for (size_t k = 0; k < node->n_input; k++)
      if (g_str_equal (node->input[k], from))
        node->input[k] = (char *) to;
    if (g_str_equal (node->output[0], from))
      node->output[0] = (char *) to;
  }
}

void
onnx_write_output (struct onnx_writer *writer, const char *name, const char *value, const struct onnx_dim *dims,
                   int rank)
{
  const char *given = name;
  if (can_rename (writer, value)) {
    given = unique (writer, name);
    rename_value (writer, value, given);
  } else
    given = onnx_write_node (writer, name, "Identity", (const char *const[]){value, NULL});
  g_ptr_array_add (writer->outputs, value_info (writer, given, dims, rank));
}

/* The card and the file */

void
onnx_write_producer (struct onnx_writer *writer, const char *name, const char *version)
{
  writer->producer = own_text (writer, name);
  writer->version = own_text (writer, version);
}

void
onnx_write_doc (struct onnx_writer *writer, const char *graph_name, const char *text)
{
  writer->graph_name = own_text (writer, graph_name);
  writer->doc = own_text (writer, text);
}

void
onnx_write_metadata (struct onnx_writer *writer, const char *key, const char *value)
{
  if (!value || !*value)
    return;
  Onnx__StringStringEntryProto *entry =
    NEW (writer, Onnx__StringStringEntryProto, ONNX__STRING_STRING_ENTRY_PROTO__INIT);
  entry->key = own_text (writer, key);
  entry->value = own_text (writer, value);
  g_ptr_array_add (writer->metadata, entry);
}

/* A buffer of protobuf-c whose bytes go into a draft. */
struct sink {
  ProtobufCBuffer base;
  struct draft *draft;
  GError *error;
};

static void
sink_append (ProtobufCBuffer *buffer, size_t size, const uint8_t *data)
{
  struct sink *sink = (struct sink *) buffer;
  if (!sink->error)
    draft_write (sink->draft, data, size, &sink->error);
}

/* The format version that came with an opset. */
static int64_t
ir_version (int opset)
{
  return opset < 12 ? 6 : opset < 15 ? 7 : 8;
}

static bool
save_model (Onnx__ModelProto *model, const char *path, GByteArray *into, GError **error)
{
  size_t size = onnx__model_proto__get_packed_size (model);
  if (size > FILE_MAX) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MODEL, "%s: the model takes %zu MiB, an ONNX file holds 2047",
                 path, size >> 20);
    return false;
  }
  if (into) {
    g_byte_array_set_size (into, (guint) size);
    onnx__model_proto__pack (model, into->data);
    return true;
  }
  g_autoptr (draft) draft = draft_new (path, error);
  if (!draft)
    return false;
  struct sink sink = {.base.append = sink_append, .draft = draft};
  onnx__model_proto__pack_to_buffer (model, &sink.base);
  if (sink.error) {
    g_propagate_error (error, sink.error);
    return false;
  }
  return draft_commit (draft, error);
}

bool
onnx_writer_save (struct onnx_writer *writer, const char *path, GByteArray *into, GError **error)
{
  Onnx__OperatorSetIdProto opset = ONNX__OPERATOR_SET_ID_PROTO__INIT;
  opset.domain = (char *) "";
  opset.has_version = TRUE;
  opset.version = writer->opset;

  Onnx__GraphProto graph = ONNX__GRAPH_PROTO__INIT;
  graph.name = (char *) (writer->graph_name ? writer->graph_name : "graph");
  graph.n_node = writer->nodes->len;
  graph.node = (Onnx__NodeProto **) writer->nodes->pdata;
  graph.n_initializer = writer->initializers->len;
  graph.initializer = (Onnx__TensorProto **) writer->initializers->pdata;
  graph.n_input = writer->inputs->len;
  graph.input = (Onnx__ValueInfoProto **) writer->inputs->pdata;
  graph.n_output = writer->outputs->len;
  graph.output = (Onnx__ValueInfoProto **) writer->outputs->pdata;

  Onnx__ModelProto model = ONNX__MODEL_PROTO__INIT;
  Onnx__OperatorSetIdProto *opsets[] = {&opset};
  model.has_ir_version = TRUE;
  model.ir_version = ir_version (writer->opset);
  model.n_opset_import = 1;
  model.opset_import = opsets;
  model.producer_name = (char *) writer->producer;
  model.producer_version = (char *) writer->version;
  model.doc_string = (char *) writer->doc;
  model.graph = &graph;
  model.n_metadata_props = writer->metadata->len;
  model.metadata_props = (Onnx__StringStringEntryProto **) writer->metadata->pdata;
  return save_model (&model, path, into, error);
}
