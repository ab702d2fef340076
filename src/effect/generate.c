/* SPDX-License-Identifier: Apache-2.0
 *
 * Pictures from a trained generator: on one sheet, as an animation, or one by one. Picture i is a function of the
 * model, the seed and i: more pictures, or other columns, leave the first ones as they are; of models with codes a row
 * is, whose noise is one. */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "base/text.h"
#include "compile/plan.h"
#include "device/cpu.h"
#include "effect/generator.h"
#include "effect/options.h"
#include "effect/samples.h"
#include "image/animation.h"
#include "image/pixels.h"
#include "op/sym.h"

#define BATCH 64
#define STREAM_Z 1
#define STREAM_CODE 2
#define SIDE_MAX 4096 /* pixels of a picture */
#define NUMBER 64
#define STATIONS 8 /* of a walk */
#define NUMBER_MAX 65536
#define FRAMES_MAX 4096 /* of an animation */
#define GAP 2           /* white pixels between pictures */
#define DELAY 80        /* ms a frame of an animation */
#define ENLARGE_TO 160  /* pixels: smaller frames are shown larger by a whole factor */

struct generate_settings {
  int64_t number, seed, category, sweep, interpolate, columns, threads;
  double truncate;
  char *class, *code;
  bool overwrite;
};

static const struct option generate_options[] = {
  {"number", OPTION_INT, offsetof (struct generate_settings, number),
   "pictures, 0 = 64; with --interpolate noises to pass by, 0 = 8", 0, NUMBER_MAX, 0},
  {"seed", OPTION_INT, offsetof (struct generate_settings, seed), "the same seed, the same pictures", 0, 9e15, 1},
  {"class", OPTION_STRING, offsetof (struct generate_settings, class),
   "of a conditional model: only this class, by its name, or else counted from 0; otherwise all, a column each",
   .metavar = "NAME"},
  {"category", OPTION_INT, offsetof (struct generate_settings, category),
   "of a model with codes: only this category, counted from 0; -1 = all, a column each", -1, 1023, -1},
  {"code", OPTION_STRING, offsetof (struct generate_settings, code),
   "of a model with codes: the continuous numbers, -1 to 1, joined by ','; those not given are drawn",
   .metavar = "NUMBERS"},
  {"sweep", OPTION_INT, offsetof (struct generate_settings, sweep),
   "this number of the code, counted from 1, goes from -1 to 1 along each row; 0 = none", 0, GAN_CONTINUOUS_MAX, 0},
  {"interpolate", OPTION_INT, offsetof (struct generate_settings, interpolate),
   "pictures on the way from one noise to the next: a row a way, or with -o NAME.gif or .webp an animation; 0 = none",
   0, 1024, 0},
  {"truncate", OPTION_FLOAT, offsetof (struct generate_settings, truncate),
   "draws the noise again where it is larger: fewer oddities, less variety; 0 = never", 0, 10, 0},
  {"columns", OPTION_INT, offsetof (struct generate_settings, columns), "of the sheet; 0 = as many as rows", 0, 1024,
   0},
  {"threads", OPTION_INT, offsetof (struct generate_settings, threads), "threads; 0 = all", 0, 1024, 0},
  {"overwrite", OPTION_BOOL, offsetof (struct generate_settings, overwrite),
   "replace a file that is there already; draw into a folder that has files"},
  {NULL},
};

ImpastoOptions *
impasto_generate_options_new (void)
{
  ImpastoOptions *options = impasto_options_new ();
  options_add (options, NULL, generate_options, sizeof (struct generate_settings));
  return options;
}

/* What is drawn: the inputs as far as they are known, and what comes out, (side, side, channels) of any kind. */
struct drawing {
  struct generator *generator;
  struct gan_net noise;          /* length and kinds of it */
  int64_t classes, class;        /* 0 = none; that which is wanted, -1 = all */
  char **names;                  /* of the classes; NULL = numbers */
  int64_t codes, continuous;     /* of the code: categories, numbers in -1..1 */
  bool grey;                     /* its pictures have one channel; known once it is compiled */
  bool numbered;                 /* a class is told by its number (an embedding), not by shares of all */
  const char *z, *labels, *code; /* names of the inputs; "" = there is none */
};

