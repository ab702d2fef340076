/* SPDX-License-Identifier: Apache-2.0
 *
 * Sheets of the translate recipe: what is learnt from, and what has been learnt. */
#include <string.h>

#include "impasto/error.h"
#include "train/recipe.h"
#include "train/sheet.h"
#include "train/translate_recipe.h"

#define REALS_COLUMNS 8

/* Far beyond the run, so that no training batch is the same. */
bool
translate_load_sheet (struct trainer *trainer, GError **error)
{
  const struct translate_settings *settings = trainer->settings;
  struct translate_state *state = trainer->state;
  for (int side = 0; side < SIDES; side++) {
    state->sheet[side] = g_try_new (float, TRANSLATE_SHEET_ROWS * 3 * settings->size * settings->size);
    if (!state->sheet[side]) {
      g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "no memory for the pictures of a sheet");
      return false;
    }
    if (!dataset_pick (state->data[side], 1000000000, 1, TRANSLATE_SHEET_ROWS, state->sheet[side], error))
      return false;
  }
  return true;
}

/* Two rows of paintings, then two of photographs. */
bool
translate_reals (struct trainer *trainer, const char *path, GError **error)
{
  const struct translate_settings *settings = trainer->settings;
  struct translate_state *state = trainer->state;
  int n = 2 * REALS_COLUMNS;
  g_autoptr (sheet) sheet = sheet_new (path, REALS_COLUMNS, 4, settings->size, error);
  return sheet && dataset_pick (state->data[PAINTING], 0, settings->batch, n, sheet_cell (sheet, 0), error) &&
         dataset_pick (state->data[PHOTO], 0, settings->batch, n, sheet_cell (sheet, n), error) &&
         sheet_save (sheet, error);
}

/* Each row a photograph, its translation and, with a way back, that of the translation; a painting, and what the
 * translator makes of it, which should be the same. */
bool
translate_sample (struct trainer *trainer, const char *path, GError **error)
{
  static const char *const shown[] = {"photo", "translated", "back", "painting", "identity"};
  const struct translate_settings *settings = trainer->settings;
  struct translate_state *state = trainer->state;
  int64_t pixels = 3 * settings->size * settings->size;
  int columns = plan_output (state->sampler, "back") ? 5 : 4;
  g_autoptr (sheet) sheet = sheet_new (path, columns, TRANSLATE_SHEET_ROWS, settings->size, error);
  if (!sheet || !plan_refresh (state->sampler, error))
    return false;
  for (int row = 0, cell = 0; row < TRANSLATE_SHEET_ROWS; row++) {
    for (int side = 0; side < SIDES; side++)
      memcpy (plan_input (state->sampler, translate_sides[side])->data, state->sheet[side] + row * pixels,
              pixels * sizeof (float));
    plan_run (state->sampler, 0, 0);
    for (guint i = 0; i < G_N_ELEMENTS (shown); i++) {
      struct tensor *picture = plan_output (state->sampler, shown[i]);
      picture = picture ? picture : plan_input (state->sampler, shown[i]);
      if (picture)
        sheet_draw (sheet, cell++, tensor_floats (picture));
    }
  }
  return sheet_save (sheet, error);
}
