/* SPDX-License-Identifier: Apache-2.0
 *
 * Commands: each is a struct command in its own file and a row in command_table (main.c). A command prints results to
 * stdout and everything else to stderr; its exit status is an ImpastoError, 0 when all went well. Every command takes
 * --quiet: then it says neither what it noticed nor what its files are called, but still what was asked for, and
 * errors. */
#pragma once

#include <impasto/impasto.h>
#include <stdbool.h>

struct arguments {
  ImpastoOptions *options;
  char **words; /* what is not an option, NULL-terminated */
  guint n_words;
  const char *const *lists; /* the command's */
};

struct command {
  const char *name;
  const char *summary;      /* one line */
  const char *usage;        /* what follows the name: "IN... --style NAME [-o OUT]" */
  const char *examples[8];  /* two at least of a whole command, NULL-terminated */
  const char *notes;        /* a paragraph for the help text, or NULL */
  const char *const *lists; /* options that may be given several times, NULL-terminated; or NULL */
  bool has_subjects;        /* @subject below decides about the options: "help train gan" makes sense */
  /* New options; @subject is the first word on the line, or NULL: a recipe, a network. NULL with @error. */
  ImpastoOptions *(*options) (const char *subject, GError **error);
  /* Changes a copy of the command to what help says of it with @subject; or NULL. */
  void (*narrow) (struct command *command, const char *subject);
  int (*run) (const struct arguments *arguments);
};

extern const struct command command_paint, command_replay, command_styles, command_train, command_bench,
  command_describe, command_export, command_run, command_eval, command_generate, command_data, command_runs,
  command_explain;

/* args.c */

/* Reads what follows the command's name. Wants @options filled; words are borrowed from @argv. IMPASTO_ERROR_USAGE. */
bool arguments_parse (struct arguments *arguments, char **argv, GError **error);
void arguments_clear (struct arguments *arguments);

/* What the line is about, before its options are known: a word of @known wherever it stands, or the first word that is
 * no option, or NULL. */
const char *arguments_subject (char **argv, const char *const *known);

/* Prints which options have a letter. */
void print_letters (const ImpastoOptions *options);

/* The value of a string option, "" when unset; a new string. */
char *arguments_text (const struct arguments *arguments, const char *name);
/* The values of an option of the command's lists, in the order of the line; free with g_strfreev. */
char **arguments_list (const struct arguments *arguments, const char *name);
bool arguments_flag (const struct arguments *arguments, const char *name);
bool arguments_quiet (const struct arguments *arguments); /* --quiet */

/* Prints each line of @text as a note, "impasto: line", to stderr, unless --quiet. */
void print_notes (const struct arguments *arguments, const char *text);
/* Prints the name of a file that was written to stdout, unless --quiet. */
void print_written (const struct arguments *arguments, const char *path);

/* Prints "impasto: message" and returns the exit status. */
int complain (const GError *error);
int complain_usage (const char *format, ...) G_GNUC_PRINTF (1, 2);

/* runs.c */

/* A RUN, or RUN:NAME, where a model, pack or style may stand: the name or number of a run in @folder (NULL: runs)
 * becomes its folder. A file, style, pack or network of that name comes first. False or NULL: no run, or several, have
 * that number. */
bool arguments_take_run (const struct arguments *arguments, const char *name, const char *folder, GError **error);

/* The same of --resume, where nothing comes before a run. */
bool arguments_take_resumed (const struct arguments *arguments, const char *folder, GError **error);

/* The same in each part of a mix: "2", "2:NAME", "2:a:0.6,3:b:0.4"; "auto" and "none" of --brushwork stay. */
bool arguments_take_mix (const struct arguments *arguments, const char *name, GError **error);

/* The same of the mixes of --region, unless their styles are paintings. */
bool arguments_take_regions (const struct arguments *arguments, GError **error);

/* The same of the first word, which is there, as a new string. */
char *arguments_run_word (const struct arguments *arguments, GError **error);
