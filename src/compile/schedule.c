/* SPDX-License-Identifier: Apache-2.0
 *
 * The choices of a plan, as plain rules:
 *   layout     kernels on pictures want channels last; elementwise nodes and copies follow their operands; the rest is row-major
 *   type       in a bf16 plan, channels-last values wider than an image are stored as bfloat16, everything else as float32
 *   fusion     an elementwise node whose users are all loops over the same domain is evaluated inside them; with several users
 *              only when that is cheap enough to do again
 *   epilogue   bias and activation after a convolution are its kernel's business */
#include "compile/schedule.h"

#include <string.h>

#include "compile/loop.h"
#include "device/cpu.h"
#include "device/cpu_band.h"
#include "device/vector.h"
#include "op/table.h"

#define RECOMPUTE 6 /* instructions that doing a shared node again may cost in all */
#define INLINE_CODE \
  24 /* instructions one loop may collect; half of LOOP_CODE_MAX, for two operands may each bring as many */
#define INLINE_OPERANDS 7
#define ROW_PIXELS 32 /* of a row, from which a 1x1 convolution runs well by rows */

static bool
is_loop (const struct op *op)
{
  return op->vector || op->reduce;
}

/* Rank 4 with channels and pixels: where row-major and channels-last differ. */
static bool
is_picture (const struct shape *shape)
{
  return shape->rank == 4 && shape->dim[1] > 1 && shape->dim[2] * shape->dim[3] > 1;
}

static void
collect_users (struct schedule *schedule, const struct graph *graph)
{
  int total = 0;
  for (int id = 0; id < schedule->count; id++) {
    const struct node *node = graph_node (graph, id);
    total += node->n_inputs;
    for (int i = 0; i < node->n_inputs; i++)
      schedule->node[node->input[i]].n_users++;
  }
  schedule->users = g_new0 (int, total + 1);
  int at = 0;
  for (int id = 0; id < schedule->count; id++) {
    schedule->node[id].users = schedule->users + at;
    at += schedule->node[id].n_users;
    schedule->node[id].n_users = 0;
  }
  for (int id = 0; id < schedule->count; id++) {
    const struct node *node = graph_node (graph, id);
    for (int i = 0; i < node->n_inputs; i++) {
      struct schedule_node *input = &schedule->node[node->input[i]];
      ((int *) input->users)[input->n_users++] = id;
    }
  }
}

static void
choose_layouts (struct schedule *schedule, const struct graph *graph)
{
  for (int id = 0; id < schedule->count; id++) {
    const struct node *node = graph_node (graph, id);
    struct schedule_node *choice = &schedule->node[id];
    choice->layout = LAYOUT_PLAIN;
    bool reference = !node->op->prepare && !is_loop (node->op);
    if (!is_picture (&node->shape) || node->n_inputs == 0 || reference || (node->op->flags & (OP_PLAIN_OUT | OP_FLOAT)))
      continue;
    if (node->op->flags & OP_SPATIAL)
      choice->layout = LAYOUT_LAST;
    for (int i = 0; i < node->n_inputs; i++)
      if (is_picture (&graph_node (graph, node->input[i])->shape) &&
          schedule->node[node->input[i]].layout == LAYOUT_LAST)
        choice->layout = LAYOUT_LAST;
  }
}

static bool
used_by_convolutions_only (const struct schedule *schedule, const struct graph *graph, int id)
{
  const struct schedule_node *choice = &schedule->node[id];
  for (int i = 0; i < choice->n_users; i++)
    if (!(graph_node (graph, choice->users[i])->op->flags & (OP_PLAIN_1 | OP_PLAIN_OUT)))
      return false;
  return choice->n_users > 0;
}

static void
choose_types (struct schedule *schedule, const struct graph *graph, enum precision precision)
{
  for (int id = 0; id < schedule->count; id++) {
    const struct node *node = graph_node (graph, id);
    struct schedule_node *choice = &schedule->node[id];
    choice->dtype = DTYPE_F32;
    if (precision != PRECISION_BF16 || choice->layout != LAYOUT_LAST || choice->result)
      continue;
    if (node->shape.dim[1] > 4 || used_by_convolutions_only (schedule, graph, id))
      choice->dtype = DTYPE_BF16;
  }
}

/* The shape a loop node walks over. */
static const struct shape *
loop_domain (const struct graph *graph, int id)
{
  const struct node *node = graph_node (graph, id);
  return node->op->reduce ? &graph_node (graph, node->input[0])->shape : &node->shape;
}

static enum layout
loop_layout (const struct schedule *schedule, const struct graph *graph, int id)
{
  const struct node *node = graph_node (graph, id);
  return schedule->node[node->op->reduce ? node->input[0] : id].layout;
}

