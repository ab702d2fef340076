/* SPDX-License-Identifier: Apache-2.0
 *
 * The palette of a painting moved to that of its styles (colors_map_within), where the method has them: each mix of
 * styles by its own map, each pixel by the shares of the mixes there. Rows come twice: first all are looked at, then
 * moved. */
#pragma once

#include "effect/paint_internal.h"

#define RECOLOR_ROWS 16 /* at most, at a time */

typedef struct recolor recolor;

/* For a painting of @width x @height. NULL without an error: nothing is to be moved. IMPASTO_ERROR_MEMORY. */
struct recolor *recolor_new (const struct painter *painter, int width, int height, GError **error);
void recolor_free (struct recolor *recolor);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (recolor, recolor_free)

uint64_t recolor_bytes (const struct painter *painter, int width); /* that it takes */

/* Rows @y to @y + @rows of the painting, planes of floats @stride apart; @alpha, or NULL, is how much a pixel
 * counts. */
bool recolor_look (struct recolor *recolor, const float *rgb, int64_t stride, const float *alpha, int y, int rows,
                   GError **error);

/* Likewise; all rows have been looked at. */
bool recolor_move (struct recolor *recolor, float *rgb, int64_t stride, int y, int rows, GError **error);

/* Both, for a painting that is held. */
bool recolor_picture (const struct painter *painter, struct picture *picture, GError **error);
