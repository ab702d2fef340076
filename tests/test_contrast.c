/* SPDX-License-Identifier: Apache-2.0
 *
 * Mixes of two paintings that keep their contrast: of noise that has nothing in common, of equal pictures, at both ends
 * of the share, and of small pictures. */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "effect/contrast.h"

enum { WIDTH = 150, HEIGHT = 110 };

static float *
noise (uint32_t stream, int width, int height, double mean)
{
  float *picture = g_new (float, 3 * width * height);
  random_uniform_fill ((struct random_key){.stream = stream}, 0, picture, 3 * width * height);
  for (int i = 0; i < 3 * width * height; i++)
    picture[i] = (float) (mean + 0.2 * (picture[i] - 0.5));
  return picture;
}

/* Pictures are (height, 3, width): a row after the other. */
static float *
mixed (const float *first, const float *second, int width, int height, double share)
{
  g_autoptr (contrast) contrast = contrast_new (width, height, share, NULL);
  float *out = g_new (float, 3 * width * height);
  for (int y = 0; y < height; y++)
    contrast_measure (contrast, y, first + 3 * width * y, second + 3 * width * y);
  for (int y = 0; y < height; y++)
    contrast_mix (contrast, y, first + 3 * width * y, second + 3 * width * y, out + 3 * width * y);
  return out;
}

static double
deviation (const float *x, int n, double *mean)
{
  double square = 0;
  *mean = 0;
  for (int i = 0; i < n; i++)
    *mean += x[i] / n;
  for (int i = 0; i < n; i++)
    square += (x[i] - *mean) * (x[i] - *mean) / n;
  return sqrt (square);
}

/* Half of each has the mean of both and their deviation, where a plain mix has 0.7 of it. */
static void
test_noise (void)
{
  g_autofree float *a = noise (1, WIDTH, HEIGHT, 0.4), *b = noise (2, WIDTH, HEIGHT, 0.5);
  double mean_a, mean_b, mean, d = deviation (a, 3 * WIDTH * HEIGHT, &mean_a);
  deviation (b, 3 * WIDTH * HEIGHT, &mean_b);
  for (double share = 0.25; share < 1; share += 0.25) {
    g_autofree float *m = mixed (a, b, WIDTH, HEIGHT, share);
    double found = deviation (m, 3 * WIDTH * HEIGHT, &mean);
    g_assert_cmpfloat_with_epsilon (mean, mean_a + share * (mean_b - mean_a), 1e-3);
    g_assert_cmpfloat_with_epsilon (found, d, 0.02 * d);
  }
}

/* Where both agree there is nothing to make up for; nor at the ends; and near them next to nothing. */
static void
test_same (void)
{
  g_autofree float *a = noise (1, WIDTH, HEIGHT, 0.5), *b = noise (2, WIDTH, HEIGHT, 0.5),
                   *same = mixed (a, a, WIDTH, HEIGHT, 0.3), *first = mixed (a, b, WIDTH, HEIGHT, 0),
                   *last = mixed (a, b, WIDTH, HEIGHT, 1), *next = mixed (a, b, WIDTH, HEIGHT, 0.01);
  for (int i = 0; i < 3 * WIDTH * HEIGHT; i++) {
    g_assert_cmpfloat_with_epsilon (same[i], a[i], 1e-5);
    g_assert_cmpfloat_with_epsilon (first[i], a[i], 1e-5);
    g_assert_cmpfloat_with_epsilon (last[i], b[i], 1e-5);
    g_assert_cmpfloat_with_epsilon (next[i], a[i], 0.005);
  }
}

static void
test_small (void)
{
  static const int sizes[][2] = {{1, 1}, {1, 60}, {25, 2}};
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    int w = sizes[i][0], h = sizes[i][1];
    g_autofree float *a = noise (1, w, h, 0.02), *b = noise (2, w, h, 0.98), *m = mixed (a, b, w, h, 0.5);
    for (int k = 0; k < 3 * w * h; k++)
      g_assert_true (m[k] >= 0 && m[k] <= 1);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/contrast/noise", test_noise);
  g_test_add_func ("/contrast/same", test_same);
  g_test_add_func ("/contrast/small", test_small);
  return g_test_run ();
}
