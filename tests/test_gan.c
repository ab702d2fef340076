/* SPDX-License-Identifier: Apache-2.0
 *
 * Losses, penalties and stabilisers of adversarial training: values and gradients against PyTorch (tests/oracle/gan.py), and
 * what each promises. */
#include <string.h>

#include "oracle.h"
#include "train/gan_loss.h"

#define REFERENCE "gan.json"
#define TOLERANCE 1e-5

static sym
parameter (struct graph *graph, const char *name, struct shape shape)
{
  return graph_parameter (graph, name, shape, (struct init){INIT_ZERO, 0});
}

/* Judge at label 1, judge at label 0.9, generator, of score maps. */
static sym
build_loss (struct graph *graph, const char *name)
{
  int kind = 0;
  while (strcmp (gan_loss_names[kind], name))
    kind++;
  const struct gan_loss *loss = &gan_losses[kind];
  sym real = sym_scale (parameter (graph, "real", SHAPE (4, 1, 3, 2)), 20);
  sym fake = sym_scale (parameter (graph, "fake", SHAPE (4, 1, 3, 2)), 20);
  sym values[] = {loss->judge (real, fake, 1), loss->judge (real, fake, 0.9), loss->generator (real, fake)};
  for (int i = 0; i < 3; i++)
    values[i] = sym_reshape (values[i], SHAPE (1));
  return sym_concat (values, 3, 0);
}

static sym
critic (sym x)
{
  struct graph *graph = x.graph;
  sym weight = parameter (graph, "conv.weight", SHAPE (6, 2, 4, 4));
  x = sym_conv2d (x, weight, (struct conv_options){.stride = 2, .pad = 1});
  x = sym_tanh (sym_add (x, parameter (graph, "conv.bias", SHAPE (1, 6, 1, 1))));
  return sym_matmul_t (sym_reshape (x, SHAPE (3, -1)), false, parameter (graph, "dense.weight", SHAPE (1, 120)), true);
}

static sym
build_penalty (struct graph *graph, const char *name)
{
  sym picture = oracle_constant (graph, "picture", SHAPE (3, 2, 8, 10), 2, 0), score = critic (picture);
  return g_str_equal (name, "r1") ? gan_r1 (score, picture) : gan_gradient_penalty (score, picture);
}

static void
test_oracle (gconstpointer oracle)
{
  oracle_check (REFERENCE, oracle, PRECISION_F32, TOLERANCE);
}

int
main (int argc, char **argv)
{
  static const struct oracle oracles[] = {
    {"minimax", build_loss},
    {"non-saturating", build_loss},
    {"least-squares", build_loss},
    {"hinge", build_loss},
    {"wasserstein", build_loss},
    {"relativistic", build_loss},
    {"gradient_penalty", build_penalty},
    {"r1", build_penalty},
  };
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (oracles); i++) {
    g_autofree char *path = g_strdup_printf ("/gan/pytorch/%s", oracles[i].name);
    g_test_add_data_func (path, &oracles[i], test_oracle);
  }
  return g_test_run ();
}
