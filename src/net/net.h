/* SPDX-License-Identifier: Apache-2.0
 *
 * Networks: each is a struct net in its own file, with a table of its settings and a builder, and a row in net_table.
 * Parameters are named from the scope the caller has pushed. */
#pragma once

#include "op/sym.h"

struct net {
  const char *name;             /* "style" */
  const char *help;             /* one line, with the source */
  const struct option *options; /* of the settings struct */
  size_t options_size;
};

extern const struct net *const net_table[]; /* NULL-terminated */
const struct net *net_find (const char *name);

/* style.c: the painter. Feed-forward transformer network after Johnson et al. 2016 with upsampling and conditional instance
 * normalisation: photograph (n,3,h,w) in 0..1 -> painting of the same size in 0..1. Extents that are no
 * multiple of 4 are padded by reflection inside and cut off again. @style is (n, styles), weights over its rows. */
enum upsampling { UPSAMPLING_NEAREST, UPSAMPLING_BILINEAR };
extern const char *const upsampling_names[]; /* NULL-terminated */

struct style_net {
  int64_t styles;    /* rows of the normalisation tables */
  int64_t width;     /* channels of the first convolution; then twice and `inner` */
  int64_t inner;     /* channels of the residual blocks, at a quarter of the size */
  int64_t residuals; /* residual blocks */
  int64_t ends;      /* kernel of the first and last convolution, odd */
  int upsampling;    /* enum upsampling */
};
extern const struct net net_style;
sym style_net (sym photo, sym style, const struct style_net *settings);

/* vgg.c: VGG-19 up to relu3_4 (Simonyan and Zisserman 2015) over RGB in 0..1, normalised inside as torchvision does.
 * Fills relu[b][i] with relu(b+1)_(i+1) for the layers up to @last, counted 0 = conv1_1 .. 7 = conv3_4. */
struct vgg {
  sym relu[3][4];
};
enum { VGG_RELU1_2 = 1, VGG_RELU2_2 = 3, VGG_RELU3_2 = 5, VGG_RELU3_4 = 7 };
extern const struct net net_vgg19;
struct vgg vgg19 (sym picture, int last);

/* patchgan.c: judges overlapping patches (Isola et al. 2017): picture -> one score map a head, (n, heads, h', w'). */
struct patch_net {
  int64_t heads;
  int64_t width;  /* channels of the first convolution, doubled by each further one */
  int64_t layers; /* strided convolutions */
  bool norm;      /* instance normalisation after all but the first */
};
extern const struct net net_patch;
sym patch_net (sym picture, const struct patch_net *settings);

/* dcgan.c: the pair of Radford et al. 2016 for 28x28 digits (7x7x256 start, two nearest upsamplings). */
struct dcgan_net {
  int64_t latent;   /* length of z */
  int64_t width;    /* channels at 7x7 */
  int64_t channels; /* of the picture */
};
extern const struct net net_dcgan;
sym dcgan_generator (sym z, const struct dcgan_net *settings,
                     bool training); /* (n, latent) -> (n, channels, 28, 28) in -1..1 */
sym dcgan_discriminator (sym picture, const struct dcgan_net *settings, bool training); /* -> (n, 1) logits */
