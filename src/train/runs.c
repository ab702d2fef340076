/* SPDX-License-Identifier: Apache-2.0
 *
 * Run folders read. */
#include "train/runs.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "base/text_json.h"
#include "impasto/error.h"

#define RECIPE_DEPTH 16   /* of brackets in recipe.json */
#define TAIL 4096         /* bytes of the log that hold its last line */
#define STAMP 21          /* characters of a line's time: "2026-01-31 12:00:00  " */
#define LOCK_TRIES 20     /* somebody may be looking */
#define LOCK_PAUSE 10000  /* microseconds */
#define NOTHING "-"       /* in a cell */
#define CELL 28           /* characters of a setting, at most */

const char *const run_state_names[] = {"going", "finished", "stopped", "failed", "cut off", NULL};
const char *const run_free_options[] = {"threads", "save-every",     "sample-every", "keep",      "runs",
                                        "resume",  "accept-changes", "output",       "overwrite", NULL};

static bool
fail (const char *folder, const char *what, GError **error)
{
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "%s: %s", folder, what);
  return false;
}

JsonObject *
run_options_load (const char *folder, GError **error)
{
  g_autofree char *path = g_build_filename (folder, "recipe.json", NULL), *text = NULL;
  const char *problem = NULL;
  if (!g_file_get_contents (path, &text, NULL, NULL))
    problem = "is no run folder: it holds no recipe.json";
  g_autoptr (JsonNode) top = text ? text_json_read (text, RECIPE_DEPTH) : NULL;
  JsonObject *options = top && JSON_NODE_HOLDS_OBJECT (top) ? json_node_get_object (top) : NULL;
  if (!problem && !options)
    problem = "its recipe.json is damaged";
  JsonNode *recipe = options ? json_object_get_member (options, "recipe") : NULL;
  JsonNode *run = options ? json_object_get_member (options, "run") : NULL;
  if (!problem &&
      (!recipe || json_node_get_value_type (recipe) != G_TYPE_STRING || !run || !JSON_NODE_HOLDS_OBJECT (run)))
    problem = "its recipe.json is of no run";
  if (!problem)
    return json_object_ref (options);
  fail (folder, problem, error);
  return NULL;
}

static bool
load_options (struct run_record *record, GError **error)
{
  record->options = run_options_load (record->folder, error);
  if (!record->options)
    return false;
  JsonNode *run = json_object_get_member (record->options, "run");
  record->recipe = g_strdup (json_object_get_string_member (record->options, "recipe"));
  JsonNode *steps = json_object_get_member (json_node_get_object (run), "steps");
  if (steps && JSON_NODE_HOLDS_VALUE (steps))
    record->steps = json_node_get_int (steps);
  return true;
}

/* The last line of the log without its time; a new string. */
static char *
last_words (const char *folder)
{
  g_autofree char *path = g_build_filename (folder, "log.txt", NULL);
  FILE *file = fopen (path, "re");
  char text[TAIL + 1] = "";

  if (!file)
    return g_strdup ("");
  if (fseek (file, -TAIL, SEEK_END) != 0)
    rewind (file);
  text[fread (text, 1, TAIL, file)] = '\0';
  fclose (file);
  g_strchomp (text);
  const char *line = strrchr (text, '\n');
  line = line ? line + 1 : text;
  return text_cut (strlen (line) > STAMP ? line + STAMP : "", 200);
}