static bool
expensive (int vector)
{
  return vector == VECTOR_POW || (vector >= VECTOR_EXP && vector <= VECTOR_SOFTPLUS);
}

/* Instructions and operands of the loop rooted at or inlined from @id, given which nodes below are inlined. */
static void
loop_cost (const struct schedule *schedule, const struct graph *graph, int id, int *code, int *operands)
{
  const struct node *node = graph_node (graph, id);
  *code += node->op->vector ? (expensive (node->op->vector) ? 4 : 1) : 0;
  for (int i = 0; i < node->n_inputs; i++) {
    if (schedule->node[node->input[i]].role == ROLE_INLINE)
      loop_cost (schedule, graph, node->input[i], code, operands);
    else
      *operands += 1;
  }
}

static bool
can_inline (const struct schedule *schedule, const struct graph *graph, int id)
{
  const struct node *node = graph_node (graph, id);
  const struct schedule_node *choice = &schedule->node[id];
  if (choice->result || choice->n_users == 0)
    return false;
  for (int i = 0; i < choice->n_users; i++) {
    int user = choice->users[i];
    if (!is_loop (graph_node (graph, user)->op) || !shape_equal (loop_domain (graph, user), &node->shape) ||
        loop_layout (schedule, graph, user) != choice->layout)
      return false;
  }
  int code = 0, operands = 0;
  loop_cost (schedule, graph, id, &code, &operands);
  if (code > INLINE_CODE || operands > INLINE_OPERANDS)
    return false;
  return choice->n_users == 1 || (choice->n_users - 1) * code <= RECOMPUTE;
}

static void
choose_roles (struct schedule *schedule, const struct graph *graph)
{
  for (int id = 0; id < schedule->count; id++) {
    const struct node *node = graph_node (graph, id);
    struct schedule_node *choice = &schedule->node[id];
    if (node->n_inputs == 0 && !node->op->prepare)
      choice->role = ROLE_LEAF;
    else if (node->op->flags & OP_VIEW)
      choice->role = ROLE_VIEW;
    else if (node->op->vector)
      choice->role = can_inline (schedule, graph, id) ? ROLE_INLINE : ROLE_LOOP;
    else if (node->op->reduce)
      choice->role = ROLE_LOOP;
    else
      choice->role = ROLE_KERNEL;
  }
}

/* A loop must not collect more than its program holds: turn inlined inputs of too large loops into loops of their
 * own. */
static void
bound_loops (struct schedule *schedule, const struct graph *graph)
{
  for (int id = 0; id < schedule->count; id++) {
    if (schedule->node[id].role != ROLE_LOOP)
      continue;
    const struct node *node = graph_node (graph, id);
    for (int i = 0; i < node->n_inputs; i++) {
      int code = 0, operands = 0;
      loop_cost (schedule, graph, id, &code, &operands);
      if (code <= LOOP_CODE_MAX && operands <= LOOP_OPERANDS_MAX)
        break;
      if (schedule->node[node->input[i]].role == ROLE_INLINE)
        schedule->node[node->input[i]].role = ROLE_LOOP;
    }
  }
}

/* What a convolution's kernel can apply by itself. */
static const enum activation activation_of[VECTOR_OPS] = {
  [VECTOR_RELU] = ACTIVATION_RELU,       [VECTOR_LEAKY_RELU] = ACTIVATION_LEAKY_RELU, [VECTOR_TANH] = ACTIVATION_TANH,
  [VECTOR_SIGMOID] = ACTIVATION_SIGMOID, [VECTOR_CLAMP] = ACTIVATION_CLAMP,
};

static bool
is_channel_bias (const struct schedule *schedule, const struct graph *graph, int id, int64_t channels)
{
  const struct shape *shape = &graph_node (graph, id)->shape;
  return shape->rank == 4 && shape->dim[0] == 1 && shape->dim[1] == channels && shape->dim[2] == 1 &&
         shape->dim[3] == 1 && schedule->node[id].dtype == DTYPE_F32 && schedule->node[id].role != ROLE_INLINE &&
         schedule->node[id].role != ROLE_EPILOGUE;
}

