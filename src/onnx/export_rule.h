/* SPDX-License-Identifier: Apache-2.0
 *
 * The contract of an export rule: how one op of ours, or a composition that ends in it, is written as ONNX nodes. A
 * rule is a row in the table of its family, export_<family>.c; of several for one op the first that matches is taken.
 * An op without a rule cannot be exported. Most rows are one line: {&op_relu, "Relu"}.
 *
 * A rule sees the graph at two sizes (export.h) that agree node by node. It reads attributes through the functions
 * below, which report one that differs: what is written must hold at every size. Mistakes are sticky, as in graph
 * building: the first stays in the exporter, names of values are then NULL, and writing goes on to no avail. */
#pragma once

#include "onnx/export.h"
#include "onnx/write.h"
#include "op/sym.h"
#include "op/table.h"

#define EXPORT_OPERANDS_MAX 4

struct exporter;

struct export_rule {
  const struct op *op;
  const char *to; /* one node of this type over the same inputs, when there is no `write` */

  /* The name of the value that node @id computes. @operand: as `match` gave them, or the node's inputs. */
  const char *(*write) (struct exporter *exporter, int id, const int *operand);

  /* Recognises a composition that ends in @id: fills in what it is computed from, and says how many those are; 0 = it
   * is something else. NULL: matches always. */
  int (*match) (const struct exporter *exporter, int id, int *operand);
};

/* Tables, ended by a NULL op; earlier ones come first. */
extern const struct export_rule export_patterns[], export_elementwise[], export_shapes[], export_spatial[];

struct exporter {
  struct graph *graph, *other; /* at two sizes; the same when the size is fixed */
  struct weights *weights;
  const struct onnx_export_options *options;
  struct onnx_writer *writer;
  int opset;
  const char **value;              /* by node id: its name in the model once written, else NULL */
  bool *known;                     /* by node id: depends on no input */
  int *users;                      /* by node id: nodes and results that read it */
  struct tensor **tensor;          /* by node id: the value of what is known and needed */
  const struct export_rule **rule; /* by node id: of what is needed and not known */
  int (*operand)[EXPORT_OPERANDS_MAX];
  GError *error; /* the first mistake */
};

/* The first mistake is kept, as "SCOPE: OP: MESSAGE"; NULL, so that a rule can return it. */
const char *export_fail (struct exporter *exporter, int id, const char *format, ...) G_GNUC_PRINTF (3, 4);

/* Nodes and shapes of the graph; input @i of node @id. */
const struct node *export_at (const struct exporter *exporter, int id);
int export_input (const struct exporter *exporter, int id, int i);
bool export_is (const struct exporter *exporter, int id, const struct op *op);
const struct shape *export_shape (const struct exporter *exporter, int id);

/* The extent of an axis at the two sizes, and whether it is the same. */
int64_t export_extent (const struct exporter *exporter, int id, int axis, bool other);
bool export_fixed (const struct exporter *exporter, int id, int axis);

/* Attributes by the name in the op's table, at the first size; one that differs at the other is a mistake. */
int64_t export_int (struct exporter *exporter, int id, const char *name);
double export_float (struct exporter *exporter, int id, const char *name);
void export_ints (struct exporter *exporter, int id, const char *name, int64_t *values, int n);

bool export_flag (const struct exporter *exporter, int id, const char *name);  /* which no size changes */
int export_choice (const struct exporter *exporter, int id, const char *name); /* likewise */

/* The same of either size, to be compared by the rule. */
int64_t export_int_of (const struct exporter *exporter, int id, const char *name, bool other);
double export_float_of (const struct exporter *exporter, int id, const char *name, bool other);
void export_ints_of (const struct exporter *exporter, int id, const char *name, bool other, int64_t *values, int n);

/* The name of an operand's value. What is known is written as an initialiser, under its own shape or as @shape. */
const char *export_value (struct exporter *exporter, int id);
const char *export_known (struct exporter *exporter, int id, struct shape shape);

/* Nodes, named after the scope of @id. Attributes are those of write.h. */
const char *export_node (struct exporter *exporter, int id, const char *op, const char *const *inputs);
const char *export_node_1 (struct exporter *exporter, int id, const char *op, const char *x);
const char *export_node_2 (struct exporter *exporter, int id, const char *op, const char *a, const char *b);
const char *export_node_3 (struct exporter *exporter, int id, const char *op, const char *a, const char *b,
                           const char *c);

/* A reduction over the axes of a bit mask. */
const char *export_reduce (struct exporter *exporter, int id, const char *op, const char *x, unsigned axes);

/* export_spatial.c: a convolution whose result node @id adds a bias to: operands x, weight, bias. */
const char *export_conv_bias (struct exporter *exporter, int id, const int *operand);

/* Positions -@before .. n + @after - 1 of an axis of @n, looked up in @x. */
enum export_mirror { MIRROR_REFLECT, MIRROR_SYMMETRIC, MIRROR_CIRCULAR };
const char *export_mirrored (struct exporter *exporter, int id, const char *x, int axis, int64_t n,
                             enum export_mirror mirror, int64_t before, int64_t after);

/* export_frame.c: the same for an axis whose extent is known at run time (@n = 0 above comes here); and the frame. */
const char *export_mirrored_dynamic (struct exporter *exporter, const char *x, int axis, enum export_mirror mirror,
                                     int64_t before, int64_t after, int64_t multiple);
const char *export_frame_in (struct exporter *exporter, const char *x, const char **photo); /* as (n, c, h, w) */
const char *export_frame_out (struct exporter *exporter, const char *x, const char *photo);
