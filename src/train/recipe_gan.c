/* SPDX-License-Identifier: Apache-2.0
 *
 * Generators of pictures from noise, trained against a judge (Goodfellow 2014), and the autoencoder to compare them
 * with. A preset says the networks, options everything else: each loss and stabiliser is a line. The result is the
 * generator with averaged weights.
 *
 * A step takes judge_steps steps of the judge and one of the generator. R1's penalty comes every r1_every steps, by a
 * plan of its own. Everything that a run has become is weights: networks, optimisers, averages, running statistics, the
 * probability of augmentation; noise and order are functions of the step. */
#include <math.h>
#include <string.h>

#include "impasto/error.h"
#include "net/keras.h"
#include "net/net_file.h"
#include "train/gan_code.h"
#include "train/gan_file.h"
#include "train/gan_loss.h"
#include "train/gan_recipe.h"
#include "train/recipe.h"

#define RATE 2e-4 /* Radford 2016 */
#define STEPS 5000
#define BATCH 64
#define INFORMATION 1 /* weights of InfoGAN's two terms */
#define INFORMATION_CONTINUOUS 0.1
#define STREAM_REHEARSAL 596

static const char *const schedule_names[] = {"constant", "linear", "cosine", NULL};

#define AT(FIELD) offsetof (struct gan_settings, FIELD)

