/* SPDX-License-Identifier: Apache-2.0
 *
 * Rules of elementwise ops on run-time data: activations, arithmetic, comparisons, logic. Tables of builders; what has
 * a single primitive uses it, the rest is composed of a few, which plans fuse into one loop. Booleans are 1 and 0. ONNX
 * operator specifications: onnx.ai/onnx/operators. */
#include <math.h>
#include <string.h>

#include "onnx/rules.h"
#include "op/sym.h"

/* --- One operand, no attributes --- */

static sym
soft_sign (sym x)
{
  return sym_div (x, sym_shift (sym_abs (x), 1));
}

static sym
tangent (sym x)
{
  return sym_div (sym_sin (x), sym_cos (x));
}

static sym
cosine_hyperbolic (sym x)
{
  return sym_scale (sym_add (sym_exp (x), sym_exp (sym_neg (x))), 0.5);
}

/* tanh x cosh x loses nothing near 0; far out, where tanh is 1 or -1, it is exact too. */
static sym
sine_hyperbolic (sym x)
{
  return sym_mul (sym_tanh (x), cosine_hyperbolic (x));
}

/* sign(x) log(|x| + sqrt(x^2 + 1)) */
static sym
area_sine (sym x)
{
  sym a = sym_abs (x);

  return sym_mul (sym_sign (x), sym_log (sym_add (a, sym_sqrt (sym_shift (sym_square (a), 1)))));
}

static sym
area_cosine (sym x)
{
  return sym_log (sym_add (x, sym_sqrt (sym_shift (sym_square (x), -1))));
}

static sym
area_tangent (sym x)
{
  return sym_scale (sym_log (sym_div (sym_shift (x, 1), sym_affine (x, -1, 1))), 0.5);
}

/* Of |x| reduced to 0 .. tan(pi / 8) by atan(a) = pi / 4 + atan((a - 1) / (a + 1)) and atan(a) = pi / 2 - atan(1 / a),
 * then the odd polynomial of Cephes' atanf (S. Moshier, 1989). */
static sym
arc_tangent (sym x)
{
  static const double c[] = {8.05374449538e-2, -1.38776856032e-1, 1.99777106478e-1, -3.33329491539e-1};
  struct graph *graph = x.graph;
  sym a = sym_abs (x);
  sym far = sym_greater (a, graph_scalar (graph, 2.414213562373095));
  sym near = sym_greater (a, graph_scalar (graph, 0.4142135623730950));
  sym inverse = sym_neg (sym_reciprocal (a)), middle = sym_div (sym_shift (a, -1), sym_shift (a, 1));
  sym t = sym_where (far, inverse, sym_where (near, middle, a));
  sym base = sym_where (far, graph_scalar (graph, G_PI_2), sym_scale (near, G_PI_4));
  sym z = sym_square (t), p = sym_affine (z, c[0], c[1]);

  p = sym_shift (sym_mul (p, z), c[2]);
  p = sym_shift (sym_mul (p, z), c[3]);
  return sym_mul (sym_sign (x), sym_add (base, sym_add (sym_mul (sym_mul (p, z), t), t)));
}

/* atan2(x, sqrt(1 - x^2)), the root taken of a product that is exact near 1. */
static sym
arc_sine (sym x)
{
  return arc_tangent (sym_div (x, sym_sqrt (sym_mul (sym_affine (x, -1, 1), sym_shift (x, 1)))));
}

static sym
arc_cosine (sym x)
{
  return sym_affine (arc_sine (x), -1, G_PI_2);
}

static sym
mish (sym x)
{
  return sym_mul (x, sym_tanh (sym_softplus (x)));
}

static sym
hard_swish (sym x)
{
  return sym_mul (x, sym_clamp (sym_affine (x, 1.0 / 6, 0.5), 0, 1));
}

static sym
logical_not (sym x)
{
  return sym_affine (x, -1, 1);
}

static sym
is_nan (sym x)
{
  return logical_not (sym_equal (x, x));
}

/* Towards zero. */
static sym
truncate_value (sym x)
{
  return sym_mul (sym_sign (x), sym_floor (sym_abs (x)));
}

