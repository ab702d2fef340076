/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows: in-memory pictures as sources and sinks, the reduction by areas, the store on disk. rows_scale.c has any other
 * size.
 *
 * A reduced pixel is the mean of the area that it covers, a share of a pixel counting as a share. Rows are reduced
 * across first; a row of the source that lies between two rows of the result counts in both. */
#include "image/rows.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "image/pixels.h"
#include "impasto/error.h"

int
row_index (int i, int n, bool wrap)
{
  if (i >= 0 && i < n)
    return i;
  if (wrap)
    return (i % n + n) % n;
  int phase = (i % (2 * n) + 2 * n) % (2 * n);
  return phase < n ? phase : 2 * n - 1 - phase;
}

/* --- Pictures --- */

static bool
picture_read (void *data, int y, int n, float *rows, int64_t stride, GError **error)
{
  const struct picture *picture = data;
  int64_t w = picture->width;
  for (int c = 0; c < 3; c++)
    memcpy (rows + c * stride, picture->rgb + (c * (int64_t) picture->height + y) * w, n * w * sizeof (float));
  return true;
}

static bool
picture_write (void *data, int y, int n, const float *rows, int64_t stride, GError **error)
{
  struct picture *picture = data;
  int64_t w = picture->width;
  for (int c = 0; c < 3; c++)
    memcpy (picture->rgb + (c * (int64_t) picture->height + y) * w, rows + c * stride, n * w * sizeof (float));
  return true;
}

struct row_source
rows_from (const struct picture *picture)
{
  return (struct row_source){picture->width, picture->height, 3, picture_read, (void *) picture};
}

struct row_sink
rows_into (struct picture *picture)
{
  return (struct row_sink){picture_write, picture};
}

/* --- Smaller --- */

struct row_shrink {
  struct row_source source;
  int width, height;
  float *row;     /* (planes, source width) */
  float *reduced; /* the same row at the width of the result, (planes, width) */
  int last;       /* row of the source in `reduced`; -1 = none */
};

static bool
fail_rows (GError **error)
{
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "no memory for rows of a picture");
  return false;
}

/* Means of @in over @out_n areas of equal width. */
static void
reduce (const float *in, int n, float *out, int out_n)
{
  double step = (double) n / out_n;
  for (int i = 0; i < out_n; i++) {
    double from = i * step, to = MIN ((i + 1) * step, n), sum = 0;
    for (int x = (int) from; x < to; x++)
      sum += in[x] * (MIN (x + 1, to) - MAX (x, from));
    out[i] = sum / (to - from);
  }
}

static bool
fetch (struct row_shrink *shrink, int y, GError **error)
{
  if (shrink->last == y)
    return true;
  const struct row_source *source = &shrink->source;
  if (!source->read (source->data, y, 1, shrink->row, source->width, error))
    return false;
  for (int c = 0; c < source->planes; c++)
    reduce (shrink->row + (int64_t) c * source->width, source->width, shrink->reduced + (int64_t) c * shrink->width,
            shrink->width);
  shrink->last = y;
  return true;
}

static bool
shrink_row (struct row_shrink *shrink, int y, float *row, int64_t stride, GError **error)
{
  double step = (double) shrink->source.height / shrink->height;
  double from = y * step, to = MIN ((y + 1) * step, shrink->source.height);
  for (int c = 0; c < shrink->source.planes; c++)
    memset (row + c * stride, 0, shrink->width * sizeof (float));
  for (int i = (int) from; i < to; i++) {
    float share = (MIN (i + 1, to) - MAX (i, from)) / (to - from);
    if (!fetch (shrink, i, error))
      return false;
    for (int c = 0; c < shrink->source.planes; c++)
      for (int x = 0; x < shrink->width; x++)
        row[c * stride + x] += share * shrink->reduced[(int64_t) c * shrink->width + x];
  }
  return true;
}

static bool
shrink_read (void *data, int y, int n, float *rows, int64_t stride, GError **error)
{
  struct row_shrink *shrink = data;
  if (y == 0)
    shrink->last = -1;
  for (int i = 0; i < n; i++)
    if (!shrink_row (shrink, y + i, rows + (int64_t) i * shrink->width, stride, error))
      return false;
  return true;
}

struct row_shrink *
row_shrink_new (const struct row_source *source, int width, int height, GError **error)
{
  g_return_val_if_fail (width <= source->width && height <= source->height, NULL);
  g_autoptr (row_shrink) shrink = g_new0 (struct row_shrink, 1);
  shrink->source = *source;
  shrink->width = width;
  shrink->height = height;
  shrink->last = -1;
  shrink->row = g_try_malloc_n ((size_t) source->width * source->planes, sizeof (float));
  shrink->reduced = g_try_malloc_n ((size_t) width * source->planes, sizeof (float));
  if (shrink->row && shrink->reduced)
    return g_steal_pointer (&shrink);
  fail_rows (error);
  return NULL;
}

struct row_source
row_shrink_source (struct row_shrink *shrink)
{
  if (shrink->width == shrink->source.width && shrink->height == shrink->source.height)
    return shrink->source;
  return (struct row_source){shrink->width, shrink->height, shrink->source.planes, shrink_read, shrink};
}

void
row_shrink_free (struct row_shrink *shrink)
{
  if (!shrink)
    return;
  g_free (shrink->row);
  g_free (shrink->reduced);
  g_free (shrink);
}

