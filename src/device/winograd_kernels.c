/* SPDX-License-Identifier: Apache-2.0
 *
 * Winograd's minimal filtering over channels-last pictures (Winograd 1980; Lavin and Gray, "Fast Algorithms for
 * Convolutional Neural Networks", 2016):
 *
 *   Y = A' [ (G g G') . (B' d B) ] A        36 products for 16 results of a 3x3 weight, where the sum takes 144,
 *                                           and for 25 results of a 2x2 weight, where it takes 100
 *
 * with the interpolation points 0, +-a, +-b and infinity, which alone determine B. a = 11/16 and b = 23/16 keep the
 * rounding error least among sixteenths, a third of that of the textbook's 1 and 2; their squares are exact. Compiled
 * once for each instruction set; lanes run over channels. */
#include "device/winograd.h"

#include <string.h>

#if defined __AVX512F__
#define LANES 16
#define ROWS 12 /* of a register block; it is two vectors wide */
#elif defined __AVX2__
#define LANES 8
#define ROWS 6
#else
#define LANES 4
#define ROWS 4
#endif
#define INLINE static inline __attribute__ ((always_inline))

typedef float lanes __attribute__ ((vector_size (LANES * sizeof (float))));
typedef int32_t mask __attribute__ ((vector_size (LANES * sizeof (float))));

#define A 0.6875f
#define B 1.4375f
#define A2 (A * A)
#define B2 (B * B)

INLINE lanes
load (const float *x)
{
  lanes v;

  memcpy (&v, x, sizeof v);
  return v;
}

INLINE void
store (float *y, lanes v)
{
  memcpy (y, &v, sizeof v);
}

/* Transforms of one line */

/* y = B' d */
INLINE void
transform_picture (lanes *y, int64_t step, const lanes *d)
{
  lanes even_b = d[4] - B2 * d[2], odd_b = A * (d[3] - B2 * d[1]);
  lanes even_a = d[4] - A2 * d[2], odd_a = B * (d[3] - A2 * d[1]);

  y[0] = d[4] - (A2 + B2) * d[2] + A2 * B2 * d[0];
  y[step] = even_b + odd_b;
  y[2 * step] = even_b - odd_b;
  y[3 * step] = even_a + odd_a;
  y[4 * step] = even_a - odd_a;
  y[5 * step] = d[5] - (A2 + B2) * d[3] + A2 * B2 * d[1];
}

/* y = G g, of two or three taps */
INLINE void
transform_weight (lanes *y, int64_t step, const lanes *g, int taps)
{
  const float at_0 = 1 / (A2 * B2), at_a = 1 / (2 * A2 * (A2 - B2)), at_b = 1 / (2 * B2 * (B2 - A2));
  lanes last = taps == 3 ? g[2] : (lanes){0};
  lanes even_a = at_a * g[0] + (at_a * A2) * last, odd_a = (at_a * A) * g[1];
  lanes even_b = at_b * g[0] + (at_b * B2) * last, odd_b = (at_b * B) * g[1];

  y[0] = at_0 * g[0];
  y[step] = even_a + odd_a;
  y[2 * step] = even_a - odd_a;
  y[3 * step] = even_b + odd_b;
  y[4 * step] = even_b - odd_b;
  y[5 * step] = g[taps - 1];
}

/* y = A' m, four or five results */
INLINE void
transform_result (lanes *y, int64_t step, const lanes *m, int results)
{
  lanes even_a = m[1] + m[2], odd_a = m[1] - m[2], even_b = m[3] + m[4], odd_b = m[3] - m[4];

  y[0] = m[0] + even_a + even_b;
  y[step] = A * odd_a + B * odd_b;
  y[2 * step] = A2 * even_a + B2 * even_b;
  y[3 * step] = (A * A2) * odd_a + (B * B2) * odd_b;
  if (results == 5)
    y[4 * step] = (A2 * A2) * even_a + (B2 * B2) * even_b;
  y[(results - 1) * step] += m[5];
}

/* y = A d, of four results: transform_result turned around */
INLINE void
turn_result (lanes *y, int64_t step, const lanes *d)
{
  lanes even_a = d[0] + A2 * d[2], odd_a = A * d[1] + (A * A2) * d[3];
  lanes even_b = d[0] + B2 * d[2], odd_b = B * d[1] + (B * B2) * d[3];

  y[0] = d[0];
  y[step] = even_a + odd_a;
  y[2 * step] = even_a - odd_a;
  y[3 * step] = even_b + odd_b;
  y[4 * step] = even_b - odd_b;
  y[5 * step] = d[3];
}

