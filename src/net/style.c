/* SPDX-License-Identifier: Apache-2.0
 *
 * The painter: two strided convolutions, residual blocks at a quarter of the size, two upsamplings each followed by a
 * 3x3 convolution (no transposed convolution, hence no checkerboard: Odena et al. 2016), reflection padding everywhere.
 * Bilinear upsampling leaves no grid of pixels even after a short training; nearest is Johnson's and a little faster.
 * Johnson, Alahi, Fei-Fei 2016; instance normalisation: Ulyanov 2016; a row of scales and shifts a style: Dumoulin
 * 2017. */
#include "net/gan.h"
#include "net/layers.h"
#include "net/net.h"

#define SKIP_RANGE 0.97 /* white is 251 of 255 where nothing is corrected, and has a gradient of 6 % */

/* What the layers of one painter share: the control, and its maps at the size of each stage. */
struct painter {
  const struct style_net *settings;
  struct style_control control;
  sym maps[3]; /* at the picture's size, a half and a quarter; null = none */
};

/* A normalisation at 1 / 2^level of the picture's size. */
static sym
norm (struct painter *painter, sym x, const char *name, int level)
{
  struct style_statistics *statistics = painter->control.statistics;
  struct layer_norm options = {.style = painter->control.rows,
                               .maps = painter->maps[level],
                               .brush = painter->settings->brush,
                               .basis = predictor_net_basis (&painter->settings->predictor)};
  if (statistics && statistics->count >= STYLE_NORMS_MAX)
    return graph_fail (x.graph, "style network: more than %d normalisations", STYLE_NORMS_MAX);
  if (statistics && statistics->given)
    options.moments = statistics->moments[statistics->count++];
  else if (statistics)
    options.taken = &statistics->moments[statistics->count++];
  return layer_instance_norm (x, name, options);
}

static enum pad_mode
border (const struct painter *painter)
{
  return painter->control.wrap ? PAD_CIRCULAR : PAD_REFLECT;
}

/* Notes feature map @i down for who asked. */
static sym
tap (const struct painter *painter, sym x, int i)
{
  if (painter->control.taps)
    painter->control.taps[i] = x;
  return x;
}

/* Convolution, normalisation, ReLU; the convolution is tap @i, none if below 0. */
static sym
stage (struct painter *painter, sym x, const char *name, struct layer_conv conv, int level, int i)
{
  graph_push (x.graph, "%s", name);
  conv.pad = border (painter);
  conv.bare = true;
  x = layer_conv (x, "conv", conv);
  if (i >= 0)
    tap (painter, x, i);
  x = sym_relu (norm (painter, x, "norm", level));
  graph_pop (x.graph);
  return x;
}

static sym
residual (struct painter *painter, sym x, int i, int channels)
{
  struct layer_conv conv = {.channels = channels, .kernel = 3, .pad = border (painter), .bare = true};
  graph_push (x.graph, "res%d", i + 1);
  sym y = layer_conv (x, "conv1", conv);
  y = sym_relu (norm (painter, y, "norm1", 2));
  y = layer_conv (y, "conv2", conv);
  y = norm (painter, y, "norm2", 2);
  graph_pop (x.graph);
  return sym_add (x, y);
}

static sym
upsample (struct painter *painter, sym x)
{
  struct shape shape = sym_shape (x);
  int64_t h = 2 * shape.dim[2], w = 2 * shape.dim[3];
  if (painter->settings->upsampling == UPSAMPLING_NEAREST)
    return sym_upsample_nearest (x, 2);
  if (!painter->control.wrap)
    return sym_resize_bilinear (x, h, w);
  x = sym_resize_bilinear (sym_pad (x, PAD_CIRCULAR, 1, 1, 1, 1), h + 4, w + 4);
  return sym_slice (sym_slice (x, 2, 2, h + 2, 1), 3, 2, w + 2, 1);
}

/* A stage of the way up: enlarged and convolved, or a transposed convolution (Zhu 2017). */
static sym
enlarging_stage (struct painter *painter, sym x, const char *name, int channels, int level)
{
  if (painter->settings->upsampling != UPSAMPLING_TRANSPOSED)
    return stage (painter, upsample (painter, x), name, (struct layer_conv){.channels = channels, .kernel = 3}, level,
                  -1);
  struct shape shape = sym_shape (x);
  int64_t h = 2 * shape.dim[2], w = 2 * shape.dim[3];
  bool wrap = painter->control.wrap;
  graph_push (x.graph, "%s", name);
  x = layer_conv_transpose (wrap ? sym_pad (x, PAD_CIRCULAR, 1, 1, 1, 1) : x, "conv", channels, 3, 2, 1, true);
  if (wrap)
    x = sym_slice (sym_slice (x, 2, 2, h + 2, 1), 3, 2, w + 2, 1);
  x = sym_relu (norm (painter, x, "norm", level));
  graph_pop (x.graph);
  return x;
}

/* One value a pixel or picture: how much of the photograph shows. 2p - 1 where its weight p exceeds a half: evenly, as
 * a step of the strength must be small whatever the painting is. */
