/* SPDX-License-Identifier: Apache-2.0
 *
 * The index of networks. */
#include "net/gan.h"

const struct net *const net_table[] = {&net_style,           &net_vgg19,
                                       &net_resnet18,        &net_perceptual,
                                       &net_arbitrary,       &net_patch,
                                       &gan_dcgan_28.net,    &gan_noise_gan_28.net,
                                       &gan_vae_28.net,      &gan_dcgan_64.net,
                                       &gan_painter_gan.net, &gan_anime.net,
                                       &net_classifier,      NULL};

const struct net *
net_find (const char *name)
{
  for (int i = 0; net_table[i]; i++)
    if (g_str_equal (net_table[i]->name, name))
      return net_table[i];
  return NULL;
}
