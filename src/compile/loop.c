/* SPDX-License-Identifier: Apache-2.0
 *
 * Interpreter of fused loops. The domain's axes, in memory order, are merged where every operand allows it; what
 * remains is walked as rows (the innermost merged axis) in chunks of whole rows. Per chunk each instruction is one call of
 * a vector loop, so that interpretation costs a few nanoseconds per thousand elements. */
#include "compile/loop.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#include "device/cpu.h"
#include "device/vector.h"

#define CHUNK 2048 /* floats: eight registers of it fit a 64 KiB cache */
#define SPLIT 32   /* fixed number of partial sums along the reduced rows */
#define PARALLEL_MIN 16384

struct operand {
  const struct value *value;
  int64_t stride[SHAPE_RANK_MAX]; /* along the merged axes, in elements */
  bool full;                      /* contiguous over the domain */
  bool scalar;
  bool repeats; /* depends on the outermost and innermost axis only: the same for every aligned chunk */
  int reg;      /* buffer, or -1 when read in place */
};

struct instruction {
  vector_fn fn;
  int n_args, arg[3], reg;
  float p[2];
};

/* A program that is y = f(f(x a + b) + r) has one vector loop for all of it. */
struct scale_shift {
  bool whole;     /* the program is one */
  int x, a, b, r; /* operands; r = -1 without */
  unsigned flags; /* enum vector_scale_shift */
};

struct loop {
  const struct vector_kernels *vk;
  struct scale_shift scale_shift;
  int rank;
  int64_t dim[SHAPE_RANK_MAX]; /* merged axes */
  int64_t size, row, outer;    /* elements; innermost axis; outermost axis when there are more than two */
  int64_t chunk;               /* elements a chunk, whole rows where rows are short */
  int64_t y_stride[SHAPE_RANK_MAX];
  int n_operands, n_code, n_regs;
  struct operand operand[LOOP_OPERANDS_MAX];
  struct instruction code[LOOP_CODE_MAX];
  enum op_reduce reduce;
  int64_t y_size;
};

/* Strides of @value seen from the domain of @shape, per logical axis; 0 where it broadcasts. */
static void
broadcast_strides (const struct value *value, const struct shape *shape, int64_t *stride)
{
  int64_t own[SHAPE_RANK_MAX];
  value_strides (value, own);
  int shift = shape->rank - value->shape.rank;
  for (int a = 0; a < shape->rank; a++)
    stride[a] = a < shift || value->shape.dim[a - shift] == 1 ? 0 : own[a - shift];
}

/* Logical axes in memory order. */
static void
memory_order (const struct shape *shape, enum layout layout, int *order)
{
  static const int last[] = {0, 2, 3, 1};
  for (int i = 0; i < shape->rank; i++)
    order[i] = layout == LAYOUT_LAST && shape->rank == 4 ? last[i] : i;
}

/* Merges neighbouring axes where every operand and the result step evenly across the border. */
static void
merge_axes (struct loop *loop, const struct loop_spec *spec, const struct value *const *x, const struct value *y)
{
  int order[SHAPE_RANK_MAX];
  int64_t stride[LOOP_OPERANDS_MAX + 1][SHAPE_RANK_MAX];
  int n = spec->n_operands;
  memory_order (&spec->domain, spec->layout, order);
  for (int k = 0; k < n; k++)
    broadcast_strides (x[k], &spec->domain, stride[k]);
  broadcast_strides (y, &spec->domain, stride[n]);
  int rank = 0;
  for (int i = 0; i < spec->domain.rank; i++) {
    int a = order[i];
    int64_t dim = spec->domain.dim[a];
    if (dim == 1)
      continue;
    bool merge = rank > 0;
    for (int k = 0; merge && k <= n; k++) {
      const int64_t *merged = k < n ? loop->operand[k].stride : loop->y_stride;
      merge = merged[rank - 1] == stride[k][a] * dim;
    }
    int at = merge ? rank - 1 : rank;
    loop->dim[at] = merge ? loop->dim[at] * dim : dim;
    for (int k = 0; k <= n; k++)
      (k < n ? loop->operand[k].stride : loop->y_stride)[at] = stride[k][a];
    rank = at + 1;
  }
  if (rank == 0) {
    loop->dim[0] = 1;
    rank = 1;
    for (int k = 0; k <= n; k++)
      (k < n ? loop->operand[k].stride : loop->y_stride)[0] = 0;
  }
  loop->rank = rank;
}

