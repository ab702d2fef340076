/* SPDX-License-Identifier: Apache-2.0
 *
 * Internal to this room: the ways to carry out a convolution, among which cpu_conv2d and its kin (cpu_fold.c) choose.
 * Same operands, same results. */
#pragma once

#include "device/cpu.h"

/* Taps along a row, up to which few outputs take less time as sums than by a matrix made of the picture (AVX2). */
#define CONV_NARROW 7

/* As oneDNN has them (cpu_conv.c). */
bool direct_conv2d (struct kernel *kernel, GError **error);
bool direct_conv2d_back_x (struct kernel *kernel, GError **error);
bool direct_conv2d_back_w (struct kernel *kernel, GError **error);

/* By Winograd's algorithm (cpu_winograd.c, cpu_winograd_back_w.c): dense, 3x3 or 2x2 (back_w: 3x3), stride 1,
 * float32. */
bool winograd_conv2d (struct kernel *kernel, GError **error);
bool winograd_conv2d_back_x (struct kernel *kernel, GError **error);
bool winograd_conv2d_back_w (struct kernel *kernel, GError **error);

/* By Winograd's algorithm where it can be used and pays, else directly. A formula over the shapes decides, so that the
 * same machine chooses the same. */
bool wide_conv2d (struct kernel *kernel, GError **error);
bool wide_conv2d_back_x (struct kernel *kernel, GError **error);
bool wide_conv2d_back_w (struct kernel *kernel, GError **error);

/* Rows of a result as wide as @kernel's that wide_conv2d computes together, so that heights should be multiples; or
 * 1. */
int64_t wide_conv2d_rows (const struct kernel *kernel);

/* Results that are pixels of a larger picture, channels-last: output (k, i, j) of the convolution is channel
 * k % channels of pixel (i + first) scale[0] - shift[0] + k / channels / scale[1],
 * j scale[1] - shift[1] + k / channels % scale[1], dropped where there is none. */
struct spread {
  int64_t scale[2], shift[2];
  int64_t height, width, channels;
  int64_t first;  /* of the convolution's rows; this and the next may change from run to run */
  float *picture; /* one */
};

/* Makes the prepared @kernel write there instead of to its y; false where it cannot, then nothing has changed. */
bool wide_conv2d_spread (struct kernel *kernel, const struct spread *spread);
