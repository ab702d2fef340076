/* SPDX-License-Identifier: Apache-2.0
 *
 * Convolution in bands of rows. The split into bands depends on the shapes alone, so that the moments, merged in the
 * order of the bands, do not depend on the number of threads. Every thread works through neighbouring bands and keeps
 * the rows that the next one needs again. The convolution of a band is an ordinary kernel, prepared for one thread, one
 * for each thread because a kernel serves one at a time.
 *
 * Enlarging: with u(2i + a) = x(i), y(2i) = w0 x(i-1) + (w1 + w2) x(i) and y(2i+1) = (w0 + w1) x(i) + w2 x(i+1) along
 * either axis. So a 2x2 convolution of x with a border of 1, over its (h+1)(w+1) windows, gives all four pixels around
 * the common corner of each window: rows 2i-1 and 2i, columns 2j-1 and 2j. 16 products instead of 36 for each input
 * pixel.
 *
 * Transposed: y(r) = sum of x(m - j) w(a + s j) over j, where r + pad = s m + a. So window m gives the s pixels from s
 * m - pad on, each with the taps of its own phase a. Both are windows of a plain convolution whose output channels are
 * the pixels'. */
#include "device/cpu_band.h"

#include <omp.h>
#include <string.h>

#include "device/cpu_conv.h"
#include "device/moments.h"
#include "impasto/error.h"

#define BAND_BYTES \
  (192 << 10) /* of input rows: with weights and result it fills half of a second-level cache of 1 MiB */
#define PICTURE_BYTES (256 << 10) /* below which a picture stays in the cache by itself */
#define FEWEST_BANDS 16
#define TALL 40 /* rows of which bands of several at once still make enough bands */

/* The convolution of one band by one thread; the tail of a picture has fewer rows. */
struct worker {
  struct kernel kernel;
  struct value x, y;
  const struct value *inputs[2];
  struct spread spread; /* of windows */
  bool places;          /* puts them there by itself */
};

struct banded {
  struct band band;
  struct conv_attrs attrs; /* of the workers */
  int64_t scale[2];        /* window (i, j) gives the scale[0] x scale[1] pixels ... */
  int64_t shift[2];        /* ... from i scale[0] - shift[0], j scale[1] - shift[1] on: struct spread */
  struct value w, bias;    /* of all pixels of a window; else as given */
  void *own;               /* data of the former */
  int64_t *shown;          /* our own tables of the border, or NULL */
  int64_t height, width;   /* windows: outputs of the workers' convolution over the whole picture */
  int64_t stride, reach;   /* rows from output to output; rows that one output sees */
  int64_t rows, tail;      /* outputs of a band, and of the last one of a picture */
  int64_t bands;           /* a picture */
  int threads;
  struct worker *worker, *tail_worker;                         /* a thread */
  size_t at_rows, at_windows, at_source, at_inner, per_thread; /* scratch of a thread */
  size_t at_moments, at_buffers;
  char *name;
};

static size_t
element_size (const struct value *value)
{
  return value->dtype == DTYPE_BF16 ? 2 : 4;
}

/* Rows of input that @outputs rows of output see. */
static int64_t
input_rows (const struct banded *b, int64_t outputs)
{
  return (outputs - 1) * b->stride + b->reach;
}

/* Running */

/* Row @row of the bordered picture @n, into @target. */
static void
fetch_row (const struct banded *b, const struct value *x, int64_t n, int64_t row, char *target, void *source_scratch)
{
  const int64_t *d = x->shape.dim, *pad = b->band.pad;
  size_t pixel = (size_t) d[1] * element_size (x);
  int64_t from = b->band.rows[row], width = pad[1] + d[3] + pad[3];
  char *inner = target + (size_t) pad[1] * pixel;

  if (from < 0) {
    memset (target, 0, (size_t) width * pixel);
    return;
  }
  int64_t start = (n * d[2] + from) * d[3] * d[1], count = d[3] * d[1];
  if (b->band.source != NULL)
    b->band.source->fill (b->band.source->state, source_scratch, start, count, inner);
  else
    memcpy (inner, (const char *) x->data + (size_t) start * element_size (x), (size_t) d[3] * pixel);
  for (int64_t i = 0; i < pad[1] + pad[3]; i++) {
    int64_t column = i < pad[1] ? i : d[3] + i, shown = b->band.columns[column];

    if (shown < 0)
      memset (target + (size_t) column * pixel, 0, pixel);
    else
      memcpy (target + (size_t) column * pixel, inner + (size_t) shown * pixel, pixel);
  }
}

