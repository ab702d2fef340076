/* SPDX-License-Identifier: Apache-2.0
 *
 * What depends on constants only is computed once, when the plan is made: weights that a model transposes, the product
 * of a weight and the scale of a normalisation behind it. The steps are kept for plan_refresh. A result much larger
 * than what it is computed from stays a step: memory is the dearer thing there. */
#include <stdlib.h>

#include "compile/plan_internal.h"
#include "impasto/error.h"

#define SMALL 65536 /* bytes that are no matter */
#define GROWTH 4

static bool
is_known (const struct value *value)
{
  return value->constant && value->data != NULL;
}

static bool
can_fold (const struct step *step)
{
  size_t size = 0, result = value_bytes (&step->y->value);
  if (step->band || step->y->external || slot_root (step->y) != step->y || step->kernel.n_inputs == 0 ||
      (step->node && (step->node->op->flags & OP_RANDOM)) || (step->kernel.bias && !is_known (step->kernel.bias)))
    return false;
  for (int i = 0; i < step->kernel.n_inputs; i++) {
    if (!is_known (step->x[i]))
      return false;
    size += value_bytes (step->x[i]);
  }
  return result <= SMALL || result / GROWTH <= size;
}

static bool
run_once (const struct step *step, GError **error)
{
  struct run_context context = {0};
  void *scratch = step->kernel.scratch > 0 ? aligned_alloc (64, (step->kernel.scratch + 63) / 64 * 64) : NULL;
  if (step->kernel.scratch > 0 && !scratch) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "out of memory: %.1f MiB to prepare weights",
                 step->kernel.scratch / 1048576.0);
    return false;
  }
  step->kernel.run (&step->kernel, scratch, &context);
  free (scratch);
  return true;
}

bool
plan_fold_last (struct plan *plan, GError **error)
{
  struct step *step = plan->steps->len > 0 ? plan->steps->pdata[plan->steps->len - 1] : NULL;
  if (!step || !can_fold (step))
    return true;
  struct tensor *result = tensor_new (step->y->value.shape, step->y->value.dtype, error);
  if (!result)
    return false;
  g_ptr_array_add (plan->constants, result);
  g_ptr_array_add (plan->folded, g_ptr_array_steal_index (plan->steps, plan->steps->len - 1));
  plan->constant_size += result->size;
  step->y->external = true;
  step->y->value.constant = true;
  step->y->value.data = result->data;
  return run_once (step, error);
}

bool
plan_fold_again (struct plan *plan, GError **error)
{
  for (guint i = 0; i < plan->folded->len; i++) {
    struct step *step = plan->folded->pdata[i];
    if (!step_prepare_again (step, error) || !run_once (step, error))
      return false;
  }
  return true;
}
