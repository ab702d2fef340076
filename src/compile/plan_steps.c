/* SPDX-License-Identifier: Apache-2.0
 *
 * From a scheduled graph to steps: every node that runs becomes a prepared kernel over slots, with conversions where a
 * kernel wants another layout or type; results are taken, and loops write over operands that nothing reads later. */
#include <string.h>

#include "compile/loop.h"
#include "compile/plan_internal.h"
#include "impasto/error.h"

struct slot *
slot_root (struct slot *slot)
{
  while (slot->storage != slot)
    slot = slot->storage;
  return slot;
}

struct slot *
slot_new (struct plan *plan, struct shape shape, enum layout layout, enum dtype dtype)
{
  struct slot *slot = g_new0 (struct slot, 1);
  slot->value = (struct value){.shape = shape, .layout = layout, .dtype = dtype};
  slot->storage = slot;
  slot->first = slot->last = NEVER;
  g_ptr_array_add (plan->slots, slot);
  return slot;
}

void
slot_touch (struct slot *slot, int step)
{
  slot = slot_root (slot);
  if (slot->first == NEVER)
    slot->first = step;
  slot->last = MAX (slot->last, step);
}

void
step_free (gpointer data)
{
  struct step *step = data;
  kernel_clear (&step->kernel);
  if (step->band) {
    kernel_clear (&step->band->maker);
    g_free (step->band->operands);
    g_free (step->band->shown);
    g_free (step->band);
  }
  g_free (step->x);
  g_free (step->slots);
  g_free (step);
}

/* Appends a step reading @n slots and, with an epilogue, @bias; its kernel is not prepared yet. */
struct step *
step_add (struct plan *plan, const struct node *node, struct slot **x, int n, struct slot *bias, struct slot *y)
{
  struct step *step = g_new0 (struct step, 1);
  int at = plan->steps->len;
  step->node = node;
  step->x = g_new0 (const struct value *, n + 1);
  step->slots = g_new0 (struct slot *, n + 2);
  step->y = y;
  for (int i = 0; i < n; i++) {
    step->x[i] = &x[i]->value;
    step->slots[i] = x[i];
    slot_touch (x[i], at);
  }
  if (bias) {
    step->slots[n] = bias;
    slot_touch (bias, at);
  }
  slot_touch (y, at);
  step->kernel = (struct kernel){.attrs = node ? node->attrs : NULL,
                                 .n_inputs = n,
                                 .x = step->x,
                                 .y = &y->value,
                                 .bias = bias ? &bias->value : NULL,
                                 .brief = plan->precision == PRECISION_BF16};
  g_ptr_array_add (plan->steps, step);
  return step;
}

static void
run_copy (const struct kernel *kernel, void *scratch, const struct run_context *context)
{
  value_copy (kernel->y, kernel->x[0]);
}

static void
add_copy (struct plan *plan, struct slot *from, struct slot *to)
{
  struct step *step = step_add (plan, NULL, &from, 1, NULL, to);
  step->kernel.run = run_copy;
  step->kernel.implementation = "copy";
  plan_fold_last (plan, NULL); /* where memory is out it stays a step */
}

/* The same value in @layout and @dtype; a copy step is added the first time it is asked for. */
struct slot *
slot_converted (struct plan *plan, struct slot *slot, enum layout layout, enum dtype dtype)
{
  const struct shape *shape = &slot->value.shape;
  bool picture = shape->rank == 4 && shape->dim[1] > 1 && shape->dim[2] * shape->dim[3] > 1;
  layout = picture ? layout : LAYOUT_PLAIN;
  if (slot->value.layout == layout && slot->value.dtype == dtype)
    return slot;
  struct slot **memo = &slot->converted[layout][dtype == DTYPE_BF16];
  if (!*memo) {
    *memo = slot_new (plan, slot->value.shape, layout, dtype);
    add_copy (plan, slot, *memo);
  }
  return *memo;
}

