/* SPDX-License-Identifier: Apache-2.0
 *
 * Keras's files: layers and files that Keras wrote, as TensorFlow.js runs them (tests/oracle/keras.py). */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "impasto/error.h"
#include "net/keras.h"
#include "noise.h"
#include "oracle.h"

#define REFERENCE "keras.json"
#define TOLERANCE 1e-5
#define NET_TOLERANCE 1e-4 /* deep, and of other sums */

static struct shape
shape_in (JsonArray *array)
{
  struct shape shape = {.rank = (int) json_array_get_length (array)};
  for (int i = 0; i < shape.rank; i++)
    shape.dim[i] = json_array_get_int_element (array, (guint) i);
  return shape;
}

/* The case as Keras would have saved it. */
static struct keras *
make (JsonObject *wanted, const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (hdf5) root = hdf5_new ();
  JsonArray *weights = json_object_get_array_member (wanted, "weights");
  hdf5_set_string (root, "model_config", json_object_get_string_member (wanted, "config"));
  hdf5_add_group (root, "model_weights");
  for (guint i = 0; i < json_array_get_length (weights); i++) {
    JsonArray *one = json_array_get_array_element (weights, i);
    const char *path = json_array_get_string_element (one, 0);
    bool positive = g_str_has_suffix (path, "gamma") || g_str_has_suffix (path, "variance");
    g_autoptr (tensor) values = tensor_new (shape_in (json_array_get_array_element (one, 1)), DTYPE_F32, &error);
    g_auto (GStrv) parts = g_strsplit (path, "/", 2);
    g_autofree char *place = g_strdup_printf ("model_weights/%s/%s/%s:0", parts[0], parts[0], parts[1]);
    noise_fill (path, 1, positive ? 0.7 : 0, tensor_floats (values), shape_size (&values->shape));
    hdf5_add_array (root, place, values);
  }
  g_autofree char *file = g_build_filename (g_get_tmp_dir (), "impasto-keras-XXXXXX", NULL);
  int fd = g_mkstemp (file);
  g_assert_true (fd >= 0 && g_close (fd, NULL));
  hdf5_save (root, file, &error);
  g_assert_no_error (error);
  struct keras *keras = keras_load (file, &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_unlink (file), ==, 0);
  return keras;
}

/* Builds and runs it over the case's inputs. */
static void
check (const struct keras *keras, JsonObject *wanted, const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (weights) weights = weights_new ();
  JsonArray *inputs = json_object_get_array_member (wanted, "inputs");
  sym input[KERAS_INPUTS_MAX];
  g_assert_cmpint (keras->n_inputs, ==, json_array_get_length (inputs));
  for (int i = 0; i < keras->n_inputs; i++) {
    JsonArray *one = json_array_get_array_element (inputs, (guint) i);
    struct shape shape = shape_in (json_array_get_array_element (one, 1));
    g_assert_cmpint (keras_input_shape (keras, i).rank, ==, shape.rank);
    input[i] = oracle_constant (graph, json_array_get_string_element (one, 0), shape,
                                json_array_get_double_element (one, 2), json_array_get_double_element (one, 3));
  }
  sym y = keras_build (keras, input, weights);
  graph_output (graph, "y", y);
  g_autoptr (plan) plan = plan_compile (graph, weights, &(struct plan_options){.precision = PRECISION_F32}, &error);
  g_assert_no_error (error);
  g_auto (GStrv) slow = plan_reference_steps (plan);
  g_assert_null (slow[0]);
  plan_run (plan, 0, 0);
  JsonObject *output = json_object_get_object_member (wanted, "output");
  struct tensor *found = plan_output (plan, "y");
  struct shape shape = shape_in (json_object_get_array_member (output, "shape"));
  g_assert_true (shape_equal (&found->shape, &shape));
  oracle_compare (name, found, output, TOLERANCE, 0);
}

