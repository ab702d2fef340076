/* SPDX-License-Identifier: Apache-2.0
 *
 * What tests of ONNX export go through: every case of every op that has a form in ONNX, and whole networks, each with
 * the values of its inputs and of its weights. Used by test_export.c, which asks our own importer, and by
 * write_cases.c, which leaves files for another runtime. */
#pragma once

#include "compile/plan.h"
#include "graph/op.h"

struct export_case {
  char *name;
  struct graph *graph; /* what is exported */
  struct graph *other; /* the same at another size, or NULL */
  struct graph *run;   /* what its values are told at: a third size, or `graph` itself */
  struct weights *weights;
  double tolerance, low, high; /* relative to the largest value; of the inputs */
  bool is_op;                  /* an op alone: may have no form in ONNX */
};

/* (element-type struct export_case) */
GPtrArray *export_cases (void);

/* The value of an input, a function of case, name and shape; and of the outputs, computed in double for ops and by a
 * plan for networks. New tensors. */
struct tensor *export_case_input (const struct export_case *c, const struct node *input);
struct tensor *export_case_output (const struct export_case *c, const char *name);
