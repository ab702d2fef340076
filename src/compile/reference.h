/* SPDX-License-Identifier: Apache-2.0
 *
 * The reference interpreter: evaluates a graph in double with the reference kernels, one node after another. The oracle
 * of every test; a shipped network never runs on it. */
#pragma once

#include "graph/graph.h"

/* Values of the leaves by node id (inputs and parameters), row-major doubles; constants come from the graph.
 * Fills out[i] with a new array (g_free) of the value of want[i]. */
bool reference_evaluate (struct graph *graph, const double *const *leaf, uint64_t seed, uint64_t step, const sym *want,
                         int n, double **out, GError **error);
