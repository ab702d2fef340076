/* SPDX-License-Identifier: Apache-2.0
 *
 * The dataset doctor on folders whose illnesses are known, every one of them made here: it names each, once, and
 * nothing else; and what it says that training leaves out is what a dataset leaves out. */
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vips/vips.h>

#include "fixture.h"
#include "image/picture.h"
#include "impasto/error.h"
#include "train/dataset.h"
#include "train/doctor.h"

#define SIZE 32

static char *
in (const char *name)
{
  char *path = g_build_filename (folder, name, NULL);
  g_autofree char *above = g_path_get_dirname (path);

  g_assert_cmpint (g_mkdir_with_parents (above, 0755), ==, 0);
  return path;
}

/* Blots of colour that only @seed decides about; the same ones at every size. */
static struct picture *
blots (int width, int height, guint32 seed)
{
  struct picture *picture = picture_new (width, height, false, NULL);
  g_autoptr (GRand) rand = g_rand_new_with_seed (seed);
  int size = width * height;

  for (int k = 0; k < 12; k++) {
    double x = g_rand_double (rand), y = g_rand_double (rand), r = g_rand_double_range (rand, 0.1, 0.3), color[3];
    for (int c = 0; c < 3; c++)
      color[c] = g_rand_double (rand);
    for (int i = 0; i < size; i++) {
      double u = (i % width + 0.5) / width - x, v = (i / width + 0.5) / height - y;
      for (int c = 0; c < 3 && u * u + v * v < r * r; c++)
        picture->rgb[c * size + i] = (float) color[c];
    }
  }
  return picture;
}

static void
save (struct picture *picture, const char *name, int quality)
{
  g_autofree char *path = in (name);

  g_assert_true (picture_save (picture, path, &(struct picture_save_options){.quality = quality}, NULL));
  picture_free (picture);
}

static void
save_bytes (const char *name, const void *bytes, size_t n)
{
  g_autofree char *path = in (name);

  g_assert_true (g_file_set_contents (path, bytes, (gssize) n, NULL));
}

static void
save_copy (const char *from, const char *to, size_t cut)
{
  g_autofree char *path = in (from), *bytes = NULL;
  gsize n;

  g_assert_true (g_file_get_contents (path, &bytes, &n, NULL));
  save_bytes (to, bytes, n - n * cut / 100);
}

static struct doctor_report *
check (const char *name, struct doctor_options options)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = in (name);

  options.size = options.size ? options.size : SIZE;
  options.channels = options.channels ? options.channels : 3;
  struct doctor_report *report = doctor_check (path, &options, NULL, NULL, &error);
  g_assert_no_error (error);
  return report;
}

/* The report's findings are exactly @wanted, "kind name: text" where the text holds what is wanted; NULL-terminated. */
static void
expect (struct doctor_report *report, const char *const *wanted)
{
  guint n = 0;

  for (; wanted[n]; n++) {
    bool found = false;
    g_auto (GStrv) parts = g_strsplit (wanted[n], "|", 3);
    for (guint i = 0; i < report->findings->len && !found; i++) {
      const struct doctor_finding *finding = &g_array_index (report->findings, struct doctor_finding, i);
      found = g_str_equal (doctor_names[finding->kind], parts[0]) && g_str_has_suffix (finding->name, parts[1]) &&
              strstr (finding->text, parts[2]) && !strchr (finding->text, '\n');
    }
    if (!found)
      g_error ("not found: %s", wanted[n]);
  }
  for (guint i = 0; i < report->findings->len && report->findings->len != n; i++) {
    const struct doctor_finding *finding = &g_array_index (report->findings, struct doctor_finding, i);
    g_test_message ("%s|%s|%s", doctor_names[finding->kind], finding->name, finding->text);
  }
  g_assert_cmpuint (report->findings->len, ==, n);
}

