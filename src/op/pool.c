/* SPDX-License-Identifier: Apache-2.0
 *
 * Pooling over square windows of k x k pixels, s apart, with p pixels of nothing around the picture: what is outside
 * neither wins a maximum nor counts in a mean.
 *
 * The maximum is closed under differentiation by three ops; m(i) is the first pixel of window i that holds its maximum:
 *   max_pool (x)          y(i) = x(m(i))
 *   max_pool_back (x, d)  y(q) = sum of d(i) over windows with m(i) = q   max_pool's gradient, max_pool_take's for v
 *   max_pool_take (x, v)  y(i) = v(m(i))                                  max_pool_back's gradient for d
 * The mean is a separable linear map (op/separable.h), and its gradient the transposed map.
 *
 * Kernels walk channels-last rows; the channels of a pixel are compared side by side. */
#include <omp.h>
#include <string.h>

#include "device/cpu.h"
#include "device/vector.h"
#include "op/separable.h"
#include "op/sym.h"
#include "op/table.h"

#define I64 "%" G_GINT64_FORMAT

struct pool_attrs {
  int64_t kernel, stride, pad;
  int64_t extent[2]; /* avg_pool_back: h, w of the result */
};

static const struct option pool_options[] = {
  {"kernel", OPTION_INT, offsetof (struct pool_attrs, kernel), "side of a window", .min = 1, .max = 1e6, .fallback = 2},
  {"stride", OPTION_INT, offsetof (struct pool_attrs, stride), "distance of windows", .min = 1, .max = 1e6,
   .fallback = 2},
  {"pad", OPTION_INT, offsetof (struct pool_attrs, pad), "pixels around the picture, less than the kernel", .max = 1e6},
  {"extent", OPTION_INTS, offsetof (struct pool_attrs, extent), "height and width of the result of the adjoint",
   .max = 1e9, .count = 2},
  {NULL},
};

/* Shapes */

/* Every window must hold a pixel: hence less padding than kernel, and windows begin inside the padded picture. */
static bool
pooled_shape (const struct pool_attrs *a, const struct shape *x, struct shape *y, GError **error)
{
  if (x->rank != 4)
    return op_fail (error, "input has rank %d, wants 4", x->rank);
  if (a->kernel < 1 || a->stride < 1 || a->kernel > 1000000 || a->stride > 1000000)
    return op_fail (error, "kernel " I64 ", stride " I64 ", both want 1 or more", a->kernel, a->stride);
  if (a->pad < 0 || a->pad >= a->kernel)
    return op_fail (error, "padding " I64 ", wants 0 to " I64 " for a kernel of " I64, a->pad, a->kernel - 1,
                    a->kernel);
  *y = *x;
  for (int i = 2; i < 4; i++) {
    int64_t room = x->dim[i] + 2 * a->pad - a->kernel;
    if (room < 0)
      return op_fail (error, "kernel " I64 " does not fit into a picture of " I64 "x" I64 " with padding " I64,
                      a->kernel, x->dim[2], x->dim[3], a->pad);
    y->dim[i] = room / a->stride + 1;
    if ((y->dim[i] - 1) * a->stride >= x->dim[i] + a->pad)
      return op_fail (error, "stride " I64 " leaves windows outside a picture of " I64 "x" I64, a->stride, x->dim[2],
                      x->dim[3]);
  }
  return true;
}

static bool
pool_shape (const void *attrs, const struct shape *const *x, int n_inputs, struct shape *y, GError **error)
{
  return pooled_shape (attrs, x[0], y, error);
}

static bool
fail_shapes (const char *message, const struct shape *found, const struct shape *wanted, GError **error)
{
  g_autofree char *have = shape_text (found), *want = shape_text (wanted);

  return op_fail (error, "%s %s, wants %s", message, have, want);
}

static bool
max_pool_back_shape (const void *attrs, const struct shape *const *x, int n_inputs, struct shape *y, GError **error)
{
  struct shape pooled;

  if (!pooled_shape (attrs, x[0], &pooled, error))
    return false;
  *y = *x[0];
  return shape_equal (&pooled, x[1]) || fail_shapes ("gradient is", x[1], &pooled, error);
}

static bool
max_pool_take_shape (const void *attrs, const struct shape *const *x, int n_inputs, struct shape *y, GError **error)
{
  return pooled_shape (attrs, x[0], y, error) &&
         (shape_equal (x[0], x[1]) || fail_shapes ("values are", x[1], x[0], error));
}

