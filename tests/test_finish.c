/* SPDX-License-Identifier: Apache-2.0
 *
 * The photograph's colours kept, and finishing: against what the formulas promise and against slow filters written from
 * their definitions. */
#include <math.h>
#include <string.h>

#include "effect/colors.h"
#include "effect/finish.h"

#define W 37
#define H 29
#define N (W * H)

static float
luma (const float *rgb, int n, int i)
{
  return 0.2126f * rgb[i] + 0.7152f * rgb[n + i] + 0.0722f * rgb[2 * n + i];
}

static void
fill (float *values, int n, double low, double high, int seed)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (seed);
  for (int i = 0; i < n; i++)
    values[i] = g_rand_double_range (random, low, high);
}

/* --- Colours --- */

static void
test_luminance (void)
{
  float photo[3 * N], painting[3 * N], before[3 * N];
  fill (photo, 3 * N, 0, 1, 1);
  fill (painting, 3 * N, 0, 1, 2);
  memcpy (before, painting, sizeof painting);
  colors_keep_luminance (photo, painting, N);
  for (int i = 0; i < N; i++) {
    float y = luma (photo, N, i), kept = 0;
    g_assert_cmpfloat_with_epsilon (luma (painting, N, i), luma (before, N, i), 1e-5);
    for (int c = 0; c < 3; c++) {
      g_assert_cmpfloat (painting[c * N + i], >=, -1e-5);
      g_assert_cmpfloat (painting[c * N + i], <=, 1 + 1e-5);
      kept += (photo[c * N + i] - y) * (painting[c * N + i] - luma (before, N, i));
    }
    for (int c = 0; c < 3; c++) { /* one share of the photograph's chroma in all channels */
      float all = 0;
      for (int d = 0; d < 3; d++)
        all += (photo[d * N + i] - y) * (photo[d * N + i] - y);
      g_assert_cmpfloat_with_epsilon (painting[c * N + i], luma (before, N, i) + kept / all * (photo[c * N + i] - y),
                                      1e-4);
    }
  }
}

static void
moments (const float *rgb, int n, double mean[3], double covariance[3][3])
{
  for (int a = 0; a < 3; a++) {
    mean[a] = 0;
    for (int i = 0; i < n; i++)
      mean[a] += rgb[a * n + i] / n;
  }
  for (int a = 0; a < 3; a++)
    for (int b = 0; b < 3; b++) {
      covariance[a][b] = 0;
      for (int i = 0; i < n; i++)
        covariance[a][b] += (rgb[a * n + i] - mean[a]) * (rgb[b * n + i] - mean[b]) / n;
    }
}

/* Mean and covariance become the photograph's where nothing is clamped. */
static void
test_palette (void)
{
  float photo[3 * N], painting[3 * N];
  double mean[2][3], covariance[2][3][3];
  fill (photo, 3 * N, 0.3, 0.5, 1);
  fill (painting, 3 * N, 0.4, 0.7, 2);
  for (int i = 0; i < N; i++) {
    photo[N + i] = 0.5f * photo[N + i] + 0.5f * photo[i];
    painting[2 * N + i] = 0.7f * painting[2 * N + i] + 0.3f * painting[N + i];
  }
  colors_keep_palette (photo, painting, NULL, N);
  moments (photo, N, mean[0], covariance[0]);
  moments (painting, N, mean[1], covariance[1]);
  for (int a = 0; a < 3; a++) {
    g_assert_cmpfloat_with_epsilon (mean[0][a], mean[1][a], 1e-4);
    for (int b = 0; b < 3; b++)
      g_assert_cmpfloat_with_epsilon (covariance[0][a][b], covariance[1][a][b], 2e-5);
  }
  float same[3 * N];
  memcpy (same, photo, sizeof photo);
  colors_keep_palette (photo, same, NULL, N);
  for (int i = 0; i < 3 * N; i++) /* nothing moves without need */
    g_assert_cmpfloat_with_epsilon (same[i], photo[i], 1e-5);
}

/* Towards a style: its mean; no colour further out than two and a half deviations; and where nothing lies far out, and
 * contrast need not grow by more than a half, its covariance. */
