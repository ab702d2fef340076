/* SPDX-License-Identifier: Apache-2.0
 *
 * Any axis as the rows of planes, and filling along an axis: by reshapes that move nothing, and a mask of one number an
 * element of the axis. */
#include "onnx/edges.h"

#include "op/sym.h"

sym
edges_rows (sym x, int axis)
{
  struct shape s = sym_shape (x);
  int64_t before = 1, behind = 1;

  for (int i = 0; i < axis; i++)
    before *= s.dim[i];
  for (int i = axis + 1; i < s.rank; i++)
    behind *= s.dim[i];
  return sym_reshape (x, SHAPE (before, s.dim[axis], behind));
}

sym
edges_back (sym y, const struct shape *shape, int axis)
{
  struct shape s = *shape;

  s.dim[axis] = sym_shape (y).dim[1];
  return sym_reshape (y, s);
}

sym
edges_fill (sym y, int axis, const float *inside, double value)
{
  struct shape s = sym_shape (y), row = {.rank = s.rank - axis};
  g_autoptr (tensor) mask = NULL;

  if (sym_null (y))
    return y;
  for (int i = 0; i < row.rank; i++)
    row.dim[i] = i == 0 ? s.dim[axis] : 1;
  mask = tensor_new (row, DTYPE_F32, NULL);
  if (mask == NULL)
    return graph_fail (y.graph, "out of memory");
  for (int64_t i = 0; i < s.dim[axis]; i++)
    tensor_floats (mask)[i] = inside[i];
  return sym_where (graph_constant (y.graph, mask), y, graph_scalar (y.graph, value));
}
