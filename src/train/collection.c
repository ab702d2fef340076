/* SPDX-License-Identifier: Apache-2.0
 *
 * Collections: listing folders, folders of classes, and IDX files. */
#include "train/collection.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "format/idx.h"
#include "image/picture.h"
#include "impasto/error.h"
#include "train/inventory.h"

#define DEPTH_MAX 32 /* of folders below the first */

struct item {
  char *path;
  int64_t size, time; /* of the file: bytes, seconds since 1970 */
  int label;
};

/* What a listing passed by. */
struct passed {
  guint files, folders;
  char *example;     /* of the files */
  GPtrArray *unread; /* "path: why" of what is a picture by name and no file that could be read */
};

struct collection {
  char *path;       /* the place; of IDX: the file */
  GPtrArray *items; /* struct item *, by path; empty for IDX */
  GPtrArray *names; /* of classes */
  GPtrArray *notes;
  struct passed passed;
  guint beside;                     /* pictures beside the class folders */
  struct tensor *pictures, *labels; /* of IDX: (n,h,w), (n) or NULL */
  char *labels_path;
};

static void
item_free (gpointer data)
{
  struct item *item = data;

  g_free (item->path);
  g_free (item);
}

static int
compare_items (gconstpointer a, gconstpointer b)
{
  const struct item *const *x = a, *const *y = b;

  return strcmp ((*x)->path, (*y)->path);
}

/* Folders */

static GDir *
open_folder (const char *path, GError **error)
{
  g_autoptr (GError) local = NULL;
  GDir *dir = g_dir_open (path, 0, &local);

  if (!dir) {
    const char *why = g_error_matches (local, G_FILE_ERROR, G_FILE_ERROR_NOENT)    ? "it does not exist"
                      : g_error_matches (local, G_FILE_ERROR, G_FILE_ERROR_NOTDIR) ? "it is no folder"
                                                                                   : text_cause (local);
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "%s: no photographs can be read from it: %s", path, why);
  }
  return dir;
}

static void
pass_by (struct passed *passed, const char *name, bool is_folder)
{
  passed->folders += is_folder;
  passed->files += !is_folder;
  if (!is_folder && (!passed->example || strcmp (name, passed->example) < 0)) {
    g_free (passed->example);
    passed->example = g_strdup (name);
  }
}

/* Something that no picture can be read from; @problem is the errno of looking at it, or 0. Told of where its name
 * promises one. */
static void
pass_unread (struct passed *passed, const char *path, const char *name, int problem)
{
  if (!picture_can_save (name, NULL)) {
    pass_by (passed, name, false);
    return;
  }
  const char *why = problem == ENOENT ? "a link that leads nowhere"
                    : problem         ? g_strerror (problem)
                                      : "no file but a pipe, a socket or a device";
  g_ptr_array_add (passed->unread, g_strdup_printf ("%s: %s", path, why));
}

/* Adds the pictures of a folder to @items, and of those below. */
static bool
list_pictures (GPtrArray *items, const char *path, bool recursive, int label, int depth, struct passed *passed,
               GError **error)
{
  g_autoptr (GDir) dir = open_folder (path, error);
  const char *name;

  if (!dir)
    return false;
  while ((name = g_dir_read_name (dir)) != NULL) {
    g_autofree char *full = g_build_filename (path, name, NULL);
    struct stat link, file;

    if (name[0] == '.' || lstat (full, &link) != 0)
      continue;
    int problem = stat (full, &file) == 0 ? 0 : errno;
    if (problem || !(S_ISREG (file.st_mode) || S_ISDIR (file.st_mode))) {
      pass_unread (passed, full, name, problem);
      continue;
    }
    if (S_ISREG (file.st_mode) && picture_can_save (name, NULL)) {
      struct item *item = g_new (struct item, 1);
      *item =
        (struct item){.path = g_steal_pointer (&full), .size = file.st_size, .time = file.st_mtime, .label = label};
      g_ptr_array_add (items, item);
    } else if (S_ISDIR (link.st_mode) && recursive && depth < DEPTH_MAX) {
      if (!list_pictures (items, full, recursive, label, depth + 1, passed, error))
        return false;
    } else {
      pass_by (passed, name, S_ISDIR (file.st_mode));
    }
  }
  return true;
}

