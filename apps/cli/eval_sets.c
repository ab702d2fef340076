/* SPDX-License-Identifier: Apache-2.0
 *
 * impasto eval SAMPLES --reals PLACE: how good a generator's samples are as a set. */
#include <json-glib/json-glib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "eval.h"
#include "progress.h"

enum { COLUMN = 10 }; /* characters of a figure */

static void
print_json (const ImpastoSetReport *report)
{
  for (guint i = 0; i < report->sets->len; i++) {
    const ImpastoSetFigures *set = report->sets->pdata[i];
    JsonObject *object = json_object_new ();
    json_object_set_string_member (object, "set", set->name);
    json_object_set_int_member (object, "reals", set->n_reals);
    json_object_set_int_member (object, "samples", set->n_samples);
    for (int k = 0; k < set->n_figures; k++)
      json_object_set_double_member (object, set->figure[k].name, set->figure[k].value);
    if (i == 0 && report->classes->len)
      json_object_set_double_member (object, "confidence", report->confidence);
    print_json_line (object);
  }
  for (guint i = 0; i < report->classes->len; i++) {
    const ImpastoClassShare *share = report->classes->pdata[i];
    JsonObject *object = json_object_new ();
    json_object_set_string_member (object, "class", share->name);
    json_object_set_double_member (object, "samples", share->samples);
    json_object_set_double_member (object, "reals", share->reals);
    json_object_set_double_member (object, "confidence", share->confidence);
    if (share->agreement >= 0)
      json_object_set_double_member (object, "agreement", share->agreement);
    print_json_line (object);
  }
  for (guint i = 0; i < report->nearest->len; i++) {
    const ImpastoNeighbour *neighbour = report->nearest->pdata[i];
    JsonObject *object = json_object_new ();
    json_object_set_string_member (object, "sample", neighbour->sample);
    json_object_set_string_member (object, "nearest", neighbour->real);
    json_object_set_double_member (object, "distance", neighbour->distance);
    print_json_line (object);
  }
}

/* How a classifier reads the samples, in per cent. */
static void
print_classes (const ImpastoSetReport *report)
{
  int width = (int) strlen ("read as");
  bool meant = false;
  for (guint i = 0; i < report->classes->len; i++) {
    const ImpastoClassShare *share = report->classes->pdata[i];
    width = MAX (width, (int) g_utf8_strlen (share->name, -1));
    meant |= share->agreement >= 0;
  }
  printf ("\n%-*s  %9s  %9s  %10s%s\n", width, "read as", "samples %", "reals %", "confidence",
          meant ? "   meant %" : "");
  for (guint i = 0; i < report->classes->len; i++) {
    const ImpastoClassShare *share = report->classes->pdata[i];
    printf ("%s%*s  %9.1f  %9.1f  %10.3f", share->name, width - (int) g_utf8_strlen (share->name, -1), "",
            100 * share->samples, 100 * share->reals, share->confidence);
    if (share->agreement >= 0)
      printf ("  %8.1f", 100 * share->agreement);
    putchar ('\n');
  }
  printf ("%-*s  %9.1f  %9.1f  %10.3f\n", width, "all", 100.0, 100.0, report->confidence);
}

static void
print_table (const ImpastoSetReport *report)
{
  int width = (int) strlen ("set");
  for (guint i = 0; i < report->sets->len; i++)
    width = MAX (width, (int) strlen (((const ImpastoSetFigures *) report->sets->pdata[i])->name));
  for (guint i = 0; i < report->sets->len; i++) {
    const ImpastoSetFigures *set = report->sets->pdata[i];
    if (i == 0) {
      printf ("%-*s  %7s  %7s", width, "set", "reals", "samples");
      for (int k = 0; k < set->n_figures; k++)
        printf ("  %*s", COLUMN, set->figure[k].name);
      putchar ('\n');
    }
    printf ("%-*s  %7u  %7u", width, set->name, set->n_reals, set->n_samples);
    for (int k = 0; k < set->n_figures; k++)
      printf ("  %*.4g", COLUMN, set->figure[k].value);
    putchar ('\n');
  }
  if (report->classes->len)
    print_classes (report);
  for (guint i = 0; i < report->nearest->len; i++) {
    const ImpastoNeighbour *neighbour = report->nearest->pdata[i];
    printf ("%.4g  %s  %s\n", neighbour->distance, neighbour->sample, neighbour->real);
  }
}

static const char *
complaint (const struct arguments *arguments)
{
  static const char *const others[] = {"style-image", "content", "against", "tile"};
  for (size_t i = 0; i < G_N_ELEMENTS (others); i++) {
    g_autofree char *value = arguments_text (arguments, others[i]);
    if (*value)
      return "--reals measures a set as a whole: it does not go with --style-image, --content, --against or --tile";
  }
  return arguments->n_words != 1 ? "eval --reals wants one folder of samples" : NULL;
}

int
eval_sets (const struct arguments *arguments)
{
  g_autoptr (GError) error = NULL;
  struct progress progress = {.terminal = isatty (STDERR_FILENO) && !arguments_quiet (arguments)};
  const char *wrong = complaint (arguments);
  if (wrong)
    return complain_usage ("%s", wrong);
  interrupt_hold (true);
  g_autoptr (ImpastoSetReport) report =
    impasto_eval_sets (arguments->words[0], arguments->options, progress_pictures, &progress, &error);
  progress_show (&progress, NULL);
  interrupt_forget ();
  interrupt_hold (false);
  if (!report)
    return complain (error);
  print_notes (arguments, report->notes);
  if (arguments_flag (arguments, "json"))
    print_json (report);
  else
    print_table (report);
  return 0;
}
