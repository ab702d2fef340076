/* SPDX-License-Identifier: Apache-2.0
 *
 * Figures of sets from files: against the module's figures of features that are taken here, picture by picture;
 * classes; copies are named. */
#include <glib/gstdio.h>
#include <impasto/impasto.h>
#include <math.h>
#include <string.h>

#include "compile/plan.h"
#include "image/picture.h"
#include "net/feature_net.h"
#include "net/net_file.h"
#include "noise.h"
#include "train/fidelity.h"

#define SIDE 32
#define REALS 21 /* more than are looked at in one go */
#define SAMPLES 18

static char *folder, *eye;

static char *
in (const char *name)
{
  return g_build_filename (folder, name, NULL);
}

static void
save_eye (void)
{
  static const struct perceptual_net settings = {.channels = {4, 6, 8}};
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (weights) weights = weights_new ();

  net_perceptual.build (&net_perceptual, graph, &settings);
  g_assert_true (weights_init (weights, graph, 3, NULL));
  g_autoptr (net_file) made = net_file_new (&net_perceptual, &settings, weights);
  g_assert_true (net_file_save (made, eye, NULL));
}

/* Square pictures are looked at as they are. */
static struct picture *
make_picture (const char *name)
{
  struct picture *picture = picture_new (SIDE, SIDE, false, NULL);
  uint32_t seed = noise_seed (name);

  for (int i = 0; i < 3 * SIDE * SIDE; i++) {
    double wave = sin (i % SIDE * (0.1 + seed % 11 * 0.1)) * cos (i / SIDE * (0.1 + seed % 7 * 0.1));
    picture->rgb[i] = (float) rint (255 * (0.5 + 0.3 * wave + 0.2 * noise_at (seed, i))) / 255;
  }
  return picture;
}

/* Names tell classes: even ones are of "a", odd ones of "b". */
static char *
name_of (const char *set, int i)
{
  return g_strdup_printf ("%s/%s/%02d.png", set, i % 2 ? "b" : "a", i);
}

static void
save_set (const char *set, int n)
{
  for (int i = 0; i < n; i++) {
    g_autofree char *name = name_of (set, i), *path = in (name), *dir = g_path_get_dirname (path);
    /* The last two samples are copies of real pictures. */
    g_autofree char *like = n == SAMPLES && i >= n - 2 ? name_of ("reals", i - n + 5) : g_strdup (name);
    g_autoptr (picture) picture = make_picture (like);
    g_assert_cmpint (g_mkdir_with_parents (dir, 0755), ==, 0);
    g_assert_true (picture_save (picture, path, NULL, NULL));
  }
}

/* The means of the taps of one picture; length in *@d and of each tap. */
static GArray *
features_of (const struct features *features, const char *path, int64_t taps_d[FEATURE_TAPS])
{
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (weights) weights = weights_new ();
  g_autoptr (picture) picture = picture_load (path, 0, NULL);
  g_autoptr (tensor) input = tensor_new (SHAPE (1, 3, SIDE, SIDE), DTYPE_F32, NULL);
  struct feature_tap taps[FEATURE_TAPS];
  static const char *const names[] = {"0", "1", "2", "3"};
  GArray *row = g_array_new (FALSE, FALSE, sizeof (float));

  memcpy (input->data, picture->rgb, input->size);
  features_add_weights (features, weights, "eye");
  sym x = graph_constant (graph, input);
  graph_push (graph, "eye");
  features_build (features, x, FEATURE_TAPS - 1, taps);
  graph_pop (graph);
  for (int tap = 0; tap < FEATURE_TAPS; tap++)
    graph_output (graph, names[tap], taps[tap].x);
  g_autoptr (plan) plan = plan_compile (graph, weights, &(struct plan_options){.precision = PRECISION_F32}, NULL);
  plan_run (plan, 0, 0);
  for (int tap = 0; tap < FEATURE_TAPS; tap++) {
    struct tensor *map = plan_output (plan, names[tap]);
    int64_t pixels = map->shape.dim[2] * map->shape.dim[3];
    taps_d[tap] = map->shape.dim[1];
    for (int64_t c = 0; c < taps_d[tap]; c++) {
      double sum = 0;
      for (int64_t i = 0; i < pixels; i++)
        sum += tensor_floats (map)[c * pixels + i];
      float mean = (float) (sum / (double) pixels);
      g_array_append_val (row, mean);
    }
  }
  return row;
}

static struct rows
features_of_set (const struct features *features, const char *set, int n, int64_t taps_d[FEATURE_TAPS])
{
  struct rows rows = {0};
  float *x = NULL;

  for (int i = 0; i < n; i++) {
    g_autofree char *name = name_of (set, i), *path = in (name);
    g_autoptr (GArray) row = features_of (features, path, taps_d);
    x = g_renew (float, x, (size_t) (i + 1) * row->len);
    memcpy (x + (size_t) i * row->len, row->data, row->len * sizeof *x);
    rows.d = row->len;
  }
  rows.x = x;
  rows.n = n;
  return rows;
}

static double
figure (const ImpastoSetFigures *set, const char *name)
{
  for (int i = 0; i < set->n_figures; i++)
    if (g_str_equal (set->figure[i].name, name))
      return set->figure[i].value;
  g_error ("there is no figure %s", name);
}

