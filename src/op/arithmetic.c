/* SPDX-License-Identifier: Apache-2.0
 *
 * Arithmetic of elements, broadcasting. Each op is a loop of device/vector.h; plans fuse chains of them. A gradient
 * rule is the derivative times dy, summed back to the shape of an input that was broadcast. */
#include <math.h>

#include "op/elementwise.h"
#include "op/table.h"

/* Cases */

/* Two inputs: the attributes, then further members of a case. */
#define BINARY_CASES(NAME, ...)                                                            \
  static const struct op_case NAME##_cases[] = {                                           \
    {"same shape, 3 channels", {SHAPE (2, 3, 5, 7), SHAPE (2, 3, 5, 7)}, 2, __VA_ARGS__},  \
    {"by channel, 19", {SHAPE (2, 19, 3, 3), SHAPE (1, 19, 1, 1)}, 2, __VA_ARGS__},        \
    {"by pixel, from the left", {SHAPE (1, 1, 4, 5), SHAPE (3, 2, 4, 5)}, 2, __VA_ARGS__}, \
    {"outer", {SHAPE (17, 1), SHAPE (1, 9)}, 2, __VA_ARGS__},                              \
    {"scalar", {SHAPE_SCALAR, SHAPE (2, 16, 3)}, 2, __VA_ARGS__},                          \
    {"ranks differ", {SHAPE (2, 3, 4, 5), SHAPE (4, 1)}, 2, __VA_ARGS__},                  \
    {"do not fit", {SHAPE (2, 3), SHAPE (2, 4)}, 2, .error = "do not broadcast"},          \
    {NULL},                                                                                \
  };

#define UNARY_CASES(NAME, ...)                         \
  static const struct op_case NAME##_cases[] = {       \
    {"picture", {SHAPE (2, 3, 5, 7)}, 1, __VA_ARGS__}, \
    {"vector", {SHAPE (33)}, 1, __VA_ARGS__},          \
    {"scalar", {SHAPE_SCALAR}, 1, __VA_ARGS__},        \
    {NULL},                                            \
  };

BINARY_CASES (add, NULL)
BINARY_CASES (sub, NULL)
BINARY_CASES (mul, NULL)
BINARY_CASES (div, NULL, .low = 0.5, .high = 2)
BINARY_CASES (maximum, NULL)
BINARY_CASES (minimum, NULL)
BINARY_CASES (pow, NULL, .low = 0.5, .high = 2)
BINARY_CASES (greater, NULL, .no_gradient = true)
BINARY_CASES (equal, NULL, .no_gradient = true)

static const struct affine_attrs {
  double scale, shift;
} affine_case = {.scale = -1.5, .shift = 0.25};

static const struct clamp_attrs {
  double low, high;
} clamp_case = {.low = -0.5, .high = 0.25}, clamp_wrong = {.low = 1, .high = 0};

UNARY_CASES (affine, &affine_case)
UNARY_CASES (neg, NULL)
UNARY_CASES (abs, NULL)
UNARY_CASES (sign, NULL, .no_gradient = true)
UNARY_CASES (floor, NULL, .low = -3, .high = 3, .no_gradient = true)
UNARY_CASES (ceil, NULL, .low = -3, .high = 3, .no_gradient = true)
UNARY_CASES (round, NULL, .low = -3, .high = 3, .no_gradient = true)
UNARY_CASES (square, NULL)
UNARY_CASES (sqrt, NULL, .low = 0.25, .high = 2)
UNARY_CASES (rsqrt, NULL, .low = 0.25, .high = 2)
UNARY_CASES (reciprocal, NULL, .low = 0.5, .high = 2)
UNARY_CASES (exp, NULL, .low = -3, .high = 3)
UNARY_CASES (log, NULL, .low = 0.25, .high = 4)
UNARY_CASES (sin, NULL, .low = -4, .high = 4)
UNARY_CASES (cos, NULL, .low = -4, .high = 4)

static const struct op_case where_cases[] = {
  {"by pixel", {SHAPE (1, 1, 4, 5), SHAPE (2, 3, 4, 5), SHAPE (2, 3, 4, 5)}, 3},
  {"scalar branch", {SHAPE (2, 19), SHAPE (2, 19), SHAPE_SCALAR}, 3},
  {"do not fit", {SHAPE (2, 3), SHAPE (2, 3), SHAPE (2, 2)}, 3, .error = "do not broadcast"},
  {NULL},
};

