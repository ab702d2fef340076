/* SPDX-License-Identifier: Apache-2.0
 *
 * Unpaired translation: photographs and paintings that know nothing of each other, a translator that makes the one look
 * like the other. X are photographs, Y paintings, G: X -> Y the translator, D_Y the judge of patches of 70x70, least
 * squares.
 *
 *   cyclegan (Zhu 2017), with F: Y -> X and D_X:
 *     L = (D_Y(G(x)) - 1)^2 + (D_X(F(y)) - 1)^2 + cycle_weight (|F(G(x)) - x| + |G(F(y)) - y|)
 *         + identity_weight (|G(y) - y| + |F(x) - x|)
 *   cut (Park 2020):
 *     L = (D_Y(G(x)) - 1)^2 + contrast_weight NCE(G(x), x) + identity_weight NCE(G(y), y)
 *   features, by which the pairs painter-gan and anime are trained:
 *     L = style_weight L_gram(G(x), y) + content_weight L_content(G(x), f) + palette_weight L_palette(G(x), y)
 *         + variation_weight L_tv(G(x)) + adversary_weight L_adv(D_Y(G(x)))
 *     where f is x as the feature network sees it, with a share of y if wanted; L_adv and the judge's loss are of gan_loss.h
 *
 * and + colour_weight L_colour(G(x), x) (Chen 2020). A judge learns (D(real) - 1)^2 / 2 + D(drawn)^2 / 2, where the
 * drawn picture is now or from a pool, and + edge_weight D(paintings with smoothed edges)^2 / 2 (Chen 2018). The
 * translator is a style network of one style: the result is a style pack that everything that paints takes. */
#include <string.h>

#include "base/random.h"
#include "impasto/error.h"
#include "net/gan.h"
#include "net/pack.h"
#include "train/gan_loss.h"
#include "train/optimizer.h"
#include "train/recipe.h"
#include "train/run_pack.h"
#include "train/translate_recipe.h"

#define STEPS 20000
#define PAIR_STEPS 4000
#define CYCLE_POOL 50 /* pictures */
#define CYCLE_IDENTITY 5
#define CUT_IDENTITY 0.5
#define PAIR_BATCH 4 /* batch normalisation wants some pictures */
#define FILTERS 32
#define BACK "back.safetensors"

enum stream { STREAM_POOL = 760, STREAM_PLACES = 770, STREAM_REHEARSAL = 780 };

static const char *const method_names[] = {"cyclegan", "cut", "features", "auto", NULL};

#define AT(FIELD) offsetof (struct translate_settings, FIELD)