static void
classify (struct loop *loop, struct operand *operand)
{
  int64_t expect = 1;
  operand->full = operand->scalar = true;
  for (int a = loop->rank - 1; a >= 0; a--) {
    operand->full &= operand->stride[a] == expect;
    operand->scalar &= operand->stride[a] == 0;
    expect *= loop->dim[a];
  }
  operand->full |= loop->size == 1;
  operand->scalar &= loop->size > 1;
  operand->repeats = !operand->full && !operand->scalar;
  for (int a = 1; a < loop->rank - 1; a++)
    operand->repeats &= operand->stride[a] == 0;
  if (loop->rank == 2) /* (rows, row): must not move with the row */
    operand->repeats &= operand->stride[0] == 0;
}

/* Registers by linear scan: an instruction's buffer is free again after its last reader. */
static void
assign_registers (struct loop *loop, const struct loop_spec *spec)
{
  int last[LOOP_CODE_MAX] = {0};
  bool busy[LOOP_CODE_MAX + LOOP_OPERANDS_MAX] = {false};
  int n_regs = 0;
  for (int k = 0; k < loop->n_operands; k++) {
    struct operand *operand = &loop->operand[k];
    bool direct = operand->full && operand->value->dtype == DTYPE_F32;
    operand->reg = direct ? -1 : n_regs;
    if (!direct)
      busy[n_regs++] = true;
  }
  for (int i = 0; i < spec->n_code; i++)
    for (int j = 0; j < spec->code[i].n_args; j++)
      if (spec->code[i].arg[j] < 0)
        last[-1 - spec->code[i].arg[j]] = i;
  for (int i = 0; i < spec->n_code; i++) {
    const struct loop_code *code = &spec->code[i];
    int reg = 0;
    while (busy[reg])
      reg++;
    busy[reg] = true;
    n_regs = MAX (n_regs, reg + 1);
    loop->code[i] = (struct instruction){
      .fn = loop->vk->fn[code->op], .n_args = code->n_args, .reg = reg, .p = {code->p[0], code->p[1]}};
    for (int j = 0; j < code->n_args; j++) {
      loop->code[i].arg[j] = code->arg[j];
      int from = -1 - code->arg[j];
      if (code->arg[j] < 0 && last[from] == i)
        busy[loop->code[from].reg] = false;
    }
  }
  loop->n_regs = n_regs + 1; /* one more to convert the result */
}

static float
value_at (const struct value *value, int64_t i)
{
  return value->dtype == DTYPE_BF16 ? bfloat_to_float (((const uint16_t *) value->data)[i])
                                    : ((const float *) value->data)[i];
}

/* buffer := operand over [start, start + n) of the domain, row by row. */
static void
load (const struct loop *loop, const struct operand *operand, int64_t start, int64_t n, float *buffer)
{
  const struct value *value = operand->value;
  if (operand->full) {
    loop->vk->from_bf16 (buffer, (const uint16_t *) value->data + start, n);
    return;
  }
  int inner = loop->rank - 1;
  int64_t step = operand->stride[inner];
  while (n > 0) {
    int64_t rest = start, at = 0;
    for (int a = inner; a >= 0; a--) {
      at += rest % loop->dim[a] * operand->stride[a];
      rest /= loop->dim[a];
    }
    int64_t run = MIN (n, loop->row - start % loop->row);
    if (step == 1 && value->dtype == DTYPE_F32)
      memcpy (buffer, (const float *) value->data + at, run * sizeof (float));
    else if (step == 1)
      loop->vk->from_bf16 (buffer, (const uint16_t *) value->data + at, run);
    else if (step == 0) {
      float v = value_at (value, at);
      for (int64_t i = 0; i < run; i++)
        buffer[i] = v;
    } else
      for (int64_t i = 0; i < run; i++)
        buffer[i] = value_at (value, at + i * step);
    buffer += run;
    start += run;
    n -= run;
  }
}

