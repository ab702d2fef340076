/* SPDX-License-Identifier: Apache-2.0
 *
 * impasto train RECIPE: learns from pictures, with a line of figures, and stops cleanly at Ctrl-C. */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "progress.h"

static const ImpastoOption options[] = {
  PROGRESS_OPTIONS,
  {NULL},
};

static ImpastoOptions *
train_options (const char *subject, GError **error)
{
  if (!subject) { /* help in general, or options without a recipe */
    ImpastoOptions *none = impasto_options_new ();
    impasto_options_add (none, NULL, options);
    return none;
  }
  ImpastoOptions *all = impasto_train_options_new (subject, error);
  if (all)
    impasto_options_add (all, "Progress", options);
  return all;
}

struct told {
  struct progress progress;
  char *folder, *output;
  gint64 step;
  double loss;
  gint64 trained;      /* steps of this call, those that were taken back included */
  gint64 begun, ended; /* when it began, and when the last one ended, microseconds */
};

static void
json_start (struct progress *progress, const ImpastoTrainProgress *now)
{
  JsonObject *object = json_object_new ();
  json_object_set_string_member (object, "event", "start");
  json_object_set_string_member (object, "folder", now->folder);
  json_object_set_int_member (object, "step", now->step);
  json_object_set_int_member (object, "steps", now->steps);
  json_object_set_string_member (object, "output", now->output);
  json_object_set_string_member (object, "precision", now->precision);
  json_object_set_int_member (object, "threads", now->threads);
  progress_json (progress, object);
}

static void
begin (struct told *told, const ImpastoTrainProgress *now)
{
  told->folder = g_strdup (now->folder);
  told->output = g_strdup (now->output);
  progress_show (&told->progress, NULL);
  json_start (&told->progress, now);
  if (!told->progress.quiet && !told->progress.json)
    fprintf (stderr, "impasto: run %s\n", now->folder);
  if (told->progress.verbose)
    fprintf (stderr, "impasto: %s, %d thread%s\n", now->precision, now->threads, plural (now->threads));
}

static void
json_step (struct progress *progress, const ImpastoTrainProgress *now)
{
  JsonObject *object = json_object_new ();
  json_object_set_string_member (object, "event", "step");
  json_object_set_int_member (object, "step", now->step);
  json_object_set_int_member (object, "steps", now->steps);
  for (int i = 0; i < now->n_values; i++)
    json_object_set_double_member (object, now->names[i], now->values[i]);
  json_object_set_double_member (object, "steps_per_second", now->steps_per_second);
  json_object_set_double_member (object, "seconds_left", now->seconds_left);
  json_object_set_string_member (object, "folder", now->folder);
  progress_json (progress, object);
}

/* An event with a word about it. */
static void
json_event (struct progress *progress, const char *event, gint64 step, const char *name, const char *value)
{
  JsonObject *object = json_object_new ();
  json_object_set_string_member (object, "event", event);
  json_object_set_int_member (object, "step", step);
  json_object_set_string_member (object, name, value);
  progress_json (progress, object);
}

/* What has happened since the last call, in this order: lines of the log, a step, a checkpoint. */
static void
tell_json (struct progress *progress, const ImpastoTrainProgress *now)
{
  g_auto (GStrv) lines = g_strsplit (now->log ? now->log : "", "\n", -1);
  for (char **line = lines; *line; line++)
    json_event (progress, "message", now->step, "message", *line);
  if (now->n_values)
    json_step (progress, now);
  if (now->checkpoint)
    json_event (progress, "checkpoint", now->step, "file", now->checkpoint);
}

/* How it ended: with its result, or with an error. */
static void
json_end (struct told *told, const GError *error)
{
  JsonObject *object = json_object_new ();
  bool stopped = g_error_matches (error, IMPASTO_ERROR, IMPASTO_ERROR_CANCELLED);
  json_object_set_string_member (object, "event", !error ? "finished" : stopped ? "stopped" : "failed");
  json_object_set_int_member (object, "step", told->step);
  if (told->folder)
    json_object_set_string_member (object, "folder", told->folder);
  if (error) {
    json_object_set_string_member (object, "message", error->message);
    json_object_set_int_member (object, "code", error->code);
  } else {
    json_object_set_string_member (object, "output", told->output);
    json_object_set_int_member (object, "steps", told->step);
  }
  progress_json (&told->progress, object);
}

