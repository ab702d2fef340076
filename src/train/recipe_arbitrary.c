/* SPDX-License-Identifier: Apache-2.0
 *
 * Training of the painter of any style: photographs and crops of paintings in, one decoder out (net/arbitrary.c).
 *
 *   L = content_weight * mean (n(f(y)) - n(f(x)))^2  +  style_weight * (L_gram + L_moments)  +  variation_weight * L_tv
 *     + calm_weight * L_calm  +  range_weight * mean (y' - y)^2
 *
 * y is the painting y' held to 0..1; without the last term nothing would keep the network from spikes beyond white, which
 * lessen the contrast of all the rest, as y' has a given deviation. n: features less their mean over their deviation, so that
 * palette and contrast are the painting's to choose (Park and Lee 2019). L_gram: squared differences of Gram matrices (Gatys
 * 2016), L_moments: of means and deviations (Huang and Belongie 2017), each over the square of the painting's, of four
 * features at the scales 1 and 1/2. A share of the items has strength 0: there y' is to be the photograph itself, pixel by
 * pixel, which keeps detail in the features' way through the decoder (identity losses: Park and Lee 2019). Each item draws
 * its fusion between AdaIN and attention. */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "image/picture.h"
#include "image/pixels.h"
#include "impasto/error.h"
#include "net/feature_net.h"
#include "net/net_file.h"
#include "train/inventory.h"
#include "train/loss.h"
#include "train/recipe.h"
#include "train/run_file.h"
#include "train/sheet.h"

#define SCALES 2
#define SHEET_PHOTOS 3
#define SHEET_PAINTINGS 6

enum stream { STREAM_ITEM = 400, STREAM_CROP, STREAM_COLOUR, STREAM_SHEET }; /* random numbers of this recipe */

struct settings {
  char *photos, *encoder, *features, *start, *title, *license;
  int64_t batch, size;
  double zoom, recolour, identity;
  double content_weight, style_weight, identity_weight, variation_weight, calm_weight, range_weight;
  double rate, average;
  struct arbitrary_net net;
};

static const struct option options[] = {
  {"photos", OPTION_STRING, offsetof (struct settings, photos), "folder of photographs to learn on; required",
   .metavar = "DIR"},
  {ENCODER_OPTION, OPTION_STRING, offsetof (struct settings, encoder),
   "perceptual network (of impasto train perceptual) that sees for the painter; default: " FEATURES_FILE,
   .metavar = "FILE"},
  {FEATURES_OPTION, OPTION_STRING, offsetof (struct settings, features),
   "network by which pictures are compared, VGG-19 in torchvision's layout; default: the encoder", .metavar = "FILE"},
  {"start", OPTION_STRING, offsetof (struct settings, start),
   "painter of any style, or RUN of this recipe, whose decoder training starts from", .metavar = "FILE"},
  {"title", OPTION_STRING, offsetof (struct settings, title), "title of the result"},
  {"license", OPTION_STRING, offsetof (struct settings, license), "licence of the result"},
  {"batch", OPTION_INT, offsetof (struct settings, batch), "photographs a step, each with a painting", 1, 64, 2},
  {"size", OPTION_INT, offsetof (struct settings, size), "pixels of the crops, a multiple of 32", 32, 1024, 256},
  {"zoom", OPTION_FLOAT, offsetof (struct settings, zoom), "largest shorter side of a painting in crops", 1, 8, 2},
  {"recolour", OPTION_FLOAT, offsetof (struct settings, recolour), "share of the paintings that get other colours", 0,
   1, 0.4},
  {"identity", OPTION_FLOAT, offsetof (struct settings, identity), "share of the photographs that are to stay", 0, 1,
   0.2},
  {"content-weight", OPTION_FLOAT, offsetof (struct settings, content_weight), "how much of the scene stays", 0, 1e6,
   1},
  {"style-weight", OPTION_FLOAT, offsetof (struct settings, style_weight), "how much of the painting comes", 0, 1e6, 5},
  {"identity-weight", OPTION_FLOAT, offsetof (struct settings, identity_weight), "how exactly photographs stay", 0, 1e6,
   50},
  {"variation-weight", OPTION_FLOAT, offsetof (struct settings, variation_weight), "smoothness", 0, 1e6, 2},
  {"calm-weight", OPTION_FLOAT, offsetof (struct settings, calm_weight),
   "how calm the painting is where the photograph is: fewer spots and clouds in skies", 0, 1e6, 0},
  {"range-weight", OPTION_FLOAT, offsetof (struct settings, range_weight), "against colours beyond black and white", 0,
   1e6, 10},
  {"rate", OPTION_FLOAT, offsetof (struct settings, rate), "learning rate", 1e-8, 1, 0.001},
  {"average", OPTION_FLOAT, offsetof (struct settings, average), "moving average of the weights that is kept", 0,
   0.99999, 0.998},
  {"keys", OPTION_INT, offsetof (struct settings, net.keys), "numbers by which attention compares places", 1, 512, 32},
  {"residuals", OPTION_INT, offsetof (struct settings, net.residuals), "residual blocks of the decoder", 0, 32, 1},
  {NULL},
};

