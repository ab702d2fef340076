/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a run comes from; see origin.h. */
#include "train/origin.h"

#include <string.h>

#include "base/draft.h"
#include "base/text_json.h"
#include "impasto/error.h"
#include "train/inventory.h"

#define RECIPE_DEPTH 16 /* of brackets in recipe.json */

/* What may differ between a run and its continuation. */
static const char *const free_options[] = {"threads", "save-every",     "sample-every", "keep", "runs",
                                           "resume",  "accept-changes", "output",       NULL};

/* {"recipe": "style", "inputs": [...], "settings": {...}, "run": {...}} */
static JsonObject *
recipe_json (const struct trainer *trainer)
{
  JsonObject *object = json_object_new ();
  JsonArray *inputs = json_array_new ();
  for (int i = 0; trainer->inputs && trainer->inputs[i]; i++)
    json_array_add_string_element (inputs, trainer->inputs[i]);
  json_object_set_string_member (object, "recipe", trainer->recipe->name);
  json_object_set_array_member (object, "inputs", inputs);
  json_object_set_object_member (object, "settings", option_to_json (trainer->recipe->options, trainer->settings));
  json_object_set_object_member (object, "run", option_to_json (run_options, &trainer->run));
  return object;
}

/* Without what a continuation may change. */
static JsonObject *
lasting_json (const struct trainer *trainer)
{
  JsonObject *object = recipe_json (trainer), *run = json_object_get_object_member (object, "run");
  for (int i = 0; free_options[i]; i++)
    json_object_remove_member (run, free_options[i]);
  return object;
}

char *
origin_recipe (const struct trainer *trainer)
{
  g_autoptr (JsonObject) object = lasting_json (trainer);
  return text_json_write_object (object, TRUE);
}

static bool
write_file (const char *path, const char *text, GError **error)
{
  g_autoptr (draft) draft = draft_new (path, error);
  return draft && draft_write (draft, text, strlen (text), error) && draft_commit (draft, error);
}

bool
origin_write (const struct trainer *trainer, GError **error)
{
  g_autoptr (JsonObject) object = recipe_json (trainer);
  g_autofree char *text = text_json_write_object (object, TRUE),
                  *recipe = g_build_filename (trainer->folder, "recipe.json", NULL),
                  *data = g_build_filename (trainer->folder, INVENTORY_FILE, NULL);
  return write_file (recipe, text, error) && write_file (data, trainer->inventory->str, error);
}

bool
origin_read (struct trainer *trainer, struct run_settings *run, char ***inputs, GError **error)
{
  g_autofree char *path = g_build_filename (run->resume, "recipe.json", NULL), *text = NULL;
  g_autoptr (JsonNode) top = g_file_get_contents (path, &text, NULL, NULL) ? text_json_read (text, RECIPE_DEPTH) : NULL;
  if (!top || !JSON_NODE_HOLDS_OBJECT (top)) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "%s: is missing or no recipe of a run", path);
    return false;
  }
  JsonObject *object = json_node_get_object (top);
  static const char *const members[] = {"inputs", "settings", "run"};
  static const JsonNodeType types[] = {JSON_NODE_ARRAY, JSON_NODE_OBJECT, JSON_NODE_OBJECT};
  for (int i = 0; i < 3; i++) {
    JsonNode *node = json_object_get_member (object, members[i]);
    if (!node || json_node_get_node_type (node) != types[i]) {
      g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "%s: has no \"%s\"", path, members[i]);
      return false;
    }
  }
  JsonArray *array = json_object_get_array_member (object, "inputs");
  g_autoptr (GPtrArray) list = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < json_array_get_length (array); i++) {
    JsonNode *node = json_array_get_element (array, i);
    if (!JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_STRING) {
      g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "%s: \"inputs\" are not all names of files", path);
      return false;
    }
    g_ptr_array_add (list, g_strdup (json_node_get_string (node)));
  }
  g_ptr_array_add (list, NULL);
  JsonObject *was = json_object_get_object_member (object, "run");
  for (int i = 0; free_options[i]; i++) /* these may be given anew */
    json_object_remove_member (was, free_options[i]);
  *inputs = (char **) g_ptr_array_free (g_steal_pointer (&list), FALSE);
  return option_from_json (trainer->recipe->options, trainer->settings,
                           json_object_get_object_member (object, "settings"), error) &&
         option_from_json (run_options, run, was, error);
}