static const struct {
  const char *op;
  sym (*build) (sym x);
  enum onnx_type type; /* of the result; 0: the operand's */
} unary[] = {
  {"Abs", sym_abs},
  {"Acos", arc_cosine},
  {"Acosh", area_cosine},
  {"Asin", arc_sine},
  {"Asinh", area_sine},
  {"Atan", arc_tangent},
  {"Atanh", area_tangent},
  {"Ceil", sym_ceil},
  {"Cos", sym_cos},
  {"Cosh", cosine_hyperbolic},
  {"Erf", sym_erf},
  {"Exp", sym_exp},
  {"Floor", sym_floor},
  {"HardSwish", hard_swish},
  {"IsNaN", is_nan, ONNX_BOOL},
  {"Log", sym_log},
  {"Mish", mish},
  {"Neg", sym_neg},
  {"Not", logical_not, ONNX_BOOL},
  {"Reciprocal", sym_reciprocal},
  {"Relu", sym_relu},
  {"Round", sym_round},
  {"Sigmoid", sym_sigmoid},
  {"Sign", sym_sign},
  {"Sin", sym_sin},
  {"Sinh", sine_hyperbolic},
  {"Softplus", sym_softplus},
  {"Softsign", soft_sign},
  {"Sqrt", sym_sqrt},
  {"Tan", tangent},
  {"Tanh", sym_tanh},
};

static bool
build_unary (struct onnx_node *node, GError **error)
{
  for (size_t i = 0; i < G_N_ELEMENTS (unary); i++)
    if (g_str_equal (unary[i].op, onnx_node_op (node))) {
      sym y = unary[i].build (onnx_node_sym (node, 0));

      if (unary[i].type)
        onnx_node_set_typed (node, 0, y, unary[i].type);
      else
        onnx_node_set (node, 0, y);
    }
  return true;
}

/* --- One operand and attributes --- */

/* max(0, x) + gamma alpha (exp(min(0, x) / scale) - 1), x times gamma where positive. */
static sym
exponential_unit (sym x, double gamma, double alpha, double scale)
{
  sym negative = sym_scale (sym_minimum (x, graph_scalar (x.graph, 0)), 1 / scale);

  return sym_add (sym_scale (sym_relu (x), gamma), sym_affine (sym_exp (negative), gamma * alpha, -gamma * alpha));
}

static bool
build_elu (struct onnx_node *node, GError **error)
{
  onnx_node_set (node, 0, exponential_unit (onnx_node_sym (node, 0), 1, onnx_node_float (node, "alpha", 1), 1));
  return true;
}

static bool
build_selu (struct onnx_node *node, GError **error)
{
  bool first = onnx_node_opset (node) < 6;
  double alpha = onnx_node_float (node, "alpha", first ? 1.6732 : 1.67326319217681884765625);
  double gamma = onnx_node_float (node, "gamma", first ? 1.0507 : 1.05070102214813232421875);

  onnx_node_set (node, 0, exponential_unit (onnx_node_sym (node, 0), gamma, alpha, 1));
  return true;
}

static bool
build_celu (struct onnx_node *node, GError **error)
{
  double alpha = onnx_node_float (node, "alpha", 1);

  if (alpha == 0)
    return onnx_node_fail (node, error, "alpha is 0");
  onnx_node_set (node, 0, exponential_unit (onnx_node_sym (node, 0), 1, alpha, alpha));
  return true;
}

/* A slope below 0 is no leaky_relu: its gradient reads the sign from the output. */
static sym
sloped (sym x, double slope)
{
  sym zero = graph_scalar (x.graph, 0);

  return slope >= 0 ? sym_leaky_relu (x, slope) : sym_where (sym_greater (x, zero), x, sym_scale (x, slope));
}

static bool
build_leaky_relu (struct onnx_node *node, GError **error)
{
  onnx_node_set (node, 0, sloped (onnx_node_sym (node, 0), onnx_node_float (node, "alpha", 0.01)));
  return true;
}

/* The slope when all of a constant's elements agree. */
static bool
one_slope (const struct onnx_value *value, double *slope)
{
  const struct onnx_constant *constant = value->constant;

  if (constant == NULL || constant->count == 0)
    return false;
  *slope = onnx_constant_float (constant, 0);
  for (int64_t i = 1; i < constant->count; i++)
    if (onnx_constant_float (constant, i) != *slope)
      return false;
  return true;
}

static bool
build_prelu (struct onnx_node *node, GError **error)
{
  sym x = onnx_node_sym (node, 0), slopes;
  struct shape shape = onnx_node_shape (node, 0), by_channel = {.rank = shape.rank};
  double slope;

  if (one_slope (onnx_node_input (node, 1), &slope)) {
    onnx_node_set (node, 0, sloped (x, slope));
    return true;
  }
  slopes = onnx_node_sym (node, 1);
  if (onnx_node_opset (node) < 7 && sym_shape (slopes).rank == 1 && shape.rank > 1) { /* one a channel */
    for (int i = 0; i < shape.rank; i++)
      by_channel.dim[i] = i == 1 ? sym_shape (slopes).dim[0] : 1;
    slopes = sym_reshape (slopes, by_channel);
  }
  onnx_node_set (node, 0, sym_where (sym_greater (x, graph_scalar (x.graph, 0)), x, sym_mul (x, slopes)));
  return true;
}

