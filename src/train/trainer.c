/* SPDX-License-Identifier: Apache-2.0
 *
 * Run folders, the training loop and exact resume. */
#include "train/trainer.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/draft.h"
#include "base/text.h"
#include "device/cpu.h"
#include "impasto/error.h"
#include "train/checkpoint.h"
#include "train/inventory.h"
#include "train/monitor.h"
#include "train/origin.h"
#include "train/recipe.h"
#include "train/rescue.h"
#include "train/result.h"
#include "train/runs.h"

#define STEPS 2400         /* where neither the user nor the recipe says how many */

const struct option run_options[] = {
  {"steps", OPTION_INT, offsetof (struct run_settings, steps), "training steps; 0 = as the recipe has it", 0, 1e9, 0},
  {"seed", OPTION_INT, offsetof (struct run_settings, seed), "same seed, machine and threads: same bytes", 0, 9e15, 1},
  {"threads", OPTION_INT, offsetof (struct run_settings, threads), "threads; 0 = all", 0, 1024, 0},
  {"precision", OPTION_CHOICE, offsetof (struct run_settings, precision),
   "of the arithmetic; auto = bf16 where the CPU has it", .choices = precision_names},
  {"save-every", OPTION_INT, offsetof (struct run_settings, save_every), "steps between checkpoints", 1, 1e9, 200},
  {"sample-every", OPTION_INT, offsetof (struct run_settings, sample_every), "steps between sample sheets", 1, 1e9,
   200},
  {"keep", OPTION_INT, offsetof (struct run_settings, keep), "checkpoints to keep", 1, 1e6, 2},
  {"watchdog", OPTION_CHOICE, offsetof (struct run_settings, watchdog),
   "on = after NaN and explosion goes back to the last good checkpoint with lower rates, warns of judges that win, "
   "collapse and doubtful labels; all = acts on these, too",
   .choices = watchdog_modes, .fallback = WATCHDOG_ON},
  {"runs", OPTION_STRING, offsetof (struct run_settings, runs), "folder for run folders", .text = "runs",
   .metavar = "DIR"},
  {"resume", OPTION_STRING, offsetof (struct run_settings, resume), "go on with this run: its folder, name or number",
   .metavar = "RUN"},
  {"accept-changes", OPTION_BOOL, offsetof (struct run_settings, accept_changes),
   "go on with another recipe or other data than the run had"},
  {"output", OPTION_STRING, offsetof (struct run_settings, output),
   "where the result is written; a run without it writes result.safetensors in its folder", .metavar = "FILE"},
  {"overwrite", OPTION_BOOL, offsetof (struct run_settings, overwrite), "replace a file that is there already"},
  {NULL},
};

const struct recipe *const recipe_table[] = {&recipe_style, &recipe_predictor, &recipe_arbitrary,  &recipe_perceptual,
                                             &recipe_gan,   &recipe_translate, &recipe_classifier, NULL};

const struct recipe *
recipe_find (const char *name)
{
  for (int i = 0; recipe_table[i]; i++)
    if (g_str_equal (recipe_table[i]->name, name))
      return recipe_table[i];
  return NULL;
}

/* On one line, and nothing that a terminal would obey: names of files come in. */
static char *
plain_text (const char *format, va_list args)
{
  g_autofree char *text = g_strdup_vprintf (format, args);
  return text_cut (text, LINE_MAX_SAID);
}

static void
add_line (GString *lines, const char *text)
{
  g_string_append_printf (lines, "%s%s", lines->len ? "\n" : "", text);
}

static void
log_line (struct trainer *trainer, const char *text)
{
  if (!trainer->log)
    return;
  g_autoptr (GDateTime) now = g_date_time_new_now_utc ();
  g_autofree char *stamp = g_date_time_format (now, "%Y-%m-%d %H:%M:%S");
  fprintf (trainer->log, "%s  %s\n", stamp, text);
  fflush (trainer->log);
  add_line (trainer->logged, text);
}

void
trainer_log (struct trainer *trainer, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *text = plain_text (format, args);
  va_end (args);
  log_line (trainer, text);
}

