/* SPDX-License-Identifier: Apache-2.0
 *
 * The trainer through its only recipe, on a tiny network, made-up pictures and random feature weights: the loss falls,
 * the run folder holds what it should, a run that was stopped, damaged or starved of disk goes on to the same
 * bits, and every way to start one wrongly is answered with one line. A child process is this program again. */
#include <glib/gstdio.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "device/cpu.h"
#include "train/checkpoint.h"
#include "train_fixture.h"

/* Runs that go well */

static void
test_loss_falls (void)
{
  struct job job;
  struct watch watch = {0};
  g_autofree char *photos = file ("one");

  job_init (&job, "falls", 30, false);
  job_set (&job, "photos", photos);
  job_set (&job, "rate", "0.01");
  g_clear_pointer (&job.inputs[1], g_free);
  run_whole (&job, &watch);
  g_test_message ("loss %g .. %g", mean (watch.loss, 5), mean (watch.loss + 25, 5));
  g_assert_cmpint (watch.n, ==, 30);
  g_assert_cmpfloat (mean (watch.loss + 25, 5), <, 0.8 * mean (watch.loss, 5));
  watch_clear (&watch);
  job_clear (&job);
}

static void
test_folder (void)
{
  static const char *const wanted[] = {"recipe.json",
                                       "log.txt",
                                       "stats.jsonl",
                                       "reals.png",
                                       "fakes_init.png",
                                       "fakes000003.png",
                                       "fakes000006.png",
                                       "fakes000007.png",
                                       "curves.svg",
                                       "curves.png",
                                       "network-000006.safetensors",
                                       "network-000007.safetensors"};
  struct job job;
  struct watch watch = {0};
  g_autofree char *output = file ("made.safetensors");
  g_autoptr (GError) error = NULL;

  job_init (&job, "folder", 7, true);
  job_set (&job, "sample-every", "3");
  job_set (&job, "save-every", "3");
  job_set (&job, "keep", "2");
  job_set (&job, "output", output);
  run_whole (&job, &watch);
  g_assert_true (g_str_has_suffix (watch.folder, "/00001-style"));
  for (guint i = 0; i < G_N_ELEMENTS (wanted); i++)
    if (!there (watch.folder, wanted[i]))
      g_error ("the run folder has no %s", wanted[i]);
  g_assert_false (there (watch.folder, "network-000003.safetensors")); /* two are kept */
  g_autofree char *stats = read_file (watch.folder, "stats.jsonl", NULL),
                  *log = read_file (watch.folder, "log.txt", NULL);
  g_auto (GStrv) lines = g_strsplit (stats, "\n", -1);
  g_assert_cmpuint (g_strv_length (lines), ==, 8);
  for (int i = 0; i < 7; i++) {
    g_autoptr (JsonParser) parser = json_parser_new ();
    g_assert_true (json_parser_load_from_data (parser, lines[i], -1, NULL));
    JsonObject *line = json_node_get_object (json_parser_get_root (parser));
    g_assert_cmpint (json_object_get_int_member (line, "step"), ==, i + 1);
    g_assert_cmpfloat_with_epsilon (json_object_get_double_member (line, "loss"), watch.loss[i], 1e-6 * watch.loss[i]);
    g_assert_true (json_object_has_member (line, "adversary"));
  }
  g_assert_nonnull (strstr (log, "started at step 0 of 7"));
  g_assert_nonnull (strstr (log, "finished"));
  g_autoptr (pack) pack = pack_load (output, &error);
  g_assert_no_error (error);
  g_assert_cmpint (pack_find_style (pack, "red"), ==, 0);
  g_assert_cmpint (pack_find_style (pack, "blue"), ==, 1);
  struct picture_info info;
  g_autofree char *reals = g_build_filename (watch.folder, "reals.png", NULL);
  g_assert_true (picture_probe (reals, 0, &info, NULL));
  g_assert_cmpint (info.width, >=, 3 * 64); /* three photographs in a row, the paintings above */
  g_assert_cmpint (info.height, >=, 2 * 64);
  watch_clear (&watch);
  job_set (&job, "overwrite", "yes");
  run_whole (&job, &watch); /* the next number */
  g_assert_true (g_str_has_suffix (watch.folder, "/00002-style"));
  watch_clear (&watch);
  job_clear (&job);
}

