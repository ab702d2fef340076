/* SPDX-License-Identifier: Apache-2.0
 *
 * Random small graphs for tests of what compiles them. A graph is grown from a few leaves by drawing ops over what is
 * there, so that values are shared, reshaped, broadcast and laid out either way; what comes out and what is assigned is
 * drawn as well: inputs, views, constants, the same value twice, parameters for each other. Graphs of odd numbers have
 * gradients, some of second order. */
#pragma once

#include "op/sym.h"

struct random_graph {
  GRand *rand;
  struct graph *graph;
  GArray *pool;    /* sym: what ops may take */
  GPtrArray *leaf; /* double *, by node id: the numbers of inputs and parameters; NULL elsewhere */
  int n_leaves;
  bool smooth; /* gradients will be taken: no kinks where rounding could choose the side */
};

/* Graph @number, the same on every machine. */
void random_graph_init (struct random_graph *m, int number);
void random_graph_clear (struct random_graph *m);
