/* SPDX-License-Identifier: Apache-2.0
 *
 * Painting a picture: load -> (scale) -> (mirrored margin) -> plan -> (cut) -> check. The photograph's
 * planes are given back once they are in the plan's input, and the plan's workspace before the result is copied out, so
 * that the peak is the plan with its own input and output, and nothing beside it. The plan itself stays for the next
 * picture of its size. */
#include "effect/stylize.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "device/cpu.h"
#include "image/pixels.h"
#include "impasto/error.h"

#define MARGIN STYLIZE_MARGIN
#define GUESS_PIXELS (8 << 20) /* from here on a smaller plan tells beforehand what a pixel takes */
#define GUESS_SIDE 1024
#define MIB 1048576.0

/* What a run holds apart from planes, plan and weights, in bytes: the program, libvips and oneDNN with the libraries
 * that they bring, generated code, thread stacks. Measured: peak minus the rest, for 1 to 24 megapixels. */
#define BASE_BYTES (44 * (uint64_t) 1048576)

struct stylize {
  struct stylize_settings settings;
  uint64_t memory; /* of --memory; 0 = what is free */
  struct style style;
  struct plan *plan;
  int plan_width, plan_height; /* of the plan's input */
  double bytes_per_pixel;      /* of a small plan; 0 = not known yet */
};

const struct option stylize_options[] = {
  {"style", OPTION_STRING, offsetof (struct stylize_settings, style),
   "a style's name (see impasto styles), FILE.safetensors, or FILE.safetensors:NAME", .metavar = "NAME"},
  {"size", OPTION_INT, offsetof (struct stylize_settings, size),
   "longer side of the painting in pixels; smaller gives broader strokes; 0 = as the photograph", 0, 65536, 0},
  {"precision", OPTION_CHOICE, offsetof (struct stylize_settings, precision),
   "of the arithmetic; auto = bf16 where the CPU has it", .choices = precision_names},
  {"threads", OPTION_INT, offsetof (struct stylize_settings, threads), "threads; 0 = all", 0, 1024, 0},
  {"memory", OPTION_STRING, offsetof (struct stylize_settings, memory),
   "may be used in all: 800M, 2G; as much as is free if not given", .metavar = "SIZE"},
  {"seed", OPTION_INT, offsetof (struct stylize_settings, seed),
   "of networks that draw random numbers; stored with the painting", 0, 9e15, 1},
  {"quality", OPTION_INT, offsetof (struct stylize_settings, quality), "of JPEG, WebP, AVIF; 0 = the format's own", 0,
   100, 0},
  {"keep-gps", OPTION_BOOL, offsetof (struct stylize_settings, keep_gps), "keep where the photograph was taken"},
  {NULL},
};

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

struct stylize *
stylize_new (const struct stylize_settings *settings, GError **error)
{
  g_autoptr (stylize) stylize = g_new0 (struct stylize, 1);
  stylize->settings = *settings;
  stylize->settings.style = g_strdup (settings->style);
  stylize->settings.memory = g_strdup (settings->memory);
  if (settings->memory && !parse_bytes (settings->memory, &stylize->memory, error))
    return NULL;
  if (!style_find (settings->style, &stylize->style, error))
    return NULL;
  return g_steal_pointer (&stylize);
}

void
stylize_free (struct stylize *stylize)
{
  if (!stylize)
    return;
  g_clear_pointer (&stylize->plan, plan_free);
  style_clear (&stylize->style);
  g_free (stylize->settings.style);
  g_free (stylize->settings.memory);
  g_free (stylize);
}

const struct style *
stylize_style (const struct stylize *stylize)
{
  return &stylize->style;
}

const struct plan *
stylize_plan (const struct stylize *stylize)
{
  return stylize->plan;
}

/* The painting's size: the longer side becomes `size`. */
static void
painting_size (const struct stylize *stylize, int *width, int *height)
{
  int64_t size = stylize->settings.size, w = *width, h = *height, longer = MAX (w, h);
  if (!size || size == longer)
    return;
  *width = MAX (1, (w * size + longer / 2) / longer);
  *height = MAX (1, (h * size + longer / 2) / longer);
}

/* Extent of the network's picture: a multiple of 4, which it would pad to otherwise. */
static int
with_margin (int extent)
{
  return (extent + 2 * MARGIN + STYLIZE_MULTIPLE - 1) / STYLIZE_MULTIPLE * STYLIZE_MULTIPLE;
}

