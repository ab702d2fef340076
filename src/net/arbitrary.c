/* SPDX-License-Identifier: Apache-2.0
 *
 * The painter of any style at once. The perceptual network sees photograph and painting; the photograph's features are
 * normalised and given the painting's means and deviations; a decoder, trained once, draws the result.
 *
 * AdaIN (Huang and Belongie 2017) takes the means and deviations of the whole painting. Attention takes, for each place
 * of the photograph, those of the places of the painting that resemble it, weighted (AdaAttN: Liu et al. 2021;
 * attention between normalised features: Park and Lee 2019). With even weights the second is the first: hence one
 * decoder, and any mix of the two. It happens in the decoder too, whose features at a half and the whole of the size,
 * and the picture it draws, are given the painting's moments there (Avatar-Net: Sheng et al. 2018). The photograph's
 * own features of these sizes join the decoder's before that (a U-Net: Ronneberger et al. 2015), normalised, so that
 * they bring its lines, which a quarter of the size no longer holds, and neither its palette nor its contrast. */
#include "net/layers.h"
#include "net/net.h"

#define LEVELS 4
#define EPSILON 1e-5
#define TOKEN 16 /* pixels of the painting to a side of a token */
#define QUERY 8  /* pixels of the photograph to a side of a query */

/* The picture itself, and features of the encoder at 1, 1/2 and 1/4 of the size. */
struct seen {
  sym feature[LEVELS];
};
static const int shrinks[LEVELS] = {1, 1, 2, 4};

static int64_t
level_channels (const struct arbitrary_net *settings, int level)
{
  return level == 0 ? 3 : settings->encoder.channels[level - 1];
}

/* Means (n,c,h,w) and deviations of all levels one after another in c; h and w are 1 unless they are each place's own.
 * With maps and no attention (k,c,1,1): those of each mix. */
struct moments {
  sym mean, deviation;
};

struct painter {
  const struct arbitrary_net *settings;
  struct style_statistics *statistics;
  struct moments moments; /* what the levels are given */
  bool local;             /* moments are each place's own */
  sym maps[LEVELS];       /* at the level's size; null: one mix holds for all places */
  sym photo[LEVELS];      /* the photograph's features, normalised */
};

static bool
given (sym s)
{
  return s.graph && !sym_null (s);
}

static struct seen
see (sym picture, const struct arbitrary_net *settings)
{
  graph_push (picture.graph, "encoder");
  struct perceptual eye = perceptual_net (picture, 3, &settings->encoder);
  graph_pop (picture.graph);
  return (struct seen){{picture, eye.features[0], eye.features[1], eye.features[3]}};
}

/* x less its mean over its deviation: its own or the given ones. @moments gets them, (n,c,1,1), or, when they were
 * given for each of the k mixes of @maps, (k,c,1,1). */
static sym
normalized (sym x, struct style_statistics *statistics, sym maps, struct moments *moments)
{
  int64_t c = sym_shape (x).rank == 4 ? sym_shape (x).dim[1] : 1;
  sym mean, variance;
  if (statistics && statistics->count >= STYLE_NORMS_MAX) {
    sym null = graph_fail (x.graph, "more than %d normalisations", STYLE_NORMS_MAX);
    *moments = (struct moments){null, null};
    return null;
  }
  if (statistics && statistics->given) {
    sym taken = statistics->moments[statistics->count++];
    mean = sym_slice (taken, 1, 0, c, 1);
    variance = sym_slice (taken, 1, c, 2 * c, 1);
  } else {
    mean = sym_mean (x, AXES_HW);
    variance = sym_variance (x, AXES_HW);
    if (statistics)
      statistics->moments[statistics->count++] = sym_concat ((sym[]){mean, variance}, 2, 1);
  }
  *moments = (struct moments){mean, sym_sqrt (sym_shift (variance, EPSILON))};
  if (given (maps) && !sym_null (mean) && sym_shape (mean).dim[0] > 1) {
    mean = layer_spread (mean, maps);
    variance = layer_spread (variance, maps);
  }
  return sym_mul (sym_sub (x, mean), sym_rsqrt (sym_shift (variance, EPSILON)));
}

/* (n,c,h,w) -> (n, h w, c) */
static sym
tokens (sym x)
{
  struct shape shape = sym_shape (x);
  if (sym_null (x))
    return x;
  return sym_permute (sym_reshape (x, SHAPE (shape.dim[0], shape.dim[1], -1)), (int[]){0, 2, 1});
}

