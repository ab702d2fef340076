/* SPDX-License-Identifier: Apache-2.0
 *
 * Unpaired translation: objectives, values and gradients, against PyTorch (tests/oracle/translate.py); runs over
 * made-up pictures: a stopped one goes on to the same bits with a pool in use, results paint and go on from each other,
 * what makes no sense is refused in one line. */
#include <math.h>
#include <string.h>

#include "compile/plan.h"
#include "net/pack.h"
#include "oracle.h"
#include "train/gan_loss.h"
#include "train/translate_loss.h"
#include "train/translate_recipe.h"
#include "train_fixture.h"

#define REFERENCE "translate.json"
#define TOLERANCE 1e-4
#define SIDE 32

/* --- Objectives --- */

/* Smooth noise with some edges, as pictures() of the script. */
static sym
pictures (struct graph *graph, const char *name)
{
  g_autofree char *edges = g_strconcat (name, "s", NULL);
  struct shape shape = SHAPE (2, 3, SIDE, SIDE);
  sym smooth = sym_resize_bilinear (oracle_constant (graph, name, SHAPE (2, 3, 6, 6), 0.9, 0.5), SIDE, SIDE);
  sym spots = sym_greater (oracle_constant (graph, edges, shape, 1, 0), graph_scalar (graph, 0.45));
  return sym_add (smooth, sym_scale (spots, 0.1));
}

static sym
build_objective (struct graph *graph, const char *name)
{
  bool cut = g_str_equal (name, "cut");
  struct translate_settings settings = {.method = cut ? TRANSLATE_CUT : TRANSLATE_CYCLEGAN,
                                        .batch = 2,
                                        .size = SIDE,
                                        .filters = 4,
                                        .blocks = 2,
                                        .ends = 3,
                                        .judge_width = 4,
                                        .upsampling = UPSAMPLING_TRANSPOSED,
                                        .cycle_weight = 10,
                                        .identity_weight = cut ? 0.5 : 5,
                                        .contrast_weight = 0.5,
                                        .edge_weight = cut ? 0 : 0.5,
                                        .colour_weight = cut ? 10 : 0,
                                        .temperature = 0.07,
                                        .adversary_weight = 1};
  sym real[SIDES] = {pictures (graph, "photo"), pictures (graph, "painting")}, places[STYLE_TAPS];
  for (int i = 0; i < STYLE_TAPS; i++) {
    static const int64_t sides[STYLE_TAPS] = {SIDE, SIDE / 2, SIDE / 4, SIDE / 4, SIDE / 4};
    g_autoptr (tensor) tensor = tensor_new (SHAPE (6), DTYPE_F32, NULL);
    for (int k = 0; k < 6; k++)
      tensor_floats (tensor)[k] = (k * 7 + i) % (sides[i] * sides[i]);
    places[i] = graph_constant (graph, tensor);
  }
  struct translate_losses losses = translate_losses (graph, &settings, NULL, real, places, (sym){0});
  sym values[] = {sym_reshape (losses.translators, SHAPE (1)), sym_reshape (losses.judges, SHAPE (1))};
  return sym_concat (values, 2, 0);
}

/* The pairs, by the eye of the fixture. */
static sym
build_pair (struct graph *graph, const char *name)
{
  bool anime = g_str_equal (name, "anime");
  g_autoptr (GError) error = NULL;
  g_autofree char *path = file ("eye.safetensors");
  g_autoptr (features) eye = features_load (path, &error);
  g_assert_no_error (error);
  struct translate_settings settings = {.method = TRANSLATE_FEATURES,
                                        .preset = anime ? STYLE_ANIME : STYLE_PAINTER_GAN,
                                        .batch = 2,
                                        .size = SIDE,
                                        .filters = 4,
                                        .judge_width = 4,
                                        .style_weight = 3,
                                        .content_weight = 2,
                                        .palette_weight = 0.5,
                                        .variation_weight = 0.7,
                                        .adversary_weight = 0.3,
                                        .fusion = anime ? FUSION_ATTENTION : FUSION_MEAN,
                                        .fusion_weight = 0.4,
                                        .loss = GAN_NON_SATURATING,
                                        .label = anime ? 1 : 0.9,
                                        .edge_weight = anime ? 0.5 : 0};
  sym real[SIDES] = {pictures (graph, "photo"), pictures (graph, "painting")};
  struct translate_losses losses = translate_losses (graph, &settings, eye, real, NULL, graph_scalar (graph, 0.25));
  sym values[] = {sym_reshape (losses.translators, SHAPE (1)), sym_reshape (losses.judges, SHAPE (1))};
  return sym_concat (values, 2, 0);
}

