/* SPDX-License-Identifier: Apache-2.0
 *
 * What paintings look like, for packs to carry and for predictors to read: see net/pack.h. In float32, with the threads
 * of the options. */
#pragma once

#include "compile/plan.h"
#include "image/picture.h"
#include "net/net_file.h"

/* The descriptor of @painting, whose sides are multiples of 4, by the perceptual network @net. IMPASTO_ERROR_NUMERIC:
 * NaN or infinity. */
bool describe_picture (const struct net_file *net, const struct picture *painting, struct plan_options options,
                       float *out, GError **error);

/* Descriptors (n, d) of the paintings @paths by the perceptual network @network, a file. IMPASTO_ERROR_INPUT: no such
 * network, no picture. */
struct tensor *describe_paintings (const char *network, char **paths, int n, struct plan_options options,
                                   GError **error);
