/* SPDX-License-Identifier: Apache-2.0
 *
 * Style training: photographs in, a feed-forward painter out, one row of it a painting.
 *
 *   L = content_weight * L_content + pixel_weight * p L_pixel
 *       + (1 - p)^2 (style_weight * L_gram + palette_weight * L_palette + variation_weight * L_tv
 *                    + colors_weight * L_colors + calm_weight * L_calm + alike_weight * L_alike + mesh_weight * L_mesh
 *                    + adversary_weight * L_adv)
 *
 * p is the photograph's share of a picture's row. Content at FEATURE_CONTENT of the feature network (Johnson 2016);
 * Gram matrices at all of its taps on the picture at scales 1, 1/2 and 1/4, which stand in for the deeper blocks; each
 * style's Gram divided by its root mean square, so that layers and paintings weigh alike; a patch discriminator with
 * one head a painting, least squares (Mao 2017). Generator, discriminator, both gradients and both optimisers are one
 * graph, hence one plan. */
#include "impasto/error.h"
#include "train/describer.h"
#include "train/recipe.h"
#include "train/run_pack.h"
#include "train/style_pack.h"
#include "train/style_recipe.h"

#define FIT_STEPS 300
#define RATE 0.001
#define FIT_RATE 0.05
#define CALM 100
#define MESH 4000
#define ALIKE_WEIGHT 100
#define OVEREXPOSED 0.25
#define COLORS 4

enum stream { STREAM_PHOTO = 200, STREAM_PAINTING }; /* random numbers of rehearsals */

