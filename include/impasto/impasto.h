/* SPDX-License-Identifier: Apache-2.0
 *
 * libimpasto: photographs painted with learned styles, and the training of those styles. Everything runs on the CPU of
 * this machine; the library never prints, never exits and installs no signal handlers.
 *
 *     g_autoptr (ImpastoOptions) options = impasto_paint_options_new ();
 *     impasto_options_set (options, "style", "starry-night", NULL);
 *     g_autoptr (ImpastoPainter) painter = impasto_painter_new (options, &error);
 *     g_autoptr (ImpastoPicture) picture = painter ? impasto_picture_load ("photo.jpg", &error) : NULL;
 *     if (picture && impasto_painter_paint (painter, picture, &error))
 *       impasto_picture_save (picture, "painting.png", options, &error);
 *
 * What can fail takes a GError last and returns %FALSE or %NULL; the domain is IMPASTO_ERROR (impasto/error.h). An
 * object belongs to whoever made it and is used by one thread at a time; different objects may be used by different
 * threads, except that painting, training and benchmarks each take all processors and run one at a time. Strings are
 * UTF-8, file names in the encoding of the system. Options are in impasto/options.h, ONNX models in impasto/model.h,
 * training in impasto/train.h; all come along. */
#pragma once

#include <impasto/error.h>
#include <impasto/model.h>
#include <impasto/options.h>
#include <impasto/train.h>

G_BEGIN_DECLS

/**
 * impasto_version:
 *
 * Returns: (transfer none): the version of the library: "0.1.0"
 */
IMPASTO_API const char *impasto_version (void);

/**
 * impasto_abandon:
 *
 * Deletes what is half-written, whoever writes it. For a program that ends at once, from a signal handler too; nothing
 * else of the library may be called after it.
 */
IMPASTO_API void impasto_abandon (void);

/**
 * impasto_machine:
 *
 * Returns: (transfer full): what the library runs on: "oneDNN 2.6.3, avx512_amx, 2 threads"
 */
IMPASTO_API char *impasto_machine (void);

/* *
 * impasto_json_tidy:
 * @json: JSON as json-glib writes it
 *
 * json-glib writes doubles with an exponent, NaN and infinity in a way that nobody reads: 1e-08.0, nan.0; and others
 * with more digits than they need: 0.40000000000000002.
 *
 * Returns: (transfer full): the same as JSON: 1e-08, null, 0.4
 */
IMPASTO_API char *impasto_json_tidy (const char *json);

/**
 * impasto_nearest:
 * @text: what was typed
 * @names: (array zero-terminated=1): what there is
 *
 * Returns: (transfer none) (nullable): the name that a slip of the hand would turn into @text
 */
IMPASTO_API const char *impasto_nearest (const char *text, const char *const *names);

/* Styles. Packs are searched in the folders of $IMPASTO_MODELS (joined by ':') and nowhere else when it is set;
 * otherwise in impasto/models of the user's and the system's data folders, and in models/ beside or above the
 * program. */

/**
 * ImpastoStyle:
 * @name: what to call it by: "starry-night"
 * @title: of the painting, or ""
 * @artist: or ""
 * @year: or ""
 * @license: of the pack, or ""
 * @pack: the file
 */
typedef struct {
  char *name, *title, *artist, *year, *license, *pack;
} ImpastoStyle;

IMPASTO_API void impasto_style_free (ImpastoStyle *style);

/**
 * impasto_styles:
 * @broken: (out) (optional) (transfer full) (element-type utf8): a line for each pack that cannot be read
 *
 * Returns: (transfer full) (element-type ImpastoStyle): the styles that are there, by name; possibly none
 */
IMPASTO_API GPtrArray *impasto_styles (GPtrArray **broken);

/**
 * impasto_style_folders:
 *
 * Returns: (transfer full): the folders that are searched for packs, first come first
 */
IMPASTO_API char **impasto_style_folders (void);

/* Pictures. */

typedef struct _ImpastoPicture ImpastoPicture;