static const struct option options[] = {
  {"photos", OPTION_STRING, AT (photos), "folder of photographs; required", .metavar = "DIR"},
  {"paintings", OPTION_STRING, AT (paintings), "folder of what they are to look like, or one picture; required",
   .metavar = "DIR"},
  {"preset", OPTION_CHOICE, AT (preset), "networks: a residual translator, or one of the pairs painter-gan and anime",
   .choices = style_layers_names},
  {"method", OPTION_CHOICE, AT (method),
   "there and back, with two translators; one way, with places compared; or one way, by style and content as a feature "
   "network sees them; auto = features for the pairs, else cyclegan",
   .fallback = TRANSLATE_AUTO, .choices = method_names},
  {FEATURES_OPTION, OPTION_STRING, AT (features),
   "features: network by which pictures are compared: impasto's own, VGG-19 or ResNet-18 in torchvision's layout; "
   "default: " FEATURES_FILE ", which ships",
   .metavar = "FILE"},
  {"start", OPTION_STRING, AT (start), "pack or RUN of this recipe whose weights the translator begins with",
   .metavar = "PACK"},
  {"name", OPTION_STRING, AT (name), "of the style; lower case letters, digits and '-'", .text = "translation"},
  {"title", OPTION_STRING, AT (title), "title of the pack"},
  {"license", OPTION_STRING, AT (license), "licence of the pack"},
  {"batch", OPTION_INT, AT (batch), "pictures a step, of each side; 0 = 1, of the pairs 4", 0, 64, 0},
  {"size", OPTION_INT, AT (size), "pixels of the crops, a multiple of 16", 32, 1024, 128},
  {"filters", OPTION_INT, AT (filters),
   "channels of the translator's first convolution; 0 = 32, of the pairs 64; published: 64", 0, 256, 0},
  {"blocks", OPTION_INT, AT (blocks), "residual blocks; published: 6 at 128x128, 9 at 256x256", 1, 32, 6},
  {"ends", OPTION_INT, AT (ends), "kernel of its first and last convolution, odd", 1, 15, 7},
  {"upsampling", OPTION_CHOICE, AT (upsampling), "how it enlarges; published: transposed, which leaves a pattern",
   .fallback = UPSAMPLING_BILINEAR, .choices = upsampling_names},
  {"skip", OPTION_BOOL, AT (skip), "the translator corrects the photograph instead of drawing it anew"},
  {"judge-width", OPTION_INT, AT (judge_width), "channels of a judge's first convolution; 0 = as filters", 0, 256, 0},
  {"cycle-weight", OPTION_FLOAT, AT (cycle_weight), "cyclegan: of the way there and back", 0, 1e4, 10},
  {"identity-weight", OPTION_FLOAT, AT (identity_weight),
   "paintings are to stay as they are; -1 = 5 for cyclegan, 0.5 for cut", -1, 1e4, -1},
  {"contrast-weight", OPTION_FLOAT, AT (contrast_weight), "cut: places are to stay as they are", 0, 1e4, 0.5},
  {"patches", OPTION_INT, AT (patches), "cut: places compared in each of five layers", 2, 4096, 256},
  {"temperature", OPTION_FLOAT, AT (temperature), "cut: of that comparison", 0.001, 10, 0.07},
  {"style-weight", OPTION_FLOAT, AT (style_weight), "features: Gram matrices; -1 = by preset, as those below", -1, 1e6,
   -1},
  {"content-weight", OPTION_FLOAT, AT (content_weight), "features: how much of the scene stays", -1, 1e6, -1},
  {"palette-weight", OPTION_FLOAT, AT (palette_weight), "features: colours' means and covariances are the paintings'",
   -1, 1e6, -1},
  {"variation-weight", OPTION_FLOAT, AT (variation_weight), "features: smoothness", -1, 1e6, -1},
  {"adversary-weight", OPTION_FLOAT, AT (adversary_weight), "the judge's say; -1 = by preset, 1 for cyclegan and cut",
   -1, 1e6, -1},
  {"fusion", OPTION_CHOICE, AT (fusion),
   "features: the content that is to stay has a share of the paintings' features, by their moments (a weighted mean) "
   "or by attention; auto = by preset",
   .fallback = FUSION_AUTO, .choices = translate_fusion_names},
  {"fusion-weight", OPTION_FLOAT, AT (fusion_weight), "features: that share; -1 = by preset", -1, 1, -1},
  {"loss", OPTION_CHOICE, AT (loss), "features: of translator and judge", .fallback = GAN_NON_SATURATING,
   .choices = gan_loss_names},
  {"real-label", OPTION_FLOAT, AT (label), "features: what the judge is told that real pictures are", 0.5, 1, 1},
  {"judge-norm", OPTION_CHOICE, AT (judge_norm), "normalisation of a pair's judge", .choices = gan_normalisation_names},
  {"spectral", OPTION_BOOL, AT (spectral), "spectral normalisation of a pair's judge"},
  {"edge-weight", OPTION_FLOAT, AT (edge_weight), "judges refuse paintings with smoothed edges: for clear lines", 0,
   1e4, 0},
  {"color-weight", OPTION_FLOAT, AT (colour_weight),
   "colours are to be the photograph's; -1 = by preset, 0 for cyclegan and cut", -1, 1e4, -1},
  {"pool", OPTION_INT, AT (pool), "drawn pictures that judges learn from again; -1 = 50 for cyclegan, 0 for cut", -1,
   10000, -1},
  {"translation", OPTION_BOOL, AT (augment.translation), "augmentation: moves what judges see"},
  {"cutout", OPTION_BOOL, AT (augment.cutout), "augmentation: covers a part of what judges see"},
  {"color", OPTION_BOOL, AT (augment.colour), "augmentation: tints what judges see"},
  {"rate", OPTION_FLOAT, AT (rate), "learning rate of translators", 1e-8, 1, 0.0002},
  {"judge-rate", OPTION_FLOAT, AT (judge_rate), "learning rate of judges; 0 = the translators'", 0, 1, 0},
  {"hold", OPTION_FLOAT, AT (hold), "share of the run with the whole rates; then they go down to 0 along a line", 0, 1,
   0.5},
  {"clip", OPTION_FLOAT, AT (clip), "largest norm of a gradient; 0 = none", 0, 1e6, 0},
  {"average", OPTION_FLOAT, AT (average), "moving average of translators that is kept; 0 = none", 0, 0.99999, 0.999},
  {"zoom", OPTION_FLOAT, AT (zoom), "largest shorter side of a photograph in crops; 0 = 1.5, of the pairs 4", 0, 8, 0},
  {"painting-zoom", OPTION_FLOAT, AT (painting_zoom), "likewise of a painting: more shows its strokes nearer", 0, 8, 0},
  {"rotation", OPTION_FLOAT, AT (rotation), "degrees that crops are turned to either side; -1 = 0, of anime 5", -1, 30,
   -1},
  {"mirror", OPTION_BOOL, AT (mirror), "crops are mirrored half of the time; =no: not", .fallback = 1},
  {NULL},
};

