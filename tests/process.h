/* SPDX-License-Identifier: Apache-2.0
 *
 * What the system says of the test's own process. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Whether memory is what the program asked for: a sanitizer keeps what is freed, and more around it. */
#ifdef __SANITIZE_ADDRESS__
#define PROCESS_COUNTS_MEMORY false
#else
#define PROCESS_COUNTS_MEMORY true
#endif

/* Bytes that a line of /proc/self/status tells: "VmHWM", "VmRSS"; 0: it has none. */
static inline uint64_t
process_bytes (const char *field)
{
  g_autofree char *text = NULL;
  g_assert_true (g_file_get_contents ("/proc/self/status", &text, NULL, NULL));
  const char *line = strstr (text, field);
  return line ? g_ascii_strtoull (line + strlen (field) + 1, NULL, 10) * 1024 : 0;
}
