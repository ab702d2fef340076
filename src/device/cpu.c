/* SPDX-License-Identifier: Apache-2.0
 *
 * The machine: which instructions oneDNN may use, how many threads, how much memory. */
#include "device/cpu.h"

#include <oneapi/dnnl/dnnl.h>
#include <omp.h>
#include <string.h>
#include <unistd.h>

/* Instruction sets. oneDNN's values are bit sets: one holds another when it has all of its bits. */

static bool
isa_has (dnnl_cpu_isa_t wanted)
{
  return ((unsigned) dnnl_get_effective_cpu_isa () & (unsigned) wanted) == (unsigned) wanted;
}

const char *
cpu_isa (void)
{
  if (isa_has (dnnl_cpu_isa_avx512_core_amx))
    return "avx512_amx";
  if (isa_has (dnnl_cpu_isa_avx512_core_bf16))
    return "avx512_bf16";
  if (isa_has (dnnl_cpu_isa_avx512_core))
    return "avx512";
  return isa_has (dnnl_cpu_isa_avx2) ? "avx2" : "sse41";
}

bool
cpu_has_bf16 (void)
{
  return isa_has (dnnl_cpu_isa_avx512_core_bf16);
}

const char *
cpu_version (void)
{
  static char text[32];
  static gsize once;

  if (g_once_init_enter (&once)) {
    const dnnl_version_t *version = dnnl_version ();

    g_snprintf (text, sizeof text, "oneDNN %d.%d.%d", version->major, version->minor, version->patch);
    g_once_init_leave (&once, 1);
  }
  return text;
}

/* Threads */

/* As many as OpenMP would start by itself: the processors of our affinity mask, or OMP_NUM_THREADS. */
static int
all_threads (void)
{
  static gsize all;

  if (g_once_init_enter (&all))
    g_once_init_leave (&all, (gsize) MAX (omp_get_max_threads (), 1));
  return (int) all;
}

void
cpu_set_threads (int threads)
{
  int all = all_threads ();

  omp_set_num_threads (threads > 0 ? threads : all);
}

int
cpu_threads (void)
{
  return omp_get_max_threads ();
}

#ifdef __SSE2__
#include <immintrin.h>

#define FLUSH_TO_ZERO 0x8000u
#define DENORMALS_ARE_ZERO 0x0040u

static unsigned
flush_this_thread (void)
{
  unsigned before = _mm_getcsr ();

  _mm_setcsr (before | FLUSH_TO_ZERO | DENORMALS_ARE_ZERO);
  return before;
}

static void
restore_this_thread (unsigned before)
{
  _mm_setcsr (before);
}
#else
static unsigned
flush_this_thread (void)
{
  return 0;
}

static void
restore_this_thread (unsigned before)
{
}
#endif

struct cpu_scope
cpu_enter (int threads)
{
  struct cpu_scope scope = {.threads = omp_get_max_threads ()};

  cpu_set_threads (threads);
  scope.control = flush_this_thread ();
#pragma omp parallel
  flush_this_thread ();
  return scope;
}

void
cpu_leave (struct cpu_scope scope)
{
  restore_this_thread (scope.control);
  omp_set_num_threads (scope.threads);
}

/* Memory */

static uint64_t
number_after (const char *text, const char *key, uint64_t fallback)
{
  const char *at = text;
  size_t length = strlen (key);

  while (at != NULL && strncmp (at, key, length) != 0) {
    at = strchr (at, '\n');
    at = at == NULL ? NULL : at + 1;
  }
  return at == NULL ? fallback : g_ascii_strtoull (at + length, NULL, 10);
}

static uint64_t
read_number (const char *folder, const char *name, uint64_t fallback)
{
  g_autofree char *path = g_build_filename (folder, name, NULL), *text = NULL;

  if (!g_file_get_contents (path, &text, NULL, NULL) || !g_ascii_isdigit (text[0]))
    return fallback; /* not there, or "max" */
  return g_ascii_strtoull (text, NULL, 10);
}

/* What one control group still grants. Cached files count as used there, but the kernel gives them up first. */
static uint64_t
group_available (const char *folder, const char *limit_name, const char *usage_name, const char *cache_key)
{
  g_autofree char *stat_path = g_build_filename (folder, "memory.stat", NULL), *stat = NULL;
  uint64_t limit = read_number (folder, limit_name, UINT64_MAX), used = read_number (folder, usage_name, 0);
  uint64_t cached = 0;

  if (limit == UINT64_MAX)
    return limit;
  if (g_file_get_contents (stat_path, &stat, NULL, NULL))
    cached = number_after (stat, cache_key, 0);
  used -= MIN (used, cached);
  return limit - MIN (limit, used);
}

/* The least that the group @path below @mount and those above it grant. A path that is not visible from inside a
 * container leads up to the mount itself, which is then the container's own group. */
static uint64_t
groups_available (const char *mount, const char *path, bool unified)
{
  g_autofree char *folder = g_build_filename (mount, path, NULL);
  uint64_t least = UINT64_MAX;

  while (g_str_has_prefix (folder, mount)) {
    uint64_t here =
      unified ? group_available (folder, "memory.max", "memory.current", "inactive_file ")
              : group_available (folder, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file ");
    char *parent = g_path_get_dirname (folder);

    least = MIN (least, here);
    g_free (folder);
    folder = parent;
  }
  return least;
}

/* Lines of /proc/self/cgroup: "4:memory:/path" of version 1, "0::/path" of version 2. */
static uint64_t
cgroup_available (void)
{
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;
  uint64_t least = UINT64_MAX;

  if (!g_file_get_contents ("/proc/self/cgroup", &text, NULL, NULL))
    return least;
  lines = g_strsplit (text, "\n", -1);
  for (char **line = lines; *line != NULL; line++) {
    g_auto (GStrv) part = g_strsplit (*line, ":", 3);
    uint64_t here = UINT64_MAX;

    if (g_strv_length (part) != 3)
      continue;
    if (part[1][0] == '\0')
      here = groups_available ("/sys/fs/cgroup", part[2], true);
    else if (g_str_equal (part[1], "memory"))
      here = groups_available ("/sys/fs/cgroup/memory", part[2], false);
    least = MIN (least, here);
  }
  return least;
}

uint64_t
cpu_memory_available (void)
{
  g_autofree char *text = NULL;
  uint64_t pages = (uint64_t) sysconf (_SC_PHYS_PAGES) * (uint64_t) sysconf (_SC_PAGESIZE), available = pages;

  if (g_file_get_contents ("/proc/meminfo", &text, NULL, NULL))
    available = number_after (text, "MemAvailable:", pages / 1024) * 1024;
  return MIN (available, cgroup_available ());
}
