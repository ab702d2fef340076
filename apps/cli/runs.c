/* SPDX-License-Identifier: Apache-2.0
 *
 * impasto runs: what became of the runs of training, a line each; or some of them side by side. */
#include <json-glib/json-glib.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "progress.h"

#define RUNS "runs"
#define FIGURES 4 /* of a line */

static const ImpastoOption options[] = {
  {"runs", IMPASTO_OPTION_STRING, "folder of the run folders", .text = RUNS, .metavar = "DIR"},
  {"output", IMPASTO_OPTION_STRING, "draw their curves into this SVG file or picture", .metavar = "FILE"},
  {"overwrite", IMPASTO_OPTION_BOOLEAN, "replace a file that is there already"},
  {"json", IMPASTO_OPTION_BOOLEAN, "a JSON line a run; with several RUNs one more, of what differs"},
  {NULL},
};

static ImpastoOptions *
runs_options (const char *subject, GError **error)
{
  ImpastoOptions *all = impasto_options_new ();
  impasto_options_add (all, NULL, options);
  return all;
}

static void
print_json (const ImpastoRun *run)
{
  JsonObject *object = json_object_new (), *values = json_object_new ();
  json_object_set_string_member (object, "run", run->name);
  json_object_set_string_member (object, "folder", run->folder);
  json_object_set_string_member (object, "recipe", run->recipe);
  json_object_set_string_member (object, "state", run->state);
  json_object_set_string_member (object, "note", run->note);
  json_object_set_int_member (object, "step", run->step);
  json_object_set_int_member (object, "steps", run->steps);
  json_object_set_double_member (object, "seconds", run->seconds);
  json_object_set_int_member (object, "changed", run->changed);
  for (int i = 0; i < run->n_values; i++)
    json_object_set_double_member (values, run->names[i], run->values[i]);
  json_object_set_object_member (object, "figures", values);
  print_json_line (object);
}

static int
name_width (const GPtrArray *runs)
{
  int width = 0;
  for (guint i = 0; i < runs->len; i++)
    width = MAX (width, (int) g_utf8_strlen (((const ImpastoRun *) runs->pdata[i])->name, -1));
  return width;
}

static void
print_line (const ImpastoRun *run, int width)
{
  g_autofree char *took = duration_text (run->seconds),
                  *steps = run->steps > 0
                             ? g_strdup_printf ("%" G_GINT64_FORMAT " of %" G_GINT64_FORMAT " step%s", run->step,
                                                run->steps, plural (run->steps))
                             : g_strdup_printf ("%" G_GINT64_FORMAT " step%s", run->step, plural (run->step));
  printf ("%s%*s  %-8s  %-20s  %-14s ", run->name, width - (int) g_utf8_strlen (run->name, -1), "", run->state, steps,
          took);
  for (int i = 0; i < MIN (run->n_values, FIGURES); i++)
    printf (" %s %.4g%s", run->names[i], run->values[i], i + 1 < MIN (run->n_values, FIGURES) ? "," : "");
  putchar ('\n');
  if (*run->note && !g_str_equal (run->state, "stopped"))
    printf ("%*s  %s\n", width, "", run->note);
}

/* Whether @name is a style, a pack or a network. */
static bool
is_named (const char *name)
{
  g_autofree char *file = g_strconcat (name, ".safetensors", NULL);
  g_autoptr (GPtrArray) styles = impasto_styles (NULL);
  bool found = g_strv_contains (impasto_nets (), name);
  for (guint i = 0; i < styles->len; i++) {
    const ImpastoStyle *style = styles->pdata[i];
    g_autofree char *pack = g_path_get_basename (style->pack);
    found |= g_str_equal (style->name, name) || g_str_equal (pack, file);
  }
  return found;
}

/* What @word means where a RUN may stand, a new string: itself, or the folder of a run. */
static char *
run_or_word (const char *word, const char *folder, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autofree char *run = impasto_run_find (word, folder, &local);
  if (g_strcmp0 (run, word) == 0 || g_file_test (word, G_FILE_TEST_IS_REGULAR) || is_named (word))
    return g_strdup (word);
  if (local)
    g_propagate_error (error, g_steal_pointer (&local));
  return g_steal_pointer (&run);
}

static bool
is_number (const char *text, size_t length)
{
  g_autofree char *copy = g_strndup (text, length);
  char *end = copy;
  g_ascii_strtod (copy, &end);
  return *copy && !*end;
}

