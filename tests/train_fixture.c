/* SPDX-License-Identifier: Apache-2.0
 *
 * Pictures, weights and tiny runs for the tests of training; see train_fixture.h. */
#include "train_fixture.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "net/net_file.h"
#include "tensor/weights.h"
#include "vgg_maker.h"
#include "waves.h"

#define FOLDER_VARIABLE "TEST_TRAIN_FOLDER" /* tells a child where the pictures are */

static bool child;

const struct perceptual_net eye_net = {{4, 6, 8}};

/* Pictures and weights */

void
make_features (const char *name, bool torchvision, double gain)
{
  g_autofree char *path = file (name);
  g_autoptr (weights) weights = make_vgg (torchvision);
  g_autoptr (GError) error = NULL;

  for (int i = 0; i < VGG_LAYERS; i++) {
    struct tensor *w = weights_at (weights, 2 * i);
    double scale = gain * sqrt (2.0 / (9 * w->shape.dim[1]));
    random_normal_fill ((struct random_key){.seed = 5, .stream = i}, 0, tensor_floats (w),
                        (size_t) shape_size (&w->shape));
    for (int64_t k = 0; k < shape_size (&w->shape); k++)
      tensor_floats (w)[k] *= (float) scale;
  }
  g_assert_true (safetensors_save (weights, path, &error));
}

/* A perceptual network of @eye_net, random. */
static void
make_eye (const char *name)
{
  g_autofree char *path = file (name);
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (weights) weights = weights_new ();
  net_perceptual.build (&net_perceptual, graph, &eye_net);
  g_assert_true (weights_init (weights, graph, 3, NULL));
  g_autoptr (net_file) eye = net_file_new (&net_perceptual, &eye_net, weights);
  g_assert_true (net_file_save (eye, path, NULL));
}

static void
make_everything (void)
{
  g_autofree char *photos = file ("photos"), *one = file ("one"), *mixed = file ("mixed"), *empty = file ("empty");
  g_autofree char *broken = file ("mixed/broken.png"), *text = file ("mixed/text.jpg"), *whole = NULL;
  g_autofree char *source = file ("photos/0.png");
  gsize size;

  g_mkdir (photos, 0700);
  g_mkdir (one, 0700);
  g_mkdir (mixed, 0700);
  g_mkdir (empty, 0700);
  for (int i = 0; i < 6; i++) {
    g_autofree char *name = g_strdup_printf ("photos/%d.png", i);
    g_free (save_waves (name, 90 + 5 * i, 80, i));
  }
  g_free (save_waves ("one/only.png", 100, 90, 4));
  g_free (save_waves ("mixed/a.png", 100, 90, 2));
  g_free (save_waves ("mixed/b.png", 100, 90, 3));
  g_free (save_waves ("mixed/small.png", 12, 9, 3));
  g_assert_true (g_file_get_contents (source, &whole, &size, NULL));
  g_assert_true (g_file_set_contents (broken, whole, (gssize) size / 2, NULL));
  g_assert_true (g_file_set_contents (text, "no picture", -1, NULL));
  g_free (save_waves ("red.png", 120, 100, 7));
  g_free (save_waves ("blue.png", 100, 130, 8));
  make_eye ("eye.safetensors");
}

/* Runs */

void
job_set (struct job *job, const char *name, const char *value)
{
  g_autoptr (GError) error = NULL;
  bool own = option_find (job->recipe->options, name) != NULL;

  option_set (own ? job->recipe->options : run_options, own ? job->settings : &job->run, name, value, &error);
  g_assert_no_error (error);
  g_ptr_array_insert (job->given, (int) job->given->len - 1, g_strdup (name)); /* a NULL ends it */
}

void
job_unsay (struct job *job, const char *const *names)
{
  for (; *names; names++)
    for (guint i = 0; i + 1 < job->given->len;)
      if (g_str_equal (job->given->pdata[i], *names))
        g_ptr_array_remove_index (job->given, i);
      else
        i++;
}

