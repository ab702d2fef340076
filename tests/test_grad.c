/* SPDX-License-Identifier: Apache-2.0
 *
 * Reverse mode and the reference interpreter as such: sharing, zeros, stops, scopes, decomposed ops, errors, against
 * derivatives worked out by hand. The rules of the single ops are tested in test_ops.c. */
#include <math.h>
#include <string.h>

#include "compile/grad.h"
#include "compile/reference.h"
#include "graph/op.h"
#include "impasto/error.h"
#include "op/sym.h"

#define N 3

static const double at[N] = {-1.5, 0.25, 2};

struct fixture {
  struct graph *graph;
  sym x; /* (N), valued at[] */
};

static void
set_up (struct fixture *fixture, gconstpointer data)
{
  fixture->graph = graph_new ();
  fixture->x = graph_input (fixture->graph, "x", SHAPE (N));
}

static void
tear_down (struct fixture *fixture, gconstpointer data)
{
  graph_free (fixture->graph);
}

/* Values of @want, every input being at[]; the graph must have no error. */
static double *
evaluate (struct fixture *fixture, sym want)
{
  g_autofree const double **leaf = g_new0 (const double *, graph_count (fixture->graph));
  g_autoptr (GError) error = NULL;
  double *value = NULL;

  for (int id = 0; id < graph_count (fixture->graph); id++)
    leaf[id] = at;
  reference_evaluate (fixture->graph, leaf, 1, 1, &want, 1, &value, &error);
  g_assert_no_error (error);
  return value;
}

/* @want has N elements, polynomial(x) = sum of c[k] x^k. */
static void
assert_polynomial (struct fixture *fixture, sym want, double c0, double c1, double c2, double c3)
{
  g_autofree double *value = evaluate (fixture, want);

  g_assert_cmpint (sym_shape (want).rank, ==, 1);
  g_assert_cmpint (sym_shape (want).dim[0], ==, N);
  for (int i = 0; i < N; i++)
    g_assert_cmpfloat_with_epsilon (value[i], c0 + at[i] * (c1 + at[i] * (c2 + at[i] * c3)), 1e-12);
}

static sym
gradient_of_sum (sym y, sym x)
{
  sym dx;

  graph_gradient (sym_sum (y, AXES_ALL), &x, 1, &dx);
  return dx;
}

static void
assert_error (struct graph *graph, const char *message)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (graph_check (graph, &error));
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MODEL);
  g_assert_cmpstr (error->message, ==, message);
}

/* x^2 x + x + x: every use of x counts. */
static void
test_shared (struct fixture *fixture, gconstpointer data)
{
  sym x = fixture->x, y = sym_add (sym_add (sym_mul (sym_square (x), x), x), x);

  assert_polynomial (fixture, gradient_of_sum (y, x), 2, 0, 3, 0);
}

static void
test_independent (struct fixture *fixture, gconstpointer data)
{
  sym other = graph_input (fixture->graph, "other", SHAPE (2, 3)), later, dx;
  g_autofree double *value = NULL;

  dx = gradient_of_sum (sym_square (fixture->x), other);
  g_assert_cmpint (sym_shape (dx).rank, ==, 2);
  value = evaluate (fixture, dx);
  for (int i = 0; i < 6; i++)
    g_assert_cmpfloat (value[i], ==, 0);
  later = sym_exp (sym_square (fixture->x)); /* a node that comes after y */
  assert_polynomial (fixture, gradient_of_sum (sym_square (fixture->x), later), 0, 0, 0, 0);
}

static void
test_stop (struct fixture *fixture, gconstpointer data)
{
  sym x = fixture->x, y = sym_mul (sym_stop_gradient (sym_square (x)), x);

  assert_polynomial (fixture, gradient_of_sum (y, x), 0, 0, 1, 0);
  assert_polynomial (fixture, gradient_of_sum (sym_stop_gradient (x), x), 0, 0, 0, 0);
}

/* y = u x with u = x^2: with respect to both at once, u's own share flows on to x. */
static void
test_intermediate (struct fixture *fixture, gconstpointer data)
{
  sym x = fixture->x, u = sym_square (x), dx[2];

  graph_gradient (sym_sum (sym_mul (u, x), AXES_ALL), (const sym[]){u, x}, 2, dx);
  assert_polynomial (fixture, dx[0], 0, 1, 0, 0);
  assert_polynomial (fixture, dx[1], 0, 0, 3, 0);
}