/* A reference kernel in a plan: for an op that has nothing better, through doubles in scratch. */
static void
run_reference (const struct kernel *kernel, void *scratch, const struct run_context *context)
{
  const struct node *node = kernel->state;
  g_autofree const struct shape **shapes = g_new (const struct shape *, kernel->n_inputs + 1);
  g_autofree const double **x = g_new (const double *, kernel->n_inputs + 1);
  double *at = scratch;
  for (int i = 0; i < kernel->n_inputs; i++) {
    int64_t n = shape_size (&kernel->x[i]->shape);
    const float *from = kernel->x[i]->data;
    for (int64_t k = 0; k < n; k++)
      at[k] = from[k];
    shapes[i] = &kernel->x[i]->shape;
    x[i] = at;
    at += n;
  }
  int64_t n = shape_size (&kernel->y->shape);
  memset (at, 0, n * sizeof (double));
  struct op_call call = {.attrs = kernel->attrs,
                         .n_inputs = kernel->n_inputs,
                         .x_shape = shapes,
                         .x = x,
                         .y_shape = &kernel->y->shape,
                         .y = at,
                         .seed = context->seed,
                         .step = context->step};
  node->op->reference (&call);
  for (int64_t k = 0; k < n; k++)
    ((float *) kernel->y->data)[k] = at[k];
}

/* Operand @i of @node in the form its kernel reads. */
static struct slot *
kernel_operand (struct plan *plan, const struct node *node, int i)
{
  struct slot *slot = plan->of_node[node->input[i]];
  unsigned flags = node->op->flags;
  bool convolution = flags & (OP_PLAIN_1 | OP_PLAIN_OUT);
  if (!node->op->prepare || (flags & OP_FLOAT) || ((flags & OP_PLAIN_1) && i == 1))
    return slot_converted (plan, slot, LAYOUT_PLAIN, DTYPE_F32);
  if (flags & OP_STRIDED)
    return slot;
  enum dtype dtype = convolution && plan->precision == PRECISION_BF16 ? DTYPE_BF16 : slot->value.dtype;
  return slot_converted (plan, slot, (flags & OP_SPATIAL) ? LAYOUT_LAST : LAYOUT_PLAIN, dtype);
}

void
kernel_set_activation (struct kernel *kernel, enum activation activation, const struct node *node)
{
  kernel->activation = activation;
  for (int i = 0; activation != ACTIVATION_NONE && i < node->op->params; i++)
    kernel->activation_p[i] = (float) ((const double *) node->attrs)[i];
}

static bool
add_kernel (struct plan *plan, int id, GError **error)
{
  const struct schedule_node *choice = &plan->schedule->node[id];
  const struct node *end = graph_node (plan->graph, id);
  const struct node *node = choice->kernel_root >= 0 ? graph_node (plan->graph, choice->kernel_root) : end;
  g_autofree struct slot **x = g_new0 (struct slot *, node->n_inputs + 1);
  g_autofree const struct shape **shapes = g_new0 (const struct shape *, node->n_inputs + 1);
  for (int i = 0; i < node->n_inputs; i++) {
    x[i] = kernel_operand (plan, node, i);
    shapes[i] = &x[i]->value.shape;
  }
  struct slot *bias =
    choice->bias >= 0 ? slot_converted (plan, plan->of_node[choice->bias], LAYOUT_PLAIN, DTYPE_F32) : NULL;
  struct slot *y = slot_new (plan, end->shape, choice->layout, choice->dtype);
  plan->of_node[id] = y;
  struct step *step = step_add (plan, node, x, node->n_inputs, bias, y);
  step->flops = node->op->flops ? node->op->flops (shapes, &node->shape) : 0;
  kernel_set_activation (&step->kernel, choice->activation, end);
  if (node->op->prepare) {
    if (node->op->prepare (&step->kernel, error))
      return true;
    g_prefix_error (error, "%s: %s: ", node->scope, node->op->name);
    return false;
  }
  step->reference = true;
  step->kernel.state = (void *) node;
  step->kernel.run = run_reference;
  step->kernel.implementation = "reference";
  step->kernel.scratch = shape_size (&node->shape) * sizeof (double);
  for (int i = 0; i < node->n_inputs; i++)
    step->kernel.scratch += shape_size (shapes[i]) * sizeof (double);
  return true;
}

