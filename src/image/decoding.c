/* SPDX-License-Identifier: Apache-2.0
 *
 * What decoders hold, where libvips does not tell what decides it: of AVIF and HEIC the chroma, of TIFF how large
 * strips and tiles are. That is looked up in the file's own header; what cannot be found there counts as the worst.
 * References: ISO/IEC 14496-12 (boxes), AV1-ISOBMFF 2.3 (av1C), ISO/IEC 14496-15 8.3.3 (hvcC), TIFF 6.0, BigTIFF. */
#include <string.h>

#include "image/vips.h"

#define HEIF_HEAD 65536 /* bytes in which the boxes about a picture lie */
/* Measured with libheif 1.15, dav1d 1.0 and libde265 1.0. */
#define HEIF_CODE (5 << 20)  /* bytes of the libraries and their threads */
#define HEIF_KEPT (64 << 20) /* bytes that malloc may keep of what the decoder lets go: glibc's limit */
#define HEIF_BLOCKS 3        /* bytes a pixel that are known of its blocks */
#define TIFF_LINES 128       /* rows of a strip up to which libvips reads it as a whole anyway */

/* --- AVIF, HEIC --- */

/* Samples a pixel of a picture of a box that ends with @size bytes from its name on; 0: it is none. */
static double
samples_of_av1c (const uint8_t *box, size_t size)
{
  if (size < 8 || box[4] != 0x81)
    return 0;
  const bool grey = box[6] & 16, half_wide = box[6] & 8, half_high = box[6] & 4;
  return grey ? 1 : 1 + 2.0 / ((1 + half_wide) * (1 + half_high));
}

static double
samples_of_hvcc (const uint8_t *box, size_t size)
{
  static const double samples[] = {1, 1.5, 2, 3};
  return size < 21 || box[4] != 1 ? 0 : samples[box[20] & 3];
}

/* Of that picture in the file that has most. */
static double
heif_samples (const uint8_t *bytes, size_t size)
{
  static const struct {
    const char *name;
    double (*samples) (const uint8_t *box, size_t size);
  } boxes[] = {{"av1C", samples_of_av1c}, {"hvcC", samples_of_hvcc}};
  const uint8_t *end = bytes + MIN (size, HEIF_HEAD);
  double most = 0;
  for (size_t i = 0; i < G_N_ELEMENTS (boxes); i++)
    for (const uint8_t *at = bytes; (at = memmem (at, end - at, boxes[i].name, 4)); at += 4)
      most = MAX (most, boxes[i].samples (at, end - at));
  return most > 0 ? most : 3;
}

/* At once the decoder has coefficients, which take twice what samples do, and the picture, which is copied. Of the copy
 * colours are made, of fine chroma by way of planes, and of them libvips takes its rows. */
struct decoding
decoding_heif (VipsImage *image, const char *path)
{
  g_autoptr (GMappedFile) file = g_mapped_file_new (path, FALSE, NULL);
  const uint8_t *bytes = file ? (const uint8_t *) g_mapped_file_get_contents (file) : NULL;
  const size_t size = file ? g_mapped_file_get_length (file) : 0;
  const double samples = bytes ? heif_samples (bytes, size) : 3;
  const uint64_t pixels = (uint64_t) image->Xsize * image->Ysize, decoded = VIPS_IMAGE_SIZEOF_IMAGE (image);
  const uint64_t copy = pixels * (samples + vips_image_hasalpha (image)) * VIPS_IMAGE_SIZEOF_ELEMENT (image);
  const uint64_t decoder = pixels * (4 * samples * VIPS_IMAGE_SIZEOF_ELEMENT (image) + HEIF_BLOCKS);
  const uint64_t colours = copy + (samples == 3 ? 2 : 1) * decoded + MIN (decoder - copy, HEIF_KEPT);
  return (struct decoding){HEIF_CODE + MAX (decoder, colours) + 2 * size, HEIF_CODE + decoded};
}

/* --- TIFF --- */

enum { COMPRESSION = 259, PHOTOMETRIC = 262, ROWS = 278, STRIP_BYTES = 279, PLANAR = 284 };
enum { TILE_WIDTH = 322, TILE_HEIGHT = 323, TILE_BYTES = 325 };
enum { UNCOMPRESSED = 1, YCBCR = 6, SEPARATE = 2 };
enum { WEBP = 50001, JPEG_2000 = 34712, JPEG_2000_YCBCR = 33003, JPEG_2000_RGB = 33005 };

struct tiff {
  const uint8_t *bytes;
  uint64_t size;
  bool big_endian, wide; /* wide: BigTIFF */
};

/* 0 beyond the end. */
static uint64_t
tiff_number (const struct tiff *tiff, uint64_t at, int size)
{
  uint64_t number = 0;
  if (at > tiff->size || tiff->size - at < (uint64_t) size)
    return 0;
  for (int i = 0; i < size; i++)
    number = number << 8 | tiff->bytes[at + (tiff->big_endian ? i : size - 1 - i)];
  return number;
}

struct field {
  uint64_t at, n; /* values; 0: the field is not there */
  int size;       /* bytes of one */
};

