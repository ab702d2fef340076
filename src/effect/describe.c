/* SPDX-License-Identifier: Apache-2.0
 *
 * What a network or a pack is made of: its layers with shapes, parameters and operations; the graph as text or for
 * Graphviz; the plan with kernels and memory. */
#include <string.h>

#include "base/text.h"
#include "base/text_json.h"
#include "compile/plan.h"
#include "device/cpu.h"
#include "effect/generator.h"
#include "effect/inspect.h"
#include "effect/options.h"
#include "effect/styles.h"
#include "graph/op.h"
#include "net/gan.h"
#include "net/layers.h"
#include "net/manifest.h"
#include "net/net_file.h"
#include "net/pack.h"
#include "train/checkpoint.h"
#include "train/run_file.h"
#include "train/run_pack.h"

#define CLASSES_SHOWN 50 /* names of classes in a line */

struct describe_settings {
  char *size;
  int format, precision;
};

enum { FORMAT_LAYERS, FORMAT_GRAPH, FORMAT_DOT, FORMAT_PLAN };

static const char *const formats[] = {"layers", "graph", "dot", "plan", NULL};

static const struct option describe_options[] = {
  {"size", OPTION_STRING, offsetof (struct describe_settings, size),
   "of the picture that goes in; default: 256x256, of a classifier that of its pictures", .metavar = "WxH"},
  {"format", OPTION_CHOICE, offsetof (struct describe_settings, format),
   "a table of layers, the graph as text or for Graphviz, or the plan of this machine", .choices = formats},
  {"precision", OPTION_CHOICE, offsetof (struct describe_settings, precision), "of the plan",
   .choices = precision_names},
  {NULL},
};

ImpastoOptions *
impasto_describe_options_new (const char *what)
{
  ImpastoOptions *options = impasto_options_new ();
  const struct net *net = what ? net_find (what) : NULL;
  options_add (options, NULL, describe_options, sizeof (struct describe_settings));
  if (net && net->options) /* the network's own sizes; a name of ours goes first */
    options_add (options, "Network", net->options, net->options_size);
  return options;
}

/* 12345678 -> "12 345 678" */
static char *
grouped (int64_t n)
{
  g_autofree char *plain = g_strdup_printf ("%" G_GINT64_FORMAT, n);
  GString *text = g_string_new (NULL);
  size_t length = strlen (plain);
  for (size_t i = 0; i < length; i++)
    g_string_append_printf (text, "%s%c", i && (length - i) % 3 == 0 ? " " : "", plain[i]);
  return g_string_free (text, FALSE);
}

/* One row a scope that holds no others, or parameters or operations worth counting. */
struct layer {
  const char *scope;
  const char *kind; /* of the op that works most, or the only one */
  struct shape shape;
  int nodes;
  int64_t parameters;
  double flops;
};

static struct layer *
layer_of (GArray *layers, const char *scope)
{
  for (guint i = 0; i < layers->len; i++)
    if (g_str_equal (g_array_index (layers, struct layer, i).scope, scope))
      return &g_array_index (layers, struct layer, i);
  struct layer layer = {.scope = scope, .kind = ""};
  g_array_append_val (layers, layer);
  return &g_array_index (layers, struct layer, layers->len - 1);
}

static GArray *
collect_layers (const struct graph *graph)
{
  GArray *layers = g_array_new (FALSE, TRUE, sizeof (struct layer));
  for (int id = 0; id < graph_count (graph); id++) {
    const struct node *node = graph_node (graph, id);
    if (node->op == &op_input || node->op == &op_constant)
      continue;
    struct layer *layer = layer_of (layers, node->scope);
    double flops = graph_node_flops (graph, id);
    if (node->op == &op_parameter) {
      layer->parameters += shape_size (&node->shape);
      continue;
    }
    layer->shape = node->shape;
    layer->flops += flops;
    if (flops > shape_size (&node->shape) || layer->nodes == 0) /* not what mixes a style's rows */
      layer->kind = node->op->name;
    else if (layer->nodes == 1 && layer->flops == 0)
      layer->kind = "";
    layer->nodes++;
  }
  return layers;
}

static bool
is_layer (const GArray *layers, const struct layer *layer)
{
  if (layer->parameters || layer->flops > 0)
    return true;
  g_autofree char *inside = g_strconcat (layer->scope, ".", NULL);
  bool parent = *layer->scope == '\0';
  for (guint i = 0; i < layers->len && !parent; i++)
    parent = g_str_has_prefix (g_array_index (layers, struct layer, i).scope, inside);
  return !parent;
}