/* A vector beside the noise: a code, where its name says so, or classes. */
static bool
read_input (struct drawing *drawing, int i)
{
  const struct keras *keras = drawing->generator->keras;
  const char *name = keras_input_name (keras, i);
  const struct shape shape = keras_input_shape (keras, i);
  int64_t codes, continuous;
  if (shape.rank != 2 || !shape.dim[1])
    return false;
  if (keras_code (name, shape.dim[1], &codes, &continuous) && !*drawing->code) {
    drawing->code = name;
    drawing->codes = codes;
    drawing->continuous = continuous;
    return true;
  }
  if (*drawing->labels)
    return false;
  drawing->labels = name;
  drawing->numbered = shape.dim[1] == 1;
  drawing->classes = drawing->numbered ? keras_classes (keras) : shape.dim[1];
  return true;
}

/* A vector of noise, and perhaps others. */
static bool
read_inputs (struct drawing *drawing, GError **error)
{
  const struct generator *generator = drawing->generator;
  drawing->z = "z";
  drawing->labels = "labels";
  drawing->code = "code";
  drawing->noise = generator_noise_net (generator);
  if (generator->file) {
    const struct gan_net *net = generator->file->settings;
    drawing->classes = net->conditional ? net->classes : 0;
    drawing->names = net_file_class_names (generator->file, (int) drawing->classes);
    drawing->codes = net->codes;
    drawing->continuous = net->continuous;
    return true;
  }
  const struct keras *keras = generator->keras;
  bool known = drawing->noise.latent > 0;
  drawing->z = keras_input_name (keras, 0);
  drawing->labels = drawing->code = "";
  for (int i = 1; i < keras->n_inputs; i++)
    known = known && read_input (drawing, i);
  if (!known)
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT,
                 "%s: is no generator: it takes other things than a vector of noise and perhaps one of classes and one "
                 "of a code; see impasto run",
                 generator->path);
  return known;
}

/* The numbers of --code into @numbers; how many, or -1. */
static int
parse_code (const char *text, double numbers[GAN_CONTINUOUS_MAX])
{
  int n = 0;
  for (const char *at = text; at;) {
    char *end;
    if (n == GAN_CONTINUOUS_MAX)
      return -1;
    numbers[n] = g_ascii_strtod (at, &end);
    if (end == at || (*end && *end != ',') || !(numbers[n] >= -1 && numbers[n] <= 1))
      return -1;
    n++;
    at = *end ? end + 1 : NULL;
  }
  return n;
}

/* An index into @n things of a model that has none, or not so many. */
static bool
check_index (const char *option, const char *things, int64_t index, int64_t n, const char *path, GError **error)
{
  if (index < 0 || index < n)
    return true;
  if (n == 0)
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "%s: has no %s; leave --%s out", path, things, option);
  else
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE,
                 "%s: has %s 0 to %" G_GINT64_FORMAT ", none is %" G_GINT64_FORMAT, path, things, n - 1, index);
  return false;
}

/* The class that @text means: a name, or else a number; an earlier version's -1 is all of them. */
static bool
find_class (struct drawing *net, const char *text, const char *path, GError **error)
{
  char *end = NULL;
  for (int64_t k = 0; text && net->names && k < net->classes; k++)
    if (g_str_equal (text, net->names[k])) {
      net->class = k;
      return true;
    }
  if (text && !net->classes && !g_str_equal (text, "-1")) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "%s: has no classes; leave --class out", path);
    return false;
  }
  net->class = text ? g_ascii_strtoll (text, &end, 10) : -1;
  if (text && net->classes && (end == text || *end || net->class < -1)) {
    g_autofree char *shown = text_show (text);
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "%s: has no class '%s'; impasto describe lists them", path,
                 shown);
    return false;
  }
  return check_index ("class", "classes", net->class, net->classes, path, error);
}

static bool
check (const struct generate_settings *settings, struct drawing *net, const char *path, GError **error)
{
  double numbers[GAN_CONTINUOUS_MAX];
  int n = settings->code ? parse_code (settings->code, numbers) : 0;
  if (!find_class (net, settings->class, path, error) ||
      !check_index ("category", "categories", settings->category, net->codes, path, error))
    return false;
  if (settings->truncate > 0 && settings->truncate < 0.1)
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "--truncate wants 0, or from 0.1 on");
  else if (n < 0)
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "--code wants numbers from -1 to 1 like 0.5,-0.2");
  else if ((n > 0 || settings->sweep) && net->continuous == 0)
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "%s: has no continuous numbers in a code; leave --%s out",
                 path, n > 0 ? "code" : "sweep");
  else if (n > net->continuous || settings->sweep > net->continuous)
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE,
                 "%s: has %" G_GINT64_FORMAT " continuous numbers in its code; --%s wants more", path, net->continuous,
                 n > net->continuous ? "code" : "sweep");
  else if (settings->sweep && settings->interpolate)
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "--sweep and --interpolate do not go together");
  else
    return true;
  return false;
}

