/* SPDX-License-Identifier: Apache-2.0
 *
 * Painting a picture: load -> (scale) -> method -> (palette) -> (strength) -> (colours) -> (finish) -> recipe. The
 * peak of memory is forecast from sizes alone: the program itself, the float planes that are held at a time, and what
 * the method says that it takes.
 *
 * What a method does not know is done around it. Strength t: photograph + t (painting - photograph). Brush:
 * sheets.h. */
#include "effect/paint.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text_json.h"
#include "compile/plan.h"
#include "device/cpu.h"
#include "effect/sheets.h"
#include "effect/canvas.h"
#include "effect/colors.h"
#include "effect/optimize.h"
#include "effect/paint_internal.h"
#include "effect/predict.h"
#include "effect/recolor.h"
#include "image/pixels.h"
#include "image/stream.h"
#include "impasto/impasto.h"

#define BRUSHWORK_STRENGTH 0.6
#define STYLE_SIZE 768 /* as packs learn their paintings */
#define STYLE_SIZE_OF_FEATURES 512
#define STYLE_SIZE_LEAST 64

static const struct method *const methods[] = {&method_network, &method_image, &method_optimize, &method_predict};
static const char *const method_names[] = {"network", "image", "optimize", "predict", NULL};

const struct option paint_options[] = {
  {"style", OPTION_STRING, offsetof (struct paint_settings, style),
   "a style's name (see impasto styles), FILE.safetensors or FILE.safetensors:NAME, a RUN of training (its folder, "
   "name "
   "or number) or RUN:NAME; or a mix of a pack's styles: starry-night:0.6,great-wave:0.4",
   .metavar = "NAME[:WEIGHT],..."},
  {"style-image", OPTION_STRING, offsetof (struct paint_settings, style_image),
   "any painting as a style: a picture file, or a mix of several", .metavar = "FILE[:WEIGHT],..."},
  {"strength", OPTION_FLOAT, offsetof (struct paint_settings, strength),
   "how much of the style: 0 is the photograph, beyond 1 is more than was learned", 0, 2, 1},
  {"brush", OPTION_FLOAT, offsetof (struct paint_settings, brush),
   "how wide the brush is; 1 = as learned; where a pack has not learned it, widths between 0.5, 0.71, 1, 1.41 and 2 "
   "take twice as long",
   0.5, 2, 1},
  {"region", OPTION_STRING, offsetof (struct paint_settings, region),
   "another style, painting or mix where the picture MASK is white, with @0.4 in another strength; may be given "
   "several times, "
   "the last on top",
   .metavar = "MASK=STYLE[@STRENGTH]"},
  {"keep-colors", OPTION_CHOICE, offsetof (struct paint_settings, keep_colors),
   "of the photograph: luminance = pixel by pixel, palette = as a whole", .choices = keep_colors_names},
  {"method", OPTION_CHOICE, offsetof (struct paint_settings, method), "how it is painted", .choices = method_names},
  {"size", OPTION_INT, offsetof (struct paint_settings, size),
   "longer side of the painting in pixels; smaller gives broader strokes; 0 = as the photograph", 0, 65536, 0},
  {"predictor", OPTION_STRING, offsetof (struct paint_settings, predictor),
   "the pack that guesses what a style of its own would paint like a --style-image: a file or a RUN of train "
   "predictor; "
   "default: masters.safetensors",
   .metavar = "PACK"},
  {"brushwork", OPTION_STRING, offsetof (struct paint_settings, brushwork),
   "what the photograph is painted with before --method image gives it the colours of a --style-image: auto = the "
   "styles of masters.safetensors most like the painting; none; or a style or mix, as --style has it",
   .metavar = "auto|none|NAME[:WEIGHT],..."},
  {"brushwork-strength", OPTION_FLOAT, offsetof (struct paint_settings, brushwork_strength),
   "of that; 0 = none, 1 = the styles as they were learned; -1 = 0.6", -1, 1, -1},
  {"fusion", OPTION_CHOICE, offsetof (struct paint_settings, fusion),
   "of photograph and --style-image by --method image: attention = each place is given the features of places of the "
   "painting that are like it; adain = those of the painting as a whole; auto = adain",
   .fallback = FUSION_AUTO, .choices = fusion_names},
  {"fusion-strength", OPTION_FLOAT, offsetof (struct paint_settings, fusion_strength),
   "of the style image in the network; 0 redraws the photograph, --method image nearly (exactly: --strength)", 0, 1, 1},
  {"style-size", OPTION_INT, offsetof (struct paint_settings, style_size),
   "longer side of the style image as the network sees it: larger = larger strokes; 0 = 768, with --method image 512",
   0, 1024, 0},
  {"palette", OPTION_FLOAT, offsetof (struct paint_settings, palette),
   "how far colours are moved to the palette of a --style-image; 0 = as the network paints them", 0, 1, 1},
  {"strokes", OPTION_CHOICE, offsetof (struct paint_settings, strokes),
   "how large they are: preview = as in a painting of 1024 pixels, so that a print looks like its preview; pixels = as "
   "the network paints each pixel",
   .choices = strokes_names},
  {"grain", OPTION_FLOAT, offsetof (struct paint_settings, grain),
   "how much paint there is where the photograph is flat: white grounds, screens, clear skies; 0 = what the network "
   "makes of nothing",
   0, 1, 1},
  {"wrap", OPTION_BOOL, offsetof (struct paint_settings, wrap), "for textures: opposite sides of the painting meet"},
  {"denoise", OPTION_FLOAT, offsetof (struct paint_settings, finish.denoise), "smooths the painting between its edges",
   0, 1, 0},
  {"detail", OPTION_FLOAT, offsetof (struct paint_settings, finish.detail), "of the painting's relief; 1 = as painted",
   0, 2, 1},
  {"sharpen", OPTION_FLOAT, offsetof (struct paint_settings, finish.sharpen), "the painting's edges", 0, 2, 0},
  {"saturation", OPTION_FLOAT, offsetof (struct paint_settings, finish.saturation),
   "of the painting's colours; 0 = grey, 1 = as painted", 0, 2, 1},
  {"precision", OPTION_CHOICE, offsetof (struct paint_settings, precision),
   "of the arithmetic; auto = bf16 where the CPU has it", .choices = precision_names},
  {"threads", OPTION_INT, offsetof (struct paint_settings, threads), "threads; 0 = all", 0, 1024, 0},
  {"memory", OPTION_STRING, offsetof (struct paint_settings, memory),
   "may be used in all: 800M, 2G; as much as is free if not given", .metavar = "SIZE"},
  {"seed", OPTION_INT, offsetof (struct paint_settings, seed),
   "of the grain, and of networks that draw random numbers; stored with the painting", 0, 9e15, 1},
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
  if (*end == '\0' && value >= PAINT_MIB && value < 1e18) {
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

static int
method_index (const struct method *method)
{
  int i = 0;
  while (methods[i] != method)
    i++;
  return i;
}

/* Whether a style image is to be predicted, where nothing is said of the method: not when something is said of method
 * image's ways. */
static bool
is_to_predict (const struct paint_settings *settings)
{
  bool of_image = settings->fusion != FUSION_AUTO || settings->brushwork || settings->brushwork_strength >= 0;
  return !of_image && ((settings->predictor && *settings->predictor) || predict_is_there ());
}

bool
paint_settle (struct paint_settings *settings, GError **error)
{
  bool image = settings->style_image && *settings->style_image, chosen = methods[settings->method] != &method_network;
  if (image && !chosen)
    settings->method = method_index (is_to_predict (settings) ? &method_predict : &method_image);
  bool by_features = methods[settings->method] == &method_image;
  if (by_features && settings->fusion == FUSION_AUTO)
    settings->fusion = FUSION_ADAIN;
  if (by_features && settings->brushwork_strength == -1)
    settings->brushwork_strength = BRUSHWORK_STRENGTH;
  if (settings->style_size == 0)
    settings->style_size = by_features ? STYLE_SIZE_OF_FEATURES : STYLE_SIZE;
  const char *problem = settings->brushwork_strength < 0 && settings->brushwork_strength != -1
                          ? "--brushwork-strength wants 0 to 1, or -1"
                        : settings->style_size < STYLE_SIZE_LEAST ? "--style-size wants a number from 64 to 1024, or 0"
                                                                  : NULL;
  if (problem) {
    g_set_error_literal (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, problem);
    return false;
  }
  bool of_style = settings->style && *settings->style;
  if (!image || !of_style || methods[settings->method] == &method_optimize)
    return true;
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "--style and --style-image do not go together; choose one");
  return false;
}

struct painter *
painter_new (const struct paint_settings *settings, GError **error)
{
  g_autoptr (painter) painter = g_new0 (struct painter, 1);
  copy_settings (&painter->settings, settings);
  if (settings->memory && !parse_bytes (settings->memory, &painter->memory, error))
    return NULL;
  if (!paint_settle (&painter->settings, error))
    return NULL;
  painter->method = methods[painter->settings.method];
  painter->self = painter->method->open (&painter->settings, error);
  if (!painter->self)
    return NULL;
  painter->controls = painter->method->controls ? painter->method->controls (painter->self) : 0;
  if (settings->region && *settings->region && !(painter->controls & METHOD_REGIONS)) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "--region does not go with --method %s",
                 painter->method->name);
    return NULL;
  }
  return g_steal_pointer (&painter);
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

