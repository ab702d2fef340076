/* SPDX-License-Identifier: Apache-2.0
 *
 * Keeping colours (Gatys, Bethge, Hertzmann, Shechtman 2016, "Preserving color in neural artistic style transfer",
 * whose two ways these are).
 *
 * Luminance: luma Y' = 0.2126 R' + 0.7152 G' + 0.0722 B' of the painting, and R' - Y', G' - Y', B' - Y' of the
 * photograph, shrunk where they would leave the cube of colours, so that the luma and the hue stay.
 *
 * Palette: both pictures are taken as clouds of colours with means m and covariances S. Of the linear maps that take
 * the one to the other, the one that moves colours least is the optimal transport between two Gaussians (Monge's map:
 * Olkin and Pukelsheim 1982; for colours Pitie and Kokaram 2007):
 *
 *   x -> m2 + A (x - m1),   A = S1^-1/2 (S1^1/2 S2 S1^1/2)^1/2 S1^-1/2
 *
 * A style's palette, which a painter of any style gives only roughly, and beyond which its colours run where a
 * photograph has what it has not seen, is aimed at likewise; then what lies d deviations of the palette from its mean
 * (Mahalanobis) is brought to 2 + tanh ((d - 2) / S) S of them, S = 0.5, where d > 2.
 *
 * A little is added to both covariances, and A is bounded: grey pictures and single pixels have no covariance to divide
 * by, and what is next to grey would turn its noise into colour. */
#include "effect/colors.h"

#include <glib.h>
#include <math.h>

#define LEAST_VARIANCE 1e-5 /* deviation of 0.8/255 */
#define MOST_GAIN 2.0       /* beyond it colours are no longer the photograph's, and clip */
#define STYLE_GAIN 1.5 /* towards a style: what was painted with little contrast has its strokes from noise */
#define NEAR 2.0       /* deviations of a palette that are as they should be */
#define SOFT 0.5       /* and how many more there may be */

const char *const keep_colors_names[] = {"no", "luminance", "palette", NULL};

static float
luma (float r, float g, float b)
{
  return 0.2126f * r + 0.7152f * g + 0.0722f * b;
}

/* The most of a chroma component @c that a luma @y has room for, 1 = all. */
static float
room (float y, float c)
{
  if (c > 0)
    return y + c > 1 ? (1 - y) / c : 1;
  return y + c < 0 ? y / -c : 1;
}

void
colors_keep_luminance (const float *photo, float *painting, int64_t n)
{
#pragma omp parallel for
  for (int64_t i = 0; i < n; i++) {
    float r = photo[i], g = photo[n + i], b = photo[2 * n + i], grey = luma (r, g, b);
    float y = luma (painting[i], painting[n + i], painting[2 * n + i]);
    y = fminf (fmaxf (y, 0), 1);
    float share = fminf (room (y, r - grey), fminf (room (y, g - grey), room (y, b - grey)));
    painting[i] = y + share * (r - grey);
    painting[n + i] = y + share * (g - grey);
    painting[2 * n + i] = y + share * (b - grey);
  }
}

typedef double matrix[3][3];

static void
multiply (matrix a, matrix b, matrix out)
{
  for (int i = 0; i < 3; i++)
    for (int j = 0; j < 3; j++)
      out[i][j] = a[i][0] * b[0][j] + a[i][1] * b[1][j] + a[i][2] * b[2][j];
}

/* Eigenvalues and eigenvectors (columns) of a symmetric matrix by Jacobi's rotations. */
static void
eigen (matrix a, double values[3], matrix vectors)
{
  for (int i = 0; i < 3; i++)
    for (int j = 0; j < 3; j++)
      vectors[i][j] = i == j;
  for (int sweep = 0; sweep < 32; sweep++)
    for (int p = 0; p < 2; p++)
      for (int q = p + 1; q < 3; q++) {
        if (fabs (a[p][q]) < 1e-300)
          continue;
        double theta = (a[q][q] - a[p][p]) / (2 * a[p][q]);
        double t = (theta >= 0 ? 1 : -1) / (fabs (theta) + sqrt (theta * theta + 1)), c = 1 / sqrt (t * t + 1),
               s = t * c;
        for (int k = 0; k < 3; k++) {
          double x = a[k][p], y = a[k][q];
          a[k][p] = c * x - s * y;
          a[k][q] = s * x + c * y;
        }
        for (int k = 0; k < 3; k++) {
          double x = a[p][k], y = a[q][k];
          a[p][k] = c * x - s * y;
          a[q][k] = s * x + c * y;
          x = vectors[k][p], y = vectors[k][q];
          vectors[k][p] = c * x - s * y;
          vectors[k][q] = s * x + c * y;
        }
      }
  for (int i = 0; i < 3; i++)
    values[i] = a[i][i];
}

/* f of a symmetric matrix: f of its eigenvalues. */
static void
apply (matrix a, double (*f) (double), matrix out)
{
  matrix copy, vectors;
  double values[3];
  for (int i = 0; i < 3; i++)
    for (int j = 0; j < 3; j++)
      copy[i][j] = a[i][j];
  eigen (copy, values, vectors);
  for (int i = 0; i < 3; i++)
    for (int j = 0; j < 3; j++) {
      out[i][j] = 0;
      for (int k = 0; k < 3; k++)
        out[i][j] += vectors[i][k] * f (values[k]) * vectors[j][k];
    }
}

static double
root (double x)
{
  return sqrt (fmax (x, 0));
}

static double
inverse_root (double x)
{
  return 1 / sqrt (fmax (x, LEAST_VARIANCE / 2));
}

static double
bounded (double x)
{
  return fmin (fmax (x, 0), MOST_GAIN);
}

static double
bounded_to_style (double x)
{
  return fmin (fmax (x, 0), STYLE_GAIN);
}

