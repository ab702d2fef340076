/* SPDX-License-Identifier: Apache-2.0
 *
 * One pass of a style network over a picture, tile by tile, from rows to rows. The picture with its margin (mirrored,
 * or from the opposite side when it is a torus) is the sheet; tiles of one size cover it, and of each what its cut
 * sides have spoilt is thrown away. With given statistics that is the painting of the whole sheet to the bit, but for
 * the order of sums; without, there is one tile. Corners lie at multiples of 4 or 8, where the network's strides
 * meet. */
#pragma once

#include "compile/plan.h"
#include "effect/paint.h"
#include "image/rows.h"

struct tile_frame {
  bool wrap;
  int multiple; /* where the network's strides meet */
  int margin;   /* pixels around a picture, less than a torus may need */
  int
    cut; /* pixels lost at a side that is not the sheet's own: the network's reach and what else looks around; a multiple */
};

struct tile_grid {
  int width, height; /* of the picture */
  bool wrap;
  int multiple;
  int margin;                    /* of the sheet, left and above */
  int sheet_width, sheet_height; /* multiples */
  int tile_width, tile_height;   /* likewise, at most the sheet's */
  int cut;                       /* as the frame's */
  int fade_x, fade_y; /* of a torus: pixels in which the right end goes over into what the left begins with */
};

/* A grid of one tile. */
struct tile_grid tile_grid_new (int width, int height, const struct tile_frame *frame);

/* The tiles that take the fewest pixels in all, each at most @most wide and high, such that @a + @b * pixels of a tile
 * + what a pass holds besides is at most @limit. False, with the smallest tiles, when none is. */
bool tile_grid_fit (struct tile_grid *grid, int mixes, bool low, double a, double b, int most, uint64_t limit);

int64_t tile_grid_pixels (const struct tile_grid *grid); /* of all tiles */

/* Shares of regions at any size of the picture: plane m of row @y at row + m * width. */
struct map_source {
  int mixes; /* 0 = none */
  bool (*read) (void *data, int width, int height, int y, float *row, GError **error);
  void *data;
};

struct tile_pass {
  struct tile_grid grid;
  struct plan *plan; /* "photo" and, with regions, "maps" -> "painting", of the tile's size; all other inputs are set */
  struct map_source maps;
  struct row_source source;
  struct row_sink sink;
  struct row_store *low; /* what a smaller painting has changed, coded; or NULL */
  bool difference;       /* the sink gets what the painting has changed, coded as (1 + change) / 2, not the painting */
  float blend;           /* share of the network's painting, the rest stays what the network was shown */
  double grain;          /* deviation of the white noise that the network is shown with the picture; 0 = none */
  const float *grained;  /* share of it for each mix, max (mixes, 1); with grain */
  uint64_t seed;
  const char *model; /* file, for messages */
  const struct paint_job *job;
  const char *what; /* for progress */
  double from, to;  /* shares of the job before and after */
};

/* What a pass holds beside the plan, in bytes. */
uint64_t tile_pass_bytes (const struct tile_grid *grid, int mixes, bool low);

/* IMPASTO_ERROR_NUMERIC: NaN or infinity; IMPASTO_ERROR_CANCELLED; IMPASTO_ERROR_MEMORY; what source and sink say. */
bool tile_pass_run (const struct tile_pass *pass, GError **error);
