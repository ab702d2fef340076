/* SPDX-License-Identifier: Apache-2.0
 *
 * Pools over one, two or three axes. The graph pools pictures: one axis is a picture of one row; three are pooled in
 * two steps, rows and columns first and then the depth, since maxima, means and sums are separable. Dilated maxima,
 * which are rare, are the largest of as many shifted slices as a window has pixels. */
#include <float.h>
#include <math.h>

#include "onnx/rules.h"
#include "onnx/window.h"
#include "op/pool.h"
#include "op/sym.h"

#define I64 "%" G_GINT64_FORMAT

/* What a window has on top of struct window: room for the last one where extents are rounded up. */
struct pool {
  struct window window;
  int64_t extra[WINDOW_AXES_MAX];
  bool count_padding;
};

/* A last window that would begin behind the input and its padding in front is left out, as everywhere but in the first
 * versions of the standard. */
static bool
pool_read (struct onnx_node *node, struct pool *pool, GError **error)
{
  struct shape x = onnx_node_shape (node, 0);
  bool up = onnx_node_int (node, "ceil_mode", 0) != 0;

  *pool = (struct pool){.count_padding = onnx_node_int (node, "count_include_pad", 0) != 0};
  if (!window_read (node, &x, NULL, true, &pool->window, error))
    return false;
  for (int i = 0; i < pool->window.n && up; i++) {
    const struct window *w = &pool->window;
    int64_t extent = x.dim[2 + i] + w->before[i], reach = (w->kernel[i] - 1) * w->dilation[i] + 1;
    int64_t room = extent + w->after[i] - reach, over = MAX (room, 0) % w->stride[i];
    int64_t more = room < 0 ? -room : over > 0 ? w->stride[i] - over : 0;

    pool->extra[i] = room + more < extent ? more : 0;
  }
  return true;
}

static struct pool_attrs
attrs_of (const struct pool *pool)
{
  struct window w = window_spatial (&pool->window);
  const int64_t *extra = pool->extra + (pool->window.n == 3);
  bool flat = pool->window.n == 1;

  return (struct pool_attrs){
    .kernel = {w.kernel[0], w.kernel[1]},
    .stride = {w.stride[0], w.stride[1]},
    .pad = {w.before[0], w.before[1], w.after[0], w.after[1]},
    .dilation = {w.dilation[0], w.dilation[1]},
    .extra = {flat ? 0 : extra[0], flat ? extra[0] : extra[1]},
    .count_padding = pool->count_padding,
  };
}

/* Only along the depth. */
static struct pool_attrs
depth_attrs (const struct pool *pool)
{
  const struct window *w = &pool->window;

  return (struct pool_attrs){
    .kernel = {w->kernel[0], 1},
    .stride = {w->stride[0], 1},
    .pad = {w->before[0], 0, w->after[0], 0},
    .dilation = {w->dilation[0], 1},
    .extra = {pool->extra[0], 0},
    .count_padding = pool->count_padding,
  };
}

/* x in a frame of @value. */
static sym
frame (sym x, int64_t top, int64_t left, int64_t bottom, int64_t right, double value)
{
  struct shape s = sym_shape (x);
  sym inside, padded = sym_pad (x, PAD_ZERO, top, left, bottom, right);

  if (padded.id == x.id || s.rank != 4)
    return padded;
  inside = sym_broadcast (graph_scalar (x.graph, 1), SHAPE (1, 1, s.dim[2], s.dim[3]));
  return sym_where (sym_pad (inside, PAD_ZERO, top, left, bottom, right), padded, graph_scalar (x.graph, value));
}

static sym
dilated_max (sym x, const struct pool_attrs *a)
{
  struct shape s;
  sym y = {x.graph, -1};

  x = frame (x, a->pad[0], a->pad[1], a->pad[2] + a->extra[0], a->pad[3] + a->extra[1], -FLT_MAX);
  s = sym_shape (x);
  for (int64_t k = 0; k < a->kernel[0] * a->kernel[1] && !sym_null (x); k++) {
    sym part = x;

    for (int i = 0; i < 2; i++) {
      int64_t start = (i == 0 ? k / a->kernel[1] : k % a->kernel[1]) * a->dilation[i];
      int64_t room = s.dim[2 + i] - (a->kernel[i] - 1) * a->dilation[i] - 1, steps = room / a->stride[i];

      if (room < 0)
        return graph_fail (x.graph, "max_pool: kernel of " I64 " with dilation " I64 " does not fit into " I64,
                           a->kernel[i], a->dilation[i], s.dim[2 + i]);
      part = sym_slice (part, 2 + i, start, start + steps * a->stride[i] + 1, a->stride[i]);
    }
    y = k == 0 ? part : sym_maximum (y, part);
  }
  return y;
}