static ImpastoOptions *
make_options (const char *more)
{
  g_autofree char *reals = in ("reals");
  ImpastoOptions *options = impasto_eval_options_new ();

  impasto_eval_sets_options (options);
  impasto_options_set (options, "reals", reals, NULL);
  impasto_options_set (options, "features", eye, NULL);
  impasto_options_set (options, "crop", "32", NULL);
  impasto_options_set (options, "nearest", "3", NULL);
  if (more)
    impasto_options_set (options, more, NULL, NULL);
  return options;
}

static void
test_figures (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ImpastoOptions) options = make_options ("classes");
  g_autoptr (features) features = features_load (eye, NULL);
  g_autofree char *samples = in ("samples");
  int64_t d[FEATURE_TAPS], first = 0;
  double frechet, kernel, precision, recall;

  g_autoptr (ImpastoSetReport) report = impasto_eval_sets (samples, options, NULL, NULL, &error);
  g_assert_no_error (error);
  struct rows real = features_of_set (features, "reals", REALS, d),
              fake = features_of_set (features, "samples", SAMPLES, d);
  for (int tap = 0; tap < FEATURE_TAPS; first += d[tap++]) { /* in units of the real pictures' root mean square */
    double square = 0;
    for (int64_t i = 0; i < REALS; i++)
      for (int64_t k = first; k < first + d[tap]; k++)
        square += real.x[i * real.d + k] * real.x[i * real.d + k] / (double) (REALS * d[tap]);
    for (int64_t i = 0; i < REALS + SAMPLES; i++)
      for (int64_t k = first; k < first + d[tap]; k++)
        ((float *) (i < REALS ? real.x : fake.x))[(i < REALS ? i : i - REALS) * real.d + k] /= (float) sqrt (square);
  }
  g_assert_true (fidelity_frechet (&real, &fake, &frechet, NULL));
  g_assert_true (fidelity_kernel (&real, &fake, 1, 1000, 1, &kernel, NULL, NULL));
  g_assert_true (fidelity_precision (&real, &fake, 3, &precision, &recall, NULL));

  g_assert_cmpuint (report->sets->len, ==, 3);
  const ImpastoSetFigures *all = report->sets->pdata[0], *a = report->sets->pdata[1], *b = report->sets->pdata[2];
  g_assert_cmpstr (all->name, ==, "all");
  g_assert_true (all->n_reals == REALS && all->n_samples == SAMPLES);
  g_assert_true (a->n_reals == 11 && a->n_samples == 9 && b->n_reals == 10 && b->n_samples == 9);
  g_assert_true (g_str_equal (a->name, "a") && g_str_equal (b->name, "b"));
  g_assert_cmpfloat (fabs (figure (all, "frechet") / frechet - 1), <, 1e-3);
  g_assert_cmpfloat (fabs (figure (all, "kernel") - kernel), <, 1e-4);
  g_assert_cmpfloat (figure (all, "precision"), ==, precision);
  g_assert_cmpfloat (figure (all, "recall"), ==, recall);
  g_assert_cmpfloat (figure (a, "frechet"), !=, figure (b, "frechet"));

  g_assert_cmpuint (report->nearest->len, ==, 3);
  for (guint i = 0; i < 2; i++) {
    const ImpastoNeighbour *neighbour = report->nearest->pdata[i];
    bool last = strstr (neighbour->sample, "/17.png") != NULL;
    g_assert_true (last || strstr (neighbour->sample, "/16.png"));
    g_assert_true (g_str_has_suffix (neighbour->real, last ? "/reals/a/04.png" : "/reals/b/03.png"));
    g_assert_cmpfloat (neighbour->distance, <, 1e-4);
  }
  g_assert_cmpfloat (((ImpastoNeighbour *) report->nearest->pdata[2])->distance, >, 1e-3);
  g_assert_nonnull (strstr (report->notes, "features of perceptual"));
  g_free ((float *) real.x);
  g_free ((float *) fake.x);
}

static gboolean
stop (guint done, guint all, gpointer data)
{
  return done < 7;
}

static void
test_errors (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ImpastoOptions) options = make_options (NULL), classes = make_options ("classes");
  g_autofree char *missing = in ("missing"), *samples = in ("samples"), *flat = in ("samples/a");

  g_assert_null (impasto_eval_sets (missing, options, NULL, NULL, &error));
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT);
  g_clear_error (&error);
  g_assert_null (impasto_eval_sets (samples, classes, stop, NULL, &error));
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_CANCELLED);
  g_clear_error (&error);
  g_assert_null (impasto_eval_sets (flat, classes, NULL, NULL, &error)); /* no classes */
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("impasto-sets-XXXXXX", NULL);
  eye = in ("eye.safetensors");
  save_eye ();
  save_set ("reals", REALS);
  save_set ("samples", SAMPLES);
  g_test_add_func ("/sets/figures", test_figures);
  g_test_add_func ("/sets/errors", test_errors);
  int status = g_test_run ();
  g_autofree char *command = g_strdup_printf ("rm -r '%s'", folder);
  g_assert_true (g_spawn_command_line_sync (command, NULL, NULL, NULL, NULL));
  g_free (folder);
  g_free (eye);
  return status;
}
