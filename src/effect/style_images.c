/* SPDX-License-Identifier: Apache-2.0
 *
 * The little language of --style-image. A file whose whole name is there comes before any reading of colons and
 * commas. */
#include "effect/style_images.h"

#include <math.h>
#include <string.h>

#include "base/text.h"
#include "effect/styles.h"
#include "impasto/error.h"

#define WEIGHT_MAX 1e6

static void
image_clear (gpointer data)
{
  struct style_image *image = data;
  g_free (image->path);
  g_free (image->sha256);
}

/* That @path is a picture; a style's name is told as one. */
static bool
check_image (const char *option, const char *path, GError **error)
{
  struct picture_info info;
  g_autofree char *pack = g_file_test (path, G_FILE_TEST_EXISTS) ? NULL : style_pack (path);
  if (pack && g_str_equal (option, "style-image"))
    return style_fail (error, IMPASTO_ERROR_USAGE, "--style-image wants a painting, %s is a style: --style %s", path,
                       path);
  if (pack)
    return style_fail (error, IMPASTO_ERROR_USAGE, "--%s wants a painting beside --style-image, %s is a style", option,
                       path);
  if (picture_probe (path, 0, &info, error))
    return true;
  g_prefix_error (error, "--%s: ", option);
  return false;
}

/* "FILE" or "FILE:WEIGHT" */
static bool
add_image (GArray *images, const char *option, const char *text, GError **error)
{
  const char *colon = strrchr (text, ':');
  struct style_image image = {.share = 1};
  if (!*text)
    return style_fail (error, IMPASTO_ERROR_USAGE, "--%s: a file is missing; a mix is FILE:WEIGHT,FILE:WEIGHT", option);
  if (images->len >= STYLE_IMAGES_MAX)
    return style_fail (error, IMPASTO_ERROR_USAGE, "--%s mixes %d paintings at most", option, STYLE_IMAGES_MAX);
  if (colon && !g_file_test (text, G_FILE_TEST_EXISTS)) {
    char *end;
    double weight = g_ascii_strtod (colon + 1, &end);
    if (end > colon + 1 && *end == '\0') {
      if (!(weight >= 0 && weight <= WEIGHT_MAX))
        return style_fail (error, IMPASTO_ERROR_USAGE, "--%s: the weight of %s must be from 0 to %.0f", option, text,
                           WEIGHT_MAX);
      image.share = weight;
      image.path = g_strndup (text, colon - text);
    }
  }
  if (!image.path) /* a name with a colon: reading says what is wrong with it */
    image.path = g_strdup (text);
  image.sha256 = check_image (option, image.path, error) ? style_sha256 (image.path, error) : NULL;
  g_array_append_val (images, image);
  return image.sha256 != NULL;
}

GArray *
style_images_new (const char *option, const char *text, GError **error)
{
  g_autoptr (GArray) images = g_array_new (FALSE, TRUE, sizeof (struct style_image));
  g_array_set_clear_func (images, image_clear);
  bool whole = text && g_file_test (text, G_FILE_TEST_EXISTS);
  g_auto (GStrv) parts = g_strsplit (text ? text : "", whole ? "\n" : ",", -1);
  double sum = 0;
  if (!text || !*text) {
    style_fail (error, IMPASTO_ERROR_USAGE, "a painting is wanted: --%s FILE, or several: FILE:WEIGHT,FILE:WEIGHT",
                option);
    return NULL;
  }
  for (char **part = parts; *part; part++)
    if (!add_image (images, option, g_strstrip (*part), error))
      return NULL;
  for (guint i = 0; i < images->len; i++)
    sum += g_array_index (images, struct style_image, i).share;
  for (guint i = 0; i < images->len; i++)
    g_array_index (images, struct style_image, i).share /= sum;
  if (sum > 0)
    return g_steal_pointer (&images);
  style_fail (error, IMPASTO_ERROR_USAGE, "--%s: the weights are all zero", option);
  return NULL;
}

char *
style_images_label (const GArray *images)
{
  GString *label = g_string_new (NULL);
  for (guint i = 0; i < images->len; i++) {
    g_autofree char *base = g_path_get_basename (g_array_index (images, struct style_image, i).path);
    const char *dot = strrchr (base, '.');
    g_string_append_printf (label, "%s%.*s", i ? "+" : "", dot && dot > base ? (int) (dot - base) : 64, base);
  }
  return g_string_free (label, FALSE);
}

void
style_images_sources (const GArray *images, GPtrArray *paths)
{
  for (guint i = 0; images && i < images->len; i++)
    g_ptr_array_add (paths, g_strdup (g_array_index (images, struct style_image, i).path));
}

void
style_images_describe (const GArray *images, JsonObject *recipe)
{
  JsonArray *array = json_array_new ();
  for (guint i = 0; i < images->len; i++) {
    const struct style_image *image = &g_array_index (images, struct style_image, i);
    g_autofree char *base = g_path_get_basename (image->path);
    JsonObject *object = json_object_new ();
    json_object_set_string_member (object, "file", base);
    json_object_set_string_member (object, "sha256", image->sha256);
    json_object_set_double_member (object, "share", image->share);
    json_array_add_object_element (array, object);
  }
  json_object_set_array_member (recipe, "paintings", array);
}

/* One painting of a recipe; false without an error when it is none. */
static bool
replay_image (JsonNode *node, const struct recipe_source *source, GString *text, GError **error)
{
  JsonObject *object = JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
  JsonNode *number = object ? json_object_get_member (object, "share") : NULL;
  double share = number && JSON_NODE_HOLDS_VALUE (number) ? json_node_get_double (number) : -1;
  if (!(share >= 0 && share <= 1))
    return false;
  const char *file = recipe_string (object, "file", source, error);
  const char *sha256 = file ? recipe_string (object, "sha256", source, error) : NULL;
  g_autofree char *path = sha256 ? recipe_find_beside (source, "the painting", file, sha256, error) : NULL;
  if (!path || strchr (path, ','))
    return false;
  g_autofree char *weight = text_number (share);
  g_string_append_printf (text, "%s%s:%s", text->len ? "," : "", path, weight);
  return true;
}

char *
style_images_replay (JsonObject *recipe, const struct recipe_source *source, GError **error)
{
  JsonNode *node = json_object_get_member (recipe, "paintings");
  JsonArray *array = node && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
  guint n = array ? json_array_get_length (array) : 0;
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GError) local = NULL;
  bool ok = n > 0 && n <= STYLE_IMAGES_MAX;
  for (guint i = 0; ok && i < n; i++)
    ok = replay_image (json_array_get_element (array, i), source, text, &local);
  if (ok)
    return g_strdup (text->str);
  if (!local)
    style_fail (&local, IMPASTO_ERROR_INPUT, "%s: its recipe has a painting that is none", source->painting);
  g_propagate_error (error, g_steal_pointer (&local));
  return NULL;
}