static const struct option options[] = {
  {"data", OPTION_STRING, AT (data), "folder of pictures, or IDX file (MNIST) or the folder it lies in; required",
   .metavar = "DIR"},
  {"preset", OPTION_CHOICE, AT (preset), "the networks", .choices = gan_preset_names},
  {"start", OPTION_STRING, AT (start),
   "generator, RUN or checkpoint to go on from; also a generator of the same layers that Keras saved (.h5)",
   .metavar = "MODEL"},
  {"title", OPTION_STRING, AT (title), "title of the result"},
  {"license", OPTION_STRING, AT (license), "licence of the result"},
  GAN_OPTIONS (struct gan_settings, net.),
  {"kinds", OPTION_INT, AT (net.kinds),
   "of noise: one of the first N numbers is much larger, with nothing between them, as there is none between kinds of "
   "pictures; 0 = one kind; -1 = as --start has it, else without classes and --codes 32 of dcgan-28, 64 of "
   "noise-gan-28, 0 of others",
   -1, GAN_KINDS_MAX, -1},
  {"batch", OPTION_INT, AT (batch), "pictures a step; 0 = 64, of dcgan-28 and noise-gan-28 32", 0, 1024, 0},
  {"judge-steps", OPTION_INT, AT (judge_steps), "steps of the judge to one of the generator", 1, 100, 1},
  {"loss", OPTION_CHOICE, AT (loss), "of judge and generator", .fallback = GAN_NON_SATURATING,
   .choices = gan_loss_names},
  {"real-label", OPTION_FLOAT, AT (label), "what the judge is told a real picture is: below 1 smooths it", 0.5, 1, 1},
  {"noise", OPTION_FLOAT, AT (noise), "deviation of the noise on what the judge sees, going down to 0 over the run", 0,
   2, 0},
  {"gradient-penalty", OPTION_FLOAT, AT (gradient_penalty), "weight of the critic's slope's distance from 1 (WGAN-GP)",
   0, 1e4, 0},
  {"r1", OPTION_FLOAT, AT (r1),
   "weight of the judge's squared slope at real pictures (R1); -1 = 0, of the convolutional judges of dcgan-28 and "
   "noise-gan-28 1",
   -1, 1e4, -1},
  {"r1-every", OPTION_INT, AT (r1_every), "steps of the judge from one such penalty to the next", 1, 1000, 16},
  {"translation", OPTION_BOOL, AT (augment.translation), "augmentation: moves what the judge sees"},
  {"cutout", OPTION_BOOL, AT (augment.cutout), "augmentation: covers a part of what the judge sees"},
  {"color", OPTION_BOOL, AT (augment.colour), "augmentation: tints what the judge sees"},
  {"augment-probability", OPTION_FLOAT, AT (augment_probability), "of each augmentation", 0, 1, 1},
  {"augment-target", OPTION_FLOAT, AT (augment_target),
   "above 0, the probability adapts: it rises while the judge's mean sign over real pictures is above this (0.6)", 0, 1,
   0},
  {"optimizer", OPTION_CHOICE, AT (optimizer), "of both networks", .choices = optimizer_names},
  {"rate", OPTION_FLOAT, AT (rate), "learning rate of the generator; 0 = 0.0002, of dcgan-28 0.0004", 0, 1, 0},
  {"judge-rate", OPTION_FLOAT, AT (judge_rate), "learning rate of the judge; 0 = the generator's", 0, 1, 0},
  {"momentum", OPTION_FLOAT, AT (momentum), "of sgd; beta1 of adam", 0, 0.999, 0.5},
  {"beta2", OPTION_FLOAT, AT (beta2), "of adam and rmsprop", 0, 0.99999, 0.999},
  {"schedule", OPTION_CHOICE, AT (schedule), "of the learning rates; linear: down to 0 over the second half",
   .fallback = GAN_LINEAR, .choices = schedule_names},
  {"warm-up", OPTION_INT, AT (warm_up), "steps over which learning rates rise from 0; -1 = 0, of noise-gan-28 500", -1,
   1000000, -1},
  {"clip", OPTION_FLOAT, AT (clip), "largest norm of a gradient; 0 = none", 0, 1e6, 0},
  {"l1", OPTION_FLOAT, AT (l1), "weight of the sum of the absolute weights", 0, 1, 0},
  {"l2", OPTION_FLOAT, AT (l2), "weight of the sum of the squared weights", 0, 1, 0},
  {"average", OPTION_FLOAT, AT (average), "moving average of the generator that is kept", 0, 0.99999, 0.995},
  {"information", OPTION_FLOAT, AT (information), "InfoGAN: weight of what the recogniser gets wrong of the category",
   0, 1e4, INFORMATION},
  {"information-continuous", OPTION_FLOAT, AT (information_continuous), "likewise of the continuous numbers", 0, 1e4,
   INFORMATION_CONTINUOUS},
  {"information-augment", OPTION_FLOAT, AT (information_augment),
   "InfoGAN: probability that the recogniser sees a picture moved and half covered, so that a category is in all of "
   "it; -1 = 1 with --codes",
   -1, 1, -1},
  {"divergence", OPTION_FLOAT, AT (divergence), "autoencoder: weight of the distance of its codes from the noise", 0,
   1e4, 1},
  {"zoom", OPTION_FLOAT, AT (zoom), "crops: largest shorter side of a picture in crops", 1, 8, 1},
  {"rotation", OPTION_FLOAT, AT (rotation), "crops: degrees to either side", 0, 30, 0},
  {"mirror", OPTION_BOOL, AT (mirror), "crops: mirrored half of the time"},
  {NULL},
};

/* Which options are for which presets, judges and optimisers */

static bool
is_judged (const void *settings)
{
  return gan_presets[((const struct gan_settings *) settings)->preset]->judge != NULL;
}

static bool
is_autoencoder (const void *settings)
{
  return !is_judged (settings);
}

static bool
has_layers (const void *settings)
{
  return is_judged (settings) && ((const struct gan_settings *) settings)->net.judge != GAN_JUDGE_LINEAR;
}

/* Whether the text has a normalisation in the generator. */
static bool
is_normalised (const void *settings)
{
  const struct gan_layer *layer = gan_presets[((const struct gan_settings *) settings)->preset]->generator;
  while (layer->kind && layer->kind != &gan_norm)
    layer++;
  return layer->kind != NULL;
}

static bool
has_r1 (const void *settings)
{
  return ((const struct gan_settings *) settings)->r1 > 0;
}

