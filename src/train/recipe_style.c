/* SPDX-License-Identifier: Apache-2.0
 *
 * Style training: photographs in, a feed-forward painter out, one row of it a painting.
 *
 *   L = content_weight * L_content + pixel_weight * p L_pixel
 *       + (1 - p)^2 (style_weight * L_gram + variation_weight * L_tv + adversary_weight * L_adv)
 *
 * p is the photograph's share of a picture's row. Content at FEATURE_CONTENT of the feature network (Johnson 2016); Gram
 * matrices at all of its taps on the picture at scales 1, 1/2 and 1/4, which stand in for the deeper blocks; each
 * style's Gram divided by its root mean square, so that layers and paintings weigh alike; a patch discriminator with one
 * head a painting, least squares (Mao 2017). Generator, discriminator, both gradients and both optimisers are one graph,
 * hence one plan. */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "device/cpu.h"
#include "image/pixels.h"
#include "impasto/error.h"
#include "net/pack.h"
#include "train/dataset.h"
#include "train/loss.h"
#include "train/optimizer.h"
#include "train/style_data.h"
#include "train/trainer.h"

#define SHEET_PHOTOS 3

enum stream { STREAM_PHOTO = 200, STREAM_PAINTING }; /* random numbers of rehearsals */

struct settings {
  char *photos, *features, *names, *title, *license, *start;
  int64_t batch, size, painting_size;
  double content_weight, style_weight, variation_weight, adversary_weight, pixel_weight;
  double rate, judge_rate, average;
  struct style_net net;
  int64_t judge_width;
};

static const struct option options[] = {
  {"photos", OPTION_STRING, offsetof (struct settings, photos), "folder of photographs to learn on; required",
   .metavar = "DIR"},
  {"features", OPTION_STRING, offsetof (struct settings, features),
   "feature network as safetensors: VGG-19 in torchvision's layout, or impasto's own; required", .metavar = "FILE"},
  {"names", OPTION_STRING, offsetof (struct settings, names),
   "of the styles, in the paintings' order, joined by ';': NAME or NAME: TITLE, ARTIST, YEAR; default: the files' "
   "names"},
  {"title", OPTION_STRING, offsetof (struct settings, title), "title of the pack"},
  {"license", OPTION_STRING, offsetof (struct settings, license), "licence of the pack"},
  {"start", OPTION_STRING, offsetof (struct settings, start), "pack whose weights training starts from",
   .metavar = "PACK"},
  {"batch", OPTION_INT, offsetof (struct settings, batch), "photographs a step", 1, 64, 2},
  {"size", OPTION_INT, offsetof (struct settings, size), "pixels of the crops, a multiple of 16", 64, 1024, 256},
  {"painting-size", OPTION_INT, offsetof (struct settings, painting_size),
   "longer side of the paintings: larger = larger strokes", 128, 4096, 768},
  {"content-weight", OPTION_FLOAT, offsetof (struct settings, content_weight), "how much of the scene stays", 0, 1e6,
   1},
  {"style-weight", OPTION_FLOAT, offsetof (struct settings, style_weight), "how much of the painting comes", 0, 1e6,
   12},
  {"variation-weight", OPTION_FLOAT, offsetof (struct settings, variation_weight), "smoothness", 0, 1e6, 4},
  {"adversary-weight", OPTION_FLOAT, offsetof (struct settings, adversary_weight), "the patch judge's say; 0 = none", 0,
   1e6, 0.15},
  {"pixel-weight", OPTION_FLOAT, offsetof (struct settings, pixel_weight),
   "how closely the photograph's row keeps its pixels", 0, 1e6, 20},
  {"rate", OPTION_FLOAT, offsetof (struct settings, rate), "learning rate of the painter", 1e-8, 1, 0.001},
  {"judge-rate", OPTION_FLOAT, offsetof (struct settings, judge_rate), "learning rate of the judge", 1e-8, 1, 0.0002},
  {"average", OPTION_FLOAT, offsetof (struct settings, average), "moving average of the weights that is kept", 0,
   0.99999, 0.998},
  {"photograph", OPTION_BOOL, offsetof (struct settings, net.photograph),
   "learns the photograph as a row of its own, for strengths below 1; =no: not", .fallback = 1},
  {"brush", OPTION_BOOL, offsetof (struct settings, net.brush), "learns rows for a coarser and a finer brush; =no: not",
   .fallback = 1},
  {"width", OPTION_INT, offsetof (struct settings, net.width), "channels of the painter's first convolution", 4, 256,
   32},
  {"inner", OPTION_INT, offsetof (struct settings, net.inner), "channels of its residual blocks", 4, 512, 96},
  {"residuals", OPTION_INT, offsetof (struct settings, net.residuals), "residual blocks", 0, 32, 5},
  {"ends", OPTION_INT, offsetof (struct settings, net.ends), "kernel of its first and last convolution, odd", 1, 15, 5},
  {"upsampling", OPTION_CHOICE, offsetof (struct settings, net.upsampling), "how it enlarges",
   .fallback = UPSAMPLING_BILINEAR, .choices = upsampling_names},
  {"judge-width", OPTION_INT, offsetof (struct settings, judge_width), "channels of the judge's first convolution", 4,
   256, 32},
  {NULL},
};

