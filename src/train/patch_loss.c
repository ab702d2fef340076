/* SPDX-License-Identifier: Apache-2.0
 *
 * Matching patches as a convolution: the paintings' patches, each scaled to length 1, are its filters, a few at a time;
 * at each place the filter with the largest answer is the match (the length of the picture's own patch is the same for
 * all). See patch_loss.h. */
#include "train/patch_loss.h"

#include <math.h>
#include <string.h>

#include "compile/plan.h"
#include "impasto/error.h"

#define SIDE 3
#define AREA (SIDE * SIDE)
#define CHUNK 128 /* filters at a time */

struct patch_matcher {
  struct plan *look, *match; /* picture -> features; features, filters -> answers */
  float *best;               /* (h-2, w-2) */
  int32_t *chosen;
  float *sum; /* matches that cover a place, (h, w) */
};

sym
patch_features (sym picture, const struct features *features)
{
  struct feature_tap taps[FEATURE_TAPS];
  sym half = sym_avg_pool (picture, 2, 2, 0);
  graph_push (picture.graph, "eye");
  features_build (features, half, FEATURE_CONTENT, taps);
  graph_pop (picture.graph);
  return feature_map (taps[FEATURE_CONTENT]);
}

static struct plan_options
plan_options (int threads, uint64_t limit)
{
  return (struct plan_options){.precision = PRECISION_F32, .threads = threads, .memory_limit = limit};
}

static struct plan *
looking_plan (const struct features *features, int64_t width, int64_t height, int threads, uint64_t limit,
              GError **error)
{
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (weights) weights = weights_new ();
  struct plan_options options = plan_options (threads, limit);
  features_add_weights (features, weights, "eye");
  graph_output (graph, "features",
                patch_features (graph_input (graph, "picture", SHAPE (1, 3, height, width)), features));
  return plan_compile (graph, weights, &options, error);
}

/* --- Patches of paintings --- */

/* @count patches of @features (1,c,h,w) from number @first on; which ones is the golden ratio's choice: evenly spread,
 * however many. */
static void
cut_patches (struct patches *patches, int64_t first, int64_t count, struct tensor *features)
{
  int64_t c = patches->channels, h = features->shape.dim[2], w = features->shape.dim[3];
  int64_t rows = h - SIDE + 1, columns = w - SIDE + 1, places = rows * columns;
  const float *f = tensor_floats (features);
  for (int64_t i = 0; i < count; i++) {
    double turn = (i + 0.5) * 0.6180339887498949;
    int64_t place = MIN ((int64_t) ((turn - floor (turn)) * places), places - 1);
    place = count == places ? i : place;
    int64_t y = place / columns, x = place % columns;
    float *value = tensor_floats (patches->values) + (first + i) * c * AREA;
    float *filter = tensor_floats (patches->filters) + (first + i) * c * AREA;
    double square = 0;
    for (int64_t k = 0; k < c; k++)
      for (int dy = 0; dy < SIDE; dy++)
        for (int dx = 0; dx < SIDE; dx++) {
          float v = value[(k * SIDE + dy) * SIDE + dx] = f[(k * h + y + dy) * w + x + dx];
          square += (double) v * v;
        }
    float inverse = 1 / sqrt (square + 1e-12);
    for (int64_t k = 0; k < c * AREA; k++)
      filter[k] = value[k] * inverse;
  }
}

/* How many patches a feature map of @picture's has. */
static int64_t
count_places (const struct picture *picture)
{
  int64_t h = picture->height / 8 - SIDE + 1, w = picture->width / 8 - SIDE + 1;
  return h * w;
}

static bool
add_painting (struct patches *patches, const struct features *features, const struct style_painting *painting,
              int64_t count, int threads, uint64_t limit, GError **error)
{
  const struct picture *picture = painting->picture;
  int64_t h = picture->height / 8 * 8, w = picture->width / 8 * 8;
  g_autoptr (plan) plan = looking_plan (features, w, h, threads, limit, error);
  if (!plan)
    return false;
  float *pixels = tensor_floats (plan_input (plan, "picture"));
  for (int64_t c = 0; c < 3; c++)
    for (int64_t y = 0; y < h; y++)
      memcpy (pixels + (c * h + y) * w, picture->rgb + (c * picture->height + y) * picture->width, w * sizeof (float));
  plan_run (plan, 0, 0);
  cut_patches (patches, patches->count, count, plan_output (plan, "features"));
  patches->count += count;
  return true;
}

struct patches *
patches_new (const struct features *features, const struct style_painting *paintings, int n, int64_t most, int threads,
             uint64_t limit, GError **error)
{
  g_autoptr (patches) patches = g_new0 (struct patches, 1);
  g_autofree int64_t *counts = g_new0 (int64_t, n);
  int64_t count = 0;
  for (int i = 0; i < n; i++) {
    counts[i] = CLAMP ((int64_t) lrint (paintings[i].share * most), 1, count_places (paintings[i].picture));
    count += counts[i];
  }
  patches->channels = features_channels (features, FEATURE_CONTENT);
  patches->values = tensor_new (SHAPE (count, patches->channels, SIDE, SIDE), DTYPE_F32, error);
  patches->filters =
    patches->values ? tensor_new (SHAPE (count, patches->channels, SIDE, SIDE), DTYPE_F32, error) : NULL;
  if (!patches->filters)
    return NULL;
  for (int i = 0; i < n; i++)
    if (!add_painting (patches, features, &paintings[i], counts[i], threads, limit, error))
      return NULL;
  return g_steal_pointer (&patches);
}