/* What a thread keeps between chunks: buffers, and for which chunk the repeating operands were expanded. */
struct worker {
  float *regs;
  int64_t outer, phase, length; /* of the last expansion; length 0 = none */
};

static float *
reg (const struct worker *worker, int i)
{
  return worker->regs + (int64_t) i * CHUNK;
}

static void
worker_begin (const struct loop *loop, struct worker *worker, float *regs)
{
  worker->regs = regs;
  worker->length = 0;
  for (int k = 0; k < loop->n_operands; k++) {
    const struct operand *operand = &loop->operand[k];
    if (!operand->scalar || operand->reg < 0)
      continue;
    float v = value_at (operand->value, 0), *buffer = reg (worker, operand->reg);
    for (int64_t i = 0; i < MIN (CHUNK, loop->size); i++)
      buffer[i] = v;
  }
}

/* Where the operands' elements [start, start + n) are, as floats; x and r of a scale_shift are left to it. */
static void
load_operands (const struct loop *loop, struct worker *worker, int64_t start, int64_t n, const float **source)
{
  const struct scale_shift *own = &loop->scale_shift;
  int64_t inner_size = loop->size / loop->outer;
  int64_t outer = start / inner_size, phase = start % loop->row;
  bool crosses = (start + n - 1) / inner_size != outer;
  bool fresh = crosses || worker->length < n || worker->outer != outer || worker->phase != phase;
  for (int k = 0; k < loop->n_operands; k++) {
    const struct operand *operand = &loop->operand[k];
    if (own->whole && (k == own->x || k == own->r))
      continue;
    if (operand->reg < 0) {
      source[k] = (const float *) operand->value->data + start;
      continue;
    }
    source[k] = reg (worker, operand->reg);
    if (!operand->scalar && (fresh || !operand->repeats))
      load (loop, operand, start, n, reg (worker, operand->reg));
  }
  if (fresh)
    *worker = (struct worker){worker->regs, outer, phase, crosses ? 0 : n};
}

/* Evaluates the program over [start, start + n); the result is in the returned buffer, which is @target when given
 * and the program is not empty. */
static const float *
evaluate (const struct loop *loop, struct worker *worker, int64_t start, int64_t n, float *target)
{
  const float *source[LOOP_OPERANDS_MAX];
  load_operands (loop, worker, start, n, source);
  const float *result = loop->n_operands ? source[0] : NULL;
  for (int i = 0; i < loop->n_code; i++) {
    const struct instruction *code = &loop->code[i];
    const float *args[3];
    for (int j = 0; j < code->n_args; j++)
      args[j] = code->arg[j] >= 0 ? source[code->arg[j]] : reg (worker, loop->code[-1 - code->arg[j]].reg);
    float *y = i == loop->n_code - 1 && target ? target : reg (worker, code->reg);
    code->fn (y, args, n, code->p);
    result = y;
  }
  return result;
}

static const void *
elements_at (const struct value *value, int64_t start)
{
  return (const char *) value->data + start * (value->dtype == DTYPE_BF16 ? 2 : 4);
}

