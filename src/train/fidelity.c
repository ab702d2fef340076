/* SPDX-License-Identifier: Apache-2.0
 *
 * Figures of sample sets. The trace of (S S')^(1/2) needs no square root of a matrix: with S = L L' and S' = M M', it
 * is the sum of the singular values of L' M, which one-sided Jacobi rotations find (Golub and Van Loan, Matrix
 * Computations, 8.6.3). Rows are compared in float with sums of a fixed order, in parallel by rows. */
#include "train/fidelity.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "impasto/error.h"

#define SINGULAR 1e-13   /* a pivot that small beside the largest variance is 0 */
#define SWEEPS 40        /* of rotations; ten are usual */
#define ORTHOGONAL 1e-14 /* cosine of columns that need no rotation */

static bool
check (const struct rows *rows, const char *what, int64_t least, GError **error)
{
  if (rows->n < least || rows->d < 1) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT,
                 "%s: %" G_GINT64_FORMAT " rows of features are too few, %" G_GINT64_FORMAT " are wanted", what,
                 rows->n, least);
    return false;
  }
  for (int64_t i = 0; i < rows->n * rows->d; i++)
    if (!isfinite (rows->x[i])) {
      g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_NUMERIC,
                   "%s: NaN or infinity among the features of row %" G_GINT64_FORMAT, what, i / rows->d);
      return false;
    }
  return true;
}

static bool
check_both (const struct rows *real, const struct rows *fake, int64_t least, GError **error)
{
  if (!check (real, "real pictures", least, error) || !check (fake, "samples", least, error))
    return false;
  if (real->d == fake->d)
    return true;
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT,
               "real pictures have %" G_GINT64_FORMAT " features, samples %" G_GINT64_FORMAT, real->d, fake->d);
  return false;
}

static bool
fail_memory (GError **error)
{
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "no memory for the figures of the samples");
  return false;
}

/* Frechet distance */

/* @mean, (d), and the lower half of the covariance @s, (d,d). */
static void
moments (const struct rows *rows, double *mean, double *s)
{
  int64_t n = rows->n, d = rows->d;

  memset (mean, 0, (size_t) d * sizeof *mean);
  for (int64_t i = 0; i < n; i++)
    for (int64_t k = 0; k < d; k++)
      mean[k] += rows->x[i * d + k];
  for (int64_t k = 0; k < d; k++)
    mean[k] /= (double) n;
#pragma omp parallel for schedule(dynamic, 4)
  for (int64_t a = 0; a < d; a++) {
    double *row = s + a * d;
    memset (row, 0, (size_t) d * sizeof *row);
    for (int64_t i = 0; i < n; i++) {
      const float *x = rows->x + i * d;
      double y = x[a] - mean[a];
      for (int64_t b = 0; b <= a; b++)
        row[b] += y * (x[b] - mean[b]);
    }
    for (int64_t b = 0; b <= a; b++)
      row[b] /= (double) (n - 1);
  }
}

static double
trace (const double *s, int64_t d)
{
  double sum = 0;

  for (int64_t a = 0; a < d; a++)
    sum += s[a * d + a];
  return sum;
}

/* The lower half of @s becomes L, s = L L', the upper one 0. Singular ones too: where nothing is left of a pivot, its
 * column is 0. */
static void
cholesky (double *s, int64_t d)
{
  double least = 0;

  for (int64_t a = 0; a < d; a++)
    least = fmax (least, SINGULAR * s[a * d + a]);
  for (int64_t a = 0; a < d; a++) {
    double *row = s + a * d;
    for (int64_t b = 0; b <= a; b++) {
      const double *other = s + b * d;
      double rest = row[b];
      for (int64_t k = 0; k < b; k++)
        rest -= row[k] * other[k];
      if (b < a)
        row[b] = other[b] > 0 ? rest / other[b] : 0;
      else
        row[a] = rest > least ? sqrt (rest) : 0;
    }
    for (int64_t b = a + 1; b < d; b++)
      row[b] = 0;
  }
}

/* @out, (d,d): rows are the columns of L' M: out[j][i] = sum over k of L[k][i] M[k][j]. */
static void
product (const double *l, const double *m, int64_t d, double *out)
{
  memset (out, 0, (size_t) (d * d) * sizeof *out);
#pragma omp parallel for
  for (int64_t j = 0; j < d; j++)
    for (int64_t k = j; k < d; k++) /* M is 0 above */
      for (int64_t i = 0; i <= k; i++)
        out[j * d + i] += l[k * d + i] * m[k * d + j];
}

