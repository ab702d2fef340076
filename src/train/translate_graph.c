/* SPDX-License-Identifier: Apache-2.0
 *
 * The plans of the translate recipe; formulas are in recipe_translate.c. Translators and judges take their steps at
 * once, each by the other's weights of before. Pictures that go through the same network go together: normalisation is
 * a picture's own, so that a batch is no more than so many pictures. */
#include "train/loss.h"
#include "train/optimizer.h"
#include "train/recipe.h"
#include "train/translate_loss.h"
#include "train/translate_recipe.h"

#define PROJECTION 256 /* width of the perceptron that patches are compared behind */

enum { STREAM_REAL = 700, STREAM_DRAWN = STREAM_REAL + SIDES * GAN_AUGMENT_STREAMS };

const char *const translate_sides[SIDES] = {"photo", "painting"};

struct style_net
translate_net (const struct translate_settings *settings)
{
  return (struct style_net){.styles = 1,
                            .width = settings->filters,
                            .inner = 4 * settings->filters,
                            .residuals = settings->blocks,
                            .ends = settings->ends,
                            .upsampling = settings->upsampling,
                            .skip = settings->skip,
                            .layers = settings->preset};
}

/* Pictures as side @side, by the weights in scope @scope.SIDE; @taps as style_control's. */
static sym
translate (const struct translate_settings *settings, sym pictures, const char *scope, int side, sym *taps)
{
  struct style_net net = translate_net (settings);
  graph_push (pictures.graph, "%s.%s", scope, translate_sides[side]);
  sym drawn = style_net (pictures, (struct style_control){.taps = taps}, &net);
  graph_pop (pictures.graph);
  return drawn;
}

static sym
part (sym x, int64_t first, int64_t n)
{
  return sym_slice (x, 0, first, first + n, 1);
}

static sym
together (sym a, sym b)
{
  return sym_concat ((sym[]){a, b}, 2, 0);
}

static sym
mean (sym x)
{
  return sym_reshape (sym_mean (x, AXES_ALL), SHAPE_SCALAR);
}

struct gan_net
translate_judge_net (const struct translate_settings *settings)
{
  struct gan_net net = painter_gan_net (settings->judge_width);
  net.judge_norm = settings->judge_norm;
  net.spectral = settings->spectral;
  return net;
}

/* The judge of a preset. */
static sym
preset_scores (sym seen, const struct translate_settings *settings, const struct gan_preset *preset, bool follow)
{
  struct gan_net net = translate_judge_net (settings);
  return gan_score (seen, preset, (struct gan_pass){.net = &net, .training = true, .follow = follow});
}

sym
translate_judge (const struct translate_build *build, sym pictures, int side, unsigned stream, bool follow)
{
  const struct translate_settings *settings = build->settings;
  struct style_net translator = translate_net (settings);
  const struct gan_preset *preset = painter_preset (&translator);
  struct patch_net net = {.heads = 1, .width = settings->judge_width, .layers = 3, .dense = 1, .norm = true};
  sym seen = gan_augment (sym_affine (pictures, 2, -1), settings->augment, graph_scalar (build->graph, 1), stream);
  graph_push (build->graph, "judge.%s", translate_sides[side]);
  sym scores = preset ? preset_scores (seen, settings, preset, follow) : patch_net (seen, &net);
  graph_pop (build->graph);
  return scores;
}

sym
translate_to_refuse (const struct translate_build *build, int side)
{
  sym drawn = sym_stop_gradient (build->drawn[side]);
  if (build->settings->pool == 0)
    return drawn;
  g_autofree char *name = g_strdup_printf ("past-%s", translate_sides[side]);
  g_autofree char *flag = g_strdup_printf ("is-past-%s", translate_sides[side]);
  sym past = graph_input (build->graph, name, sym_shape (drawn));
  return sym_where (graph_input (build->graph, flag, SHAPE (build->n, 1, 1, 1)), past, drawn);
}

/* Adds the losses of what is drawn of @side and of its judge (Mao 2017). */
static void
add_adversaries (struct translate_build *build, int side)
{
  const struct translate_settings *settings = build->settings;
  unsigned stream = side * GAN_AUGMENT_STREAMS;
  int64_t n = build->n;
  bool edges = side == PAINTING && settings->edge_weight > 0;
  sym all = together (build->real[side], translate_to_refuse (build, side));
  if (edges)
    all = together (all, smooth_edges (build->real[side]));
  sym scores = translate_judge (build, all, side, STREAM_REAL + stream, false), real = part (scores, 0, n);
  sym l_judge = sym_add (loss_least_squares (real, 1), loss_least_squares (part (scores, n, n), 0));
  if (edges)
    l_judge = loss_sum (l_judge, loss_least_squares (part (scores, 2 * n, n), 0), settings->edge_weight);
  sym drawn = translate_judge (build, build->drawn[side], side, STREAM_DRAWN + stream, false);
  build->judge = loss_sum (build->judge, l_judge, 0.5);
  build->adversary = sym_add (build->adversary, loss_least_squares (drawn, 1));
  if (side != PAINTING)
    return;
  graph_output (build->graph, "real", mean (real));
  graph_output (build->graph, "fake", mean (drawn));
}