int
run_lock (const char *folder)
{
  g_autofree char *log = g_build_filename (folder, "log.txt", NULL);
  int lock = open (log, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (lock < 0)
    return -1;
  for (int i = 0; flock (lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK; i++) {
    if (i == LOCK_TRIES) {
      close (lock);
      errno = EWOULDBLOCK;
      return -1;
    }
    g_usleep (LOCK_PAUSE);
  }
  return lock;
}

/* Whether a process has the lock of run_lock. */
static bool
is_locked (const char *folder)
{
  g_autofree char *log = g_build_filename (folder, "log.txt", NULL);
  int file = open (log, O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return false;
  bool locked = flock (file, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  close (file); /* and with it the lock that was got */
  return locked;
}

static void
judge_state (struct run_record *record)
{
  g_autofree char *words = last_words (record->folder);

  record->note = g_strdup ("");
  if (is_locked (record->folder)) {
    record->state = RUN_GOING;
  } else if (g_str_has_prefix (words, "finished: ")) {
    record->state = RUN_FINISHED;
  } else if (g_str_has_prefix (words, "ended: ")) {
    g_free (record->note);
    record->note = g_strdup (words + strlen ("ended: "));
    record->state = g_str_has_prefix (record->note, "stopped after") ? RUN_STOPPED : RUN_FAILED;
  } else {
    record->state = RUN_CUT;
  }
}

struct run_record *
run_record_load (const char *folder, GError **error)
{
  struct run_record *record = g_new0 (struct run_record, 1);
  g_autofree char *stats = g_build_filename (folder, "stats.jsonl", NULL);
  struct stat file;

  record->folder = g_strdup (folder);
  record->name = g_path_get_basename (folder);
  bool ok = load_options (record, error);
  bool there = ok && stat (stats, &file) == 0;
  if (ok)
    record->curves = there ? curves_load (stats, error) : curves_new ();
  if (!record->curves) {
    run_record_free (record);
    return NULL;
  }
  record->changed = there ? (int64_t) file.st_mtime : 0;
  judge_state (record);
  return record;
}

void
run_record_free (struct run_record *record)
{
  if (!record)
    return;
  g_clear_pointer (&record->options, json_object_unref);
  curves_free (record->curves);
  g_free (record->folder);
  g_free (record->name);
  g_free (record->recipe);
  g_free (record->note);
  g_free (record);
}

bool
run_is (const char *folder)
{
  g_autofree char *recipe = g_build_filename (folder, "recipe.json", NULL);
  return g_file_test (recipe, G_FILE_TEST_IS_REGULAR);
}

static int
compare_text (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

/* The names of the run folders in @dir, sorted. IMPASTO_ERROR_INPUT: it is no folder, or cannot be read. */
static GPtrArray *
run_names (const char *dir, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autoptr (GDir) folder = g_dir_open (dir, 0, &local);
  if (!folder) {
    bool missing = g_error_matches (local, G_FILE_ERROR, G_FILE_ERROR_NOENT);
    g_autofree char *why = g_strdup_printf ("cannot be read: %s", text_cause (local));
    fail (dir, missing ? "there is no such folder of runs" : why, error);
    return NULL;
  }
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  for (const char *name; (name = g_dir_read_name (folder));) {
    g_autofree char *path = g_build_filename (dir, name, NULL);
    if (run_is (path))
      g_ptr_array_add (names, g_strdup (name));
  }
  g_ptr_array_sort (names, compare_text);
  return names;
}

/* The names in @dir, joined by " or ", of the runs with the number @word; a new string, "" where there is none. */
static char *
named_by_number (const char *word, const char *dir, guint *n, GError **error)
{
  bool there = g_file_test (dir, G_FILE_TEST_EXISTS);
  g_autoptr (GPtrArray) all = there ? run_names (dir, error) : g_ptr_array_new (), found = g_ptr_array_new ();
  if (!all)
    return NULL;
  for (guint i = 0; i < all->len; i++) {
    const char *name = all->pdata[i];
    if (g_ascii_isdigit (*name) && g_ascii_strtoull (name, NULL, 10) == g_ascii_strtoull (word, NULL, 10))
      g_ptr_array_add (found, all->pdata[i]);
  }
  *n = found->len;
  g_ptr_array_add (found, NULL);
  return g_strjoinv (" or ", (char **) found->pdata);
}

static char *
find_number (const char *word, const char *dir, GError **error)
{
  guint n = 0;
  g_autofree char *names = named_by_number (word, dir, &n, error);
  if (!names)
    return NULL;
  if (n == 1)
    return g_build_filename (dir, names, NULL);
  if (n > 1)
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "run %s is %s", word, names);
  else
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "there is no run %s in %s%s; impasto runs lists them", word,
                 dir, g_str_has_suffix (dir, "/") ? "" : "/");
  return NULL;
}

char *
run_find (const char *word, const char *dir, GError **error)
{
  g_autofree char *below = g_build_filename (dir, word, NULL);
  bool bare = *word && !strchr (word, G_DIR_SEPARATOR);
  if (bare && run_is (below))
    return g_steal_pointer (&below);
  bool number = bare && word[strspn (word, "0123456789")] == '\0';
  return number && !run_is (word) ? find_number (word, dir, error) : g_strdup (word);
}

GPtrArray *
run_records (const char *dir, GPtrArray **broken, GError **error)
{
  g_autoptr (GPtrArray) names = run_names (dir, error);
  if (!names)
    return NULL;
  GPtrArray *lines = g_ptr_array_new_with_free_func (g_free);
  GPtrArray *records = g_ptr_array_new_with_free_func ((GDestroyNotify) run_record_free);
  for (guint i = 0; i < names->len; i++) {
    g_autofree char *path = g_build_filename (dir, names->pdata[i], NULL);
    g_autoptr (GError) local = NULL;
    struct run_record *record = run_record_load (path, &local);
    if (record)
      g_ptr_array_add (records, record);
    else
      g_ptr_array_add (lines, g_strdup (local->message));
  }
  if (broken)
    *broken = lines;
  else
    g_ptr_array_unref (lines);
  return records;
}

/* Comparison: tables of rows, each a name and a cell a run, as text and as JSON. */

struct row {
  char *name;
  GPtrArray *cells; /* char * */
  JsonArray *values;
};

static void
row_free (gpointer data)
{
  struct row *row = data;
  g_free (row->name);
  g_ptr_array_unref (row->cells);
  json_array_unref (row->values);
  g_free (row);
}

static struct row *
row_new (GPtrArray *rows, const char *name)
{
  struct row *row = g_new (struct row, 1);
  *row = (struct row){g_strdup (name), g_ptr_array_new_with_free_func (g_free), json_array_new ()};
  g_ptr_array_add (rows, row);
  return row;
}

/* Takes both over. */
static void
row_add (struct row *row, char *cell, JsonNode *value)
{
  g_ptr_array_add (row->cells, cell);
  json_array_add_element (row->values, value);
}

static void
row_add_text (struct row *row, const char *text)
{
  row_add (row, text_cut (text, CELL), json_node_init_string (json_node_alloc (), text));
}

static void
row_add_number (struct row *row, double value)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];
  g_ascii_formatd (text, sizeof text, "%.4g", value);
  row_add (row, g_strdup (isfinite (value) ? text : NOTHING), json_node_init_double (json_node_alloc (), value));
}

/* A setting as one short line. */
static char *
node_text (JsonNode *node)
{
  if (!node)
    return g_strdup (NOTHING);
  if (JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_STRING)
    return text_cut (json_node_get_string (node), CELL);
  if (JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_DOUBLE)
    return text_number (json_node_get_double (node));
  g_autofree char *json = text_json_write (node, FALSE);
  return text_cut (json, CELL);
}

static JsonNode *
setting (const struct run_record *record, const char *part, const char *name)
{
  JsonNode *object = json_object_get_member (record->options, part);
  return object && JSON_NODE_HOLDS_OBJECT (object) ? json_object_get_member (json_node_get_object (object), name)
                                                   : NULL;
}

/* Whether the runs differ in it. What another recipe does not have goes without saying. */
static bool
differs (const GPtrArray *records, const struct run_record *of, const char *part, const char *name)
{
  JsonNode *here = setting (of, part, name);
  bool differ = false;
  for (guint k = 0; k < records->len; k++) {
    JsonNode *there = setting (records->pdata[k], part, name);
    if (!there && !g_str_equal (((const struct run_record *) records->pdata[k])->recipe, of->recipe))
      return false;
    differ |= !there || !json_node_equal (here, there);
  }
  return differ;
}

/* Members of an object of recipe.json in which the runs differ, but for those that do not decide about the result. */
static void
add_differences (GPtrArray *rows, const GPtrArray *records, const char *part)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint r = 0; r < records->len; r++) {
    const struct run_record *of = records->pdata[r];
    JsonNode *node = json_object_get_member (of->options, part);
    g_autoptr (GList) names =
      node && JSON_NODE_HOLDS_OBJECT (node) ? json_object_get_members (json_node_get_object (node)) : NULL;
    for (GList *at = names; at; at = at->next) {
      if (!g_hash_table_add (seen, at->data) || g_strv_contains (run_free_options, at->data) ||
          !differs (records, of, part, at->data))
        continue;
      struct row *row = row_new (rows, at->data);
      for (guint k = 0; k < records->len; k++) {
        JsonNode *value = setting (records->pdata[k], part, at->data);
        row_add (row, node_text (value), value ? json_node_copy (value) : json_node_init_null (json_node_alloc ()));
      }
    }
  }
}

