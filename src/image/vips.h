/* SPDX-License-Identifier: Apache-2.0
 *
 * Between libvips and the rest of this folder; included nowhere else. Starts libvips once, knows the file formats,
 * opens a file with every check made, brings any colour to sRGB, carries metadata, and turns libvips' error buffer
 * into one line. */
#pragma once

#include <vips/vips.h>
/* After it, whose macros it uses. */
#include <vips/vector.h>

#include "image/picture.h"
#include "impasto/error.h"

/* g_autoptr for what libvips owns; under other names, since later libvips has it for its own. */
typedef VipsImage vips_image;
typedef VipsRegion vips_region;
typedef VipsTarget vips_target;
G_DEFINE_AUTOPTR_CLEANUP_FUNC (vips_image, g_object_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (vips_region, g_object_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (vips_target, g_object_unref)

/* Bytes at most that a decoder holds beside rows. */
struct decoding {
  uint64_t opening; /* before the first row is there */
  uint64_t rows;    /* while rows are taken */
};

struct format {
  const char *name;
  const char *extensions; /* ".jpg .jpeg" */
  bool (*matches) (const uint8_t *head, size_t size);
  int (*load) (const char *path, VipsImage **out, ...);
  int (*save) (VipsImage *image, VipsTarget *target, int quality);
  bool shrinks;                                                     /* load takes "shrink": 1, 2, 4, 8 */
  bool heif;                                                        /* in libvips' HEIF module */
  bool alpha;                                                       /* can carry alpha */
  bool deep;                                                        /* can carry more than 8 bits */
  bool whole;                                                       /* libvips encodes it as a whole */
  int side;                                                         /* pixels at most; 0 = any */
  struct decoding (*decoding) (VipsImage *image, const char *path); /* NULL = nothing */
  int (*frames) (VipsImage *image, const char *path);               /* NULL = libvips knows */
  int quality;                                                      /* default */
};

#define FORMAT_HEAD_SIZE 16 /* bytes that tell a format */
#define IMAGE_STRIP_ROWS 16 /* rows decoded at a time */

const struct format *format_find (const uint8_t *head, size_t size); /* by content, or NULL */
/* Another format that pictures come in, by content or extension, to be named in a message; or NULL. */
const char *format_foreign (const uint8_t *head, size_t size, const char *path);
const struct format *format_of_path (const char *path);              /* by extension, or NULL */
char *format_extensions (void);                                      /* ".png .jpg ..."; a new string */

/* Starts libvips, with the HEIF module when @heif. IMPASTO_ERROR_INPUT when libvips does not start or has no HEIF. */
bool image_start (bool heif, const char *path, GError **error);

/* Sets one line that starts with the path. */
void image_refuse (GError **error, ImpastoError code, const char *path, const char *format, ...) G_GNUC_PRINTF (4, 5);

/* The same for what libvips failed at, with libvips' own words when it has any. */
void image_failed (GError **error, ImpastoError code, const char *path, const char *what);
void image_damaged (GError **error, const char *path, const struct format *format);

/* Opens for reading from top to bottom; the header is read and checked, pixels are not. @shrink as the loader takes
 * it, 1 for the whole size. @format may be NULL. */
VipsImage *image_open (const char *path, int64_t max_pixels, int shrink, const struct format **format, GError **error);

struct decoding decoding_heif (VipsImage *image, const char *path);
struct decoding decoding_tiff (VipsImage *image, const char *path);

/* What reading its pixels takes: what is kept of its rows on the way, and what its decoder holds. */
struct decoding image_decoding (VipsImage *image, const struct format *format, const char *path);

/* Once the first rows of a picture that is decoded as a whole are there: gives back what its decoder has let go, which
 * may be as much as the picture. */
void image_decoded (const struct format *format);

/* Before pixels are read: whether floating point counts from 0 to 1, grey as it is, colours as linear light, where
 * lamps may be brighter, and colours that sRGB does not have a little below 0. Other programs write it from 0 to 255 or
 * from -1 to 1 as well, so all of it is looked at. */
bool image_check_numbers (VipsImage *image, const struct format *format, const char *path, GError **error);

/* RGB or RGBA in sRGB, 8 or 16 bit. Where an ICC profile must be followed, the result has 16 bits if @precise. */
VipsImage *image_to_srgb (VipsImage *image, bool precise, const char *path, GError **error);

bool image_is_grey (VipsImage *image);
bool image_is_deep (VipsImage *image);

/* Calls @strip for every band of rows, from top to bottom, in the calling thread, until it returns false. False then,
 * and when libvips failed. */
typedef bool (*image_strip) (VipsRegion *region, const VipsRect *rows, void *data);
bool image_read (VipsImage *image, image_strip strip, void *data);

/* What of a file's metadata survives: an image without pixels. */
VipsImage *meta_keep (VipsImage *from);
void meta_apply (VipsImage *to, VipsImage *meta, bool keep_gps, const char *recipe);
char *meta_recipe (VipsImage *meta); /* a new string or NULL */

/* @image in @width x @height, both edges on edges: Lanczos where it is reduced, cubic where it is enlarged. 0 as of
 * libvips. */
int image_scale (VipsImage *image, VipsImage **scaled, int width, int height);
