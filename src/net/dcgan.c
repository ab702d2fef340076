/* SPDX-License-Identifier: Apache-2.0
 *
 * The digit pair of Radford et al. 2016, sized for 28x28: the generator starts at 7x7 and doubles twice by nearest
 * upsampling; the discriminator is convolutional, without normalisation so that a gradient penalty may be used. */
#include "net/layers.h"
#include "net/net.h"

#define MOMENTUM 0.1

sym
dcgan_generator (sym z, const struct dcgan_net *settings, bool training)
{
  int width = settings->width;
  sym x = layer_dense (z, "dense", width * 49, true);
  x = sym_reshape (x, SHAPE (-1, width, 7, 7));
  x = sym_leaky_relu (layer_batch_norm (x, "norm0", training, MOMENTUM), 0.2);
  for (int i = 1; i <= 2; i++) {
    x = sym_upsample_nearest (x, 2);
    graph_push (x.graph, "up%d", i);
    x = layer_conv (x, "conv", (struct layer_conv){.channels = width >> i, .kernel = 5, .bare = true});
    x = sym_leaky_relu (layer_batch_norm (x, "norm", training, MOMENTUM), 0.2);
    graph_pop (x.graph);
  }
  return sym_tanh (layer_conv (x, "out", (struct layer_conv){.channels = settings->channels, .kernel = 5, .gain = 1}));
}

sym
dcgan_discriminator (sym picture, const struct dcgan_net *settings, bool training)
{
  int width = settings->width / 4;
  sym x = sym_leaky_relu (
    layer_conv (picture, "conv1", (struct layer_conv){.channels = width, .kernel = 5, .stride = 2}), 0.2);
  x =
    sym_leaky_relu (layer_conv (x, "conv2", (struct layer_conv){.channels = 2 * width, .kernel = 5, .stride = 2}), 0.2);
  x = sym_reshape (x, SHAPE (-1, 2 * width * 49));
  return layer_dense (x, "dense", 1, false);
}

static const struct option options[] = {
  {"latent", OPTION_INT, offsetof (struct dcgan_net, latent), "length of the noise vector", 1, 4096, 100},
  {"width", OPTION_INT, offsetof (struct dcgan_net, width), "channels at 7x7, a multiple of 4", 4, 2048, 256},
  {"channels", OPTION_INT, offsetof (struct dcgan_net, channels), "channels of the picture", 1, 4, 1},
  {NULL},
};

const struct net net_dcgan = {
  .name = "dcgan",
  .help = "generator and discriminator of 28x28 pictures (Radford 2016)",
  .options = options,
  .options_size = sizeof (struct dcgan_net),
};
