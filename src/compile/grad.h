/* SPDX-License-Identifier: Apache-2.0
 *
 * Reverse mode: the gradient of a graph is more graph, so a gradient of a gradient is one more call. */
#pragma once

#include "graph/graph.h"

/* dx[i] := d y / d x[i], for scalar y (size 1); zeros of x's shape when y does not depend on it. */
void graph_gradient (sym y, const sym *x, int n, sym *dx);

/* The same seeded with @dy of y's shape. */
void graph_gradient_from (sym y, sym dy, const sym *x, int n, sym *dx);
