/* SPDX-License-Identifier: Apache-2.0
 *
 * One test for every case of every op in op_table. With f = <r, op(x)> for a random r:
 *   - building fails with the message that the case names, or gives a value of a valid shape;
 *   - df/dx by graph_gradient_from = central differences of the reference kernels in double;
 *   - the same once more for s = sum of <q_i, df/dx_i>: the gradient of the gradient, with respect to x and r;
 *   - a plan computes all of these like the reference: in float32, within the case's tolerance of the largest value; in
 *     bfloat16, within 3 % of the norm; alone and between other nodes, with inputs and with constant parameters;
 *     without a reference kernel; twice the same bits.
 * "-m perf" times the forward plan of the same cases. */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "compile/grad.h"
#include "compile/plan.h"
#include "compile/reference.h"
#include "graph/op.h"
#include "op/sym.h"

#define INPUTS_MAX G_N_ELEMENTS (((struct op_case *) 0)->shape)
#define STEP 1e-6    /* of central differences; inputs are about 1 */
#define DIRECTIONS 3 /* in which each derivative is taken */
#define SEED 7
#define RUN_STEP 3

struct subject {
  const struct op *op;
  const struct op_case *c;
};

/* One case as a graph with values for its leaves. */
struct trial {
  const struct op *op;
  const struct op_case *c;
  enum precision precision; /* of its plan; values are drawn so that they have it */
  struct graph *graph;
  GPtrArray *leaf; /* double *, by node id */
  sym x[INPUTS_MAX], y;
};

static void
trial_init (struct trial *trial, const struct subject *subject, enum precision precision)
{
  *trial = (struct trial){.op = subject->op, .c = subject->c, .precision = precision, .graph = graph_new ()};
  trial->leaf = g_ptr_array_new_with_free_func (g_free);
}

static void
trial_clear (struct trial *trial)
{
  graph_free (trial->graph);
  g_ptr_array_unref (trial->leaf);
}

/* Uniform in [low, high], a pure function of op, case and @index; numbers that the plan's type holds exactly, for plans
 * to see the same: else a maximum, say, may be another element's after rounding. */
static double *
draw (const struct trial *trial, size_t size, unsigned index, double low, double high)
{
  struct random_key key = {
    .seed = g_str_hash (trial->op->name),
    .stream = g_str_hash (trial->c->name),
    .step = index,
  };
  double *values = g_new (double, size);

  for (size_t i = 0; i < size; i++) {
    float value = (float) (low + (high - low) * random_uniform (key, i));

    values[i] = (double) (trial->precision == PRECISION_BF16 ? bfloat_to_float (bfloat_from_float (value)) : value);
  }
  return values;
}

static void
bind (struct trial *trial, sym leaf, double low, double high)
{
  struct shape shape = sym_shape (leaf);

  if (sym_null (leaf))
    return;
  if (trial->leaf->len <= (guint) leaf.id)
    g_ptr_array_set_size (trial->leaf, leaf.id + 1);
  trial->leaf->pdata[leaf.id] = draw (trial, (size_t) shape_size (&shape), (unsigned) leaf.id, low, high);
}

/* A random input of the shape of @like. */
static sym
random_like (struct trial *trial, const char *name, sym like)
{
  sym input = graph_input (trial->graph, name, sym_shape (like));

  bind (trial, input, -1, 1);
  return input;
}

/* The op over plain inputs: x0, x1, ... */
static void
build_plain (struct trial *trial)
{
  const struct op_case *c = trial->c;
  bool given = c->low != 0 || c->high != 0;

  for (int i = 0; i < c->n_inputs; i++) {
    g_autofree char *name = g_strdup_printf ("x%d", i);

    trial->x[i] = graph_input (trial->graph, name, c->shape[i]);
    bind (trial, trial->x[i], given ? c->low : -1, given ? c->high : 1);
  }
  trial->y = graph_add (trial->graph, trial->op, trial->x, c->n_inputs, c->attrs);
}

/* The op between others, so that its operands have the plan's own layout and type: twice the op of twice half of x0,
 * which a pooling of single pixels lays out as plans lay out pictures. The other operands are parameters, constant in
 * the plan. Powers of two change no digit. */
