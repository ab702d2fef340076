/* SPDX-License-Identifier: Apache-2.0
 *
 * Pictures from a trained generator, on one sheet or one by one. Picture i is a function of the model, the seed and i: more pictures, or
 * other columns, leave the first ones as they are. */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "compile/plan.h"
#include "device/cpu.h"
#include "effect/generator.h"
#include "effect/options.h"
#include "effect/samples.h"
#include "image/pixels.h"
#include "op/sym.h"

#define BATCH 64
#define STREAM_Z 1
#define SIDE_MAX 4096 /* pixels of a picture */
#define TRIES 10000   /* to draw a number below the truncation; the smallest allowed takes some ten */

struct generate_settings {
  int64_t number, seed, class, columns, threads;
  double truncate;
  bool overwrite;
};

static const struct option generate_options[] = {
  {"number", OPTION_INT, offsetof (struct generate_settings, number), "pictures", 1, 65536, 64},
  {"seed", OPTION_INT, offsetof (struct generate_settings, seed), "the same seed, the same pictures", 0, 9e15, 1},
  {"class", OPTION_INT, offsetof (struct generate_settings, class),
   "of a conditional model: only this class, counted from 0; -1 = all, a column each", -1, 4095, -1},
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
  int64_t latent, classes; /* classes: 0 = none */
  bool grey;               /* its pictures have one channel; known once it is compiled */
  bool numbered;           /* a class is told by its number (an embedding), not by shares of all */
  const char *z, *labels;  /* names of the inputs */
};

/* A vector of noise, and perhaps a second one with classes. */
static bool
read_inputs (struct drawing *drawing, GError **error)
{
  const struct generator *generator = drawing->generator;
  drawing->z = "z";
  drawing->labels = "labels";
  if (generator->file) {
    const struct gan_net *net = generator->file->settings;
    drawing->latent = net->latent;
    drawing->classes = net->conditional ? net->classes : 0;
    return true;
  }
  const struct keras *keras = generator->keras;
  struct shape z = keras_input_shape (keras, 0), labels = {0};
  if (keras->n_inputs == 2)
    labels = keras_input_shape (keras, 1);
  if (keras->n_inputs > 2 || z.rank != 2 || !z.dim[1] ||
      (keras->n_inputs == 2 && (labels.rank != 2 || !labels.dim[1]))) {
    g_set_error (
      error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT,
      "%s: is no generator: it takes other things than a vector of noise and perhaps one of classes; see impasto "
      "run",
      generator->path);
    return false;
  }
  drawing->z = keras_input_name (keras, 0);
  drawing->labels = keras->n_inputs == 2 ? keras_input_name (keras, 1) : "";
  drawing->latent = z.dim[1];
  drawing->numbered = keras->n_inputs == 2 && labels.dim[1] == 1;
  drawing->classes = keras->n_inputs < 2 ? 0 : drawing->numbered ? keras_classes (keras) : labels.dim[1];
  return true;
}

static bool
check (const struct generate_settings *settings, const struct drawing *net, const char *path, GError **error)
{
  if (settings->truncate > 0 && settings->truncate < 0.1)
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "--truncate wants 0, or from 0.1 on");
  else if (settings->class >= 0 && !net->classes)
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "%s: has no classes; leave --class out", path);
  else if (settings->class >= net->classes && settings->class >= 0)
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE,
                 "%s: has classes 0 to %" G_GINT64_FORMAT ", none is %" G_GINT64_FORMAT, path, net->classes - 1,
                 settings->class);
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

/* The noise of picture @i. */
static void
fill_noise (const struct generate_settings *settings, int64_t i, float *z, int64_t latent)
{
  struct random_key key = {.seed = settings->seed, .stream = STREAM_Z};
  random_normal_fill (key, i * latent, z, latent);
  for (int64_t k = 0; k < latent && settings->truncate > 0; k++)
    for (key.step = 1; fabsf (z[k]) > settings->truncate && key.step < TRIES; key.step++)
      z[k] = random_normal (key, i * latent + k);
}

/* The class of picture @i, where there are @classes. */
static int
class_of (const struct generate_settings *settings, int64_t i, int64_t columns, int64_t classes)
{
  return (int) (settings->class >= 0 ? settings->class : i % columns % classes);
}

