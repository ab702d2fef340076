/* SPDX-License-Identifier: Apache-2.0
 *
 * Gathering and scattering of run-time data by element or address, sampling at computed places, running sums. Elements
 * are addressed by their place in the flat data, so that one gather along one axis does all of it; where the indices
 * are known, so are the places. */
#include <math.h>
#include <string.h>

#include "onnx/geometry.h"
#include "onnx/rules.h"
#include "op/sym.h"

#define I64 "%" G_GINT64_FORMAT
#define PLACES_MAX ((int64_t) 1 << 24) /* indices are floats: exact so far */

static bool
check_places (const struct onnx_node *node, int64_t n, GError **error)
{
  return n <= PLACES_MAX ||
         onnx_node_fail (node, error, "addresses " I64 " elements, " I64 " are supported", n, PLACES_MAX);
}

/* Whole numbers as a parameter of the graph. */
static sym
places_parameter (struct onnx_node *node, const char *name, const float *values, struct shape shape, GError **error)
{
  g_autoptr (tensor) tensor = tensor_new (shape, DTYPE_F32, error);

  if (tensor == NULL)
    return (sym){onnx_node_graph (node), -1};
  memcpy (tensor->data, values, tensor->size);
  return onnx_node_parameter (node, name, tensor);
}

/* --- Along one axis: GatherElements, ScatterElements --- */

static bool
check_elements (struct onnx_node *node, int *axis, GError **error)
{
  struct shape data = onnx_node_shape (node, 0), by = onnx_node_shape (node, 1);

  if (!onnx_node_axis (node, onnx_node_int (node, "axis", 0), data.rank, axis, error))
    return false;
  if (by.rank != data.rank || shape_size (&by) == 0)
    return onnx_node_fail (node, error, "the indices have rank %d, the data %d", by.rank, data.rank);
  for (int i = 0; i < data.rank; i++)
    if (i != *axis && by.dim[i] > data.dim[i])
      return onnx_node_fail (node, error, "axis %d has " I64 " indices for " I64, i, by.dim[i], data.dim[i]);
  return check_places (node, shape_size (&data), error) && check_places (node, shape_size (&by), error);
}

/* Places in the flat data of what indices of shape @by address, the index along @axis counted as 0; plus the index
 * itself where it is known. A new array. NULL with @error. */
static float *
element_places (struct onnx_node *node, int axis, GError **error)
{
  struct shape data = onnx_node_shape (node, 0), by = onnx_node_shape (node, 1);
  const struct onnx_constant *index = onnx_node_constant (node, 1);
  int64_t stride[SHAPE_RANK_MAX], n = shape_size (&by);
  g_autofree float *places = g_new (float, n);

  onnx_strides (&data, stride);
  for (int64_t i = 0; i < n; i++) {
    int64_t left = i, place = 0;

    for (int a = by.rank - 1; a >= 0; a--) {
      place += a == axis ? 0 : left % by.dim[a] * stride[a];
      left /= by.dim[a];
    }
    if (index) {
      int64_t k = onnx_constant_int (index, i);

      k = k < 0 ? k + data.dim[axis] : k;
      if (k < 0 || k >= data.dim[axis]) {
        onnx_node_fail (node, error, "index " I64 " of an axis of " I64, onnx_constant_int (index, i), data.dim[axis]);
        return NULL;
      }
      place += k * stride[axis];
    }
    places[i] = (float) place;
  }
  return g_steal_pointer (&places);
}

static bool
build_gather_elements (struct onnx_node *node, GError **error)
{
  struct shape data = onnx_node_shape (node, 0), by = onnx_node_shape (node, 1);
  int64_t stride[SHAPE_RANK_MAX];
  int axis;

  if (!check_elements (node, &axis, error))
    return false;
  g_autofree float *places = element_places (node, axis, error);
  if (places == NULL)
    return false;
  onnx_strides (&data, stride);
  sym at = places_parameter (node, "places", places, by, error);
  if (onnx_node_constant (node, 1) == NULL) {
    sym k = onnx_node_sym (node, 1), negative = sym_greater (graph_scalar (k.graph, 0), k);

    k = sym_add (k, sym_scale (negative, (double) data.dim[axis]));
    at = sym_add (at, sym_scale (k, (double) stride[axis]));
  }
  onnx_node_set (node, 0, sym_gather (sym_reshape (onnx_node_sym (node, 0), SHAPE (-1)), 0, at));
  return true;
}

/* --- Scattering to known places --- */

