/* SPDX-License-Identifier: Apache-2.0
 *
 * The public face of ONNX models: impasto/impasto.h over onnx/session.h. */
#include "effect/model.h"

#include <string.h>

#include "base/text.h"
#include "device/cpu.h"
#include "effect/generator.h"
#include "effect/options.h"

#define I64 "%" G_GINT64_FORMAT
#define METADATA_SHOWN 600 /* characters of a value */

G_STATIC_ASSERT (IMPASTO_ARRAY_AXES == SHAPE_RANK_MAX);

struct model_settings {
  int precision;
  int64_t threads;
};

static const struct option model_options[] = {
  {"precision", OPTION_CHOICE, offsetof (struct model_settings, precision),
   "of the arithmetic; auto = bf16 where the CPU has it", .fallback = PRECISION_F32, .choices = precision_names},
  {"threads", OPTION_INT, offsetof (struct model_settings, threads), "threads; 0 = all", 0, 1024, 0},
  {NULL},
};

ImpastoOptions *
impasto_model_options_new (void)
{
  ImpastoOptions *options = impasto_options_new ();
  options_add (options, NULL, model_options, sizeof (struct model_settings));
  return options;
}

/* A model of Keras becomes one of ONNX, which takes any batch. */
static struct onnx_model *
open_keras (const char *path, GError **error)
{
  g_autoptr (generator) generator = generator_load (path, error);
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  if (!generator || !generator_export (generator, 0, false, path, bytes, error))
    return NULL;
  return onnx_parse (bytes->data, bytes->len, path, NULL, error);
}

ImpastoModel *
impasto_model_open (const char *path, const ImpastoOptions *options, GError **error)
{
  const struct model_settings *settings = options ? options_settings (options, model_options) : NULL;
  struct onnx_model *onnx = g_str_has_suffix (path, ".h5") ? open_keras (path, error) : onnx_open (path, error);
  if (!onnx)
    return NULL;
  ImpastoModel *model = g_new0 (ImpastoModel, 1);
  model->onnx = onnx;
  model->session = onnx_session_new (onnx, &(struct plan_options){
                                             .precision = settings ? settings->precision : PRECISION_F32,
                                             .threads = settings ? settings->threads : 0,
                                             .memory_limit = cpu_memory_available (),
                                           });
  return model;
}

void
impasto_model_free (ImpastoModel *model)
{
  if (!model)
    return;
  onnx_session_free (model->session);
  onnx_free (model->onnx);
  g_free (model);
}

guint
impasto_model_get_n_inputs (const ImpastoModel *model)
{
  return onnx_input_count (model->onnx);
}

guint
impasto_model_get_n_outputs (const ImpastoModel *model)
{
  return onnx_output_count (model->onnx);
}

static ImpastoArrayType
type_of (enum onnx_type type)
{
  return type == ONNX_UNDEFINED || onnx_type_float (type) ? IMPASTO_ARRAY_FLOAT
         : type == ONNX_BOOL                              ? IMPASTO_ARRAY_BOOLEAN
                                                          : IMPASTO_ARRAY_INT64;
}

static void
describe_port (const struct onnx_port *port, ImpastoArray *array)
{
  *array = (ImpastoArray){.name = port->name, .type = type_of (port->type), .rank = port->rank};
  for (int i = 0; i < port->rank; i++)
    array->extent[i] = port->dim[i];
}

void
impasto_model_get_input (const ImpastoModel *model, guint i, ImpastoArray *array)
{
  describe_port (onnx_input (model->onnx, i), array);
}

void
impasto_model_get_output (const ImpastoModel *model, guint i, ImpastoArray *array)
{
  describe_port (onnx_output (model->onnx, i), array);
}

const struct onnx_port *
model_input (const ImpastoModel *model, const char *name)
{
  for (guint i = 0; i < onnx_input_count (model->onnx); i++)
    if (g_str_equal (onnx_input (model->onnx, i)->name, name))
      return onnx_input (model->onnx, i);
  return NULL;
}

const struct onnx_port *
model_output (const ImpastoModel *model, const char *name)
{
  for (guint i = 0; i < onnx_output_count (model->onnx); i++)
    if (g_str_equal (onnx_output (model->onnx, i)->name, name))
      return onnx_output (model->onnx, i);
  return NULL;
}

/* --- Arrays --- */

void
impasto_array_clear (ImpastoArray *array)
{
  g_clear_pointer (&array->data, g_free);
}

/* An input's values, in the model's type. */
static struct onnx_constant *
from_array (const ImpastoArray *array, const struct onnx_port *port, GError **error)
{
  enum onnx_type type = port && port->type ? port->type : array->type == IMPASTO_ARRAY_FLOAT ? ONNX_FLOAT : ONNX_INT64;
  struct shape shape = {.rank = CLAMP (array->rank, 0, SHAPE_RANK_MAX)};
  for (int i = 0; i < shape.rank; i++)
    shape.dim[i] = array->extent[i];
  struct onnx_constant *value = onnx_constant_new (type, shape, error);
  for (int64_t i = 0; value && i < value->count; i++)
    switch (array->type) {
    case IMPASTO_ARRAY_FLOAT: onnx_constant_set_float (value, i, ((const float *) array->data)[i]); break;
    case IMPASTO_ARRAY_INT64: onnx_constant_set_int (value, i, ((const gint64 *) array->data)[i]); break;
    default: onnx_constant_set_int (value, i, ((const guint8 *) array->data)[i] != 0);
    }
  return value;
}

