/* SPDX-License-Identifier: Apache-2.0
 *
 * What device/cpu.h says of the machine, and how it sets threads and small numbers. */
#include <unistd.h>

#include "device/cpu.h"
#include "device/cpu_conv.h"

static void
test_machine (void)
{
  static const char *const known[] = {"avx512_amx", "avx512_bf16", "avx512", "avx2", "sse41", NULL};
  int all;

  g_assert_true (g_strv_contains (known, cpu_isa ()));
  g_assert_true (cpu_has_bf16 () ==
                 (g_str_equal (cpu_isa (), "avx512_bf16") || g_str_equal (cpu_isa (), "avx512_amx")));
  if (g_strcmp0 (g_getenv ("ONEDNN_MAX_CPU_ISA"), "AVX2") == 0)
    g_assert_false (g_str_has_prefix (cpu_isa (), "avx512"));
  if (g_strcmp0 (g_getenv ("ONEDNN_MAX_CPU_ISA"), "SSE41") == 0)
    g_assert_cmpstr (cpu_isa (), ==, "sse41");
  cpu_set_threads (0);
  all = cpu_threads ();
  g_assert_cmpint (all, >=, 1);
  cpu_set_threads (1);
  g_assert_cmpint (cpu_threads (), ==, 1);
  cpu_set_threads (0);
  g_assert_cmpint (cpu_threads (), ==, all);
  g_assert_cmpuint (cpu_memory_available (), >, 1 << 20);
  g_assert_cmpuint (cpu_memory_available (), <=,
                    (uint64_t) sysconf (_SC_PHYS_PAGES) * (uint64_t) sysconf (_SC_PAGESIZE));
}

static void
test_peak (void)
{
  double f32 = cpu_peak_gflops (false, 0), bf16 = cpu_peak_gflops (true, 0);
  int threads = cpu_threads ();

  g_test_message ("%s: peak %.0f GFLOP/s in float32, %.0f in bfloat16", cpu_isa (), f32, bf16);
  g_assert_cmpfloat (f32, >, 0.5); /* plain loops reach 1 */
  g_assert_cmpfloat (bf16, >, 0.5);
  g_assert_cmpfloat (cpu_peak_gflops (false, 1), >, 0.2);
  g_assert_cmpint (cpu_threads (), ==, threads);
}

static void
test_denormals (void)
{
  float tiny[64], sum = 0;
  int threads = cpu_threads ();

  for (int i = 0; i < 64; i++)
    tiny[i] = 1e-39f; /* below FLT_MIN */
  struct cpu_scope scope = cpu_enter (1);
  g_assert_cmpint (cpu_threads (), ==, 1);
#pragma omp parallel for reduction(+ : sum)
  for (int i = 0; i < 64; i++) {
    volatile float x = tiny[i];
    volatile float y = x * 1.0f;
    sum += y;
  }
#ifdef __SSE2__
  g_assert_cmpfloat (sum, ==, 0);
#endif
  cpu_leave (scope); /* the caller's thread is as before */
  volatile float x = tiny[0];
  g_assert_cmpfloat (x * 1.0f, >, 0);
  g_assert_cmpint (cpu_threads (), ==, threads);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  cpu_set_threads (0);
  g_test_add_func ("/machine/facts", test_machine);
  g_test_add_func ("/machine/peak", test_peak);
  g_test_add_func ("/machine/denormals", test_denormals);
  return g_test_run ();
}