static void
build_between (struct trial *trial)
{
  const struct op_case *c = trial->c;
  bool given = c->low != 0 || c->high != 0;
  double low = given ? c->low : -1, high = given ? c->high : 1;
  sym inner[INPUTS_MAX];

  for (int i = 0; i < c->n_inputs; i++) {
    g_autofree char *name = g_strdup_printf ("x%d", i);

    if (i == 0)
      trial->x[i] = graph_input (trial->graph, name, c->shape[i]);
    else
      trial->x[i] = graph_parameter (trial->graph, name, c->shape[i], (struct init){INIT_ZERO, 0});
    bind (trial, trial->x[i], i == 0 ? low / 2 : low, i == 0 ? high / 2 : high);
    inner[i] = i == 0 ? sym_scale (trial->x[i], 2) : trial->x[i];
    if (i == 0 && c->shape[i].rank == 4)
      inner[i] = sym_avg_pool (inner[i], 1, 1, 0);
  }
  trial->y = sym_scale (graph_add (trial->graph, trial->op, inner, c->n_inputs, c->attrs), 2);
}

/* Reference values */

static double *
evaluate (struct trial *trial, sym want)
{
  g_autoptr (GError) error = NULL;
  double *value = NULL;

  if (trial->leaf->len < (guint) graph_count (trial->graph))
    g_ptr_array_set_size (trial->leaf, graph_count (trial->graph));
  reference_evaluate (trial->graph, (const double *const *) trial->leaf->pdata, SEED, RUN_STEP, &want, 1, &value,
                      &error);
  g_assert_no_error (error);
  return value;
}

/* <r, f>, and the sum of the magnitudes of its terms. */
static double
evaluate_dot (struct trial *trial, sym f, const double *r, double *magnitude)
{
  struct shape shape = sym_shape (f);
  g_autofree double *value = evaluate (trial, f);
  double sum = 0;

  *magnitude = 0;
  for (int64_t i = 0; i < shape_size (&shape); i++) {
    sum += r[i] * value[i];
    *magnitude += fabs (r[i] * value[i]);
  }
  return sum;
}

/* Derivative of <r, f> along @direction of the leaf @x by central differences. */
static double
difference (struct trial *trial, sym f, const double *r, sym x, const double *direction, double *magnitude)
{
  struct shape shape = sym_shape (x);
  size_t size = (size_t) shape_size (&shape);
  double *value = trial->leaf->pdata[x.id], sides[2];
  g_autofree double *kept = g_memdup2 (value, size * sizeof (double));

  for (int side = 0; side < 2; side++) {
    for (size_t i = 0; i < size; i++)
      value[i] = kept[i] + (side == 0 ? -STEP : STEP) * direction[i];
    sides[side] = evaluate_dot (trial, f, r, magnitude);
  }
  memcpy (value, kept, size * sizeof (double));
  return (sides[1] - sides[0]) / (2 * STEP);
}

/* Says which element of a wrong gradient is wrong. */
static void
report_element (struct trial *trial, sym f, const double *r, sym x, const double *dx)
{
  struct shape shape = sym_shape (x);
  int64_t size = MIN (shape_size (&shape), 400), worst = 0;
  g_autofree double *unit = g_new0 (double, shape_size (&shape));
  double magnitude, numeric = 0, distance = -1;

  for (int64_t i = 0; i < size; i++) {
    double slope;

    unit[i] = 1;
    slope = difference (trial, f, r, x, unit, &magnitude);
    unit[i] = 0;
    if (!(fabs (slope - dx[i]) <= distance)) {
      distance = fabs (slope - dx[i]);
      worst = i;
      numeric = slope;
    }
  }
  g_test_message ("element %" G_GINT64_FORMAT ": gradient %.9g, difference %.9g", worst, dx[worst], numeric);
}

/* @gradient = d <r, f> / dx? The tolerance has a part for the rounding of the two sums over the step. */
static void
check_derivative (struct trial *trial, const char *what, sym f, const double *r, sym x, sym gradient)
{
  struct shape shape = sym_shape (x);
  size_t size = (size_t) shape_size (&shape);
  g_autofree double *dx = evaluate (trial, gradient);

  for (unsigned k = 0; k < DIRECTIONS; k++) {
    g_autofree double *direction = draw (trial, size, 1000 + k, -1, 1);
    double magnitude, expected = 0, scale = 0, slope = difference (trial, f, r, x, direction, &magnitude);

    for (size_t i = 0; i < size; i++) {
      expected += dx[i] * direction[i];
      scale += fabs (dx[i] * direction[i]);
    }
    if (!(fabs (slope - expected) <= 1e-6 * scale + 1e-8 * (magnitude + 1e-3))) {
      report_element (trial, f, r, x, dx);
      g_test_fail_printf ("%s of %s: gradient %.9g, difference %.9g", what, sym_node (x)->name, expected, slope);
      return;
    }
  }
}

/* What there is to differentiate: dx_i given the seed r, and with s = sum of <q_i, dx_i> its gradients with respect to
 * x and r. */
