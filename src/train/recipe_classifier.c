/* SPDX-License-Identifier: Apache-2.0
 *
 * A classifier of pictures that come in classes: cross entropy, small shifts, the moving average of the weights. Every
 * so manyth picture is held out: accuracy on those is measured with every sheet of samples and at the end. The result
 * is a feature space in which `impasto eval` compares sets of such pictures, and a reader of the classes of what
 * generators draw.
 *
 * All state is weights; pictures, shifts and order are functions of the step. */
#include <string.h>

#include "impasto/error.h"
#include "net/net_file.h"
#include "train/gan_augment.h"
#include "train/recipe.h"
#include "train/sheet.h"

#define STEPS 2000
#define FOLLOW 0.02       /* of running statistics */
#define CLASSES_MAX 4096
#define READ 50           /* held out pictures looked at in one go */
#define SHEET_SIDE 8      /* rows and columns */
#define STREAM_SHIFT 800u /* random numbers of this recipe */

struct settings {
  char *data, *title, *license;
  struct classifier_net net; /* its classes are the data's */
  int64_t hold, batch;
  double shift, zoom, rotation, rate, l2, average;
  bool mirror;
};

static const struct option options[] = {
  {"data", OPTION_STRING, offsetof (struct settings, data),
   "class folders of pictures, or IDX file (MNIST) with its labels beside it, or the folder it lies in; required",
   .metavar = "DIR"},
  {"title", OPTION_STRING, offsetof (struct settings, title), "title of the result"},
  {"license", OPTION_STRING, offsetof (struct settings, license), "licence of the result"},
  {"size", OPTION_INT, offsetof (struct settings, net.size), "side of the pictures, pixels", 8, 1024, 28},
  CLASSIFIER_OPTIONS (struct settings, net.),
  {"hold", OPTION_INT, offsetof (struct settings, hold), "every so manyth picture is held out for measuring", 2, 1e6,
   10},
  {"batch", OPTION_INT, offsetof (struct settings, batch), "pictures a step", 2, 1024, 64},
  {"shift", OPTION_FLOAT, offsetof (struct settings, shift),
   "share of the pictures that are moved, by up to an eighth of their side", 0, 1, 0.7},
  {"zoom", OPTION_FLOAT, offsetof (struct settings, zoom), "crops: largest shorter side of a picture in crops", 1, 8,
   1},
  {"rotation", OPTION_FLOAT, offsetof (struct settings, rotation), "crops: degrees to either side", 0, 30, 6},
  {"mirror", OPTION_BOOL, offsetof (struct settings, mirror), "crops: mirrored half of the time"},
  {"rate", OPTION_FLOAT, offsetof (struct settings, rate), "learning rate", 1e-8, 1, 0.004},
  {"l2", OPTION_FLOAT, offsetof (struct settings, l2), "weight of the sum of the squared weights", 0, 1, 0.0001},
  {"average", OPTION_FLOAT, offsetof (struct settings, average), "moving average of the weights that is kept", 0,
   0.99999, 0.99},
  {NULL},
};

struct state {
  struct dataset *data, *held;
  struct classifier_net net;
  struct plan *plan; /* a step */
  struct plan
    *reader;       /* input "picture" (READ, ...); output "classes" (READ, classes): probabilities, by the averages */
  int *labels;     /* (batch) */
  double accuracy; /* of the last look at the held out pictures */
};

/* A picture that was held out, as it was read. */
struct read {
  guint picture;
  int label, class;
  double confidence;
};

static void
settle (void *settings, struct run_settings *run)
{
  if (run->steps == 0)
    run->steps = STEPS;
}

static struct optimizer_options
optimizer (const struct settings *settings)
{
  return (struct optimizer_options){.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .l2 = settings->l2};
}

