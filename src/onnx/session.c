/* SPDX-License-Identifier: Apache-2.0
 *
 * Sessions: a short list of plans, the last used first, each with the sizes and values that it was made for. */
#include "onnx/session.h"

#include <math.h>
#include <string.h>

#include "base/text.h"
#include "impasto/error.h"

#define PLANS_MAX 4
#define DATA_RANK 3 /* whole numbers of so many axes are data: a picture of bytes */

/* A plan, and what it was made for. */
struct prepared {
  char *shapes; /* a digest of the inputs' shapes and of the values that are never data */
  char *values; /* of all small values; NULL when the plan knows none of them */
  struct onnx_import *import;
  struct plan *plan;
};

struct onnx_session {
  struct onnx_model *model;
  struct plan_options options;
  GQueue plans; /* struct prepared, the last used first */
};

static void
prepared_free (void *data)
{
  struct prepared *prepared = data;

  plan_free (prepared->plan);
  onnx_import_free (prepared->import);
  g_free (prepared->shapes);
  g_free (prepared->values);
  g_free (prepared);
}

struct onnx_session *
onnx_session_new (struct onnx_model *model, const struct plan_options *options)
{
  struct onnx_session *session = g_new0 (struct onnx_session, 1);

  session->model = model;
  if (options)
    session->options = *options;
  g_queue_init (&session->plans);
  return session;
}

void
onnx_session_free (struct onnx_session *session)
{
  if (session == NULL)
    return;
  g_queue_clear_full (&session->plans, prepared_free);
  g_free (session);
}

/* --- Which inputs are run-time data --- */

static bool
is_data (const struct onnx_constant *value)
{
  return value->count > 0 && (onnx_type_float (value->type) || value->shape.rank >= DATA_RANK);
}

/* A digest of what a plan depends on: shapes, and values of what is no data; with @all also of what might have to be
 * known. */
static char *
digest (const struct onnx_array *inputs, guint n, const char *const *outputs, bool all)
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);

  for (guint i = 0; i < n; i++) {
    const struct onnx_constant *value = inputs[i].value;
    bool counts = !is_data (value) || (all && (value->shape.rank <= 1 || !onnx_type_float (value->type)));
    g_autofree char *shape = shape_text (&value->shape);
    g_autofree char *line = g_strdup_printf ("%s %d %s\n", inputs[i].name, (int) value->type, shape);

    g_checksum_update (sum, (const guchar *) line, -1);
    for (int64_t k = 0; k < value->count && counts; k++) {
      double element = onnx_constant_float (value, k);

      g_checksum_update (sum, (const guchar *) &element, sizeof element);
    }
  }
  for (; outputs && *outputs; outputs++)
    g_checksum_update (sum, (const guchar *) *outputs, (gssize) strlen (*outputs) + 1);
  return g_strdup (g_checksum_get_string (sum));
}

/* Imports with data at run time; where a node wants to know a value beforehand, once more with everything of one axis
 * or none, and of whole numbers, known. The first message counts. */
static struct onnx_import *
import (struct onnx_session *session, const struct onnx_array *inputs, guint n, const char *const *outputs, bool *known,
        GError **error)
{
  g_autofree struct onnx_given *given = g_new0 (struct onnx_given, n + 1);
  struct onnx_import *result;

  *known = false;
  for (guint i = 0; i < n; i++)
    given[i] = (struct onnx_given){
      .input = inputs[i].name,
      .shape = inputs[i].value->shape,
      .value = is_data (inputs[i].value) ? NULL : inputs[i].value,
    };
  result = onnx_import_new (session->model, given, n, outputs, error);
  for (guint i = 0; result == NULL && i < n; i++)
    if (given[i].value == NULL && (given[i].shape.rank <= 1 || !onnx_type_float (inputs[i].value->type))) {
      given[i].value = inputs[i].value;
      *known = true;
    }
  if (*known && (result = onnx_import_new (session->model, given, n, outputs, NULL)) != NULL)
    g_clear_error (error);
  return result;
}

