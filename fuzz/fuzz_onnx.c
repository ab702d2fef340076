/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as an ONNX model: refused with a message of one line, or opened; then imported for small inputs, and, when
 * what comes out is small, compiled and run. */
#include <string.h>

#include "compile/plan.h"
#include "impasto/error.h"
#include "onnx/onnx.h"

#define ELEMENTS_MAX (1 << 16) /* of all values of a graph that is run */
#define NODES_MAX 500

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
check_message (const GError *error)
{
  g_assert_nonnull (error);
  g_assert_true (error->domain == IMPASTO_ERROR);
  g_assert_true (g_utf8_validate (error->message, -1, NULL) && strpbrk (error->message, "\r\n") == NULL);
}

static bool
is_small (const struct graph *graph)
{
  int64_t elements = 0;

  for (int i = 0; i < graph_count (graph) && elements <= ELEMENTS_MAX; i++)
    elements += MIN (shape_size (&graph_node (graph, i)->shape), ELEMENTS_MAX + 1);
  return elements <= ELEMENTS_MAX && graph_count (graph) <= NODES_MAX;
}

static void
run (struct onnx_import *import)
{
  struct plan_options options = {.precision = PRECISION_F32, .threads = 1, .memory_limit = 256 << 20};
  g_autoptr (GError) error = NULL;
  g_autoptr (plan) plan = NULL;

  if (!is_small (import->graph))
    return;
  plan = plan_compile (import->graph, import->weights, &options, &error);
  if (plan)
    plan_run (plan, 1, 0);
  else
    check_message (error);
}

/* Inputs of the declared extents, @open where any will do; whole numbers by value. */
static void
import (struct onnx_model *model, int64_t open)
{
  guint n = MIN (onnx_input_count (model), 16u);
  struct onnx_given given[16] = {{0}};
  g_autoptr (GError) error = NULL;
  g_autoptr (onnx_import) result = NULL;

  for (guint i = 0; i < n; i++) {
    const struct onnx_port *port = onnx_input (model, i);

    given[i].input = port->name;
    given[i].shape = (struct shape){.rank = port->rank < 0 ? 4 : port->rank, .dim = {1, 3, open, open, open, open}};
    for (int a = 0; a < port->rank; a++)
      given[i].shape.dim[a] = port->dim[a] < 0 ? open : port->dim[a];
    if (port->type != ONNX_UNDEFINED && onnx_type_known (port->type) && !onnx_type_float (port->type) &&
        shape_valid (&given[i].shape) && shape_size (&given[i].shape) < ELEMENTS_MAX)
      given[i].value = onnx_constant_new (port->type, given[i].shape, NULL);
    for (int64_t k = 0; given[i].value && k < given[i].value->count; k++)
      onnx_constant_set_int (given[i].value, k, k);
  }
  result = onnx_import_new (model, given, n, NULL, &error);
  if (result)
    run (result);
  else
    check_message (error);
  for (guint i = 0; i < n; i++)
    onnx_constant_unref (given[i].value);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) missing = NULL, ops = NULL;

  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING);
  g_autoptr (onnx_model) model = onnx_parse (data, size, "input", NULL, &error);
  if (model == NULL) {
    check_message (error);
    return 0;
  }
  ops = onnx_ops (model, &missing);
  import (model, 7);
  return 0;
}
