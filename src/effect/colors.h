/* SPDX-License-Identifier: Apache-2.0
 *
 * The photograph's colours in the painting. Pictures are planar sRGB, (3,n), 0..1; both of one size. Pure functions. */
#pragma once

#include <stdint.h>

enum keep_colors { KEEP_COLORS_NO, KEEP_COLORS_LUMINANCE, KEEP_COLORS_PALETTE };
extern const char *const keep_colors_names[]; /* NULL-terminated */

/* Brightness of the painting, colour of the photograph, pixel by pixel. */
void colors_keep_luminance (const float *photo, float *painting, int64_t n);

/* Moves the painting's palette as a whole to the photograph's: same mean, same covariance. @alpha (n), or NULL, is how
 * much a pixel counts. */
void colors_keep_palette (const float *photo, float *painting, const float *alpha, int64_t n);