static sym
gate (struct painter *painter)
{
  int64_t row = style_net_photograph_row (painter->settings);
  sym share = sym_slice (painter->control.rows, 1, row, row + 1, 1); /* (k, 1) */
  if (sym_null (painter->maps[0]))
    share = sym_reshape (share, SHAPE (-1, 1, 1, 1));
  else
    share = sym_conv2d (painter->maps[0], sym_reshape (share, SHAPE (1, -1, 1, 1)), (struct conv_options){0});
  return sym_clamp (sym_affine (share, 2, -1), 0, 1);
}

int64_t
style_net_basis_row (const struct style_net *settings)
{
  return settings->styles + (settings->photograph ? 1 : 0) + (settings->brush ? 2 : 0);
}

int64_t
style_net_rows (const struct style_net *settings)
{
  return style_net_basis_row (settings) + predictor_net_basis (&settings->predictor);
}

int64_t
style_net_photograph_row (const struct style_net *settings)
{
  return settings->photograph ? settings->styles : -1;
}

int64_t
style_net_brush_row (const struct style_net *settings)
{
  return settings->brush ? settings->styles + (settings->photograph ? 1 : 0) : -1;
}

/* Rounded down, whatever the sign. */
static int
half (int i)
{
  return (i - (i & 1)) / 2;
}

/* What the pixel at @x reads, [lo, hi], followed from the last layer to the first. On the way up bilinear enlargement
 * takes pixel i from those left and right of (i - 0.5) / 2, nearest from i / 2, a transposed convolution like nearest
 * and the 3x3 convolution after it; on the way down a convolution of stride 2 reads 2 i - 1 to 2 i + 1. Where in its
 * block of 4 the pixel lies makes a difference, so all four are tried. */
static int
reach_of (const struct style_net *settings, int x)
{
  int end = settings->ends / 2, more = settings->upsampling == UPSAMPLING_BILINEAR;
  int lo = x - end, hi = x + end;
  for (int level = 0; level < 2; level++) {
    lo = half (lo - 1 - more);
    hi = half (hi + 1 + more);
  }
  lo -= 2 * settings->residuals;
  hi += 2 * settings->residuals;
  for (int level = 0; level < 2; level++) {
    lo = 2 * lo - 1;
    hi = 2 * hi + 1;
  }
  return MAX (x - lo, hi - x) + end;
}

int
style_net_reach (const struct style_net *settings)
{
  int reach = 0;
  if (painter_preset (settings))
    return painter_reach (settings);
  for (int x = 0; x < 4; x++)
    reach = MAX (reach, reach_of (settings, x));
  return (reach + 3) / 4 * 4;
}

int
style_net_norms (const struct style_net *settings, int64_t channels[STYLE_NORMS_MAX])
{
  int64_t outer[] = {settings->width, 2 * settings->width, settings->inner};
  int n = 0;
  if (painter_preset (settings))
    return 0;
  for (int i = 0; i < 3; i++)
    channels[n++] = outer[i];
  for (int i = 0; i < 2 * settings->residuals; i++)
    channels[n++] = settings->inner;
  for (int i = 1; i >= 0; i--)
    channels[n++] = outer[i];
  return n;
}

static bool
check (sym photo, const struct style_control *control, const struct style_net *settings)
{
  struct shape shape = sym_shape (photo), rows = sym_shape (control->rows);
  bool plain = !control->rows.graph || sym_null (control->rows);
  bool one = style_net_rows (settings) == 1;
  if (shape.rank != 4 || shape.dim[1] != 3)
    graph_fail (photo.graph, "style network: wants pictures (n, 3, h, w)");
  else if (!painter_preset (settings) && settings->ends % 2 == 0)
    graph_fail (photo.graph, "style network: ends is %d, wants an odd number", (int) settings->ends);
  else if (!plain && (rows.rank != 2 || rows.dim[1] != style_net_rows (settings)))
    graph_fail (photo.graph, "style network: wants weights over %d rows", (int) style_net_rows (settings));
  else if (painter_preset (settings) && !one)
    graph_fail (photo.graph, "style network: %s layers know one style and no other rows",
                style_layers_names[settings->layers]);
  else if (control->wrap && (shape.dim[2] % 4 || shape.dim[3] % 4))
    graph_fail (photo.graph, "style network: a torus of extents that are no multiples of 4");
  else
    return true;
  return false;
}

/* Where the hyperbolic tangent is @photo, -1..1; a little inside, as white is infinitely far. */
static sym
before_tanh (sym photo)
{
  sym x = sym_scale (sym_clamp (photo, -1, 1), SKIP_RANGE);
  return sym_scale (sym_log (sym_div (sym_affine (x, 1, 1), sym_affine (x, -1, 1))), 0.5);
}

