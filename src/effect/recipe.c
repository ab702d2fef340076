/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading a recipe: bounds, then JSON, then each value checked as a person's would be. */
#include "effect/recipe.h"

#include <string.h>

#include "base/text.h"
#include "base/text_json.h"
#include "compile/plan.h"
#include "device/cpu.h"
#include "effect/control.h"
#include "effect/optimize.h"
#include "effect/options.h"
#include "effect/style_images.h"
#include "effect/styles.h"
#include "net/pack.h"
#include "train/checkpoint.h"
#include "train/runs.h"

#define TYPED 400 /* characters of a file in a command that is advised */

static bool refuse (const struct recipe_source *source, GError **error, const char *format, ...) G_GNUC_PRINTF (3, 4);

static bool
refuse (const struct recipe_source *source, GError **error, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *what = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "%s: %s", source->painting, what);
  return false;
}

const char *
recipe_string (JsonObject *object, const char *name, const struct recipe_source *source, GError **error)
{
  JsonNode *node = json_object_get_member (object, name);
  if (node && JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_STRING)
    return json_node_get_string (node);
  refuse (source, error, "its recipe has no \"%s\"", name);
  return NULL;
}

char *
recipe_find_file (const struct recipe_source *source, const char *what, const char *name, const char *sha256,
                  const char *const *folders, const char *cure, GError **error)
{
  g_autofree char *shown = text_show (name), *was = text_cut (sha256, 12), *other = NULL, *is = NULL;
  if (!text_is_base_name (name)) {
    refuse (source, error, "its recipe names %s '%s', which is no name of a file", what, shown);
    return NULL;
  }
  for (; *folders; folders++) {
    g_autofree char *path = g_build_filename (*folders, name, NULL);
    g_autofree char *of_path = g_file_test (path, G_FILE_TEST_IS_REGULAR) ? style_sha256 (path, NULL) : NULL;
    if (of_path && (source->force || g_str_equal (of_path, sha256)))
      return g_steal_pointer (&path);
    if (of_path && !other) {
      other = g_steal_pointer (&path);
      is = g_steal_pointer (&of_path);
    }
  }
  if (other)
    refuse (source, error, "%s %s is another than it was painted with (SHA-256 %.12s..., was %s); --force takes it",
            what, other, is, was);
  else
    refuse (source, error, "%s '%s' that it was painted with is not there%s%s", what, shown, cure ? "; " : "",
            cure ? cure : "");
  return NULL;
}

char *
recipe_find_beside (const struct recipe_source *source, const char *what, const char *name, const char *sha256,
                    GError **error)
{
  g_autofree char *folder = g_path_get_dirname (source->painting);
  return recipe_find_file (source, what, name, sha256, (const char *const[]){folder, ".", NULL},
                           "put it beside the painting", error);
}

/* A recipe's mix has names of styles in it, never files. */
static bool
check_mix (const char *text, const struct recipe_source *source, GError **error)
{
  g_autofree char *shown = text_show (text);
  g_autoptr (GArray) parts = strchr (text, G_DIR_SEPARATOR) ? NULL : control_parse_mix ("style", text, NULL);
  bool ok = parts != NULL;
  for (guint i = 0; ok && i < parts->len; i++)
    ok = pack_valid_name (g_array_index (parts, struct control_part, i).style);
  return ok || refuse (source, error, "its recipe has a style that is none: '%s'", shown);
}

/* The mix of a region as the command line would have it; a new string. */
static char *
region_mix (JsonObject *region, bool images, const struct recipe_source *source, GError **error)
{
  if (!images) {
    const char *style = recipe_string (region, "style", source, error);
    return style && check_mix (style, source, error) ? g_strdup (style) : NULL;
  }
  g_autofree char *text = style_images_replay (region, source, error);
  if (!text || !strpbrk (text, "=;\n"))
    return g_steal_pointer (&text);
  refuse (source, error, "the names of paintings of regions may have no '=', no ';' and no line break in them");
  return NULL;
}

