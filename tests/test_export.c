/* SPDX-License-Identifier: Apache-2.0
 *
 * ONNX export by itself:
 *   - round trip: every case of export_cases.h, written, read by our own importer, compiled and run, gives the same values,
 *     networks at another size than those they were written from; and so does what was read, written and read again;
 *   - a model does not depend on which of the two sizes comes first;
 *   - compositions come out as the op they stand for;
 *   - what cannot be right at every size is refused, by name, and leaves no file.
 * What ONNX Runtime makes of the same cases: oracle/onnx_cases.mjs. */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "export_cases.h"
#include "impasto/error.h"
#include "net/layers.h"
#include "onnx/export.h"
#include "onnx/onnx.h"

static char *folder;

static char *
model_path (const char *name)
{
  return g_strdup_printf ("%s/%s.onnx", folder, name);
}

/* Round trip */

static struct onnx_import *
read_back (const struct export_case *c, struct onnx_model *model, GError **error)
{
  g_autoptr (GArray) given = g_array_new (FALSE, TRUE, sizeof (struct onnx_given));
  for (int id = 0; id < graph_count (c->run); id++) {
    const struct node *node = graph_node (c->run, id);
    struct onnx_given one = {.input = node->name, .shape = node->shape};
    if (node->op == &op_input)
      g_array_append_val (given, one);
  }
  return onnx_import_new (model, (const struct onnx_given *) given->data, given->len, NULL, error);
}

static void
compare (const struct export_case *c, const char *name, const struct tensor *found)
{
  g_autoptr (tensor) wanted = export_case_output (c, name);
  double worst = 0, largest = 1e-6;
  g_assert_true (shape_equal (&found->shape, &wanted->shape));
  for (int64_t i = 0; i < shape_size (&wanted->shape); i++) {
    double distance = fabs (((const float *) found->data)[i] - tensor_floats (wanted)[i]);
    worst = distance <= worst ? worst : distance;
    largest = MAX (largest, fabs (tensor_floats (wanted)[i]));
  }
  if (!(worst <= c->tolerance * largest))
    g_test_fail_printf ("%s: %s is %.2g off, tolerance %.2g", c->name, name, worst / largest, c->tolerance);
}

static void
run_import (const struct export_case *c, const struct onnx_import *import)
{
  g_autoptr (GError) error = NULL;
  struct plan_options options = {.precision = PRECISION_F32};
  g_autoptr (plan) plan = plan_compile (import->graph, import->weights, &options, &error);
  g_assert_no_error (error);
  for (int id = 0; id < graph_count (c->run); id++) {
    const struct node *node = graph_node (c->run, id);
    struct tensor *to = node->op == &op_input ? plan_input (plan, node->name) : NULL;
    g_autoptr (tensor) input = to ? export_case_input (c, node) : NULL;
    if (to)
      memcpy (to->data, input->data, input->size);
  }
  plan_run (plan, 0, 0);
  for (guint i = 0; i < import->results->len; i++) {
    const struct onnx_result *result = &g_array_index (import->results, struct onnx_result, i);
    g_assert_null (result->constant);
    compare (c, result->name, plan_output (plan, result->name));
  }
  g_assert_cmpuint (import->results->len, ==, graph_result_count (c->run));
}

/* The model computes the case; gives its import, or NULL. */
static struct onnx_import *
check_model (const struct export_case *c, const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (onnx_model) model = onnx_open (path, &error);
  struct onnx_import *import = model ? read_back (c, model, &error) : NULL;
  if (import)
    run_import (c, import);
  else
    g_test_fail_printf ("%s", error->message);
  return import;
}

static void
test_round_trip (gconstpointer data)
{
  const struct export_case *c = data;
  g_autofree char *path = model_path ("round");
  g_autoptr (GError) error = NULL;
  if (!onnx_export (c->graph, c->other, c->weights, &(struct onnx_export_options){0}, path, &error)) {
    if (c->is_op && g_error_matches (error, IMPASTO_ERROR, IMPASTO_ERROR_MODEL))
      g_test_skip (error->message);
    else
      g_test_fail_printf ("%s", error->message);
    return;
  }
  g_autoptr (onnx_import) import = check_model (c, path);
  g_autofree char *again = model_path ("again");
  if (!import)
    return;
  onnx_export (import->graph, NULL, import->weights, &(struct onnx_export_options){0}, again, &error);
  g_assert_no_error (error);
  onnx_import_free (check_model (c, again));
}

/* Sizes */