static bool
is_augmented (const void *settings)
{
  const struct gan_augment *augment = &((const struct gan_settings *) settings)->augment;
  return augment->translation || augment->cutout || augment->colour;
}

static bool
is_conditional (const void *settings)
{
  return ((const struct gan_settings *) settings)->net.conditional != GAN_UNCONDITIONAL;
}

static bool
has_codes (const void *settings)
{
  return ((const struct gan_settings *) settings)->net.codes > 0;
}

static bool
has_continuous (const void *settings)
{
  return ((const struct gan_settings *) settings)->net.continuous > 0;
}

static bool
has_code (const void *settings)
{
  return gan_code_size (&((const struct gan_settings *) settings)->net) > 0;
}

static bool
has_momentum (const void *settings)
{
  return ((const struct gan_settings *) settings)->optimizer != OPTIMIZER_RMSPROP;
}

static bool
has_beta2 (const void *settings)
{
  return ((const struct gan_settings *) settings)->optimizer != OPTIMIZER_SGD;
}

#define OF_JUDGES "has no meaning here: this preset is trained without a judge"
#define OF_LAYERS "is of a judge with layers: leave --judge linear out, and presets without a judge"

static const struct option_use uses[] = {
  {"judge", is_judged, OF_JUDGES},
  {"judge-rate", is_judged, OF_JUDGES},
  {"judge-steps", is_judged, OF_JUDGES},
  {"loss", is_judged, OF_JUDGES},
  {"real-label", is_judged, OF_JUDGES},
  {"noise", is_judged, OF_JUDGES},
  {"gradient-penalty", is_judged, OF_JUDGES},
  {"r1", is_judged, OF_JUDGES},
  {"spectral", is_judged, OF_JUDGES},
  {"translation", is_judged, OF_JUDGES},
  {"cutout", is_judged, OF_JUDGES},
  {"color", is_judged, OF_JUDGES},
  {"judge-norm", has_layers, OF_LAYERS},
  {"minibatch", has_layers, OF_LAYERS},
  {"dropout", has_layers, OF_LAYERS},
  {"norm", is_normalised, "has no meaning here: this preset's generator is without normalisation"},
  {"r1-every", has_r1, "goes with --r1"},
  {"augment-probability", is_augmented, "wants --translation, --cutout or --color"},
  {"momentum", has_momentum, "goes with --optimizer adam and sgd"},
  {"beta2", has_beta2, "goes with --optimizer adam and rmsprop"},
  {"classes", is_conditional, "goes with --conditional"},
  {"augment-target", is_augmented, "wants --translation, --cutout or --color"},
  {"information", has_codes, "goes with --codes"},
  {"information-continuous", has_continuous, "goes with --continuous"},
  {"information-augment", has_code, "goes with --codes and --continuous"},
  {"divergence", is_autoencoder, "goes with the autoencoder, --preset vae-28"},
  {NULL},
};

/* How many kinds of noise a run has that nothing is said of: as many as the model that it goes on from. */
static int64_t
usual_kinds (const struct gan_settings *settings)
{
  const struct gan_preset *preset = gan_presets[settings->preset];
  const struct gan_net *net = &settings->net;
  const char *path = settings->start;
  bool own = net->conditional || net->codes || preset->kinds > net->latent;
  g_autoptr (keras) keras = path && g_str_has_suffix (path, ".h5") ? keras_load (path, NULL) : NULL;
  g_autoptr (net_file) file = !path || keras ? NULL : gan_file_load (path, preset, NULL);
  if (keras && keras->n_inputs > 0)
    return keras_noise_kinds (keras_input_name (keras, 0), net->latent);
  return file ? ((const struct gan_net *) file->settings)->kinds : own ? 0 : preset->kinds;
}

