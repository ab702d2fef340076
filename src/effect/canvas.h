/* SPDX-License-Identifier: Apache-2.0
 *
 * A style network over a picture of any size. Up to CANVAS_PREVIEW pixels the picture is painted whole; a larger one in
 * tiles that share the normalisation statistics of its thumbnail, so that they are one painting. What a stroke
 * measures is a matter of choice: pixels, or the preview's, so that preview and print look alike; then the thumbnail is
 * painted first, and enlarged and repainted octave by octave. docs/decisions/0008-tiles.md. One thread at a time. */
#pragma once

#include "compile/plan.h"
#include "effect/tiles.h"
#include "net/net.h"

/* Longer side of a preview, and of the thumbnail that statistics are taken from: as large as a screen shows it, so that
 * what is looked at while a style is chosen is what the print is made from. Of narrow pictures the area is at
 * least what a preview of 4:1 has: a strip of a few rows would tell nothing. */
enum { CANVAS_PREVIEW = 1024 };

enum strokes { STROKES_PREVIEW, STROKES_PIXELS };
extern const char *const strokes_names[]; /* "preview", "pixels", NULL */

/* A network as it is painted with: given the statistics of its normalisations, it must be local. */
struct canvas_net {
  const char *file; /* for messages */
  struct weights *weights;
  uint64_t fixed; /* bytes of constants beside the weights */
  int rows;       /* weights that a mix has */
  int shares;     /* the first of them, which add up to 1 */
  int photograph; /* the one of them that is the photograph's as it is shown; -1 = none */
  int norms;
  int64_t channels[STYLE_NORMS_MAX]; /* of each normalisation */
  int reach;                         /* pixels around that a pixel depends on; a multiple of `multiple` */
  int margin;                        /* mirrored pixels that a picture is given */
  int
    octave_margin; /* of a print: likewise, or the reach, where the network's borders do not mirror what it is shown */
  int multiple;    /* of the network's extents, 4 or 8 */
  bool wraps;      /* knows control->wrap */
  bool grain;      /* normalises what it is shown, so that flat places need something that strokes can be made of */
  bool apart;      /* regions: takes statistics of each mix as if it painted alone, (mixes, 2c, 1, 1) */
  /* (1, 3, h, w) and the control's rows, maps, statistics -> painting */
  sym (*build) (const void *data, sym photo, const struct style_control *control);
  const void *data;
};

struct canvas_settings {
  int precision; /* enum precision */
  int threads;
  uint64_t seed;
  int strokes;  /* enum strokes */
  bool gate;    /* as struct style_control's */
  double grain; /* noise for the networks that want some, a deviation of colours 0..1 */
  bool wrap;    /* the picture is a torus: a texture whose opposite sides meet */
};

struct canvas_picture {
  struct row_source source; /* planar sRGB, 0..1 */
  struct row_sink sink;     /* rows are given in order; those of the source up to them have been read by then */
  struct map_source maps;
  const float *rows; /* (max (mixes, 1), rows of the network): weights */
};

typedef struct canvas canvas;

/* What @net points to must outlive it. */
struct canvas *canvas_new (const struct canvas_net *net, const struct canvas_settings *settings);
void canvas_free (struct canvas *canvas);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (canvas, canvas_free)

/* From the next canvas_prepare on strokes are @brush times as wide as usual, in a painting of @width x @height, and there
 * is no grain unless @grain. Returns by how much larger than that it has to be painted for it, 1 or more. */
double canvas_set_brush (struct canvas *canvas, int width, int height, double brush, bool grain);

/* Gets ready for pictures of this size; what is ready is kept. All bytes are beside source and sink.
 * IMPASTO_ERROR_MEMORY: not even the smallest tiles fit into @limit; nothing was touched, and forecast->bytes would
 * do. */
bool canvas_prepare (struct canvas *canvas, int width, int height, int mixes, uint64_t limit,
                     struct method_forecast *forecast, GError **error);

/* After canvas_prepare for its size. The picture is read more than once. IMPASTO_ERROR_NUMERIC, _CANCELLED, _OUTPUT
 * (the temporary files), and what source and sink say. */
bool canvas_paint (struct canvas *canvas, const struct canvas_picture *picture, const struct paint_job *job,
                   GError **error);

/* Of the plan that paints; NULL before canvas_prepare. */
const struct plan *canvas_plan (const struct canvas *canvas);

/* The thumbnail of a picture; it itself when it is none larger. */
void canvas_thumbnail_size (int width, int height, int *thumb_width, int *thumb_height);
