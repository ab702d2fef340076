/* SPDX-License-Identifier: Apache-2.0
 *
 * The search for styles. Looking for a name reads the manifests only; the weights of one pack are loaded when it is
 * found. */
#include "effect/styles.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "image/picture.h"
#include "net/manifest.h"
#include "train/run_pack.h"
#include "train/runs.h"

#define PACK_SUFFIX ".safetensors"
#define READ_BYTES (1 << 16)
#define RUNS "runs" /* where runs are by themselves */
#define LEVELS_UP 4 /* from the program's folder to where models/ may be: build/apps/cli, and the folder itself */

static void
add_folder (GPtrArray *folders, char *folder)
{
  if (g_file_test (folder, G_FILE_TEST_IS_DIR) &&
      !g_ptr_array_find_with_equal_func (folders, folder, g_str_equal, NULL))
    g_ptr_array_add (folders, folder);
  else
    g_free (folder);
}

/* models/ in the program's folder and in those around it, then share/ of the place it is installed in. */
static void
add_program_folders (GPtrArray *folders)
{
  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *folder = program ? g_path_get_dirname (program) : NULL;
  if (!folder)
    return;
  g_autofree char *share = g_build_filename (folder, "..", "share", "impasto", "models", NULL);
  for (int i = 0; i < LEVELS_UP; i++) {
    add_folder (folders, g_build_filename (folder, "models", NULL));
    char *up = g_path_get_dirname (folder);
    g_free (folder);
    folder = up;
  }
  add_folder (folders, g_canonicalize_filename (share, NULL));
}

char **
impasto_style_folders (void)
{
  g_autoptr (GPtrArray) folders = g_ptr_array_new ();
  const char *variable = g_getenv ("IMPASTO_MODELS");
  g_auto (GStrv) named = g_strsplit (variable ? variable : "", ":", -1);
  for (char **name = named; *name; name++)
    add_folder (folders, g_strdup (*name));
  if (!variable) {
    add_folder (folders, g_build_filename (g_get_user_data_dir (), "impasto", "models", NULL));
    add_program_folders (folders);
    for (const char *const *data = g_get_system_data_dirs (); *data; data++)
      add_folder (folders, g_build_filename (*data, "impasto", "models", NULL));
  }
  g_ptr_array_add (folders, NULL);
  return (char **) g_ptr_array_free (g_steal_pointer (&folders), FALSE);
}

static int
by_text (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

/* The packs of a folder, by name. */
static GPtrArray *
packs_in (const char *folder)
{
  GPtrArray *paths = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  for (const char *name; dir && (name = g_dir_read_name (dir));)
    if (g_str_has_suffix (name, PACK_SUFFIX) && *name != '.')
      g_ptr_array_add (paths, g_build_filename (folder, name, NULL));
  g_ptr_array_sort (paths, by_text);
  return paths;
}

void
impasto_style_free (ImpastoStyle *style)
{
  if (!style)
    return;
  g_free (style->name);
  g_free (style->title);
  g_free (style->artist);
  g_free (style->year);
  g_free (style->license);
  g_free (style->pack);
  g_free (style);
}

static bool
is_listed (GPtrArray *styles, const char *name)
{
  for (guint i = 0; i < styles->len; i++)
    if (g_str_equal (((ImpastoStyle *) styles->pdata[i])->name, name))
      return true;
  return false;
}

/* Whether the file is one of another network of ours: perceptual.safetensors lies beside the packs. */
static bool
is_other_network (const char *path)
{
  g_autofree char *network = manifest_network (path);
  return network && !g_str_equal (network, net_style.name) && net_find (network);
}

/* Adds the styles of a pack whose names are new. */
static void
list_pack (GPtrArray *styles, const char *path, GPtrArray *broken)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (pack) pack = pack_load_manifest (path, &error);
  if (!pack && !is_other_network (path))
    g_ptr_array_add (broken, g_strdup (error->message));
  if (!pack)
    return;
  for (guint i = 0; i < pack->styles->len; i++) {
    const struct pack_style *row = pack->styles->pdata[i];
    if (is_listed (styles, row->name))
      continue;
    ImpastoStyle *style = g_new0 (ImpastoStyle, 1);
    *style = (ImpastoStyle){
      .name = g_strdup (row->name),
      .title = g_strdup (row->title),
      .artist = g_strdup (row->artist),
      .year = g_strdup (row->year),
      .license = g_strdup (pack->license ? pack->license : ""),
      .pack = g_strdup (path),
    };
    g_ptr_array_add (styles, style);
  }
}

