/* SPDX-License-Identifier: Apache-2.0
 *
 * Values and copies between their layouts and types. Every copy (layout change, permutation, slice, broadcast) is a
 * set of axes with an extent and a stride on either side. Axes are sorted by the target's stride and merged where both
 * sides allow; the innermost of the target and one more form a panel. Panels are cut into pieces that fit the caches,
 * and pieces are spread over the threads. A piece is copied by rows where both sides are contiguous, by transposing
 * blocks of 4x4 where each is contiguous along another axis, else element by element. */
#include "device/kernel.h"

#include <string.h>

#include "device/vector.h"
#include "device/vector_math.h"

#define PIECE 8192             /* elements of a piece, about */
#define PIECE_TRANSPOSED 32768 /* longer streams for the memory's prefetching; fits the second-level cache */
#define PIECE_SIDE 64
#define ROW_MIN 16             /* shorter rows are not worth a call */
#define STRIP 8                /* cache lines that surely fit the ways of a set: strides are often powers of two */
#define PARALLEL_MIN 32768

struct axis {
  int64_t n, ts, ss; /* extent; strides in elements of target and source */
};

/* A copy made ready: outer axes, and the panel of u (outer) by v (inner). */
struct copy {
  int rank;
  struct axis outer[SHAPE_RANK_MAX];
  struct axis u, v;
  int64_t u_piece, v_piece; /* extents of a piece */
  char *target;
  const char *source;
  enum dtype tt, st;
};

void
value_strides (const struct value *value, int64_t *strides)
{
  const struct shape *shape = &value->shape;
  int64_t step = 1;

  if (value->layout == LAYOUT_LAST && shape->rank == 4) {
    const int64_t *d = shape->dim;

    strides[0] = d[1] * d[2] * d[3];
    strides[1] = 1;
    strides[2] = d[3] * d[1];
    strides[3] = d[1];
    return;
  }
  for (int i = shape->rank - 1; i >= 0; i--) {
    strides[i] = step;
    step *= shape->dim[i];
  }
}

size_t
value_bytes (const struct value *value)
{
  return (size_t) shape_size (&value->shape) * dtype_size (value->dtype);
}

void
kernel_clear (struct kernel *kernel)
{
  if (kernel->free_state != NULL && kernel->state != NULL)
    kernel->free_state (kernel->state);
  kernel->state = NULL;
  kernel->free_state = NULL;
  kernel->run = NULL;
  kernel->scratch = 0;
  kernel->implementation = NULL;
}

/* Inserts @axis so that target strides descend. */
static void
insert_axis (struct axis *axes, int *n, struct axis axis)
{
  int at = *n;

  while (at > 0 && axes[at - 1].ts < axis.ts) {
    axes[at] = axes[at - 1];
    at--;
  }
  axes[at] = axis;
  ++*n;
}

/* Two neighbours are one axis when stepping over the inner one's end is a step of the outer one, on both sides. */
static int
merge_axes (struct axis *axes, int n)
{
  int kept = 0;

  for (int i = 0; i < n; i++) {
    struct axis *last = axes + (kept > 0 ? kept - 1 : 0);

    if (kept > 0 && last->ts == axes[i].ts * axes[i].n && last->ss == axes[i].ss * axes[i].n)
      *last = (struct axis){last->n * axes[i].n, axes[i].ts, axes[i].ss};
    else
      axes[kept++] = axes[i];
  }
  return kept;
}

static bool
by_rows (const struct copy *copy)
{
  return copy->v.ts == 1 && copy->v.ss == 1 && copy->v.n >= ROW_MIN;
}

static bool
transposes (const struct copy *copy)
{
  return copy->v.ts == 1 && copy->u.ss == 1 && copy->v.n >= 4 && copy->u.n >= 4;
}

/* The inner axis of the panel is the target's innermost; the outer one is the axis along which the source is
 * contiguous, or the next. */
static void
choose_panel (struct copy *copy, struct axis *axes, int n)
{
  int u = n - 2;

  copy->v = n > 0 ? axes[n - 1] : (struct axis){1, 1, 1};
  if (copy->v.ss != 1 && copy->v.ss != 0)
    for (int i = 0; i < n - 1; i++)
      if (axes[i].ss == 1)
        u = i;
  copy->u = u >= 0 ? axes[u] : (struct axis){1, 0, 0};
  for (int i = 0; i < n - 1; i++)
    if (i != u)
      copy->outer[copy->rank++] = axes[i];
}

static int64_t
at_most (int64_t n, int64_t limit)
{
  return n < limit ? n : limit;
}

static void
choose_pieces (struct copy *copy)
{
  int64_t size = transposes (copy) ? PIECE_TRANSPOSED : PIECE;
  int64_t side = by_rows (copy) ? 1 : at_most (copy->u.n, PIECE_SIDE);

  copy->v_piece = at_most (copy->v.n, size / side);
  copy->u_piece = at_most (copy->u.n, (size + copy->v_piece - 1) / copy->v_piece);
}

