/* SPDX-License-Identifier: Apache-2.0
 *
 * The public face of run folders: listed, compared, drawn. */
#include "train/runs.h"

#include "impasto/impasto.h"

static ImpastoRun *
run_new (const struct run_record *record)
{
  ImpastoRun *run = g_new0 (ImpastoRun, 1);
  const GPtrArray *list = record->curves->list;

  *run = (ImpastoRun){
    .name = g_strdup (record->name),
    .folder = g_strdup (record->folder),
    .recipe = g_strdup (record->recipe),
    .state = run_state_names[record->state],
    .note = g_strdup (record->note),
    .step = record->curves->steps,
    .steps = record->steps,
    .changed = record->changed,
    .seconds = record->curves->seconds,
    .n_values = (int) list->len,
    .names = g_new0 (char *, list->len + 1),
    .values = g_new (double, list->len + 1),
  };
  for (guint i = 0; i < list->len; i++) {
    const struct curve *curve = list->pdata[i];
    run->names[i] = g_strdup (curve->name);
    run->values[i] = curve_last (curve);
  }
  return run;
}

void
impasto_run_free (ImpastoRun *run)
{
  if (!run)
    return;
  g_free (run->name);
  g_free (run->folder);
  g_free (run->recipe);
  g_free (run->note);
  g_strfreev (run->names);
  g_free (run->values);
  g_free (run);
}

GPtrArray *
impasto_runs (const char *folder, GPtrArray **broken, GError **error)
{
  g_autoptr (GPtrArray) records = run_records (folder, broken, error);
  if (!records)
    return NULL;
  GPtrArray *runs = g_ptr_array_new_with_free_func ((GDestroyNotify) impasto_run_free);
  for (guint i = 0; i < records->len; i++)
    g_ptr_array_add (runs, run_new (records->pdata[i]));
  return runs;
}

char *
impasto_run_find (const char *word, const char *folder, GError **error)
{
  return run_find (word, folder, error);
}

ImpastoRun *
impasto_run_load (const char *folder, GError **error)
{
  struct run_record *record = run_record_load (folder, error);
  ImpastoRun *run = record ? run_new (record) : NULL;
  run_record_free (record);
  return run;
}

static GPtrArray *
load_all (const char *const *folders, GError **error)
{
  g_autoptr (GPtrArray) records = g_ptr_array_new_with_free_func ((GDestroyNotify) run_record_free);
  for (; *folders; folders++) {
    struct run_record *record = run_record_load (*folders, error);
    if (!record)
      return NULL;
    g_ptr_array_add (records, record);
  }
  return g_steal_pointer (&records);
}

char *
impasto_runs_compare (const char *const *folders, GError **error)
{
  g_autoptr (GPtrArray) records = load_all (folders, error);
  return records ? run_records_compare (records) : NULL;
}

char *
impasto_runs_compare_json (const char *const *folders, GError **error)
{
  g_autoptr (GPtrArray) records = load_all (folders, error);
  return records ? run_records_compare_json (records) : NULL;
}

gboolean
impasto_runs_draw (const char *const *folders, const char *path, GError **error)
{
  g_autoptr (GPtrArray) records = load_all (folders, error), curves = g_ptr_array_new (), names = g_ptr_array_new ();
  if (!records)
    return FALSE;
  for (guint i = 0; i < records->len; i++) {
    const struct run_record *record = records->pdata[i];
    g_ptr_array_add (curves, record->curves);
    g_ptr_array_add (names, record->name);
  }
  g_autofree char *title = records->len == 1 ? g_strdup (names->pdata[0]) : g_strdup_printf ("%u runs", records->len);
  g_autofree char *svg = curves_svg ((const struct curves *const *) curves->pdata, (const char *const *) names->pdata,
                                     (int) records->len, title);
  return curves_save (svg, path, error);
}