/* Which options are for which methods and presets */

static bool
is_cyclegan (const void *settings)
{
  return ((const struct translate_settings *) settings)->method == TRANSLATE_CYCLEGAN;
}

static bool
is_cut (const void *settings)
{
  return ((const struct translate_settings *) settings)->method == TRANSLATE_CUT;
}

static bool
is_by_features (const void *settings)
{
  return ((const struct translate_settings *) settings)->method == TRANSLATE_FEATURES;
}

static bool
is_fused (const void *settings)
{
  return is_by_features (settings) && ((const struct translate_settings *) settings)->fusion != FUSION_NONE;
}

static bool
is_pair (const void *settings)
{
  return ((const struct translate_settings *) settings)->preset != STYLE_RESIDUAL;
}

static bool
is_residual (const void *settings)
{
  return !is_pair (settings);
}

#define BY_FEATURES "goes with --method features"
#define OF_PAIRS "is of the judges of --preset painter-gan and anime"
#define OF_RESIDUAL "is of the residual translator: leave --preset out"

static const struct option_use uses[] = {
  {FEATURES_OPTION, is_by_features, BY_FEATURES},
  {"style-weight", is_by_features, BY_FEATURES},
  {"content-weight", is_by_features, BY_FEATURES},
  {"palette-weight", is_by_features, BY_FEATURES},
  {"variation-weight", is_by_features, BY_FEATURES},
  {"fusion", is_by_features, BY_FEATURES},
  {"fusion-weight", is_fused, "goes with --method features and --fusion mean or attention"},
  {"real-label", is_by_features, BY_FEATURES},
  {"judge-norm", is_pair, OF_PAIRS},
  {"spectral", is_pair, OF_PAIRS},
  {"cycle-weight", is_cyclegan, "goes with --method cyclegan"},
  {"contrast-weight", is_cut, "goes with --method cut"},
  {"patches", is_cut, "goes with --method cut"},
  {"temperature", is_cut, "goes with --method cut"},
  {"blocks", is_residual, OF_RESIDUAL},
  {"ends", is_residual, OF_RESIDUAL},
  {"upsampling", is_residual, OF_RESIDUAL},
  {NULL},
};

/* Of the method features: what options that are left to the preset become. */
static const struct defaults {
  double style, content, palette, variation, adversary, colour;
  int fusion;
  double fusion_weight, rotation, zoom;
} defaults[] = {
  [STYLE_RESIDUAL] = {12, 1, 1, 4, 0.15, 0, FUSION_NONE, 0.5, 0, 1.5},
  [STYLE_PAINTER_GAN] = {12, 1, 1, 4, 0.03, 0.5, FUSION_NONE, 0.5, 0, 4},
  [STYLE_ANIME] = {4, 2, 0.2, 2, 0.3, 3, FUSION_ATTENTION, 0.5, 5, 4},
};

