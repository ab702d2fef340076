/* SPDX-License-Identifier: Apache-2.0
 *
 * Convolutions in bands of rows (device/cpu_band.h) against the reference interpreter: every border, enlarging,
 * strides, dilation, groups, batches, odd extents, with and without a loop before and moments after. Each case must
 * really have run in bands; one and two threads must give the same bits. */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "compile/plan.h"
#include "compile/reference.h"
#include "device/cpu.h"
#include "op/sym.h"

struct band_case {
  const char *name;
  struct shape x;
  int64_t channels, kernel; /* of the convolution */
  struct conv_options conv;
  bool pad, enlarge, transposed, expand, loop, bias, relu, moments, winograd;
  enum pad_mode mode;
  int64_t amount[4];
};

static const struct band_case cases[] = {
  {"reflected border", {4, {1, 16, 96, 90}}, 8, 3, .pad = true, .mode = PAD_REFLECT, .amount = {1, 1, 1, 1}},
  {"reflected border, loop, bias, moments",
   {4, {1, 16, 97, 89}},
   8,
   3,
   .pad = true,
   .mode = PAD_REFLECT,
   .amount = {1, 1, 1, 1},
   .loop = true,
   .bias = true,
   .moments = true},
  {"9x9 to three channels",
   {4, {1, 16, 95, 96}},
   3,
   9,
   .pad = true,
   .mode = PAD_REFLECT,
   .amount = {4, 4, 4, 4},
   .loop = true},
  {"from three channels",
   {4, {1, 3, 250, 190}},
   8,
   5,
   .pad = true,
   .mode = PAD_REPLICATE,
   .amount = {2, 2, 2, 2},
   .loop = true,
   .relu = true,
   .moments = true},
  {"stride 2, uneven circular border",
   {4, {1, 16, 97, 90}},
   8,
   3,
   {.stride = 2},
   .pad = true,
   .mode = PAD_CIRCULAR,
   .amount = {0, 2, 1, 0},
   .loop = true,
   .moments = true},
  {"zero border wider than the kernel",
   {4, {1, 16, 96, 90}},
   8,
   3,
   .pad = true,
   .mode = PAD_ZERO,
   .amount = {5, 3, 4, 6}},
  {"the convolution's own padding", {4, {1, 16, 96, 90}}, 8, 3, {.pad = 1}, .loop = true, .relu = true},
  {"dilation", {4, {1, 16, 96, 90}}, 8, 3, {.pad = 2, .dilation = 2}, .loop = true, .bias = true, .moments = true},
  {"groups", {4, {1, 16, 96, 90}}, 8, 3, {.pad = 1, .groups = 4}, .loop = true, .moments = true},
  {"batch",
   {4, {3, 16, 97, 90}},
   8,
   3,
   .pad = true,
   .mode = PAD_REFLECT,
   .amount = {1, 1, 1, 1},
   .loop = true,
   .moments = true},
  {"enlarging",
   {4, {1, 16, 97, 89}},
   8,
   3,
   .pad = true,
   .enlarge = true,
   .mode = PAD_REFLECT,
   .amount = {1, 1, 1, 1},
   .loop = true,
   .bias = true,
   .relu = true,
   .moments = true},
  {"enlarging, zeros", {4, {2, 16, 96, 90}}, 5, 3, {.pad = 1}, .enlarge = true, .moments = true},
  {"enlarging, repeated",
   {4, {1, 16, 96, 90}},
   5,
   3,
   .pad = true,
   .enlarge = true,
   .mode = PAD_REPLICATE,
   .amount = {1, 1, 1, 1}},
  {"enlarging, circular",
   {4, {1, 16, 96, 90}},
   5,
   3,
   .pad = true,
   .enlarge = true,
   .mode = PAD_CIRCULAR,
   .amount = {1, 1, 1, 1},
   .loop = true},
  {"transposed, twice the size",
   {4, {1, 16, 97, 90}},
   8,
   4,
   {.stride = 2, .pad = 1},
   .transposed = true,
   .loop = true,
   .bias = true,
   .relu = true,
   .moments = true},
  {"transposed, to one channel", {4, {2, 16, 96, 90}}, 1, 9, {.stride = 3, .pad = 4}, .transposed = true, .bias = true},
  {"transposed, blocks", {4, {1, 16, 96, 90}}, 5, 2, {.stride = 2}, .transposed = true, .moments = true},
  {"reflected border, by Winograd",
   {4, {1, 64, 46, 50}},
   40,
   3,
   .pad = true,
   .mode = PAD_REFLECT,
   .amount = {1, 1, 1, 1},
   .loop = true,
   .bias = true,
   .moments = true,
   .winograd = true},
  {"enlarging, by Winograd, each pixel a panel",
   {4, {1, 64, 42, 110}},
   32,
   3,
   .pad = true,
   .enlarge = true,
   .mode = PAD_REFLECT,
   .amount = {1, 1, 1, 1},
   .bias = true,
   .relu = true,
   .moments = true,
   .winograd = true},
  {"enlarging, by Winograd", {4, {1, 64, 43, 97}}, 24, 3, {.pad = 1}, .enlarge = true, .loop = true, .winograd = true},
  {"transposed, by Winograd",
   {4, {1, 64, 44, 115}},
   32,
   4,
   {.stride = 2, .pad = 1},
   .transposed = true,
   .loop = true,
   .moments = true,
   .winograd = true},
  {"transposed, cropped far", {4, {1, 16, 96, 90}}, 3, 3, {.stride = 4, .pad = 2}, .transposed = true, .loop = true},
  {"depthwise, rows of a 1x1 convolution",
   {4, {2, 4, 97, 90}},
   16,
   3,
   {.pad = 1, .groups = 16},
   .expand = true,
   .bias = true,
   .relu = true,
   .moments = true},
  {"depthwise, stride 2, reflected rows",
   {4, {1, 4, 97, 90}},
   16,
   3,
   {.stride = 2, .groups = 16},
   .pad = true,
   .mode = PAD_REFLECT,
   .amount = {1, 1, 1, 1},
   .expand = true},
};

