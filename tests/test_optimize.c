/* SPDX-License-Identifier: Apache-2.0
 *
 * Painting by optimisation on tiny pictures with a feature network of random weights: losses fall, L-BFGS is ahead of
 * Adam, a painting that was stopped anywhere goes on to the bits of one that nobody stopped, awkward pictures work, and
 * what cannot work is said in one line beforehand. */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "compile/plan.h"
#include "effect/optimize_level.h"
#include "fixture.h"
#include "image/pixels.h"
#include "impasto/impasto.h"
#include "net/net_file.h"
#include "waves.h"

static char *features_path;

/* A perceptual network whose weights are random, @gain times as large, as a file. */
static char *
save_features (const char *name, double gain)
{
  struct perceptual_net settings = {.channels = {8, 12, 16}};
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (weights) weights = weights_new ();
  g_autoptr (GError) error = NULL;
  perceptual_net (graph_input (graph, "picture", SHAPE (1, 3, 16, 16)), 3, &settings);
  g_assert_true (weights_init (weights, graph, 7, &error));
  for (guint i = 0; i < weights_count (weights); i++)
    for (int64_t k = 0; k < shape_size (&weights_at (weights, i)->shape); k++)
      tensor_floats (weights_at (weights, i))[k] *= (float) gain;
  g_autoptr (net_file) net = net_file_new (&net_perceptual, &settings, weights);
  char *path = file (name);
  net_file_save (net, path, &error);
  g_assert_no_error (error);
  return path;
}

/* --- Painting --- */

struct job {
  struct paint_settings paint;
  struct optimize_settings optimize;
  const char *output;
  int ticks, stop_at; /* calls of progress; which says stop, 0 = none */
  double share;
};

static void
job_set (struct job *job, const char *name, const char *value)
{
  g_autoptr (GError) error = NULL;
  bool own = option_find (optimize_options, name) != NULL;
  option_set (own ? optimize_options : paint_options, own ? (void *) &job->optimize : &job->paint, name, value, &error);
  g_assert_no_error (error);
}

static void
job_init (struct job *job, const char *style_image)
{
  *job = (struct job){0};
  option_init (paint_options, &job->paint);
  option_init (optimize_options, &job->optimize);
  job->paint.optimize = &job->optimize;
  job_set (job, "features", features_path);
  job_set (job, "style-image", style_image);
  job_set (job, "method", "optimize");
  job_set (job, "threads", "1");
  job_set (job, "steps", "12");
}

static void
job_clear (struct job *job)
{
  option_clear (paint_options, &job->paint);
  option_clear (optimize_options, &job->optimize);
}

static bool
on_progress (double share, const char *what, void *data)
{
  struct job *job = data;
  g_assert_cmpfloat (share, >=, 0);
  g_assert_cmpfloat (share, <=, 1);
  g_assert_true (job->share == 0 || share >= job->share - 1e-9);
  job->share = share;
  return ++job->ticks != job->stop_at;
}

/* Paints @picture; what it becomes is all there is to see. */
static bool
paint (struct job *job, struct picture *picture, GError **error)
{
  struct paint_job told = {on_progress, job, job->output};
  g_autoptr (painter) painter = painter_new (&job->paint, error);
  job->ticks = 0;
  job->share = 0;
  return painter && painter_run (painter, picture, &told, error);
}

static struct picture *
paint_whole (struct job *job, int width, int height)
{
  g_autoptr (GError) error = NULL;
  struct picture *picture = make_waves (width, height, 2);
  paint (job, picture, &error);
  g_assert_no_error (error);
  return picture;
}

static void
check_fails (struct job *job, int code, const char *text)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (picture) picture = make_waves (40, 32, 2);
  g_assert_false (paint (job, picture, &error));
  check_error (error, code, text);
}

static void
assert_same (const struct picture *a, const struct picture *b)
{
  g_assert_cmpint (a->width, ==, b->width);
  g_assert_cmpint (a->height, ==, b->height);
  g_assert_cmpmem (a->rgb, 12 * a->width * a->height, b->rgb, 12 * b->width * b->height);
}

