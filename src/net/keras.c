/* SPDX-License-Identifier: Apache-2.0
 *
 * Keras's models, opened: the JSON of the architecture becomes a list of calls of layers in an order in which they can
 * be made, models within models dissolved into it; arrays are found by the names of their layers. What a file says is
 * bounded before it is followed. */
#include "net/keras.h"

#include <string.h>

#include "base/text.h"
#include "base/text_json.h"
#include "impasto/error.h"
#include "net/keras_internal.h"

#define JSON_DEPTH_MAX 64
#define NEST_MAX 8
#define NAME_MAX_BYTES 200

/* A model that is being opened. */
struct opening {
  struct keras *keras;
  char *mistake;
};

static int fail (struct opening *opening, const char *format, ...) G_GNUC_PRINTF (2, 3);

/* -1 */
static int
fail (struct opening *opening, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  if (!opening->mistake)
    opening->mistake = g_strdup_vprintf (format, args);
  va_end (args);
  return -1;
}

static void
call_free (gpointer data)
{
  struct keras_call *call = data;
  g_free (call->name);
  g_free (call->group);
  g_array_unref (call->inputs);
  g_free (call);
}

void
keras_free (struct keras *keras)
{
  if (!keras)
    return;
  g_free (keras->path);
  g_free (keras->name);
  g_free (keras->version);
  g_ptr_array_unref (keras->calls);
  g_hash_table_unref (keras->weights);
  g_clear_pointer (&keras->config, json_node_unref);
  g_free (keras);
}

/* --- JSON --- */

static JsonNode *
member (JsonObject *object, const char *name)
{
  return object ? json_object_get_member (object, name) : NULL;
}

static JsonObject *
object_at (JsonObject *object, const char *name)
{
  JsonNode *node = member (object, name);
  return node && JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
}

static JsonArray *
array_at (JsonObject *object, const char *name)
{
  JsonNode *node = member (object, name);
  return node && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
}

static const char *
text_in (JsonNode *node)
{
  return node && JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_STRING
           ? json_node_get_string (node)
           : NULL;
}

static int64_t
int_in (JsonNode *node)
{
  return node && JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_INT64
           ? json_node_get_int (node)
           : -1;
}

static JsonNode *
element (JsonArray *array, guint i)
{
  return array && i < json_array_get_length (array) ? json_array_get_element (array, i) : NULL;
}

static JsonObject *
object_in (JsonNode *node)
{
  return node && JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
}

static JsonArray *
array_in (JsonNode *node)
{
  return node && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
}

/* Names go into messages and files of other formats. */
static const char *
name_of (struct opening *opening, JsonObject *layer)
{
  JsonObject *config = object_at (layer, "config");
  const char *name = text_in (member (config, "name"));
  if (!name)
    name = text_in (member (layer, "name"));
  bool good = name && *name && strlen (name) <= NAME_MAX_BYTES;
  for (const char *at = name; good && *at; at++)
    good = (unsigned char) *at >= 0x20 && *at != 0x7f && *at != '%';
  if (!good)
    fail (opening, "a layer in it has no name, or none that fits a line");
  return good ? name : NULL;
}

/* --- Calls --- */

static int
add_call (struct opening *opening, const struct keras_kind *kind, JsonObject *config, const char *name,
          const char *group, bool nested, const int *inputs, guint n)
{
  struct keras *keras = opening->keras;
  if (keras->calls->len >= KERAS_CALLS_MAX)
    return fail (opening, "it has more than %d layers", KERAS_CALLS_MAX);
  if (kind != &keras_input && (n == 0 || (kind->inputs && n > (guint) kind->inputs)))
    return fail (opening, "layer %s has %u inputs", name, n);
  struct keras_call *call = g_new0 (struct keras_call, 1);
  call->name = g_strdup (name);
  call->group = g_strdup (group);
  call->nested = nested;
  call->kind = kind;
  call->config = config;
  call->inputs = g_array_new (FALSE, FALSE, sizeof (int));
  g_array_append_vals (call->inputs, inputs, n);
  g_ptr_array_add (keras->calls, call);
  return (int) keras->calls->len - 1;
}

static int
add_input (struct opening *opening, JsonObject *config, const char *name)
{
  struct keras *keras = opening->keras;
  if (keras->n_inputs == KERAS_INPUTS_MAX)
    return fail (opening, "it has more than %d inputs", KERAS_INPUTS_MAX);
  int id = add_call (opening, &keras_input, config, name, name, false, NULL, 0);
  if (id >= 0)
    keras->input[keras->n_inputs++] = id;
  return id;
}

