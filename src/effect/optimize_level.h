/* SPDX-License-Identifier: Apache-2.0
 *
 * One size of a painting by optimisation: a graph of losses over the picture, its plan, and the optimiser. All that a
 * stopped one needs to go on is tensors by name, so that it goes on to the bits of one that nobody stopped.
 *
 * The canvas is the picture with a mirrored margin, rounded up: near their own border the networks see less. It is
 * painted like the rest and cut off at the end. */
#pragma once

#include "effect/optimize.h"
#include "train/patch_loss.h"

/* What a level is painted by; borrowed. */
struct level_options {
  const struct optimize_settings *settings;
  const struct features *features;
  const struct style_target *target;
  const struct patches *patches; /* NULL: without; then the settings' patch_weight is 0 */
  int width, height;             /* of the picture */
  int64_t steps;                 /* evaluations of the loss */
  int threads, precision;
  uint64_t seed;
  uint64_t limit; /* bytes it may take in all; 0 = any */
};

struct level_losses {
  double total, content, style, variation, range, patches; /* range: of what lies outside 0..1 */
};

typedef struct level level;

/* Called at every evaluation of the loss, @done of them so far; false stops. */
typedef bool (*level_tick_fn) (int64_t done, void *data);

/* Bytes that a level would take, of them those that do not go with its size, and operations a step. False, with
 * IMPASTO_ERROR_MEMORY, when beyond the limit. */
bool level_forecast (const struct level_options *options, uint64_t *bytes, uint64_t *fixed, double *operations,
                     GError **error);

/* @photo (3,h,w): what the content is of; @start (3,h,w): what painting begins with. */
struct level *level_new (const struct level_options *options, const float *photo, const float *start, GError **error);
void level_free (struct level *level);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (level, level_free)

/* One step of the optimiser: an evaluation or a few. IMPASTO_ERROR_CANCELLED: @tick said stop, the level is as after
 * the step before; IMPASTO_ERROR_NUMERIC: a loss is NaN or infinite, with the step and which. */
bool level_step (struct level *level, level_tick_fn tick, void *data, GError **error);

bool level_finished (const struct level *level); /* as many steps as asked for, or no step helps any more */
int64_t level_done (const struct level *level);  /* evaluations */
struct level_losses level_losses (const struct level *level);

/* The picture as it is: (3,h,w), clamped to 0..1. */
void level_picture (const struct level *level, float *out);

/* The state as tensors, shared, not copied: to be written before the next step; and back. IMPASTO_ERROR_INPUT. */
void level_save (struct level *level, struct weights *weights);
bool level_load (struct level *level, struct weights *weights, const char *path, GError **error);
