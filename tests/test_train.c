/* SPDX-License-Identifier: Apache-2.0
 *
 * The trainer through its only recipe, on a tiny network, made-up pictures and random feature weights: the loss falls,
 * the run folder holds what it should, a run that was stopped, killed, damaged or starved of disk goes on to the same
 * bits, and every way to start one wrongly is answered with one line. A child process is this program again. */
#include <errno.h>
#include <glib/gstdio.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "base/random.h"
#include "device/cpu.h"
#include "format/safetensors.h"
#include "image/picture.h"
#include "impasto/error.h"
#include "net/pack.h"
#include "train/style_recipe.h"

#define FOLDER_VARIABLE "TEST_TRAIN_FOLDER" /* tells a child where the pictures are */
#define VALUES_MAX 64

static char *folder;

static char *
file (const char *name)
{
  return g_build_filename (folder, name, NULL);
}

/* Pictures and weights */

static void
make_picture (const char *name, int width, int height, int kind)
{
  g_autofree char *path = file (name);
  g_autoptr (GError) error = NULL;
  g_autoptr (picture) picture = picture_new (width, height, false, &error);

  for (int c = 0; c < 3; c++)
    for (int y = 0; y < height; y++)
      for (int x = 0; x < width; x++) {
        double phase = (double) x * (1 + kind % 3) / 9 + (double) y * (1 + kind / 3) / 7 + c * (kind + 1);
        picture->rgb[(c * height + y) * width + x] = (float) (0.5 + 0.45 * sin (phase));
      }
  g_assert_true (picture_save (picture, path, NULL, &error));
}

/* Random weights whose activations keep their size, @gain times, in one of the two layouts. */
static void
make_features (const char *name, bool torchvision, double gain)
{
  static const struct {
    const char *ours, *theirs;
    int out, in;
  } layers[] = {
    {"conv1_1", "0", 64, 3},     {"conv1_2", "2", 64, 64},    {"conv2_1", "5", 128, 64},   {"conv2_2", "7", 128, 128},
    {"conv3_1", "10", 256, 128}, {"conv3_2", "12", 256, 256}, {"conv3_3", "14", 256, 256}, {"conv3_4", "16", 256, 256},
  };
  g_autofree char *path = file (name);
  g_autoptr (weights) weights = weights_new ();
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (layers); i++) {
    const char *layer = torchvision ? layers[i].theirs : layers[i].ours;
    g_autofree char *weight = g_strdup_printf ("features.%s.weight", layer);
    g_autofree char *bias = g_strdup_printf ("features.%s.bias", layer);
    g_autoptr (tensor) w = tensor_new (SHAPE (layers[i].out, layers[i].in, 3, 3), DTYPE_F32, NULL);
    g_autoptr (tensor) b = tensor_new (SHAPE (layers[i].out), DTYPE_F32, NULL);
    double scale = gain * sqrt (2.0 / (9 * layers[i].in));
    for (int64_t k = 0; k < shape_size (&w->shape); k++)
      tensor_floats (w)[k] =
        (float) (scale * random_normal ((struct random_key){.seed = 5, .stream = i}, (uint64_t) k));
    weights_add (weights, weight, w);
    weights_add (weights, bias, b);
  }
  g_assert_true (safetensors_save (weights, path, &error));
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
    make_picture (name, 90 + 5 * i, 80, i);
  }
  make_picture ("one/only.png", 100, 90, 4);
  make_picture ("mixed/a.png", 100, 90, 2);
  make_picture ("mixed/b.png", 100, 90, 3);
  make_picture ("mixed/small.png", 12, 9, 3);
  g_assert_true (g_file_get_contents (source, &whole, &size, NULL));
  g_assert_true (g_file_set_contents (broken, whole, (gssize) size / 2, NULL));
  g_assert_true (g_file_set_contents (text, "no picture", -1, NULL));
  make_picture ("red.png", 120, 100, 7);
  make_picture ("blue.png", 100, 130, 8);
  make_features ("vgg.safetensors", false, 1);
  make_features ("torchvision.safetensors", true, 1);
  make_features ("huge.safetensors", false, 1e6);
}

