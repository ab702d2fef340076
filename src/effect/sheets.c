/* SPDX-License-Identifier: Apache-2.0
 *
 * What is painted at which size, and how much of each there is in the result. The method gets ready for one sheet after
 * the other, which takes it a fraction of the time that painting does. */
#include "effect/sheets.h"

#include <math.h>
#include <string.h>

#include "effect/contrast.h"
#include "impasto/error.h"

#define STEPS 2    /* rungs an octave: a step of 0.01 moves a mix by less than 0.06 */
#define NEAR 0.015 /* of a rung is on it: 0.71 and 1.41 are what people write */
#define SPARED 16  /* pixels a side that a method gets ready for when it will not be asked */

enum { SHEETS_MOST = 4 }; /* two rungs, without and with grain */

/* A painting that is part of the result: in memory or on disk, once it is there. */
struct sheet {
  int width, height;
  double brush, share; /* of all with its grain */
  bool grain;
  struct picture *picture;
  struct row_store *store;
  struct row_scale *scale; /* to the size that is wanted */
};

struct sheets {
  int n, width, height; /* of the result */
  double second;        /* the share of the second rung */
  struct sheet sheet[SHEETS_MOST];
};

/* Whether the brush is made by what is around the method. */
static bool
has_brush (const struct painter *painter)
{
  return !(painter->controls & METHOD_BRUSH) && painter->settings.brush != 1;
}

static bool
has_part_of_grain (const struct painter *painter)
{
  return painter->controls & METHOD_GRAIN && painter->settings.grain > 0 && painter->settings.grain < 1;
}

/* Tells the method of a sheet; by how much it is larger than the result. */
static double
set_brush (const struct painter *painter, const struct sheets *sheets, const struct sheet *sheet)
{
  const struct method *method = painter->method;
  return method->set_brush
           ? method->set_brush (painter->self, sheets->width, sheets->height, sheet->brush, sheet->grain)
           : 1 / sheet->brush;
}

static void
add_sheet (const struct painter *painter, struct sheets *sheets, double brush, bool grain, double share)
{
  if (share <= 0)
    return;
  struct sheet *sheet = &sheets->sheet[sheets->n++];
  *sheet = (struct sheet){.brush = brush, .share = share, .grain = grain};
  double scale = set_brush (painter, sheets, sheet);
  sheet->width = MAX (1, lround (sheets->width * scale));
  sheet->height = MAX (1, lround (sheets->height * scale));
}

static struct sheets
sheets_of (const struct painter *painter, int width, int height)
{
  struct sheets sheets = {.width = width, .height = height};
  double at = has_brush (painter) ? STEPS * log2 (painter->settings.brush) : 0;
  at = fabs (at - round (at)) < NEAR ? round (at) : at;
  double first = floor (at);
  sheets.second = at - first;
  double with = has_part_of_grain (painter) ? painter->settings.grain : painter->settings.grain > 0;
  for (int grain = 0; grain <= 1; grain++) {
    double share = grain ? with : 1 - with;
    add_sheet (painter, &sheets, exp2 (first / STEPS), grain, share);
    if (sheets.second > 0)
      add_sheet (painter, &sheets, exp2 ((first + 1) / STEPS), grain, share);
  }
  return sheets;
}

/* One sheet of the result's own size: it is the result. */
static bool
is_plain (const struct sheets *sheets)
{
  return sheets->n == 1 && sheets->sheet->width == sheets->width && sheets->sheet->height == sheets->height;
}

static bool
prepare_sheet (struct painter *painter, const struct sheets *sheets, const struct sheet *sheet,
               struct method_forecast *forecast, GError **error)
{
  set_brush (painter, sheets, sheet);
  return painter->method->prepare (painter->self, sheet->width, sheet->height, painter->room, forecast, error);
}

static uint64_t
plane_bytes (int width, int height)
{
  return 3 * sizeof (float) * (uint64_t) width * height;
}

