/* SPDX-License-Identifier: Apache-2.0
 *
 * What arithmetic.c, activation.c, reduce.c and random.c compose or decide beyond a single op's formula: softmax,
 * means, variance, undoing a broadcast, dropout; how gradients are shared between equals; random kernels in every
 * layout. The single ops against their references and differences: test_ops.c. */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "compile/grad.h"
#include "compile/reference.h"
#include "device/kernel.h"
#include "graph/op.h"
#include "op/sym.h"

#define SEED 5
#define RUN_STEP 9

/* A graph with one input of values; other leaves are constants. */
struct fixture {
  struct graph *graph;
  sym x;
  double *values;
};

static void
fixture_clear (struct fixture *fixture)
{
  g_clear_pointer (&fixture->graph, graph_free);
  g_clear_pointer (&fixture->values, g_free);
}
typedef struct fixture fixture;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (fixture, fixture_clear)

static struct fixture
given (struct shape shape, const double *values)
{
  struct fixture fixture = {.graph = graph_new ()};

  fixture.x = graph_input (fixture.graph, "x", shape);
  fixture.values = g_memdup2 (values, (size_t) shape_size (&shape) * sizeof (double));
  return fixture;
}

static struct fixture
given_normal (struct shape shape)
{
  g_autofree double *values = g_new (double, shape_size (&shape));

  for (int64_t i = 0; i < shape_size (&shape); i++)
    values[i] = random_normal ((struct random_key){.seed = SEED}, (uint64_t) i);
  return given (shape, values);
}

static double *
evaluate_at (const struct fixture *fixture, sym want, uint64_t step)
{
  g_autofree const double **leaf = g_new0 (const double *, graph_count (fixture->graph));
  g_autoptr (GError) error = NULL;
  double *value = NULL;

  graph_check (fixture->graph, &error);
  g_assert_no_error (error);
  leaf[fixture->x.id] = fixture->values;
  reference_evaluate (fixture->graph, leaf, SEED, step, &want, 1, &value, &error);
  g_assert_no_error (error);
  return value;
}

static void
check (const struct fixture *fixture, sym got, const double *want)
{
  g_autofree double *value = evaluate_at (fixture, got, RUN_STEP);
  struct shape shape = sym_shape (got);

  for (int64_t i = 0; i < shape_size (&shape); i++)
    g_assert_cmpfloat_with_epsilon (value[i], want[i], 1e-12);
}

static void
check_equal (const struct fixture *fixture, sym a, sym b)
{
  g_autofree double *want = evaluate_at (fixture, b, RUN_STEP);
  struct shape as = sym_shape (a), bs = sym_shape (b);

  g_assert_true (shape_equal (&as, &bs));
  check (fixture, a, want);
}

static void
check_fails (struct fixture *fixture, const char *message)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (graph_check (fixture->graph, &error));
  if (strstr (error->message, message) == NULL)
    g_error ("got \"%s\", wants \"%s\"", error->message, message);
}

/* d sum (r y) / dx for weights r = 1, 2, 3 ... that tell the elements apart. */
static sym
weighted_gradient (const struct fixture *fixture, sym y)
{
  struct shape shape = sym_shape (y);
  g_autoptr (tensor) weights = tensor_new (shape, DTYPE_F32, NULL);
  sym dx;

  for (int64_t i = 0; i < shape_size (&shape); i++)
    tensor_floats (weights)[i] = (float) (i + 1);
  graph_gradient_from (y, graph_constant (fixture->graph, weights), &fixture->x, 1, &dx);
  return dx;
}

/* Softmax */

static void
test_softmax (void)
{
  static const double logits[] = {0, 1, 2, 1000, 1001, 1000}; /* exp 1000 is beyond a double */
  g_auto (fixture) f = given (SHAPE (2, 3), logits);
  double e1 = exp (1), e2 = exp (2), a = 1 + e1 + e2, b = 2 + e1;
  double want[] = {1 / a, e1 / a, e2 / a, 1 / b, e1 / b, 1 / b}, logs[6];
  sym y = sym_softmax (f.x, 1);

  for (int i = 0; i < 6; i++)
    logs[i] = log (want[i]);
  check (&f, y, want);
  check (&f, sym_log_softmax (f.x, 1), logs);
  check (&f, sym_sum (y, AXIS (1)), (double[]){1, 1});
}

