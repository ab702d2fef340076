/* SPDX-License-Identifier: Apache-2.0
 *
 * Distillation of the perceptual network: a narrow VGG learns to see what VGG-19 sees (Hinton 2015; features as hints:
 * Romero 2015). For each of four features
 *
 *   L = mean (P f + b - F)^2 / mean F^2  +  gram_weight * mean (gram(P f + b) - gram(F))^2 / mean gram(F)^2
 *
 * of each picture, with the teacher's features F over their usual magnitude. The pictures are photographs, paintings,
 * and what is drawn to please the student: a pool of pictures that its own style loss moves, a step of descent with
 * each step of training, from a photograph towards a painting's Gram matrices. A painter in training, or an optimiser,
 * shows its eye such pictures, and where only the student likes them, the teacher says so here (training on the states
 * that one's own policy reaches: Ross 2011; a pool that lives on between steps: Tieleman 2008). */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "compile/grad.h"
#include "impasto/error.h"
#include "net/feature_net.h"
#include "net/net_file.h"
#include "train/recipe.h"
#include "train/run_file.h"
#include "train/sheet.h"

#define SHEET_PHOTOS 4
#define NOISE_MAX 0.15 /* standard deviation, in 0..1 */

#define POOL_LIFE 48     /* steps of descent of a picture of the pool */
#define POOL_STRIDE 0.05 /* root mean square of the first, in 0..1 */
#define POOL_CONTENT 0.3 /* largest weight of the photograph beside the painting */

enum stream { STREAM_NOISE = 300, STREAM_AMOUNT, STREAM_POOL }; /* random numbers of this recipe */

struct settings {
  char *photos, *paintings, *teacher, *start, *license;
  int64_t batch, size, painted, pool;
  double zoom, gram_weight, rate, average;
  struct perceptual_net net;
};

static const struct option options[] = {
  {"photos", OPTION_STRING, offsetof (struct settings, photos), "folder of photographs to learn on; required",
   .metavar = "DIR"},
  {"paintings", OPTION_STRING, offsetof (struct settings, paintings), "folder of paintings to learn on as well",
   .metavar = "DIR"},
  {"teacher", OPTION_STRING, offsetof (struct settings, teacher),
   "VGG-19 weights as safetensors, in torchvision's layout; required", .metavar = "FILE"},
  {"start", OPTION_STRING, offsetof (struct settings, start),
   "perceptual network, or RUN of this recipe, to go on from", .metavar = "FILE"},
  {"license", OPTION_STRING, offsetof (struct settings, license), "licence of the result"},
  {"channels", OPTION_INTS, offsetof (struct settings, net.channels), "channels of the three blocks", 4, 512,
   .text = "16,48,96", .count = 3},
  {"batch", OPTION_INT, offsetof (struct settings, batch), "pictures a step", 1, 64, 8},
  {"painted", OPTION_INT, offsetof (struct settings, painted), "paintings among them", 0, 64, 2},
  {"pool", OPTION_INT, offsetof (struct settings, pool),
   "pictures a step beside them that are drawn to please the network itself; at most as many as paintings", 0, 64, 2},
  {"size", OPTION_INT, offsetof (struct settings, size), "pixels of the crops, a multiple of 16", 32, 1024, 128},
  {"zoom", OPTION_FLOAT, offsetof (struct settings, zoom), "largest shorter side of a picture in crops", 1, 8, 3},
  {"gram-weight", OPTION_FLOAT, offsetof (struct settings, gram_weight), "weight of the Gram matrices", 0, 1e6, 0.3},
  {"rate", OPTION_FLOAT, offsetof (struct settings, rate), "learning rate", 1e-8, 1, 0.003},
  {"average", OPTION_FLOAT, offsetof (struct settings, average), "moving average of the weights that is kept", 0,
   0.99999, 0.99},
  {NULL},
};

static const struct optimizer_options adam_options = {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .clip = 10};

