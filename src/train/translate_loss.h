/* SPDX-License-Identifier: Apache-2.0
 *
 * Losses of unpaired translation, compositions of the graph language, each a scalar, means over the batch; and the
 * pictures that a judge of drawings learns to refuse. */
#pragma once

#include "op/sym.h"

/* mean |x - target| */
sym loss_absolute (sym x, sym target);

/* How far the colours of @picture are from those of @target, both (n,3,h,w) in 0..1: in YUV (BT.601), mean |dY| + the
 * means of the Huber losses of dU and dV, which are d^2 / 2 up to 1 and |d| - 1/2 beyond (Chen 2020, AnimeGAN). */
sym loss_colour (sym picture, sym target);

/* Features at @places, (p) whole numbers below h w, of @features (n,c,h,w), each sent through a perceptron of two
 * layers of @width and brought to length 1: (n,p,width). Parameters "NAME.dense1.weight" and so on. */
sym patch_projection (sym features, sym places, const char *name, int width);

/* PatchNCE (Park 2020): every query (n,p,c) is to be told from the other places of its picture by its own key: the mean
 * cross-entropy of softmax (query . keys / temperature) and its place. Keys get no gradient. */
sym loss_patch_contrast (sym query, sym key, double temperature);

/* Features of photographs, @content (n,c,h,w), as those of paintings, @style (k,c,h',w'), would have them, which know
 * nothing of their places. By moments: with the paintings' means and deviations (Huang 2017). By attention: at each
 * place what the paintings have where they are like it (Park and Lee 2019, without learnt weights): softmax (cos /
 * ATTENTION_TEMPERATURE) over all their places of features with channels of mean 0 and deviation 1. */
sym features_by_moments (sym content, sym style);
sym features_by_attention (sym content, sym style);

/* Pictures (n,3,h,w) in 0..1 whose edges are smoothed (Chen 2018, CartoonGAN): where the Sobel slope of the luma within
 * two pixels is over a threshold, Gaussian blur over 5x5. To be judged as no drawings, so that clear edges are learnt.
 * No gradient. */
sym smooth_edges (sym picture);
