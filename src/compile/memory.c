/* SPDX-License-Identifier: Apache-2.0
 *
 * Greedy-by-size packing of buffers with lifetimes; see memory.h. Quadratic in the number of buffers, which is a few
 * thousand at most. */
#include "compile/memory.h"

#include <glib.h>

#define ALIGN 64

static int
by_size (const void *a, const void *b)
{
  const struct span *x = *(struct span *const *) a, *y = *(struct span *const *) b;
  if (x->size != y->size)
    return x->size < y->size ? 1 : -1;
  return x < y ? -1 : x > y; /* stable: a plan is the same every time */
}

static bool
alive_together (const struct span *a, const struct span *b)
{
  return a->first <= b->last && b->first <= a->last;
}

size_t
memory_pack (struct span *spans, int n)
{
  g_autofree struct span **order = g_new (struct span *, n + 1);
  g_autofree struct span **placed = g_new (struct span *, n + 1); /* by offset */
  size_t total = 0;
  int n_placed = 0;
  for (int i = 0; i < n; i++)
    order[i] = &spans[i];
  qsort (order, n, sizeof *order, by_size);
  for (int i = 0; i < n; i++) {
    struct span *span = order[i];
    size_t at = 0;
    for (int j = 0; j < n_placed; j++) {
      if (!alive_together (span, placed[j]))
        continue;
      if (placed[j]->offset >= at + span->size)
        break;
      at = MAX (at, (placed[j]->offset + placed[j]->size + ALIGN - 1) / ALIGN * ALIGN);
    }
    span->offset = at;
    int j = n_placed++;
    for (; j > 0 && placed[j - 1]->offset > at; j--)
      placed[j] = placed[j - 1];
    placed[j] = span;
    total = MAX (total, at + span->size);
  }
  return total;
}
