/* SPDX-License-Identifier: Apache-2.0
 *
 * Results; see result.h. */
#include "train/result.h"

#include <string.h>

#include "base/draft.h"
#include "base/text.h"
#include "impasto/error.h"
#include "train/checkpoint.h"

#define NAME "result"
#define SUFFIX ".safetensors"

char *
result_path (const struct trainer *trainer)
{
  return trainer->run.output ? g_strdup (trainer->run.output) : g_build_filename (trainer->folder, NAME SUFFIX, NULL);
}

#define SHA256 "the result, SHA-256 "

/* The line of a log that tells of the file @path, as it is logged; a new string. NULL: it cannot be read. */
static char *
log_text (const char *path)
{
  g_autoptr (GMappedFile) file = g_mapped_file_new (path, FALSE, NULL);
  if (!file)
    return NULL;
  g_autofree char *whole = g_canonicalize_filename (path, NULL), *sum = NULL, *line = NULL;
  sum = g_compute_checksum_for_data (G_CHECKSUM_SHA256, (const guchar *) g_mapped_file_get_contents (file),
                                     g_mapped_file_get_length (file));
  line = g_strdup_printf (SHA256 "%s, is %s", sum, whole);
  return text_cut (line, LINE_MAX_SAID);
}

/* Whether a log of before there were digests in them says that the run has written @path. */
static bool
is_old_result (const char *said, const char *path)
{
  g_autofree char *line = g_strdup_printf ("finished: %s\n", path);
  return !strstr (said, SHA256) && strstr (said, line);
}

/* Whether the run in @folder, or NULL, may replace what is at @path: nothing, or what it wrote there itself. */
static bool
is_free (const char *path, const char *folder)
{
  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    return true;
  g_autofree char *log = folder ? g_build_filename (folder, "log.txt", NULL) : NULL, *said = NULL;
  g_autofree char *text = log ? log_text (path) : NULL, *line = text ? g_strconcat (text, "\n", NULL) : NULL;
  return line && g_file_get_contents (log, &said, NULL, NULL) && (strstr (said, line) || is_old_result (said, path));
}

bool
result_check (const struct trainer *trainer, GError **error)
{
  const char *path = trainer->run.output;
  if (!path)
    return true;
  if (!g_str_has_suffix (path, SUFFIX)) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "%s: the result's name ends in " SUFFIX, path);
    return false;
  }
  if (!checkpoint_check_result (path, error))
    return false;
  bool is_file = g_file_test (path, G_FILE_TEST_IS_REGULAR);
  if (is_file && !trainer->run.overwrite && !is_free (path, trainer->run.resume)) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_OUTPUT, "%s is there already; --overwrite replaces it", path);
    return false;
  }
  g_autoptr (draft) draft = draft_new (path, error);
  return draft != NULL;
}

/* A name in the run's folder that is free; a new string. */
static char *
place_in_folder (const struct trainer *trainer)
{
  char *path = g_build_filename (trainer->folder, NAME SUFFIX, NULL);
  for (int i = 2; !is_free (path, trainer->folder); i++) {
    g_autofree char *name = g_strdup_printf (NAME "-%d" SUFFIX, i);
    g_free (path);
    path = g_build_filename (trainer->folder, name, NULL);
  }
  return path;
}

/* Whether the numbers of a checkpoint are such that a result can hold them. */
static bool
is_sound (const char *path)
{
  g_autoptr (weights) weights = checkpoint_load (path, NULL);
  bool sound = weights;
  for (guint i = 0; sound && i < weights_count (weights); i++) {
    g_autoptr (tensor) half = tensor_convert (weights_at (weights, i), DTYPE_F16, NULL);
    bool counts = g_str_equal (weights_name (weights, i), WATCHDOG_STATE); /* steps, for one */
    sound = half && (counts || tensor_find_nonfinite (half) < 0);
  }
  return sound;
}

/* The last checkpoint of before that is sound; a new string, or NULL. */
static char *
sound_before (const struct trainer *trainer)
{
  int64_t step = trainer->step;
  while ((step = checkpoint_before (trainer->folder, step)) > 0) { /* of 0 steps it has learnt nothing */
    g_autofree char *path = checkpoint_path (trainer->folder, step);
    if (is_sound (path))
      return g_steal_pointer (&path);
  }
  return NULL;
}

/* Weights so large that no file holds them, or that draw no numbers: losses may have been finite all the same. */
static bool
fail_diverged (const struct trainer *trainer, const char *what, GError **error)
{
  /* What a run can begin with, or makes a file of before its end, export knows. */
  bool exports = trainer->recipe->network || option_find (trainer->recipe->options, "start");
  g_autofree char *before = exports ? sound_before (trainer) : NULL;
  g_autofree char *earlier =
    before ? g_strdup_printf (", or take an earlier checkpoint: impasto export %s -o FILE", before) : g_strdup ("");
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_NUMERIC,
               "the run has diverged, there is no result: %s; start again with a lower --rate%s", what, earlier);
  return false;
}

bool
result_write (struct trainer *trainer, GError **error)
{
  g_autofree char *wanted = result_path (trainer);
  bool open = !trainer->run.output || trainer->run.overwrite || is_free (wanted, trainer->folder);
  g_autofree char *path = open ? g_strdup (wanted) : place_in_folder (trainer);
  g_autoptr (GError) problem = NULL;
  bool written = trainer->recipe->finish (trainer, path, &problem);
  if (g_error_matches (problem, IMPASTO_ERROR, IMPASTO_ERROR_NUMERIC))
    return fail_diverged (trainer, problem->message, error);
  if (!written) {
    g_propagate_error (error, g_steal_pointer (&problem));
    return false;
  }
  g_autofree char *text = log_text (path);
  if (text)
    trainer_log (trainer, "%s", text);
  trainer_log (trainer, "finished: %s", path);
  trainer->finished = true;
  if (open)
    return true;
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_OUTPUT,
               "%s has come meanwhile and is kept: the result is %s instead", wanted, path);
  return false;
}