/* Runs */

/* A run to be: settings as a user gives them. */
struct job {
  void *settings;
  struct run_settings run;
  char *inputs[3];
};

static void
job_set (struct job *job, const char *name, const char *value)
{
  g_autoptr (GError) error = NULL;
  bool own = option_find (recipe_style.options, name) != NULL;

  option_set (own ? recipe_style.options : run_options, own ? job->settings : &job->run, name, value, &error);
  g_assert_no_error (error);
}

/* The whole of a tiny run of @steps steps, with or without the adversary; run folders go below @runs. */
static void
job_init (struct job *job, const char *runs, int steps, bool adversary)
{
  static const char *const settings[][2] = {
    {"batch", "1"}, {"size", "64"},      {"painting-size", "128"}, {"width", "4"},   {"inner", "8"},
    {"ends", "3"},  {"residuals", "1"},  {"judge-width", "4"},     {"threads", "1"}, {"precision", "f32"},
    {"keep", "3"},  {"save-every", "2"}, {"sample-every", "1000"},
  };
  g_autofree char *photos = file ("photos"), *features = file ("vgg.safetensors"), *below = file (runs);
  g_autofree char *count = g_strdup_printf ("%d", steps);

  *job = (struct job){.settings = g_malloc0 (recipe_style.settings_size)};
  option_init (recipe_style.options, job->settings);
  option_init (run_options, &job->run);
  for (guint i = 0; i < G_N_ELEMENTS (settings); i++)
    job_set (job, settings[i][0], settings[i][1]);
  job_set (job, "adversary-weight", adversary ? "0.1" : "0");
  job_set (job, "photos", photos);
  job_set (job, "features", features);
  job_set (job, "runs", below);
  job_set (job, "steps", count);
  job->inputs[0] = file ("red.png");
  job->inputs[1] = file ("blue.png");
}

static void
job_clear (struct job *job)
{
  option_clear (recipe_style.options, job->settings);
  option_clear (run_options, &job->run);
  g_free (job->settings);
  g_free (job->inputs[0]);
  g_free (job->inputs[1]);
}

/* What a run said while it went, and when it is to stop. */
struct watch {
  int n, stop_at;
  double loss[VALUES_MAX];
  char *folder;
  GString *messages;
  void (*each) (const struct train_progress *progress);
};

static bool
on_progress (const struct train_progress *progress, void *data)
{
  struct watch *watch = data;

  g_assert_cmpstr (progress->stats->name[0], ==, "loss");
  watch->loss[watch->n++] = progress->stats->value[0];
  if (progress->message != NULL)
    g_string_append_printf (watch->messages, "%s\n", progress->message);
  if (watch->folder == NULL)
    watch->folder = g_strdup (progress->folder);
  if (watch->each != NULL)
    watch->each (progress);
  return progress->step != watch->stop_at;
}

static void
watch_clear (struct watch *watch)
{
  g_free (watch->folder);
  g_string_free (watch->messages, TRUE);
  *watch = (struct watch){0};
}

static bool
run (struct job *job, struct watch *watch, GError **error)
{
  if (watch->messages == NULL)
    watch->messages = g_string_new (NULL);
  return train (&recipe_style, job->settings, &job->run, job->inputs, on_progress, watch, error);
}

static void
run_whole (struct job *job, struct watch *watch)
{
  g_autoptr (GError) error = NULL;

  run (job, watch, &error);
  g_assert_no_error (error);
}

static void
run_until (struct job *job, struct watch *watch, int step)
{
  g_autoptr (GError) error = NULL;

  watch->stop_at = step;
  g_assert_false (run (job, watch, &error));
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_CANCELLED);
  g_assert_nonnull (strstr (error->message, watch->folder));
}

static void
check_error (GError *error, int code, const char *text)
{
  g_assert_error (error, IMPASTO_ERROR, code);
  if (strstr (error->message, text) == NULL || strpbrk (error->message, "\r\n") != NULL)
    g_error ("message is \"%s\", wanted \"%s\" in it", error->message, text);
}

