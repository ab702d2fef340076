/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of ops, and what op files share. */
#include "op/table.h"

#include "impasto/error.h"
#include "op/sym.h"

#define ROW(NAME) &op_##NAME,
const struct op *const op_table[] = {OP_TABLE (ROW) NULL};
#undef ROW

const struct op *
op_find (const char *name)
{
  for (const struct op *const *op = op_table; *op != NULL; op++)
    if (g_str_equal ((*op)->name, name))
      return *op;
  return NULL;
}

bool
op_fail (GError **error, const char *format, ...)
{
  va_list list;

  va_start (list, format);
  g_propagate_error (error, g_error_new_valist (IMPASTO_ERROR, IMPASTO_ERROR_MODEL, format, list));
  va_end (list);
  return false;
}

void
shape_unravel (int64_t flat, const struct shape *shape, int64_t *at)
{
  for (int i = shape->rank - 1; i >= 0; i--) {
    int64_t dim = shape->dim[i];
    bool narrow = flat <= UINT32_MAX && dim <= UINT32_MAX; /* halves of a register are divided much sooner */
    int64_t above = narrow ? (uint32_t) flat / (uint32_t) dim : flat / dim;
    at[i] = flat - above * dim;
    flat = above;
  }
}

int64_t
shape_ravel (const int64_t *at, const struct shape *shape)
{
  int64_t flat = 0;

  for (int i = 0; i < shape->rank; i++)
    flat = flat * shape->dim[i] + at[i];
  return flat;
}
