/* SPDX-License-Identifier: Apache-2.0
 *
 * The losses of style transfer and of adversaries; see loss.h for formulas and sources. */
#include "train/loss.h"

#include <math.h>

#define CALM_EDGE 30 /* steps of a tenth in the photograph let a painting change twenty times as much as none */

/* x, times @weight where there is one */
static sym
weighted (sym x, sym weight)
{
  return weight.graph && !sym_null (weight) ? sym_mul (x, weight) : x;
}

/* mean weight * x^2 as a scalar */
static sym
mean_square (sym x, sym weight)
{
  return sym_reshape (sym_mean (weighted (sym_square (x), weight), AXES_ALL), SHAPE_SCALAR);
}

sym
loss_sum (sym sum, sym loss, double weight)
{
  return sym_add (sum, sym_scale (loss, weight));
}

void
loss_add (sym *sum, const char *name, sym loss, double weight)
{
  graph_output (loss.graph, name, loss);
  *sum = loss_sum (*sum, loss, weight);
}

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
  return loss_gram_weighted (sym_gram (features), inverse, target, (sym){0});
}

sym
loss_gram_weighted (sym gram, sym inverse, sym target, sym weight)
{
  return mean_square (sym_sub (sym_mul (gram, inverse), target), weight);
}

sym
loss_variation (sym picture)
{
  return loss_variation_weighted (picture, (sym){0});
}

sym
loss_variation_weighted (sym picture, sym weight)
{
  struct shape shape = sym_shape (picture);
  if (shape.rank != 4 || shape.dim[2] < 2 || shape.dim[3] < 2)
    return graph_fail (picture.graph, "variation: wants pictures of at least 2x2");
  int64_t h = shape.dim[2], w = shape.dim[3];
  sym dy = sym_sub (sym_slice (picture, 2, 1, h, 1), sym_slice (picture, 2, 0, h - 1, 1));
  sym dx = sym_sub (sym_slice (picture, 3, 1, w, 1), sym_slice (picture, 3, 0, w - 1, 1));
  return sym_add (mean_square (dy, weight), mean_square (dx, weight));
}

/* mean weight * dy^2 exp (-CALM_EDGE |dx|) of neighbours along @axis */
static sym
calm_along (sym picture, sym photo, sym weight, int axis)
{
  int64_t n = sym_shape (picture).dim[axis];
  sym dy = sym_sub (sym_slice (picture, axis, 1, n, 1), sym_slice (picture, axis, 0, n - 1, 1));
  sym dx = sym_sub (sym_slice (photo, axis, 1, n, 1), sym_slice (photo, axis, 0, n - 1, 1));
  sym calm = sym_exp (sym_scale (sym_mean (sym_abs (dx), AXIS (1)), -CALM_EDGE));
  return mean_square (dy, weighted (calm, weight));
}

sym
loss_calm (sym picture, sym photo, sym weight)
{
  struct shape shape = sym_shape (picture);
  if (shape.rank != 4 || shape.dim[2] < 2 * CALM_SCALE || shape.dim[3] < 2 * CALM_SCALE)
    return graph_fail (picture.graph, "calm: wants pictures of at least %dx%d", 2 * CALM_SCALE, 2 * CALM_SCALE);
  sym y = sym_avg_pool (picture, CALM_SCALE, CALM_SCALE, 0);
  sym x = sym_stop_gradient (sym_avg_pool (photo, CALM_SCALE, CALM_SCALE, 0));
  return sym_add (calm_along (y, x, weight, 2), calm_along (y, x, weight, 3));
}

/* Means over the periods of a window along an axis, whose steps are @width numbers apart. */
static sym
mesh_along (sym x, int64_t width)
{
  return sym_mean (sym_reshape (x, SHAPE (-1, MESH_WINDOW / MESH_PERIOD, MESH_PERIOD * width)), AXIS (1));
}

