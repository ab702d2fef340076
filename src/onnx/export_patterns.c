/* SPDX-License-Identifier: Apache-2.0
 *
 * Compositions that ONNX has an op for. Each is recognised at its last node, with both orders of a sum or product:
 *
 *   mean                    sum (x) / count
 *   instance normalisation  x a + (shift - mean (x) a), a = scale / sqrt (variance (x) + epsilon), over rows and columns
 *   bias                    conv2d (x, w) + b, b known, one value a channel */
#include <math.h>

#include "onnx/export_rule.h"

#define MATCH(NAME) static int NAME (const struct exporter *e, int id, int *operand)
#define WRITE(NAME) static const char *NAME (struct exporter *e, int id, const int *operand)

/* For a node of two inputs: the one that is an @op, and the other. */
static bool
split (const struct exporter *e, int id, const struct op *op, int *of_op, int *rest)
{
  for (int i = 0; i < 2; i++)
    if (export_is (e, export_input (e, id, i), op)) {
      *of_op = export_input (e, id, i);
      *rest = export_input (e, id, 1 - i);
      return true;
    }
  return false;
}

/* Mean */

/* scale sum (x) with scale = 1 / count, at either size. */
static bool
is_mean (const struct exporter *e, int id)
{
  int sum = export_is (e, id, &op_affine) ? export_input (e, id, 0) : -1;
  if (sum < 0 || !export_is (e, sum, &op_sum))
    return false;
  for (int other = 0; other < 2; other++) {
    struct graph *graph = other ? e->other : e->graph;
    double count = (double) shape_size (&graph_node (graph, export_input (e, sum, 0))->shape) /
                   (double) shape_size (&graph_node (graph, sum)->shape);
    if (export_float_of (e, id, "shift", other) != 0 ||
        !(fabs (export_float_of (e, id, "scale", other) * count - 1) < 1e-12))
      return false;
  }
  return export_int_of (e, sum, "axes", false) == export_int_of (e, sum, "axes", true);
}

MATCH (match_mean)
{
  if (!is_mean (e, id))
    return 0;
  operand[0] = export_input (e, export_input (e, id, 0), 0);
  return 1;
}

WRITE (mean)
{
  return export_reduce (e, id, "ReduceMean", export_value (e, operand[0]),
                        export_int (e, export_input (e, id, 0), "axes"));
}

/* Instance normalisation */

/* mean (x) over rows and columns */
static bool
is_spatial_mean (const struct exporter *e, int id, int x)
{
  return is_mean (e, id) && export_input (e, export_input (e, id, 0), 0) == x &&
         export_int_of (e, export_input (e, id, 0), "axes", false) == AXES_HW;
}

/* 1 / sqrt (variance (x) + epsilon): the affine node that adds epsilon, or -1. */
static int
deviation (const struct exporter *e, int id, int x)
{
  int shifted = export_is (e, id, &op_rsqrt) ? export_input (e, id, 0) : -1;
  if (shifted < 0 || !export_is (e, shifted, &op_affine) || export_float_of (e, shifted, "scale", false) != 1)
    return -1;
  int variance = export_input (e, shifted, 0);
  bool fits = export_is (e, variance, &op_variance) && export_input (e, variance, 0) == x &&
              export_int_of (e, variance, "axes", false) == AXES_HW;
  return fits ? shifted : -1;
}

/* @product is a = scale / sqrt (variance (x) + epsilon): fills in *scale and the node that adds epsilon. */
static bool
is_gain (const struct exporter *e, int product, int x, int *scale, int *epsilon)
{
  for (int i = 0; export_is (e, product, &op_mul) && i < 2; i++) {
    *epsilon = deviation (e, export_input (e, product, i), x);
    *scale = export_input (e, product, 1 - i);
    if (*epsilon >= 0)
      return true;
  }
  return false;
}