/**
 * impasto_picture_load:
 * @path: a PNG, JPEG, WebP, TIFF, and where the system has it HEIC or AVIF file
 * @error: IMPASTO_ERROR_INPUT, IMPASTO_ERROR_MEMORY
 *
 * Returns: (transfer full): the picture, upright, in sRGB
 */
IMPASTO_API ImpastoPicture *impasto_picture_load (const char *path, GError **error);

/**
 * impasto_picture_new_from_rgb:
 * @rgb: (array): 8-bit samples, red green blue
 * @width: in pixels, at least 1
 * @height: in pixels, at least 1
 * @stride: bytes from a row to the next
 * @error: IMPASTO_ERROR_MEMORY
 */
IMPASTO_API ImpastoPicture *impasto_picture_new_from_rgb (const guint8 *rgb, int width, int height, gsize stride,
                                                          GError **error);

/* Writes the picture's colours as 8-bit samples into @rgb, @stride bytes a row. */
IMPASTO_API void impasto_picture_get_rgb (const ImpastoPicture *picture, guint8 *rgb, gsize stride);

IMPASTO_API int impasto_picture_get_width (const ImpastoPicture *picture);
IMPASTO_API int impasto_picture_get_height (const ImpastoPicture *picture);

/**
 * impasto_picture_save:
 * @picture: what to save
 * @path: where; the extension chooses the format
 * @options: (nullable): "quality" and "keep-gps" are read
 * @error: IMPASTO_ERROR_USAGE, IMPASTO_ERROR_NUMERIC, IMPASTO_ERROR_OUTPUT
 *
 * The file appears when it is complete or not at all.
 */
IMPASTO_API gboolean impasto_picture_save (const ImpastoPicture *picture, const char *path,
                                           const ImpastoOptions *options, GError **error);

/**
 * impasto_picture_can_save:
 * @path: a file name
 * @error: IMPASTO_ERROR_USAGE: an unknown extension; IMPASTO_ERROR_OUTPUT: a missing or read-only folder, not a file
 *
 * To be asked before the work is done.
 */
IMPASTO_API gboolean impasto_picture_can_save (const char *path, GError **error);

/**
 * impasto_picture_bytes:
 * @path: a picture; only its header is read
 *
 * Returns: the memory that it takes once it is loaded, or 0 when it cannot be read
 */
IMPASTO_API guint64 impasto_picture_bytes (const char *path);

/**
 * impasto_picture_loading_bytes:
 * @path: a picture; only its header is read
 *
 * Returns: the most memory that is taken while it is loaded, its decoder's too, or 0 when it cannot be read
 */
IMPASTO_API guint64 impasto_picture_loading_bytes (const char *path);

/* Whether @path is a picture that impasto painted and says so; only its header is read. */
IMPASTO_API gboolean impasto_picture_is_painting (const char *path);

/* Whether "quality" has a meaning for files that end like @path. */
IMPASTO_API gboolean impasto_picture_has_quality (const char *path);

/* Whether @path ends like a picture that can be read and saved. */
IMPASTO_API gboolean impasto_picture_has_extension (const char *path);

IMPASTO_API void impasto_picture_free (ImpastoPicture *picture);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ImpastoPicture, impasto_picture_free)

/* Painting. */

typedef struct _ImpastoPainter ImpastoPainter;

/**
 * ImpastoForecast:
 * @width: of the picture in the file
 * @height: likewise
 * @paint_width: of the painting
 * @paint_height: likewise
 * @frames: of the file, or pages; the first is painted
 * @bytes: of memory at the peak, the program included
 * @limit: bytes that may be used
 * @precision: "f32" or "bf16"
 * @threads: how many
 * @operations: multiplications and additions of convolutions
 * @plan_seconds: how long getting ready took
 * @streams: the picture is too large to be held, but impasto_painter_paint_file() can do without
 *
 * What painting a picture will take.
 */
typedef struct {
  int width, height, paint_width, paint_height, frames;
  guint64 bytes, limit;
  const char *precision;
  int threads;
  double operations, plan_seconds;
  gboolean streams;
} ImpastoForecast;

