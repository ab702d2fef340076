/* SPDX-License-Identifier: Apache-2.0
 *
 * Patches of paintings as a loss (Li and Wand 2016): every 3x3 patch of a picture's features shall look like the patch
 * of the paintings that it resembles most, by normalised correlation. Features are those of FEATURE_CONTENT at half the
 * picture's size. Which patch is whose is found apart from the gradient, now and then: what overlapping patches want of
 * a place is their mean, so that the loss is a distance to one target,
 *
 *   sum over patches of |patch of f - its match|^2 = 9 |f - mean of the matches|^2 + a constant,
 *
 * loss_content (patch_features (picture), target). One owner, one thread at a time. */
#pragma once

#include "train/style_loss.h"

/* Patches of paintings: at most @most, spread evenly, by the paintings' shares. Constant. */
struct patches {
  int64_t count, channels;
  struct tensor *values;  /* (count, channels, 3, 3) */
  struct tensor *filters; /* the same, each of length 1 */
};
typedef struct patches patches;

struct patches *patches_new (const struct features *features, const struct style_painting *paintings, int n,
                             int64_t most, int threads, uint64_t limit, GError **error);
void patches_free (struct patches *patches);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (patches, patches_free)

/* The features that are compared, (1, channels, h, w), by the network in scope "eye". */
sym patch_features (sym picture, const struct features *features);

/* What finds matches for pictures (1,3,height,width). IMPASTO_ERROR_MEMORY. */
typedef struct patch_matcher patch_matcher;
struct patch_matcher *patch_matcher_new (const struct features *features, int64_t width, int64_t height, int threads,
                                         uint64_t limit, GError **error);
void patch_matcher_free (struct patch_matcher *matcher);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (patch_matcher, patch_matcher_free)
uint64_t patch_matcher_bytes (const struct patch_matcher *matcher);

/* Fills @target, of patch_features' shape, with the mean of what the matches of @picture's patches want. */
void patch_match (struct patch_matcher *matcher, const struct patches *patches, const float *picture,
                  struct tensor *target);
