/* SPDX-License-Identifier: Apache-2.0
 *
 * The plans of the style recipe: the training step, and the painter alone. The formula is in recipe_style.c. */
#include "train/loss.h"
#include "train/recipe.h"
#include "train/style_pack.h"
#include "train/style_recipe.h"

const struct optimizer_options style_painter_adam = {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .clip = 10};
const struct optimizer_options style_judge_adam = {.beta1 = 0.5, .beta2 = 0.999, .epsilon = 1e-8, .clip = 10};

bool
style_has_judge (const struct style_settings *settings)
{
  return settings->adversary_weight > 0 && !settings->into;
}

static void
build_features (const struct style_state *state, sym picture, int last, struct feature_tap taps[FEATURE_TAPS])
{
  graph_push (picture.graph, "frozen.features");
  features_build (state->features, picture, last, taps);
  graph_pop (picture.graph);
}

/* Mean over scales and taps of the Gram losses against the mix of targets that @targets (n, rows of the tables) says,
 * each picture's times @weight (n, 1, 1). @content gets the features in which content is compared. */
static sym
style_loss (const struct style_state *state, sym painted, sym targets, sym weight, sym *content)
{
  struct graph *graph = painted.graph;
  const struct style_data *data = &state->data;
  sym sum = graph_scalar (graph, 0), x = painted;
  for (int s = 0; s < STYLE_SCALES; s++) {
    struct feature_tap taps[FEATURE_TAPS];
    build_features (state, x, FEATURE_TAPS - 1, taps);
    if (s == 0)
      *content = feature_map (taps[FEATURE_CONTENT]);
    for (int tap = 0; tap < FEATURE_TAPS; tap++) {
      int64_t c = taps[tap].channels;
      sym mix = sym_matmul (targets, graph_constant (graph, data->gram[s][tap]));
      sym inverse = sym_matmul (targets, graph_constant (graph, data->inverse[s][tap]));
      sum = sym_add (sum, loss_gram_weighted (feature_gram (taps[tap]), sym_reshape (inverse, SHAPE (-1, 1, 1)),
                                              sym_reshape (mix, SHAPE (-1, c, c)), weight));
    }
    x = sym_avg_pool (x, 2, 2, 0);
  }
  return sym_scale (sum, 1.0 / (STYLE_SCALES * FEATURE_TAPS));
}

/* Score maps of the head that belongs to each picture's style. */
static sym
judge (sym picture, sym style, const struct style_settings *settings, int n_styles)
{
  struct patch_net net = {.heads = n_styles, .width = settings->judge_width, .layers = 3, .norm = true};
  graph_push (picture.graph, "judge");
  sym maps = patch_net (sym_affine (picture, 2, -1), &net);
  graph_pop (picture.graph);
  return sym_sum (sym_mul (maps, sym_reshape (style, SHAPE (-1, n_styles, 1, 1))), AXIS (1));
}

/* Adds the judge's losses: returns the painter's, assigns the judge's weights. */
static sym
build_judge (const struct style_settings *settings, sym painted, sym style, sym weight)
{
  struct graph *graph = painted.graph;
  int n = sym_shape (style).dim[1];
  sym painting = graph_input (graph, "painting", sym_shape (painted));
  sym rate = graph_input (graph, "judge-rate", SHAPE_SCALAR);
  sym loss = loss_least_squares_weighted (judge (painted, style, settings, n), 1, weight);
  sym real = loss_least_squares (judge (painting, style, settings, n), 1);
  sym fake = loss_least_squares_weighted (judge (sym_stop_gradient (painted), style, settings, n), 0, weight);
  sym l_judge = sym_scale (sym_add (real, fake), 0.5);
  graph_output (graph, "adversary", loss);
  graph_output (graph, "judge", l_judge);
  graph_output (graph, "judge-gradient", optimizer_step (l_judge, "judge.", rate, (sym){graph, -1}, &style_judge_adam));
  return loss;
}

/* What a step sees of its photographs. */
struct batch {
  sym photo, style, rows, targets;
  sym share, weight; /* (n, 1, 1, 1): the photograph's share p, and (1 - p)^2; null without a row of the photograph */
};

