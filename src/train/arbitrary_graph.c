/* SPDX-License-Identifier: Apache-2.0
 *
 * The losses of a painter of any style, and its plans:
 *
 *   L = content_weight * mean (n(f(y)) - n(f(x)))^2  +  style_weight * (L_gram + L_moments)  +  variation_weight * L_tv
 *     + calm_weight * L_calm  +  range_weight * mean (y' - y)^2
 *
 * y is the painting y' held to 0..1; without the last term nothing would keep the network from spikes beyond white,
 * which lessen the contrast of all the rest, as y' has a given deviation. n: features less their mean over their
 * deviation, so that palette and contrast are the painting's to choose (Park and Lee 2019). L_gram: squared differences
 * of Gram matrices (Gatys 2016), L_moments: of means and deviations (Huang and Belongie 2017), each over the square of
 * the painting's, of four features at the scales 1 and 1/2. A share of the items has strength 0: there y' is to be the
 * photograph itself, pixel by pixel, which keeps detail in the features' way through the decoder (identity losses: Park
 * and Lee 2019). Each item draws its fusion between AdaIN and attention. */
#include "train/arbitrary_recipe.h"

#include "train/loss.h"
#include "train/recipe.h"

#define SCALES 2

const struct optimizer_options arbitrary_adam = {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .clip = 10};

/* Losses: a number an item, (n, 1) */

static sym
item_mean (sym x)
{
  unsigned axes = sym_shape (x).rank == 4 ? AXES_CHW : AXIS (1) | AXIS (2);
  return sym_reshape (sym_mean (x, axes), SHAPE (-1, 1));
}

/* |x - target|^2 over |target|^2; a tenth of |x|^2 below as well, so that no dark painting outweighs the others. */
static sym
relative (sym x, sym target)
{
  sym norm = sym_add (item_mean (sym_square (target)), sym_scale (item_mean (sym_square (sym_stop_gradient (x))), 0.1));
  return sym_div (item_mean (sym_square (sym_sub (x, target))), sym_shift (norm, 1e-8));
}

static sym
mean_and_deviation (sym x)
{
  return sym_concat ((sym[]){sym_mean (x, AXES_HW), sym_sqrt (sym_shift (sym_variance (x, AXES_HW), 1e-6))}, 2, 1);
}

static sym
normalized (sym x)
{
  return sym_mul (sym_sub (x, sym_mean (x, AXES_HW)), sym_rsqrt (sym_shift (sym_variance (x, AXES_HW), 1e-5)));
}

static void
look (const struct features *eye, const struct arbitrary_settings *settings, sym picture,
      struct feature_tap taps[FEATURE_TAPS])
{
  graph_push (picture.graph, "%s", settings->features ? "frozen.features" : "encoder");
  features_build (eye, picture, FEATURE_TAPS - 1, taps);
  graph_pop (picture.graph);
}

struct losses {
  sym content, gram, moments;
};

static struct losses
compare (const struct features *eye, const struct arbitrary_settings *settings, sym photo, sym style, sym painted)
{
  struct graph *graph = photo.graph;
  struct losses losses = {{graph, -1}, graph_scalar (graph, 0), graph_scalar (graph, 0)};
  struct feature_tap seen[FEATURE_TAPS], wanted[FEATURE_TAPS];
  look (eye, settings, photo, wanted);
  sym content = sym_stop_gradient (feature_map (wanted[FEATURE_CONTENT]));
  for (int s = 0; s < SCALES; s++) {
    if (s > 0) {
      painted = sym_avg_pool (painted, 2, 2, 0);
      style = sym_avg_pool (style, 2, 2, 0);
    }
    look (eye, settings, painted, seen);
    look (eye, settings, style, wanted);
    if (s == 0)
      losses.content =
        item_mean (sym_square (sym_sub (normalized (feature_map (seen[FEATURE_CONTENT])), normalized (content))));
    for (int i = 0; i < FEATURE_TAPS; i++) {
      losses.gram = sym_add (losses.gram, relative (feature_gram (seen[i]), feature_gram (wanted[i])));
      losses.moments =
        sym_add (losses.moments, relative (mean_and_deviation (seen[i].x), mean_and_deviation (wanted[i].x)));
    }
  }
  losses.gram = sym_scale (losses.gram, 1.0 / (SCALES * FEATURE_TAPS));
  losses.moments = sym_scale (losses.moments, 1.0 / (SCALES * FEATURE_TAPS));
  return losses;
}

