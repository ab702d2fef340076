/* SPDX-License-Identifier: Apache-2.0
 *
 * Keras's layers as pieces of a graph, for inference. "Same" padding is TensorFlow's: what is odd goes to the bottom
 * and the right, and what is padded depends on the size. Vectors that were pictures have Keras's order, channels
 * last. */
#include "net/keras_internal.h"

#include <math.h>
#include <string.h>

#include "op/resize.h"
#include "op/sym.h"

#define KERNEL_MAX 1024
#define CHANNELS_MAX (1 << 20)

static sym
same (struct keras_pass *pass, const struct keras_call *call, const sym *x, int n)
{
  return x[0];
}

const struct keras_kind keras_input = {"InputLayer", same, 1};

static bool
is_picture (struct keras_pass *pass, sym x)
{
  if (sym_shape (x).rank == 4)
    return true;
  graph_fail (pass->graph, "wants pictures, gets %d axes", sym_shape (x).rank);
  return false;
}

/* Channels come last in Keras's files but for some that say so. */
static bool
channels_last (struct keras_pass *pass, const struct keras_call *call)
{
  const char *format = keras_text (call, "data_format");
  if (!format || g_str_equal (format, "channels_last"))
    return true;
  graph_fail (pass->graph, "has channels first, which is not read");
  return false;
}

static int64_t
units (struct keras_pass *pass, const struct keras_call *call, const char *name)
{
  return keras_int (pass, call, name, 0, 1, CHANNELS_MAX);
}

/* With the bias and the activation that many layers have. */
static sym
finish (struct keras_pass *pass, const struct keras_call *call, sym y, int64_t channels)
{
  if (keras_flag (call, "use_bias", true)) {
    g_autoptr (tensor) bias = keras_values (pass, call, "bias", SHAPE (channels));
    if (!bias)
      return (sym){pass->graph, -1};
    if (sym_shape (y).rank == 4)
      bias->shape = SHAPE (1, channels, 1, 1);
    else
      bias->shape = SHAPE (1, channels);
    y = sym_add (y, keras_parameter (pass, call, "bias", bias));
  }
  return keras_activation (pass, keras_text (call, "activation"), y);
}

static sym
dense (struct keras_pass *pass, const struct keras_call *call, const sym *x, int n)
{
  struct shape shape = sym_shape (x[0]);
  int64_t out = units (pass, call, "units");
  if (shape.rank < 2 || shape.rank > 3)
    return graph_fail (pass->graph, "wants vectors, gets %d axes", shape.rank);
  sym weight = keras_weight (pass, call, "kernel", SHAPE (shape.dim[shape.rank - 1], out), (int[]){1, 0});
  return finish (pass, call, sym_matmul_t (x[0], false, weight, true), out);
}

/* What TensorFlow pads for an output of ceil(extent / stride): the first of two is the smaller. */
static void
same_padding (int64_t extent, int64_t kernel, int64_t stride, int64_t dilation, int64_t pad[2])
{
  int64_t out = (extent + stride - 1) / stride;
  int64_t total = MAX ((out - 1) * stride + (kernel - 1) * dilation + 1 - extent, 0);
  pad[0] = total / 2;
  pad[1] = total - pad[0];
}

/* Whether the layer pads "same"; another way than "valid" is a mistake. */
static bool
pads_same (struct keras_pass *pass, const struct keras_call *call)
{
  const char *padding = keras_text (call, "padding");
  bool same = g_strcmp0 (padding, "same") == 0;
  if (!same && padding && !g_str_equal (padding, "valid"))
    graph_fail (pass->graph, "pads in a way that is not read");
  return same;
}

struct window {
  int64_t kernel[2], stride[2], dilation[2];
  bool same;
};

