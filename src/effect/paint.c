/* SPDX-License-Identifier: Apache-2.0
 *
 * Painting a picture: load -> (scale) -> method -> recipe. The peak of memory is forecast from sizes alone: the program
 * itself, the float planes that are held at a time, and what the method says that it takes. */
#include "effect/paint.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "compile/plan.h"
#include "device/cpu.h"
#include "image/pixels.h"
#include "impasto/impasto.h"

#define MIB 1048576.0

/* What a run holds apart from planes and the method's own, in bytes: the program, libvips and oneDNN with the libraries
 * that they bring, generated code, thread stacks. Measured: peak minus the rest, for 1 to 24 megapixels. */
#define BASE_BYTES (44 * (uint64_t) 1048576)

static const struct method *const methods[] = {&method_network};
static const char *const method_names[] = {"network", NULL};

struct painter {
  struct paint_settings settings;
  uint64_t memory; /* of --memory; 0 = what is free */
  const struct method *method;
  void *self;
};

const struct option paint_options[] = {
  {"style", OPTION_STRING, offsetof (struct paint_settings, style),
   "a style's name (see impasto styles), FILE.safetensors, or FILE.safetensors:NAME", .metavar = "NAME"},
  {"method", OPTION_CHOICE, offsetof (struct paint_settings, method), "how it is painted", .choices = method_names},
  {"size", OPTION_INT, offsetof (struct paint_settings, size),
   "longer side of the painting in pixels; smaller gives broader strokes; 0 = as the photograph", 0, 65536, 0},
  {"precision", OPTION_CHOICE, offsetof (struct paint_settings, precision),
   "of the arithmetic; auto = bf16 where the CPU has it", .choices = precision_names},
  {"threads", OPTION_INT, offsetof (struct paint_settings, threads), "threads; 0 = all", 0, 1024, 0},
  {"memory", OPTION_STRING, offsetof (struct paint_settings, memory),
   "may be used in all: 800M, 2G; as much as is free if not given", .metavar = "SIZE"},
  {"seed", OPTION_INT, offsetof (struct paint_settings, seed),
   "of networks that draw random numbers; stored with the painting", 0, 9e15, 1},
  {"quality", OPTION_INT, offsetof (struct paint_settings, quality), "of JPEG, WebP, AVIF; 0 = the format's own", 0,
   100, 0},
  {"keep-gps", OPTION_BOOL, offsetof (struct paint_settings, keep_gps), "keep where the photograph was taken"},
  {NULL},
};

bool
paint_progress (const struct paint_job *job, double share, const char *what, GError **error)
{
  if (!job || !job->progress || job->progress (share, what, job->data))
    return true;
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_CANCELLED, "stopped while painting");
  return false;
}

/* "2G", "1.5 GiB", "800M", "4096K", bytes. */
static bool
parse_bytes (const char *text, uint64_t *bytes, GError **error)
{
  static const char units[] = "KMGT";
  char *end;
  double value = g_ascii_strtod (text, &end);
  while (*end == ' ')
    end++;
  const char *unit = *end ? strchr (units, g_ascii_toupper (*end)) : NULL;
  if (unit)
    end++;
  if (unit && (g_ascii_strcasecmp (end, "iB") == 0 || g_ascii_strcasecmp (end, "B") == 0))
    end += strlen (end);
  value = unit ? ldexp (value, 10 * (int) (unit - units + 1)) : value;
  if (*end == '\0' && value >= MIB && value < 1e18) {
    *bytes = value;
    return true;
  }
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE,
               "--memory wants a size like 800M or 2G, at least 1M, not '%s'", text);
  return false;
}

static void
copy_settings (struct paint_settings *to, const struct paint_settings *from)
{
  *to = *from;
  for (const struct option *option = paint_options; option->name; option++)
    if (option->type == OPTION_STRING) {
      char **text = (char **) ((char *) to + option->offset);
      *text = g_strdup (*text);
    }
}

struct painter *
painter_new (const struct paint_settings *settings, GError **error)
{
  g_autoptr (painter) painter = g_new0 (struct painter, 1);
  copy_settings (&painter->settings, settings);
  if (settings->memory && !parse_bytes (settings->memory, &painter->memory, error))
    return NULL;
  painter->method = methods[settings->method];
  painter->self = painter->method->open (&painter->settings, error);
  return painter->self ? g_steal_pointer (&painter) : NULL;
}

void
painter_free (struct painter *painter)
{
  if (!painter)
    return;
  if (painter->self)
    painter->method->close (painter->self);
  option_clear (paint_options, &painter->settings);
  g_free (painter);
}

const char *
painter_style (const struct painter *painter)
{
  return painter->method->style (painter->self);
}

const char *
painter_file (const struct painter *painter)
{
  return painter->method->file (painter->self);
}

/* The painting's size: the longer side becomes `size`. */
static void
painting_size (const struct painter *painter, int *width, int *height)
{
  int64_t size = painter->settings.size, w = *width, h = *height, longer = MAX (w, h);
  if (!size || size == longer)
    return;
  *width = MAX (1, (w * size + longer / 2) / longer);
  *height = MAX (1, (h * size + longer / 2) / longer);
}

/* Bytes of this process in memory now: what is free for it is what the system has left, and this. */
static uint64_t
resident (void)
{
  g_autofree char *text = NULL;
  long long pages[2] = {0};
  if (!g_file_get_contents ("/proc/self/statm", &text, NULL, NULL) ||
      sscanf (text, "%lld %lld", &pages[0], &pages[1]) != 2)
    return 0;
  return pages[1] * sysconf (_SC_PAGESIZE);
}

