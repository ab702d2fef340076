/* SPDX-License-Identifier: Apache-2.0
 *
 * Feature networks and their files: ResNet-18 against PyTorch (tests/oracle/networks.py), Gram matrices through a head,
 * which file is what, and everything else refused in one line that names the file. */
#include <json-glib/json-glib.h>
#include <math.h>
#include <string.h>

#include "compile/plan.h"
#include "fixture.h"
#include "format/safetensors.h"
#include "net/feature_net.h"
#include "net/net_file.h"
#include "noise.h"

static void
add_noise (struct weights *weights, const char *name, struct shape shape, double scale, double shift)
{
  g_autoptr (tensor) tensor = tensor_new (shape, DTYPE_F32, NULL);
  noise_fill (name, scale, shift, tensor_floats (tensor), shape_size (&shape));
  weights_add (weights, name, tensor);
}

static void
add_layer (struct weights *weights, const char *prefix, const char *conv, const char *norm, int out, int in, int kernel)
{
  static const struct {
    const char *kind;
    double scale, shift;
  } kinds[] = {{"weight", 0.4, 1}, {"bias", 0.2, 0}, {"running_mean", 0.2, 0}, {"running_var", 1, 1}};
  g_autofree char *weight = g_strdup_printf ("%s%s.weight", prefix, conv);
  add_noise (weights, weight, SHAPE (out, in, kernel, kernel), sqrt (24.0 / (in * kernel * kernel)), 0);
  for (size_t i = 0; i < G_N_ELEMENTS (kinds); i++) {
    g_autofree char *name = g_strdup_printf ("%s%s.%s", prefix, norm, kinds[i].kind);
    add_noise (weights, name, SHAPE (out), kinds[i].scale, kinds[i].shift);
  }
}

/* As torchvision writes it, with the weights of tests/oracle/networks.py. */
static struct weights *
make_resnet (void)
{
  struct weights *weights = weights_new ();
  add_layer (weights, "", "conv1", "bn1", 64, 3, 7);
  for (int stage = 1; stage <= 3; stage++)
    for (int block = 0; block < 2; block++) {
      int out = 32 << stage, in = block == 0 && stage > 1 ? out / 2 : out;
      g_autofree char *prefix = g_strdup_printf ("layer%d.%d.", stage, block);
      add_layer (weights, prefix, "conv1", "bn1", out, in, 3);
      add_layer (weights, prefix, "conv2", "bn2", out, out, 3);
      if (in != out)
        add_layer (weights, prefix, "downsample.0", "downsample.1", out, in, 1);
    }
  add_noise (weights, "fc.bias", SHAPE (1000), 1, 0); /* and what is not read */
  return weights;
}

static struct weights *
random_weights (void (*build) (struct graph *graph))
{
  g_autoptr (graph) graph = graph_new ();
  struct weights *weights = weights_new ();
  build (graph);
  g_assert_true (weights_init (weights, graph, 5, NULL));
  return weights;
}

static const struct perceptual_net small = {.channels = {4, 6, 8}};

static void
build_perceptual (struct graph *graph)
{
  net_perceptual.build (&net_perceptual, graph, &small);
}

static void
build_vgg (struct graph *graph)
{
  vgg19 (graph_input (graph, "picture", SHAPE (1, 3, 16, 16)), VGG_RELU3_4);
}

static struct net_file *
make_perceptual (void)
{
  g_autoptr (weights) weights = random_weights (build_perceptual);
  for (guint i = 0; i < weights_count (weights); i++) /* what half precision holds exactly, biases too */
    for (int64_t k = 0; k < shape_size (&weights_at (weights, i)->shape); k++)
      tensor_floats (weights_at (weights, i))[k] = ((i + k * 7) % 65 - 32.0) / 64;
  return net_file_new (&net_perceptual, &small, weights);
}

static void
save_vgg (const char *path)
{
  g_autoptr (weights) weights = random_weights (build_vgg);
  g_autoptr (weights) named = weights_new ();
  for (guint i = 0; i < weights_count (weights); i++) {
    g_autofree char *name = g_strconcat ("features.", weights_name (weights, i), NULL);
    struct tensor *tensor = weights_at (weights, i);
    if (tensor->shape.dim[0] == 1)
      tensor->shape = SHAPE (tensor->shape.dim[1]);
    weights_add (named, name, tensor);
  }
  g_assert_true (safetensors_save (named, path, NULL));
}

static struct plan *
compile (struct graph *graph, struct weights *weights)
{
  g_autoptr (GError) error = NULL;
  struct plan *plan = plan_compile (graph, weights, &(struct plan_options){.precision = PRECISION_F32}, &error);
  g_assert_no_error (error);
  return plan;
}

