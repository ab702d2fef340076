/* SPDX-License-Identifier: Apache-2.0
 *
 * Painters that are lists of layers, in the place of the residual one. Their batch normalisations have running
 * statistics, so that they paint by convolutions alone: any size, in any tiles, without a thumbnail to measure. */
#include "net/gan.h"

const char *const style_layers_names[] = {"residual", "painter-gan", "anime", NULL};

static const struct gan_preset *const painters[] = {NULL, &gan_painter_gan, &gan_anime};

const struct gan_preset *
painter_preset (const struct style_net *settings)
{
  return painters[settings->layers];
}

const struct gan_preset *
painter_preset_of (const struct net *net)
{
  for (size_t i = 1; i < G_N_ELEMENTS (painters); i++)
    if (&painters[i]->net == net)
      return painters[i];
  return NULL;
}

struct gan_net
painter_gan_net (int64_t width)
{
  return (struct gan_net){.width = (double) width / PAINTER_WIDTH, .channels = 3};
}

sym
painter_net (sym photo, const struct style_control *control, const struct style_net *settings)
{
  const struct gan_preset *preset = painter_preset (settings);
  struct gan_net net = painter_gan_net (settings->width);
  struct gan_pass pass = {.net = &net,
                          .training = control->training,
                          .follow = control->training,
                          .pad = control->wrap ? PAD_CIRCULAR : PAD_ZERO};
  sym x = sym_affine (photo, 2, -1);
  if (preset->enlarges > 1)
    x = sym_avg_pool (x, preset->enlarges, preset->enlarges, 0);
  return sym_affine (gan_generator (x, preset, pass), 0.5, 0.5);
}

/* How far from @x the pixel there reads, followed from the last layer to the first. */
static int
reach_of (const struct gan_preset *preset, int x)
{
  const struct gan_layer *layer = preset->generator;
  int lo = x, hi = x;
  while (layer->kind)
    layer++;
  while (layer-- > preset->generator)
    if (layer->kind == &gan_conv) {
      lo -= layer->kernel / 2;
      hi += layer->kernel / 2;
    } else if (layer->kind == &gan_up) {
      lo /= 2;
      hi /= 2;
    }
  lo *= preset->enlarges;
  hi = hi * preset->enlarges + preset->enlarges - 1;
  return MAX (x - lo, hi - x);
}

int
painter_reach (const struct style_net *settings)
{
  int reach = 0;
  for (int x = 0; x < 4; x++)
    reach = MAX (reach, reach_of (painter_preset (settings), 1024 + x));
  return (reach + 3) / 4 * 4;
}
