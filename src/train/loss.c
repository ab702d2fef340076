/* SPDX-License-Identifier: Apache-2.0
 *
 * The losses of style transfer and of adversaries; see loss.h for formulas and sources. */
#include "train/loss.h"

sym
loss_content (sym features, sym target)
{
  sym distance = sym_mean (sym_square (sym_sub (features, target)), AXES_ALL);
  sym norm = sym_mean (sym_square (target), AXES_ALL);
  return sym_reshape (sym_div (distance, sym_shift (norm, 1e-12)), SHAPE_SCALAR);
}

sym
loss_gram (sym features, sym inverse, sym target)
{
  sym distance = sym_sub (sym_mul (sym_gram (features), inverse), target);
  return sym_reshape (sym_mean (sym_square (distance), AXES_ALL), SHAPE_SCALAR);
}

sym
loss_variation (sym picture)
{
  struct shape shape = sym_shape (picture);
  if (shape.rank != 4 || shape.dim[2] < 2 || shape.dim[3] < 2)
    return graph_fail (picture.graph, "variation: wants pictures of at least 2x2");
  int64_t h = shape.dim[2], w = shape.dim[3];
  sym dy = sym_sub (sym_slice (picture, 2, 1, h, 1), sym_slice (picture, 2, 0, h - 1, 1));
  sym dx = sym_sub (sym_slice (picture, 3, 1, w, 1), sym_slice (picture, 3, 0, w - 1, 1));
  sym sum = sym_add (sym_mean (sym_square (dy), AXES_ALL), sym_mean (sym_square (dx), AXES_ALL));
  return sym_reshape (sum, SHAPE_SCALAR);
}

sym
loss_least_squares (sym score, double target)
{
  return sym_reshape (sym_mean (sym_square (sym_shift (score, -target)), AXES_ALL), SHAPE_SCALAR);
}

sym
loss_logistic (sym logits, bool real)
{
  return sym_reshape (sym_mean (sym_softplus (real ? sym_neg (logits) : logits), AXES_ALL), SHAPE_SCALAR);
}
