/* SPDX-License-Identifier: Apache-2.0
 *
 * Animations: frames of one size, shown again and again. GIF and WebP. Any thread. */
#pragma once

#include "image/picture.h"

/* Whether @path is named as an animation: .gif or .webp. */
bool animation_named (const char *path);

/* Writes the frames, which stand one above the other in @frames, each @height pixels high; each is shown for @delay ms.
 * The file appears when it is complete. IMPASTO_ERROR_NUMERIC: NaN or infinity; IMPASTO_ERROR_MEMORY;
 * IMPASTO_ERROR_OUTPUT. */
bool animation_save (const struct picture *frames, int height, int delay, const char *path, GError **error);
