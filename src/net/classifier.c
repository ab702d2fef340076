/* SPDX-License-Identifier: Apache-2.0
 *
 * A small classifier: convolutions of 3x3, each with batch normalisation (Ioffe and Szegedy 2015) and a ReLU, halved in
 * size between them, then the mean over the picture (Lin et al. 2014) and a dense layer. What the dense layer sees is
 * the feature space in which sets of such pictures are compared; pictures may have any size. */
#include "net/layers.h"
#include "net/net.h"

struct classifier
classifier_net (sym picture, const struct classifier_net *settings, bool training, double follow)
{
  sym x = sym_affine (picture, 2, -1);
  int channels = (int) settings->width;
  for (int i = 0; i < settings->layers; i++, channels *= 2) {
    graph_push (x.graph, "layer%d", i + 1);
    if (i > 0)
      x = sym_max_pool (x, 2, 2, 0);
    x = layer_conv (x, "conv", (struct layer_conv){.channels = channels, .kernel = 3, .bare = true});
    x = layer_batch_norm (x, "norm", (struct layer_norm){.training = training, .follow = follow});
    x = sym_relu (x);
    graph_pop (x.graph);
  }
  struct classifier classifier = {.features =
                                    sym_reshape (sym_mean (x, AXES_HW), SHAPE (sym_shape (picture).dim[0], -1))};
  classifier.logits =
    layer_dense (classifier.features, "dense", (struct layer_dense){.features = (int) settings->classes, .gain = 1});
  return classifier;
}

static void
build (const struct net *net, struct graph *graph, const void *settings)
{
  const struct classifier_net *classifier = settings;
  int64_t side = classifier->size;
  sym picture = graph_input (graph, "picture", SHAPE (1, classifier->channels, side, side));
  graph_output (graph, "logits", classifier_net (picture, classifier, false, 0).logits);
}

static const struct option options[] = {
  {"classes", OPTION_INT, offsetof (struct classifier_net, classes), "classes that are told apart", 2, 4096, 10},
  {"side", OPTION_INT, offsetof (struct classifier_net, size), "of the pictures it is trained on, pixels", 8, 1024, 28},
  CLASSIFIER_OPTIONS (struct classifier_net, ),
  {NULL},
};

const struct net net_classifier = {
  .name = "classifier",
  .help = "tells classes of pictures apart; the space in which sets of digits are compared",
  .options = options,
  .options_size = sizeof (struct classifier_net),
  .build = build,
};
