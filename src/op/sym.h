/* SPDX-License-Identifier: Apache-2.0
 *
 * Builders of the graph language: what networks, losses, gradients and optimisers are written in. Each adds a node (or
 * a few) to its inputs' graph; a null input gives a null result. Shapes broadcast as in NumPy where two values meet.
 * Axes count from 0; pictures are (n, c, h, w). */
#pragma once

#include "device/cpu.h"
#include "graph/graph.h"

/* arithmetic.c: elementwise, broadcasting */
sym sym_add (sym a, sym b);
sym sym_sub (sym a, sym b);
sym sym_mul (sym a, sym b);
sym sym_div (sym a, sym b);
sym sym_maximum (sym a, sym b);
sym sym_minimum (sym a, sym b);
sym sym_pow (sym a, sym b);     /* a > 0 */
sym sym_greater (sym a, sym b); /* 1 or 0; no gradient */
sym sym_equal (sym a, sym b);   /* 1 or 0; no gradient */
sym sym_where (sym condition, sym a, sym b);
sym sym_affine (sym x, double scale, double shift); /* scale x + shift */
sym sym_scale (sym x, double scale);
sym sym_shift (sym x, double shift);
sym sym_neg (sym x);
sym sym_abs (sym x);
sym sym_sign (sym x);
sym sym_floor (sym x);
sym sym_ceil (sym x);
sym sym_round (sym x); /* half to even */
sym sym_square (sym x);
sym sym_sqrt (sym x);
sym sym_rsqrt (sym x); /* 1 / sqrt x */
sym sym_reciprocal (sym x);
sym sym_exp (sym x);
sym sym_log (sym x);
sym sym_sin (sym x);
sym sym_cos (sym x);
sym sym_clamp (sym x, double low, double high);

/* activation.c */
sym sym_relu (sym x);
sym sym_leaky_relu (sym x, double slope);
sym sym_tanh (sym x);
sym sym_erf (sym x);
sym sym_sigmoid (sym x);
sym sym_softplus (sym x);          /* log(1 + exp x), stable */

/* reduce.c: @axes is a bit mask, bit a = axis a; the axes stay as extents of 1 */
#define AXIS(a) (1u << (a))
#define AXES_HW (AXIS (2) | AXIS (3))
#define AXES_CHW (AXIS (1) | AXES_HW)
#define AXES_NHW (AXIS (0) | AXES_HW)
#define AXES_ALL 0x3fu /* as many as there are */
sym sym_sum (sym x, unsigned axes);
sym sym_mean (sym x, unsigned axes);
sym sym_max (sym x, unsigned axes);
sym sym_variance (sym x, unsigned axes);    /* biased: mean of the squared distance to the mean */
sym sym_moments (sym x);                    /* (n,c,h,w) -> (n,2c,1,1): means, then variances over h and w */
sym sym_sum_to (sym x, struct shape shape); /* undoes a broadcast from @shape */

/* shape.c */
sym sym_reshape (sym x, struct shape shape); /* one extent may be -1 */
sym sym_permute (sym x, const int *axes);    /* axes[i]: which axis of x becomes axis i */
sym sym_slice (sym x, int axis, int64_t start, int64_t stop,
               int64_t step); /* step >= 1; negative bounds count from the end */
/* slice's adjoint: zeros of @extent along @axis with x from @start on, @step apart */
sym sym_unslice (sym x, int axis, int64_t start, int64_t step, int64_t extent);
sym sym_concat (const sym *x, int n, int axis);
sym sym_flip (sym x, unsigned axes); /* the axes of the bit mask backwards */
sym sym_broadcast (sym x, struct shape shape);
sym sym_depth_to_space (sym x, int block); /* (n, c b b, h, w) -> (n, c, h b, w b), PyTorch's pixel shuffle order */
sym sym_space_to_depth (sym x, int block);
sym sym_stop_gradient (sym x);
sym sym_scalar_like (sym x, double value); /* a scalar constant in x's graph */

/* gather.c: y = x at @index along @axis; index's axes stand where the axis was. Indices are whole numbers, counted from
 * the end when negative, of any shape, known or not; what lies outside is held to the nearest end. */
sym sym_gather (sym x, int axis, sym index);
/* Its adjoint: a value of x's shape, with @extent along @axis, into which dy's elements are added at @index. */
sym sym_gather_back (sym dy, sym index, int axis, int64_t extent);

/* softmax.c */
struct softmax_attrs {
  int64_t axis;
  bool logarithm;
};
sym sym_softmax (sym x, int axis);
sym sym_log_softmax (sym x, int axis);

/* matmul.c: the last two axes; leading axes broadcast */
sym sym_matmul (sym a, sym b);
sym sym_matmul_t (sym a, bool transpose_a, sym b, bool transpose_b);
/* attention.c: softmax (scale q k^T + bias) v; a null bias is none */
sym sym_attention (sym q, sym k, sym v, sym bias, struct attention_attrs attrs);
sym sym_gram (sym features); /* (n,c,h,w) -> (n,c,c): f f^T / (c h w) */

/* conv.c */
struct conv_options {
  int stride, pad, dilation, groups; /* 0 = default: 1, 0, 1, 1 */
};
sym sym_conv2d (sym x, sym weight, struct conv_options options);
/* weight (c_in, c_out/groups, kh, kw) as in PyTorch; out = (h-1) stride - 2 pad + dilation (k-1) + output_pad + 1 */
sym sym_conv_transpose2d (sym x, sym weight, struct conv_options options, int output_pad);
sym sym_conv2d_attrs (sym x, sym weight, const struct conv_attrs *attrs);
sym sym_conv2d_back_x (sym dy, sym weight, const struct conv_attrs *attrs);
sym sym_conv2d_back_w (sym x, sym dy, const struct conv_attrs *attrs);

/* pad.c: amounts top, left, bottom, right of the last two axes */
enum pad_mode { PAD_ZERO, PAD_REFLECT, PAD_REPLICATE, PAD_CIRCULAR };
sym sym_pad (sym x, enum pad_mode mode, int64_t top, int64_t left, int64_t bottom, int64_t right);

/* pool.c */
sym sym_max_pool (sym x, int kernel, int stride, int pad);
sym sym_avg_pool (sym x, int kernel, int stride, int pad); /* padding does not count in the mean */

/* upsample.c */
sym sym_upsample_nearest (sym x, int factor);
/* resize.c; other ways by the struct of op/resize.h */
sym sym_resize_bilinear (sym x, int64_t h, int64_t w); /* half-pixel centres; no antialiasing */

/* random.c: a pure function of the run's seed and step and of @stream */
sym sym_uniform (struct graph *graph, struct shape shape, unsigned stream);
sym sym_normal (struct graph *graph, struct shape shape, unsigned stream);
sym sym_dropout (sym x, double rate, unsigned stream); /* training: kept values are scaled by 1 / (1 - rate) */

/* Every op, NULL-terminated. */
extern const struct op *const op_table[];
const struct op *op_find (const char *name);