static bool
read_window (struct keras_pass *pass, const struct keras_call *call, const char *kernel, struct window *window, sym x)
{
  keras_pair (pass, call, kernel, 1, window->kernel);
  keras_pair (pass, call, "strides", g_str_equal (kernel, "pool_size") ? window->kernel[0] : 1, window->stride);
  keras_pair (pass, call, "dilation_rate", 1, window->dilation);
  window->same = pads_same (pass, call);
  bool plain = window->stride[0] == window->stride[1] && window->dilation[0] == window->dilation[1];
  if (!is_picture (pass, x) || !channels_last (pass, call))
    return false;
  if (!plain || window->kernel[0] > KERNEL_MAX || window->kernel[1] > KERNEL_MAX || window->stride[0] > KERNEL_MAX ||
      window->dilation[0] > KERNEL_MAX) {
    graph_fail (pass->graph, "has strides or dilations that differ, or a kernel beyond %d", KERNEL_MAX);
    return false;
  }
  return true;
}

static sym
conv2d (struct keras_pass *pass, const struct keras_call *call, const sym *x, int n)
{
  struct window window;
  int64_t top[2] = {0}, left[2] = {0}, out = units (pass, call, "filters");
  struct shape shape = sym_shape (x[0]);
  if (!read_window (pass, call, "kernel_size", &window, x[0]))
    return (sym){pass->graph, -1};
  int64_t groups = keras_int (pass, call, "groups", 1, 1, CHANNELS_MAX);
  if (shape.dim[1] % groups)
    return graph_fail (pass->graph, "%d channels are no multiple of its groups", (int) shape.dim[1]);
  if (window.same) {
    same_padding (shape.dim[2], window.kernel[0], window.stride[0], window.dilation[0], top);
    same_padding (shape.dim[3], window.kernel[1], window.stride[1], window.dilation[1], left);
  }
  sym weight = keras_weight (
    pass, call, "kernel", SHAPE (window.kernel[0], window.kernel[1], shape.dim[1] / groups, out), (int[]){3, 2, 0, 1});
  struct conv_options options = {
    .stride = (int) window.stride[0], .dilation = (int) window.dilation[0], .groups = (int) groups};
  sym y = x[0];
  if (top[0] == top[1] && left[0] == left[1] && top[0] == left[0])
    options.pad = (int) top[0];
  else
    y = sym_pad (y, PAD_ZERO, top[0], left[0], top[1], left[1]);
  return finish (pass, call, sym_conv2d (y, weight, options), out);
}

/* The rows of an axis of @extent that a transposed convolution gives, in what one without padding gives: from *@from
 * on; what is missing at the end in *@more. */
static int64_t
transposed_extent (const struct window *window, int axis, int64_t extent, int64_t *from, int64_t *more)
{
  int64_t kernel = window->kernel[axis], stride = window->stride[axis];
  int64_t full = (extent - 1) * stride + kernel, rest = MAX (kernel - stride, 0);
  int64_t out = extent * stride + (window->same ? 0 : rest);
  *from = window->same ? rest / 2 : 0;
  *more = MAX (*from + out - full, 0);
  return out;
}

static sym
conv2d_transpose (struct keras_pass *pass, const struct keras_call *call, const sym *x, int n)
{
  struct window window;
  int64_t out = units (pass, call, "filters"), from[2], more[2], extent[2];
  struct shape shape = sym_shape (x[0]);
  JsonNode *output_padding = json_object_get_member (call->config, "output_padding");
  if (!read_window (pass, call, "kernel_size", &window, x[0]))
    return (sym){pass->graph, -1};
  if ((output_padding && !JSON_NODE_HOLDS_NULL (output_padding)) || window.dilation[0] > 1)
    return graph_fail (pass->graph, "has an output padding or a dilation, which is not read");
  sym weight = keras_weight (pass, call, "kernel", SHAPE (window.kernel[0], window.kernel[1], out, shape.dim[1]),
                             (int[]){3, 2, 0, 1});
  for (int i = 0; i < 2; i++)
    extent[i] = transposed_extent (&window, i, shape.dim[2 + i], &from[i], &more[i]);
  int pad = from[0] == from[1] ? (int) from[0] : 0;
  sym y = sym_conv_transpose2d (x[0], weight, (struct conv_options){.stride = (int) window.stride[0], .pad = pad}, 0);
  y = sym_pad (y, PAD_ZERO, 0, 0, more[0], more[1]);
  for (int i = 0; i < 2; i++)
    y = sym_slice (y, 2 + i, from[i] - pad, from[i] - pad + extent[i], 1);
  return finish (pass, call, y, out);
}

