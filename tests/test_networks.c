/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole networks against PyTorch: forward and every gradient, over weights that both sides compute from the parameter's
 * name. tests/oracle/networks.py made the reference numbers, in double. Float32 must agree within 1e-4 of the norm. */
#include <json-glib/json-glib.h>
#include <math.h>
#include <string.h>

#include "compile/grad.h"
#include "compile/plan.h"
#include "net/feature_net.h"
#include "net/net.h"
#include "net/pack.h"
#include "noise.h"

#define SAMPLES 5
#define TOLERANCE 1e-4

static sym
constant (struct graph *graph, const char *name, struct shape shape, double scale, double shift)
{
  g_autoptr (tensor) tensor = tensor_new (shape, DTYPE_F32, NULL);
  noise_fill (name, scale, shift, tensor_floats (tensor), shape_size (&shape));
  return graph_constant (graph, tensor);
}

static void
fill_parameter (struct weights *weights, const struct node *node)
{
  g_autoptr (tensor) tensor = tensor_new (node->shape, DTYPE_F32, NULL);
  double scale = 0.2, shift = 0, fan_in = 1;
  for (int a = 1; a < node->shape.rank; a++)
    fan_in *= node->shape.dim[a];
  if (g_str_has_suffix (node->name, "weight"))
    scale = sqrt (12 * 2 / fan_in);
  else if (g_str_has_suffix (node->name, "scale"))
    scale = 0.4, shift = 1;
  noise_fill (node->name, scale, shift, tensor_floats (tensor), shape_size (&node->shape));
  weights_add (weights, node->name, tensor);
}

static sym
build_style (struct graph *graph)
{
  static const float mix[2][3] = {{0.25, 0.75, 0}, {0, 0, 1}};
  g_autoptr (tensor) style = tensor_new (SHAPE (2, 3), DTYPE_F32, NULL);
  memcpy (style->data, mix, sizeof mix);
  struct style_net settings = {.styles = 3, .width = 8, .inner = 12, .residuals = 2, .ends = 5};
  return style_net (constant (graph, "photo", SHAPE (2, 3, 30, 26), 1, 0.5),
                    (struct style_control){.rows = graph_constant (graph, style)}, &settings);
}

static sym
build_patch (struct graph *graph)
{
  struct patch_net settings = {.heads = 2, .width = 8, .layers = 3, .norm = true};
  return patch_net (constant (graph, "picture", SHAPE (2, 3, 32, 40), 2, 0), &settings);
}

static const struct dcgan_net dcgan = {.latent = 20, .width = 16, .channels = 1};

static sym
build_generator (struct graph *graph)
{
  return dcgan_generator (constant (graph, "z", SHAPE (3, 20), 2, 0), &dcgan, true);
}

static sym
build_discriminator (struct graph *graph)
{
  return dcgan_discriminator (constant (graph, "picture", SHAPE (3, 1, 28, 28), 2, 0), &dcgan, true);
}

static sym
build_vgg_gram (struct graph *graph)
{
  sym picture = graph_parameter (graph, "picture", SHAPE (1, 3, 32, 36), (struct init){INIT_ZERO, 0});
  struct vgg vgg = vgg19 (sym_affine (picture, 2.5, 0.5), VGG_RELU3_4);
  sym features[] = {vgg.relu[0][1], vgg.relu[1][1], vgg.relu[2][1], vgg.relu[2][3]}, grams[4];
  for (int i = 0; i < 4; i++)
    grams[i] = sym_reshape (sym_gram (features[i]), SHAPE (-1));
  return sym_concat (grams, 4, 0);
}

static sym
build_perceptual_gram (struct graph *graph)
{
  static const int64_t wide[] = {64, 128, 256, 256};
  sym picture = graph_parameter (graph, "picture", SHAPE (1, 3, 32, 36), (struct init){INIT_ZERO, 0}), grams[4];
  struct perceptual eye =
    perceptual_net (sym_affine (picture, 2.5, 0.5), 3, &(struct perceptual_net){.channels = {4, 6, 8}});
  for (int i = 0; i < 4; i++) {
    struct feature_tap tap = {eye.features[i], eye.head[i], eye.bias[i], wide[i]};
    grams[i] = sym_reshape (feature_gram (tap), SHAPE (-1));
  }
  return sym_concat (grams, 4, 0);
}