static int
by_name (gconstpointer a, gconstpointer b)
{
  return strcmp ((*(ImpastoStyle *const *) a)->name, (*(ImpastoStyle *const *) b)->name);
}

GPtrArray *
impasto_styles (GPtrArray **broken)
{
  GPtrArray *styles = g_ptr_array_new_with_free_func ((GDestroyNotify) impasto_style_free);
  g_autoptr (GPtrArray) complaints = g_ptr_array_new_with_free_func (g_free);
  g_auto (GStrv) folders = impasto_style_folders ();
  for (char **folder = folders; *folder; folder++) {
    g_autoptr (GPtrArray) paths = packs_in (*folder);
    for (guint i = 0; i < paths->len; i++)
      list_pack (styles, paths->pdata[i], complaints);
  }
  g_ptr_array_sort (styles, by_name);
  if (broken)
    *broken = g_steal_pointer (&complaints);
  return styles;
}

bool
style_fail (GError **error, int code, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_propagate_error (error, g_error_new_valist (IMPASTO_ERROR, code, format, args));
  va_end (args);
  return false;
}

/* What to say of a style that is not there and has a number for its name, which is a run's as well; a new string. */
static char *
run_missing (const char *name)
{
  bool number = *name && name[strspn (name, "0123456789")] == '\0';
  g_autofree char *run = number ? run_find (name, RUNS, NULL) : NULL;
  return number && !run ? g_strdup_printf (", and there is no run %s in %s/", name, RUNS) : g_strdup ("");
}

/* The row of @name, or of the only style when it is NULL; -1 with @error. */
static int
find_row (const struct pack *pack, const char *name, GError **error)
{
  int row = name ? pack_find_style (pack, name) : 0;
  if (row >= 0 && (name || pack->styles->len == 1))
    return row;
  g_autoptr (GString) names = g_string_new (NULL);
  for (guint i = 0; i < pack->styles->len; i++)
    g_string_append_printf (names, "%s%s", i ? ", " : "", ((struct pack_style *) pack->styles->pdata[i])->name);
  g_autofree char *missing = name ? run_missing (name) : NULL;
  if (name)
    style_fail (error, IMPASTO_ERROR_USAGE, "%s has no style %s%s; it has %s", pack->path, name, missing, names->str);
  else
    style_fail (error, IMPASTO_ERROR_USAGE, "%s holds %u styles; choose one with %s:NAME: %s", pack->path,
                pack->styles->len, pack->path, names->str);
  return -1;
}

struct pack *
style_open_pack (const char *path, GError **error)
{
  bool picture = picture_can_save (path, NULL) && g_file_test (path, G_FILE_TEST_IS_REGULAR);
  if (!picture || run_pack_matches (path))
    return run_pack_or_file (path, error);
  style_fail (error, IMPASTO_ERROR_INPUT, "%s: is a picture; --style-image paints in its style", path);
  return NULL;
}

/* The name of the run in whose folder the file @path lies, a new string; NULL: in none, or in one whose name is none
 * that a recipe may have. */
static char *
run_of (const char *path)
{
  g_autofree char *whole = g_canonicalize_filename (path, NULL), *folder = g_path_get_dirname (whole);
  g_autofree char *name = g_path_get_basename (folder);
  return run_is (folder) && text_is_base_name (name) ? g_steal_pointer (&name) : NULL;
}

static bool
load_pack (const char *path, struct style *style, GError **error)
{
  *style = (struct style){.pack = style_open_pack (path, error)};
  if (!style->pack)
    return false;
  style->sha256 = style_sha256 (style->pack->path, error);
  style->run = run_of (style->pack->path);
  if (!style->sha256)
    style_clear (style);
  return style->sha256 != NULL;
}