struct derivatives {
  sym r, s;
  sym dx[INPUTS_MAX], ddx[INPUTS_MAX + 1];
};

static void
differentiate (struct trial *trial, struct derivatives *d)
{
  int n = trial->c->n_inputs;
  sym leaves[INPUTS_MAX + 1];

  d->r = random_like (trial, "r", trial->y);
  graph_gradient_from (trial->y, d->r, trial->x, n, d->dx);
  for (int i = 0; i < n; i++) {
    g_autofree char *name = g_strdup_printf ("q%d", i);
    sym term = sym_sum (sym_mul (d->dx[i], random_like (trial, name, d->dx[i])), AXES_ALL);

    d->s = i == 0 ? term : sym_add (d->s, term);
    leaves[i] = trial->x[i];
  }
  leaves[n] = d->r;
  graph_gradient (d->s, leaves, n + 1, d->ddx);
}

static void
check_gradients (struct trial *trial, const struct derivatives *d)
{
  const double one = 1, *r = trial->leaf->pdata[d->r.id];

  for (int i = 0; i < trial->c->n_inputs; i++) {
    sym alone;

    check_derivative (trial, "gradient", trial->y, r, trial->x[i], d->dx[i]);
    graph_gradient_from (trial->y, d->r, &trial->x[i], 1, &alone);
    if (alone.id != d->dx[i].id)
      check_derivative (trial, "gradient alone", trial->y, r, trial->x[i], alone);
  }
  for (int i = 0; i < trial->c->n_inputs; i++)
    check_derivative (trial, "second gradient", d->s, &one, trial->x[i], d->ddx[i]);
  check_derivative (trial, "second gradient", d->s, &one, d->r, d->ddx[trial->c->n_inputs]);
}

/* Plans */

static struct weights *
parameters (const struct trial *trial)
{
  struct weights *weights = weights_new ();

  for (int id = 0; id < graph_count (trial->graph); id++) {
    const struct node *node = graph_node (trial->graph, id);

    if (node->op == &op_parameter) {
      g_autoptr (tensor) tensor = tensor_new (node->shape, DTYPE_F32, NULL);

      for (int64_t i = 0; i < shape_size (&node->shape); i++)
        tensor_floats (tensor)[i] = (float) ((double *) trial->leaf->pdata[id])[i];
      weights_add (weights, node->name, tensor);
    }
  }
  return weights;
}

static void
fill_inputs (const struct trial *trial, struct plan *plan)
{
  for (int id = 0; id < graph_count (trial->graph); id++) {
    const struct node *node = graph_node (trial->graph, id);
    struct tensor *tensor = node->op == &op_input ? plan_input (plan, node->name) : NULL;

    for (int64_t i = 0; tensor != NULL && i < shape_size (&node->shape); i++)
      tensor_floats (tensor)[i] = (float) ((double *) trial->leaf->pdata[id])[i];
  }
}

static struct plan *
compile (const struct trial *trial)
{
  g_autoptr (weights) weights = parameters (trial);
  g_autoptr (GError) error = NULL;
  struct plan_options options = {.precision = trial->precision};
  struct plan *plan = plan_compile (trial->graph, weights, &options, &error);

  g_assert_no_error (error);
  fill_inputs (trial, plan);
  return plan;
}

/* Distance of @value from @reference: relative to the largest (float32) or of the norms (bfloat16). */
static double
distance (const float *value, const double *reference, int64_t size, enum precision precision)
{
  double largest = 1e-6, error = 0, square = 1e-12, error_square = 0;

  for (int64_t i = 0; i < size; i++) {
    double e = fabs ((double) value[i] - reference[i]);

    if (isnan (e))
      return HUGE_VAL;
    error = MAX (error, e);
    largest = MAX (largest, fabs (reference[i]));
    error_square += e * e;
    square += reference[i] * reference[i];
  }
  return precision == PRECISION_BF16 ? sqrt (error_square / square) : error / largest;
}

