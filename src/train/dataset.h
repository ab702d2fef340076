/* SPDX-License-Identifier: Apache-2.0
 *
 * A dataset: a folder of photographs as batches of square crops. Batch number `step` is a pure function of the files,
 * the options and the seed: the same bytes whichever thread makes it, in whatever order, after a resume as before.
 *
 * Every epoch shows every photograph once, in an order of its own. A crop comes from the photograph scaled so that its
 * shorter side is between `size` and `zoom` times `size` pixels, turned by a few degrees (the crop stays inside: no
 * corners from nowhere) and mirrored half of the time. Threads read ahead; decoded photographs are kept in
 * memory, the first that come until the limit is reached (with every photograph shown once an epoch, evicting the oldest
 * would always evict the next one needed).
 *
 * A file that cannot be read, or is so small that it would have to be enlarged more than twice, is reported once and
 * left out: the next readable one stands in. One thread at a time may use a dataset. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct dataset dataset;

/* Of numbers but size and batch, 0 means the default. */
struct dataset_options {
  int size;  /* side of a crop, pixels */
  int batch; /* crops a step */
  uint64_t seed;
  uint32_t stream;      /* tells datasets of one run apart */
  uint64_t first_step;  /* where reading ahead begins */
  uint64_t cache_bytes; /* of decoded photographs kept; default 1 GiB */
  int threads;          /* readers; default 2 */
  int ahead;            /* batches read ahead; default 3 */
  double zoom;          /* default 1.5; at least 1 */
  double rotation;      /* degrees to either side, up to 30; default 5, less than 0: none */
  bool keep_handedness; /* never mirror */
  bool recursive;       /* also the folders below; links to folders are not followed */
};

/* Files are taken by their extension; those that begin with a dot are not. IMPASTO_ERROR_INPUT: @dir is no folder, holds no
 * pictures or none that can be read; IMPASTO_ERROR_USAGE: options out of range; IMPASTO_ERROR_MEMORY. */
struct dataset *dataset_open (const char *dir, const struct dataset_options *options, GError **error);

/* Waits for its threads. */
void dataset_free (struct dataset *dataset);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (dataset, dataset_free)

/* Fills @out, (batch,3,size,size), sRGB 0..1, with batch number @step, and reads on from the one after it: fast when steps
 * follow each other. IMPASTO_ERROR_INPUT when no file can be read any more. */
bool dataset_batch (struct dataset *dataset, uint64_t step, float *out, GError **error);

/* The same batch made here and now, leaving what is read ahead alone: for samples out of turn. */
bool dataset_make (struct dataset *dataset, uint64_t step, float *out, GError **error);

/* Fills @out with @n crops, the first @each of every batch from number @step on, made here and now: for sheets. */
bool dataset_pick (struct dataset *dataset, uint64_t step, int each, int n, float *out, GError **error);

/* Pictures in the folder, those left out included. */
guint dataset_count (const struct dataset *dataset);

/* "path: reason" for each file left out since the last call, each once; NULL-terminated, g_strfreev. */
char **dataset_report (struct dataset *dataset);
