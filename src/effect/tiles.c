/* SPDX-License-Identifier: Apache-2.0
 *
 * A pass in bands of tiles. Held are the rows of the picture that a band's tiles show (the window), what the band has
 * painted so far, and for a torus the first and last rows of the picture. Coordinates: x, y of the sheet; the picture's
 * are less by the margin. */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "effect/tiles_internal.h"
#include "impasto/error.h"

#define FADE 64 /* pixels: a stroke or two */
#define USEFUL_LEAST 32

enum stream { STREAM_GRAIN = 300 }; /* random numbers of painting */

/* --- Geometry --- */

static int
round_up (int64_t n, int multiple)
{
  return (n + multiple - 1) / multiple * multiple;
}

struct tile_grid
tile_grid_new (int width, int height, const struct tile_frame *frame)
{
  int multiple = frame->multiple;
  struct tile_grid grid = {width, height, .wrap = frame->wrap, .multiple = multiple};
  grid.cut = frame->cut;
  grid.margin = frame->margin;
  if (grid.wrap) {
    grid.fade_x = width % multiple ? MIN (FADE, width) : 0;
    grid.fade_y = height % multiple ? MIN (FADE, height) : 0;
    grid.margin = round_up (grid.cut + MAX (grid.fade_x, grid.fade_y), multiple);
  }
  int after = grid.wrap ? grid.cut : grid.margin;
  grid.sheet_width = grid.tile_width = round_up ((int64_t) grid.margin + width + after, multiple);
  grid.sheet_height = grid.tile_height = round_up ((int64_t) grid.margin + height + after, multiple);
  return grid;
}

static int
tiles_along (int sheet, int tile, int cut)
{
  return tile >= sheet ? 1 : (sheet - 2 * cut + tile - 2 * cut - 1) / (tile - 2 * cut);
}

int64_t
tile_grid_pixels (const struct tile_grid *grid)
{
  return (int64_t) tiles_along (grid->sheet_width, grid->tile_width, grid->cut) * grid->tile_width *
         tiles_along (grid->sheet_height, grid->tile_height, grid->cut) * grid->tile_height;
}

/* Extent of @n equal tiles along a sheet. */
static int
tile_extent (const struct tile_grid *grid, int sheet, int n)
{
  int cut = grid->cut;
  return n == 1 ? sheet : MIN (sheet, round_up ((sheet - 2 * cut + n - 1) / n + 2 * cut, grid->multiple));
}

bool
tile_grid_fit (struct tile_grid *grid, int mixes, bool low, double a, double b, int most, uint64_t limit)
{
  struct tile_grid best = *grid, try = *grid;
  int least = 2 * grid->cut + USEFUL_LEAST;
  int64_t pixels = G_MAXINT64;
  double smallest = INFINITY;
  for (int rows = 1; rows == 1 || tile_extent (grid, grid->sheet_height, rows - 1) > least; rows++) {
    try.tile_height = tile_extent (grid, grid->sheet_height, rows);
    if (try.tile_height > most)
      continue;
    for (int columns = 1; columns == 1 || tile_extent (grid, grid->sheet_width, columns - 1) > least; columns++) {
      try.tile_width = tile_extent (grid, grid->sheet_width, columns);
      if (try.tile_width > most)
        continue;
      double tile = (double) try.tile_width * try.tile_height;
      double bytes = a + b * tile + tile_pass_bytes (&try, mixes, low);
      bool fits = bytes <= limit, found = pixels < G_MAXINT64;
      int64_t all = tile_grid_pixels (&try);
      if (fits ? all < pixels : !found && bytes < smallest) {
        best = try;
        pixels = fits ? all : pixels;
        smallest = bytes;
      }
    }
  }
  *grid = best;
  return pixels < G_MAXINT64;
}

