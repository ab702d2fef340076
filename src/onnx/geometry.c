/* SPDX-License-Identifier: Apache-2.0
 *
 * Axes, shapes and windows, for both kinds of values. */
#include "onnx/geometry.h"

#include "op/sym.h"

bool
onnx_node_axes (struct onnx_node *node, const char *name, int input, int rank, unsigned *axes, bool *given,
                GError **error)
{
  const int64_t *list = NULL;
  int n = 0;

  *axes = 0;
  *given = false;
  if (onnx_node_has (node, name)) {
    list = onnx_node_ints (node, name, &n);
    *given = true;
  } else if (input >= 0 && onnx_node_input (node, input)) {
    if (!onnx_node_input_ints (node, input, &list, &n, error))
      return false;
    *given = true;
  }
  for (int i = 0; i < n; i++) {
    int axis;

    if (!onnx_node_axis (node, list[i], rank, &axis, error))
      return false;
    if (*axes >> axis & 1)
      return onnx_node_fail (node, error, "axis %d is named twice", axis);
    *axes |= 1u << axis;
  }
  return true;
}

bool
onnx_node_set_reshaped (struct onnx_node *node, struct shape shape, GError **error)
{
  struct onnx_constant *constant = onnx_node_constant (node, 0);
  g_autoptr (GError) inner = NULL;
  struct onnx_constant *reshaped;

  if (constant == NULL) {
    sym x = onnx_node_sym (node, 0), shuffled = onnx_shuffle (x, shape);

    onnx_node_set (node, 0, sym_null (shuffled) ? sym_reshape (x, shape) : shuffled);
    return true;
  }
  reshaped = onnx_constant_reshape (constant, shape, &inner);
  return reshaped ? onnx_node_give (node, 0, reshaped) : onnx_node_fail (node, error, "%s", inner->message);
}

void
onnx_strides (const struct shape *shape, int64_t *stride)
{
  int64_t step = 1;

  for (int i = shape->rank - 1; i >= 0; i--) {
    stride[i] = step;
    step *= shape->dim[i];
  }
}

struct onnx_constant *
onnx_constant_view (struct onnx_node *node, const struct onnx_constant *from, struct shape shape, int64_t offset,
                    const int64_t *stride, GError **error)
{
  struct onnx_constant *to = onnx_node_new_constant (node, from->type, shape, error);
  int64_t at[SHAPE_RANK_MAX] = {0};

  for (int64_t i = 0; to && i < to->count; i++) {
    onnx_constant_copy (to, i, from, offset);
    for (int axis = shape.rank - 1; axis >= 0; axis--) {
      offset += stride[axis];
      if (++at[axis] < shape.dim[axis])
        break;
      offset -= stride[axis] * shape.dim[axis];
      at[axis] = 0;
    }
  }
  return to;
}
