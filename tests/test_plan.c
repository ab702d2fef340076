/* SPDX-License-Identifier: Apache-2.0
 *
 * What compile/plan.h promises, one promise a test: assignment sees the parameters as they were when the run began,
 * equal bits run after run, memory refused before it is touched, weights shared and refreshed, messages that name the
 * weight. And the packing of lifetimes as a property over random spans. */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "compile/memory.h"
#include "compile/plan.h"
#include "impasto/error.h"
#include "op/sym.h"
#include "process.h"

static const struct init zero = {INIT_ZERO, 0};

/* Values first, first + 1, ... */
static void
count_up (struct tensor *tensor, float first)
{
  for (int64_t i = 0; i < shape_size (&tensor->shape); i++)
    tensor_floats (tensor)[i] = first + (float) i;
}

static struct weights *
weights_for (struct graph *graph)
{
  struct weights *weights = weights_new ();

  for (int id = 0; id < graph_count (graph); id++) {
    const struct node *node = graph_node (graph, id);
    if (node->op == &op_parameter) {
      g_autoptr (tensor) tensor = tensor_new (node->shape, DTYPE_F32, NULL);
      count_up (tensor, (float) (100 * id));
      weights_add (weights, node->name, tensor);
    }
  }
  return weights;
}

static struct plan *
compile (struct graph *graph, struct weights *weights)
{
  g_autoptr (GError) error = NULL;
  struct plan *plan = plan_compile (graph, weights, &(struct plan_options){.precision = PRECISION_F32}, &error);

  g_assert_no_error (error);
  return plan;
}

static float
weight (struct weights *weights, const char *name, int64_t i)
{
  return tensor_floats (weights_find (weights, name))[i];
}

static float
output (struct plan *plan, const char *name, int64_t i)
{
  return tensor_floats (plan_output (plan, name))[i];
}

static void
fill_noise (struct tensor *tensor, uint64_t seed)
{
  for (int64_t i = 0; i < shape_size (&tensor->shape); i++)
    tensor_floats (tensor)[i] = (float) (2 * random_uniform ((struct random_key){.seed = seed}, (uint64_t) i) - 1);
}

/* Assignment */

/* Three parameters in a ring, and the old value of one of them as an output. */
static void
test_assign_swap (void)
{
  g_autoptr (graph) graph = graph_new ();
  sym p = graph_parameter (graph, "p", SHAPE (5), zero), q = graph_parameter (graph, "q", SHAPE (5), zero);
  sym r = graph_parameter (graph, "r", SHAPE (5), zero);

  graph_assign (graph, p, q);
  graph_assign (graph, q, r);
  graph_assign (graph, r, p);
  graph_output (graph, "was", p);
  g_autoptr (weights) weights = weights_for (graph);
  g_autoptr (plan) plan = compile (graph, weights);
  for (int run = 0; run < 4; run++) {
    float first = (float) (100 * (run % 3));
    g_assert_cmpfloat (weight (weights, "p", 2), ==, first + 2);
    plan_run (plan, 0, 0);
    g_assert_cmpfloat (output (plan, "was", 2), ==, first + 2);
  }
}

/* q gets a view of p's old value although p is updated by a loop that could write in place. */
static void
test_assign_view (void)
{
  g_autoptr (graph) graph = graph_new ();
  sym p = graph_parameter (graph, "p", SHAPE (2, 3), zero), q = graph_parameter (graph, "q", SHAPE (6), zero);
  sym flat = sym_reshape (p, SHAPE (6));

  graph_assign (graph, p, sym_shift (sym_neg (p), 1));
  graph_assign (graph, q, flat);
  graph_output (graph, "flat", flat);
  g_autoptr (weights) weights = weights_for (graph);
  g_autoptr (plan) plan = compile (graph, weights);
  plan_run (plan, 0, 0);
  for (int i = 0; i < 6; i++) {
    g_assert_cmpfloat (weight (weights, "p", i), ==, (float) (1 - i));
    g_assert_cmpfloat (weight (weights, "q", i), ==, (float) i);
    g_assert_cmpfloat (output (plan, "flat", i), ==, (float) i);
  }
}

/* Readers after the update in the graph's order still see the old value; the new value is read by others, is an output
 * twice and the new value of a second parameter. */
