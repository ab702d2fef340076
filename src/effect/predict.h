/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether method "predict" (predict.c) can paint here. */
#pragma once

#include <stdbool.h>

/* Whether the pack that ships is found, and has a predictor. */
bool predict_is_there (void);