static struct prepared *
prepare (struct onnx_session *session, const struct onnx_array *inputs, guint n, const char *const *outputs,
         GError **error)
{
  g_autofree char *shapes = digest (inputs, n, outputs, false), *values = NULL;
  struct prepared *prepared;
  bool known;

  for (GList *at = session->plans.head; at; at = at->next) {
    prepared = at->data;
    if (!g_str_equal (prepared->shapes, shapes))
      continue;
    if (prepared->values && !values)
      values = digest (inputs, n, outputs, true);
    if (prepared->values && !g_str_equal (prepared->values, values))
      continue;
    g_queue_unlink (&session->plans, at);
    g_queue_push_head_link (&session->plans, at);
    return prepared;
  }
  while (session->plans.length >= PLANS_MAX)
    prepared_free (g_queue_pop_tail (&session->plans));
  prepared = g_new0 (struct prepared, 1);
  prepared->shapes = g_steal_pointer (&shapes);
  prepared->import = import (session, inputs, n, outputs, &known, error);
  prepared->values = known ? digest (inputs, n, outputs, true) : NULL;
  if (prepared->import)
    prepared->plan = plan_compile (prepared->import->graph, prepared->import->weights, &session->options, error);
  if (prepared->plan == NULL) {
    if (prepared->import)
      g_prefix_error (error, "%s: ", onnx_name (session->model));
    prepared_free (prepared);
    return NULL;
  }
  g_clear_pointer (&prepared->import->graph, graph_free);
  g_queue_push_head (&session->plans, prepared);
  return prepared;
}

struct plan *
onnx_session_plan (struct onnx_session *session, const struct onnx_array *inputs, guint n, const char *const *outputs,
                   GError **error)
{
  struct prepared *prepared = prepare (session, inputs, n, outputs, error);

  return prepared ? prepared->plan : NULL;
}

/* --- Running --- */

static void
fill (struct tensor *tensor, const struct onnx_constant *value)
{
  float *to = tensor_floats (tensor);

  if (value->tensor)
    memcpy (to, value->tensor->data, tensor->size);
  else
    for (int64_t i = 0; i < value->count; i++)
      to[i] = (float) onnx_constant_float (value, i);
}

/* Run-time results are floats; where the model declares whole numbers they become such. */
static struct onnx_constant *
take (struct plan *plan, const struct onnx_result *result, GError **error)
{
  struct tensor *tensor = result->constant ? NULL : plan_output (plan, result->name);
  struct onnx_constant *value;
  const float *from;

  if (result->constant)
    return onnx_constant_ref (result->constant);
  value = onnx_constant_new (onnx_type_known (result->type) ? result->type : ONNX_FLOAT, result->shape, error);
  if (value == NULL)
    return NULL;
  from = tensor_floats (tensor);
  if (value->tensor)
    memcpy (value->tensor->data, from, tensor->size);
  else
    for (int64_t i = 0; i < value->count; i++)
      onnx_constant_set_float (value, i, value->ints ? rintf (from[i]) : from[i]);
  return value;
}

static void
array_clear (void *data)
{
  struct onnx_array *array = data;

  onnx_constant_unref (array->value);
}

GArray *
onnx_session_run (struct onnx_session *session, const struct onnx_array *inputs, guint n, const char *const *outputs,
                  GError **error)
{
  struct prepared *prepared = prepare (session, inputs, n, outputs, error);
  g_autoptr (GArray) arrays = NULL;

  if (prepared == NULL)
    return NULL;
  for (guint i = 0; i < n; i++) {
    struct tensor *tensor = plan_input (prepared->plan, inputs[i].name);

    if (tensor) /* not one that the model leaves unread, or that is part of the plan */
      fill (tensor, inputs[i].value);
  }
  plan_run (prepared->plan, 1, 0);
  arrays = g_array_new (FALSE, FALSE, sizeof (struct onnx_array));
  g_array_set_clear_func (arrays, array_clear);
  for (guint i = 0; i < prepared->import->results->len; i++) {
    const struct onnx_result *result = &g_array_index (prepared->import->results, struct onnx_result, i);
    struct onnx_array array = {
      .name = result->name, .value = take (prepared->plan, result, error), .bounds = result->bounds};

    if (array.value == NULL)
      return NULL;
    g_array_append_val (arrays, array);
  }
  return g_steal_pointer (&arrays);
}