static const struct optimizer_options adam_options = {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .clip = 10};

struct state {
  struct features *eye; /* of the losses */
  GPtrArray *paintings; /* struct picture, the shorter side zoom * size */
  struct dataset *photos;
  struct plan *plan, *sampler;
  float *sheet_photos;
};

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
look (const struct features *eye, const struct settings *settings, sym picture, struct feature_tap taps[FEATURE_TAPS])
{
  graph_push (picture.graph, "%s", settings->features ? "frozen.features" : "encoder");
  features_build (eye, picture, FEATURE_TAPS - 1, taps);
  graph_pop (picture.graph);
}

struct losses {
  sym content, gram, moments;
};

static struct losses
compare (const struct features *eye, const struct settings *settings, sym photo, sym style, sym painted)
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

static bool
build_training (struct trainer *trainer, struct state *state, GError **error)
{
  const struct settings *settings = trainer->settings;
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
  sym variation = loss_variation (painted);
  sym calm = loss_calm (painted, photo, sym_reshape (strength, SHAPE (-1, 1, 1, 1)));
  sym loss = sym_scale (content, settings->content_weight);
  loss = sym_add (loss, sym_scale (sym_add (gram, moments), settings->style_weight));
  loss = sym_add (loss, sym_scale (identity, settings->identity_weight));
  loss = sym_add (loss, sym_scale (variation, settings->variation_weight));
  loss = sym_add (loss, sym_scale (calm, settings->calm_weight));
  loss = sym_add (loss, sym_scale (range, settings->range_weight));
  sym norm = optimizer_step (loss, "decoder.", rate, decay, &adam_options);
  graph_output (graph, "loss", loss);
  graph_output (graph, "content", content);
  graph_output (graph, "gram", gram);
  graph_output (graph, "moments", moments);
  graph_output (graph, "identity", identity);
  graph_output (graph, "variation", variation);
  graph_output (graph, "calm", calm);
  graph_output (graph, "range", range);
  graph_output (graph, "gradient", norm);
  if (!graph_check (graph, error) || !weights_init (trainer->weights, graph, trainer->run.seed, error))
    return false;
  state->plan = recipe_compile (trainer, graph, error);
  return state->plan != NULL;
}

/* The painter with averaged weights, one photograph at a time, for sample sheets. */
static bool
build_sampler (struct trainer *trainer, struct state *state, GError **error)
{
  const struct settings *settings = trainer->settings;
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

/* Data */

static bool
add_painting (struct trainer *trainer, struct state *state, const char *path, GError **error)
{
  const struct settings *settings = trainer->settings;
  g_autoptr (picture) whole = picture_load (path, 0, error);
  if (!whole)
    return false;
  double scale = settings->zoom * settings->size / MIN (whole->width, whole->height);
  struct picture *painting =
    picture_resize (whole, ceil (whole->width * scale - 1e-6), ceil (whole->height * scale - 1e-6), error);
  if (painting)
    g_ptr_array_add (state->paintings, painting);
  return painting != NULL;
}

static int
by_name (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

/* The pictures of a folder, by their extension. */
static bool
add_folder (struct trainer *trainer, struct state *state, const char *path, GError **error)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  for (const char *name; dir && (name = g_dir_read_name (dir));)
    if (name[0] != '.' && picture_can_save (name, NULL))
      g_ptr_array_add (names, g_build_filename (path, name, NULL));
  if (names->len == 0) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "%s: holds no pictures", path);
    return false;
  }
  g_ptr_array_sort (names, by_name);
  for (guint i = 0; i < names->len; i++) {
    inventory_add_file (trainer->inventory, names->pdata[i]);
    if (!add_painting (trainer, state, names->pdata[i], error))
      return false;
  }
  return true;
}

static bool
load_paintings (struct trainer *trainer, struct state *state, GError **error)
{
  state->paintings = g_ptr_array_new_with_free_func ((GDestroyNotify) picture_free);
  for (int i = 0; trainer->inputs && trainer->inputs[i]; i++) {
    bool folder = g_file_test (trainer->inputs[i], G_FILE_TEST_IS_DIR);
    if (!(folder ? add_folder : add_painting) (trainer, state, trainer->inputs[i], error))
      return false;
  }
  if (state->paintings->len > 0)
    return true;
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "train arbitrary wants paintings, or folders of them");
  return false;
}

