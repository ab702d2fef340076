/* SPDX-License-Identifier: Apache-2.0
 *
 * Attention as models write it, in products and a softmax, becomes one op (compile/absorb.h) whose kernel
 * (device/cpu_attention.c) agrees with the reference interpreter of the parts, gives the same bits on one thread and on
 * two, and is close in bfloat16. What must not be fused is not. */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "compile/grad.h"
#include "compile/plan.h"
#include "compile/reference.h"
#include "device/cpu.h"
#include "op/sym.h"
#include "op/table.h"

enum scaling { SCALED, MULTIPLIED, DIVIDED, QUERIES_SCALED };
enum writing { PLAIN, FLAGS, NODES, TURNED };

struct attention_case {
  const char *name;
  int64_t batch, heads, queries, keys, depth, width;
  enum scaling scaling;
  enum writing writing;
  struct shape mask;  /* rank 0: none */
  bool outside_scale; /* the mask is scaled as well */
};

static const struct attention_case cases[] = {
  {"self attention", 1, 4, 256, 256, 16, 16},
  {"odd everything", 2, 3, 77, 61, 9, 5, .scaling = MULTIPLIED},
  {"a transposed product", 1, 2, 64, 100, 8, 8, .writing = FLAGS},
  {"transposes as nodes", 1, 2, 65, 64, 20, 12, .scaling = DIVIDED, .writing = NODES},
  {"values on the left", 2, 1, 81, 70, 8, 24, .scaling = QUERIES_SCALED, .writing = TURNED},
  {"several blocks of keys", 1, 1, 40, 1301, 24, 33},
  {"several blocks of both", 1, 2, 130, 1024, 32, 64, .mask = {2, {130, 1024}}},
  {"mask of heads", 2, 3, 50, 97, 16, 16, .mask = {4, {1, 3, 50, 97}}},
  {"mask of keys", 3, 2, 50, 97, 16, 16, .mask = {4, {3, 1, 1, 97}}, .scaling = DIVIDED},
  {"mask inside the scale", 1, 2, 64, 64, 16, 16, .mask = {3, {2, 64, 64}}, .outside_scale = true},
  {"one channel", 1, 1, 64, 64, 1, 1},
};

static sym
scaled (sym x, enum scaling scaling, int64_t depth)
{
  double scale = 1 / sqrt ((double) depth);

  switch (scaling) {
  case MULTIPLIED: return sym_mul (sym_scalar_like (x, scale), x);
  case DIVIDED: return sym_shift (sym_div (x, sym_scalar_like (x, 1 / scale)), 3);
  case QUERIES_SCALED: return x;
  default: return sym_scale (x, scale);
  }
}

static sym
turned (sym x)
{
  return sym_permute (x, (const int[]){0, 1, 3, 2});
}

static sym
build_attention (const struct attention_case *c, sym q, sym k, sym v, sym mask)
{
  if (c->scaling == QUERIES_SCALED)
    q = sym_scale (q, 1 / sqrt ((double) c->depth));
  sym scores = c->writing == FLAGS || c->writing == TURNED ? sym_matmul_t (q, false, k, true)
               : c->writing == NODES                       ? sym_matmul (turned (turned (q)), turned (k))
                                                           : sym_matmul (q, turned (k));
  if (sym_null (mask))
    scores = scaled (scores, c->scaling, c->depth);
  else if (c->outside_scale)
    scores = sym_scale (sym_add (mask, sym_scale (scores, 0.7)), 0.4);
  else
    scores = sym_add (scaled (scores, c->scaling, c->depth), mask);
  sym p = sym_softmax (scores, 3);
  if (c->writing == TURNED)
    return turned (sym_matmul_t (turned (v), false, p, true));
  return c->writing == NODES ? turned (sym_matmul (turned (v), turned (p))) : sym_matmul (p, v);
}

