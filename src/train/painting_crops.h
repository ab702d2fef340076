/* SPDX-License-Identifier: Apache-2.0
 *
 * What painters of any style learn to paint like: paintings from files and folders, squares of them, and other colours
 * for those. The thread that trains. */
#pragma once

#include "base/random.h"
#include "image/picture.h"
#include "train/dataset.h"
#include "train/trainer.h"

/* The run's inputs, files and folders of them: struct picture, @shorter pixels on their shorter side; files of folders
 * are in the run's inventory, and those that cannot be used are told and left out. NULL: there is none
 * (IMPASTO_ERROR_USAGE), an input cannot be read. */
GPtrArray *paintings_load (struct trainer *trainer, double shorter, GError **error);

/* A square of the painting, (3, size, size): of its shorter side, or up to @zoom times as near; mirrored half of the
 * time. Four draws an item. */
bool painting_crop (const struct picture *painting, double zoom, int64_t size, struct random_key key, int item,
                    float *out, GError **error);

/* The crop that stands for the painting of column @i of @n in every sheet. */
bool painting_of_sheet (const GPtrArray *paintings, int i, int n, double zoom, int64_t size, float *out,
                        GError **error);

/* Writes a sheet of what is learnt from: crops of the paintings, then the photographs that training begins with. */
bool paintings_reals (const GPtrArray *paintings, double zoom, struct dataset *photos, int64_t batch, int64_t size,
                      const char *path, GError **error);

/* Other colours for a picture (3, n): hue turned by up to 60 degrees, saturation and contrast changed (in YIQ). */
void painting_recolour (float *rgb, int64_t n, struct random_key key);
