/* SPDX-License-Identifier: Apache-2.0
 *
 * Counter-based random numbers (Philox4x32-10, Salmon et al. 2011): a pure function of (seed, stream, step, index), so
 * that any draw can be made again without a state to keep: by another thread, after a resume, in another order. */
#pragma once

#include <stdint.h>
#include <stddef.h>

struct random_key {
  uint64_t seed;   /* the run's seed */
  uint32_t stream; /* which use: a dropout layer, the crop of a photograph */
  uint64_t step;   /* which training step or item */
};

/* Four words of one block: the generator itself, for tests against its published vectors. */
struct random_block {
  uint32_t word[4];
};
struct random_block random_philox (struct random_block counter, uint32_t key0, uint32_t key1);

/* 32 random bits number @index of @key. For one seed no two (stream, step, index) share their bits' counter. */
uint32_t random_bits (struct random_key key, uint64_t index);

/* Uniform in [0, 1), 24 bits. */
double random_uniform (struct random_key key, uint64_t index);

/* Standard normal (Box-Muller of draws 2*index and 2*index+1). */
double random_normal (struct random_key key, uint64_t index);

/* Uniform integer in [0, n), n >= 1, from draws 2*index and 2*index+1. */
uint64_t random_below (struct random_key key, uint64_t index, uint64_t n);

/* Draws index..index+n-1 at once, the same numbers as one by one. */
void random_uniform_fill (struct random_key key, uint64_t index, float *out, size_t n);
void random_normal_fill (struct random_key key, uint64_t index, float *out, size_t n);