uint64_t
tile_pass_bytes (const struct tile_grid *grid, int mixes, bool low)
{
  uint64_t w = grid->width, th = grid->tile_height, out = w + grid->fade_x;
  uint64_t floats = 3 * w * MIN (grid->height, grid->tile_height) + mixes * w * th + 3 * out * th;
  if (grid->wrap && grid->height > grid->tile_height)
    floats += 6 * w * (grid->margin + grid->multiple);
  floats += 3 * w * grid->fade_y;
  if (low)
    floats += (3 * w + tiles_low_extent (grid->tile_width)) * tiles_low_extent (th) +
              th * tiles_low_extent (grid->tile_width) + 3 * th * grid->tile_width;
  return floats * sizeof (float);
}

/* --- Rows of the picture --- */

static const float *
row_of (const struct pass *pass, int channel, int y)
{
  int64_t w = pass->grid.width;
  if (y >= pass->window_top && y < pass->window_top + pass->window_n)
    return pass->window + ((int64_t) channel * pass->window_most + y - pass->window_top) * w;
  int row = y < pass->edge_n ? y : y - (pass->grid.height - pass->edge_n) + pass->edge_n;
  return pass->edges + ((int64_t) channel * 2 * pass->edge_n + row) * w;
}

/* The first and last rows of a torus, unless the window holds them all. */
static bool
read_edges (struct pass *pass, GError **error)
{
  const struct row_source *source = &pass->job->source;
  int h = pass->grid.height, n = pass->edge_n;
  int64_t w = pass->grid.width, stride = 2 * n * w;
  g_autofree float *row = n ? g_try_malloc_n (3 * w, sizeof (float)) : NULL;
  if (n && !row) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "no memory for rows of a picture");
    return false;
  }
  for (int y = 0; n && y < h; y++) {
    if (!source->read (source->data, y, 1, row, w, error))
      return false;
    for (int c = 0; c < 3 && y < n; c++)
      memcpy (pass->edges + c * stride + y * w, row + c * w, w * sizeof (float));
    for (int c = 0; c < 3 && y >= h - n; c++)
      memcpy (pass->edges + c * stride + (y - (h - n) + n) * w, row + c * w, w * sizeof (float));
  }
  return true;
}

/* Fills the window with the rows that a band at @top of the sheet shows; it moves down only. */
static bool
move_window (struct pass *pass, int top, GError **error)
{
  const struct row_source *source = &pass->job->source;
  const struct tile_grid *grid = &pass->grid;
  int64_t w = grid->width, stride = pass->window_most * w;
  int first = grid->height, last = -1;
  for (int y = top - grid->margin; y < top - grid->margin + grid->tile_height; y++) {
    if (grid->wrap && (y < 0 || y >= grid->height))
      continue; /* from the edges */
    int row = row_index (y, grid->height, false);
    first = MIN (first, row);
    last = MAX (last, row);
  }
  if (grid->height <= pass->window_most) {
    first = 0;
    last = grid->height - 1;
  }
  if (last < first) /* nothing but edges */
    return true;
  int end = pass->window_top + pass->window_n, kept = MAX (0, end - first);
  if (first > pass->window_top) {
    for (int c = 0; c < 3 && kept; c++)
      memmove (pass->window + c * stride, pass->window + c * stride + (first - pass->window_top) * w,
               kept * w * sizeof (float));
    pass->window_top = first;
    pass->window_n = kept;
  }
  if (last >= end &&
      !source->read (source->data, end, last + 1 - end, pass->window + (end - pass->window_top) * w, stride, error))
    return false;
  pass->window_n = MAX (last + 1, end) - pass->window_top;
  return true;
}

static bool
read_maps (struct pass *pass, int top, GError **error)
{
  const struct map_source *maps = &pass->job->maps;
  const struct tile_grid *grid = &pass->grid;
  int64_t w = grid->width;
  if (!maps->mixes)
    return true;
  g_autofree float *row = g_new (float, maps->mixes *w);
  for (int i = 0; i < grid->tile_height; i++) {
    int y = row_index (top - grid->margin + i, grid->height, grid->wrap);
    if (!maps->read (maps->data, grid->width, grid->height, y, row, error))
      return false;
    for (int m = 0; m < maps->mixes; m++)
      memcpy (pass->maps + ((int64_t) m * grid->tile_height + i) * w, row + m * w, w * sizeof (float));
  }
  return true;
}