/* A run that fails before or while it goes. */
static void
check_fails (struct job *job, int code, const char *text)
{
  struct watch watch = {0};
  g_autoptr (GError) error = NULL;

  g_assert_false (run (job, &watch, &error));
  check_error (error, code, text);
  watch_clear (&watch);
}

/* Files of runs */

static char *
read_file (const char *run_folder, const char *name, gsize *size)
{
  g_autofree char *path = g_build_filename (run_folder, name, NULL);
  g_autoptr (GError) error = NULL;
  char *text = NULL;

  g_file_get_contents (path, &text, size, &error);
  g_assert_no_error (error);
  return text;
}

static bool
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

/* Two runs came to the same end. */
static void
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

/* Folder of an uninterrupted run of six steps, made once for each kind. */
static const char *
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

/* Runs that go well */

static double
mean (const double *x, int n)
{
  double sum = 0;

  for (int i = 0; i < n; i++)
    sum += x[i];
  return sum / n;
}

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

/* Beginnings */

/* What a step draws: shares that add up, an even brush, and the same again. */
static void
test_draws (void)
{
  static const struct style_net net = {.styles = 3, .photograph = true, .brush = true};
  static const struct style_net bare = {.styles = 3};
  struct style_data data = {.n_styles = 3, .n_anchors = STYLE_ANCHORS};
  int n = 4000, photographs = 0, whole = 0, coarse = 0;

  for (int i = 0; i < n; i++) {
    struct style_draw draw = style_draw (&net, 7, i / 2, i % 2, 2), again = style_draw (&net, 7, i / 2, i % 2, 2);
    float rows[6], targets[9];
    double sum = 0, styles = 0;

    g_assert_cmpmem (&draw, sizeof draw, &again, sizeof again);
    g_assert_cmpint (draw.style, ==, i % 3);
    g_assert_true (draw.photograph == 0 || draw.brush == 0);
    style_draw_rows (draw, &net, rows);
    style_draw_targets (draw, &data, targets);
    for (int k = 0; k < 9; k++)
      sum += targets[k];
    for (int k = 0; k < 4; k++)
      styles += rows[k];
    g_assert_cmpfloat_with_epsilon (sum, 1, 1e-6);
    g_assert_cmpfloat_with_epsilon (styles, 1, 1e-6);
    g_assert_cmpfloat_with_epsilon (rows[4] - rows[5], draw.brush, 1e-6);
    g_assert_cmpfloat_with_epsilon (targets[3 * draw.style + 2] - targets[3 * draw.style], draw.brush, 1e-6);
    photographs += draw.photograph > 0;
    whole += draw.photograph == 1;
    coarse += draw.brush > 0;
    draw = style_draw (&bare, 7, i / 2, i % 2, 2);
    g_assert_true (draw.photograph == 0 && draw.brush == 0);
  }
  g_assert_cmpfloat_with_epsilon ((double) photographs / n, 0.2, 0.02);
  g_assert_cmpfloat_with_epsilon ((double) whole / n, 0.08, 0.02);
  g_assert_cmpfloat_with_epsilon ((double) coarse / n, 0.2, 0.02);
}

static double
distance (const float *a, const float *b, int64_t n)
{
  double most = 0;

  for (int64_t i = 0; i < n; i++)
    most = fmax (most, fabs ((double) a[i] - b[i]));
  return most;
}

