/* SPDX-License-Identifier: Apache-2.0
 *
 * The list of nodes by itself: sticky errors, scopes, one node for equal values, results and dumps. The ops are made up
 * here, so that this tests the graph and nothing to its right. */
#include <string.h>

#include "graph/graph.h"
#include "graph/op.h"
#include "impasto/error.h"

/* A flag in front of wider fields: seven bytes of padding. */
struct scale_attrs {
  bool flag;
  int64_t factor;
  int64_t pair[2];
  double shift;
};

static const struct option scale_options[] = {
  {.name = "flag", .type = OPTION_BOOL, .offset = offsetof (struct scale_attrs, flag)},
  {.name = "factor", .type = OPTION_INT, .offset = offsetof (struct scale_attrs, factor), .fallback = 1},
  {.name = "pair", .type = OPTION_INTS, .offset = offsetof (struct scale_attrs, pair), .count = 2},
  {.name = "shift", .type = OPTION_FLOAT, .offset = offsetof (struct scale_attrs, shift)},
  {.name = NULL},
};

static bool
scale_shape (const void *data, const struct shape *const *x, int n, struct shape *y, GError **error)
{
  const struct scale_attrs *attrs = data;

  *y = *x[0];
  for (int i = 0; i < y->rank; i++)
    y->dim[i] *= attrs->factor;
  return true;
}

static const struct op op_scale = {
  .name = "scale",
  .min_inputs = 1,
  .max_inputs = 1,
  .attrs_size = sizeof (struct scale_attrs),
  .attrs = scale_options,
  .shape = scale_shape,
};

static bool
filter_shape (const void *attrs, const struct shape *const *x, int n, struct shape *y, GError **error)
{
  if (x[0]->dim[1] != x[1]->dim[1]) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MODEL,
                 "input has %" G_GINT64_FORMAT " channels, weight wants %" G_GINT64_FORMAT, x[0]->dim[1], x[1]->dim[1]);
    return false;
  }
  *y = SHAPE (x[0]->dim[0], x[1]->dim[0], x[0]->dim[2], x[0]->dim[3]);
  return true;
}

static const struct op op_filter = {.name = "filter", .min_inputs = 2, .max_inputs = 2, .shape = filter_shape};

static bool
join_shape (const void *attrs, const struct shape *const *x, int n, struct shape *y, GError **error)
{
  *y = *x[0];
  return true;
}

static const struct op op_join = {.name = "join", .min_inputs = 1, .max_inputs = 3, .shape = join_shape};

static sym
scale (sym x, bool flag, int64_t factor, double shift)
{
  return graph_add (x.graph, &op_scale, &x, 1, &(struct scale_attrs){.flag = flag, .factor = factor, .shift = shift});
}

static sym
filter (sym x, sym weight)
{
  return graph_add (x.graph, &op_filter, (const sym[]){x, weight}, 2, NULL);
}

static sym
weight (struct graph *graph, int64_t outputs, int64_t inputs)
{
  return graph_parameter (graph, "weight", SHAPE (outputs, inputs, 3, 3), (struct init){INIT_NORMAL, 0.02});
}

static void
assert_error (struct graph *graph, const char *message)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (graph_check (graph, &error));
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MODEL);
  g_assert_cmpstr (error->message, ==, message);
}

static void
assert_fine (struct graph *graph)
{
  g_autoptr (GError) error = NULL;

  graph_check (graph, &error);
  g_assert_no_error (error);
}

static void
test_sticky (void)
{
  g_autoptr (graph) graph = graph_new ();
  sym x = graph_input (graph, "x", SHAPE (1, 64, 8, 8)), y, z;
  int count;

  graph_push (graph, "generator");
  graph_push (graph, "res%d", 3);
  graph_push (graph, "conv1");
  y = filter (x, weight (graph, 32, 128));
  graph_pop (graph);
  count = graph_count (graph);
  z = filter (y, weight (graph, 32, 7)); /* a second mistake must not hide the first */
  graph_output (graph, "z", z);
  graph_pop (graph);
  graph_pop (graph);
  g_assert_true (sym_null (y));
  g_assert_true (sym_null (z));
  g_assert_true (sym_null (graph_input (graph, "later", SHAPE (1))));
  g_assert_true (sym_null (graph_scalar (graph, 1)));
  g_assert_null (sym_node (y));
  g_assert_cmpint (sym_shape (y).rank, ==, 0);
  g_assert_cmpint (graph_count (graph), ==, count);
  g_assert_cmpuint (graph_result_count (graph), ==, 0);
  assert_error (graph, "generator.res3.conv1: filter: input has 64 channels, weight wants 128");
  assert_error (graph, "generator.res3.conv1: filter: input has 64 channels, weight wants 128");
}

