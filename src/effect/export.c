/* SPDX-License-Identifier: Apache-2.0
 *
 * A style as an ONNX model that paints as `impasto paint` does: the mirrored margin, the padding to a multiple of four
 * and the cut are inside, so that it takes pictures of any size. One style is folded in (its row of every scale and
 * shift becomes a constant), or all of a pack stay, and their weights are a second input. The network is built at two
 * sizes, from which onnx/export.h learns what the size decides. */
#include <string.h>

#include "base/draft.h"
#include "base/text_json.h"
#include "effect/generator.h"
#include "effect/inspect.h"
#include "effect/options.h"
#include "effect/styles.h"
#include "effect/stylize.h"
#include "format/safetensors.h"
#include "net/gan.h"
#include "onnx/export.h"
#include "train/checkpoint.h"
#include "train/run_file.h"
#include "train/run_pack.h"

struct export_settings {
  char *pack, *style, *judge;
  bool all_styles;
  int64_t opset;
  int weights, range, layout;
  int64_t margin;
  char *fixed, *input, *output;
};

enum { WEIGHTS_F32, WEIGHTS_F16 };
enum { LAYOUT_FIRST, LAYOUT_CHANNELS_LAST };

static const char *const weights_names[] = {"f32", "f16", NULL};
static const char *const range_names[] = {"0..1", "0..255", NULL};
static const double ranges[] = {1, 255};
static const char *const layout_names[] = {"nchw", "nhwc", NULL};
static const char *const layout_axes[] = {"(batch, 3, height, width)", "(batch, height, width, 3)"};

static const struct option export_options[] = {
  {"pack", OPTION_STRING, offsetof (struct export_settings, pack), "the pack that holds it: a file, its name, or a RUN",
   .metavar = "PACK"},
  {"style", OPTION_STRING, offsetof (struct export_settings, style),
   "a style's name (see impasto styles), FILE.safetensors or FILE.safetensors:NAME, RUN or RUN:NAME",
   .metavar = "NAME"},
  {"all-styles", OPTION_BOOL, offsetof (struct export_settings, all_styles),
   "every style of the pack; their weights become a second input, style (batch, styles)"},
  {"judge", OPTION_STRING, offsetof (struct export_settings, judge),
   "of a generator, for Keras: writes the judge, or the encoder, that its RUN, or this checkpoint of it, holds",
   .metavar = "CHECKPOINT"},
  {"range", OPTION_CHOICE, offsetof (struct export_settings, range), "of the values of pictures",
   .choices = range_names},
  {"layout", OPTION_CHOICE, offsetof (struct export_settings, layout), "of pictures: channels first or last",
   .choices = layout_names},
  {"fixed", OPTION_STRING, offsetof (struct export_settings, fixed),
   "one picture of this size, for tools that cannot take any size", .metavar = "WxH"},
  {"margin", OPTION_INT, offsetof (struct export_settings, margin),
   "mirrored pixels around the picture inside the model; less is quicker and paints borders duller", 0, 1024,
   STYLIZE_MARGIN},
  {"weights", OPTION_CHOICE, offsetof (struct export_settings, weights),
   "how they are stored; f16 is half as large and what packs hold anyway", .choices = weights_names},
  {"opset", OPTION_INT, offsetof (struct export_settings, opset), "version of the ONNX ops", ONNX_OPSET_MIN,
   ONNX_OPSET_MAX, ONNX_OPSET_DEFAULT},
  {"input-name", OPTION_STRING, offsetof (struct export_settings, input), "of the photograph", .text = "photo",
   .metavar = "NAME"},
  {"output-name", OPTION_STRING, offsetof (struct export_settings, output), "of the painting", .text = "painting",
   .metavar = "NAME"},
  {NULL},
};

ImpastoOptions *
impasto_export_options_new (void)
{
  ImpastoOptions *options = impasto_options_new ();
  options_add (options, NULL, export_options, sizeof (struct export_settings));
  return options;
}

/* Which style */

/* The style that the options name; with all styles, any of the pack. */
static bool
find_style (const struct export_settings *settings, struct style *style, GError **error)
{
  if (!settings->pack)
    return style_find (settings->style, style, error);
  g_autofree char *path = style_pack_file (settings->pack);
  if (!path && !settings->style && !settings->all_styles) /* a style where a pack was meant to be */
    return style_find (settings->pack, style, error);
  if (!path) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE,
                 "no pack '%s': it is neither a .safetensors file nor one of a folder of styles", settings->pack);
    return false;
  }
  g_autoptr (pack) any = NULL;
  const char *name = settings->style;
  if (!name && settings->all_styles) {
    if (!(any = style_open_pack (path, error)))
      return false;
    name = ((const struct pack_style *) any->styles->pdata[0])->name;
  }
  g_autofree char *text = name ? g_strconcat (path, ":", name, NULL) : g_strdup (path);
  return style_find (text, style, error);
}

