/* SPDX-License-Identifier: Apache-2.0
 *
 * Philox4x32-10 (J. Salmon, M. Moraes, R. Dror, D. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011):
 * ten rounds of multiplications mix a 128-bit counter under a 64-bit key into four 32-bit words. Draw number i is word
 * i mod 4 of block i / 4. Stream, step and block together need 158 bits: the counter takes the stream and 48 bits each
 * of block and step, the few bits above go into the key; so no two draws of one seed share both counter and key. */
#include "base/random.h"

#include <glib.h>
#include <math.h>

#define ROUNDS 10

struct random_block
random_philox (struct random_block counter, uint32_t key0, uint32_t key1)
{
  struct random_block c = counter;

  for (int round = 0; round < ROUNDS; round++) {
    uint64_t even = (uint64_t) 0xD2511F53u * c.word[0];
    uint64_t odd = (uint64_t) 0xCD9E8D57u * c.word[2];

    c = (struct random_block){{(uint32_t) (odd >> 32) ^ c.word[1] ^ key0, (uint32_t) odd,
                               (uint32_t) (even >> 32) ^ c.word[3] ^ key1, (uint32_t) even}};
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return c;
}

static struct random_block
block_at (struct random_key key, uint64_t block)
{
  uint32_t block_high = (uint32_t) (block >> 32) & 0xFFFF, block_top = (uint32_t) (block >> 48);
  uint32_t step_high = (uint32_t) (key.step >> 32) & 0xFFFF, step_top = (uint32_t) (key.step >> 48);
  struct random_block counter = {{(uint32_t) block, (uint32_t) key.step, key.stream, block_high << 16 | step_high}};

  return random_philox (counter, (uint32_t) key.seed, (uint32_t) (key.seed >> 32) ^ (block_top << 16 | step_top));
}

/* Bits to [0, 1) in steps of 2^-24, so that a float holds the number exactly. */
static double
uniform_from (uint32_t bits)
{
  return (bits >> 8) * 0x1p-24;
}

/* Box-Muller; the radius takes (0, 1] so that its logarithm is finite. Reaches 6.66 standard deviations. */
static double
normal_from (uint32_t radius_bits, uint32_t angle_bits)
{
  double radius = sqrt (-2 * log ((radius_bits + 1.0) * 0x1p-32));

  return radius * cos (2 * G_PI * (angle_bits * 0x1p-32));
}

uint32_t
random_bits (struct random_key key, uint64_t index)
{
  return block_at (key, index / 4).word[index % 4];
}

double
random_uniform (struct random_key key, uint64_t index)
{
  return uniform_from (random_bits (key, index));
}

/* Draws 2*index and 2*index+1 are neighbours in block index/2. */
double
random_normal (struct random_key key, uint64_t index)
{
  struct random_block b = block_at (key, index / 2);
  int first = 2 * (int) (index % 2);

  return normal_from (b.word[first], b.word[first + 1]);
}

/* The high half of 64 bits times n: a bias of at most n / 2^64. */
uint64_t
random_below (struct random_key key, uint64_t index, uint64_t n)
{
  struct random_block b = block_at (key, index / 2);
  int first = 2 * (int) (index % 2);
  uint64_t n_low = (uint32_t) n, n_high = n >> 32;
  uint64_t low = b.word[first], high = b.word[first + 1];
  uint64_t middle = high * n_low + (low * n_low >> 32);
  uint64_t cross = low * n_high + (uint32_t) middle;

  return high * n_high + (middle >> 32) + (cross >> 32);
}

void
random_uniform_fill (struct random_key key, uint64_t index, float *out, size_t n)
{
  struct random_block b = block_at (key, index / 4);

  for (size_t i = 0; i < n; i++) {
    uint64_t draw = index + i;

    if (i > 0 && draw % 4 == 0)
      b = block_at (key, draw / 4);
    out[i] = (float) uniform_from (b.word[draw % 4]);
  }
}

void
random_normal_fill (struct random_key key, uint64_t index, float *out, size_t n)
{
  struct random_block b = block_at (key, index / 2);

  for (size_t i = 0; i < n; i++) {
    uint64_t draw = index + i;
    int first = 2 * (int) (draw % 2);

    if (i > 0 && first == 0)
      b = block_at (key, draw / 2);
    out[i] = (float) normal_from (b.word[first], b.word[first + 1]);
  }
}
