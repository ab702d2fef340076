/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of a file: each pass opens it anew and pulls bands of rows out of libvips, which scales on the way. What is
 * turned or upside down is decoded onto disk once, and its rows are then read from there: a row of a picture on its
 * side is a column of what lies on disk, of which many neighbours are taken at a time. */
#include "image/stream.h"

#include <malloc.h>
#include <math.h>
#include <string.h>

#include "image/pixels.h"
#include "image/vips.h"

#define TURNED_ROWS 64 /* taken at a time from a picture on its side */
#define SAVED_ROWS 256 /* that it keeps while it writes */

struct stream {
  char *path;
  int64_t max_pixels;
  int file_width, file_height; /* as decoded, scaled, before it is turned */
  int width, height, planes;
  struct turn turn;
  struct picture *about;
  VipsImage *image; /* of this pass */
  VipsRegion *region;
  const struct format *format;
  bool deep;
  int next;                /* row of this pass */
  struct row_store *store; /* of what is not upright, as decoded */
  float *band;             /* (planes, TURNED_ROWS, width), rows band_top .. */
  int band_top;
};

/* --- libvips --- */

static void
close_pass (struct stream *stream)
{
  g_clear_object (&stream->region);
  g_clear_object (&stream->image);
}

static bool
scaling_failed (const char *path, GError **error)
{
  image_failed (error, IMPASTO_ERROR_INPUT, path, "cannot be scaled");
  return false;
}

/* @rgb scaled to what is wanted, in 16 bits: what eight would lose, a painter makes much of. Colours count as much as
 * they are seen. */
static bool
scale (const struct stream *stream, VipsImage **rgb, GError **error)
{
  VipsImage *image = *rgb;
  if (image->Xsize == stream->file_width && image->Ysize == stream->file_height)
    return true;
  g_autoptr (vips_image) fine = NULL, scaled = NULL, plain = NULL, rounded = NULL, deep = NULL;
  const bool alpha = image->Bands == 4;
  const double max_alpha = image_is_deep (image) ? 65535 : 255;
  if ((alpha ? vips_premultiply (image, &fine, "max_alpha", max_alpha, NULL)
             : vips_cast (image, &fine, VIPS_FORMAT_FLOAT, NULL)) != 0 ||
      image_scale (fine, &scaled, stream->file_width, stream->file_height) != 0 ||
      (alpha && vips_unpremultiply (scaled, &plain, "max_alpha", max_alpha, NULL) != 0) ||
      vips_linear1 (alpha ? plain : scaled, &rounded, 65535 / max_alpha, 0.5, NULL) != 0 ||
      vips_cast (rounded, &deep, VIPS_FORMAT_USHORT, NULL) != 0)
    return scaling_failed (stream->path, error);
  g_object_unref (image);
  *rgb = g_steal_pointer (&deep);
  return true;
}

/* Opens the file for a pass; @file is what it says itself. */
static bool
open_pass (struct stream *stream, VipsImage **file, GError **error)
{
  close_pass (stream);
  g_autoptr (vips_image) image = image_open (stream->path, stream->max_pixels, 1, &stream->format, error);
  g_autoptr (vips_image) srgb = image ? image_to_srgb (image, true, stream->path, error) : NULL;
  if (!srgb)
    return false;
  if (!stream->file_width) {
    stream->file_width = srgb->Xsize;
    stream->file_height = srgb->Ysize;
  }
  if (stream->planes && stream->planes != srgb->Bands) {
    image_refuse (error, IMPASTO_ERROR_INPUT, stream->path, "has changed while it was read");
    return false;
  }
  if (!scale (stream, &srgb, error))
    return false;
  stream->planes = srgb->Bands;
  stream->deep = image_is_deep (srgb);
  stream->image = g_steal_pointer (&srgb);
  stream->region = vips_region_new (stream->image);
  stream->next = 0;
  if (file)
    *file = g_steal_pointer (&image);
  return true;
}

