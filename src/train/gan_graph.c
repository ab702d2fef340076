/* SPDX-License-Identifier: Apache-2.0
 *
 * The plans of the gan recipe. Judge and generator take their steps at once, each by the other's weights of before: one
 * pass through the generator and one of the judge over what it drew serve both. */
#include "train/gan_code.h"
#include "train/gan_loss.h"
#include "train/gan_recipe.h"
#include "train/recipe.h"

#define ADAPT_PICTURES 100000.0 /* seen while an adaptive probability goes from 0 to 1 */

/* Random numbers of this recipe; a range for each thing that draws. */
enum stream {
  STREAM_Z = 600,
  STREAM_BETWEEN,
  STREAM_NOISE_REAL,
  STREAM_NOISE_FAKE,
  STREAM_KIND,
  STREAM_CODE = 610, /* GAN_CODE_STREAMS */
  STREAM_REAL = 620,
  STREAM_FAKE = STREAM_REAL + GAN_AUGMENT_STREAMS,
  STREAM_READ = STREAM_FAKE + GAN_AUGMENT_STREAMS,
  STREAM_DROPOUT = 700, /* 64 a pass */
};

struct optimizer_options
gan_optimizer (const struct gan_settings *settings)
{
  return (struct optimizer_options){.kind = settings->optimizer,
                                    .beta1 = settings->momentum,
                                    .beta2 = settings->beta2,
                                    .epsilon = 1e-8,
                                    .clip = settings->clip,
                                    .l1 = settings->l1,
                                    .l2 = settings->l2};
}

/* What the parts of a step's graph know of it. */
struct build {
  struct graph *graph;
  const struct gan_settings *settings;
  const struct gan_state *state;
  sym labels, code, noise, probability;
  unsigned passes; /* of the judge so far */
};

static sym
generate (const struct build *build, sym z, const char *scope, bool training, bool follow)
{
  struct gan_pass pass = {
    .net = &build->state->net, .training = training, .follow = follow, .labels = build->labels, .code = build->code};
  graph_push (build->graph, "%s", scope);
  sym picture = gan_generator (z, build->state->preset, pass);
  graph_pop (build->graph);
  return picture;
}

static sym
judge (struct build *build, sym seen, bool follow, sym *recognised)
{
  struct gan_pass pass = {.net = &build->state->net,
                          .training = true,
                          .follow = follow,
                          .labels = build->labels,
                          .recognised = recognised,
                          .stream = STREAM_DROPOUT + 64 * build->passes++};
  graph_push (build->graph, "judge");
  sym score = gan_score (seen, build->state->preset, pass);
  graph_pop (build->graph);
  return score;
}

/* What the recogniser reads off a picture that is moved and covered: a category that shows in a corner or in how thick
 * strokes are is hard to read then, a digit is not. */
static sym
recognise (struct build *build, sym seen)
{
  struct gan_augment augment = {.translation = true, .cutout = true};
  sym probability = graph_scalar (build->graph, build->settings->information_augment);
  struct gan_pass pass = {.net = &build->state->net,
                          .training = true,
                          .labels = build->labels,
                          .stream = STREAM_DROPOUT + 64 * build->passes++};
  graph_push (build->graph, "judge");
  sym recognised = gan_recognise (gan_augment (seen, augment, probability, STREAM_READ), build->state->preset, pass);
  graph_pop (build->graph);
  return recognised;
}

/* A picture as the judge gets to see it. */
static sym
seen_by_judge (const struct build *build, sym picture, unsigned noise_stream, unsigned augment_stream)
{
  if (build->settings->noise > 0) {
    sym noise = sym_normal (build->graph, sym_shape (picture), noise_stream);
    picture = sym_add (picture, sym_mul (noise, build->noise));
  }
  return gan_augment (picture, build->settings->augment, build->probability, augment_stream);
}

/* The probability of augmentation goes up while the judge knows too many real pictures for real (Karras 2020), else
 * down; it is a weight, hence in checkpoints. */
static sym
adaptive_probability (const struct build *build)
{
  return graph_parameter (build->graph, "augment.probability", SHAPE_SCALAR, (struct init){INIT_ZERO, 0});
}

