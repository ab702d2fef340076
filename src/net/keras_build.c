/* SPDX-License-Identifier: Apache-2.0
 *
 * Keras's models as graphs: what layers say of themselves, their weights in the graph's form, and the walk over the
 * calls. */
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "net/keras_internal.h"
#include "op/sym.h"

#define EXTENT_MAX 65536

/* --- Settings --- */

static JsonNode *
setting (const struct keras_call *call, const char *name)
{
  JsonNode *node = json_object_get_member (call->config, name);
  return node && !JSON_NODE_HOLDS_NULL (node) ? node : NULL;
}

static bool
number_in (JsonNode *node, double *value)
{
  GType type = node && JSON_NODE_HOLDS_VALUE (node) ? json_node_get_value_type (node) : G_TYPE_NONE;
  if (type != G_TYPE_INT64 && type != G_TYPE_DOUBLE)
    return false;
  *value = type == G_TYPE_INT64 ? (double) json_node_get_int (node) : json_node_get_double (node);
  return isfinite (*value);
}

static int64_t
whole (struct keras_pass *pass, JsonNode *node, const char *name, int64_t least, int64_t most)
{
  double value;
  if (number_in (node, &value) && value == floor (value) && value >= least && value <= most)
    return (int64_t) value;
  graph_fail (pass->graph, "%s is no whole number from %d to %d", name, (int) least, (int) most);
  return least;
}

int64_t
keras_int (struct keras_pass *pass, const struct keras_call *call, const char *name, int64_t fallback, int64_t least,
           int64_t most)
{
  JsonNode *node = setting (call, name);
  return node ? whole (pass, node, name, least, most) : fallback;
}

double
keras_number (const struct keras_call *call, const char *name, double fallback)
{
  double value;
  return number_in (setting (call, name), &value) ? value : fallback;
}

bool
keras_flag (const struct keras_call *call, const char *name, bool fallback)
{
  JsonNode *node = setting (call, name);
  return node && JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_BOOLEAN
           ? json_node_get_boolean (node)
           : fallback;
}

const char *
keras_text (const struct keras_call *call, const char *name)
{
  JsonNode *node = setting (call, name);
  return node && JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_STRING
           ? json_node_get_string (node)
           : NULL;
}

void
keras_pair (struct keras_pass *pass, const struct keras_call *call, const char *name, int64_t fallback, int64_t pair[2])
{
  JsonNode *node = setting (call, name);
  JsonArray *array = node && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
  guint n = array ? json_array_get_length (array) : 0;
  pair[0] = pair[1] = fallback;
  for (guint i = 0; node && i < 2; i++)
    pair[i] = whole (pass, n == 2 ? json_array_get_element (array, i) : node, name, 1, EXTENT_MAX);
}

/* --- Weights --- */

/* @values with its axes permuted as sym_permute would. */
static struct tensor *
permuted (const struct tensor *values, const int *axes, GError **error)
{
  struct shape from = values->shape, to = from;
  int64_t stride[SHAPE_RANK_MAX] = {0}, step = 1, at[SHAPE_RANK_MAX] = {0};
  for (int i = from.rank - 1; i >= 0; i--) {
    stride[i] = step;
    step *= from.dim[i];
  }
  for (int i = 0; i < to.rank; i++)
    to.dim[i] = from.dim[axes[i]];
  struct tensor *y = tensor_new (to, DTYPE_F32, error);
  for (int64_t k = 0, n = shape_size (&to); y && k < n; k++) {
    int64_t place = 0;
    for (int i = 0; i < to.rank; i++)
      place += at[i] * stride[axes[i]];
    tensor_floats (y)[k] = ((const float *) values->data)[place];
    for (int i = to.rank - 1; i >= 0 && ++at[i] == to.dim[i]; i--)
      at[i] = 0;
  }
  return y;
}

struct tensor *
keras_values (struct keras_pass *pass, const struct keras_call *call, const char *leaf, struct shape shape)
{
  g_autofree char *key = call->nested ? g_strdup_printf ("%s/%s/%s", call->group, call->name, leaf)
                                      : g_strdup_printf ("%s/%s", call->group, leaf);
  const struct tensor *found = g_hash_table_lookup (pass->keras->weights, key);
  g_autofree char *wanted = shape_text (&shape), *has = found ? shape_text (&found->shape) : NULL;
  g_autoptr (GError) error = NULL;
  if (!found || !shape_equal (&found->shape, &shape)) {
    graph_fail (pass->graph, "its weight %s %s is %s", leaf, wanted, has ? has : "missing, or of no float type");
    return NULL;
  }
  if (found->dtype == DTYPE_I64 || tensor_find_nonfinite (found) >= 0) {
    graph_fail (pass->graph, "its weight %s holds NaN or infinity, or is of no float type", leaf);
    return NULL;
  }
  struct tensor *values = tensor_convert (found, DTYPE_F32, &error);
  if (!values)
    graph_fail (pass->graph, "%s", error->message);
  return values;
}

