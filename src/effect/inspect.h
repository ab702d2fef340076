/* SPDX-License-Identifier: Apache-2.0
 *
 * What benchmark and description share. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* "512x384", or "512" for a square. IMPASTO_ERROR_USAGE. */
bool parse_size (const char *text, int *width, int *height, GError **error);
