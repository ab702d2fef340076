/* SPDX-License-Identifier: Apache-2.0
 *
 * The prepare functions of device/cpu.h on bare operands, compared with plain loops in double: every geometry in
 * float32 and bfloat16, with constant and changing weights, with bias and activation, the result in either type.
 * Inputs are bfloat16 numbers, so that products are exact in either type. */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "device/cpu.h"
#include "device/cpu_conv.h"
#include "impasto/error.h"

/* Operands */

static struct value *
value_new (struct shape shape, enum layout layout, enum dtype dtype)
{
  struct value *value = g_new0 (struct value, 1);
  bool picture = shape.rank == 4 && shape.dim[1] > 1 && shape.dim[2] * shape.dim[3] > 1;

  *value = (struct value){.shape = shape, .layout = picture ? layout : LAYOUT_PLAIN, .dtype = dtype};
  value->data = g_malloc0 (value_bytes (value));
  return value;
}

static void
value_free (struct value *value)
{
  if (value != NULL)
    g_free (value->data);
  g_free (value);
}
typedef struct value value;
G_DEFINE_AUTOPTR_CLEANUP_FUNC (value, value_free)

/* Row-major doubles into the value, rounded to its type; and back. */
static void
value_put (struct value *value, const double *array)
{
  int64_t n = shape_size (&value->shape);
  g_autofree float *floats = g_new (float, n);
  struct value plain = {.shape = value->shape, .layout = LAYOUT_PLAIN, .dtype = DTYPE_F32, .data = floats};

  for (int64_t i = 0; i < n; i++)
    floats[i] = (float) array[i];
  value_copy (value, &plain);
}

static double *
value_get (const struct value *value)
{
  int64_t n = shape_size (&value->shape);
  g_autofree float *floats = g_new (float, n);
  struct value plain = {.shape = value->shape, .layout = LAYOUT_PLAIN, .dtype = DTYPE_F32, .data = floats};
  double *array = g_new (double, n);

  value_copy (&plain, value);
  for (int64_t i = 0; i < n; i++)
    array[i] = (double) floats[i];
  return array;
}

/* Random values in [-1, 1]; what the value then holds, after rounding to its type, is returned. */
static double *
value_draw (struct value *value, unsigned stream)
{
  int64_t n = shape_size (&value->shape);
  g_autofree double *array = g_new (double, n);
  struct random_key key = {.seed = 5, .stream = stream};

  for (int64_t i = 0; i < n; i++)
    array[i] = 2 * random_uniform (key, (uint64_t) i) - 1;
  value_put (value, array);
  return value_get (value);
}

/* The same in the bits of bfloat16, whatever the value's type: then products in either type are exact. */
static double *
value_draw_short (struct value *value, unsigned stream)
{
  g_autoptr (value) rounded = value_new (value->shape, LAYOUT_PLAIN, DTYPE_BF16);
  double *array = value_draw (rounded, stream);

  value_put (value, array);
  return array;
}

/* Runs @kernel after its prepare function, in scratch filled with a pattern, twice; the bits must not change. */
static void
run_twice (struct kernel *kernel)
{
  g_autofree char *scratch = g_malloc (kernel->scratch + 64), *first = NULL;
  void *aligned = (void *) (((uintptr_t) scratch + 63) / 64 * 64);
  size_t size = value_bytes (kernel->y);
  struct run_context context = {0};

  memset (scratch, 0x7f, kernel->scratch + 64);
  memset (kernel->y->data, 0x7f, size);
  kernel->run (kernel, aligned, &context);
  first = g_memdup2 (kernel->y->data, size);
  memset (kernel->y->data, 0, size);
  kernel->run (kernel, aligned, &context);
  g_assert_cmpmem (first, size, kernel->y->data, size);
}

static void
assert_near (const char *name, const struct value *value, const double *expected, double tolerance)
{
  g_autofree double *found = value_get (value);
  double largest = 0, worst = 0;

  for (int64_t i = 0; i < shape_size (&value->shape); i++) {
    largest = MAX (largest, fabs (expected[i]));
    worst = MAX (worst, isfinite (found[i]) ? fabs (found[i] - expected[i]) : INFINITY);
  }
  if (!(worst <= tolerance * largest))
    g_error ("%s: off by %g of %g", name, worst, largest);
}

/* Convolution */

struct conv_case {
  int64_t n, c, h, w, o, kh, kw;
  struct conv_attrs attrs;
};