/* Networks */

struct size {
  int64_t batch, height, width;
};

/* The network as it will be written: for all styles with an input for their weights, otherwise without. */
static struct graph *
build (const struct export_settings *settings, const struct style_net *net, struct size size)
{
  struct graph *graph = graph_new ();
  sym photo = graph_input (graph, settings->input, SHAPE (size.batch, 3, size.height, size.width)), style = {graph, -1};
  if (settings->all_styles)
    style = graph_input (graph, "style", SHAPE (size.batch, style_net_rows (net)));
  graph_output (graph, settings->output, style_net (photo, (struct style_control){.rows = style}, net));
  return graph;
}

/* The weights of @graph: tables of many styles give the row of one where that is what a parameter wants. */
static struct weights *
weights_for (const struct graph *graph, const struct style *style, GError **error)
{
  g_autoptr (weights) weights = weights_new ();
  for (int id = 0; id < graph_count (graph); id++) {
    const struct node *node = graph_node (graph, id);
    struct tensor *table = node->name ? weights_find (style->pack->weights, node->name) : NULL;
    if (!table)
      continue;
    if (shape_equal (&table->shape, &node->shape)) {
      weights_add (weights, node->name, table);
      continue;
    }
    g_autoptr (tensor) row = tensor_new (node->shape, DTYPE_F32, error);
    if (!row)
      return NULL;
    memcpy (row->data, (const char *) table->data + style->row * row->size, row->size);
    weights_add (weights, node->name, row);
  }
  return g_steal_pointer (&weights);
}

/* The card */

static const struct pack_style *
row_of (const struct style *style)
{
  return style->pack->styles->pdata[style->row];
}

/* The rows in their order, joined by ','. */
static char *
names_of (const struct pack *pack)
{
  g_autoptr (GString) names = g_string_new (NULL);
  for (guint i = 0; i < pack->styles->len; i++)
    g_string_append_printf (names, "%s%s", i ? "," : "", ((const struct pack_style *) pack->styles->pdata[i])->name);
  if (pack->settings.photograph)
    g_string_append (names, ",photograph");
  if (pack->settings.brush)
    g_string_append (names, ",coarser-brush,finer-brush");
  return g_string_free (g_steal_pointer (&names), FALSE);
}

static void
append_sentence (GString *text, const char *start, const char *value)
{
  if (value && *value)
    g_string_append_printf (text, "\n%s%s", start, value);
}

static char *
doc_text (const struct export_settings *settings, const struct style *style)
{
  const struct pack_style *row = row_of (style);
  const struct pack *pack = style->pack;
  g_autofree char *names = names_of (pack), *size = settings->fixed ? g_strdup (settings->fixed) : NULL;
  GString *text = g_string_new (NULL);
  if (settings->all_styles)
    g_string_append_printf (text, "Paints photographs in %u styles (impasto).", pack->styles->len);
  else
    g_string_append_printf (text, "Paints photographs in the style of %s%s%s%s%s (impasto).",
                            *row->title ? row->title : row->name, *row->artist ? ", " : "", row->artist,
                            *row->year ? ", " : "", row->year);
  g_string_append_printf (text,
                          "\nInput %s: sRGB pictures %s, values %s, %s%s.\nOutput %s: the "
                          "paintings, of the same size and range.",
                          settings->input, layout_axes[settings->layout], range_names[settings->range],
                          size ? "of " : "of any size", size ? size : "", settings->output);
  if (settings->all_styles)
    g_string_append_printf (text,
                            "\nInput style: (batch, %d) weights of %s; 1 for one style and 0 for the others, "
                            "or a mix that sums to 1.",
                            (int) style_net_rows (&pack->settings), names);
  if (settings->all_styles && pack->settings.photograph)
    g_string_append (text, " A share of photograph in that mix paints with less strength.");
  if (settings->all_styles && pack->settings.brush)
    g_string_append (text, " Beside it, for brushes 2^b as large: b for coarser-brush, or -b for finer-brush.");
  append_sentence (text, "Licence of the weights: ", pack->license);
  append_sentence (text, "Provenance: ", pack->provenance);
  return g_string_free (text, FALSE);
}

static char *
training_text (const struct pack *pack)
{
  return pack->training ? text_json_write_object (pack->training, FALSE) : NULL;
}

