/* SPDX-License-Identifier: Apache-2.0
 *
 * Painting: one picture at a time, by one of several methods. What all methods share is here and in paint.c: the
 * settings, the painting's size, the limit of memory and the forecast made before anything is decoded, what is done to
 * colours before and after, and the recipe that is stored with the painting. A method (struct method, one file each, a
 * row in paint.c's table) knows how the picture itself is painted. One thread at a time uses a painter. */
#pragma once

#include <json-glib/json-glib.h>

#include "base/option.h"
#include "effect/finish.h"
#include "image/picture.h"
#include "image/rows.h"

struct colors_sums;
struct optimize_settings;

/* Every option of `impasto paint` that says how a picture looks and what it may cost. */
struct paint_settings {
  char *style;               /* a mix, as control.h reads it */
  char *style_image;         /* paintings as style: FILE or FILE:WEIGHT, joined by ','; or NULL */
  double strength;           /* 0 = the photograph, 1 = the style, up to 2 */
  double brush;              /* how wide, 0.5..2; 1 = as learned */
  char *region;              /* "MASK=STYLE", joined by ';' or newlines; or NULL */
  int method;                /* index into the table of methods */
  int64_t size;              /* of the longer side of the painting; 0 = as the photograph */
  int strokes;               /* enum strokes of effect/canvas.h */
  double grain;              /* how much paint there is in flat places, 0..1 */
  bool wrap;                 /* a texture: opposite sides meet */
  char *predictor;           /* of method predict: a pack or run; NULL = the pack that ships */
  int fusion;                /* enum fusion, of method image */
  char *brushwork;           /* of method image: "auto", "none" or a mix of a pack's styles; NULL = "auto" */
  double brushwork_strength; /* of method image: 0 = none .. 1 = the styles'; -1 = 0.6 */
  double fusion_strength;    /* of both: of features, 0 = the photograph's .. 1 = the style's */
  int64_t style_size;        /* of both: longer side of the style image */
  double palette;            /* of both: how far colours are moved to its palette, 0..1 */
  int keep_colors;           /* enum keep_colors */
  struct finish finish;
  int precision; /* enum precision */
  int64_t threads, seed;
  char *memory; /* "2G": may be used in all; NULL = what is free */
  int64_t quality;
  bool keep_gps;
  struct optimize_settings *optimize; /* that method's own; NULL: its defaults. Read while opening */
};
extern const struct option paint_options[];

/* How photograph and style image meet: see net/net.h. */
enum fusion { FUSION_ATTENTION, FUSION_ADAIN, FUSION_AUTO /* adain, where the painting is not predicted */ };
extern const char *const fusion_names[];

/* Whether an option goes into the recipe by itself: numbers and choices that say how a painting looks. */
bool paint_option_is_stored (const struct option *option);

/* Called while a picture is painted: @share 0..1 of it is done, @what says in a word or two what is being done. False
 * cancels. May be called from the painting thread only. */
typedef bool (*paint_progress_fn) (double share, const char *what, void *data);

struct paint_job {
  paint_progress_fn progress; /* or NULL */
  void *data;
  const char *output; /* where the painting will be saved: previews and states go beside it; NULL: none are written */
};

/* Tells @job; false, with IMPASTO_ERROR_CANCELLED, when it is to stop. @job may be NULL. */
bool paint_progress (const struct paint_job *job, double share, const char *what, GError **error);

/* What a method takes, beside the picture's own planes (rgb and alpha of the painting's size). */
struct method_forecast {
  uint64_t bytes;        /* at the peak of a run; planes that the method gives back while it runs are counted off */
  uint64_t reading;      /* of them, while rows of a source are read, of run_rows */
  uint64_t held;         /* of them, what is there between pictures too, while the next is loaded */
  uint64_t fixed;        /* of them, what does not go with the picture's size: weights */
  double operations;     /* of a run */
  const char *precision; /* "f32" or "bf16" */
};

struct recipe_source;

/* What a method may do itself; the rest is done around it: paint.c blends the result with the photograph,
 * sheets.c paints smaller for a broader brush. */
enum { METHOD_STRENGTH = 1, METHOD_BRUSH = 2, METHOD_REGIONS = 4, METHOD_GRAIN = 8 };

