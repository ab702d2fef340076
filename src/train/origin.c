/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a run comes from; see origin.h. */
#include "train/origin.h"

#include <string.h>

#include "base/draft.h"
#include "base/text.h"
#include "base/text_json.h"
#include "impasto/error.h"
#include "train/inventory.h"
#include "train/runs.h"

#define RECIPE_DEPTH 16 /* of brackets in recipe.json */
#define SHOWN 200       /* characters of a value in a message */

/* Of run_free_options, what belongs to a call. */
static const char *const call_options[] = {"runs", "resume", "accept-changes", NULL};

/* A file's name as it holds from every folder, a new string; NULL where @node is none. What is not there is left as it
 * is: the name of something that ships. */
static char *
absolute (JsonNode *node, bool to_be)
{
  const char *path = node && json_node_get_value_type (node) == G_TYPE_STRING ? json_node_get_string (node) : NULL;
  bool is_path = path && *path && (to_be || g_file_test (path, G_FILE_TEST_EXISTS));
  return is_path ? g_canonicalize_filename (path, NULL) : NULL;
}

static void
make_absolute (const struct option *table, JsonObject *options)
{
  static const char *const kinds[] = {"DIR", "FILE", "MODEL", "PACK", NULL};
  for (const struct option *o = table; o->name; o++) {
    bool is_path = o->metavar && g_strv_contains (kinds, o->metavar);
    g_autofree char *path =
      is_path ? absolute (json_object_get_member (options, o->name), g_str_equal (o->name, "output")) : NULL;
    if (path)
      json_object_set_string_member (options, o->name, path);
  }
}

/* All names of files in a recipe.json. */
static void
make_all_absolute (const struct recipe *recipe, JsonObject *object)
{
  JsonNode *settings = json_object_get_member (object, "settings"), *run = json_object_get_member (object, "run");
  JsonNode *inputs = json_object_get_member (object, "inputs");
  if (settings && JSON_NODE_HOLDS_OBJECT (settings))
    make_absolute (recipe->options, json_node_get_object (settings));
  if (run && JSON_NODE_HOLDS_OBJECT (run))
    make_absolute (run_options, json_node_get_object (run));
  JsonArray *from = inputs && JSON_NODE_HOLDS_ARRAY (inputs) ? json_node_get_array (inputs) : NULL;
  JsonArray *to = json_array_new ();
  for (guint i = 0; from && i < json_array_get_length (from); i++) {
    g_autofree char *path = absolute (json_array_get_element (from, i), false);
    if (path)
      json_array_add_string_element (to, path);
    else
      json_array_add_element (to, json_node_copy (json_array_get_element (from, i)));
  }
  if (from)
    json_object_set_array_member (object, "inputs", to);
  else
    json_array_unref (to);
}

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
  make_all_absolute (trainer->recipe, object);
  return object;
}

/* Without what a continuation may change. */
static JsonObject *
lasting_json (const struct trainer *trainer)
{
  JsonObject *object = recipe_json (trainer), *run = json_object_get_object_member (object, "run");
  for (int i = 0; run_free_options[i]; i++)
    json_object_remove_member (run, run_free_options[i]);
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

static bool
fail (GError **error, const char *path, const char *what)
{
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "%s: %s", path, what);
  return false;
}

/* Whether the file is as recipe_json makes it, and of this recipe. */
static bool
check_recipe_file (const struct trainer *trainer, JsonNode *top, const char *path, GError **error)
{
  static const char *const members[] = {"inputs", "settings", "run"};
  static const JsonNodeType types[] = {JSON_NODE_ARRAY, JSON_NODE_OBJECT, JSON_NODE_OBJECT};
  if (!top || !JSON_NODE_HOLDS_OBJECT (top))
    return fail (error, path, "is missing or no recipe of a run");
  JsonObject *object = json_node_get_object (top);
  JsonNode *name = json_object_get_member (object, "recipe");
  if (name && json_node_get_value_type (name) == G_TYPE_STRING &&
      !g_str_equal (json_node_get_string (name), trainer->recipe->name)) {
    g_autofree char *shown = text_show (json_node_get_string (name));
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "%s: is a run of impasto train %s, not of train %s",
                 trainer->run.resume, shown, trainer->recipe->name);
    return false;
  }
  for (int i = 0; i < 3; i++) {
    JsonNode *node = json_object_get_member (object, members[i]);
    if (!node || json_node_get_node_type (node) != types[i]) {
      g_autofree char *what = g_strdup_printf ("has no \"%s\"", members[i]);
      return fail (error, path, what);
    }
  }
  JsonArray *inputs = json_object_get_array_member (object, "inputs");
  for (guint i = 0; i < json_array_get_length (inputs); i++)
    if (json_node_get_value_type (json_array_get_element (inputs, i)) != G_TYPE_STRING)
      return fail (error, path, "\"inputs\" are not all names of files");
  return true;
}

/* Members of @to that @names names, of those that @table has, as they are in @object. */
static void
lay_over (JsonObject *to, const struct option *table, const void *object, const char *const *names)
{
  g_autoptr (JsonObject) all = option_to_json (table, object);
  for (; names && *names; names++)
    if (option_find (table, *names))
      json_object_set_member (to, *names, json_node_copy (json_object_get_member (all, *names)));
}

/* Of options that there were not yet: below 0 is what the recipe thinks best by now, 0 what it did then. */
static void
add_new_options (JsonObject *settings, const struct option *table)
{
  for (const struct option *o = table; o->name; o++)
    if (!json_object_has_member (settings, o->name) && (o->type == OPTION_INT || o->type == OPTION_FLOAT) &&
        o->fallback < 0)
      json_object_set_int_member (settings, o->name, 0);
}