/* Turns two rows so that they are orthogonal; whether they were not. */
static bool
rotate (double *x, double *y, int64_t d)
{
  double xx = 0, yy = 0, xy = 0;

  for (int64_t k = 0; k < d; k++) {
    xx += x[k] * x[k];
    yy += y[k] * y[k];
    xy += x[k] * y[k];
  }
  if (fabs (xy) <= ORTHOGONAL * sqrt (xx * yy))
    return false;
  double zeta = (yy - xx) / (2 * xy), t = copysign (1, zeta) / (fabs (zeta) + hypot (1, zeta));
  double c = 1 / hypot (1, t), s = c * t;
  for (int64_t k = 0; k < d; k++) {
    double old = x[k];
    x[k] = c * old - s * y[k];
    y[k] = s * old + c * y[k];
  }
  return true;
}

/* Sum of the singular values of @a, which is lost. */
static double
singular_sum (double *a, int64_t d)
{
  bool turned = true;
  double sum = 0;

  for (int sweep = 0; turned && sweep < SWEEPS; sweep++) {
    turned = false;
    for (int64_t i = 0; i < d; i++)
      for (int64_t k = i + 1; k < d; k++)
        turned |= rotate (a + i * d, a + k * d, d);
  }
  for (int64_t i = 0; i < d; i++) {
    double square = 0;
    for (int64_t k = 0; k < d; k++)
      square += a[i * d + k] * a[i * d + k];
    sum += sqrt (square);
  }
  return sum;
}

bool
fidelity_frechet (const struct rows *real, const struct rows *fake, double *distance, GError **error)
{
  if (!check_both (real, fake, 2, error))
    return false;
  int64_t d = real->d;
  g_autofree double *memory = g_try_malloc_n ((gsize) (3 * d + 2), (gsize) d * sizeof (double));
  if (!memory)
    return fail_memory (error);
  double *s = memory, *t = s + d * d, *both = t + d * d, *m = both + d * d, *n = m + d, sum = 0;

  moments (real, m, s);
  moments (fake, n, t);
  for (int64_t k = 0; k < d; k++)
    sum += (m[k] - n[k]) * (m[k] - n[k]);
  sum += trace (s, d) + trace (t, d);
  cholesky (s, d);
  cholesky (t, d);
  product (s, t, d, both);
  *distance = fmax (0, sum - 2 * singular_sum (both, d)); /* rounding may go below */
  return true;
}

/* Kernel distance */

static double
kernel (const float *x, const float *y, int64_t d)
{
  float dot = 0;

#pragma omp simd reduction(+ : dot)
  for (int64_t k = 0; k < d; k++)
    dot += x[k] * y[k];
  double base = (double) dot / (double) d + 1;
  return base * base * base;
}

/* @size different rows of @n in @out: the first places of a shuffle; all in order when there are no more. */
static int64_t
draw (struct random_key key, int64_t n, int64_t size, int64_t *out)
{
  for (int64_t i = 0; i < n; i++)
    out[i] = i;
  for (int64_t i = 0; i < size && size < n; i++) {
    int64_t other = i + (int64_t) random_below (key, (uint64_t) i, (uint64_t) (n - i)), row = out[i];
    out[i] = out[other];
    out[other] = row;
  }
  return MIN (size, n);
}

/* Sum of the kernel over pairs of chosen rows; of different ones only when both sets are the same. @sums: (n). */
static double
kernel_sum (const struct rows *a, const int64_t *of_a, int64_t n, const struct rows *b, const int64_t *of_b, int64_t m,
            double *sums)
{
  double sum = 0;

#pragma omp parallel for schedule(dynamic, 16)
  for (int64_t i = 0; i < n; i++) {
    sums[i] = 0;
    for (int64_t k = 0; k < m; k++)
      if (a != b || i != k)
        sums[i] += kernel (a->x + of_a[i] * a->d, b->x + of_b[k] * b->d, a->d);
  }
  for (int64_t i = 0; i < n; i++)
    sum += sums[i];
  return sum;
}

bool
fidelity_kernel (const struct rows *real, const struct rows *fake, int subsets, int64_t size, uint64_t seed,
                 double *distance, double *deviation, GError **error)
{
  if (!check_both (real, fake, 2, error))
    return false;
  g_return_val_if_fail (subsets >= 1 && size >= 2, false);
  g_autofree int64_t *x = g_try_new (int64_t, real->n), *y = g_try_new (int64_t, fake->n);
  g_autofree double *sums = g_try_new (double, MAX (real->n, fake->n));
  double mean = 0, square = 0;

  if (!x || !y || !sums)
    return fail_memory (error);
  if (size >= real->n && size >= fake->n)
    subsets = 1;
  for (int s = 0; s < subsets; s++) {
    int64_t n = draw ((struct random_key){.seed = seed, .stream = 1, .step = (uint64_t) s}, real->n, size, x);
    int64_t m = draw ((struct random_key){.seed = seed, .stream = 2, .step = (uint64_t) s}, fake->n, size, y);
    double u = (double) n, v = (double) m;
    double value = kernel_sum (real, x, n, real, x, n, sums) / (u * (u - 1)) +
                   kernel_sum (fake, y, m, fake, y, m, sums) / (v * (v - 1)) -
                   2 * kernel_sum (real, x, n, fake, y, m, sums) / (u * v);
    mean += value / subsets;
    square += value * value / subsets;
  }
  *distance = mean;
  if (deviation)
    *deviation = sqrt (fmax (0, square - mean * mean));
  return true;
}

