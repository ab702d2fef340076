/* SPDX-License-Identifier: Apache-2.0
 *
 * A prepared loop, and what evaluating one takes: loop.c evaluates it for results as they are, loop_reduce.c for
 * reductions. A worker belongs to one thread; anybody may read a loop. */
#pragma once

#include "compile/loop.h"
#include "device/vector.h"

#define LOOP_CHUNK 2048 /* floats: eight registers of it fit a 64 KiB cache */

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

/* What a thread keeps between chunks: buffers, and for which chunk the repeating operands were expanded. */
struct worker {
  float *regs;
  int64_t outer, phase, length; /* of the last expansion; length 0 = none */
};

/* @regs is loop_scratch (loop, 1) bytes. */
void loop_worker_begin (const struct loop *loop, struct worker *worker, float *regs);

/* A register beside those that loop_evaluate uses, LOOP_CHUNK floats. */
float *loop_spare (const struct loop *loop, const struct worker *worker);

/* Evaluates the program over [start, start + n), at most LOOP_CHUNK elements; the result is in the returned buffer,
 * which is @target when given and the program is not empty. */
const float *loop_evaluate (const struct loop *loop, struct worker *worker, int64_t start, int64_t n, float *target);

/* Threads that are worth it, and the bytes of the registers of so many. */
int loop_threads (const struct loop *loop);
size_t loop_scratch (const struct loop *loop, int threads);

/* The registers of the calling thread of a team. */
float *loop_registers (const struct loop *loop, void *scratch);

/* Sets kernel->run to the reduction that fits the strides of the result, and adds to kernel->scratch what it takes;
 * rows are then walked by loop->outer. */
void loop_choose_reduction (struct loop *loop, struct kernel *kernel);