/* --- A tile --- */

static void
copy_in (struct pass *pass, int left, int top)
{
  const struct tile_grid *grid = &pass->grid;
  int tw = grid->tile_width, th = grid->tile_height;
  float *photo = tensor_floats (plan_input (pass->job->plan, "photo"));
  for (int x = 0; x < tw; x++)
    pass->column[x] = row_index (left - grid->margin + x, grid->width, grid->wrap);
  int first = CLAMP (grid->margin - left, 0, tw), last = CLAMP (grid->margin + grid->width - left, first, tw);
  for (int c = 0; c < 3; c++)
    for (int y = 0; y < th; y++) {
      const float *row = row_of (pass, c, row_index (top - grid->margin + y, grid->height, grid->wrap));
      float *to = photo + ((int64_t) c * th + y) * tw;
      for (int x = 0; x < first; x++)
        to[x] = row[pass->column[x]];
      if (last > first)
        memcpy (to + first, row + pass->column[first], (last - first) * sizeof (float));
      for (int x = last; x < tw; x++)
        to[x] = row[pass->column[x]];
    }
  struct tensor *of_maps = pass->job->maps.mixes ? plan_input (pass->job->plan, "maps") : NULL;
  float *maps = of_maps ? tensor_floats (of_maps) : NULL; /* a network may have no use for them */
  for (int64_t i = 0; maps && i < (int64_t) pass->job->maps.mixes * th; i++)
    for (int x = 0; x < tw; x++)
      maps[i * tw + x] = pass->maps[i * grid->width + pass->column[x]];
}

/* Noise that depends on the pixel of the picture alone, whatever tile shows it: uniform, the same in all colours. */
static void
add_grain (struct pass *pass, int left, int top, float *photo)
{
  const struct tile_grid *grid = &pass->grid;
  const struct tile_pass *job = pass->job;
  int tw = grid->tile_width, th = grid->tile_height, inside = CLAMP (grid->margin - left, 0, tw);
  int n = CLAMP (grid->margin + grid->width - left, inside, tw) - inside;
  double range = job->grain * sqrt (12);
  for (int y = 0; y < th; y++) {
    int row = row_index (top - grid->margin + y, grid->height, grid->wrap);
    struct random_key key = {.seed = job->seed, .stream = STREAM_GRAIN, .step = row};
    if (n > 0)
      random_uniform_fill (key, pass->column[inside], pass->grain + inside, n);
    for (int x = 0; x < tw; x++) {
      float share = job->maps.mixes ? 0 : job->grained[0];
      for (int m = 0; m < job->maps.mixes; m++)
        share += job->grained[m] * pass->maps[((int64_t) m * th + y) * grid->width + pass->column[x]];
      float u = x >= inside && x < inside + n ? pass->grain[x] : (float) random_uniform (key, pass->column[x]);
      for (int c = 0; c < 3; c++)
        photo[((int64_t) c * th + y) * tw + x] += share * range * (u - 0.5f);
    }
  }
}

static bool
check (const struct pass *pass, const struct tensor *painting, int left, int top, GError **error)
{
  int64_t bad = tensor_find_nonfinite (painting), tw = pass->grid.tile_width, th = pass->grid.tile_height;
  if (bad < 0)
    return true;
  int64_t pixel = bad % (tw * th), x = left + pixel % tw - pass->grid.margin, y = top + pixel / tw - pass->grid.margin;
  g_set_error (
    error, IMPASTO_ERROR, IMPASTO_ERROR_NUMERIC, "the network of %s gave NaN or infinity (first at x %d, y %d); %s",
    pass->job->model, (int) CLAMP (x, 0, pass->grid.width - 1), (int) CLAMP (y, 0, pass->grid.height - 1),
    plan_precision (pass->job->plan) == PRECISION_F32 ? "its weights may be damaged" : "--precision f32 may help");
  return false;
}