static void
adapt (const struct build *build, sym score_real)
{
  sym known = sym_reshape (sym_mean (sym_sign (score_real), AXES_ALL), SHAPE_SCALAR);
  sym up = sym_sign (sym_shift (known, -build->settings->augment_target));
  sym moved = sym_add (build->probability, sym_scale (up, build->settings->batch / ADAPT_PICTURES));
  graph_assign (build->graph, build->probability, sym_clamp (moved, 0, 1));
}

static sym
mean (sym x)
{
  return sym_reshape (sym_mean (x, AXES_ALL), SHAPE_SCALAR);
}

/* What the recogniser gets wrong, weighted; a null symbol without a code. */
static sym
information (const struct build *build, sym recognised)
{
  const struct gan_settings *settings = build->settings;
  const struct gan_net *net = &build->state->net;
  sym sum = {build->graph, -1};
  if (net->codes) {
    sym category = gan_code_category_loss (build->code, recognised, net);
    graph_output (build->graph, "category", category);
    sum = sym_scale (category, settings->information);
  }
  if (net->continuous) {
    sym continuous = gan_code_continuous_loss (build->code, recognised, net);
    sym weighted = sym_scale (continuous, settings->information_continuous);
    graph_output (build->graph, "continuous", continuous);
    sum = net->codes ? sym_add (sum, weighted) : weighted;
  }
  return sum;
}

static void
build_adversaries (struct build *build, sym real, sym rate, sym judge_rate, sym decay, unsigned parts)
{
  const struct gan_settings *settings = build->settings;
  const struct gan_loss *loss = &gan_losses[settings->loss];
  struct optimizer_options options = gan_optimizer (settings);
  struct graph *graph = build->graph;
  bool both = parts & GAN_STEP_GENERATOR;
  sym z = gan_noise_draw (graph, settings->batch, &build->state->net, STREAM_Z, STREAM_KIND);
  build->code = gan_code_draw (graph, settings->batch, &build->state->net, STREAM_CODE);
  sym fake = generate (build, z, "generator", true, both), recognised, lost = {graph, -1};
  sym seen_real = seen_by_judge (build, real, STREAM_NOISE_REAL, STREAM_REAL);
  sym seen_fake = seen_by_judge (build, fake, STREAM_NOISE_FAKE, STREAM_FAKE);
  bool code = gan_code_size (&build->state->net), apart = code && settings->information_augment > 0;
  sym score_real = judge (build, seen_real, true, NULL);
  sym score_fake = judge (build, seen_fake, false, code && !apart ? &recognised : NULL);
  if (apart)
    recognised = recognise (build, seen_fake);
  sym l_judge = loss->judge (score_real, score_fake, settings->label);
  graph_output (graph, "judge", l_judge);
  if (code) {
    lost = information (build, recognised);
    l_judge = sym_add (l_judge, lost);
  }
  if (settings->gradient_penalty > 0) {
    sym between = gan_between (seen_real, seen_fake, STREAM_BETWEEN);
    sym penalty = gan_gradient_penalty (judge (build, between, false, NULL), between);
    l_judge = sym_add (l_judge, sym_scale (penalty, settings->gradient_penalty));
    graph_output (graph, "penalty", penalty);
  }
  if (parts & GAN_STEP_R1) { /* what comes every so many steps weighs so much more */
    sym r1 = gan_r1 (score_real, seen_real);
    l_judge = sym_add (l_judge, sym_scale (r1, settings->r1 * settings->r1_every));
    graph_output (graph, "r1", r1);
  }
  if (settings->augment_target > 0) {
    adapt (build, score_real);
    graph_output (graph, "augment", build->probability);
  }
  graph_output (graph, "real", mean (score_real));
  graph_output (graph, "fake", mean (score_fake));
  graph_output (graph, "judge-gradient", optimizer_step (l_judge, "judge.", judge_rate, (sym){graph, -1}, &options));
  if (!both)
    return;
  sym l_generator = loss->generator (score_real, score_fake);
  graph_output (graph, "loss", l_generator);
  if (code)
    l_generator = sym_add (l_generator, lost);
  graph_output (graph, "gradient", optimizer_step (l_generator, "generator.", rate, decay, &options));
}

