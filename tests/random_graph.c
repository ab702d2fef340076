/* SPDX-License-Identifier: Apache-2.0
 *
 * Random graphs; see random_graph.h. */
#include "random_graph.h"

#include <math.h>
#include <string.h>

#include "compile/grad.h"
#include "graph/op.h"
#include "op/resize.h"

#define SIZE_MAX_GROWN 40000

static int
below (struct random_graph *m, int n)
{
  return g_rand_int_range (m->rand, 0, n);
}

static bool
chance (struct random_graph *m, int one_in)
{
  return below (m, one_in) == 0;
}

#define PICK(m, ...) (((const int[]){__VA_ARGS__})[below (m, G_N_ELEMENTS (((const int[]){__VA_ARGS__})))])

/* --- Leaves --- */

/* Input, parameter or constant with numbers in [-@range, @range] that float32 holds exactly. */
static sym
leaf (struct random_graph *m, struct shape shape, double range)
{
  size_t n = (size_t) shape_size (&shape);
  double *values = g_new (double, n);
  g_autofree char *name = g_strdup_printf ("leaf%d", m->n_leaves++);
  int kind = below (m, 5);
  sym s;

  for (size_t i = 0; i < n; i++)
    values[i] = (double) (float) g_rand_double_range (m->rand, -range, range);
  if (kind == 0) {
    g_autoptr (tensor) tensor = tensor_new (shape, DTYPE_F32, NULL);
    for (size_t i = 0; i < n; i++)
      tensor_floats (tensor)[i] = (float) values[i];
    s = graph_constant (m->graph, tensor);
  } else if (kind < 3) {
    s = graph_input (m->graph, name, shape);
  } else {
    s = graph_parameter (m->graph, name, shape, (struct init){INIT_ZERO, 0});
  }
  if (m->leaf->len <= (guint) s.id)
    g_ptr_array_set_size (m->leaf, s.id + 1);
  g_free (m->leaf->pdata[s.id]);
  m->leaf->pdata[s.id] = values;
  return s;
}

static struct shape
random_shape (struct random_graph *m)
{
  int rank = PICK (m, 0, 1, 2, 3, 4, 4, 4, 4, 4, 4);
  int c = PICK (m, 1, 3, 5, 16, 19), n = PICK (m, 1, 1, 2, 3), h = PICK (m, 1, 2, 5, 8, 9), w = PICK (m, 1, 3, 6, 8);
  struct shape shape = {.rank = rank};

  if (rank == 4 && chance (m, 12))
    return SHAPE (1, c, 48, 48); /* large enough for two threads */
  if (rank == 4)
    return chance (m, 6) ? SHAPE (n, c, 1, 1) : SHAPE (n, c, h, w);
  for (int a = 0; a < rank; a++)
    shape.dim[a] = PICK (m, 1, 2, 3, 7, 19);
  return shape;
}

static sym
take (struct random_graph *m)
{
  return g_array_index (m->pool, sym, below (m, (int) m->pool->len));
}

/* A picture: rank 4; made when there is none. */
static sym
take_picture (struct random_graph *m)
{
  for (int i = 0; i < 8; i++) {
    sym s = take (m);
    if (sym_shape (s).rank == 4)
      return s;
  }
  return leaf (m, SHAPE (PICK (m, 1, 2), PICK (m, 1, 3, 5, 16, 19), PICK (m, 2, 5, 8), PICK (m, 3, 6, 8)), 1);
}

/* A copy of numbers: float32 holds it as the reference does. */
static bool
exact (sym s)
{
  static const char *const moves[] = {"input",          "parameter",      "constant", "reshape",   "permute",
                                      "slice",          "concat",         "pad",      "broadcast", "upsample_nearest",
                                      "depth_to_space", "space_to_depth", "flip",     "gather",    NULL};
  const struct node *node = sym_node (s);

  if (!g_strv_contains (moves, node->op->name))
    return false;
  for (int i = 0; i < node->n_inputs; i++)
    if (!exact ((sym){s.graph, node->input[i]}))
      return false;
  return true;
}

