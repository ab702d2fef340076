/* SPDX-License-Identifier: Apache-2.0
 *
 * IDX files, the form of MNIST and its kin: bytes 0, 0, the type, the number of axes, the extents as big-endian 32-bit
 * numbers, the elements. Unsigned bytes are read, plain or compressed by gzip, and written plain. What a file says of
 * its size is held against its bytes before memory is taken; a compressed one can't say more than deflate could have
 * packed, and one that says more than is likely is unpacked twice, at first to nowhere. */
#pragma once

#include "tensor/tensor.h"

/* The array as U8. IMPASTO_ERROR_INPUT: missing, no IDX file, damaged, cut off, too long, another type, empty, more
 * than six axes; IMPASTO_ERROR_MEMORY. */
struct tensor *idx_load (const char *path, GError **error);

/* What its header says, for those who want arrays of some shape alone. Errors as idx_load. */
bool idx_probe (const char *path, struct shape *shape, GError **error);

/* The same as idx_load from memory; @name stands for the file in messages. */
struct tensor *idx_parse (const void *data, size_t size, const char *name, GError **error);

/* Whether a file of these first bytes may be one: the start of an IDX file, or of any gzip file. */
bool idx_matches (const void *head, size_t size);

/* What the file of labels beside the file of pictures @path is called: "labels" and "idx1" for "images" and "idx3"; a
 * new string, NULL: the name has neither. */
char *idx_labels_path (const char *path);

/* Writes a U8 @tensor of up to six axes. Errors as of drafts. */
bool idx_save (const struct tensor *tensor, const char *path, GError **error);
