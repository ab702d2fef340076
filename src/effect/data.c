/* SPDX-License-Identifier: Apache-2.0
 *
 * The public face of the dataset doctor. */
#include "effect/options.h"
#include "train/doctor.h"

struct data_settings {
  int64_t size, threads;
  bool grey, classes, recursive;
};

static const struct option data_options[] = {
  {"size", OPTION_INT, offsetof (struct data_settings, size), "pixels of the crops that training will take", 4, 4096,
   256},
  {"grey", OPTION_BOOL, offsetof (struct data_settings, grey), "training will be in one channel"},
  {"classes", OPTION_BOOL, offsetof (struct data_settings, classes),
   "each folder in it is a class; of an IDX file: with its labels"},
  {"recursive", OPTION_BOOL, offsetof (struct data_settings, recursive),
   "also the folders below, as training does; =no leaves them out", .fallback = 1},
  {"threads", OPTION_INT, offsetof (struct data_settings, threads), "threads; 0 = all", 0, 256, 0},
  {NULL},
};

struct call {
  ImpastoDataFunc func;
  gpointer data;
};

ImpastoOptions *
impasto_data_options_new (void)
{
  ImpastoOptions *options = impasto_options_new ();
  options_add (options, NULL, data_options, sizeof (struct data_settings));
  return options;
}

static bool
forward (guint done, guint all, void *data)
{
  const struct call *call = data;
  return !call->func || call->func (done, all, call->data);
}

static void
finding_free (gpointer data)
{
  ImpastoDataFinding *finding = data;
  g_free (finding->name);
  g_free (finding->text);
  g_free (finding);
}

ImpastoDataReport *
impasto_data_check (const char *path, const ImpastoOptions *options, ImpastoDataFunc func, gpointer data,
                    GError **error)
{
  const struct data_settings *settings = options_settings (options, data_options);
  g_return_val_if_fail (settings, NULL);
  struct call call = {func, data};
  struct doctor_options how = {.size = (int) settings->size,
                               .channels = settings->grey ? 1 : 3,
                               .recursive = settings->recursive,
                               .classes = settings->classes,
                               .threads = (int) settings->threads};
  struct doctor_report *found = doctor_check (path, &how, forward, &call, error);
  if (!found)
    return NULL;
  ImpastoDataReport *report = g_new0 (ImpastoDataReport, 1);
  report->n_pictures = found->pictures;
  report->n_used = found->used;
  report->shortest = found->shortest;
  report->middle = found->middle;
  report->longest = found->longest;
  report->summary = g_steal_pointer (&found->summary);
  report->findings = g_ptr_array_new_with_free_func (finding_free);
  for (guint i = 0; i < found->findings->len; i++) {
    struct doctor_finding *from = &g_array_index (found->findings, struct doctor_finding, i);
    ImpastoDataFinding *to = g_new (ImpastoDataFinding, 1);
    *to = (ImpastoDataFinding){doctor_names[from->kind], g_steal_pointer (&from->name), g_steal_pointer (&from->text)};
    g_ptr_array_add (report->findings, to);
  }
  doctor_report_free (found);
  return report;
}

void
impasto_data_report_free (ImpastoDataReport *report)
{
  if (!report)
    return;
  g_ptr_array_unref (report->findings);
  g_free (report->summary);
  g_free (report);
}
