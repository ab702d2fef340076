/* SPDX-License-Identifier: Apache-2.0
 *
 * Pictures: what is written is read back, in every format and depth; orientation against libvips' own operation, colour
 * against published formulas. */
#include <math.h>

#include "image/bitmap.h"
#include "image/pixels.h"
#include "image_fixture.h"

#define TEST_SUITE "image"

struct format_case {
  const char *extension;
  bool alpha;
  int deep;    /* bits that a 16-bit sample keeps */
  double mean; /* mean error allowed, 8 bit */
};

static const struct format_case format_cases[] = {
  {"png", true, 16, 0.5 / 255}, {"jpg", false, 8, 0.02},       {"jpeg", false, 8, 0.02}, {"webp", true, 8, 0.02},
  {"tif", true, 16, 0.5 / 255}, {"tiff", true, 16, 0.5 / 255}, {"avif", true, 12, 0.02}, {"heic", true, 12, 0.02},
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

/* Floating point counts from 0 to 1; what counts otherwise is refused, not read as black or white. */
static void
test_numbers (void)
{
  static const struct {
    int bands;
    VipsBandFormat format;
    VipsInterpretation interpretation;
    double values[4];
    const char *words;
  } bad[] = {
    {1, VIPS_FORMAT_FLOAT, VIPS_INTERPRETATION_B_W, {255}, "0..1 is wanted"},
    {1, VIPS_FORMAT_FLOAT, VIPS_INTERPRETATION_B_W, {-0.5}, "0..1 is wanted"},
    {1, VIPS_FORMAT_FLOAT, VIPS_INTERPRETATION_B_W, {NAN}, "has NaN among"},
    {1, VIPS_FORMAT_FLOAT, VIPS_INTERPRETATION_B_W, {INFINITY}, "to inf, where 0..1 is wanted"},
    {3, VIPS_FORMAT_FLOAT, VIPS_INTERPRETATION_scRGB, {255, 128, 0}, "0..1 is wanted"},
    {3, VIPS_FORMAT_FLOAT, VIPS_INTERPRETATION_scRGB, {0.5, NAN, 0}, "has NaN among"},
    {3, VIPS_FORMAT_FLOAT, VIPS_INTERPRETATION_scRGB, {0.5, 1, -0.7}, "from -0.7 to 1, where 0..1 is wanted"},
    {1, VIPS_FORMAT_INT, VIPS_INTERPRETATION_B_W, {7}, "unusual kind"},
    {3, VIPS_FORMAT_UINT, VIPS_INTERPRETATION_sRGB, {7, 8, 9}, "unusual kind"},
  };
  g_autofree char *tif = file ("a.tif");

  write_colour (tif, 1, VIPS_FORMAT_FLOAT, VIPS_INTERPRETATION_B_W, (double[]){0.2}, NULL);
  g_autoptr (picture) grey = load (tif);
  g_assert_true (grey->was_grey);
  assert_colour (grey, 0.2, 0.2, 0.2, 1e-5);
  write_colour (tif, 3, VIPS_FORMAT_FLOAT, VIPS_INTERPRETATION_scRGB, (double[]){0.5, 1.5, -0.04}, NULL);
  g_autoptr (picture) light = load (tif);
  assert_colour (light, to_encoded (0.5), 1, 0, 2e-3);
  for (size_t i = 0; i < G_N_ELEMENTS (bad); i++) {
    g_autoptr (GError) error = NULL;
    write_colour (tif, bad[i].bands, bad[i].format, bad[i].interpretation, (double *) bad[i].values, NULL);
    g_assert_null (picture_load (tif, 0, &error));
    check_error (error, IMPASTO_ERROR_INPUT, tif);
    g_assert_nonnull (strstr (error->message, bad[i].words));
  }
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

int
main (int argc, char **argv)
{
  static const struct test tests[] = {
    TEST (round_trip), TEST (one_pixel), TEST (deep_avif), TEST (orientation),
    TEST (kinds),      TEST (numbers),   TEST (palette),   TEST (profile),
  };
  return run_tests (argc, argv, tests, G_N_ELEMENTS (tests));
}
