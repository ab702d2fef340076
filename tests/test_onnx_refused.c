/* SPDX-License-Identifier: Apache-2.0
 *
 * ONNX that is none: whatever else a file says is refused in one line that names the file and the node, quickly and
 * without a GLib warning (which is fatal here). */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "impasto/error.h"
#include "model_maker.h"
#include "onnx/session.h"

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

static void
test_refused_graphs (void)
{
  struct maker maker = maker_one_node ("Frobnicate", "x");
  refuse (&maker, "node 'it' (Frobnicate): the op is not supported");
  maker = maker_one_node ("Relu", "x");
  ((Onnx__NodeProto *) maker.nodes->pdata[0])->domain = (char *) "com.example";
  refuse (&maker, "node 'it' (Relu): ops of the domain 'com.example' are not supported");
  maker = maker_one_node ("Relu", "nothing");
  refuse (&maker, "node 'it' (Relu): there is no value 'nothing'");
  maker = maker_one_node ("Relu", "-");
  refuse (&maker, "node 'it' (Relu): input 0 is missing");
  maker = maker_one_node ("Add", "x");
  refuse (&maker, "input 1 is missing");
  maker = maker_one_node ("Add", "x y");
  refuse (&maker, "a cycle");
  maker = maker_one_node ("Relu", "a");
  add_node (&maker, "Relu", "b", "a");
  add_node (&maker, "Relu", "a", "b");
  refuse (&maker, "a cycle");
  maker = maker_one_node ("Relu", "x");
  add_node (&maker, "Neg", "x", "y");
  refuse (&maker, "'y' is made by another node, too");
  maker = maker_one_node ("Relu", "x");
  add_floats (&maker, "y", "1", 1);
  refuse (&maker, "there are two values called 'y'");
  maker = maker_one_node ("Relu", "x");
  add_floats (&maker, "w", "1", 1);
  add_floats (&maker, "w", "1", 1);
  refuse (&maker, "there are two values called 'w'");
  maker = maker_one_node ("Relu", "x");
  add_output (&maker, "z");
  refuse (&maker, "output 'z' has no value");
  maker = maker_one_node ("Relu", "x");
  add_opset (&maker, "", 99);
  refuse (&maker, "opset 99");
  maker = maker_one_node ("Relu", "x");
  add_opset (&maker, "", -3);
  refuse (&maker, "opset -3");
  maker = maker_one_node ("LeakyRelu", "x");
  set_int (&maker, maker.nodes->pdata[0], "alpha", 1);
  refuse (&maker, "attribute 'alpha' is of type 2");
  maker = maker_one_node ("Add", "x w");
  add_floats (&maker, "w", "4", 1);
  refuse (&maker, "node 'it' (Add): add: ");
  maker = maker_one_node ("Relu", "x");
  g_ptr_array_set_size (maker.inputs, 0);
  add_input (&maker, "x", "2 5");
  refuse (&maker, "input 'x' is given as (2, 3), the model wants (2, 5)");
  maker = maker_one_node ("If", "x");
  refuse (&maker, "known at run time only");
  maker = maker_one_node ("Reshape", "x s");
  add_ints (&maker, "s", "2", "-1 -1");
  refuse (&maker, "node 'it' (Reshape)");
  maker = maker_one_node ("Reshape", "x s");
  add_ints (&maker, "s", "3", "9223372036854775807 9223372036854775807 4");
  refuse (&maker, "node 'it' (Reshape)");
  maker = maker_one_node ("Expand", "x s");
  add_ints (&maker, "s", "7", "1 1 1 1 1 1 1");
  refuse (&maker, "a shape of 7 axes");
  maker = maker_one_node ("Slice", "x s s s s");
  add_ints (&maker, "s", "1", "0");
  refuse (&maker, "the step of axis 0 is 0");
  maker = maker_one_node ("Concat", "x");
  set_int (&maker, maker.nodes->pdata[0], "axis", 2);
  refuse (&maker, "axis 2 of a value of rank 2");
}

/* Constants that would fill the memory, and work on them without end. */
static void
test_refused_sizes (void)
{
  struct maker maker = maker_one_node ("ConstantOfShape", "s");
  add_ints (&maker, "s", "3", "100000 100000 100000");
  refuse (&maker, "too large");
  maker = maker_one_node ("ConstantOfShape", "s");
  add_ints (&maker, "s", "2", "-1 4");
  refuse (&maker, "node 'it' (ConstantOfShape)");
  maker = maker_one_node ("Range", "a b c");
  add_ints (&maker, "a", "", "0");
  add_ints (&maker, "b", "", "9223372036854775807");
  add_ints (&maker, "c", "", "1");
  refuse (&maker, "the range has no end");
  maker = maker_one_node ("Range", "a a a");
  add_ints (&maker, "a", "", "0");
  refuse (&maker, "the range has no end");
  maker = maker_one_node ("Tile", "x r");
  add_ints (&maker, "r", "2", "9223372036854775807 2");
  refuse (&maker, "node 'it' (Tile)");
}

static void
test_refused_tensors (void)
{
  struct maker maker = maker_one_node ("Add", "x w");
  Onnx__TensorProto *tensor = add_floats (&maker, "w", "3", 1);
  tensor->n_float_data = 2;
  refuse (&maker, "tensor 'w': has 2 floats, its extents want 3");
  maker = maker_one_node ("Add", "x w");
  add_floats (&maker, "w", "3", 1)->dims[0] = -3;
  refuse (&maker, "tensor 'w': axis 0 has the extent -3");
  maker = maker_one_node ("Add", "x w");
  tensor = add_floats (&maker, "w", "1 1 1 1 1 1 1", 1);
  refuse (&maker, "tensor 'w': has 7 axes");
  maker = maker_one_node ("Add", "x w");
  tensor = add_floats (&maker, "w", "1 1 1", 1);
  tensor->dims[0] = tensor->dims[1] = tensor->dims[2] = G_MAXINT64;
  refuse (&maker, "tensor 'w': has more than");
  maker = maker_one_node ("Add", "x w");
  tensor = add_floats (&maker, "w", "1", 1);
  tensor->dims[0] = (int64_t) 1 << 40;
  refuse (&maker, "tensor 'w': has 1 floats");
  maker = maker_one_node ("Add", "x w");
  add_floats (&maker, "w", "1", 1)->data_type = ONNX_STRING;
  refuse (&maker, "tensor 'w': elements of type 8 (string)");
  maker = maker_one_node ("Add", "x w");
  add_floats (&maker, "w", "1", 1)->data_type = 99;
  refuse (&maker, "tensor 'w': elements of type 99");
  maker = maker_one_node ("Add", "x w");
  tensor = add_floats (&maker, "w", "3", 1);
  tensor->has_raw_data = 1;
  tensor->raw_data.data = (uint8_t *) tensor->float_data;
  tensor->raw_data.len = 11;
  refuse (&maker, "tensor 'w': has 11 bytes, its extents want 12");
  maker = maker_one_node ("Add", "x w");
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
    struct maker maker = maker_one_node ("Add", "x w");
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
  g_test_add_func ("/onnx/refused/graphs", test_refused_graphs);
  g_test_add_func ("/onnx/refused/sizes", test_refused_sizes);
  g_test_add_func ("/onnx/refused/tensors", test_refused_tensors);
  g_test_add_func ("/onnx/refused/bytes", test_refused_bytes);
  g_test_add_func ("/onnx/refused/depth", test_refused_depth);
  g_test_add_func ("/onnx/damaged", test_damaged);
  g_test_add_func ("/onnx/external", test_external);
  return g_test_run ();
}
