/* SPDX-License-Identifier: Apache-2.0
 *
 * A mix of two paintings whose strokes lie elsewhere, with the contrast that they have: strokes that know nothing of
 * each other cancel each other out in a plain mix, by up to three tenths (in textures: Heitz and Neyret 2018). In
 * squares of the picture both are measured; what deviates from the mix's mean there grows until it varies as much as
 * the paintings do. Where they agree, at edges, nothing changes.
 *
 * Rows come from top to bottom, once to be measured and once more to be mixed. */
#pragma once

#include <glib.h>
#include <stdbool.h>

struct contrast;
typedef struct contrast contrast;

/* For a picture of @width x @height, of whose second painting there is @share, 0..1. IMPASTO_ERROR_MEMORY. */
struct contrast *contrast_new (int width, int height, double share, GError **error);
void contrast_free (struct contrast *contrast);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (contrast, contrast_free)

/* Row @y of both, (3, width). */
void contrast_measure (struct contrast *contrast, int y, const float *first, const float *second);

/* Once all rows are measured: row @y of the mix; @mixed may be @first. */
void contrast_mix (const struct contrast *contrast, int y, const float *first, const float *second, float *mixed);
