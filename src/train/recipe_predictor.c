/* SPDX-License-Identifier: Apache-2.0
 *
 * Training of a predictor: paintings in; out comes a pack that guesses rows for paintings it never learnt (Ghiasi et
 * al. 2017). The pack's painter and the rows of its styles stay as they are; what is learnt is the predictor and the
 * basis of rows that it weighs (net/predictor.c), which begins as the pack's styles, mixed by how near they are to the
 * painting.
 *
 * A step paints photographs like crops of paintings, seen from nearer or farther and in other colours: the losses are
 * those of a style (recipe_style.c), each towards its own crop. */
#include <math.h>
#include <string.h>

#include "impasto/error.h"
#include "train/loss.h"
#include "train/painting_crops.h"
#include "train/predictor_recipe.h"
#include "train/recipe.h"
#include "train/sheet.h"
#include "train/style_pack.h"

#define SHEET_PHOTOS 3
#define SHEET_PAINTINGS 6
#define STEPS 3000
#define REHEARSED_STYLES 26

enum stream { STREAM_ITEM = 800, STREAM_CROP, STREAM_COLOUR }; /* random numbers of this recipe */

static const struct option options[] = {
  {"photos", OPTION_STRING, offsetof (struct predictor_settings, photos), "folder of photographs to learn on; required",
   .metavar = "DIR"},
  {"into", OPTION_STRING, offsetof (struct predictor_settings, into),
   "pack that gets a predictor, or whose predictor learns further; required", .metavar = "PACK"},
  {FEATURES_OPTION, OPTION_STRING, offsetof (struct predictor_settings, features),
   "network by which pictures are compared: impasto's own, or VGG-19 in torchvision's layout; default: " FEATURES_FILE,
   .metavar = "FILE"},
  {DESCRIBER_OPTION, OPTION_STRING, offsetof (struct predictor_settings, describer),
   "perceptual network that tells what paintings look like, as it told the pack; default: " FEATURES_FILE,
   .metavar = "FILE"},
  {"batch", OPTION_INT, offsetof (struct predictor_settings, batch), "photographs a step, each with a painting", 1, 64,
   2},
  {"size", OPTION_INT, offsetof (struct predictor_settings, size), "pixels of the crops, a multiple of 32", 64, 1024,
   256},
  {"zoom", OPTION_FLOAT, offsetof (struct predictor_settings, zoom), "largest shorter side of a painting in crops", 1,
   8, 3},
  {"recolour", OPTION_FLOAT, offsetof (struct predictor_settings, recolour),
   "share of the paintings that get other colours", 0, 1, 0.4},
  {"content-weight", OPTION_FLOAT, offsetof (struct predictor_settings, content_weight), "how much of the scene stays",
   0, 1e6, 1},
  {"style-weight", OPTION_FLOAT, offsetof (struct predictor_settings, style_weight), "how much of the painting comes",
   0, 1e6, 12},
  {"palette-weight", OPTION_FLOAT, offsetof (struct predictor_settings, palette_weight),
   "how much the colours' means and covariances are the painting's", 0, 1e6, 1},
  {"variation-weight", OPTION_FLOAT, offsetof (struct predictor_settings, variation_weight), "smoothness", 0, 1e6, 4},
  {"calm-weight", OPTION_FLOAT, offsetof (struct predictor_settings, calm_weight),
   "how calm the painting is where the photograph is: fewer spots and clouds in skies", 0, 1e6, 100},
  {"mesh-weight", OPTION_FLOAT, offsetof (struct predictor_settings, mesh_weight),
   "how little the painter's grid of four pixels is to show", 0, 1e6, 4000},
  {"colors-weight", OPTION_FLOAT, offsetof (struct predictor_settings, colors_weight),
   "how much of each colour there is to be as much as in the painting", 0, 1e6, 4},
  {"alike-weight", OPTION_FLOAT, offsetof (struct predictor_settings, alike_weight),
   "how alike the painting is where the photograph is flat and alike: no pale spots in skies", 0, 1e6, 100},
  {"overexposed", OPTION_FLOAT, offsetof (struct predictor_settings, overexposed),
   "share of the photographs that are brightened until lights are flat white, as in overexposed skies", 0, 1, 0.25},
  {"rate", OPTION_FLOAT, offsetof (struct predictor_settings, rate), "learning rate", 1e-8, 1, 0.0015},
  {"average", OPTION_FLOAT, offsetof (struct predictor_settings, average), "moving average of the weights that is kept",
   0, 0.99999, 0.998},
  {"free", OPTION_INT, offsetof (struct predictor_settings, free),
   "rows of no style, to be added to a mix of styles; 0 = 64, or as many as the predictor of PACK has", 0, 1024, 0},
  {"hidden", OPTION_INT, offsetof (struct predictor_settings, hidden),
   "numbers by which the free rows are weighed; 0 = 128, or as the predictor of PACK has it", 0, 4096, 0},
  {NULL},
};

static void
settle (void *settings, struct run_settings *run)
{
  (void) settings;
  if (run->steps == 0)
    run->steps = STEPS;
}