/* What a pack has comes along: rows by name, the photograph's and the brushes'; a further style begins as their mean. */
static void
test_start (void)
{
  struct job job;
  struct watch watch = {0};
  g_autoptr (GError) error = NULL;
  g_autofree char *pack = g_build_filename (uninterrupted (false), "result.safetensors", NULL);
  g_autofree char *runs = file ("start/00001-style/network-000001.safetensors");

  job_init (&job, "start", 2, false);
  job_set (&job, "start", pack);
  job_set (&job, "rate", "1e-8");
  job_set (&job, "names", "blue;new");
  run_until (&job, &watch, 1);
  g_autoptr (weights) from = safetensors_load (pack, &error), to = safetensors_load (runs, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < weights_count (from); i++) {
    const char *part = weights_name (from, i);
    g_autofree char *name = g_strconcat ("painter.", part, NULL);
    g_autoptr (tensor) old = tensor_convert (weights_at (from, i), DTYPE_F32, NULL);
    const float *a = tensor_floats (old), *b = tensor_floats (weights_find (to, name));
    int64_t n = shape_size (&old->shape), c = old->shape.dim[1];
    if (!g_str_has_suffix (part, ".scale") && !g_str_has_suffix (part, ".shift")) {
      g_assert_cmpfloat (distance (a, b, n), <, 1e-6);
      continue;
    }
    g_assert_cmpint (old->shape.dim[0], ==, 3);
    g_assert_cmpfloat (distance (a + c, b, c), <, 1e-6);
    for (int64_t k = 0; k < c; k++)
      g_assert_cmpfloat_with_epsilon (b[c + k], (a[k] + a[c + k]) / 2, 1e-6);
    g_assert_cmpfloat (distance (a + 2 * c, b + 2 * c, c), <, 1e-6);
  }
  job_set (&job, "width", "8");
  check_fails (&job, IMPASTO_ERROR_USAGE, "of another size");
  watch_clear (&watch);
  job_clear (&job);
}

/* A painting joins a pack: its rows alone are new, to the bit, whether or not the run was stopped. */
static void
test_into (void)
{
  struct job job;
  struct watch watch = {0}, rest = {0}, whole = {0};
  g_autoptr (GError) error = NULL;
  g_autofree char *base = g_build_filename (uninterrupted (true), "result.safetensors", NULL), *text = NULL;
  g_autofree char *pack = file ("base.safetensors"), *made = file ("extended.safetensors");
  gsize size;

  g_assert_true (g_file_get_contents (base, &text, &size, NULL));
  g_assert_true (g_file_set_contents (pack, text, (gssize) size, NULL));
  job_init (&job, "into", 4, true);
  job_set (&job, "into", pack);
  check_fails (&job, IMPASTO_ERROR_USAGE, "has a style red already");
  g_clear_pointer (&job.inputs[1], g_free);
  job_set (&job, "names", "green: Green, A Test, 1900");
  run_whole (&job, &whole);
  g_assert_nonnull (strstr (whole.messages->str, "green begins as "));
  g_autofree char *uncut = g_build_filename (whole.folder, "result.safetensors", NULL);
  job_set (&job, "output", made);
  run_until (&job, &watch, 2);
  job_set (&job, "resume", watch.folder);
  run_whole (&job, &rest);
  g_autoptr (weights) old = safetensors_load (pack, &error), new = safetensors_load (made, &error);
  g_autoptr (weights) same = safetensors_load (uncut, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < weights_count (old); i++) {
    const char *name = weights_name (old, i);
    struct tensor *a = weights_at (old, i), *b = weights_find (new, name), *c = weights_find (same, name);
    g_assert_cmpmem (b->data, b->size, c->data, c->size);
    if (!g_str_has_suffix (name, ".scale") && !g_str_has_suffix (name, ".shift")) {
      g_assert_cmpmem (a->data, a->size, b->data, b->size);
      continue;
    }
    size_t row = a->size / 3; /* red, blue, the photograph */
    const char *x = a->data, *y = b->data;
    g_assert_cmpint (b->shape.dim[0], ==, 4);
    g_assert_cmpmem (x, 2 * row, y, 2 * row);
    g_assert_cmpmem (x + 2 * row, row, y + 3 * row, row);
    g_assert_true (memcmp (y + 2 * row, x, row) && memcmp (y + 2 * row, x + row, row));
  }
  g_autoptr (pack) loaded = pack_load (made, &error);
  g_assert_no_error (error);
  g_assert_cmpint (pack_find_style (loaded, "green"), ==, 2);
  g_assert_cmpstr (((struct pack_style *) loaded->styles->pdata[2])->artist, ==, "A Test");
  g_assert_true (json_object_has_member (loaded->training, "fitted"));
  g_clear_pointer (&text, g_free);
  g_assert_true (g_file_get_contents (made, &text, &size, NULL));
  g_assert_true (g_file_set_contents (pack, text, (gssize) size, NULL)); /* the extended one in its place: same trunk */
  job_set (&job, "names", "mauve");
  g_clear_pointer (&job.run.resume, g_free);
  job_set (&job, "output", pack); /* over the pack itself, as it is asked to */
  watch_clear (&watch);
  run_until (&job, &watch, 1);
  g_autofree char *other = g_build_filename (uninterrupted (false), "result.safetensors", NULL);
  g_clear_pointer (&text, g_free);
  g_assert_true (g_file_get_contents (other, &text, &size, NULL));
  g_assert_true (g_file_set_contents (pack, text, (gssize) size, NULL));
  job_set (&job, "resume", watch.folder);
  check_fails (&job, IMPASTO_ERROR_INPUT, "is not the pack that this run began with");
  g_clear_pointer (&job.run.resume, g_free);
  job_set (&job, "start", other);
  check_fails (&job, IMPASTO_ERROR_USAGE, "leave --start out");
  watch_clear (&watch);
  watch_clear (&rest);
  watch_clear (&whole);
  job_clear (&job);
}

