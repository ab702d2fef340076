/* SPDX-License-Identifier: Apache-2.0
 *
 * The file formats: how each is recognised, loaded and saved. A file is what its first bytes say, so that libvips is
 * never asked to guess and none of its other loaders (PDF, SVG, CSV, ImageMagick) can be reached. */
#include "image/vips.h"

#define HEIF_SIDE 16384      /* libvips writes larger ones, and does not read them */
#define TIFF_MAX 2800000000u /* bytes: offsets have 32 bits, and of noise LZW makes up to half as much again */

static bool
is_png (const uint8_t *head, size_t size)
{
  return size >= 8 && memcmp (head, "\x89PNG\r\n\x1a\n", 8) == 0;
}

static bool
is_jpeg (const uint8_t *head, size_t size)
{
  return size >= 3 && memcmp (head, "\xff\xd8\xff", 3) == 0;
}

static bool
is_webp (const uint8_t *head, size_t size)
{
  return size >= 12 && memcmp (head, "RIFF", 4) == 0 && memcmp (head + 8, "WEBP", 4) == 0;
}

static bool
is_tiff (const uint8_t *head, size_t size)
{
  /* '*' is classic TIFF, '+' BigTIFF. */
  return size >= 4 && (memcmp (head, "II*\0", 4) == 0 || memcmp (head, "MM\0*", 4) == 0 ||
                       memcmp (head, "II+\0", 4) == 0 || memcmp (head, "MM\0+", 4) == 0);
}

/* ISO base media files start with a "ftyp" box that names the major brand. */
static bool
has_brand (const uint8_t *head, size_t size, const char *const *brands)
{
  if (size < 12 || memcmp (head + 4, "ftyp", 4) != 0)
    return false;
  for (; *brands; brands++)
    if (memcmp (head + 8, *brands, 4) == 0)
      return true;
  return false;
}

static bool
is_avif (const uint8_t *head, size_t size)
{
  return has_brand (head, size, (const char *const[]){"avif", "avis", NULL});
}

static bool
is_heic (const uint8_t *head, size_t size)
{
  return has_brand (head, size, (const char *const[]){"heic", "heix", "heim", "heis", "hevc", "mif1", "msf1", NULL});
}

static int
save_png (VipsImage *image, VipsTarget *target, int quality)
{
  return vips_pngsave_target (image, target, "compression", 3, "filter", VIPS_FOREIGN_PNG_FILTER_UP, NULL);
}

static int
save_jpeg (VipsImage *image, VipsTarget *target, int quality)
{
  return vips_jpegsave_target (image, target, "Q", quality, NULL);
}

static int
save_webp (VipsImage *image, VipsTarget *target, int quality)
{
  return vips_webpsave_target (image, target, "Q", quality, "effort", 2, NULL);
}

static int
save_tiff (VipsImage *image, VipsTarget *target, int quality)
{
  const gboolean wide = VIPS_IMAGE_SIZEOF_IMAGE (image) > TIFF_MAX;
  return vips_tiffsave_target (image, target, "compression", VIPS_FOREIGN_TIFF_COMPRESSION_LZW, "predictor",
                               VIPS_FOREIGN_TIFF_PREDICTOR_HORIZONTAL, "bigtiff", wide, NULL);
}

static int
save_heif (VipsImage *image, VipsTarget *target, int quality, VipsForeignHeifCompression compression)
{
  const int depth = image->BandFmt == VIPS_FORMAT_UCHAR ? 8 : 12;
  return vips_heifsave_target (image, target, "Q", quality, "compression", compression, "bitdepth", depth, "effort", 2,
                               NULL);
}

static int
save_heic (VipsImage *image, VipsTarget *target, int quality)
{
  return save_heif (image, target, quality, VIPS_FOREIGN_HEIF_COMPRESSION_HEVC);
}

static int
save_avif (VipsImage *image, VipsTarget *target, int quality)
{
  return save_heif (image, target, quality, VIPS_FOREIGN_HEIF_COMPRESSION_AV1);
}

static uint32_t
big_endian (const uint8_t *bytes)
{
  return (uint32_t) bytes[0] << 24 | bytes[1] << 16 | bytes[2] << 8 | bytes[3];
}

/* Held while rows are taken. */
static struct decoding
held (uint64_t bytes)
{
  return (struct decoding){.rows = bytes};
}

static uint64_t
pixels_of (VipsImage *image)
{
  return (uint64_t) image->Xsize * image->Ysize;
}

static bool
is_interlaced (VipsImage *image)
{
  int interlaced = 0;
  return vips_image_get_typeof (image, "interlaced") && vips_image_get_int (image, "interlaced", &interlaced) == 0 &&
         interlaced;
}

/* Interlaced: the whole of it, before the first row is known. */
static struct decoding
decode_png (VipsImage *image, const char *path)
{
  return held (is_interlaced (image) ? VIPS_IMAGE_SIZEOF_IMAGE (image) : 0);
}

/* Progressive: the coefficients, of two bytes. */
static struct decoding
decode_jpeg (VipsImage *image, const char *path)
{
  const char *chroma = "";
  if (!is_interlaced (image))
    return held (0);
  if (vips_image_get_typeof (image, "jpeg-chroma-subsample"))
    vips_image_get_string (image, "jpeg-chroma-subsample", &chroma);
  return held (pixels_of (image) * (strcmp (chroma, "4:2:0") == 0 && image->Bands == 3 ? 3 : 2 * image->Bands));
}