static const struct init drawn = {INIT_NORMAL, 0.3};

static struct graph *
build (const struct band_case *c)
{
  struct graph *graph = graph_new ();
  sym x = graph_input (graph, "x", c->x), y = x;

  if (
    c->loop) { /* after a convolution, scale and shift for each channel, as a normalisation by what is in x leaves them */
    int64_t channels = c->x.dim[1];
    sym scale = sym_add (graph_parameter (graph, "scale", SHAPE (1, channels, 1, 1), drawn), sym_mean (x, AXES_HW));
    y = sym_conv2d (y, graph_parameter (graph, "before", SHAPE (channels, channels, 1, 1), drawn),
                    (struct conv_options){0});
    y = sym_relu (sym_add (sym_mul (y, scale), graph_parameter (graph, "shift", SHAPE (1, channels, 1, 1), drawn)));
  }
  if (c->expand) {
    struct shape narrow = SHAPE (c->channels, c->x.dim[1], 1, 1), row = SHAPE (1, c->channels, 1, 1);
    y = sym_conv2d (y, graph_parameter (graph, "expand", narrow, drawn), (struct conv_options){0});
    y = sym_clamp (sym_add (y, graph_parameter (graph, "expand.bias", row, drawn)), 0, 0.5);
  }
  if (c->enlarge)
    y = sym_upsample_nearest (y, 2);
  if (c->pad)
    y = sym_pad (y, c->mode, c->amount[0], c->amount[1], c->amount[2], c->amount[3]);
  if (c->transposed) {
    y = sym_conv_transpose2d (
      y, graph_parameter (graph, "weight", SHAPE (c->x.dim[1], c->channels, c->kernel, c->kernel), drawn), c->conv, 0);
  } else {
    int64_t inputs = (c->expand ? c->channels : c->x.dim[1]) / MAX (c->conv.groups, 1);
    y = sym_conv2d (y, graph_parameter (graph, "weight", SHAPE (c->channels, inputs, c->kernel, c->kernel), drawn),
                    c->conv);
  }
  if (c->bias)
    y = sym_add (y, graph_parameter (graph, "bias", SHAPE (1, c->channels, 1, 1), drawn));
  if (c->relu)
    y = sym_relu (y);
  if (c->moments) {
    graph_output (graph, "mean", sym_mean (y, AXES_HW));
    graph_output (graph, "variance", sym_variance (y, AXES_HW));
  }
  graph_output (graph, "y", y);
  return graph;
}

static float
noise (uint64_t seed, int64_t i)
{
  return (float) (2 * random_uniform ((struct random_key){.seed = seed}, (uint64_t) i) - 1);
}

/* The plan of @c on @threads threads, after a run. */
static struct plan *
run_case (const struct band_case *c, struct graph *graph, struct weights *weights, enum precision precision,
          int threads)
{
  g_autoptr (GError) error = NULL;
  struct plan_options options = {.precision = precision, .threads = threads};
  struct plan *plan = plan_compile (graph, weights, &options, &error);

  g_assert_no_error (error);
  g_autofree char *text = plan_text (plan);
  g_assert_nonnull (strstr (text, " rows, "));
  g_assert_true (!c->transposed == !strstr (text, "transposed, "));
  g_assert_true (!c->enlarge == !strstr (text, "enlarging, "));
  g_assert_null (strstr (text, "separable"));
  if (c->winograd && precision == PRECISION_F32)
    g_assert_nonnull (strstr (text, " rows, winograd"));
  g_assert_true (!strstr (text, "relu ")); /* done by the convolution, before or after it */
  struct tensor *x = plan_input (plan, "x");
  for (int64_t i = 0; i < shape_size (&x->shape); i++)
    tensor_floats (x)[i] = noise (7, i);
  plan_run (plan, 0, 0);
  return plan;
}

