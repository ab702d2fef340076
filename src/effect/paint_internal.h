/* SPDX-License-Identifier: Apache-2.0
 *
 * What paint.c and paint_file.c share: the painter, and what each of its settings means for a picture. */
#pragma once

#include "effect/paint.h"

#define PAINT_MIB 1048576.0

/* What a run holds apart from planes and the method's own, in bytes: the program, libvips and oneDNN with the libraries
 * that they bring, generated code, thread stacks. Measured: peak minus the rest, for 1 to 24 megapixels. */
#define PAINT_BASE_BYTES (44 * (uint64_t) 1048576)
#define PAINT_CODE_BYTES (6 * (uint64_t) 1048576) /* of them, what comes with a plan that paints */

struct painter {
  struct paint_settings settings;
  uint64_t memory; /* of --memory; 0 = what is free */
  const struct method *method;
  void *self;
  unsigned controls; /* METHOD_STRENGTH, ... */
  uint64_t room;     /* bytes that the method may use, when sheets.c paints at other sizes */
};

/* Chooses what is left to choose: a style image without a word about the method means method predict or image; and
 * settings whose defaults go with the method. IMPASTO_ERROR_USAGE. */
bool paint_settle (struct paint_settings *settings, GError **error);

void paint_size (const struct painter *painter, int *width, int *height); /* of the painting */

bool paint_is_photograph (const struct painter *painter);    /* nothing else: the method need not be asked */
bool paint_blends (const struct painter *painter);           /* the result is blended with the photograph here */
bool paint_needs_photograph (const struct painter *painter); /* beside the painting, when that is there */

/* @painting = photo + strength (painting - photo) for @rows rows from @y on of planes @stride apart of a painting of
 * @width x @height. @map: (rows, width). */
bool paint_blend (const struct painter *painter, const float *photo, float *painting, int width, int height, int y,
                  int rows, int64_t stride, float *map, GError **error);

uint64_t paint_base_bytes (const struct painter *painter);
uint64_t paint_memory_limit (const struct painter *painter);

/* What to get ready for. */
struct paint_task {
  struct picture_info info; /* of the photograph; without a format: it is in memory */
  const char *output;       /* where the painting will be saved; NULL: not known */
};

/* Gets ready for the task at the size that the settings say, and forecasts that. IMPASTO_ERROR_MEMORY: does not fit;
 * the message is paint_fail_memory's. */
typedef bool (*paint_ready_fn) (struct painter *painter, const struct paint_task *task, struct paint_forecast *forecast,
                                GError **error);

/* The sizes and the limit of a forecast. */
void paint_begin_forecast (const struct painter *painter, const struct paint_task *task,
                           struct paint_forecast *forecast);

/* Of a painting that is held. */
bool paint_ready_held (struct painter *painter, const struct paint_task *task, struct paint_forecast *forecast,
                       GError **error);

bool paint_too_large (GError **error); /* IMPASTO_ERROR_MEMORY; false */

/* Says that the task does not fit as @forecast has it, and which size would: one that @ready has been seen to
 * accept. */
bool paint_fail_memory (struct painter *painter, const struct paint_task *task, paint_ready_fn ready,
                        const struct paint_forecast *forecast, GError **error);
char *paint_recipe_text (const struct painter *painter);