/* y = x but for the rows that are scattered to: @row[i] tells which update row i takes, -1 for none. */
static sym
scatter_rows (struct onnx_node *node, sym x, sym updates, const int64_t *row, int64_t rows, GError **error)
{
  g_autofree float *from = g_new (float, rows), *taken = g_new (float, rows);

  for (int64_t i = 0; i < rows; i++) {
    from[i] = (float) MAX (row[i], 0);
    taken[i] = row[i] >= 0;
  }
  sym index = places_parameter (node, "rows", from, SHAPE (rows), error);
  sym mask = places_parameter (node, "taken", taken, SHAPE (rows, 1), error);
  return sym_where (mask, sym_gather (updates, 0, index), x);
}

#define ROUNDS_MAX 64 /* updates of one element */

/* The row of the updates that each row of the data takes in the @round-th round, -1 for none: its @round-th update, or,
 * when only the last counts, that. Returns whether any does. */
static bool
round_rows (const int64_t *place, int64_t n, int64_t rows, int round, bool last, int64_t *row)
{
  g_autofree int *seen = g_new0 (int, rows);
  bool any = false;

  memset (row, 0xff, rows * sizeof *row);
  for (int64_t u = 0; u < n; u++)
    if (last || seen[place[u]]++ == round) {
      row[place[u]] = u;
      any = true;
    }
  return any && !(last && round > 0);
}

static const struct {
  const char *name;
  double neutral;
  sym (*combine) (sym a, sym b);
} reductions[] = {
  {"none", 0, NULL},
  {"add", 0, sym_add},
  {"mul", 1, sym_mul},
  {"max", -INFINITY, sym_maximum},
  {"min", INFINITY, sym_minimum},
};

/* @place[u]: the row of the data (of @run elements) that update row u goes to. */
static bool
set_scattered (struct onnx_node *node, const int64_t *place, int64_t n, int64_t run, GError **error)
{
  struct shape data = onnx_node_shape (node, 0);
  const char *how = onnx_node_string (node, "reduction", "none");
  int64_t rows = shape_size (&data) / run;
  g_autofree int64_t *row = g_new (int64_t, rows);
  sym x = sym_reshape (onnx_node_sym (node, 0), SHAPE (rows, run));
  sym updates = sym_reshape (onnx_node_sym (node, 2), SHAPE (n, run));
  size_t k = 0;

  while (k < G_N_ELEMENTS (reductions) && !g_str_equal (reductions[k].name, how))
    k++;
  if (k == G_N_ELEMENTS (reductions))
    return onnx_node_fail (node, error, "reduction '%.20s'", how);
  for (int round = 0; round_rows (place, n, rows, round, k == 0, row); round++) {
    if (round == ROUNDS_MAX)
      return onnx_node_fail (node, error, "more than %d updates of one element", ROUNDS_MAX);
    if (k == 0)
      x = scatter_rows (node, x, updates, row, rows, error);
    else
      x = reductions[k].combine (
        x, scatter_rows (node, graph_scalar (x.graph, reductions[k].neutral), updates, row, rows, error));
  }
  onnx_node_set (node, 0, sym_reshape (x, data));
  return true;
}

static bool
known_indices (const struct onnx_node *node, GError **error)
{
  return onnx_node_constant (node, 1) || onnx_node_fail (node, error, "indices that are known at run time only");
}

static bool
build_scatter_elements (struct onnx_node *node, GError **error)
{
  struct shape by = onnx_node_shape (node, 1), updates = onnx_node_shape (node, 2);
  int64_t n = shape_size (&by);
  int axis;

  if (!known_indices (node, error) || !check_elements (node, &axis, error))
    return false;
  if (!shape_equal (&by, &updates))
    return onnx_node_fail (node, error, "updates and indices differ in shape");
  g_autofree float *places = element_places (node, axis, error);
  g_autofree int64_t *place = g_new (int64_t, n);
  for (int64_t i = 0; places && i < n; i++)
    place[i] = (int64_t) places[i];
  return places && set_scattered (node, place, n, 1, error);
}

/* --- By address: GatherND, ScatterND --- */

/* The row (of @run elements) that each address leads to; a new array, NULL with @error. */
static int64_t *
address_rows (struct onnx_node *node, int batch, int depth, int64_t n, GError **error)
{
  const struct onnx_constant *index = onnx_node_constant (node, 1);
  struct shape data = onnx_node_shape (node, 0);
  g_autofree int64_t *rows = g_new (int64_t, n);
  int64_t batches = 1;

  for (int i = 0; i < batch; i++)
    batches *= data.dim[i];
  for (int64_t a = 0; a < n; a++) {
    rows[a] = a / (n / batches);
    for (int i = 0; i < depth; i++) {
      int64_t extent = data.dim[batch + i], k = onnx_constant_int (index, a * depth + i);

      k = k < 0 ? k + extent : k;
      if (k < 0 || k >= extent) {
        onnx_node_fail (node, error, "index " I64 " of an axis of " I64, onnx_constant_int (index, a * depth + i),
                        extent);
        return NULL;
      }
      rows[a] = rows[a] * extent + k;
    }
  }
  return g_steal_pointer (&rows);
}

