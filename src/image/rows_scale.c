/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows at another size: a cubic kernel (Catmull and Rom 1974), as wide as four pixels of the source where it is
 * enlarged and of the result where it is reduced. Each row of the source is scaled across once; a ring keeps as many as
 * a row of the result looks at. Beyond its edges a picture goes on as its outermost pixels. */
#include <math.h>
#include <string.h>

#include "image/rows.h"
#include "impasto/error.h"

/* Which pixels of the source make up each of the result, and how much. */
struct axis {
  int most; /* pixels of one at most */
  int *first, *n;
  float *weights; /* (result, most) */
};

struct row_scale {
  struct row_source source;
  int width, height;
  struct axis across, down;
  float *row;  /* (planes, source width) */
  float *ring; /* (down.most, planes, width) */
  int next;    /* row of the source that was not read yet */
};

static double
cubic (double x)
{
  x = fabs (x);
  if (x < 1)
    return 1 + x * x * (1.5 * x - 2.5);
  return x < 2 ? 2 + x * (-4 + x * (2.5 - 0.5 * x)) : 0;
}

static void
axis_clear (struct axis *axis)
{
  g_free (axis->first);
  g_free (axis->n);
  g_free (axis->weights);
}

static double
stretch_of (int from, int to)
{
  return MAX (1, (double) from / to);
}

static int
most_of (int from, int to)
{
  return MIN (from, 2 * (int) ceil (2 * stretch_of (from, to)) + 1);
}

static bool
axis_init (struct axis *axis, int from, int to)
{
  double step = (double) from / to, stretch = stretch_of (from, to);
  axis->most = most_of (from, to);
  axis->first = g_try_new (int, to);
  axis->n = g_try_new (int, to);
  axis->weights = g_try_malloc0_n ((size_t) to * axis->most, sizeof (float));
  if (!axis->first || !axis->n || !axis->weights)
    return false;
  for (int i = 0; i < to; i++) {
    double at = (i + 0.5) * step - 0.5, sum = 0;
    int low = ceil (at - 2 * stretch), high = floor (at + 2 * stretch);
    int first = CLAMP (low, 0, from - 1), last = CLAMP (high, 0, from - 1);
    float *weights = axis->weights + (int64_t) i * axis->most;
    for (int k = low; k <= high; k++)
      sum += cubic ((k - at) / stretch);
    for (int k = low; k <= high; k++)
      weights[CLAMP (k, 0, from - 1) - first] += cubic ((k - at) / stretch) / sum;
    axis->first[i] = first;
    axis->n[i] = last - first + 1;
  }
  return true;
}

static float *
ring_row (const struct row_scale *scale, int y)
{
  return scale->ring + (int64_t) (y % scale->down.most) * scale->source.planes * scale->width;
}

/* The next row of the source into the ring. */
static bool
fetch (struct row_scale *scale, GError **error)
{
  const struct row_source *source = &scale->source;
  const struct axis *axis = &scale->across;
  if (!source->read (source->data, scale->next, 1, scale->row, source->width, error))
    return false;
  for (int c = 0; c < source->planes; c++) {
    const float *in = scale->row + (int64_t) c * source->width;
    float *out = ring_row (scale, scale->next) + (int64_t) c * scale->width;
    for (int x = 0; x < scale->width; x++) {
      const float *weights = axis->weights + (int64_t) x * axis->most, *at = in + axis->first[x];
      float sum = 0;
      for (int k = 0; k < axis->n[x]; k++)
        sum += weights[k] * at[k];
      out[x] = sum;
    }
  }
  scale->next++;
  return true;
}

static bool
scale_row (struct row_scale *scale, int y, float *row, int64_t stride, GError **error)
{
  const struct axis *axis = &scale->down;
  const float *weights = axis->weights + (int64_t) y * axis->most;
  int first = axis->first[y], n = axis->n[y];
  while (scale->next < first + n)
    if (!fetch (scale, error))
      return false;
  for (int c = 0; c < scale->source.planes; c++) {
    float *out = row + c * stride;
    memset (out, 0, scale->width * sizeof (float));
    for (int k = 0; k < n; k++) {
      const float *in = ring_row (scale, first + k) + (int64_t) c * scale->width;
      for (int x = 0; x < scale->width; x++)
        out[x] += weights[k] * in[x];
    }
    for (int x = 0; x < scale->width; x++)
      out[x] = CLAMP (out[x], 0, 1);
  }
  return true;
}

static bool
scale_read (void *data, int y, int n, float *rows, int64_t stride, GError **error)
{
  struct row_scale *scale = data;
  if (y == 0)
    scale->next = 0;
  for (int i = 0; i < n; i++)
    if (!scale_row (scale, y + i, rows + (int64_t) i * scale->width, stride, error))
      return false;
  return true;
}

uint64_t
row_scale_bytes (int width, int height, int to_width, int to_height, int planes)
{
  uint64_t across = most_of (width, to_width), down = most_of (height, to_height);
  return sizeof (float) * (planes * (width + down * to_width) + (across + 2) * to_width + (down + 2) * to_height);
}

struct row_scale *
row_scale_new (const struct row_source *source, int width, int height, GError **error)
{
  g_autoptr (row_scale) scale = g_new0 (struct row_scale, 1);
  scale->source = *source;
  scale->width = width;
  scale->height = height;
  bool ok = axis_init (&scale->across, source->width, width) && axis_init (&scale->down, source->height, height);
  scale->row = g_try_malloc_n ((size_t) source->width * source->planes, sizeof (float));
  scale->ring = ok ? g_try_malloc_n ((size_t) width * source->planes * scale->down.most, sizeof (float)) : NULL;
  if (scale->row && scale->ring)
    return g_steal_pointer (&scale);
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "no memory for rows of a picture");
  return NULL;
}

struct row_source
row_scale_source (struct row_scale *scale)
{
  if (scale->width == scale->source.width && scale->height == scale->source.height)
    return scale->source;
  return (struct row_source){scale->width, scale->height, scale->source.planes, scale_read, scale};
}

void
row_scale_free (struct row_scale *scale)
{
  if (!scale)
    return;
  axis_clear (&scale->across);
  axis_clear (&scale->down);
  g_free (scale->row);
  g_free (scale->ring);
  g_free (scale);
}