static void
test_palette_of_style (void)
{
  float style[3 * N], painting[3 * N];
  double mean[2][3], covariance[2][3][3];
  struct colors_sums of_style = {{0}}, of_painting = {{0}}, twice = {{0}};
  fill (style, 3 * N, 0.3, 0.5, 1);
  fill (painting, 3 * N, 0.2, 0.9, 2);
  for (int i = 0; i < N; i++)
    style[N + i] = 0.5f * style[N + i] + 0.5f * style[i];
  colors_sums_add (&of_style, style, N, NULL, N);
  colors_sums_add (&of_painting, painting, N, NULL, N);
  struct colors_map map = colors_map_within (&of_painting, &of_style);
  colors_map_apply (&map, painting, N, N); /* evenly distributed: the corners of a cube are three deviations away */
  moments (style, N, mean[0], covariance[0]);
  moments (painting, N, mean[1], covariance[1]);
  for (int a = 0; a < 3; a++) {
    g_assert_cmpfloat_with_epsilon (mean[0][a], mean[1][a], 0.01);
    for (int b = 0; b < 3; b++)
      g_assert_cmpfloat_with_epsilon (covariance[0][a][b], covariance[1][a][b], 0.2 * covariance[0][a][a]);
  }
  float far[3] = {mean[0][0], mean[0][1], 1}; /* the third colour knows nothing of the others */
  colors_map_apply (&map, far, 1, 1);
  double d = fabs (far[2] - mean[0][2]) / sqrt (covariance[0][2][2]);
  g_assert_cmpfloat (d, >, 1.9);
  g_assert_cmpfloat (d, <, 2.6);

  fill (painting, 3 * N, 0.4, 0.45, 3); /* a quarter of the style's contrast grows to three eighths */
  moments (painting, N, mean[0], covariance[0]);
  of_painting = (struct colors_sums){{0}};
  colors_sums_add (&of_painting, painting, N, NULL, N);
  map = colors_map_within (&of_painting, &of_style);
  colors_map_apply (&map, painting, N, N);
  moments (painting, N, mean[1], covariance[1]);
  for (int a = 0; a < 3; a++)
    g_assert_cmpfloat_with_epsilon (sqrt (covariance[1][a][a] / covariance[0][a][a]), 1.5, 0.01);

  colors_sums_mix (&twice, &of_style, 0.25);
  colors_sums_mix (&twice, &of_style, 0.75);
  for (int k = 0; k < COLORS_SUMS; k++)
    g_assert_cmpfloat_with_epsilon (twice.sum[k] * N, of_style.sum[k], 1e-9 * N);
}

/* Two maps, each by its share, and a part of the way. */
static void
test_palette_shares (void)
{
  const struct colors_map up = {.to = {0.1, 0.1, 0.1}, .a = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
  const struct colors_map maps[2] = {up, {.to = {0.3, 0.3, 0.3}, .a = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}}};
  float rgb[6] = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6}, shares[4] = {1, 0.5, 0, 0.5};
  colors_maps_move (maps, 2, shares, 0.5, rgb, 2, 2);
  for (int c = 0; c < 3; c++) {
    g_assert_cmpfloat_with_epsilon (rgb[2 * c], 0.1 + 0.2 * c + 0.5 * 0.1, 1e-6);
    g_assert_cmpfloat_with_epsilon (rgb[2 * c + 1], 0.2 + 0.2 * c + 0.5 * 0.2, 1e-6);
  }
}

/* Taken in rows and moved in rows, a palette is the same; pixels that are not seen do not count. */
static void
test_palette_rows (void)
{
  enum { ROWS = H, WIDTH = W };
  float photo[3 * N], painting[3 * N], whole[3 * N], alpha[N];
  struct colors_sums from = {{0}}, to = {{0}};
  fill (photo, 3 * N, 0.2, 0.6, 5);
  fill (painting, 3 * N, 0.3, 0.8, 6);
  fill (alpha, N, 0, 1, 7);
  for (int i = 0; i < WIDTH; i++) { /* an odd row that is transparent */
    alpha[i] = 0;
    painting[i] = photo[N + i] = 1;
  }
  memcpy (whole, painting, sizeof whole);
  colors_keep_palette (photo, whole, alpha, N);
  for (int y = 0; y < ROWS; y++) {
    colors_sums_add (&from, painting + y * WIDTH, N, alpha + y * WIDTH, WIDTH);
    colors_sums_add (&to, photo + y * WIDTH, N, alpha + y * WIDTH, WIDTH);
  }
  struct colors_map map = colors_map_between (&from, &to);
  for (int y = 0; y < ROWS; y++)
    colors_map_apply (&map, painting + y * WIDTH, N, WIDTH);
  for (int i = 0; i < 3 * N; i++)
    g_assert_cmpfloat_with_epsilon (painting[i], whole[i], 1e-6);
}

