/* SPDX-License-Identifier: Apache-2.0
 *
 * Style and content distance; see distance.h. One graph gives the Gram matrices of a picture (train/style_loss.h), and
 * compares features with those of a photograph; its plan is kept for pictures of the same size. Float32 throughout, so
 * that a figure is the same on every machine but for rounding. */
#include "effect/distance.h"

#include <math.h>

#include "impasto/error.h"
#include "train/loss.h"
#include "train/style_loss.h"

enum { LEAST = 16 }; /* pixels a side that the scales and strides of the networks need */

struct distance {
  struct features *features;
  struct weights *weights; /* of the eye, under "eye." */
  int threads;
  struct style_target target;
  struct plan *plan;
  int width, height; /* that the plan is for */
  bool grams, content;
};

struct distance *
distance_new (struct features *features, int64_t threads)
{
  struct distance *distance = g_new0 (struct distance, 1);
  distance->features = features;
  distance->threads = threads;
  distance->weights = weights_new ();
  features_add_weights (features, distance->weights, "eye");
  return distance;
}

void
distance_free (struct distance *distance)
{
  if (!distance)
    return;
  style_target_clear (&distance->target);
  g_clear_pointer (&distance->plan, plan_free);
  g_clear_pointer (&distance->weights, weights_unref);
  features_free (distance->features);
  g_free (distance);
}

static void
build_eye (const struct distance *distance, sym picture, struct feature_tap taps[FEATURE_TAPS])
{
  graph_push (picture.graph, "eye");
  features_build (distance->features, picture, FEATURE_CONTENT, taps);
  graph_pop (picture.graph);
}

static void
build (const struct distance *distance, struct graph *graph, int width, int height, bool grams, bool content)
{
  struct shape shape = SHAPE (1, 3, height, width);
  struct feature_tap taps[FEATURE_TAPS], photo[FEATURE_TAPS];
  sym picture = graph_input (graph, "picture", shape);
  if (grams)
    style_grams (picture, distance->features, taps);
  else
    build_eye (distance, picture, taps);
  if (!content)
    return;
  build_eye (distance, graph_input (graph, "photo", shape), photo);
  graph_output (graph, "content",
                loss_content (feature_map (taps[FEATURE_CONTENT]), feature_map (photo[FEATURE_CONTENT])));
}

/* A plan for pictures of @width x @height, or the one that is there. */
static bool
prepare (struct distance *distance, int width, int height, bool grams, bool content, GError **error)
{
  width = MAX (width, LEAST);
  height = MAX (height, LEAST);
  if (distance->plan && distance->width == width && distance->height == height && distance->grams == grams &&
      distance->content == content)
    return true;
  g_clear_pointer (&distance->plan, plan_free);
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (GError) local = NULL;
  build (distance, graph, width, height, grams, content);
  struct plan_options options = {
    .precision = PRECISION_F32, .threads = distance->threads, .memory_limit = cpu_memory_available ()};
  distance->plan = plan_compile (graph, distance->weights, &options, &local);
  distance->width = width;
  distance->height = height;
  distance->grams = grams;
  distance->content = content;
  if (distance->plan)
    return true;
  if (g_error_matches (local, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY))
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY,
                 "looking at %dx%d pixels %s; a smaller --size or --style-size needs less", width, height,
                 local->message);
  else
    g_propagate_error (error, g_steal_pointer (&local));
  return false;
}

static int
mirrored (int i, int n)
{
  i %= 2 * n;
  return i < n ? i : 2 * n - 1 - i;
}

/* The picture as the input @name, mirrored on to the plan's size. */
static void
fill (struct distance *distance, const char *name, const struct picture *picture)
{
  float *out = tensor_floats (plan_input (distance->plan, name));
  int64_t plane = (int64_t) picture->width * picture->height;
  for (int c = 0; c < 3; c++)
    for (int y = 0; y < distance->height; y++) {
      const float *row = picture->rgb + c * plane + (int64_t) mirrored (y, picture->height) * picture->width;
      for (int x = 0; x < distance->width; x++)
        *out++ = row[mirrored (x, picture->width)];
    }
}

bool
distance_set_style (struct distance *distance, const struct picture *style, GError **error)
{
  if (!prepare (distance, style->width, style->height, true, false, error))
    return false;
  fill (distance, "picture", style);
  plan_run (distance->plan, 0, 0);
  style_target_clear (&distance->target);
  if (!style_target_add (&distance->target, distance->plan, 1, error))
    return false;
  style_target_normalize (&distance->target);
  return true;
}

bool
distance_measure (struct distance *distance, const struct picture *painting, const struct picture *photo, double *style,
                  double *content, GError **error)
{
  g_return_val_if_fail (!style || distance->target.gram[0][0], false);
  g_return_val_if_fail (!content || (photo && photo->width == painting->width && photo->height == painting->height),
                        false);
  if (!style && !content)
    return true;
  if (!prepare (distance, painting->width, painting->height, style != NULL, content != NULL, error))
    return false;
  fill (distance, "picture", painting);
  if (content)
    fill (distance, "photo", photo);
  plan_run (distance->plan, 0, 0);
  if (style)
    *style = style_distance (&distance->target, distance->plan);
  if (content)
    *content = tensor_floats (plan_output (distance->plan, "content"))[0];
  if ((!style || isfinite (*style)) && (!content || isfinite (*content)))
    return true;
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_NUMERIC, "the feature network %s gave NaN or infinity",
               distance->features->path ? distance->features->path : features_name (distance->features));
  return false;
}
