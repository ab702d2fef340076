/* SPDX-License-Identifier: Apache-2.0
 *
 * Photographs as batches: the same bytes however they are made, crops that lie where they should, every picture once an
 * epoch, and files that are not what they should be. The pictures are made here: ramps whose colour tells the place
 * (red = x, green = y), from which position, scale, angle and handedness of a crop can be read back. */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <unistd.h>
#include <vips/vips.h>

#include "image/picture.h"
#include "impasto/error.h"
#include "train/dataset.h"

#define SIZE 48
#define CROP (3 * SIZE * SIZE)

typedef struct fixture {
  char *dir;
} fixture;

static void
set_up (fixture *f, gconstpointer data)
{
  f->dir = g_dir_make_tmp ("impasto-dataset-XXXXXX", NULL);
  g_assert_nonnull (f->dir);
}

static void
remove_all (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL) {
    g_autofree char *full = g_build_filename (path, name, NULL);
    if (g_file_test (full, G_FILE_TEST_IS_DIR) && !g_file_test (full, G_FILE_TEST_IS_SYMLINK))
      remove_all (full);
    else
      g_unlink (full);
  }
  g_rmdir (path);
}

static void
tear_down (fixture *f, gconstpointer data)
{
  remove_all (f->dir);
  g_free (f->dir);
}

/* Red rises from left to right, green from top to bottom, blue is @blue; alpha, when wanted, is 0 everywhere. */
static void
save_ramp (const char *dir, const char *name, int width, int height, double blue, bool alpha)
{
  g_autoptr (picture) picture = picture_new (width, height, alpha, NULL);
  g_autofree char *path = g_build_filename (dir, name, NULL);
  int size = width * height;

  for (int i = 0; i < size; i++) {
    picture->rgb[i] = (float) ((i % width + 0.5) / width);
    picture->rgb[size + i] = (float) ((i / width + 0.5) / height);
    picture->rgb[2 * size + i] = (float) blue;
  }
  g_assert_true (picture_save (picture, path, &(struct picture_save_options){.quality = 95}, NULL));
}

static void
save_text (const char *dir, const char *name, const char *text, gssize length)
{
  g_autofree char *path = g_build_filename (dir, name, NULL);

  g_assert_true (g_file_set_contents (path, text, length, NULL));
}

/* The first half of @from. */
static void
save_half (const char *dir, const char *from, const char *name)
{
  g_autofree char *path = g_build_filename (dir, from, NULL), *bytes = NULL;
  gsize length;

  g_assert_true (g_file_get_contents (path, &bytes, &length, NULL));
  save_text (dir, name, bytes, (gssize) length / 2);
}

static struct dataset *
open_dir (const char *dir, struct dataset_options options)
{
  g_autoptr (GError) error = NULL;
  struct dataset *dataset;

  options.size = SIZE;
  options.batch = options.batch == 0 ? 3 : options.batch;
  options.seed = 11;
  dataset = dataset_open (dir, &options, &error);
  g_assert_no_error (error);
  return dataset;
}

static void
take (struct dataset *dataset, uint64_t step, float *out)
{
  g_autoptr (GError) error = NULL;
  bool ok = dataset_batch (dataset, step, out, &error);

  g_assert_no_error (error);
  g_assert_true (ok);
}