/* Twice, with alpha whether there is one or not. */
static struct decoding
decode_webp (VipsImage *image, const char *path)
{
  return held (pixels_of (image) * 8);
}

/* Of an animated PNG, by its acTL chunk, which libvips passes over: it comes before the first pixels. */
static int
frames_of_png (VipsImage *image, const char *path)
{
  g_autoptr (GMappedFile) file = g_mapped_file_new (path, FALSE, NULL);
  const uint8_t *bytes = file ? (const uint8_t *) g_mapped_file_get_contents (file) : NULL;
  const uint64_t size = file ? g_mapped_file_get_length (file) : 0;
  for (uint64_t at = 8; bytes && at + 12 <= size && memcmp (bytes + at + 4, "IDAT", 4) != 0;) {
    const uint8_t *chunk = bytes + at;
    if (memcmp (chunk + 4, "acTL", 4) == 0)
      return MAX (1, (int) MIN (big_endian (chunk + 8), 1 << 30));
    at += 12 + (uint64_t) big_endian (chunk);
  }
  return 1;
}

static const struct format formats[] = {
  {
    .name = "PNG",
    .extensions = ".png",
    .matches = is_png,
    .load = vips_pngload,
    .decoding = decode_png,
    .frames = frames_of_png,
    .save = save_png,
    .alpha = true,
    .deep = true,
  },
  {
    .name = "JPEG",
    .extensions = ".jpg .jpeg .jpe .jfif",
    .matches = is_jpeg,
    .load = vips_jpegload,
    .decoding = decode_jpeg,
    .save = save_jpeg,
    .shrinks = true,
    .side = 65500,
    .quality = 92,
  },
  {
    .name = "WebP",
    .extensions = ".webp",
    .matches = is_webp,
    .load = vips_webpload,
    .decoding = decode_webp,
    .save = save_webp,
    .alpha = true,
    .whole = true,
    .side = 16383,
    .quality = 90,
  },
  {
    .name = "TIFF",
    .extensions = ".tif .tiff",
    .matches = is_tiff,
    .load = vips_tiffload,
    .decoding = decoding_tiff,
    .save = save_tiff,
    .alpha = true,
    .deep = true,
  },
  {
    .name = "AVIF",
    .extensions = ".avif",
    .matches = is_avif,
    .load = vips_heifload,
    .decoding = decoding_heif,
    .save = save_avif,
    .heif = true,
    .whole = true,
    .alpha = true,
    .deep = true,
    .side = HEIF_SIDE,
    .quality = 75,
  },
  {
    .name = "HEIC",
    .extensions = ".heic .heif",
    .matches = is_heic,
    .load = vips_heifload,
    .decoding = decoding_heif,
    .save = save_heic,
    .heif = true,
    .whole = true,
    .alpha = true,
    .deep = true,
    .side = HEIF_SIDE,
    .quality = 75,
  },
};

const struct format *
format_find (const uint8_t *head, size_t size)
{
  for (size_t i = 0; i < G_N_ELEMENTS (formats); i++)
    if (formats[i].matches (head, size))
      return &formats[i];
  return NULL;
}

const char *
format_foreign (const uint8_t *head, size_t size, const char *path)
{
  static const struct {
    const char *name, *magic;
    size_t size;
  } foreign[] = {
    {"GIF", "GIF8", 4},
    {"BMP", "BM", 2},
    {"JPEG XL", "\xff\x0a", 2},
    {"JPEG XL", "\0\0\0\fJXL ", 8},
    {"JPEG 2000", "\0\0\0\fjP  ", 8},
    {"Photoshop", "8BPS", 4},
    {"PDF", "%PDF", 4},
    {"OpenEXR", "\x76\x2f\x31\x01", 4},
    {"Radiance", "#?RADIANCE", 10},
    {"ICO", "\0\0\1\0", 4},
  };
  for (size_t i = 0; i < G_N_ELEMENTS (foreign); i++)
    if (size >= foreign[i].size && memcmp (head, foreign[i].magic, foreign[i].size) == 0)
      return foreign[i].name;
  if (size >= 3 && head[0] == 'P' && head[1] >= '1' && head[1] <= '7' && g_ascii_isspace (head[2]))
    return "PPM or PGM";
  const char *dot = strrchr (path, '.');
  return dot && g_ascii_strcasecmp (dot, ".tga") == 0 ? "TGA" : NULL; /* its first bytes tell nothing */
}

const struct format *
format_of_path (const char *path)
{
  g_autofree char *base = g_path_get_basename (path);
  const char *dot = strrchr (base, '.');
  if (!dot)
    return NULL;
  for (size_t i = 0; i < G_N_ELEMENTS (formats); i++) {
    g_auto (GStrv) names = g_strsplit (formats[i].extensions, " ", 0);
    for (char **name = names; *name; name++)
      if (g_ascii_strcasecmp (*name, dot) == 0)
        return &formats[i];
  }
  return NULL;
}

char *
format_extensions (void)
{
  GString *all = g_string_new (formats[0].extensions);
  for (size_t i = 1; i < G_N_ELEMENTS (formats); i++)
    g_string_append_printf (all, " %s", formats[i].extensions);
  return g_string_free (all, FALSE);
}
