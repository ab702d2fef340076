/* SPDX-License-Identifier: Apache-2.0
 *
 * Training of the painter of any style: photographs and crops of paintings in, one decoder out (net/arbitrary.c). Its
 * losses are in arbitrary_graph.c. */
#include <string.h>

#include "impasto/error.h"
#include "net/net_file.h"
#include "train/arbitrary_recipe.h"
#include "train/painting_crops.h"
#include "train/recipe.h"
#include "train/run_file.h"
#include "train/sheet.h"

#define SHEET_PHOTOS 3
#define SHEET_PAINTINGS 6

enum stream { STREAM_ITEM = 400, STREAM_CROP, STREAM_COLOUR }; /* random numbers of this recipe */

static const struct option options[] = {
  {"photos", OPTION_STRING, offsetof (struct arbitrary_settings, photos), "folder of photographs to learn on; required",
   .metavar = "DIR"},
  {ENCODER_OPTION, OPTION_STRING, offsetof (struct arbitrary_settings, encoder),
   "perceptual network (of impasto train perceptual) that sees for the painter; default: " FEATURES_FILE,
   .metavar = "FILE"},
  {FEATURES_OPTION, OPTION_STRING, offsetof (struct arbitrary_settings, features),
   "network by which pictures are compared, VGG-19 in torchvision's layout; default: the encoder", .metavar = "FILE"},
  {"start", OPTION_STRING, offsetof (struct arbitrary_settings, start),
   "painter of any style, or RUN of this recipe, whose decoder training starts from", .metavar = "FILE"},
  {"title", OPTION_STRING, offsetof (struct arbitrary_settings, title), "title of the result"},
  {"license", OPTION_STRING, offsetof (struct arbitrary_settings, license), "licence of the result"},
  {"batch", OPTION_INT, offsetof (struct arbitrary_settings, batch), "photographs a step, each with a painting", 1, 64,
   2},
  {"size", OPTION_INT, offsetof (struct arbitrary_settings, size), "pixels of the crops, a multiple of 32", 32, 1024,
   256},
  {"zoom", OPTION_FLOAT, offsetof (struct arbitrary_settings, zoom), "largest shorter side of a painting in crops", 1,
   8, 2},
  {"recolour", OPTION_FLOAT, offsetof (struct arbitrary_settings, recolour),
   "share of the paintings that get other colours", 0, 1, 0.4},
  {"identity", OPTION_FLOAT, offsetof (struct arbitrary_settings, identity),
   "share of the photographs that are to stay", 0, 1, 0.2},
  {"content-weight", OPTION_FLOAT, offsetof (struct arbitrary_settings, content_weight), "how much of the scene stays",
   0, 1e6, 1},
  {"style-weight", OPTION_FLOAT, offsetof (struct arbitrary_settings, style_weight), "how much of the painting comes",
   0, 1e6, 5},
  {"identity-weight", OPTION_FLOAT, offsetof (struct arbitrary_settings, identity_weight),
   "how exactly photographs stay", 0, 1e6, 50},
  {"variation-weight", OPTION_FLOAT, offsetof (struct arbitrary_settings, variation_weight), "smoothness", 0, 1e6, 2},
  {"calm-weight", OPTION_FLOAT, offsetof (struct arbitrary_settings, calm_weight),
   "how calm the painting is where the photograph is: fewer spots and clouds in skies", 0, 1e6, 0},
  {"range-weight", OPTION_FLOAT, offsetof (struct arbitrary_settings, range_weight),
   "against colours beyond black and white", 0, 1e6, 10},
  {"rate", OPTION_FLOAT, offsetof (struct arbitrary_settings, rate), "learning rate", 1e-8, 1, 0.001},
  {"average", OPTION_FLOAT, offsetof (struct arbitrary_settings, average), "moving average of the weights that is kept",
   0, 0.99999, 0.998},
  {"keys", OPTION_INT, offsetof (struct arbitrary_settings, net.keys), "numbers by which attention compares places", 1,
   512, 32},
  {"residuals", OPTION_INT, offsetof (struct arbitrary_settings, net.residuals), "residual blocks of the decoder", 0,
   32, 1},
  {NULL},
};

