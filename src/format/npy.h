/* SPDX-License-Identifier: Apache-2.0
 *
 * NumPy's .npy files: one array each. Read: versions 1 to 3, little-endian floats of 2, 4 and 8 bytes, whole numbers of
 * 1 to 8, booleans; C and Fortran order. Written: version 1, C order. A file is bounded by what it says of itself
 * before memory is taken. Format: numpy.org/neps/nep-0001-npy-format.html. */
#pragma once

#include "tensor/tensor.h"

/* The array as a tensor: floats as they are stored, U8 for uint8 and booleans, I64 for other whole numbers. *@boolean
 * (may be NULL) tells booleans. IMPASTO_ERROR_INPUT: missing, damaged, another type, empty, more than six axes. */
struct tensor *npy_load (const char *path, bool *boolean, GError **error);

/* The same from memory; @name stands for the file in messages. */
struct tensor *npy_parse (const void *data, size_t size, const char *name, bool *boolean, GError **error);

/* Any type but BF16; U8 as booleans when @boolean. Appears when it is complete. IMPASTO_ERROR_OUTPUT. */
bool npy_save (const struct tensor *tensor, bool boolean, const char *path, GError **error);