/* Paintings, and rows at another size: of the photograph, then of the paintings. */
static uint64_t
sheet_bytes (const struct sheets *sheets, const struct sheet *sheet, bool held)
{
  int w = sheets->width, h = sheets->height, sw = sheet->width, sh = sheet->height;
  return row_scale_bytes (MAX (w, sw), MAX (h, sh), MIN (w, sw), MIN (h, sh), 3) + plane_bytes (w, 1) +
         (held ? plane_bytes (sw, sh) : 0);
}

bool
sheets_prepare (struct painter *painter, int width, int height, bool held, uint64_t limit,
                struct method_forecast *forecast, GError **error)
{
  struct sheets sheets = sheets_of (painter, width, height);
  if (paint_is_photograph (painter))
    return painter->method->prepare (painter->self, MIN (width, SPARED), MIN (height, SPARED), limit, forecast, error);
  uint64_t beside = 0;
  for (int i = 0; i < sheets.n && !is_plain (&sheets); i++)
    beside += sheet_bytes (&sheets, &sheets.sheet[i], held);
  bool ready = true;
  painter->room = limit > beside ? limit - beside : 1;
  *forecast = (struct method_forecast){0};
  for (int i = 0; i < sheets.n; i++) { /* the last stays ready */
    struct method_forecast one = {0};
    g_autoptr (GError) local = NULL;
    if (!prepare_sheet (painter, &sheets, &sheets.sheet[i], &one, &local)) {
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

/* The part that sheet @i is, the last one first: how far depends on the pixels. */
static struct part
part_of (const struct sheets *sheets, int i, const struct paint_job *job)
{
  double before = 0, own = 0, all = 0;
  for (int k = 0; k < sheets->n; k++) {
    double pixels = (double) sheets->sheet[k].width * sheets->sheet[k].height;
    before += k > i ? pixels : 0;
    own += k == i ? pixels : 0;
    all += pixels;
  }
  return (struct part){job, before / all, (before + own) / all};
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

static bool
paint_sheet (struct painter *painter, struct sheets *sheets, int i, const struct row_source *source, bool held,
             const struct paint_job *job, GError **error)
{
  struct sheet *sheet = &sheets->sheet[i];
  struct part part = part_of (sheets, i, job);
  struct paint_job own = {.progress = job && job->progress ? part_progress : NULL, .data = &part};
  struct method_forecast forecast = {0};
  g_autoptr (row_scale) scale = row_scale_new (source, sheet->width, sheet->height, error);
  if (!scale || !prepare_sheet (painter, sheets, sheet, &forecast, error))
    return false;
  struct row_source scaled = row_scale_source (scale);
  if (held) {
    sheet->picture = picture_new (sheet->width, sheet->height, false, error);
    return sheet->picture && fill (sheet->picture, &scaled, error) &&
           painter->method->run (painter->self, sheet->picture, &own, error);
  }
  sheet->store = row_store_new (sheet->width, sheet->height, 3, error);
  struct row_sink sink = row_store_sink (sheet->store);
  return sheet->store && painter->method->run_rows (painter->self, &scaled, &sink, &own, error);
}

/* Sources of the sheets at the painting's size. */
static bool
scale_sheets (struct sheets *sheets, struct row_source sources[SHEETS_MOST], GError **error)
{
  for (int i = 0; i < sheets->n; i++) {
    struct sheet *sheet = &sheets->sheet[i];
    sources[i] = sheet->store ? row_store_source (sheet->store) : rows_from (sheet->picture);
    sheet->scale = row_scale_new (&sources[i], sheets->width, sheets->height, error);
    if (!sheet->scale)
      return false;
    sources[i] = row_scale_source (sheet->scale);
  }
  return true;
}

/* Rungs of one grain, which lie behind each other, are mixed with the contrast that they have. */
static bool
measure (const struct sheets *sheets, const struct row_source *sources, struct contrast *contrasts[], float *rows,
         GError **error)
{
  int64_t n = 3 * (int64_t) sheets->width;
  for (int i = 0; i < sheets->n; i += 2)
    if (!(contrasts[i / 2] = contrast_new (sheets->width, sheets->height, sheets->second, error)))
      return false;
  for (int y = 0; y < sheets->height; y++)
    for (int i = 0; i < sheets->n; i += 2) {
      if (!sources[i].read (sources[i].data, y, 1, rows, sheets->width, error) ||
          !sources[i + 1].read (sources[i + 1].data, y, 1, rows + n, sheets->width, error))
        return false;
      contrast_measure (contrasts[i / 2], y, rows, rows + n);
    }
  return true;
}

/* Row @y of the result at @rows, which has room for two more behind it. */
static bool
mix_row (const struct sheets *sheets, const struct row_source *sources, struct contrast *const contrasts[], int y,
         float *rows, GError **error)
{
  int64_t n = 3 * (int64_t) sheets->width;
  float *row = rows + n;
  memset (rows, 0, n * sizeof (float));
  for (int i = 0; i < sheets->n; i++) {
    if (!sources[i].read (sources[i].data, y, 1, row, sheets->width, error))
      return false;
    if (contrasts[i / 2] && i % 2 == 0) { /* until the second is there */
      memcpy (row + n, row, n * sizeof (float));
      continue;
    }
    if (contrasts[i / 2])
      contrast_mix (contrasts[i / 2], y, row + n, row, row);
    for (int64_t x = 0; x < n; x++)
      rows[x] += (float) sheets->sheet[i].share * row[x];
  }
  return true;
}

static bool
mix_sheets (struct sheets *sheets, struct contrast *contrasts[], const struct row_sink *sink, GError **error)
{
  struct row_source sources[SHEETS_MOST];
  g_autofree float *rows = g_try_malloc_n (3 * 3 * (int64_t) sheets->width, sizeof (float));
  if (!rows) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "no memory for rows of a picture");
    return false;
  }
  if (!scale_sheets (sheets, sources, error) ||
      (sheets->second > 0 && !measure (sheets, sources, contrasts, rows, error)))
    return false;
  for (int y = 0; y < sheets->height; y++)
    if (!mix_row (sheets, sources, contrasts, y, rows, error) ||
        !sink->write (sink->data, y, 1, rows, sheets->width, error))
      return false;
  return true;
}

/* The sheets at the painting's size, mixed. */
static bool
mix (struct sheets *sheets, const struct row_sink *sink, GError **error)
{
  struct contrast *contrasts[SHEETS_MOST] = {NULL}; /* of each grain */
  bool ok = mix_sheets (sheets, contrasts, sink, error);
  for (int i = 0; i < SHEETS_MOST; i++)
    contrast_free (contrasts[i]);
  return ok;
}

static bool
run (struct painter *painter, struct sheets *sheets, const struct row_source *source, const struct row_sink *sink,
     bool held, const struct paint_job *job, GError **error)
{
  bool ok = true;
  for (int i = sheets->n - 1; ok && i >= 0; i--) /* the last is ready */
    ok = paint_sheet (painter, sheets, i, source, held, job, error);
  ok = ok && mix (sheets, sink, error);
  for (int i = 0; i < sheets->n; i++) {
    picture_free (sheets->sheet[i].picture);
    row_store_free (sheets->sheet[i].store);
    row_scale_free (sheets->sheet[i].scale);
  }
  return ok;
}

bool
sheets_run (struct painter *painter, struct picture *picture, const struct paint_job *job, GError **error)
{
  struct sheets sheets = sheets_of (painter, picture->width, picture->height);
  if (is_plain (&sheets))
    return painter->method->run (painter->self, picture, job, error);
  struct row_source source = rows_from (picture);
  struct row_sink sink = rows_into (picture);
  return run (painter, &sheets, &source, &sink, true, job, error);
}

bool
sheets_run_rows (struct painter *painter, const struct row_source *source, const struct row_sink *sink,
                 const struct paint_job *job, GError **error)
{
  struct sheets sheets = sheets_of (painter, source->width, source->height);
  if (is_plain (&sheets))
    return painter->method->run_rows (painter->self, source, sink, job, error);
  return run (painter, &sheets, source, sink, false, job, error);
}