void
trainer_say (struct trainer *trainer, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *text = plain_text (format, args);
  va_end (args);
  log_line (trainer, text);
  add_line (trainer->message, text);
}

static bool
fail_output (GError **error, const char *path)
{
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_OUTPUT, "%s: cannot be written: %s", path, g_strerror (errno));
  return false;
}

/* runs/00007-style: the first free number. */
static bool
create_folder (struct trainer *trainer, GError **error)
{
  int last = 0;
  if (g_mkdir_with_parents (trainer->run.runs, 0777) != 0)
    return fail_output (error, trainer->run.runs);
  g_autoptr (GDir) dir = g_dir_open (trainer->run.runs, 0, NULL);
  for (const char *name; dir && (name = g_dir_read_name (dir));)
    if (strspn (name, "0123456789") == 5 && name[5] == '-')
      last = MAX (last, atoi (name));
  for (int i = last + 1;; i++) {
    g_autofree char *name = g_strdup_printf ("%05d-%s", i, trainer->recipe->name);
    g_free (trainer->folder);
    trainer->folder = g_build_filename (trainer->run.runs, name, NULL);
    if (g_mkdir (trainer->folder, 0777) == 0)
      break;
    if (errno != EEXIST)
      return fail_output (error, trainer->folder);
  }
  return origin_write (trainer, error);
}

/* One process at a time works in a run's folder. */
static bool
lock_folder (struct trainer *trainer, GError **error)
{
  trainer->lock = run_lock (trainer->folder);
  if (trainer->lock >= 0)
    return true;
  if (errno != EWOULDBLOCK)
    return fail_output (error, trainer->folder);
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT,
               "%s: another process trains it just now; wait for that, or stop it first", trainer->folder);
  return false;
}

/* Drafts of a process that was killed. */
static void
remove_drafts (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  for (const char *name; dir && (name = g_dir_read_name (dir));) {
    g_autofree char *path = g_build_filename (folder, name, NULL);
    if (draft_is (name))
      g_unlink (path);
  }
}

static bool
open_files (struct trainer *trainer, GError **error)
{
  g_autofree char *log = g_build_filename (trainer->folder, "log.txt", NULL);
  g_autofree char *stats = g_build_filename (trainer->folder, "stats.jsonl", NULL);
  trainer->log = fopen (log, "ae");
  if (!trainer->log)
    return fail_output (error, log);
  trainer->stats_file = fopen (stats, "ae");
  if (!trainer->stats_file)
    return fail_output (error, stats);
  g_auto (GStrv) said = g_strsplit (trainer->message->str, "\n", -1); /* before there was a log */
  for (int i = 0; said[i]; i++)
    trainer_log (trainer, "%s", said[i]);
  trainer->monitor = monitor_new (trainer->folder, trainer->step, error);
  return trainer->monitor != NULL;
}

/* One JSON line a step; a full disk is an error, not a gap. */
static bool
write_stats (struct trainer *trainer, const struct train_stats *stats, double seconds, GError **error)
{
  fprintf (trainer->stats_file, "{\"step\":%" G_GINT64_FORMAT, trainer->step);
  for (int i = 0; i < stats->n; i++) {
    char number[G_ASCII_DTOSTR_BUF_SIZE];
    fprintf (trainer->stats_file, ",\"%s\":%s", stats->name[i],
             g_ascii_formatd (number, sizeof number, "%.9g", stats->value[i]));
  }
  char number[G_ASCII_DTOSTR_BUF_SIZE];
  fprintf (trainer->stats_file, ",\"seconds\":%s}\n", g_ascii_formatd (number, sizeof number, "%.4f", seconds));
  return fflush (trainer->stats_file) == 0 || fail_output (error, "stats.jsonl");
}

