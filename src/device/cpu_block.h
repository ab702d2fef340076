/* SPDX-License-Identifier: Apache-2.0
 *
 * Internal to this room: the product y = a b of two matrices so small that one thread computes it within its caches.
 * Made once for its extents and shared: any number of threads run it at the same time, each as the number it was given.
 * a and y are contiguous. b lies as strides say and is read in place, or is packed before, once for many products. */
#pragma once

#include "device/cpu_primitive.h"

struct block_product;

/* @dims: rows, inner and columns. @stride: between rows and columns of b, one of them 1; or NULL, then b is contiguous
 * with @transposed telling which way, and has to be packed. Products of bfloat16 are added up and stored as float32.
 * Call it while oneDNN is set to one thread. */
struct block_product *block_product_new (const int64_t dims[3], enum dtype dtype, const int64_t *stride,
                                         bool transposed, int threads, GError **error);
void block_product_free (struct block_product *product);

/* Bytes that a run wants of scratch, and of b when packed. */
size_t block_product_scratch (const struct block_product *product);
size_t block_product_packed (const struct block_product *product);

/* Lays out @b into @packed. */
void block_product_pack (struct block_product *product, int thread, const void *b, void *packed);
void block_product_run (struct block_product *product, int thread, const void *a, const void *b, float *y,
                        void *scratch);
const char *block_product_name (const struct block_product *product);