/* Collects the program of a loop: instructions of inlined nodes first. Returns the argument that stands for @id. */
int
plan_collect_loop (struct plan *plan, int id, bool is_root, struct loop_spec *spec, struct slot **x, GHashTable *seen)
{
  const struct node *node = graph_node (plan->graph, id);
  gpointer known;
  if (g_hash_table_lookup_extended (seen, GINT_TO_POINTER (id), NULL, &known))
    return GPOINTER_TO_INT (known);
  int result;
  if (!is_root && plan->schedule->node[id].role != ROLE_INLINE) {
    result = spec->n_operands++;
    x[result] = plan->of_node[id];
  } else {
    struct loop_code code = {.op = node->op->vector, .n_args = node->n_inputs};
    for (int i = 0; i < node->n_inputs; i++)
      code.arg[i] = plan_collect_loop (plan, node->input[i], false, spec, x, seen);
    for (int i = 0; i < node->op->params; i++)
      code.p[i] = ((const double *) node->attrs)[i];
    spec->code[spec->n_code++] = code;
    result = -spec->n_code;
  }
  g_hash_table_insert (seen, GINT_TO_POINTER (id), GINT_TO_POINTER (result));
  return result;
}

static bool
add_loop (struct plan *plan, int id, GError **error)
{
  const struct schedule_node *choice = &plan->schedule->node[id];
  const struct node *node = graph_node (plan->graph, id);
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);
  struct slot *x[LOOP_OPERANDS_MAX + LOOP_CODE_MAX];
  struct loop_spec spec = {.domain = node->shape, .layout = choice->layout, .reduce = node->op->reduce};
  if (node->op->reduce) {
    spec.domain = graph_node (plan->graph, node->input[0])->shape;
    spec.layout = plan->schedule->node[node->input[0]].layout;
    bool inner = plan->schedule->node[node->input[0]].role == ROLE_INLINE;
    plan_collect_loop (plan, node->input[0], false, &spec, x, seen);
    g_assert (inner || spec.n_code == 0);
  } else
    plan_collect_loop (plan, id, true, &spec, x, seen);
  struct slot *y = slot_new (plan, node->shape, choice->layout, choice->dtype);
  plan->of_node[id] = y;
  struct step *step = step_add (plan, node, x, spec.n_operands, NULL, y);
  step->loop = true;
  return loop_prepare (&step->kernel, &spec, error);
}

/* A leaf's memory comes from outside: the input's tensor, the weights, the graph's constant. */
static bool
bind_leaf (struct plan *plan, int id, GError **error)
{
  const struct node *node = graph_node (plan->graph, id);
  struct slot *slot = slot_new (plan, node->shape, LAYOUT_PLAIN, DTYPE_F32);
  plan->of_node[id] = slot;
  slot->external = true;
  if (node->op == &op_input) {
    slot->name = node->name;
    slot->tensors = plan->inputs;
    return true;
  }
  struct tensor *tensor = node->op == &op_constant ? node->value : weights_find (plan->weights, node->name);
  if (!tensor || tensor->dtype != DTYPE_F32 || !shape_equal (&tensor->shape, &node->shape)) {
    g_autofree char *wanted = shape_text (&node->shape);
    g_autofree char *found = tensor ? shape_text (&tensor->shape) : NULL;
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MODEL, "weight %s is %s%s%s, the network wants F32 %s", node->name,
                 tensor ? dtype_name (tensor->dtype) : "missing", tensor ? " " : "", found ? found : "", wanted);
    return false;
  }
  slot->value.data = tensor->data;
  slot->value.constant = !plan->schedule->node[id].assigned;
  return true;
}

static void
add_view (struct plan *plan, int id)
{
  const struct node *node = graph_node (plan->graph, id);
  struct slot *source = slot_converted (plan, plan->of_node[node->input[0]], LAYOUT_PLAIN, DTYPE_F32);
  struct slot *slot = slot_new (plan, node->shape, LAYOUT_PLAIN, DTYPE_F32);
  slot->storage = source;
  slot->value.constant = source->value.constant;
  slot->value.data = source->value.data;
  plan->of_node[id] = slot;
}

static bool
add_nodes (struct plan *plan, GError **error)
{
  for (int id = 0; id < plan->schedule->count; id++) {
    bool ok = true;
    switch (plan->schedule->node[id].role) {
    case ROLE_LEAF: ok = bind_leaf (plan, id, error); break;
    case ROLE_VIEW: add_view (plan, id); break;
    case ROLE_LOOP: ok = add_loop (plan, id, error) && plan_fold_last (plan, error); break;
    case ROLE_KERNEL:
      ok = plan->schedule->node[id].band ? plan_add_band (plan, id, error)
                                         : add_kernel (plan, id, error) && plan_fold_last (plan, error);
      break;
    default: break;
    }
    if (!ok)
      return false;
  }
  return true;
}

/* A parameter's new value may be written over the old one when nothing reads the old one later, and the value is of a
 * loop's own making. */