#define DENSE .dilation = {1, 1}, .groups = 1

static const struct conv_case conv_cases[] = {
  {1, 3, 9, 7, 16, 3, 3, {.stride = {1, 1}, .pad = {1, 1, 1, 1}, DENSE}},
  {2, 16, 8, 10, 32, 3, 3, {.stride = {1, 1}, DENSE}},
  {1, 19, 11, 6, 5, 3, 3, {.stride = {2, 2}, .pad = {1, 1, 1, 1}, DENSE}},
  {2, 32, 13, 12, 16, 4, 4, {.stride = {2, 2}, .pad = {1, 1, 1, 1}, DENSE}},
  {1, 8, 12, 12, 3, 9, 9, {.stride = {1, 1}, .pad = {4, 4, 4, 4}, DENSE}},
  {1, 32, 20, 21, 3, 9, 9, {.stride = {1, 1}, .pad = {4, 4, 4, 4}, DENSE}},
  {2, 16, 7, 33, 3, 3, 3, {.stride = {1, 1}, .pad = {1, 1, 1, 1}, DENSE}},
  {1, 16, 18, 9, 1, 5, 3, {.stride = {1, 1}, .pad = {2, 0, 0, 3}, DENSE}},
  {1, 3, 17, 15, 32, 9, 9, {.stride = {1, 1}, .pad = {4, 4, 4, 4}, DENSE}},
  {3, 1, 5, 5, 4, 3, 3, {.stride = {1, 1}, .pad = {1, 1, 1, 1}, DENSE}},
  {1, 4, 6, 6, 1, 1, 1, {.stride = {1, 1}, DENSE}},
  {2, 64, 5, 5, 48, 1, 1, {.stride = {1, 1}, DENSE}},
  {1, 16, 10, 12, 16, 3, 3, {.stride = {1, 1}, .pad = {2, 2, 2, 2}, .dilation = {2, 2}, .groups = 1}},
  {1, 16, 9, 9, 16, 3, 3, {.stride = {1, 1}, .pad = {1, 1, 1, 1}, .dilation = {1, 1}, .groups = 16}},
  {2, 12, 7, 9, 24, 3, 3, {.stride = {1, 1}, .pad = {1, 1, 1, 1}, .dilation = {1, 1}, .groups = 3}},
  {1, 16, 9, 8, 16, 3, 2, {.stride = {2, 1}, .pad = {0, 1, 2, 0}, DENSE}},
  {1, 7, 1, 1, 10, 1, 1, {.stride = {1, 1}, DENSE}},
  {1, 6, 4, 4, 5, 4, 4, {.stride = {1, 1}, DENSE}},
  {1, 128, 4, 4, 1, 4, 4, {.stride = {1, 1}, DENSE}},
  /* for Winograd's algorithm: one tile and less, tiles that stand over, odd channels, padding on some sides only */
  {1, 16, 4, 4, 32, 3, 3, {.stride = {1, 1}, .pad = {1, 1, 1, 1}, DENSE}},
  {1, 1, 3, 3, 1, 3, 3, {.stride = {1, 1}, DENSE}},
  {2, 17, 5, 9, 33, 3, 3, {.stride = {1, 1}, .pad = {1, 1, 1, 1}, DENSE}},
  {3, 40, 13, 6, 20, 3, 3, {.stride = {1, 1}, .pad = {0, 2, 1, 0}, DENSE}},
  {1, 33, 4, 31, 65, 3, 3, {.stride = {1, 1}, .pad = {3, 3, 4, 5}, DENSE}},
  {1, 18, 11, 7, 34, 2, 2, {.stride = {1, 1}, .pad = {1, 1, 0, 0}, DENSE}},
  {2, 33, 5, 6, 48, 2, 2, {.stride = {1, 1}, .pad = {0, 1, 1, 2}, DENSE}},
  {1, 512, 6, 5, 64, 3, 3, {.stride = {1, 1}, .pad = {1, 1, 1, 1}, DENSE}}, /* threads divide the outputs */
  {1, 1, 99, 90, 1, 3, 3, {.stride = {1, 1}, .pad = {1, 1, 1, 1}, DENSE}},  /* several blocks a thread */
};

static int64_t
conv_extent (int64_t x, int64_t before, int64_t after, int64_t k, int64_t dilation, int64_t stride)
{
  return (x + before + after - dilation * (k - 1) - 1) / stride + 1;
}