static void
settle (void *object, struct run_settings *run)
{
  struct gan_settings *settings = object;
  if (run->steps == 0)
    run->steps = STEPS;
  const struct gan_preset *preset = gan_presets[settings->preset];
  bool usual = settings->net.judge == GAN_JUDGE_CONVOLUTIONAL && settings->net.judge_norm != GAN_NORM_BATCH &&
               settings->gradient_penalty == 0 && settings->loss != GAN_WASSERSTEIN;
  if (settings->r1 < 0)
    settings->r1 = usual ? preset->r1 : 0;
  if (settings->batch == 0)
    settings->batch = preset->batch > 0 ? preset->batch : BATCH;
  if (settings->rate == 0)
    settings->rate = preset->rate > 0 ? preset->rate : RATE;
  if (settings->judge_rate == 0)
    settings->judge_rate = settings->rate;
  if (settings->warm_up < 0)
    settings->warm_up = preset->warm_up;
  if (settings->net.kinds < 0)
    settings->net.kinds = usual_kinds (settings);
  if (settings->information_augment < 0)
    settings->information_augment = settings->net.codes > 0;
  if (settings->net.judge == GAN_JUDGE_PAIRWISE && settings->loss == GAN_NON_SATURATING)
    settings->loss = GAN_RELATIVISTIC;
}

static bool
penalises (const struct gan_settings *settings)
{
  return settings->gradient_penalty > 0 || settings->r1 > 0;
}

static bool
check_settings (const struct trainer *trainer, GError **error)
{
  const struct gan_settings *settings = trainer->settings;
  bool zero = settings->loss != GAN_WASSERSTEIN && settings->loss != GAN_RELATIVISTIC;
  bool code = gan_code_size (&settings->net) > 0, judged = gan_presets[settings->preset]->judge;
  const char *problem =
    settings->net.channels == 2 ? "--channels wants 1 or 3"
    : code && !gan_presets[settings->preset]->recogniser
      ? "--codes and --continuous want a judge, which this preset has not"
    : code && settings->net.judge == GAN_JUDGE_LINEAR
      ? "--codes and --continuous are read off the judge's layers: leave --judge linear out"
    : settings->net.kinds > settings->net.latent ? "--kinds takes a number of --latent each: there are not as many"
    : settings->net.kinds > 0 && !judged         ? "an autoencoder's noise is of one kind: leave --kinds out"
    : settings->net.codes == 1                   ? "--codes wants two categories at least"
    : settings->net.judge == GAN_JUDGE_PAIRWISE && settings->loss != GAN_RELATIVISTIC
      ? "--judge pairwise is judged by --loss relativistic"
    : settings->label < 1 && !gan_losses[settings->loss].labels ? "--real-label goes with losses that have labels"
    : penalises (settings) && settings->net.judge_norm == GAN_NORM_BATCH
      ? "a penalty of the judge's slope wants pictures judged one by one: leave --judge-norm batch out"
    : settings->augment_target > 0 && !zero
      ? "--augment-target wants a loss whose scores have a zero: not wasserstein, not relativistic"
      : NULL;
  if (problem)
    g_set_error_literal (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, problem);
  return !problem;
}

/* Whether step @k of the judge in step @step has R1's penalty and is the generator's too. */
static unsigned
parts_of (const struct gan_settings *settings, int64_t step, int64_t k)
{
  int64_t n = step * settings->judge_steps + k;
  bool r1 = settings->r1 > 0 && n % settings->r1_every == 0;
  return (k == settings->judge_steps - 1 ? GAN_STEP_GENERATOR : 0) | (r1 ? GAN_STEP_R1 : 0);
}

bool
gan_build_steps (struct trainer *trainer, GError **error)
{
  struct gan_state *state = trainer->state;
  const struct gan_settings *settings = &state->now;
  for (int64_t step = 0; step < settings->r1_every; step++) /* the pattern of parts repeats */
    for (int64_t k = 0; k < settings->judge_steps; k++) {
      unsigned parts = state->preset->judge ? parts_of (settings, step, k) : GAN_STEP_GENERATOR;
      if (!state->step[parts] && !gan_build_step (trainer, parts, error))
        return false;
    }
  return true;
}

