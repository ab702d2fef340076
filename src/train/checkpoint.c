/* SPDX-License-Identifier: Apache-2.0
 *
 * Checkpoints; see checkpoint.h. */
#include "train/checkpoint.h"

#include <glib/gstdio.h>
#include <string.h>

#include "base/text.h"
#include "base/text_json.h"
#include "device/cpu.h"
#include "format/safetensors.h"
#include "impasto/error.h"
#include "net/manifest.h"
#include "train/origin.h"
#include "train/runs.h"

#define RECIPE_DEPTH 16 /* of brackets */

static int64_t
step_of (const char *name)
{
  if (!g_str_has_prefix (name, "network-") || !g_str_has_suffix (name, ".safetensors"))
    return -1;
  return g_ascii_strtoll (name + strlen ("network-"), NULL, 10);
}

static int
descending (gconstpointer a, gconstpointer b)
{
  int64_t x = *(const int64_t *) a, y = *(const int64_t *) b;
  return x < y ? 1 : x > y ? -1 : 0;
}

/* Steps of the checkpoints in the folder, latest first. */
static GArray *
list_steps (const char *folder)
{
  GArray *steps = g_array_new (FALSE, FALSE, sizeof (int64_t));
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  for (const char *name; dir && (name = g_dir_read_name (dir));) {
    int64_t step = step_of (name);
    if (step >= 0)
      g_array_append_val (steps, step);
  }
  g_array_sort (steps, descending);
  return steps;
}

char *
checkpoint_path (const char *folder, int64_t step)
{
  g_autofree char *name = g_strdup_printf ("network-%06" G_GINT64_FORMAT ".safetensors", step);
  return g_build_filename (folder, name, NULL);
}

static bool
fail_empty (const char *folder, const char *more, GError **error)
{
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "%s: holds no checkpoint network-*.safetensors%s", folder,
               more);
  return false;
}

char *
checkpoint_find (const char *path, GError **error)
{
  if (!g_file_test (path, G_FILE_TEST_IS_DIR))
    return g_strdup (path);
  g_autoptr (GArray) steps = list_steps (path);
  if (steps->len > 0)
    return checkpoint_path (path, g_array_index (steps, int64_t, 0));
  fail_empty (path, " yet", error);
  return NULL;
}

int64_t
checkpoint_before (const char *folder, int64_t step)
{
  g_autoptr (GArray) steps = list_steps (folder);
  for (guint i = 0; i < steps->len; i++)
    if (g_array_index (steps, int64_t, i) < step)
      return g_array_index (steps, int64_t, i);
  return -1;
}

bool
checkpoint_check_result (const char *path, GError **error)
{
  g_autofree char *whole = g_canonicalize_filename (path, NULL), *folder = g_path_get_dirname (whole);
  g_autofree char *base = g_path_get_basename (whole), *run = g_path_get_basename (folder);
  g_autoptr (weights) there =
    g_file_test (path, G_FILE_TEST_IS_REGULAR) ? safetensors_load_metadata (path, NULL) : NULL;
  bool of_run = run_is (folder), named = of_run && step_of (base) >= 0;
  if (!named && !(there && weights_metadata (there, CHECKPOINT_DIGEST)))
    return true;
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "%s: is a checkpoint of %s%s; choose another name with -o",
               path, of_run ? "run " : "a run", of_run ? run : "");
  return false;
}

/* --- Digest --- */

static void
add_text (GChecksum *sum, const char *text)
{
  g_checksum_update (sum, (const guchar *) text, (gssize) strlen (text) + 1);
}

static int
by_name (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

char *
checkpoint_digest (struct weights *weights)
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  g_autoptr (GPtrArray) names = g_ptr_array_new (); /* a file may hold them in another order */
  g_auto (GStrv) keys = weights_metadata_keys (weights);
  for (int i = 0; keys[i]; i++)
    if (!g_str_equal (keys[i], CHECKPOINT_DIGEST)) {
      add_text (sum, keys[i]);
      add_text (sum, weights_metadata (weights, keys[i]));
    }
  for (guint i = 0; i < weights_count (weights); i++)
    g_ptr_array_add (names, (gpointer) weights_name (weights, i));
  g_ptr_array_sort (names, by_name);
  for (guint i = 0; i < names->len; i++) {
    const struct tensor *tensor = weights_find (weights, names->pdata[i]);
    g_autofree char *shape = shape_text (&tensor->shape);
    add_text (sum, names->pdata[i]);
    add_text (sum, shape);
    g_checksum_update (sum, tensor->data, (gssize) tensor->size);
  }
  return g_strdup (g_checksum_get_string (sum));
}