/* A field of whole numbers in the first directory, which is the picture that libvips reads. */
static struct field
tiff_field (const struct tiff *tiff, uint64_t tag)
{
  const int word = tiff->wide ? 8 : 4, head = tiff->wide ? 8 : 2, entry = 4 + 2 * word;
  const uint64_t start = tiff_number (tiff, word, word), n = tiff_number (tiff, start, head);
  for (uint64_t i = 0; i < MIN (n, 4096); i++) {
    const uint64_t at = start + head + i * entry, type = tiff_number (tiff, at + 2, 2);
    if (tiff_number (tiff, at, 2) != tag)
      continue;
    struct field field = {.n = tiff_number (tiff, at + 4, word), .size = type == 3 ? 2 : type == 16 ? 8 : 4};
    field.at = field.n <= (uint64_t) (word / field.size) ? at + 4 + word : tiff_number (tiff, at + 4 + word, word);
    return field;
  }
  return (struct field){0};
}

static uint64_t
tiff_value (const struct tiff *tiff, uint64_t tag, uint64_t fallback)
{
  const struct field field = tiff_field (tiff, tag);
  return field.n ? tiff_number (tiff, field.at, field.size) : fallback;
}

/* libtiff reads what is large in steps of 1, 10, 100 ... MiB, before each of which its buffer may have to be copied
 * into a larger one (TIFFReadAndRealloc): bytes of the last that is copied. */
static uint64_t
tiff_copied (uint64_t bytes)
{
  uint64_t before = 0;
  for (uint64_t step = 1 << 20; before + step < bytes; step *= 10)
    before += step;
  return before;
}

/* Bytes of the largest compressed strip or tile, which libtiff reads as a whole, and what that takes. */
static uint64_t
tiff_compressed (const struct tiff *tiff, uint64_t tag)
{
  const struct field field = tiff_field (tiff, tag);
  uint64_t most = 0;
  if (tiff_value (tiff, COMPRESSION, UNCOMPRESSED) == UNCOMPRESSED)
    return 0;
  if (!field.n || field.n > tiff->size / field.size)
    most = tiff->size;
  for (uint64_t i = 0; most < tiff->size && i < field.n; i++)
    most = MAX (most, tiff_number (tiff, field.at + i * field.size, field.size));
  most = MIN (most, tiff->size);
  return most + tiff_copied (most);
}

/* Whether libtiff's codec has a decoded strip or tile of its own beside the one that it is asked for. */
static bool
tiff_decodes_whole (const struct tiff *tiff)
{
  const uint64_t codec = tiff_value (tiff, COMPRESSION, UNCOMPRESSED);
  return codec == WEBP || codec == JPEG_2000 || codec == JPEG_2000_YCBCR || codec == JPEG_2000_RGB;
}

/* libvips keeps two rows of tiles and one tile more, libtiff has one. */
static uint64_t
tiff_tiles (const struct tiff *tiff, VipsImage *image, uint64_t width, uint64_t height)
{
  const uint64_t tile = MIN (width, 65536) * MIN (height, 65536) * VIPS_IMAGE_SIZEOF_PEL (image);
  const uint64_t kept = 2 * (1 + image->Xsize / width) * tile;
  const int decoded = tiff_decodes_whole (tiff) ? 2 : 1;
  return MIN (kept, VIPS_IMAGE_SIZEOF_IMAGE (image)) + decoded * tile + tiff_compressed (tiff, TILE_BYTES);
}

/* Large strips are read line by line where libtiff can; else libvips keeps two and one is decoded. */
static uint64_t
tiff_strips (const struct tiff *tiff, VipsImage *image)
{
  const uint64_t rows = MIN (tiff_value (tiff, ROWS, UINT32_MAX), (uint64_t) image->Ysize);
  const bool lines = tiff_value (tiff, PHOTOMETRIC, 0) != YCBCR && tiff_value (tiff, PLANAR, 1) != SEPARATE;
  const uint64_t kept = lines || rows <= TIFF_LINES ? 0 : MIN (3 * rows, rows + image->Ysize);
  const uint64_t decoded = tiff_decodes_whole (tiff) ? rows : 0;
  return (kept + decoded) * VIPS_IMAGE_SIZEOF_LINE (image) + tiff_compressed (tiff, STRIP_BYTES);
}

struct decoding
decoding_tiff (VipsImage *image, const char *path)
{
  g_autoptr (GMappedFile) file = g_mapped_file_new (path, FALSE, NULL);
  const uint8_t *bytes = file ? (const uint8_t *) g_mapped_file_get_contents (file) : NULL;
  const uint64_t size = file ? g_mapped_file_get_length (file) : 0;
  if (!bytes || size < 8)
    return (struct decoding){.rows = 2 * VIPS_IMAGE_SIZEOF_IMAGE (image)};
  const struct tiff tiff = {bytes, size, bytes[0] == 'M', bytes[2] == '+' || bytes[3] == '+'};
  const uint64_t width = tiff_value (&tiff, TILE_WIDTH, 0), height = tiff_value (&tiff, TILE_HEIGHT, 0);
  return (struct decoding){.rows =
                             width && height ? tiff_tiles (&tiff, image, width, height) : tiff_strips (&tiff, image)};
}
