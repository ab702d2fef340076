/* SPDX-License-Identifier: Apache-2.0
 *
 * Convolution and its two derivatives by oneDNN, over channels-last pictures and row-major weights. The weight's order
 * is oneDNN's choice. Types: bfloat16 products when both operands of the product are stored so and the CPU has it, else
 * float32; sums are always float32. Where oneDNN has only plain loops for channels-last pictures, it may choose their
 * order as well and they are laid out anew for each run. */
#include "device/cpu_conv.h"

#include "device/cpu_primitive.h"

/* One convolution in oneDNN's terms: the same three tensors whichever of them is the result. */
struct problem {
  const struct value *x, *w, *y, *bias;
  dnnl_dims_t stride, dilate, before, after;            /* oneDNN counts the gaps of a dilation: 0 = dense */
  dnnl_memory_desc_t x_desc, w_desc, y_desc, bias_desc; /* as the values lie; w (g, o/g, i/g, kh, kw) when grouped */
  dnnl_memory_desc_t x_wish, w_wish, y_wish;            /* what oneDNN is asked for */
};

/* w is row-major (o, i/g, kh, kw). */
static dnnl_memory_desc_t
weight_desc (const struct value *w, int64_t groups, enum dtype dtype)
{
  const int64_t *d = w->shape.dim;
  int64_t dims[5] = {groups, d[0] / groups, d[1], d[2], d[3]};
  int64_t strides[5] = {dims[1] * d[1] * d[2] * d[3], d[1] * d[2] * d[3], d[2] * d[3], d[3], 1};

  g_assert (w->layout == LAYOUT_PLAIN);
  return groups > 1 ? cpu_desc (5, dims, dtype, strides) : cpu_desc (4, dims + 1, dtype, strides + 1);
}

/* @xt, @wt, @yt: the types oneDNN computes with. */
static struct problem
problem_new (const struct conv_attrs *attrs, const struct value *x, const struct value *w, const struct value *y,
             enum dtype xt, enum dtype wt, enum dtype yt)
{
  struct problem problem = {
    .x = x,
    .w = w,
    .y = y,
    .stride = {attrs->stride[0], attrs->stride[1]},
    .dilate = {attrs->dilation[0] - 1, attrs->dilation[1] - 1},
    .before = {attrs->pad[0], attrs->pad[1]},
    .after = {attrs->pad[2], attrs->pad[3]},
    .x_desc = cpu_desc_last (x, xt),
    .w_desc = weight_desc (w, attrs->groups, wt),
    .y_desc = cpu_desc_last (y, yt),
  };

  problem.x_wish = problem.x_desc;
  problem.w_wish = cpu_desc_any (&problem.w_desc);
  problem.y_wish = problem.y_desc;
  return problem;
}

enum direction { FORWARD, BACK_X, BACK_W };

static bool
forward_op (const struct problem *p, dnnl_prop_kind_t kind, dnnl_convolution_desc_t *op)
{
  return dnnl_dilated_convolution_forward_desc_init (op, kind, dnnl_convolution_direct, &p->x_wish, &p->w_wish,
                                                     p->bias != NULL ? &p->bias_desc : NULL, &p->y_wish, p->stride,
                                                     p->dilate, p->before, p->after) == dnnl_success;
}

static bool
backward_op (const struct problem *p, enum direction direction, dnnl_convolution_desc_t *op)
{
  dnnl_status_t status =
    direction == BACK_X
      ? dnnl_dilated_convolution_backward_data_desc_init (op, dnnl_convolution_direct, &p->x_wish, &p->w_wish,
                                                          &p->y_wish, p->stride, p->dilate, p->before, p->after)
      : dnnl_dilated_convolution_backward_weights_desc_init (op, dnnl_convolution_direct, &p->x_wish, &p->w_wish, NULL,
                                                             &p->y_wish, p->stride, p->dilate, p->before, p->after);
  return status == dnnl_success;
}

/* The forward descriptor that oneDNN wants to see for a backward one, all in the type of the products. */
static dnnl_primitive_desc_t
make_hint (const struct problem *p, enum direction direction)
{
  struct problem forward = *p;
  dnnl_primitive_desc_t hint = NULL;
  dnnl_convolution_desc_t op;

  forward.x_wish.data_type = forward.w_wish.data_type = forward.y_wish.data_type =
    direction == BACK_X ? p->y_wish.data_type : p->x_wish.data_type;
  if (forward_op (&forward, dnnl_forward_training, &op))
    dnnl_primitive_desc_create (&hint, &op, NULL, cpu_engine (), NULL);
  return hint;
}