/* Mean over the batch of the items' losses by @share, (n, 1). */
static sym
batch_mean (sym x, sym share)
{
  return sym_reshape (sym_mean (sym_mul (x, share), AXES_ALL), SHAPE_SCALAR);
}

bool
arbitrary_build_training (struct trainer *trainer, struct arbitrary_state *state, GError **error)
{
  const struct arbitrary_settings *settings = trainer->settings;
  int64_t b = settings->batch, size = settings->size;
  g_autoptr (graph) graph = graph_new ();
  sym photo = graph_input (graph, "photo", SHAPE (b, 3, size, size));
  sym style = graph_input (graph, "style", SHAPE (b, 3, size, size));
  sym strength = graph_input (graph, "strength", SHAPE (b, 1)), stays = sym_affine (strength, -1, 1);
  sym attention = graph_input (graph, "attention", SHAPE (b, 1));
  sym rate = graph_input (graph, "rate", SHAPE_SCALAR), decay = graph_input (graph, "decay", SHAPE_SCALAR);
  struct arbitrary_style encoded = arbitrary_encode (style, &settings->net);
  sym unclamped;
  struct arbitrary_control control = {
    .styles = &encoded, .n_styles = 1, .attention = attention, .strength = strength, .unclamped = &unclamped};
  sym painted = arbitrary_net (photo, control, &settings->net);
  struct losses losses = compare (state->eye, settings, photo, style, painted);
  sym content = sym_reshape (sym_mean (losses.content, AXES_ALL), SHAPE_SCALAR);
  sym gram = batch_mean (losses.gram, strength), moments = batch_mean (losses.moments, strength);
  sym identity = batch_mean (item_mean (sym_square (sym_sub (unclamped, photo))), stays);
  sym range = sym_reshape (sym_mean (sym_square (sym_sub (unclamped, painted)), AXES_ALL), SHAPE_SCALAR);
  sym calm = loss_calm (painted, photo, sym_reshape (strength, SHAPE (-1, 1, 1, 1)));
  sym loss = graph_scalar (graph, 0);
  loss_add (&loss, "content", content, settings->content_weight);
  loss = loss_sum (loss, sym_add (gram, moments), settings->style_weight);
  loss_add (&loss, "identity", identity, settings->identity_weight);
  loss_add (&loss, "variation", loss_variation (painted), settings->variation_weight);
  loss_add (&loss, "calm", calm, settings->calm_weight);
  loss_add (&loss, "range", range, settings->range_weight);
  sym norm = optimizer_step (loss, "decoder.", rate, decay, &arbitrary_adam);
  graph_output (graph, "loss", loss);
  graph_output (graph, "gram", gram);
  graph_output (graph, "moments", moments);
  graph_output (graph, "gradient", norm);
  if (!graph_check (graph, error) || !weights_init (trainer->weights, graph, trainer->run.seed, error))
    return false;
  state->plan = recipe_compile (trainer, graph, error);
  return state->plan != NULL;
}

bool
arbitrary_build_sampler (struct trainer *trainer, struct arbitrary_state *state, GError **error)
{
  const struct arbitrary_settings *settings = trainer->settings;
  struct shape shape = SHAPE (1, 3, settings->size, settings->size);
  g_autoptr (graph) graph = graph_new ();
  sym photo = graph_input (graph, "photo", shape), style = graph_input (graph, "style", shape);
  sym strength = graph_input (graph, "strength", SHAPE (1, 1));
  sym attention = graph_input (graph, "attention", SHAPE (1, 1));
  graph_push (graph, "average");
  struct arbitrary_style encoded = arbitrary_encode (style, &settings->net);
  struct arbitrary_control control = {.styles = &encoded, .n_styles = 1, .attention = attention, .strength = strength};
  graph_output (graph, "painting", arbitrary_net (photo, control, &settings->net));
  graph_pop (graph);
  state->sampler = recipe_compile (trainer, graph, error);
  return state->sampler != NULL;
}