static void
test_fail (void)
{
  g_autoptr (graph) graph = graph_new ();

  g_assert_true (sym_null (graph_fail (graph, "wants %d rows", 3)));
  g_assert_true (sym_null (graph_fail (graph, "and columns")));
  assert_error (graph, "wants 3 rows");
  g_assert_true (sym_null (graph_fail (NULL, "nowhere to put it")));
}

/* One mistake a graph: what it says. */
typedef void (*mistake) (struct graph *graph, sym x);

static void
unknown_input (struct graph *graph, sym x)
{
  graph_add (graph, &op_join, (const sym[]){x, {NULL, 0}}, 2, NULL);
}

static void
foreign_input (struct graph *graph, sym x)
{
  g_autoptr (graph) other = graph_new ();

  graph_add (graph, &op_join, (const sym[]){x, graph_scalar (other, 1)}, 2, NULL);
}

static void
few_inputs (struct graph *graph, sym x)
{
  graph_add (graph, &op_filter, &x, 1, NULL);
}

static void
many_inputs (struct graph *graph, sym x)
{
  graph_add (graph, &op_join, (const sym[]){x, x, x, x}, 4, NULL);
}

static void
huge (struct graph *graph, sym x)
{
  scale (x, false, 1 << 20, 0);
}

static void
empty_input (struct graph *graph, sym x)
{
  graph_input (graph, "y", SHAPE (2, 0));
}

static void
input_twice (struct graph *graph, sym x)
{
  graph_input (graph, "x", SHAPE (1));
}

static void
parameter_named_as_input (struct graph *graph, sym x)
{
  graph_parameter (graph, "x", SHAPE (1), (struct init){0});
}

static void
parameter_of_two_shapes (struct graph *graph, sym x)
{
  weight (graph, 4, 4);
  weight (graph, 4, 5);
}

static void
constant_of_bytes (struct graph *graph, sym x)
{
  g_autoptr (tensor) bytes = tensor_new (SHAPE (2), DTYPE_U8, NULL);

  graph_constant (graph, bytes);
}

static void
output_twice (struct graph *graph, sym x)
{
  graph_output (graph, "y", x);
  graph_output (graph, "y", x);
}

static void
output_of_nothing (struct graph *graph, sym x)
{
  graph_output (graph, "y", (sym){graph, -1});
}

static void
assign_to_input (struct graph *graph, sym x)
{
  graph_assign (graph, x, x);
}

static void
assign_wrong_shape (struct graph *graph, sym x)
{
  graph_assign (graph, weight (graph, 4, 4), x);
}

static void
assign_twice (struct graph *graph, sym x)
{
  sym w = weight (graph, 4, 4);

  graph_assign (graph, w, scale (w, false, 1, 0));
  graph_assign (graph, w, w);
}

static void
test_mistakes (void)
{
  static const struct {
    mistake make;
    const char *message;
  } mistakes[] = {
    {unknown_input, "join: input 1 has no value"},
    {foreign_input, "join: input 1 belongs to another graph"},
    {few_inputs, "filter: has 1 inputs, wants 2"},
    {many_inputs, "join: has 4 inputs, wants 1 to 3"},
    {huge, "scale: no value has the shape (1048576, 4194304, 8388608, 8388608)"},
    {empty_input, "input \"y\": no value has the shape (2, 0)"},
    {input_twice, "input \"x\": the name is taken"},
    {parameter_named_as_input, "parameter \"x\": the name is taken by an input"},
    {parameter_of_two_shapes, "parameter \"weight\": is shared, but was (4, 4, 3, 3) before and is (4, 5, 3, 3) here"},
    {constant_of_bytes, "constant: is U8, a graph wants F32"},
    {output_twice, "output \"y\": the name is taken"},
    {output_of_nothing, "output \"y\": has no value of this graph"},
    {assign_to_input, "assign: the target is not a parameter of this graph"},
    {assign_wrong_shape, "assign: the value is (1, 4, 8, 8), \"weight\" wants (4, 4, 3, 3)"},
    {assign_twice, "assign: \"weight\" is assigned twice"},
  };

  for (size_t i = 0; i < G_N_ELEMENTS (mistakes); i++) {
    g_autoptr (graph) graph = graph_new ();

    mistakes[i].make (graph, graph_input (graph, "x", SHAPE (1, 4, 8, 8)));
    assert_error (graph, mistakes[i].message);
  }
}

