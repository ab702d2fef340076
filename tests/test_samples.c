/* SPDX-License-Identifier: Apache-2.0
 *
 * Pictures one by one: what was saved is read back as data, pixel for pixel, with its classes; what cannot be is
 * refused. */
#include <string.h>

#include "effect/samples.h"
#include "fixture.h"
#include "train/dataset.h"

enum { N = 7, SIDE = 20, PLANE = SIDE * SIDE };

static float pictures[N * 3 * PLANE];
static const int labels[N] = {0, 1, 2, 0, 1, 2, 0};

/* Multiples of 1/255, so that 8 bits hold them; one value for all planes when @grey. */
static struct samples
make (bool grey, bool classes)
{
  for (int i = 0; i < N * 3 * PLANE; i++) {
    int k = grey ? i / (3 * PLANE) * PLANE + i % PLANE : i;
    pictures[i] = (float) (k * 37 % 256) / 255;
  }
  return (struct samples){.pictures = pictures, .n = N, .height = SIDE, .width = SIDE, .grey = grey, .labels = classes ? labels : NULL};
}

/* Picture @k of those saved is picture @k of the place, or, in class folders, where its class begins. */
static void
check_back (const char *path, bool grey, bool classes, bool by_class)
{
  static const int order[N] = {0, 3, 6, 1, 4, 2, 5};
  struct dataset_options options = {.size = SIDE, .channels = grey ? 1 : 3, .batch = 1, .classes = classes};
  g_autoptr (GError) error = NULL;
  g_autoptr (dataset) data = dataset_open (path, &options, &error);
  float out[3 * PLANE];
  int label;

  g_assert_no_error (error);
  g_assert_cmpint (dataset_count (data), ==, N);
  for (guint i = 0; i < N; i++) {
    int k = by_class ? order[i] : (int) i;
    g_assert_true (dataset_picture (data, i, out, &label, &error));
    g_assert_no_error (error);
    for (int p = 0; p < (grey ? 1 : 3) * PLANE; p++)
      g_assert_cmpfloat_with_epsilon (out[p], pictures[k * 3 * PLANE + p], 1e-6);
    g_assert_cmpint (label, ==, classes ? labels[k] : 0);
  }
}

static void
save_and_check (const char *name, bool grey, bool classes)
{
  g_autofree char *path = file (name);
  struct samples samples = make (grey, classes);
  g_autoptr (GError) error = NULL;

  g_assert_true (samples_wanted (path));
  g_assert_true (samples_check (&samples, path, false, &error) && samples_save (&samples, path, &error));
  g_assert_no_error (error);
  check_back (path, grey, classes, classes && g_str_has_suffix (name, "/"));
}

static void
test_idx (void)
{
  save_and_check ("drawn.idx", true, false);
  save_and_check ("drawn-images-idx3-ubyte", true, true);
}

static void
test_folder (void)
{
  save_and_check ("colours/", false, false);
  save_and_check ("classes/", true, true);
}

/* Folders are called as the classes are where every name is one and no two are the same; by numbers otherwise. */
static void
test_names (void)
{
  static const char *const sets[][4] = {{"cat", "a b"}, {"../out", "cat"}, {"..", "x"},   {"cat", ""},
                                        {".x", "y"},    {"dog/", "cat"},   {"cat", "cat"}};
  for (guint set = 0; set < G_N_ELEMENTS (sets); set++) {
    struct samples samples = make (false, true);
    g_autofree int *labels = g_new (int, N);
    g_autofree char *name = g_strdup_printf ("named-%u/", set), *path = file (name), *out = file ("out");
    g_autoptr (GError) error = NULL;
    for (int i = 0; i < N; i++)
      labels[i] = i % 2;
    samples.labels = labels;
    samples.names = sets[set];
    g_assert_true (samples_save (&samples, path, &error));
    g_assert_no_error (error);
    for (int k = 0; k < 2; k++) {
      g_autofree char *number = g_strdup_printf ("%d", k);
      g_autofree char *drawn = g_strdup_printf ("%s/%s/%06d.png", path, set ? number : sets[0][k], k);
      g_assert_true (g_file_test (drawn, G_FILE_TEST_IS_REGULAR));
    }
    g_assert_false (g_file_test (out, G_FILE_TEST_EXISTS));
  }
}

static void
test_refused (void)
{
  static const struct {
    const char *name;
    bool grey, classes;
    int code;
    const char *text;
  } cases[] = {
    {"drawn.idx", false, false, IMPASTO_ERROR_USAGE, "grey"},
    {"drawn.idx", true, true, IMPASTO_ERROR_USAGE, "labels"},
    {"full/", true, false, IMPASTO_ERROR_OUTPUT, "not empty"},
  };
  g_autofree char *sheet = file ("sheet.png");

  save_and_check ("full/", true, false);
  for (size_t i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *path = file (cases[i].name);
    struct samples samples = make (cases[i].grey, cases[i].classes);
    g_autoptr (GError) error = NULL;
    g_assert_false (samples_check (&samples, path, false, &error));
    check_error (error, cases[i].code, cases[i].text);
  }
  g_autofree char *full = file ("full/");
  struct samples samples = make (true, false);
  g_assert_true (samples_check (&samples, full, true, NULL));
  g_assert_false (samples_wanted (sheet));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  folder_make ();
  g_test_add_func ("/samples/idx", test_idx);
  g_test_add_func ("/samples/folder", test_folder);
  g_test_add_func ("/samples/names", test_names);
  g_test_add_func ("/samples/refused", test_refused);
  int failed = g_test_run ();
  folder_remove ();
  return failed;
}
