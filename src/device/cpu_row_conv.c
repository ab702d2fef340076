/* SPDX-License-Identifier: Apache-2.0
 *
 * A 1x1 convolution as the row source of the convolution behind it (cpu_band.h): a row of its result depends on the
 * same row of its input alone, so it need not be made before it is wanted, and a depthwise convolution of many channels
 * reads it from the cache. One kernel a thread, each for one row. */
#include <omp.h>

#include "device/cpu_band.h"

/* The convolution of one row by one thread. */
struct row_worker {
  struct kernel kernel;
  struct value x, y;
  const struct value *inputs[2];
};

struct row_conv {
  int threads;
  struct row_worker *worker;
};

static void
begin (const void *state, void *scratch)
{
}

static void
fill (const void *state, void *scratch, int64_t start, int64_t count, void *target)
{
  const struct kernel *kernel = state;
  const struct row_conv *conv = kernel->state;
  struct row_worker *worker = &conv->worker[omp_get_thread_num ()];
  size_t row = value_bytes (&worker->x);
  struct run_context context = {0};

  worker->x.data = (char *) kernel->x[0]->data + (size_t) (start / count) * row;
  worker->y.data = target;
  worker->kernel.run (&worker->kernel, scratch, &context);
}

static void
row_conv_free (void *state)
{
  struct row_conv *conv = state;

  for (int t = 0; t < conv->threads; t++)
    kernel_clear (&conv->worker[t].kernel);
  g_free (conv->worker);
  g_free (conv);
}

static bool
prepare_worker (const struct kernel *kernel, struct row_worker *worker, const struct kernel *twin, GError **error)
{
  const struct value *x = kernel->x[0], *y = kernel->y;

  worker->x =
    (struct value){.shape = SHAPE (1, x->shape.dim[1], 1, x->shape.dim[3]), .layout = LAYOUT_LAST, .dtype = x->dtype};
  worker->y =
    (struct value){.shape = SHAPE (1, y->shape.dim[1], 1, y->shape.dim[3]), .layout = LAYOUT_LAST, .dtype = y->dtype};
  worker->inputs[0] = &worker->x;
  worker->inputs[1] = kernel->x[1];
  worker->kernel = (struct kernel){.attrs = kernel->attrs,
                                   .n_inputs = 2,
                                   .x = worker->inputs,
                                   .y = &worker->y,
                                   .bias = kernel->bias,
                                   .activation = kernel->activation,
                                   .activation_p = {kernel->activation_p[0], kernel->activation_p[1]},
                                   .repeated = true,
                                   .twin = twin};
  return cpu_conv2d (&worker->kernel, error);
}

bool
cpu_conv2d_rows (struct kernel *kernel, struct row_source *source, GError **error)
{
  struct row_conv *conv = g_new0 (struct row_conv, 1);
  bool ok = true;

  conv->threads = cpu_threads ();
  conv->worker = g_new0 (struct row_worker, conv->threads);
  cpu_set_threads (1);
  for (int t = 0; ok && t < conv->threads; t++)
    ok = prepare_worker (kernel, &conv->worker[t], t > 0 ? &conv->worker->kernel : NULL, error);
  cpu_set_threads (conv->threads);
  kernel->state = conv;
  kernel->free_state = row_conv_free;
  kernel->implementation = conv->worker->kernel.implementation;
  *source = (struct row_source){.state = kernel, .scratch = conv->worker->kernel.scratch, .begin = begin, .fill = fill};
  return ok;
}
