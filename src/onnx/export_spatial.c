/* SPDX-License-Identifier: Apache-2.0
 *
 * Convolutions, padding, pooling and resampling as ONNX. */
#include <math.h>
#include <string.h>

#include "onnx/export_rule.h"
#include "op/resize.h"

#define WRITE(NAME) static const char *NAME (struct exporter *e, int id, const int *operand)

/* Convolution */

static void
write_geometry (struct exporter *e, int id, int weight)
{
  const int64_t *w = export_shape (e, weight)->dim;
  int64_t stride[2], pad[4], dilation[2];
  export_ints (e, id, "stride", stride, 2);
  export_ints (e, id, "pad", pad, 4);
  export_ints (e, id, "dilation", dilation, 2);
  onnx_write_ints (e->writer, "kernel_shape", w + 2, 2);
  onnx_write_ints (e->writer, "strides", stride, 2);
  onnx_write_ints (e->writer, "pads", pad, 4);
  onnx_write_ints (e->writer, "dilations", dilation, 2);
  onnx_write_int (e->writer, "group", export_int (e, id, "groups"));
}

WRITE (conv2d)
{
  const char *y = export_node_2 (e, id, "Conv", export_value (e, operand[0]), export_value (e, operand[1]));
  if (y)
    write_geometry (e, id, operand[1]);
  return y;
}

/* Of the addition @id of a bias: operands x, weight, bias. */
const char *
export_conv_bias (struct exporter *e, int id, const int *operand)
{
  int conv = export_is (e, export_input (e, id, 0), &op_conv2d) ? export_input (e, id, 0) : export_input (e, id, 1);
  const char *x = export_value (e, operand[0]), *weight = export_value (e, operand[1]);
  const char *bias = export_known (e, operand[2], SHAPE (export_shape (e, id)->dim[1]));
  const char *y = export_node_3 (e, conv, "Conv", x, weight, bias);
  if (y)
    write_geometry (e, conv, operand[1]);
  return y;
}

/* The result's extent is told by how much it exceeds the least that could have given the input. */
WRITE (conv2d_back_x)
{
  const int64_t *w = export_shape (e, operand[1])->dim;
  int64_t stride[2], pad[4], dilation[2], more[2];
  export_ints_of (e, id, "stride", false, stride, 2);
  export_ints_of (e, id, "pad", false, pad, 4);
  export_ints_of (e, id, "dilation", false, dilation, 2);
  for (int i = 0; i < 2; i++) {
    int64_t least[2];
    for (int other = 0; other < 2; other++)
      least[other] = (export_extent (e, operand[0], 2 + i, other) - 1) * stride[i] - pad[i] - pad[i + 2] +
                     dilation[i] * (w[2 + i] - 1) + 1;
    more[i] = export_extent (e, id, 2 + i, false) - least[0];
    if (more[i] != export_extent (e, id, 2 + i, true) - least[1])
      return export_fail (e, id, "its padding depends on the size of the input");
  }
  const char *y = export_node_2 (e, id, "ConvTranspose", export_value (e, operand[0]), export_value (e, operand[1]));
  if (!y)
    return NULL;
  write_geometry (e, id, operand[1]);
  if (more[0] || more[1])
    onnx_write_ints (e->writer, "output_padding", more, 2);
  return y;
}

/* Padding */

/* The position that position @i, counted from the first of @n, shows; as op/pad.c has it. */
static int64_t
shown (enum export_mirror mirror, int64_t i, int64_t n)
{
  int64_t period = mirror == MIRROR_REFLECT ? MAX (2 * n - 2, 1) : mirror == MIRROR_SYMMETRIC ? 2 * n : n;
  int64_t phase = (i % period + period) % period;
  return phase < n ? phase : mirror == MIRROR_REFLECT ? period - phase : period - 1 - phase;
}

const char *
export_mirrored (struct exporter *e, int id, const char *x, int axis, int64_t n, enum export_mirror mirror,
                 int64_t before, int64_t after)
{
  g_autofree int64_t *index = g_try_new (int64_t, before + n + after);
  if (!index)
    return export_fail (e, id, "no memory for the padding");
  for (int64_t i = 0; i < before + n + after; i++)
    index[i] = shown (mirror, i - before, n);
  const char *y = export_node_2 (e, id, "Gather", x, onnx_write_int_list (e->writer, index, before + n + after));
  if (y)
    onnx_write_int (e->writer, "axis", axis);
  return y;
}