static struct plan *
compile (const struct stylize *stylize, int width, int height, uint64_t limit, uint64_t *needed, GError **error)
{
  const struct pack *pack = stylize->style.pack;
  struct plan_options options = {
    .precision = stylize->settings.precision,
    .threads = stylize->settings.threads,
    .memory_limit = limit,
    .needed = needed,
  };
  g_autoptr (graph) graph = graph_new ();
  sym photo = graph_input (graph, "photo", SHAPE (1, 3, height, width));
  sym style = graph_input (graph, "style", SHAPE (1, style_net_rows (&pack->settings)));
  graph_output (graph, "painting", style_net (photo, (struct style_control){.rows = style}, &pack->settings));
  return plan_compile (graph, pack->weights, &options, error);
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
memory_limit (const struct stylize *stylize)
{
  uint64_t available = cpu_memory_available () + resident ();
  return stylize->memory ? MIN (stylize->memory, available) : available;
}

/* Weights as floats, and laid out once more for the kernels. */
static uint64_t
weights_bytes (const struct stylize *stylize)
{
  struct weights *weights = stylize->style.pack->weights;
  uint64_t bytes = 0;
  for (guint i = 0; i < weights_count (weights); i++)
    bytes += weights_at (weights, i)->size;
  return 2 * bytes;
}

/* Bytes at the peak apart from the plan's: while loading (and scaling), and while painting. */
static uint64_t
bytes_beside_plan (const struct stylize *stylize, const struct stylize_forecast *forecast, bool alpha, uint64_t plan)
{
  uint64_t photo = (uint64_t) forecast->width * forecast->height,
           painting = (uint64_t) forecast->paint_width * forecast->paint_height;
  uint64_t fixed = BASE_BYTES + weights_bytes (stylize), plane = sizeof (float);
  uint64_t loading = (3 + alpha) * plane * photo + 6 * plane * painting; /* the plan's input and output are there */
  if (painting != photo)
    loading += (3 + alpha) * plane * painting + (alpha ? plane * photo : 0);
  uint64_t running = plan + alpha * plane * painting;
  return fixed + MAX (loading, running) - plan;
}

static char *
gigabytes (uint64_t bytes)
{
  return bytes < 1000 * MIB ? g_strdup_printf ("%.0f MiB", bytes / MIB)
                            : g_strdup_printf ("%.1f GiB", bytes / MIB / 1024);
}

static bool
fail_memory (const struct stylize *stylize, const struct stylize_forecast *forecast, uint64_t fixed, GError **error)
{
  g_autofree char *needed = gigabytes (forecast->bytes), *there = gigabytes (forecast->limit), *hint = NULL;
  int64_t longer = MAX (forecast->paint_width, forecast->paint_height);
  double room = (double) forecast->limit - fixed, share = room / ((double) forecast->bytes - fixed);
  int64_t size = share > 0 ? longer * sqrt (share) * 0.97 : 0; /* memory goes with the pixels */
  size -= size > 400 ? size % 100 : 0;
  hint = size >= 64 ? g_strdup_printf ("; shrink it with --size %d", (int) size) : g_strdup ("");
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "painting %dx%d needs %s of memory, %s are %s%s",
               forecast->paint_width, forecast->paint_height, needed, there,
               stylize->memory == forecast->limit ? "allowed" : "free", hint);
  return false;
}

/* For large pictures: what a small plan takes a pixel tells whether it is worth preparing a large one. */
static bool
check_guess (struct stylize *stylize, struct stylize_forecast *forecast, bool alpha, GError **error)
{
  double pixels = (double) forecast->paint_width * forecast->paint_height;
  if (pixels < GUESS_PIXELS)
    return true;
  if (stylize->bytes_per_pixel == 0) {
    g_autoptr (plan) small = compile (stylize, GUESS_SIDE, GUESS_SIDE, 0, NULL, error);
    if (!small)
      return false;
    stylize->bytes_per_pixel = plan_memory (small) / ((double) GUESS_SIDE * GUESS_SIDE);
  }
  uint64_t plan = stylize->bytes_per_pixel * pixels;
  forecast->bytes = plan + bytes_beside_plan (stylize, forecast, alpha, plan);
  return forecast->bytes <= forecast->limit ||
         fail_memory (stylize, forecast, BASE_BYTES + weights_bytes (stylize), error);
}

bool
stylize_prepare (struct stylize *stylize, int width, int height, bool alpha, struct stylize_forecast *forecast,
                 GError **error)
{
  *forecast = (struct stylize_forecast){.width = width, .height = height, .paint_width = width, .paint_height = height};
  painting_size (stylize, &forecast->paint_width, &forecast->paint_height);
  forecast->limit = memory_limit (stylize);
  int plan_width = with_margin (forecast->paint_width), plan_height = with_margin (forecast->paint_height);
  bool ready = stylize->plan && stylize->plan_width == plan_width && stylize->plan_height == plan_height;
  if (!ready && !check_guess (stylize, forecast, alpha, error))
    return false;

  uint64_t needed = ready ? plan_memory (stylize->plan) : 0;
  g_autoptr (GError) local = NULL;
  if (!ready) {
    g_clear_pointer (&stylize->plan, plan_free);
    gint64 start = g_get_monotonic_time ();
    /* The limit less what is held beside the plan, which grows with it at most: the exact sum is checked below. */
    stylize->plan = compile (stylize, plan_width, plan_height, forecast->limit, &needed, &local);
    stylize->plan_width = plan_width;
    stylize->plan_height = plan_height;
    forecast->plan_seconds = (g_get_monotonic_time () - start) * 1e-6;
  }
  forecast->bytes = needed + bytes_beside_plan (stylize, forecast, alpha, needed);
  if (forecast->bytes > forecast->limit &&
      (stylize->plan || g_error_matches (local, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY))) {
    g_clear_pointer (&stylize->plan, plan_free);
    return fail_memory (stylize, forecast, BASE_BYTES + weights_bytes (stylize), error);
  }
  if (!stylize->plan)
    g_propagate_error (error, g_steal_pointer (&local));
  return stylize->plan != NULL;
}

