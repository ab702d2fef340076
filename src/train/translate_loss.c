/* SPDX-License-Identifier: Apache-2.0
 *
 * Losses of unpaired translation; see translate_loss.h for formulas and sources. */
#include "train/translate_loss.h"

#include <math.h>
#include <string.h>

#include "net/layers.h"

#define ATTENTION_TEMPERATURE 0.05
#define EDGE 0.4 /* least Sobel slope of an edge: a step of a tenth of the range has 0.4 */

static sym
mean (sym x)
{
  return sym_reshape (sym_mean (x, AXES_ALL), SHAPE_SCALAR);
}

sym
loss_absolute (sym x, sym target)
{
  return mean (sym_abs (sym_sub (x, target)));
}

/* A constant kernel. */
static sym
kernel (struct graph *graph, struct shape shape, const float *values)
{
  g_autoptr (tensor) tensor = tensor_new (shape, DTYPE_F32, NULL);
  if (!tensor)
    return graph_fail (graph, "no memory for a kernel");
  memcpy (tensor->data, values, tensor->size);
  return graph_constant (graph, tensor);
}

/* min (d^2, 1) / 2 + max (|d| - 1, 0) */
static sym
huber (sym d)
{
  sym size = sym_abs (d), near = sym_clamp (size, 0, 1);
  return mean (sym_add (sym_scale (sym_square (near), 0.5), sym_sub (size, near)));
}

sym
loss_colour (sym picture, sym target)
{
  static const float yuv[] = {0.299f,      0.587f,      0.114f,       -0.14714119f, -0.28886916f,
                              0.43601035f, 0.61497538f, -0.51496512f, -0.10001026f};
  sym d = sym_sub (picture, target);
  d = sym_conv2d (d, kernel (picture.graph, SHAPE (3, 3, 1, 1), yuv), (struct conv_options){0});
  sym chroma = sym_add (huber (sym_slice (d, 1, 1, 2, 1)), huber (sym_slice (d, 1, 2, 3, 1)));
  return sym_add (mean (sym_abs (sym_slice (d, 1, 0, 1, 1))), chroma);
}

sym
patch_projection (sym features, sym places, const char *name, int width)
{
  struct shape shape = sym_shape (features), of_places = sym_shape (places);
  if (shape.rank != 4 || of_places.rank != 1)
    return graph_fail (features.graph, "patches: want feature maps and a row of places");
  sym x = sym_gather (sym_reshape (features, SHAPE (shape.dim[0], shape.dim[1], -1)), 2, places);
  x = sym_reshape (sym_permute (x, (int[]){0, 2, 1}), SHAPE (-1, shape.dim[1]));
  graph_push (features.graph, "%s", name);
  x = sym_relu (layer_dense (x, "dense1", (struct layer_dense){.features = width}));
  x = layer_dense (x, "dense2", (struct layer_dense){.features = width, .gain = 1});
  graph_pop (features.graph);
  x = sym_mul (x, sym_rsqrt (sym_shift (sym_sum (sym_square (x), AXIS (1)), 1e-12)));
  return sym_reshape (x, SHAPE (shape.dim[0], -1, width));
}

/* Ones where a place meets itself. */
static sym
identity (struct graph *graph, int64_t n)
{
  g_autoptr (tensor) tensor = tensor_new (SHAPE (1, n, n), DTYPE_F32, NULL);
  if (!tensor)
    return graph_fail (graph, "no memory for %d patches", (int) n);
  for (int64_t i = 0; i < n; i++)
    tensor_floats (tensor)[i * n + i] = 1;
  return graph_constant (graph, tensor);
}

sym
loss_patch_contrast (sym query, sym key, double temperature)
{
  struct shape shape = sym_shape (query);
  if (shape.rank != 3)
    return graph_fail (query.graph, "contrast: wants (n, places, features)");
  sym logits = sym_scale (sym_matmul_t (query, false, sym_stop_gradient (key), true), 1 / temperature);
  sym own = sym_mul (sym_log_softmax (logits, 2), identity (query.graph, shape.dim[1]));
  double places = (double) shape.dim[0] * shape.dim[1];
  return sym_reshape (sym_scale (sym_sum (own, AXES_ALL), -1 / places), SHAPE_SCALAR);
}