/**
 * impasto_paint_options_new:
 *
 * Returns: (transfer full): what steers a painting: "style", "strength", "brush", "region", "keep-colors", "size",
 * "memory", ... as impasto_options_help() explains them
 */
IMPASTO_API ImpastoOptions *impasto_paint_options_new (void);

/* * impasto_paint_options_replay: @options: from impasto_paint_options_new(); what has been set in them stays
 * @painting: a file that holds a painting @force: take files of the right names, whatever is in them @error:
 * IMPASTO_ERROR_INPUT: no recipe in the file, or one that makes no sense; a pack or mask that is not there, or is not
 * the one that was painted with
 *
 * Sets @options as they were when @painting was painted. Packs are looked for by name in impasto_style_folders(), masks
 * beside the painting and in the current folder.
 */
IMPASTO_API gboolean impasto_paint_options_replay (ImpastoOptions *options, const char *painting, gboolean force,
                                                   GError **error);

/**
 * impasto_painter_new:
 * @options: read now, not kept
 * @error: IMPASTO_ERROR_USAGE: no such style; IMPASTO_ERROR_INPUT: a pack that is damaged
 *
 * Loads the style.
 */
IMPASTO_API ImpastoPainter *impasto_painter_new (const ImpastoOptions *options, GError **error);
IMPASTO_API void impasto_painter_free (ImpastoPainter *painter);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ImpastoPainter, impasto_painter_free)

/* The name of its style, of a mix joined by '+', and the pack it is from. */
IMPASTO_API const char *impasto_painter_get_style (const ImpastoPainter *painter);
IMPASTO_API const char *impasto_painter_get_pack (const ImpastoPainter *painter);

/* *
 * impasto_painter_get_sources:
 * @painter: who paints
 *
 * Returns: (transfer full): the files that it has opened and paints by, which no painting should replace: packs and
 * other networks, paintings, masks
 */
IMPASTO_API char **impasto_painter_get_sources (const ImpastoPainter *painter);

/**
 * impasto_painter_forecast:
 * @painter: who will paint
 * @path: a picture; only its header is read
 * @forecast: (out): what it will take
 * @error: IMPASTO_ERROR_INPUT; IMPASTO_ERROR_MEMORY: more than is allowed or there, @forecast is filled in nevertheless
 *
 * Gets ready for pictures of this size; the next impasto_painter_paint() starts at once.
 */
IMPASTO_API gboolean impasto_painter_forecast (ImpastoPainter *painter, const char *path, ImpastoForecast *forecast,
                                               GError **error);

/* Called while a picture is painted, in the thread that paints: @share 0..1 of it is done; @what is being done, in a
 * word or two. %FALSE stops. */
typedef gboolean (*ImpastoPaintFunc) (double share, const char *what, gpointer data);

/* From now on @func, or nobody when it is %NULL, is told how far a painting is. */
IMPASTO_API void impasto_painter_set_progress (ImpastoPainter *painter, ImpastoPaintFunc func, gpointer data);

/**
 * impasto_painter_set_output:
 * @painter: who paints
 * @path: (nullable): where the next painting will be saved, or %NULL
 *
 * Methods that take long write previews beside that file, and the state of a painting that was stopped, from which the
 * next impasto_painter_paint() of the same picture with the same settings goes on. Without it they write nothing.
 * impasto_painter_forecast() counts what an encoder of that file's format takes.
 */
IMPASTO_API void impasto_painter_set_output (ImpastoPainter *painter, const char *path);

/**
 * impasto_painter_paint:
 * @painter: who paints
 * @picture: becomes the painting: of the size that "size" says, alpha and metadata carried along
 * @error: IMPASTO_ERROR_MEMORY, IMPASTO_ERROR_NUMERIC, IMPASTO_ERROR_CANCELLED when the progress function stopped it;
 * the picture is then good for nothing but impasto_picture_free()
 */
IMPASTO_API gboolean impasto_painter_paint (ImpastoPainter *painter, ImpastoPicture *picture, GError **error);