/* y = G' u, three taps: transform_weight turned around */
INLINE void
turn_weight (lanes *y, int64_t step, const lanes *u)
{
  const float at_0 = 1 / (A2 * B2), at_a = 1 / (2 * A2 * (A2 - B2)), at_b = 1 / (2 * B2 * (B2 - A2));
  lanes even_a = at_a * (u[1] + u[2]), odd_a = at_a * (u[1] - u[2]);
  lanes even_b = at_b * (u[3] + u[4]), odd_b = at_b * (u[3] - u[4]);

  y[0] = at_0 * u[0] + even_a + even_b;
  y[step] = A * odd_a + B * odd_b;
  y[2 * step] = A2 * even_a + B2 * even_b + u[5];
}

/* Picture */

INLINE void
gather_lanes (float *v, size_t plane, const float *const *pixel, int64_t c)
{
  lanes d[WINOGRAD_TILE], t[WINOGRAD_POINTS];

#pragma GCC unroll 36
  for (int j = 0; j < WINOGRAD_TILE; j++) {
#pragma GCC unroll 36
    for (int i = 0; i < WINOGRAD_TILE; i++)
      d[i] = load (pixel[i * WINOGRAD_TILE + j] + c);
    transform_picture (t + j, WINOGRAD_TILE, d);
  }
#pragma GCC unroll 36
  for (int i = 0; i < WINOGRAD_TILE; i++) {
    transform_picture (d, 1, t + i * WINOGRAD_TILE);
#pragma GCC unroll 36
    for (int j = 0; j < WINOGRAD_TILE; j++)
      store (v + (size_t) (i * WINOGRAD_TILE + j) * plane, d[j]);
  }
}

typedef void (*gather_fn) (float *v, size_t plane, const float *const *pixel, int64_t c);

/* One tile of @pixels, @block channels after the other; the last ones, fewer than a block, with zeros behind them. */
INLINE void
gather_blocks (float *v, size_t plane, size_t stride, const float *const *pixel, int64_t channels, int pixels,
               int64_t block, gather_fn gather_one)
{
  int64_t c = 0;

  for (; c + block <= channels; c += block, v += stride)
    for (int64_t i = 0; i < block; i += LANES)
      gather_one (v + i, plane, pixel, c + i);
  if (c == channels)
    return;
  float pad[WINOGRAD_POINTS][WINOGRAD_PANEL] = {0};
  const float *padded[WINOGRAD_POINTS];
  for (int k = 0; k < pixels; k++) {
    memcpy (pad[k], pixel[k] + c, (size_t) (channels - c) * sizeof (float));
    padded[k] = pad[k];
  }
  for (int64_t i = 0; i < block; i += LANES)
    gather_one (v + i, plane, padded, i);
}

static void
gather (float *v, size_t plane, size_t block_stride, const float *const *pixel, int64_t channels)
{
  gather_blocks (v, plane, block_stride, pixel, channels, WINOGRAD_POINTS, WINOGRAD_BLOCK, gather_lanes);
}

/* Products */

/* @rows tiles by two vectors of outputs; sums run over the channels in order. */
INLINE void
multiply_rows (float *m, const float *v, size_t block_stride, const float *u, int64_t channels, int rows)
{
  lanes sum[ROWS][2];

#pragma GCC unroll 36
  for (int r = 0; r < rows; r++)
    sum[r][0] = sum[r][1] = (lanes){0};
  for (int64_t c = 0; c < channels; c += WINOGRAD_BLOCK, v += block_stride) {
    int64_t end = channels - c < WINOGRAD_BLOCK ? channels - c : WINOGRAD_BLOCK;

    for (int64_t i = 0; i < end; i++, u += WINOGRAD_PANEL) {
      lanes u0 = load (u), u1 = load (u + LANES);

#pragma GCC unroll 36
      for (int r = 0; r < rows; r++) {
        float x = v[r * WINOGRAD_BLOCK + i];
        sum[r][0] += x * u0;
        sum[r][1] += x * u1;
      }
    }
  }
#pragma GCC unroll 36
  for (int r = 0; r < rows; r++) {
    store (m + r * WINOGRAD_PANEL, sum[r][0]);
    store (m + r * WINOGRAD_PANEL + LANES, sum[r][1]);
  }
}

#define CASE(n) \
  case n: multiply_rows (m, v, block_stride, u, channels, n < ROWS ? n : ROWS); break;

static void
multiply_group (float *m, const float *v, size_t block_stride, const float *u, int64_t channels, int64_t rows)
{
  switch (rows) {
    CASE (1)
    CASE (2)
    CASE (3) CASE (4) CASE (5) CASE (6) CASE (7) CASE (8) CASE (9) CASE (10) CASE (11) CASE (12) default : break;
  }
}

