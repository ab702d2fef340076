/* SPDX-License-Identifier: Apache-2.0
 *
 * Codes beside the noise (InfoGAN, Chen et al. 2016): a category and some continuous numbers, which a recogniser on the
 * judge's trunk reads off the drawn pictures again. Generator, trunk and recogniser minimise what it gets wrong, a
 * bound of the mutual information of code and picture; so each category comes to stand for a kind of picture, without
 * labels. */
#pragma once

#include "net/gan.h"

#define GAN_CODE_STREAMS 2 /* taken from @stream on */

/* @n noises (n, latent) of the kinds of @net, as gan_noise_fill has them: numbers from @stream, kinds from another
 * one. */
sym gan_noise_draw (struct graph *graph, int64_t n, const struct gan_net *net, unsigned stream, unsigned kinds);

/* @n codes (n, gan_code_size): a 1 at a random category, then numbers even in -1..1. The null symbol without a code. */
sym gan_code_draw (struct graph *graph, int64_t n, const struct gan_net *net, unsigned stream);

/* Before the first step: makes a category as loud as all of the noise. Its columns of the generator's first layer, a
 * dense one that reads z, labels and code side by side, grow by the root of the noise's length. A category that is one
 * number among a hundred comes to stand for a detail, such as how thick strokes are. */
void gan_code_begin (struct weights *weights, const struct gan_net *net);

/* What @recognised, (n, gan_code_size), gets wrong of @code, scalars: the cross entropy of the category in nats, log K
 * at chance; and half the squared distance of the continuous numbers, which is the negative logarithm of a normal
 * distribution of deviation 1 but for a constant. Means over pictures. The net has codes, or continuous ones,
 * respectively. */
sym gan_code_category_loss (sym code, sym recognised, const struct gan_net *net);
sym gan_code_continuous_loss (sym code, sym recognised, const struct gan_net *net);