void
colors_sums_add (struct colors_sums *sums, const float *rgb, int64_t stride, const float *alpha, int64_t n)
{
  enum { RUN = 4096 };
  int64_t runs = (n + RUN - 1) / RUN;
  g_autofree struct colors_sums *parts = g_new0 (struct colors_sums, runs);
#pragma omp parallel for
  for (int64_t run = 0; run < runs; run++)
    for (int64_t i = run * RUN; i < MIN (n, (run + 1) * RUN); i++) {
      double weight = alpha ? alpha[i] : 1, x[3] = {rgb[i], rgb[stride + i], rgb[2 * stride + i]};
      double *s = parts[run].sum;
      *s += weight;
      for (int a = 0, at = 4; a < 3; a++) {
        s[1 + a] += weight * x[a];
        for (int b = a; b < 3; b++)
          s[at++] += weight * x[a] * x[b];
      }
    }
  for (int64_t run = 0; run < runs; run++)
    for (int k = 0; k < COLORS_SUMS; k++)
      sums->sum[k] += parts[run].sum[k];
}

void
colors_sums_mix (struct colors_sums *sums, const struct colors_sums *other, double share)
{
  for (int k = 0; k < COLORS_SUMS; k++)
    sums->sum[k] += share * other->sum[k] / fmax (other->sum[0], 1e-9);
}

static void
moments (const struct colors_sums *sums, double mean[3], matrix covariance)
{
  double weight = fmax (sums->sum[0], 1e-9);
  for (int a = 0; a < 3; a++)
    mean[a] = sums->sum[1 + a] / weight;
  for (int a = 0, at = 4; a < 3; a++)
    for (int b = a; b < 3; b++) {
      double value = sums->sum[at++] / weight - mean[a] * mean[b];
      covariance[a][b] = covariance[b][a] = value + (a == b ? LEAST_VARIANCE : 0);
    }
}

/* A of the formula above; @bound of its eigenvalues. */
static void
monge (matrix from, matrix to, double (*bound) (double), matrix out)
{
  matrix half, inverse, left, middle;
  apply (from, root, half);
  apply (from, inverse_root, inverse);
  multiply (half, to, left);
  multiply (left, half, middle);
  apply (middle, root, left);
  multiply (inverse, left, middle);
  multiply (middle, inverse, left);
  apply (left, bound, out);
}

/* @bound: of its gain. @covariance gets that of @wanted. */
static struct colors_map
map_to (const struct colors_sums *painting, const struct colors_sums *wanted, double (*bound) (double),
        matrix covariance)
{
  struct colors_map map = {.held = false};
  matrix from;
  moments (painting, map.from, from);
  moments (wanted, map.to, covariance);
  monge (from, covariance, bound, map.a);
  return map;
}

struct colors_map
colors_map_between (const struct colors_sums *painting, const struct colors_sums *photo)
{
  matrix covariance;
  return map_to (painting, photo, bounded, covariance);
}

static double
inverse (double x)
{
  return 1 / fmax (x, LEAST_VARIANCE / 2);
}

struct colors_map
colors_map_within (const struct colors_sums *painting, const struct colors_sums *style)
{
  matrix covariance;
  struct colors_map map = map_to (painting, style, bounded_to_style, covariance);
  apply (covariance, inverse, map.precision);
  map.held = true;
  return map;
}

/* a v */
static void
transform (const double a[3][3], const double v[3], double out[3])
{
  for (int i = 0; i < 3; i++)
    out[i] = a[i][0] * v[0] + a[i][1] * v[1] + a[i][2] * v[2];
}

static void
map_colour (const struct colors_map *map, const float rgb[3], double out[3])
{
  double from_mean[3], moved[3], weighted[3], share = 1;
  for (int c = 0; c < 3; c++)
    from_mean[c] = rgb[c] - map->from[c];
  transform (map->a, from_mean, moved);
  if (map->held) {
    transform (map->precision, moved, weighted);
    double d = sqrt (fmax (moved[0] * weighted[0] + moved[1] * weighted[1] + moved[2] * weighted[2], 0));
    share = d > NEAR ? (NEAR + SOFT * tanh ((d - NEAR) / SOFT)) / d : 1;
  }
  for (int c = 0; c < 3; c++)
    out[c] = CLAMP (map->to[c] + share * moved[c], 0, 1);
}

void
colors_maps_move (const struct colors_map *maps, int n_maps, const float *shares, double amount, float *rgb,
                  int64_t stride, int64_t n)
{
#pragma omp parallel for
  for (int64_t i = 0; i < n; i++) {
    float pixel[3] = {rgb[i], rgb[stride + i], rgb[2 * stride + i]};
    double sum[3] = {0};
    for (int k = 0; k < n_maps; k++) {
      double share = shares ? shares[k * n + i] : 1, moved[3];
      if (share <= 0)
        continue;
      map_colour (&maps[k], pixel, moved);
      for (int c = 0; c < 3; c++)
        sum[c] += share * moved[c];
    }
    for (int c = 0; c < 3; c++)
      rgb[c * stride + i] = pixel[c] + amount * (sum[c] - pixel[c]);
  }
}

void
colors_map_apply (const struct colors_map *map, float *rgb, int64_t stride, int64_t n)
{
  colors_maps_move (map, 1, NULL, 1, rgb, stride, n);
}

void
colors_keep_palette (const float *photo, float *painting, const float *alpha, int64_t n)
{
  struct colors_sums from = {{0}}, to = {{0}};
  colors_sums_add (&from, painting, n, alpha, n);
  colors_sums_add (&to, photo, n, alpha, n);
  struct colors_map map = colors_map_between (&from, &to);
  colors_map_apply (&map, painting, n, n);
}