static const struct adam_options painter_adam = {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .clip = 10};
static const struct adam_options judge_adam = {.beta1 = 0.5, .beta2 = 0.999, .epsilon = 1e-8, .clip = 10};

struct state {
  struct features *features;
  struct style_data data;
  struct dataset *photos;
  struct plan *plan, *sampler;
  float *sheet_photos;
};

static void
build_features (const struct state *state, sym picture, int last, struct feature_tap taps[FEATURE_TAPS])
{
  graph_push (picture.graph, "frozen.features");
  features_build (state->features, picture, last, taps);
  graph_pop (picture.graph);
}

/* Mean over scales and taps of the Gram losses against the mix of targets that @targets (n, rows of the tables) says,
 * each picture's times @weight (n, 1, 1). @content gets the features in which content is compared. */
static sym
style_loss (const struct state *state, sym painted, sym targets, sym weight, sym *content)
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
judge (sym picture, sym style, const struct settings *settings, int n_styles)
{
  struct patch_net net = {.heads = n_styles, .width = settings->judge_width, .layers = 3, .norm = true};
  graph_push (picture.graph, "judge");
  sym maps = patch_net (sym_affine (picture, 2, -1), &net);
  graph_pop (picture.graph);
  return sym_sum (sym_mul (maps, sym_reshape (style, SHAPE (-1, n_styles, 1, 1))), AXIS (1));
}

/* Adds the judge's losses: returns the painter's, assigns the judge's weights. */
static sym
build_judge (const struct settings *settings, sym painted, sym style, sym weight)
{
  struct graph *graph = painted.graph;
  int64_t n = settings->net.styles;
  sym painting = graph_input (graph, "painting", sym_shape (painted));
  sym rate = graph_input (graph, "judge-rate", SHAPE_SCALAR);
  sym loss = loss_least_squares_weighted (judge (painted, style, settings, n), 1, weight);
  sym real = loss_least_squares (judge (painting, style, settings, n), 1);
  sym fake = loss_least_squares_weighted (judge (sym_stop_gradient (painted), style, settings, n), 0, weight);
  sym l_judge = sym_scale (sym_add (real, fake), 0.5);
  graph_output (graph, "adversary", loss);
  graph_output (graph, "judge", l_judge);
  graph_output (graph, "judge-gradient", adam (l_judge, "judge.", rate, (sym){graph, -1}, &judge_adam));
  return loss;
}

static sym
weighted_sum (sym sum, sym loss, double weight)
{
  return sym_add (sum, sym_scale (loss, weight));
}

