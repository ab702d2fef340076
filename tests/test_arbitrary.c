/* SPDX-License-Identifier: Apache-2.0
 *
 * The painter of any style: its network by properties (even attention is AdaIN, strength 0 knows no style, a style
 * mixed with itself is itself, statistics from outside), its recipe on tiny networks and made-up pictures: a run
 * learns, and one that was stopped goes on to the same bits. */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "compile/grad.h"
#include "compile/plan.h"
#include "net/net_file.h"
#include "image/picture.h"
#include "train/checkpoint.h"
#include "train/run_file.h"
#include "train_fixture.h"
#include "waves.h"

static const struct arbitrary_net tiny = {.encoder = {{4, 6, 8}}, .keys = 4, .residuals = 1};

/* The network */

static void
fill (struct plan *plan, const char *name, uint32_t stream)
{
  struct tensor *tensor = plan_input (plan, name);
  random_uniform_fill ((struct random_key){.stream = stream}, 0, tensor_floats (tensor), shape_size (&tensor->shape));
}

static struct plan *
compiled (struct graph *graph, struct weights *weights, enum precision precision)
{
  g_autoptr (GError) error = NULL;
  weights_init (weights, graph, 7, NULL);
  struct plan *plan = plan_compile (graph, weights, &(struct plan_options){.precision = precision}, &error);
  g_assert_no_error (error);
  g_auto (GStrv) slow = plan_reference_steps (plan);
  if (slow[0])
    g_error ("runs a reference kernel: %s", slow[0]);
  return plan;
}

/* Largest difference of two outputs. */
static double
difference (struct plan *plan, const char *a, const char *b)
{
  struct tensor *x = plan_output (plan, a), *y = plan_output (plan, b);
  double most = 0;
  g_assert_true (shape_equal (&x->shape, &y->shape));
  for (int64_t i = 0; i < shape_size (&x->shape); i++)
    most = MAX (most, fabs ((double) tensor_floats (x)[i] - tensor_floats (y)[i]));
  return most;
}

/* Every parameter of the decoder receives a gradient, and no step is slow: at sizes that fill the tokens and not. */
static void
test_gradient (void)
{
  static const int sizes[][2] = {{32, 48}, {17, 29}};
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    g_autoptr (graph) graph = graph_new ();
    g_autoptr (weights) weights = weights_new ();
    sym photo = graph_input (graph, "photo", SHAPE (2, 3, sizes[i][0], sizes[i][1]));
    struct arbitrary_style style = arbitrary_encode (graph_input (graph, "style", SHAPE (2, 3, 48, 32)), &tiny);
    struct arbitrary_control control = {.styles = &style, .n_styles = 1, .attention = graph_scalar (graph, 0.5)};
    sym y = arbitrary_net (photo, control, &tiny);
    struct shape in = sym_shape (photo), out = sym_shape (y);
    g_assert_true (shape_equal (&in, &out));
    sym loss = sym_reshape (sym_mean (sym_square (y), AXES_ALL), SHAPE_SCALAR);
    g_autoptr (GArray) parameters = g_array_new (FALSE, FALSE, sizeof (sym));
    for (int id = 0, n = graph_count (graph); id < n; id++)
      if (graph_node (graph, id)->op == &op_parameter && g_str_has_prefix (graph_node (graph, id)->name, "decoder."))
        g_array_append_val (parameters, ((sym){graph, id}));
    g_assert_cmpuint (parameters->len, ==,
                      2 * 10 + 1); /* ten convolutions, one without a bias, the comparison and its sharpness */
    g_autofree sym *dw = g_new0 (sym, parameters->len);
    graph_gradient (loss, &g_array_index (parameters, sym, 0), parameters->len, dw);
    for (guint k = 0; k < parameters->len; k++)
      graph_output (graph, sym_node (g_array_index (parameters, sym, k))->name, dw[k]);
    g_autoptr (plan) plan = compiled (graph, weights, PRECISION_F32);
    fill (plan, "photo", 1);
    fill (plan, "style", 2);
    plan_run (plan, 0, 0);
    for (guint k = 0; k < parameters->len; k++) {
      const char *name = sym_node (g_array_index (parameters, sym, k))->name;
      struct tensor *gradient = plan_output (plan, name);
      double most = 0;
      for (int64_t p = 0; p < shape_size (&gradient->shape); p++)
        most = MAX (most, fabs (tensor_floats (gradient)[p]));
      if (!(most > 1e-9) || !isfinite (most))
        g_error ("%s: the largest gradient is %g", name, most);
    }
  }
}

