/* SPDX-License-Identifier: Apache-2.0
 *
 * Inputs and names of results. */
#include "files.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <impasto/impasto.h>
#include <string.h>
#include <sys/stat.h>

static void
input_free (gpointer data)
{
  struct input *input = data;
  g_free (input->path);
  g_free (input->relative);
  g_clear_error (&input->error);
  g_free (input);
}

static struct input *
add_input (GPtrArray *inputs, const char *path, const char *relative)
{
  struct input *input = g_new0 (struct input, 1);
  input->path = g_strdup (path);
  input->relative = g_strdup (relative);
  g_ptr_array_add (inputs, input);
  return input;
}

static int
by_relative (gconstpointer a, gconstpointer b)
{
  return strcmp ((*(struct input *const *) a)->relative, (*(struct input *const *) b)->relative);
}

bool
same_file (const char *a, const char *b)
{
  GStatBuf x, y;
  return g_stat (a, &x) == 0 && g_stat (b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* An input without a picture, for the reason that @problem tells. */
static void
add_problem (GPtrArray *inputs, const char *path, const char *relative, const char *problem)
{
  g_set_error (&add_input (inputs, path, relative)->error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "%s: %s", path, problem);
}

/* Of a folder, for what stands last in a message of GLib: what is before it names the folder again. */
static void
add_unreadable (GPtrArray *inputs, const char *path, const char *relative, const GError *error)
{
  const char *last = g_strrstr (error->message, ": ");
  g_autofree char *problem = g_strdup_printf ("cannot be read%s", last ? last : "");
  add_problem (inputs, path, relative, problem);
}

/* Hidden files are left alone; links to folders are not followed, so that the walk ends; nor is the folder of the
 * results, or they would be painted the next time. */
static void
collect_folder (GPtrArray *inputs, const char *folder, const char *below, bool recursive, const char *output)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDir) dir = g_dir_open (folder, 0, &error);
  if (!dir)
    add_unreadable (inputs, folder, below ? below : "", error);
  for (const char *name; dir && (name = g_dir_read_name (dir));) {
    g_autofree char *path = g_build_filename (folder, name, NULL);
    g_autofree char *relative = below ? g_build_filename (below, name, NULL) : g_strdup (name);
    GStatBuf status;
    if (*name == '.' || g_lstat (path, &status) != 0)
      continue;
    if (S_ISDIR (status.st_mode)) {
      if (recursive && !same_file (path, output))
        collect_folder (inputs, path, relative, true, output);
    } else if (impasto_picture_has_extension (name) && g_file_test (path, G_FILE_TEST_IS_REGULAR))
      add_input (inputs, path, relative);
  }
}

GPtrArray *
inputs_collect (char **words, bool recursive, const char *output)
{
  GPtrArray *inputs = g_ptr_array_new_with_free_func (input_free);
  for (; *words; words++) {
    if (!g_file_test (*words, G_FILE_TEST_IS_DIR)) {
      g_autofree char *base = g_path_get_basename (*words);
      add_input (inputs, *words, base);
      continue;
    }
    g_autoptr (GPtrArray) found = g_ptr_array_new_with_free_func (input_free);
    collect_folder (found, *words, NULL, recursive, output);
    if (found->len == 0)
      add_problem (found, *words, "",
                   recursive ? "no pictures in this folder" : "no pictures in this folder; --recursive looks below it");
    for (guint i = 0; i < found->len; i++)
      ((struct input *) found->pdata[i])->found = true;
    g_ptr_array_sort (found, by_relative);
    g_ptr_array_extend_and_steal (inputs, g_steal_pointer (&found));
  }
  return inputs;
}

/* "jpg" and "JPEG" are, "tif" and "tiff", "heic" and "heif": each format has a first letter of its own. */
static bool
same_format (const char *a, const char *b)
{
  return g_ascii_strncasecmp (a, b, 1) == 0;
}

bool
naming_init (struct naming *naming, const GPtrArray *inputs, char **words, GError **error)
{
  const char *output = naming->output;
  naming->taken = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_autofree char *sample = g_strconcat ("x.", naming->format, NULL);
  if (*naming->format && !impasto_picture_has_extension (sample)) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE,
                 "--format wants png, jpg, webp, tif, avif or heic, not '%s'", naming->format);
    return false;
  }
  if (naming->suffix && strchr (naming->suffix, G_DIR_SEPARATOR)) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE,
                 "--suffix is a part of a name, not '%s'; -o DIR/ chooses the folder", naming->suffix);
    return false;
  }
  const char *dot = strrchr (output, '.');
  if (*naming->format && impasto_picture_has_extension (output) && !same_format (dot + 1, naming->format)) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "-o %s and --format %s contradict each other", output,
                 naming->format);
    return false;
  }
  bool many = inputs->len > 1;
  for (char **word = words; *word; word++)
    many |= g_file_test (*word, G_FILE_TEST_IS_DIR);
  bool is_folder = *output && (g_str_has_suffix (output, "/") || g_file_test (output, G_FILE_TEST_IS_DIR));
  naming->folder = is_folder || (many && *output);
  if (many && !is_folder && (g_file_test (output, G_FILE_TEST_EXISTS) || impasto_picture_has_extension (output))) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE,
                 "several pictures go into a folder, but -o names the file %s", output);
    return false;
  }
  return true;
}

