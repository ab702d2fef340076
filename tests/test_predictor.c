/* SPDX-License-Identifier: Apache-2.0
 *
 * The recipe of a predictor, on tiny networks and made-up pictures: a run learns and leaves the pack's styles as they
 * were, one that was stopped goes on to the same bits, a predictor learns further, and what is refused. And what a pack
 * does with one: it goes to disk and back, and styles may be added beside it. */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "impasto/error.h"
#include "train/checkpoint.h"
#include "train/describer.h"
#include "train/run_pack.h"
#include "train/style_pack.h"
#include "train_fixture.h"
#include "waves.h"

/* styles.safetensors: red and blue, with rows that are another each; described or not. */
static void
make_styles (const char *name, bool described)
{
  const struct style_net tiny = {
    .styles = 2, .photograph = true, .brush = true, .width = 4, .inner = 8, .residuals = 1, .ends = 3, .upsampling = 1};
  g_autofree char *eye = file ("eye.safetensors"), *red = file ("red.png"), *blue = file ("blue.png"),
                  *path = file (name);
  g_autoptr (GError) error = NULL;
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (weights) weights = weights_new ();
  style_net (graph_input (graph, "photo", SHAPE (1, 3, 16, 16)),
             (struct style_control){.rows = graph_input (graph, "rows", SHAPE (1, style_net_rows (&tiny)))}, &tiny);
  g_assert_true (weights_init (weights, graph, 5, NULL));
  for (guint i = 0; i < weights_count (weights); i++)
    if (style_pack_is_row (weights_name (weights, i)))
      for (int64_t k = 0; k < shape_size (&weights_at (weights, i)->shape); k++)
        tensor_floats (weights_at (weights, i))[k] += 0.3 * sin (1 + 2.3 * k + i);
  g_autoptr (pack) pack = pack_new (&tiny, weights);
  pack_add_style (pack, "red", "Red", NULL, NULL);
  pack_add_style (pack, "blue", NULL, NULL, NULL);
  pack->title = g_strdup ("two styles");
  if (described)
    pack->descriptors =
      describe_paintings (eye, (char *[]){red, blue, NULL}, 2, (struct plan_options){.threads = 1}, &error);
  g_assert_true (pack_save (pack, path, &error));
}

static void
make_everything (void)
{
  g_autofree char *paintings = file ("paintings");
  g_mkdir (paintings, 0700);
  g_free (save_waves ("paintings/a.png", 90, 70, 5));
  g_free (save_waves ("paintings/b.png", 70, 90, 7));
  g_free (save_waves ("c.png", 80, 80, 3));
  make_styles ("styles.safetensors", true);
  make_styles ("mute.safetensors", false);
}

static void
begin (struct job *job, int steps)
{
  static const char *const settings[][2] = {
    {"batch", "2"}, {"size", "64"}, {"zoom", "1.5"}, {"free", "4"}, {"hidden", "6"}};
  g_autofree char *eye = file ("eye.safetensors"), *into = file ("styles.safetensors");
  job_new (job, &recipe_predictor, "runs", steps);
  for (guint i = 0; i < G_N_ELEMENTS (settings); i++)
    job_set (job, settings[i][0], settings[i][1]);
  job_set (job, "features", eye);
  job_set (job, "describer", eye);
  job_set (job, "into", into);
  job->inputs[0] = file ("paintings");
  job->inputs[1] = file ("c.png");
}

static void
same_weights (struct weights *a, struct weights *b)
{
  g_assert_cmpuint (weights_count (a), ==, weights_count (b));
  for (guint i = 0; i < weights_count (a); i++) {
    const struct tensor *one = weights_at (a, i), *other = weights_find (b, weights_name (a, i));
    g_assert_nonnull (other);
    g_assert_cmpmem (one->data, one->size, other->data, other->size);
  }
}