/* Element by element; the colours of a pixel in a loop of constant length. */
#define SCATTER(name, T, S, convert)                                                                \
  static inline void name##_loop (T *restrict t, const S *restrict s, struct axis u, struct axis v) \
  {                                                                                                 \
    for (int64_t i = 0; i < u.n; i++)                                                               \
      for (int64_t j = 0; j < v.n; j++)                                                             \
        t[i * u.ts + j * v.ts] = convert (s[i * u.ss + j * v.ss]);                                  \
  }                                                                                                 \
  static void name (void *target, const void *source, struct axis u, struct axis v)                 \
  {                                                                                                 \
    if (v.n == 3)                                                                                   \
      name##_loop (target, source, u, (struct axis){3, v.ts, v.ss});                                \
    else                                                                                            \
      name##_loop (target, source, u, v);                                                           \
  }

#define SAME(x) (x)
SCATTER (scatter_f32, float, float, SAME)
SCATTER (scatter_f32_from_bf16, float, uint16_t, math_from_bfloat)
SCATTER (scatter_bf16_from_f32, uint16_t, float, math_to_bfloat)
SCATTER (scatter_bf16, uint16_t, uint16_t, SAME)

static void
scatter (enum dtype tt, enum dtype st, char *t, const char *s, struct axis u, struct axis v)
{
  if (tt == DTYPE_F32 && st == DTYPE_F32)
    scatter_f32 (t, s, u, v);
  else if (tt == DTYPE_F32)
    scatter_f32_from_bf16 (t, s, u, v);
  else if (st == DTYPE_F32)
    scatter_bf16_from_f32 (t, s, u, v);
  else
    scatter_bf16 (t, s, u, v);
}

/* Four floats as bits; a bfloat16 is the upper half of one. */
typedef uint32_t bits4 __attribute__ ((vector_size (16)));
typedef uint16_t half4 __attribute__ ((vector_size (8)));

static inline bits4
load4 (const char *from, enum dtype dtype)
{
  bits4 bits;
  half4 half;

  if (dtype == DTYPE_F32) {
    memcpy (&bits, from, sizeof bits);
    return bits;
  }
  memcpy (&half, from, sizeof half);
  return __builtin_convertvector (half, bits4) << 16;
}

/* Rounds as math_to_bfloat does. */
static inline void
store4 (char *to, enum dtype dtype, bits4 bits)
{
  bits4 rounded = bits + 0x7fff + (bits >> 16 & 1), quiet = bits | (((bits & 0x7f0000) == 0) & 0x400000);
  bits4 nan = (bits4) ((bits & 0x7fffffff) > 0x7f800000);
  half4 half = __builtin_convertvector (((quiet & nan) | (rounded & ~nan)) >> 16, half4);

  if (dtype == DTYPE_F32)
    memcpy (to, &bits, sizeof bits);
  else
    memcpy (to, &half, sizeof half);
}

/* Four rows of four become columns; @ts and @ss are the bytes between rows. */
static inline void
transpose_4x4 (enum dtype tt, enum dtype st, char *t, int64_t ts, const char *s, int64_t ss)
{
  bits4 a = load4 (s, st), b = load4 (s + ss, st), c = load4 (s + 2 * ss, st), d = load4 (s + 3 * ss, st);
  bits4 ab_low = __builtin_shufflevector (a, b, 0, 4, 1, 5), ab_high = __builtin_shufflevector (a, b, 2, 6, 3, 7);
  bits4 cd_low = __builtin_shufflevector (c, d, 0, 4, 1, 5), cd_high = __builtin_shufflevector (c, d, 2, 6, 3, 7);

  store4 (t, tt, __builtin_shufflevector (ab_low, cd_low, 0, 1, 4, 5));
  store4 (t + ts, tt, __builtin_shufflevector (ab_low, cd_low, 2, 3, 6, 7));
  store4 (t + 2 * ts, tt, __builtin_shufflevector (ab_high, cd_high, 0, 1, 4, 5));
  store4 (t + 3 * ts, tt, __builtin_shufflevector (ab_high, cd_high, 2, 3, 6, 7));
}

/* A panel that is contiguous along u in the source and along v in the target, u.n and v.n multiples of four. Walks
 * along strips of STRIP neighbours on the side with the large stride: few streams, each used up line by line. */
static inline void
transpose (enum dtype tt, enum dtype st, char *t, const char *s, struct axis u, struct axis v)
{
  int64_t t_size = tt == DTYPE_F32 ? 4 : 2, s_size = st == DTYPE_F32 ? 4 : 2;
  bool across_v = v.ss > u.ts;
  int64_t strips = across_v ? v.n : u.n, length = across_v ? u.n : v.n;

  for (int64_t strip = 0; strip < strips; strip += STRIP)
    for (int64_t along = 0; along < length; along += 4)
      for (int64_t across = strip; across < at_most (strips, strip + STRIP); across += 4) {
        int64_t i = across_v ? along : across, j = across_v ? across : along;

        transpose_4x4 (tt, st, t + (i * u.ts + j) * t_size, u.ts * t_size, s + (i + j * v.ss) * s_size, v.ss * s_size);
      }
}