static void
test_layers (gconstpointer name)
{
  JsonObject *wanted = oracle_member (REFERENCE, name);
  g_autoptr (keras) keras = make (wanted, name);
  check (keras, wanted, name);
}

static void
test_file (gconstpointer name)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_build_filename (g_getenv ("KERAS_FILES") ? g_getenv ("KERAS_FILES") : "", name, NULL);
  if (!g_file_test (path, G_FILE_TEST_EXISTS)) {
    g_test_skip ("the files that Keras wrote are not here");
    return;
  }
  g_autoptr (keras) keras = keras_load (path, &error);
  g_assert_no_error (error);
  check (keras, oracle_member (REFERENCE, name), name);
}

/* What networks of ours are as Keras's files: written, read, and drawn with, they give what they give. */
static const struct written {
  const char *name;
  const struct gan_preset *preset;
  enum keras_part part;
  struct gan_net net;
} written[] = {
  {"dcgan-28", &gan_dcgan_28, KERAS_GENERATOR, {0}},
  {"dcgan-28 of classes", &gan_dcgan_28, KERAS_GENERATOR, {.classes = 3, .conditional = GAN_NORMALISED}},
  {"dcgan-28 by layer", &gan_dcgan_28, KERAS_GENERATOR, {.norm = GAN_NORM_LAYER}},
  {"dcgan-28 by instance", &gan_dcgan_28, KERAS_GENERATOR, {.norm = GAN_NORM_INSTANCE}},
  {"noise-gan-28", &gan_noise_gan_28, KERAS_GENERATOR, {.classes = 3, .conditional = GAN_CONCATENATED}},
  {"dcgan-28 of codes", &gan_dcgan_28, KERAS_GENERATOR, {.codes = 4, .continuous = 2}},
  {"noise-gan-28 of classes and codes",
   &gan_noise_gan_28,
   KERAS_GENERATOR,
   {.classes = 3, .conditional = GAN_CONCATENATED, .codes = 4}},
  {"vae-28", &gan_vae_28, KERAS_GENERATOR, {0}},
  {"vae-28 encoder", &gan_vae_28, KERAS_ENCODER, {0}},
  {"dcgan-64", &gan_dcgan_64, KERAS_GENERATOR, {0}},
  {"dcgan-28 judge", &gan_dcgan_28, KERAS_JUDGE, {.judge_norm = GAN_NORM_BATCH}},
  {"dcgan-28 judge, linear", &gan_dcgan_28, KERAS_JUDGE, {.classes = 3, .conditional = 1, .judge = GAN_JUDGE_LINEAR}},
  {"noise-gan-28 judge", &gan_noise_gan_28, KERAS_JUDGE, {.judge_norm = GAN_NORM_LAYER}},
  {"painter-gan", &gan_painter_gan, KERAS_GENERATOR, {0}},
  {"anime", &gan_anime, KERAS_GENERATOR, {0}},
  {"anime judge", &gan_anime, KERAS_JUDGE, {0}},
  {"dcgan-64 judge", &gan_dcgan_64, KERAS_JUDGE, {.judge_norm = GAN_NORM_NONE, .spectral = true, .dropout = -1}},
};

static sym
build_written (struct graph *graph, const struct written *one, const struct gan_net *net, sym x, sym labels, sym code)
{
  static sym (*const builds[]) (sym x, const struct gan_preset *preset,
                                struct gan_pass pass) = {gan_generator, gan_score, gan_encoder};
  return builds[one->part](x, one->preset, (struct gan_pass){.net = net, .labels = labels, .code = code});
}

/* Taken back, the weights are what they were, but for variances, which both sides of a rounding leave as good as
 * equal. */
