/* SPDX-License-Identifier: Apache-2.0
 *
 * Pictures pass three stations: a reading thread, the main thread (which paints with all processors), and a writing
 * thread. Everything about a picture is said by the writing thread when its turn comes, so that lines stand in the
 * order of the pictures. Between stations there is room for one picture, and only if the forecast of the one that is
 * painted leaves memory for it; otherwise the stations wait for each other. */
#include "painting.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "files.h"
#include "progress.h"

#define EVENT_INTERVAL 250000 /* microseconds between JSON lines of one picture */

struct times {
  double plan, load, paint, save;
};

/* One picture on its way. */
struct item {
  struct job *job;
  const struct input *input;
  char *path;  /* of the result; NULL when there is none */
  bool exists; /* which is why */
  bool read;   /* the reading thread is done with it */
  ImpastoPicture *picture;
  ImpastoForecast forecast;
  guint64 bytes;  /* of the picture as it is now */
  guint64 beside; /* of others that were in memory when it was painted */
  struct times times;
  GError *error; /* the first */
};

struct job {
  const struct arguments *arguments;
  struct naming naming;
  ImpastoPainter *painter;
  GPtrArray *inputs;
  bool dry, stopped;
  gint64 start, painting_since, told; /* microseconds */
  double pack_seconds;
  struct item *now; /* what is being painted */
  GThreadPool *reader, *writer;
  GMutex lock; /* of what follows, and of standard output and standard error */
  GCond changed;
  struct progress progress;
  guint writing;         /* pictures on their way to the writing thread or in it */
  guint64 writing_bytes; /* that they take */
  guint done, painted, skipped;
  bool told_quality;
  int status; /* of the first picture that failed */
};

static void
reset_peak_memory (void)
{
  FILE *file = fopen ("/proc/self/clear_refs", "we");
  if (!file)
    return;
  fputs ("5", file);
  fclose (file);
}

static double
since (gint64 *start)
{
  gint64 now = g_get_monotonic_time (), before = *start;
  *start = now;
  return (now - before) * 1e-6;
}

/* --- What is said; with the lock held --- */

static JsonObject *
event (const struct job *job, const char *name, const struct input *input)
{
  JsonObject *object = json_object_new ();
  json_object_set_string_member (object, "event", name);
  json_object_set_string_member (object, "input", input->path);
  json_object_set_int_member (object, "done", job->done + 1);
  json_object_set_int_member (object, "of", job->inputs->len);
  return object;
}

static void
say_what_it_took (const struct item *item)
{
  const struct job *job = item->job;
  const ImpastoForecast *forecast = &item->forecast;
  const struct times *times = &item->times;
  fprintf (stderr, "%s: %dx%d, style %s of %s, %s, %d thread%s\n", item->input->path, forecast->width, forecast->height,
           impasto_painter_get_style (job->painter), impasto_painter_get_pack (job->painter), forecast->precision,
           forecast->threads, plural (forecast->threads));
  fprintf (stderr, "  painting: %s, %dx%d, %.1f GFLOP\n", item->path, forecast->paint_width, forecast->paint_height,
           forecast->operations * 1e-9);
  fprintf (stderr, "  memory: forecast %.0f MiB, peak %.0f MiB\n", (forecast->bytes + item->beside) / MIB,
           peak_memory () / MIB);
  fprintf (stderr, "  time: pack %.0f ms, plan %.0f ms, load %.0f ms, paint %.0f ms, save %.0f ms\n",
           job->pack_seconds * 1e3, times->plan * 1e3, times->load * 1e3, times->paint * 1e3, times->save * 1e3);
}

static void
tell_painted (const struct item *item)
{
  struct job *job = item->job;
  JsonObject *object = event (job, "painted", item->input);
  const struct times *times = &item->times;
  json_object_set_string_member (object, "output", item->path);
  json_object_set_int_member (object, "width", item->forecast.paint_width);
  json_object_set_int_member (object, "height", item->forecast.paint_height);
  json_object_set_int_member (object, "forecast_bytes", item->forecast.bytes + item->beside);
  json_object_set_int_member (object, "peak_bytes", peak_memory ());
  json_object_set_double_member (object, "seconds", times->plan + times->load + times->paint + times->save);
  progress_json (&job->progress, object);
  if (!job->progress.quiet && !job->progress.json)
    puts (item->path);
  fflush (stdout);
}

