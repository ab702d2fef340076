/* SPDX-License-Identifier: Apache-2.0
 *
 * What padding, resampling and pixel shuffling mean, against PyTorch's numbers (tests/oracle/spatial.py): the reference
 * kernels. That the fast kernels and the gradients agree with those is the subject of test_ops.c. */
#include <json-glib/json-glib.h>
#include <math.h>

#include "graph/op.h"
#include "op/sym.h"

#define TOLERANCE 1e-12       /* both sides compute in double */
#define RESIZE_TOLERANCE 1e-6 /* whose weights are float */

static struct shape
read_shape (JsonObject *object, const char *member)
{
  JsonArray *array = json_object_get_array_member (object, member);
  struct shape shape = {.rank = (int) json_array_get_length (array)};

  for (int i = 0; i < shape.rank; i++)
    shape.dim[i] = json_array_get_int_element (array, (guint) i);
  return shape;
}

static void
read_attrs (JsonObject *object, const struct op *op, void *attrs)
{
  JsonObject *members = json_object_get_object_member (object, "attrs");
  g_autoptr (GList) names = json_object_get_members (members);

  option_init (op->attrs, attrs);
  for (GList *name = names; name != NULL; name = name->next) {
    g_autoptr (GError) error = NULL;
    option_set (op->attrs, attrs, name->data, json_object_get_string_member (members, name->data), &error);
    g_assert_no_error (error);
  }
}

static void
test_case (gconstpointer data)
{
  JsonObject *object = (JsonObject *) data;
  const struct op *op = op_find (json_object_get_string_member (object, "op"));
  struct shape x_shape = read_shape (object, "shape"), expected = read_shape (object, "result"), y_shape;
  JsonArray *values = json_object_get_array_member (object, "values");
  const struct shape *shapes = &x_shape;
  g_autoptr (GError) error = NULL;
  g_autofree void *attrs = NULL;
  g_autofree double *x = NULL, *y = NULL;
  const double *inputs[1];
  bool ok;

  g_assert_nonnull (op);
  attrs = g_malloc0 (op->attrs_size);
  read_attrs (object, op, attrs);
  ok = op->shape (attrs, &shapes, 1, &y_shape, &error);
  g_assert_no_error (error);
  g_assert_true (ok && shape_equal (&y_shape, &expected));

  x = g_new (double, shape_size (&x_shape));
  y = g_new0 (double, shape_size (&y_shape));
  for (int64_t i = 0; i < shape_size (&x_shape); i++)
    x[i] = (double) (37 * i % 101) / 101;
  inputs[0] = x;
  op->reference (
    &(struct op_call){.attrs = attrs, .n_inputs = 1, .x_shape = &shapes, .x = inputs, .y_shape = &y_shape, .y = y});
  g_assert_cmpint (shape_size (&y_shape), ==, json_array_get_length (values));
  for (int64_t i = 0; i < shape_size (&y_shape); i++)
    g_assert_cmpfloat_with_epsilon (y[i], json_array_get_double_element (values, (guint) i),
                                    g_str_has_prefix (op->name, "resize") ? RESIZE_TOLERANCE : TOLERANCE);
}

int
main (int argc, char **argv)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;
  JsonArray *cases;

  g_test_init (&argc, &argv, NULL);
  path = g_test_build_filename (G_TEST_DIST, "oracle", "spatial.json", NULL);
  json_parser_load_from_file (parser, path, &error);
  g_assert_no_error (error);
  cases = json_node_get_array (json_parser_get_root (parser));
  g_assert_cmpuint (json_array_get_length (cases), >, 0);
  for (guint i = 0; i < json_array_get_length (cases); i++) {
    JsonObject *object = json_array_get_object_element (cases, i);
    g_autofree char *name = g_strdup_printf ("/spatial/%s/%u", json_object_get_string_member (object, "op"), i);
    g_test_add_data_func (name, object, test_case);
  }
  return g_test_run ();
}