static void
check_pixels (const struct picture *picture)
{
  for (int64_t i = 0; i < (int64_t) 3 * picture->width * picture->height; i++)
    g_assert_true (picture->rgb[i] >= 0 && picture->rgb[i] <= 1);
}

/* --- A level by itself --- */

struct studio {
  struct features *features;
  struct style_target target;
  struct patches *patches;
  struct picture *photo, *painting;
  struct level_options options;
};

static void
studio_init (struct studio *studio, struct job *job, int64_t steps)
{
  g_autoptr (GError) error = NULL;
  *studio = (struct studio){.features = features_load (features_path, &error)};
  studio->photo = make_waves (44, 36, 2);
  studio->painting = make_waves (160, 128, 7);
  struct style_painting painting = {studio->painting, 1};
  g_assert_true (style_target_measure (&studio->target, studio->features, &painting, 1, 1, 0, &error));
  studio->patches = patches_new (studio->features, &painting, 1, 1000, 1, 0, &error);
  g_assert_no_error (error);
  studio->options = (struct level_options){.settings = &job->optimize,
                                           .features = studio->features,
                                           .target = &studio->target,
                                           .patches = job->optimize.patch_weight > 0 ? studio->patches : NULL,
                                           .width = studio->photo->width,
                                           .height = studio->photo->height,
                                           .steps = steps,
                                           .threads = 1};
}

static void
studio_clear (struct studio *studio)
{
  style_target_clear (&studio->target);
  patches_free (studio->patches);
  features_free (studio->features);
  picture_free (studio->photo);
  picture_free (studio->painting);
}

/* The losses after @steps from the photograph. */
static struct level_losses
losses_after (struct job *job, int64_t steps)
{
  struct studio studio;
  g_autoptr (GError) error = NULL;
  studio_init (&studio, job, steps);
  g_autoptr (level) level = level_new (&studio.options, studio.photo->rgb, studio.photo->rgb, &error);
  g_assert_no_error (error);
  while (!level_finished (level))
    g_assert_true (level_step (level, NULL, NULL, &error));
  g_assert_cmpint (level_done (level), >=, steps);
  struct level_losses losses = level_losses (level);
  studio_clear (&studio);
  return losses;
}

static void
test_losses_fall (void)
{
  static const char *const optimizers[] = {"lbfgs", "adam"};
  double total[2];
  for (int i = 0; i < 2; i++) {
    struct job job;
    job_init (&job, "x.png");
    job_set (&job, "optimizer", optimizers[i]);
    struct level_losses early = losses_after (&job, 2), late = losses_after (&job, 40);
    g_test_message ("%s: style %g to %g, total %g to %g", optimizers[i], early.style, late.style, early.total,
                    late.total);
    g_assert_cmpfloat (late.style, <, early.style / 2);
    g_assert_cmpfloat (late.total, <, early.total / 2);
    total[i] = late.total;
    job_clear (&job);
  }
  g_assert_cmpfloat (total[0], <, total[1]); /* L-BFGS is ahead at the same number of gradients */
}

/* The target is the painting's own look: a picture that is the painting has no style to gain. */
static void
test_own_style (void)
{
  struct job job;
  struct studio studio;
  g_autoptr (GError) error = NULL;
  job_init (&job, "x.png");
  job_set (&job, "patch-weight", "1");
  studio_init (&studio, &job, 1);
  studio.options.width = studio.painting->width;
  studio.options.height = studio.painting->height;
  g_autoptr (level) level = level_new (&studio.options, studio.painting->rgb, studio.painting->rgb, &error);
  g_assert_no_error (error);
  g_assert_true (level_step (level, NULL, NULL, &error));
  struct level_losses own = level_losses (level);
  struct level_losses photo = losses_after (&job, 1);
  g_test_message ("style %g, patches %g; of another picture %g, %g", own.style, own.patches, photo.style,
                  photo.patches);
  g_assert_cmpfloat (own.style, <, 0.1 * photo.style);
  g_assert_cmpfloat (own.patches, <, 0.5 * photo.patches);
  studio_clear (&studio);
  job_clear (&job);
}

