/* SPDX-License-Identifier: Apache-2.0
 *
 * Tiles of a picture; see winograd_tiles.h. */
#include "device/winograd_tiles.h"

int64_t
winograd_round_up (int64_t n, int64_t unit)
{
  return (n + unit - 1) / unit * unit;
}

bool
winograd_fits (const struct conv_attrs *attrs, const struct value *x, const struct shape *w, const struct value *y)
{
  return x->dtype == DTYPE_F32 && y->dtype == DTYPE_F32 && (w->dim[2] == 3 || w->dim[2] == 2) &&
         w->dim[3] == w->dim[2] && attrs->groups == 1 && attrs->stride[0] == 1 && attrs->stride[1] == 1 &&
         attrs->dilation[0] == 1 && attrs->dilation[1] == 1;
}

int64_t
winograd_step (int64_t taps)
{
  return WINOGRAD_TILE + 1 - taps;
}

static int64_t
tiles_along (int64_t extent, int64_t step)
{
  return (extent + step - 1) / step;
}

int64_t
winograd_tile_count (const struct shape *y, int64_t taps)
{
  int64_t step = winograd_step (taps);
  return y->dim[0] * tiles_along (y->dim[2], step) * tiles_along (y->dim[3], step);
}

/* For each of the @n tiles' rows, or columns, of the padded picture: which of @extent it is. */
static int64_t *
border_table (int64_t n, int64_t step, int64_t before, int64_t extent)
{
  int64_t size = n * step + WINOGRAD_TILE - step;
  int64_t *table = g_new (int64_t, size);

  for (int64_t i = 0; i < size; i++)
    table[i] = i - before >= 0 && i - before < extent ? i - before : -1;
  return table;
}

void
winograd_tiles_init (struct winograd_tiles *tiles, const struct shape *x, const struct shape *y, int64_t taps,
                     const int64_t *before)
{
  tiles->step = winograd_step (taps);
  tiles->rows = tiles_along (y->dim[2], tiles->step);
  tiles->columns = tiles_along (y->dim[3], tiles->step);
  tiles->count = winograd_tile_count (y, taps);
  tiles->row = border_table (tiles->rows, tiles->step, before[0], x->dim[2]);
  tiles->column = border_table (tiles->columns, tiles->step, before[1], x->dim[3]);
  tiles->zeros = g_new0 (float, MAX (x->dim[1], y->dim[1]));
}

void
winograd_tiles_clear (struct winograd_tiles *tiles)
{
  g_free (tiles->row);
  g_free (tiles->column);
  g_free (tiles->zeros);
}

struct winograd_place
winograd_place (const struct winograd_tiles *tiles, int64_t tile)
{
  return (struct winograd_place){.picture = tile / (tiles->rows * tiles->columns),
                                 .row = tile / tiles->columns % tiles->rows,
                                 .column = tile % tiles->columns};
}

void
winograd_find_picture (const struct winograd_tiles *tiles, const struct value *x, int64_t tile, const float **pixel)
{
  struct winograd_place at = winograd_place (tiles, tile);
  const int64_t *d = x->shape.dim, *row = tiles->row + at.row * tiles->step;
  const int64_t *column = tiles->column + at.column * tiles->step;
  const float *picture = (const float *) x->data + at.picture * d[1] * d[2] * d[3];

  for (int i = 0; i < WINOGRAD_TILE; i++)
    for (int j = 0; j < WINOGRAD_TILE; j++)
      pixel[i * WINOGRAD_TILE + j] =
        row[i] < 0 || column[j] < 0 ? tiles->zeros : picture + (row[i] * d[3] + column[j]) * d[1];
}

void
winograd_find_result (const struct winograd_tiles *tiles, const struct value *y, int64_t tile, int64_t o, float **pixel)
{
  struct winograd_place at = winograd_place (tiles, tile);
  const int64_t *d = y->shape.dim, i0 = at.row * tiles->step, j0 = at.column * tiles->step;
  float *first = (float *) y->data + ((at.picture * d[2] + i0) * d[3] + j0) * d[1] + o;

  for (int64_t i = 0; i < tiles->step; i++)
    for (int64_t j = 0; j < tiles->step; j++)
      pixel[i * tiles->step + j] = i0 + i < d[2] && j0 + j < d[3] ? first + (i * d[3] + j) * d[1] : NULL;
}