/* --- Start --- */

static bool
check_size (const struct predictor_settings *settings, GError **error)
{
  if (settings->size % 32 == 0)
    return true;
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "--size wants a multiple of 32");
  return false;
}

static bool
check_settings (const struct predictor_settings *settings, GError **error)
{
  const char *missing = !settings->photos      ? "photos DIR: photographs to learn on"
                        : !settings->into      ? "into PACK: the pack that gets a predictor"
                        : !settings->features  ? FEATURES_OPTION " FILE: " FEATURES_FILE " is not there"
                        : !settings->describer ? DESCRIBER_OPTION " FILE: " FEATURES_FILE " is not there"
                                               : NULL;
  if (missing)
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "train predictor wants --%s", missing);
  return !missing && check_size (settings, error);
}

static void
add_frozen (struct trainer *trainer, struct weights *weights, const char *scope)
{
  for (guint i = 0; i < weights_count (weights); i++) {
    g_autofree char *name = g_strdup_printf ("%s.%s", scope, weights_name (weights, i));
    weights_add (trainer->weights, name, weights_at (weights, i));
  }
}

static bool
load_networks (struct trainer *trainer, struct predictor_state *state, GError **error)
{
  const struct predictor_settings *settings = trainer->settings;
  g_autoptr (net_file) describer = net_file_load (settings->describer, &net_perceptual, error);
  if (!describer)
    return false;
  memcpy (&state->describer, describer->settings, sizeof state->describer);
  add_frozen (trainer, describer->weights, PREDICTOR_DESCRIBER);
  state->features = features_load (settings->features, error);
  if (state->features)
    features_add_weights (state->features, trainer->weights, PREDICTOR_FEATURES);
  return state->features != NULL;
}

static bool
start (struct trainer *trainer, GError **error)
{
  const struct predictor_settings *settings = trainer->settings;
  struct predictor_state *state = trainer->state = g_new0 (struct predictor_state, 1);
  if (!check_settings (settings, error) || !(state->into = style_pack_load_into (settings->into, error)) ||
      !load_networks (trainer, state, error) || !predictor_begin (trainer, state, error) ||
      !(state->paintings = paintings_load (trainer, settings->zoom * settings->size, error)))
    return false;
  struct dataset_options data = {.size = settings->size,
                                 .batch = settings->batch,
                                 .seed = trainer->run.seed,
                                 .first_step = trainer->step,
                                 .overexposed = settings->overexposed,
                                 .recursive = true};
  state->photos = recipe_open_data (trainer, settings->photos, &data, error);
  if (!state->photos || !predictor_build_training (trainer, state, error) ||
      !predictor_build_sampler (trainer, state, error))
    return false;
  state->sheet_photos = recipe_sheet_photos (state->photos, SHEET_PHOTOS, settings->size, error);
  return state->sheet_photos != NULL;
}

/* --- Steps --- */

static bool
fill_paintings (struct trainer *trainer, struct predictor_state *state, GError **error)
{
  const struct predictor_settings *settings = trainer->settings;
  int64_t size = settings->size;
  struct random_key item = {.seed = trainer->run.seed, .stream = STREAM_ITEM, .step = trainer->step},
                    crop = {.seed = trainer->run.seed, .stream = STREAM_CROP, .step = trainer->step};
  for (int i = 0; i < settings->batch; i++) {
    float *painting = recipe_input_at (state->plan, "painting", i);
    guint chosen = random_below (item, i, state->paintings->len);
    struct random_key colour = {
      .seed = trainer->run.seed, .stream = STREAM_COLOUR, .step = trainer->step * settings->batch + i};
    if (!painting_crop (state->paintings->pdata[chosen], settings->zoom, size, crop, i, painting, error))
      return false;
    if (random_uniform (colour, 4) < settings->recolour)
      painting_recolour (painting, size * size, colour);
    loss_palette_target (painting, size * size, recipe_input_at (state->plan, "palette-target", i));
    loss_colors_target (painting, size, size, recipe_input_at (state->plan, "colors-target", i));
  }
  return true;
}

static bool
step (struct trainer *trainer, struct train_stats *stats, GError **error)
{
  static const char *const names[] = {"loss",      "content", "style", "palette", "colors",
                                      "variation", "calm",    "mesh",  "alike",   "gradient"};
  const struct predictor_settings *settings = trainer->settings;
  struct predictor_state *state = trainer->state;
  if (!dataset_batch (state->photos, trainer->step, tensor_floats (plan_input (state->plan, "photo")), error))
    return false;
  recipe_report (trainer, state->photos);
  if (!fill_paintings (trainer, state, error))
    return false;
  recipe_set_rates (state->plan, trainer->step, &predictor_adam, recipe_rate (trainer, settings->rate),
                    settings->average);
  plan_run (state->plan, trainer->run.seed, trainer->step);
  recipe_stats (state->plan, names, G_N_ELEMENTS (names), stats);
  return true;
}

/* --- Sheets --- */