static bool
check_stats (struct trainer *trainer, const struct train_stats *stats, GError **error)
{
  for (int k = 1; k <= stats->n; k++) { /* the first is the sum: its parts name the cause */
    int i = k % stats->n;
    if (!isfinite (stats->value[i])) {
      g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_NUMERIC,
                   "step %" G_GINT64_FORMAT
                   ": %s became %s; start again with a lower learning rate (this run is in %s)",
                   trainer->step + 1, stats->name[i], isnan (stats->value[i]) ? "NaN" : "infinite", trainer->folder);
      return false;
    }
  }
  return true;
}

static bool
write_sheet (struct trainer *trainer, bool (*sheet) (struct trainer *, const char *, GError **), const char *name,
             GError **error)
{
  g_autofree char *path = g_build_filename (trainer->folder, name, NULL);
  return sheet (trainer, path, error);
}

/* Tells how far it is and what has been said since the last time; false: it is to stop. @stats: of a step that is done,
 * or NULL. @rate: steps a second. */
static bool
tell (struct trainer *trainer, const struct train_stats *stats, double rate, train_progress_fn progress, void *data)
{
  static const struct train_stats none;
  g_autofree char *output = result_path (trainer);
  int64_t left = trainer->run.steps - trainer->step;
  struct train_progress now = {.step = trainer->step,
                               .steps = trainer->run.steps,
                               .stats = stats ? stats : &none,
                               .steps_per_second = rate,
                               .seconds_left = left > 0 && rate > 0 ? left / rate : 0,
                               .folder = trainer->folder,
                               .output = output,
                               .precision = precision_settle (trainer->run.precision),
                               .threads = cpu_threads (),
                               .message = trainer->message->len ? trainer->message->str : NULL,
                               .log = trainer->logged->len ? trainer->logged->str : NULL,
                               .checkpoint = trainer->saved};
  bool go_on = !progress || progress (&now, data);
  g_string_truncate (trainer->message, 0);
  g_string_truncate (trainer->logged, 0);
  g_clear_pointer (&trainer->saved, g_free);
  return go_on;
}

/* Steps until the end, a stop or an error. */
static bool
loop (struct trainer *trainer, train_progress_fn progress, void *data, GError **error)
{
  double rate = 0;
  int64_t last_saved = trainer->step;
  bool go_on = true;
  while (go_on && trainer->step < trainer->run.steps) {
    int64_t start = g_get_monotonic_time ();
    struct train_stats stats = {0};
    if (!trainer->recipe->step (trainer, &stats, error))
      return false;
    double seconds = (g_get_monotonic_time () - start) * 1e-6;
    g_autofree char *what = NULL;
    enum watchdog_trouble trouble = trainer->watchdog ? watchdog_see (trainer->watchdog, &stats, &what) : WATCHDOG_WELL;
    if (trouble && !watchdog_acts (trainer->watchdog, trouble)) {
      if (watchdog_warns (trainer->watchdog, trouble))
        trainer_say (trainer, "watchdog: step %" G_GINT64_FORMAT ": %s (%s); %s, or let --watchdog all see to it",
                     trainer->step + 1, watchdog_phrase (trouble), what, watchdog_advice (trouble));
    } else if (trouble) {
      if (!trainer_rescue (trainer, trouble, what, error))
        return false;
      last_saved = trainer->step;
      tell (trainer, NULL, rate, progress, data);
      continue;
    }
    if (!check_stats (trainer, &stats, error))
      return false;
    trainer->step++;
    rate = rate > 0 ? 0.95 * rate + 0.05 / seconds : 1 / seconds;
    if (!write_stats (trainer, &stats, seconds, error) ||
        !monitor_step (trainer->monitor, trainer->step, &stats, error))
      return false;
    go_on = tell (trainer, &stats, rate, progress, data);
    bool end = trainer->step == trainer->run.steps;
    /* The sheet first: killed between the two, a resumed run comes by here again. */
    if (end || trainer->step % trainer->run.sample_every == 0) {
      g_autofree char *name = g_strdup_printf ("fakes%06" G_GINT64_FORMAT ".png", trainer->step),
                      *sheet = g_build_filename (trainer->folder, name, NULL);
      if (!write_sheet (trainer, trainer->recipe->sample, name, error) ||
          !monitor_draw (trainer->monitor, trainer->step, sheet, error))
        return false;
    } else if (!go_on && !monitor_draw (trainer->monitor, trainer->step, NULL, error)) {
      return false;
    }
    if (end || !go_on || trainer->step % trainer->run.save_every == 0) {
      if (!checkpoint_save (trainer, error))
        return false;
      last_saved = trainer->step;
      tell (trainer, NULL, rate, progress, data);
    }
  }
  if (go_on)
    return true;
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_CANCELLED,
               "stopped after step %" G_GINT64_FORMAT "; go on with --resume %s", last_saved, trainer->folder);
  return false;
}