struct state {
  struct dataset *photos, *paintings;
  struct plan *plan, *sampler;
  float *sheet_photos;
  double error[FEATURE_TAPS]; /* of the last step */
};

/* Root mean square of the teacher's features over photographs: the unit in which the student draws them. */
static const double magnitude[FEATURE_TAPS] = {210, 300, 340, 1000};

static void
teacher_features (sym picture, sym F[FEATURE_TAPS])
{
  graph_push (picture.graph, "frozen.teacher");
  struct vgg vgg = vgg19 (picture, VGG_RELU3_4);
  graph_pop (picture.graph);
  sym taps[FEATURE_TAPS] = {vgg.relu[0][1], vgg.relu[1][1], vgg.relu[2][1], vgg.relu[2][3]};
  for (int i = 0; i < FEATURE_TAPS; i++)
    F[i] = sym_scale (sym_stop_gradient (taps[i]), 1 / magnitude[i]);
}

static void
student_features (sym picture, const char *scope, const struct perceptual_net *net, struct feature_tap f[FEATURE_TAPS])
{
  static const int64_t channels[FEATURE_TAPS] = {64, 128, 256, 256};
  graph_push (picture.graph, "%s", scope);
  struct perceptual eye = perceptual_net (picture, FEATURE_TAPS - 1, net);
  graph_pop (picture.graph);
  for (int i = 0; i < FEATURE_TAPS; i++)
    f[i] = (struct feature_tap){eye.features[i], eye.head[i], eye.bias[i], channels[i]};
}

static sym
item_mean (sym x)
{
  return sym_reshape (sym_mean (x, sym_shape (x).rank == 4 ? AXES_CHW : AXIS (1) | AXIS (2)), SHAPE (-1, 1, 1, 1));
}

/* mean (x - target)^2 / mean target^2, (n,1,1,1) */
static sym
relative_error (sym x, sym target)
{
  return sym_div (item_mean (sym_square (sym_sub (x, target))), sym_shift (item_mean (sym_square (target)), 1e-6));
}

static sym
mean_of (sym x)
{
  return sym_reshape (sym_mean (x, AXES_ALL), SHAPE_SCALAR);
}

static sym
pool_member (struct graph *graph, const char *name, sym begin, sym fresh)
{
  g_autofree char *full = g_strdup_printf ("pool.%s", name);
  sym kept = graph_parameter (graph, full, sym_shape (begin), (struct init){INIT_ZERO, 0});
  sym now = sym_where (sym_broadcast (fresh, sym_shape (begin)), begin, kept);
  graph_assign (graph, kept, now);
  return now;
}

/* Moves the pictures of the pool one step down the student's style loss and returns them. Where `fresh` is 1 one begins
 * anew, as the photograph of the same place in @photos under as much noise as `spoilt` says. */
static sym
build_pool (const struct settings *settings, sym photos, sym paintings)
{
  struct graph *graph = photos.graph;
  int64_t n = settings->pool;
  struct shape shape = sym_shape (photos), each = SHAPE (n, 1, 1, 1);
  sym fresh = graph_input (graph, "fresh", each), stride = graph_input (graph, "stride", each);
  sym share = graph_input (graph, "share", each), spoilt = graph_input (graph, "spoilt", each);
  sym begin = sym_add (photos, sym_mul (sym_normal (graph, shape, STREAM_POOL), spoilt));
  sym photo = pool_member (graph, "photo", photos, fresh), painting = pool_member (graph, "painting", paintings, fresh);
  sym kept = graph_parameter (graph, "pool.picture", shape, (struct init){INIT_ZERO, 0});
  sym picture = sym_clamp (sym_where (sym_broadcast (fresh, shape), begin, kept), 0, 1);
  struct feature_tap seen[FEATURE_TAPS], of_photo[FEATURE_TAPS], of_painting[FEATURE_TAPS];
  student_features (picture, "student", &settings->net, seen);
  student_features (photo, "student", &settings->net, of_photo);
  student_features (painting, "student", &settings->net, of_painting);
  sym loss =
    sym_mul (relative_error (feature_map (seen[FEATURE_CONTENT]), feature_map (of_photo[FEATURE_CONTENT])), share);
  for (int i = 0; i < FEATURE_TAPS; i++)
    loss = sym_add (loss, relative_error (feature_gram (seen[i]), feature_gram (of_painting[i])));
  sym slope;
  graph_gradient (sym_reshape (sym_sum (loss, AXES_ALL), SHAPE_SCALAR), &picture, 1, &slope);
  sym direction = sym_mul (slope, sym_rsqrt (sym_shift (item_mean (sym_square (slope)), 1e-20)));
  sym moved = sym_stop_gradient (sym_clamp (sym_sub (picture, sym_mul (direction, stride)), 0, 1));
  graph_assign (graph, kept, moved);
  graph_output (graph, "pleased", mean_of (loss));
  return moved;
}

