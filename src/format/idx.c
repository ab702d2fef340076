/* SPDX-License-Identifier: Apache-2.0
 *
 * IDX, read from a file that is plain or compressed: one stream of bytes to the parser, which takes the header, asks
 * for as much memory as it says, takes the elements, and wants the end. What unpacks to more than data do is gone
 * through beforehand. Format: yann.lecun.com/exdb/mnist. */
#include "format/idx.h"

#include <gio/gio.h>
#include <string.h>

#include "base/draft.h"
#include "format/mapped.h"
#include "impasto/error.h"

#define TYPE_U8 8
#define DEFLATE_MOST 1032 /* bytes that one byte of deflate stands for, at most */
#define DEFLATE_DATA 32   /* ... of pictures that are worth the name */
#define PIECE 16384

struct stream {
  const uint8_t *at;
  size_t left;        /* bytes of the file */
  GConverter *gunzip; /* NULL when the file is plain */
  bool ended;
};

static bool
is_gzip (const uint8_t *head, size_t size)
{
  return size >= 2 && head[0] == 0x1f && head[1] == 0x8b;
}

bool
idx_matches (const void *head, size_t size)
{
  const uint8_t *bytes = head;
  return is_gzip (bytes, size) ||
         (size >= 4 && bytes[0] == 0 && bytes[1] == 0 && bytes[2] >= TYPE_U8 && bytes[2] <= 14 && bytes[3] >= 1);
}

/* Up to @size bytes; fewer at the end. What is wrong, or NULL. */
static const char *
stream_read (struct stream *stream, uint8_t *out, size_t size, size_t *got)
{
  *got = 0;
  if (!stream->gunzip) {
    *got = MIN (size, stream->left);
    if (*got > 0) /* an empty file has no bytes to point at */
      memcpy (out, stream->at, *got);
    stream->at += *got;
    stream->left -= *got;
    return NULL;
  }
  while (*got < size && !stream->ended) {
    g_autoptr (GError) error = NULL;
    gsize read, written;
    GConverterResult result = g_converter_convert (stream->gunzip, stream->at, stream->left, out + *got, size - *got,
                                                   G_CONVERTER_INPUT_AT_END, &read, &written, &error);
    if (result == G_CONVERTER_ERROR)
      return g_error_matches (error, G_IO_ERROR, G_IO_ERROR_PARTIAL_INPUT) ? "it is cut off"
                                                                           : "its compression is damaged";
    stream->at += read;
    stream->left -= read;
    *got += written;
    stream->ended = result == G_CONVERTER_FINISHED;
  }
  return NULL;
}

/* Big-endian. */
static int64_t
read_extent (const uint8_t *at)
{
  return (int64_t) at[0] << 24 | at[1] << 16 | at[2] << 8 | at[3];
}

static const char *
read_header (struct stream *stream, struct shape *shape)
{
  uint8_t bytes[4 * SHAPE_RANK_MAX];
  size_t got;
  const char *mistake = stream_read (stream, bytes, 4, &got);

  if (mistake)
    return mistake;
  if (got < 4 || bytes[0] != 0 || bytes[1] != 0)
    return "it does not begin like one";
  if (bytes[2] != TYPE_U8)
    return "its elements are not unsigned bytes, the only type that is read";
  shape->rank = bytes[3];
  if (shape->rank < 1 || shape->rank > SHAPE_RANK_MAX)
    return "it has no axes, or more than six";
  mistake = stream_read (stream, bytes, 4 * (size_t) shape->rank, &got);
  if (mistake)
    return mistake;
  if (got < 4 * (size_t) shape->rank)
    return "it is cut off";
  for (int i = 0; i < shape->rank; i++)
    shape->dim[i] = read_extent (bytes + 4 * i);
  return shape_valid (shape) ? NULL : "it is empty, or of no size that fits";
}

/* Whether what is left of the file can hold so many bytes. */
static bool
can_hold (const struct stream *stream, uint64_t bytes)
{
  return bytes <= (stream->gunzip ? (uint64_t) DEFLATE_MOST * (stream->left + 64) : stream->left);
}

/* The end, and with it the check sum of what was compressed. */
static const char *
read_end (struct stream *stream)
{
  uint8_t more;
  size_t got;
  const char *mistake = stream_read (stream, &more, 1, &got);
  return mistake ? mistake : got > 0 ? "it is longer than it says" : NULL;
}

static const char *
read_elements (struct stream *stream, struct tensor *tensor)
{
  size_t got;
  const char *mistake = stream_read (stream, tensor->data, tensor->size, &got);

  if (mistake)
    return mistake;
  return got < tensor->size ? "it is cut off" : read_end (stream);
}

