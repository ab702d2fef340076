/* SPDX-License-Identifier: Apache-2.0
 *
 * Picture files that are never in memory whole: read as rows from top to bottom, as often as asked, with the colours,
 * orientation, depth and alpha that picture_load would give them; and saved from rows on disk as picture_save would.
 * One thread at a time uses a stream. */
#pragma once

#include "image/rows.h"

typedef struct stream stream;

/* Opens @path, and scales it to @width x @height while it is read; 0 x 0 = as it is. A file whose orientation is not
 * upright is decoded onto disk first. Errors as picture_load. */
struct stream *stream_open (const char *path, int64_t max_pixels, int width, int height, GError **error);
void stream_free (struct stream *stream);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (stream, stream_free)

/* Its rows: 3 planes, or 4 with alpha. A file that changes meanwhile, or is damaged further below, fails the read. */
struct row_source stream_source (struct stream *stream);

/* The same without alpha. */
struct row_source stream_colours (struct stream *stream);

/* A picture without planes that carries the file's metadata and depth. Owned by the stream. */
struct picture *stream_about (struct stream *stream);

/* Bytes that scaling a file to @width x @height takes, beside reading it; and that saving to @path takes. */
uint64_t stream_scale_bytes (const struct picture_info *info, int width, int height);
uint64_t stream_save_bytes (const char *path, int width, int height, bool alpha, int bits);

/* picture_save for rows in a store of 3 planes, or 4 with alpha; @about has the size, metadata, depth and recipe. */
bool stream_save (const struct picture *about, struct row_store *rows, const char *path,
                  const struct picture_save_options *options, GError **error);
