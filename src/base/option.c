/* SPDX-License-Identifier: Apache-2.0
 *
 * Option tables. Everything that comes in, from a command line or from JSON, is first turned into text and then read by
 * one parser per type, so that both meet the same ranges and the same words in messages. A field is only written once
 * its text has been read as a whole. */
#include "base/option_internal.h"

#include <string.h>

#include "base/text.h"
#include "base/text_json.h"
#include "impasto/error.h"

#define HELP_COLUMN 28
#define HELP_WIDTH 80

static void *
field (const struct option *option, void *object)
{
  return (char *) object + option->offset;
}

static const void *
const_field (const struct option *option, const void *object)
{
  return (const char *) object + option->offset;
}

/* @dashes is "--" for a command line and "" for JSON. */
static void
set_wanted (const struct option *option, const char *dashes, const char *text, int code, GError **error)
{
  g_autofree char *wanted = option_kind_of (option)->wanted (option);
  g_autofree char *shown = text != NULL ? text_show (text) : NULL;

  const char *meant = text != NULL && option->choices != NULL ? text_nearest (text, option->choices) : NULL;

  if (shown != NULL)
    g_set_error (error, IMPASTO_ERROR, code, "%s%s wants %s, not '%s'%s%s%s", dashes, option->name, wanted, shown,
                 meant != NULL ? "; did you mean " : "", meant != NULL ? meant : "", meant != NULL ? "?" : "");
  else
    g_set_error (error, IMPASTO_ERROR, code, "%s%s wants %s", dashes, option->name, wanted);
}

static void
set_unknown (const struct option *table, const char *dashes, const char *name, int code, GError **error)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  g_autofree char *shown = text_show (name);
  const char *nearest;

  for (const struct option *option = table; option->name != NULL; option++)
    g_ptr_array_add (names, (void *) option->name);
  g_ptr_array_add (names, NULL);
  nearest = text_nearest (name, (const char *const *) names->pdata);
  if (nearest != NULL)
    g_set_error (error, IMPASTO_ERROR, code, "unknown option %s%s; did you mean %s%s?", dashes, shown, dashes, nearest);
  else
    g_set_error (error, IMPASTO_ERROR, code, "unknown option %s%s", dashes, shown);
}

void
option_init (const struct option *table, void *object)
{
  for (const struct option *option = table; option->name != NULL; option++)
    option_kind_of (option)->init (option, field (option, object));
}

void
option_clear (const struct option *table, void *object)
{
  for (const struct option *option = table; option->name != NULL; option++) {
    size_t count = option->type == OPTION_INTS ? (size_t) option->count : 1;

    if (option->type == OPTION_STRING)
      g_free (*(char **) field (option, object));
    memset (field (option, object), 0, count * option_kind_of (option)->size);
  }
}

const struct option *
option_find (const struct option *table, const char *name)
{
  for (const struct option *option = table; option->name != NULL; option++)
    if (g_str_equal (option->name, name))
      return option;
  return NULL;
}

bool
option_set (const struct option *table, void *object, const char *name, const char *text, GError **error)
{
  const struct option *option = option_find (table, name);

  if (option == NULL) {
    set_unknown (table, "--", name, IMPASTO_ERROR_USAGE, error);
    return false;
  }
  if (option_kind_of (option)->parse (option, text, field (option, object)))
    return true;
  set_wanted (option, "--", text, IMPASTO_ERROR_USAGE, error);
  return false;
}

char *
option_get (const struct option *table, const void *object, const char *name)
{
  const struct option *option = option_find (table, name);

  g_return_val_if_fail (option != NULL, NULL);
  return option_kind_of (option)->text (option, const_field (option, object));
}

JsonObject *
option_to_json (const struct option *table, const void *object)
{
  JsonObject *json = json_object_new ();

  for (const struct option *option = table; option->name != NULL; option++)
    json_object_set_member (json, option->name,
                            option_kind_of (option)->to_node (option, const_field (option, object)));
  return json;
}