/* Of extents that are multiples of 4. */
static sym
residual_net (struct painter *painter, sym photo)
{
  const struct style_net *settings = painter->settings;
  int width = settings->width, inner = settings->inner, ends = settings->ends;
  sym seen = tap (painter, sym_affine (photo, 2, -1), 0);
  sym x = stage (painter, seen, "down1", (struct layer_conv){.channels = width, .kernel = ends}, 0, -1);
  x = stage (painter, x, "down2", (struct layer_conv){.channels = 2 * width, .kernel = 3, .stride = 2}, 1, 1);
  x = stage (painter, x, "down3", (struct layer_conv){.channels = inner, .kernel = 3, .stride = 2}, 2, 2);
  for (int i = 0; i < settings->residuals; i++) {
    x = residual (painter, x, i, inner);
    if (i == 0)
      tap (painter, x, 3);
    if (i < 5)
      tap (painter, x, 4);
  }
  x = enlarging_stage (painter, x, "up1", 2 * width, 1);
  x = enlarging_stage (painter, x, "up2", width, 0);
  x = layer_conv (x, "out", (struct layer_conv){.channels = 3, .kernel = ends, .pad = border (painter), .gain = 0.5});
  if (settings->skip)
    x = sym_add (x, before_tanh (seen));
  return sym_affine (sym_tanh (x), 0.5, 0.5);
}

sym
style_net (sym photo, struct style_control control, const struct style_net *settings)
{
  struct painter painter = {.settings = settings, .control = control};
  struct shape shape = sym_shape (photo);
  sym null = {photo.graph, -1};
  for (int i = 0; control.taps && i < STYLE_TAPS; i++)
    control.taps[i] = null;
  if (!check (photo, &control, settings))
    return null;
  int64_t h = shape.dim[2], w = shape.dim[3], bottom = (4 - h % 4) % 4, right = (4 - w % 4) % 4;
  sym maps = control.maps.graph ? control.maps : null, x = photo;
  if (bottom || right) {
    x = sym_pad (x, PAD_REFLECT, 0, 0, bottom, right);
    maps = sym_null (maps) ? maps : sym_pad (maps, PAD_REFLECT, 0, 0, bottom, right);
  }
  for (int level = 0; level < 3; level++) {
    maps = sym_null (maps) || level == 0 ? maps : sym_avg_pool (maps, 2, 2, 0);
    painter.maps[level] = maps;
  }
  sym padded = x;
  x = painter_preset (settings) ? painter_net (x, &control, settings) : residual_net (&painter, x);
  if (control.gate && settings->photograph && control.rows.graph && !sym_null (control.rows)) {
    sym share = gate (&painter);
    x = sym_add (sym_mul (padded, share), sym_mul (x, sym_affine (share, -1, 1)));
  }
  if (bottom)
    x = sym_slice (x, 2, 0, h, 1);
  if (right)
    x = sym_slice (x, 3, 0, w, 1);
  return x;
}

const char *const upsampling_names[] = {"nearest", "bilinear", "transposed", NULL};

static const struct option options[] = {
  {"styles", OPTION_INT, offsetof (struct style_net, styles), "styles it knows, a row of the tables each", 1, 4096, 1},
  {"photograph", OPTION_BOOL, offsetof (struct style_net, photograph), "a row for the photograph as it is"},
  {"brush", OPTION_BOOL, offsetof (struct style_net, brush), "rows for a coarser and a finer brush"},
  {"width", OPTION_INT, offsetof (struct style_net, width), "channels of the first convolution", 1, 512, 32},
  {"inner", OPTION_INT, offsetof (struct style_net, inner), "channels of the residual blocks", 1, 1024, 96},
  {"residuals", OPTION_INT, offsetof (struct style_net, residuals), "residual blocks", 0, 64, 5},
  {"ends", OPTION_INT, offsetof (struct style_net, ends), "kernel of the first and last convolution", 1, 15, 5},
  {"upsampling", OPTION_CHOICE, offsetof (struct style_net, upsampling), "how pictures are enlarged inside",
   .fallback = UPSAMPLING_BILINEAR, .choices = upsampling_names},
  {"skip", OPTION_BOOL, offsetof (struct style_net, skip), "the last layer corrects the photograph"},
  {"layers", OPTION_CHOICE, offsetof (struct style_net, layers),
   "residual, or those of painter-gan or anime, which have one style and no settings but the width",
   .choices = style_layers_names},
  {"described", OPTION_INT, offsetof (struct style_net, predictor.described),
   "numbers that tell the predictor what a painting looks like; 0 = there is no predictor", 0, 4096, 0},
  {"mixed", OPTION_INT, offsetof (struct style_net, predictor.mixed), "rows of its basis that are mixed", 0, 4096, 0},
  {"free", OPTION_INT, offsetof (struct style_net, predictor.free), "rows of its basis that are added", 0, 4096, 0},
  {"hidden", OPTION_INT, offsetof (struct style_net, predictor.hidden), "numbers it weighs those by", 0, 4096, 0},
  {NULL},
};

const struct net net_style = {
  .name = "style",
  .help = "feed-forward painter, many styles in one network (Johnson 2016, Dumoulin 2017)",
  .options = options,
  .options_size = sizeof (struct style_net),
};