static const struct op_case clamp_cases[] = {
  {"picture", {SHAPE (2, 3, 5, 7)}, 1, &clamp_case},
  {"vector", {SHAPE (33)}, 1, &clamp_case},
  {"empty range", {SHAPE (3)}, 1, &clamp_wrong, .error = "low 1 is above high 0"},
  {NULL},
};

/* Two operands */

REFERENCE (add, a + b)
GRADIENT (add)
{
  for (int k = 0; k < 2; k++)
    if (wanted[k])
      elementwise_give (&dx[k], x[k], dy);
}

REFERENCE (sub, a - b)
GRADIENT (sub)
{
  if (wanted[0])
    elementwise_give (&dx[0], x[0], dy);
  if (wanted[1])
    elementwise_give (&dx[1], x[1], sym_neg (dy));
}

REFERENCE (mul, a * b)
GRADIENT (mul)
{
  for (int k = 0; k < 2; k++)
    if (wanted[k])
      elementwise_give (&dx[k], x[k], sym_mul (dy, x[1 - k]));
}

REFERENCE (div, a / b)
GRADIENT (div)
{
  sym da = sym_div (dy, x[1]);

  if (wanted[0])
    elementwise_give (&dx[0], x[0], da);
  if (wanted[1])
    elementwise_give (&dx[1], x[1], sym_neg (sym_mul (da, y)));
}

/* The larger operand's share is 1, half where both are equal. */
static void
give_larger (sym a, sym b, const sym *x, sym dy, const bool *wanted, sym *dx)
{
  sym share = sym_add (sym_greater (a, b), sym_scale (sym_equal (a, b), 0.5));

  if (wanted[0])
    elementwise_give (&dx[0], x[0], sym_mul (dy, share));
  if (wanted[1])
    elementwise_give (&dx[1], x[1], sym_mul (dy, sym_affine (share, -1, 1)));
}

REFERENCE (maximum, a > b || isnan (a) ? a : b)
GRADIENT (maximum)
{
  give_larger (x[0], x[1], x, dy, wanted, dx);
}

REFERENCE (minimum, a < b || isnan (a) ? a : b)
GRADIENT (minimum)
{
  give_larger (x[1], x[0], x, dy, wanted, dx);
}

REFERENCE (pow, pow (a, b))
GRADIENT (pow)
{
  if (wanted[0])
    elementwise_give (&dx[0], x[0], sym_mul (dy, sym_mul (x[1], sym_pow (x[0], sym_shift (x[1], -1)))));
  if (wanted[1])
    elementwise_give (&dx[1], x[1], sym_mul (dy, sym_mul (y, sym_log (x[0]))));
}

REFERENCE (greater, a > b)
REFERENCE (equal, a == b)

REFERENCE (where, a != 0 ? b : c)
GRADIENT (where)
{
  sym zero = graph_scalar (dy.graph, 0);

  if (wanted[1])
    elementwise_give (&dx[1], x[1], sym_where (x[0], dy, zero));
  if (wanted[2])
    elementwise_give (&dx[2], x[2], sym_where (x[0], zero, dy));
}

/* One operand: dx[0] is asked for whenever a rule is called */

static const struct option affine_options[] = {
  {"scale", OPTION_FLOAT, offsetof (struct affine_attrs, scale), "factor", .fallback = 1},
  {"shift", OPTION_FLOAT, offsetof (struct affine_attrs, shift), "summand"},
  {NULL},
};

REFERENCE (affine, p[0] * a + p[1])
GRADIENT (affine)
{
  const struct affine_attrs *affine = attrs;

  dx[0] = sym_scale (dy, affine->scale);
}

REFERENCE (neg, -a)
GRADIENT (neg)
{
  dx[0] = sym_neg (dy);
}

REFERENCE (abs, fabs (a))
GRADIENT (abs)
{
  dx[0] = sym_mul (dy, sym_sign (x[0]));
}

REFERENCE (sign, a > 0 ? 1 : a < 0 ? -1 : a)

REFERENCE (floor, floor (a))
REFERENCE (ceil, ceil (a))
REFERENCE (round, nearbyint (a))