/* Both layouts of the feature weights mean the same. */
static void
test_feature_layouts (void)
{
  double loss[2];

  make_features ("vgg.safetensors", false, 1);
  make_features ("torchvision.safetensors", true, 1);
  for (int i = 0; i < 2; i++) {
    struct job job;
    struct watch watch = {0};
    g_autofree char *features = file (i == 0 ? "vgg.safetensors" : "torchvision.safetensors");
    job_init (&job, "layouts", 1, false);
    job_set (&job, "features", features);
    run_whole (&job, &watch);
    loss[i] = watch.loss[0];
    watch_clear (&watch);
    job_clear (&job);
  }
  g_assert_cmpfloat (loss[0], ==, loss[1]);
}

static void
test_broken_photos (void)
{
  struct job job;
  struct watch watch = {0};
  g_autofree char *photos = file ("mixed");
  static const char *const names[] = {"mixed/broken.png", "mixed/text.jpg", "mixed/small.png"};

  job_init (&job, "broken", 6, false);
  job_set (&job, "photos", photos);
  run_whole (&job, &watch);
  g_autofree char *log = read_file (watch.folder, "log.txt", NULL);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autofree char *path = file (names[i]);
    if (strstr (log, path) == NULL || strstr (watch.messages->str, path) == NULL)
      g_error ("%s is not said to be left out: %s", names[i], log);
  }
  g_assert_null (strstr (log, "mixed/a.png"));
  watch_clear (&watch);
  job_clear (&job);
}

/* Eight bits of mantissa come to the same loss. */
static void
test_bfloat (void)
{
  double loss[2];

  if (!cpu_has_bf16 ()) {
    g_test_skip ("this CPU has no bfloat16");
    return;
  }
  for (int i = 0; i < 2; i++) {
    struct job job;
    struct watch watch = {0};
    job_init (&job, "bfloat", 24, true);
    job_set (&job, "precision", i == 0 ? "f32" : "bf16");
    job_set (&job, "save-every", "100");
    run_whole (&job, &watch);
    loss[i] = mean (watch.loss + 16, 8);
    watch_clear (&watch);
    job_clear (&job);
  }
  g_test_message ("loss %g in float32, %g in bfloat16", loss[0], loss[1]);
  g_assert_cmpfloat (fabs (loss[1] - loss[0]), <, 0.03 * loss[0]);
}

/* Runs that are interrupted */

static void
test_resume (gconstpointer data)
{
  bool adversary = GPOINTER_TO_INT (data);
  struct job job;
  struct watch watch = {0}, rest = {0}, last = {0};

  job_init (&job, "stopped", 6, adversary);
  run_until (&job, &watch, 3);
  job_set (&job, "resume", watch.folder);
  run_until (&job, &rest, 5); /* and once more */
  g_assert_cmpint (rest.n, ==, 2);
  run_whole (&job, &last);
  g_assert_cmpint (last.n, ==, 1);
  same_run (uninterrupted (adversary), watch.folder, 6);
  watch_clear (&watch);
  watch_clear (&rest);
  watch_clear (&last);
  job_clear (&job);
}

/* From the folder alone: paintings and settings are those of its recipe.json, also when to save, and where. */
static void
test_resume_folder_alone (void)
{
  struct job job, other;
  struct watch watch = {0}, rest = {0};

  job_init (&job, "alone", 6, true);
  run_until (&job, &watch, 3);
  job_init (&other, "alone", 99, false);
  job_forget (&other);
  job_set (&other, "resume", watch.folder);
  run_whole (&other, &rest);
  same_run (uninterrupted (true), watch.folder, 6);
  g_assert_true (there (watch.folder, "network-000004.safetensors")); /* --save-every is 2 */
  watch_clear (&watch);
  watch_clear (&rest);
  job_clear (&job);
  job_clear (&other);
}

