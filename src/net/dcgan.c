/* SPDX-License-Identifier: Apache-2.0
 *
 * The pairs after Radford et al. 2016: 28x28 digits by nearest upsampling, and 64x64 by transposed convolutions. The
 * first starts at 7x7, not at the 4x4 of the text, whose pictures of 16x16 no judge of 28x28 could read; the second's
 * dense layer has the 8 8 256 outputs that are reshaped, not 256. */
#include "net/gan.h"

#define FOLLOW 0.01     /* Keras's momentum 0.99 */
#define FOLLOW_FAST 0.2 /* the text's 0.8 */

static const struct gan_layer generator_28[] = {
  {&gan_dense, 256, .side = 7, .bare = true},
  {&gan_norm, .value = FOLLOW},
  {&gan_leaky_relu, .value = 0.2},
  {&gan_reshape, .side = 7},
  {&gan_up},
  {&gan_conv, 128, .kernel = 5, .bare = true},
  {&gan_norm, .value = FOLLOW},
  {&gan_leaky_relu, .value = 0.2},
  {&gan_up},
  {&gan_conv, 64, .kernel = 5, .bare = true},
  {&gan_norm, .value = FOLLOW},
  {&gan_leaky_relu, .value = 0.2},
  {&gan_conv, GAN_PICTURE, .kernel = 5},
  {&gan_tanh},
  {NULL},
};

static const struct gan_layer judge_28[] = {
  {&gan_conv, 64, .kernel = 5, .stride = 2},
  {&gan_leaky_relu, .value = 0.2},
  {&gan_dropout, .value = 0},
  {&gan_conv, 128, .kernel = 5, .stride = 2},
  {&gan_judge_norm, .value = FOLLOW},
  {&gan_leaky_relu, .value = 0.2},
  {&gan_dropout, .value = 0},
  {&gan_conv, 256, .kernel = 5, .stride = 2},
  {&gan_judge_norm, .value = FOLLOW},
  {&gan_leaky_relu, .value = 0.2},
  {&gan_dropout, .value = 0},
  {&gan_minibatch},
  {&gan_flatten},
  {&gan_dense, GAN_SCORE},
  {NULL},
};

static const struct gan_layer recogniser[] = {
  {&gan_dense, 128},
  {&gan_leaky_relu, .value = 0.2},
  {&gan_dense, GAN_CODE},
  {NULL},
};

static const struct gan_layer generator_64[] = {
  {&gan_dense, 256, .side = 8},
  {&gan_leaky_relu, .value = 0.2},
  {&gan_norm, .value = FOLLOW_FAST},
  {&gan_reshape, .side = 8},
  {&gan_conv_transpose, 128, .kernel = 4, .stride = 2},
  {&gan_norm, .value = FOLLOW_FAST},
  {&gan_leaky_relu, .value = 0.2},
  {&gan_conv_transpose, 64, .kernel = 4, .stride = 2},
  {&gan_norm, .value = FOLLOW_FAST},
  {&gan_leaky_relu, .value = 0.2},
  {&gan_conv_transpose, GAN_PICTURE, .kernel = 4, .stride = 2},
  {&gan_tanh},
  {NULL},
};

static const struct gan_layer judge_64[] = {
  {&gan_conv, 64, .kernel = 4, .stride = 2},
  {&gan_leaky_relu, .value = 0.2},
  {&gan_dropout, .value = 0.3},
  {&gan_conv, 128, .kernel = 4, .stride = 2},
  {&gan_judge_norm, .value = FOLLOW_FAST},
  {&gan_leaky_relu, .value = 0.2},
  {&gan_dropout, .value = 0.3},
  {&gan_conv, 128, .kernel = 4, .stride = 2},
  {&gan_judge_norm, .value = FOLLOW_FAST},
  {&gan_leaky_relu, .value = 0.2},
  {&gan_dropout, .value = 0.3},
  {&gan_minibatch},
  {&gan_flatten},
  {&gan_dense, GAN_SCORE},
  {NULL},
};

/* The judge's last layer sees the whole picture: of two layers, which see 13 pixels, the generator learns strokes but
 * not digits. Without R1 it is soon too sure, and some digits get rare. */
const struct gan_preset gan_dcgan_28 = {
  .net = GAN_NET ("dcgan-28", "generator and judge of 28x28 pictures, digits for one (Radford 2016)"),
  .side = 28,
  .channels = 1,
  .generator = generator_28,
  .judge = judge_28,
  .rate = 4e-4,
  .r1 = 1,
  .batch = 32,
  .kinds = 32,
  .recogniser = recogniser,
};

const struct gan_preset gan_dcgan_64 = {
  .net = GAN_NET ("dcgan-64", "generator and judge of 64x64 pictures (Radford 2016)"),
  .side = 64,
  .channels = 3,
  .generator = generator_64,
  .judge = judge_64,
  .recogniser = recogniser,
};
