/* SPDX-License-Identifier: Apache-2.0
 *
 * Method "network": a picture through the style network of a pack, whole, in one run: (mirrored margin) -> plan -> (cut)
 * -> check. The photograph's planes are given back once they are in the plan's input, and the plan's workspace before
 * the result is copied out, so that the peak is the plan with its own input and output, and nothing beside it. The plan
 * itself stays for the next picture of its size. */
#include "effect/stylize.h"

#include <string.h>

#include "compile/plan.h"
#include "effect/control.h"
#include "effect/paint.h"
#include "effect/recipe.h"
#include "effect/styles.h"
#include "impasto/error.h"

#define MARGIN STYLIZE_MARGIN
#define GUESS_PIXELS (8 << 20) /* from here on a smaller plan tells beforehand what a pixel takes */
#define GUESS_SIDE 1024

struct stylize {
  const struct paint_settings *settings;
  struct control *control;
  struct style style; /* the pack */
  char *label, *text; /* "a+b"; "a:0.6,b:0.4" */
  struct plan *plan;
  int plan_width, plan_height; /* of the plan's input */
  double bytes_per_pixel;      /* of a small plan; 0 = not known yet */
};

static void
stylize_close (void *self)
{
  struct stylize *stylize = self;
  g_clear_pointer (&stylize->plan, plan_free);
  g_clear_pointer (&stylize->control, control_free);
  style_clear (&stylize->style);
  g_free (stylize->label);
  g_free (stylize->text);
  g_free (stylize);
}

/* One pack that has the styles of every mix, and their rows in it. */
static bool
find_styles (struct stylize *stylize, GError **error)
{
  g_autoptr (GPtrArray) parts = g_ptr_array_new (), texts = g_ptr_array_new ();
  for (guint i = 0; i < stylize->control->mixes->len; i++) {
    GArray *of_mix = control_mix_at (stylize->control, i)->parts;
    for (guint j = 0; j < of_mix->len; j++) {
      struct control_part *part = &g_array_index (of_mix, struct control_part, j);
      g_ptr_array_add (parts, part);
      g_ptr_array_add (texts, part->style);
    }
  }
  g_autofree int *rows = g_new (int, parts->len);
  if (!styles_find ((const char *const *) texts->pdata, texts->len, &stylize->style, rows, error))
    return false;
  for (guint i = 0; i < parts->len; i++) {
    struct control_part *part = parts->pdata[i];
    part->row = rows[i];
    part->name = g_strdup (((const struct pack_style *) stylize->style.pack->styles->pdata[rows[i]])->name);
  }
  return true;
}

static void *
stylize_open (const struct paint_settings *settings, GError **error)
{
  struct stylize *stylize = g_new0 (struct stylize, 1);
  stylize->settings = settings;
  stylize->control = control_new (settings, error);
  if (!stylize->control || !find_styles (stylize, error)) {
    stylize_close (stylize);
    return NULL;
  }
  stylize->label = control_mix_label (control_mix_at (stylize->control, 0));
  stylize->text = control_mix_text (control_mix_at (stylize->control, 0));
  return stylize;
}

static unsigned
stylize_controls (const void *self)
{
  const struct style_net *net = &((const struct stylize *) self)->style.pack->settings;
  return METHOD_REGIONS | (net->photograph ? METHOD_STRENGTH : 0) | (net->brush ? METHOD_BRUSH : 0);
}

static const char *
stylize_style (const void *self)
{
  return ((const struct stylize *) self)->label;
}

static const char *
stylize_file (const void *self)
{
  return ((const struct stylize *) self)->style.pack->path;
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
    .precision = stylize->settings->precision,
    .threads = stylize->settings->threads,
    .memory_limit = limit,
    .needed = needed,
  };
  struct style_control control = {.gate =
                                    control_least_strength (stylize->control) < 0.5}; /* it is shut from there on */
  int64_t mixes = stylize->control->mixes->len;
  g_autoptr (graph) graph = graph_new ();
  sym photo = graph_input (graph, "photo", SHAPE (1, 3, height, width));
  control.rows = graph_input (graph, "rows", SHAPE (mixes, style_net_rows (&pack->settings)));
  if (mixes > 1)
    control.maps = graph_input (graph, "maps", SHAPE (1, mixes, height, width));
  graph_output (graph, "painting", style_net (photo, control, &pack->settings));
  return plan_compile (graph, pack->weights, &options, error);
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

