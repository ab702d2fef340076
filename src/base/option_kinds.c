/* SPDX-License-Identifier: Apache-2.0
 *
 * What each type of option is: its words, its parser, its text and its JSON. */
#include "base/option_internal.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/text.h"

#define UNBOUNDED 1e15 /* a range that reaches this far is not worth telling */

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

char *
option_range_text (const struct option *option)
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
  g_autofree char *range = option_range_text (option);

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
  g_autofree char *range = option_range_text (option);

  return g_strdup_printf ("%d whole numbers%s, joined by commas", option->count, range);
}

/* One number stands for all of them. */
static bool
ints_parse (const struct option *option, const char *text, void *at)
{
  g_auto (GStrv) parts = g_strsplit (text != NULL ? text : "", ",", OPTION_INTS_MAX + 1);
  int count = (int) g_strv_length (parts);
  int64_t values[OPTION_INTS_MAX];

  g_assert (option->count >= 1 && option->count <= OPTION_INTS_MAX);
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
  g_autofree char *range = option_range_text (option);

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

static const struct option_kind kinds[] = {
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

const struct option_kind *
option_kind_of (const struct option *option)
{
  return &kinds[option->type];
}
