/* SPDX-License-Identifier: Apache-2.0
 *
 * write_cases FOLDER OPSET: every case of export_cases.h as FOLDER/N.onnx with its inputs and what is expected, raw
 * float32 in files; prints one line of JSON a case, or what it is not exported for. For onnx_cases.mjs. */
#include <json-glib/json-glib.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text_json.h"
#include "export_cases.h"
#include "onnx/export.h"

static void
add_value (JsonArray *array, const char *name, const struct tensor *tensor, const char *folder, guint number)
{
  JsonObject *object = json_object_new ();
  JsonArray *dims = json_array_new ();
  g_autofree char *path = g_strdup_printf ("%s/%u.%s.raw", folder, number, name);
  g_autoptr (GError) error = NULL;
  for (int i = 0; i < tensor->shape.rank; i++)
    json_array_add_int_element (dims, tensor->shape.dim[i]);
  json_object_set_string_member (object, "name", name);
  json_object_set_string_member (object, "path", path);
  json_object_set_array_member (object, "dims", dims);
  json_array_add_object_element (array, object);
  if (!g_file_set_contents (path, tensor->data, tensor->size, &error))
    g_error ("%s", error->message);
}

static void
write_case (const struct export_case *c, const char *folder, guint number, int opset)
{
  g_autofree char *path = g_strdup_printf ("%s/%u.onnx", folder, number);
  g_autoptr (GError) error = NULL;
  struct onnx_export_options options = {.opset = opset};
  g_autoptr (JsonObject) object = json_object_new ();
  JsonArray *inputs = json_array_new (), *outputs = json_array_new ();
  json_object_set_string_member (object, "name", c->name);
  json_object_set_double_member (object, "tolerance", c->tolerance);
  json_object_set_array_member (object, "inputs", inputs);
  json_object_set_array_member (object, "outputs", outputs);
  if (!onnx_export (c->graph, c->other, c->weights, &options, path, &error)) {
    json_object_set_string_member (object, "error", error->message);
    json_object_set_boolean_member (object, "may_fail", c->is_op);
  } else {
    json_object_set_string_member (object, "path", path);
    for (int id = 0; id < graph_count (c->run); id++)
      if (graph_node (c->run, id)->op == &op_input) {
        g_autoptr (tensor) input = export_case_input (c, graph_node (c->run, id));
        add_value (inputs, graph_node (c->run, id)->name, input, folder, number);
      }
    for (guint i = 0; i < graph_result_count (c->run); i++) {
      const char *name = graph_result (c->run, i).name;
      g_autoptr (tensor) output = export_case_output (c, name);
      add_value (outputs, name, output, folder, number);
    }
  }
  g_autofree char *text = text_json_write_object (object, FALSE);
  puts (text);
}

int
main (int argc, char **argv)
{
  if (argc != 3) {
    fprintf (stderr, "usage: write_cases FOLDER OPSET\n");
    return 2;
  }
  g_autoptr (GPtrArray) cases = export_cases ();
  for (guint i = 0; i < cases->len; i++)
    write_case (cases->pdata[i], argv[1], i, atoi (argv[2]));
  return 0;
}