/* The rows of @band into @buffer, which holds those from *first on up to *end of the same picture. */
static void
fetch_rows (const struct banded *b, const struct value *x, int64_t n, int64_t begin, int64_t end, int64_t *first,
            int64_t *last, char *buffer, void *source_scratch)
{
  const int64_t *d = x->shape.dim;
  size_t row = (size_t) ((b->band.pad[1] + d[3] + b->band.pad[3]) * d[1]) * element_size (x);
  int64_t have = begin >= *first && begin < *last ? *last - begin : 0;

  if (have > 0)
    memmove (buffer, buffer + (size_t) (begin - *first) * row, (size_t) have * row);
  for (int64_t r = begin + have; r < end; r++)
    fetch_row (b, x, n, r, buffer + (size_t) (r - begin) * row, source_scratch);
  *first = begin;
  *last = end;
}

static bool
spreads (const struct banded *b)
{
  return b->band.form != BAND_PLAIN;
}

/* From windows (rows, width, scale, scale, c), rows from @begin on, to their pixels. */
static void
place_windows (const struct banded *b, const struct value *y, int64_t n, int64_t begin, int64_t end,
               const char *windows)
{
  const int64_t *d = y->shape.dim;
  int64_t across = b->scale[1];
  size_t pixel = (size_t) d[1] * element_size (y), row = (size_t) d[3] * pixel;
  char *picture = (char *) y->data + (size_t) (n * d[2]) * row;

  for (int64_t i = begin; i < end; i++)
    for (int64_t a = 0; a < b->scale[0]; a++) {
      int64_t to = i * b->scale[0] - b->shift[0] + a;
      const char *from = windows + (size_t) ((i - begin) * b->width * b->scale[0] * across + a * across) * pixel;

      if (to < 0 || to >= d[2])
        continue;
      for (int64_t j = 0; j < b->width; j++, from += (size_t) (b->scale[0] * across) * pixel) {
        int64_t at = j * across - b->shift[1], first = MAX (at, 0), last = MIN (at + across, d[3]);

        if (first < last)
          memcpy (picture + (size_t) to * row + (size_t) first * pixel, from + (size_t) (first - at) * pixel,
                  (size_t) (last - first) * pixel);
      }
    }
}

/* The rows of y that the windows from @begin to @end give. */
static void
result_rows (const struct banded *b, const struct value *y, int64_t begin, int64_t end, int64_t *first, int64_t *last)
{
  *first = MAX (begin * b->scale[0] - b->shift[0], 0);
  *last = MIN (end * b->scale[0] - b->shift[0], y->shape.dim[2]);
}

static void
run_band (const struct kernel *kernel, const struct banded *b, int64_t i, int64_t *first, int64_t *last, char *scratch,
          double *measured, float *buffer, const struct run_context *context)
{
  const struct value *x = kernel->x[0], *y = kernel->y;
  int64_t n = i / b->bands, at = i % b->bands, begin = at * b->rows, end = MIN (begin + b->rows, b->height);
  struct worker *worker = (end - begin == b->rows ? b->worker : b->tail_worker) + omp_get_thread_num ();
  int64_t channels = y->shape.dim[1], row_begin, row_end;

  if (at == 0)
    *first = *last = 0;
  fetch_rows (b, x, n, begin * b->stride, begin * b->stride + input_rows (b, end - begin), first, last,
              scratch + b->at_rows, scratch + b->at_source);
  result_rows (b, y, begin, end, &row_begin, &row_end);
  char *target =
    (char *) y->data + (size_t) ((n * y->shape.dim[2] + row_begin) * y->shape.dim[3] * channels) * element_size (y);
  worker->x.data = scratch + b->at_rows;
  worker->y.data = spreads (b) ? scratch + b->at_windows : target;
  worker->spread.first = begin;
  worker->spread.picture = (float *) y->data + n * y->shape.dim[2] * y->shape.dim[3] * channels;
  worker->kernel.run (&worker->kernel, scratch + b->at_inner, context);
  if (spreads (b) && !worker->places)
    place_windows (b, y, n, begin, end, scratch + b->at_windows);
  if (b->band.moments != NULL)
    moments_measure (target, y->dtype, (row_end - row_begin) * y->shape.dim[3], channels, buffer,
                     measured + 2 * i * channels, measured + (2 * i + 1) * channels);
}