/* What has changed since the run began: accepted, or an error. */
static bool
take_change (struct trainer *trainer, const char *what, const char *difference, GError **error)
{
  if (trainer->run.accept_changes)
    trainer_say (trainer, "the %s changed: %s", what, difference);
  else
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE,
                 "%s: the %s changed: %s; --accept-changes goes on all the same", trainer->folder, what, difference);
  return trainer->run.accept_changes;
}

/* The first line in which two texts differ, for the message that refuses a changed recipe. */
static char *
first_difference (const char *was, const char *is)
{
  g_auto (GStrv) a = g_strsplit (was, "\n", -1), b = g_strsplit (is, "\n", -1);
  for (int i = 0; a[i] && b[i]; i++)
    if (!g_str_equal (a[i], b[i]))
      return g_strdup_printf ("was %s, is %s", g_strstrip (a[i]), g_strstrip (b[i]));
  return g_strdup ("one is longer than the other");
}

static bool
is_off (JsonNode *node)
{
  GType type = JSON_NODE_HOLDS_VALUE (node) ? json_node_get_value_type (node) : G_TYPE_NONE;
  return JSON_NODE_HOLDS_NULL (node) || (type == G_TYPE_STRING && !*json_node_get_string (node)) ||
         (type == G_TYPE_BOOLEAN && !json_node_get_boolean (node)) ||
         (type == G_TYPE_INT64 && json_node_get_int (node) == 0) ||
         (type == G_TYPE_DOUBLE && json_node_get_double (node) == 0);
}

/* An option that there was not yet, and that is off, changes nothing: takes those out of @is. */
static void
drop_new_options (JsonObject *is, JsonNode *before)
{
  JsonNode *node = before && JSON_NODE_HOLDS_OBJECT (before)
                     ? json_object_get_member (json_node_get_object (before), "settings")
                     : NULL;
  if (!node || !JSON_NODE_HOLDS_OBJECT (node))
    return;
  JsonObject *were = json_node_get_object (node), *settings = json_object_get_object_member (is, "settings");
  g_autoptr (GList) names = json_object_get_members (settings);
  for (GList *l = names; l; l = l->next)
    if (!json_object_has_member (were, l->data) && is_off (json_object_get_member (settings, l->data)))
      json_object_remove_member (settings, l->data);
}

bool
origin_check_recipe (struct trainer *trainer, const char *was, GError **error)
{
  g_autofree char *before = text_json_tidy (was);
  g_autoptr (JsonNode) node = text_json_read (before, RECIPE_DEPTH);
  g_autoptr (JsonObject) now = lasting_json (trainer);
  drop_new_options (now, node);
  g_autofree char *is = text_json_write_object (now, TRUE);
  if (g_str_equal (before, is))
    return true;
  g_autofree char *difference = first_difference (before, is);
  return take_change (trainer, "recipe has", difference, error);
}

bool
origin_check_data (struct trainer *trainer, GError **error)
{
  g_autofree char *path = g_build_filename (trainer->folder, INVENTORY_FILE, NULL), *was = NULL;
  if (!g_file_get_contents (path, &was, NULL, NULL)) /* a run of an earlier version */
    return origin_write (trainer, error);
  g_autofree char *difference = inventory_difference (was, trainer->inventory->str);
  if (difference && !take_change (trainer, "data have", difference, error))
    return false;
  return !trainer->run.accept_changes || origin_write (trainer, error);
}
