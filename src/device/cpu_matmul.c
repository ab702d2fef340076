/* SPDX-License-Identifier: Apache-2.0
 *
 * Products of matrices by oneDNN: batched and broadcast, transposed through strides, of row-major values or of
 * channels-last pictures, whose pixels are the rows and channels the columns of a matrix f (hw, c). */
#include "device/cpu.h"
#include "device/cpu_primitive.h"

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
    made = cpu_create (&op, attr, NULL, false);
    if (made == NULL)
      made = cpu_create (&op, attr, NULL, true);
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

bool
cpu_gram (struct kernel *kernel, GError **error)
{
  const struct value *a = kernel->x[0], *b = kernel->x[1];
  struct product p = {
    .rank = 3, .a = pixels_of (a, true), .b = pixels_of (b, false), .y = matrices_of (kernel->y, 3, false)};

  return prepare (kernel, &p, is_short (a) && is_short (b) ? DTYPE_BF16 : DTYPE_F32, error);
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