/* A picture's file as a set of one. */
static void
list_picture (GPtrArray *items, const char *path)
{
  struct stat file;

  if (stat (path, &file) != 0)
    return;
  struct item *item = g_new (struct item, 1);
  *item = (struct item){.path = g_strdup (path), .size = file.st_size, .time = file.st_mtime};
  g_ptr_array_add (items, item);
}

static bool
is_number (const char *text)
{
  return *text != '\0' && text[strspn (text, "0123456789")] == '\0';
}

/* Numbers before words, by their value. */
static int
compare_classes (gconstpointer a, gconstpointer b)
{
  const char *x = *(const char *const *) a, *y = *(const char *const *) b;

  if (is_number (x) != is_number (y))
    return is_number (x) ? -1 : 1;
  if (is_number (x)) {
    uint64_t u = g_ascii_strtoull (x, NULL, 10), v = g_ascii_strtoull (y, NULL, 10);
    if (u != v)
      return u < v ? -1 : 1;
  }
  return strcmp (x, y);
}

/* Names of the folders in a folder, as classes are ordered. */
static GPtrArray *
list_folders (const char *path, GError **error)
{
  g_autoptr (GDir) dir = open_folder (path, error);
  const char *name;

  if (!dir)
    return NULL;
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  while ((name = g_dir_read_name (dir)) != NULL) {
    g_autofree char *full = g_build_filename (path, name, NULL);
    struct stat link;

    if (name[0] != '.' && lstat (full, &link) == 0 && S_ISDIR (link.st_mode))
      g_ptr_array_add (names, g_strdup (name));
  }
  g_ptr_array_sort (names, compare_classes);
  return names;
}

static void note (struct collection *collection, const char *format, ...) G_GNUC_PRINTF (2, 3);

static void
note (struct collection *collection, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  g_ptr_array_add (collection->notes, g_strdup_vprintf (format, args));
  va_end (args);
}

static bool
list_classes (struct collection *collection, GError **error)
{
  g_autoptr (GPtrArray) folders = list_folders (collection->path, error);
  g_autoptr (GPtrArray) beside = g_ptr_array_new_with_free_func (item_free);

  if (!folders || !list_pictures (beside, collection->path, false, 0, 0, &collection->passed, error))
    return false;
  collection->passed.folders = 0; /* those are the classes */
  for (guint k = 0; k < folders->len; k++) {
    g_autofree char *full = g_build_filename (collection->path, folders->pdata[k], NULL);
    guint before = collection->items->len;

    if (!list_pictures (collection->items, full, true, (int) collection->names->len, 1, &collection->passed, error))
      return false;
    if (collection->items->len > before)
      g_ptr_array_add (collection->names, g_strdup (folders->pdata[k]));
    else
      note (collection, "%s: holds no pictures, hence is no class", full);
  }
  if (collection->names->len == 0) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT,
                 "%s: holds no folders of pictures; each folder in it is to be one class", collection->path);
    return false;
  }
  bool one = beside->len == 1;
  collection->beside = beside->len;
  if (beside->len > 0)
    note (collection, "%s: %u picture%s beside the class folders and %s left out: %s%s", collection->path, beside->len,
          one ? " lies" : "s lie", one ? "is" : "are", ((struct item *) beside->pdata[0])->path,
          one ? "" : " and others");
  return true;
}

/* IDX */

/* "train-images-idx3-ubyte", "t10k-images.idx3-ubyte.gz". */
static bool
is_idx_name (const char *name)
{
  return g_str_has_suffix (name, "idx3-ubyte") || g_str_has_suffix (name, "idx3-ubyte.gz");
}

static bool
is_idx_file (const char *path)
{
  FILE *file = fopen (path, "rbe");
  uint8_t head[4];
  bool is = file && fread (head, 1, sizeof head, file) == sizeof head && idx_matches (head, sizeof head);

  if (file)
    fclose (file);
  return is;
}

/* The IDX file that a path means: itself, or one in the folder. NULL without an error: none. */
static char *
find_idx (const char *path, GError **error)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  g_autofree char *found = NULL;
  const char *name;
  bool two = false;

  if (!dir)
    return g_file_test (path, G_FILE_TEST_IS_REGULAR) && is_idx_file (path) ? g_strdup (path) : NULL;
  while ((name = g_dir_read_name (dir)) != NULL) {
    if (!is_idx_name (name))
      continue;
    bool train = g_str_has_prefix (name, "train");
    if (found && g_str_has_prefix (found, "train") == train)
      two = true;
    else if (!found || train) {
      g_free (found);
      found = g_strdup (name);
      two = false;
    }
  }
  if (!two)
    return found ? g_build_filename (path, found, NULL) : NULL;
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "%s: holds several IDX files of pictures; name one of them",
               path);
  return NULL;
}

