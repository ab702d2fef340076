/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON as text: doubles come back to the bit, what earlier versions wrote is read, and what is not JSON is refused. */
#include <json-glib/json-glib.h>
#include <math.h>
#include <string.h>

#include "base/text_json.h"

static void
test_round_trip (void)
{
  static const double numbers[] = {1e-08, 1e300, -1e-300, 0.1,     -0.0,           123456789012, 1e22, 5e-324, 1e15,
                                   1e16,  1e17,  2.5e-7,  1.0 / 3, 1.7976931348623157e308, -3e-5};
  g_autoptr (JsonArray) array = json_array_new ();
  g_autoptr (JsonNode) node = json_node_init_array (json_node_alloc (), array);

  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    json_array_add_double_element (array, numbers[i]);
  for (int pretty = 0; pretty < 2; pretty++) {
    g_autofree char *text = text_json_write (node, pretty);
    g_autoptr (JsonNode) read = text_json_read (text, 1);
    g_assert_nonnull (read);
    g_assert_cmpuint (json_array_get_length (json_node_get_array (read)), ==, G_N_ELEMENTS (numbers));
    for (guint i = 0; i < G_N_ELEMENTS (numbers); i++) {
      JsonNode *element = json_array_get_element (json_node_get_array (read), i);
      double x = json_node_get_double (element);
      g_assert_cmpint (json_node_get_value_type (element), ==, G_TYPE_DOUBLE);
      g_assert_cmpmem (&x, sizeof x, &numbers[i], sizeof x);
    }
  }
}

static void
test_tidy (void)
{
  static const char *const cases[][2] = {
    {"{\"rate\" : 1e-08.0}", "{\"rate\" : 1e-08}"},
    {"[1.0,-2.0,1e+22.0,-1.5e-07,3e5]", "[1.0,-2.0,1e+22,-1.5e-07,3e5]"},
    {"[0.40000000000000002,-0.10000000000000001,9.9999999999999995e-08,0.30000000000000004,0.38353999999999994]",
     "[0.4,-0.1,1e-07,0.30000000000000004,0.38353999999999994]"},
    {"[10000000000000000.0,12345678901234567890,1e999,0.1.2]", "[1e+16,12345678901234567890,1e999,0.1.2]"},
    {"[nan.0,-nan.0,inf.0,-inf.0]", "[null,null,null,null]"},
    {"[\"1e-08.0\",\"a \\\" 1e5.0\",\"nan.0\"]", "[\"1e-08.0\",\"a \\\" 1e5.0\",\"nan.0\"]"}, /* strings stay */
    {"[true,false,null,\"\xc3\xa9\"]", "[true,false,null,\"\xc3\xa9\"]"},
    {"[\"cut 1e5.0\\", "[\"cut 1e5.0\\"},
    {"", ""},
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *tidy = text_json_tidy (cases[i][0]);
    g_assert_cmpstr (tidy, ==, cases[i][1]);
  }
}

static void
test_nonfinite (void)
{
  g_autoptr (JsonObject) object = json_object_new ();
  json_object_set_double_member (object, "a", NAN);
  json_object_set_double_member (object, "b", -INFINITY);
  json_object_set_string_member (object, "1e-08.0", "inf.0");
  g_autofree char *text = text_json_write_object (object, FALSE);
  g_assert_cmpstr (text, ==, "{\"a\":null,\"b\":null,\"1e-08.0\":\"inf.0\"}");
}

static void
test_refused (void)
{
  static const char *const cases[] = {"", "{", "[1e-08.00]", "[[[1]]]", "{\"a\": \xff}", "[1e.0.0]"};
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    g_assert_null (text_json_read (cases[i], 2));
  g_autoptr (JsonNode) fits = text_json_read ("[[1]]", 2);
  g_assert_nonnull (fits);
}

static void
test_depth (void)
{
  g_assert_cmpint (text_json_depth (""), ==, 0);
  g_assert_cmpint (text_json_depth ("{\"a\": [1, {\"b\": []}]}"), ==, 4);
  g_assert_cmpint (text_json_depth ("[\"[[[\", \"\\\"[\"]"), ==, 1); /* brackets in strings do not nest */
  g_assert_cmpint (text_json_depth ("[][][]"), ==, 1);
  g_autofree char *deep = g_strnfill (300000, '[');
  g_assert_cmpint (text_json_depth (deep), ==, 300000);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/text-json/round-trip", test_round_trip);
  g_test_add_func ("/text-json/tidy", test_tidy);
  g_test_add_func ("/text-json/nonfinite", test_nonfinite);
  g_test_add_func ("/text-json/refused", test_refused);
  g_test_add_func ("/text-json/depth", test_depth);
  return g_test_run ();
}
