/* SPDX-License-Identifier: Apache-2.0
 *
 * Rescue; see rescue.h. */
#include "train/rescue.h"

#include <glib/gstdio.h>
#include <string.h>

#include "base/text_json.h"
#include "impasto/error.h"
#include "train/checkpoint.h"
#include "train/monitor.h"

static bool
give_up (const struct trainer *trainer, enum watchdog_trouble trouble, const char *what, GError **error)
{
  int times = watchdog_rescues (trainer->watchdog, trouble);
  g_autofree char *tried = times ? g_strdup_printf (" after %d rescues", times) : g_strdup ("");
  g_set_error (error, IMPASTO_ERROR, trouble == WATCHDOG_DATA ? IMPASTO_ERROR_INPUT : IMPASTO_ERROR_NUMERIC,
               "step %" G_GINT64_FORMAT "%s: %s (%s); %s (this run is in %s)", trainer->step + 1, tried, what,
               watchdog_phrase (trouble), watchdog_advice (trouble), trainer->folder);
  return false;
}

/* Everything a checkpoint holds as it was at the good one. */
static bool
go_back (struct trainer *trainer, int64_t good, GError **error)
{
  g_autofree char *path = checkpoint_path (trainer->folder, good);
  g_autoptr (weights) kept = checkpoint_load (path, error);
  for (guint i = 0; kept && i < weights_count (kept); i++) {
    struct tensor *from = weights_at (kept, i), *to = weights_find (trainer->weights, weights_name (kept, i));
    if (!to || to->dtype != from->dtype || !shape_equal (&to->shape, &from->shape)) {
      g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "%s: is no checkpoint of this run: %s", path,
                   weights_name (kept, i));
      return false;
    }
    memcpy (to->data, from->data, to->size);
  }
  trainer->step = good;
  return kept != NULL;
}

static void
add_line (struct trainer *trainer, enum watchdog_trouble trouble, int64_t at, const char *said)
{
  g_autoptr (JsonObject) object = json_object_new ();
  json_object_set_int_member (object, "step", trainer->step);
  json_object_set_string_member (object, "watchdog", watchdog_name (trouble));
  json_object_set_int_member (object, "at", at);
  json_object_set_string_member (object, "said", said);
  g_autofree char *text = text_json_write_object (object, false);
  fprintf (trainer->stats_file, "%s\n", text);
  fflush (trainer->stats_file);
}

/* Statistics and curves go back too. */
static bool
rewind_files (struct trainer *trainer, GError **error)
{
  g_autofree char *path = g_build_filename (trainer->folder, "stats.jsonl", NULL);
  fclose (trainer->stats_file);
  checkpoint_forget_later (trainer);
  trainer->stats_file = fopen (path, "ae");
  if (!trainer->stats_file) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_OUTPUT, "%s: cannot be written", path);
    return false;
  }
  monitor_free (trainer->monitor);
  trainer->monitor = monitor_new (trainer->folder, trainer->step, error);
  return trainer->monitor != NULL;
}

bool
trainer_rescue (struct trainer *trainer, enum watchdog_trouble trouble, const char *what, GError **error)
{
  int64_t at = trainer->step + 1, good = watchdog_good (trainer->watchdog);
  int times[WATCHDOG_TROUBLES];
  if (trouble == WATCHDOG_DATA || watchdog_rescues (trainer->watchdog, trouble) >= RESCUES)
    return give_up (trainer, trouble, what, error);
  g_autofree char *path = checkpoint_path (trainer->folder, good);
  if (!g_file_test (path, G_FILE_TEST_EXISTS)) /* nothing was saved yet */
    return give_up (trainer, trouble, what, error);
  for (int i = 0; i < WATCHDOG_TROUBLES; i++)
    times[i] = watchdog_rescues (trainer->watchdog, i);
  if (!go_back (trainer, good, error))
    return false;
  for (int i = 0; i < WATCHDOG_TROUBLES; i++) /* the checkpoint may be older than other rescues */
    while (watchdog_rescues (trainer->watchdog, i) < times[i] + (i == (int) trouble))
      watchdog_add_rescue (trainer->watchdog, i);
  g_autofree char *did = NULL;
  if (trainer->recipe->rescue && !trainer->recipe->rescue (trainer, trouble, &did, error))
    return false;
  g_autofree char *said = g_strdup_printf (
    "watchdog: step %" G_GINT64_FORMAT ": %s (%s). Back to step %" G_GINT64_FORMAT "; %s", at,
    watchdog_phrase (trouble), what, good, did ? did : "learning rates are a quarter of what they were");
  trainer_say (trainer, "%s", said);
  if (!rewind_files (trainer, error) || !checkpoint_save (trainer, error))
    return false;
  add_line (trainer, trouble, at, said);
  return true;
}