/* What matching by convolution says is what comparing each with each says. */
static void
test_matching (void)
{
  struct job job;
  struct studio studio;
  g_autoptr (GError) error = NULL;
  job_init (&job, "x.png");
  job_set (&job, "patch-weight", "1");
  studio_init (&studio, &job, 1);
  int w = 64, h = 48; /* features 8x6, patches 6x4 */
  g_autoptr (picture) picture = make_waves (w, h, 4);
  g_autoptr (patch_matcher) matcher = patch_matcher_new (studio.features, w, h, 1, 0, &error);
  g_assert_no_error (error);
  int64_t c = studio.patches->channels, rows = h / 8, columns = w / 8;
  g_autoptr (tensor) target = tensor_new (SHAPE (1, c, rows, columns), DTYPE_F32, &error);
  patch_match (matcher, studio.patches, picture->rgb, target);

  g_autoptr (graph) graph = graph_new ();
  g_autoptr (weights) weights = weights_new ();
  features_add_weights (studio.features, weights, "eye");
  graph_output (graph, "f", patch_features (graph_input (graph, "x", SHAPE (1, 3, h, w)), studio.features));
  g_autoptr (plan) plan =
    plan_compile (graph, weights, &(struct plan_options){.precision = PRECISION_F32, .threads = 1}, &error);
  g_assert_no_error (error);
  memcpy (plan_input (plan, "x")->data, picture->rgb, sizeof (float) * 3 * w * h);
  plan_run (plan, 0, 0);
  const float *f = tensor_floats (plan_output (plan, "f")), *values = tensor_floats (studio.patches->values);
  g_autofree double *sum = g_new0 (double, c *rows *columns);
  g_autofree int *covers = g_new0 (int, rows *columns);
  for (int64_t y = 0; y + 2 < rows; y++)
    for (int64_t x = 0; x + 2 < columns; x++) {
      double best = -1;
      int64_t chosen = 0;
      for (int64_t p = 0; p < studio.patches->count; p++) {
        double both = 0, own = 0;
        for (int64_t k = 0; k < c; k++)
          for (int64_t o = 0; o < 9; o++) {
            double v = values[(p * c + k) * 9 + o];
            both += v * f[(k * rows + y + o / 3) * columns + x + o % 3];
            own += v * v;
          }
        if (both / sqrt (own) > best) {
          best = both / sqrt (own);
          chosen = p;
        }
      }
      for (int64_t o = 0; o < 9; o++) {
        int64_t place = (y + o / 3) * columns + x + o % 3;
        covers[place]++;
        for (int64_t k = 0; k < c; k++)
          sum[k * rows * columns + place] += values[(chosen * c + k) * 9 + o];
      }
    }
  for (int64_t i = 0; i < c * rows * columns; i++)
    g_assert_cmpfloat (fabs (tensor_floats (target)[i] - sum[i] / covers[i % (rows * columns)]), <, 1e-4);
  studio_clear (&studio);
  job_clear (&job);
}

/* --- Whole paintings --- */

/* Stopped at every kind of place, gone on each time: the same bits, and no state is left. */
static void
test_resumes (gconstpointer data)
{
  g_auto (GStrv) words = g_strsplit (data, " ", -1);
  g_autofree char *painting = file ("painting.png"), *output = file ("out.png"), *state = optimize_state_path (output);
  struct job job;
  job_init (&job, painting);
  job_set (&job, "levels", "2");
  job_set (&job, "steps", "16");
  for (int i = 0; words[i]; i += 2)
    job_set (&job, words[i], words[i + 1]);
  g_autoptr (picture) whole = paint_whole (&job, 44, 36);
  check_pixels (whole);
  g_assert_false (g_file_test (state, G_FILE_TEST_EXISTS));

  int stops = 0;
  job.output = output;
  for (bool done = false; !done;) {
    g_autoptr (GError) error = NULL;
    g_autoptr (picture) picture = make_waves (44, 36, 2);
    job.stop_at = 4 + stops; /* a line search may need some evaluations before it gets anywhere */
    done = paint (&job, picture, &error);
    g_assert_true (g_file_test (state, G_FILE_TEST_EXISTS) == !done);
    if (done) {
      assert_same (picture, whole);
      break;
    }
    check_error (error, IMPASTO_ERROR_CANCELLED, state);
    g_assert_cmpint (++stops, <, 30);
  }
  g_assert_cmpint (stops, >=, 3);
  job_clear (&job);
}

