/* SPDX-License-Identifier: Apache-2.0
 *
 * The painter: two strided convolutions, residual blocks at a quarter of the size, two upsamplings each followed by a 3x3
 * convolution (no transposed convolution, hence no checkerboard: Odena et al. 2016), reflection padding everywhere.
 * Bilinear upsampling leaves no grid of pixels even after a short training; nearest is Johnson's and a little faster.
 * Johnson, Alahi, Fei-Fei 2016; instance normalisation: Ulyanov 2016; a row of scales and shifts a style: Dumoulin 2017. */
#include "net/layers.h"
#include "net/net.h"

static sym
stage (sym x, const char *name, struct layer_conv conv, sym style)
{
  graph_push (x.graph, "%s", name);
  conv.pad = PAD_REFLECT;
  conv.bare = true;
  x = layer_conv (x, "conv", conv);
  x = sym_relu (layer_instance_norm (x, "norm", (struct layer_norm){.style = style}));
  graph_pop (x.graph);
  return x;
}

static sym
residual (sym x, int i, int channels, sym style)
{
  struct layer_conv conv = {.channels = channels, .kernel = 3, .pad = PAD_REFLECT, .bare = true};
  graph_push (x.graph, "res%d", i + 1);
  sym y = layer_conv (x, "conv1", conv);
  y = sym_relu (layer_instance_norm (y, "norm1", (struct layer_norm){.style = style}));
  y = layer_conv (y, "conv2", conv);
  y = layer_instance_norm (y, "norm2", (struct layer_norm){.style = style});
  graph_pop (x.graph);
  return sym_add (x, y);
}

static sym
upsample (sym x, const struct style_net *settings)
{
  struct shape shape = sym_shape (x);
  if (settings->upsampling == UPSAMPLING_NEAREST)
    return sym_upsample_nearest (x, 2);
  return sym_resize_bilinear (x, 2 * shape.dim[2], 2 * shape.dim[3]);
}

sym
style_net (sym photo, sym style, const struct style_net *settings)
{
  int width = settings->width, inner = settings->inner, ends = settings->ends;
  struct shape shape = sym_shape (photo);
  if (shape.rank != 4 || shape.dim[1] != 3)
    return graph_fail (photo.graph, "style network: wants pictures (n, 3, h, w)");
  if (ends % 2 == 0)
    return graph_fail (photo.graph, "style network: ends is %d, wants an odd number", ends);
  int64_t h = shape.dim[2], w = shape.dim[3], bottom = (4 - h % 4) % 4, right = (4 - w % 4) % 4;
  sym x = sym_affine (photo, 2, -1);
  if (bottom || right)
    x = sym_pad (x, PAD_REFLECT, 0, 0, bottom, right);
  x = stage (x, "down1", (struct layer_conv){.channels = width, .kernel = ends}, style);
  x = stage (x, "down2", (struct layer_conv){.channels = 2 * width, .kernel = 3, .stride = 2}, style);
  x = stage (x, "down3", (struct layer_conv){.channels = inner, .kernel = 3, .stride = 2}, style);
  for (int i = 0; i < settings->residuals; i++)
    x = residual (x, i, inner, style);
  x = stage (upsample (x, settings), "up1", (struct layer_conv){.channels = 2 * width, .kernel = 3}, style);
  x = stage (upsample (x, settings), "up2", (struct layer_conv){.channels = width, .kernel = 3}, style);
  x = layer_conv (x, "out", (struct layer_conv){.channels = 3, .kernel = ends, .pad = PAD_REFLECT, .gain = 0.5});
  if (bottom)
    x = sym_slice (x, 2, 0, h, 1);
  if (right)
    x = sym_slice (x, 3, 0, w, 1);
  return sym_affine (sym_tanh (x), 0.5, 0.5);
}

const char *const upsampling_names[] = {"nearest", "bilinear", NULL};

static const struct option options[] = {
  {"styles", OPTION_INT, offsetof (struct style_net, styles), "rows of the normalisation tables", 1, 4096, 1},
  {"width", OPTION_INT, offsetof (struct style_net, width), "channels of the first convolution", 1, 512, 32},
  {"inner", OPTION_INT, offsetof (struct style_net, inner), "channels of the residual blocks", 1, 1024, 96},
  {"residuals", OPTION_INT, offsetof (struct style_net, residuals), "residual blocks", 0, 64, 5},
  {"ends", OPTION_INT, offsetof (struct style_net, ends), "kernel of the first and last convolution", 1, 15, 5},
  {"upsampling", OPTION_CHOICE, offsetof (struct style_net, upsampling), "how pictures are enlarged inside",
   .fallback = UPSAMPLING_BILINEAR, .choices = upsampling_names},
  {NULL},
};

const struct net net_style = {
  .name = "style",
  .help = "feed-forward painter, many styles in one network (Johnson 2016, Dumoulin 2017)",
  .options = options,
  .options_size = sizeof (struct style_net),
};
