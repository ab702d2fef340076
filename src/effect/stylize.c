/* SPDX-License-Identifier: Apache-2.0
 *
 * Method "network": a picture of any size through the style network of a pack. What steers it is effect/control.h's,
 * how it is done piece by piece effect/canvas.h's. */
#include "effect/stylize.h"

#include "effect/recipe.h"
#include "effect/steered.h"
#include "effect/styles.h"

struct stylize {
  struct steered steered;
  struct style style; /* the pack */
  char *label, *text; /* "a+b"; "a:0.6,b:0.4" */
};

static void
stylize_close (void *self)
{
  struct stylize *stylize = self;
  steered_clear (&stylize->steered);
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

/* Batches' normalisations blow nothing up, and what corrects the photograph would show the noise. */
static bool
is_grainy (const struct style_net *net)
{
  return net->layers == STYLE_RESIDUAL && !net->skip;
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
    .octave_margin = STYLIZE_MARGIN,
    .multiple = STYLIZE_MULTIPLE,
    .wraps = true,
    .grain = is_grainy (settings),
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
  for (guint i = 0; i < stylize->steered.control->mixes->len; i++) {
    GArray *of_mix = control_mix_at (stylize->steered.control, i)->parts;
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
  struct steered *steered = &stylize->steered;
  steered->control = control_new (settings, false, error);
  if (!steered->control || !find_styles (stylize, error)) {
    stylize_close (stylize);
    return NULL;
  }
  const struct control_mix *mix = control_mix_at (steered->control, 0);
  struct canvas_settings of_canvas = steered_settings (settings);
  struct canvas_net net = stylize_net (stylize->style.pack);
  of_canvas.gate = control_least_strength (steered->control) < 0.5; /* shut from there on */
  stylize->label = control_mix_label (mix);
  stylize->text = control_mix_text (mix);
  steered->canvas = canvas_new (&net, &of_canvas);
  steered->rows = g_new (float, steered->control->mixes->len *net.rows);
  control_rows (steered->control, &stylize->style.pack->settings, NULL, steered->rows);
  return stylize;
}

unsigned
stylize_controls_of (const struct pack *pack)
{
  const struct style_net *net = &pack->settings;
  return METHOD_REGIONS | (is_grainy (net) ? METHOD_GRAIN : 0) | (net->photograph ? METHOD_STRENGTH : 0) |
         (net->brush ? METHOD_BRUSH : 0);
}

static unsigned
stylize_controls (const void *self)
{
  return stylize_controls_of (((const struct stylize *) self)->style.pack);
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

static void
stylize_sources (const void *self, GPtrArray *paths)
{
  g_ptr_array_add (paths, g_strdup (stylize_file (self)));
  control_sources (((const struct stylize *) self)->steered.control, paths);
}

void
stylize_describe_styles (const void *self, JsonObject *recipe)
{
  const struct stylize *stylize = self;
  json_object_set_string_member (recipe, "style", stylize->text);
  style_describe (&stylize->style, recipe);
}

static void
stylize_describe (const void *self, JsonObject *recipe)
{
  stylize_describe_styles (self, recipe);
  steered_describe (&((const struct stylize *) self)->steered, recipe);
}

const struct method method_network = {
  .name = "network",
  .open = stylize_open,
  .close = stylize_close,
  .controls = stylize_controls,
  .set_brush = steered_set_brush,
  .prepare = steered_prepare,
  .run = steered_run,
  .run_rows = steered_run_rows,
  .strength = steered_strength,
  .style = stylize_style,
  .file = stylize_file,
  .sources = stylize_sources,
  .describe = stylize_describe,
  .replay = recipe_replay_mixes,
};