char *
style_sha256 (const char *path, GError **error)
{
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  g_autofree guchar *buffer = g_malloc (READ_BYTES);
  FILE *file = fopen (path, "rbe");
  size_t size;
  while (file && (size = fread (buffer, 1, READ_BYTES, file)) > 0)
    g_checksum_update (checksum, buffer, size);
  bool read = file && !ferror (file);
  if (file)
    fclose (file);
  if (read)
    return g_strdup (g_checksum_get_string (checksum));
  style_fail (error, IMPASTO_ERROR_INPUT, "cannot read %s", path);
  return NULL;
}

/* "no style 'x'; did you mean y? there are a, b, c" */
static bool
fail_unknown (const char *name, GPtrArray *styles, GPtrArray *broken, GError **error)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  g_autofree char *shown = text_show (name);
  for (guint i = 0; i < styles->len; i++)
    g_ptr_array_add (names, ((ImpastoStyle *) styles->pdata[i])->name);
  g_ptr_array_add (names, NULL);
  const char *nearest = text_nearest (name, (const char *const *) names->pdata);
  g_autofree char *all = g_strjoinv (", ", (char **) names->pdata);
  g_autofree char *missing = run_missing (name);
  if (styles->len == 0 && broken->len > 0)
    return style_fail (error, IMPASTO_ERROR_INPUT, "no style '%s': %s", shown, (char *) broken->pdata[0]);
  if (styles->len == 0)
    return style_fail (error, IMPASTO_ERROR_USAGE,
                       "no style '%s': no pack was found; give a file (--style FILE.safetensors) or "
                       "set IMPASTO_MODELS to a folder of packs",
                       shown);
  if (nearest)
    return style_fail (error, IMPASTO_ERROR_USAGE, "no style '%s'; did you mean %s? there are %s", shown, nearest, all);
  return style_fail (error, IMPASTO_ERROR_USAGE, "no style '%s'%s; there are %s", shown, missing, all);
}

char *
style_folders_find (const char *name)
{
  g_auto (GStrv) folders = impasto_style_folders ();
  for (char **folder = folders; *folder; folder++) {
    g_autofree char *path = g_build_filename (*folder, name, NULL);
    if (g_file_test (path, G_FILE_TEST_IS_REGULAR))
      return g_steal_pointer (&path);
  }
  return NULL;
}

/* The file @name; where there is none here and it is no path, that of the name in the folders of packs. A new
 * string. */
static char *
file_or_shipped (const char *name)
{
  bool here = strchr (name, G_DIR_SEPARATOR) || g_file_test (name, G_FILE_TEST_EXISTS);
  char *shipped = here ? NULL : style_folders_find (name);
  return shipped ? shipped : g_strdup (name);
}

char *
style_pack_file (const char *name)
{
  if (g_str_has_suffix (name, PACK_SUFFIX) || strchr (name, G_DIR_SEPARATOR))
    return file_or_shipped (name);
  g_autofree char *file = g_strconcat (name, PACK_SUFFIX, NULL);
  return style_folders_find (file);
}

bool
style_load (const char *text, struct style *style, GError **error)
{
  g_autofree char *file = style_pack_file (text), *path = file ? g_strdup (file) : run_find (text, RUNS, error);
  *style = (struct style){0};
  return path && load_pack (path, style, error);
}

char *
style_pack (const char *name)
{
  g_autoptr (GPtrArray) styles = impasto_styles (NULL);
  for (guint i = 0; i < styles->len; i++)
    if (g_str_equal (((ImpastoStyle *) styles->pdata[i])->name, name))
      return g_strdup (((ImpastoStyle *) styles->pdata[i])->pack);
  return NULL;
}

/* Where ":NAME" begins behind a pack's file or a run's folder, or NULL. */
static const char *
find_colon (const char *text)
{
  const char *suffix = strstr (text, PACK_SUFFIX ":"), *last = strrchr (text, ':');
  g_autofree char *folder = last ? g_strndup (text, last - text) : NULL;
  return suffix ? suffix + strlen (PACK_SUFFIX) : folder && g_file_test (folder, G_FILE_TEST_IS_DIR) ? last : NULL;
}

bool
style_is_of_file (const char *text)
{
  return find_colon (text) != NULL;
}

