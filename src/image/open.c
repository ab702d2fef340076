/* SPDX-License-Identifier: Apache-2.0
 *
 * Starting libvips, opening files with every check made, and colour. Pixels are always pulled in the calling thread,
 * one band of rows after the other: decoders are serial anyway, training reads files in parallel, and nothing but the
 * result is ever held whole. libvips loads all its modules when it starts (PDF, ImageMagick and OpenSlide among them,
 * 15 ms and some megabytes); it is kept from that, and the HEIF one is loaded when a file asks for it. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <gmodule.h>
#include <malloc.h>
#include <math.h>
#include <unistd.h>

#include "image/vips.h"

#define DECODER_ROWS 640 /* of a file that libvips keeps, its caches of lines and scaling counted in: measured */
#define FLOAT_SLACK 1e-3 /* beyond 0..1 */
#define FLOAT_BRIGHT 4   /* mean of colours that are not from 0 to 255 */
#define FLOAT_OUTSIDE .1 /* below 0, of colours that sRGB has not and that are not from -1 to 1 */

static void
ignore_log (const char *domain, GLogLevelFlags level, const char *message, void *data)
{
}

static void *
start_vips (void *unused)
{
  g_log_set_handler ("VIPS", G_LOG_LEVEL_MASK & ~G_LOG_LEVEL_ERROR, ignore_log, NULL);

  /* libvips looks for its modules below VIPSHOME, and would set the variable itself. */
  const bool bare = g_getenv ("VIPSHOME") == NULL;
  if (bare)
    g_setenv ("VIPSHOME", "/nonexistent", TRUE);
  const bool started = vips_init ("impasto") == 0;
  if (bare)
    g_unsetenv ("VIPSHOME");
  if (!started)
    return NULL;

  vips_block_untrusted_set (TRUE);
  vips_cache_set_max (0);
  vips_concurrency_set (1);
  /* Resizing would have code written for each picture by liborc 0.4.33, which is not safe with several threads that
   * read: now and then one of them was seen to crash in orc_code_free. Small pictures load faster without, too. */
  vips_vector_set_enabled (FALSE);
  return GINT_TO_POINTER (true);
}

/* The module lies beside libvips itself; a libvips built without modules has HEIF inside or not at all. */
static void *
load_heif (void *unused)
{
  Dl_info library;
  if (!vips_type_find ("VipsOperation", "heifload") && dladdr ((void *) (uintptr_t) vips_init, &library)) {
    g_autofree char *folder = g_path_get_dirname (library.dli_fname);
    g_autofree char *path =
      g_strdup_printf ("%s/vips-modules-%d.%d/vips-heif.so", folder, vips_version (0), vips_version (1));
    GModule *module = g_module_open (path, G_MODULE_BIND_LAZY);
    if (module)
      g_module_make_resident (module); /* its types cannot be unregistered */
  }
  return GINT_TO_POINTER (vips_type_find ("VipsOperation", "heifload") != 0);
}

/* The most telling line of libvips' error buffer, without the name of the part that said it. The buffer is shared by
 * all threads: when two files fail at the same moment, the words may be the other's, so the caller's own come first. */
static char *
vips_words (void)
{
  g_autofree char *buffer = vips_error_buffer_copy ();
  g_auto (GStrv) lines = g_strsplit (buffer, "\n", 0);
  const char *best = lines[0];
  for (char **line = lines; *line; line++)
    if (g_str_has_prefix (*line, "unix error: ") && !strstr (*line, "Unknown error"))
      best = *line;
  const char *colon = best ? strstr (best, ": ") : NULL;
  char *words = g_strstrip (g_strdup (colon ? colon + 2 : best ? best : ""));
  return g_strdelimit (words, "\r\t", ' ');
}

void
image_refuse (GError **error, ImpastoError code, const char *path, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  g_autofree char *what = g_strdup_vprintf (format, arguments), *name = g_filename_display_name (path);
  va_end (arguments);
  g_set_error (error, IMPASTO_ERROR, code, "%s: %s", g_strdelimit (name, "\n\r\t", '?'), what);
}

void
image_failed (GError **error, ImpastoError code, const char *path, const char *what)
{
  g_autofree char *words = vips_words ();
  if (*words)
    image_refuse (error, code, path, "%s (%s)", what, words);
  else
    image_refuse (error, code, path, "%s", what);
}