static bool
check_inputs (const struct trainer *trainer, GError **error)
{
  if (trainer->recipe->paintings || !trainer->inputs || !trainer->inputs[0])
    return true;
  g_autofree char *shown = text_show (trainer->inputs[0]);
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "train %s takes options alone, no '%s'",
               trainer->recipe->name, shown);
  return false;
}

static bool
start_watchdog (struct trainer *trainer, GError **error)
{
  bool all = trainer->run.watchdog == WATCHDOG_ALL;
  bool resumed_without = trainer->step > 0 && !weights_find (trainer->weights, WATCHDOG_STATE);
  trainer->watchdog = watchdog_new (trainer->weights, trainer->recipe->watches, all, error);
  if (trainer->watchdog && resumed_without)
    watchdog_set_good (trainer->watchdog, trainer->step);
  return trainer->watchdog != NULL;
}

/* The checkpoint that a resumed run goes on from. */
static bool
take_up (struct trainer *trainer, GError **error)
{
  trainer->folder = g_strdup (trainer->run.resume);
  if (!lock_folder (trainer, error))
    return false;
  remove_drafts (trainer->folder);
  if (!checkpoint_resume (trainer, error))
    return false;
  if (trainer->step <= trainer->run.steps)
    return true;
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE,
               "%s: %" G_GINT64_FORMAT " step%s done already, --steps %" G_GINT64_FORMAT " wants fewer",
               trainer->folder, trainer->step, trainer->step == 1 ? " is" : "s are", trainer->run.steps);
  return false;
}

/* Starts the recipe. What a checkpoint does not hold, or holds in another shape, no run can go on with. */
static bool
start_recipe (struct trainer *trainer, GError **error)
{
  guint loaded = weights_count (trainer->weights);
  g_autoptr (GError) problem = NULL;
  bool started = trainer->recipe->start (trainer, &problem);
  if (started && (!trainer->run.resume || checkpoint_check_complete (trainer, loaded, &problem)))
    return true;
  bool fits = !trainer->run.resume || (!started && !g_error_matches (problem, IMPASTO_ERROR, IMPASTO_ERROR_MODEL));
  if (!fits && trainer->changed) {
    bool has_start = option_find (trainer->recipe->options, "start");
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT,
                 "%s: this change cannot be made to a run: %s; begin a new one%s%s", trainer->folder, problem->message,
                 has_start ? " with --start " : "", has_start ? trainer->folder : "");
    return false;
  }
  if (!fits)
    g_prefix_error (&problem, "%s: cannot go on from its checkpoint: ", trainer->folder);
  g_propagate_error (error, g_steal_pointer (&problem));
  return false;
}

