/* SPDX-License-Identifier: Apache-2.0
 *
 * Pictures one by one, for measuring and for using: a folder of PNG files, or an IDX file as MNIST's. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct samples {
  const float *pictures; /* (n, 3, height, width), 0..1 */
  int64_t n, height, width;
  bool grey;         /* the three planes are one */
  const int *labels; /* (n): their classes; NULL = they have none */
  const char *const *names; /* of the classes, ended by a NULL; folders are called so if all can be; NULL = numbers */
};

/* Whether @path asks for pictures one by one: a folder that is there or ends in a slash, or a name of an IDX file
 * (".idx", "...idx3-ubyte"). */
bool samples_wanted (const char *path);

/* Whether @samples can become @path: to be asked before they are drawn, with NULL for pictures. IMPASTO_ERROR_USAGE: an
 * IDX file of colours, or of classes beyond 255 or without a name for the file of their labels; IMPASTO_ERROR_OUTPUT:
 * the folder has files, and not @overwrite. */
bool samples_check (const struct samples *samples, const char *path, bool overwrite, GError **error);

/* In a folder 000000.png and on, in folders of their classes if they have some; an IDX file with its labels beside it.
 * IMPASTO_ERROR_OUTPUT, IMPASTO_ERROR_MEMORY. */
bool samples_save (const struct samples *samples, const char *path, GError **error);
