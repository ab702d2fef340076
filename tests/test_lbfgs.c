/* SPDX-License-Identifier: Apache-2.0
 *
 * L-BFGS on functions whose minimum is known: it gets there, in about as many evaluations as other methods (numbers
 * of tests/oracle/lbfgs.py), also from a saved state, and what is not finite or is stopped leaves x as it was. */
#include <math.h>
#include <string.h>

#include "impasto/error.h"
#include "train/lbfgs.h"

struct problem {
  int64_t n;
  double spread;
  int calls, stop_at; /* stop_at: the call that says stop; 0 = none */
  double wall;        /* not finite where a coordinate is beyond it; 0 = none */
};

/* sum 100 (x[i+1] - x[i]^2)^2 + (1 - x[i])^2 */
static bool
rosenbrock (const float *x, double *value, float *gradient, void *data)
{
  struct problem *problem = data;
  g_autofree double *g = g_new0 (double, problem->n);
  if (++problem->calls == problem->stop_at)
    return false;
  *value = 0;
  for (int64_t i = 0; i + 1 < problem->n; i++) {
    double a = x[i], b = x[i + 1], slack = b - a * a;
    *value += 100 * slack * slack + (1 - a) * (1 - a);
    g[i] += -400 * a * slack - 2 * (1 - a);
    g[i + 1] += 200 * slack;
  }
  for (int64_t i = 0; i < problem->n; i++)
    gradient[i] = (float) g[i];
  return true;
}

static double
centre (int64_t i)
{
  return ((double) (i % 7) - 3) / 3;
}

/* 1/2 sum k (x - centre)^2 with k from 1 to spread */
static bool
quadratic (const float *x, double *value, float *gradient, void *data)
{
  struct problem *problem = data;
  bool inside = true;
  if (++problem->calls == problem->stop_at)
    return false;
  *value = 0;
  for (int64_t i = 0; i < problem->n; i++) {
    double k = pow (problem->spread, (double) i / (double) (problem->n - 1)), d = x[i] - centre (i);
    *value += 0.5 * k * d * d;
    gradient[i] = (float) (k * d);
    inside = inside && (problem->wall == 0 || fabsf (x[i]) < problem->wall);
  }
  if (!inside)
    *value = NAN;
  return true;
}

/* Steps until the value is at most @target; evaluations it took, or -1. */
static int64_t
evaluations (lbfgs_function function, struct problem *problem, float *x, double target)
{
  g_autoptr (lbfgs) lbfgs = lbfgs_new (problem->n, &(struct lbfgs_options){0}, NULL);
  enum lbfgs_result result;
  do
    result = lbfgs_step (lbfgs, x, function, problem);
  while (result == LBFGS_STEPPED && lbfgs_value (lbfgs) > target && problem->calls < 20000);
  g_assert_cmpint (lbfgs_evaluations (lbfgs), ==, problem->calls);
  return lbfgs_value (lbfgs) <= target ? lbfgs_evaluations (lbfgs) : -1;
}

static void
test_reaches_minimum (void)
{
  static const struct {
    lbfgs_function function;
    int64_t n;
    double spread, target;
    int others; /* gradients that BFGS or conjugate gradients need */
  } cases[] = {
    {rosenbrock, 2, 0, 1e-6, 45},
    {rosenbrock, 100, 0, 1e-3, 842},
    {quadratic, 1000, 1e2, 1e-4, 41},
    {quadratic, 1000, 1e5, 1e-2, 742},
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    struct problem problem = {.n = cases[i].n, .spread = cases[i].spread};
    g_autofree float *x = g_new0 (float, cases[i].n);
    for (int64_t k = 0; cases[i].function == rosenbrock && k < cases[i].n; k++)
      x[k] = k % 2 ? 1.0f : -1.2f;
    int64_t count = evaluations (cases[i].function, &problem, x, cases[i].target);
    g_test_message ("case %u: %" G_GINT64_FORMAT " evaluations, others %d", i, count, cases[i].others);
    g_assert_cmpint (count, >, 0);
    g_assert_cmpint (count, <=, cases[i].others * 7 / 5 + 5);
  }
}

/* Down to where floats end, and no further: the minimum itself. */
static void
test_converges (void)
{
  struct problem problem = {.n = 50, .spread = 1e3};
  g_autofree float *x = g_new0 (float, problem.n);
  g_autoptr (lbfgs) lbfgs = lbfgs_new (problem.n, &(struct lbfgs_options){.memory = 5}, NULL);
  enum lbfgs_result result = LBFGS_STEPPED;
  for (int i = 0; i < 1000 && result == LBFGS_STEPPED; i++)
    result = lbfgs_step (lbfgs, x, quadratic, &problem);
  g_assert_cmpint (result, ==, LBFGS_CONVERGED);
  for (int64_t i = 0; i < problem.n; i++)
    g_assert_cmpfloat (fabs (x[i] - centre (i)), <, 1e-5);
}

