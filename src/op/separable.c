/* SPDX-License-Identifier: Apache-2.0
 *
 * The kernel of separable sparse linear maps: an output row is first a sum of input rows (long runs, in chunks that
 * stay in L1), then each of its pixels a sum of that row's pixels. The work that matters is copying, so it is found out
 * beforehand: spans of pixels that are consecutive input pixels unchanged are copied at once, rows of a single tap are
 * read where they lie, and neighbouring rows with the same taps are made once and copied. */
#include "op/separable.h"

#include <omp.h>
#include <string.h>

#include "device/cpu.h"
#include "device/vector.h"
#include "impasto/error.h"

#define CHUNK 1024 /* floats of a row summed at a time */

enum span_kind { SPAN_ZERO, SPAN_COPY, SPAN_SUM };

/* Output pixels to .. to+count-1 of a row: zero, the input pixels from .. from+count-1, or sums of taps. */
struct span {
  enum span_kind kind;
  int64_t to, from, count;
};

struct separable {
  struct taps *rows, *columns;
  int64_t n, c;   /* pictures, elements of a pixel */
  GArray *spans;  /* struct span, covering the columns */
  GArray *groups; /* int64_t: where each run of equal rows starts; then the number of rows */
  int threads;
  size_t thread_floats; /* scratch of one thread: a row of input */
};

struct taps *
taps_new (int64_t n, int64_t source, int64_t per_output, GError **error)
{
  g_autoptr (taps) taps = g_new0 (struct taps, 1);

  taps->n = n;
  taps->source = source;
  taps->start = g_try_new0 (int64_t, n + 1);
  taps->index = g_try_new (int64_t, n * per_output);
  taps->weight = g_try_new (float, n *per_output);
  if (taps->start == NULL || taps->index == NULL || taps->weight == NULL) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY,
                 "out of memory: a table of %" G_GINT64_FORMAT " rows or columns", n);
    return NULL;
  }
  return g_steal_pointer (&taps);
}

void
taps_free (struct taps *taps)
{
  if (taps == NULL)
    return;
  g_free (taps->start);
  g_free (taps->index);
  g_free (taps->weight);
  g_free (taps);
}

/* While output i is being filled its end is kept in start[i + 1]. */
void
taps_add (struct taps *taps, int64_t index, double weight)
{
  int64_t t = taps->start[taps->filled + 1]++;

  taps->index[t] = index;
  taps->weight[t] = (float) weight;
}

void
taps_next (struct taps *taps)
{
  taps->filled++;
  if (taps->filled < taps->n)
    taps->start[taps->filled + 1] = taps->start[taps->filled];
}

struct taps *
taps_transpose (const struct taps *taps, GError **error)
{
  int64_t total = taps->start[taps->n], sum = 0;
  int64_t per_output = total / taps->source + 1; /* room for all of them */
  struct taps *result = taps_new (taps->source, taps->n, per_output, error);

  if (result == NULL)
    return NULL;
  for (int64_t t = 0; t < total; t++)
    result->start[taps->index[t]]++;
  for (int64_t i = 0; i <= result->n; i++) {
    int64_t count = result->start[i];
    result->start[i] = sum;
    sum += count;
  }
  for (int64_t i = 0; i < taps->n; i++)
    for (int64_t t = taps->start[i]; t < taps->start[i + 1]; t++) {
      int64_t place = result->start[taps->index[t]]++;
      result->index[place] = i;
      result->weight[place] = taps->weight[t];
    }
  /* Each start has moved on to the end of its output, which is the next one's start. */
  memmove (result->start + 1, result->start, (size_t) result->n * sizeof *result->start);
  result->start[0] = 0;
  result->filled = result->n;
  return result;
}

static int64_t
tap_count (const struct taps *taps, int64_t i)
{
  return taps->start[i + 1] - taps->start[i];
}

/* Output @i is one input unchanged. */
static bool
is_copy (const struct taps *taps, int64_t i)
{
  return tap_count (taps, i) == 1 && taps->weight[taps->start[i]] == 1;
}

static GArray *
spans_of (const struct taps *taps)
{
  GArray *spans = g_array_new (FALSE, FALSE, sizeof (struct span));

  for (int64_t i = 0; i < taps->n; i++) {
    bool copy = is_copy (taps, i);
    struct span span = {copy                       ? SPAN_COPY
                        : tap_count (taps, i) == 0 ? SPAN_ZERO
                                                   : SPAN_SUM,
                        i, copy ? taps->index[taps->start[i]] : 0, 1};
    struct span *last = spans->len > 0 ? &g_array_index (spans, struct span, spans->len - 1) : NULL;

    if (last != NULL && last->kind == span.kind && (!copy || span.from == last->from + last->count))
      last->count++;
    else
      g_array_append_val (spans, span);
  }
  return spans;
}