/* Other colours for a picture (3, n): hue turned by up to 60 degrees, saturation and contrast changed (in YIQ). */
static void
recolour (float *rgb, int64_t n, struct random_key key)
{
  double angle = (random_uniform (key, 0) - 0.5) * 2 * G_PI / 3, saturation = 0.5 + random_uniform (key, 1);
  double contrast = 0.7 + 0.5 * random_uniform (key, 2), shift = 0.2 * (random_uniform (key, 3) - 0.5);
  double co = saturation * cos (angle), si = saturation * sin (angle);
  for (int64_t k = 0; k < n; k++) {
    double r = rgb[k], g = rgb[n + k], b = rgb[2 * n + k];
    double y = 0.299 * r + 0.587 * g + 0.114 * b, i = 0.596 * r - 0.274 * g - 0.322 * b,
           q = 0.211 * r - 0.523 * g + 0.312 * b;
    double i2 = co * i - si * q, q2 = si * i + co * q;
    y = 0.5 + contrast * (y - 0.5) + shift;
    rgb[k] = CLAMP (y + 0.956 * i2 + 0.621 * q2, 0, 1);
    rgb[n + k] = CLAMP (y - 0.272 * i2 - 0.647 * q2, 0, 1);
    rgb[2 * n + k] = CLAMP (y - 1.106 * i2 + 1.703 * q2, 0, 1);
  }
}

/* A square of the painting, seen from nearer or farther, mirrored half of the time. Four draws an item. */
static bool
painting_crop (const struct picture *painting, const struct settings *settings, struct random_key key, int item,
               float *out, GError **error)
{
  int64_t size = settings->size, base = 4 * item;
  int shorter = MIN (painting->width, painting->height);
  double scaled = 1 + (settings->zoom - 1) * random_uniform (key, 2 * base);
  int side = CLAMP (lrint (shorter / scaled), 1, shorter);
  int x = random_below (key, base + 1, painting->width - side + 1),
      y = random_below (key, base + 2, painting->height - side + 1);
  bool mirror = random_below (key, base + 3, 2);
  g_autoptr (picture) square = picture_crop (painting, x, y, side, side, error);
  if (!square || !planes_resize (square->rgb, 3, side, side, out, size, size, error))
    return false;
  for (int64_t row = 0; row < 3 * size; row++)
    for (int64_t i = 0; i < size; i++)
      out[row * size + i] = CLAMP (out[row * size + i], 0, 1);
  for (int64_t row = 0; mirror && row < 3 * size; row++)
    for (int64_t i = 0; i < size / 2; i++) {
      float *a = &out[row * size + i], *b = &out[row * size + size - 1 - i], left = *a;
      *a = *b;
      *b = left;
    }
  return true;
}

/* Start and steps */

static bool
check_settings (const struct settings *settings, GError **error)
{
  const char *missing = !settings->photos    ? "photos DIR: photographs to learn on"
                        : !settings->encoder ? ENCODER_OPTION " FILE: " FEATURES_FILE " is not there"
                                             : NULL;
  if (missing)
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "train arbitrary wants --%s", missing);
  return !missing;
}

static bool
check_size (const struct settings *settings, GError **error)
{
  if (settings->size % 32 == 0)
    return true;
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "--size wants a multiple of 32");
  return false;
}

/* The encoder under both names, and the eyes of the losses. */
static bool
load_networks (struct trainer *trainer, struct state *state, GError **error)
{
  struct settings *settings = trainer->settings;
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
  const struct settings *settings = trainer->settings;
  g_autoptr (net_file) file = run_file_or_file (settings->start, &net_arbitrary, error);
  return file && recipe_start_from (trainer, file->weights, "decoder.", "", settings->start, error);
}

static bool
start (struct trainer *trainer, GError **error)
{
  bool fresh = trainer->step == 0;
  struct settings *settings = trainer->settings;
  struct state *state = trainer->state = g_new0 (struct state, 1);
  if (!check_settings (settings, error) || !check_size (settings, error) || !load_networks (trainer, state, error) ||
      !load_paintings (trainer, state, error))
    return false;
  struct dataset_options data = {
    .size = settings->size, .batch = settings->batch, .seed = trainer->run.seed, .first_step = trainer->step};
  state->photos = recipe_open_data (trainer, settings->photos, &data, error);
  if (!state->photos || !build_training (trainer, state, error) ||
      (fresh && settings->start && !start_from_file (trainer, error)) || !build_sampler (trainer, state, error))
    return false;
  state->sheet_photos = g_try_new (float, SHEET_PHOTOS * 3 * settings->size * settings->size);
  if (state->sheet_photos) /* far beyond the run, so that no training batch is the same */
    return dataset_pick (state->photos, 1000000000, 1, SHEET_PHOTOS, state->sheet_photos, error);
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "no memory for the photographs of a sheet");
  return false;
}

