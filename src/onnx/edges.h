/* SPDX-License-Identifier: Apache-2.0
 *
 * Ops of the graph that work on the last two axes, for any axis: what Pad and Resize share. */
#pragma once

#include "graph/graph.h"

/* x with @axis as the rows of planes (before, extent, behind), for an op over rows; and back to x's shape, the axis
 * with its new extent. */
sym edges_rows (sym x, int axis);
sym edges_back (sym y, const struct shape *shape, int axis);

/* y where @inside is not 0 along @axis, else @value: @inside has a number for each element of the axis. */
sym edges_fill (sym y, int axis, const float *inside, double value);