static bool
build_training (struct trainer *trainer, struct state *state, GError **error)
{
  static const char *const names[FEATURE_TAPS] = {"relu1_2", "relu2_2", "relu3_2", "relu3_4"};
  const struct settings *settings = trainer->settings;
  int64_t b = settings->batch, size = settings->size;
  g_autoptr (graph) graph = graph_new ();
  sym picture = graph_input (graph, "picture", SHAPE (b, 3, size, size));
  sym amount = graph_input (graph, "noise", SHAPE (b, 1, 1, 1));
  sym rate = graph_input (graph, "rate", SHAPE_SCALAR), decay = graph_input (graph, "decay", SHAPE_SCALAR);
  sym noise = sym_normal (graph, SHAPE (b, 3, size, size), STREAM_NOISE);
  sym seen = sym_clamp (sym_add (picture, sym_mul (noise, amount)), 0, 1);
  sym F[FEATURE_TAPS], loss = graph_scalar (graph, 0), gram_sum = graph_scalar (graph, 0);
  struct feature_tap f[FEATURE_TAPS];
  if (settings->pool) {
    int64_t first = b - settings->painted;
    sym pool = build_pool (settings, sym_slice (picture, 0, 0, settings->pool, 1),
                           sym_slice (picture, 0, first, first + settings->pool, 1));
    seen = sym_concat ((sym[]){seen, pool}, 2, 0);
  }
  teacher_features (seen, F);
  student_features (seen, "student", &settings->net, f);
  for (int i = 0; i < FEATURE_TAPS; i++) {
    sym distance = relative_error (feature_map (f[i]), F[i]);
    loss = sym_add (loss, mean_of (distance));
    gram_sum = sym_add (gram_sum, mean_of (relative_error (feature_gram (f[i]), sym_gram (F[i]))));
    graph_output (graph, names[i], mean_of (sym_slice (distance, 0, 0, b, 1)));
    if (settings->pool && i == FEATURE_TAPS - 1)
      graph_output (graph, "fooled", mean_of (sym_slice (distance, 0, b, b + settings->pool, 1)));
  }
  loss = sym_scale (sym_add (loss, sym_scale (gram_sum, settings->gram_weight)), 1.0 / FEATURE_TAPS);
  graph_output (graph, "gram", sym_scale (gram_sum, 1.0 / FEATURE_TAPS));
  graph_output (graph, "gradient", optimizer_step (loss, "student.", rate, decay, &adam_options));
  graph_output (graph, "loss", loss);
  if (!graph_check (graph, error) || !weights_init (trainer->weights, graph, trainer->run.seed, error))
    return false;
  state->plan = recipe_compile (trainer, graph, error);
  return state->plan != NULL;
}