/* Groups of equal size: a short one would wait for the weights. */
static void
multiply (float *m, const float *v, size_t block_stride, const float *u, int64_t tiles, int64_t channels)
{
  int64_t groups = (tiles + ROWS - 1) / ROWS;

  for (int64_t o = 0; o < WINOGRAD_PANEL; o += 2 * LANES)
    for (int64_t group = 0; group < groups; group++) {
      int64_t first = tiles * group / groups, end = tiles * (group + 1) / groups;

      multiply_group (m + first * WINOGRAD_PANEL + o, v + first * WINOGRAD_BLOCK, block_stride, u + o, channels,
                      end - first);
    }
}

/* Result */

/* NaN stays: its comparison is false. */
INLINE lanes
activate (lanes x, enum activation activation, float slope)
{
  mask negative;

  if (activation != ACTIVATION_RELU && activation != ACTIVATION_LEAKY_RELU)
    return x;
  negative = x < 0;
  return (lanes) (((mask) x & ~negative) |
                  ((mask) (activation == ACTIVATION_RELU ? (lanes){0} : slope * x) & negative));
}

INLINE void
store_pixel (float *pixel, lanes x, int64_t outputs)
{
  if (outputs >= LANES)
    store (pixel, x);
  else
    memcpy (pixel, &x, (size_t) outputs * sizeof (float));
}

INLINE void
scatter_lanes (float *const *pixel, const float *m, size_t plane, int64_t o, int64_t outputs,
               const struct winograd_epilogue *epilogue, int results)
{
  lanes line[WINOGRAD_TILE], t[WINOGRAD_POINTS], bias = load (epilogue->bias + o);

#pragma GCC unroll 36
  for (int j = 0; j < WINOGRAD_TILE; j++) {
#pragma GCC unroll 36
    for (int i = 0; i < WINOGRAD_TILE; i++)
      line[i] = load (m + (size_t) (i * WINOGRAD_TILE + j) * plane + o);
    transform_result (t + j, WINOGRAD_TILE, line, results);
  }
#pragma GCC unroll 36
  for (int i = 0; i < results; i++) {
    transform_result (line, 1, t + i * WINOGRAD_TILE, results);
#pragma GCC unroll 36
    for (int j = 0; j < results; j++)
      if (pixel[i * results + j] != NULL)
        store_pixel (pixel[i * results + j] + o, activate (line[j] + bias, epilogue->activation, epilogue->p[0]),
                     outputs - o);
  }
}

INLINE void
scatter (float *const *pixel, const float *m, size_t plane, int64_t outputs, const struct winograd_epilogue *epilogue,
         int results)
{
  for (int64_t o = 0; o < outputs; o += LANES)
    scatter_lanes (pixel, m, plane, o, outputs, epilogue, results);
  for (int k = 0; k < results * results && epilogue->other != NULL; k++) {
    const float *x = pixel[k];

    if (x != NULL)
      epilogue->other (pixel[k], &x, (size_t) outputs, epilogue->p);
  }
}

static void
scatter_4 (float *const *pixel, const float *m, size_t plane, int64_t outputs, const struct winograd_epilogue *epilogue)
{
  scatter (pixel, m, plane, outputs, epilogue, 4);
}

static void
scatter_5 (float *const *pixel, const float *m, size_t plane, int64_t outputs, const struct winograd_epilogue *epilogue)
{
  scatter (pixel, m, plane, outputs, epilogue, 5);
}

/* Weight */

INLINE void
weights (float *u, size_t plane, const float *w, int64_t w_stride, int64_t outputs, bool turned, int taps)
{
  float tap[9][WINOGRAD_PANEL] = {0};
  lanes g[3], t[3 * WINOGRAD_TILE], line[WINOGRAD_TILE];

  for (int64_t o = 0; o < outputs; o++)
    for (int k = 0; k < taps * taps; k++)
      tap[k][o] = w[o * w_stride + (turned ? taps * taps - 1 - k : k)];
  for (int64_t o = 0; o < WINOGRAD_PANEL; o += LANES) {
    for (int j = 0; j < taps; j++) {
      for (int i = 0; i < taps; i++)
        g[i] = load (tap[i * taps + j] + o);
      transform_weight (t + j, taps, g, taps);
    }
    for (int i = 0; i < WINOGRAD_TILE; i++) {
      transform_weight (line, 1, t + i * taps, taps);
      for (int j = 0; j < WINOGRAD_TILE; j++)
        store (u + (size_t) (i * WINOGRAD_TILE + j) * plane + o, line[j]);
    }
  }
}

static void
weights_3 (float *u, size_t plane, const float *w, int64_t w_stride, int64_t outputs, bool turned)
{
  weights (u, plane, w, w_stride, outputs, turned, 3);
}

static void
weights_2 (float *u, size_t plane, const float *w, int64_t w_stride, int64_t outputs, bool turned)
{
  weights (u, plane, w, w_stride, outputs, turned, 2);
}

/* The derivative for the weight */

