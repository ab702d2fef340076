/* SPDX-License-Identifier: Apache-2.0
 *
 * Reductions of fused loops. Partial sums are doubles over a fixed split of the domain, so that results do not depend
 * on the number of threads; which of the ways below is taken depends on where the reduced axes lie in memory. */
#include <math.h>
#include <omp.h>
#include <string.h>

#include "compile/loop_internal.h"
#include "device/cpu.h"

#define CHUNK LOOP_CHUNK
#define SPLIT 32 /* fixed number of partial sums along the reduced rows */

static void
store (const struct value *y, int64_t i, double v)
{
  if (y->dtype == DTYPE_BF16)
    ((uint16_t *) y->data)[i] = bfloat_from_float (v);
  else
    ((float *) y->data)[i] = v;
}

static void
fold (enum op_reduce reduce, double *acc, double v)
{
  if (reduce == REDUCE_SUM)
    *acc += v;
  else if (v > *acc || v != v)
    *acc = v;
}

static double
fold_chunk (const struct loop *loop, const float *x, int64_t n)
{
  return loop->reduce == REDUCE_SUM ? loop->vk->sum (x, n) : loop->vk->max (x, n);
}

static double
fold_start (const struct loop *loop)
{
  return loop->reduce == REDUCE_SUM ? 0.0 : -INFINITY;
}

static double *
partials (const struct loop *loop, void *scratch)
{
  return (double *) ((char *) scratch + loop_scratch (loop, cpu_threads ()));
}

/* Partial results of a row of @length. */
static int64_t
row_split (int64_t length)
{
  return length >= SPLIT * CHUNK ? SPLIT : 1;
}

/* Everything to one number, or each contiguous row to one number. */
static void
run_reduce_rows (const struct kernel *kernel, void *scratch, const struct run_context *context)
{
  const struct loop *loop = kernel->state;
  int64_t rows = loop->y_size, length = loop->size / rows;
  int64_t split = row_split (length), part = (length + split - 1) / split;
  double *partial = partials (loop, scratch);
#pragma omp parallel num_threads(loop_threads(loop)) if (loop_threads(loop) > 1)
  {
    struct worker worker;
    loop_worker_begin (loop, &worker, loop_registers (loop, scratch));
#pragma omp for schedule(static)
    for (int64_t i = 0; i < rows * split; i++) {
      double acc = fold_start (loop);
      int64_t begin = i / split * length + i % split * part, end = MIN (begin + part, (i / split + 1) * length);
      for (int64_t at = begin; at < end;) {
        int64_t n = MIN (end - at, CHUNK);
        fold (loop->reduce, &acc, fold_chunk (loop, loop_evaluate (loop, &worker, at, n, NULL), n));
        at += n;
      }
      if (split == 1)
        store (kernel->y, i, acc);
      else
        partial[i] = acc;
    }
  }
  for (int64_t r = 0; split > 1 && r < rows; r++) {
    double acc = fold_start (loop);
    for (int64_t s = 0; s < split; s++)
      fold (loop->reduce, &acc, partial[r * split + s]);
    store (kernel->y, r, acc);
  }
}

/* Domain (outer, rows, row) to (outer, row): rows are added up, SPLIT partial rows for each outer index. */
static void
run_reduce_columns (const struct kernel *kernel, void *scratch, const struct run_context *context)
{
  const struct loop *loop = kernel->state;
  int64_t row = loop->row, outer = loop->y_size / row, rows = loop->size / loop->y_size;
  int64_t split = MIN (SPLIT, rows), part = (rows + split - 1) / split, step = MAX (1, CHUNK / row);
  double *partial = partials (loop, scratch);
#pragma omp parallel num_threads(loop_threads(loop)) if (loop_threads(loop) > 1)
  {
    struct worker worker;
    loop_worker_begin (loop, &worker, loop_registers (loop, scratch));
    float *sum = loop_spare (loop, &worker);
#pragma omp for schedule(static)
    for (int64_t i = 0; i < outer * split; i++) {
      double *acc = partial + i * row;
      for (int64_t c = 0; c < row; c++)
        acc[c] = fold_start (loop);
      int64_t end = MIN ((i % split + 1) * part, rows);
      for (int64_t r = i % split * part; r < end; r += step) {
        int64_t n = MIN (step, end - r);
        const float *x = loop_evaluate (loop, &worker, (i / split * rows + r) * row, n * row, NULL);
        memcpy (sum, x, row * sizeof (float));
        for (int64_t k = 1; k < n; k++)
          (loop->reduce == REDUCE_SUM ? loop->vk->accumulate : loop->vk->accumulate_max) (sum, x + k * row, row);
        for (int64_t c = 0; c < row; c++)
          fold (loop->reduce, &acc[c], sum[c]);
      }
    }
  }
  for (int64_t o = 0; o < outer; o++)
    for (int64_t c = 0; c < row; c++) {
      double acc = fold_start (loop);
      for (int64_t s = 0; s < split; s++)
        fold (loop->reduce, &acc, partial[(o * split + s) * row + c]);
      store (kernel->y, o * row + c, acc);
    }
}

