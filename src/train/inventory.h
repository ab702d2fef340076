/* SPDX-License-Identifier: Apache-2.0
 *
 * The inventory of a run: the files it learns from, a line each with size and time, "81234 1764300000
 * /home/me/photos/a.jpg". Kept in the run's folder, it tells at a resume whether the data are still the same. Files are
 * not read: a hundred thousand take a part of a second. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define INVENTORY_FILE "data.txt"

/* Adds a line: bytes, seconds since 1970, and the file's absolute name. */
void inventory_add (GString *inventory, const char *path, int64_t size, int64_t time);

/* The same by asking the file system; nothing for what is no file. */
void inventory_add_file (GString *inventory, const char *path);

/* What has changed, as part of a line: "2 files have come (photos/c.jpg and others), 1 is gone (photos/a.jpg), 1 is
 * another (photos/b.jpg)"; NULL: nothing. A new string. */
char *inventory_difference (const char *was, const char *is);