struct conv_shapes {
  struct shape x, w, y;
};

static struct conv_shapes
conv_shapes (const struct conv_case *c)
{
  const struct conv_attrs *a = &c->attrs;
  int64_t oh = conv_extent (c->h, a->pad[0], a->pad[2], c->kh, a->dilation[0], a->stride[0]);
  int64_t ow = conv_extent (c->w, a->pad[1], a->pad[3], c->kw, a->dilation[1], a->stride[1]);

  return (struct conv_shapes){
    .x = SHAPE (c->n, c->c, c->h, c->w),
    .w = SHAPE (c->o, c->c / a->groups, c->kh, c->kw),
    .y = SHAPE (c->n, c->o, oh, ow),
  };
}

enum conv_result { RESULT_Y, RESULT_X, RESULT_W };

/* Every product x w y of the trilinear form: the result gets the product of the other two. */
static void
conv_plain (const struct conv_case *c, enum conv_result result, double *x, double *w, double *y)
{
  const struct conv_attrs *a = &c->attrs;
  struct conv_shapes s = conv_shapes (c);
  int64_t oh = s.y.dim[2], ow = s.y.dim[3], cg = c->c / a->groups, og = c->o / a->groups;

  for (int64_t n = 0; n < c->n; n++)
    for (int64_t o = 0; o < c->o; o++)
      for (int64_t k = 0; k < cg * c->kh * c->kw; k++) {
        double *xe = x + (n * c->c + o / og * cg + k / (c->kh * c->kw)) * c->h * c->w;
        double *we = w + o * cg * c->kh * c->kw + k, *ye = y + (n * c->o + o) * oh * ow;
        int64_t down = k / c->kw % c->kh * a->dilation[0] - a->pad[0], right = k % c->kw * a->dilation[1] - a->pad[1];
        for (int64_t i = 0; i < oh; i++)
          for (int64_t j = 0; j < ow; j++) {
            int64_t p = i * a->stride[0] + down, q = j * a->stride[1] + right;
            if (p < 0 || p >= c->h || q < 0 || q >= c->w)
              continue;
            if (result == RESULT_Y)
              ye[i * ow + j] += xe[p * c->w + q] * *we;
            else if (result == RESULT_X)
              xe[p * c->w + q] += *we * ye[i * ow + j];
            else
              *we += xe[p * c->w + q] * ye[i * ow + j];
          }
      }
}

static double
activate (enum activation activation, double x, double slope)
{
  switch (activation) {
  case ACTIVATION_NONE: return x;
  case ACTIVATION_RELU: return MAX (x, 0);
  case ACTIVATION_LEAKY_RELU: return x > 0 ? x : slope * x;
  case ACTIVATION_TANH: return tanh (x);
  case ACTIVATION_SIGMOID: return 1 / (1 + exp (-x));
  case ACTIVATION_CLAMP: return CLAMP (x, -0.5, 0.75);
  }
  g_return_val_if_reached (NAN);
}

typedef bool (*prepare_fn) (struct kernel *, GError **);

static const prepare_fn prepare_any[] = {cpu_conv2d, cpu_conv2d_back_x, cpu_conv2d_back_w};
static const prepare_fn prepare_winograd[] = {winograd_conv2d, winograd_conv2d_back_x, winograd_conv2d_back_w};

/* Another kernel that uses what @kernel laid out computes the same. */
static void
check_twin (const struct kernel *kernel, prepare_fn prepare)
{
  struct kernel twin = {.attrs = kernel->attrs,
                        .n_inputs = kernel->n_inputs,
                        .x = kernel->x,
                        .y = kernel->y,
                        .bias = kernel->bias,
                        .activation = kernel->activation,
                        .activation_p = {kernel->activation_p[0], kernel->activation_p[1]},
                        .twin = kernel};
  size_t size = value_bytes (kernel->y);
  g_autofree void *expected = g_memdup2 (kernel->y->data, size);

  g_assert_true (prepare (&twin, NULL));
  run_twice (&twin);
  g_assert_cmpmem (expected, size, kernel->y->data, size);
  kernel_clear (&twin);
}