static sym
max_pool (sym x, const struct pool_attrs *a)
{
  if (a->dilation[0] == 1 && a->dilation[1] == 1)
    return sym_max_pool_attrs (x, a);
  return a->kernel[0] * a->kernel[1] <= 4096 ? dilated_max (x, a)
                                             : graph_fail (x.graph, "max_pool: a dilated kernel of more than 4096");
}

typedef sym (*pool_fn) (sym x, const struct pool_attrs *attrs);

/* (n, c, d, h, w) as pictures (n, c d, h, w), pooled, then as (n c, 1, d, h w), pooled along d. */
static sym
pool_deep (sym x, const struct pool *pool, pool_fn fn)
{
  struct pool_attrs attrs = attrs_of (pool), depth = depth_attrs (pool);
  struct shape s = sym_shape (x), flat;
  int64_t n = s.dim[0], c = s.dim[1];
  sym y = fn (sym_reshape (x, SHAPE (n, c * s.dim[2], s.dim[3], s.dim[4])), &attrs);

  flat = sym_shape (y);
  y = fn (sym_reshape (y, SHAPE (n * c, 1, s.dim[2], flat.dim[2] * flat.dim[3])), &depth);
  return sym_reshape (y, SHAPE (n, c, sym_shape (y).dim[2], flat.dim[2], flat.dim[3]));
}

static sym
pool_any (sym x, const struct pool *pool, pool_fn fn)
{
  struct pool_attrs attrs = attrs_of (pool);
  int rank = sym_shape (x).rank;

  return rank == 5 ? pool_deep (x, pool, fn) : window_back (fn (window_picture (x), &attrs), rank);
}

/* Where in x the maxima are: maxima take along the number of their element. */
static bool
set_indices (struct onnx_node *node, sym x, const struct pool *pool, GError **error)
{
  struct shape s = onnx_node_shape (node, 0), picture = sym_shape (window_picture (x));
  struct pool_attrs attrs = attrs_of (pool);
  bool columns = onnx_node_int (node, "storage_order", 0) != 0;
  g_autoptr (tensor) number = NULL;

  if (sym_null (x))
    return true;
  if (s.rank == 5 || attrs.dilation[0] != 1 || attrs.dilation[1] != 1)
    return onnx_node_fail (node, error, "the Indices of a pool that is dilated or over three axes are not supported");
  if (shape_size (&s) > 1 << 24)
    return onnx_node_fail (node, error, "the Indices of an input of more than 2^24 elements are not supported");
  number = tensor_new (picture, DTYPE_F32, error);
  if (number == NULL)
    return false;
  for (int64_t i = 0; i < shape_size (&picture); i++) {
    int64_t h = picture.dim[2], w = picture.dim[3], plane = i / (h * w) * (h * w);

    tensor_floats (number)[i] = (float) (columns ? plane + i % w * h + i / w % h : i);
  }
  sym taken = sym_max_pool_take_attrs (window_picture (x), graph_constant (x.graph, number), &attrs);
  onnx_node_set_typed (node, 1, window_back (taken, s.rank), ONNX_INT64);
  return true;
}

static bool
build_max_pool (struct onnx_node *node, GError **error)
{
  sym x = onnx_node_sym (node, 0);
  struct pool pool;

  if (!pool_read (node, &pool, error))
    return false;
  onnx_node_set (node, 0, pool_any (x, &pool, max_pool));
  return !onnx_node_wants (node, 1) || set_indices (node, x, &pool, error);
}

static bool
build_average_pool (struct onnx_node *node, GError **error)
{
  struct pool pool;

  if (!pool_read (node, &pool, error))
    return false;
  onnx_node_set (node, 0, pool_any (onnx_node_sym (node, 0), &pool, sym_avg_pool_attrs));
  return true;
}

/* |x|^p, and the p-th root. */
static sym
power (sym x, double p)
{
  return p == 1 ? sym_abs (x) : p == 2 ? sym_square (x) : sym_pow (sym_abs (x), graph_scalar (x.graph, p));
}

static sym
root (sym x, double p)
{
  return p == 1 ? x : p == 2 ? sym_sqrt (x) : sym_pow (x, graph_scalar (x.graph, 1 / p));
}

/* p was a number in the first opset. */
static double
read_p (struct onnx_node *node)
{
  return onnx_node_opset (node) < 2 ? onnx_node_float (node, "p", 2) : (double) onnx_node_int (node, "p", 2);
}

