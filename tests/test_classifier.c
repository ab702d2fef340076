/* SPDX-License-Identifier: Apache-2.0
 *
 * The classifier on bars that lie, stand, or cross: it learns to tell those it never saw apart; a run that was stopped
 * goes on to the same bits; every so manyth picture is held out; and a set of samples is read by it, class by class. */
#include <string.h>

#include "effect/samples.h"
#include "impasto/impasto.h"
#include "train/dataset.h"
#include "train_fixture.h"

enum { N = 90, SIDE = 16, PLANE = SIDE * SIDE, CLASSES = 3 };

static char *bars;

/* Bars three pixels thick at every place, a class after the other; @classes: how many classes are drawn. */
static void
save_bars (const char *path, int n, int classes)
{
  g_autofree float *pictures = g_new0 (float, n * 3 * PLANE);
  g_autofree int *labels = g_new (int, n);
  for (int i = 0; i < n; i++) {
    int down = 1 + i / classes * 5 % 12, right = 1 + i / classes * 7 % 12;
    labels[i] = i % classes;
    for (int k = 0; k < 3 * PLANE; k++) {
      int y = k % PLANE / SIDE, x = k % SIDE;
      bool lies = y >= down && y < down + 3, stands = x >= right && x < right + 3;
      pictures[i * 3 * PLANE + k] = (labels[i] != 1 && lies) || (labels[i] != 0 && stands);
    }
  }
  struct samples samples = {.pictures = pictures, .n = n, .height = SIDE, .width = SIDE, .grey = true, .labels = labels};
  g_assert_true (samples_save (&samples, path, NULL));
}

static void
begin (struct job *job, int steps)
{
  static const char *const settings[][2] = {
    {"size", "16"},  {"rotation", "0"}, {"width", "8"},   {"layers", "2"},
    {"batch", "12"}, {"hold", "10"},    {"rate", "0.03"}, {"average", "0.8"},
  };
  job_new (job, &recipe_classifier, "runs", steps);
  job_set (job, "data", bars);
  for (guint i = 0; i < G_N_ELEMENTS (settings); i++)
    job_set (job, settings[i][0], settings[i][1]);
}

static void
test_resume (void)
{
  check_resume (begin);
}

/* What it learnt, and with that the figures of sets. */
static void
test_learns (void)
{
  struct job job;
  struct watch watch = {0};
  g_autoptr (GError) error = NULL;
  g_autofree char *model = file ("bars.safetensors"), *drawn = file ("drawn-images-idx3-ubyte");
  begin (&job, 60);
  job_set (&job, "output", model);
  run_whole (&job, &watch);
  g_assert_nonnull (strstr (watch.messages->str, "of 9 pictures that were held out"));
  g_assert_nonnull (strstr (watch.messages->str, "reads 100.00 %"));
  g_assert_cmpfloat (watch.loss[59], <, 0.3 * watch.loss[0]);
  watch_clear (&watch);
  job_clear (&job);

  save_bars (drawn, 40, 2);
  g_autoptr (ImpastoOptions) options = impasto_eval_options_new ();
  impasto_eval_sets_options (options);
  impasto_options_set (options, "reals", bars, NULL);
  impasto_options_set (options, "features", model, NULL);
  impasto_options_set (options, "classes", NULL, NULL);
  g_autoptr (ImpastoSetReport) report = impasto_eval_sets (drawn, options, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (report->classes->len, ==, CLASSES);
  static const double shares[CLASSES] = {0.5, 0.5, 0};
  for (guint k = 0; k < CLASSES; k++) {
    const ImpastoClassShare *share = report->classes->pdata[k];
    g_assert_cmpfloat_with_epsilon (share->samples, shares[k], 1e-9);
    g_assert_cmpfloat_with_epsilon (share->reals, 1.0 / CLASSES, 1e-9);
    g_assert_cmpfloat (share->agreement, ==, k < 2 ? 1 : -1);
  }
  g_assert_cmpfloat (report->confidence, >, 0.8);
  g_assert_cmpfloat (report->confidence, <=, 1);
  g_assert_nonnull (strstr (report->notes, "classifier"));
}

/* Both halves of the data together are all of it, once. */
static void
test_held_out (void)
{
  struct dataset_options options = {.size = SIDE, .channels = 1, .batch = 1, .classes = true, .hold = 4};
  g_autoptr (GError) error = NULL;
  g_autoptr (dataset) rest = dataset_open (bars, &options, &error);
  options.held = true;
  g_autoptr (dataset) held = dataset_open (bars, &options, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (dataset_count (held), ==, N / 4);
  g_assert_cmpuint (dataset_count (rest) + dataset_count (held), ==, N);
  for (guint i = 0, from[2] = {0}; i < N; i++) {
    bool is_held = i % 4 == 3;
    g_autofree char *name = dataset_name (is_held ? held : rest, from[is_held]++);
    g_autofree char *number = g_strdup_printf ("picture %u", i);
    g_assert_true (g_str_has_suffix (name, number));
  }
}

static void
test_refused (void)
{
  struct job job;
  g_autofree char *one = file ("one-images-idx3-ubyte");
  begin (&job, 2);
  job_set (&job, "channels", "2");
  check_fails (&job, IMPASTO_ERROR_USAGE, "1 or 3");
  job_set (&job, "channels", "1");
  save_bars (one, 20, 1);
  job_set (&job, "data", one);
  check_fails (&job, IMPASTO_ERROR_INPUT, "one class alone");
  job_set (&job, "data", "/nowhere");
  check_fails (&job, IMPASTO_ERROR_INPUT, "/nowhere");
  job_clear (&job);
}

int
main (int argc, char **argv)
{
  fixture_begin (&argc, &argv);
  bars = file ("bars-images-idx3-ubyte");
  save_bars (bars, N, CLASSES);
  g_test_add_func ("/classifier/resume", test_resume);
  g_test_add_func ("/classifier/learns", test_learns);
  g_test_add_func ("/classifier/held-out", test_held_out);
  g_test_add_func ("/classifier/refused", test_refused);
  int failed = fixture_run ();
  g_free (bars);
  return failed;
}