/* Start and steps */

static bool
check_settings (const struct arbitrary_settings *settings, GError **error)
{
  const char *missing = !settings->photos    ? "photos DIR: photographs to learn on"
                        : !settings->encoder ? ENCODER_OPTION " FILE: " FEATURES_FILE " is not there"
                                             : NULL;
  if (missing)
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "train arbitrary wants --%s", missing);
  return !missing;
}

static bool
check_size (const struct arbitrary_settings *settings, GError **error)
{
  if (settings->size % 32 == 0)
    return true;
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "--size wants a multiple of 32");
  return false;
}

/* The encoder under both names, and the eyes of the losses. */
static bool
load_networks (struct trainer *trainer, struct arbitrary_state *state, GError **error)
{
  struct arbitrary_settings *settings = trainer->settings;
  g_autoptr (net_file) encoder = net_file_load (settings->encoder, &net_perceptual, error);
  if (!encoder)
    return false;
  memcpy (&settings->net.encoder, encoder->settings, sizeof settings->net.encoder);
  for (guint i = 0; i < weights_count (encoder->weights); i++)
    for (int average = 0; average < 2; average++) {
      g_autofree char *name =
        g_strdup_printf ("%sencoder.%s", average ? "average." : "", weights_name (encoder->weights, i));
      if (!weights_find (trainer->weights, name)) /* a resumed run has it */
        weights_add (trainer->weights, name, weights_at (encoder->weights, i));
    }
  state->eye = features_load (settings->features ? settings->features : settings->encoder, error);
  if (state->eye && settings->features)
    features_add_weights (state->eye, trainer->weights, "frozen.features");
  return state->eye != NULL;
}

static bool
start_from_file (struct trainer *trainer, GError **error)
{
  const struct arbitrary_settings *settings = trainer->settings;
  g_autoptr (net_file) file = run_file_or_file (settings->start, &net_arbitrary, error);
  return file && recipe_start_from (trainer, file->weights, "decoder.", "", settings->start, error);
}

static bool
start (struct trainer *trainer, GError **error)
{
  bool fresh = trainer->step == 0;
  struct arbitrary_settings *settings = trainer->settings;
  struct arbitrary_state *state = trainer->state = g_new0 (struct arbitrary_state, 1);
  if (!check_settings (settings, error) || !check_size (settings, error) || !load_networks (trainer, state, error) ||
      !(state->paintings = paintings_load (trainer, settings->zoom * settings->size, error)))
    return false;
  struct dataset_options data = {.size = settings->size,
                                 .batch = settings->batch,
                                 .seed = trainer->run.seed,
                                 .first_step = trainer->step,
                                 .recursive = true};
  state->photos = recipe_open_data (trainer, settings->photos, &data, error);
  if (!state->photos || !arbitrary_build_training (trainer, state, error) ||
      (fresh && settings->start && !start_from_file (trainer, error)) ||
      !arbitrary_build_sampler (trainer, state, error))
    return false;
  state->sheet_photos = recipe_sheet_photos (state->photos, SHEET_PHOTOS, settings->size, error);
  return state->sheet_photos != NULL;
}

/* Which painting, how fused and whether at all, for each item of the step. */
static bool
fill_styles (struct trainer *trainer, struct arbitrary_state *state, GError **error)
{
  const struct arbitrary_settings *settings = trainer->settings;
  int64_t pixels = 3 * settings->size * settings->size;
  float *style = tensor_floats (plan_input (state->plan, "style"));
  struct random_key item = {.seed = trainer->run.seed, .stream = STREAM_ITEM, .step = trainer->step},
                    crop = {.seed = trainer->run.seed, .stream = STREAM_CROP, .step = trainer->step};
  for (int i = 0; i < settings->batch; i++, style += pixels) {
    guint chosen = random_below (item, 2 * i, state->paintings->len); /* draws 4 i and 4 i + 1 */
    struct random_key colour = {
      .seed = trainer->run.seed, .stream = STREAM_COLOUR, .step = trainer->step * settings->batch + i};
    if (!painting_crop (state->paintings->pdata[chosen], settings->zoom, settings->size, crop, i, style, error))
      return false;
    if (random_uniform (colour, 4) < settings->recolour)
      painting_recolour (style, pixels / 3, colour);
    recipe_set (state->plan, "attention", i, CLAMP (2 * random_uniform (item, 4 * i + 2) - 0.5, 0, 1));
    recipe_set (state->plan, "strength", i, random_uniform (item, 4 * i + 3) < settings->identity ? 0 : 1);
  }
  return true;
}

