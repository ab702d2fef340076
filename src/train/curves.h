/* SPDX-License-Identifier: Apache-2.0
 *
 * Curves: how the figures of a run went, in memory that does not grow with it. The steps are parted into buckets of
 * equal length, as many as a drawing has columns; when a run outgrows them, each two become one. A bucket keeps mean,
 * least and most, so that a spike of one step is seen. Filled step by step, or from a run's stats.jsonl. One owner. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define CURVE_BUCKETS 512
#define CURVE_RECENT 20

struct bucket {
  double sum, least, most;
  int64_t n; /* 0: nothing was said */
};

struct curve {
  char *name;
  struct bucket bucket[CURVE_BUCKETS];
  double recent[CURVE_RECENT]; /* the last values, a ring */
  int64_t n;                   /* values in all */
};

struct curves {
  int64_t width;   /* steps a bucket; bucket k: steps k width + 1 to (k + 1) width */
  int64_t steps;   /* the last step */
  double seconds;  /* that all steps took */
  GPtrArray *list; /* struct curve *, as they came */
};

typedef struct curves curves;
struct curves *curves_new (void);
void curves_free (struct curves *curves);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (curves, curves_free)

/* The figures of a step, 1 or more; values that are not finite are passed by. */
void curves_add (struct curves *curves, int64_t step, int n, const char *const *names, const double *values);

/* From a run's stats.jsonl, lines of {"step": 1, NAME: number, ..., "seconds": number}; "seconds" becomes no curve.
 * Lines of rescues, which have a "watchdog", and a last line that is cut off are passed by. IMPASTO_ERROR_INPUT: no
 * such file, or another line that is none. */
struct curves *curves_load (const char *path, GError **error);

const struct curve *curves_find (const struct curves *curves, const char *name); /* or NULL */
double curve_last (const struct curve *curve);                                   /* the mean of the last values */

/* An SVG drawing of one run or several: a panel for each figure, named; of one run the span from least to most is shown
 * as well, of several each has its colour and @labels name them. @title stands above. Figures that stay above 0 and
 * span more than a factor of 30 are drawn to a logarithmic scale. A new string. */
char *curves_svg (const struct curves *const *runs, const char *const *labels, int n, const char *title);

/* Writes such a drawing to @path, which ends in .svg or as a picture. IMPASTO_ERROR_OUTPUT, IMPASTO_ERROR_USAGE. */
bool curves_save (const char *svg, const char *path, GError **error);
