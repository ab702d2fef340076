/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of pictures share, see image_fixture.h. */
#include <glib/gstdio.h>
#include <math.h>

#include "image/pixels.h"
#include "image_fixture.h"

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

struct picture *
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

double
worst_difference (const float *a, const float *b, int64_t n)
{
  double worst = 0;
  for (int64_t i = 0; i < n; i++)
    worst = fmax (worst, fabs (a[i] - b[i]));
  return worst;
}

double
mean_difference (const float *a, const float *b, int64_t n)
{
  double sum = 0;
  for (int64_t i = 0; i < n; i++)
    sum += fabs (a[i] - b[i]);
  return sum / n;
}

struct picture *
load (const char *path)
{
  g_autoptr (GError) error = NULL;
  struct picture *picture = picture_load (path, 0, &error);
  g_assert_no_error (error);
  g_assert_nonnull (picture);
  return picture;
}

void
save (const struct picture *picture, const char *path, const struct picture_save_options *options)
{
  g_autoptr (GError) error = NULL;
  const bool saved = picture_save (picture, path, options, &error);
  g_assert_no_error (error);
  g_assert_true (saved);
}

void
write_image (VipsImage *image, const char *path)
{
  if (vips_image_write_to_file (image, path, NULL) != 0)
    g_error ("%s", vips_error_buffer ());
}

VipsImage *
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
run_test (const void *data)
{
  const struct test *test = data;
  test->run ();
  empty_folder ();
}

int
run_tests (int argc, char **argv, const struct test *tests, size_t n)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_always_fatal (G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL); /* libvips warns of damaged files, unheard */
  folder_make ();

  /* The library starts libvips in its own way; the tests' direct calls come after that. */
  g_autoptr (picture) first = make_picture (1, 1, false, 8), second = picture_resize (first, 2, 2, NULL);
  g_assert_nonnull (second);

  for (size_t i = 0; i < n; i++)
    g_test_add_data_func (tests[i].path, &tests[i], run_test);
  const int status = g_test_run ();
  folder_remove ();
  return status;
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

void
write_bomb (const char *path, int width, int height)
{
  uint8_t png[] = "\x89PNG\r\n\x1a\n\0\0\0\x0dIHDRwwwwhhhh\x08\x02\0\0\0cccc\0\0\0\x0aIDAT\x78\x9c\x63\0\0\0\x02\0\x01"
                  "\0\0cccc";
  put32 (png + 16, width);
  put32 (png + 20, height);
  put32 (png + 29, png_crc (png + 12, 17));
  g_assert_true (g_file_set_contents (path, (char *) png, sizeof png - 1, NULL));
}
