/* SPDX-License-Identifier: Apache-2.0
 *
 * What benchmark, description and export share. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* "512x384", or "512" for a square, as the option @name has it. IMPASTO_ERROR_USAGE. */
bool parse_size (const char *name, const char *text, int *width, int *height, GError **error);