struct weights *
checkpoint_load (const char *path, GError **error)
{
  g_autoptr (weights) weights = safetensors_load (path, error);
  const char *was = weights ? weights_metadata (weights, CHECKPOINT_DIGEST) : NULL;
  g_autofree char *is = was ? checkpoint_digest (weights) : NULL; /* of an earlier version: has none */
  if (g_strcmp0 (was, is) == 0)
    return g_steal_pointer (&weights);
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "%s: is damaged: its numbers are not those that were written",
               path);
  return NULL;
}

/* --- Saving --- */

/* What decides about bits beside the recipe. */
static char *
machine_text (void)
{
  return g_strdup_printf ("%s with %d threads", cpu_isa (), cpu_threads ());
}

bool
checkpoint_save (struct trainer *trainer, GError **error)
{
  g_autoptr (weights) state = weights_new ();
  /* Not where somebody stopped the run: a run that was never stopped has no such checkpoint to go back to. */
  if (trainer->watchdog && trainer->step % trainer->run.save_every == 0 && watchdog_calm (trainer->watchdog))
    watchdog_set_good (trainer->watchdog, trainer->step);
  for (guint i = 0; i < weights_count (trainer->weights); i++)
    if (!g_str_has_prefix (weights_name (trainer->weights, i), "frozen."))
      weights_add (state, weights_name (trainer->weights, i), weights_at (trainer->weights, i));
  g_autofree char *step = g_strdup_printf ("%" G_GINT64_FORMAT, trainer->step), *recipe = origin_recipe (trainer);
  g_autofree char *machine = machine_text (), *path = checkpoint_path (trainer->folder, trainer->step);
  weights_set_metadata (state, "step", step);
  weights_set_metadata (state, "recipe", recipe);
  weights_set_metadata (state, "machine", machine);
  g_autofree char *digest = checkpoint_digest (state);
  weights_set_metadata (state, CHECKPOINT_DIGEST, digest);
  if (!safetensors_save (state, path, error))
    return false;
  g_free (trainer->saved);
  trainer->saved = g_strdup (path);
  g_autoptr (GArray) steps = list_steps (trainer->folder);
  for (guint i = trainer->run.keep; i < steps->len; i++) {
    int64_t old = g_array_index (steps, int64_t, i);
    g_autofree char *old_path = checkpoint_path (trainer->folder, old);
    if (!trainer->watchdog || old != watchdog_good (trainer->watchdog))
      g_unlink (old_path);
  }
  return true;
}

/* --- Going on --- */

/* The step that a line of stats.jsonl is of; -1: it is none. */
static int64_t
step_of_line (const char *line)
{
  static const char head[] = "{\"step\":";
  bool whole = g_str_has_prefix (line, head) && g_str_has_suffix (line, "}");
  return whole ? g_ascii_strtoll (line + strlen (head), NULL, 10) : -1;
}

/* Leaves the lines up to @step. How many steps have figures in them. */
static int64_t
trim_stats (const char *folder, int64_t step)
{
  g_autofree char *path = g_build_filename (folder, "stats.jsonl", NULL), *text = NULL;
  gsize size;
  if (!g_file_get_contents (path, &text, &size, NULL))
    return 0;
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  g_autoptr (GString) kept = g_string_new (NULL);
  int64_t n = 0, last = 0;
  for (int i = 0; lines[i]; i++) {
    int64_t at = step_of_line (lines[i]);
    if (at < 0 || at > step)
      continue;
    g_string_append_printf (kept, "%s\n", lines[i]);
    if (at <= last || strstr (lines[i], ",\"watchdog\":")) /* of a rescue: tells no figures */
      continue;
    n++;
    last = at;
  }
  if (kept->len != size || !g_str_equal (kept->str, text))
    g_file_set_contents (path, kept->str, (gssize) kept->len, NULL);
  return n;
}