/* The program over [start, start + n) into @target, of type @dtype. */
static void
evaluate_into (const struct loop *loop, struct worker *worker, int64_t start, int64_t n, void *target,
               enum dtype dtype)
{
  const struct scale_shift *own = &loop->scale_shift;
  if (own->whole) {
    const float *source[LOOP_OPERANDS_MAX];
    load_operands (loop, worker, start, n, source);
    loop->vk->scale_shift (target, elements_at (loop->operand[own->x].value, start), source[own->a], source[own->b],
                           own->r < 0 ? NULL : elements_at (loop->operand[own->r].value, start), n, own->flags);
    return;
  }
  float *y = dtype == DTYPE_BF16 ? NULL : target;
  const float *result = evaluate (loop, worker, start, n, y);
  if (!y)
    loop->vk->to_bf16 (target, result, n);
  else if (result != y)
    memcpy (y, result, n * sizeof (float));
}

/* Chunks never cross the outermost axis; the count is the same for every number of threads. */
static int64_t
chunks_per_outer (const struct loop *loop)
{
  int64_t inner = loop->size / loop->outer;
  return (inner + loop->chunk - 1) / loop->chunk;
}

static int
loop_threads (const struct loop *loop)
{
  return loop->size < PARALLEL_MIN ? 1 : cpu_threads ();
}

static void
run_map (const struct kernel *kernel, void *scratch, const struct run_context *context)
{
  const struct loop *loop = kernel->state;
  int64_t inner = loop->size / loop->outer, per = chunks_per_outer (loop), total = per * loop->outer;
#pragma omp parallel num_threads(loop_threads(loop)) if (loop->size >= PARALLEL_MIN)
  {
    struct worker worker;
    worker_begin (loop, &worker, (float *) scratch + (int64_t) omp_get_thread_num () * loop->n_regs * CHUNK);
#pragma omp for schedule(static)
    for (int64_t i = 0; i < total; i++) {
      int64_t start = i / per * inner + i % per * loop->chunk;
      int64_t n = MIN (loop->chunk, (i / per + 1) * inner - start);
      evaluate_into (loop, &worker, start, n, (void *) elements_at (kernel->y, start), kernel->y->dtype);
    }
  }
}

static void
store (const struct value *y, int64_t i, double v)
{
  if (y->dtype == DTYPE_BF16)
    ((uint16_t *) y->data)[i] = bfloat_from_float (v);
  else
    ((float *) y->data)[i] = v;
}

static void
fold (enum op_reduce reduce, double *acc, double v)
{
  if (reduce == REDUCE_SUM)
    *acc += v;
  else if (v > *acc || v != v)
    *acc = v;
}

static double
fold_chunk (const struct loop *loop, const float *x, int64_t n)
{
  return loop->reduce == REDUCE_SUM ? loop->vk->sum (x, n) : loop->vk->max (x, n);
}

static double
fold_start (const struct loop *loop)
{
  return loop->reduce == REDUCE_SUM ? 0.0 : -INFINITY;
}

static double *
partials (const struct loop *loop, void *scratch)
{
  return (double *) ((float *) scratch + (int64_t) cpu_threads () * loop->n_regs * CHUNK);
}

/* Partial results of a row of @length. */
static int64_t
row_split (int64_t length)
{
  return length >= SPLIT * CHUNK ? SPLIT : 1;
}

/* Everything to one number, or each contiguous row to one number. */
static void
run_reduce_rows (const struct kernel *kernel, void *scratch, const struct run_context *context)
{
  const struct loop *loop = kernel->state;
  int64_t rows = loop->y_size, length = loop->size / rows;
  int64_t split = row_split (length), part = (length + split - 1) / split;
  double *partial = partials (loop, scratch);
#pragma omp parallel num_threads(loop_threads(loop)) if (loop->size >= PARALLEL_MIN)
  {
    struct worker worker;
    worker_begin (loop, &worker, (float *) scratch + (int64_t) omp_get_thread_num () * loop->n_regs * CHUNK);
#pragma omp for schedule(static)
    for (int64_t i = 0; i < rows * split; i++) {
      double acc = fold_start (loop);
      int64_t begin = i / split * length + i % split * part, end = MIN (begin + part, (i / split + 1) * length);
      for (int64_t at = begin; at < end;) {
        int64_t n = MIN (end - at, CHUNK);
        fold (loop->reduce, &acc, fold_chunk (loop, evaluate (loop, &worker, at, n, NULL), n));
        at += n;
      }
      if (split == 1)
        store (kernel->y, i, acc);
      else
        partial[i] = acc;
    }
  }
  for (int64_t r = 0; split > 1 && r < rows; r++) {
    double acc = fold_start (loop);
    for (int64_t s = 0; s < split; s++)
      fold (loop->reduce, &acc, partial[r * split + s]);
    store (kernel->y, r, acc);
  }
}

