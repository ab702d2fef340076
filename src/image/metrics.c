/* SPDX-License-Identifier: Apache-2.0
 *
 * How far pictures are apart; see metrics.h for formulas and sources. Sums are doubles, one row after another, so that
 * a figure does not depend on threads. SSIM keeps the last rows of windowed sums only: memory goes with the width. */
#include "image/metrics.h"

#include <math.h>
#include <string.h>

#include "impasto/error.h"

enum { WINDOW = 11, SUMS = 5 }; /* a, b, a a, b b, a b */

/* A sum over samples that becomes a distance. */
struct tally {
  double square, absolute, most;
  int64_t n;
};

static void
tally_add (struct tally *tally, float a, float b)
{
  double difference = fabs ((double) a - b);
  tally->square += difference * difference;
  tally->absolute += difference;
  tally->most = fmax (tally->most, difference);
  tally->n++;
}

static struct picture_distance
tally_distance (const struct tally *tally)
{
  if (tally->n == 0)
    return (struct picture_distance){.psnr = INFINITY};
  double square = tally->square / tally->n;
  return (struct picture_distance){
    .psnr = square > 0 ? -10 * log10 (square) : INFINITY,
    .mean = tally->absolute / tally->n,
    .most = tally->most,
  };
}

struct picture_distance
picture_compare (const struct picture *a, const struct picture *b)
{
  struct tally tally = {0};
  g_return_val_if_fail (a->width == b->width && a->height == b->height, (struct picture_distance){0});
  for (int64_t i = 0; i < 3 * (int64_t) a->width * a->height; i++)
    tally_add (&tally, a->rgb[i], b->rgb[i]);
  return tally_distance (&tally);
}

/* --- Structural similarity --- */

/* The window along one axis of @extent pixels; returns how many taps it has. */
static int
window_of (int extent, double taps[WINDOW])
{
  const double sigma = 1.5;
  int n = MIN (extent, WINDOW);
  double sum = 0;
  for (int i = 0; i < n; i++) {
    double x = i - (n - 1) / 2.0;
    sum += taps[i] = exp (-x * x / (2 * sigma * sigma));
  }
  for (int i = 0; i < n; i++)
    taps[i] /= sum;
  return n;
}

static void
luma_row (const struct picture *picture, int y, double *row)
{
  int64_t plane = (int64_t) picture->width * picture->height;
  const float *r = picture->rgb + (int64_t) y * picture->width, *g = r + plane, *b = g + plane;
  for (int x = 0; x < picture->width; x++)
    row[x] = 0.299 * r[x] + 0.587 * g[x] + 0.114 * b[x];
}

/* Sums of one row under the horizontal window: (SUMS, width - n + 1). */
static void
window_row (const double *a, const double *b, int width, const double *taps, int n, double *sums)
{
  int out = width - n + 1;
  for (int x = 0; x < out; x++) {
    double sum[SUMS] = {0};
    for (int i = 0; i < n; i++) {
      double p = a[x + i], q = b[x + i], wp = taps[i] * p, wq = taps[i] * q;
      sum[0] += wp;
      sum[1] += wq;
      sum[2] += wp * p;
      sum[3] += wq * q;
      sum[4] += wp * q;
    }
    for (int s = 0; s < SUMS; s++)
      sums[(int64_t) s * out + x] = sum[s];
  }
}

static double
similarity (const double sum[SUMS])
{
  const double c1 = 0.01 * 0.01, c2 = 0.03 * 0.03;
  double ma = sum[0], mb = sum[1], va = sum[2] - ma * ma, vb = sum[3] - mb * mb, cov = sum[4] - ma * mb;
  return (2 * ma * mb + c1) * (2 * cov + c2) / ((ma * ma + mb * mb + c1) * (va + vb + c2));
}