/**
 * impasto_painter_paint_file:
 * @painter: who paints
 * @path: a picture
 * @output: where the painting goes; the extension chooses the format
 * @options: (nullable): "quality" and "keep-gps", as for impasto_picture_save()
 * @error: as impasto_picture_load(), impasto_painter_paint() and impasto_picture_save()
 *
 * From file to file. A picture that cannot be held within the limit of memory is read, painted and written piece by
 * piece; what is in between lies on disk, in the folder that TMPDIR names or in /var/tmp.
 */
IMPASTO_API gboolean impasto_painter_paint_file (ImpastoPainter *painter, const char *path, const char *output,
                                                 const ImpastoOptions *options, GError **error);

/* Figures. */

/**
 * ImpastoFigure:
 * @name: "style_distance"
 * @value: the figure; PSNR is infinite for equal pictures
 */
typedef struct {
  const char *name;
  double value;
} ImpastoFigure;

#define IMPASTO_FIGURES 24

/* * ImpastoFigures: @width: of the picture @height: likewise @n_figures: how many @figure: the figures:
 * "style_distance", "palette_distance", "color_distance" and "mesh" (what shows of the grid of four pixels a network
 * paints on; detail of small pictures adds to it) when there is a style; "content_distance", "calm" and "alike" (how
 * much neighbouring places that are flat in the photograph, and any two of one colour, differ in the painting) with a
 * photograph; "seam_step", "step_beside" and "worst_seam" with tiles; for pairs "psnr", "ssim", "mean_difference",
 * "max_difference", and with tiles "mean_at_seams", "max_at_seams", NaN where no line of tiles lies in the picture.
 * Differences and steps are of 8-bit samples, 0..255 @notes: (nullable): what was scaled, or could not be measured, in
 * lines
 */
typedef struct {
  int width, height, n_figures;
  ImpastoFigure figure[IMPASTO_FIGURES];
  char *notes;
} ImpastoFigures;

IMPASTO_API void impasto_figures_clear (ImpastoFigures *figures);

/* (transfer full): "style-image", "features", "style-size", "size", "preview", "tile", "threads". */
IMPASTO_API ImpastoOptions *impasto_eval_options_new (void);

typedef struct _ImpastoEvaluator ImpastoEvaluator;

/**
 * impasto_evaluator_new:
 * @options: from impasto_eval_options_new(); read now, not kept
 * @photographs: whether impasto_evaluator_run() will be given some
 * @error: IMPASTO_ERROR_INPUT: no feature network, or a damaged one; a painting that cannot be read
 *
 * Loads the feature network when it is needed, and looks at the painting whose style is wanted.
 */
IMPASTO_API ImpastoEvaluator *impasto_evaluator_new (const ImpastoOptions *options, gboolean photographs,
                                                     GError **error);
IMPASTO_API void impasto_evaluator_free (ImpastoEvaluator *evaluator);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ImpastoEvaluator, impasto_evaluator_free)

/* *
 * impasto_evaluator_run:
 * @evaluator: who looks
 * @path: a picture; alpha is laid onto white
 * @content: (nullable): the photograph it was painted from
 * @against: (nullable): a picture it should equal
 * @figures: (out): what is found; clear it with impasto_figures_clear(), also after an error
 * @error: IMPASTO_ERROR_INPUT: a file, or sizes that differ without "preview"; IMPASTO_ERROR_MEMORY
 *
 * Style distance is the mean, over four features at three scales, of the squared difference of Gram matrices in units
 * of the style's root mean square (Gatys et al. 2016); content distance the squared difference of features over the
 * photograph's mean square (Johnson et al. 2016): 0 is equal. Both are those of training.
 */
IMPASTO_API gboolean impasto_evaluator_run (ImpastoEvaluator *evaluator, const char *path, const char *content,
                                            const char *against, ImpastoFigures *figures, GError **error);

/* Sets of samples. */

