/* SPDX-License-Identifier: Apache-2.0
 *
 * Fused elementwise loops. A loop evaluates a small program of elementwise ops over every element of a domain, in
 * chunks that stay in the first-level cache: intermediate values never reach memory, operands and result are read and
 * written once. Operands broadcast; their storage may be bfloat16; arithmetic is float32. A loop may end in a
 * reduction, with double partial sums over a fixed split of the domain, so that the result does not depend on the
 * number of threads. */
#pragma once

#include "device/cpu_band.h"
#include "device/kernel.h"
#include "graph/op.h"

#define LOOP_CODE_MAX 48
#define LOOP_OPERANDS_MAX 16

/* y = op(args): an argument k >= 0 is operand k, k < 0 is the result of instruction -1-k. */
struct loop_code {
  int op; /* enum vector_op */
  int n_args;
  int arg[3];
  float p[2];
};

struct loop_spec {
  struct shape domain;
  enum layout layout; /* order in which the domain is walked: that of the result, or of what is reduced */
  int n_operands;
  int n_code; /* may be 0: the result is operand 0 */
  struct loop_code code[LOOP_CODE_MAX];
  enum op_reduce reduce; /* then kernel->y is the reduced value, extents of 1 along the reduced axes */
};

/* Prepares kernel->x (the operands) and kernel->y; copies @spec. */
bool loop_prepare (struct kernel *kernel, const struct loop_spec *spec, GError **error);

/* The rows of an elementwise loop's result, for whoever wants them piece by piece instead of running @kernel, whose y
 * then needs no memory. @kernel must outlive it. */
struct row_source loop_source (const struct kernel *kernel);
