/* SPDX-License-Identifier: Apache-2.0
 *
 * Option tables. Everything that comes in, from a command line or from JSON, is first turned into text and then read by
 * one parser per type, so that both meet the same ranges and the same words in messages. A field is only written once
 * its text has been read as a whole. */
#include "base/option.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "base/text_json.h"
#include "impasto/error.h"

#define UNBOUNDED 1e15 /* a range that reaches this far is not worth telling */
#define INTS_MAX 16
#define HELP_COLUMN 28
#define HELP_WIDTH 80

/* What each type of option can do. A parser writes the field only when it returns true. */
struct kind {
  size_t size;                                   /* bytes of the field, or of one of its elements */
  const char *metavar;                           /* what --help shows for the value */
  char *(*wanted) (const struct option *option); /* "a number from 0 to 1" */
  void (*init) (const struct option *option, void *at);
  bool (*parse) (const struct option *option, const char *text, void *at);
  char *(*text) (const struct option *option, const void *at);
  JsonNode *(*to_node) (const struct option *option, const void *at);
  char *(*node_text) (JsonNode *node); /* what parse would take; NULL for a JSON type that does not fit */
};

static bool
is_unbounded (const struct option *option)
{
  return option->min == 0 && option->max == 0;
}

static bool
in_range (const struct option *option, double x)
{
  return is_unbounded (option) || (x >= option->min && x <= option->max);
}

/* " from 0 to 1", " of 1 or more", " of 8 or less" or nothing. */
static char *
range_text (const struct option *option)
{
  g_autofree char *min = text_number (option->min), *max = text_number (option->max);
  bool low = option->min > -UNBOUNDED, high = option->max < UNBOUNDED;

  if (is_unbounded (option) || (!low && !high))
    return g_strdup ("");
  if (low && high)
    return g_strdup_printf (" from %s to %s", min, max);
  return low ? g_strdup_printf (" of %s or more", min) : g_strdup_printf (" of %s or less", max);
}

static GType
node_type (JsonNode *node)
{
  return JSON_NODE_HOLDS_VALUE (node) ? json_node_get_value_type (node) : G_TYPE_INVALID;
}

/* --- Bool --- */

static char *
bool_wanted (const struct option *option)
{
  return g_strdup ("yes or no");
}

static void
bool_init (const struct option *option, void *at)
{
  *(bool *) at = option->fallback != 0;
}

static bool
bool_parse (const struct option *option, const char *text, void *at)
{
  static const char *const yes[] = {"true", "yes", "1", NULL}, *const no[] = {"false", "no", "0", NULL};
  bool value = text == NULL || g_strv_contains (yes, text);

  if (!value && !g_strv_contains (no, text))
    return false;
  *(bool *) at = value;
  return true;
}

static char *
bool_text (const struct option *option, const void *at)
{
  return g_strdup (*(const bool *) at ? "true" : "false");
}

static JsonNode *
bool_to_node (const struct option *option, const void *at)
{
  return json_node_init_boolean (json_node_alloc (), *(const bool *) at);
}

static char *
bool_node_text (JsonNode *node)
{
  if (node_type (node) != G_TYPE_BOOLEAN)
    return NULL;
  return g_strdup (json_node_get_boolean (node) ? "true" : "false");
}

/* --- Int, and several of them --- */

static char *
int_wanted (const struct option *option)
{
  g_autofree char *range = range_text (option);

  return g_strdup_printf ("a whole number%s", range);
}

static void
int_init (const struct option *option, void *at)
{
  *(int64_t *) at = (int64_t) option->fallback;
}

static bool
int_parse (const struct option *option, const char *text, void *at)
{
  int64_t value;
  char *end;

  if (text == NULL || text[0] == '\0' || g_ascii_isspace (text[0]))
    return false;
  errno = 0;
  value = g_ascii_strtoll (text, &end, 10);
  if (*end != '\0' || errno != 0 || !in_range (option, (double) value))
    return false;
  *(int64_t *) at = value;
  return true;
}

static char *
int_text (const struct option *option, const void *at)
{
  return g_strdup_printf ("%" G_GINT64_FORMAT, *(const int64_t *) at);
}

static JsonNode *
int_to_node (const struct option *option, const void *at)
{
  return json_node_init_int (json_node_alloc (), *(const int64_t *) at);
}

