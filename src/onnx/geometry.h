/* SPDX-License-Identifier: Apache-2.0
 *
 * What rules of shapes and reductions share: reading axes, and giving a constant or run-time result as the data is. */
#pragma once

#include "onnx/evaluate.h"

/* The axes of attribute @name or of input @input (whichever the opset has; -1: never an input) as a bit mask over
 * @rank. *@given tells whether any list was there. An axis named twice or beyond the rank is an error. */
bool onnx_node_axes (struct onnx_node *node, const char *name, int input, int rank, unsigned *axes, bool *given,
                     GError **error);

/* Sets output 0 to the data of input 0, constant or not, under another shape of as many elements. */
bool onnx_node_set_reshaped (struct onnx_node *node, struct shape shape, GError **error);

/* A window on a constant: element (i, j, ...) of the result is from[offset + i stride[0] + j stride[1] ...]. */
struct onnx_constant *onnx_constant_view (struct onnx_node *node, const struct onnx_constant *from, struct shape shape,
                                          int64_t offset, const int64_t *stride, GError **error);

/* Row-major strides of a shape. */
void onnx_strides (const struct shape *shape, int64_t *stride);

/* shuffle.c: @permuted reshaped to @to, when it is one half of a pixel shuffle or its inverse; otherwise a null sym. */
sym onnx_shuffle (sym permuted, struct shape to);
