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
#define JUDGES_MAX 2

/* Where the weights of a run's judges are, after JUDGE: one judge, or one for each side of a translation. */
static const char *const scopes[] = {"", "painting.", "photo."};

/* The judges of a checkpoint: score maps side by side. */
struct judges {
  int n;
  struct judge {
    const char *scope;
    struct patch_net net;
  } judge[JUDGES_MAX];
};

static const struct tensor *
find (struct weights *weights, const char *scope, const char *name)
{
  g_autofree char *whole = g_strconcat (JUDGE, scope, name, NULL);
  return weights_find (weights, whole);
}

/* The weight of convolution @layer, counted from 1. */
static const struct tensor *
layer_weight (struct weights *weights, const char *scope, int layer)
{
  g_autofree char *name = g_strdup_printf ("layer%d.conv.weight", layer);
  return find (weights, scope, name);
}

/* The settings that its weights tell; whether there are any. */
static bool
read_shape (struct weights *weights, const char *scope, struct patch_net *net)
{
  const struct tensor *heads = find (weights, scope, "heads.weight"), *first = layer_weight (weights, scope, 1);
  if (!heads || !first || heads->shape.rank != 4 || first->shape.rank != 4)
    return false;
  *net = (struct patch_net){.heads = heads->shape.dim[0],
                            .width = first->shape.dim[0],
                            .dense = heads->shape.dim[2] == 4, /* the last layer's kernel, see net/patchgan.c */
                            .norm = find (weights, scope, "layer2.norm.scale") != NULL};
  while (net->layers < LAYERS_MAX && layer_weight (weights, scope, (int) net->layers + 1))
    net->layers++;
  net->layers -= net->dense;
  return net->layers > 0;
}

static bool
read_judges (struct weights *weights, const char *path, struct judges *judges, GError **error)
{
  *judges = (struct judges){0};
  for (size_t i = 0; i < G_N_ELEMENTS (scopes) && judges->n < JUDGES_MAX; i++) {
    struct judge *judge = &judges->judge[judges->n];
    judge->scope = scopes[i];
    judges->n += read_shape (weights, judge->scope, &judge->net);
  }
  if (judges->n == 0)
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT,
                 "%s: holds no judge of patches; checkpoints of impasto train style and impasto train translate do, "
                 "but for its presets painter-gan and anime",
                 path);
  return judges->n > 0;
}

/* Score maps (1, heads of all judges, h, w) of pixels from 0 to 1. */
static sym
score (sym picture, const struct judges *judges)
{
  sym scores[JUDGES_MAX], seen = sym_affine (picture, 2, -1); /* as in training */
  for (int i = 0; i < judges->n; i++) {
    const struct judge *judge = &judges->judge[i];
    int length = (int) strcspn (judge->scope, ".");
    if (length > 0)
      graph_push (picture.graph, "%.*s", length, judge->scope);
    scores[i] = patch_net (seen, &judge->net);
    if (length > 0)
      graph_pop (picture.graph);
  }
  return sym_concat (scores, judges->n, 1);
}

static int64_t
count_heads (const struct judges *judges)
{
  int64_t heads = 0;
  for (int i = 0; i < judges->n; i++)
    heads += judges->judge[i].net.heads;
  return heads;
}

/* The judges' own weights out of a checkpoint, without the prefix, in the shapes that the networks have. */
static struct weights *
load (const char *path, struct judges *judges, GError **error)
{
  g_autoptr (weights) all = safetensors_load (path, error), own = weights_new ();
  g_autoptr (graph) graph = graph_new ();
  if (!all || !read_judges (all, path, judges, error))
    return NULL;
  for (guint i = 0; i < weights_count (all); i++)
    if (g_str_has_prefix (weights_name (all, i), JUDGE))
      weights_add (own, weights_name (all, i) + strlen (JUDGE), weights_at (all, i));
  int64_t side = 16 << (judges->judge[0].net.layers + judges->judge[0].net.dense);
  score (graph_input (graph, "picture", SHAPE (1, 3, side, side)), judges);
  return graph_check (graph, error) ? weights_checked (own, graph, path, error) : NULL;
}

static struct plan *
compile (struct weights *weights, const struct judges *judges, const struct picture *picture, int threads,
         GError **error)
{
  g_autoptr (graph) graph = graph_new ();
  struct plan_options options = {
    .precision = PRECISION_F32, .threads = threads, .memory_limit = cpu_memory_available ()};
  sym scores = score (graph_input (graph, "picture", SHAPE (1, 3, picture->height, picture->width)), judges);
  graph_output (graph, "scores", scores);
  graph_output (graph, "maps", sym_resize_bilinear (scores, picture->height, picture->width));
  return plan_compile (graph, weights, &options, error);
}

/* Of the score map @map: a head counted from 1, or the side of a translation. */
static char *
name_map (const struct judges *judges, int map)
{
  return judges->judge[0].scope[0] ? g_strndup (judges->judge[map].scope, strcspn (judges->judge[map].scope, "."))
                                   : g_strdup_printf ("head%d", map + 1);
}

/* Adds a row a score map; the highest of a judge's heads. Of a translation it is that of the side it draws. */
static int
report (struct plan *plan, const struct judges *judges, const struct picture *picture, ImpastoExplanation *explanation)
{
  struct tensor *scores = plan_output (plan, "scores");
  int64_t patches = scores->shape.dim[2] * scores->shape.dim[3], n = (int64_t) picture->width * picture->height;
  int best = 0;
  for (int head = 0; head < scores->shape.dim[1]; head++) {
    const float *score = tensor_floats (scores) + head * patches;
    g_autofree char *name = name_map (judges, head);
    double mean = 0, real = 0;
    for (int64_t i = 0; i < patches; i++) {
      mean += score[i] / (double) patches;
      real += (score[i] > 0.5) / (double) patches;
    }
    ImpastoExplained *row = explain_add (explanation, name, mean, real);
    explain_regions (row, tensor_floats (plan_output (plan, "maps")) + head * n, picture->width, picture->height);
    if (judges->n == 1 && mean > ((const ImpastoExplained *) explanation->rows->pdata[best])->value)
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
  struct judges judges;
  bool run = g_file_test (settings->judge, G_FILE_TEST_IS_DIR);
  g_autofree char *path = run ? trainer_latest_checkpoint (settings->judge, error) : g_strdup (settings->judge);
  g_autoptr (weights) weights = path ? load (path, &judges, error) : NULL;
  if (!weights)
    return NULL;
  if (settings->head > count_heads (&judges)) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "%s: it has %d score maps, --head says %d", path,
                 (int) count_heads (&judges), (int) settings->head);
    return NULL;
  }
  g_autoptr (plan) plan = compile (weights, &judges, picture, (int) settings->threads, error);
  if (!plan)
    return NULL;
  struct tensor *input = plan_input (plan, "picture");
  memcpy (input->data, picture->rgb, input->size);
  plan_run (plan, 0, 0);
  int best = report (plan, &judges, picture, explanation);
  explanation->notes = g_strdup_printf ("scores of patches by the judge of %s; regions: mean scores, row by row", path);
  return draw (plan, picture, explanation, settings->head > 0 ? (int) settings->head - 1 : best, error);
}