bool
picture_ssim (const struct picture *a, const struct picture *b, double *ssim, GError **error)
{
  g_return_val_if_fail (a->width == b->width && a->height == b->height, false);
  double across[WINDOW], down[WINDOW];
  int width = a->width, height = a->height, n = window_of (width, across), m = window_of (height, down);
  int64_t out = width - n + 1, row = SUMS * out;
  g_autofree double *luma = g_try_malloc_n (2 * (gsize) width, sizeof (double));
  g_autofree double *ring = g_try_malloc_n ((gsize) row * m, sizeof (double)); /* the last m rows of sums */
  if (!luma || !ring) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "no memory to compare pictures of %d x %d", width, height);
    return false;
  }
  double total = 0;
  for (int y = 0; y < height; y++) {
    luma_row (a, y, luma);
    luma_row (b, y, luma + width);
    window_row (luma, luma + width, width, across, n, ring + y % m * row);
    for (int64_t x = 0; y >= m - 1 && x < out; x++) {
      double sum[SUMS] = {0};
      for (int i = 0; i < m; i++)
        for (int s = 0; s < SUMS; s++)
          sum[s] += down[i] * ring[(y - m + 1 + i) % m * row + s * out + x];
      total += similarity (sum);
    }
  }
  *ssim = total / ((double) out * (height - m + 1));
  return true;
}

/* --- Seams --- */

/* Mean over the channels of |p(i) - p(j)|. */
static double
step (const struct picture *picture, int64_t i, int64_t j)
{
  int64_t plane = (int64_t) picture->width * picture->height;
  double sum = 0;
  for (int c = 0; c < 3; c++)
    sum += fabs ((double) picture->rgb[c * plane + i] - picture->rgb[c * plane + j]);
  return sum / 3;
}

/* Walks the lines that cross one axis, edge by edge. @at: index of pixel (line, along) is line * across + along *
 * way. */
struct axis {
  int extent, tile;       /* in the direction the lines cross */
  int length, other_tile; /* along a line */
  int64_t across, along;  /* index steps */
};

static void
measure_edges (const struct picture *picture, const struct axis *axis, struct picture_seams *seams, int64_t *pixels)
{
  for (int line = axis->tile; line < axis->extent; line += axis->tile)
    for (int start = 0; start < axis->length; start += MIN (axis->other_tile, axis->length - start)) {
      int stop = start + MIN (axis->other_tile, axis->length - start);
      double excess = 0;
      for (int k = start; k < stop; k++) {
        int64_t here = line * axis->across + k * axis->along, before = here - axis->across;
        double jump = step (picture, here, before), beside = 0;
        int sides = 0;
        if (line >= 2)
          beside += step (picture, before, before - axis->across), sides++;
        if (line + 1 < axis->extent)
          beside += step (picture, here, here + axis->across), sides++;
        beside = sides ? beside / sides : jump;
        seams->step += jump;
        seams->beside += beside;
        excess += jump - beside;
      }
      excess /= stop - start;
      seams->worst = seams->lines++ ? fmax (seams->worst, excess) : excess;
      *pixels += stop - start;
    }
}

static void
axes_of (const struct picture *picture, int tile_width, int tile_height, struct axis axes[2])
{
  int w = picture->width, h = picture->height;
  axes[0] = (struct axis){w, tile_width, h, tile_height, 1, w};
  axes[1] = (struct axis){h, tile_height, w, tile_width, w, 1};
}

struct picture_seams
picture_seams (const struct picture *picture, int tile_width, int tile_height)
{
  struct picture_seams seams = {0};
  struct axis axes[2];
  int64_t pixels = 0;
  g_return_val_if_fail (tile_width > 0 && tile_height > 0, seams);
  axes_of (picture, tile_width, tile_height, axes);
  for (int i = 0; i < 2; i++)
    measure_edges (picture, &axes[i], &seams, &pixels);
  seams.step /= MAX (pixels, 1);
  seams.beside /= MAX (pixels, 1);
  return seams;
}