static bool
same_taps (const struct taps *taps, int64_t i, int64_t j)
{
  int64_t n = tap_count (taps, i), a = taps->start[i], b = taps->start[j];

  return n == tap_count (taps, j) && memcmp (taps->index + a, taps->index + b, (size_t) n * sizeof *taps->index) == 0 &&
         memcmp (taps->weight + a, taps->weight + b, (size_t) n * sizeof *taps->weight) == 0;
}

static GArray *
groups_of (const struct taps *taps)
{
  GArray *groups = g_array_new (FALSE, FALSE, sizeof (int64_t));

  for (int64_t i = 0; i < taps->n; i++)
    if (i == 0 || !same_taps (taps, i - 1, i))
      g_array_append_val (groups, i);
  g_array_append_val (groups, taps->n);
  return groups;
}

/* y := wa a + wb b; y may be a. A few elements are not worth a call. */
static inline void
mix (float *y, const float *a, float wa, const float *b, float wb, int64_t n)
{
  if (n < 16)
    for (int64_t i = 0; i < n; i++)
      y[i] = wa * a[i] + wb * b[i];
  else
    vector_kernels ()->mix (y, a, wa, b, wb, (size_t) n);
}

/* @n elements of @x from @at on as floats: where they lie, or in @room. */
static const float *
floats_at (const void *x, enum dtype dtype, int64_t at, int64_t n, float *room)
{
  if (dtype == DTYPE_F32)
    return (const float *) x + at;
  vector_kernels ()->from_bf16 (room, (const uint16_t *) x + at, (size_t) n);
  return room;
}

/* y := elements at .. at+n-1, at most CHUNK, of the sum that makes output @i; input k of it begins at x + k *
 * stride. */
static void
sum_taps (const struct taps *taps, int64_t i, const char *x, enum dtype xt, int64_t stride, int64_t at, int64_t n,
          float *y)
{
  int64_t t = taps->start[i], end = taps->start[i + 1];
  float room[2][CHUNK];
  const float *a = floats_at (x, xt, taps->index[t] * stride + at, n, room[0]);
  float weight = taps->weight[t];

  if (end - t == 1)
    for (int64_t k = 0; k < n; k++)
      y[k] = weight * a[k];
  for (t++; t < end; t++, a = y, weight = 1)
    mix (y, a, weight, floats_at (x, xt, taps->index[t] * stride + at, n, room[1]), taps->weight[t], n);
}

static void
sum_rows (const struct taps *rows, int64_t i, const char *x, enum dtype xt, int64_t elements, float *acc)
{
  for (int64_t at = 0; at < elements; at += CHUNK)
    sum_taps (rows, i, x, xt, elements, at, MIN (CHUNK, elements - at), acc + at);
}

static void
sum_columns (const struct separable *s, const struct span *span, char *y, enum dtype yt, const char *x, enum dtype xt)
{
  float acc[CHUNK];

  for (int64_t j = span->to; j < span->to + span->count; j++)
    for (int64_t at = 0; at < s->c; at += CHUNK) {
      int64_t n = MIN (CHUNK, s->c - at);

      if (yt == DTYPE_F32) {
        sum_taps (s->columns, j, x, xt, s->c, at, n, (float *) y + j * s->c + at);
      } else {
        sum_taps (s->columns, j, x, xt, s->c, at, n, acc);
        vector_kernels ()->to_bf16 ((uint16_t *) y + j * s->c + at, acc, (size_t) n);
      }
    }
}

/* memcpy for the few bytes of a pixel, without a call: blocks of a fixed size, the last one overlapping. */
static inline void
copy_blocks (char *y, const char *x, size_t n, size_t block)
{
  for (size_t i = 0; i + block < n; i += block)
    memcpy (y + i, x + i, block);
  memcpy (y + n - block, x + n - block, block);
}

static inline void
copy_bytes (char *y, const char *x, size_t n)
{
  if (n > 1024)
    memcpy (y, x, n);
  else if (n >= 64)
    copy_blocks (y, x, n, 64);
  else if (n >= 16)
    copy_blocks (y, x, n, 16);
  else if (n >= 4)
    copy_blocks (y, x, n, 4);
  else
    copy_blocks (y, x, n, 2); /* one bf16 */
}

static inline void
copy_elements (char *y, enum dtype yt, const char *x, enum dtype xt, int64_t n)
{
  if (yt == xt)
    copy_bytes (y, x, (size_t) n * dtype_size (yt));
  else if (yt == DTYPE_F32)
    vector_kernels ()->from_bf16 ((float *) y, (const uint16_t *) x, (size_t) n);
  else
    vector_kernels ()->to_bf16 ((uint16_t *) y, (const float *) x, (size_t) n);
}