/* Steps 0..9 with one thread, against other threads, caches, read-ahead, a resume, jumps, and batches out of turn. */
static void
test_same_bytes (fixture *f, gconstpointer data)
{
  static const struct dataset_options others[] = {
    {.threads = 3, .ahead = 4},
    {.threads = 2, .cache_bytes = 1},
    {.threads = 1, .ahead = 1, .cache_bytes = 60000},
  };
  g_autofree float *expected = g_new (float, 10 * 3 * CROP), *got = g_new (float, 3 * CROP);
  g_autoptr (dataset) first = NULL, resumed = NULL;

  for (int i = 0; i < 7; i++) {
    g_autofree char *name = g_strdup_printf ("%d.%s", i, i % 2 ? "jpg" : "png");
    save_ramp (f->dir, name, 90 + 17 * i, 130 - 9 * i, i / 7.0, false);
  }
  first = open_dir (f->dir, (struct dataset_options){.threads = 1});
  for (int step = 0; step < 10; step++)
    take (first, (uint64_t) step, expected + step * 3 * CROP);
  for (size_t k = 0; k < G_N_ELEMENTS (others); k++) {
    g_autoptr (dataset) other = open_dir (f->dir, others[k]);
    for (int step = 0; step < 10; step++) {
      take (other, (uint64_t) step, got);
      g_assert_cmpmem (got, 3 * CROP * sizeof *got, expected + step * 3 * CROP, 3 * CROP * sizeof *got);
    }
  }
  resumed = open_dir (f->dir, (struct dataset_options){.first_step = 6});
  for (int k = 0; k < 6; k++) {
    const int steps[] = {6, 7, 2, 9, 9, 0};
    take (resumed, (uint64_t) steps[k], got);
    g_assert_cmpmem (got, 3 * CROP * sizeof *got, expected + steps[k] * 3 * CROP, 3 * CROP * sizeof *got);
  }
  g_assert_true (dataset_make (resumed, 5, got, NULL));
  g_assert_cmpmem (got, 3 * CROP * sizeof *got, expected + 5 * 3 * CROP, 3 * CROP * sizeof *got);
  g_assert_true (dataset_pick (resumed, 4, 2, 3, got, NULL)); /* two of batch 4, one of the next */
  g_assert_cmpmem (got, 2 * CROP * sizeof *got, expected + 4 * 3 * CROP, 2 * CROP * sizeof *got);
  g_assert_cmpmem (got + 2 * CROP, CROP * sizeof *got, expected + 5 * 3 * CROP, CROP * sizeof *got);
  g_assert_cmpint (memcmp (expected, expected + 7 * 3 * CROP, CROP * sizeof *got), !=, 0);
}

/* Overexposed crops are those of before times a factor, white where that is more; others are those of before. */
static void
test_overexposed (fixture *f, gconstpointer data)
{
  g_autofree float *plain = g_new (float, 3 * CROP), *over = g_new (float, 3 * CROP);
  int brightened = 0, white = 0;
  save_ramp (f->dir, "ramp.png", 120, 90, 0.5, false);
  g_autoptr (dataset) first = open_dir (f->dir, (struct dataset_options){0});
  g_autoptr (dataset) second = open_dir (f->dir, (struct dataset_options){.overexposed = 0.5});
  for (int step = 0; step < 40; step++) {
    take (first, (uint64_t) step, plain);
    take (second, (uint64_t) step, over);
    for (int item = 0; item < 3; item++) {
      const float *a = plain + item * CROP, *b = over + item * CROP;
      float gain = 1;
      for (int i = 0; i < CROP; i++)
        gain = b[i] < 1 && a[i] > 0.1f ? b[i] / a[i] : gain;
      g_assert_true (gain >= 0.9999f && gain <= 2.0001f);
      for (int i = 0; i < CROP; i++)
        g_assert_cmpfloat (fabsf (b[i] - MIN (gain * a[i], 1)), <, 1e-4);
      brightened += gain > 1.0001f;
      for (int i = 0; i < CROP; i++)
        white += b[i] == 1;
    }
  }
  g_assert_cmpint (brightened, >, 40);
  g_assert_cmpint (brightened, <, 80);
  g_assert_cmpint (white, >, 1000);
}

/* A crop of a ramp is a plane in x and y: value = at + dx x + dy y from the middle; the largest distance from it. */
struct plane {
  double at, dx, dy, off;
};

static struct plane
fit (const float *channel)
{
  struct plane p = {0};
  double spread = 0, middle = (SIZE - 1) / 2.0;

  for (int i = 0; i < SIZE * SIZE; i++) {
    double x = i % SIZE - middle, y = i / SIZE - middle;
    p.at += channel[i] / (SIZE * SIZE);
    p.dx += channel[i] * x;
    p.dy += channel[i] * y;
    spread += x * x;
  }
  p.dx /= spread;
  p.dy /= spread;
  for (int i = 0; i < SIZE * SIZE; i++)
    p.off = fmax (p.off, fabs (channel[i] - p.at - p.dx * (i % SIZE - middle) - p.dy * (i / SIZE - middle)));
  return p;
}