/* dx = y (r - sum (r y)) */
static void
test_softmax_gradient (void)
{
  g_auto (fixture) f = given_normal (SHAPE (2, 4, 3));
  sym y = sym_softmax (f.x, 1), dx = weighted_gradient (&f, y);
  g_autofree double *dy = evaluate_at (&f, dx, 0), *p = evaluate_at (&f, y, 0);

  for (int n = 0; n < 2; n++)
    for (int i = 0; i < 3; i++) {
      double mean = 0;

      for (int c = 0; c < 4; c++)
        mean += ((n * 4 + c) * 3 + i + 1) * p[(n * 4 + c) * 3 + i];
      for (int c = 0; c < 4; c++) {
        int k = (n * 4 + c) * 3 + i;
        g_assert_cmpfloat_with_epsilon (dy[k], p[k] * (k + 1 - mean), 1e-12);
      }
    }
}

static void
test_softmax_axis (void)
{
  g_auto (fixture) f = given_normal (SHAPE (2, 3));

  g_assert_true (sym_null (sym_log_softmax (f.x, 2)));
  check_fails (&f, "softmax: axis 2 of a value of rank 2");
}

/* Reductions */

static void
test_mean (void)
{
  static const double values[] = {1, 2, 3, 4, 5, 9};
  g_auto (fixture) f = given (SHAPE (2, 3), values);

  check (&f, sym_mean (f.x, AXIS (1)), (double[]){2, 6});
  check (&f, sym_mean (f.x, AXIS (0)), (double[]){2.5, 3.5, 6});
  check (&f, sym_mean (f.x, AXES_ALL), (double[]){4});
  check (&f, sym_max (f.x, AXES_ALL), (double[]){9});
  check (&f, sym_variance (f.x, AXIS (1)), (double[]){2. / 3, 14. / 3});
  g_assert_cmpint (sym_shape (sym_mean (f.x, AXES_ALL)).rank, ==, 2);
}

/* Where there is one element to reduce, no node is added. */
static void
test_nothing_to_reduce (void)
{
  static const double value = 3;
  g_auto (fixture) f = given (SHAPE (1, 1), &value);

  g_assert_cmpint (sym_sum (f.x, AXES_ALL).id, ==, f.x.id);
  g_assert_cmpint (sym_mean (f.x, AXIS (1)).id, ==, f.x.id);
  g_assert_cmpint (sym_max (f.x, 0).id, ==, f.x.id);
  check (&f, sym_variance (f.x, AXES_ALL), (double[]){0});
  g_assert_true (sym_null (sym_sum (f.x, AXIS (2))));
  check_fails (&f, "axes 0x4 of a value of rank 2");
}

/* The op, its decomposition, and the gradient of either are the same. */
static void
test_variance (void)
{
  static const unsigned sets[] = {AXES_HW, AXES_NHW, AXIS (1), AXES_ALL};

  for (size_t i = 0; i < G_N_ELEMENTS (sets); i++) {
    g_auto (fixture) f = given_normal (SHAPE (2, 3, 4, 5));
    sym whole = sym_variance (f.x, sets[i]);
    sym parts = sym_mean (sym_square (sym_sub (f.x, sym_mean (f.x, sets[i]))), sets[i]);
    const struct node *node = sym_node (whole);

    g_assert_cmpstr (node->op->name, ==, "variance");
    check_equal (&f, whole, parts);
    check_equal (&f, node->op->decompose (node->attrs, &f.x, 1), parts);
    check_equal (&f, weighted_gradient (&f, whole), weighted_gradient (&f, parts));
  }
}