static int read_model (struct opening *opening, JsonObject *model, const char *group, const int *inputs, guint n,
                       int depth);

static bool
is_model (const char *class_name)
{
  return class_name && (g_str_equal (class_name, "Sequential") || g_str_equal (class_name, "Model") ||
                        g_str_equal (class_name, "Functional"));
}

/* A layer of class and settings over @inputs; @group is that of the model it is in, NULL for the outermost. */
static int
read_layer (struct opening *opening, JsonObject *layer, const char *group, const int *inputs, guint n, int depth)
{
  const char *name = name_of (opening, layer), *class_name = text_in (member (layer, "class_name"));
  if (!name)
    return -1;
  if (is_model (class_name))
    return read_model (opening, layer, group ? group : name, inputs, n, depth + 1);
  const struct keras_kind *kind = class_name ? keras_kind_find (class_name) : NULL;
  JsonObject *config = object_at (layer, "config");
  if (!kind || !config) {
    g_autofree char *shown = text_show (class_name ? class_name : "");
    return fail (opening, "layer %s is of class %s, which is not known here", name, shown);
  }
  return add_call (opening, kind, config, name, group ? group : name, group != NULL, inputs, n);
}

/* One after the other. The first may be an input, or say what its own is like. */
static int
read_sequence (struct opening *opening, JsonArray *layers, const char *group, const int *inputs, guint n, int depth)
{
  guint count = json_array_get_length (layers);
  int value = n ? inputs[0] : -1;
  if (n > 1 || count == 0)
    return fail (opening, count ? "a sequence in it has two inputs" : "a sequence in it has no layers");
  for (guint i = 0; i < count; i++) {
    JsonObject *layer = object_in (element (layers, i)), *config = object_at (layer, "config");
    if (!layer || !config)
      return fail (opening, "its architecture is damaged");
    const char *name = name_of (opening, layer), *class_name = text_in (member (layer, "class_name"));
    bool input = g_strcmp0 (class_name, "InputLayer") == 0;
    if (!name)
      return -1;
    if (value < 0 && (value = add_input (opening, config, name)) < 0)
      return -1;
    if (!input && (value = read_layer (opening, layer, group, &value, 1, depth)) < 0)
      return -1;
  }
  return value;
}

/* --- Functional models --- */

/* The layers of a functional model by their names. */
struct slot {
  JsonObject *layer;
  const char *name;
  bool model;
  GPtrArray *nodes; /* one a use: JsonNode with what it takes */
  GArray *values;   /* int: what each use gave; those that are done */
};

static void
slot_free (gpointer data)
{
  struct slot *slot = data;
  g_ptr_array_unref (slot->nodes);
  g_array_unref (slot->values);
  g_free (slot);
}

/* What the use @index of layer @name gave: -1 = not done yet, -2 = a mistake. Uses of models count from 1. */
static int
value_of (struct opening *opening, GHashTable *slots, const char *name, int64_t index, int64_t output)
{
  struct slot *slot = name ? g_hash_table_lookup (slots, name) : NULL;
  if (slot && slot->model)
    index = slot->nodes->len == 1 ? 0 : index - 1;
  if (slot && output == 0 && index >= 0 && index < (int64_t) slot->nodes->len)
    return index < (int64_t) slot->values->len ? g_array_index (slot->values, int, index) : -1;
  fail (opening, "its architecture is damaged: a layer takes what no other gives");
  return -2;
}

/* Collects what a use takes: ["name", use, output, {}] in Keras 2; in Keras 3 {"keras_history": ["name", use, output]}
 * somewhere within. Returns false with *@wait set when something is not done yet. */
static bool
collect (struct opening *opening, GHashTable *slots, JsonNode *node, GArray *inputs, bool *wait, int depth)
{
  JsonArray *array = array_in (node);
  JsonObject *object = object_in (node);
  if (depth > JSON_DEPTH_MAX)
    return false;
  JsonArray *history = array_at (object, "keras_history");
  if (history)
    array = history;
  if (array && text_in (element (array, 0)) && json_array_get_length (array) >= 3) {
    int value =
      value_of (opening, slots, text_in (element (array, 0)), int_in (element (array, 1)), int_in (element (array, 2)));
    *wait = value == -1;
    if (value < 0)
      return false;
    g_array_append_val (inputs, value);
    return inputs->len <= KERAS_CALLS_MAX;
  }
  for (guint i = 0; array && i < json_array_get_length (array); i++)
    if (!collect (opening, slots, element (array, i), inputs, wait, depth + 1))
      return false;
  if (!object)
    return true;
  JsonObjectIter iter;
  const char *name;
  JsonNode *value;
  json_object_iter_init (&iter, object);
  while (json_object_iter_next (&iter, &name, &value))
    if (!collect (opening, slots, value, inputs, wait, depth + 1))
      return false;
  return true;
}

