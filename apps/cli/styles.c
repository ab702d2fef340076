/* SPDX-License-Identifier: Apache-2.0
 *
 * impasto styles: what there is, a line each. */
#include <json-glib/json-glib.h>
#include <stdio.h>

#include "command.h"
#include "progress.h"

static const ImpastoOption options[] = {
  {"json", IMPASTO_OPTION_BOOLEAN, "as a JSON array"},
  {NULL},
};

static ImpastoOptions *
styles_options (const char *subject, GError **error)
{
  ImpastoOptions *all = impasto_options_new ();
  impasto_options_add (all, NULL, options);
  return all;
}

static void
print_json (const GPtrArray *styles)
{
  g_autoptr (JsonNode) root = json_node_new (JSON_NODE_ARRAY);
  JsonArray *array = json_array_new ();
  for (guint i = 0; i < styles->len; i++) {
    const ImpastoStyle *style = styles->pdata[i];
    JsonObject *object = json_object_new ();
    json_object_set_string_member (object, "name", style->name);
    json_object_set_string_member (object, "title", style->title);
    json_object_set_string_member (object, "artist", style->artist);
    json_object_set_string_member (object, "year", style->year);
    json_object_set_string_member (object, "license", style->license);
    json_object_set_string_member (object, "pack", style->pack);
    json_array_add_object_element (array, object);
  }
  json_node_take_array (root, array);
  print_json_node (root, true);
}

static void
print_lines (const GPtrArray *styles)
{
  int width = 0;
  for (guint i = 0; i < styles->len; i++)
    width = MAX (width, (int) g_utf8_strlen (((ImpastoStyle *) styles->pdata[i])->name, -1));
  for (guint i = 0; i < styles->len; i++) {
    const ImpastoStyle *style = styles->pdata[i];
    const char *facts[] = {style->title, style->artist, style->year};
    const char *between = "  ";
    printf ("%-*s", width, style->name);
    for (size_t k = 0; k < G_N_ELEMENTS (facts); k++)
      if (*facts[k]) {
        printf ("%s%s", between, facts[k]);
        between = ", ";
      }
    putchar ('\n');
  }
}

static int
styles_run (const struct arguments *arguments)
{
  if (arguments->n_words > 0)
    return complain_usage ("styles takes no '%s'", arguments->words[0]);
  g_autoptr (GPtrArray) broken = NULL, styles = impasto_styles (&broken);
  if (arguments_flag (arguments, "json"))
    print_json (styles);
  else
    print_lines (styles);
  for (guint i = 0; i < broken->len; i++)
    fprintf (stderr, "impasto: %s\n", (const char *) broken->pdata[i]);
  if (styles->len > 0 || arguments_flag (arguments, "json"))
    return broken->len ? IMPASTO_ERROR_INPUT : 0;
  g_auto (GStrv) folders = impasto_style_folders ();
  g_autofree char *searched = g_strjoinv (", ", folders);
  fprintf (stderr, "impasto: no styles found%s%s; IMPASTO_MODELS may name a folder of packs\n", *searched ? " in " : "",
           searched);
  return IMPASTO_ERROR_INPUT;
}

const struct command command_styles = {
  .name = "styles",
  .summary = "Lists the styles that are there",
  .usage = "[--json]",
  .examples = {"impasto styles", "impasto styles --json"},
  .notes = "Packs are searched in ~/.local/share/impasto/models, in models/ beside or above the program, and in\n"
           "share/impasto/models; or only in the folders of IMPASTO_MODELS (joined by ':') when that is set.",
  .options = styles_options,
  .run = styles_run,
};