static void
test_sum_to (void)
{
  static const double values[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  g_auto (fixture) f = given (SHAPE (2, 2, 3), values);

  check (&f, sym_sum_to (f.x, SHAPE (2, 3)), (double[]){8, 10, 12, 14, 16, 18});
  check (&f, sym_sum_to (f.x, SHAPE (2, 1)), (double[]){30, 48});
  check (&f, sym_sum_to (f.x, SHAPE (2, 1, 3)), (double[]){5, 7, 9, 17, 19, 21});
  check (&f, sym_sum_to (f.x, SHAPE_SCALAR), (double[]){78});
  g_assert_cmpint (sym_shape (sym_sum_to (f.x, SHAPE_SCALAR)).rank, ==, 0);
  g_assert_cmpint (sym_sum_to (f.x, SHAPE (2, 2, 3)).id, ==, f.x.id);
  g_assert_true (sym_null (sym_sum_to (f.x, SHAPE (3, 3))));
  check_fails (&f, "sum_to: (2, 2, 3) is no broadcast of (3, 3)");
}

/* Gradients where operands are equal, and at the bounds of a clamp */

static void
test_ties (void)
{
  static const double values[] = {1, 3, 3, 0, 3, -1, -1, -2};
  g_auto (fixture) f = given (SHAPE (2, 4), values);
  sym three = graph_scalar (f.graph, 3);

  check (&f, weighted_gradient (&f, sym_max (f.x, AXIS (1))), (double[]){0, 0.5, 0.5, 0, 2, 0, 0, 0});
  check (&f, weighted_gradient (&f, sym_maximum (f.x, three)), (double[]){0, 1, 1.5, 0, 2.5, 0, 0, 0});
  check (&f, weighted_gradient (&f, sym_minimum (f.x, three)), (double[]){1, 1, 1.5, 4, 2.5, 6, 7, 8});
  check (&f, weighted_gradient (&f, sym_clamp (f.x, -1, 2)), (double[]){1, 0, 0, 4, 0, 6, 7, 0});
  check (&f, weighted_gradient (&f, sym_abs (f.x)), (double[]){1, 2, 3, 0, 5, -6, -7, -8});
}

/* ReLU's gradient reads the output: nothing in it depends on the input itself. */
static void
test_relu_keeps_output (void)
{
  static const double values[] = {-2, -0.5, 0, 3};
  g_auto (fixture) f = given (SHAPE (4), values);
  sym y = sym_leaky_relu (f.x, 0.25), dx = weighted_gradient (&f, y);

  check (&f, y, (double[]){-0.5, -0.125, 0, 3});
  check (&f, dx, (double[]){0.25, 0.5, 0.75, 4});
  g_assert_cmpstr (sym_node (dx)->op->name, ==, "relu_back");
  g_assert_cmpint (sym_node (dx)->input[0], ==, y.id);
}

/* Random values */

static void
test_dropout (void)
{
  g_autofree double *ones = g_new (double, 10000);

  for (int i = 0; i < 10000; i++)
    ones[i] = 1;
  g_auto (fixture) f = given (SHAPE (100, 100), ones);
  sym y = sym_dropout (f.x, 0.2, 3);
  g_autofree double *a = evaluate_at (&f, y, 1), *again = evaluate_at (&f, y, 1), *other = evaluate_at (&f, y, 2);
  g_autofree double *dx = evaluate_at (&f, weighted_gradient (&f, y), 1);
  int dropped = 0, differ = 0;

  for (int i = 0; i < 10000; i++) {
    dropped += a[i] == 0;
    differ += a[i] != other[i];
    if (a[i] != 0)
      g_assert_cmpfloat_with_epsilon (a[i], 1.25, 1e-7);
    g_assert_cmpfloat_with_epsilon (dx[i], a[i] * (i + 1), 1e-3);
  }
  g_assert_cmpint (ABS (dropped - 2000), <, 160); /* four standard deviations */
  g_assert_cmpint (ABS (differ - 3200), <, 190);
  g_assert_cmpmem (a, 10000 * sizeof (double), again, 10000 * sizeof (double));
  g_assert_cmpint (sym_dropout (f.x, 0, 3).id, ==, f.x.id);
  g_assert_true (sym_null (sym_dropout (f.x, 1, 3)));
  check_fails (&f, "dropout: rate 1");
}

/* The kernel of @s in a layout and type, read back row-major. */
static void
check_random_kernel (sym s, enum layout layout, enum dtype dtype)
{
  const struct node *node = sym_node (s);
  int64_t n = shape_size (&node->shape);
  g_autofree double *want = g_new0 (double, n);
  g_autofree void *data = g_malloc0 ((size_t) n * 4), *scratch = NULL;
  g_autofree float *got = g_new (float, n);
  struct value y = {.shape = node->shape, .layout = layout, .dtype = dtype, .data = data};
  struct value plain = {.shape = node->shape, .layout = LAYOUT_PLAIN, .dtype = DTYPE_F32, .data = got};
  struct kernel kernel = {.attrs = node->attrs, .y = &y};
  struct op_call call = {.attrs = node->attrs, .y_shape = &node->shape, .y = want, .seed = SEED, .step = RUN_STEP};

  node->op->reference (&call);
  g_assert_true (node->op->prepare (&kernel, NULL));
  scratch = g_malloc (kernel.scratch + 1);
  kernel.run (&kernel, scratch, &(struct run_context){.seed = SEED, .step = RUN_STEP});
  value_copy (&plain, &y);
  for (int64_t i = 0; i < n; i++) {
    float x = (float) want[i];
    g_assert_cmpfloat (got[i], ==, dtype == DTYPE_F32 ? x : bfloat_to_float (bfloat_from_float (x)));
  }
  kernel_clear (&kernel);
}

static void
test_random_kernels (void)
{
  g_autoptr (graph) graph = graph_new ();
  sym draws[] = {sym_uniform (graph, SHAPE (2, 19, 17, 13), 1), sym_normal (graph, SHAPE (1, 3, 45, 67), 2)};

  for (size_t i = 0; i < G_N_ELEMENTS (draws); i++) {
    check_random_kernel (draws[i], LAYOUT_PLAIN, DTYPE_F32);
    check_random_kernel (draws[i], LAYOUT_LAST, DTYPE_F32);
    check_random_kernel (draws[i], LAYOUT_PLAIN, DTYPE_BF16);
    check_random_kernel (draws[i], LAYOUT_LAST, DTYPE_BF16);
  }
}

/* Moments of a hundred thousand draws; another stream gives other numbers. */
static void
test_random_values (void)
{
  g_autoptr (graph) graph = graph_new ();
  sym want[] = {sym_uniform (graph, SHAPE (100000), 1), sym_normal (graph, SHAPE (100000), 2),
                sym_uniform (graph, SHAPE (100000), 3)};
  g_autofree const double **leaf = g_new0 (const double *, graph_count (graph));
  double *value[3], mean[2] = {0}, square[2] = {0};

  g_assert_true (reference_evaluate (graph, leaf, SEED, RUN_STEP, want, 3, value, NULL));
  for (int i = 0; i < 100000; i++)
    for (int k = 0; k < 2; k++) {
      mean[k] += value[k][i] / 100000;
      square[k] += value[k][i] * value[k][i] / 100000;
    }
  g_assert_cmpfloat_with_epsilon (mean[0], 0.5, 0.004);
  g_assert_cmpfloat_with_epsilon (square[0], 1. / 3, 0.004);
  g_assert_cmpfloat_with_epsilon (mean[1], 0, 0.013);
  g_assert_cmpfloat_with_epsilon (square[1], 1, 0.018);
  g_assert_cmpfloat (value[0][0], !=, value[2][0]);
  for (int k = 0; k < 3; k++)
    g_free (value[k]);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/softmax/values", test_softmax);
  g_test_add_func ("/softmax/gradient", test_softmax_gradient);
  g_test_add_func ("/softmax/axis", test_softmax_axis);
  g_test_add_func ("/reduce/mean", test_mean);
  g_test_add_func ("/reduce/nothing", test_nothing_to_reduce);
  g_test_add_func ("/reduce/variance", test_variance);
  g_test_add_func ("/reduce/sum-to", test_sum_to);
  g_test_add_func ("/gradient/ties", test_ties);
  g_test_add_func ("/gradient/relu", test_relu_keeps_output);
  g_test_add_func ("/random/dropout", test_dropout);
  g_test_add_func ("/random/kernels", test_random_kernels);
  g_test_add_func ("/random/values", test_random_values);
  return g_test_run ();
}
