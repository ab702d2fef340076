/* SPDX-License-Identifier: Apache-2.0
 *
 * Pictures: what is written is read back, in every format and depth; orientation, ICC and metadata against libvips' own
 * operations and the published formulas; every kind of bad file is one clear line. Inputs are made here. */
#include <glib/gstdio.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vips/vips.h>

#include "image/bitmap.h"
#include "image/pixels.h"
#include "image/picture.h"
#include "impasto/error.h"

static char *folder; /* a temporary folder, emptied after each test */

static char *
file (const char *name)
{
  return g_build_filename (folder, name, NULL);
}

static guint
count_files (void)
{
  guint n = 0;
  GDir *dir = g_dir_open (folder, 0, NULL);
  while (g_dir_read_name (dir))
    n++;
  g_dir_close (dir);
  return n;
}

static void
empty_folder (void)
{
  GDir *dir = g_dir_open (folder, 0, NULL);
  const char *name;
  while ((name = g_dir_read_name (dir))) {
    g_autofree char *path = file (name);
    g_assert_cmpint (g_remove (path), ==, 0);
  }
  g_dir_close (dir);
}

/* Smooth colours with a bright corner, so that lossy formats come close and every turn can be told. */
static struct picture *
make_picture (int width, int height, bool alpha, int bits)
{
  struct picture *picture = picture_new (width, height, alpha, NULL);
  const int64_t n = (int64_t) width * height;
  picture->bits = bits;
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++) {
      const int64_t i = (int64_t) y * width + x;
      picture->rgb[i] = (x + 0.5f) / width;
      picture->rgb[n + i] = (y + 0.5f) / height;
      picture->rgb[2 * n + i] = x < width / 3 && y < height / 3 ? 0.9f : 0.2f;
      if (alpha)
        picture->alpha[i] = 1.0f - 0.5f * (y + 0.5f) / height;
    }
  return picture;
}

static double
worst_difference (const float *a, const float *b, int64_t n)
{
  double worst = 0;
  for (int64_t i = 0; i < n; i++)
    worst = fmax (worst, fabs (a[i] - b[i]));
  return worst;
}

static double
mean_difference (const float *a, const float *b, int64_t n)
{
  double sum = 0;
  for (int64_t i = 0; i < n; i++)
    sum += fabs (a[i] - b[i]);
  return sum / n;
}

static struct picture *
load (const char *path)
{
  g_autoptr (GError) error = NULL;
  struct picture *picture = picture_load (path, 0, &error);
  g_assert_no_error (error);
  g_assert_nonnull (picture);
  return picture;
}

static void
save (const struct picture *picture, const char *path, const struct picture_save_options *options)
{
  g_autoptr (GError) error = NULL;
  const bool saved = picture_save (picture, path, options, &error);
  g_assert_no_error (error);
  g_assert_true (saved);
}

/* One line, of the right kind, that names the file. */
static void
check_error (GError *error, int code, const char *path)
{
  g_assert_error (error, IMPASTO_ERROR, code);
  g_assert_null (strchr (error->message, '\n'));
  g_autofree char *name = g_path_get_basename (path);
  g_assert_nonnull (strstr (error->message, name));
  g_assert_cmpuint (strlen (error->message), <, 400);
}

static void
refuse (const char *path, const char *words)
{
  g_autoptr (GError) error = NULL, probe_error = NULL, bitmap_error = NULL;
  struct picture_info info;
  g_assert_null (picture_load (path, 0, &error));
  check_error (error, IMPASTO_ERROR_INPUT, path);
  g_assert_nonnull (strstr (error->message, words));
  g_assert_false (picture_probe (path, 0, &info, &probe_error));
  check_error (probe_error, IMPASTO_ERROR_INPUT, path);
  g_assert_null (bitmap_load (path, 64, 0, &bitmap_error));
  check_error (bitmap_error, IMPASTO_ERROR_INPUT, path);
}

struct format_case {
  const char *extension;
  bool alpha;
  int deep;     /* bits that a 16-bit sample keeps */
  double mean;  /* mean error allowed, 8 bit */
};

static const struct format_case format_cases[] = {
  {"png", true, 16, 0.5 / 255},  {"jpg", false, 8, 0.02}, {"jpeg", false, 8, 0.02}, {"webp", true, 8, 0.02},
  {"tif", true, 16, 0.5 / 255},  {"tiff", true, 16, 0.5 / 255}, {"avif", true, 12, 0.02}, {"heic", true, 12, 0.02},
};

static void
round_trip (const struct format_case *c, int width, int height, bool alpha, int bits)
{
  g_autofree char *name = g_strdup_printf ("a.%s", c->extension), *path = file (name);
  g_autoptr (picture) picture = make_picture (width, height, alpha, bits);
  save (picture, path, NULL);

  struct picture_info info;
  g_assert_true (picture_probe (path, 0, &info, NULL));
  g_assert_cmpint (info.width, ==, width);
  g_assert_cmpint (info.height, ==, height);
  g_assert_cmpint (info.alpha, ==, alpha && c->alpha);

  g_autoptr (picture) again = load (path);
  g_assert_cmpint (again->width, ==, width);
  g_assert_cmpint (again->height, ==, height);
  g_assert_cmpint (again->bits, ==, bits == 16 && c->deep > 8 ? 16 : 8);
  g_assert_cmpint (info.bits, ==, again->bits);
  g_assert_false (again->was_grey);
  const int64_t n = (int64_t) width * height;
  if (alpha && !c->alpha) { /* flattened onto white */
    for (int64_t i = 0; i < 3 * n; i++)
      picture->rgb[i] = 1 - picture->alpha[i % n] * (1 - picture->rgb[i]);
    g_assert_null (again->alpha);
  }
  const bool lossless = c->mean < 0.01;
  const double step = bits == 16 && c->deep == 16 ? 0.51 / 65535 : 0.51 / 255;
  if (lossless)
    g_assert_cmpfloat (worst_difference (picture->rgb, again->rgb, 3 * n), <, step);
  else
    g_assert_cmpfloat (mean_difference (picture->rgb, again->rgb, 3 * n), <, n < 16 ? 0.1 : c->mean);
  if (alpha && c->alpha)
    g_assert_cmpfloat (worst_difference (picture->alpha, again->alpha, n), <, lossless ? step : 0.03);
}