/* What places are compared by: directions, @sharpness long. Normalised features x averaged over @pool x @pool. */
static sym
match (sym x, int pool, const struct arbitrary_net *settings, bool query)
{
  struct graph *graph = x.graph;
  graph_push (graph, "decoder");
  x = layer_conv (sym_avg_pool (x, pool, pool, 0), "match",
                  (struct layer_conv){.channels = settings->keys, .kernel = 1, .bare = true, .gain = 1});
  x = sym_mul (x, sym_rsqrt (sym_shift (sym_sum (sym_square (x), AXIS (1)), EPSILON)));
  if (query)
    x = sym_mul (x, graph_parameter (graph, "sharpness", SHAPE (1, 1, 1, 1), (struct init){INIT_CONSTANT, 10}));
  graph_pop (graph);
  return tokens (x);
}

struct arbitrary_style
arbitrary_encode (sym picture, const struct arbitrary_net *settings)
{
  struct shape shape = sym_shape (picture);
  sym null = {picture.graph, -1};
  if (shape.rank != 4 || shape.dim[1] != 3 || shape.dim[2] % TOKEN || shape.dim[3] % TOKEN) {
    graph_fail (picture.graph, "style image: wants (n, 3, h, w), h and w multiples of %d", TOKEN);
    return (struct arbitrary_style){null, null, null};
  }
  struct seen seen = see (picture, settings);
  sym means[LEVELS], parts[2 * LEVELS];
  for (int i = 0; i < LEVELS; i++) { /* around the mean, so that a variance is no difference of large numbers */
    means[i] = sym_mean (seen.feature[i], AXES_HW);
    sym x = sym_sub (seen.feature[i], means[i]);
    parts[i] = sym_avg_pool (x, TOKEN / shrinks[i], TOKEN / shrinks[i], 0);
    parts[LEVELS + i] = sym_avg_pool (sym_square (x), TOKEN / shrinks[i], TOKEN / shrinks[i], 0);
  }
  struct moments own;
  sym x = normalized (seen.feature[LEVELS - 1], NULL, (sym){picture.graph, -1}, &own);
  return (struct arbitrary_style){match (x, TOKEN / 4, settings, false), tokens (sym_concat (parts, 2 * LEVELS, 1)),
                                  sym_concat (means, LEVELS, 1)};
}

int64_t
arbitrary_tokens (int64_t height, int64_t width)
{
  return (height / TOKEN) * (width / TOKEN);
}

int64_t
arbitrary_channels (const struct arbitrary_net *settings)
{
  int64_t sum = 0;
  for (int i = 0; i < LEVELS; i++)
    sum += level_channels (settings, i);
  return sum;
}

/* One number a picture as (n,1,1,1). */
static sym
each (sym s)
{
  return sym_reshape (s, SHAPE (-1, 1, 1, 1));
}

/* from + share (to - from) */
static sym
blend (sym from, sym to, sym share)
{
  return sym_add (from, sym_mul (sym_sub (to, from), share));
}

/* From sums over the painting's places of what lies around the mean, and of its square. */
static struct moments
gather (sym values, sym mean, int64_t channels)
{
  sym first = sym_slice (values, 1, 0, channels, 1), second = sym_slice (values, 1, channels, 2 * channels, 1);
  sym variance = sym_maximum (sym_sub (second, sym_square (first)), sym_scalar_like (values, 0));
  return (struct moments){sym_add (mean, first), sym_sqrt (sym_shift (variance, EPSILON))};
}

/* Means and deviations that @style has for the places of @query, (n, h w, keys). */
static struct moments
fuse (const struct arbitrary_style *style, sym query, int64_t h, int64_t w, sym attention, int64_t channels)
{
  struct graph *graph = style->values.graph;
  sym all = sym_reshape (sym_mean (style->values, AXIS (1)), SHAPE (-1, 2 * channels, 1, 1));
  struct moments global = gather (all, style->mean, channels);
  if (!given (attention))
    return global;
  sym found = sym_attention (query, style->keys, style->values, (sym){graph, -1}, (struct attention_attrs){.scale = 1});
  found = sym_reshape (sym_permute (found, (int[]){0, 2, 1}), SHAPE (-1, 2 * channels, h, w));
  struct moments local = gather (found, style->mean, channels);
  return (struct moments){blend (global.mean, local.mean, attention),
                          blend (global.deviation, local.deviation, attention)};
}

