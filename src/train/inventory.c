/* SPDX-License-Identifier: Apache-2.0
 *
 * Inventories; see inventory.h. */
#include "train/inventory.h"

#include <string.h>
#include <sys/stat.h>

void
inventory_add (GString *inventory, const char *path, int64_t size, int64_t time)
{
  g_autofree char *absolute = g_canonicalize_filename (path, NULL), *line = g_strescape (absolute, NULL);
  g_string_append_printf (inventory, "%" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %s\n", size, time, line);
}

void
inventory_add_file (GString *inventory, const char *path)
{
  struct stat file;
  if (stat (path, &file) == 0 && S_ISREG (file.st_mode))
    inventory_add (inventory, path, file.st_size, file.st_mtime);
}

/* Name of a line, behind two numbers, or NULL: no line of an inventory. */
static const char *
name_of (const char *line)
{
  const char *space = strchr (line, ' ');
  space = space ? strchr (space + 1, ' ') : NULL;
  return space ? space + 1 : NULL;
}

/* Lines of an inventory; those of earlier versions have names as their users typed them. */
static char **
lines_of (const char *text)
{
  char **lines = g_strsplit (text, "\n", -1);
  for (char **line = lines; *line; line++) {
    const char *name = name_of (*line);
    if (!name || *name == '/')
      continue;
    g_autofree char *path = g_strcompress (name), *absolute = g_canonicalize_filename (path, NULL),
                    *escaped = g_strescape (absolute, NULL), *before = *line;
    *line = g_strdup_printf ("%.*s%s", (int) (name - before), before, escaped);
  }
  return lines;
}

struct change {
  const char *one, *several;
  guint n;
  const char *first; /* by name */
};

static void
count (struct change *change, const char *name)
{
  if (change->n++ == 0 || strcmp (name, change->first) < 0)
    change->first = name;
}

char *
inventory_difference (const char *was, const char *is)
{
  struct change come = {"file has come", "files have come"}, gone = {"is gone", "are gone"},
                other = {"is another", "are others"};
  g_auto (GStrv) before = lines_of (was), now = lines_of (is);
  g_autoptr (GHashTable) lines = g_hash_table_new (g_str_hash, g_str_equal);

  for (char **line = before; *line; line++)
    if (name_of (*line))
      g_hash_table_insert (lines, (gpointer) name_of (*line), *line);
  for (char **line = now; *line; line++) {
    const char *name = name_of (*line), *old = name ? g_hash_table_lookup (lines, name) : NULL;
    if (!name)
      continue;
    if (!old)
      count (&come, name);
    else if (!g_str_equal (old, *line))
      count (&other, name);
    g_hash_table_remove (lines, name);
  }
  GHashTableIter iter;
  gpointer name;
  g_hash_table_iter_init (&iter, lines);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    count (&gone, name);

  const struct change *changes[] = {&come, &gone, &other};
  GString *text = g_string_new (NULL);
  for (guint i = 0; i < G_N_ELEMENTS (changes); i++) {
    const struct change *change = changes[i];
    if (change->n > 0)
      g_string_append_printf (text, "%s%u %s (%s%s)", text->len ? ", " : "", change->n,
                              change->n == 1 ? change->one : change->several, change->first,
                              change->n == 1 ? "" : " and others");
  }
  return g_string_free (text, text->len == 0);
}
