/* SPDX-License-Identifier: Apache-2.0
 *
 * Values and copies between their layouts and types. Every copy (layout change, permutation, slice, broadcast) is a set
 * of axes with an extent and a stride on either side. Axes are sorted by the target's stride and merged where both sides
 * allow; the innermost two form a panel. Panels are cut into pieces that fit the first-level cache, and pieces are spread over the threads.
 * A piece is copied by rows when the innermost axis is contiguous on both sides, else element by element, in small tiles so
 * that every cache line that was fetched is used up at once. */
#include "device/kernel.h"

#include <string.h>

#include "device/vector.h"
#include "device/vector_math.h"

#define PIECE 8192       /* elements of a piece, about */
#define PIECE_SIDE 64    /* of a piece that is transposed */
#define TILE 16          /* elements of a cache line */
#define TILE_LINES 8     /* cache lines that surely fit the ways of a set: strides are often powers of two */
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

void value_strides (const struct value *value, int64_t *strides)
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

size_t value_bytes (const struct value *value)
{
  return (size_t) shape_size (&value->shape) * dtype_size (value->dtype);
}

void kernel_clear (struct kernel *kernel)
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
static void insert_axis (struct axis *axes, int *n, struct axis axis)
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
static int merge_axes (struct axis *axes, int n)
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

static bool by_rows (const struct copy *copy)
{
  return copy->v.ts == 1 && copy->v.ss == 1 && copy->v.n >= TILE;
}

/* The inner axis of the panel is the target's innermost; the outer one is the axis along which the source is contiguous,
 * or the next. */
static void choose_panel (struct copy *copy, struct axis *axes, int n)
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

static int64_t at_most (int64_t n, int64_t limit)
{
  return n < limit ? n : limit;
}

static void choose_pieces (struct copy *copy)
{
  int64_t side = by_rows (copy) ? 1 : at_most (copy->u.n, PIECE_SIDE);

  copy->v_piece = at_most (copy->v.n, PIECE / side);
  copy->u_piece = at_most (copy->u.n, (PIECE + copy->v_piece - 1) / copy->v_piece);
}

/* Copies u.n by v.n elements tile by tile; narrow inner axes (the colours of a pixel) in a loop of constant length. */
#define PANEL(name, T, S, convert)                                                                        \
  static inline void name##_tile (T *restrict t, const S *restrict s, const struct axis *u,               \
                                  const struct axis *v, int64_t un, int64_t vn)                           \
  {                                                                                                       \
    for (int64_t i = 0; i < un; i++)                                                                      \
      for (int64_t j = 0; j < vn; j++)                                                                    \
        t[i * u->ts + j * v->ts] = convert (s[i * u->ss + j * v->ss]);                                    \
  }                                                                                                       \
  static void name (void *target, const void *source, struct axis u, struct axis v)                       \
  {                                                                                                       \
    T *t = target;                                                                                        \
    const S *s = source;                                                                                  \
    int64_t u_step = u.ss == 1 ? TILE : TILE_LINES, v_step = u.ss == 1 ? TILE_LINES : TILE;               \
                                                                                                          \
    if (v.n == 3) {                                                                                       \
      name##_tile (t, s, &u, &v, u.n, 3);                                                                 \
      return;                                                                                             \
    }                                                                                                     \
    for (int64_t i = 0; i < u.n; i += u_step)                                                             \
      for (int64_t j = 0; j < v.n; j += v_step)                                                           \
        name##_tile (t + i * u.ts + j * v.ts, s + i * u.ss + j * v.ss, &u, &v, at_most (u.n - i, u_step), \
                     at_most (v.n - j, v_step));                                                          \
  }

#define SAME(x) (x)
PANEL (panel_f32, float, float, SAME)
PANEL (panel_f32_from_bf16, float, uint16_t, math_from_bfloat)
PANEL (panel_bf16_from_f32, uint16_t, float, math_to_bfloat)
PANEL (panel_bf16, uint16_t, uint16_t, SAME)

static void copy_row (const struct vector_kernels *vk, void *target, enum dtype tt, const void *source, enum dtype st,
                      int64_t n)
{
  if (tt == st)
    memcpy (target, source, (size_t) n * dtype_size (tt));
  else if (tt == DTYPE_F32)
    vk->from_bf16 (target, source, (size_t) n);
  else
    vk->to_bf16 (target, source, (size_t) n);
}

static void copy_panel (const struct copy *copy, char *target, const char *source, struct axis u, struct axis v)
{
  int64_t t_size = (int64_t) dtype_size (copy->tt), s_size = (int64_t) dtype_size (copy->st);

  if (by_rows (copy)) {
    const struct vector_kernels *vk = vector_kernels ();
    for (int64_t i = 0; i < u.n; i++)
      copy_row (vk, target + i * u.ts * t_size, copy->tt, source + i * u.ss * s_size, copy->st, v.n);
  } else if (copy->tt == DTYPE_F32 && copy->st == DTYPE_F32) {
    panel_f32 (target, source, u, v);
  } else if (copy->tt == DTYPE_F32) {
    panel_f32_from_bf16 (target, source, u, v);
  } else if (copy->st == DTYPE_F32) {
    panel_bf16_from_f32 (target, source, u, v);
  } else {
    panel_bf16 (target, source, u, v);
  }
}

/* Piece number @index, counted along v, then u, then the outer axes from the last. */
static void copy_piece (const struct copy *copy, int64_t index)
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

void strided_copy (const struct shape *shape, void *target, enum dtype tt, const int64_t *ts, const void *source,
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

void value_copy (const struct value *target, const struct value *source)
{
  int64_t ts[SHAPE_RANK_MAX], ss[SHAPE_RANK_MAX];

  value_strides (target, ts);
  value_strides (source, ss);
  strided_copy (&target->shape, target->data, target->dtype, ts, source->data, source->dtype, ss);
}
