/* SPDX-License-Identifier: Apache-2.0
 *
 * Adam, RMSprop and gradient descent with clipping, regularisation and a moving average; see optimizer.h. */
#include "train/optimizer.h"

#include <math.h>

#include "compile/grad.h"

static sym
state (sym parameter, const char *prefix, const char *suffix, struct init init)
{
  g_autofree char *name = g_strdup_printf ("%s.%s%s", prefix, sym_node (parameter)->name, suffix);
  return graph_parameter (parameter.graph, name, sym_shape (parameter), init);
}

static sym
sum_of_squares (sym x)
{
  return sym_reshape (sym_sum (sym_square (x), AXES_ALL), SHAPE_SCALAR);
}

/* Each returns what is taken from w, and assigns its state. */

static sym
adam_change (sym w, sym dw, sym rate, const struct optimizer_options *options)
{
  struct init zero = {INIT_ZERO, 0};
  sym m = state (w, "optimizer", ".m", zero), v = state (w, "optimizer", ".v", zero);
  sym m_new = sym_add (sym_scale (m, options->beta1), sym_scale (dw, 1 - options->beta1));
  sym v_new = sym_add (sym_scale (v, options->beta2), sym_scale (sym_square (dw), 1 - options->beta2));
  graph_assign (w.graph, m, m_new);
  graph_assign (w.graph, v, v_new);
  return sym_div (sym_mul (m_new, rate), sym_shift (sym_sqrt (v_new), options->epsilon));
}

static sym
rmsprop_change (sym w, sym dw, sym rate, const struct optimizer_options *options)
{
  sym v = state (w, "optimizer", ".v", (struct init){INIT_ZERO, 0});
  sym v_new = sym_add (sym_scale (v, options->beta2), sym_scale (sym_square (dw), 1 - options->beta2));
  graph_assign (w.graph, v, v_new);
  return sym_div (sym_mul (dw, rate), sym_shift (sym_sqrt (v_new), options->epsilon));
}

static sym
sgd_change (sym w, sym dw, sym rate, const struct optimizer_options *options)
{
  sym m = state (w, "optimizer", ".m", (struct init){INIT_ZERO, 0});
  sym m_new = sym_add (sym_scale (m, options->beta1), dw);
  graph_assign (w.graph, m, m_new);
  return sym_mul (m_new, rate);
}

/* Both moments begin at zero; their bias is taken out of the rate. */
static double
adam_correction (const struct optimizer_options *options, double t)
{
  return sqrt (1 - pow (options->beta2, t)) / (1 - pow (options->beta1, t));
}

static double
rmsprop_correction (const struct optimizer_options *options, double t)
{
  return sqrt (1 - pow (options->beta2, t));
}

static const struct {
  sym (*change) (sym w, sym dw, sym rate, const struct optimizer_options *options);
  double (*correction) (const struct optimizer_options *options, double t); /* NULL: 1 */
} optimizers[] = {
  [OPTIMIZER_ADAM] = {adam_change, adam_correction},
  [OPTIMIZER_RMSPROP] = {rmsprop_change, rmsprop_correction},
  [OPTIMIZER_SGD] = {sgd_change},
};

const char *const optimizer_names[] = {"adam", "rmsprop", "sgd", NULL};

static bool
is_assigned (const struct graph *graph, int id)
{
  for (guint i = 0; i < graph_result_count (graph); i++)
    if (graph_result (graph, i).target == id)
      return true;
  return false;
}

static GArray *
find_parameters (struct graph *graph, const char *prefix, const struct optimizer_options *options)
{
  GArray *parameters = g_array_new (FALSE, FALSE, sizeof (sym));
  for (int id = 0; id < graph_count (graph); id++) {
    const struct node *node = graph_node (graph, id);
    sym parameter = {graph, id};
    if (node->op == &op_parameter && g_str_has_prefix (node->name, prefix) &&
        (!options->wanted || options->wanted (node->name)) && !is_assigned (graph, id))
      g_array_append_val (parameters, parameter);
  }
  return parameters;
}

/* The gradients, held to the limit; returns their norm before that. */
static sym
clip (sym *dw, int n, double limit)
{
  struct graph *graph = dw[0].graph;
  sym norm = sum_of_squares (dw[0]);
  for (int i = 1; i < n; i++)
    norm = sym_add (norm, sum_of_squares (dw[i]));
  norm = sym_sqrt (norm);
  if (limit > 0) {
    sym most = graph_scalar (graph, limit), factor = sym_div (most, sym_maximum (norm, most));
    for (int i = 0; i < n; i++)
      dw[i] = sym_mul (dw[i], factor);
  }
  return norm;
}

static sym
regularise (sym w, sym dw, const struct optimizer_options *options)
{
  if (!g_str_has_suffix (sym_node (w)->name, ".weight"))
    return dw;
  if (options->l1 > 0)
    dw = sym_add (dw, sym_scale (sym_sign (w), options->l1));
  return options->l2 > 0 ? sym_add (dw, sym_scale (w, 2 * options->l2)) : dw;
}

/* Averages of everything below @prefix that the graph assigns. */
static void
follow (struct graph *graph, const char *prefix, sym decay)
{
  for (guint i = 0, n = graph_result_count (graph); i < n; i++) {
    struct graph_result result = graph_result (graph, i);
    sym parameter = {graph, result.target}, value = {graph, result.id};
    if (result.target < 0 || !g_str_has_prefix (sym_node (parameter)->name, prefix))
      continue;
    sym average = state (parameter, "average", "", sym_node (parameter)->init);
    graph_assign (graph, average, sym_add (value, sym_mul (sym_sub (average, value), decay)));
  }
}

sym
optimizer_step (sym loss, const char *prefix, sym rate, sym decay, const struct optimizer_options *options)
{
  struct graph *graph = loss.graph;
  g_autoptr (GArray) parameters = find_parameters (graph, prefix, options);
  int n = parameters->len;
  const sym *w = &g_array_index (parameters, sym, 0);
  if (n == 0)
    return graph_fail (graph, "%s: no parameter's name begins with %s", optimizer_names[options->kind], prefix);
  g_autofree sym *dw = g_new0 (sym, n);
  graph_gradient (loss, w, n, dw);
  for (int i = 0; i < n; i++)
    dw[i] = regularise (w[i], dw[i], options);
  sym norm = clip (dw, n, options->clip);
  for (int i = 0; i < n; i++)
    graph_assign (graph, w[i], sym_sub (w[i], optimizers[options->kind].change (w[i], dw[i], rate, options)));
  if (decay.graph && !sym_null (decay))
    follow (graph, prefix, decay);
  return norm;
}

double
optimizer_rate (const struct optimizer_options *options, double rate, int64_t step)
{
  return optimizers[options->kind].correction ? rate * optimizers[options->kind].correction (options, step + 1) : rate;
}

double
average_decay (double decay, int64_t step)
{
  return fmin (decay, (1.0 + step) / (10.0 + step));
}

double
cosine_rate (double rate, int64_t step, int64_t steps, int64_t warmup)
{
  if (step < warmup)
    return rate * (step + 1) / warmup;
  double t = (double) (step - warmup) / (double) MAX (1, steps - warmup);
  return rate * (0.01 + 0.99 * 0.5 * (1 + cos (G_PI * fmin (t, 1))));
}

double
linear_rate (double rate, int64_t step, int64_t steps, double hold)
{
  double left = 1 - (double) step / (double) steps;
  return hold < 1 ? rate * fmin (1, left / (1 - hold)) : rate;
}
