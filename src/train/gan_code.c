/* SPDX-License-Identifier: Apache-2.0
 *
 * Codes of InfoGAN as graph; see gan_code.h. */
#include "train/gan_code.h"

#include <math.h>

/* 0, 1, ... n - 1 as (1, n) */
static sym
numbers (struct graph *graph, int64_t n)
{
  g_autoptr (tensor) tensor = tensor_new (SHAPE (1, n), DTYPE_F32, NULL);
  if (!tensor)
    return graph_fail (graph, "codes: no memory");
  for (int64_t i = 0; i < n; i++)
    tensor_floats (tensor)[i] = i;
  return graph_constant (graph, tensor);
}

/* A 1 at one of the first @n columns, drawn evenly, of (rows, columns) */
static sym
draw_one (struct graph *graph, int64_t rows, int64_t n, int64_t columns, unsigned stream)
{
  sym number = sym_floor (sym_scale (sym_uniform (graph, SHAPE (rows, 1), stream), n));
  return sym_equal (number, numbers (graph, columns));
}

sym
gan_noise_draw (struct graph *graph, int64_t n, const struct gan_net *net, unsigned stream, unsigned kinds)
{
  sym z = sym_normal (graph, SHAPE (n, net->latent), stream);
  if (!net->kinds)
    return z;
  return sym_add (z, sym_scale (draw_one (graph, n, net->kinds, net->latent, kinds), gan_kind_step (net)));
}

sym
gan_code_draw (struct graph *graph, int64_t n, const struct gan_net *net, unsigned stream)
{
  sym parts[2];
  int count = 0;
  if (net->codes)
    parts[count++] = draw_one (graph, n, net->codes, net->codes, stream);
  if (net->continuous)
    parts[count++] = sym_affine (sym_uniform (graph, SHAPE (n, net->continuous), stream + 1), 2, -1);
  return count == 0 ? (sym){graph, -1} : count == 1 ? parts[0] : sym_concat (parts, 2, 1);
}

void
gan_code_begin (struct weights *weights, const struct gan_net *net)
{
  static const char *const names[] = {"generator.dense1.weight", "average.generator.dense1.weight"};
  for (int i = 0; i < 2; i++) {
    struct tensor *weight = weights_find (weights, names[i]); /* (outputs, inputs) */
    int64_t rows = weight->shape.dim[0], columns = weight->shape.dim[1], first = columns - gan_code_size (net);
    for (int64_t r = 0; r < rows; r++)
      for (int64_t c = first; c < first + net->codes; c++)
        tensor_floats (weight)[r * columns + c] *= (float) sqrt (net->latent);
  }
}

/* The sum over all, a picture. */
static sym
a_picture (sym x)
{
  double n = sym_shape (x).dim[0];
  return sym_reshape (sym_scale (sym_sum (x, AXES_ALL), 1 / n), SHAPE_SCALAR);
}

sym
gan_code_category_loss (sym code, sym recognised, const struct gan_net *net)
{
  sym wanted = sym_slice (code, 1, 0, net->codes, 1), read = sym_slice (recognised, 1, 0, net->codes, 1);
  return sym_neg (a_picture (sym_mul (wanted, sym_log_softmax (read, 1))));
}

sym
gan_code_continuous_loss (sym code, sym recognised, const struct gan_net *net)
{
  int64_t size = gan_code_size (net);
  sym wanted = sym_slice (code, 1, net->codes, size, 1), read = sym_slice (recognised, 1, net->codes, size, 1);
  return sym_scale (a_picture (sym_square (sym_sub (read, wanted))), 0.5);
}
