/* SPDX-License-Identifier: Apache-2.0
 *
 * Shapes: up to six extents, outermost first; rank 0 is a scalar. Pictures are (n, c, h, w). Plain values, no owner. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define SHAPE_RANK_MAX 6
#define SHAPE_SIZE_MAX ((int64_t) 1 << 40) /* elements: beyond it a shape is refused */

struct shape {
  int rank;
  int64_t dim[SHAPE_RANK_MAX];
};

#define SHAPE_INIT(...) {.rank = sizeof ((int64_t[]){__VA_ARGS__}) / sizeof (int64_t), .dim = {__VA_ARGS__}}
#define SHAPE(...) ((struct shape) SHAPE_INIT (__VA_ARGS__)) /* SHAPE_INIT is for static tables */
#define SHAPE_SCALAR ((struct shape){.rank = 0})

int64_t shape_size (const struct shape *shape); /* number of elements; 1 for a scalar */
bool shape_equal (const struct shape *a, const struct shape *b);

/* Every extent >= 1 and the product at most SHAPE_SIZE_MAX, computed without overflow. */
bool shape_valid (const struct shape *shape);

/* NumPy's rule: aligned at the last axis, extents equal or 1. False when they do not fit. */
bool shape_broadcast (const struct shape *a, const struct shape *b, struct shape *out);

/* "(2, 3, 64, 64)"; a new string. */
char *shape_text (const struct shape *shape);
