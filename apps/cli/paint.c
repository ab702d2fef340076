/* SPDX-License-Identifier: Apache-2.0
 *
 * impasto paint: one picture, several, or folders of them. A bad file is reported and does not stop the rest. */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "files.h"
#include "progress.h"

#define MIB 1048576.0

static const ImpastoOption options[] = {
  {"output", IMPASTO_OPTION_STRING, "file, or folder for several; otherwise NAME-STYLE.EXT in the current folder",
   .metavar = "OUT"},
  {"format", IMPASTO_OPTION_STRING, "png, jpg, webp, tif, avif or heic; otherwise as the photograph", .metavar = "EXT"},
  {"suffix", IMPASTO_OPTION_STRING, "between name and extension of results; otherwise -STYLE, and nothing in a folder",
   .metavar = "TEXT"},
  {"recursive", IMPASTO_OPTION_BOOLEAN, "folders with all that is below; the tree is kept"},
  {"overwrite", IMPASTO_OPTION_BOOLEAN, "replace results that are there already"},
  {"dry-run", IMPASTO_OPTION_BOOLEAN, "say what would be painted and what it would take"},
  PROGRESS_OPTIONS,
  {NULL},
};

static ImpastoOptions *
paint_options (const char *subject, GError **error)
{
  ImpastoOptions *all = impasto_paint_options_new ();
  impasto_options_add (all, "Files", options);
  return all;
}

struct job {
  const struct arguments *arguments;
  struct progress progress;
  struct naming naming;
  ImpastoPainter *painter;
  GPtrArray *inputs;
  gint64 start;
  double pack_seconds;
  guint done, painted, skipped;
  int status; /* of the first picture that failed */
};

/* Peak memory of this process in bytes since it was last reset; 0 when the kernel does not say. */
static guint64
peak_memory (void)
{
  g_autofree char *text = NULL;
  const char *line = g_file_get_contents ("/proc/self/status", &text, NULL, NULL) ? strstr (text, "VmHWM:") : NULL;
  return line ? g_ascii_strtoull (line + strlen ("VmHWM:"), NULL, 10) * 1024 : 0;
}

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

struct times {
  double plan, load, paint, save;
};

static void
say_what_it_took (const struct job *job, const struct input *input, const char *path, const ImpastoForecast *forecast,
                  const struct times *times)
{
  fprintf (stderr, "%s: %dx%d, style %s of %s, %s, %d threads\n", input->path, forecast->width, forecast->height,
           impasto_painter_get_style (job->painter), impasto_painter_get_pack (job->painter), forecast->precision,
           forecast->threads);
  fprintf (stderr, "  painting: %s, %dx%d, %.1f GFLOP\n", path, forecast->paint_width, forecast->paint_height,
           forecast->operations * 1e-9);
  fprintf (stderr, "  memory: forecast %.0f MiB, peak %.0f MiB\n", forecast->bytes / MIB, peak_memory () / MIB);
  fprintf (stderr, "  time: pack %.0f ms, plan %.0f ms, load %.0f ms, paint %.0f ms, save %.0f ms\n",
           job->pack_seconds * 1e3, times->plan * 1e3, times->load * 1e3, times->paint * 1e3, times->save * 1e3);
}

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
tell_painted (struct job *job, const struct input *input, const char *path, const ImpastoForecast *forecast,
              const struct times *times)
{
  JsonObject *object = event (job, "painted", input);
  json_object_set_string_member (object, "output", path);
  json_object_set_int_member (object, "width", forecast->paint_width);
  json_object_set_int_member (object, "height", forecast->paint_height);
  json_object_set_int_member (object, "forecast_bytes", forecast->bytes);
  json_object_set_int_member (object, "peak_bytes", peak_memory ());
  json_object_set_double_member (object, "seconds", times->plan + times->load + times->paint + times->save);
  progress_json (&job->progress, object);
  if (!job->progress.quiet && !job->progress.json)
    puts (path);
}

static bool
paint_to (struct job *job, const struct input *input, const char *path, GError **error)
{
  ImpastoForecast forecast;
  struct times times = {0};
  reset_peak_memory ();
  gint64 start = g_get_monotonic_time ();
  if (!impasto_painter_forecast (job->painter, input->path, &forecast, error))
    return false;
  times.plan = since (&start);
  if (arguments_flag (job->arguments, "dry-run")) {
    printf ("%s -> %s: %dx%d, %.0f MiB of memory\n", input->path, path, forecast.paint_width, forecast.paint_height,
            forecast.bytes / MIB);
    return true;
  }
  g_autoptr (ImpastoPicture) picture = impasto_picture_load (input->path, error);
  if (!picture)
    return false;
  times.load = since (&start);
  if (!impasto_painter_paint (job->painter, picture, error)) {
    g_prefix_error (error, "%s: ", input->path);
    return false;
  }
  times.paint = since (&start);
  interrupt_hold (true); /* the encoder must finish or take back what it wrote */
  bool saved = impasto_picture_save (picture, path, job->arguments->options, error);
  interrupt_hold (false);
  if (!saved)
    return false;
  times.save = since (&start);
  if (job->progress.verbose)
    say_what_it_took (job, input, path, &forecast, &times);
  tell_painted (job, input, path, &forecast, &times);
  return true;
}

