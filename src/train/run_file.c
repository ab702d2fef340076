/* SPDX-License-Identifier: Apache-2.0
 *
 * Networks out of checkpoints; see run_file.h. */
#include "train/run_file.h"

#include "base/text.h"
#include "net/manifest.h"
#include "train/checkpoint.h"

static const struct recipe *const recipes[] = {&recipe_arbitrary, &recipe_perceptual, &recipe_classifier, NULL};

bool
run_file_matches (const char *path)
{
  return checkpoint_of (path, recipes) != NULL;
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

static struct net_file *
load (const char *path, const struct recipe *const *wanted, GError **error)
{
  struct learnt learnt;
  if (!checkpoint_open (path, wanted, &learnt, error))
    return NULL;
  g_autoptr (net_file) file = learnt.recipe->network (learnt.settings, learnt.weights);
  file->path = g_strdup (learnt.path);
  learnt_clear (&learnt);
  return check (file, error) ? g_steal_pointer (&file) : NULL;
}

struct net_file *
run_file_load (const char *path, GError **error)
{
  return load (path, recipes, error);
}

struct net_file *
run_file_or_file (const char *path, const struct net *net, GError **error)
{
  const struct recipe *const wanted[] = {net == &net_arbitrary ? &recipe_arbitrary : &recipe_perceptual, NULL};
  bool run = run_file_matches (path) || g_file_test (path, G_FILE_TEST_IS_DIR);
  return run ? load (path, wanted, error) : net_file_load (path, net, error);
}
