/* SPDX-License-Identifier: Apache-2.0
 *
 * Internal to this room: how a result of pictures is divided into the tiles of winograd.h, and where a tile's pixels
 * lie. Tiles are counted through columns, rows, pictures. The border is in two tables that say for each row and column
 * of the padded picture where it comes from, or that it is zero. Read by any thread. */
#pragma once

#include "device/cpu.h"
#include "device/winograd.h"

struct winograd_tiles {
  int64_t rows, columns, count; /* count: of all pictures */
  int64_t step;                 /* from tile to tile: results of each along an axis */
  int64_t *row, *column;        /* where those of the padded picture come from; -1: zeros */
  float *zeros;                 /* a pixel of x or y */
};

struct winograd_place {
  int64_t picture, row, column; /* in tiles */
};

/* For the convolution of pictures @x to @y with weights of @taps x @taps, @before: rows and columns of zeros above and
 * left. */
void winograd_tiles_init (struct winograd_tiles *tiles, const struct shape *x, const struct shape *y, int64_t taps,
                          const int64_t *before);
void winograd_tiles_clear (struct winograd_tiles *tiles);

/* Whether a convolution of @x to @y is one that the algorithm can do: dense, 3x3 or 2x2, stride 1, float32. */
bool winograd_fits (const struct conv_attrs *attrs, const struct value *x, const struct shape *w,
                    const struct value *y);

/* Results of a tile along an axis, and tiles of @y. */
int64_t winograd_step (int64_t taps);
int64_t winograd_tile_count (const struct shape *y, int64_t taps);

struct winograd_place winograd_place (const struct winograd_tiles *tiles, int64_t tile);

/* The 36 pixels of the padded picture @x under a tile. */
void winograd_find_picture (const struct winograd_tiles *tiles, const struct value *x, int64_t tile,
                            const float **pixel);

/* The step x step pixels of @y in a tile, from channel @o on; NULL beyond the border. */
void winograd_find_result (const struct winograd_tiles *tiles, const struct value *y, int64_t tile, int64_t o,
                           float **pixel);

int64_t winograd_round_up (int64_t n, int64_t unit);
