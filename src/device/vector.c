/* SPDX-License-Identifier: Apache-2.0
 *
 * Which set of vector loops this machine runs: vector_kernels.c is compiled once for each instruction set
 * (meson.build), widest first here. The choice follows oneDNN's, so that limiting oneDNN limits these loops as well. */
#include "device/vector.h"

#include <glib.h>

#include "device/cpu.h"

#ifdef VECTOR_X86
extern const struct vector_kernels vector_kernels_avx512, vector_kernels_avx2;
#endif
extern const struct vector_kernels vector_kernels_base;

static const struct vector_kernels *const sets[] = {
#ifdef VECTOR_X86
  &vector_kernels_avx512,
  &vector_kernels_avx2,
#endif
  &vector_kernels_base,
};

const struct vector_kernels *
vector_kernels (void)
{
  static gsize chosen = 0;

  if (g_once_init_enter (&chosen)) {
    const char *isa = cpu_isa ();
    size_t i = 0;

    while (i + 1 < G_N_ELEMENTS (sets) && !g_str_has_prefix (isa, sets[i]->isa))
      i++;
    g_once_init_leave (&chosen, (gsize) sets[i]);
  }
  return (const struct vector_kernels *) chosen;
}
