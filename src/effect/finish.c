/* SPDX-License-Identifier: Apache-2.0
 *
 * Finishing. Denoise and detail stand on the guided filter with the picture as its own guide (He, Sun, Tang 2010),
 * which smooths what varies less than sqrt(epsilon) and leaves edges: in each window of radius r
 *
 *   a = var / (var + epsilon),   b = (1 - a) mean,   q = mean(a) x + mean(b)
 *
 * Denoise takes q of each channel. Detail scales what the filter takes away from the luma, sharpen adds what a Gaussian
 * takes away from it (unsharp mask); both add one value to all channels, so that hues stay. */
#include "effect/finish.h"

#include <math.h>
#include <string.h>

#include "impasto/error.h"

#define DENOISE_RADIUS 2
#define DENOISE_DEVIATION 0.1 /* at denoise 1 */
#define DETAIL_RADIUS 8
#define DETAIL_DEVIATION 0.1
#define SHARPEN_RADIUS 3 /* of a Gaussian of deviation 1 */
#define BAND 64          /* rows of the result at a time */
#define COLUMNS 256      /* whose running sums fit the nearest cache */

bool
finish_wanted (const struct finish *finish)
{
  return finish->denoise > 0 || finish->sharpen > 0 || finish->detail != 1 || finish->saturation != 1;
}

/* The guided filter takes means of means. */
int
finish_reach (const struct finish *finish)
{
  return (finish->denoise > 0 ? 2 * DENOISE_RADIUS : 0) + (finish->detail != 1 ? 2 * DETAIL_RADIUS : 0) +
         (finish->sharpen > 0 ? SHARPEN_RADIUS : 0);
}

/* Means over (2r+1)^2 pixels, fewer at the edges: along the rows into @between, then along the columns. */
static void
box (const float *in, float *between, float *out, int w, int h, int r)
{
#pragma omp parallel for
  for (int y = 0; y < h; y++) {
    const float *row = in + (int64_t) y * w;
    float *to = between + (int64_t) y * w;
    double sum = 0;
    for (int x = 0; x < MIN (r, w); x++)
      sum += row[x];
    for (int x = 0; x < w; x++) {
      sum += x + r < w ? row[x + r] : 0;
      to[x] = sum / (MIN (x + r, w - 1) - MAX (x - r, 0) + 1);
      sum -= x >= r ? row[x - r] : 0;
    }
  }
#pragma omp parallel for
  for (int left = 0; left < w; left += COLUMNS) {
    int columns = MIN (COLUMNS, w - left);
    double sum[COLUMNS] = {0};
    for (int y = -r; y < h; y++) {
      const float *enters = y + r < h ? between + (int64_t) (y + r) * w + left : NULL;
      const float *leaves = y > r ? between + (int64_t) (y - r - 1) * w + left : NULL;
      for (int x = 0; enters && x < columns; x++)
        sum[x] += enters[x];
      for (int x = 0; leaves && x < columns; x++)
        sum[x] -= leaves[x];
      if (y < 0)
        continue;
      float *to = out + (int64_t) y * w + left, share = 1.0f / (MIN (y + r, h - 1) - MAX (y - r, 0) + 1);
      for (int x = 0; x < columns; x++)
        to[x] = sum[x] * share;
    }
  }
}

/* @out = the guided filter of @in; @scratch: 3 planes. @out may not be @in. */
static void
guided (const float *in, float *out, int w, int h, int r, double epsilon, float *scratch)
{
  int64_t n = (int64_t) w * h;
  float *between = scratch, *a = scratch + n, *b = scratch + 2 * n;
  for (int64_t i = 0; i < n; i++)
    out[i] = in[i] * in[i];
  box (out, between, a, w, h, r);
  box (in, between, b, w, h, r);
  for (int64_t i = 0; i < n; i++) {
    float variance = fmaxf (a[i] - b[i] * b[i], 0), share = variance / (variance + (float) epsilon);
    a[i] = share;
    b[i] *= 1 - share;
  }
  box (a, between, out, w, h, r);
  box (b, between, a, w, h, r);
  for (int64_t i = 0; i < n; i++)
    out[i] = out[i] * in[i] + a[i];
}

static void
gaussian (const float *in, float *between, float *out, int w, int h)
{
  float weights[2 * SHARPEN_RADIUS + 1], sum = 0;
  for (int k = -SHARPEN_RADIUS; k <= SHARPEN_RADIUS; k++)
    sum += weights[k + SHARPEN_RADIUS] = expf (-0.5f * k * k);
#pragma omp parallel for
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) {
      float value = 0;
      for (int k = -SHARPEN_RADIUS; k <= SHARPEN_RADIUS; k++)
        value += weights[k + SHARPEN_RADIUS] * in[(int64_t) y * w + CLAMP (x + k, 0, w - 1)];
      between[(int64_t) y * w + x] = value / sum;
    }
