/* SPDX-License-Identifier: Apache-2.0
 *
 * Interpreter of fused loops. The domain's axes, in memory order, are merged where every operand allows it; what
 * remains is walked as rows (the innermost merged axis) in chunks of whole rows. Per chunk each instruction is one call
 * of a vector loop, so that interpretation costs a few nanoseconds per thousand elements. */
#include "compile/loop_internal.h"

#include <omp.h>
#include <string.h>

#include "device/cpu.h"

#define CHUNK LOOP_CHUNK
#define PARALLEL_MIN 16384

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

static float *
reg (const struct worker *worker, int i)
{
  return worker->regs + (int64_t) i * CHUNK;
}

float *
loop_spare (const struct loop *loop, const struct worker *worker)
{
  return reg (worker, loop->n_regs - 1);
}

void
loop_worker_begin (const struct loop *loop, struct worker *worker, float *regs)
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

const float *
loop_evaluate (const struct loop *loop, struct worker *worker, int64_t start, int64_t n, float *target)
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
evaluate_into (const struct loop *loop, struct worker *worker, int64_t start, int64_t n, void *target, enum dtype dtype)
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
  const float *result = loop_evaluate (loop, worker, start, n, y);
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

int
loop_threads (const struct loop *loop)
{
  return loop->size < PARALLEL_MIN ? 1 : cpu_threads ();
}

size_t
loop_scratch (const struct loop *loop, int threads)
{
  return (size_t) threads * loop->n_regs * CHUNK * sizeof (float);
}

float *
loop_registers (const struct loop *loop, void *scratch)
{
  return (float *) ((char *) scratch + loop_scratch (loop, omp_get_thread_num ()));
}

static void
run_map (const struct kernel *kernel, void *scratch, const struct run_context *context)
{
  const struct loop *loop = kernel->state;
  int64_t inner = loop->size / loop->outer, per = chunks_per_outer (loop), total = per * loop->outer;
#pragma omp parallel num_threads(loop_threads(loop)) if (loop_threads(loop) > 1)
  {
    struct worker worker;
    loop_worker_begin (loop, &worker, loop_registers (loop, scratch));
#pragma omp for schedule(static)
    for (int64_t i = 0; i < total; i++) {
      int64_t start = i / per * inner + i % per * loop->chunk;
      int64_t n = MIN (loop->chunk, (i / per + 1) * inner - start);
      evaluate_into (loop, &worker, start, n, (void *) elements_at (kernel->y, start), kernel->y->dtype);
    }
  }
}

/* The operand that is the other one of instruction @code than the result of instruction @before; -1 when there is
 * none. */
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
  kernel->scratch = loop_scratch (loop, cpu_threads ());
  kernel->run = run_map;
  kernel->implementation = spec->reduce ? "loop+reduce" : "loop";
  if (spec->reduce)
    loop_choose_reduction (loop, kernel);
  return true;
}

/* Scratch: the worker, then its buffers. */
static void
source_begin (const void *state, void *scratch)
{
  const struct kernel *kernel = state;
  loop_worker_begin (kernel->state, scratch, (float *) ((char *) scratch + 64));
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
  return (struct row_source){
    .state = kernel, .scratch = 64 + loop_scratch (loop, 1), .begin = source_begin, .fill = source_fill};
}