static void
test_learns (void)
{
  struct watch idle = {0}, watch = {0};
  g_autoptr (GError) error = NULL;
  g_autofree char *output = file ("made.safetensors"), *before = file ("styles.safetensors");
  learn_at (begin, 40, "1e-8", output, &idle);
  learn_at (begin, 40, "0.02", output, &watch);
  double untrained = mean (idle.loss + 25, 15), trained = mean (watch.loss + 25, 15);
  g_test_message ("loss %g, untrained %g", trained, untrained);
  g_assert_cmpfloat (trained, <, 0.9 * untrained);
  g_autoptr (pack) made = pack_load (output, &error), from = pack_load (before, &error);
  g_assert_no_error (error);
  same_weights (from->weights, made->weights); /* the painter and its styles are as they were */
  g_assert_cmpint (made->predictor.mixed, ==, 2);
  g_assert_cmpint (made->predictor.free, ==, 4);
  g_assert_cmpint (made->predictor.hidden, ==, 6);
  g_assert_cmpint (made->predictor.described, ==, perceptual_descriptor_size (&eye_net));
  g_assert_cmpint (made->settings.predictor.described, ==, 0);
  g_assert_cmpstr (made->title, ==, "two styles");
  g_assert_true (json_object_has_member (made->training, "predictor"));
  g_assert_null (from->predicting);
  watch_clear (&idle);
  watch_clear (&watch);
}

/* A fresh predictor mixes the pack's styles by how near their paintings are. */
static void
test_begins (void)
{
  struct watch watch = {0};
  g_autoptr (GError) error = NULL;
  g_autofree char *output = file ("fresh.safetensors");
  learn_at (begin, 40, "1e-8", output, &watch);
  watch_clear (&watch);
  g_autoptr (pack) pack = pack_load (output, &error);
  g_autoptr (tensor) weights = pack_predict (pack, pack->descriptors, &error);
  g_assert_no_error (error);
  int64_t d = pack->descriptors->shape.dim[1];
  const float *red = tensor_floats (pack->descriptors), *blue = red + d;
  double far = 0; /* of two, each deviates by half of the difference from their mean: 4 q a number */
  for (int64_t k = 0; k < d; k++)
    far += fabs ((double) red[k] - blue[k]) > 1e-3 ? 4 * perceptual_descriptor_share (&eye_net, k) : 0;
  double wanted = 1 / (1 + exp (-far / PERCEPTUAL_TEMPERATURE));
  g_assert_cmpfloat (far, >, 0.1);
  g_assert_cmpfloat_with_epsilon (tensor_floats (weights)[0], wanted, 0.02);
  g_assert_cmpfloat_with_epsilon (tensor_floats (weights)[pack->predictor.mixed + pack->predictor.free + 1], wanted,
                                  0.02);
}

static void
test_resume (void)
{
  check_resume (begin);
}

/* The pack of a run's latest checkpoint is what the run ends with, before halves are made of it. A predictor that was
 * trained before begins better than a fresh one, at the same pictures. */
static void
test_further (void)
{
  struct job job;
  struct watch watch = {0}, fresh = {0}, after = {0};
  g_autoptr (GError) error = NULL;
  g_autofree char *made = file ("further.safetensors");
  learn_at (begin, 40, "0.02", made, &watch);
  g_assert_true (run_pack_matches (watch.folder));
  g_autoptr (pack) latest = run_pack_load (watch.folder, &error), whole = pack_load (made, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < weights_count (latest->predicting); i++) {
    g_autoptr (tensor) half = tensor_convert (weights_at (latest->predicting, i), DTYPE_F16, NULL);
    g_autoptr (tensor) back = tensor_convert (half, DTYPE_F32, NULL);
    const struct tensor *wanted = weights_find (whole->predicting, weights_name (latest->predicting, i));
    g_assert_cmpmem (back->data, back->size, wanted->data, wanted->size);
  }
  begin (&job, 4);
  run_whole (&job, &fresh);
  job_set (&job, "into", made);
  run_whole (&job, &after);
  g_assert_cmpfloat (mean (after.loss, 4), <, mean (fresh.loss, 4));
  job_clear (&job);
  watch_clear (&watch);
  watch_clear (&fresh);
  watch_clear (&after);
}

