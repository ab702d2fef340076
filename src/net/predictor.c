/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows for a painting that a painter never learnt, in no time (a style prediction network: Ghiasi et al. 2017). A
 * descriptor of the painting, each number less its mean over its deviation among known paintings, becomes a mix of rows
 * that were styles, and weights of free rows, through a layer of its own. Free rows begin with no say: at first there
 * is nothing but the mix. What a layer reads is as long as one number, however many there are: Adam moves every weight
 * by as much, and hundreds together would throw the mix over. */
#include <math.h>

#include "net/layers.h"
#include "net/net.h"

#define LIMIT 5 /* deviations: a painting that is stranger than that is not stranger still */
#define FREE_GAIN 0.01

int64_t
predictor_net_basis (const struct predictor_net *settings)
{
  return settings->described > 0 ? settings->mixed + settings->free : 0;
}

sym
predictor_net (sym descriptor, const struct predictor_net *settings)
{
  struct graph *graph = descriptor.graph;
  struct shape row = SHAPE (1, settings->described);
  graph_push (graph, "predictor");
  sym mean = graph_parameter (graph, "mean", row, (struct init){INIT_ZERO, 0});
  sym deviation = graph_parameter (graph, "deviation", row, (struct init){INIT_CONSTANT, 1});
  double root = sqrt (settings->described), hidden_root = sqrt (settings->hidden);
  sym seen = sym_clamp (sym_div (sym_sub (descriptor, mean), deviation), -LIMIT, LIMIT);
  seen = sym_scale (seen, 1 / root);
  sym mix = sym_softmax (layer_dense (seen, "mix", (struct layer_dense){.features = settings->mixed, .gain = root}), 1);
  struct layer_dense dense = {.features = settings->hidden, .gain = M_SQRT2 * root};
  sym hidden = sym_scale (sym_relu (layer_dense (seen, "hidden", dense)), 1 / hidden_root);
  sym more = layer_dense (hidden, "free", (struct layer_dense){.features = settings->free, .gain = FREE_GAIN});
  graph_pop (graph);
  return sym_concat ((sym[]){mix, more}, 2, 1);
}
