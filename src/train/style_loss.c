/* SPDX-License-Identifier: Apache-2.0
 *
 * Measuring paintings, and the loss and the distance against what was measured; see style_loss.h. One plan a painting
 * gives all its Gram matrices; they are mixed before they are normalised, so that a mix is as strong a style as a
 * painting. */
#include "train/style_loss.h"

#include <math.h>
#include <string.h>

#include "impasto/error.h"

#define SCALES STYLE_LOSS_SCALES

/* The parameters are the same at each scale. */
void
style_look (sym picture, const struct features *features, sym gram[SCALES][FEATURE_TAPS],
            struct feature_tap taps[FEATURE_TAPS])
{
  for (int s = 0; s < SCALES; s++) {
    struct feature_tap seen[FEATURE_TAPS];
    if (s > 0)
      picture = sym_avg_pool (picture, 2, 2, 0);
    graph_push (picture.graph, "eye");
    features_build (features, picture, FEATURE_TAPS - 1, seen);
    graph_pop (picture.graph);
    for (int t = 0; t < FEATURE_TAPS; t++)
      gram[s][t] = feature_gram (seen[t]);
    if (s == 0 && taps)
      memcpy (taps, seen, sizeof seen);
  }
}

static const char *
gram_name (int scale, int tap)
{
  g_autofree char *name = g_strdup_printf ("gram.%d.%d", scale, tap);
  return g_intern_string (name);
}

void
style_grams (sym picture, const struct features *features, struct feature_tap taps[FEATURE_TAPS])
{
  sym gram[SCALES][FEATURE_TAPS];
  style_look (picture, features, gram, taps);
  for (int s = 0; s < SCALES; s++)
    for (int t = 0; t < FEATURE_TAPS; t++)
      graph_output (picture.graph, gram_name (s, t), gram[s][t]);
}

bool
style_target_add (struct style_target *target, struct plan *plan, double share, GError **error)
{
  for (int s = 0; s < SCALES; s++)
    for (int t = 0; t < FEATURE_TAPS; t++) {
      struct tensor *gram = plan_output (plan, gram_name (s, t)), **sum = &target->gram[s][t];
      if (!*sum && !(*sum = tensor_new (gram->shape, DTYPE_F32, error)))
        return false;
      for (int64_t i = 0; i < shape_size (&gram->shape); i++)
        tensor_floats (*sum)[i] += share * tensor_floats (gram)[i];
    }
  return true;
}

void
style_target_normalize (struct style_target *target)
{
  for (int s = 0; s < SCALES; s++)
    for (int t = 0; t < FEATURE_TAPS; t++) {
      float *gram = tensor_floats (target->gram[s][t]);
      int64_t size = shape_size (&target->gram[s][t]->shape);
      double square = 0;
      for (int64_t i = 0; i < size; i++)
        square += (double) gram[i] * gram[i];
      target->inverse[s][t] = 1 / sqrt (square / size + 1e-20);
      for (int64_t i = 0; i < size; i++)
        gram[i] *= target->inverse[s][t];
    }
}

struct plan *
style_measuring_plan (const struct features *features, int64_t height, int64_t width,
                      const struct plan_options *options, GError **error)
{
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (weights) weights = weights_new ();
  features_add_weights (features, weights, "eye");
  style_grams (graph_input (graph, "painting", SHAPE (1, 3, height, width)), features, NULL);
  return plan_compile (graph, weights, options, error);
}

/* Adds @painting's Gram matrices, times its share, to the target's. */
static bool
add_painting (struct style_target *target, const struct features *features, const struct style_painting *painting,
              int threads, uint64_t limit, GError **error)
{
  const struct picture *picture = painting->picture;
  int64_t h = picture->height / 4 * 4, w = picture->width / 4 * 4;
  struct plan_options options = {.precision = PRECISION_F32, .threads = threads, .memory_limit = limit};
  g_autoptr (plan) plan = style_measuring_plan (features, h, w, &options, error);
  if (!plan)
    return false;
  float *pixels = tensor_floats (plan_input (plan, "painting"));
  for (int64_t c = 0; c < 3; c++)
    for (int64_t y = 0; y < h; y++)
      memcpy (pixels + (c * h + y) * w, picture->rgb + (c * picture->height + y) * picture->width, w * sizeof (float));
  plan_run (plan, 0, 0);
  return style_target_add (target, plan, painting->share, error);
}

bool
style_target_measure (struct style_target *target, const struct features *features,
                      const struct style_painting *paintings, int n, int threads, uint64_t limit, GError **error)
{
  style_target_clear (target);
  for (int i = 0; i < n; i++)
    if (!add_painting (target, features, &paintings[i], threads, limit, error))
      return false;
  style_target_normalize (target);
  return true;
}

bool
style_target_blank (struct style_target *target, const struct features *features, GError **error)
{
  style_target_clear (target);
  for (int s = 0; s < SCALES; s++)
    for (int t = 0; t < FEATURE_TAPS; t++) {
      int64_t c = features_channels (features, t);
      target->gram[s][t] = tensor_new (SHAPE (1, c, c), DTYPE_F32, error);
      target->inverse[s][t] = 1;
      if (!target->gram[s][t])
        return false;
    }
  return true;
}

void
style_target_clear (struct style_target *target)
{
  for (int s = 0; s < SCALES; s++)
    for (int t = 0; t < FEATURE_TAPS; t++)
      g_clear_pointer (&target->gram[s][t], tensor_unref);
}

void
style_loss_parts (sym picture, const struct features *features, const struct style_target *target,
                  struct feature_tap taps[FEATURE_TAPS], sym part[SCALES][FEATURE_TAPS])
{
  struct graph *graph = picture.graph;
  sym gram[SCALES][FEATURE_TAPS];
  style_look (picture, features, gram, taps);
  for (int s = 0; s < SCALES; s++)
    for (int t = 0; t < FEATURE_TAPS; t++) {
      sym distance =
        sym_sub (sym_scale (gram[s][t], target->inverse[s][t]), graph_constant (graph, target->gram[s][t]));
      part[s][t] = sym_reshape (sym_mean (sym_square (distance), AXES_ALL), SHAPE_SCALAR);
    }
}

sym
style_loss (sym picture, const struct features *features, const struct style_target *target,
            struct feature_tap taps[FEATURE_TAPS])
{
  sym part[SCALES][FEATURE_TAPS], sum = graph_scalar (picture.graph, 0);
  style_loss_parts (picture, features, target, taps, part);
  for (int s = 0; s < SCALES; s++)
    for (int t = 0; t < FEATURE_TAPS; t++)
      sum = sym_add (sum, part[s][t]);
  return sym_scale (sum, 1.0 / (SCALES * FEATURE_TAPS));
}

double
style_distance (const struct style_target *target, struct plan *plan)
{
  double sum = 0;
  for (int s = 0; s < SCALES; s++)
    for (int t = 0; t < FEATURE_TAPS; t++) {
      const float *gram = tensor_floats (plan_output (plan, gram_name (s, t)));
      const float *wanted = tensor_floats (target->gram[s][t]);
      int64_t n = shape_size (&target->gram[s][t]->shape);
      double square = 0;
      for (int64_t i = 0; i < n; i++) {
        double difference = gram[i] * target->inverse[s][t] - wanted[i];
        square += difference * difference;
      }
      sum += square / n;
    }
  return sum / (SCALES * FEATURE_TAPS);
}