/* One pixel, one colour, greys: finite, and of the photograph's mean. */
static void
test_degenerate (void)
{
  float one[3] = {0.2, 0.4, 0.6}, other[3] = {0.9, 0.1, 0.3};
  colors_keep_palette (one, other, NULL, 1);
  for (int c = 0; c < 3; c++)
    g_assert_cmpfloat_with_epsilon (other[c], one[c], 1e-6);

  float grey[3 * N], colours[3 * N], painting[3 * N];
  fill (grey, N, 0.2, 0.8, 3);
  memcpy (grey + N, grey, N * sizeof (float));
  memcpy (grey + 2 * N, grey, N * sizeof (float));
  fill (colours, 3 * N, 0, 1, 4);
  memcpy (painting, colours, sizeof colours);
  colors_keep_palette (grey, painting, NULL, N); /* becomes grey, but for the little that is added */
  for (int i = 0; i < N; i++)
    g_assert_cmpfloat (fabsf (painting[i] - painting[N + i]), <, 0.05);
  memcpy (painting, grey, sizeof grey);
  colors_keep_palette (colours, painting, NULL, N);
  for (int i = 0; i < 3 * N; i++)
    g_assert_true (isfinite (painting[i]));
  float black[3 * N] = {0}, alpha[N] = {0};
  colors_keep_palette (black, painting, alpha, N);
  colors_keep_luminance (colours, black, N);
  for (int i = 0; i < 3 * N; i++) {
    g_assert_true (isfinite (painting[i]));
    g_assert_cmpfloat (fabsf (black[i]), <, 1e-6);
  }
}

/* --- Finishing --- */

static const struct finish off = {0, 1, 0, 1};

static void
test_off (void)
{
  float rgb[3 * N], before[3 * N];
  fill (rgb, 3 * N, 0, 1, 5);
  memcpy (before, rgb, sizeof rgb);
  g_assert_false (finish_wanted (&off));
  g_assert_true (finish_run (&off, rgb, W, H, NULL));
  g_assert_cmpmem (rgb, sizeof rgb, before, sizeof before);
}

/* Mean over a window that is cut off at the edges. */
static double
window (const double *in, int x, int y, int r)
{
  double sum = 0;
  int count = 0;
  for (int v = MAX (y - r, 0); v <= MIN (y + r, H - 1); v++)
    for (int u = MAX (x - r, 0); u <= MIN (x + r, W - 1); u++) {
      sum += in[v * W + u];
      count++;
    }
  return sum / count;
}

static void
slow_guided (const float *in, double *out, int r, double epsilon)
{
  g_autofree double *p = g_new (double, N), *square = g_new (double, N), *a = g_new (double, N), *b = g_new (double, N);
  for (int i = 0; i < N; i++) {
    p[i] = in[i];
    square[i] = p[i] * p[i];
  }
  for (int i = 0; i < N; i++) {
    double mean = window (p, i % W, i / W, r), variance = window (square, i % W, i / W, r) - mean * mean;
    a[i] = variance / (variance + epsilon);
    b[i] = (1 - a[i]) * mean;
  }
  for (int i = 0; i < N; i++)
    out[i] = window (a, i % W, i / W, r) * p[i] + window (b, i % W, i / W, r);
}

static void
test_denoise (void)
{
  float rgb[3 * N], before[3 * N];
  double expected[N];
  fill (rgb, 3 * N, 0.1, 0.9, 6);
  memcpy (before, rgb, sizeof rgb);
  g_assert_true (finish_run (&(struct finish){.denoise = 0.8, .detail = 1, .saturation = 1}, rgb, W, H, NULL));
  for (int c = 0; c < 3; c++) {
    slow_guided (before + c * N, expected, 2, 0.08 * 0.08);
    for (int i = 0; i < N; i++)
      g_assert_cmpfloat_with_epsilon (rgb[c * N + i], expected[i], 1e-4);
  }
}

