/* SPDX-License-Identifier: Apache-2.0
 *
 * What generator and judge are trained by. Scores are the judge's raw numbers, larger = more real: one a picture or a
 * map of them, of any shape, means are taken over all; those of @real and @fake have the same shape. */
#pragma once

#include "op/sym.h"

/* A pair of losses, each to be minimised by its own network. @label is what the judge is told a real picture is, 1 or a
 * little less (one-sided label smoothing, Salimans 2016); losses without `labels` take no notice of it. `guessing` is
 * the judge's loss when it cannot tell and is told 1; 0 where scores have no zero to guess at. */
struct gan_loss {
  bool labels;
  double guessing;
  sym (*judge) (sym real, sym fake, double label);
  sym (*generator) (sym real, sym fake);
};

enum gan_loss_kind {
  GAN_MINIMAX,        /* Goodfellow 2014: the generator minimises E log (1 - D), D = sigmoid of the score */
  GAN_NON_SATURATING, /* the same judge; the generator minimises -E log D */
  GAN_LEAST_SQUARES,  /* Mao 2017 */
  GAN_HINGE,          /* Lim and Ye 2017 */
  GAN_WASSERSTEIN,    /* Arjovsky 2017 */
  GAN_RELATIVISTIC,   /* Jolicoeur-Martineau 2018: the judge says which of a pair is the real one */
};
extern const struct gan_loss gan_losses[]; /* by kind */
extern const char *const gan_loss_names[]; /* by kind, NULL-terminated */

/* Pictures somewhere on the line from @real to @fake, each at a place of its own. */
sym gan_between (sym real, sym fake, unsigned stream);

/* mean (|d score / d picture| - 1)^2 over pictures (Gulrajani 2017): to be taken at gan_between. The judge must score
 * each picture by itself: no batch normalisation. */
sym gan_gradient_penalty (sym score, sym picture);

/* mean |d score / d picture|^2 / 2 over real pictures (Mescheder 2018), to be weighted by gamma; likewise. */
sym gan_r1 (sym score, sym picture);
