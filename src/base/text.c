/* SPDX-License-Identifier: Apache-2.0
 *
 * Text helpers for messages. */
#include "base/text.h"

#include <string.h>

#define SHOW_MAX 60
#define NAME_MAX_LENGTH 63
#define BEGINNING 3       /* letters that may stand for a name */
#define FILE_NAME_MAX 256 /* bytes */

char *
text_cut (const char *text, int length)
{
  g_autofree char *head = g_strndup (text, 4 * ((gsize) length + 1));
  g_autofree char *valid = g_utf8_make_valid (head, -1);
  GString *shown = g_string_new (NULL);
  int count = 0;

  for (const char *at = valid; *at != '\0'; at = g_utf8_next_char (at)) {
    gunichar c = g_utf8_get_char (at);

    if (++count > length) {
      g_string_append (shown, "...");
      break;
    }
    g_string_append_unichar (shown, g_unichar_isprint (c) ? c : '?');
  }
  return g_string_free (shown, FALSE);
}

char *
text_show (const char *text)
{
  return text_cut (text, SHOW_MAX);
}

const char *
text_cause (const GError *error)
{
  const char *last = g_strrstr (error->message, ": ");
  return last ? last + strlen (": ") : error->message;
}

bool
text_is_base_name (const char *name)
{
  return *name && *name != '.' && !strchr (name, G_DIR_SEPARATOR) && strlen (name) < FILE_NAME_MAX;
}

char *
text_number (double x)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  for (int digits = 15; digits <= 17; digits++) {
    char format[] = {'%', '.', '1', (char) ('0' + digits % 10), 'g', '\0'};

    g_ascii_formatd (text, sizeof text, format, x);
    if (g_ascii_strtod (text, NULL) == x)
      break;
  }
  return g_strdup (text);
}

const char *
text_plural (gint64 n)
{
  return n == 1 ? "" : "s";
}

static bool
same_letter (char a, char b)
{
  return g_ascii_tolower (a) == g_ascii_tolower (b);
}

/* The fewest insertions, deletions, replacements and swaps of neighbours that turn @a into @b (Levenshtein's distance
 * with Damerau's swaps, each place edited once). */
static guint
edit_distance (const char *a, const char *b)
{
  guint rows[3][NAME_MAX_LENGTH + 1];
  guint *before = rows[0], *last = rows[1], *row = rows[2]; /* of a[i - 2], a[i - 1], a[i] */
  guint b_length = (guint) strlen (b);

  for (guint j = 0; j <= b_length; j++)
    last[j] = j;
  for (guint i = 0; a[i] != '\0'; i++) {
    guint *spent = before;

    row[0] = i + 1;
    for (guint j = 0; j < b_length; j++) {
      row[j + 1] = MIN (last[j] + !same_letter (a[i], b[j]), MIN (row[j], last[j + 1]) + 1);
      if (i > 0 && j > 0 && same_letter (a[i], b[j - 1]) && same_letter (a[i - 1], b[j]))
        row[j + 1] = MIN (row[j + 1], before[j - 1] + 1);
    }
    before = last;
    last = row;
    row = spent;
  }
  return last[b_length];
}

/* The one of @names that begins with @text; NULL: none, or several. */
static const char *
only_longer (const char *text, size_t length, const char *const *names)
{
  const char *found = NULL;
  for (; *names != NULL; names++) {
    if (g_ascii_strncasecmp (*names, text, length) != 0)
      continue;
    if (found != NULL)
      return NULL;
    found = *names;
  }
  return found;
}

const char *
text_nearest (const char *text, const char *const *names)
{
  const char *const *all = names;
  const char *nearest = NULL;
  size_t length = strlen (text);
  guint best = (guint) (1 + length / 4); /* further away is no slip */

  if (length == 0 || length > NAME_MAX_LENGTH)
    return NULL;
  for (; *names != NULL; names++) {
    guint distance;

    if (strlen (*names) > NAME_MAX_LENGTH)
      continue;
    distance = edit_distance (text, *names);
    if (distance <= best && distance < strlen (*names)) {
      best = distance - (distance > 0);
      nearest = *names;
    }
  }
  return nearest != NULL || length < BEGINNING ? nearest : only_longer (text, length, all);
}