static bool
build_training (struct trainer *trainer, struct state *state, GError **error)
{
  const struct settings *settings = trainer->settings;
  int64_t b = settings->batch, size = settings->size, photograph = style_net_photograph_row (&settings->net);
  g_autoptr (graph) graph = graph_new ();
  sym photo = graph_input (graph, "photo", SHAPE (b, 3, size, size));
  sym style = graph_input (graph, "style", SHAPE (b, settings->net.styles));
  sym rows = graph_input (graph, "rows", SHAPE (b, style_net_rows (&settings->net)));
  sym targets = graph_input (graph, "targets", SHAPE (b, style_data_rows (&state->data)));
  sym rate = graph_input (graph, "rate", SHAPE_SCALAR), decay = graph_input (graph, "decay", SHAPE_SCALAR);
  sym share = {graph, -1}, weight = share, weight3 = share; /* p and (1 - p)^2 */
  if (photograph >= 0) {
    share = sym_reshape (sym_slice (rows, 1, photograph, photograph + 1, 1), SHAPE (b, 1, 1, 1));
    weight = sym_square (sym_affine (share, -1, 1));
    weight3 = sym_reshape (weight, SHAPE (b, 1, 1));
  }
  graph_push (graph, "painter");
  sym painted = style_net (photo, (struct style_control){.rows = rows}, &settings->net);
  graph_pop (graph);
  sym content;
  struct feature_tap taps[FEATURE_TAPS];
  sym l_style = style_loss (state, painted, targets, weight3, &content);
  build_features (state, photo, FEATURE_CONTENT, taps);
  sym l_content = loss_content (content, feature_map (taps[FEATURE_CONTENT]));
  sym l_variation = loss_variation_weighted (painted, weight);
  sym loss = weighted_sum (sym_scale (l_content, settings->content_weight), l_style, settings->style_weight);
  loss = weighted_sum (loss, l_variation, settings->variation_weight);
  if (photograph >= 0) {
    sym l_pixel = loss_pixels (painted, photo, share);
    loss = weighted_sum (loss, l_pixel, settings->pixel_weight);
    graph_output (graph, "pixel", l_pixel);
  }
  if (settings->adversary_weight > 0)
    loss = weighted_sum (loss, build_judge (settings, painted, style, weight), settings->adversary_weight);
  sym norm = adam (loss, "painter.", rate, decay, &painter_adam);
  graph_output (graph, "loss", loss);
  graph_output (graph, "content", l_content);
  graph_output (graph, "style", l_style);
  graph_output (graph, "variation", l_variation);
  graph_output (graph, "gradient", norm);
  if (!graph_check (graph, error) || !weights_init (trainer->weights, graph, trainer->run.seed, error))
    return false;
  struct plan_options plan_options = {
    .precision = trainer->run.precision, .threads = trainer->run.threads, .memory_limit = cpu_memory_available ()};
  state->plan = plan_compile (graph, trainer->weights, &plan_options, error);
  return state->plan != NULL;
}

/* The painter with averaged weights, one photograph at a time, for sample sheets. */
static bool
build_sampler (struct trainer *trainer, struct state *state, GError **error)
{
  const struct settings *settings = trainer->settings;
  g_autoptr (graph) graph = graph_new ();
  sym photo = graph_input (graph, "photo", SHAPE (1, 3, settings->size, settings->size));
  sym rows = graph_input (graph, "rows", SHAPE (1, style_net_rows (&settings->net)));
  graph_push (graph, "average.painter");
  graph_output (graph, "painting", style_net (photo, (struct style_control){.rows = rows}, &settings->net));
  graph_pop (graph);
  struct plan_options plan_options = {
    .precision = trainer->run.precision, .threads = trainer->run.threads, .memory_limit = cpu_memory_available ()};
  state->sampler = plan_compile (graph, trainer->weights, &plan_options, error);
  return state->sampler != NULL;
}

