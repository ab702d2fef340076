/* SPDX-License-Identifier: Apache-2.0
 *
 * Which pictures go in, and what each result is called. Names that the program makes up never replace a file unless it
 * was told --overwrite; a file that the user names with -o is replaced. No result ever takes the place of its own
 * input, nor of a file that it is painted by. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* Whether both are there and one, by whatever names. */
bool same_file (const char *a, const char *b);

struct input {
  char *path;
  char *relative; /* below the folder that was given, or its base name */
  bool found;     /* in a folder */
  GError *error;  /* why there is no picture here; or NULL */
};

/* Files stay as they are given; folders become the pictures in them, sorted, with what is below when @recursive, but
 * for the folder @output. A folder without pictures, or that cannot be read, is an input with an error,
 * IMPASTO_ERROR_INPUT. Elements are struct input. */
GPtrArray *inputs_collect (char **words, bool recursive, const char *output);

struct naming {
  const char *output; /* -o, or "" */
  const char *suffix; /* of --suffix, or NULL */
  const char *format; /* of --format, or "" */
  const char *style;
  bool overwrite;
  const char *replayed; /* a painting that no result replaces; or NULL */
  char **sources;       /* files that pictures are painted by, likewise; NULL: none are known yet */
  bool folder;          /* -o is a folder */
  GHashTable *taken;    /* results so far -> their inputs */
};

/* Decides whether -o is a file or a folder. IMPASTO_ERROR_USAGE: several inputs into one file, an unknown format;
 * IMPASTO_ERROR_OUTPUT. */
bool naming_init (struct naming *naming, const GPtrArray *inputs, char **words, GError **error);
void naming_clear (struct naming *naming);

/* Takes out of @inputs what was found in a folder and would be the result of another of them: painted before. How many
 * these were. Once the style is known. */
guint naming_leave_results (const struct naming *naming, GPtrArray *inputs);

/* Takes out of @inputs what was found in a folder and is a painting of impasto's, whatever its style. How many these
 * were. Reads the headers of all that was found. */
guint inputs_leave_paintings (GPtrArray *inputs);

/* The result of @input, or NULL: IMPASTO_ERROR_OUTPUT when it must not or cannot be written. @exists tells that it is
 * refused because it is there already; the error of @input is handed on. Folders are made when @make. */
char *naming_result (struct naming *naming, const struct input *input, bool make, bool *exists, GError **error);
