/* SPDX-License-Identifier: Apache-2.0
 *
 * Feature networks: the eyes by which losses, metrics and the arbitrary-style network compare pictures. Whatever the
 * network (ours, VGG-19, ResNet-18), it gives FEATURE_TAPS features of a picture (n,3,h,w) in 0..1, fine to coarse; tap
 * FEATURE_CONTENT is where content is compared. A struct features is constant once loaded, and its owner frees it. */
#pragma once

#include "net/net.h"

enum { FEATURE_TAPS = 4, FEATURE_CONTENT = 2 };

struct feature_kind;

struct features {
  const struct feature_kind *kind;
  void *settings;          /* of the kind, or NULL */
  struct weights *weights; /* F32, names as its parameters */
  char *path;
};
typedef struct features features;

/* One feature of a picture: x (n, c, h, w), and how it is compared: as head x + bias, in @channels channels; a null
 * head is none. */
struct feature_tap {
  sym x, head, bias;
  int64_t channels;
};

/* What the file holds decides: a network of `impasto train perceptual`, VGG-19 in torchvision's or our layout,
 * ResNet-18 in torchvision's. IMPASTO_ERROR_INPUT: none of them, damaged. */
struct features *features_load (const char *path, GError **error);

/* Features whose weights are random, for rehearsals: of the kind that ships. */
struct features *features_new_random (void);

void features_free (struct features *features);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (features, features_free)

const char *features_name (const struct features *features); /* "vgg19" */

/* Channels in which tap @tap is compared. */
int64_t features_channels (const struct features *features, int tap);

/* Builds the network over @picture up to tap @last; its parameters are named in the current scope. */
void features_build (const struct features *features, sym picture, int last, struct feature_tap taps[FEATURE_TAPS]);

/* Adds its weights to @target under "PREFIX.": a plan of a graph that built it in that scope finds them there. */
void features_add_weights (const struct features *features, struct weights *target, const char *prefix);

/* The tap as it is compared: (n, channels, h, w). */
sym feature_map (struct feature_tap tap);

/* Its Gram matrix: (n, channels, channels), sum over pixels of f f^T / (channels h w). With a head, from the Gram
 * matrix of x: as cheap as x is narrow. */
sym feature_gram (struct feature_tap tap);