static void
check_taken (const struct keras *keras, const struct gan_preset *preset, const struct gan_net *net,
             struct weights *wanted)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (weights) taken = keras_take (keras, preset, net, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (weights_count (taken), ==, weights_count (wanted));
  for (guint i = 0; i < weights_count (taken); i++) {
    struct tensor *a = weights_at (taken, i), *b = weights_find (wanted, weights_name (taken, i));
    g_assert_true (b && shape_equal (&a->shape, &b->shape));
    for (int64_t k = 0; k < shape_size (&a->shape); k++)
      g_assert_cmpfloat_with_epsilon (tensor_floats (a)[k], tensor_floats (b)[k], 1e-6);
  }
  struct gan_net other = *net;
  other.latent++;
  g_autoptr (weights) none = keras_take (keras, preset, &other, &error);
  g_assert_null (none);
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT);
}

static void
test_written (gconstpointer data)
{
  const struct written *one = data;
  bool generator = one->part == KERAS_GENERATOR;
  g_autoptr (GError) error = NULL;
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (weights) weights = weights_new ();
  struct gan_net net = one->net;
  net.latent = 12;
  net.width = 1.0 / 16;
  int side = one->preset->side, channels = one->preset->channels;
  sym labels = net.classes ? oracle_constant (graph, "labels", SHAPE (2, net.classes), 1, 0.5) : (sym){graph, -1};
  int64_t size = gan_code_size (&net);
  sym code = size ? oracle_constant (graph, "code", SHAPE (2, size), 3, 0) : (sym){graph, -1};
  bool noise = generator && !one->preset->enlarges;
  if (generator && !noise)
    side = 10; /* they take any size */
  sym x = noise ? oracle_constant (graph, "z", SHAPE (2, net.latent), 2, 0)
                : oracle_constant (graph, "x", SHAPE (2, side, side, channels), 2, 0);
  sym y = build_written (graph, one, &net, noise ? x : sym_permute (x, (int[]){0, 3, 1, 2}), labels, code);
  for (int id = 0; id < graph_count (graph); id++) {
    const struct node *node = graph_node (graph, id);
    if (node->op != &op_parameter)
      continue;
    g_autoptr (tensor) values = tensor_new (node->shape, DTYPE_F32, NULL);
    bool positive = g_str_has_suffix (node->name, "variance") || g_str_has_suffix (node->name, "scale");
    noise_fill (node->name, 1, positive ? 1 : 0, tensor_floats (values), shape_size (&node->shape));
    weights_add (weights, node->name, values);
  }
  g_autofree char *path = g_build_filename (g_get_tmp_dir (), "impasto-keras-XXXXXX", NULL);
  int fd = g_mkstemp (path);
  g_assert_true (fd >= 0 && g_close (fd, NULL));
  keras_save_gan (one->preset, &net, one->part, weights, "", path, &error);
  g_assert_no_error (error);
  g_autoptr (keras) keras = keras_load (path, &error);
  g_assert_no_error (error);
  g_unlink (path);
  if (noise)
    check_taken (keras, one->preset, &net, weights);
  sym inputs[3] = {x, net.classes ? labels : code, code};
  g_assert_cmpint (keras->n_inputs, ==, 1 + (net.classes > 0) + (size > 0));
  graph_output (graph, "ours", sym_shape (y).rank == 4 ? sym_permute (y, (int[]){0, 2, 3, 1}) : y);
  graph_push (graph, "keras");
  graph_output (graph, "theirs", keras_build (keras, inputs, weights));
  graph_pop (graph);
  g_autoptr (plan) plan = plan_compile (graph, weights, &(struct plan_options){.precision = PRECISION_F32}, &error);
  g_assert_no_error (error);
  plan_run (plan, 0, 0);
  struct tensor *a = plan_output (plan, "ours"), *b = plan_output (plan, "theirs");
  double norm = 0;
  g_assert_true (shape_equal (&a->shape, &b->shape));
  for (int64_t i = 0; i < shape_size (&a->shape); i++)
    norm = MAX (norm, fabs (tensor_floats (a)[i]));
  for (int64_t i = 0; i < shape_size (&a->shape); i++)
    g_assert_cmpfloat_with_epsilon (tensor_floats (a)[i], tensor_floats (b)[i], NET_TOLERANCE * norm);
}

