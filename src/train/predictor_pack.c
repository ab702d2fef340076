/* SPDX-License-Identifier: Apache-2.0
 *
 * Packs in the predictor's recipe; see predictor_recipe.h. The run has all of the pack's weights, "painter.NAME" and
 * "average.painter.NAME", of which no step changes any but the predictor's. */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "impasto/error.h"
#include "train/predictor_recipe.h"
#include "train/recipe.h"
#include "train/style_pack.h"

#define LEAST_VARIANCE 1e-8
#define NO_SAY 1000        /* deviations, within half precision */
#define FREE_DEVIATION 0.1 /* of the free rows at first */

enum { STREAM_ROWS = 810 };

/* --- A new predictor --- */

static struct tensor *
floats (struct shape shape, GError **error)
{
  return tensor_new (shape, DTYPE_F32, error);
}

/* Means and deviations of each number among the pack's paintings. */
static bool
measure (struct tensor *descriptors, struct weights *weights, GError **error)
{
  int64_t n = descriptors->shape.dim[0], d = descriptors->shape.dim[1];
  g_autoptr (tensor) mean = floats (SHAPE (1, d), error), deviation = mean ? floats (SHAPE (1, d), error) : NULL;
  if (!deviation)
    return false;
  for (int64_t k = 0; k < d; k++) {
    const float *column = tensor_floats (descriptors) + k;
    double sum = 0, square = 0;
    for (int64_t i = 0; i < n; i++)
      sum += column[i * d] / n;
    for (int64_t i = 0; i < n; i++)
      square += (column[i * d] - sum) * (column[i * d] - sum) / n;
    tensor_floats (mean)[k] = sum;
    double floor = 1 + fabs (sum); /* what all have alike tells nothing: it is to have no say */
    tensor_floats (deviation)[k] = square > LEAST_VARIANCE * floor * floor ? sqrt (square) : NO_SAY * floor;
  }
  weights_add (weights, "predictor.mean", mean);
  weights_add (weights, "predictor.deviation", deviation);
  return true;
}

/* The mix that falls with the distance of descriptors as a Gibbs distribution does: -|z - z_i|^2 q / T is linear in z
 * but for what all styles have alike; q is each number's share. */
static bool
begin_mix (struct tensor *descriptors, const struct perceptual_net *describer, struct weights *weights, GError **error)
{
  int64_t n = descriptors->shape.dim[0], d = descriptors->shape.dim[1];
  const float *mean = tensor_floats (weights_find (weights, "predictor.mean"));
  const float *deviation = tensor_floats (weights_find (weights, "predictor.deviation"));
  g_autoptr (tensor) weight = floats (SHAPE (n, d), error), bias = weight ? floats (SHAPE (1, n), error) : NULL;
  if (!bias)
    return false;
  for (int64_t i = 0; i < n; i++)
    for (int64_t k = 0; k < d; k++) {
      double q = perceptual_descriptor_share (describer, k);
      double z = (tensor_floats (descriptors)[i * d + k] - mean[k]) / deviation[k];
      tensor_floats (weight)[i * d + k] = 2 * q * z / PERCEPTUAL_TEMPERATURE * sqrt (d); /* it reads z / sqrt (d) */
      tensor_floats (bias)[i] -= q * z * z / PERCEPTUAL_TEMPERATURE;
    }
  weights_add (weights, "predictor.mix.weight", weight);
  weights_add (weights, "predictor.mix.bias", bias);
  return true;
}

/* For each table of @pack one of the basis: the rows of its styles, then @more of noise. */
static bool
begin_basis (const struct pack *pack, int64_t more, uint64_t seed, struct weights *weights, GError **error)
{
  struct random_key key = {.seed = seed, .stream = STREAM_ROWS};
  for (guint i = 0; i < weights_count (pack->weights); i++) {
    struct tensor *table = weights_at (pack->weights, i);
    g_autofree char *own = pack_basis_name (weights_name (pack->weights, i));
    if (!own)
      continue;
    int64_t styles = pack->settings.styles, c = table->shape.dim[1];
    g_autoptr (tensor) basis = floats (SHAPE (styles + more, c), error);
    if (!basis)
      return false;
    memcpy (tensor_floats (basis), tensor_floats (table), styles * c * sizeof (float));
    key.step = i;
    for (int64_t k = 0; k < more * c; k++)
      tensor_floats (basis)[styles * c + k] = FREE_DEVIATION * random_normal (key, k);
    weights_add (weights, own, basis);
  }
  return true;
}

/* --- The run's weights --- */

/* Adds those of @weights that are lacking to the run's, and as averages; what is there must be the same as in @same, if
 * that is given. */
static bool
add_weights (struct trainer *trainer, struct weights *weights, const struct pack *same, GError **error)
{
  for (guint i = 0; i < 2 * weights_count (weights); i++) {
    const char *part = weights_name (weights, i / 2);
    g_autofree char *name = g_strdup_printf ("%spainter.%s", i % 2 ? "average." : "", part);
    struct tensor *there = weights_find (trainer->weights, name);
    if (same && !style_pack_check_same (same, part, there, error))
      return false;
    if (there)
      continue;
    g_autoptr (tensor) own = tensor_convert (weights_at (weights, i / 2), DTYPE_F32, error); /* steps write into it */
    if (!own)
      return false;
    weights_add (trainer->weights, name, own);
  }
  return true;
}