static char **
strings_of (JsonArray *array)
{
  guint n = json_array_get_length (array);
  char **strings = g_new0 (char *, n + 1);
  for (guint i = 0; i < n; i++)
    strings[i] = g_strdup (json_array_get_string_element (array, i));
  return strings;
}

bool
origin_read (struct trainer *trainer, const char *const *given, struct run_settings *run, char ***inputs,
             GError **error)
{
  const struct option *options = trainer->recipe->options;
  g_autofree char *path = g_build_filename (trainer->run.resume, "recipe.json", NULL), *text = NULL;
  g_autoptr (JsonNode) top = g_file_get_contents (path, &text, NULL, NULL) ? text_json_read (text, RECIPE_DEPTH) : NULL;
  if (!check_recipe_file (trainer, top, path, error))
    return false;
  JsonObject *object = json_node_get_object (top);
  JsonObject *settings = json_object_get_object_member (object, "settings");
  JsonObject *run_was = json_object_get_object_member (object, "run");
  add_new_options (settings, options);
  lay_over (settings, options, trainer->settings, given);
  lay_over (run_was, run_options, &trainer->run, given);
  lay_over (run_was, run_options, &trainer->run, call_options);
  if (given && g_strv_contains (given, "output") &&
      !g_strv_contains (given, "overwrite")) /* was said of another file */
    json_object_set_boolean_member (run_was, "overwrite", FALSE);
  *inputs = strings_of (json_object_get_array_member (object, "inputs"));
  if (option_from_json (options, trainer->settings, settings, error) &&
      option_from_json (run_options, run, run_was, error))
    return true;
  g_prefix_error (error, "%s: ", path);
  return false;
}

/* What has changed since the run began: accepted, or an error. */
static bool
take_change (struct trainer *trainer, const char *what, const char *difference, GError **error)
{
  trainer->changed = trainer->run.accept_changes;
  if (trainer->changed)
    trainer_say (trainer, "the %s changed: %s", what, difference);
  else
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE,
                 "%s: the %s changed: %s; --accept-changes goes on all the same", trainer->folder, what, difference);
  return trainer->changed;
}

/* The member @name as text, a new string; NULL: it has none. */
static char *
member_text (JsonObject *object, const char *name)
{
  JsonNode *node = json_object_get_member (object, name);
  return node ? text_json_write (node, FALSE) : NULL;
}

/* How a message has it, a new string. */
static char *
member_shown (const char *name, const char *text)
{
  g_autofree char *shown = text ? text_cut (text, SHOWN) : NULL;
  return shown ? g_strdup_printf ("\"%s\" : %s", name, shown) : g_strdup_printf ("no \"%s\"", name);
}

/* Adds the members in which the two differ to @found, looked for in members that are objects, too. */
static void
add_differences (GString *found, JsonObject *was, JsonObject *is)
{
  g_autoptr (GList) of_was = json_object_get_members (was), of_is = json_object_get_members (is);
  g_autoptr (GList) names = g_list_concat (g_steal_pointer (&of_is), g_steal_pointer (&of_was));
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
  for (GList *l = names; l; l = l->next) {
    JsonNode *a = json_object_get_member (was, l->data), *b = json_object_get_member (is, l->data);
    if (!g_hash_table_add (seen, l->data))
      continue;
    if (a && b && JSON_NODE_HOLDS_OBJECT (a) && JSON_NODE_HOLDS_OBJECT (b)) {
      add_differences (found, json_node_get_object (a), json_node_get_object (b));
      continue;
    }
    g_autofree char *before = member_text (was, l->data), *now = member_text (is, l->data);
    if (g_strcmp0 (before, now) == 0)
      continue;
    g_autofree char *was_shown = member_shown (l->data, before), *is_shown = member_shown (l->data, now);
    g_string_append_printf (found, "%swas %s, is %s", found->len ? "; " : "", was_shown, is_shown);
  }
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
  g_autoptr (JsonNode) node = text_json_read (was, RECIPE_DEPTH);
  g_autoptr (JsonObject) now = lasting_json (trainer);
  if (!node || !JSON_NODE_HOLDS_OBJECT (node))
    return take_change (trainer, "recipe has", "that of its checkpoint cannot be read", error);
  JsonObject *before = json_node_get_object (node);
  drop_new_options (now, node);
  make_all_absolute (trainer->recipe, before); /* of an earlier version: as its user typed them */
  g_autoptr (GString) differences = g_string_new (NULL);
  add_differences (differences, before, now);
  return differences->len == 0 || take_change (trainer, "recipe has", differences->str, error);
}

bool
origin_check_data (struct trainer *trainer, GError **error)
{
  g_autofree char *path = g_build_filename (trainer->folder, INVENTORY_FILE, NULL), *was = NULL;
  if (!g_file_get_contents (path, &was, NULL, NULL)) /* a run of an earlier version */
    return true;
  g_autofree char *difference = inventory_difference (was, trainer->inventory->str);
  return !difference || take_change (trainer, "data have", difference, error);
}

bool
origin_update (const struct trainer *trainer, GError **error)
{
  g_autofree char *path = g_build_filename (trainer->folder, INVENTORY_FILE, NULL);
  bool as_it_was = !trainer->run.accept_changes && g_file_test (path, G_FILE_TEST_EXISTS);
  return as_it_was || origin_write (trainer, error);
}
