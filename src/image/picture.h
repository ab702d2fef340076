/* SPDX-License-Identifier: Apache-2.0
 *
 * Pictures: files in and out. A picture in memory is what the painter works on: planar float sRGB, upright, alpha
 * apart. What a file says beyond its pixels (orientation, ICC profile, CMYK, palettes, 16 bit) is settled while
 * loading, and what should survive (EXIF, XMP, resolution) travels along unseen. PNG, JPEG, WebP, TIFF, and HEIC and
 * AVIF where libvips has them. A picture has one owner; every function here may be called from any thread. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define PICTURE_MAX_PIXELS ((int64_t) 1 << 28)   /* more are refused when no other limit is given */
#define PICTURE_MAX_STREAMED ((int64_t) 1 << 30) /* for what reads a picture in rows */

typedef struct picture picture;

struct picture {
  int width, height;
  float *rgb;    /* (3,h,w), sRGB-encoded, 0..1 */
  float *alpha;  /* (h,w), 0..1, colours are not premultiplied; NULL when opaque */
  int bits;      /* of a sample in the file: 8, or 16 for anything deeper */
  bool was_grey; /* the file had one colour channel */
  char *recipe;  /* how it was made, kept in the file's XMP; NULL when unknown. Owned; set it before saving */
  void *meta;    /* EXIF, XMP and resolution, see picture_keep_meta */
};

struct picture_info {
  int width, height; /* upright */
  int bits;          /* 8 or 16 */
  bool grey, alpha;
  int frames;         /* or pages; all but the first are left alone */
  const char *format; /* "JPEG" */
  uint64_t opening;   /* bytes that reading it takes before the first pixel is there, an upper bound */
  uint64_t decoding;  /* then beside its pixels, an upper bound */
};

struct picture_save_options {
  int quality;   /* 1..100 for JPEG, WebP, HEIC, AVIF; 0 = the format's default */
  int bits;      /* 8 or 16; 0 = as the picture's source. HEIC and AVIF store 16 as 12, JPEG and WebP as 8 */
  bool keep_gps; /* keep where the photograph was taken; dropped otherwise */
  bool (*go_on) (void *data); /* asked while it is encoded and when it is whole; false: IMPASTO_ERROR_CANCELLED */
  void *data;
};

/* Reads the header only, so that memory can be forecast and a bomb refused before anything is decoded. @max_pixels 0
 * means PICTURE_MAX_PIXELS. IMPASTO_ERROR_INPUT: missing, empty, a folder, not a picture, damaged, more pixels than
 * allowed. */
bool picture_probe (const char *path, int64_t max_pixels, struct picture_info *info, GError **error);

/* Whether the file has pixels that are not opaque: reads as far as the first. False of what cannot be read. */
bool picture_shows_through (const char *path, int64_t max_pixels);

/* The whole picture: upright, in sRGB. Errors as picture_probe; a truncated file is an error, never a grey rest.
 * IMPASTO_ERROR_MEMORY when the planes cannot be allocated. */
struct picture *picture_load (const char *path, int64_t max_pixels, GError **error);

/* A painting whose style is wanted: what alpha hides has the mean colour of the rest. IMPASTO_ERROR_INPUT also of one
 * that is of one colour or transparent all over, from which a photograph would come back as nothing. */
struct picture *painting_load (const char *path, GError **error);

/* The recipe in the file, from its header only; a new string. IMPASTO_ERROR_INPUT also: there is none. */
char *picture_recipe (const char *path, GError **error);

/* Writes a temporary file beside @path and renames it; nothing is left behind when that fails. The extension chooses
 * the format. Tagged sRGB. Alpha is flattened onto white for JPEG. @options NULL means defaults. IMPASTO_ERROR_USAGE:
 * unknown extension, bad option, recipe over 48 KiB; IMPASTO_ERROR_NUMERIC: NaN or infinity in the pixels;
 * IMPASTO_ERROR_OUTPUT: cannot be written. */
bool picture_save (const struct picture *picture, const char *path, const struct picture_save_options *options,
                   GError **error);

/* Whether picture_save knows the extension of @path; IMPASTO_ERROR_USAGE lists those known. To be asked before hours
 * of work. */
bool picture_can_save (const char *path, GError **error);

/* Whether the format of that extension has a quality: it loses something. */
bool picture_has_quality (const char *path);

/* Likewise as picture_can_save, whether a file of that name has room for @width x @height. IMPASTO_ERROR_USAGE. */
bool picture_can_save_size (const char *path, int width, int height, GError **error);

/* Black, with planes of the given size; IMPASTO_ERROR_MEMORY. */
struct picture *picture_new (int width, int height, bool alpha, GError **error);
void picture_free (struct picture *picture);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (picture, picture_free) /* g_autoptr (picture) */

/* Lets @to be saved with the EXIF, XMP, resolution and depth of @from. The recipe stays apart. */
void picture_keep_meta (struct picture *to, const struct picture *from);
