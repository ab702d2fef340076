/* SPDX-License-Identifier: Apache-2.0
 *
 * Generators and judges of ours as Keras would have saved them. The rows of a network (net/gan.h) become Keras's layers
 * one by one: a Sequential, or with classes a functional model. Kernels get Keras's order; what is a vector of a
 * picture's numbers (before a reshape, after a flatten) is reordered from channels first to channels last. Padding is
 * written out where Keras's "same" would be another. */
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "impasto/error.h"
#include "net/keras_gan.h"
#include "net/keras_writer.h"
#include "net/layers.h"

#define VERSION "2.4.0" /* whose files these equal */
#define EPSILON 1e-5    /* of net/layers.h */
#define KINDS "kinds"
#define CATEGORIES "categories"
#define CONTINUOUS "continuous"

#define GLOROT "{\"class_name\": \"GlorotUniform\", \"config\": {\"seed\": null}}"
#define ZEROS "{\"class_name\": \"Zeros\", \"config\": {}}"
#define ONES "{\"class_name\": \"Ones\", \"config\": {}}"
#define KERNEL_SETTINGS \
  ", \"kernel_initializer\": " GLOROT ", \"bias_initializer\": " ZEROS ", \"kernel_regularizer\": null" \
  ", \"bias_regularizer\": null, \"activity_regularizer\": null, \"kernel_constraint\": null, \"bias_constraint\": " \
  "null"

static const char *
truth (bool value)
{
  return value ? "true" : "false";
}

/* --- Kinds --- */

typedef void writes (struct keras_writer *writer, const struct gan_layer *layer);

static int64_t
channels_of (const struct keras_writer *writer, const struct gan_layer *layer)
{
  return layer->channels == GAN_PICTURE   ? writer->net.channels
         : layer->channels == GAN_SCORE   ? 1
         : layer->channels == GAN_MOMENTS ? 2 * writer->net.latent
                                          : MAX (1, llround (layer->channels * writer->net.width));
}

static void
write_dense (struct keras_writer *writer, const struct gan_layer *layer)
{
  int64_t c = channels_of (writer, layer), side = MAX (layer->side, 1), out = c * side * side;
  int64_t in_c = writer->c, plane = writer->h * writer->w, in = in_c * plane;
  g_autofree char *settings =
    g_strdup_printf (", \"units\": %" G_GINT64_FORMAT ", \"activation\": \"linear\", \"use_bias\": %s" KERNEL_SETTINGS,
                     out, truth (!layer->bare));
  const char *name = keras_add_layer (writer, "Dense", "dense", settings);
  const float *from = keras_find_weight (writer, "weight", out * in);
  struct tensor *kernel = from ? keras_make_weight (writer, SHAPE (in, out)) : NULL;
  double over = from ? keras_divisor (writer, from, out, in) : 1;
  for (int64_t i = 0; kernel && i < in; i++)
    for (int64_t o = 0; o < out; o++)
      tensor_floats (kernel)[i * out + o] =
        (float) (from[keras_from_last (o, c, side * side) * in + keras_from_last (i, in_c, plane)] / over);
  keras_add_weight (writer, name, "kernel", kernel);
  if (!layer->bare)
    keras_add_bias (writer, name, out, c);
  writer->c = c;
  writer->h = writer->w = side;
}

static const char *
add_conv (struct keras_writer *writer, const struct gan_layer *layer, const char *class_name, const char *base,
          bool same, int64_t out)
{
  int k = layer->kernel, s = MAX (layer->stride, 1);
  g_autofree char *settings = g_strdup_printf (
    ", \"filters\": %" G_GINT64_FORMAT ", \"kernel_size\": [%d, %d], \"strides\": [%d, %d], \"padding\": \"%s\""
    ", \"data_format\": \"channels_last\", \"dilation_rate\": [1, 1]%s, \"activation\": \"linear\", \"use_bias\": "
    "%s" KERNEL_SETTINGS "%s",
    out, k, k, s, s, same ? "same" : "valid", g_str_equal (class_name, "Conv2D") ? ", \"groups\": 1" : "",
    truth (!layer->bare), g_str_equal (class_name, "Conv2D") ? "" : ", \"output_padding\": null");
  return keras_add_layer (writer, class_name, base, settings);
}