/* Something that x broadcasts with. */
static sym
partner (struct random_graph *m, sym x)
{
  struct shape shape = sym_shape (x), sum;
  int drop = shape.rank > 0 ? below (m, shape.rank + 1) : 0;

  for (int i = 0; i < 3; i++) {
    sym other = take (m);
    struct shape have = sym_shape (other);
    if (shape_broadcast (&shape, &have, &sum) && shape_size (&sum) <= SIZE_MAX_GROWN && sum.rank <= 4)
      return other;
  }
  drop = chance (m, 2) ? 0 : drop;
  shape.rank -= drop;
  memmove (shape.dim, shape.dim + drop, (size_t) shape.rank * sizeof shape.dim[0]);
  for (int a = 0; a < shape.rank; a++)
    if (chance (m, 3))
      shape.dim[a] = 1;
  return leaf (m, shape, 1);
}

/* Ops, each over x of the pool; a null symbol: does not fit */

static sym
positive (sym x)
{
  return sym_shift (sym_square (x), 0.5);
}

static sym
grow_unary (struct random_graph *m, sym x)
{
  switch (below (m, 18)) {
  case 0: return sym_tanh (x);
  case 1: return sym_sigmoid (x);
  case 2: return sym_softplus (x);
  case 3: return sym_sin (x);
  case 4: return sym_cos (x);
  case 5: return sym_scale (sym_square (x), 0.5);
  case 6: return sym_affine (x, g_rand_double_range (m->rand, -1, 1), g_rand_double_range (m->rand, -1, 1));
  case 7: return sym_exp (sym_tanh (x));
  case 8: return sym_log (positive (x));
  case 9: return sym_sqrt (positive (x));
  case 10:
  case 13: return sym_rsqrt (positive (x));
  case 11: return sym_reciprocal (positive (x));
  case 12: return sym_stop_gradient (x);
  case 14: return sym_erf (x);
  case 15: return sym_mul (x, sym_ceil (leaf (m, sym_shape (x), 3)));
  case 16: return sym_mul (x, sym_round (leaf (m, sym_shape (x), 3)));
  default: return sym_neg (x);
  }
}

static sym
grow_kinked (struct random_graph *m, sym x)
{
  sym y = partner (m, x);
  bool sure = exact (x) && exact (y);

  if (m->smooth && !sure)
    return sym_tanh (x);
  switch (sure && !chance (m, 3) ? 6 + below (m, 7) : below (m, 6)) {
  case 0: return sym_relu (x);
  case 1: return sym_leaky_relu (x, 0.2);
  case 2: return sym_abs (x);
  case 3: return sym_clamp (x, -0.4, 0.6);
  case 4: return sym_maximum (x, y);
  case 5: return sym_minimum (x, y);
  case 6: return sym_sign (x);
  case 7: return sym_greater (x, y);
  case 8: return sym_equal (x, y);
  case 9: return sym_mul (x, sym_floor (y));
  case 10: return sym_mul (x, sym_ceil (y));
  case 11: return sym_mul (x, sym_round (y));
  default: return sym_where (sym_greater (x, y), y, sym_sin (x));
  }
}

static sym
grow_binary (struct random_graph *m, sym x)
{
  sym y = partner (m, x);

  if (chance (m, 2)) {
    sym t = x;
    x = y;
    y = t;
  }
  switch (below (m, 7)) {
  case 0: return sym_add (x, y);
  case 1: return sym_sub (x, y);
  case 2: return sym_mul (x, sym_tanh (y));
  case 3: return sym_div (x, positive (y));
  case 4: return sym_pow (positive (x), sym_tanh (y));
  case 5: return sym_add (sym_relu (sym_mul (leaf (m, sym_shape (x), 1), graph_scalar (x.graph, 0.75))), y);
  default: return sym_mul (sym_add (x, graph_scalar (x.graph, 1)), sym_sub (graph_scalar (x.graph, 0.5), sym_sin (y)));
  }
}

