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
#include "impasto/error.h"

#define UNBOUNDED 1e15  /* a range that reaches this far is not worth telling */
#define INTS_MAX 16
#define HELP_COLUMN 28
#define HELP_WIDTH 80

static void *field (const struct option *option, void *object)
{
  return (char *) object + option->offset;
}

static const void *const_field (const struct option *option, const void *object)
{
  return (const char *) object + option->offset;
}

static bool in_range (const struct option *option, double x)
{
  return (option->min == 0 && option->max == 0) || (x >= option->min && x <= option->max);
}

/* " from 0 to 1", " of 1 or more", " of 8 or less" or nothing. */
static char *range_text (const struct option *option)
{
  g_autofree char *min = text_number (option->min), *max = text_number (option->max);
  bool low = option->min > -UNBOUNDED, high = option->max < UNBOUNDED;

  if ((option->min == 0 && option->max == 0) || (!low && !high))
    return g_strdup ("");
  if (low && high)
    return g_strdup_printf (" from %s to %s", min, max);
  return low ? g_strdup_printf (" of %s or more", min) : g_strdup_printf (" of %s or less", max);
}

/* What the option wants: "a number from 0 to 1". */
static char *wanted_text (const struct option *option)
{
  g_autofree char *range = range_text (option), *names = NULL;

  switch (option->type) {
  case OPTION_BOOL:
    return g_strdup ("yes or no");
  case OPTION_INT:
    return g_strdup_printf ("a whole number%s", range);
  case OPTION_FLOAT:
    return g_strdup_printf ("a number%s", range);
  case OPTION_STRING:
    return g_strdup ("a text");
  case OPTION_CHOICE:
    names = g_strjoinv (", ", (char **) option->choices);
    return g_strdup_printf ("one of %s", names);
  case OPTION_INTS:
    return g_strdup_printf ("%d whole numbers%s, joined by commas", option->count, range);
  }
  g_return_val_if_reached (NULL);
}

static bool parse_bool (const char *text, bool *value)
{
  static const char *const yes[] = {"true", "yes", "1", NULL}, *const no[] = {"false", "no", "0", NULL};

  *value = text == NULL || g_strv_contains (yes, text);
  return *value || g_strv_contains (no, text);
}

static bool parse_int (const struct option *option, const char *text, int64_t *value)
{
  char *end;

  if (text[0] == '\0' || g_ascii_isspace (text[0]))
    return false;
  errno = 0;
  *value = g_ascii_strtoll (text, &end, 10);
  return *end == '\0' && errno == 0 && in_range (option, (double) *value);
}

static bool parse_float (const struct option *option, const char *text, double *value)
{
  char *end;

  if (text[0] == '\0' || g_ascii_isspace (text[0]))
    return false;
  *value = g_ascii_strtod (text, &end);
  return *end == '\0' && isfinite (*value) && in_range (option, *value);
}

static bool parse_choice (const struct option *option, const char *text, int *value)
{
  for (*value = 0; option->choices[*value] != NULL; (*value)++)
    if (g_str_equal (option->choices[*value], text))
      return true;
  return false;
}

/* One number stands for all of them. */
static bool parse_ints (const struct option *option, const char *text, int64_t *values)
{
  g_auto (GStrv) parts = g_strsplit (text, ",", INTS_MAX + 1);
  int count = (int) g_strv_length (parts);

  if (count != option->count && count != 1)
    return false;
  for (int i = 0; i < option->count; i++)
    if (!parse_int (option, parts[count == 1 ? 0 : i], &values[i]))
      return false;
  return true;
}

/* Reads @text into the field; false, and the field as it was, when it is not what the option wants. */
static bool parse (const struct option *option, void *object, const char *text)
{
  void *at = field (option, object);
  union {
    bool flag;
    int64_t integer;
    double number;
    int choice;
    int64_t integers[INTS_MAX];
  } value;

  if (text == NULL && option->type != OPTION_BOOL)
    return false;
  switch (option->type) {
  case OPTION_BOOL:
    return parse_bool (text, &value.flag) && memcpy (at, &value.flag, sizeof value.flag);
  case OPTION_INT:
    return parse_int (option, text, &value.integer) && memcpy (at, &value.integer, sizeof value.integer);
  case OPTION_FLOAT:
    return parse_float (option, text, &value.number) && memcpy (at, &value.number, sizeof value.number);
  case OPTION_CHOICE:
    return parse_choice (option, text, &value.choice) && memcpy (at, &value.choice, sizeof value.choice);
  case OPTION_INTS:
    g_assert (option->count >= 1 && option->count <= INTS_MAX);
    return parse_ints (option, text, value.integers) && memcpy (at, value.integers, option->count * sizeof (int64_t));
  case OPTION_STRING:
    g_free (*(char **) at);
    *(char **) at = g_strdup (text);
    return true;
  }
  g_return_val_if_reached (false);
}

