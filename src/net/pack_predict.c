/* SPDX-License-Identifier: Apache-2.0
 *
 * What the predictor of a pack says of paintings; see pack.h. */
#include <string.h>

#include "compile/plan.h"
#include "impasto/error.h"
#include "net/pack.h"

/* @tensor, unless it is NULL or holds NaN or infinity, as damaged weights give it; takes it over. */
static struct tensor *
checked (const struct pack *pack, struct tensor *tensor, GError **error)
{
  if (!tensor || tensor_find_nonfinite (tensor) < 0)
    return tensor;
  tensor_unref (tensor);
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_NUMERIC,
               "%s: its predictor gives NaN or infinity; it may be damaged", pack->path);
  return NULL;
}

struct tensor *
pack_predict (const struct pack *pack, struct tensor *descriptors, GError **error)
{
  g_autoptr (graph) graph = graph_new ();
  graph_output (graph, "weights", predictor_net (graph_constant (graph, descriptors), &pack->predictor));
  struct plan_options options = {.threads = 1};
  g_autoptr (plan) plan = plan_compile (graph, pack->predicting, &options, error);
  if (!plan)
    return NULL;
  plan_run (plan, 0, 0);
  return checked (pack, tensor_convert (plan_output (plan, "weights"), DTYPE_F32, error), error);
}

char *
pack_basis_name (const char *table)
{
  const char *last = strrchr (table, '.');
  bool rows = last && (g_str_equal (last, ".scale") || g_str_equal (last, ".shift"));
  return rows ? g_strdup_printf ("%.*s.basis_%s", (int) (last - table), table, last + 1) : NULL;
}

struct tensor *
pack_predict_rows (const struct pack *pack, const char *table, struct tensor *weights, GError **error)
{
  g_autofree char *name = pack_basis_name (table);
  struct tensor *basis = name ? weights_find (pack->predicting, name) : NULL;
  if (!basis)
    return NULL;
  int64_t n = weights->shape.dim[0], rows = weights->shape.dim[1], c = basis->shape.dim[1];
  struct tensor *mixed = tensor_new (SHAPE (n, c), DTYPE_F32, error);
  for (int64_t i = 0; mixed && i < n; i++)
    for (int64_t k = 0; k < rows; k++)
      for (int64_t j = 0; j < c; j++)
        tensor_floats (mixed)[i * c + j] += tensor_floats (weights)[i * rows + k] * tensor_floats (basis)[k * c + j];
  return checked (pack, mixed, error);
}
