/* SPDX-License-Identifier: Apache-2.0
 *
 * Internal to this room: the parts of the Winograd convolutions F(4x4, 3x3) and F(5x5, 2x2), one source
 * (winograd_kernels.c) compiled for several instruction sets like the loops of vector.h. A tile is 6x6 pixels of the
 * padded picture and gives 4x4 or 5x5 of the result; its 36 transformed numbers a channel are called points. The
 * convolution is then, at each point, a product of matrices, tiles x channels by channels x outputs:
 *
 *   v[point][c / 16][tile][c % 16]   of the picture, from gather    (channels are filled up with zeros)
 *   u[point][c][o]                   of the weight, from weights    (PANEL outputs, filled up with zeros)
 *   m[point][tile][o]                their product, from multiply; scatter makes pixels of it
 *
 * Planes of points lie `plane` floats apart. A tile's result depends on nothing but the tile. Pure functions. */
#pragma once

#include "device/kernel.h"
#include "device/vector.h"

#define WINOGRAD_TILE 6 /* rows and columns of a tile */
#define WINOGRAD_POINTS 36
#define WINOGRAD_BLOCK 16 /* channels side by side in v */
#define WINOGRAD_PANEL 32 /* outputs computed together */

/* What depends on the weight's extent. */
enum winograd_form { WINOGRAD_3, WINOGRAD_2, WINOGRAD_FORMS };

struct winograd_epilogue {
  const float *bias; /* PANEL floats */
  enum activation activation;
  float p[2];      /* the activation's parameters */
  vector_fn other; /* the loop of an activation that is none of the piecewise linear ones */
};

struct winograd_kernels {
  /* One tile of @channels: @pixel are the 36 pixels, row by row; @block_stride: floats from 16 channels to the next. */
  void (*gather) (float *v, size_t plane, size_t block_stride, const float *const *pixel, int64_t channels);
  /* One point of @tiles tiles. */
  void (*multiply) (float *m, const float *v, size_t block_stride, const float *u, int64_t tiles, int64_t channels);
  /* One tile: @pixel are the 16 or 25 pixels, NULL where there is none; writes the first @outputs of each. */
  void (*scatter[WINOGRAD_FORMS]) (float *const *pixel, const float *m, size_t plane, int64_t outputs,
                                   const struct winograd_epilogue *epilogue);
  /* One channel: @w is the weight of the first output, the next @w_stride floats on; turned: from its end. */
  void (*weights[WINOGRAD_FORMS]) (float *u, size_t plane, const float *w, int64_t w_stride, int64_t outputs,
                                   bool turned);
  /* The derivative for a weight of 3x3. One tile of dy: @pixel are its 16 pixels; z[point][o / PANEL][tile][o % PANEL],
   * from one PANEL to the next @panel_stride floats. */
  void (*gather_result) (float *z, size_t plane, size_t panel_stride, const float *const *pixel, int64_t outputs);
  /* One point of BLOCK channels by PANEL outputs: u[c][o] := the sum over tiles of v[tile][c] z[tile][o], or adds
   * it. */
  void (*accumulate) (float *u, const float *v, const float *z, int64_t tiles, bool first);
  /* One channel: @w gets the nine taps of the first output, the next lies @w_stride floats on. */
  void (*gradient) (float *w, int64_t w_stride, const float *u, size_t plane, int64_t outputs);
};
