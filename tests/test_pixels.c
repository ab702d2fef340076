/* SPDX-License-Identifier: Apache-2.0
 *
 * Pixels in memory: scaling, cutting, sheets; bitmaps for training and their samples; loading from many threads. */
#include <math.h>
#include <string.h>

#include "image/bitmap.h"
#include "image/pixels.h"
#include "image/vips.h"
#include "image_fixture.h"

#define TEST_SUITE "pixels"

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
  g_assert_cmpfloat (sheet->rgb[3], ==, 1); /* the line between */
  g_assert_cmpfloat (sheet->rgb[4], ==, cells[1][0]);
  g_assert_cmpfloat (sheet->rgb[56 + 4 * 7 + 6], ==, cells[3][6 + 3 + 2]); /* green, second row of cell 3 */
  g_assert_cmpfloat (sheet->rgb[6 * 7 + 6], ==, 1);                        /* the missing sixth */
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
    if (!bitmap || bitmap->height != 50 || !picture || picture->bits != 16 || !heif)
      return "a load went wrong";
    if (bitmap_load (broken, 50, 0, &error))
      return "a broken file was loaded";
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
  g_assert_false (vips_vector_isenabled ()); /* liborc under libvips is not safe here: it crashed once in some thousand loads */
}

int
main (int argc, char **argv)
{
  static const struct test tests[] = {
    TEST (resize), TEST (crop_and_sheet), TEST (bitmap), TEST (sample), TEST (threads),
  };
  return run_tests (argc, argv, tests, G_N_ELEMENTS (tests));
}