void
patches_free (struct patches *patches)
{
  if (!patches)
    return;
  g_clear_pointer (&patches->values, tensor_unref);
  g_clear_pointer (&patches->filters, tensor_unref);
  g_free (patches);
}

/* --- Matching --- */

static struct plan *
matching_plan (struct shape features, int threads, uint64_t limit, GError **error)
{
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (weights) none = weights_new ();
  struct plan_options options = plan_options (threads, limit);
  sym f = graph_input (graph, "features", features);
  sym filters = graph_input (graph, "filters", SHAPE (CHUNK, features.dim[1], SIDE, SIDE));
  graph_output (graph, "answers", sym_conv2d (f, filters, (struct conv_options){0}));
  return plan_compile (graph, none, &options, error);
}

struct patch_matcher *
patch_matcher_new (const struct features *features, int64_t width, int64_t height, int threads, uint64_t limit,
                   GError **error)
{
  g_autoptr (patch_matcher) matcher = g_new0 (struct patch_matcher, 1);
  matcher->look = looking_plan (features, width, height, threads, limit, error);
  if (!matcher->look)
    return NULL;
  const struct shape *shape = &plan_output (matcher->look, "features")->shape;
  matcher->match = matching_plan (*shape, threads, limit, error);
  if (!matcher->match)
    return NULL;
  int64_t places = shape->dim[2] * shape->dim[3];
  matcher->best = g_try_new (float, places);
  matcher->chosen = g_try_new (int32_t, places);
  matcher->sum = g_try_new (float, places);
  if (matcher->best && matcher->chosen && matcher->sum)
    return g_steal_pointer (&matcher);
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "no memory for matching patches");
  return NULL;
}

void
patch_matcher_free (struct patch_matcher *matcher)
{
  if (!matcher)
    return;
  g_clear_pointer (&matcher->look, plan_free);
  g_clear_pointer (&matcher->match, plan_free);
  g_free (matcher->best);
  g_free (matcher->chosen);
  g_free (matcher->sum);
  g_free (matcher);
}

uint64_t
patch_matcher_bytes (const struct patch_matcher *matcher)
{
  const struct shape *shape = &plan_output (matcher->look, "features")->shape;
  return plan_memory (matcher->look) + plan_memory (matcher->match) + 12 * shape->dim[2] * shape->dim[3];
}

/* Answers of the filters from @first on; the best so far and whose it is are kept. */
static void
match_chunk (struct patch_matcher *matcher, const struct patches *patches, int64_t first)
{
  int64_t size = patches->channels * AREA, n = MIN (CHUNK, patches->count - first);
  struct tensor *filters = plan_input (matcher->match, "filters"), *answers = plan_output (matcher->match, "answers");
  int64_t places = answers->shape.dim[2] * answers->shape.dim[3];
  memset (filters->data, 0, filters->size);
  memcpy (filters->data, tensor_floats (patches->filters) + first * size, n * size * sizeof (float));
  plan_run (matcher->match, 0, 0);
  for (int64_t k = 0; k < n; k++)
    for (int64_t i = 0; i < places; i++) {
      float answer = tensor_floats (answers)[k * places + i];
      if ((first == 0 && k == 0) || answer > matcher->best[i]) {
        matcher->best[i] = answer;
        matcher->chosen[i] = (int32_t) (first + k);
      }
    }
}

void
patch_match (struct patch_matcher *matcher, const struct patches *patches, const float *picture, struct tensor *target)
{
  struct tensor *input = plan_input (matcher->look, "picture"), *features = plan_output (matcher->look, "features");
  memcpy (input->data, picture, input->size);
  plan_run (matcher->look, 0, 0);
  memcpy (plan_input (matcher->match, "features")->data, features->data, features->size);
  for (int64_t first = 0; first < patches->count; first += CHUNK)
    match_chunk (matcher, patches, first);

  int64_t c = patches->channels, h = target->shape.dim[2], w = target->shape.dim[3];
  int64_t rows = h - SIDE + 1, columns = w - SIDE + 1;
  float *out = tensor_floats (target), *sum = matcher->sum;
  memset (out, 0, target->size);
  memset (sum, 0, h * w * sizeof (float));
  for (int64_t i = 0; i < rows * columns; i++) {
    const float *value = tensor_floats (patches->values) + matcher->chosen[i] * c * AREA;
    for (int64_t o = 0; o < AREA; o++) {
      int64_t place = (i / columns + o / SIDE) * w + i % columns + o % SIDE;
      sum[place] += 1;
      for (int64_t k = 0; k < c; k++)
        out[k * h * w + place] += value[k * AREA + o];
    }
  }
  for (int64_t k = 0; k < c; k++)
    for (int64_t i = 0; i < h * w; i++)
      out[k * h * w + i] /= sum[i];
}