/* Numbers that are no weights: running statistics and the like. */
static int64_t
count_state (const struct graph *graph)
{
  int64_t n = 0;
  for (int id = 0; id < graph_count (graph); id++) {
    const struct node *node = graph_node (graph, id);
    if (node->op == &op_parameter && layer_state (node->name))
      n += shape_size (&node->shape);
  }
  return n;
}

static char *
layers_text (const struct graph *graph)
{
  g_autoptr (GArray) layers = collect_layers (graph);
  g_autoptr (GString) text = g_string_new (NULL);
  int64_t parameters = 0;
  double flops = 0;
  g_string_append_printf (text, "%-26s %-16s %-22s %12s %12s\n", "layer", "kind", "output", "parameters", "MFLOP");
  for (guint i = 0; i < layers->len; i++) {
    const struct layer *layer = &g_array_index (layers, struct layer, i);
    if (!is_layer (layers, layer))
      continue;
    g_autofree char *shape = shape_text (&layer->shape), *count = grouped (layer->parameters);
    g_string_append_printf (text, "%-26s %-16s %-22s %12s %12.1f\n", layer->scope, layer->kind, shape, count,
                            layer->flops * 1e-6);
    parameters += layer->parameters;
    flops += layer->flops;
  }
  g_autofree char *count = grouped (parameters), *state = grouped (count_state (graph));
  g_string_append_printf (text, "%s parameters, ", count);
  if (*state != '0')
    g_string_append_printf (text, "%s of them running statistics, ", state);
  g_string_append_printf (text, "%.2f GFLOP (a multiplication and an addition count two)\n", flops * 1e-9);
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static char *
plan_of (struct graph *graph, struct weights *weights, const struct describe_settings *settings, GError **error)
{
  struct plan_options options = {.precision = settings->precision, .memory_limit = cpu_memory_available ()};
  g_autoptr (weights) all = weights ? weights_ref (weights) : weights_new ();
  if (!weights_init (all, graph, 1, error))
    return NULL;
  g_autoptr (plan) plan = plan_compile (graph, all, &options, error);
  return plan ? plan_text (plan) : NULL;
}

static char *
graph_description (struct graph *graph, struct weights *weights, const struct describe_settings *settings,
                   GError **error)
{
  if (!graph_check (graph, error))
    return NULL;
  switch (settings->format) {
  case FORMAT_GRAPH: return graph_text (graph);
  case FORMAT_DOT: return graph_dot (graph);
  case FORMAT_PLAN: return plan_of (graph, weights, settings, error);
  default: return layers_text (graph);
  }
}

static void
append_line (GString *text, const char *key, const char *value)
{
  if (value && *value)
    g_string_append_printf (text, "%-12s %s\n", key, value);
}

/* What the manifest says. */
static char *
manifest_text (const struct pack *pack)
{
  GString *text = g_string_new (NULL);
  const struct gan_preset *preset = painter_preset (&pack->settings);
  g_autofree char *width =
    preset ? g_strdup_printf ("%s, width %d", preset->net.name, (int) pack->settings.width)
           : g_strdup_printf ("width %d, inner %d, residuals %d, ends %d", (int) pack->settings.width,
                              (int) pack->settings.inner, (int) pack->settings.residuals, (int) pack->settings.ends);
  append_line (text, "pack", pack->path);
  append_line (text, "title", pack->title);
  append_line (text, "license", pack->license);
  append_line (text, "provenance", pack->provenance);
  append_line (text, "network", width);
  for (guint i = 0; i < pack->styles->len; i++) {
    const struct pack_style *style = pack->styles->pdata[i];
    g_string_append_printf (text, "%-12s %s", i ? "" : "styles", style->name);
    const char *facts[] = {style->title, style->artist, style->year};
    const char *between = ": ";
    for (size_t k = 0; k < G_N_ELEMENTS (facts); k++)
      if (*facts[k]) {
        g_string_append_printf (text, "%s%s", between, facts[k]);
        between = ", ";
      }
    g_string_append_c (text, '\n');
  }
  if (pack->predicting) {
    g_autofree char *predictor =
      g_strdup_printf ("guesses other paintings' styles (--style-image), from a basis of %d rows",
                       (int) predictor_net_basis (&pack->predictor));
    append_line (text, "predictor", predictor);
  }
  if (pack->training) {
    g_autofree char *json = text_json_write_object (pack->training, FALSE);
    append_line (text, "training", json);
  }
  return g_string_free (text, FALSE);
}

static char *
pack_description (const struct pack *pack, struct shape shape, const struct describe_settings *settings, GError **error)
{
  g_autoptr (graph) graph = graph_new ();
  net_build (&net_style, graph, shape, &pack->settings);
  g_autofree char *body = graph_description (graph, pack->weights, settings, error);
  if (!body || settings->format != FORMAT_LAYERS)
    return g_steal_pointer (&body);
  g_autofree char *head = manifest_text (pack);
  return g_strconcat (head, "\n", body, NULL);
}

static char *
describe_pack (const char *path, struct shape shape, const struct describe_settings *settings, GError **error)
{
  g_autoptr (pack) pack = style_open_pack (path, error);
  return pack ? pack_description (pack, shape, settings, error) : NULL;
}

/* The whole pack of the style "FILE.safetensors:NAME", which it must have. */
static char *
describe_style (const char *text, struct shape shape, const struct describe_settings *settings, GError **error)
{
  struct style style;
  char *description = style_find (text, &style, error) ? pack_description (style.pack, shape, settings, error) : NULL;
  style_clear (&style);
  return description;
}

/* "cat, dog", or NULL; of many the first. A new string. */
static char *
classes_text (const struct net_file *file)
{
  const struct gan_net *net = file->settings;
  if (!net->conditional)
    return NULL;
  int shown = MIN ((int) net->classes, CLASSES_SHOWN);
  g_auto (GStrv) names = net_file_class_names (file, shown);
  g_autoptr (GString) text = g_string_new (NULL);
  for (int k = 0; k < shown; k++) {
    g_autofree char *name = text_show (names[k]);
    g_string_append_printf (text, "%s%s", k ? ", " : "", name);
  }
  if (shown < net->classes)
    g_string_append_printf (text, " and %d more", (int) net->classes - shown);
  return g_string_free (g_steal_pointer (&text), FALSE);
}

/* A generator of ours, or a model of Keras: for one picture, or pictures of the size asked for. */
static char *
describe_generator (const char *path, struct shape shape, const struct describe_settings *settings, GError **error)
{
  g_autoptr (generator) generator = generator_load (path, error);
  if (!generator)
    return NULL;
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (weights) weights = weights_new ();
  graph_output (graph, "picture", generator_build (generator, graph, 1, shape.dim[2], shape.dim[3], weights));
  g_autofree char *body = graph_description (graph, weights, settings, error);
  if (!body)
    g_prefix_error (error, "%s: ", path);
  if (!body || settings->format != FORMAT_LAYERS)
    return g_steal_pointer (&body);
  g_autoptr (GString) head = g_string_new (NULL);
  g_autofree char *noise = generator_noise (generator);
  const struct net_file *file = generator->file;
  g_autofree char *classes = file ? classes_text (file) : NULL;
  append_line (head, "model", path);
  append_line (head, "title", file ? file->title : generator->keras->name);
  append_line (head, "network", file ? file->net->name : "Keras's");
  append_line (head, "keras", file ? NULL : generator->keras->version);
  append_line (head, "license", file ? file->license : NULL);
  append_line (head, "provenance", file ? file->provenance : NULL);
  append_line (head, "classes", classes);
  append_line (head, "noise", noise);
  append_line (head, "values", generator_range (generator));
  return g_strconcat (head->str, "\n", body, NULL);
}

/* Where no size is asked for: of pictures that a classifier is trained on, otherwise @shape. */
static struct shape
usual_shape (const struct net *net, const void *settings, struct shape shape)
{
  const struct classifier_net *classifier = settings;
  return net == &net_classifier ? SHAPE (1, 3, classifier->size, classifier->size) : shape;
}

/* A network of ours that is neither a pack nor a generator: what pictures are compared by, a classifier, the painter of
 * --style-image. */
static char *
describe_net_file (const struct net_file *file, const char *path, struct shape shape,
                   const struct describe_settings *settings, GError **error)
{
  g_autoptr (graph) graph = graph_new ();
  net_build (file->net, graph, settings->size ? shape : usual_shape (file->net, file->settings, shape), file->settings);
  g_autofree char *body = graph_description (graph, file->weights, settings, error);
  if (!body || settings->format != FORMAT_LAYERS)
    return g_steal_pointer (&body);
  g_autoptr (GString) head = g_string_new (NULL);
  g_autofree char *training = file->training ? text_json_write_object (file->training, FALSE) : NULL;
  append_line (head, "model", path);
  append_line (head, "title", file->title);
  append_line (head, "network", file->net->name);
  append_line (head, "license", file->license);
  append_line (head, "provenance", file->provenance);
  append_line (head, "training", training);
  return g_strconcat (head->str, "\n", body, NULL);
}

static char *
describe_file (const char *path, struct shape shape, const struct describe_settings *settings, GError **error)
{
  if (generator_matches (path))
    return describe_generator (path, shape, settings, error);
  g_autofree char *name = manifest_network (path);
  const struct net *net = name ? net_find (name) : NULL;
  bool run = run_file_matches (path);
  if (run || (net && net->build && net != &net_style)) {
    g_autoptr (net_file) file = run ? run_file_load (path, error) : net_file_load (path, net, error);
    return file ? describe_net_file (file, path, shape, settings, error) : NULL;
  }
  if (g_file_test (path, G_FILE_TEST_IS_DIR) && !run_pack_matches (path)) {
    static const struct recipe *const recipes[] = {
      &recipe_style,     &recipe_predictor,  &recipe_translate,  &recipe_gan,
      &recipe_arbitrary, &recipe_perceptual, &recipe_classifier, NULL};
    checkpoint_refuse (path, recipes, error);
    return NULL;
  }
  if (!g_str_has_suffix (path, ".onnx") || !g_file_test (path, G_FILE_TEST_EXISTS))
    return describe_pack (path, shape, settings, error);
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "%s: of an ONNX model impasto run %s --info tells", path,
               path);
  return NULL;
}

