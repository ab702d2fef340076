/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as an IDX file, plain or compressed: refused with a message of one line, or accepted as bytes whose number
 * the file can hold. */
#include <glib.h>
#include <string.h>

#include "format/idx.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (tensor) tensor = idx_parse (data, size, "input", &error);

  g_assert_true ((tensor == NULL) == (error != NULL));
  if (!tensor) {
    g_assert_true (g_utf8_validate (error->message, -1, NULL) && strpbrk (error->message, "\r\n") == NULL);
    return 0;
  }
  g_assert_true (idx_matches (data, size));
  g_assert_true (tensor->dtype == DTYPE_U8 && shape_valid (&tensor->shape));
  g_assert_cmpuint (tensor->size, ==, (uint64_t) shape_size (&tensor->shape));
  if (data[0] == 0)
    g_assert_cmpuint (4 + 4 * (size_t) tensor->shape.rank + tensor->size, ==, size);
  else
    g_assert_cmpuint (tensor->size, <=, 1032 * (uint64_t) (size + 64));
  return 0;
}