static struct graph *
build (const struct attention_case *c, bool hold)
{
  struct graph *graph = graph_new ();
  sym q = graph_input (graph, "q", SHAPE (c->batch, c->heads, c->queries, c->depth));
  sym k = graph_input (graph, "k", SHAPE (c->batch, c->heads, c->keys, c->depth));
  sym v = graph_input (graph, "v", SHAPE (c->batch, c->heads, c->keys, c->width));
  sym mask = c->mask.rank > 0 ? graph_input (graph, "mask", c->mask) : (sym){graph, -1};
  sym y = build_attention (c, q, k, v, mask);

  graph_output (graph, "y", y);
  if (hold) /* every value but the result is read again */
    graph_output (graph, "held", sym_matmul_t (q, false, k, true));
  return graph;
}

static float
noise (const char *name, int64_t i)
{
  struct random_key key = {.seed = g_str_hash (name)};

  return (float) (4 * random_uniform (key, (uint64_t) i) - 2);
}

static struct plan *
make_plan (struct graph *graph, enum precision precision, int threads, bool fused)
{
  g_autoptr (GError) error = NULL;
  struct plan *plan =
    plan_compile (graph, NULL, &(struct plan_options){.precision = precision, .threads = threads}, &error);

  g_assert_no_error (error);
  g_autofree char *text = plan_text (plan);
  g_assert_true (fused == (strstr (text, "attention") != NULL));
  g_assert_true (fused == (strstr (text, "softmax") == NULL));
  return plan;
}

static void
fill (struct plan *plan, const char *name)
{
  struct tensor *x = plan_input (plan, name);

  for (int64_t i = 0; x != NULL && i < shape_size (&x->shape); i++)
    tensor_floats (x)[i] = noise (name, i);
}

static struct plan *
run_plan (struct graph *graph, enum precision precision, int threads, bool fused)
{
  struct plan *plan = make_plan (graph, precision, threads, fused);

  fill (plan, "q");
  fill (plan, "k");
  fill (plan, "v");
  fill (plan, "mask");
  plan_run (plan, 0, 0);
  return plan;
}

/* The result "y" of @graph in double. */
static double *
evaluate (struct graph *graph)
{
  g_autoptr (GPtrArray) owned = g_ptr_array_new_with_free_func (g_free);
  g_autofree const double **leaf = g_new0 (const double *, graph_count (graph));
  sym want = {graph, graph_result (graph, 0).id};
  double *out = NULL;

  for (int id = 0; id < graph_count (graph); id++) {
    const struct node *node = graph_node (graph, id);
    if (node->op != &op_input)
      continue;
    int64_t size = shape_size (&node->shape);
    double *values = g_new (double, size);
    for (int64_t i = 0; i < size; i++)
      values[i] = (double) noise (node->name, i);
    g_ptr_array_add (owned, values);
    leaf[id] = values;
  }
  g_assert_true (reference_evaluate (graph, leaf, 0, 0, &want, 1, &out, NULL));
  return out;
}

/* The largest; values lie between -2 and 2, so their means do. */
static double
difference (const struct tensor *found, const double *wanted)
{
  double worst = 0;

  for (int64_t i = 0; i < shape_size (&found->shape); i++) {
    double x = (double) ((const float *) found->data)[i];
    worst = fmax (worst, isfinite (x) ? fabs (x - wanted[i]) : HUGE_VAL);
  }
  return worst;
}

static void
same_bits (struct plan *a, struct plan *b)
{
  const struct tensor *x = plan_output (a, "y"), *y = plan_output (b, "y");

  g_assert_cmpmem (x->data, x->size, y->data, y->size);
}

