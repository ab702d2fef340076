/* SPDX-License-Identifier: Apache-2.0
 *
 * What is drawn for a crop: which picture it is of, and where it lies. Pure functions of a key, so that nothing depends on
 * who makes a crop when. */
#pragma once

#include "base/random.h"
#include "image/bitmap.h"
#include "train/dataset.h"

/* Picture @i of an epoch of @n: a permutation of 0..n-1, another one for every key. */
uint64_t crop_picture (struct random_key key, uint64_t i, uint64_t n);

/* Where crop @item of a step lies in the bitmap. */
struct bitmap_view crop_view (const struct dataset_options *options, struct random_key key, int item,
                              const struct bitmap *bitmap);

/* What its numbers, 0..1, are to be multiplied by: 1, or more where the crop is one of the overexposed. */
float crop_gain (const struct dataset_options *options, struct random_key key, int item);
