/* SPDX-License-Identifier: Apache-2.0
 *
 * The inside of the translate recipe, shared by its files: recipe_translate.c (options, start, step, result),
 * translate_graph.c (the plans), translate_features.c (losses by a feature network) and translate_sheet.c (pictures
 * that are shown). The two sides are photographs and paintings, in this order wherever there are two of a kind. */
#pragma once

#include "net/feature_net.h"
#include "net/gan.h"
#include "net/net.h"
#include "net/pack.h"
#include "train/dataset.h"
#include "train/gan_augment.h"
#include "train/trainer.h"

enum translate_method { TRANSLATE_CYCLEGAN, TRANSLATE_CUT, TRANSLATE_FEATURES, TRANSLATE_AUTO };

/* What the content of drawings is held to: the photograph's features, or those with a share of the paintings'. */
enum fusion { FUSION_NONE, FUSION_MEAN, FUSION_ATTENTION, FUSION_AUTO };
extern const char *const translate_fusion_names[];

struct translate_settings {
  char *photos, *paintings, *features, *start, *name, *title, *license;
  int method; /* enum translate_method */
  int preset; /* enum style_layers: of translator and judge */
  int64_t batch, size;
  int64_t filters, blocks, ends, judge_width;
  int upsampling;
  bool skip; /* translators correct pictures, see struct style_net */
  double cycle_weight, identity_weight, contrast_weight, edge_weight; /* identity below 0: by method */
  /* Below 0, or 0 for zooms: by preset. */
  double style_weight, content_weight, palette_weight, variation_weight, adversary_weight, colour_weight;
  double fusion_weight, rotation, zoom, painting_zoom; /* rotation in degrees */
  int fusion;                                          /* enum fusion */
  int loss;                                            /* enum gan_loss_kind, by features */
  double label;                                        /* what real pictures are called */
  int judge_norm;                                      /* enum gan_normalisation, of a preset's judge */
  bool spectral;                                       /* likewise */
  int64_t patches;                                     /* places a layer */
  double temperature;
  int64_t pool; /* pictures; below 0: by method */
  double rate, judge_rate, hold, clip, average;
  bool mirror;
  struct gan_augment augment;
};

enum { PHOTO, PAINTING, SIDES };
extern const char *const translate_sides[SIDES]; /* "photo", "painting" */

#define TRANSLATE_SHEET_ROWS 4

struct translate_state {
  struct features *features; /* by features, or NULL */
  struct dataset *data[SIDES];
  struct plan *plan, *sampler;
  float *sheet[SIDES]; /* (TRANSLATE_SHEET_ROWS, 3, size, size) */
};

/* Sides that are drawn: paintings always, photographs when there is a way back. */
static inline bool
translate_draws (const struct translate_settings *settings, int side)
{
  return side == PAINTING || settings->method == TRANSLATE_CYCLEGAN;
}

struct style_net translate_net (const struct translate_settings *settings);

/* The translator of @side as a pack of one style, out of all weights of a run. */
struct pack *translate_pack (const struct translate_settings *settings, struct weights *run, int side);

/* The judge's settings, of a preset. */
struct gan_net translate_judge_net (const struct translate_settings *settings);

/* What the parts of a step's graph know of it. */
struct translate_build {
  struct graph *graph;
  const struct translate_settings *settings;
  const struct features *features;
  int64_t n; /* pictures of a batch */
  const sym *real, *places;
  sym decay; /* of moving averages */
  sym drawn[SIDES];
  sym adversary, judge; /* sums over sides */
};

/* Scores of pictures in 0..1, as the judge of @side gets to see them; in one pass of each judge @follow. */
sym translate_judge (const struct translate_build *build, sym pictures, int side, unsigned stream, bool follow);

/* What the judge of @side learns from beside real pictures: what is drawn now, or what was (Shrivastava 2017). */
sym translate_to_refuse (const struct translate_build *build, int side);

/* translate_features.c: draws, adds the adversaries' losses and returns the others'. */
sym translate_by_features (struct translate_build *build);

/* @decay, a scalar, is that of moving averages. The losses of translators and judges, and what is drawn of each side.
 * @places (p) are those of each tap, for CUT. Adds the statistics by name to the graph's outputs, and the inputs of a
 * pool: see translate_build_training. */
struct translate_losses {
  sym translators, judges;
  sym drawn[SIDES];
};
struct translate_losses translate_losses (struct graph *graph, const struct translate_settings *settings,
                                          const struct features *features, const sym real[SIDES],
                                          const sym places[STYLE_TAPS], sym decay);

/* Draws weights that are lacking and compiles state->plan. For each side that is drawn: input SIDE (batch,3,size,size),
 * output "drawn-SIDE" of the same shape, and with a pool inputs "past-SIDE" of the same shape and "is-past-SIDE"
 * (batch,1,1,1), 1 where the judge is to see the picture from the pool. CUT: "places0".. (p), places in the maps of the
 * taps. Inputs rate, judge-rate, decay; outputs: the statistics by name. */
bool translate_build_training (struct trainer *trainer, GError **error);

/* Compiles state->sampler: averaged weights, inputs "photo" and "painting" (1,3,size,size), outputs "translated",
 * "identity" and, with a way back, "back". */
bool translate_build_sampler (struct trainer *trainer, GError **error);

/* What the inputs "rate" and "judge-rate" are at step @step for learning rates of @rate. */
double translate_rate (const struct translate_settings *settings, double rate, int64_t step);

/* Places in tap @i of a picture: how many there are, and of how many the loss takes. */
int64_t translate_places (const struct translate_settings *settings, int i, int64_t *of);

/* translate_sheet.c */
bool translate_load_sheet (struct trainer *trainer, GError **error);
bool translate_reals (struct trainer *trainer, const char *path, GError **error);
bool translate_sample (struct trainer *trainer, const char *path, GError **error);