void
job_forget (struct job *job)
{
  g_ptr_array_set_size (job->given, 0);
  g_ptr_array_add (job->given, NULL);
  g_clear_pointer (&job->inputs[0], g_free);
  g_clear_pointer (&job->inputs[1], g_free);
}

void
job_new (struct job *job, const struct recipe *recipe, const char *runs, int steps)
{
  g_autofree char *photos = file ("photos"), *below = file (runs), *count = g_strdup_printf ("%d", steps);

  *job = (struct job){.recipe = recipe, .settings = g_malloc0 (recipe->settings_size)};
  job->given = g_ptr_array_new_with_free_func (g_free);
  g_ptr_array_add (job->given, NULL);
  option_init (recipe->options, job->settings);
  option_init (run_options, &job->run);
  job_set (job, option_find (recipe->options, "photos") ? "photos" : "data", photos);
  job_set (job, "runs", below);
  job_set (job, "steps", count);
  job_set (job, "threads", "1");
  job_set (job, "precision", "f32");
  job_set (job, "save-every", "2");
  job_set (job, "sample-every", "1000");
}

void
job_init (struct job *job, const char *runs, int steps, bool adversary)
{
  static const char *const settings[][2] = {
    {"batch", "1"}, {"size", "64"}, {"painting-size", "128"}, {"width", "4"},
    {"inner", "8"}, {"ends", "3"},  {"residuals", "1"},       {"keep", "3"},
  };
  g_autofree char *features = file ("eye.safetensors");

  job_new (job, &recipe_style, runs, steps);
  for (guint i = 0; i < G_N_ELEMENTS (settings); i++)
    job_set (job, settings[i][0], settings[i][1]);
  job_set (job, "adversary-weight", adversary ? "0.1" : "0");
  if (adversary)
    job_set (job, "judge-width", "4");
  job_set (job, "features", features);
  job->inputs[0] = file ("red.png");
  job->inputs[1] = file ("blue.png");
}

void
job_clear (struct job *job)
{
  option_clear (job->recipe->options, job->settings);
  option_clear (run_options, &job->run);
  g_free (job->settings);
  g_ptr_array_unref (job->given);
  g_free (job->inputs[0]);
  g_free (job->inputs[1]);
}

static bool
on_progress (const struct train_progress *progress, void *data)
{
  struct watch *watch = data;

  if (progress->stats->n > 0) {
    g_assert_cmpstr (progress->stats->name[0], ==, "loss");
    watch->loss[watch->n++] = progress->stats->value[0];
  }
  if (progress->message != NULL)
    g_string_append_printf (watch->messages, "%s\n", progress->message);
  if (watch->folder == NULL)
    watch->folder = g_strdup (progress->folder);
  if (watch->each != NULL && progress->stats->n > 0)
    watch->each (progress);
  return progress->step != watch->stop_at;
}

void
watch_clear (struct watch *watch)
{
  g_free (watch->folder);
  g_string_free (watch->messages, TRUE);
  *watch = (struct watch){0};
}

bool
run (struct job *job, struct watch *watch, GError **error)
{
  if (watch->messages == NULL)
    watch->messages = g_string_new (NULL);
  const char *const *given = (const char *const *) job->given->pdata;
  return train (job->recipe, job->settings, &job->run, given, job->inputs, on_progress, watch, error);
}

void
run_whole (struct job *job, struct watch *watch)
{
  g_autoptr (GError) error = NULL;

  run (job, watch, &error);
  g_assert_no_error (error);
}

void
run_until (struct job *job, struct watch *watch, int step)
{
  g_autoptr (GError) error = NULL;

  watch->stop_at = step;
  g_assert_false (run (job, watch, &error));
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_CANCELLED);
  g_assert_nonnull (strstr (error->message, watch->folder));
}

void
check_fails (struct job *job, int code, const char *text)
{
  struct watch watch = {0};
  g_autoptr (GError) error = NULL;

  g_assert_false (run (job, &watch, &error));
  check_error (error, code, text);
  watch_clear (&watch);
}