bool
image_start (bool heif, const char *path, GError **error)
{
  static GOnce vips_once = G_ONCE_INIT, heif_once = G_ONCE_INIT;
  if (!g_once (&vips_once, start_vips, NULL)) {
    image_refuse (error, IMPASTO_ERROR_INPUT, path, "libvips does not start: is it installed whole?");
    return false;
  }
  if (heif && !g_once (&heif_once, load_heif, NULL)) {
    image_refuse (error, IMPASTO_ERROR_INPUT, path,
                  "HEIC and AVIF need libvips with its HEIF module (vips-heif.so), which is not installed");
    return false;
  }
  return true;
}

void
image_damaged (GError **error, const char *path, const struct format *format)
{
  g_autofree char *what = g_strdup_printf ("damaged or truncated %s file", format->name);
  image_failed (error, IMPASTO_ERROR_INPUT, path, what);
}

/* What the file is, from its first bytes. */
static const struct format *
sniff (const char *path, GError **error)
{
  const int fd = g_open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    image_refuse (error, IMPASTO_ERROR_INPUT, path, "%s", errno == ENOENT ? "no such file" : g_strerror (errno));
    return NULL;
  }
  struct stat status;
  uint8_t head[FORMAT_HEAD_SIZE];
  const bool stated = fstat (fd, &status) == 0;
  const ssize_t size = stated && S_ISREG (status.st_mode) ? read (fd, head, sizeof head) : 0;
  close (fd);

  const struct format *format = size > 0 ? format_find (head, size) : NULL;
  const char *foreign = size > 0 && !format ? format_foreign (head, size, path) : NULL;
  if (foreign) {
    image_refuse (error, IMPASTO_ERROR_INPUT, path,
                  "is %s, which is not read; PNG, JPEG, WebP, TIFF, AVIF and HEIC are", foreign);
    return NULL;
  }
  const char *what = !stated || size < 0         ? "cannot be read"
                     : S_ISDIR (status.st_mode)  ? "is a folder, expected a picture file"
                     : !S_ISREG (status.st_mode) ? "is not a regular file, expected a picture file"
                     : status.st_size == 0       ? "is empty (0 bytes), expected a picture"
                                                 : "is not a picture (PNG, JPEG, WebP, TIFF, AVIF or HEIC)";
  if (!format)
    image_refuse (error, IMPASTO_ERROR_INPUT, path, "%s", what);
  return format;
}

static int
load (const struct format *format, const char *path, int shrink, VipsImage **image)
{
  return format->shrinks
           ? format->load (path, image, "access", VIPS_ACCESS_SEQUENTIAL, "fail_on", VIPS_FAIL_ON_TRUNCATED, "shrink",
                           shrink, NULL)
           : format->load (path, image, "access", VIPS_ACCESS_SEQUENTIAL, "fail_on", VIPS_FAIL_ON_TRUNCATED, NULL);
}

/* Grey of floating point, which is to be 0..1; libvips would take it for 0..255. */
static bool
is_float_grey (VipsImage *image)
{
  return image->BandFmt == VIPS_FORMAT_FLOAT && image_is_grey (image);
}

/* Kinds of numbers that are read rightly: 8 or 16 bits without a sign, floating point, and those of colour spaces that
 * have their own. */
static bool
check_kind (VipsImage *image, const char *path, GError **error)
{
  const VipsInterpretation own[] = {VIPS_INTERPRETATION_scRGB, VIPS_INTERPRETATION_LAB, VIPS_INTERPRETATION_LABS,
                                    VIPS_INTERPRETATION_LABQ, VIPS_INTERPRETATION_XYZ};
  bool known = image->BandFmt == VIPS_FORMAT_UCHAR || image->BandFmt == VIPS_FORMAT_USHORT || is_float_grey (image);
  for (size_t i = 0; i < G_N_ELEMENTS (own); i++)
    known |= image->Type == own[i];
  if (!known)
    image_refuse (error, IMPASTO_ERROR_INPUT, path,
                  "has numbers of an unusual kind; save it with 8 or 16 bits a channel");
  return known;
}