static sym
build_smoothed (struct graph *graph, const char *name)
{
  graph_push (graph, "factor");
  sym factor = graph_parameter (graph, "scale", SHAPE (1, 1), (struct init){INIT_ZERO, 0});
  graph_pop (graph);
  return sym_mul (smooth_edges (pictures (graph, "photo")), factor);
}

static void
test_oracle (gconstpointer oracle)
{
  oracle_check (REFERENCE, oracle, PRECISION_F32, TOLERANCE);
}

/* --- Runs --- */

static void
begin (struct job *job, const char *method, int steps)
{
  static const char *const settings[][2] = {{"size", "32"}, {"filters", "4"}, {"blocks", "1"},    {"ends", "3"},
                                            {"batch", "1"}, {"keep", "9"},    {"average", "0.9"}, {"name", "waves"}};
  g_autofree char *paintings = file ("mixed");
  job_new (job, &recipe_translate, method, steps);
  for (guint i = 0; i < G_N_ELEMENTS (settings); i++)
    job_set (job, settings[i][0], settings[i][1]);
  job_set (job, "paintings", paintings);
  job_set (job, "method", method);
}

/* Six pictures of a side through a pool of four: it fills, and changes places from then on. */
static void
begin_cycles (struct job *job, int steps)
{
  begin (job, "cyclegan", steps);
  job_set (job, "pool", "4");
  job_set (job, "edge-weight", "0.5");
  job_set (job, "color", "yes");
  job_set (job, "translation", "yes");
}

static void
begin_cut (struct job *job, int steps)
{
  begin (job, "cut", steps);
  job_set (job, "patches", "20");
  job_set (job, "color-weight", "10");
}

/* From one picture; with a pool, so that the judge goes over two batches. */
static void
begin_pair (struct job *job, const char *preset, int steps)
{
  g_autofree char *painting = file ("red.png"), *eye = file ("eye.safetensors");
  begin (job, "auto", steps);
  job_unsay (job, (const char *const[]){"blocks", "ends", NULL});
  job_set (job, "preset", preset);
  job_set (job, "features", eye);
  job_set (job, "paintings", painting);
  job_set (job, "batch", "2");
}

static void
begin_painter (struct job *job, int steps)
{
  begin_pair (job, "painter-gan", steps);
  job_set (job, "pool", "3");
  job_set (job, "spectral", "yes");
  job_set (job, "loss", "hinge");
}

static void
begin_anime (struct job *job, int steps)
{
  begin_pair (job, "anime", steps);
  job_set (job, "edge-weight", "0.5");
  job_set (job, "color-weight", "1");
}

static const struct resumed {
  const char *name;
  void (*begin) (struct job *job, int steps);
} resumed[] = {{"cyclegan", begin_cycles}, {"cut", begin_cut}, {"painter-gan", begin_painter}, {"anime", begin_anime}};

static void
test_resume (gconstpointer data)
{
  const struct resumed *run = data;
  check_resume (run->begin);
}

/* A pack of what a pair has learnt, of which the photograph is painted at its own size. */
static void
test_pair (void)
{
  struct job job;
  struct watch watch = {0};
  g_autoptr (GError) error = NULL;
  g_autofree char *output = file ("pair.safetensors");
  begin_pair (&job, "anime", 40);
  job_set (&job, "style-weight", "1");
  job_set (&job, "output", output);
  job_set (&job, "rate", "0.01");
  job_set (&job, "adversary-weight", "0");
  run_whole (&job, &watch);
  g_assert_cmpfloat (mean (watch.loss + 30, 10), <, 0.85 * mean (watch.loss, 5));
  g_autoptr (pack) pack = pack_load (output, &error);
  g_assert_no_error (error);
  g_assert_cmpint (pack->settings.layers, ==, STYLE_ANIME);
  g_assert_cmpint (pack->settings.width, ==, 4);
  g_assert_false (json_object_has_member (pack->training, "features"));
  g_autoptr (graph) graph = graph_new ();
  sym photo = graph_input (graph, "photo", SHAPE (1, 3, 37, 50));
  graph_output (graph, "painting", style_net (photo, (struct style_control){0}, &pack->settings));
  g_autoptr (plan) plan = plan_compile (graph, pack->weights, NULL, &error);
  g_assert_no_error (error);
  struct tensor *input = plan_input (plan, "photo"), *painting = plan_output (plan, "painting");
  for (int64_t i = 0; i < shape_size (&input->shape); i++)
    tensor_floats (input)[i] = i % 50 / 50.0f;
  plan_run (plan, 0, 0);
  g_assert_true (shape_equal (&painting->shape, &input->shape));
  double low = 1, high = 0;
  for (int64_t i = 0; i < shape_size (&painting->shape); i++)
    low = MIN (low, tensor_floats (painting)[i]), high = MAX (high, tensor_floats (painting)[i]);
  g_assert_true (low >= 0 && high <= 1 && high - low > 0.05);
  watch_clear (&watch);
  job_clear (&job);
}