static void
test_assign_readers (void)
{
  g_autoptr (graph) graph = graph_new ();
  sym p = graph_parameter (graph, "p", SHAPE (4), zero), q = graph_parameter (graph, "q", SHAPE (4), zero);
  sym next = sym_affine (p, 2, 1);

  graph_assign (graph, p, next);
  graph_assign (graph, q, next);
  graph_output (graph, "next", next);
  graph_output (graph, "again", next);
  graph_output (graph, "after", sym_square (next));
  graph_output (graph, "old", sym_sum (sym_mul (p, sym_shift (p, 1)), AXES_ALL));
  g_autoptr (weights) weights = weights_for (graph);
  g_autoptr (plan) plan = compile (graph, weights);
  float old[4] = {0, 1, 2, 3};
  for (int run = 0; run < 3; run++) {
    float sum = 0;
    plan_run (plan, 0, 0);
    for (int i = 0; i < 4; i++) {
      sum += old[i] * (old[i] + 1);
      old[i] = 2 * old[i] + 1;
      g_assert_cmpfloat (weight (weights, "p", i), ==, old[i]);
      g_assert_cmpfloat (weight (weights, "q", i), ==, old[i]);
      g_assert_cmpfloat (output (plan, "next", i), ==, old[i]);
      g_assert_cmpfloat (output (plan, "again", i), ==, old[i]);
      g_assert_cmpfloat (output (plan, "after", i), ==, old[i] * old[i]);
    }
    g_assert_cmpfloat (output (plan, "old", 0), ==, sum);
  }
}

/* Two convolutions of single pixels whose sum looks like one with a bias. */
static void
test_two_convolutions_added (void)
{
  g_autoptr (graph) graph = graph_new ();
  sym x = graph_input (graph, "x", SHAPE (1, 4, 1, 1)), u = graph_parameter (graph, "u", SHAPE (3, 4, 1, 1), zero);
  sym v = graph_parameter (graph, "v", SHAPE (3, 4, 1, 1), zero);

  graph_output (
    graph, "y",
    sym_relu (sym_add (sym_conv2d (x, u, (struct conv_options){0}), sym_conv2d (x, v, (struct conv_options){0}))));
  g_autoptr (weights) weights = weights_for (graph);
  g_autoptr (plan) plan = compile (graph, weights);
  count_up (plan_input (plan, "x"), 1);
  plan_run (plan, 0, 0);
  for (int o = 0; o < 3; o++) {
    float wanted = 0;
    for (int i = 0; i < 4; i++)
      wanted += (float) (i + 1) * (weight (weights, "u", 4 * o + i) + weight (weights, "v", 4 * o + i));
    g_assert_cmpfloat_with_epsilon (output (plan, "y", o), wanted, 1e-5f * wanted);
  }
}

/* Inputs and outputs */

static void
test_names (void)
{
  g_autoptr (graph) graph = graph_new ();
  sym x = graph_input (graph, "x", SHAPE (2, 3)), idle = graph_input (graph, "idle", SHAPE (7));
  sym p = graph_parameter (graph, "p", SHAPE (2), zero);
  g_autoptr (tensor) five = tensor_new_scalar (5);
  struct shape shape;

  sym_neg (idle); /* nothing needs it */
  graph_output (graph, "x", x);
  graph_output (graph, "x again", x);
  graph_output (graph, "parameter", p);
  graph_output (graph, "constant", graph_constant (graph, five));
  graph_output (graph, "flat", sym_reshape (x, SHAPE (6)));
  g_autoptr (weights) weights = weights_for (graph);
  g_autoptr (plan) plan = compile (graph, weights);
  g_assert_null (plan_input (plan, "idle"));
  g_assert_null (plan_input (plan, "p"));
  g_assert_null (plan_output (plan, "nothing"));
  count_up (plan_input (plan, "x"), 10);
  plan_run (plan, 0, 0);
  g_assert_cmpfloat (output (plan, "x", 4), ==, 14);
  g_assert_cmpfloat (output (plan, "x again", 4), ==, 14);
  g_assert_cmpfloat (output (plan, "flat", 4), ==, 14);
  g_assert_cmpfloat (output (plan, "constant", 0), ==, 5);
  g_assert_cmpfloat (output (plan, "parameter", 1), ==, weight (weights, "p", 1));
  shape = plan_output (plan, "flat")->shape;
  g_assert_true (shape_equal (&shape, &SHAPE (6)));
}