static const struct option options[] = {
  {"photos", OPTION_STRING, offsetof (struct style_settings, photos), "folder of photographs to learn on; required",
   .metavar = "DIR"},
  {FEATURES_OPTION, OPTION_STRING, offsetof (struct style_settings, features),
   "network by which pictures are compared: impasto's own, or VGG-19 in torchvision's layout; default: " FEATURES_FILE
   ", which ships",
   .metavar = "FILE"},
  {DESCRIBER_OPTION, OPTION_STRING, offsetof (struct style_settings, describer),
   "perceptual network by which the pack tells what its paintings look like, for predictors and for brushwork; "
   "default: " FEATURES_FILE,
   .metavar = "FILE"},
  {"names", OPTION_STRING, offsetof (struct style_settings, names),
   "of the styles, in the paintings' order, joined by ';': NAME or NAME: TITLE, ARTIST, YEAR; default: the files' "
   "names"},
  {"title", OPTION_STRING, offsetof (struct style_settings, title), "title of the pack"},
  {"license", OPTION_STRING, offsetof (struct style_settings, license), "licence of the pack"},
  {"start", OPTION_STRING, offsetof (struct style_settings, start),
   "pack or RUN whose weights training starts from; one with more width and residuals is pruned", .metavar = "PACK"},
  {"into", OPTION_STRING, offsetof (struct style_settings, into),
   "pack that gets the paintings as further styles: all else of it stays as it is, and its network is taken, without a "
   "judge; the result is a pack of its own",
   .metavar = "PACK"},
  {"batch", OPTION_INT, offsetof (struct style_settings, batch), "photographs a step", 1, 64, 2},
  {"size", OPTION_INT, offsetof (struct style_settings, size), "pixels of the crops, a multiple of 16", 64, 1024, 256},
  {"painting-size", OPTION_INT, offsetof (struct style_settings, painting_size),
   "longer side of the paintings: larger = larger strokes", 128, 4096, 768},
  {"content-weight", OPTION_FLOAT, offsetof (struct style_settings, content_weight), "how much of the scene stays", 0,
   1e6, 1},
  {"style-weight", OPTION_FLOAT, offsetof (struct style_settings, style_weight), "how much of the painting comes", 0,
   1e6, 12},
  {"palette-weight", OPTION_FLOAT, offsetof (struct style_settings, palette_weight),
   "how much the colours' means and covariances are the painting's", 0, 1e6, 1},
  {"variation-weight", OPTION_FLOAT, offsetof (struct style_settings, variation_weight), "smoothness", 0, 1e6, 4},
  {"calm-weight", OPTION_FLOAT, offsetof (struct style_settings, calm_weight),
   "how calm the painting is where the photograph is: fewer spots and clouds in skies; -1 = 100", -1, 1e6, -1},
  {"mesh-weight", OPTION_FLOAT, offsetof (struct style_settings, mesh_weight),
   "how little the painter's grid of four pixels is to show; -1 = 4000", -1, 1e6, -1},
  {"colors-weight", OPTION_FLOAT, offsetof (struct style_settings, colors_weight),
   "how much of each colour there is to be as much as in the painting; -1 = 4", -1, 1e6, -1},
  {"alike-weight", OPTION_FLOAT, offsetof (struct style_settings, alike_weight),
   "how alike the painting is where the photograph is flat and alike: no pale spots in skies; -1 = 100", -1, 1e6, -1},
  {"adversary-weight", OPTION_FLOAT, offsetof (struct style_settings, adversary_weight),
   "the patch judge's say; 0 = none", 0, 1e6, 0.15},
  {"pixel-weight", OPTION_FLOAT, offsetof (struct style_settings, pixel_weight),
   "how closely the photograph's row keeps its pixels", 0, 1e6, 20},
  {"overexposed", OPTION_FLOAT, offsetof (struct style_settings, overexposed),
   "share of the photographs that are brightened until lights are flat white, as in overexposed skies; -1 = 0.25", -1,
   1, -1},
  {"rate", OPTION_FLOAT, offsetof (struct style_settings, rate),
   "learning rate of the painter; 0 = 0.001, with --into 0.05", 0, 1, 0},
  {"judge-rate", OPTION_FLOAT, offsetof (struct style_settings, judge_rate), "learning rate of the judge", 1e-8, 1,
   0.0002},
  {"average", OPTION_FLOAT, offsetof (struct style_settings, average), "moving average of the weights that is kept", 0,
   0.99999, 0.998},
  {"photograph", OPTION_BOOL, offsetof (struct style_settings, net.photograph),
   "learns the photograph as a row of its own, for strengths below 1; =no: not", .fallback = 1},
  {"brush", OPTION_BOOL, offsetof (struct style_settings, net.brush),
   "learns rows for a coarser and a finer brush; =no: not", .fallback = 1},
  {"width", OPTION_INT, offsetof (struct style_settings, net.width), "channels of the painter's first convolution", 4,
   256, 32},
  {"inner", OPTION_INT, offsetof (struct style_settings, net.inner), "channels of its residual blocks", 4, 512, 96},
  {"residuals", OPTION_INT, offsetof (struct style_settings, net.residuals), "residual blocks", 0, 32, 5},
  {"ends", OPTION_INT, offsetof (struct style_settings, net.ends), "kernel of its first and last convolution, odd", 1,
   15, 5},
  {"upsampling", OPTION_CHOICE, offsetof (struct style_settings, net.upsampling), "how it enlarges",
   .fallback = UPSAMPLING_BILINEAR, .choices = upsampling_names},
  {"judge-width", OPTION_INT, offsetof (struct style_settings, judge_width),
   "channels of the judge's first convolution", 4, 256, 32},
  {NULL},
};

/* Which options are for which runs */

static bool
is_free (const void *settings)
{
  return !((const struct style_settings *) settings)->into;
}

static bool
is_judged (const void *settings)
{
  return style_has_judge (settings);
}

/* That there is none may be said. */
static bool
may_judge (const void *settings)
{
  return is_free (settings) || ((const struct style_settings *) settings)->adversary_weight == 0;
}

#define OF_NETWORK "is of a network of its own: --into takes its pack's"

static const struct option_use uses[] = {
  {"adversary-weight", may_judge, "is of a judge, and --into is without one"},
  {"judge-rate", is_judged, "is of a judge: --into and --adversary-weight 0 are without one"},
  {"judge-width", is_judged, "is of a judge: --into and --adversary-weight 0 are without one"},
  {"pixel-weight", is_free, "is of the photograph's row, which --into leaves as it is"},
  {"photograph", is_free, OF_NETWORK},
  {"brush", is_free, OF_NETWORK},
  {"width", is_free, OF_NETWORK},
  {"inner", is_free, OF_NETWORK},
  {"residuals", is_free, OF_NETWORK},
  {"ends", is_free, OF_NETWORK},
  {"upsampling", is_free, OF_NETWORK},
  {NULL},
};

