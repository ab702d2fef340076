/* SPDX-License-Identifier: Apache-2.0
 *
 * Elementwise ops on constants: one loop for one operand, one for two, and tables of functions: of doubles for floats,
 * of int64_t for whole numbers and booleans. A function that is missing means that the op has no such operands. */
#include <math.h>
#include <string.h>

#include "onnx/evaluate.h"
#include "onnx/rules.h"

/* --- Broadcasting --- */

/* The element of an operand of @shape that element @flat of @to takes. */
static int64_t
broadcast_index (const struct shape *shape, const struct shape *to, int64_t flat)
{
  int64_t index = 0, stride = 1;

  for (int i = to->rank - 1; i >= 0; i--) {
    int own = i - (to->rank - shape->rank);
    int64_t at = flat % to->dim[i];

    flat /= to->dim[i];
    if (own < 0)
      continue;
    index += shape->dim[own] == 1 ? 0 : at * stride;
    stride *= shape->dim[own];
  }
  return index;
}

static bool
broadcast (struct onnx_node *node, const struct shape *with, struct shape *shape, GError **error)
{
  struct shape sum;

  if (!shape_broadcast (shape, with, &sum)) {
    g_autofree char *a = shape_text (shape), *b = shape_text (with);
    return onnx_node_fail (node, error, "%s and %s do not broadcast", a, b);
  }
  *shape = sum;
  return true;
}

/* --- One operand --- */

static double
neg_double (double x)
{
  return -x;
}

static double
sign_double (double x)
{
  return x > 0 ? 1 : x < 0 ? -1 : x;
}

static double
reciprocal_double (double x)
{
  return 1 / x;
}

static double
relu_double (double x)
{
  return x < 0 ? 0 : x;
}

static double
sigmoid_double (double x)
{
  return 1 / (1 + exp (-x));
}

static double
softplus_double (double x)
{
  return fmax (x, 0) + log1p (exp (-fabs (x)));
}

static int64_t
abs_int (int64_t x)
{
  return x < 0 ? (int64_t) - (uint64_t) x : x;
}

static int64_t
neg_int (int64_t x)
{
  return (int64_t) - (uint64_t) x;
}

static int64_t
sign_int (int64_t x)
{
  return (x > 0) - (x < 0);
}

static int64_t
relu_int (int64_t x)
{
  return MAX (x, 0);
}

static int64_t
not_int (int64_t x)
{
  return !x;
}

static int64_t
same_int (int64_t x)
{
  return x;
}

static const struct {
  const char *op;
  double (*of_double) (double x);
  int64_t (*of_int) (int64_t x);
} unary[] = {
  {"Abs", fabs, abs_int},
  {"Acos", acos},
  {"Acosh", acosh},
  {"Asin", asin},
  {"Asinh", asinh},
  {"Atan", atan},
  {"Atanh", atanh},
  {"Ceil", ceil, same_int},
  {"Cos", cos},
  {"Cosh", cosh},
  {"Erf", erf},
  {"Exp", exp},
  {"Floor", floor, same_int},
  {"Log", log},
  {"Neg", neg_double, neg_int},
  {"Not", NULL, not_int},
  {"Reciprocal", reciprocal_double},
  {"Relu", relu_double, relu_int},
  {"Round", rint, same_int},
  {"Sigmoid", sigmoid_double},
  {"Sign", sign_double, sign_int},
  {"Sin", sin},
  {"Sinh", sinh},
  {"Softplus", softplus_double},
  {"Sqrt", sqrt},
  {"Tan", tan},
  {"Tanh", tanh},
};

static bool
evaluate_unary (struct onnx_node *node, GError **error)
{
  const struct onnx_constant *x = onnx_node_constant (node, 0);
  struct onnx_constant *y = onnx_node_new_constant (node, x->type, x->shape, error);
  size_t k = 0;

  if (y == NULL)
    return false;
  while (!g_str_equal (unary[k].op, onnx_node_op (node)))
    k++;
  if (x->ints ? unary[k].of_int == NULL : unary[k].of_double == NULL) {
    onnx_constant_unref (y);
    return onnx_node_fail (node, error, "is not defined for %s", onnx_type_name (x->type));
  }
  for (int64_t i = 0; i < x->count; i++)
    if (x->ints)
      onnx_constant_set_int (y, i, unary[k].of_int (x->ints[i]));
    else
      onnx_constant_set_float (y, i, unary[k].of_double (onnx_constant_float (x, i)));
  return onnx_node_give (node, 0, y);
}

/* --- Two operands --- */

static double
add_double (double a, double b)
{
  return a + b;
}

static double
sub_double (double a, double b)
{
  return a - b;
}