static bool
reals (struct trainer *trainer, const char *path, GError **error)
{
  const struct predictor_settings *settings = trainer->settings;
  const struct predictor_state *state = trainer->state;
  return paintings_reals (state->paintings, settings->zoom, state->photos, settings->batch, settings->size, path,
                          error);
}

/* Paintings; below them a row a photograph: it, and as it is painted like each. */
static bool
sample (struct trainer *trainer, const char *path, GError **error)
{
  const struct predictor_settings *settings = trainer->settings;
  struct predictor_state *state = trainer->state;
  int64_t pixels = 3 * settings->size * settings->size;
  int shown = MIN (state->paintings->len, SHEET_PAINTINGS), columns = shown + 1;
  g_autoptr (sheet) sheet = sheet_new (path, columns, SHEET_PHOTOS + 1, settings->size, error);
  if (!sheet || !plan_refresh (state->sampler, error))
    return false;
  for (int i = 0; i < shown; i++)
    if (!painting_of_sheet (state->paintings, i, shown, settings->zoom, settings->size, sheet_cell (sheet, i + 1),
                            error))
      return false;
  for (int row = 0; row < SHEET_PHOTOS; row++) {
    const float *photo = state->sheet_photos + row * pixels;
    int first = (row + 1) * columns;
    sheet_draw (sheet, first, photo);
    memcpy (recipe_input_at (state->sampler, "photo", 0), photo, pixels * sizeof (float));
    for (int i = 1; i <= shown; i++) {
      memcpy (recipe_input_at (state->sampler, "painting", 0), sheet_cell (sheet, i), pixels * sizeof (float));
      plan_run (state->sampler, 0, 0);
      sheet_draw (sheet, first + i, tensor_floats (plan_output (state->sampler, "painted")));
    }
  }
  return sheet_save (sheet, error);
}

/* --- The result --- */

static bool
finish (struct trainer *trainer, const char *path, GError **error)
{
  static const char *const places[] = {"photos", "into", FEATURES_OPTION, DESCRIBER_OPTION, "free", "hidden", NULL};
  const struct predictor_state *state = trainer->state;
  g_autoptr (pack) pack = predictor_pack (state->into, trainer->weights, error);
  if (!pack)
    return false;
  JsonObject *facts = recipe_facts (trainer, places);
  json_object_set_string_member (facts, "eye", features_name (state->features));
  predictor_add_facts (pack, state->into, facts);
  return pack_save (pack, path, error);
}

/* The painter and the eye that ship, of random weights; pictures are noise. */
static struct plan *
rehearse (struct trainer *trainer, GError **error)
{
  const struct predictor_settings *settings = trainer->settings;
  struct predictor_state *state = trainer->state = g_new0 (struct predictor_state, 1);
  option_init (net_style.options, &state->net);
  state->describer = (struct perceptual_net){{16, 48, 96}};
  state->net.predictor = (struct predictor_net){.described = perceptual_descriptor_size (&state->describer),
                                                .mixed = REHEARSED_STYLES,
                                                .free = PREDICTOR_FREE,
                                                .hidden = PREDICTOR_HIDDEN};
  if (!check_size (settings, error))
    return NULL;
  state->features = settings->features ? features_load (settings->features, error) : features_new_random ();
  if (!state->features)
    return NULL;
  features_add_weights (state->features, trainer->weights, PREDICTOR_FEATURES);
  if (!predictor_build_training (trainer, state, error))
    return NULL;
  static const char *const inputs[] = {"photo", "painting", "palette-target", "colors-target"};
  for (guint i = 0; i < G_N_ELEMENTS (inputs); i++)
    recipe_fill_noise (state->plan, inputs[i], STREAM_ITEM + i);
  recipe_set_rates (state->plan, 0, &predictor_adam, settings->rate, settings->average);
  return g_steal_pointer (&state->plan);
}

static void
stop (struct trainer *trainer)
{
  struct predictor_state *state = trainer->state;
  if (!state)
    return;
  g_clear_pointer (&state->into, pack_free);
  g_clear_pointer (&state->features, features_free);
  g_clear_pointer (&state->paintings, g_ptr_array_unref);
  g_clear_pointer (&state->photos, dataset_free);
  g_clear_pointer (&state->plan, plan_free);
  g_clear_pointer (&state->sampler, plan_free);
  g_free (state->sheet_photos);
  g_clear_pointer (&trainer->state, g_free);
}

const struct recipe recipe_predictor = {
  .name = "predictor",
  .help = "what lets a pack's painter guess any painting's style (Ghiasi 2017)",
  .usage = "PAINTINGS... --photos DIR --into PACK [-o PACK]",
  .examples = {"impasto train predictor paintings/ --photos photos/ --into styles.safetensors -o any.safetensors"},
  .steps = "training steps; 0 = 3000",
  .options = options,
  .settings_size = sizeof (struct predictor_settings),
  .paintings = true,
  .settle = settle,
  .start = start,
  .step = step,
  .reals = reals,
  .sample = sample,
  .finish = finish,
  .stop = stop,
  .rehearse = rehearse,
};
