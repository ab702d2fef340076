/* SPDX-License-Identifier: Apache-2.0
 *
 * Errors of impasto: one GError domain; a code says what kind of thing went wrong and is the command's exit code.
 * Messages are one line: what is wrong, what was expected, which file. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#if defined(__GNUC__)
#define IMPASTO_API __attribute__ ((visibility ("default")))
#else
#define IMPASTO_API
#endif

#define IMPASTO_ERROR (impasto_error_quark ())

/**
 * ImpastoError:
 * @IMPASTO_ERROR_USAGE: an option or argument that makes no sense
 * @IMPASTO_ERROR_INPUT: a file that is missing, damaged or not what it should be
 * @IMPASTO_ERROR_OUTPUT: a file that could not be written; nothing half-written is left
 * @IMPASTO_ERROR_MEMORY: work that does not fit into the memory at hand
 * @IMPASTO_ERROR_NUMERIC: NaN or infinity where a number was expected, or training that could not be held steady
 * @IMPASTO_ERROR_MODEL: a graph, network or weights that do not fit together
 * @IMPASTO_ERROR_CANCELLED: stopped by the user
 *
 * Each value is also the exit status of the `impasto` command.
 */
typedef enum {
  IMPASTO_ERROR_USAGE = 2,
  IMPASTO_ERROR_INPUT = 3,
  IMPASTO_ERROR_OUTPUT = 4,
  IMPASTO_ERROR_MEMORY = 5,
  IMPASTO_ERROR_NUMERIC = 6,
  IMPASTO_ERROR_MODEL = 7,
  IMPASTO_ERROR_CANCELLED = 130,
} ImpastoError;

IMPASTO_API GQuark impasto_error_quark (void);

G_END_DECLS