static GHashTable *
read_slots (struct opening *opening, JsonArray *layers, GPtrArray *order)
{
  g_autoptr (GHashTable) slots = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, slot_free);
  for (guint i = 0; i < json_array_get_length (layers); i++) {
    JsonObject *layer = object_in (element (layers, i));
    const char *name = layer ? name_of (opening, layer) : NULL;
    JsonArray *nodes = array_at (layer, "inbound_nodes");
    if (!name || g_hash_table_contains (slots, name) || i >= KERAS_CALLS_MAX)
      return fail (opening, "its architecture is damaged: a layer without a name of its own"), NULL;
    struct slot *slot = g_new0 (struct slot, 1);
    slot->layer = layer;
    slot->name = name;
    slot->model = is_model (text_in (member (layer, "class_name")));
    slot->nodes = g_ptr_array_new ();
    slot->values = g_array_new (FALSE, FALSE, sizeof (int));
    for (guint k = 0; nodes && k < json_array_get_length (nodes); k++)
      g_ptr_array_add (slot->nodes, element (nodes, k));
    g_hash_table_insert (slots, (char *) name, slot);
    g_ptr_array_add (order, slot);
  }
  return g_steal_pointer (&slots);
}

/* The input layers of a model, ["name", 0, 0] one after the other, or only one of them. Those of the outermost model
 * are inputs; those of others are what the model was called with. */
static bool
read_inputs (struct opening *opening, JsonObject *config, GHashTable *slots, const int *inputs, guint n, bool outermost)
{
  JsonArray *list = array_at (config, "input_layers");
  bool single = list && text_in (element (list, 0));
  guint count = !list ? 0 : single ? 1 : json_array_get_length (list);
  if (count == 0 || (!outermost && count != n))
    return fail (opening, "its architecture has no inputs, or others than it is called with") >= 0;
  for (guint i = 0; i < count; i++) {
    const char *name = text_in (element (single ? list : array_in (element (list, i)), 0));
    struct slot *slot = name ? g_hash_table_lookup (slots, name) : NULL;
    JsonObject *settings = slot ? object_at (slot->layer, "config") : NULL;
    if (!settings || slot->values->len)
      return fail (opening, "its architecture is damaged: an input that is no layer") >= 0;
    int value = outermost ? add_input (opening, settings, slot->name) : inputs[i];
    if (value < 0)
      return false;
    g_array_append_val (slot->values, value);
    g_ptr_array_set_size (slot->nodes, 1);
  }
  return true;
}

/* Makes what can be made of @slot's uses; false after a mistake. */
static bool
advance (struct opening *opening, GHashTable *slots, struct slot *slot, const char *group, int depth, bool *moved)
{
  while (slot->values->len < slot->nodes->len) {
    g_autoptr (GArray) inputs = g_array_new (FALSE, FALSE, sizeof (int));
    bool wait = false;
    if (!collect (opening, slots, slot->nodes->pdata[slot->values->len], inputs, &wait, 0))
      return wait || fail (opening, "its architecture is damaged") >= 0;
    int value = read_layer (opening, slot->layer, group, (const int *) inputs->data, inputs->len, depth);
    if (value < 0)
      return false;
    g_array_append_val (slot->values, value);
    *moved = true;
  }
  return true;
}

static int
read_functional (struct opening *opening, JsonObject *config, const char *group, const int *inputs, guint n, int depth)
{
  g_autoptr (GPtrArray) order = g_ptr_array_new ();
  g_autoptr (GArray) outputs = g_array_new (FALSE, FALSE, sizeof (int));
  JsonArray *layers = array_at (config, "layers");
  g_autoptr (GHashTable) slots = layers ? read_slots (opening, layers, order) : NULL;
  bool moved = true, wait;
  if (!slots || !read_inputs (opening, config, slots, inputs, n, depth == 0))
    return fail (opening, "its architecture is damaged");
  while (moved) {
    moved = false;
    for (guint i = 0; i < order->len; i++)
      if (!advance (opening, slots, order->pdata[i], group, depth, &moved))
        return -1;
  }
  if (!collect (opening, slots, member (config, "output_layers"), outputs, &wait, 0) || outputs->len != 1)
    return fail (opening, outputs->len > 1 ? "it has several outputs, which is not read"
                                           : "its layers form a circle, or none gives the output");
  return g_array_index (outputs, int, 0);
}