static void
make_ward (void)
{
  struct picture *grey = blots (60, 50, 4), *clear = picture_new (50, 50, true, NULL);
  uint8_t one[40 * 40];

  for (int i = 0; i < 60 * 50; i++) /* grey, in three channels */
    grey->rgb[i] = grey->rgb[60 * 50 + i] = grey->rgb[2 * 60 * 50 + i];
  for (int i = 0; i < 3 * 50 * 50; i++)
    clear->rgb[i] = (float) (i * 7 % 50) / 50;
  for (int i = 0; i < 40 * 40; i++)
    one[i] = (uint8_t) (6 * (i % 40));
  save (blots (80, 64, 1), "ward/a-good.png", 0);
  save (blots (80, 64, 2), "ward/b-good.jpg", 95);
  save (blots (120, 96, 2), "ward/c-larger.jpg", 70);
  save_copy ("ward/a-good.png", "ward/d-again.png", 0);
  save_copy ("ward/b-good.jpg", "ward/e-cut.jpg", 40);
  save_copy ("ward/a-good.png", "ward/e-cut.png", 40);
  save_bytes ("ward/f-text.png", "this is a text", 14);
  save (blots (40, 15, 3), "ward/g-tiny.png", 0);
  save (blots (34, 20, 5), "ward/h-small.png", 0);
  save (blots (320, 40, 6), "ward/i-long.png", 0);
  save (grey, "ward/j-grey.png", 0);
  save (clear, "ward/k-clear.png", 0);
  save (picture_new (64, 64, false, NULL), "ward/l-black.png", 0);
  save (picture_new (64, 65, false, NULL), "ward/l-black-too.png", 0);
  g_autofree char *path = in ("ward/m-one.png");
  VipsImage *image = vips_image_new_from_memory (one, sizeof one, 40, 40, 1, VIPS_FORMAT_UCHAR);
  g_assert_cmpint (vips_pngsave (image, path, NULL), ==, 0);
  g_object_unref (image);
  save_bytes ("ward/notes.txt", "notes", 5);
  save_bytes ("ward/picture.bmp", "BM", 2);
  save_bytes ("ward/.hidden", "x", 1);
  save (blots (80, 64, 9), "ward/below/z.png", 0);
}

static void
test_ward (void)
{
  static const char *const wanted[] = {
    "similar|c-larger.jpg|b-good.jpg; shown that much more often",
    "duplicate|d-again.png|a-good.png; shown that much more often",
    "damaged|e-cut.jpg|left out",
    "damaged|e-cut.png|left out",
    "damaged|f-text.png|left out",
    "tiny|g-tiny.png|only 40 x 15 pixels; left out: crops of 32 want a shorter side of 16",
    "small|h-small.png|34 x 20 pixels; enlarged 1.60 times",
    "odd|i-long.png|shows at most 13 % of it",
    "grey|j-grey.png|without colour",
    "alpha|k-clear.png|laid on white",
    "blank|k-clear.png|one colour", /* white */
    "blank|l-black.png|one colour",
    "blank|l-black-too.png|one colour",
    "grey|m-one.png|three equal channels",
    "beside|ward|2 files are no pictures by name, such as notes.txt; 1 folder is not looked into",
    NULL,
  };
  const char *most[G_N_ELEMENTS (wanted)], *grey[G_N_ELEMENTS (wanted)];
  guint n = 0, m = 0;

  for (guint i = 0; wanted[i]; i++) {
    most[n++] = wanted[i];
    if (!g_str_has_prefix (wanted[i], "grey"))
      grey[m++] = wanted[i];
  }
  most[n] = grey[m] = NULL;
  struct doctor_report *report = check ("ward", (struct doctor_options){0});
  expect (report, most);
  g_assert_cmpuint (report->pictures, ==, 15);
  g_assert_cmpuint (report->used, ==, 11);
  g_assert_true (g_str_has_prefix (report->summary, "15 pictures, 11 of them used in crops of 32 x 32, in colour; "
                                                    "shorter side 15 to 96, the middle one 64\n"));
  g_assert_nonnull (strstr (report->summary, "\nleft out: 3 damaged, 1 tiny\n"));
  doctor_report_free (report);

  report = check ("ward", (struct doctor_options){.channels = 1, .threads = 1});
  expect (report, grey);
  doctor_report_free (report);

  /* A dataset leaves out just those. */
  g_autofree char *path = in ("ward");
  g_autofree float *x = g_new (float, 3 * SIZE * SIZE);
  g_autoptr (dataset) data = dataset_open (path, &(struct dataset_options){.size = SIZE, .batch = 1}, NULL);
  guint used = 0;
  for (guint i = 0; i < dataset_count (data); i++)
    used += dataset_picture (data, i, x, NULL, NULL);
  g_assert_cmpuint (used, ==, 11);
}

