/* SPDX-License-Identifier: Apache-2.0
 *
 * What canvas.c, which gets ready, and canvas_paint.c share. */
#pragma once

#include "effect/canvas.h"

enum role { ROLE_WHOLE, ROLE_NOTE, ROLE_TILE, ROLES };

struct canvas_plan {
  struct plan *plan;
  int width, height, mixes;
};

struct canvas {
  struct canvas_net net;
  struct canvas_settings settings;
  struct canvas_plan plans[ROLES];
  double fixed, a_pixel; /* bytes of a tile's plan with `guessed` mixes; a_pixel 0 = not known */
  int guessed;
  struct tile_grid grid;       /* of the final size */
  bool bare;                   /* without grain */
  double base_scale;           /* of the base against the painting, 0..1; 0 = as the strokes say */
  int base_width, base_height; /* of the painting in which strokes are as the network paints them */
  int thumb_width, thumb_height, mixes;
  double done;    /* share of the job */
  float *grained; /* the share of the grain that each mix gets */
};

/* Painted whole, in one pass of one plan. */
bool canvas_is_small (const struct canvas *canvas);

/* Passes over the picture after that of the base, each at most twice as large as the one before; the last at full size.
 * The first of them all is number 1, or 0 where the base is larger than the thumbnail and is painted, too. And the
 * share of the work of all of them that those up to @i of @n are. */
int canvas_octaves (const struct canvas *canvas);
int canvas_first_octave (const struct canvas *canvas);
double canvas_octave_share (const struct canvas *canvas, int i, int n);

/* Statistics of how many mixes the tiles are given. */
int canvas_noted_mixes (const struct canvas *canvas);

/* What is noted down is not the painting itself: of a torus by a network whose borders do not show the opposite side;
 * of several mixes, each alone. */
bool canvas_thumb_by_tiles (const struct canvas *canvas);

struct tile_grid canvas_octave_grid (const struct canvas *canvas, int width, int height);
struct tile_grid canvas_thumb_grid (const struct canvas *canvas);

/* How often a side of that many pixels stands in the thumbnail: more than once where a small torus is repeated. A power
 * of two, as the multiples of networks are. */
int canvas_torus_times (const struct canvas *canvas, int side);
void canvas_moments_name (char name[32], int i);