static void
test_case (gconstpointer data)
{
  const struct attention_case *c = data;
  g_autoptr (graph) graph = build (c, false);
  g_autofree double *wanted = evaluate (graph);
  enum precision half = cpu_has_bf16 () ? PRECISION_BF16 : PRECISION_F32;
  g_autoptr (plan) one = run_plan (graph, PRECISION_F32, 1, true), two = run_plan (graph, PRECISION_F32, 2, true);
  g_autoptr (plan) short_one = run_plan (graph, half, 1, true), short_two = run_plan (graph, half, 2, true);

  g_assert_cmpfloat (difference (plan_output (one, "y"), wanted), <, 5e-6);
  g_assert_cmpfloat (difference (plan_output (short_one, "y"), wanted), <, 2e-2);
  same_bits (one, two);
  same_bits (short_one, short_two);
}

/* Keys that are masked by -inf do not count, whole blocks of them neither; a query without keys has no result. */
static void
test_masked (gconstpointer data)
{
  struct attention_case c = {"masked", 1, 1, 32, 1200, 8, 8, .mask = {2, {32, 1200}}};
  g_autoptr (graph) graph = build (&c, false);
  g_autoptr (plan) plan = run_plan (graph, GPOINTER_TO_INT (data), 2, true);
  float *mask = tensor_floats (plan_input (plan, "mask"));

  for (int64_t row = 0; row < 32; row++)
    for (int64_t i = 0; i < 1200; i++)
      mask[row * 1200 + i] = row == 5 || i != 1199 - row ? -INFINITY : 0;
  plan_run (plan, 0, 0);
  for (int64_t i = 0; i < 32 * 8; i++) {
    float y = tensor_floats (plan_output (plan, "y"))[i], v = noise ("v", (1199 - i / 8) * 8 + i % 8);
    if (i / 8 == 5)
      g_assert_true (isnan (y));
    else
      g_assert_cmpfloat (fabsf (y - v), <=, fabsf (v) / 128);
  }
}

/* Scores of any size, and what is no number. */
static void
test_extremes (void)
{
  struct attention_case c = {"extremes", 1, 1, 64, 64, 4, 4};
  g_autoptr (graph) graph = build (&c, false);
  g_autoptr (plan) plan = run_plan (graph, PRECISION_F32, 2, true);
  float *q = tensor_floats (plan_input (plan, "q"));

  for (int i = 0; i < 64 * 4; i++)
    q[i] *= 1e15f;
  q[7 * 4] = NAN;
  plan_run (plan, 0, 0);
  for (int i = 0; i < 64 * 4; i++) {
    float y = tensor_floats (plan_output (plan, "y"))[i];
    g_assert_true (i / 4 == 7 ? isnan (y) : fabsf (y) <= 2);
  }
}

/* A plan with gradients reads the softmax again; another result may read the scores. */
static void
test_kept (void)
{
  struct attention_case c = {"kept", 1, 2, 64, 64, 8, 8, .writing = FLAGS};
  g_autoptr (graph) graph = graph_new ();
  sym x = graph_input (graph, "x", SHAPE (1, 2, 64, 8)), dx;
  sym loss = sym_sum (sym_square (build_attention (&c, x, x, x, (sym){graph, -1})), AXES_ALL);

  graph_gradient (loss, &x, 1, &dx);
  graph_output (graph, "dx", dx);
  plan_free (make_plan (graph, PRECISION_F32, 2, false));

  g_autoptr (graph) held = build (&c, true);
  g_autofree double *wanted = evaluate (held);
  g_autoptr (plan) other = run_plan (held, PRECISION_F32, 2, false);
  g_assert_cmpfloat (difference (plan_output (other, "y"), wanted), <, 5e-6);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (size_t i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *path = g_strdup_printf ("/attention/%s", cases[i].name);
    g_test_add_data_func (path, &cases[i], test_case);
  }
  g_test_add_data_func ("/attention/masked", GINT_TO_POINTER (PRECISION_F32), test_masked);
  if (cpu_has_bf16 ())
    g_test_add_data_func ("/attention/masked, bf16", GINT_TO_POINTER (PRECISION_BF16), test_masked);
  g_test_add_func ("/attention/extremes", test_extremes);
  g_test_add_func ("/attention/kept", test_kept);
  return g_test_run ();
}