static void
test_changed_recipe (void)
{
  struct job job;
  struct watch watch = {0};

  job_init (&job, "changed", 6, false);
  run_until (&job, &watch, 2);
  job_set (&job, "resume", watch.folder);
  job_set (&job, "style-weight", "7.5");
  check_fails (&job, IMPASTO_ERROR_USAGE, "was \"style-weight\" : 12");
  check_fails (&job, IMPASTO_ERROR_USAGE, "is \"style-weight\" : 7.5");
  job_set (&job, "style-weight", "12");
  job_set (&job, "seed", "2");
  check_fails (&job, IMPASTO_ERROR_USAGE, "\"seed\" : 2");
  watch_clear (&watch);
  job_clear (&job);
}

static void
truncate_file (const char *run_folder, const char *name)
{
  g_autofree char *path = g_build_filename (run_folder, name, NULL), *text = NULL;
  gsize size;

  g_assert_true (g_file_get_contents (path, &text, &size, NULL));
  g_assert_true (g_file_set_contents (path, text, (gssize) size / 2, NULL));
}

/* In the middle of what the file holds, where numbers are. */
static void
flip_bit (const char *run_folder, const char *name)
{
  g_autofree char *path = g_build_filename (run_folder, name, NULL), *text = NULL;
  gsize size;

  g_assert_true (g_file_get_contents (path, &text, &size, NULL));
  text[size / 2] ^= 1;
  g_assert_true (g_file_set_contents (path, text, (gssize) size, NULL));
}

static void
test_damaged_checkpoint (void)
{
  struct job job;
  struct watch watch = {0}, rest = {0};

  job_init (&job, "damaged", 6, false);
  run_until (&job, &watch, 4);
  truncate_file (watch.folder, "network-000004.safetensors");
  job_set (&job, "resume", watch.folder);
  run_whole (&job, &rest);
  g_assert_cmpint (rest.n, ==, 4);
  same_run (uninterrupted (false), watch.folder, 6);
  g_autofree char *log = read_file (watch.folder, "log.txt", NULL);
  g_assert_nonnull (strstr (log, "network-000004.safetensors"));
  g_assert_nonnull (strstr (rest.messages->str, "network-000004.safetensors"));
  flip_bit (watch.folder, "network-000006.safetensors");
  watch_clear (&rest);
  run_whole (&job, &rest);
  g_assert_cmpint (rest.n, ==, 2);
  g_assert_nonnull (strstr (rest.messages->str, "network-000006.safetensors"));
  same_run (uninterrupted (false), watch.folder, 6);
  truncate_file (watch.folder, "network-000002.safetensors");
  truncate_file (watch.folder, "network-000004.safetensors");
  truncate_file (watch.folder, "network-000006.safetensors");
  check_fails (&job, IMPASTO_ERROR_INPUT, "no checkpoint can be read");
  watch_clear (&watch);
  watch_clear (&rest);
  job_clear (&job);
}

/* A checkpoint that lacks part of the state must not go on with fresh numbers in its place. */
static void
test_incomplete_checkpoint (void)
{
  struct job job;
  struct watch watch = {0};

  job_init (&job, "incomplete", 4, false);
  run_until (&job, &watch, 2);
  g_autofree char *path = g_build_filename (watch.folder, "network-000002.safetensors", NULL);
  g_autoptr (weights) weights = safetensors_load (path, NULL);
  g_assert_true (weights_remove (weights, "optimizer.painter.out.weight.v"));
  g_autofree char *digest = checkpoint_digest (weights);
  weights_set_metadata (weights, CHECKPOINT_DIGEST, digest);
  g_assert_true (safetensors_save (weights, path, NULL));
  job_set (&job, "resume", watch.folder);
  check_fails (&job, IMPASTO_ERROR_INPUT, "optimizer.painter.out.weight.v");
  watch_clear (&watch);
  job_clear (&job);
}

