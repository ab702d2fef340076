/* SPDX-License-Identifier: Apache-2.0
 *
 * Attention without its matrix of scores: a thread takes a block of queries and goes over the keys block by block, so
 * that the scores of the two never leave the second-level cache. The softmax is finished as it goes (Milakov and
 * Gimelshein 2018; Dao et al., FlashAttention, 2022): what was added up so far is scaled when a larger score turns up,
 * and divided by the sum of the exponentials at the end. Exponentials are powers of two: log2 e is part of the queries'
 * scale.
 *
 * In bfloat16 the two products take rounded operands and add up float32; the softmax between them stays float32. Keys
 * and values are then rounded and packed once before. Blocks depend on the shapes alone, so the result is the same for
 * any number of threads. */
#include <math.h>
#include <omp.h>
#include <string.h>

#include "device/cpu.h"
#include "device/cpu_block.h"
#include "device/vector.h"

#define LOG2_E 1.44269504088896341
#define QUERIES 64 /* a block of scores is 128 KiB at most */
#define KEYS 512
#define TILE 32 /* the depth of a product that fills matrix units in bfloat16 */

/* An operand: strides in elements, 0 along axes of y that it has not. */
struct side {
  const struct value *value;
  int64_t lead[SHAPE_RANK_MAX], row, column;
};

struct attention {
  struct shape y;
  struct side q, k, v, bias;
  bool biased, brief; /* brief: products in bfloat16 */
  float scale;
  int64_t batch, queries, keys, depth, width;
  int64_t inner; /* depth, filled up */
  int64_t rows, row_blocks, columns, column_blocks;
  int threads;
  /* Blocks of keys are ->columns long, all but the last: products of either length. */
  int64_t length[2];
  struct block_product *scores[2], *sums[2];
  bool pack_k, pack_v;
  size_t k_bytes, v_bytes, at_k, at_v; /* of a packed block; where they begin in scratch */
  size_t per_thread, at_q, at_s, at_p, at_y, at_part, at_row, at_inner;
  char *name;
};

static int64_t
filled (int64_t n, int64_t to)
{
  return (n + to - 1) / to * to;
}

static size_t
element (const struct attention *a)
{
  return a->brief ? sizeof (uint16_t) : sizeof (float);
}

/* Of a value that has all the axes, or broadcasts; with @turned its last two are the other way round. */
static struct side
side_of (const struct value *value, int rank, bool turned)
{
  struct side side = {.value = value};
  int64_t own[SHAPE_RANK_MAX], stride[SHAPE_RANK_MAX] = {0};
  int missing = rank - value->shape.rank;

  value_strides (value, own);
  for (int i = missing; i < rank; i++)
    stride[i] = value->shape.dim[i - missing] > 1 ? own[i - missing] : 0;
  memcpy (side.lead, stride, sizeof side.lead);
  side.row = stride[rank - (turned ? 1 : 2)];
  side.column = stride[rank - (turned ? 2 : 1)];
  return side;
}

/* The same of a matrix that is read in place: an axis of one element has a stride too. */
static struct side
matrix_side (const struct value *value, int rank, bool turned)
{
  struct side side = side_of (value, rank, turned);
  int64_t stride[SHAPE_RANK_MAX];

  value_strides (value, stride);
  side.row = stride[rank - (turned ? 1 : 2)];
  side.column = stride[rank - (turned ? 2 : 1)];
  return side;
}

/* The matrix of @side at @index of the leading axes of y. */
static const float *
matrix_at (const struct attention *a, const struct side *side, int64_t index)
{
  int64_t offset = 0;

  for (int i = a->y.rank - 3; i >= 0; i--) {
    offset += index % a->y.dim[i] * side->lead[i];
    index /= a->y.dim[i];
  }
  return (const float *) side->value->data + offset;
}

/* Rows of @count numbers, @row and @column apart, times @scale, into rows of @length with zeros behind them. @room for
 * one. */
