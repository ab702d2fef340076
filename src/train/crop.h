/* SPDX-License-Identifier: Apache-2.0
 *
 * What is drawn for a crop: which picture it is of, and where it lies. Pure functions of a key, so that nothing depends
 * on who makes a crop when. */
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

/* Luma (BT.709) of planes of @n red, green and blue numbers; of a grey picture exactly its grey. */
void crop_to_grey (const float *rgb, size_t n, float *out);

/* Linear in what sRGB encodes: a camera's lights reach white sooner, its shadows change less. */
void crop_brighten (float *x, size_t n, float gain);
