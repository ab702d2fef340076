/* SPDX-License-Identifier: Apache-2.0
 *
 * What the elementwise ops of arithmetic.c and activation.c share: inputs broadcast as in NumPy, a reference kernel is
 * a function of one element, and an op's struct differs in little more than its name and gradient. */
#pragma once

#include "device/vector.h"
#include "graph/op.h"
#include "op/sym.h"

/* The broadcast shape of all inputs. */
bool elementwise_shape (const void *attrs, const struct shape *const *x, int n_inputs, struct shape *y, GError **error);

/* y = f(a, b, c) at every element; inputs beyond the op's are given as 0. @p: the op's attributes as doubles. */
typedef double (*elementwise_fn) (double a, double b, double c, const double *p);
void elementwise_map (const struct op_call *call, elementwise_fn f);

/* Adds a node of an op with one, two or three inputs. */
sym elementwise_1 (const struct op *op, sym a, const void *attrs);
sym elementwise_2 (const struct op *op, sym a, sym b);
sym elementwise_3 (const struct op *op, sym a, sym b, sym c);

/* dx := @value summed to x's shape where x was broadcast; for the gradient rules. */
void elementwise_give (sym *dx, sym x, sym value);

/* The reference kernel NAME_reference: an expression in a, b, c and the parameters p. */
#define REFERENCE(NAME, expression)                                       \
  static double NAME##_at (double a, double b, double c, const double *p) \
  {                                                                       \
    return expression;                                                    \
  }                                                                       \
  static void NAME##_reference (const struct op_call *call)               \
  {                                                                       \
    elementwise_map (call, NAME##_at);                                    \
  }

/* Head of a gradient rule NAME_gradient. */
#define GRADIENT(NAME)                                                                                           \
  static void NAME##_gradient (const void *attrs, const sym *x, int n_inputs, sym y, sym dy, const bool *wanted, \
                               sym *dx)

/* The members every elementwise op sets. */
#define ELEMENTWISE(NAME, INPUTS, VECTOR, TEXT)                                                           \
  .name = #NAME, .formula = TEXT, .min_inputs = INPUTS, .max_inputs = INPUTS, .shape = elementwise_shape, \
  .reference = NAME##_reference, .vector = VECTOR
