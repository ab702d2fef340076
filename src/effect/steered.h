/* SPDX-License-Identifier: Apache-2.0
 *
 * What methods have in common that are steered by a control and paint on a canvas: the struct of such a method begins
 * with a struct steered, and these are its prepare, run, run_rows, strength and shares. */
#pragma once

#include "effect/canvas.h"
#include "effect/control.h"

struct steered {
  struct control *control;
  struct canvas *canvas;
  float *rows; /* (mixes, rows of the network) */
};

void steered_clear (struct steered *steered);

/* The canvas's settings as they follow from a user's. */
struct canvas_settings steered_settings (const struct paint_settings *settings);

double steered_set_brush (void *self, int width, int height, double brush, bool grain);
bool steered_prepare (void *self, int width, int height, uint64_t limit, struct method_forecast *forecast,
                      GError **error);
bool steered_run (void *self, struct picture *picture, const struct paint_job *job, GError **error);
bool steered_run_rows (void *self, const struct row_source *source, const struct row_sink *sink,
                       const struct paint_job *job, GError **error);
bool steered_strength (void *self, int width, int height, int y, int n, float *map, GError **error);
bool steered_shares (void *self, int width, int height, int y, int n, float *shares, GError **error);

/* Adds the regions and the precision to a recipe. */
void steered_describe (const struct steered *steered, JsonObject *recipe);