void
naming_clear (struct naming *naming)
{
  g_clear_pointer (&naming->taken, g_hash_table_unref);
  g_clear_pointer (&naming->sources, g_strfreev);
}

/* "sub/photo.jpg" -> "sub/photo" SUFFIX ".jpg" */
static char *
made_name (const struct naming *naming, const struct input *input)
{
  const char *slash = strrchr (input->relative, G_DIR_SEPARATOR), *dot = strrchr (slash ? slash : input->relative, '.');
  bool keeps = dot && impasto_picture_has_extension (input->relative);
  g_autofree char *stem =
    dot && dot != input->relative ? g_strndup (input->relative, dot - input->relative) : g_strdup (input->relative);
  g_autofree char *suffix = naming->suffix   ? g_strdup (naming->suffix)
                            : naming->folder ? g_strdup ("")
                                             : g_strconcat ("-", naming->style, NULL);
  g_autofree char *name = g_strconcat (stem, suffix, ".",
                                       *naming->format ? naming->format
                                       : keeps         ? dot + 1
                                                       : "png",
                                       NULL);
  return naming->folder ? g_build_filename (naming->output, name, NULL) : g_steal_pointer (&name);
}

static bool refuse (GError **error, const char *format, ...) G_GNUC_PRINTF (2, 3);

static bool
refuse (GError **error, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_propagate_error (error, g_error_new_valist (IMPASTO_ERROR, IMPASTO_ERROR_OUTPUT, format, args));
  va_end (args);
  return false;
}

/* Whether the folder of @path can be written to; made when it is not there and @make. */
static bool
check_place (const char *path, bool make, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (path);
  if (g_file_test (folder, G_FILE_TEST_EXISTS))
    return impasto_picture_can_save (path, error);
  g_autofree char *base = g_path_get_basename (path);
  if (!impasto_picture_has_extension (path))
    return impasto_picture_can_save (base, error);
  if (make && g_mkdir_with_parents (folder, 0777) != 0)
    return refuse (error, "cannot make the folder %s: %s", folder, g_strerror (errno));
  return true;
}

static bool
is_source (const struct naming *naming, const char *path)
{
  bool found = naming->replayed && same_file (path, naming->replayed);
  for (char **source = naming->sources; source && *source; source++)
    found |= same_file (path, *source);
  return found;
}

char *
naming_result (struct naming *naming, const struct input *input, bool make, bool *exists, GError **error)
{
  *exists = false;
  if (input->error) {
    g_propagate_error (error, g_error_copy (input->error));
    return NULL;
  }
  bool named = *naming->output && !naming->folder;
  g_autofree char *path = named ? g_strdup (naming->output) : made_name (naming, input);
  const char *other = g_hash_table_lookup (naming->taken, path);
  if (same_file (path, input->path))
    return refuse (error,
                   "%s: the painting would replace the photograph itself; choose another name with -o or --suffix",
                   path),
           NULL;
  if (is_source (naming, path))
    return refuse (error,
                   "%s: the painting would replace what it is painted by; choose another name with -o or --suffix",
                   path),
           NULL;
  if (other)
    return refuse (error, "%s: would be written twice, for %s and for %s; --suffix or other folders keep them apart",
                   path, other, input->path),
           NULL;
  if (!named && !naming->overwrite && g_file_test (path, G_FILE_TEST_EXISTS)) {
    *exists = true;
    return refuse (error, "%s is there already; --overwrite replaces it", path), NULL;
  }
  if (named) { /* its folder must be there: a typing error should not make one */
    if (!impasto_picture_can_save (path, error))
      return NULL;
  } else if (!check_place (path, make, error))
    return NULL;
  g_hash_table_insert (naming->taken, g_strdup (path), g_strdup (input->path));
  return g_steal_pointer (&path);
}

guint
naming_leave_results (const struct naming *naming, GPtrArray *inputs)
{
  g_autoptr (GHashTable) results = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  guint before = inputs->len;
  for (guint i = 0; i < inputs->len; i++) {
    const struct input *input = inputs->pdata[i];
    if (input->error)
      continue;
    g_autofree char *name = made_name (naming, input);
    g_hash_table_add (results, g_canonicalize_filename (name, NULL));
  }
  for (guint i = inputs->len; i-- > 0;) {
    const struct input *input = inputs->pdata[i];
    if (input->error)
      continue;
    g_autofree char *path = g_canonicalize_filename (input->path, NULL), *name = made_name (naming, input);
    g_autofree char *own = g_canonicalize_filename (name, NULL);
    if (input->found && !g_str_equal (own, path) && g_hash_table_contains (results, path))
      g_ptr_array_remove_index (inputs, i);
  }
  return before - inputs->len;
}

guint
inputs_leave_paintings (GPtrArray *inputs)
{
  guint before = inputs->len;
  for (guint i = inputs->len; i-- > 0;) {
    const struct input *input = inputs->pdata[i];
    if (input->found && !input->error && impasto_picture_is_painting (input->path))
      g_ptr_array_remove_index (inputs, i);
  }
  return before - inputs->len;
}