static void
take_rows (void *target, bool brief, int64_t length, const float *x, int64_t rows, int64_t row, int64_t count,
           int64_t column, float scale, float *room)
{
  const struct vector_kernels *vk = vector_kernels ();

  memset (room, 0, (size_t) length * sizeof *room);
  for (int64_t r = 0; r < rows; r++) {
    float *y = brief ? room : (float *) target + r * length;

    for (int64_t i = 0; i < count && column != 1; i++)
      y[i] = x[r * row + i * column];
    if (column != 1 || scale != 1)
      vk->fn[VECTOR_AFFINE](y, (const float *const[]){column == 1 ? x + r * row : y}, (size_t) count,
                            (const float[]){scale, 0});
    else
      memcpy (y, x + r * row, (size_t) count * sizeof *y);
    if (brief)
      vk->to_bf16 ((uint16_t *) target + r * length, room, (size_t) length);
    else
      memset (y + count, 0, (size_t) (length - count) * sizeof *y);
  }
}

/* Block @j of the keys and values of matrix @index, made of the thread's scratch. */
static void
pack (const struct attention *a, int64_t index, int64_t j, int thread, char *scratch, char *own)
{
  bool last = j == a->column_blocks - 1;
  int64_t begin = j * a->columns, count = MIN (a->columns, a->keys - begin), length = a->length[last];
  size_t block = (size_t) (index * a->column_blocks + j);
  char *plain = own + a->at_s;
  float *room = (float *) (own + a->at_row);

  if (a->pack_k) { /* rows run along the axis that is contiguous */
    const float *k = matrix_at (a, &a->k, index) + begin * a->k.row;

    memset (plain, 0, (size_t) (length * a->inner) * element (a));
    if (a->k.column == 1 || a->k.row != 1)
      take_rows (plain, a->brief, a->inner, k, count, a->k.row, a->depth, a->k.column, 1, room);
    else
      take_rows (plain, a->brief, length, k, a->depth, a->k.column, count, 1, 1, room);
    block_product_pack (a->scores[last], thread, plain, scratch + a->at_k + block * a->k_bytes);
  }
  if (a->pack_v) {
    const float *v = matrix_at (a, &a->v, index) + begin * a->v.row;

    memset (plain, 0, (size_t) (length * a->width) * element (a));
    take_rows (plain, a->brief, a->width, v, count, a->v.row, a->width, a->v.column, 1, room);
    block_product_pack (a->sums[last], thread, plain, scratch + a->at_v + block * a->v_bytes);
  }
}

/* Where the rows of a block of queries stand. */
struct progress {
  float most[QUERIES], factor[QUERIES];
  double total[QUERIES];
};

/* Scores s (rows, length), of which @count are keys, into powers of two p; what came before counts by factor then. */
static void
exponentials (const struct attention *a, struct progress *progress, int64_t rows, float *s, void *p, int64_t length,
              int64_t count, const float *bias)
{
  const struct vector_kernels *vk = vector_kernels ();
  size_t n = (size_t) count;

  for (int64_t r = 0; r < rows; r++, s += length) {
    if (bias != NULL && a->bias.column != 0)
      vk->mix (s, s, 1, bias + r * a->bias.row, (float) LOG2_E, n);
    else if (bias != NULL) /* the same for every key */
      vk->fn[VECTOR_AFFINE](s, (const float *const[]){s}, n,
                            (const float[]){1, bias[r * a->bias.row] * (float) LOG2_E});
    float before = progress->most[r], most = MAX (before, vk->largest (s, n)), from = most > -INFINITY ? most : 0;

    progress->most[r] = most;
    progress->factor[r] = before > -INFINITY ? exp2f (before - most) : 0;
    progress->total[r] *= (double) progress->factor[r];
    if (a->brief) {
      uint16_t *to = (uint16_t *) p + r * length;

      progress->total[r] += vk->exp2_sum_bf16 (to, s, n, from, 1);
      memset (to + count, 0, (size_t) (length - count) * sizeof *to);
    } else
      progress->total[r] += vk->exp2_sum (s, s, n, from, 1);
  }
}

static void
attend (const struct attention *a, float *y, int64_t task, int thread, char *scratch, char *own,
        struct progress *progress)
{
  const struct vector_kernels *vk = vector_kernels ();
  int64_t index = task / a->row_blocks, begin = task % a->row_blocks * a->rows;
  int64_t rows = MIN (a->rows, a->queries - begin);
  const float *k = matrix_at (a, &a->k, index), *v = matrix_at (a, &a->v, index);
  const float *bias = a->biased ? matrix_at (a, &a->bias, index) + begin * a->bias.row : NULL;
  float *s = (float *) (own + a->at_s), *sum = (float *) (own + a->at_y), *part = (float *) (own + a->at_part);
  void *p = a->brief ? own + a->at_p : own + a->at_s, *inner = own + a->at_inner;

