/* SPDX-License-Identifier: Apache-2.0
 *
 * impasto explain: heat maps over a picture: a judge's opinion, or what pulls at it for a style. */
#include <json-glib/json-glib.h>
#include <stdio.h>

#include "command.h"
#include "files.h"
#include "progress.h"

static const ImpastoOption options[] = {
  {"output", IMPASTO_OPTION_STRING, "the heat maps; otherwise explained.png in the current folder", .metavar = "FILE"},
  {"overwrite", IMPASTO_OPTION_BOOLEAN, "replace a file that is there already"},
  {"json", IMPASTO_OPTION_BOOLEAN, "a JSON line a row instead of a table"},
  {NULL},
};

static ImpastoOptions *
explain_options (const char *subject, GError **error)
{
  ImpastoOptions *all = impasto_explain_options_new ();
  impasto_options_add (all, "File", options);
  return all;
}

static void
print_json (const ImpastoExplained *row)
{
  JsonObject *object = json_object_new ();
  JsonArray *regions = json_array_new ();
  for (int i = 0; i < 9; i++)
    json_array_add_double_element (regions, row->region[i]);
  json_object_set_string_member (object, "part", row->name);
  json_object_set_double_member (object, "value", row->value);
  json_object_set_double_member (object, "share", row->share);
  json_object_set_array_member (object, "regions", regions);
  print_json_line (object);
}

static void
print_rows (const ImpastoExplanation *explanation, bool judge)
{
  static const char *const places[9] = {"top-left", "top",         "top-right", "left",        "middle",
                                        "right",    "bottom-left", "bottom",    "bottom-right"};
  printf ("%-8s  %9s  %7s", "part", judge ? "score" : "loss", judge ? "real %" : "pull %");
  for (int i = 0; i < 9; i++)
    printf ("  %12s", places[i]);
  putchar ('\n');
  for (guint k = 0; k < explanation->rows->len; k++) {
    const ImpastoExplained *row = explanation->rows->pdata[k];
    printf ("%-8s  %9.4g  %7.1f", row->name, row->value, 100 * row->share);
    for (int i = 0; i < 9; i++)
      printf (judge ? "  %12.2f" : "  %11.1f%%", judge ? row->region[i] : 100 * row->region[i]);
    putchar ('\n');
  }
}

static int
explain_run (const struct arguments *arguments)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *given = arguments_text (arguments, "output"), *judge = arguments_text (arguments, "judge");
  const char *path = *given ? given : "explained.png";
  if (arguments->n_words != 1)
    return complain_usage ("explain wants one picture");
  if (!arguments_take_run (arguments, "judge", NULL, &error))
    return complain (error);
  g_autofree char *painting = impasto_options_get (arguments->options, "style-image");
  if (same_file (path, arguments->words[0]) || (painting && same_file (path, painting)))
    return complain_usage ("explain would replace %s, which it reads; choose another name with -o", path);
  if (g_file_test (path, G_FILE_TEST_EXISTS) && !arguments_flag (arguments, "overwrite")) {
    g_set_error (&error, IMPASTO_ERROR, IMPASTO_ERROR_OUTPUT, "%s is there already; --overwrite replaces it", path);
    return complain (error);
  }
  g_autoptr (ImpastoExplanation) explanation = impasto_explain (arguments->words[0], arguments->options, path, &error);
  if (!explanation)
    return complain (error);
  g_autofree char *notes = g_strdup_printf ("%s\nmaps in %s", explanation->notes, path);
  print_notes (arguments, notes);
  if (!arguments_flag (arguments, "json"))
    print_rows (explanation, *judge);
  for (guint i = 0; arguments_flag (arguments, "json") && i < explanation->rows->len; i++)
    print_json (explanation->rows->pdata[i]);
  return 0;
}

const struct command command_explain = {
  .name = "explain",
  .summary = "Shows where a picture passes for real, or what of it a style would change",
  .usage = "PICTURE --judge RUN | --style-image PAINTING [-o MAPS]",
  .examples = {"impasto explain painting.png --style-image starry-night.jpg -o pull.png",
               "impasto explain painting.png --judge runs/00001-style -o opinion.png"},
  .notes =
    "--style-image: each layer of the feature network compares textures of its own size, from strokes to forms; the\n"
    "maps show how strongly it pulls at each pixel (the gradient of its Gram matrices' loss), each map in its own\n"
    "scale; pull % is a layer's share of it all. --judge: the judge that a run of impasto train trained\n"
    "against, from its checkpoint: red passes for real, blue for painted by the network. Regions are the ninths\n"
    "of what is drawn.",
  .options = explain_options,
  .run = explain_run,
};