int64_t
checkpoint_forget_later (struct trainer *trainer)
{
  g_autoptr (GArray) steps = list_steps (trainer->folder);
  for (guint i = 0; i < steps->len && g_array_index (steps, int64_t, i) > trainer->step; i++) {
    g_autofree char *path = checkpoint_path (trainer->folder, g_array_index (steps, int64_t, i));
    g_unlink (path);
  }
  return trim_stats (trainer->folder, trainer->step);
}

/* Another machine, oneDNN or number of threads goes on, but to other bits. */
static void
warn_of_other_machine (struct trainer *trainer)
{
  g_autofree char *machine = machine_text ();
  const char *was = weights_metadata (trainer->weights, "machine");
  if (g_strcmp0 (was, machine))
    trainer_say (trainer, "the checkpoint was made on %s, this is %s: bits will differ from an uninterrupted run",
                 was ? was : "another machine", machine);
}

/* Curves without their beginning are else taken for a whole run's. */
static void
warn_of_lost_figures (struct trainer *trainer, int64_t known)
{
  if (known < trainer->step)
    trainer_say (trainer,
                 "stats.jsonl has lost the figures of %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT
                 " steps; the run goes on all the same",
                 trainer->step - known, trainer->step);
}

/* Numbers of a damaged one must not outlive good ones. */
static void
set_aside (struct trainer *trainer, const char *path)
{
  g_autofree char *aside = g_strconcat (path, ".damaged", NULL);
  trainer_say (trainer, "%s cannot be read and is set aside as .damaged; going on from step %" G_GINT64_FORMAT, path,
               trainer->step);
  g_rename (path, aside);
}

bool
checkpoint_resume (struct trainer *trainer, GError **error)
{
  g_autoptr (GArray) steps = list_steps (trainer->folder);
  g_autoptr (GError) first = NULL;
  g_autoptr (GPtrArray) damaged = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < steps->len; i++) { /* a power cut may have damaged the latest */
    g_autofree char *path = checkpoint_path (trainer->folder, g_array_index (steps, int64_t, i));
    g_autoptr (GError) problem = NULL;
    g_autoptr (weights) weights = checkpoint_load (path, &problem);
    const char *step = weights ? weights_metadata (weights, "step") : NULL;
    const char *recipe = weights ? weights_metadata (weights, "recipe") : NULL;
    if (!step || !recipe || g_ascii_strtoll (step, NULL, 10) < 0) {
      if (problem && !g_error_matches (problem, IMPASTO_ERROR, IMPASTO_ERROR_INPUT)) { /* no memory: not its fault */
        g_propagate_error (error, g_steal_pointer (&problem));
        return false;
      }
      if (!first)
        first = g_steal_pointer (&problem);
      g_ptr_array_add (damaged, g_steal_pointer (&path));
      continue;
    }
    if (!origin_check_recipe (trainer, recipe, error))
      return false;
    weights_unref (trainer->weights);
    trainer->weights = g_steal_pointer (&weights);
    trainer->step = g_ascii_strtoll (step, NULL, 10);
    for (guint k = 0; k < damaged->len; k++)
      set_aside (trainer, damaged->pdata[k]);
    warn_of_other_machine (trainer);
    warn_of_lost_figures (trainer, checkpoint_forget_later (trainer));
    return true;
  }
  if (steps->len == 0)
    return fail_empty (trainer->folder, "; start the run again", error);
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "%s: no checkpoint can be read; start the run again: %s",
               trainer->folder, first ? first->message : "no step in its metadata");
  return false;
}

bool
checkpoint_check_complete (struct trainer *trainer, guint loaded, GError **error)
{
  for (guint i = loaded; i < weights_count (trainer->weights); i++)
    if (!g_str_has_prefix (weights_name (trainer->weights, i), "frozen.")) {
      g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "at step %" G_GINT64_FORMAT " it has no %s",
                   trainer->step, weights_name (trainer->weights, i));
      return false;
    }
  return true;
}