/* Of crops of one photograph of 360 x 240: where they lie. */
static void
test_geometry (fixture *f, gconstpointer data)
{
  enum { CROPS = 60 };
  g_autofree float *crops = g_new (float, CROPS *CROP);
  g_autoptr (dataset) plain = NULL, strict = NULL;
  double least = 10, most = 0, left = 1, right = 0, turned = 0;
  int mirrored = 0;

  save_ramp (f->dir, "ramp.png", 360, 240, 0.5, false);
  plain = open_dir (f->dir, (struct dataset_options){.batch = CROPS});
  take (plain, 0, crops);
  for (int i = 0; i < CROPS; i++) {
    struct plane red = fit (crops + i * CROP), green = fit (crops + i * CROP + SIZE * SIZE);
    /* Extent of the crop along an axis, as a part of the photograph's shorter side. */
    double across = 360 / 240.0 * SIZE * hypot (red.dx, red.dy), down = SIZE * hypot (green.dx, green.dy);
    double angle = fabs (atan2 (green.dx, green.dy)) * 180 / G_PI;

    g_assert_cmpfloat (red.off, <, 0.02);
    g_assert_cmpfloat (green.off, <, 0.02);
    g_assert_cmpfloat (fabs (across - down), <, 0.02);
    g_assert_cmpfloat (down, >, 1 / 1.5 - 0.01);
    g_assert_cmpfloat (down, <, 1.01);
    g_assert_cmpfloat (angle, <, 5.2);
    least = fmin (least, down);
    most = fmax (most, down);
    left = fmin (left, red.at);
    right = fmax (right, red.at);
    turned = fmax (turned, angle);
    mirrored += red.dx < 0;
  }
  g_assert_cmpfloat (least, <, 0.72);
  g_assert_cmpfloat (most, >, 0.9);
  g_assert_cmpfloat (left, <, 0.35);
  g_assert_cmpfloat (right, >, 0.65);
  g_assert_cmpfloat (turned, >, 3.5);
  g_assert_cmpint (mirrored, >, CROPS / 4);
  g_assert_cmpint (mirrored, <, CROPS * 3 / 4);

  strict =
    open_dir (f->dir, (struct dataset_options){.batch = CROPS, .rotation = -1, .zoom = 1, .keep_handedness = true});
  take (strict, 0, crops);
  for (int i = 0; i < CROPS; i++) {
    struct plane red = fit (crops + i * CROP), green = fit (crops + i * CROP + SIZE * SIZE);

    g_assert_cmpfloat (red.dx, >, 0);
    g_assert_cmpfloat (fabs (red.dy) + fabs (green.dx), <, 1e-4);
    g_assert_cmpfloat (fabs (SIZE * green.dy - 1), <, 0.02);
  }
}

/* Blue tells the photograph: every one once an epoch, each epoch in another order. */
static void
test_epochs (fixture *f, gconstpointer data)
{
  enum { FILES = 13, EPOCHS = 4 };
  g_autofree float *crops = g_new (float, FILES *CROP);
  g_autoptr (dataset) dataset = NULL;
  int order[EPOCHS][FILES];

  for (int i = 0; i < FILES; i++) {
    g_autofree char *name = g_strdup_printf ("%02d.png", i);
    save_ramp (f->dir, name, 60, 60, i / (FILES - 1.0), false);
  }
  dataset = open_dir (f->dir, (struct dataset_options){.batch = FILES});
  g_assert_cmpuint (dataset_count (dataset), ==, FILES);
  for (int epoch = 0; epoch < EPOCHS; epoch++) {
    int seen = 0;

    take (dataset, (uint64_t) epoch, crops);
    for (int i = 0; i < FILES; i++) {
      order[epoch][i] = (int) rint (crops[i * CROP + 2 * SIZE * SIZE] * (FILES - 1));
      seen |= 1 << order[epoch][i];
    }
    g_assert_cmpint (seen, ==, (1 << FILES) - 1);
    if (epoch > 0)
      g_assert_cmpint (memcmp (order[epoch], order[epoch - 1], sizeof order[0]), !=, 0);
  }
}

