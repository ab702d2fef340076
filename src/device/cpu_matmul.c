/* SPDX-License-Identifier: Apache-2.0
 *
 * Products of matrices by oneDNN: batched, transposed through strides, of row-major values or of channels-last
 * pictures, whose pixels are the rows and channels the columns of a matrix f (hw, c). Where oneDNN has only plain loops
 * (some broadcasts), a product is a loop of its sgemm over the batch. */
#include <string.h>

#include "device/cpu.h"
#include "device/cpu_primitive.h"
#include "impasto/error.h"

/* A batch of matrices: up to four leading axes, then rows and columns; strides in elements, 0 where broadcast. */
struct matrices {
  const struct value *value;
  int64_t dim[SHAPE_RANK_MAX], stride[SHAPE_RANK_MAX];
};

/* Row-major @value as matrices of @rank axes, the last two swapped with @transpose. */
static struct matrices matrices_of (const struct value *value, int rank, bool transpose)
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
static struct matrices pixels_of (const struct value *value, bool transpose)
{
  const int64_t *d = value->shape.dim;
  int64_t pixels = d[2] * d[3], c = d[1];

  g_assert (value->layout == LAYOUT_LAST || c == 1 || pixels == 1);
  return transpose ? (struct matrices){value, {d[0], c, pixels}, {pixels * c, 1, c}}
                   : (struct matrices){value, {d[0], pixels, c}, {pixels * c, c, 1}};
}

/* The fallback */

struct product {
  int rank;
  struct matrices a, b, y;
};

/* The matrix number @at of y's batch: the element where it begins in @m. */
static int64_t matrix_offset (const struct product *p, const struct matrices *m, int64_t at)
{
  int64_t offset = 0;

  for (int i = p->rank - 3; i >= 0; i--) {
    offset += (m->dim[i] == 1 ? 0 : at % p->y.dim[i]) * m->stride[i];
    at /= p->y.dim[i];
  }
  return offset;
}

static void run_sgemm (const struct kernel *kernel, void *scratch, const struct run_context *context)
{
  const struct product *p = kernel->state;
  int r = p->rank - 2, c = p->rank - 1;
  int64_t m = p->y.dim[r], n = p->y.dim[c], k = p->a.dim[c], batch = 1;
  bool ta = p->a.stride[c] != 1, tb = p->b.stride[c] != 1;
  int64_t lda = MAX (ta ? p->a.stride[c] : p->a.stride[r], ta ? m : k);
  int64_t ldb = MAX (tb ? p->b.stride[c] : p->b.stride[r], tb ? k : n);

  for (int i = 0; i < r; i++)
    batch *= p->y.dim[i];
#pragma omp parallel for schedule(static) if (batch >= cpu_threads ())
  for (int64_t i = 0; i < batch; i++)
    dnnl_sgemm (ta ? 'T' : 'N', tb ? 'T' : 'N', m, n, k, 1,
                (const float *) p->a.value->data + matrix_offset (p, &p->a, i), lda,
                (const float *) p->b.value->data + matrix_offset (p, &p->b, i), ldb, 0,
                (float *) p->y.value->data + matrix_offset (p, &p->y, i), n);
}

static void prepare_sgemm (struct kernel *kernel, const struct product *p)
{
  kernel->state = g_memdup2 (p, sizeof *p);
  kernel->run = run_sgemm;
  kernel->free_state = g_free;
  kernel->implementation = "sgemm";
}

/* oneDNN */

static bool prepare (struct kernel *kernel, const struct product *p, enum dtype type, GError **error)
{
  enum dtype result = type == DTYPE_BF16 ? p->y.value->dtype : DTYPE_F32;
  dnnl_memory_desc_t a = cpu_desc (p->rank, p->a.dim, type, p->a.stride);
  dnnl_memory_desc_t b = cpu_desc (p->rank, p->b.dim, type, p->b.stride);
  dnnl_memory_desc_t y = cpu_desc (p->rank, p->y.dim, result, p->y.stride);
  bool floats = p->a.value->dtype == DTYPE_F32 && p->b.value->dtype == DTYPE_F32 && p->y.value->dtype == DTYPE_F32;
  dnnl_primitive_attr_t attr = cpu_attr (ACTIVATION_NONE, 0);
  dnnl_primitive_t made = NULL;
  struct cpu_primitive *primitive;
  dnnl_matmul_desc_t op;

  if (dnnl_matmul_desc_init (&op, &a, &b, NULL, &y) == dnnl_success) {
    made = cpu_create (&op, attr, NULL, false);
    if (made == NULL && !floats)
      made = cpu_create (&op, attr, NULL, true);
  }
  dnnl_primitive_attr_destroy (attr);
  if (made == NULL && floats) {
    prepare_sgemm (kernel, p);
    return true;
  }
  primitive = cpu_primitive_new ();
  cpu_primitive_argument (primitive, DNNL_ARG_SRC, p->a.value, &a, false);
  cpu_primitive_argument (primitive, DNNL_ARG_WEIGHTS, p->b.value, &b, false);
  cpu_primitive_argument (primitive, DNNL_ARG_DST, p->y.value, &y, true);
  return cpu_primitive_finish (primitive, kernel, made, "matmul", error);
}

bool cpu_matmul (struct kernel *kernel, GError **error)
{
  const struct matmul_attrs *attrs = kernel->attrs;
  const struct value *a = kernel->x[0], *b = kernel->x[1], *y = kernel->y;
  int rank = MAX (a->shape.rank, b->shape.rank);
  struct product p = {
    .rank = rank, .a = matrices_of (a, rank, attrs->transpose_a), .b = matrices_of (b, rank, attrs->transpose_b),
    .y = matrices_of (y, rank, false),
  };

  return prepare (kernel, &p, DTYPE_F32, error);
}

static bool is_short (const struct value *value)
{
  return value->dtype == DTYPE_BF16 && cpu_has_bf16 ();
}

bool cpu_gram (struct kernel *kernel, GError **error)
{
  const struct value *a = kernel->x[0], *b = kernel->x[1];
  struct product p = {
    .rank = 3, .a = pixels_of (a, true), .b = pixels_of (b, false), .y = matrices_of (kernel->y, 3, false)};

  return prepare (kernel, &p, is_short (a) && is_short (b) ? DTYPE_BF16 : DTYPE_F32, error);
}

/* y (hw, c) = f (hw, c) s^T */
bool cpu_gram_back (struct kernel *kernel, GError **error)
{
  const struct value *f = kernel->x[0], *s = kernel->x[1];
  struct product p = {
    .rank = 3, .a = pixels_of (f, false), .b = matrices_of (s, 3, true), .y = pixels_of (kernel->y, false)};

  return prepare (kernel, &p, is_short (f) ? DTYPE_BF16 : DTYPE_F32, error);
}