/* Rows as they come from libvips, planar. */
static bool
pull (struct stream *stream, int n, float *rows, int64_t stride, GError **error)
{
  const int planes = stream->planes;
  const int64_t width = stream->file_width;
  for (int done = 0; done < n;) {
    const VipsRect rect = {0, stream->next, stream->file_width, MIN (IMAGE_STRIP_ROWS, n - done)};
    if (vips_region_prepare (stream->region, &rect) != 0) {
      image_damaged (error, stream->path, stream->format);
      return false;
    }
    if (rect.top == 0)
      image_decoded (stream->format);
    for (int y = 0; y < rect.height; y++) {
      const void *in = VIPS_REGION_ADDR (stream->region, 0, rect.top + y);
      for (int c = 0; c < planes; c++) {
        float *out = rows + c * stride + (done + y) * width;
        for (int64_t x = 0; x < width; x++)
          out[x] = stream->deep ? ((const uint16_t *) in)[x * planes + c] / 65535.0f
                                : ((const uint8_t *) in)[x * planes + c] / 255.0f;
      }
    }
    done += rect.height;
    stream->next += rect.height;
  }
  return true;
}

/* --- Turned --- */

/* The whole file onto disk. */
static bool
spool (struct stream *stream, GError **error)
{
  const int64_t width = stream->file_width;
  stream->store = row_store_new (stream->file_width, stream->file_height, stream->planes, error);
  g_autofree float *row = g_try_malloc_n (width * stream->planes, sizeof (float));
  stream->band = g_try_malloc_n ((size_t) stream->width * stream->planes, TURNED_ROWS * sizeof (float));
  stream->band_top = -TURNED_ROWS;
  if (stream->store && (!row || !stream->band))
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "%s: no memory for its rows", stream->path);
  if (!stream->store || !row || !stream->band)
    return false;
  for (int y = 0; y < stream->file_height; y++)
    if (!pull (stream, 1, row, width, error) ||
        !row_store_write (stream->store, y, 0, stream->planes, row, width, error))
      return false;
  close_pass (stream);
  return true;
}

/* Band of upright rows around @y from the rows on disk: of a quarter turn, a part of each. */
static bool
turn_band (struct stream *stream, int y, GError **error)
{
  const struct turn *turn = &stream->turn;
  const int64_t width = stream->width;
  const bool upright = turn->dx == 1 || turn->dx == -1;
  const int top = y / TURNED_ROWS * TURNED_ROWS, n = MIN (TURNED_ROWS, stream->height - top);
  if (stream->band_top == top)
    return true;
  /* Upright pixel (column, row) = start + x dx + y dy for the pixel (x, y) on disk. */
  const int64_t start_row = turn->start / width, start_column = turn->start % width;
  g_autofree float *line = g_new (float, upright ? width : n);
  for (int c = 0; c < stream->planes; c++)
    for (int64_t i = 0; i < (upright ? n : width); i++) {
      float *plane = stream->band + c * TURNED_ROWS * width;
      if (upright) { /* row top + i is row y of the disk, perhaps backwards */
        const int from = turn->dy > 0 ? top + i : start_row - (top + i);
        if (!row_store_read_part (stream->store, from, c, 0, stream->file_width, line, error))
          return false;
        for (int64_t x = 0; x < width; x++)
          plane[i * width + x] = line[turn->dx > 0 ? x : width - 1 - x];
      } else { /* column i is row y of the disk; its pixels x are the rows */
        const int from = turn->dy > 0 ? i : start_column - i;
        const int x0 = turn->dx > 0 ? top : start_row - (top + n - 1);
        if (!row_store_read_part (stream->store, from, c, x0, n, line, error))
          return false;
        for (int j = 0; j < n; j++)
          plane[j * width + i] = line[turn->dx > 0 ? j : n - 1 - j];
      }
    }
  stream->band_top = top;
  return true;
}

static bool
read_turned (struct stream *stream, int y, int n, float *rows, int64_t stride, GError **error)
{
  const int64_t width = stream->width;
  for (int i = 0; i < n; i++) {
    if (!turn_band (stream, y + i, error))
      return false;
    for (int c = 0; c < stream->planes; c++)
      memcpy (rows + c * stride + i * width,
              stream->band + ((int64_t) c * TURNED_ROWS + y + i - stream->band_top) * width, width * sizeof (float));
  }
  return true;
}

/* --- Streams --- */

