/* SPDX-License-Identifier: Apache-2.0
 *
 * The photograph's colours in the painting, or those of a painting that is its style. Pictures are planar sRGB, (3,n),
 * 0..1, photograph and painting of one size. Pure functions. A palette can be taken and moved a few rows at a time: the
 * sums of both pictures, the map between them, and then the map's way over the painting. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum keep_colors { KEEP_COLORS_NO, KEEP_COLORS_LUMINANCE, KEEP_COLORS_PALETTE };
extern const char *const keep_colors_names[]; /* NULL-terminated */

/* Brightness of the painting, colour of the photograph, pixel by pixel. */
void colors_keep_luminance (const float *photo, float *painting, int64_t n);

/* Moves the painting's palette as a whole to the photograph's: same mean, same covariance. @alpha (n), or NULL, is how
 * much a pixel counts. */
void colors_keep_palette (const float *photo, float *painting, const float *alpha, int64_t n);

/* Sums over pixels: weights, colours, products of colours. They begin as {0}; runs of pixels are added in the same
 * order whatever the threads. Plane c of @n pixels is at rgb + c * stride. */
enum { COLORS_SUMS = 10 };
struct colors_sums {
  double sum[COLORS_SUMS];
};
void colors_sums_add (struct colors_sums *sums, const float *rgb, int64_t stride, const float *alpha, int64_t n);

/* Adds @share of @other, which counts as one picture whatever its size. */
void colors_sums_mix (struct colors_sums *sums, const struct colors_sums *other, double share);

/* x -> to + a (x - from): what colors_keep_palette does to each pixel. */
struct colors_map {
  double from[3], to[3], a[3][3];
  bool held;              /* and then towards `to` what lies further out than a palette's colours do */
  double precision[3][3]; /* inverse covariance of that palette */
};
struct colors_map colors_map_between (const struct colors_sums *painting, const struct colors_sums *photo);

/* Likewise to the palette of a style, but contrast grows by a half at most, and the result does not leave that palette:
 * colours further than two deviations from its mean come nearer, down to two and a half at most. */
struct colors_map colors_map_within (const struct colors_sums *painting, const struct colors_sums *style);
void colors_map_apply (const struct colors_map *map, float *rgb, int64_t stride, int64_t n);

/* Moves each pixel by @amount (0..1) of the way that @maps take it, of each its share there: (n_maps, n) at @shares,
 * adding up to 1; NULL for one map. */
void colors_maps_move (const struct colors_map *maps, int n_maps, const float *shares, double amount, float *rgb,
                       int64_t stride, int64_t n);
