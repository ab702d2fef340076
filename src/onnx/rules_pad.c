/* SPDX-License-Identifier: Apache-2.0
 *
 * Pad: in every mode, along any axes, with any value; negative amounts cut. */
#include "onnx/edges.h"
#include "onnx/rules.h"
#include "op/sym.h"

#define I64 "%" G_GINT64_FORMAT

struct padding {
  int64_t before[SHAPE_RANK_MAX], after[SHAPE_RANK_MAX];
  enum pad_mode mode;
  double value;
};

static bool
read_mode (struct onnx_node *node, struct padding *padding, GError **error)
{
  static const struct {
    const char *name;
    enum pad_mode mode;
  } modes[] = {{"constant", PAD_ZERO}, {"reflect", PAD_REFLECT}, {"edge", PAD_REPLICATE}, {"wrap", PAD_CIRCULAR}};
  const char *mode = onnx_node_string (node, "mode", "constant");

  for (size_t i = 0; i < G_N_ELEMENTS (modes); i++)
    if (g_str_equal (mode, modes[i].name)) {
      padding->mode = modes[i].mode;
      return true;
    }
  return onnx_node_fail (node, error, "mode is neither constant, reflect, edge nor wrap");
}

/* Attributes up to opset 10, inputs from 11 on; the axes that amounts are for from 18 on. */
static bool
read_padding (struct onnx_node *node, int rank, struct padding *padding, GError **error)
{
  bool attribute = onnx_node_opset (node) < 11;
  const int64_t *amount = NULL, *axes = NULL;
  const double *value = NULL;
  int n = 0, n_axes = 0, n_values = 0;

  *padding = (struct padding){.value = onnx_node_float (node, "value", 0)};
  if (!read_mode (node, padding, error))
    return false;
  if (attribute)
    amount = onnx_node_ints (node, onnx_node_opset (node) < 2 ? "paddings" : "pads", &n);
  else if (!onnx_node_input_ints (node, 1, &amount, &n, error) ||
           !onnx_node_input_floats (node, 2, &value, &n_values, error) ||
           !onnx_node_input_ints (node, 3, &axes, &n_axes, error))
    return false;
  if (n_values > 0)
    padding->value = value[0];
  int count = onnx_node_input (node, 3) != NULL && !attribute ? n_axes : rank;
  if (n != 2 * count)
    return onnx_node_fail (node, error, "pads has %d values, wants %d", n, 2 * count);
  for (int i = 0; i < count; i++) {
    int axis = i;

    if (axes != NULL && !onnx_node_axis (node, axes[i], rank, &axis, error))
      return false;
    padding->before[axis] = amount[i];
    padding->after[axis] = amount[count + i];
  }
  return true;
}

/* Cuts what is negative, which then is 0. */
static bool
cut (struct onnx_node *node, sym *x, struct padding *p, GError **error)
{
  struct shape s = sym_shape (*x);

  for (int i = 0; i < s.rank; i++) {
    bool sane = MAX (p->before[i], p->after[i]) <= SHAPE_SIZE_MAX && MIN (p->before[i], p->after[i]) >= -SHAPE_SIZE_MAX;
    int64_t start = sane ? MAX (-p->before[i], 0) : 0, stop = sane ? s.dim[i] - MAX (-p->after[i], 0) : 0;

    if (start >= stop)
      return onnx_node_fail (node, error, "pads " I64 " and " I64 " do not fit axis %d of " I64, p->before[i],
                             p->after[i], i, s.dim[i]);
    if (start > 0 || stop < s.dim[i])
      *x = sym_slice (*x, i, start, stop, 1);
    p->before[i] = MAX (p->before[i], 0);
    p->after[i] = MAX (p->after[i], 0);
  }
  return true;
}

/* The last two axes at once, the others one by one. */
static sym
pad (sym x, const struct padding *p)
{
  int rank = sym_shape (x).rank, last = MAX (rank - 2, 0);

  for (int i = 0; i < rank; i++) {
    struct shape s = sym_shape (x);

    if (rank >= 2 && i >= last) {
      return sym_pad (x, p->mode, p->before[last], p->before[last + 1], p->after[last], p->after[last + 1]);
    }
    if (p->before[i] > 0 || p->after[i] > 0)
      x = edges_back (sym_pad (edges_rows (x, i), p->mode, p->before[i], 0, p->after[i], 0), &s, i);
  }
  return x;
}

static bool
build_pad (struct onnx_node *node, GError **error)
{
  sym x = onnx_node_sym (node, 0);
  int rank = onnx_node_shape (node, 0).rank;
  struct padding padding;

  if (sym_null (x))
    return true;
  if (!read_padding (node, rank, &padding, error) || !cut (node, &x, &padding, error))
    return false;
  struct shape inner = sym_shape (x);
  sym y = pad (x, &padding);
  for (int i = 0; i < rank && padding.mode == PAD_ZERO && padding.value != 0 && !sym_null (y); i++) {
    int64_t n = sym_shape (y).dim[i];
    g_autofree float *inside = g_try_new0 (float, n);

    if (n == inner.dim[i])
      continue;
    if (inside == NULL)
      return onnx_node_fail (node, error, "out of memory");
    for (int64_t k = 0; k < inner.dim[i]; k++)
      inside[padding.before[i] + k] = 1;
    y = edges_fill (y, i, inside, padding.value);
  }
  onnx_node_set (node, 0, y);
  return true;
}

const struct onnx_rule onnx_rules_pad[] = {
  {"Pad", build_pad, 1},
  {NULL},
};
