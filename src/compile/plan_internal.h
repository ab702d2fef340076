/* SPDX-License-Identifier: Apache-2.0
 *
 * What a plan is made of, for the files that build, run and describe it. */
#pragma once

#include "compile/plan.h"
#include "compile/schedule.h"
#include "device/kernel.h"

#define NEVER (-1)

/* A value and where it is kept: its own span of the workspace, another slot's bytes, or memory from outside. */
struct slot {
  struct value value;
  struct slot *storage; /* follow to the end */
  bool external;
  int first, last; /* steps; of the storage */
  size_t offset;
  struct slot *converted[2][2]; /* by layout and bf16, memoised */
  const char *name;             /* of an input or output, whose tensor is made when all memory is known to fit */
  GHashTable *tensors;          /* and where that tensor is kept */
};

struct step {
  struct kernel kernel;
  const struct value **x;
  struct slot **slots; /* of x, then the bias when there is one, NULL-terminated */
  struct slot *y;
  const struct node *node;
  bool loop, reference;
  double flops, seconds;
};

struct plan {
  struct graph *graph; /* lowered */
  struct schedule *schedule;
  struct weights *weights;
  enum precision precision;
  int threads;
  GPtrArray *slots;
  struct slot **of_node;
  GPtrArray *steps;
  GHashTable *inputs, *outputs; /* name -> struct tensor */
  void *workspace, *scratch;
  size_t workspace_size, scratch_size, boundary_size;
};
