/* SPDX-License-Identifier: Apache-2.0
 *
 * Option tables: parameters are data. One table describes the fields of a plain struct: the attributes of an op, the
 * settings of a network, a recipe, an effect or a command. Command-line flags, --help, JSON manifests and text dumps
 * are all read from it. A table ends with an entry whose name is NULL. Strings in the struct are owned by it: set them
 * only through these functions and release them with option_clear. A table is constant, a struct has one owner. */
#pragma once

#include <glib.h>
#include <json-glib/json-glib.h>
#include <stdbool.h>
#include <stddef.h>

enum option_type {
  OPTION_BOOL,   /* bool */
  OPTION_INT,    /* int64_t */
  OPTION_FLOAT,  /* double */
  OPTION_STRING, /* char *, NULL when unset */
  OPTION_CHOICE, /* int, index into choices */
  OPTION_INTS,   /* int64_t[count] */
};

struct option {
  const char *name; /* long name, words joined by '-': "style-weight" */
  enum option_type type;
  size_t offset;              /* offsetof in the struct */
  const char *help;           /* one phrase, units and meaning */
  double min, max;            /* inclusive range of numbers; both 0 = unbounded */
  double fallback;            /* default of a number, bool or choice */
  const char *text;           /* default of a string; of OPTION_INTS where they differ: "1,2" */
  const char *const *choices; /* NULL-terminated names of a choice */
  int count;                  /* length of OPTION_INTS, at most 16 */
  const char *metavar;        /* what --help shows for the value: "DIR"; NULL = by type */
};

/* Sets every field of @object to its default. The struct must be zeroed or cleared before. */
void option_init (const struct option *table, void *object);

/* Frees the strings and zeroes the fields. */
void option_clear (const struct option *table, void *object);

const struct option *option_find (const struct option *table, const char *name);

/* Parses @text into the field @name. Bool takes NULL (yes), true/false, yes/no, 1/0; OPTION_INTS takes "1,2,3", or one
 * number for all. A field that fails keeps its value.
 * IMPASTO_ERROR_USAGE: unknown name, not a number, out of range (the message gives the range). */
bool option_set (const struct option *table, void *object, const char *name, const char *text, GError **error);

/* A new string with the field's value as option_set would take it; NULL for an unset string. */
char *option_get (const struct option *table, const void *object, const char *name);

/* Every field as a member of a new JSON object, and back. From JSON: unknown members and values out of range are
 * IMPASTO_ERROR_INPUT; members that are absent keep what @object has. */
JsonObject *option_to_json (const struct option *table, const void *object);
bool option_from_json (const struct option *table, void *object, JsonObject *json, GError **error);

/* The table as the indented lines of a --help text, with defaults and ranges. */
char *option_help (const struct option *table);