/* The networks, as far as settings and data decide; classes are @classes where the settings leave them open. */
static bool
settle_net (struct trainer *trainer, int classes, GError **error)
{
  const struct gan_settings *settings = trainer->settings;
  struct gan_state *state = trainer->state;
  state->preset = gan_presets[settings->preset];
  state->net = settings->net;
  state->net.channels = gan_channels (state->preset, &settings->net);
  gan_settle_rescues (trainer);
  if (!settings->net.conditional)
    state->net.classes = 0;
  else if (!settings->net.classes)
    state->net.classes = classes;
  else if (classes > settings->net.classes) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "%s has %d classes, --classes says %" G_GINT64_FORMAT,
                 settings->data, classes, settings->net.classes);
    return false;
  }
  if (settings->net.conditional && !classes) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "%s: has no classes; --conditional wants some",
                 settings->data);
    return false;
  }
  gan_sheet_settle (state);
  return true;
}

/* What a weight of a model's file is called in a run: the generator's, or its average, or those of the judge that the
 * file has as its recogniser. A new string. */
static char *
name_in_run (const char *name, bool average)
{
  static const char recogniser[] = "recogniser.";
  if (g_str_has_prefix (name, recogniser))
    return g_strconcat ("judge.", name + strlen (recogniser), NULL);
  return g_strconcat (average ? "average.generator." : "generator.", name, NULL);
}

/* The weights of --start: a generator of ours, or a run's, or one of the same layers that Keras saved. */
static struct weights *
weights_to_start (const struct gan_state *state, const char *path, GError **error)
{
  if (g_str_has_suffix (path, ".h5")) {
    g_autoptr (keras) keras = keras_load (path, error);
    return keras ? keras_take (keras, state->preset, &state->net, error) : NULL;
  }
  g_autoptr (net_file) file = gan_file_load (path, state->preset, error);
  return file ? weights_ref (file->weights) : NULL;
}

/* Copies them over fresh ones, which have the same layers. */
static bool
start_from_file (struct trainer *trainer, GError **error)
{
  const struct gan_settings *settings = trainer->settings;
  g_autoptr (weights) weights = weights_to_start (trainer->state, settings->start, error);
  if (!weights)
    return false;
  for (guint i = 0; i < weights_count (weights); i++)
    for (int average = 0; average < 2; average++) {
      struct tensor *from = weights_at (weights, i);
      g_autofree char *name = name_in_run (weights_name (weights, i), average);
      struct tensor *to = weights_find (trainer->weights, name);
      if (!to || !shape_equal (&to->shape, &from->shape)) {
        g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "%s: its generator has other layers: %s",
                     settings->start, weights_name (weights, i));
        return false;
      }
      memcpy (to->data, from->data, to->size);
    }
  return true;
}

/* Weights of a new run. */
static bool
begin (struct trainer *trainer, GError **error)
{
  const struct gan_settings *settings = trainer->settings;
  struct gan_state *state = trainer->state;
  recipe_keep_class_names (trainer, state->data);
  if (settings->start)
    return start_from_file (trainer, error);
  if (state->net.codes)
    gan_code_begin (trainer->weights, &state->net);
  return true;
}

