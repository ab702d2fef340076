/* SPDX-License-Identifier: Apache-2.0
 *
 * Internal to this room: the convolutions as oneDNN has them, without the rearranging of narrow ones that cpu_conv2d
 * and its kin (cpu_fold.c) put before them. Same operands, same results. */
#pragma once

#include "device/cpu.h"

bool direct_conv2d (struct kernel *kernel, GError **error);
bool direct_conv2d_back_x (struct kernel *kernel, GError **error);
bool direct_conv2d_back_w (struct kernel *kernel, GError **error);