sym
loss_mesh (sym picture, sym weight)
{
  enum { RIM = MESH_PERIOD - 1 }; /* what two blurs without padding take away on each side */
  struct shape shape = sym_shape (picture);
  if (shape.rank != 4 || MIN (shape.dim[2], shape.dim[3]) < MESH_WINDOW + 2 * RIM)
    return graph_fail (picture.graph, "mesh: wants pictures of at least %dx%d", MESH_WINDOW + 2 * RIM,
                       MESH_WINDOW + 2 * RIM);
  int64_t h = (shape.dim[2] - 2 * RIM) / MESH_WINDOW * MESH_WINDOW,
          w = (shape.dim[3] - 2 * RIM) / MESH_WINDOW * MESH_WINDOW;
  sym blur = sym_avg_pool (sym_avg_pool (picture, MESH_PERIOD, 1, 0), MESH_PERIOD, 1, 0);
  sym own = sym_slice (sym_slice (picture, 2, RIM, RIM + h, 1), 3, RIM, RIM + w, 1);
  sym fine = sym_sub (own, sym_slice (sym_slice (blur, 2, 0, h, 1), 3, 0, w, 1));
  sym mesh = mesh_along (mesh_along (fine, w), 1);
  return mean_square (sym_reshape (mesh, SHAPE (shape.dim[0], -1, MESH_PERIOD, MESH_PERIOD)), weight);
}

sym
loss_pixels (sym picture, sym target, sym weight)
{
  return mean_square (sym_sub (picture, target), weight);
}

/* Numbers @start .. @stop - 1 of every palette. */
static sym
palette_part (sym palette, int start, int stop, struct shape shape)
{
  return sym_reshape (sym_slice (palette, 1, start, stop, 1), shape);
}

/* Squared distances between all rows of @x (n,s,c): (n,s,s). */
static sym
distances (sym x)
{
  int64_t n = sym_shape (x).dim[0], s = sym_shape (x).dim[1];
  sym own = sym_sum (sym_square (x), AXIS (2));
  sym sums = sym_add (sym_reshape (own, SHAPE (n, s, 1)), sym_reshape (own, SHAPE (n, 1, s)));
  return sym_relu (sym_sub (sums, sym_scale (sym_matmul_t (x, false, x, true), 2)));
}

/* (n,c,h,w) as rows of channels, a place each */
static sym
places (sym x)
{
  struct shape shape = sym_shape (x);
  return sym_permute (sym_reshape (x, SHAPE (shape.dim[0], shape.dim[1], -1)), (int[]){0, 2, 1});
}

sym
loss_alike (sym picture, sym photo, sym weight)
{
  struct shape shape = sym_shape (picture);
  if (shape.rank != 4 || shape.dim[2] < CALM_SCALE || shape.dim[3] < CALM_SCALE)
    return graph_fail (picture.graph, "alike: wants pictures of at least %dx%d", CALM_SCALE, CALM_SCALE);
  int scale = CALM_SCALE * ((MAX (shape.dim[2], shape.dim[3]) - 1) / (ALIKE_SIDE * CALM_SCALE) + 1);
  scale = MIN (scale, MIN (shape.dim[2], shape.dim[3]));
  photo = sym_stop_gradient (photo);
  sym y = sym_avg_pool (picture, scale, scale, 0), x = sym_avg_pool (photo, scale, scale, 0);
  sym squares = sym_avg_pool (sym_square (photo), scale, scale, 0);
  sym deviation = sym_sqrt (sym_relu (sym_mean (sym_sub (squares, sym_square (x)), AXIS (1))));
  sym flat = places (sym_exp (sym_scale (deviation, -CALM_EDGE)));
  sym alike = sym_exp (sym_scale (distances (places (x)), -0.5 / (ALIKE * ALIKE)));
  sym pairs = sym_mul (sym_mul (alike, flat), sym_permute (flat, (int[]){0, 2, 1}));
  sym loss = sym_mean (sym_mul (distances (places (y)), pairs), AXIS (1) | AXIS (2));
  return sym_reshape (sym_mean (weighted (loss, weight), AXES_ALL), SHAPE_SCALAR);
}

/* The covariances as means of products, not as a Gram matrix: matrices of three columns are no work for matrix
 * units. */
