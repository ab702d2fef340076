/* SPDX-License-Identifier: Apache-2.0
 *
 * Internal to this room: the convolutions as oneDNN has them, without the rearranging of narrow ones that cpu_conv2d
 * and its kin (cpu_fold.c) put before them. Same operands, same results. */
#pragma once

#include "device/cpu.h"

/* By Winograd or by oneDNN, whichever is forecast to be faster. */
bool direct_conv2d (struct kernel *kernel, GError **error);
bool direct_conv2d_back_x (struct kernel *kernel, GError **error);
bool direct_conv2d_back_w (struct kernel *kernel, GError **error);

/* Winograd's algorithm for dense 3x3 convolutions in float32 (cpu_winograd.c), and whether its use is possible and
 * pays: a formula over shapes, the same answer every time. */
bool winograd_conv2d_pays (const struct kernel *kernel);
bool winograd_conv2d (struct kernel *kernel, GError **error);
bool winograd_conv2d_back_x_pays (const struct kernel *kernel);
bool winograd_conv2d_back_x (struct kernel *kernel, GError **error);