static void
apply_columns (const struct separable *s, char *y, enum dtype yt, const char *x, enum dtype xt)
{
  size_t y_pixel = (size_t) s->c * dtype_size (yt), x_pixel = (size_t) s->c * dtype_size (xt);

  for (guint k = 0; k < s->spans->len; k++) {
    const struct span *span = &g_array_index (s->spans, struct span, k);
    char *to = y + (size_t) span->to * y_pixel;

    if (span->kind == SPAN_ZERO)
      memset (to, 0, (size_t) span->count * y_pixel);
    else if (span->kind == SPAN_COPY)
      copy_elements (to, yt, x + (size_t) span->from * x_pixel, xt, span->count * s->c);
    else
      sum_columns (s, span, y, yt, x, xt);
  }
}

/* Makes output row @i of the picture @x at @y; @acc has room for a row of input in float. */
static void
make_row (const struct separable *s, const char *x, enum dtype xt, int64_t i, char *y, enum dtype yt, float *acc)
{
  int64_t elements = s->columns->source * s->c;

  if (tap_count (s->rows, i) == 0) {
    memset (y, 0, (size_t) (s->columns->n * s->c) * dtype_size (yt));
  } else if (is_copy (s->rows, i)) {
    size_t at = (size_t) (s->rows->index[s->rows->start[i]] * elements) * dtype_size (xt);
    apply_columns (s, y, yt, x + at, xt);
  } else {
    sum_rows (s->rows, i, x, xt, elements, acc);
    apply_columns (s, y, yt, (const char *) acc, DTYPE_F32);
  }
}

static void
run (const struct kernel *kernel, void *scratch, const struct run_context *context)
{
  const struct separable *s = kernel->state;
  const struct value *x = kernel->x[0], *y = kernel->y;
  size_t picture_bytes = (size_t) (s->rows->source * s->columns->source * s->c) * dtype_size (x->dtype);
  int64_t n_groups = s->groups->len - 1, n_rows = s->rows->n;
  size_t row_bytes = (size_t) (s->columns->n * s->c) * dtype_size (y->dtype);

#pragma omp parallel for schedule(static) num_threads(s->threads)
  for (int64_t k = 0; k < s->n * n_groups; k++) {
    int64_t picture = k / n_groups;
    const int64_t *group = &g_array_index (s->groups, int64_t, k % n_groups);
    char *first = (char *) y->data + (size_t) (picture * n_rows + group[0]) * row_bytes;

    make_row (s, (const char *) x->data + (size_t) picture * picture_bytes, x->dtype, group[0], first, y->dtype,
              (float *) scratch + (size_t) omp_get_thread_num () * s->thread_floats);
    for (int64_t i = 1; i < group[1] - group[0]; i++)
      memcpy (first + (size_t) i * row_bytes, first, row_bytes);
  }
}

static void
separable_free (void *state)
{
  struct separable *s = state;

  taps_free (s->rows);
  taps_free (s->columns);
  g_array_unref (s->spans);
  g_array_unref (s->groups);
  g_free (s);
}

/* Pictures of pixels of c elements: channels-last, or row-major where each channel is a picture by itself. */
static void
set_geometry (struct separable *s, const struct value *x, const struct value *y)
{
  bool last = x->layout == LAYOUT_LAST || y->layout == LAYOUT_LAST;
  int rank = x->shape.rank;

  s->c = last ? x->shape.dim[1] : 1;
  s->n = last ? x->shape.dim[0] : shape_size (&x->shape) / (x->shape.dim[rank - 1] * x->shape.dim[rank - 2]);
}

bool
separable_prepare (struct kernel *kernel, struct taps *rows, struct taps *columns, bool transpose, GError **error)
{
  g_autoptr (taps) own_rows = rows, own_columns = columns;
  struct separable *s;

  if (rows == NULL || columns == NULL)
    return false;
  if (transpose) {
    g_autoptr (taps) back_rows = taps_transpose (rows, error);
    g_autoptr (taps) back_columns = back_rows == NULL ? NULL : taps_transpose (columns, error);
    return separable_prepare (kernel, g_steal_pointer (&back_rows), g_steal_pointer (&back_columns), false, error);
  }
  s = g_new0 (struct separable, 1);
  set_geometry (s, kernel->x[0], kernel->y);
  s->spans = spans_of (columns);
  s->groups = groups_of (rows);
  s->rows = g_steal_pointer (&own_rows);
  s->columns = g_steal_pointer (&own_columns);
  s->threads = cpu_threads ();
  s->thread_floats = (size_t) (columns->source * s->c + 15) / 16 * 16;

  kernel->scratch = (size_t) s->threads * s->thread_floats * sizeof (float);
  kernel->state = s;
  kernel->run = run;
  kernel->free_state = separable_free;
  kernel->implementation = "separable";
  return true;
}