static void
test_round_trip (void)
{
  for (size_t i = 0; i < G_N_ELEMENTS (format_cases); i++)
    for (int bits = 8; bits <= 16; bits += 8)
      for (int alpha = 0; alpha < 2; alpha++) {
        g_test_message ("%s, %d bits, alpha %d", format_cases[i].extension, bits, alpha);
        round_trip (&format_cases[i], 61, 37, alpha, bits);
      }
}

static void
test_one_pixel (void)
{
  for (size_t i = 0; i < G_N_ELEMENTS (format_cases); i++) {
    g_test_message ("%s", format_cases[i].extension);
    round_trip (&format_cases[i], 1, 1, false, 8);
    round_trip (&format_cases[i], 1, 3, false, 8);
    round_trip (&format_cases[i], 5, 1, true, 8);
  }
}

/* Twelve bits through AVIF are better than eight could be. */
static void
test_deep_avif (void)
{
  g_autofree char *path = file ("a.avif");
  g_autoptr (picture) picture = picture_new (64, 64, false, NULL);
  for (int i = 0; i < 3 * 64 * 64; i++)
    picture->rgb[i] = 100.5f / 255;
  picture->bits = 16;
  save (picture, path, &(struct picture_save_options){.quality = 100});
  g_autoptr (picture) again = load (path);
  g_assert_cmpfloat (mean_difference (picture->rgb, again->rgb, 3 * 64 * 64), <, 0.2 / 255);
}

static void
write_image (VipsImage *image, const char *path)
{
  if (vips_image_write_to_file (image, path, NULL) != 0)
    g_error ("%s", vips_error_buffer ());
}

/* A libvips image of a picture; with 8 or 16 bits. */
static VipsImage *
image_of (const struct picture *picture)
{
  g_autofree char *path = file ("oracle.png");
  save (picture, path, NULL);
  VipsImage *image = vips_image_new_from_file (path, NULL);
  VipsImage *memory = vips_image_copy_memory (image);
  g_object_unref (image);
  g_assert_cmpint (g_unlink (path), ==, 0);
  return memory;
}

static void
assert_equal_image (const struct picture *picture, VipsImage *image)
{
  g_assert_cmpint (picture->width, ==, image->Xsize);
  g_assert_cmpint (picture->height, ==, image->Ysize);
  size_t size;
  g_autofree uint8_t *bytes = vips_image_write_to_memory (image, &size);
  const int64_t n = (int64_t) picture->width * picture->height;
  for (int64_t i = 0; i < n; i++)
    for (int c = 0; c < 3; c++)
      g_assert_cmpint (lrintf (picture->rgb[c * n + i] * 255), ==, bytes[i * image->Bands + c]);
}

/* libvips' autorot is the oracle, for the loader, the bitmap and picture_turn. */
static void
test_orientation (void)
{
  g_autofree char *path = file ("turned.tif"), *jpeg = file ("turned.jpg");
  g_autoptr (picture) picture = make_picture (37, 22, false, 8);
  VipsImage *image = image_of (picture);
  for (int orientation = 1; orientation <= 8; orientation++) {
    g_test_message ("orientation %d", orientation);
    VipsImage *turned, *upright;
    vips_copy (image, &turned, NULL);
    vips_image_set_int (turned, VIPS_META_ORIENTATION, orientation);
    write_image (turned, path);
    write_image (turned, jpeg);
    g_assert_cmpint (vips_autorot (turned, &upright, NULL), ==, 0);

    g_autoptr (picture) loaded = load (path), from_jpeg = load (jpeg);
    assert_equal_image (loaded, upright);
    g_assert_cmpint (from_jpeg->width, ==, upright->Xsize);
    g_assert_cmpfloat (mean_difference (loaded->rgb, from_jpeg->rgb, 3 * 37 * 22), <, 0.03);
    g_autoptr (picture) by_turn = picture_turn (picture, orientation, NULL);
    assert_equal_image (by_turn, upright);

    struct picture_info info;
    g_assert_true (picture_probe (jpeg, 0, &info, NULL));
    g_assert_cmpint (info.width, ==, upright->Xsize);
    g_assert_cmpint (info.height, ==, upright->Ysize);
    g_assert_cmpstr (info.format, ==, "JPEG");

    g_autoptr (bitmap) bitmap = bitmap_load (path, 0, 0, NULL);
    g_assert_cmpint (bitmap->width, ==, loaded->width);
    for (int i = 0; i < 37 * 22; i++)
      for (int c = 0; c < 3; c++)
        g_assert_cmpint (bitmap->rgb[3 * i + c], ==, lrintf (255 * loaded->rgb[c * 37 * 22 + i]));

    save (loaded, jpeg, NULL); /* saved again it must not turn again */
    g_autoptr (picture) twice = load (jpeg);
    g_assert_cmpint (twice->width, ==, upright->Xsize);
    g_assert_cmpfloat (mean_difference (loaded->rgb, twice->rgb, 3 * 37 * 22), <, 0.03);
    g_object_unref (turned);
    g_object_unref (upright);
  }
  g_object_unref (image);
}