static bool
read_rows (void *data, int y, int n, float *rows, int64_t stride, GError **error)
{
  struct stream *stream = data;
  if (stream->store)
    return read_turned (stream, y, n, rows, stride, error);
  if ((y == 0 && (stream->next || !stream->region)) && !open_pass (stream, NULL, error))
    return false;
  g_return_val_if_fail (y == stream->next, false);
  if (!pull (stream, n, rows, stride, error))
    return false;
  if (stream->next == stream->file_height) {
    close_pass (stream); /* what it has taken is not to lie beside what comes after */
    malloc_trim (0);
  }
  return true;
}

static bool
read_colours (void *data, int y, int n, float *rows, int64_t stride, GError **error)
{
  struct stream *stream = data;
  const int64_t width = stream->width;
  if (stream->planes == 3)
    return read_rows (data, y, n, rows, stride, error);
  g_autofree float *all = g_try_malloc_n (4 * width, sizeof (float));
  if (!all) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "%s: no memory for its rows", stream->path);
    return false;
  }
  for (int i = 0; i < n; i++) {
    if (!read_rows (data, y + i, 1, all, width, error))
      return false;
    for (int c = 0; c < 3; c++)
      memcpy (rows + c * stride + i * width, all + c * width, width * sizeof (float));
  }
  return true;
}

struct stream *
stream_open (const char *path, int64_t max_pixels, int width, int height, GError **error)
{
  g_autoptr (stream) stream = g_new0 (struct stream, 1);
  g_autoptr (vips_image) image = image_open (path, max_pixels, 1, &stream->format, error);
  if (!image || !image_check_numbers (image, stream->format, path, error))
    return NULL;
  const int orientation = vips_image_get_orientation (image);
  stream->path = g_strdup (path);
  stream->max_pixels = max_pixels;
  stream->file_width = orientation >= 5 ? height : width;
  stream->file_height = orientation >= 5 ? width : height;
  g_clear_object (&image);
  if (!open_pass (stream, &image, error))
    return NULL;
  stream->turn = turn_of (orientation, stream->file_width, stream->file_height);
  stream->width = stream->turn.width;
  stream->height = stream->turn.height;
  stream->about = g_new0 (struct picture, 1);
  stream->about->width = stream->width;
  stream->about->height = stream->height;
  stream->about->bits = image_is_deep (image) ? 16 : 8;
  stream->about->was_grey = image_is_grey (image);
  stream->about->meta = meta_keep (image);
  stream->about->recipe = meta_recipe (stream->about->meta);
  if (orientation > 1 && orientation <= 8 && !spool (stream, error))
    return NULL;
  return g_steal_pointer (&stream);
}

void
stream_free (struct stream *stream)
{
  if (!stream)
    return;
  close_pass (stream);
  row_store_free (stream->store);
  picture_free (stream->about);
  g_free (stream->band);
  g_free (stream->path);
  g_free (stream);
}

struct row_source
stream_source (struct stream *stream)
{
  return (struct row_source){stream->width, stream->height, stream->planes, read_rows, stream};
}

struct row_source
stream_colours (struct stream *stream)
{
  return (struct row_source){stream->width, stream->height, 3, read_colours, stream};
}

struct picture *
stream_about (struct stream *stream)
{
  return stream->about;
}

/* Across, rows come and go; down, libvips keeps some of the result's width, the more of them the more is left to
 * Lanczos when it has shrunk by a whole number. Measured. */
uint64_t
stream_scale_bytes (const struct picture_info *info, int width, int height)
{
  const double shrink = MAX (1, (double) info->height / height), left = shrink / MAX (1, floor (shrink / 2));
  const double rows = width <= info->width ? 300 + 300 * left : 64;
  return width == info->width && height == info->height ? 0
                                                        : sizeof (float) * (3 + info->alpha) * (uint64_t) width * rows;
}

uint64_t
stream_save_bytes (const char *path, int width, int height, bool alpha, int bits)
{
  const struct format *format = format_of_path (path);
  const uint64_t row = (uint64_t) width * (3 + alpha) * (bits > 8 ? 2 : 1);
  return row * SAVED_ROWS + (format && format->whole ? 2 * row * height : 0);
}