static void
write_conv (struct keras_writer *writer, const struct gan_layer *layer)
{
  int64_t out = channels_of (writer, layer), in = writer->c, k = layer->kernel, s = MAX (layer->stride, 1);
  int64_t pad = k % 2 ? k / 2 : k / 2 - 1, height = (writer->h + 2 * pad - k) / s + 1;
  int64_t kept = (writer->h + s - 1) / s, all = MAX ((kept - 1) * s + k - writer->h, 0);
  bool same = kept == height && all == 2 * pad;
  if (!same) {
    g_autofree char *settings =
      g_strdup_printf (", \"padding\": [[%d, %d], [%d, %d]], \"data_format\": \"channels_last\"", (int) pad, (int) pad,
                       (int) pad, (int) pad);
    keras_add_layer (writer, "ZeroPadding2D", "zero_padding2d", settings);
  }
  const char *name = add_conv (writer, layer, "Conv2D", "conv2d", same, out);
  const float *from = keras_find_weight (writer, "weight", out * in * k * k);
  struct tensor *kernel = from ? keras_make_weight (writer, SHAPE (k, k, in, out)) : NULL;
  double over = from ? keras_divisor (writer, from, out, in * k * k) : 1;
  for (int64_t o = 0; kernel && o < out; o++)
    for (int64_t i = 0; i < in; i++)
      for (int64_t tap = 0; tap < k * k; tap++)
        tensor_floats (kernel)[(tap * in + i) * out + o] = (float) (from[(o * in + i) * k * k + tap] / over);
  keras_add_weight (writer, name, "kernel", kernel);
  if (!layer->bare)
    keras_add_bias (writer, name, out, out);
  writer->c = out;
  writer->h = writer->w = height;
}

static void
write_conv_transpose (struct keras_writer *writer, const struct gan_layer *layer)
{
  int64_t out = channels_of (writer, layer), in = writer->c, k = layer->kernel, s = layer->stride;
  if ((k - s) % 2 || k < s)
    writer->mistake = "a transposed convolution pads in a way that Keras has not";
  const char *name = add_conv (writer, layer, "Conv2DTranspose", "conv2d_transpose", true, out);
  const float *from = keras_find_weight (writer, "weight", out * in * k * k);
  struct tensor *kernel = from ? keras_make_weight (writer, SHAPE (k, k, out, in)) : NULL;
  for (int64_t i = 0; kernel && i < in; i++)
    for (int64_t o = 0; o < out; o++)
      for (int64_t tap = 0; tap < k * k; tap++)
        tensor_floats (kernel)[(tap * out + o) * in + i] = from[(i * out + o) * k * k + tap];
  keras_add_weight (writer, name, "kernel", kernel);
  if (!layer->bare)
    keras_add_bias (writer, name, out, out);
  writer->c = out;
  writer->h *= s;
  writer->w *= s;
}

/* --- Normalisation --- */

/* The value of "labels" times the table @leaf, as numbers of channels: Dense, and for pictures Reshape, aside; the
 * value stays. Returns the layer's name. */
static char *
write_table (struct keras_writer *writer, const char *leaf)
{
  char last[NAME_SIZE];
  int64_t n = writer->vector ? writer->c * writer->h * writer->w : writer->c, rows = writer->net.classes;
  g_autofree char *settings = g_strdup_printf (
    ", \"units\": %" G_GINT64_FORMAT ", \"activation\": \"linear\", \"use_bias\": false" KERNEL_SETTINGS, n);
  g_strlcpy (last, writer->last, NAME_SIZE);
  g_strlcpy (writer->last, "labels", NAME_SIZE);
  const char *name = keras_add_layer (writer, "Dense", "dense", settings);
  const float *from = keras_find_weight (writer, leaf, rows * n);
  struct tensor *kernel = from ? keras_make_weight (writer, SHAPE (rows, n)) : NULL;
  int64_t c = writer->c;
  for (int64_t r = 0; kernel && r < rows; r++)
    for (int64_t i = 0; i < n; i++)
      tensor_floats (kernel)[r * n + i] = from[r * n + keras_from_last (i, c, n / c)];
  keras_add_weight (writer, name, "kernel", kernel);
  if (!writer->vector) {
    g_autofree char *shape = g_strdup_printf (", \"target_shape\": [1, 1, %" G_GINT64_FORMAT "]", n);
    keras_add_layer (writer, "Reshape", "reshape", shape);
  }
  char *result = g_strdup (writer->last);
  g_strlcpy (writer->last, last, NAME_SIZE);
  return result;
}

