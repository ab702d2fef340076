/* SPDX-License-Identifier: Apache-2.0
 *
 * Layers: the building blocks of networks. Each creates its parameters in a scope of its name, so that a network reads
 * like its paper and its weights are called like its layers. All take and give pictures (n, c, h, w). */
#pragma once

#include "op/sym.h"

/* Spectral normalisation (Miyato 2018): the weight, as a matrix of one row an output, over its largest singular value,
 * which one step of power iteration a run estimates from the vector "NAME.u" (1, o). One pass a graph lets the vector
 * follow. */
enum layer_spectral { SPECTRAL_NONE, SPECTRAL_NORM, SPECTRAL_FOLLOW };

struct layer_conv {
  int channels, kernel;
  int stride; /* 0 = 1 */
  enum pad_mode
    pad;       /* "same" padding of kernel / 2 on every side; of an even kernel one less, and a stride of 2 halves */
  bool valid;  /* no padding instead */
  bool bare;   /* no bias: a normalisation follows */
  double gain; /* initial weights: normal with gain / sqrt(fan in); 0 = sqrt(2) */
  enum layer_spectral spectral;
};

/* Parameters "NAME.weight" (o, i, k, k) and "NAME.bias" (1, o, 1, 1). */
sym layer_conv (sym x, const char *name, struct layer_conv options);

/* Transposed convolution, "NAME.weight" (i, o, k, k): enlarges by @stride where @kernel is at most @stride + 2 @pad. */
sym layer_conv_transpose (sym x, const char *name, int channels, int kernel, int stride, int pad, bool bare);

struct layer_dense {
  int features;
  bool bare;   /* no bias */
  double gain; /* as of layer_conv */
  enum layer_spectral spectral;
};

/* Dense over (n, features): "NAME.weight" (o, i), "NAME.bias" (1, o). */
sym layer_dense (sym x, const char *name, struct layer_dense options);

/* How a normalisation scales and shifts. With @style (k, s), weights over s rows, "NAME.scale" and "NAME.shift" are
 * (s, c) and each picture gets its mix of rows (conditional instance normalisation, Dumoulin 2017); without, (1, c).
 * With @maps (1, k, h, w), shares of the k mixes at each pixel, each pixel gets its own. When @brush is set
 * two of the s rows, behind the others, are tables of their own that start at zero, "NAME.brush_scale" and
 * "NAME.brush_shift"; behind them @basis more, which start as noise around zero, are "NAME.basis_scale" and
 * "NAME.basis_shift".
 * @moments (n, 2c, 1, 1), when not null, replace the means and variances of x: tiles, video and previews share
 * theirs; with maps they may be those of each mix, (k, 2c, 1, 1). Otherwise @taken, when not NULL, gets x's. */
struct layer_norm {
  sym style, maps;
  bool brush;
  int64_t basis;
  sym moments;
  sym *taken;
  double epsilon; /* 0 = 1e-5 */
  bool training;  /* of batches: their own statistics */
  double follow;  /* of batches in training: the running statistics move towards theirs by so much; 0 = they stay */
};
sym layer_instance_norm (sym x, const char *name, struct layer_norm options);

/* What is (k,c,1,1), of each mix, for each place of @maps, (1,k,h,w): (1,c,h,w). */
sym layer_spread (sym of_mixes, sym maps);

/* Batch normalisation over (n, h, w): with `training` by the batch's statistics, otherwise by the running ones,
 * "NAME.mean" and "NAME.variance" (1, c, 1, 1), which follow through graph_assign, in one pass a graph. `style`,
 * `epsilon` as above. */
sym layer_batch_norm (sym x, const char *name, struct layer_norm options);

sym layer_layer_norm (sym x, const char *name, struct layer_norm options); /* over (c, h, w); `style`, `epsilon` */

/* A further channel: how much the pictures of a group of four, or what divides the batch, differ: the deviation of each
 * value over the group, averaged (Karras 2018). A judge sees by it when a generator draws one picture again and
 * again. */
sym layer_minibatch_deviation (sym x);

/* Whether a parameter of this name is moved by passes of training, as running statistics are, and by no optimiser. */
bool layer_state (const char *name);
