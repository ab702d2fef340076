/* SPDX-License-Identifier: Apache-2.0
 *
 * ONNX in: models made here (model_maker.h) must give numbers that can be worked out by hand, and say what is in
 * them. */
#include <string.h>

#include "impasto/error.h"
#include "model_maker.h"
#include "onnx/session.h"

/* A float array of 0, 1, 2 ... times scale. */
static struct onnx_constant *
ramp (struct shape shape, double scale)
{
  struct onnx_constant *value = onnx_constant_new (ONNX_FLOAT, shape, NULL);

  for (int64_t i = 0; i < value->count; i++)
    onnx_constant_set_float (value, i, (double) i * scale);
  return value;
}

/* The first output of the model for x; consumes the maker. */
static struct onnx_constant *
run_maker (struct maker *maker, struct onnx_constant *x)
{
  struct plan_options options = {.precision = PRECISION_F32, .threads = 1};
  g_autoptr (GError) error = NULL;
  g_autoptr (onnx_model) model = maker_parse (maker, NULL, &error);
  g_assert_no_error (error);
  g_autoptr (onnx_session) session = onnx_session_new (model, &options);
  struct onnx_array input = {.name = "x", .value = x};
  g_autoptr (GArray) results = onnx_session_run (session, &input, x ? 1 : 0, NULL, &error);

  g_assert_no_error (error);
  onnx_constant_unref (x);
  return onnx_constant_ref (g_array_index (results, struct onnx_array, 0).value);
}

static void
check_values (const struct onnx_constant *value, struct shape shape, const double *want)
{
  g_assert_true (shape_equal (&value->shape, &shape));
  for (int64_t i = 0; i < value->count; i++)
    g_assert_cmpfloat_with_epsilon (onnx_constant_float (value, i), want[i], 1e-5);
}

#define CHECK(value, shape, ...) \
  G_STMT_START \
  { \
    g_autoptr (onnx_constant) checked = (value); \
    check_values (checked, shape, (const double[]){__VA_ARGS__}); \
  } \
  G_STMT_END

