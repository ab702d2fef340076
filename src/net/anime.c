/* SPDX-License-Identifier: Apache-2.0
 *
 * A painter that draws twice as large as what it reads, 64x64 -> 128x128, and its judge of patches. The text's judge
 * reads 64x64, which such a drawing is not; this one reads whatever is drawn. */
#include "net/gan.h"

#define FOLLOW 0.1 /* Keras's momentum 0.9: at its 0.99 the statistics lag behind, and what is painted is grey */

static const struct gan_layer generator[] = {
  {&gan_conv, 64, .kernel = 3},
  {&gan_relu},
  {&gan_norm, .value = FOLLOW},
  {&gan_conv, 128, .kernel = 3},
  {&gan_relu},
  {&gan_norm, .value = FOLLOW},
  {&gan_up},
  {&gan_conv, 64, .kernel = 3},
  {&gan_relu},
  {&gan_norm, .value = FOLLOW},
  {&gan_conv, GAN_PICTURE, .kernel = 3},
  {&gan_tanh},
  {NULL},
};

static const struct gan_layer judge[] = {
  {&gan_conv, 64, .kernel = 3},
  {&gan_relu},
  {&gan_judge_norm, .value = FOLLOW},
  {&gan_conv, 128, .kernel = 3},
  {&gan_relu},
  {&gan_judge_norm, .value = FOLLOW},
  {&gan_leaky_relu, .value = 0.2},
  {&gan_max_pool, .stride = 2},
  {&gan_conv, 256, .kernel = 3},
  {&gan_relu},
  {&gan_judge_norm, .value = FOLLOW},
  {&gan_leaky_relu, .value = 0.2},
  {&gan_max_pool, .stride = 2},
  {&gan_conv, GAN_SCORE, .kernel = 3},
  {NULL},
};

const struct gan_preset gan_anime = {
  .net = GAN_PAINTER_NET ("anime", "painter of drawings, 64x64 -> 128x128, and judge of their patches"),
  .side = 128,
  .channels = 3,
  .generator = generator,
  .judge = judge,
  .enlarges = 2,
};
