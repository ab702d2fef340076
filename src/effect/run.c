/* SPDX-License-Identifier: Apache-2.0
 *
 * Running a model on files: bind names to files, pictures to values, run, values to pictures, save. What a model does
 * not say of its pictures (which values are black and white; models that impasto wrote do say it) is guessed from its
 * last ops, or else from what it gives for pictures of 0..1; what was guessed is told. */
#include "effect/run.h"

#include <math.h>
#include <string.h>

#include "base/draft.h"
#include "base/text.h"
#include "effect/model.h"
#include "effect/options.h"
#include "format/npy.h"
#include "image/pixels.h"

#define I64 "%" G_GINT64_FORMAT
#define FILES_MAX 64

enum { RANGE_AUTO, RANGE_UNIT, RANGE_BYTE, RANGE_SIGNED };

static const char *const range_names[] = {"auto", "0..1", "0..255", "-1..1", NULL};
static const struct range ranges[] = {{0, 1}, {0, 1}, {0, 255}, {-1, 1}};
static const char *const layout_names[] = {"auto", "nchw", "nhwc", NULL};

struct run_settings {
  int range, output_range, layout;
  char *mean, *deviation;
  bool bgr, resize, grey;
};

static const struct option run_options[] = {
  {"range", OPTION_CHOICE, offsetof (struct run_settings, range),
   "values of black and white that the model takes; auto reads the model's metadata, else guesses and says so",
   .choices = range_names},
  {"output-range", OPTION_CHOICE, offsetof (struct run_settings, output_range), "and those that it gives",
   .choices = range_names},
  {"mean", OPTION_STRING, offsetof (struct run_settings, mean),
   "taken away from a picture's values after that: one number, or one for red, green and blue", .metavar = "R,G,B"},
  {"std", OPTION_STRING, offsetof (struct run_settings, deviation), "divides them after that", .metavar = "R,G,B"},
  {"layout", OPTION_CHOICE, offsetof (struct run_settings, layout),
   "whether channels come before or after height and width; auto as the metadata or the extents say",
   .choices = layout_names},
  {"bgr", OPTION_BOOL, offsetof (struct run_settings, bgr), "channels are blue, green, red"},
  {"resize", OPTION_BOOL, offsetof (struct run_settings, resize), "scale a picture to the size that the model wants"},
  {"grey", OPTION_BOOL, offsetof (struct run_settings, grey),
   "leave a grey model's output grey; otherwise a picture's colours are scaled beside it"},
  {NULL},
};

/* One file for one port. */
struct binding {
  const struct onnx_port *port;
  const char *file;
};

struct run {
  const struct run_settings *settings;
  ImpastoModel *model;
  struct pixel_form form;
  struct binding input[FILES_MAX], output[FILES_MAX];
  guint n_inputs, n_outputs;
  struct onnx_array value[FILES_MAX]; /* of the inputs; owned */
  struct picture *picture;            /* the first input that is one */
  guint picture_input;
  struct picture_axes axes; /* of that input */
  int channels;
  int range, output_range, layout; /* as given, else as the model's metadata say, else auto */
  GString *notes;
};

ImpastoOptions *
impasto_run_options_new (void)
{
  ImpastoOptions *options = impasto_model_options_new ();
  options_add (options, "Pictures", run_options, sizeof (struct run_settings));
  return options;
}

static bool
usage (GError **error, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autoptr (GError) made = g_error_new_valist (IMPASTO_ERROR, IMPASTO_ERROR_USAGE, format, args);
  va_end (args);
  g_propagate_error (error, g_steal_pointer (&made));
  return false;
}

static void
note (struct run *run, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_string_append_vprintf (run->notes, format, args);
  va_end (args);
  g_string_append_c (run->notes, '\n');
}

/* "0.5" or "0.485,0.456,0.406". */
static bool
parse_three (const char *name, const char *text, double fallback, double *three, GError **error)
{
  g_auto (GStrv) parts = text ? g_strsplit (text, ",", -1) : NULL;
  guint n = parts ? g_strv_length (parts) : 0;
  bool ok = n == 0 || n == 1 || n == 3;
  for (int i = 0; i < 3 && ok; i++) {
    char *end = "";
    three[i] = n ? g_ascii_strtod (parts[n == 1 ? 0 : i], &end) : fallback;
    ok = *end == '\0' && isfinite (three[i]) && (n == 0 || *parts[n == 1 ? 0 : i]) && (fallback == 0 || three[i] != 0);
  }
  if (ok)
    return true;
  g_autofree char *shown = text_show (text);
  return usage (error, "--%s wants one number or three like 0.485,0.456,0.406, not '%s'", name, shown);
}