/* The picture as (n, 3, h, w) in 0..1. */
static sym
shown (const struct generator *generator, sym y)
{
  struct shape shape = sym_shape (y);
  if (sym_null (y))
    return y;
  if (shape.rank == 4 && generator->last)
    y = sym_permute (y, (int[]){0, 3, 1, 2});
  shape = sym_shape (y);
  if (shape.rank != 4 || (shape.dim[1] != 1 && shape.dim[1] != 3) || shape.dim[2] > SIDE_MAX || shape.dim[3] > SIDE_MAX)
    return graph_fail (y.graph, "what it gives is no picture of 1 or 3 channels, at most %d pixels a side", SIDE_MAX);
  bool unit = g_strcmp0 (generator_range (generator), "0..1") == 0;
  y = sym_clamp (unit ? y : sym_affine (y, 0.5, 0.5), 0, 1);
  return sym_broadcast (y, SHAPE (shape.dim[0], 3, shape.dim[2], shape.dim[3]));
}

static struct plan *
compile (struct drawing *drawing, const struct generate_settings *settings, int64_t batch, GError **error)
{
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (weights) weights = weights_new ();
  sym y = generator_build (drawing->generator, graph, batch, 0, 0, weights);
  if (sym_shape (y).rank == 4)
    drawing->grey = sym_shape (y).dim[drawing->generator->last ? 3 : 1] == 1;
  graph_output (graph, "the pictures", shown (drawing->generator, y));
  struct plan_options options = {
    .precision = PRECISION_F32, .threads = settings->threads, .memory_limit = cpu_memory_available ()};
  struct plan *plan = plan_compile (graph, weights, &options, error);
  if (!plan)
    g_prefix_error (error, "%s: ", drawing->generator->path);
  return plan;
}

/* The continuous numbers that go with the noise of picture @i, those given first. */
static void
fill_numbers (const struct generate_settings *settings, int64_t i, double *numbers, int64_t n)
{
  double given[GAN_CONTINUOUS_MAX];
  int known = settings->code ? parse_code (settings->code, given) : 0;
  struct random_key key = {.seed = settings->seed, .stream = STREAM_CODE};
  for (int64_t k = 0; k < n; k++)
    numbers[k] = k < known ? given[k] : 2 * random_uniform (key, i * GAN_CONTINUOUS_MAX + k) - 1;
}

/* A picture to be drawn: on the way from the noise of one picture to that of another, as a class and a category. */
struct cell {
  int64_t from, to;
  double way;   /* 0..1 */
  double sweep; /* value of the number that is swept */
  int64_t class, category;
};

/* What is drawn: cells, by the settings and what the model has. */
struct work {
  const struct generate_settings *settings;
  const struct drawing *drawing;
  int64_t kinds; /* classes or categories side by side; 1: one, or none */
  int64_t n;     /* cells */
  int64_t columns, stations;
  bool animated;
};

/* Kind @k of those side by side. */
static struct cell
of_kind (const struct work *work, int64_t k, int64_t other)
{
  const struct drawing *net = work->drawing;
  struct cell cell = {.class = work->drawing->class, .category = work->settings->category};
  bool classes = net->classes && cell.class < 0;
  if (classes)
    cell.class = k % net->classes;
  if (net->codes && cell.category < 0)
    cell.category = (classes ? other : k) % net->codes;
  return cell;
}

/* A sheet: kinds in columns. Categories are drawn of one noise a row, and so is what is swept; kinds are in rows
 * then. */
static struct cell
sheet_cell_of (const struct work *work, int64_t i)
{
  int64_t row = i / work->columns, column = i % work->columns;
  bool sweep = work->settings->sweep, category = work->drawing->codes && work->settings->category < 0;
  struct cell cell = of_kind (work, sweep ? row : column, sweep ? 0 : row);
  cell.from = cell.to = sweep ? row / work->kinds : category ? row : i;
  cell.sweep = work->columns > 1 ? 2.0 * column / (work->columns - 1) - 1 : 0;
  return cell;
}

/* A walk: frame by frame with kinds side by side, back to where it began; or way by way, of all kinds the first way. */
static struct cell
walk_cell_of (const struct work *work, int64_t i)
{
  int64_t steps = work->settings->interpolate, at = work->animated ? i / work->kinds : i % steps,
          row = work->animated ? at / steps : i / steps;
  struct cell cell = of_kind (work, work->animated ? i % work->kinds : row, 0);
  int64_t leg = work->animated || work->kinds == 1 ? row : 0;
  cell.from = leg;
  cell.to = (leg + 1) % work->stations;
  cell.way = work->animated ? (double) (at % steps) / steps : steps > 1 ? (double) at / (steps - 1) : 0;
  return cell;
}