static void
compare (struct tensor *found, JsonObject *wanted)
{
  const float *x = tensor_floats (found);
  int64_t n = shape_size (&found->shape);
  JsonArray *values = json_object_get_array_member (wanted, "values");
  double square = 0, norm = json_object_get_double_member (wanted, "norm");
  for (int64_t i = 0; i < n; i++)
    square += (double) x[i] * x[i];
  g_assert_cmpfloat_with_epsilon (sqrt (square), norm, 1e-5 * norm);
  guint samples = json_array_get_length (values);
  for (guint i = 0; i < samples; i++)
    g_assert_cmpfloat_with_epsilon (x[i * (n - 1) / (samples - 1)], json_array_get_double_element (values, i),
                                    1e-5 * norm);
}

static void
test_resnet (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *oracle = g_test_build_filename (G_TEST_DIST, "oracle", "networks.json", NULL);
  g_autofree char *path = file ("resnet.safetensors");
  g_autoptr (JsonParser) parser = json_parser_new_immutable ();
  json_parser_load_from_file (parser, oracle, &error);
  g_assert_no_error (error);
  JsonObject *root = json_node_get_object (json_parser_get_root (parser));
  JsonObject *wanted = json_object_get_object_member (root, "resnet18_taps");

  g_autoptr (weights) made = make_resnet ();
  g_assert_true (safetensors_save (made, path, NULL));
  g_autoptr (features) features = features_load (path, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (features_name (features), ==, "resnet18");

  g_autoptr (graph) graph = graph_new ();
  g_autoptr (weights) weights = weights_new ();
  g_autoptr (tensor) photo = tensor_new (SHAPE (1, 3, 72, 56), DTYPE_F32, NULL);
  noise_fill ("photo", 1, 0.5, tensor_floats (photo), 3 * 72 * 56);
  features_add_weights (features, weights, "eye");
  struct feature_tap taps[FEATURE_TAPS];
  graph_push (graph, "eye");
  features_build (features, graph_constant (graph, photo), FEATURE_TAPS - 1, taps);
  graph_pop (graph);
  static const char *const names[] = {"tap0", "tap1", "tap2", "tap3"};
  for (int i = 0; i < FEATURE_TAPS; i++) {
    g_assert_cmpint (sym_shape (taps[i].x).dim[1], ==, features_channels (features, i));
    graph_output (graph, names[i], taps[i].x);
  }
  g_autoptr (plan) plan = compile (graph, weights);
  g_auto (GStrv) slow = plan_reference_steps (plan);
  g_assert_cmpstr (slow[0], ==, NULL);
  plan_run (plan, 0, 0);
  for (int i = 0; i < FEATURE_TAPS; i++)
    compare (plan_output (plan, names[i]), json_object_get_object_member (wanted, names[i]));
}

/* Through a head, the Gram matrix of x says what that of the wide features would. */
static void
test_gram (void)
{
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (tensor) photo = tensor_new (SHAPE (2, 3, 20, 36), DTYPE_F32, NULL);
  noise_fill ("photo", 1, 0.5, tensor_floats (photo), 2 * 3 * 20 * 36);
  g_autoptr (features) features = features_new_random ();
  struct feature_tap taps[FEATURE_TAPS];
  features_build (features, graph_constant (graph, photo), FEATURE_TAPS - 1, taps);
  static const char *const direct[] = {"direct0", "direct1", "direct2", "direct3"};
  static const char *const quick[] = {"quick0", "quick1", "quick2", "quick3"};
  for (int i = 0; i < FEATURE_TAPS; i++) {
    g_assert_false (sym_null (taps[i].head));
    graph_output (graph, direct[i], sym_gram (feature_map (taps[i])));
    graph_output (graph, quick[i], feature_gram (taps[i]));
  }
  g_autoptr (weights) weights = weights_new ();
  g_assert_true (weights_init (weights, graph, 7, NULL));
  for (int i = 0; i < FEATURE_TAPS; i++) { /* biases begin as zero */
    g_autofree char *name = g_strdup_printf ("head%d.bias", i + 1);
    struct tensor *bias = weights_find (weights, name);
    noise_fill (name, 1, 0.2, tensor_floats (bias), shape_size (&bias->shape));
  }
  g_autoptr (plan) plan = compile (graph, weights);
  plan_run (plan, 0, 0);
  for (int i = 0; i < FEATURE_TAPS; i++) {
    struct tensor *a = plan_output (plan, direct[i]), *b = plan_output (plan, quick[i]);
    double largest = 0, worst = 0;
    g_assert_true (shape_equal (&a->shape, &b->shape));
    for (int64_t k = 0; k < shape_size (&a->shape); k++) {
      largest = fmax (largest, fabs (tensor_floats (a)[k]));
      worst = fmax (worst, fabs (tensor_floats (a)[k] - tensor_floats (b)[k]));
    }
    g_assert_cmpfloat (largest, >, 1e-3);
    g_assert_cmpfloat (worst, <=, 1e-5 * largest);
  }
}

/* Up to a tap, and no further: what is not asked for is not built. */
static void
test_last (void)
{
  g_autofree char *path = file ("last.safetensors");
  g_autoptr (weights) made = make_resnet ();
  g_assert_true (safetensors_save (made, path, NULL));
  g_autoptr (features) resnet = features_load (path, NULL), ours = features_new_random ();
  save_vgg (path);
  g_autoptr (features) vgg = features_load (path, NULL);
  const struct features *all[] = {resnet, vgg, ours};
  static const int64_t extents[3][FEATURE_TAPS] = {{16, 8, 4, 2}, {32, 16, 8, 8}, {32, 16, 8, 8}};
  for (int i = 0; i < 3; i++)
    for (int last = 0; last < FEATURE_TAPS; last++) {
      g_autoptr (graph) graph = graph_new ();
      struct feature_tap taps[FEATURE_TAPS];
      features_build (all[i], graph_input (graph, "picture", SHAPE (1, 3, 32, 32)), last, taps);
      g_assert_true (graph_check (graph, NULL));
      for (int tap = 0; tap < FEATURE_TAPS; tap++) {
        if (tap <= last)
          g_assert_cmpint (sym_shape (taps[tap].x).dim[3], ==, extents[i][tap]);
        else
          g_assert_true (sym_null (taps[tap].x));
      }
    }
}

static void
test_kinds (void)
{
  g_autofree char *path = file ("kind.safetensors");
  g_autoptr (GError) error = NULL;
  save_vgg (path);
  g_autoptr (features) vgg = features_load (path, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (features_name (vgg), ==, "vgg19");

  g_autoptr (net_file) saved = make_perceptual ();
  g_assert_true (net_file_save (saved, path, &error));
  g_autoptr (features) ours = features_load (path, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (features_name (ours), ==, "perceptual");
  g_assert_cmpstr (ours->path, ==, path);
  g_assert_cmpint (((const struct perceptual_net *) ours->settings)->channels[2], ==, 8);
  g_assert_cmpint (features_channels (ours, 3), ==, 256);
  g_assert_cmpuint (weights_count (ours->weights), ==, weights_count (saved->weights));
}

static void
test_net_file (void)
{
  g_autofree char *path = file ("net.safetensors");
  g_autoptr (GError) error = NULL;
  g_autoptr (net_file) made = make_perceptual ();
  made->title = g_strdup ("An \"eye\"");
  made->license = g_strdup ("CC0-1.0");
  made->training = json_object_new ();
  json_object_set_double_member (made->training, "rate", 0.25);
  g_assert_true (net_file_save (made, path, &error));
  g_assert_no_error (error);
  g_autoptr (net_file) read = net_file_load (path, &net_perceptual, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (read->title, ==, "An \"eye\"");
  g_assert_cmpstr (read->license, ==, "CC0-1.0");
  g_assert_null (read->provenance);
  g_assert_cmpstr (read->path, ==, path);
  g_assert_cmpfloat (json_object_get_double_member (read->training, "rate"), ==, 0.25);
  g_assert_cmpmem (read->settings, sizeof small, &small, sizeof small);
  g_assert_cmpuint (weights_count (read->weights), ==, weights_count (made->weights));
  for (guint i = 0; i < weights_count (made->weights); i++) {
    struct tensor *a = weights_at (made->weights, i);
    struct tensor *b = weights_find (read->weights, weights_name (made->weights, i));
    g_assert_cmpmem (a->data, a->size, b->data, b->size);
  }
}

/* One line that names the file and holds @text. */
static void
check_refused (const char *path, const char *text)
{
  g_autoptr (GError) error = NULL;
  g_assert_null (features_load (path, &error));
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT);
  if (!strstr (error->message, text) || !strstr (error->message, path) || strchr (error->message, '\n'))
    g_error ("wanted \"%s\" of %s, found \"%s\"", text, path, error->message);
}

static void
refuse_resnet (const char *name, struct tensor *tensor, const char *text)
{
  g_autofree char *path = file ("bad.safetensors");
  g_autoptr (weights) weights = make_resnet ();
  if (tensor)
    weights_add (weights, name, tensor);
  else
    g_assert_true (weights_remove (weights, name));
  g_assert_true (safetensors_save (weights, path, NULL));
  check_refused (path, text);
}

static void
test_resnet_refused (void)
{
  g_autoptr (tensor) square = tensor_new (SHAPE (64, 64, 1, 1), DTYPE_F32, NULL);
  g_autoptr (tensor) nan = tensor_new (SHAPE (64), DTYPE_F32, NULL), minus = tensor_new (SHAPE (64), DTYPE_F32, NULL);
  g_autoptr (tensor) bytes = tensor_new (SHAPE (64), DTYPE_U8, NULL), huge = tensor_new (SHAPE (64), DTYPE_F32, NULL);
  tensor_floats (nan)[63] = NAN;
  tensor_floats (minus)[1] = -1e-3f;
  for (int i = 0; i < 64; i++)
    tensor_floats (huge)[i] = 3.3e38f;
  refuse_resnet ("layer3.0.downsample.1.running_var", NULL, "layer3.0.downsample.1.running_var is missing");
  refuse_resnet ("layer2.1.conv2.weight", NULL, "layer2.1.conv2.weight is missing");
  refuse_resnet ("layer1.0.conv1.weight", square, "(64, 64, 1, 1), ResNet-18 has (64, 64, 3, 3)"); /* ResNet-50's */
  refuse_resnet ("bn1.weight", nan, "bn1.weight holds something else than finite floats");
  refuse_resnet ("bn1.bias", bytes, "bn1.bias holds something else than finite floats");
  refuse_resnet ("layer1.1.bn2.running_var", minus, "layer1.1.bn2.running_var holds a negative variance");
  refuse_resnet ("bn1.running_mean", huge, "conv1 overflows with its normalisation");
}

static void
refuse_manifest (const char *manifest, const char *text)
{
  g_autofree char *path = file ("bad.safetensors");
  g_autoptr (net_file) made = make_perceptual ();
  weights_set_metadata (made->weights, "impasto", manifest);
  g_assert_true (safetensors_save (made->weights, path, NULL));
  check_refused (path, text);
}

static void
test_refused (void)
{
  g_autofree char *path = file ("bad.safetensors"), *missing = file ("missing.safetensors"), *data = NULL;
  gsize size;
  check_refused (missing, "cannot read");
  check_refused (folder, "");
  g_assert_true (g_file_set_contents (path, "no weights at all, but some text", -1, NULL));
  check_refused (path, "");
  g_autoptr (weights) other = weights_new ();
  add_noise (other, "something", SHAPE (2, 2), 1, 0);
  g_assert_true (safetensors_save (other, path, NULL));
  check_refused (path, "holds no feature network");

  g_autoptr (net_file) made = make_perceptual ();
  g_assert_true (net_file_save (made, path, NULL));
  g_assert_true (g_file_get_contents (path, &data, &size, NULL));
  for (gsize cut = 0; cut < size; cut += 1 + size / 41) { /* at every length */
    g_assert_true (g_file_set_contents (path, data, cut, NULL));
    check_refused (path, "");
  }

  refuse_manifest ("[]", "no JSON object");
  refuse_manifest ("{\"format\": 2, \"network\": \"perceptual\"}", "format 1");
  refuse_manifest ("{\"format\": 1, \"network\": \"style\"}", "a network \"style\", wanted \"perceptual\"");
  refuse_manifest ("{\"format\": 1, \"network\": \"perceptual\"}", "no network settings");
  refuse_manifest ("{\"format\": 1, \"network\": \"perceptual\", \"settings\": {\"channels\": [4, 6, 9]}}",
                   "the network wants");
  refuse_manifest ("{\"format\": 1, \"network\": \"perceptual\", \"settings\": {\"channels\": [4, 6, 1e9]}}",
                   "channels");
  refuse_manifest ("{\"format\": 1, \"network\": \"perceptual\", \"settings\": {\"width\": 4}}", "width");
  refuse_manifest (
    "{\"format\": 1, \"network\": \"perceptual\", \"title\": 3, \"settings\": {\"channels\": [4, 6, 8]}}", "\"title\"");
}

/* What half precision cannot hold is not written. */
static void
test_net_file_unsaved (void)
{
  g_autofree char *path = file ("huge.safetensors");
  g_autoptr (GError) error = NULL;
  g_autoptr (net_file) made = make_perceptual ();
  tensor_floats (weights_find (made->weights, "head2.bias"))[0] = 1e6f;
  g_assert_false (net_file_save (made, path, &error));
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_NUMERIC);
  g_assert_nonnull (strstr (error->message, "head2.bias"));
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  folder_make ();
  g_test_add_func ("/features/resnet", test_resnet);
  g_test_add_func ("/features/gram", test_gram);
  g_test_add_func ("/features/last", test_last);
  g_test_add_func ("/features/kinds", test_kinds);
  g_test_add_func ("/features/net_file", test_net_file);
  g_test_add_func ("/features/net_file_unsaved", test_net_file_unsaved);
  g_test_add_func ("/features/refused", test_refused);
  g_test_add_func ("/features/resnet_refused", test_resnet_refused);
  int status = g_test_run ();
  folder_remove ();
  return status;
}
