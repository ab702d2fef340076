/* SPDX-License-Identifier: Apache-2.0
 *
 * Lifetimes to offsets: packs buffers that live during [first, last] steps into one workspace. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct span {
  int first, last; /* steps, inclusive */
  size_t size;     /* bytes */
  size_t offset;   /* result, a multiple of 64 */
};

/* Greedy by size: the largest buffer first, each at the lowest offset where nothing that lives at the same time is in
 * the way (Pisarchyk and Lee 2020). Returns the bytes of the workspace. */
size_t memory_pack (struct span *spans, int n);