static void
test_properties (void)
{
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (weights) weights = weights_new ();
  sym photo = graph_input (graph, "photo", SHAPE (1, 3, 40, 24));
  struct arbitrary_style styles[2] = {arbitrary_encode (graph_input (graph, "a", SHAPE (1, 3, 32, 48)), &tiny),
                                      arbitrary_encode (graph_input (graph, "b", SHAPE (1, 3, 64, 32)), &tiny)};
  struct arbitrary_style twice[2] = {styles[0], styles[0]};
  sym one = graph_scalar (graph, 1), zero = graph_scalar (graph, 0);
  sym weights_of_two = graph_input (graph, "weights", SHAPE (1, 2));
  struct style_statistics statistics = {0}, taken;
  const struct {
    const char *name;
    struct arbitrary_control control;
  } outputs[] = {
    {"adain", {.styles = styles, .n_styles = 1, .statistics = &statistics}},
    {"adain by attention 0", {.styles = styles, .n_styles = 1, .attention = zero}},
    {"attention", {.styles = styles, .n_styles = 1, .attention = one}},
    {"another", {.styles = styles + 1, .n_styles = 1}},
    {"none of a", {.styles = styles, .n_styles = 1, .attention = one, .strength = zero}},
    {"none of b", {.styles = styles + 1, .n_styles = 1, .strength = zero}},
    {"a and a", {.styles = twice, .n_styles = 2, .attention = one, .weights = weights_of_two}},
    {"a and b", {.styles = styles, .n_styles = 2, .weights = weights_of_two}},
  };
  for (guint i = 0; i < G_N_ELEMENTS (outputs); i++)
    graph_output (graph, outputs[i].name, arbitrary_net (photo, outputs[i].control, &tiny));
  g_assert_cmpint (statistics.count, ==, 7);
  taken = statistics;
  taken.given = true;
  taken.count = 0;
  graph_output (
    graph, "given",
    arbitrary_net (photo, (struct arbitrary_control){.styles = styles, .n_styles = 1, .statistics = &taken}, &tiny));
  g_autoptr (plan) plan = compiled (graph, weights, PRECISION_F32);
  fill (plan, "photo", 1);
  fill (plan, "a", 2);
  fill (plan, "b", 3);
  for (int64_t i = 0; i < 3 * 64 * 32; i++)
    tensor_floats (plan_input (plan, "b"))[i] *= 0.3f;
  tensor_floats (plan_input (plan, "weights"))[0] = 0.25;
  tensor_floats (plan_input (plan, "weights"))[1] = 0.75;
  plan_run (plan, 0, 0);
  g_assert_cmpfloat (difference (plan, "adain", "adain by attention 0"), <, 1e-5);
  g_assert_cmpfloat (difference (plan, "adain", "given"), <, 1e-5);
  g_assert_cmpfloat (difference (plan, "none of a", "none of b"), <, 1e-5);
  g_assert_cmpfloat (difference (plan, "attention", "a and a"), <, 1e-5);
  g_assert_cmpfloat (difference (plan, "adain", "another"), >, 1e-3);
  g_assert_cmpfloat (difference (plan, "adain", "attention"), >, 1e-5);
  g_assert_cmpfloat (difference (plan, "adain", "a and b"), >, 1e-4);
  tensor_floats (weights_find (weights, "decoder.sharpness"))[0] =
    0; /* all places alike: the whole painting's moments */
  g_assert_true (plan_refresh (plan, NULL));
  plan_run (plan, 0, 0);
  g_assert_cmpfloat (difference (plan, "adain", "attention"), <, 1e-4);
}