/* Paints the tile at (left, top); rows @from to @to and the columns that it alone has right go to `out`. */
static bool
paint_tile (struct pass *pass, int left, int top, int from, int to, GError **error)
{
  const struct tile_grid *grid = &pass->grid;
  const struct tile_pass *job = pass->job;
  int tw = grid->tile_width, th = grid->tile_height;
  float *shown = tensor_floats (plan_input (job->plan, "photo"));
  copy_in (pass, left, top);
  if (pass->photo)
    memcpy (pass->photo, shown, 3 * (int64_t) tw * th * sizeof (float));
  if (job->grain > 0)
    add_grain (pass, left, top, shown);
  tiles_show_low (pass, left, top, shown);
  plan_run (job->plan, job->seed, 0);
  struct tensor *painting = plan_output (job->plan, "painting");
  if (!check (pass, painting, left, top, error))
    return false;
  float *pixels = tensor_floats (painting);
  int64_t n = 3 * (int64_t) tw * th;
  for (int64_t i = 0; job->blend != 1 && i < n; i++)
    pixels[i] = shown[i] + job->blend * (pixels[i] - shown[i]);
  tiles_restore_low (pass, left, top, pixels);
  const float *photo = pass->photo;
  for (int64_t i = 0; job->difference && i < n; i++)
    pixels[i] = 0.5f + 0.5f * (pixels[i] - photo[i]);

  int first = MAX (left ? left + grid->cut : 0, grid->margin - grid->fade_x);
  int last = MIN (left + tw < grid->sheet_width ? left + tw - grid->cut : left + tw, grid->margin + grid->width);
  for (int c = 0; c < 3 && last > first; c++)
    for (int y = from; y < to; y++)
      memcpy (pass->out + ((int64_t) c * th + y - from) * pass->out_width + first - (grid->margin - grid->fade_x),
              pixels + ((int64_t) c * th + y - top) * tw + first - left, (last - first) * sizeof (float));
  return true;
}

/* --- Rows of the painting --- */

/* The right end of a row goes over into what lies left of its beginning, which is then cut off. */
static void
fade_row (const struct pass *pass, float *row)
{
  int fade = pass->grid.fade_x, w = pass->grid.width;
  for (int i = 0; i < fade; i++) {
    float t = (i + 0.5f) / fade, *x = row + w + i; /* column w - fade + i of the picture */
    *x += t * (row[i] - *x);
  }
  memmove (row, row + fade, w * sizeof (float));
}

/* Rows @from to @to of the sheet are in `out`. */
static bool
give_rows (struct pass *pass, int from, int to, GError **error)
{
  const struct tile_grid *grid = &pass->grid;
  int64_t w = grid->width, stride = (int64_t) grid->tile_height * pass->out_width;
  for (int c = 0; c < 3; c++)
    for (int i = 0; i < to - from; i++) {
      int y = from + i - grid->margin, end = y - (grid->height - grid->fade_y); /* end: row of the last that fade */
      float *row = pass->out + c * stride + (int64_t) i * pass->out_width;
      int kept = y < 0 ? y + grid->fade_y : end; /* row of the head that this one becomes, or goes over into */
      float *head = grid->fade_y && kept >= 0 ? pass->head + ((int64_t) c * grid->fade_y + kept) * w : NULL;
      if (grid->fade_x)
        fade_row (pass, row);
      if (y < 0 && head)
        memcpy (head, row, w * sizeof (float));
      for (int x = 0; y >= 0 && head && x < w; x++)
        row[x] += (end + 0.5f) / grid->fade_y * (head[x] - row[x]);
    }
  int above = CLAMP (grid->margin - from, 0, to - from), n = to - from - above;
  const struct row_sink *sink = &pass->job->sink;
  const float *rows = pass->out + (int64_t) above * pass->out_width;
  if (pass->out_width == w)
    return n == 0 || sink->write (sink->data, from + above - grid->margin, n, rows, stride, error);
  for (int i = 0; i < n; i++)
    if (!sink->write (sink->data, from + above + i - grid->margin, 1, rows + (int64_t) i * pass->out_width, stride,
                      error))
      return false;
  return true;
}

