/* SPDX-License-Identifier: Apache-2.0
 *
 * Convolutions of few output channels, like the last layer of a network that paints: three channels fill three of
 * sixteen lanes. Channels-last, P neighbouring pixels of O channels are the same bytes as one pixel of P O channels; so
 * we compute P pixels at once, by a convolution of P times the stride and a wider kernel that holds the weight P times,
 * each shifted by the stride s:
 *
 *   y(o, i, j P + p) = y'(p O + o, i, j),   w'(p O + o, c, a, b + p s) = w(o, c, a, b), else 0
 *
 * It computes (kw + (P - 1) s) / kw times as much, in lanes that were idle. The picture y is not touched for it. Its
 * derivative for w folds the same way: dw(o,c,a,b) = sum over p of dw'(p O + o, c, a, b + p s). And the derivative for
 * x at stride 1 is itself such a convolution, of y with the weight turned around. P comes from a formula, so that the
 * same machine chooses the same. */
#include "device/cpu_conv.h"

#include <string.h>

#include "impasto/error.h"

#define MOST_PIXELS 16
#define PRODUCTS_PER_COPY 200.0 /* multiply-adds in full lanes in the time of laying out one weight */
#define WORTHWHILE 1.25         /* folding must promise this much */

struct folded {
  struct kernel inner;     /* the wider convolution */
  struct conv_attrs attrs; /* of inner */
  struct value picture;    /* y as the inner one sees it */
  struct value w, bias;    /* as the inner one wants them, in scratch; a constant w only while it is prepared */
  const struct value *inputs[2];
  int64_t pixels, shift; /* P; of the weight from pixel to pixel */
  bool turned;           /* derivative for x: the weight is transposed and turned around */
  char *name;
};

/* The choice of P */

/* Output channels up to which a convolution takes the same time. AVX2 kernels of oneDNN 2.6 refuse wide padding: then a
 * matrix is made of the picture, and making it is what takes the time. With SSE4.1 folding does not pay. */
static int64_t
lanes (int64_t kw)
{
  const char *isa = cpu_isa ();

  if (g_str_has_prefix (isa, "avx512"))
    return 16;
  return !g_str_equal (isa, "avx2") ? 1 : kw <= 5 ? 8 : 16;
}

/* Time of a convolution with P at once, in multiply-adds of full lanes. @outputs: pixels of y; @weights: of one of its
 * @o channels; @copied: the weight is laid out in every run. */
static double
fold_cost (int64_t pixels, int64_t outputs, int64_t o, int64_t weights, int64_t kw, int64_t stride, bool copied)
{
  int64_t channels = pixels * o, full = (channels + lanes (kw) - 1) / lanes (kw) * lanes (kw);
  double wider = (double) (kw + (pixels - 1) * stride) / (double) kw;
  double products = (double) (outputs / pixels) * (double) full * (double) weights * wider;
  double copies = pixels == 1 || !copied ? 0 : (double) (channels * weights) * wider;

  return products + PRODUCTS_PER_COPY * copies;
}

/* @y: the narrow picture; @weights: the extents of one output channel's weight (c, kh, kw). */
static int64_t
choose_pixels (const struct conv_attrs *attrs, const struct shape *y, const int64_t *weights, bool copied)
{
  int64_t outputs = y->dim[0] * y->dim[2] * y->dim[3], size = weights[0] * weights[1] * weights[2], best = 1;
  double least = fold_cost (1, outputs, y->dim[1], size, weights[2], attrs->stride[1], copied) / WORTHWHILE;

  if (attrs->groups != 1 || attrs->dilation[1] != 1 || y->dim[1] >= lanes (weights[2]))
    return 1;
  for (int64_t pixels = 2; pixels <= MOST_PIXELS; pixels++) {
    double cost = fold_cost (pixels, outputs, y->dim[1], size, weights[2], attrs->stride[1], copied);

    if (y->dim[3] % pixels == 0 && cost < least) {
      least = cost;
      best = pixels;
    }
  }
  return best;
}

/* Weights */

/* Where the weight (o, c, a, b) of the convolution that is folded lies in @w: (o, c, kh, kw), or turned around
 * (c, o, kh, kw) from the end. */
static int64_t
weight_at (const struct folded *f, const struct shape *w, int64_t o, int64_t c, int64_t a, int64_t b)
{
  const int64_t *d = w->dim;

  return f->turned ? ((c * d[1] + o) * d[2] + d[2] - 1 - a) * d[3] + d[3] - 1 - b
                   : ((o * d[1] + c) * d[2] + a) * d[3] + b;
}