static const char *
pad_node (struct exporter *e, int id, const char *mode, const char *x, int rank, const int64_t *before,
          const int64_t *after)
{
  int64_t pads[2 * SHAPE_RANK_MAX];
  memcpy (pads, before, rank * sizeof *before);
  memcpy (pads + rank, after, rank * sizeof *after);
  const char *y = export_node_2 (e, id, "Pad", x, onnx_write_int_list (e->writer, pads, 2 * rank));
  if (y)
    onnx_write_string (e->writer, "mode", mode);
  return y;
}

WRITE (pad)
{
  static const char *const onnx_modes[] = {"constant", "reflect", "edge", NULL};
  int mode = export_choice (e, id, "mode"), rank = export_shape (e, id)->rank, from = operand[0];
  int64_t amount[4], before[SHAPE_RANK_MAX] = {0}, after[SHAPE_RANK_MAX] = {0};
  export_ints (e, id, "pad", amount, 4);
  bool plain = mode != PAD_CIRCULAR; /* which ONNX has from opset 19 on */
  for (int i = 0; i < 2; i++) {
    int axis = rank - 2 + i;
    int64_t least = MIN (export_extent (e, from, axis, false), export_extent (e, from, axis, true));
    before[axis] = amount[i];
    after[axis] = amount[i + 2];
    plain &= mode != PAD_REFLECT || MAX (amount[i], amount[i + 2]) < least;
  }
  const char *x = export_value (e, from);
  if (plain)
    return pad_node (e, id, onnx_modes[mode], x, rank, before, after);
  enum export_mirror mirror = mode == PAD_REFLECT ? MIRROR_REFLECT : MIRROR_CIRCULAR;
  for (int axis = rank - 2; axis < rank && x; axis++) {
    if (before[axis] == 0 && after[axis] == 0)
      continue;
    x = export_fixed (e, from, axis)
          ? export_mirrored (e, id, x, axis, export_extent (e, from, axis, false), mirror, before[axis], after[axis])
          : export_mirrored_dynamic (e, x, axis, mirror, before[axis], after[axis], 1);
  }
  return x;
}

WRITE (unslice)
{
  int64_t before[SHAPE_RANK_MAX] = {0}, after[SHAPE_RANK_MAX] = {0}, axis = export_int (e, id, "axis");
  if (export_int (e, id, "step") != 1)
    return export_fail (e, id, "with a step has no form in ONNX");
  before[axis] = export_int (e, id, "start");
  after[axis] = export_extent (e, id, axis, false) - export_int_of (e, id, "stop", false);
  if (after[axis] != export_extent (e, id, axis, true) - export_int_of (e, id, "stop", true))
    return export_fail (e, id, "its padding depends on the size of the input");
  return pad_node (e, id, "constant", export_value (e, operand[0]), export_shape (e, id)->rank, before, after);
}

/* Pooling */

/* Whether windows are rounded up, as ONNX counts them, at either size. */
static bool
rounds_up (const struct exporter *e, int id, const int64_t *kernel, const int64_t *stride, const int64_t *pad,
           const int64_t *dilation)
{
  for (int i = 0; i < 4; i++) {
    int axis = i / 2, other = i % 2;
    int64_t room = export_extent (e, export_input (e, id, 0), 2 + axis, other) + pad[axis] + pad[axis + 2] -
                   dilation[axis] * (kernel[axis] - 1) - 1;
    if ((room + stride[axis] - 1) / stride[axis] + 1 != export_extent (e, id, 2 + axis, other))
      return false;
  }
  return true;
}

static bool
has_extra (const struct exporter *e, int id)
{
  int64_t extra[2], other[2];
  export_ints_of (e, id, "extra", false, extra, 2);
  export_ints_of (e, id, "extra", true, other, 2);
  return extra[0] || extra[1] || other[0] || other[1];
}

static const char *
pool (struct exporter *e, int id, const char *op)
{
  int64_t kernel[2], stride[2], pad[4], dilation[2];
  export_ints (e, id, "kernel", kernel, 2);
  export_ints (e, id, "stride", stride, 2);
  export_ints (e, id, "pad", pad, 4);
  export_ints (e, id, "dilation", dilation, 2);
  bool ceil = has_extra (e, id), dense = dilation[0] == 1 && dilation[1] == 1;
  if (ceil && !rounds_up (e, id, kernel, stride, pad, dilation))
    return export_fail (e, id, "its last windows are not those that ONNX counts");
  if (!dense && g_str_equal (op, "AveragePool"))
    return export_fail (e, id, "a mean over dilated windows has no form in ONNX before opset 19");
  const char *y = export_node_1 (e, id, op, export_value (e, export_input (e, id, 0)));
  if (!y)
    return NULL;
  onnx_write_ints (e->writer, "kernel_shape", kernel, 2);
  onnx_write_ints (e->writer, "strides", stride, 2);
  onnx_write_ints (e->writer, "pads", pad, 4);
  if (!dense)
    onnx_write_ints (e->writer, "dilations", dilation, 2);
  if (ceil)
    onnx_write_int (e->writer, "ceil_mode", 1);
  return y;
}