static bool
step (struct trainer *trainer, struct train_stats *stats, GError **error)
{
  static const char *const names[] = {"loss",      "content", "gram",  "moments", "identity",
                                      "variation", "calm",    "range", "gradient"};
  const struct arbitrary_settings *settings = trainer->settings;
  struct arbitrary_state *state = trainer->state;
  if (!dataset_batch (state->photos, trainer->step, tensor_floats (plan_input (state->plan, "photo")), error))
    return false;
  recipe_report (trainer, state->photos);
  if (!fill_styles (trainer, state, error))
    return false;
  recipe_set_rates (state->plan, trainer->step, &arbitrary_adam, recipe_rate (trainer, settings->rate),
                    settings->average);
  plan_run (state->plan, trainer->run.seed, trainer->step);
  recipe_stats (state->plan, names, G_N_ELEMENTS (names), stats);
  return true;
}

/* Sheets */

static bool
reals (struct trainer *trainer, const char *path, GError **error)
{
  const struct arbitrary_settings *settings = trainer->settings;
  const struct arbitrary_state *state = trainer->state;
  return paintings_reals (state->paintings, settings->zoom, state->photos, settings->batch, settings->size, path,
                          error);
}

static void
paint_cell (struct arbitrary_state *state, const float *photo, const float *style, double strength, double attention,
            struct sheet *sheet, int i)
{
  size_t bytes = 3 * sheet->size * sheet->size * sizeof (float);
  memcpy (tensor_floats (plan_input (state->sampler, "photo")), photo, bytes);
  memcpy (tensor_floats (plan_input (state->sampler, "style")), style, bytes);
  recipe_set (state->sampler, "strength", 0, strength);
  recipe_set (state->sampler, "attention", 0, attention);
  plan_run (state->sampler, 0, 0);
  sheet_draw (sheet, i, tensor_floats (plan_output (state->sampler, "painting")));
}

/* Paintings; below them two rows a photograph: it and its paintings by AdaIN, then what strength 0 makes of it and its
 * paintings by attention. */
static bool
sample (struct trainer *trainer, const char *path, GError **error)
{
  const struct arbitrary_settings *settings = trainer->settings;
  struct arbitrary_state *state = trainer->state;
  int64_t pixels = 3 * settings->size * settings->size;
  int shown = MIN (state->paintings->len, SHEET_PAINTINGS), columns = shown + 1;
  g_autoptr (sheet) sheet = sheet_new (path, columns, 2 * SHEET_PHOTOS + 1, settings->size, error);
  if (!sheet || !plan_refresh (state->sampler, error))
    return false;
  for (int i = 0; i < shown; i++)
    if (!painting_of_sheet (state->paintings, i, shown, settings->zoom, settings->size, sheet_cell (sheet, i + 1),
                            error))
      return false;
  for (int row = 0; row < 2 * SHEET_PHOTOS; row++) {
    const float *photo = state->sheet_photos + row / 2 * pixels;
    int first = (row + 1) * columns;
    if (row % 2 == 0)
      sheet_draw (sheet, first, photo);
    else
      paint_cell (state, photo, sheet_cell (sheet, 1), 0, 0, sheet, first);
    for (int i = 1; i <= shown; i++)
      paint_cell (state, photo, sheet_cell (sheet, i), 1, row % 2, sheet, first + i);
  }
  return sheet_save (sheet, error);
}

/* The result */