  take_rows (own + a->at_q, a->brief, a->inner, matrix_at (a, &a->q, index) + begin * a->q.row, rows, a->q.row,
             a->depth, a->q.column, a->scale, (float *) (own + a->at_row));
  for (int64_t r = 0; r < rows; r++) {
    progress->most[r] = -INFINITY;
    progress->total[r] = 0;
  }
  for (int64_t j = 0; j < a->column_blocks; j++) {
    bool last = j == a->column_blocks - 1;
    int64_t first = j * a->columns, length = a->length[last], count = MIN (a->columns, a->keys - first);
    size_t block = (size_t) (index * a->column_blocks + j);
    const void *ks = a->pack_k ? (const void *) (scratch + a->at_k + block * a->k_bytes) : k + first * a->k.row;
    const void *vs = a->pack_v ? (const void *) (scratch + a->at_v + block * a->v_bytes) : v + first * a->v.row;

    block_product_run (a->scores[last], thread, own + a->at_q, ks, s, inner);
    exponentials (a, progress, rows, s, p, length, count, bias != NULL ? bias + first * a->bias.column : NULL);
    block_product_run (a->sums[last], thread, p, vs, j == 0 ? sum : part, inner);
    for (int64_t r = 0; j > 0 && r < rows; r++)
      vk->mix (sum + r * a->width, sum + r * a->width, progress->factor[r], part + r * a->width, 1, (size_t) a->width);
  }
  y += (index * a->queries + begin) * a->width;
  for (int64_t r = 0; r < rows; r++) { /* no score at all is no number, as it is for a softmax */
    float scale = progress->most[r] > -INFINITY ? (float) (1 / progress->total[r]) : NAN;
    vk->fn[VECTOR_AFFINE](y + r * a->width, (const float *const[]){sum + r * a->width}, (size_t) a->width,
                          (const float[]){scale, 0});
  }
}

static void
run (const struct kernel *kernel, void *scratch, const struct run_context *context)
{
  const struct attention *a = kernel->state;
  int64_t blocks = a->batch * a->column_blocks, tasks = a->batch * a->row_blocks;

#pragma omp parallel num_threads(a->threads)
  {
    int thread = omp_get_thread_num ();
    char *own = (char *) scratch + (size_t) thread * a->per_thread;
    struct progress progress;

    if (a->pack_k || a->pack_v) {
#pragma omp for schedule(dynamic)
      for (int64_t i = 0; i < blocks; i++)
        pack (a, i / a->column_blocks, i % a->column_blocks, thread, scratch, own);
    }
#pragma omp for schedule(dynamic)
    for (int64_t i = 0; i < tasks; i++)
      attend (a, kernel->y->data, i, thread, scratch, own, &progress);
  }
}

/* Preparing */

static void
attention_free (void *state)
{
  struct attention *a = state;

  for (int i = 0; i < 2; i++) {
    block_product_free (a->scores[i]);
    block_product_free (a->sums[i]);
  }
  g_free (a->name);
  g_free (a);
}

static bool
make_products (struct attention *a, int i, GError **error)
{
  int64_t length = a->length[i];
  enum dtype dtype = a->brief ? DTYPE_BF16 : DTYPE_F32;
  const int64_t scores[] = {a->rows, a->inner, length}, sums[] = {a->rows, length, a->width};
  const int64_t k[] = {a->k.column, a->k.row}, v[] = {a->v.row, a->v.column};
  bool by_keys = a->k.column == 1 || a->k.row != 1;

  a->scores[i] = block_product_new (scores, dtype, a->pack_k ? NULL : k, by_keys, a->threads, error);
  if (a->scores[i] != NULL)
    a->sums[i] = block_product_new (sums, dtype, a->pack_v ? NULL : v, false, a->threads, error);
  return a->sums[i] != NULL;
}