static void
check_refused (struct graph *graph, struct weights *weights, int code, const char *text)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (plan) plan = plan_compile (graph, weights, NULL, &error);

  g_assert_null (plan);
  g_assert_error (error, IMPASTO_ERROR, code);
  if (strstr (error->message, text) == NULL || strchr (error->message, '\n') != NULL)
    g_error ("message is \"%s\", wanted \"%s\" in it", error->message, text);
}

static void
test_messages (void)
{
  g_autoptr (graph) graph = graph_new (), wrong = graph_new ();
  g_autoptr (weights) none = weights_new (), misshapen = weights_new (), half = weights_new ();
  g_autoptr (tensor) other = tensor_new (SHAPE (3), DTYPE_F32, NULL),
                     small = tensor_new (SHAPE (2, 3), DTYPE_F16, NULL);

  graph_push (graph, "layer");
  graph_output (graph, "y", sym_neg (graph_parameter (graph, "weight", SHAPE (2, 3), zero)));
  graph_pop (graph);
  weights_add (misshapen, "layer.weight", other);
  weights_add (half, "layer.weight", small);
  check_refused (graph, none, IMPASTO_ERROR_MODEL, "weight layer.weight is missing, the network wants F32 (2, 3)");
  check_refused (graph, NULL, IMPASTO_ERROR_MODEL, "weight layer.weight is missing");
  check_refused (graph, misshapen, IMPASTO_ERROR_MODEL, "weight layer.weight is F32 (3), the network wants F32 (2, 3)");
  check_refused (graph, half, IMPASTO_ERROR_MODEL, "weight layer.weight is F16 (2, 3), the network wants F32 (2, 3)");
  graph_output (wrong, "y", sym_add (graph_input (wrong, "a", SHAPE (2)), graph_input (wrong, "b", SHAPE (3))));
  check_refused (wrong, none, IMPASTO_ERROR_MODEL, "add");
}

/* Weights */

static void
build_conv (struct graph *graph, int c, int size)
{
  sym x = graph_input (graph, "x", SHAPE (1, c, size, size));

  for (int i = 0; i < 3; i++) {
    g_autofree char *name = g_strdup_printf ("w%d", i);
    g_autofree char *bias = g_strdup_printf ("b%d", i);
    sym w = graph_parameter (graph, name, SHAPE (c, c, 3, 3), (struct init){INIT_NORMAL, 0.1});
    x = sym_conv2d (x, w, (struct conv_options){.pad = 1});
    x = sym_relu (sym_add (x, graph_parameter (graph, bias, SHAPE (1, c, 1, 1), (struct init){INIT_UNIFORM, 0.1})));
  }
  graph_output (graph, "y", x);
}

/* The plan of changed weights after plan_refresh is that of a plan compiled with them, in either precision. */
static void
test_refresh (void)
{
  for (int precision = PRECISION_F32; precision <= PRECISION_BF16; precision++) {
    g_autoptr (graph) graph = graph_new ();
    g_autoptr (weights) weights = weights_new ();
    g_autoptr (GError) error = NULL;
    struct plan_options options = {.precision = precision};

    build_conv (graph, 16, 9);
    g_assert_true (weights_init (weights, graph, 1, &error));
    g_autoptr (plan) plan = plan_compile (graph, weights, &options, &error);
    g_assert_no_error (error);
    fill_noise (plan_input (plan, "x"), 1);
    plan_run (plan, 0, 0);
    g_autoptr (tensor) before = tensor_convert (plan_output (plan, "y"), DTYPE_F32, NULL);
    for (guint i = 0; i < weights_count (weights); i++)
      fill_noise (weights_at (weights, i), 10 + i);
    g_assert_true (plan_refresh (plan, NULL));
    plan_run (plan, 0, 0);
    g_autoptr (plan) fresh = plan_compile (graph, weights, &options, &error);
    fill_noise (plan_input (fresh, "x"), 1);
    plan_run (fresh, 0, 0);
    g_assert_cmpmem (plan_output (plan, "y")->data, before->size, plan_output (fresh, "y")->data, before->size);
    g_assert_cmpint (memcmp (before->data, plan_output (fresh, "y")->data, before->size), !=, 0);
  }
}