static void
check_result (struct trial *trial, struct plan *plan, const char *what, struct graph_result result)
{
  enum precision precision = trial->precision;
  struct tensor *tensor = plan_output (plan, result.name);
  struct shape shape = sym_shape ((sym){trial->graph, result.id});
  g_autofree double *reference = evaluate (trial, (sym){trial->graph, result.id});
  g_autofree void *bits = NULL;
  double tolerance = trial->c->tolerance > 0 ? trial->c->tolerance : 1e-5, far;

  g_assert_nonnull (tensor);
  g_assert_true (shape_equal (&tensor->shape, &shape));
  if (!g_str_equal (result.name, "y"))
    tolerance *= 4; /* a gradient is a chain of several kernels */
  if (precision == PRECISION_BF16)
    tolerance = MAX (0.03, tolerance);
  far = distance (tensor_floats (tensor), reference, shape_size (&shape), precision);
  if (!(far <= tolerance)) {
    g_autofree char *text = plan_text (plan);

    g_test_message ("%s", text);
    g_test_fail_printf ("%s, %s: %s is %.2g off, tolerance %.2g", what, precision_names[precision], result.name, far,
                        tolerance);
  }
  bits = g_memdup2 (tensor->data, tensor->size);
  plan_run (plan, SEED, RUN_STEP);
  if (memcmp (bits, tensor->data, tensor->size) != 0)
    g_test_fail_printf ("%s, %s: %s has other bits in the second run", what, precision_names[precision], result.name);
}

static void
check_plan (struct trial *trial, const char *what)
{
  const char *precision = precision_names[trial->precision];
  g_autoptr (plan) plan = compile (trial);
  g_auto (GStrv) slow = plan_reference_steps (plan);

  g_assert_cmpint (plan_precision (plan), ==, trial->precision);
  if (slow[0] != NULL)
    g_test_fail_printf ("%s, %s: runs the reference kernel of %s", what, precision, slow[0]);
  plan_run (plan, SEED, RUN_STEP);
  for (guint i = 0; i < graph_result_count (trial->graph); i++)
    check_result (trial, plan, what, graph_result (trial->graph, i));
}

/* y, dx and ddx as far as they are there. */
static void
add_outputs (struct trial *trial, const struct derivatives *d, bool second)
{
  graph_output (trial->graph, "y", trial->y);
  if (d == NULL)
    return;
  for (int i = 0; i < trial->c->n_inputs; i++) {
    g_autofree char *name = g_strdup_printf ("dx%d", i);
    graph_output (trial->graph, name, d->dx[i]);
  }
  for (int i = 0; i < trial->c->n_inputs + 1 && second; i++) {
    g_autofree char *name = g_strdup_printf ("ddx%d", i);
    graph_output (trial->graph, name, d->ddx[i]);
  }
}

/* A case */

static void
check_error (struct trial *trial)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *start = g_strconcat (trial->op->name, ": ", NULL);

  if (graph_check (trial->graph, &error))
    g_test_fail_printf ("was built, wanted the error \"%s\"", trial->c->error);
  else if (strstr (error->message, trial->c->error) == NULL || !g_str_has_prefix (error->message, start))
    g_test_fail_printf ("the error is \"%s\", wanted \"%s...%s\"", error->message, start, trial->c->error);
}

/* FALSE: the graph has an error, which is reported. */
static bool
check_graph (struct trial *trial)
{
  g_autoptr (GError) error = NULL;

  if (graph_check (trial->graph, &error))
    return true;
  g_test_fail_printf ("%s", error->message);
  return false;
}

typedef void (*builder) (struct trial *);

/* @plain: with differences and second gradients, which do not depend on what is around the op. */
static void
run_case (const struct subject *subject, enum precision precision, builder build, const char *what, bool plain)
{
  bool smooth = !subject->c->no_gradient && subject->c->n_inputs > 0;
  struct derivatives d = {0};
  struct trial trial;

  trial_init (&trial, subject, precision);
  build (&trial);
  if (subject->c->error != NULL)
    check_error (&trial);
  else {
    if (smooth)
      differentiate (&trial, &d);
    if (check_graph (&trial) && smooth && plain && precision == PRECISION_F32)
      check_gradients (&trial, &d);
    add_outputs (&trial, smooth ? &d : NULL, plain);
    if (check_graph (&trial))
      check_plan (&trial, what);
  }
  trial_clear (&trial);
}

/* Seconds of one run, the least of several. */
static void
time_case (const struct subject *subject)
{
  g_autoptr (plan) plan = NULL;
  struct trial trial;
  double least = HUGE_VAL, start = g_get_monotonic_time ();

  trial_init (&trial, subject, PRECISION_F32);
  build_plain (&trial);
  graph_output (trial.graph, "y", trial.y);
  plan = compile (&trial);
  while (g_get_monotonic_time () - start < 20e3) {
    double before = g_get_monotonic_time ();

    for (int i = 0; i < 10; i++)
      plan_run (plan, SEED, RUN_STEP);
    least = MIN (least, (g_get_monotonic_time () - before) / 10e6);
  }
  g_test_minimized_result (least, "%s %s: %.1f us", subject->op->name, subject->c->name, least * 1e6);
  trial_clear (&trial);
}