/* The choice that the metadata entry @key names; 0, auto, for none of @names. `impasto export` writes them. */
static int
said (const struct onnx_model *model, const char *key, const char *const *names)
{
  const char *value = onnx_metadata (model, key);
  for (int i = 1; value && names[i]; i++)
    if (g_str_equal (value, names[i]))
      return i;
  return 0;
}

static void
choose_forms (struct run *run)
{
  const struct run_settings *settings = run->settings;
  int range = said (run->model->onnx, "range", range_names);
  run->range = settings->range ? settings->range : range;
  run->output_range = settings->output_range ? settings->output_range : range;
  run->layout = settings->layout ? settings->layout : said (run->model->onnx, "layout", layout_names);
}

/* --- Names and files --- */

static char *
port_names (ImpastoModel *model, bool inputs)
{
  GString *text = g_string_new (NULL);
  guint n = inputs ? onnx_input_count (model->onnx) : onnx_output_count (model->onnx);
  for (guint i = 0; i < n; i++) {
    g_autofree char *shown =
      text_show (inputs ? onnx_input (model->onnx, i)->name : onnx_output (model->onnx, i)->name);
    g_string_append_printf (text, "%s%s", i ? ", " : "", shown);
  }
  return g_string_free (text, FALSE);
}

/* Splits NAME=FILE when the model has such a name; a file whose own name holds a '=' is one without. */
static const struct onnx_port *
named_port (ImpastoModel *model, const char *text, bool inputs, const char **file)
{
  for (const char *at = strchr (text, '='); at; at = strchr (at + 1, '=')) {
    g_autofree char *name = g_strndup (text, at - text);
    const struct onnx_port *port = inputs ? model_input (model, name) : model_output (model, name);
    if (port) {
      *file = at + 1;
      return port;
    }
  }
  *file = text;
  return NULL;
}

static bool
is_bound (const struct binding *bindings, guint n, const struct onnx_port *port)
{
  for (guint i = 0; i < n; i++)
    if (bindings[i].port == port)
      return true;
  return false;
}

/* Files with names first, then those without in the model's order. */
static bool
bind (struct run *run, const char *const *texts, bool inputs, struct binding *bindings, guint *n, GError **error)
{
  ImpastoModel *model = run->model;
  const char *kind = inputs ? "input" : "output";
  g_autofree char *names = port_names (model, inputs);
  const struct onnx_port *port;
  const char *file;
  guint next = 0, count = inputs ? onnx_input_count (model->onnx) : onnx_output_count (model->onnx);

  for (int i = 0; texts[i]; i++) {
    if (!(port = named_port (model, texts[i], inputs, &file)))
      continue;
    if (is_bound (bindings, *n, port))
      return usage (error, "%s '%s' is given twice", kind, port->name);
    if (*n == FILES_MAX)
      return usage (error, "more than %d %ss", FILES_MAX, kind);
    bindings[(*n)++] = (struct binding){port, file};
  }
  for (int i = 0; texts[i]; i++) {
    if (named_port (model, texts[i], inputs, &file))
      continue;
    do
      port = next < count ? inputs ? onnx_input (model->onnx, next) : onnx_output (model->onnx, next) : NULL;
    while (next++ < count && is_bound (bindings, *n, port));
    g_autofree char *shown = text_show (file);
    const char *equals = strchr (file, '='), *slash = strchr (file, G_DIR_SEPARATOR);
    if (equals && !(slash && slash < equals) && !g_file_test (file, G_FILE_TEST_EXISTS))
      return usage (error, "'%s': the model has no %s of that name; it has %s (./NAME=... is a file)", shown, kind,
                    names);
    if (!port || *n == FILES_MAX)
      return usage (error, "the model has no %s for '%s'; it has %s", kind, shown, names);
    bindings[(*n)++] = (struct binding){port, file};
  }
  return true;
}

/* What can be known of an output's file before the run. */
static bool
check_output (struct run *run, guint i, GError **error)
{
  const char *file = run->output[i].file;
  for (guint k = 0; k < run->n_inputs; k++)
    if (draft_replaces (file, run->input[k].file)) {
      g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_OUTPUT, "%s: the output would replace the input itself", file);
      return false;
    }
  for (guint k = 0; k < i; k++)
    if (g_str_equal (file, run->output[k].file))
      return usage (error, "%s: two outputs go there", file);
  if (g_str_has_suffix (file, ".npy"))
    return true;
  if (!impasto_picture_has_extension (file))
    return usage (error, "%s: an output is a picture (.png, .jpg, .webp, .tif ...) or an array (.npy)", file);
  return impasto_picture_can_save (file, error);
}

