/* SPDX-License-Identifier: Apache-2.0
 *
 * Pictures from files. Rows come from libvips as they are decoded and are scattered straight into the float planes,
 * each pixel where the orientation says that it belongs: apart from the planes only a band of rows is in memory. */
#include <math.h>

#include "image/metrics.h"
#include "image/pixels.h"
#include "image/vips.h"

struct target {
  struct picture *picture;
  const struct format *format;
  struct turn turn;
  float *samples; /* a band of rows as floats, interleaved */
  int bands;
  bool deep;
};

static void
widen (const void *row, bool deep, float *out, int64_t n)
{
  if (deep)
    for (int64_t i = 0; i < n; i++)
      out[i] = ((const uint16_t *) row)[i] / 65535.0f;
  else
    for (int64_t i = 0; i < n; i++)
      out[i] = ((const uint8_t *) row)[i] / 255.0f;
}

/* One channel of a band of rows into its plane. Where the picture is turned by 90 degrees, neighbours of the plane are
 * in different rows: the inner loop then walks over the rows. */
static void
scatter (const struct target *target, const VipsRect *rows, int band, float *plane)
{
  const struct turn *turn = &target->turn;
  const bool upright = turn->dx == 1 || turn->dx == -1;
  const int outer_n = upright ? rows->height : rows->width, inner_n = upright ? rows->width : rows->height;
  const int64_t row_step = (int64_t) rows->width * target->bands;
  const int64_t outer_in = upright ? row_step : target->bands, inner_in = upright ? target->bands : row_step;
  const int64_t outer_out = upright ? turn->dy : turn->dx, inner_out = upright ? turn->dx : turn->dy;

  for (int i = 0; i < outer_n; i++) {
    const float *in = target->samples + band + i * outer_in;
    float *out = plane + turn->start + rows->top * turn->dy + i * outer_out;
    for (int j = 0; j < inner_n; j++)
      out[j * inner_out] = in[j * inner_in];
  }
}

static bool
take_strip (VipsRegion *region, const VipsRect *rows, void *data)
{
  const struct target *target = data;
  struct picture *picture = target->picture;
  const int64_t size = (int64_t) picture->width * picture->height;
  const int64_t row_samples = (int64_t) rows->width * target->bands;

  if (rows->top == 0)
    image_decoded (target->format);
  for (int y = 0; y < rows->height; y++)
    widen (VIPS_REGION_ADDR (region, 0, rows->top + y), target->deep, target->samples + y * row_samples, row_samples);
  for (int band = 0; band < 3; band++)
    scatter (target, rows, band, picture->rgb + band * size);
  if (picture->alpha)
    scatter (target, rows, 3, picture->alpha);
  return true;
}

struct picture *
picture_new (int width, int height, bool alpha, GError **error)
{
  g_return_val_if_fail (width > 0 && height > 0, NULL);
  g_autoptr (picture) picture = g_new0 (struct picture, 1);
  const size_t size = (size_t) width * height;
  picture->width = width;
  picture->height = height;
  picture->bits = 8;
  picture->rgb = g_try_malloc0_n (size, 3 * sizeof (float));
  picture->alpha = alpha ? g_try_malloc0_n (size, sizeof (float)) : NULL;
  if (picture->rgb && (!alpha || picture->alpha))
    return g_steal_pointer (&picture);
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "no memory for a picture of %d x %d (%.0f MB)", width,
               height, size * (alpha ? 16.0 : 12.0) / 1e6);
  return NULL;
}

void
picture_free (struct picture *picture)
{
  if (!picture)
    return;
  g_clear_object ((VipsImage **) &picture->meta);
  g_free (picture->recipe);
  g_free (picture->alpha);
  g_free (picture->rgb);
  g_free (picture);
}

void
picture_keep_meta (struct picture *to, const struct picture *from)
{
  VipsImage *meta = from->meta ? g_object_ref (from->meta) : NULL;
  g_clear_object ((VipsImage **) &to->meta);
  to->meta = meta;
  to->bits = from->bits;
  to->was_grey = from->was_grey;
}

bool
picture_probe (const char *path, int64_t max_pixels, struct picture_info *info, GError **error)
{
  const struct format *format;
  g_autoptr (vips_image) image = image_open (path, max_pixels, 1, &format, error);
  if (!image)
    return false;
  const struct turn turn = turn_of (vips_image_get_orientation (image), image->Xsize, image->Ysize);
  const struct decoding decoding = image_decoding (image, format, path);
  *info = (struct picture_info){
    .width = turn.width,
    .height = turn.height,
    .bits = image_is_deep (image) ? 16 : 8,
    .grey = image_is_grey (image),
    .alpha = vips_image_hasalpha (image),
    .frames = format->frames ? format->frames (image, path) : vips_image_get_n_pages (image),
    .format = format->name,
    .opening = decoding.opening,
    .decoding = decoding.rows,
  };
  return true;
}