static sym
grow_reduction (struct random_graph *m, sym x)
{
  struct shape shape = sym_shape (x);
  unsigned axes = chance (m, 5)                      ? AXES_ALL
                  : shape.rank == 4 && chance (m, 2) ? (unsigned) PICK (m, AXES_HW, AXES_NHW, AXES_CHW)
                                                     : 1u << below (m, MAX (shape.rank, 1));
  int kind = below (m, 5);

  if (shape.rank == 0)
    return sym_sum (x, AXES_ALL);
  if (kind == 0) {
    sym sum = sym_sum (sym_sin (x), axes);
    struct shape less = sym_shape (sum);
    return sym_scale (sum, 3.0 * (double) shape_size (&less) / (double) shape_size (&shape));
  }
  if (kind == 1)
    return sym_mean (x, axes);
  if (kind == 2 && (!m->smooth || exact (x)))
    return sym_max (x, axes);
  if (kind == 3)
    return sym_variance (x, axes);
  return chance (m, 2) ? sym_softmax (x, below (m, shape.rank)) : sym_log_softmax (x, below (m, shape.rank));
}

static sym
grow_reshape (struct random_graph *m, sym x)
{
  struct shape shape = sym_shape (x), to = {.rank = 0};

  switch (below (m, 4)) {
  case 0: return sym_reshape (x, SHAPE (-1));
  case 1: /* an axis less */
    for (int a = 0; a < shape.rank; a++)
      if (a == 1)
        to.dim[to.rank - 1] *= shape.dim[a];
      else
        to.dim[to.rank++] = shape.dim[a];
    return sym_reshape (x, to);
  case 2: /* one more */
    if (shape.rank >= 4)
      return sym_reshape (x, SHAPE (shape.dim[0] * shape.dim[1], 1, shape.dim[2], shape.dim[3]));
    to = shape;
    to.dim[to.rank++] = 1;
    return sym_reshape (x, to);
  default: /* as a picture */
    if (shape.rank == 0)
      return sym_reshape (x, SHAPE (1, 1, 1, 1));
    return shape.rank == 3 ? sym_reshape (x, SHAPE (1, shape.dim[0], shape.dim[1], shape.dim[2]))
                           : sym_reshape (x, SHAPE (shape.dim[0], -1, 1, 1));
  }
}

static sym
grow_moved (struct random_graph *m, sym x)
{
  struct shape shape = sym_shape (x);
  int axis = shape.rank > 0 ? below (m, shape.rank) : 0, axes[SHAPE_RANK_MAX];

  if (shape.rank == 0)
    return sym_broadcast (x, SHAPE (PICK (m, 1, 3), 2));
  switch (below (m, 8)) {
  case 0:
    for (int a = 0; a < shape.rank; a++)
      axes[a] = a;
    for (int a = shape.rank - 1; a > 0; a--) {
      int other = below (m, a + 1), kept = axes[a];
      axes[a] = axes[other];
      axes[other] = kept;
    }
    return sym_permute (x, axes);
  case 1: {
    int start = below (m, (int) shape.dim[axis]), length = 1 + below (m, (int) shape.dim[axis] - start);
    return sym_slice (x, axis, start, start + length, PICK (m, 1, 1, 2, 3));
  }
  case 2: {
    struct shape other = shape;
    other.dim[axis] = PICK (m, 1, 2, 5);
    sym parts[3] = {x, leaf (m, other, 1), chance (m, 2) ? x : sym_tanh (x)};
    return sym_concat (parts, PICK (m, 2, 3), axis);
  }
  case 3:
    for (int a = 0; a < shape.rank; a++)
      if (shape.dim[a] == 1)
        shape.dim[a] = PICK (m, 2, 3);
    return sym_broadcast (x, shape);
  case 6: return sym_flip (x, 1u << axis | 1u << below (m, shape.rank));
  case 7: return sym_gather (x, axis, leaf (m, SHAPE (PICK (m, 1, 3, 8)), 4));
  case 4: return shape.rank == 4 && shape.dim[1] % 4 == 0 ? sym_depth_to_space (x, 2) : sym_reshape (x, SHAPE (1, -1));
  default:
    if (shape.rank < 2)
      return sym_reshape (x, SHAPE (-1, 1));
    return sym_pad (x, shape.dim[shape.rank - 1] > 2 && shape.dim[shape.rank - 2] > 2 ? below (m, 4) : PAD_ZERO,
                    below (m, 3), below (m, 3), below (m, 3), below (m, 3));
  }
}