/* Saves an image of one colour; @values in the samples' own units. */
static void
write_colour (const char *path, int bands, VipsBandFormat format, VipsInterpretation interpretation,
              const double *values, const char *profile)
{
  VipsImage *black, *coloured, *cast, *image;
  double ones[5] = {1, 1, 1, 1, 1};
  vips_black (&black, 20, 12, "bands", bands, NULL);
  vips_linear (black, &coloured, ones, values, bands, NULL);
  vips_cast (coloured, &cast, format, NULL);
  vips_copy (cast, &image, "interpretation", interpretation, NULL);
  if (profile) {
    VipsBlob *blob = NULL;
    size_t size;
    g_assert_cmpint (vips_profile_load (profile, &blob, NULL), ==, 0);
    const void *data = vips_blob_get (blob, &size);
    vips_image_set_blob_copy (image, VIPS_META_ICC_NAME, data, size);
    vips_area_unref (VIPS_AREA (blob));
  }
  write_image (image, path);
  g_object_unref (black);
  g_object_unref (coloured);
  g_object_unref (cast);
  g_object_unref (image);
}

static void
assert_colour (const struct picture *picture, double r, double g, double b, double tolerance)
{
  const int64_t n = (int64_t) picture->width * picture->height;
  for (int64_t i = 0; i < n; i += n - 1) {
    g_assert_cmpfloat_with_epsilon (picture->rgb[i], r, tolerance);
    g_assert_cmpfloat_with_epsilon (picture->rgb[n + i], g, tolerance);
    g_assert_cmpfloat_with_epsilon (picture->rgb[2 * n + i], b, tolerance);
  }
}

static void
test_kinds (void)
{
  g_autofree char *png = file ("a.png"), *tif = file ("a.tif"), *jpg = file ("a.jpg");

  write_colour (png, 1, VIPS_FORMAT_UCHAR, VIPS_INTERPRETATION_B_W, (double[]){51}, NULL);
  g_autoptr (picture) grey = load (png);
  g_assert_true (grey->was_grey);
  g_assert_null (grey->alpha);
  assert_colour (grey, 0.2, 0.2, 0.2, 1e-6);

  write_colour (png, 2, VIPS_FORMAT_USHORT, VIPS_INTERPRETATION_GREY16, (double[]){13107, 26214}, NULL);
  g_autoptr (picture) grey_alpha = load (png);
  g_assert_true (grey_alpha->was_grey);
  g_assert_cmpint (grey_alpha->bits, ==, 16);
  assert_colour (grey_alpha, 0.2, 0.2, 0.2, 1e-5);
  g_assert_cmpfloat_with_epsilon (grey_alpha->alpha[7], 0.4, 1e-5);

  write_colour (tif, 4, VIPS_FORMAT_UCHAR, VIPS_INTERPRETATION_CMYK, (double[]){0, 0, 0, 0}, NULL);
  g_autoptr (picture) paper = load (tif);
  g_assert_null (paper->alpha);
  assert_colour (paper, 1, 1, 1, 0.02);
  write_colour (jpg, 4, VIPS_FORMAT_UCHAR, VIPS_INTERPRETATION_CMYK, (double[]){0, 255, 255, 0}, NULL);
  g_autoptr (picture) ink = load (jpg);
  assert_colour (ink, 0.92, 0.06, 0.10, 0.08); /* process red, between SWOP (237,28,36) and FOGRA (227,6,19) */
  write_colour (jpg, 4, VIPS_FORMAT_UCHAR, VIPS_INTERPRETATION_CMYK, (double[]){0, 255, 255, 0}, "cmyk");
  g_autoptr (picture) tagged = load (jpg);
  g_assert_cmpfloat (worst_difference (ink->rgb, tagged->rgb, 3 * 20 * 12), <, 0.01);
}

static void
test_palette (void)
{
  g_autofree char *path = file ("a.png");
  g_autoptr (picture) picture = make_picture (30, 20, false, 8);
  for (int i = 0; i < 3 * 600; i++)
    picture->rgb[i] = roundf (picture->rgb[i]); /* at most eight colours */
  VipsImage *image = image_of (picture);
  g_assert_cmpint (vips_pngsave (image, path, "palette", TRUE, "dither", 0.0, NULL), ==, 0);
  g_object_unref (image);
  g_autoptr (picture) again = load (path);
  g_assert_cmpfloat (worst_difference (picture->rgb, again->rgb, 3 * 600), <, 0.02);
}

static double
to_linear (double v)
{
  return v <= 0.04045 ? v / 12.92 : pow ((v + 0.055) / 1.055, 2.4);
}

static double
to_encoded (double v)
{
  return v <= 0.0031308 ? 12.92 * v : 1.055 * pow (v, 1 / 2.4) - 0.055;
}

/* Display P3 has sRGB's curve and white; between the primaries lies this matrix. */
static void
test_profile (void)
{
  const double matrix[3][3] = {
    {1.2249401763, -0.2249401763, 0.0},
    {-0.0420569547, 1.0420569547, 0.0},
    {-0.0196375546, -0.0786360456, 1.0982736001},
  };
  g_autofree char *path = file ("a.png"), *out = file ("b.png");
  const double colours[][3] = {{128, 128, 128}, {150, 110, 90}, {60, 140, 80}, {70, 80, 170}};
  for (size_t i = 0; i < G_N_ELEMENTS (colours); i++) {
    double srgb[3];
    for (int r = 0; r < 3; r++) {
      double sum = 0;
      for (int c = 0; c < 3; c++)
        sum += matrix[r][c] * to_linear (colours[i][c] / 255);
      srgb[r] = fmax (to_encoded (sum), 0);
    }
    write_colour (path, 3, VIPS_FORMAT_UCHAR, VIPS_INTERPRETATION_sRGB, colours[i], "p3");
    g_autoptr (picture) picture = load (path);
    g_assert_cmpint (picture->bits, ==, 8);
    assert_colour (picture, srgb[0], srgb[1], srgb[2], 1.0 / 255);
    g_autoptr (bitmap) bitmap = bitmap_load (path, 0, 0, NULL);
    for (int c = 0; c < 3; c++)
      g_assert_cmpfloat_with_epsilon (bitmap->rgb[c] / 255.0, srgb[c], 2.0 / 255);

    save (picture, out, NULL); /* tagged sRGB: reading it again changes nothing */
    g_autoptr (picture) again = load (out);
    g_assert_cmpfloat (worst_difference (picture->rgb, again->rgb, 3 * 20 * 12), <, 0.51 / 255);
    VipsImage *image = vips_image_new_from_file (out, NULL);
    g_assert_true (vips_image_get_typeof (image, VIPS_META_ICC_NAME));
    g_object_unref (image);
  }
  const double plain[] = {10, 100, 200};
  write_colour (path, 3, VIPS_FORMAT_UCHAR, VIPS_INTERPRETATION_sRGB, plain, "cmyk"); /* of the wrong kind */
  g_autoptr (picture) wrong = load (path);
  assert_colour (wrong, plain[0] / 255, plain[1] / 255, plain[2] / 255, 1e-6);
}