sym
keras_parameter (struct keras_pass *pass, const struct keras_call *call, const char *leaf, struct tensor *values)
{
  if (!values)
    return (sym){pass->graph, -1};
  sym s = graph_parameter (pass->graph, leaf, values->shape, (struct init){INIT_ZERO, 0});
  if (!sym_null (s))
    weights_add (pass->weights, sym_node (s)->name, values);
  return s;
}

sym
keras_weight (struct keras_pass *pass, const struct keras_call *call, const char *leaf, struct shape shape,
              const int *axes)
{
  g_autoptr (tensor) values = keras_values (pass, call, leaf, shape);
  g_autoptr (GError) error = NULL;
  g_autoptr (tensor) turned = values && axes ? permuted (values, axes, &error) : NULL;
  if (error)
    return graph_fail (pass->graph, "%s", error->message);
  return keras_parameter (pass, call, leaf, axes ? turned : values);
}

/* --- Models --- */

const char *
keras_input_name (const struct keras *keras, int i)
{
  return ((const struct keras_call *) keras->calls->pdata[keras->input[i]])->name;
}

struct shape
keras_input_shape (const struct keras *keras, int i)
{
  const struct keras_call *call = keras->calls->pdata[keras->input[i]];
  static const char *const names[] = {"batch_input_shape", "batch_shape"};
  struct shape shape = {0};
  JsonArray *array = NULL;
  for (int k = 0; k < 2 && !array; k++) {
    JsonNode *node = setting (call, names[k]);
    array = node && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
  }
  guint n = array ? json_array_get_length (array) : 0;
  for (guint k = 0; k < n && n <= SHAPE_RANK_MAX; k++) {
    double extent;
    bool known = number_in (json_array_get_element (array, k), &extent);
    shape.dim[shape.rank++] = known && extent >= 1 && extent <= (1 << 24) ? (int64_t) extent : 0;
  }
  if (shape.rank > 0)
    shape.dim[0] = 0; /* some files keep the batch they were trained with */
  return shape;
}

/* Values as layers see them, and back. */
static sym
turned (sym x, bool inwards)
{
  if (sym_shape (x).rank != 4)
    return x;
  return sym_permute (x, inwards ? (int[]){0, 3, 1, 2} : (int[]){0, 2, 3, 1});
}

sym
keras_build (const struct keras *keras, const sym *inputs, struct weights *weights)
{
  g_autofree sym *value = g_new0 (sym, keras->calls->len);
  struct keras_pass pass = {inputs[0].graph, weights, keras};
  for (int i = 0; i < keras->n_inputs; i++)
    value[keras->input[i]] = turned (inputs[i], true);
  for (guint i = 0; i < keras->calls->len; i++) {
    const struct keras_call *call = keras->calls->pdata[i];
    guint n = call->inputs->len;
    if (call->kind == &keras_input)
      continue;
    g_autofree sym *x = g_new (sym, n);
    bool null = false;
    for (guint k = 0; k < n; k++) {
      x[k] = value[g_array_index (call->inputs, int, k)];
      null |= sym_null (x[k]);
    }
    graph_push (pass.graph, "%s", call->name);
    value[i] = null ? (sym){pass.graph, -1} : call->kind->build (&pass, call, x, (int) n);
    graph_pop (pass.graph);
  }
  return turned (value[keras->output], false);
}

const char *
keras_range (const struct keras *keras)
{
  const struct keras_call *call = keras->calls->pdata[keras->output];
  const char *activation = keras_text (call, "activation");
  if (!activation)
    activation = g_strcmp0 (call->kind->class_name, "Softmax") == 0 ? "softmax" : "";
  return activation;
}

int64_t
keras_classes (const struct keras *keras)
{
  for (guint i = 0; i < keras->calls->len; i++) {
    const struct keras_call *call = keras->calls->pdata[i];
    double rows = keras_number (call, "input_dim", 0);
    if (g_str_equal (call->kind->class_name, "Embedding") && rows >= 1 && rows <= 1 << 20)
      return (int64_t) rows;
  }
  return 0;
}
