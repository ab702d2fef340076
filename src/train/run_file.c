/* SPDX-License-Identifier: Apache-2.0
 *
 * Networks out of checkpoints; see run_file.h. */
#include "train/run_file.h"

#include "base/text.h"
#include "format/safetensors.h"
#include "net/manifest.h"
#include "train/checkpoint.h"

static const struct recipe *const recipes[] = {&recipe_arbitrary, &recipe_perceptual};

/* The recipe that @checkpoint is of, with what it tells of the run; NULL: another. */
static const struct recipe *
recipe_of (struct weights *checkpoint, JsonNode **node)
{
  for (size_t i = 0; i < G_N_ELEMENTS (recipes); i++)
    if ((*node = checkpoint_recipe (checkpoint, recipes[i])))
      return recipes[i];
  return NULL;
}

bool
run_file_matches (const char *path)
{
  g_autofree char *checkpoint = checkpoint_find (path, NULL);
  g_autoptr (weights) head = checkpoint ? safetensors_load_metadata (checkpoint, NULL) : NULL;
  g_autoptr (JsonNode) node = NULL;
  return head && recipe_of (head, &node);
}

/* A checkpoint may come from anywhere: what it says is printed, and its weights are those of its settings. */
static bool
check (struct net_file *file, GError **error)
{
  g_autofree char *title = file->title, *license = file->license;
  g_autoptr (weights) own = file->weights;
  g_autoptr (graph) graph = graph_new ();
  file->title = title ? text_cut (title, CHECKPOINT_TEXT_MAX) : NULL;
  file->license = license ? text_cut (license, CHECKPOINT_TEXT_MAX) : NULL;
  file->net->build (file->net, graph, file->settings);
  file->weights = weights_checked (own, graph, file->path, error);
  return file->weights != NULL;
}

struct net_file *
run_file_load (const char *path, GError **error)
{
  g_autofree char *checkpoint = checkpoint_find (path, error);
  g_autoptr (weights) run = checkpoint ? checkpoint_load (checkpoint, error) : NULL;
  g_autoptr (JsonNode) node = NULL;
  const struct recipe *recipe = run ? recipe_of (run, &node) : NULL;
  if (run && !recipe)
    manifest_fail (error, checkpoint, "is no checkpoint of impasto train arbitrary or perceptual");
  g_autofree void *settings = recipe ? checkpoint_settings (node, recipe, checkpoint, error) : NULL;
  if (!settings)
    return NULL;
  g_autoptr (net_file) file = recipe->network (settings, run);
  option_clear (recipe->options, settings);
  file->path = g_strdup (checkpoint);
  return check (file, error) ? g_steal_pointer (&file) : NULL;
}

struct net_file *
run_file_or_file (const char *path, const struct net *net, GError **error)
{
  if (run_file_matches (path)) {
    g_autoptr (net_file) file = run_file_load (path, error);
    if (!file || file->net == net)
      return g_steal_pointer (&file);
    manifest_fail (error, path, "is a run of train %s; %s is wanted", file->net->name, net->name);
    return NULL;
  }
  if (!g_file_test (path, G_FILE_TEST_IS_DIR))
    return net_file_load (path, net, error);
  checkpoint_refuse_folder (path, net->name, error); /* the recipe is called as its network */
  return NULL;
}