static bool
run_all (struct trainer *trainer, train_progress_fn progress, void *data, GError **error)
{
  if (!check_inputs (trainer, error) || !result_check (trainer, error))
    return false;
  cpu_set_threads (trainer->run.threads);
  if (trainer->run.resume && !take_up (trainer, error))
    return false;
  if (trainer->run.watchdog != WATCHDOG_OFF && !start_watchdog (trainer, error))
    return false;
  for (int i = 0; trainer->inputs && trainer->inputs[i]; i++)
    inventory_add_file (trainer->inventory, trainer->inputs[i]);
  if (!start_recipe (trainer, error) || (trainer->run.resume && !origin_check_data (trainer, error)))
    return false;
  if (!trainer->folder && (!create_folder (trainer, error) || !lock_folder (trainer, error)))
    return false;
  if (!open_files (trainer, error))
    return false;
  bool first = trainer->watchdog && trainer->recipe->watches && !trainer->run.resume; /* a checkpoint to go back to */
  if ((first || trainer->changed) && !checkpoint_save (trainer, error))               /* or now one of another recipe */
    return false;
  if (trainer->run.resume && !origin_update (trainer, error))
    return false;
  trainer_log (trainer, "%s at step %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT ", %s, %d thread%s",
               trainer->run.resume ? "resumed" : "started", trainer->step, trainer->run.steps, cpu_isa (),
               cpu_threads (), text_plural (cpu_threads ()));
  tell (trainer, NULL, 0, progress, data);
  if (trainer->step == 0 && (!write_sheet (trainer, trainer->recipe->reals, "reals.png", error) ||
                             !write_sheet (trainer, trainer->recipe->sample, "fakes_init.png", error)))
    return false;
  bool done = loop (trainer, progress, data, error) && result_write (trainer, error);
  tell (trainer, NULL, 0, progress, data); /* also what was said before something went wrong */
  return done;
}

/* Numbers left to the recipe. */
static void
settle (struct trainer *trainer)
{
  if (trainer->recipe->settle)
    trainer->recipe->settle (trainer->settings, &trainer->run);
  if (trainer->run.steps == 0)
    trainer->run.steps = STEPS;
}

static void
trainer_clear (struct trainer *trainer)
{
  trainer->recipe->stop (trainer);
  if (trainer->log)
    fclose (trainer->log);
  if (trainer->stats_file)
    fclose (trainer->stats_file);
  if (trainer->lock >= 0)
    close (trainer->lock);
  monitor_free (trainer->monitor);
  watchdog_free (trainer->watchdog);
  weights_unref (trainer->weights);
  g_string_free (trainer->message, TRUE);
  g_string_free (trainer->logged, TRUE);
  g_string_free (trainer->inventory, TRUE);
  g_free (trainer->saved);
  g_free (trainer->folder);
}

bool
train (const struct recipe *recipe, void *settings, const struct run_settings *run, const char *const *given,
       char **inputs, train_progress_fn progress, void *data, GError **error)
{
  struct trainer trainer = {.recipe = recipe,
                            .settings = settings,
                            .inputs = inputs,
                            .run = *run,
                            .lock = -1,
                            .weights = weights_new (),
                            .message = g_string_new (NULL),
                            .logged = g_string_new (NULL),
                            .inventory = g_string_new (NULL)};
  struct run_settings resumed = {0};
  g_auto (GStrv) resumed_inputs = NULL;
  g_autoptr (GError) local = NULL;
  bool ok = true;
  if (run->resume) {
    option_init (run_options, &resumed);
    ok = origin_read (&trainer, given, &resumed, &resumed_inputs, &local);
    trainer.run = resumed;
    if (!inputs || !inputs[0])
      trainer.inputs = resumed_inputs;
  }
  if (ok)
    settle (&trainer);
  if (ok && !run->resume) /* perhaps begun when such were taken */
    ok = recipe_check_given (recipe, settings, given, &local);
  ok = ok && run_all (&trainer, progress, data, &local);
  if (!ok && !trainer.finished)
    trainer_log (&trainer, "ended: %s", local->message);
  if (!ok)
    g_propagate_error (error, g_steal_pointer (&local));
  trainer_clear (&trainer);
  option_clear (run_options, &resumed);
  return ok;
}

struct plan *
train_rehearse (const struct recipe *recipe, void *settings, const struct run_settings *run, GError **error)
{
  struct trainer trainer = {
    .recipe = recipe, .settings = settings, .run = *run, .weights = weights_new (), .message = g_string_new (NULL)};
  settle (&trainer);
  struct plan *plan = recipe->rehearse (&trainer, error);
  recipe->stop (&trainer);
  weights_unref (trainer.weights);
  g_string_free (trainer.message, TRUE);
  return plan;
}
