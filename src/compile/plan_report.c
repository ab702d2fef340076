/* SPDX-License-Identifier: Apache-2.0
 *
 * Plans in words: their steps, where the time goes, what runs on a reference kernel. */
#include <string.h>

#include "compile/plan_internal.h"
#include "device/cpu.h"
#include "op/table.h"

char **
plan_reference_steps (const struct plan *plan)
{
  GPtrArray *names = g_ptr_array_new ();
  for (guint i = 0; i < plan->steps->len; i++) {
    const struct step *step = plan->steps->pdata[i];
    if (step->reference)
      g_ptr_array_add (names, g_strdup_printf ("%s: %s", step->node->scope, step->node->op->name));
  }
  g_ptr_array_add (names, NULL);
  return (char **) g_ptr_array_free (names, FALSE);
}

static void
append_value (GString *text, const struct value *value)
{
  g_autofree char *shape = shape_text (&value->shape);
  g_string_append_printf (text, "%s%s%s", shape, value->layout == LAYOUT_LAST ? " nhwc" : "",
                          value->dtype == DTYPE_BF16 ? " bf16" : "");
}

static void
append_step (GString *text, const struct step *step)
{
  g_string_append_printf (text, "%-14s %-28s ", step->node ? step->node->op->name : "copy",
                          step->kernel.implementation ? step->kernel.implementation : "");
  for (int i = 0; i < step->kernel.n_inputs; i++) {
    g_string_append (text, i ? ", " : "");
    append_value (text, step->x[i]);
  }
  g_string_append (text, " -> ");
  append_value (text, step->kernel.y);
  if (step->node && *step->node->scope)
    g_string_append_printf (text, "  # %s", step->node->scope);
  g_string_append_c (text, '\n');
}

char *
plan_text (const struct plan *plan)
{
  GString *text = g_string_new (NULL);
  for (guint i = 0; i < plan->steps->len; i++)
    append_step (text, plan->steps->pdata[i]);
  g_string_append_printf (text, "%u steps, workspace %.1f MiB, scratch %.1f MiB, %.2f GFLOP\n", plan->steps->len,
                          plan->workspace_size / 1048576.0, plan->scratch_size / 1048576.0, plan_flops (plan) * 1e-9);
  return g_string_free (text, FALSE);
}

static int
by_seconds (gconstpointer a, gconstpointer b)
{
  const struct step *x = *(struct step *const *) a, *y = *(struct step *const *) b;
  return x->seconds < y->seconds ? 1 : x->seconds > y->seconds ? -1 : 0;
}

char *
plan_profile (struct plan *plan, int runs)
{
  struct run_context context = {0};
  struct cpu_scope scope = cpu_enter (plan->threads);
  for (guint i = 0; i < plan->steps->len; i++)
    ((struct step *) plan->steps->pdata[i])->seconds = 0;
  for (int run = -1; run < runs; run++) /* the first warms up */
    for (guint i = 0; i < plan->steps->len; i++) {
      struct step *step = plan->steps->pdata[i];
      int64_t start = g_get_monotonic_time ();
      step->kernel.run (&step->kernel, plan->scratch, &context);
      step->seconds += run < 0 ? 0 : (g_get_monotonic_time () - start) * 1e-6;
    }
  cpu_leave (scope);
  plan->profiled = runs;
  g_autoptr (GPtrArray) sorted = g_ptr_array_new ();
  double total = 0;
  for (guint i = 0; i < plan->steps->len; i++) {
    g_ptr_array_add (sorted, plan->steps->pdata[i]);
    total += ((struct step *) plan->steps->pdata[i])->seconds;
  }
  g_ptr_array_sort (sorted, by_seconds);
  GString *text = g_string_new (NULL);
  for (guint i = 0; i < sorted->len; i++) {
    const struct step *step = sorted->pdata[i];
    g_string_append_printf (text, "%8.3f ms %5.1f%% %6.0f GFLOP/s  ", step->seconds / runs * 1e3,
                            100 * step->seconds / total, step->flops * runs / MAX (step->seconds, 1e-9) * 1e-9);
    append_step (text, step);
  }
  g_string_append_printf (text, "%8.3f ms in all\n", total / runs * 1e3);
  return g_string_free (text, FALSE);
}