/* A batch normalisation behind a convolution costs nothing: one step, with the convolution's own bias or without. */
static void
test_absorbed (void)
{
  for (int biased = 0; biased < 2; biased++) {
    g_autoptr (graph) graph = graph_new ();
    g_autoptr (weights) weights = weights_new ();
    g_autoptr (GError) error = NULL;
    struct init init = {INIT_NORMAL, 0.3};
    struct shape row = SHAPE (1, 16, 1, 1);
    sym x = graph_input (graph, "x", SHAPE (1, 8, 9, 10));
    sym y = sym_conv2d (x, graph_parameter (graph, "w", SHAPE (16, 8, 3, 3), init), (struct conv_options){.pad = 1});

    if (biased)
      y = sym_add (y, graph_parameter (graph, "bias", row, init));
    y = sym_mul (sym_sub (y, graph_parameter (graph, "mean", row, init)), graph_parameter (graph, "scale", row, init));
    graph_output (graph, "y", sym_relu (sym_add (y, graph_parameter (graph, "shift", row, init))));
    g_assert_true (weights_init (weights, graph, 1, &error));
    g_autoptr (plan) plan = plan_compile (graph, weights, &(struct plan_options){.precision = PRECISION_F32}, &error);
    g_assert_no_error (error);
    g_autofree char *text = plan_text (plan);
    const char *conv = strstr (text, "conv2d");
    g_assert_nonnull (conv);
    g_assert_null (strstr (text, "loop"));
  }
}

/* Attention in its parts becomes one step, whose scores are never whole. */
static void
test_attention (void)
{
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (GError) error = NULL;
  sym q = graph_input (graph, "q", SHAPE (4, 300, 16)), k = graph_input (graph, "k", SHAPE (4, 300, 16));
  sym v = graph_input (graph, "v", SHAPE (4, 300, 16));
  sym scores = sym_div (sym_matmul (q, sym_permute (k, (const int[]){0, 2, 1})), graph_scalar (graph, 4));

  graph_output (graph, "y", sym_matmul (sym_softmax (scores, 2), v));
  g_autoptr (plan) plan = plan_compile (graph, NULL, &(struct plan_options){.precision = PRECISION_F32}, &error);
  g_assert_no_error (error);
  g_autofree char *text = plan_text (plan);
  g_assert_nonnull (strstr (text, "attention"));
  g_assert_null (strstr (text, "softmax"));
  g_assert_null (strstr (text, "permute"));
}

/* What is computed from weights alone is no step, and is computed again by plan_refresh. */
static void
test_constants (void)
{
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (weights) weights = weights_new ();
  g_autoptr (GError) error = NULL;
  struct init init = {INIT_NORMAL, 0.3};
  sym w = graph_parameter (graph, "w", SHAPE (5, 3), init),
      scale = graph_parameter (graph, "scale", SHAPE (5, 1), init);
  sym known = sym_exp (sym_permute (sym_mul (w, scale), (const int[]){1, 0}));

  graph_output (graph, "known", known);
  graph_output (graph, "y", sym_matmul (graph_input (graph, "x", SHAPE (2, 3)), known));
  g_assert_true (weights_init (weights, graph, 1, &error));
  g_autoptr (plan) plan = plan_compile (graph, weights, NULL, &error);
  g_assert_no_error (error);
  g_autofree char *text = plan_text (plan);
  g_assert_null (strstr (text, "permute"));
  g_assert_null (strstr (text, "exp"));
  for (int round = 0; round < 2; round++) {
    const float *a = tensor_floats (weights_find (weights, "w")), *s = tensor_floats (weights_find (weights, "scale"));

    plan_run (plan, 0, 0);
    for (int i = 0; i < 15; i++) {
      float want = expf (a[i % 5 * 3 + i / 5] * s[i % 5]);
      g_assert_cmpfloat_with_epsilon (tensor_floats (plan_output (plan, "known"))[i], want, 1e-5);
    }
    fill_noise (weights_find (weights, "w"), 5);
    g_assert_true (plan_refresh (plan, NULL));
  }
}