/* The same, with the elements let go. */
static const char *
pass_elements (struct stream *stream, uint64_t bytes)
{
  uint8_t piece[PIECE];
  size_t got;

  for (uint64_t left = bytes; left > 0; left -= got) {
    const char *mistake = stream_read (stream, piece, MIN (left, sizeof piece), &got);
    if (mistake || got == 0)
      return mistake ? mistake : "it is cut off";
  }
  return read_end (stream);
}

static const char *
open_stream (const void *data, size_t size, struct stream *stream, struct shape *shape)
{
  if (stream->gunzip)
    g_converter_reset (stream->gunzip);
  *stream = (struct stream){data, size, stream->gunzip};
  return read_header (stream, shape);
}

/* Up to the elements, which are as many as the header says as far as can be told without memory. */
static const char *
read_to_elements (const void *data, size_t size, struct stream *stream, struct shape *shape)
{
  const char *mistake = open_stream (data, size, stream, shape);
  if (mistake)
    return mistake;
  const uint64_t bytes = (uint64_t) shape_size (shape);
  if (!can_hold (stream, bytes))
    return "it is cut off";
  if (!stream->gunzip || bytes / DEFLATE_DATA <= size)
    return NULL;
  mistake = pass_elements (stream, bytes);
  return mistake ? mistake : open_stream (data, size, stream, shape);
}

static GConverter *
gunzip_for (const void *data, size_t size)
{
  return is_gzip (data, size) ? G_CONVERTER (g_zlib_decompressor_new (G_ZLIB_COMPRESSOR_FORMAT_GZIP)) : NULL;
}

static void
fail (const char *name, const char *mistake, GError **error)
{
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "%s is not a good IDX file: %s", name, mistake);
}

struct tensor *
idx_parse (const void *data, size_t size, const char *name, GError **error)
{
  g_autoptr (GConverter) gunzip = gunzip_for (data, size);
  struct stream stream = {.gunzip = gunzip};
  struct shape shape;
  g_autoptr (tensor) tensor = NULL;
  const char *mistake = read_to_elements (data, size, &stream, &shape);

  if (!mistake) {
    tensor = tensor_new (shape, DTYPE_U8, error);
    if (!tensor)
      return NULL;
    mistake = read_elements (&stream, tensor);
  }
  if (!mistake)
    return g_steal_pointer (&tensor);
  fail (name, mistake, error);
  return NULL;
}

bool
idx_probe (const char *path, struct shape *shape, GError **error)
{
  g_autoptr (GMappedFile) file = mapped_open (path, error);
  if (!file)
    return false;
  const void *data = g_mapped_file_get_contents (file);
  const size_t size = g_mapped_file_get_length (file);
  g_autoptr (GConverter) gunzip = gunzip_for (data, size);
  struct stream stream = {.gunzip = gunzip};
  const char *mistake = open_stream (data, size, &stream, shape);
  if (mistake)
    fail (path, mistake, error);
  return !mistake;
}

struct tensor *
idx_load (const char *path, GError **error)
{
  g_autoptr (GMappedFile) file = mapped_open (path, error);
  return file ? idx_parse (g_mapped_file_get_contents (file), g_mapped_file_get_length (file), path, error) : NULL;
}

/* @text with every @from replaced. */
static char *
replaced (const char *text, const char *from, const char *to)
{
  g_auto (GStrv) parts = g_strsplit (text, from, -1);
  return g_strjoinv (to, parts);
}

char *
idx_labels_path (const char *path)
{
  g_autofree char *folder = g_path_get_dirname (path), *base = g_path_get_basename (path);
  g_autofree char *labels = replaced (base, "images", "labels"), *name = replaced (labels, "idx3", "idx1");
  return g_str_equal (name, base) ? NULL : g_build_filename (folder, name, NULL);
}

bool
idx_save (const struct tensor *tensor, const char *path, GError **error)
{
  const struct shape *shape = &tensor->shape;
  uint8_t head[4 + 4 * SHAPE_RANK_MAX] = {0, 0, TYPE_U8, (uint8_t) shape->rank};

  g_return_val_if_fail (tensor->dtype == DTYPE_U8 && shape->rank >= 1, false);
  for (int i = 0; i < shape->rank; i++)
    for (int k = 0; k < 4; k++)
      head[4 + 4 * i + k] = (uint8_t) (shape->dim[i] >> (24 - 8 * k));
  g_autoptr (draft) draft = draft_new (path, error);
  return draft && draft_write (draft, head, 4 + 4 * (size_t) shape->rank, error) &&
         draft_write (draft, tensor->data, tensor->size, error) && draft_commit (draft, error);
}
