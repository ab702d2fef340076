/* SPDX-License-Identifier: Apache-2.0
 *
 * Plans: a lowered and scheduled graph becomes a list of steps, each one prepared kernel, over values in one workspace.
 * Compiling goes lower -> schedule -> steps (with conversions where a kernel wants another layout or type) -> in-place
 * reuse -> packing of lifetimes -> binding of addresses. */
#include "compile/plan_internal.h"

#include <string.h>
#include <sys/mman.h>

#include "compile/loop.h"
#include "compile/lower.h"
#include "compile/memory.h"
#include "device/cpu.h"
#include "device/vector.h"
#include "impasto/error.h"

const char *const precision_names[] = {"auto", "f32", "bf16", NULL};

enum precision
precision_settle (enum precision precision)
{
  if (precision != PRECISION_AUTO)
    return precision;
  return cpu_has_bf16 () ? PRECISION_BF16 : PRECISION_F32;
}

static bool
bind_memory (struct plan *plan, const struct plan_options *options, GError **error)
{
  g_autofree struct span *spans = g_new0 (struct span, plan->slots->len + 1);
  g_autofree struct slot **owner = g_new0 (struct slot *, plan->slots->len + 1);
  int n = 0;
  for (guint i = 0; i < plan->slots->len; i++) {
    struct slot *slot = plan->slots->pdata[i];
    if (slot_root (slot) != slot || slot->external || slot->first == NEVER)
      continue;
    owner[n] = slot;
    spans[n++] = (struct span){.first = slot->first, .last = slot->last, .size = value_bytes (&slot->value)};
  }
  plan->workspace_size = memory_pack (spans, n);
  for (guint i = 0; i < plan->steps->len; i++)
    plan->scratch_size = MAX (plan->scratch_size, ((struct step *) plan->steps->pdata[i])->kernel.scratch);
  for (guint i = 0; i < plan->slots->len; i++) {
    struct slot *slot = plan->slots->pdata[i];
    plan->boundary_size += slot->tensors ? value_bytes (&slot->value) : 0;
  }
  size_t total = plan->workspace_size + plan->scratch_size + 128;
  uint64_t needed = plan_memory (plan), limit = options->memory_limit;
  if (options->needed)
    *options->needed = needed;
  if (limit && needed > limit) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "needs %.0f MiB of memory, %.0f MiB are allowed",
                 needed / 1048576.0, limit / 1048576.0);
    return false;
  }
  for (guint i = 0; i < plan->slots->len; i++) {
    struct slot *slot = plan->slots->pdata[i];
    struct tensor *tensor = slot->tensors ? tensor_new (slot->value.shape, DTYPE_F32, error) : NULL;
    if (slot->tensors && !tensor)
      return false;
    if (tensor) {
      slot->value.data = tensor->data;
      g_hash_table_replace (slot->tensors, (gpointer) slot->name, tensor);
    }
  }
  plan->workspace = mmap (NULL, total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (plan->workspace == MAP_FAILED) {
    plan->workspace = NULL;
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "needs %.0f MiB of memory, which cannot be had",
                 total / 1048576.0);
    return false;
  }
  madvise (plan->workspace, total, MADV_HUGEPAGE);
  plan->scratch = (char *) plan->workspace + (plan->workspace_size + 63) / 64 * 64;
  for (int i = 0; i < n; i++)
    owner[i]->value.data = (char *) plan->workspace + spans[i].offset;
  for (guint i = 0; i < plan->slots->len; i++) {
    struct slot *slot = plan->slots->pdata[i];
    slot->value.data = slot_root (slot)->value.data;
  }
  return true;
}

static bool
compile_steps (struct plan *plan, struct graph *graph, const struct plan_options *options, GError **error)
{
  plan->graph = graph_lower (graph, error);
  if (!plan->graph)
    return false;
  for (int id = 0; id < graph_count (plan->graph); id++)
    plan->flops += graph_node_flops (plan->graph, id);
  plan->schedule = schedule_new (plan->graph, plan->precision);
  plan->of_node = g_new0 (struct slot *, plan->schedule->count + 1);
  return plan_add_steps (plan, error) && bind_memory (plan, options, error);
}

