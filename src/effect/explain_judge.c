/* SPDX-License-Identifier: Apache-2.0
 *
 * A judge of patches (net/patchgan.c) asked about a picture. It is read from a checkpoint of the run that trained it:
 * results of training hold none, for they paint without. Its shape is that of its weights; 1 is what it calls real, 0
 * what it calls painted by the network (least squares, Mao et al. 2017). */
#include <string.h>

#include "compile/plan.h"
#include "effect/explain.h"
#include "format/safetensors.h"
#include "net/manifest.h"
#include "net/net.h"
#include "train/trainer.h"

#define JUDGE "judge."
#define LAYERS_MAX 8

/* The weight of convolution @layer, counted from 1. */
static const struct tensor *
layer_weight (struct weights *weights, int layer)
{
  g_autofree char *name = g_strdup_printf (JUDGE "layer%d.conv.weight", layer);
  return weights_find (weights, name);
}

/* The settings that its weights tell. */
static bool
read_shape (struct weights *weights, const char *path, struct patch_net *net, GError **error)
{
  const struct tensor *heads = weights_find (weights, JUDGE "heads.weight"), *first = layer_weight (weights, 1);
  if (!heads || !first || heads->shape.rank != 4 || first->shape.rank != 4) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT,
                 "%s: holds no judge of patches; checkpoints of impasto train style do", path);
    return false;
  }
  *net = (struct patch_net){.heads = heads->shape.dim[0],
                            .width = first->shape.dim[0],
                            .norm = weights_find (weights, JUDGE "layer2.norm.scale") != NULL};
  while (net->layers < LAYERS_MAX && layer_weight (weights, (int) net->layers + 1))
    net->layers++;
  return true;
}

/* The judge's own weights out of a checkpoint, without the prefix, in the shapes that the network has. */
static struct weights *
load (const char *path, struct patch_net *net, GError **error)
{
  g_autoptr (weights) all = safetensors_load (path, error), own = weights_new ();
  g_autoptr (graph) graph = graph_new ();
  if (!all || !read_shape (all, path, net, error))
    return NULL;
  for (guint i = 0; i < weights_count (all); i++)
    if (g_str_has_prefix (weights_name (all, i), JUDGE))
      weights_add (own, weights_name (all, i) + strlen (JUDGE), weights_at (all, i));
  int64_t side = 16 << net->layers;
  patch_net (graph_input (graph, "picture", SHAPE (1, 3, side, side)), net);
  return graph_check (graph, error) ? weights_checked (own, graph, path, error) : NULL;
}

static struct plan *
compile (struct weights *weights, const struct patch_net *net, const struct picture *picture, int threads,
         GError **error)
{
  g_autoptr (graph) graph = graph_new ();
  struct plan_options options = {
    .precision = PRECISION_F32, .threads = threads, .memory_limit = cpu_memory_available ()};
  sym x = graph_input (graph, "picture", SHAPE (1, 3, picture->height, picture->width));
  sym scores = patch_net (sym_affine (x, 2, -1), net); /* as in training */
  graph_output (graph, "scores", scores);
  graph_output (graph, "maps", sym_resize_bilinear (scores, picture->height, picture->width));
  return plan_compile (graph, weights, &options, error);
}

/* Adds a row a head; the head that scores highest. */
static int
report (struct plan *plan, const struct picture *picture, ImpastoExplanation *explanation)
{
  struct tensor *scores = plan_output (plan, "scores");
  int64_t patches = scores->shape.dim[2] * scores->shape.dim[3], n = (int64_t) picture->width * picture->height;
  int best = 0;
  for (int head = 0; head < scores->shape.dim[1]; head++) {
    const float *score = tensor_floats (scores) + head * patches;
    g_autofree char *name = g_strdup_printf ("head%d", head + 1);
    double mean = 0, real = 0;
    for (int64_t i = 0; i < patches; i++) {
      mean += score[i] / (double) patches;
      real += (score[i] > 0.5) / (double) patches;
    }
    ImpastoExplained *row = explain_add (explanation, name, mean, real);
    explain_regions (row, tensor_floats (plan_output (plan, "maps")) + head * n, picture->width, picture->height);
    if (mean > ((const ImpastoExplained *) explanation->rows->pdata[best])->value)
      best = head;
  }
  return best;
}

static struct picture *
draw (struct plan *plan, const struct picture *picture, const ImpastoExplanation *explanation, int head, GError **error)
{
  const ImpastoExplained *row = explanation->rows->pdata[head];
  g_autofree char *title = g_strdup_printf ("judge (%s): mean score %.2f, %.0f %% of the patches pass", row->name,
                                            row->value, 100 * row->share);
  const float *map = tensor_floats (plan_output (plan, "maps")) + (int64_t) head * picture->width * picture->height;
  struct heat_panel panels[] = {{"the picture"}, {title, map}};
  struct heat_sheet sheet = {.picture = picture,
                             .panels = panels,
                             .n = 2,
                             .columns = 2,
                             .colors = HEAT_OPINION,
                             .low = "0: painted by the network",
                             .high = "1: real"};
  return heat_draw (&sheet, error);
}

struct picture *
explain_judge (const struct picture *picture, const struct explain_settings *settings, ImpastoExplanation *explanation,
               GError **error)
{
  struct patch_net net;
  bool run = g_file_test (settings->judge, G_FILE_TEST_IS_DIR);
  g_autofree char *path = run ? trainer_latest_checkpoint (settings->judge, error) : g_strdup (settings->judge);
  g_autoptr (weights) weights = path ? load (path, &net, error) : NULL;
  if (!weights)
    return NULL;
  if (settings->head > net.heads) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "%s: its judge has %d heads, --head says %d", path,
                 (int) net.heads, (int) settings->head);
    return NULL;
  }
  g_autoptr (plan) plan = compile (weights, &net, picture, (int) settings->threads, error);
  if (!plan)
    return NULL;
  struct tensor *input = plan_input (plan, "picture");
  memcpy (input->data, picture->rgb, input->size);
  plan_run (plan, 0, 0);
  int best = report (plan, picture, explanation);
  explanation->notes = g_strdup_printf ("scores of patches by the judge of %s; regions: mean scores, row by row", path);
  return draw (plan, picture, explanation, settings->head > 0 ? (int) settings->head - 1 : best, error);
}