/* The labels beside the pictures: compressed or not, whatever those are. NULL when there are none. */
static char *
find_labels (const char *pictures)
{
  g_autofree char *name = idx_labels_path (pictures);

  if (!name)
    return NULL;
  if (g_str_has_suffix (name, ".gz"))
    name[strlen (name) - 3] = '\0';
  for (int k = 0; k < 2; k++) {
    g_autofree char *full = g_strconcat (name, k ? ".gz" : "", NULL);
    if (g_file_test (full, G_FILE_TEST_IS_REGULAR))
      return g_steal_pointer (&full);
  }
  return NULL;
}

/* Pictures and labels are looked at before they are loaded: a small file may unpack to very much. */
static struct tensor *
load_probed (const char *path, const struct shape *shape, GError **error)
{
  g_autoptr (tensor) tensor = idx_load (path, error);
  if (!tensor || shape_equal (&tensor->shape, shape))
    return g_steal_pointer (&tensor);
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "%s: has changed while it was read", path);
  return NULL;
}

static bool
load_labels (struct collection *collection, int64_t n, GError **error)
{
  const char *path = collection->labels_path;
  struct shape shape;
  if (!idx_probe (path, &shape, error))
    return false;
  if (shape.rank == 1 && shape.dim[0] == n)
    return (collection->labels = load_probed (path, &shape, error)) != NULL;
  g_autofree char *text = shape_text (&shape);
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT,
               "%s: holds labels of shape %s, its %" G_GINT64_FORMAT " pictures want one each", path, text, n);
  return false;
}

static bool
open_labels (struct collection *collection, GError **error)
{
  int64_t n = collection->pictures->shape.dim[0];
  int most = 0;

  collection->labels_path = find_labels (collection->path);

  if (!collection->labels_path) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT,
                 "%s: the file of its labels is not beside it: the same name with labels-idx1 for images-idx3",
                 collection->path);
    return false;
  }
  if (!load_labels (collection, n, error))
    return false;
  for (int64_t i = 0; i < n; i++)
    most = MAX (most, ((const uint8_t *) collection->labels->data)[i]);
  for (int k = 0; k <= most; k++)
    g_ptr_array_add (collection->names, g_strdup_printf ("%d", k));
  return true;
}

static bool
open_idx (struct collection *collection, bool classes, GError **error)
{
  struct shape shape;
  if (!idx_probe (collection->path, &shape, error))
    return false;
  if (shape.rank != 3 || shape.dim[0] > G_MAXINT || shape.dim[1] > G_MAXINT16 || shape.dim[2] > G_MAXINT16) {
    g_autofree char *text = shape_text (&shape);
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT,
                 "%s: its shape is %s, pictures want (number, height, width), sides up to %d", collection->path, text,
                 G_MAXINT16);
    return false;
  }
  collection->pictures = load_probed (collection->path, &shape, error);
  return collection->pictures && (!classes || open_labels (collection, error));
}

/* The rest */

