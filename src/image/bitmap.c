/* SPDX-License-Identifier: Apache-2.0
 *
 * Bitmaps for training. A JPEG is first shrunk by 2, 4 or 8 in its DCT while decoding, as far as the wanted size
 * allows; the rest is libvips' Lanczos on 8-bit samples. */
#include <math.h>

#include "image/bitmap.h"
#include "image/pixels.h"
#include "image/vips.h"

struct target {
  struct bitmap *bitmap;
  struct turn turn;
};

static bool
take_strip (VipsRegion *region, const VipsRect *rows, void *data)
{
  const struct target *target = data;
  for (int y = rows->top; y < VIPS_RECT_BOTTOM (rows); y++) {
    const uint8_t *in = VIPS_REGION_ADDR (region, 0, y);
    for (int x = 0; x < rows->width; x++, in += 3) {
      uint8_t *out = target->bitmap->rgb + 3 * (target->turn.start + x * target->turn.dx + y * target->turn.dy);
      out[0] = in[0];
      out[1] = in[1];
      out[2] = in[2];
    }
  }
  return true;
}

static struct bitmap *
bitmap_new (int width, int height, GError **error)
{
  uint8_t *rgb = g_try_malloc_n ((size_t) width * height, 3);
  if (!rgb) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "no memory for a bitmap of %d x %d", width, height);
    return NULL;
  }
  struct bitmap *bitmap = g_new (struct bitmap, 1);
  *bitmap = (struct bitmap){.width = width, .height = height, .rgb = rgb};
  return bitmap;
}

struct bitmap *
bitmap_from_grey (const uint8_t *grey, int width, int height, GError **error)
{
  struct bitmap *bitmap = bitmap_new (width, height, error);
  if (bitmap)
    for (size_t i = 0; i < (size_t) width * height; i++)
      bitmap->rgb[3 * i] = bitmap->rgb[3 * i + 1] = bitmap->rgb[3 * i + 2] = grey[i];
  return bitmap;
}

void
bitmap_free (struct bitmap *bitmap)
{
  if (!bitmap)
    return;
  g_free (bitmap->rgb);
  g_free (bitmap);
}

/* Three 8-bit bands, scaled so that the shorter side is @short_side unless that would enlarge. NULL when libvips
 * failed. */
static VipsImage *
prepare (VipsImage *srgb, int short_side)
{
  g_autoptr (vips_image) opaque = NULL, eight = NULL, scaled = NULL;
  VipsArrayDouble *white = vips_array_double_newv (1, image_is_deep (srgb) ? 65535.0 : 255.0);
  const int failed =
    srgb->Bands == 4 ? vips_flatten (srgb, &opaque, "background", white, NULL) : vips_copy (srgb, &opaque, NULL);
  vips_area_unref (VIPS_AREA (white));
  if (failed)
    return NULL;
  if (vips_colourspace (opaque, &eight, VIPS_INTERPRETATION_sRGB, NULL) != 0)
    return NULL;
  const int side = MIN (eight->Xsize, eight->Ysize);
  if (short_side <= 0 || side <= short_side)
    return g_steal_pointer (&eight);

  const double width = fmax (1, rint ((double) eight->Xsize * short_side / side));
  const double height = fmax (1, rint ((double) eight->Ysize * short_side / side));
  if (vips_resize (eight, &scaled, width / eight->Xsize, "vscale", height / eight->Ysize, NULL) != 0)
    return NULL;
  return g_steal_pointer (&scaled);
}

/* The largest shrink that leaves a shorter side of at least @short_side. */
static int
shrink_for (VipsImage *image, int short_side)
{
  int shrink = 1;
  while (short_side > 0 && shrink < 8 && MIN (image->Xsize, image->Ysize) / (2 * shrink) >= short_side)
    shrink *= 2;
  return shrink;
}

struct bitmap *
bitmap_load (const char *path, int short_side, int64_t max_pixels, GError **error)
{
  const struct format *format;
  g_autoptr (vips_image) image = image_open (path, max_pixels, 1, &format, error);
  if (!image || !image_check_numbers (image, format, path, error))
    return NULL;
  const int shrink = format->shrinks ? shrink_for (image, short_side) : 1;
  if (shrink > 1) {
    g_clear_object (&image);
    image = image_open (path, max_pixels, shrink, &format, error);
  }
  g_autoptr (vips_image) srgb = image ? image_to_srgb (image, false, path, error) : NULL;
  if (!srgb)
    return NULL;

  g_autoptr (vips_image) ready = prepare (srgb, short_side);
  g_autoptr (bitmap) bitmap = NULL;
  if (ready) {
    struct target target = {.turn = turn_of (vips_image_get_orientation (image), ready->Xsize, ready->Ysize)};
    target.bitmap = bitmap = bitmap_new (target.turn.width, target.turn.height, error);
    if (!bitmap)
      return NULL;
    if (image_read (ready, take_strip, &target))
      return g_steal_pointer (&bitmap);
  }
  image_damaged (error, path, format);
  return NULL;
}

/* 0..n-1, reflected at the edges (the edge pixel twice). */
static int
reflect (int i, int n)
{
  if (i >= 0 && i < n)
    return i;
  const int period = 2 * n;
  const int j = ((i % period) + period) % period;
  return j < n ? j : period - 1 - j;
}

/* floor, without a call of the C library's. */
static int
floor_of (double x)
{
  const int i = (int) x;
  return i - (x < i);
}

void
bitmap_sample (const struct bitmap *bitmap, const struct bitmap_view *view, int width, int height, float *out)
{
  const double cosine = cos (view->angle) * view->scale, sine = sin (view->angle) * view->scale;
  const int64_t size = (int64_t) width * height;
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++) {
      const double u = (view->mirror ? -1 : 1) * (x + 0.5 - width / 2.0), v = y + 0.5 - height / 2.0;
      const double px = view->x + cosine * u - sine * v - 0.5, py = view->y + sine * u + cosine * v - 0.5;
      const int left = floor_of (px), top = floor_of (py);
      const float fx = (float) (px - left), fy = (float) (py - top);
      const int x0 = reflect (left, bitmap->width), x1 = reflect (left + 1, bitmap->width);
      const uint8_t *row0 = bitmap->rgb + 3 * (int64_t) bitmap->width * reflect (top, bitmap->height);
      const uint8_t *row1 = bitmap->rgb + 3 * (int64_t) bitmap->width * reflect (top + 1, bitmap->height);
      for (int c = 0; c < 3; c++) {
        const float upper = row0[3 * x0 + c] + fx * (row0[3 * x1 + c] - row0[3 * x0 + c]);
        const float lower = row1[3 * x0 + c] + fx * (row1[3 * x1 + c] - row1[3 * x0 + c]);
        out[c * size + (int64_t) y * width + x] = (upper + fy * (lower - upper)) / 255.0f;
      }
    }
}