REFERENCE (square, a * a)
GRADIENT (square)
{
  dx[0] = sym_mul (dy, sym_scale (x[0], 2));
}

REFERENCE (sqrt, sqrt (a))
GRADIENT (sqrt)
{
  dx[0] = sym_div (sym_scale (dy, 0.5), y);
}

REFERENCE (rsqrt, 1 / sqrt (a))
GRADIENT (rsqrt)
{
  dx[0] = sym_mul (sym_scale (dy, -0.5), sym_mul (y, sym_square (y)));
}

REFERENCE (reciprocal, 1 / a)
GRADIENT (reciprocal)
{
  dx[0] = sym_neg (sym_mul (dy, sym_square (y)));
}

REFERENCE (exp, exp (a))
GRADIENT (exp)
{
  dx[0] = sym_mul (dy, y);
}

REFERENCE (log, log (a))
GRADIENT (log)
{
  dx[0] = sym_div (dy, x[0]);
}

REFERENCE (sin, sin (a))
GRADIENT (sin)
{
  dx[0] = sym_mul (dy, sym_cos (x[0]));
}

REFERENCE (cos, cos (a))
GRADIENT (cos)
{
  dx[0] = sym_neg (sym_mul (dy, sym_sin (x[0])));
}

static const struct option clamp_options[] = {
  {"low", OPTION_FLOAT, offsetof (struct clamp_attrs, low), "smallest value"},
  {"high", OPTION_FLOAT, offsetof (struct clamp_attrs, high), "largest value", .fallback = 1},
  {NULL},
};

static bool
clamp_shape (const void *attrs, const struct shape *const *x, int n_inputs, struct shape *y, GError **error)
{
  const struct clamp_attrs *clamp = attrs;

  if (!(clamp->low <= clamp->high))
    return op_fail (error, "low %g is above high %g", clamp->low, clamp->high);
  *y = *x[0];
  return true;
}

REFERENCE (clamp, a < p[0] ? p[0] : a > p[1] ? p[1] : a)
GRADIENT (clamp)
{
  dx[0] = sym_mul (dy, sym_equal (x[0], y)); /* 1 where x was left alone */
}

/* Builders */

sym
sym_add (sym a, sym b)
{
  return elementwise_2 (&op_add, a, b);
}

sym
sym_sub (sym a, sym b)
{
  return elementwise_2 (&op_sub, a, b);
}

sym
sym_mul (sym a, sym b)
{
  return elementwise_2 (&op_mul, a, b);
}

sym
sym_div (sym a, sym b)
{
  return elementwise_2 (&op_div, a, b);
}

sym
sym_maximum (sym a, sym b)
{
  return elementwise_2 (&op_maximum, a, b);
}

sym
sym_minimum (sym a, sym b)
{
  return elementwise_2 (&op_minimum, a, b);
}

sym
sym_pow (sym a, sym b)
{
  return elementwise_2 (&op_pow, a, b);
}

sym
sym_greater (sym a, sym b)
{
  return elementwise_2 (&op_greater, a, b);
}

sym
sym_equal (sym a, sym b)
{
  return elementwise_2 (&op_equal, a, b);
}

sym
sym_where (sym condition, sym a, sym b)
{
  return elementwise_3 (&op_where, condition, a, b);
}

sym
sym_affine (sym x, double scale, double shift)
{
  return elementwise_1 (&op_affine, x, &(struct affine_attrs){scale, shift});
}

sym
sym_scale (sym x, double scale)
{
  return sym_affine (x, scale, 0);
}

sym
sym_shift (sym x, double shift)
{
  return sym_affine (x, 1, shift);
}

sym
sym_neg (sym x)
{
  return elementwise_1 (&op_neg, x, NULL);
}

sym
sym_abs (sym x)
{
  return elementwise_1 (&op_abs, x, NULL);
}

sym
sym_sign (sym x)
{
  return elementwise_1 (&op_sign, x, NULL);
}

sym
sym_floor (sym x)
{
  return elementwise_1 (&op_floor, x, NULL);
}

sym
sym_ceil (sym x)
{
  return elementwise_1 (&op_ceil, x, NULL);
}

sym
sym_round (sym x)
{
  return elementwise_1 (&op_round, x, NULL);
}

