/* SPDX-License-Identifier: Apache-2.0
 *
 * Squares are CELL pixels wide in a preview, and as much larger in a print as its strokes are. Between their middles
 * means and gains are interpolated. */
#include "effect/contrast.h"

#include <math.h>
#include <stdint.h>

#include "effect/canvas.h"
#include "impasto/error.h"

#define CELL 24 /* a few strokes */

/* Sums over a square. */
struct cell {
  double n, first[3], second[3];             /* of colours */
  double first_square, second_square, both; /* of their products, over channels */
};

struct contrast {
  int width, height, side, across, down;
  double share;
  struct cell *cells; /* (down, across) */
};

struct contrast *
contrast_new (int width, int height, double share, GError **error)
{
  struct contrast *contrast = g_new0 (struct contrast, 1);
  int side = MAX (CELL, (int) ceil ((double) CELL * MAX (width, height) / CANVAS_PREVIEW));
  *contrast = (struct contrast){.width = width,
                                .height = height,
                                .side = side,
                                .across = (width + side - 1) / side,
                                .down = (height + side - 1) / side,
                                .share = share};
  contrast->cells = g_try_new0 (struct cell, (gsize) contrast->across *contrast->down);
  if (contrast->cells)
    return contrast;
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "no memory to mix paintings of %dx%d", width, height);
  contrast_free (contrast);
  return NULL;
}

void
contrast_free (struct contrast *contrast)
{
  if (!contrast)
    return;
  g_free (contrast->cells);
  g_free (contrast);
}

void
contrast_measure (struct contrast *contrast, int y, const float *first, const float *second)
{
  int64_t w = contrast->width;
  struct cell *row = contrast->cells + (int64_t) (y / contrast->side) * contrast->across;
  for (int64_t x = 0; x < w; x++) {
    struct cell *cell = &row[x / contrast->side];
    cell->n++;
    for (int c = 0; c < 3; c++) {
      double a = first[c * w + x], b = second[c * w + x];
      cell->first[c] += a;
      cell->second[c] += b;
      cell->first_square += a * a;
      cell->second_square += b * b;
      cell->both += a * b;
    }
  }
}

/* The mean of the mix in @cell, and by how much what deviates from it is to grow. Never less: a mix of two varies no
 * more than they do; and never more than of two that have nothing in common. */
static double
gain_of (const struct cell *cell, double share, double mean[3])
{
  double a = cell->first_square / cell->n, b = cell->second_square / cell->n, both = cell->both / cell->n;
  for (int c = 0; c < 3; c++) {
    double first = cell->first[c] / cell->n, second = cell->second[c] / cell->n;
    a -= first * first;
    b -= second * second;
    both -= first * second;
    mean[c] = first + share * (second - first);
  }
  double wanted = (1 - share) * a + share * b;
  double found = (1 - share) * (1 - share) * a + share * share * b + 2 * share * (1 - share) * both;
  double most = 1 / ((1 - share) * (1 - share) + share * share);
  return wanted > 0 ? sqrt (CLAMP (wanted / fmax (found, 1e-12), 1, most)) : 1;
}

/* Between which squares' middles @i lies, and how far. */
static double
between (int i, int side, int n, int *before, int *after)
{
  double at = (i + 0.5) / side - 0.5;
  int left = (int) floor (at);
  *before = CLAMP (left, 0, n - 1);
  *after = CLAMP (left + 1, 0, n - 1);
  return at - left;
}

void
contrast_mix (const struct contrast *contrast, int y, const float *first, const float *second, float *mixed)
{
  int64_t w = contrast->width;
  int above, below;
  double share = contrast->share, v = between (y, contrast->side, contrast->down, &above, &below);
  g_autofree double *columns = g_new (double, 4 * contrast->across); /* gain and mean at this height */
  for (int i = 0; i < contrast->across; i++) {
    double mean[2][3], gain[2];
    gain[0] = gain_of (&contrast->cells[(int64_t) above * contrast->across + i], share, mean[0]);
    gain[1] = gain_of (&contrast->cells[(int64_t) below * contrast->across + i], share, mean[1]);
    columns[4 * i] = gain[0] + v * (gain[1] - gain[0]);
    for (int c = 0; c < 3; c++)
      columns[4 * i + 1 + c] = mean[0][c] + v * (mean[1][c] - mean[0][c]);
  }
  for (int64_t x = 0; x < w; x++) {
    int left, right;
    double u = between (x, contrast->side, contrast->across, &left, &right), at[4];
    for (int k = 0; k < 4; k++)
      at[k] = columns[4 * left + k] + u * (columns[4 * right + k] - columns[4 * left + k]);
    for (int c = 0; c < 3; c++) {
      double plain = first[c * w + x] + share * ((double) second[c * w + x] - first[c * w + x]);
      mixed[c * w + x] = (float) CLAMP (at[1 + c] + at[0] * (plain - at[1 + c]), 0, 1);
    }
  }
}