sym
loss_palette (sym picture, sym target, sym weight)
{
  struct shape each = SHAPE (-1, 3, 1, 1);
  sym mean = sym_mean (picture, AXES_HW), around = sym_sub (picture, mean);
  sym next = sym_concat ((sym[]){sym_slice (around, 1, 1, 3, 1), sym_slice (around, 1, 0, 1, 1)}, 2, 1); /* g b r */
  sym own = sym_mean (sym_square (around), AXES_HW), mixed = sym_mean (sym_mul (around, next), AXES_HW);
  sym v = palette_part (target, 12, 13, SHAPE (-1, 1, 1, 1));
  sym wanted =
    sym_concat ((sym[]){sym_slice (target, 1, 4, 9, 4), sym_slice (target, 1, 9, 10, 1)}, 2, 1); /* rg gb br */
  if (weight.graph && !sym_null (weight))
    weight = sym_reshape (weight, SHAPE (-1, 1, 1, 1));
  sym dm = sym_sub (mean, palette_part (target, 0, 3, each));
  sym d_own = sym_div (sym_sub (own, sym_reshape (sym_slice (target, 1, 3, 12, 4), each)), v);
  sym d_mixed = sym_div (sym_sub (mixed, sym_reshape (wanted, each)), v);
  sym covariance =
    sym_scale (sym_add (mean_square (d_own, weight), sym_scale (mean_square (d_mixed, weight), 2)), 1.0 / 3);
  return sym_add (mean_square (sym_mul (dm, sym_rsqrt (v)), weight), covariance);
}

/* A painting of hardly any contrast asks for no more care than that. */
#define LEAST_VARIANCE 0.005

sym
loss_palette_of (sym pictures)
{
  struct shape shape = sym_shape (pictures);
  if (shape.rank != 4 || shape.dim[1] != 3)
    return graph_fail (pictures.graph, "palette: wants pictures (n, 3, h, w)");
  sym mean = sym_mean (pictures, AXES_NHW);
  sym around = sym_reshape (sym_permute (sym_sub (pictures, mean), (int[]){1, 0, 2, 3}), SHAPE (3, -1));
  double pixels = (double) shape.dim[0] * shape.dim[2] * shape.dim[3];
  sym covariances = sym_scale (sym_reshape (sym_matmul_t (around, false, around, true), SHAPE (1, 9)), 1 / pixels);
  sym variance = sym_mean (sym_slice (covariances, 1, 0, 9, 4), AXIS (1));
  sym parts[] = {sym_reshape (mean, SHAPE (1, 3)), covariances, sym_clamp (variance, LEAST_VARIANCE, 1)};
  return sym_concat (parts, 3, 1);
}

void
loss_palette_target (const float *rgb, int64_t pixels, float target[LOSS_PALETTE])
{
  double mean[3] = {0}, variance = 0;
  for (int c = 0; c < 3; c++) {
    for (int64_t i = 0; i < pixels; i++)
      mean[c] += rgb[c * pixels + i];
    target[c] = mean[c] /= MAX (pixels, 1);
  }
  for (int a = 0; a < 3; a++)
    for (int b = 0; b < 3; b++) {
      double sum = 0;
      for (int64_t i = 0; i < pixels; i++)
        sum += (rgb[a * pixels + i] - mean[a]) * (rgb[b * pixels + i] - mean[b]);
      target[3 + 3 * a + b] = sum /= MAX (pixels, 1);
      variance += a == b ? sum / 3 : 0;
    }
  target[12] = MAX (variance, LEAST_VARIANCE);
}

static double
color_middle (int bin)
{
  return (double) bin / (COLOR_BINS - 1);
}

