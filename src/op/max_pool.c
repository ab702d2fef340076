/* SPDX-License-Identifier: Apache-2.0
 *
 * The kernels of the maximum, over channels-last rows; the channels of a pixel are compared side by side. A task is one
 * row of windows with the rows of pixels they own; where windows overlap, and neighbouring rows of windows add to the
 * same pixels, max_pool_back takes a whole picture as one task. Rows of bfloat16 are computed in float. */
#include <omp.h>
#include <string.h>

#include "device/cpu.h"
#include "device/vector.h"
#include "op/pool.h"

struct max_pool {
  struct pool_attrs a;
  int64_t n, c, h, w, oh, ow;
  int64_t windows; /* rows of windows of a task: 1 or oh */
  int threads;
  size_t x_floats, v_floats, d_floats, y_floats, thread_floats; /* scratch of a thread: rows of x, of the other operand
                                                                   (v, d), of y, then two of a pixel */
};

/* @count rows of @elements from number @first on, as floats; those of bfloat16 in @buffer. */
static const float *
read_rows (const struct value *value, int64_t first, int64_t count, int64_t elements, float *buffer)
{
  if (value->dtype == DTYPE_F32)
    return (const float *) value->data + first * elements;
  vector_kernels ()->from_bf16 (buffer, (const uint16_t *) value->data + first * elements, (size_t) (count * elements));
  return buffer;
}

/* Where to compute rows of @value, and what brings them there from @buffer afterwards. */
static float *
rows_to_write (const struct value *value, int64_t first, int64_t elements, float *buffer)
{
  return value->dtype == DTYPE_F32 ? (float *) value->data + first * elements : buffer;
}

static void
write_rows (const struct value *value, int64_t first, int64_t count, int64_t elements, const float *buffer)
{
  if (value->dtype == DTYPE_BF16)
    vector_kernels ()->to_bf16 ((uint16_t *) value->data + first * elements, buffer, (size_t) (count * elements));
}

/* best := maximum of each channel over 2x2 pixels, the windows of most networks; rows are @row floats apart. */
static void
find_maxima_2 (float *restrict best, const float *x, int64_t row, int64_t c)
{
  const float *restrict x0 = x, *restrict x1 = x + c, *restrict x2 = x + row, *restrict x3 = x + row + c;

  for (int64_t k = 0; k < c; k++) {
    float above = x1[k] > x0[k] ? x1[k] : x0[k], below = x3[k] > x2[k] ? x3[k] : x2[k];

    best[k] = below > above ? below : above;
  }
}

/* The same over @rows x @columns pixels. */
static void
find_maxima (float *restrict best, const float *x, int64_t rows, int64_t row, int64_t columns, int64_t c)
{
  if (rows == 2 && columns == 2) {
    find_maxima_2 (best, x, row, c);
    return;
  }
  memcpy (best, x, (size_t) c * sizeof *best);
  for (int64_t r = 0; r < rows; r++)
    for (int64_t j = 0; j < columns; j++) {
      const float *restrict pixel = x + r * row + j * c;

      for (int64_t k = 0; k < c; k++)
        best[k] = pixel[k] > best[k] ? pixel[k] : best[k];
    }
}

/* Hands @left, the gradient of a window with maxima @best, to the place in dx of x's first pixel that holds them. */
static void
give_to_first (float *dx, const float *x, const float *restrict best, float *restrict left, int64_t rows, int64_t row,
               int64_t columns, int64_t c)
{
  for (int64_t r = 0; r < rows; r++)
    for (int64_t j = 0; j < columns; j++) {
      const float *restrict pixel = x + r * row + j * c;
      float *restrict to = dx + r * row + j * c;

      for (int64_t k = 0; k < c; k++) {
        float rest = left[k]; /* read whether it is wanted or not: so the loop is vectorized */
        float gift = pixel[k] == best[k] ? rest : 0;

        to[k] += gift;
        left[k] = rest - gift;
      }
    }
}

