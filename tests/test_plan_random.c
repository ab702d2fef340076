/* SPDX-License-Identifier: Apache-2.0
 *
 * Plans of random graphs (random_graph.h) against the reference interpreter. Float32 must agree within TOLERANCE of
 * each result's largest value; every graph runs twice with the same bits, and with one thread and two. At the end every
 * op must have been met, those that take either layout in both. A failure prints the graph and its number. "-m slow"
 * draws twenty times as many. */
#include <math.h>
#include <string.h>

#include "compile/lower.h"
#include "compile/plan.h"
#include "compile/reference.h"
#include "compile/schedule.h"
#include "graph/op.h"
#include "random_graph.h"

#define GRAPHS 250
#define GRAPHS_BF16 120
#define TOLERANCE 5e-5
#define TOLERANCE_BF16 0.06 /* of the norm */
#define SEED 11
#define STEP 5

static void
fill (struct tensor *tensor, const double *values)
{
  for (int64_t i = 0; i < shape_size (&tensor->shape); i++)
    tensor_floats (tensor)[i] = (float) values[i];
}

static struct plan *
compile (struct random_graph *m, enum precision precision, int threads, struct weights *weights)
{
  g_autoptr (GError) error = NULL;

  for (int id = 0; id < graph_count (m->graph); id++) {
    const struct node *node = graph_node (m->graph, id);
    if (node->op == &op_parameter && weights_find (weights, node->name) == NULL) {
      g_autoptr (tensor) tensor = tensor_new (node->shape, DTYPE_F32, NULL);
      weights_add (weights, node->name, tensor);
    }
  }
  struct plan *plan =
    plan_compile (m->graph, weights, &(struct plan_options){.precision = precision, .threads = threads}, &error);
  g_assert_no_error (error);
  return plan;
}

static struct tensor *
result_tensor (struct random_graph *m, struct plan *plan, struct weights *weights, guint i)
{
  struct graph_result result = graph_result (m->graph, i);

  return result.name != NULL ? plan_output (plan, result.name)
                             : weights_find (weights, graph_node (m->graph, result.target)->name);
}

/* Sets leaves as they were drawn, runs, and returns copies of all results. */
static GPtrArray *
run (struct random_graph *m, struct plan *plan, struct weights *weights)
{
  GPtrArray *results = g_ptr_array_new_with_free_func ((GDestroyNotify) tensor_unref);

  for (int id = 0; id < graph_count (m->graph); id++) {
    const struct node *node = graph_node (m->graph, id);
    struct tensor *tensor = node->op == &op_input       ? plan_input (plan, node->name)
                            : node->op == &op_parameter ? weights_find (weights, node->name)
                                                        : NULL;
    if (tensor != NULL)
      fill (tensor, m->leaf->pdata[id]);
  }
  g_assert_true (plan_refresh (plan, NULL));
  plan_run (plan, SEED, STEP);
  for (guint i = 0; i < graph_result_count (m->graph); i++)
    g_ptr_array_add (results, tensor_convert (result_tensor (m, plan, weights, i), DTYPE_F32, NULL));
  return results;
}

static bool
close_to (const struct tensor *tensor, const double *reference, enum precision precision, char **message)
{
  const float *value = tensor->data;
  double largest = 0.02, worst = 0, square = 1e-4, error_square = 0;
  int64_t at = 0;

  for (int64_t i = 0; i < shape_size (&tensor->shape); i++) {
    double e = fabs ((double) value[i] - reference[i]);
    if (!(e <= worst)) {
      worst = isnan (e) ? HUGE_VAL : e;
      at = i;
    }
    largest = MAX (largest, fabs (reference[i]));
    error_square += e * e;
    square += reference[i] * reference[i];
  }
  *message = g_strdup_printf ("element %" G_GINT64_FORMAT " is %.9g, wanted %.9g (largest %.3g)", at,
                              (double) value[at], reference[at], largest);
  return precision == PRECISION_BF16 ? sqrt (error_square / square) < TOLERANCE_BF16 && isfinite (worst)
                                     : worst <= TOLERANCE * largest;
}

static void
check_results (struct random_graph *m, int number, GPtrArray *results, double *const *reference,
               enum precision precision)
{
  for (guint i = 0; i < results->len; i++) {
    struct graph_result result = graph_result (m->graph, i);
    g_autofree char *message = NULL;

    if (close_to (results->pdata[i], reference[i], precision, &message))
      continue;
    g_autofree char *text = graph_text (m->graph);
    g_test_message ("%s\ngraph %d: %s %s: %s", text, number, result.name ? "output" : "parameter",
                    result.name ? result.name : graph_node (m->graph, result.target)->name, message);
    g_test_fail ();
  }
}

