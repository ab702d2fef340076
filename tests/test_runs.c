/* SPDX-License-Identifier: Apache-2.0
 *
 * Run folders read from outside: the state of each from what its files say, figures, comparison, and folders that are
 * damaged. The folders are made here. */
#include <errno.h>
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "impasto/error.h"
#include "train/runs.h"

#define STAMP "2026-01-31 12:00:00  "

static char *folder;

static void
save (const char *run, const char *name, const char *text)
{
  g_autofree char *dir = g_build_filename (folder, run, NULL), *path = g_build_filename (dir, name, NULL);

  g_assert_cmpint (g_mkdir_with_parents (dir, 0755), ==, 0);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
}

/* A run of @steps steps of half a second each, whose loss is @scale / step. */
static void
make (const char *name, const char *recipe, double rate, int steps, double scale, const char *log)
{
  g_autofree char *options = g_strdup_printf ("{\"recipe\":\"%s\",\"inputs\":[],\"settings\":{\"rate\":%g,\"batch\":4},"
                                              "\"run\":{\"steps\":100,\"seed\":1}}",
                                              recipe, rate);
  GString *lines = g_string_new (NULL);

  for (int step = 1; step <= steps; step++)
    g_string_append_printf (lines, "{\"step\":%d,\"loss\":%.9g,\"seconds\":0.5}\n", step, scale / step);
  save (name, "recipe.json", options);
  save (name, "stats.jsonl", lines->str);
  save (name, "log.txt", log);
  g_string_free (lines, TRUE);
}

/* Whoever trains in a folder has its lock. */
static int
lock (const char *name)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  return run_lock (path);
}

static void
make_all (void)
{
  make ("00001-gan", "gan", 0.0002, 100, 1, STAMP "started at step 0\n" STAMP "finished: mine.safetensors\n");
  make ("00002-gan", "gan", 0.0004, 40, 2, STAMP "ended: stopped after step 40; go on with --resume x\n");
  make ("00003-gan", "gan", 0.0002, 7, 1, STAMP "ended: step 8: loss became NaN\n");
  make ("00004-style", "style", 0.1, 50, 1, STAMP "started at step 0\n");
  make ("00005-gan", "gan", 0.0002, 50, 1, STAMP "started at step 0\n");
  make ("00006-gan", "gan", 0.0002, 0, 1, "");
  save ("00007-bad", "recipe.json", "{\"recipe\":");
  save ("00008-other", "recipe.json", "[1]");
  save ("00009-lines", "recipe.json", "{\"recipe\":\"gan\",\"run\":{}}");
  save ("00009-lines", "stats.jsonl", "no line\n");
  save ("00010-kind", "recipe.json", "{\"recipe\":7,\"run\":{\"steps\":\"x\"}}");
  save ("no-run", "notes.txt", "notes");
}

static void
test_list (void)
{
  static const struct {
    const char *name;
    enum run_state state;
    int64_t steps;
    const char *note;
  } wanted[] = {
    {"00001-gan", RUN_FINISHED, 100, ""},
    {"00002-gan", RUN_STOPPED, 40, "stopped after step 40; go on with --resume x"},
    {"00003-gan", RUN_FAILED, 7, "step 8: loss became NaN"},
    {"00004-style", RUN_GOING, 50, ""},
    {"00005-gan", RUN_CUT, 50, ""},
    {"00006-gan", RUN_CUT, 0, ""},
  };
  g_autoptr (GError) error = NULL;
  int going = lock ("00004-style");
  g_autoptr (GPtrArray) broken = NULL, records = run_records (folder, &broken, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (records->len, ==, G_N_ELEMENTS (wanted));
  for (guint i = 0; i < records->len; i++) {
    const struct run_record *record = records->pdata[i];
    g_assert_cmpstr (record->name, ==, wanted[i].name);
    g_assert_cmpint (record->state, ==, wanted[i].state);
    g_assert_cmpint (record->curves->steps, ==, wanted[i].steps);
    g_assert_cmpstr (record->note, ==, wanted[i].note);
    g_assert_cmpint (record->steps, ==, 100);
    g_assert_cmpfloat (record->curves->seconds, ==, 0.5 * (double) wanted[i].steps);
  }
  const struct run_record *first = records->pdata[0];
  double mean = 0;
  for (int step = 81; step <= 100; step++)
    mean += 1.0 / step / 20;
  g_assert_cmpfloat (fabs (curve_last (curves_find (first->curves, "loss")) - mean), <, 1e-8);
  g_assert_cmpint (lock ("00004-style"), ==, -1);
  g_assert_cmpint (errno, ==, EWOULDBLOCK);
  close (going); /* as a process that is killed: at once it is no longer going */
  going = lock ("00005-gan");
  for (int i = 4; i <= 5; i++) {
    g_autofree char *name = g_strdup_printf ("0000%d-%s", i, i == 4 ? "style" : "gan"),
                    *path = g_build_filename (folder, name, NULL);
    struct run_record *record = run_record_load (path, &error);
    g_assert_cmpint (record->state, ==, i == 4 ? RUN_CUT : RUN_GOING);
    run_record_free (record);
  }
  close (going);
  g_assert_cmpuint (broken->len, ==, 4);
  for (guint i = 0; i < broken->len; i++)
    g_assert_nonnull (strstr (broken->pdata[i], "/000"));
  g_assert_null (run_records ("/nowhere", NULL, &error));
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT);
}