/* A state is never mixed with another painting, and a damaged one is no painting. */
static void
test_refuses_state (void)
{
  g_autofree char *painting = file ("painting.png"), *state = file ("my.safetensors");
  g_autoptr (GError) error = NULL;
  struct job job;
  job_init (&job, painting);
  job_set (&job, "state", state);
  job.stop_at = 5;
  g_autoptr (picture) picture = make_waves (40, 32, 2);
  g_assert_false (paint (&job, picture, &error));
  check_error (error, IMPASTO_ERROR_CANCELLED, "my.safetensors");
  job.stop_at = 0;
  job_set (&job, "style-weight", "31");
  check_fails (&job, IMPASTO_ERROR_USAGE, "style-weight");
  job_set (&job, "style-weight", "30");
  g_autoptr (picture) other = make_waves (40, 32, 3);
  g_autoptr (GError) photo_error = NULL;
  g_assert_false (paint (&job, other, &photo_error));
  check_error (photo_error, IMPASTO_ERROR_USAGE, "photograph");

  g_autofree char *bytes = NULL;
  gsize size;
  g_assert_true (g_file_get_contents (state, &bytes, &size, NULL));
  g_assert_true (g_file_set_contents (state, bytes, size / 2, NULL));
  check_fails (&job, IMPASTO_ERROR_INPUT, "my.safetensors");
  g_assert_true (g_file_set_contents (state, "", 0, NULL));
  check_fails (&job, IMPASTO_ERROR_INPUT, "my.safetensors");
  g_unlink (state);
  g_assert_cmpint (g_rename (features_path, state), ==, 0); /* safetensors, but no state */
  g_assert_cmpint (g_rename (state, features_path), ==, 0);
  g_autofree char *copy = NULL;
  g_assert_true (g_file_get_contents (features_path, &copy, &size, NULL));
  g_assert_true (g_file_set_contents (state, copy, size, NULL));
  check_fails (&job, IMPASTO_ERROR_INPUT, "--state");
  g_unlink (state);
  job_clear (&job);
}

static void
test_preview (void)
{
  g_autofree char *painting = file ("painting.png"), *output = file ("p.jpg");
  g_autofree char *preview = optimize_preview_path (output);
  struct job job;
  job_init (&job, painting);
  job_set (&job, "preview", "4");
  job.output = output;
  picture_free (paint_whole (&job, 50, 34));
  g_assert_true (g_str_has_suffix (preview, "/p-preview.jpg"));
  g_autoptr (picture) seen = picture_load (preview, 0, NULL);
  g_assert_nonnull (seen);
  g_assert_cmpint (seen->width, ==, 50);
  g_assert_cmpint (seen->height, ==, 34);
  job_clear (&job);
  job_init (&job, preview); /* a preview is replaced, but not when it is what is painted by */
  job_set (&job, "preview", "4");
  job.output = output;
  check_fails (&job, IMPASTO_ERROR_OUTPUT, "would replace what it is painted by");
  job_clear (&job);
}

/* One pixel, one row, grey, transparent; each start and every optimiser. */
static void
test_awkward_pictures (void)
{
  static const int sizes[][2] = {{1, 1}, {1, 40}, {67, 2}, {33, 31}};
  static const char *const starts[] = {"photo", "noise", "auto"};
  g_autofree char *painting = file ("painting.png");
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    struct job job;
    job_init (&job, painting);
    job_set (&job, "steps", "4");
    job_set (&job, "levels", "3");
    job_set (&job, "start", starts[i % 3]);
    job_set (&job, "optimizer", i % 2 ? "adam" : "lbfgs");
    g_autoptr (picture) picture = paint_whole (&job, sizes[i][0], sizes[i][1]);
    g_assert_cmpint (picture->width, ==, sizes[i][0]);
    g_assert_cmpint (picture->height, ==, sizes[i][1]);
    g_assert_nonnull (strstr (picture->recipe, "painting.png"));
    check_pixels (picture);
    job_clear (&job);
  }
}