/* Channels with mean 0 and deviation 1, of each picture, or of all together. */
static sym
whitened (sym x, bool together, sym *mean, sym *deviation)
{
  unsigned axes = together ? AXES_NHW : AXES_HW;
  *mean = sym_mean (x, axes);
  *deviation = sym_sqrt (sym_shift (sym_variance (x, axes), 1e-5));
  return sym_div (sym_sub (x, *mean), *deviation);
}

sym
features_by_moments (sym content, sym style)
{
  sym mean, deviation, of_style, deviation_of_style;
  whitened (style, true, &of_style, &deviation_of_style);
  return sym_add (sym_mul (whitened (content, false, &mean, &deviation), deviation_of_style), of_style);
}

/* (1, c, places of all pictures) */
static sym
in_a_row (sym x)
{
  return sym_reshape (sym_permute (x, (int[]){1, 0, 2, 3}), SHAPE (1, sym_shape (x).dim[1], -1));
}

/* Over the lengths of the vectors along axis 1. */
static sym
directions (sym x)
{
  return sym_mul (x, sym_rsqrt (sym_shift (sym_sum (sym_square (x), AXIS (1)), 1e-12)));
}

sym
features_by_attention (sym content, sym style)
{
  struct shape shape = sym_shape (content);
  sym mean, deviation;
  sym query = directions (whitened (content, false, &mean, &deviation));
  sym key = directions (in_a_row (whitened (style, true, &mean, &deviation)));
  query = sym_reshape (query, SHAPE (shape.dim[0], shape.dim[1], -1));
  sym shares = sym_softmax (sym_scale (sym_matmul_t (query, true, key, false), 1 / ATTENTION_TEMPERATURE), 2);
  return sym_reshape (sym_matmul_t (in_a_row (style), false, shares, true), shape);
}

/* Blur of each channel by itself, down, then across: a Gaussian as wide as OpenCV's for a kernel of 5. */
static sym
blur (sym picture)
{
  enum { TAPS = 5 };
  const double deviation = 1.1;
  float taps[TAPS];
  double sum = 0;
  for (int i = 0; i < TAPS; i++)
    sum += taps[i] = (float) exp (-(i - 2) * (i - 2) / (2 * deviation * deviation));
  for (int i = 0; i < TAPS; i++)
    taps[i] /= (float) sum;
  struct shape shape = sym_shape (picture);
  sym x = sym_reshape (picture, SHAPE (-1, 1, shape.dim[2], shape.dim[3])); /* channels as pictures */
  x = sym_pad (x, PAD_REFLECT, 2, 2, 2, 2);
  x = sym_conv2d (x, kernel (x.graph, SHAPE (1, 1, TAPS, 1), taps), (struct conv_options){0});
  x = sym_conv2d (x, kernel (x.graph, SHAPE (1, 1, 1, TAPS), taps), (struct conv_options){0});
  return sym_reshape (x, shape);
}

sym
smooth_edges (sym picture)
{
  static const float luma[] = {0.299f, 0.587f, 0.114f};
  static const float down[] = {-1, -2, -1, 0, 0, 0, 1, 2, 1}, right[] = {-1, 0, 1, -2, 0, 2, -1, 0, 1};
  struct graph *graph = picture.graph;
  sym grey = sym_conv2d (picture, kernel (graph, SHAPE (1, 3, 1, 1), luma), (struct conv_options){0});
  grey = sym_pad (grey, PAD_REFLECT, 1, 1, 1, 1);
  sym dy = sym_conv2d (grey, kernel (graph, SHAPE (1, 1, 3, 3), down), (struct conv_options){0});
  sym dx = sym_conv2d (grey, kernel (graph, SHAPE (1, 1, 3, 3), right), (struct conv_options){0});
  sym slope = sym_add (sym_square (dy), sym_square (dx));
  sym edge = sym_greater (sym_max_pool (slope, 5, 1, 2), graph_scalar (graph, EDGE * EDGE));
  return sym_stop_gradient (sym_where (edge, blur (picture), picture));
}