/* y := what @v has at the first pixel of @x that holds the maximum: in reverse order, so that the first one stays. */
static void
take_from_first (float *restrict y, const float *v, const float *x, const float *restrict best, int64_t rows,
                 int64_t row, int64_t columns, int64_t c)
{
  memcpy (y, v, (size_t) c * sizeof *y);
  for (int64_t r = rows - 1; r >= 0; r--)
    for (int64_t j = columns - 1; j >= 0; j--) {
      const float *restrict pixel = x + r * row + j * c, *restrict from = v + r * row + j * c;

      for (int64_t k = 0; k < c; k++) {
        float value = from[k], before = y[k];

        y[k] = pixel[k] == best[k] ? value : before;
      }
    }
}

/* One row of windows, number @i of picture @picture, of max_pool or, with @v, of max_pool_take. */
static void
pool_row (const struct kernel *kernel, int64_t picture, int64_t i, float *scratch)
{
  const struct max_pool *p = kernel->state;
  const struct value *v = kernel->n_inputs > 1 ? kernel->x[1] : NULL;
  int64_t c = p->c, row = p->w * c, at = picture * p->oh + i;
  struct range rows = pool_window (&p->a, 0, i, p->h);
  int64_t n_rows = rows.end - rows.begin, first = picture * p->h + rows.begin;
  float *x_buffer = scratch, *v_buffer = x_buffer + p->x_floats, *y_buffer = v_buffer + p->v_floats;
  float *best = y_buffer + p->y_floats;
  const float *x = read_rows (kernel->x[0], first, n_rows, row, x_buffer);
  const float *values = v != NULL ? read_rows (v, first, n_rows, row, v_buffer) : NULL;
  float *y = rows_to_write (kernel->y, at, p->ow * c, y_buffer);

  for (int64_t j = 0; j < p->ow; j++) {
    struct range columns = pool_window (&p->a, 1, j, p->w);
    int64_t n_columns = columns.end - columns.begin, begin = columns.begin * c;

    find_maxima (v != NULL ? best : y + j * c, x + begin, n_rows, row, n_columns, c);
    if (v != NULL)
      take_from_first (y + j * c, values + begin, x + begin, best, n_rows, row, n_columns, c);
  }
  write_rows (kernel->y, at, 1, p->ow * c, y);
}

static void
run_pool (const struct kernel *kernel, void *scratch, const struct run_context *context)
{
  const struct max_pool *p = kernel->state;

#pragma omp parallel for schedule(static) num_threads(p->threads)
  for (int64_t at = 0; at < p->n * p->oh; at++)
    pool_row (kernel, at / p->oh, at % p->oh, (float *) scratch + (size_t) omp_get_thread_num () * p->thread_floats);
}

/* Rows of pixels that belong to the windows' rows @i .. @i + windows - 1, gaps between windows included. */
static struct range
owned_rows (const struct max_pool *p, int64_t i)
{
  int64_t begin = i * p->a.stride[0] - p->a.pad[0], next = i + p->windows;

  return (struct range){i == 0 ? 0 : begin, next >= p->oh ? p->h : next * p->a.stride[0] - p->a.pad[0]};
}

