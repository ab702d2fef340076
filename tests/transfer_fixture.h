/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of painting by any painting share: made-up pictures, a tiny network of random weights, the painter
 * with options as a user gives them. Everything lies in the folder of fixture.h. */
#pragma once

#include "effect/paint.h"
#include "image/picture.h"

/* Something with edges, a slope and three colours. */
struct picture *make_picture (int width, int height, int kind);
void save_picture (const char *name, int width, int height, int kind); /* as make_picture makes it */
void save_mask (const char *name, int white_from);                     /* 120x80, white from that column on */

/* arbitrary.safetensors, to be painted by, and what is named as paintings: a.png, b.png, dot.png, clear.png, line.png,
 * text.png. */
void make_everything (void);

/* The encoder of arbitrary.safetensors as a network of its own: what describes paintings. */
void make_describer (const char *path);

/* Settings as a user gives them: "NAME=VALUE" ..., names of style images in the folder, separated by commas. */
void settings_init (struct paint_settings *settings, const char *images, const char *const *options);

/* make_picture (@width, @height, 4), painted; nothing goes wrong. */
struct picture *painted (const char *images, const char *const *options, int width, int height);

double difference (const struct picture *a, const struct picture *b); /* the largest */

/* Tiles of two sizes are one painting, with strokes of the preview's size and of pixels, by attention and without. */
void check_tiles (const struct method *by, const char *const *options);

/* That @recipe, of painting.png, is not taken with @json as its @member. */
void check_recipe_refused (const char *recipe, const char *member, const char *json);
