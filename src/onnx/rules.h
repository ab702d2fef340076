/* SPDX-License-Identifier: Apache-2.0
 *
 * The tables of import rules and evaluations, one a family and file (rules_<family>.c, evaluate_<family>.c); rules.c
 * lists them. Each ends with a NULL op. */
#pragma once

#include "onnx/rule.h"

extern const struct onnx_rule onnx_rules_conv[], onnx_rules_elementwise[], onnx_rules_index[], onnx_rules_matmul[],
  onnx_rules_norm[], onnx_rules_pad[], onnx_rules_pool[], onnx_rules_quantize[], onnx_rules_reduce[],
  onnx_rules_resize[], onnx_rules_shape[], onnx_rules_slice[];

extern const struct onnx_rule onnx_evaluations_elementwise[], onnx_evaluations_index[], onnx_evaluations_quantize[];