/* One region as the command line would have it: "MASK=STYLE@STRENGTH". */
static bool
add_region (JsonNode *node, bool images, const struct recipe_source *source, GString *regions, GError **error)
{
  JsonObject *region = JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
  if (!region)
    return refuse (source, error, "its recipe has a region that is none");
  const char *mask = recipe_string (region, "mask", source, error);
  const char *sha256 = mask ? recipe_string (region, "sha256", source, error) : NULL;
  g_autofree char *style = sha256 ? region_mix (region, images, source, error) : NULL;
  if (!style)
    return false;
  g_autofree char *path = recipe_find_beside (source, "the mask", mask, sha256, error);
  JsonNode *number = json_object_get_member (region, "strength");
  double strength = number && JSON_NODE_HOLDS_VALUE (number) ? json_node_get_double (number) : -1;
  g_autofree char *text = text_number (strength);
  if (!path)
    return false;
  if (strpbrk (path, ";\n"))
    return refuse (source, error, "the mask's name may have no ';' and no line break in it");
  g_string_append_printf (regions, "%s%s=%s@%s", regions->len ? "\n" : "", path, style, text);
  return true;
}

bool
recipe_replay_regions (JsonObject *recipe, bool images, const struct recipe_source *source,
                       struct paint_settings *settings, GError **error)
{
  JsonNode *node = json_object_get_member (recipe, "regions");
  if (!node)
    return true;
  JsonArray *array = JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
  g_autoptr (GString) regions = g_string_new (NULL);
  if (!array || json_array_get_length (array) > CONTROL_REGIONS_MAX)
    return refuse (source, error, "its recipe has regions that are none");
  for (guint i = 0; i < json_array_get_length (array); i++)
    if (!add_region (json_array_get_element (array, i), images, source, regions, error))
      return false;
  settings->region = regions->len ? g_strdup (regions->str) : NULL;
  return true;
}

/* Whether @path can be read off a message and typed: it stands there whole and as it is. */
static bool
can_be_typed (const char *path)
{
  g_autofree char *shown = text_cut (path, TYPED);
  return g_str_equal (shown, path);
}

/* Where a pack is looked for, NULL-terminated: the folder of its @run (or NULL) in the current folder, in @beside, and
 * in runs/ of either; where packs are; in @beside; and here. *@there becomes the first of the run's that has a
 * checkpoint and can be typed, or NULL. */
static GPtrArray *
pack_folders (const char *run, const char *beside, const char **there)
{
  GPtrArray *folders = g_ptr_array_new_with_free_func (g_free);
  g_auto (GStrv) styles = impasto_style_folders ();
  *there = NULL;
  for (const char *const *place = (const char *const[]){".", beside, NULL}; run && *place; place++)
    for (const char *const *below = (const char *const[]){"runs", "", NULL}; *below; below++) {
      char *folder = g_build_filename (*place, *below, run, NULL);
      g_autofree char *latest = run_is (folder) ? checkpoint_find (folder, NULL) : NULL;
      *there = !*there && latest && can_be_typed (folder) ? folder : *there;
      g_ptr_array_add (folders, folder);
    }
  for (char **folder = styles; *folder; folder++)
    g_ptr_array_add (folders, g_strdup (*folder));
  g_ptr_array_add (folders, g_strdup (beside));
  g_ptr_array_add (folders, g_strdup ("."));
  g_ptr_array_add (folders, NULL);
  return folders;
}

