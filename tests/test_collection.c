/* SPDX-License-Identifier: Apache-2.0
 *
 * Data in classes and from IDX files: labels belong to the pictures they come with, in every batch and however it is
 * made; digits come through unchanged; a part of a collection is that part. A picture's value tells which one it is. */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <utime.h>

#include "fixture.h"
#include "image/picture.h"
#include "impasto/error.h"
#include "train/collection.h"
#include "train/dataset.h"
#include "train/inventory.h"

static void
make_folder (const char *name)
{
  g_autofree char *path = file (name);

  g_assert_cmpint (g_mkdir_with_parents (path, 0755), ==, 0);
}

/* One colour: red, green and blue in 255ths. */
static void
save_color (const char *name, int red, int green, int blue)
{
  g_autoptr (picture) picture = picture_new (20, 24, false, NULL);
  g_autofree char *path = file (name);

  for (int i = 0; i < 20 * 24; i++) {
    picture->rgb[i] = (float) red / 255;
    picture->rgb[20 * 24 + i] = (float) green / 255;
    picture->rgb[2 * 20 * 24 + i] = (float) blue / 255;
  }
  g_assert_true (picture_save (picture, path, NULL, NULL));
}

static void
save_bytes (const char *name, const void *bytes, size_t n)
{
  g_autofree char *path = file (name);

  g_assert_true (g_file_set_contents (path, bytes, (gssize) n, NULL));
}

/* An IDX file of @n pictures of 4 x 6 (wide x high), picture i of value 10 i + its place, and one of labels, n - 1 -
 * i. */
static void
save_idx (const char *folder_name, const char *start, int n)
{
  g_autofree char *pictures = g_strdup_printf ("%s/%s-images-idx3-ubyte", folder_name, start),
                  *labels = g_strdup_printf ("%s/%s-labels-idx1-ubyte", folder_name, start);
  uint8_t x[16 + 24 * 20] = {0, 0, 8, 3, 0, 0, 0, (uint8_t) n, 0, 0, 0, 6, 0, 0, 0, 4};
  uint8_t y[8 + 20] = {0, 0, 8, 1, 0, 0, 0, (uint8_t) n};

  for (int i = 0; i < n; i++) {
    for (int k = 0; k < 24; k++)
      x[16 + 24 * i + k] = (uint8_t) (10 * i + k);
    y[8 + i] = (uint8_t) (n - 1 - i);
  }
  make_folder (folder_name);
  save_bytes (pictures, x, 16 + 24 * (size_t) n);
  save_bytes (labels, y, 8 + (size_t) n);
}

static struct dataset *
open_data (const char *name, struct dataset_options options)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = file (name);

  options.seed = 7;
  options.rotation = -1;
  struct dataset *dataset = dataset_open (path, &options, &error);
  g_assert_no_error (error);
  return dataset;
}

static void
expect_error (const char *name, struct dataset_options options, const char *text)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = file (name);

  options.batch = 1;
  options.size = options.size ? options.size : 4;
  g_assert_null (dataset_open (path, &options, &error));
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT);
  if (!strstr (error->message, text) || strchr (error->message, '\n'))
    g_error ("the message should say \"%s\" in one line: %s", text, error->message);
}

/* Classes 0..3 are folders 2, 10, cat, dog; red is 20 times the class. */
static void
test_classes (void)
{
  enum { SIDE = 12, BATCH = 5, FLOATS = 3 * SIDE * SIDE, STEPS = 9 };
  static const char *const names[] = {"2", "10", "cat", "dog"};
  float x[BATCH * FLOATS], again[BATCH * FLOATS];
  int y[BATCH], y_again[BATCH], seen[4] = {0};

  for (int k = 0; k < 4; k++)
    for (int i = 0; i < 3 + k; i++) {
      g_autofree char *path = g_strdup_printf ("classes/%s/%s", names[k], i == 2 ? "deep" : "."),
                      *name = g_strdup_printf ("%s/%d.png", path, i);
      make_folder (path);
      save_color (name, 20 * k, 10 * i, 0);
    }
  make_folder ("classes/empty");
  make_folder ("classes/.hidden");
  save_color ("classes/beside.png", 255, 0, 0);
  save_bytes ("classes/cat/broken.png", "no picture", 10);

  g_autoptr (dataset) data =
    open_data ("classes", (struct dataset_options){.size = SIDE, .batch = BATCH, .classes = true});
  g_autoptr (dataset) resumed = open_data (
    "classes", (struct dataset_options){.size = SIDE, .batch = BATCH, .classes = true, .first_step = 4, .threads = 1});
  g_assert_cmpint (dataset_classes (data), ==, 4);
  for (int k = 0; k < 4; k++)
    g_assert_cmpstr (dataset_class_name (data, k), ==, names[k]);
  g_assert_cmpuint (dataset_count (data), ==, 3 + 4 + 5 + 6 + 1);
  for (uint64_t step = 0; step < STEPS; step++) {
    g_assert_true (dataset_batch_labelled (data, step, x, y, NULL));
    for (int i = 0; i < BATCH; i++) {
      g_assert_cmpint (y[i], ==, (int) rintf (x[i * FLOATS] * 255 / 20));
      seen[y[i]]++;
    }
    g_assert_true (dataset_make_labelled (data, step, again, y_again, NULL));
    g_assert_cmpmem (x, sizeof x, again, sizeof again);
    g_assert_cmpmem (y, sizeof y, y_again, sizeof y_again);
    if (step < 4)
      continue;
    g_assert_true (dataset_batch_labelled (resumed, step, again, y_again, NULL));
    g_assert_cmpmem (x, sizeof x, again, sizeof again);
    g_assert_cmpmem (y, sizeof y, y_again, sizeof y_again);
  }
  for (int k = 0; k < 4; k++) /* two epochs of 19 and a bit */
    g_assert_cmpint (seen[k], >=, 2 * (3 + k));

  g_auto (GStrv) report = dataset_report (data);
  g_autofree char *all = g_strjoinv ("\n", report);
  g_assert_cmpuint (g_strv_length (report), ==, 3);
  g_assert_nonnull (strstr (all, "classes/empty: holds no pictures"));
  g_assert_nonnull (strstr (all, "1 picture lies beside the class folders"));
  g_assert_nonnull (strstr (all, "classes/cat/broken.png: "));
  expect_error ("classes/cat/deep", (struct dataset_options){.classes = true}, "holds no folders of pictures");
}