/* The mean of the bucket that holds @step; NaN when nothing was said. */
static double
value_near (const struct curves *curves, const struct curve *curve, int64_t step)
{
  const struct bucket *bucket = &curve->bucket[(step - 1) / curves->width];
  return bucket->n > 0 ? bucket->sum / (double) bucket->n : NAN;
}

/* The figures at the end, @step 0, or at a step. */
static void
add_figures (GPtrArray *rows, const GPtrArray *records, int64_t step)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint r = 0; r < records->len; r++) {
    const struct run_record *of = records->pdata[r];
    for (guint i = 0; i < of->curves->list->len; i++) {
      const struct curve *named = of->curves->list->pdata[i];
      if (!g_hash_table_add (seen, named->name))
        continue;
      struct row *row = row_new (rows, named->name);
      for (guint k = 0; k < records->len; k++) {
        const struct curves *curves = ((const struct run_record *) records->pdata[k])->curves;
        const struct curve *curve = curves_find (curves, named->name);
        double value = !curve ? NAN : step == 0 ? curve_last (curve) : value_near (curves, curve, step);
        row_add_number (row, value);
      }
    }
  }
}

static void
add_facts (GPtrArray *rows, const GPtrArray *records)
{
  struct row *run = row_new (rows, "run"), *recipe = row_new (rows, "recipe"), *state = row_new (rows, "state"),
             *steps = row_new (rows, "steps"), *pace = row_new (rows, "seconds a step");

  for (guint k = 0; k < records->len; k++) {
    const struct run_record *record = records->pdata[k];
    int64_t done = record->curves->steps;
    g_autofree char *of = record->steps > 0
                            ? g_strdup_printf ("%" G_GINT64_FORMAT " of %" G_GINT64_FORMAT, done, record->steps)
                            : g_strdup_printf ("%" G_GINT64_FORMAT, done);
    row_add_text (run, record->name);
    row_add_text (recipe, record->recipe);
    row_add_text (state, run_state_names[record->state]);
    row_add_text (steps, of);
    row_add_number (pace, done > 0 ? record->curves->seconds / (double) done : NAN);
  }
}