/* Runs one convolution; @constant: of the weight. @xt, @yt: storage of the picture operands and of the result. */
static void
check_conv (const struct conv_case *c, enum conv_result result, enum dtype xt, enum dtype yt, bool constant,
            enum activation activation, const prepare_fn *prepare)
{
  struct conv_shapes s = conv_shapes (c);
  struct conv_attrs attrs = c->attrs;
  g_autoptr (value) x = value_new (s.x, LAYOUT_LAST, result == RESULT_X ? yt : xt);
  g_autoptr (value) w = value_new (s.w, LAYOUT_PLAIN, DTYPE_F32);
  g_autoptr (value) y = value_new (s.y, LAYOUT_LAST, result == RESULT_Y ? yt : xt);
  g_autoptr (value) bias = value_new (SHAPE (1, c->o, 1, 1), LAYOUT_PLAIN, DTYPE_F32);
  g_autofree double *bd = value_draw (bias, 4), *xd, *wd, *yd;
  const struct value *inputs[2] = {result == RESULT_X ? y : x, result == RESULT_W ? y : w};
  struct value *output = result == RESULT_X ? x : result == RESULT_W ? w : y;
  double *expected, tolerance = output->dtype == DTYPE_BF16 ? 1.0 / 256 : 1e-5;
  struct kernel kernel = {.attrs = &attrs,
                          .n_inputs = 2,
                          .x = inputs,
                          .y = output,
                          .activation = activation,
                          .activation_p = {activation == ACTIVATION_CLAMP ? -0.5f : 0.2f, 0.75f},
                          .bias = activation != ACTIVATION_NONE ? bias : NULL};
  g_autofree char *name = g_strdup_printf ("conv %d result %d types %d %d constant %d activation %d",
                                           (int) (c - conv_cases), result, xt, yt, constant, activation);
  g_autoptr (GError) error = NULL;

  attrs.extent[0] = result == RESULT_W ? c->kh : c->h;
  attrs.extent[1] = result == RESULT_W ? c->kw : c->w;
  w->constant = constant;
  xd = value_draw_short (x, 1);
  wd = value_draw_short (w, 2);
  yd = value_draw_short (y, 3);
  expected = result == RESULT_X ? xd : result == RESULT_W ? wd : yd;
  memset (expected, 0, shape_size (&output->shape) * sizeof (double));
  conv_plain (c, result, xd, wd, yd);
  for (int64_t i = 0, area = s.y.dim[2] * s.y.dim[3]; result == RESULT_Y && i < shape_size (&s.y); i++) {
    double sum = yd[i] + (kernel.bias != NULL ? bd[i / area % c->o] : 0);

    if (activation >= ACTIVATION_TANH) /* results of 1 at most */
      tolerance = MAX (tolerance, 1e-5 * fabs (sum));
    yd[i] = activate (activation, sum, 0.2);
  }
  if (!prepare[result](&kernel, &error))
    g_error ("%s: %s", name, error->message);
  g_test_message ("%s: %s, scratch %zu", name, kernel.implementation, kernel.scratch);
  g_assert_cmpint ((int) strlen (kernel.implementation), >, 0);
  run_twice (&kernel);
  assert_near (name, output, expected, tolerance);
  if (constant)
    check_twin (&kernel, prepare[result]);
  kernel_clear (&kernel);
}

static void
test_conv (gconstpointer data)
{
  const struct conv_case *c = data;

  for (enum conv_result result = RESULT_Y; result <= RESULT_W; result++)
    for (int types = 0; types < 4; types++)
      check_conv (c, result, types & 1 ? DTYPE_BF16 : DTYPE_F32,
                  types & 2 && result != RESULT_W ? DTYPE_BF16 : DTYPE_F32, types & 1 && result != RESULT_W,
                  ACTIVATION_NONE, prepare_any);
  check_conv (c, RESULT_Y, DTYPE_F32, DTYPE_F32, true, ACTIVATION_NONE, prepare_any);
  for (enum activation activation = ACTIVATION_RELU; activation <= ACTIVATION_CLAMP; activation++)
    for (int types = 0; types < 4; types += 3)
      check_conv (c, RESULT_Y, types & 1 ? DTYPE_BF16 : DTYPE_F32, types & 2 ? DTYPE_BF16 : DTYPE_F32, true, activation,
                  prepare_any);
}

