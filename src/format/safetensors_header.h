/* SPDX-License-Identifier: Apache-2.0
 *
 * The JSON header of a safetensors file as a checked list of tensors: what safetensors.c reads before it takes
 * memory. */
#pragma once

#include <glib.h>

#include "tensor/weights.h"

#define SAFETENSORS_HEADER_MAX ((uint64_t) 100 << 20) /* bytes */
#define SAFETENSORS_COUNT_MAX (1 << 17)               /* tensors, and metadata strings */
#define SAFETENSORS_METADATA "__metadata__"           /* the name that is no tensor */

/* One tensor; offsets count from the end of the header. */
struct safetensors_item {
  char *name;
  enum dtype dtype;
  struct shape shape;
  uint64_t begin, end;
};

/* The items in the order of the header, shapes valid, tiling @data_size bytes exactly; metadata is added to @weights.
 * On failure NULL, and what is wrong in @problem, to be freed. Free the array with g_ptr_array_unref. */
GPtrArray *safetensors_header_parse (const char *json, size_t size, uint64_t data_size, struct weights *weights,
                                     char **problem);
