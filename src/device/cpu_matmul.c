/* SPDX-License-Identifier: Apache-2.0
 *
 * Products of matrices by oneDNN: batched and broadcast, transposed through strides, of row-major values or of
 * channels-last pictures, whose pixels are the rows and channels the columns of a matrix f (hw, c). */
#include "device/cpu.h"
#include "device/cpu_primitive.h"

#define BLOCK 16 /* channels whose products in bfloat16 are known to be right */

/* A batch of matrices: up to four leading axes, 1 where broadcast, then rows and columns; strides in elements. */
struct matrices {
  const struct value *value;
  int64_t dim[SHAPE_RANK_MAX], stride[SHAPE_RANK_MAX];
};

/* Row-major @value as matrices of @rank axes, the last two swapped with @transpose. */
static struct matrices
matrices_of (const struct value *value, int rank, bool transpose)
{
  struct matrices m = {.value = value};
  int64_t stride = 1;

  for (int i = 0; i < rank; i++) {
    int from = value->shape.rank - 1 - i, to = rank - 1 - i;
    m.dim[to] = from >= 0 ? value->shape.dim[from] : 1;
    m.stride[to] = stride;
    stride *= m.dim[to];
  }
  if (transpose) {
    int64_t rows = m.dim[rank - 2], step = m.stride[rank - 2];
    m.dim[rank - 2] = m.dim[rank - 1];
    m.stride[rank - 2] = m.stride[rank - 1];
    m.dim[rank - 1] = rows;
    m.stride[rank - 1] = step;
  }
  return m;
}

/* A channels-last picture as n matrices (hw, c), or transposed (c, hw). */
static struct matrices
pixels_of (const struct value *value, bool transpose)
{
  const int64_t *d = value->shape.dim;
  int64_t pixels = d[2] * d[3], c = d[1];

  g_assert (value->layout == LAYOUT_LAST || c == 1 || pixels == 1);
  return transpose ? (struct matrices){value, {d[0], c, pixels}, {pixels * c, 1, c}}
                   : (struct matrices){value, {d[0], pixels, c}, {pixels * c, c, 1}};
}

struct product {
  int rank;
  struct matrices a, b, y;
};

static bool
prepare (struct kernel *kernel, const struct product *p, enum dtype type, GError **error)
{
  enum dtype result = type == DTYPE_BF16 ? p->y.value->dtype : DTYPE_F32;
  dnnl_memory_desc_t a = cpu_desc (p->rank, p->a.dim, type, p->a.stride);
  dnnl_memory_desc_t b = cpu_desc (p->rank, p->b.dim, type, p->b.stride);
  dnnl_memory_desc_t y = cpu_desc (p->rank, p->y.dim, result, p->y.stride);
  dnnl_primitive_attr_t attr = cpu_attr (ACTIVATION_NONE, NULL);
  dnnl_primitive_t made = NULL;
  struct cpu_primitive *primitive = cpu_primitive_new ();
  dnnl_matmul_desc_t op;

  if (dnnl_matmul_desc_init (&op, &a, &b, NULL, &y) == dnnl_success) {
    made = cpu_create (&op, attr, NULL, CPU_NO_LOOPS);
    if (made == NULL)
      made = cpu_create (&op, attr, NULL, CPU_ALL);
  }
  dnnl_primitive_attr_destroy (attr);
  cpu_primitive_argument (primitive, DNNL_ARG_SRC, p->a.value, &a, false);
  cpu_primitive_argument (primitive, DNNL_ARG_WEIGHTS, p->b.value, &b, false);
  cpu_primitive_argument (primitive, DNNL_ARG_DST, p->y.value, &y, true);
  return cpu_primitive_finish (primitive, kernel, made, "matmul", error);
}

bool
cpu_matmul (struct kernel *kernel, GError **error)
{
  const struct matmul_attrs *attrs = kernel->attrs;
  const struct value *a = kernel->x[0], *b = kernel->x[1], *y = kernel->y;
  int rank = MAX (a->shape.rank, b->shape.rank);
  struct product p = {
    .rank = rank,
    .a = matrices_of (a, rank, attrs->transpose_a),
    .b = matrices_of (b, rank, attrs->transpose_b),
    .y = matrices_of (y, rank, false),
  };

  return prepare (kernel, &p, DTYPE_F32, error);
}

static bool
is_short (const struct value *value)
{
  return value->dtype == DTYPE_BF16 && cpu_has_bf16 ();
}

/* @value as float32 channels last: itself, or its copy at *@scratch, which moves on. */
static const float *
widened (const struct value *value, char **scratch)
{
  struct value copy = *value;
  if (value->dtype == DTYPE_F32)
    return value->data;
  copy.dtype = DTYPE_F32;
  copy.data = *scratch;
  *scratch += kernel_aligned (value_bytes (&copy));
  value_copy (&copy, value);
  return copy.data;
}

/* y (c, d) = a (hw, c)^T b (hw, d), a picture at a time. */
static void
gram_run (const struct kernel *kernel, void *scratch, const struct run_context *context)
{
  const struct value *x = kernel->x[0];
  int64_t n = x->shape.dim[0], c = x->shape.dim[1], d = kernel->x[1]->shape.dim[1];
  int64_t pixels = x->shape.dim[2] * x->shape.dim[3];
  struct value y = *kernel->y;
  char *free_scratch = scratch;
  const float *a = widened (x, &free_scratch), *b = kernel->x[1] == x ? a : widened (kernel->x[1], &free_scratch);

  if (kernel->y->dtype != DTYPE_F32) {
    y.dtype = DTYPE_F32;
    y.data = free_scratch;
  }
  for (int64_t i = 0; i < n; i++) /* cannot fail with sizes above 0 */
    dnnl_sgemm ('T', 'N', c, d, pixels, 1, a + i * pixels * c, c, b + i * pixels * d, d, 0, (float *) y.data + i * c * d, d);
  if (kernel->y->dtype != DTYPE_F32)
    value_copy (kernel->y, &y);
}

static size_t
widened_bytes (const struct value *value)
{
  return value->dtype == DTYPE_F32 ? 0 : kernel_aligned (sizeof (float) * (size_t) shape_size (&value->shape));
}

/* The product over all pixels goes by dnnl_sgemm: oneDNN 2.6.3's matmul on CPUs with AVX-512 was seen to give wrong
 * sums of that many products, in float32 (a style distance of 0.66 for 0.07) and, of three channels, in bfloat16. */
bool
cpu_gram (struct kernel *kernel, GError **error)
{
  const struct value *a = kernel->x[0], *b = kernel->x[1];
  struct product p = {
    .rank = 3, .a = pixels_of (a, true), .b = pixels_of (b, false), .y = matrices_of (kernel->y, 3, false)};

  if (is_short (a) && is_short (b) && a->shape.dim[1] % BLOCK == 0 && b->shape.dim[1] % BLOCK == 0)
    return prepare (kernel, &p, DTYPE_BF16, error);
  kernel->run = gram_run;
  kernel->scratch = widened_bytes (a) + (b == a ? 0 : widened_bytes (b)) + widened_bytes (kernel->y);
  kernel->implementation = "sgemm";
  return true;
}

/* y (hw, c) = f (hw, c) s^T */
bool
cpu_gram_back (struct kernel *kernel, GError **error)
{
  const struct value *f = kernel->x[0], *s = kernel->x[1];
  struct product p = {
    .rank = 3, .a = pixels_of (f, false), .b = matrices_of (s, 3, true), .y = pixels_of (kernel->y, false)};

  return prepare (kernel, &p, is_short (f) ? DTYPE_BF16 : DTYPE_F32, error);
}
