/* SPDX-License-Identifier: Apache-2.0
 *
 * Masks are fitted to whatever size is painted, and read row by row. */
#include "effect/steered.h"

#define GRAIN (2 / 255.0) /* deviation: photographs have as much noise themselves, and it cannot be seen */

void
steered_clear (struct steered *steered)
{
  g_clear_pointer (&steered->canvas, canvas_free);
  g_clear_pointer (&steered->control, control_free);
  g_clear_pointer (&steered->rows, g_free);
}

struct canvas_settings
steered_settings (const struct paint_settings *settings)
{
  return (struct canvas_settings){
    .precision = settings->precision,
    .threads = settings->threads,
    .seed = settings->seed,
    .strokes = settings->strokes,
    .grain = settings->grain > 0 ? GRAIN : 0,
    .wrap = settings->wrap,
  };
}

/* How many mixes there are to choose from at a pixel. */
static int
mixes_of (const struct steered *steered)
{
  return steered->control->mixes->len > 1 ? steered->control->mixes->len : 0;
}

bool
steered_shares (void *self, int width, int height, int y, int n, float *shares, GError **error)
{
  struct steered *steered = self;
  if (!control_fit (steered->control, width, height, error))
    return false;
  control_shares (steered->control, 0, y, width, n, shares);
  return true;
}

/* The plan of regions at any size of the painting. */
static bool
read_shares (void *data, int width, int height, int y, float *row, GError **error)
{
  return steered_shares (data, width, height, y, 1, row, error);
}

double
steered_set_brush (void *self, int width, int height, double brush, bool grain)
{
  return canvas_set_brush (((struct steered *) self)->canvas, width, height, brush, grain);
}

bool
steered_prepare (void *self, int width, int height, uint64_t limit, struct method_forecast *forecast, GError **error)
{
  struct steered *steered = self;
  if (!control_fit (steered->control, width, height, error))
    return false;
  uint64_t masks = control_bytes (steered->control);
  bool ready = canvas_prepare (steered->canvas, width, height, mixes_of (steered), limit > masks ? limit - masks : 1,
                               forecast, error);
  forecast->bytes += masks;
  forecast->reading += masks;
  forecast->held += masks;
  forecast->fixed += masks;
  return ready;
}

bool
steered_run_rows (void *self, const struct row_source *source, const struct row_sink *sink, const struct paint_job *job,
                  GError **error)
{
  struct steered *steered = self;
  struct canvas_picture picture = {
    .source = *source,
    .sink = *sink,
    .maps = {mixes_of (steered), read_shares, steered},
    .rows = steered->rows,
  };
  return canvas_paint (steered->canvas, &picture, job, error);
}

bool
steered_run (void *self, struct picture *picture, const struct paint_job *job, GError **error)
{
  struct row_source source = rows_from (picture);
  struct row_sink sink = rows_into (picture); /* in place: rows are read before they are written */
  return steered_run_rows (self, &source, &sink, job, error);
}

bool
steered_strength (void *self, int width, int height, int y, int n, float *map, GError **error)
{
  struct steered *steered = self;
  if (!control_fit (steered->control, width, height, error))
    return false;
  control_strength (steered->control, 0, y, width, n, map);
  return true;
}

void
steered_describe (const struct steered *steered, JsonObject *recipe)
{
  control_describe (steered->control, recipe);
  json_object_set_string_member (json_object_get_object_member (recipe, "options"), "precision",
                                 precision_names[plan_precision (canvas_plan (steered->canvas))]);
}