static void
test_bad_files (void)
{
  g_autofree char *missing = file ("missing.png"), *empty = file ("empty.jpg"), *text = file ("text.png");
  g_autofree char *sub = file ("folder.png"), *fifo = file ("fifo.png"), *svg = file ("drawing.svg");
  g_autofree char *tiny = file ("tiny.jpg"), *newline = file ("two\nlines.png");
  g_assert_true (g_file_set_contents (empty, "", 0, NULL));
  g_assert_true (g_file_set_contents (text, "not a picture at all", -1, NULL));
  g_assert_true (g_file_set_contents (svg, "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>", -1, NULL));
  g_assert_true (g_file_set_contents (tiny, "\xff\xd8\xff", 3, NULL));
  g_assert_cmpint (g_mkdir (sub, 0755), ==, 0);
  g_assert_cmpint (mkfifo (fifo, 0600), ==, 0);
  refuse (missing, "no such file");
  refuse (empty, "is empty");
  refuse (text, "is not a picture");
  refuse (svg, "is not a picture");
  refuse (tiny, "damaged or truncated JPEG");
  refuse (sub, "is a folder");
  refuse (fifo, "is not a regular file");
  g_autoptr (GError) error = NULL;
  g_assert_null (picture_load (newline, 0, &error));
  g_assert_null (strchr (error->message, '\n'));
}

