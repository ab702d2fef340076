/* SPDX-License-Identifier: Apache-2.0
 *
 * What impasto paint and impasto replay do once their options are known: pictures in, paintings out. While one picture
 * is painted, the next is decoded and the one before is encoded, as far as --memory has room for all three. */
#pragma once

#include "command.h"

/* Rows for the option table of a command that paints. */
/* clang-format off */
#define PAINTING_OPTIONS \
  {"output", IMPASTO_OPTION_STRING, "file, or folder for several; otherwise NAME-STYLE.EXT in the current folder", \
   .metavar = "OUT"}, \
  {"format", IMPASTO_OPTION_STRING, "png, jpg, webp, tif, avif or heic; otherwise as the photograph", .metavar = "EXT"}, \
  {"suffix", IMPASTO_OPTION_STRING, "between name and extension of results; otherwise -STYLE, and nothing in a folder", \
   .metavar = "TEXT"}, \
  {"recursive", IMPASTO_OPTION_BOOLEAN, "folders with all that is below; the tree is kept"}, \
  {"paintings", IMPASTO_OPTION_BOOLEAN, "of folders what impasto painted, too: it is left out otherwise"}, \
  {"overwrite", IMPASTO_OPTION_BOOLEAN, "replace results that are there already"}, \
  {"dry-run", IMPASTO_OPTION_BOOLEAN, "say what would be painted and what it would take"}
/* clang-format on */

/* Paints @words, files and folders; the command's exit status. */
int painting_run (const struct arguments *arguments, char **words);
