/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading and writing style packs, and VGG-19's weights. Everything a file says is checked against the network it names
 * before any of it is used. */
#include "net/pack.h"

#include <string.h>

#include "base/text.h"
#include "format/safetensors.h"
#include "impasto/error.h"

#define FORMAT 1
#define STYLES_MAX 4096
#define MANIFEST_MAX (1 << 20) /* bytes */
#define DEPTH_MAX 16

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

struct pack *
pack_new (const struct style_net *settings, struct weights *weights)
{
  struct pack *pack = g_new0 (struct pack, 1);
  pack->settings = *settings;
  pack->weights = weights_ref (weights);
  pack->styles = g_ptr_array_new_with_free_func (style_free);
  return pack;
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

static bool fail (GError **error, const char *path, const char *format, ...) G_GNUC_PRINTF (3, 4);

static bool
fail (GError **error, const char *path, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *text = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "%s: %s", path, text);
  return false;
}

/* A member that must be a string when it is there, on one line: what a file says is printed to terminals. A new string
 * in @value, or NULL. */
static bool
read_string (JsonObject *object, const char *name, char **value, const char *path, GError **error)
{
  JsonNode *node = json_object_get_member (object, name);
  *value = NULL;
  if (!node)
    return true;
  if (!JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_STRING)
    return fail (error, path, "\"%s\" of its manifest is no string", name);
  GString *line = g_string_new (NULL);
  for (const char *at = json_node_get_string (node); *at; at = g_utf8_next_char (at)) {
    gunichar c = g_utf8_get_char (at);
    g_string_append_unichar (line, g_unichar_iscntrl (c) ? ' ' : c);
  }
  *value = g_string_free (line, FALSE);
  return true;
}

static JsonObject *
object_member (JsonObject *object, const char *name)
{
  JsonNode *node = json_object_get_member (object, name);
  return node && JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
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
    return fail (error, path, "style %u of its manifest is no object", i + 1);
  if (!read_string (object, "name", &name, path, error) || !read_string (object, "title", &title, path, error) ||
      !read_string (object, "artist", &artist, path, error) || !read_string (object, "year", &year, path, error))
    return false;
  if (!pack_valid_name (name))
    return fail (error, path, "style %u of its manifest has no valid name (lower case letters, digits and '-')", i + 1);
  if (pack_find_style (pack, name) >= 0)
    return fail (error, path, "style %s is listed twice", name);
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
    return fail (error, path, "its manifest lists %u styles, the network has %d rows", n, (int) pack->settings.styles);
  for (guint i = 0; i < n; i++)
    if (!read_style (pack, i, json_array_get_element (styles, i), path, error))
      return false;
  return true;
}

static bool
read_head (JsonObject *manifest, const char *path, GError **error)
{
  JsonNode *format = json_object_get_member (manifest, "format");
  bool number = format && JSON_NODE_HOLDS_VALUE (format) && json_node_get_value_type (format) == G_TYPE_INT64;
  g_autofree char *network = NULL;
  if (!number || json_node_get_int (format) != FORMAT)
    return fail (error, path, "its manifest is not of format %d; a newer impasto may read it", FORMAT);
  if (!read_string (manifest, "network", &network, path, error))
    return false;
  if (g_strcmp0 (network, net_style.name)) {
    g_autofree char *shown = text_show (network ? network : "");
    return fail (error, path, "holds a network \"%s\", wanted \"%s\"", shown, net_style.name);
  }
  return true;
}

static bool
read_manifest (struct pack *pack, const char *text, const char *path, GError **error)
{
  g_autoptr (JsonParser) parser = json_parser_new_immutable ();
  if (!text)
    return fail (error, path, "is no style pack (its metadata has no \"impasto\" manifest)");
  if (strlen (text) > MANIFEST_MAX || text_json_depth (text) > DEPTH_MAX)
    return fail (error, path, "its manifest is larger than %d KiB or nested deeper than %d", MANIFEST_MAX >> 10,
                 DEPTH_MAX);
  JsonNode *node = json_parser_load_from_data (parser, text, -1, NULL) ? json_parser_get_root (parser) : NULL;
  JsonObject *manifest = node && JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
  if (!manifest)
    return fail (error, path, "its manifest is no JSON object");
  if (!read_head (manifest, path, error))
    return false;
  option_init (net_style.options, &pack->settings);
  JsonObject *settings = object_member (manifest, "settings");
  if (!settings)
    return fail (error, path, "its manifest has no network settings");
  if (!option_from_json (net_style.options, &pack->settings, settings, error)) {
    g_prefix_error (error, "%s: ", path);
    return false;
  }
  if (!read_string (manifest, "title", &pack->title, path, error) ||
      !read_string (manifest, "license", &pack->license, path, error) ||
      !read_string (manifest, "provenance", &pack->provenance, path, error))
    return false;
  JsonObject *training = object_member (manifest, "training");
  if (!training && json_object_has_member (manifest, "training"))
    return fail (error, path, "\"training\" of its manifest is no object");
  pack->training = training ? json_object_ref (training) : NULL;
  return read_styles (pack, manifest, path, error);
}

