/* SPDX-License-Identifier: Apache-2.0
 *
 * Whatever is timed, in one form. Time does not depend on the values of weights as long as none is denormal, so
 * networks without a file get random ones. */
#include "effect/subject.h"

#include <string.h>

#include "base/text.h"
#include "device/cpu.h"
#include "effect/inspect.h"
#include "effect/styles.h"
#include "format/npy.h"
#include "onnx/onnx.h"
#include "train/trainer.h"

#define DEFAULT_SIZE "512x512"

static const struct {
  const char *name;
  struct style_net settings;
} presets[] = {
  {"johnson", {.styles = 1, .width = 32, .inner = 128, .residuals = 5, .ends = 9}},
};

/* "inner=128,ends=9" */
static bool
apply_settings (const char *text, const struct option *table, void *object, GError **error)
{
  g_auto (GStrv) parts = g_strsplit (text ? text : "", ",", -1);
  for (int i = 0; parts[i]; i++) {
    char *value = strchr (parts[i], '=');
    if (value)
      *value++ = '\0';
    if (!option_set (table, object, g_strstrip (parts[i]), value, error)) {
      g_prefix_error (error, "--set: ");
      return false;
    }
  }
  return true;
}

static bool
is_net (const char *name)
{
  bool preset = g_str_equal (name, "default");
  for (size_t i = 0; i < G_N_ELEMENTS (presets); i++)
    preset |= g_str_equal (name, presets[i].name);
  return preset || net_find (name);
}

/* A network of ours: a preset or one of net_table, with the settings of --set. */
static bool
build_net (struct subject *subject, const char *name, const struct subject_options *options, struct shape shape,
           GError **error)
{
  const struct net *net = net_find (name);
  struct style_net style = {0};
  option_init (net_style.options, &style);
  for (size_t i = 0; i < G_N_ELEMENTS (presets); i++)
    if (g_str_equal (name, presets[i].name))
      style = presets[i].settings;
  if (!is_net (name)) {
    g_autofree char *shown = text_show (name), *names = g_strjoinv (", ", (char **) impasto_nets ());
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "there is no network '%s'; there are johnson, default, %s",
                 shown, names);
    return false;
  }
  net = net ? net : &net_style;
  g_autofree void *own = net == &net_style ? NULL : g_malloc0 (net->options_size + 1);
  void *object = own ? own : &style;
  if (own)
    option_init (net->options, own);
  if (!apply_settings (options->set, net->options, object, error))
    return false;
  net_build (net, subject->graph, shape, object);
  return true;
}

/* The network of a style, or of a pack, of which any style does. */
static bool
build_style (struct subject *subject, const char *name, struct shape shape, GError **error)
{
  struct style style = {0};
  g_autofree char *of_style = style_pack (name), *file = of_style ? NULL : style_pack_file (name);
  bool whole = file && g_file_test (file, G_FILE_TEST_EXISTS);
  if (whole)
    style.pack = style_open_pack (file, error);
  if (whole ? !style.pack : !style_find (name, &style, error))
    return false;
  weights_unref (subject->weights);
  subject->weights = weights_ref (style.pack->weights);
  net_build (&net_style, subject->graph, shape, &style.pack->settings);
  style_clear (&style);
  return true;
}

/* Pictures without structure, but with values of every size; the first of several styles. */
static void
fill_inputs (const struct subject *subject)
{
  for (int id = 0; id < graph_count (subject->graph); id++) {
    const struct node *node = graph_node (subject->graph, id);
    struct tensor *input = node->op == &op_input ? plan_input (subject->plan, node->name) : NULL;
    if (!input)
      continue;
    float *x = tensor_floats (input);
    for (int64_t i = 0, n = shape_size (&input->shape); i < n; i++)
      x[i] = g_str_equal (node->name, "style") ? i == 0 : (float) (i * 2654435761u % 1000) / 1000;
  }
}

/* The values of --input into the graph's first input. */
static bool
copy_values (const struct subject *subject, GError **error)
{
  int id = 0;
  while (id < graph_count (subject->graph) && graph_node (subject->graph, id)->op != &op_input)
    id++;
  struct tensor *input =
    id < graph_count (subject->graph) ? plan_input (subject->plan, graph_node (subject->graph, id)->name) : NULL;
  if (!input || !shape_equal (&input->shape, &subject->values->shape)) {
    g_autofree char *found = shape_text (&subject->values->shape), *wanted = input ? shape_text (&input->shape) : NULL;
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "--input holds values of shape %s, the network takes %s",
                 found, wanted ? wanted : "none");
    return false;
  }
  memcpy (input->data, subject->values->data, input->size);
  return true;
}