/* *@n addresses of *@depth indices each, to rows of *@run elements; *@shape: the addresses' own, then the rows'. */
static bool
check_addresses (struct onnx_node *node, int64_t batch, int *depth, int64_t *n, int64_t *run, struct shape *shape,
                 GError **error)
{
  struct shape data = onnx_node_shape (node, 0), by = onnx_node_shape (node, 1);

  *shape = by;
  *run = *n = 1;
  if (by.rank < 1 || batch < 0 || batch >= by.rank || shape_size (&by) == 0 || by.dim[by.rank - 1] > data.rank - batch)
    return onnx_node_fail (node, error, "indices of rank %d for data of rank %d", by.rank, data.rank);
  *depth = (int) by.dim[by.rank - 1];
  shape->rank = by.rank - 1;
  for (int i = 0; i < shape->rank; i++)
    *n *= by.dim[i];
  for (int i = 0; i < batch; i++)
    if (by.dim[i] != data.dim[i])
      return onnx_node_fail (node, error, "batch axis %d has " I64 " and " I64, i, data.dim[i], by.dim[i]);
  for (int i = (int) batch + *depth; i < data.rank; i++) {
    if (shape->rank == SHAPE_RANK_MAX)
      return onnx_node_fail (node, error, "makes more than %d axes", SHAPE_RANK_MAX);
    shape->dim[shape->rank++] = data.dim[i];
    *run *= data.dim[i];
  }
  return check_places (node, shape_size (&data) / *run, error) && check_places (node, *n, error);
}

static bool
build_gather_nd (struct onnx_node *node, GError **error)
{
  int64_t batch = onnx_node_int (node, "batch_dims", 0), n = 1, run = 1;
  struct shape shape;
  int depth = 0;

  if (!known_indices (node, error) || !check_addresses (node, batch, &depth, &n, &run, &shape, error))
    return false;
  g_autofree int64_t *rows = address_rows (node, (int) batch, depth, n, error);
  g_autofree float *places = g_new (float, n);
  for (int64_t i = 0; rows && i < n; i++)
    places[i] = (float) rows[i];
  if (rows == NULL)
    return false;
  sym x = sym_reshape (onnx_node_sym (node, 0), SHAPE (-1, run));
  sym y = sym_gather (x, 0, places_parameter (node, "places", places, SHAPE (n), error));
  onnx_node_set (node, 0, sym_reshape (y, shape));
  return true;
}

static bool
build_scatter_nd (struct onnx_node *node, GError **error)
{
  struct shape shape, updates = onnx_node_shape (node, 2);
  int64_t n = 1, run = 1;
  int depth = 0;

  if (!known_indices (node, error) || !check_addresses (node, 0, &depth, &n, &run, &shape, error))
    return false;
  if (!shape_equal (&shape, &updates)) {
    g_autofree char *have = shape_text (&updates), *want = shape_text (&shape);
    return onnx_node_fail (node, error, "the updates are %s, wants %s", have, want);
  }
  g_autofree int64_t *rows = address_rows (node, 0, depth, n, error);
  return rows && set_scattered (node, rows, n, run, error);
}

/* --- Running sums --- */

/* A product with a triangle of ones along the axis. */
static bool
build_cum_sum (struct onnx_node *node, GError **error)
{
  bool exclusive = onnx_node_int (node, "exclusive", 0) != 0, reverse = onnx_node_int (node, "reverse", 0) != 0;
  struct shape shape = onnx_node_shape (node, 0);
  int axes[SHAPE_RANK_MAX], axis, n;
  const int64_t *list;

  if (!onnx_node_input_ints (node, 1, &list, &n, error))
    return false;
  if (n != 1)
    return onnx_node_fail (node, error, "has %d axes, wants 1", n);
  if (!onnx_node_axis (node, list[0], shape.rank, &axis, error))
    return false;
  int64_t extent = shape.dim[axis];
  if (extent > 4096)
    return onnx_node_fail (node, error, "an axis of " I64 " is too long, 4096 are supported", extent);
  g_autofree float *triangle = g_new (float, extent *extent);
  for (int64_t i = 0; i < extent; i++) /* from i, to j */
    for (int64_t j = 0; j < extent; j++)
      triangle[i * extent + j] = (reverse ? i > j : i < j) || (i == j && !exclusive);
  for (int i = 0; i < shape.rank; i++)
    axes[i] = i;
  axes[axis] = shape.rank - 1;
  axes[shape.rank - 1] = axis;
  sym x = sym_permute (onnx_node_sym (node, 0), axes);
  struct shape moved = sym_shape (x);
  x = sym_reshape (x, SHAPE (-1, extent));
  sym y = sym_matmul (x, places_parameter (node, "triangle", triangle, SHAPE (extent, extent), error));
  onnx_node_set (node, 0, sym_permute (sym_reshape (y, moved), axes));
  return true;
}

