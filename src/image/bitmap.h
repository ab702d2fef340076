/* SPDX-License-Identifier: Apache-2.0
 *
 * Bitmaps: 8-bit interleaved RGB for training, where thousands of photographs are read ahead by threads. Upright,
 * sRGB, alpha flattened onto white; large JPEGs are shrunk while decoding. A bitmap has one owner, reading it is free
 * to all. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct bitmap bitmap;

struct bitmap {
  int width, height;
  uint8_t *rgb; /* (h,w,3) */
};

/* Where a sample is taken from a bitmap, in its pixels. */
struct bitmap_view {
  double x, y;  /* centre; the centre of the first pixel is (0.5, 0.5) */
  double scale; /* bitmap pixels a sample pixel; above 1 the sample is smaller */
  double angle; /* radians, clockwise */
  bool mirror;  /* left to right */
};

/* A shorter side of more than @short_side pixels is scaled to it; 0 keeps the size. Nothing is enlarged.
 * @max_pixels and errors as picture_load. */
struct bitmap *bitmap_load (const char *path, int short_side, int64_t max_pixels, GError **error);

/* Of grey samples, (height,width). IMPASTO_ERROR_MEMORY. */
struct bitmap *bitmap_from_grey (const uint8_t *grey, int width, int height, GError **error);
void bitmap_free (struct bitmap *bitmap);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (bitmap, bitmap_free)

/* Fills @out, (3,height,width), 0..1: bilinear, mirrored at the edges. Meant for scales up to 2. */
void bitmap_sample (const struct bitmap *bitmap, const struct bitmap_view *view, int width, int height, float *out);
