/* SPDX-License-Identifier: Apache-2.0
 *
 * The inside of the translate recipe, shared by its files: recipe_translate.c (options, start, step, result), translate_graph.c
 * (the plans) and translate_sheet.c (pictures that are shown). The two sides are photographs and paintings, in this order
 * wherever there are two of a kind. */
#pragma once

#include "net/net.h"
#include "train/dataset.h"
#include "train/gan_augment.h"
#include "train/trainer.h"

enum translate_method { TRANSLATE_CYCLEGAN, TRANSLATE_CUT };

struct translate_settings {
  char *photos, *paintings, *start, *name, *title, *license;
  int method; /* enum translate_method */
  int64_t batch, size;
  int64_t filters, blocks, ends, judge_width;
  int upsampling;
  double cycle_weight, identity_weight, contrast_weight, edge_weight, colour_weight; /* identity below 0: by method */
  int64_t patches;                                                                   /* places a layer */
  double temperature;
  int64_t pool; /* pictures; below 0: by method */
  double rate, judge_rate, hold, clip, average;
  double zoom, painting_zoom;
  bool mirror;
  struct gan_augment augment;
};

enum { PHOTO, PAINTING, SIDES };
extern const char *const translate_sides[SIDES]; /* "photo", "painting" */

#define TRANSLATE_SHEET_ROWS 4

struct translate_state {
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

/* The losses of translators and judges, and what is drawn of each side. @places (p) are those of each tap, for CUT. Adds the
 * statistics by name to the graph's outputs, and the inputs of a pool: see translate_build_training. */
struct translate_losses {
  sym translators, judges;
  sym drawn[SIDES];
};
struct translate_losses translate_losses (struct graph *graph, const struct translate_settings *settings,
                                          const sym real[SIDES], const sym places[STYLE_TAPS]);

/* Draws weights that are lacking and compiles state->plan. For each side that is drawn: input SIDE (batch,3,size,size), output
 * "drawn-SIDE" of the same shape, and with a pool inputs "past-SIDE" of the same shape and "is-past-SIDE" (batch,1,1,1),
 * 1 where the judge is to see the picture from the pool. CUT: "places0".. (p), places in the maps of the taps. Inputs rate,
 * judge-rate, decay; outputs: the statistics by name. */
bool translate_build_training (struct trainer *trainer, GError **error);

/* Compiles state->sampler: averaged weights, inputs "photo" and "painting" (1,3,size,size), outputs "translated", "identity" and,
 * with a way back, "back". */
bool translate_build_sampler (struct trainer *trainer, GError **error);

/* What the inputs "rate" and "judge-rate" are at step @step for learning rates of @rate. */
double translate_rate (const struct translate_settings *settings, double rate, int64_t step);

/* Places in tap @i of a picture: how many there are, and of how many the loss takes. */
int64_t translate_places (const struct translate_settings *settings, int i, int64_t *of);

/* translate_sheet.c */
bool translate_load_sheet (struct trainer *trainer, GError **error);
bool translate_reals (struct trainer *trainer, const char *path, GError **error);
bool translate_sample (struct trainer *trainer, const char *path, GError **error);
