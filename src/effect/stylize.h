/* SPDX-License-Identifier: Apache-2.0
 *
 * The painter: a picture through the style network of a pack, whole, in one run. Memory is forecast from the picture's
 * size before anything is decoded: the program itself, the float planes that are held at a time, and the plan. One
 * thread at a time uses a painter. */
#pragma once

#include "base/option.h"
#include "compile/plan.h"
#include "effect/styles.h"
#include "image/picture.h"

/* Mirrored pixels around: near its own border the network has seen too little and paints duller. The network's picture
 * is a multiple of 4 wide and high. */
enum { STYLIZE_MARGIN = 20, STYLIZE_MULTIPLE = 4 };

struct stylize_settings {
  char *style;   /* as style_find takes it */
  int64_t size;  /* of the longer side of the painting; 0 = as the photograph */
  int precision; /* enum precision */
  int64_t threads, seed;
  char *memory; /* "2G": may be used in all; NULL = what is free */
  int64_t quality;
  bool keep_gps;
};
extern const struct option stylize_options[];

struct stylize_forecast {
  int width, height; /* of the photograph */
  int paint_width, paint_height;
  uint64_t bytes;      /* at the peak */
  uint64_t limit;      /* bytes that may be used */
  double plan_seconds; /* getting ready; 0 when nothing was to be done */
};

typedef struct stylize stylize;

/* Finds and loads the style. IMPASTO_ERROR_USAGE: no such style, --memory that is no size; IMPASTO_ERROR_INPUT: the
 * pack. */
struct stylize *stylize_new (const struct stylize_settings *settings, GError **error);
void stylize_free (struct stylize *stylize);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (stylize, stylize_free)

const struct style *stylize_style (const struct stylize *stylize);

/* Compiles the plan for photographs of @width x @height, unless it is there from last time.
 * IMPASTO_ERROR_MEMORY: more than the limit; nothing of it was touched, and @forecast is filled in nevertheless. */
bool stylize_prepare (struct stylize *stylize, int width, int height, bool alpha, struct stylize_forecast *forecast,
                      GError **error);

/* What the prepared plan is; NULL before the first stylize_prepare. */
const struct plan *stylize_plan (const struct stylize *stylize);

/* @picture becomes the painting; its alpha is scaled with it, its recipe is set. After a failure its pixels are
 * undefined. IMPASTO_ERROR_MEMORY; IMPASTO_ERROR_NUMERIC: the network gave NaN or infinity. */
bool stylize_run (struct stylize *stylize, struct picture *picture, GError **error);