/* Which painting, how fused and whether at all, for each item of the step. */
static bool
fill_styles (struct trainer *trainer, struct state *state, GError **error)
{
  const struct settings *settings = trainer->settings;
  int64_t pixels = 3 * settings->size * settings->size;
  float *style = tensor_floats (plan_input (state->plan, "style"));
  struct random_key item = {.seed = trainer->run.seed, .stream = STREAM_ITEM, .step = trainer->step},
                    crop = {.seed = trainer->run.seed, .stream = STREAM_CROP, .step = trainer->step};
  for (int i = 0; i < settings->batch; i++, style += pixels) {
    guint chosen = random_below (item, 2 * i, state->paintings->len); /* draws 4 i and 4 i + 1 */
    struct random_key colour = {
      .seed = trainer->run.seed, .stream = STREAM_COLOUR, .step = trainer->step * settings->batch + i};
    if (!painting_crop (state->paintings->pdata[chosen], settings, crop, i, style, error))
      return false;
    if (random_uniform (colour, 4) < settings->recolour)
      recolour (style, pixels / 3, colour);
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
  const struct settings *settings = trainer->settings;
  struct state *state = trainer->state;
  if (!dataset_batch (state->photos, trainer->step, tensor_floats (plan_input (state->plan, "photo")), error))
    return false;
  recipe_report (trainer, state->photos);
  if (!fill_styles (trainer, state, error))
    return false;
  recipe_set_rates (state->plan, trainer->step, &adam_options, recipe_rate (trainer, settings->rate),
                    settings->average);
  plan_run (state->plan, trainer->run.seed, trainer->step);
  recipe_stats (state->plan, names, G_N_ELEMENTS (names), stats);
  return true;
}

/* Sheets */

/* The painting of column @i of @n, the same at every sheet. */
static bool
sheet_painting (const struct state *state, const struct settings *settings, int i, int n, float *out, GError **error)
{
  struct random_key key = {.stream = STREAM_SHEET, .step = i};
  return painting_crop (state->paintings->pdata[(guint64) i * state->paintings->len / n], settings, key, 0, out, error);
}

/* Crops of the paintings, then the photographs that training begins with. */
static bool
reals (struct trainer *trainer, const char *path, GError **error)
{
  const struct settings *settings = trainer->settings;
  struct state *state = trainer->state;
  int columns = 6, shown = MIN (state->paintings->len, 36), rows = (shown + columns - 1) / columns;
  g_autoptr (sheet) sheet = sheet_new (path, columns, rows + 2, settings->size, error);
  if (!sheet)
    return false;
  for (int i = 0; i < shown; i++)
    if (!sheet_painting (state, settings, i, shown, sheet_cell (sheet, i), error))
      return false;
  return dataset_pick (state->photos, 0, settings->batch, 2 * columns, sheet_cell (sheet, rows * columns), error) &&
         sheet_save (sheet, error);
}

static void
paint_cell (struct state *state, const float *photo, const float *style, double strength, double attention,
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
  const struct settings *settings = trainer->settings;
  struct state *state = trainer->state;
  int64_t pixels = 3 * settings->size * settings->size;
  int shown = MIN (state->paintings->len, SHEET_PAINTINGS), columns = shown + 1;
  g_autoptr (sheet) sheet = sheet_new (path, columns, 2 * SHEET_PHOTOS + 1, settings->size, error);
  if (!sheet || !plan_refresh (state->sampler, error))
    return false;
  for (int i = 0; i < shown; i++)
    if (!sheet_painting (state, settings, i, shown, sheet_cell (sheet, i + 1), error))
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
  const struct settings *settings = object;
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
  json_object_set_string_member (file->training, "losses", features_name (((struct state *) trainer->state)->eye));
  return net_file_save (file, path, error);
}

/* Pictures are noise, the encoder as it is at the beginning unless a file is given. */
static struct plan *
rehearse (struct trainer *trainer, GError **error)
{
  struct settings *settings = trainer->settings;
  struct state *state = trainer->state = g_new0 (struct state, 1);
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
  if (!build_training (trainer, state, error))
    return NULL;
  recipe_fill_noise (state->plan, "photo", STREAM_ITEM);
  recipe_fill_noise (state->plan, "style", STREAM_CROP);
  for (int64_t i = 0; i < settings->batch; i++) {
    recipe_set (state->plan, "strength", i, 1);
    recipe_set (state->plan, "attention", i, 0.5);
  }
  recipe_set_rates (state->plan, 0, &adam_options, settings->rate, settings->average);
  return g_steal_pointer (&state->plan);
}

static void
stop (struct trainer *trainer)
{
  struct state *state = trainer->state;
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
  .settings_size = sizeof (struct settings),
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