/* A photograph of one colour is painted; a painting of one has no style. */
static void
test_grey (void)
{
  g_autofree char *plain = save_waves ("flat.png", 40, 40, 1), *painting = file ("painting.png");
  g_autoptr (picture) flat = picture_load (plain, 0, NULL);
  struct job job;
  job_init (&job, painting);
  for (int64_t i = 0; i < (int64_t) 3 * flat->width * flat->height; i++)
    flat->rgb[i] = 0.5f;
  g_assert_true (picture_save (flat, plain, NULL, NULL));
  g_assert_true (paint (&job, flat, NULL));
  check_pixels (flat);
  job_clear (&job);
  job_init (&job, plain);
  check_fails (&job, IMPASTO_ERROR_INPUT, "of one colour");
  job_clear (&job);
}

/* What a painting's metadata say is set again, files by what is in them. */
static void
test_replay (void)
{
  g_autofree char *painting = file ("painting.png"), *output = file ("painted.png");
  g_autoptr (GError) error = NULL;
  struct job job;
  job_init (&job, painting);
  job_set (&job, "style-weight", "17");
  job_set (&job, "brush", "1.5");
  job_set (&job, "preview", "3");
  g_autoptr (picture) picture = paint_whole (&job, 40, 32);
  g_assert_true (picture_save (picture, output, NULL, &error));
  g_autoptr (ImpastoOptions) options = impasto_paint_options_new ();
  impasto_options_set (options, "levels", "2", NULL); /* given: stays */
  impasto_paint_options_replay (options, output, FALSE, &error);
  g_assert_no_error (error);
  const char *const wanted[][2] = {
    {"method", "optimize"}, {"style-weight", "17"},      {"brush", "1.5"}, {"preview", "0"}, {"levels", "2"},
    {"steps", "12"},        {"features", features_path},
  };
  for (guint i = 0; i < G_N_ELEMENTS (wanted); i++) {
    g_autofree char *value = impasto_options_get (options, wanted[i][0]);
    g_assert_cmpstr (value, ==, wanted[i][1]);
  }
  g_autofree char *image = impasto_options_get (options, "style-image");
  g_assert_true (g_str_has_prefix (image, painting));
  g_autofree char *elsewhere = file ("moved.safetensors"), *text = NULL; /* a feature network that is named */
  gsize size;
  g_assert_true (g_file_get_contents (features_path, &text, &size, NULL) &&
                 g_file_set_contents (elsewhere, text, (gssize) size, NULL));
  g_autoptr (ImpastoOptions) named = impasto_paint_options_new (), other = impasto_paint_options_new ();
  impasto_options_set (named, "features", elsewhere, NULL);
  g_assert_true (impasto_paint_options_replay (named, output, FALSE, &error));
  g_autofree char *kept = impasto_options_get (named, "features");
  g_assert_cmpstr (kept, ==, elsewhere);
  impasto_options_set (other, "features", painting, NULL);
  g_assert_false (impasto_paint_options_replay (other, output, FALSE, &error));
  check_error (error, IMPASTO_ERROR_INPUT, "another feature network");
  g_clear_error (&error);
  g_assert_true (impasto_paint_options_replay (other, output, TRUE, &error));
  g_free (save_waves ("painting.png", 64, 48, 3)); /* another painting of that name */
  g_autoptr (ImpastoOptions) fresh = impasto_paint_options_new ();
  g_assert_false (impasto_paint_options_replay (fresh, output, FALSE, &error));
  check_error (error, IMPASTO_ERROR_INPUT, "painting.png");
  g_free (save_waves ("painting.png", 64, 48, 7));
  job_clear (&job);
}

/* Two paintings: a mix is neither, and weights are shares. */
static void
test_mix (void)
{
  g_autofree char *a = file ("painting.png"), *b = save_waves ("second.png", 60, 60, 8);
  struct picture *painted[4];
  g_autofree char *mix = g_strdup_printf ("%s:1, %s:1", a, b), *twice = g_strdup_printf ("%s:3,%s:3", a, b);
  const char *images[] = {a, b, mix, twice};
  for (int i = 0; i < 4; i++) {
    struct job job;
    job_init (&job, images[i]);
    painted[i] = paint_whole (&job, 40, 32);
    job_clear (&job);
  }
  size_t bytes = 12 * 40 * 32;
  g_assert_cmpmem (painted[2]->rgb, bytes, painted[3]->rgb, bytes);
  g_assert_cmpint (memcmp (painted[2]->rgb, painted[0]->rgb, bytes), !=, 0);
  g_assert_cmpint (memcmp (painted[2]->rgb, painted[1]->rgb, bytes), !=, 0);
  for (int i = 0; i < 4; i++)
    picture_free (painted[i]);
}