/* "FILE.safetensors:NAME", "FILE.safetensors", "NAME"; what is not there is NULL. RUN/ is a file as well. */
static void
split (const char *text, char **file, char **name)
{
  const char *colon = find_colon (text);
  bool is_file = g_str_has_suffix (text, PACK_SUFFIX) || strchr (text, G_DIR_SEPARATOR) || colon;
  g_autofree char *named = colon ? g_strndup (text, colon - text) : g_strdup (text);
  *file = is_file ? file_or_shipped (named) : NULL;
  *name = colon ? g_strdup (colon + 1) : is_file ? NULL : g_strdup (text);
}

/* Whether the pack at @path has all of @names. */
static bool
has_all (const char *path, const GPtrArray *names)
{
  g_autoptr (pack) pack = pack_load_manifest (path, NULL);
  bool all = pack != NULL;
  for (guint i = 0; all && i < names->len; i++)
    all = pack_find_style (pack, names->pdata[i]) >= 0;
  return all;
}

/* The first pack that has all of @names; a new string, NULL with @error. */
static char *
pack_of_all (const GPtrArray *names, GError **error)
{
  g_auto (GStrv) folders = impasto_style_folders ();
  for (char **folder = folders; *folder; folder++) {
    g_autoptr (GPtrArray) paths = packs_in (*folder);
    for (guint i = 0; i < paths->len; i++)
      if (has_all (paths->pdata[i], names))
        return g_strdup (paths->pdata[i]);
  }
  g_autoptr (GPtrArray) broken = NULL, styles = impasto_styles (&broken);
  g_autofree char *first = style_pack (names->pdata[0]);
  for (guint i = 0; i < names->len; i++) {
    g_autofree char *other = style_pack (names->pdata[i]);
    if (!other)
      fail_unknown (names->pdata[i], styles, broken, error);
    else if (!g_str_equal (first, other))
      style_fail (error, IMPASTO_ERROR_USAGE,
                  "%s is a style of %s, %s of %s; styles of one pack can be mixed, see impasto styles",
                  (char *) names->pdata[0], first, (char *) names->pdata[i], other);
    else
      continue;
    break;
  }
  return NULL;
}

/* The one file that @files name, or the pack of all @names. */
static char *
choose_pack (const GPtrArray *files, const GPtrArray *names, GError **error)
{
  for (guint i = 1; i < files->len; i++)
    if (!g_str_equal (files->pdata[0], files->pdata[i])) {
      style_fail (error, IMPASTO_ERROR_USAGE, "%s and %s are two packs; the styles of one can be mixed",
                  (char *) files->pdata[0], (char *) files->pdata[i]);
      return NULL;
    }
  return files->len ? g_strdup (files->pdata[0]) : pack_of_all (names, error);
}

bool
styles_find (const char *const *texts, int n, struct style *style, int *rows, GError **error)
{
  g_autoptr (GPtrArray) files = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free), wanted = g_ptr_array_new ();
  *style = (struct style){0};
  for (int i = 0; i < n; i++) {
    char *file, *name;
    if (!texts[i] || !*texts[i])
      return style_fail (error, IMPASTO_ERROR_USAGE, "a style is wanted: --style NAME or FILE" PACK_SUFFIX);
    split (texts[i], &file, &name);
    if (file)
      g_ptr_array_add (files, file);
    g_ptr_array_add (names, name);
    if (name)
      g_ptr_array_add (wanted, name);
  }
  g_autofree char *path = choose_pack (files, wanted, error);
  if (!path || !load_pack (path, style, error))
    return false;
  for (int i = 0; i < n; i++) {
    rows[i] = find_row (style->pack, names->pdata[i], error);
    if (rows[i] < 0) {
      style_clear (style);
      return false;
    }
  }
  style->row = rows[0];
  return true;
}

bool
style_find (const char *text, struct style *style, GError **error)
{
  int row;
  return styles_find (&text, 1, style, &row, error);
}

void
style_clear (struct style *style)
{
  g_clear_pointer (&style->pack, pack_free);
  g_clear_pointer (&style->sha256, g_free);
  g_clear_pointer (&style->run, g_free);
}

void
style_describe (const struct style *style, JsonObject *recipe)
{
  g_autofree char *pack = g_path_get_basename (style->pack->path);
  json_object_set_string_member (recipe, "pack", pack);
  json_object_set_string_member (recipe, "sha256", style->sha256);
  if (style->run)
    json_object_set_string_member (recipe, "run", style->run);
}