/* @dashes is "--" for a command line and "" for JSON. */
static void set_wanted (const struct option *option, const char *dashes, const char *text, int code, GError **error)
{
  g_autofree char *wanted = wanted_text (option);
  g_autofree char *shown = text != NULL ? text_show (text) : NULL;

  if (shown != NULL)
    g_set_error (error, IMPASTO_ERROR, code, "%s%s wants %s, not '%s'", dashes, option->name, wanted, shown);
  else
    g_set_error (error, IMPASTO_ERROR, code, "%s%s wants %s", dashes, option->name, wanted);
}

static void set_unknown (const struct option *table, const char *dashes, const char *name, int code, GError **error)
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

static void init_field (const struct option *option, void *at)
{
  switch (option->type) {
  case OPTION_BOOL:
    *(bool *) at = option->fallback != 0;
    break;
  case OPTION_INT:
    *(int64_t *) at = (int64_t) option->fallback;
    break;
  case OPTION_FLOAT:
    *(double *) at = option->fallback;
    break;
  case OPTION_CHOICE:
    *(int *) at = (int) option->fallback;
    break;
  case OPTION_STRING:
    *(char **) at = g_strdup (option->text);
    break;
  case OPTION_INTS:
    for (int i = 0; i < option->count; i++)
      ((int64_t *) at)[i] = (int64_t) option->fallback;
    break;
  }
}

static size_t field_size (const struct option *option)
{
  static const size_t sizes[] = {
    [OPTION_BOOL] = sizeof (bool),     [OPTION_INT] = sizeof (int64_t), [OPTION_FLOAT] = sizeof (double),
    [OPTION_STRING] = sizeof (char *), [OPTION_CHOICE] = sizeof (int),  [OPTION_INTS] = sizeof (int64_t),
  };

  return sizes[option->type] * (option->type == OPTION_INTS ? (size_t) option->count : 1);
}

void option_init (const struct option *table, void *object)
{
  for (const struct option *option = table; option->name != NULL; option++) {
    init_field (option, field (option, object));
    if (option->type == OPTION_INTS && option->text != NULL && !parse (option, object, option->text))
      g_error ("option table: the default of %s is not what it wants", option->name);
  }
}

void option_clear (const struct option *table, void *object)
{
  for (const struct option *option = table; option->name != NULL; option++) {
    if (option->type == OPTION_STRING)
      g_free (*(char **) field (option, object));
    memset (field (option, object), 0, field_size (option));
  }
}

const struct option *option_find (const struct option *table, const char *name)
{
  for (const struct option *option = table; option->name != NULL; option++)
    if (g_str_equal (option->name, name))
      return option;
  return NULL;
}

bool option_set (const struct option *table, void *object, const char *name, const char *text, GError **error)
{
  const struct option *option = option_find (table, name);

  if (option == NULL) {
    set_unknown (table, "--", name, IMPASTO_ERROR_USAGE, error);
    return false;
  }
  if (parse (option, object, text))
    return true;
  set_wanted (option, "--", text, IMPASTO_ERROR_USAGE, error);
  return false;
}

static char *ints_text (const int64_t *values, int count)
{
  GString *text = g_string_new (NULL);

  for (int i = 0; i < count; i++)
    g_string_append_printf (text, i > 0 ? ",%" G_GINT64_FORMAT : "%" G_GINT64_FORMAT, values[i]);
  return g_string_free (text, FALSE);
}

static char *field_text (const struct option *option, const void *object)
{
  const void *at = const_field (option, object);

  switch (option->type) {
  case OPTION_BOOL:
    return g_strdup (*(const bool *) at ? "true" : "false");
  case OPTION_INT:
    return ints_text (at, 1);
  case OPTION_FLOAT:
    return text_number (*(const double *) at);
  case OPTION_STRING:
    return g_strdup (*(char *const *) at);
  case OPTION_CHOICE:
    return g_strdup (option->choices[*(const int *) at]);
  case OPTION_INTS:
    return ints_text (at, option->count);
  }
  g_return_val_if_reached (NULL);
}

char *option_get (const struct option *table, const void *object, const char *name)
{
  const struct option *option = option_find (table, name);

  g_return_val_if_fail (option != NULL, NULL);
  return field_text (option, object);
}

static JsonNode *field_node (const struct option *option, const void *object)
{
  const void *at = const_field (option, object);
  g_autofree char *text = NULL;
  JsonArray *array;

  switch (option->type) {
  case OPTION_BOOL:
    return json_node_init_boolean (json_node_alloc (), *(const bool *) at);
  case OPTION_INT:
    return json_node_init_int (json_node_alloc (), *(const int64_t *) at);
  case OPTION_FLOAT:
    return json_node_init_double (json_node_alloc (), *(const double *) at);
  case OPTION_STRING:
  case OPTION_CHOICE:
    text = field_text (option, object);
    return text != NULL ? json_node_init_string (json_node_alloc (), text) : json_node_init_null (json_node_alloc ());
  case OPTION_INTS:
    array = json_array_sized_new ((guint) option->count);
    for (int i = 0; i < option->count; i++)
      json_array_add_int_element (array, ((const int64_t *) at)[i]);
    return json_node_init_array (json_node_alloc (), g_steal_pointer (&array));
  }
  g_return_val_if_reached (NULL);
}