char *
recipe_find_pack (JsonObject *object, const char *option, const char *style, const struct recipe_source *source,
                  GError **error)
{
  const char *pack = recipe_string (object, "pack", source, error), *latest;
  const char *sha256 = pack ? recipe_string (object, "sha256", source, error) : NULL;
  const char *run = recipe_string (object, "run", source, NULL);
  g_autofree char *beside = g_path_get_dirname (source->painting), *shown = run ? text_show (run) : NULL;
  g_autofree char *what = run ? g_strdup_printf ("the pack of run %s", shown) : g_strdup ("the pack");
  if (!sha256)
    return NULL;
  if (run && !text_is_base_name (run)) {
    refuse (source, error, "its recipe names a run '%s', which is no name of a folder", shown);
    return NULL;
  }
  g_autoptr (GPtrArray) folders = pack_folders (run, beside, &latest);
  g_autoptr (GError) local = NULL;
  g_autofree char *cure =
    g_strdup_printf ("%s, or name %s with --%s",
                     run ? "replay it in the folder that holds that of the run" : "set IMPASTO_MODELS to its folder",
                     style ? "a style" : "another", option);
  char *path =
    recipe_find_file (source, what, pack, sha256, (const char *const *) folders->pdata, latest ? NULL : cure, &local);
  if (local && latest)
    style_fail (error, IMPASTO_ERROR_INPUT, "%s; --%s %s%s%s paints by its latest", local->message, option, latest,
                style ? ":" : "", style ? style : "");
  else if (local)
    g_propagate_error (error, g_steal_pointer (&local));
  return path;
}

char *
recipe_replay_mix (JsonObject *object, const char *option, const struct recipe_source *source, GError **error)
{
  const char *style = recipe_string (object, "style", source, error);
  bool ok = style && check_mix (style, source, error);
  g_autofree char *path = ok ? recipe_find_pack (object, option, style, source, error) : NULL;
  return path ? g_strdup_printf ("%s:%s", path, style) : NULL;
}

bool
recipe_check_in_use (JsonObject *object, const char *file, const char *what, const struct recipe_source *source,
                     GError **error)
{
  const char *name = recipe_string (object, "pack", source, error);
  const char *sha256 = name ? recipe_string (object, "sha256", source, error) : NULL;
  g_auto (GStrv) folders = impasto_style_folders ();
  g_autofree char *path = sha256 ? recipe_find_file (source, what, name, sha256, (const char *const *) folders,
                                                     "set IMPASTO_MODELS to its folder", error)
                                 : NULL;
  g_autofree char *found = path ? style_folders_find (file) : NULL;
  if (!path)
    return false;
  return g_strcmp0 (path, found) == 0 ||
         refuse (source, error, "%s %s is not the one in use, %s", what, path, found ? found : "none");
}

bool
recipe_replay_mixes (JsonObject *recipe, const struct recipe_source *source, struct paint_settings *settings,
                     GError **error)
{
  settings->style = recipe_replay_mix (recipe, "style", source, error);
  return settings->style && recipe_replay_regions (recipe, false, source, settings, error);
}

/* The recipe's object, within bounds. It lives as long as @root. */
static JsonObject *
parse (const char *text, const struct recipe_source *source, JsonNode **root, GError **error)
{
  if (strlen (text) > RECIPE_MAX_BYTES || text_json_depth (text) > RECIPE_MAX_DEPTH) {
    refuse (source, error, "its recipe is longer or deeper than any of impasto's");
    return NULL;
  }
  *root = text_json_read (text, RECIPE_MAX_DEPTH);
  JsonObject *recipe = *root && JSON_NODE_HOLDS_OBJECT (*root) ? json_node_get_object (*root) : NULL;
  const char *command = recipe ? recipe_string (recipe, "command", source, NULL) : NULL;
  if (command && g_str_equal (command, "paint"))
    return recipe;
  refuse (source, error, "its recipe is not one of impasto paint's");
  return NULL;
}

/* "options": numbers and choices. */
static bool
read_options (JsonObject *recipe, const struct recipe_source *source, struct paint_settings *settings, GError **error)
{
  JsonNode *node = json_object_get_member (recipe, "options");
  g_autoptr (JsonObject) stored = json_object_new ();
  g_autoptr (GError) local = NULL;
  if (!node || !JSON_NODE_HOLDS_OBJECT (node))
    return refuse (source, error, "its recipe has no \"options\"");
  g_autoptr (GList) names = json_object_get_members (json_node_get_object (node));
  for (GList *name = names; name; name = name->next) {
    const struct option *option = option_find (paint_options, name->data);
    if (!option || paint_option_is_stored (option)) /* what is unknown is complained of: a newer impasto's */
      json_object_set_member (stored, name->data,
                              json_node_copy (json_object_get_member (json_node_get_object (node), name->data)));
  }
  if (!option_from_json (paint_options, settings, stored, &local))
    return refuse (source, error, "its recipe: %s", local->message);
  if (!json_object_has_member (stored, "grain")) /* from before there was any */
    settings->grain = 0;
  if (settings->precision == PRECISION_BF16 && !cpu_has_bf16 ())
    settings->precision = PRECISION_AUTO;
  return true;
}