/* Values, labels, order and parts of an IDX file; the crop of a picture that is higher than wide is its middle. */
static void
test_idx (void)
{
  enum { N = 20, SIDE = 4 };
  float x[N * SIDE * SIDE], rgb[3 * SIDE * SIDE];
  int y[N], seen[N] = {0};

  save_idx ("idx", "t10k", N);
  const struct dataset_options plain = {
    .size = SIDE, .channels = 1, .batch = N, .classes = true, .zoom = 1, .keep_handedness = true};
  g_autoptr (dataset) data = open_data ("idx", plain);
  g_assert_cmpint (dataset_classes (data), ==, N);
  g_assert_cmpstr (dataset_class_name (data, 13), ==, "13");
  g_assert_true (dataset_batch_labelled (data, 3, x, y, NULL));
  for (int k = 0; k < N; k++)
    seen[y[k]]++;
  for (int k = 0; k < N; k++)
    g_assert_cmpint (seen[k], ==, 1);

  for (guint i = 0; i < N; i++) { /* exactly the bytes: rows 1..4 of 0..5 */
    int label;
    g_assert_true (dataset_picture (data, i, x, &label, NULL));
    g_assert_cmpint (label, ==, N - 1 - (int) i);
    for (guint k = 0; k < SIDE * SIDE; k++)
      g_assert_cmpfloat (x[k], ==, (float) (uint8_t) (10 * i + 4 + k) / 255.0f);
  }

  struct dataset_options part = plain;
  part.channels = 3;
  part.first = 5;
  part.count = 3;
  g_autoptr (dataset) three = open_data ("idx/t10k-images-idx3-ubyte", part);
  g_assert_cmpuint (dataset_count (three), ==, 3);
  g_assert_true (dataset_picture (three, 2, rgb, y, NULL));
  g_assert_cmpint (y[0], ==, N - 1 - 7);
  g_assert_cmpfloat (rgb[0], ==, 74 / 255.0f);
  g_assert_cmpmem (rgb, SIDE * SIDE * sizeof *rgb, rgb + 2 * SIDE * SIDE, SIDE * SIDE * sizeof *rgb);
  g_autofree char *name = dataset_name (three, 2);
  g_assert_true (g_str_has_suffix (name, "/idx/t10k-images-idx3-ubyte picture 7"));

  expect_error ("idx", (struct dataset_options){.first = 19, .count = 2}, "holds 20 pictures, but 2 from number 19");
  expect_error ("idx", (struct dataset_options){.first = 20}, "holds 20 pictures, but 1 from number 20");
  expect_error ("idx", (struct dataset_options){.size = 9}, "4 x 6 pixels, crops of 9 want a shorter side of 5");
}

static void
test_idx_files (void)
{
  g_autofree char *labels = file ("two/a-labels-idx1-ubyte");
  const struct dataset_options labelled = {.classes = true};

  save_idx ("two", "a", 3);
  save_idx ("two", "b", 4);
  expect_error ("two", labelled, "holds several IDX files of pictures; name one of them");
  save_idx ("two", "train", 5);
  g_autoptr (dataset) train = open_data ("two", (struct dataset_options){.size = 4, .batch = 1, .classes = true});
  g_assert_cmpuint (dataset_count (train), ==, 5);
  save_bytes ("two/b-labels-idx1-ubyte", "\0\0\10\1\0\0\0\2\1\2", 10);
  expect_error ("two/b-images-idx3-ubyte", labelled, "holds labels of shape (2), its 4 pictures want one each");
  g_assert_cmpint (g_unlink (labels), ==, 0);
  expect_error ("two/a-images-idx3-ubyte", labelled, "the file of its labels is not beside it");
  expect_error ("two/train-labels-idx1-ubyte", (struct dataset_options){0}, "pictures want (number, height, width)");
}