/* "gamma" and "beta": a number a channel, or, where Keras wants one a place, that repeated. */
static void
write_affine (struct keras_writer *writer, const char *name, bool places)
{
  static const char *const leaves[][2] = {{"gamma", "scale"}, {"beta", "shift"}};
  int64_t n = writer->vector ? writer->c * writer->h * writer->w : writer->c;
  for (int i = 0; i < 2; i++) {
    struct tensor *values = keras_vector_values (writer, keras_find_weight (writer, leaves[i][1], n), n, writer->c);
    if (values && places) {
      struct tensor *wide = keras_make_weight (writer, SHAPE (writer->h, writer->w, n));
      for (int64_t k = 0; wide && k < shape_size (&wide->shape); k++)
        tensor_floats (wide)[k] = tensor_floats (values)[k % n];
      tensor_unref (values);
      values = wide;
    }
    keras_add_weight (writer, name, leaves[i][0], values);
  }
}

static const char *
write_batch_norm (struct keras_writer *writer, double follow, bool affine)
{
  g_autofree char *momentum = text_number (1 - follow), *epsilon = text_number (EPSILON);
  g_autofree char *settings = g_strdup_printf (
    ", \"axis\": [%d], \"momentum\": %s, \"epsilon\": %s, \"center\": %s, \"scale\": %s, \"beta_initializer\": " ZEROS
    ", \"gamma_initializer\": " ONES ", \"moving_mean_initializer\": " ZEROS ", \"moving_variance_initializer\": " ONES
    ", \"beta_regularizer\": null, \"gamma_regularizer\": null, \"beta_constraint\": null, \"gamma_constraint\": null",
    writer->vector ? 1 : 3, momentum, epsilon, truth (affine), truth (affine));
  const char *name = keras_add_layer (writer, "BatchNormalization", "batch_normalization", settings);
  int64_t n = writer->vector ? writer->c * writer->h * writer->w : writer->c;
  if (affine)
    write_affine (writer, name, false);
  keras_add_weight (writer, name, "moving_mean",
                    keras_vector_values (writer, keras_find_weight (writer, "mean", n), n, writer->c));
  keras_add_weight (writer, name, "moving_variance",
                    keras_vector_values (writer, keras_find_weight (writer, "variance", n), n, writer->c));
  return name;
}

/* Over the channels, height and width of a picture, or over a vector; or of each channel by itself. */
static const char *
write_other_norm (struct keras_writer *writer, bool layer, bool affine)
{
  g_autofree char *epsilon = text_number (EPSILON);
  const char *axes = writer->vector ? "[1]" : "[1, 2, 3]";
  g_autofree char *which = layer ? g_strdup_printf ("\"axis\": %s", axes)
                                 : g_strdup_printf ("\"groups\": %" G_GINT64_FORMAT ", \"axis\": -1", writer->c);
  g_autofree char *settings = g_strdup_printf (
    ", %s, \"epsilon\": %s, \"center\": %s, \"scale\": %s, \"beta_initializer\": " ZEROS
    ", \"gamma_initializer\": " ONES
    ", \"beta_regularizer\": null, \"gamma_regularizer\": null, \"beta_constraint\": null, \"gamma_constraint\": null",
    which, epsilon, truth (affine), truth (affine));
  const char *name = keras_add_layer (writer, layer ? "LayerNormalization" : "GroupNormalization",
                                      layer ? "layer_normalization" : "group_normalization", settings);
  if (affine)
    write_affine (writer, name, layer && !writer->vector);
  return name;
}

static void
write_norm (struct keras_writer *writer, const struct gan_layer *layer)
{
  bool tables = writer->net.conditional == GAN_NORMALISED;
  if (writer->norm == GAN_NORM_NONE)
    return;
  if (writer->norm == GAN_NORM_BATCH)
    write_batch_norm (writer, layer->value, !tables);
  else
    write_other_norm (writer, writer->norm == GAN_NORM_LAYER || writer->vector, !tables);
  if (!tables)
    return;
  g_autofree char *scale = write_table (writer, "scale"), *shift = NULL;
  keras_merge (writer, "Multiply", "multiply", scale);
  shift = write_table (writer, "shift");
  keras_merge (writer, "Add", "add", shift);
}

static void
write_relu (struct keras_writer *writer, const struct gan_layer *layer)
{
  keras_add_layer (writer, "ReLU", "re_lu", ", \"max_value\": null, \"negative_slope\": 0.0, \"threshold\": 0.0");
}