/* --- Sampling at computed places --- */

struct sampler {
  struct onnx_node *node;
  sym rows;  /* (n h w, c): the picture, a row a pixel */
  sym first; /* (n, out_h, out_w): the row of each picture's first pixel */
  int64_t height, width;
  bool align, zeros, reflect;
};

/* -1..1 to pixels: the centres of the outer pixels, or their outer edges, are -1 and 1. */
static sym
to_pixels (const struct sampler *sampler, sym x, int64_t extent)
{
  return sampler->align ? sym_affine (x, (extent - 1) / 2.0, (extent - 1) / 2.0)
                        : sym_affine (x, extent / 2.0, (extent - 1) / 2.0);
}

/* Mirrored at the ends as often as needed: at the centres of the outer pixels, or at their edges. */
static sym
reflected (const struct sampler *sampler, sym x, int64_t extent)
{
  double low = sampler->align ? 0 : -0.5, span = sampler->align ? extent - 1 : extent;

  if (span == 0)
    return sym_scale (x, 0);
  sym t = sym_affine (x, 1 / (2 * span), -low / (2 * span)); /* in periods of there and back */
  t = sym_sub (t, sym_floor (t));
  t = sym_minimum (t, sym_affine (t, -1, 1));
  return sym_affine (t, 2 * span, low);
}

/* Outside of 0..extent-1 by the padding: what reflection and border do to a coordinate. */
static sym
contained (const struct sampler *sampler, sym x, int64_t extent)
{
  if (sampler->reflect)
    x = reflected (sampler, x, extent);
  return sampler->zeros ? x : sym_clamp (x, 0, extent - 1);
}

static sym
inside (sym x, int64_t extent)
{
  sym below = sym_greater (graph_scalar (x.graph, -0.5), x),
      above = sym_greater (x, graph_scalar (x.graph, extent - 0.5));

  return sym_affine (sym_add (below, above), -1, 1);
}

/* The pixels at whole places (n, out_h, out_w), times a weight: (n, out_h, out_w, c). */
static sym
weighted_pixel (const struct sampler *sampler, sym x, sym y, sym weight)
{
  struct shape shape = sym_shape (x);
  sym row = sym_clamp (y, 0, sampler->height - 1), column = sym_clamp (x, 0, sampler->width - 1);
  sym at = sym_add (sampler->first, sym_add (sym_scale (row, sampler->width), column));

  if (sampler->zeros)
    weight = sym_mul (weight, sym_mul (inside (x, sampler->width), inside (y, sampler->height)));
  shape.dim[shape.rank++] = 1;
  return sym_mul (sym_gather (sampler->rows, 0, at), sym_reshape (weight, shape));
}

/* Weights of the four neighbours at distances t + 1, t, 1 - t, 2 - t (Keys, 1981, a = -0.75). */
static void
cubic_weights (sym t, sym weight[4])
{
  const double a = -0.75;

  for (int i = 0; i < 4; i++) {
    sym d = i < 2 ? sym_shift (t, 1 - i) : sym_affine (t, -1, i - 1);
    sym d2 = sym_square (d), d3 = sym_mul (d2, d);

    weight[i] =
      i == 1 || i == 2
        ? sym_shift (sym_add (sym_scale (d3, a + 2), sym_scale (d2, -(a + 3))), 1)
        : sym_shift (sym_add (sym_scale (d3, a), sym_add (sym_scale (d2, -5 * a), sym_scale (d, 8 * a))), -4 * a);
  }
}

