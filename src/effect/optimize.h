/* SPDX-License-Identifier: Apache-2.0
 *
 * Painting by optimisation (Gatys et al. 2016): the pixels themselves are the parameters, and go down
 *
 *   L = content_weight * L_content + style_weight * L_gram + variation_weight * L_tv + patch_weight * L_patch
 *
 * coarse to fine: the picture is painted small, enlarged and painted on. Slow, and the finest there is. The settings of
 * the method, and the method itself; how one size is painted is effect/optimize_level.h. */
#pragma once

#include "effect/paint.h"

enum optimize_optimizer { OPTIMIZE_LBFGS, OPTIMIZE_ADAM };
enum optimize_start { OPTIMIZE_START_AUTO, OPTIMIZE_START_NETWORK, OPTIMIZE_START_PHOTO, OPTIMIZE_START_NOISE };

struct optimize_settings {
  char *features;        /* file of a feature network; NULL: perceptual.safetensors among the packs */
  int64_t steps, levels; /* steps in all; sizes from coarse to fine, 0 = by the picture */
  int optimizer, start;  /* enum optimize_optimizer, optimize_start */
  double content_weight, style_weight, variation_weight, patch_weight;
  double style_scale; /* of the paintings against the picture */
  double rate;        /* of Adam */
  int64_t patches;    /* of the paintings that patches are looked for among */
  int64_t preview;    /* a preview every so many steps; 0 = none */
  char *state;        /* file that the state is saved in; NULL: beside the output */
};
extern const struct option optimize_options[];

extern const struct method method_optimize;

/* Files that a painting for @output comes with, new strings: what a preview is called, and the state. */
char *optimize_preview_path (const char *output);
char *optimize_state_path (const char *output);