/* The part of @moments that belongs to @level, at the size of x. */
static sym
level_part (const struct painter *painter, sym moments, sym x, int level)
{
  int64_t start = 0, c = level_channels (painter->settings, level);
  struct shape shape = sym_shape (x);
  for (int i = 0; i < level; i++)
    start += level_channels (painter->settings, i);
  sym part = sym_slice (moments, 1, start, start + c, 1);
  if (given (painter->maps[level]) && !painter->local)
    return layer_spread (part, painter->maps[level]);
  if (sym_null (part) || (sym_shape (part).dim[2] == 1 && sym_shape (part).dim[3] == 1))
    return part;
  return sym_resize_bilinear (part, shape.dim[2], shape.dim[3]);
}

static sym
conv (sym x, const char *name, int64_t channels)
{
  return layer_conv (x, name, (struct layer_conv){.channels = channels, .kernel = 3, .pad = PAD_REFLECT});
}

/* Normalised x with the moments it is to have. */
static sym
restore (const struct painter *painter, sym x, int level)
{
  return sym_add (sym_mul (x, level_part (painter, painter->moments.deviation, x, level)),
                  level_part (painter, painter->moments.mean, x, level));
}

/* x, joined by the photograph's features of @level through the convolution @name, with the moments of that level. */
static sym
join (const struct painter *painter, sym x, const char *name, int level)
{
  struct moments own;
  x = sym_relu (sym_add (x, conv (painter->photo[level], name, sym_shape (x).dim[1])));
  return restore (painter, normalized (x, painter->statistics, painter->maps[level], &own), level);
}

static sym
double_size (sym x)
{
  struct shape shape = sym_shape (x);
  return sym_resize_bilinear (x, 2 * shape.dim[2], 2 * shape.dim[3]);
}

/* From normalised features at a quarter of the size to the painting. */
static sym
decode (struct painter *painter, sym x)
{
  const struct arbitrary_net *settings = painter->settings;
  const int64_t *c = settings->encoder.channels;
  struct moments own;
  graph_push (x.graph, "decoder");
  x = sym_relu (conv (restore (painter, x, 3), "in", c[2]));
  for (int i = 0; i < settings->residuals; i++) {
    graph_push (x.graph, "res%d", i + 1);
    x = sym_add (x, conv (sym_relu (conv (x, "conv1", c[2])), "conv2", c[2]));
    graph_pop (x.graph);
  }
  x = sym_relu (conv (x, "narrow", c[1]));
  x = join (painter, conv (double_size (x), "up1", c[1]), "join1", 2);
  x = sym_relu (conv (x, "narrow1", (c[1] + 1) / 2));
  x = join (painter, conv (double_size (x), "up2", c[0]), "join2", 1);
  x =
    layer_conv (x, "out", (struct layer_conv){.channels = 3, .kernel = 3, .pad = PAD_REFLECT, .gain = 1, .bare = true});
  x = restore (painter, normalized (x, painter->statistics, painter->maps[0], &own), 0);
  graph_pop (x.graph);
  return x;
}

/* The moments of all styles together; @query and, with attention, moments are of @h x @w places. */
static struct moments
mix (const struct arbitrary_control *control, sym query, int64_t h, int64_t w, sym attention, sym maps,
     int64_t channels)
{
  struct moments sum = {query, query};
  for (int i = 0; i < control->n_styles; i++) {
    struct moments m = fuse (&control->styles[i], query, h, w, attention, channels);
    if (given (control->weights)) {
      sym weight = each (sym_slice (control->weights, 1, i, i + 1, 1)); /* (n or k, 1, 1, 1) */
      if (given (attention) && given (maps))
        weight = layer_spread (weight, maps);
      m = (struct moments){sym_mul (m.mean, weight), sym_mul (m.deviation, weight)};
    }
    sum = i == 0 ? m : (struct moments){sym_add (sum.mean, m.mean), sym_add (sum.deviation, m.deviation)};
  }
  return sum;
}