JsonNode *
checkpoint_recipe (struct weights *checkpoint, const struct recipe *recipe)
{
  const char *text = weights_metadata (checkpoint, "recipe");
  g_autoptr (JsonNode) node = text ? text_json_read (text, RECIPE_DEPTH) : NULL;
  JsonObject *object = node && JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
  JsonNode *name = object ? json_object_get_member (object, "recipe") : NULL;
  bool same = name && json_node_get_value_type (name) == G_TYPE_STRING &&
              g_str_equal (json_node_get_string (name), recipe->name) && manifest_object (object, "settings");
  return same ? g_steal_pointer (&node) : NULL;
}

static const struct recipe *
recipe_of (struct weights *checkpoint, const struct recipe *const *recipes, JsonNode **run)
{
  for (; *recipes; recipes++)
    if ((*run = checkpoint_recipe (checkpoint, *recipes)))
      return *recipes;
  return NULL;
}

const struct recipe *
checkpoint_of (const char *path, const struct recipe *const *recipes)
{
  g_autofree char *checkpoint = checkpoint_find (path, NULL);
  g_autoptr (weights) head = checkpoint ? safetensors_load_metadata (checkpoint, NULL) : NULL;
  g_autoptr (JsonNode) run = NULL;
  return head ? recipe_of (head, recipes, &run) : NULL;
}

/* "style or translate" */
static char *
names_of (const struct recipe *const *recipes)
{
  GString *names = g_string_new (recipes[0]->name);
  for (recipes++; *recipes; recipes++)
    g_string_append_printf (names, " or %s", (*recipes)->name);
  return g_string_free (names, FALSE);
}

static bool
is_among (const char *name, const struct recipe *const *recipes)
{
  for (; *recipes; recipes++)
    if (g_str_equal (name, (*recipes)->name))
      return true;
  return false;
}

bool
checkpoint_refuse (const char *path, const struct recipe *const *recipes, GError **error)
{
  bool folder = g_file_test (path, G_FILE_TEST_IS_DIR);
  g_autofree char *names = names_of (recipes);
  g_autoptr (JsonObject) options = folder ? run_options_load (path, NULL) : NULL;
  const char *recipe = options ? json_object_get_string_member (options, "recipe") : NULL;
  g_autofree char *shown = recipe ? text_show (recipe) : NULL;
  if (recipe && !is_among (recipe, recipes))
    return manifest_fail (error, path, "is a run of train %s; %s%s is wanted", shown, recipes[1] ? "one of " : "",
                          names);
  if (folder && !recipe)
    return manifest_fail (error, path, "is no run of train %s that has a checkpoint", names);
  g_autofree char *checkpoint = checkpoint_find (path, error);
  g_autoptr (weights) weights = checkpoint ? checkpoint_load (checkpoint, error) : NULL;
  return weights ? manifest_fail (error, checkpoint, "is no checkpoint of impasto train %s", names) : false;
}

bool
checkpoint_open (const char *path, const struct recipe *const *recipes, struct learnt *learnt, GError **error)
{
  *learnt = (struct learnt){0};
  if (!checkpoint_of (path, recipes))
    return checkpoint_refuse (path, recipes, error);
  learnt->path = checkpoint_find (path, error);
  learnt->weights = learnt->path ? checkpoint_load (learnt->path, error) : NULL;
  learnt->recipe = learnt->weights ? recipe_of (learnt->weights, recipes, &learnt->run) : NULL;
  learnt->settings = learnt->recipe ? checkpoint_settings (learnt->run, learnt->recipe, learnt->path, error) : NULL;
  if (!learnt->settings)
    learnt_clear (learnt);
  return learnt->settings != NULL;
}

void
learnt_clear (struct learnt *learnt)
{
  if (learnt->settings)
    option_clear (learnt->recipe->options, learnt->settings);
  g_free (learnt->settings);
  g_free (learnt->path);
  g_clear_pointer (&learnt->run, json_node_unref);
  g_clear_pointer (&learnt->weights, weights_unref);
  *learnt = (struct learnt){0};
}

void *
checkpoint_settings (JsonNode *node, const struct recipe *recipe, const char *path, GError **error)
{
  g_autofree void *settings = g_malloc0 (recipe->settings_size);
  option_init (recipe->options, settings);
  if (option_from_json (recipe->options, settings, manifest_object (json_node_get_object (node), "settings"), error))
    return g_steal_pointer (&settings);
  g_prefix_error (error, "%s: ", path);
  option_clear (recipe->options, settings);
  return NULL;
}
