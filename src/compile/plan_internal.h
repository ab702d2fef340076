/* SPDX-License-Identifier: Apache-2.0
 *
 * What a plan is made of, for the files that build, run and describe it. */
#pragma once

#include "compile/plan.h"
#include "compile/schedule.h"
#include "device/cpu_band.h"
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

/* What a convolution in bands (plan_band.c) has besides its kernel. */
struct band_step {
  struct band band;
  int64_t *shown;                 /* its tables of rows and columns */
  struct kernel maker;            /* computes the rows, when source.state is set: a loop, or a 1x1 convolution */
  const struct node *convolution; /* the latter's node, or NULL */
  struct row_source source;
  const struct value **operands; /* of the maker */
};

struct step {
  struct kernel kernel;
  const struct value **x;
  struct slot **slots;    /* of x, then the bias when there is one, NULL-terminated */
  struct band_step *band; /* or NULL */
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
  GPtrArray *folded, *constants; /* steps that ran when the plan was made, and the tensors of their results */
  GHashTable *inputs, *outputs;  /* name -> struct tensor */
  void *workspace, *scratch;
  size_t workspace_size, scratch_size, boundary_size, constant_size;
  double flops; /* of the graph as it was given, whatever the steps make of it */
  int profiled; /* runs of the last profile */
};

/* plan_steps.c */
struct loop_spec;
bool plan_add_steps (struct plan *plan, GError **error);
void step_free (gpointer step);

/* Where a slot's bytes are. */
struct slot *slot_root (struct slot *slot);
struct slot *slot_new (struct plan *plan, struct shape shape, enum layout layout, enum dtype dtype);
/* @step reads or writes it. */
void slot_touch (struct slot *slot, int step);
/* The same value in @layout and @dtype; a copy step is added the first time it is asked for. */
struct slot *slot_converted (struct plan *plan, struct slot *slot, enum layout layout, enum dtype dtype);
/* Appends a step reading @n slots and, with an epilogue, @bias; its kernel is not prepared yet. */
struct step *step_add (struct plan *plan, const struct node *node, struct slot **x, int n, struct slot *bias,
                       struct slot *y);
/* It ends in what @node, an elementwise op with parameters, does. */
void kernel_set_activation (struct kernel *kernel, enum activation activation, const struct node *node);
/* Collects the program of a loop: instructions of inlined nodes first. Returns the argument that stands for @id. */
int plan_collect_loop (struct plan *plan, int id, bool is_root, struct loop_spec *spec, struct slot **x,
                       GHashTable *seen);

/* Prepares the kernel once more when it has laid out constants. */
bool step_prepare_again (struct step *step, GError **error);

/* plan_fold.c: runs the last step now and takes it away when all that it reads is constant; all of those again. */
bool plan_fold_last (struct plan *plan, GError **error);
bool plan_fold_again (struct plan *plan, GError **error);

/* plan_band.c: the step of a convolution that is scheduled in bands; preparing its kernel, also once more. */
bool plan_add_band (struct plan *plan, int id, GError **error);
bool step_prepare_band (struct step *step, GError **error);
