/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading and writing networks with their manifests. */
#include "net/net_file.h"

#include <string.h>

#include "base/text_json.h"
#include "format/safetensors.h"
#include "net/manifest.h"

struct net_file *
net_file_new (const struct net *net, const void *settings, struct weights *weights)
{
  struct net_file *file = g_new0 (struct net_file, 1);
  file->net = net;
  file->settings = g_memdup2 (settings, net->options_size);
  file->weights = weights_ref (weights);
  return file;
}

void
net_file_free (struct net_file *file)
{
  if (!file)
    return;
  if (file->settings)
    option_clear (file->net->options, file->settings);
  g_free (file->settings);
  g_free (file->path);
  g_free (file->title);
  g_free (file->license);
  g_free (file->provenance);
  g_clear_pointer (&file->weights, weights_unref);
  g_clear_pointer (&file->training, json_object_unref);
  g_free (file);
}

static bool
read_manifest (struct net_file *file, const char *text, const char *path, GError **error)
{
  g_autoptr (JsonNode) root = NULL;
  JsonObject *manifest = manifest_parse (text, file->net->name, path, &root, error);
  if (!manifest)
    return false;
  JsonObject *settings = manifest_object (manifest, "settings"), *training = manifest_object (manifest, "training");
  if (!settings)
    return manifest_fail (error, path, "its manifest has no network settings");
  if (!option_from_json (file->net->options, file->settings, settings, error)) {
    g_prefix_error (error, "%s: ", path);
    return false;
  }
  file->training = training ? json_object_ref (training) : NULL;
  return manifest_string (manifest, "title", &file->title, path, error) &&
         manifest_string (manifest, "license", &file->license, path, error) &&
         manifest_string (manifest, "provenance", &file->provenance, path, error);
}

/* A file whose manifest is read, without weights. */
static struct net_file *
open_head (struct weights *head, const char *path, const struct net *net, GError **error)
{
  g_autoptr (net_file) file = g_new0 (struct net_file, 1);
  file->net = net;
  file->path = g_strdup (path);
  file->settings = g_malloc0 (net->options_size);
  option_init (net->options, file->settings);
  return read_manifest (file, weights_metadata (head, "impasto"), path, error) ? g_steal_pointer (&file) : NULL;
}

static bool
take_weights (struct net_file *file, struct weights *loaded, GError **error)
{
  g_autoptr (graph) graph = graph_new ();
  file->net->build (file->net, graph, file->settings);
  file->weights = weights_checked (loaded, graph, file->path, error);
  return file->weights != NULL;
}

struct net_file *
net_file_load (const char *path, const struct net *net, GError **error)
{
  g_autoptr (weights) head = safetensors_load_metadata (path, error); /* before reading what may be large */
  g_autoptr (net_file) file = head ? open_head (head, path, net, error) : NULL;
  g_autoptr (weights) loaded = file ? safetensors_load (path, error) : NULL;
  return loaded && take_weights (file, loaded, error) ? g_steal_pointer (&file) : NULL;
}

struct net_file *
net_file_parse (const void *data, size_t size, const char *name, const struct net *net, GError **error)
{
  g_autoptr (weights) loaded = safetensors_parse (data, size, name, error);
  g_autoptr (net_file) file = loaded ? open_head (loaded, name, net, error) : NULL;
  return file && take_weights (file, loaded, error) ? g_steal_pointer (&file) : NULL;
}

bool
net_file_save (const struct net_file *file, const char *path, GError **error)
{
  g_autoptr (JsonObject) manifest = json_object_new ();
  json_object_set_int_member (manifest, "format", MANIFEST_FORMAT);
  json_object_set_string_member (manifest, "network", file->net->name);
  json_object_set_object_member (manifest, "settings", option_to_json (file->net->options, file->settings));
  manifest_set_string (manifest, "title", file->title);
  manifest_set_string (manifest, "license", file->license);
  manifest_set_string (manifest, "provenance", file->provenance);
  if (file->training)
    json_object_set_object_member (manifest, "training", json_object_ref (file->training));
  g_autofree char *text = text_json_write_object (manifest, FALSE);
  return weights_save_half (file->weights, text, path, error);
}

void
net_file_set_class_names (struct net_file *file, const char *const *names, int n)
{
  JsonArray *array = json_array_new ();
  for (int k = 0; k < n; k++) {
    g_autofree char *name = g_utf8_make_valid (names[k], -1);
    json_array_add_string_element (array, name);
  }
  if (!file->training)
    file->training = json_object_new ();
  json_object_set_array_member (file->training, NET_CLASS_NAMES, array);
}

char **
net_file_class_names (const struct net_file *file, int n)
{
  JsonNode *member = file->training ? json_object_get_member (file->training, NET_CLASS_NAMES) : NULL;
  JsonArray *array = member && JSON_NODE_HOLDS_ARRAY (member) ? json_node_get_array (member) : NULL;
  char **names = g_new0 (char *, n + 1);
  for (int k = 0; k < n; k++) {
    bool told = array && k < (int) json_array_get_length (array);
    JsonNode *node = told ? json_array_get_element (array, (guint) k) : NULL;
    const char *name = node && JSON_NODE_HOLDS_VALUE (node) ? json_node_get_string (node) : NULL;
    names[k] = name ? g_strdup (name) : g_strdup_printf ("%d", k);
  }
  return names;
}