static dnnl_primitive_t
try_create (const struct problem *p, enum direction direction, dnnl_primitive_attr_t attr, enum cpu_ways ways)
{
  dnnl_primitive_desc_t hint = direction == FORWARD ? NULL : make_hint (p, direction);
  dnnl_primitive_t primitive = NULL;
  dnnl_convolution_desc_t op;

  if (direction == FORWARD ? forward_op (p, dnnl_forward_inference, &op) : backward_op (p, direction, &op))
    primitive = cpu_create (&op, attr, hint, ways);
  if (hint != NULL)
    dnnl_primitive_desc_destroy (hint);
  return primitive;
}

#define FEW 8 /* outputs: a product of matrices leaves most lanes idle */

/* Channels-last pictures; else any order; else plain loops. Of few outputs and taps neither by a matrix, if it can
 * be. */
static dnnl_primitive_t
create (const struct problem *p, enum direction direction, dnnl_primitive_attr_t attr)
{
  bool few = direction == FORWARD && p->y->shape.dim[1] < FEW && p->w->shape.dim[3] <= CONV_NARROW;
  dnnl_primitive_t primitive = NULL;
  struct problem any_order = *p;

  any_order.x_wish = cpu_desc_any (&p->x_desc);
  any_order.y_wish = cpu_desc_any (&p->y_desc);
  for (enum cpu_ways ways = few ? CPU_NO_MATRIX : CPU_NO_LOOPS; primitive == NULL && ways < CPU_ALL; ways++) {
    primitive = try_create (p, direction, attr, ways);
    if (primitive == NULL)
      primitive = try_create (&any_order, direction, attr, ways);
  }
  return primitive != NULL ? primitive : try_create (p, direction, attr, CPU_ALL);
}

static bool
problem_prepare (struct problem *p, enum direction direction, struct kernel *kernel, GError **error)
{
  bool forward = direction == FORWARD;
  dnnl_primitive_attr_t attr = cpu_attr (forward ? kernel->activation : ACTIVATION_NONE, kernel->activation_p);
  dnnl_primitive_t made = create (p, direction, attr);
  struct cpu_primitive *primitive = cpu_primitive_new ();

  dnnl_primitive_attr_destroy (attr);
  cpu_primitive_argument (primitive, direction == BACK_X ? DNNL_ARG_DIFF_SRC : DNNL_ARG_SRC, p->x, &p->x_desc,
                          direction == BACK_X);
  cpu_primitive_argument (primitive, direction == BACK_W ? DNNL_ARG_DIFF_WEIGHTS : DNNL_ARG_WEIGHTS, p->w, &p->w_desc,
                          direction == BACK_W);
  cpu_primitive_argument (primitive, forward ? DNNL_ARG_DST : DNNL_ARG_DIFF_DST, p->y, &p->y_desc, forward);
  if (p->bias != NULL)
    cpu_primitive_argument (primitive, DNNL_ARG_BIAS, p->bias, &p->bias_desc, false);
  return cpu_primitive_finish (primitive, kernel, made, "convolution", error);
}

/* The type of products when @value is one of their operands, and of a result that is stored like @value. */
static enum dtype
product_type (const struct value *value)
{
  return value->dtype == DTYPE_BF16 && cpu_has_bf16 () ? DTYPE_BF16 : DTYPE_F32;
}

static enum dtype
result_type (enum dtype product, const struct value *value)
{
  return product == DTYPE_BF16 ? value->dtype : DTYPE_F32;
}

bool
direct_conv2d (struct kernel *kernel, GError **error)
{
  const struct value *x = kernel->x[0], *w = kernel->x[1], *y = kernel->y;
  enum dtype type = product_type (x);
  struct problem problem = problem_new (kernel->attrs, x, w, y, type, type, result_type (type, y));

  if (kernel->bias != NULL) {
    int64_t channels = y->shape.dim[1], one = 1;
    problem.bias = kernel->bias;
    problem.bias_desc = cpu_desc (1, &channels, DTYPE_F32, &one);
  }
  return problem_prepare (&problem, FORWARD, kernel, error);
}

bool
direct_conv2d_back_x (struct kernel *kernel, GError **error)
{
  const struct value *dy = kernel->x[0], *w = kernel->x[1], *dx = kernel->y;
  enum dtype type = product_type (dy);
  struct problem problem = problem_new (kernel->attrs, dx, w, dy, result_type (type, dx), type, type);

  return problem_prepare (&problem, BACK_X, kernel, error);
}

bool
direct_conv2d_back_w (struct kernel *kernel, GError **error)
{
  const struct value *x = kernel->x[0], *dy = kernel->x[1], *dw = kernel->y;
  enum dtype type = product_type (dy) == DTYPE_BF16 ? product_type (x) : DTYPE_F32;
  struct problem problem = problem_new (kernel->attrs, x, dw, dy, type, DTYPE_F32, type);

  return problem_prepare (&problem, BACK_W, kernel, error);
}
