/* SPDX-License-Identifier: Apache-2.0
 *
 * A file's bytes, mapped for reading: for formats that are parsed from memory. */
#pragma once

#include <glib.h>

/* IMPASTO_ERROR_INPUT: missing, not readable, no regular file. Free with g_mapped_file_unref. */
GMappedFile *mapped_open (const char *path, GError **error);
