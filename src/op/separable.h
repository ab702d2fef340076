/* SPDX-License-Identifier: Apache-2.0
 *
 * Separable sparse linear maps of pictures: y(i,j) = sum over p, q of R(i,p) C(j,q) x(p,q), the same for every channel.
 * Padding, nearest and bilinear resampling and the adjoint of each are such maps; an op builds its two small
 * matrices as tables of taps, and one kernel over channels-last rows does the rest. The adjoint is the same kernel with
 * both tables transposed. A table has one owner. */
#pragma once

#include <glib.h>

#include "device/kernel.h"

typedef struct taps taps;

/* One matrix by rows: output i sums weight[t] * source[index[t]] for start[i] <= t < start[i + 1]; no tap: zero. */
struct taps {
  int64_t n;      /* outputs */
  int64_t source; /* inputs */
  int64_t filled; /* outputs that taps_next has closed */
  int64_t *start; /* n + 1 */
  int64_t *index;
  float *weight;
};

/* Room for @n outputs of up to @per_output taps each; NULL with IMPASTO_ERROR_MEMORY. */
struct taps *taps_new (int64_t n, int64_t source, int64_t per_output, GError **error);
void taps_free (struct taps *taps);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (taps, taps_free)

/* Filling goes output by output: taps_add for each of its taps, then taps_next. */
void taps_add (struct taps *taps, int64_t index, double weight);
void taps_next (struct taps *taps);

/* The transposed matrix; the taps of an output are in rising order of their index. NULL with IMPASTO_ERROR_MEMORY. */
struct taps *taps_transpose (const struct taps *taps, GError **error);

/* Sets up @kernel, of one input, to apply @rows and @columns to the last two axes, or with @transpose their adjoint.
 * Owns both tables from here on, also when it fails; a NULL table, with @error set by its maker, is passed on as FALSE.
 * Operands: any mix of F32 and BF16, with float sums; both row-major, or channels-last (where c = 1 or h = w = 1 makes
 * the two the same bytes either name will do). */
bool separable_prepare (struct kernel *kernel, struct taps *rows, struct taps *columns, bool transpose, GError **error);
