/* SPDX-License-Identifier: Apache-2.0
 *
 * Sheets of the gan recipe. Classes lie in columns, or the categories of a code; a row has one noise then. Below, a row
 * for each continuous number of the code lets it go from -1 to 1. */
#include <string.h>

#include "base/random.h"
#include "impasto/error.h"
#include "train/gan_recipe.h"
#include "train/recipe.h"
#include "train/sheet.h"

#define SHEET_SIDE 8
#define SHEET_COLUMNS_MAX 16 /* of classes or categories */
#define SWEEPS_MAX 4         /* rows of continuous numbers */

enum { STREAM_SHEET = 599, STREAM_SHEET_CODE = 598, STREAM_WALK = 597 };

void
gan_sheet_settle (struct gan_state *state)
{
  const struct gan_net *net = &state->net;
  state->columns = state->rows = SHEET_SIDE;
  if (net->classes || net->codes > 1)
    state->columns = MIN (net->classes ? net->classes : net->codes, SHEET_COLUMNS_MAX);
  state->rows += MIN (net->continuous, SWEEPS_MAX);
}

bool
gan_reals (struct trainer *trainer, const char *path, GError **error)
{
  const struct gan_settings *settings = trainer->settings;
  struct gan_state *state = trainer->state;
  int64_t n = settings->batch, side = state->preset->side, channels = state->net.channels, plane = side * side;
  int columns = MIN (SHEET_SIDE, n);
  g_autoptr (sheet) sheet = sheet_new (path, columns, (n + columns - 1) / columns, side, error);
  g_autofree float *batch = g_try_new (float, n *channels *plane);
  if (!sheet || !batch) {
    if (sheet)
      g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "%s: no memory for a batch", path);
    return false;
  }
  if (!dataset_make (state->data, 0, batch, error))
    return false;
  for (int64_t i = 0; i < n * 3; i++)
    for (int64_t k = 0; k < plane; k++)
      sheet->cells[i * plane + k] = batch[(i / 3 * channels + i % 3 % channels) * plane + k];
  return sheet_save (sheet, error);
}

/* Code of the cell in @row and @column. */
static void
set_code (const struct gan_state *state, int row, int column, struct random_key key, float *code)
{
  const struct gan_net *net = &state->net;
  int sweep = row - SHEET_SIDE;
  memset (code, 0, gan_code_size (net) * sizeof (float));
  if (net->codes)
    code[net->classes ? row % net->codes : sweep < 0 ? column : 0] = 1;
  for (int64_t k = 0; k < net->continuous; k++) {
    double even = 2 * random_uniform (key, row * net->continuous + k) - 1;
    code[net->codes + k] = sweep < 0                          ? even
                           : sweep == k && state->columns > 1 ? 2.0 * column / (state->columns - 1) - 1
                                                              : 0;
  }
}

static bool
draw (struct trainer *trainer, const char *path, GError **error)
{
  struct gan_state *state = trainer->state;
  g_autoptr (sheet) sheet = sheet_new (path, state->columns, state->rows, state->preset->side, error);
  if (!sheet)
    return false;
  plan_run (state->sampler, 0, 0);
  struct tensor *picture = plan_output (state->sampler, "picture");
  memcpy (sheet->cells, picture->data, picture->size);
  return sheet_save (sheet, error);
}

bool
gan_sample (struct trainer *trainer, const char *path, GError **error)
{
  struct gan_state *state = trainer->state;
  int n = state->columns * state->rows;
  int64_t latent = state->net.latent, size = gan_code_size (&state->net);
  struct random_key key = {.seed = trainer->run.seed, .stream = STREAM_SHEET};
  struct random_key code_key = {.seed = trainer->run.seed, .stream = STREAM_SHEET_CODE};
  g_autofree int *labels = g_new (int, n);
  if (!plan_refresh (state->sampler, error))
    return false;
  struct tensor *code = plan_input (state->sampler, "code");
  float *z = tensor_floats (plan_input (state->sampler, "z"));
  for (int i = 0; i < n; i++) {
    int row = i / state->columns, column = i % state->columns;
    labels[i] = column;
    if (code)
      set_code (state, row, column, code_key, tensor_floats (code) + i * size);
    bool same = state->net.codes || row >= SHEET_SIDE; /* of these one noise a row */
    gan_noise_fill (key, !same ? i : row < SHEET_SIDE ? row : 0, &state->net, 0, z + i * latent);
  }
  gan_set_labels (state->sampler, labels);
  return draw (trainer, path, error);
}

bool
gan_walk_sheet (struct trainer *trainer, const char *path, GError **error)
{
  struct gan_state *state = trainer->state;
  int n = state->columns * state->rows;
  int64_t latent = state->net.latent, size = gan_code_size (&state->net);
  struct random_key key = {.seed = trainer->run.seed, .stream = STREAM_WALK};
  struct random_key code_key = {.seed = trainer->run.seed, .stream = STREAM_SHEET_CODE};
  g_autofree float *ends = g_new (float, 2 * latent);
  g_autofree int *labels = g_new (int, n);
  if (!plan_refresh (state->sampler, error))
    return false;
  struct tensor *code = plan_input (state->sampler, "code");
  for (int i = 0; i < n; i++) {
    int row = i / state->columns, column = i % state->columns;
    gan_noise_fill (key, 2 * row, &state->net, 0, ends);
    gan_noise_fill (key, 2 * row + 1, &state->net, 0, ends + latent);
    gan_walk (ends, ends + latent, latent, state->columns > 1 ? (double) column / (state->columns - 1) : 0,
              tensor_floats (plan_input (state->sampler, "z")) + i * latent);
    labels[i] = state->net.classes ? row % state->net.classes : 0;
    if (code) /* that of the row's first cell, whatever the column; categories as the rows */
      set_code (state, row % SHEET_SIDE, state->net.codes ? row % state->net.codes : 0, code_key,
                tensor_floats (code) + i * size);
  }
  gan_set_labels (state->sampler, labels);
  return draw (trainer, path, error);
}