/* The same for any extents, with the types known to the compiler. */
static void
transpose_panel (enum dtype tt, enum dtype st, char *t, const char *s, struct axis u, struct axis v)
{
  int64_t t_size = (int64_t) dtype_size (tt), s_size = (int64_t) dtype_size (st);
  struct axis u4 = {u.n / 4 * 4, u.ts, u.ss}, v4 = {v.n / 4 * 4, v.ts, v.ss};
  struct axis u_rest = {u.n - u4.n, u.ts, u.ss}, v_rest = {v.n - v4.n, v.ts, v.ss};

  if (tt == DTYPE_F32 && st == DTYPE_F32)
    transpose (DTYPE_F32, DTYPE_F32, t, s, u4, v4);
  else if (tt == DTYPE_F32)
    transpose (DTYPE_F32, DTYPE_BF16, t, s, u4, v4);
  else if (st == DTYPE_F32)
    transpose (DTYPE_BF16, DTYPE_F32, t, s, u4, v4);
  else
    transpose (DTYPE_BF16, DTYPE_BF16, t, s, u4, v4);
  scatter (tt, st, t + v4.n * v.ts * t_size, s + v4.n * v.ss * s_size, u4, v_rest);
  scatter (tt, st, t + u4.n * u.ts * t_size, s + u4.n * u.ss * s_size, u_rest, v);
}

static void
copy_row (const struct vector_kernels *vk, void *target, enum dtype tt, const void *source, enum dtype st,
                      int64_t n)
{
  if (tt == st)
    memcpy (target, source, (size_t) n * dtype_size (tt));
  else if (tt == DTYPE_F32)
    vk->from_bf16 (target, source, (size_t) n);
  else
    vk->to_bf16 (target, source, (size_t) n);
}

static void
copy_panel (const struct copy *copy, char *target, const char *source, struct axis u, struct axis v)
{
  int64_t t_size = (int64_t) dtype_size (copy->tt), s_size = (int64_t) dtype_size (copy->st);

  if (by_rows (copy)) {
    const struct vector_kernels *vk = vector_kernels ();
    for (int64_t i = 0; i < u.n; i++)
      copy_row (vk, target + i * u.ts * t_size, copy->tt, source + i * u.ss * s_size, copy->st, v.n);
  } else if (transposes (copy)) {
    transpose_panel (copy->tt, copy->st, target, source, u, v);
  } else {
    scatter (copy->tt, copy->st, target, source, u, v);
  }
}

/* Piece number @index, counted along v, then u, then the outer axes from the last. */
static void
copy_piece (const struct copy *copy, int64_t index)
{
  int64_t v_pieces = (copy->v.n + copy->v_piece - 1) / copy->v_piece;
  int64_t u_pieces = (copy->u.n + copy->u_piece - 1) / copy->u_piece;
  int64_t j = index % v_pieces * copy->v_piece, i = index / v_pieces % u_pieces * copy->u_piece;
  int64_t to = i * copy->u.ts + j * copy->v.ts, from = i * copy->u.ss + j * copy->v.ss;
  struct axis u = copy->u, v = copy->v;

  index /= v_pieces * u_pieces;
  for (int a = copy->rank - 1; a >= 0; a--) {
    to += index % copy->outer[a].n * copy->outer[a].ts;
    from += index % copy->outer[a].n * copy->outer[a].ss;
    index /= copy->outer[a].n;
  }
  u.n = at_most (u.n - i, copy->u_piece);
  v.n = at_most (v.n - j, copy->v_piece);
  copy_panel (copy, copy->target + to * (int64_t) dtype_size (copy->tt),
              copy->source + from * (int64_t) dtype_size (copy->st), u, v);
}

void
strided_copy (const struct shape *shape, void *target, enum dtype tt, const int64_t *ts, const void *source,
                   enum dtype st, const int64_t *ss)
{
  struct copy copy = {.target = target, .source = source, .tt = tt, .st = st};
  struct axis axes[SHAPE_RANK_MAX];
  int64_t pieces;
  int n = 0;

  for (int i = 0; i < shape->rank; i++)
    if (shape->dim[i] > 1)
      insert_axis (axes, &n, (struct axis){shape->dim[i], ts[i], ss[i]});
  n = merge_axes (axes, n);
  choose_panel (&copy, axes, n);
  choose_pieces (&copy);
  pieces = (copy.v.n + copy.v_piece - 1) / copy.v_piece * ((copy.u.n + copy.u_piece - 1) / copy.u_piece);
  for (int i = 0; i < copy.rank; i++)
    pieces *= copy.outer[i].n;
#pragma omp parallel for schedule (static) if (shape_size (shape) >= PARALLEL_MIN)
  for (int64_t i = 0; i < pieces; i++)
    copy_piece (&copy, i);
}

void
value_copy (const struct value *target, const struct value *source)
{
  int64_t ts[SHAPE_RANK_MAX], ss[SHAPE_RANK_MAX];

  value_strides (target, ts);
  value_strides (source, ss);
  strided_copy (&target->shape, target->data, target->dtype, ts, source->data, source->dtype, ss);
}