static struct batch
input_batch (struct graph *graph, const struct style_settings *settings, const struct style_state *state)
{
  int64_t b = settings->batch, size = settings->size, photograph = style_net_photograph_row (&state->net);
  struct batch batch = {.photo = graph_input (graph, "photo", SHAPE (b, 3, size, size)),
                        .style = graph_input (graph, "style", SHAPE (b, state->net.styles)),
                        .rows = graph_input (graph, "rows", SHAPE (b, style_net_rows (&state->net))),
                        .targets = graph_input (graph, "targets", SHAPE (b, style_data_rows (&state->data))),
                        .share = {graph, -1},
                        .weight = {graph, -1}};
  if (photograph < 0)
    return batch;
  batch.share = sym_reshape (sym_slice (batch.rows, 1, photograph, photograph + 1, 1), SHAPE (b, 1, 1, 1));
  batch.weight = sym_square (sym_affine (batch.share, -1, 1));
  return batch;
}

/* The painter's loss. */
static sym
painter_loss (struct graph *graph, const struct style_settings *settings, const struct style_state *state)
{
  struct batch batch = input_batch (graph, settings, state);
  sym weight = batch.weight, weight3 = sym_null (weight) ? weight : sym_reshape (weight, SHAPE (-1, 1, 1));
  sym content, sum = graph_scalar (graph, 0);
  struct feature_tap taps[FEATURE_TAPS];
  graph_push (graph, "painter");
  sym painted = style_net (batch.photo, (struct style_control){.rows = batch.rows}, &state->net);
  graph_pop (graph);
  sym l_style = style_loss (state, painted, batch.targets, weight3, &content);
  build_features (state, batch.photo, FEATURE_CONTENT, taps);
  sym palette = sym_matmul (batch.targets, graph_constant (graph, state->data.palette));
  sym colors = sym_matmul (batch.targets, graph_constant (graph, state->data.colors));
  loss_add (&sum, "content", loss_content (content, feature_map (taps[FEATURE_CONTENT])), settings->content_weight);
  loss_add (&sum, "style", l_style, settings->style_weight);
  loss_add (&sum, "variation", loss_variation_weighted (painted, weight), settings->variation_weight);
  loss_add (&sum, "calm", loss_calm (painted, batch.photo, weight), settings->calm_weight);
  loss_add (&sum, "mesh", loss_mesh (painted, weight), settings->mesh_weight);
  loss_add (&sum, "alike", loss_alike (painted, batch.photo, weight3), settings->alike_weight);
  loss_add (&sum, "palette", loss_palette (painted, palette, weight3), settings->palette_weight);
  loss_add (&sum, "colors", loss_colors (painted, colors, weight3), settings->colors_weight);
  if (!sym_null (batch.share))
    loss_add (&sum, "pixel", loss_pixels (painted, batch.photo, batch.share), settings->pixel_weight);
  if (style_has_judge (settings))
    sum = loss_sum (sum, build_judge (settings, painted, batch.style, weight), settings->adversary_weight);
  graph_output (graph, "loss", sum);
  return sum;
}

bool
style_build_training (struct trainer *trainer, GError **error)
{
  const struct style_settings *settings = trainer->settings;
  struct style_state *state = trainer->state;
  g_autoptr (graph) graph = graph_new ();
  sym loss = painter_loss (graph, settings, state);
  sym rate = graph_input (graph, "rate", SHAPE_SCALAR), decay = graph_input (graph, "decay", SHAPE_SCALAR);
  struct optimizer_options options = style_painter_adam;
  options.wanted = state->into ? style_pack_is_row : NULL;
  graph_output (graph, "gradient", optimizer_step (loss, "painter.", rate, decay, &options));
  if (!graph_check (graph, error) || !weights_init (trainer->weights, graph, trainer->run.seed, error))
    return false;
  state->plan = recipe_compile (trainer, graph, error);
  return state->plan != NULL;
}

bool
style_build_sampler (struct trainer *trainer, GError **error)
{
  const struct style_settings *settings = trainer->settings;
  struct style_state *state = trainer->state;
  g_autoptr (graph) graph = graph_new ();
  sym photo = graph_input (graph, "photo", SHAPE (1, 3, settings->size, settings->size));
  sym rows = graph_input (graph, "rows", SHAPE (1, style_net_rows (&state->net)));
  graph_push (graph, "average.painter");
  graph_output (graph, "painting", style_net (photo, (struct style_control){.rows = rows}, &state->net));
  graph_pop (graph);
  state->sampler = recipe_compile (trainer, graph, error);
  return state->sampler != NULL;
}