static gboolean
on_step (const ImpastoTrainProgress *now, gpointer data)
{
  struct told *told = data;
  if (!told->folder)
    begin (told, now);
  told->step = now->step;
  if (now->message && !told->progress.json && !told->progress.quiet) {
    progress_show (&told->progress, NULL);
    fprintf (stderr, "impasto: %s\n", now->message);
  }
  if (told->progress.json)
    tell_json (&told->progress, now);
  if (!now->n_values)
    return true;
  told->ended = g_get_monotonic_time ();
  if (!told->begun)
    told->begun = told->ended - 1e6 / now->steps_per_second;
  told->loss = now->values[0];
  told->trained++;
  if (progress_due (&told->progress) || now->step == now->steps) {
    g_autofree char *left = duration_text (now->seconds_left), *bar = progress_bar ((double) now->step / now->steps);
    progress_show (&told->progress,
                   "%s step %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT ", %s %.4g, %.2f steps/s, %s left", bar,
                   now->step, now->steps, now->names[0], told->loss, now->steps_per_second, left);
  }
  return !interrupt_pending ();
}

static void
say_what_it_took (const struct told *told)
{
  if (told->trained)
    fprintf (stderr, "impasto: %.3g s a step, ", (told->ended - told->begun) * 1e-6 / told->trained);
  else
    fputs ("impasto: ", stderr);
  fprintf (stderr, "peak memory %.0f MiB\n", peak_memory () / MIB);
}

static int
train_run (const struct arguments *arguments)
{
  g_autoptr (GError) error = NULL;
  struct told told = {0};
  if (arguments->n_words == 0) {
    g_autofree char *names = g_strjoinv (", ", (char **) impasto_recipes ());
    return complain_usage ("train wants a recipe: %s; impasto train --help shows how", names);
  }
  g_autofree char *runs = arguments_text (arguments, "runs");
  if (!arguments_take_resumed (arguments, runs, &error) || !arguments_take_run (arguments, "start", runs, &error) ||
      !arguments_take_run (arguments, "into", runs, &error) || !progress_init (&told.progress, arguments, &error))
    return complain (error);
  progress_show (&told.progress, "getting ready");
  interrupt_hold (true); /* a first Ctrl-C lets the step end and saves a checkpoint */
  gint64 start = g_get_monotonic_time ();
  bool done = impasto_train (arguments->words[0], arguments->options, (const char *const *) arguments->words + 1,
                             on_step, &told, &error);
  progress_show (&told.progress, NULL);
  interrupt_forget ();
  interrupt_hold (false);
  if (told.progress.json)
    json_end (&told, error);
  int status = done ? 0 : complain (error);
  if (told.progress.verbose && told.folder)
    say_what_it_took (&told);
  if (done && !told.progress.quiet && !told.progress.json) {
    g_autofree char *took = duration_text ((g_get_monotonic_time () - start) * 1e-6);
    if (told.trained)
      fprintf (stderr, "impasto: %" G_GINT64_FORMAT " step%s in %s, loss %.4g\n", told.step, plural (told.step), took,
               told.loss);
    else
      fprintf (stderr, "impasto: its %" G_GINT64_FORMAT " step%s done; --steps N --accept-changes goes further\n",
               told.step, told.step == 1 ? " is" : "s are");
    puts (told.output);
  }
  g_free (told.folder);
  g_free (told.output);
  return status;
}

/* Help of one recipe. */
static void
train_narrow (struct command *command, const char *recipe)
{
  const char *const *examples = impasto_recipe_examples (recipe);
  g_autofree char *usage = g_strdup_printf ("%s %s", recipe, impasto_recipe_usage (recipe)),
                  *summary = g_strdup (impasto_recipe_help (recipe));
  *summary = g_ascii_toupper (*summary);
  for (int i = 0; i < 2; i++)
    command->examples[i] = examples[i];
  command->examples[2] = NULL;
  command->usage = g_intern_string (usage);
  command->summary = g_intern_string (summary);
  command->notes =
    "Ctrl-C saves a checkpoint and says how to go on. --resume RUN (its folder, name or number) goes on: by\n"
    "the run's recipe.json, but for what the command says.";
}

const struct command command_train = {
  .name = "train",
  .summary = "Learns a style, a translation or a generator from pictures",
  .usage = "RECIPE [PAINTING...] [-o FILE]",
  .examples =
    {
      "impasto train style painting.jpg --photos photos/ -o mine.safetensors",
      "impasto train style --resume runs/00001-style",
      "impasto train gan --data digits/ --preset dcgan-28 -o digits.safetensors",
      "impasto train translate --photos photos/ --paintings drawings/ -o drawn.safetensors",
      "impasto train translate --preset painter-gan --photos photos/ --paintings starry.jpg -o mine.safetensors",
    },
  .notes =
    "Recipes: style (a pack of styles), predictor (what lets a pack paint with --style-image), arbitrary (the other\n"
    "painter of --style-image), perceptual (the network by which pictures are compared), gan (a generator of pictures\n"
    "from noise), translate (a style from many pictures, without pairs), classifier (what tells classes of pictures\n"
    "apart, digits for one). impasto train RECIPE --help lists the options of one. Ctrl-C saves a checkpoint and says\n"
    "how to go on.",
  .has_subjects = true,
  .options = train_options,
  .narrow = train_narrow,
  .run = train_run,
};