static bool
check_bindings (struct run *run, GError **error)
{
  for (guint i = 0; i < onnx_input_count (run->model->onnx); i++) {
    const struct onnx_port *port = onnx_input (run->model->onnx, i);
    if (port->optional || is_bound (run->input, run->n_inputs, port))
      continue;
    g_autofree char *name = text_show (port->name), *shape = onnx_port_text (port);
    return usage (error, "input '%s' %s is not given: --input %s=FILE", name, shape, name);
  }
  for (guint i = 0; i < run->n_outputs; i++)
    if (!check_output (run, i, error))
      return false;
  return true;
}

/* --- Inputs --- */

static bool
load_array (const struct binding *binding, struct onnx_array *array, GError **error)
{
  enum onnx_type type = binding->port->type;
  bool boolean;
  g_autoptr (tensor) tensor = npy_load (binding->file, &boolean, error);
  if (!tensor)
    return false;
  bool whole = tensor->dtype == DTYPE_I64 || tensor->dtype == DTYPE_U8;
  if (!onnx_type_known (type))
    type = whole ? ONNX_INT64 : ONNX_FLOAT;
  if (type == ONNX_FLOAT) {
    struct tensor *floats = tensor_convert (tensor, DTYPE_F32, error);
    array->value = floats ? onnx_constant_new_tensor (floats) : NULL;
    tensor_unref (floats);
    return array->value != NULL;
  }
  g_autoptr (tensor) wide = tensor_convert (tensor, whole ? DTYPE_I64 : DTYPE_F64, error);
  array->value = wide ? onnx_constant_new (type, wide->shape, error) : NULL;
  for (int64_t i = 0; array->value && i < array->value->count; i++)
    if (whole)
      onnx_constant_set_int (array->value, i, ((const int64_t *) wide->data)[i]);
    else
      onnx_constant_set_float (array->value, i, ((const double *) wide->data)[i]);
  return array->value != NULL;
}

/* The picture in the size that the model wants. */
static bool
fit_picture (struct run *run, const struct binding *binding, GError **error)
{
  const struct onnx_port *port = binding->port;
  int64_t width = port->rank < 0 ? -1 : port->dim[run->axes.w], height = port->rank < 0 ? -1 : port->dim[run->axes.h];
  struct picture *picture = run->picture;
  if ((width < 0 || width == picture->width) && (height < 0 || height == picture->height))
    return true;
  width = width < 0 ? picture->width : width;
  height = height < 0 ? picture->height : height;
  if (!run->settings->resize || width > 65536 || height > 65536) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MODEL,
                 "%s is %dx%d, the model takes " I64 "x" I64 " only; --resize scales the picture", binding->file,
                 picture->width, picture->height, width, height);
    return false;
  }
  struct picture *scaled = picture_resize (picture, (int) width, (int) height, error);
  if (!scaled)
    return false;
  picture_free (picture);
  run->picture = scaled;
  return true;
}

static bool
load_picture (struct run *run, guint i, GError **error)
{
  const struct binding *binding = &run->input[i];
  const struct onnx_port *port = binding->port;
  static const int64_t any[4] = {-1, -1, -1, -1};
  int rank = port->rank < 0 ? 4 : port->rank;

  if (run->picture)
    return usage (error, "%s: one input can be a picture; give the others as .npy", binding->file);
  if (!picture_axes_of (rank, port->rank < 0 ? any : port->dim, run->layout, &run->axes)) {
    g_autofree char *name = text_show (port->name), *shape = onnx_port_text (port);
    return usage (error, "%s: input '%s' %s is no picture; give it as .npy", binding->file, name, shape);
  }
  int64_t channels = run->axes.c < 0 ? 1 : port->rank < 0 ? -1 : port->dim[run->axes.c];
  bool batch = port->rank == 4 && port->dim[0] > 1;
  if ((channels > 0 && channels != 1 && channels != 3 && channels != 4) || batch) {
    g_autofree char *name = text_show (port->name), *shape = onnx_port_text (port);
    return usage (error, "%s: input '%s' %s is no single picture of 1, 3 or 4 channels; give it as .npy", binding->file,
                  name, shape);
  }
  run->channels = channels > 0 ? (int) channels : 3;
  run->picture_input = i;
  run->picture = picture_load (binding->file, 0, error);
  return run->picture && fit_picture (run, binding, error);
}

