/* SPDX-License-Identifier: Apache-2.0
 *
 * VGG-19, blocks 1 to 3: the eye of the style losses. Weights are called conv1_1.weight .. conv3_4.bias; biases are
 * kept as (1, c, 1, 1). Input statistics are those of ImageNet as torchvision writes them. */
#include "format/safetensors.h"
#include "net/manifest.h"
#include "net/net.h"

static const int channels[3] = {64, 128, 256}, depth[3] = {2, 2, 4};

static sym
channel_constant (struct graph *graph, const float *values)
{
  g_autoptr (tensor) tensor = tensor_new (SHAPE (1, 3, 1, 1), DTYPE_F32, NULL);
  for (int c = 0; c < 3; c++)
    tensor_floats (tensor)[c] = values[c];
  return graph_constant (graph, tensor);
}

sym
imagenet_normalize (sym picture)
{
  static const float scale[3] = {1 / 0.229f, 1 / 0.224f, 1 / 0.225f};
  static const float shift[3] = {-0.485f / 0.229f, -0.456f / 0.224f, -0.406f / 0.225f};
  struct graph *graph = picture.graph;
  return sym_add (sym_mul (picture, channel_constant (graph, scale)), channel_constant (graph, shift));
}

struct vgg
vgg19 (sym picture, int last)
{
  struct graph *graph = picture.graph;
  struct vgg vgg;
  sym x = imagenet_normalize (picture);
  int64_t in = 3;
  for (int b = 0, layer = 0; b < 3; b++) {
    if (b > 0 && layer <= last)
      x = sym_max_pool (x, 2, 2, 0);
    for (int i = 0; i < 4; i++)
      vgg.relu[b][i] = (sym){graph, -1};
    for (int i = 0; i < depth[b] && layer <= last; i++, layer++) {
      graph_push (graph, "conv%d_%d", b + 1, i + 1);
      sym weight = graph_parameter (graph, "weight", SHAPE (channels[b], in, 3, 3), (struct init){INIT_NORMAL, 0.05});
      sym bias = graph_parameter (graph, "bias", SHAPE (1, channels[b], 1, 1), (struct init){INIT_ZERO, 0});
      x = sym_relu (sym_add (sym_conv2d (x, weight, (struct conv_options){.pad = 1}), bias));
      graph_pop (graph);
      vgg.relu[b][i] = x;
      in = channels[b];
    }
  }
  return vgg;
}

/* torchvision counts every module of `features`: convolutions, ReLUs and pools. */
static const struct {
  const char *name;
  int torchvision, out, in;
} vgg_layers[] = {
  {"conv1_1", 0, 64, 3},     {"conv1_2", 2, 64, 64},    {"conv2_1", 5, 128, 64},   {"conv2_2", 7, 128, 128},
  {"conv3_1", 10, 256, 128}, {"conv3_2", 12, 256, 256}, {"conv3_3", 14, 256, 256}, {"conv3_4", 16, 256, 256},
};

static bool
add_vgg_tensor (struct weights *target, struct weights *source, guint layer, const char *kind, struct shape file_shape,
                struct shape shape, const char *path, GError **error)
{
  g_autofree char *ours = g_strdup_printf ("features.%s.%s", vgg_layers[layer].name, kind);
  g_autofree char *theirs = g_strdup_printf ("features.%d.%s", vgg_layers[layer].torchvision, kind);
  g_autofree char *name = g_strdup_printf ("%s.%s", vgg_layers[layer].name, kind);
  struct tensor *tensor = weights_find (source, ours);
  tensor = tensor ? tensor : weights_find (source, theirs);
  if (!tensor)
    return manifest_fail (error, path, "is no VGG-19: neither %s nor %s is in it", ours, theirs);
  if (!shape_equal (&tensor->shape, &file_shape)) {
    g_autofree char *found = shape_text (&tensor->shape), *wanted = shape_text (&file_shape);
    return manifest_fail (error, path, "%s is %s, VGG-19 has %s", name, found, wanted);
  }
  if ((tensor->dtype != DTYPE_F32 && tensor->dtype != DTYPE_F16 && tensor->dtype != DTYPE_BF16) ||
      tensor_find_nonfinite (tensor) >= 0)
    return manifest_fail (error, path, "%s holds something else than finite floats", name);
  g_autoptr (tensor) converted = tensor_convert (tensor, DTYPE_F32, error);
  if (!converted)
    return false;
  converted->shape = shape;
  weights_add (target, name, converted);
  return true;
}

struct weights *
vgg19_load (const char *path, GError **error)
{
  g_autoptr (weights) source = safetensors_load (path, error);
  if (!source)
    return NULL;
  g_autoptr (weights) weights = weights_new ();
  for (guint i = 0; i < G_N_ELEMENTS (vgg_layers); i++) {
    int64_t out = vgg_layers[i].out, in = vgg_layers[i].in;
    if (!add_vgg_tensor (weights, source, i, "weight", SHAPE (out, in, 3, 3), SHAPE (out, in, 3, 3), path, error) ||
        !add_vgg_tensor (weights, source, i, "bias", SHAPE (out), SHAPE (1, out, 1, 1), path, error))
      return NULL;
  }
  return g_steal_pointer (&weights);
}

static const struct option options[] = {{NULL}};

const struct net net_vgg19 = {
  .name = "vgg19",
  .help = "features of VGG-19, blocks 1 to 3 (Simonyan and Zisserman 2015)",
  .options = options,
};