/* By name and number; what is none of these stays as it is, but a number wants a run. */
static void
test_find (void)
{
  static const char *const found[][2] = {
    {"00002-gan", "00002-gan"}, {"2", "00002-gan"}, {"0004", "00004-style"},
    {"7", "00007-bad"},         {"", NULL},         {"2x", NULL},
    {"no-run", NULL},           {"./2", NULL},
  };
  static const struct {
    const char *word;
    int code;
    const char *text;
  } refused[] = {
    {"99", IMPASTO_ERROR_INPUT, "there is no run 99 in "},
    {"18446744073709551618", IMPASTO_ERROR_INPUT, "there is no run"}, /* 2^64 + 2 */
    {"11", IMPASTO_ERROR_USAGE, "run 11 is 00011-gan or 00011-style"},
  };
  save ("00011-gan", "recipe.json", "{}");
  save ("00011-style", "recipe.json", "{}");
  for (guint i = 0; i < G_N_ELEMENTS (found); i++) {
    g_autoptr (GError) error = NULL;
    g_autofree char *run = run_find (found[i][0], folder, &error);
    g_autofree char *wanted = found[i][1] ? g_build_filename (folder, found[i][1], NULL) : g_strdup (found[i][0]);
    g_assert_no_error (error);
    g_assert_cmpstr (run, ==, wanted);
  }
  for (guint i = 0; i < G_N_ELEMENTS (refused); i++) {
    g_autoptr (GError) error = NULL;
    g_assert_null (run_find (refused[i].word, folder, &error));
    g_assert_error (error, IMPASTO_ERROR, refused[i].code);
    g_assert_nonnull (strstr (error->message, refused[i].text));
  }
  g_autoptr (GError) error = NULL;
  g_autofree char *own = g_build_filename (folder, "00003-gan", NULL), *same = run_find (own, folder, NULL);
  g_assert_cmpstr (same, ==, own);
  g_assert_null (run_find ("2", "/nowhere", &error));
  g_assert_cmpstr (error->message, ==, "there is no run 2 in /nowhere/; impasto runs lists them");
}

/* In the folder of runs, and not where the program stands, unless it is said with a path. */
static void
test_find_below_first (void)
{
  g_autofree char *was = g_get_current_dir (), *below = g_build_filename (folder, "no-run", NULL);
  save ("no-run/00002-gan", "recipe.json", "{}");
  save ("00001-gan/2", "recipe.json", "{}");
  g_assert_cmpint (g_chdir (folder), ==, 0);
  g_autofree char *found = run_find ("00002-gan", below, NULL), *path = run_find ("./00002-gan", below, NULL);
  g_autofree char *wanted = g_build_filename (below, "00002-gan", NULL);
  g_assert_cmpint (g_chdir ("00001-gan"), ==, 0);
  g_autofree char *own = run_find ("2", folder, NULL);
  g_assert_cmpint (g_chdir (was), ==, 0);
  g_assert_cmpstr (found, ==, wanted);
  g_assert_cmpstr (path, ==, "./00002-gan");
  g_assert_cmpstr (own, ==, "2"); /* a run of that name */
}

/* Lines of the comparison with runs of spaces made one. */
static char *
compare (const char *const *names)
{
  g_autoptr (GPtrArray) records = g_ptr_array_new_with_free_func ((GDestroyNotify) run_record_free);
  g_autoptr (GRegex) spaces = g_regex_new (" +", 0, 0, NULL);

  for (; *names; names++) {
    g_autofree char *path = g_build_filename (folder, *names, NULL);
    g_ptr_array_add (records, run_record_load (path, NULL));
  }
  g_autofree char *text = run_records_compare (records);
  return g_regex_replace_literal (spaces, text, -1, 0, " ", 0, NULL);
}

static void
test_compare (void)
{
  g_autofree char *two = compare ((const char *const[]){"00001-gan", "00002-gan", NULL}),
                  *other = compare ((const char *const[]){"00001-gan", "00004-style", "00006-gan", NULL});

  g_assert_cmpstr (two, ==,
                   "run 00001-gan 00002-gan\n"
                   "recipe gan gan\n"
                   "state finished stopped\n"
                   "steps 100 of 100 40 of 100\n"
                   "seconds a step 0.5 0.5\n"
                   "\nsettings that differ:\n"
                   "rate 0.0002 0.0004\n"
                   "\nfigures at the end, means of the last 20 steps:\n"
                   "loss 0.01109 0.06808\n" /* by hand: means of 1 / step, 81 to 100, and of 2 / step, 21 to 40 */
                   "\nfigures at step 40:\n"
                   "loss 0.025 0.05\n");
  g_assert_nonnull (strstr (other, "rate 0.0002 0.1 0.0002\n"));
  g_assert_nonnull (strstr (other, "steps 100 of 100 50 of 100 0 of 100\n"));
  g_assert_null (strstr (other, "figures at step"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("impasto-runs-XXXXXX", NULL);
  make_all ();
  g_test_add_func ("/runs/list", test_list);
  g_test_add_func ("/runs/find", test_find);
  g_test_add_func ("/runs/find/below_first", test_find_below_first);
  g_test_add_func ("/runs/compare", test_compare);
  int status = g_test_run ();
  g_autofree char *command = g_strdup_printf ("rm -r '%s'", folder);
  g_assert_true (g_spawn_command_line_sync (command, NULL, NULL, NULL, NULL));
  g_free (folder);
  return status;
}
