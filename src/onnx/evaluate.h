/* SPDX-License-Identifier: Apache-2.0
 *
 * The evaluator: nodes whose inputs are all constants become constants. This is where the shape arithmetic of exporters
 * goes: Shape, Gather, Concat, Cast, Range ... Its rows are rules like those of rule.h, which read onnx_node_input
 * (node, i)->constant and set constants. Whole numbers are computed in int64_t, floats in double and rounded once. */
#pragma once

#include "onnx/rule.h"

/* The row for an op of the standard domain, or NULL. */
const struct onnx_rule *onnx_evaluation_find (const char *op);

/* A new constant, counted against what one import may make. */
struct onnx_constant *onnx_node_new_constant (struct onnx_node *node, enum onnx_type type, struct shape shape,
                                              GError **error);

/* Sets output i and gives the reference away; false when @value is NULL. */
bool onnx_node_give (struct onnx_node *node, int i, struct onnx_constant *value);

/* The constant of an input, NULL when absent. */
struct onnx_constant *onnx_node_constant (const struct onnx_node *node, int i);
