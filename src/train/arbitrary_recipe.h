/* SPDX-License-Identifier: Apache-2.0
 *
 * The inside of the recipe of a painter of any style, shared by its files: recipe_arbitrary.c (options, start, step,
 * sheets, result) and arbitrary_graph.c (losses, the plans). */
#pragma once

#include "base/random.h"
#include "image/picture.h"
#include "net/feature_net.h"
#include "net/net.h"
#include "train/dataset.h"
#include "train/optimizer.h"
#include "train/trainer.h"

struct arbitrary_settings {
  char *photos, *encoder, *features, *start, *title, *license;
  int64_t batch, size;
  double zoom, recolour, identity;
  double content_weight, style_weight, identity_weight, variation_weight, calm_weight, range_weight;
  double rate, average;
  struct arbitrary_net net;
};

struct arbitrary_state {
  struct features *eye; /* of the losses */
  GPtrArray *paintings; /* struct picture, the shorter side zoom * size */
  struct dataset *photos;
  struct plan *plan, *sampler;
  float *sheet_photos;
};

extern const struct optimizer_options arbitrary_adam;

/* Draws weights that are lacking and compiles state->plan. Inputs: photo, style, strength, attention, rate, decay;
 * outputs: the statistics by name. */
bool arbitrary_build_training (struct trainer *trainer, struct arbitrary_state *state, GError **error);

/* Compiles state->sampler: the painter with averaged weights, one photograph at a time. */
bool arbitrary_build_sampler (struct trainer *trainer, struct arbitrary_state *state, GError **error);
