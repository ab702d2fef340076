/* SPDX-License-Identifier: Apache-2.0
 *
 * What this machine reaches at best: dense convolutions between wide channel counts that stay in the caches, carried
 * out directly, so that every operation counted is one that was done. A network's share of it says how much is left. It
 * is what oneDNN makes of the multiply-add units, not their data sheet: in float32 some 85 % of these, where bfloat16
 * goes through AMX tiles some 55 %. Numbers are not zero: with zeros the tiles run a fifth faster. */
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

/* A convolution of one thread, with data of its own. */
struct probe {
  struct conv_attrs attrs;
  struct value x, w, y;
  const struct value *inputs[2];
  struct kernel kernel;
  void *scratch;
  double seconds; /* of the fastest run: other programs only ever make it slower */
};

static bool
probe_init (struct probe *probe, int64_t channels, int64_t side, enum dtype dtype)
{
  probe->attrs = (struct conv_attrs){.stride = {1, 1}, .pad = {1, 1, 1, 1}, .dilation = {1, 1}, .groups = 1};
  probe->x = (struct value){.shape = SHAPE (1, channels, side, side), .layout = LAYOUT_LAST, .dtype = dtype};
  probe->y = probe->x;
  probe->w = (struct value){.shape = SHAPE (channels, channels, 3, 3), .constant = true};
  probe->x.data = numbers (&probe->x);
  probe->y.data = numbers (&probe->y);
  probe->w.data = numbers (&probe->w);
  probe->inputs[0] = &probe->x;
  probe->inputs[1] = &probe->w;
  probe->kernel = (struct kernel){.attrs = &probe->attrs, .n_inputs = 2, .x = probe->inputs, .y = &probe->y};
  if (probe->x.data == NULL || probe->y.data == NULL || probe->w.data == NULL || !direct_conv2d (&probe->kernel, NULL))
    return false;
  probe->scratch = g_try_malloc (probe->kernel.scratch + 64);
  return probe->scratch != NULL;
}

static void
probe_clear (struct probe *probe)
{
  kernel_clear (&probe->kernel);
  g_free (probe->x.data);
  g_free (probe->y.data);
  g_free (probe->w.data);
  g_free (probe->scratch);
}

static void
probe_run (struct probe *probe)
{
  void *scratch = (void *) (((uintptr_t) probe->scratch + 63) / 64 * 64);
  struct run_context context = {0};
  double begin = omp_get_wtime (), best = G_MAXDOUBLE;

  for (int i = 0; i < PEAK_RUNS || omp_get_wtime () - begin < PEAK_SECONDS; i++) {
    double start = omp_get_wtime ();
    probe->kernel.run (&probe->kernel, scratch, &context);
    best = MIN (best, omp_get_wtime () - start);
  }
  probe->seconds = MAX (best, 1e-9);
}

/* Every thread at once, each on a convolution of its own, so that nothing is spent on waiting for one another. */
static double
problem_gflops (int64_t channels, int64_t side, enum dtype dtype, int threads)
{
  g_autofree struct probe *probes = g_new0 (struct probe, threads);
  double flops = 2e-9 * 9 * (double) (channels * channels * side * side), sum = 0;
  bool ok = true;

  for (int i = 0; i < threads; i++)
    ok = ok && probe_init (&probes[i], channels, side, dtype);
  if (ok) {
#pragma omp parallel for schedule(static, 1) num_threads(threads)
    for (int i = 0; i < threads; i++)
      probe_run (&probes[i]);
    for (int i = 0; i < threads; i++)
      sum += flops / probes[i].seconds;
  }
  for (int i = 0; i < threads; i++)
    probe_clear (&probes[i]);
  return sum;
}

double
cpu_peak_gflops (bool bf16, int threads)
{
  struct cpu_scope scope = cpu_enter (threads);
  double best = 0;

  threads = cpu_threads ();
  cpu_set_threads (1); /* kernels are prepared for one */
  for (size_t i = 0; i < G_N_ELEMENTS (problems); i++) {
    double found = problem_gflops (problems[i].channels, problems[i].side, bf16 ? DTYPE_BF16 : DTYPE_F32, threads);
    best = MAX (best, found);
  }
  cpu_leave (scope);
  return best;
}