/* Regions: equal mixes are one; what a map gives all to paints alone; and a mix in every place is that mix. */
static void
test_maps (void)
{
  enum { H = 40, W = 29 };
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (weights) weights = weights_new ();
  sym photo = graph_input (graph, "photo", SHAPE (1, 3, H, W)), one = graph_scalar (graph, 1), none = {graph, -1};
  struct arbitrary_style styles[2] = {arbitrary_encode (graph_input (graph, "a", SHAPE (1, 3, 32, 48)), &tiny),
                                      arbitrary_encode (graph_input (graph, "b", SHAPE (1, 3, 64, 32)), &tiny)};
  sym mixes = graph_input (graph, "mixes", SHAPE (2, 2)), equal = graph_input (graph, "equal", SHAPE (2, 2)),
      mixed = graph_input (graph, "mixed", SHAPE (1, 2)), maps = graph_input (graph, "maps", SHAPE (1, 2, H, W)),
      all = graph_input (graph, "all", SHAPE (1, 2, H, W));
  for (int i = 0; i < 2; i++) {
    sym attention = i ? one : none;
    const struct {
      const char *name;
      sym weights, maps;
    } outputs[] = {{"regions", mixes, maps}, {"equal", equal, maps}, {"one", mixes, all}, {"mixed", mixed, none}};
    for (int k = 0; k < 4; k++) {
      g_autofree char *name = g_strdup_printf ("%s %d", outputs[k].name, i);
      struct arbitrary_control control = {.styles = styles,
                                          .n_styles = 2,
                                          .weights = outputs[k].weights,
                                          .maps = outputs[k].maps,
                                          .attention = attention};
      graph_output (graph, name, arbitrary_net (photo, control, &tiny));
    }
  }
  g_autoptr (plan) plan = compiled (graph, weights, PRECISION_F32);
  fill (plan, "photo", 1);
  fill (plan, "a", 2);
  fill (plan, "b", 3);
  for (int64_t i = 0; i < 3 * 64 * 32; i++)
    tensor_floats (plan_input (plan, "b"))[i] *= 0.3f;
  memcpy (tensor_floats (plan_input (plan, "mixes")), (float[]){0.9f, 0.1f, 0.3f, 0.7f}, 4 * sizeof (float));
  memcpy (tensor_floats (plan_input (plan, "equal")), (float[]){0.3f, 0.7f, 0.3f, 0.7f}, 4 * sizeof (float));
  memcpy (tensor_floats (plan_input (plan, "mixed")), (float[]){0.3f, 0.7f}, 2 * sizeof (float));
  for (int i = 0; i < H * W; i++) {
    tensor_floats (plan_input (plan, "maps"))[i] = i % W < W / 2;
    tensor_floats (plan_input (plan, "maps"))[H * W + i] = i % W >= W / 2;
    tensor_floats (plan_input (plan, "all"))[i] = 0;
    tensor_floats (plan_input (plan, "all"))[H * W + i] = 1;
  }
  plan_run (plan, 0, 0);
  for (int i = 0; i < 2; i++) {
    g_assert_cmpfloat (difference (plan, i ? "equal 1" : "equal 0", i ? "mixed 1" : "mixed 0"), <, 1e-5);
    g_assert_cmpfloat (difference (plan, i ? "one 1" : "one 0", i ? "mixed 1" : "mixed 0"), <, 1e-5);
    g_assert_cmpfloat (difference (plan, i ? "regions 1" : "regions 0", i ? "mixed 1" : "mixed 0"), >, 1e-3);
  }
}