/* Domain (outer, rows, row) to (outer, row): rows are added up, SPLIT partial rows for each outer index. */
static void
run_reduce_columns (const struct kernel *kernel, void *scratch, const struct run_context *context)
{
  const struct loop *loop = kernel->state;
  int64_t row = loop->row, outer = loop->y_size / row, rows = loop->size / loop->y_size;
  int64_t split = MIN (SPLIT, rows), part = (rows + split - 1) / split, step = MAX (1, CHUNK / row);
  double *partial = partials (loop, scratch);
#pragma omp parallel num_threads(loop_threads(loop)) if (loop->size >= PARALLEL_MIN)
  {
    struct worker worker;
    worker_begin (loop, &worker, (float *) scratch + (int64_t) omp_get_thread_num () * loop->n_regs * CHUNK);
    float *sum = reg (&worker, loop->n_regs - 1);
#pragma omp for schedule(static)
    for (int64_t i = 0; i < outer * split; i++) {
      double *acc = partial + i * row;
      for (int64_t c = 0; c < row; c++)
        acc[c] = fold_start (loop);
      int64_t end = MIN ((i % split + 1) * part, rows);
      for (int64_t r = i % split * part; r < end; r += step) {
        int64_t n = MIN (step, end - r);
        const float *x = evaluate (loop, &worker, (i / split * rows + r) * row, n * row, NULL);
        memcpy (sum, x, row * sizeof (float));
        for (int64_t k = 1; k < n; k++)
          (loop->reduce == REDUCE_SUM ? loop->vk->accumulate : loop->vk->accumulate_max) (sum, x + k * row, row);
        for (int64_t c = 0; c < row; c++)
          fold (loop->reduce, &acc[c], sum[c]);
      }
    }
  }
  for (int64_t o = 0; o < outer; o++)
    for (int64_t c = 0; c < row; c++) {
      double acc = fold_start (loop);
      for (int64_t s = 0; s < split; s++)
        fold (loop->reduce, &acc, partial[(o * split + s) * row + c]);
      store (kernel->y, o * row + c, acc);
    }
}

/* The same where a row is longer than half a chunk: each thread takes pieces of rows, a chunk wide, from the first to the last. */
static void
run_reduce_wide_columns (const struct kernel *kernel, void *scratch, const struct run_context *context)
{
  const struct loop *loop = kernel->state;
  int64_t row = loop->row, outer = loop->y_size / row, rows = loop->size / loop->y_size;
  int64_t pieces = (row + CHUNK - 1) / CHUNK;
  double *sums = partials (loop, scratch);
#pragma omp parallel num_threads(loop_threads(loop)) if (loop->size >= PARALLEL_MIN)
  {
    struct worker worker;
    worker_begin (loop, &worker, (float *) scratch + (int64_t) omp_get_thread_num () * loop->n_regs * CHUNK);
    double *acc = sums + (int64_t) omp_get_thread_num () * CHUNK;
#pragma omp for schedule(static)
    for (int64_t i = 0; i < outer * pieces; i++) {
      int64_t first = i % pieces * CHUNK, n = MIN (row - first, CHUNK);
      for (int64_t c = 0; c < n; c++)
        acc[c] = fold_start (loop);
      for (int64_t r = 0; r < rows; r++) {
        const float *x = evaluate (loop, &worker, (i / pieces * rows + r) * row + first, n, NULL);
        for (int64_t c = 0; c < n; c++)
          fold (loop->reduce, &acc[c], x[c]);
      }
      for (int64_t c = 0; c < n; c++)
        store (kernel->y, i / pieces * row + first + c, acc[c]);
    }
  }
}