static void
test_case (gconstpointer data)
{
  const struct subject *subject = data;

  run_case (subject, PRECISION_F32, build_plain, "alone", true);
  if (subject->c->error != NULL)
    return;
  run_case (subject, PRECISION_BF16, build_plain, "alone", true);
  if (subject->c->n_inputs > 0) {
    run_case (subject, PRECISION_F32, build_between, "between", false);
    run_case (subject, PRECISION_BF16, build_between, "between", false);
  }
  if (g_test_perf ())
    time_case (subject);
}

/* The table */

static size_t
field_end (const struct option *field)
{
  static const size_t sizes[] = {
    [OPTION_BOOL] = sizeof (bool),     [OPTION_INT] = sizeof (int64_t), [OPTION_FLOAT] = sizeof (double),
    [OPTION_STRING] = sizeof (char *), [OPTION_CHOICE] = sizeof (int),  [OPTION_INTS] = sizeof (int64_t),
  };

  return field->offset + sizes[field->type] * (field->type == OPTION_INTS ? (size_t) field->count : 1);
}

/* Every byte of the attributes belongs to an option, but for padding: else unequal nodes would be taken for equal. */
static void
check_options (const struct op *op)
{
  g_autofree bool *covered = g_new0 (bool, op->attrs_size + 1);
  size_t gap = 0;

  g_assert_true ((op->attrs != NULL) == (op->attrs_size > 0));
  for (const struct option *field = op->attrs; field != NULL && field->name != NULL; field++) {
    g_assert_cmpuint (field_end (field), <=, op->attrs_size);
    g_assert_cmpint (field->type, !=, OPTION_STRING);
    for (size_t i = field->offset; i < field_end (field); i++)
      covered[i] = true;
  }
  for (size_t i = 0; i < op->attrs_size; i++) {
    gap = covered[i] ? 0 : gap + 1;
    if (gap >= 8)
      g_test_fail_printf ("%s: no option describes the attributes at byte %zu", op->name, i);
  }
}

static void
test_table (void)
{
  g_autoptr (GHashTable) names = g_hash_table_new (g_str_hash, g_str_equal);

  for (const struct op *const *at = op_table; *at != NULL; at++) {
    const struct op *op = *at;
    bool runs = op->vector != 0 || op->reduce != REDUCE_NONE || op->prepare != NULL || op->decompose != NULL ||
                (op->flags & OP_VIEW) != 0;

    g_test_message ("%s", op->name);
    g_assert_true (g_hash_table_add (names, (char *) op->name));
    g_assert_true (op_find (op->name) == op);
    g_assert_nonnull (op->formula);
    g_assert_nonnull (op->shape);
    g_assert_true (op->reference != NULL || op->decompose != NULL);
    g_assert_true (runs);
    g_assert_true (op->min_inputs >= 0 && op->min_inputs <= op->max_inputs);
    g_assert_true (op->cases != NULL && op->cases[0].name != NULL);
    check_options (op);
  }
  g_assert_null (op_find ("no such op"));
}

static void
test_message (void)
{
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (GError) error = NULL;
  sym x = graph_input (graph, "photo", SHAPE (1, 64, 8, 8)), w;

  graph_push (graph, "generator");
  graph_push (graph, "res%d", 3);
  graph_push (graph, "conv%d", 1);
  w = graph_parameter (graph, "weight", SHAPE (64, 128, 3, 3), (struct init){INIT_NORMAL, 0.02});
  graph_output (graph, "y", sym_relu (sym_conv2d (x, w, (struct conv_options){.pad = 1})));
  g_assert_false (graph_check (graph, &error));
  g_assert_cmpstr (error->message, ==, "generator.res3.conv1: conv2d: input has 64 channels, weight wants 128");
}

static void
add_cases (const struct op *op, GPtrArray *subjects)
{
  int number = 0;

  for (const struct op_case *c = op->cases; c != NULL && c->name != NULL; c++) {
    struct subject *subject = g_new (struct subject, 1);
    g_autofree char *path = g_strdup_printf ("/ops/%s/%02d %s", op->name, ++number, c->name);

    *subject = (struct subject){op, c};
    g_ptr_array_add (subjects, subject);
    g_test_add_data_func (path, subject, test_case);
  }
}

int
main (int argc, char **argv)
{
  g_autoptr (GPtrArray) subjects = g_ptr_array_new_with_free_func (g_free);

  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ops/table", test_table);
  g_test_add_func ("/ops/message", test_message);
  for (const struct op *const *op = op_table; *op != NULL; op++)
    add_cases (*op, subjects);
  return g_test_run ();
}