static void
test_seed (struct fixture *fixture, gconstpointer data)
{
  sym x = fixture->x, y = sym_square (x), dx;

  graph_gradient_from (y, y, &x, 1, &dx);
  assert_polynomial (fixture, dx, 0, 0, 0, 2);
  graph_gradient_from (y, x, &y, 1, &dx);
  g_assert_cmpint (dx.id, ==, x.id);
}

/* y = sum x^3, g = 3 x^2, sum g^2 = 9 sum x^4, its gradient 36 x^3; and the fourth derivative of x^4 is 24. */
static void
test_again (struct fixture *fixture, gconstpointer data)
{
  sym x = fixture->x, y = sym_mul (sym_square (x), x), g = gradient_of_sum (y, x);

  assert_polynomial (fixture, gradient_of_sum (sym_square (g), x), 0, 0, 0, 36);
  y = sym_square (sym_square (x));
  for (int i = 0; i < 4; i++)
    y = gradient_of_sum (y, x);
  assert_polynomial (fixture, y, 24, 0, 0, 0);
}

static void
test_scope (struct fixture *fixture, gconstpointer data)
{
  int before;
  sym y;

  graph_push (fixture->graph, "critic");
  y = sym_sum (sym_exp (fixture->x), AXES_ALL);
  before = graph_count (fixture->graph);
  gradient_of_sum (y, fixture->x);
  graph_pop (fixture->graph);
  g_assert_cmpint (graph_count (fixture->graph), >, before);
  for (int id = before; id < graph_count (fixture->graph); id++)
    g_assert_cmpstr (graph_node (fixture->graph, id)->scope, ==, "critic.gradient");
  g_assert_cmpstr (sym_node (sym_neg (fixture->x))->scope, ==, "");
}

/* What x does not influence is not differentiated. */
static void
test_skipped (struct fixture *fixture, gconstpointer data)
{
  sym weight = graph_input (fixture->graph, "weight", SHAPE (N)), y = fixture->x, dx;
  int before;

  for (int i = 0; i < 50; i++)
    y = sym_tanh (y);
  y = sym_sum (sym_mul (y, weight), AXES_ALL);
  before = graph_count (fixture->graph);
  graph_gradient (y, &weight, 1, &dx);
  g_assert_cmpint (graph_count (fixture->graph) - before, <, 8);
}

static bool
first_shape (const void *attrs, const struct shape *const *x, int n, struct shape *y, GError **error)
{
  *y = *x[0];
  return true;
}

/* a b + a */
static sym
product_plus (const void *attrs, const sym *x, int n_inputs)
{
  return sym_add (sym_mul (x[0], x[1]), x[0]);
}

static const struct op op_product_plus = {
  .name = "product_plus",
  .min_inputs = 2,
  .max_inputs = 2,
  .shape = first_shape,
  .decompose = product_plus,
};

/* With b = a^2 the op gives a^3 + a. That b depends on a must count once, though both are inputs. */
static void
test_decomposed (struct fixture *fixture, gconstpointer data)
{
  sym a = fixture->x, b = sym_square (a), dx[2];
  sym y = graph_add (fixture->graph, &op_product_plus, (const sym[]){a, b}, 2, NULL);

  assert_polynomial (fixture, y, 0, 1, 0, 1);
  graph_gradient (sym_sum (y, AXES_ALL), (const sym[]){a, b}, 2, dx);
  assert_polynomial (fixture, dx[0], 1, 0, 3, 0);
  assert_polynomial (fixture, dx[1], 0, 1, 0, 0);
  assert_polynomial (fixture, gradient_of_sum (dx[0], a), 0, 6, 0, 0);
}

static void
long_gradient (const void *attrs, const sym *x, int n, sym y, sym dy, const bool *wanted, sym *dx)
{
  dx[0] = sym_broadcast (dy, SHAPE (2, N));
}

static const struct op op_rough = {.name = "rough", .min_inputs = 1, .max_inputs = 1, .shape = first_shape};
static const struct op op_long = {
  .name = "long",
  .min_inputs = 1,
  .max_inputs = 1,
  .shape = first_shape,
  .gradient = long_gradient,
};

