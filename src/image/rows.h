/* SPDX-License-Identifier: Apache-2.0
 *
 * Pictures as rows from top to bottom, so that none has to be in memory whole: sources, sinks, what makes them smaller
 * on the way, and stores on disk for what is in between. Rows are planar floats: plane c of n rows lies at rows + c *
 * stride and holds n times the width. No libvips here. One thread at a time uses each. */
#pragma once

#include "image/picture.h"

struct row_source {
  int width, height, planes;
  /* Rows y to y + n. They are asked for from top to bottom, each once; asking for row 0 begins anew. */
  bool (*read) (void *data, int y, int n, float *rows, int64_t stride, GError **error);
  void *data;
};

struct row_sink {
  bool (*write) (void *data, int y, int n, const float *rows, int64_t stride, GError **error);
  void *data;
};

/* The planes of a picture in memory, which must outlive it: colours alone. */
struct row_source rows_from (const struct picture *picture);
struct row_sink rows_into (struct picture *picture);

/* Reduces a source to a size that is no larger by averaging areas. @source must outlive it. */
typedef struct row_shrink row_shrink;
struct row_shrink *row_shrink_new (const struct row_source *source, int width, int height, GError **error);
struct row_source row_shrink_source (struct row_shrink *shrink);
void row_shrink_free (struct row_shrink *shrink);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (row_shrink, row_shrink_free)

/* A source at any other size, by a cubic kernel; samples are held to 0..1. @source must outlive it. */
typedef struct row_scale row_scale;
struct row_scale *row_scale_new (const struct row_source *source, int width, int height, GError **error);
struct row_source row_scale_source (struct row_scale *scale);
void row_scale_free (struct row_scale *scale);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (row_scale, row_scale_free)
uint64_t row_scale_bytes (int width, int height, int to_width, int to_height, int planes);

/* A whole source as a picture of another size: by areas to twice the size, then as picture_resize does. */
struct picture *rows_thumbnail (const struct row_source *source, int width, int height, GError **error);

/* Rows on disk, 16 bits a sample, 0..1, in any order. The file has no name, so that it is gone with the program
 * whatever happens. It lies in $TMPDIR, else in /var/tmp: /tmp may be memory. IMPASTO_ERROR_OUTPUT. */
typedef struct row_store row_store;
struct row_store *row_store_new (int width, int height, int planes, GError **error);
void row_store_free (struct row_store *store);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (row_store, row_store_free)
int row_store_width (const struct row_store *store);
int row_store_height (const struct row_store *store);
int row_store_planes (const struct row_store *store);

/* @n planes from @first on of one row, each @stride floats apart. */
bool row_store_read (struct row_store *store, int y, int first, int n, float *row, int64_t stride, GError **error);
bool row_store_write (struct row_store *store, int y, int first, int n, const float *row, int64_t stride,
                      GError **error);

/* Its first three planes, as rows that come and go. */
struct row_source row_store_source (struct row_store *store);
struct row_sink row_store_sink (struct row_store *store);

/* Columns @x to @x + @width of one plane of a row. */
bool row_store_read_part (struct row_store *store, int y, int plane, int x, int width, float *row, GError **error);

/* Where index @i of an endless row made of @n pixels falls: mirrored, ... 1 0 0 1 2 2 1 ..., or repeated when @wrap. */
int row_index (int i, int n, bool wrap);
