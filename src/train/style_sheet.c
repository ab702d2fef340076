/* SPDX-License-Identifier: Apache-2.0
 *
 * Sample sheets of the style recipe: what is learnt from, and what has been learnt. */
#include <string.h>

#include "image/pixels.h"
#include "impasto/error.h"
#include "train/style_recipe.h"

static bool
no_memory_for_batch (GError **error)
{
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "no memory for the photographs of a batch");
  return false;
}

/* Far beyond the run, so that no training batch is the same. */
bool
style_load_sheet_photos (struct trainer *trainer, GError **error)
{
  const struct style_settings *settings = trainer->settings;
  struct style_state *state = trainer->state;
  int64_t pixels = 3 * settings->size * settings->size;
  state->sheet_photos = g_try_new (float, STYLE_SHEET_PHOTOS *pixels);
  g_autofree float *batch = g_try_new (float, settings->batch *pixels);
  if (!state->sheet_photos || !batch)
    return no_memory_for_batch (error);
  for (int i = 0; i < STYLE_SHEET_PHOTOS; i++) {
    if (!dataset_make (state->photos, 1000000000 + i, batch, error))
      return false;
    memcpy (state->sheet_photos + i * pixels, batch, pixels * sizeof (float));
  }
  return true;
}

/* Cells of a sheet, white until they are drawn, one after another in memory. */
static float *
sheet_cells (int n, int64_t pixels, const char *path, GError **error)
{
  float *cells = g_try_new (float, n *pixels);
  if (!cells)
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "%s: no memory for a sheet", path);
  for (int64_t i = 0; cells && i < n * pixels; i++)
    cells[i] = 1;
  return cells;
}

static bool
save_sheet (const float *cells, int n, int64_t size, int columns, const char *path, GError **error)
{
  g_autofree const float **cell = g_new (const float *, n);
  for (int i = 0; i < n; i++)
    cell[i] = cells + i * 3 * size * size;
  g_autoptr (picture) sheet = picture_sheet (cell, n, size, size, columns, 4, error);
  return sheet && picture_save (sheet, path, NULL, error);
}

/* Crops of the paintings, then two rows of the photographs that training begins with. */
bool
style_reals (struct trainer *trainer, const char *path, GError **error)
{
  const struct style_settings *settings = trainer->settings;
  struct style_state *state = trainer->state;
  int64_t size = settings->size, pixels = 3 * size * size;
  int n_styles = state->data.n_styles, columns = CLAMP (n_styles, 3, 8), rows = (n_styles + columns - 1) / columns;
  int n = (rows + 2) * columns;
  g_autofree float *cells = sheet_cells (n, pixels, path, error), *batch = g_try_new (float, settings->batch *pixels);
  if (!cells || !batch)
    return cells ? no_memory_for_batch (error) : false;
  for (int i = 0; i < n_styles; i++)
    style_data_crop (&state->data, (struct style_draw){.style = i}, 0, 0, 0, size, cells + i * pixels);
  for (int i = 0; i < 2 * columns; i++) {
    int item = i % settings->batch;
    if (item == 0 && !dataset_make (state->photos, i / settings->batch, batch, error))
      return false;
    memcpy (cells + (rows * columns + i) * pixels, batch + item * pixels, pixels * sizeof (float));
  }
  return save_sheet (cells, n, size, columns, path, error);
}

/* What column @column of a sample sheet is painted with: every style, then the photograph's row, then the first style
 * with the coarser and the finer brush. False: there are no more columns. */
static bool
sheet_draw (const struct style_net *net, int column, struct style_draw *draw)
{
  *draw = (struct style_draw){.style = column < net->styles ? column : 0};
  int beyond = column - net->styles;
  if (net->photograph && beyond >= 0 && beyond-- == 0)
    draw->photograph = 1;
  else if (net->brush && (beyond == 0 || beyond == 1))
    draw->brush = beyond == 0 ? 1 : -1;
  else
    return beyond < 0;
  return true;
}

/* Each row a photograph and what the painter makes of it; above them the paintings. */
bool
style_sample (struct trainer *trainer, const char *path, GError **error)
{
  const struct style_settings *settings = trainer->settings;
  struct style_state *state = trainer->state;
  struct style_draw draw;
  int64_t size = settings->size, pixels = 3 * size * size;
  int columns = 1;
  while (sheet_draw (&state->net, columns - 1, &draw))
    columns++;
  int n = columns * (STYLE_SHEET_PHOTOS + 1);
  g_autofree float *cells = sheet_cells (n, pixels, path, error);
  if (!cells || !plan_refresh (state->sampler, error))
    return false;
  for (int i = 0; i < n; i++) {
    int row = i / columns, column = i % columns;
    const float *photo = state->sheet_photos + MAX (row - 1, 0) * pixels;
    sheet_draw (&state->net, column - 1, &draw);
    if (row == 0 && column > 0 && column <= state->data.n_styles)
      style_data_crop (&state->data, draw, 0, 0, 0, size, cells + i * pixels);
    else if (row > 0 && column == 0)
      memcpy (cells + i * pixels, photo, pixels * sizeof (float));
    else if (row > 0) {
      style_draw_rows (draw, &state->net, style_input_at (state->sampler, "rows", 0));
      memcpy (tensor_floats (plan_input (state->sampler, "photo")), photo, pixels * sizeof (float));
      plan_run (state->sampler, 0, 0);
      memcpy (cells + i * pixels, tensor_floats (plan_output (state->sampler, "painting")), pixels * sizeof (float));
    }
  }
  return save_sheet (cells, n, size, columns, path, error);
}