/* conv -> add bias -> activation, each the only user of the one before, becomes one kernel at the last of them. */
static void
fuse_epilogue (struct schedule *schedule, const struct graph *graph, int conv)
{
  struct schedule_node *first = &schedule->node[conv];
  int64_t channels = graph_node (graph, conv)->shape.dim[1];
  int end = conv, bias = -1;
  for (int stage = 0; stage < 2; stage++) {
    struct schedule_node *last = &schedule->node[end];
    if (last->n_users != 1 || last->result || schedule->node[last->users[0]].kernel_root >= 0)
      break;
    const struct node *user = graph_node (graph, last->users[0]);
    int other = user->n_inputs == 2 ? user->input[user->input[0] == end] : -1;
    bool add = stage == 0 && user->op->vector == VECTOR_ADD && other != end &&
               is_channel_bias (schedule, graph, other, channels);
    bool act = activation_of[user->op->vector] != ACTIVATION_NONE;
    if (!add && !act)
      break;
    bias = add ? other : bias;
    end = last->users[0];
    if (act)
      break;
  }
  if (end == conv || schedule->node[end].layout != first->layout)
    return;
  for (int id = conv; id != end; id = schedule->node[id].users[0])
    schedule->node[id].role = ROLE_EPILOGUE;
  schedule->node[end].role = ROLE_KERNEL;
  schedule->node[end].kernel_root = conv;
  schedule->node[end].bias = bias;
  schedule->node[end].activation = activation_of[graph_node (graph, end)->op->vector];
}

/* The only user of it is the node asked about, and nothing else sees its value. */
static bool
used_once (const struct schedule *schedule, int id)
{
  return schedule->node[id].n_users == 1 && !schedule->node[id].result;
}

/* Known when the plan is made: weights, and what plan_fold.c surely computes of them. */
static bool
is_constant (const struct schedule *schedule, const struct graph *graph, int id)
{
  const struct node *node = graph_node (graph, id);
  int64_t size = 0;
  if (node->op == &op_constant || (node->op == &op_parameter && !schedule->node[id].assigned))
    return true;
  if (!node->op->vector && !(node->op->flags & (OP_VIEW | OP_STRIDED)))
    return false;
  for (int i = 0; i < node->n_inputs; i++) {
    if (!is_constant (schedule, graph, node->input[i]))
      return false;
    size += shape_size (&graph_node (graph, node->input[i])->shape);
  }
  return node->n_inputs > 0 && shape_size (&node->shape) <= size;
}

static bool
all_equal (const int64_t *x, int n, int64_t value)
{
  for (int i = 0; i < n; i++)
    if (x[i] != value)
      return false;
  return true;
}

/* Channels-last, or a picture of one channel, where every order is the same. */
static bool
lies_last (const struct schedule_node *choice, const struct node *node)
{
  return choice->layout == LAYOUT_LAST || (node->shape.rank == 4 && node->shape.dim[1] == 1);
}

/* Nearest enlargement by 2 that a 3x3 convolution with a border of 1 can do by itself. */
static bool
can_enlarge (const struct schedule *schedule, const struct graph *graph, int id, const struct node *conv,
             const int64_t *pad)
{
  const struct node *node = graph_node (graph, id);
  const struct conv_attrs *attrs = conv->attrs;
  const int64_t *w = graph_node (graph, conv->input[1])->shape.dim;
  return node->op == &op_upsample_nearest && used_once (schedule, id) && schedule->node[id].role == ROLE_KERNEL &&
         node->shape.dim[2] == 2 * graph_node (graph, node->input[0])->shape.dim[2] && all_equal (w + 2, 2, 3) &&
         all_equal (attrs->stride, 2, 1) && all_equal (attrs->dilation, 2, 1) && attrs->groups == 1 &&
         all_equal (pad, 4, 1);
}

/* A transposed convolution that is better done in bands, whatever lies around it. */
static bool
transposes (const struct schedule *schedule, const struct graph *graph, int id)
{
  const struct node *node = graph_node (graph, id);
  if (node->op != &op_conv2d_back_x || !is_constant (schedule, graph, node->input[1]))
    return false;
  const struct shape *w = &graph_node (graph, node->input[1])->shape;
  return cpu_band_worthwhile (&graph_node (graph, node->input[0])->shape) && cpu_band_transposes (node->attrs, w);
}

/* A 1x1 convolution that gives its rows to the depthwise one behind it: @id is its last node. */
static bool
gives_rows (const struct schedule *schedule, const struct graph *graph, int id, const struct node *user)
{
  const struct schedule_node *choice = &schedule->node[id];
  int root = choice->kernel_root >= 0 ? choice->kernel_root : id;
  const struct node *node = graph_node (graph, root);
  if (node->op != &op_conv2d || choice->role != ROLE_KERNEL || choice->band || !used_once (schedule, id) ||
      choice->layout != LAYOUT_LAST || !is_constant (schedule, graph, node->input[1]) ||
      (choice->bias >= 0 && !is_constant (schedule, graph, choice->bias)))
    return false;
  const struct conv_attrs *attrs = node->attrs, *outer = user->attrs;
  return all_equal (graph_node (graph, node->input[1])->shape.dim + 2, 2, 1) && all_equal (attrs->stride, 2, 1) &&
         all_equal (attrs->pad, 4, 0) && attrs->groups == 1 && outer->groups == node->shape.dim[1] &&
         node->shape.dim[3] >= ROW_PIXELS;
}