static void
test_order (gconstpointer data)
{
  const struct export_case *c = data;
  g_autofree char *path[2] = {model_path ("one"), model_path ("two")}, *bytes[2] = {NULL};
  g_autoptr (GError) error = NULL;
  struct onnx_export_options options = {.name = "net", .doc = "a test", .version = "1"};
  gsize size[2];
  for (int i = 0; i < 2; i++) {
    onnx_export (i ? c->other : c->graph, i ? c->graph : c->other, c->weights, &options, path[i], &error);
    g_assert_no_error (error);
    g_file_get_contents (path[i], &bytes[i], &size[i], &error);
    g_assert_no_error (error);
  }
  g_assert_cmpmem (bytes[0], size[0], bytes[1], size[1]);
  g_free (bytes[1]);
  g_free (path[1]);
}

typedef sym (*build_fn) (sym x);

/* A network over x (1, 4, h, w) at 8x12 or at 16x20. */
static struct graph *
build (build_fn fn, bool large)
{
  struct graph *graph = graph_new ();
  sym x = graph_input (graph, "x", large ? SHAPE (1, 4, 16, 20) : SHAPE (1, 4, 8, 12));
  graph_output (graph, "y", fn (x));
  return graph;
}

static bool
export_built (build_fn fn, bool fixed, const char *path, GError **error)
{
  g_autoptr (graph) graph = build (fn, false);
  g_autoptr (graph) other = build (fn, true);
  g_autoptr (weights) weights = weights_new ();
  return weights_init (weights, graph, 1, error) &&
         onnx_export (graph, fixed ? NULL : other, weights, &(struct onnx_export_options){0}, path, error);
}

static sym
scaled_by_size (sym x)
{
  return sym_scale (x, 1.0 / sym_shape (x).dim[3]);
}

static sym
padded_by_size (sym x)
{
  return sym_pad (x, PAD_ZERO, 0, 0, sym_shape (x).dim[2], 0);
}

static sym
three_rows_more (sym x)
{
  return sym_resize_bilinear (x, sym_shape (x).dim[2] + 3, 10);
}

static sym
cut_in_the_middle (sym x)
{
  return sym_slice (x, 2, sym_shape (x).dim[2] / 4, sym_shape (x).dim[2] / 2, 1);
}

static sym
other_structure (sym x)
{
  return sym_shape (x).dim[2] > 10 ? sym_relu (x) : sym_tanh (x);
}

static sym
more_nodes (sym x)
{
  return sym_shape (x).dim[2] > 10 ? sym_relu (sym_square (x)) : sym_square (x);
}

static sym
weight_of_size (sym x)
{
  struct shape shape = SHAPE (1, 1, sym_shape (x).dim[2], 1);
  return sym_add (x, graph_parameter (x.graph, "rows", shape, (struct init){INIT_ZERO, 0}));
}

static sym
constant_of_size (sym x)
{
  return sym_mul (x, graph_scalar (x.graph, sym_shape (x).dim[2]));
}

static sym
random_numbers (sym x)
{
  return sym_mul (x, sym_uniform (x.graph, SHAPE (1, 4, 1, 1), 1));
}

static sym
learning (sym x)
{
  sym weight = graph_parameter (x.graph, "weight", SHAPE (1, 4, 1, 1), (struct init){INIT_ZERO, 0});
  graph_assign (x.graph, weight, sym_scale (weight, 0.5));
  return sym_mul (x, weight);
}

static sym
adjoint (sym x)
{
  graph_push (x.graph, "back");
  sym y = graph_add (x.graph, op_find ("pad_back"), &x, 1, &(struct {
                       int64_t amount[4];
                       int mode;
                     }){{1, 1, 1, 1}, PAD_REFLECT});
  graph_pop (x.graph);
  return y;
}

static const struct refusal {
  const char *name;
  build_fn fn;
  const char *message;
  bool fixed_too; /* refused for a fixed size as well */
} refusals[] = {
  {"factor", scaled_by_size, "affine: its scale depends on the size of the input"},
  {"padding", padded_by_size, "pad: its pad depends on the size of the input"},
  {"size", three_rows_more, "resize: looks at places that no Resize of ONNX does at every size"},
  {"cut", cut_in_the_middle, "slice: what it cuts depends on the size"},
  {"structure", other_structure, "at another size the network has relu here"},
  {"nodes", more_nodes, "2 nodes, at another size 3"},
  {"parameter", weight_of_size, "parameter rows has another shape at another size"},
  {"constant", constant_of_size, "is a constant that depends on the size"},
  {"random", random_numbers, "uniform: draws random numbers", true},
  {"learning", learning, "only networks that do not learn", true},
  {"adjoint", adjoint, "back: pad_back: has no form in ONNX", true},
};

