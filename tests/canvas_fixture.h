/* SPDX-License-Identifier: Apache-2.0
 *
 * A canvas with a small network, whose weights are drawn at random, and photographs to paint. */
#pragma once

#include "effect/canvas.h"
#include "net/pack.h"

#define PLENTY ((uint64_t) 8 << 30)

/* Two styles and the photograph. */
enum { ROWS = 3 };
extern const struct style_net canvas_net_small;
extern const float canvas_first_style[ROWS], canvas_photograph[ROWS];

struct pack *canvas_pack (const struct style_net *net);

/* Waves, edges and grain. */
struct picture *canvas_photo (int width, int height);

struct painting {
  struct canvas_settings settings;
  const float *rows; /* NULL: the first style */
  double brush;      /* of the strokes; 0 = 1 */
  bool halves;       /* the first style goes over into another from left to right */
  bool open;         /* the network has borders on a torus too */
  uint64_t limit;    /* 0 = plenty */
  struct method_forecast forecast;
};

/* Paints @photo on a canvas of its own. */
struct picture *canvas_paint_photo (const struct pack *pack, const struct picture *photo, struct painting *painting);

double canvas_worst (const struct picture *a, const struct picture *b);

/* The least that canvas_prepare says would do. */
uint64_t canvas_least_memory (const struct pack *pack, const struct picture *photo, const struct painting *painting);