static void
tell_forecast (const struct item *item)
{
  const ImpastoForecast *forecast = &item->forecast;
  if (item->job->progress.json) {
    JsonObject *object = event (item->job, "forecast", item->input);
    json_object_set_string_member (object, "output", item->path);
    json_object_set_int_member (object, "width", forecast->paint_width);
    json_object_set_int_member (object, "height", forecast->paint_height);
    json_object_set_int_member (object, "forecast_bytes", forecast->bytes + item->beside);
    progress_json (&item->job->progress, object);
  } else if (!item->job->progress.quiet)
    printf ("%s -> %s: %dx%d, %.0f MiB of memory\n", item->input->path, item->path, forecast->paint_width,
            forecast->paint_height, ceil (forecast->bytes / MIB)); /* --memory takes it */
}

static void
tell_failed (const struct item *item, const char *name)
{
  JsonObject *object = event (item->job, name, item->input);
  json_object_set_string_member (object, "message", item->error->message);
  json_object_set_int_member (object, "code", item->error->code);
  progress_json (&item->job->progress, object);
}

/* The line: how far the pictures are together, @share of one more being painted. */
static void
show_progress (struct job *job, double share, const char *what)
{
  guint count = job->inputs->len;
  gint64 now = g_get_monotonic_time ();
  g_autofree char *bar = progress_bar ((job->done + share) / count);
  double seconds = (now - (count > 1 ? job->start : job->painting_since)) * 1e-6;
  double done = count > 1 ? (job->painted + share) / (count - job->skipped) : share; /* of the work */
  g_autofree char *left = done > 0 ? duration_text (seconds * (1 - done) / done) : g_strdup ("?");
  if (count > 1)
    progress_show (&job->progress, "%s %u of %u, %.1f pictures/s, %s left", bar, job->done, count,
                   job->painted / MAX (seconds, 1e-3), left);
  else
    progress_show (&job->progress, "%s %s %.0f%%, %s left", bar, what, share * 100, left);
}

/* --- Stations --- */

static void
item_free (struct item *item)
{
  g_clear_pointer (&item->picture, impasto_picture_free);
  g_clear_error (&item->error);
  g_free (item->path);
  g_free (item);
}

/* Reading thread, or main thread when there is no room to read ahead. */
static void
read_item (gpointer data, gpointer user_data)
{
  struct item *item = data;
  struct job *job = item->job;
  gint64 start = g_get_monotonic_time ();
  item->picture = impasto_picture_load (item->input->path, &item->error);
  item->times.load = since (&start);
  g_mutex_lock (&job->lock);
  item->read = true;
  g_cond_broadcast (&job->changed);
  g_mutex_unlock (&job->lock);
}

static void
save_item (struct item *item)
{
  gint64 start = g_get_monotonic_time ();
  interrupt_hold (true); /* the encoder must finish or take back what it wrote */
  impasto_picture_save (item->picture, item->path, item->job->arguments->options, &item->error);
  interrupt_hold (false);
  g_clear_pointer (&item->picture, impasto_picture_free);
  item->times.save = since (&start);
}

/* Once, for all pictures, that --quality means nothing to their format. */
static void
warn_of_quality (struct job *job, const char *path)
{
  if (job->told_quality || job->progress.quiet || !impasto_options_given (job->arguments->options, "quality") ||
      impasto_picture_has_quality (path))
    return;
  fprintf (stderr, "impasto: %s: --quality does nothing here; PNG and TIFF lose nothing\n", path);
  job->told_quality = true;
}

/* Says how it went; with the lock held. */
static void
conclude (struct item *item)
{
  struct job *job = item->job;
  progress_show (&job->progress, NULL);
  if (item->error && item->exists && job->inputs->len > 1) { /* a folder is taken up again where it was left */
    job->skipped++;
    tell_failed (item, "skipped");
  } else if (item->error) {
    tell_failed (item, "failed");
    int status = complain (item->error);
    job->status = job->status ? job->status : status;
  } else {
    job->painted++;
    if (item->forecast.frames > 1 && !job->progress.quiet)
      fprintf (stderr, "impasto: %s: has %d frames or pages; the first is painted\n", item->input->path,
               item->forecast.frames);
    warn_of_quality (job, item->path);
    if (job->dry)
      tell_forecast (item);
    else {
      if (job->progress.verbose)
        say_what_it_took (item);
      tell_painted (item);
    }
  }
  job->done++;
  job->writing--;
  job->writing_bytes -= item->bytes;
  if (job->inputs->len > 1 && job->done < job->inputs->len)
    show_progress (job, 0, NULL);
  g_cond_broadcast (&job->changed);
}

/* Writing thread. */
static void
write_item (gpointer data, gpointer user_data)
{
  struct item *item = data;
  struct job *job = item->job;
  if (item->picture && !item->error)
    save_item (item);
  g_mutex_lock (&job->lock);
  conclude (item);
  g_mutex_unlock (&job->lock);
  item_free (item);
}

/* --- Main thread --- */

static struct item *
new_item (struct job *job, guint i)
{
  struct item *item = g_new0 (struct item, 1);
  item->job = job;
  item->input = job->inputs->pdata[i];
  item->path = naming_result (&job->naming, item->input, !job->dry, &item->exists, &item->error);
  return item;
}