static sym
bias_and_activation (struct random_graph *m, sym x)
{
  if (chance (m, 2))
    x = sym_add (x, leaf (m, SHAPE (1, sym_shape (x).dim[1], 1, 1), 0.5));
  switch (below (m, m->smooth ? 3 : 5)) {
  case 0: return sym_tanh (x);
  case 1: return sym_sigmoid (x);
  case 2: return x;
  case 3: return sym_leaky_relu (x, 0.2);
  default: return sym_relu (x);
  }
}

static sym
grow_conv (struct random_graph *m, sym x)
{
  struct shape shape = sym_shape (x);
  int64_t c = shape.dim[1], k = PICK (m, 1, 2, 3);
  int out = PICK (m, 1, 3, 5, 16, 19), groups = c % 2 == 0 && chance (m, 4) ? 2 : chance (m, 6) ? (int) c : 1;
  struct conv_options options = {.stride = PICK (m, 1, 1, 2), .pad = below (m, 2), .groups = groups};
  bool transposed = chance (m, 4), wide = shape.dim[2] >= 5 && shape.dim[3] >= 5;

  k = MIN (k, MIN (shape.dim[2], shape.dim[3]));
  out = groups > 1 ? groups * PICK (m, 1, 2) : out;
  options.dilation = !transposed && wide && chance (m, 4) ? 2 : 1;
  double range = 1.5 / sqrt ((double) (c / groups * k * k));
  if (!transposed)
    return bias_and_activation (m, sym_conv2d (x, leaf (m, SHAPE (out, c / groups, k, k), range), options));
  options.pad = MIN (options.pad, (int) (k - 1) / 2);
  x = sym_conv_transpose2d (x, leaf (m, SHAPE (c, out / groups, k, k), range), options,
                            options.stride == 2 ? below (m, 2) : 0);
  return bias_and_activation (m, x);
}

static sym
grow_picture (struct random_graph *m)
{
  sym x = take_picture (m);
  struct shape shape = sym_shape (x);
  int64_t h = shape.dim[2], w = shape.dim[3];

  switch (below (m, 14)) {
  case 8: {
    struct resize_attrs attrs = {.size = {PICK (m, 2, 5), 4},
                                 .start = {-0.2, 0.1},
                                 .step = {0.6, 0.8},
                                 .cubic = -0.5,
                                 .kernel = below (m, 3),
                                 .exclude = chance (m, 2)};
    return sym_resize (x, &attrs);
  }
  case 0: return h >= 2 && w >= 2 ? sym_avg_pool (x, 2, PICK (m, 1, 2), below (m, 2)) : sym_avg_pool (x, 1, 1, 0);
  case 1:
    if (m->smooth && !exact (x))
      return sym_avg_pool (x, 1, 1, 0);
    return h >= 3 && w >= 3 ? sym_max_pool (x, 3, PICK (m, 1, 2), below (m, 2)) : sym_max_pool (x, 1, 1, 0);
  case 2: return sym_upsample_nearest (x, PICK (m, 2, 3));
  case 3:
  case 7: return sym_resize_bilinear (x, PICK (m, 1, 4, 7), PICK (m, 3, 6, 9));
  case 4: return sym_gram (x);
  case 5: return h % 2 == 0 && w % 2 == 0 ? sym_space_to_depth (x, 2) : sym_pad (x, PAD_ZERO, 1, 0, 0, 1);
  case 6: return sym_pad (x, h > 2 && w > 2 ? below (m, 4) : PAD_REPLICATE, 1, 2, 2, 1);
  default: return grow_conv (m, x);
  }
}