/* Any other pattern of reduced axes, one element at a time. */
static void
run_reduce_any (const struct kernel *kernel, void *scratch, const struct run_context *context)
{
  const struct loop *loop = kernel->state;
  struct worker worker;
  double *acc = partials (loop, scratch);
  worker_begin (loop, &worker, scratch);
  for (int64_t i = 0; i < loop->y_size; i++)
    acc[i] = fold_start (loop);
  for (int64_t at = 0; at < loop->size;) {
    int64_t inner = loop->size / loop->outer, n = MIN (CHUNK, inner - at % inner);
    const float *x = evaluate (loop, &worker, at, n, NULL);
    for (int64_t i = 0; i < n; i++) {
      int64_t rest = at + i, to = 0;
      for (int a = loop->rank - 1; a >= 0; a--) {
        to += rest % loop->dim[a] * loop->y_stride[a];
        rest /= loop->dim[a];
      }
      fold (loop->reduce, &acc[to], x[i]);
    }
    at += n;
  }
  for (int64_t i = 0; i < loop->y_size; i++)
    store (kernel->y, i, acc[i]);
}

/* Which of the reductions fits the strides of the result. */
static void
choose_reduction (struct loop *loop, struct kernel *kernel)
{
  int inner = loop->rank - 1;
  bool rows = loop->y_stride[inner] == 0 && (loop->rank == 1 || (loop->rank == 2 && loop->y_stride[0] == 1));
  bool columns = loop->rank >= 2 && loop->rank <= 3 && loop->y_stride[inner] == 1 && loop->y_stride[inner - 1] == 0 &&
                 (loop->rank == 2 || loop->y_stride[0] == loop->row);
  if (loop->rank == 2 && rows)
    loop->outer = loop->dim[0];
  int64_t extra = 0, reduced = loop->size / loop->y_size;
  if (rows || loop->y_size == 1) {
    kernel->run = run_reduce_rows;
    extra = row_split (reduced) > 1 ? loop->y_size * SPLIT : 0;
  } else if (columns && loop->row <= CHUNK / 2) {
    kernel->run = run_reduce_columns;
    extra = loop->y_size * MIN (SPLIT, reduced);
  } else if (columns) {
    kernel->run = run_reduce_wide_columns;
    extra = (int64_t) cpu_threads () * CHUNK;
  } else {
    kernel->run = run_reduce_any;
    extra = loop->y_size;
  }
  kernel->scratch += extra * sizeof (double);
}

/* The operand that is the other one of instruction @code than the result of instruction @before; -1 when there is none. */
static int
other_operand (const struct loop_code *code, int before)
{
  int mine = -1 - before;
  if (code->n_args != 2 || (code->arg[0] == mine) == (code->arg[1] == mine))
    return -1;
  int other = code->arg[code->arg[0] == mine];
  return other >= 0 ? other : -1;
}

