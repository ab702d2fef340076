/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether the labels of pictures go with the pictures at all: before a run learns by them. */
#pragma once

#include "train/dataset.h"

#define LABELS_FEWEST 50 /* pictures by which to tell */

struct label_check {
  int n;            /* pictures looked at */
  double agreement; /* share of pictures whose label most of their five nearest neighbours have */
  double chance;    /* what labels dealt out at random would come to */
};

/* Looks at up to 500 pictures of @dataset, spread evenly, of @channels and @side, at an eighth of their size at least:
 * neighbours by squared distance of pixels. Labels that say anything of how pictures look agree more often than chance,
 * however poorly; those of another file, shuffled or all random, do not. IMPASTO_ERROR_INPUT, IMPASTO_ERROR_MEMORY. */
bool label_check (struct dataset *dataset, int side, int channels, struct label_check *check, GError **error);

/* Whether the labels say something: beyond three deviations of chance. Of fewer than LABELS_FEWEST pictures nothing is
 * known: yes. */
bool label_check_passes (const struct label_check *check);