/* Broken and tiny files are named once and replaced; the rest comes as RGB in 0..1. */
static void
test_bad_files (fixture *f, gconstpointer data)
{
  static const char *const bad[] = {"empty.png", "half.jpg", "text.png", "tiny.png"};
  g_autofree float *crops = g_new (float, 3 * CROP), *again = g_new (float, 3 * CROP);
  g_autoptr (dataset) dataset = NULL, other = NULL;
  g_auto (GStrv) report = NULL, rest = NULL;

  save_ramp (f->dir, "good.jpg", 200, 150, 0.5, false);
  save_ramp (f->dir, "clear.png", 100, 100, 0.5, true);
  save_ramp (f->dir, "tiny.png", SIZE / 2 - 1, 200, 0.5, false);
  save_half (f->dir, "good.jpg", "half.jpg");
  save_text (f->dir, "empty.png", "", 0);
  save_text (f->dir, "text.png", "not a picture at all, though it is called one", -1);
  save_text (f->dir, "notes.txt", "not even called a picture", -1);
  save_text (f->dir, ".hidden.png", "hidden", -1);

  dataset = open_dir (f->dir, (struct dataset_options){.threads = 2});
  other = open_dir (f->dir, (struct dataset_options){.threads = 1, .cache_bytes = 1});
  g_assert_cmpuint (dataset_count (dataset), ==, 6);
  for (uint64_t step = 0; step < 8; step++) {
    take (dataset, step, crops);
    take (other, step, again);
    g_assert_cmpmem (crops, 3 * CROP * sizeof *crops, again, 3 * CROP * sizeof *crops);
    for (int i = 0; i < 3 * CROP; i++)
      g_assert_true (crops[i] >= 0 && crops[i] <= 1);
    for (int i = 0; i < 3; i++) /* blue is 0.5, or the white that a clear picture stands on */
      g_assert_cmpfloat (fabsf (fabsf (crops[i * CROP + 2 * SIZE * SIZE] - 0.75f) - 0.25f), <, 0.03);
  }
  report = dataset_report (dataset);
  g_assert_cmpuint (g_strv_length (report), ==, G_N_ELEMENTS (bad));
  for (size_t k = 0; k < G_N_ELEMENTS (bad); k++) {
    g_autofree char *start = g_strdup_printf ("%s/%s: ", f->dir, bad[k]);
    int found = 0;

    for (char **line = report; *line != NULL; line++)
      found += g_str_has_prefix (*line, start) && strchr (*line, '\n') == NULL;
    g_assert_cmpint (found, ==, 1);
  }
  rest = dataset_report (dataset);
  g_assert_cmpuint (g_strv_length (rest), ==, 0);
}

/* A file of one channel becomes three that are alike. */
static void
test_grey (fixture *f, gconstpointer data)
{
  g_autofree float *crops = g_new (float, 3 * CROP);
  g_autofree char *path = g_build_filename (f->dir, "grey.png", NULL);
  g_autoptr (dataset) dataset = NULL;
  uint8_t grey[64 * 64];
  VipsImage *image;

  for (int i = 0; i < 64 * 64; i++)
    grey[i] = (uint8_t) (i % 64 * 4);
  image = vips_image_new_from_memory (grey, sizeof grey, 64, 64, 1, VIPS_FORMAT_UCHAR);
  g_assert_cmpint (vips_pngsave (image, path, NULL), ==, 0);
  g_object_unref (image);
  dataset = open_dir (f->dir, (struct dataset_options){0});
  take (dataset, 0, crops);
  for (int i = 0; i < 3; i++) {
    const float *red = crops + i * CROP;

    g_assert_cmpmem (red, SIZE * SIZE * sizeof *red, red + SIZE * SIZE, SIZE * SIZE * sizeof *red);
    g_assert_cmpmem (red, SIZE * SIZE * sizeof *red, red + 2 * SIZE * SIZE, SIZE * SIZE * sizeof *red);
    g_assert_cmpfloat (fabsf (red[0] - red[SIZE - 1]), >, 0.2);
  }
}

static void
expect_error (const char *dir, struct dataset_options options, int code, const char *text)
{
  g_autoptr (GError) error = NULL;
  struct dataset *dataset = dataset_open (dir, &options, &error);

  g_assert_null (dataset);
  g_assert_error (error, IMPASTO_ERROR, code);
  if (strstr (error->message, text) == NULL || strchr (error->message, '\n') != NULL)
    g_error ("the message should hold \"%s\" and be one line: %s", text, error->message);
}