/* With given statistics no pixel further away than the reach changes, and some nearly as far do. */
static void
test_reach (void)
{
  enum { SIDE = 200, AT = 96 };
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (weights) weights = weights_new ();
  sym photo = graph_input (graph, "photo", SHAPE (1, 3, SIDE, SIDE));
  struct arbitrary_style style = arbitrary_encode (graph_input (graph, "style", SHAPE (1, 3, 48, 32)), &tiny);
  struct style_statistics statistics = {.given = true};
  int64_t channels[STYLE_NORMS_MAX];
  for (int i = 0, n = arbitrary_net_norms (&tiny, channels); i < n; i++) {
    g_autoptr (tensor) moments = tensor_new (SHAPE (1, 2 * channels[i], 1, 1), DTYPE_F32, NULL);
    for (int64_t k = 0; k < 2 * channels[i]; k++)
      tensor_floats (moments)[k] = k < channels[i] ? 0.2f : 0.05f;
    statistics.moments[i] = graph_constant (graph, moments);
  }
  struct arbitrary_control control = {
    .styles = &style, .n_styles = 1, .attention = graph_scalar (graph, 1), .statistics = &statistics};
  graph_output (graph, "painting", arbitrary_net (photo, control, &tiny));
  g_autoptr (plan) plan = compiled (graph, weights, PRECISION_F32);
  fill (plan, "photo", 1);
  fill (plan, "style", 2);
  plan_run (plan, 0, 0);
  const float *painting = tensor_floats (plan_output (plan, "painting"));
  g_autofree float *before = g_memdup2 (painting, 3 * SIDE * SIDE * sizeof (float));
  int furthest = 0, reach = arbitrary_net_reach (&tiny);
  for (int at = AT; at < AT + 8; at++) {
    float *pixel = tensor_floats (plan_input (plan, "photo")) + at * SIDE + at, kept = *pixel;
    *pixel = kept > 0.5f ? kept - 4 : kept + 4; /* far out, so that little of it gets lost on the way */
    plan_run (plan, 0, 0);
    *pixel = kept;
    for (int i = 0; i < 3 * SIDE * SIDE; i++)
      if (painting[i] != before[i])
        furthest = MAX (furthest, MAX (abs (i % SIDE - at), abs (i / SIDE % SIDE - at)));
  }
  g_test_message ("furthest %d, reach %d", furthest, reach);
  g_assert_cmpint (furthest, <=, reach);
  g_assert_cmpint (furthest, >, reach - 24);
  g_assert_cmpint (reach % 8, ==, 0);
}

/* Bytes through bf16 stay near float32. */
static void
test_bf16 (void)
{
  float *kept = NULL;
  for (int i = 0; i < 2; i++) {
    g_autoptr (graph) graph = graph_new ();
    g_autoptr (weights) weights = weights_new ();
    net_arbitrary.build (&net_arbitrary, graph, &tiny);
    g_autoptr (plan) plan = compiled (graph, weights, i ? PRECISION_BF16 : PRECISION_F32);
    fill (plan, "photo", 1);
    fill (plan, "style", 2);
    plan_run (plan, 0, 0);
    const float *y = tensor_floats (plan_output (plan, "painting"));
    if (i == 0)
      kept = g_memdup2 (y, 3 * 16 * 16 * sizeof (float));
    for (int64_t k = 0; i && k < 3 * 16 * 16; k++)
      g_assert_cmpfloat (fabs (y[k] - kept[k]), <, 0.1);
  }
  g_free (kept);
}

/* The recipe */

static void
make_everything (void)
{
  g_autofree char *paintings = file ("paintings");
  g_mkdir (paintings, 0700);
  g_free (save_waves ("paintings/a.png", 70, 50, 5));
  g_free (save_waves ("paintings/b.png", 40, 90, 7));
  g_free (save_waves ("grey.png", 3, 2, 2));
}

static void
begin (struct job *job, int steps)
{
  static const char *const settings[][2] = {{"batch", "2"}, {"size", "32"}, {"keys", "4"}, {"identity", "0.3"}};
  g_autofree char *encoder = file ("eye.safetensors");
  job_new (job, &recipe_arbitrary, "runs", steps);
  for (guint i = 0; i < G_N_ELEMENTS (settings); i++)
    job_set (job, settings[i][0], settings[i][1]);
  job_set (job, "encoder", encoder);
  job->inputs[0] = file ("paintings");
  job->inputs[1] = file ("grey.png");
}