/* Rows of @to that @from has: styles by their names, the photograph; others begin as the mean of its styles. */
static void
copy_rows (const struct trainer *trainer, const struct pack *pack, struct tensor *from, struct tensor *to)
{
  const struct settings *settings = trainer->settings;
  const struct state *state = trainer->state;
  int64_t c = to->shape.dim[1], n = pack->settings.styles, photograph = style_net_photograph_row (&pack->settings);
  for (int64_t row = 0; row < to->shape.dim[0]; row++) {
    int64_t known = row < settings->net.styles ? pack_find_style (pack, state->data.names[row]) : photograph;
    for (int64_t i = 0; i < c; i++) {
      double sum = 0;
      for (int64_t k = 0; k < n; k++)
        sum += tensor_floats (from)[k * c + i];
      tensor_floats (to)[row * c + i] = known >= 0 ? tensor_floats (from)[known * c + i] : sum / n;
    }
  }
}

/* Copies what fits of a pack's weights over fresh ones. */
static bool
start_from_pack (struct trainer *trainer, GError **error)
{
  const struct settings *settings = trainer->settings;
  g_autoptr (pack) pack = pack_load (settings->start, error);
  if (!pack)
    return false;
  for (guint i = 0; i < weights_count (pack->weights); i++) {
    const char *part = weights_name (pack->weights, i), *kind = strrchr (part, '.');
    struct tensor *from = weights_at (pack->weights, i);
    bool brush = g_str_has_prefix (kind, ".brush"), table = g_str_has_prefix (kind, ".s");
    for (int average = 0; average < 2; average++) {
      g_autofree char *name = g_strdup_printf ("%spainter.%s", average ? "average." : "", part);
      struct tensor *to = weights_find (trainer->weights, name);
      if (!to && brush && !settings->net.brush)
        continue;
      table = table && to && to->shape.rank == 2 && from->shape.rank == 2 && to->shape.dim[1] == from->shape.dim[1];
      if (!to || (!table && !shape_equal (&to->shape, &from->shape))) {
        g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "%s: its network is of another size (%s)",
                     settings->start, name);
        return false;
      }
      if (table)
        copy_rows (trainer, pack, from, to);
      else
        memcpy (to->data, from->data, to->size);
    }
  }
  return true;
}

static bool
no_memory_for_batch (GError **error)
{
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "no memory for the photographs of a batch");
  return false;
}

static bool
check_sizes (const struct settings *settings, GError **error)
{
  if (settings->size % 16 == 0 && settings->net.ends % 2 == 1)
    return true;
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "--size wants a multiple of 16 and --ends an odd number");
  return false;
}

static bool
load_features (struct trainer *trainer, struct state *state, GError **error)
{
  const struct settings *settings = trainer->settings;
  state->features = features_load (settings->features, error);
  if (state->features)
    features_add_weights (state->features, trainer->weights, "frozen.features");
  return state->features != NULL;
}

static bool
load_paintings (struct trainer *trainer, struct state *state, GError **error)
{
  struct settings *settings = trainer->settings;
  struct style_data *data = &state->data;
  if (!style_data_name (data, trainer->inputs, settings->names, error) ||
      !style_data_load (data, trainer->inputs, settings->net.brush, settings->painting_size, settings->size, error) ||
      !load_features (trainer, state, error) ||
      !style_data_measure (data, state->features, trainer->run.threads, error))
    return false;
  if (settings->adversary_weight == 0)
    style_data_keep_whole (data);
  settings->net.styles = data->n_styles;
  return true;
}

/* The photographs of sample sheets: far beyond the run, so that no training batch is the same. */
static bool
load_sheet_photos (struct trainer *trainer, struct state *state, GError **error)
{
  const struct settings *settings = trainer->settings;
  int64_t pixels = 3 * settings->size * settings->size;
  state->sheet_photos = g_try_new (float, SHEET_PHOTOS *pixels);
  g_autofree float *batch = g_try_new (float, settings->batch *pixels);
  if (!state->sheet_photos || !batch)
    return no_memory_for_batch (error);
  for (int i = 0; i < SHEET_PHOTOS; i++) {
    if (!dataset_make (state->photos, 1000000000 + i, batch, error))
      return false;
    memcpy (state->sheet_photos + i * pixels, batch, pixels * sizeof (float));
  }
  return true;
}

