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
  {&gan_conv, 32, .kernel = 3, .stride = 2},
  {&gan_leaky_relu, .value = 0.3},
  {&gan_dropout, .value = 0},
  {&gan_conv, 64, .kernel = 3, .stride = 2},
  {&gan_judge_norm, .value = 0.01},
  {&gan_leaky_relu, .value = 0.3},
  {&gan_dropout, .value = 0},
  {&gan_conv, 256, .kernel = 5, .stride = 2},
  {&gan_judge_norm, .value = 0.01},
  {&gan_leaky_relu, .value = 0.3},
  {&gan_dropout, .value = 0},
  {&gan_minibatch},
  {&gan_flatten},
  {&gan_dense, GAN_SCORE},
  {NULL},
};

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

/* The strides and the third layer are ours: with the two of the text alone, 5x5 pixels and a dense layer of 50,176
 * numbers behind them, the generator learns strokes but not digits. Nothing normalises the generator: at whole rates
 * from the first step on it is black for good before the judge knows a stroke, with most seeds. */
const struct gan_preset gan_noise_gan_28 = {
  .net = GAN_NET ("noise-gan-28", "generator and judge of 28x28 pictures without normalisation"),
  .side = 28,
  .channels = 1,
  .generator = generator,
  .judge = judge,
  .r1 = 1,
  .batch = 32,
  .warm_up = 500,
  .kinds = 64,
  .recogniser = recogniser,
};

const struct gan_preset gan_vae_28 = {
  .net = GAN_NET ("vae-28", "variational autoencoder of 28x28 pictures (Kingma 2014)"),
  .side = 28,
  .channels = 1,
  .generator = generator,
  .encoder = encoder,
};