static sym
upsampling (struct keras_pass *pass, const struct keras_call *call, const sym *x, int n)
{
  int64_t size[2];
  const char *how = keras_text (call, "interpolation");
  struct shape shape = sym_shape (x[0]);
  keras_pair (pass, call, "size", 2, size);
  if (!is_picture (pass, x[0]) || !channels_last (pass, call))
    return (sym){pass->graph, -1};
  if (size[0] > KERNEL_MAX || size[1] > KERNEL_MAX)
    return graph_fail (pass->graph, "enlarges more than %d times", KERNEL_MAX);
  if (g_strcmp0 (how, "bilinear") == 0)
    return sym_resize_bilinear (x[0], shape.dim[2] * size[0], shape.dim[3] * size[1]);
  if (how && !g_str_equal (how, "nearest"))
    return graph_fail (pass->graph, "enlarges neither to the nearest nor bilinearly, which is not read");
  if (size[0] == size[1])
    return size[0] == 1 ? x[0] : sym_upsample_nearest (x[0], (int) size[0]);
  sym rows = sym_reshape (x[0], SHAPE (shape.dim[0] * shape.dim[1], shape.dim[2], 1, shape.dim[3], 1));
  rows = sym_broadcast (rows, SHAPE (shape.dim[0] * shape.dim[1], shape.dim[2], size[0], shape.dim[3], size[1]));
  return sym_reshape (rows, SHAPE (shape.dim[0], shape.dim[1], shape.dim[2] * size[0], shape.dim[3] * size[1]));
}

/* [[top, bottom], [left, right]], [height, width], or one number. */
static bool
read_sides (struct keras_pass *pass, const struct keras_call *call, const char *name, int64_t side[4])
{
  JsonNode *node = json_object_get_member (call->config, name);
  JsonArray *both = node && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
  for (guint i = 0; i < 4; i++) {
    JsonNode *one = both && json_array_get_length (both) == 2 ? json_array_get_element (both, i / 2) : node;
    if (one && JSON_NODE_HOLDS_ARRAY (one) && json_array_get_length (json_node_get_array (one)) == 2)
      one = json_array_get_element (json_node_get_array (one), i % 2);
    bool number = one && JSON_NODE_HOLDS_VALUE (one) && json_node_get_value_type (one) == G_TYPE_INT64;
    side[i] = number ? json_node_get_int (one) : -1;
    if (side[i] < 0 || side[i] > KERNEL_MAX) {
      graph_fail (pass->graph, "%s is none", name);
      return false;
    }
  }
  return true;
}

static sym
zero_padding (struct keras_pass *pass, const struct keras_call *call, const sym *x, int n)
{
  int64_t side[4];
  if (!is_picture (pass, x[0]) || !channels_last (pass, call) || !read_sides (pass, call, "padding", side))
    return (sym){pass->graph, -1};
  return sym_pad (x[0], PAD_ZERO, side[0], side[2], side[1], side[3]);
}

static sym
cropping (struct keras_pass *pass, const struct keras_call *call, const sym *x, int n)
{
  int64_t side[4];
  struct shape shape = sym_shape (x[0]);
  if (!is_picture (pass, x[0]) || !channels_last (pass, call) || !read_sides (pass, call, "cropping", side))
    return (sym){pass->graph, -1};
  if (side[0] + side[1] >= shape.dim[2] || side[2] + side[3] >= shape.dim[3])
    return graph_fail (pass->graph, "crops all of a picture");
  sym rows = sym_slice (x[0], 2, side[0], shape.dim[2] - side[1], 1);
  return sym_slice (rows, 3, side[2], shape.dim[3] - side[3], 1);
}

