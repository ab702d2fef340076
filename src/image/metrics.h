/* SPDX-License-Identifier: Apache-2.0
 *
 * How far pictures are apart. Colours are compared as they lie in struct picture, sRGB-encoded 0..1; alpha is not
 * looked at, picture_flatten settles it beforehand. Two pictures that are compared have the same size. Pure functions;
 * any thread. */
#pragma once

#include "image/picture.h"

/* Over the samples of red, green and blue. */
struct picture_distance {
  double psnr;       /* 10 log10 (1 / mean square error), dB; infinite for equal pictures */
  double mean, most; /* of the absolute difference */
};
struct picture_distance picture_compare (const struct picture *a, const struct picture *b);

/* Structural similarity (Wang, Bovik, Sheikh, Simoncelli 2004) of the luma 0.299 R + 0.587 G + 0.114 B: windows of 11 x
 * 11, Gaussian of deviation 1.5, K1 0.01, K2 0.03, range 1, biased variances; the mean over all windows that lie inside
 * the picture. Where a picture is smaller than the window, the window is cut to its size. -1..1, 1 for equal pictures.
 * IMPASTO_ERROR_MEMORY. */
bool picture_ssim (const struct picture *a, const struct picture *b, double *ssim, GError **error);

/* What shows of the lines of a grid of tiles, x = k width and y = k height: steps from pixel to pixel across the lines
 * against the steps just beside them, in the mean of the channels. No lines inside: all zero. */
struct picture_seams {
  int64_t lines;       /* edges between two tiles */
  double step, beside; /* mean over the pixels of all lines */
  double worst;        /* of all edges the largest mean of step - beside: 0 and less is no seam */
};
struct picture_seams picture_seams (const struct picture *picture, int tile_width, int tile_height);

/* The difference of two pictures in the two pixels at each line of that grid. */
struct picture_distance picture_compare_seams (const struct picture *a, const struct picture *b, int tile_width,
                                               int tile_height);

/* The mesh that networks which enlarge by four leave (checkerboard): the root mean square over channels and the 4 x 4
 * places of a grid of what a pixel there is on average beside the mean of its surroundings, in which the grid has no
 * part. Detail that knows nothing of the grid adds its own deviation over the root of a sixteenth of the pixels. 0 for
 * pictures of less than 10 x 10. IMPASTO_ERROR_MEMORY. */
bool picture_mesh (const struct picture *picture, double *mesh, GError **error);

/* How a painting treats what is flat in its photograph, skies say; root mean squares over channels, 0 where it leaves
 * it as flat. Both pictures are looked at in squares of the least multiple of eight pixels by which no more than 64 lie
 * in a row or column. No two squares, or none that are flat: zero. IMPASTO_ERROR_MEMORY. */
struct picture_flatness {
  /* Differences of neighbouring squares, weighted by exp (-|dx| / 0.01) of the photograph's: spots and clouds. */
  double calm;
  /* Of any two squares, weighted by exp (-|dx|^2 / 0.03^2) and exp (-30 s) of both, s being their deviation in the
   * photograph: a sky of two colours. */
  double alike;
};
bool picture_flatness (const struct picture *painting, const struct picture *photo, struct picture_flatness *flatness,
                       GError **error);

/* Colours as a whole: each channel's mean and standard deviation. */
struct palette {
  double mean[3], deviation[3];
};
struct palette picture_palette (const struct picture *picture);

/* Root of the summed squares of the differences of means and deviations: Frechet's distance of two normal
 * distributions whose channels are independent. */
double palette_distance (const struct palette *a, const struct palette *b);

/* Lays the colours onto white and drops alpha. */
void picture_flatten (struct picture *picture);