/* Waits until at most @most pictures are on their way to a file. */
static void
wait_for_writer (struct job *job, guint most)
{
  g_mutex_lock (&job->lock);
  while (job->writing > most)
    g_cond_wait (&job->changed, &job->lock);
  g_mutex_unlock (&job->lock);
}

static void
wait_for_reader (struct item *item)
{
  g_mutex_lock (&item->job->lock);
  while (!item->read)
    g_cond_wait (&item->job->changed, &item->job->lock);
  g_mutex_unlock (&item->job->lock);
}

static guint64
writing_bytes (struct job *job)
{
  g_mutex_lock (&job->lock);
  guint64 bytes = job->writing_bytes;
  g_mutex_unlock (&job->lock);
  return bytes;
}

/* The picture after @item, being read if there is room beside what is painted and written. */
static struct item *
read_ahead (struct item *item, guint next)
{
  struct job *job = item->job;
  if (job->dry || next >= job->inputs->len)
    return NULL;
  struct item *ahead = new_item (job, next);
  ahead->bytes = ahead->error ? 0 : impasto_picture_loading_bytes (ahead->input->path);
  if (ahead->bytes > 0 && item->forecast.bytes + item->beside + ahead->bytes <= item->forecast.limit) {
    item->beside += ahead->bytes;
    g_thread_pool_push (job->reader, ahead, NULL);
  } else
    ahead->bytes = 0;
  return ahead;
}

static gboolean
on_progress (double share, const char *what, gpointer data)
{
  struct job *job = data;
  gint64 now = g_get_monotonic_time ();
  g_mutex_lock (&job->lock);
  if (share > 0 && job->progress.json && now - job->told >= EVENT_INTERVAL) {
    JsonObject *object = event (job, "progress", job->now->input);
    json_object_set_string_member (object, "what", what);
    json_object_set_double_member (object, "share", share);
    json_object_set_double_member (object, "seconds_left", (now - job->painting_since) * 1e-6 * (1 - share) / share);
    progress_json (&job->progress, object);
    job->told = now;
  }
  if (share > 0 && progress_due (&job->progress))
    show_progress (job, share, what);
  g_mutex_unlock (&job->lock);
  return !interrupt_pending ();
}

/* A picture that is too large to be held: from file to file, and nothing else meanwhile. */
static void
stream_item (struct item *item)
{
  struct job *job = item->job;
  wait_for_writer (job, 0);
  gint64 start = job->painting_since = job->told = g_get_monotonic_time ();
  job->now = item;
  interrupt_hold (true); /* the draft of the file must not stay */
  impasto_painter_paint_file (job->painter, item->input->path, item->path, job->arguments->options, &item->error);
  interrupt_hold (false);
  item->times.paint = since (&start);
}

/* Forecasts, reads unless that was done ahead, and paints; *@next becomes the picture after it. */
static void
paint_item (struct item *item, guint i, struct item **next)
{
  struct job *job = item->job;
  bool ahead = item->bytes > 0;
  if (ahead)
    wait_for_reader (item);
  else
    reset_peak_memory ();
  gint64 start = g_get_monotonic_time ();
  impasto_painter_set_output (job->painter, item->path);
  if (item->error || !impasto_painter_forecast (job->painter, item->input->path, &item->forecast, &item->error) ||
      job->dry)
    return;
  item->times.plan = since (&start);
  if (item->forecast.bytes + writing_bytes (job) > item->forecast.limit)
    wait_for_writer (job, 0);
  item->beside = writing_bytes (job);
  if (item->forecast.streams) {
    g_clear_pointer (&item->picture, impasto_picture_free);
    stream_item (item);
    return;
  }
  if (!ahead)
    read_item (item, NULL);
  if (!item->picture)
    return;
  *next = read_ahead (item, i + 1);
  start = job->painting_since = job->told = g_get_monotonic_time ();
  job->now = item;
  interrupt_hold (true); /* what takes long saves what it has */
  if (!impasto_painter_paint (job->painter, item->picture, &item->error))
    g_prefix_error (&item->error, "%s: ", item->input->path);
  job->stopped = g_error_matches (item->error, IMPASTO_ERROR, IMPASTO_ERROR_CANCELLED);
  if (job->stopped)
    interrupt_forget ();
  interrupt_hold (false);
  item->times.paint = since (&start);
}