/* @floor: what counts as nothing, for gradients that are zero in exact arithmetic (a shift before a normalisation). */
static void
compare (const char *what, struct tensor *found, JsonObject *wanted, double tolerance, double floor)
{
  int64_t n = shape_size (&found->shape);
  const float *x = tensor_floats (found);
  double square = 0, norm = json_object_get_double_member (wanted, "norm");
  for (int64_t i = 0; i < n; i++)
    square += (double) x[i] * x[i];
  if (!(fabs (sqrt (square) - norm) <= tolerance * norm + floor))
    g_error ("%s: norm %.9g, PyTorch has %.9g", what, sqrt (square), norm);
  JsonArray *values = json_object_get_array_member (wanted, "values");
  for (int i = 0; i < SAMPLES; i++) {
    double value = json_array_get_double_element (values, i), got = x[i * (n - 1) / (SAMPLES - 1)];
    if (!(fabs (got - value) <= tolerance * norm + floor))
      g_error ("%s: value %d is %.9g, PyTorch has %.9g (norm %.3g)", what, i, got, value, norm);
  }
}

static JsonObject *
reference (const char *network)
{
  static JsonParser *parser;
  g_autoptr (GError) error = NULL;
  if (!parser) {
    g_autofree char *path = g_test_build_filename (G_TEST_DIST, "oracle", "networks.json", NULL);
    parser = json_parser_new_immutable ();
    if (!json_parser_load_from_file (parser, path, &error))
      g_error ("%s", error->message);
  }
  return json_object_get_object_member (json_node_get_object (json_parser_get_root (parser)), network);
}

static double
largest_norm (JsonObject *gradients)
{
  double largest = 0;
  JsonObjectIter iter;
  JsonNode *node;
  json_object_iter_init (&iter, gradients);
  while (json_object_iter_next (&iter, NULL, &node))
    largest = MAX (largest, json_object_get_double_member (json_node_get_object (node), "norm"));
  return largest;
}

struct network {
  const char *name;
  sym (*build) (struct graph *graph);
};

static void
check_network (const struct network *network, enum precision precision, double tolerance)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (weights) weights = weights_new ();
  JsonObject *wanted = reference (network->name);
  sym y = network->build (graph),
      loss = sym_sum (sym_mul (y, constant (graph, "probe", sym_shape (y), 1, 0)), AXES_ALL);
  GArray *parameters = g_array_new (FALSE, FALSE, sizeof (sym));
  for (int id = 0, n = graph_count (graph); id < n; id++)
    if (graph_node (graph, id)->op == &op_parameter && !g_str_has_suffix (graph_node (graph, id)->name, ".mean") &&
        !g_str_has_suffix (graph_node (graph, id)->name, ".variance"))
      g_array_append_val (parameters, ((sym){graph, id}));
  g_autofree sym *dw = g_new0 (sym, parameters->len);
  graph_gradient (loss, &g_array_index (parameters, sym, 0), parameters->len, dw);
  graph_output (graph, "y", y);
  for (guint i = 0; i < parameters->len; i++)
    graph_output (graph, sym_node (g_array_index (parameters, sym, i))->name, dw[i]);
  for (int id = 0; id < graph_count (graph); id++)
    if (graph_node (graph, id)->op == &op_parameter)
      fill_parameter (weights, graph_node (graph, id));
  g_autoptr (plan) plan = plan_compile (graph, weights, &(struct plan_options){.precision = precision}, &error);
  if (!plan)
    g_error ("%s", error->message);
  g_auto (GStrv) slow = plan_reference_steps (plan);
  if (slow[0])
    g_error ("%s runs a reference kernel: %s", network->name, slow[0]);
  plan_run (plan, 0, 0);
  compare ("output", plan_output (plan, "y"), json_object_get_object_member (wanted, "output"), tolerance, 1e-6);
  JsonObject *gradients = json_object_get_object_member (wanted, "gradients");
  double floor = tolerance * 0.05 * largest_norm (gradients);
  g_assert_cmpuint (json_object_get_size (gradients), ==, parameters->len);
  for (guint i = 0; i < parameters->len; i++) {
    const char *name = sym_node (g_array_index (parameters, sym, i))->name;
    if (!json_object_has_member (gradients, name))
      g_error ("PyTorch's network has no parameter %s", name);
    compare (name, plan_output (plan, name), json_object_get_object_member (gradients, name), tolerance, floor);
  }
  g_array_unref (parameters);
}