/* One channel of a coloured picture: BT.709. */
static void
test_grey (void)
{
  float x[64];

  make_folder ("grey");
  save_color ("grey/a.png", 255, 102, 51);
  g_autoptr (dataset) data = open_data ("grey", (struct dataset_options){.size = 8, .batch = 1, .channels = 1});
  g_assert_true (dataset_batch (data, 0, x, NULL));
  for (int i = 0; i < 64; i++)
    g_assert_cmpfloat (fabs (x[i] - (0.2126 + 0.7152 * 0.4 + 0.0722 * 0.2)), <, 1e-6);
}

static char *
inventory_of (const char *path, bool classes)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (collection) collection = collection_open (path, &(struct collection_options){.classes = classes}, &error);
  GString *text = g_string_new (NULL);
  g_assert_no_error (error);
  collection_inventory (collection, text);
  return g_string_free (text, FALSE);
}

/* Files that come, go and change, each by its name; the same folder is the same, and so is one that was only read. */
static void
test_inventory (void)
{
  make_folder ("same");
  save_color ("same/a.png", 1, 2, 3);
  save_color ("same/b.png", 1, 2, 3);
  save_color ("same/c.png", 1, 2, 3);
  g_autofree char *path = file ("same"), *first = inventory_of (path, false), *again = inventory_of (path, false);
  g_autofree char *none = inventory_difference (first, again), *a = file ("same/a.png"), *b = file ("same/b.png"),
                  *c = file ("same/c.png"), *line = NULL;
  g_assert_null (none);
  save_bytes ("same/a.png", "smaller", 7);
  g_assert_cmpint (g_unlink (b), ==, 0);
  save_color ("same/d.png", 1, 2, 3);
  save_color ("same/e.png", 1, 2, 3);
  g_autofree char *second = inventory_of (path, false), *difference = inventory_difference (first, second);
  line = g_strdup_printf ("2 files have come (%s/d.png and others), 1 is gone (%s), 1 is another (%s)", path, b, a);
  g_assert_cmpstr (difference, ==, line);
  g_assert_cmpint (utime (c, &(struct utimbuf){.modtime = 1000000}), ==, 0); /* of the same size */
  g_autofree char *third = inventory_of (path, false), *touched = inventory_difference (second, third);
  g_assert_true (g_str_has_prefix (touched, "1 is another (") && strstr (touched, "c.png"));
}

/* MNIST: every batch as the file has it, and a coloured, larger form of it. */
static void
test_digits (void)
{
  const char *shared = g_getenv ("IMPASTO_SHARED");
  g_autofree char *path = shared ? g_build_filename (shared, "data", "digits", NULL)
                                 : g_test_build_filename (G_TEST_DIST, "..", "..", "shared", "data", "digits", NULL);
  enum { BATCH = 64, PIXELS = 28 * 28 };
  g_autofree float *x = g_new (float, BATCH *PIXELS), *picture = g_new (float, PIXELS);
  g_autoptr (GError) error = NULL;
  int y[BATCH], label, found = 0;

  if (!g_file_test (path, G_FILE_TEST_IS_DIR)) {
    g_test_skip ("no MNIST digits in ../shared/data/digits, nor below IMPASTO_SHARED");
    return;
  }
  const struct dataset_options options = {.size = 28,
                                          .channels = 1,
                                          .batch = BATCH,
                                          .classes = true,
                                          .count = 1000,
                                          .zoom = 1,
                                          .rotation = -1,
                                          .keep_handedness = true};
  g_autoptr (dataset) digits = dataset_open (path, &options, &error);
  g_assert_no_error (error);
  g_assert_cmpint (dataset_classes (digits), ==, 10);
  g_assert_true (dataset_batch_labelled (digits, 0, x, y, &error));
  for (guint i = 0; i < 1000; i++) {
    g_assert_true (dataset_picture (digits, i, picture, &label, &error));
    for (int k = 0; k < BATCH; k++)
      if (memcmp (x + k * PIXELS, picture, PIXELS * sizeof *picture) == 0) {
        g_assert_cmpint (y[k], ==, label);
        found++;
      }
  }
  g_assert_cmpint (found, ==, BATCH);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_always_fatal (G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL); /* libvips warns of damaged files, unheard */
  folder_make ();
  g_test_add_func ("/collection/classes", test_classes);
  g_test_add_func ("/collection/idx", test_idx);
  g_test_add_func ("/collection/idx-files", test_idx_files);
  g_test_add_func ("/collection/grey", test_grey);
  g_test_add_func ("/collection/inventory", test_inventory);
  g_test_add_func ("/collection/digits", test_digits);
  int status = g_test_run ();
  folder_remove ();
  return status;
}