static sym
grow_matmul (struct random_graph *m, sym x)
{
  struct shape shape = sym_shape (x);
  bool transposed = chance (m, 2);
  int n = PICK (m, 1, 4, 7);

  if (shape.rank < 2 || shape.rank > 4)
    return sym_sin (x);
  int64_t k = shape.dim[shape.rank - 1];
  sym b = leaf (m, transposed ? SHAPE (n, k) : SHAPE (k, n), 1 / sqrt ((double) k));
  return sym_matmul_t (x, false, b, transposed);
}

/* As networks write it, which lowering makes one op of when there are many scores, and as that op. */
static sym
grow_attention (struct random_graph *m, sym x)
{
  struct shape s = sym_shape (x);
  int64_t n = PICK (m, 5, 33), d = PICK (m, 2, 5);
  bool direct = chance (m, 2), biased = chance (m, 2);

  if (s.rank != 3 || s.dim[2] > 64)
    return sym_tanh (x);
  sym q = leaf (m, SHAPE (s.dim[0], n, d), 1), k = leaf (m, SHAPE (s.dim[0], s.dim[1], d), 1);
  sym bias = biased ? leaf (m, SHAPE (n, s.dim[1]), 1) : (sym){x.graph, -1};
  if (direct)
    return sym_attention (q, k, x, bias, (struct attention_attrs){.scale = 0.5});
  sym scores = sym_scale (sym_matmul (q, sym_permute (k, (const int[]){0, 2, 1})), 0.5);
  return sym_matmul (sym_softmax (biased ? sym_add (scores, bias) : scores, 2), x);
}

/* A normalisation behind a convolution, and what else lowering takes into its weight and bias. */
static sym
grow_scaled_conv (struct random_graph *m)
{
  sym x = take_picture (m);
  struct shape s = sym_shape (x);
  int c = PICK (m, 2, 16);
  bool transposed = chance (m, 3);
  sym y = transposed
            ? sym_conv_transpose2d (x, leaf (m, SHAPE (s.dim[1], c, 2, 2), 0.3), (struct conv_options){.stride = 2}, 0)
            : sym_conv2d (x, leaf (m, SHAPE (c, s.dim[1], 1, 1), 0.5), (struct conv_options){0});

  if (chance (m, 2))
    y = sym_add (leaf (m, SHAPE (1, c, 1, 1), 0.5), y);
  y = chance (m, 3) ? sym_sub (y, leaf (m, SHAPE (c, 1, 1), 0.5)) : y;
  y =
    chance (m, 3) ? sym_div (y, positive (leaf (m, SHAPE (1, c, 1, 1), 1))) : sym_mul (y, leaf (m, SHAPE (c, 1, 1), 1));
  return sym_tanh (sym_add (y, leaf (m, SHAPE (1, c, 1, 1), 0.5)));
}

static sym
grow_noise (struct random_graph *m, sym x)
{
  unsigned stream = (unsigned) below (m, 3);

  switch (below (m, 3)) {
  case 0: return sym_add (x, sym_uniform (x.graph, sym_shape (x), stream));
  case 1: return sym_mul (x, sym_normal (x.graph, sym_shape (x), stream));
  default: return sym_dropout (x, 0.3, stream);
  }
}

static sym
grow_one (struct random_graph *m)
{
  sym x = take (m);

  switch (below (m, 22)) {
  case 20:
    return chance (m, 3) ? grow_attention (m, leaf (m, SHAPE (PICK (m, 1, 3), PICK (m, 7, 40), 3), 1))
                         : grow_attention (m, x);
  case 21: return grow_scaled_conv (m);
  case 0:
  case 1:
  case 2: return grow_unary (m, x);
  case 3:
  case 4: return grow_kinked (m, x);
  case 5:
  case 6:
  case 7:
  case 8: return grow_binary (m, x);
  case 9:
  case 10:
  case 11: return grow_reduction (m, x);
  case 12: return grow_reshape (m, x);
  case 13:
  case 14: return grow_moved (m, x);
  case 15: return chance (m, 2) ? grow_matmul (m, x) : grow_noise (m, x);
  default: return grow_picture (m);
  }
}