static bool
start (struct trainer *trainer, GError **error)
{
  struct settings *settings = trainer->settings;
  struct state *state = trainer->state = g_new0 (struct state, 1);
  if (!settings->photos || !settings->features) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "train style wants --%s",
                 settings->photos ? "features FILE: VGG-19 weights as safetensors, impasto's or torchvision's layout"
                                  : "photos DIR: photographs to learn on");
    return false;
  }
  if (!check_sizes (settings, error) || !load_paintings (trainer, state, error))
    return false;
  struct dataset_options data = {
    .size = settings->size, .batch = settings->batch, .seed = trainer->run.seed, .first_step = trainer->step};
  state->photos = dataset_open (settings->photos, &data, error);
  if (!state->photos)
    return false;
  bool fresh = trainer->step == 0;
  if (!build_training (trainer, state, error))
    return false;
  if (fresh && settings->start && !start_from_pack (trainer, error))
    return false;
  return build_sampler (trainer, state, error) && load_sheet_photos (trainer, state, error);
}

/* Photographs that cannot be used are said once, each with its reason; the others go on. */
static void
report_photos (struct trainer *trainer, struct state *state)
{
  g_auto (GStrv) lines = dataset_report (state->photos);
  for (int i = 0; lines[i]; i++)
    trainer_say (trainer, "left out: %s", lines[i]);
}

static void
set_scalar (struct plan *plan, const char *name, double value)
{
  struct tensor *tensor = plan_input (plan, name);
  if (tensor)
    tensor_floats (tensor)[0] = value;
}

/* Input @name of the plan at picture @item. */
static float *
input_at (struct plan *plan, const char *name, int64_t item)
{
  struct tensor *tensor = plan_input (plan, name);
  return tensor ? tensor_floats (tensor) + item * shape_size (&tensor->shape) / tensor->shape.dim[0] : NULL;
}

static void
set_item (struct plan *plan, int64_t item, struct style_draw draw, const struct settings *settings,
          const struct style_data *data)
{
  float *style = input_at (plan, "style", item);
  for (int i = 0; style && i < data->n_styles; i++) /* absent without a judge */
    style[i] = i == draw.style;
  style_draw_rows (draw, &settings->net, input_at (plan, "rows", item));
  style_draw_targets (draw, data, input_at (plan, "targets", item));
}

static bool
step (struct trainer *trainer, struct train_stats *stats, GError **error)
{
  static const char *const names[] = {"loss",      "content", "style",    "variation",     "pixel",
                                      "adversary", "judge",   "gradient", "judge-gradient"};
  const struct settings *settings = trainer->settings;
  struct state *state = trainer->state;
  int64_t b = settings->batch, size = settings->size, warmup = MIN (100, trainer->run.steps / 20);
  if (!dataset_batch (state->photos, trainer->step, tensor_floats (plan_input (state->plan, "photo")), error))
    return false;
  report_photos (trainer, state);
  for (int i = 0; i < b; i++) {
    struct style_draw draw = style_draw (&settings->net, trainer->run.seed, trainer->step, i, b);
    set_item (state->plan, i, draw, settings, &state->data);
    float *painting = input_at (state->plan, "painting", i);
    if (painting)
      style_data_crop (&state->data, draw, trainer->run.seed, trainer->step, i, size, painting);
  }
  double rate = cosine_rate (settings->rate, trainer->step, trainer->run.steps, warmup);
  set_scalar (state->plan, "rate", adam_rate (&painter_adam, rate, trainer->step));
  set_scalar (state->plan, "judge-rate", adam_rate (&judge_adam, settings->judge_rate, trainer->step));
  set_scalar (state->plan, "decay", average_decay (settings->average, trainer->step));
  plan_run (state->plan, trainer->run.seed, trainer->step);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    struct tensor *value = plan_output (state->plan, names[i]);
    if (!value)
      continue;
    stats->name[stats->n] = names[i];
    stats->value[stats->n++] = tensor_floats (value)[0];
  }
  return true;
}