int
painter_threads (const struct painter *painter)
{
  return painter->settings.threads ? (int) painter->settings.threads : cpu_threads ();
}

const char *
painter_file (const struct painter *painter)
{
  return painter->method->file (painter->self);
}

char **
painter_sources (const struct painter *painter)
{
  GPtrArray *paths = g_ptr_array_new ();
  painter->method->sources (painter->self, paths);
  g_ptr_array_add (paths, NULL);
  return (char **) g_ptr_array_free (paths, FALSE);
}

/* The painting's size: the longer side becomes `size`. */
void
paint_size (const struct painter *painter, int *width, int *height)
{
  int64_t size = painter->settings.size, w = *width, h = *height, longer = MAX (w, h);
  if (!size || size == longer)
    return;
  *width = MAX (1, (w * size + longer / 2) / longer);
  *height = MAX (1, (h * size + longer / 2) / longer);
}

/* Nothing but photograph: the method need not be asked. */
bool
paint_is_photograph (const struct painter *painter)
{
  const struct paint_settings *settings = &painter->settings;
  return settings->strength == 0 && !(settings->region && *settings->region);
}

/* Whether the result is blended with the photograph here. */
bool
paint_blends (const struct painter *painter)
{
  const struct paint_settings *settings = &painter->settings;
  bool all = settings->strength == 1 && !(settings->region && strchr (settings->region, '@'));
  return !(painter->controls & METHOD_STRENGTH) && !all;
}