static bool
build_step (struct trainer *trainer, GError **error)
{
  const struct settings *settings = trainer->settings;
  struct state *state = trainer->state;
  const struct classifier_net *net = &state->net;
  struct optimizer_options adam = optimizer (settings);
  g_autoptr (graph) graph = graph_new ();
  sym picture = graph_input (graph, "picture", SHAPE (settings->batch, net->channels, net->size, net->size));
  sym labels = graph_input (graph, "labels", SHAPE (settings->batch, net->classes));
  sym rate = graph_input (graph, "rate", SHAPE_SCALAR), decay = graph_input (graph, "decay", SHAPE_SCALAR);
  picture = gan_augment (picture, (struct gan_augment){.translation = settings->shift > 0},
                         graph_scalar (graph, settings->shift), STREAM_SHIFT);
  graph_push (graph, "classifier");
  sym logits = classifier_net (picture, net, true, FOLLOW).logits;
  graph_pop (graph);
  sym entropy = sym_neg (sym_sum (sym_mul (labels, sym_log_softmax (logits, 1)), AXIS (1)));
  sym right = sym_equal (sym_max (logits, AXIS (1)), sym_sum (sym_mul (labels, logits), AXIS (1)));
  sym loss = sym_reshape (sym_mean (entropy, AXES_ALL), SHAPE_SCALAR);
  graph_output (graph, "loss", loss);
  graph_output (graph, "accuracy", sym_reshape (sym_mean (right, AXES_ALL), SHAPE_SCALAR));
  graph_output (graph, "gradient", optimizer_step (loss, "classifier.", rate, decay, &adam));
  if (!graph_check (graph, error) || !weights_init (trainer->weights, graph, trainer->run.seed, error))
    return false;
  state->plan = recipe_compile (trainer, graph, error);
  return state->plan != NULL;
}

static bool
build_reader (struct trainer *trainer, GError **error)
{
  struct state *state = trainer->state;
  const struct classifier_net *net = &state->net;
  g_autoptr (graph) graph = graph_new ();
  sym picture = graph_input (graph, "picture", SHAPE (READ, net->channels, net->size, net->size));
  graph_push (graph, "average.classifier");
  graph_output (graph, "classes", sym_softmax (classifier_net (picture, net, false, 0).logits, 1));
  graph_pop (graph);
  state->reader = recipe_compile (trainer, graph, error);
  return state->reader != NULL;
}

static bool
open_data (struct trainer *trainer, GError **error)
{
  const struct settings *settings = trainer->settings;
  struct state *state = trainer->state;
  struct dataset_options data = {.size = (int) settings->net.size,
                                 .channels = (int) settings->net.channels,
                                 .batch = (int) settings->batch,
                                 .seed = trainer->run.seed,
                                 .first_step = (uint64_t) trainer->step,
                                 .zoom = settings->zoom,
                                 .rotation = settings->rotation > 0 ? settings->rotation : -1,
                                 .keep_handedness = !settings->mirror,
                                 .classes = true,
                                 .hold = (guint) settings->hold};
  struct dataset_options held = data;
  held.held = true;
  held.batch = held.threads = held.ahead = 1;
  state->data = recipe_open_data (trainer, settings->data, &data, error);
  state->held = state->data ? dataset_open (settings->data, &held, error) : NULL;
  if (!state->held)
    return false;
  state->net = settings->net;
  state->net.classes = dataset_classes (state->data);
  return recipe_check_classes (trainer, state->data, settings->data, error);
}

static bool
start (struct trainer *trainer, GError **error)
{
  const struct settings *settings = trainer->settings;
  trainer->state = g_new0 (struct state, 1);
  const char *problem = !settings->data               ? "train classifier wants --data DIR: pictures in classes"
                        : settings->net.channels == 2 ? "--channels wants 1 or 3"
                                                      : NULL;
  if (problem) {
    g_set_error_literal (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, problem);
    return false;
  }
  struct state *state = trainer->state;
  state->labels = g_new (int, settings->batch);
  if (!open_data (trainer, error))
    return false;
  if (!trainer->run.resume)
    recipe_keep_class_names (trainer, state->data);
  return build_step (trainer, error) && build_reader (trainer, error);
}

/* Reads the @n pictures of the reader's input, whose number and label are in @reads. */
static void
read_batch (struct state *state, struct read *reads, int n)
{
  int64_t classes = state->net.classes;
  plan_run (state->reader, 0, 0);
  for (int i = 0; i < n; i++) {
    const float *p = tensor_floats (plan_output (state->reader, "classes")) + i * classes;
    int best = 0;
    for (int k = 1; k < classes; k++)
      best = p[k] > p[best] ? k : best;
    reads[i].class = best;
    reads[i].confidence = p[best];
  }
}

