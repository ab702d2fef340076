/* SPDX-License-Identifier: Apache-2.0
 *
 * Augmentation as graph. A picture is moved by products with matrices that hold a 1 where a row comes from: they are
 * made of comparisons, pass gradients as any product does, and what comes from outside is 0. */
#include "train/gan_augment.h"

/* Draws in order; which number a change takes does not depend on the others' being wanted. */
struct draws {
  sym probability;
  int64_t n;
  unsigned stream;
};

static sym
draw (struct draws *draws)
{
  return sym_uniform (draws->probability.graph, SHAPE (draws->n, 1, 1, 1), draws->stream++);
}

/* 1 for the pictures that are to be changed. */
static sym
chosen (struct draws *draws)
{
  return sym_greater (draws->probability, draw (draws));
}

/* A constant whose element (i,j) is @down i + @right j. */
static sym
grid (struct graph *graph, int64_t h, int64_t w, int down, int right)
{
  g_autoptr (tensor) tensor = tensor_new (SHAPE (1, 1, h, w), DTYPE_F32, NULL);
  if (!tensor)
    return graph_fail (graph, "augmentation: no memory for a grid");
  for (int64_t i = 0; i < h; i++)
    for (int64_t j = 0; j < w; j++)
      tensor_floats (tensor)[i * w + j] = down * i + right * j;
  return graph_constant (graph, tensor);
}

/* (n,1,side,side): row i of a product with it is row i - t of the other, t a whole number up to an eighth of the
 * side. */
static sym
shift_matrix (int64_t side, sym gate, sym random)
{
  int64_t most = (side + 4) / 8;
  sym t = sym_floor (sym_affine (random, 2 * most + 1, -most));
  return sym_equal (grid (gate.graph, side, side, 1, -1), sym_mul (t, gate));
}

static sym
translate (sym x, struct draws *draws)
{
  struct shape shape = sym_shape (x);
  sym gate = chosen (draws);
  sym down = shift_matrix (shape.dim[2], gate, draw (draws));
  sym right = shift_matrix (shape.dim[3], gate, draw (draws));
  return sym_matmul_t (sym_matmul (down, x), false, right, true);
}

/* 1 where @place is in the interval of half the side around a random place of it. */
static sym
covered (sym place, int64_t side, sym random)
{
  sym start = sym_shift (sym_floor (sym_scale (random, side + 1)), -(double) (side / 4));
  sym beyond = sym_shift (start, side / 2);
  return sym_mul (sym_greater (place, sym_shift (start, -0.5)), sym_greater (sym_shift (beyond, -0.5), place));
}

static sym
cut_out (sym x, struct draws *draws)
{
  struct shape shape = sym_shape (x);
  int64_t h = shape.dim[2], w = shape.dim[3];
  sym gate = chosen (draws);
  sym rows = covered (grid (x.graph, h, 1, 1, 0), h, draw (draws));
  sym columns = covered (grid (x.graph, 1, w, 0, 1), w, draw (draws));
  sym hole = sym_mul (sym_mul (rows, columns), gate);
  return sym_mul (x, sym_affine (hole, -1, 1));
}

/* mean + (x - mean) * (1 + gate (scale random - shift)) */
static sym
stretch (sym x, sym mean, sym gate, sym random, double scale, double shift)
{
  sym factor = sym_shift (sym_mul (gate, sym_affine (random, scale, -shift)), 1);
  return sym_add (mean, sym_mul (sym_sub (x, mean), factor));
}

static sym
tint (sym x, struct draws *draws)
{
  sym gate = chosen (draws);
  x = sym_add (x, sym_mul (gate, sym_shift (draw (draws), -0.5)));
  x = stretch (x, sym_mean (x, AXIS (1)), gate, draw (draws), 2, 1);
  return stretch (x, sym_mean (x, AXES_CHW), gate, draw (draws), 1, 0.5);
}

sym
gan_augment (sym picture, struct gan_augment what, sym probability, unsigned stream)
{
  int64_t n = sym_shape (picture).dim[0];
  struct draws colour = {probability, n, stream}, place = {probability, n, stream + 4},
               hole = {probability, n, stream + 8};
  sym x = picture;
  if (what.colour)
    x = tint (x, &colour);
  if (what.translation)
    x = translate (x, &place);
  return what.cutout ? cut_out (x, &hole) : x;
}
