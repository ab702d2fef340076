/* SPDX-License-Identifier: Apache-2.0
 *
 * Method "network": a picture of any size through the style network of a pack. What steers it is effect/control.h's, how it
 * is done piece by piece effect/canvas.h's. */
#include "effect/stylize.h"

#include "compile/plan.h"
#include "effect/canvas.h"
#include "effect/control.h"
#include "effect/paint.h"
#include "effect/recipe.h"
#include "effect/styles.h"

struct stylize {
  struct control *control;
  struct style style; /* the pack */
  char *label, *text; /* "a+b"; "a:0.6,b:0.4" */
  struct canvas *canvas;
};

static void
stylize_close (void *self)
{
  struct stylize *stylize = self;
  g_clear_pointer (&stylize->canvas, canvas_free);
  g_clear_pointer (&stylize->control, control_free);
  style_clear (&stylize->style);
  g_free (stylize->label);
  g_free (stylize->text);
  g_free (stylize);
}

static sym
build (const void *data, sym photo, const struct style_control *control)
{
  return style_net (photo, *control, data);
}

struct canvas_net
stylize_net (const struct pack *pack)
{
  const struct style_net *settings = &pack->settings;
  struct canvas_net net = {
    .file = pack->path,
    .weights = pack->weights,
    .rows = style_net_rows (settings),
    .shares = settings->styles + (settings->photograph ? 1 : 0),
    .photograph = style_net_photograph_row (settings),
    .reach = style_net_reach (settings),
    .margin = STYLIZE_MARGIN,
    .multiple = STYLIZE_MULTIPLE,
    .wraps = true,
    .build = build,
    .data = settings,
  };
  net.norms = style_net_norms (settings, net.channels);
  return net;
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
  stylize->control = control_new (settings, error);
  if (!stylize->control || !find_styles (stylize, error)) {
    stylize_close (stylize);
    return NULL;
  }
  stylize->label = control_mix_label (control_mix_at (stylize->control, 0));
  stylize->text = control_mix_text (control_mix_at (stylize->control, 0));
  struct canvas_net net = stylize_net (stylize->style.pack);
  stylize->canvas =
    canvas_new (&net, &(struct canvas_settings){
                        .precision = settings->precision,
                        .threads = settings->threads,
                        .seed = settings->seed,
                        .strokes = settings->strokes,
                        .gate = control_least_strength (stylize->control) < 0.5, /* shut from there on */
                        .wrap = settings->wrap,
                      });
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

/* The plan of regions at any size of the painting. */
static bool
read_shares (void *data, int width, int height, int y, float *row, GError **error)
{
  struct stylize *stylize = data;
  if (!control_fit (stylize->control, width, height, error))
    return false;
  control_shares (stylize->control, 0, y, width, 1, row);
  return true;
}

static bool
stylize_prepare (void *self, int width, int height, uint64_t limit, struct method_forecast *forecast, GError **error)
{
  struct stylize *stylize = self;
  int mixes = stylize->control->mixes->len;
  if (!control_fit (stylize->control, width, height, error))
    return false;
  uint64_t masks = control_bytes (stylize->control);
  bool ready = canvas_prepare (stylize->canvas, width, height, mixes > 1 ? mixes : 0, limit > masks ? limit - masks : 1,
                               forecast, error);
  forecast->bytes += masks;
  forecast->fixed += masks;
  return ready;
}

static bool
stylize_strength (void *self, int width, int height, int y, int n, float *map, GError **error)
{
  struct stylize *stylize = self;
  if (!control_fit (stylize->control, width, height, error))
    return false;
  control_strength (stylize->control, 0, y, width, n, map);
  return true;
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
                                 precision_names[plan_precision (canvas_plan (stylize->canvas))]);
}

static bool
stylize_run_rows (void *self, const struct row_source *source, const struct row_sink *sink, const struct paint_job *job,
                  GError **error)
{
  struct stylize *stylize = self;
  int mixes = stylize->control->mixes->len;
  const struct style_net *net = &stylize->style.pack->settings;
  g_autofree float *rows = g_new (float, mixes *style_net_rows (net));
  control_rows (stylize->control, net, rows);
  struct canvas_picture picture = {
    .source = *source,
    .sink = *sink,
    .maps = {mixes > 1 ? mixes : 0, read_shares, stylize},
    .rows = rows,
  };
  return canvas_paint (stylize->canvas, &picture, job, error);
}

static bool
stylize_run (void *self, struct picture *picture, const struct paint_job *job, GError **error)
{
  struct row_source source = rows_from (picture);
  struct row_sink sink = rows_into (picture); /* in place: rows are read before they are written */
  return stylize_run_rows (self, &source, &sink, job, error);
}

const struct method method_network = {
  .name = "network",
  .open = stylize_open,
  .close = stylize_close,
  .controls = stylize_controls,
  .prepare = stylize_prepare,
  .run = stylize_run,
  .run_rows = stylize_run_rows,
  .strength = stylize_strength,
  .style = stylize_style,
  .file = stylize_file,
  .describe = stylize_describe,
  .replay = recipe_replay_mixes,
};