/* The same whether it pays or not. */
static void
test_winograd (gconstpointer data)
{
  const struct conv_case *c = data;

  for (int constant = 0; constant < 2; constant++)
    for (enum activation activation = ACTIVATION_NONE; activation <= ACTIVATION_CLAMP; activation++)
      check_conv (c, RESULT_Y, DTYPE_F32, DTYPE_F32, constant, activation, prepare_winograd);
  for (int constant = 0; constant < 2; constant++)
    check_conv (c, RESULT_X, DTYPE_F32, DTYPE_F32, constant, ACTIVATION_NONE, prepare_winograd);
  if (c->kh == 3)
    check_conv (c, RESULT_W, DTYPE_F32, DTYPE_F32, false, ACTIVATION_NONE, prepare_winograd);
}

/* Whether cpu_conv2d takes it on two threads, with a constant weight. */
static bool
is_winograd (int64_t c, int64_t o, int64_t side, const struct conv_attrs *attrs, enum dtype dtype)
{
  int64_t reach = 2 * (attrs->dilation[0] - 1), y_side = (side - reach - 1) / attrs->stride[0] + 1;
  struct value x = {.shape = SHAPE (1, c, side, side), .layout = LAYOUT_LAST, .dtype = dtype};
  struct value w = {.shape = SHAPE (o, c / attrs->groups, 3, 3), .constant = true};
  struct value y = {.shape = SHAPE (1, o, y_side, y_side), .layout = LAYOUT_LAST, .dtype = dtype};
  g_autofree float *weights = g_new0 (float, shape_size (&w.shape));
  const struct value *inputs[2] = {&x, &w};
  struct kernel kernel = {.attrs = attrs, .n_inputs = 2, .x = inputs, .y = &y};
  bool is;

  w.data = weights;
  g_assert_true (cpu_conv2d (&kernel, NULL));
  is = g_str_has_prefix (kernel.implementation, "winograd");
  kernel_clear (&kernel);
  return is;
}

static void
test_winograd_choice (void)
{
  const struct conv_attrs same = {.stride = {1, 1}, .pad = {1, 1, 1, 1}, DENSE};
  const struct conv_attrs half = {.stride = {2, 2}, .pad = {1, 1, 1, 1}, DENSE};
  const struct conv_attrs dilated = {.stride = {1, 1}, .pad = {1, 1, 1, 1}, .dilation = {2, 2}, .groups = 1};
  const struct conv_attrs groups = {.stride = {1, 1}, .pad = {1, 1, 1, 1}, .dilation = {1, 1}, .groups = 2};

  cpu_set_threads (2);
  g_assert_true (is_winograd (128, 128, 64, &same, DTYPE_F32));
  g_assert_true (is_winograd (64, 32, 64, &same, DTYPE_F32));
  g_assert_true (is_winograd (48, 48, 33, &same, DTYPE_F32));
  g_assert_false (is_winograd (3, 64, 64, &same, DTYPE_F32));
  g_assert_false (is_winograd (256, 256, 4, &same, DTYPE_F32));
  g_assert_false (is_winograd (128, 128, 64, &half, DTYPE_F32));
  g_assert_false (is_winograd (128, 128, 64, &dilated, DTYPE_F32));
  g_assert_false (is_winograd (128, 128, 64, &groups, DTYPE_F32));
  g_assert_false (is_winograd (128, 128, 64, &same, DTYPE_BF16));
  cpu_set_threads (0);
}

/* The same bits on any number of threads, which divide tiles or outputs. */
static void
check_threads (struct shape x_shape, int64_t outputs)
{
  const struct conv_attrs attrs = {.stride = {1, 1}, .pad = {1, 1, 1, 1}, DENSE};
  const int64_t *d = x_shape.dim;
  g_autoptr (value) x = value_new (x_shape, LAYOUT_LAST, DTYPE_F32);
  g_autoptr (value) w = value_new (SHAPE (outputs, d[1], 3, 3), LAYOUT_PLAIN, DTYPE_F32);
  g_autoptr (value) y = value_new (SHAPE (d[0], outputs, d[2], d[3]), LAYOUT_LAST, DTYPE_F32);
  g_autofree void *first = NULL;
  const struct value *inputs[2] = {x, w};

  g_free (value_draw (x, 1));
  g_free (value_draw (w, 2));
  for (int threads = 1; threads <= 3; threads++) {
    struct kernel kernel = {.attrs = &attrs, .n_inputs = 2, .x = inputs, .y = y};

    cpu_set_threads (threads);
    g_assert_true (winograd_conv2d (&kernel, NULL));
    run_twice (&kernel);
    if (first == NULL)
      first = g_memdup2 (y->data, value_bytes (y));
    g_assert_cmpmem (first, value_bytes (y), y->data, value_bytes (y));
    kernel_clear (&kernel);
  }
  cpu_set_threads (0);
}