/* Draws pictures @from to @to - 1 into @cells. */
static void
draw (const struct drawing *drawing, struct plan *plan, const struct generate_settings *settings, int64_t from,
      int64_t to, int64_t columns, float *cells)
{
  struct tensor *z = plan_input (plan, drawing->z), *labels = plan_input (plan, drawing->labels);
  struct tensor *picture = plan_output (plan, "the pictures");
  int64_t latent = drawing->latent, classes = drawing->classes;
  if (labels)
    memset (labels->data, 0, labels->size);
  for (int64_t i = from; i < to; i++) {
    int class = classes ? class_of (settings, i, columns, classes) : 0;
    fill_noise (settings, i, tensor_floats (z) + (i - from) * latent, latent);
    if (labels && drawing->numbered)
      tensor_floats (labels)[i - from] = class;
    else if (labels)
      tensor_floats (labels)[(i - from) * classes + class] = 1;
  }
  plan_run (plan, 0, 0);
  int64_t cell = shape_size (&picture->shape) / picture->shape.dim[0];
  memcpy (cells + from * cell, picture->data, (to - from) * cell * sizeof (float));
}

/* All of them, (n, 3, h, w), of which @columns make a row. */
static float *
draw_all (const struct drawing *drawing, struct plan *plan, const struct generate_settings *settings, int64_t columns,
          GError **error)
{
  const struct shape *shape = &plan_output (plan, "the pictures")->shape;
  int64_t n = settings->number, batch = shape->dim[0];
  g_autofree float *cells = g_try_new (float, n *(shape_size (shape) / batch));
  if (!cells) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "no memory for %" G_GINT64_FORMAT " pictures", n);
    return NULL;
  }
  for (int64_t i = 0; i < n; i += batch)
    draw (drawing, plan, settings, i, MIN (i + batch, n), columns, cells);
  return g_steal_pointer (&cells);
}

static bool
make_sheet (const struct drawing *drawing, struct plan *plan, const struct generate_settings *settings, int64_t columns,
            const char *output, GError **error)
{
  const int64_t *dim = plan_output (plan, "the pictures")->shape.dim;
  int64_t n = settings->number;
  g_autofree const float **cell = g_new (const float *, n);
  g_autofree float *cells = draw_all (drawing, plan, settings, columns, error);
  if (!cells)
    return false;
  for (int64_t i = 0; i < n; i++)
    cell[i] = cells + i * 3 * dim[2] * dim[3];
  g_autoptr (picture) sheet = picture_sheet (cell, n, dim[3], dim[2], MIN (columns, n), 2, error);
  return sheet && picture_save (sheet, output, NULL, error);
}

static bool
make_samples (const struct drawing *drawing, struct plan *plan, const struct generate_settings *settings,
              int64_t columns, const char *output, GError **error)
{
  const int64_t *dim = plan_output (plan, "the pictures")->shape.dim;
  g_autofree int *labels = g_new0 (int, settings->number);
  struct samples samples = {.n = settings->number,
                            .height = dim[2],
                            .width = dim[3],
                            .grey = drawing->grey,
                            .labels = drawing->classes ? labels : NULL};
  for (int64_t i = 0; i < samples.n && drawing->classes; i++)
    labels[i] = class_of (settings, i, columns, drawing->classes);
  if (!samples_check (&samples, output, settings->overwrite, error))
    return false;
  g_autofree float *cells = draw_all (drawing, plan, settings, columns, error);
  samples.pictures = cells;
  return cells && samples_save (&samples, output, error);
}

gboolean
impasto_generate (const char *model, const ImpastoOptions *options, const char *output, GError **error)
{
  const struct generate_settings *settings = options_settings (options, generate_options);
  g_return_val_if_fail (settings && output, FALSE);
  g_autoptr (generator) generator = generator_load (model, error);
  struct drawing drawing = {.generator = generator};
  if (!generator || !read_inputs (&drawing, error) || !check (settings, &drawing, model, error))
    return FALSE;
  cpu_set_threads (settings->threads);
  bool all = drawing.classes && settings->class < 0;
  int64_t columns = settings->columns ? settings->columns
                    : all             ? drawing.classes
                                      : (int64_t) ceil (sqrt (settings->number));
  g_autoptr (plan) plan = compile (&drawing, settings, MIN (settings->number, BATCH), error);
  return plan && (samples_wanted (output) ? make_samples (&drawing, plan, settings, columns, output, error)
                                          : make_sheet (&drawing, plan, settings, columns, output, error));
}
