/* SPDX-License-Identifier: Apache-2.0
 *
 * Losses: compositions of the graph language, each a scalar. Batches are averaged. Where there is a @weight, one value
 * a picture, (n,1,1) or (n,1,1,1) as the other values have axes, each picture's part is multiplied by its own before
 * that; a null weight is none. */
#pragma once

#include "op/sym.h"

/* mean (f - target)^2 / mean target^2: 0 is the same content, 1 nothing in common in scale (Johnson 2016, normalised so
 * that a network's activations need no known magnitude). */
sym loss_content (sym features, sym target);

/* @sum and @loss times @weight. */
sym loss_sum (sym sum, sym loss, double weight);

/* Adds @loss so to the sum, and to what the graph tells, as the output @name. */
void loss_add (sym *sum, const char *name, sym loss, double weight);

/* mean (gram(f) * inverse - target)^2 over (n,c,c): @target is the style's Gram matrix divided by its root mean
 * square, @inverse (n,1,1) one over that root (Gatys 2016). */
sym loss_gram (sym features, sym inverse, sym target);

/* The same of Gram matrices (n,c,c): mean weight * (gram * inverse - target)^2 */
sym loss_gram_weighted (sym gram, sym inverse, sym target, sym weight);

/* mean squared difference of neighbouring pixels */
sym loss_variation (sym picture);
sym loss_variation_weighted (sym picture, sym weight);

/* Edge-aware smoothness (after Godard 2017): mean of dy^2 exp (-30 |dx|) over neighbours of the picture y and the
 * photograph x (n,c,h,w), both averaged over squares of CALM_SCALE pixels, |dx| over channels. Strokes are finer than
 * that; clouds and spots where the photograph has none are not. */
enum { CALM_SCALE = 8 };
sym loss_calm (sym picture, sym photo, sym weight);

/* The mesh that a network which enlarges by MESH_PERIOD leaves in its pictures (checkerboard, Odena 2016): in squares
 * of MESH_WINDOW pixels, what a pixel is on average at each of the MESH_PERIOD^2 places of the network's grid, less a
 * blur that has no part in it and that takes slopes away; mean over squares, places and channels of that mean's
 * square. */
enum { MESH_PERIOD = 4, MESH_WINDOW = 12 * MESH_PERIOD };
sym loss_mesh (sym picture, sym weight);

/* What is alike in the photograph x is alike in the picture y (n,c,h,w): mean over pairs of squares, wherever they lie,
 * of |dy|^2 exp (-|dx|^2 / (2 ALIKE^2)) times exp (-30 s) of both, where s is the deviation of the photograph within a
 * square: flat ones are compared, in which a painter has no reason to do now this and now that. Squares are of
 * CALM_SCALE pixels, or the least multiple of it by which no more than ALIKE_SIDE of them lie in a row or column. */
#define ALIKE 0.1
enum { ALIKE_SIDE = 32 };
sym loss_alike (sym picture, sym photo, sym weight);

/* mean weight * (picture - target)^2 */
sym loss_pixels (sym picture, sym target, sym weight);

/* How far the colours of @picture (n,3,h,w) are from those of a painting, by their means m and covariances C, in units
 * of the painting's variance v (its mean over channels): mean (m - m')^2 / v + mean (C - C')^2 / v^2. Feature networks,
 * and narrow ones above all, see edges better than hues. @target (n, LOSS_PALETTE): m', then C' row by row, then v. */
enum { LOSS_PALETTE = 13 };
sym loss_palette (sym picture, sym target, sym weight);

/* The same numbers of all pictures (n,3,h,w) together: (1, LOSS_PALETTE). */
sym loss_palette_of (sym pictures);

/* Fills @target from the planes of a painting, (3, pixels). */
void loss_palette_target (const float *rgb, int64_t pixels, float target[LOSS_PALETTE]);

/* How many pixels of which colour: squared distance of the soft histograms (after Afifi 2021) of @picture (n,3,h,w) and
 * a painting's, over the latter's square. It notices when the few yellows of a blue painting are not there, which means
 * and covariances do not. A histogram has COLOR_BINS^3 cells, middles evenly from 0 to 1 along red, green and blue,
 * kernels exp (-d^2 / (2 COLOR_DEVIATION^2)), and is the mean over squares of COLOR_SCALE pixels. @target (n,
 * LOSS_COLORS): the painting's, blue fastest. */
enum { COLOR_SCALE = 4, COLOR_BINS = 5, LOSS_COLORS = COLOR_BINS * COLOR_BINS * COLOR_BINS };
#define COLOR_DEVIATION 0.15
sym loss_colors (sym picture, sym target, sym weight);

/* Fills @target from the planes of a painting, (3, height, width); of less than COLOR_SCALE pixels a side, in smaller
 * squares. */
void loss_colors_target (const float *rgb, int64_t height, int64_t width, float target[LOSS_COLORS]);

/* mean (score - target)^2 (Mao et al. 2017) */
sym loss_least_squares (sym score, double target);
sym loss_least_squares_weighted (sym score, double target, sym weight);

/* mean softplus(-+logits): binary cross-entropy with logits for the label 1 or 0 (Goodfellow 2014, non-saturating) */
sym loss_logistic (sym logits, bool real);
