/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing layers and weights for Keras; see keras_writer.h. */
#include "net/keras_writer.h"

#include <math.h>

/* --- Layers --- */

/* "dense", "dense_1", ... */
static void
count (struct keras_writer *writer, const char *base, char name[NAME_SIZE])
{
  int n = GPOINTER_TO_INT (g_hash_table_lookup (writer->counts, base));
  g_hash_table_insert (writer->counts, (char *) base, GINT_TO_POINTER (n + 1));
  g_snprintf (name, NAME_SIZE, n ? "%s_%d" : "%s", base, n);
}

static void
begin_layer (struct keras_writer *writer, const char *class_name, const char *name, bool input)
{
  bool listed = !input || writer->functional;
  g_string_append_printf (writer->layers, "%s{\"class_name\": \"%s\", \"config\": {\"name\": \"%s\"%s",
                          writer->layers->len ? ", " : "", class_name, name, input ? "" : ", \"trainable\": true");
  g_string_append (writer->layers, ", \"dtype\": \"float32\"");
  if (listed)
    g_ptr_array_add (writer->names, g_strdup (name));
  if (listed)
    hdf5_add_group (writer->weights, name);
}

/* @inputs: names of layers, NULL-terminated. */
static void
end_layer (struct keras_writer *writer, const char *name, const char *const *inputs)
{
  g_string_append_c (writer->layers, '}');
  if (writer->functional) {
    g_string_append_printf (writer->layers, ", \"name\": \"%s\", \"inbound_nodes\": [%s", name, *inputs ? "[" : "");
    for (const char *const *input = inputs; *input; input++)
      g_string_append_printf (writer->layers, "%s[\"%s\", 0, 0, {}]", input == inputs ? "" : ", ", *input);
    g_string_append (writer->layers, *inputs ? "]]" : "]");
  }
  g_string_append_c (writer->layers, '}');
}

const char *
keras_add_layer (struct keras_writer *writer, const char *class_name, const char *base, const char *settings)
{
  char name[NAME_SIZE];
  count (writer, base, name);
  begin_layer (writer, class_name, name, false);
  g_string_append (writer->layers, settings);
  end_layer (writer, name, (const char *const[]){writer->last, NULL});
  g_strlcpy (writer->last, name, NAME_SIZE);
  return writer->last;
}

void
keras_add_input (struct keras_writer *writer, const char *name, const char *extents)
{
  begin_layer (writer, "InputLayer", name, true);
  g_string_append_printf (writer->layers, ", \"batch_input_shape\": [null, %s], \"sparse\": false, \"ragged\": false",
                          extents);
  end_layer (writer, name, (const char *const[]){NULL});
}

void
keras_merge (struct keras_writer *writer, const char *class_name, const char *base, const char *other)
{
  char name[NAME_SIZE];
  count (writer, base, name);
  begin_layer (writer, class_name, name, false);
  if (g_str_equal (class_name, "Concatenate"))
    g_string_append (writer->layers, ", \"axis\": -1");
  end_layer (writer, name, (const char *const[]){writer->last, other, NULL});
  g_strlcpy (writer->last, name, NAME_SIZE);
}

/* --- Weights --- */

const float *
keras_find_weight (struct keras_writer *writer, const char *leaf, int64_t n)
{
  g_autofree char *name = g_strdup_printf ("%s%s.%s", writer->prefix, writer->name, leaf);
  struct tensor *tensor = weights_find (writer->source, name);
  if (tensor && tensor->dtype == DTYPE_F32 && shape_size (&tensor->shape) == n)
    return tensor->data;
  writer->mistake = "a weight is missing, or of another shape";
  return NULL;
}

struct tensor *
keras_make_weight (struct keras_writer *writer, struct shape shape)
{
  struct tensor *tensor = tensor_new (shape, DTYPE_F32, NULL);
  if (!tensor)
    writer->mistake = "no memory";
  return tensor;
}

void
keras_add_weight (struct keras_writer *writer, const char *name, const char *leaf, struct tensor *values)
{
  if (!values)
    return;
  g_autofree char *path = g_strdup_printf ("%s/%s/%s:0", name, name, leaf);
  hdf5_add_array (writer->weights, path, values);
  tensor_unref (values);
  g_autofree char *listed = g_strdup_printf ("%s/%s:0", name, leaf);
  struct hdf5 *group = hdf5_add_group (writer->weights, name);
  const struct hdf5_attribute *before = hdf5_attribute (group, "weight_names");
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  for (char **one = before ? before->strings : NULL; one && *one; one++)
    g_ptr_array_add (names, *one);
  g_ptr_array_add (names, listed);
  g_ptr_array_add (names, NULL);
  char **all = g_strdupv ((char **) names->pdata);
  g_ptr_array_set_size (group->attributes, 0);
  hdf5_set_list (group, "weight_names", (const char *const *) all);
  g_strfreev (all);
}

int64_t
keras_from_last (int64_t i, int64_t c, int64_t plane)
{
  return i % c * plane + i / c;
}

struct tensor *
keras_vector_values (struct keras_writer *writer, const float *from, int64_t n, int64_t c)
{
  struct tensor *to = from ? keras_make_weight (writer, SHAPE (n)) : NULL;
  for (int64_t i = 0; to && i < n; i++)
    tensor_floats (to)[i] = from[keras_from_last (i, c, n / c)];
  return to;
}

void
keras_add_bias (struct keras_writer *writer, const char *name, int64_t n, int64_t c)
{
  keras_add_weight (writer, name, "bias", keras_vector_values (writer, keras_find_weight (writer, "bias", n), n, c));
}

double
keras_divisor (struct keras_writer *writer, const float *weight, int64_t rows, int64_t columns)
{
  const float *u = writer->spectral ? keras_find_weight (writer, "u", rows) : NULL;
  g_autofree double *v = u ? g_try_new0 (double, columns) : NULL;
  double length = 0, sum = 0;
  for (int64_t r = 0; v && r < rows; r++)
    for (int64_t i = 0; i < columns; i++)
      v[i] += (double) u[r] * weight[r * columns + i];
  for (int64_t i = 0; v && i < columns; i++)
    length += v[i] * v[i];
  for (int64_t r = 0; v && r < rows; r++) {
    double product = 0;
    for (int64_t i = 0; i < columns; i++)
      product += v[i] * weight[r * columns + i];
    sum += product * product / (length + 1e-12);
  }
  return v ? sqrt (sum) : 1;
}