#pragma omp parallel for
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) {
      float value = 0;
      for (int k = -SHARPEN_RADIUS; k <= SHARPEN_RADIUS; k++)
        value += weights[k + SHARPEN_RADIUS] * between[(int64_t) CLAMP (y + k, 0, h - 1) * w + x];
      out[(int64_t) y * w + x] = value / sum;
    }
}

static void
luma (const float *rgb, int64_t n, float *out)
{
  for (int64_t i = 0; i < n; i++)
    out[i] = 0.2126f * rgb[i] + 0.7152f * rgb[n + i] + 0.0722f * rgb[2 * n + i];
}

/* Adds @amount of what the smooth luma lacks to every channel. */
static void
add_relief (float *rgb, int64_t n, const float *sharp, const float *smooth, float amount)
{
  for (int c = 0; c < 3; c++)
    for (int64_t i = 0; i < n; i++)
      rgb[c * n + i] += amount * (sharp[i] - smooth[i]);
}

void
finish_band (const struct finish *finish, float *rgb, int width, int rows, float *scratch)
{
  int64_t n = (int64_t) width * rows;
  float *grey = scratch, *smooth = scratch + n, *rest = scratch + 2 * n;
  for (int c = 0; c < 3 && finish->denoise > 0; c++) {
    double deviation = DENOISE_DEVIATION * finish->denoise;
    guided (rgb + c * n, smooth, width, rows, DENOISE_RADIUS, deviation * deviation, rest);
    memcpy (rgb + c * n, smooth, n * sizeof (float));
  }
  if (finish->detail != 1) {
    luma (rgb, n, grey);
    guided (grey, smooth, width, rows, DETAIL_RADIUS, DETAIL_DEVIATION * DETAIL_DEVIATION, rest);
    add_relief (rgb, n, grey, smooth, finish->detail - 1);
  }
  if (finish->sharpen > 0) {
    luma (rgb, n, grey);
    gaussian (grey, rest, smooth, width, rows);
    add_relief (rgb, n, grey, smooth, finish->sharpen);
  }
  if (finish->saturation != 1) {
    luma (rgb, n, grey);
    for (int c = 0; c < 3; c++)
      for (int64_t i = 0; i < n; i++)
        rgb[c * n + i] = grey[i] + (float) finish->saturation * (rgb[c * n + i] - grey[i]);
  }
  for (int64_t i = 0; i < 3 * n; i++)
    rgb[i] = fminf (fmaxf (rgb[i], 0), 1);
}

/* Rows of a band with what it needs around it. */
static int64_t
band_rows (const struct finish *finish, int height)
{
  return MIN (height, BAND + 2 * finish_reach (finish));
}

uint64_t
finish_bytes (const struct finish *finish, int width, int height)
{
  if (!finish_wanted (finish))
    return 0;
  return sizeof (float) * (uint64_t) width *
         ((3 + FINISH_SCRATCH) * band_rows (finish, height) + 3 * finish_reach (finish));
}

bool
finish_run (const struct finish *finish, float *rgb, int width, int height, GError **error)
{
  if (!finish_wanted (finish))
    return true;
  int64_t reach = finish_reach (finish), most = band_rows (finish, height), w = width;
  g_autofree float *band = g_try_malloc_n ((3 + FINISH_SCRATCH) * most, w * sizeof (float));
  g_autofree float *above =
    g_try_malloc_n (3 * MAX (reach, 1), w * sizeof (float)); /* rows that are finished, as they were */
  if (!band || !above) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "no memory to finish a painting of %dx%d", width, height);
    return false;
  }
  for (int64_t top = 0; top < height; top += BAND) {
    int64_t end = MIN (top + BAND, height), first = MAX (top - reach, 0), last = MIN (end + reach, height);
    int64_t rows = last - first, kept = top - first;
    for (int c = 0; c < 3; c++) {
      float *plane = rgb + c * w * height, *to = band + c * rows * w, *old = above + c * reach * w;
      memcpy (to, old + (reach - kept) * w, kept * w * sizeof (float));
      memcpy (to + kept * w, plane + top * w, (last - top) * w * sizeof (float));
      if (end - first >= reach) /* the last rows of this band are the next one's above */
        memcpy (old, to + (end - reach - first) * w, reach * w * sizeof (float));
    }
    finish_band (finish, band, width, rows, band + 3 * rows * w);
    for (int c = 0; c < 3; c++)
      memcpy (rgb + (c * (int64_t) height + top) * w, band + (c * rows + kept) * w, (end - top) * w * sizeof (float));
  }
  return true;
}
