/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON as text, out and in: every file and line of JSON that is written goes through here, and every one that is read.
 * What json-glib writes is no JSON where a double has an exponent (1e-08 becomes 1e-08.0, which it does not read
 * itself) or is not finite; and it writes 0.4 with 17 digits. Pure functions. */
#pragma once

#include <json-glib/json-glib.h>
#include <stdbool.h>

/* A new string, of several indented lines when @pretty. Doubles have the fewest digits with which they read back as
 * exactly what they were, but for NaN and infinity, which JSON does not have: null. */
char *text_json_write (JsonNode *node, bool pretty);
char *text_json_write_object (JsonObject *object, bool pretty);

/* @text as json-glib or an earlier version wrote it, made JSON; a new string. JSON stays as it is, but for doubles that
 * have more digits than it takes to read them back. */
char *text_json_tidy (const char *text);

/* The root, to be unreferenced; NULL when @text is no JSON, is empty, or has brackets nested deeper than @depth. Reads
 * what earlier versions wrote, too. */
JsonNode *text_json_read (const char *text, int depth);

/* How deep the brackets of a JSON text nest. */
int text_json_depth (const char *text);