static bool
start (struct trainer *trainer, GError **error)
{
  const struct gan_settings *settings = trainer->settings;
  struct gan_state *state = trainer->state = g_new0 (struct gan_state, 1);
  const struct gan_preset *preset = gan_presets[settings->preset];
  bool fresh = trainer->step == 0, watched = fresh && trainer->watchdog;
  if (!settings->data) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "train gan wants --data DIR: pictures to learn from");
    return false;
  }
  if (!check_settings (trainer, error))
    return false;
  struct dataset_options data = {.size = preset->side,
                                 .channels = (int) gan_channels (preset, &settings->net),
                                 .batch = (int) settings->batch,
                                 .seed = trainer->run.seed,
                                 .first_step = trainer->step * settings->judge_steps,
                                 .zoom = settings->zoom,
                                 .rotation = settings->rotation > 0 ? settings->rotation : -1,
                                 .keep_handedness = !settings->mirror,
                                 .classes = settings->net.conditional,
                                 .recursive = !settings->net.conditional};
  state->data = recipe_open_data (trainer, settings->data, &data, error);
  state->labels = g_new (int, settings->batch);
  return state->data && settle_net (trainer, dataset_classes (state->data), error) &&
         (!settings->net.conditional || recipe_check_classes (trainer, state->data, settings->data, error)) &&
         (!watched || !settings->net.conditional || gan_check_labels (trainer, error)) &&
         gan_build_steps (trainer, error) && (trainer->run.resume || begin (trainer, error)) &&
         gan_build_sampler (trainer, error) &&
         (!trainer->watchdog || !preset->judge || gan_build_inspector (trainer, error));
}

static double
scheduled (const struct trainer *trainer, double rate)
{
  const struct gan_settings *settings = trainer->settings;
  const double warm = settings->warm_up > 0 ? fmin (1, (trainer->step + 1.0) / settings->warm_up) : 1;
  switch (settings->schedule) {
  case GAN_LINEAR: return linear_rate (warm * rate, trainer->step, trainer->run.steps, 0.5);
  case GAN_COSINE: return cosine_rate (rate, trainer->step, trainer->run.steps, settings->warm_up);
  default: return warm * rate;
  }
}

void
gan_set_labels (struct plan *plan, const int *labels)
{
  struct tensor *tensor = plan_input (plan, "labels");
  if (!tensor)
    return;
  int64_t classes = tensor->shape.dim[1];
  memset (tensor->data, 0, tensor->size);
  for (int64_t i = 0; i < tensor->shape.dim[0]; i++)
    tensor_floats (tensor)[i * classes + labels[i]] = 1;
}

static void
set_scalars (struct trainer *trainer, struct plan *plan, int64_t judge_step)
{
  const struct gan_settings *settings = trainer->settings;
  const struct gan_settings *now = &((struct gan_state *) trainer->state)->now;
  struct optimizer_options optimizer = gan_optimizer (settings);
  recipe_set (plan, "rate", 0, optimizer_rate (&optimizer, scheduled (trainer, now->rate), trainer->step));
  recipe_set (plan, "judge-rate", 0, optimizer_rate (&optimizer, scheduled (trainer, now->judge_rate), judge_step));
  recipe_set (plan, "decay", 0, average_decay (settings->average, trainer->step));
  recipe_set (plan, "noise", 0, settings->noise * (1 - (double) trainer->step / trainer->run.steps));
}

/* The plan of step @k of the judge. One that leaves the generator alone has taken its weights for constants. */
static struct plan *
plan_of (struct trainer *trainer, int64_t k, GError **error)
{
  struct gan_state *state = trainer->state;
  unsigned parts = state->preset->judge ? parts_of (&state->now, trainer->step, k) : GAN_STEP_GENERATOR;
  struct plan *plan = state->step[parts];
  if ((parts & GAN_STEP_GENERATOR) || state->generator_of[parts] == trainer->step + 1)
    return plan;
  state->generator_of[parts] = trainer->step + 1;
  return plan_refresh (plan, error) ? plan : NULL;
}

/* Values in 0..1 to -1..1, as generators draw them. */
static void
centre (float *x, int64_t n)
{
  for (int64_t i = 0; i < n; i++)
    x[i] = 2 * x[i] - 1;
}