/* Where index @i, -n or more, of an endlessly mirrored row of @n falls: ... 1 0 0 1 2 2 1 0 0 1 ... */
static int
mirrored (int i, int n)
{
  i = (i % (2 * n) + 2 * n) % (2 * n);
  return i < n ? i : 2 * n - 1 - i;
}

/* (3,h,w) into (3,h',w') at (MARGIN, MARGIN), the rest mirrored. */
static void
copy_in (const float *in, int width, int height, float *out, int out_width, int out_height)
{
  for (int c = 0; c < 3; c++)
    for (int y = 0; y < out_height; y++) {
      const float *row = in + ((int64_t) c * height + mirrored (y - MARGIN, height)) * width;
      float *to = out + ((int64_t) c * out_height + y) * out_width;
      memcpy (to + MARGIN, row, width * sizeof (float));
      for (int x = 0; x < MARGIN; x++)
        to[x] = row[mirrored (x - MARGIN, width)];
      for (int x = MARGIN + width; x < out_width; x++)
        to[x] = row[mirrored (x - MARGIN, width)];
    }
}

static void
copy_out (const float *in, int in_width, int in_height, float *out, int width, int height)
{
  for (int c = 0; c < 3; c++)
    for (int y = 0; y < height; y++)
      memcpy (out + ((int64_t) c * height + y) * width, in + ((int64_t) c * in_height + y + MARGIN) * in_width + MARGIN,
              width * sizeof (float));
}

/* {"program": "impasto 0.1.0", "command": "paint", "style": ..., "pack": ..., "sha256": ..., "options": {...}} */
static char *
recipe_text (const struct stylize *stylize)
{
  const struct style *style = &stylize->style;
  g_autoptr (JsonObject) recipe = json_object_new ();
  g_autofree char *pack = g_path_get_basename (style->pack->path),
                  *program = g_strdup_printf ("impasto %s", impasto_version ());
  JsonObject *options = json_object_new ();
  json_object_set_string_member (recipe, "program", program);
  json_object_set_string_member (recipe, "command", "paint");
  json_object_set_string_member (recipe, "style", ((struct pack_style *) style->pack->styles->pdata[style->row])->name);
  json_object_set_string_member (recipe, "pack", pack);
  json_object_set_string_member (recipe, "sha256", style->sha256);
  json_object_set_int_member (options, "size", stylize->settings.size);
  json_object_set_string_member (options, "precision", precision_names[plan_precision (stylize->plan)]);
  json_object_set_int_member (options, "seed", stylize->settings.seed);
  json_object_set_object_member (recipe, "options", options);
  g_autoptr (JsonNode) node = json_node_new (JSON_NODE_OBJECT);
  json_node_set_object (node, recipe);
  return json_to_string (node, FALSE);
}

/* Scales @picture to what will be painted. */
static bool
scale (const struct stylize *stylize, struct picture *picture, GError **error)
{
  int width = picture->width, height = picture->height;
  painting_size (stylize, &width, &height);
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
stylize_run (struct stylize *stylize, struct picture *picture, GError **error)
{
  struct stylize_forecast forecast;
  if (!stylize_prepare (stylize, picture->width, picture->height, picture->alpha != NULL, &forecast, error) ||
      !scale (stylize, picture, error))
    return false;
  struct tensor *photo = plan_input (stylize->plan, "photo");
  struct tensor *painting = plan_output (stylize->plan, "painting");
  int width = picture->width, height = picture->height;
  copy_in (picture->rgb, width, height, tensor_floats (photo), stylize->plan_width, stylize->plan_height);
  g_clear_pointer (&picture->rgb, g_free);
  tensor_floats (plan_input (stylize->plan, "style"))[stylize->style.row] = 1;
  plan_run (stylize->plan, stylize->settings.seed, 0);
  g_free (picture->recipe);
  picture->recipe = recipe_text (stylize);

  plan_release (stylize->plan);
  int64_t bad = tensor_find_nonfinite (painting);
  if (bad >= 0) {
    int64_t pixel = bad % ((int64_t) stylize->plan_width * stylize->plan_height);
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_NUMERIC,
                 "the network of %s gave NaN or infinity (first at x %d, y %d); --precision f32 may help",
                 stylize->style.pack->path, (int) (pixel % stylize->plan_width), (int) (pixel / stylize->plan_width));
    return false;
  }
  picture->rgb = g_try_malloc_n ((size_t) width * height, 3 * sizeof (float));
  if (!picture->rgb) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "no memory for a painting of %dx%d", width, height);
    return false;
  }
  copy_out (tensor_floats (painting), stylize->plan_width, stylize->plan_height, picture->rgb, width, height);
  return true;
}
