/* SPDX-License-Identifier: Apache-2.0
 *
 * Sheets: square pictures of one size in rows and columns, by which a run shows what it learns from and what it has
 * learnt. A sheet has one owner; one thread at a time. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct sheet {
  char *path;
  float *cells; /* (n, 3, size, size), row by row: white until they are drawn */
  int n, columns;
  int64_t size;
};
typedef struct sheet sheet;

/* A sheet that is to be the file @path. IMPASTO_ERROR_MEMORY. */
struct sheet *sheet_new (const char *path, int columns, int rows, int64_t size, GError **error);
void sheet_free (struct sheet *sheet);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (sheet, sheet_free)

/* Cell @i, (3, size, size), counted row by row. */
float *sheet_cell (const struct sheet *sheet, int i);

/* Copies @picture, (3, size, size), into cell @i. */
void sheet_draw (struct sheet *sheet, int i, const float *picture);

/* Errors as picture_save. */
bool sheet_save (const struct sheet *sheet, GError **error);
