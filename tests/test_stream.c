/* SPDX-License-Identifier: Apache-2.0
 *
 * Pictures as rows: what a stream reads and saves is what picture_load and picture_save do, in every orientation, depth
 * and format; areas; stores on disk. */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "image/pixels.h"
#include "image/stream.h"
#include "image_fixture.h"

#define TEST_SUITE "stream"

/* All rows of @source, @n at a time. */
static struct picture *
collect (const struct row_source *source, int n)
{
  g_autoptr (GError) error = NULL;
  struct picture *picture = picture_new (source->width, source->height, source->planes == 4, NULL);
  int64_t w = source->width, plane = w * source->height;
  g_autofree float *rows = g_new (float, source->planes *n *w);
  for (int y = 0; y < source->height; y += n) {
    int count = MIN (n, source->height - y);
    if (!source->read (source->data, y, count, rows, n * w, &error))
      g_error ("%s", error->message);
    for (int c = 0; c < source->planes; c++)
      memcpy ((c == 3 ? picture->alpha : picture->rgb + c * plane) + y * w, rows + c * n * w,
              count * w * sizeof (float));
  }
  return picture;
}

static void
same (const struct picture *a, const struct picture *b, double tolerance)
{
  int64_t n = (int64_t) a->width * a->height;
  g_assert_cmpint (a->width, ==, b->width);
  g_assert_cmpint (a->height, ==, b->height);
  g_assert_cmpint (a->alpha != NULL, ==, b->alpha != NULL);
  g_assert_cmpfloat (worst_difference (a->rgb, b->rgb, 3 * n), <=, tolerance);
  if (a->alpha)
    g_assert_cmpfloat (worst_difference (a->alpha, b->alpha, n), <=, tolerance);
}

static void
check_stream (const char *path, double tolerance)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (picture) whole = load (path);
  g_autoptr (stream) stream = stream_open (path, 0, 0, 0, &error);
  g_assert_no_error (error);
  struct row_source source = stream_source (stream), colours = stream_colours (stream);
  g_autoptr (picture) once = collect (&source, 1), again = collect (&source, 50);
  g_autoptr (picture) rgb = collect (&colours, 7);
  same (once, whole, tolerance);
  same (again, whole, tolerance);
  g_assert_cmpfloat (worst_difference (rgb->rgb, whole->rgb, 3 * (int64_t) whole->width * whole->height), <=,
                     tolerance);
  g_assert_cmpint (stream_about (stream)->bits, ==, whole->bits);
  g_assert_cmpint (stream_about (stream)->was_grey, ==, whole->was_grey);
}

static void
test_formats (void)
{
  static const char *const names[] = {"a.png", "a.jpg", "a.webp", "a.tif"};
  for (size_t i = 0; i < G_N_ELEMENTS (names); i++)
    for (int alpha = 0; alpha < 2; alpha++)
      for (int bits = 8; bits <= 16; bits += 8) {
        g_autoptr (picture) picture = make_picture (131, 97, alpha, bits);
        g_autofree char *path = file (names[i]);
        save (picture, path, NULL);
        check_stream (path, 0);
      }
}

/* The eight orientations, of a picture of more rows than a band has. */
static void
test_orientations (void)
{
  g_autoptr (picture) picture = make_picture (150, 90, true, 16);
  for (int orientation = 1; orientation <= 8; orientation++) {
    g_autofree char *path = file ("turned.tif");
    g_autoptr (GObject) image = G_OBJECT (image_of (picture));
    vips_image_set_int (VIPS_IMAGE (image), VIPS_META_ORIENTATION, orientation);
    write_image (VIPS_IMAGE (image), path);
    check_stream (path, 1 / 65000.0);
  }
}

/* Eight bits of a file are scaled as finely as sixteen. */
static void
test_scaled (void)
{
  static const int sizes[][2] = {{60, 50}, {300, 220}, {131, 40}};
  for (int kind = 0; kind < 4; kind++)
    for (int orientation = 1; orientation <= 6; orientation += 5)
      for (size_t i = 0; i < G_N_ELEMENTS (sizes); i++) {
        g_autoptr (GError) error = NULL;
        g_autoptr (picture) picture = make_picture (131, 97, kind & 1, kind & 2 ? 8 : 16);
        g_autofree char *path = file ("scaled.tif");
        g_autoptr (GObject) image = G_OBJECT (image_of (picture));
        vips_image_set_int (VIPS_IMAGE (image), VIPS_META_ORIENTATION, orientation);
        write_image (VIPS_IMAGE (image), path);
        g_autoptr (picture) upright = load (path);
        g_autoptr (picture) wanted = picture_resize (upright, sizes[i][0], sizes[i][1], NULL);
        g_autoptr (stream) stream = stream_open (path, 0, sizes[i][0], sizes[i][1], &error);
        g_assert_no_error (error);
        struct row_source source = stream_source (stream);
        g_autoptr (picture) found = collect (&source, 16);
        g_assert_cmpint (found->width, ==, sizes[i][0]);
        g_assert_cmpint (found->height, ==, sizes[i][1]);
        double worst = worst_difference (found->rgb, wanted->rgb, 3 * (int64_t) found->width * found->height);
        g_assert_cmpfloat (worst, <, kind & 1 ? 0.003 : 0.0001); /* colours that are hardly seen lose digits */
      }
}

