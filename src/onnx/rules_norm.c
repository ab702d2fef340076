/* SPDX-License-Identifier: Apache-2.0
 *
 * Normalisations and softmax. All are compositions: plans see means and variances over the same axes and fuse them.
 * What only depends on constants (the scale and shift that a batch normalisation comes to) is computed here, in
 * double. */
#include <math.h>

#include "onnx/rules.h"
#include "op/pool.h"
#include "op/sym.h"

#define I64 "%" G_GINT64_FORMAT

/* (c) as (1, c, 1, ...) of @rank, to meet channels. */
static sym
as_channels (sym values, int rank)
{
  struct shape shape = {.rank = rank};

  for (int i = 0; i < rank; i++)
    shape.dim[i] = i == 1 ? -1 : 1;
  return sym_reshape (values, shape);
}

static unsigned
axes_from (int first, int rank)
{
  unsigned axes = 0;

  for (int i = first; i < rank; i++)
    axes |= AXIS (i);
  return axes;
}

/* (x - mean) / sqrt (variance + epsilon) * scale + shift as x a + b, one pass over x. */
static sym
normalize (sym x, sym mean, sym variance, sym scale, sym shift, double epsilon)
{
  sym a = sym_mul (scale, sym_rsqrt (sym_shift (variance, epsilon)));

  return sym_add (sym_mul (x, a), sym_sub (shift, sym_mul (mean, a)));
}

/* Inputs from @first on are vectors of @count. */
static bool
check_vectors (struct onnx_node *node, int first, int n, int64_t count, GError **error)
{
  for (int i = first; i < first + n; i++) {
    struct shape shape = onnx_node_shape (node, i);

    if (shape.rank != 1 || shape.dim[0] != count) {
      g_autofree char *text = shape_text (&shape);
      return onnx_node_fail (node, error, "input %d is %s, wants (" I64 ")", i, text, count);
    }
  }
  return true;
}

/* BatchNormalization: inputs x, scale, shift, mean, variance */

/* x a + b with a and b from constants. */
static bool
fold_batch_norm (struct onnx_node *node, sym x, double epsilon, GError **error)
{
  const struct onnx_constant *known[4];
  struct shape row = {.rank = sym_shape (x).rank};
  int64_t channels = onnx_node_shape (node, 1).dim[0];
  g_autoptr (tensor) a = NULL;
  g_autoptr (tensor) b = NULL;

  for (int i = 0; i < row.rank; i++)
    row.dim[i] = i == 1 ? channels : 1;
  a = tensor_new (row, DTYPE_F32, error);
  b = a != NULL ? tensor_new (row, DTYPE_F32, error) : NULL;
  if (b == NULL)
    return false;
  for (int i = 0; i < 4; i++)
    known[i] = onnx_node_input (node, 1 + i)->constant;
  for (int64_t c = 0; c < channels; c++) {
    double scale = onnx_constant_float (known[0], c) / sqrt (onnx_constant_float (known[3], c) + epsilon);

    tensor_floats (a)[c] = (float) scale;
    tensor_floats (b)[c] = (float) (onnx_constant_float (known[1], c) - onnx_constant_float (known[2], c) * scale);
  }
  sym factor = onnx_node_parameter (node, onnx_node_input (node, 1)->name, a);
  sym summand = onnx_node_parameter (node, onnx_node_input (node, 2)->name, b);
  onnx_node_set (node, 0, sym_add (sym_mul (x, factor), summand));
  return true;
}

/* The batch's statistics; the running ones, which a training would keep, are outputs. */
static bool
train_batch_norm (struct onnx_node *node, sym x, double epsilon)
{
  double keep = onnx_node_float (node, "momentum", 0.9);
  int rank = sym_shape (x).rank;
  unsigned axes = axes_from (2, rank) | AXIS (0);
  sym mean = sym_mean (x, axes), variance = sym_variance (x, axes);

  onnx_node_set (node, 0,
                 normalize (x, mean, variance, as_channels (onnx_node_sym (node, 1), rank),
                            as_channels (onnx_node_sym (node, 2), rank), epsilon));
  for (int i = 1; i < 3; i++) {
    sym batch = sym_reshape (i == 1 ? mean : variance, SHAPE (-1)), running = onnx_node_sym (node, 2 + i);
    onnx_node_set (node, i, sym_add (sym_scale (running, keep), sym_scale (batch, 1 - keep)));
  }
  return true;
}

