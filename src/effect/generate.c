/* SPDX-License-Identifier: Apache-2.0
 *
 * Pictures from a trained generator, on one sheet or one by one. Picture i is a function of the model, the seed and i: more pictures, or
 * other columns, leave the first ones as they are. */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "base/text.h"
#include "compile/plan.h"
#include "device/cpu.h"
#include "effect/options.h"
#include "effect/samples.h"
#include "image/pixels.h"
#include "net/gan.h"
#include "net/manifest.h"
#include "net/net_file.h"

#define BATCH 64
#define STREAM_Z 1
#define TRIES 10000 /* to draw a number below the truncation; the smallest allowed takes some ten */

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

/* The generator in a file, of whatever preset. */
static struct net_file *
load (const char *path, GError **error)
{
  g_autofree char *name = manifest_network (path);
  const struct net *net = name ? net_find (name) : NULL;
  if (net && gan_preset_of (net))
    return net_file_load (path, net, error);
  g_autofree char *shown = name ? text_show (name) : NULL;
  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "%s: there is no such file", path);
  else if (name)
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT,
                 "%s: holds a network \"%s\"; what impasto train gan makes is wanted", path, shown);
  else
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "%s: is no model of impasto train gan", path);
  return NULL;
}

static bool
check (const struct generate_settings *settings, const struct gan_net *net, const char *path, GError **error)
{
  if (settings->truncate > 0 && settings->truncate < 0.1)
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "--truncate wants 0, or from 0.1 on");
  else if (settings->class >= 0 && !net->conditional)
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "%s: has no classes; leave --class out", path);
  else if (settings->class >= net->classes && settings->class >= 0)
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE,
                 "%s: has classes 0 to %" G_GINT64_FORMAT ", none is %" G_GINT64_FORMAT, path, net->classes - 1,
                 settings->class);
  else
    return true;
  return false;
}

static struct plan *
compile (const struct net_file *file, const struct generate_settings *settings, int64_t batch, GError **error)
{
  const struct gan_preset *preset = gan_preset_of (file->net);
  const struct gan_net *net = file->settings;
  g_autoptr (graph) graph = graph_new ();
  struct gan_pass pass = {.net = net, .labels = gan_labels (graph, batch, net)};
  sym picture = gan_generator (graph_input (graph, "z", SHAPE (batch, net->latent)), preset, pass);
  picture = sym_clamp (sym_affine (picture, 0.5, 0.5), 0, 1);
  graph_output (graph, "picture", sym_broadcast (picture, SHAPE (batch, 3, preset->side, preset->side)));
  struct plan_options options = {
    .precision = PRECISION_F32, .threads = settings->threads, .memory_limit = cpu_memory_available ()};
  return plan_compile (graph, file->weights, &options, error);
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
draw (struct plan *plan, const struct generate_settings *settings, int64_t from, int64_t to, int64_t columns,
      float *cells)
{
  struct tensor *z = plan_input (plan, "z"), *labels = plan_input (plan, "labels");
  struct tensor *picture = plan_output (plan, "picture");
  int64_t latent = z->shape.dim[1], classes = labels ? labels->shape.dim[1] : 0;
  if (labels)
    memset (labels->data, 0, labels->size);
  for (int64_t i = from; i < to; i++) {
    fill_noise (settings, i, tensor_floats (z) + (i - from) * latent, latent);
    if (labels)
      tensor_floats (labels)[(i - from) * classes + class_of (settings, i, columns, classes)] = 1;
  }
  plan_run (plan, 0, 0);
  int64_t cell = shape_size (&picture->shape) / picture->shape.dim[0];
  memcpy (cells + from * cell, picture->data, (to - from) * cell * sizeof (float));
}

/* All of them, (n, 3, side, side), of which @columns make a row. */
static float *
draw_all (const struct net_file *file, const struct generate_settings *settings, int64_t columns, GError **error)
{
  int64_t n = settings->number, side = gan_preset_of (file->net)->side, batch = MIN (n, BATCH);
  g_autofree float *cells = g_try_new (float, n * 3 * side * side);
  g_autoptr (plan) plan = compile (file, settings, batch, error);
  if (!plan)
    return NULL;
  if (!cells) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "no memory for %" G_GINT64_FORMAT " pictures", n);
    return NULL;
  }
  for (int64_t i = 0; i < n; i += batch)
    draw (plan, settings, i, MIN (i + batch, n), columns, cells);
  return g_steal_pointer (&cells);
}

static bool
make_sheet (const struct net_file *file, const struct generate_settings *settings, int64_t columns, const char *output,
            GError **error)
{
  int64_t n = settings->number, side = gan_preset_of (file->net)->side;
  g_autofree const float **cell = g_new (const float *, n);
  g_autofree float *cells = draw_all (file, settings, columns, error);
  if (!cells)
    return false;
  for (int64_t i = 0; i < n; i++)
    cell[i] = cells + i * 3 * side * side;
  g_autoptr (picture) sheet = picture_sheet (cell, n, side, side, MIN (columns, n), 2, error);
  return sheet && picture_save (sheet, output, NULL, error);
}

static bool
make_samples (const struct net_file *file, const struct generate_settings *settings, int64_t columns,
              const char *output, GError **error)
{
  const struct gan_net *net = file->settings;
  const struct gan_preset *preset = gan_preset_of (file->net);
  g_autofree int *labels = g_new (int, settings->number);
  struct samples samples = {.n = settings->number,
                            .side = preset->side,
                            .grey = gan_channels (preset, net) == 1,
                            .labels = net->conditional ? labels : NULL};
  for (int64_t i = 0; i < samples.n; i++)
    labels[i] = net->conditional ? class_of (settings, i, columns, net->classes) : 0;
  if (!samples_check (&samples, output, settings->overwrite, error))
    return false;
  g_autofree float *cells = draw_all (file, settings, columns, error);
  samples.pictures = cells;
  return cells && samples_save (&samples, output, error);
}

gboolean
impasto_generate (const char *model, const ImpastoOptions *options, const char *output, GError **error)
{
  const struct generate_settings *settings = options_settings (options, generate_options);
  g_return_val_if_fail (settings && output, FALSE);
  g_autoptr (net_file) file = load (model, error);
  if (!file || !check (settings, file->settings, model, error))
    return FALSE;
  cpu_set_threads (settings->threads);
  const struct gan_net *net = file->settings;
  bool all = net->conditional && settings->class < 0;
  int64_t columns = settings->columns ? settings->columns
                    : all             ? net->classes
                                      : (int64_t) ceil (sqrt (settings->number));
  return samples_wanted (output) ? make_samples (file, settings, columns, output, error)
                                 : make_sheet (file, settings, columns, output, error);
}