/* Reads --input; its height and width are those of the picture. */
static bool
load_values (struct subject *subject, const struct subject_options *options, GError **error)
{
  if (!options->input)
    return true;
  subject->values = npy_load (options->input, NULL, error);
  if (!subject->values)
    return false;
  if (subject->values->dtype != DTYPE_F32 || options->size) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "%s: --input %s", options->input,
                 options->size ? "gives the size, too: leave --size out" : "wants float32");
    return false;
  }
  if (subject->values->shape.rank == 4) {
    subject->height = subject->values->shape.dim[2];
    subject->width = subject->values->shape.dim[3];
  }
  return true;
}

static bool
compile (struct subject *subject, const struct subject_options *options, GError **error)
{
  struct plan_options wanted = {
    .precision = options->precision, .threads = options->threads, .memory_limit = cpu_memory_available ()};
  subject->plan = plan_compile (subject->graph, subject->weights, &wanted, error);
  if (!subject->plan)
    return false;
  fill_inputs (subject);
  return !subject->values || copy_values (subject, error);
}

static bool
init_network (struct subject *subject, const char *what, const struct subject_options *options, GError **error)
{
  if (!parse_size ("size", options->size ? options->size : DEFAULT_SIZE, &subject->width, &subject->height, error) ||
      !load_values (subject, options, error))
    return false;
  struct shape shape = SHAPE (1, 3, subject->height, subject->width);
  const char *name = what ? what : options->style ? options->style : options->net;
  bool net = what ? is_net (what) : !options->style;
  subject->name = g_strdup (name);
  subject->graph = graph_new ();
  subject->weights = weights_new ();
  return (net ? build_net (subject, name, options, shape, error) : build_style (subject, name, shape, error)) &&
         weights_init (subject->weights, subject->graph, 1, error) && compile (subject, options, error);
}

static bool
is_channels (int64_t extent)
{
  return extent == 1 || extent == 3 || extent == 4;
}

/* The shape of a model's input: what the model leaves open is one picture of three channels and of the size asked for.
 * Pictures are (n,c,h,w), or (n,h,w,c) where only the last axis can be the channels. */
static bool
input_shape (struct subject *subject, const char *path, const struct onnx_port *port, bool sized, struct shape *shape,
             GError **error)
{
  bool last = port->rank == 4 && is_channels (port->dim[3]) && !is_channels (port->dim[1]);
  int64_t picture[4] = {1, 3, subject->height, subject->width};
  int64_t picture_last[4] = {1, subject->height, subject->width, 3};
  bool spatial = port->rank == 4 || port->rank < 0;
  *shape = (struct shape){.rank = port->rank < 0 ? 4 : port->rank};
  for (int i = 0; i < shape->rank; i++) {
    int64_t open = !spatial ? 1 : last ? picture_last[i] : picture[i], fixed = port->rank < 0 ? -1 : port->dim[i];
    shape->dim[i] = fixed < 0 ? open : fixed;
    bool extent = spatial && (last ? i == 1 || i == 2 : i >= 2);
    if (sized && extent && shape->dim[i] != open) {
      g_autofree char *text = onnx_port_text (port);
      g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "%s takes '%s' as %s, not of %dx%d", path, port->name,
                   text, subject->width, subject->height);
      return false;
    }
  }
  if (spatial) {
    subject->height = shape->dim[last ? 1 : 2];
    subject->width = shape->dim[last ? 2 : 3];
  }
  return true;
}

