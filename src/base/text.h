/* SPDX-License-Identifier: Apache-2.0
 *
 * Small text helpers for messages: what a user or a file gave, made fit for one line. Pure functions. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* A copy of @text (any bytes) for a message: valid UTF-8, no line breaks or control characters, at most 60 characters,
 * "..." where it was cut. */
char *text_show (const char *text);

/* The same with another limit than 60. */
char *text_cut (const char *text, int length);

/* What a message of GLib says behind the name of a file, "Permission denied": for one that has the name already. */
const char *text_cause (const GError *error);

/* Whether @name may be that of a file or folder in another, taken from text that anybody wrote: no path, not hidden. */
bool text_is_base_name (const char *name);

/* The shortest decimal that reads back as exactly @x, with a '.' in every locale: "0.1", "1e-05", "3". */
char *text_number (double x);

/* "s", or "" where @n is one: for "%d picture%s". */
const char *text_plural (gint64 n);

/* The string of the NULL-terminated @names that a slip of the hand would turn into @text, or the only one that begins
 * with it, whatever the case; or NULL. */
const char *text_nearest (const char *text, const char *const *names);