static void
paint_all (struct job *job)
{
  struct item *next = NULL;
  for (guint i = 0; i < job->inputs->len && !job->stopped && !interrupt_pending (); i++) {
    struct item *item = next ? next : new_item (job, i);
    next = NULL;
    paint_item (item, i, &next);
    wait_for_writer (job, 1);
    if (item->error)
      g_clear_pointer (&item->picture, impasto_picture_free);
    guint64 pixels = (guint64) item->forecast.paint_width * item->forecast.paint_height;
    g_mutex_lock (&job->lock);
    item->bytes = item->picture ? pixels * 4 * sizeof (float) : 0;
    job->writing++;
    job->writing_bytes += item->bytes;
    g_mutex_unlock (&job->lock);
    g_thread_pool_push (job->writer, item, NULL);
  }
  if (next && next->bytes > 0) /* stopped */
    wait_for_reader (next);
  g_clear_pointer (&next, item_free);
}

/* The picture that a single word names is looked at before the style is loaded: its name is the likeliest mistake. */
static bool
check_output (struct job *job, GError **error)
{
  bool named = *job->naming.output && !job->naming.folder;
  return !named || impasto_picture_can_save (job->naming.output, error);
}

/* Of what was found in folders: results that this call would make, and what was painted before in any style. */
static bool
leave_out (struct job *job, GError **error)
{
  guint results = naming_leave_results (&job->naming, job->inputs);
  bool all = arguments_flag (job->arguments, "paintings");
  guint paintings = all ? 0 : inputs_leave_paintings (job->inputs);
  if (results && !job->progress.quiet)
    fprintf (stderr, "impasto: left out as %s: %u picture%s of a folder\n", results == 1 ? "a result" : "results",
             results, plural (results));
  if (job->inputs->len == 0) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT,
                 "there is nothing but what impasto painted; --paintings paints it, too");
    return false;
  }
  if (paintings && !job->progress.quiet)
    fprintf (stderr, "impasto: left out as painted by impasto: %u picture%s of a folder; --paintings paints %s, too\n",
             paintings, plural (paintings), paintings == 1 ? "it" : "them");
  return true;
}

static bool
start (struct job *job, char **words, GError **error)
{
  const struct arguments *arguments = job->arguments;
  if (!progress_init (&job->progress, arguments, error))
    return false;
  if (!*words) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "paint wants a picture; impasto paint --help shows how");
    return false;
  }
  job->inputs = inputs_collect (words, arguments_flag (arguments, "recursive"), job->naming.output);
  if (!naming_init (&job->naming, job->inputs, words, error) || !check_output (job, error))
    return false;
  gint64 begin = g_get_monotonic_time ();
  job->painter = impasto_painter_new (arguments->options, error);
  if (!job->painter)
    return false;
  job->pack_seconds = since (&begin);
  job->naming.style = impasto_painter_get_style (job->painter);
  job->naming.sources = impasto_painter_get_sources (job->painter);
  if (!leave_out (job, error))
    return false;
  job->reader = g_thread_pool_new (read_item, job, 1, TRUE, error);
  job->writer = job->reader ? g_thread_pool_new (write_item, job, 1, TRUE, error) : NULL;
  return job->writer != NULL;
}

int
painting_run (const struct arguments *arguments, char **words)
{
  g_autofree char *output = arguments_text (arguments, "output"), *format = arguments_text (arguments, "format");
  g_autofree char *suffix = impasto_options_get (arguments->options, "suffix");
  g_autoptr (GError) error = NULL;
  struct job job = {
    .arguments = arguments,
    .naming = {.output = output,
               .format = *format == '.' ? format + 1 : format,
               .suffix = suffix,
               .replayed = words > arguments->words ? arguments->words[0] : NULL,
               .overwrite = arguments_flag (arguments, "overwrite")},
    .dry = arguments_flag (arguments, "dry-run"),
  };
  g_mutex_init (&job.lock);
  g_cond_init (&job.changed);
  if (start (&job, words, &error)) {
    job.start = g_get_monotonic_time ();
    impasto_painter_set_progress (job.painter, on_progress, &job);
    paint_all (&job);
  } else
    job.status = complain (error);
  if (job.reader)
    g_thread_pool_free (job.reader, FALSE, TRUE);
  if (job.writer)
    g_thread_pool_free (job.writer, FALSE, TRUE);
  interrupt_hold (true); /* one that came while the last file was written ends the program here */
  interrupt_hold (false);
  progress_show (&job.progress, NULL);
  if (job.skipped && !job.progress.quiet)
    fprintf (stderr, "impasto: %u of %u %s there already; --overwrite paints %s again\n", job.skipped, job.inputs->len,
             job.skipped == 1 ? "was" : "were", job.skipped == 1 ? "it" : "them");
  naming_clear (&job.naming);
  g_clear_pointer (&job.painter, impasto_painter_free);
  g_clear_pointer (&job.inputs, g_ptr_array_unref);
  g_mutex_clear (&job.lock);
  g_cond_clear (&job.changed);
  return job.status;
}