static uint32_t
png_crc (const uint8_t *data, size_t size)
{
  uint32_t crc = 0xffffffff;
  for (size_t i = 0; i < size; i++) {
    crc ^= data[i];
    for (int k = 0; k < 8; k++)
      crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc;
}

static void
put32 (uint8_t *out, uint32_t value)
{
  for (int i = 0; i < 4; i++)
    out[i] = value >> (24 - 8 * i);
}

static void
test_bomb (void)
{
  uint8_t png[] = "\x89PNG\r\n\x1a\n\0\0\0\x0dIHDRwwwwhhhh\x08\x02\0\0\0cccc\0\0\0\x0aIDAT\x78\x9c\x63\0\0\0\x02\0\x01"
                  "\0\0cccc";
  put32 (png + 16, 100000);
  put32 (png + 20, 100000);
  put32 (png + 29, png_crc (png + 12, 17));
  g_autofree char *bomb = file ("bomb.png"), *good = file ("good.png");
  g_assert_true (g_file_set_contents (bomb, (char *) png, sizeof png - 1, NULL));
  refuse (bomb, "10000.0 megapixels");

  g_autoptr (picture) picture = make_picture (40, 25, false, 8);
  save (picture, good, NULL);
  struct picture_info info;
  g_autoptr (GError) error = NULL, load_error = NULL, bitmap_error = NULL;
  g_assert_true (picture_probe (good, 1000, &info, NULL));
  g_assert_false (picture_probe (good, 999, &info, &error));
  check_error (error, IMPASTO_ERROR_INPUT, good);
  g_assert_null (picture_load (good, 999, &load_error));
  check_error (load_error, IMPASTO_ERROR_INPUT, good);
  g_assert_null (bitmap_load (good, 10, 999, &bitmap_error));
  check_error (bitmap_error, IMPASTO_ERROR_INPUT, good);
}

/* A file that is cut anywhere is an error, unless all of its pixels were before the cut. */
static void
test_truncation (void)
{
  const char *extensions[] = {"png", "jpg", "webp", "tif", "avif", "heic"};
  g_autoptr (picture) picture = make_picture (160, 120, false, 8);
  for (int i = 0; i < 3 * 160 * 120; i++) /* texture, so that the data are longer than the header */
    picture->rgb[i] = 0.7f * picture->rgb[i] + 0.3f * (i * 2654435761u >> 24) / 255.0f;
  for (size_t i = 0; i < G_N_ELEMENTS (extensions); i++) {
    g_autofree char *name = g_strdup_printf ("whole.%s", extensions[i]), *whole = file (name);
    g_autofree char *cut_name = g_strdup_printf ("cut.%s", extensions[i]), *cut = file (cut_name);
    g_autofree char *bytes = NULL;
    size_t size;
    int refused = 0;
    save (picture, whole, NULL);
    g_autoptr (picture) expected = load (whole);
    g_assert_true (g_file_get_contents (whole, &bytes, &size, NULL));
    for (int k = 0; k < 40; k++) {
      const size_t length = k < 16 ? 1 + (size_t) k * k * 3 : 1 + (size - 2) * (k - 15) / 24;
      if (length >= size)
        continue;
      g_assert_true (g_file_set_contents (cut, bytes, length, NULL));
      g_autoptr (GError) error = NULL;
      g_autoptr (picture) loaded = picture_load (cut, 0, &error);
      if (loaded)
        g_assert_cmpfloat (worst_difference (expected->rgb, loaded->rgb, 3 * 160 * 120), ==, 0);
      else
        check_error (error, IMPASTO_ERROR_INPUT, cut);
      refused += !loaded;
    }
    g_test_message ("%s: %zu bytes, %d cuts refused", extensions[i], size, refused);
    g_assert_cmpint (refused, >=, 28); /* TIFF has its profile after the pixels */
  }
}

/* Bytes that are wrong must not crash; what comes out is a picture or one line. */
static void
test_damage (void)
{
  const char *extensions[] = {"png", "jpg", "webp", "tif", "avif"};
  g_autoptr (picture) picture = make_picture (64, 48, true, 8);
  picture->recipe = g_strdup ("{}");
  uint32_t random = 1;
  for (size_t i = 0; i < G_N_ELEMENTS (extensions); i++) {
    g_autofree char *name = g_strdup_printf ("damaged.%s", extensions[i]), *path = file (name);
    g_autofree char *bytes = NULL;
    size_t size;
    save (picture, path, NULL);
    g_assert_true (g_file_get_contents (path, &bytes, &size, NULL));
    for (int k = 0; k < 60; k++) {
      random = random * 1664525 + 1013904223;
      const size_t at = (random >> 8) % (k % 2 ? size : MIN (size, 200));
      const char old = bytes[at];
      bytes[at] = random >> 24;
      g_assert_true (g_file_set_contents (path, bytes, size, NULL));
      bytes[at] = old;
      g_autoptr (GError) error = NULL;
      g_autoptr (picture) loaded = picture_load (path, 1 << 20, &error);
      if (!loaded)
        check_error (error, IMPASTO_ERROR_INPUT, path);
    }
  }
}

static int
count_gps (const char *path)
{
  VipsImage *image = vips_image_new_from_file (path, NULL);
  g_auto (GStrv) fields = vips_image_get_fields (image);
  int n = 0;
  for (char **field = fields; *field; field++)
    n += g_str_has_prefix (*field, "exif-ifd3-");
  g_object_unref (image);
  return n;
}

static char *
get_string (const char *path, const char *field)
{
  VipsImage *image = vips_image_new_from_file (path, NULL);
  const char *text = NULL;
  if (vips_image_get_typeof (image, field))
    vips_image_get_string (image, field, &text);
  char *copy = g_strdup (text);
  g_object_unref (image);
  return copy;
}

/* The XMP packet as a string; libvips calls that of HEIC and AVIF by its media type. */
static char *
get_xmp (const char *path)
{
  VipsImage *image = vips_image_new_from_file (path, NULL);
  g_auto (GStrv) fields = vips_image_get_fields (image);
  char *xmp = NULL;
  for (char **field = fields; *field && !xmp; field++)
    if (g_str_equal (*field, VIPS_META_XMP_NAME) || g_str_has_prefix (*field, "heif-mime-")) {
      const void *blob;
      size_t size;
      g_assert_cmpint (vips_image_get_blob (image, *field, &blob, &size), ==, 0);
      xmp = g_strndup (blob, size);
    }
  g_object_unref (image);
  return xmp;
}

static void
test_metadata (void)
{
  g_autofree char *source = file ("source.jpg");
  const char *xmp = "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>"
                    "<rdf:Description tiff:Orientation='6' dc:title='Harbour'/></rdf:RDF></x:xmpmeta>";
  g_autoptr (picture) picture = make_picture (48, 32, false, 8);
  VipsImage *image = image_of (picture);
  vips_image_set_string (image, "exif-ifd0-Artist", "Somebody");
  vips_image_set_string (image, "exif-ifd3-GPSLatitude", "48/1 6/1 0/1");
  vips_image_set_string (image, "exif-ifd3-GPSLatitudeRef", "N");
  vips_image_set_int (image, VIPS_META_ORIENTATION, 6);
  vips_image_set_blob_copy (image, VIPS_META_XMP_NAME, xmp, strlen (xmp));
  vips_image_set_blob_copy (image, "jpeg-thumbnail-data", "thumbnail of the photograph", 27);
  write_image (image, source);
  g_object_unref (image);
  g_assert_cmpint (count_gps (source), >, 0);

  const char *recipe = "{\"style\": \"a <b> & 'c'\",\n\t\"\xc3\xa9\": \"]]>\"}";
  const char *extensions[] = {"png", "jpg", "webp", "tif", "avif", "heic"};
  for (size_t i = 0; i < G_N_ELEMENTS (extensions); i++) {
    g_test_message ("%s", extensions[i]);
    g_autofree char *name = g_strdup_printf ("out.%s", extensions[i]), *path = file (name);
    g_autoptr (picture) loaded = load (source), painted = make_picture (32, 48, false, 8);
    g_assert_null (loaded->recipe);
    picture_keep_meta (painted, loaded);
    painted->recipe = g_strdup (recipe);
    save (painted, path, NULL);

    g_autoptr (picture) again = load (path);
    g_assert_cmpstr (again->recipe, ==, recipe);
    g_assert_cmpint (again->width, ==, 32); /* upright already */
    g_assert_cmpint (count_gps (path), ==, 0);
    g_autofree char *bytes = NULL, *artist = get_string (path, "exif-ifd0-Artist"), *packet = get_xmp (path);
    size_t size;
    g_assert_true (g_file_get_contents (path, &bytes, &size, NULL));
    g_assert_nonnull (strstr (packet, "Harbour"));
    g_assert_nonnull (strstr (packet, "tiff:Orientation='1'"));
    g_assert_null (memmem (bytes, size, "thumbnail of", 12));
    if (!g_str_equal (extensions[i], "tif")) /* libvips writes no EXIF into TIFF */
      g_assert_true (g_str_has_prefix (artist, "Somebody"));

    g_clear_pointer (&again->recipe, g_free);
    again->recipe = g_strdup ("second");
    save (again, path, NULL); /* the recipe is replaced, not added */
    g_autoptr (picture) third = load (path);
    g_assert_cmpstr (third->recipe, ==, "second");

    save (loaded, path, &(struct picture_save_options){.keep_gps = true});
    if (!g_str_equal (extensions[i], "tif"))
      g_assert_cmpint (count_gps (path), >, 0);
    g_autoptr (picture) without = load (path);
    g_assert_null (without->recipe);
  }
}

/* A place may be in the XMP as well. */
static void
test_xmp_gps (void)
{
  g_autofree char *source = file ("source.png"), *out = file ("out.png");
  const char *xmp = "<x:xmpmeta><rdf:RDF><rdf:Description exif:GPSLatitude='48,6N'/></rdf:RDF></x:xmpmeta>";
  g_autoptr (picture) picture = make_picture (8, 8, false, 8);
  VipsImage *image = image_of (picture);
  vips_image_set_blob_copy (image, VIPS_META_XMP_NAME, xmp, strlen (xmp));
  write_image (image, source);
  g_object_unref (image);
  g_autoptr (picture) loaded = load (source);
  save (loaded, out, NULL);
  g_assert_null (get_xmp (out));
  save (loaded, out, &(struct picture_save_options){.keep_gps = true});
  g_autofree char *kept = get_xmp (out);
  g_assert_cmpstr (kept, ==, xmp);
}

static void
refuse_save (const struct picture *picture, const char *path, const struct picture_save_options *options, int code)
{
  const guint before = count_files ();
  g_autoptr (GError) error = NULL;
  g_assert_false (picture_save (picture, path, options, &error));
  check_error (error, code, path);
  g_assert_cmpuint (count_files (), ==, before);
}

static void
test_bad_saves (void)
{
  g_autoptr (picture) picture = make_picture (300, 200, false, 8);
  g_autofree char *unknown = file ("a.bmp"), *none = file ("a"), *good = file ("a.png"), *sub = file ("sub.png");
  g_autofree char *nowhere = file ("no/such/folder.png"), *bytes = NULL, *after = NULL;
  refuse_save (picture, unknown, NULL, IMPASTO_ERROR_USAGE);
  refuse_save (picture, none, NULL, IMPASTO_ERROR_USAGE);
  refuse_save (picture, nowhere, NULL, IMPASTO_ERROR_OUTPUT);
  refuse_save (picture, good, &(struct picture_save_options){.quality = 101}, IMPASTO_ERROR_USAGE);
  refuse_save (picture, good, &(struct picture_save_options){.bits = 12}, IMPASTO_ERROR_USAGE);
  g_assert_cmpint (g_mkdir (sub, 0755), ==, 0);
  refuse_save (picture, sub, NULL, IMPASTO_ERROR_OUTPUT);

  size_t size, after_size;
  save (picture, good, NULL);
  g_assert_true (g_file_get_contents (good, &bytes, &size, NULL));
  const float bad[] = {NAN, INFINITY, -INFINITY};
  for (int i = 0; i < 3; i++) {
    picture->rgb[12345] = bad[i];
    refuse_save (picture, good, NULL, IMPASTO_ERROR_NUMERIC);
  }
  g_assert_true (g_file_get_contents (good, &after, &after_size, NULL)); /* the old file stands */
  g_assert_cmpmem (bytes, size, after, after_size);

  picture->rgb[12345] = 0;
  picture->recipe = g_strnfill (49 * 1024, 'x');
  refuse_save (picture, good, NULL, IMPASTO_ERROR_USAGE);
}

/* A file size limit stands for a full disk: wherever writing stops, be it before the last byte, nothing is left. */
static void
test_full_disk (void)
{
  const char *extensions[] = {"png", "jpg", "webp", "tif", "avif"};
  g_autoptr (picture) picture = make_picture (300, 200, false, 8);
  struct rlimit old, limited;
  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &old), ==, 0);
  limited = old;
  signal (SIGXFSZ, SIG_IGN);
  for (size_t i = 0; i < G_N_ELEMENTS (extensions); i++) {
    g_autofree char *name = g_strdup_printf ("full.%s", extensions[i]), *path = file (name);
    GStatBuf status;
    save (picture, path, NULL);
    g_assert_cmpint (g_stat (path, &status), ==, 0);
    g_assert_cmpint (g_unlink (path), ==, 0);
    const rlim_t limits[] = {0, 100, status.st_size / 2, status.st_size - 1};
    for (size_t k = 0; k < G_N_ELEMENTS (limits); k++) {
      g_autoptr (GError) error = NULL;
      limited.rlim_cur = limits[k];
      g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &limited), ==, 0);
      const bool saved = picture_save (picture, path, NULL, &error);
      g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &old), ==, 0);
      g_test_message ("%s, %d of %d bytes: %s", extensions[i], (int) limits[k], (int) status.st_size,
                      saved ? "saved" : error->message);
      g_assert_false (saved);
      check_error (error, IMPASTO_ERROR_OUTPUT, path);
      g_assert_cmpuint (count_files (), ==, 0);
    }
  }
}