static int
compare_lines (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

struct collection *
collection_open (const char *path, const struct collection_options *options, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autofree char *idx = find_idx (path, &local);
  g_autoptr (collection) collection = g_new0 (struct collection, 1);
  bool ok = local == NULL;

  collection->path = g_strdup (idx ? idx : path);
  collection->items = g_ptr_array_new_with_free_func (item_free);
  collection->names = g_ptr_array_new_with_free_func (g_free);
  collection->notes = g_ptr_array_new_with_free_func (g_free);
  collection->passed.unread = g_ptr_array_new_with_free_func (g_free);
  if (ok && idx)
    ok = open_idx (collection, options->classes, &local);
  else if (ok && options->classes)
    ok = list_classes (collection, &local);
  else if (ok && options->file && g_file_test (path, G_FILE_TEST_IS_REGULAR))
    list_picture (collection->items, path);
  else if (ok)
    ok = list_pictures (collection->items, path, options->recursive, 0, 0, &collection->passed, &local);
  if (!ok) {
    g_propagate_error (error, g_steal_pointer (&local));
    return NULL;
  }
  g_ptr_array_sort (collection->items, compare_items);
  g_ptr_array_add (collection->notes, NULL);
  g_ptr_array_sort (collection->passed.unread, compare_lines);
  g_ptr_array_add (collection->passed.unread, NULL);
  return g_steal_pointer (&collection);
}

void
collection_free (struct collection *collection)
{
  if (!collection)
    return;
  g_ptr_array_unref (collection->items);
  g_ptr_array_unref (collection->names);
  g_ptr_array_unref (collection->notes);
  g_ptr_array_unref (collection->passed.unread);
  g_clear_pointer (&collection->pictures, tensor_unref);
  g_clear_pointer (&collection->labels, tensor_unref);
  g_free (collection->passed.example);
  g_free (collection->labels_path);
  g_free (collection->path);
  g_free (collection);
}

guint
collection_count (const struct collection *collection)
{
  return collection->pictures ? (guint) collection->pictures->shape.dim[0] : collection->items->len;
}

const char *
collection_path (const struct collection *collection, guint i)
{
  return collection->pictures ? NULL : ((const struct item *) collection->items->pdata[i])->path;
}

char *
collection_name (const struct collection *collection, guint i)
{
  if (collection->pictures)
    return g_strdup_printf ("%s picture %u", collection->path, i);
  return g_strdup (collection_path (collection, i));
}

bool
collection_extent (const struct collection *collection, int *width, int *height)
{
  if (!collection->pictures)
    return false;
  *height = (int) collection->pictures->shape.dim[1];
  *width = (int) collection->pictures->shape.dim[2];
  return true;
}

int
collection_classes (const struct collection *collection)
{
  return (int) collection->names->len;
}

int
collection_label (const struct collection *collection, guint i)
{
  if (collection->pictures)
    return collection->labels ? ((const uint8_t *) collection->labels->data)[i] : 0;
  return ((const struct item *) collection->items->pdata[i])->label;
}

int
collection_classes_met (const struct collection *collection)
{
  int classes = collection_classes (collection), met = 0;
  g_autofree bool *seen = g_new0 (bool, classes + 1);
  for (guint i = 0; classes > 0 && i < collection_count (collection); i++) {
    int label = collection_label (collection, i);
    met += !seen[label];
    seen[label] = true;
  }
  return met;
}

const char *
collection_class_name (const struct collection *collection, int k)
{
  return collection->names->pdata[k];
}

struct bitmap *
collection_load (const struct collection *collection, guint i, int short_side, GError **error)
{
  int width, height;

  if (!collection_extent (collection, &width, &height))
    return bitmap_load (collection_path (collection, i), short_side, 0, error);
  const uint8_t *pictures = collection->pictures->data;
  return bitmap_from_grey (pictures + (size_t) i * (size_t) width * (size_t) height, width, height, error);
}

void
collection_inventory (const struct collection *collection, GString *inventory)
{
  for (guint i = 0; i < collection->items->len; i++) {
    const struct item *item = collection->items->pdata[i];
    inventory_add (inventory, item->path, item->size, item->time);
  }
  if (collection->pictures)
    inventory_add_file (inventory, collection->path);
  if (collection->labels_path)
    inventory_add_file (inventory, collection->labels_path);
}

const char *const *
collection_notes (const struct collection *collection)
{
  return (const char *const *) collection->notes->pdata;
}

const char *const *
collection_unread (const struct collection *collection)
{
  return (const char *const *) collection->passed.unread->pdata;
}

guint
collection_beside (const struct collection *collection)
{
  return collection->beside;
}

char *
collection_others (const struct collection *collection)
{
  const struct passed *passed = &collection->passed;
  g_autofree char *files =
    passed->files
      ? g_strdup_printf ("%u %s by name, such as %s", passed->files,
                         passed->files == 1 ? "file is no picture" : "files are no pictures", passed->example)
      : NULL;
  g_autofree char *folders = passed->folders ? g_strdup_printf ("%u %s not looked into", passed->folders,
                                                                passed->folders == 1 ? "folder is" : "folders are")
                                             : NULL;

  if (files && folders)
    return g_strdup_printf ("%s; %s", files, folders);
  return files ? g_steal_pointer (&files) : g_steal_pointer (&folders);
}