static bool
check_pack (const struct predictor_state *state, GError **error)
{
  const struct pack *into = state->into;
  int64_t d = perceptual_descriptor_size (&state->describer);
  const char *problem = into->settings.layers       ? "its network knows one style and takes no others"
                        : into->settings.skip       ? "corrects photographs (--skip), which no style does"
                        : into->settings.styles < 2 ? "has one style; a predictor wants several to begin with"
                        : !into->descriptors || into->descriptors->shape.dim[1] != d
                          ? "does not tell what its paintings look like, or by another network than --" DESCRIBER_OPTION
                          : NULL;
  if (problem)
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "%s: %s", into->path, problem);
  return !problem;
}

/* A predictor that learns further keeps its size. */
static bool
check_size (const struct predictor_settings *settings, const struct pack *into, GError **error)
{
  const struct predictor_net *net = &into->predictor;
  if ((!settings->free || settings->free == net->free) && (!settings->hidden || settings->hidden == net->hidden))
    return true;
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "%s: its predictor has --free %d --hidden %d, and keeps them",
               into->path, (int) net->free, (int) net->hidden);
  return false;
}

bool
predictor_begin (struct trainer *trainer, struct predictor_state *state, GError **error)
{
  const struct predictor_settings *settings = trainer->settings;
  const struct pack *into = state->into;
  if (!check_pack (state, error))
    return false;
  int64_t d = perceptual_descriptor_size (&state->describer);
  state->net = into->settings;
  if (!add_weights (trainer, into->weights, into, error))
    return false;
  state->net.predictor = into->predictor;
  if (into->predicting)
    return check_size (settings, into, error) && add_weights (trainer, into->predicting, NULL, error);
  state->net.predictor = (struct predictor_net){.described = d,
                                                .mixed = into->settings.styles,
                                                .free = settings->free ? settings->free : PREDICTOR_FREE,
                                                .hidden = settings->hidden ? settings->hidden : PREDICTOR_HIDDEN};
  g_autoptr (weights) begun = weights_new ();
  return measure (into->descriptors, begun, error) && begin_mix (into->descriptors, &state->describer, begun, error) &&
         begin_basis (into, state->net.predictor.free, trainer->run.seed, begun, error) &&
         add_weights (trainer, begun, NULL, error);
}

/* --- The result --- */

struct pack *
predictor_pack (const struct pack *into, struct weights *weights, GError **error)
{
  struct style_net net = into->settings;
  g_autoptr (weights) averaged = recipe_averaged (weights, "painter."), all = weights_new ();
  const struct tensor *mix = weights_find (averaged, "predictor.mix.weight"),
                      *free = weights_find (averaged, "predictor.free.weight");
  if (!mix || !free || mix->shape.rank != 2 || free->shape.rank != 2) {
    g_set_error_literal (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "the run has no predictor");
    return NULL;
  }
  net.predictor = (struct predictor_net){.described = mix->shape.dim[1],
                                         .mixed = mix->shape.dim[0],
                                         .free = free->shape.dim[0],
                                         .hidden = free->shape.dim[1]};
  for (guint i = 0; i < weights_count (averaged); i++) {
    const char *name = weights_name (averaged, i);
    struct tensor *own = weights_find (into->weights, name);
    if (own && !style_pack_check_same (into, name, weights_at (averaged, i), error))
      return NULL;
    weights_add (all, name, own ? own : weights_at (averaged, i));
  }
  struct pack *pack = pack_new (&net, all);
  for (guint i = 0; i < into->styles->len; i++) {
    const struct pack_style *style = into->styles->pdata[i];
    pack_add_style (pack, style->name, style->title, style->artist, style->year);
  }
  pack->descriptors = into->descriptors ? tensor_ref (into->descriptors) : NULL;
  pack->title = g_strdup (into->title);
  pack->license = g_strdup (into->license);
  pack->provenance = g_strdup (into->provenance);
  return pack;
}

void
predictor_add_facts (struct pack *pack, const struct pack *into, JsonObject *facts)
{
  JsonArray *trainings = json_array_new ();
  pack->training = json_object_new ();
  g_autoptr (GList) members = into->training ? json_object_get_members (into->training) : NULL;
  for (GList *member = members; member; member = member->next)
    json_object_set_member (pack->training, member->data,
                            json_node_copy (json_object_get_member (into->training, member->data)));
  JsonNode *before = json_object_get_member (pack->training, "predictor");
  for (guint i = 0;
       before && JSON_NODE_HOLDS_ARRAY (before) && i < json_array_get_length (json_node_get_array (before)); i++)
    json_array_add_element (trainings, json_node_copy (json_array_get_element (json_node_get_array (before), i)));
  json_array_add_object_element (trainings, facts);
  json_object_set_array_member (pack->training, "predictor", trainings);
}
