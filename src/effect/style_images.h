/* SPDX-License-Identifier: Apache-2.0
 *
 * Paintings that are styles by themselves: what `--style-image FILE[:WEIGHT],...` names, and how it stands in a recipe:
 * "paintings": [{"file": base name, "sha256": ..., "share": ...}]. */
#pragma once

#include "effect/recipe.h"

struct style_image {
  char *path, *sha256;
  double share; /* adding up to 1 */
};

enum { STYLE_IMAGES_MAX = 16 };

/* Reads headers, decodes nothing. IMPASTO_ERROR_USAGE: none, too many, a weight that is none, the name of a style;
 * IMPASTO_ERROR_INPUT: a file that is no picture or cannot be read. @option is the one that is complained of. Elements
 * are struct style_image. */
GArray *style_images_new (const char *option, const char *text, GError **error);

/* "irises+wave": to name a painting after. A new string. */
char *style_images_label (const GArray *images);

/* Adds the files to @paths, new strings; @images may be NULL. */
void style_images_sources (const GArray *images, GPtrArray *paths);

void style_images_describe (const GArray *images, JsonObject *recipe);

/* The other way: text as style_images_new takes it, files found beside the painting; a new string, or NULL. */
char *style_images_replay (JsonObject *recipe, const struct recipe_source *source, GError **error);
