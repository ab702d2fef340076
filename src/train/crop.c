/* SPDX-License-Identifier: Apache-2.0
 *
 * Draws of crops; see crop.h. */
#include "train/crop.h"

#include <math.h>

#define DRAWS 8              /* random numbers reserved for a crop */
#define SHUFFLE (1ull << 40) /* where the draws of an epoch's order begin: beyond those of any crop */

/* Four rounds of a Feistel network over the next power of four, walked until inside. */
uint64_t
crop_picture (struct random_key key, uint64_t i, uint64_t n)
{
  int half = 1;
  uint64_t mask;

  while (half < 31 && (uint64_t) 1 << (2 * half) < n)
    half++;
  mask = ((uint64_t) 1 << half) - 1;
  do {
    uint64_t left = i >> half, right = i & mask;

    for (uint64_t round = 0; round < 4; round++) {
      uint64_t mixed = left ^ (random_bits (key, SHUFFLE | round << 32 | right) & mask);
      left = right;
      right = mixed;
    }
    i = left << half | right;
  } while (i >= n);
  return i;
}

struct bitmap_view
crop_view (const struct dataset_options *o, struct random_key key, int item, const struct bitmap *bitmap)
{
  uint64_t first = (uint64_t) item * DRAWS;
  double angle = (2 * random_uniform (key, first) - 1) * o->rotation * G_PI / 180;
  double box = cos (angle) + fabs (sin (angle)); /* side of the upright square around a turned square of side 1 */
  double zoom = box + random_uniform (key, first + 1) * MAX (o->zoom - box, 0);
  double scale = MIN (bitmap->width, bitmap->height) / (zoom * o->size);
  double reach = scale * box * o->size / 2;

  return (struct bitmap_view){
    .x = reach + random_uniform (key, first + 2) * (bitmap->width - 2 * reach),
    .y = reach + random_uniform (key, first + 3) * (bitmap->height - 2 * reach),
    .scale = scale,
    .angle = angle,
    .mirror = !o->keep_handedness && random_uniform (key, first + 4) < 0.5,
  };
}

float
crop_gain (const struct dataset_options *o, struct random_key key, int item)
{
  uint64_t first = (uint64_t) item * DRAWS;
  bool over = random_uniform (key, first + 5) < o->overexposed;
  return over ? 1 + (float) random_uniform (key, first + 6) : 1;
}

void
crop_to_grey (const float *rgb, size_t n, float *out)
{
  for (size_t i = 0; i < n; i++)
    out[i] = rgb[n + i] + 0.2126f * (rgb[i] - rgb[n + i]) + 0.0722f * (rgb[2 * n + i] - rgb[n + i]);
}

void
crop_brighten (float *x, size_t n, float gain)
{
  for (size_t i = 0; gain > 1 && i < n; i++)
    x[i] = MIN (gain * x[i], 1);
}
