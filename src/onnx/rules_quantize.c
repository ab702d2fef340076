/* SPDX-License-Identifier: Apache-2.0
 *
 * Quantised values, computed with as floats: a quantised number is its whole number in a float, so that a model in QDQ
 * form gives what it gives elsewhere up to the rounding of its own convolutions. Weights that are dequantised are known
 * beforehand and become parameters. Scales and zero points are one number, or one for each index of an axis. */
#include <math.h>

#include "onnx/geometry.h"
#include "onnx/rules.h"
#include "op/sym.h"

/* Whole numbers of these types, least and greatest. */
static bool
type_range (enum onnx_type type, double *low, double *high)
{
  *low = type == ONNX_INT8 ? -128 : type == ONNX_INT16 ? -32768 : 0;
  *high = type == ONNX_INT8 ? 127 : type == ONNX_UINT8 ? 255 : type == ONNX_INT16 ? 32767 : 65535;
  return type == ONNX_INT8 || type == ONNX_UINT8 || type == ONNX_INT16 || type == ONNX_UINT16;
}

/* Input @i (a scale, a zero point) as a value that broadcasts against input 0; the fallback when absent. */
static bool
along_axis (struct onnx_node *node, int i, double fallback, sym *value, GError **error)
{
  struct shape x = onnx_node_shape (node, 0), s = onnx_node_shape (node, i), to = {.rank = x.rank};
  int axis;

  *value = graph_scalar (onnx_node_graph (node), fallback);
  if (onnx_node_input (node, i) == NULL)
    return true;
  *value = onnx_node_sym (node, i);
  if (shape_size (&s) == 1) {
    *value = sym_reshape (*value, SHAPE_SCALAR);
    return true;
  }
  if (!onnx_node_axis (node, onnx_node_int (node, "axis", 1), x.rank, &axis, error))
    return false;
  if (s.rank != 1 || s.dim[0] != x.dim[axis])
    return onnx_node_fail (node, error, "input %d has %" G_GINT64_FORMAT " values for an axis of %" G_GINT64_FORMAT, i,
                           shape_size (&s), x.dim[axis]);
  for (int a = 0; a < x.rank; a++)
    to.dim[a] = a == axis ? s.dim[0] : 1;
  *value = sym_reshape (*value, to);
  return true;
}

static bool
build_quantize (struct onnx_node *node, GError **error)
{
  const struct onnx_value *zero = onnx_node_input (node, 2);
  enum onnx_type type = zero ? zero->type : ONNX_UINT8;
  double low, high;
  sym scale, shift;

  if (!type_range (type, &low, &high))
    return onnx_node_fail (node, error, "to %s, the op is not supported",
                           onnx_type_name (type) ? onnx_type_name (type) : "an unknown type");
  if (!along_axis (node, 1, 1, &scale, error) || !along_axis (node, 2, 0, &shift, error))
    return false;
  sym y = sym_add (sym_round (sym_div (onnx_node_sym (node, 0), scale)), shift);
  onnx_node_set_typed (node, 0, sym_clamp (y, low, high), type);
  return true;
}

static bool
build_dequantize (struct onnx_node *node, GError **error)
{
  sym scale, shift;

  if (!along_axis (node, 1, 1, &scale, error) || !along_axis (node, 2, 0, &shift, error))
    return false;
  onnx_node_set_typed (node, 0, sym_mul (sym_sub (onnx_node_sym (node, 0), shift), scale),
                       onnx_node_input (node, 1)->type);
  return true;
}

/* (x - zero) scale of constants: weights. */
static bool
evaluate_dequantize (struct onnx_node *node, GError **error)
{
  const struct onnx_constant *x = onnx_node_constant (node, 0), *scale = onnx_node_constant (node, 1);
  const struct onnx_constant *zero = onnx_node_constant (node, 2);
  int64_t inner = 1, n = scale->count;
  struct onnx_constant *y;
  int axis;

  if (n != 1) {
    if (!onnx_node_axis (node, onnx_node_int (node, "axis", 1), x->shape.rank, &axis, error))
      return false;
    for (int a = axis + 1; a < x->shape.rank; a++)
      inner *= x->shape.dim[a];
    if (scale->shape.rank != 1 || n != x->shape.dim[axis])
      return onnx_node_fail (node, error, "the scale does not fit to axis %d", axis);
  }
  if (zero && zero->count != n && zero->count != 1)
    return onnx_node_fail (node, error, "the zero point does not fit to the scale");
  y = onnx_node_new_constant (node, scale->type, x->shape, error);
  for (int64_t i = 0; y && i < x->count; i++) {
    int64_t k = i / inner % n;
    double shift = zero ? onnx_constant_float (zero, zero->count == 1 ? 0 : k) : 0;

    onnx_constant_set_float (y, i, (onnx_constant_float (x, i) - shift) * onnx_constant_float (scale, k));
  }
  return onnx_node_give (node, 0, y);
}

const struct onnx_rule onnx_rules_quantize[] = {
  {"DequantizeLinear", build_dequantize, 2},
  {"QuantizeLinear", build_quantize, 2},
  {NULL},
};

const struct onnx_rule onnx_evaluations_quantize[] = {
  {"DequantizeLinear", evaluate_dequantize, 2},
  {NULL},
};
