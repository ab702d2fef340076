/* SPDX-License-Identifier: Apache-2.0
 *
 * Mapping a file. Devices and pipes, which can be endless, are refused before they are opened. */
#include "format/mapped.h"

#include <sys/stat.h>

#include "base/text.h"
#include "impasto/error.h"

GMappedFile *
mapped_open (const char *path, GError **error)
{
  g_autoptr (GError) failure = NULL;
  struct stat status;
  if (stat (path, &status) == 0 && !S_ISREG (status.st_mode)) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "%s: not a regular file", path);
    return NULL;
  }
  GMappedFile *file = g_mapped_file_new (path, FALSE, &failure);
  if (!file)
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "%s: cannot be read: %s", path, text_cause (failure));
  return file;
}