INLINE void
gather_result_lanes (float *z, size_t plane, const float *const *pixel, int64_t o)
{
  lanes d[4], t[4 * WINOGRAD_TILE], line[WINOGRAD_TILE];

#pragma GCC unroll 36
  for (int j = 0; j < 4; j++) {
#pragma GCC unroll 36
    for (int i = 0; i < 4; i++)
      d[i] = load (pixel[i * 4 + j] + o);
    turn_result (t + j, 4, d);
  }
#pragma GCC unroll 36
  for (int i = 0; i < WINOGRAD_TILE; i++) {
    turn_result (line, 1, t + i * 4);
#pragma GCC unroll 36
    for (int j = 0; j < WINOGRAD_TILE; j++)
      store (z + (size_t) (i * WINOGRAD_TILE + j) * plane, line[j]);
  }
}

static void
gather_result (float *z, size_t plane, size_t panel_stride, const float *const *pixel, int64_t outputs)
{
  gather_blocks (z, plane, panel_stride, pixel, outputs, 16, WINOGRAD_PANEL, gather_result_lanes);
}

/* @rows channels by two vectors of outputs; sums run over the tiles in order. */
INLINE void
accumulate_rows (float *u, const float *v, const float *z, int64_t tiles, bool first, int rows)
{
  lanes sum[ROWS][2];

#pragma GCC unroll 36
  for (int r = 0; r < rows; r++) {
    sum[r][0] = first ? (lanes){0} : load (u + r * WINOGRAD_PANEL);
    sum[r][1] = first ? (lanes){0} : load (u + r * WINOGRAD_PANEL + LANES);
  }
  for (int64_t tile = 0; tile < tiles; tile++, v += WINOGRAD_BLOCK, z += WINOGRAD_PANEL) {
    lanes z0 = load (z), z1 = load (z + LANES);

#pragma GCC unroll 36
    for (int r = 0; r < rows; r++) {
      float x = v[r];
      sum[r][0] += x * z0;
      sum[r][1] += x * z1;
    }
  }
#pragma GCC unroll 36
  for (int r = 0; r < rows; r++) {
    store (u + r * WINOGRAD_PANEL, sum[r][0]);
    store (u + r * WINOGRAD_PANEL + LANES, sum[r][1]);
  }
}

static void
accumulate (float *u, const float *v, const float *z, int64_t tiles, bool first)
{
  for (int64_t o = 0; o < WINOGRAD_PANEL; o += 2 * LANES, u += 2 * LANES, z += 2 * LANES) {
#if ROWS == 12 /* 16 channels as two groups, three or four */
    for (int64_t c = 0; c < WINOGRAD_BLOCK; c += 8)
      accumulate_rows (u + c * WINOGRAD_PANEL, v + c, z, tiles, first, 8);
#elif ROWS == 6
    accumulate_rows (u, v, z, tiles, first, 6);
    accumulate_rows (u + 6 * WINOGRAD_PANEL, v + 6, z, tiles, first, 5);
    accumulate_rows (u + 11 * WINOGRAD_PANEL, v + 11, z, tiles, first, 5);
#else
    for (int64_t c = 0; c < WINOGRAD_BLOCK; c += 4)
      accumulate_rows (u + c * WINOGRAD_PANEL, v + c, z, tiles, first, 4);
#endif
  }
}

static void
gradient (float *w, int64_t w_stride, const float *u, size_t plane, int64_t outputs)
{
  float tap[9][WINOGRAD_PANEL];

  for (int64_t o = 0; o < outputs; o += LANES) {
    lanes line[WINOGRAD_TILE], t[3 * WINOGRAD_TILE], g[3];

    for (int j = 0; j < WINOGRAD_TILE; j++) {
      for (int i = 0; i < WINOGRAD_TILE; i++)
        line[i] = load (u + (size_t) (i * WINOGRAD_TILE + j) * plane + o);
      turn_weight (t + j, WINOGRAD_TILE, line);
    }
    for (int i = 0; i < 3; i++) {
      turn_weight (g, 1, t + i * WINOGRAD_TILE);
      for (int j = 0; j < 3; j++)
        store (tap[i * 3 + j] + o, g[j]);
    }
  }
  for (int64_t o = 0; o < outputs; o++)
    for (int k = 0; k < 9; k++)
      w[o * w_stride + k] = tap[k][o];
}

extern const struct winograd_kernels WINOGRAD_SET;

const struct winograd_kernels WINOGRAD_SET = {
  .gather = gather,
  .multiply = multiply,
  .scatter = {[WINOGRAD_3] = scatter_4, [WINOGRAD_2] = scatter_5},
  .weights = {[WINOGRAD_3] = weights_3, [WINOGRAD_2] = weights_2},
  .gather_result = gather_result,
  .accumulate = accumulate,
  .gradient = gradient,
};
