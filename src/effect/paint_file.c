/* SPDX-License-Identifier: Apache-2.0
 *
 * From file to file, for pictures that are too large to be held: the file's rows go through the method onto disk; what
 * is done around the method is done to the rows there, a band at a time; then they are saved. */
#include <string.h>

#include "effect/sheets.h"
#include "effect/colors.h"
#include "effect/paint_internal.h"
#include "effect/recolor.h"
#include "image/pixels.h"
#include "image/stream.h"
#include "impasto/error.h"

#define BAND 32 /* rows that are worked on at a time */

/* Reading a picture that is enlarged much can take longer than painting it: those who wait may end that, too. What is
 * told meanwhile is what was told last. */
struct watch {
  const struct paint_job *job;
  struct row_source from;
  struct visible visible;
  float *row; /* with alpha, of which the method gets nothing; or NULL */
  double share;
  const char *what;
};

struct run {
  struct painter *painter;
  const struct paint_job *job;
  struct stream *stream;
  struct row_store *store; /* the painting, and alpha */
  int width, height, planes;
};

/* Bytes held all the time. */
static uint64_t
bytes_around (const struct painter *painter, int width)
{
  int rows = BAND + 2 * finish_reach (&painter->settings.finish);
  return paint_base_bytes (painter) + (uint64_t) width * rows * sizeof (float) * (8 + FINISH_SCRATCH) +
         recolor_bytes (painter, width);
}

/* In rows, with @room for the method. */
static bool
try_rows (struct painter *painter, const struct paint_task *task, uint64_t reading, uint64_t room,
          struct paint_forecast *forecast, GError **error)
{
  struct method_forecast method = {0};
  const struct picture_info *info = &task->info;
  int w = forecast->paint_width, h = forecast->paint_height;
  uint64_t saving = task->output ? stream_save_bytes (task->output, w, h, info->alpha, info->bits) : 0;
  gint64 start = g_get_monotonic_time ();
  bool ready = sheets_prepare (painter, w, h, false, room, &method, error);
  forecast->prepare_seconds += (g_get_monotonic_time () - start) * 1e-6;
  forecast->bytes =
    bytes_around (painter, w) + MAX (method.bytes, MAX (reading + method.reading, saving + method.held));
  forecast->operations = method.operations;
  forecast->precision = method.precision;
  forecast->streams = true;
  return ready && forecast->bytes > forecast->limit ? paint_too_large (error) : ready;
}

/* Tiles are painted while the file is read, what is painted at once when it has been. */
static bool
ready_rows (struct painter *painter, const struct paint_task *task, struct paint_forecast *forecast, GError **error)
{
  const struct picture_info *info = &task->info;
  uint64_t around = bytes_around (painter, forecast->paint_width), limit = forecast->limit;
  uint64_t scaling = stream_scale_bytes (info, forecast->paint_width, forecast->paint_height);
  uint64_t reading = MAX (info->opening, info->decoding + scaling);
  g_autoptr (GError) local = NULL;
  if (try_rows (painter, task, reading, limit > around + reading ? limit - around - reading : 0, forecast, &local))
    return true;
  struct paint_forecast other = *forecast;
  if (g_error_matches (local, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY) && limit > around &&
      try_rows (painter, task, reading, limit - around, &other, NULL)) {
    *forecast = other;
    return true;
  }
  g_propagate_error (error, g_steal_pointer (&local));
  return false;
}

static int64_t
pixels_painted (const struct paint_forecast *forecast)
{
  return (int64_t) forecast->paint_width * forecast->paint_height;
}

static bool
too_large_to_hold (const struct paint_forecast *forecast)
{
  return MAX ((int64_t) forecast->width * forecast->height, pixels_painted (forecast)) > PICTURE_MAX_PIXELS;
}

/* What could not be read again is not painted, nor what the file has no room for. */
static bool
check_result (const struct paint_forecast *forecast, const char *path, const char *output, GError **error)
{
  if (pixels_painted (forecast) <= PICTURE_MAX_STREAMED)
    return !output || picture_can_save_size (output, forecast->paint_width, forecast->paint_height, error);
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE,
               "%s: painted at %d x %d it has %.0f megapixels, more than the %.0f allowed", path, forecast->paint_width,
               forecast->paint_height, pixels_painted (forecast) / 1e6, PICTURE_MAX_STREAMED / 1e6);
  return false;
}