static void
fill (double *value, double fallback)
{
  if (*value < 0)
    *value = fallback;
}

static void
settle_preset (struct translate_settings *settings)
{
  const struct defaults *by_preset = &defaults[settings->preset];
  if (settings->method == TRANSLATE_AUTO)
    settings->method = settings->preset ? TRANSLATE_FEATURES : TRANSLATE_CYCLEGAN;
  if (settings->batch == 0)
    settings->batch = settings->preset ? PAIR_BATCH : 1;
  if (settings->filters == 0)
    settings->filters = settings->preset ? PAINTER_WIDTH : FILTERS;
  if (settings->fusion == FUSION_AUTO)
    settings->fusion = by_preset->fusion;
  fill (&settings->style_weight, by_preset->style);
  fill (&settings->content_weight, by_preset->content);
  fill (&settings->palette_weight, by_preset->palette);
  fill (&settings->variation_weight, by_preset->variation);
  fill (&settings->adversary_weight, settings->method == TRANSLATE_FEATURES ? by_preset->adversary : 1);
  fill (&settings->colour_weight, settings->method == TRANSLATE_FEATURES ? by_preset->colour : 0);
  fill (&settings->fusion_weight, by_preset->fusion_weight);
  fill (&settings->rotation, by_preset->rotation);
  if (settings->zoom == 0)
    settings->zoom = by_preset->zoom;
  if (settings->painting_zoom == 0)
    settings->painting_zoom = by_preset->zoom;
}

static void
settle (void *object, struct run_settings *run)
{
  struct translate_settings *settings = object;
  settle_preset (settings);
  bool cycles = settings->method == TRANSLATE_CYCLEGAN, features = settings->method == TRANSLATE_FEATURES;
  if (run->steps == 0)
    run->steps = settings->preset ? PAIR_STEPS : STEPS;
  if (settings->judge_width == 0)
    settings->judge_width = settings->filters;
  if (settings->judge_rate == 0)
    settings->judge_rate = settings->rate;
  if (settings->identity_weight < 0)
    settings->identity_weight = features ? 0 : cycles ? CYCLE_IDENTITY : CUT_IDENTITY;
  if (settings->pool < 0)
    settings->pool = cycles ? CYCLE_POOL : 0;
}

static bool
check_settings (const struct trainer *trainer, GError **error)
{
  const struct translate_settings *settings = trainer->settings;
  bool features = settings->method == TRANSLATE_FEATURES;
  const char *problem =
    settings->size % 16                         ? "--size wants a multiple of 16"
    : settings->preset && !features             ? "painter-gan and anime are trained by --method features"
    : features && settings->identity_weight > 0 ? "--identity-weight goes with cyclegan and cut"
    : !features && !trainer->run.resume && settings->loss != GAN_NON_SATURATING && settings->loss != GAN_LEAST_SQUARES
      ? "--loss goes with --method features; cyclegan and cut are judged by least squares"
    : settings->label < 1 && !gan_losses[settings->loss].labels ? "--real-label goes with losses that have labels"
    : settings->zoom < 1                                        ? "--zoom wants 1 to 8, or 0 for the usual"
    : settings->painting_zoom < 1                               ? "--painting-zoom wants 1 to 8, or 0 for the usual"
    : settings->skip && settings->preset                        ? "--skip is for residual translators"
    : settings->ends % 2 == 0                                   ? "--ends wants an odd number"
    : !pack_valid_name (settings->name) ? "--name wants 1 to 64 lower case letters, digits and '-'"
                                        : NULL;
  if (problem)
    g_set_error_literal (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, problem);
  return !problem;
}

static bool
open_data (struct trainer *trainer, GError **error)
{
  const struct translate_settings *settings = trainer->settings;
  struct translate_state *state = trainer->state;
  for (int side = 0; side < SIDES; side++) {
    struct dataset_options data = {.size = settings->size,
                                   .batch = settings->batch,
                                   .seed = trainer->run.seed,
                                   .stream = side,
                                   .first_step = trainer->step,
                                   .zoom = side == PHOTO ? settings->zoom : settings->painting_zoom,
                                   .rotation = settings->rotation > 0 ? settings->rotation : -1,
                                   .keep_handedness = !settings->mirror,
                                   .recursive = true,
                                   .file = side == PAINTING};
    state->data[side] =
      recipe_open_data (trainer, side == PHOTO ? settings->photos : settings->paintings, &data, error);
    if (!state->data[side])
      return false;
  }
  return true;
}