/* Before opset 9 statistics could be of every element: spatial = 0. Before 7 a flag said what a training does. */
static bool
build_batch_norm (struct onnx_node *node, GError **error)
{
  struct shape shape = onnx_node_shape (node, 0);
  double epsilon = onnx_node_float (node, "epsilon", 1e-5);
  bool training = onnx_node_int (node, "training_mode", 0) != 0;
  bool known = true;

  if (onnx_node_opset (node) < 7)
    training = onnx_node_int (node, "is_test", 0) == 0 && onnx_node_wants (node, 1);
  else if (onnx_node_opset (node) < 14)
    training = onnx_node_wants (node, 1);
  if (shape.rank < 2)
    return onnx_node_fail (node, error, "input has rank %d, wants 2 or more", shape.rank);
  sym x = onnx_node_sym (node, 0), with[4];
  if (onnx_node_int (node, "spatial", 1) == 0 && !training) { /* vectors of (c, h, w) */
    for (int i = 0; i < 4; i++)
      with[i] = onnx_node_sym (node, 1 + i);
    onnx_node_set (node, 0, normalize (x, with[2], with[3], with[0], with[1], epsilon));
    return true;
  }
  if (!check_vectors (node, 1, 4, shape.dim[1], error))
    return false;
  for (int i = 1; i < 5; i++)
    known &= onnx_node_input (node, i)->constant != NULL;
  if (training)
    return train_batch_norm (node, x, epsilon);
  if (known)
    return fold_batch_norm (node, x, epsilon, error);
  for (int i = 0; i < 4; i++)
    with[i] = as_channels (onnx_node_sym (node, 1 + i), shape.rank);
  onnx_node_set (node, 0, normalize (x, with[2], with[3], with[0], with[1], epsilon));
  return true;
}

/* InstanceNormalization: statistics of each channel of each picture. Plans fuse those of pictures, so that other ranks
 * become pictures. */
static bool
build_instance_norm (struct onnx_node *node, GError **error)
{
  struct shape shape = onnx_node_shape (node, 0);
  double epsilon = onnx_node_float (node, "epsilon", 1e-5);
  int64_t last = 1;

  if (shape.rank < 3)
    return onnx_node_fail (node, error, "input has rank %d, wants 3 or more", shape.rank);
  if (!check_vectors (node, 1, 2, shape.dim[1], error))
    return false;
  for (int i = 3; i < shape.rank; i++)
    last *= shape.dim[i];
  sym x = onnx_node_sym (node, 0), scale = as_channels (onnx_node_sym (node, 1), 4);
  if (shape.rank != 4)
    x = sym_reshape (x, SHAPE (shape.dim[0], shape.dim[1], shape.dim[2], last));
  sym y = normalize (x, sym_mean (x, AXES_HW), sym_variance (x, AXES_HW), scale,
                     as_channels (onnx_node_sym (node, 2), 4), epsilon);
  onnx_node_set (node, 0, shape.rank != 4 ? sym_reshape (y, shape) : y);
  return true;
}

/* LayerNormalization: over the axes from @axis on; optional outputs 1 and 2 are the mean and 1 / standard deviation. */
static bool
build_layer_norm (struct onnx_node *node, GError **error)
{
  sym x = onnx_node_sym (node, 0);
  int rank = onnx_node_shape (node, 0).rank, axis;

  if (!onnx_node_axis (node, onnx_node_int (node, "axis", -1), rank, &axis, error))
    return false;
  unsigned axes = axes_from (axis, rank);
  sym mean = sym_mean (x, axes);
  sym inverse = sym_rsqrt (sym_shift (sym_variance (x, axes), onnx_node_float (node, "epsilon", 1e-5)));
  sym y = sym_mul (sym_mul (sym_sub (x, mean), inverse), onnx_node_sym (node, 1));
  onnx_node_set (node, 0, onnx_node_input (node, 2) != NULL ? sym_add (y, onnx_node_sym (node, 2)) : y);
  onnx_node_set_typed (node, 1, mean, ONNX_FLOAT);
  onnx_node_set_typed (node, 2, inverse, ONNX_FLOAT);
  return true;
}