/* Whether a part of a mix is FILE:NAME or RUN:NAME, with a weight or without. */
static bool
has_name (const char *part)
{
  const char *colon = strchr (part, ':');
  return colon && !is_number (colon + 1, strcspn (colon + 1, ":"));
}

/* A part of a mix, a new string. All but the @first name a RUN only in the form RUN:NAME, without which they are styles
 * of the pack before. */
static char *
run_in_part (const char *part, bool first, const char *folder, GError **error)
{
  while (g_ascii_isspace (*part))
    part++;
  size_t length = strcspn (part, ":");
  if (!first && !has_name (part))
    return g_strdup (part);
  g_autofree char *word = g_strndup (part, length), *run = run_or_word (word, folder, error);
  return run ? g_strconcat (run, part + length, NULL) : NULL;
}

/* The whole of what one RUN, or RUN:NAME, may stand for, a new string. */
static char *
run_in_word (const char *word, const char *folder, GError **error)
{
  return g_file_test (word, G_FILE_TEST_IS_REGULAR) ? g_strdup (word) : run_in_part (word, true, folder, error);
}

static char *
runs_in_mix (const char *mix, const char *folder, GError **error)
{
  if (g_file_test (mix, strchr (mix, ',') ? G_FILE_TEST_EXISTS : G_FILE_TEST_IS_REGULAR))
    return g_strdup (mix);
  g_auto (GStrv) parts = g_strsplit (mix, ",", -1);
  for (char **part = parts; *part; part++) {
    char *whole = run_in_part (*part, part == parts, folder, error);
    if (!whole)
      return NULL;
    g_free (*part);
    *part = whole;
  }
  return g_strjoinv (",", parts);
}

/* The mix of a region, MASK=MIX@STRENGTH, a new region. A number that no run has is left to be a style of the pack that
 * --style names. */
static char *
runs_in_region (const char *region, const char *folder, GError **error)
{
  const char *equals = strrchr (region, '='), *at = strrchr (region, '@');
  if (!equals)
    return g_strdup (region);
  const char *mix = equals + 1,
             *end = at > equals && is_number (at + 1, strlen (at + 1)) ? at : region + strlen (region);
  g_autofree char *text = g_strndup (mix, end - mix), *first = g_strndup (text, strcspn (text, ","));
  g_autoptr (GError) local = NULL;
  g_autofree char *found = runs_in_mix (text, folder, &local);
  if (g_error_matches (local, IMPASTO_ERROR, IMPASTO_ERROR_INPUT) && !has_name (first))
    return g_strdup (region);
  if (local)
    g_propagate_error (error, g_steal_pointer (&local));
  return found ? g_strdup_printf ("%.*s%s%s", (int) (mix - region), region, found, end) : NULL;
}

/* Regions, each on a line or behind a ';'. */
static char *
runs_in_regions (const char *text, const char *folder, GError **error)
{
  g_auto (GStrv) regions = g_strsplit_set (text, ";\n", -1);
  for (char **region = regions; *region; region++) {
    char *found = runs_in_region (g_strstrip (*region), folder, error);
    if (!found)
      return NULL;
    g_free (*region);
    *region = found;
  }
  return g_strjoinv ("\n", regions);
}

char *
arguments_run_word (const struct arguments *arguments, GError **error)
{
  return run_in_word (arguments->words[0], RUNS, error);
}

typedef char *(*find_func) (const char *text, const char *folder, GError **error);

static bool
take (const struct arguments *arguments, const char *name, const char *folder, find_func find, GError **error)
{
  g_autofree char *text =
    impasto_options_has (arguments->options, name) ? impasto_options_get (arguments->options, name) : NULL;
  g_autofree char *found = text ? find (text, folder ? folder : RUNS, error) : NULL;
  return !text ||
         (found && (g_str_equal (text, found) || impasto_options_set (arguments->options, name, found, error)));
}

bool
arguments_take_run (const struct arguments *arguments, const char *name, const char *folder, GError **error)
{
  return take (arguments, name, folder, run_in_word, error);
}

bool
arguments_take_resumed (const struct arguments *arguments, const char *folder, GError **error)
{
  return take (arguments, "resume", folder, impasto_run_find, error);
}