/* Pictures count from -1 to 1 in these two, as in the papers. */
static sym
distance (sym a, sym b)
{
  return sym_scale (loss_absolute (a, b), 2);
}

/* There and back on both sides (Zhu 2017); the loss without adversaries. */
static sym
build_cycles (struct translate_build *build)
{
  const struct translate_settings *settings = build->settings;
  sym cycle = graph_scalar (build->graph, 0), identity = cycle;
  int64_t n = build->n;
  bool same = settings->identity_weight > 0;
  for (int side = 0; side < SIDES; side++) {
    sym from = build->real[!side];
    sym all = translate (settings, same ? together (from, build->real[side]) : from, "translator", side, NULL);
    build->drawn[side] = part (all, 0, n);
    if (same)
      identity = sym_add (identity, distance (part (all, n, n), build->real[side]));
  }
  for (int side = 0; side < SIDES; side++) {
    sym back = translate (settings, build->drawn[!side], "translator", side, NULL);
    cycle = sym_add (cycle, distance (back, build->real[side]));
  }
  graph_output (build->graph, "cycle", cycle);
  if (same)
    graph_output (build->graph, "identity", identity);
  return loss_sum (sym_scale (cycle, settings->cycle_weight), identity, settings->identity_weight);
}

int64_t
translate_places (const struct translate_settings *settings, int i, int64_t *of)
{
  int64_t side = i == 0 ? settings->size : i == 1 ? settings->size / 2 : settings->size / 4;
  *of = side * side;
  return MIN (settings->patches, *of);
}

/* Mean over the taps of PatchNCE between pictures and what was made of them, apart for photographs and paintings. */
static void
build_contrast (struct translate_build *build, sym pictures, sym drawn, const sym *keys, sym contrast[SIDES])
{
  const struct translate_settings *settings = build->settings;
  int64_t n = build->n, all = sym_shape (pictures).dim[0];
  sym queries[STYLE_TAPS];
  translate (settings, drawn, "translator", PAINTING, queries); /* its second half is not needed and not computed */
  for (int side = 0; side < SIDES; side++)
    contrast[side] = graph_scalar (build->graph, 0);
  for (int i = 0; i < STYLE_TAPS; i++) {
    g_autofree char *head = g_strdup_printf ("head.%d", i);
    sym query = patch_projection (queries[i], build->places[i], head, PROJECTION);
    sym key = patch_projection (keys[i], build->places[i], head, PROJECTION);
    for (int side = 0; side * n < all; side++) {
      sym loss = loss_patch_contrast (part (query, side * n, n), part (key, side * n, n), settings->temperature);
      contrast[side] = loss_sum (contrast[side], loss, 1.0 / STYLE_TAPS);
    }
  }
}

/* One way, and places keep what they are like (Park 2020); the loss without adversaries. */
static sym
build_one_way (struct translate_build *build)
{
  const struct translate_settings *settings = build->settings;
  bool same = settings->identity_weight > 0;
  sym pictures = same ? together (build->real[PHOTO], build->real[PAINTING]) : build->real[PHOTO];
  sym keys[STYLE_TAPS], contrast[SIDES];
  sym drawn = translate (settings, pictures, "translator", PAINTING, keys);
  build->drawn[PAINTING] = part (drawn, 0, build->n);
  build_contrast (build, pictures, drawn, keys, contrast);
  graph_output (build->graph, "contrast", contrast[PHOTO]);
  if (same)
    graph_output (build->graph, "identity", contrast[PAINTING]);
  return loss_sum (sym_scale (contrast[PHOTO], settings->contrast_weight), contrast[PAINTING],
                   settings->identity_weight);
}

static struct optimizer_options
optimizer (const struct translate_settings *settings)
{
  return (struct optimizer_options){
    .kind = OPTIMIZER_ADAM, .beta1 = 0.5, .beta2 = 0.999, .epsilon = 1e-8, .clip = settings->clip};
}

double
translate_rate (const struct translate_settings *settings, double rate, int64_t step)
{
  struct optimizer_options options = optimizer (settings);
  return optimizer_rate (&options, rate, step);
}