static void
back_task (const struct kernel *kernel, int64_t picture, int64_t first, float *scratch)
{
  const struct max_pool *p = kernel->state;
  int64_t c = p->c, row = p->w * c;
  struct range own = owned_rows (p, first);
  float *x_buffer = scratch, *d_buffer = x_buffer + p->x_floats, *y_buffer = d_buffer + p->d_floats;
  float *best = y_buffer + p->y_floats, *left = best + c;
  float *dx = rows_to_write (kernel->y, picture * p->h + own.begin, row, y_buffer);

  memset (dx, 0, (size_t) ((own.end - own.begin) * row) * sizeof *dx);
  for (int64_t i = first; i < first + p->windows; i++) {
    struct range rows = pool_window (&p->a, 0, i, p->h);
    int64_t n_rows = rows.end - rows.begin;
    const float *x = read_rows (kernel->x[0], picture * p->h + rows.begin, n_rows, row, x_buffer);
    const float *d = read_rows (kernel->x[1], picture * p->oh + i, 1, p->ow * c, d_buffer);

    for (int64_t j = 0; j < p->ow; j++) {
      struct range columns = pool_window (&p->a, 1, j, p->w);
      int64_t n_columns = columns.end - columns.begin, begin = columns.begin * c;

      find_maxima (best, x + begin, n_rows, row, n_columns, c);
      memcpy (left, d + j * c, (size_t) c * sizeof *left);
      give_to_first (dx + (rows.begin - own.begin) * row + begin, x + begin, best, left, n_rows, row, n_columns, c);
    }
  }
  write_rows (kernel->y, picture * p->h + own.begin, own.end - own.begin, row, dx);
}

static void
run_back (const struct kernel *kernel, void *scratch, const struct run_context *context)
{
  const struct max_pool *p = kernel->state;
  int64_t tasks = p->oh / p->windows;

#pragma omp parallel for schedule(static) num_threads(p->threads)
  for (int64_t at = 0; at < p->n * tasks; at++)
    back_task (kernel, at / tasks, at % tasks * p->windows,
               (float *) scratch + (size_t) omp_get_thread_num () * p->thread_floats);
}

/* Floats of a buffer for @elements of @value; none where it can be read or written where it is. */
static size_t
buffer_floats (const struct value *value, int64_t elements)
{
  return value == NULL || value->dtype == DTYPE_F32 ? 0 : (size_t) elements;
}

static void
prepare_maximum (struct kernel *kernel, const struct shape *pooled, bool back)
{
  const struct pool_attrs *a = kernel->attrs;
  const struct value *x = kernel->x[0], *other = kernel->n_inputs > 1 ? kernel->x[1] : NULL;
  const int64_t *d = x->shape.dim;
  struct max_pool *p = g_new0 (struct max_pool, 1);
  int64_t row = d[3] * d[1], window_rows = MIN (a->kernel[0], d[2]), owned = 0;

  *p = (struct max_pool){.a = *a,
                         .n = d[0],
                         .c = d[1],
                         .h = d[2],
                         .w = d[3],
                         .oh = pooled->dim[2],
                         .ow = pooled->dim[3],
                         .threads = cpu_threads ()};
  p->windows = back && a->stride[0] < a->kernel[0] ? p->oh : 1;
  for (int64_t i = 0; i < p->oh; i += p->windows)
    owned = MAX (owned, owned_rows (p, i).end - owned_rows (p, i).begin);
  p->x_floats = buffer_floats (x, window_rows * row);
  p->v_floats = back ? 0 : buffer_floats (other, window_rows * row);
  p->d_floats = back ? buffer_floats (other, p->ow * p->c) : 0;
  p->y_floats = buffer_floats (kernel->y, back ? owned * row : p->ow * p->c);
  p->thread_floats = (p->x_floats + p->v_floats + p->d_floats + p->y_floats + 2 * (size_t) p->c + 15) / 16 * 16;

  kernel->scratch = (size_t) p->threads * p->thread_floats * sizeof (float);
  kernel->state = p;
  kernel->run = back ? run_back : run_pool;
  kernel->free_state = g_free;
  kernel->implementation = back && p->windows > 1 ? "max:pictures" : "max:rows";
}

bool
max_pool_prepare (struct kernel *kernel, GError **error)
{
  prepare_maximum (kernel, &kernel->y->shape, false);
  return true;
}

bool
max_pool_back_prepare (struct kernel *kernel, GError **error)
{
  prepare_maximum (kernel, &kernel->x[1]->shape, true);
  return true;
}
