/* SPDX-License-Identifier: Apache-2.0
 *
 * What a command tells while it works: a line that is rewritten, on a terminal only; or JSON lines on stdout for
 * programs. And Ctrl-C. One of each a process. */
#pragma once

#include <json-glib/json-glib.h>
#include <stdbool.h>

#include "command.h"

#define MIB 1048576.0

struct progress {
  bool quiet, verbose, json, terminal;
  gint64 last; /* when the line was last written, microseconds */
};

/* --verbose and --progress: rows for a command's option table. */
/* clang-format off */
#define PROGRESS_OPTIONS \
  {"progress", IMPASTO_OPTION_STRING, "how to tell: auto (a line on a terminal), json (a JSON line an event), none", \
   .text = "auto", .metavar = "HOW"}, \
  {"verbose", IMPASTO_OPTION_BOOLEAN, "say what it took: memory, times, precision"}
/* clang-format on */

bool progress_init (struct progress *progress, const struct arguments *arguments, GError **error);

/* Whether it is time to rewrite the line: ten times a second at most. */
bool progress_due (struct progress *progress);

/* Rewrites the line; clears it when @format is NULL. */
void progress_show (struct progress *progress, const char *format, ...) G_GNUC_PRINTF (2, 3);

/* Prints @object as one line when --progress json was given; takes it over. */
void progress_json (struct progress *progress, JsonObject *object);

/* Prints @node to standard output: on one line, or indented when @pretty. */
void print_json_node (JsonNode *node, bool pretty);

/* Prints @object as one line of standard output; takes it over. */
void print_json_line (JsonObject *object);

/* Rewrites the line with how many of @all pictures are @done; false when the user wants an end. @data: the struct
 * progress. */
gboolean progress_pictures (guint done, guint all, gpointer data);

/* "[#####.....] ": @share of a bar; a new string. */
char *progress_bar (double share);

/* "s", or "" where @n is one: for "%d picture%s". */
const char *plural (gint64 n);

/* "1 h 05 min", "3 min 20 s", "12 s"; a new string. */
char *duration_text (double seconds);

/* Peak memory of this process in bytes since it was last reset; 0 when the kernel does not say. */
guint64 peak_memory (void);

/* From now on Ctrl-C and SIGTERM end the program at once with status 130; between interrupt_hold (true) and (false)
 * they wait: the first is only noted, the second ends it. Holds of several threads are counted; the last
 * interrupt_hold (false) ends a program that was asked to meanwhile. */
void interrupt_install (void);
void interrupt_hold (bool hold);
bool interrupt_pending (void);
/* Forgets one that was noted. */
void interrupt_forget (void);