static void
test_unwritable (void)
{
  g_autoptr (picture) picture = make_picture (8, 8, false, 8);
  g_autofree char *path = file ("a.png");
  const bool root = geteuid () == 0;
  g_assert_cmpint (g_chmod (folder, 0555), ==, 0);
  if (root && seteuid (65534) != 0) {
    g_test_skip ("cannot give up root's rights");
  } else {
    g_autoptr (GError) error = NULL;
    g_assert_false (picture_save (picture, path, NULL, &error));
    if (root)
      g_assert_cmpint (seteuid (0), ==, 0);
    check_error (error, IMPASTO_ERROR_OUTPUT, path);
    g_assert_nonnull (strstr (error->message, "Permission denied"));
  }
  g_assert_cmpint (g_chmod (folder, 0755), ==, 0);
  g_assert_cmpuint (count_files (), ==, 0);
}

static void
test_names (void)
{
  const char *names[] = {"we[ird],page=1 n\xc3\xa4me.jpg", "-o.png", "%s%n.png", "UPPER.JPG", "\xff\xfe.png"};
  g_autoptr (picture) picture = make_picture (24, 16, false, 8);
  for (size_t i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autofree char *path = file (names[i]);
    save (picture, path, NULL);
    g_autoptr (picture) again = load (path);
    g_assert_cmpint (again->width, ==, 24);
  }
  g_assert_cmpuint (count_files (), ==, G_N_ELEMENTS (names));
}

