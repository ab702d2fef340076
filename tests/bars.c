/* SPDX-License-Identifier: Apache-2.0
 *
 * Bars; see bars.h. */
#include "bars.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "impasto/impasto.h"

char *bars_folder;

void
bars_head (GByteArray *bytes, guint axes, guint n)
{
  guint8 head[16] = {0, 0, 8, axes, 0, 0, n >> 8, n & 255, 0, 0, 0, SIDE, 0, 0, 0, SIDE};
  g_byte_array_append (bytes, head, axes == 3 ? 16 : 8);
}

void
bars_write (const char *name, const GByteArray *bytes)
{
  g_autofree char *path = g_build_filename (bars_folder, name, NULL);
  g_assert_true (g_file_set_contents (path, (const char *) bytes->data, bytes->len, NULL));
}

/* Bar @i lies or stands, five pixels thick, anywhere. */
static void
make_bars (void)
{
  g_autoptr (GByteArray) pictures = g_byte_array_new (), labels = g_byte_array_new ();
  bars_head (pictures, 3, BARS);
  bars_head (labels, 1, BARS);
  for (guint8 i = 0; i < BARS; i++) {
    guint8 class = i % 2;
    int at = 3 + i / 2 % 18;
    for (int y = 0; y < SIDE; y++)
      for (int x = 0; x < SIDE; x++) {
        int across = class ? x : y;
        guint8 value = across >= at && across < at + 5 ? 255 : 0;
        g_byte_array_append (pictures, &value, 1);
      }
    g_byte_array_append (labels, &class, 1);
  }
  bars_write ("bars-images-idx3-ubyte", pictures);
  bars_write ("bars-labels-idx1-ubyte", labels);
}

void
bars_begin (int *argc, char ***argv)
{
  g_test_init (argc, argv, NULL);
  folder_make ();
  bars_folder = file ("bars");
  g_mkdir (bars_folder, 0700);
  make_bars ();
}

int
bars_run (void)
{
  int failed = g_test_run ();
  folder_remove ();
  g_free (bars_folder);
  return failed;
}

/* Runs */

void
job_set (struct job *job, const char *name, const char *value)
{
  g_autoptr (GError) error = NULL;
  bool own = option_find (recipe_gan.options, name) != NULL;
  option_set (own ? recipe_gan.options : run_options, own ? job->settings : &job->run, name, value, &error);
  g_assert_no_error (error);
  g_ptr_array_insert (job->given, (int) job->given->len - 1, g_strdup (name)); /* a NULL ends it */
}

struct job *
job_new (const char *words)
{
  static const char tiny[] =
    "width=0.03 latent=6 batch=4 threads=1 precision=f32 save-every=2 sample-every=1000 keep=9";
  struct job *job = g_new0 (struct job, 1);
  g_autofree char *all = g_strconcat (tiny, " ", words, NULL), *runs = file ("runs");
  g_auto (GStrv) pairs = g_strsplit (all, " ", -1);
  job->settings = g_malloc0 (recipe_gan.settings_size);
  job->given = g_ptr_array_new_with_free_func (g_free);
  g_ptr_array_add (job->given, NULL);
  option_init (recipe_gan.options, job->settings);
  option_init (run_options, &job->run);
  job_set (job, "data", bars_folder);
  job_set (job, "runs", runs);
  for (int i = 0; pairs[i]; i++) {
    g_auto (GStrv) pair = g_strsplit (pairs[i], "=", 2);
    if (pair[0] && *pair[0])
      job_set (job, pair[0], pair[1]);
  }
  return job;
}

void
job_free (struct job *job)
{
  option_clear (recipe_gan.options, job->settings);
  option_clear (run_options, &job->run);
  g_free (job->settings);
  g_ptr_array_unref (job->given);
  g_free (job->folder);
  g_free (job);
}

bool
job_on_progress (const struct train_progress *progress, void *user_data)
{
  struct job *job = user_data;
  if (progress->stats->n == 0) /* between steps */
    return true;
  g_assert_cmpstr (progress->stats->name[0], ==, "loss");
  job->stats[progress->step - 1] = *progress->stats;
  job->steps = progress->step;
  if (!job->folder)
    job->folder = g_strdup (progress->folder);
  return progress->step != job->stop_at;
}

bool
job_run (struct job *job, GError **error)
{
  const char *const *given = (const char *const *) job->given->pdata;
  return train (&recipe_gan, job->settings, &job->run, given, job->inputs, job_on_progress, job, error);
}

char *
run_whole (const char *words)
{
  g_autoptr (GError) error = NULL;
  struct job *job = job_new (words);
  job_run (job, &error);
  g_assert_no_error (error);
  char *made = g_strdup (job->folder);
  job_free (job);
  return made;
}

double
figure (const struct job *job, int step, const char *name)
{
  for (int i = 0; i < job->stats[step].n; i++)
    if (g_str_equal (job->stats[step].name[i], name))
      return job->stats[step].value[i];
  return NAN;
}

char *
file_of (const char *run, const char *name)
{
  return g_build_filename (run, name, NULL);
}

void
same_file (const char *a, const char *b, const char *name)
{
  g_autofree char *path_a = file_of (a, name), *path_b = file_of (b, name), *x = NULL, *y = NULL;
  gsize n_x = 0, n_y = 0;
  g_assert_true (g_file_get_contents (path_a, &x, &n_x, NULL) && g_file_get_contents (path_b, &y, &n_y, NULL));
  if (n_x != n_y || memcmp (x, y, n_x))
    g_error ("%s and %s differ", path_a, path_b);
}

char *
text_of (const char *run, const char *name)
{
  g_autofree char *path = file_of (run, name);
  char *text = NULL;
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  return text;
}

struct picture *
generate (const char *run, const char *words)
{
  g_autofree char *model = file_of (run, "result.safetensors");
  return generate_from (model, words);
}

struct picture *
generate_from (const char *model, const char *words)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ImpastoOptions) options = impasto_generate_options_new ();
  g_autofree char *output = file ("sheet.png");
  g_auto (GStrv) pairs = g_strsplit (words, " ", -1);
  for (int i = 0; pairs[i]; i++) {
    g_auto (GStrv) pair = g_strsplit (pairs[i], "=", 2);
    impasto_options_set (options, pair[0], pair[1], &error);
    g_assert_no_error (error);
  }
  impasto_generate (model, options, output, &error);
  g_assert_no_error (error);
  struct picture *sheet = picture_load (output, 0, &error);
  g_assert_no_error (error);
  return sheet;
}

void
job_stop (struct job *job, int64_t step)
{
  g_autoptr (GError) error = NULL;
  job->stop_at = step;
  g_assert_false (job_run (job, &error));
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_CANCELLED);
  job->stop_at = 0;
}

void
job_go_on (struct job *job)
{
  g_autoptr (GError) error = NULL;
  job->stop_at = 0;
  job_set (job, "resume", job->folder);
  job_run (job, &error);
  g_assert_no_error (error);
}