JsonObject *option_to_json (const struct option *table, const void *object)
{
  JsonObject *json = json_object_new ();

  for (const struct option *option = table; option->name != NULL; option++)
    json_object_set_member (json, option->name, field_node (option, object));
  return json;
}

/* The text of a JSON value of a type that fits the option; NULL for one that does not. */
static char *node_text (const struct option *option, JsonNode *node)
{
  GType type = JSON_NODE_HOLDS_VALUE (node) ? json_node_get_value_type (node) : G_TYPE_INVALID;
  g_autoptr (GPtrArray) parts = NULL;
  JsonArray *array;

  switch (option->type) {
  case OPTION_BOOL:
    return type == G_TYPE_BOOLEAN ? g_strdup (json_node_get_boolean (node) ? "true" : "false") : NULL;
  case OPTION_INT:
    return type == G_TYPE_INT64 ? g_strdup_printf ("%" G_GINT64_FORMAT, json_node_get_int (node)) : NULL;
  case OPTION_FLOAT:
    return type == G_TYPE_INT64 || type == G_TYPE_DOUBLE ? text_number (json_node_get_double (node)) : NULL;
  case OPTION_STRING:
  case OPTION_CHOICE:
    return type == G_TYPE_STRING ? g_strdup (json_node_get_string (node)) : NULL;
  case OPTION_INTS:
    if (!JSON_NODE_HOLDS_ARRAY (node))
      return NULL;
    array = json_node_get_array (node);
    parts = g_ptr_array_new_with_free_func (g_free);
    for (guint i = 0; i < json_array_get_length (array); i++) {
      JsonNode *element = json_array_get_element (array, i);

      if (!JSON_NODE_HOLDS_VALUE (element) || json_node_get_value_type (element) != G_TYPE_INT64)
        return NULL;
      g_ptr_array_add (parts, g_strdup_printf ("%" G_GINT64_FORMAT, json_node_get_int (element)));
    }
    g_ptr_array_add (parts, NULL);
    return g_strjoinv (",", (char **) parts->pdata);
  }
  g_return_val_if_reached (NULL);
}

static bool set_node (const struct option *option, void *object, JsonNode *node, GError **error)
{
  g_autofree char *text = NULL, *written = NULL;

  if (option->type == OPTION_STRING && JSON_NODE_HOLDS_NULL (node)) {
    g_clear_pointer ((char **) field (option, object), g_free);
    return true;
  }
  text = node_text (option, node);
  if (text != NULL && parse (option, object, text))
    return true;
  written = json_to_string (node, FALSE);
  set_wanted (option, "", text != NULL ? text : written, IMPASTO_ERROR_INPUT, error);
  return false;
}

bool option_from_json (const struct option *table, void *object, JsonObject *json, GError **error)
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
static char *help_flag (const struct option *option)
{
  static const char *const metavars[] = {
    [OPTION_INT] = "N",       [OPTION_FLOAT] = "NUMBER", [OPTION_STRING] = "TEXT",
    [OPTION_CHOICE] = "NAME", [OPTION_INTS] = "N,...",
  };
  const char *metavar = option->metavar != NULL ? option->metavar : metavars[option->type];

  if (option->type == OPTION_BOOL)
    return g_strdup_printf ("  --%s%s", option->name, option->fallback != 0 ? "=no" : "");
  return g_strdup_printf ("  --%s %s", option->name, metavar);
}

/* " (from 0 to 1; default 0.5)" or nothing. */
static char *help_facts (const struct option *option)
{
  struct option alone[2] = {*option, {.name = NULL}};
  int64_t storage[INTS_MAX] = {0};
  g_autofree char *range = range_text (option), *value = NULL, *names = NULL;
  g_autoptr (GPtrArray) facts = g_ptr_array_new_with_free_func (g_free);

  alone[0].offset = 0;
  option_init (alone, storage);
  value = field_text (alone, storage);
  option_clear (alone, storage);
  if (option->type == OPTION_CHOICE) {
    names = g_strjoinv (", ", (char **) option->choices);
    g_ptr_array_add (facts, g_strdup_printf ("one of %s", names));
  } else if (range[0] != '\0' && option->type != OPTION_BOOL && option->type != OPTION_STRING) {
    g_ptr_array_add (facts, g_strdup (range + 1));
  }
  if (value != NULL && option->type != OPTION_BOOL)
    g_ptr_array_add (facts, g_strdup_printf ("default %s", value));
  if (option->type == OPTION_BOOL && option->fallback != 0)
    g_ptr_array_add (facts, g_strdup ("on by default"));
  if (facts->len == 0)
    return g_strdup ("");
  g_ptr_array_add (facts, NULL);
  g_free (value);
  value = g_strjoinv ("; ", (char **) facts->pdata);
  return g_strdup_printf (" (%s)", value);
}

/* Appends the words of @text from column HELP_COLUMN on, the first line starting at @column. */
static void append_wrapped (GString *help, const char *text, size_t column)
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

char *option_help (const struct option *table)
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