/* Likeness: rescaled, recompressed, brightened a little; but not the neighbour, the mirror image or another crop. */
static void
test_similar (void)
{
  for (guint32 i = 0; i < 40; i++) {
    g_autofree char *name = g_strdup_printf ("alike/%02u.png", i);
    save (blots (96, 96, 100 + i), name, 0);
  }
  struct picture *mirror = blots (96, 96, 100), *from = blots (96, 96, 100), *light = blots (96, 96, 101);
  for (int i = 0; i < 3 * 96 * 96; i++) {
    mirror->rgb[i] = from->rgb[i - i % 96 + 95 - i % 96];
    light->rgb[i] = MIN (light->rgb[i] + 0.01f, 1);
  }
  picture_free (from);
  save (mirror, "alike/mirror.png", 0);
  save (light, "alike/p-light.png", 0);
  save (blots (50, 50, 102), "alike/p-less.png", 0);
  save (blots (300, 300, 103), "alike/p-more.jpg", 60);
  save (blots (120, 96, 104), "alike/q-squeezed.png", 0);
  struct doctor_report *report = check ("alike", (struct doctor_options){0});
  expect (report, (const char *const[]){"similar|p-light.png|01.png;", "similar|p-less.png|02.png;",
                                        "similar|p-more.jpg|03.png;", NULL});
  doctor_report_free (report);
}

static void
test_classes (void)
{
  for (guint32 i = 0; i < 24; i++) {
    g_autofree char *name = g_strdup_printf ("zoo/%s/%u.png", i < 21 ? "cat" : i < 23 ? "dog" : "eel", i);
    save (blots (40, 40, 200 + i), name, 0);
  }
  save (blots (40, 40, 300), "zoo/beside.png", 0);
  g_free (in ("zoo/fox/none")); /* makes the folder zoo/fox */
  save_bytes ("zoo/cat/list.csv", "a,b", 3);
  struct doctor_report *report = check ("zoo", (struct doctor_options){.classes = true});
  expect (report, (const char *const[]){"beside|zoo/fox|holds no pictures, hence is no class",
                                        "beside|zoo|1 picture lies beside the class folders and is left out",
                                        "beside|zoo|1 file is no picture by name, such as list.csv",
                                        "class|dog|a class of 2, the largest has 21",
                                        "class|eel|a class of 1, the largest has 21", NULL});
  g_assert_cmpuint (report->pictures, ==, 25);
  g_assert_cmpuint (report->used, ==, 24);
  g_assert_nonnull (strstr (report->summary, "\nleft out: 1 beside the class folders\n"));
  g_assert_nonnull (strstr (report->summary, "\nclasses: cat 21, dog 2, eel 1\n"));
  doctor_report_free (report);
}

/* An alpha channel that hides nothing is none; one pixel of a hundredth less is. */
static void
test_alpha (void)
{
  for (int i = 0; i < 4; i++) {
    struct picture *from = blots (40, 40, 500 + i), *picture = picture_new (40, 40, true, NULL);
    g_autofree char *name = g_strdup_printf ("glass/%d.png", i), *path = in (name);
    memcpy (picture->rgb, from->rgb, 3 * 40 * 40 * sizeof (float));
    for (int k = 0; k < 40 * 40; k++)
      picture->alpha[k] = k == 1599 && i % 2 ? 0.99f : 1;
    g_assert_true (picture_save (picture, path, &(struct picture_save_options){.bits = i < 2 ? 8 : 16}, NULL));
    picture_free (picture);
    picture_free (from);
  }
  struct doctor_report *report = check ("glass", (struct doctor_options){0});
  expect (report,
          (const char *const[]){"alpha|1.png|not opaque everywhere", "alpha|3.png|not opaque everywhere", NULL});
  doctor_report_free (report);
}

/* What is a picture by name alone: told by the doctor, and by training. */
static void
test_unread (void)
{
  static const char *const wanted[] = {"damaged|odd/gone.png|a link that leads nowhere; left out",
                                       "damaged|odd/loop.jpg|; left out",
                                       "damaged|below/pipe.png|no file but a pipe, a socket or a device; left out",
                                       "beside|odd|1 file is no picture by name, such as notes",
                                       "few|odd|one picture to learn from",
                                       NULL};
  g_autofree char *gone = in ("odd/gone.png"), *loop = in ("odd/loop.jpg"), *pipe = in ("odd/below/pipe.png"),
                  *notes = in ("odd/notes"), *place = in ("odd");

  save (blots (40, 40, 400), "odd/good.png", 0);
  g_assert_cmpint (symlink ("nowhere.png", gone), ==, 0);
  g_assert_cmpint (symlink ("loop.jpg", loop), ==, 0);
  g_assert_cmpint (symlink ("nowhere", notes), ==, 0);
  g_assert_cmpint (mkfifo (pipe, 0600), ==, 0);
  struct doctor_report *report = check ("odd", (struct doctor_options){.recursive = true});
  expect (report, wanted);
  g_assert_cmpuint (report->pictures, ==, 4);
  g_assert_cmpuint (report->used, ==, 1);
  g_assert_nonnull (strstr (report->summary, "\nleft out: 3 damaged\n"));
  doctor_report_free (report);

  g_autoptr (dataset) data =
    dataset_open (place, &(struct dataset_options){.size = SIZE, .batch = 1, .recursive = true}, NULL);
  g_auto (GStrv) lines = dataset_report (data);
  g_assert_cmpuint (dataset_count (data), ==, 1);
  g_assert_cmpuint (g_strv_length (lines), ==, 3);
}