static void
test_resize (void)
{
  g_autoptr (picture) flat = picture_new (97, 61, true, NULL);
  const int64_t n = 97 * 61;
  for (int64_t i = 0; i < 3 * n; i++)
    flat->rgb[i] = 0.3f;
  for (int64_t i = 0; i < n; i++)
    flat->alpha[i] = 0.6f;
  const int sizes[][2] = {{97, 61}, {96, 60}, {31, 17}, {200, 150}, {1, 1}, {500, 3}};
  for (size_t s = 0; s < G_N_ELEMENTS (sizes); s++) {
    g_autoptr (picture) out = picture_resize (flat, sizes[s][0], sizes[s][1], NULL);
    g_assert_nonnull (out);
    g_assert_cmpint (out->width, ==, sizes[s][0]);
    g_assert_cmpint (out->height, ==, sizes[s][1]);
    for (int64_t i = 0; i < 3 * (int64_t) out->width * out->height; i++)
      g_assert_cmpfloat_with_epsilon (out->rgb[i], 0.3, 1e-3);
  }

  g_autoptr (picture) ramp = make_picture (120, 80, false, 8); /* a ramp stays the ramp, whatever its size */
  const int widths[] = {60, 47, 240};
  for (int k = 0; k < 3; k++) {
    const int w = widths[k], h = w * 2 / 3;
    g_autoptr (picture) scaled = picture_resize (ramp, w, h, NULL);
    for (int y = h / 8; y < h - h / 8; y++)
      for (int x = w / 8; x < w - w / 8; x++) {
        g_assert_cmpfloat_with_epsilon (scaled->rgb[y * w + x], (x + 0.5) / w, 0.006);
        g_assert_cmpfloat_with_epsilon (scaled->rgb[w * h + y * w + x], (y + 0.5) / h, 0.006);
      }
  }

  g_autoptr (picture) cutout = picture_new (64, 64, true, NULL); /* red on transparent green: no green may appear */
  for (int i = 0; i < 64 * 64; i++) {
    const bool inside = i % 64 > 20 && i % 64 < 43;
    cutout->rgb[i] = inside;
    cutout->rgb[64 * 64 + i] = !inside;
    cutout->alpha[i] = inside;
  }
  g_autoptr (picture) small = picture_resize (cutout, 23, 23, NULL);
  for (int i = 0; i < 23 * 23; i++)
    if (small->alpha[i] > 0.2f)
      g_assert_cmpfloat (small->rgb[23 * 23 + i], <, 0.05);
}

static void
test_crop_and_sheet (void)
{
  g_autoptr (picture) picture = make_picture (31, 23, true, 16);
  g_autoptr (picture) part = picture_crop (picture, 5, 7, 11, 9, NULL);
  for (int c = 0; c < 3; c++)
    for (int y = 0; y < 9; y++)
      for (int x = 0; x < 11; x++)
        g_assert_cmpfloat (part->rgb[c * 99 + y * 11 + x], ==, picture->rgb[c * 713 + (y + 7) * 31 + x + 5]);
  g_assert_cmpfloat (part->alpha[12], ==, picture->alpha[8 * 31 + 6]);
  g_assert_cmpint (part->bits, ==, 16);

  float cells[5][3 * 6];
  const float *pointers[5];
  for (int i = 0; i < 5; i++) {
    pointers[i] = cells[i];
    for (int k = 0; k < 18; k++)
      cells[i][k] = (i * 18 + k) / 100.0f;
  }
  g_autoptr (picture) sheet = picture_sheet (pointers, 5, 3, 2, 2, 1, NULL); /* cells of 3x2, two a row */
  g_assert_cmpint (sheet->width, ==, 7);
  g_assert_cmpint (sheet->height, ==, 8);
  g_assert_cmpfloat (sheet->rgb[3], ==, 1);                    /* the line between */
  g_assert_cmpfloat (sheet->rgb[4], ==, cells[1][0]);
  g_assert_cmpfloat (sheet->rgb[56 + 4 * 7 + 6], ==, cells[3][6 + 3 + 2]); /* green, second row of cell 3 */
  g_assert_cmpfloat (sheet->rgb[6 * 7 + 6], ==, 1);            /* the missing sixth */
}

static void
test_bitmap (void)
{
  g_autofree char *png = file ("a.png"), *jpg = file ("a.jpg");
  g_autoptr (picture) picture = make_picture (600, 400, true, 16);
  save (picture, png, NULL);
  save (picture, jpg, NULL);
  const int sides[][3] = {{0, 600, 400}, {1000, 600, 400}, {400, 600, 400}, {97, 146, 97}, {50, 75, 50}, {1, 2, 1}};
  for (size_t i = 0; i < G_N_ELEMENTS (sides); i++) {
    g_autoptr (bitmap) a = bitmap_load (png, sides[i][0], 0, NULL), b = bitmap_load (jpg, sides[i][0], 0, NULL);
    g_assert_cmpint (a->width, ==, sides[i][1]);
    g_assert_cmpint (a->height, ==, sides[i][2]);
    g_assert_cmpint (b->width, ==, a->width);
    g_assert_cmpint (b->height, ==, a->height);
    if (a->height < 50)
      continue;
    double difference = 0;
    for (int k = 0; k < 3 * a->width * a->height; k++)
      difference += abs (a->rgb[k] - b->rgb[k]);
    g_assert_cmpfloat (difference / (3 * a->width * a->height), <, 2); /* both flattened onto white, in place */
    const float x = (a->width / 2 + 0.5f) / a->width, y = (a->height / 2 + 0.5f) / a->height;
    const float alpha = 1 - 0.5f * y;
    const uint8_t *middle = a->rgb + 3 * (a->height / 2 * a->width + a->width / 2);
    g_assert_cmpfloat_with_epsilon (middle[0] / 255.0, 1 - alpha * (1 - x), 0.02);
    g_assert_cmpfloat_with_epsilon (middle[1] / 255.0, 1 - alpha * (1 - y), 0.02);
  }
}