sym
sym_square (sym x)
{
  return elementwise_1 (&op_square, x, NULL);
}

sym
sym_sqrt (sym x)
{
  return elementwise_1 (&op_sqrt, x, NULL);
}

sym
sym_rsqrt (sym x)
{
  return elementwise_1 (&op_rsqrt, x, NULL);
}

sym
sym_reciprocal (sym x)
{
  return elementwise_1 (&op_reciprocal, x, NULL);
}

sym
sym_exp (sym x)
{
  return elementwise_1 (&op_exp, x, NULL);
}

sym
sym_log (sym x)
{
  return elementwise_1 (&op_log, x, NULL);
}

sym
sym_sin (sym x)
{
  return elementwise_1 (&op_sin, x, NULL);
}

sym
sym_cos (sym x)
{
  return elementwise_1 (&op_cos, x, NULL);
}

sym
sym_clamp (sym x, double low, double high)
{
  return elementwise_1 (&op_clamp, x, &(struct clamp_attrs){low, high});
}

/* Ops */

#define OP(NAME, INPUTS, VECTOR, TEXT)                                                            \
  const struct op op_##NAME = {                                                                   \
    ELEMENTWISE (NAME, INPUTS, VECTOR, TEXT), .gradient = NAME##_gradient, .cases = NAME##_cases, \
  };

#define OP_FLAT(NAME, INPUTS, VECTOR, TEXT) /* derivative 0 wherever there is one */ \
  const struct op op_##NAME = {ELEMENTWISE (NAME, INPUTS, VECTOR, TEXT), .flags = OP_STOP, .cases = NAME##_cases};

#define OP_PARAMETERS(NAME, PARAMS, SHAPE_RULE, VECTOR, TEXT)                              \
  const struct op op_##NAME = {                                                            \
    .name = #NAME, .formula = TEXT, .min_inputs = 1, .max_inputs = 1, .shape = SHAPE_RULE, \
    .reference = NAME##_reference, .vector = VECTOR, .gradient = NAME##_gradient,          \
    .attrs_size = sizeof (struct NAME##_attrs), .attrs = NAME##_options, .params = PARAMS, \
    .cases = NAME##_cases,                                                                 \
  };

OP (add, 2, VECTOR_ADD, "a + b")
OP (sub, 2, VECTOR_SUB, "a - b")
OP (mul, 2, VECTOR_MUL, "a b")
OP (div, 2, VECTOR_DIV, "a / b")
OP (maximum, 2, VECTOR_MAXIMUM, "the larger of a and b")
OP (minimum, 2, VECTOR_MINIMUM, "the smaller of a and b")
OP (pow, 2, VECTOR_POW, "a to the power of b")
OP_FLAT (greater, 2, VECTOR_GREATER, "1 where a > b, else 0")
OP_FLAT (equal, 2, VECTOR_EQUAL, "1 where a = b, else 0")
OP (where, 3, VECTOR_WHERE, "b where a is not 0, else c")
OP_PARAMETERS (affine, 2, elementwise_shape, VECTOR_AFFINE, "scale x + shift")
OP (neg, 1, VECTOR_NEG, "-x")
OP (abs, 1, VECTOR_ABS, "|x|")
OP_FLAT (sign, 1, VECTOR_SIGN, "1, 0 or -1 as x is positive, 0 or negative")
OP_FLAT (floor, 1, VECTOR_FLOOR, "the whole number at or below x")
OP_FLAT (ceil, 1, VECTOR_CEIL, "the whole number at or above x")
OP_FLAT (round, 1, VECTOR_ROUND, "the whole number next to x, of two the even one")
OP (square, 1, VECTOR_SQUARE, "x x")
OP (sqrt, 1, VECTOR_SQRT, "square root of x")
OP (rsqrt, 1, VECTOR_RSQRT, "1 / square root of x")
OP (reciprocal, 1, VECTOR_RECIPROCAL, "1 / x")
OP (exp, 1, VECTOR_EXP, "e to the power of x")
OP (log, 1, VECTOR_LOG, "natural logarithm of x")
OP (sin, 1, VECTOR_SIN, "sine of x")
OP (cos, 1, VECTOR_COS, "cosine of x")
OP_PARAMETERS (clamp, 2, clamp_shape, VECTOR_CLAMP, "x brought between low and high")