static void
test_learns (void)
{
  struct watch idle = {0}, watch = {0};
  g_autoptr (GError) error = NULL;
  g_autofree char *output = file ("made.safetensors");
  learn_at (begin, 60, "1e-8", output, &idle);
  learn_at (begin, 60, "0.01", output, &watch);
  double untrained = mean (idle.loss + 40, 20), trained = mean (watch.loss + 40, 20);
  g_test_message ("loss %g, untrained %g", trained, untrained);
  g_assert_cmpfloat (trained, <, 0.9 * untrained);
  g_autoptr (net_file) made = net_file_load (output, &net_arbitrary, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (&((struct arbitrary_net *) made->settings)->encoder, sizeof tiny.encoder, &tiny.encoder,
                   sizeof tiny.encoder);
  g_autofree char *eye_path = file ("eye.safetensors");
  g_autoptr (net_file) eye = net_file_load (eye_path, &net_perceptual, &error);
  struct tensor *a = weights_find (made->weights, "encoder.conv3_4.weight"),
                *b = weights_find (eye->weights, "conv3_4.weight");
  g_assert_cmpmem (a->data, a->size, b->data, b->size); /* the encoder is frozen */
  watch_clear (&idle);
  watch_clear (&watch);
}

static void
test_resume (void)
{
  check_resume (begin);
}

/* A decoder that was trained before begins better than a fresh one, at the same pictures. */
static void
test_start (void)
{
  struct job job;
  struct watch before = {0}, fresh = {0}, after = {0};
  g_autofree char *made = file ("start.safetensors");
  learn_at (begin, 60, "0.01", made, &before);
  begin (&job, 4);
  run_whole (&job, &fresh);
  job_set (&job, "start", made);
  run_whole (&job, &after);
  g_assert_cmpfloat (mean (after.loss, 4), <, 0.9 * mean (fresh.loss, 4));
  job_set (&job, "keys", "5");
  check_fails (&job, IMPASTO_ERROR_USAGE, "start.safetensors: its network has other settings");
  job_clear (&job);
  watch_clear (&before);
  watch_clear (&fresh);
  watch_clear (&after);
}

/* The network of a run's latest checkpoint is what the run ends with, before halves are made of it; another run can
 * begin with it. */
static void
test_checkpoint (void)
{
  struct job job;
  struct watch watch = {0}, after = {0};
  g_autoptr (GError) error = NULL;
  begin (&job, 4);
  run_whole (&job, &watch);
  g_autofree char *result = g_build_filename (watch.folder, "result.safetensors", NULL);
  g_assert_true (run_file_matches (watch.folder));
  g_assert_false (run_file_matches (result));
  g_autoptr (net_file) latest = run_file_load (watch.folder, &error),
                       made = net_file_load (result, &net_arbitrary, &error);
  g_assert_no_error (error);
  g_assert_true (g_str_has_suffix (latest->path, "network-000004.safetensors"));
  g_assert_cmpmem (latest->settings, sizeof (struct arbitrary_net), made->settings, sizeof (struct arbitrary_net));
  g_assert_cmpstr (latest->title, ==, made->title);
  g_assert_cmpuint (weights_count (latest->weights), ==, weights_count (made->weights));
  for (guint i = 0; i < weights_count (made->weights); i++) {
    g_autoptr (tensor) half =
      tensor_convert (weights_find (latest->weights, weights_name (made->weights, i)), DTYPE_F16, NULL);
    g_autoptr (tensor) whole = tensor_convert (half, DTYPE_F32, NULL);
    const struct tensor *wanted = weights_at (made->weights, i);
    g_assert_cmpmem (whole->data, whole->size, wanted->data, wanted->size);
  }
  job_set (&job, "start", watch.folder);
  run_whole (&job, &after);
  g_assert_cmpfloat (after.loss[0], <, watch.loss[0]);
  job_clear (&job);
  g_assert_null (run_file_or_file (watch.folder, &net_perceptual, &error));
  check_error (error, IMPASTO_ERROR_INPUT, "is a run of train arbitrary; perceptual is wanted");
  watch_clear (&watch);
  watch_clear (&after);
}

/* Checkpoints that somebody else made: what their recipe may say. */
static void
test_bad_checkpoint (void)
{
  static const char *const recipes[] = {
    "[]", "{\"recipe\": \"style\", \"settings\": {}}", "{\"recipe\": \"arbitrary\", \"settings\": {\"keys\": 1e99}}",
    "{\"recipe\": \"arbitrary\", \"settings\": {\"residuals\": 3}}", "{\"recipe\": \"perceptual\", \"settings\": {}}"};
  struct job job;
  struct watch watch = {0};
  begin (&job, 2);
  run_whole (&job, &watch);
  job_clear (&job);
  g_autofree char *path = g_build_filename (watch.folder, "network-000002.safetensors", NULL);
  for (guint i = 0; i < G_N_ELEMENTS (recipes); i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (weights) checkpoint = safetensors_load (path, &error);
    weights_set_metadata (checkpoint, "recipe", recipes[i]);
    g_autofree char *digest = checkpoint_digest (checkpoint);
    weights_set_metadata (checkpoint, CHECKPOINT_DIGEST, digest);
    g_assert_true (safetensors_save (checkpoint, path, &error));
    g_assert_null (run_file_load (path, &error));
    check_error (error, IMPASTO_ERROR_INPUT, "network-000002.safetensors");
  }
  watch_clear (&watch);
}

static void
test_refused (void)
{
  static const struct {
    const char *name, *value, *text;
    int code;
  } cases[] = {
    {"photos", "", "photos DIR", IMPASTO_ERROR_USAGE},
    {"encoder", "", "encoder FILE", IMPASTO_ERROR_USAGE},
    {"size", "40", "multiple of 32", IMPASTO_ERROR_USAGE},
    {"encoder", "/nowhere/eye", "/nowhere/eye", IMPASTO_ERROR_INPUT},
    {"input", "empty", "holds no pictures", IMPASTO_ERROR_INPUT},
    {"input", "missing.jpg", "missing.jpg", IMPASTO_ERROR_INPUT},
    {"input", "plain.png", "it is of one colour", IMPASTO_ERROR_INPUT},
    {"input", NULL, "wants paintings", IMPASTO_ERROR_USAGE},
  };
  g_autoptr (picture) black = picture_new (40, 30, false, NULL);
  g_autofree char *plain = file ("plain.png");
  g_assert_true (picture_save (black, plain, NULL, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    struct job job;
    begin (&job, 2);
    if (g_str_equal (cases[i].name, "input")) {
      g_clear_pointer (&job.inputs[1], g_free);
      g_free (job.inputs[0]);
      job.inputs[0] = cases[i].value ? file (cases[i].value) : NULL;
    } else if (cases[i].value[0])
      job_set (&job, cases[i].name, cases[i].value);
    else {
      option_clear (recipe_arbitrary.options, job.settings);
      memset (job.settings, 0, recipe_arbitrary.settings_size);
      option_init (recipe_arbitrary.options, job.settings);
      g_autofree char *photos = file ("photos");
      if (!g_str_equal (cases[i].name, "photos"))
        job_set (&job, "photos", photos);
    }
    check_fails (&job, cases[i].code, cases[i].text);
    job_clear (&job);
  }
}

int
main (int argc, char **argv)
{
  fixture_begin (&argc, &argv);
  make_everything ();
  g_test_add_func ("/arbitrary/gradient", test_gradient);
  g_test_add_func ("/arbitrary/properties", test_properties);
  g_test_add_func ("/arbitrary/maps", test_maps);
  g_test_add_func ("/arbitrary/reach", test_reach);
  g_test_add_func ("/arbitrary/bf16", test_bf16);
  g_test_add_func ("/arbitrary/learns", test_learns);
  g_test_add_func ("/arbitrary/resume", test_resume);
  g_test_add_func ("/arbitrary/start", test_start);
  g_test_add_func ("/arbitrary/checkpoint", test_checkpoint);
  g_test_add_func ("/arbitrary/bad-checkpoint", test_bad_checkpoint);
  g_test_add_func ("/arbitrary/refused", test_refused);
  return fixture_run ();
}