static bool
avg_pool_back_shape (const void *attrs, const struct shape *const *x, int n_inputs, struct shape *y, GError **error)
{
  const struct pool_attrs *a = attrs;
  struct shape pooled;

  if (x[0]->rank != 4)
    return op_fail (error, "input has rank %d, wants 4", x[0]->rank);
  *y = SHAPE (x[0]->dim[0], x[0]->dim[1], a->extent[0], a->extent[1]);
  return pooled_shape (a, y, &pooled, error) &&
         (shape_equal (&pooled, x[0]) || fail_shapes ("input is", x[0], &pooled, error));
}

/* Windows: the pixels of window @i along an axis of @extent are begin .. end-1. */

struct range {
  int64_t begin, end;
};

static struct range
window (const struct pool_attrs *a, int64_t i, int64_t extent)
{
  int64_t begin = i * a->stride - a->pad;

  return (struct range){MAX (begin, 0), MIN (begin + a->kernel, extent)};
}

/* Reference */

/* Index in plane @x (h, w) of the first maximum of window (i, j). */
static int64_t
first_maximum (const struct pool_attrs *a, const double *x, int64_t h, int64_t w, int64_t i, int64_t j)
{
  struct range rows = window (a, i, h), columns = window (a, j, w);
  int64_t best = rows.begin * w + columns.begin;

  for (int64_t p = rows.begin; p < rows.end; p++)
    for (int64_t q = columns.begin; q < columns.end; q++)
      if (x[p * w + q] > x[best])
        best = p * w + q;
  return best;
}

/* For every window of every plane: where its maximum is in x, and where it itself is in the pooled picture. */
static void
walk_maxima (const struct op_call *call, const struct shape *pooled,
             void (*visit) (const struct op_call *call, int64_t maximum, int64_t at))
{
  const int64_t *d = call->x_shape[0]->dim;
  int64_t oh = pooled->dim[2], ow = pooled->dim[3];

  for (int64_t at = 0; at < shape_size (pooled); at++) {
    int64_t plane = at / (oh * ow) * d[2] * d[3];

    visit (call, plane + first_maximum (call->attrs, call->x[0] + plane, d[2], d[3], at / ow % oh, at % ow), at);
  }
}

static void
visit_pool (const struct op_call *call, int64_t maximum, int64_t at)
{
  call->y[at] = call->x[0][maximum];
}

static void
visit_back (const struct op_call *call, int64_t maximum, int64_t at)
{
  call->y[maximum] += call->x[1][at];
}

static void
visit_take (const struct op_call *call, int64_t maximum, int64_t at)
{
  call->y[at] = call->x[1][maximum];
}

static void
max_pool_reference (const struct op_call *call)
{
  walk_maxima (call, call->y_shape, visit_pool);
}

static void
max_pool_back_reference (const struct op_call *call)
{
  walk_maxima (call, call->x_shape[1], visit_back);
}

static void
max_pool_take_reference (const struct op_call *call)
{
  walk_maxima (call, call->y_shape, visit_take);
}

/* y += the mean map, or its adjoint with @back. */
static void
walk_means (const struct op_call *call, const struct shape *full, const struct shape *pooled, bool back)
{
  int64_t h = full->dim[2], w = full->dim[3], oh = pooled->dim[2], ow = pooled->dim[3];

  for (int64_t at = 0; at < shape_size (pooled); at++) {
    int64_t plane = at / (oh * ow) * h * w;
    struct range rows = window (call->attrs, at / ow % oh, h), columns = window (call->attrs, at % ow, w);
    double weight = 1.0 / (double) ((rows.end - rows.begin) * (columns.end - columns.begin));

    for (int64_t p = rows.begin; p < rows.end; p++)
      for (int64_t q = columns.begin; q < columns.end; q++) {
        int64_t pixel = plane + p * w + q;

        if (back)
          call->y[pixel] += weight * call->x[0][at];
        else
          call->y[at] += weight * call->x[0][pixel];
      }
  }
}

static void
avg_pool_reference (const struct op_call *call)
{
  walk_means (call, call->x_shape[0], call->y_shape, false);
}

static void
avg_pool_back_reference (const struct op_call *call)
{
  walk_means (call, call->y_shape, call->x_shape[0], true);
}

/* Gradients */

static sym
pool2 (const struct op *op, sym x, sym other, const void *attrs)
{
  sym inputs[2] = {x, other};

  return graph_add (x.graph, op, inputs, 2, attrs);
}

static void
max_pool_gradient (const void *attrs, const sym *x, int n_inputs, sym y, sym dy, const bool *wanted, sym *dx)
{
  dx[0] = pool2 (&op_max_pool_back, x[0], dy, attrs);
}