static char *
pool_name (int side)
{
  return g_strdup_printf ("pool.%s", translate_sides[side]);
}

/* Pools are weights, hence in checkpoints. */
static bool
make_pools (struct trainer *trainer, GError **error)
{
  const struct translate_settings *settings = trainer->settings;
  for (int side = 0; side < SIDES; side++) {
    g_autofree char *name = pool_name (side);
    if (settings->pool == 0 || !translate_draws (settings, side) || weights_find (trainer->weights, name))
      continue;
    g_autoptr (tensor) pool = tensor_new (SHAPE (settings->pool, 3, settings->size, settings->size), DTYPE_F32, error);
    if (!pool)
      return false;
    weights_add (trainer->weights, name, pool);
  }
  return true;
}

/* Of the method features, whose weights are frozen. */
static bool
load_features (struct trainer *trainer, GError **error)
{
  const struct translate_settings *settings = trainer->settings;
  struct translate_state *state = trainer->state;
  if (settings->method != TRANSLATE_FEATURES)
    return true;
  if (!settings->features) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE,
                 "train translate wants --" FEATURES_OPTION " FILE: " FEATURES_FILE
                 ", which ships with impasto, is not found where packs are; or VGG-19 weights in torchvision's layout");
    return false;
  }
  state->features = features_load (settings->features, error);
  if (state->features)
    features_add_weights (state->features, trainer->weights, "frozen.eye");
  return state->features != NULL;
}

/* Residual blocks begin as nothing (Goyal 2017), so that a fresh translator is a blur of its input: behind six random
 * blocks it is noise, and where that is black or white the hyperbolic tangent lets no gradient through for thousands of
 * steps. One that corrects pictures begins without corrections. */
static void
hush_translators (struct weights *weights, bool skip)
{
  for (guint i = 0; i < weights_count (weights); i++) {
    const char *name = weights_name (weights, i);
    struct tensor *value = weights_at (weights, i);
    bool block = strstr (name, ".res") && g_str_has_suffix (name, ".norm2.scale");
    bool correction = skip && strstr (name, ".out.") != NULL;
    if (strstr (name, "translator.") && (block || correction))
      memset (value->data, 0, value->size);
  }
}

static bool
start_from_pack (struct trainer *trainer, GError **error)
{
  const struct translate_settings *settings = trainer->settings;
  g_autoptr (pack) pack = run_pack_or_file (settings->start, error);
  if (pack && pack->settings.skip != settings->skip) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE,
                 "%s: its network has other settings than this run: it is %s--skip", settings->start,
                 settings->skip ? "without " : "of ");
    return false;
  }
  return pack && recipe_start_from (trainer, pack->weights, "", "translator.painting.", settings->start, error);
}

static bool
start (struct trainer *trainer, GError **error)
{
  const struct translate_settings *settings = trainer->settings;
  trainer->state = g_new0 (struct translate_state, 1);
  bool fresh = trainer->step == 0;
  if (!settings->photos || !settings->paintings) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE,
                 "train translate wants --photos DIR and --paintings DIR: the two sides");
    return false;
  }
  if (!check_settings (trainer, error) || !load_features (trainer, error) || !open_data (trainer, error) ||
      !translate_load_sheet (trainer, error) || !translate_build_training (trainer, error) ||
      !make_pools (trainer, error))
    return false;
  if (fresh)
    hush_translators (trainer->weights, settings->skip);
  return (!fresh || !settings->start || start_from_pack (trainer, error)) && translate_build_sampler (trainer, error);
}

/* What becomes of picture @i of a step in the pool (Zhu 2017): while it is not full, the picture goes to the next
 * place; then half of them change places with one of the pool, which the judge sees instead. -1: it stays outside. */