/* * ImpastoSetFigures: @name: "all", or the name of a class @n_reals: real pictures @n_samples: samples @n_figures: how
 * many @figure: "frechet" (Heusel et al. 2017) and "kernel" distance (Binkowski et al. 2018): 0 is equal; "precision",
 * the share of samples among the real pictures, and "recall", the share of real pictures among the samples
 * (Kynkaanniemi et al. 2019); "to_real", the median distance of a sample to its nearest real picture, "among_real",
 * that of a real picture to its nearest other one, "copies", the share of samples nearer to a real picture than 99 in
 * 100 of those are to each other, or equal to one; real pictures that are there several times are one here
 */
typedef struct {
  char *name;
  guint n_reals, n_samples;
  int n_figures;
  ImpastoFigure figure[8];
} ImpastoSetFigures;

/**
 * ImpastoNeighbour:
 * @sample: a sample
 * @real: the real picture nearest to it
 * @distance: how near
 */
typedef struct {
  char *sample, *real;
  double distance;
} ImpastoNeighbour;

/**
 * ImpastoClassShare:
 * @name: a class of the classifier that "features" names
 * @samples: share of the samples that it reads as this class
 * @reals: that of the real pictures
 * @confidence: how likely it takes the class to be, the mean over those samples; 0 when there are none
 * @agreement: with "classes": share of the samples of the class of this name that it reads so; -1 when there are none
 */
typedef struct {
  char *name;
  double samples, reals, confidence, agreement;
} ImpastoClassShare;

/**
 * ImpastoSetReport:
 * @sets: (element-type ImpastoSetFigures): all, then the classes
 * @nearest: (element-type ImpastoNeighbour): the nearest first, as many as "nearest" says
 * @classes: (element-type ImpastoClassShare): when "features" names a classifier: how it reads the samples
 * @confidence: likewise: the mean over all samples
 * @notes: lines: what was left out, which features were looked at
 */
typedef struct {
  GPtrArray *sets, *nearest, *classes;
  double confidence;
  char *notes;
} ImpastoSetReport;

IMPASTO_API void impasto_set_report_free (ImpastoSetReport *report);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ImpastoSetReport, impasto_set_report_free)

/* Adds "reals", "crop", "classes" and "nearest" to options of impasto_eval_options_new(). */
IMPASTO_API void impasto_eval_sets_options (ImpastoOptions *options);

/* *
 * impasto_eval_sets:
 * @samples: a folder, class folders or an IDX file
 * @options: from impasto_eval_options_new() and impasto_eval_sets_options(), with "reals" set
 * @func: (nullable) (scope call): told how far it is
 * @data: for @func
 * @error: IMPASTO_ERROR_INPUT: pictures or feature network; IMPASTO_ERROR_MEMORY; IMPASTO_ERROR_CANCELLED
 *
 * Measures samples against real pictures in the features of a network. The figures compare with figures of the same
 * network, crop and number of pictures only; they are no Inception FID.
 *
 * Returns: (transfer full): the report
 */
IMPASTO_API ImpastoSetReport *impasto_eval_sets (const char *samples, const ImpastoOptions *options,
                                                 ImpastoDataFunc func, gpointer data, GError **error);

/* Explaining. */

/* * ImpastoExplained: @name: "layer1" to "layer4" and "all" of a style loss, "head1" and so on of a judge of styles,
 * "painting" and "photo" of the judges of a translation @value: the loss of the layer; the mean score of the judge: 1
 * is real, 0 painted @share: of the pull of all layers; of the places that pass for real @region: ninths of the picture
 * (of its middle square, for a judge that reads squares), row by row: share of the layer's pull; mean score
 */
typedef struct {
  char *name;
  double value, share, region[9];
} ImpastoExplained;

/**
 * ImpastoExplanation:
 * @rows: (element-type ImpastoExplained): what was asked
 * @notes: a line: who was asked
 */
typedef struct {
  GPtrArray *rows;
  char *notes;
} ImpastoExplanation;

IMPASTO_API void impasto_explanation_free (ImpastoExplanation *explanation);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ImpastoExplanation, impasto_explanation_free)