static sym
pooling (struct keras_pass *pass, const struct keras_call *call, sym x, bool max)
{
  struct window window;
  if (!read_window (pass, call, "pool_size", &window, x))
    return (sym){pass->graph, -1};
  struct shape shape = sym_shape (x);
  bool fits = shape.dim[2] % window.stride[0] == 0 && shape.dim[3] % window.stride[0] == 0;
  if (window.kernel[0] != window.kernel[1] || (window.same && (!fits || window.kernel[0] != window.stride[0])))
    return graph_fail (pass->graph, "pools in a way that is not read");
  int kernel = (int) window.kernel[0], stride = (int) window.stride[0];
  return max ? sym_max_pool (x, kernel, stride, 0) : sym_avg_pool (x, kernel, stride, 0);
}

static sym
max_pooling (struct keras_pass *pass, const struct keras_call *call, const sym *x, int n)
{
  return pooling (pass, call, x[0], true);
}

static sym
average_pooling (struct keras_pass *pass, const struct keras_call *call, const sym *x, int n)
{
  return pooling (pass, call, x[0], false);
}

static sym
global_pooling (struct keras_pass *pass, const struct keras_call *call, const sym *x, int n)
{
  struct shape shape = sym_shape (x[0]);
  if (!is_picture (pass, x[0]) || !channels_last (pass, call))
    return (sym){pass->graph, -1};
  sym mean = sym_mean (x[0], AXES_HW);
  return keras_flag (call, "keepdims", false) ? mean : sym_reshape (mean, SHAPE (shape.dim[0], shape.dim[1]));
}

/* --- Shapes --- */

static sym
last (sym x)
{
  return sym_shape (x).rank == 4 ? sym_permute (x, (int[]){0, 2, 3, 1}) : x;
}

static sym
flatten (struct keras_pass *pass, const struct keras_call *call, const sym *x, int n)
{
  return channels_last (pass, call) ? sym_reshape (last (x[0]), SHAPE (sym_shape (x[0]).dim[0], -1))
                                    : (sym){pass->graph, -1};
}

static sym
reshape (struct keras_pass *pass, const struct keras_call *call, const sym *x, int n)
{
  JsonNode *node = json_object_get_member (call->config, "target_shape");
  JsonArray *array = node && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
  guint rank = array ? json_array_get_length (array) : 0;
  struct shape shape = {.rank = 1, .dim = {sym_shape (x[0]).dim[0]}};
  for (guint i = 0; i < rank && rank <= 3; i++) {
    JsonNode *one = json_array_get_element (array, i);
    bool number = JSON_NODE_HOLDS_VALUE (one) && json_node_get_value_type (one) == G_TYPE_INT64;
    shape.dim[shape.rank++] = number ? json_node_get_int (one) : 0;
  }
  if (rank < 1 || rank > 3)
    return graph_fail (pass->graph, "makes %u axes, which is not read", rank);
  sym y = sym_reshape (last (x[0]), shape);
  return rank == 3 ? sym_permute (y, (int[]){0, 3, 1, 2}) : y;
}

/* The axis of ours that Keras's @axis of values of @rank axes is. */
static int
axis_of (int64_t axis, int rank)
{
  int at = (int) (axis < 0 ? axis + rank : axis);
  static const int pictures[] = {0, 2, 3, 1};
  return at < 0 || at >= rank ? -1 : rank == 4 ? pictures[at] : at;
}

static sym
concatenate (struct keras_pass *pass, const struct keras_call *call, const sym *x, int n)
{
  int axis = axis_of (keras_int (pass, call, "axis", -1, -6, 6), sym_shape (x[0]).rank);
  if (axis < 1)
    return graph_fail (pass->graph, "joins along an axis that is none");
  return sym_concat (x, n, axis);
}

static sym
embedding (struct keras_pass *pass, const struct keras_call *call, const sym *x, int n)
{
  int64_t rows = units (pass, call, "input_dim"), out = units (pass, call, "output_dim");
  if (sym_shape (x[0]).rank > 2)
    return graph_fail (pass->graph, "wants numbers of rows");
  return sym_gather (keras_weight (pass, call, "embeddings", SHAPE (rows, out), NULL), 0, x[0]);
}