/* What recipe.json may say instead of a recipe. */
static void
test_recipe_file (void)
{
  static const char *const texts[][2] = {
    {"", "no recipe of a run"},
    {"[]", "no recipe of a run"},
    {"{}", "\"inputs\""},
    {"{\"inputs\": 1, \"settings\": {}, \"run\": {}}", "\"inputs\""},
    {"{\"inputs\": [[]], \"settings\": {}, \"run\": {}}", "names of files"},
    {"{\"inputs\": [null], \"settings\": {}, \"run\": {}}", "names of files"},
    {"{\"inputs\": [], \"settings\": [], \"run\": {}}", "\"settings\""},
    {"{\"inputs\": [], \"settings\": {\"size\": \"x\"}, \"run\": {}}", "size"},
    {"{\"inputs\": [], \"settings\": {}, \"run\": {\"steps\": -1}}", "steps"},
  };
  g_autofree char *path = file ("empty/recipe.json"), *below = file ("empty");
  struct job job;

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++) {
    g_assert_true (g_file_set_contents (path, texts[i][0], -1, NULL));
    job_init (&job, "file", 2, false);
    job_forget (&job);
    job_set (&job, "resume", below);
    check_fails (&job, IMPASTO_ERROR_INPUT, texts[i][1]);
    job_clear (&job);
  }
  g_unlink (path);
}

/* Disks */

static void
limit_files (rlim_t bytes)
{
  struct rlimit limit;

  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &limit), ==, 0);
  limit.rlim_cur = bytes == RLIM_INFINITY ? limit.rlim_max : bytes;
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &limit), ==, 0);
}

static void
fill_disk (const struct train_progress *progress)
{
  if (progress->step == 4)
    limit_files (16384); /* enough for log and statistics */
}

static void
test_full_disk (void)
{
  struct job job;
  struct watch watch = {.each = fill_disk}, rest = {0};
  g_autoptr (GError) error = NULL;

  signal (SIGXFSZ, SIG_IGN); /* writing past the limit is EFBIG then */
  job_init (&job, "full", 6, false);
  g_assert_false (run (&job, &watch, &error));
  limit_files (RLIM_INFINITY);
  check_error (error, IMPASTO_ERROR_OUTPUT, "network-000004.safetensors");
  g_assert_false (there (watch.folder, "network-000004.safetensors"));
  g_assert_true (there (watch.folder, "network-000002.safetensors"));
  g_autoptr (GDir) dir = g_dir_open (watch.folder, 0, NULL);
  for (const char *name; (name = g_dir_read_name (dir)) != NULL;) /* nothing half-written */
    g_assert_true (g_str_has_suffix (name, ".safetensors") || g_str_has_suffix (name, ".png") ||
                   g_str_has_suffix (name, ".txt") || g_str_has_suffix (name, ".json") ||
                   g_str_has_suffix (name, ".jsonl") || g_str_has_prefix (name, "events.out.tfevents."));
  job_set (&job, "resume", watch.folder);
  run_whole (&job, &rest);
  same_run (uninterrupted (false), watch.folder, 6);
  watch_clear (&watch);
  watch_clear (&rest);
  job_clear (&job);
}

static void
test_unwritable (void)
{
  struct job job;
  g_autofree char *below = file ("red.png/runs"), *output = file ("no-folder/made.safetensors");

  job_init (&job, "red.png/runs", 2, false);
  check_fails (&job, IMPASTO_ERROR_OUTPUT, below);
  job_clear (&job);
  job_init (&job, "unwritable", 2, false);
  job_set (&job, "output", output);
  check_fails (&job, IMPASTO_ERROR_OUTPUT, output);
  g_autofree char *runs = file ("unwritable");
  g_assert_false (g_file_test (runs, G_FILE_TEST_EXISTS)); /* known before anything was begun */
  job_clear (&job);
}

/* Numbers and words */

static void
test_nan (void)
{
  struct job job;
  g_autofree char *features = file ("huge.safetensors"), *runs = file ("nan");
  const struct option *rate = option_find (recipe_style.options, "rate");

  make_features ("huge.safetensors", false, 1e6);
  job_init (&job, "nan", 12, false);
  *(double *) ((char *) job.settings + rate->offset) = 1e30; /* no user can */
  check_fails (&job, IMPASTO_ERROR_NUMERIC, "step ");
  check_fails (&job, IMPASTO_ERROR_NUMERIC, "learning rate");
  check_fails (&job, IMPASTO_ERROR_NUMERIC, runs);
  job_set (&job, "rate", "0.002");
  job_set (&job, "features", features);
  check_fails (&job, IMPASTO_ERROR_NUMERIC, "step 1: ");
  job_clear (&job);
}