static int64_t
pool_place (const struct trainer *trainer, int side, int64_t i, bool *past)
{
  const struct translate_settings *settings = trainer->settings;
  int64_t drawn = trainer->step * settings->batch + i;
  struct random_key key = {.seed = trainer->run.seed, .stream = STREAM_POOL + side, .step = drawn};
  *past = drawn >= settings->pool && random_uniform (key, 0) < 0.5;
  return drawn < settings->pool ? drawn : *past ? (int64_t) random_below (key, 1, settings->pool) : -1;
}

static float *
picture_at (struct tensor *pictures, int64_t i)
{
  return tensor_floats (pictures) + i * shape_size (&pictures->shape) / pictures->shape.dim[0];
}

/* Before a step: the pictures from the pool that judges are to see. After it: what was drawn goes into the pool. */
static void
exchange (struct trainer *trainer, bool after)
{
  const struct translate_settings *settings = trainer->settings;
  struct translate_state *state = trainer->state;
  size_t bytes = 3 * settings->size * settings->size * sizeof (float);
  for (int side = 0; side < SIDES && settings->pool > 0; side++) {
    g_autofree char *name = pool_name (side), *drawn = g_strdup_printf ("drawn-%s", translate_sides[side]);
    g_autofree char *shown = g_strdup_printf ("past-%s", translate_sides[side]);
    g_autofree char *flag = g_strdup_printf ("is-past-%s", translate_sides[side]);
    struct tensor *pool = weights_find (trainer->weights, name);
    for (int64_t i = 0; pool && i < settings->batch; i++) {
      bool past;
      int64_t place = pool_place (trainer, side, i, &past);
      if (after && place >= 0)
        memcpy (picture_at (pool, place), picture_at (plan_output (state->plan, drawn), i), bytes);
      if (!after)
        recipe_set (state->plan, flag, i, past);
      if (!after && past)
        memcpy (picture_at (plan_input (state->plan, shown), i), picture_at (pool, place), bytes);
    }
  }
}

/* Different places, each as likely as any other. */
static void
draw_places (struct plan *plan, const struct translate_settings *settings, uint64_t seed, int64_t step)
{
  for (int i = 0; i < STYLE_TAPS; i++) {
    g_autofree char *name = g_strdup_printf ("places%d", i);
    int64_t of, count = translate_places (settings, i, &of), taken = 0;
    struct random_key key = {.seed = seed, .stream = STREAM_PLACES + i, .step = step};
    if (!plan_input (plan, name))
      continue;
    g_autofree bool *marked = g_new0 (bool, of);
    for (int64_t last = of - count; last < of; last++) { /* Floyd: one of 0 .. last, or last itself if it is taken */
      int64_t place = (int64_t) random_below (key, (uint64_t) last, (uint64_t) last + 1);
      place = marked[place] ? last : place;
      marked[place] = true;
      recipe_set (plan, name, taken++, place);
    }
  }
}

static void
set_scalars (struct trainer *trainer, struct plan *plan)
{
  const struct translate_settings *settings = trainer->settings;
  double rate = recipe_linear_rate (trainer, settings->rate, settings->hold);
  double judge_rate = recipe_linear_rate (trainer, settings->judge_rate, settings->hold);
  recipe_set (plan, "rate", 0, translate_rate (settings, rate, trainer->step));
  recipe_set (plan, "judge-rate", 0, translate_rate (settings, judge_rate, trainer->step));
  recipe_set (plan, "decay", 0, average_decay (settings->average, trainer->step));
  draw_places (plan, settings, trainer->run.seed, trainer->step);
}

static bool
step (struct trainer *trainer, struct train_stats *stats, GError **error)
{
  static const char *const names[] = {"loss",  "adversary", "cycle",   "contrast",  "identity",
                                      "style", "content",   "palette", "variation", "color",
                                      "judge", "real",      "fake",    "gradient",  "judge-gradient"};
  struct translate_state *state = trainer->state;
  for (int side = 0; side < SIDES; side++) {
    struct tensor *pictures = plan_input (state->plan, translate_sides[side]);
    if (!dataset_batch (state->data[side], trainer->step, tensor_floats (pictures), error))
      return false;
    recipe_report (trainer, state->data[side]);
  }
  set_scalars (trainer, state->plan);
  exchange (trainer, false);
  plan_run (state->plan, trainer->run.seed, trainer->step);
  exchange (trainer, true);
  recipe_stats (state->plan, names, G_N_ELEMENTS (names), stats);
  return true;
}