static void
test_scopes (void)
{
  g_autoptr (graph) graph = graph_new ();
  sym x = graph_input (graph, "x", SHAPE (1, 4, 8, 8)), w, inner, again, outer;

  graph_push (graph, "generator");
  graph_push (graph, "conv%d", 1);
  w = weight (graph, 4, 4);
  inner = graph_input (graph, "mask", SHAPE (1));
  again = weight (graph, 4, 4);
  x = filter (x, w);
  graph_pop (graph);
  outer = weight (graph, 4, 4);
  graph_pop (graph);
  assert_fine (graph);
  g_assert_cmpstr (sym_node (w)->name, ==, "generator.conv1.weight");
  g_assert_cmpstr (sym_node (w)->scope, ==, "generator.conv1");
  g_assert_cmpint (sym_node (w)->init.kind, ==, INIT_NORMAL);
  g_assert_cmpfloat (sym_node (w)->init.value, ==, 0.02);
  g_assert_cmpstr (sym_node (inner)->name, ==, "mask");
  g_assert_cmpstr (sym_node (x)->scope, ==, "generator.conv1");
  g_assert_cmpstr (sym_node (outer)->name, ==, "generator.weight");
  g_assert_cmpint (again.id, ==, w.id);
  g_assert_cmpint (outer.id, !=, w.id);
}

static void
test_equal_nodes (void)
{
  g_autoptr (graph) graph = graph_new ();
  sym x = graph_input (graph, "x", SHAPE (2, 3)), y = graph_input (graph, "y", SHAPE (2, 3));
  struct scale_attrs a, b;
  sym first = scale (x, true, 2, 0.5);

  g_assert_cmpint (scale (x, true, 2, 0.5).id, ==, first.id);
  g_assert_cmpint (scale (y, true, 2, 0.5).id, !=, first.id);
  g_assert_cmpint (scale (x, false, 2, 0.5).id, !=, first.id);
  g_assert_cmpint (scale (x, true, 3, 0.5).id, !=, first.id);
  g_assert_cmpint (scale (x, true, 2, 0.25).id, !=, first.id);
  g_assert_cmpint (graph_add (graph, &op_join, (const sym[]){x, y}, 2, NULL).id, !=,
                   graph_add (graph, &op_join, (const sym[]){y, x}, 2, NULL).id);
  g_assert_cmpint (graph_add (graph, &op_join, (const sym[]){x, y}, 2, NULL).id, ==,
                   graph_add (graph, &op_join, (const sym[]){x, y}, 2, NULL).id);

  memset (&a, 0x00, sizeof a);
  memset (&b, 0xff, sizeof b);
  a.flag = b.flag = true;
  a.factor = b.factor = 1;
  a.pair[0] = b.pair[0] = 5;
  a.pair[1] = b.pair[1] = 6;
  a.shift = b.shift = 7;
  first = graph_add (graph, &op_scale, &x, 1, &a);
  g_assert_cmpint (graph_add (graph, &op_scale, &x, 1, &b).id, ==, first.id);
  b.pair[1]++;
  g_assert_cmpint (graph_add (graph, &op_scale, &x, 1, &b).id, !=, first.id);
  assert_fine (graph);
}

/* Without an option table the bytes of the attributes are compared. */
static void
test_raw_attributes (void)
{
  static const struct op raw = {
    .name = "raw",
    .min_inputs = 1,
    .max_inputs = 1,
    .attrs_size = sizeof (int64_t),
    .shape = join_shape,
  };
  g_autoptr (graph) graph = graph_new ();
  sym x = graph_input (graph, "x", SHAPE (2, 3));
  sym one = graph_add (graph, &raw, &x, 1, &(int64_t){1});

  g_assert_cmpint (graph_add (graph, &raw, &x, 1, &(int64_t){1}).id, ==, one.id);
  g_assert_cmpint (graph_add (graph, &raw, &x, 1, &(int64_t){2}).id, !=, one.id);
  assert_fine (graph);
}

static void
test_constants (void)
{
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (tensor) table = tensor_new (SHAPE (2, 2), DTYPE_F32, NULL);
  sym constant = graph_constant (graph, table), half = graph_scalar (graph, 0.5);

  g_assert_cmpint (graph_constant (graph, table).id, ==, constant.id);
  g_assert_cmpint (graph_scalar (graph, 0.5).id, ==, half.id);
  g_assert_cmpint (graph_scalar (graph, -0.5).id, !=, half.id);
  g_assert_cmpint (graph_scalar (graph, 0.0).id, !=, graph_scalar (graph, -0.0).id);
  g_assert_true (sym_node (constant)->value == table);
  g_assert_cmpfloat (*tensor_floats (sym_node (half)->value), ==, 0.5);
  g_assert_cmpint (sym_shape (half).rank, ==, 0);
  assert_fine (graph);
}