/* GroupNormalization: as an instance normalisation of groups of channels. Scale and shift are of groups in opset 18, of
 * channels from 21 on. */
static bool
build_group_norm (struct onnx_node *node, GError **error)
{
  struct shape shape = onnx_node_shape (node, 0);
  int64_t groups = onnx_node_int (node, "num_groups", 0);
  int64_t c = shape.rank > 1 ? shape.dim[1] : 0, each = onnx_node_shape (node, 1).dim[0];

  if (shape.rank < 3 || groups < 1 || c % groups != 0)
    return onnx_node_fail (node, error, I64 " groups of " I64 " channels", groups, c);
  if (each != groups && each != c)
    return onnx_node_fail (node, error, "scale has " I64 " values, wants one a group or channel", each);
  if (!check_vectors (node, 1, 2, each, error))
    return false;
  sym x = sym_reshape (onnx_node_sym (node, 0), SHAPE (shape.dim[0], groups, c / groups, -1)), factor[2];
  for (int i = 0; i < 2; i++)
    factor[i] = sym_reshape (onnx_node_sym (node, 1 + i), SHAPE (1, groups, each / groups, 1));
  unsigned axes = AXIS (2) | AXIS (3);
  sym y = normalize (x, sym_mean (x, axes), sym_variance (x, axes), factor[0], factor[1],
                     onnx_node_float (node, "epsilon", 1e-5));
  onnx_node_set (node, 0, sym_reshape (y, shape));
  return true;
}

/* LRN: x / (bias + alpha / size sum of x^2 over neighbouring channels)^beta; the mean counts what is beside the
 * channels. */
static bool
build_lrn (struct onnx_node *node, GError **error)
{
  struct shape shape = onnx_node_shape (node, 0);
  int64_t size = onnx_node_int (node, "size", 0);
  double alpha = onnx_node_float (node, "alpha", 1e-4), beta = onnx_node_float (node, "beta", 0.75);

  if (shape.rank < 2 || size < 1 || size > 1000000)
    return onnx_node_fail (node, error, "size " I64 " for an input of rank %d", size, shape.rank);
  sym x = onnx_node_sym (node, 0);
  struct pool_attrs window = {.kernel = {size, 1},
                              .stride = {1, 1},
                              .pad = {(size - 1) / 2, 0, size / 2, 0},
                              .dilation = {1, 1},
                              .count_padding = true};
  sym mean = sym_avg_pool_attrs (sym_reshape (sym_square (x), SHAPE (shape.dim[0], 1, shape.dim[1], -1)), &window);
  sym base = sym_affine (sym_reshape (mean, shape), alpha, onnx_node_float (node, "bias", 1));
  onnx_node_set (node, 0, sym_mul (x, sym_pow (base, graph_scalar (x.graph, -beta))));
  return true;
}

/* LpNormalization; what is all zeros stays so. */
static bool
build_lp_norm (struct onnx_node *node, GError **error)
{
  int axis, rank = onnx_node_shape (node, 0).rank;
  int64_t p = onnx_node_int (node, "p", 2);

  if (!onnx_node_axis (node, onnx_node_int (node, "axis", -1), rank, &axis, error))
    return false;
  if (p != 1 && p != 2)
    return onnx_node_fail (node, error, "p is " I64 ", wants 1 or 2", p);
  sym x = onnx_node_sym (node, 0);
  sym norm = p == 1 ? sym_sum (sym_abs (x), AXIS (axis)) : sym_sqrt (sym_sum (sym_square (x), AXIS (axis)));
  onnx_node_set (node, 0, sym_div (x, sym_maximum (norm, graph_scalar (x.graph, 1e-30))));
  return true;
}

