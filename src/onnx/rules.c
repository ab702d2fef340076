/* SPDX-License-Identifier: Apache-2.0
 *
 * The index of what can be imported: the families of rules, the families of the evaluator. */
#include "onnx/evaluate.h"
#include "onnx/rule.h"
#include "onnx/rules.h"

static const struct onnx_rule *const rules[] = {
  onnx_rules_conv, onnx_rules_elementwise, onnx_rules_index,  onnx_rules_matmul, onnx_rules_norm,  onnx_rules_pad,
  onnx_rules_pool, onnx_rules_quantize,    onnx_rules_reduce, onnx_rules_resize, onnx_rules_shape, onnx_rules_slice,
};

static const struct onnx_rule *const evaluations[] = {
  onnx_evaluations_elementwise,
  onnx_evaluations_index,
  onnx_evaluations_quantize,
};

static const struct onnx_rule *
find (const struct onnx_rule *const *families, size_t n, const char *op)
{
  for (size_t i = 0; i < n; i++)
    for (const struct onnx_rule *rule = families[i]; rule->op; rule++)
      if (g_str_equal (rule->op, op))
        return rule;
  return NULL;
}

const struct onnx_rule *
onnx_rule_find (const char *op)
{
  return find (rules, G_N_ELEMENTS (rules), op);
}

const struct onnx_rule *
onnx_evaluation_find (const char *op)
{
  return find (evaluations, G_N_ELEMENTS (evaluations), op);
}