/* The pool holds what was drawn, each picture another, in 0..1; the judge sees some of it. */
static void
test_pool (void)
{
  struct job job;
  struct watch watch = {0};
  g_autoptr (GError) error = NULL;
  begin_cycles (&job, 6);
  run_whole (&job, &watch);
  g_autofree char *path = g_build_filename (watch.folder, "network-000006.safetensors", NULL);
  g_autoptr (weights) weights = safetensors_load (path, &error);
  g_assert_no_error (error);
  for (int side = 0; side < SIDES; side++) {
    g_autofree char *name = g_strdup_printf ("pool.%s", translate_sides[side]);
    struct tensor *pool = weights_find (weights, name);
    int64_t each = 3 * SIDE * SIDE;
    g_assert_nonnull (pool);
    g_assert_cmpint (shape_size (&pool->shape), ==, 4 * each);
    for (int i = 0; i < 4; i++) {
      const float *picture = tensor_floats (pool) + i * each;
      double low = 1, high = 0;
      for (int64_t k = 0; k < each; k++)
        low = MIN (low, picture[k]), high = MAX (high, picture[k]);
      g_assert_cmpfloat (low, >=, 0);
      g_assert_cmpfloat (high, <=, 1);
      g_assert_cmpfloat (high - low, >, 0.05);
      for (int k = 0; k < i; k++)
        g_assert_true (memcmp (picture, tensor_floats (pool) + k * each, each * sizeof (float)));
    }
  }
  watch_clear (&watch);
  job_clear (&job);
}

/* A fresh residual block is nothing; a step later, next to nothing. */
static void
check_hushed (const struct pack *pack)
{
  struct tensor *scale = weights_find (pack->weights, "res1.norm2.scale");
  g_assert_nonnull (scale);
  for (int64_t i = 0; i < shape_size (&scale->shape); i++)
    g_assert_cmpfloat (fabs (tensor_floats (scale)[i]), <, 0.001);
}

/* A translator that corrects begins as the photograph, and a pack that draws anew is none to begin with. */
static void
test_skip (void)
{
  struct job job;
  struct watch watch = {0};
  g_autoptr (GError) error = NULL;
  g_autofree char *output = file ("corrected.safetensors");
  begin (&job, "cut", 1);
  job_set (&job, "output", output);
  job_set (&job, "skip", "yes");
  run_whole (&job, &watch);
  g_autoptr (pack) pack = pack_load (output, &error);
  g_assert_no_error (error);
  g_assert_true (pack->settings.skip);
  struct tensor *last = weights_find (pack->weights, "out.weight");
  for (int64_t i = 0; i < shape_size (&last->shape); i++)
    g_assert_cmpfloat (fabs (tensor_floats (last)[i]), <, 0.001);
  job_set (&job, "start", output);
  job_set (&job, "overwrite", "yes");
  job_set (&job, "skip", "no");
  check_fails (&job, IMPASTO_ERROR_USAGE, "its network has other settings");
  watch_clear (&watch);
  job_clear (&job);
}

/* Both results are packs of one style that a run can begin with. */
static void
test_result (void)
{
  struct job job;
  struct watch watch = {0}, second = {0};
  g_autoptr (GError) error = NULL;
  g_autofree char *output = file ("translated.safetensors");
  begin (&job, "cyclegan", 1);
  job_set (&job, "output", output);
  job_set (&job, "overwrite", "yes");
  job_set (&job, "title", "Waves");
  run_whole (&job, &watch);
  g_assert_true (there (watch.folder, "back.safetensors"));
  g_autoptr (pack) pack = pack_load (output, &error);
  g_assert_no_error (error);
  g_assert_cmpint (pack_find_style (pack, "waves"), ==, 0);
  g_assert_cmpstr (pack->title, ==, "Waves");
  g_assert_false (json_object_has_member (pack->training, "paintings"));
  g_autofree char *back = g_build_filename (watch.folder, "back.safetensors", NULL);
  g_autoptr (pack) other = pack_load (back, &error);
  g_assert_no_error (error);
  g_assert_cmpint (pack_find_style (other, "waves-back"), ==, 0);
  check_hushed (pack);
  check_hushed (other);
  job_set (&job, "start", output);
  run_whole (&job, &second);
  job_set (&job, "start", watch.folder); /* the run itself */
  watch_clear (&second);
  run_whole (&job, &second);
  job_set (&job, "upsampling", "transposed");
  check_fails (&job, IMPASTO_ERROR_USAGE, "its network has other settings");
  watch_clear (&watch);
  watch_clear (&second);
  job_clear (&job);
}

