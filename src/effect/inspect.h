/* SPDX-License-Identifier: Apache-2.0
 *
 * What benchmark, description and export share. */
#pragma once

#include "net/net.h"

/* "512x384", or "512" for a square, as the option @name has it. IMPASTO_ERROR_USAGE. */
bool parse_size (const char *name, const char *text, int *width, int *height, GError **error);

/* Adds @net to @graph with inputs and outputs of its own, for pictures of @shape (n,3,h,w). */
void net_build (const struct net *net, struct graph *graph, struct shape shape, const void *settings);
