/* SPDX-License-Identifier: Apache-2.0
 *
 * The eye that ships: VGG-19's first three blocks with a fraction of their channels, trained to see what VGG-19 sees
 * (`impasto train perceptual`; distillation: Hinton et al. 2015, Romero et al. 2015). A head of 1x1 takes each of its
 * four features to VGG-19's channels, so that distances and Gram matrices mean the same at a tenth of the
 * operations. */
#include <math.h>

#include "net/layers.h"
#include "net/net.h"

#define BLOCKS 3

static const int depth[BLOCKS] = {2, 2, 4};
static const int64_t teacher[4] = {64, 128, 256, 256};

static sym
conv (sym x, int block, int i, int64_t channels)
{
  g_autofree char *name = g_strdup_printf ("conv%d_%d", block + 1, i + 1);
  return sym_relu (layer_conv (x, name, (struct layer_conv){.channels = channels, .kernel = 3}));
}

static void
add_tap (struct perceptual *eye, int tap, sym x)
{
  struct graph *graph = x.graph;
  int64_t c = sym_shape (x).rank == 4 ? sym_shape (x).dim[1] : 1;
  graph_push (graph, "head%d", tap + 1);
  eye->features[tap] = x;
  eye->head[tap] =
    graph_parameter (graph, "weight", SHAPE (teacher[tap], c, 1, 1), (struct init){INIT_NORMAL, 0.5 / sqrt (c)});
  eye->bias[tap] = graph_parameter (graph, "bias", SHAPE (1, teacher[tap], 1, 1), (struct init){INIT_ZERO, 0});
  graph_pop (graph);
}

struct perceptual
perceptual_net (sym picture, int last, const struct perceptual_net *settings)
{
  struct perceptual eye;
  sym x = imagenet_normalize (picture);
  for (int tap = 0; tap < 4; tap++)
    eye.features[tap] = eye.head[tap] = eye.bias[tap] = (sym){picture.graph, -1};
  for (int b = 0, tap = 0; b < BLOCKS && tap <= last; b++) {
    if (b > 0)
      x = sym_max_pool (x, 2, 2, 0);
    for (int i = 0; i < depth[b] && tap <= last; i++) {
      x = conv (x, b, i, settings->channels[b]);
      if (i % 2 == 1)
        add_tap (&eye, tap++, x);
    }
  }
  return eye;
}

int64_t
perceptual_descriptor_size (const struct perceptual_net *settings)
{
  int64_t channels = 3;
  for (int b = 0; b < BLOCKS; b++)
    channels += settings->channels[b];
  return 2 * channels;
}

double
perceptual_descriptor_share (const struct perceptual_net *settings, int64_t k)
{
  int64_t colors = 3, from = colors + settings->channels[0], strokes = settings->channels[1];
  int64_t channel = k % (perceptual_descriptor_size (settings) / 2);
  if (channel < colors)
    return 0.25 / colors;
  return channel >= from && channel < from + strokes ? 0.25 / strokes : 0;
}

sym
perceptual_descriptor (sym picture, const struct perceptual_net *settings)
{
  struct perceptual eye = perceptual_net (picture, 3, settings);
  sym seen[] = {picture, eye.features[0], eye.features[1], eye.features[3]}, parts[2 * G_N_ELEMENTS (seen)];
  for (guint i = 0; i < G_N_ELEMENTS (seen); i++) {
    parts[i] = sym_mean (seen[i], AXES_HW);
    parts[G_N_ELEMENTS (seen) + i] = sym_sqrt (sym_variance (seen[i], AXES_HW));
  }
  return sym_reshape (sym_concat (parts, G_N_ELEMENTS (parts), 1), SHAPE (-1, perceptual_descriptor_size (settings)));
}

static void
build (const struct net *net, struct graph *graph, const void *settings)
{
  struct perceptual eye = perceptual_net (graph_input (graph, "picture", SHAPE (1, 3, 16, 16)), 3, settings);
  for (int tap = 0; tap < 4; tap++) {
    g_autofree char *name = g_strdup_printf ("features%d", tap + 1);
    sym seen = sym_add (sym_conv2d (eye.features[tap], eye.head[tap], (struct conv_options){0}), eye.bias[tap]);
    graph_output (graph, name, seen);
  }
}

static const struct option options[] = {
  {"channels", OPTION_INTS, offsetof (struct perceptual_net, channels), "channels of the three blocks", 4, 512,
   .text = "16,48,96", .count = BLOCKS},
  {NULL},
};

const struct net net_perceptual = {
  .name = "perceptual",
  .help = "the eye of the losses: VGG-19's blocks 1 to 3, narrow, distilled",
  .options = options,
  .options_size = sizeof (struct perceptual_net),
  .build = build,
};
