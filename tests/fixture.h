/* SPDX-License-Identifier: Apache-2.0
 *
 * What tests share whatever they are of: a temporary folder, one a program, and how an error has to look. */
#pragma once

#include <glib.h>

#include "impasto/error.h"

extern char *folder;
char *file (const char *name); /* a path in it */

guint count_files (const char *path); /* and folders in the folder @path */

void folder_make (void);
void folder_remove (void); /* with all that is in it */

/* One line of no more than 600 bytes, of the kind @code, with @text in it. */
void check_error (GError *error, int code, const char *text);
