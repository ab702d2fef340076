/* SPDX-License-Identifier: Apache-2.0
 *
 * Paintings that are mixed of several sheets.
 *
 * The brush of methods that know none: a painting of size / b, enlarged by b, has strokes b times as wide; enlarged by
 * the method itself when it can, which keeps edges sharper. Strokes fall elsewhere at any other size, however little it
 * differs, so that the size itself must not follow the brush: paintings are made at the rungs of a ladder, sizes
 * 2^(k/2), and a brush between two rungs is a mix of their paintings (contrast.h).
 *
 * A part of the grain: any grain however faint fills a flat picture with strokes, as normalisations blow it up; so a
 * part of it is a mix of the paintings without and with all of it. */
#pragma once

#include "effect/paint_internal.h"

/* The method's prepare and run for a painting of @width x @height, whatever the brush. @held: paintings of other sizes
 * are kept in memory; otherwise on disk. */
bool sheets_prepare (struct painter *painter, int width, int height, bool held, uint64_t limit,
                     struct method_forecast *forecast, GError **error);
bool sheets_run (struct painter *painter, struct picture *picture, const struct paint_job *job, GError **error);
bool sheets_run_rows (struct painter *painter, const struct row_source *source, const struct row_sink *sink,
                      const struct paint_job *job, GError **error);