/* The picture's values in this range. */
static bool
fill_picture (struct run *run, int range, GError **error)
{
  struct onnx_array *array = &run->value[run->picture_input];
  enum onnx_type type = run->input[run->picture_input].port->type;
  onnx_constant_unref (array->value);
  run->form.range = ranges[range];
  array->value =
    picture_to_values (run->picture, run->axes, run->channels, type ? type : ONNX_FLOAT, &run->form, error);
  return array->value != NULL;
}

static bool
load_inputs (struct run *run, GError **error)
{
  for (guint i = 0; i < run->n_inputs; i++) {
    bool npy = g_str_has_suffix (run->input[i].file, ".npy");
    run->value[i].name = run->input[i].port->name;
    if (!(npy ? load_array (&run->input[i], &run->value[i], error) : load_picture (run, i, error)))
      return false;
  }
  return true;
}

/* --- Ranges --- */

static int
range_of_spread (struct range spread, double far)
{
  return spread.high > far ? RANGE_BYTE : spread.low < -0.4 ? RANGE_SIGNED : RANGE_UNIT;
}

/* What an output's last ops say, else its values; *@why. */
static int
guess_range (const struct onnx_array *output, const char **why)
{
  struct bounds b = output->bounds;
  if (isfinite (b.low) && isfinite (b.high) && b.high > b.low) {
    *why = "from its last ops";
    return range_of_spread ((struct range){b.low, b.high}, 8);
  }
  *why = "from its values";
  return range_of_spread (values_spread (output->value), 4);
}

/* The output that pictures are judged by: the first that is to be saved, or the first. */
static const struct onnx_array *
judged (const struct run *run, GArray *results)
{
  for (guint k = 0; k < results->len && run->n_outputs > 0; k++)
    if (g_str_equal (g_array_index (results, struct onnx_array, k).name, run->output[0].port->name))
      return &g_array_index (results, struct onnx_array, k);
  return &g_array_index (results, struct onnx_array, 0);
}

static GArray *
run_once (struct run *run, GError **error)
{
  g_autofree const char **names = g_new0 (const char *, run->n_outputs + 1);
  for (guint i = 0; i < run->n_outputs; i++)
    names[i] = run->output[i].port->name;
  return onnx_session_run (run->model->session, run->value, run->n_inputs, run->n_outputs ? names : NULL, error);
}

/* Runs with the range that is given; without one with 0..1, and again when the results tell that it was another. A
 * model of bytes takes 0..255. */
static GArray *
run_guessing (struct run *run, int *output_range, GError **error)
{
  int range = run->range;
  const char *why = "given";
  enum onnx_type type = run->picture ? run->input[run->picture_input].port->type : ONNX_FLOAT;
  if (range == RANGE_AUTO && type != ONNX_UNDEFINED && !onnx_type_float (type))
    range = RANGE_BYTE;
  if (run->picture && !fill_picture (run, range ? range : RANGE_UNIT, error))
    return NULL;
  GArray *results = run_once (run, error);
  if (!results || results->len == 0)
    return results;
  int guess = guess_range (judged (run, results), &why);
  bool normalised = run->settings->mean || run->settings->deviation; /* which is said of 0..1 */
  if (run->picture && range == RANGE_AUTO) {
    if (guess != RANGE_UNIT && !normalised) {
      g_array_unref (results);
      results = fill_picture (run, guess, error) ? run_once (run, error) : NULL;
      if (!results)
        return NULL;
    }
    note (run, "input guessed as %s, %s", range_names[normalised ? RANGE_UNIT : guess],
          normalised ? "for --mean and --std are given" : why);
    guess = guess_range (judged (run, results), &why);
  }
  *output_range = run->output_range ? run->output_range : guess;
  for (guint i = 0; i < run->n_outputs; i++)
    if (!run->output_range && !g_str_has_suffix (run->output[i].file, ".npy")) {
      note (run, "output guessed as %s, %s", range_names[guess], why);
      break;
    }
  return results;
}

/* --- Outputs --- */

static char *
summary_of (const struct onnx_array *output, GError **error)
{
  const struct onnx_constant *value = output->value;
  g_autofree char *shape = shape_text (&value->shape), *name = text_show (output->name);
  double low = INFINITY, high = -INFINITY, sum = 0;
  for (int64_t i = 0; i < value->count; i++) {
    double x = onnx_constant_float (value, i);
    if (isnan (x)) {
      g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_NUMERIC, "output '%s' holds NaN, first at element " I64, name,
                   i);
      return NULL;
    }
    low = MIN (low, x);
    high = MAX (high, x);
    sum += x;
  }
  if (value->count == 0)
    return g_strdup_printf ("%s: %s %s\n", name, onnx_type_name (value->type), shape);
  return g_strdup_printf ("%s: %s %s, %.6g to %.6g, mean %.6g\n", name, onnx_type_name (value->type), shape, low, high,
                          sum / (double) value->count);
}