static void
write_leaky_relu (struct keras_writer *writer, const struct gan_layer *layer)
{
  g_autofree char *slope = text_number (layer->value), *settings = g_strdup_printf (", \"alpha\": %s", slope);
  keras_add_layer (writer, "LeakyReLU", "leaky_re_lu", settings);
}

static void
write_tanh (struct keras_writer *writer, const struct gan_layer *layer)
{
  keras_add_layer (writer, "Activation", "activation", ", \"activation\": \"tanh\"");
}

static void
write_up (struct keras_writer *writer, const struct gan_layer *layer)
{
  keras_add_layer (writer, "UpSampling2D", "up_sampling2d",
                   ", \"size\": [2, 2], \"data_format\": \"channels_last\", \"interpolation\": \"nearest\"");
  writer->h *= 2;
  writer->w *= 2;
}

static void
write_max_pool (struct keras_writer *writer, const struct gan_layer *layer)
{
  g_autofree char *settings = g_strdup_printf (
    ", \"pool_size\": [%d, %d], \"padding\": \"valid\", \"strides\": [%d, %d], \"data_format\": \"channels_last\"",
    layer->stride, layer->stride, layer->stride, layer->stride);
  keras_add_layer (writer, "MaxPooling2D", "max_pooling2d", settings);
  writer->h /= layer->stride;
  writer->w /= layer->stride;
}

static void
write_reshape (struct keras_writer *writer, const struct gan_layer *layer)
{
  g_autofree char *settings =
    g_strdup_printf (", \"target_shape\": [%d, %d, %" G_GINT64_FORMAT "]", layer->side, layer->side, writer->c);
  keras_add_layer (writer, "Reshape", "reshape", settings);
  writer->vector = false;
}

static void
write_flatten (struct keras_writer *writer, const struct gan_layer *layer)
{
  keras_add_layer (writer, "Flatten", "flatten", ", \"data_format\": \"channels_last\"");
  writer->vector = true;
}

static void
write_dropout (struct keras_writer *writer, const struct gan_layer *layer)
{
  double rate = writer->net.dropout < 0 ? layer->value : writer->net.dropout;
  g_autofree char *number = text_number (rate),
                  *settings = g_strdup_printf (", \"rate\": %s, \"noise_shape\": null, \"seed\": null", number);
  if (rate > 0)
    keras_add_layer (writer, "Dropout", "dropout", settings);
}

static void
write_minibatch (struct keras_writer *writer, const struct gan_layer *layer)
{
  if (writer->net.minibatch)
    writer->mistake = "Keras has no layer for the deviation of the minibatch";
}

static const struct {
  const struct gan_kind *kind;
  writes *write;
} kinds[] = {
  {&gan_dense, write_dense},
  {&gan_conv, write_conv},
  {&gan_conv_transpose, write_conv_transpose},
  {&gan_norm, write_norm},
  {&gan_judge_norm, write_norm},
  {&gan_relu, write_relu},
  {&gan_leaky_relu, write_leaky_relu},
  {&gan_tanh, write_tanh},
  {&gan_up, write_up},
  {&gan_max_pool, write_max_pool},
  {&gan_reshape, write_reshape},
  {&gan_flatten, write_flatten},
  {&gan_dropout, write_dropout},
  {&gan_minibatch, write_minibatch},
};

/* --- Networks --- */

/* The input of a painter: a photograph of any size. */
static void
write_photo (struct keras_writer *writer, const struct gan_preset *preset)
{
  g_autofree char *extents = g_strdup_printf ("null, null, %" G_GINT64_FORMAT, writer->net.channels);
  keras_add_input (writer, "photo", extents);
  g_strlcpy (writer->last, "photo", NAME_SIZE);
  writer->c = writer->net.channels;
  writer->h = writer->w = preset->side / preset->enlarges;
}

/* Labels beside what the network reads; rows of the normalisations take them themselves. */
static void
write_labels (struct keras_writer *writer, const struct gan_preset *preset, bool generator)
{
  const struct gan_net *net = &writer->net;
  g_autofree char *classes = g_strdup_printf ("%" G_GINT64_FORMAT, net->classes);
  char labels[NAME_SIZE] = "labels", first[NAME_SIZE];
  keras_add_input (writer, "labels", classes);
  if (generator && net->conditional == GAN_NORMALISED)
    return;
  if (!generator) { /* a channel a class, which is its share everywhere */
    g_autofree char *shape = g_strdup_printf (", \"target_shape\": [1, 1, %" G_GINT64_FORMAT "]", net->classes);
    g_autofree char *up =
      g_strdup_printf (", \"size\": [%d, %d], \"data_format\": \"channels_last\", \"interpolation\": \"nearest\"",
                       preset->side, preset->side);
    g_strlcpy (first, writer->last, NAME_SIZE);
    g_strlcpy (writer->last, "labels", NAME_SIZE);
    keras_add_layer (writer, "Reshape", "reshape", shape);
    g_strlcpy (labels, keras_add_layer (writer, "UpSampling2D", "up_sampling2d", up), NAME_SIZE);
    g_strlcpy (writer->last, first, NAME_SIZE);
  }
  keras_merge (writer, "Concatenate", "concatenate", labels);
  writer->c += net->classes;
}