static void
test_layers (void)
{
  struct maker maker = maker_new ();
  Onnx__NodeProto *conv = add_node (&maker, "Conv", "x w b", "c");
  Onnx__AttributeProto *pads;

  pads = attribute (&maker, conv, "pads", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
  pads->ints = numbers (&maker, "0 1 0 1", &pads->n_ints);
  add_node (&maker, "Relu", "c", "y");
  add_input (&maker, "x", "1 1 1 width");
  add_floats (&maker, "w", "1 1 1 3", 1); /* 0 1 2 */
  add_floats (&maker, "b", "1", 1);
  add_output (&maker, "y");
  CHECK (run_maker (&maker, ramp (SHAPE (1, 1, 1, 4), -1)), SHAPE (1, 1, 1, 4), 0, 0, 0, 0);
  maker = maker_new ();
  add_node (&maker, "LeakyRelu", "x", "r");
  set_float (&maker, g_ptr_array_index (maker.nodes, 0), "alpha", 0.5f);
  add_node (&maker, "Add", "r b", "y");
  add_floats (&maker, "b", "2 1", 10);
  add_input (&maker, "x", "2 2");
  add_output (&maker, "y");
  CHECK (run_maker (&maker, ramp (SHAPE (2, 2), -1)), SHAPE (2, 2), 0, -0.5, 9, 8.5);
}

/* view(x.shape[0], -1) as PyTorch writes it; nodes in the wrong order, one that nobody needs and nobody knows. */
static void
test_shape_arithmetic (void)
{
  struct maker maker = maker_new ();

  add_node (&maker, "Reshape", "x target", "y");
  add_node (&maker, "Concat", "n2 rest", "target");
  set_int (&maker, g_ptr_array_index (maker.nodes, 1), "axis", 0);
  add_node (&maker, "Gather", "s zero", "n");
  add_node (&maker, "Unsqueeze", "n axes", "n1");
  add_node (&maker, "Mul", "n1 two", "n2");
  add_node (&maker, "Shape", "x", "s");
  add_node (&maker, "Nobody", "x", "needs");
  add_ints (&maker, "zero", "", "0");
  add_ints (&maker, "axes", "1", "0");
  add_ints (&maker, "rest", "1", "-1");
  add_ints (&maker, "two", "1", "2");
  add_input (&maker, "x", "n c");
  add_output (&maker, "y");
  CHECK (run_maker (&maker, ramp (SHAPE (2, 4), 1)), SHAPE (4, 2), 0, 1, 2, 3, 4, 5, 6, 7);
}

/* Whole numbers divide towards zero; an empty constant concatenates; an extremum of nothing known is refused
 * elsewhere. */
static void
test_evaluator (void)
{
  struct maker maker = maker_new ();

  add_node (&maker, "Div", "a b", "q");
  add_node (&maker, "Mod", "a b", "m");
  add_node (&maker, "Concat", "q none m", "y");
  set_int (&maker, g_ptr_array_index (maker.nodes, 2), "axis", 0);
  add_ints (&maker, "a", "3", "-7 7 -1");
  add_ints (&maker, "b", "3", "2 -2 3");
  add_ints (&maker, "none", "0", "");
  add_output (&maker, "y");
  CHECK (run_maker (&maker, NULL), SHAPE (6), -3, -3, 0, 1, -1, 2);
}

/* If on a known condition takes one branch, which sees values from outside. */
static void
test_branches (void)
{
  for (int taken = 0; taken < 2; taken++) {
    struct maker maker = maker_new ();
    Onnx__GraphProto *graphs[2];
    Onnx__NodeProto *choice;

    add_node (&maker, "Neg", "x", "b");
    add_output (&maker, "b");
    graphs[0] = take_graph (&maker);
    add_node (&maker, "Mul", "x three", "b");
    add_floats (&maker, "three", "1", 0)->float_data[0] = 3;
    add_output (&maker, "b");
    graphs[1] = take_graph (&maker);
    choice = add_node (&maker, "If", "condition", "y");
    attribute (&maker, choice, "else_branch", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH)->g = graphs[0];
    attribute (&maker, choice, "then_branch", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH)->g = graphs[1];
    add_ints (&maker, "number", "", taken ? "5" : "4");
    add_ints (&maker, "five", "", "5");
    add_node (&maker, "Equal", "number five", "condition");
    add_input (&maker, "x", "2");
    add_output (&maker, "y");
    CHECK (run_maker (&maker, ramp (SHAPE (2), 1)), SHAPE (2), 0, taken ? 3 : -1);
  }
}

/* A function of the model, called twice with another attribute. */
static void
test_functions (void)
{
  struct maker maker = maker_new ();
  Onnx__FunctionProto *function = MAKE (&maker, Onnx__FunctionProto, onnx__function_proto__init);
  Onnx__NodeProto *inner = make_node (&maker, "LeakyRelu", "a", "b"), *call;
  Onnx__AttributeProto *slope = attribute (&maker, inner, "alpha", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);

  slope->ref_attr_name = (char *) "slope";
  function->name = (char *) "Bend";
  function->domain = (char *) "mine";
  function->input = words (&maker, "a", &function->n_input);
  function->output = words (&maker, "b", &function->n_output);
  function->n_node = 1;
  function->node = keep (&maker, g_memdup2 (&inner, sizeof inner));
  g_ptr_array_add (maker.functions, function);
  call = add_node (&maker, "Bend", "x", "h");
  call->domain = (char *) "mine";
  set_float (&maker, call, "slope", 0.5f);
  call = add_node (&maker, "Bend", "h", "y");
  call->domain = (char *) "mine";
  set_float (&maker, call, "slope", 0.25f);
  add_input (&maker, "x", "3");
  add_output (&maker, "y");
  add_opset (&maker, "", 17);
  add_opset (&maker, "mine", 1);
  CHECK (run_maker (&maker, ramp (SHAPE (3), -8)), SHAPE (3), 0, -1, -2);
}

/* Every element type of an initialiser, in raw bytes and in lists. */
static void
test_types (void)
{
  static const struct {
    int type;
    size_t size;
    uint8_t bytes[2][8]; /* of -2 and 3, or 2 and 3 */
    double want[2];
  } types[] = {
    {ONNX_FLOAT, 4, {{0, 0, 0, 0xc0}, {0, 0, 0x40, 0x40}}, {-2, 3}},
    {ONNX_FLOAT16, 2, {{0, 0xc0}, {0, 0x42}}, {-2, 3}},
    {ONNX_BFLOAT16, 2, {{0, 0xc0}, {0x40, 0x40}}, {-2, 3}},
    {ONNX_DOUBLE, 8, {{0, 0, 0, 0, 0, 0, 0, 0xc0}, {0, 0, 0, 0, 0, 0, 0x08, 0x40}}, {-2, 3}},
    {ONNX_INT8, 1, {{0xfe}, {3}}, {-2, 3}},
    {ONNX_INT16, 2, {{0xfe, 0xff}, {3}}, {-2, 3}},
    {ONNX_INT32, 4, {{0xfe, 0xff, 0xff, 0xff}, {3}}, {-2, 3}},
    {ONNX_INT64, 8, {{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, {3}}, {-2, 3}},
    {ONNX_UINT8, 1, {{0xfe}, {3}}, {254, 3}},
    {ONNX_UINT16, 2, {{0xfe, 0xff}, {3}}, {65534, 3}},
    {ONNX_UINT32, 4, {{0xfe, 0xff, 0xff, 0xff}, {3}}, {4294967294.0, 3}},
    {ONNX_BOOL, 1, {{0}, {1}}, {0, 1}},
  };

  for (size_t i = 0; i < G_N_ELEMENTS (types); i++) {
    struct maker maker = maker_new ();
    Onnx__TensorProto *tensor = make_tensor (&maker, "c", types[i].type, "2");
    Onnx__NodeProto *cast = add_node (&maker, "Cast", "c", "y");

    tensor->has_raw_data = 1;
    tensor->raw_data.len = 2 * types[i].size;
    tensor->raw_data.data = keep (&maker, g_malloc0 (16));
    memcpy (tensor->raw_data.data, types[i].bytes[0], types[i].size);
    memcpy (tensor->raw_data.data + types[i].size, types[i].bytes[1], types[i].size);
    g_ptr_array_add (maker.initializers, tensor);
    set_int (&maker, cast, "to", ONNX_DOUBLE);
    add_output (&maker, "y");
    g_autoptr (onnx_constant) y = run_maker (&maker, NULL);
    check_values (y, SHAPE (2), types[i].want);
  }
}

/* The same model at several sizes: plans are found again, the weights are the same tensors. */
static void
test_session (void)
{
  struct maker maker = maker_new ();
  g_autoptr (GError) error = NULL;

  add_node (&maker, "Mul", "x w", "y");
  add_floats (&maker, "w", "3 1", 1);
  add_input (&maker, "x", "3 n");
  add_output (&maker, "y");
  g_autoptr (onnx_model) model = maker_parse (&maker, NULL, &error);
  g_assert_no_error (error);
  g_autoptr (onnx_session) session = onnx_session_new (model, NULL);
  struct plan *first = NULL;
  for (int64_t n = 1; n <= 12; n++) {
    int64_t width = n > 8 ? 1 : n; /* 1 has long been dropped by then, once */
    struct onnx_array x = {.name = "x", .value = ramp (SHAPE (3, width), 1)};
    struct plan *plan = onnx_session_plan (session, &x, 1, NULL, &error);
    g_autoptr (GArray) results = onnx_session_run (session, &x, 1, NULL, &error);

    g_assert_no_error (error);
    if (n == 9)
      first = plan;
    g_assert_true (n <= 9 || plan == first);
    for (int64_t i = 0; i < 3 * width; i++)
      g_assert_cmpfloat (onnx_constant_float (g_array_index (results, struct onnx_array, 0).value, i), ==,
                         (double) (i * (i / width)));
    onnx_constant_unref (x.value);
  }
}

/* What is there, and what is not: entries without key or value too. */
static void
test_metadata (void)
{
  struct maker maker = maker_one_node ("Relu", "x");
  g_autoptr (GError) error = NULL;

  add_metadata (&maker, "range", "0..255");
  add_metadata (&maker, NULL, "of nothing");
  add_metadata (&maker, "empty", NULL);
  g_autoptr (onnx_model) model = maker_parse (&maker, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (onnx_metadata_key (model, 0), ==, "range");
  g_assert_cmpstr (onnx_metadata_key (model, 1), ==, "");
  g_assert_cmpstr (onnx_metadata_key (model, 2), ==, "empty");
  g_assert_null (onnx_metadata_key (model, 3));
  g_assert_cmpstr (onnx_metadata (model, "range"), ==, "0..255");
  g_assert_null (onnx_metadata (model, "empty"));
  g_assert_null (onnx_metadata (model, "layout"));
}

static void
test_ops (void)
{
  struct maker maker = maker_one_node ("Relu", "x");
  g_autoptr (GError) error = NULL;

  add_node (&maker, "Frobnicate", "y", "z");
  add_node (&maker, "Relu", "y", "w");
  g_autoptr (onnx_model) model = maker_parse (&maker, NULL, &error);
  g_assert_no_error (error);
  g_auto (GStrv) missing = NULL, ops = onnx_ops (model, &missing), alone = onnx_ops (model, NULL);
  const char *const wanted[] = {"Frobnicate 1", "Relu 2", NULL}, *const lacking[] = {"Frobnicate", NULL};
  g_assert_true (g_strv_equal ((const char *const *) ops, wanted));
  g_assert_true (g_strv_equal ((const char *const *) alone, wanted));
  g_assert_true (g_strv_equal ((const char *const *) missing, lacking));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/onnx/layers", test_layers);
  g_test_add_func ("/onnx/shape-arithmetic", test_shape_arithmetic);
  g_test_add_func ("/onnx/evaluator", test_evaluator);
  g_test_add_func ("/onnx/branches", test_branches);
  g_test_add_func ("/onnx/functions", test_functions);
  g_test_add_func ("/onnx/types", test_types);
  g_test_add_func ("/onnx/session", test_session);
  g_test_add_func ("/onnx/metadata", test_metadata);
  g_test_add_func ("/onnx/ops", test_ops);
  return g_test_run ();
}
