/* SPDX-License-Identifier: Apache-2.0
 *
 * Figures of sample sets: against NumPy and SciPy (tests/oracle/fidelity.py made the numbers), against closed forms,
 * equal sets, the same bits at any number of threads, and features that are none. */
#include <json-glib/json-glib.h>
#include <math.h>
#include <omp.h>
#include <string.h>

#include "impasto/error.h"
#include "noise.h"
#include "train/fidelity.h"

/* As in tests/oracle/fidelity.py; the data belong to the caller. */
static struct rows
features (const char *name, int64_t n, int64_t d, double scale, double shift)
{
  float *x = g_new (float, n *d);
  uint32_t seed = noise_seed (name);

  for (int64_t i = 0; i < n; i++)
    for (int64_t k = 0; k < d; k++)
      x[i * d + k] =
        (float) (scale * (noise_at (seed, i * d + k) + 0.7 * noise_at (seed, i * d + (3 * k + 1) % d)) + shift);
  return (struct rows){.x = x, .n = n, .d = d};
}

static double
number (JsonObject *object, const char *name)
{
  return json_object_get_double_member (object, name);
}

static void
check_near (const char *what, guint i, double got, double want, double relative)
{
  if (fabs (got - want) > relative * fmax (fabs (want), 1e-3))
    g_error ("case %u: %s is %.12g, should be %.12g", i, what, got, want);
}

static void
check_case (JsonObject *wanted, guint i)
{
  int64_t n = json_object_get_int_member (wanted, "n"), m = json_object_get_int_member (wanted, "m"),
          d = json_object_get_int_member (wanted, "d"), copies = json_object_get_int_member (wanted, "copies");
  struct rows real = features ("real", n, d, 1, 0),
              fake = features ("fake", m, d, number (wanted, "scale"), number (wanted, "shift"));
  g_autofree struct neighbour *nearest = g_new (struct neighbour, m);
  g_autoptr (GError) error = NULL;
  JsonArray *memory = json_object_get_array_member (wanted, "memorisation"),
            *rows = json_object_get_array_member (wanted, "nearest");
  struct memorisation repeated;
  double frechet, kernel, precision, recall;

  memcpy ((float *) fake.x, real.x + 5 * d, (size_t) (copies * d) * sizeof (float));
  g_assert_true (fidelity_frechet (&real, &fake, &frechet, &error));
  g_assert_true (fidelity_kernel (&real, &fake, 7, 1000, 1, &kernel, NULL, &error));
  g_assert_true (fidelity_precision (&real, &fake, 3, &precision, &recall, &error));
  g_assert_true (fidelity_memorisation (&real, &fake, &repeated, nearest, &error));
  check_near ("the Frechet distance", i, frechet, number (wanted, "frechet"), 1e-6);
  check_near ("the kernel distance", i, kernel, number (wanted, "kernel"), 1e-5);
  check_near ("precision", i, precision, number (wanted, "precision"), 1e-12);
  check_near ("recall", i, recall, number (wanted, "recall"), 1e-12);
  check_near ("the samples' distance", i, repeated.sample_distance, json_array_get_double_element (memory, 0), 1e-5);
  check_near ("the pictures' distance", i, repeated.real_distance, json_array_get_double_element (memory, 1), 1e-5);
  check_near ("the share of close ones", i, repeated.close_share, json_array_get_double_element (memory, 2), 1e-12);
  for (guint k = 0; k < json_array_get_length (rows); k++)
    g_assert_cmpint (nearest[k].row, ==, json_array_get_int_element (rows, k));
  for (int64_t k = 0; k < copies; k++)
    g_assert_true (nearest[k].row == 5 + k && nearest[k].distance == 0);
  g_free ((float *) real.x);
  g_free ((float *) fake.x);
}