/* --- Merging --- */

static sym
merged (const sym *x, int n, sym (*merge) (sym a, sym b))
{
  sym y = x[0];
  for (int i = 1; i < n; i++)
    y = merge (y, x[i]);
  return y;
}

static sym
add (struct keras_pass *pass, const struct keras_call *call, const sym *x, int n)
{
  return merged (x, n, sym_add);
}

static sym
multiply (struct keras_pass *pass, const struct keras_call *call, const sym *x, int n)
{
  return merged (x, n, sym_mul);
}

static sym
subtract (struct keras_pass *pass, const struct keras_call *call, const sym *x, int n)
{
  return merged (x, n, sym_sub);
}

static sym
maximum (struct keras_pass *pass, const struct keras_call *call, const sym *x, int n)
{
  return merged (x, n, sym_maximum);
}

static sym
minimum (struct keras_pass *pass, const struct keras_call *call, const sym *x, int n)
{
  return merged (x, n, sym_minimum);
}

static sym
average (struct keras_pass *pass, const struct keras_call *call, const sym *x, int n)
{
  return sym_scale (merged (x, n, sym_add), 1.0 / n);
}

/* --- Activations --- */

static sym
activation (struct keras_pass *pass, const struct keras_call *call, const sym *x, int n)
{
  return keras_activation (pass, keras_text (call, "activation"), x[0]);
}

/* Called alpha before Keras 3. */
static double
slope (const struct keras_call *call, double fallback)
{
  return keras_number (call, "negative_slope", keras_number (call, "alpha", fallback));
}

static sym
leaky_relu (struct keras_pass *pass, const struct keras_call *call, const sym *x, int n)
{
  return sym_leaky_relu (x[0], slope (call, 0.3));
}

static sym
relu (struct keras_pass *pass, const struct keras_call *call, const sym *x, int n)
{
  double most = keras_number (call, "max_value", INFINITY);
  if (keras_number (call, "threshold", 0) != 0)
    return graph_fail (pass->graph, "has a threshold, which is not read");
  sym y = slope (call, 0) != 0 ? sym_leaky_relu (x[0], slope (call, 0)) : sym_relu (x[0]);
  return isfinite (most) ? sym_minimum (y, sym_scalar_like (y, most)) : y;
}

/* max(x, 0) + a min(x, 0), a value a channel, or a place. */
static sym
prelu (struct keras_pass *pass, const struct keras_call *call, const sym *x, int n)
{
  struct shape shape = sym_shape (x[0]), wanted = {.rank = shape.rank - 1};
  JsonNode *node = json_object_get_member (call->config, "shared_axes");
  JsonArray *shared = node && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
  if (shape.rank == 4)
    wanted = SHAPE (shape.dim[2], shape.dim[3], shape.dim[1]);
  else
    memcpy (wanted.dim, shape.dim + 1, (size_t) wanted.rank * sizeof (int64_t));
  for (guint i = 0; shared && i < json_array_get_length (shared); i++) {
    JsonNode *one = json_array_get_element (shared, i);
    int64_t axis = JSON_NODE_HOLDS_VALUE (one) ? json_node_get_int (one) : 0;
    if (axis >= 1 && axis <= wanted.rank)
      wanted.dim[axis - 1] = 1;
  }
  sym a = keras_weight (pass, call, "alpha", wanted, wanted.rank == 3 ? (int[]){2, 0, 1} : NULL);
  return sym_sub (sym_relu (x[0]), sym_mul (a, sym_relu (sym_neg (x[0]))));
}

static sym
elu (struct keras_pass *pass, const struct keras_call *call, const sym *x, int n)
{
  sym below = sym_affine (sym_exp (sym_neg (sym_relu (sym_neg (x[0])))), keras_number (call, "alpha", 1),
                          -keras_number (call, "alpha", 1));
  return sym_add (sym_relu (x[0]), below);
}