static void
test_messages (void)
{
  static const struct {
    const char *name, *value; /* a file's name begins with '/' */
    int code;
    const char *text;
  } cases[] = {
    {"photos", "/nowhere", IMPASTO_ERROR_INPUT, "it does not exist"},
    {"photos", "/red.png", IMPASTO_ERROR_INPUT, "it is no folder"},
    {"photos", "/empty", IMPASTO_ERROR_INPUT, "empty"},
    {"features", "/nowhere", IMPASTO_ERROR_INPUT, "nowhere"},
    {"features", "/red.png", IMPASTO_ERROR_INPUT, "red.png"},
    {"start", "/vgg.safetensors", IMPASTO_ERROR_INPUT, "is no style pack"},
    {"names", "one", IMPASTO_ERROR_USAGE, "lists 1 name for 2 paintings"},
    {"names", "one;one", IMPASTO_ERROR_USAGE, "names two styles"},
    {"names", "one;Two Words", IMPASTO_ERROR_USAGE, "is no name for a style"},
    {"size", "72", IMPASTO_ERROR_USAGE, "multiple of 16"},
    {"ends", "4", IMPASTO_ERROR_USAGE, "odd"},
    {"resume", "/nowhere", IMPASTO_ERROR_INPUT, "nowhere"},
    {"resume", "/photos", IMPASTO_ERROR_INPUT, "no recipe of a run"},
  };
  struct job job;

  make_features ("vgg.safetensors", false, 1);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *value = cases[i].value[0] == '/' ? file (cases[i].value + 1) : g_strdup (cases[i].value);
    job_init (&job, "messages", 2, false);
    job_set (&job, cases[i].name, value);
    check_fails (&job, cases[i].code, cases[i].text);
    job_clear (&job);
  }
}

static void
test_what_is_missing (void)
{
  struct job job, bare;
  g_autofree char *nowhere = file ("nowhere.png"), *text = file ("mixed/text.jpg");

  job_init (&job, "missing", 2, false);
  job_init (&bare, "missing", 2, false);
  option_clear (recipe_style.options, bare.settings);
  option_init (recipe_style.options, bare.settings);
  check_fails (&bare, IMPASTO_ERROR_USAGE, "--photos DIR");
  job_set (&bare, "photos", folder);
  check_fails (&bare, IMPASTO_ERROR_USAGE, "--features FILE");
  g_free (job.inputs[1]);
  job.inputs[1] = g_steal_pointer (&nowhere);
  check_fails (&job, IMPASTO_ERROR_INPUT, "nowhere.png");
  g_free (job.inputs[1]);
  job.inputs[1] = g_steal_pointer (&text);
  check_fails (&job, IMPASTO_ERROR_INPUT, "text.jpg");
  g_clear_pointer (&job.inputs[0], g_free);
  check_fails (&job, IMPASTO_ERROR_USAGE, "painting");
  job_clear (&job);
  job_clear (&bare);
}

int
main (int argc, char **argv)
{
  static const struct {
    const char *path;
    void (*run) (void);
  } tests[] = {
    {"/train/loss-falls", test_loss_falls},
    {"/train/folder", test_folder},
    {"/train/feature-layouts", test_feature_layouts},
    {"/train/broken-photos", test_broken_photos},
    {"/train/bfloat", test_bfloat},
    {"/train/resume/folder-alone", test_resume_folder_alone},
    {"/train/resume/changed-recipe", test_changed_recipe},
    {"/train/resume/damaged-checkpoint", test_damaged_checkpoint},
    {"/train/resume/incomplete-checkpoint", test_incomplete_checkpoint},
    {"/train/resume/recipe-file", test_recipe_file},
    {"/train/disk/full", test_full_disk},
    {"/train/disk/unwritable", test_unwritable},
    {"/train/nan", test_nan},
    {"/train/messages/wrong", test_messages},
    {"/train/messages/missing", test_what_is_missing},
  };

  fixture_begin (&argc, &argv);
  g_test_add_data_func ("/train/resume/plain", GINT_TO_POINTER (false), test_resume);
  g_test_add_data_func ("/train/resume/adversary", GINT_TO_POINTER (true), test_resume);
  for (size_t i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add_func (tests[i].path, tests[i].run);
  return fixture_run ();
}