static bool
set_node (const struct option *option, void *object, JsonNode *node, GError **error)
{
  g_autofree char *text = NULL, *written = NULL;

  if (option->type == OPTION_STRING && JSON_NODE_HOLDS_NULL (node)) {
    g_clear_pointer ((char **) field (option, object), g_free);
    return true;
  }
  text = option_kind_of (option)->node_text (node);
  if (text != NULL && option_kind_of (option)->parse (option, text, field (option, object)))
    return true;
  written = text_json_write (node, FALSE);
  set_wanted (option, "", text != NULL ? text : written, IMPASTO_ERROR_INPUT, error);
  return false;
}

bool
option_from_json (const struct option *table, void *object, JsonObject *json, GError **error)
{
  JsonObjectIter iter;
  const char *name;
  JsonNode *node;

  json_object_iter_init_ordered (&iter, json);
  while (json_object_iter_next_ordered (&iter, &name, &node)) {
    const struct option *option = option_find (table, name);

    if (option == NULL) {
      set_unknown (table, "", name, IMPASTO_ERROR_INPUT, error);
      return false;
    }
    if (!set_node (option, object, node, error))
      return false;
  }
  return true;
}

/* "  --strength NUMBER"; a flag that is on by default shows how to turn it off. */
static char *
help_flag (const struct option *option)
{
  const char *metavar = option->metavar != NULL ? option->metavar : option_kind_of (option)->metavar;

  if (option->type == OPTION_BOOL)
    return g_strdup_printf ("  --%s%s", option->name, option->fallback != 0 ? "=no" : "");
  return g_strdup_printf ("  --%s %s", option->name, metavar);
}

/* " (from 0 to 1; default 0.5)" or nothing. */
static char *
help_facts (const struct option *option)
{
  const struct option alone[2] = {{.name = option->name,
                                   .type = option->type,
                                   .text = option->text,
                                   .fallback = option->fallback,
                                   .min = option->min,
                                   .max = option->max,
                                   .choices = option->choices,
                                   .count = option->count}};
  int64_t storage[OPTION_INTS_MAX] = {0}; /* room and alignment for any field */
  g_autofree char *range = option_range_text (option), *wanted = option_kind_of (option)->wanted (option),
                  *value = NULL;
  g_autoptr (GString) facts = g_string_new (NULL);

  if (option->type == OPTION_BOOL)
    return g_strdup (option->fallback != 0 ? " (on by default)" : "");
  option_init (alone, storage);
  value = option_kind_of (option)->text (alone, storage);
  option_clear (alone, storage);
  if (option->type == OPTION_CHOICE)
    g_string_append (facts, wanted);
  else if (option->type != OPTION_STRING && range[0] != '\0')
    g_string_append (facts, range + 1);
  if (value != NULL)
    g_string_append_printf (facts, "%sdefault %s", facts->len > 0 ? "; " : "", value);
  return facts->len > 0 ? g_strdup_printf (" (%s)", facts->str) : g_strdup ("");
}

/* Appends the words of @text from column HELP_COLUMN on, the first line starting at @column. */
static void
append_wrapped (GString *help, const char *text, size_t column)
{
  g_auto (GStrv) words = g_strsplit (text, " ", -1);

  for (char **word = words; *word != NULL; word++) {
    size_t length = (size_t) g_utf8_strlen (*word, -1);

    if (column < HELP_COLUMN || column + 1 + length > HELP_WIDTH) {
      if (column >= HELP_COLUMN) {
        g_string_append_c (help, '\n');
        column = 0;
      }
      g_string_append_printf (help, "%*s", (int) (HELP_COLUMN - column), "");
      column = HELP_COLUMN;
    } else {
      g_string_append_c (help, ' ');
      column++;
    }
    g_string_append (help, *word);
    column += length;
  }
  g_string_append_c (help, '\n');
}

char *
option_help (const struct option *table)
{
  GString *help = g_string_new (NULL);

  for (const struct option *option = table; option->name != NULL; option++) {
    g_autofree char *flag = help_flag (option), *facts = help_facts (option);
    g_autofree char *text = g_strconcat (option->help, facts, NULL);
    size_t length = strlen (flag);

    g_string_append (help, flag);
    append_wrapped (help, text, length < HELP_COLUMN - 1 ? length : HELP_WIDTH);
  }
  return g_string_free (help, FALSE);
}