struct picture *
rows_thumbnail (const struct row_source *source, int width, int height, GError **error)
{
  int w = MIN (source->width, 2 * width), h = MIN (source->height, 2 * height);
  g_autoptr (row_shrink) shrink = row_shrink_new (source, w, h, error);
  g_autoptr (picture) large = shrink ? picture_new (w, h, false, error) : NULL;
  if (!large)
    return NULL;
  struct row_source rows = row_shrink_source (shrink);
  for (int y = 0; y < h; y++)
    if (!rows.read (rows.data, y, 1, large->rgb + (int64_t) y * w, (int64_t) w * h, error))
      return NULL;
  return w == width && h == height ? g_steal_pointer (&large) : picture_resize (large, width, height, error);
}

/* --- On disk --- */

struct row_store {
  int fd, width, height, planes;
  uint16_t *samples; /* a row of all planes */
};

static bool
fail_store (const char *folder, int number, GError **error)
{
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_OUTPUT,
               "cannot write a temporary file in %s: %s; TMPDIR names another folder", folder, g_strerror (number));
  return false;
}

static const char *
store_folder (void)
{
  const char *folder = g_getenv ("TMPDIR");
  if (folder && *folder)
    return folder;
  return g_access ("/var/tmp", W_OK | X_OK) == 0 ? "/var/tmp" : g_get_tmp_dir ();
}

struct row_store *
row_store_new (int width, int height, int planes, GError **error)
{
  g_autoptr (row_store) store = g_new0 (struct row_store, 1);
  g_autofree char *path = g_build_filename (store_folder (), "impasto-XXXXXX", NULL);
  store->width = width;
  store->height = height;
  store->planes = planes;
  store->fd = g_mkstemp_full (path, O_RDWR | O_CLOEXEC, 0600);
  if (store->fd < 0) {
    fail_store (store_folder (), errno, error);
    return NULL;
  }
  g_unlink (path);
  store->samples = g_try_malloc_n ((size_t) width * planes, sizeof (uint16_t));
  int failure = store->samples ? posix_fallocate (store->fd, 0, (off_t) width * height * planes * 2) : 0;
  if (!store->samples || failure) {
    store->samples ? fail_store (store_folder (), failure, error) : fail_rows (error);
    return NULL;
  }
  return g_steal_pointer (&store);
}

void
row_store_free (struct row_store *store)
{
  if (!store)
    return;
  if (store->fd >= 0)
    close (store->fd);
  g_free (store->samples);
  g_free (store);
}

int
row_store_width (const struct row_store *store)
{
  return store->width;
}

int
row_store_height (const struct row_store *store)
{
  return store->height;
}

int
row_store_planes (const struct row_store *store)
{
  return store->planes;
}

/* The whole of @size bytes at @offset, written or read. */
static bool
transfer (struct row_store *store, off_t offset, size_t size, bool write, GError **error)
{
  char *at = (char *) store->samples;
  while (size > 0) {
    ssize_t n = write ? pwrite (store->fd, at, size, offset) : pread (store->fd, at, size, offset);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return fail_store (store_folder (), n < 0 ? errno : EIO, error);
    at += n;
    offset += n;
    size -= n;
  }
  return true;
}

static off_t
row_offset (const struct row_store *store, int y, int first)
{
  return ((off_t) y * store->planes + first) * store->width * (off_t) sizeof (uint16_t);
}

bool
row_store_read (struct row_store *store, int y, int first, int n, float *row, int64_t stride, GError **error)
{
  int64_t w = store->width;
  if (!transfer (store, row_offset (store, y, first), n * w * sizeof (uint16_t), false, error))
    return false;
  for (int c = 0; c < n; c++)
    for (int64_t x = 0; x < w; x++)
      row[c * stride + x] = store->samples[c * w + x] * (1 / 65535.0f);
  return true;
}

bool
row_store_write (struct row_store *store, int y, int first, int n, const float *row, int64_t stride, GError **error)
{
  int64_t w = store->width;
  for (int c = 0; c < n; c++)
    for (int64_t x = 0; x < w; x++)
      store->samples[c * w + x] = CLAMP (row[c * stride + x], 0.0f, 1.0f) * 65535.0f + 0.5f;
  return transfer (store, row_offset (store, y, first), n * w * sizeof (uint16_t), true, error);
}

static bool
store_read (void *data, int y, int n, float *rows, int64_t stride, GError **error)
{
  struct row_store *store = data;
  for (int i = 0; i < n; i++)
    if (!row_store_read (store, y + i, 0, 3, rows + (int64_t) i * store->width, stride, error))
      return false;
  return true;
}

static bool
store_write (void *data, int y, int n, const float *rows, int64_t stride, GError **error)
{
  struct row_store *store = data;
  for (int i = 0; i < n; i++)
    if (!row_store_write (store, y + i, 0, 3, rows + (int64_t) i * store->width, stride, error))
      return false;
  return true;
}

struct row_source
row_store_source (struct row_store *store)
{
  return (struct row_source){store->width, store->height, 3, store_read, store};
}

struct row_sink
row_store_sink (struct row_store *store)
{
  return (struct row_sink){store_write, store};
}

bool
row_store_read_part (struct row_store *store, int y, int plane, int x, int width, float *row, GError **error)
{
  off_t offset = row_offset (store, y, plane) + x * (off_t) sizeof (uint16_t);
  if (!transfer (store, offset, width * sizeof (uint16_t), false, error))
    return false;
  for (int i = 0; i < width; i++)
    row[i] = store->samples[i] * (1 / 65535.0f);
  return true;
}
