/* SPDX-License-Identifier: Apache-2.0
 *
 * Style training: photographs in, a feed-forward painter out, one row of it a painting.
 *
 *   L = content_weight * L_content + style_weight * L_gram + variation_weight * L_tv + adversary_weight * L_adv
 *
 * Content at relu3_2 (Johnson 2016); Gram matrices at relu1_2 .. relu3_4 on the picture at scales 1, 1/2 and 1/4, which
 * stand in for the deeper blocks; each style's Gram divided by its root mean square, so that layers and paintings weigh
 * alike; a patch discriminator with one head a painting, least squares (Mao 2017). Generator, discriminator, both
 * gradients and both optimisers are one graph, hence one plan. */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "device/cpu.h"
#include "image/picture.h"
#include "image/pixels.h"
#include "impasto/error.h"
#include "net/pack.h"
#include "train/dataset.h"
#include "train/loss.h"
#include "train/optimizer.h"
#include "train/trainer.h"

#define SCALES 3
#define LAYERS 4
#define SHEET_PHOTOS 3

enum stream { STREAM_PAINTING = 100, STREAM_START }; /* random numbers of this recipe */

struct settings {
  char *photos, *features, *names, *title, *license, *start;
  int64_t batch, size, painting_size;
  double content_weight, style_weight, variation_weight, adversary_weight;
  double rate, judge_rate, average;
  struct style_net net;
  int64_t judge_width;
};

static const struct option options[] = {
  {"photos", OPTION_STRING, offsetof (struct settings, photos), "folder of photographs to learn on; required",
   .metavar = "DIR"},
  {"features", OPTION_STRING, offsetof (struct settings, features),
   "VGG-19 weights as safetensors, in torchvision's layout; required, as no feature network ships yet",
   .metavar = "FILE"},
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
  {"rate", OPTION_FLOAT, offsetof (struct settings, rate), "learning rate of the painter", 1e-8, 1, 0.001},
  {"judge-rate", OPTION_FLOAT, offsetof (struct settings, judge_rate), "learning rate of the judge", 1e-8, 1, 0.0002},
  {"average", OPTION_FLOAT, offsetof (struct settings, average), "moving average of the weights that is kept", 0,
   0.99999, 0.998},
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
  int n_styles;
  char **names, **about; /* about: "TITLE, ARTIST, YEAR", what is not known left out */
  struct picture **paintings;
  struct dataset *photos;
  struct tensor *gram[SCALES][LAYERS];    /* (styles, c*c): Gram matrix over its root mean square */
  struct tensor *inverse[SCALES][LAYERS]; /* (styles, 1): one over that root */
  struct plan *plan, *sampler;
  float *sheet_photos;
};

/* relu1_2, relu2_2, relu3_2 and relu3_4 of @picture. */
static void
style_features (sym picture, sym *features)
{
  struct graph *graph = picture.graph;
  graph_push (graph, "frozen.vgg");
  struct vgg vgg = vgg19 (picture, VGG_RELU3_4);
  graph_pop (graph);
  features[0] = vgg.relu[0][1];
  features[1] = vgg.relu[1][1];
  features[2] = vgg.relu[2][1];
  features[3] = vgg.relu[2][3];
}

/* Name of a painting's style: its file name without folder and extension, in the letters a pack allows. */
static char *
style_name (const char *path)
{
  g_autofree char *base = g_path_get_basename (path);
  char *dot = strrchr (base, '.');
  if (dot)
    *dot = 0;
  char *name = g_ascii_strdown (base, 64);
  for (char *c = name; *c; c++)
    if (!g_ascii_isalnum (*c))
      *c = '-';
  return name;
}

/* Names from --names, or from the paintings' files; valid and each another. */
static bool
name_styles (struct trainer *trainer, struct state *state, GError **error)
{
  const struct settings *settings = trainer->settings;
  g_auto (GStrv) given = settings->names ? g_strsplit (settings->names, ";", -1) : NULL;
  if (given && g_strv_length (given) != (guint) state->n_styles) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "--names lists %u names for %d paintings",
                 g_strv_length (given), state->n_styles);
    return false;
  }
  state->names = g_new0 (char *, state->n_styles + 1);
  state->about = g_new0 (char *, state->n_styles + 1);
  for (int i = 0; i < state->n_styles; i++) {
    g_auto (GStrv) parts = g_strsplit (given ? given[i] : "", ":", 2);
    state->names[i] = given ? g_strdup (parts[0] ? g_strstrip (parts[0]) : "") : style_name (trainer->inputs[i]);
    state->about[i] = g_strdup (given && parts[0] && parts[1] ? g_strstrip (parts[1]) : "");
    bool twice = false;
    for (int k = 0; k < i; k++)
      twice |= g_str_equal (state->names[k], state->names[i]);
    if (!pack_valid_name (state->names[i]) || twice) {
      g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "'%s' %s; choose with --names", state->names[i],
                   twice ? "names two styles" : "is no name for a style (lower case letters, digits and '-')");
      return false;
    }
  }
  return true;
}