static void
test_winograd_threads (void)
{
  check_threads (SHAPE (1, 40, 30, 22), 36);
  check_threads (SHAPE (1, 512, 7, 8), 70);
}

/* Dense, 3x3 or 2x2, stride 1. */
static bool
suits_winograd (const struct conv_case *c)
{
  const struct conv_attrs *a = &c->attrs;

  return (c->kh == 3 || c->kh == 2) && c->kw == c->kh && a->groups == 1 && a->stride[0] == 1 && a->stride[1] == 1 &&
         a->dilation[0] == 1 && a->dilation[1] == 1;
}

/* A constant weight is read at preparation only, a changing one at every run. */
static void
test_conv_constant (void)
{
  float weight = 2, input[4] = {1, 2, 3, 4}, output[4];
  struct conv_attrs attrs = {.stride = {1, 1}, .dilation = {1, 1}, .groups = 1};
  struct value x = {.shape = SHAPE (1, 1, 2, 2), .data = input}, y = {.shape = SHAPE (1, 1, 2, 2), .data = output};
  struct value w = {.shape = SHAPE (1, 1, 1, 1), .data = &weight};
  const struct value *inputs[2] = {&x, &w};

  for (int round = 0; round < 2; round++) {
    struct kernel kernel = {.attrs = &attrs, .n_inputs = 2, .x = inputs, .y = &y};
    w.constant = round == 1;
    weight = 2;
    g_assert_true (cpu_conv2d (&kernel, NULL));
    run_twice (&kernel);
    g_assert_cmpfloat (output[3], ==, 8);
    weight = 5;
    run_twice (&kernel);
    if (round == 0)
      g_assert_cmpfloat (output[3], ==, 20);
    kernel_clear (&kernel);
  }
}

/* Products */

/* Both Gram kernels over pictures of @type, against plain loops over (n, c, pixel). */
static void
check_gram (int64_t n, int64_t c, int64_t d, int64_t h, int64_t w, enum dtype type)
{
  g_autoptr (value) a = value_new (SHAPE (n, c, h, w), LAYOUT_LAST, type);
  g_autoptr (value) b = value_new (SHAPE (n, d, h, w), LAYOUT_LAST, type);
  g_autoptr (value) gram = value_new (SHAPE (n, c, d), LAYOUT_PLAIN, DTYPE_F32);
  g_autofree double *ad = value_draw_short (a, 1), *bd = value_draw_short (b, 2), *gd = g_new0 (double, n *c *d);
  const struct value *pair[2] = {a, b}, *back[2] = {b, gram};
  struct kernel kernel = {.n_inputs = 2, .x = pair, .y = gram}, back_kernel = {.n_inputs = 2, .x = back, .y = a};
  g_autofree char *name = g_strdup_printf ("gram %d %d type %d", (int) c, (int) d, type);
  int64_t pixels = h * w;

  for (int64_t i = 0; i < n * c * d; i++)
    for (int64_t p = 0; p < pixels; p++)
      gd[i] += ad[i / d * pixels + p] * bd[(i / (c * d) * d + i % d) * pixels + p];
  g_assert_true (cpu_gram (&kernel, NULL));
  g_test_message ("%s: %s", name, kernel.implementation);
  run_twice (&kernel);
  assert_near (name, gram, gd, 1e-5);
  kernel_clear (&kernel);

  g_free (gd);
  gd = value_draw_short (gram, 3);
  memset (ad, 0, n * c * pixels * sizeof *ad);
  for (int64_t i = 0; i < n * c * pixels; i++)
    for (int64_t k = 0; k < d; k++)
      ad[i] += gd[i / pixels * d + k] * bd[(i / (c * pixels) * d + k) * pixels + i % pixels];
  g_assert_true (cpu_gram_back (&back_kernel, NULL));
  run_twice (&back_kernel);
  assert_near (name, a, ad, type == DTYPE_BF16 ? 1.0 / 256 : 1e-5);
  kernel_clear (&back_kernel);
}