static struct cell
cell_of (const struct work *work, int64_t i)
{
  return work->settings->interpolate ? walk_cell_of (work, i) : sheet_cell_of (work, i);
}

/* The noise of picture @i. */
static void
fill_noise (const struct work *work, int64_t i, float *z)
{
  struct random_key key = {.seed = work->settings->seed, .stream = STREAM_Z};
  gan_noise_fill (key, i, &work->drawing->noise, work->settings->truncate, z);
}

/* Sets row @i of the inputs. */
static void
set_inputs (struct plan *plan, const struct work *work, const struct cell *cell, int64_t i)
{
  const struct drawing *net = work->drawing;
  struct tensor *labels = plan_input (plan, net->labels), *code = plan_input (plan, net->code);
  int64_t latent = net->noise.latent;
  float *z = tensor_floats (plan_input (plan, net->z)) + i * latent;
  g_autofree float *ends = g_new (float, 2 * latent);
  fill_noise (work, cell->from, ends);
  fill_noise (work, cell->to, ends + latent);
  if (cell->from == cell->to)
    memcpy (z, ends, latent * sizeof (float));
  else
    gan_walk (ends, ends + latent, latent, cell->way, z);
  if (labels && net->numbered)
    tensor_floats (labels)[i] = cell->class;
  else if (labels)
    tensor_floats (labels)[i * net->classes + cell->class] = 1;
  if (!net->codes && !net->continuous)
    return;
  double a[GAN_CONTINUOUS_MAX], b[GAN_CONTINUOUS_MAX];
  float *numbers = tensor_floats (code) + i * (net->codes + net->continuous);
  if (net->codes)
    numbers[cell->category] = 1;
  numbers += net->codes;
  fill_numbers (work->settings, cell->from, a, net->continuous);
  fill_numbers (work->settings, cell->to, b, net->continuous);
  for (int64_t k = 0; k < net->continuous; k++)
    numbers[k] = work->settings->sweep == k + 1 ? cell->sweep : a[k] + (b[k] - a[k]) * cell->way;
}

/* Draws pictures @from to @to - 1 into @cells. */
static void
draw (struct plan *plan, const struct work *work, int64_t from, int64_t to, float *cells)
{
  const char *const cleared[] = {work->drawing->labels, work->drawing->code};
  struct tensor *picture = plan_output (plan, "the pictures");
  for (int k = 0; k < 2; k++) {
    struct tensor *input = plan_input (plan, cleared[k]);
    if (input)
      memset (input->data, 0, input->size);
  }
  for (int64_t i = from; i < to; i++) {
    struct cell cell = cell_of (work, i);
    set_inputs (plan, work, &cell, i - from);
  }
  plan_run (plan, 0, 0);
  int64_t size = shape_size (&picture->shape) / picture->shape.dim[0];
  memcpy (cells + from * size, picture->data, (to - from) * size * sizeof (float));
}

/* How many pictures there are, and how they lie. */
static bool
plan_work (struct work *work, const char *output, GError **error)
{
  const struct generate_settings *settings = work->settings;
  const struct drawing *net = work->drawing;
  work->kinds = net->classes && net->class < 0 ? net->classes : net->codes && settings->category < 0 ? net->codes : 1;
  work->animated = settings->interpolate && animation_named (output);
  work->stations = settings->number ? settings->number : STATIONS;
  work->n = settings->number ? settings->number : NUMBER;
  int64_t side = work->kinds > 1 && !settings->sweep ? work->kinds : (int64_t) ceil (sqrt (work->n));
  work->columns = settings->columns ? settings->columns : side;
  if (work->animated)
    work->n = work->stations * settings->interpolate * work->kinds, work->columns = work->kinds;
  else if (settings->interpolate)
    work->n = settings->interpolate * (work->kinds > 1 ? work->kinds : work->stations),
    work->columns = settings->interpolate;
  int64_t most = work->animated ? FRAMES_MAX * work->kinds : NUMBER_MAX;
  if (work->n <= most)
    return true;
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE,
               "%" G_GINT64_FORMAT " pictures are too many for a walk: %" G_GINT64_FORMAT
               " at most; give fewer noises with --number",
               work->n, most);
  return false;
}

/* All of them, (n, 3, h, w). */
static float *
draw_all (struct plan *plan, const struct work *work, GError **error)
{
  const struct shape *shape = &plan_output (plan, "the pictures")->shape;
  int64_t batch = shape->dim[0];
  g_autofree float *cells = g_try_new (float, work->n *(shape_size (shape) / batch));
  if (!cells) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "no memory for %" G_GINT64_FORMAT " pictures", work->n);
    return NULL;
  }
  for (int64_t i = 0; i < work->n; i += batch)
    draw (plan, work, i, MIN (i + batch, work->n), cells);
  return g_steal_pointer (&cells);
}

