/* SPDX-License-Identifier: Apache-2.0
 *
 * Between which values a result lies, as far as its last ops tell: a tanh ends in -1..1, a sigmoid in 0..1, a clamp
 * where it says, and a scale and shift after them move the ends. This is how programs find out what a model's pictures
 * mean. */
#include <math.h>

#include "graph/op.h"
#include "onnx/import.h"
#include "op/table.h"

#define STEPS_MAX 32

/* Moves values or averages them with weights that add up to 1: the bounds stay. */
static const struct op *const movers[] = {
  &op_reshape, &op_permute,          &op_slice,           &op_flip,      &op_depth_to_space, &op_space_to_depth,
  &op_gather,  &op_upsample_nearest, &op_resize, &op_broadcast,
};

static bool
is_mover (const struct op *op)
{
  for (size_t i = 0; i < G_N_ELEMENTS (movers); i++)
    if (movers[i] == op)
      return true;
  return false;
}

/* The value of an input that is one number. */
static bool
scalar (const struct graph *graph, int id, double *value)
{
  const struct node *node = graph_node (graph, id);

  if (node->op != &op_constant || shape_size (&node->shape) != 1)
    return false;
  *value = tensor_floats (node->value)[0];
  return true;
}

static struct bounds
scaled (struct bounds b, double factor, double shift)
{
  double low = factor * b.low + shift, high = factor * b.high + shift;

  return factor >= 0 ? (struct bounds){low, high} : (struct bounds){high, low};
}

static struct bounds bounds_at (const struct graph *graph, int id, int steps);

/* Sums, products and extrema with one number. */
static struct bounds
bounds_with (const struct graph *graph, const struct node *node, int steps)
{
  const struct bounds unknown = {-INFINITY, INFINITY};
  double value;
  int other;

  if (scalar (graph, node->input[1], &value))
    other = node->input[0];
  else if (node->op != &op_div && node->op != &op_sub && scalar (graph, node->input[0], &value))
    other = node->input[1];
  else
    return unknown;
  struct bounds b = bounds_at (graph, other, steps + 1);
  if (node->op == &op_maximum)
    return (struct bounds){fmax (b.low, value), fmax (b.high, value)};
  if (node->op == &op_minimum)
    return (struct bounds){fmin (b.low, value), fmin (b.high, value)};
  if (!isfinite (b.low) || !isfinite (b.high))
    return unknown;
  if (node->op == &op_mul)
    return scaled (b, value, 0);
  if (node->op == &op_div)
    return value != 0 ? scaled (b, 1 / value, 0) : unknown;
  return scaled (b, 1, node->op == &op_sub ? -value : value);
}

static struct bounds
bounds_at (const struct graph *graph, int id, int steps)
{
  const struct node *node = graph_node (graph, id);
  const double *p = node->attrs;

  if (steps > STEPS_MAX)
    return (struct bounds){-INFINITY, INFINITY};
  if (node->op == &op_tanh || node->op == &op_erf)
    return (struct bounds){-1, 1};
  if (node->op == &op_sigmoid)
    return (struct bounds){0, 1};
  if (node->op == &op_clamp)
    return (struct bounds){p[0], p[1]};
  if (is_mover (node->op))
    return bounds_at (graph, node->input[0], steps + 1);
  if (node->op == &op_affine) {
    struct bounds b = bounds_at (graph, node->input[0], steps + 1);

    return isfinite (b.low) && isfinite (b.high) ? scaled (b, p[0], p[1]) : (struct bounds){-INFINITY, INFINITY};
  }
  if (node->op == &op_relu) {
    struct bounds b = bounds_at (graph, node->input[0], steps + 1);

    return (struct bounds){fmax (b.low, 0), fmax (b.high, 0)};
  }
  if (node->op == &op_add || node->op == &op_sub || node->op == &op_mul || node->op == &op_div ||
      node->op == &op_maximum || node->op == &op_minimum)
    return bounds_with (graph, node, steps);
  return (struct bounds){-INFINITY, INFINITY};
}

struct bounds
onnx_bounds (sym value)
{
  return bounds_at (value.graph, value.id, 0);
}