/* Files of runs */

char *
read_file (const char *run_folder, const char *name, gsize *size)
{
  g_autofree char *path = g_build_filename (run_folder, name, NULL);
  g_autoptr (GError) error = NULL;
  char *text = NULL;

  g_file_get_contents (path, &text, size, &error);
  g_assert_no_error (error);
  return text;
}

bool
there (const char *run_folder, const char *name)
{
  g_autofree char *path = g_build_filename (run_folder, name, NULL);

  return g_file_test (path, G_FILE_TEST_IS_REGULAR);
}

static void
same_file (const char *a, const char *b, const char *name)
{
  gsize a_size, b_size;
  g_autofree char *x = read_file (a, name, &a_size), *y = read_file (b, name, &b_size);

  if (a_size != b_size || memcmp (x, y, a_size) != 0)
    g_error ("%s is not the same in %s and %s", name, a, b);
}

/* Without the times. */
static char *
stats_of (const char *run_folder)
{
  g_autofree char *text = read_file (run_folder, "stats.jsonl", NULL);
  g_autoptr (GRegex) seconds = g_regex_new (",\"seconds\":[0-9.]+", 0, 0, NULL);

  return g_regex_replace_literal (seconds, text, -1, 0, "", 0, NULL);
}

void
same_run (const char *a, const char *b, int steps)
{
  g_autofree char *checkpoint = g_strdup_printf ("network-%06d.safetensors", steps);
  g_autofree char *sheet = g_strdup_printf ("fakes%06d.png", steps);
  g_autofree char *a_stats = stats_of (a), *b_stats = stats_of (b);

  same_file (a, b, checkpoint);
  same_file (a, b, sheet);
  same_file (a, b, "result.safetensors");
  g_assert_cmpstr (a_stats, ==, b_stats);
}

void
check_resume (void (*begin) (struct job *job, int steps))
{
  struct job whole, part;
  struct watch all = {0}, first = {0}, rest = {0};
  begin (&whole, 6);
  run_whole (&whole, &all);
  begin (&part, 6);
  run_until (&part, &first, 3);
  job_set (&part, "resume", first.folder);
  run_whole (&part, &rest);
  same_run (all.folder, first.folder, 6);
  watch_clear (&all);
  watch_clear (&first);
  watch_clear (&rest);
  job_clear (&whole);
  job_clear (&part);
}

const char *
uninterrupted (bool adversary)
{
  static char *made[2];

  if (made[adversary] == NULL) {
    struct job job;
    struct watch watch = {0};
    job_init (&job, "whole", 6, adversary);
    run_whole (&job, &watch);
    made[adversary] = g_steal_pointer (&watch.folder);
    watch_clear (&watch);
    job_clear (&job);
  }
  return made[adversary];
}

double
mean (const double *x, int n)
{
  double sum = 0;

  for (int i = 0; i < n; i++)
    sum += x[i];
  return sum / n;
}

void
fixture_begin (int *argc, char ***argv)
{
  const char *given = g_getenv (FOLDER_VARIABLE);

  g_test_init (argc, argv, NULL);
  g_log_set_always_fatal (G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL); /* libvips warns of damaged files, unheard */
  child = given != NULL;
  if (child)
    folder = g_strdup (given);
  else {
    folder_make ();
    g_setenv (FOLDER_VARIABLE, folder, TRUE);
    make_everything ();
  }
}

int
fixture_run (void)
{
  int failed = g_test_run ();

  if (child)
    g_free (folder);
  else
    folder_remove ();
  return failed;
}

void
learn_at (void (*begin) (struct job *job, int steps), int steps, const char *rate, const char *output,
          struct watch *watch)
{
  struct job job;
  begin (&job, steps);
  job_set (&job, "rate", rate);
  job_set (&job, "average", "0");
  job_set (&job, "output", output);
  job_set (&job, "overwrite", "yes");
  run_whole (&job, watch);
  job_clear (&job);
}
