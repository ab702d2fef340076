/* SPDX-License-Identifier: Apache-2.0
 *
 * VGG-19, blocks 1 to 3: the eye of the style losses. Weights are called conv1_1.weight .. conv3_4.bias; biases are kept
 * as (1, c, 1, 1). Input statistics are those of ImageNet as torchvision writes them. */
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

struct vgg
vgg19 (sym picture, int last)
{
  static const float scale[3] = {1 / 0.229f, 1 / 0.224f, 1 / 0.225f};
  static const float shift[3] = {-0.485f / 0.229f, -0.456f / 0.224f, -0.406f / 0.225f};
  struct graph *graph = picture.graph;
  struct vgg vgg;
  sym x = sym_add (sym_mul (picture, channel_constant (graph, scale)), channel_constant (graph, shift));
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

static const struct option options[] = {{NULL}};

const struct net net_vgg19 = {
  .name = "vgg19",
  .help = "features of VGG-19, blocks 1 to 3 (Simonyan and Zisserman 2015)",
  .options = options,
};
