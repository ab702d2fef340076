/* SPDX-License-Identifier: Apache-2.0
 *
 * The inside of the style recipe, shared by its files: recipe_style.c (options, start, step, result), style_graph.c
 * (losses, the plans), style_sheet.c (sample sheets), style_data.c (paintings) and style_pack.c (packs to begin
 * with). */
#pragma once

#include "net/pack.h"
#include "train/dataset.h"
#include "train/optimizer.h"
#include "train/style_data.h"
#include "train/trainer.h"

enum { STYLE_SHEET_PHOTOS = 3 };

struct style_settings {
  char *photos, *features, *describer, *names, *title, *license, *start, *into;
  int64_t batch, size, painting_size;
  double content_weight, style_weight, variation_weight, calm_weight, mesh_weight, alike_weight, adversary_weight,
    pixel_weight, palette_weight, colors_weight;
  double overexposed; /* share of the photographs */
  double rate, judge_rate, average;
  struct style_net net; /* as the options say */
  int64_t judge_width;
};

struct style_state {
  struct style_net net; /* the network that is trained: with --into, the pack's with the new rows alone */
  struct pack *into;    /* or NULL */
  struct features *features;
  struct style_data data;
  struct tensor *descriptors; /* (paintings, d), or NULL */
  struct dataset *photos;
  struct plan *plan, *sampler;
  float *sheet_photos; /* (STYLE_SHEET_PHOTOS, 3, size, size) */
};

/* Whether there is a judge: rows that are fitted into a pack have none. */
bool style_has_judge (const struct style_settings *settings);

extern const struct optimizer_options style_painter_adam, style_judge_adam;

/* Draws weights that are lacking and compiles state->plan. Inputs: photo, style (one-hot, for the judge), rows,
 * targets, painting (crops, for the judge), rate, judge-rate, decay; outputs: the statistics by name. */
bool style_build_training (struct trainer *trainer, GError **error);

/* Compiles state->sampler: the painter with averaged weights, one photograph at a time. */
bool style_build_sampler (struct trainer *trainer, GError **error);

/* style_sheet.c */
bool style_reals (struct trainer *trainer, const char *path, GError **error);
bool style_sample (struct trainer *trainer, const char *path, GError **error);
