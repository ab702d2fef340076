/* SPDX-License-Identifier: Apache-2.0
 *
 * The weights of VGG-19 up to conv3_4 as files have them, in impasto's names or in torchvision's: zeros, layer by layer
 * weight and bias. */
#pragma once

#include "tensor/weights.h"

#define VGG_LAYERS 8

struct weights *make_vgg (bool torchvision);
