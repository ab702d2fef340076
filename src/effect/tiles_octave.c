/* SPDX-License-Identifier: Apache-2.0
 *
 * Octaves: the network is shown the photograph with what a smaller painting has changed, and what it changes in turn
 * must be just that when it is made smaller. */
#include <math.h>
#include <string.h>

#include "effect/tiles_internal.h"

#define LOW_BORDER 3 /* pixels of the smaller painting around a tile */
#define LOW_ROUNDS 2 /* enlarged and reduced again, a picture is not quite what it was */

int
tiles_low_extent (int tile)
{
  return tile + 2 * LOW_BORDER + 2;
}

bool
tiles_read_low (struct pass *pass, int top, GError **error)
{
  struct row_store *low = pass->job->low;
  if (!low)
    return true;
  int w = row_store_width (low), h = row_store_height (low);
  double step = (double) pass->grid.height / h;
  pass->low_top = (int) floor ((top - pass->grid.margin) / step) - LOW_BORDER;
  int end = (int) ceil ((top - pass->grid.margin + pass->grid.tile_height) / step) + LOW_BORDER;
  pass->low_n = MIN (end - pass->low_top, pass->low_most);
  for (int i = 0; i < pass->low_n; i++)
    if (!row_store_read (low, row_index (pass->low_top + i, h, pass->grid.wrap), 0, 3, pass->low + (int64_t) i * w,
                         (int64_t) pass->low_most * w, error))
      return false;
  return true;
}

/* Four neighbours of @at and their weights (Catmull and Rom 1974); @n is how many there are to choose from. */
static void
cubic_taps (double at, int n, struct taps *taps)
{
  int i = CLAMP ((int) floor (at), 1, n - 3);
  float t = at - i;
  taps->first = i - 1;
  taps->weight[0] = t * (-0.5f + t * (1 - 0.5f * t));
  taps->weight[1] = 1 + t * t * (-2.5f + 1.5f * t);
  taps->weight[2] = t * (0.5f + t * (2 - 1.5f * t));
  taps->weight[3] = t * t * (-0.5f + 0.5f * t);
}

/* Where the tile at (left, top) lies in the smaller painting: its columns and their taps. */
static void
place_low (struct pass *pass, int left)
{
  struct row_store *low = pass->job->low;
  double step = (double) pass->grid.width / row_store_width (low), x0 = left - pass->grid.margin;
  pass->low_left = (int) floor (x0 / step) - LOW_BORDER;
  pass->low_columns = MIN ((int) ceil ((x0 + pass->grid.tile_width) / step) + LOW_BORDER - pass->low_left,
                           tiles_low_extent (pass->grid.tile_width));
  for (int x = 0; x < pass->grid.tile_width; x++)
    cubic_taps ((x0 + x + 0.5) / step - 0.5 - pass->low_left, pass->low_columns, &pass->taps[x]);
}

/* One channel of it, into `small`. */
static void
take_low (struct pass *pass, int channel)
{
  int w = row_store_width (pass->job->low), columns = pass->low_columns;
  for (int i = 0; i < pass->low_n; i++) {
    const float *row = pass->low + ((int64_t) channel * pass->low_most + i) * w;
    for (int j = 0; j < columns; j++)
      pass->small[(int64_t) i * columns + j] = 2 * row[row_index (pass->low_left + j, w, pass->grid.wrap)] - 1;
  }
}

/* Adds `small`, enlarged, to a plane of the tile. */
static void
add_enlarged (struct pass *pass, int top, float *plane)
{
  int tw = pass->grid.tile_width, th = pass->grid.tile_height, columns = pass->low_columns;
  double step = (double) pass->grid.height / row_store_height (pass->job->low);
  float *line = pass->wide; /* one row, enlarged downwards */
  for (int y = 0; y < th; y++) {
    struct taps down;
    cubic_taps ((top - pass->grid.margin + y + 0.5) / step - 0.5 - pass->low_top, pass->low_n, &down);
    const float *rows = pass->small + (int64_t) down.first * columns;
    for (int j = 0; j < columns; j++)
      line[j] = down.weight[0] * rows[j] + down.weight[1] * rows[columns + j] + down.weight[2] * rows[2 * columns + j] +
                down.weight[3] * rows[3 * columns + j];
    for (int x = 0; x < tw; x++) {
      const struct taps *taps = &pass->taps[x];
      const float *at = line + taps->first;
      plane[(int64_t) y * tw + x] +=
        taps->weight[0] * at[0] + taps->weight[1] * at[1] + taps->weight[2] * at[2] + taps->weight[3] * at[3];
    }
  }
}

/* Mean of @n values, @apart from each other, over [from, to) as far as they go; NaN where they do not. */
static float
mean (const float *in, int n, int64_t apart, double from, double to)
{
  double sum = 0, weight = 0;
  from = MAX (from, 0);
  to = MIN (to, n);
  for (int i = (int) from; i < to; i++) {
    double share = MIN (i + 1, to) - MAX (i, from);
    sum += share * in[i * apart];
    weight += share;
  }
  return weight > 0 ? sum / weight : NAN;
}

/* Takes @plane of the tile, reduced, from `small`. */
static void
take_reduced (struct pass *pass, int left, int top, const float *plane)
{
  struct row_store *low = pass->job->low;
  int tw = pass->grid.tile_width, th = pass->grid.tile_height, columns = pass->low_columns;
  double sx = (double) pass->grid.width / row_store_width (low),
         sy = (double) pass->grid.height / row_store_height (low);
  double x0 = left - pass->grid.margin, y0 = top - pass->grid.margin; /* of the tile in the picture */
  for (int i = 0; i < th; i++)
    for (int j = 0; j < columns; j++) {
      double from = (pass->low_left + j) * sx - x0;
      pass->wide[(int64_t) i * columns + j] = mean (plane + (int64_t) i * tw, tw, 1, from, from + sx);
    }
  for (int i = 0; i < pass->low_n; i++)
    for (int j = 0; j < columns; j++) {
      double from = (pass->low_top + i) * sy - y0;
      float *small = &pass->small[(int64_t) i * columns + j];
      *small -= mean (pass->wide + j, th, columns, from, from + sy);
      *small = isnan (*small) ? 0 : *small;
    }
}

void
tiles_show_low (struct pass *pass, int left, int top, float *photo)
{
  int64_t plane = (int64_t) pass->grid.tile_width * pass->grid.tile_height;
  if (!pass->job->low)
    return;
  place_low (pass, left);
  for (int c = 0; c < 3; c++) {
    take_low (pass, c);
    add_enlarged (pass, top, photo + c * plane);
  }
  for (int64_t i = 0; i < 3 * plane; i++)
    photo[i] = CLAMP (photo[i], 0.0f, 1.0f);
}

void
tiles_restore_low (struct pass *pass, int left, int top, float *painting)
{
  int64_t plane = (int64_t) pass->grid.tile_width * pass->grid.tile_height;
  if (!pass->job->low)
    return;
  for (int c = 0; c < 3; c++) {
    float *x = painting + c * plane;
    const float *photo = pass->photo + c * plane;
    for (int64_t i = 0; i < plane; i++)
      x[i] -= photo[i];
    for (int i = 0; i < LOW_ROUNDS; i++) {
      take_low (pass, c);
      take_reduced (pass, left, top, x);
      add_enlarged (pass, top, x);
    }
    for (int64_t i = 0; i < plane; i++)
      x[i] = CLAMP (x[i] + photo[i], 0.0f, 1.0f);
  }
}
