/* SPDX-License-Identifier: Apache-2.0
 *
 * The distillation of the perceptual network: it learns, its pool goes down its own loss, it resumes to the bit, it
 * begins with a network that was trained before. */
#include <glib/gstdio.h>
#include <string.h>

#include "net/net_file.h"
#include "train_fixture.h"

static void
begin (struct job *job, int steps)
{
  static const char *const settings[][2] = {{"batch", "3"}, {"painted", "1"},      {"pool", "1"},
                                            {"size", "32"}, {"channels", "4,4,8"}, {"rate", "0.01"}};
  g_autofree char *teacher = file ("vgg.safetensors"), *paintings = file ("one");
  job_new (job, &recipe_perceptual, "runs", steps);
  for (guint i = 0; i < G_N_ELEMENTS (settings); i++)
    job_set (job, settings[i][0], settings[i][1]);
  job_set (job, "teacher", teacher);
  job_set (job, "paintings", paintings);
}

static void
finish (struct job *job, struct watch *watch)
{
  watch_clear (watch);
  job_clear (job);
}

/* A number that every line of stats.jsonl has. */
static double
stat_at (const char *folder, int step, const char *name)
{
  gsize size;
  g_autofree char *text = read_file (folder, "stats.jsonl", &size), *key = g_strdup_printf ("\"%s\":", name);
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  const char *at = strstr (lines[step - 1], key);
  g_assert_nonnull (at);
  return g_ascii_strtod (at + strlen (key), NULL);
}

/* With a network that hardly changes, a picture of the pool must please it more and more through its life of 48 steps,
 * and the next one begins anew. */
static void
test_pool (void)
{
  struct job job;
  struct watch watch = {0};
  begin (&job, 50);
  job_set (&job, "rate", "1e-8");
  run_whole (&job, &watch);
  double first = stat_at (watch.folder, 1, "pleased"), last = stat_at (watch.folder, 48, "pleased");
  g_test_message ("pleased: %g, %g, then %g", first, last, stat_at (watch.folder, 49, "pleased"));
  g_assert_cmpfloat (last, <, 0.5 * first);
  g_assert_cmpfloat (stat_at (watch.folder, 49, "pleased"), >, 1.5 * last);
  finish (&job, &watch);
  begin (&job, 2);
  job_set (&job, "pool", "0");
  run_whole (&job, &watch);
  gsize size;
  g_autofree char *text = read_file (watch.folder, "stats.jsonl", &size);
  g_assert_null (strstr (text, "pleased"));
  finish (&job, &watch);
}

static void
test_resume (void)
{
  check_resume (begin);
}

/* It learns, and what it has learned is where another run begins. */
static void
test_learns_and_starts (void)
{
  struct job job;
  struct watch before = {0}, after = {0};
  g_autofree char *made = file ("made.safetensors"), *runs = file ("runs");
  begin (&job, 60);
  job_set (&job, "average", "0");
  job_set (&job, "output", made);
  run_whole (&job, &before);
  g_assert_cmpfloat (mean (before.loss + 50, 10), <, 0.8 * mean (before.loss, 10));
  job_clear (&job);
  begin (&job, 2);
  job_set (&job, "start", made);
  run_whole (&job, &after);
  g_assert_cmpfloat (after.loss[0], <, 0.8 * before.loss[0]);
  finish (&job, &after);
  begin (&job, 2);
  job_set (&job, "start", before.folder); /* what it would end with, not rounded */
  run_whole (&job, &after);
  g_assert_cmpfloat (after.loss[0], <, 0.8 * before.loss[0]);
  finish (&job, &after);
  begin (&job, 2);
  job_set (&job, "start", runs);
  check_fails (&job, IMPASTO_ERROR_INPUT, "is no run of train perceptual");
  job_clear (&job);
  begin (&job, 2);
  job_set (&job, "start", made);
  job_set (&job, "channels", "4,6,8");
  check_fails (&job, IMPASTO_ERROR_USAGE, "made.safetensors: its network has other settings");
  finish (&job, &before);
}

int
main (int argc, char **argv)
{
  fixture_begin (&argc, &argv);
  g_autofree char *teacher = file ("vgg.safetensors");
  if (!g_file_test (teacher, G_FILE_TEST_EXISTS)) /* a child has its parent's */
    make_features ("vgg.safetensors", false, 1);
  g_test_add_func ("/perceptual/pool", test_pool);
  g_test_add_func ("/perceptual/resume", test_resume);
  g_test_add_func ("/perceptual/learns-and-starts", test_learns_and_starts);
  return fixture_run ();
}