static void
test_mistakes (struct fixture *fixture, gconstpointer data)
{
  static const char *const messages[] = {
    "gradient: rough: has no gradient",
    "gradient: long: its gradient is (2, 3), the input is (3)",
    "gradient: the value is (3), wanted a single number",
    "gradient: the seed is (), the value (3)",
    "gradient: a value or its seed is missing or belongs to another graph",
  };

  for (size_t i = 0; i < G_N_ELEMENTS (messages); i++) {
    struct fixture own;
    sym dx, none = {NULL, -1};

    set_up (&own, NULL);
    if (i < 2)
      gradient_of_sum (graph_add (own.graph, i == 0 ? &op_rough : &op_long, &own.x, 1, NULL), own.x);
    else if (i == 2)
      graph_gradient (own.x, &own.x, 1, &dx);
    else if (i == 3)
      graph_gradient_from (own.x, graph_scalar (own.graph, 1), &own.x, 1, &dx);
    else
      graph_gradient_from (own.x, own.x, &none, 1, &dx);
    if (i >= 2)
      g_assert_true (sym_null (dx));
    assert_error (own.graph, messages[i]);
    tear_down (&own, NULL);
  }
}

static void
test_null (struct fixture *fixture, gconstpointer data)
{
  sym none = {NULL, -1}, dx[2] = {fixture->x, fixture->x};

  graph_gradient (none, (const sym[]){none, none}, 2, dx);
  g_assert_true (sym_null (dx[0]));
  g_assert_true (sym_null (dx[1]));
  graph_fail (fixture->graph, "earlier");
  graph_gradient ((sym){fixture->graph, -1}, (const sym[]){none, none}, 2, dx);
  assert_error (fixture->graph, "earlier");
}

static void
test_reference_mistakes (struct fixture *fixture, gconstpointer data)
{
  sym y = sym_square (fixture->x), none = {NULL, -1};
  sym rough = graph_add (fixture->graph, &op_rough, &fixture->x, 1, NULL);
  g_autofree const double **leaf = g_new0 (const double *, graph_count (fixture->graph));
  const struct {
    sym want;
    const double *x;
    const char *message;
  } mistakes[] = {
    {y, NULL, "input \"x\" has no value"},
    {rough, at, "rough: has no reference kernel"},
    {none, at, "value 0 to evaluate is not of this graph"},
  };

  for (size_t i = 0; i < G_N_ELEMENTS (mistakes); i++) {
    g_autoptr (GError) error = NULL;
    double *value = NULL;

    leaf[fixture->x.id] = mistakes[i].x;
    g_assert_false (reference_evaluate (fixture->graph, leaf, 1, 1, &mistakes[i].want, 1, &value, &error));
    g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MODEL);
    g_assert_cmpstr (error->message, ==, mistakes[i].message);
    g_assert_null (value);
  }
}

/* Several values at once, one of them twice, one of them a leaf, one inside another. */
static void
test_reference_many (struct fixture *fixture, gconstpointer data)
{
  sym x = fixture->x, y = sym_square (x), z = sym_neg (y);
  g_autofree const double **leaf = g_new0 (const double *, graph_count (fixture->graph));
  double *value[4];

  leaf[x.id] = at;
  g_assert_true (reference_evaluate (fixture->graph, leaf, 1, 1, (const sym[]){z, x, y, z}, 4, value, NULL));
  for (int i = 0; i < N; i++) {
    g_assert_cmpfloat (value[0][i], ==, -at[i] * at[i]);
    g_assert_cmpfloat (value[1][i], ==, at[i]);
    g_assert_cmpfloat (value[2][i], ==, at[i] * at[i]);
    g_assert_cmpfloat (value[3][i], ==, -at[i] * at[i]);
  }
  g_assert_true (value[0] != value[3]);
  for (int i = 0; i < 4; i++)
    g_free (value[i]);
}

static void
add (const char *path, void (*test) (struct fixture *, gconstpointer))
{
  g_test_add (path, struct fixture, NULL, set_up, test, tear_down);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add ("/grad/shared", test_shared);
  add ("/grad/independent", test_independent);
  add ("/grad/stop", test_stop);
  add ("/grad/intermediate", test_intermediate);
  add ("/grad/seed", test_seed);
  add ("/grad/again", test_again);
  add ("/grad/scope", test_scope);
  add ("/grad/skipped", test_skipped);
  add ("/grad/decomposed", test_decomposed);
  add ("/grad/mistakes", test_mistakes);
  add ("/grad/null", test_null);
  add ("/reference/mistakes", test_reference_mistakes);
  add ("/reference/many", test_reference_many);
  return g_test_run ();
}
