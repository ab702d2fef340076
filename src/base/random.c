/* SPDX-License-Identifier: Apache-2.0
 *
 * Philox4x32-10 (J. Salmon, M. Moraes, R. Dror, D. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011):
 * ten rounds of multiplications mix a 128-bit counter under a 64-bit key into four 32-bit words. Draw number i is word
 * i mod 4 of block i / 4. Stream, step and block together need 158 bits: the counter takes 48 bits of block and of
 * step and the stream, the few bits above go into the key; so no two draws of one seed ever share counter and key. */
#include "base/random.h"

#include <glib.h>
#include <math.h>

#define ROUNDS 10
#define TWO_32 4294967296.0

struct block {
  uint32_t word[4];
};

struct block random_philox (struct block counter, uint32_t key0, uint32_t key1)
{
  struct block c = counter;

  for (int round = 0; round < ROUNDS; round++) {
    uint64_t even = (uint64_t) 0xD2511F53u * c.word[0];
    uint64_t odd = (uint64_t) 0xCD9E8D57u * c.word[2];

    c = (struct block){{(uint32_t) (odd >> 32) ^ c.word[1] ^ key0, (uint32_t) odd,
                        (uint32_t) (even >> 32) ^ c.word[3] ^ key1, (uint32_t) even}};
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return c;
}
