/* SPDX-License-Identifier: Apache-2.0
 *
 * IDX files: plain and compressed, what is written here byte by byte and what others wrote; and what must be
 * refused. */
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "format/idx.h"
#include "impasto/error.h"
#include "process.h"

static const uint8_t images[] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 5, 6, 7, 250, 251, 252};

/* By GLib's gzip. */
static uint8_t *
compress (const void *data, size_t size, size_t *packed)
{
  g_autoptr (GZlibCompressor) gzip = g_zlib_compressor_new (G_ZLIB_COMPRESSOR_FORMAT_GZIP, 9);
  uint8_t *out = g_malloc (size + 100);
  gsize read;

  g_assert_cmpint (g_converter_convert (G_CONVERTER (gzip), data, size, out, size + 100, G_CONVERTER_INPUT_AT_END,
                                        &read, packed, NULL),
                   ==, G_CONVERTER_FINISHED);
  return out;
}

static void
check_images (const void *data, size_t size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (tensor) tensor = idx_parse (data, size, "FILE", &error);

  g_assert_no_error (error);
  g_assert_true (shape_equal (&tensor->shape, &SHAPE (2, 1, 3)) && tensor->dtype == DTYPE_U8);
  g_assert_cmpmem (tensor->data, tensor->size, images + 16, 6);
  g_assert_true (idx_matches (data, size));
}

static void
test_good (void)
{
  size_t size;
  g_autofree uint8_t *packed = compress (images, sizeof images, &size);

  check_images (images, sizeof images);
  check_images (packed, size);
  g_assert_false (idx_matches ("\x89PNG", 4));
}

static void
refused (const void *data, size_t size, const char *text)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (idx_parse (data, size, "FILE", &error));
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT);
  if (!strstr (error->message, text) || !g_str_has_prefix (error->message, "FILE is not a good IDX file: "))
    g_error ("the message should say \"%s\": %s", text, error->message);
}

/* The images with one byte of the header changed. */
static void
refused_with (size_t place, uint8_t byte, const char *text)
{
  uint8_t bytes[sizeof images];
  size_t size;

  memcpy (bytes, images, sizeof images);
  bytes[place] = byte;
  refused (bytes, sizeof bytes, text);
  if (place == 0) /* then it would not be said of what is inside */
    return;
  g_autofree uint8_t *packed = compress (bytes, sizeof bytes, &size);
  refused (packed, size, text);
}

static void
test_refused (void)
{
  uint8_t longer[sizeof images + 1] = {0};
  size_t size;

  refused_with (0, 1, "does not begin like one");
  refused_with (1, 1, "does not begin like one");
  refused_with (2, 13, "not unsigned bytes");
  refused_with (3, 0, "no axes");
  refused_with (3, 7, "more than six");
  refused_with (4, 255, "cut off"); /* four thousand million pictures in 22 bytes */
  refused_with (7, 3, "cut off");
  refused_with (7, 1, "longer than it says");
  refused_with (7, 0, "empty");
  memcpy (longer, images, sizeof images);
  refused (longer, sizeof longer, "longer than it says");
  for (size_t cut = 0; cut < sizeof images; cut++)
    refused (images, cut, cut < 4 ? "does not begin like one" : "cut off");

  g_autofree uint8_t *packed = compress (images, sizeof images, &size);
  for (size_t cut = 2; cut < size; cut++)
    refused (packed, cut, "cut off");
  packed[size - 8] ^= 1;
  refused (packed, size, "compression is damaged"); /* its check sum */
}

/* Two that unpack to 64 MiB: one says more than there is, the other less; what is said of its shape costs nothing. */
static void
test_bombs (void)
{
  enum { SIZE = 64 << 20, MOST = 8 << 20 };
  static const uint8_t heads[][16] = {{0, 0, 8, 3, 0, 0, 0, 64, 0, 0, 4, 0, 0, 0, 4, 0},
                                      {0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 4, 0, 0, 0, 4, 0}};
  static const char *const texts[] = {"cut off", "longer than it says"};
  g_autofree char *path = NULL;
  const int fd = g_file_open_tmp ("impasto-XXXXXX.gz", &path, NULL);

  g_assert_true (fd >= 0 && close (fd) == 0);
  for (int k = 0; k < 2; k++) {
    size_t size;
    struct shape shape;
    uint8_t *bytes = g_malloc0 (SIZE);
    memcpy (bytes, heads[k], sizeof heads[k]);
    g_autofree uint8_t *packed = compress (bytes, SIZE, &size);
    g_free (bytes);
    packed = g_realloc (packed, size);
    g_assert_true (g_file_set_contents (path, (char *) packed, size, NULL));
    FILE *clear = fopen ("/proc/self/clear_refs", "we");
    const bool reset = clear && fputs ("5", clear) >= 0;
    if (clear)
      fclose (clear);
    const uint64_t before = process_bytes ("VmRSS:");
    refused (packed, size, texts[k]);
    g_assert_true (idx_probe (path, &shape, NULL));
    g_assert_true (shape_equal (&shape, &SHAPE (k ? 1 : 64, 1024, 1024)));
    if (reset && PROCESS_COUNTS_MEMORY)
      g_assert_cmpint (process_bytes ("VmHWM:"), <, before + MOST);
  }
  g_assert_cmpint (g_remove (path), ==, 0);
}

static void
test_files (void)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (idx_load ("/nowhere/images", &error));
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT);
  g_clear_error (&error);
  g_assert_null (idx_load (g_get_tmp_dir (), &error));
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT);
}

/* The test set of MNIST: its first labels are known to everybody who ever looked at it. */
static void
test_digits (void)
{
  static const uint8_t first[] = {7, 2, 1, 0, 4, 1, 4, 9, 5, 9};
  const char *shared = g_getenv ("IMPASTO_SHARED");
  g_autofree char *folder = shared ? g_build_filename (shared, "data", "digits", NULL)
                                   : g_test_build_filename (G_TEST_DIST, "..", "..", "shared", "data", "digits", NULL);
  g_autofree char *pictures = g_build_filename (folder, "t10k-images-idx3-ubyte.gz", NULL),
                  *labels = g_build_filename (folder, "t10k-labels-idx1-ubyte.gz", NULL);
  g_autoptr (GError) error = NULL;

  if (!g_file_test (pictures, G_FILE_TEST_EXISTS)) {
    g_test_skip ("no MNIST digits in ../shared/data/digits, nor below IMPASTO_SHARED");
    return;
  }
  g_autoptr (tensor) x = idx_load (pictures, &error);
  g_assert_no_error (error);
  g_autoptr (tensor) y = idx_load (labels, &error);
  g_assert_no_error (error);
  g_assert_true (shape_equal (&x->shape, &SHAPE (10000, 28, 28)));
  g_assert_true (shape_equal (&y->shape, &SHAPE (10000)));
  g_assert_cmpmem (y->data, sizeof first, first, sizeof first);
  double sum = 0;
  for (size_t i = 0; i < x->size; i++)
    sum += ((uint8_t *) x->data)[i] / 255.0;
  g_assert_cmpfloat (fabs (sum / (double) x->size - 0.1325), <, 5e-4); /* the published mean */
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/idx/good", test_good);
  g_test_add_func ("/idx/refused", test_refused);
  g_test_add_func ("/idx/bombs", test_bombs);
  g_test_add_func ("/idx/files", test_files);
  g_test_add_func ("/idx/digits", test_digits);
  return g_test_run ();
}