struct picture_distance
picture_compare_seams (const struct picture *a, const struct picture *b, int tile_width, int tile_height)
{
  struct tally tally = {0};
  struct axis axes[2];
  int64_t plane = (int64_t) a->width * a->height;
  g_return_val_if_fail (tile_width > 0 && tile_height > 0, (struct picture_distance){0});
  g_return_val_if_fail (a->width == b->width && a->height == b->height, (struct picture_distance){0});
  axes_of (a, tile_width, tile_height, axes);
  for (int i = 0; i < 2; i++)
    for (int line = axes[i].tile; line < axes[i].extent; line += axes[i].tile)
      for (int k = 0; k < axes[i].length; k++)
        for (int side = 0; side < 2; side++)
          for (int c = 0; c < 3; c++) {
            int64_t at = c * plane + (line - side) * axes[i].across + k * axes[i].along;
            tally_add (&tally, a->rgb[at], b->rgb[at]);
          }
  return tally_distance (&tally);
}

/* --- The mesh of a network --- */

enum { PERIOD = 4, REACH = PERIOD - 1 };

/* A mean of all places of the grid alike: two boxes of PERIOD, one after the other, around @value. */
static double
blur (const float *value, int64_t step)
{
  double sum = PERIOD * value[0];
  for (int k = 1; k <= REACH; k++)
    sum += (PERIOD - k) * ((double) value[k * step] + value[-k * step]);
  return sum / (PERIOD * PERIOD);
}

bool
picture_mesh (const struct picture *picture, double *mesh, GError **error)
{
  int width = picture->width, height = picture->height;
  int columns = (width - 2 * REACH) / PERIOD * PERIOD, rows = (height - 2 * REACH) / PERIOD * PERIOD;
  *mesh = 0;
  if (columns <= 0 || rows <= 0)
    return true;
  g_autofree float *across = g_try_new (float, width); /* a row, blurred along the other axis */
  if (!across) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "no memory to look for a mesh in");
    return false;
  }
  for (int c = 0; c < 3; c++) {
    double places[PERIOD][PERIOD] = {{0}};
    for (int y = 0; y < rows; y++) {
      const float *row = picture->rgb + ((int64_t) c * height + y + REACH) * width;
      for (int x = 0; x < width; x++)
        across[x] = (float) blur (row + x, width);
      for (int x = 0; x < columns; x++)
        places[y % PERIOD][x % PERIOD] += row[x + REACH] - blur (across + x + REACH, 1);
    }
    for (int i = 0; i < PERIOD * PERIOD; i++) {
      double mean = places[i / PERIOD][i % PERIOD] * (PERIOD * PERIOD) / ((double) columns * rows);
      *mesh += mean * mean / (3 * PERIOD * PERIOD);
    }
  }
  *mesh = sqrt (*mesh);
  return true;
}

/* --- What is flat in the photograph --- */

enum { SQUARE = 8, MOST_SQUARES = 64 };
/* What makes a place less flat, e times at: */
#define UNEVEN (1 / 30.) /* the deviation in a square */
#define STEP 0.01        /* the difference of neighbouring squares */
#define APART 0.03       /* the distance of the colours of any two */

/* A picture in squares. */
struct squares {
  int columns, rows;
  float *mean; /* three of a square */
  float *flat; /* exp (-s / UNEVEN) */
};

static bool
look_at (struct squares *squares, const struct picture *picture, GError **error)
{
  int longer = MAX (picture->width, picture->height);
  int side = SQUARE * MAX ((longer - 1) / (SQUARE * MOST_SQUARES) + 1, 1);
  squares->columns = picture->width / side;
  squares->rows = picture->height / side;
  int n = squares->columns * squares->rows;
  squares->mean = g_try_new (float, 3 * n + 1);
  squares->flat = g_try_new (float, n + 1);
  if (!squares->mean || !squares->flat) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "no memory to look for flat places in");
    return false;
  }
  for (int i = 0; i < n; i++) {
    int left = i % squares->columns * side, top = i / squares->columns * side;
    double variance = 0;
    for (int c = 0; c < 3; c++) {
      const float *corner = picture->rgb + ((int64_t) c * picture->height + top) * picture->width + left;
      double sum = 0, square = 0;
      for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++) {
          double value = corner[(int64_t) y * picture->width + x];
          sum += value;
          square += value * value;
        }
      double mean = sum / (side * side);
      squares->mean[3 * i + c] = (float) mean;
      variance += fmax (square / (side * side) - mean * mean, 0) / 3;
    }
    squares->flat[i] = (float) exp (-sqrt (variance) / UNEVEN);
  }
  return true;
}

