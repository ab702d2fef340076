/* SPDX-License-Identifier: Apache-2.0
 *
 * safetensors (https://github.com/huggingface/safetensors): eight bytes of header length, a JSON header, raw data; all
 * little-endian. Reading is bounded: a header of at most 100 MiB, offsets inside the file, contiguous and not
 * overlapping, extents that multiply to the byte count, known types, no duplicate names, nothing unexpected; the data
 * may not exceed the memory of the machine. Writing is atomic: a temporary file beside the target, renamed. */
#pragma once

#include "tensor/weights.h"

/* Tensors in the order of the header, with the metadata. IMPASTO_ERROR_INPUT names the file and what is wrong with it;
 * IMPASTO_ERROR_MEMORY. */
struct weights *safetensors_load (const char *path, GError **error);

/* The metadata alone: the header is checked as a whole, no tensor is read. */
struct weights *safetensors_load_metadata (const char *path, GError **error);

/* The same as safetensors_load from memory; @name stands for the file in messages. */
struct weights *safetensors_parse (const void *data, size_t size, const char *name, GError **error);

/* Writes every tensor in its own element type (tensor_convert first for half precision), sorted by element size then
 * name, so that equal weights give equal bytes. IMPASTO_ERROR_OUTPUT; nothing half-written is left. */
bool safetensors_save (struct weights *weights, const char *path, GError **error);
