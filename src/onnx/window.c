/* SPDX-License-Identifier: Apache-2.0
 *
 * Windows of convolutions and pools. ONNX's SAME_UPPER and SAME_LOWER give ceil (extent / stride) outputs, with the odd
 * pixel of padding behind or in front. */
#include "onnx/window.h"

#include "op/sym.h"

#define I64 "%" G_GINT64_FORMAT
#define NUMBER_MAX 1000000

bool
window_ints (struct onnx_node *node, const char *name, int n, int64_t low, int64_t fallback, int64_t *out,
             GError **error)
{
  int count = 0;
  const int64_t *given = onnx_node_ints (node, name, &count);

  if (given != NULL && count != n)
    return onnx_node_fail (node, error, "%s has %d values, wants %d", name, count, n);
  for (int i = 0; i < n; i++) {
    out[i] = given != NULL ? given[i] : fallback;
    if (out[i] < low || out[i] > NUMBER_MAX)
      return onnx_node_fail (node, error, "%s has " I64 ", wants " I64 " to %d", name, out[i], low, NUMBER_MAX);
  }
  return true;
}

static bool
read_kernel (struct onnx_node *node, const int64_t *kernel, struct window *window, GError **error)
{
  if (kernel == NULL && !onnx_node_has (node, "kernel_shape"))
    return onnx_node_fail (node, error, "has no kernel_shape");
  if (!window_ints (node, "kernel_shape", window->n, 1, 1, window->kernel, error))
    return false;
  for (int i = 0; kernel != NULL && i < window->n; i++) {
    if (onnx_node_has (node, "kernel_shape") && window->kernel[i] != kernel[i])
      return onnx_node_fail (node, error, "kernel_shape has " I64 ", the weight " I64, window->kernel[i], kernel[i]);
    window->kernel[i] = kernel[i];
  }
  return true;
}

static void
pad_same (struct window *window, const int64_t *extent, bool upper)
{
  for (int i = 0; i < window->n; i++) {
    int64_t reach = (window->kernel[i] - 1) * window->dilation[i] + 1, stride = window->stride[i];
    int64_t total = MAX (((extent[i] + stride - 1) / stride - 1) * stride + reach - extent[i], 0);

    window->before[i] = upper ? total / 2 : total - total / 2;
    window->after[i] = total - window->before[i];
  }
}

bool
window_read (struct onnx_node *node, const struct shape *x, const int64_t *kernel, bool forward, struct window *window,
             GError **error)
{
  const char *automatic = onnx_node_string (node, "auto_pad", "NOTSET");
  bool same = g_str_equal (automatic, "SAME_UPPER") || g_str_equal (automatic, "SAME_LOWER");
  int64_t pads[2 * WINDOW_AXES_MAX];

  *window = (struct window){.n = x->rank - 2};
  if (window->n < 1 || window->n > WINDOW_AXES_MAX)
    return onnx_node_fail (node, error, "input has rank %d, wants 3, 4 or 5", x->rank);
  if (!same && !g_str_equal (automatic, "NOTSET") && !g_str_equal (automatic, "VALID") && *automatic != '\0')
    return onnx_node_fail (node, error, "auto_pad is neither NOTSET, VALID, SAME_UPPER nor SAME_LOWER");
  if (!read_kernel (node, kernel, window, error) ||
      !window_ints (node, "strides", window->n, 1, 1, window->stride, error) ||
      !window_ints (node, "dilations", window->n, 1, 1, window->dilation, error))
    return false;
  if (same || g_str_equal (automatic, "VALID")) {
    if (same && forward)
      pad_same (window, x->dim + 2, g_str_equal (automatic, "SAME_UPPER"));
    return true;
  }
  if (!window_ints (node, "pads", 2 * window->n, 0, 0, pads, error))
    return false;
  for (int i = 0; i < window->n; i++) {
    window->before[i] = pads[i];
    window->after[i] = pads[window->n + i];
  }
  return true;
}

struct window
window_spatial (const struct window *window)
{
  struct window result = {.n = 2, .kernel = {1, 1}, .stride = {1, 1}, .dilation = {1, 1}};

  for (int from = window->n == 3 ? 1 : 0; from < window->n; from++) {
    int to = window->n == 3 ? from - 1 : 2 - window->n + from;

    result.kernel[to] = window->kernel[from];
    result.stride[to] = window->stride[from];
    result.dilation[to] = window->dilation[from];
    result.before[to] = window->before[from];
    result.after[to] = window->after[from];
  }
  return result;
}

sym
window_picture (sym x)
{
  struct shape s = sym_shape (x);

  return s.rank == 3 ? sym_reshape (x, SHAPE (s.dim[0], s.dim[1], 1, s.dim[2])) : x;
}

sym
window_back (sym y, int rank)
{
  struct shape s = sym_shape (y);

  return rank == 3 && s.rank == 4 ? sym_reshape (y, SHAPE (s.dim[0], s.dim[1], s.dim[3])) : y;
}