/* The encoder's settings, which are not the run's: it came from a file. */
static struct perceptual_net
encoder_of (struct weights *weights)
{
  struct perceptual_net net = {{0}};
  for (guint i = 0; i < G_N_ELEMENTS (net.channels); i++) {
    g_autofree char *name = g_strdup_printf ("encoder.conv%u_1.weight", i + 1);
    const struct tensor *weight = weights_find (weights, name);
    net.channels[i] = weight && weight->shape.rank > 0 ? CLAMP (weight->shape.dim[0], 4, 512) : 4;
  }
  return net;
}

static struct net_file *
network (const void *object, struct weights *weights)
{
  const struct arbitrary_settings *settings = object;
  g_autoptr (weights) averaged = recipe_averaged (weights, "");
  struct arbitrary_net net = settings->net;
  net.encoder = encoder_of (averaged);
  struct net_file *file = net_file_new (&net_arbitrary, &net, averaged);
  file->title = g_strdup (settings->title ? settings->title : "painter of any style");
  file->license = g_strdup (settings->license);
  file->provenance = g_strdup ("trained by impasto train arbitrary");
  return file;
}

static bool
finish (struct trainer *trainer, const char *path, GError **error)
{
  static const char *const places[] = {"photos", ENCODER_OPTION, FEATURES_OPTION, "start", NULL};
  g_autoptr (net_file) file = network (trainer->settings, trainer->weights);
  file->training = recipe_facts (trainer, places);
  json_object_set_string_member (file->training, "losses",
                                 features_name (((struct arbitrary_state *) trainer->state)->eye));
  return net_file_save (file, path, error);
}

/* Pictures are noise, the encoder as it is at the beginning unless a file is given. */
static struct plan *
rehearse (struct trainer *trainer, GError **error)
{
  struct arbitrary_settings *settings = trainer->settings;
  struct arbitrary_state *state = trainer->state = g_new0 (struct arbitrary_state, 1);
  settings->net.encoder = (struct perceptual_net){{16, 48, 96}};
  if (!check_size (settings, error))
    return NULL;
  if (settings->encoder && !load_networks (trainer, state, error))
    return NULL;
  if (!state->eye) {
    state->eye = settings->features ? features_load (settings->features, error) : features_new_random ();
    if (!state->eye)
      return NULL;
    features_add_weights (state->eye, trainer->weights, "frozen.features");
  }
  if (!arbitrary_build_training (trainer, state, error))
    return NULL;
  recipe_fill_noise (state->plan, "photo", STREAM_ITEM);
  recipe_fill_noise (state->plan, "style", STREAM_CROP);
  for (int64_t i = 0; i < settings->batch; i++) {
    recipe_set (state->plan, "strength", i, 1);
    recipe_set (state->plan, "attention", i, 0.5);
  }
  recipe_set_rates (state->plan, 0, &arbitrary_adam, settings->rate, settings->average);
  return g_steal_pointer (&state->plan);
}

static void
stop (struct trainer *trainer)
{
  struct arbitrary_state *state = trainer->state;
  if (!state)
    return;
  g_clear_pointer (&state->eye, features_free);
  g_clear_pointer (&state->paintings, g_ptr_array_unref);
  g_clear_pointer (&state->photos, dataset_free);
  g_clear_pointer (&state->plan, plan_free);
  g_clear_pointer (&state->sampler, plan_free);
  g_free (state->sheet_photos);
  g_clear_pointer (&trainer->state, g_free);
}

const struct recipe recipe_arbitrary = {
  .name = "arbitrary",
  .help = "a painter that takes any painting as its style (AdaIN: Huang 2017; attention: AdaAttN, Liu 2021)",
  .usage = "PAINTINGS... --photos DIR [-o FILE]",
  .examples = {"impasto train arbitrary paintings/ --photos photos/ -o arbitrary.safetensors"},
  .steps = "training steps; 0 = 2400",
  .options = options,
  .settings_size = sizeof (struct arbitrary_settings),
  .paintings = true,
  .start = start,
  .step = step,
  .reals = reals,
  .sample = sample,
  .finish = finish,
  .network = network,
  .stop = stop,
  .rehearse = rehearse,
};
