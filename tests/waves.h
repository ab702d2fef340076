/* SPDX-License-Identifier: Apache-2.0
 *
 * Made-up pictures: waves that differ by kind and by channel, 0.05..0.95. */
#pragma once

#include "image/picture.h"

struct picture *make_waves (int width, int height, int kind);

/* The same as the file @name of the tests' folder; its path. */
char *save_waves (const char *name, int width, int height, int kind);