/* For large pictures: what a small plan takes a pixel tells whether it is worth preparing a large one. */
static bool
check_guess (struct stylize *stylize, double pixels, uint64_t limit, uint64_t *needed, GError **error)
{
  if (pixels < GUESS_PIXELS)
    return true;
  if (stylize->bytes_per_pixel == 0) {
    g_autoptr (plan) small = compile (stylize, GUESS_SIDE, GUESS_SIDE, 0, NULL, error);
    if (!small)
      return false;
    stylize->bytes_per_pixel = plan_memory (small) / ((double) GUESS_SIDE * GUESS_SIDE);
  }
  *needed = stylize->bytes_per_pixel * pixels;
  if (*needed <= limit)
    return true;
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "more memory than there is");
  return false;
}

/* The plan of @plan_width x @plan_height, unless it is there from last time; @needed is what it takes, at most @limit. */
static bool
make_plan (struct stylize *stylize, int plan_width, int plan_height, uint64_t limit, uint64_t *needed, GError **error)
{
  bool ready = stylize->plan && stylize->plan_width == plan_width && stylize->plan_height == plan_height;
  if (!ready) {
    g_clear_pointer (&stylize->plan, plan_free);
    if (!check_guess (stylize, (double) plan_width * plan_height, limit, needed, error))
      return false;
    stylize->plan = compile (stylize, plan_width, plan_height, limit, needed, error);
    stylize->plan_width = plan_width;
    stylize->plan_height = plan_height;
    return stylize->plan != NULL;
  }
  *needed = plan_memory (stylize->plan);
  if (*needed <= limit)
    return true;
  g_clear_pointer (&stylize->plan, plan_free);
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "more memory than there is");
  return false;
}

static bool
stylize_prepare (void *self, int width, int height, uint64_t limit, struct method_forecast *forecast, GError **error)
{
  struct stylize *stylize = self;
  uint64_t plane = sizeof (float) * (uint64_t) width * height, given_back = 3 * plane, needed = 0;
  if (!control_fit (stylize->control, width, height, error))
    return false;
  forecast->fixed = weights_bytes (stylize) + control_bytes (stylize->control);
  limit += given_back;
  limit = limit > forecast->fixed ? MAX (limit - forecast->fixed, 1) : 1; /* 0 would be none */
  bool ready = make_plan (stylize, with_margin (width), with_margin (height), limit, &needed, error);
  needed = MAX (needed, 6 * plane);
  forecast->bytes = forecast->fixed + needed - given_back;
  forecast->held = forecast->fixed + 6 * plane; /* the plan's input and output */
  if (ready) {
    forecast->operations = plan_flops (stylize->plan);
    forecast->precision = precision_names[plan_precision (stylize->plan)];
  }
  return ready;
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

static void
stylize_strength (const void *self, int x, int y, int w, int h, float *map)
{
  control_strength (((const struct stylize *) self)->control, x, y, w, h, map);
}

static void
stylize_describe (const void *self, JsonObject *recipe)
{
  const struct stylize *stylize = self;
  g_autofree char *pack = g_path_get_basename (stylize_file (self));
  json_object_set_string_member (recipe, "style", stylize->text);
  json_object_set_string_member (recipe, "pack", pack);
  json_object_set_string_member (recipe, "sha256", stylize->style.sha256);
  control_describe (stylize->control, recipe);
  json_object_set_string_member (json_object_get_object_member (recipe, "options"), "precision",
                                 precision_names[plan_precision (stylize->plan)]);
}

static bool
stylize_run (void *self, struct picture *picture, const struct paint_job *job, GError **error)
{
  struct stylize *stylize = self;
  struct tensor *photo = plan_input (stylize->plan, "photo");
  struct tensor *painting = plan_output (stylize->plan, "painting");
  int width = picture->width, height = picture->height;
  if (!paint_progress (job, 0, "painting", error))
    return false;
  copy_in (picture->rgb, width, height, tensor_floats (photo), stylize->plan_width, stylize->plan_height);
  g_clear_pointer (&picture->rgb, g_free);
  control_rows (stylize->control, &stylize->style.pack->settings, tensor_floats (plan_input (stylize->plan, "rows")));
  if (stylize->control->mixes->len > 1)
    control_shares (stylize->control, -MARGIN, -MARGIN, stylize->plan_width, stylize->plan_height,
                    tensor_floats (plan_input (stylize->plan, "maps")));
  plan_run (stylize->plan, stylize->settings->seed, 0);

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

const struct method method_network = {
  .name = "network",
  .open = stylize_open,
  .close = stylize_close,
  .controls = stylize_controls,
  .prepare = stylize_prepare,
  .run = stylize_run,
  .strength = stylize_strength,
  .style = stylize_style,
  .file = stylize_file,
  .describe = stylize_describe,
  .replay = recipe_replay_mixes,
};