/* Numbers that nobody chose are the recipe's. */
static void
test_defaults (void)
{
  for (int into = 0; into < 2; into++) {
    struct style_settings *settings = g_malloc0 (recipe_style.settings_size);
    struct run_settings run = {0};
    option_init (recipe_style.options, settings);
    option_init (run_options, &run);
    if (into)
      g_assert_true (option_set (recipe_style.options, settings, "into", "pack.safetensors", NULL));
    recipe_style.settle (settings, &run);
    g_assert_cmpint (run.steps, ==, into ? 300 : 0);
    g_assert_cmpfloat (settings->rate, ==, into ? 0.02 : 0.001);
    option_clear (recipe_style.options, settings);
    option_clear (run_options, &run);
    g_free (settings);
  }
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

/* From the folder alone: paintings and settings are those of its recipe.json. */
static void
test_resume_folder_alone (void)
{
  struct job job, other;
  struct watch watch = {0}, rest = {0};

  job_init (&job, "alone", 6, true);
  run_until (&job, &watch, 3);
  job_init (&other, "alone", 99, false);
  job_set (&other, "resume", watch.folder);
  g_clear_pointer (&other.inputs[0], g_free);
  g_clear_pointer (&other.inputs[1], g_free);
  run_whole (&other, &rest);
  same_run (uninterrupted (true), watch.folder, 6);
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
    job_set (&job, "resume", below);
    g_clear_pointer (&job.inputs[0], g_free);
    g_clear_pointer (&job.inputs[1], g_free);
    check_fails (&job, IMPASTO_ERROR_INPUT, texts[i][1]);
    job_clear (&job);
  }
  g_unlink (path);
}

/* Kills */

static gpointer
kill_soon (gpointer data)
{
  g_usleep (GPOINTER_TO_UINT (data));
  kill (getpid (), SIGKILL);
  return NULL;
}

static int kill_at;
static guint kill_delay;

static void
kill_on_step (const struct train_progress *progress)
{
  if (progress->step == kill_at)
    g_thread_unref (g_thread_new ("kill", kill_soon, GUINT_TO_POINTER (kill_delay)));
}

/* In a child: trains until the killing thread it starts has its way. */
static void
child_killed (void)
{
  struct job job;
  struct watch watch = {.each = kill_on_step};
  const char *how = g_getenv ("TEST_TRAIN_KILL"), *delay = strchr (how, ',');

  kill_at = atoi (how);
  kill_delay = (guint) atoi (delay + 1);
  job_init (&job, "killed", 6, true);
  job_set (&job, "save-every", "1");
  run_whole (&job, &watch);
  g_usleep (G_USEC_PER_SEC); /* killed by now */
}

