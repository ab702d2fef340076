/* SPDX-License-Identifier: Apache-2.0
 *
 * Sheets; see sheet.h. */
#include "train/sheet.h"

#include <string.h>

#include "image/pixels.h"
#include "impasto/error.h"

enum { GAP = 4 }; /* white pixels between cells */

static int64_t
cell_floats (const struct sheet *sheet)
{
  return 3 * sheet->size * sheet->size;
}

struct sheet *
sheet_new (const char *path, int columns, int rows, int64_t size, GError **error)
{
  g_autoptr (sheet) sheet = g_new0 (struct sheet, 1);
  sheet->path = g_strdup (path);
  sheet->n = columns * rows;
  sheet->columns = columns;
  sheet->size = size;
  int64_t floats = sheet->n * cell_floats (sheet);
  sheet->cells = g_try_new (float, floats);
  if (!sheet->cells) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "%s: no memory for a sheet", path);
    return NULL;
  }
  for (int64_t i = 0; i < floats; i++)
    sheet->cells[i] = 1;
  return g_steal_pointer (&sheet);
}

void
sheet_free (struct sheet *sheet)
{
  if (!sheet)
    return;
  g_free (sheet->path);
  g_free (sheet->cells);
  g_free (sheet);
}

float *
sheet_cell (const struct sheet *sheet, int i)
{
  return sheet->cells + i * cell_floats (sheet);
}

void
sheet_draw (struct sheet *sheet, int i, const float *picture)
{
  memcpy (sheet_cell (sheet, i), picture, cell_floats (sheet) * sizeof (float));
}

bool
sheet_save (const struct sheet *sheet, GError **error)
{
  g_autofree const float **cell = g_new (const float *, sheet->n);
  for (int i = 0; i < sheet->n; i++)
    cell[i] = sheet_cell (sheet, i);
  g_autoptr (picture) picture = picture_sheet (cell, sheet->n, sheet->size, sheet->size, sheet->columns, GAP, error);
  return picture && picture_save (picture, sheet->path, NULL, error);
}
