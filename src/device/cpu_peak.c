/* SPDX-License-Identifier: Apache-2.0
 *
 * What this machine reaches at best: dense convolutions between wide channel counts that stay in the caches, carried out
 * directly, so that every operation counted is one that was done. A network's share of it says how much is left. It is
 * what oneDNN makes of the multiply-add units, not their data sheet: in float32 about 85 % of these, where bfloat16 goes
 * through AMX tiles 60 to 65 %. */
#include <omp.h>

#include "device/cpu_conv.h"
#include "impasto/error.h"

#define PEAK_SECONDS 0.06 /* for each problem: at least so long */
#define PEAK_RUNS 5       /* and so often */

/* 3x3, the same channels in and out. */
static const struct {
  int64_t channels, side;
} problems[] = {{128, 32}, {128, 64}, {256, 32}};

/* Numbers from 0.5 to 1 of either type: what is multiplied does not matter as long as none is denormal. */
static void *
numbers (const struct value *value)
{
  size_t bytes = value_bytes (value);
  void *data = g_try_malloc (bytes);

  for (size_t i = 0; data != NULL && i < bytes / dtype_size (value->dtype); i++)
    if (value->dtype == DTYPE_BF16)
      ((uint16_t *) data)[i] = 0x3f00 | (i & 0x7f);
    else
      ((float *) data)[i] = 0.5f + (float) (i & 0x7f) / 256;
  return data;
}

/* Seconds of the fastest of many runs: other programs only ever make it slower. */
static double
fastest_run (const struct kernel *kernel, void *scratch)
{
  struct run_context context = {0};
  double begin = omp_get_wtime (), best = G_MAXDOUBLE;

  for (int i = 0; i < PEAK_RUNS || omp_get_wtime () - begin < PEAK_SECONDS; i++) {
    double start = omp_get_wtime ();
    kernel->run (kernel, scratch, &context);
    best = MIN (best, omp_get_wtime () - start);
  }
  return MAX (best, 1e-9);
}

static double
problem_gflops (int64_t channels, int64_t side, enum dtype dtype)
{
  struct conv_attrs attrs = {.stride = {1, 1}, .pad = {1, 1, 1, 1}, .dilation = {1, 1}, .groups = 1};
  struct value x = {.shape = SHAPE (1, channels, side, side), .layout = LAYOUT_LAST, .dtype = dtype};
  struct value y = x, w = {.shape = SHAPE (channels, channels, 3, 3), .constant = true};
  g_autofree void *x_data = numbers (&x), *y_data = numbers (&y), *w_data = numbers (&w), *scratch = NULL;
  const struct value *inputs[2] = {&x, &w};
  struct kernel kernel = {.attrs = &attrs, .n_inputs = 2, .x = inputs, .y = &y};
  double seconds = 0;

  x.data = x_data;
  y.data = y_data;
  w.data = w_data;
  if (x_data == NULL || y_data == NULL || w_data == NULL || !direct_conv2d (&kernel, NULL))
    return 0;
  scratch = g_try_malloc (kernel.scratch + 64);
  if (scratch != NULL)
    seconds = fastest_run (&kernel, (void *) (((uintptr_t) scratch + 63) / 64 * 64));
  kernel_clear (&kernel);
  return seconds > 0 ? 2e-9 * 9 * (double) (channels * channels * side * side) / seconds : 0;
}

double
cpu_peak_gflops (bool bf16, int threads)
{
  struct cpu_scope scope = cpu_enter (threads);
  double best = 0;

  for (size_t i = 0; i < G_N_ELEMENTS (problems); i++)
    best = MAX (best, problem_gflops (problems[i].channels, problems[i].side, bf16 ? DTYPE_BF16 : DTYPE_F32));
  cpu_leave (scope);
  return best;
}