static bool
step (struct trainer *trainer, struct train_stats *stats, GError **error)
{
  static const char *const names[] = {
    "loss",   "judge",      "penalty",          "r1",      "real",     "fake",      "gradient", "judge-gradient",
    "pixels", "divergence", "encoder-gradient", "augment", "category", "continuous"};
  const struct gan_settings *settings = trainer->settings;
  struct gan_state *state = trainer->state;
  int64_t judge_steps = state->preset->judge ? settings->judge_steps : 1;
  struct plan *plan = NULL;
  for (int64_t k = 0; k < judge_steps; k++) {
    int64_t n = trainer->step * judge_steps + k;
    plan = plan_of (trainer, k, error);
    struct tensor *real = plan ? plan_input (plan, "real") : NULL;
    if (!plan || !dataset_batch_labelled (state->data, n, tensor_floats (real), state->labels, error))
      return false;
    centre (tensor_floats (real), shape_size (&real->shape));
    recipe_report (trainer, state->data);
    gan_set_labels (plan, state->labels);
    set_scalars (trainer, plan, n);
    plan_run (plan, trainer->run.seed, n);
  }
  recipe_stats (plan, names, G_N_ELEMENTS (names), stats);
  gan_doubt (settings, stats);
  return gan_inspect (trainer, plan, stats, error);
}

static bool
finish (struct trainer *trainer, const char *path, GError **error)
{
  static const char *const places[] = {"data", "start", NULL}; /* names on somebody's disk */
  const struct gan_settings *settings = trainer->settings;
  const struct gan_state *state = trainer->state;
  g_autofree char *walk = g_build_filename (trainer->folder, "walk.png", NULL);
  if (!gan_walk_sheet (trainer, walk, error))
    return false;
  g_autoptr (net_file) file = gan_file_new (state->preset, &state->net, trainer->weights);
  file->title = g_strdup (settings->title ? settings->title : state->preset->net.name);
  file->license = g_strdup (settings->license);
  file->training = recipe_facts (trainer, places);
  recipe_keep_class_names (trainer, state->data); /* a run of before has none, one of other data others */
  recipe_name_classes (file, trainer->weights, state->net.classes);
  return net_file_save (file, path, error);
}

/* Noise as pictures, all of the first class. */
static struct plan *
rehearse (struct trainer *trainer, GError **error)
{
  const struct gan_settings *settings = trainer->settings;
  struct gan_state *state = trainer->state = g_new0 (struct gan_state, 1);
  if (!check_settings (trainer, error) || !settle_net (trainer, 10, error) ||
      !gan_build_step (trainer, GAN_STEP_GENERATOR, error))
    return NULL;
  struct plan *plan = state->step[GAN_STEP_GENERATOR];
  recipe_fill_noise (plan, "real", STREAM_REHEARSAL);
  state->labels = g_new0 (int, settings->batch);
  gan_set_labels (plan, state->labels);
  set_scalars (trainer, plan, 0);
  return g_steal_pointer (&state->step[GAN_STEP_GENERATOR]);
}

static void
stop (struct trainer *trainer)
{
  struct gan_state *state = trainer->state;
  if (!state)
    return;
  g_clear_pointer (&state->data, dataset_free);
  for (int i = 0; i < GAN_STEPS; i++)
    g_clear_pointer (&state->step[i], plan_free);
  g_clear_pointer (&state->sampler, plan_free);
  g_clear_pointer (&state->inspector, plan_free);
  g_free (state->labels);
  g_clear_pointer (&trainer->state, g_free);
}

const struct recipe recipe_gan = {
  .name = "gan",
  .help = "a generator of pictures from noise, against a judge: digits, 28x28 or 64x64 pictures; or an autoencoder",
  .usage = "--data DIR|IDX [--preset NAME] [-o MODEL]",
  .examples = {"impasto train gan --data digits/ --preset dcgan-28 -o digits.safetensors",
               "impasto train gan --data digits/ --conditional normalisation -o by-class.safetensors"},
  .steps = "training steps; 0 = 5000",
  .options = options,
  .uses = uses,
  .settings_size = sizeof (struct gan_settings),
  .settle = settle,
  .start = start,
  .step = step,
  .reals = gan_reals,
  .sample = gan_sample,
  .finish = finish,
  .stop = stop,
  .rehearse = rehearse,
  .watches = gan_watches,
  .rescue = gan_rescue,
};
