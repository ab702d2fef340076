/* SPDX-License-Identifier: Apache-2.0
 *
 * The inside of option tables, shared by its files: option.c (tables, --help) and option_kinds.c (what each type
 * is). */
#pragma once

#include "base/option.h"

#define OPTION_INTS_MAX 16

/* What each type of option can do. A parser writes the field only when it returns true. */
struct option_kind {
  size_t size;                                   /* bytes of the field, or of one of its elements */
  const char *metavar;                           /* what --help shows for the value */
  char *(*wanted) (const struct option *option); /* "a number from 0 to 1" */
  void (*init) (const struct option *option, void *at);
  bool (*parse) (const struct option *option, const char *text, void *at);
  char *(*text) (const struct option *option, const void *at);
  JsonNode *(*to_node) (const struct option *option, const void *at);
  char *(*node_text) (JsonNode *node); /* what parse would take; NULL for a JSON type that does not fit */
};

const struct option_kind *option_kind_of (const struct option *option);

/* " from 0 to 1", " of 1 or more", " of 8 or less" or nothing; a new string. */
char *option_range_text (const struct option *option);