/* The rows of the wide weight, one for each (p, o, c, a): where it begins, and where what it holds comes from. */
static void
widen_weight (const struct folded *f, const struct value *w)
{
  const int64_t *wide = f->w.shape.dim;
  int64_t o_count = wide[0] / f->pixels, kw = w->shape.dim[3], size = shape_size (&f->w.shape);
  float *to = f->w.data;
  const float *from = w->data;

  memset (to, 0, (size_t) size * sizeof *to);
  for (int64_t row = 0; row < size / wide[3]; row++) {
    int64_t a = row % wide[2], c = row / wide[2] % wide[1], o = row / (wide[2] * wide[1]);
    float *begin = to + row * wide[3] + o / o_count * f->shift;

    for (int64_t b = 0; b < kw; b++)
      begin[b] = from[weight_at (f, &w->shape, o % o_count, c, a, b)];
  }
}

/* dw := the sum of what the wide derivative has for each of the P pixels. */
static void
sum_weight (const struct folded *f, const struct value *dw)
{
  const int64_t *wide = f->w.shape.dim;
  int64_t o_count = wide[0] / f->pixels, kw = dw->shape.dim[3], size = shape_size (&f->w.shape);
  const float *from = f->w.data;
  float *to = dw->data;

  memset (to, 0, value_bytes (dw));
  for (int64_t row = 0; row < size / wide[3]; row++) {
    int64_t a = row % wide[2], c = row / wide[2] % wide[1], o = row / (wide[2] * wide[1]);
    const float *begin = from + row * wide[3] + o / o_count * f->shift;

    for (int64_t b = 0; b < kw; b++)
      to[weight_at (f, &dw->shape, o % o_count, c, a, b)] += begin[b];
  }
}

/* Running. Scratch: the inner kernel's, the wide weight, the wide bias. */

static void
run_forward (const struct kernel *kernel, void *scratch, const struct run_context *context)
{
  struct folded *f = kernel->state;
  int64_t o = kernel->y->shape.dim[1];

  f->picture.data = kernel->y->data;
  f->bias.data = (char *) scratch + kernel_aligned (f->inner.scratch);
  for (int64_t i = 0; kernel->bias != NULL && i < o * f->pixels; i++)
    ((float *) f->bias.data)[i] = ((const float *) kernel->bias->data)[i % o];
  if (!f->w.constant) {
    f->w.data = (char *) f->bias.data + kernel_aligned (value_bytes (&f->bias));
    widen_weight (f, kernel->x[1]);
  }
  f->inner.run (&f->inner, scratch, context);
}

static void
run_back_w (const struct kernel *kernel, void *scratch, const struct run_context *context)
{
  struct folded *f = kernel->state;

  f->picture.data = kernel->x[1]->data;
  f->w.data = (char *) scratch + kernel_aligned (f->inner.scratch);
  f->inner.run (&f->inner, scratch, context);
  sum_weight (f, kernel->y);
}

/* Preparing */

static void
folded_free (void *state)
{
  struct folded *f = state;

  kernel_clear (&f->inner);
  g_free (f->name);
  g_free (f);
}

/* @y: the narrow picture; @w: the shape of the narrow weight (o, c, kh, kw). */
static struct folded *
folded_new (const struct conv_attrs *attrs, const struct value *y, const int64_t *w, int64_t pixels)
{
  struct folded *f = g_new0 (struct folded, 1);
  const int64_t *d = y->shape.dim;

  f->pixels = pixels;
  f->shift = attrs->stride[1];
  f->attrs = *attrs;
  f->attrs.stride[1] *= pixels;
  f->picture =
    (struct value){.shape = SHAPE (d[0], d[1] * pixels, d[2], d[3] / pixels), .layout = LAYOUT_LAST, .dtype = y->dtype};
  f->w.shape = SHAPE (w[0] * pixels, w[1], w[2], w[3] + (pixels - 1) * f->shift);
  f->bias.shape = SHAPE (w[0] * pixels);
  return f;
}

/* Hands @f over to @kernel once its inner kernel is prepared. */
static bool
finish (struct kernel *kernel, struct folded *f, bool ok)
{
  if (!ok) {
    folded_free (f);
    return false;
  }
  f->name = g_strdup_printf ("%d at once, %s", (int) f->pixels, f->inner.implementation);
  kernel->scratch =
    kernel_aligned (f->inner.scratch) + kernel_aligned (value_bytes (&f->bias)) + kernel_aligned (value_bytes (&f->w));
  kernel->state = f;
  kernel->free_state = folded_free;
  kernel->implementation = f->name;
  return true;
}