static void
test_refusals (void)
{
  g_autofree char *painting = file ("painting.png"), *narrow = save_waves ("narrow.png", 1, 3000, 1);
  g_autofree char *missing = file ("missing.png"), *weight = g_strdup_printf ("%s:-1", painting);
  const struct {
    const char *image, *text;
    int code;
  } cases[] = {
    {"", "--style-image", IMPASTO_ERROR_USAGE},
    {missing, "missing.png", IMPASTO_ERROR_INPUT},
    {weight, "weight", IMPASTO_ERROR_USAGE},
    {narrow, "narrow", IMPASTO_ERROR_INPUT},
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    struct job job;
    job_init (&job, cases[i].image);
    check_fails (&job, cases[i].code, cases[i].text);
    job_clear (&job);
  }
  struct job job;
  job_init (&job, painting);
  job_set (&job, "features", painting);
  check_fails (&job, IMPASTO_ERROR_INPUT, "painting.png");
  job_clear (&job);
}

/* Too large is said before any work, with what would fit; twice the pixels take more. */
static void
test_memory (void)
{
  g_autofree char *painting = file ("painting.png");
  g_autoptr (GError) error = NULL;
  struct paint_forecast forecast, larger;
  struct job job;
  job_init (&job, painting);
  job_set (&job, "memory", "150M");
  g_autoptr (painter) painter = painter_new (&job.paint, &error);
  g_assert_no_error (error);
  g_assert_true (painter_prepare (painter, 100, 80, false, &forecast, &error));
  g_assert_false (painter_prepare (painter, 1000, 800, false, &larger, &error));
  check_error (error, IMPASTO_ERROR_MEMORY, "--size");
  g_assert_cmpuint (larger.bytes, >, forecast.bytes);
  g_assert_cmpuint (larger.bytes, >, larger.limit);
  job_clear (&job);
}

/* Weights so large that features overflow: said with the step and the loss, not painted. */
static void
test_not_finite (void)
{
  g_autofree char *painting = file ("painting.png"), *huge = save_features ("huge.safetensors", 6e4);
  struct job job;
  job_init (&job, painting);
  job_set (&job, "features", huge);
  check_fails (&job, IMPASTO_ERROR_NUMERIC, "step 1");
  job_set (&job, "optimizer", "adam");
  check_fails (&job, IMPASTO_ERROR_NUMERIC, "step 1");
  job_clear (&job);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  folder_make ();
  features_path = save_features ("features.safetensors", 1);
  g_free (save_waves ("painting.png", 64, 48, 7));
  g_test_add_func ("/optimize/losses-fall", test_losses_fall);
  g_test_add_func ("/optimize/own-style", test_own_style);
  g_test_add_func ("/optimize/matching", test_matching);
  g_test_add_data_func ("/optimize/resumes/lbfgs", "optimizer lbfgs", test_resumes);
  g_test_add_data_func ("/optimize/resumes/adam", "optimizer adam", test_resumes);
  g_test_add_data_func ("/optimize/resumes/patches", "patch-weight 1 start noise", test_resumes);
  g_test_add_func ("/optimize/refuses-state", test_refuses_state);
  g_test_add_func ("/optimize/preview", test_preview);
  g_test_add_func ("/optimize/awkward-pictures", test_awkward_pictures);
  g_test_add_func ("/optimize/grey", test_grey);
  g_test_add_func ("/optimize/replay", test_replay);
  g_test_add_func ("/optimize/mix", test_mix);
  g_test_add_func ("/optimize/refusals", test_refusals);
  g_test_add_func ("/optimize/memory", test_memory);
  g_test_add_func ("/optimize/not-finite", test_not_finite);
  int status = g_test_run ();
  folder_remove ();
  g_free (features_path);
  return status;
}
