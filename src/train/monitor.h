/* SPDX-License-Identifier: Apache-2.0
 *
 * What shows a run while it goes, beside its log, statistics and sheets: curves.svg and curves.png, drawn anew with
 * each sheet, and TensorBoard's event files. Made for a run folder, also one that is resumed; used by the trainer's
 * thread. */
#pragma once

#include "train/trainer.h"

typedef struct monitor monitor;

/* @step: steps done; what stats.jsonl of @folder says of them is where the curves go on. IMPASTO_ERROR_OUTPUT. */
struct monitor *monitor_new (const char *folder, int64_t step, GError **error);
void monitor_free (struct monitor *monitor);

/* The figures of a step that is done. Events hold the means of ten. */
bool monitor_step (struct monitor *monitor, int64_t step, const struct train_stats *stats, GError **error);

/* Draws the curves; @sheet, the file of a sample sheet or NULL, becomes a picture of the events. That no PNG of the
 * curves can be made (libvips without librsvg) is no error. */
bool monitor_draw (struct monitor *monitor, int64_t step, const char *sheet, GError **error);