/* (transfer full): "judge", "head", "style-image", "features", "size", "style-size", "threads". */
IMPASTO_API ImpastoOptions *impasto_explain_options_new (void);

/**
 * impasto_explain:
 * @path: a picture; alpha is laid onto white
 * @options: from impasto_explain_options_new(), with "judge" or "style-image" set
 * @output: where the heat maps are written, over the picture
 * @error: IMPASTO_ERROR_USAGE, IMPASTO_ERROR_INPUT, IMPASTO_ERROR_OUTPUT, IMPASTO_ERROR_MEMORY
 *
 * Asks a judge where the picture looks real, or the layers of the style loss where they would change it: their
 * gradients by pixel.
 *
 * Returns: (transfer full): the figures
 */
IMPASTO_API ImpastoExplanation *impasto_explain (const char *path, const ImpastoOptions *options, const char *output,
                                                 GError **error);

/* Looking inside. */

/* (transfer full): "net" or "style" or "train", "size", "precision", "threads", "runs", "layers", "input" and "output"
 * for values, and what goes with training: "batch", "features", "set". */
IMPASTO_API ImpastoOptions *impasto_bench_options_new (void);

/**
 * ImpastoBenchPart:
 * @kind: "convolution", "normalisation", "padding" ...
 * @seconds: of a run
 * @operations: that its kernels carried out in them
 *
 * What one kind of work took.
 */
typedef struct {
  const char *kind;
  double seconds, operations;
} ImpastoBenchPart;

/**
 * ImpastoBench:
 * @net: what was timed
 * @width: of the picture
 * @height: likewise
 * @batch: pictures of a training step, else 0
 * @median_seconds: of a run
 * @min_seconds: of the fastest run
 * @operations: of a run: those of the network's convolutions and matrix products as it is written, carried out or saved
 * @peak_gflops: what the machine reached on convolutions that fit its caches, with as many threads and this precision
 * @plan_bytes: memory of the plan
 * @memory_bytes: the most that the process had at a time until the runs were over
 * @precision: "f32" or "bf16"
 * @threads: how many
 * @layers: (nullable): a table of steps by time and of kinds of work, when "layers" was set
 * @n_parts: how many kinds, when "layers" was set
 * @parts: the kinds of work that took time
 */
typedef struct {
  char *net;
  int width, height, batch, runs;
  double median_seconds, min_seconds, operations, peak_gflops;
  guint64 plan_bytes, memory_bytes;
  const char *precision;
  int threads;
  char *layers;
  int n_parts;
  ImpastoBenchPart parts[12];
} ImpastoBench;

/* * impasto_bench: @what: (nullable): an ONNX model's file, a network's name, a style or a pack; %NULL: what "net",
 * "style" or "train" says @options: from impasto_bench_options_new() @bench: (out): the figures; clear them with
 * impasto_bench_clear(), also after an error @error: IMPASTO_ERROR_USAGE, IMPASTO_ERROR_INPUT, IMPASTO_ERROR_MEMORY
 *
 * Times a network, or a training step.
 */
IMPASTO_API gboolean impasto_bench (const char *what, const ImpastoOptions *options, ImpastoBench *bench,
                                    GError **error);
IMPASTO_API void impasto_bench_clear (ImpastoBench *bench);

/* Names of the networks that can be described, %NULL-terminated. */
IMPASTO_API const char *const *impasto_nets (void);

/* (transfer full): for a network its settings, for a pack none; "size" and "format" for both. */
IMPASTO_API ImpastoOptions *impasto_describe_options_new (const char *what);

/**
 * impasto_describe:
 * @what: the name of a network or a pack's file
 * @options: from impasto_describe_options_new() for it
 * @error: IMPASTO_ERROR_USAGE, IMPASTO_ERROR_INPUT, IMPASTO_ERROR_MODEL
 *
 * Returns: (transfer full): lines of text
 */
IMPASTO_API char *impasto_describe (const char *what, const ImpastoOptions *options, GError **error);

G_END_DECLS