char *
picture_recipe (const char *path, GError **error)
{
  g_autoptr (vips_image) image = image_open (path, PICTURE_MAX_STREAMED, 1, NULL, error);
  g_autoptr (vips_image) meta = image ? meta_keep (image) : NULL;
  char *recipe = meta ? meta_recipe (meta) : NULL;
  if (image && !recipe)
    image_refuse (error, IMPASTO_ERROR_INPUT, path,
                  "no recipe in it; impasto stores one in what it paints, but programs that edit pictures may drop it");
  return recipe;
}

struct picture *
picture_load (const char *path, int64_t max_pixels, GError **error)
{
  const struct format *format;
  g_autoptr (vips_image) image = image_open (path, max_pixels, 1, &format, error);
  if (!image || !image_check_numbers (image, format, path, error))
    return NULL;
  g_autoptr (vips_image) srgb = image_to_srgb (image, true, path, error);
  if (!srgb)
    return NULL;

  struct target target = {
    .format = format,
    .turn = turn_of (vips_image_get_orientation (image), image->Xsize, image->Ysize),
    .bands = srgb->Bands,
    .deep = image_is_deep (srgb),
  };
  g_autoptr (picture) picture = picture_new (target.turn.width, target.turn.height, srgb->Bands == 4, error);
  g_autofree float *samples = g_try_malloc_n ((size_t) srgb->Xsize * srgb->Bands, IMAGE_STRIP_ROWS * sizeof (float));
  if (picture && !samples)
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "%s: no memory for its rows", path);
  if (!picture || !samples)
    return NULL;
  target.picture = picture;
  target.samples = samples;
  if (!image_read (srgb, take_strip, &target)) {
    image_damaged (error, path, format);
    return NULL;
  }
  picture->bits = image_is_deep (image) ? 16 : 8;
  picture->was_grey = image_is_grey (image);
  picture->meta = meta_keep (image);
  picture->recipe = meta_recipe (picture->meta);
  return g_steal_pointer (&picture);
}

/* Stops at the first pixel that is not. */
static bool
strip_is_opaque (VipsRegion *region, const VipsRect *rows, void *data)
{
  bool deep = image_is_deep (region->im);
  for (int y = rows->top; y < VIPS_RECT_BOTTOM (rows); y++) {
    const void *row = VIPS_REGION_ADDR (region, 0, y);
    for (int x = 0; x < rows->width; x++)
      if (deep ? ((const uint16_t *) row)[4 * x + 3] < 65535 : ((const uint8_t *) row)[4 * x + 3] < 255) {
        *(bool *) data = true;
        return false;
      }
  }
  return true;
}

bool
picture_shows_through (const char *path, int64_t max_pixels)
{
  g_autoptr (vips_image) image = image_open (path, max_pixels, 1, NULL, NULL);
  g_autoptr (vips_image) srgb = image ? image_to_srgb (image, true, path, NULL) : NULL;
  bool found = false;
  if (srgb && srgb->Bands == 4)
    image_read (srgb, strip_is_opaque, &found);
  return found;
}

/* Of one colour where it shows, but for what noise of half a level would do; what does not show is filled. */
static bool
is_plain (const struct picture *picture)
{
  int64_t n = (int64_t) picture->width * picture->height;
  struct palette palette = picture_palette (picture);
  double deviation = 0, shown = picture->alpha ? 0 : n;
  for (int64_t i = 0; picture->alpha && i < n; i++)
    shown += picture->alpha[i];
  for (int c = 0; c < 3; c++)
    deviation = fmax (deviation, palette.deviation[c]);
  return deviation < 0.5 / 255 * sqrt (shown / n);
}

struct picture *
painting_load (const char *path, GError **error)
{
  g_autoptr (picture) picture = picture_load (path, 0, error);
  if (!picture)
    return NULL;
  bool shows = picture_fill_hidden (picture);
  if (shows && !is_plain (picture))
    return g_steal_pointer (&picture);
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "%s: no style can be taken from it: it is %s", path,
               shows ? "of one colour" : "transparent all over");
  return NULL;
}
