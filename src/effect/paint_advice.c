/* SPDX-License-Identifier: Apache-2.0
 *
 * What is said when a painting does not fit into memory, and which size would. That is found by getting ready at
 * smaller sizes, since no formula knows which kernels and tiles a plan chooses within a limit; what does not fit is
 * refused before it is touched, so that a try takes milliseconds. */
#include <math.h>

#include "effect/paint_internal.h"
#include "impasto/error.h"

#define SIZE_LEAST 64   /* pixels of the longer side that are advised */
#define SIZE_CLOSE 1.04 /* how far a size that fits is from one that does not when the search ends */
#define SIZE_ROUND 400  /* from here on in hundreds */

/* Rounded up for what is needed, down for what there is. */
static char *
gigabytes (uint64_t bytes, double (*rounded) (double))
{
  double mib = bytes / PAINT_MIB;
  return mib < 1000 ? g_strdup_printf ("%.0f MiB", rounded (mib))
                    : g_strdup_printf ("%.1f GiB", rounded (mib / 1024 * 10) / 10);
}

bool
paint_too_large (GError **error)
{
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "more memory than there is");
  return false;
}

/* Whether the task fits at @size. */
static bool
fits (struct painter *painter, const struct paint_task *task, paint_ready_fn ready, int size,
      struct paint_forecast *forecast)
{
  int64_t wanted = painter->settings.size;
  painter->settings.size = size;
  bool ok = ready (painter, task, forecast, NULL);
  painter->settings.size = wanted;
  return ok;
}

/* A size below @high that fits, near the largest, where @low does. */
static int
search (struct painter *painter, const struct paint_task *task, paint_ready_fn ready, int low, int high)
{
  struct paint_forecast forecast;
  while (high > low + 1 && high > low * SIZE_CLOSE) {
    int middle = CLAMP (lround (sqrt ((double) low * high)), low + 1, high - 1);
    if (fits (painter, task, ready, middle, &forecast))
      low = middle;
    else
      high = middle;
  }
  int round = low > SIZE_ROUND ? low - low % 100 : low;
  return round == low || fits (painter, task, ready, round, &forecast) ? round : low;
}

bool
paint_fail_memory (struct painter *painter, const struct paint_task *task, paint_ready_fn ready,
                   const struct paint_forecast *forecast, GError **error)
{
  g_autofree char *needed = gigabytes (forecast->bytes, ceil), *there = gigabytes (forecast->limit, floor),
                  *hint = NULL;
  int longer = MAX (forecast->paint_width, forecast->paint_height);
  struct paint_forecast least = {0};
  if (longer > SIZE_LEAST && fits (painter, task, ready, SIZE_LEAST, &least))
    hint = g_strdup_printf ("; shrink it with --size %d", search (painter, task, ready, SIZE_LEAST, longer));
  else if (longer > SIZE_LEAST) {
    g_autofree char *takes = gigabytes (least.bytes, ceil);
    hint = g_strdup_printf ("; even --size %d takes some %s", SIZE_LEAST, takes);
  }
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "painting %dx%d needs %s of memory, %s are %s%s",
               forecast->paint_width, forecast->paint_height, needed, there,
               painter->memory == forecast->limit ? "allowed" : "free", hint ? hint : "");
  return false;
}