sym
arbitrary_net (sym photo, struct arbitrary_control control, const struct arbitrary_net *settings)
{
  struct graph *graph = photo.graph;
  const sym null = {graph, -1};
  struct painter painter = {.settings = settings, .statistics = control.statistics};
  struct shape shape = sym_shape (photo);
  if (shape.rank != 4 || shape.dim[1] != 3 || control.n_styles < 1)
    return graph_fail (graph, "arbitrary network: wants pictures (n, 3, h, w) and a style or more");
  if (given (control.maps) && !given (control.weights))
    return graph_fail (graph, "arbitrary network: maps want weights of their mixes");
  int64_t h = shape.dim[2], w = shape.dim[3];
  int64_t bottom = (QUERY - h % QUERY) % QUERY, right = (QUERY - w % QUERY) % QUERY;
  sym maps = given (control.maps) ? control.maps : null;
  if (bottom || right) {
    photo = sym_pad (photo, PAD_REFLECT, 0, 0, bottom, right);
    maps = given (maps) ? sym_pad (maps, PAD_REFLECT, 0, 0, bottom, right) : maps;
  }

  struct seen seen = see (photo, settings);
  sym means[LEVELS], deviations[LEVELS], query = null, attention = null;
  for (int i = 0; i < LEVELS; i++) {
    struct moments own;
    painter.maps[i] = !given (maps) || shrinks[i] == 1 ? maps : sym_avg_pool (maps, shrinks[i], shrinks[i], 0);
    painter.photo[i] = normalized (seen.feature[i], painter.statistics, painter.maps[i], &own);
    means[i] = own.mean;
    deviations[i] = own.deviation;
  }
  if (given (control.attention)) {
    attention = each (control.attention);
    painter.local = true;
    query = match (painter.photo[LEVELS - 1], QUERY / 4, settings, true);
    maps = given (maps) ? sym_avg_pool (maps, QUERY, QUERY, 0) : maps;
  }
  painter.moments =
    mix (&control, query, (h + bottom) / QUERY, (w + right) / QUERY, attention, maps, arbitrary_channels (settings));
  if (given (control.strength)) {
    sym strength = each (control.strength);
    struct moments own = {sym_concat (means, LEVELS, 1), sym_concat (deviations, LEVELS, 1)};
    if (painter.local && given (maps) && !sym_null (own.mean) && sym_shape (own.mean).dim[0] > 1)
      own = (struct moments){layer_spread (own.mean, maps), layer_spread (own.deviation, maps)};
    painter.moments.mean = blend (own.mean, painter.moments.mean, strength);
    painter.moments.deviation = blend (own.deviation, painter.moments.deviation, strength);
  }
  sym x = decode (&painter, painter.photo[LEVELS - 1]);
  if (bottom)
    x = sym_slice (x, 2, 0, h, 1);
  if (right)
    x = sym_slice (x, 3, 0, w, 1);
  if (control.unclamped)
    *control.unclamped = x;
  return sym_clamp (x, 0, 1);
}

int
arbitrary_net_norms (const struct arbitrary_net *settings, int64_t channels[STYLE_NORMS_MAX])
{
  static const int levels[] = {0, 1, 2, 3, 2, 1, 0}; /* the encoder's, the decoder's */
  for (guint i = 0; i < G_N_ELEMENTS (levels); i++)
    channels[i] = level_channels (settings, levels[i]);
  return G_N_ELEMENTS (levels);
}

/* Back from a pixel: decoder 12 in its enlargements and 8 at a quarter, 8 a residual block; from there 12 to a query's
 * far side, which holds the bilinear step between queries; encoder 16 at a quarter, 4 at a half, 2, and 3 where it
 * pools. */
int
arbitrary_net_reach (const struct arbitrary_net *settings)
{
  return (12 + 8 + 8 * settings->residuals + 12 + 16 + 4 + 2 + 3 + QUERY - 1) / QUERY * QUERY;
}

static void
build (const struct net *net, struct graph *graph, const void *settings)
{
  sym photo = graph_input (graph, "photo", SHAPE (1, 3, 16, 16));
  sym style = graph_input (graph, "style", SHAPE (1, 3, 16, 16)), one = graph_scalar (graph, 1);
  struct arbitrary_style encoded = arbitrary_encode (style, settings);
  struct arbitrary_control control = {.styles = &encoded, .n_styles = 1, .attention = one};
  graph_output (graph, "painting", arbitrary_net (photo, control, settings));
}

static const struct option options[] = {
  {"channels", OPTION_INTS, offsetof (struct arbitrary_net, encoder.channels), "channels of the encoder's blocks", 4,
   512, .text = "16,48,96", .count = LEVELS - 1},
  {"keys", OPTION_INT, offsetof (struct arbitrary_net, keys), "numbers by which places are compared", 1, 512, 32},
  {"residuals", OPTION_INT, offsetof (struct arbitrary_net, residuals), "residual blocks of the decoder", 0, 32, 1},
  {NULL},
};

const struct net net_arbitrary = {
  .name = "arbitrary",
  .help = "painter of any style at once (AdaIN: Huang 2017; attention: AdaAttN, Liu 2021)",
  .options = options,
  .options_size = sizeof (struct arbitrary_net),
  .build = build,
};
