/* SPDX-License-Identifier: Apache-2.0
 *
 * Ways of explaining a picture: what the public call (explain.c) chooses from. One thread at a time. */
#pragma once

#include "effect/heatmap.h"
#include "impasto/impasto.h"

struct explain_settings {
  char *judge, *style_image, *features;
  int64_t size, style_size, head, threads;
};

/* A row of @explanation for the map (height, width) of @picture: @regions are its means over ninths of the picture. */
ImpastoExplained *explain_add (ImpastoExplanation *explanation, const char *name, double value, double share);
void explain_regions (ImpastoExplained *row, const float *map, int width, int height);

/* Each fills @explanation and returns the sheet of its maps over @picture. */
struct picture *explain_judge (const struct picture *picture, const struct explain_settings *settings,
                               ImpastoExplanation *explanation, GError **error);
struct picture *explain_style (const struct picture *picture, const struct explain_settings *settings,
                               ImpastoExplanation *explanation, GError **error);

/* The picture, alpha laid onto white, its longer side scaled to @longer pixels unless 0; sides are multiples of 4, 32
 * at least. */
struct picture *explain_load (const char *path, int64_t longer, GError **error);
