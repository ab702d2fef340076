/* SPDX-License-Identifier: Apache-2.0
 *
 * The contract of an import rule: how one kind of ONNX node becomes graph. A rule is a row {"Relu", build} in the table
 * of its family; each family is a file, rules_<family>.c, and the tables are listed in rules.c. A rule sees one node
 * with its attributes and inputs, adds graph nodes with the builders of op/sym.h, and sets the outputs:
 *
 *     static bool
 *     build_leaky_relu (struct onnx_node *node, GError **error)
 *     {
 *       onnx_node_set (node, 0, sym_leaky_relu (onnx_node_sym (node, 0), onnx_node_float (node, "alpha", 0.01)));
 *       return true;
 *     }
 *
 * Every value of a model is, during an import, absent, a constant, or a run-time value of known shape (a sym). A node
 * whose inputs are all constants goes to the evaluator (evaluate.h) when that knows its op, so a rule is mostly called
 * with at least one run-time input; the others may be either: onnx_node_sym makes a constant into a parameter or
 * scalar, onnx_node_input_ints reads one. Run-time values are float32 whatever the model declares: the declared type is
 * remembered in @type, whole numbers and booleans (1 or 0) are held as floats.
 *
 * What need not be checked by a rule: the number of inputs and outputs that its row states, null syms, mistakes of
 * graph builders (sticky: the importer reports them with the node's name), attributes of a wrong type (likewise).
 * Differences between opsets are decided inside a rule, by onnx_node_opset. */
#pragma once

#include "graph/graph.h"
#include "onnx/constant.h"
#include "tensor/weights.h"

#define ONNX_OUTPUTS_MAX 64

struct onnx_value {
  const char *name;
  enum onnx_type type;            /* as the model declares or implies it */
  struct onnx_constant *constant; /* when known at import, else NULL */
  sym sym;                        /* when not: the run-time value */
  struct shape shape;             /* of either; only a constant's extents may be 0 */
};

struct onnx_node;

struct onnx_rule {
  const char *op;
  bool (*build) (struct onnx_node *node, GError **error);
  int min_inputs; /* the first so many must be there: neither left out nor "" */
};

/* The rule for an op of the standard domain, or NULL (rules.c). Tables end with a NULL op. */
const struct onnx_rule *onnx_rule_find (const char *op);

/* The node */
const char *onnx_node_op (const struct onnx_node *node);
int onnx_node_opset (const struct onnx_node *node);
struct graph *onnx_node_graph (const struct onnx_node *node);

/* Returns false with "node 'conv1' (Conv): MESSAGE" (IMPASTO_ERROR_MODEL): `return onnx_node_fail (...)`. */
bool onnx_node_fail (const struct onnx_node *node, GError **error, const char *format, ...) G_GNUC_PRINTF (3, 4);

/* Attributes. Absent ones give the fallback, or NULL and n = 0. Of another type than asked for: the fallback too, and
 * the import fails with that message after the rule. Borrowed: valid while the rule runs. */
bool onnx_node_has (const struct onnx_node *node, const char *name);
int64_t onnx_node_int (struct onnx_node *node, const char *name, int64_t fallback);
double onnx_node_float (struct onnx_node *node, const char *name, double fallback);
const char *onnx_node_string (struct onnx_node *node, const char *name, const char *fallback);
const int64_t *onnx_node_ints (struct onnx_node *node, const char *name, int *n);
const float *onnx_node_floats (struct onnx_node *node, const char *name, int *n);
struct onnx_constant *onnx_node_tensor (struct onnx_node *node, const char *name); /* NULL when absent */

/* Inputs: how many are listed (trailing ones may be missing), and each; NULL when absent or "". */
int onnx_node_input_count (const struct onnx_node *node);
const struct onnx_value *onnx_node_input (const struct onnx_node *node, int i);

/* An input as a value of the graph: a run-time value itself, a constant of one element as a scalar constant (in its
 * shape), a larger one as a parameter. A null sym when absent (or empty: that is a mistake, reported as above). */
sym onnx_node_sym (struct onnx_node *node, int i);

/* The shape of an input; a scalar when absent. */
struct shape onnx_node_shape (const struct onnx_node *node, int i);

/* The elements of a constant input as whole numbers or as floats: shapes, axes, pads, scales. *@value is owned by the
 * node; n = 0 and NULL when the input is absent. False when it is known at run time only. */
bool onnx_node_input_ints (struct onnx_node *node, int i, const int64_t **value, int *n, GError **error);
bool onnx_node_input_floats (struct onnx_node *node, int i, const double **value, int *n, GError **error);

/* @axis counted from the end when negative, checked against @rank: into *@out. */
bool onnx_node_axis (const struct onnx_node *node, int64_t axis, int rank, int *out, GError **error);

/* A new parameter of the graph with these values, for what a rule computes from constants (a folded normalisation).
 * @name is made unique; takes a reference. */
sym onnx_node_parameter (struct onnx_node *node, const char *name, struct tensor *values);

/* The value of a parameter or constant of the graph being built, borrowed; NULL for anything else. */
struct tensor *onnx_node_known (const struct onnx_node *node, sym s);

/* Outputs: how many are listed, and whether output i has a name (optional ones may be skipped). */
int onnx_node_output_count (const struct onnx_node *node);
bool onnx_node_wants (const struct onnx_node *node, int i);

/* Sets output i. Its type is that of input 0 unless given. Setting an output that has no name does nothing. */
void onnx_node_set (struct onnx_node *node, int i, sym value);
void onnx_node_set_typed (struct onnx_node *node, int i, sym value, enum onnx_type type);
void onnx_node_set_constant (struct onnx_node *node, int i, struct onnx_constant *value); /* takes a reference */