/* Neighbours */

static float
square_distance (const float *x, const float *y, int64_t d)
{
  float sum = 0;

#pragma omp simd reduction(+ : sum)
  for (int64_t k = 0; k < d; k++)
    sum += (x[k] - y[k]) * (x[k] - y[k]);
  return sum;
}

/* The @k-th smallest square distance from row @i to another of its set; @best: (k). */
static float
radius (const struct rows *rows, int64_t i, int k, float *best)
{
  int n = 0;

  for (int64_t j = 0; j < rows->n; j++) {
    if (j == i)
      continue;
    float at = square_distance (rows->x + i * rows->d, rows->x + j * rows->d, rows->d);
    if (n == k && at >= best[k - 1])
      continue;
    int place = n < k ? n++ : k - 1;
    for (; place > 0 && best[place - 1] > at; place--)
      best[place] = best[place - 1];
    best[place] = at;
  }
  return best[k - 1];
}

/* The share of @points that lie in the ball of some row of @set. */
static bool
covered_share (const struct rows *set, const struct rows *points, int k, double *share, GError **error)
{
  g_autofree float *radii = g_try_new (float, set->n);
  int64_t inside = 0;

  if (!radii)
    return fail_memory (error);
#pragma omp parallel
  {
    g_autofree float *best = g_new (float, k);
#pragma omp for schedule(dynamic, 16)
    for (int64_t i = 0; i < set->n; i++)
      radii[i] = radius (set, i, k, best);
  }
#pragma omp parallel for schedule(dynamic, 16) reduction(+ : inside)
  for (int64_t i = 0; i < points->n; i++)
    for (int64_t j = 0; j < set->n; j++)
      if (square_distance (points->x + i * set->d, set->x + j * set->d, set->d) <= radii[j]) {
        inside++;
        break;
      }
  *share = (double) inside / (double) points->n;
  return true;
}

bool
fidelity_precision (const struct rows *real, const struct rows *fake, int k, double *precision, double *recall,
                    GError **error)
{
  g_return_val_if_fail (k >= 1, false);
  return check_both (real, fake, k + 1, error) && covered_share (real, fake, k, precision, error) &&
         covered_share (fake, real, k, recall, error);
}

/* Of each row of @from the nearest of @to. With @others, when both are the same set, of those that differ from it: a
 * picture that is there twice is no neighbour of itself, or a single pair would be what all are held against. Row -1
 * and distance 0 where there is none. */
static void
find_nearest (const struct rows *from, const struct rows *to, bool others, struct neighbour *out)
{
#pragma omp parallel for schedule(dynamic, 16)
  for (int64_t i = 0; i < from->n; i++) {
    float least = INFINITY;
    out[i].row = -1;
    for (int64_t j = 0; j < to->n; j++) {
      float at = square_distance (from->x + i * from->d, to->x + j * to->d, to->d);
      if (others && at == 0)
        continue;
      if (out[i].row < 0 || at < least) {
        least = at;
        out[i].row = j;
      }
    }
    out[i].distance = out[i].row < 0 ? 0 : sqrt (least);
  }
}

bool
fidelity_nearest (const struct rows *from, const struct rows *to, struct neighbour *out, GError **error)
{
  if (!check_both (to, from, 1, error))
    return false;
  find_nearest (from, to, false, out);
  return true;
}

static int
compare_distances (const void *a, const void *b)
{
  double x = ((const struct neighbour *) a)->distance, y = ((const struct neighbour *) b)->distance;

  return (x > y) - (x < y);
}

/* Sorts. */
static double
median (struct neighbour *list, int64_t n)
{
  qsort (list, (size_t) n, sizeof *list, compare_distances);
  return (list[(n - 1) / 2].distance + list[n / 2].distance) / 2;
}

bool
fidelity_memorisation (const struct rows *real, const struct rows *fake, struct memorisation *memorisation,
                       struct neighbour *nearest, GError **error)
{
  if (!check (real, "real pictures", 2, error) || !check_both (real, fake, 1, error))
    return false;
  g_autofree struct neighbour *inner = g_try_new (struct neighbour, real->n),
                              *outer = g_try_new (struct neighbour, fake->n);
  int64_t close = 0;

  if (!inner || !outer)
    return fail_memory (error);
  find_nearest (real, real, true, inner);
  find_nearest (fake, real, false, outer);
  if (nearest)
    memcpy (nearest, outer, (size_t) fake->n * sizeof *nearest);
  memorisation->real_distance = median (inner, real->n);
  memorisation->sample_distance = median (outer, fake->n);
  const double limit = inner[real->n / 100].distance;
  while (close < fake->n && (outer[close].distance == 0 || outer[close].distance < limit))
    close++;
  memorisation->close_share = (double) close / (double) fake->n;
  return true;
}