struct translate_losses
translate_losses (struct graph *graph, const struct translate_settings *settings, const struct features *features,
                  const sym real[SIDES], const sym places[STYLE_TAPS], sym decay)
{
  sym zero = graph_scalar (graph, 0);
  struct translate_build build = {.graph = graph,
                                  .settings = settings,
                                  .features = features,
                                  .n = settings->batch,
                                  .real = real,
                                  .places = places,
                                  .decay = decay,
                                  .adversary = zero,
                                  .judge = zero};
  static sym (*const methods[]) (struct translate_build * build) = {build_cycles, build_one_way, translate_by_features};
  sym loss = methods[settings->method](&build);
  for (int side = 0; side < SIDES && settings->method != TRANSLATE_FEATURES; side++)
    if (translate_draws (settings, side))
      add_adversaries (&build, side);
  loss = loss_sum (loss, build.adversary, settings->adversary_weight);
  if (settings->colour_weight > 0) {
    sym colour = loss_colour (build.drawn[PAINTING], real[PHOTO]);
    loss = loss_sum (loss, colour, settings->colour_weight);
    graph_output (graph, "color", colour);
  }
  graph_output (graph, "loss", loss);
  graph_output (graph, "adversary", build.adversary);
  graph_output (graph, "judge", build.judge);
  return (struct translate_losses){loss, build.judge, {build.drawn[PHOTO], build.drawn[PAINTING]}};
}

static void
input_pictures (struct graph *graph, int64_t n, int64_t size, sym pictures[SIDES])
{
  for (int side = 0; side < SIDES; side++)
    pictures[side] = graph_input (graph, translate_sides[side], SHAPE (n, 3, size, size));
}

/* Gradients and updates of both. */
static void
build_updates (struct graph *graph, const struct translate_settings *settings, struct translate_losses losses,
               sym decay)
{
  struct optimizer_options options = optimizer (settings);
  sym rate = graph_input (graph, "rate", SHAPE_SCALAR);
  sym judge_rate = graph_input (graph, "judge-rate", SHAPE_SCALAR), none = {graph, -1};
  graph_output (graph, "gradient", optimizer_step (losses.translators, "translator.", rate, decay, &options));
  if (settings->method == TRANSLATE_CUT)
    optimizer_step (losses.translators, "head.", rate, none, &options);
  graph_output (graph, "judge-gradient", optimizer_step (losses.judges, "judge.", judge_rate, none, &options));
}

bool
translate_build_training (struct trainer *trainer, GError **error)
{
  const struct translate_settings *settings = trainer->settings;
  struct translate_state *state = trainer->state;
  g_autoptr (graph) graph = graph_new ();
  sym real[SIDES], places[STYLE_TAPS], decay = graph_input (graph, "decay", SHAPE_SCALAR);
  input_pictures (graph, settings->batch, settings->size, real);
  for (int i = 0; i < STYLE_TAPS && settings->method == TRANSLATE_CUT; i++) {
    int64_t of, count = translate_places (settings, i, &of);
    g_autofree char *name = g_strdup_printf ("places%d", i);
    places[i] = graph_input (graph, name, SHAPE (count));
  }
  struct translate_losses losses = translate_losses (graph, settings, state->features, real, places, decay);
  for (int side = 0; side < SIDES; side++)
    if (translate_draws (settings, side)) {
      g_autofree char *name = g_strdup_printf ("drawn-%s", translate_sides[side]);
      graph_output (graph, name, losses.drawn[side]);
    }
  build_updates (graph, settings, losses, decay);
  if (!graph_check (graph, error) || !weights_init (trainer->weights, graph, trainer->run.seed, error))
    return false;
  state->plan = recipe_compile (trainer, graph, error);
  return state->plan != NULL;
}

bool
translate_build_sampler (struct trainer *trainer, GError **error)
{
  const struct translate_settings *settings = trainer->settings;
  struct translate_state *state = trainer->state;
  const char *scope = "average.translator";
  g_autoptr (graph) graph = graph_new ();
  sym real[SIDES];
  input_pictures (graph, 1, settings->size, real);
  sym translated = translate (settings, real[PHOTO], scope, PAINTING, NULL);
  graph_output (graph, "translated", translated);
  graph_output (graph, "identity", translate (settings, real[PAINTING], scope, PAINTING, NULL));
  if (translate_draws (settings, PHOTO))
    graph_output (graph, "back", translate (settings, translated, scope, PHOTO, NULL));
  state->sampler = recipe_compile (trainer, graph, error);
  return state->sampler != NULL;
}