/* key, value, key, value, ..., NULL; empty values are left out by the writer. */
static bool
save (const struct export_settings *settings, const struct style *style, struct graph *graph, struct graph *other,
      struct onnx_export_options options, const char *path, GError **error)
{
  const struct pack *pack = style->pack;
  const struct pack_style *row = settings->all_styles ? &(struct pack_style){0} : row_of (style);
  g_autofree char *names = names_of (pack), *doc = doc_text (settings, style), *training = training_text (pack),
                  *file = g_path_get_basename (pack->path), *margin = g_strdup_printf ("%d", (int) settings->margin);
  const char *metadata[] = {
    "title",       pack->title,
    "license",     pack->license,
    "provenance",  pack->provenance,
    "style",       row->name,
    "style_title", row->title,
    "artist",      row->artist,
    "year",        row->year,
    "styles",      settings->all_styles ? names : NULL,
    "pack",        file,
    "sha256",      style->sha256,
    "training",    training,
    "range",       range_names[settings->range],
    "layout",      layout_names[settings->layout],
    "margin",      margin,
    NULL,
  };
  g_autoptr (weights) weights = weights_for (graph, style, error);
  options.name = settings->all_styles ? pack->title : row->name;
  options.doc = doc;
  options.version = impasto_version ();
  options.metadata = metadata;
  return weights && onnx_export (graph, other, weights, &options, path, error);
}

static int64_t
framed (int64_t extent, int64_t margin)
{
  return (extent + 2 * margin + STYLIZE_MULTIPLE - 1) / STYLIZE_MULTIPLE * STYLIZE_MULTIPLE;
}

static bool
check_names (const struct export_settings *settings, GError **error)
{
  const char *const names[] = {settings->input, settings->output, settings->all_styles ? "style" : ""};
  bool good = true;
  for (int i = 0; i < 2; i++)
    good &= names[i] && *names[i] && g_utf8_validate (names[i], -1, NULL) && g_strcmp0 (names[i], names[2]) != 0;
  if (good && g_strcmp0 (names[0], names[1]) != 0)
    return true;
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE,
               "--input-name and --output-name want two different names, not empty%s",
               *names[2] ? ", neither of them style" : "");
  return false;
}

/* The generator for Keras, or what it was trained with. */
static bool
export_keras (const struct net_file *file, const char *checkpoint, const char *path, GError **error)
{
  const struct gan_preset *preset = gan_preset_of (file->net);
  if (!checkpoint)
    return keras_save_gan (preset, file->settings, KERAS_GENERATOR, file->weights, "", path, error);
  enum keras_part part = preset->judge ? KERAS_JUDGE : KERAS_ENCODER;
  g_autofree char *found = checkpoint_find (checkpoint, error);
  g_autoptr (weights) weights = found ? checkpoint_load (found, error) : NULL;
  g_autoptr (GError) local = NULL;
  if (!weights ||
      keras_save_gan (preset, file->settings, part, weights, preset->judge ? "judge." : "encoder.", path, &local))
    return weights != NULL;
  if (g_error_matches (local, IMPASTO_ERROR, IMPASTO_ERROR_INPUT))
    g_prefix_error (&local, "%s: is no checkpoint of this generator's run: ", checkpoint);
  g_propagate_error (error, g_steal_pointer (&local));
  return false;
}

/* Whether @path is what is read; sets @error then. */
static bool
is_same (const char *source, const char *path, GError **error)
{
  if (!draft_replaces (path, source))
    return false;
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "%s: would be replaced by what it is exported as", path);
  return true;
}

/* A generator of ours, or a model of Keras, into another form. */
static bool
export_generator (const struct export_settings *settings, const char *path, GError **error)
{
  g_autoptr (generator) generator = generator_load (settings->pack, error);
  if (!generator)
    return false;
  if (settings->style || settings->all_styles || settings->fixed) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "%s: has no styles and no sizes to choose", settings->pack);
    return false;
  }
  if (g_str_has_suffix (path, ".onnx") && !settings->judge)
    return generator_export (generator, (int) settings->opset, settings->weights == WEIGHTS_F16, path, NULL, error);
  if (g_str_has_suffix (path, ".h5") && generator->file)
    return export_keras (generator->file, settings->judge, path, error);
  if (is_same (generator->file ? generator->file->path : "", path, error))
    return false;
  if (g_str_has_suffix (path, ".safetensors") && generator->file && !settings->judge)
    return net_file_save (generator->file, path, error);
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "%s: a generator's file ends in .onnx%s", path,
               generator->file ? ", for Keras in .h5, of impasto in .safetensors" : "");
  return false;
}

