/* SPDX-License-Identifier: Apache-2.0
 *
 * Sample sheets of the style recipe: what is learnt from, and what has been learnt. */
#include <string.h>

#include "impasto/error.h"
#include "train/recipe.h"
#include "train/sheet.h"
#include "train/style_recipe.h"

/* Crops of the paintings, then two rows of the photographs that training begins with. */
bool
style_reals (struct trainer *trainer, const char *path, GError **error)
{
  const struct style_settings *settings = trainer->settings;
  struct style_state *state = trainer->state;
  int n_styles = state->data.n_styles, columns = CLAMP (n_styles, 3, 8), rows = (n_styles + columns - 1) / columns;
  g_autoptr (sheet) sheet = sheet_new (path, columns, rows + 2, settings->size, error);
  if (!sheet)
    return false;
  for (int i = 0; i < n_styles; i++)
    style_data_crop (&state->data, (struct style_draw){.style = i}, 0, 0, 0, settings->size, sheet_cell (sheet, i));
  return dataset_pick (state->photos, 0, settings->batch, 2 * columns, sheet_cell (sheet, rows * columns), error) &&
         sheet_save (sheet, error);
}

/* What column @column of a sample sheet is painted with: every style, then the photograph's row, then the first style
 * with the coarser and the finer brush. False: there are no more columns. */
static bool
column_draw (const struct style_net *net, int column, struct style_draw *draw)
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
  while (column_draw (&state->net, columns - 1, &draw))
    columns++;
  g_autoptr (sheet) sheet = sheet_new (path, columns, STYLE_SHEET_PHOTOS + 1, size, error);
  if (!sheet || !plan_refresh (state->sampler, error))
    return false;
  for (int i = 0; i < sheet->n; i++) {
    int row = i / columns, column = i % columns;
    const float *photo = state->sheet_photos + MAX (row - 1, 0) * pixels;
    column_draw (&state->net, column - 1, &draw);
    if (row == 0 && column > 0 && column <= state->data.n_styles)
      style_data_crop (&state->data, draw, 0, 0, 0, size, sheet_cell (sheet, i));
    else if (row > 0 && column == 0)
      sheet_draw (sheet, i, photo);
    else if (row > 0) {
      style_draw_rows (draw, &state->net, recipe_input_at (state->sampler, "rows", 0));
      memcpy (tensor_floats (plan_input (state->sampler, "photo")), photo, pixels * sizeof (float));
      plan_run (state->sampler, 0, 0);
      sheet_draw (sheet, i, tensor_floats (plan_output (state->sampler, "painting")));
    }
  }
  return sheet_save (sheet, error);
}
