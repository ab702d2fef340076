/* SPDX-License-Identifier: Apache-2.0
 *
 * A run of painting by optimisation, and what it shares with the method around it (effect/optimize.c), which opens and
 * forecasts: sizes from coarse to fine, and what each is painted by. */
#pragma once

#include <json-glib/json-glib.h>

#include "effect/optimize_level.h"
#include "effect/style_images.h"

#define OPTIMIZE_LEVELS_MAX 8

struct painting {
  const struct style_image *image;
  struct picture *picture;
};

struct optimize {
  const struct paint_settings *paint;
  struct optimize_settings settings;
  struct features *features;
  char *features_sha256, *name;
  JsonObject *network; /* that paints what painting begins with, as recipes tell; or NULL */
  char *pack;          /* its file, or NULL */
  GArray *images;      /* struct style_image */
  struct painting *paintings;
  int n_paintings;
  int width, height; /* what the forecast is of; 0 = none */
  uint64_t limit;
  struct method_forecast forecast;
};

/* Sizes of a picture from coarse to fine. */
struct optimize_levels {
  int n;
  int width[OPTIMIZE_LEVELS_MAX], height[OPTIMIZE_LEVELS_MAX];
  int64_t steps[OPTIMIZE_LEVELS_MAX];
};

struct optimize_levels optimize_levels (const struct optimize *self, int width, int height);

/* What painting begins with: never OPTIMIZE_START_AUTO. */
enum optimize_start optimize_start (const struct optimize *self);

/* Rough cost of a step of level @i, in pixels. */
double optimize_cost (const struct optimize_levels *levels, int i);

struct level_options optimize_level_options (const struct optimize *self, const struct optimize_levels *levels, int i,
                                             const struct style_target *target);

/* struct method's run. */
bool optimize_run (void *self, struct picture *picture, const struct paint_job *job, GError **error);
