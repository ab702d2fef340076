/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs looked at from outside: what the files of a run folder say of it, while it trains or later. Nothing is written,
 * but that run_lock makes a log. A record belongs to its caller. */
#pragma once

#include <json-glib/json-glib.h>
#include <stdbool.h>

#include "train/curves.h"

enum run_state {
  RUN_GOING,    /* a process trains it */
  RUN_FINISHED, /* it came to its end */
  RUN_STOPPED,  /* somebody stopped it */
  RUN_FAILED,   /* it ended by an error */
  RUN_CUT,      /* it is not there any more and said nothing */
};
extern const char *const run_state_names[];

/* Options of a run that do not decide about its result: they may differ between a run and its continuation.
 * NULL-terminated. */
extern const char *const run_free_options[];

struct run_record {
  char *folder, *name; /* the name is the folder's */
  char *recipe;
  enum run_state state;
  char *note;          /* its last words: why it failed or how to go on; "" when there is nothing to say */
  int64_t steps;       /* wanted; 0 when recipe.json does not say */
  int64_t changed;     /* when its statistics last grew, seconds since 1970 */
  JsonObject *options; /* recipe.json */
  struct curves *curves;
};

/* recipe.json, which has a string "recipe" and an object "run", to be unreferenced. IMPASTO_ERROR_INPUT: @folder is no
 * run folder, or the file is damaged. */
JsonObject *run_options_load (const char *folder, GError **error);

/* IMPASTO_ERROR_INPUT: @folder is no run folder, or its files are damaged. */
struct run_record *run_record_load (const char *folder, GError **error);
void run_record_free (struct run_record *record);

/* The folder of the run that @word means: the run of that name in @dir, else what it is itself, or the run of that
 * number in @dir. What is no number and no run stays as it is. A new string. IMPASTO_ERROR_INPUT: no run has that
 * number; IMPASTO_ERROR_USAGE: several have it. */
char *run_find (const char *word, const char *dir, GError **error);

/* Whether @folder is a run's. */
bool run_is (const char *folder);

/* Takes the lock by which one process at a time trains in @folder, a file descriptor that is to be closed; it ends with
 * the process, however that does. -1, with errno of what failed: EWOULDBLOCK where another has it. */
int run_lock (const char *folder);

/* The runs in @dir by name, struct run_record; those that cannot be read are lines of @broken (utf8, may be NULL).
 * IMPASTO_ERROR_INPUT: @dir is no folder. */
GPtrArray *run_records (const char *dir, GPtrArray **broken, GError **error);

/* Several runs side by side as lines of text: what they are, the settings in which they differ, their last figures, and
 * those at the last step that all have reached. A new string. */
char *run_records_compare (const GPtrArray *records);

/* The same as one line of JSON, arrays with an element a run: {"runs": names, "settings": {name: values}, "figures":
 * {name: means}, "step": n, "figures_at_step": {name: means}}. null: it has none; the last two where the runs are of
 * different lengths. A new string. */
char *run_records_compare_json (const GPtrArray *records);