static sym
sample (const struct sampler *sampler, const char *mode, sym x, sym y)
{
  int taps = g_str_equal (mode, "nearest") ? 1 : g_str_equal (mode, "bicubic") ? 4 : 2;
  sym one = graph_scalar (x.graph, 1), wx[4] = {one}, wy[4] = {one}, sum = {x.graph, -1};
  struct shape shape = sym_shape (x);

  if (taps != 4) { /* the neighbours of a cubic are contained one by one */
    x = contained (sampler, x, sampler->width);
    y = contained (sampler, y, sampler->height);
  }
  sym x0 = taps == 1 ? sym_round (x) : sym_floor (x), y0 = taps == 1 ? sym_round (y) : sym_floor (y);
  sym tx = sym_sub (x, x0), ty = sym_sub (y, y0);
  if (taps == 2) {
    wx[0] = sym_affine (tx, -1, 1), wx[1] = tx;
    wy[0] = sym_affine (ty, -1, 1), wy[1] = ty;
  } else if (taps == 4) {
    cubic_weights (tx, wx);
    cubic_weights (ty, wy);
  }
  for (int i = 0; i < taps; i++)
    for (int j = 0; j < taps; j++) {
      sym px = sym_shift (x0, j - (taps == 4)), py = sym_shift (y0, i - (taps == 4));
      sym weight = sym_broadcast (sym_mul (wx[j], wy[i]), shape);

      if (taps == 4) {
        px = contained (sampler, px, sampler->width);
        py = contained (sampler, py, sampler->height);
      }
      sym value = weighted_pixel (sampler, px, py, weight);
      sum = sym_null (sum) ? value : sym_add (sum, value);
    }
  return sum;
}

/* (n, c, h, w) at (n, out_h, out_w, 2), x before y: (n, c, out_h, out_w). */
static bool
build_grid_sample (struct onnx_node *node, GError **error)
{
  struct shape s = onnx_node_shape (node, 0), g = onnx_node_shape (node, 1);
  const char *mode = onnx_node_string (node, "mode", "bilinear");
  const char *padding = onnx_node_string (node, "padding_mode", "zeros");

  if (s.rank != 4 || g.rank != 4 || g.dim[3] != 2 || g.dim[0] != s.dim[0])
    return onnx_node_fail (node, error, "wants a picture of rank 4 and a grid (n, h, w, 2)");
  if (!g_strv_contains ((const char *const[]){"bilinear", "linear", "nearest", "bicubic", "cubic", NULL}, mode))
    return onnx_node_fail (node, error, "mode '%.20s'", mode);
  if (!g_strv_contains ((const char *const[]){"zeros", "border", "reflection", NULL}, padding))
    return onnx_node_fail (node, error, "padding_mode '%.20s'", padding);
  if (!check_places (node, s.dim[0] * s.dim[2] * s.dim[3], error))
    return false;
  struct shape places = SHAPE (g.dim[0], g.dim[1], g.dim[2]);
  g_autofree float *starts = g_new (float, s.dim[0]);
  for (int64_t i = 0; i < s.dim[0]; i++)
    starts[i] = (float) (i * s.dim[2] * s.dim[3]);
  sym first = places_parameter (node, "starts", starts, SHAPE (s.dim[0], 1, 1), error);
  sym rows = sym_permute (onnx_node_sym (node, 0), (const int[]){0, 2, 3, 1}), grid = onnx_node_sym (node, 1);
  struct sampler sampler = {
    .node = node,
    .rows = sym_reshape (rows, SHAPE (-1, s.dim[1])),
    .first = sym_broadcast (first, places),
    .height = s.dim[2],
    .width = s.dim[3],
    .align = onnx_node_int (node, "align_corners", 0) != 0,
    .zeros = g_str_equal (padding, "zeros"),
    .reflect = g_str_equal (padding, "reflection"),
  };
  sym x = to_pixels (&sampler, sym_reshape (sym_slice (grid, 3, 0, 1, 1), places), s.dim[3]);
  sym y = to_pixels (&sampler, sym_reshape (sym_slice (grid, 3, 1, 2, 1), places), s.dim[2]);
  mode = g_str_equal (mode, "cubic") ? "bicubic" : mode;
  onnx_node_set (node, 0, sym_permute (sample (&sampler, mode, x, y), (const int[]){0, 3, 1, 2}));
  return true;
}

const struct onnx_rule onnx_rules_index[] = {
  {"CumSum", build_cum_sum, 2},           {"GatherElements", build_gather_elements, 2},
  {"GatherND", build_gather_nd, 2},       {"GridSample", build_grid_sample, 2},
  {"Scatter", build_scatter_elements, 3}, {"ScatterElements", build_scatter_elements, 3},
  {"ScatterND", build_scatter_nd, 3},     {NULL},
};
