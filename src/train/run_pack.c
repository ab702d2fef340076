/* SPDX-License-Identifier: Apache-2.0
 *
 * Packs out of checkpoints; see run_pack.h. */
#include "train/run_pack.h"

#include "base/text.h"
#include "net/manifest.h"
#include "train/checkpoint.h"
#include "train/predictor_recipe.h"
#include "train/style_pack.h"
#include "train/translate_recipe.h"

static const struct recipe *const recipes[] = {&recipe_style, &recipe_predictor, &recipe_translate, NULL};

static struct pack *
style_of (const struct learnt *learnt, char **paintings, GError **error)
{
  const struct style_settings *settings = learnt->settings;
  struct style_data data = {0};
  struct pack *pack = NULL;
  g_autoptr (pack) into = settings->into ? pack_load (settings->into, error) : NULL;
  if (into && into->settings.layers)
    manifest_fail (error, settings->into, "takes no styles");
  else if ((!settings->into || into) && style_data_name (&data, paintings, settings->names, error)) {
    struct style_net net = settings->net;
    net.styles = data.n_styles;
    pack = into ? style_pack_extend (into, learnt->weights, &data, NULL, settings, error)
                : style_pack_new (&net, learnt->weights, &data, NULL, settings);
  }
  style_data_clear (&data);
  return pack;
}

static struct pack *
predictor_of (const struct learnt *learnt, GError **error)
{
  const struct predictor_settings *settings = learnt->settings;
  g_autoptr (pack) into = settings->into ? pack_load (settings->into, error) : NULL;
  if (!settings->into)
    manifest_fail (error, learnt->path, "its recipe names no pack (--into)");
  return into ? predictor_pack (into, learnt->weights, error) : NULL;
}

bool
run_pack_matches (const char *path)
{
  return checkpoint_of (path, recipes) != NULL;
}

/* The paintings' files as the run was given them; a new list. */
static char **
inputs_of (JsonObject *recipe)
{
  g_autoptr (GStrvBuilder) paths = g_strv_builder_new ();
  JsonNode *node = json_object_get_member (recipe, "inputs");
  JsonArray *inputs = node && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
  for (guint i = 0; inputs && i < json_array_get_length (inputs); i++) {
    JsonNode *input = json_array_get_element (inputs, i);
    g_strv_builder_add (paths, json_node_get_value_type (input) == G_TYPE_STRING ? json_node_get_string (input) : "");
  }
  return g_strv_builder_end (paths);
}

/* Makes *@text one line. */
static void
tame (char **text)
{
  char *wild = *text;
  *text = wild ? text_cut (wild, CHECKPOINT_TEXT_MAX) : NULL;
  g_free (wild);
}

/* A checkpoint may come from anywhere: what it says is printed, and names are names. */
static bool
check_texts (struct pack *pack, const char *path, GError **error)
{
  tame (&pack->title);
  tame (&pack->license);
  for (guint i = 0; i < pack->styles->len; i++) {
    struct pack_style *style = pack->styles->pdata[i];
    tame (&style->title);
    tame (&style->artist);
    tame (&style->year);
    if (!pack_valid_name (style->name))
      return manifest_fail (error, path, "the name of its style is none");
  }
  return true;
}

static struct pack *
make (const struct learnt *learnt, GError **error)
{
  const char *path = learnt->path;
  g_auto (GStrv) paintings = inputs_of (json_node_get_object (learnt->run));
  g_autoptr (pack) pack = learnt->recipe == &recipe_style ? style_of (learnt, paintings, error)
                          : learnt->recipe == &recipe_predictor
                            ? predictor_of (learnt, error)
                            : translate_pack (learnt->settings, learnt->weights, PAINTING);
  if (!pack)
    g_prefix_error (error, "%s: ", path);
  if (!pack || !check_texts (pack, path, error) || !pack_check_weights (pack, path, error))
    return NULL;
  pack->path = g_strdup (path);
  return g_steal_pointer (&pack);
}

struct pack *
run_pack_load (const char *path, GError **error)
{
  struct learnt learnt;
  if (!checkpoint_open (path, recipes, &learnt, error))
    return NULL;
  struct pack *pack = make (&learnt, error);
  learnt_clear (&learnt);
  return pack;
}

struct pack *
run_pack_or_file (const char *path, GError **error)
{
  bool run = run_pack_matches (path) || g_file_test (path, G_FILE_TEST_IS_DIR);
  return run ? run_pack_load (path, error) : pack_load (path, error);
}
