/* SPDX-License-Identifier: Apache-2.0
 *
 * IDX files, the form of MNIST and its kin: bytes 0, 0, the type, the number of axes, the extents as big-endian 32-bit
 * numbers, the elements. Read: unsigned bytes, plain or compressed by gzip. What a file says of its size is held against
 * its bytes before memory is taken; a compressed one can't say more than deflate could have packed. */
#pragma once

#include "tensor/tensor.h"

/* The array as U8. IMPASTO_ERROR_INPUT: missing, no IDX file, damaged, cut off, too long, another type, empty, more than
 * six axes; IMPASTO_ERROR_MEMORY. */
struct tensor *idx_load (const char *path, GError **error);

/* The same from memory; @name stands for the file in messages. */
struct tensor *idx_parse (const void *data, size_t size, const char *name, GError **error);

/* Whether a file of these first bytes may be one: the start of an IDX file, or of any gzip file. */
bool idx_matches (const void *head, size_t size);
