/* SPDX-License-Identifier: Apache-2.0
 *
 * Rungs: what is painted at which size, and how much of each there is in the result. The method gets ready for one
 * after the other, which takes it a fraction of the time that painting does. */
#include "effect/brush.h"

#include <math.h>

#include "effect/canvas.h"
#include "impasto/error.h"

#define RUNGS 2   /* between which a brush lies */
#define STEPS 2   /* rungs an octave: a step of 0.01 moves a mix by less than 0.06 */
#define SPARED 16 /* pixels a side that a method gets ready for when it will not be asked */

/* The rungs next to the brush: their sizes, strokes as method->set_strokes has them, and the share of the second. */
struct rungs {
  int n, width[RUNGS], height[RUNGS];
  double strokes[RUNGS], share;
};

/* A painting at one of them, in memory or on disk. */
struct sheet {
  struct picture *picture;
  struct row_store *store;
  struct row_scale *scale; /* to the size that is wanted */
};

static bool
around (const struct painter *painter)
{
  return !(painter->controls & METHOD_BRUSH) && painter->settings.brush != 1;
}

/* By what the picture is enlarged for a painting with strokes @brush times as wide; and its @strokes. */
static double
enlargement (const struct painter *painter, int width, int height, double brush, double *strokes)
{
  bool pixels = painter->settings.strokes == STROKES_PIXELS;
  int base = width, ignored;
  *strokes = 0;
  if (!painter->method->set_strokes)
    return 1 / brush;
  if (!pixels)
    canvas_thumbnail_size (width, height, &base, &ignored);
  double wanted = base / (brush * width), scale = MAX (1, wanted); /* nothing is painted smaller than it will be */
  *strokes = brush == 1 ? 0 : wanted / scale;
  return scale;
}

static struct rungs
rungs_of (const struct painter *painter, int width, int height)
{
  double at = around (painter) ? STEPS * log2 (painter->settings.brush) : 0;
  double first = floor (at + 1e-9);
  struct rungs rungs = {.n = at - first > 1e-9 ? 2 : 1, .share = MAX (at - first, 0)};
  for (int i = 0; i < rungs.n; i++) {
    double brush = exp2 ((first + i) / STEPS);
    double scale = enlargement (painter, width, height, brush, &rungs.strokes[i]);
    rungs.width[i] = MAX (1, lround (width * scale));
    rungs.height[i] = MAX (1, lround (height * scale));
  }
  return rungs;
}

/* Gets ready for rung @i. */
static bool
prepare_rung (struct painter *painter, const struct rungs *rungs, int i, struct method_forecast *forecast,
              GError **error)
{
  if (painter->method->set_strokes)
    painter->method->set_strokes (painter->self, rungs->strokes[i]);
  return painter->method->prepare (painter->self, rungs->width[i], rungs->height[i], painter->room, forecast, error);
}

static uint64_t
plane_bytes (int width, int height)
{
  return 3 * sizeof (float) * (uint64_t) width * height;
}

bool
brush_prepare (struct painter *painter, int width, int height, bool held, uint64_t limit,
               struct method_forecast *forecast, GError **error)
{
  struct rungs rungs = rungs_of (painter, width, height);
  if (paint_is_photograph (painter))
    return painter->method->prepare (painter->self, MIN (width, SPARED), MIN (height, SPARED), limit, forecast, error);
  if (!around (painter))
    return painter->method->prepare (painter->self, width, height, limit, forecast, error);
  uint64_t beside = 0; /* paintings, and rows at another size: of the photograph, then of the paintings */
  for (int i = 0; i < rungs.n; i++)
    beside += row_scale_bytes (MAX (width, rungs.width[i]), MAX (height, rungs.height[i]), MIN (width, rungs.width[i]),
                               MIN (height, rungs.height[i]), 3) +
              plane_bytes (width, 1) + (held ? plane_bytes (rungs.width[i], rungs.height[i]) : 0);
  bool ready = true;
  painter->room = limit > beside ? limit - beside : 1;
  *forecast = (struct method_forecast){0};
  for (int i = 0; i < rungs.n; i++) { /* the last stays ready */
    struct method_forecast one = {0};
    g_autoptr (GError) local = NULL;
    if (!prepare_rung (painter, &rungs, i, &one, &local)) {
      bool memory = g_error_matches (local, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY);
      if (ready)
        g_propagate_error (error, g_steal_pointer (&local));
      ready = false;
      if (!memory)
        return false;
    }
    forecast->bytes = MAX (forecast->bytes, beside + one.bytes);
    forecast->reading = MAX (forecast->reading, beside + one.reading);
    forecast->held = MAX (forecast->held, one.held);
    forecast->fixed = MAX (forecast->fixed, one.fixed);
    forecast->operations += one.operations;
    forecast->precision = one.precision;
  }
  return ready;
}