static void
test_scipy (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "oracle", "fidelity.json", NULL);
  g_autoptr (JsonParser) parser = json_parser_new_immutable ();

  json_parser_load_from_file (parser, path, &error);
  g_assert_no_error (error);
  JsonArray *cases = json_node_get_array (json_parser_get_root (parser));
  g_assert_cmpuint (json_array_get_length (cases), >=, 6);
  for (guint i = 0; i < json_array_get_length (cases); i++)
    check_case (json_array_get_object_element (cases, i), i);
}

/* A set moved by v is at |v|^2, one stretched by a about its mean at (a - 1)^2 times the trace; symmetric; 0 from
 * itself. */
static void
test_frechet (void)
{
  enum { N = 300, D = 30 };
  struct rows real = features ("real", N, D, 1, 0), same = features ("real", N, D, 1, 0),
              moved = features ("real", N, D, 1, 0.25), large = features ("real", N, D, 3, 0);
  double none, far, wide, back, stretch = 0;

  g_assert_true (fidelity_frechet (&real, &same, &none, NULL));
  g_assert_cmpfloat (none, <, 1e-9);
  g_assert_true (fidelity_frechet (&real, &moved, &far, NULL));
  g_assert_cmpfloat (fabs (far - D * 0.25 * 0.25), <, 1e-5);
  for (int k = 0; k < D; k++) {
    double mean = 0, square = 0;
    for (int i = 0; i < N; i++)
      mean += real.x[i * D + k] / (double) N;
    for (int i = 0; i < N; i++)
      square += (real.x[i * D + k] - mean) * (real.x[i * D + k] - mean) / (N - 1);
    stretch += 4 * mean * mean + 4 * square;
  }
  g_assert_true (fidelity_frechet (&real, &large, &wide, NULL));
  g_assert_true (fidelity_frechet (&large, &real, &back, NULL));
  g_assert_cmpfloat (fabs (wide / stretch - 1), <, 1e-5);
  g_assert_cmpfloat (fabs (back / wide - 1), <, 1e-9);
  g_free ((float *) real.x);
  g_free ((float *) same.x);
  g_free ((float *) moved.x);
  g_free ((float *) large.x);
}

/* Subsets are subsets: their mean is near the whole's, closer the more there are; and each seed has its own. */
static void
test_subsets (void)
{
  struct rows real = features ("real", 900, 10, 1, 0), fake = features ("fake", 700, 10, 1.3, 0.2);
  double whole, some, again, other, deviation;

  g_assert_true (fidelity_kernel (&real, &fake, 1, 900, 1, &whole, NULL, NULL));
  g_assert_true (fidelity_kernel (&real, &fake, 60, 150, 1, &some, &deviation, NULL));
  g_assert_true (fidelity_kernel (&real, &fake, 60, 150, 1, &again, NULL, NULL));
  g_assert_true (fidelity_kernel (&real, &fake, 60, 150, 2, &other, NULL, NULL));
  g_assert_cmpfloat (some, ==, again);
  g_assert_cmpfloat (some, !=, other);
  g_assert_cmpfloat (deviation, >, 0);
  g_assert_cmpfloat (fabs (some - whole), <, 4 * deviation / sqrt (60));
  g_assert_cmpfloat (fabs (other - whole), <, 4 * deviation / sqrt (60));
  g_free ((float *) real.x);
  g_free ((float *) fake.x);
}

static void
test_threads (void)
{
  struct rows real = features ("real", 333, 37, 1, 0), fake = features ("fake", 222, 37, 1, 0.1);
  double figures[2][5];

  for (int k = 0; k < 2; k++) {
    omp_set_num_threads (k == 0 ? 1 : 3);
    struct memorisation repeated;
    g_assert_true (fidelity_frechet (&real, &fake, &figures[k][0], NULL));
    g_assert_true (fidelity_kernel (&real, &fake, 2, 100, 1, &figures[k][1], NULL, NULL));
    g_assert_true (fidelity_precision (&real, &fake, 5, &figures[k][2], &figures[k][3], NULL));
    g_assert_true (fidelity_memorisation (&real, &fake, &repeated, NULL, NULL));
    figures[k][4] = repeated.sample_distance;
  }
  g_assert_cmpmem (figures[0], sizeof figures[0], figures[1], sizeof figures[1]);
  g_free ((float *) real.x);
  g_free ((float *) fake.x);
}