bool
recipe_read (const char *text, const struct recipe_source *source, bool styled, struct paint_settings *settings,
             GError **error)
{
  g_autoptr (JsonNode) root = NULL;
  JsonObject *recipe = parse (text, source, &root, error);
  if (!recipe || !read_options (recipe, source, settings, error))
    return false;
  if (styled)
    return true;
  const struct method *method = paint_method (settings->method);
  if (!method->replay)
    return refuse (source, error, "paintings of method %s cannot be replayed", method->name);
  return method->replay (recipe, source, settings, error);
}

gboolean
impasto_paint_options_replay (ImpastoOptions *options, const char *painting, gboolean force, GError **error)
{
  struct recipe_source source = {painting, force};
  struct paint_settings *to = options_settings (options, paint_options), from = {0};
  g_return_val_if_fail (to, FALSE);
  g_autofree char *text = picture_recipe (painting, error);
  if (!text)
    return FALSE;
  struct optimize_settings own = {0}, *to_own = to->optimize;
  option_init (paint_options, &from);
  option_init (optimize_options, &own);
  from.optimize = &own;
  if (to_own && options_given (options, "features"))
    own.features = g_strdup (to_own->features);
  g_autoptr (GError) local = NULL;
  bool style = options_given (options, "style"), images = options_given (options, "style-image");
  bool start = to_own && options_given (options, "start") && to_own->start >= OPTIMIZE_START_PHOTO;
  source.other_start = style || start;
  bool method_given = options_given (options, "method"), predictor = options_given (options, "predictor");
  bool features = options_given (options, "fusion") || options_given (options, "brushwork") ||
                  options_given (options, "brushwork-strength");
  source.other_brushwork = options_given (options, "brushwork");
  source.other_way = features || predictor || (method_given && paint_method (to->method) != &method_predict);
  bool ok = recipe_read (text, &source, style || images, &from, &local);
  const struct method *method = paint_method (from.method);
  bool by_image = method == &method_image, by_guess = method == &method_predict;
  bool otherwise = (by_guess && features) || (by_image && predictor) || (method_given && to->method != from.method);
  if (ok && (by_image || by_guess) && ((style && !images) || otherwise))
    from.method = to->method;    /* no painting gives the style any more, or it is to be taken otherwise */
  if (!by_image || otherwise) {  /* what stands there has had no say, or is to have none */
    from.fusion = to->fusion;
    from.brushwork_strength = to->brushwork_strength;
    g_clear_pointer (&from.brushwork, g_free);
  }
  if (otherwise)
    from.style_size = to->style_size;
  if (ok && style && !images && method == &method_optimize) /* it gives what painting begins with alone */
    ok = recipe_read (text, &source, false, &from, &local);
  for (const struct option *option = paint_options; ok && option->name; option++) {
    g_autofree char *value = option_get (paint_options, &from, option->name);
    bool read = paint_option_is_stored (option) || option->type == OPTION_STRING;
    if (value && read && !options_given (options, option->name))
      ok = option_set (paint_options, to, option->name, value, &local);
  }
  for (const struct option *option = optimize_options; ok && to_own && option->name; option++) {
    g_autofree char *value = option_get (optimize_options, &own, option->name);
    if (value && !options_given (options, option->name))
      ok = option_set (optimize_options, to_own, option->name, value, &local);
  }
  option_clear (optimize_options, &own);
  option_clear (paint_options, &from);
  if (local)
    g_propagate_error (error, g_steal_pointer (&local));
  return ok;
}