/* Equal blocks, as few as may be. */
static void
plan_blocks (struct attention *a)
{
  a->inner = a->brief ? filled (a->depth, TILE) : a->depth;
  a->row_blocks = (a->queries + QUERIES - 1) / QUERIES;
  a->rows = (a->queries + a->row_blocks - 1) / a->row_blocks;
  a->columns = filled ((a->keys + (a->keys + KEYS - 1) / KEYS - 1) / ((a->keys + KEYS - 1) / KEYS), TILE);
  a->columns = MIN (a->columns, a->keys);
  a->column_blocks = (a->keys + a->columns - 1) / a->columns;
  a->length[0] = a->columns;
  a->length[1] = a->keys - (a->column_blocks - 1) * a->columns;
  for (int i = 0; i < 2 && a->brief; i++)
    a->length[i] = filled (a->length[i], TILE);
}

static size_t
reserve (size_t *size, int64_t elements, size_t each)
{
  size_t at = *size;

  *size += kernel_aligned ((size_t) elements * each);
  return at;
}

/* Scratch: what each thread has for itself, then packed keys and values. */
static void
plan_scratch (struct attention *a, struct kernel *kernel)
{
  int64_t longest = MAX (a->length[0], a->length[1]), wide = MAX (a->inner, a->width);
  size_t own = 0, inner = 0, blocks = (size_t) (a->batch * a->column_blocks);

  for (int i = a->column_blocks > 1 ? 0 : 1; i < 2; i++) {
    inner = MAX (inner, MAX (block_product_scratch (a->scores[i]), block_product_scratch (a->sums[i])));
    a->k_bytes = MAX (a->k_bytes, a->pack_k ? kernel_aligned (block_product_packed (a->scores[i])) : 0);
    a->v_bytes = MAX (a->v_bytes, a->pack_v ? kernel_aligned (block_product_packed (a->sums[i])) : 0);
  }
  a->at_q = reserve (&own, a->rows * a->inner, element (a));
  a->at_s = reserve (&own, MAX (a->rows, a->pack_k || a->pack_v ? wide : 0) * longest, sizeof (float));
  a->at_p = reserve (&own, a->brief ? a->rows * longest : 0, sizeof (uint16_t));
  a->at_y = reserve (&own, a->rows * a->width, sizeof (float));
  a->at_part = reserve (&own, a->rows * a->width, sizeof (float));
  a->at_row = reserve (&own, MAX (wide, longest), sizeof (float));
  a->at_inner = reserve (&own, (int64_t) inner, 1);
  a->per_thread = own;
  a->at_k = (size_t) a->threads * own;
  a->at_v = a->at_k + blocks * a->k_bytes;
  kernel->scratch = a->at_v + blocks * a->v_bytes;
}

bool
cpu_attention (struct kernel *kernel, GError **error)
{
  const struct attention_attrs *attrs = kernel->attrs;
  struct attention *a = g_new0 (struct attention, 1);
  int rank = kernel->y->shape.rank;
  bool ok = true;

  a->y = kernel->y->shape;
  a->q = matrix_side (kernel->x[0], rank, false);
  a->k = matrix_side (kernel->x[1], rank, attrs->columns);
  a->v = matrix_side (kernel->x[2], rank, false);
  a->biased = kernel->n_inputs > 3;
  if (a->biased)
    a->bias = side_of (kernel->x[3], rank, false);
  a->brief = kernel->brief && cpu_has_bf16 ();
  a->scale = (float) (attrs->scale * LOG2_E);
  a->queries = a->y.dim[rank - 2];
  a->width = a->y.dim[rank - 1];
  a->keys = kernel->x[2]->shape.dim[rank - 2];
  a->depth = kernel->x[0]->shape.dim[rank - 1];
  a->batch = 1;
  for (int i = 0; i < rank - 2; i++)
    a->batch *= a->y.dim[i];
  a->pack_k = a->brief || (a->k.column != 1 && a->k.row != 1);
  a->pack_v = a->brief || (a->v.column != 1 && a->v.row != 1);
  a->threads = cpu_threads ();
  plan_blocks (a);
  cpu_set_threads (1);
  for (int i = a->column_blocks > 1 ? 0 : 1; ok && i < 2; i++)
    ok = make_products (a, i, error);
  cpu_set_threads (a->threads);
  if (!ok) {
    attention_free (a);
    return false;
  }
  plan_scratch (a, kernel);
  a->name = g_strdup_printf ("%dx%d, %s", (int) a->rows, (int) a->length[a->column_blocks == 1],
                             block_product_name (a->scores[1]));
  kernel->state = a;
  kernel->free_state = attention_free;
  kernel->implementation = a->name;
  kernel->run = run;
  return true;
}