static bool
build_thresholded_relu (struct onnx_node *node, GError **error)
{
  sym x = onnx_node_sym (node, 0), alpha = graph_scalar (x.graph, onnx_node_float (node, "alpha", 1));

  onnx_node_set (node, 0, sym_where (sym_greater (x, alpha), x, graph_scalar (x.graph, 0)));
  return true;
}

static bool
build_hard_sigmoid (struct onnx_node *node, GError **error)
{
  double alpha = onnx_node_float (node, "alpha", 0.2), beta = onnx_node_float (node, "beta", 0.5);

  onnx_node_set (node, 0, sym_clamp (sym_affine (onnx_node_sym (node, 0), alpha, beta), 0, 1));
  return true;
}

/* x P(X <= x), X normal; or its approximation by tanh (Hendrycks and Gimpel, 2016). */
static bool
build_gelu (struct onnx_node *node, GError **error)
{
  bool by_tanh = g_str_equal (onnx_node_string (node, "approximate", "none"), "tanh");
  sym x = onnx_node_sym (node, 0);
  sym cubic = sym_mul (x, sym_affine (sym_square (x), 0.044715, 1));
  sym inner = by_tanh ? sym_tanh (sym_scale (cubic, 0.7978845608028654)) : sym_erf (sym_scale (x, G_SQRT2 / 2));

  onnx_node_set (node, 0, sym_mul (sym_scale (x, 0.5), sym_shift (inner, 1)));
  return true;
}

static bool
build_shrink (struct onnx_node *node, GError **error)
{
  double bias = onnx_node_float (node, "bias", 0), lambd = onnx_node_float (node, "lambd", 0.5);
  sym x = onnx_node_sym (node, 0), zero = graph_scalar (x.graph, 0);
  sym above = sym_greater (x, graph_scalar (x.graph, lambd)), below = sym_greater (graph_scalar (x.graph, -lambd), x);

  onnx_node_set (node, 0, sym_where (above, sym_shift (x, -bias), sym_where (below, sym_shift (x, bias), zero)));
  return true;
}

static bool
build_is_inf (struct onnx_node *node, GError **error)
{
  sym x = onnx_node_sym (node, 0), infinity = graph_scalar (x.graph, INFINITY);
  bool up = onnx_node_int (node, "detect_positive", 1) != 0, down = onnx_node_int (node, "detect_negative", 1) != 0;
  sym signed_x = up == down ? sym_abs (x) : down ? sym_neg (x) : x;

  onnx_node_set_typed (node, 0, sym_scale (sym_equal (signed_x, infinity), up || down ? 1 : 0), ONNX_BOOL);
  return true;
}

/* Bounds: attributes before opset 11, inputs since. */
static bool
build_clip (struct onnx_node *node, GError **error)
{
  sym x = onnx_node_sym (node, 0), low = {x.graph, -1}, high = {x.graph, -1};

  if (onnx_node_opset (node) < 11) {
    if (onnx_node_has (node, "min"))
      low = graph_scalar (x.graph, onnx_node_float (node, "min", 0));
    if (onnx_node_has (node, "max"))
      high = graph_scalar (x.graph, onnx_node_float (node, "max", 0));
  } else {
    low = onnx_node_sym (node, 1);
    high = onnx_node_sym (node, 2);
  }
  const struct tensor *a = onnx_node_known (node, low), *b = onnx_node_known (node, high);
  if (a && b && a->size == sizeof (float) && b->size == sizeof (float) && *(float *) a->data <= *(float *) b->data) {
    onnx_node_set (node, 0, sym_clamp (x, *(float *) a->data, *(float *) b->data));
    return true;
  }
  x = sym_null (low) ? x : sym_maximum (x, low);
  onnx_node_set (node, 0, sym_null (high) ? x : sym_minimum (x, high));
  return true;
}

/* --- Two operands --- */