/* Which pixel wins does not change with x, almost everywhere. */
static void
max_pool_back_gradient (const void *attrs, const sym *x, int n_inputs, sym y, sym dy, const bool *wanted, sym *dx)
{
  if (wanted[1])
    dx[1] = pool2 (&op_max_pool_take, x[0], dy, attrs);
}

static void
max_pool_take_gradient (const void *attrs, const sym *x, int n_inputs, sym y, sym dy, const bool *wanted, sym *dx)
{
  if (wanted[1])
    dx[1] = pool2 (&op_max_pool_back, x[0], dy, attrs);
}

static void
avg_pool_gradient (const void *attrs, const sym *x, int n_inputs, sym y, sym dy, const bool *wanted, sym *dx)
{
  struct pool_attrs own = *(const struct pool_attrs *) attrs;
  struct shape shape = sym_shape (x[0]);

  own.extent[0] = shape.dim[2];
  own.extent[1] = shape.dim[3];
  dx[0] = graph_add (dy.graph, &op_avg_pool_back, &dy, 1, &own);
}

static void
avg_pool_back_gradient (const void *attrs, const sym *x, int n_inputs, sym y, sym dy, const bool *wanted, sym *dx)
{
  const struct pool_attrs *a = attrs;

  dx[0] = sym_avg_pool (dy, (int) a->kernel, (int) a->stride, (int) a->pad);
}

sym
sym_max_pool (sym x, int kernel, int stride, int pad)
{
  struct pool_attrs attrs = {.kernel = kernel, .stride = stride, .pad = pad};

  return graph_add (x.graph, &op_max_pool, &x, 1, &attrs);
}

sym
sym_avg_pool (sym x, int kernel, int stride, int pad)
{
  struct pool_attrs attrs = {.kernel = kernel, .stride = stride, .pad = pad};

  return graph_add (x.graph, &op_avg_pool, &x, 1, &attrs);
}