static uint64_t
memory_limit (const struct painter *painter)
{
  uint64_t available = cpu_memory_available () + resident ();
  return painter->memory ? MIN (painter->memory, available) : available;
}

/* Bytes of a picture's planes. */
static uint64_t
planes (int width, int height, bool alpha)
{
  return (3 + alpha) * sizeof (float) * (uint64_t) width * height;
}

/* Bytes at the peak: while the photograph is loaded (and scaled), or while it is painted. */
static uint64_t
peak (const struct paint_forecast *forecast, bool alpha, const struct method_forecast *method)
{
  uint64_t photo = planes (forecast->width, forecast->height, alpha),
           painting = planes (forecast->paint_width, forecast->paint_height, alpha);
  uint64_t loading = photo + method->held, running = painting + method->bytes;
  if (painting != photo)
    loading += painting + (alpha ? photo / 4 : 0);
  return BASE_BYTES + MAX (loading, running);
}

static char *
gigabytes (uint64_t bytes)
{
  return bytes < 1000 * MIB ? g_strdup_printf ("%.0f MiB", bytes / MIB)
                            : g_strdup_printf ("%.1f GiB", bytes / MIB / 1024);
}

static bool
fail_memory (const struct painter *painter, const struct paint_forecast *forecast, uint64_t fixed, GError **error)
{
  g_autofree char *needed = gigabytes (forecast->bytes), *there = gigabytes (forecast->limit), *hint = NULL;
  int64_t longer = MAX (forecast->paint_width, forecast->paint_height);
  double room = (double) forecast->limit - fixed, share = room / ((double) forecast->bytes - fixed);
  int64_t size = share > 0 ? longer * sqrt (share) * 0.97 : 0; /* memory goes with the pixels */
  size -= size > 400 ? size % 100 : 0;
  hint = size >= 64 ? g_strdup_printf ("; shrink it with --size %d", (int) size) : g_strdup ("");
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "painting %dx%d needs %s of memory, %s are %s%s",
               forecast->paint_width, forecast->paint_height, needed, there,
               painter->memory == forecast->limit ? "allowed" : "free", hint);
  return false;
}

bool
painter_prepare (struct painter *painter, int width, int height, bool alpha, struct paint_forecast *forecast,
                 GError **error)
{
  *forecast = (struct paint_forecast){.width = width, .height = height, .paint_width = width, .paint_height = height};
  painting_size (painter, &forecast->paint_width, &forecast->paint_height);
  forecast->limit = memory_limit (painter);
  struct method_forecast method = {0};
  g_autoptr (GError) local = NULL;
  uint64_t beside = BASE_BYTES + planes (forecast->paint_width, forecast->paint_height, alpha);
  gint64 start = g_get_monotonic_time ();
  bool ready = painter->method->prepare (painter->self, forecast->paint_width, forecast->paint_height,
                                         forecast->limit > beside ? forecast->limit - beside : 0, &method, &local);
  forecast->prepare_seconds = (g_get_monotonic_time () - start) * 1e-6;
  forecast->operations = method.operations;
  forecast->precision = method.precision;
  forecast->bytes = peak (forecast, alpha, &method);
  bool fits =
    ready ? forecast->bytes <= forecast->limit : !g_error_matches (local, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY);
  if (!fits)
    return fail_memory (painter, forecast, BASE_BYTES + method.fixed, error);
  if (!ready)
    g_propagate_error (error, g_steal_pointer (&local));
  return ready;
}

/* {"program": "impasto 0.1.0", "command": "paint", "style": ..., "pack": ..., "sha256": ..., "options": {...}} */
static char *
recipe_text (const struct painter *painter)
{
  g_autoptr (JsonObject) recipe = json_object_new ();
  g_autofree char *program = g_strdup_printf ("impasto %s", impasto_version ());
  json_object_set_string_member (recipe, "program", program);
  json_object_set_string_member (recipe, "command", "paint");
  JsonObject *options = json_object_new ();
  json_object_set_int_member (options, "size", painter->settings.size);
  json_object_set_int_member (options, "seed", painter->settings.seed);
  json_object_set_object_member (recipe, "options", options);
  painter->method->describe (painter->self, recipe);
  g_autoptr (JsonNode) node = json_node_new (JSON_NODE_OBJECT);
  json_node_set_object (node, recipe);
  return json_to_string (node, FALSE);
}

/* Scales @picture to what will be painted. */
static bool
scale (const struct painter *painter, struct picture *picture, GError **error)
{
  int width = picture->width, height = picture->height;
  painting_size (painter, &width, &height);
  if (width == picture->width && height == picture->height)
    return true;
  g_autoptr (picture) scaled = picture_resize (picture, width, height, error);
  if (!scaled)
    return false;
  float *rgb = picture->rgb, *alpha = picture->alpha;
  picture->rgb = scaled->rgb;
  picture->alpha = scaled->alpha;
  picture->width = width;
  picture->height = height;
  scaled->rgb = rgb;
  scaled->alpha = alpha;
  return true;
}

bool
painter_run (struct painter *painter, struct picture *picture, const struct paint_job *job, GError **error)
{
  struct paint_forecast forecast;
  if (!painter_prepare (painter, picture->width, picture->height, picture->alpha != NULL, &forecast, error) ||
      !scale (painter, picture, error) || !painter->method->run (painter->self, picture, job, error))
    return false;
  g_free (picture->recipe);
  picture->recipe = recipe_text (painter);
  return true;
}