static void
grow (struct random_graph *m, int ops)
{
  for (int i = 0; i < 2; i++) {
    sym s = leaf (m, random_shape (m), 1);
    if (sym_shape (s).rank == 4 && chance (m, 2)) /* as plans lay out pictures */
      s = sym_pad (s, PAD_ZERO, 0, 0, 0, 1);
    g_array_append_val (m->pool, s);
  }
  while (ops-- > 0) {
    sym s = grow_one (m);
    struct shape shape = sym_shape (s);
    if (shape.rank <= 4 && shape_size (&shape) <= SIZE_MAX_GROWN)
      g_array_append_val (m->pool, s);
  }
}

/* --- Results --- */

/* Gradients of a number made of the last values with respect to some leaves; half of the time also of a penalty on
 * them. */
static void
add_gradients (struct random_graph *m)
{
  sym sum = graph_scalar (m->graph, 0), x[3], dx[3], penalty = sum;
  int n = 0;

  for (guint i = m->pool->len > 3 ? m->pool->len - 3 : 0; i < m->pool->len; i++)
    sum = sym_add (sum, sym_reshape (sym_mean (sym_square (g_array_index (m->pool, sym, i)), AXES_ALL), SHAPE_SCALAR));
  for (int id = 0; id < sum.id && n < 3; id++)
    if (graph_node (m->graph, id)->n_inputs == 0 && chance (m, 2))
      x[n++] = (sym){m->graph, id};
  if (n == 0)
    return;
  graph_gradient (sum, x, n, dx);
  for (int i = 0; i < n; i++) {
    g_array_append_val (m->pool, dx[i]);
    penalty = sym_add (penalty, sym_reshape (sym_mean (sym_square (dx[i]), AXES_ALL), SHAPE_SCALAR));
  }
  if (chance (m, 2))
    return;
  graph_gradient (penalty, x, n, dx);
  for (int i = 0; i < n; i++)
    g_array_append_val (m->pool, dx[i]);
}

static void
add_results (struct random_graph *m)
{
  int n = 1 + below (m, 4);

  for (int i = 0; i < n; i++) {
    g_autofree char *name = g_strdup_printf ("result%d", i);
    bool late = i == 0 || chance (m, 2);
    graph_output (m->graph, name,
                  late ? g_array_index (m->pool, sym, m->pool->len - 1 - (guint) below (m, MIN (4, (int) m->pool->len)))
                       : take (m));
  }
  for (int id = 0, count = graph_count (m->graph); id < count; id++) {
    const struct node *node = graph_node (m->graph, id);
    bool assigned = false;

    if (node->op != &op_parameter || chance (m, 2))
      continue;
    for (int tries = 0; tries < 10 && !assigned; tries++) { /* another leaf, or anything of its shape */
      sym value = tries < 5 ? (sym){m->graph, below (m, count)} : take (m);
      struct shape shape = sym_shape (value);
      if ((assigned = shape_equal (&shape, &node->shape)))
        graph_assign (m->graph, (sym){m->graph, id}, value);
    }
    if (!assigned)
      graph_assign (m->graph, (sym){m->graph, id}, sym_affine ((sym){m->graph, id}, 0.5, 0.25));
  }
}

void
random_graph_init (struct random_graph *m, int number)
{
  *m = (struct random_graph){.rand = g_rand_new_with_seed ((guint32) number * 2654435761u + 1), .graph = graph_new ()};
  m->pool = g_array_new (FALSE, FALSE, sizeof (sym));
  m->leaf = g_ptr_array_new_with_free_func (g_free);
  m->smooth = number % 2 == 1;
  grow (m, 4 + below (m, 14));
  if (m->smooth)
    add_gradients (m);
  add_results (m);
  g_ptr_array_set_size (m->leaf, graph_count (m->graph));
  for (int id = 0; id < graph_count (m->graph); id++) /* constants made by builders */
    if (graph_node (m->graph, id)->op == &op_constant)
      g_clear_pointer (&m->leaf->pdata[id], g_free);
}

void
random_graph_clear (struct random_graph *m)
{
  g_rand_free (m->rand);
  g_array_unref (m->pool);
  g_ptr_array_unref (m->leaf);
  graph_free (m->graph);
}