static void
test_errors (fixture *f, gconstpointer data)
{
  const struct dataset_options usual = {.size = SIZE, .batch = 2};
  g_autofree char *missing = g_build_filename (f->dir, "missing", NULL),
                  *file = g_build_filename (f->dir, "a.png", NULL);

  expect_error (missing, usual, IMPASTO_ERROR_INPUT, "missing: no photographs can be read from it: it does not exist");
  expect_error (f->dir, usual, IMPASTO_ERROR_INPUT, "holds no pictures");
  expect_error (f->dir, usual, IMPASTO_ERROR_INPUT, f->dir);
  save_text (f->dir, "a.png", "no", -1);
  save_text (f->dir, "b.jpg", "", 0);
  expect_error (file, usual, IMPASTO_ERROR_INPUT, "a.png: no photographs can be read from it: it is no folder");
  expect_error (f->dir, usual, IMPASTO_ERROR_INPUT, "none of its 2 pictures can be used");
  expect_error (f->dir, usual, IMPASTO_ERROR_INPUT, "a.png");
  expect_error (f->dir, (struct dataset_options){.size = 0, .batch = 2}, IMPASTO_ERROR_USAGE, "size is 0, 1 to 16384");
  expect_error (f->dir, (struct dataset_options){.size = SIZE, .batch = 2, .zoom = 0.5}, IMPASTO_ERROR_USAGE,
                "pictures: zoom is 0.5, 1 to 16 is wanted");
}

/* All pictures vanish after opening: the batch says so, and the dataset can still be freed. */
static void
test_vanished (fixture *f, gconstpointer data)
{
  g_autofree float *crops = g_new (float, 3 * CROP);
  g_autofree char *path = g_build_filename (f->dir, "a.png", NULL);
  g_autoptr (dataset) dataset = NULL;
  g_autoptr (GError) error = NULL;

  save_ramp (f->dir, "a.png", 80, 80, 0.5, false);
  dataset = open_dir (f->dir, (struct dataset_options){.cache_bytes = 1, .first_step = 100});
  take (dataset, 100, crops);
  g_unlink (path);
  for (uint64_t step = 101; error == NULL && step < 120; step++)
    dataset_batch (dataset, step, crops, &error);
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT);
  g_assert_nonnull (strstr (error->message, f->dir));
}

static void
test_recursive (fixture *f, gconstpointer data)
{
  g_autofree char *below = g_build_filename (f->dir, "below", NULL),
                  *loop = g_build_filename (f->dir, "below", "up", NULL);
  g_autoptr (dataset) flat = NULL, deep = NULL;

  g_assert_cmpint (g_mkdir (below, 0755), ==, 0);
  g_assert_true (g_file_test (below, G_FILE_TEST_IS_DIR));
  save_ramp (f->dir, "a.png", 80, 80, 0.5, false);
  save_ramp (below, "b.png", 80, 80, 0.5, false);
  g_assert_cmpint (symlink (f->dir, loop), ==, 0);
  flat = open_dir (f->dir, (struct dataset_options){0});
  deep = open_dir (f->dir, (struct dataset_options){.recursive = true});
  g_assert_cmpuint (dataset_count (flat), ==, 1);
  g_assert_cmpuint (dataset_count (deep), ==, 2);
}

int
main (int argc, char **argv)
{
  static const struct {
    const char *path;
    void (*run) (fixture *, gconstpointer);
  } tests[] = {
    {"/dataset/same-bytes", test_same_bytes},
    {"/dataset/geometry", test_geometry},
    {"/dataset/epochs", test_epochs},
    {"/dataset/bad-files", test_bad_files},
    {"/dataset/grey", test_grey},
    {"/dataset/errors", test_errors},
    {"/dataset/vanished", test_vanished},
    {"/dataset/recursive", test_recursive},
    {"/dataset/overexposed", test_overexposed},
  };

  g_test_init (&argc, &argv, NULL);
  g_log_set_always_fatal (G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL); /* libvips warns of damaged files, unheard */
  for (size_t i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].path, fixture, NULL, set_up, tests[i].run, tear_down);
  return g_test_run ();
}