static char *
int_node_text (JsonNode *node)
{
  return node_type (node) == G_TYPE_INT64 ? g_strdup_printf ("%" G_GINT64_FORMAT, json_node_get_int (node)) : NULL;
}

static char *
ints_wanted (const struct option *option)
{
  g_autofree char *range = range_text (option);

  return g_strdup_printf ("%d whole numbers%s, joined by commas", option->count, range);
}

/* One number stands for all of them. */
static bool
ints_parse (const struct option *option, const char *text, void *at)
{
  g_auto (GStrv) parts = g_strsplit (text != NULL ? text : "", ",", INTS_MAX + 1);
  int count = (int) g_strv_length (parts);
  int64_t values[INTS_MAX];

  g_assert (option->count >= 1 && option->count <= INTS_MAX);
  if (count != option->count && count != 1)
    return false;
  for (int i = 0; i < option->count; i++)
    if (!int_parse (option, parts[count == 1 ? 0 : i], &values[i]))
      return false;
  memcpy (at, values, (size_t) option->count * sizeof values[0]);
  return true;
}

static void
ints_init (const struct option *option, void *at)
{
  for (int i = 0; i < option->count; i++)
    ((int64_t *) at)[i] = (int64_t) option->fallback;
  if (option->text != NULL && !ints_parse (option, option->text, at))
    g_error ("option table: the default of %s is not what it wants", option->name);
}

static char *
ints_text (const struct option *option, const void *at)
{
  GString *text = g_string_new (NULL);

  for (int i = 0; i < option->count; i++)
    g_string_append_printf (text, i > 0 ? ",%" G_GINT64_FORMAT : "%" G_GINT64_FORMAT, ((const int64_t *) at)[i]);
  return g_string_free (text, FALSE);
}

static JsonNode *
ints_to_node (const struct option *option, const void *at)
{
  JsonNode *node = json_node_new (JSON_NODE_ARRAY);
  JsonArray *array = json_array_sized_new ((guint) option->count);

  for (int i = 0; i < option->count; i++)
    json_array_add_int_element (array, ((const int64_t *) at)[i]);
  json_node_take_array (node, array);
  return node;
}

static char *
ints_node_text (JsonNode *node)
{
  g_autoptr (GString) text = g_string_new (NULL);
  JsonArray *array = JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;

  if (array == NULL)
    return NULL;
  for (guint i = 0; i < json_array_get_length (array); i++) {
    g_autofree char *element = int_node_text (json_array_get_element (array, i));

    if (element == NULL)
      return NULL;
    g_string_append_printf (text, i > 0 ? ",%s" : "%s", element);
  }
  return g_string_free (g_steal_pointer (&text), FALSE);
}

/* --- Float --- */

static char *
float_wanted (const struct option *option)
{
  g_autofree char *range = range_text (option);

  return g_strdup_printf ("a number%s", range);
}

static void
float_init (const struct option *option, void *at)
{
  *(double *) at = option->fallback;
}

static bool
float_parse (const struct option *option, const char *text, void *at)
{
  double value;
  char *end;

  if (text == NULL || text[0] == '\0' || g_ascii_isspace (text[0]))
    return false;
  value = g_ascii_strtod (text, &end);
  if (*end != '\0' || !isfinite (value) || !in_range (option, value))
    return false;
  *(double *) at = value;
  return true;
}

static char *
float_text (const struct option *option, const void *at)
{
  return text_number (*(const double *) at);
}

static JsonNode *
float_to_node (const struct option *option, const void *at)
{
  return json_node_init_double (json_node_alloc (), *(const double *) at);
}

static char *
float_node_text (JsonNode *node)
{
  GType type = node_type (node);

  return type == G_TYPE_INT64 || type == G_TYPE_DOUBLE ? text_number (json_node_get_double (node)) : NULL;
}

/* --- String --- */

static char *
string_wanted (const struct option *option)
{
  return g_strdup ("a text");
}

static void
string_init (const struct option *option, void *at)
{
  *(char **) at = g_strdup (option->text);
}

static bool
string_parse (const struct option *option, const char *text, void *at)
{
  if (text == NULL)
    return false;
  g_free (*(char **) at);
  *(char **) at = g_strdup (text);
  return true;
}

static char *
string_text (const struct option *option, const void *at)
{
  return g_strdup (*(char *const *) at);
}