/* Pointers to nodes and their attributes survive later additions. */
static void
test_stable (void)
{
  g_autoptr (graph) graph = graph_new ();
  sym x = graph_input (graph, "x", SHAPE (2, 3)), first = scale (x, true, 1, -1);
  const struct node *node = sym_node (first);
  sym s = first;

  for (int i = 0; i < 5000; i++)
    s = scale (s, false, 1, i);
  assert_fine (graph);
  g_assert_cmpint (graph_count (graph), ==, 5002);
  g_assert_true (sym_node (first) == node);
  g_assert_cmpint (node->input[0], ==, x.id);
  g_assert_cmpfloat (((const struct scale_attrs *) node->attrs)->shift, ==, -1);
  g_assert_cmpfloat (((const struct scale_attrs *) sym_node (s)->attrs)->shift, ==, 4999);
}

static void
test_results (void)
{
  g_autoptr (graph) graph = graph_new ();
  sym x = graph_input (graph, "x", SHAPE (4, 4, 3, 3)), w = weight (graph, 4, 4), next = scale (w, false, 1, 1);

  graph_assign (graph, w, next);
  graph_output (graph, "x", x); /* inputs and outputs have names of their own */
  graph_output (graph, "next", next);
  assert_fine (graph);
  g_assert_cmpuint (graph_result_count (graph), ==, 3);
  g_assert_null (graph_result (graph, 0).name);
  g_assert_cmpint (graph_result (graph, 0).target, ==, w.id);
  g_assert_cmpint (graph_result (graph, 0).id, ==, next.id);
  g_assert_cmpstr (graph_result (graph, 1).name, ==, "x");
  g_assert_cmpint (graph_result (graph, 1).target, ==, -1);
  g_assert_cmpint (graph_result (graph, 2).id, ==, next.id);
}

static struct graph *
small (void)
{
  struct graph *graph = graph_new ();
  g_autoptr (tensor) table = tensor_new (SHAPE (2, 2), DTYPE_F32, NULL);
  sym x = graph_input (graph, "a \"b\"", SHAPE (1, 4, 8, 8)), w;

  graph_push (graph, "net");
  w = weight (graph, 4, 4);
  x = filter (x, w);
  x = scale (x, true, 2, 0.5);
  graph_pop (graph);
  graph_constant (graph, table);
  graph_scalar (graph, 0.5);
  graph_output (graph, "y", x);
  graph_assign (graph, w, scale (w, false, 1, 0));
  assert_fine (graph);
  return graph;
}

static void
test_text (void)
{
  g_autoptr (graph) graph = small ();
  g_autofree char *text = graph_text (graph);

  g_assert_cmpstr (text, ==,
                   "%0 = input \"a \"b\"\" : (1, 4, 8, 8)\n"
                   "%1 = parameter \"net.weight\" : (4, 4, 3, 3)  # net\n"
                   "%2 = filter(%0, %1) : (1, 4, 8, 8)  # net\n"
                   "%3 = scale(%2) flag=true factor=2 shift=0.5 : (2, 8, 16, 16)  # net\n"
                   "%4 = constant : (2, 2)\n"
                   "%5 = constant 0.5 : ()\n"
                   "%6 = scale(%1) : (4, 4, 3, 3)\n"
                   "output \"y\" = %3\n"
                   "%1 := %6\n");
}

static void
test_dot (void)
{
  g_autoptr (graph) graph = small ();
  g_autofree char *dot = graph_dot (graph);

  g_assert_true (g_str_has_prefix (dot, "digraph {\n"));
  g_assert_true (g_str_has_suffix (dot, "}\n"));
  g_assert_nonnull (strstr (dot, "n0 [label=\"a \\\"b\\\" (1, 4, 8, 8)\", shape=ellipse];\n"));
  g_assert_nonnull (strstr (dot, "n3 [label=\"scale flag=true factor=2 shift=0.5 (2, 8, 16, 16)\", "
                                 "tooltip=\"net\"];\n"));
  g_assert_nonnull (strstr (dot, "n0 -> n2;\n  n1 -> n2;\n"));
  g_assert_nonnull (strstr (dot, "n3 -> r0;\n"));
  g_assert_nonnull (strstr (dot, "n6 -> r1 [style=dashed];\n"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/graph/sticky", test_sticky);
  g_test_add_func ("/graph/fail", test_fail);
  g_test_add_func ("/graph/mistakes", test_mistakes);
  g_test_add_func ("/graph/scopes", test_scopes);
  g_test_add_func ("/graph/equal-nodes", test_equal_nodes);
  g_test_add_func ("/graph/raw-attributes", test_raw_attributes);
  g_test_add_func ("/graph/constants", test_constants);
  g_test_add_func ("/graph/stable", test_stable);
  g_test_add_func ("/graph/results", test_results);
  g_test_add_func ("/graph/text", test_text);
  g_test_add_func ("/graph/dot", test_dot);
  return g_test_run ();
}
