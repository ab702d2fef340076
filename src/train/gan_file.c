/* SPDX-License-Identifier: Apache-2.0
 *
 * Generators out of runs; see gan_file.h. */
#include "train/gan_file.h"

#include <string.h>

#include "base/text.h"
#include "impasto/error.h"
#include "net/manifest.h"
#include "train/checkpoint.h"
#include "train/gan_recipe.h"
#include "train/recipe.h"

/* Adds the weights whose names begin with @prefix, and not with @without, under @instead. */
static void
take (struct weights *from, const char *prefix, const char *without, const char *instead, struct weights *to)
{
  for (guint i = 0; i < weights_count (from); i++) {
    const char *name = weights_name (from, i);
    g_autofree char *own = g_str_has_prefix (name, prefix) ? g_strconcat (instead, name + strlen (prefix), NULL) : NULL;
    if (own && !(without && g_str_has_prefix (name, without)))
      weights_add (to, own, weights_at (from, i));
  }
}

struct net_file *
gan_file_new (const struct gan_preset *preset, const struct gan_net *net, struct weights *run)
{
  g_autoptr (weights) weights = weights_new ();
  take (run, "average.generator.", NULL, "", weights);
  if (gan_code_size (net)) /* which has no average, and needs the judge's layers but its last */
    take (run, "judge.", "judge.dense1.", "recogniser.", weights);
  struct net_file *file = net_file_new (&preset->net, net, weights);
  file->provenance = g_strdup ("trained by impasto train gan");
  return file;
}

/* --- Checkpoints --- */

static const struct recipe *const recipes[] = {&recipe_gan, NULL};

bool
gan_checkpoint_matches (const char *path)
{
  return checkpoint_of (path, recipes) != NULL;
}

/* Classes that the data decided about: the length of what the first layer reads, or rows of the normalisations. */
static int64_t
classes_of (const struct gan_net *net, struct weights *run)
{
  bool rows = net->conditional == GAN_NORMALISED;
  const struct tensor *tensor =
    weights_find (run, rows ? "average.generator.norm1.scale" : "average.generator.dense1.weight");
  if (!net->conditional || !tensor || tensor->shape.rank != 2) /* a generator without normalisation has no rows */
    return net->conditional ? net->classes : 0;
  return rows ? tensor->shape.dim[0] : tensor->shape.dim[1] - net->latent - gan_code_size (net);
}

static struct net_file *
file_of (struct weights *run, const struct gan_settings *settings, const char *path, GError **error)
{
  const struct gan_preset *preset = gan_presets[settings->preset];
  struct gan_net net = settings->net;
  net.channels = gan_channels (preset, &net);
  net.classes = classes_of (&net, run);
  net.kinds = MAX (net.kinds, 0); /* of a run from before there were any: not said */
  if (net.conditional && (net.classes < 1 || net.classes > GAN_CLASSES_MAX))
    return manifest_fail (error, path, "its weights are not those of its settings"), NULL;
  g_autoptr (net_file) file = gan_file_new (preset, &net, run);
  g_autoptr (graph) graph = graph_new ();
  preset->net.build (&preset->net, graph, &net);
  struct weights *checked = weights_checked (file->weights, graph, path, error);
  if (!checked)
    return NULL;
  weights_unref (file->weights);
  file->weights = checked;
  file->path = g_strdup (path);
  file->title = text_cut (settings->title ? settings->title : preset->net.name, CHECKPOINT_TEXT_MAX);
  recipe_name_classes (file, run, net.classes);
  file->license = settings->license ? text_cut (settings->license, CHECKPOINT_TEXT_MAX) : NULL;
  return g_steal_pointer (&file);
}

struct net_file *
gan_checkpoint_load (const char *path, GError **error)
{
  struct learnt learnt;
  if (!checkpoint_open (path, recipes, &learnt, error))
    return NULL;
  struct net_file *file = file_of (learnt.weights, learnt.settings, learnt.path, error);
  learnt_clear (&learnt);
  return file;
}

struct net_file *
gan_file_load (const char *path, const struct gan_preset *preset, GError **error)
{
  bool run = gan_checkpoint_matches (path) || g_file_test (path, G_FILE_TEST_IS_DIR);
  return run ? gan_checkpoint_load (path, error) : net_file_load (path, &preset->net, error);
}
