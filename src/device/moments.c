/* SPDX-License-Identifier: Apache-2.0
 *
 * Mean and variance in one pass. Within a part, sums are taken of the distance to its first pixel, in float over some
 * hundred pixels and in double beyond: no cancellation as in E x^2 - (E x)^2, whatever the mean. */
#include "device/moments.h"

#include <omp.h>
#include <string.h>

#include "device/cpu.h"
#include "device/vector.h"

#define PARTS 32    /* a picture: the same for every number of threads */
#define SMALL 16384 /* elements below which threads do not pay */
#define RUN 512     /* pixels summed in float */

size_t
moments_buffer (int64_t channels)
{
  return (size_t) (MAX (MOMENTS_CHUNK, channels) + 3 * channels);
}

void
moments_measure (const void *x, enum dtype dtype, int64_t pixels, int64_t channels, float *buffer, double *mean,
                 double *squares)
{
  const struct vector_kernels *vector = vector_kernels ();
  int64_t chunk = CLAMP (MOMENTS_CHUNK / channels, 1, RUN);
  float *origin = buffer + MAX (MOMENTS_CHUNK, channels), *sum = origin + channels, *square = sum + channels;
  bool half = dtype == DTYPE_BF16;

  memset (mean, 0, (size_t) channels * sizeof *mean);
  memset (squares, 0, (size_t) channels * sizeof *squares);
  if (half)
    vector->from_bf16 (origin, x, (size_t) channels);
  else
    memcpy (origin, x, (size_t) channels * sizeof *origin);
  for (int64_t at = 0; at < pixels; at += chunk) {
    int64_t n = MIN (chunk, pixels - at);
    const float *values = (const float *) x + at * channels;

    if (half) {
      vector->from_bf16 (buffer, (const uint16_t *) x + at * channels, (size_t) (n * channels));
      values = buffer;
    }
    memset (sum, 0, 2 * (size_t) channels * sizeof *sum);
    vector->moments (values, (size_t) n, (size_t) channels, origin, sum, square);
    for (int64_t c = 0; c < channels; c++) {
      mean[c] += sum[c];
      squares[c] += square[c];
    }
  }
  for (int64_t c = 0; c < channels; c++) {
    double distance = mean[c] / (double) pixels;

    squares[c] = MAX (squares[c] - mean[c] * distance, 0.0); /* MAX keeps NaN: the comparison is then false */
    mean[c] = origin[c] + distance;
  }
}

void
moments_merge (int64_t count, double *mean, double *squares, int64_t pixels, const double *more_mean,
               const double *more_squares, int64_t channels)
{
  double share = (double) pixels / (double) (count + pixels);

  for (int64_t c = 0; c < channels; c++) {
    double distance = count > 0 ? more_mean[c] - mean[c] : 0;

    mean[c] = count > 0 ? mean[c] + distance * share : more_mean[c];
    squares[c] = (count > 0 ? squares[c] : 0) + more_squares[c] + distance * distance * share * (double) count;
  }
}

/* Scratch: for every part of every picture mean and squares, then a buffer a thread. */
static void
run (const struct kernel *kernel, void *scratch, const struct run_context *context)
{
  const struct value *x = kernel->x[0];
  const int64_t *d = x->shape.dim;
  int64_t channels = d[1], pixels = d[2] * d[3], part = (pixels + PARTS - 1) / PARTS;
  int64_t parts = (pixels + part - 1) / part;
  size_t element = x->dtype == DTYPE_BF16 ? 2 : 4, buffer = moments_buffer (channels);
  double *measured = scratch;
  float *buffers = (float *) (measured + 2 * channels * PARTS * d[0]);

#pragma omp parallel for schedule(static) if (d[0] * pixels * channels >= SMALL)
  for (int64_t i = 0; i < d[0] * parts; i++) {
    int64_t begin = i % parts * part, n = MIN (part, pixels - begin);
    const char *from = (const char *) x->data + (size_t) ((i / parts * pixels + begin) * channels) * element;

    moments_measure (from, x->dtype, n, channels, buffers + (size_t) omp_get_thread_num () * buffer,
                     measured + 2 * i * channels, measured + (2 * i + 1) * channels);
  }
  for (int64_t n = 0; n < d[0]; n++) {
    double *mean = measured + 2 * n * parts * channels, *squares = mean + channels;
    float *y = (float *) kernel->y->data + 2 * n * channels;

    for (int64_t i = 1; i < parts; i++)
      moments_merge (i * part, mean, squares, MIN (part, pixels - i * part), mean + 2 * i * channels,
                     squares + 2 * i * channels, channels);
    for (int64_t c = 0; c < channels; c++) {
      y[c] = (float) mean[c];
      y[channels + c] = (float) (squares[c] / (double) pixels);
    }
  }
}

bool
moments_prepare (struct kernel *kernel, GError **error)
{
  const int64_t *d = kernel->x[0]->shape.dim;

  kernel->scratch = (size_t) (2 * d[1] * PARTS * d[0]) * sizeof (double) +
                    (size_t) cpu_threads () * moments_buffer (d[1]) * sizeof (float);
  kernel->run = run;
  kernel->implementation = "one pass";
  return true;
}