/* The real VGG-19, which is not part of this repository: its eight activations as PyTorch has them. */
static void
test_vgg_activations (void)
{
  g_autoptr (GError) error = NULL;
  const char *shared = g_getenv ("IMPASTO_SHARED");
  g_autofree char *path = shared ? g_build_filename (shared, "data", "perceptual", "vgg19_blocks123.safetensors", NULL)
                                 : g_test_build_filename (G_TEST_DIST, "..", "..", "shared", "data", "perceptual",
                                                          "vgg19_blocks123.safetensors", NULL);
  if (!g_file_test (path, G_FILE_TEST_EXISTS)) {
    g_test_skip ("no VGG-19 weights; IMPASTO_SHARED names the folder that holds data/perceptual");
    return;
  }
  static const int depth[] = {2, 2, 4};
  g_autoptr (weights) weights = vgg19_load (path, &error);
  g_assert_no_error (error);
  g_autoptr (graph) graph = graph_new ();
  struct vgg vgg = vgg19 (constant (graph, "photo", SHAPE (1, 3, 64, 80), 1, 0.5), VGG_RELU3_4);
  for (int b = 0; b < 3; b++)
    for (int i = 0; i < depth[b]; i++) {
      g_autofree char *name = g_strdup_printf ("relu%d_%d", b + 1, i + 1);
      graph_output (graph, name, vgg.relu[b][i]);
    }
  g_autoptr (plan) plan = plan_compile (graph, weights, &(struct plan_options){.precision = PRECISION_F32}, &error);
  g_assert_no_error (error);
  plan_run (plan, 0, 0);
  JsonObject *wanted = reference ("vgg_activations");
  for (int b = 0; b < 3; b++)
    for (int i = 0; i < depth[b]; i++) {
      g_autofree char *name = g_strdup_printf ("relu%d_%d", b + 1, i + 1);
      compare (name, plan_output (plan, name), json_object_get_object_member (wanted, name), TOLERANCE, 0);
    }
}

static void
test_f32 (gconstpointer network)
{
  check_network (network, PRECISION_F32, TOLERANCE);
}

static void
test_bf16 (gconstpointer network)
{
  check_network (network, PRECISION_BF16,
                 0.15); /* eight bits of mantissa through a dozen layers, small sums that cancel */
}

int
main (int argc, char **argv)
{
  static const struct network networks[] = {
    {"style_network", build_style},       {"patch", build_patch},
    {"dcgan_generator", build_generator}, {"dcgan_discriminator", build_discriminator},
    {"vgg_gram", build_vgg_gram},         {"perceptual_gram", build_perceptual_gram},
  };
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (networks); i++) {
    g_autofree char *f32 = g_strdup_printf ("/networks/%s/f32", networks[i].name);
    g_autofree char *bf16 = g_strdup_printf ("/networks/%s/bf16", networks[i].name);
    g_test_add_data_func (f32, &networks[i], test_f32);
    g_test_add_data_func (bf16, &networks[i], test_bf16);
  }
  g_test_add_func ("/networks/vgg_activations", test_vgg_activations);
  return g_test_run ();
}
