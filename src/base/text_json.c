/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON as text; see text_json.h. */
#include "base/text_json.h"

#include <math.h>
#include <string.h>

#include "base/text.h"

/* Number, word, or half a number: what stands between brackets, commas and strings. */
static gsize
token_length (const char *at)
{
  gsize n = 0;
  while (g_ascii_isalnum (at[n]) || at[n] == '+' || at[n] == '-' || at[n] == '.')
    n++;
  return n;
}

/* A double as text_number writes it, but still a double for those who tell by the point; NULL where @token is none. */
static char *
shortest (const char *token)
{
  char *end;
  double x = g_ascii_strtod (token, &end);

  if (*end || !isfinite (x) || !strpbrk (token, ".eE"))
    return NULL;
  g_autofree char *number = text_number (x);
  return g_strconcat (number, strpbrk (number, ".e") ? "" : ".0", NULL);
}

/* "1e-08.0" as "1e-08", "nan.0" and "-inf.0" as "null", "0.40000000000000002" as "0.4". */
static void
append_token (GString *out, const char *token, gsize n)
{
  bool dotted = n > 2 && token[n - 2] == '.' && token[n - 1] == '0';
  const char *word = token + (token[0] == '-');

  if (dotted && (g_str_has_prefix (word, "nan.") || g_str_has_prefix (word, "inf."))) {
    g_string_append (out, "null");
    return;
  }
  if (dotted && g_ascii_isdigit (word[0]) && memchr (token, 'e', n))
    n -= 2;
  g_autofree char *same = g_strndup (token, n), *number = g_ascii_isdigit (word[0]) ? shortest (same) : NULL;
  g_string_append (out, number && strlen (number) < n ? number : same);
}

/* Bytes of the string that begins at @at with its quotes, or what there is of it. */
static gsize
string_length (const char *at)
{
  gsize n = 1;
  while (at[n] && at[n] != '"')
    n += at[n] == '\\' && at[n + 1] ? 2 : 1;
  return n + (at[n] == '"');
}

char *
text_json_tidy (const char *text)
{
  GString *out = g_string_sized_new (strlen (text));

  while (*text) {
    gsize n = *text == '"' ? string_length (text) : token_length (text);
    if (*text == '"')
      g_string_append_len (out, text, n);
    else if (n > 0)
      append_token (out, text, n);
    else
      g_string_append_len (out, text, n = 1);
    text += n;
  }
  return g_string_free (out, FALSE);
}

char *
text_json_write (JsonNode *node, bool pretty)
{
  g_autofree char *text = json_to_string (node, pretty);
  return text_json_tidy (text);
}

char *
text_json_write_object (JsonObject *object, bool pretty)
{
  g_autoptr (JsonNode) node = json_node_new (JSON_NODE_OBJECT);
  json_node_set_object (node, object);
  return text_json_write (node, pretty);
}

int
text_json_depth (const char *text)
{
  int depth = 0, deepest = 0;
  for (; *text; text++)
    if (*text == '"') {
      gsize n = string_length (text);
      text += n - 1;
    } else if (*text == '[' || *text == '{') {
      depth++;
      deepest = MAX (deepest, depth);
    } else if (*text == ']' || *text == '}') {
      depth--;
    }
  return deepest;
}

/* json-glib's parser recurses, hence what nests too deep never comes before it. */
JsonNode *
text_json_read (const char *text, int depth)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  if (text_json_depth (text) > depth || !g_utf8_validate (text, -1, NULL))
    return NULL;
  g_autofree char *tidy = text_json_tidy (text);
  return json_parser_load_from_data (parser, tidy, -1, NULL) ? json_parser_steal_root (parser) : NULL;
}