static void
merge_moments (const struct banded *b, const struct value *y, double *measured)
{
  const int64_t *d = y->shape.dim;
  int64_t channels = d[1], pixels = d[2] * d[3];

  for (int64_t n = 0; n < d[0]; n++) {
    double *mean = measured + 2 * n * b->bands * channels, *squares = mean + channels;
    float *to = (float *) b->band.moments->data + 2 * n * channels;
    int64_t first, last;

    for (int64_t i = 1; i < b->bands; i++) {
      result_rows (b, y, i * b->rows, MIN ((i + 1) * b->rows, b->height), &first, &last);
      moments_merge (first * d[3], mean, squares, (last - first) * d[3], mean + 2 * i * channels,
                     squares + 2 * i * channels, channels);
    }
    for (int64_t c = 0; c < channels; c++) {
      to[c] = (float) mean[c];
      to[channels + c] = (float) (squares[c] / (double) pixels);
    }
  }
}

static void
run (const struct kernel *kernel, void *scratch, const struct run_context *context)
{
  const struct banded *b = kernel->state;
  int64_t total = b->bands * kernel->x[0]->shape.dim[0], channels = kernel->y->shape.dim[1];
  double *measured = (double *) ((char *) scratch + b->at_moments);

#pragma omp parallel num_threads(b->threads)
  {
    int thread = omp_get_thread_num ();
    char *own = (char *) scratch + (size_t) thread * b->per_thread;
    float *buffer = (float *) ((char *) scratch + b->at_buffers) + (size_t) thread * moments_buffer (channels);
    int64_t first = 0, last = 0, before = -1;

    if (b->band.source != NULL)
      b->band.source->begin (b->band.source->state, own + b->at_source);
#pragma omp for schedule(static)
    for (int64_t i = 0; i < total; i++) {
      if (i != before + 1)
        first = last = 0;
      before = i;
      run_band (kernel, b, i, &first, &last, own, measured, buffer, context);
    }
  }
  if (b->band.moments != NULL)
    merge_moments (b, kernel->y, measured);
}

/* Preparing */

static void
banded_free (void *state)
{
  struct banded *b = state;

  for (int t = 0; t < b->threads; t++) {
    kernel_clear (&b->worker[t].kernel);
    kernel_clear (&b->tail_worker[t].kernel);
  }
  g_free (b->worker);
  g_free (b->tail_worker);
  g_free (b->own);
  g_free (b->shown);
  g_free (b->name);
  g_free (b);
}

/* w' (4o, c, 2, 2), the pixel above and left of the corner first, from w (o, c, 3, 3): which taps fall on one pixel. */
static void
gather_taps (const float *w, int64_t o_count, int64_t c_count, float *to)
{
  static const int taps[2][2][2] = {{{0, 2}, {2, 3}}, {{0, 1}, {1, 3}}}; /* [pixel][tap'] = from, up to */

  for (int64_t i = 0; i < 4 * o_count * c_count * 4; i++) {
    int64_t column = i % 2, row = i / 2 % 2, c = i / 4 % c_count, o = i / (4 * c_count) % o_count;
    int64_t pixel = i / (4 * c_count * o_count);
    const int *rows = taps[pixel / 2][row], *columns = taps[pixel % 2][column];
    const float *from = w + (o * c_count + c) * 9;
    double sum = 0;

    for (int a = rows[0]; a < rows[1]; a++)
      for (int k = columns[0]; k < columns[1]; k++)
        sum += from[a * 3 + k];
    to[i] = (float) sum;
  }
}