static bool
build_mean_variance_norm (struct onnx_node *node, GError **error)
{
  static const int64_t usual[] = {0, 2, 3};
  int n, axis, rank = onnx_node_shape (node, 0).rank;
  const int64_t *given = onnx_node_ints (node, "axes", &n);
  unsigned axes = 0;

  for (int i = 0; i < (given != NULL ? n : 3); i++) {
    if (!onnx_node_axis (node, given != NULL ? given[i] : usual[i], rank, &axis, error))
      return false;
    axes |= AXIS (axis);
  }
  sym x = onnx_node_sym (node, 0);
  sym deviation = sym_shift (sym_sqrt (sym_variance (x, axes)), 1e-9);
  onnx_node_set (node, 0, sym_div (sym_sub (x, sym_mean (x, axes)), deviation));
  return true;
}

/* Softmax and its kin. Before opset 13 they saw a matrix: all axes before @axis, and all from it on. */

static sym
hardmax (sym x, int axis)
{
  struct shape shape = sym_shape (x), row = {.rank = shape.rank};
  int64_t n = axis < shape.rank ? shape.dim[axis] : 1;
  g_autoptr (tensor) number = NULL;

  for (int i = 0; i < row.rank; i++)
    row.dim[i] = i == axis ? n : 1;
  number = tensor_new (row, DTYPE_F32, NULL);
  if (number == NULL)
    return graph_fail (x.graph, "hardmax: out of memory");
  for (int64_t i = 0; i < n; i++)
    tensor_floats (number)[i] = (float) (n - i);
  /* the first of the largest: those that are not have 0, the others fewer the later they come */
  sym rank = sym_mul (sym_equal (x, sym_max (x, AXIS (axis))), graph_constant (x.graph, number));
  return sym_equal (rank, sym_max (rank, AXIS (axis)));
}

static bool
build_along (struct onnx_node *node, sym (*fn) (sym x, int axis), GError **error)
{
  struct shape shape = onnx_node_shape (node, 0);
  bool matrix = onnx_node_opset (node) < 13;
  int axis;
  int64_t before = 1;

  if (matrix && onnx_node_int (node, "axis", 1) == shape.rank) { /* rows of one element */
    onnx_node_set (node, 0, sym_reshape (fn (sym_reshape (onnx_node_sym (node, 0), SHAPE (-1, 1)), 1), shape));
    return true;
  }
  if (!onnx_node_axis (node, onnx_node_int (node, "axis", matrix ? 1 : -1), shape.rank, &axis, error))
    return false;
  sym x = onnx_node_sym (node, 0);
  if (!matrix || axis == shape.rank - 1) {
    onnx_node_set (node, 0, fn (x, axis));
    return true;
  }
  for (int i = 0; i < axis; i++)
    before *= shape.dim[i];
  onnx_node_set (node, 0, sym_reshape (fn (sym_reshape (x, SHAPE (before, -1)), 1), shape));
  return true;
}

static bool
build_softmax (struct onnx_node *node, GError **error)
{
  return build_along (node, sym_softmax, error);
}

static bool
build_log_softmax (struct onnx_node *node, GError **error)
{
  return build_along (node, sym_log_softmax, error);
}

static bool
build_hardmax (struct onnx_node *node, GError **error)
{
  return build_along (node, hardmax, error);
}

const struct onnx_rule onnx_rules_norm[] = {
  {"BatchNormalization", build_batch_norm, 5},
  {"GroupNormalization", build_group_norm, 3},
  {"Hardmax", build_hardmax, 1},
  {"InstanceNormalization", build_instance_norm, 3},
  {"LRN", build_lrn, 1},
  {"LayerNormalization", build_layer_norm, 2},
  {"LogSoftmax", build_log_softmax, 1},
  {"LpNormalization", build_lp_norm, 1},
  {"MeanVarianceNormalization", build_mean_variance_norm, 1},
  {"Softmax", build_softmax, 1},
  {NULL},
};
