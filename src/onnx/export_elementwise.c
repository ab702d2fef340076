/* SPDX-License-Identifier: Apache-2.0
 *
 * Arithmetic, activations and reductions as ONNX. */
#include "onnx/export_rule.h"

#define WRITE(NAME) static const char *NAME (struct exporter *e, int id, const int *operand)

static const char *
operand_value (struct exporter *e, const int *operand, int i)
{
  return export_value (e, operand[i]);
}

/* scale x + shift, without what changes nothing. */
WRITE (affine)
{
  double scale = export_float (e, id, "scale"), shift = export_float (e, id, "shift");
  const char *y = operand_value (e, operand, 0);
  if (scale != 1)
    y = export_node_2 (e, id, "Mul", y, onnx_write_scalar (e->writer, scale));
  if (shift != 0)
    y = export_node_2 (e, id, "Add", y, onnx_write_scalar (e->writer, shift));
  return y;
}

WRITE (square)
{
  const char *x = operand_value (e, operand, 0);
  return export_node_2 (e, id, "Mul", x, x);
}

WRITE (rsqrt)
{
  return export_node_1 (e, id, "Reciprocal", export_node_1 (e, id, "Sqrt", operand_value (e, operand, 0)));
}

WRITE (clamp)
{
  double low = export_float (e, id, "low"), high = export_float (e, id, "high");
  return export_node_3 (e, id, "Clip", operand_value (e, operand, 0), onnx_write_scalar (e->writer, low),
                        onnx_write_scalar (e->writer, high));
}

/* A comparison gives booleans; ours are 1 and 0. */
static const char *
compared (struct exporter *e, int id, const char *op, const int *operand)
{
  const char *bits = export_node_2 (e, id, op, operand_value (e, operand, 0), operand_value (e, operand, 1));
  const char *y = export_node_1 (e, id, "Cast", bits);
  if (y)
    onnx_write_int (e->writer, "to", ONNX_FLOAT);
  return y;
}

WRITE (greater)
{
  return compared (e, id, "Greater", operand);
}

WRITE (equal)
{
  return compared (e, id, "Equal", operand);
}

WRITE (where)
{
  const char *condition = export_node_1 (e, id, "Cast", operand_value (e, operand, 0));
  if (condition)
    onnx_write_int (e->writer, "to", ONNX_BOOL);
  return export_node_3 (e, id, "Where", condition, operand_value (e, operand, 1), operand_value (e, operand, 2));
}

WRITE (leaky_relu)
{
  double slope = export_float (e, id, "slope");
  const char *y = export_node_1 (e, id, "LeakyRelu", operand_value (e, operand, 0));
  if (y)
    onnx_write_float (e->writer, "alpha", slope);
  return y;
}

/* dy where y > 0, else slope dy. */
WRITE (relu_back)
{
  const char *zero = onnx_write_scalar (e->writer, 0), *dy = operand_value (e, operand, 1);
  const char *positive = export_node_2 (e, id, "Greater", operand_value (e, operand, 0), zero);
  const char *slope = onnx_write_scalar (e->writer, export_float (e, id, "slope"));
  return export_node_3 (e, id, "Where", positive, dy, export_node_2 (e, id, "Mul", dy, slope));
}

WRITE (sum)
{
  return export_reduce (e, id, "ReduceSum", operand_value (e, operand, 0), export_int (e, id, "axes"));
}

WRITE (max)
{
  return export_reduce (e, id, "ReduceMax", operand_value (e, operand, 0), export_int (e, id, "axes"));
}

/* The mean squared distance of @x to its @mean. */
static const char *
spread (struct exporter *e, int id, const char *x, const char *mean, unsigned axes)
{
  const char *distance = export_node_2 (e, id, "Sub", x, mean);
  return export_reduce (e, id, "ReduceMean", export_node_2 (e, id, "Mul", distance, distance), axes);
}

WRITE (variance)
{
  unsigned axes = export_int (e, id, "axes");
  const char *x = operand_value (e, operand, 0);
  return spread (e, id, x, export_reduce (e, id, "ReduceMean", x, axes), axes);
}

WRITE (moments)
{
  const char *x = operand_value (e, operand, 0), *mean = export_reduce (e, id, "ReduceMean", x, AXES_HW);
  const char *y = export_node_2 (e, id, "Concat", mean, spread (e, id, x, mean, AXES_HW));
  if (y)
    onnx_write_int (e->writer, "axis", 1);
  return y;
}

/* Before opset 13 ONNX's softmax ran over all axes from the given one on: the same for the last. */
WRITE (softmax)
{
  int64_t axis = export_int (e, id, "axis");
  bool logarithm = export_flag (e, id, "log");
  const char *x = operand_value (e, operand, 0);
  if (e->opset < 13 && axis != export_shape (e, id)->rank - 1) {
    const char *z = export_node_2 (e, id, "Sub", x, export_reduce (e, id, "ReduceMax", x, 1u << axis));
    const char *power = export_node_1 (e, id, "Exp", z), *sum = export_reduce (e, id, "ReduceSum", power, 1u << axis);
    return logarithm ? export_node_2 (e, id, "Sub", z, export_node_1 (e, id, "Log", sum))
                     : export_node_2 (e, id, "Div", power, sum);
  }
  const char *y = export_node_1 (e, id, logarithm ? "LogSoftmax" : "Softmax", x);
  if (y)
    onnx_write_int (e->writer, "axis", axis);
  return y;
}

const struct export_rule export_elementwise[] = {
  {&op_add, "Add"},
  {&op_sub, "Sub"},
  {&op_mul, "Mul"},
  {&op_div, "Div"},
  {&op_maximum, "Max"},
  {&op_minimum, "Min"},
  {&op_pow, "Pow"},
  {&op_greater, .write = greater},
  {&op_equal, .write = equal},
  {&op_where, .write = where},
  {&op_affine, .write = affine},
  {&op_neg, "Neg"},
  {&op_abs, "Abs"},
  {&op_sign, "Sign"},
  {&op_floor, "Floor"},
  {&op_ceil, "Ceil"},
  {&op_round, "Round"},
  {&op_square, .write = square},
  {&op_sqrt, "Sqrt"},
  {&op_rsqrt, .write = rsqrt},
  {&op_reciprocal, "Reciprocal"},
  {&op_exp, "Exp"},
  {&op_log, "Log"},
  {&op_sin, "Sin"},
  {&op_cos, "Cos"},
  {&op_clamp, .write = clamp},
  {&op_relu, "Relu"},
  {&op_leaky_relu, .write = leaky_relu},
  {&op_relu_back, .write = relu_back},
  {&op_tanh, "Tanh"},
  {&op_erf, "Erf"},
  {&op_sigmoid, "Sigmoid"},
  {&op_softplus, "Softplus"},
  {&op_softmax, .write = softmax},
  {&op_sum, .write = sum},
  {&op_max, .write = max},
  {&op_variance, .write = variance},
  {&op_moments, .write = moments},
  {NULL},
};
