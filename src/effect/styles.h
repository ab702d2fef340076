/* SPDX-License-Identifier: Apache-2.0
 *
 * Where styles are found: packs (.safetensors files of net/pack.h) in a list of folders, and the packs a user names by
 * file; and the other files that ship beside them. Pure functions of the environment and the disk; any thread. */
#pragma once

#include "impasto/impasto.h"
#include "net/pack.h"

/* A pack with the row of the one style that was asked for. */
struct style {
  struct pack *pack;
  int row;
  char *sha256; /* of the pack's file */
  char *run;    /* the name of the run in whose folder the file lies; or NULL */
};

/* A pack's file; or a run of the style or translate recipe, or one of its checkpoints, as the pack that it is so far.
 * IMPASTO_ERROR_INPUT. */
struct pack *style_open_pack (const char *path, GError **error);

/* @text is a style's name, FILE.safetensors (or RUN) with one style in it, or FILE.safetensors:NAME (RUN:NAME). A file
 * without a folder that is not here is looked for in the folders of packs.
 * IMPASTO_ERROR_USAGE: no such style, with the nearest names; IMPASTO_ERROR_INPUT: the pack. */
bool style_find (const char *text, struct style *style, GError **error);

/* The pack that has all of @texts, with the row of each; ->row is the first's. Names without a file are looked up in
 * the file that another gives, or in the first pack that has them all. IMPASTO_ERROR_USAGE also: of two packs. */
bool styles_find (const char *const *texts, int n, struct style *style, int *rows, GError **error);
void style_clear (struct style *style);

/* Whether @text is a style of a pack's file or of a run's folder, "FILE.safetensors:NAME". */
bool style_is_of_file (const char *text);

/* Says in @recipe what pack it is: "pack" (base name), "sha256", and "run". */
void style_describe (const struct style *style, JsonObject *recipe);

/* The file @name in the first of the folders of packs that has it; a new string, NULL when there is none. */
char *style_folders_find (const char *name);

/* A pack by its name: the file that @name is, here or in a folder of packs, or NAME.safetensors in one of those; a new
 * string, NULL when there is none. */
char *style_pack_file (const char *name);

/* The pack that @text names, as style_pack_file has it, or as a run does; without a row. IMPASTO_ERROR_INPUT,
 * IMPASTO_ERROR_USAGE. */
bool style_load (const char *text, struct style *style, GError **error);

/* Of a file; a new string. IMPASTO_ERROR_INPUT. */
char *style_sha256 (const char *path, GError **error);

/* The pack that holds the style @name; a new string, NULL when there is none. */
char *style_pack (const char *name);

/* Sets @error of IMPASTO_ERROR with @code; false, for what reads styles to return. */
bool style_fail (GError **error, int code, const char *format, ...) G_GNUC_PRINTF (3, 4);
