/* SPDX-License-Identifier: Apache-2.0
 *
 * Options: named settings of painting, of a training recipe, of a benchmark; and of a program, which may add its own.
 * A part of impasto/impasto.h. */
#pragma once

#include <glib.h>
#include <impasto/error.h>

G_BEGIN_DECLS

typedef enum {
  IMPASTO_OPTION_BOOLEAN,
  IMPASTO_OPTION_INT,
  IMPASTO_OPTION_FLOAT,
  IMPASTO_OPTION_STRING,
} ImpastoOptionType;

/**
 * ImpastoOption:
 * @name: words joined by '-'
 * @type: what it holds
 * @help: one phrase, meaning and unit
 * @min: least value of a number
 * @max: greatest value; when both are 0 any number will do
 * @fallback: default of a number or boolean
 * @text: (nullable): default of a string
 * @metavar: (nullable): what help shows for the value: "FILE"
 *
 * An option that a program adds; tables of them end with a name of %NULL and must stay in place.
 */
typedef struct {
  const char *name;
  ImpastoOptionType type;
  const char *help;
  double min, max, fallback;
  const char *text, *metavar;
} ImpastoOption;

typedef struct _ImpastoOptions ImpastoOptions;

IMPASTO_API ImpastoOptions *impasto_options_new (void);
IMPASTO_API void impasto_options_free (ImpastoOptions *options);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ImpastoOptions, impasto_options_free)

/**
 * impasto_options_add:
 * @options: where to
 * @heading: (nullable): the line above them in the help text
 * @table: (transfer none): options with names that are not there yet
 */
IMPASTO_API void impasto_options_add (ImpastoOptions *options, const char *heading, const ImpastoOption *table);

/**
 * impasto_options_set:
 * @options: the settings
 * @name: of one of them
 * @text: (nullable): its value as a person writes it; %NULL sets a boolean
 * @error: IMPASTO_ERROR_USAGE: no such option (the nearest name is in the message), not such a value, out of range
 *
 * Returns: whether it was set; it keeps its value otherwise
 */
IMPASTO_API gboolean impasto_options_set (ImpastoOptions *options, const char *name, const char *text, GError **error);

/* Whether there is such an option, and whether it wants a value (all but booleans do). */
IMPASTO_API gboolean impasto_options_has (const ImpastoOptions *options, const char *name);
IMPASTO_API gboolean impasto_options_wants_value (const ImpastoOptions *options, const char *name);

/* Whether impasto_options_set() has set the option. */
IMPASTO_API gboolean impasto_options_given (const ImpastoOptions *options, const char *name);

/**
 * impasto_options_get:
 *
 * Returns: (transfer full) (nullable): the value as impasto_options_set() takes it; %NULL for a string that is not set
 */
IMPASTO_API char *impasto_options_get (const ImpastoOptions *options, const char *name);
IMPASTO_API gboolean impasto_options_get_boolean (const ImpastoOptions *options, const char *name);
IMPASTO_API gint64 impasto_options_get_int (const ImpastoOptions *options, const char *name);

/**
 * impasto_options_help:
 *
 * Returns: (transfer full): every option with meaning, range and default, a few indented lines each
 */
IMPASTO_API char *impasto_options_help (const ImpastoOptions *options);

G_END_DECLS
