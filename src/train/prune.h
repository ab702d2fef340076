/* SPDX-License-Identifier: Apache-2.0
 *
 * A smaller painter out of a larger one, to begin training with: of each outer stage the channels that its
 * normalisation scales most in the mean over styles (Liu et al. 2017, Network Slimming), and the first and last
 * residual blocks. What is left paints badly and learns quickly. Pure functions; any thread. */
#pragma once

#include "net/pack.h"

/* Whether @from can be pruned to the size of @to: no channel and block of @to is missing, all else of the trunk is the
 * same. */
bool prune_fits (const struct style_net *from, const struct style_net *to);

/* @pack with the width and residual blocks of @to; weights that stay whole are shared. */
struct pack *prune (const struct pack *pack, const struct style_net *to, GError **error);
