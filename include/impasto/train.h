/* SPDX-License-Identifier: Apache-2.0
 *
 * Training: recipes, what became of their runs, and what they learn from. A part of impasto/impasto.h. */
#pragma once

#include <impasto/options.h>

G_BEGIN_DECLS

/* Training. */

/* Names of the training recipes, %NULL-terminated; and what one does, in a line. */
IMPASTO_API const char *const *impasto_recipes (void);
IMPASTO_API const char *impasto_recipe_help (const char *recipe);

/* What follows a recipe's name on the command line ("PAINTING... --photos DIR [-o PACK]"), and one or two whole
 * commands, %NULL-terminated; %NULL: no such recipe. */
IMPASTO_API const char *impasto_recipe_usage (const char *recipe);
IMPASTO_API const char *const *impasto_recipe_examples (const char *recipe);

/* (transfer full): the recipe's options and those of every run; IMPASTO_ERROR_USAGE: no such recipe. */
IMPASTO_API ImpastoOptions *impasto_train_options_new (const char *recipe, GError **error);

/**
 * ImpastoTrainProgress:
 * @step: steps done
 * @steps: steps in all
 * @n_values: how many figures the recipe reports; 0: no step was done, something else is told
 * @names: their names; the first is the loss
 * @values: and values
 * @steps_per_second: eased
 * @seconds_left: expected
 * @folder: of the run
 * @output: where its result will be
 * @message: (nullable): something to be read, such as a photograph that is left out; lines joined by newlines
 * @precision: of the arithmetic: "f32" or "bf16"
 * @threads: how many
 * @log: (nullable): lines that the run's log got since the last call, those of @message among them
 * @checkpoint: (nullable): the file of a checkpoint that was written since then
 */
typedef struct {
  gint64 step, steps;
  int n_values;
  const char *const *names;
  const double *values;
  double steps_per_second, seconds_left;
  const char *folder, *output;
  const char *message;
  const char *precision;
  int threads;
  const char *log, *checkpoint;
} ImpastoTrainProgress;

/* Called after every step, when %FALSE stops the run after a checkpoint; and without figures before the first step, and
 * when a checkpoint is written or something is said between steps or at the end. */
typedef gboolean (*ImpastoTrainFunc) (const ImpastoTrainProgress *progress, gpointer data);

/* *
 * impasto_train:
 * @recipe: one of impasto_recipes()
 * @options: from impasto_train_options_new() for this recipe. With "resume", a run's folder (impasto_run_find()), those
 *   that were not set are the run's
 * @inputs: (array zero-terminated=1): what the recipe learns from: paintings; with "resume", the run's if there are none
 * @func: (nullable) (scope call): told of every step, and of what happens between them
 * @data: for @func
 * @error: IMPASTO_ERROR_CANCELLED when @func stopped it, the message says how to go on; IMPASTO_ERROR_NUMERIC when a
 * figure became NaN; IMPASTO_ERROR_OUTPUT when a file is where "output" is to go, without "overwrite" (one that came
 * while the run went: the result is in the run's folder, the message says where); and what is wrong with inputs,
 * outputs and settings
 */
IMPASTO_API gboolean impasto_train (const char *recipe, const ImpastoOptions *options, const char *const *inputs,
                                    ImpastoTrainFunc func, gpointer data, GError **error);

/**
 * impasto_result_can_replace:
 * @path: a file name
 * @error: IMPASTO_ERROR_USAGE: a checkpoint of a run is there, or would be looked for
 *
 * Whether a result may be called @path: FALSE where that is, or would be taken for, a checkpoint of a run. To be asked
 * before the work is done.
 */
IMPASTO_API gboolean impasto_result_can_replace (const char *path, GError **error);

/* Runs: what their folders say of them. */

/**
 * ImpastoRun:
 * @name: of its folder: "00001-style"
 * @folder: where it is
 * @recipe: what it trains
 * @state: "going", "finished", "stopped", "failed" or "cut off" (no process trains it any more, and none
 *   said why)
 * @note: its last words: why it failed, how to go on; or ""
 * @step: steps done
 * @steps: steps wanted; 0 when it does not say
 * @changed: when it did its last step, seconds since 1970
 * @seconds: that its steps took
 * @n_values: how many figures it reports
 * @names: (array zero-terminated=1): their names
 * @values: means of the last 20 steps
 */
typedef struct {
  char *name, *folder, *recipe;
  const char *state;
  char *note;
  gint64 step, steps, changed;
  double seconds;
  int n_values;
  char **names;
  double *values;
} ImpastoRun;

IMPASTO_API void impasto_run_free (ImpastoRun *run);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ImpastoRun, impasto_run_free)

/**
 * impasto_runs:
 * @folder: that holds run folders
 * @broken: (out) (optional) (transfer full) (element-type utf8): a line for each that cannot be read
 * @error: IMPASTO_ERROR_INPUT: no such folder
 *
 * Returns: (transfer full) (element-type ImpastoRun): the runs by name; possibly none
 */
IMPASTO_API GPtrArray *impasto_runs (const char *folder, GPtrArray **broken, GError **error);