static void
test_refused (gconstpointer data)
{
  const struct refusal *refusal = data;
  g_autofree char *path = model_path ("refused");
  for (int fixed = 0; fixed < 2; fixed++) {
    g_autoptr (GError) error = NULL;
    bool done = export_built (refusal->fn, fixed, path, &error);
    g_assert_cmpint (done, ==, fixed && !refusal->fixed_too);
    if (!done) {
      g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MODEL);
      g_assert_nonnull (strstr (error->message, refusal->message));
      g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
    }
    g_remove (path);
  }
}

/* What is written */

static char *
ops_of (const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (onnx_model) model = onnx_open (path, &error);
  g_assert_no_error (error);
  g_auto (GStrv) missing = NULL, ops = onnx_ops (model, &missing);
  return g_strjoinv (", ", ops);
}

static void
check_ops (build_fn fn, const char *wanted)
{
  g_autofree char *path = model_path ("ops");
  g_autoptr (GError) error = NULL;
  export_built (fn, false, path, &error);
  g_assert_no_error (error);
  g_autofree char *ops = ops_of (path);
  g_assert_cmpstr (ops, ==, wanted);
}

static sym
normalized (sym x)
{
  return layer_instance_norm (x, "norm", (struct layer_norm){0});
}

static sym
biased (sym x)
{
  return layer_conv (x, "conv", (struct layer_conv){.channels = 5, .kernel = 3});
}

static sym
batch_normalized (sym x)
{
  return layer_batch_norm (x, "norm", (struct layer_norm){0});
}

static sym
spatial_mean (sym x)
{
  return sym_mean (x, AXES_HW);
}

static sym
of_fixed_size (sym x)
{
  return sym_resize_bilinear (x, 10, 10);
}

static sym
doubled (sym x)
{
  return sym_resize_bilinear (x, 2 * sym_shape (x).dim[2], 2 * sym_shape (x).dim[3]);
}

/* A convolution that is read before its bias as well stays apart from it. */
static sym
read_twice (sym x)
{
  sym y = layer_conv (x, "conv", (struct layer_conv){.channels = 4, .kernel = 3, .bare = true});
  return sym_mul (y, sym_add (y, graph_parameter (x.graph, "b", SHAPE (1, 4, 1, 1), (struct init){INIT_ZERO, 0})));
}

static void
test_compositions (void)
{
  check_ops (normalized, "InstanceNormalization 1");
  check_ops (biased, "Conv 1");
  check_ops (read_twice, "Add 1, Conv 1, Mul 1");
  check_ops (batch_normalized, "Add 1, Mul 1");
  check_ops (spatial_mean, "ReduceMean 1");
  check_ops (doubled, "Resize 1");
  check_ops (of_fixed_size, "Resize 1");
}

static void
test_weights (void)
{
  g_autofree char *path = model_path ("weights");
  g_autoptr (graph) graph = build (biased, false);
  g_autoptr (weights) weights = weights_new ();
  g_autoptr (GError) error = NULL;
  struct onnx_export_options options = {0};
  g_assert_false (onnx_export (graph, NULL, weights, &options, path, &error));
  g_assert_cmpstr (error->message, ==, "conv: parameter: weight conv.weight is missing");
  g_clear_error (&error);
  g_autoptr (tensor) wrong = tensor_new (SHAPE (5, 4, 3, 1), DTYPE_F32, NULL);
  weights_add (weights, "conv.weight", wrong);
  g_assert_false (onnx_export (graph, NULL, weights, &options, path, &error));
  g_assert_cmpstr (error->message, ==, "conv: parameter: weight conv.weight does not fit its parameter");
  g_clear_error (&error);
  options.opset = 10;
  g_assert_false (onnx_export (graph, NULL, weights, &options, path, &error));
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("export-XXXXXX", NULL);
  g_autoptr (GPtrArray) cases = export_cases ();
  for (guint i = 0; i < cases->len; i++) {
    struct export_case *c = cases->pdata[i];
    g_autofree char *round = g_strdup_printf ("/export/round trip/%s", c->name);
    g_autofree char *order = g_strdup_printf ("/export/either size first/%s", c->name);
    g_test_add_data_func (round, c, test_round_trip);
    if (c->other)
      g_test_add_data_func (order, c, test_order);
  }
  for (size_t i = 0; i < G_N_ELEMENTS (refusals); i++) {
    g_autofree char *name = g_strdup_printf ("/export/refused/%s", refusals[i].name);
    g_test_add_data_func (name, &refusals[i], test_refused);
  }
  g_test_add_func ("/export/compositions", test_compositions);
  g_test_add_func ("/export/weights", test_weights);
  int status = g_test_run ();
  static const char *const left[] = {"round", "again", "one", "two", "ops", "weights", "refused"};
  for (size_t i = 0; i < G_N_ELEMENTS (left); i++) {
    g_autofree char *path = model_path (left[i]);
    g_remove (path);
  }
  g_rmdir (folder);
  g_free (folder);
  return status;
}