/* Cells of a sheet, white until they are drawn, one after another in memory. */
static float *
sheet_cells (int n, int64_t pixels, const char *path, GError **error)
{
  float *cells = g_try_new (float, n *pixels);
  if (!cells)
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "%s: no memory for a sheet", path);
  for (int64_t i = 0; cells && i < n * pixels; i++)
    cells[i] = 1;
  return cells;
}

static bool
save_sheet (const float *cells, int n, int64_t size, int columns, const char *path, GError **error)
{
  g_autofree const float **cell = g_new (const float *, n);
  for (int i = 0; i < n; i++)
    cell[i] = cells + i * 3 * size * size;
  g_autoptr (picture) sheet = picture_sheet (cell, n, size, size, columns, 4, error);
  return sheet && picture_save (sheet, path, NULL, error);
}

/* Crops of the paintings, then two rows of the photographs that training begins with. */
static bool
reals (struct trainer *trainer, const char *path, GError **error)
{
  const struct settings *settings = trainer->settings;
  struct state *state = trainer->state;
  int64_t size = settings->size, pixels = 3 * size * size;
  int n_styles = state->data.n_styles, columns = CLAMP (n_styles, 3, 8), rows = (n_styles + columns - 1) / columns;
  int n = (rows + 2) * columns;
  g_autofree float *cells = sheet_cells (n, pixels, path, error), *batch = g_try_new (float, settings->batch *pixels);
  if (!cells || !batch)
    return cells ? no_memory_for_batch (error) : false;
  for (int i = 0; i < n_styles; i++)
    style_data_crop (&state->data, (struct style_draw){.style = i}, 0, 0, 0, size, cells + i * pixels);
  for (int i = 0; i < 2 * columns; i++) {
    int item = i % settings->batch;
    if (item == 0 && !dataset_make (state->photos, i / settings->batch, batch, error))
      return false;
    memcpy (cells + (rows * columns + i) * pixels, batch + item * pixels, pixels * sizeof (float));
  }
  return save_sheet (cells, n, size, columns, path, error);
}

/* What column @column of a sample sheet is painted with: every style, then the photograph's row, then the first style
 * with the coarser and the finer brush. False: there are no more columns. */
static bool
sheet_draw (const struct style_net *net, int column, struct style_draw *draw)
{
  *draw = (struct style_draw){.style = column < net->styles ? column : 0};
  int beyond = column - net->styles;
  if (net->photograph && beyond >= 0 && beyond-- == 0)
    draw->photograph = 1;
  else if (net->brush && (beyond == 0 || beyond == 1))
    draw->brush = beyond == 0 ? 1 : -1;
  else
    return beyond < 0;
  return true;
}

/* Each row a photograph and what the painter makes of it; above them the paintings. */
static bool
sample (struct trainer *trainer, const char *path, GError **error)
{
  const struct settings *settings = trainer->settings;
  struct state *state = trainer->state;
  struct style_draw draw;
  int64_t size = settings->size, pixels = 3 * size * size;
  int columns = 1;
  while (sheet_draw (&settings->net, columns - 1, &draw))
    columns++;
  int n = columns * (SHEET_PHOTOS + 1);
  g_autofree float *cells = sheet_cells (n, pixels, path, error);
  if (!cells || !plan_refresh (state->sampler, error))
    return false;
  for (int i = 0; i < n; i++) {
    int row = i / columns, column = i % columns;
    const float *photo = state->sheet_photos + MAX (row - 1, 0) * pixels;
    sheet_draw (&settings->net, column - 1, &draw);
    if (row == 0 && column > 0 && column <= state->data.n_styles)
      style_data_crop (&state->data, draw, 0, 0, 0, size, cells + i * pixels);
    else if (row > 0 && column == 0)
      memcpy (cells + i * pixels, photo, pixels * sizeof (float));
    else if (row > 0) {
      style_draw_rows (draw, &settings->net, input_at (state->sampler, "rows", 0));
      memcpy (tensor_floats (plan_input (state->sampler, "photo")), photo, pixels * sizeof (float));
      plan_run (state->sampler, 0, 0);
      memcpy (cells + i * pixels, tensor_floats (plan_output (state->sampler, "painting")), pixels * sizeof (float));
    }
  }
  return save_sheet (cells, n, size, columns, path, error);
}

