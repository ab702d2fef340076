/* SPDX-License-Identifier: Apache-2.0
 *
 * Pixels of pictures that are in memory: scale, cut, turn, lay out. Each makes a new picture and leaves its argument
 * alone, but where it says otherwise; metadata goes along, the recipe does not. Any thread. IMPASTO_ERROR_MEMORY when
 * planes cannot be allocated. */
#pragma once

#include "image/picture.h"

/* The eight EXIF orientations as an index map: the pixel (x,y) of the stored picture belongs at start + x*dx + y*dy of
 * the upright one, whose size is width x height. */
struct turn {
  int width, height;
  int64_t start, dx, dy;
};

/* @orientation 1..8 as EXIF counts (6 = turn clockwise by 90 degrees); others mean 1. */
struct turn turn_of (int orientation, int width, int height);

/* (channels,h,w) -> (channels,out_h,out_w): Lanczos where it shrinks, bicubic where it grows; not clamped to 0..1. */
bool planes_resize (const float *in, int channels, int height, int width, float *out, int out_height, int out_width,
                    GError **error);

/* Clamped to 0..1; transparent pixels do not bleed into their neighbours. */
struct picture *picture_resize (const struct picture *picture, int width, int height, GError **error);

/* The same as long as @go_on, which is asked now and then, returns true; IMPASTO_ERROR_CANCELLED. */
struct picture *picture_resize_while (const struct picture *picture, int width, int height, bool (*go_on) (void *data),
                                      void *data, GError **error);

/* @longer pixels on its longer side, a smaller one as it is unless @enlarge, and the sides brought to multiples of
 * @multiple, at least one. */
struct picture *picture_fit (const struct picture *picture, int longer, int multiple, bool enlarge, GError **error);

/* The rectangle must lie inside the picture. */
struct picture *picture_crop (const struct picture *picture, int x, int y, int width, int height, GError **error);

/* As a viewer would show a file with this EXIF orientation: 2 mirrors, 3 is upside down, 6 and 8 are quarter turns. */
struct picture *picture_turn (const struct picture *picture, int orientation, GError **error);

/* A sample sheet: @n cells of (3,height,width), row by row, @columns a row, white lines of @gap pixels between. */
struct picture *picture_sheet (const float *const *cells, int n, int width, int height, int columns, int gap,
                               GError **error);

/* The colour of what shows: sums over pixels by their alpha. */
struct visible {
  double sum[3], weight;
};

/* @n pixels, planes of colour @stride floats apart. */
void visible_add (struct visible *visible, const float *rgb, int64_t stride, const float *alpha, int64_t n);

/* Gives pixels that alpha hides the mean of what shows, middle grey if nothing does: what nobody sees in a cut-out has
 * no say in what is made of the rest. Pixels of an alpha of an eighth and more stay. */
void visible_fill (const struct visible *visible, float *rgb, int64_t stride, const float *alpha, int64_t n);

/* Both, in place. False, and all grey, where nothing shows; a picture without alpha stays. */
bool picture_fill_hidden (struct picture *picture);
