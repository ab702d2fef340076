/* SPDX-License-Identifier: Apache-2.0
 *
 * Packs in the style recipe: weights that training starts from (--start), rows that are fitted into a pack (--into),
 * and what becomes of a run.
 *
 * To fit rows, a network with the pack's trunk and tables of the new rows alone is trained, of which nothing but those
 * tables changes: no gradient of a convolution's weights is computed, and the other rows cannot move. */
#pragma once

#include "net/pack.h"
#include "train/style_recipe.h"

/* Copies what fits of the pack @path over the weights of the painter @net, of which every style has one of @names: rows
 * of styles by name, the photograph's and the brushes' if it has them. Rows it does not have begin as the mean of its
 * styles, a brush it does not have as it is. A larger network is pruned (prune.h). IMPASTO_ERROR_USAGE: any other
 * size. */
bool style_pack_start (const char *path, const struct style_net *net, char **names, struct weights *weights,
                       GError **error);

/* The pack of --into: a file, since a run's weights are others after each checkpoint, and those must be the same
 * whenever this run is resumed. IMPASTO_ERROR_USAGE, IMPASTO_ERROR_INPUT. */
struct pack *style_pack_load_into (const char *path, GError **error);

/* That @there, what a run has of the weight @part of @pack, if anything, is what the pack has: IMPASTO_ERROR_INPUT. */
bool style_pack_check_same (const struct pack *pack, const char *part, const struct tensor *there, GError **error);

/* The network that fits @styles new rows into @pack. */
struct style_net style_pack_fit_net (const struct pack *pack, int64_t styles);

/* Gives @weights what the painter of @net, such a network, lacks: the pack's trunk, and tables whose rows begin as what
 * the pack's predictor says of paintings that look like @descriptors; without either as the mean of the pack's styles:
 * better than the style that paints nearest to the painting. IMPASTO_ERROR_INPUT: there is a trunk already, and it is
 * another. */
bool style_pack_fit (const struct pack *pack, const struct style_net *net, struct tensor *descriptors,
                     struct weights *weights, GError **error);

/* Whether the painter's parameter @name is a table of styles. */
bool style_pack_is_row (const char *name);

/* The painter of @net, whose rows have the names of @data, by the averages among the @weights of a run; title and
 * licence are those of @settings. @descriptors are those of the rows' paintings, or NULL. */
struct pack *style_pack_new (const struct style_net *net, struct weights *weights, const struct style_data *data,
                             struct tensor *descriptors, const struct style_settings *settings);

/* @pack with the averaged rows of @weights behind its styles, under the names of @data. All else is the same, but title
 * and licence where @settings have some. Unless all rows have comparable descriptors, none has. */
struct pack *style_pack_extend (const struct pack *pack, struct weights *weights, const struct style_data *data,
                                struct tensor *descriptors, const struct style_settings *settings, GError **error);
