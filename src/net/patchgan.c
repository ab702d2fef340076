/* SPDX-License-Identifier: Apache-2.0
 *
 * A discriminator of patches: 4x4 convolutions with leaky ReLU 0.2, strided ones first, one score map a head. With one
 * head a style it tells patches of each painting from patches of pictures painted in it. Isola et al. 2017; Li and Wand
 * 2016. */
#include "net/layers.h"
#include "net/net.h"

sym
patch_net (sym picture, const struct patch_net *settings)
{
  sym x = picture;
  int channels = settings->width, kernel = settings->dense > 0 ? 4 : 3;
  for (int i = 0; i < settings->layers + settings->dense; i++, channels *= 2) {
    int stride = i < settings->layers ? 2 : 1;
    bool norm = settings->norm && i > 0;
    graph_push (x.graph, "layer%d", i + 1);
    sym padded = sym_pad (x, PAD_REFLECT, 1, 1, 1, 1);
    x = layer_conv (
      padded, "conv",
      (struct layer_conv){.channels = channels, .kernel = 4, .stride = stride, .valid = true, .bare = norm});
    if (norm)
      x = layer_instance_norm (x, "norm", (struct layer_norm){.epsilon = 1e-5});
    x = sym_leaky_relu (x, 0.2);
    graph_pop (x.graph);
  }
  x = sym_pad (x, PAD_REFLECT, 1, 1, 1, 1);
  return layer_conv (x, "heads",
                     (struct layer_conv){.channels = settings->heads, .kernel = kernel, .valid = true, .gain = 1});
}

static const struct option options[] = {
  {"heads", OPTION_INT, offsetof (struct patch_net, heads), "score maps, one a domain", 1, 4096, 1},
  {"width", OPTION_INT, offsetof (struct patch_net, width), "channels of the first convolution", 1, 512, 32},
  {"layers", OPTION_INT, offsetof (struct patch_net, layers), "strided convolutions", 1, 8, 3},
  {"dense", OPTION_INT, offsetof (struct patch_net, dense), "further convolutions, of stride 1", 0, 8, 0},
  {"norm", OPTION_BOOL, offsetof (struct patch_net, norm), "instance normalisation", 0, 0, 1},
  {NULL},
};

const struct net net_patch = {
  .name = "patch",
  .help = "discriminator of patches (Isola 2017)",
  .options = options,
  .options_size = sizeof (struct patch_net),
};
