/* SPDX-License-Identifier: Apache-2.0
 *
 * The public face of training: recipes with their options, and runs. */
#include "base/text.h"
#include "effect/options.h"
#include "effect/styles.h"
#include "train/checkpoint.h"
#include "train/trainer.h"

struct call {
  ImpastoTrainFunc func;
  gpointer data;
};

const char *const *
impasto_recipes (void)
{
  static const char **names;
  if (g_once_init_enter (&names)) {
    guint n = 0;
    while (recipe_table[n])
      n++;
    const char **list = g_new0 (const char *, n + 1);
    for (guint i = 0; i < n; i++)
      list[i] = recipe_table[i]->name;
    g_once_init_leave (&names, list);
  }
  return names;
}

const char *
impasto_recipe_help (const char *recipe)
{
  const struct recipe *found = recipe_find (recipe);
  return found ? found->help : NULL;
}

const char *
impasto_recipe_usage (const char *recipe)
{
  const struct recipe *found = recipe_find (recipe);
  return found ? found->usage : NULL;
}

const char *const *
impasto_recipe_examples (const char *recipe)
{
  const struct recipe *found = recipe_find (recipe);
  return found ? found->examples : NULL;
}

static const struct recipe *
find (const char *name, GError **error)
{
  const struct recipe *recipe = recipe_find (name);
  if (recipe)
    return recipe;
  g_autofree char *names = g_strjoinv (", ", (char **) impasto_recipes ()), *shown = text_show (name);
  const char *nearest = text_nearest (name, impasto_recipes ());
  if (nearest)
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "no recipe '%s'; did you mean %s?", shown, nearest);
  else
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "no recipe '%s'; there are %s", shown, names);
  return NULL;
}

ImpastoOptions *
impasto_train_options_new (const char *name, GError **error)
{
  const struct recipe *recipe = find (name, error);
  if (!recipe)
    return NULL;
  ImpastoOptions *options = impasto_options_new ();
  options_add (options, "Recipe", recipe->options, recipe->settings_size);
  options_add (options, "Run", run_options, sizeof (struct run_settings));
  options_explain (options, "steps", recipe->steps);
  return options;
}

/* The option @name, if the recipe has it, is the network that ships, unless another was given. */
static bool
give_file (const struct recipe *recipe, void *settings, const char *name, GError **error)
{
  if (!option_find (recipe->options, name))
    return true;
  g_autofree char *given = option_get (recipe->options, settings, name);
  g_autofree char *found = given ? NULL : style_folders_find (FEATURES_FILE);
  return !found || option_set (recipe->options, settings, name, found, error);
}

/* The network by which a recipe compares pictures, or which is the encoder of what it makes, and by which it describes
 * paintings. Where it is not found, the recipe says what it lacks. */
static bool
give_features (const struct recipe *recipe, void *settings, GError **error)
{
  const char *name = option_find (recipe->options, ENCODER_OPTION) ? ENCODER_OPTION : FEATURES_OPTION;
  return give_file (recipe, settings, name, error) && give_file (recipe, settings, DESCRIBER_OPTION, error);
}

static bool
forward (const struct train_progress *progress, void *data)
{
  const struct call *call = data;
  ImpastoTrainProgress told = {
    .step = progress->step,
    .steps = progress->steps,
    .n_values = progress->stats->n,
    .names = progress->stats->name,
    .values = progress->stats->value,
    .steps_per_second = progress->steps_per_second,
    .seconds_left = progress->seconds_left,
    .folder = progress->folder,
    .output = progress->output,
    .message = progress->message,
    .log = progress->log,
    .checkpoint = progress->checkpoint,
    .precision = precision_names[progress->precision],
    .threads = progress->threads,
  };
  return !call->func || call->func (&told, call->data);
}

gboolean
impasto_train (const char *name, const ImpastoOptions *options, const char *const *inputs, ImpastoTrainFunc func,
               gpointer data, GError **error)
{
  const struct recipe *recipe = find (name, error);
  if (!recipe)
    return FALSE;
  void *settings = options_settings (options, recipe->options);
  const struct run_settings *run = options_settings (options, run_options);
  g_return_val_if_fail (settings && run, FALSE);
  struct call call = {func, data};
  g_autofree const char **given = options_all_given (options);
  return give_features (recipe, settings, error) &&
         train (recipe, settings, run, given, (char **) inputs, forward, &call, error);
}

gboolean
impasto_result_can_replace (const char *path, GError **error)
{
  return checkpoint_check_result (path, error);
}
