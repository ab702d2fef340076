/* SPDX-License-Identifier: Apache-2.0
 *
 * The inside of the recipe of a predictor, shared by its files: recipe_predictor.c (options, start, step, sheets,
 * result), predictor_graph.c (losses, the plans) and predictor_pack.c (what training begins with, and what becomes of
 * it). */
#pragma once

#include "net/feature_net.h"
#include "net/pack.h"
#include "train/dataset.h"
#include "train/optimizer.h"
#include "train/trainer.h"

#define PREDICTOR_FEATURES "frozen.features" /* scopes */
#define PREDICTOR_DESCRIBER "frozen.describer"

enum { PREDICTOR_FREE = 64, PREDICTOR_HIDDEN = 128 };

struct predictor_settings {
  char *photos, *into, *features, *describer;
  int64_t batch, size;
  double zoom, recolour, overexposed;
  double content_weight, style_weight, palette_weight, variation_weight, calm_weight, mesh_weight, colors_weight,
    alike_weight;
  double rate, average;
  int64_t free, hidden; /* 0: PREDICTOR_FREE and so on, or as the pack has it */
};

struct predictor_state {
  struct pack *into;
  struct style_net net; /* the pack's, with a predictor */
  struct perceptual_net describer;
  struct features *features; /* of the losses */
  GPtrArray *paintings;      /* struct picture, the shorter side zoom * size */
  struct dataset *photos;
  struct plan *plan, *sampler;
  float *sheet_photos;
};

extern const struct optimizer_options predictor_adam;

/* Fills state->net, and gives the run's weights what they lack: the pack's, and a predictor: the pack's own, or one
 * that mixes its styles as they are near to the painting. IMPASTO_ERROR_USAGE: the pack is of another kind or does not
 * tell what its paintings look like; IMPASTO_ERROR_INPUT: the run began with another. */
bool predictor_begin (struct trainer *trainer, struct predictor_state *state, GError **error);

/* Draws weights that are lacking and compiles state->plan. Inputs: photo, painting, palette-target, colors-target,
 * rate, decay; outputs: the statistics by name. */
bool predictor_build_training (struct trainer *trainer, struct predictor_state *state, GError **error);

/* Compiles state->sampler: one photograph painted like one painting, by averaged weights. */
bool predictor_build_sampler (struct trainer *trainer, struct predictor_state *state, GError **error);

/* @into with the predictor of a run, by the averages among its @weights. IMPASTO_ERROR_INPUT: the run has none, or
 * began with another pack. */
struct pack *predictor_pack (const struct pack *into, struct weights *weights, GError **error);

/* What @into tells of its training, and in the list "predictor" @facts, which it takes over. */
void predictor_add_facts (struct pack *pack, const struct pack *into, JsonObject *facts);