/* The same where a row is longer than half a chunk: each thread takes pieces of rows, a chunk wide, from the first to
 * the last. */
static void
run_reduce_wide_columns (const struct kernel *kernel, void *scratch, const struct run_context *context)
{
  const struct loop *loop = kernel->state;
  int64_t row = loop->row, outer = loop->y_size / row, rows = loop->size / loop->y_size;
  int64_t pieces = (row + CHUNK - 1) / CHUNK;
  double *sums = partials (loop, scratch);
#pragma omp parallel num_threads(loop_threads(loop)) if (loop_threads(loop) > 1)
  {
    struct worker worker;
    loop_worker_begin (loop, &worker, loop_registers (loop, scratch));
    double *acc = sums + (int64_t) omp_get_thread_num () * CHUNK;
#pragma omp for schedule(static)
    for (int64_t i = 0; i < outer * pieces; i++) {
      int64_t first = i % pieces * CHUNK, n = MIN (row - first, CHUNK);
      for (int64_t c = 0; c < n; c++)
        acc[c] = fold_start (loop);
      for (int64_t r = 0; r < rows; r++) {
        const float *x = loop_evaluate (loop, &worker, (i / pieces * rows + r) * row + first, n, NULL);
        for (int64_t c = 0; c < n; c++)
          fold (loop->reduce, &acc[c], x[c]);
      }
      for (int64_t c = 0; c < n; c++)
        store (kernel->y, i / pieces * row + first + c, acc[c]);
    }
  }
}

/* Any other pattern of reduced axes, one element at a time. */
static void
run_reduce_any (const struct kernel *kernel, void *scratch, const struct run_context *context)
{
  const struct loop *loop = kernel->state;
  struct worker worker;
  double *acc = partials (loop, scratch);
  loop_worker_begin (loop, &worker, scratch);
  for (int64_t i = 0; i < loop->y_size; i++)
    acc[i] = fold_start (loop);
  for (int64_t at = 0; at < loop->size;) {
    int64_t inner = loop->size / loop->outer, n = MIN (CHUNK, inner - at % inner);
    const float *x = loop_evaluate (loop, &worker, at, n, NULL);
    for (int64_t i = 0; i < n; i++) {
      int64_t rest = at + i, to = 0;
      for (int a = loop->rank - 1; a >= 0; a--) {
        to += rest % loop->dim[a] * loop->y_stride[a];
        rest /= loop->dim[a];
      }
      fold (loop->reduce, &acc[to], x[i]);
    }
    at += n;
  }
  for (int64_t i = 0; i < loop->y_size; i++)
    store (kernel->y, i, acc[i]);
}

void
loop_choose_reduction (struct loop *loop, struct kernel *kernel)
{
  int inner = loop->rank - 1;
  bool rows = loop->y_stride[inner] == 0 && (loop->rank == 1 || (loop->rank == 2 && loop->y_stride[0] == 1));
  bool columns = loop->rank >= 2 && loop->rank <= 3 && loop->y_stride[inner] == 1 && loop->y_stride[inner - 1] == 0 &&
                 (loop->rank == 2 || loop->y_stride[0] == loop->row);
  if (loop->rank == 2 && rows)
    loop->outer = loop->dim[0];
  int64_t extra = 0, reduced = loop->size / loop->y_size;
  if (rows || loop->y_size == 1) {
    kernel->run = run_reduce_rows;
    extra = row_split (reduced) > 1 ? loop->y_size * SPLIT : 0;
  } else if (columns && loop->row <= CHUNK / 2) {
    kernel->run = run_reduce_columns;
    extra = loop->y_size * MIN (SPLIT, reduced);
  } else if (columns) {
    kernel->run = run_reduce_wide_columns;
    extra = (int64_t) cpu_threads () * CHUNK;
  } else {
    kernel->run = run_reduce_any;
    extra = loop->y_size;
  }
  kernel->scratch += extra * sizeof (double);
}