/* Held, or else in rows where the method can; when neither fits, the forecast is of what takes less. */
static bool
ready_file (struct painter *painter, const struct paint_task *task, struct paint_forecast *forecast, GError **error)
{
  g_autoptr (GError) local = NULL;
  paint_begin_forecast (painter, task, forecast);
  if (painter->method->run_rows && too_large_to_hold (forecast))
    return ready_rows (painter, task, forecast, error);
  if (paint_ready_held (painter, task, forecast, &local))
    return true;
  if (!g_error_matches (local, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY) || !painter->method->run_rows) {
    g_propagate_error (error, g_steal_pointer (&local));
    return false;
  }
  struct paint_forecast held = *forecast;
  if (ready_rows (painter, task, forecast, error))
    return true;
  if (held.bytes < forecast->bytes)
    *forecast = held;
  return false;
}

bool
painter_prepare_file (struct painter *painter, const char *path, const char *output, struct paint_forecast *forecast,
                      GError **error)
{
  struct paint_task task = {.output = output};
  g_autoptr (GError) local = NULL, memory = NULL;
  const bool rows = painter->method->run_rows != NULL;
  *forecast = (struct paint_forecast){0};
  if (!picture_probe (path, rows ? PICTURE_MAX_STREAMED : PICTURE_MAX_PIXELS, &task.info, error))
    return false;
  if (ready_file (painter, &task, forecast, &local)) {
    forecast->frames = task.info.frames;
    return check_result (forecast, path, output, error);
  }
  if (!g_error_matches (local, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY))
    g_propagate_prefixed_error (error, g_steal_pointer (&local), "%s: ", path);
  else if (!paint_fail_memory (painter, &task, ready_file, forecast, &memory))
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "%s: %s%s%s%s", path, memory->message,
                 rows ? "" : "; --method ", rows ? "" : painter->method->name,
                 rows ? "" : " wants the whole picture in memory");
  return false;
}

static bool
fail_rows (GError **error)
{
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "no memory for rows of a picture");
  return false;
}

/* Moves the painting's palette, row by row. */
static bool
move_palette (struct run *run, const struct colors_map *map, float *row, GError **error)
{
  for (int y = 0; y < run->height; y++) {
    if (!row_store_read (run->store, y, 0, 3, row, run->width, error))
      return false;
    colors_map_apply (map, row, run->width, run->width);
    if (!row_store_write (run->store, y, 0, 3, row, run->width, error) ||
        (y % BAND == 0 && !paint_progress (run->job, 1, "mixing", error)))
      return false;
  }
  return true;
}

/* Looks at all rows of the painting, with the photograph's alpha. */
static bool
look_at_palette (struct run *run, struct recolor *recolor, float *row, GError **error)
{
  struct row_source source = stream_source (run->stream);
  int64_t w = run->width;
  g_autofree float *photo = run->planes == 4 ? g_try_malloc_n (w * 4, sizeof (float)) : NULL;
  if (run->planes == 4 && !photo)
    return fail_rows (error);
  for (int y = 0; y < run->height; y++) {
    if ((photo && !source.read (source.data, y, 1, photo, w, error)) ||
        !row_store_read (run->store, y, 0, 3, row, w, error) ||
        !recolor_look (recolor, row, w, photo ? photo + 3 * w : NULL, y, 1, error) ||
        (y % BAND == 0 && !paint_progress (run->job, 1, "mixing", error)))
      return false;
  }
  return true;
}

/* What a row of the painting takes from its styles and from the photograph's row: palette, strength, colours. */
static bool
mix_row (struct run *run, struct recolor *of_style, const float *photo, float *row, int y, GError **error)
{
  const struct painter *painter = run->painter;
  int64_t w = run->width;
  if (!row_store_read (run->store, y, 0, 3, row, w, error) ||
      (of_style && !recolor_move (of_style, row, w, y, 1, error)) ||
      (paint_blends (painter) &&
       !paint_blend (painter, photo, row, run->width, run->height, y, 1, w, row + 3 * w, error)))
    return false;
  if (painter->settings.keep_colors == KEEP_COLORS_LUMINANCE)
    colors_keep_luminance (photo, row, w);
  return true;
}