/* Styles that are fitted into a pack come beside its predictor; a run that starts from it has none. */
static void
test_beside (void)
{
  struct job job;
  struct watch watch = {0}, fit = {0}, start = {0};
  g_autoptr (GError) error = NULL;
  g_autofree char *made = file ("beside.safetensors"), *both = file ("both.safetensors"),
                  *anew = file ("anew.safetensors");
  learn_at (begin, 40, "0.02", made, &watch);
  g_autoptr (pack) from = pack_load (made, &error);
  static const char *const own[] = {"adversary-weight", "judge-width", "width", "inner", "ends", "residuals", NULL};
  job_init (&job, "into", 2, false);
  job_unsay (&job, own);
  job_set (&job, "into", made);
  g_autofree char *eye = file ("eye.safetensors");
  job_set (&job, "names", "other;another");
  job_set (&job, "describer", eye);
  job_set (&job, "rate", "1e-8"); /* stays where it begins */
  job_set (&job, "output", both);
  run_whole (&job, &fit);
  job_clear (&job);
  g_autoptr (pack) extended = pack_load (both, &error);
  g_assert_no_error (error);
  g_assert_cmpint (extended->settings.styles, ==, 4);
  same_weights (from->predicting, extended->predicting);
  g_autofree char *red = file ("red.png"), *blue = file ("blue.png");
  g_autoptr (tensor) seen =
    describe_paintings (eye, (char *[]){red, blue, NULL}, 2, (struct plan_options){.threads = 1}, &error);
  g_autoptr (tensor) weights = pack_predict (from, seen, &error);
  g_autoptr (tensor) rows = pack_predict_rows (from, "res1.norm1.scale", weights, &error);
  g_assert_no_error (error);
  const struct tensor *table = weights_find (extended->weights, "res1.norm1.scale");
  for (int64_t k = 0; k < shape_size (&rows->shape); k++)
    g_assert_cmpfloat_with_epsilon (tensor_floats ((struct tensor *) table)[2 * rows->shape.dim[1] + k],
                                    tensor_floats (rows)[k], 2e-3);
  job_init (&job, "start", 2, false);
  job_set (&job, "start", made);
  job_set (&job, "output", anew);
  run_whole (&job, &start);
  job_clear (&job);
  g_autoptr (pack) without = pack_load (anew, &error);
  g_assert_no_error (error);
  g_assert_null (without->predicting);
  watch_clear (&watch);
  watch_clear (&fit);
  watch_clear (&start);
}

/* What is no picture, and what no style can be taken from, is left out of a folder, and told. */
static void
test_left_out (void)
{
  struct job job;
  struct watch watch = {0};
  g_autofree char *all = file ("all"), *text = file ("all/text.png"), *flat = file ("all/flat.png");
  g_mkdir (all, 0700);
  g_free (save_waves ("all/a.png", 90, 70, 5));
  g_autoptr (picture) black = picture_new (40, 30, false, NULL);
  g_assert_true (picture_save (black, flat, NULL, NULL));
  g_assert_true (g_file_set_contents (text, "no picture", -1, NULL));
  begin (&job, 1);
  g_clear_pointer (&job.inputs[1], g_free);
  g_free (job.inputs[0]);
  job.inputs[0] = g_strdup (all);
  run_whole (&job, &watch);
  g_assert_nonnull (strstr (watch.messages->str, "left out: "));
  g_assert_nonnull (strstr (watch.messages->str, "flat.png: no style can be taken from it"));
  g_assert_nonnull (strstr (watch.messages->str, "text.png"));
  job_clear (&job);
  watch_clear (&watch);
}

static void
test_refused (void)
{
  static const struct {
    const char *name, *value, *text;
    int code;
  } cases[] = {
    {"size", "72", "multiple of 32", IMPASTO_ERROR_USAGE},
    {"into", "paintings", "is a folder", IMPASTO_ERROR_USAGE},
    {"into", "mute.safetensors", "does not tell what its paintings look like", IMPASTO_ERROR_USAGE},
    {"into", "eye.safetensors", "eye.safetensors", IMPASTO_ERROR_INPUT},
    {"describer", "styles.safetensors", "styles.safetensors", IMPASTO_ERROR_INPUT},
    {"input", "missing.jpg", "missing.jpg", IMPASTO_ERROR_INPUT},
    {"input", NULL, "train predictor wants paintings", IMPASTO_ERROR_USAGE},
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    struct job job;
    g_autofree char *path = cases[i].value ? file (cases[i].value) : NULL;
    begin (&job, 2);
    if (g_str_equal (cases[i].name, "input")) {
      g_clear_pointer (&job.inputs[1], g_free);
      g_free (job.inputs[0]);
      job.inputs[0] = g_steal_pointer (&path);
    } else
      job_set (&job, cases[i].name, g_str_equal (cases[i].name, "size") ? cases[i].value : path);
    check_fails (&job, cases[i].code, cases[i].text);
    job_clear (&job);
  }
}