/* The p-th root of a sum, which is a mean times its count. */
static bool
build_lp_pool (struct onnx_node *node, GError **error)
{
  double p = read_p (node), count = 1;
  struct pool pool;

  if (!pool_read (node, &pool, error))
    return false;
  for (int i = 0; i < pool.window.n; i++) { /* so that every window counts all of its pixels */
    count *= (double) pool.window.kernel[i];
    pool.window.after[i] += pool.extra[i];
    pool.extra[i] = 0;
  }
  pool.count_padding = true;
  sym mean = pool_any (power (onnx_node_sym (node, 0), p), &pool, sym_avg_pool_attrs);
  onnx_node_set (node, 0, root (sym_scale (mean, count), p));
  return true;
}

/* All axes behind the channels as a bit mask; 0 with an error when there is none. */
static unsigned
spatial_axes (struct onnx_node *node, GError **error)
{
  int rank = onnx_node_shape (node, 0).rank;
  unsigned axes = 0;

  for (int i = 2; i < rank; i++)
    axes |= AXIS (i);
  if (axes == 0)
    onnx_node_fail (node, error, "input has rank %d, wants 3 or more", rank);
  return axes;
}

static bool
build_global_average_pool (struct onnx_node *node, GError **error)
{
  unsigned axes = spatial_axes (node, error);

  if (axes != 0)
    onnx_node_set (node, 0, sym_mean (onnx_node_sym (node, 0), axes));
  return axes != 0;
}

static bool
build_global_max_pool (struct onnx_node *node, GError **error)
{
  unsigned axes = spatial_axes (node, error);

  if (axes != 0)
    onnx_node_set (node, 0, sym_max (onnx_node_sym (node, 0), axes));
  return axes != 0;
}

static bool
build_global_lp_pool (struct onnx_node *node, GError **error)
{
  unsigned axes = spatial_axes (node, error);
  double p = read_p (node);

  if (axes != 0)
    onnx_node_set (node, 0, root (sym_sum (power (onnx_node_sym (node, 0), p), axes), p));
  return axes != 0;
}

/* The extents that MaxPool began with, as far as can be told from its output. */
static bool
unpooled_shape (struct onnx_node *node, struct shape *y, GError **error)
{
  struct window w;

  *y = onnx_node_shape (node, 0);
  if (!window_read (node, y, NULL, false, &w, error))
    return false;
  for (int i = 0; i < w.n; i++)
    y->dim[2 + i] = (y->dim[2 + i] - 1) * w.stride[i] + w.kernel[i] - w.before[i] - w.after[i];
  return shape_valid (y) || onnx_node_fail (node, error, "padding leaves nothing of the output");
}

/* Values go to the places that MaxPool's Indices name, counted in its input's shape; a larger output_shape has zeros
 * below and to the right of that. */
static bool
build_max_unpool (struct onnx_node *node, GError **error)
{
  struct shape x = onnx_node_shape (node, 0), index = onnx_node_shape (node, 1), whole;
  const int64_t *wanted = NULL;
  int64_t more[2] = {0, 0};
  int n = 0;

  if (!shape_equal (&x, &index))
    return onnx_node_fail (node, error, "input and indices differ in shape");
  if (!unpooled_shape (node, &whole, error) || !onnx_node_input_ints (node, 2, &wanted, &n, error))
    return false;
  if (wanted != NULL && n != x.rank)
    return onnx_node_fail (node, error, "output_shape has %d extents, wants %d", n, x.rank);
  for (int i = 0; i < n; i++) {
    bool last = i >= x.rank - 2;

    if (wanted[i] < whole.dim[i] || wanted[i] > SHAPE_SIZE_MAX || (!last && wanted[i] != whole.dim[i]))
      return onnx_node_fail (node, error, "output_shape has " I64 " where the pool began with " I64, wanted[i],
                             whole.dim[i]);
    if (last)
      more[i - x.rank + 2] = wanted[i] - whole.dim[i];
  }
  sym flat = sym_gather_back (sym_reshape (onnx_node_sym (node, 0), SHAPE (-1)),
                              sym_reshape (onnx_node_sym (node, 1), SHAPE (-1)), 0, shape_size (&whole));
  onnx_node_set (node, 0, sym_pad (sym_reshape (flat, whole), PAD_ZERO, 0, 0, more[0], more[1]));
  return true;
}

const struct onnx_rule onnx_rules_pool[] = {
  {"AveragePool", build_average_pool, 1},
  {"GlobalAveragePool", build_global_average_pool, 1},
  {"GlobalLpPool", build_global_lp_pool, 1},
  {"GlobalMaxPool", build_global_max_pool, 1},
  {"LpPool", build_lp_pool, 1},
  {"MaxPool", build_max_pool, 1},
  {"MaxUnpool", build_max_unpool, 2},
  {NULL},
};