static void
same_bits (int number, GPtrArray *a, GPtrArray *b)
{
  for (guint i = 0; i < a->len; i++) {
    const struct tensor *x = a->pdata[i], *y = b->pdata[i];
    if (memcmp (x->data, y->data, x->size) != 0)
      g_test_fail_printf ("graph %d: result %u differs from run to run", number, i);
  }
}

/* op name -> bit mask: 1 = a picture row-major, 2 = channels-last, 4 = anything */
static void
note_layouts (struct graph *graph, GHashTable *seen)
{
  g_autoptr (graph) lowered = graph_lower (graph, NULL);
  struct schedule *schedule = schedule_new (lowered, PRECISION_F32);

  for (int id = 0; id < graph_count (lowered); id++) {
    const struct node *node = graph_node (lowered, id);
    bool picture = node->shape.rank == 4 && node->shape.dim[1] > 1 && node->shape.dim[2] * node->shape.dim[3] > 1;
    int mask = GPOINTER_TO_INT (g_hash_table_lookup (seen, node->op)) | 4;

    if (picture)
      mask |= schedule->node[id].layout == LAYOUT_LAST ? 2 : 1;
    g_hash_table_insert (seen, (gpointer) node->op, GINT_TO_POINTER (mask));
  }
  schedule_free (schedule);
}

static double **
evaluate (struct random_graph *m)
{
  g_autoptr (GError) error = NULL;
  guint n = graph_result_count (m->graph);
  g_autofree sym *want = g_new (sym, n);
  double **out = g_new0 (double *, n);

  for (guint i = 0; i < n; i++)
    want[i] = (sym){m->graph, graph_result (m->graph, i).id};
  reference_evaluate (m->graph, (const double *const *) m->leaf->pdata, SEED, STEP, want, (int) n, out, &error);
  g_assert_no_error (error);
  return out;
}

static void
check_graph (int number, enum precision precision, GHashTable *seen)
{
  struct random_graph m;
  g_autoptr (GError) error = NULL;

  random_graph_init (&m, number);
  graph_check (m.graph, &error);
  g_assert_no_error (error);
  double **reference = evaluate (&m);
  g_autoptr (weights) weights = weights_new ();
  g_autoptr (plan) one = compile (&m, precision, 1, weights), two = compile (&m, precision, 2, weights);
  g_autoptr (GPtrArray) first = run (&m, one, weights), again = run (&m, one, weights), wide = run (&m, two, weights);

  check_results (&m, number, first, reference, precision);
  check_results (&m, number, wide, reference, precision);
  same_bits (number, first, again);
  if (seen != NULL)
    note_layouts (m.graph, seen);
  for (guint i = 0; i < graph_result_count (m.graph); i++)
    g_free (reference[i]);
  g_free (reference);
  random_graph_clear (&m);
}

/* Whether plans lay out its pictures either way. */
static bool
takes_both (const struct op *op)
{
  return op->vector != 0 || op->reduce != REDUCE_NONE || (op->flags & OP_STRIDED) != 0;
}

/* Ops that no graph so far had in a layout they take; with @tell each is named. */
static int
count_unmet (GHashTable *seen, bool tell)
{
  int unmet = 0;

  for (int i = 0; op_table[i] != NULL; i++) {
    const struct op *op = op_table[i];
    int mask = GPOINTER_TO_INT (g_hash_table_lookup (seen, op));
    bool runs = op->vector != 0 || op->reduce != REDUCE_NONE || op->prepare != NULL;

    if (!runs || (mask != 0 && (!takes_both (op) || (op->flags & OP_RANDOM) != 0 || (mask & 3) == 3)))
      continue;
    unmet++;
    if (tell)
      g_test_message ("op %s is never %s", op->name, mask == 0 ? "there" : mask & 1 ? "channels-last" : "row-major");
  }
  return unmet;
}

static void
test_f32 (void)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);
  int least = g_test_slow () ? 20 * GRAPHS : GRAPHS;

  for (int number = 0; number < least || (number < 4 * least && count_unmet (seen, false) > 0); number++)
    check_graph (number, PRECISION_F32, seen);
  g_assert_cmpint (count_unmet (seen, true), ==, 0);
}

static void
test_bf16 (void)
{
  for (int number = 0; number < (g_test_slow () ? 20 * GRAPHS_BF16 : GRAPHS_BF16); number++)
    if (number % 2 == 0) /* gradients of what cancels have no small relative error */
      check_graph (number, PRECISION_BF16, NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/plan-random/f32", test_f32);
  g_test_add_func ("/plan-random/bf16", test_bf16);
  return g_test_run ();
}
