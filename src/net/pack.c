/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading and writing style packs. Everything a file says is checked against the network it names
 * before any of it is used. */
#include "net/pack.h"

#include <string.h>

#include "base/text_json.h"
#include "format/safetensors.h"
#include "impasto/error.h"
#include "net/manifest.h"

#define STYLES_MAX 4096
#define DESCRIPTORS "descriptors"

static void
style_free (gpointer data)
{
  struct pack_style *style = data;
  g_free (style->name);
  g_free (style->title);
  g_free (style->artist);
  g_free (style->year);
  g_free (style);
}

/* Keeps the predictor apart. */
static void
take_settings (struct pack *pack, const struct style_net *settings)
{
  pack->settings = *settings;
  pack->predictor = settings->predictor;
  pack->settings.predictor = (struct predictor_net){0};
}

/* Likewise what @weights hold of it and of its basis. */
static void
take_weights (struct pack *pack, struct weights *weights)
{
  bool predicts = pack->predictor.described > 0;
  struct weights *own = predicts ? weights_new () : weights_ref (weights), *its = predicts ? weights_new () : NULL;
  for (guint i = 0; predicts && i < weights_count (weights); i++) {
    const char *name = weights_name (weights, i);
    bool is_its = g_str_has_prefix (name, "predictor.") || strstr (name, ".basis_");
    weights_add (is_its ? its : own, name, weights_at (weights, i));
  }
  g_clear_pointer (&pack->weights, weights_unref);
  g_clear_pointer (&pack->predicting, weights_unref);
  pack->weights = own;
  pack->predicting = its;
}

struct pack *
pack_new (const struct style_net *settings, struct weights *weights)
{
  struct pack *pack = g_new0 (struct pack, 1);
  pack->styles = g_ptr_array_new_with_free_func (style_free);
  take_settings (pack, settings);
  take_weights (pack, weights);
  return pack;
}

void
pack_share_predictor (struct pack *pack, const struct pack *from)
{
  pack->predictor = from->predictor;
  pack->predicting = from->predicting ? weights_ref (from->predicting) : NULL;
}

/* Network and predictor as the file has them. */
static struct style_net
whole_settings (const struct pack *pack)
{
  struct style_net settings = pack->settings;
  settings.predictor = pack->predictor;
  return settings;
}

static struct weights *
whole_weights (const struct pack *pack)
{
  struct weights *all = weights_new ();
  struct weights *parts[] = {pack->weights, pack->predicting};
  for (guint p = 0; p < G_N_ELEMENTS (parts) && parts[p]; p++)
    for (guint i = 0; i < weights_count (parts[p]); i++)
      weights_add (all, weights_name (parts[p], i), weights_at (parts[p], i));
  return all;
}

void
pack_free (struct pack *pack)
{
  if (!pack)
    return;
  g_free (pack->path);
  g_free (pack->title);
  g_free (pack->license);
  g_free (pack->provenance);
  weights_unref (pack->weights);
  g_clear_pointer (&pack->predicting, weights_unref);
  g_clear_pointer (&pack->descriptors, tensor_unref);
  g_ptr_array_unref (pack->styles);
  g_clear_pointer (&pack->training, json_object_unref);
  g_free (pack);
}

void
pack_add_style (struct pack *pack, const char *name, const char *title, const char *artist, const char *year)
{
  struct pack_style *style = g_new0 (struct pack_style, 1);
  style->name = g_strdup (name);
  style->title = g_strdup (title ? title : "");
  style->artist = g_strdup (artist ? artist : "");
  style->year = g_strdup (year ? year : "");
  g_ptr_array_add (pack->styles, style);
}

int
pack_find_style (const struct pack *pack, const char *name)
{
  for (guint i = 0; i < pack->styles->len; i++)
    if (g_str_equal (((struct pack_style *) pack->styles->pdata[i])->name, name))
      return i;
  return -1;
}

bool
pack_valid_name (const char *name)
{
  size_t length = name ? strlen (name) : 0;
  return length > 0 && length <= 64 && strspn (name, "abcdefghijklmnopqrstuvwxyz0123456789-") == length;
}