/* The same for all rows, with alpha; a photograph that is left as it is comes into the store. */
static bool
mix_rows (struct run *run, struct recolor *of_style, GError **error)
{
  const struct painter *painter = run->painter;
  bool photograph = paint_is_photograph (painter);
  bool needed = photograph || of_style || paint_needs_photograph (painter);
  bool palette = !photograph && painter->settings.keep_colors == KEEP_COLORS_PALETTE;
  struct colors_sums of_photo = {{0}}, of_painting = {{0}};
  int64_t w = run->width;
  struct row_source source = stream_source (run->stream);
  if (!needed && run->planes == 3)
    return true;
  g_autofree float *photo = g_try_malloc_n (w * run->planes, sizeof (float)),
                   *row = g_try_malloc_n (w * 4, sizeof (float));
  if (!photo || !row)
    return fail_rows (error);
  if (of_style && !look_at_palette (run, of_style, row, error))
    return false;
  for (int y = 0; y < run->height; y++) {
    if (!source.read (source.data, y, 1, photo, w, error) ||
        (needed && !photograph && !mix_row (run, of_style, photo, row, y, error)))
      return false;
    if (palette) {
      const float *alpha = run->planes == 4 ? photo + 3 * w : NULL;
      colors_sums_add (&of_photo, photo, w, alpha, w);
      colors_sums_add (&of_painting, row, w, alpha, w);
    }
    if ((needed && !row_store_write (run->store, y, 0, 3, photograph ? photo : row, w, error)) ||
        (run->planes == 4 && !row_store_write (run->store, y, 3, 1, photo + 3 * w, w, error)))
      return false;
    if (y % BAND == 0 && !paint_progress (run->job, 1, "mixing", error))
      return false;
  }
  if (!palette)
    return true;
  struct colors_map map = colors_map_between (&of_painting, &of_photo);
  return move_palette (run, &map, row, error);
}

static bool
mix (struct run *run, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autoptr (recolor) of_style =
    paint_is_photograph (run->painter) ? NULL : recolor_new (run->painter, run->width, run->height, &local);
  if (!local)
    return mix_rows (run, of_style, error);
  g_propagate_error (error, g_steal_pointer (&local));
  return false;
}

/* The band of rows from @y on, with what finishing looks at around it, into the store @to. */
static bool
finish_rows (struct run *run, int y, struct row_store *to, float *band, float *scratch, GError **error)
{
  const struct finish *finish = &run->painter->settings.finish;
  int reach = finish_reach (finish), top = MAX (y - reach, 0), end = MIN (y + BAND + reach, run->height);
  int64_t w = run->width, stride = (end - top) * w;
  for (int i = top; i < end; i++)
    if (!row_store_read (run->store, i, 0, run->planes, band + (i - top) * w, stride, error))
      return false;
  finish_band (finish, band, run->width, end - top, scratch);
  for (int i = y; i < MIN (y + BAND, run->height); i++)
    if (!row_store_write (to, i, 0, run->planes, band + (i - top) * w, stride, error))
      return false;
  return true;
}

static bool
finish (struct run *run, GError **error)
{
  const struct finish *settings = &run->painter->settings.finish;
  int64_t rows = BAND + 2 * finish_reach (settings), w = run->width;
  if (!finish_wanted (settings))
    return true;
  g_autoptr (row_store) finished = row_store_new (run->width, run->height, run->planes, error);
  if (!finished)
    return false;
  g_autofree float *band = g_try_malloc_n (w * run->planes, rows * sizeof (float)),
                   *scratch = g_try_malloc_n (w * FINISH_SCRATCH, rows * sizeof (float));
  if (!band || !scratch)
    return fail_rows (error);
  for (int y = 0; y < run->height; y += BAND)
    if (!finish_rows (run, y, finished, band, scratch, error) || !paint_progress (run->job, 1, "finishing", error))
      return false;
  row_store_free (run->store);
  run->store = g_steal_pointer (&finished);
  return true;
}

static bool
watch_progress (double share, const char *what, void *data)
{
  struct watch *watch = data;
  watch->share = share;
  watch->what = what;
  return !watch->job || !watch->job->progress || watch->job->progress (share, what, watch->job->data);
}

static bool
watch_read (void *data, int y, int n, float *rows, int64_t stride, GError **error)
{
  struct watch *watch = data;
  const struct row_source *from = &watch->from;
  for (int done = 0; done < n; done += BAND)
    if (!paint_progress (watch->job, watch->share, watch->what, error) ||
        !from->read (from->data, y + done, MIN (BAND, n - done), rows + (int64_t) done * from->width, stride, error))
      return false;
  return true;
}

