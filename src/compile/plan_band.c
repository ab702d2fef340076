/* SPDX-License-Identifier: Apache-2.0
 *
 * The step of a convolution that runs in bands of rows (device/cpu_band.h): what schedule.c found before and after it
 * becomes its border, its row source and its second result. */
#include "compile/loop.h"
#include "compile/plan_internal.h"
#include "device/cpu.h"
#include "op/sym.h"
#include "op/table.h"

/* The mode and amounts of the border. Mirrored or repeated around an enlarged picture, a border of 1 is the small
 * picture's outermost pixel. */
static void
find_border (const struct plan *plan, const struct schedule_node *choice, const struct node *conv, int *mode,
             int64_t *amount)
{
  const struct conv_attrs *attrs = conv->attrs;
  const struct pad_attrs *pad = choice->band_pad >= 0 ? graph_node (plan->graph, choice->band_pad)->attrs : NULL;
  *mode = pad ? pad->mode : PAD_ZERO;
  for (int i = 0; i < 4; i++)
    amount[i] = pad ? pad->amount[i] : attrs->pad[i];
  if (choice->band_enlarge >= 0 && *mode == PAD_REFLECT)
    *mode = PAD_REPLICATE;
}

static void
make_tables (struct band_step *step, int mode, const struct shape *x)
{
  struct band *band = &step->band;
  int64_t h = x->dim[2], w = x->dim[3], rows = band->pad[0] + h + band->pad[2],
          columns = band->pad[1] + w + band->pad[3];
  step->shown = g_new (int64_t, rows + columns);
  for (int64_t i = 0; i < rows; i++)
    step->shown[i] = pad_shown (mode, i - band->pad[0], h);
  for (int64_t i = 0; i < columns; i++)
    step->shown[rows + i] = pad_shown (mode, i - band->pad[1], w);
  band->rows = step->shown;
  band->columns = step->shown + rows;
}

/* The loop @id that computes the picture @x by rows; its operands live until @at. */
static bool
make_loop (struct plan *plan, int id, struct band_step *step, const struct value *x, int at, GError **error)
{
  const struct node *node = graph_node (plan->graph, id);
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);
  struct slot *operands[LOOP_OPERANDS_MAX + LOOP_CODE_MAX];
  struct loop_spec spec = {.domain = node->shape, .layout = LAYOUT_LAST};
  plan_collect_loop (plan, id, true, &spec, operands, seen);
  step->operands = g_new0 (const struct value *, spec.n_operands + 1);
  for (int i = 0; i < spec.n_operands; i++) {
    step->operands[i] = &operands[i]->value;
    slot_touch (operands[i], at);
  }
  step->maker = (struct kernel){.n_inputs = spec.n_operands, .x = step->operands, .y = x};
  if (!loop_prepare (&step->maker, &spec, error))
    return false;
  step->source = loop_source (&step->maker);
  step->band.source = &step->source;
  return true;
}

/* The convolution that ends in node @id. */
static const struct node *
convolution_of (const struct plan *plan, int id)
{
  int root = plan->schedule->node[id].kernel_root;
  return graph_node (plan->graph, root >= 0 ? root : id);
}

/* Its picture, weight and bias in the form that kernels read; adds steps where they lie otherwise. */
static void
convolution_slots (struct plan *plan, int id, int picture, enum dtype dtype, struct slot **slots)
{
  const struct node *conv = convolution_of (plan, id);
  int bias = plan->schedule->node[id].bias;
  slots[0] = picture < 0 ? NULL : slot_converted (plan, plan->of_node[picture], LAYOUT_LAST, dtype);
  slots[1] = slot_converted (plan, plan->of_node[conv->input[1]], LAYOUT_PLAIN, DTYPE_F32);
  slots[2] = bias < 0 ? NULL : slot_converted (plan, plan->of_node[bias], LAYOUT_PLAIN, DTYPE_F32);
}