/* The kernels of the maximum. A task is one row of windows with the rows of pixels they own; where windows overlap, and
 * neighbouring rows of windows add to the same pixels, max_pool_back takes a whole picture as one task. Rows of
 * bfloat16 are computed in float. */

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
  struct range rows = window (&p->a, i, p->h);
  int64_t n_rows = rows.end - rows.begin, first = picture * p->h + rows.begin;
  float *x_buffer = scratch, *v_buffer = x_buffer + p->x_floats, *y_buffer = v_buffer + p->v_floats;
  float *best = y_buffer + p->y_floats;
  const float *x = read_rows (kernel->x[0], first, n_rows, row, x_buffer);
  const float *values = v != NULL ? read_rows (v, first, n_rows, row, v_buffer) : NULL;
  float *y = rows_to_write (kernel->y, at, p->ow * c, y_buffer);

  for (int64_t j = 0; j < p->ow; j++) {
    struct range columns = window (&p->a, j, p->w);
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
  int64_t begin = i * p->a.stride - p->a.pad, next = i + p->windows;

  return (struct range){i == 0 ? 0 : begin, next >= p->oh ? p->h : next * p->a.stride - p->a.pad};
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
    struct range rows = window (&p->a, i, p->h);
    int64_t n_rows = rows.end - rows.begin;
    const float *x = read_rows (kernel->x[0], picture * p->h + rows.begin, n_rows, row, x_buffer);
    const float *d = read_rows (kernel->x[1], picture * p->oh + i, 1, p->ow * c, d_buffer);

    for (int64_t j = 0; j < p->ow; j++) {
      struct range columns = window (&p->a, j, p->w);
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
  int64_t row = d[3] * d[1], window_rows = MIN (a->kernel, d[2]), owned = 0;

  *p = (struct max_pool){.a = *a,
                         .n = d[0],
                         .c = d[1],
                         .h = d[2],
                         .w = d[3],
                         .oh = pooled->dim[2],
                         .ow = pooled->dim[3],
                         .threads = cpu_threads ()};
  p->windows = back && a->stride < a->kernel ? p->oh : 1;
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

static bool
max_pool_prepare (struct kernel *kernel, GError **error)
{
  prepare_maximum (kernel, &kernel->y->shape, false);
  return true;
}

static bool
max_pool_back_prepare (struct kernel *kernel, GError **error)
{
  prepare_maximum (kernel, &kernel->x[1]->shape, true);
  return true;
}

/* The kernels of the mean */

static struct taps *
mean_taps (const struct pool_attrs *a, int64_t extent, int64_t pooled, GError **error)
{
  struct taps *taps = taps_new (pooled, extent, MIN (a->kernel, extent), error);

  for (int64_t i = 0; taps != NULL && i < pooled; i++) {
    struct range range = window (a, i, extent);

    for (int64_t p = range.begin; p < range.end; p++)
      taps_add (taps, p, 1.0 / (double) (range.end - range.begin));
    taps_next (taps);
  }
  return taps;
}

static bool
prepare_mean (struct kernel *kernel, const struct shape *full, const struct shape *pooled, bool back, GError **error)
{
  struct taps *rows = mean_taps (kernel->attrs, full->dim[2], pooled->dim[2], error);
  struct taps *columns = rows == NULL ? NULL : mean_taps (kernel->attrs, full->dim[3], pooled->dim[3], error);

  return separable_prepare (kernel, rows, columns, back, error);
}

static bool
avg_pool_prepare (struct kernel *kernel, GError **error)
{
  return prepare_mean (kernel, &kernel->x[0]->shape, &kernel->y->shape, false, error);
}

static bool
avg_pool_back_prepare (struct kernel *kernel, GError **error)
{
  return prepare_mean (kernel, &kernel->y->shape, &kernel->x[0]->shape, true, error);
}

/* Cases */

static const struct pool_attrs two = {2, 2, 0, {0}}, three = {3, 3, 0, {0}}, dense = {3, 1, 1, {0}},
                               resnet = {3, 2, 1, {0}}, sparse = {2, 3, 0, {0}}, padded = {4, 4, 2, {0}},
                               one = {1, 1, 0, {0}}, much_padding = {2, 2, 2, {0}}, two_8_6 = {2, 2, 0, {8, 6}},
                               two_9_7 = {2, 2, 0, {9, 7}}, dense_5_6 = {3, 1, 1, {5, 6}},
                               resnet_7_8 = {3, 2, 1, {7, 8}}, none = {0, 1, 0, {0}};

static const struct op_case max_pool_cases[] = {
  {"2x2", {SHAPE (2, 3, 8, 6)}, 1, &two},
  {"2x2, odd picture, 19 channels", {SHAPE (1, 19, 7, 9)}, 1, &two},
  {"2x2, 1 channel", {SHAPE (2, 1, 4, 6)}, 1, &two},
  {"3x3 of stride 1, 16 channels", {SHAPE (1, 16, 5, 6)}, 1, &dense},
  {"3x3 of stride 2", {SHAPE (2, 4, 7, 8)}, 1, &resnet},
  {"3x3", {SHAPE (1, 5, 9, 7)}, 1, &three},
  {"windows apart", {SHAPE (1, 4, 8, 9)}, 1, &sparse},
  {"much padding", {SHAPE (1, 3, 5, 4)}, 1, &padded},
  {"1x1", {SHAPE (1, 3, 4, 4)}, 1, &one},
  {"padding of the kernel", {SHAPE (1, 3, 4, 4)}, 1, &much_padding, .error = "padding 2, wants 0 to 1"},
  {"too small", {SHAPE (1, 3, 1, 4)}, 1, &two, .error = "does not fit"},
  {"no kernel", {SHAPE (1, 3, 4, 4)}, 1, &none, .error = "kernel 0"},
  {"a matrix", {SHAPE (4, 4)}, 1, &two, .error = "rank 2"},
  {NULL},
};

/* Where two pixels of a window round to the same bfloat16 the other may win: these draws have no such window. */
static const struct op_case max_pool_back_cases[] = {
  {"2x2", {SHAPE (2, 3, 8, 6), SHAPE (2, 3, 4, 3)}, 2, &two},
  {"2x2 of an odd picture, 19 channels", {SHAPE (1, 19, 7, 9), SHAPE (1, 19, 3, 4)}, 2, &two},
  {"3x3 of stride 1, 16 channels", {SHAPE (1, 16, 5, 6), SHAPE (1, 16, 5, 6)}, 2, &dense},
  {"3x3 of stride 2, batch 3", {SHAPE (3, 4, 7, 8), SHAPE (3, 4, 4, 4)}, 2, &resnet},
  {"windows apart", {SHAPE (1, 4, 8, 9), SHAPE (1, 4, 3, 3)}, 2, &sparse},
  {"much padding", {SHAPE (1, 3, 5, 4), SHAPE (1, 3, 2, 2)}, 2, &padded},
  {"another gradient",
   {SHAPE (2, 3, 8, 6), SHAPE (2, 3, 4, 4)},
   2,
   &two,
   .error = "gradient is (2, 3, 4, 4), wants (2, 3, 4, 3)"},
  {NULL},
};

static const struct op_case max_pool_take_cases[] = {
  {"2x2", {SHAPE (2, 3, 8, 6), SHAPE (2, 3, 8, 6)}, 2, &two},
  {"2x2, odd picture, 19 channels", {SHAPE (1, 19, 7, 9), SHAPE (1, 19, 7, 9)}, 2, &two},
  {"3x3 of stride 2", {SHAPE (2, 4, 7, 8), SHAPE (2, 4, 7, 8)}, 2, &resnet},
  {"other values", {SHAPE (2, 3, 8, 6), SHAPE (2, 3, 4, 3)}, 2, &two, .error = "values are (2, 3, 4, 3)"},
  {NULL},
};

static const struct op_case avg_pool_cases[] = {
  {"2x2", {SHAPE (2, 3, 8, 6)}, 1, &two},
  {"2x2, odd picture, 19 channels", {SHAPE (1, 19, 7, 9)}, 1, &two},
  {"3x3 of stride 1, 16 channels", {SHAPE (1, 16, 5, 6)}, 1, &dense},
  {"3x3 of stride 2, 1 channel", {SHAPE (2, 1, 7, 8)}, 1, &resnet},
  {"windows apart", {SHAPE (1, 4, 8, 9)}, 1, &sparse},
  {"much padding", {SHAPE (1, 3, 5, 4)}, 1, &padded},
  {"too small", {SHAPE (1, 3, 1, 4)}, 1, &two, .error = "does not fit"},
  {NULL},
};

static const struct op_case avg_pool_back_cases[] = {
  {"2x2", {SHAPE (2, 3, 4, 3)}, 1, &two_8_6},
  {"2x2, odd picture, 19 channels", {SHAPE (1, 19, 4, 3)}, 1, &two_9_7},
  {"3x3 of stride 1, 16 channels", {SHAPE (1, 16, 5, 6)}, 1, &dense_5_6},
  {"3x3 of stride 2, 1 channel", {SHAPE (2, 1, 4, 4)}, 1, &resnet_7_8},
  {"another size", {SHAPE (2, 3, 4, 4)}, 1, &two_8_6, .error = "wants (2, 3, 4, 3)"},
  {NULL},
};

const struct op op_max_pool = {
  .name = "max_pool",
  .formula = "y(i,j) = max of x over window (i,j)",
  .min_inputs = 1,
  .max_inputs = 1,
  .attrs_size = sizeof (struct pool_attrs),
  .attrs = pool_options,
  .flags = OP_SPATIAL,
  .shape = pool_shape,
  .reference = max_pool_reference,
  .gradient = max_pool_gradient,
  .prepare = max_pool_prepare,
  .cases = max_pool_cases,
};

const struct op op_max_pool_back = {
  .name = "max_pool_back",
  .formula = "y(q) = sum of d(i) over windows i of x whose first maximum is q",
  .min_inputs = 2,
  .max_inputs = 2,
  .attrs_size = sizeof (struct pool_attrs),
  .attrs = pool_options,
  .flags = OP_SPATIAL,
  .shape = max_pool_back_shape,
  .reference = max_pool_back_reference,
  .gradient = max_pool_back_gradient,
  .prepare = max_pool_back_prepare,
  .cases = max_pool_back_cases,
};

const struct op op_max_pool_take = {
  .name = "max_pool_take",
  .formula = "y(i) = v at the first maximum of window i of x",
  .min_inputs = 2,
  .max_inputs = 2,
  .attrs_size = sizeof (struct pool_attrs),
  .attrs = pool_options,
  .flags = OP_SPATIAL,
  .shape = max_pool_take_shape,
  .reference = max_pool_take_reference,
  .gradient = max_pool_take_gradient,
  .prepare = max_pool_prepare,
  .cases = max_pool_take_cases,
};

const struct op op_avg_pool = {
  .name = "avg_pool",
  .formula = "y(i,j) = mean of x over window (i,j)",
  .min_inputs = 1,
  .max_inputs = 1,
  .attrs_size = sizeof (struct pool_attrs),
  .attrs = pool_options,
  .flags = OP_SPATIAL,
  .shape = pool_shape,
  .reference = avg_pool_reference,
  .gradient = avg_pool_gradient,
  .prepare = avg_pool_prepare,
  .cases = avg_pool_cases,
};

const struct op op_avg_pool_back = {
  .name = "avg_pool_back",
  .formula = "y(q) = sum of x(i) / |window i| over windows i that hold q",
  .min_inputs = 1,
  .max_inputs = 1,
  .attrs_size = sizeof (struct pool_attrs),
  .attrs = pool_options,
  .flags = OP_SPATIAL,
  .shape = avg_pool_back_shape,
  .reference = avg_pool_back_reference,
  .gradient = avg_pool_back_gradient,
  .prepare = avg_pool_back_prepare,
  .cases = avg_pool_back_cases,
};