/* Kingma and Welling 2014: half the squared distance of the pictures, a normal distribution of deviation 1 to each
 * number, and the divergence of z from the standard normal. */
static void
build_autoencoder (struct build *build, sym real, sym rate, sym decay)
{
  struct graph *graph = build->graph;
  struct optimizer_options options = gan_optimizer (build->settings);
  struct gan_pass pass = {.net = &build->state->net, .training = true, .follow = true, .labels = build->labels};
  int64_t n = build->settings->batch, latent = build->state->net.latent;
  graph_push (graph, "encoder");
  sym moments = gan_encoder (real, build->state->preset, pass);
  graph_pop (graph);
  sym m = sym_slice (moments, 1, 0, latent, 1), v = sym_slice (moments, 1, latent, 2 * latent, 1); /* log variance */
  sym z = sym_add (m, sym_mul (sym_exp (sym_scale (v, 0.5)), sym_normal (graph, SHAPE (n, latent), STREAM_Z)));
  sym distance = sym_square (sym_sub (generate (build, z, "generator", true, true), real));
  sym pixels = sym_scale (sym_sum (distance, AXES_ALL), 0.5 / n);
  sym divergence = sym_sum (sym_sub (sym_add (sym_square (m), sym_exp (v)), sym_shift (v, 1)), AXES_ALL);
  pixels = sym_reshape (pixels, SHAPE_SCALAR);
  divergence = sym_reshape (sym_scale (divergence, 0.5 / n), SHAPE_SCALAR);
  sym loss = sym_add (pixels, sym_scale (divergence, build->settings->divergence));
  graph_output (graph, "loss", loss);
  graph_output (graph, "pixels", pixels);
  graph_output (graph, "divergence", divergence);
  graph_output (graph, "gradient", optimizer_step (loss, "generator.", rate, decay, &options));
  graph_output (graph, "encoder-gradient", optimizer_step (loss, "encoder.", rate, (sym){graph, -1}, &options));
}

bool
gan_build_step (struct trainer *trainer, unsigned parts, GError **error)
{
  struct gan_state *state = trainer->state;
  const struct gan_settings *settings = &state->now;
  int side = state->preset->side;
  g_autoptr (graph) graph = graph_new ();
  sym real = graph_input (graph, "real", SHAPE (settings->batch, state->net.channels, side, side));
  sym rate = graph_input (graph, "rate", SHAPE_SCALAR), decay = graph_input (graph, "decay", SHAPE_SCALAR);
  sym judge_rate = graph_input (graph, "judge-rate", SHAPE_SCALAR);
  struct build build = {.graph = graph,
                        .settings = settings,
                        .state = state,
                        .labels = gan_labels (graph, settings->batch, &state->net),
                        .noise = graph_input (graph, "noise", SHAPE_SCALAR)};
  build.probability =
    settings->augment_target > 0 ? adaptive_probability (&build) : graph_scalar (graph, settings->augment_probability);
  if (state->preset->judge)
    build_adversaries (&build, real, rate, judge_rate, decay, parts);
  else
    build_autoencoder (&build, real, rate, decay);
  if (!graph_check (graph, error) || !weights_init (trainer->weights, graph, trainer->run.seed, error))
    return false;
  state->step[parts] = recipe_compile (trainer, graph, error);
  return state->step[parts] != NULL;
}

bool
gan_build_sampler (struct trainer *trainer, GError **error)
{
  struct gan_state *state = trainer->state;
  int n = state->columns * state->rows, side = state->preset->side;
  g_autoptr (graph) graph = graph_new ();
  struct build build = {.graph = graph,
                        .state = state,
                        .labels = gan_labels (graph, n, &state->net),
                        .code = gan_code (graph, n, &state->net)};
  sym z = graph_input (graph, "z", SHAPE (n, state->net.latent));
  sym picture = generate (&build, z, "average.generator", false, false);
  picture = sym_clamp (sym_affine (picture, 0.5, 0.5), 0, 1);
  graph_output (graph, "picture", sym_broadcast (picture, SHAPE (n, 3, side, side)));
  state->sampler = recipe_compile (trainer, graph, error);
  return state->sampler != NULL;
}
