/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a safetensors file: refused with a message of one line, or accepted with tensors that account for every
 * byte of data. */
#include <glib.h>
#include <string.h>

#include "format/safetensors.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
check (struct weights *weights, const uint8_t *data, size_t size)
{
  uint64_t header_size, total = 0;

  memcpy (&header_size, data, sizeof header_size);
  for (guint i = 0; i < weights_count (weights); i++) {
    struct tensor *tensor = weights_at (weights, i);

    g_assert_true (shape_valid (&tensor->shape));
    g_assert_cmpuint (tensor->size, ==, (uint64_t) shape_size (&tensor->shape) * dtype_size (tensor->dtype));
    g_assert_true (weights_find (weights, weights_name (weights, i)) == tensor);
    total += tensor->size;
  }
  g_assert_cmpuint (sizeof header_size + header_size + total, ==, size);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (weights) weights = safetensors_parse (data, size, "input", &error);

  g_assert_true ((weights == NULL) == (error != NULL));
  if (weights != NULL)
    check (weights, data, size);
  else
    g_assert_true (g_utf8_validate (error->message, -1, NULL) && strpbrk (error->message, "\r\n") == NULL);
  return 0;
}