bool
paint_needs_photograph (const struct painter *painter)
{
  return !paint_is_photograph (painter) && (paint_blends (painter) || painter->settings.keep_colors != KEEP_COLORS_NO);
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

uint64_t
paint_memory_limit (const struct painter *painter)
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

uint64_t
paint_base_bytes (const struct painter *painter)
{
  return PAINT_BASE_BYTES - (paint_is_photograph (painter) ? PAINT_CODE_BYTES : 0);
}

/* While the method runs, beside what it takes itself. */
static uint64_t
beside_bytes (const struct painter *painter, const struct paint_forecast *forecast, bool alpha)
{
  int width = forecast->paint_width, height = forecast->paint_height;
  return paint_base_bytes (painter) + planes (width, height, alpha) +
         (paint_needs_photograph (painter) ? planes (width, height, false) : 0);
}

/* Bytes at the peak: while the photograph is loaded, while it is scaled, while it is painted, while the painting is
 * finished, or while it is saved. */
static uint64_t
peak (const struct painter *painter, const struct paint_task *task, const struct paint_forecast *forecast,
      const struct method_forecast *method)
{
  const struct picture_info *info = &task->info;
  int width = forecast->paint_width, height = forecast->paint_height;
  uint64_t photo = planes (info->width, info->height, info->alpha), painting = planes (width, height, info->alpha);
  uint64_t beside = beside_bytes (painter, forecast, info->alpha),
           loading = MAX (info->opening, photo + info->decoding);
  uint64_t around = MAX (finish_bytes (&painter->settings.finish, width, height), recolor_bytes (painter, width));
  uint64_t saving = task->output ? stream_save_bytes (task->output, width, height, info->alpha, info->bits) : 0;
  if (width != info->width || height != info->height)
    loading = MAX (loading, photo + painting + (info->alpha ? photo / 4 : 0));
  uint64_t between = MAX (paint_base_bytes (painter) + MAX (loading, painting + saving), beside + around);
  return MAX (beside + method->bytes, between + method->held);
}

void
paint_begin_forecast (const struct painter *painter, const struct paint_task *task, struct paint_forecast *forecast)
{
  int width = task->info.width, height = task->info.height;
  *forecast = (struct paint_forecast){.width = width, .height = height, .paint_width = width, .paint_height = height};
  paint_size (painter, &forecast->paint_width, &forecast->paint_height);
  forecast->limit = paint_memory_limit (painter);
}

bool
paint_ready_held (struct painter *painter, const struct paint_task *task, struct paint_forecast *forecast,
                  GError **error)
{
  paint_begin_forecast (painter, task, forecast);
  struct method_forecast method = {0};
  g_autoptr (GError) local = NULL;
  uint64_t beside = beside_bytes (painter, forecast, task->info.alpha);
  uint64_t room = forecast->limit > beside ? forecast->limit - beside : 0;
  gint64 start = g_get_monotonic_time ();
  bool ready = sheets_prepare (painter, forecast->paint_width, forecast->paint_height, true, room, &method, &local);
  forecast->prepare_seconds = (g_get_monotonic_time () - start) * 1e-6;
  forecast->operations = method.operations;
  forecast->precision = method.precision;
  forecast->bytes = peak (painter, task, forecast, &method);
  if (ready && forecast->bytes > forecast->limit)
    return paint_too_large (error);
  if (!ready)
    g_propagate_error (error, g_steal_pointer (&local));
  return ready;
}

bool
painter_prepare (struct painter *painter, int width, int height, bool alpha, struct paint_forecast *forecast,
                 GError **error)
{
  struct paint_task task = {.info = {.width = width, .height = height, .alpha = alpha}};
  g_autoptr (GError) local = NULL;
  if (paint_ready_held (painter, &task, forecast, &local))
    return true;
  if (g_error_matches (local, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY))
    return paint_fail_memory (painter, &task, paint_ready_held, forecast, error);
  g_propagate_error (error, g_steal_pointer (&local));
  return false;
}

bool
paint_option_is_stored (const struct option *option)
{
  static const char *const apart[] = {"threads", "keep-gps", NULL};
  return option->type != OPTION_STRING && !g_strv_contains (apart, option->name);
}

const struct method *
paint_method (int index)
{
  return methods[index];
}

/* {"program": "impasto 0.1.0", "command": "paint", "options": {...}, and what the method says} */
char *
paint_recipe_text (const struct painter *painter)
{
  g_autoptr (JsonObject) recipe = json_object_new ();
  g_autofree char *program = g_strdup_printf ("impasto %s", impasto_version ());
  JsonObject *options = option_to_json (paint_options, &painter->settings);
  json_object_set_string_member (recipe, "program", program);
  json_object_set_string_member (recipe, "command", "paint");
  for (const struct option *option = paint_options; option->name; option++)
    if (!paint_option_is_stored (option))
      json_object_remove_member (options, option->name);
  json_object_set_object_member (recipe, "options", options);
  painter->method->describe (painter->self, recipe);
  return text_json_write_object (recipe, FALSE);
}

static bool
scaling (void *data)
{
  const struct paint_job *job = data;
  return !job || !job->progress || job->progress (0, "scaling", job->data);
}

/* Scales @picture in place. */
static bool
scale (struct picture *picture, int width, int height, const struct paint_job *job, GError **error)
{
  if (width == picture->width && height == picture->height)
    return true;
  g_autoptr (picture) scaled = picture_resize_while (picture, width, height, scaling, (void *) job, error);
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
paint_blend (const struct painter *painter, const float *photo, float *painting, int width, int height, int y, int rows,
             int64_t stride, float *map, GError **error)
{
  for (int64_t i = 0; i < (int64_t) width * rows; i++)
    map[i] = painter->settings.strength;
  if (painter->method->strength && !painter->method->strength (painter->self, width, height, y, rows, map, error))
    return false;
  for (int c = 0; c < 3; c++)
    for (int64_t i = 0; i < (int64_t) rows * width; i++) {
      const float *from = photo + c * stride + i;
      float *to = painting + c * stride + i;
      if (map[i] != 1) /* as if nothing were blended */
        *to = CLAMP (*from + map[i] * (*to - *from), 0, 1);
    }
  return true;
}

/* By bands of rows. */
static bool
blend (const struct painter *painter, const float *photo, float *painting, int width, int height, GError **error)
{
  enum { ROWS = 64 };
  g_autofree float *map = g_new (float, (int64_t) width *ROWS);
  for (int y = 0; y < height; y += ROWS) {
    int64_t start = (int64_t) y * width;
    if (!paint_blend (painter, photo + start, painting + start, width, height, y, MIN (ROWS, height - y),
                      (int64_t) width * height, map, error))
      return false;
  }
  return true;
}

static bool
fail_planes (const struct picture *picture, GError **error)
{
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "no memory for a painting of %dx%d", picture->width,
               picture->height);
  return false;
}

/* The method and what is done around it; @picture has the painting's size. */
static bool
paint (struct painter *painter, struct picture *picture, const struct paint_job *job, GError **error)
{
  int64_t n = (int64_t) picture->width * picture->height;
  g_autofree float *photo = NULL;
  if (paint_needs_photograph (painter)) {
    photo = g_try_malloc_n (n, 3 * sizeof (float));
    if (!photo)
      return fail_planes (picture, error);
    memcpy (photo, picture->rgb, 3 * n * sizeof (float));
  }
  picture_fill_hidden (picture);
  if (!sheets_run (painter, picture, job, error) || !recolor_picture (painter, picture, error) ||
      (paint_blends (painter) && !blend (painter, photo, picture->rgb, picture->width, picture->height, error)))
    return false;
  if (painter->settings.keep_colors == KEEP_COLORS_LUMINANCE)
    colors_keep_luminance (photo, picture->rgb, n);
  else if (painter->settings.keep_colors == KEEP_COLORS_PALETTE)
    colors_keep_palette (photo, picture->rgb, picture->alpha, n);
  return true;
}

bool
painter_run (struct painter *painter, struct picture *picture, const struct paint_job *job, GError **error)
{
  struct paint_forecast forecast;
  if (!painter_prepare (painter, picture->width, picture->height, picture->alpha != NULL, &forecast, error) ||
      !scale (picture, forecast.paint_width, forecast.paint_height, job, error) ||
      (!paint_is_photograph (painter) && !paint (painter, picture, job, error)) ||
      !finish_run (&painter->settings.finish, picture->rgb, picture->width, picture->height, error))
    return false;
  g_free (picture->recipe);
  picture->recipe = paint_recipe_text (painter);
  return true;
}
