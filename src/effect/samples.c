/* SPDX-License-Identifier: Apache-2.0
 *
 * Pictures one by one; see samples.h. */
#include "effect/samples.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "format/idx.h"
#include "image/picture.h"
#include "impasto/error.h"

static bool
is_idx (const char *path)
{
  return g_str_has_suffix (path, ".idx") || g_str_has_suffix (path, "idx3-ubyte");
}

bool
samples_wanted (const char *path)
{
  return is_idx (path) || g_str_has_suffix (path, "/") || g_file_test (path, G_FILE_TEST_IS_DIR);
}

static bool
is_empty (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  return !dir || !g_dir_read_name (dir);
}

static int
largest_label (const struct samples *samples)
{
  int largest = 0;
  for (int64_t i = 0; i < samples->n; i++)
    largest = MAX (largest, samples->labels[i]);
  return largest;
}

bool
samples_check (const struct samples *samples, const char *path, bool overwrite, GError **error)
{
  g_autofree char *labels = is_idx (path) ? idx_labels_path (path) : NULL;
  if (is_idx (path) && !samples->grey)
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE,
                 "%s: IDX files hold grey pictures, these have colours; name a folder, as in drawn/", path);
  else if (is_idx (path) && samples->labels && !labels)
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE,
                 "%s: pictures of classes want a name that tells that of their labels: drawn-images-idx3-ubyte", path);
  else if (is_idx (path) && samples->labels && largest_label (samples) > 255)
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "%s: IDX files hold classes up to 255; name a folder",
                 path);
  else if (!is_idx (path) && !overwrite && !is_empty (path))
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_OUTPUT, "%s is not empty; --overwrite draws into it", path);
  else
    return true;
  return false;
}

static uint8_t
byte_of (float x)
{
  return (uint8_t) lrintf (255 * fminf (fmaxf (x, 0), 1));
}

static bool
save_labels (const struct samples *samples, const char *path, GError **error)
{
  g_autofree char *beside = idx_labels_path (path);
  g_autoptr (tensor) labels = tensor_new (SHAPE (samples->n), DTYPE_U8, error);
  if (!labels)
    return false;
  for (int64_t i = 0; i < samples->n; i++)
    ((uint8_t *) labels->data)[i] = (uint8_t) samples->labels[i];
  return idx_save (labels, beside, error);
}

static bool
save_idx (const struct samples *samples, const char *path, GError **error)
{
  int64_t plane = samples->height * samples->width;
  g_autoptr (tensor) pictures = tensor_new (SHAPE (samples->n, samples->height, samples->width), DTYPE_U8, error);
  if (!pictures)
    return false;
  for (int64_t i = 0; i < samples->n; i++)
    for (int64_t k = 0; k < plane; k++)
      ((uint8_t *) pictures->data)[i * plane + k] = byte_of (samples->pictures[3 * i * plane + k]);
  return (!samples->labels || save_labels (samples, path, error)) && idx_save (pictures, path, error);
}

/* A model may come from anywhere: what leads elsewhere, is hidden or no name at all makes no folder. */
static bool
is_folder_name (const char *name)
{
  return *name && *name != '.' && !strchr (name, '/') && strlen (name) < 200;
}

/* Whether each class has a folder of its own by its name. */
static bool
name_folders (const char *const *names)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
  for (; names && *names; names++)
    if (!is_folder_name (*names) || !g_hash_table_add (seen, (gpointer) *names))
      return false;
  return true;
}

/* The folder of picture @i, made; @names of classes, or NULL: their numbers. */
static char *
folder_of (const struct samples *samples, const char *const *names, const char *path, int64_t i, GError **error)
{
  int number = samples->labels ? samples->labels[i] : 0;
  g_autofree char *class = !samples->labels ? NULL : names ? g_strdup (names[number]) : g_strdup_printf ("%d", number);
  g_autofree char *folder = class ? g_build_filename (path, class, NULL) : g_strdup (path);
  if (g_mkdir_with_parents (folder, 0777) == 0)
    return g_steal_pointer (&folder);
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_OUTPUT, "%s: %s", folder, g_strerror (errno));
  return NULL;
}

static bool
save_folder (const struct samples *samples, const char *path, GError **error)
{
  int64_t floats = 3 * samples->height * samples->width;
  const char *const *names = name_folders (samples->names) ? samples->names : NULL;
  g_autoptr (picture) picture = picture_new ((int) samples->width, (int) samples->height, false, error);
  if (!picture)
    return false;
  picture->was_grey = samples->grey;
  for (int64_t i = 0; i < samples->n; i++) {
    g_autofree char *folder = folder_of (samples, names, path, i, error);
    if (!folder)
      return false;
    g_autofree char *file = g_strdup_printf ("%s/%06d.png", folder, (int) i);
    memcpy (picture->rgb, samples->pictures + i * floats, (size_t) floats * sizeof (float));
    if (!picture_save (picture, file, NULL, error))
      return false;
  }
  return true;
}

bool
samples_save (const struct samples *samples, const char *path, GError **error)
{
  return is_idx (path) ? save_idx (samples, path, error) : save_folder (samples, path, error);
}