/* Mean activation of every feature, teacher's and student's, for sample sheets. */
static bool
build_sampler (struct trainer *trainer, struct state *state, GError **error)
{
  const struct settings *settings = trainer->settings;
  g_autoptr (graph) graph = graph_new ();
  sym picture = graph_input (graph, "picture", SHAPE (1, 3, settings->size, settings->size)), F[FEATURE_TAPS];
  struct feature_tap f[FEATURE_TAPS];
  teacher_features (picture, F);
  student_features (picture, "average.student", &settings->net, f);
  for (int i = 0; i < FEATURE_TAPS; i++)
    for (int student = 0; student < 2; student++) {
      sym map = sym_mean (student ? feature_map (f[i]) : F[i], AXIS (1));
      if (sym_shape (map).dim[2] < settings->size)
        map = sym_upsample_nearest (map, settings->size / sym_shape (map).dim[2]);
      g_autofree char *name = g_strdup_printf ("map.%d.%d", i, student);
      graph_output (graph, g_intern_string (name), map);
    }
  state->sampler = recipe_compile (trainer, graph, error);
  return state->sampler != NULL;
}

static bool
load_teacher (struct trainer *trainer, GError **error)
{
  const struct settings *settings = trainer->settings;
  g_autoptr (weights) vgg = vgg19_load (settings->teacher, error);
  for (guint i = 0; vgg && i < weights_count (vgg); i++) {
    g_autofree char *name = g_strdup_printf ("frozen.teacher.%s", weights_name (vgg, i));
    weights_add (trainer->weights, name, weights_at (vgg, i));
  }
  return vgg != NULL;
}

static bool
start_from_file (struct trainer *trainer, GError **error)
{
  const struct settings *settings = trainer->settings;
  g_autoptr (net_file) file = run_file_or_file (settings->start, &net_perceptual, error);
  return file && recipe_start_from (trainer, file->weights, "", "student.", settings->start, error);
}

static bool
open_data (struct trainer *trainer, struct state *state, GError **error)
{
  const struct settings *settings = trainer->settings;
  struct dataset_options data = {.size = settings->size,
                                 .batch = settings->batch - settings->painted,
                                 .seed = trainer->run.seed,
                                 .first_step = trainer->step,
                                 .zoom = settings->zoom,
                                 .recursive = true};
  state->photos = recipe_open_data (trainer, settings->photos, &data, error);
  if (!state->photos || !settings->painted)
    return state->photos != NULL;
  data.batch = settings->painted;
  data.stream = 1;
  state->paintings = recipe_open_data (trainer, settings->paintings, &data, error);
  return state->paintings != NULL;
}

static void
settle (void *object, struct run_settings *run)
{
  (void) run;
  struct settings *settings = object;
  settings->pool = MIN (settings->pool, MIN (settings->painted, settings->batch - settings->painted));
}

static bool
check_settings (struct settings *settings, GError **error)
{
  const char *missing = !settings->teacher  ? "teacher FILE: VGG-19 weights as safetensors"
                        : !settings->photos ? "photos DIR: photographs to learn on"
                                            : NULL;
  if (!settings->paintings)
    settings->painted = settings->pool = 0;
  if (missing)
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "train perceptual wants --%s", missing);
  else if (settings->size % 16 || settings->painted >= settings->batch)
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE,
                 "--size wants a multiple of 16, --painted less than --batch");
  else
    return true;
  return false;
}

static bool
start (struct trainer *trainer, GError **error)
{
  struct settings *settings = trainer->settings;
  struct state *state = trainer->state = g_new0 (struct state, 1);
  bool fresh = trainer->step == 0;
  if (!check_settings (settings, error) || !load_teacher (trainer, error) || !open_data (trainer, state, error) ||
      !build_training (trainer, state, error))
    return false;
  if (fresh && settings->start && !start_from_file (trainer, error))
    return false;
  if (!build_sampler (trainer, state, error))
    return false;
  state->sheet_photos = g_try_new (float, SHEET_PHOTOS * 3 * settings->size * settings->size);
  if (state->sheet_photos) /* far beyond the run, so that no training batch is the same */
    return dataset_pick (state->photos, 1000000000, settings->batch - settings->painted, SHEET_PHOTOS,
                         state->sheet_photos, error);
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "no memory for the photographs of a sheet");
  return false;
}

