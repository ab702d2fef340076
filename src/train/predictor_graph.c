/* SPDX-License-Identifier: Apache-2.0
 *
 * The plans of the predictor's recipe: the training step, and painter and predictor alone. */
#include <string.h>

#include "train/loss.h"
#include "train/predictor_recipe.h"
#include "train/recipe.h"
#include "train/style_loss.h"

#define EPSILON 1e-12 /* of a Gram matrix' mean square */

/* Whether it is learnt: all else is the pack's. */
static bool
is_learnt (const char *name)
{
  return g_str_has_suffix (name, ".basis_scale") || g_str_has_suffix (name, ".basis_shift") ||
         (strstr (name, "predictor.") && (g_str_has_suffix (name, ".weight") || g_str_has_suffix (name, ".bias")));
}

const struct optimizer_options predictor_adam = {
  .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .clip = 10, .wanted = is_learnt};

static void
look (const struct predictor_state *state, sym picture, int last, struct feature_tap taps[FEATURE_TAPS])
{
  graph_push (picture.graph, PREDICTOR_FEATURES);
  features_build (state->features, picture, last, taps);
  graph_pop (picture.graph);
}

/* As recipe_style.c has it, with targets of this batch: mean over scales and taps of the distances of Gram matrices,
 * each over its painting's root mean square. @content gets the features in which content is compared. */
static sym
gram_loss (const struct predictor_state *state, sym painted, sym painting, sym *content)
{
  struct graph *graph = painted.graph;
  const sym none = {graph, -1};
  sym sum = graph_scalar (graph, 0);
  for (int s = 0; s < STYLE_LOSS_SCALES; s++) {
    struct feature_tap seen[FEATURE_TAPS], wanted[FEATURE_TAPS];
    look (state, painted, FEATURE_TAPS - 1, seen);
    look (state, painting, FEATURE_TAPS - 1, wanted);
    if (s == 0)
      *content = feature_map (seen[FEATURE_CONTENT]);
    for (int tap = 0; tap < FEATURE_TAPS; tap++) {
      sym gram = feature_gram (wanted[tap]);
      sym inverse = sym_rsqrt (sym_shift (sym_mean (sym_square (gram), AXIS (1) | AXIS (2)), EPSILON));
      sum = sym_add (sum, loss_gram_weighted (feature_gram (seen[tap]), inverse, sym_mul (gram, inverse), none));
    }
    painted = sym_avg_pool (painted, 2, 2, 0);
    painting = sym_avg_pool (painting, 2, 2, 0);
  }
  return sym_scale (sum, 1.0 / (STYLE_LOSS_SCALES * FEATURE_TAPS));
}

/* @photo as it is painted like @painting, by the weights in @scope. */
static sym
paint (const struct predictor_state *state, const char *scope, sym photo, sym painting)
{
  struct graph *graph = photo.graph;
  int64_t n = sym_shape (photo).dim[0], before = style_net_basis_row (&state->net);
  graph_push (graph, PREDICTOR_DESCRIBER);
  sym descriptor = perceptual_descriptor (painting, &state->describer);
  graph_pop (graph);
  graph_push (graph, "%s", scope);
  sym rows = predictor_net (descriptor, &state->net.predictor);
  rows = sym_pad (sym_reshape (rows, SHAPE (n, 1, 1, -1)), PAD_ZERO, 0, before, 0, 0); /* no style of its own */
  sym painted = style_net (photo, (struct style_control){.rows = sym_reshape (rows, SHAPE (n, -1))}, &state->net);
  graph_pop (graph);
  return painted;
}

static sym
painter_loss (struct graph *graph, const struct predictor_settings *settings, const struct predictor_state *state)
{
  int64_t b = settings->batch, size = settings->size;
  const sym none = {graph, -1};
  sym photo = graph_input (graph, "photo", SHAPE (b, 3, size, size));
  sym painting = graph_input (graph, "painting", SHAPE (b, 3, size, size));
  sym palette = graph_input (graph, "palette-target", SHAPE (b, LOSS_PALETTE));
  sym colors = graph_input (graph, "colors-target", SHAPE (b, LOSS_COLORS));
  sym content, sum = graph_scalar (graph, 0), painted = paint (state, "painter", photo, painting);
  struct feature_tap taps[FEATURE_TAPS];
  sym style = gram_loss (state, painted, painting, &content);
  look (state, photo, FEATURE_CONTENT, taps);
  loss_add (&sum, "content", loss_content (content, feature_map (taps[FEATURE_CONTENT])), settings->content_weight);
  loss_add (&sum, "style", style, settings->style_weight);
  loss_add (&sum, "variation", loss_variation (painted), settings->variation_weight);
  loss_add (&sum, "calm", loss_calm (painted, photo, none), settings->calm_weight);
  loss_add (&sum, "mesh", loss_mesh (painted, none), settings->mesh_weight);
  loss_add (&sum, "alike", loss_alike (painted, photo, none), settings->alike_weight);
  loss_add (&sum, "palette", loss_palette (painted, palette, none), settings->palette_weight);
  loss_add (&sum, "colors", loss_colors (painted, colors, none), settings->colors_weight);
  graph_output (graph, "loss", sum);
  return sum;
}

bool
predictor_build_training (struct trainer *trainer, struct predictor_state *state, GError **error)
{
  g_autoptr (graph) graph = graph_new ();
  sym loss = painter_loss (graph, trainer->settings, state);
  sym rate = graph_input (graph, "rate", SHAPE_SCALAR), decay = graph_input (graph, "decay", SHAPE_SCALAR);
  graph_output (graph, "gradient", optimizer_step (loss, "painter.", rate, decay, &predictor_adam));
  if (!graph_check (graph, error) || !weights_init (trainer->weights, graph, trainer->run.seed, error))
    return false;
  state->plan = recipe_compile (trainer, graph, error);
  return state->plan != NULL;
}

bool
predictor_build_sampler (struct trainer *trainer, struct predictor_state *state, GError **error)
{
  const struct predictor_settings *settings = trainer->settings;
  struct shape shape = SHAPE (1, 3, settings->size, settings->size);
  g_autoptr (graph) graph = graph_new ();
  sym photo = graph_input (graph, "photo", shape), painting = graph_input (graph, "painting", shape);
  graph_output (graph, "painted", paint (state, "average.painter", photo, painting));
  state->sampler = recipe_compile (trainer, graph, error);
  return state->sampler != NULL;
}
