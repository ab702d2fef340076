/* SPDX-License-Identifier: Apache-2.0
 *
 * Manifests: the JSON in a weight file's metadata that says which network it is for; see manifest.h. Everything a file
 * says is checked against the network it names before any of it is used. */
#include "net/manifest.h"

#include <string.h>

#include "base/text.h"
#include "base/text_json.h"
#include "format/safetensors.h"
#include "impasto/error.h"
#include "net/net.h"

#define MANIFEST_MAX (1 << 20) /* bytes */
#define DEPTH_MAX 16

bool
manifest_fail (GError **error, const char *path, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *text = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "%s: %s", path, text);
  return false;
}

bool
manifest_string (JsonObject *object, const char *name, char **value, const char *path, GError **error)
{
  JsonNode *node = json_object_get_member (object, name);
  *value = NULL;
  if (!node)
    return true;
  if (!JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_STRING)
    return manifest_fail (error, path, "\"%s\" of its manifest is no string", name);
  GString *line = g_string_new (NULL);
  for (const char *at = json_node_get_string (node); *at; at = g_utf8_next_char (at)) {
    gunichar c = g_utf8_get_char (at);
    g_string_append_unichar (line, g_unichar_iscntrl (c) ? ' ' : c);
  }
  *value = g_string_free (line, FALSE);
  return true;
}

JsonObject *
manifest_object (JsonObject *object, const char *name)
{
  JsonNode *node = json_object_get_member (object, name);
  return node && JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
}

static bool
read_head (JsonObject *manifest, const char *network, const char *path, GError **error)
{
  JsonNode *format = json_object_get_member (manifest, "format");
  bool number = format && JSON_NODE_HOLDS_VALUE (format) && json_node_get_value_type (format) == G_TYPE_INT64;
  g_autofree char *found = NULL;
  if (!number || json_node_get_int (format) != MANIFEST_FORMAT)
    return manifest_fail (error, path, "its manifest is not of format %d; a newer impasto may read it",
                          MANIFEST_FORMAT);
  if (!manifest_string (manifest, "network", &found, path, error))
    return false;
  if (g_strcmp0 (found, network)) {
    g_autofree char *shown = text_show (found ? found : "");
    return manifest_fail (error, path, "holds a network \"%s\", wanted \"%s\"", shown, network);
  }
  return true;
}

/* @text as a JSON object, bounded in size and depth; a new reference. */
static JsonNode *
parse_object (const char *text, const char *path, GError **error)
{
  if (strlen (text) > MANIFEST_MAX || text_json_depth (text) > DEPTH_MAX)
    return manifest_fail (error, path, "its manifest is larger than %d KiB or nested deeper than %d",
                          MANIFEST_MAX >> 10, DEPTH_MAX),
           NULL;
  g_autoptr (JsonNode) node = text_json_read (text, DEPTH_MAX);
  if (!node || !JSON_NODE_HOLDS_OBJECT (node))
    return manifest_fail (error, path, "its manifest is no JSON object"), NULL;
  return g_steal_pointer (&node);
}

JsonObject *
manifest_parse (const char *text, const char *network, const char *path, JsonNode **root, GError **error)
{
  if (!text)
    return manifest_fail (error, path, "is no %s pack (its metadata has no \"impasto\" manifest)", network), NULL;
  g_autoptr (JsonNode) node = parse_object (text, path, error);
  if (!node || !read_head (json_node_get_object (node), network, path, error))
    return NULL;
  *root = g_steal_pointer (&node);
  return json_node_get_object (*root);
}

char *
manifest_network (const char *path)
{
  g_autoptr (weights) head = safetensors_load_metadata (path, NULL);
  const char *text = head ? weights_metadata (head, "impasto") : NULL;
  g_autoptr (JsonNode) node = text ? parse_object (text, path, NULL) : NULL;
  char *network = NULL;
  if (node && manifest_string (json_node_get_object (node), "network", &network, path, NULL))
    return network;
  return NULL;
}

struct weights *
weights_checked (struct weights *loaded, struct graph *graph, const char *path, GError **error)
{
  g_autoptr (weights) weights = weights_new ();
  g_autoptr (GError) local = NULL;
  if (!graph_check (graph, &local))
    return manifest_fail (error, path, "its network cannot be built: %s", local->message), NULL;
  for (int id = 0; id < graph_count (graph); id++) {
    const struct node *node = graph_node (graph, id);
    if (node->op != &op_parameter)
      continue;
    struct tensor *tensor = weights_find (loaded, node->name);
    g_autofree char *wanted = shape_text (&node->shape);
    if (!tensor)
      return manifest_fail (error, path, "weight %s %s is missing", node->name, wanted), NULL;
    g_autofree char *found = shape_text (&tensor->shape);
    if (!shape_equal (&tensor->shape, &node->shape))
      return manifest_fail (error, path, "weight %s is %s, the network wants %s", node->name, found, wanted), NULL;
    if (tensor->dtype != DTYPE_F32 && tensor->dtype != DTYPE_F16 && tensor->dtype != DTYPE_BF16)
      return manifest_fail (error, path, "weight %s is %s, wanted a float type", node->name,
                            dtype_name (tensor->dtype)),
             NULL;
    int64_t bad = tensor_find_nonfinite (tensor);
    if (bad >= 0)
      return manifest_fail (error, path, "weight %s holds NaN or infinity at element %" G_GINT64_FORMAT, node->name,
                            bad),
             NULL;
    g_autoptr (tensor) converted = tensor_convert (tensor, DTYPE_F32, error);
    if (!converted)
      return NULL;
    weights_add (weights, node->name, converted);
  }
  return g_steal_pointer (&weights);
}

void
manifest_set_string (JsonObject *object, const char *name, const char *value)
{
  if (value && *value)
    json_object_set_string_member (object, name, value);
}

bool
weights_save_half (struct weights *weights, const char *manifest, const char *path, GError **error)
{
  g_autoptr (weights) half = weights_new ();
  for (guint i = 0; i < weights_count (weights); i++) {
    g_autoptr (tensor) tensor = tensor_convert (weights_at (weights, i), DTYPE_F16, error);
    if (!tensor)
      return false;
    if (tensor_find_nonfinite (tensor) >= 0) {
      g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_NUMERIC, "%s: weight %s does not fit half precision", path,
                   weights_name (weights, i));
      return false;
    }
    weights_add (half, weights_name (weights, i), tensor);
  }
  weights_set_metadata (half, "impasto", manifest);
  weights_set_metadata (half, "format", "pt");
  return safetensors_save (half, path, error);
}