bool
image_check_numbers (VipsImage *image, const struct format *format, const char *path, GError **error)
{
  const bool colour = image->BandFmt == VIPS_FORMAT_FLOAT && image->Type == VIPS_INTERPRETATION_scRGB;
  if (!colour && !is_float_grey (image))
    return true;
  g_autoptr (vips_image) again = NULL, stats = NULL;
  if (load (format, path, 1, &again) != 0 || vips_stats (again, &stats, NULL) != 0) {
    image_damaged (error, path, format);
    return false;
  }
  const double least = *VIPS_MATRIX (stats, 0, 0), most = *VIPS_MATRIX (stats, 1, 0), mean = *VIPS_MATRIX (stats, 4, 0);
  if (isnan (mean)) { /* least and most pass over it */
    image_refuse (error, IMPASTO_ERROR_INPUT, path,
                  "has NaN among its floating-point numbers, where 0..1 is wanted; save it with 8 or 16 bits");
    return false;
  }
  const bool bright = colour ? mean > FLOAT_BRIGHT : most > 1 + FLOAT_SLACK;
  const bool dark = least < (colour ? -FLOAT_OUTSIDE : -FLOAT_SLACK);
  if (!bright && !dark)
    return true;
  image_refuse (error, IMPASTO_ERROR_INPUT, path,
                "has floating-point numbers from %.4g to %.4g, where 0..1 is wanted; save it with 8 or 16 bits", least,
                most);
  return false;
}

VipsImage *
image_open (const char *path, int64_t max_pixels, int shrink, const struct format **found, GError **error)
{
  const struct format *format = sniff (path, error);
  if (!format || !image_start (format->heif, path, error))
    return NULL;

  g_autoptr (vips_image) image = NULL;
  vips_error_clear ();
  if (load (format, path, shrink, &image) != 0) {
    image_damaged (error, path, format);
    return NULL;
  }
  const int64_t limit = max_pixels > 0 ? max_pixels : PICTURE_MAX_PIXELS;
  if ((int64_t) image->Xsize * image->Ysize > limit) {
    image_refuse (error, IMPASTO_ERROR_INPUT, path, "%d x %d is %.1f megapixels, more than the %.1f allowed",
                  image->Xsize, image->Ysize, (double) image->Xsize * image->Ysize / 1e6, limit / 1e6);
    return NULL;
  }
  if (!check_kind (image, path, error))
    return NULL;
  if (found)
    *found = format;
  return g_steal_pointer (&image);
}

struct decoding
image_decoding (VipsImage *image, const struct format *format, const char *path)
{
  struct decoding decoding = format->decoding ? format->decoding (image, path) : (struct decoding){0};
  decoding.opening += VIPS_IMAGE_SIZEOF_LINE (image) * DECODER_ROWS;
  decoding.rows += VIPS_IMAGE_SIZEOF_LINE (image) * DECODER_ROWS;
  return decoding;
}

void
image_decoded (const struct format *format)
{
  if (format->whole)
    malloc_trim (0);
}

bool
image_is_grey (VipsImage *image)
{
  return image->Bands - (vips_image_hasalpha (image) ? 1 : 0) == 1;
}

bool
image_is_deep (VipsImage *image)
{
  return image->BandFmt != VIPS_FORMAT_UCHAR && image->BandFmt != VIPS_FORMAT_CHAR;
}

/* The profile that libvips and we write ourselves needs no conversion: painting a painting must not drift. */
static bool
has_foreign_profile (VipsImage *image)
{
  const void *blob;
  size_t size, own_size;
  if (!vips_image_get_typeof (image, VIPS_META_ICC_NAME) ||
      vips_image_get_blob (image, VIPS_META_ICC_NAME, &blob, &size) != 0)
    return false;
  VipsBlob *own = NULL;
  if (vips_profile_load ("srgb", &own, NULL) != 0 || !own)
    return true;
  const void *own_data = vips_blob_get (own, &own_size);
  const bool same = size == own_size && memcmp (blob, own_data, size) == 0;
  vips_area_unref (VIPS_AREA (own));
  return !same;
}