static bool
finish (struct trainer *trainer, const char *path, GError **error)
{
  const struct settings *settings = trainer->settings;
  struct state *state = trainer->state;
  g_autoptr (weights) averaged = weights_new ();
  static const char prefix[] = "average.painter.";
  for (guint i = 0; i < weights_count (trainer->weights); i++) {
    const char *name = weights_name (trainer->weights, i);
    if (g_str_has_prefix (name, prefix))
      weights_add (averaged, name + strlen (prefix), weights_at (trainer->weights, i));
  }
  g_autoptr (pack) pack = pack_new (&settings->net, averaged);
  for (int i = 0; i < state->data.n_styles; i++) {
    char *about = state->data.about[i], *artist = NULL, *year = strrchr (about, ',');
    if (year) {
      *year++ = 0;
      artist = strrchr (about, ',');
    }
    if (artist)
      *artist++ = 0;
    pack_add_style (pack, state->data.names[i], about, artist ? g_strstrip (artist) : NULL,
                    year ? g_strstrip (year) : NULL);
  }
  pack->title = g_strdup (settings->title);
  pack->license = g_strdup (settings->license);
  pack->provenance = g_strdup ("trained by impasto train style");
  pack->training = option_to_json (options, settings);
  json_object_remove_member (pack->training, "photos");
  json_object_remove_member (pack->training, "features");
  json_object_remove_member (pack->training, "start");
  json_object_set_int_member (pack->training, "steps", trainer->step);
  json_object_set_int_member (pack->training, "seed", trainer->run.seed);
  return pack_save (pack, path, error);
}

static void
fill_noise (struct tensor *tensor, uint32_t stream)
{
  if (tensor)
    random_uniform_fill ((struct random_key){.stream = stream}, 0, tensor_floats (tensor), shape_size (&tensor->shape));
}

/* One style, whose Gram matrices and painting are noise like the photographs, and as it is at the beginning. */
static struct plan *
rehearse (struct trainer *trainer, GError **error)
{
  struct settings *settings = trainer->settings;
  struct state *state = trainer->state = g_new0 (struct state, 1);
  settings->net.styles = 1;
  if (!check_sizes (settings, error) || (settings->features && !load_features (trainer, state, error)))
    return NULL;
  if (!state->features)
    state->features = features_new_random ();
  if (!style_data_make_up (&state->data, state->features, settings->net.brush, error) ||
      !build_training (trainer, state, error))
    return NULL;
  fill_noise (plan_input (state->plan, "photo"), STREAM_PHOTO);
  fill_noise (plan_input (state->plan, "painting"), STREAM_PAINTING);
  for (int64_t i = 0; i < settings->batch; i++)
    set_item (state->plan, i, (struct style_draw){0}, settings, &state->data);
  set_scalar (state->plan, "rate", adam_rate (&painter_adam, settings->rate, 0));
  set_scalar (state->plan, "judge-rate", adam_rate (&judge_adam, settings->judge_rate, 0));
  set_scalar (state->plan, "decay", average_decay (settings->average, 0));
  return g_steal_pointer (&state->plan);
}

static void
stop (struct trainer *trainer)
{
  struct state *state = trainer->state;
  if (!state)
    return;
  style_data_clear (&state->data);
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
  .options = options,
  .settings_size = sizeof (struct settings),
  .start = start,
  .step = step,
  .reals = reals,
  .sample = sample,
  .finish = finish,
  .stop = stop,
  .rehearse = rehearse,
};
