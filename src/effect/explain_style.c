/* SPDX-License-Identifier: Apache-2.0
 *
 * The style loss explained by its gradient (Simonyan et al. 2014): for each tap of the feature network, over all
 * scales, how strongly its Gram matrices pull at each pixel. The map is the length of the gradient by red, green and
 * blue. Their sum is not the gradient of the whole, whose parts may pull against each other: that is a map of its
 * own. */
#include <math.h>
#include <string.h>

#include "compile/grad.h"
#include "compile/plan.h"
#include "effect/explain.h"
#include "effect/sets_eye.h"
#include "train/style_loss.h"

#define MAPS (FEATURE_TAPS + 1) /* the last: of the whole loss */
#define TOP 0.01                /* share of the pixels that are as bright as can be */

static const char *const names[MAPS] = {"layer1", "layer2", "layer3", "layer4", "all"};

static struct plan *
compile (const struct features *features, const struct style_target *target, const struct picture *picture, int threads,
         GError **error)
{
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (weights) weights = weights_new ();
  struct plan_options options = {
    .precision = PRECISION_F32, .threads = threads, .memory_limit = cpu_memory_available ()};
  sym x = graph_input (graph, "picture", SHAPE (1, 3, picture->height, picture->width));
  sym part[STYLE_LOSS_SCALES][FEATURE_TAPS], loss[MAPS] = {[FEATURE_TAPS] = graph_scalar (graph, 0)};
  features_add_weights (features, weights, "eye");
  style_loss_parts (x, features, target, NULL, part);
  for (int t = 0; t < FEATURE_TAPS; t++) {
    loss[t] = part[0][t];
    for (int s = 1; s < STYLE_LOSS_SCALES; s++)
      loss[t] = sym_add (loss[t], part[s][t]);
    loss[t] = sym_scale (loss[t], 1.0 / (STYLE_LOSS_SCALES * FEATURE_TAPS));
    loss[FEATURE_TAPS] = sym_add (loss[FEATURE_TAPS], loss[t]);
  }
  for (int k = 0; k < MAPS; k++) {
    g_autofree char *map = g_strconcat ("map.", names[k], NULL);
    sym dx;
    graph_gradient (loss[k], &x, 1, &dx);
    graph_output (graph, names[k], loss[k]);
    graph_output (graph, map, sym_sqrt (sym_sum (sym_square (dx), AXIS (1))));
  }
  return plan_compile (graph, weights, &options, error);
}

static bool
measure (struct style_target *target, const struct features *features, const struct explain_settings *settings,
         GError **error)
{
  g_autoptr (picture) painting = explain_load (settings->style_image, settings->style_size, error);
  struct style_painting style = {painting, 1};
  return painting &&
         style_target_measure (target, features, &style, 1, (int) settings->threads, cpu_memory_available (), error);
}

static double
sum_of (const float *map, int64_t n)
{
  double sum = 0;
  for (int64_t i = 0; i < n; i++)
    sum += map[i];
  return sum;
}

/* Adds the rows; regions are shares of the layer's own map. */
static void
report (struct plan *plan, const struct picture *picture, ImpastoExplanation *explanation)
{
  int64_t n = (int64_t) picture->width * picture->height;
  double pull[MAPS], together = 0;
  for (int k = 0; k < MAPS; k++) {
    g_autofree char *name = g_strconcat ("map.", names[k], NULL);
    pull[k] = sum_of (tensor_floats (plan_output (plan, name)), n);
    together += k < FEATURE_TAPS ? pull[k] : 0;
  }
  for (int k = 0; k < MAPS; k++) {
    g_autofree char *name = g_strconcat ("map.", names[k], NULL);
    ImpastoExplained *row = explain_add (explanation, names[k], tensor_floats (plan_output (plan, names[k]))[0],
                                         k < FEATURE_TAPS ? pull[k] / fmax (together, 1e-30) : 1);
    double all = 0;
    explain_regions (row, tensor_floats (plan_output (plan, name)), picture->width, picture->height);
    for (int i = 0; i < 9; i++)
      all += row->region[i];
    for (int i = 0; i < 9; i++)
      row->region[i] /= fmax (all, 1e-30);
  }
}

/* The maps, smoothed and scaled each for itself, over the picture. */
static struct picture *
draw (struct plan *plan, const struct picture *picture, const ImpastoExplanation *explanation, GError **error)
{
  static const int order[MAPS] = {FEATURE_TAPS, 0, 1, 2, 3};
  int64_t n = (int64_t) picture->width * picture->height;
  struct heat_panel panels[MAPS + 1] = {{"the picture"}};
  char *titles[MAPS] = {NULL};
  bool ok = true;
  for (int k = 0; k < MAPS && ok; k++) {
    g_autofree char *name = g_strconcat ("map.", names[order[k]], NULL);
    const ImpastoExplained *row = explanation->rows->pdata[order[k]];
    float *map = tensor_floats (plan_output (plan, name));
    ok = heat_smooth (map, picture->width, picture->height, MAX (picture->width, picture->height) / 96, error);
    float top = ok ? heat_quantile (map, n, TOP) : 1;
    for (int64_t i = 0; i < n; i++)
      map[i] /= fmaxf (top, 1e-30f);
    titles[k] = order[k] == FEATURE_TAPS
                  ? g_strdup_printf ("all layers together, loss %.3g", row->value)
                  : g_strdup_printf ("layer %d: %.0f %% of the pull", order[k] + 1, 100 * row->share);
    panels[k + 1] = (struct heat_panel){titles[k], map};
  }
  struct heat_sheet sheet = {.picture = picture,
                             .panels = panels,
                             .n = MAPS + 1,
                             .columns = 3,
                             .colors = HEAT_AMOUNT,
                             .low = "no pull",
                             .high = "the strongest pull"};
  struct picture *out = ok ? heat_draw (&sheet, error) : NULL;
  for (int k = 0; k < MAPS; k++)
    g_free (titles[k]);
  return out;
}

struct picture *
explain_style (const struct picture *picture, const struct explain_settings *settings, ImpastoExplanation *explanation,
               GError **error)
{
  struct style_target target = {0};
  g_autofree char *path = eye_find (settings->features, error);
  g_autoptr (features) features = path ? features_load (path, error) : NULL;
  g_autoptr (plan) plan = NULL;
  struct picture *sheet = NULL;
  if (features && measure (&target, features, settings, error))
    plan = compile (features, &target, picture, (int) settings->threads, error);
  if (plan) {
    struct tensor *input = plan_input (plan, "picture");
    memcpy (input->data, picture->rgb, input->size);
    plan_run (plan, 0, 0);
    report (plan, picture, explanation);
    sheet = draw (plan, picture, explanation, error);
    explanation->notes =
      g_strdup_printf ("layers of %s, fine to coarse, each at %d scales; regions: share of a layer's pull, row by row",
                       features_name (features), STYLE_LOSS_SCALES);
  }
  style_target_clear (&target);
  return sheet;
}