/* Returns the call that gives the result, or -1. */
static int
read_model (struct opening *opening, JsonObject *model, const char *group, const int *inputs, guint n, int depth)
{
  JsonObject *config = object_at (model, "config");
  bool sequence = g_strcmp0 (text_in (member (model, "class_name")), "Sequential") == 0;
  if (depth > NEST_MAX)
    return fail (opening, "its models nest deeper than %d", NEST_MAX);
  if (!sequence)
    return config ? read_functional (opening, config, group, inputs, n, depth)
                  : fail (opening, "its architecture is damaged");
  JsonArray *layers = config ? array_at (config, "layers") : array_at (model, "config"); /* Keras 2.1 and before */
  return layers ? read_sequence (opening, layers, group, inputs, n, depth)
                : fail (opening, "its architecture is damaged");
}

/* --- Weights --- */

/* "kernel:0" -> "kernel" */
static char *
leaf_of (const char *name)
{
  const char *colon = strrchr (name, ':');
  return g_strndup (name, colon ? (size_t) (colon - name) : strlen (name));
}

static void
collect_weights (GHashTable *weights, const char *group, const struct hdf5 *object)
{
  for (guint i = 0; i < object->members->len; i++) {
    const struct hdf5 *inner = object->members->pdata[i];
    collect_weights (weights, group, inner);
    if (!inner->values)
      continue;
    g_autofree char *leaf = leaf_of (inner->name);
    g_hash_table_insert (weights, g_strdup_printf ("%s/%s", group, leaf), tensor_ref (inner->values));
    g_hash_table_insert (weights, g_strdup_printf ("%s/%s/%s", group, object->name, leaf), tensor_ref (inner->values));
  }
}

/* --- Files --- */

static bool
read_architecture (struct opening *opening, const char *text)
{
  struct keras *keras = opening->keras;
  if (text_json_depth (text) > JSON_DEPTH_MAX)
    return fail (opening, "its architecture nests deeper than %d", JSON_DEPTH_MAX) >= 0;
  g_autoptr (JsonNode) root = text_json_read (text, JSON_DEPTH_MAX);
  JsonObject *model = object_in (root);
  if (!model || !is_model (text_in (member (model, "class_name"))))
    return fail (opening, "its architecture is no Sequential and no functional model") >= 0;
  keras->config = json_node_ref (root);
  const char *name = text_in (member (object_at (model, "config"), "name"));
  keras->name = text_show (name ? name : "model");
  keras->output = read_model (opening, model, NULL, NULL, 0, 0);
  return keras->output >= 0;
}

struct keras *
keras_from_tree (const struct hdf5 *root, const char *path, GError **error)
{
  g_autoptr (keras) keras = g_new0 (struct keras, 1);
  struct opening opening = {.keras = keras};
  const char *text = hdf5_string (root, "model_config"), *version = hdf5_string (root, "keras_version");
  const struct hdf5 *weights = hdf5_find (root, "model_weights");
  keras->path = g_strdup (path);
  keras->version = text_show (version ? version : "");
  keras->calls = g_ptr_array_new_with_free_func (call_free);
  keras->weights = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) tensor_unref);
  if (!text || !weights)
    fail (&opening, hdf5_attribute (root, "layer_names")
                      ? "it holds weights alone (save_weights); a model with its architecture is wanted (save)"
                      : "it is no model of Keras: it has no model_config and model_weights");
  else if (read_architecture (&opening, text)) {
    for (guint i = 0; i < weights->members->len; i++) {
      const struct hdf5 *group = weights->members->pdata[i];
      collect_weights (keras->weights, group->name, group);
    }
    return g_steal_pointer (&keras);
  }
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "%s: %s", path, opening.mistake);
  g_free (opening.mistake);
  return NULL;
}

struct keras *
keras_load (const char *path, GError **error)
{
  g_autoptr (hdf5) root = hdf5_load (path, error);
  return root ? keras_from_tree (root, path, error) : NULL;
}

struct keras *
keras_parse (const void *data, size_t size, const char *name, GError **error)
{
  g_autoptr (hdf5) root = hdf5_parse (data, size, name, error);
  return root ? keras_from_tree (root, name, error) : NULL;
}