struct plan *
plan_compile (struct graph *graph, struct weights *weights, const struct plan_options *options, GError **error)
{
  static const struct plan_options defaults = {0};
  options = options ? options : &defaults;
  g_autoptr (plan) plan = g_new0 (struct plan, 1);
  plan->slots = g_ptr_array_new_with_free_func (g_free);
  plan->steps = g_ptr_array_new_with_free_func (step_free);
  plan->folded = g_ptr_array_new_with_free_func (step_free);
  plan->constants = g_ptr_array_new_with_free_func ((GDestroyNotify) tensor_unref);
  plan->inputs = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify) tensor_unref);
  plan->outputs = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify) tensor_unref);
  plan->weights = weights ? weights_ref (weights) : weights_new ();
  plan->precision = precision_settle (options->precision);
  struct cpu_scope scope = cpu_enter (options->threads);
  plan->threads = cpu_threads ();
  bool ok = compile_steps (plan, graph, options, error);
  cpu_leave (scope);
  return ok ? g_steal_pointer (&plan) : NULL;
}

void
plan_free (struct plan *plan)
{
  if (!plan)
    return;
  g_ptr_array_unref (plan->steps);
  g_ptr_array_unref (plan->folded);
  g_ptr_array_unref (plan->constants);
  g_ptr_array_unref (plan->slots);
  g_hash_table_unref (plan->inputs);
  g_hash_table_unref (plan->outputs);
  if (plan->workspace)
    munmap (plan->workspace, plan->workspace_size + plan->scratch_size + 128);
  schedule_free (plan->schedule);
  graph_free (plan->graph);
  weights_unref (plan->weights);
  g_free (plan->of_node);
  g_free (plan);
}

struct tensor *
plan_input (struct plan *plan, const char *name)
{
  return g_hash_table_lookup (plan->inputs, name);
}

struct tensor *
plan_output (struct plan *plan, const char *name)
{
  return g_hash_table_lookup (plan->outputs, name);
}

void
plan_run (struct plan *plan, uint64_t seed, uint64_t step)
{
  struct run_context context = {.seed = seed, .step = step};
  struct cpu_scope scope = cpu_enter (plan->threads);
  for (guint i = 0; i < plan->steps->len; i++) {
    const struct kernel *kernel = &((struct step *) plan->steps->pdata[i])->kernel;
    kernel->run (kernel, plan->scratch, &context);
  }
  cpu_leave (scope);
}

bool
step_prepare_again (struct step *step, GError **error)
{
  bool constant = false;
  for (int k = 0; k < step->kernel.n_inputs; k++)
    constant |= step->x[k]->constant;
  if (!constant || step->loop || !step->node || !step->node->op->prepare)
    return true;
  kernel_clear (&step->kernel);
  return step->band ? step_prepare_band (step, error) : step->node->op->prepare (&step->kernel, error);
}

bool
plan_refresh (struct plan *plan, GError **error)
{
  struct cpu_scope scope = cpu_enter (plan->threads);
  bool ok = plan_fold_again (plan, error);
  for (guint i = 0; ok && i < plan->steps->len; i++)
    ok = step_prepare_again (plan->steps->pdata[i], error);
  cpu_leave (scope);
  return ok;
}

void
plan_release (struct plan *plan)
{
  madvise (plan->workspace, plan->workspace_size + plan->scratch_size + 128, MADV_DONTNEED);
}

uint64_t
plan_memory (const struct plan *plan)
{
  return plan->workspace_size + plan->scratch_size + plan->boundary_size + plan->constant_size;
}

double
plan_flops (const struct plan *plan)
{
  return plan->flops;
}

enum precision
plan_precision (const struct plan *plan)
{
  return plan->precision;
}
