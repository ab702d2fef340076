/* SPDX-License-Identifier: Apache-2.0
 *
 * Shape rule, reference loop and node building of the elementwise ops. */
#include "op/elementwise.h"

#include "op/table.h"

bool
elementwise_shape (const void *attrs, const struct shape *const *x, int n_inputs, struct shape *y, GError **error)
{
  *y = *x[0];
  for (int k = 1; k < n_inputs; k++) {
    struct shape before = *y;

    if (!shape_broadcast (&before, x[k], y)) {
      g_autofree char *a = shape_text (&before), *b = shape_text (x[k]);
      return op_fail (error, "shapes %s and %s do not broadcast: from the last axis on, extents must be equal or 1", a,
                      b);
    }
  }
  return true;
}

/* Where element @at of the result lies in an input of shape @x: missing axes and extents of 1 repeat. */
static int64_t
broadcast_ravel (const int64_t *at, int rank, const struct shape *x)
{
  int64_t flat = 0;

  for (int i = 0; i < x->rank; i++)
    flat = flat * x->dim[i] + (x->dim[i] == 1 ? 0 : at[rank - x->rank + i]);
  return flat;
}

void
elementwise_map (const struct op_call *call, elementwise_fn f)
{
  int64_t size = shape_size (call->y_shape), at[SHAPE_RANK_MAX];
  double v[3] = {0};

  for (int64_t i = 0; i < size; i++) {
    shape_unravel (i, call->y_shape, at);
    for (int k = 0; k < call->n_inputs; k++)
      v[k] = call->x[k][broadcast_ravel (at, call->y_shape->rank, call->x_shape[k])];
    call->y[i] = f (v[0], v[1], v[2], call->attrs);
  }
}

sym
elementwise_1 (const struct op *op, sym a, const void *attrs)
{
  return graph_add (a.graph, op, &a, 1, attrs);
}

sym
elementwise_2 (const struct op *op, sym a, sym b)
{
  return graph_add (a.graph, op, (const sym[]){a, b}, 2, NULL);
}

sym
elementwise_3 (const struct op *op, sym a, sym b, sym c)
{
  return graph_add (a.graph, op, (const sym[]){a, b, c}, 3, NULL);
}

void
elementwise_give (sym *dx, sym x, sym value)
{
  *dx = sym_sum_to (value, sym_shape (x));
}