static void
test_sample (void)
{
  struct bitmap bitmap = {.width = 9, .height = 7, .rgb = g_malloc (9 * 7 * 3)};
  for (int i = 0; i < 9 * 7 * 3; i++)
    bitmap.rgb[i] = i;
  float out[3 * 7 * 9];
  bitmap_sample (&bitmap, &(struct bitmap_view){.x = 4.5, .y = 3.5, .scale = 1}, 9, 7, out);
  for (int i = 0; i < 63; i++)
    for (int c = 0; c < 3; c++)
      g_assert_cmpfloat_with_epsilon (out[c * 63 + i], bitmap.rgb[3 * i + c] / 255.0, 1e-6);

  bitmap_sample (&bitmap, &(struct bitmap_view){.x = 4.5, .y = 3.5, .scale = 1, .mirror = true}, 9, 7, out);
  for (int y = 0; y < 7; y++)
    for (int x = 0; x < 9; x++)
      g_assert_cmpfloat_with_epsilon (out[y * 9 + x], bitmap.rgb[3 * (y * 9 + 8 - x)] / 255.0, 1e-6);

  /* A quarter turn clockwise of the window: its right is the bitmap's down. */
  bitmap_sample (&bitmap, &(struct bitmap_view){.x = 4.5, .y = 3.5, .scale = 1, .angle = G_PI / 2}, 7, 9, out);
  for (int y = 0; y < 9; y++)
    for (int x = 0; x < 7; x++)
      g_assert_cmpfloat_with_epsilon (out[y * 7 + x], bitmap.rgb[3 * (x * 9 + 8 - y)] / 255.0, 1e-5);

  /* Far outside it is mirrored, not read out of bounds. */
  bitmap_sample (&bitmap, &(struct bitmap_view){.x = -1e4, .y = 1e4, .scale = 2, .angle = 1}, 9, 7, out);
  for (int i = 0; i < 3 * 63; i++)
    g_assert_true (out[i] >= 0 && out[i] <= 1);
  g_free (bitmap.rgb);
}

static void *
load_many (void *seed)
{
  g_autofree char *good = file ("a.jpg"), *deep = file ("b.png"), *broken = file ("c.jpg"), *avif = file ("d.avif");
  for (int i = 0; i < 30; i++) {
    g_autoptr (bitmap) bitmap = bitmap_load (good, 50, 0, NULL);
    g_autoptr (picture) picture = picture_load (deep, 0, NULL), heif = picture_load (i % 5 ? good : avif, 0, NULL);
    g_autoptr (GError) error = NULL;
    if (!bitmap || bitmap->height != 50 || !picture || picture->bits != 16 || !heif || bitmap_load (broken, 50, 0, &error))
      return "a load went wrong";
    if (!strstr (error->message, "c.jpg: damaged or truncated JPEG"))
      return "a wrong message";
  }
  return NULL;
}

static void
test_threads (void)
{
  g_autofree char *good = file ("a.jpg"), *deep = file ("b.png"), *broken = file ("c.jpg"), *avif = file ("d.avif");
  g_autofree char *bytes = NULL;
  size_t size;
  g_autoptr (picture) picture = make_picture (150, 100, false, 16);
  save (picture, good, NULL);
  save (picture, deep, NULL);
  save (picture, avif, NULL);
  g_assert_true (g_file_get_contents (good, &bytes, &size, NULL));
  g_assert_true (g_file_set_contents (broken, bytes, size / 2, NULL));
  GThread *threads[4];
  for (int i = 0; i < 4; i++)
    threads[i] = g_thread_new ("load", load_many, NULL);
  for (int i = 0; i < 4; i++)
    g_assert_cmpstr (g_thread_join (threads[i]), ==, NULL);
}

struct test {
  const char *path;
  void (*run) (void);
};

static void
run_test (const void *data)
{
  const struct test *test = data;
  test->run ();
  empty_folder ();
}

#define TEST(name) {"/image/" #name, test_##name}

int
main (int argc, char **argv)
{
  static const struct test tests[] = {
    TEST (round_trip), TEST (one_pixel), TEST (deep_avif), TEST (orientation), TEST (kinds), TEST (palette),
    TEST (profile), TEST (bad_files), TEST (bomb), TEST (truncation), TEST (damage), TEST (metadata), TEST (xmp_gps),
    TEST (bad_saves), TEST (full_disk), TEST (unwritable), TEST (names), TEST (resize), TEST (crop_and_sheet),
    TEST (bitmap), TEST (sample), TEST (threads),
  };
  g_test_init (&argc, &argv, NULL);
  g_log_set_always_fatal (G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL); /* libvips warns of damaged files, unheard */
  folder = g_dir_make_tmp ("impasto-image-XXXXXX", NULL);
  g_assert_nonnull (folder);

  /* The library starts libvips in its own way; the tests' direct calls come after that. */
  g_autoptr (picture) first = make_picture (1, 1, false, 8), second = picture_resize (first, 2, 2, NULL);
  g_assert_nonnull (second);

  for (size_t i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add_data_func (tests[i].path, &tests[i], run_test);
  const int status = g_test_run ();
  g_rmdir (folder);
  g_free (folder);
  return status;
}