static void
settle (void *object, struct run_settings *run)
{
  struct style_settings *settings = object;
  if (run->steps == 0)
    run->steps = settings->into ? FIT_STEPS : 0;
  if (settings->rate == 0)
    settings->rate = settings->into ? FIT_RATE : RATE;
  if (settings->calm_weight == -1)
    settings->calm_weight = CALM;
  if (settings->mesh_weight == -1)
    settings->mesh_weight = MESH;
  if (settings->alike_weight == -1)
    settings->alike_weight = ALIKE_WEIGHT;
  if (settings->colors_weight == -1)
    settings->colors_weight = COLORS;
  if (settings->overexposed == -1)
    settings->overexposed = OVEREXPOSED;
}

static bool
check_numbers (const struct style_settings *settings, GError **error)
{
  const char *problem =
    settings->size % 16 || settings->net.ends % 2 == 0       ? "--size wants a multiple of 16 and --ends an odd number"
    : settings->calm_weight < 0 || settings->mesh_weight < 0 ? "--calm-weight and --mesh-weight want 0 or more, or -1"
    : settings->alike_weight < 0                             ? "--alike-weight wants 0 or more, or -1"
    : settings->colors_weight < 0                            ? "--colors-weight wants 0 or more, or -1"
    : settings->overexposed < 0                              ? "--overexposed wants a share of 0 to 1, or -1"
                                                             : NULL;
  if (problem)
    g_set_error_literal (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, problem);
  return !problem;
}

static bool
load_features (struct trainer *trainer, struct style_state *state, GError **error)
{
  const struct style_settings *settings = trainer->settings;
  state->features = features_load (settings->features, error);
  if (state->features)
    features_add_weights (state->features, trainer->weights, "frozen.features");
  return state->features != NULL;
}

/* The pack of --into, whose styles must have other names. */
static bool
load_into (struct trainer *trainer, GError **error)
{
  const struct style_settings *settings = trainer->settings;
  struct style_state *state = trainer->state;
  state->into = style_pack_load_into (settings->into, error);
  if (state->into && state->into->settings.layers) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "%s: its network knows one style and takes no others",
                 settings->into);
    return false;
  }
  for (int i = 0; state->into && i < state->data.n_styles; i++)
    if (pack_find_style (state->into, state->data.names[i]) >= 0) {
      g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "%s has a style %s already; choose with --names",
                   settings->into, state->data.names[i]);
      return false;
    }
  return state->into != NULL;
}

static bool
load_paintings (struct trainer *trainer, GError **error)
{
  const struct style_settings *settings = trainer->settings;
  struct style_state *state = trainer->state;
  struct style_data *data = &state->data;
  struct plan_options seeing = {.precision = trainer->run.precision, .threads = trainer->run.threads};
  if (!style_data_name (data, trainer->inputs, settings->names, error) ||
      (settings->into && !load_into (trainer, error)))
    return false;
  state->net = settings->net;
  state->net.styles = data->n_styles;
  if (state->into)
    state->net = style_pack_fit_net (state->into, data->n_styles);
  if (!style_data_load (data, trainer->inputs, state->net.brush, settings->painting_size, settings->size, error) ||
      !load_features (trainer, state, error) || !style_data_measure (data, state->features, seeing, error))
    return false;
  if (!style_has_judge (settings))
    style_data_keep_whole (data);
  if (settings->describer)
    state->descriptors = describe_paintings (settings->describer, trainer->inputs, data->n_styles, seeing, error);
  return !settings->describer || state->descriptors;
}

/* The weights that training begins with or goes on from, and the plans. */
static bool
build (struct trainer *trainer, GError **error)
{
  const struct style_settings *settings = trainer->settings;
  struct style_state *state = trainer->state;
  bool fresh = trainer->step == 0;
  if (state->into && !style_pack_fit (state->into, &state->net, state->descriptors, trainer->weights, error))
    return false;
  return style_build_training (trainer, error) &&
         (!fresh || !settings->start ||
          style_pack_start (settings->start, &state->net, state->data.names, trainer->weights, error)) &&
         style_build_sampler (trainer, error);
}