/* Floating-point grey of 0..1 in 16 bits. */
static VipsImage *
grey_of_float (VipsImage *image, const char *path, GError **error)
{
  g_autoptr (vips_image) scaled = NULL, cast = NULL, grey = NULL;
  if (vips_linear1 (image, &scaled, 65535.0, 0.5, NULL) == 0 &&
      vips_cast (scaled, &cast, VIPS_FORMAT_USHORT, NULL) == 0 &&
      vips_copy (cast, &grey, "interpretation", VIPS_INTERPRETATION_GREY16, NULL) == 0)
    return g_steal_pointer (&grey);
  image_failed (error, IMPASTO_ERROR_INPUT, path, "has colours of an unknown kind");
  return NULL;
}

VipsImage *
image_to_srgb (VipsImage *image, bool precise, const char *path, GError **error)
{
  if (is_float_grey (image)) {
    g_autoptr (vips_image) grey = grey_of_float (image, path, error);
    return grey ? image_to_srgb (grey, precise, path, error) : NULL;
  }
  const bool cmyk = image->Type == VIPS_INTERPRETATION_CMYK;
  g_autoptr (vips_image) managed = NULL, rgb = NULL, cut = NULL;

  /* A profile that is broken or meant for other channels fails here, and the picture is then taken for sRGB. */
  if ((cmyk || has_foreign_profile (image)) &&
      vips_icc_transform (image, &managed, "srgb", "embedded", TRUE, "input_profile", cmyk ? "cmyk" : "srgb", "intent",
                          VIPS_INTENT_RELATIVE, "black_point_compensation", TRUE, "depth",
                          precise || image_is_deep (image) ? 16 : 8, NULL) != 0)
    vips_error_clear ();

  VipsImage *source = managed ? managed : image;
  const VipsInterpretation target = image_is_deep (source) ? VIPS_INTERPRETATION_RGB16 : VIPS_INTERPRETATION_sRGB;
  if (vips_colourspace (source, &rgb, target, NULL) != 0 || rgb->Bands < 3) {
    image_failed (error, IMPASTO_ERROR_INPUT, path, "has colours of an unknown kind");
    return NULL;
  }
  if (rgb->Bands > 4 && vips_extract_band (rgb, &cut, 0, "n", 4, NULL) == 0)
    return g_steal_pointer (&cut);
  return g_steal_pointer (&rgb);
}

/* Across first, so that what libvips keeps of a picture that comes in rows is as narrow as the result. vips_resize of
 * 8.14 enlarges to half a pixel beside the place. */
int
image_scale (VipsImage *image, VipsImage **scaled, int width, int height)
{
  const int w = MIN (width, image->Xsize), h = MIN (height, image->Ysize);
  g_autoptr (vips_image) narrow = NULL, reduced = NULL;
  g_autoptr (GObject) cubic = NULL;
  if (vips_resize (image, &narrow, (double) w / image->Xsize, "vscale", 1.0, NULL) != 0 ||
      vips_resize (narrow, &reduced, 1, "vscale", (double) h / image->Ysize, NULL) != 0)
    return -1;
  if (reduced->Xsize != w || reduced->Ysize != h) {
    vips_error ("image_scale", "%s", "unexpected size");
    return -1;
  }
  if (w == width && h == height) {
    *scaled = g_steal_pointer (&reduced);
    return 0;
  }
  cubic = G_OBJECT (vips_interpolate_new ("bicubic"));
  VipsArrayInt *area = vips_array_int_newv (4, 0, 0, width, height);
  const int failed =
    vips_affine (reduced, scaled, (double) width / w, 0.0, 0.0, (double) height / h, "interpolate", cubic, "oarea",
                 area, "idx", 0.5, "idy", 0.5, "odx", -0.5, "ody", -0.5, "extend", VIPS_EXTEND_COPY, NULL);
  vips_area_unref (VIPS_AREA (area));
  return failed;
}

bool
image_read (VipsImage *image, image_strip strip, void *data)
{
  g_autoptr (vips_region) region = vips_region_new (image);
  for (int y = 0; y < image->Ysize; y += IMAGE_STRIP_ROWS) {
    const VipsRect rows = {0, y, image->Xsize, MIN (IMAGE_STRIP_ROWS, image->Ysize - y)};
    if (vips_region_prepare (region, &rows) != 0 || !strip (region, &rows, data))
      return false;
  }
  return true;
}
