/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line: --name value, --name=value, --flag, -x for the few options that everyone abbreviates, "--" before
 * words that begin with a dash. */
#include <stdio.h>
#include <string.h>

#include "command.h"

static const struct {
  char letter;
  const char *name;
} letters[] = {
  {'o', "output"},
  {'q', "quiet"},
  {'v', "verbose"},
  {'r', "recursive"},
  {'n', "number"},
};

static const char *
name_of_letter (char letter)
{
  for (size_t i = 0; i < G_N_ELEMENTS (letters); i++)
    if (letters[i].letter == letter)
      return letters[i].name;
  return NULL;
}

const char *
arguments_subject (char **argv, const char *const *known)
{
  for (char **at = argv; *at; at++)
    if (g_strv_contains (known, *at))
      return *at;
  for (; *argv; argv++)
    if (**argv != '-')
      return *argv;
  return NULL;
}

void
print_letters (const ImpastoOptions *options)
{
  bool any = false;
  for (size_t i = 0; i < G_N_ELEMENTS (letters); i++)
    if (impasto_options_has (options, letters[i].name)) {
      printf ("%s-%c is --%s", any ? ", " : "\n", letters[i].letter, letters[i].name);
      any = true;
    }
  if (any)
    puts (".");
}

/* Values of a list stand in one string, a line each. */
#define BETWEEN "\n"

/* Sets an option, or adds to its list. */
static bool
set_option (const struct arguments *arguments, const char *name, const char *value, GError **error)
{
  ImpastoOptions *options = arguments->options;
  if (!value || !arguments->lists || !g_strv_contains (arguments->lists, name))
    return impasto_options_set (options, name, value, error);
  g_autofree char *before = impasto_options_get (options, name);
  g_autofree char *all = before ? g_strjoin (BETWEEN, before, value, NULL) : g_strdup (value);
  return impasto_options_set (options, name, all, error);
}

/* Whether @argument is one of the options, not a value that begins with a dash. */
static bool
is_option (const ImpastoOptions *options, const char *argument)
{
  if (argument[0] != '-' || argument[1] == '\0')
    return false;
  g_autofree char *name = g_strndup (argument + 2, strcspn (argument + 2, "="));
  const char *full = argument[1] == '-' ? name : argument[2] == '\0' ? name_of_letter (argument[1]) : NULL;
  return full && impasto_options_has (options, full);
}

/* One option; @next is the argument after it. Returns how many arguments it took, 0 with @error. */
static int
take_option (const struct arguments *arguments, const char *argument, const char *next, GError **error)
{
  ImpastoOptions *options = arguments->options;
  g_autofree char *name = NULL;
  const char *value = NULL;
  if (argument[1] == '-') {
    value = strchr (argument, '=');
    name = value ? g_strndup (argument + 2, value - argument - 2) : g_strdup (argument + 2);
    value = value ? value + 1 : NULL;
  } else {
    const char *full = name_of_letter (argument[1]);
    if (!full || !impasto_options_has (options, full)) {
      g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "unknown option -%c", argument[1]);
      return 0;
    }
    if (argument[2] == '=' && impasto_options_wants_value (options, full)) {
      g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "%s: write -%c %s or --%s%s", argument, argument[1],
                   argument + 3, full, argument + 2);
      return 0;
    }
    name = g_strdup (full);
    value = argument[2] ? argument + 2 : NULL;
  }
  bool wants = impasto_options_wants_value (options, name);
  if (wants && !value && !next) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "--%s wants a value", name);
    return 0;
  }
  bool separate = wants && !value;
  if (separate && is_option (options, next)) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "--%s wants a value before %s; --%s=%s takes it for one",
                 name, next, name, next);
    return 0;
  }
  return set_option (arguments, name, separate ? next : value, error) ? 1 + separate : 0;
}

bool
arguments_parse (struct arguments *arguments, char **argv, GError **error)
{
  GPtrArray *words = g_ptr_array_new ();
  bool ok = true, literal = false;
  while (ok && *argv) {
    const char *argument = *argv;
    if (literal || argument[0] != '-' || argument[1] == '\0') {
      g_ptr_array_add (words, *argv++);
    } else if (g_str_equal (argument, "--")) {
      literal = true;
      argv++;
    } else {
      int taken = take_option (arguments, argument, argv[1], error);
      ok = taken > 0;
      argv += taken;
    }
  }
  arguments->n_words = words->len;
  g_ptr_array_add (words, NULL);
  arguments->words = (char **) g_ptr_array_free (words, FALSE);
  if (ok && impasto_options_has (arguments->options, "verbose") && arguments_flag (arguments, "verbose") &&
      arguments_quiet (arguments)) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "--quiet and --verbose contradict each other");
    ok = false;
  }
  return ok;
}

void
arguments_clear (struct arguments *arguments)
{
  g_clear_pointer (&arguments->options, impasto_options_free);
  g_clear_pointer (&arguments->words, g_free);
}

char *
arguments_text (const struct arguments *arguments, const char *name)
{
  char *value = impasto_options_get (arguments->options, name);
  return value ? value : g_strdup ("");
}

char **
arguments_list (const struct arguments *arguments, const char *name)
{
  g_autofree char *text = impasto_options_get (arguments->options, name);
  return g_strsplit (text ? text : "", BETWEEN, -1);
}

bool
arguments_flag (const struct arguments *arguments, const char *name)
{
  return impasto_options_get_boolean (arguments->options, name);
}

bool
arguments_quiet (const struct arguments *arguments)
{
  return arguments_flag (arguments, "quiet");
}

void
print_notes (const struct arguments *arguments, const char *text)
{
  g_auto (GStrv) lines = g_strsplit (text ? text : "", "\n", -1);
  for (char **line = lines; *line && !arguments_quiet (arguments); line++)
    if (**line)
      fprintf (stderr, "impasto: %s\n", *line);
}

void
print_written (const struct arguments *arguments, const char *path)
{
  if (!arguments_quiet (arguments))
    puts (path);
}

int
complain (const GError *error)
{
  fprintf (stderr, "impasto: %s\n", error->message);
  return error->domain == IMPASTO_ERROR ? error->code : 1;
}

int
complain_usage (const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autoptr (GError) error = g_error_new_valist (IMPASTO_ERROR, IMPASTO_ERROR_USAGE, format, args);
  va_end (args);
  return complain (error);
}
