/* SPDX-License-Identifier: Apache-2.0
 *
 * How good a set of samples is, against a set of real pictures, both as rows of features: whichever network made them,
 * the figures compare with figures of the same network only. Pure functions; the same bits whatever the number of
 * threads. Wherever they fail: IMPASTO_ERROR_INPUT: too few rows, other lengths of rows; IMPASTO_ERROR_NUMERIC: NaN or
 * infinity among the features; IMPASTO_ERROR_MEMORY. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* A picture a row. */
struct rows {
  const float *x; /* (n,d) */
  int64_t n, d;
};

/* Frechet distance of two normal distributions fitted to the rows (Heusel et al. 2017):
 *   |m - m'|^2 + tr (S + S' - 2 (S S')^(1/2)),  S = X'X / (n - 1) of centred X.
 * At least two rows each. Few rows make it too large: compare sets of equal size. */
bool fidelity_frechet (const struct rows *real, const struct rows *fake, double *distance, GError **error);

/* Kernel distance: unbiased squared maximum mean discrepancy under k(x, y) = (x.y / d + 1)^3 (Binkowski et al. 2018),
 * the mean over @subsets random subsets of @size rows of each set, and their standard deviation (may be NULL). A set
 * with no more than @size rows is taken whole; when both are, one subset is enough and made. Around 0, also below, for
 * equal distributions. */
bool fidelity_kernel (const struct rows *real, const struct rows *fake, int subsets, int64_t size, uint64_t seed,
                      double *distance, double *deviation, GError **error);

/* Precision, the share of samples that lie within the @k-th neighbour's distance of some real picture, and recall, the
 * share of real pictures within that of some sample (Kynkaanniemi et al. 2019; k = 3). At least k + 1 rows each. */
bool fidelity_precision (const struct rows *real, const struct rows *fake, int k, double *precision, double *recall,
                         GError **error);

struct neighbour {
  int64_t row;     /* of the other set */
  double distance; /* Euclidean */
};

/* Of each row of @from the nearest of @to. @out: (from->n). The first of equals. */
bool fidelity_nearest (const struct rows *from, const struct rows *to, struct neighbour *out, GError **error);

/* Whether samples repeat training pictures: distances from a sample to its nearest training picture, held against those
 * from a training picture to its nearest other one. Training pictures that are there several times are one. */
struct memorisation {
  double sample_distance; /* median */
  double real_distance;   /* median */
  double close_share; /* of samples nearer to a training picture than 99 in 100 training pictures are to each other, or
                       * equal to one */
};

/* @nearest, (fake->n), may be NULL: which training picture is nearest to each sample. */
bool fidelity_memorisation (const struct rows *real, const struct rows *fake, struct memorisation *memorisation,
                            struct neighbour *nearest, GError **error);