static bool
init_model (struct subject *subject, const char *path, const struct subject_options *options, GError **error)
{
  bool sized = options->size != NULL;
  if (!parse_size ("size", sized ? options->size : DEFAULT_SIZE, &subject->width, &subject->height, error) ||
      !load_values (subject, options, error))
    return false;
  g_autoptr (onnx_model) model = onnx_open (path, error);
  if (!model)
    return false;
  guint n = 0, count = onnx_input_count (model);
  g_autofree struct onnx_given *given = g_new0 (struct onnx_given, count + 1);
  for (guint i = 0; i < count; i++) {
    const struct onnx_port *port = onnx_input (model, i);
    if (port->optional)
      continue;
    if (!onnx_type_float (port->type) && port->type != ONNX_UNDEFINED) {
      const char *type = onnx_type_name (port->type);
      g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "%s: its input '%s' wants values of %s, bench has none",
                   path, port->name, type ? type : "another type");
      return false;
    }
    given[n].input = port->name;
    if (n == 0 && subject->values)
      given[n].shape = subject->values->shape;
    else if (!input_shape (subject, path, port, sized, &given[n].shape, error))
      return false;
    n++;
  }
  g_autoptr (onnx_import) import = onnx_import_new (model, given, n, NULL, error);
  if (!import)
    return false;
  subject->name = g_path_get_basename (path);
  subject->graph = g_steal_pointer (&import->graph);
  subject->weights = weights_ref (import->weights);
  return compile (subject, options, error);
}

/* Recipes call them the same: sets @name to @value unless that is 0. */
static bool
set_number (const struct recipe *recipe, void *object, const char *name, int64_t value, GError **error)
{
  g_autofree char *text = g_strdup_printf ("%" G_GINT64_FORMAT, value);
  return value == 0 || option_set (recipe->options, object, name, text, error);
}

static int64_t
get_number (const struct recipe *recipe, const void *object, const char *name)
{
  g_autofree char *text = option_find (recipe->options, name) ? option_get (recipe->options, object, name) : NULL;
  return text ? g_ascii_strtoll (text, NULL, 10) : 0;
}

static bool
init_training (struct subject *subject, const struct subject_options *options, GError **error)
{
  const struct recipe *recipe = recipe_find (options->train);
  int width = 0, height = 0;
  if (!recipe) {
    g_autofree char *shown = text_show (options->train), *names = g_strjoinv (", ", (char **) impasto_recipes ());
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "no recipe '%s'; there are %s", shown, names);
    return false;
  }
  if (options->size && !parse_size ("size", options->size, &width, &height, error))
    return false;
  if (width != height) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "training takes square crops, not %dx%d", width, height);
    return false;
  }
  struct run_settings run = {0};
  option_init (run_options, &run);
  run.precision = options->precision;
  run.threads = options->threads;
  g_autofree void *object = g_malloc0 (recipe->settings_size);
  option_init (recipe->options, object);
  bool ok = set_number (recipe, object, "batch", options->batch, error) &&
            set_number (recipe, object, "size", width, error) &&
            (!options->features || option_set (recipe->options, object, "features", options->features, error)) &&
            apply_settings (options->set, recipe->options, object, error) &&
            (subject->plan = train_rehearse (recipe, object, &run, error));
  subject->name = g_strdup_printf ("train-%s", recipe->name);
  subject->batch = get_number (recipe, object, "batch");
  struct tensor *real = subject->plan ? plan_input (subject->plan, "real") : NULL; /* where a preset has the size */
  subject->width = subject->height = real ? real->shape.dim[3] : get_number (recipe, object, "size");
  option_clear (recipe->options, object);
  option_clear (run_options, &run);
  return ok;
}

/* What is given must be used. */
static bool
check_options (const char *what, const struct subject_options *options, GError **error)
{
  bool ours = what ? is_net (what) : !options->style;
  const char *problem =
    options->train && (what || options->style || options->input) ? "--train times a training step, no network beside it"
    : what && options->style                                     ? "bench times one network: a name, or --style"
    : !options->train && (options->batch || options->features)   ? "--batch and --features go with --train"
    : !options->train && options->set && !ours
      ? "--set goes with --train, and with networks that impasto describe lists"
      : NULL;
  if (problem)
    g_set_error_literal (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, problem);
  return !problem;
}

bool
subject_init (struct subject *subject, const char *what, const struct subject_options *options, GError **error)
{
  *subject = (struct subject){0};
  if (!check_options (what, options, error))
    return false;
  if (options->train)
    return init_training (subject, options, error);
  if (what && g_str_has_suffix (what, ".onnx"))
    return init_model (subject, what, options, error);
  return init_network (subject, what, options, error);
}

void
subject_clear (struct subject *subject)
{
  g_clear_pointer (&subject->plan, plan_free);
  g_clear_pointer (&subject->weights, weights_unref);
  g_clear_pointer (&subject->graph, graph_free);
  g_clear_pointer (&subject->name, g_free);
  g_clear_pointer (&subject->values, tensor_unref);
}