/* Pixels @by times as large, which shows small frames without a blur. */
static struct picture *
enlarge (const struct picture *picture, int by, GError **error)
{
  struct picture *large = picture_new (picture->width * by, picture->height * by, false, error);
  int64_t n = large ? (int64_t) large->width * large->height : 0;
  for (int64_t i = 0; i < 3 * n; i++) {
    int64_t c = i / n, y = i % n / large->width / by, x = i % large->width / by;
    large->rgb[i] = picture->rgb[(c * picture->height + y) * picture->width + x];
  }
  return large;
}

/* Frames one above the other. */
static bool
save_animation (const float *const *cell, const struct work *work, int width, int height, const char *output,
                GError **error)
{
  /* A row of a sheet is a frame: of several kinds with a gap to the next one, which is of the last frame's, too. */
  int gap = work->kinds > 1 ? GAP : 0, by = MAX (1, ENLARGE_TO / MAX (width, height));
  g_autofree const float **all = g_new0 (const float *, work->n + work->kinds);
  memcpy (all, cell, work->n * sizeof *all);
  memcpy (all + work->n, cell, work->kinds * sizeof *all);
  g_autoptr (picture) sheet = picture_sheet (all, work->n + work->kinds, width, height, work->kinds, gap, error);
  g_autoptr (picture) frames =
    sheet ? picture_crop (sheet, 0, 0, sheet->width, work->n / work->kinds * (height + gap), error) : NULL;
  g_autoptr (picture) large = frames ? enlarge (frames, by, error) : NULL;
  return large && animation_save (large, (height + gap) * by, DELAY, output, error);
}

/* A sheet or an animation. */
static bool
make_sheet (struct plan *plan, const struct work *work, const char *output, GError **error)
{
  const int64_t *dim = plan_output (plan, "the pictures")->shape.dim;
  g_autofree const float **cell = g_new (const float *, work->n);
  g_autofree float *cells = draw_all (plan, work, error);
  if (!cells)
    return false;
  for (int64_t i = 0; i < work->n; i++)
    cell[i] = cells + i * 3 * dim[2] * dim[3];
  if (work->animated)
    return save_animation (cell, work, dim[3], dim[2], output, error);
  g_autoptr (picture) sheet = picture_sheet (cell, work->n, dim[3], dim[2], MIN (work->columns, work->n), GAP, error);
  return sheet && picture_save (sheet, output, NULL, error);
}

static bool
make_samples (struct plan *plan, const struct work *work, const char *output, GError **error)
{
  const int64_t *dim = plan_output (plan, "the pictures")->shape.dim;
  g_autofree int *labels = g_new0 (int, work->n);
  struct samples samples = {.n = work->n,
                            .height = dim[2],
                            .width = dim[3],
                            .grey = work->drawing->grey,
                            .labels = work->drawing->classes ? labels : NULL,
                            .names = (const char *const *) work->drawing->names};
  for (int64_t i = 0; i < samples.n && samples.labels; i++)
    labels[i] = (int) cell_of (work, i).class;
  if (!samples_check (&samples, output, work->settings->overwrite, error))
    return false;
  g_autofree float *cells = draw_all (plan, work, error);
  samples.pictures = cells;
  return cells && samples_save (&samples, output, error);
}

static bool
generate (struct drawing *drawing, const struct generate_settings *settings, const char *output, GError **error)
{
  struct work work = {.settings = settings, .drawing = drawing};
  if (!read_inputs (drawing, error) || !check (settings, drawing, drawing->generator->path, error))
    return false;
  cpu_set_threads (settings->threads);
  if (!plan_work (&work, output, error))
    return false;
  g_autoptr (plan) plan = compile (drawing, settings, MIN (work.n, BATCH), error);
  return plan && (samples_wanted (output) ? make_samples (plan, &work, output, error)
                                          : make_sheet (plan, &work, output, error));
}

gboolean
impasto_generate (const char *model, const ImpastoOptions *options, const char *output, GError **error)
{
  const struct generate_settings *settings = options_settings (options, generate_options);
  g_return_val_if_fail (settings && output, FALSE);
  g_autoptr (generator) generator = generator_load (model, error);
  struct drawing drawing = {.generator = generator};
  bool ok = generator && generate (&drawing, settings, output, error);
  g_strfreev (drawing.names);
  return ok;
}