static void
tell_failed (struct job *job, const struct input *input, const char *name, const GError *error)
{
  JsonObject *object = event (job, name, input);
  json_object_set_string_member (object, "message", error->message);
  json_object_set_int_member (object, "code", error->code);
  progress_json (&job->progress, object);
}

static void
show_progress (struct job *job)
{
  if (job->inputs->len < 2)
    return;
  double seconds = (g_get_monotonic_time () - job->start) * 1e-6, rate = job->painted / MAX (seconds, 1e-3);
  g_autofree char *bar = progress_bar ((double) job->done / job->inputs->len);
  g_autofree char *left = rate > 0 ? duration_text ((job->inputs->len - job->done) / rate) : g_strdup ("?");
  progress_show (&job->progress, "%s %u of %u, %.1f pictures/s, %s left", bar, job->done, job->inputs->len, rate, left);
}

static void
paint_input (struct job *job, const struct input *input)
{
  g_autoptr (GError) error = NULL;
  bool exists = false, dry = arguments_flag (job->arguments, "dry-run"), alone = job->inputs->len == 1;
  g_autofree char *path = naming_result (&job->naming, input, !dry, &exists, &error);
  bool painted = path && paint_to (job, input, path, &error);
  progress_show (&job->progress, NULL);
  if (painted) {
    job->painted++;
  } else if (exists && !alone) { /* a folder is taken up again where it was left */
    job->skipped++;
    tell_failed (job, input, "skipped", error);
  } else {
    tell_failed (job, input, "failed", error);
    int status = complain (error);
    job->status = job->status ? job->status : status;
  }
  job->done++;
  show_progress (job);
}

/* The picture that a single word names is looked at before the style is loaded: its name is the likeliest mistake. */
static bool
check_output (struct job *job, GError **error)
{
  bool named = *job->naming.output && !job->naming.folder;
  return !named || impasto_picture_can_save (job->naming.output, error);
}

static bool
start (struct job *job, GError **error)
{
  const struct arguments *arguments = job->arguments;
  if (!progress_init (&job->progress, arguments, error))
    return false;
  if (arguments->n_words == 0) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "paint wants a picture; impasto paint --help shows how");
    return false;
  }
  job->inputs = inputs_collect (arguments->words, arguments_flag (arguments, "recursive"), error);
  if (!job->inputs || !naming_init (&job->naming, job->inputs, arguments->words, error) || !check_output (job, error))
    return false;
  gint64 begin = g_get_monotonic_time ();
  job->painter = impasto_painter_new (arguments->options, error);
  if (!job->painter)
    return false;
  job->pack_seconds = since (&begin);
  job->naming.style = impasto_painter_get_style (job->painter);
  return true;
}

static int
paint_run (const struct arguments *arguments)
{
  g_autofree char *output = arguments_text (arguments, "output"), *format = arguments_text (arguments, "format");
  g_autofree char *suffix = impasto_options_get (arguments->options, "suffix");
  g_autoptr (GError) error = NULL;
  struct job job = {
    .arguments = arguments,
    .naming = {.output = output,
               .format = format,
               .suffix = suffix,
               .overwrite = arguments_flag (arguments, "overwrite")},
    .start = g_get_monotonic_time (),
  };
  interrupt_install ();
  if (start (&job, &error)) {
    job.start = g_get_monotonic_time ();
    for (guint i = 0; i < job.inputs->len; i++)
      paint_input (&job, job.inputs->pdata[i]);
    progress_show (&job.progress, NULL);
    if (job.skipped && !job.progress.quiet)
      fprintf (stderr, "impasto: %u of %u were there already; --overwrite paints them again\n", job.skipped,
               job.inputs->len);
  } else
    job.status = complain (error);
  naming_clear (&job.naming);
  g_clear_pointer (&job.painter, impasto_painter_free);
  g_clear_pointer (&job.inputs, g_ptr_array_unref);
  return job.status;
}

const struct command command_paint = {
  .name = "paint",
  .summary = "Paints photographs in a learned style",
  .usage = "IN... --style NAME [-o OUT]",
  .examples =
    {
      "impasto paint photo.jpg --style starry-night -o painting.png",
      "impasto paint holiday/ --recursive --style great-wave -o painted/",
      "impasto paint photo.jpg --style starry-night:0.6,great-wave:0.4 --strength 0.8 --brush 1.5",
      "impasto paint photo.jpg --style great-wave --region sky.png=starry-night --keep-colors luminance",
    },
  .notes = "IN is a picture (PNG, JPEG, WebP, TIFF; HEIC and AVIF where libvips has them) or a folder of pictures.\n"
           "A file named with -o is replaced; names that impasto makes up never replace anything without --overwrite.",
  .lists = (const char *const[]){"region", NULL},
  .options = paint_options,
  .run = paint_run,
};
