/* SPDX-License-Identifier: Apache-2.0
 *
 * Activations: elementwise ops whose gradients need nothing but the output (softplus and erf excepted). The gradient of
 * a ReLU is an op of its own, relu_back: linear in dy, and it reads the sign from the output, so that the input need
 * not be kept. */
#include <math.h>

#include "op/elementwise.h"
#include "op/table.h"

struct slope_attrs {
  double slope;
};

static const struct option slope_options[] = {
  {"slope", OPTION_FLOAT, offsetof (struct slope_attrs, slope), "factor of negative values, 0 or more", .max = 1e6,
   .fallback = 0.2},
  {NULL},
};

/* A negative slope would turn the sign that the gradient is read from. */
static bool
slope_shape (const void *attrs, const struct shape *const *x, int n_inputs, struct shape *y, GError **error)
{
  const struct slope_attrs *slope = attrs;

  if (!(slope->slope >= 0))
    return op_fail (error, "slope %g, wants 0 or more", slope->slope);
  return elementwise_shape (attrs, x, n_inputs, y, error);
}

REFERENCE (relu, a < 0 ? 0 : a)
REFERENCE (leaky_relu, a < 0 ? p[0] * a : a)
REFERENCE (relu_back, a > 0 ? b : p[0] * b)
REFERENCE (tanh, tanh (a))
REFERENCE (erf, erf (a))
REFERENCE (sigmoid, a < 0 ? exp (a) / (1 + exp (a)) : 1 / (1 + exp (-a)))
REFERENCE (softplus, (a > 0 ? a : a < 0 ? 0 : a) + log1p (exp (-fabs (a))))

static sym
relu_back (sym y, sym dy, double slope)
{
  return graph_add (y.graph, &op_relu_back, (const sym[]){y, dy}, 2, &(struct slope_attrs){slope});
}

GRADIENT (relu)
{
  dx[0] = relu_back (y, dy, 0);
}

GRADIENT (leaky_relu)
{
  const struct slope_attrs *leaky = attrs;

  dx[0] = relu_back (y, dy, leaky->slope);
}

/* Linear in dy; flat in the value whose sign it reads. */
GRADIENT (relu_back)
{
  const struct slope_attrs *leaky = attrs;

  if (wanted[1])
    elementwise_give (&dx[1], x[1], relu_back (x[0], dy, leaky->slope));
}

GRADIENT (tanh)
{
  dx[0] = sym_mul (dy, sym_affine (sym_square (y), -1, 1));
}

GRADIENT (erf)
{
  dx[0] = sym_mul (dy, sym_scale (sym_exp (sym_neg (sym_square (x[0]))), M_2_SQRTPI));
}

GRADIENT (sigmoid)
{
  dx[0] = sym_mul (dy, sym_mul (y, sym_affine (y, -1, 1)));
}

GRADIENT (softplus)
{
  dx[0] = sym_mul (dy, sym_sigmoid (x[0]));
}

/* Builders */

sym
sym_relu (sym x)
{
  return elementwise_1 (&op_relu, x, NULL);
}

sym
sym_leaky_relu (sym x, double slope)
{
  return elementwise_1 (&op_leaky_relu, x, &(struct slope_attrs){slope});
}

sym
sym_tanh (sym x)
{
  return elementwise_1 (&op_tanh, x, NULL);
}

sym
sym_erf (sym x)
{
  return elementwise_1 (&op_erf, x, NULL);
}

sym
sym_sigmoid (sym x)
{
  return elementwise_1 (&op_sigmoid, x, NULL);
}

sym
sym_softplus (sym x)
{
  return elementwise_1 (&op_softplus, x, NULL);
}

/* Cases */

static const struct slope_attrs slope_2 = {.slope = 0.2}, slope_0 = {.slope = 0}, slope_wrong = {.slope = -1};

#define UNARY_CASES(NAME, ...)                              \
  static const struct op_case NAME##_cases[] = {            \
    {"picture", {SHAPE (2, 3, 5, 7)}, 1, __VA_ARGS__},      \
    {"16 channels", {SHAPE (1, 16, 3, 3)}, 1, __VA_ARGS__}, \
    {"vector", {SHAPE (33)}, 1, __VA_ARGS__},               \
    {"scalar", {SHAPE_SCALAR}, 1, __VA_ARGS__},             \
    {NULL},                                                 \
  };

UNARY_CASES (relu, NULL)
UNARY_CASES (tanh, NULL, .low = -4, .high = 4)
UNARY_CASES (erf, NULL, .low = -4, .high = 4)
UNARY_CASES (sigmoid, NULL, .low = -6, .high = 6)
UNARY_CASES (softplus, NULL, .low = -6, .high = 6)

static const struct op_case leaky_relu_cases[] = {
  {"picture", {SHAPE (2, 3, 5, 7)}, 1, &slope_2},
  {"vector", {SHAPE (33)}, 1, &slope_2},
  {"slope 0", {SHAPE (19)}, 1, &slope_0},
  {"negative slope", {SHAPE (3)}, 1, &slope_wrong, .error = "slope -1"},
  {NULL},
};

static const struct op_case relu_back_cases[] = {
  {"picture", {SHAPE (2, 3, 5, 7), SHAPE (2, 3, 5, 7)}, 2, &slope_2},
  {"slope 0", {SHAPE (33), SHAPE (33)}, 2, &slope_0},
  {"one dy for all", {SHAPE (2, 19, 3, 3), SHAPE (1, 1, 1, 1)}, 2, &slope_2},
  {NULL},
};

#define OP(NAME, VECTOR, TEXT)                                                               \
  const struct op op_##NAME = {                                                              \
    ELEMENTWISE (NAME, 1, VECTOR, TEXT), .gradient = NAME##_gradient, .cases = NAME##_cases, \
  };

#define OP_SLOPE(NAME, INPUTS, VECTOR, TEXT)                                                               \
  const struct op op_##NAME = {                                                                            \
    .name = #NAME, .formula = TEXT, .min_inputs = INPUTS, .max_inputs = INPUTS, .shape = slope_shape,      \
    .reference = NAME##_reference, .vector = VECTOR, .gradient = NAME##_gradient,                          \
    .attrs_size = sizeof (struct slope_attrs), .attrs = slope_options, .params = 1, .cases = NAME##_cases, \
  };

OP (relu, VECTOR_RELU, "max (x, 0)")
OP_SLOPE (leaky_relu, 1, VECTOR_LEAKY_RELU, "x, or slope x where x is negative")
OP_SLOPE (relu_back, 2, VECTOR_RELU_BACK, "dy where y > 0, else slope dy")
OP (tanh, VECTOR_TANH, "hyperbolic tangent of x")
OP (erf, VECTOR_ERF, "error function, 2 / sqrt pi times the integral of exp -t^2 from 0 to x")
OP (sigmoid, VECTOR_SIGMOID, "1 / (1 + exp -x)")
OP (softplus, VECTOR_SOFTPLUS, "log (1 + exp x)")
