/* SPDX-License-Identifier: Apache-2.0
 *
 * Adversarial losses, in terms of raw scores: -log sigmoid x = softplus (-x), -log (1 - sigmoid x) = softplus x. */
#include "train/gan_loss.h"

#include "compile/grad.h"

static sym
mean (sym x)
{
  return sym_reshape (sym_mean (x, AXES_ALL), SHAPE_SCALAR);
}

/* Cross-entropy of sigmoid x and @label: label softplus (-x) + (1 - label) softplus x */
static sym
cross_entropy (sym x, double label)
{
  sym loss = sym_softplus (sym_neg (x));
  return mean (label == 1 ? loss : sym_add (loss, sym_scale (x, 1 - label)));
}

static sym
logistic_judge (sym real, sym fake, double label)
{
  return sym_add (cross_entropy (real, label), mean (sym_softplus (fake)));
}

static sym
minimax_generator (sym real, sym fake)
{
  return sym_neg (mean (sym_softplus (fake)));
}

static sym
non_saturating_generator (sym real, sym fake)
{
  return cross_entropy (fake, 1);
}

static sym
half_square (sym x, double target)
{
  return sym_scale (mean (sym_square (sym_shift (x, -target))), 0.5);
}

static sym
least_squares_judge (sym real, sym fake, double label)
{
  return sym_add (half_square (real, label), half_square (fake, 0));
}

static sym
least_squares_generator (sym real, sym fake)
{
  return half_square (fake, 1);
}

static sym
hinge_judge (sym real, sym fake, double label)
{
  return sym_add (mean (sym_relu (sym_affine (real, -1, 1))), mean (sym_relu (sym_shift (fake, 1))));
}

static sym
wasserstein_judge (sym real, sym fake, double label)
{
  return sym_sub (mean (fake), mean (real));
}

static sym
raise_score (sym real, sym fake)
{
  return sym_neg (mean (fake));
}

static sym
relativistic_judge (sym real, sym fake, double label)
{
  return cross_entropy (sym_sub (real, fake), label);
}

static sym
relativistic_generator (sym real, sym fake)
{
  return cross_entropy (sym_sub (fake, real), 1);
}

const struct gan_loss gan_losses[] = {
  [GAN_MINIMAX] = {true, 2 * G_LN2, logistic_judge, minimax_generator},
  [GAN_NON_SATURATING] = {true, 2 * G_LN2, logistic_judge, non_saturating_generator},
  [GAN_LEAST_SQUARES] = {true, 0.25, least_squares_judge, least_squares_generator},
  [GAN_HINGE] = {false, 2, hinge_judge, raise_score},
  [GAN_WASSERSTEIN] = {false, 0, wasserstein_judge, raise_score},
  [GAN_RELATIVISTIC] = {true, G_LN2, relativistic_judge, relativistic_generator},
};

const char *const gan_loss_names[] = {
  [GAN_MINIMAX] = "minimax",
  [GAN_NON_SATURATING] = "non-saturating",
  [GAN_LEAST_SQUARES] = "least-squares",
  [GAN_HINGE] = "hinge",
  [GAN_WASSERSTEIN] = "wasserstein",
  [GAN_RELATIVISTIC] = "relativistic",
  NULL,
};

sym
gan_between (sym real, sym fake, unsigned stream)
{
  sym place = sym_uniform (real.graph, SHAPE (sym_shape (real).dim[0], 1, 1, 1), stream);
  return sym_add (real, sym_mul (sym_sub (fake, real), place));
}

/* |d score / d picture|^2 of each picture, (n,1,1,1). Scores of other pictures do not depend on it, so the gradient of
 * the sum holds every picture's own; of a map of scores it is their mean that counts. */
static sym
slope_squared (sym score, sym picture)
{
  struct shape shape = sym_shape (score);
  double scores = shape.rank > 0 ? (double) shape_size (&shape) / shape.dim[0] : 1;
  sym slope;
  graph_gradient (sym_scale (sym_sum (score, AXES_ALL), 1 / scores), &picture, 1, &slope);
  return sym_sum (sym_square (slope), AXES_CHW);
}

sym
gan_gradient_penalty (sym score, sym picture)
{
  sym length = sym_sqrt (sym_shift (slope_squared (score, picture), 1e-12)); /* the root has no slope at 0 */
  return mean (sym_square (sym_shift (length, -1)));
}

sym
gan_r1 (sym score, sym picture)
{
  return sym_scale (mean (slope_squared (score, picture)), 0.5);
}