/* What there is to say of some runs. */
struct comparison {
  GPtrArray *facts, *settings, *last, *common; /* struct row */
  int64_t step; /* of common: the last that all have reached; no rows when it is the last */
};

static void
compare (struct comparison *comparison, const GPtrArray *records)
{
  GPtrArray **const tables[] = {&comparison->facts, &comparison->settings, &comparison->last, &comparison->common};
  int64_t step = INT64_MAX, longest = 0;

  for (size_t t = 0; t < G_N_ELEMENTS (tables); t++)
    *tables[t] = g_ptr_array_new_with_free_func (row_free);
  for (guint k = 0; k < records->len; k++) {
    const struct run_record *record = records->pdata[k];
    step = MIN (step, record->curves->steps);
    longest = MAX (longest, record->curves->steps);
  }
  add_facts (comparison->facts, records);
  add_differences (comparison->settings, records, "settings");
  add_differences (comparison->settings, records, "run");
  add_figures (comparison->last, records, 0);
  if (step > 0 && step < longest)
    add_figures (comparison->common, records, step);
  comparison->step = step;
}

static void
comparison_clear (struct comparison *comparison)
{
  g_ptr_array_unref (comparison->facts);
  g_ptr_array_unref (comparison->settings);
  g_ptr_array_unref (comparison->last);
  g_ptr_array_unref (comparison->common);
}

