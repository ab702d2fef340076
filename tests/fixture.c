/* SPDX-License-Identifier: Apache-2.0
 *
 * What tests share; see fixture.h. */
#include "fixture.h"

#include <glib/gstdio.h>
#include <string.h>

char *folder;

char *
file (const char *name)
{
  return g_build_filename (folder, name, NULL);
}

guint
count_files (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  guint n = 0;
  g_assert_nonnull (dir);
  while (g_dir_read_name (dir))
    n++;
  return n;
}

void
folder_make (void)
{
  folder = g_dir_make_tmp ("impasto-test-XXXXXX", NULL);
  g_assert_nonnull (folder);
}

static void
remove_tree (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  for (const char *name; dir && (name = g_dir_read_name (dir));) {
    g_autofree char *below = g_build_filename (path, name, NULL);
    if (g_file_test (below, G_FILE_TEST_IS_DIR))
      remove_tree (below);
    else
      g_unlink (below);
  }
  g_rmdir (path);
}

void
folder_remove (void)
{
  remove_tree (folder);
  g_clear_pointer (&folder, g_free);
}

void
check_error (GError *error, int code, const char *text)
{
  g_assert_error (error, IMPASTO_ERROR, code);
  if (!strstr (error->message, text) || strpbrk (error->message, "\r\n") || strlen (error->message) > 600)
    g_error ("message is \"%s\", wanted \"%s\" in it", error->message, text);
}