static sym
softmax (struct keras_pass *pass, const struct keras_call *call, const sym *x, int n)
{
  int axis = axis_of (keras_int (pass, call, "axis", -1, -6, 6), sym_shape (x[0]).rank);
  return axis < 1 ? graph_fail (pass->graph, "has an axis that is none") : sym_softmax (x[0], axis);
}

/* --- Normalisation --- */

/* A weight of one value a channel, or @fallback where the layer has none. */
static struct tensor *
channel_values (struct keras_pass *pass, const struct keras_call *call, const char *leaf, bool has, int64_t channels,
                float fallback)
{
  if (has)
    return keras_values (pass, call, leaf, SHAPE (channels));
  struct tensor *values = tensor_new (SHAPE (channels), DTYPE_F32, NULL);
  for (int64_t i = 0; values && i < channels; i++)
    tensor_floats (values)[i] = fallback;
  return values;
}

/* Statistics that do not change are a scale and a shift of each channel. */
static sym
batch_norm (struct keras_pass *pass, const struct keras_call *call, const sym *x, int n)
{
  struct shape shape = sym_shape (x[0]);
  JsonNode *node = json_object_get_member (call->config, "axis");
  if (node && JSON_NODE_HOLDS_ARRAY (node) && json_array_get_length (json_node_get_array (node)) == 1)
    node = json_array_get_element (json_node_get_array (node), 0);
  int64_t given = node && JSON_NODE_HOLDS_VALUE (node) ? json_node_get_int (node) : -1;
  int64_t axis = given < 0 ? given + shape.rank : given, channels = shape.dim[shape.rank == 4 ? 1 : shape.rank - 1];
  if (axis != shape.rank - 1)
    return graph_fail (pass->graph, "normalises another axis than the last, which is not read");
  double epsilon = keras_number (call, "epsilon", 1e-3);
  g_autoptr (tensor) a = channel_values (pass, call, "gamma", keras_flag (call, "scale", true), channels, 1);
  g_autoptr (tensor) b = channel_values (pass, call, "beta", keras_flag (call, "center", true), channels, 0);
  g_autoptr (tensor) mean = keras_values (pass, call, "moving_mean", SHAPE (channels));
  g_autoptr (tensor) variance = keras_values (pass, call, "moving_variance", SHAPE (channels));
  if (!a || !b || !mean || !variance)
    return (sym){pass->graph, -1};
  for (int64_t i = 0; i < channels; i++) {
    double spread = tensor_floats (variance)[i] + epsilon;
    if (spread <= 0)
      return graph_fail (pass->graph, "has a variance that is none");
    double scale = tensor_floats (a)[i] / sqrt (spread);
    tensor_floats (a)[i] = (float) scale;
    tensor_floats (b)[i] = (float) (tensor_floats (b)[i] - scale * tensor_floats (mean)[i]);
  }
  a->shape = b->shape = shape.rank == 4 ? SHAPE (1, channels, 1, 1) : SHAPE (1, channels);
  return sym_add (sym_mul (x[0], keras_parameter (pass, call, "scale", a)), keras_parameter (pass, call, "shift", b));
}

/* (x - mean) / sqrt(variance + epsilon) over @axes, which the graph has as extents of 1. */
static sym
standardised (sym x, unsigned axes, double epsilon)
{
  return sym_mul (sym_sub (x, sym_mean (x, axes)), sym_rsqrt (sym_shift (sym_variance (x, axes), epsilon)));
}

