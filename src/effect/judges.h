/* SPDX-License-Identifier: Apache-2.0
 *
 * The judges that a run trained its painter against, read from a checkpoint of it (results of training hold none, for
 * they paint without) and asked about pictures: judges of patches of impasto train style and impasto train translate,
 * also those of the pairs painter-gan and anime. Any thread; judges are their caller's. */
#pragma once

#include "net/gan.h"
#include "net/net.h"
#include "tensor/weights.h"

#define JUDGES_MAX 2

struct judges {
  int n, side; /* side: of the square pictures that they read, pixels; 0 = any picture */
  struct judge {
    const char *scope;             /* of its weights: "", or the side of a translation with a dot, "painting." */
    struct patch_net net;          /* unless it is of a pair */
    const struct gan_preset *pair; /* or NULL */
    struct gan_net gan;            /* the pair's settings */
    bool logits;                   /* its scores are of a sigmoid */
  } judge[JUDGES_MAX];
};

/* The judges of the checkpoint @path and, returned, their weights. IMPASTO_ERROR_INPUT: it holds none, or they have
 * other shapes than their recipe says. */
struct weights *judges_load (const char *path, struct judges *judges, GError **error);

/* Score maps (1, judges_heads, h, w) of a @picture (1, 3, height, width) in 0..1: 1 is what a judge calls real, 0 what
 * it calls painted. */
sym judges_score (sym picture, const struct judges *judges);
int judges_heads (const struct judges *judges);
