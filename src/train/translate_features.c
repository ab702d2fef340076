/* SPDX-License-Identifier: Apache-2.0
 *
 * Translation by a feature network and a judge: the loss and its parts; the formula is in recipe_translate.c. Styles
 * are those of the batches' paintings, so that one painting in patches does as well as a folder of them. Judge and
 * translator learn from one pass of the judge over what is real and what is drawn: its batch normalisation sees
 * both. */
#include "net/gan.h"
#include "train/gan_loss.h"
#include "train/loss.h"
#include "train/style_loss.h"
#include "train/translate_loss.h"
#include "train/translate_recipe.h"

enum { STREAM_JUDGED = 740, STREAM_PAST = STREAM_JUDGED + GAN_AUGMENT_STREAMS };

const char *const translate_fusion_names[] = {
  [FUSION_NONE] = "none", [FUSION_MEAN] = "mean", [FUSION_ATTENTION] = "attention", [FUSION_AUTO] = "auto", NULL};

static sym (*const fusions[]) (sym content, sym style) = {
  [FUSION_MEAN] = features_by_moments, [FUSION_ATTENTION] = features_by_attention};

/* What the content of drawings is to be like: the photographs', with a share of the paintings'. */
static sym
fuse (sym content, sym style, const struct translate_settings *settings)
{
  if (settings->fusion == FUSION_NONE || settings->fusion_weight == 0)
    return content;
  sym fused = fusions[settings->fusion](content, style);
  return sym_add (sym_scale (content, 1 - settings->fusion_weight), sym_scale (fused, settings->fusion_weight));
}

/* What paintings have been like lately, @now being the batch's: one batch tells little. The moving average is a weight,
 * hence in checkpoints. */
static sym
lately (const struct translate_build *build, sym now, const char *name)
{
  struct graph *graph = now.graph;
  sym before = graph_parameter (graph, name, sym_shape (now), (struct init){INIT_ZERO, 0});
  sym next = sym_add (now, sym_mul (sym_sub (before, now), build->decay));
  graph_assign (graph, before, next);
  return sym_stop_gradient (next);
}

/* Mean over scales and taps of the squared distances of @drawn's Gram matrices from those of paintings, over their root
 * mean square. */
static sym
gram_loss (const struct translate_build *build, sym drawn[STYLE_LOSS_SCALES][FEATURE_TAPS],
           sym wanted[STYLE_LOSS_SCALES][FEATURE_TAPS])
{
  sym sum = {NULL, -1};
  for (int s = 0; s < STYLE_LOSS_SCALES; s++)
    for (int tap = 0; tap < FEATURE_TAPS; tap++) {
      g_autofree char *name = g_strdup_printf ("paintings.gram.%d.%d", s, tap);
      sym target = lately (build, sym_mean (wanted[s][tap], AXIS (0)), name);
      sym inverse = sym_rsqrt (sym_shift (sym_mean (sym_square (target), AXES_ALL), 1e-20));
      inverse = sym_reshape (inverse, SHAPE (1, 1, 1));
      sym loss = loss_gram_weighted (drawn[s][tap], inverse, sym_mul (target, inverse), (sym){0});
      sum = sum.graph ? sym_add (sum, loss) : loss;
    }
  return sym_scale (sum, 1.0 / (STYLE_LOSS_SCALES * FEATURE_TAPS));
}

static sym
add (sym sum, sym loss, double weight, const char *name)
{
  if (weight == 0)
    return sum;
  graph_output (sum.graph, name, loss);
  return sym_add (sum, sym_scale (loss, weight));
}

/* The losses that need no judge. */
static sym
build_perceptual (struct translate_build *build, sym drawn)
{
  const struct translate_settings *settings = build->settings;
  struct graph *graph = build->graph;
  struct feature_tap of_drawn[FEATURE_TAPS], of_photo[FEATURE_TAPS], of_painting[FEATURE_TAPS];
  sym gram[STYLE_LOSS_SCALES][FEATURE_TAPS], wanted[STYLE_LOSS_SCALES][FEATURE_TAPS], loss = graph_scalar (graph, 0);
  graph_push (graph, "frozen");
  style_look (drawn, build->features, gram, of_drawn);
  style_look (build->real[PAINTING], build->features, wanted, of_painting);
  graph_push (graph, "eye");
  features_build (build->features, build->real[PHOTO], FEATURE_CONTENT, of_photo);
  graph_pop (graph);
  graph_pop (graph);
  sym content = feature_map (of_photo[FEATURE_CONTENT]), style = feature_map (of_painting[FEATURE_CONTENT]);
  sym target = sym_stop_gradient (fuse (content, style, settings));
  sym palette = lately (build, loss_palette_of (build->real[PAINTING]), "paintings.palette");
  loss = add (loss, gram_loss (build, gram, wanted), settings->style_weight, "style");
  loss =
    add (loss, loss_content (feature_map (of_drawn[FEATURE_CONTENT]), target), settings->content_weight, "content");
  loss = add (loss, loss_variation (drawn), settings->variation_weight, "variation");
  return add (loss, loss_palette (drawn, palette, (sym){0}), settings->palette_weight, "palette");
}

static sym
part (sym x, int64_t i, int64_t n)
{
  return sym_slice (x, 0, i * n, (i + 1) * n, 1);
}

static sym
mean (sym x)
{
  return sym_reshape (sym_mean (x, AXES_ALL), SHAPE_SCALAR);
}

/* Adds the losses of the judge, and of what is drawn before it. */
static void
build_adversaries (struct translate_build *build, sym drawn)
{
  const struct translate_settings *settings = build->settings;
  const struct gan_loss *loss = &gan_losses[settings->loss];
  int64_t n = build->n;
  sym shown[3] = {build->real[PAINTING], drawn, {NULL, -1}};
  int sides = 2;
  if (settings->edge_weight > 0)
    shown[sides++] = smooth_edges (build->real[PAINTING]);
  sym scores = translate_judge (build, sym_concat (shown, sides, 0), PAINTING, STREAM_JUDGED, true);
  sym real = part (scores, 0, n), fake = part (scores, 1, n);
  build->adversary = loss->generator (real, fake);
  graph_output (build->graph, "real", mean (real));
  graph_output (build->graph, "fake", mean (fake));
  if (settings->pool > 0) { /* the judge learns from another batch then */
    shown[1] = translate_to_refuse (build, PAINTING);
    scores = translate_judge (build, sym_concat (shown, sides, 0), PAINTING, STREAM_PAST, false);
    real = part (scores, 0, n);
    fake = part (scores, 1, n);
  }
  build->judge = loss->judge (real, fake, settings->label);
  if (settings->edge_weight > 0) {
    sym smoothed = loss->judge (real, part (scores, 2, n), settings->label);
    build->judge = sym_add (build->judge, sym_scale (smoothed, settings->edge_weight));
  }
}

sym
translate_by_features (struct translate_build *build)
{
  const struct translate_settings *settings = build->settings;
  struct style_net net = translate_net (settings);
  graph_push (build->graph, "translator.%s", translate_sides[PAINTING]);
  sym drawn = style_net (build->real[PHOTO], (struct style_control){.training = true}, &net);
  graph_pop (build->graph);
  build->drawn[PAINTING] = drawn;
  build_adversaries (build, drawn);
  return build_perceptual (build, drawn);
}