/* Real pictures that are there twice are one: copies are told all the same, and nothing else becomes one. */
static void
test_duplicates (void)
{
  enum { N = 40, D = 6, COPIES = 7 };
  struct rows real = features ("real", N, D, 1, 0), fake = features ("fake", N, D, 1, 0);
  struct memorisation before, after, all;

  memcpy ((float *) fake.x, real.x + 5 * D, COPIES * D * sizeof (float));
  g_assert_true (fidelity_memorisation (&real, &fake, &before, NULL, NULL));
  memcpy ((float *) real.x, real.x + D, D * sizeof (float));
  g_assert_true (fidelity_memorisation (&real, &fake, &after, NULL, NULL));
  g_assert_cmpfloat (after.close_share, >=, (double) COPIES / N);
  g_assert_cmpfloat (fabs (after.close_share - before.close_share), <=, 1.0 / N);
  g_assert_cmpfloat (after.real_distance, >, 0);

  for (int i = 1; i < N; i++) /* one picture alone */
    memcpy ((float *) real.x + i * D, real.x, D * sizeof (float));
  memcpy ((float *) fake.x, real.x, D * sizeof (float));
  g_assert_true (fidelity_memorisation (&real, &fake, &all, NULL, NULL));
  g_assert_cmpfloat (all.close_share, ==, 1.0 / N);
  g_assert_cmpfloat (all.real_distance, ==, 0);
  g_free ((float *) real.x);
  g_free ((float *) fake.x);
}

static void
refused (const struct rows *real, const struct rows *fake, int code, const char *text)
{
  GError *errors[3] = {NULL};
  double x, y;

  g_assert_false (fidelity_frechet (real, fake, &x, &errors[0]));
  g_assert_false (fidelity_kernel (real, fake, 1, 10, 1, &x, NULL, &errors[1]));
  g_assert_false (fidelity_precision (real, fake, 1, &x, &y, &errors[2]));
  for (int i = 0; i < 3; i++) {
    g_assert_error (errors[i], IMPASTO_ERROR, code);
    g_assert_nonnull (strstr (errors[i]->message, text));
  }
  for (int i = 0; i < 3; i++)
    g_clear_error (&errors[i]);
}

static void
test_refused (void)
{
  float x[12] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, bad[4] = {0, 1, NAN, 3};
  const struct rows good = {x, 4, 3}, other = {x, 6, 2}, one = {x, 1, 3}, broken = {bad, 2, 2}, flat = {x, 4, 0};
  double distance;

  refused (&good, &other, IMPASTO_ERROR_INPUT, "real pictures have 3 features, samples 2");
  refused (&good, &one, IMPASTO_ERROR_INPUT, "samples: 1 rows of features are too few, 2 are wanted");
  refused (&one, &good, IMPASTO_ERROR_INPUT, "real pictures: 1 rows");
  refused (&broken, &other, IMPASTO_ERROR_NUMERIC, "real pictures: NaN or infinity among the features of row 1");
  refused (&flat, &flat, IMPASTO_ERROR_INPUT, "too few");
  g_assert_true (fidelity_frechet (&good, &good, &distance, NULL));
  g_assert_cmpfloat (distance, <, 1e-9);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/fidelity/scipy", test_scipy);
  g_test_add_func ("/fidelity/frechet", test_frechet);
  g_test_add_func ("/fidelity/subsets", test_subsets);
  g_test_add_func ("/fidelity/threads", test_threads);
  g_test_add_func ("/fidelity/duplicates", test_duplicates);
  g_test_add_func ("/fidelity/refused", test_refused);
  return g_test_run ();
}
