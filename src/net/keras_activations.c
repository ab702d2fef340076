/* SPDX-License-Identifier: Apache-2.0
 *
 * Keras's activations by name. */
#include <string.h>

#include "base/text.h"
#include "net/keras_internal.h"
#include "op/sym.h"

static sym
linear (sym x)
{
  return x;
}

static sym
relu6 (sym x)
{
  return sym_clamp (x, 0, 6);
}

static sym
leaky (sym x)
{
  return sym_leaky_relu (x, 0.2);
}

/* scale * (max(x, 0) + alpha (exp(min(x, 0)) - 1)) */
static sym
exponential_unit (sym x, double alpha, double scale)
{
  sym below = sym_exp (sym_neg (sym_relu (sym_neg (x))));
  return sym_scale (sym_add (sym_relu (x), sym_affine (below, alpha, -alpha)), scale);
}

static sym
elu (sym x)
{
  return exponential_unit (x, 1, 1);
}

/* Klambauer et al. 2017 */
static sym
selu (sym x)
{
  return exponential_unit (x, 1.6732632423543772, 1.0507009873554805);
}

static sym
swish (sym x)
{
  return sym_mul (x, sym_sigmoid (x));
}

static sym
gelu (sym x)
{
  return sym_mul (x, sym_affine (sym_erf (sym_scale (x, 0.70710678118654752)), 0.5, 0.5));
}

static sym
softsign (sym x)
{
  return sym_div (x, sym_shift (sym_abs (x), 1));
}

/* Over the channels. */
static sym
softmax (sym x)
{
  int rank = sym_shape (x).rank;
  return sym_softmax (x, rank == 4 ? 1 : rank - 1);
}

static const struct {
  const char *name;
  sym (*build) (sym x);
} activations[] = {
  {"linear", linear},
  {"relu", sym_relu},
  {"relu6", relu6},
  {"leaky_relu", leaky},
  {"elu", elu},
  {"selu", selu},
  {"tanh", sym_tanh},
  {"sigmoid", sym_sigmoid},
  {"swish", swish},
  {"silu", swish},
  {"gelu", gelu},
  {"softmax", softmax},
  {"softsign", softsign},
  {"exponential", sym_exp},
  {"softplus", sym_softplus},
};

sym
keras_activation (struct keras_pass *pass, const char *name, sym x)
{
  if (!name)
    return x;
  for (size_t i = 0; i < G_N_ELEMENTS (activations); i++)
    if (g_str_equal (activations[i].name, name))
      return activations[i].build (x);
  g_autofree char *shown = text_show (name);
  return graph_fail (pass->graph, "activation %s is not known here", shown);
}