static bool
read_style (struct pack *pack, guint i, JsonNode *node, const char *path, GError **error)
{
  JsonObject *object = JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
  g_autofree char *name = NULL, *title = NULL, *artist = NULL, *year = NULL;
  if (!object)
    return manifest_fail (error, path, "style %u of its manifest is no object", i + 1);
  if (!manifest_string (object, "name", &name, path, error) ||
      !manifest_string (object, "title", &title, path, error) ||
      !manifest_string (object, "artist", &artist, path, error) ||
      !manifest_string (object, "year", &year, path, error))
    return false;
  if (!pack_valid_name (name))
    return manifest_fail (error, path,
                          "style %u of its manifest has no valid name (lower case letters, digits and '-')", i + 1);
  if (pack_find_style (pack, name) >= 0)
    return manifest_fail (error, path, "style %s is listed twice", name);
  pack_add_style (pack, name, title, artist, year);
  return true;
}

static bool
read_styles (struct pack *pack, JsonObject *manifest, const char *path, GError **error)
{
  JsonNode *node = json_object_get_member (manifest, "styles");
  JsonArray *styles = node && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
  guint n = styles ? json_array_get_length (styles) : 0;
  if (n == 0 || n > STYLES_MAX || n != pack->settings.styles)
    return manifest_fail (error, path, "its manifest lists %u styles, the network has %d rows", n,
                          (int) pack->settings.styles);
  for (guint i = 0; i < n; i++)
    if (!read_style (pack, i, json_array_get_element (styles, i), path, error))
      return false;
  return true;
}

static bool
read_manifest (struct pack *pack, const char *text, const char *path, GError **error)
{
  g_autoptr (JsonNode) root = NULL;
  JsonObject *manifest = manifest_parse (text, net_style.name, path, &root, error);
  if (!manifest)
    return false;
  struct style_net net = {0};
  option_init (net_style.options, &net);
  JsonObject *settings = manifest_object (manifest, "settings");
  if (!settings)
    return manifest_fail (error, path, "its manifest has no network settings");
  if (!option_from_json (net_style.options, &net, settings, error)) {
    g_prefix_error (error, "%s: ", path);
    return false;
  }
  const struct predictor_net *predictor = &net.predictor;
  if (predictor->described > 0 && (predictor->mixed < 1 || predictor->free < 1 || predictor->hidden < 1))
    return manifest_fail (error, path, "its manifest has a predictor without rows or numbers to weigh them by");
  take_settings (pack, &net);
  if (!manifest_string (manifest, "title", &pack->title, path, error) ||
      !manifest_string (manifest, "license", &pack->license, path, error) ||
      !manifest_string (manifest, "provenance", &pack->provenance, path, error))
    return false;
  JsonObject *training = manifest_object (manifest, "training");
  if (!training && json_object_has_member (manifest, "training"))
    return manifest_fail (error, path, "\"training\" of its manifest is no object");
  pack->training = training ? json_object_ref (training) : NULL;
  return read_styles (pack, manifest, path, error);
}

/* The parameters the network wants, by building it at a small size. */
static struct graph *
parameters_of (const struct style_net *settings)
{
  struct graph *graph = graph_new ();
  sym photo = graph_input (graph, "photo", SHAPE (1, 3, 16, 16)),
      style = graph_input (graph, "style", SHAPE (1, style_net_rows (settings)));
  graph_output (graph, "painting", style_net (photo, (struct style_control){.rows = style}, settings));
  if (settings->predictor.described > 0)
    graph_output (graph, "rows",
                  predictor_net (graph_input (graph, "descriptor", SHAPE (1, settings->predictor.described)),
                                 &settings->predictor));
  return graph;
}

/* A pack with the manifest of @loaded, which it takes over with whatever tensors there are; @loaded may be NULL. */
static struct pack *
pack_from (struct weights *loaded, const char *path, GError **error)
{
  if (!loaded)
    return NULL;
  g_autoptr (pack) pack = pack_new (&(struct style_net){0}, loaded);
  weights_unref (loaded);
  if (!read_manifest (pack, weights_metadata (loaded, "impasto"), path, error))
    return NULL;
  pack->path = g_strdup (path);
  return g_steal_pointer (&pack);
}

struct pack *
pack_load_manifest (const char *path, GError **error)
{
  return pack_from (safetensors_load_metadata (path, error), path, error);
}