static void
test_bad (void)
{
  g_autofree char *missing = file ("missing.png"), *whole = file ("whole.png"), *cut = file ("cut.png");
  g_autoptr (GError) error = NULL;
  g_assert_null (stream_open (missing, 0, 0, 0, &error));
  check_error (error, IMPASTO_ERROR_INPUT, missing);

  g_autoptr (picture) picture = make_picture (200, 300, false, 8);
  for (int64_t i = 0; i < 3 * 200 * 300; i++)
    picture->rgb[i] = (i * 2654435761u >> 8) % 1000 / 999.0f; /* that does not compress */
  save (picture, whole, NULL);
  g_autofree char *bytes = NULL;
  gsize size;
  g_assert_true (g_file_get_contents (whole, &bytes, &size, NULL));
  g_assert_true (g_file_set_contents (cut, bytes, size / 2, NULL));
  g_autoptr (GError) later = NULL;
  g_autoptr (stream) stream = stream_open (cut, 0, 0, 0, &later);
  bool failed = stream == NULL;
  g_autofree float *row = g_new (float, 3 * 200);
  struct row_source source = stream ? stream_source (stream) : (struct row_source){0};
  for (int y = 0; !failed && y < 300; y++)
    failed = !source.read (source.data, y, 1, row, 200, &later);
  g_assert_true (failed);
  check_error (later, IMPASTO_ERROR_INPUT, cut);
}

/* Saved from a store: the same file, pixel by pixel, and nothing else in the folder. */
static void
test_save (void)
{
  static const char *const names[] = {"s.png", "s.jpg", "s.tif"};
  for (size_t i = 0; i < G_N_ELEMENTS (names); i++)
    for (int alpha = 0; alpha < 2; alpha++)
      for (int bits = 8; bits <= 16; bits += 8) {
        g_autoptr (GError) error = NULL;
        g_autoptr (picture) picture = make_picture (130, 77, alpha, bits);
        g_autofree char *path = file (names[i]), *other = file ("other"), *from = g_strconcat (other, names[i], NULL);
        g_autoptr (row_store) store = row_store_new (130, 77, 3 + alpha, &error);
        picture->recipe = g_strdup ("how it was made");
        for (int y = 0; y < 77; y++) {
          g_assert_true (row_store_write (store, y, 0, 3, picture->rgb + y * 130, 130 * 77, &error));
          if (alpha)
            g_assert_true (row_store_write (store, y, 3, 1, picture->alpha + y * 130, 0, &error));
        }
        struct picture about = {.width = 130, .height = 77, .bits = bits, .recipe = picture->recipe};
        g_assert_true (stream_save (&about, store, path, NULL, &error));
        save (picture, from, NULL);
        g_autoptr (picture) a = load (path), b = load (from);
        same (a, b, a->bits == 16 ? 1.01 / 65535 : 1.01 / 255 + (i == 1) * 0.1); /* JPEG spreads it */
        g_assert_cmpint (a->bits, ==, b->bits);
        g_assert_cmpstr (a->recipe, ==, "how it was made");
        g_assert_cmpint (g_remove (path) | g_remove (from), ==, 0);
        g_assert_cmpuint (count_files (folder), ==, 0);
      }
}

static void
test_shrink (void)
{
  g_autoptr (picture) picture = make_picture (100, 60, false, 8);
  struct row_source source = rows_from (picture);
  g_autoptr (row_shrink) half = row_shrink_new (&source, 50, 30, NULL), odd = row_shrink_new (&source, 37, 60, NULL);
  struct row_source rows = row_shrink_source (half);
  g_autoptr (picture) a = collect (&rows, 4), twice = collect (&rows, 1);
  same (a, twice, 0);
  for (int y = 0; y < 30; y++)
    for (int x = 0; x < 50; x++) {
      const float *in = picture->rgb + 200 * y + 2 * x;
      g_assert_cmpfloat (fabs (a->rgb[50 * y + x] - (in[0] + in[1] + in[100] + in[101]) / 4), <, 1e-6);
    }
  rows = row_shrink_source (odd);
  g_autoptr (picture) b = collect (&rows, 60); /* a ramp stays one */
  for (int x = 0; x < 37; x++)
    g_assert_cmpfloat (fabs (b->rgb[37 * 30 + x] - (x + 0.5) / 37), <, 0.002);
}

