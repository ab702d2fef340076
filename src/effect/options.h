/* SPDX-License-Identifier: Apache-2.0
 *
 * The inside of ImpastoOptions: groups of settings, each a plain struct with its option table. The library's own groups
 * are structs that the library reads directly; those that a program adds get a struct made for them. */
#pragma once

#include "base/option.h"
#include "impasto/impasto.h"

/* Adds the settings struct of @size bytes that @table describes, with its defaults; borrowed. */
void *options_add (ImpastoOptions *options, const char *heading, const struct option *table, size_t size);

/* Whether @name was set since the options were made. */
bool options_given (const ImpastoOptions *options, const char *name);

/* The names of all that were set; a new list of borrowed strings, NULL-terminated. */
const char **options_all_given (const ImpastoOptions *options);

/* Another help text, borrowed, for the option @name of the library's: where its meaning depends on what it is added
 * to. */
void options_explain (ImpastoOptions *options, const char *name, const char *help);

/* The settings struct that was added with @table, or NULL. */
void *options_settings (const ImpastoOptions *options, const struct option *table);