bool
arguments_take_mix (const struct arguments *arguments, const char *name, GError **error)
{
  g_autofree char *text = impasto_options_get (arguments->options, name);
  bool word = text && g_str_equal (name, "brushwork") && (g_str_equal (text, "auto") || g_str_equal (text, "none"));
  return word || take (arguments, name, NULL, runs_in_mix, error);
}

bool
arguments_take_regions (const struct arguments *arguments, GError **error)
{
  g_autofree char *images =
    impasto_options_get (arguments->options, "style-image"); /* then regions are paintings, too */
  return (images && *images) || take (arguments, "region", NULL, runs_in_regions, error);
}

static int
draw (const struct arguments *arguments, const char *const *folders, const char *output)
{
  g_autoptr (GError) error = NULL;
  if (!g_str_has_suffix (output, ".svg") && !impasto_picture_can_save (output, &error))
    return complain (error);
  if (!arguments_flag (arguments, "overwrite") && g_file_test (output, G_FILE_TEST_IS_REGULAR)) {
    g_set_error (&error, IMPASTO_ERROR, IMPASTO_ERROR_OUTPUT, "%s is there already; --overwrite replaces it", output);
    return complain (error);
  }
  if (!impasto_runs_draw (folders, output, &error))
    return complain (error);
  print_written (arguments, output);
  return 0;
}

/* A line each, and one that compares them. */
static int
compare_json (const char *const *folders)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *text = impasto_runs_compare_json (folders, &error);
  for (const char *const *folder = folders; *folder && !error; folder++) {
    g_autoptr (ImpastoRun) run = impasto_run_load (*folder, &error);
    if (run)
      print_json (run);
  }
  if (error)
    return complain (error);
  if (folders[1])
    puts (text);
  return 0;
}

static int
compare (const struct arguments *arguments, const char *folder, const char *output)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) chosen = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < arguments->n_words && !error; i++)
    g_ptr_array_add (chosen, impasto_run_find (arguments->words[i], folder, &error));
  if (error)
    return complain (error);
  g_ptr_array_add (chosen, NULL);
  const char *const *folders = (const char *const *) chosen->pdata;
  if (*output)
    return draw (arguments, folders, output);
  if (arguments_flag (arguments, "json"))
    return compare_json (folders);
  g_autofree char *text = impasto_runs_compare (folders, &error);
  if (!text)
    return complain (error);
  fputs (text, stdout);
  return 0;
}

static int
list (const struct arguments *arguments, const char *folder, const char *output)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) broken = NULL, runs = impasto_runs (folder, &broken, &error);
  if (!runs)
    return complain (error);
  for (guint i = 0; i < broken->len; i++)
    fprintf (stderr, "impasto: %s\n", (const char *) broken->pdata[i]);
  if (*output) {
    g_autoptr (GPtrArray) folders = g_ptr_array_new ();
    for (guint i = 0; i < runs->len; i++)
      g_ptr_array_add (folders, ((ImpastoRun *) runs->pdata[i])->folder);
    g_ptr_array_add (folders, NULL);
    return draw (arguments, (const char *const *) folders->pdata, output);
  }
  for (guint i = 0; i < runs->len; i++)
    if (arguments_flag (arguments, "json"))
      print_json (runs->pdata[i]);
    else
      print_line (runs->pdata[i], name_width (runs));
  return broken->len > 0 ? IMPASTO_ERROR_INPUT : 0;
}

static int
runs_run (const struct arguments *arguments)
{
  g_autofree char *folder = arguments_text (arguments, "runs"), *output = arguments_text (arguments, "output");
  return arguments->n_words > 0 ? compare (arguments, folder, output) : list (arguments, folder, output);
}

const struct command command_runs = {
  .name = "runs",
  .summary = "Lists the runs of training, or compares some of them",
  .usage = "[RUN...] [-o CURVES]",
  .examples =
    {
      "impasto runs",
      "impasto runs 1 3 -o compared.png",
      "impasto runs 1 3",
    },
  .notes =
    "A RUN is a folder, or the name or number of one in --runs. A run is going, finished, stopped (by Ctrl-C), failed\n"
    "(the reason stands below) or cut off; figures are means of its last 20 steps. With RUNs: the settings in which\n"
    "they differ, but for those that do not decide about the result, such as --keep; their last figures, and those at\n"
    "the last step that all of them reached.",
  .options = runs_options,
  .run = runs_run,
};
