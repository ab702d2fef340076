/* SPDX-License-Identifier: Apache-2.0
 *
 * What tiles.c, which goes over the picture, and tiles_octave.c, which shows the network a smaller painting, share. */
#pragma once

#include "effect/tiles.h"

struct taps {
  int first;
  float weight[4];
};

struct pass {
  const struct tile_pass *job;
  struct tile_grid grid;
  int out_width; /* picture and fade */
  int window_top, window_n, window_most;
  float *window; /* (3, window_most, width): rows window_top .. of the picture */
  float *edges;  /* of a torus: (3, 2 edge_n, width), the first and the last rows */
  int edge_n;
  float *maps; /* (mixes, tile height, width) */
  float *out;  /* (3, tile height, out_width) */
  float *head; /* (3, fade_y, width): rows above the picture, for its end */
  int low_top, low_n, low_most, low_left, low_columns;
  float *low;          /* (3, low_most, low width): rows low_top .. of what the smaller painting has changed */
  float *small, *wide; /* (low_n, low_columns), (tile height, low_columns): one channel around a tile */
  float *photo;        /* (3, tile height, tile width), in octaves: the network is shown something else */
  struct taps *taps;   /* tile width */
  int *column;         /* tile width: which column of the picture is shown */
  float *grain;        /* tile width */
};

/* Rows or columns of the smaller painting that a tile needs; sizes double at most. */
int tiles_low_extent (int tile);

/* Reads the rows of the smaller painting, if there is one, that the band of tiles at @top needs. */
bool tiles_read_low (struct pass *pass, int top, GError **error);

/* Shows the network what the smaller painting, if there is one, has changed: @photo becomes that. */
void tiles_show_low (struct pass *pass, int left, int top, float *photo);

/* The painting's low band becomes that of the smaller one. */
void tiles_restore_low (struct pass *pass, int left, int top, float *painting);
