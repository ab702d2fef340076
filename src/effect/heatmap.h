/* SPDX-License-Identifier: Apache-2.0
 *
 * Heat maps over pictures: panels of one size side by side, each with a title, and a legend of the colours below. One
 * thread at a time. */
#pragma once

#include "image/picture.h"

enum heat_colors {
  HEAT_AMOUNT,  /* 0 dark .. 1 bright: how much */
  HEAT_OPINION, /* 0 blue .. 0.5 nothing .. 1 red: which of two */
};

struct heat_panel {
  const char *title;
  const float *map; /* (height, width) of the picture, held to 0..1; NULL: the picture as it is */
};

struct heat_sheet {
  const struct picture *picture;
  const struct heat_panel *panels;
  int n, columns;
  enum heat_colors colors;
  const char *low, *high; /* what the ends of the legend mean */
};

/* IMPASTO_ERROR_MEMORY; IMPASTO_ERROR_INPUT: libvips draws no text here. */
struct picture *heat_draw (const struct heat_sheet *sheet, GError **error);

/* Smooths a map (height, width) by two box means of 2 @reach + 1 pixels a side, in place. IMPASTO_ERROR_MEMORY. */
bool heat_smooth (float *map, int width, int height, int reach, GError **error);

/* What all but @share of the values are below. */
float heat_quantile (const float *map, int64_t n, double share);