static void
test_init (void)
{
  g_autoptr (graph) a = graph_new (), b = graph_new ();
  g_autoptr (weights) one = weights_new (), two = weights_new (), other = weights_new ();
  double sum = 0, square = 0;
  int64_t n = 16 * 16 * 9;

  build_conv (a, 16, 9);
  graph_parameter (b, "unrelated", SHAPE (3), (struct init){INIT_CONSTANT, 2.5});
  build_conv (b, 16, 9);
  weights_init (one, a, 7, NULL);
  weights_init (two, b, 7, NULL);
  weights_init (other, a, 8, NULL);
  g_assert_cmpfloat (weight (two, "unrelated", 2), ==, 2.5);
  for (guint i = 0; i < weights_count (one); i++) { /* by name: what else is in the graph does not matter */
    const char *name = weights_name (one, i);
    struct tensor *x = weights_at (one, i), *y = weights_find (two, name), *z = weights_find (other, name);
    g_assert_cmpmem (x->data, x->size, y->data, y->size);
    g_assert_cmpint (memcmp (x->data, z->data, x->size), !=, 0);
  }
  for (int64_t i = 0; i < n; i++) {
    sum += weight (one, "w1", i);
    square += weight (one, "w1", i) * weight (one, "w1", i);
  }
  g_assert_cmpfloat_with_epsilon (sum / (double) n, 0, 0.01);
  g_assert_cmpfloat_with_epsilon (sqrt (square / (double) n), 0.1, 0.01);
  fill_noise (weights_find (one, "w0"), 3);
  float kept = weight (one, "w0", 0);
  weights_init (one, a, 7, NULL);
  g_assert_cmpfloat (weight (one, "w0", 0), ==, kept);
}

/* Randomness: a function of seed and step. */
static void
test_seed_and_step (void)
{
  g_autoptr (graph) graph = graph_new ();
  float first[4];

  graph_output (graph, "y", sym_affine (sym_uniform (graph, SHAPE (50), 3), 2, -1));
  g_autoptr (plan) plan = compile (graph, NULL);
  for (int i = 0; i < 4; i++) {
    plan_run (plan, i & 1, i >> 1);
    first[i] = output (plan, "y", 7);
    for (int j = 0; j < i; j++)
      g_assert_cmpfloat (first[i], !=, first[j]);
  }
  plan_run (plan, 0, 0);
  g_assert_cmpfloat (output (plan, "y", 7), ==, first[0]);
}

/* Memory */

static void
test_memory_limit (void)
{
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (GError) error = NULL;
  sym x = graph_input (graph, "x", SHAPE (1, 8, 4096, 4096)); /* 512 MiB */
  uint64_t needed = 0;
  uint64_t before = process_bytes ("VmRSS:");

  graph_output (
    graph, "y",
    sym_avg_pool (sym_pad (sym_tanh (sym_pad (x, PAD_REFLECT, 1, 1, 1, 1)), PAD_ZERO, 1, 1, 1, 1), 2, 2, 0));
  struct plan_options options = {.precision = PRECISION_F32, .memory_limit = 1 << 30, .needed = &needed};
  g_autoptr (plan) plan = plan_compile (graph, NULL, &options, &error);
  g_assert_null (plan);
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY);
  g_assert_nonnull (strstr (error->message, "1024 MiB are allowed"));
  g_assert_cmpuint (needed, >, 1u << 30);
  g_assert_cmpuint (process_bytes ("VmRSS:"), <, before + (32 << 20));
}

/* The limit is what plan_memory counts, to the byte. */
static void
test_memory_exact (void)
{
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (weights) weights = weights_new ();
  uint64_t needed = 0, again = 0;

  build_conv (graph, 8, 16);
  weights_init (weights, graph, 1, NULL);
  struct plan_options options = {.precision = PRECISION_F32, .needed = &needed};
  g_autoptr (plan) plan = plan_compile (graph, weights, &options, NULL);
  g_assert_cmpuint (plan_memory (plan), ==, needed);
  g_assert_cmpuint (needed, >=, 2 * 8 * 16 * 16 * sizeof (float)); /* at least its input and output */
  options.memory_limit = needed;
  options.needed = &again;
  g_autoptr (plan) fits = plan_compile (graph, weights, &options, NULL);
  g_assert_nonnull (fits);
  g_assert_cmpuint (again, ==, needed);
  options.memory_limit = needed - 1;
  g_assert_null (plan_compile (graph, weights, &options, NULL));
}

static bool
alive_together (const struct span *a, const struct span *b)
{
  return a->first <= b->last && b->first <= a->last;
}