static void
test_gram (void)
{
  int threads = cpu_threads ();

  for (enum dtype type = DTYPE_F32; type <= DTYPE_BF16; type += DTYPE_BF16 - DTYPE_F32) {
    check_gram (1, 64, 64, 24, 40, type);
    check_gram (3, 19, 5, 7, 9, type);
    check_gram (2, 1, 16, 5, 5, type);
    check_gram (2, 8, 3, 1, 1, type);
    cpu_set_threads (8); /* sums of very many products, as of a whole picture's pixels */
    check_gram (1, 32, 32, 160, 128, type);
    check_gram (2, 3, 3, 160, 128, type);
    cpu_set_threads (threads);
  }
}

static void
check_matmul (const struct shape *as, bool ta, const struct shape *bs, bool tb, const struct shape *ys)
{
  g_autoptr (value) a = value_new (*as, LAYOUT_PLAIN, DTYPE_F32), b = value_new (*bs, LAYOUT_PLAIN, DTYPE_F32);
  g_autoptr (value) y = value_new (*ys, LAYOUT_PLAIN, DTYPE_F32);
  g_autofree double *ad = value_draw (a, 1), *bd = value_draw (b, 2), *yd = g_new0 (double, shape_size (ys));
  struct matmul_attrs attrs = {.transpose_a = ta, .transpose_b = tb};
  const struct value *inputs[2] = {a, b};
  struct kernel kernel = {.attrs = &attrs, .n_inputs = 2, .x = inputs, .y = y};
  int64_t m = ys->dim[ys->rank - 2], n = ys->dim[ys->rank - 1], batch = shape_size (ys) / (m * n);
  int64_t k = as->dim[as->rank - (ta ? 2 : 1)], a_batch = shape_size (as) / (m * k);
  int64_t b_batch = shape_size (bs) / (n * k);

  for (int64_t i = 0; i < batch * m * n; i++) { /* one side's batch is whole, the other's whole or single */
    const double *left = ad + (a_batch == 1 ? 0 : i / (m * n)) * m * k;
    const double *right = bd + (b_batch == 1 ? 0 : i / (m * n)) * n * k;
    int64_t row = i / n % m, column = i % n;

    for (int64_t q = 0; q < k; q++)
      yd[i] += left[ta ? q * m + row : row * k + q] * right[tb ? column * k + q : q * n + column];
  }
  g_assert_true (cpu_matmul (&kernel, NULL));
  g_test_message ("matmul %d %d: %s", ta, tb, kernel.implementation);
  run_twice (&kernel);
  assert_near ("matmul", y, yd, 1e-5);
  kernel_clear (&kernel);
}

static void
test_matmul (void)
{
  for (int t = 0; t < 4; t++) {
    bool ta = t & 1, tb = t & 2;

    check_matmul (ta ? &SHAPE (70, 33) : &SHAPE (33, 70), ta, tb ? &SHAPE (17, 70) : &SHAPE (70, 17), tb,
                  &SHAPE (33, 17));
    check_matmul (ta ? &SHAPE (5, 9, 4) : &SHAPE (5, 4, 9), ta, tb ? &SHAPE (5, 6, 9) : &SHAPE (5, 9, 6), tb,
                  &SHAPE (5, 4, 6));
    check_matmul (ta ? &SHAPE (9, 4) : &SHAPE (4, 9), ta, tb ? &SHAPE (2, 3, 6, 9) : &SHAPE (2, 3, 9, 6), tb,
                  &SHAPE (2, 3, 4, 6));
    check_matmul (ta ? &SHAPE (3, 1, 4) : &SHAPE (3, 4, 1), ta, tb ? &SHAPE (6, 1) : &SHAPE (1, 6), tb,
                  &SHAPE (3, 4, 6));
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  cpu_set_threads (0);
  for (size_t i = 0; i < G_N_ELEMENTS (conv_cases); i++) {
    g_autofree char *path = g_strdup_printf ("/cpu/conv/%zu", i);
    g_test_add_data_func (path, &conv_cases[i], test_conv);
  }
  for (size_t i = 0; i < G_N_ELEMENTS (conv_cases); i++) {
    g_autofree char *path = g_strdup_printf ("/cpu/winograd/%zu", i);
    if (suits_winograd (&conv_cases[i]))
      g_test_add_data_func (path, &conv_cases[i], test_winograd);
  }
  g_test_add_func ("/cpu/winograd/choice", test_winograd_choice);
  g_test_add_func ("/cpu/winograd/threads", test_winograd_threads);
  g_test_add_func ("/cpu/conv-constant", test_conv_constant);
  g_test_add_func ("/cpu/gram", test_gram);
  g_test_add_func ("/cpu/matmul", test_matmul);
  return g_test_run ();
}