struct pack *
translate_pack (const struct translate_settings *settings, struct weights *run, int side)
{
  struct style_net net = translate_net (settings);
  g_autofree char *prefix = g_strdup_printf ("translator.%s.", translate_sides[side]);
  g_autoptr (weights) averaged = recipe_averaged (run, prefix);
  struct pack *pack = pack_new (&net, averaged);
  g_autofree char *back = g_strndup (settings->name, 59);
  g_autofree char *name = side == PAINTING ? g_strdup (settings->name) : g_strconcat (back, "-back", NULL);
  pack_add_style (pack, name, settings->title, NULL, NULL);
  pack->title = g_strdup (settings->title);
  pack->license = g_strdup (settings->license);
  pack->provenance = g_strdup ("trained by impasto train translate");
  return pack;
}

static bool
save_translator (struct trainer *trainer, int side, const char *path, GError **error)
{
  static const char *const places[] = {"photos", "paintings", FEATURES_OPTION, "start",
                                       NULL}; /* names on somebody's disk */
  g_autoptr (pack) pack = translate_pack (trainer->settings, trainer->weights, side);
  pack->training = recipe_facts (trainer, places);
  return pack_save (pack, path, error);
}

static bool
finish (struct trainer *trainer, const char *path, GError **error)
{
  g_autofree char *back = g_build_filename (trainer->folder, BACK, NULL);
  return (!translate_draws (trainer->settings, PHOTO) || save_translator (trainer, PHOTO, back, error)) &&
         save_translator (trainer, PAINTING, path, error);
}

static struct plan *
rehearse (struct trainer *trainer, GError **error)
{
  struct translate_state *state = trainer->state = g_new0 (struct translate_state, 1);
  static const char *const pictures[] = {"photo", "painting", "past-photo", "past-painting"};
  const struct translate_settings *settings = trainer->settings;
  if (!check_settings (trainer, error) || (settings->features && !load_features (trainer, error)))
    return NULL;
  if (settings->method == TRANSLATE_FEATURES && !state->features) {
    state->features = features_new_random ();
    features_add_weights (state->features, trainer->weights, "frozen.eye");
  }
  if (!translate_build_training (trainer, error))
    return NULL;
  for (guint i = 0; i < G_N_ELEMENTS (pictures); i++)
    recipe_fill_noise (state->plan, pictures[i], STREAM_REHEARSAL + i);
  set_scalars (trainer, state->plan);
  return g_steal_pointer (&state->plan);
}

static void
stop (struct trainer *trainer)
{
  struct translate_state *state = trainer->state;
  if (!state)
    return;
  for (int side = 0; side < SIDES; side++) {
    g_clear_pointer (&state->data[side], dataset_free);
    g_free (state->sheet[side]);
  }
  g_clear_pointer (&state->features, features_free);
  g_clear_pointer (&state->plan, plan_free);
  g_clear_pointer (&state->sampler, plan_free);
  g_clear_pointer (&trainer->state, g_free);
}

const struct recipe recipe_translate = {
  .name = "translate",
  .help = "photographs into paintings or drawings, without pairs (CycleGAN, Zhu 2017; CUT, Park 2020)",
  .usage = "--photos DIR --paintings DIR|PAINTING [--preset NAME] [-o PACK]",
  .examples =
    {"impasto train translate --photos photos/ --paintings drawings/ -o drawn.safetensors",
     "impasto train translate --preset painter-gan --photos photos/ --paintings starry.jpg -o mine.safetensors"},
  .steps = "training steps; 0 = 20000, of the pairs 4000",
  .options = options,
  .uses = uses,
  .settings_size = sizeof (struct translate_settings),
  .settle = settle,
  .start = start,
  .step = step,
  .reals = translate_reals,
  .sample = translate_sample,
  .finish = finish,
  .stop = stop,
  .rehearse = rehearse,
};