static void
check_packing (struct span *spans, int n, int steps)
{
  size_t total = memory_pack (spans, n), largest = 0, sum = 0;

  for (int i = 0; i < n; i++) {
    g_assert_cmpuint (spans[i].offset % 64, ==, 0);
    g_assert_cmpuint (spans[i].offset + spans[i].size, <=, total);
    sum += (spans[i].size + 63) / 64 * 64;
    for (int j = 0; j < i; j++)
      if (alive_together (&spans[i], &spans[j]))
        g_assert_true (spans[i].offset + spans[i].size <= spans[j].offset ||
                       spans[j].offset + spans[j].size <= spans[i].offset);
  }
  for (int step = 0; step < steps; step++) {
    size_t live = 0;
    for (int i = 0; i < n; i++)
      live += spans[i].first <= step && step <= spans[i].last ? spans[i].size : 0;
    largest = MAX (largest, live);
  }
  g_assert_cmpuint (total, >=, largest);
  g_assert_cmpuint (total, <=, sum);
}

static void
test_packing (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (4);
  struct span spans[80], again[80];

  g_assert_cmpuint (memory_pack (spans, 0), ==, 0);
  for (int round = 0; round < 500; round++) {
    int n = g_rand_int_range (rand, 1, 80), steps = g_rand_int_range (rand, 1, 40);
    for (int i = 0; i < n; i++) {
      spans[i].first = g_rand_int_range (rand, 0, steps);
      spans[i].last = MIN (steps - 1, spans[i].first + g_rand_int_range (rand, 0, 1 + steps / (1 + round % 4)));
      spans[i].size = (size_t) g_rand_int_range (rand, 1, round % 3 == 0 ? 200 : 100000);
    }
    memcpy (again, spans, sizeof spans);
    check_packing (spans, n, steps);
    memory_pack (again, n);
    for (int i = 0; i < n; i++)
      g_assert_cmpuint (again[i].offset, ==, spans[i].offset);
  }
  struct span chain[20]; /* each lives with the next only: two buffers' worth */
  for (int i = 0; i < 20; i++)
    chain[i] = (struct span){.first = i, .last = i + 1, .size = 640};
  g_assert_cmpuint (memory_pack (chain, 20), ==, 1280);
}

/* A chain of equal pictures needs two buffers however long it is. */
static void
test_workspace_is_shared (void)
{
  uint64_t needed[2];

  for (int k = 0; k < 2; k++) {
    g_autoptr (graph) graph = graph_new ();
    sym x = graph_input (graph, "x", SHAPE (1, 16, 64, 64));
    for (int i = 0; i < (k == 0 ? 4 : 40); i++)
      x = sym_slice (sym_pad (sym_sin (x), PAD_REFLECT, 1, 1, 1, 1), 2, 1, 65, 1), x = sym_slice (x, 3, 1, 65, 1);
    graph_output (graph, "y", x);
    g_autoptr (plan) plan =
      plan_compile (graph, NULL, &(struct plan_options){PRECISION_F32, .needed = &needed[k]}, NULL);
    g_assert_nonnull (plan);
  }
  g_assert_cmpuint (needed[1], ==, needed[0]);
}

int
main (int argc, char **argv)
{
  static const struct {
    const char *name;
    void (*run) (void);
  } tests[] = {
    {"assign/swap", test_assign_swap},
    {"assign/view", test_assign_view},
    {"assign/readers", test_assign_readers},
    {"two-convolutions-added", test_two_convolutions_added},
    {"names", test_names},
    {"messages", test_messages},
    {"absorbed", test_absorbed},
    {"attention", test_attention},
    {"constants", test_constants},
    {"refresh", test_refresh},
    {"init", test_init},
    {"seed-and-step", test_seed_and_step},
    {"memory/limit", test_memory_limit},
    {"memory/exact", test_memory_exact},
    {"memory/packing", test_packing},
    {"memory/shared", test_workspace_is_shared},
  };

  g_test_init (&argc, &argv, NULL);
  for (size_t i = 0; i < G_N_ELEMENTS (tests); i++) {
    g_autofree char *path = g_strdup_printf ("/plan/%s", tests[i].name);
    g_test_add_func (path, tests[i].run);
  }
  return g_test_run ();
}