static double
mul_double (double a, double b)
{
  return a * b;
}

static double
div_double (double a, double b)
{
  return a / b;
}

/* As NumPy's mod: the sign of the divisor. */
static double
mod_double (double a, double b)
{
  double r = fmod (a, b);

  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

static double
max_double (double a, double b)
{
  return a > b || isnan (a) ? a : b;
}

static double
min_double (double a, double b)
{
  return a < b || isnan (a) ? a : b;
}

static double
equal_double (double a, double b)
{
  return a == b;
}

static double
less_double (double a, double b)
{
  return a < b;
}

static double
less_or_equal_double (double a, double b)
{
  return a <= b;
}

static double
greater_double (double a, double b)
{
  return a > b;
}

static double
greater_or_equal_double (double a, double b)
{
  return a >= b;
}

static int64_t
add_int (int64_t a, int64_t b)
{
  return (int64_t) ((uint64_t) a + (uint64_t) b);
}

static int64_t
sub_int (int64_t a, int64_t b)
{
  return (int64_t) ((uint64_t) a - (uint64_t) b);
}

static int64_t
mul_int (int64_t a, int64_t b)
{
  return (int64_t) ((uint64_t) a * (uint64_t) b);
}

/* Towards zero; a division by zero, which no shape needs, gives 0. */
static int64_t
div_int (int64_t a, int64_t b)
{
  return b == 0 ? 0 : b == -1 ? neg_int (a) : a / b;
}

static int64_t
mod_int (int64_t a, int64_t b)
{
  int64_t r = b == 0 || b == -1 ? 0 : a % b;

  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

static int64_t
fmod_int (int64_t a, int64_t b)
{
  return b == 0 || b == -1 ? 0 : a % b;
}

/* By squaring; a negative exponent leaves 1 and -1 only. */
static int64_t
pow_int (int64_t a, int64_t b)
{
  uint64_t result = 1, power = (uint64_t) a;

  if (b < 0)
    return a == 1 ? 1 : a == -1 ? (b % 2 != 0 ? -1 : 1) : 0;
  for (; b > 0; b >>= 1) {
    if (b & 1)
      result *= power;
    power *= power;
  }
  return (int64_t) result;
}

static int64_t
max_int (int64_t a, int64_t b)
{
  return MAX (a, b);
}

static int64_t
min_int (int64_t a, int64_t b)
{
  return MIN (a, b);
}

static int64_t
equal_int (int64_t a, int64_t b)
{
  return a == b;
}

static int64_t
less_int (int64_t a, int64_t b)
{
  return a < b;
}

static int64_t
less_or_equal_int (int64_t a, int64_t b)
{
  return a <= b;
}

static int64_t
greater_int (int64_t a, int64_t b)
{
  return a > b;
}

static int64_t
greater_or_equal_int (int64_t a, int64_t b)
{
  return a >= b;
}

static int64_t
and_int (int64_t a, int64_t b)
{
  return a && b;
}

static int64_t
or_int (int64_t a, int64_t b)
{
  return a || b;
}

static int64_t
xor_int (int64_t a, int64_t b)
{
  return !a != !b;
}

struct binary {
  const char *op;
  double (*of_double) (double a, double b);
  int64_t (*of_int) (int64_t a, int64_t b);
  bool boolean; /* the result is */
};

static const struct binary binary[] = {
  {"Add", add_double, add_int},
  {"And", NULL, and_int, true},
  {"Div", div_double, div_int},
  {"Equal", equal_double, equal_int, true},
  {"Greater", greater_double, greater_int, true},
  {"GreaterOrEqual", greater_or_equal_double, greater_or_equal_int, true},
  {"Less", less_double, less_int, true},
  {"LessOrEqual", less_or_equal_double, less_or_equal_int, true},
  {"Max", max_double, max_int},
  {"Mean", add_double, NULL},
  {"Min", min_double, min_int},
  {"Mod", mod_double, mod_int},
  {"Mul", mul_double, mul_int},
  {"Or", NULL, or_int, true},
  {"Pow", pow, pow_int},
  {"Sub", sub_double, sub_int},
  {"Sum", add_double, add_int},
  {"Xor", NULL, xor_int, true},
};

static const struct binary fmod_binary = {"Mod", fmod, fmod_int};

static const struct binary *
find_binary (struct onnx_node *node)
{
  if (g_str_equal (onnx_node_op (node), "Mod") && onnx_node_int (node, "fmod", 0) != 0)
    return &fmod_binary;
  for (size_t i = 0; i < G_N_ELEMENTS (binary); i++)
    if (g_str_equal (binary[i].op, onnx_node_op (node)))
      return &binary[i];
  return NULL;
}

/* f(a, b) with whole numbers where both are, with doubles otherwise (the exponent of Pow may be of another type). */
static struct onnx_constant *
apply_binary (struct onnx_node *node, const struct binary *f, const struct onnx_constant *a,
              const struct onnx_constant *b, GError **error)
{
  struct shape shape = a->shape;
  struct onnx_constant *y;
  bool whole = a->ints && b->ints;

  if (whole ? f->of_int == NULL : f->of_double == NULL) {
    onnx_node_fail (node, error, "is not defined for %s", onnx_type_name (a->type));
    return NULL;
  }
  if (!broadcast (node, &b->shape, &shape, error))
    return NULL;
  y = onnx_node_new_constant (node, f->boolean ? ONNX_BOOL : a->type, shape, error);
  for (int64_t i = 0; y && i < y->count; i++) {
    int64_t j = broadcast_index (&a->shape, &shape, i), k = broadcast_index (&b->shape, &shape, i);

    if (whole)
      onnx_constant_set_int (y, i, f->of_int (a->ints[j], b->ints[k]));
    else
      onnx_constant_set_float (y, i, f->of_double (onnx_constant_float (a, j), onnx_constant_float (b, k)));
  }
  return y;
}

/* Before opset 7 the second operand was laid along the first from an axis on. */
static struct onnx_constant *
second_operand (struct onnx_node *node, GError **error)
{
  struct onnx_constant *b = onnx_node_constant (node, 1);
  struct shape shape = b->shape;
  int rank = onnx_node_shape (node, 0).rank;
  int64_t axis = onnx_node_int (node, "axis", 0);

  if (onnx_node_opset (node) >= 7 || !onnx_node_has (node, "axis"))
    return onnx_constant_ref (b);
  axis = axis < 0 ? axis + rank : axis;
  while (shape.rank < SHAPE_RANK_MAX && shape.rank < rank - axis)
    shape.dim[shape.rank++] = 1;
  return onnx_constant_reshape (b, shape, error);
}

static bool
evaluate_binary (struct onnx_node *node, GError **error)
{
  g_autoptr (onnx_constant) b = second_operand (node, error);

  return b && onnx_node_give (node, 0, apply_binary (node, find_binary (node), onnx_node_constant (node, 0), b, error));
}

static bool
evaluate_variadic (struct onnx_node *node, GError **error)
{
  const struct binary *f = find_binary (node);
  int n = onnx_node_input_count (node);
  struct onnx_constant *y = onnx_constant_ref (onnx_node_constant (node, 0));

  for (int i = 1; y && i < n; i++) {
    struct onnx_constant *x = onnx_node_constant (node, i);
    struct onnx_constant *next = x ? apply_binary (node, f, y, x, error) : NULL;

    if (x == NULL)
      onnx_node_fail (node, error, "input %d is missing", i);
    onnx_constant_unref (y);
    y = next;
  }
  if (y == NULL || !g_str_equal (f->op, "Mean") || n == 1)
    return onnx_node_give (node, 0, y);
  for (int64_t i = 0; i < y->count; i++) /* y is our own: n > 1 */
    onnx_constant_set_float (y, i, onnx_constant_float (y, i) / n);
  return onnx_node_give (node, 0, y);
}

/* --- Others --- */

static bool
evaluate_where (struct onnx_node *node, GError **error)
{
  const struct onnx_constant *condition = onnx_node_constant (node, 0);
  const struct onnx_constant *a = onnx_node_constant (node, 1), *b = onnx_node_constant (node, 2);
  struct shape shape = condition->shape;
  struct onnx_constant *y;

  if (a->type != b->type)
    return onnx_node_fail (node, error, "chooses between %s and %s", onnx_type_name (a->type),
                           onnx_type_name (b->type));
  if (!broadcast (node, &a->shape, &shape, error) || !broadcast (node, &b->shape, &shape, error))
    return false;
  y = onnx_node_new_constant (node, a->type, shape, error);
  for (int64_t i = 0; y && i < y->count; i++) {
    bool first = onnx_constant_float (condition, broadcast_index (&condition->shape, &shape, i)) != 0;
    const struct onnx_constant *from = first ? a : b;

    onnx_constant_copy (y, i, from, broadcast_index (&from->shape, &shape, i));
  }
  return onnx_node_give (node, 0, y);
}

static bool
cast_to (struct onnx_node *node, enum onnx_type to, GError **error)
{
  struct onnx_constant *x = onnx_node_constant (node, 0), *y;

  if (!onnx_type_known (to))
    return onnx_node_fail (node, error, "casts to type %d, which is not supported", (int) to);
  if (x->type == to) {
    onnx_node_set_constant (node, 0, x);
    return true;
  }
  y = onnx_node_new_constant (node, to, x->shape, error);
  for (int64_t i = 0; y && i < x->count; i++)
    if (x->ints)
      onnx_constant_set_int (y, i, x->ints[i]);
    else
      onnx_constant_set_float (y, i, onnx_constant_float (x, i));
  return onnx_node_give (node, 0, y);
}

static bool
evaluate_cast (struct onnx_node *node, GError **error)
{
  return cast_to (node, (enum onnx_type) onnx_node_int (node, "to", 0), error);
}

static bool
evaluate_cast_like (struct onnx_node *node, GError **error)
{
  return cast_to (node, onnx_node_input (node, 1)->type, error);
}

/* A bound of Clip: an attribute before opset 11, an input since. */
static bool
clip_bound (struct onnx_node *node, const char *name, int input, const struct onnx_constant **bound, double *value,
            GError **error)
{
  *bound = onnx_node_opset (node) < 11 ? NULL : onnx_node_constant (node, input);
  if (*bound && (*bound)->count != 1)
    return onnx_node_fail (node, error, "%s has %" G_GINT64_FORMAT " elements, wants 1", name, (*bound)->count);
  *value = *bound ? onnx_constant_float (*bound, 0) : onnx_node_float (node, name, *value);
  return true;
}

static bool
evaluate_clip (struct onnx_node *node, GError **error)
{
  const struct onnx_constant *x = onnx_node_constant (node, 0), *low, *high;
  double least = -INFINITY, most = INFINITY;
  struct onnx_constant *y;

  if (!clip_bound (node, "min", 1, &low, &least, error) || !clip_bound (node, "max", 2, &high, &most, error))
    return false;
  y = onnx_node_new_constant (node, x->type, x->shape, error);
  for (int64_t i = 0; y && i < x->count; i++)
    if (x->ints) {
      int64_t value = low ? MAX (x->ints[i], onnx_constant_int (low, 0)) : x->ints[i];

      onnx_constant_set_int (y, i, high ? MIN (value, onnx_constant_int (high, 0)) : value);
    } else {
      double value = onnx_constant_float (x, i);

      value = value < least ? least : value;
      onnx_constant_set_float (y, i, value > most ? most : value);
    }
  return onnx_node_give (node, 0, y);
}

const struct onnx_rule onnx_evaluations_elementwise[] = {
  {"Abs", evaluate_unary, 1},          {"Acos", evaluate_unary, 1},
  {"Acosh", evaluate_unary, 1},        {"Add", evaluate_binary, 2},
  {"And", evaluate_binary, 2},         {"Asin", evaluate_unary, 1},
  {"Asinh", evaluate_unary, 1},        {"Atan", evaluate_unary, 1},
  {"Atanh", evaluate_unary, 1},        {"Cast", evaluate_cast, 1},
  {"CastLike", evaluate_cast_like, 2}, {"Ceil", evaluate_unary, 1},
  {"Clip", evaluate_clip, 1},          {"Cos", evaluate_unary, 1},
  {"Cosh", evaluate_unary, 1},         {"Div", evaluate_binary, 2},
  {"Equal", evaluate_binary, 2},       {"Erf", evaluate_unary, 1},
  {"Exp", evaluate_unary, 1},          {"Floor", evaluate_unary, 1},
  {"Greater", evaluate_binary, 2},     {"GreaterOrEqual", evaluate_binary, 2},
  {"Less", evaluate_binary, 2},        {"LessOrEqual", evaluate_binary, 2},
  {"Log", evaluate_unary, 1},          {"Max", evaluate_variadic, 1},
  {"Mean", evaluate_variadic, 1},      {"Min", evaluate_variadic, 1},
  {"Mod", evaluate_binary, 2},         {"Mul", evaluate_binary, 2},
  {"Neg", evaluate_unary, 1},          {"Not", evaluate_unary, 1},
  {"Or", evaluate_binary, 2},          {"Pow", evaluate_binary, 2},
  {"Reciprocal", evaluate_unary, 1},   {"Relu", evaluate_unary, 1},
  {"Round", evaluate_unary, 1},        {"Sigmoid", evaluate_unary, 1},
  {"Sign", evaluate_unary, 1},         {"Sin", evaluate_unary, 1},
  {"Sinh", evaluate_unary, 1},         {"Softplus", evaluate_unary, 1},
  {"Sqrt", evaluate_unary, 1},         {"Sub", evaluate_binary, 2},
  {"Sum", evaluate_variadic, 1},       {"Tan", evaluate_unary, 1},
  {"Tanh", evaluate_unary, 1},         {"Where", evaluate_where, 3},
  {"Xor", evaluate_binary, 2},         {NULL},
};
