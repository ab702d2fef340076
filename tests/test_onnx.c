/* SPDX-License-Identifier: Apache-2.0
 *
 * ONNX in. Models are made here (model_maker.h): good ones must give numbers that can be worked out by hand; whatever else a
 * file says must be refused in one line that names the file and the node, quickly and without a GLib warning (which is fatal
 * here). */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "impasto/error.h"
#include "model_maker.h"
#include "onnx/session.h"

/* --- Running them --- */

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

/* Whole numbers divide towards zero; an empty constant concatenates; an extremum of nothing known is refused elsewhere. */
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

/* --- What must be refused --- */

static void
check_message (const GError *error, const char *part)
{
  g_assert_nonnull (error);
  g_assert_true (error->domain == IMPASTO_ERROR);
  g_assert_true (g_utf8_validate (error->message, -1, NULL) && strpbrk (error->message, "\r\n") == NULL);
  g_assert_true (g_str_has_prefix (error->message, "FILE: "));
  if (strstr (error->message, part) == NULL)
    g_error ("\"%s\" lacks \"%s\"", error->message, part);
}

/* Opening, or importing for x (2, 3), fails with a message that holds @part. Consumes the maker. */
static void
refuse (struct maker *maker, const char *part)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (onnx_model) model = maker_parse (maker, NULL, &error);

  if (model) {
    struct onnx_given given = {.input = "x", .shape = SHAPE (2, 3)};
    g_autoptr (onnx_import) import = onnx_import_new (model, &given, onnx_input_count (model) ? 1 : 0, NULL, &error);

    g_assert_null (import);
  }
  check_message (error, part);
}

/* x (2, 3), an op, y. */
static struct maker
one_node (const char *op, const char *inputs)
{
  struct maker maker = maker_new ();

  add_node (&maker, op, inputs, "y")->name = (char *) "it";
  add_input (&maker, "x", "2 3");
  add_output (&maker, "y");
  return maker;
}

