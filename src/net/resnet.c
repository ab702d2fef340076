/* SPDX-License-Identifier: Apache-2.0
 *
 * ResNet-18 up to its third stage (He, Zhang, Ren, Sun 2016), as torchvision has it: an eye for losses and figures that
 * was trained otherwise than VGG-19. Batch normalisations are known when the file is read and go into the convolution
 * before them: w gamma / sqrt(variance + 1e-5), with the bias beta - mean gamma / sqrt(variance + 1e-5). */
#include <math.h>

#include "format/safetensors.h"
#include "net/manifest.h"
#include "net/net.h"

enum { STAGES = 3, BLOCKS = 2 };

/* A convolution and the normalisation after it, as torchvision calls them. */
struct layer {
  const char *conv, *norm;
  int out, in, kernel, stride;
};

/* Those of one block; the third, where there is one, is on the way around. */
static int
block_layers (int stage, int block, struct layer layers[3])
{
  int out = 64 << stage, in = block == 0 && stage > 0 ? out / 2 : out, stride = block == 0 && stage > 0 ? 2 : 1;
  layers[0] = (struct layer){"conv1", "bn1", out, in, 3, stride};
  layers[1] = (struct layer){"conv2", "bn2", out, out, 3, 1};
  layers[2] = (struct layer){"downsample.0", "downsample.1", out, in, 1, stride};
  return stride == 2 ? 3 : 2;
}

static const struct layer stem = {"conv1", "bn1", 64, 3, 7, 2};

static sym
conv (sym x, const struct layer *layer)
{
  struct graph *graph = x.graph;
  graph_push (graph, "%s", layer->conv);
  struct shape shape = SHAPE (layer->out, layer->in, layer->kernel, layer->kernel);
  sym weight = graph_parameter (graph, "weight", shape,
                                (struct init){INIT_NORMAL, sqrt (2.0 / (shape_size (&shape) / layer->out))});
  sym bias = graph_parameter (graph, "bias", SHAPE (1, layer->out, 1, 1), (struct init){INIT_ZERO, 0});
  x = sym_conv2d (x, weight, (struct conv_options){.stride = layer->stride, .pad = layer->kernel / 2});
  graph_pop (graph);
  return sym_add (x, bias);
}

static sym
block (sym x, int stage, int i)
{
  struct layer layers[3];
  int n = block_layers (stage, i, layers);
  graph_push (x.graph, "layer%d.%d", stage + 1, i);
  sym y = conv (sym_relu (conv (x, &layers[0])), &layers[1]);
  sym around = n == 3 ? conv (x, &layers[2]) : x;
  graph_pop (x.graph);
  return sym_relu (sym_add (y, around));
}

struct resnet
resnet18 (sym picture, int last)
{
  struct resnet resnet;
  for (int tap = 0; tap <= STAGES; tap++)
    resnet.tap[tap] = (sym){picture.graph, -1};
  sym x = sym_relu (conv (imagenet_normalize (picture), &stem));
  resnet.tap[0] = x;
  for (int stage = 0; stage < STAGES && stage < last; stage++) {
    if (stage == 0)
      x = sym_max_pool (x, 3, 2, 1);
    for (int i = 0; i < BLOCKS; i++)
      x = block (x, stage, i);
    resnet.tap[stage + 1] = x;
  }
  return resnet;
}

/* The tensor @prefix + @name of the file, finite floats of @shape. */
static struct tensor *
take (struct weights *source, const char *prefix, const char *layer, const char *kind, struct shape shape,
      const char *path, GError **error)
{
  g_autofree char *name = g_strdup_printf ("%s%s.%s", prefix, layer, kind);
  struct tensor *tensor = weights_find (source, name);
  if (!tensor)
    return manifest_fail (error, path, "is no ResNet-18: %s is missing", name), NULL;
  if (!shape_equal (&tensor->shape, &shape)) {
    g_autofree char *found = shape_text (&tensor->shape), *wanted = shape_text (&shape);
    return manifest_fail (error, path, "%s is %s, ResNet-18 has %s", name, found, wanted), NULL;
  }
  if ((tensor->dtype != DTYPE_F32 && tensor->dtype != DTYPE_F16 && tensor->dtype != DTYPE_BF16) ||
      tensor_find_nonfinite (tensor) >= 0)
    return manifest_fail (error, path, "%s holds something else than finite floats", name), NULL;
  return tensor_convert (tensor, DTYPE_F32, error);
}

/* Adds one convolution with its normalisation in it. */
static bool
fold (struct weights *target, struct weights *source, const char *prefix, const struct layer *layer, const char *path,
      GError **error)
{
  int64_t out = layer->out, fan_in = (int64_t) layer->in * layer->kernel * layer->kernel;
  struct shape filter = SHAPE (out, layer->in, layer->kernel, layer->kernel), channels = SHAPE (out);
  g_autoptr (tensor) weight = take (source, prefix, layer->conv, "weight", filter, path, error);
  g_autoptr (tensor) gamma = weight ? take (source, prefix, layer->norm, "weight", channels, path, error) : NULL;
  g_autoptr (tensor) beta = gamma ? take (source, prefix, layer->norm, "bias", channels, path, error) : NULL;
  g_autoptr (tensor) mean = beta ? take (source, prefix, layer->norm, "running_mean", channels, path, error) : NULL;
  g_autoptr (tensor) variance = mean ? take (source, prefix, layer->norm, "running_var", channels, path, error) : NULL;
  g_autoptr (tensor) bias = variance ? tensor_new (SHAPE (1, out, 1, 1), DTYPE_F32, error) : NULL;
  if (!bias)
    return false;
  for (int64_t o = 0; o < out; o++) {
    double spread = tensor_floats (variance)[o];
    if (spread < 0)
      return manifest_fail (error, path, "%s%s.running_var holds a negative variance", prefix, layer->norm);
    double scale = tensor_floats (gamma)[o] / sqrt (spread + 1e-5);
    for (int64_t i = 0; i < fan_in; i++)
      tensor_floats (weight)[o * fan_in + i] *= scale;
    tensor_floats (bias)[o] = tensor_floats (beta)[o] - tensor_floats (mean)[o] * scale;
  }
  if (tensor_find_nonfinite (weight) >= 0 || tensor_find_nonfinite (bias) >= 0)
    return manifest_fail (error, path, "%s%s overflows with its normalisation", prefix, layer->conv);
  g_autofree char *weight_name = g_strdup_printf ("%s%s.weight", prefix, layer->conv);
  g_autofree char *bias_name = g_strdup_printf ("%s%s.bias", prefix, layer->conv);
  weights_add (target, weight_name, weight);
  weights_add (target, bias_name, bias);
  return true;
}

struct weights *
resnet18_load (const char *path, GError **error)
{
  g_autoptr (weights) source = safetensors_load (path, error);
  g_autoptr (weights) weights = weights_new ();
  if (!source || !fold (weights, source, "", &stem, path, error))
    return NULL;
  for (int stage = 0; stage < STAGES; stage++)
    for (int i = 0; i < BLOCKS; i++) {
      struct layer layers[3];
      int n = block_layers (stage, i, layers);
      g_autofree char *prefix = g_strdup_printf ("layer%d.%d.", stage + 1, i);
      for (int k = 0; k < n; k++)
        if (!fold (weights, source, prefix, &layers[k], path, error))
          return NULL;
    }
  return g_steal_pointer (&weights);
}

static const struct option options[] = {{NULL}};

const struct net net_resnet18 = {
  .name = "resnet18",
  .help = "features of ResNet-18, up to its third stage (He et al. 2016)",
  .options = options,
};
