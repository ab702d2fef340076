/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a model of Keras: refused with a message of one line, or opened; then built for small inputs and, when
 * what comes out is small, compiled and run. Bytes that begin with '{' are the architecture alone, in a good file. */
#include <string.h>

#include "compile/plan.h"
#include "impasto/error.h"
#include "net/keras.h"

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
build (const struct keras *keras)
{
  struct plan_options options = {.precision = PRECISION_F32, .threads = 1, .memory_limit = 256 << 20};
  g_autoptr (GError) error = NULL;
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (weights) weights = weights_new ();
  sym input[KERAS_INPUTS_MAX];
  for (int i = 0; i < keras->n_inputs; i++) {
    struct shape shape = keras_input_shape (keras, i);
    for (int a = 0; a < shape.rank; a++)
      shape.dim[a] = shape.dim[a] ? shape.dim[a] : 7;
    input[i] = graph_input (graph, keras_input_name (keras, i), shape);
  }
  graph_output (graph, "y", keras_build (keras, input, weights));
  if (!graph_check (graph, &error)) {
    check_message (error);
    return;
  }
  if (!is_small (graph))
    return;
  g_autoptr (plan) plan = plan_compile (graph, weights, &options, &error);
  if (plan)
    plan_run (plan, 1, 0);
  else
    check_message (error);
}

/* As a tree with the architecture @text and a few weights; the same as keras_parse but for the file. */
static struct keras *
from_text (const uint8_t *data, size_t size, GError **error)
{
  g_autofree char *text = g_strndup ((const char *) data, size);
  g_autoptr (hdf5) root = hdf5_new ();
  g_autoptr (tensor) kernel = tensor_new (SHAPE (3, 4), DTYPE_F32, NULL),
                     bias = tensor_new (SHAPE (4), DTYPE_F32, NULL);
  if (!g_utf8_validate (text, -1, NULL))
    return NULL;
  hdf5_set_string (root, "model_config", text);
  hdf5_add_array (root, "model_weights/dense/dense/kernel:0", kernel);
  hdf5_add_array (root, "model_weights/dense/dense/bias:0", bias);
  return keras_from_tree (root, "input", error);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GError) error = NULL;
  bool text = size > 0 && data[0] == '{';
  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING);
  g_autoptr (keras) keras = text ? from_text (data, size, &error) : keras_parse (data, size, "input", &error);
  if (keras)
    build (keras);
  else if (!text || error)
    check_message (error);
  return 0;
}