/* Five digits of 4 x 4, the last like the second; one blank. */
static void
test_idx (void)
{
  uint8_t x[16 + 5 * 16] = {0, 0, 8, 3, 0, 0, 0, 5, 0, 0, 0, 4, 0, 0, 0, 4};
  const uint8_t y[8 + 5] = {0, 0, 8, 1, 0, 0, 0, 5, 0, 1, 1, 0, 3};

  for (int i = 0; i < 5 * 16; i++)
    x[16 + i] = i / 16 == 2 ? 9 : (uint8_t) ((i / 16 % 3 + 1) * (i % 16) * 5);
  save_bytes ("idx/t-images-idx3-ubyte", x, sizeof x);
  save_bytes ("idx/t-labels-idx1-ubyte", y, sizeof y);
  struct doctor_report *report = check ("idx", (struct doctor_options){.size = 4, .channels = 1, .classes = true});
  expect (report, (const char *const[]){"blank|picture 2|one colour", "duplicate|picture 3|ubyte picture 0; shown",
                                        "duplicate|picture 4|ubyte picture 1; shown",
                                        "class|2|a class without pictures; a network", NULL});
  g_assert_cmpuint (report->used, ==, 5);
  g_assert_nonnull (strstr (report->summary, "\nclasses: 0 2, 1 2, 3 1\n"));
  doctor_report_free (report);
  report = check ("idx", (struct doctor_options){.size = 9});
  g_assert_cmpuint (report->used, ==, 0);
  g_assert_cmpuint (report->count[DOCTOR_TINY], ==, 5);
  doctor_report_free (report);
}

/* All of one class, whose number is the largest: what has no pictures is told in a line. */
static void
test_one_class (void)
{
  uint8_t x[16 + 4 * 16] = {0, 0, 8, 3, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 4};
  const uint8_t y[8 + 4] = {0, 0, 8, 1, 0, 0, 0, 4, 255, 255, 255, 255};

  for (int i = 0; i < 4 * 16; i++)
    x[16 + i] = (uint8_t) ((i / 16 + 1) * (i % 16) * 4);
  save_bytes ("all/t-images-idx3-ubyte", x, sizeof x);
  save_bytes ("all/t-labels-idx1-ubyte", y, sizeof y);
  struct doctor_report *report = check ("all", (struct doctor_options){.size = 4, .channels = 1, .classes = true});
  expect (report, (const char *const[]){"class|0|a class without pictures and 254 more",
                                        "class|255|the only class with pictures; training in classes wants two", NULL});
  g_assert_nonnull (strstr (report->summary, "\nclasses: 255 4\n"));
  doctor_report_free (report);
}

static bool
stop (guint done, guint all, void *data)
{
  g_assert_cmpuint (all, ==, 15);
  return false;
}

static void
test_ends (void)
{
  g_autofree char *missing = in ("missing"), *ward = in ("ward");
  const struct doctor_options usual = {.size = SIZE, .channels = 3};
  g_autoptr (GError) error = NULL;

  g_assert_null (doctor_check (missing, &usual, NULL, NULL, &error));
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT);
  g_clear_error (&error);
  g_assert_null (doctor_check (ward, &usual, stop, NULL, &error));
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_CANCELLED);
  g_free (in ("none/x")); /* makes the folder none */
  struct doctor_report *report = check ("none", (struct doctor_options){0});
  g_assert_cmpuint (report->pictures, ==, 0);
  g_assert_cmpstr (report->summary, ==, "0 pictures, 0 of them used in crops of 32 x 32, in colour\n");
  doctor_report_free (report);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_always_fatal (G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL); /* libvips warns of damaged files, unheard */
  folder_make ();
  make_ward ();
  g_test_add_func ("/doctor/ward", test_ward);
  g_test_add_func ("/doctor/similar", test_similar);
  g_test_add_func ("/doctor/classes", test_classes);
  g_test_add_func ("/doctor/alpha", test_alpha);
  g_test_add_func ("/doctor/unread", test_unread);
  g_test_add_func ("/doctor/idx", test_idx);
  g_test_add_func ("/doctor/one_class", test_one_class);
  g_test_add_func ("/doctor/ends", test_ends);
  int status = g_test_run ();
  folder_remove ();
  return status;
}
