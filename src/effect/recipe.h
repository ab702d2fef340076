/* SPDX-License-Identifier: Apache-2.0
 *
 * Recipes read back: what a painting's metadata say about how it was painted, made into settings again. A recipe is
 * text from a file: it is bounded, its depth is limited, and files are taken by base name and SHA-256 from few folders
 * only. It never names a file to be written. */
#pragma once

#include "effect/paint.h"

enum { RECIPE_MAX_BYTES = 48 << 10, RECIPE_MAX_DEPTH = 6 };

struct recipe_source {
  const char *painting; /* the file that holds the recipe */
  bool force;           /* a file of the right name will do, whatever is in it */
  bool other_start;     /* what painting by optimisation begins with is said otherwise */
  bool other_brushwork; /* strokes are said otherwise */
  bool other_way;       /* of a painting as a style: by another predictor, or by another method */
};

/* The file of base name @name with @sha256 in one of @folders (NULL-terminated); a new string. IMPASTO_ERROR_INPUT:
 * none, or with another sha256. @what says what it is: "the pack"; @cure what to do when it is not there, or NULL. */
char *recipe_find_file (const struct recipe_source *source, const char *what, const char *name, const char *sha256,
                        const char *const *folders, const char *cure, GError **error);

/* The same for what the painter was given by the user: beside the painting, then in the current folder. */
char *recipe_find_beside (const struct recipe_source *source, const char *what, const char *name, const char *sha256,
                          GError **error);

/* A string member, or NULL with IMPASTO_ERROR_INPUT. Borrowed. */
const char *recipe_string (JsonObject *object, const char *name, const struct recipe_source *source, GError **error);

/* The recipe @text into @settings, which hold their defaults; strings are left alone when @styled: the user named a
 * style. IMPASTO_ERROR_INPUT, with @settings to be cleared. */
bool recipe_read (const char *text, const struct recipe_source *source, bool styled, struct paint_settings *settings,
                  GError **error);

/* control_describe's "regions", of paintings or of a pack's styles, into settings->region. */
bool recipe_replay_regions (JsonObject *recipe, bool images, const struct recipe_source *source,
                            struct paint_settings *settings, GError **error);

/* The "pack" with "sha256" of @object, and the mix "style" of its styles: "PACK:a:0.6,b:0.4"; a new string, or NULL. It
 * is looked for in the folder of its "run", if it has one, which lies in the current folder, in the painting's, or in
 * runs/ of either; where packs are; beside the painting; and in the current folder. IMPASTO_ERROR_INPUT, which names
 * the @option that says another. */
char *recipe_replay_mix (JsonObject *object, const char *option, const struct recipe_source *source, GError **error);

/* The file "pack" with "sha256" of @object, looked for so; a new string, or NULL. --@option says another; @style is the
 * mix that it is wanted for, or NULL. */
char *recipe_find_pack (JsonObject *object, const char *option, const char *style, const struct recipe_source *source,
                        GError **error);

/* Whether "pack" with "sha256" of @object, which is @what, is the @file that is found where packs are.
 * IMPASTO_ERROR_INPUT. */
bool recipe_check_in_use (JsonObject *object, const char *file, const char *what, const struct recipe_source *source,
                          GError **error);

/* struct method's replay for those that write "style", "pack", "sha256" and control_describe's "regions". */
bool recipe_replay_mixes (JsonObject *recipe, const struct recipe_source *source, struct paint_settings *settings,
                          GError **error);