/* How each picture of the pool goes on, by the step alone: long strides at first, then ever shorter ones. */
static void
fill_pool (struct plan *plan, const struct settings *settings, const struct trainer *trainer)
{
  for (int64_t i = 0; i < settings->pool; i++) {
    int64_t time = trainer->step + i * POOL_LIFE / settings->pool, age = time % POOL_LIFE;
    struct random_key life = {.seed = trainer->run.seed, .stream = STREAM_POOL, .step = time / POOL_LIFE};
    double left = 1 - (double) age / POOL_LIFE;
    tensor_floats (plan_input (plan, "fresh"))[i] = trainer->step == 0 || age == 0;
    tensor_floats (plan_input (plan, "stride"))[i] = POOL_STRIDE * left * left * (0.2 + random_uniform (life, 3 * i));
    tensor_floats (plan_input (plan, "share"))[i] = POOL_CONTENT * random_uniform (life, 3 * i + 1);
    tensor_floats (plan_input (plan, "spoilt"))[i] = random_uniform (life, 3 * i + 2) < 0.3 ? 0.3 : 0.02;
  }
}

static bool
step (struct trainer *trainer, struct train_stats *stats, GError **error)
{
  static const char *const names[] = {"loss", "relu1_2", "relu2_2", "relu3_2", "relu3_4",
                                      "gram", "fooled",  "pleased", "gradient"};
  const struct settings *settings = trainer->settings;
  struct state *state = trainer->state;
  int64_t pixels = 3 * settings->size * settings->size;
  float *pictures = tensor_floats (plan_input (state->plan, "picture"));
  float *noise = tensor_floats (plan_input (state->plan, "noise"));
  if (!dataset_batch (state->photos, trainer->step, pictures, error))
    return false;
  if (state->paintings && !dataset_batch (state->paintings, trainer->step,
                                          pictures + (settings->batch - settings->painted) * pixels, error))
    return false;
  recipe_report (trainer, state->photos);
  recipe_report (trainer, state->paintings);
  struct random_key key = {.seed = trainer->run.seed, .stream = STREAM_AMOUNT, .step = trainer->step};
  for (int64_t i = 0; i < settings->batch; i++)
    noise[i] = i % 3 ? 0 : NOISE_MAX * random_uniform (key, i);
  recipe_set_rates (state->plan, trainer->step, &adam_options, recipe_rate (trainer, settings->rate),
                    settings->average);
  fill_pool (state->plan, settings, trainer);
  plan_run (state->plan, trainer->run.seed, trainer->step);
  recipe_stats (state->plan, names, G_N_ELEMENTS (names), stats);
  for (int i = 0; i < FEATURE_TAPS; i++)
    state->error[i] = stats->value[1 + i];
  return true;
}

/* The first batch: photographs, then paintings. */
static bool
reals (struct trainer *trainer, const char *path, GError **error)
{
  const struct settings *settings = trainer->settings;
  struct state *state = trainer->state;
  int batch = settings->batch, photos = batch - settings->painted, columns = MIN (8, batch);
  g_autoptr (sheet) sheet = sheet_new (path, columns, (batch + columns - 1) / columns, settings->size, error);
  return sheet && dataset_pick (state->photos, 0, photos, photos, sheet->cells, error) &&
         (!state->paintings ||
          dataset_pick (state->paintings, 0, batch - photos, batch - photos, sheet_cell (sheet, photos), error)) &&
         sheet_save (sheet, error);
}

/* A map as a grey picture; its mean is a third of white. */
static void
draw_map (const float *map, int64_t n, float *out)
{
  double sum = 0;
  for (int64_t i = 0; i < n; i++)
    sum += map[i];
  double scale = sum > 0 ? n / (3 * sum) : 1;
  for (int c = 0; c < 3; c++)
    for (int64_t i = 0; i < n; i++)
      out[c * n + i] = CLAMP (map[i] * scale, 0, 1);
}