/* A part of a job. */
struct part {
  const struct paint_job *job;
  double from, to;
};

static bool
part_progress (double share, const char *what, void *data)
{
  const struct part *part = data;
  return part->job->progress (part->from + share * (part->to - part->from), what, part->job->data);
}

/* The part that rung @i is, the last one first: how far depends on the pixels. */
static struct part
part_of (const struct rungs *rungs, int i, const struct paint_job *job)
{
  double pixels[RUNGS] = {0};
  for (int k = 0; k < rungs->n; k++)
    pixels[k] = (double) rungs->width[k] * rungs->height[k];
  double later = pixels[1] / (pixels[0] + pixels[1]);
  return (struct part){job, i ? 0 : later, i ? later : 1};
}

static bool
fill (struct picture *picture, const struct row_source *source, GError **error)
{
  int64_t w = picture->width, plane = w * picture->height;
  for (int y = 0; y < picture->height; y++)
    if (!source->read (source->data, y, 1, picture->rgb + y * w, plane, error))
      return false;
  return true;
}

/* The painting at one rung. */
static bool
paint_rung (struct painter *painter, const struct rungs *rungs, int i, const struct row_source *source, bool held,
            struct sheet *sheet, const struct paint_job *job, GError **error)
{
  int width = rungs->width[i], height = rungs->height[i];
  struct part part = part_of (rungs, i, job);
  struct paint_job own = {.progress = job && job->progress ? part_progress : NULL, .data = &part};
  struct method_forecast forecast = {0};
  g_autoptr (row_scale) scale = row_scale_new (source, width, height, error);
  if (!scale || !prepare_rung (painter, rungs, i, &forecast, error))
    return false;
  struct row_source scaled = row_scale_source (scale);
  if (held) {
    sheet->picture = picture_new (width, height, false, error);
    return sheet->picture && fill (sheet->picture, &scaled, error) &&
           painter->method->run (painter->self, sheet->picture, &own, error);
  }
  sheet->store = row_store_new (width, height, 3, error);
  struct row_sink sink = row_store_sink (sheet->store);
  return sheet->store && painter->method->run_rows (painter->self, &scaled, &sink, &own, error);
}

/* The sheets at the painting's size, mixed. */
static bool
mix (const struct rungs *rungs, struct sheet *sheets, int width, int height, const struct row_sink *sink,
     GError **error)
{
  struct row_source sources[RUNGS];
  int64_t n = 3 * (int64_t) width;
  g_autofree float *rows = g_try_malloc_n (RUNGS * n, sizeof (float));
  if (!rows) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "no memory for rows of a picture");
    return false;
  }
  for (int i = 0; i < rungs->n; i++) {
    sources[i] = sheets[i].store ? row_store_source (sheets[i].store) : rows_from (sheets[i].picture);
    sheets[i].scale = row_scale_new (&sources[i], width, height, error);
    if (!sheets[i].scale)
      return false;
    sources[i] = row_scale_source (sheets[i].scale);
  }
  for (int y = 0; y < height; y++) {
    for (int i = 0; i < rungs->n; i++)
      if (!sources[i].read (sources[i].data, y, 1, rows + i * n, width, error))
        return false;
    for (int64_t x = 0; rungs->n == 2 && x < n; x++)
      rows[x] += rungs->share * (rows[n + x] - rows[x]);
    if (!sink->write (sink->data, y, 1, rows, width, error))
      return false;
  }
  return true;
}

static bool
run (struct painter *painter, const struct row_source *source, const struct row_sink *sink, bool held,
     const struct paint_job *job, GError **error)
{
  struct rungs rungs = rungs_of (painter, source->width, source->height);
  struct sheet sheets[RUNGS] = {{0}};
  bool ok = true;
  for (int i = rungs.n - 1; ok && i >= 0; i--) /* the last is ready */
    ok = paint_rung (painter, &rungs, i, source, held, &sheets[i], job, error);
  ok = ok && mix (&rungs, sheets, source->width, source->height, sink, error);
  for (int i = 0; i < rungs.n; i++) {
    picture_free (sheets[i].picture);
    row_store_free (sheets[i].store);
    row_scale_free (sheets[i].scale);
  }
  return ok;
}

bool
brush_run (struct painter *painter, struct picture *picture, const struct paint_job *job, GError **error)
{
  if (!around (painter))
    return painter->method->run (painter->self, picture, job, error);
  struct row_source source = rows_from (picture);
  struct row_sink sink = rows_into (picture);
  return run (painter, &source, &sink, true, job, error);
}

bool
brush_run_rows (struct painter *painter, const struct row_source *source, const struct row_sink *sink,
                const struct paint_job *job, GError **error)
{
  if (!around (painter))
    return painter->method->run_rows (painter->self, source, sink, job, error);
  return run (painter, source, sink, false, job, error);
}