/* Before opset 7 the second operand was laid along the first from an axis on, not from the last. */
static sym
second_operand (struct onnx_node *node)
{
  struct shape a = onnx_node_shape (node, 0), b = onnx_node_shape (node, 1), padded = b;
  int64_t axis = onnx_node_int (node, "axis", a.rank - b.rank);
  sym y = onnx_node_sym (node, 1);

  if (onnx_node_opset (node) >= 7 || !onnx_node_has (node, "axis"))
    return y;
  axis = axis < 0 ? axis + a.rank : axis;
  while (padded.rank < SHAPE_RANK_MAX && padded.rank < a.rank - axis)
    padded.dim[padded.rank++] = 1;
  return sym_reshape (y, padded);
}

static sym
less (sym a, sym b)
{
  return sym_greater (b, a);
}

/* a > b or a = b, so that NaN is neither. */
static sym
greater_or_equal (sym a, sym b)
{
  return sym_maximum (sym_greater (a, b), sym_equal (a, b));
}

static sym
less_or_equal (sym a, sym b)
{
  return greater_or_equal (b, a);
}

static sym
logical_xor (sym a, sym b)
{
  return sym_abs (sym_sub (a, b));
}

static const struct {
  const char *op;
  sym (*build) (sym a, sym b);
  enum onnx_type type; /* of the result; 0: the operands' */
} binary[] = {
  {"Add", sym_add},
  {"And", sym_mul, ONNX_BOOL},
  {"Equal", sym_equal, ONNX_BOOL},
  {"Greater", sym_greater, ONNX_BOOL},
  {"GreaterOrEqual", greater_or_equal, ONNX_BOOL},
  {"Less", less, ONNX_BOOL},
  {"LessOrEqual", less_or_equal, ONNX_BOOL},
  {"Mul", sym_mul},
  {"Or", sym_maximum, ONNX_BOOL},
  {"Sub", sym_sub},
  {"Xor", logical_xor, ONNX_BOOL},
};

static bool
build_binary (struct onnx_node *node, GError **error)
{
  sym a = onnx_node_sym (node, 0), b = second_operand (node);

  for (size_t i = 0; i < G_N_ELEMENTS (binary); i++)
    if (g_str_equal (binary[i].op, onnx_node_op (node))) {
      if (binary[i].type)
        onnx_node_set_typed (node, 0, binary[i].build (a, b), binary[i].type);
      else
        onnx_node_set (node, 0, binary[i].build (a, b));
    }
  return true;
}

/* Whole numbers are divided towards zero. */
static bool
build_div (struct onnx_node *node, GError **error)
{
  sym quotient = sym_div (onnx_node_sym (node, 0), second_operand (node));
  bool whole = !onnx_type_float (onnx_node_input (node, 0)->type);

  onnx_node_set (node, 0, whole ? truncate_value (quotient) : quotient);
  return true;
}

/* x to a small known power without a logarithm. */
static sym
known_power (sym x, double exponent)
{
  if (exponent == 1)
    return x;
  if (exponent == 2)
    return sym_square (x);
  if (exponent == 3)
    return sym_mul (sym_square (x), x);
  if (exponent == 4)
    return sym_square (sym_square (x));
  if (exponent == 0.5)
    return sym_sqrt (x);
  if (exponent == -0.5)
    return sym_rsqrt (x);
  if (exponent == -1)
    return sym_reciprocal (x);
  return sym_pow (x, graph_scalar (x.graph, exponent));
}

static bool
build_pow (struct onnx_node *node, GError **error)
{
  const struct onnx_constant *exponent = onnx_node_input (node, 1)->constant;
  sym x = onnx_node_sym (node, 0);

  if (exponent && exponent->count == 1 && exponent->shape.rank <= sym_shape (x).rank)
    onnx_node_set (node, 0, known_power (x, onnx_constant_float (exponent, 0)));
  else
    onnx_node_set (node, 0, sym_pow (x, second_operand (node)));
  return true;
}

/* fmod: the remainder has the sign of the dividend; otherwise of the divisor. */
static bool
build_mod (struct onnx_node *node, GError **error)
{
  sym a = onnx_node_sym (node, 0), b = onnx_node_sym (node, 1), quotient = sym_div (a, b);
  bool of_dividend = onnx_node_int (node, "fmod", 0) != 0;

  quotient = of_dividend ? truncate_value (quotient) : sym_floor (quotient);
  onnx_node_set (node, 0, sym_sub (a, sym_mul (quotient, b)));
  return true;
}

/* --- Several operands --- */

