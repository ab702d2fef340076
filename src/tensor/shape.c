/* SPDX-License-Identifier: Apache-2.0
 *
 * Arithmetic of shapes. */
#include "tensor/shape.h"

int64_t
shape_size (const struct shape *shape)
{
  int64_t size = 1;

  for (int i = 0; i < shape->rank; i++)
    size *= shape->dim[i];
  return size;
}

bool
shape_equal (const struct shape *a, const struct shape *b)
{
  if (a->rank != b->rank)
    return false;
  for (int i = 0; i < a->rank; i++)
    if (a->dim[i] != b->dim[i])
      return false;
  return true;
}

bool
shape_valid (const struct shape *shape)
{
  int64_t size = 1;

  if (shape->rank < 0 || shape->rank > SHAPE_RANK_MAX)
    return false;
  for (int i = 0; i < shape->rank; i++) {
    if (shape->dim[i] < 1 || shape->dim[i] > SHAPE_SIZE_MAX / size)
      return false;
    size *= shape->dim[i];
  }
  return true;
}

/* The extent of axis @i counted from a rank of @rank; axes that are missing in front count as 1. */
static int64_t
extent_at (const struct shape *shape, int i, int rank)
{
  int own = i - (rank - shape->rank);

  return own < 0 ? 1 : shape->dim[own];
}

bool
shape_broadcast (const struct shape *a, const struct shape *b, struct shape *out)
{
  struct shape result = {.rank = MAX (a->rank, b->rank)};

  for (int i = 0; i < result.rank; i++) {
    int64_t m = extent_at (a, i, result.rank), n = extent_at (b, i, result.rank);

    if (m != n && m != 1 && n != 1)
      return false;
    result.dim[i] = m == 1 ? n : m;
  }
  *out = result;
  return true;
}

char *
shape_text (const struct shape *shape)
{
  GString *text = g_string_new ("(");

  for (int i = 0; i < shape->rank; i++)
    g_string_append_printf (text, i > 0 ? ", %" G_GINT64_FORMAT : "%" G_GINT64_FORMAT, shape->dim[i]);
  g_string_append_c (text, ')');
  return g_string_free (text, FALSE);
}