static bool
save_array (const struct onnx_array *output, const char *path, GError **error)
{
  const struct onnx_constant *value = output->value;
  enum dtype dtype = value->type == ONNX_BOOL || value->type == ONNX_UINT8 ? DTYPE_U8
                     : value->ints                                         ? DTYPE_I64
                                                                           : DTYPE_F64;
  if (value->tensor)
    return npy_save (value->tensor, false, path, error);
  g_autoptr (tensor) tensor = tensor_new (value->shape, dtype, error);
  for (int64_t i = 0; tensor && i < value->count; i++)
    if (dtype == DTYPE_U8)
      ((uint8_t *) tensor->data)[i] = (uint8_t) value->ints[i];
    else if (dtype == DTYPE_I64)
      ((int64_t *) tensor->data)[i] = value->ints[i];
    else
      ((double *) tensor->data)[i] = value->doubles[i];
  return tensor && npy_save (tensor, value->type == ONNX_BOOL, path, error);
}

static bool
save_picture (struct run *run, const struct onnx_array *output, const char *path, int range, GError **error)
{
  const struct onnx_port *port = run->input[run->picture_input].port;
  enum layout layout = run->layout;
  if (layout == LAYOUT_AUTO && run->picture && port->rank > 2 && run->axes.c > run->axes.h)
    layout = LAYOUT_NHWC;
  g_autoptr (picture) picture = picture_from_values (output->value, layout, ranges[range], run->settings->bgr, error);
  if (!picture)
    return false;
  bool grey = picture->was_grey && run->picture && run->channels == 1;
  if (grey && !run->picture->was_grey && !run->settings->grey) {
    note (run, "the model is grey: the picture's colours are scaled beside it; --grey leaves them out");
    if (!picture_take_colours (picture, run->picture, error))
      return false;
    picture->was_grey = false;
  }
  if (run->picture) {
    if (!picture_take_alpha (picture, run->picture, error))
      return false;
    picture_keep_meta (picture, run->picture);
  }
  return picture_save (picture, path, NULL, error);
}

static bool
save_outputs (struct run *run, GArray *results, int range, GString *summary, GError **error)
{
  for (guint k = 0; k < results->len; k++) {
    g_autofree char *line = summary_of (&g_array_index (results, struct onnx_array, k), error);
    if (!line) {
      g_prefix_error (error, "%s: ", onnx_name (run->model->onnx));
      return false;
    }
    g_string_append (summary, line);
  }
  for (guint i = 0; i < run->n_outputs; i++)
    for (guint k = 0; k < results->len; k++) {
      const struct onnx_array *output = &g_array_index (results, struct onnx_array, k);
      const char *file = run->output[i].file;
      if (!g_str_equal (output->name, run->output[i].port->name))
        continue;
      if (!(g_str_has_suffix (file, ".npy") ? save_array (output, file, error)
                                            : save_picture (run, output, file, range, error)))
        return false;
    }
  return true;
}

static bool
run_files (struct run *run, const char *const *inputs, const char *const *outputs, GString *summary, GError **error)
{
  int range = RANGE_UNIT;
  choose_forms (run);
  if (!bind (run, inputs, true, run->input, &run->n_inputs, error) ||
      !bind (run, outputs, false, run->output, &run->n_outputs, error) || !check_bindings (run, error) ||
      !parse_three ("mean", run->settings->mean, 0, run->form.mean, error) ||
      !parse_three ("std", run->settings->deviation, 1, run->form.deviation, error) || !load_inputs (run, error))
    return false;
  g_autoptr (GArray) results = run_guessing (run, &range, error);
  return results && save_outputs (run, results, range, summary, error);
}

gboolean
impasto_run (const char *path, const ImpastoOptions *options, const char *const *inputs, const char *const *outputs,
             char **summary, char **notes, GError **error)
{
  const struct run_settings *settings = options_settings (options, run_options);
  g_return_val_if_fail (settings, FALSE);
  g_autoptr (ImpastoModel) model = impasto_model_open (path, options, error);
  GString *lines = g_string_new (NULL);
  struct run run = {.settings = settings, .model = model, .notes = g_string_new (NULL), .form.bgr = settings->bgr};

  bool ok = model && run_files (&run, inputs, outputs, lines, error);
  for (guint i = 0; i < run.n_inputs; i++)
    onnx_constant_unref (run.value[i].value);
  picture_free (run.picture);
  *summary = g_string_free (lines, FALSE);
  *notes = g_string_free (run.notes, FALSE);
  return ok;
}
