/* SPDX-License-Identifier: Apache-2.0
 *
 * Differentiable augmentation (Zhao 2020): what the judge sees, real or drawn, is moved, covered and tinted at random,
 * and the generator's gradient goes through. A judge cannot learn few pictures by heart then, and the generator does
 * not learn to draw the augmentation. */
#pragma once

#include "op/sym.h"

struct gan_augment {
  bool translation; /* by up to an eighth of the side; grey comes in */
  bool cutout;      /* a square of half the side, anywhere, becomes grey */
  bool colour;      /* brightness, saturation and contrast */
};

#define GAN_AUGMENT_STREAMS 12 /* taken from @stream on */

/* Pictures (n,c,h,w) in -1..1; each change befalls each picture with @probability, a scalar. */
sym gan_augment (sym picture, struct gan_augment what, sym probability, unsigned stream);
