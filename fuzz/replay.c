/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs a fuzz target over the files of the folders and files named, without a fuzzer: the corpus as a test, and the way
 * to repeat a finding under a debugger. Prints TAP. */
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

/* A copy of exactly the file's size, so that a sanitizer sees the end. */
static bool
replay (const char *path, int number)
{
  g_autofree char *text = NULL;
  g_autofree uint8_t *data = NULL;
  gsize size;

  if (!g_file_get_contents (path, &text, &size, NULL)) {
    printf ("not ok %d - cannot read %s\n", number, path);
    return false;
  }
  data = g_memdup2 (text, size);
  LLVMFuzzerTestOneInput (data, size);
  printf ("ok %d - %s\n", number, path);
  return true;
}

static void
add_paths (GPtrArray *paths, const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  if (dir == NULL)
    g_ptr_array_add (paths, g_strdup (path));
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    g_ptr_array_add (paths, g_build_filename (path, name, NULL));
}

int
main (int argc, char **argv)
{
  g_autoptr (GPtrArray) paths = g_ptr_array_new_with_free_func (g_free);
  bool good;

  for (int i = 1; i < argc; i++)
    add_paths (paths, argv[i]);
  good = paths->len > 0;
  printf ("1..%u\n", MAX (paths->len, 1));
  if (!good)
    printf ("not ok 1 - no files\n");
  for (guint i = 0; i < paths->len; i++)
    good = replay (g_ptr_array_index (paths, i), (int) i + 1) && good;
  return good ? 0 : 1;
}