/* How near channel @c of colours in rows (n,s,3) is to each bin: (n,s,COLOR_BINS). */
static sym
color_bins (sym colors, int c)
{
  g_autoptr (tensor) middles = tensor_new (SHAPE (1, 1, COLOR_BINS), DTYPE_F32, NULL);
  for (int bin = 0; middles && bin < COLOR_BINS; bin++)
    tensor_floats (middles)[bin] = (float) color_middle (bin);
  if (!middles)
    return graph_fail (colors.graph, "colors: no memory for the bins");
  sym apart = sym_sub (sym_slice (colors, 2, c, c + 1, 1), graph_constant (colors.graph, middles));
  return sym_exp (sym_scale (sym_square (apart), -0.5 / (COLOR_DEVIATION * COLOR_DEVIATION)));
}

/* Kernels of three channels are products of one's: cells of red and green first, then with blue. */
sym
loss_colors (sym picture, sym target, sym weight)
{
  struct shape shape = sym_shape (picture);
  if (shape.rank != 4 || shape.dim[1] != 3 || shape.dim[2] < COLOR_SCALE || shape.dim[3] < COLOR_SCALE)
    return graph_fail (picture.graph, "colors: wants pictures of at least %dx%d", COLOR_SCALE, COLOR_SCALE);
  sym colors = places (sym_avg_pool (picture, COLOR_SCALE, COLOR_SCALE, 0));
  int64_t n = shape.dim[0], s = sym_shape (colors).dim[1];
  sym red = sym_reshape (color_bins (colors, 0), SHAPE (n, s, COLOR_BINS, 1));
  sym green = sym_reshape (color_bins (colors, 1), SHAPE (n, s, 1, COLOR_BINS));
  sym both = sym_reshape (sym_mul (red, green), SHAPE (n, s, COLOR_BINS * COLOR_BINS));
  sym cells = sym_scale (sym_matmul_t (both, true, color_bins (colors, 2), false), 1.0 / s);
  sym apart = sym_sub (sym_reshape (cells, SHAPE (n, LOSS_COLORS)), target);
  sym loss = sym_div (sym_sum (sym_square (apart), AXIS (1)), sym_sum (sym_square (target), AXIS (1)));
  return sym_reshape (sym_mean (weighted (sym_reshape (loss, SHAPE (n, 1, 1)), weight), AXES_ALL), SHAPE_SCALAR);
}

/* Adds the cells of one colour. */
static void
count_color (const double color[3], double counts[LOSS_COLORS])
{
  double near[3][COLOR_BINS];
  for (int c = 0; c < 3; c++)
    for (int bin = 0; bin < COLOR_BINS; bin++) {
      double apart = (color[c] - color_middle (bin)) / COLOR_DEVIATION;
      near[c][bin] = exp (-0.5 * apart * apart);
    }
  for (int i = 0; i < LOSS_COLORS; i++)
    counts[i] += near[0][i / COLOR_BINS / COLOR_BINS] * near[1][i / COLOR_BINS % COLOR_BINS] * near[2][i % COLOR_BINS];
}

void
loss_colors_target (const float *rgb, int64_t height, int64_t width, float target[LOSS_COLORS])
{
  int64_t scale = MIN (COLOR_SCALE, MIN (height, width)), rows = height / scale, columns = width / scale;
  double counts[LOSS_COLORS] = {0};
  for (int64_t i = 0; i < rows * columns; i++) {
    int64_t left = i % columns * scale, top = i / columns * scale;
    double color[3] = {0};
    for (int64_t k = 0; k < 3 * scale * scale; k++) {
      int64_t c = k / (scale * scale), y = top + k / scale % scale, x = left + k % scale;
      color[c] += rgb[(c * height + y) * width + x] / (double) (scale * scale);
    }
    count_color (color, counts);
  }
  for (int i = 0; i < LOSS_COLORS; i++)
    target[i] = (float) (counts[i] / MAX (rows * columns, 1));
}

sym
loss_least_squares (sym score, double target)
{
  return loss_least_squares_weighted (score, target, (sym){0});
}

sym
loss_least_squares_weighted (sym score, double target, sym weight)
{
  return mean_square (sym_shift (score, -target), weight);
}

sym
loss_logistic (sym logits, bool real)
{
  return sym_reshape (sym_mean (sym_softplus (real ? sym_neg (logits) : logits), AXES_ALL), SHAPE_SCALAR);
}
