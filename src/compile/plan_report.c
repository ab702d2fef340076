/* SPDX-License-Identifier: Apache-2.0
 *
 * Plans in words: their steps, where the time goes, what runs on a reference kernel. */
#include "compile/plan_internal.h"
#include "device/cpu.h"

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
