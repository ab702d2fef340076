/* SPDX-License-Identifier: Apache-2.0
 *
 * Graphs against reference numbers of PyTorch; see oracle.h. */
#include "oracle.h"

#include <math.h>

#include "compile/grad.h"
#include "noise.h"

#define SAMPLES 5

sym
oracle_constant (struct graph *graph, const char *name, struct shape shape, double scale, double shift)
{
  g_autoptr (tensor) tensor = tensor_new (shape, DTYPE_F32, NULL);
  noise_fill (name, scale, shift, tensor_floats (tensor), shape_size (&shape));
  return graph_constant (graph, tensor);
}

static void
fill_parameter (struct weights *weights, const struct node *node)
{
  g_autoptr (tensor) tensor = tensor_new (node->shape, DTYPE_F32, NULL);
  double scale = 0.2, shift = 0, fan_in = 1;
  for (int a = 1; a < node->shape.rank; a++)
    fan_in *= node->shape.dim[a];
  if (g_str_has_suffix (node->name, "weight"))
    scale = sqrt (12 * 2 / fan_in);
  else if (g_str_has_suffix (node->name, "scale"))
    scale = 0.4, shift = 1;
  noise_fill (node->name, scale, shift, tensor_floats (tensor), shape_size (&node->shape));
  weights_add (weights, node->name, tensor);
}

void
oracle_compare (const char *what, struct tensor *found, JsonObject *wanted, double tolerance, double floor)
{
  int64_t n = shape_size (&found->shape);
  const float *x = tensor_floats (found);
  double square = 0, norm = json_object_get_double_member (wanted, "norm");
  for (int64_t i = 0; i < n; i++)
    square += (double) x[i] * x[i];
  if (!(fabs (sqrt (square) - norm) <= tolerance * norm + floor))
    g_error ("%s: norm %.9g, PyTorch has %.9g", what, sqrt (square), norm);
  JsonArray *values = json_object_get_array_member (wanted, "values");
  for (int i = 0; i < SAMPLES; i++) {
    double value = json_array_get_double_element (values, i), got = x[i * (n - 1) / (SAMPLES - 1)];
    if (!(fabs (got - value) <= tolerance * norm + floor))
      g_error ("%s: value %d is %.9g, PyTorch has %.9g (norm %.3g)", what, i, got, value, norm);
  }
}

JsonObject *
oracle_member (const char *file, const char *name)
{
  static JsonParser *parser;
  g_autoptr (GError) error = NULL;
  if (!parser) {
    g_autofree char *path = g_test_build_filename (G_TEST_DIST, "oracle", file, NULL);
    parser = json_parser_new_immutable ();
    if (!json_parser_load_from_file (parser, path, &error))
      g_error ("%s", error->message);
  }
  return json_object_get_object_member (json_node_get_object (json_parser_get_root (parser)), name);
}

static double
largest_norm (JsonObject *gradients)
{
  double largest = 0;
  JsonObjectIter iter;
  JsonNode *node;
  json_object_iter_init (&iter, gradients);
  while (json_object_iter_next (&iter, NULL, &node))
    largest = MAX (largest, json_object_get_double_member (json_node_get_object (node), "norm"));
  return largest;
}

/* What the network assigns itself (running statistics) is not trained. */
static bool
is_assigned (const struct graph *graph, int id)
{
  for (guint i = 0; i < graph_result_count (graph); i++)
    if (graph_result (graph, i).target == id)
      return true;
  return false;
}

void
oracle_check (const char *file, const struct oracle *oracle, enum precision precision, double tolerance)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (weights) weights = weights_new ();
  JsonObject *wanted = oracle_member (file, oracle->name);
  sym y = oracle->build (graph, oracle->name),
      loss = sym_sum (sym_mul (y, oracle_constant (graph, "probe", sym_shape (y), 1, 0)), AXES_ALL);
  GArray *parameters = g_array_new (FALSE, FALSE, sizeof (sym));
  for (int id = 0, n = graph_count (graph); id < n; id++)
    if (graph_node (graph, id)->op == &op_parameter && !is_assigned (graph, id))
      g_array_append_val (parameters, ((sym){graph, id}));
  g_autofree sym *dw = g_new0 (sym, parameters->len);
  graph_gradient (loss, &g_array_index (parameters, sym, 0), parameters->len, dw);
  graph_output (graph, "y", y);
  for (guint i = 0; i < parameters->len; i++)
    graph_output (graph, sym_node (g_array_index (parameters, sym, i))->name, dw[i]);
  for (int id = 0; id < graph_count (graph); id++)
    if (graph_node (graph, id)->op == &op_parameter)
      fill_parameter (weights, graph_node (graph, id));
  g_autoptr (plan) plan = plan_compile (graph, weights, &(struct plan_options){.precision = precision}, &error);
  if (!plan)
    g_error ("%s", error->message);
  g_auto (GStrv) slow = plan_reference_steps (plan);
  if (slow[0])
    g_error ("%s runs a reference kernel: %s", oracle->name, slow[0]);
  plan_run (plan, 0, 0);
  oracle_compare ("output", plan_output (plan, "y"), json_object_get_object_member (wanted, "output"), tolerance, 1e-6);
  JsonObject *gradients = json_object_get_object_member (wanted, "gradients");
  double floor = tolerance * 0.05 * largest_norm (gradients);
  g_assert_cmpuint (json_object_get_size (gradients), ==, parameters->len);
  for (guint i = 0; i < parameters->len; i++) {
    const char *name = sym_node (g_array_index (parameters, sym, i))->name;
    if (!json_object_has_member (gradients, name))
      g_error ("PyTorch's network has no parameter %s", name);
    oracle_compare (name, plan_output (plan, name), json_object_get_object_member (gradients, name), tolerance, floor);
  }
  g_array_unref (parameters);
}
