/* SPDX-License-Identifier: Apache-2.0
 *
 * Mean and variance of the channels of a channels-last picture in one pass over its memory: parts of it give a mean and
 * a sum of squared distances each, which merge exactly (Chan, Golub and LeVeque 1983). Merged in the order of the
 * parts, the result depends on the parts alone, not on which thread measured them. Pure functions over the caller's
 * memory. */
#pragma once

#include "device/kernel.h"

#define MOMENTS_CHUNK 4096 /* floats of the buffer that moments_measure wants, when the channels are no more */

/* Floats of working memory for moments_measure. */
size_t moments_buffer (int64_t channels);

/* Of @pixels pixels at @x, of @channels channels and type F32 or BF16: @mean[c] and @squares[c], the sum of squared
 * distances to it. */
void moments_measure (const void *x, enum dtype dtype, int64_t pixels, int64_t channels, float *buffer, double *mean,
                      double *squares);

/* Adds the measure of @pixels more pixels to that of @count; @count may be 0. */
void moments_merge (int64_t count, double *mean, double *squares, int64_t pixels, const double *more_mean,
                    const double *more_squares, int64_t channels);

/* y (n, 2c, 1, 1) of x (n, c, h, w) channels-last: means, then biased variances over h and w. */
bool moments_prepare (struct kernel *kernel, GError **error);
