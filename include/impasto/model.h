/* SPDX-License-Identifier: Apache-2.0
 *
 * ONNX models: styles written as such, and networks of others that are read, described and run. A part of
 * impasto/impasto.h. */
#pragma once

#include <impasto/options.h>

G_BEGIN_DECLS

/* Styles and generators. */

/* *
 * impasto_export_options_new:
 *
 * Returns: (transfer full): "pack", "style", "all-styles", "judge", "range", "layout", "fixed", "margin", "weights",
 * "opset", "input-name", "output-name"
 */
IMPASTO_API ImpastoOptions *impasto_export_options_new (void);

/* *
 * impasto_export:
 * @options: which style or generator, and how
 * @path: the file, NAME.onnx; of a generator also NAME.h5, for Keras
 * @error: IMPASTO_ERROR_USAGE: no such style, or @path is a run's checkpoint; IMPASTO_ERROR_INPUT: a pack that is
 *   damaged; IMPASTO_ERROR_OUTPUT
 *
 * Writes a style as an ONNX model: pictures (batch, 3, height, width) of any size in, paintings of the same size out,
 * as impasto_painter_paint() makes them in float32. A generator (a "pack" that is a model of `impasto train gan`) takes
 * numbers and gives pictures; what Keras saved (NAME.h5) becomes an ONNX model too. The file appears when it is
 * complete or not at all, and replaces one of its name.
 */
IMPASTO_API gboolean impasto_export (const ImpastoOptions *options, const char *path, GError **error);

/* (transfer full): the file name that goes with the options: "starry-night.onnx". */
IMPASTO_API char *impasto_export_name (const ImpastoOptions *options, GError **error);

/* Models: networks of others, as ONNX files or as Keras saved them (.h5). */

typedef struct _ImpastoModel ImpastoModel;

typedef enum {
  IMPASTO_ARRAY_FLOAT,
  IMPASTO_ARRAY_INT64,
  IMPASTO_ARRAY_BOOLEAN,
} ImpastoArrayType;

#define IMPASTO_ARRAY_AXES 6

/**
 * ImpastoArray:
 * @name: of the input or output
 * @type: of @data: float, gint64 or guint8 (0 or 1); the model's own type is converted
 * @rank: axes, at most IMPASTO_ARRAY_AXES; -1 where a model does not say
 * @extent: of each; -1 where a model takes any
 * @data: the values, row-major
 */
typedef struct {
  const char *name;
  ImpastoArrayType type;
  int rank;
  gint64 extent[IMPASTO_ARRAY_AXES];
  gpointer data;
} ImpastoArray;

IMPASTO_API void impasto_array_clear (ImpastoArray *array); /* frees the data of an output */

/* (transfer full): "precision" (f32 unless set) and "threads". */
IMPASTO_API ImpastoOptions *impasto_model_options_new (void);

/**
 * impasto_model_open:
 * @path: an ONNX file; its external data is looked for in its folder
 * @options: (nullable): from impasto_model_options_new(); read now, not kept
 * @error: IMPASTO_ERROR_INPUT: cannot be read, damaged; IMPASTO_ERROR_MODEL: makes no sense
 */
IMPASTO_API ImpastoModel *impasto_model_open (const char *path, const ImpastoOptions *options, GError **error);
IMPASTO_API void impasto_model_free (ImpastoModel *model);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ImpastoModel, impasto_model_free)

/* Its inputs and outputs; @array receives everything but data. Names belong to the model. */
IMPASTO_API guint impasto_model_get_n_inputs (const ImpastoModel *model);
IMPASTO_API guint impasto_model_get_n_outputs (const ImpastoModel *model);
IMPASTO_API void impasto_model_get_input (const ImpastoModel *model, guint i, ImpastoArray *array);
IMPASTO_API void impasto_model_get_output (const ImpastoModel *model, guint i, ImpastoArray *array);

/* (transfer full): inputs, outputs, opset, ops, parameters, metadata and what is not supported, in lines. */
IMPASTO_API char *impasto_model_describe (const ImpastoModel *model);

/* * impasto_model_run: @model: the model @inputs: (array length=n_inputs): by name, or in the model's order where it is
 * %NULL; those with a default may be left out @n_inputs: how many @outputs: (array length=n_outputs): names of those
 * wanted, or the model's order where it is %NULL; the rest is filled in, data to be freed with impasto_array_clear()
 * @n_outputs: how many @error: IMPASTO_ERROR_MODEL: an op that is not supported, shapes that do not fit;
 * IMPASTO_ERROR_MEMORY
 *
 * The first run with inputs of a size takes longer: it makes a plan. The last four are kept.
 */
IMPASTO_API gboolean impasto_model_run (ImpastoModel *model, const ImpastoArray *inputs, guint n_inputs,
                                        ImpastoArray *outputs, guint n_outputs, GError **error);

/* (transfer full): those of impasto_model_options_new(), and "range", "output-range", "mean", "std", "layout", "bgr",
 * "resize", "grey": how pictures become values and back. */
IMPASTO_API ImpastoOptions *impasto_run_options_new (void);

/**
 * impasto_run:
 * @path: an ONNX file
 * @options: from impasto_run_options_new()
 * @inputs: (array zero-terminated=1): files, as NAME=FILE or in the model's order: pictures, .npy
 * @outputs: (array zero-terminated=1): files likewise, replaced when they are there unless they are inputs; none: only
 * @summary tells of the results
 * @summary: (out) (transfer full): a line an output: its shape and values
 * @notes: (out) (transfer full): what was guessed, in lines; or ""
 * @error: IMPASTO_ERROR_USAGE, IMPASTO_ERROR_INPUT, IMPASTO_ERROR_MODEL, IMPASTO_ERROR_MEMORY, IMPASTO_ERROR_OUTPUT;
 * IMPASTO_ERROR_NUMERIC: NaN in an output
 *
 * Runs a model on files.
 */
IMPASTO_API gboolean impasto_run (const char *path, const ImpastoOptions *options, const char *const *inputs,
                                  const char *const *outputs, char **summary, char **notes, GError **error);

G_END_DECLS