/* The parameters the network wants, by building it at a small size. */
static struct graph *
parameters_of (const struct style_net *settings)
{
  struct graph *graph = graph_new ();
  sym photo = graph_input (graph, "photo", SHAPE (1, 3, 16, 16)),
      style = graph_input (graph, "style", SHAPE (1, settings->styles));
  graph_output (graph, "painting", style_net (photo, style, settings));
  return graph;
}

/* Every parameter there, of its shape, finite; as F32. */
static struct weights *
checked_weights (struct weights *loaded, struct graph *graph, const char *path, GError **error)
{
  g_autoptr (weights) weights = weights_new ();
  g_autoptr (GError) local = NULL;
  if (!graph_check (graph, &local))
    return fail (error, path, "its network cannot be built: %s", local->message), NULL;
  for (int id = 0; id < graph_count (graph); id++) {
    const struct node *node = graph_node (graph, id);
    if (node->op != &op_parameter)
      continue;
    struct tensor *tensor = weights_find (loaded, node->name);
    g_autofree char *wanted = shape_text (&node->shape);
    if (!tensor)
      return fail (error, path, "weight %s %s is missing", node->name, wanted), NULL;
    g_autofree char *found = shape_text (&tensor->shape);
    if (!shape_equal (&tensor->shape, &node->shape))
      return fail (error, path, "weight %s is %s, the network wants %s", node->name, found, wanted), NULL;
    if (tensor->dtype != DTYPE_F32 && tensor->dtype != DTYPE_F16 && tensor->dtype != DTYPE_BF16)
      return fail (error, path, "weight %s is %s, wanted a float type", node->name, dtype_name (tensor->dtype)), NULL;
    int64_t bad = tensor_find_nonfinite (tensor);
    if (bad >= 0)
      return fail (error, path, "weight %s holds NaN or infinity at element %" G_GINT64_FORMAT, node->name, bad), NULL;
    g_autoptr (tensor) converted = tensor_convert (tensor, DTYPE_F32, error);
    if (!converted)
      return NULL;
    weights_add (weights, node->name, converted);
  }
  return g_steal_pointer (&weights);
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

/* @pack with its weights checked and converted; takes it over. */
static struct pack *
with_weights (struct pack *loaded, const char *path, GError **error)
{
  g_autoptr (pack) pack = loaded;
  if (!pack)
    return NULL;
  g_autoptr (graph) graph = parameters_of (&pack->settings);
  struct weights *weights = checked_weights (pack->weights, graph, path, error);
  if (!weights)
    return NULL;
  weights_unref (pack->weights);
  pack->weights = weights;
  return g_steal_pointer (&pack);
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

static void
set_string (JsonObject *object, const char *name, const char *value)
{
  if (value && *value)
    json_object_set_string_member (object, name, value);
}

static char *
manifest_text (const struct pack *pack)
{
  g_autoptr (JsonObject) manifest = json_object_new ();
  json_object_set_int_member (manifest, "format", FORMAT);
  json_object_set_string_member (manifest, "network", net_style.name);
  json_object_set_object_member (manifest, "settings", option_to_json (net_style.options, &pack->settings));
  set_string (manifest, "title", pack->title);
  set_string (manifest, "license", pack->license);
  set_string (manifest, "provenance", pack->provenance);
  if (pack->training)
    json_object_set_object_member (manifest, "training", json_object_ref (pack->training));
  JsonArray *styles = json_array_new ();
  for (guint i = 0; i < pack->styles->len; i++) {
    const struct pack_style *style = pack->styles->pdata[i];
    JsonObject *item = json_object_new ();
    set_string (item, "name", style->name);
    set_string (item, "title", style->title);
    set_string (item, "artist", style->artist);
    set_string (item, "year", style->year);
    json_array_add_object_element (styles, item);
  }
  json_object_set_array_member (manifest, "styles", styles);
  g_autoptr (JsonNode) node = json_node_new (JSON_NODE_OBJECT);
  json_node_set_object (node, manifest);
  return json_to_string (node, FALSE);
}

bool
pack_save (struct pack *pack, const char *path, GError **error)
{
  g_autoptr (weights) half = weights_new ();
  for (guint i = 0; i < pack->styles->len; i++)
    g_return_val_if_fail (pack_valid_name (((struct pack_style *) pack->styles->pdata[i])->name), false);
  for (guint i = 0; i < weights_count (pack->weights); i++) {
    g_autoptr (tensor) tensor = tensor_convert (weights_at (pack->weights, i), DTYPE_F16, error);
    if (!tensor)
      return false;
    if (tensor_find_nonfinite (tensor) >= 0) {
      g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_NUMERIC, "%s: weight %s does not fit half precision", path,
                   weights_name (pack->weights, i));
      return false;
    }
    weights_add (half, weights_name (pack->weights, i), tensor);
  }
  g_autofree char *manifest = manifest_text (pack);
  weights_set_metadata (half, "impasto", manifest);
  weights_set_metadata (half, "format", "pt");
  return safetensors_save (half, path, error);
}

/* torchvision counts every module of `features`: convolutions, ReLUs and pools. */
static const struct {
  const char *name;
  int torchvision, out, in;
} vgg_layers[] = {
  {"conv1_1", 0, 64, 3},     {"conv1_2", 2, 64, 64},    {"conv2_1", 5, 128, 64},   {"conv2_2", 7, 128, 128},
  {"conv3_1", 10, 256, 128}, {"conv3_2", 12, 256, 256}, {"conv3_3", 14, 256, 256}, {"conv3_4", 16, 256, 256},
};

static bool
add_vgg_tensor (struct weights *target, struct weights *source, guint layer, const char *kind, struct shape file_shape,
                struct shape shape, const char *path, GError **error)
{
  g_autofree char *ours = g_strdup_printf ("features.%s.%s", vgg_layers[layer].name, kind);
  g_autofree char *theirs = g_strdup_printf ("features.%d.%s", vgg_layers[layer].torchvision, kind);
  g_autofree char *name = g_strdup_printf ("%s.%s", vgg_layers[layer].name, kind);
  struct tensor *tensor = weights_find (source, ours);
  tensor = tensor ? tensor : weights_find (source, theirs);
  if (!tensor)
    return fail (error, path, "is no VGG-19: neither %s nor %s is in it", ours, theirs);
  if (!shape_equal (&tensor->shape, &file_shape)) {
    g_autofree char *found = shape_text (&tensor->shape), *wanted = shape_text (&file_shape);
    return fail (error, path, "%s is %s, VGG-19 has %s", name, found, wanted);
  }
  if ((tensor->dtype != DTYPE_F32 && tensor->dtype != DTYPE_F16 && tensor->dtype != DTYPE_BF16) ||
      tensor_find_nonfinite (tensor) >= 0)
    return fail (error, path, "%s holds something else than finite floats", name);
  g_autoptr (tensor) converted = tensor_convert (tensor, DTYPE_F32, error);
  if (!converted)
    return false;
  converted->shape = shape;
  weights_add (target, name, converted);
  return true;
}

struct weights *
vgg19_load (const char *path, GError **error)
{
  g_autoptr (weights) source = safetensors_load (path, error);
  if (!source)
    return NULL;
  g_autoptr (weights) weights = weights_new ();
  for (guint i = 0; i < G_N_ELEMENTS (vgg_layers); i++) {
    int64_t out = vgg_layers[i].out, in = vgg_layers[i].in;
    if (!add_vgg_tensor (weights, source, i, "weight", SHAPE (out, in, 3, 3), SHAPE (out, in, 3, 3), path, error) ||
        !add_vgg_tensor (weights, source, i, "bias", SHAPE (out), SHAPE (1, out, 1, 1), path, error))
      return NULL;
  }
  return g_steal_pointer (&weights);
}
