/* SPDX-License-Identifier: Apache-2.0
 *
 * Lowering: the part of a graph that its results need, rewritten for plans. Decomposed ops are replaced by what they
 * are made of, and scalar constants are folded into the elementwise op beside them. */
#pragma once

#include "graph/graph.h"

/* Name, shape and target of results keep their order; a result's id is of the new graph, and so is its target. */
struct graph *graph_lower (struct graph *graph, GError **error);