static void
test_killed (void)
{
  for (int i = 0; i < 3; i++) {
    int step = g_test_rand_int_range (2, 6), delay = i == 0 ? 0 : g_test_rand_int_range (0, 150000);
    g_autofree char *how = g_strdup_printf ("%d,%d", step, delay),
                    *number = g_strdup_printf ("killed/%05d-style", i + 1);
    g_autofree char *killed = file (number);
    struct job job;
    struct watch watch = {0};

    g_test_message ("killed %s (step, microseconds)", how);
    g_setenv ("TEST_TRAIN_KILL", how, TRUE);
    g_test_trap_subprocess ("/train/child/killed/subprocess", 0, 0);
    g_assert_false (g_test_trap_has_passed ());
    g_assert_false (there (killed, "result.safetensors") && delay == 0);
    job_init (&job, "killed", 6, true);
    job_set (&job, "save-every", "1");
    job_set (&job, "resume", killed);
    run_whole (&job, &watch);
    same_run (uninterrupted (true), killed, 6);
    watch_clear (&watch);
    job_clear (&job);
  }
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
                   g_str_has_suffix (name, ".jsonl"));
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
    {"names", "one", IMPASTO_ERROR_USAGE, "lists 1 names for 2 paintings"},
    {"names", "one;one", IMPASTO_ERROR_USAGE, "names two styles"},
    {"names", "one;Two Words", IMPASTO_ERROR_USAGE, "is no name for a style"},
    {"size", "72", IMPASTO_ERROR_USAGE, "multiple of 16"},
    {"ends", "4", IMPASTO_ERROR_USAGE, "odd"},
    {"resume", "/nowhere", IMPASTO_ERROR_INPUT, "nowhere"},
    {"resume", "/photos", IMPASTO_ERROR_INPUT, "no checkpoint"},
  };
  struct job job;

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

static void
remove_tree (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);

  for (const char *name; dir != NULL && (name = g_dir_read_name (dir)) != NULL;) {
    g_autofree char *below = g_build_filename (path, name, NULL);
    if (g_file_test (below, G_FILE_TEST_IS_DIR))
      remove_tree (below);
    else
      g_unlink (below);
  }
  g_rmdir (path);
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
    {"/train/draws", test_draws},
    {"/train/start", test_start},
    {"/train/into", test_into},
    {"/train/defaults", test_defaults},
    {"/train/resume/folder-alone", test_resume_folder_alone},
    {"/train/resume/changed-recipe", test_changed_recipe},
    {"/train/resume/damaged-checkpoint", test_damaged_checkpoint},
    {"/train/resume/incomplete-checkpoint", test_incomplete_checkpoint},
    {"/train/resume/recipe-file", test_recipe_file},
    {"/train/resume/killed", test_killed},
    {"/train/disk/full", test_full_disk},
    {"/train/disk/unwritable", test_unwritable},
    {"/train/nan", test_nan},
    {"/train/messages/wrong", test_messages},
    {"/train/messages/missing", test_what_is_missing},
    {"/train/child/killed/subprocess", child_killed},
  };
  const char *given = g_getenv (FOLDER_VARIABLE);
  int failed;

  g_test_init (&argc, &argv, NULL);
  g_log_set_always_fatal (G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL); /* libvips warns of damaged files, unheard */
  folder = given != NULL ? g_strdup (given) : g_dir_make_tmp ("impasto-train-XXXXXX", NULL);
  if (given == NULL) {
    g_setenv (FOLDER_VARIABLE, folder, TRUE);
    make_everything ();
  }
  g_test_add_data_func ("/train/resume/plain", GINT_TO_POINTER (false), test_resume);
  g_test_add_data_func ("/train/resume/adversary", GINT_TO_POINTER (true), test_resume);
  for (size_t i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add_func (tests[i].path, tests[i].run);
  failed = g_test_run ();
  if (given == NULL)
    remove_tree (folder);
  g_free (folder);
  return failed;
}
