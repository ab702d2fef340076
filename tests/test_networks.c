/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole networks against PyTorch: forward and every gradient, over weights that both sides compute from the parameter's
 * name. tests/oracle/networks.py made the reference numbers, in double. Float32 must agree within 1e-4 of the norm. */
#include <json-glib/json-glib.h>
#include <string.h>

#include "net/feature_net.h"
#include "net/net.h"
#include "net/pack.h"
#include "oracle.h"

#define REFERENCE "networks.json"
#define TOLERANCE 1e-4

static sym
build_style (struct graph *graph, const char *name)
{
  static const float mix[2][3] = {{0.25, 0.75, 0}, {0, 0, 1}};
  g_autoptr (tensor) style = tensor_new (SHAPE (2, 3), DTYPE_F32, NULL);
  memcpy (style->data, mix, sizeof mix);
  struct style_net settings = {.styles = 3, .width = 8, .inner = 12, .residuals = 2, .ends = 5};
  return style_net (oracle_constant (graph, "photo", SHAPE (2, 3, 30, 26), 1, 0.5),
                    (struct style_control){.rows = graph_constant (graph, style)}, &settings);
}

static sym
build_patch (struct graph *graph, const char *name)
{
  struct patch_net settings = {.heads = 2, .width = 8, .layers = 3, .norm = true};
  return patch_net (oracle_constant (graph, "picture", SHAPE (2, 3, 32, 40), 2, 0), &settings);
}

static sym
build_vgg_gram (struct graph *graph, const char *name)
{
  sym picture = graph_parameter (graph, "picture", SHAPE (1, 3, 32, 36), (struct init){INIT_ZERO, 0});
  struct vgg vgg = vgg19 (sym_affine (picture, 2.5, 0.5), VGG_RELU3_4);
  sym features[] = {vgg.relu[0][1], vgg.relu[1][1], vgg.relu[2][1], vgg.relu[2][3]}, grams[4];
  for (int i = 0; i < 4; i++)
    grams[i] = sym_reshape (sym_gram (features[i]), SHAPE (-1));
  return sym_concat (grams, 4, 0);
}

static sym
build_perceptual_gram (struct graph *graph, const char *name)
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
  struct vgg vgg = vgg19 (oracle_constant (graph, "photo", SHAPE (1, 3, 64, 80), 1, 0.5), VGG_RELU3_4);
  for (int b = 0; b < 3; b++)
    for (int i = 0; i < depth[b]; i++) {
      g_autofree char *name = g_strdup_printf ("relu%d_%d", b + 1, i + 1);
      graph_output (graph, name, vgg.relu[b][i]);
    }
  g_autoptr (plan) plan = plan_compile (graph, weights, &(struct plan_options){.precision = PRECISION_F32}, &error);
  g_assert_no_error (error);
  plan_run (plan, 0, 0);
  JsonObject *wanted = oracle_member (REFERENCE, "vgg_activations");
  for (int b = 0; b < 3; b++)
    for (int i = 0; i < depth[b]; i++) {
      g_autofree char *name = g_strdup_printf ("relu%d_%d", b + 1, i + 1);
      oracle_compare (name, plan_output (plan, name), json_object_get_object_member (wanted, name), TOLERANCE, 0);
    }
}

static void
test_f32 (gconstpointer network)
{
  oracle_check (REFERENCE, network, PRECISION_F32, TOLERANCE);
}

static void
test_bf16 (gconstpointer network)
{
  oracle_check (REFERENCE, network, PRECISION_BF16,
                0.15); /* eight bits of mantissa through a dozen layers, small sums that cancel */
}

int
main (int argc, char **argv)
{
  static const struct oracle networks[] = {
    {"style_network", build_style},
    {"patch", build_patch},
    {"vgg_gram", build_vgg_gram},
    {"perceptual_gram", build_perceptual_gram},
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
