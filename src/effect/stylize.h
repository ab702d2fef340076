/* SPDX-License-Identifier: Apache-2.0
 *
 * How the style network of a pack is given a picture, for whoever gives it one: the painter's method "network"
 * (stylize.c) and models for other programs (export.c). */
#pragma once

#include <json-glib/json-glib.h>

#include "effect/canvas.h"
#include "net/pack.h"

/* Mirrored pixels around: near its own border the network has seen too little and paints duller. The network's picture
 * is a multiple of 4 wide and high. */
enum { STYLIZE_MARGIN = 20, STYLIZE_MULTIPLE = 4 };

/* The network of a pack, which must outlive it, for a canvas. */
struct canvas_net stylize_net (const struct pack *pack);

/* What the network of @pack does itself: METHOD_STRENGTH, ... of paint.h. */
unsigned stylize_controls_of (const struct pack *pack);

/* The members style, pack and sha256 of a recipe; @self is what method_network has opened, which need not be
 * prepared. */
void stylize_describe_styles (const void *self, JsonObject *recipe);
