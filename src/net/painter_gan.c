/* SPDX-License-Identifier: Apache-2.0
 *
 * A painter of photographs and its judge: four convolutions of 3x3 that widen, one that draws, all at the picture's
 * size. The text's generator is fed noise; this one reads the photograph. */
#include "net/gan.h"

#define FOLLOW 0.1 /* Keras's momentum 0.9: at its 0.99 the statistics lag behind, and what is painted is grey */

static const struct gan_layer generator[] = {
  {&gan_conv, 64, .kernel = 3},          {&gan_relu}, {&gan_norm, .value = FOLLOW},
  {&gan_conv, 128, .kernel = 3},         {&gan_relu}, {&gan_norm, .value = FOLLOW},
  {&gan_conv, 256, .kernel = 3},         {&gan_relu}, {&gan_norm, .value = FOLLOW},
  {&gan_conv, 512, .kernel = 3},         {&gan_relu}, {&gan_norm, .value = FOLLOW},
  {&gan_conv, GAN_PICTURE, .kernel = 3}, {&gan_tanh}, {NULL},
};

static const struct gan_layer judge[] = {
  {&gan_conv, 64, .kernel = 3},
  {&gan_relu},
  {&gan_judge_norm, .value = FOLLOW},
  {&gan_conv, 128, .kernel = 3},
  {&gan_relu},
  {&gan_judge_norm, .value = FOLLOW},
  {&gan_conv, 256, .kernel = 3},
  {&gan_relu},
  {&gan_judge_norm, .value = FOLLOW},
  {&gan_flatten},
  {&gan_dense, GAN_SCORE},
  {NULL},
};

const struct gan_preset gan_painter_gan = {
  .net = GAN_PAINTER_NET ("painter-gan", "painter of photographs and judge of paintings, 128x128"),
  .side = 128,
  .channels = 3,
  .generator = generator,
  .judge = judge,
  .enlarges = 1,
};