/* Pixel (x, y) of a channel at another size, straight from the definition: sums over a cubic kernel, edges going on. */
static double
slow_scale (const struct picture *picture, int c, int width, int height, int x, int y)
{
  double sx = (double) picture->width / width, sy = (double) picture->height / height, sum = 0, all = 0;
  double wx = MAX (sx, 1), wy = MAX (sy, 1), at_x = (x + 0.5) * sx - 0.5, at_y = (y + 0.5) * sy - 0.5;
  for (int v = floor (at_y - 2 * wy); v <= at_y + 2 * wy; v++)
    for (int u = floor (at_x - 2 * wx); u <= at_x + 2 * wx; u++) {
      double weight = 1, t[2] = {fabs (u - at_x) / wx, fabs (v - at_y) / wy};
      for (int k = 0; k < 2; k++)
        weight *= t[k] >= 2  ? 0
                  : t[k] > 1 ? ((2.5 - 0.5 * t[k]) * t[k] - 4) * t[k] + 2
                             : (1.5 * t[k] - 2.5) * t[k] * t[k] + 1;
      int column = CLAMP (u, 0, picture->width - 1), row = CLAMP (v, 0, picture->height - 1);
      sum += weight * picture->rgb[((int64_t) c * picture->height + row) * picture->width + column];
      all += weight;
    }
  return CLAMP (sum / all, 0, 1);
}

static void
test_scale (void)
{
  static const int sizes[][2] = {{100, 60}, {141, 85}, {71, 42}, {1, 1}, {200, 7}, {13, 120}};
  g_autoptr (picture) picture = make_picture (100, 60, false, 8);
  struct row_source source = rows_from (picture);
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    int w = sizes[i][0], h = sizes[i][1];
    g_autoptr (row_scale) scale = row_scale_new (&source, w, h, NULL);
    struct row_source rows = row_scale_source (scale);
    g_autoptr (picture) once = collect (&rows, 1), again = collect (&rows, 50);
    same (once, again, 0);
    for (int c = 0; c < 3; c++)
      for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++)
          g_assert_cmpfloat_with_epsilon (once->rgb[((int64_t) c * h + y) * w + x], slow_scale (picture, c, w, h, x, y),
                                          1e-5);
    if (i == 0)
      same (once, picture, 0);
  }
}

static void
test_store (void)
{
  g_autoptr (GError) error = NULL, missing = NULL;
  g_autoptr (row_store) store = row_store_new (5, 3, 2, &error);
  float in[10] = {0, 0.25f, 1, 2, -1, 0.5f, 0.1f, 0.2f, 0.3f, 0.4f}, out[10], part[2];
  g_assert_true (row_store_write (store, 2, 0, 2, in, 5, &error));
  g_assert_true (row_store_read (store, 2, 0, 2, out, 5, &error));
  for (int i = 0; i < 10; i++)
    g_assert_cmpfloat (fabs (out[i] - CLAMP (in[i], 0, 1)), <, 1 / 65535.0);
  g_assert_true (row_store_read_part (store, 2, 1, 2, 2, part, &error));
  g_assert_cmpfloat (part[0], ==, out[7]);
  g_assert_cmpfloat (part[1], ==, out[8]);
  g_assert_true (row_store_read (store, 0, 1, 1, out, 5, &error)); /* never written */
  g_assert_cmpfloat (out[4], ==, 0);

  g_autofree char *before = g_strdup (g_getenv ("TMPDIR"));
  g_setenv ("TMPDIR", "/nonexistent", TRUE);
  g_assert_null (row_store_new (5, 3, 2, &missing));
  if (before)
    g_setenv ("TMPDIR", before, TRUE);
  else
    g_unsetenv ("TMPDIR");
  g_assert_error (missing, IMPASTO_ERROR, IMPASTO_ERROR_OUTPUT);
  g_assert_nonnull (strstr (missing->message, "TMPDIR"));
}

static const struct test tests[] = {
  TEST (formats), TEST (orientations), TEST (scaled), TEST (bad),
  TEST (save),    TEST (shrink),       TEST (scale),  TEST (store),
};

int
main (int argc, char **argv)
{
  return run_tests (argc, argv, tests, G_N_ELEMENTS (tests));
}
