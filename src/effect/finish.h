/* SPDX-License-Identifier: Apache-2.0
 *
 * Finishing: what is done to a painting in the end, in this order: denoise, detail, sharpen, saturation. A pixel of the
 * result needs finish_reach rows above and below it and as many columns at the sides, so that a picture may be finished
 * in bands of rows: denoise 4, detail 16, sharpen 3, saturation none. Pictures are planar sRGB, (3,h,w), 0..1. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct finish {
  double denoise;    /* 0..1; 0 = off */
  double detail;     /* 0..2: how much of the fine relief stays; 1 = as it is */
  double sharpen;    /* 0..2; 0 = off */
  double saturation; /* 0..2; 0 = grey, 1 = as it is */
};

bool finish_wanted (const struct finish *finish);
int finish_reach (const struct finish *finish);
uint64_t finish_bytes (const struct finish *finish, int width, int height); /* that finish_run takes for itself */

/* In place. IMPASTO_ERROR_MEMORY, with the picture as it was. */
bool finish_run (const struct finish *finish, float *rgb, int width, int height, GError **error);

/* The same to a band of @rows rows, whose outer finish_reach rows are good for nothing afterwards unless they end at
 * the picture's edge. @scratch has FINISH_SCRATCH (rows, width). */
enum { FINISH_SCRATCH = 5 };
void finish_band (const struct finish *finish, float *rgb, int width, int rows, float *scratch);