/* The same of a source with alpha, without what it hides. */
static bool
watch_read_visible (void *data, int y, int n, float *rows, int64_t stride, GError **error)
{
  struct watch *watch = data;
  const struct row_source *from = &watch->from;
  int64_t w = from->width;
  for (int i = 0; i < n; i++) {
    if ((i % BAND == 0 && !paint_progress (watch->job, watch->share, watch->what, error)) ||
        !from->read (from->data, y + i, 1, watch->row, w, error))
      return false;
    visible_fill (&watch->visible, watch->row, w, watch->row + 3 * w, w);
    for (int c = 0; c < 3; c++)
      memcpy (rows + c * stride + i * w, watch->row + c * w, w * sizeof (float));
  }
  return true;
}

/* What shows of all rows. */
static bool
look_at_visible (struct watch *watch, GError **error)
{
  const struct row_source *from = &watch->from;
  int64_t w = from->width;
  for (int y = 0; y < from->height; y++) {
    if ((y % BAND == 0 && !paint_progress (watch->job, watch->share, watch->what, error)) ||
        !from->read (from->data, y, 1, watch->row, w, error))
      return false;
    visible_add (&watch->visible, watch->row, w, watch->row + 3 * w, w);
  }
  return true;
}

static bool
paint_rows (struct run *run, struct row_sink *sink, GError **error)
{
  bool alpha = run->planes == 4;
  g_autofree float *row = alpha ? g_try_malloc_n (run->width, 4 * sizeof (float)) : NULL;
  struct watch watch = {.job = run->job,
                        .from = alpha ? stream_source (run->stream) : stream_colours (run->stream),
                        .row = row,
                        .what = "reading"};
  struct row_source source = {.width = watch.from.width,
                              .height = watch.from.height,
                              .planes = 3,
                              .read = alpha ? watch_read_visible : watch_read,
                              .data = &watch};
  struct paint_job job = {.progress = watch_progress, .data = &watch, .output = run->job ? run->job->output : NULL};
  if (alpha && !row)
    return fail_rows (error);
  return (!alpha || look_at_visible (&watch, error)) && sheets_run_rows (run->painter, &source, sink, &job, error);
}

static bool
run_rows (struct run *run, GError **error)
{
  const struct painter *painter = run->painter;
  run->planes = stream_source (run->stream).planes;
  run->store = row_store_new (run->width, run->height, run->planes, error);
  struct row_sink sink = row_store_sink (run->store);
  return run->store && (paint_is_photograph (painter) || paint_rows (run, &sink, error)) && mix (run, error) &&
         finish (run, error);
}

/* The share is the painting's, and that is done. */
static bool
save_on (void *data)
{
  const struct paint_job *job = data;
  return !job || !job->progress || job->progress (1, "saving", job->data);
}

/* The same with the picture in memory. */
static bool
run_whole (struct painter *painter, const char *path, const char *output, const struct picture_save_options *options,
           const struct paint_job *job, GError **error)
{
  g_autoptr (picture) picture = picture_load (path, 0, error);
  return picture && painter_run (painter, picture, job, error) && picture_save (picture, output, options, error);
}

bool
painter_run_file (struct painter *painter, const char *path, const char *output,
                  const struct picture_save_options *options, const struct paint_job *job, GError **error)
{
  struct paint_forecast forecast;
  if (!picture_can_save (output, error) || !painter_prepare_file (painter, path, output, &forecast, error))
    return false;
  if (!forecast.streams)
    return run_whole (painter, path, output, options, job, error);
  g_autoptr (stream) stream =
    stream_open (path, PICTURE_MAX_STREAMED, forecast.paint_width, forecast.paint_height, error);
  if (!stream)
    return false;
  struct run run = {painter, job, stream, NULL, forecast.paint_width, forecast.paint_height, 0};
  bool painted = run_rows (&run, error);
  struct picture *about = stream_about (stream);
  if (painted) {
    g_free (about->recipe);
    about->recipe = paint_recipe_text (painter);
  }
  struct picture_save_options watched = options ? *options : (struct picture_save_options){0};
  watched.go_on = save_on;
  watched.data = (void *) job;
  bool saved = painted && stream_save (about, run.store, output, &watched, error);
  row_store_free (run.store);
  return saved;
}