/* A convolution of @kernel's first input with its second, perhaps turned around, with geometry @attrs. */
static bool
fold_forward (struct kernel *kernel, const struct conv_attrs *attrs, const int64_t *w, int64_t pixels, bool turned,
              GError **error)
{
  struct folded *f = folded_new (attrs, kernel->y, w, pixels);
  g_autofree void *wide = NULL;
  bool ok;

  f->turned = turned;
  f->inputs[0] = kernel->x[0];
  f->inputs[1] = &f->w;
  f->inner = (struct kernel){.attrs = &f->attrs,
                             .n_inputs = 2,
                             .x = f->inputs,
                             .y = &f->picture,
                             .bias = kernel->bias != NULL ? &f->bias : NULL,
                             .activation = kernel->activation,
                             .activation_p = {kernel->activation_p[0], kernel->activation_p[1]}};
  if (kernel->twin != NULL && kernel->twin->run == run_forward)
    f->inner.twin = &((struct folded *) kernel->twin->state)->inner;
  f->w.constant = kernel->x[1]->constant;
  if (f->w.constant) {
    wide = g_try_malloc (value_bytes (&f->w));
    if (wide == NULL) {
      folded_free (f);
      g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "out of memory for a laid-out weight");
      return false;
    }
    f->w.data = wide;
    widen_weight (f, kernel->x[1]);
  }
  ok = finish (kernel, f, direct_conv2d (&f->inner, error));
  kernel->run = run_forward;
  return ok;
}

/* Undoes the folding where oneDNN has only a matrix for it, though taps are few. */
static bool
keep_folded (struct kernel *kernel)
{
  if (kernel->x[1]->shape.dim[3] > CONV_NARROW || strstr (kernel->implementation, "gemm:") == NULL)
    return true;
  kernel_clear (kernel);
  return false;
}

/* The next smaller P that @width allows: fewer at once make a narrower kernel, which oneDNN may have. */
static int64_t
fewer_pixels (int64_t pixels, int64_t width)
{
  do
    pixels--;
  while (width % pixels != 0);
  return pixels;
}

/* fold_forward with the largest of P = @pixels and fewer that is kept; then *@pixels is it, or 1 where none is. */
static bool
fold_as_many (struct kernel *kernel, const struct conv_attrs *attrs, const int64_t *w, int64_t *pixels, bool turned,
              GError **error)
{
  for (; *pixels > 1; *pixels = fewer_pixels (*pixels, kernel->y->shape.dim[3])) {
    if (!fold_forward (kernel, attrs, w, *pixels, turned, error))
      return false;
    if (keep_folded (kernel))
      return true;
  }
  return true;
}

bool
cpu_conv2d (struct kernel *kernel, GError **error)
{
  const int64_t *w = kernel->x[1]->shape.dim;
  int64_t pixels = choose_pixels (kernel->attrs, &kernel->y->shape, w + 1, !kernel->x[1]->constant);

  if (!fold_as_many (kernel, kernel->attrs, w, &pixels, false, error))
    return false;
  return pixels > 1 || wide_conv2d (kernel, error);
}

/* The convolution that conv2d_back_x is at stride 1: padding so that the first result meets the last tap first. */
static bool
turn_around (const struct conv_attrs *a, const int64_t *w, struct conv_attrs *turned)
{
  int64_t reach[2] = {a->dilation[0] * (w[2] - 1), a->dilation[1] * (w[3] - 1)};

  *turned = *a;
  for (int i = 0; i < 4; i++) {
    turned->pad[i] = reach[i % 2] - a->pad[i];
    if (turned->pad[i] < 0)
      return false;
  }
  return a->stride[0] == 1 && a->stride[1] == 1 && a->groups == 1;
}

bool
cpu_conv2d_back_x (struct kernel *kernel, GError **error)
{
  const int64_t *w = kernel->x[1]->shape.dim, back[4] = {w[1], w[0], w[2], w[3]};
  struct conv_attrs turned;
  int64_t pixels = 1;

  if (turn_around (kernel->attrs, w, &turned))
    pixels = choose_pixels (&turned, &kernel->y->shape, back + 1, !kernel->x[1]->constant);
  if (!fold_as_many (kernel, &turned, back, &pixels, true, error))
    return false;
  return pixels > 1 || wide_conv2d_back_x (kernel, error);
}

bool
cpu_conv2d_back_w (struct kernel *kernel, GError **error)
{
  const int64_t *w = kernel->y->shape.dim;
  const struct value *dy = kernel->x[1];
  int64_t pixels = choose_pixels (kernel->attrs, &dy->shape, w + 1, true);
  struct folded *f;
  bool ok;

  if (pixels == 1)
    return wide_conv2d_back_w (kernel, error);
  f = folded_new (kernel->attrs, dy, w, pixels);
  f->inputs[0] = kernel->x[0];
  f->inputs[1] = &f->picture;
  f->inner = (struct kernel){.attrs = &f->attrs, .n_inputs = 2, .x = f->inputs, .y = &f->w};
  ok = finish (kernel, f, direct_conv2d_back_w (&f->inner, error));
  kernel->run = run_back_w;
  return ok;
}
