/* SPDX-License-Identifier: Apache-2.0
 *
 * Rewrites of lowering that look further than one node and its scalars. Where W, a, c and d are known beforehand
 * (weights that no run assigns, and what is computed from them) and a, c, d have a value a channel:
 *
 *   conv (x, W) a            -> conv (x, W a)                          a batch normalisation behind a convolution
 *   (conv (x, W) + c) a      -> conv (x, W a) + c a
 *   conv (x, W) + c + d      -> conv (x, W) + (c + d)                  one bias, which the kernel adds
 *   softmax (s q k^T + b) v  -> attention (q, k, v, b)                 whose scores are never whole
 *   a (b with its last axes swapped) -> matmul with b transposed
 *
 * A value that something else reads is left alone. */
#pragma once

#include "graph/graph.h"

typedef struct absorb absorb;

/* For lowering @source, of which the @needed nodes are copied. */
struct absorb *absorb_new (const struct graph *source, const bool *needed);
void absorb_free (struct absorb *absorb);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (absorb, absorb_free)

/* What replaces @node over @x in the target graph, or a null symbol. */
sym absorb_node (struct absorb *absorb, const struct node *node, const sym *x);

/* Node @id of the source has become @copy. */
void absorb_note (struct absorb *absorb, int id, sym copy);