/* Reads every picture that was held out; those that cannot be used are left out. A new list of struct read. */
static GArray *
read_held (struct trainer *trainer, GError **error)
{
  struct state *state = trainer->state;
  g_autoptr (GArray) reads = g_array_new (FALSE, TRUE, sizeof (struct read));
  float *pictures = tensor_floats (plan_input (state->reader, "picture"));
  int64_t floats = state->net.channels * state->net.size * state->net.size;
  if (!plan_refresh (state->reader, error))
    return NULL;
  int n = 0;
  for (guint i = 0; i < dataset_count (state->held); i++) {
    g_autoptr (GError) local = NULL;
    struct read read = {.picture = i};
    if (dataset_picture (state->held, i, pictures + n * floats, &read.label, &local)) {
      g_array_append_val (reads, read);
      n++;
    } else if (!g_error_matches (local, IMPASTO_ERROR, IMPASTO_ERROR_INPUT)) {
      g_propagate_error (error, g_steal_pointer (&local));
      return NULL;
    }
    if (n == READ || (n > 0 && i + 1 == dataset_count (state->held))) {
      read_batch (state, &g_array_index (reads, struct read, reads->len - n), n);
      n = 0;
    }
  }
  recipe_report (trainer, state->held);
  return g_steal_pointer (&reads);
}

/* Adds the accuracy on what was held out to @stats. */
static bool
measure (struct trainer *trainer, struct train_stats *stats, GError **error)
{
  struct state *state = trainer->state;
  g_autoptr (GArray) reads = read_held (trainer, error);
  guint right = 0;
  if (!reads)
    return false;
  for (guint i = 0; i < reads->len; i++)
    right += g_array_index (reads, struct read, i).class == g_array_index (reads, struct read, i).label;
  state->accuracy = (double) right / MAX (reads->len, 1);
  stats->name[stats->n] = "held-out";
  stats->value[stats->n++] = state->accuracy;
  if (trainer->step + 1 == trainer->run.steps)
    trainer_say (trainer, "reads %.2f %% of %u pictures that were held out", 100 * state->accuracy, reads->len);
  return true;
}

static bool
step (struct trainer *trainer, struct train_stats *stats, GError **error)
{
  static const char *const names[] = {"loss", "accuracy", "gradient"};
  const struct settings *settings = trainer->settings;
  struct optimizer_options adam = optimizer (settings);
  struct state *state = trainer->state;
  struct tensor *labels = plan_input (state->plan, "labels");
  if (!dataset_batch_labelled (state->data, (uint64_t) trainer->step,
                               tensor_floats (plan_input (state->plan, "picture")), state->labels, error))
    return false;
  recipe_report (trainer, state->data);
  memset (labels->data, 0, labels->size);
  for (int64_t i = 0; i < settings->batch; i++)
    tensor_floats (labels)[i * state->net.classes + state->labels[i]] = 1;
  recipe_set (state->plan, "rate", 0, optimizer_rate (&adam, recipe_rate (trainer, settings->rate), trainer->step));
  recipe_set (state->plan, "decay", 0, average_decay (settings->average, trainer->step));
  plan_run (state->plan, (uint64_t) trainer->run.seed, (uint64_t) trainer->step);
  recipe_stats (state->plan, names, G_N_ELEMENTS (names), stats);
  int64_t done = trainer->step + 1;
  return (done % trainer->run.sample_every && done < trainer->run.steps) || measure (trainer, stats, error);
}

/* A picture of the data as a cell of a sheet. */
static void
draw_cell (const struct state *state, struct sheet *sheet, int cell, const float *picture)
{
  int64_t plane = state->net.size * state->net.size;
  for (int c = 0; c < 3; c++)
    memcpy (sheet_cell (sheet, cell) + c * plane, picture + c % state->net.channels * plane,
            (size_t) plane * sizeof (float));
}

/* The first batch. */
static bool
reals (struct trainer *trainer, const char *path, GError **error)
{
  const struct settings *settings = trainer->settings;
  struct state *state = trainer->state;
  int n = (int) settings->batch, columns = MIN (SHEET_SIDE, n);
  int64_t floats = state->net.channels * state->net.size * state->net.size;
  g_autoptr (sheet) sheet = sheet_new (path, columns, (n + columns - 1) / columns, state->net.size, error);
  g_autofree float *batch = g_new (float, n *floats);
  if (!sheet || !dataset_make (state->data, 0, batch, error))
    return false;
  for (int i = 0; i < n; i++)
    draw_cell (state, sheet, i, batch + i * floats);
  return sheet_save (sheet, error);
}