static bool
check_settings (const struct style_settings *settings, GError **error)
{
  const char *problem = !settings->photos     ? "train style wants --photos DIR: photographs to learn on"
                        : !settings->features ? "train style wants --" FEATURES_OPTION " FILE: " FEATURES_FILE
                                                ", which ships with impasto, is not found where "
                                                "packs are; or VGG-19 weights in torchvision's layout"
                        : settings->into && settings->start ? "--into begins with its own pack: leave --start out"
                                                            : NULL;
  if (problem)
    g_set_error_literal (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, problem);
  return !problem && check_numbers (settings, error);
}

static bool
start (struct trainer *trainer, GError **error)
{
  const struct style_settings *settings = trainer->settings;
  struct style_state *state = trainer->state = g_new0 (struct style_state, 1);
  if (!check_settings (settings, error) || !load_paintings (trainer, error))
    return false;
  struct dataset_options data = {.size = settings->size,
                                 .batch = settings->batch,
                                 .seed = trainer->run.seed,
                                 .first_step = trainer->step,
                                 .overexposed = settings->overexposed,
                                 .recursive = true};
  state->photos = recipe_open_data (trainer, settings->photos, &data, error);
  state->sheet_photos =
    state->photos ? recipe_sheet_photos (state->photos, STYLE_SHEET_PHOTOS, settings->size, error) : NULL;
  return state->sheet_photos && build (trainer, error);
}

static void
set_item (struct plan *plan, int64_t item, struct style_draw draw, const struct style_state *state)
{
  float *style = recipe_input_at (plan, "style", item);
  for (int i = 0; style && i < state->data.n_styles; i++) /* absent without a judge */
    style[i] = i == draw.style;
  style_draw_rows (draw, &state->net, recipe_input_at (plan, "rows", item));
  style_draw_targets (draw, &state->data, recipe_input_at (plan, "targets", item));
}

static bool
step (struct trainer *trainer, struct train_stats *stats, GError **error)
{
  static const char *const names[] = {"loss", "content", "style", "palette",   "colors", "variation", "calm",
                                      "mesh", "alike",   "pixel", "adversary", "judge",  "gradient",  "judge-gradient"};
  const struct style_settings *settings = trainer->settings;
  struct style_state *state = trainer->state;
  int64_t b = settings->batch, size = settings->size;
  if (!dataset_batch (state->photos, trainer->step, tensor_floats (plan_input (state->plan, "photo")), error))
    return false;
  recipe_report (trainer, state->photos);
  for (int i = 0; i < b; i++) {
    struct style_draw draw = style_draw (&state->net, trainer->run.seed, trainer->step, i, b);
    set_item (state->plan, i, draw, state);
    float *painting = recipe_input_at (state->plan, "painting", i);
    if (painting)
      style_data_crop (&state->data, draw, trainer->run.seed, trainer->step, i, size, painting);
  }
  recipe_set_rates (state->plan, trainer->step, &style_painter_adam, recipe_rate (trainer, settings->rate),
                    settings->average);
  double judge_rate = settings->judge_rate * watchdog_rate (trainer->watchdog);
  recipe_set (state->plan, "judge-rate", 0, optimizer_rate (&style_judge_adam, judge_rate, trainer->step));
  plan_run (state->plan, trainer->run.seed, trainer->step);
  recipe_stats (state->plan, names, G_N_ELEMENTS (names), stats);
  return true;
}

/* What a pack tells of its training: settings without places on this machine. */
static JsonObject *
training_facts (const struct trainer *trainer)
{
  static const char *const places[] = {"photos", FEATURES_OPTION, DESCRIBER_OPTION, "start", "into", NULL};
  const struct style_state *state = trainer->state;
  JsonObject *facts = recipe_facts (trainer, places);
  json_object_set_string_member (facts, "eye", features_name (state->features));
  return facts;
}

/* Settings that say nothing of rows fitted into a pack. */
static const char *const not_fitted[] = {
  "title", "license", "adversary-weight", "pixel-weight", "judge-rate", "judge-width", "photograph", "brush",
  "width", "inner",   "residuals",        "ends",         "upsampling"};

