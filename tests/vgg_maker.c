/* SPDX-License-Identifier: Apache-2.0
 *
 * VGG-19's weights; see vgg_maker.h. */
#include "vgg_maker.h"

struct weights *
make_vgg (bool torchvision)
{
  static const struct {
    const char *ours, *theirs;
    int out, in;
  } layers[VGG_LAYERS] = {
    {"conv1_1", "0", 64, 3},     {"conv1_2", "2", 64, 64},    {"conv2_1", "5", 128, 64},   {"conv2_2", "7", 128, 128},
    {"conv3_1", "10", 256, 128}, {"conv3_2", "12", 256, 256}, {"conv3_3", "14", 256, 256}, {"conv3_4", "16", 256, 256},
  };
  struct weights *weights = weights_new ();
  for (int i = 0; i < VGG_LAYERS; i++) {
    const char *layer = torchvision ? layers[i].theirs : layers[i].ours;
    g_autofree char *weight = g_strdup_printf ("features.%s.weight", layer);
    g_autofree char *bias = g_strdup_printf ("features.%s.bias", layer);
    g_autoptr (tensor) w = tensor_new (SHAPE (layers[i].out, layers[i].in, 3, 3), DTYPE_F32, NULL);
    g_autoptr (tensor) b = tensor_new (SHAPE (layers[i].out), DTYPE_F32, NULL);
    weights_add (weights, weight, w);
    weights_add (weights, bias, b);
  }
  return weights;
}