/* w' (s s o, c, k', k') from the weight (c, o, k, k) of a transposed convolution. */
static void
gather_phases (const struct banded *b, const struct value *w, float *to)
{
  const int64_t *d = w->shape.dim, *wide = b->w.shape.dim;

  for (int64_t i = 0; i < shape_size (&b->w.shape); i++) {
    int64_t column = i % wide[3], row = i / wide[3] % wide[2], c = i / (wide[3] * wide[2]) % wide[1];
    int64_t o = i / (wide[3] * wide[2] * wide[1]) % d[1], phase = i / (wide[3] * wide[2] * wide[1] * d[1]);
    int64_t a = phase / b->scale[1] + b->scale[0] * (wide[2] - 1 - row);
    int64_t k = phase % b->scale[1] + b->scale[1] * (wide[3] - 1 - column);

    to[i] = a < d[2] && k < d[3] ? ((const float *) w->data)[((c * d[1] + o) * d[2] + a) * d[3] + k] : 0;
  }
}

/* The weight and bias of windows that give several pixels, for @outputs channels of each. */
static bool
spread_weight (struct banded *b, const struct kernel *kernel, struct shape wide, int64_t outputs, GError **error)
{
  size_t weights = (size_t) shape_size (&wide), biases = (size_t) wide.dim[0];
  float *own = g_try_malloc ((weights + biases) * sizeof *own);

  if (own == NULL) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "out of memory for a laid-out weight");
    return false;
  }
  b->own = own;
  b->w = (struct value){.shape = wide, .constant = true, .data = own};
  b->bias = (struct value){.shape = SHAPE (wide.dim[0]), .constant = true, .data = own + weights};
  for (size_t i = 0; kernel->bias != NULL && i < biases; i++)
    own[weights + i] = ((const float *) kernel->bias->data)[(int64_t) i % outputs];
  return true;
}

static bool
prepare_enlarging (struct banded *b, const struct kernel *kernel, GError **error)
{
  const int64_t *d = kernel->x[0]->shape.dim, *w = kernel->x[1]->shape.dim;

  for (int i = 0; i < 2; i++) {
    b->scale[i] = 2;
    b->shift[i] = 1;
  }
  b->height = d[2] + 1;
  b->width = d[3] + 1;
  if (!spread_weight (b, kernel, SHAPE (4 * w[0], w[1], 2, 2), w[0], error))
    return false;
  gather_taps (kernel->x[1]->data, w[0], w[1], b->own);
  return true;
}

static bool
prepare_transposed (struct banded *b, const struct kernel *kernel, GError **error)
{
  const struct conv_attrs *attrs = kernel->attrs;
  const int64_t *d = kernel->x[0]->shape.dim, *w = kernel->x[1]->shape.dim, *y = kernel->y->shape.dim;
  int64_t taps[2], windows[2], extent[2];

  for (int i = 0; i < 2; i++) {
    b->scale[i] = attrs->stride[i];
    b->shift[i] = attrs->pad[i];
    taps[i] = (w[2 + i] + b->scale[i] - 1) / b->scale[i];
    windows[i] = (y[2 + i] - 1 + b->shift[i]) / b->scale[i] + 1;
    b->band.pad[i] = taps[i] - 1;
    b->band.pad[2 + i] = MAX (windows[i] - d[2 + i], 0);
    extent[i] = b->band.pad[i] + d[2 + i] + b->band.pad[2 + i];
  }
  b->height = windows[0];
  b->width = extent[1] - taps[1] + 1; /* some more than windows[1] where the result is cropped; they are not placed */
  b->shown = g_new (int64_t, extent[0] + extent[1]);
  for (int64_t i = 0; i < extent[0] + extent[1]; i++) {
    int axis = i >= extent[0];
    int64_t at = i - axis * extent[0] - b->band.pad[axis];
    b->shown[i] = at >= 0 && at < d[2 + axis] ? at : -1;
  }
  b->band.rows = b->shown;
  b->band.columns = b->shown + extent[0];
  b->attrs.stride[0] = b->attrs.stride[1] = 1;
  struct shape wide = SHAPE (b->scale[0] * b->scale[1] * w[1], w[0], taps[0], taps[1]);
  if (!spread_weight (b, kernel, wide, w[1], error))
    return false;
  gather_phases (b, kernel->x[1], b->own);
  return true;
}

