/* SPDX-License-Identifier: Apache-2.0
 *
 * The painter of any style: its network by properties (even attention is AdaIN, strength 0 knows no style, a style mixed
 * with itself is itself, statistics from outside), its recipe on tiny networks and made-up pictures: a run learns, and
 * one that was stopped goes on to the same bits. */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "compile/grad.h"
#include "compile/plan.h"
#include "net/net_file.h"
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
                      2 * 8 + 1); /* eight convolutions, one without a bias, the comparison and its sharpness */
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
  g_free (save_waves ("grey.png", 1, 1, 2));
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (weights) weights = weights_new ();
  net_perceptual.build (&net_perceptual, graph, &tiny.encoder);
  g_assert_true (weights_init (weights, graph, 3, NULL));
  g_autoptr (net_file) eye = net_file_new (&net_perceptual, &tiny.encoder, weights);
  g_autofree char *path = file ("eye.safetensors");
  g_assert_true (net_file_save (eye, path, NULL));
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
  struct job job;
  struct watch watch = {0};
  g_autoptr (GError) error = NULL;
  g_autofree char *output = file ("made.safetensors");
  begin (&job, 60);
  job_set (&job, "rate", "0.01");
  job_set (&job, "identity", "0");
  job_set (&job, "output", output);
  run_whole (&job, &watch);
  double first = mean (watch.loss, 10), last = mean (watch.loss + 50, 10);
  g_test_message ("loss %g .. %g", first, last);
  g_assert_cmpfloat (last, <, 0.95 * first);
  g_autoptr (net_file) made = net_file_load (output, &net_arbitrary, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (&((struct arbitrary_net *) made->settings)->encoder, sizeof tiny.encoder, &tiny.encoder,
                   sizeof tiny.encoder);
  g_autofree char *eye_path = file ("eye.safetensors");
  g_autoptr (net_file) eye = net_file_load (eye_path, &net_perceptual, &error);
  struct tensor *a = weights_find (made->weights, "encoder.conv3_4.weight"),
                *b = weights_find (eye->weights, "conv3_4.weight");
  g_assert_cmpmem (a->data, a->size, b->data, b->size); /* the encoder is frozen */
  watch_clear (&watch);
  job_clear (&job);
}

static void
test_resume (void)
{
  struct job whole, part;
  struct watch all = {0}, first = {0}, rest = {0};
  begin (&whole, 6);
  run_whole (&whole, &all);
  begin (&part, 6);
  run_until (&part, &first, 3);
  job_set (&part, "resume", first.folder);
  run_whole (&part, &rest);
  same_run (all.folder, first.folder, 6);
  watch_clear (&all);
  watch_clear (&first);
  watch_clear (&rest);
  job_clear (&whole);
  job_clear (&part);
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
    {"input", NULL, "wants paintings", IMPASTO_ERROR_USAGE},
  };
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
  g_test_add_func ("/arbitrary/bf16", test_bf16);
  g_test_add_func ("/arbitrary/learns", test_learns);
  g_test_add_func ("/arbitrary/resume", test_resume);
  g_test_add_func ("/arbitrary/refused", test_refused);
  return fixture_run ();
}