/* Padding, enlargement and the loop before the convolution @conv, and the measuring after its last node @end, become
 * part of it, when the picture is large and the weight laid out once. */
static void
fuse_band (struct schedule *schedule, const struct graph *graph, int conv, int end)
{
  const struct node *node = graph_node (graph, conv);
  struct schedule_node *choice = &schedule->node[end];
  int source = node->input[0], border = -1, enlarge = -1;
  bool transposed = node->op == &op_conv2d_back_x;
  if ((node->op != &op_conv2d && !transposed) || !lies_last (&schedule->node[end], graph_node (graph, end)) ||
      !is_constant (schedule, graph, node->input[1]) ||
      (choice->bias >= 0 && !is_constant (schedule, graph, choice->bias)))
    return;
  const int64_t *pad = ((const struct conv_attrs *) node->attrs)->pad;
  if (!transposed && graph_node (graph, source)->op == &op_pad && all_equal (pad, 4, 0) &&
      used_once (schedule, source)) {
    border = source;
    pad = ((const struct pad_attrs *) graph_node (graph, source)->attrs)->amount;
    source = graph_node (graph, source)->input[0];
  }
  if (!transposed && can_enlarge (schedule, graph, source, node, pad)) {
    enlarge = source;
    source = graph_node (graph, source)->input[0];
  }
  const struct node *picture = graph_node (graph, source);
  bool computed = schedule->node[source].role == ROLE_LOOP && !picture->op->reduce && used_once (schedule, source) &&
                  schedule->node[source].layout == LAYOUT_LAST;
  computed |= !transposed && enlarge < 0 && gives_rows (schedule, graph, source, node);
  if ((border < 0 && enlarge < 0 && !computed && !transposed) || !cpu_band_worthwhile (&picture->shape))
    return;
  if (border >= 0)
    schedule->node[border].role = ROLE_BAND;
  if (enlarge >= 0)
    schedule->node[enlarge].role = ROLE_BAND;
  if (computed)
    schedule->node[source].role = ROLE_BAND;
  choice->band = true;
  choice->band_pad = border;
  choice->band_enlarge = enlarge;
  choice->band_source = source;
  choice->band_moments = -1;
  for (int i = 0; i < choice->n_users; i++)
    if (graph_node (graph, choice->users[i])->op == &op_moments && !schedule->node[choice->users[i]].result)
      choice->band_moments = choice->users[i];
  if (choice->band_moments >= 0)
    schedule->node[choice->band_moments].role = ROLE_BAND;
}

struct schedule *
schedule_new (const struct graph *lowered, enum precision precision)
{
  struct schedule *schedule = g_new0 (struct schedule, 1);
  schedule->count = graph_count (lowered);
  schedule->node = g_new0 (struct schedule_node, schedule->count + 1);
  for (guint i = 0; i < graph_result_count (lowered); i++) {
    struct graph_result result = graph_result (lowered, i);
    schedule->node[result.id].result = true;
    if (!result.name)
      schedule->node[result.target].assigned = true;
  }
  for (int id = 0; id < schedule->count; id++)
    schedule->node[id].kernel_root = schedule->node[id].bias = -1;
  collect_users (schedule, lowered);
  choose_layouts (schedule, lowered);
  choose_types (schedule, lowered, precision);
  choose_roles (schedule, lowered);
  bound_loops (schedule, lowered);
  for (int id = 0; id < schedule->count; id++) {
    const struct op *op = graph_node (lowered, id)->op;
    if (schedule->node[id].role == ROLE_KERNEL && ((op->flags & OP_EPILOGUE) || transposes (schedule, lowered, id)))
      fuse_epilogue (schedule, lowered, id);
  }
  for (int id = 0; id < schedule->count; id++) {
    const struct schedule_node *choice = &schedule->node[id];
    int conv = choice->kernel_root >= 0 ? choice->kernel_root : id;
    if (choice->role == ROLE_KERNEL &&
        (graph_node (lowered, conv)->op == &op_conv2d || transposes (schedule, lowered, conv)))
      fuse_band (schedule, lowered, conv, id);
  }
  return schedule;
}

void
schedule_free (struct schedule *schedule)
{
  if (!schedule)
    return;
  g_free (schedule->node);
  g_free (schedule->users);
  g_free (schedule);
}