/**
 * impasto_run_find:
 * @word: the name or number of a run in @folder, or a run's folder: "1" is "runs/00001-style"
 * @folder: that holds run folders
 * @error: IMPASTO_ERROR_INPUT: no run has that number; IMPASTO_ERROR_USAGE: several have it
 *
 * Returns: (transfer full): the run's folder; @word where it is neither a number nor a run
 */
IMPASTO_API char *impasto_run_find (const char *word, const char *folder, GError **error);

/**
 * impasto_run_load:
 * @folder: a run's
 * @error: IMPASTO_ERROR_INPUT: it is none, or is damaged
 *
 * Returns: (transfer full): the run
 */
IMPASTO_API ImpastoRun *impasto_run_load (const char *folder, GError **error);

/**
 * impasto_runs_compare:
 * @folders: (array zero-terminated=1): run folders
 * @error: IMPASTO_ERROR_INPUT: one that is none
 *
 * Returns: (transfer full): lines of text: what they are, the settings in which they differ, their figures
 */
IMPASTO_API char *impasto_runs_compare (const char *const *folders, GError **error);

/* *
 * impasto_runs_compare_json:
 * @folders: (array zero-terminated=1): run folders
 * @error: IMPASTO_ERROR_INPUT: one that is none
 *
 * Returns: (transfer full): a line of JSON: "runs", "settings" that differ and "figures" at the end, arrays with an
 * element a run; "step" and "figures_at_step" where they are of different lengths
 */
IMPASTO_API char *impasto_runs_compare_json (const char *const *folders, GError **error);

/**
 * impasto_runs_draw:
 * @folders: (array zero-terminated=1): run folders
 * @path: an SVG file, or a picture by its extension
 * @error: IMPASTO_ERROR_INPUT, IMPASTO_ERROR_USAGE, IMPASTO_ERROR_OUTPUT
 *
 * Draws the curves of their figures.
 */
IMPASTO_API gboolean impasto_runs_draw (const char *const *folders, const char *path, GError **error);

/* Data for training. */

/* * ImpastoDataFinding: @kind: "damaged" and "tiny" are left out by training; "small", "odd", "grey", "alpha", "blank",
 * "duplicate", "similar" are taken; "beside" lies where it is not read; "class" is about a class as a whole, "few"
 * about one picture alone @name: of the picture, the folder or the class @text: what is so, and what training does:
 * "grey; becomes three equal channels"
 */
typedef struct {
  const char *kind;
  char *name, *text;
} ImpastoDataFinding;

/**
 * ImpastoDataReport:
 * @n_pictures: found
 * @n_used: of them, by training
 * @shortest: pixels of the shorter side of the smallest picture that can be read; 0: there is none
 * @middle: likewise, of the picture in the middle of all
 * @longest: likewise, of the largest
 * @findings: (element-type ImpastoDataFinding): in the order of the pictures
 * @summary: lines: numbers, sizes, classes, how many of each kind
 */
typedef struct {
  guint n_pictures, n_used;
  guint shortest, middle, longest;
  GPtrArray *findings;
  char *summary;
} ImpastoDataReport;

IMPASTO_API void impasto_data_report_free (ImpastoDataReport *report);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ImpastoDataReport, impasto_data_report_free)

/* (transfer full): "size", "grey", "classes", "recursive", "threads". */
IMPASTO_API ImpastoOptions *impasto_data_options_new (void);

/* Called now and then: @done of @all pictures have been looked at. %FALSE stops. */
typedef gboolean (*ImpastoDataFunc) (guint done, guint all, gpointer data);

/**
 * impasto_data_check:
 * @path: a folder of pictures, a folder of class folders, or an IDX file
 * @options: from impasto_data_options_new()
 * @func: (nullable) (scope call): told how far it is
 * @data: for @func
 * @error: IMPASTO_ERROR_INPUT: nothing that could be looked at; IMPASTO_ERROR_CANCELLED when @func stopped it
 *
 * Decodes every picture as training does, and tells what training will do with those that are not what they should be.
 *
 * Returns: (transfer full): the report
 */
IMPASTO_API ImpastoDataReport *impasto_data_check (const char *path, const ImpastoOptions *options,
                                                   ImpastoDataFunc func, gpointer data, GError **error);

/* *
 * impasto_generate_options_new:
 *
 * Returns: (transfer full): "number", "seed", "class", "category", "code", "sweep", "interpolate", "truncate",
 * "columns", "threads", "overwrite"
 */
IMPASTO_API ImpastoOptions *impasto_generate_options_new (void);

/**
 * impasto_generate:
 * @model: a file made by the recipe "gan"
 * @options: from impasto_generate_options_new()
 * @output: where the sheet is written; with "interpolate" and a name that ends in .gif or .webp, an animation; a folder
 *   (its name ends in a slash, or it is there) or an IDX file (".idx", "...images-idx3-ubyte"): pictures one by one
 * @error: IMPASTO_ERROR_USAGE, IMPASTO_ERROR_INPUT, IMPASTO_ERROR_OUTPUT, IMPASTO_ERROR_MEMORY
 *
 * Draws pictures from noise, on one sheet or one by one; which is a function of the model and the options alone.
 */
IMPASTO_API gboolean impasto_generate (const char *model, const ImpastoOptions *options, const char *output,
                                       GError **error);

G_END_DECLS