/* The value never grows, and a wall of NaN on the way is walked around. */
static void
test_wall (void)
{
  struct problem problem = {.n = 50, .spread = 1e4, .wall = 2};
  g_autofree float *x = g_new0 (float, problem.n);
  g_autoptr (lbfgs) lbfgs = lbfgs_new (problem.n, &(struct lbfgs_options){.first = 100}, NULL);
  double before = INFINITY;
  for (int i = 0; i < 300 && before > 1e-3; i++) {
    g_assert_cmpint (lbfgs_step (lbfgs, x, quadratic, &problem), ==, LBFGS_STEPPED);
    g_assert_cmpfloat (lbfgs_value (lbfgs), <, before);
    before = lbfgs_value (lbfgs);
  }
  g_assert_cmpfloat (before, <, 1e-3);
}

static void
test_not_finite (void)
{
  struct problem problem = {.n = 3, .spread = 2, .wall = 0.5};
  float x[] = {1, 1, 1};
  g_autoptr (lbfgs) lbfgs = lbfgs_new (problem.n, &(struct lbfgs_options){0}, NULL);
  g_assert_cmpint (lbfgs_step (lbfgs, x, quadratic, &problem), ==, LBFGS_FAILED);
  g_assert_true (x[0] == 1 && x[1] == 1 && x[2] == 1);
  g_assert_cmpint (lbfgs_step (lbfgs, x, quadratic, &problem), ==, LBFGS_FAILED);
}

/* Stopped anywhere, saved, loaded elsewhere: the bits of a run that nobody stopped. */
static void
test_resumes (void)
{
  enum { N = 40, STEPS = 30 };
  float whole[N], halves[N];
  struct problem problem = {.n = N};
  for (int i = 0; i < N; i++)
    whole[i] = halves[i] = i % 2 ? 1.0f : -1.2f;
  g_autoptr (lbfgs) uninterrupted = lbfgs_new (N, &(struct lbfgs_options){.memory = 4}, NULL);
  for (int i = 0; i < STEPS; i++)
    g_assert_cmpint (lbfgs_step (uninterrupted, whole, rosenbrock, &problem), ==, LBFGS_STEPPED);

  struct lbfgs *now = lbfgs_new (N, &(struct lbfgs_options){.memory = 4}, NULL);
  int stops = 0;
  for (int done = 0; done < STEPS;) {
    problem = (struct problem){.n = N, .stop_at = done % 3 == 0 && stops <= done ? 1 + stops % 2 : 0};
    enum lbfgs_result result = lbfgs_step (now, halves, rosenbrock, &problem);
    done += result == LBFGS_STEPPED;
    if (result == LBFGS_STEPPED)
      continue;
    g_assert_cmpint (result, ==, LBFGS_STOPPED);
    stops++;
    g_autoptr (weights) saved = weights_new ();
    g_autoptr (GError) error = NULL;
    lbfgs_save (now, saved, "lbfgs");
    struct lbfgs *next = lbfgs_new (N, &(struct lbfgs_options){.memory = 4}, NULL);
    lbfgs_load (next, saved, "lbfgs", "state", &error);
    g_assert_no_error (error);
    lbfgs_free (now);
    now = next;
  }
  g_assert_cmpint (stops, >, 5);
  g_assert_cmpmem (whole, sizeof whole, halves, sizeof halves);
  g_assert_true (lbfgs_value (now) == lbfgs_value (uninterrupted));
  g_assert_cmpint (lbfgs_evaluations (now), ==, lbfgs_evaluations (uninterrupted));
  lbfgs_free (now);
}

static void
test_refuses_state (void)
{
  g_autoptr (lbfgs) small = lbfgs_new (4, &(struct lbfgs_options){0}, NULL);
  g_autoptr (lbfgs) large = lbfgs_new (5, &(struct lbfgs_options){0}, NULL);
  g_autoptr (weights) saved = weights_new ();
  g_autoptr (weights) none = weights_new ();
  lbfgs_save (small, saved, "a");
  for (int i = 0; i < 2; i++) {
    g_autoptr (GError) error = NULL;
    g_assert_false (lbfgs_load (large, i ? none : saved, "a", "file", &error));
    g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT);
    g_assert_true (g_str_has_prefix (error->message, "file: "));
  }
  ((double *) weights_find (saved, "a.scalars")->data)[1] = 1e9; /* pairs that are there */
  g_autoptr (lbfgs) same = lbfgs_new (4, &(struct lbfgs_options){0}, NULL);
  g_assert_false (lbfgs_load (same, saved, "a", "file", NULL));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/lbfgs/reaches-minimum", test_reaches_minimum);
  g_test_add_func ("/lbfgs/converges", test_converges);
  g_test_add_func ("/lbfgs/wall", test_wall);
  g_test_add_func ("/lbfgs/not-finite", test_not_finite);
  g_test_add_func ("/lbfgs/resumes", test_resumes);
  g_test_add_func ("/lbfgs/refuses-state", test_refuses_state);
  return g_test_run ();
}
