/* SPDX-License-Identifier: Apache-2.0
 *
 * The list of every op: one row each, a name NAME for the `const struct op op_NAME` of its family's file. To add an op,
 * write it there and add its row here. Includers get the declarations; op_table (op/sym.h) holds the same rows. And the
 * few helpers that op files share. */
#pragma once

#include "graph/op.h"

#define OP_TABLE(ROW) \
  /* arithmetic.c */ \
  ROW (add) ROW (sub) ROW (mul) ROW (div) ROW (maximum) ROW (minimum) ROW (pow) ROW (greater) ROW (equal) ROW (where) \
  ROW (affine) ROW (neg) ROW (abs) ROW (sign) ROW (floor) ROW (ceil) ROW (round) ROW (square) ROW (sqrt) ROW (rsqrt) \
  ROW (reciprocal) ROW (exp) ROW (log) ROW (sin) ROW (cos) ROW (clamp) \
  /* activation.c */ \
  ROW (relu) ROW (leaky_relu) ROW (relu_back) ROW (tanh) ROW (erf) ROW (sigmoid) ROW (softplus) \
  /* reduce.c */ \
  ROW (sum) ROW (max) ROW (variance) ROW (moments) \
  /* shape.c */ \
  ROW (reshape) ROW (stop_gradient) ROW (permute) ROW (broadcast) \
  /* slice.c */ \
  ROW (slice) ROW (unslice) ROW (concat) ROW (flip) \
  /* gather.c */ \
  ROW (gather) ROW (gather_back) \
  /* depth.c */ \
  ROW (depth_to_space) ROW (space_to_depth) \
  /* softmax.c */ \
  ROW (softmax) \
  /* matmul.c */ \
  ROW (matmul) ROW (attention) ROW (gram) ROW (gram_back) \
  /* conv.c */ \
  ROW (conv2d) ROW (conv2d_back_x) ROW (conv2d_back_w) \
  /* pad.c */ \
  ROW (pad) ROW (pad_back) \
  /* pool.c */ \
  ROW (max_pool) ROW (max_pool_back) ROW (max_pool_take) ROW (avg_pool) ROW (avg_pool_back) \
  /* upsample.c */ \
  ROW (upsample_nearest) ROW (upsample_nearest_back) \
  /* resize.c */ \
  ROW (resize) ROW (resize_back) \
  /* random.c */ \
  ROW (uniform) ROW (normal)

#define OP_DECLARE(NAME) extern const struct op op_##NAME;
OP_TABLE (OP_DECLARE)
#undef OP_DECLARE

/* For shape rules: sets IMPASTO_ERROR_MODEL with the message and returns false. */
bool op_fail (GError **error, const char *format, ...) G_GNUC_PRINTF (2, 3);

/* Attributes that plans look into. */
struct pad_attrs {
  int64_t amount[4]; /* top, left, bottom, right */
  int mode;          /* enum pad_mode */
};

/* The input position that position @i, counted from the first input, shows under an enum pad_mode; -1 = zero. */
int64_t pad_shown (int mode, int64_t i, int64_t extent);

/* For reference kernels: coordinates of the element at @flat of a row-major array, and back. */
void shape_unravel (int64_t flat, const struct shape *shape, int64_t *at);
int64_t shape_ravel (const int64_t *at, const struct shape *shape);