/* Every result of @graph in double, by graph_result's order. */
static void
evaluate (const struct band_case *c, struct graph *graph, struct weights *weights, double **out)
{
  g_autoptr (GPtrArray) owned = g_ptr_array_new_with_free_func (g_free);
  g_autofree const double **leaf = g_new0 (const double *, graph_count (graph));
  sym want[3];
  int n = (int) graph_result_count (graph);

  for (int id = 0; id < graph_count (graph); id++) {
    const struct node *node = graph_node (graph, id);
    if (node->op != &op_input && node->op != &op_parameter)
      continue;
    int64_t size = shape_size (&node->shape);
    double *values = g_new (double, size);
    for (int64_t i = 0; i < size; i++)
      values[i] = node->op == &op_input ? noise (7, i) : tensor_floats (weights_find (weights, node->name))[i];
    g_ptr_array_add (owned, values);
    leaf[id] = values;
  }
  for (int i = 0; i < n; i++)
    want[i] = (sym){graph, graph_result (graph, (guint) i).id};
  g_assert_true (reference_evaluate (graph, leaf, 0, 0, want, n, out, NULL));
}

/* The largest difference, relative to the largest value. */
static double
difference (const float *found, const double *wanted, int64_t n)
{
  double largest = 1e-30, worst = 0;

  for (int64_t i = 0; i < n; i++) {
    largest = MAX (largest, fabs (wanted[i]));
    worst = fmax (worst, isfinite (found[i]) ? fabs (found[i] - wanted[i]) : INFINITY);
  }
  return worst / largest;
}

static void
test_case (gconstpointer data)
{
  const struct band_case *c = data;
  g_autoptr (graph) graph = build (c);
  g_autoptr (weights) weights = weights_new ();
  double *wanted[3] = {NULL};

  g_assert_true (weights_init (weights, graph, 5, NULL));
  g_autoptr (plan) one = run_case (c, graph, weights, PRECISION_F32, 1),
                   two = run_case (c, graph, weights, PRECISION_F32, 2);
  g_autoptr (plan) half = run_case (c, graph, weights, cpu_has_bf16 () ? PRECISION_BF16 : PRECISION_F32, 2);
  evaluate (c, graph, weights, wanted);
  for (guint i = 0; i < graph_result_count (graph); i++) {
    const char *name = graph_result (graph, i).name;
    struct tensor *found = plan_output (one, name);
    int64_t n = shape_size (&found->shape);

    g_assert_cmpfloat (difference (tensor_floats (found), wanted[i], n), <, 2e-5);
    g_assert_cmpmem (tensor_floats (found), n * sizeof (float), tensor_floats (plan_output (two, name)),
                     n * sizeof (float));
    g_assert_cmpfloat (difference (tensor_floats (plan_output (half, name)), wanted[i], n), <, 2e-2);
    g_free (wanted[i]);
  }
}

/* New weights are seen after plan_refresh, whatever they were laid out for. */
static void
test_refresh (gconstpointer data)
{
  const struct band_case *c = data;
  g_autoptr (graph) graph = build (c);
  g_autoptr (weights) weights = weights_new ();

  g_assert_true (weights_init (weights, graph, 5, NULL));
  g_autoptr (plan) plan = run_case (c, graph, weights, PRECISION_F32, 2);
  struct tensor *y = plan_output (plan, "y");
  for (int id = 0; id < graph_count (graph); id++) {
    const struct node *node = graph_node (graph, id);
    struct tensor *weight = node->op == &op_parameter ? weights_find (weights, node->name) : NULL;
    for (int64_t i = 0; weight && i < shape_size (&weight->shape); i++)
      tensor_floats (weight)[i] = 0.5f - tensor_floats (weight)[i];
  }
  g_assert_true (plan_refresh (plan, NULL));
  plan_run (plan, 0, 0);
  g_autoptr (plan) fresh = run_case (c, graph, weights, PRECISION_F32, 2);
  size_t bytes = (size_t) shape_size (&y->shape) * sizeof (float);
  g_assert_cmpmem (tensor_floats (y), bytes, tensor_floats (plan_output (fresh, "y")), bytes);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (size_t i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *path = g_strdup_printf ("/band/%s", cases[i].name);
    g_autofree char *refresh = g_strdup_printf ("/band/%s/refresh", cases[i].name);
    g_test_add_data_func (path, &cases[i], test_case);
    g_test_add_data_func (refresh, &cases[i], test_refresh);
  }
  return g_test_run ();
}
