/* SPDX-License-Identifier: Apache-2.0
 *
 * Attention, y = softmax (scale q k^T + bias) v, a block of rows of q at a time: the scores of a block stay in the
 * second-level cache, where the whole matrix of scores would go through memory four times and take n m floats. Products
 * are oneDNN's sgemm within a thread. Exponentials are divided by their sum at the end, in the e columns of the result. */
#include <oneapi/dnnl/dnnl.h>

#include <omp.h>

#include "device/cpu.h"
#include "device/vector.h"

#define BLOCK_FLOATS 65536 /* scores of a block, about */
#define ROWS_MIN 16
#define ROWS_MAX 128

struct attention {
  int64_t batch, n, m, d, e;
  float scale;
  bool columns;                        /* k is (d, m) */
  int64_t rows, blocks;                /* of a block; how many a matrix has */
  int64_t bias_stride[SHAPE_RANK_MAX]; /* of every axis of the scores, 0 where it is broadcast */
  int threads;
  size_t thread_floats;
};

/* Adds the bias of rows @from .. of matrix @batch to @rows of scores. */
static void
add_bias (const struct kernel *kernel, float *scores, int64_t batch, int64_t from, int64_t rows)
{
  const struct attention *a = kernel->state;
  const struct shape *y = &kernel->y->shape;
  const float *bias = kernel->x[3]->data;
  int64_t column = a->bias_stride[y->rank - 1];

  for (int i = y->rank - 3; i >= 0; i--) {
    bias += batch % y->dim[i] * a->bias_stride[i];
    batch /= y->dim[i];
  }
  for (int64_t i = 0; i < rows; i++) {
    const float *row = bias + (from + i) * a->bias_stride[y->rank - 2];
    float *to = scores + i * a->m;

    for (int64_t j = 0; j < a->m; j++)
      to[j] += row[j * column];
  }
}

/* One block of rows. dnnl_sgemm is row-major: C (M, N) = alpha A (M, K) B (K, N). */
static void
run_block (const struct kernel *kernel, int64_t task, float *scores)
{
  const struct attention *a = kernel->state;
  const struct vector_kernels *vk = vector_kernels ();
  int64_t batch = task / a->blocks, from = task % a->blocks * a->rows, rows = MIN (a->rows, a->n - from);
  const float *q = (const float *) kernel->x[0]->data + (batch * a->n + from) * a->d;
  const float *k = (const float *) kernel->x[1]->data + batch * a->m * a->d;
  const float *v = (const float *) kernel->x[2]->data + batch * a->m * a->e;
  float *y = (float *) kernel->y->data + (batch * a->n + from) * a->e, *sum = scores + a->rows * a->m;
  size_t m = (size_t) a->m;

  dnnl_sgemm ('N', a->columns ? 'N' : 'T', rows, a->m, a->d, a->scale, q, a->d, k, a->columns ? a->m : a->d, 0, scores,
              a->m);
  if (kernel->n_inputs > 3)
    add_bias (kernel, scores, batch, from, rows);
  for (int64_t i = 0; i < rows; i++) {
    float *row = scores + i * a->m;
    const float *x[] = {row}, shift[] = {1, -vk->max (row, m)};

    vk->fn[VECTOR_AFFINE](row, x, m, shift);
    vk->fn[VECTOR_EXP](row, x, m, NULL);
    sum[i] = (float) (1 / vk->sum (row, m));
  }
  dnnl_sgemm ('N', 'N', rows, a->e, a->m, 1, scores, a->m, v, a->e, 0, y, a->e);
  for (int64_t i = 0; i < rows; i++) {
    const float *x[] = {y + i * a->e}, scale[] = {sum[i], 0};

    vk->fn[VECTOR_AFFINE](y + i * a->e, x, (size_t) a->e, scale);
  }
}

static void
run (const struct kernel *kernel, void *scratch, const struct run_context *context)
{
  const struct attention *a = kernel->state;

#pragma omp parallel for schedule(static) num_threads(a->threads)
  for (int64_t task = 0; task < a->batch * a->blocks; task++)
    run_block (kernel, task, (float *) scratch + (size_t) omp_get_thread_num () * a->thread_floats);
}

bool
cpu_attention (struct kernel *kernel, GError **error)
{
  const struct attention_attrs *attrs = kernel->attrs;
  const struct shape *q = &kernel->x[0]->shape, *v = &kernel->x[2]->shape;
  struct attention *a = g_new0 (struct attention, 1);
  int rank = q->rank;

  *a = (struct attention){.n = q->dim[rank - 2],
                          .d = q->dim[rank - 1],
                          .m = v->dim[rank - 2],
                          .e = v->dim[rank - 1],
                          .scale = (float) attrs->scale,
                          .columns = attrs->columns,
                          .threads = cpu_threads ()};
  a->batch = shape_size (q) / (a->n * a->d);
  a->rows = CLAMP (BLOCK_FLOATS / a->m, ROWS_MIN, ROWS_MAX);
  a->rows = MIN (a->rows, a->n);
  a->blocks = (a->n + a->rows - 1) / a->rows;
  a->thread_floats = (size_t) (a->rows * (a->m + 1) + 15) / 16 * 16;
  if (kernel->n_inputs > 3) {
    const struct shape *bias = &kernel->x[3]->shape;
    int64_t stride = 1;

    for (int i = bias->rank - 1; i >= 0; i--) {
      a->bias_stride[i + rank - bias->rank] = bias->dim[i] > 1 ? stride : 0;
      stride *= bias->dim[i];
    }
  }
  kernel->scratch = (size_t) a->threads * a->thread_floats * sizeof (float);
  kernel->state = a;
  kernel->free_state = g_free;
  kernel->run = run;
  kernel->implementation = "blocks of rows";
  return true;
}