static bool
load_paintings (struct trainer *trainer, struct state *state, GError **error)
{
  const struct settings *settings = trainer->settings;
  state->n_styles = trainer->inputs ? g_strv_length (trainer->inputs) : 0;
  if (state->n_styles == 0) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "train style wants one painting or more");
    return false;
  }
  if (!name_styles (trainer, state, error))
    return false;
  state->paintings = g_new0 (struct picture *, state->n_styles + 1);
  for (int i = 0; i < state->n_styles; i++) {
    g_autoptr (picture) picture = picture_load (trainer->inputs[i], 0, error);
    if (!picture)
      return false;
    double longer = MAX (picture->width, picture->height), shorter = MIN (picture->width, picture->height);
    double scale = MAX (settings->painting_size / longer, settings->size / shorter); /* a crop must fit */
    state->paintings[i] =
      picture_resize (picture, ceil (picture->width * scale - 1e-6), ceil (picture->height * scale - 1e-6), error);
    if (!state->paintings[i])
      return false;
  }
  return true;
}

/* Gram matrices of one painting at every scale, in float32. */
static bool
measure_painting (struct trainer *trainer, struct state *state, int i, GError **error)
{
  const struct picture *painting = state->paintings[i];
  int64_t h = painting->height / 4 * 4, w = painting->width / 4 * 4;
  g_autoptr (graph) graph = graph_new ();
  sym x = graph_input (graph, "painting", SHAPE (1, 3, h, w));
  for (int s = 0; s < SCALES; s++) {
    sym features[LAYERS];
    style_features (x, features);
    for (int l = 0; l < LAYERS; l++) {
      g_autofree char *name = g_strdup_printf ("gram.%d.%d", s, l);
      graph_output (graph, g_intern_string (name), sym_gram (features[l]));
    }
    x = sym_avg_pool (x, 2, 2, 0);
  }
  struct plan_options plan_options = {
    .precision = PRECISION_F32, .threads = trainer->run.threads, .memory_limit = cpu_memory_available ()};
  g_autoptr (plan) plan = plan_compile (graph, trainer->weights, &plan_options, error);
  if (!plan)
    return false;
  float *pixels = tensor_floats (plan_input (plan, "painting"));
  for (int c = 0; c < 3; c++)
    for (int64_t y = 0; y < h; y++)
      memcpy (pixels + (c * h + y) * w, painting->rgb + ((int64_t) c * painting->height + y) * painting->width,
              w * sizeof (float));
  plan_run (plan, 0, 0);
  for (int s = 0; s < SCALES; s++)
    for (int l = 0; l < LAYERS; l++) {
      g_autofree char *name = g_strdup_printf ("gram.%d.%d", s, l);
      struct tensor *gram = plan_output (plan, name);
      int64_t n = shape_size (&gram->shape);
      if (!state->gram[s][l]) {
        state->gram[s][l] = tensor_new (SHAPE (state->n_styles, n), DTYPE_F32, error);
        state->inverse[s][l] = state->gram[s][l] ? tensor_new (SHAPE (state->n_styles, 1), DTYPE_F32, error) : NULL;
        if (!state->inverse[s][l])
          return false;
      }
      double square = 0;
      for (int64_t k = 0; k < n; k++)
        square += (double) tensor_floats (gram)[k] * tensor_floats (gram)[k];
      double inverse = 1 / sqrt (square / n + 1e-20);
      tensor_floats (state->inverse[s][l])[i] = inverse;
      for (int64_t k = 0; k < n; k++)
        tensor_floats (state->gram[s][l])[i * n + k] = tensor_floats (gram)[k] * inverse;
    }
  return true;
}

