/* SPDX-License-Identifier: Apache-2.0
 *
 * What export rules are written with: looking at a node at both sizes, its attributes, its operands; writing nodes in
 * its scope. */
#include <string.h>

#include "impasto/error.h"
#include "onnx/export_rule.h"

const char *
export_fail (struct exporter *e, int id, const char *format, ...)
{
  if (e->error)
    return NULL;
  const struct node *node = export_at (e, id);
  va_list args;
  va_start (args, format);
  e->error = g_error_new_valist (IMPASTO_ERROR, IMPASTO_ERROR_MODEL, format, args);
  va_end (args);
  g_prefix_error (&e->error, "%s%s%s: ", node->scope, *node->scope ? ": " : "", node->op->name);
  return NULL;
}

const struct node *
export_at (const struct exporter *e, int id)
{
  return graph_node (e->graph, id);
}

int
export_input (const struct exporter *e, int id, int i)
{
  return export_at (e, id)->input[i];
}

bool
export_is (const struct exporter *e, int id, const struct op *op)
{
  return export_at (e, id)->op == op;
}

const struct shape *
export_shape (const struct exporter *e, int id)
{
  return &export_at (e, id)->shape;
}

int64_t
export_extent (const struct exporter *e, int id, int axis, bool other)
{
  return graph_node (other ? e->other : e->graph, id)->shape.dim[axis];
}

bool
export_fixed (const struct exporter *e, int id, int axis)
{
  return export_extent (e, id, axis, false) == export_extent (e, id, axis, true);
}

/* Attributes */

static const void *
attribute (const struct exporter *e, int id, const char *name, bool other, enum option_type type)
{
  const struct node *node = graph_node (other ? e->other : e->graph, id);
  const struct option *option = option_find (node->op->attrs, name);
  g_assert (option && option->type == type); /* a mistake of the rule */
  return (const char *) node->attrs + option->offset;
}

int64_t
export_int_of (const struct exporter *e, int id, const char *name, bool other)
{
  return *(const int64_t *) attribute (e, id, name, other, OPTION_INT);
}

double
export_float_of (const struct exporter *e, int id, const char *name, bool other)
{
  return *(const double *) attribute (e, id, name, other, OPTION_FLOAT);
}

void
export_ints_of (const struct exporter *e, int id, const char *name, bool other, int64_t *values, int n)
{
  memcpy (values, attribute (e, id, name, other, OPTION_INTS), n * sizeof *values);
}

bool
export_flag (const struct exporter *e, int id, const char *name)
{
  return *(const bool *) attribute (e, id, name, false, OPTION_BOOL);
}

int
export_choice (const struct exporter *e, int id, const char *name)
{
  return *(const int *) attribute (e, id, name, false, OPTION_CHOICE);
}

static void
fail_differs (struct exporter *e, int id, const char *name)
{
  export_fail (e, id, "its %s depends on the size of the input", name);
}

int64_t
export_int (struct exporter *e, int id, const char *name)
{
  int64_t value = export_int_of (e, id, name, false);
  if (value != export_int_of (e, id, name, true))
    fail_differs (e, id, name);
  return value;
}

double
export_float (struct exporter *e, int id, const char *name)
{
  double value = export_float_of (e, id, name, false);
  if (value != export_float_of (e, id, name, true))
    fail_differs (e, id, name);
  return value;
}

void
export_ints (struct exporter *e, int id, const char *name, int64_t *values, int n)
{
  int64_t other[16];
  g_assert (n <= 16);
  export_ints_of (e, id, name, false, values, n);
  export_ints_of (e, id, name, true, other, n);
  if (memcmp (values, other, n * sizeof *values) != 0)
    fail_differs (e, id, name);
}

/* Operands */

/* What a known value is called: a parameter by its name, also when it was only reshaped. */
static char *
known_name (const struct exporter *e, int id)
{
  while (export_is (e, id, &op_reshape))
    id = export_input (e, id, 0);
  const struct node *node = export_at (e, id);
  if (node->name)
    return g_strdup (node->name);
  return g_strdup_printf ("%s%s%s", node->scope, *node->scope ? "." : "", node->op->name);
}

const char *
export_known (struct exporter *e, int id, struct shape shape)
{
  struct tensor *tensor = e->tensor[id];
  if (!tensor || e->error)
    return NULL;
  if (shape.rank == 0)
    return onnx_write_scalar (e->writer, tensor_floats (tensor)[0]);
  g_autofree char *name = known_name (e, id);
  bool half = e->options->half && shape_size (&shape) >= 16;
  return onnx_write_tensor (e->writer, name, tensor, shape, half, &e->error);
}

const char *
export_value (struct exporter *e, int id)
{
  if (e->error)
    return NULL;
  if (!e->value[id] && e->known[id])
    e->value[id] = export_known (e, id, *export_shape (e, id));
  g_assert (e->value[id] || e->error); /* nodes are written in topological order */
  return e->value[id];
}

/* Nodes */

const char *
export_node (struct exporter *e, int id, const char *op, const char *const *inputs)
{
  const char *scope = export_at (e, id)->scope;
  g_autofree char *name = g_strdup_printf ("%s%s%s", scope, *scope ? "." : "", op);
  if (e->error)
    return NULL;
  return onnx_write_node (e->writer, name, op, inputs);
}

const char *
export_node_1 (struct exporter *e, int id, const char *op, const char *x)
{
  return export_node_3 (e, id, op, x, NULL, NULL);
}

const char *
export_node_2 (struct exporter *e, int id, const char *op, const char *a, const char *b)
{
  return export_node_3 (e, id, op, a, b, NULL);
}

const char *
export_node_3 (struct exporter *e, int id, const char *op, const char *a, const char *b, const char *c)
{
  return export_node (e, id, op, (const char *const[]){a, b, c, NULL});
}

const char *
export_reduce (struct exporter *e, int id, const char *op, const char *x, unsigned axes)
{
  int64_t list[SHAPE_RANK_MAX];
  int n = 0;
  for (int a = 0; a < SHAPE_RANK_MAX; a++)
    if (axes & AXIS (a))
      list[n++] = a;
  if (n == 0 || e->error)
    return x;
  bool listed = e->opset >= 13 && g_str_equal (op, "ReduceSum"); /* the others follow in opset 18 */
  const char *y = export_node_2 (e, id, op, x, listed ? onnx_write_int_list (e->writer, list, n) : NULL);
  if (!listed)
    onnx_write_ints (e->writer, "axes", list, n);
  onnx_write_int (e->writer, "keepdims", 1);
  return y;
}
