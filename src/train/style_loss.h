/* SPDX-License-Identifier: Apache-2.0
 *
 * The style of paintings as a loss and as a figure (Gatys et al. 2016): Gram matrices of a feature network's taps, of
 * the picture at scales 1, 1/2 and 1/4, which stand in for deeper layers; each over the root mean square of the
 * paintings' own, so that layers and paintings weigh alike and figures can be compared. A target is constant once
 * measured; its owner clears it. */
#pragma once

#include "compile/plan.h"
#include "image/picture.h"
#include "net/feature_net.h"

enum { STYLE_LOSS_SCALES = 3, STYLE_LOSS_MIN = 32 /* pixels of a side, for pictures and paintings */ };

struct style_target {
  struct tensor *gram[STYLE_LOSS_SCALES][FEATURE_TAPS]; /* (1, c, c) over its root mean square */
  double inverse[STYLE_LOSS_SCALES][FEATURE_TAPS];      /* one over that root */
};

struct style_painting {
  const struct picture *picture; /* sides of at least STYLE_LOSS_MIN */
  double share;                  /* of the mix; they add up to 1 */
};

/* Mixes the paintings' Gram matrices, computed in float32. @limit: bytes that a plan may take, 0 = any.
 * IMPASTO_ERROR_MEMORY. */
bool style_target_measure (struct style_target *target, const struct features *features,
                           const struct style_painting *paintings, int n, int threads, uint64_t limit, GError **error);
/* A target of zeros: for forecasts. */
bool style_target_blank (struct style_target *target, const struct features *features, GError **error);
void style_target_clear (struct style_target *target);

/* Builds @features over @picture (n,3,h,w) in scope "eye" for each scale, and the mean of the squared distances of
 * their Gram matrices to @target's: a scalar. Fills @taps, unless NULL, with the features of the whole picture. */
sym style_loss (sym picture, const struct features *features, const struct style_target *target,
                struct feature_tap taps[FEATURE_TAPS]);

/* Its summands, each a scalar: by scale, fine to coarse, and by tap. */
void style_loss_parts (sym picture, const struct features *features, const struct style_target *target,
                       struct feature_tap taps[FEATURE_TAPS], sym part[STYLE_LOSS_SCALES][FEATURE_TAPS]);

/* Gram matrices of @picture at every scale by @features in scope "eye"; fills @taps likewise. */
void style_look (sym picture, const struct features *features, sym gram[STYLE_LOSS_SCALES][FEATURE_TAPS],
                 struct feature_tap taps[FEATURE_TAPS]);

/* The parts, where pictures of one size are looked at again and again. style_grams builds likewise, and makes outputs
 * of the Gram matrices; a plan of that graph which has run is added to a target, @share times, or held against it: the
 * value of style_loss, summed in double. A target is good once everything is added and it is normalised. */
void style_grams (sym picture, const struct features *features, struct feature_tap taps[FEATURE_TAPS]);
/* A plan of style_grams for a picture "painting" (1,3,height,width). */
struct plan *style_measuring_plan (const struct features *features, int64_t height, int64_t width,
                                   const struct plan_options *options, GError **error);
bool style_target_add (struct style_target *target, struct plan *plan, double share, GError **error);
void style_target_normalize (struct style_target *target);
double style_distance (const struct style_target *target, struct plan *plan);