/* A painter that is a list of layers, for Keras: photographs and paintings in -1..1. */
static bool
export_painter (const struct style *style, const char *judge, const char *path, GError **error)
{
  const struct pack *pack = style->pack;
  const struct gan_preset *preset = painter_preset (&pack->settings);
  struct gan_net net = painter_gan_net (pack->settings.width);
  if (preset && !judge)
    return keras_save_gan (preset, &net, KERAS_GENERATOR, pack->weights, "", path, error);
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE,
               preset ? "%s: --judge goes with generators that draw from noise"
                      : "%s: Keras has layers for painters of painter-gan and anime alone; another style's model ends "
                        "in .onnx",
               path);
  return false;
}

/* What a run has learnt so far, as the pack or network that it would end with. */
static bool
export_run (const ImpastoOptions *options, const char *path, GError **error)
{
  const struct export_settings *settings = options_settings (options, export_options);
  for (const struct option *option = export_options; option->name; option++)
    if (!g_str_equal (option->name, "pack") && options_given (options, option->name)) {
      g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "%s: becomes one file as a whole; leave --%s out",
                   settings->pack, option->name);
      return false;
    }
  if (run_file_matches (settings->pack)) {
    g_autoptr (net_file) file = run_file_load (settings->pack, error);
    return file && !is_same (file->path, path, error) && net_file_save (file, path, error);
  }
  g_autoptr (pack) pack = run_pack_load (settings->pack, error);
  if (!pack)
    return false;
  return !is_same (pack->path, path, error) && pack_save (pack, path, error);
}

gboolean
impasto_export (const ImpastoOptions *options, const char *path, GError **error)
{
  const struct export_settings *settings = options_settings (options, export_options);
  struct style style = {0};
  int width = 0, height = 0;
  g_return_val_if_fail (settings && path, FALSE);
  if (!checkpoint_check_result (path, error))
    return FALSE;
  if (settings->pack && generator_matches (settings->pack))
    return export_generator (settings, path, error);
  const bool network = settings->pack && run_file_matches (settings->pack);
  if (g_str_has_suffix (path, ".safetensors") && (network || (settings->pack && run_pack_matches (settings->pack))))
    return export_run (options, path, error);
  if (network) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE,
                 "%s: what a run of train arbitrary, perceptual or classifier has learnt becomes a .safetensors", path);
    return FALSE;
  }
  bool keras = g_str_has_suffix (path, ".h5");
  if (!keras && !g_str_has_suffix (path, ".onnx")) {
    if (find_style (settings, &style, error)) /* else that is the mistake */
      g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE,
                   "%s: a style's file ends in .onnx or, for Keras, in .h5; .safetensors is for runs and generators",
                   path);
    style_clear (&style);
    return FALSE;
  }
  if (!check_names (settings, error) ||
      (settings->fixed && !parse_size ("fixed", settings->fixed, &width, &height, error)) ||
      !find_style (settings, &style, error))
    return FALSE;

  if (keras) {
    bool saved = export_painter (&style, settings->judge, path, error);
    style_clear (&style);
    return saved;
  }
  struct onnx_frame frame = {settings->input,  settings->output,        settings->margin,
                             STYLIZE_MULTIPLE, ranges[settings->range], settings->layout == LAYOUT_CHANNELS_LAST};
  struct onnx_export_options wanted = {
    .opset = settings->opset,
    .half = settings->weights == WEIGHTS_F16,
    .frame = &frame,
    .width = width,
    .height = height,
  };
  /* All extents differ, also inside the network, so that what stays the same is what does not depend on the size. */
  struct size one = {1, 44, 52}, two = {2, 68, 76};
  if (settings->fixed)
    one = (struct size){1, framed (height, settings->margin), framed (width, settings->margin)};
  g_autoptr (graph) graph = build (settings, &style.pack->settings, one);
  g_autoptr (graph) other = settings->fixed ? NULL : build (settings, &style.pack->settings, two);
  bool done = save (settings, &style, graph, other, wanted, path, error);
  style_clear (&style);
  return done;
}

char *
impasto_export_name (const ImpastoOptions *options, GError **error)
{
  const struct export_settings *settings = options_settings (options, export_options);
  struct style style = {0};
  g_return_val_if_fail (settings, NULL);
  if (settings->pack && generator_matches (settings->pack)) {
    g_autofree char *name = g_path_get_basename (settings->pack);
    char *end = strrchr (name, '.');
    if (end)
      *end = '\0';
    return g_strconcat (name, ".onnx", NULL);
  }
  if (!find_style (settings, &style, error))
    return NULL;
  g_autofree char *pack = g_path_get_basename (style.pack->path);
  if (g_str_has_suffix (pack, ".safetensors"))
    pack[strlen (pack) - strlen (".safetensors")] = '\0';
  char *name = g_strconcat (settings->all_styles ? pack : row_of (&style)->name, ".onnx", NULL);
  style_clear (&style);
  return name;
}
