/* SPDX-License-Identifier: Apache-2.0
 *
 * What a GAN learns from: batches of pictures in -1..1 with their classes. Batch number n is a pure function of the
 * data, the options and the seed; every epoch shows every picture once. One owner, one thread at a time. */
#pragma once

#include "train/dataset.h"

struct gan_data_options {
  int side, channels; /* of a picture; 1 or 3 channels */
  int batch;
  uint64_t seed, first; /* the batch where reading ahead begins */
  double zoom;          /* crops of folders: as of train/dataset.h; at least 1 */
  double rotation;      /* degrees to either side */
  bool mirror;          /* half of the time */
};

typedef struct gan_data gan_data;

/* A folder of pictures, or an IDX file (MNIST), plain or gzip, or a folder that holds one of pictures; its labels lie beside it.
 * IMPASTO_ERROR_INPUT, IMPASTO_ERROR_MEMORY. */
struct gan_data *gan_data_open (const char *path, const struct gan_data_options *options, GError **error);
void gan_data_free (struct gan_data *data);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (gan_data, gan_data_free)

/* Fills @pictures, (batch, channels, side, side), and @labels, (batch). */
bool gan_data_batch (struct gan_data *data, uint64_t n, float *pictures, int *labels, GError **error);

int gan_data_classes (const struct gan_data *data); /* 0: there are none */

/* The folder's dataset, for its report; NULL of an IDX file. */
struct dataset *gan_data_folder (struct gan_data *data);
