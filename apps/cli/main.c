/* SPDX-License-Identifier: Apache-2.0
 *
 * impasto: the command. The table of commands is the index; help is made from their structs and options. */
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "progress.h"

static const struct command *const command_table[] = {
  &command_paint,    &command_replay, &command_styles,  &command_train, &command_bench,
  &command_describe, &command_export, &command_run,     &command_eval,  &command_generate,
  &command_data,     &command_runs,   &command_explain, NULL,
};

static const struct command *
command_find (const char *name)
{
  for (int i = 0; command_table[i]; i++)
    if (g_str_equal (command_table[i]->name, name))
      return command_table[i];
  return NULL;
}

static int
fail_unknown (const char *name)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  for (int i = 0; command_table[i]; i++)
    g_ptr_array_add (names, (gpointer) command_table[i]->name);
  g_ptr_array_add (names, (gpointer) "help");
  g_ptr_array_add (names, NULL);
  const char *nearest = impasto_nearest (name, (const char *const *) names->pdata);
  if (nearest)
    return complain_usage ("there is no command '%s'; did you mean %s?", name, nearest);
  g_autofree char *all = g_strjoinv (", ", (char **) names->pdata);
  return complain_usage ("there is no command '%s'; there are %s", name, all);
}

static void
print_overview (void)
{
  puts ("impasto paints photographs with learned styles, and learns a style from a painting.\n\n"
        "  impasto paint photo.jpg --style starry-night -o painting.png\n"
        "  impasto train style painting.jpg --photos DIR -o mine.safetensors\n\n"
        "Commands:");
  for (int i = 0; command_table[i]; i++)
    printf ("  %-10s %s\n", command_table[i]->name, command_table[i]->summary);
  puts ("  help       what a command does and takes: impasto help paint\n\n"
        "impasto --version says what this is and runs on.\n"
        "Exit status: 0 done, 2 wrong usage, 3 bad input, 4 cannot write, 5 too little memory, 6 NaN,\n"
        "7 network, weights or input do not fit, 130 stopped.");
}

/* The command's, and those of all. */
static ImpastoOptions *
new_options (const struct command *command, const char *subject, GError **error)
{
  static const ImpastoOption common[] = {
    {"quiet", IMPASTO_OPTION_BOOLEAN, "say nothing but errors and what was asked for"},
    {NULL},
  };
  ImpastoOptions *options = command->options (subject, error);
  if (options)
    impasto_options_add (options, "Any command", common);
  return options;
}

static int
print_help (const struct command *command, const char *subject)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ImpastoOptions) options = new_options (command, subject, &error);
  if (!options)
    return complain (error);
  struct command shown = *command;
  if (shown.narrow && subject)
    shown.narrow (&shown, subject);
  for (int i = 0; shown.examples[i]; i++)
    printf ("  %s\n", shown.examples[i]);
  printf ("\nimpasto %s %s\n%s.\n", shown.name, shown.usage, shown.summary);
  if (shown.notes)
    printf ("\n%s\n", shown.notes);
  g_autofree char *text = impasto_options_help (options);
  if (*text)
    printf ("\n%s", text);
  print_letters (options);
  return 0;
}

static bool
is_help (const char *word)
{
  return g_str_equal (word, "--help") || g_str_equal (word, "-h");
}

/* impasto help [COMMAND [SUBJECT]] */
static int
run_help (char **argv)
{
  const char *words[3] = {NULL};
  size_t n = 0, most = 1;
  for (; *argv && n < G_N_ELEMENTS (words); argv++)
    if (!is_help (*argv))
      words[n++] = *argv;
  const struct command *command = n > 0 ? command_find (words[0]) : NULL;
  if (command && command->has_subjects)
    most = 2;
  if (n > 0 && !command && !g_str_equal (words[0], "help"))
    return fail_unknown (words[0]);
  if (n > most)
    return complain_usage ("help %s takes no '%s'", words[0], words[most]);
  if (command)
    return print_help (command, words[1]);
  print_overview ();
  return 0;
}

/* Before "--", as an argument of its own; a value that looks so has to be written --name=--help. */
static bool
wants_help (char **argv)
{
  for (; *argv && !g_str_equal (*argv, "--"); argv++)
    if (is_help (*argv))
      return true;
  return false;
}

static int
run_command (const struct command *command, char **argv)
{
  const char *subject = arguments_subject (argv, impasto_recipes ());
  if (wants_help (argv))
    return print_help (command, subject);
  g_autoptr (GError) error = NULL;
  struct arguments arguments = {.options = new_options (command, subject, &error), .lists = command->lists};
  int status;
  interrupt_install (); /* half a file must not stay */
  if (arguments.options && arguments_parse (&arguments, argv, &error))
    status = command->run (&arguments);
  else
    status = complain (error);
  arguments_clear (&arguments);
  return status;
}

static int
print_version (void)
{
  g_autofree char *machine = impasto_machine ();
  printf ("impasto %s\n%s\n", impasto_version (), machine);
  return 0;
}

/* Results that did not reach a file or pipe are a failure. */
static int
flush (int status)
{
  if (fflush (stdout) == 0 && !ferror (stdout))
    return status;
  fputs ("impasto: cannot write to standard output\n", stderr);
  return status ? status : IMPASTO_ERROR_OUTPUT;
}

int
main (int argc, char **argv)
{
  setlocale (LC_CTYPE, "");
  signal (SIGXFSZ, SIG_IGN); /* a file that grows too large is an error like a full disk */
  if (argc < 2) {
    print_overview ();
    return flush (IMPASTO_ERROR_USAGE);
  }
  const char *first = argv[1];
  const struct command *command = command_find (first);
  int status;
  if (command)
    status = run_command (command, argv + 2);
  else if (g_str_equal (first, "--version") || g_str_equal (first, "-V"))
    status = print_version ();
  else if (g_str_equal (first, "help") || is_help (first))
    status = run_help (argv + 2);
  else if (first[0] == '-')
    status = complain_usage ("unknown option %s; impasto help lists commands", first);
  else
    status = fail_unknown (first);
  return flush (status);
}
