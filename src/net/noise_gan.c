/* SPDX-License-Identifier: Apache-2.0
 *
 * Generator and judge of 28x28 pictures without normalisation, and the variational autoencoder (Kingma and Welling
 * 2014) with the same generator for its decoder, to compare with. The text's generator draws 7x7; this one enlarges
 * twice. Slopes are Keras's default. */
#include "net/gan.h"

static const struct gan_layer generator[] = {
  {&gan_dense, 128, .side = 7},
  {&gan_relu}, /* a leaky ReLU after it, as printed, would change nothing */
  {&gan_reshape, .side = 7},
  {&gan_up},
  {&gan_conv, 128, .kernel = 3},
  {&gan_leaky_relu, .value = 0.3},
  {&gan_up},
  {&gan_conv, 128, .kernel = 3},
  {&gan_leaky_relu, .value = 0.3},
  {&gan_conv, GAN_PICTURE, .kernel = 3},
  {&gan_tanh},
  {NULL},
};

static const struct gan_layer judge[] = {
  {&gan_conv, 32, .kernel = 3},
  {&gan_leaky_relu, .value = 0.3},
  {&gan_dropout, .value = 0},
  {&gan_conv, 64, .kernel = 3},
  {&gan_judge_norm, .value = 0.01},
  {&gan_leaky_relu, .value = 0.3},
  {&gan_dropout, .value = 0},
  {&gan_minibatch},
  {&gan_flatten},
  {&gan_dense, GAN_SCORE},
  {NULL},
};

/* One layer: the trunk has 50,176 features. */
static const struct gan_layer recogniser[] = {
  {&gan_dense, GAN_CODE},
  {NULL},
};

static const struct gan_layer encoder[] = {
  {&gan_conv, 32, .kernel = 3, .stride = 2},
  {&gan_leaky_relu, .value = 0.3},
  {&gan_conv, 64, .kernel = 3, .stride = 2},
  {&gan_leaky_relu, .value = 0.3},
  {&gan_flatten},
  {&gan_dense, GAN_MOMENTS},
  {NULL},
};

/* The judge reads 50,176 numbers at once: at the usual rates it is sure of all after a few steps, and the generator,
 * which no normalisation holds, draws black for good. */
const struct gan_preset gan_noise_gan_28 = {
  .net = GAN_NET ("noise-gan-28", "generator and judge of 28x28 pictures without normalisation"),
  .side = 28,
  .channels = 1,
  .generator = generator,
  .judge = judge,
  .rate = 1e-4,
  .judge_pace = 0.1,
  .recogniser = recogniser,
};

const struct gan_preset gan_vae_28 = {
  .net = GAN_NET ("vae-28", "variational autoencoder of 28x28 pictures (Kingma 2014)"),
  .side = 28,
  .channels = 1,
  .generator = generator,
  .encoder = encoder,
};