WRITE (max_pool)
{
  return pool (e, id, "MaxPool");
}

WRITE (avg_pool)
{
  const char *y = pool (e, id, "AveragePool");
  if (y && export_flag (e, id, "count-padding"))
    onnx_write_int (e->writer, "count_include_pad", 1);
  return y;
}

/* Resampling */

static const char *
resize (struct exporter *e, int id, const char *mode, const char *place, const double *scales, const int64_t *sizes)
{
  struct onnx_writer *w = e->writer;
  int rank = export_shape (e, id)->rank;
  const char *x = export_value (e, export_input (e, id, 0));
  const char *none = e->opset >= 13 ? "" : onnx_write_floats (w, NULL, 0); /* an input may be left out since 13 */
  const char *y = export_node (e, id, "Resize",
                               (const char *const[]){x, none, scales ? onnx_write_floats (w, scales, rank) : none,
                                                     sizes ? onnx_write_int_list (w, sizes, rank) : NULL, NULL});
  if (!y)
    return NULL;
  onnx_write_string (w, "mode", mode);
  onnx_write_string (w, "coordinate_transformation_mode", place);
  return y;
}

WRITE (upsample_nearest)
{
  double scales[SHAPE_RANK_MAX];
  int rank = export_shape (e, id)->rank;
  for (int a = 0; a < rank; a++)
    scales[a] = a < rank - 2 ? 1 : export_int (e, id, "factor");
  const char *y = resize (e, id, "nearest", "asymmetric", scales, NULL);
  if (y)
    onnx_write_string (e->writer, "nearest_mode", "floor");
  return y;
}

/* The mean of each block times its pixels. */
WRITE (upsample_nearest_back)
{
  int64_t factor = export_int (e, id, "factor");
  if (export_shape (e, id)->rank != 4)
    return export_fail (e, id, "of an input that is not (n, c, h, w) has no form in ONNX");
  const char *mean = export_node_1 (e, id, "AveragePool", export_value (e, operand[0]));
  if (!mean)
    return NULL;
  onnx_write_ints (e->writer, "kernel_shape", (const int64_t[]){factor, factor}, 2);
  onnx_write_ints (e->writer, "strides", (const int64_t[]){factor, factor}, 2);
  return export_node_2 (e, id, "Mul", mean, onnx_write_scalar (e->writer, (double) factor * factor));
}

/* One factor at both sizes, exact in float32 so that another runtime comes to the same extents. */
static bool
exact_scale (const struct exporter *e, int id, int from, int axis, double *scale)
{
  double to = export_extent (e, id, axis, false), of = export_extent (e, from, axis, false);
  *scale = to / of;
  return *scale == (float) *scale && *scale * of == to &&
         *scale * export_extent (e, from, axis, true) == export_extent (e, id, axis, true);
}

/* Where outputs look, as ONNX calls it: with s = 1 / scale, output i at */
static const char *const coordinates[] = {
  "half_pixel",    /* (i + 1/2) s - 1/2 */
  "asymmetric",    /* i s */
  "align_corners", /* i (n - 1) / (m - 1), of n elements to m */
};

static double
place (const struct exporter *e, int id, const char *name, int axis, bool other)
{
  g_autofree char *full = g_strdup_printf ("%s-%c", name, axis == 0 ? 'h' : 'w');
  return export_float_of (e, id, full, other);
}

static bool
looks_so (const struct exporter *e, int id, int from, int way)
{
  for (int i = 0; i < 4; i++) {
    int axis = i / 2, other = i % 2, a = export_shape (e, id)->rank - 2 + axis;
    double start = place (e, id, "start", axis, other), step = place (e, id, "step", axis, other);
    double n = export_extent (e, from, a, other), m = export_extent (e, id, a, other);
    double wanted = way == 0 ? 0.5 * step - 0.5 : 0;
    if (fabs (start - wanted) > 1e-9 * (1 + fabs (wanted)) ||
        (way == 2 && fabs (step - (m > 1 ? (n - 1) / (m - 1) : 0)) > 1e-9))
      return false;
  }
  return true;
}