/* What names of inputs tell; names of others tell nothing. */
static void
test_input_names (void)
{
  static const struct {
    const char *name;
    int size, categories, continuous; /* -1: no code */
  } codes[] = {
    {"code_10_categories_2_continuous", 12, 10, 2},
    {"code_10_categories", 10, 10, 0},
    {"code_2_continuous", 2, 0, 2},
    {"code_10_categories_2_continuous", 11, -1, -1},
    {"code_17_continuous", 17, -1, -1},
    {"code_2_continuous_10_categories", 12, -1, -1},
    {"code_10_categoriesx", 10, -1, -1},
    {"code_-2_continuous", 2, -1, -1},
    {"code", 2, -1, -1},
    {"code_", 2, -1, -1},
    {"input_2", 2, -1, -1},
  };
  for (guint i = 0; i < G_N_ELEMENTS (codes); i++) {
    int64_t categories = -1, continuous = -1;
    const bool is = keras_code (codes[i].name, codes[i].size, &categories, &continuous);
    g_assert_true (is == (codes[i].categories >= 0));
    if (is) {
      g_assert_cmpint (categories, ==, codes[i].categories);
      g_assert_cmpint (continuous, ==, codes[i].continuous);
    }
  }
  g_assert_cmpint (keras_noise_kinds ("z_32_kinds", 100), ==, 32);
  g_assert_cmpint (keras_noise_kinds ("z_32_kinds", 31), ==, 0);
  g_assert_cmpint (keras_noise_kinds ("z_32_kinds_", 100), ==, 0);
  g_assert_cmpint (keras_noise_kinds ("z", 100), ==, 0);
  g_assert_cmpint (keras_noise_kinds ("input_1", 100), ==, 0);
}

/* The deviation of the minibatch has no layer in Keras, and an autoencoder no judge. */
static void
test_not_written (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (weights) weights = weights_new ();
  struct gan_net net = {.latent = 12, .width = 1, .judge_norm = GAN_NORM_NONE};
  g_assert_false (keras_save_gan (&gan_vae_28, &net, KERAS_JUDGE, weights, "", "x.h5", &error));
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE);
  g_clear_error (&error);
  g_assert_false (keras_save_gan (&gan_dcgan_28, &net, KERAS_JUDGE, weights, "", "x.h5", &error));
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT);
  g_assert_nonnull (strstr (error->message, "conv1: a weight is missing"));
  g_assert_false (g_file_test ("x.h5", G_FILE_TEST_EXISTS));
}

int
main (int argc, char **argv)
{
  static const char *const layers[] = {"dense_reshape",    "conv_strided", "conv_dilated", "transposed_same",
                                       "transposed_valid", "resampling",   "activations",  "swish",
                                       "conditional"};
  static const char *const files[] = {"small_generator_praxidike97.h5", "dcgan_generator_boga-man.h5",
                                      "srgan_generator_vee-upatising.h5"};
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (layers); i++) {
    g_autofree char *path = g_strdup_printf ("/keras/layers/%s", layers[i]);
    g_test_add_data_func (path, layers[i], test_layers);
  }
  for (guint i = 0; i < G_N_ELEMENTS (files); i++) {
    g_autofree char *path = g_strdup_printf ("/keras/files/%s", files[i]);
    g_test_add_data_func (path, files[i], test_file);
  }
  for (guint i = 0; i < G_N_ELEMENTS (written); i++) {
    g_autofree char *path = g_strdup_printf ("/keras/written/%s", written[i].name);
    g_test_add_data_func (path, &written[i], test_written);
  }
  g_test_add_func ("/keras/input_names", test_input_names);
  g_test_add_func ("/keras/written/not", test_not_written);
  return g_test_run ();
}