static void
squares_clear (struct squares *squares)
{
  g_free (squares->mean);
  g_free (squares->flat);
}

/* A mean of squares that count more or less. */
struct weighed {
  double sum, weight;
};

static void
weigh (struct weighed *weighed, const float a[3], const float b[3], double weight)
{
  for (int c = 0; c < 3; c++)
    weighed->sum += weight * ((double) a[c] - b[c]) * ((double) a[c] - b[c]) / 3;
  weighed->weight += weight;
}

static double
weighed_root (const struct weighed *weighed)
{
  return weighed->weight > 0 ? sqrt (weighed->sum / weighed->weight) : 0;
}

static void
weigh_neighbours (struct weighed *calm, const struct squares *y, const struct squares *x, int a, int b)
{
  double step = 0;
  for (int c = 0; c < 3; c++)
    step += fabs ((double) x->mean[3 * a + c] - x->mean[3 * b + c]) / 3;
  weigh (calm, y->mean + 3 * a, y->mean + 3 * b, exp (-step / STEP));
}

static void
weigh_pair (struct weighed *alike, const struct squares *y, const struct squares *x, int a, int b)
{
  double flat = (double) x->flat[a] * x->flat[b], apart = 0;
  if (flat < 1e-6) /* most of a photograph with much in it */
    return;
  for (int c = 0; c < 3; c++)
    apart += ((double) x->mean[3 * a + c] - x->mean[3 * b + c]) * ((double) x->mean[3 * a + c] - x->mean[3 * b + c]);
  weigh (alike, y->mean + 3 * a, y->mean + 3 * b, flat * exp (-apart / (APART * APART)));
}

bool
picture_flatness (const struct picture *painting, const struct picture *photo, struct picture_flatness *flatness,
                  GError **error)
{
  struct squares y = {0}, x = {0};
  struct weighed calm = {0}, alike = {0};
  *flatness = (struct picture_flatness){0};
  g_return_val_if_fail (painting->width == photo->width && painting->height == photo->height, false);
  bool seen = look_at (&y, painting, error) && look_at (&x, photo, error);
  for (int a = 0; seen && a < x.columns * x.rows; a++) {
    if (a % x.columns)
      weigh_neighbours (&calm, &y, &x, a, a - 1);
    if (a >= x.columns)
      weigh_neighbours (&calm, &y, &x, a, a - x.columns);
    for (int b = 0; b < a; b++)
      weigh_pair (&alike, &y, &x, a, b);
  }
  flatness->calm = weighed_root (&calm);
  flatness->alike = weighed_root (&alike);
  squares_clear (&y);
  squares_clear (&x);
  return seen;
}

/* --- Colours --- */

struct palette
picture_palette (const struct picture *picture)
{
  struct palette palette;
  int64_t plane = (int64_t) picture->width * picture->height;
  for (int c = 0; c < 3; c++) {
    const float *values = picture->rgb + c * plane;
    double sum = 0, square = 0;
    for (int64_t i = 0; i < plane; i++)
      sum += values[i];
    double mean = sum / plane;
    for (int64_t i = 0; i < plane; i++)
      square += (values[i] - mean) * (values[i] - mean);
    palette.mean[c] = mean;
    palette.deviation[c] = sqrt (square / plane);
  }
  return palette;
}

double
palette_distance (const struct palette *a, const struct palette *b)
{
  double sum = 0;
  for (int c = 0; c < 3; c++) {
    double mean = a->mean[c] - b->mean[c], deviation = a->deviation[c] - b->deviation[c];
    sum += mean * mean + deviation * deviation;
  }
  return sqrt (sum);
}

void
picture_flatten (struct picture *picture)
{
  int64_t plane = (int64_t) picture->width * picture->height;
  if (!picture->alpha)
    return;
  for (int c = 0; c < 3; c++)
    for (int64_t i = 0; i < plane; i++)
      picture->rgb[c * plane + i] = picture->rgb[c * plane + i] * picture->alpha[i] + 1 - picture->alpha[i];
  g_clear_pointer (&picture->alpha, g_free);
}