static JsonNode *
string_to_node (const struct option *option, const void *at)
{
  const char *text = *(char *const *) at;

  return text != NULL ? json_node_init_string (json_node_alloc (), text) : json_node_init_null (json_node_alloc ());
}

static char *
string_node_text (JsonNode *node)
{
  return node_type (node) == G_TYPE_STRING ? g_strdup (json_node_get_string (node)) : NULL;
}

/* --- Choice --- */

static char *
choice_wanted (const struct option *option)
{
  g_autofree char *names = g_strjoinv (", ", (char **) option->choices);

  return g_strdup_printf ("one of %s", names);
}

static void
choice_init (const struct option *option, void *at)
{
  *(int *) at = (int) option->fallback;
}

static bool
choice_parse (const struct option *option, const char *text, void *at)
{
  for (int i = 0; text != NULL && option->choices[i] != NULL; i++) {
    if (g_str_equal (option->choices[i], text)) {
      *(int *) at = i;
      return true;
    }
  }
  return false;
}

static char *
choice_text (const struct option *option, const void *at)
{
  return g_strdup (option->choices[*(const int *) at]);
}

static JsonNode *
choice_to_node (const struct option *option, const void *at)
{
  return json_node_init_string (json_node_alloc (), option->choices[*(const int *) at]);
}

/* --- The table of types --- */

static const struct kind kinds[] = {
  [OPTION_BOOL] = {sizeof (bool), NULL, bool_wanted, bool_init, bool_parse, bool_text, bool_to_node, bool_node_text},
  [OPTION_INT] = {sizeof (int64_t), "N", int_wanted, int_init, int_parse, int_text, int_to_node, int_node_text},
  [OPTION_FLOAT] = {sizeof (double), "NUMBER", float_wanted, float_init, float_parse, float_text, float_to_node,
                    float_node_text},
  [OPTION_STRING] = {sizeof (char *), "TEXT", string_wanted, string_init, string_parse, string_text, string_to_node,
                     string_node_text},
  [OPTION_CHOICE] = {sizeof (int), "NAME", choice_wanted, choice_init, choice_parse, choice_text, choice_to_node,
                     string_node_text},
  [OPTION_INTS] = {sizeof (int64_t), "N,...", ints_wanted, ints_init, ints_parse, ints_text, ints_to_node,
                   ints_node_text},
};

static const struct kind *
kind_of (const struct option *option)
{
  return &kinds[option->type];
}

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
  g_autofree char *wanted = kind_of (option)->wanted (option);
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
    kind_of (option)->init (option, field (option, object));
}

void
option_clear (const struct option *table, void *object)
{
  for (const struct option *option = table; option->name != NULL; option++) {
    size_t count = option->type == OPTION_INTS ? (size_t) option->count : 1;

    if (option->type == OPTION_STRING)
      g_free (*(char **) field (option, object));
    memset (field (option, object), 0, count * kind_of (option)->size);
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
  if (kind_of (option)->parse (option, text, field (option, object)))
    return true;
  set_wanted (option, "--", text, IMPASTO_ERROR_USAGE, error);
  return false;
}

char *
option_get (const struct option *table, const void *object, const char *name)
{
  const struct option *option = option_find (table, name);

  g_return_val_if_fail (option != NULL, NULL);
  return kind_of (option)->text (option, const_field (option, object));
}

JsonObject *
option_to_json (const struct option *table, const void *object)
{
  JsonObject *json = json_object_new ();

  for (const struct option *option = table; option->name != NULL; option++)
    json_object_set_member (json, option->name, kind_of (option)->to_node (option, const_field (option, object)));
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
  text = kind_of (option)->node_text (node);
  if (text != NULL && kind_of (option)->parse (option, text, field (option, object)))
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
  const char *metavar = option->metavar != NULL ? option->metavar : kind_of (option)->metavar;

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
  int64_t storage[INTS_MAX] = {0}; /* room and alignment for any field */
  g_autofree char *range = range_text (option), *wanted = kind_of (option)->wanted (option), *value = NULL;
  g_autoptr (GString) facts = g_string_new (NULL);

  if (option->type == OPTION_BOOL)
    return g_strdup (option->fallback != 0 ? " (on by default)" : "");
  option_init (alone, storage);
  value = kind_of (option)->text (alone, storage);
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
