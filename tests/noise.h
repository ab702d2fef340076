/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers that look random and that the scripts of tests/oracle compute too: uniform in [-0.5, 0.5), a multiplicative
 * hash of the index, seeded by FNV-1a of the name. */
#pragma once

#include <stdint.h>

/* Calls from a loop over one name share the seed. */
static inline uint32_t
noise_seed (const char *name)
{
  uint32_t seed = 2166136261u;
  for (; *name; name++)
    seed = (seed ^ (uint8_t) *name) * 16777619u;
  return seed;
}

static inline double
noise_at (uint32_t seed, int64_t i)
{
  uint32_t x = (uint32_t) ((i + 1) * 2654435761u) + seed;
  x = ((x >> 15) ^ x) * 2246822519u;
  x = (x >> 13) ^ x;
  return x / 4294967296.0 - 0.5;
}

static inline void
noise_fill (const char *name, double scale, double shift, float *out, int64_t n)
{
  uint32_t seed = noise_seed (name);
  for (int64_t i = 0; i < n; i++)
    out[i] = noise_at (seed, i) * scale + shift;
}