static bool
assign_in_place (struct plan *plan, struct slot *parameter, struct slot *value, int id)
{
  const struct schedule_node *choice = &plan->schedule->node[id];
  if (choice->role != ROLE_LOOP || graph_node (plan->graph, id)->op->reduce || value->value.layout != LAYOUT_PLAIN ||
      value->value.dtype != DTYPE_F32 || slot_root (value) != value || value->external ||
      parameter->last > value->first)
    return false;
  value->storage = parameter;
  return true;
}

/* Whether @slot's bytes are a parameter's old value, still to be overwritten at the end of the run. */
static bool
awaits_overwriting (struct plan *plan, struct slot *slot, const bool *done)
{
  for (guint i = 0; i < graph_result_count (plan->graph); i++) {
    struct graph_result result = graph_result (plan->graph, i);
    if (!result.name && !done[i] && slot_root (slot) == plan->of_node[result.target])
      return true;
  }
  return false;
}

/* A named result: computed in the output's tensor where nothing else claims its place, else copied there. */
static void
add_output (struct plan *plan, const char *name, struct slot *value)
{
  struct slot *target = slot_new (plan, value->value.shape, LAYOUT_PLAIN, DTYPE_F32);
  target->external = true;
  target->name = name;
  target->tensors = plan->outputs;
  if (slot_root (value) == value && !value->external && value->value.layout == LAYOUT_PLAIN &&
      value->value.dtype == DTYPE_F32)
    value->storage = target;
  else
    add_copy (plan, value, target);
}

/* Results see the parameters as they were when the run began: outputs are taken first, and a new value that is the old
 * one of another parameter is set aside before any parameter is overwritten. */
static void
add_results (struct plan *plan)
{
  guint n = graph_result_count (plan->graph);
  g_autofree bool *done = g_new0 (bool, n + 1);
  g_autofree struct slot **source = g_new0 (struct slot *, n + 1);
  for (guint i = 0; i < n; i++) {
    source[i] = plan->of_node[graph_result (plan->graph, i).id];
    if (slot_root (source[i])->external) /* read at the end: not to be overwritten before */
      slot_touch (source[i], plan->steps->len);
  }
  for (guint i = 0; i < n; i++) { /* before copies lengthen lifetimes */
    struct graph_result result = graph_result (plan->graph, i);
    if (!result.name)
      done[i] = assign_in_place (plan, plan->of_node[result.target], source[i], result.id);
  }
  for (guint i = 0; i < n; i++)
    if (graph_result (plan->graph, i).name)
      add_output (plan, graph_result (plan->graph, i).name, source[i]);
    else if (!done[i] && awaits_overwriting (plan, source[i], done)) {
      struct slot *aside = slot_new (plan, source[i]->value.shape, LAYOUT_PLAIN, DTYPE_F32);
      add_copy (plan, source[i], aside);
      source[i] = aside;
    }
  for (guint i = 0; i < n; i++)
    if (!graph_result (plan->graph, i).name && !done[i])
      add_copy (plan, source[i], plan->of_node[graph_result (plan->graph, i).target]);
}

/* A loop may write over an operand of the same form that nothing reads later. */
static void
reuse_in_place (struct plan *plan)
{
  for (guint s = 0; s < plan->steps->len; s++) {
    struct step *step = plan->steps->pdata[s];
    struct slot *y = step->y;
    if (!step->loop || (step->node && step->node->op->reduce) || slot_root (y) != y || y->external)
      continue;
    for (int i = 0; i < step->kernel.n_inputs; i++) {
      struct slot *x = step->slots[i], *keep = slot_root (x);
      if (keep->external || keep->last != (int) s || keep == y || keep->first == (int) s ||
          x->value.dtype != y->value.dtype || x->value.layout != y->value.layout ||
          !shape_equal (&x->value.shape, &y->value.shape))
        continue;
      bool again = false; /* the same bytes under another shape must not be read as well */
      for (int j = 0; j < step->kernel.n_inputs; j++)
        again |= j != i && slot_root (step->slots[j]) == keep;
      if (again)
        continue;
      y->storage = keep;
      keep->last = MAX (keep->last, y->last);
      break;
    }
  }
}

bool
plan_add_steps (struct plan *plan, GError **error)
{
  if (!add_nodes (plan, error))
    return false;
  add_results (plan);
  reuse_in_place (plan);
  return true;
}