/* The scales, as float32, with which another runtime comes to these extents and steps at both sizes. */
static bool
find_scales (const struct exporter *e, int id, int from, int way, double *scales)
{
  int rank = export_shape (e, id)->rank;
  for (int a = 0; a < rank; a++) {
    bool exact = exact_scale (e, id, from, a, &scales[a]);
    if (a < rank - 2 || way == 2) {
      if (!exact)
        return false;
      continue;
    }
    double step = place (e, id, "step", a - (rank - 2), false);
    scales[a] = (float) (1 / step);
    if (step != place (e, id, "step", a - (rank - 2), true) || !(step > 0))
      return false;
    for (int other = 0; other < 2; other++)
      if (floor ((float) scales[a] * (float) export_extent (e, from, a, other)) != export_extent (e, id, a, other))
        return false;
  }
  return true;
}

/* Whether the steps are those that follow from the sizes. */
static bool
follows_from_sizes (const struct exporter *e, int id, int from, int way)
{
  int rank = export_shape (e, id)->rank;
  for (int a = 0; a < rank; a++) {
    double n = export_extent (e, from, a, false), m = export_extent (e, id, a, false);
    if (!export_fixed (e, id, a))
      return false;
    if (a >= rank - 2 && way != 2 && fabs (place (e, id, "step", a - (rank - 2), false) - n / m) > 1e-9)
      return false;
  }
  return true;
}

/* Sizes where the steps follow from them, which rounds nothing; else scales. */
WRITE (general_resize)
{
  static const char *const modes[] = {"nearest", "linear", "cubic"};
  static const char *const roundings[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"};
  int kernel = export_choice (e, id, "kernel"), way = 2;
  double scales[SHAPE_RANK_MAX];
  while (way >= 0 && !looks_so (e, id, operand[0], way))
    way--;
  bool sized = way >= 0 && follows_from_sizes (e, id, operand[0], way);
  if (way < 0 || export_flag (e, id, "blank") || (!sized && !find_scales (e, id, operand[0], way, scales)))
    return export_fail (e, id, "looks at places that no Resize of ONNX does at every size");
  if (export_flag (e, id, "smooth"))
    return export_fail (e, id, "antialiasing has no form in ONNX before opset 18");
  double cubic = export_float (e, id, "cubic");
  const char *y =
    resize (e, id, modes[kernel], coordinates[way], sized ? NULL : scales, sized ? export_shape (e, id)->dim : NULL);
  if (!y)
    return NULL;
  if (kernel == RESIZE_NEAREST)
    onnx_write_string (e->writer, "nearest_mode", roundings[export_choice (e, id, "rounding")]);
  else if (kernel == RESIZE_CUBIC)
    onnx_write_float (e->writer, "cubic_coeff_a", cubic);
  if (kernel == RESIZE_CUBIC && export_flag (e, id, "exclude")) /* what linear leaves out is the edge again */
    onnx_write_int (e->writer, "exclude_outside", 1);
  return y;
}

/* Blocks and channels */

WRITE (depth_to_space)
{
  int64_t block = export_int (e, id, "block");
  const char *y = export_node_1 (e, id, "DepthToSpace", export_value (e, operand[0]));
  if (!y)
    return NULL;
  onnx_write_int (e->writer, "blocksize", block);
  onnx_write_string (e->writer, "mode", "CRD");
  return y;
}

/* ONNX puts a block's pixels before the channels; ours come after. */
WRITE (space_to_depth)
{
  int64_t block = export_int (e, id, "block"), pixels = block * block;
  int rank = export_shape (e, id)->rank, axis = rank - 3;
  int64_t channels = export_shape (e, operand[0])->dim[axis];
  if (rank != 4)
    return export_fail (e, id, "of an input that is not (n, c, h, w) has no form in ONNX");
  g_autofree int64_t *order = g_new (int64_t, channels * pixels);
  for (int64_t i = 0; i < channels * pixels; i++)
    order[i] = i % pixels * channels + i / pixels;
  const char *blocks = export_node_1 (e, id, "SpaceToDepth", export_value (e, operand[0]));
  if (!blocks)
    return NULL;
  onnx_write_int (e->writer, "blocksize", block);
  const char *y = export_node_2 (e, id, "Gather", blocks, onnx_write_int_list (e->writer, order, channels * pixels));
  if (y)
    onnx_write_int (e->writer, "axis", axis);
  return y;
}

const struct export_rule export_spatial[] = {
  {&op_conv2d, .write = conv2d},
  {&op_conv2d_back_x, .write = conv2d_back_x},
  {&op_pad, .write = pad},
  {&op_unslice, .write = unslice},
  {&op_max_pool, .write = max_pool},
  {&op_avg_pool, .write = avg_pool},
  {&op_upsample_nearest, .write = upsample_nearest},
  {&op_upsample_nearest_back, .write = upsample_nearest_back},
  {&op_resize, .write = general_resize},
  {&op_depth_to_space, .write = depth_to_space},
  {&op_space_to_depth, .write = space_to_depth},
  {NULL},
};