/* Files that somebody else made: a predictor of a size that its manifest does not say, or that is none. */
static void
test_bad_pack (void)
{
  static const char *const changes[][2] = {{"\"free\":4", "\"free\":5"},
                                           {"\"hidden\":6", "\"hidden\":0"},
                                           {"\"mixed\":2", "\"mixed\":0"},
                                           {"\"mixed\":2", "\"mixed\":5000"}};
  struct watch watch = {0};
  g_autofree char *made = file ("good.safetensors"), *bad = file ("bad.safetensors");
  learn_at (begin, 40, "0.02", made, &watch);
  watch_clear (&watch);
  for (guint i = 0; i < G_N_ELEMENTS (changes); i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (weights) all = safetensors_load (made, &error);
    g_auto (GStrv) parts = g_strsplit (weights_metadata (all, "impasto"), changes[i][0], 2);
    g_assert_cmpuint (g_strv_length (parts), ==, 2);
    g_autofree char *manifest = g_strconcat (parts[0], changes[i][1], parts[1], NULL);
    weights_set_metadata (all, "impasto", manifest);
    g_assert_true (safetensors_save (all, bad, &error));
    g_assert_null (pack_load (bad, &error));
    check_error (error, IMPASTO_ERROR_INPUT, "bad.safetensors");
  }
}

/* A checkpoint whose painter is another than its pack's, or of another type, is neither a pack nor gone on with; nor is
 * one whose pack has become another, or that names none. */
static void
test_bad_checkpoint (void)
{
  struct job job;
  struct watch watch = {0};
  g_autoptr (GError) error = NULL;
  begin (&job, 2);
  run_whole (&job, &watch);
  g_autofree char *path = g_build_filename (watch.folder, "network-000002.safetensors", NULL);
  for (int i = 0; i < 3; i++) {
    g_autoptr (weights) checkpoint = safetensors_load (path, &error);
    g_autoptr (tensor) half =
      tensor_convert (weights_find (checkpoint, "average.painter.out.weight"), DTYPE_F16, &error);
    struct tensor *scale = weights_find (checkpoint, "average.painter.res1.norm1.scale");
    g_assert_no_error (error);
    if (i == 0)
      weights_add (checkpoint, "average.painter.out.weight", half);
    else if (i == 1)
      tensor_floats (scale)[0] += 1;
    else
      weights_set_metadata (checkpoint, "recipe", "{\"recipe\": \"predictor\", \"settings\": {}}");
    g_autofree char *digest = checkpoint_digest (checkpoint), *bad = file ("network-000002.safetensors");
    weights_set_metadata (checkpoint, CHECKPOINT_DIGEST, digest);
    g_assert_true (safetensors_save (checkpoint, bad, &error));
    g_assert_null (run_pack_load (bad, &error));
    check_error (error, IMPASTO_ERROR_INPUT, i < 2 ? "is not the pack that this run began with" : "names no pack");
    g_clear_error (&error);
  }
  job_clear (&job);
  watch_clear (&watch);
}

int
main (int argc, char **argv)
{
  fixture_begin (&argc, &argv);
  make_everything ();
  g_test_add_func ("/predictor/learns", test_learns);
  g_test_add_func ("/predictor/begins", test_begins);
  g_test_add_func ("/predictor/resume", test_resume);
  g_test_add_func ("/predictor/further", test_further);
  g_test_add_func ("/predictor/beside", test_beside);
  g_test_add_func ("/predictor/left-out", test_left_out);
  g_test_add_func ("/predictor/refused", test_refused);
  g_test_add_func ("/predictor/bad-pack", test_bad_pack);
  g_test_add_func ("/predictor/bad-checkpoint", test_bad_checkpoint);
  return fixture_run ();
}