/* What the pack of --into tells, and which styles were fitted into it how. */
static JsonObject *
fitted_facts (const struct trainer *trainer)
{
  const struct style_state *state = trainer->state;
  JsonObject *old = state->into->training, *all = json_object_new (), *fit = training_facts (trainer);
  JsonArray *fits = json_array_new (), *names = json_array_new ();
  g_autoptr (GList) members = old ? json_object_get_members (old) : NULL;
  for (GList *member = members; member; member = member->next)
    json_object_set_member (all, member->data, json_node_copy (json_object_get_member (old, member->data)));
  JsonNode *before = json_object_get_member (all, "fitted");
  for (guint i = 0;
       before && JSON_NODE_HOLDS_ARRAY (before) && i < json_array_get_length (json_node_get_array (before)); i++)
    json_array_add_element (fits, json_node_copy (json_array_get_element (json_node_get_array (before), i)));
  for (int i = 0; i < state->data.n_styles; i++)
    json_array_add_string_element (names, state->data.names[i]);
  json_object_set_array_member (fit, "names", names);
  for (guint i = 0; i < G_N_ELEMENTS (not_fitted); i++)
    json_object_remove_member (fit, not_fitted[i]);
  json_array_add_object_element (fits, fit);
  json_object_set_array_member (all, "fitted", fits);
  return all;
}

static bool
finish (struct trainer *trainer, const char *path, GError **error)
{
  const struct style_settings *settings = trainer->settings;
  const struct style_state *state = trainer->state;
  struct pack *into = state->into;
  g_autoptr (pack) pack =
    into ? style_pack_extend (into, trainer->weights, &state->data, state->descriptors, settings, error)
         : style_pack_new (&state->net, trainer->weights, &state->data, state->descriptors, settings);
  if (!pack)
    return false;
  pack->training = state->into ? fitted_facts (trainer) : training_facts (trainer);
  return pack_save (pack, path, error);
}

/* One style, whose Gram matrices and painting are noise like the photographs, and as it is at the beginning. */
static struct plan *
rehearse (struct trainer *trainer, GError **error)
{
  const struct style_settings *settings = trainer->settings;
  struct style_state *state = trainer->state = g_new0 (struct style_state, 1);
  state->net = settings->net;
  state->net.styles = 1;
  if (!check_numbers (settings, error) || (settings->features && !load_features (trainer, state, error)))
    return NULL;
  if (!state->features)
    state->features = features_new_random ();
  if (!style_data_make_up (&state->data, state->features, state->net.brush, error) ||
      !style_build_training (trainer, error))
    return NULL;
  recipe_fill_noise (state->plan, "photo", STREAM_PHOTO);
  recipe_fill_noise (state->plan, "painting", STREAM_PAINTING);
  for (int64_t i = 0; i < settings->batch; i++)
    set_item (state->plan, i, (struct style_draw){0}, state);
  recipe_set_rates (state->plan, 0, &style_painter_adam, settings->rate, settings->average);
  recipe_set (state->plan, "judge-rate", 0, optimizer_rate (&style_judge_adam, settings->judge_rate, 0));
  return g_steal_pointer (&state->plan);
}

static void
stop (struct trainer *trainer)
{
  struct style_state *state = trainer->state;
  if (!state)
    return;
  style_data_clear (&state->data);
  g_clear_pointer (&state->into, pack_free);
  g_clear_pointer (&state->descriptors, tensor_unref);
  g_clear_pointer (&state->features, features_free);
  g_clear_pointer (&state->photos, dataset_free);
  g_clear_pointer (&state->plan, plan_free);
  g_clear_pointer (&state->sampler, plan_free);
  g_free (state->sheet_photos);
  g_clear_pointer (&trainer->state, g_free);
}

const struct recipe recipe_style = {
  .name = "style",
  .help = "a painter for one painting or several, from photographs (Johnson 2016, Dumoulin 2017, with a patch judge)",
  .usage = "PAINTING... --photos DIR [--into PACK] [-o PACK]",
  .examples = {"impasto train style painting.jpg --photos photos/ -o mine.safetensors",
               "impasto train style second.jpg --photos photos/ --into mine.safetensors -o both.safetensors"},
  .steps = "training steps; 0 = 2400, with --into 300",
  .options = options,
  .uses = uses,
  .settings_size = sizeof (struct style_settings),
  .paintings = true,
  .settle = settle,
  .start = start,
  .step = step,
  .reals = style_reals,
  .sample = style_sample,
  .finish = finish,
  .stop = stop,
  .rehearse = rehearse,
};