/* The network or style that a slip of the hand turned into @what; a new string, or NULL. */
static char *
nearest_name (const char *what)
{
  g_autoptr (GPtrArray) styles = impasto_styles (NULL), names = g_ptr_array_new ();
  for (const char *const *net = impasto_nets (); *net; net++)
    g_ptr_array_add (names, (gpointer) *net);
  for (guint i = 0; i < styles->len; i++)
    g_ptr_array_add (names, ((ImpastoStyle *) styles->pdata[i])->name);
  g_ptr_array_add (names, NULL);
  return g_strdup (text_nearest (what, (const char *const *) names->pdata));
}

char *
impasto_describe (const char *what, const ImpastoOptions *options, GError **error)
{
  const struct describe_settings *settings = options_settings (options, describe_options);
  int width, height;
  g_return_val_if_fail (settings, NULL);
  if (!parse_size ("size", settings->size ? settings->size : "256x256", &width, &height, error))
    return NULL;
  struct shape shape = SHAPE (1, 3, height, width);
  const struct net *net = net_find (what);
  if (net) {
    g_autoptr (graph) graph = graph_new ();
    const void *own = net->options ? options_settings (options, net->options) : NULL;
    net_build (net, graph, settings->size ? shape : usual_shape (net, own, shape), own);
    g_autofree char *body = graph_description (graph, NULL, settings, error);
    bool head = body && settings->format == FORMAT_LAYERS;
    return head ? g_strdup_printf ("%s: %s\n\n%s", net->name, net->help, body) : g_steal_pointer (&body);
  }
  g_autofree char *pack = style_pack (what), *file = pack ? NULL : style_pack_file (what),
                  *names = g_strjoinv (", ", (char **) impasto_nets ());
  bool is_pack = g_str_has_suffix (what, ".safetensors");
  if (g_file_test (what, G_FILE_TEST_EXISTS) || is_pack || g_str_has_suffix (what, ".onnx") || generator_matches (what))
    return describe_file (is_pack && file ? file : what, shape, settings, error);
  if (style_is_of_file (what))
    return describe_style (what, shape, settings, error);
  if (pack || (file && g_file_test (file, G_FILE_TEST_EXISTS)))
    return describe_file (pack ? pack : file, shape, settings, error);
  g_autofree char *meant = nearest_name (what);
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "'%s' is no pack's file, no style and no network; %s%s%s",
               what, meant ? "did you mean " : "there are ", meant ? meant : names, meant ? "?" : "");
  return NULL;
}