/* What is there, and what is not: entries without key or value too. */
static void
test_metadata (void)
{
  struct maker maker = one_node ("Relu", "x");
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
  struct maker maker = one_node ("Relu", "x");
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

static void
test_refused_graphs (void)
{
  struct maker maker = one_node ("Frobnicate", "x");
  refuse (&maker, "node 'it' (Frobnicate): the op is not supported");
  maker = one_node ("Relu", "x");
  ((Onnx__NodeProto *) maker.nodes->pdata[0])->domain = (char *) "com.example";
  refuse (&maker, "node 'it' (Relu): ops of the domain 'com.example' are not supported");
  maker = one_node ("Relu", "nothing");
  refuse (&maker, "node 'it' (Relu): there is no value 'nothing'");
  maker = one_node ("Relu", "-");
  refuse (&maker, "node 'it' (Relu): input 0 is missing");
  maker = one_node ("Add", "x");
  refuse (&maker, "input 1 is missing");
  maker = one_node ("Add", "x y");
  refuse (&maker, "a cycle");
  maker = one_node ("Relu", "a");
  add_node (&maker, "Relu", "b", "a");
  add_node (&maker, "Relu", "a", "b");
  refuse (&maker, "a cycle");
  maker = one_node ("Relu", "x");
  add_node (&maker, "Neg", "x", "y");
  refuse (&maker, "'y' is made by another node, too");
  maker = one_node ("Relu", "x");
  add_floats (&maker, "y", "1", 1);
  refuse (&maker, "there are two values called 'y'");
  maker = one_node ("Relu", "x");
  add_floats (&maker, "w", "1", 1);
  add_floats (&maker, "w", "1", 1);
  refuse (&maker, "there are two values called 'w'");
  maker = one_node ("Relu", "x");
  add_output (&maker, "z");
  refuse (&maker, "output 'z' has no value");
  maker = one_node ("Relu", "x");
  add_opset (&maker, "", 99);
  refuse (&maker, "opset 99");
  maker = one_node ("Relu", "x");
  add_opset (&maker, "", -3);
  refuse (&maker, "opset -3");
  maker = one_node ("LeakyRelu", "x");
  set_int (&maker, maker.nodes->pdata[0], "alpha", 1);
  refuse (&maker, "attribute 'alpha' is of type 2");
  maker = one_node ("Add", "x w");
  add_floats (&maker, "w", "4", 1);
  refuse (&maker, "node 'it' (Add): add: ");
  maker = one_node ("Relu", "x");
  g_ptr_array_set_size (maker.inputs, 0);
  add_input (&maker, "x", "2 5");
  refuse (&maker, "input 'x' is given as (2, 3), the model wants (2, 5)");
  maker = one_node ("If", "x");
  refuse (&maker, "known at run time only");
  maker = one_node ("Reshape", "x s");
  add_ints (&maker, "s", "2", "-1 -1");
  refuse (&maker, "node 'it' (Reshape)");
  maker = one_node ("Reshape", "x s");
  add_ints (&maker, "s", "3", "9223372036854775807 9223372036854775807 4");
  refuse (&maker, "node 'it' (Reshape)");
  maker = one_node ("Expand", "x s");
  add_ints (&maker, "s", "7", "1 1 1 1 1 1 1");
  refuse (&maker, "a shape of 7 axes");
  maker = one_node ("Slice", "x s s s s");
  add_ints (&maker, "s", "1", "0");
  refuse (&maker, "the step of axis 0 is 0");
  maker = one_node ("Concat", "x");
  set_int (&maker, maker.nodes->pdata[0], "axis", 2);
  refuse (&maker, "axis 2 of a value of rank 2");
}

/* Constants that would fill the memory, and work on them without end. */
static void
test_refused_sizes (void)
{
  struct maker maker = one_node ("ConstantOfShape", "s");
  add_ints (&maker, "s", "3", "100000 100000 100000");
  refuse (&maker, "too large");
  maker = one_node ("ConstantOfShape", "s");
  add_ints (&maker, "s", "2", "-1 4");
  refuse (&maker, "node 'it' (ConstantOfShape)");
  maker = one_node ("Range", "a b c");
  add_ints (&maker, "a", "", "0");
  add_ints (&maker, "b", "", "9223372036854775807");
  add_ints (&maker, "c", "", "1");
  refuse (&maker, "the range has no end");
  maker = one_node ("Range", "a a a");
  add_ints (&maker, "a", "", "0");
  refuse (&maker, "the range has no end");
  maker = one_node ("Tile", "x r");
  add_ints (&maker, "r", "2", "9223372036854775807 2");
  refuse (&maker, "node 'it' (Tile)");
}

static void
test_refused_tensors (void)
{
  struct maker maker = one_node ("Add", "x w");
  Onnx__TensorProto *tensor = add_floats (&maker, "w", "3", 1);
  tensor->n_float_data = 2;
  refuse (&maker, "tensor 'w': has 2 floats, its extents want 3");
  maker = one_node ("Add", "x w");
  add_floats (&maker, "w", "3", 1)->dims[0] = -3;
  refuse (&maker, "tensor 'w': axis 0 has the extent -3");
  maker = one_node ("Add", "x w");
  tensor = add_floats (&maker, "w", "1 1 1 1 1 1 1", 1);
  refuse (&maker, "tensor 'w': has 7 axes");
  maker = one_node ("Add", "x w");
  tensor = add_floats (&maker, "w", "1 1 1", 1);
  tensor->dims[0] = tensor->dims[1] = tensor->dims[2] = G_MAXINT64;
  refuse (&maker, "tensor 'w': has more than");
  maker = one_node ("Add", "x w");
  tensor = add_floats (&maker, "w", "1", 1);
  tensor->dims[0] = (int64_t) 1 << 40;
  refuse (&maker, "tensor 'w': has 1 floats");
  maker = one_node ("Add", "x w");
  add_floats (&maker, "w", "1", 1)->data_type = ONNX_STRING;
  refuse (&maker, "tensor 'w': elements of type 8 (string)");
  maker = one_node ("Add", "x w");
  add_floats (&maker, "w", "1", 1)->data_type = 99;
  refuse (&maker, "tensor 'w': elements of type 99");
  maker = one_node ("Add", "x w");
  tensor = add_floats (&maker, "w", "3", 1);
  tensor->has_raw_data = 1;
  tensor->raw_data.data = (uint8_t *) tensor->float_data;
  tensor->raw_data.len = 11;
  refuse (&maker, "tensor 'w': has 11 bytes, its extents want 12");
  maker = one_node ("Add", "x w");
  add_floats (&maker, "w", "1", 1)->name = (char *) "evil\nname\x1b[31m";
  refuse (&maker, "there is no value 'w'");
}

static void
test_refused_bytes (void)
{
  static const struct {
    const char *bytes, *part;
    size_t size;
  } files[] = {
    {"", "no graph", 0},
    {"\x3a\x7f", "longer than what holds it", 2},
    {"\x3a", "a length is cut off", 1},
    {"\x07", "a field has no number", 1},
    {"\x0b", "unknown wire type", 1},
    {"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "a number is cut off", 12},
    {"\x3a\x00\x3a\x00", "there twice", 4},
    {"\x12\x03o\x00o", "zero byte", 5},
  };

  for (size_t i = 0; i < G_N_ELEMENTS (files); i++) {
    g_autoptr (GError) error = NULL;

    g_assert_null (onnx_parse (files[i].bytes, files[i].size, "FILE", NULL, &error));
    check_message (error, files[i].part);
  }
}

/* A graph in an attribute of a node of a graph ..., a thousand times. */
static void
test_refused_depth (void)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autoptr (GError) error = NULL;

  for (int depth = 0; depth < 3000; depth++) {
    static const uint8_t tags[] = {0x0a, 0x2a, 0x32}; /* graph.node, node.attribute, attribute.g */
    int level = 2999 - depth;                         /* from outside; first is model.graph */
    uint8_t head[6] = {level == 0 ? 0x3a : tags[(level - 1) % 3]};
    guint length = bytes->len;
    int n = 1;

    for (; length > 127; length >>= 7)
      head[n++] = (uint8_t) (length | 0x80);
    head[n++] = (uint8_t) length;
    g_byte_array_prepend (bytes, head, n);
  }
  g_assert_null (onnx_parse (bytes->data, bytes->len, "FILE", NULL, &error));
  check_message (error, "nested too deeply");
}

/* A good model cut off anywhere, and with every byte changed, is refused or means something; nothing else happens. */
static void
test_damaged (void)
{
  struct maker maker = maker_new ();
  Onnx__NodeProto *conv = add_node (&maker, "Conv", "x w", "c");
  size_t size;

  set_int (&maker, conv, "group", 1);
  add_node (&maker, "Shape", "c", "s");
  add_node (&maker, "Reshape", "c s", "y");
  add_input (&maker, "x", "1 1 h w");
  add_floats (&maker, "w", "1 1 2 2", 1);
  add_output (&maker, "y");
  g_autofree uint8_t *bytes = maker_pack (&maker, &size);
  maker_clear (&maker);
  for (size_t i = 0; i < 2 * size; i++) {
    g_autofree uint8_t *copy = g_memdup2 (bytes, size);
    g_autoptr (GError) error = NULL;

    if (i >= size)
      copy[i - size] ^= 0x15;
    g_autoptr (onnx_model) model = onnx_parse (copy, i < size ? i : size, "FILE", NULL, &error);
    struct onnx_given given = {.input = "x", .shape = SHAPE (1, 1, 4, 5)};
    g_autoptr (onnx_import) import = model ? onnx_import_new (model, &given, 1, NULL, &error) : NULL;
    if (import == NULL)
      check_message (error, "");
  }
}

/* --- External data --- */

static void
set_external (struct maker *maker, Onnx__TensorProto *tensor, const char *location, const char *offset,
              const char *length)
{
  const char *pairs[] = {"location", location, "offset", offset, "length", length};

  tensor->n_float_data = 0;
  tensor->has_data_location = 1;
  tensor->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
  tensor->external_data = keep (maker, g_new0 (Onnx__StringStringEntryProto *, 3));
  for (int i = 0; i < 6; i += 2) {
    Onnx__StringStringEntryProto *entry =
      MAKE (maker, Onnx__StringStringEntryProto, onnx__string_string_entry_proto__init);

    entry->key = (char *) pairs[i];
    entry->value = (char *) pairs[i + 1];
    if (entry->value)
      tensor->external_data[tensor->n_external_data++] = entry;
  }
}

static void
test_external (void)
{
  static const struct {
    const char *location, *offset, *length, *part; /* NULL: good */
  } cases[] = {
    {"data.bin", "4", "12", NULL},
    {"sub/data.bin", NULL, NULL, NULL},
    {"./data.bin", "0", NULL, NULL},
    {"inner-link", NULL, NULL, NULL},
    {"data.bin", "8", "12", "wants bytes 8 to 20, it has 16"},
    {"data.bin", "99999999999999999999", "12", "external data: offset"},
    {"data.bin", "-4", "12", "external data: offset is '-4'"},
    {"data.bin", "9223372036854775000", NULL, "wants bytes"},
    {"data.bin", "0", "16", "has 16 bytes of external data, its extents want 12"},
    {"../data.bin", "0", "12", "not inside the model's folder"},
    {"sub/../../data.bin", "0", "12", "not inside the model's folder"},
    {"/etc/passwd", "0", "12", "not inside the model's folder"},
    {"", "0", "12", "not inside the model's folder"},
    {"outer-link", "0", "12", "leads out of the model's folder"},
    {"absent.bin", "0", "12", "No such file"},
    {"pipe", "0", "12", "not a regular file"},
    {"sub", "0", "12", "not a regular file"},
    {NULL, "0", "12", "external data without a location"},
  };
  static const float values[] = {5, 6, 7, 8};
  g_autoptr (GError) error = NULL;
  g_autofree char *folder = g_dir_make_tmp ("impasto-onnx-XXXXXX", &error);
  g_assert_no_error (error);
  g_autofree char *model_folder = g_build_filename (folder, "model", NULL),
                  *sub = g_build_filename (model_folder, "sub", NULL);
  g_autofree char *command = g_strdup_printf ("rm -r '%s'", folder);
  g_assert_cmpint (g_mkdir_with_parents (sub, 0700), ==, 0);
  const char *places[] = {"data.bin", "model/data.bin", "model/sub/data.bin"};
  for (int i = 0; i < 3; i++) {
    g_autofree char *path = g_build_filename (folder, places[i], NULL);
    g_assert_true (g_file_set_contents (path, (const char *) values, sizeof values, NULL));
  }
  g_autofree char *pipe = g_build_filename (model_folder, "pipe", NULL);
  g_autofree char *inner = g_build_filename (model_folder, "inner-link", NULL);
  g_autofree char *outer = g_build_filename (model_folder, "outer-link", NULL);
  g_assert_cmpint (mkfifo (pipe, 0600), ==, 0);
  g_assert_cmpint (symlink ("data.bin", inner), ==, 0);
  g_assert_cmpint (symlink ("../data.bin", outer), ==, 0);

  for (size_t i = 0; i < G_N_ELEMENTS (cases); i++) {
    struct maker maker = one_node ("Add", "x w");
    g_autoptr (GError) mistake = NULL;

    set_external (&maker, add_floats (&maker, "w", "3", 1), cases[i].location, cases[i].offset, cases[i].length);
    g_autoptr (onnx_model) model = maker_parse (&maker, model_folder, &mistake);
    if (cases[i].part) {
      g_assert_null (model);
      check_message (mistake, cases[i].part);
      continue;
    }
    g_assert_no_error (mistake);
    struct onnx_given given = {.input = "x", .shape = SHAPE (2, 3)};
    g_autoptr (onnx_import) import = onnx_import_new (model, &given, 1, NULL, &mistake);
    g_assert_no_error (mistake);
    g_assert_cmpfloat (tensor_floats (weights_find (import->weights, "w"))[0], ==,
                       cases[i].offset && *cases[i].offset == '4' ? 6 : 5);
  }
  g_assert_true (g_spawn_command_line_sync (command, NULL, NULL, NULL, NULL));
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
  g_test_add_func ("/onnx/refused/graphs", test_refused_graphs);
  g_test_add_func ("/onnx/refused/sizes", test_refused_sizes);
  g_test_add_func ("/onnx/refused/tensors", test_refused_tensors);
  g_test_add_func ("/onnx/refused/bytes", test_refused_bytes);
  g_test_add_func ("/onnx/refused/depth", test_refused_depth);
  g_test_add_func ("/onnx/damaged", test_damaged);
  g_test_add_func ("/onnx/external", test_external);
  return g_test_run ();
}