const char *const plan_kind_names[] = {"convolution", "matrix products", "normalisation", "padding", "resampling",
                                       "elementwise", "reductions",      "copies",        "other",   NULL};

static const struct {
  const struct op *op;
  enum plan_kind kind;
} kinds[] = {
  {&op_conv2d, PLAN_CONVOLUTION},
  {&op_conv2d_back_x, PLAN_CONVOLUTION},
  {&op_conv2d_back_w, PLAN_CONVOLUTION},
  {&op_matmul, PLAN_MATMUL},
  {&op_attention, PLAN_MATMUL},
  {&op_gram, PLAN_MATMUL},
  {&op_gram_back, PLAN_MATMUL},
  {&op_moments, PLAN_NORMALISATION},
  {&op_pad, PLAN_PADDING},
  {&op_pad_back, PLAN_PADDING},
  {&op_max_pool, PLAN_RESAMPLING},
  {&op_max_pool_back, PLAN_RESAMPLING},
  {&op_max_pool_take, PLAN_RESAMPLING},
  {&op_avg_pool, PLAN_RESAMPLING},
  {&op_avg_pool_back, PLAN_RESAMPLING},
  {&op_upsample_nearest, PLAN_RESAMPLING},
  {&op_upsample_nearest_back, PLAN_RESAMPLING},
  {&op_resize, PLAN_RESAMPLING},
  {&op_resize_back, PLAN_RESAMPLING},
  {&op_softmax, PLAN_REDUCTION},
  {&op_gather, PLAN_COPY},
  {&op_gather_back, PLAN_COPY},
  {&op_flip, PLAN_COPY},
  {&op_permute, PLAN_COPY},
  {&op_broadcast, PLAN_COPY},
  {&op_slice, PLAN_COPY},
  {&op_unslice, PLAN_COPY},
  {&op_concat, PLAN_COPY},
  {&op_depth_to_space, PLAN_COPY},
  {&op_space_to_depth, PLAN_COPY},
};

static bool
per_channel (const struct shape *shape, const struct shape *picture)
{
  return shape->rank == 4 && picture->rank == 4 && shape->dim[1] == picture->dim[1] && shape->dim[2] == 1 &&
         shape->dim[3] == 1 && picture->dim[2] * picture->dim[3] > 1;
}

/* Statistics of the channels of pictures, and what applies them (with the activation and residual fused into it), is
 * normalisation. */
static enum plan_kind
loop_kind (const struct step *step)
{
  const struct shape *y = &step->kernel.y->shape;
  if (step->node->op->reduce)
    return per_channel (y, &step->x[0]->shape) ? PLAN_NORMALISATION : PLAN_REDUCTION;
  for (int i = 0; i < step->kernel.n_inputs; i++)
    if (!step->slots[i]->external && per_channel (&step->x[i]->shape, y))
      return PLAN_NORMALISATION;
  return PLAN_ELEMENTWISE;
}

static enum plan_kind
step_kind (const struct step *step)
{
  if (!step->node)
    return PLAN_COPY;
  if (step->loop)
    return loop_kind (step);
  for (size_t i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (kinds[i].op == step->node->op)
      return kinds[i].kind;
  return PLAN_OTHER;
}

void
plan_parts (const struct plan *plan, struct plan_part parts[PLAN_KINDS])
{
  memset (parts, 0, PLAN_KINDS * sizeof *parts);
  for (guint i = 0; i < plan->steps->len; i++) {
    const struct step *step = plan->steps->pdata[i];
    struct plan_part *part = &parts[step_kind (step)];
    part->seconds += step->seconds / MAX (plan->profiled, 1);
    part->flops += step->flops;
  }
}
