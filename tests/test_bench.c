/* SPDX-License-Identifier: Apache-2.0
 *
 * What figures of speed rest on: operations are counted from the graph as it was given, a profile's time is shared out
 * among kinds of work without remainder, and the training step that is timed is one that trains. */
#include <math.h>
#include <string.h>

#include "compile/plan.h"
#include "impasto/impasto.h"
#include "op/sym.h"
#include "train/trainer.h"

#define SIDE 24

static sym
weight (struct graph *graph, const char *name, int64_t out, int64_t in, int64_t kernel)
{
  return graph_parameter (graph, name, SHAPE (out, in, kernel, kernel), (struct init){INIT_NORMAL, 0.1});
}

/* Padding, a convolution, a normalisation, an upsampling merged or not with the convolution after it, a sum. */
static struct plan *
make_plan (double *flops)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (weights) weights = weights_new ();
  sym x = graph_input (graph, "x", SHAPE (1, 3, SIDE, SIDE));

  x = sym_conv2d (sym_pad (x, PAD_REFLECT, 1, 1, 1, 1), weight (graph, "a", 16, 3, 3), (struct conv_options){0});
  x = sym_mul (sym_sub (x, sym_mean (x, AXES_HW)), sym_rsqrt (sym_affine (sym_variance (x, AXES_HW), 1, 1e-5)));
  x = sym_upsample_nearest (sym_relu (x), 2);
  x = sym_conv2d (x, weight (graph, "b", 8, 16, 3), (struct conv_options){.pad = 1});
  graph_output (graph, "y", sym_tanh (x));
  weights_init (weights, graph, 1, &error);
  g_assert_no_error (error);
  *flops = 2.0 * 9 * SIDE * SIDE * (3 * 16 + 4 * 16 * 8);
  struct plan *plan = plan_compile (graph, weights, &(struct plan_options){.precision = PRECISION_F32}, &error);
  g_assert_no_error (error);
  return plan;
}

static void
test_operations (void)
{
  double flops;
  g_autoptr (plan) plan = make_plan (&flops);

  g_assert_cmpfloat (plan_flops (plan), ==, flops);
}

static void
test_parts (void)
{
  double flops, sum = 0, share = 0;
  g_autoptr (plan) plan = make_plan (&flops);
  g_autofree char *text = plan_profile (plan, 3);
  struct plan_part parts[PLAN_KINDS];
  const char *total = strstr (text, "ms in all");

  plan_parts (plan, parts);
  g_assert_cmpint (g_strv_length ((char **) plan_kind_names), ==, PLAN_KINDS);
  for (int i = 0; i < PLAN_KINDS; i++) {
    g_assert_cmpfloat (parts[i].seconds, >=, 0);
    sum += parts[i].seconds * 1e3;
  }
  g_assert_nonnull (total);
  while (total > text && total[-1] != '\n')
    total--;
  share = g_ascii_strtod (total, NULL);
  g_assert_cmpfloat (fabs (sum - share), <, 0.002); /* of a text in thousandths */
  g_assert_cmpfloat (parts[PLAN_CONVOLUTION].flops, >, flops / 4);
  g_assert_cmpfloat (parts[PLAN_NORMALISATION].seconds + parts[PLAN_CONVOLUTION].seconds, >, 0);
}

/* On the same noise again and again, the loss of the rehearsed step falls: it is a step that trains. */
static void
test_rehearsal (void)
{
  static const char *const settings[][2] = {{"batch", "2"}, {"size", "64"},     {"width", "4"},
                                            {"inner", "8"}, {"residuals", "1"}, {"adversary-weight", "0"}};
  g_autoptr (GError) error = NULL;
  g_autofree void *own = g_malloc0 (recipe_style.settings_size);
  struct run_settings run = {0};
  float first = 0, loss = 0;

  option_init (recipe_style.options, own);
  option_init (run_options, &run);
  run.precision = PRECISION_F32;
  run.threads = 1;
  for (guint i = 0; i < G_N_ELEMENTS (settings); i++)
    g_assert_true (option_set (recipe_style.options, own, settings[i][0], settings[i][1], &error));
  g_autoptr (plan) plan = train_rehearse (&recipe_style, own, &run, &error);
  g_assert_no_error (error);
  g_assert_cmpint (plan_input (plan, "photo")->shape.dim[0], ==, 2);
  g_assert_cmpint (plan_input (plan, "photo")->shape.dim[3], ==, 64);
  for (int i = 0; i < 16; i++) {
    plan_run (plan, 1, i);
    loss = tensor_floats (plan_output (plan, "loss"))[0];
    g_assert_true (isfinite (loss));
    first = i == 0 ? loss : first;
  }
  g_assert_cmpfloat (loss, <, 0.95f * first);
  option_set (recipe_style.options, own, "size", "72", NULL);
  g_assert_null (train_rehearse (&recipe_style, own, &run, &error));
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE);
  option_clear (recipe_style.options, own);
  option_clear (run_options, &run);
}

static void
test_figures (void)
{
  static const char *const settings[][2] = {{"size", "40x24"}, {"runs", "3"}, {"precision", "f32"}, {"threads", "1"}};
  g_autoptr (GError) error = NULL;
  g_autoptr (ImpastoOptions) options = impasto_bench_options_new ();
  ImpastoBench bench;

  for (guint i = 0; i < G_N_ELEMENTS (settings); i++)
    g_assert_true (impasto_options_set (options, settings[i][0], settings[i][1], &error));
  g_assert_true (impasto_bench ("patch", options, &bench, &error));
  g_assert_cmpstr (bench.net, ==, "patch");
  g_assert_cmpint (bench.width, ==, 40);
  g_assert_cmpint (bench.height, ==, 24);
  g_assert_cmpint (bench.threads, ==, 1);
  g_assert_cmpstr (bench.precision, ==, "f32");
  g_assert_cmpfloat (bench.min_seconds, >, 0);
  g_assert_cmpfloat (bench.median_seconds, >=, bench.min_seconds);
  g_assert_cmpfloat (bench.peak_gflops, >, 0.2);
  g_assert_cmpuint (bench.memory_bytes, >, 1 << 20);
  g_assert_null (bench.layers);
  impasto_bench_clear (&bench);
  g_assert_false (impasto_bench ("no-such-network", options, &bench, &error));
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE);
  impasto_bench_clear (&bench);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/bench/operations", test_operations);
  g_test_add_func ("/bench/parts", test_parts);
  g_test_add_func ("/bench/rehearsal", test_rehearsal);
  g_test_add_func ("/bench/figures", test_figures);
  return g_test_run ();
}
