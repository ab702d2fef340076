/* SPDX-License-Identifier: Apache-2.0
 *
 * Pixel shuffles that were written as Reshape, Transpose, Reshape (PyTorch before opset 11, and by hand): six axes
 * moved element by element, where depth_to_space has a kernel of its own. Equal nodes of a graph are one node, so the
 * pattern is recognised by building it: when that gives the node that is there, it is the pattern. */
#include "onnx/geometry.h"
#include "op/sym.h"
#include "op/table.h"

static bool
same (sym a, sym b)
{
  return !sym_null (a) && a.id == b.id;
}

/* (n, c b b, h, w) -> (n, c, b, b, h, w) -> (n, c, h, b, w, b) */
static bool
is_depth_to_space (sym x, sym permuted, int64_t block)
{
  struct shape s = sym_shape (x);
  sym split = sym_reshape (x, SHAPE (s.dim[0], s.dim[1] / (block * block), block, block, s.dim[2], s.dim[3]));

  return same (sym_permute (split, (const int[]){0, 1, 4, 2, 5, 3}), permuted);
}

/* (n, c, h b, w b) -> (n, c, h, b, w, b) -> (n, c, b, b, h, w) */
static bool
is_space_to_depth (sym x, sym permuted, int64_t block)
{
  struct shape s = sym_shape (x);
  sym split = sym_reshape (x, SHAPE (s.dim[0], s.dim[1], s.dim[2] / block, block, s.dim[3] / block, block));

  return same (sym_permute (split, (const int[]){0, 1, 3, 5, 2, 4}), permuted);
}

sym
onnx_shuffle (sym permuted, struct shape to)
{
  const struct node *permute = sym_node (permuted), *split;
  sym none = {permuted.graph, -1}, x;
  struct shape p = sym_shape (permuted), s;

  if (sym_null (permuted) || permute->op != &op_permute || p.rank != 6 || to.rank != 4)
    return none;
  split = graph_node (permuted.graph, permute->input[0]);
  if (split->op != &op_reshape)
    return none;
  x = (sym){permuted.graph, split->input[0]};
  s = sym_shape (x);
  if (s.rank != 4 || s.dim[0] != to.dim[0] || s.dim[0] != p.dim[0])
    return none;
  int64_t b = p.dim[3];
  if (b > 1 && b < 1 << 15 && p.dim[5] == b && s.dim[1] % (b * b) == 0 && to.dim[1] == p.dim[1] &&
      to.dim[2] == s.dim[2] * b && to.dim[3] == s.dim[3] * b && is_depth_to_space (x, permuted, b))
    return sym_depth_to_space (x, (int) b);
  b = p.dim[2];
  if (b > 1 && b < 1 << 15 && p.dim[3] == b && s.dim[2] % b == 0 && s.dim[3] % b == 0 &&
      to.dim[1] == s.dim[1] * b * b && to.dim[2] == s.dim[2] / b && to.dim[3] == s.dim[3] / b &&
      is_space_to_depth (x, permuted, b))
    return sym_space_to_depth (x, (int) b);
  return none;
}