/* Mean over scales and layers of the Gram losses against the mix of paintings that @style says. */
static sym
style_loss (const struct state *state, sym painted, sym style, sym (*features)[LAYERS])
{
  struct graph *graph = painted.graph;
  sym sum = graph_scalar (graph, 0), x = painted;
  for (int s = 0; s < SCALES; s++) {
    if (s > 0)
      x = sym_avg_pool (x, 2, 2, 0);
    style_features (x, features[s]);
    for (int l = 0; l < LAYERS; l++) {
      int64_t c = sym_shape (features[s][l]).dim[1];
      sym target = sym_reshape (sym_matmul (style, graph_constant (graph, state->gram[s][l])), SHAPE (-1, c, c));
      sym inverse = sym_reshape (sym_matmul (style, graph_constant (graph, state->inverse[s][l])), SHAPE (-1, 1, 1));
      sum = sym_add (sum, loss_gram (features[s][l], inverse, target));
    }
  }
  return sym_scale (sum, 1.0 / (SCALES * LAYERS));
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

static bool
build_training (struct trainer *trainer, struct state *state, GError **error)
{
  const struct settings *settings = trainer->settings;
  int64_t b = settings->batch, size = settings->size, n = state->n_styles;
  g_autoptr (graph) graph = graph_new ();
  sym photo = graph_input (graph, "photo", SHAPE (b, 3, size, size));
  sym style = graph_input (graph, "style", SHAPE (b, n));
  sym rate = graph_input (graph, "rate", SHAPE_SCALAR), decay = graph_input (graph, "decay", SHAPE_SCALAR);
  graph_push (graph, "painter");
  sym painted = style_net (photo, (struct style_control){.rows = style}, &settings->net);
  graph_pop (graph);
  sym features[SCALES][LAYERS];
  sym l_style = style_loss (state, painted, style, features);
  graph_push (graph, "frozen.vgg");
  sym content_target = vgg19 (photo, VGG_RELU3_2).relu[2][1];
  graph_pop (graph);
  sym l_content = loss_content (features[0][2], content_target);
  sym l_variation = loss_variation (painted);
  sym loss =
    sym_add (sym_add (sym_scale (l_content, settings->content_weight), sym_scale (l_style, settings->style_weight)),
             sym_scale (l_variation, settings->variation_weight));
  if (settings->adversary_weight > 0) {
    sym painting = graph_input (graph, "painting", SHAPE (b, 3, size, size));
    sym judge_rate = graph_input (graph, "judge-rate", SHAPE_SCALAR);
    sym l_adversary = loss_least_squares (judge (painted, style, settings, n), 1);
    sym real = judge (painting, style, settings, n), fake = judge (sym_stop_gradient (painted), style, settings, n);
    sym l_judge = sym_scale (sym_add (loss_least_squares (real, 1), loss_least_squares (fake, 0)), 0.5);
    loss = sym_add (loss, sym_scale (l_adversary, settings->adversary_weight));
    graph_output (graph, "adversary", l_adversary);
    graph_output (graph, "judge", l_judge);
    sym judge_norm = adam (l_judge, "judge.", judge_rate, (sym){graph, -1}, &judge_adam);
    graph_output (graph, "judge-gradient", judge_norm);
  }
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
  sym style = graph_input (graph, "style", SHAPE (1, state->n_styles));
  graph_push (graph, "average.painter");
  graph_output (graph, "painting", style_net (photo, (struct style_control){.rows = style}, &settings->net));
  graph_pop (graph);
  struct plan_options plan_options = {
    .precision = trainer->run.precision, .threads = trainer->run.threads, .memory_limit = cpu_memory_available ()};
  state->sampler = plan_compile (graph, trainer->weights, &plan_options, error);
  return state->sampler != NULL;
}

/* Copies a pack's weights over fresh ones, rows of styles it knows by name to their place. */
static bool
start_from_pack (struct trainer *trainer, struct state *state, GError **error)
{
  const struct settings *settings = trainer->settings;
  g_autoptr (pack) pack = pack_load (settings->start, error);
  if (!pack)
    return false;
  for (guint i = 0; i < weights_count (pack->weights); i++) {
    struct tensor *from = weights_at (pack->weights, i);
    for (int average = 0; average < 2; average++) {
      g_autofree char *name =
        g_strdup_printf ("%spainter.%s", average ? "average." : "", weights_name (pack->weights, i));
      struct tensor *to = weights_find (trainer->weights, name);
      bool table = to && g_str_has_prefix (strrchr (name, '.'), ".s") && to->shape.rank == 2 && from->shape.rank == 2 &&
                   to->shape.dim[1] == from->shape.dim[1];
      if (!to || (!table && !shape_equal (&to->shape, &from->shape))) {
        g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "%s: its network is of another size (%s)",
                     settings->start, name);
        return false;
      }
      if (!table) {
        memcpy (to->data, from->data, to->size);
        continue;
      }
      size_t row = to->shape.dim[1] * sizeof (float);
      for (int s = 0; s < state->n_styles; s++) {
        int known = pack_find_style (pack, state->names[s]);
        memcpy ((char *) to->data + s * row, (char *) from->data + MAX (known, 0) * row, row);
      }
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
load_features (struct trainer *trainer, GError **error)
{
  const struct settings *settings = trainer->settings;
  g_autoptr (weights) vgg = vgg19_load (settings->features, error);
  for (guint i = 0; vgg && i < weights_count (vgg); i++) {
    g_autofree char *name = g_strdup_printf ("frozen.vgg.%s", weights_name (vgg, i));
    weights_add (trainer->weights, name, weights_at (vgg, i));
  }
  return vgg != NULL;
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
  settings->net.styles = state->n_styles;
  if (!load_features (trainer, error))
    return false;
  struct dataset_options data = {
    .size = settings->size, .batch = settings->batch, .seed = trainer->run.seed, .first_step = trainer->step};
  state->photos = dataset_open (settings->photos, &data, error);
  if (!state->photos)
    return false;
  for (int i = 0; i < state->n_styles; i++)
    if (!measure_painting (trainer, state, i, error))
      return false;
  bool fresh = trainer->step == 0;
  if (!build_training (trainer, state, error))
    return false;
  if (fresh && settings->start && !start_from_pack (trainer, state, error))
    return false;
  if (!build_sampler (trainer, state, error))
    return false;
  state->sheet_photos = g_try_new (float, SHEET_PHOTOS * 3 * settings->size * settings->size);
  g_autofree float *batch = g_try_new (float, settings->batch * 3 * settings->size * settings->size);
  if (!state->sheet_photos || !batch)
    return no_memory_for_batch (error);
  for (int i = 0; i < SHEET_PHOTOS; i++) { /* far beyond the run, so that no training batch is the same */
    if (!dataset_make (state->photos, 1000000000 + i, batch, error))
      return false;
    memcpy (state->sheet_photos + i * 3 * settings->size * settings->size, batch,
            3 * settings->size * settings->size * sizeof (float));
  }
  return true;
}

/* A random crop of a painting, mirrored half of the time. */
static void
painting_crop (const struct picture *painting, struct random_key key, int item, int64_t size, float *out)
{
  int64_t x = random_below (key, 3 * item, painting->width - size + 1),
          y = random_below (key, 3 * item + 1, painting->height - size + 1);
  bool mirror = random_below (key, 3 * item + 2, 2);
  for (int c = 0; c < 3; c++)
    for (int64_t row = 0; row < size; row++) {
      const float *from = painting->rgb + ((int64_t) c * painting->height + y + row) * painting->width + x;
      float *to = out + (c * size + row) * size;
      for (int64_t i = 0; i < size; i++)
        to[i] = from[mirror ? size - 1 - i : i];
    }
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

static bool
step (struct trainer *trainer, struct train_stats *stats, GError **error)
{
  static const char *const names[] = {"loss",      "content", "style",    "variation",
                                      "adversary", "judge",   "gradient", "judge-gradient"};
  const struct settings *settings = trainer->settings;
  struct state *state = trainer->state;
  int64_t b = settings->batch, size = settings->size, warmup = MIN (100, trainer->run.steps / 20);
  if (!dataset_batch (state->photos, trainer->step, tensor_floats (plan_input (state->plan, "photo")), error))
    return false;
  report_photos (trainer, state);
  float *style = tensor_floats (plan_input (state->plan, "style"));
  struct tensor *paintings = plan_input (state->plan, "painting");
  struct random_key key = {.seed = trainer->run.seed, .stream = STREAM_PAINTING, .step = trainer->step};
  memset (style, 0, b * state->n_styles * sizeof (float));
  for (int i = 0; i < b; i++) {
    int chosen = (trainer->step * b + i) % state->n_styles;
    style[i * state->n_styles + chosen] = 1;
    if (paintings)
      painting_crop (state->paintings[chosen], key, i, size, tensor_floats (paintings) + i * 3 * size * size);
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
  int columns = CLAMP (state->n_styles, 3, 8), rows = (state->n_styles + columns - 1) / columns;
  int n = (rows + 2) * columns;
  g_autofree float *cells = sheet_cells (n, pixels, path, error), *batch = g_try_new (float, settings->batch *pixels);
  if (!cells || !batch)
    return cells ? no_memory_for_batch (error) : false;
  for (int i = 0; i < state->n_styles; i++)
    painting_crop (state->paintings[i], (struct random_key){.stream = STREAM_START}, 0, size, cells + i * pixels);
  for (int i = 0; i < 2 * columns; i++) {
    int item = i % settings->batch;
    if (item == 0 && !dataset_make (state->photos, i / settings->batch, batch, error))
      return false;
    memcpy (cells + (rows * columns + i) * pixels, batch + item * pixels, pixels * sizeof (float));
  }
  return save_sheet (cells, n, size, columns, path, error);
}

/* Each row a photograph and what the painter makes of it in every style; above them the paintings. */
static bool
sample (struct trainer *trainer, const char *path, GError **error)
{
  const struct settings *settings = trainer->settings;
  struct state *state = trainer->state;
  int64_t size = settings->size, pixels = 3 * size * size;
  int columns = state->n_styles + 1, n = columns * (SHEET_PHOTOS + 1);
  g_autofree float *cells = sheet_cells (n, pixels, path, error);
  if (!cells)
    return false;
  if (!plan_refresh (state->sampler, error))
    return false;
  float *style = tensor_floats (plan_input (state->sampler, "style"));
  for (int i = 0; i < n; i++) {
    int row = i / columns, column = i % columns;
    const float *photo = state->sheet_photos + MAX (row - 1, 0) * pixels;
    if (row == 0 && column > 0)
      painting_crop (state->paintings[column - 1], (struct random_key){.stream = STREAM_START}, 0, size,
                     cells + i * pixels);
    else if (row > 0 && column == 0)
      memcpy (cells + i * pixels, photo, pixels * sizeof (float));
    else if (row > 0) {
      memset (style, 0, state->n_styles * sizeof (float));
      style[column - 1] = 1;
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
  for (int i = 0; i < state->n_styles; i++) {
    char *artist = NULL, *year = strrchr (state->about[i], ',');
    if (year) {
      *year++ = 0;
      artist = strrchr (state->about[i], ',');
    }
    if (artist)
      *artist++ = 0;
    pack_add_style (pack, state->names[i], state->about[i], artist ? g_strstrip (artist) : NULL,
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

/* Noise from -0.5 to 0.5, or around @offset. */
static void
fill_noise (struct tensor *tensor, uint32_t stream, double offset)
{
  struct random_key key = {.stream = stream};
  for (int64_t i = 0, n = tensor ? shape_size (&tensor->shape) : 0; i < n; i++)
    tensor_floats (tensor)[i] = random_uniform (key, i) - 0.5 + offset;
}

/* One style, whose Gram matrices and painting are noise like the photographs, and as it is at the beginning. */
static struct plan *
rehearse (struct trainer *trainer, GError **error)
{
  static const int64_t channels[LAYERS] = {64, 128, 256, 256};
  struct settings *settings = trainer->settings;
  struct state *state = trainer->state = g_new0 (struct state, 1);
  settings->net.styles = state->n_styles = 1;
  if (!check_sizes (settings, error) || (settings->features && !load_features (trainer, error)))
    return NULL;
  for (int i = 0; i < SCALES * LAYERS; i++) {
    int s = i / LAYERS, l = i % LAYERS;
    state->gram[s][l] = tensor_new (SHAPE (1, channels[l] * channels[l]), DTYPE_F32, error);
    state->inverse[s][l] = state->gram[s][l] ? tensor_new (SHAPE (1, 1), DTYPE_F32, error) : NULL;
    if (!state->inverse[s][l])
      return NULL;
    fill_noise (state->gram[s][l], STREAM_START, 0.5);
    fill_noise (state->inverse[s][l], STREAM_START, 0.5);
  }
  if (!build_training (trainer, state, error))
    return NULL;
  fill_noise (plan_input (state->plan, "photo"), STREAM_PAINTING, 0.5);
  fill_noise (plan_input (state->plan, "painting"), STREAM_START, 0.5);
  struct tensor *style = plan_input (state->plan, "style");
  for (int64_t i = 0; i < settings->batch; i++)
    tensor_floats (style)[i] = 1;
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
  for (int i = 0; state->paintings && i < state->n_styles; i++)
    g_clear_pointer (&state->paintings[i], picture_free);
  for (int s = 0; s < SCALES; s++)
    for (int l = 0; l < LAYERS; l++) {
      g_clear_pointer (&state->gram[s][l], tensor_unref);
      g_clear_pointer (&state->inverse[s][l], tensor_unref);
    }
  g_clear_pointer (&state->photos, dataset_free);
  g_clear_pointer (&state->plan, plan_free);
  g_clear_pointer (&state->sampler, plan_free);
  g_strfreev (state->names);
  g_strfreev (state->about);
  g_free (state->paintings);
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