/* The descriptors among the tensors of the file, if there are any. */
static bool
take_descriptors (struct pack *pack, const char *path, GError **error)
{
  struct tensor *found = weights_find (pack->weights, DESCRIPTORS);
  if (!found)
    return true;
  bool floats = found->dtype == DTYPE_F32 || found->dtype == DTYPE_F16 || found->dtype == DTYPE_BF16;
  if (!floats || found->shape.rank != 2 || found->shape.dim[0] != pack->settings.styles || found->shape.dim[1] < 1 ||
      found->shape.dim[1] > PACK_DESCRIPTOR_MAX)
    return manifest_fail (error, path, "its " DESCRIPTORS " are no table of %d styles", (int) pack->settings.styles);
  if (tensor_find_nonfinite (found) >= 0)
    return manifest_fail (error, path, "its " DESCRIPTORS " hold NaN or infinity");
  pack->descriptors = tensor_convert (found, DTYPE_F32, error);
  return pack->descriptors != NULL;
}

bool
pack_check_weights (struct pack *pack, const char *path, GError **error)
{
  const struct style_net settings = whole_settings (pack);
  g_autoptr (graph) graph = parameters_of (&settings);
  g_autoptr (weights) whole = whole_weights (pack), weights = weights_checked (whole, graph, path, error);
  if (!weights)
    return false;
  take_weights (pack, weights);
  return true;
}

/* @pack with its weights checked and converted; takes it over. */
static struct pack *
with_weights (struct pack *loaded, const char *path, GError **error)
{
  g_autoptr (pack) pack = loaded;
  bool good = pack && take_descriptors (pack, path, error) && pack_check_weights (pack, path, error);
  return good ? g_steal_pointer (&pack) : NULL;
}

struct pack *
pack_load (const char *path, GError **error)
{
  g_autoptr (pack) manifest = pack_load_manifest (path, error); /* before reading what may be large and no pack */
  return manifest ? with_weights (pack_from (safetensors_load (path, error), path, error), path, error) : NULL;
}

struct pack *
pack_parse (const void *data, size_t size, const char *name, GError **error)
{
  return with_weights (pack_from (safetensors_parse (data, size, name, error), name, error), name, error);
}

/* Without a predictor as before there was any. */
static JsonObject *
settings_json (const struct style_net *settings)
{
  static const char *const of_predictor[] = {"described", "mixed", "free", "hidden"};
  JsonObject *json = option_to_json (net_style.options, settings);
  for (guint i = 0; settings->predictor.described == 0 && i < G_N_ELEMENTS (of_predictor); i++)
    json_object_remove_member (json, of_predictor[i]);
  return json;
}

static char *
manifest_text (const struct pack *pack)
{
  const struct style_net settings = whole_settings (pack);
  g_autoptr (JsonObject) manifest = json_object_new ();
  json_object_set_int_member (manifest, "format", MANIFEST_FORMAT);
  json_object_set_string_member (manifest, "network", net_style.name);
  json_object_set_object_member (manifest, "settings", settings_json (&settings));
  manifest_set_string (manifest, "title", pack->title);
  manifest_set_string (manifest, "license", pack->license);
  manifest_set_string (manifest, "provenance", pack->provenance);
  if (pack->training)
    json_object_set_object_member (manifest, "training", json_object_ref (pack->training));
  JsonArray *styles = json_array_new ();
  for (guint i = 0; i < pack->styles->len; i++) {
    const struct pack_style *style = pack->styles->pdata[i];
    JsonObject *item = json_object_new ();
    manifest_set_string (item, "name", style->name);
    manifest_set_string (item, "title", style->title);
    manifest_set_string (item, "artist", style->artist);
    manifest_set_string (item, "year", style->year);
    json_array_add_object_element (styles, item);
  }
  json_object_set_array_member (manifest, "styles", styles);
  return text_json_write_object (manifest, FALSE);
}

bool
pack_save (struct pack *pack, const char *path, GError **error)
{
  for (guint i = 0; i < pack->styles->len; i++)
    g_return_val_if_fail (pack_valid_name (((struct pack_style *) pack->styles->pdata[i])->name), false);
  g_autofree char *manifest = manifest_text (pack);
  g_autoptr (weights) all = whole_weights (pack);
  if (pack->descriptors)
    weights_add (all, DESCRIPTORS, pack->descriptors);
  return weights_save_half (all, manifest, path, error);
}