/* Each row a photograph, then what teacher and student see of it, feature by feature. */
static bool
sample (struct trainer *trainer, const char *path, GError **error)
{
  const struct settings *settings = trainer->settings;
  struct state *state = trainer->state;
  int64_t plane = settings->size * settings->size, pixels = 3 * plane;
  int columns = 1 + 2 * FEATURE_TAPS;
  g_autoptr (sheet) sheet = sheet_new (path, columns, SHEET_PHOTOS, settings->size, error);
  if (!sheet || !plan_refresh (state->sampler, error))
    return false;
  for (int row = 0; row < SHEET_PHOTOS; row++) {
    const float *photo = state->sheet_photos + row * pixels;
    sheet_draw (sheet, row * columns, photo);
    memcpy (tensor_floats (plan_input (state->sampler, "picture")), photo, pixels * sizeof (float));
    plan_run (state->sampler, 0, 0);
    for (int i = 0; i < 2 * FEATURE_TAPS; i++) {
      g_autofree char *name = g_strdup_printf ("map.%d.%d", i / 2, i % 2);
      draw_map (tensor_floats (plan_output (state->sampler, name)), plane, sheet_cell (sheet, row * columns + 1 + i));
    }
  }
  return sheet_save (sheet, error);
}

static struct net_file *
network (const void *object, struct weights *weights)
{
  const struct settings *settings = object;
  g_autoptr (weights) averaged = recipe_averaged (weights, "student.");
  struct net_file *file = net_file_new (&net_perceptual, &settings->net, averaged);
  file->title = g_strdup ("perceptual network");
  file->license = g_strdup (settings->license);
  file->provenance = g_strdup ("distilled from VGG-19 by impasto train perceptual");
  return file;
}

static bool
finish (struct trainer *trainer, const char *path, GError **error)
{
  static const char *const hidden[] = {"photos", "paintings", "teacher", "start", NULL}; /* places on this machine */
  const struct state *state = trainer->state;
  g_autoptr (net_file) file = network (trainer->settings, trainer->weights);
  file->training = recipe_facts (trainer, hidden);
  JsonArray *errors = json_array_new ();
  for (int i = 0; i < FEATURE_TAPS; i++)
    json_array_add_double_element (errors, state->error[i]);
  json_object_set_array_member (file->training, "relative-error", errors);
  return net_file_save (file, path, error);
}

/* Noise as pictures. */
static struct plan *
rehearse (struct trainer *trainer, GError **error)
{
  struct settings *settings = trainer->settings;
  struct state *state = trainer->state = g_new0 (struct state, 1);
  if ((settings->teacher && !load_teacher (trainer, error)) || !build_training (trainer, state, error))
    return NULL;
  recipe_fill_noise (state->plan, "picture", STREAM_NOISE);
  recipe_set_rates (state->plan, 0, &adam_options, settings->rate, settings->average);
  fill_pool (state->plan, settings, trainer);
  return g_steal_pointer (&state->plan);
}

static void
stop (struct trainer *trainer)
{
  struct state *state = trainer->state;
  if (!state)
    return;
  g_clear_pointer (&state->photos, dataset_free);
  g_clear_pointer (&state->paintings, dataset_free);
  g_clear_pointer (&state->plan, plan_free);
  g_clear_pointer (&state->sampler, plan_free);
  g_free (state->sheet_photos);
  g_clear_pointer (&trainer->state, g_free);
}

const struct recipe recipe_perceptual = {
  .name = "perceptual",
  .help = "the eye of the losses: a narrow network that sees what VGG-19 sees (distillation)",
  .usage = "--photos DIR --teacher VGG19 [--paintings DIR] [-o FILE]",
  .examples = {"impasto train perceptual --photos photos/ --teacher vgg19.safetensors -o perceptual.safetensors"},
  .steps = "training steps; 0 = 2400",
  .options = options,
  .settings_size = sizeof (struct settings),
  .settle = settle,
  .start = start,
  .step = step,
  .reals = reals,
  .sample = sample,
  .finish = finish,
  .network = network,
  .stop = stop,
  .rehearse = rehearse,
};