/* One value for each channel, of every picture or of each. */
static bool
by_channel (const struct exporter *e, int id, int64_t channels)
{
  const struct shape *shape = export_shape (e, id);
  return shape->rank == 4 && shape->dim[1] == channels && shape->dim[2] == 1 && shape->dim[3] == 1;
}

/* Of add (mul (x, a), b), with x one of the factors: b = shift - mean (x) a ? Operands x, scale, shift, epsilon. */
static bool
is_instance_norm (const struct exporter *e, int x, int a, int b, int *operand)
{
  int mean, gain;
  operand[0] = x;
  if (export_shape (e, x)->rank != 4 || !is_gain (e, a, x, &operand[1], &operand[3]) || !export_is (e, b, &op_sub))
    return false;
  int taken = export_input (e, b, 1);
  operand[2] = export_input (e, b, 0);
  if (!export_is (e, taken, &op_mul))
    return false;
  mean = export_input (e, taken, 0);
  gain = export_input (e, taken, 1);
  if (gain != a) {
    mean = gain;
    gain = export_input (e, taken, 0);
  }
  int64_t channels = export_shape (e, x)->dim[1];
  return gain == a && is_spatial_mean (e, mean, x) && by_channel (e, operand[1], channels) &&
         by_channel (e, operand[2], channels);
}

/* The node that adds epsilon is looked at, but not an operand. */
MATCH (match_instance_norm)
{
  int product, b;
  for (int side = 0; side < 2; side++) {
    product = export_input (e, id, side);
    b = export_input (e, id, 1 - side);
    for (int i = 0; export_is (e, product, &op_mul) && i < 2; i++)
      if (is_instance_norm (e, export_input (e, product, i), export_input (e, product, 1 - i), b, operand))
        return 3;
  }
  return 0;
}

/* Known, and the same for every picture of a batch. */
static bool
is_table (const struct exporter *e, int id)
{
  return e->known[id] && export_shape (e, id)->dim[0] == 1;
}

static const char *
all (struct exporter *e, int64_t channels, double value)
{
  g_autofree double *values = g_new (double, channels);
  for (int64_t c = 0; c < channels; c++)
    values[c] = value;
  return onnx_write_floats (e->writer, values, channels);
}

/* Scales and shifts that come with the input are applied afterwards. */
WRITE (instance_norm)
{
  int64_t channels = export_shape (e, id)->dim[1];
  bool known = is_table (e, operand[1]) && is_table (e, operand[2]);
  const char *x = export_value (e, operand[0]);
  const char *scale = known ? export_known (e, operand[1], SHAPE (channels)) : all (e, channels, 1);
  const char *shift = known ? export_known (e, operand[2], SHAPE (channels)) : all (e, channels, 0);
  double epsilon = export_float (e, operand[3], "shift");
  const char *y = export_node_3 (e, id, "InstanceNormalization", x, scale, shift);
  if (!y)
    return NULL;
  onnx_write_float (e->writer, "epsilon", epsilon);
  if (known)
    return y;
  y = export_node_2 (e, id, "Mul", y, export_value (e, operand[1]));
  return export_node_2 (e, id, "Add", y, export_value (e, operand[2]));
}

/* Bias */

MATCH (match_bias)
{
  int conv, bias;
  if (!split (e, id, &op_conv2d, &conv, &bias) || !e->known[bias] || e->users[conv] != 1)
    return 0;
  const struct shape *shape = export_shape (e, bias);
  if (!by_channel (e, bias, export_shape (e, id)->dim[1]) || shape->dim[0] != 1)
    return 0;
  operand[0] = export_input (e, conv, 0);
  operand[1] = export_input (e, conv, 1);
  operand[2] = bias;
  return 3;
}

const struct export_rule export_patterns[] = {
  {&op_affine, .match = match_mean, .write = mean},
  {&op_add, .match = match_instance_norm, .write = instance_norm},
  {&op_add, .match = match_bias, .write = export_conv_bias},
  {NULL},
};