static void
test_detail (void)
{
  float rgb[3 * N], before[3 * N], grey[N];
  double smooth[N];
  fill (rgb, 3 * N, 0.4, 0.6, 7);
  memcpy (before, rgb, sizeof rgb);
  for (int i = 0; i < N; i++)
    grey[i] = luma (rgb, N, i);
  slow_guided (grey, smooth, 8, 0.01);
  g_assert_true (finish_run (&(struct finish){.detail = 1.7, .saturation = 1}, rgb, W, H, NULL));
  for (int i = 0; i < 3 * N; i++)
    g_assert_cmpfloat_with_epsilon (rgb[i], before[i] + 0.7 * (grey[i % N] - smooth[i % N]), 1e-4);
}

/* An edge is overdrawn on both sides, a flat place stays. */
static void
test_sharpen (void)
{
  float rgb[3 * N];
  for (int i = 0; i < 3 * N; i++)
    rgb[i] = i % W < W / 2 ? 0.3f : 0.7f;
  g_assert_true (finish_run (&(struct finish){.detail = 1, .sharpen = 1, .saturation = 1}, rgb, W, H, NULL));
  for (int i = 0; i < 3 * N; i++) {
    int x = i % W;
    if (x == W / 2 - 1)
      g_assert_cmpfloat (rgb[i], <, 0.25f);
    else if (x == W / 2)
      g_assert_cmpfloat (rgb[i], >, 0.75f);
    else if (x < W / 2 - 4 || x > W / 2 + 4)
      g_assert_cmpfloat_with_epsilon (rgb[i], x < W / 2 ? 0.3f : 0.7f, 1e-5);
  }
}

static void
test_saturation (void)
{
  float rgb[3 * N], before[3 * N];
  fill (rgb, 3 * N, 0.3, 0.7, 8);
  memcpy (before, rgb, sizeof rgb);
  g_assert_true (finish_run (&(struct finish){.detail = 1, .saturation = 0}, rgb, W, H, NULL));
  for (int i = 0; i < 3 * N; i++)
    g_assert_cmpfloat_with_epsilon (rgb[i], luma (before, N, i % N), 1e-5);
  memcpy (rgb, before, sizeof rgb);
  g_assert_true (finish_run (&(struct finish){.detail = 1, .saturation = 1.5}, rgb, W, H, NULL));
  for (int i = 0; i < N; i++)
    g_assert_cmpfloat_with_epsilon (luma (rgb, N, i), luma (before, N, i), 1e-5);
}

/* Everything at once, in bands, is everything at once in one piece; and a pixel or a row is a picture, too. */
static void
test_bands (void)
{
  static const struct {
    int w, h;
  } sizes[] = {{1, 1}, {1, 300}, {300, 1}, {13, 64}, {13, 65}, {600, 201}};
  const struct finish all = {.denoise = 0.5, .detail = 1.4, .sharpen = 0.7, .saturation = 1.3};
  g_assert_cmpint (finish_reach (&all), ==, 23);
  for (guint k = 0; k < G_N_ELEMENTS (sizes); k++) {
    int w = sizes[k].w, h = sizes[k].h, n = w * h;
    g_autofree float *bands = g_new (float, 3 * n), *whole = g_new (float, (3 + FINISH_SCRATCH) * n);
    fill (bands, 3 * n, 0, 1, 9);
    memcpy (whole, bands, 3 * n * sizeof (float));
    finish_band (&all, whole, w, h, whole + 3 * n);
    g_assert_true (finish_run (&all, bands, w, h, NULL));
    for (int i = 0; i < 3 * n; i++)
      g_assert_cmpfloat_with_epsilon (bands[i], whole[i], 2e-5);
    g_assert_cmpuint (finish_bytes (&all, w, h), >=, 8u * sizeof (float) * w);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/colors/luminance", test_luminance);
  g_test_add_func ("/colors/palette", test_palette);
  g_test_add_func ("/colors/palette-rows", test_palette_rows);
  g_test_add_func ("/colors/palette-of-style", test_palette_of_style);
  g_test_add_func ("/colors/palette-shares", test_palette_shares);
  g_test_add_func ("/colors/degenerate", test_degenerate);
  g_test_add_func ("/finish/off", test_off);
  g_test_add_func ("/finish/denoise", test_denoise);
  g_test_add_func ("/finish/detail", test_detail);
  g_test_add_func ("/finish/sharpen", test_sharpen);
  g_test_add_func ("/finish/saturation", test_saturation);
  g_test_add_func ("/finish/bands", test_bands);
  return g_test_run ();
}