/* Finds mul, add [, relu] [, add [, relu]] over full operands of the result's type. */
static void
find_scale_shift (struct loop *loop, const struct loop_spec *spec, enum dtype dtype)
{
  const struct loop_code *code = spec->code;
  struct scale_shift found = {.r = -1, .flags = dtype == DTYPE_BF16 ? SCALE_SHIFT_BF16 : 0};
  int at = 2, last = spec->n_code - 1;
  if (spec->reduce || spec->n_code < 2 || code[0].op != VECTOR_MUL || code[1].op != VECTOR_ADD || code[0].arg[0] < 0 ||
      code[0].arg[1] < 0)
    return;
  bool first = loop->operand[code[0].arg[0]].full;
  found.x = code[0].arg[!first];
  found.a = code[0].arg[first];
  found.b = other_operand (&code[1], 0);
  if (at <= last && code[at].op == VECTOR_RELU && code[at].arg[0] == -at) {
    found.flags |= SCALE_SHIFT_RELU;
    at++;
  }
  if (at <= last && code[at].op == VECTOR_ADD) {
    found.r = other_operand (&code[at], at - 1);
    if (found.r < 0)
      return;
    at++;
    if (at <= last && code[at].op == VECTOR_RELU && code[at].arg[0] == -at) {
      found.flags |= SCALE_SHIFT_LAST_RELU;
      at++;
    }
  }
  if (at <= last || found.b < 0 || found.a == found.x || found.b == found.x)
    return;
  const struct operand *x = &loop->operand[found.x], *r = found.r < 0 ? x : &loop->operand[found.r];
  bool same = x->value->dtype == dtype && r->value->dtype == dtype;
  found.whole = same && x->full && r->full && found.r != found.a && found.r != found.b;
  loop->scale_shift = found;
}

bool
loop_prepare (struct kernel *kernel, const struct loop_spec *spec, GError **error)
{
  struct loop *loop = g_new0 (struct loop, 1);
  kernel->state = loop;
  kernel->free_state = g_free;
  loop->vk = vector_kernels ();
  loop->n_operands = spec->n_operands;
  loop->n_code = spec->n_code;
  loop->reduce = spec->reduce;
  loop->size = shape_size (&spec->domain);
  loop->y_size = shape_size (&kernel->y->shape);
  for (int k = 0; k < spec->n_operands; k++)
    loop->operand[k].value = kernel->x[k];
  merge_axes (loop, spec, kernel->x, kernel->y);
  loop->row = loop->dim[loop->rank - 1];
  loop->outer = loop->rank > 2 ? loop->dim[0] : 1;
  loop->chunk = loop->row <= CHUNK / 2 ? CHUNK / loop->row * loop->row : CHUNK;
  for (int k = 0; k < spec->n_operands; k++)
    classify (loop, &loop->operand[k]);
  assign_registers (loop, spec);
  find_scale_shift (loop, spec, kernel->y->dtype);
  kernel->scratch = (size_t) cpu_threads () * loop->n_regs * CHUNK * sizeof (float);
  kernel->run = run_map;
  kernel->implementation = spec->reduce ? "loop+reduce" : "loop";
  if (spec->reduce)
    choose_reduction (loop, kernel);
  return true;
}

/* Scratch: the worker, then its buffers. */
static void
source_begin (const void *state, void *scratch)
{
  const struct kernel *kernel = state;
  worker_begin (kernel->state, scratch, (float *) ((char *) scratch + 64));
}

static void
source_fill (const void *state, void *scratch, int64_t start, int64_t count, void *target)
{
  const struct kernel *kernel = state;
  const struct loop *loop = kernel->state;
  struct worker *worker = scratch;
  int64_t chunk = loop->chunk, inner = loop->size / loop->outer;
  char *to = target;
  for (int64_t at = start, end = start + count; at < end;) {
    int64_t n = MIN (MIN (chunk, end - at), inner - at % inner);
    evaluate_into (loop, worker, at, n, to, kernel->y->dtype);
    to += n * (kernel->y->dtype == DTYPE_BF16 ? 2 : 4);
    at += n;
  }
}

struct row_source
loop_source (const struct kernel *kernel)
{
  const struct loop *loop = kernel->state;
  G_STATIC_ASSERT (sizeof (struct worker) <= 64);
  return (struct row_source){.state = kernel,
                             .scratch = 64 + (size_t) loop->n_regs * CHUNK * sizeof (float),
                             .begin = source_begin,
                             .fill = source_fill};
}