static float *
floats (int64_t n, bool *ok)
{
  float *values = n ? g_try_malloc_n (n, sizeof (float)) : NULL;
  *ok &= !n || values;
  return values;
}

static bool
allocate (struct pass *pass, GError **error)
{
  const struct tile_grid *grid = &pass->grid;
  int64_t w = grid->width, th = grid->tile_height;
  bool ok = true;
  pass->out_width = grid->width + grid->fade_x;
  pass->window_most = MIN (grid->height, grid->tile_height);
  pass->edge_n = grid->wrap && grid->height > grid->tile_height ? MIN (grid->margin + grid->multiple, grid->height) : 0;
  pass->window = floats (3 * w * pass->window_most, &ok);
  pass->edges = floats (6 * w * pass->edge_n, &ok);
  pass->maps = floats (pass->job->maps.mixes * th * w, &ok);
  pass->out = floats (3 * th * pass->out_width, &ok);
  pass->head = floats (3 * w * grid->fade_y, &ok);
  if (pass->job->low) {
    pass->low_most = tiles_low_extent (grid->tile_height);
    int64_t columns = tiles_low_extent (grid->tile_width);
    pass->low = floats (3 * (int64_t) pass->low_most * row_store_width (pass->job->low), &ok);
    pass->wide = floats (th * columns, &ok);
    pass->small = floats (pass->low_most * columns, &ok);
    pass->taps = g_new (struct taps, grid->tile_width);
  }
  pass->photo = floats (pass->job->low || pass->job->difference ? 3 * th * grid->tile_width : 0, &ok);
  pass->column = g_new (int, grid->tile_width);
  pass->grain = g_new (float, grid->tile_width);
  if (!ok)
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "no memory for the rows of a picture of %dx%d",
                 grid->width, grid->height);
  return ok;
}

static void
release (struct pass *pass)
{
  g_free (pass->window);
  g_free (pass->edges);
  g_free (pass->maps);
  g_free (pass->out);
  g_free (pass->head);
  g_free (pass->low);
  g_free (pass->wide);
  g_free (pass->small);
  g_free (pass->photo);
  g_free (pass->taps);
  g_free (pass->column);
  g_free (pass->grain);
}

/* The band of tiles at @top; rows @from to @to of the sheet are new. */
static bool
paint_band (struct pass *pass, int top, int from, int to, GError **error)
{
  const struct tile_grid *grid = &pass->grid;
  const struct tile_pass *job = pass->job;
  int step = grid->tile_width - 2 * grid->cut, columns = tiles_along (grid->sheet_width, grid->tile_width, grid->cut);
  if (!move_window (pass, top, error) || !tiles_read_low (pass, top, error) || !read_maps (pass, top, error))
    return false;
  for (int i = 0; i < columns; i++) {
    int left = MIN (i * step, grid->sheet_width - grid->tile_width);
    double done = (top ? from : 0) + (double) (to - from) * i / columns;
    if (!paint_progress (job->job, job->from + (job->to - job->from) * done / grid->sheet_height, job->what, error) ||
        !paint_tile (pass, left, top, from, to, error))
      return false;
  }
  return give_rows (pass, from, to, error);
}

bool
tile_pass_run (const struct tile_pass *job, GError **error)
{
  struct pass pass = {.job = job, .grid = job->grid};
  const struct tile_grid *grid = &pass.grid;
  int step = grid->tile_height - 2 * grid->cut, bands = tiles_along (grid->sheet_height, grid->tile_height, grid->cut);
  int from = grid->margin - grid->fade_y, last = grid->margin + grid->height;
  bool ok = allocate (&pass, error) && read_edges (&pass, error);
  for (int i = 0; ok && i < bands; i++) {
    int top = MIN (i * step, grid->sheet_height - grid->tile_height);
    int to = MIN (i < bands - 1 ? top + grid->tile_height - grid->cut : grid->sheet_height, last);
    if (to <= from) /* nothing but margin */
      continue;
    ok = paint_band (&pass, top, from, to, error);
    from = to;
  }
  release (&pass);
  return ok;
}