/* The convolution of @rows rows, up to its preparation. */
static void
worker_init (struct banded *b, const struct kernel *kernel, struct worker *worker, int64_t rows)
{
  const int64_t *d = kernel->x[0]->shape.dim, *pad = b->band.pad;

  worker->x = (struct value){.shape = SHAPE (1, d[1], input_rows (b, rows), pad[1] + d[3] + pad[3]),
                             .layout = LAYOUT_LAST,
                             .dtype = kernel->x[0]->dtype};
  worker->y = (struct value){
    .shape = SHAPE (1, b->w.shape.dim[0], rows, b->width), .layout = LAYOUT_LAST, .dtype = kernel->y->dtype};
  worker->inputs[0] = &worker->x;
  worker->inputs[1] = &b->w;
  worker->kernel = (struct kernel){.attrs = &b->attrs,
                                   .n_inputs = 2,
                                   .x = worker->inputs,
                                   .y = &worker->y,
                                   .bias = kernel->bias == NULL ? NULL
                                           : spreads (b)        ? &b->bias
                                                                : kernel->bias,
                                   .activation = kernel->activation,
                                   .activation_p = {kernel->activation_p[0], kernel->activation_p[1]},
                                   .repeated = true,
                                   .twin = worker != b->worker ? &b->worker->kernel : NULL};
}

static bool
prepare_worker (struct banded *b, const struct kernel *kernel, struct worker *worker, int64_t rows, GError **error)
{
  const int64_t *y = kernel->y->shape.dim;

  worker_init (b, kernel, worker, rows);
  if (!cpu_conv2d (&worker->kernel, error))
    return false;
  worker->spread = (struct spread){.scale = {b->scale[0], b->scale[1]},
                                   .shift = {b->shift[0], b->shift[1]},
                                   .height = y[2],
                                   .width = y[3],
                                   .channels = y[1]};
  worker->places = spreads (b) && wide_conv2d_spread (&worker->kernel, &worker->spread);
  return true;
}

/* The convolution computes so many rows together: bands are a multiple of them high. */
static int64_t
rows_at_once (struct banded *b, const struct kernel *kernel)
{
  struct worker worker = {0};

  if (b->height < TALL)
    return 1;
  worker_init (b, kernel, &worker, 1);
  return wide_conv2d_rows (&worker.kernel);
}

/* Outputs a band: as many as fit, in no fewer than FEWEST_BANDS, and so that they divide the picture if that is
 * cheap. */
static int64_t
band_rows (struct banded *b, const struct kernel *kernel)
{
  const struct value *x = kernel->x[0];
  const int64_t *d = x->shape.dim, *pad = b->band.pad;
  int64_t row = (pad[1] + d[3] + pad[3]) * d[1] * (int64_t) element_size (x), unit = rows_at_once (b, kernel);
  int64_t most = MAX ((BAND_BYTES / row - b->reach) / b->stride + 1, 2 * (b->reach - 1) / b->stride);

  most = CLAMP (most, 1, MAX (b->height / FEWEST_BANDS, 1));
  most = MAX (most / unit, 1) * unit;
  for (int64_t rows = most; rows > most / 2; rows -= unit)
    if (b->height % rows == 0)
      return rows;
  return most;
}

/* Bytes for windows that are to be placed. */
static size_t
windows_size (const struct banded *b, const struct worker *worker)
{
  return spreads (b) && worker->kernel.run != NULL && !worker->places ? kernel_aligned (value_bytes (&worker->y)) : 0;
}

