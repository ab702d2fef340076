/* SPDX-License-Identifier: Apache-2.0
 *
 * Adam with clipping and a moving average, written in the graph language; see optimizer.h. */
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

static void
adam_update (sym w, sym dw, sym rate, sym decay, const struct adam_options *options)
{
  struct init zero = {INIT_ZERO, 0};
  sym m = state (w, "optimizer", ".m", zero), v = state (w, "optimizer", ".v", zero);
  sym m_new = sym_add (sym_scale (m, options->beta1), sym_scale (dw, 1 - options->beta1));
  sym v_new = sym_add (sym_scale (v, options->beta2), sym_scale (sym_square (dw), 1 - options->beta2));
  sym w_new = sym_sub (w, sym_div (sym_mul (m_new, rate), sym_shift (sym_sqrt (v_new), options->epsilon)));
  graph_assign (w.graph, m, m_new);
  graph_assign (w.graph, v, v_new);
  graph_assign (w.graph, w, w_new);
  if (!decay.graph || sym_null (decay))
    return;
  sym average = state (w, "average", "", sym_node (w)->init);
  graph_assign (w.graph, average, sym_add (w_new, sym_mul (sym_sub (average, w_new), decay)));
}

sym
adam (sym loss, const char *prefix, sym rate, sym decay, const struct adam_options *options)
{
  struct graph *graph = loss.graph;
  g_autoptr (GArray) parameters = g_array_new (FALSE, FALSE, sizeof (sym));
  for (int id = 0; id < graph_count (graph); id++) {
    const struct node *node = graph_node (graph, id);
    sym parameter = {graph, id};
    if (node->op == &op_parameter && g_str_has_prefix (node->name, prefix) &&
        (!options->wanted || options->wanted (node->name)))
      g_array_append_val (parameters, parameter);
  }
  int n = parameters->len;
  const sym *w = &g_array_index (parameters, sym, 0);
  if (n == 0)
    return graph_fail (graph, "adam: no parameter's name begins with %s", prefix);
  g_autofree sym *dw = g_new0 (sym, n);
  graph_gradient (loss, w, n, dw);
  sym norm = sum_of_squares (dw[0]);
  for (int i = 1; i < n; i++)
    norm = sym_add (norm, sum_of_squares (dw[i]));
  norm = sym_sqrt (norm);
  if (options->clip > 0) {
    sym limit = graph_scalar (graph, options->clip);
    sym factor = sym_div (limit, sym_maximum (norm, limit));
    for (int i = 0; i < n; i++)
      dw[i] = sym_mul (dw[i], factor);
  }
  for (int i = 0; i < n; i++)
    adam_update (w[i], dw[i], rate, decay, options);
  return norm;
}

double
adam_rate (const struct adam_options *options, double rate, int64_t step)
{
  double t = step + 1;
  return rate * sqrt (1 - pow (options->beta2, t)) / (1 - pow (options->beta1, t));
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
