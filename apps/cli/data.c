/* SPDX-License-Identifier: Apache-2.0
 *
 * impasto data check: what training will be surprised by, a line a finding, then what there is as a whole. */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "progress.h"

#define LINES_A_KIND 20 /* of findings; more are counted */

static const ImpastoOption options[] = {
  {"json", IMPASTO_OPTION_BOOLEAN, "a JSON line a finding, and one of the whole"},
  PROGRESS_OPTIONS,
  {NULL},
};

static ImpastoOptions *
data_options (const char *subject, GError **error)
{
  ImpastoOptions *all = impasto_data_options_new ();
  impasto_options_add (all, "Output", options);
  return all;
}

static void
print_json (const ImpastoDataReport *report)
{
  JsonObject *whole = json_object_new (), *kinds = json_object_new (), *side = json_object_new ();
  for (guint i = 0; i < report->findings->len; i++) {
    const ImpastoDataFinding *finding = report->findings->pdata[i];
    JsonObject *object = json_object_new ();
    gint64 before = json_object_get_int_member_with_default (kinds, finding->kind, 0);
    json_object_set_int_member (kinds, finding->kind, before + 1);
    json_object_set_string_member (object, "kind", finding->kind);
    json_object_set_string_member (object, "name", finding->name);
    json_object_set_string_member (object, "text", finding->text);
    print_json_line (object);
  }
  json_object_set_int_member (side, "least", report->shortest);
  json_object_set_int_member (side, "middle", report->middle);
  json_object_set_int_member (side, "most", report->longest);
  json_object_set_int_member (whole, "pictures", report->n_pictures);
  json_object_set_int_member (whole, "used", report->n_used);
  json_object_set_int_member (whole, "left_out", report->n_pictures - report->n_used);
  json_object_set_object_member (whole, "findings", kinds);
  json_object_set_object_member (whole, "shorter_side", side);
  json_object_set_string_member (whole, "summary", report->summary);
  print_json_line (whole);
}

/* A line each, and nothing that a terminal would obey, whatever files are called. */
static char *
plain_name (const char *name)
{
  bool plain = g_utf8_validate (name, -1, NULL);
  for (const char *c = name; plain && *c; c = g_utf8_next_char (c))
    plain = !g_unichar_iscntrl (g_utf8_get_char (c));
  return plain ? g_strdup (name) : g_strescape (name, NULL);
}

static void
print_lines (const ImpastoDataReport *report, bool quiet)
{
  g_autoptr (GHashTable) counts = g_hash_table_new (g_str_hash, g_str_equal);
  for (guint i = 0; i < report->findings->len; i++) {
    const ImpastoDataFinding *finding = report->findings->pdata[i];
    g_autofree char *name = plain_name (finding->name);
    guint count = GPOINTER_TO_UINT (g_hash_table_lookup (counts, finding->kind)) + 1;
    g_hash_table_insert (counts, (gpointer) finding->kind, GUINT_TO_POINTER (count));
    if (count <= LINES_A_KIND)
      printf ("%s: %s: %s\n", finding->kind, name, finding->text);
  }
  GHashTableIter iter;
  gpointer kind, count;
  g_hash_table_iter_init (&iter, counts);
  while (g_hash_table_iter_next (&iter, &kind, &count))
    if (GPOINTER_TO_UINT (count) > LINES_A_KIND)
      printf ("%s: %u more; --json lists all\n", (const char *) kind, GPOINTER_TO_UINT (count) - LINES_A_KIND);
  if (!quiet)
    fputs (report->summary, stdout);
}

static int
data_run (const struct arguments *arguments)
{
  g_autoptr (GError) error = NULL;
  struct progress progress;
  static const char *const known[] = {"check", NULL};
  const char *nearest = arguments->n_words > 0 ? impasto_nearest (arguments->words[0], known) : NULL;
  if (nearest && !g_str_equal (arguments->words[0], nearest))
    return complain_usage ("data wants: check PLACE, not '%s'; did you mean %s?", arguments->words[0], nearest);
  if (arguments->n_words != 2 || !nearest)
    return complain_usage ("data wants: check PLACE; impasto data --help shows how");
  if (!progress_init (&progress, arguments, &error))
    return complain (error);
  gint64 start = g_get_monotonic_time ();
  interrupt_hold (true);
  g_autoptr (ImpastoDataReport) report =
    impasto_data_check (arguments->words[1], arguments->options, progress_pictures, &progress, &error);
  progress_show (&progress, NULL);
  if (report && progress.verbose) {
    g_autofree char *took = duration_text ((g_get_monotonic_time () - start) * 1e-6);
    fprintf (stderr, "impasto: %u picture%s in %s, peak memory %.0f MiB\n", report->n_pictures,
             plural (report->n_pictures), took, peak_memory () / MIB);
  }
  interrupt_forget ();
  interrupt_hold (false);
  if (!report)
    return complain (error);
  if (arguments_flag (arguments, "json"))
    print_json (report);
  else
    print_lines (report, progress.quiet);
  return report->n_used == report->n_pictures && report->n_used > 0 ? 0 : IMPASTO_ERROR_INPUT;
}

const struct command command_data = {
  .name = "data",
  .summary = "Checks pictures for training: what will be left out, and what else may surprise",
  .usage = "check DIR|IDX [--size N] [--grey] [--classes]",
  .examples =
    {
      "impasto data check photos/ --size 256",
      "impasto data check animals/ --classes --size 64 --json",
      "impasto data check digits/t10k-images-idx3-ubyte.gz --size 28 --grey --classes",
    },
  .notes =
    "Training leaves out what is damaged and what is tiny (a shorter side below half of --size), and takes the rest:\n"
    "small (enlarged), odd (a crop shows little of it), grey, alpha (laid on white), blank, duplicate, similar.\n"
    "Exit status: 0 every picture is used, 3 some are left out or there is none.",
  .options = data_options,
  .run = data_run,
};