/* Over all axes but the batch's, with a weight a place; or over the last. */
static sym
layer_norm (struct keras_pass *pass, const struct keras_call *call, const sym *x, int n)
{
  struct shape shape = sym_shape (x[0]);
  JsonNode *node = json_object_get_member (call->config, "axis");
  bool all = node && JSON_NODE_HOLDS_ARRAY (node) && json_array_get_length (json_node_get_array (node)) == 3;
  int rank = shape.rank;
  int64_t channels = shape.dim[rank == 4 ? 1 : rank - 1];
  bool place = all && rank == 4;
  struct shape wanted = place ? SHAPE (shape.dim[2], shape.dim[3], channels) : SHAPE (channels);
  unsigned axes = place ? AXES_CHW : AXIS (rank == 4 ? 1 : rank - 1);
  sym y = standardised (x[0], axes, keras_number (call, "epsilon", 1e-3));
  static const char *const leaves[] = {"gamma", "beta"}, *const flags[] = {"scale", "center"};
  for (int i = 0; i < 2; i++)
    if (keras_flag (call, flags[i], true)) {
      sym w = keras_weight (pass, call, leaves[i], wanted, place ? (int[]){2, 0, 1} : NULL);
      if (!place && rank == 4)
        w = sym_reshape (w, SHAPE (1, channels, 1, 1));
      y = i ? sym_add (y, w) : sym_mul (y, w);
    }
  return y;
}

static sym
group_norm (struct keras_pass *pass, const struct keras_call *call, const sym *x, int n)
{
  struct shape shape = sym_shape (x[0]);
  if (!is_picture (pass, x[0]))
    return (sym){pass->graph, -1};
  int64_t channels = shape.dim[1], groups = keras_int (pass, call, "groups", 32, -1, CHANNELS_MAX);
  groups = groups == -1 ? channels : groups;
  if (groups < 1 || channels % groups)
    return graph_fail (pass->graph, "%d channels are no multiple of its groups", (int) channels);
  double epsilon = keras_number (call, "epsilon", 1e-3);
  sym y = x[0];
  if (groups == channels)
    y = standardised (y, AXES_HW, epsilon);
  else {
    y = sym_reshape (y, SHAPE (shape.dim[0], groups, channels / groups * shape.dim[2], shape.dim[3]));
    y = sym_reshape (standardised (y, AXES_HW, epsilon), shape);
  }
  static const char *const leaves[] = {"gamma", "beta"}, *const flags[] = {"scale", "center"};
  for (int i = 0; i < 2; i++)
    if (keras_flag (call, flags[i], true)) {
      sym w = sym_reshape (keras_weight (pass, call, leaves[i], SHAPE (channels), NULL), SHAPE (1, channels, 1, 1));
      y = i ? sym_add (y, w) : sym_mul (y, w);
    }
  return y;
}

static const struct keras_kind kinds[] = {
  {"Activation", activation, 1},
  {"Add", add},
  {"AlphaDropout", same, 1},
  {"Average", average},
  {"AveragePooling2D", average_pooling, 1},
  {"BatchNormalization", batch_norm, 1},
  {"BatchNormalizationV1", batch_norm, 1},
  {"Concatenate", concatenate},
  {"Conv2D", conv2d, 1},
  {"Conv2DTranspose", conv2d_transpose, 1},
  {"Cropping2D", cropping, 1},
  {"Dense", dense, 1},
  {"Dropout", same, 1},
  {"ELU", elu, 1},
  {"Embedding", embedding, 1},
  {"Flatten", flatten, 1},
  {"GaussianDropout", same, 1},
  {"GaussianNoise", same, 1},
  {"GlobalAveragePooling2D", global_pooling, 1},
  {"GroupNormalization", group_norm, 1},
  {"LayerNormalization", layer_norm, 1},
  {"LeakyReLU", leaky_relu, 1},
  {"MaxPooling2D", max_pooling, 1},
  {"Maximum", maximum},
  {"Minimum", minimum},
  {"Multiply", multiply},
  {"PReLU", prelu, 1},
  {"ReLU", relu, 1},
  {"Reshape", reshape, 1},
  {"Softmax", softmax, 1},
  {"SpatialDropout2D", same, 1},
  {"Subtract", subtract, 2},
  {"UpSampling2D", upsampling, 1},
  {"ZeroPadding2D", zero_padding, 1},
};

const struct keras_kind *
keras_kind_find (const char *class_name)
{
  for (size_t i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (g_str_equal (kinds[i].class_name, class_name))
      return &kinds[i];
  return NULL;
}