static void
append_rows (GString *text, const GPtrArray *rows, const char *head, int name_width, int cell_width)
{
  if (rows->len > 0 && *head)
    g_string_append_printf (text, "\n%s\n", head);
  for (guint i = 0; i < rows->len; i++) {
    const struct row *row = rows->pdata[i];
    g_string_append_printf (text, "%-*s", name_width, row->name);
    for (guint k = 0; k < row->cells->len; k++)
      g_string_append_printf (text, "  %*s", cell_width, (const char *) row->cells->pdata[k]);
    g_string_append_c (text, '\n');
  }
}

char *
run_records_compare (const GPtrArray *records)
{
  struct comparison all;
  compare (&all, records);
  GPtrArray *const tables[] = {all.facts, all.settings, all.last, all.common};
  int name_width = 0, cell_width = 9;

  for (size_t t = 0; t < G_N_ELEMENTS (tables); t++)
    for (guint i = 0; i < tables[t]->len; i++) {
      const struct row *row = tables[t]->pdata[i];
      name_width = MAX (name_width, (int) strlen (row->name));
      for (guint k = 0; k < row->cells->len; k++)
        cell_width = MAX (cell_width, (int) strlen (row->cells->pdata[k]));
    }
  g_autofree char *at = g_strdup_printf ("figures at step %" G_GINT64_FORMAT ":", all.step);
  GString *text = g_string_new (NULL);
  append_rows (text, all.facts, "", name_width, cell_width);
  append_rows (text, all.settings, "settings that differ:", name_width, cell_width);
  append_rows (text, all.last, "figures at the end, means of the last 20 steps:", name_width, cell_width);
  append_rows (text, all.common, at, name_width, cell_width);
  comparison_clear (&all);
  return g_string_free (text, FALSE);
}

static JsonObject *
rows_json (const GPtrArray *rows)
{
  JsonObject *object = json_object_new ();
  for (guint i = 0; i < rows->len; i++) {
    const struct row *row = rows->pdata[i];
    json_object_set_array_member (object, row->name, json_array_ref (row->values));
  }
  return object;
}

char *
run_records_compare_json (const GPtrArray *records)
{
  g_autoptr (JsonObject) object = json_object_new ();
  JsonArray *names = json_array_new ();
  struct comparison all;
  compare (&all, records);
  for (guint k = 0; k < records->len; k++)
    json_array_add_string_element (names, ((const struct run_record *) records->pdata[k])->name);
  json_object_set_array_member (object, "runs", names);
  json_object_set_object_member (object, "settings", rows_json (all.settings));
  json_object_set_object_member (object, "figures", rows_json (all.last));
  if (all.common->len > 0) {
    json_object_set_int_member (object, "step", all.step);
    json_object_set_object_member (object, "figures_at_step", rows_json (all.common));
  }
  comparison_clear (&all);
  return text_json_write_object (object, FALSE);
}