static int
compare_confidence (gconstpointer a, gconstpointer b)
{
  double x = ((const struct read *) a)->confidence, y = ((const struct read *) b)->confidence;
  return (x < y) - (x > y);
}

/* The pictures held out that are read wrongly, the surest first. */
static bool
sample (struct trainer *trainer, const char *path, GError **error)
{
  struct state *state = trainer->state;
  g_autoptr (sheet) sheet = sheet_new (path, SHEET_SIDE, SHEET_SIDE, state->net.size, error);
  g_autoptr (GArray) reads = sheet ? read_held (trainer, error) : NULL;
  g_autofree float *picture = g_new (float, state->net.channels * state->net.size * state->net.size);
  if (!reads)
    return false;
  g_array_sort (reads, compare_confidence);
  int cell = 0;
  for (guint i = 0; i < reads->len && cell < SHEET_SIDE * SHEET_SIDE; i++) {
    const struct read *read = &g_array_index (reads, struct read, i);
    if (read->class == read->label)
      continue;
    if (!dataset_picture (state->held, read->picture, picture, NULL, error))
      return false;
    draw_cell (state, sheet, cell++, picture);
  }
  return sheet_save (sheet, error);
}

static struct net_file *
network (const void *object, struct weights *weights)
{
  const struct settings *settings = object;
  struct classifier_net net = settings->net;
  const struct tensor *last = weights_find (weights, "average.classifier.dense.weight");
  net.classes = last && last->shape.rank == 2 ? CLAMP (last->shape.dim[0], 2, CLASSES_MAX) : 2;
  g_autoptr (weights) averaged = recipe_averaged (weights, "classifier.");
  struct net_file *file = net_file_new (&net_classifier, &net, averaged);
  file->title = g_strdup (settings->title ? settings->title : "classifier");
  file->license = g_strdup (settings->license);
  file->provenance = g_strdup ("trained by impasto train classifier");
  recipe_name_classes (file, weights, net.classes);
  return file;
}

static bool
finish (struct trainer *trainer, const char *path, GError **error)
{
  static const char *const places[] = {"data", NULL}; /* names on somebody's disk */
  const struct state *state = trainer->state;
  g_autoptr (net_file) file = network (trainer->settings, trainer->weights);
  g_clear_pointer (&file->training, json_object_unref);
  file->training = recipe_facts (trainer, places);
  recipe_keep_class_names (trainer, state->data); /* a run of before has none, one of other data others */
  recipe_name_classes (file, trainer->weights, state->net.classes);
  json_object_set_double_member (file->training, "held-out", state->accuracy);
  return net_file_save (file, path, error);
}

/* Noise as pictures, all of the first class. */
static struct plan *
rehearse (struct trainer *trainer, GError **error)
{
  const struct settings *settings = trainer->settings;
  struct state *state = trainer->state = g_new0 (struct state, 1);
  state->net = settings->net;
  state->net.classes = 10;
  if (!build_step (trainer, error))
    return NULL;
  recipe_fill_noise (state->plan, "picture", STREAM_SHIFT);
  for (int64_t i = 0; i < settings->batch; i++)
    recipe_set (state->plan, "labels", i * state->net.classes, 1);
  recipe_set (state->plan, "rate", 0, settings->rate);
  return g_steal_pointer (&state->plan);
}

static void
stop (struct trainer *trainer)
{
  struct state *state = trainer->state;
  if (!state)
    return;
  g_clear_pointer (&state->data, dataset_free);
  g_clear_pointer (&state->held, dataset_free);
  g_clear_pointer (&state->plan, plan_free);
  g_clear_pointer (&state->reader, plan_free);
  g_free (state->labels);
  g_clear_pointer (&trainer->state, g_free);
}

const struct recipe recipe_classifier = {
  .name = "classifier",
  .help = "a reader of classes, digits for one: the space in which sets of such pictures are compared",
  .usage = "--data DIR|IDX [-o FILE]",
  .examples = {"impasto train classifier --data digits/ -o digits-eye.safetensors"},
  .steps = "training steps; 0 = 2000",
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