/* One way of painting. */
struct method {
  const char *name; /* "network" */
  /* Loads what the settings name; they stay valid until close. IMPASTO_ERROR_USAGE, IMPASTO_ERROR_INPUT. */
  void *(*open) (const struct paint_settings *settings, GError **error);
  void (*close) (void *self);
  unsigned (*controls) (const void *self); /* METHOD_STRENGTH, ...; NULL = none */
  /* From the next prepare on strokes are @brush times as wide as usual, in a painting of @width x @height, and flat
   * places are painted if @grain. Returns by how much larger than that it has to be painted for it, 1 or more. NULL: it
   * must be painted smaller for a broad brush. */
  double (*set_brush) (void *self, int width, int height, double brush, bool grain);
  /* Gets ready for pictures of this size; what is ready already is kept. @limit: what forecast->bytes may be.
   * IMPASTO_ERROR_MEMORY, before the memory is touched and with the forecast filled in; the message is paint.c's. */
  bool (*prepare) (void *self, int width, int height, uint64_t limit, struct method_forecast *forecast, GError **error);
  /* picture->rgb (planar float sRGB, upright, of the size prepared) becomes the painting. It may be given back and set
   * anew. After a failure the pixels are undefined. */
  bool (*run) (void *self, struct picture *picture, const struct paint_job *job, GError **error);
  /* The same for a picture of that size that comes and goes in rows of colours, read more than once; NULL: the method
   * must have it whole. What prepare has said holds for both. */
  bool (*run_rows) (void *self, const struct row_source *source, const struct row_sink *sink,
                    const struct paint_job *job, GError **error);
  /* The strength at each pixel of rows @y to @y + @n of a painting of @width x @height, for methods without
   * METHOD_STRENGTH; NULL: it is the settings' everywhere. IMPASTO_ERROR_MEMORY. */
  bool (*strength) (void *self, int width, int height, int y, int n, float *map, GError **error);
  /* The palettes of the styles of each of @n mixes, which the painting's colours are moved to; NULL, or NULL returned:
   * none are known. Borrowed. And the share of each mix at each pixel of rows @y to @y + @n of a painting of @width x
   * @height, (mixes, n, width), adding up to 1; for methods that know palettes of several. */
  const struct colors_sums *(*palettes) (const void *self, int *n);
  bool (*shares) (void *self, int width, int height, int y, int n, float *shares, GError **error);
  /* What the result is called after: "starry-night"; and the file that is painted with. Borrowed. */
  const char *(*style) (const void *self);
  const char *(*file) (const void *self);
  /* Adds what pictures are painted by, new strings: files of weights, paintings, masks. */
  void (*sources) (const void *self, GPtrArray *paths);
  /* Adds what replay needs beside the options that are numbers and choices: names of files without their folders, their
   * sha256; the precision in "options". After prepare. */
  void (*describe) (const void *self, JsonObject *recipe);
  /* The other way: fills the text of @settings (style, ...) from what describe wrote, see recipe.h; the recipe comes
   * from a file and may hold anything. NULL: paintings of this method cannot be replayed. */
  bool (*replay) (JsonObject *recipe, const struct recipe_source *source, struct paint_settings *settings,
                  GError **error);
};
extern const struct method method_network; /* stylize.c: a style pack's network */
extern const struct method method_image;   /* transfer.c: any painting as a style, by what its features are like */
extern const struct method method_predict; /* predict.c: likewise, by rows of a pack's network that are guessed */

const struct method *paint_method (int index); /* as paint_settings.method counts */

struct paint_forecast {
  int width, height; /* of the photograph */
  int paint_width, paint_height;
  int frames;             /* of the file, of which the first is painted */
  uint64_t bytes;         /* at the peak */
  uint64_t limit;         /* bytes that may be used */
  double operations;      /* multiplications and additions */
  double prepare_seconds; /* getting ready */
  bool streams;           /* too large to be held: from file to file, by painter_run_file only */
  const char *precision;
};

typedef struct painter painter;

/* Copies the settings and loads what they name. IMPASTO_ERROR_USAGE: no such style, --memory that is no size;
 * IMPASTO_ERROR_INPUT: the pack. */
struct painter *painter_new (const struct paint_settings *settings, GError **error);
void painter_free (struct painter *painter);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (painter, painter_free)

const char *painter_style (const struct painter *painter);
const char *painter_file (const struct painter *painter);
char **painter_sources (const struct painter *painter); /* files that it paints by; a new list */

/* Gets ready for photographs of @width x @height. IMPASTO_ERROR_MEMORY: more than the limit; nothing of it was touched,
 * and @forecast is filled in nevertheless. */
bool painter_prepare (struct painter *painter, int width, int height, bool alpha, struct paint_forecast *forecast,
                      GError **error);

/* @picture becomes the painting; its alpha is scaled with it, its recipe is set. @job may be NULL. After a failure its
 * pixels are undefined. IMPASTO_ERROR_MEMORY; IMPASTO_ERROR_NUMERIC: NaN or infinity; IMPASTO_ERROR_CANCELLED. */
bool painter_run (struct painter *painter, struct picture *picture, const struct paint_job *job, GError **error);

int painter_threads (const struct painter *painter);

/* painter_prepare for the picture in a file, and a painting that will be saved to @output (or NULL: not known). When it
 * cannot be held within the limit, but its method can do without, ->streams is set. */
bool painter_prepare_file (struct painter *painter, const char *path, const char *output,
                           struct paint_forecast *forecast, GError **error);

/* From @path to @output, without ever holding the picture; what is in between lies on disk, in $TMPDIR or /var/tmp. The
 * whole of @options is the file's. Errors as painter_run, picture_load and picture_save; IMPASTO_ERROR_MEMORY also for
 * a method that wants the whole picture. */
bool painter_run_file (struct painter *painter, const char *path, const char *output,
                       const struct picture_save_options *options, const struct paint_job *job, GError **error);