/* Names of inputs tell how they are to be drawn, since nothing else of such a file could: "z_32_kinds",
 * "code_10_categories_2_continuous". */
static void
name_count (GString *name, int64_t n, const char *things)
{
  if (n > 0)
    g_string_append_printf (name, "_%" G_GINT64_FORMAT "_%s", n, things);
}

static char *
noise_name (const struct gan_net *net)
{
  GString *name = g_string_new ("z");
  name_count (name, net->kinds, KINDS);
  return g_string_free (name, FALSE);
}

static char *
code_name (const struct gan_net *net)
{
  GString *name = g_string_new ("code");
  name_count (name, net->codes, CATEGORIES);
  name_count (name, net->continuous, CONTINUOUS);
  return g_string_free (name, FALSE);
}

/* Takes "_32_kinds" off what is left of a name: 32; or nothing: 0. */
static int64_t
take_count (const char **name, const char *things)
{
  char *end = NULL;
  const int64_t n = g_ascii_isdigit (**name == '_' ? (*name)[1] : 0) ? g_ascii_strtoll (*name + 1, &end, 10) : 0;
  if (n <= 0 || *end != '_' || !g_str_has_prefix (end + 1, things))
    return 0;
  *name = end + 1 + strlen (things);
  return n;
}

int64_t
keras_noise_kinds (const char *name, int64_t latent)
{
  if (*name++ != 'z')
    return 0;
  const int64_t kinds = take_count (&name, KINDS);
  return *name == '\0' && kinds <= latent ? kinds : 0;
}

bool
keras_code (const char *name, int64_t size, int64_t *categories, int64_t *continuous)
{
  if (!g_str_has_prefix (name, "code_"))
    return false;
  name += strlen ("code");
  *categories = take_count (&name, CATEGORIES);
  *continuous = take_count (&name, CONTINUOUS);
  return *name == '\0' && *categories <= size && *continuous <= GAN_CONTINUOUS_MAX && *categories + *continuous == size;
}

static void
write_code (struct keras_writer *writer)
{
  int64_t size = gan_code_size (&writer->net);
  g_autofree char *extents = g_strdup_printf ("%" G_GINT64_FORMAT, size), *name = code_name (&writer->net);
  keras_add_input (writer, name, extents);
  keras_merge (writer, "Concatenate", "concatenate", name);
  writer->c += size;
}

/* The inputs and, with classes or a code, how they come together. */
static void
write_inputs (struct keras_writer *writer, const struct gan_preset *preset, bool generator)
{
  const struct gan_net *net = &writer->net;
  if (generator && preset->enlarges) {
    write_photo (writer, preset);
    return;
  }
  g_autofree char *extents =
    generator ? g_strdup_printf ("%" G_GINT64_FORMAT, net->latent)
              : g_strdup_printf ("%d, %d, %" G_GINT64_FORMAT, preset->side, preset->side, net->channels);
  g_autofree char *first = generator ? noise_name (net) : g_strdup ("picture");
  keras_add_input (writer, first, extents);
  g_strlcpy (writer->last, first, NAME_SIZE);
  writer->vector = generator;
  writer->c = generator ? net->latent : net->channels;
  writer->h = writer->w = generator ? 1 : preset->side;
  if (net->conditional)
    write_labels (writer, preset, generator);
  if (generator && gan_code_size (net))
    write_code (writer);
}

static bool
write_rows (struct keras_writer *writer, const struct gan_layer *rows, const char *path, GError **error)
{
  for (const struct gan_layer *row = rows; row->kind; row++) {
    int number = 1;
    size_t k = 0;
    for (const struct gan_layer *before = rows; before < row; before++)
      number += before->kind == row->kind;
    g_autofree char *name = g_strdup_printf ("%s%d", row->kind->name, number);
    writer->name = name;
    while (k < G_N_ELEMENTS (kinds) && kinds[k].kind != row->kind)
      k++;
    if (k == G_N_ELEMENTS (kinds))
      writer->mistake = "Keras has no such layer";
    else
      kinds[k].write (writer, row);
    if (writer->mistake) {
      g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "cannot write %s: %s: %s", path, name, writer->mistake);
      return false;
    }
  }
  return true;
}