static bool
build_variadic (struct onnx_node *node, GError **error)
{
  const char *op = onnx_node_op (node);
  bool sum = g_str_equal (op, "Sum") || g_str_equal (op, "Mean");
  int n = onnx_node_input_count (node);
  sym y = onnx_node_sym (node, 0);

  for (int i = 1; i < n; i++) {
    sym x = onnx_node_sym (node, i);

    y = sum ? sym_add (y, x) : g_str_equal (op, "Max") ? sym_maximum (y, x) : sym_minimum (y, x);
  }
  onnx_node_set (node, 0, g_str_equal (op, "Mean") ? sym_scale (y, 1.0 / n) : y);
  return true;
}

static bool
build_where (struct onnx_node *node, GError **error)
{
  sym y = sym_where (onnx_node_sym (node, 0), onnx_node_sym (node, 1), onnx_node_sym (node, 2));

  onnx_node_set_typed (node, 0, y, onnx_node_input (node, 1)->type);
  return true;
}

/* --- Types --- */

/* Run-time data stays float32: a cast between floats changes nothing, one to whole numbers cuts the fraction off. */
static bool
cast_to (struct onnx_node *node, enum onnx_type to, GError **error)
{
  enum onnx_type from = onnx_node_input (node, 0)->type;
  sym x = onnx_node_sym (node, 0);

  if (!onnx_type_known (to))
    return onnx_node_fail (node, error, "casts to type %d, which is not supported", (int) to);
  if (to == ONNX_BOOL && from != ONNX_BOOL)
    x = logical_not (sym_equal (x, graph_scalar (x.graph, 0)));
  else if (!onnx_type_float (to) && onnx_type_float (from))
    x = truncate_value (x);
  onnx_node_set_typed (node, 0, x, to);
  return true;
}

static bool
build_cast (struct onnx_node *node, GError **error)
{
  return cast_to (node, (enum onnx_type) onnx_node_int (node, "to", 0), error);
}

static bool
build_cast_like (struct onnx_node *node, GError **error)
{
  return cast_to (node, onnx_node_input (node, 1)->type, error);
}

const struct onnx_rule onnx_rules_elementwise[] = {
  {"Abs", build_unary, 1},
  {"Acos", build_unary, 1},
  {"Acosh", build_unary, 1},
  {"Add", build_binary, 2},
  {"And", build_binary, 2},
  {"Asin", build_unary, 1},
  {"Asinh", build_unary, 1},
  {"Atan", build_unary, 1},
  {"Atanh", build_unary, 1},
  {"Cast", build_cast, 1},
  {"CastLike", build_cast_like, 2},
  {"Ceil", build_unary, 1},
  {"Celu", build_celu, 1},
  {"Clip", build_clip, 1},
  {"Cos", build_unary, 1},
  {"Cosh", build_unary, 1},
  {"Div", build_div, 2},
  {"Elu", build_elu, 1},
  {"Equal", build_binary, 2},
  {"Erf", build_unary, 1},
  {"Exp", build_unary, 1},
  {"Floor", build_unary, 1},
  {"Gelu", build_gelu, 1},
  {"Greater", build_binary, 2},
  {"GreaterOrEqual", build_binary, 2},
  {"HardSigmoid", build_hard_sigmoid, 1},
  {"HardSwish", build_unary, 1},
  {"IsInf", build_is_inf, 1},
  {"IsNaN", build_unary, 1},
  {"LeakyRelu", build_leaky_relu, 1},
  {"Less", build_binary, 2},
  {"LessOrEqual", build_binary, 2},
  {"Log", build_unary, 1},
  {"Max", build_variadic, 1},
  {"Mean", build_variadic, 1},
  {"Min", build_variadic, 1},
  {"Mish", build_unary, 1},
  {"Mod", build_mod, 2},
  {"Mul", build_binary, 2},
  {"Neg", build_unary, 1},
  {"Not", build_unary, 1},
  {"Or", build_binary, 2},
  {"PRelu", build_prelu, 2},
  {"Pow", build_pow, 2},
  {"Reciprocal", build_unary, 1},
  {"Relu", build_unary, 1},
  {"Round", build_unary, 1},
  {"Selu", build_selu, 1},
  {"Shrink", build_shrink, 1},
  {"Sigmoid", build_unary, 1},
  {"Sign", build_unary, 1},
  {"Sin", build_unary, 1},
  {"Sinh", build_unary, 1},
  {"Softplus", build_unary, 1},
  {"Softsign", build_unary, 1},
  {"Sqrt", build_unary, 1},
  {"Sub", build_binary, 2},
  {"Sum", build_variadic, 1},
  {"Tan", build_unary, 1},
  {"Tanh", build_unary, 1},
  {"ThresholdedRelu", build_thresholded_relu, 1},
  {"Where", build_where, 3},
  {"Xor", build_binary, 2},
  {NULL},
};