/* The 1x1 convolution that ends in node @id makes the rows; it is prepared together with the one it works for. */
static void
make_convolution (struct plan *plan, int id, struct slot **slots, struct step *step, const struct value *x, int at)
{
  const struct node *conv = convolution_of (plan, id);
  struct band_step *band = step->band;
  const struct shape *shapes[] = {&slots[0]->value.shape, &slots[1]->value.shape};
  band->convolution = conv;
  band->operands = g_new0 (const struct value *, 3);
  for (int i = 0; i < 3 && slots[i]; i++) {
    band->operands[i] = &slots[i]->value;
    slot_touch (slots[i], at);
  }
  band->maker =
    (struct kernel){.attrs = conv->attrs, .n_inputs = 2, .x = band->operands, .y = x, .bias = band->operands[2]};
  kernel_set_activation (&band->maker, plan->schedule->node[id].activation, graph_node (plan->graph, id));
  band->band.source = &band->source;
  step->flops += conv->op->flops (shapes, &conv->shape);
}

bool
step_prepare_band (struct step *step, GError **error)
{
  struct band_step *band = step->band;
  if (band->convolution) {
    kernel_clear (&band->maker);
    if (!cpu_conv2d_rows (&band->maker, &band->source, error)) {
      g_prefix_error (error, "%s: %s: ", band->convolution->scope, band->convolution->op->name);
      return false;
    }
  }
  if (cpu_conv2d_banded (&step->kernel, &step->band->band, error))
    return true;
  g_prefix_error (error, "%s: %s: ", step->node->scope, step->node->op->name);
  return false;
}

bool
plan_add_band (struct plan *plan, int id, GError **error)
{
  const struct schedule_node *choice = &plan->schedule->node[id];
  const struct node *end = graph_node (plan->graph, id), *conv = convolution_of (plan, id);
  const struct node *source = graph_node (plan->graph, choice->band_source);
  const struct schedule_node *made = &plan->schedule->node[choice->band_source];
  const struct shape *shapes[] = {&graph_node (plan->graph, conv->input[0])->shape,
                                  &graph_node (plan->graph, conv->input[1])->shape};
  enum dtype dtype = plan->precision == PRECISION_BF16 ? DTYPE_BF16 : DTYPE_F32;
  bool computed = made->role == ROLE_BAND, loop = computed && source->op->vector && made->kernel_root < 0;
  struct shape picture = source->shape;
  struct slot *x[3], *rows[3];
  if (computed && !loop)
    convolution_slots (plan, choice->band_source, convolution_of (plan, choice->band_source)->input[0], dtype, rows);
  convolution_slots (plan, id, computed ? -1 : choice->band_source, dtype, x);
  if (computed)
    x[0] = slot_new (plan, picture, LAYOUT_LAST, dtype);
  struct slot *y = slot_new (plan, end->shape, choice->layout, choice->dtype);
  plan->of_node[id] = y;
  struct step *step = step_add (plan, conv, x, 2, x[2], y);
  struct band_step *band = step->band = g_new0 (struct band_step, 1);
  int mode, at = plan->steps->len - 1;
  find_border (plan, choice, conv, &mode, band->band.pad);
  band->band.form = conv->op == &op_conv2d_back_x ? BAND_TRANSPOSED
                    : choice->band_enlarge >= 0   ? BAND_ENLARGE
                                                  : BAND_PLAIN;
  if (band->band.form != BAND_TRANSPOSED)
    make_tables (band, mode, &picture);
  if (computed)
    x[0]->first = x[0]->last = NEVER; /* it is never whole */
  if (computed && !loop)
    make_convolution (plan, choice->band_source, rows, step, &x[0]->value, at);
  if (loop && !make_loop (plan, choice->band_source, band, &x[0]->value, at, error))
    return false;
  if (choice->band_moments >= 0) {
    struct slot *moments =
      slot_new (plan, graph_node (plan->graph, choice->band_moments)->shape, LAYOUT_PLAIN, DTYPE_F32);
    plan->of_node[choice->band_moments] = moments;
    slot_touch (moments, at);
    band->band.moments = &moments->value;
  }
  step->flops += conv->op->flops (shapes, &conv->shape);
  kernel_set_activation (&step->kernel, choice->activation, end);
  return step_prepare_band (step, error);
}