/* Scratch: for each thread rows, windows, the source's and the convolution's; then moments, then their buffers. */
static void
plan_scratch (struct banded *b, struct kernel *kernel)
{
  const struct worker *worker = b->worker;
  size_t inner = MAX (worker->kernel.scratch, b->tail_worker->kernel.scratch);
  int64_t total = b->bands * kernel->x[0]->shape.dim[0], channels = kernel->y->shape.dim[1];

  b->at_rows = 0;
  b->at_windows = kernel_aligned (value_bytes (&worker->x));
  b->at_source = b->at_windows + MAX (windows_size (b, worker), windows_size (b, b->tail_worker));
  b->at_inner = b->at_source + kernel_aligned (b->band.source != NULL ? b->band.source->scratch : 0);
  b->per_thread = b->at_inner + kernel_aligned (inner);
  b->at_moments = (size_t) b->threads * b->per_thread;
  b->at_buffers = b->at_moments + (b->band.moments != NULL ? (size_t) (2 * total * channels) * sizeof (double) : 0);
  kernel->scratch =
    b->at_buffers + (b->band.moments != NULL ? (size_t) b->threads * moments_buffer (channels) * sizeof (float) : 0);
}

static bool
prepare_workers (struct banded *b, const struct kernel *kernel, GError **error)
{
  bool ok = true;

  cpu_set_threads (1);
  for (int t = 0; ok && t < b->threads; t++)
    ok = prepare_worker (b, kernel, &b->worker[t], b->rows, error) &&
         (b->tail == b->rows || prepare_worker (b, kernel, &b->tail_worker[t], b->tail, error));
  cpu_set_threads (b->threads);
  return ok;
}

bool
cpu_band_worthwhile (const struct shape *x)
{
  return x->dim[1] * x->dim[2] * x->dim[3] * 2 >= PICTURE_BYTES && x->dim[2] >= 2 * FEWEST_BANDS;
}

bool
cpu_band_transposes (const struct conv_attrs *attrs, const struct shape *w)
{
  int64_t products = 1;

  for (int i = 0; i < 2; i++) {
    if (attrs->dilation[i] != 1)
      return false;
    products *= (w->dim[2 + i] + attrs->stride[i] - 1) / attrs->stride[i] * attrs->stride[i];
  }
  if (attrs->groups != 1 || attrs->stride[0] * attrs->stride[1] == 1)
    return false;
  /* oneDNN's own kernels do w's products alone, but at half the speed in bfloat16, and badly for few channels */
  return w->dim[1] < 16 || products <= w->dim[2] * w->dim[3];
}

static bool
prepare_form (struct banded *b, const struct kernel *kernel, GError **error)
{
  switch (b->band.form) {
  case BAND_PLAIN: return true;
  case BAND_ENLARGE: return prepare_enlarging (b, kernel, error);
  case BAND_TRANSPOSED: return prepare_transposed (b, kernel, error);
  }
  g_return_val_if_reached (false);
}

bool
cpu_conv2d_banded (struct kernel *kernel, const struct band *band, GError **error)
{
  static const char *const forms[] = {"", "enlarging, ", "transposed, "};
  struct banded *b = g_new0 (struct banded, 1);
  const struct conv_attrs *attrs = kernel->attrs;
  const int64_t *y = kernel->y->shape.dim;

  b->band = *band;
  b->attrs = *attrs;
  memset (b->attrs.pad, 0, sizeof b->attrs.pad);
  b->scale[0] = b->scale[1] = 1;
  b->w = *kernel->x[1];
  b->height = y[2];
  b->width = y[3];
  b->threads = cpu_threads ();
  b->worker = g_new0 (struct worker, b->threads);
  b->tail_worker = g_new0 (struct worker, b->threads);
  if (!prepare_form (b, kernel, error)) {
    banded_free (b);
    return false;
  }
  b->stride = b->attrs.stride[0];
  b->reach = (b->w.shape.dim[2] - 1) * attrs->dilation[0] + 1;
  cpu_set_threads (1);
  b->rows = band_rows (b, kernel);
  cpu_set_threads (b->threads);
  b->bands = (b->height + b->rows - 1) / b->rows;
  b->tail = b->height - (b->bands - 1) * b->rows;
  if (!prepare_workers (b, kernel, error)) {
    banded_free (b);
    return false;
  }
  plan_scratch (b, kernel);
  b->name = g_strdup_printf ("%s%d rows, %s", forms[band->form], (int) b->rows, b->worker->kernel.implementation);
  kernel->state = b;
  kernel->free_state = banded_free;
  kernel->implementation = b->name;
  kernel->run = run;
  return true;
}
