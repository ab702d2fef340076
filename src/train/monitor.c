/* SPDX-License-Identifier: Apache-2.0
 *
 * Curves and events of a run. */
#include "train/monitor.h"

#include <string.h>

#include "format/events.h"
#include "impasto/error.h"
#include "train/curves.h"

#define EVENTS_EVERY 10 /* steps: a tenth of the size, and nobody looks at single steps there */

struct monitor {
  char *folder;
  struct curves *curves;
  struct events *events;
  struct train_stats sum; /* since the last event, values added up */
  int n;                  /* steps in it */
};

struct monitor *
monitor_new (const char *folder, int64_t step, GError **error)
{
  struct events *events = events_new (folder, step, error);

  if (!events)
    return NULL;
  struct monitor *monitor = g_new0 (struct monitor, 1);
  g_autofree char *stats = g_build_filename (folder, "stats.jsonl", NULL);
  monitor->folder = g_strdup (folder);
  monitor->events = events;
  monitor->curves = step > 0 ? curves_load (stats, NULL) : NULL;
  if (!monitor->curves) /* a new run, or one whose statistics are lost: the rest is drawn */
    monitor->curves = curves_new ();
  return monitor;
}

void
monitor_free (struct monitor *monitor)
{
  if (!monitor)
    return;
  curves_free (monitor->curves);
  events_free (monitor->events);
  g_free (monitor->folder);
  g_free (monitor);
}

static bool
write_events (struct monitor *monitor, int64_t step, GError **error)
{
  if (monitor->n == 0)
    return true;
  for (int i = 0; i < monitor->sum.n; i++)
    monitor->sum.value[i] /= monitor->n;
  monitor->n = 0;
  return events_add (monitor->events, step, monitor->sum.n, monitor->sum.name, monitor->sum.value, error);
}

/* Whether two steps have the same figures. */
static bool
same_names (const struct train_stats *a, const struct train_stats *b)
{
  if (a->n != b->n)
    return false;
  for (int i = 0; i < a->n; i++)
    if (!g_str_equal (a->name[i], b->name[i]))
      return false;
  return true;
}

bool
monitor_step (struct monitor *monitor, int64_t step, const struct train_stats *stats, GError **error)
{
  curves_add (monitor->curves, step, stats->n, stats->name, stats->value);
  if (monitor->n > 0 && !same_names (&monitor->sum, stats) && !write_events (monitor, step - 1, error))
    return false;
  if (monitor->n == 0)
    monitor->sum = *stats;
  else
    for (int i = 0; i < stats->n; i++)
      monitor->sum.value[i] += stats->value[i];
  monitor->n++;
  return step % EVENTS_EVERY != 0 || write_events (monitor, step, error);
}

bool
monitor_draw (struct monitor *monitor, int64_t step, const char *sheet, GError **error)
{
  g_autofree char *svg_path = g_build_filename (monitor->folder, "curves.svg", NULL),
                  *png_path = g_build_filename (monitor->folder, "curves.png", NULL),
                  *name = g_path_get_basename (monitor->folder),
                  *title = g_strdup_printf ("%s, step %" G_GINT64_FORMAT, name, step);
  g_autofree char *svg = curves_svg ((const struct curves *const[]){monitor->curves}, NULL, 1, title);
  g_autoptr (GError) local = NULL;

  if (!write_events (monitor, step, error) ||
      (sheet && !events_add_picture (monitor->events, step, "samples", sheet, error)))
    return false;
  if (!curves_save (svg, svg_path, error))
    return false;
  if (curves_save (svg, png_path, &local) || !g_error_matches (local, IMPASTO_ERROR, IMPASTO_ERROR_OUTPUT))
    return true;
  g_propagate_error (error, g_steal_pointer (&local));
  return false;
}