static void
test_refused (void)
{
  static const struct {
    const char *name, *value, *message;
  } cases[] = {
    {"size", "100", "multiple of 16"},
    {"ends", "4", "odd"},
    {"name", "Van Gogh", "lower case"},
    {"spectral", "yes", "of the judges of --preset"},
    {"judge-norm", "none", "of the judges of --preset"},
    {"real-label", "0.8", "goes with --method features"},
    {"style-weight", "99", "goes with --method features"},
    {"fusion", "attention", "goes with --method features"},
    {"features", "nosuch.safetensors", "goes with --method features"},
    {"cycle-weight", "1", "goes with --method cyclegan"},
    {"zoom", "0.5", "--zoom wants 1 to 8"},
    {"painting-zoom", "0.5", "--painting-zoom wants 1 to 8"},
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    struct job job;
    begin (&job, "cut", 1);
    job_set (&job, cases[i].name, cases[i].value);
    check_fails (&job, IMPASTO_ERROR_USAGE, cases[i].message);
    job_clear (&job);
  }
  static const struct {
    const char *name, *value, *message;
    int code;
  } of_pairs[] = {
    {"method", "cut", "--method features", IMPASTO_ERROR_USAGE},
    {"identity-weight", "1", "goes with cyclegan", IMPASTO_ERROR_USAGE},
    {"real-label", "0.9", "losses that have labels", IMPASTO_ERROR_USAGE},
    {"features", "/red.png", "red.png", IMPASTO_ERROR_INPUT},
    {"patches", "4", "goes with --method cut", IMPASTO_ERROR_USAGE},
    {"temperature", "1", "goes with --method cut", IMPASTO_ERROR_USAGE},
    {"contrast-weight", "9", "goes with --method cut", IMPASTO_ERROR_USAGE},
    {"blocks", "2", "of the residual translator", IMPASTO_ERROR_USAGE},
    {"ends", "3", "of the residual translator", IMPASTO_ERROR_USAGE},
    {"upsampling", "transposed", "of the residual translator", IMPASTO_ERROR_USAGE},
    {"fusion-weight", "0.2", "--fusion mean", IMPASTO_ERROR_USAGE},
    {"paintings", "/none.png", "does not exist", IMPASTO_ERROR_INPUT},
    {"paintings", "/text.png", "text.png", IMPASTO_ERROR_INPUT},
  };
  for (guint i = 0; i < G_N_ELEMENTS (of_pairs); i++) {
    struct job job;
    const char *value = of_pairs[i].value;
    g_autofree char *path = *value == '/' ? file (value + 1) : NULL;
    begin_pair (&job, "painter-gan", 1);
    job_set (&job, "loss", "hinge");
    job_set (&job, of_pairs[i].name, path ? path : value);
    check_fails (&job, of_pairs[i].code, of_pairs[i].message);
    job_clear (&job);
  }
  struct job job;
  job_new (&job, &recipe_translate, "refused", 1);
  check_fails (&job, IMPASTO_ERROR_USAGE, "--paintings DIR");
  job_clear (&job);
}

int
main (int argc, char **argv)
{
  static const struct oracle oracles[] = {
    {"cyclegan", build_objective}, {"cut", build_objective}, {"smoothed", build_smoothed},
    {"painter_gan", build_pair},   {"anime", build_pair},
  };
  fixture_begin (&argc, &argv);
  for (guint i = 0; i < G_N_ELEMENTS (oracles); i++) {
    g_autofree char *name = g_strconcat ("/translate/", oracles[i].name, NULL);
    g_test_add_data_func (name, &oracles[i], test_oracle);
  }
  for (size_t i = 0; i < G_N_ELEMENTS (resumed); i++) {
    g_autofree char *path = g_strconcat ("/translate/resume/", resumed[i].name, NULL);
    g_test_add_data_func (path, &resumed[i], test_resume);
  }
  g_test_add_func ("/translate/pair", test_pair);
  g_test_add_func ("/translate/pool", test_pool);
  g_test_add_func ("/translate/skip", test_skip);
  g_test_add_func ("/translate/result", test_result);
  g_test_add_func ("/translate/refused", test_refused);
  return fixture_run ();
}