static bool
to_array (const struct onnx_constant *value, ImpastoArray *array, GError **error)
{
  static const gsize sizes[] = {
    [IMPASTO_ARRAY_FLOAT] = sizeof (float), [IMPASTO_ARRAY_INT64] = sizeof (gint64), [IMPASTO_ARRAY_BOOLEAN] = 1};
  array->type = type_of (value->type);
  array->rank = value->shape.rank;
  for (int i = 0; i < array->rank; i++)
    array->extent[i] = value->shape.dim[i];
  array->data = g_try_malloc ((gsize) MAX (value->count, 1) * sizes[array->type]);
  if (!array->data) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "out of memory: output '%s'", array->name);
    return false;
  }
  for (int64_t i = 0; i < value->count; i++)
    switch (array->type) {
    case IMPASTO_ARRAY_FLOAT: ((float *) array->data)[i] = (float) onnx_constant_float (value, i); break;
    case IMPASTO_ARRAY_INT64: ((gint64 *) array->data)[i] = onnx_constant_int (value, i); break;
    default: ((guint8 *) array->data)[i] = onnx_constant_int (value, i) != 0;
    }
  return true;
}

static bool
take_outputs (GArray *results, ImpastoArray *outputs, guint n, GError **error)
{
  for (guint i = 0; i < n; i++)
    for (guint k = 0; k < results->len; k++) {
      const struct onnx_array *result = &g_array_index (results, struct onnx_array, k);
      if (g_str_equal (result->name, outputs[i].name) && !to_array (result->value, &outputs[i], error))
        return false;
    }
  return true;
}

gboolean
impasto_model_run (ImpastoModel *model, const ImpastoArray *inputs, guint n_inputs, ImpastoArray *outputs,
                   guint n_outputs, GError **error)
{
  g_autofree struct onnx_array *arrays = g_new0 (struct onnx_array, n_inputs + 1);
  g_autofree const char **names = g_new0 (const char *, n_outputs + 1);
  g_autoptr (GArray) results = NULL;
  bool ok = true;

  for (guint i = 0; i < n_outputs; i++) {
    if (!outputs[i].name && i < onnx_output_count (model->onnx))
      outputs[i].name = onnx_output (model->onnx, i)->name;
    names[i] = outputs[i].name ? outputs[i].name : "";
    outputs[i].data = NULL;
  }
  for (guint i = 0; i < n_inputs && ok; i++) {
    arrays[i].name = inputs[i].name                       ? inputs[i].name
                     : i < onnx_input_count (model->onnx) ? onnx_input (model->onnx, i)->name
                                                          : "";
    arrays[i].value = from_array (&inputs[i], model_input (model, arrays[i].name), error);
    ok = arrays[i].value != NULL;
  }
  if (ok)
    results = onnx_session_run (model->session, arrays, n_inputs, names, error);
  for (guint i = 0; i < n_inputs; i++)
    onnx_constant_unref (arrays[i].value);
  ok = results && take_outputs (results, outputs, n_outputs, error);
  for (guint i = 0; i < n_outputs && !ok; i++)
    impasto_array_clear (&outputs[i]);
  return ok;
}

/* --- In words --- */

static void
describe_ports (GString *text, const char *kind, const ImpastoModel *model, guint n,
                const struct onnx_port *(*port_at) (const struct onnx_model *model, guint i))
{
  for (guint i = 0; i < n; i++) {
    const struct onnx_port *port = port_at (model->onnx, i);
    g_autofree char *name = text_show (port->name), *shape = onnx_port_text (port);
    const char *type = onnx_type_name (port->type);
    g_string_append_printf (text, "%s  %s: %s %s%s\n", kind, name, type ? type : "of unknown type", shape,
                            port->optional ? ", has a default" : "");
  }
}

static void
describe_metadata (GString *text, const struct onnx_model *model)
{
  const char *key;
  for (guint i = 0; (key = onnx_metadata_key (model, i)); i++) {
    const char *value = onnx_metadata (model, key);
    g_autofree char *name = text_show (key), *shown = text_cut (value ? value : "", METADATA_SHOWN);
    g_string_append_printf (text, "metadata %s: %s\n", name, shown);
  }
}

char *
impasto_model_describe (const ImpastoModel *model)
{
  GString *text = g_string_new (NULL);
  g_auto (GStrv) missing = NULL;
  g_auto (GStrv) ops = onnx_ops (model->onnx, &missing);
  g_autofree char *all = g_strjoinv (", ", ops), *lacking = g_strjoinv (", ", missing);
  g_autofree char *producer = text_show (onnx_producer (model->onnx));

  describe_ports (text, "input", model, onnx_input_count (model->onnx), onnx_input);
  describe_ports (text, "output", model, onnx_output_count (model->onnx), onnx_output);
  g_string_append_printf (text, "opset %d%s%s\nparameters " I64 "\nops %s\n", onnx_opset (model->onnx),
                          *producer ? ", by " : "", producer, onnx_parameters (model->onnx), all);
  describe_metadata (text, model->onnx);
  g_string_append_printf (text, "not supported: %s\n", *lacking ? lacking : "nothing");
  return g_string_free (text, FALSE);
}