/* Every group names its weights, also those that have none. */
static void
finish_groups (struct keras_writer *writer, struct hdf5 *root, const struct gan_preset *preset)
{
  static const char *const none[] = {NULL};
  g_ptr_array_add (writer->names, NULL);
  for (guint i = 0; writer->names->pdata[i]; i++) {
    struct hdf5 *group = hdf5_add_group (writer->weights, writer->names->pdata[i]);
    if (!hdf5_attribute (group, "weight_names"))
      hdf5_set_list (group, "weight_names", none);
  }
  hdf5_set_list (writer->weights, "layer_names", (const char *const *) writer->names->pdata);
  struct hdf5 *both[] = {writer->weights, root};
  for (int i = 0; i < 2; i++) {
    hdf5_set_string (both[i], "backend", "tensorflow");
    hdf5_set_string (both[i], "keras_version", VERSION);
  }
}

/* Inputs in their order, and the output. */
static void
write_ends (GString *text, const struct keras_writer *writer, bool generator)
{
  const struct gan_net *net = &writer->net;
  g_autofree char *noise = noise_name (net), *code = code_name (net);
  g_string_append_printf (text, ", \"input_layers\": [[\"%s\", 0, 0]", generator ? noise : "picture");
  if (net->conditional)
    g_string_append (text, ", [\"labels\", 0, 0]");
  if (generator && gan_code_size (net))
    g_string_append_printf (text, ", [\"%s\", 0, 0]", code);
  g_string_append_printf (text, "], \"output_layers\": [[\"%s\", 0, 0]]", writer->last);
}

struct hdf5 *
keras_tree_gan (const struct gan_preset *preset, const struct gan_net *net, enum keras_part part,
                struct weights *weights, const char *prefix, const char *path, GError **error)
{
  static const struct gan_layer linear[] = {{&gan_flatten}, {&gan_dense, GAN_SCORE}, {NULL}};
  const struct gan_layer *judge = net->judge == GAN_JUDGE_LINEAR ? linear : preset->judge;
  const struct gan_layer *const rows[] = {preset->generator, judge, preset->encoder};
  static const char *const names[] = {"generator", "judge", "encoder"};
  if (!rows[part]) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "%s has no %s", preset->net.name, names[part]);
    return NULL;
  }
  bool code = part == KERAS_GENERATOR && gan_code_size (net);
  g_autoptr (hdf5) root = hdf5_new ();
  g_autoptr (GString) layers = g_string_new (NULL), text = g_string_new (NULL);
  g_autoptr (GPtrArray) listed = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GHashTable) counts = g_hash_table_new (g_str_hash, g_str_equal);
  struct keras_writer writer = {
    .weights = hdf5_add_group (root, "model_weights"),
    .source = weights,
    .prefix = prefix,
    .layers = layers,
    .names = listed,
    .counts = counts,
    .net = *net,
    .norm = part == KERAS_GENERATOR ? net->norm : net->judge_norm,
    .functional = net->conditional || code,
    .spectral = part == KERAS_JUDGE && net->spectral,
  };
  writer.net.channels = gan_channels (preset, net);
  write_inputs (&writer, preset, part == KERAS_GENERATOR);
  if (!write_rows (&writer, rows[part], path, error))
    return NULL;
  g_string_append_printf (text, "{\"class_name\": \"%s\", \"config\": {\"name\": \"%s\", \"layers\": [%s]",
                          writer.functional ? "Functional" : "Sequential", names[part], layers->str);
  if (writer.functional)
    write_ends (text, &writer, part == KERAS_GENERATOR);
  g_string_append (text, "}}");
  finish_groups (&writer, root, preset);
  hdf5_set_string (root, "model_config", text->str);
  return g_steal_pointer (&root);
}

bool
keras_save_gan (const struct gan_preset *preset, const struct gan_net *net, enum keras_part part,
                struct weights *weights, const char *prefix, const char *path, GError **error)
{
  g_autoptr (hdf5) root = keras_tree_gan (preset, net, part, weights, prefix, path, error);
  return root && hdf5_save (root, path, error);
}
