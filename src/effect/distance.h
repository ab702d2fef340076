/* SPDX-License-Identifier: Apache-2.0
 *
 * How far a painting is from a style and from its photograph, as a feature network sees it, in the units of the
 * training losses: what `impasto eval` says and what training and optimisation go down by. One thread at a time. */
#pragma once

#include "image/picture.h"
#include "net/feature_net.h"

typedef struct distance distance;

/* Takes @features over. @threads: 0 = all. */
struct distance *distance_new (struct features *features, int64_t threads);
void distance_free (struct distance *distance);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (distance, distance_free)

/* What paintings are held against from now on, in the size it has. Errors as distance_measure. */
bool distance_set_style (struct distance *distance, const struct picture *style, GError **error);

/* @style: mean, over three scales of the picture and the network's four taps, of the squared difference of the Gram
 * matrices, each over the root mean square of the style's (Gatys 2016); NULL: not wanted. @content: squared difference
 * of the features at the tap of content over their mean square in @photo (Johnson 2016), which has the painting's size;
 * NULL: not wanted. Pictures of less than 16 pixels are mirrored on. IMPASTO_ERROR_MEMORY: more than is free, said
 * beforehand; IMPASTO_ERROR_NUMERIC. */
bool distance_measure (struct distance *distance, const struct picture *painting, const struct picture *photo,
                       double *style, double *content, GError **error);
