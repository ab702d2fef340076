/* SPDX-License-Identifier: Apache-2.0
 *
 * safetensors, read and written. The header is checked as a whole before memory is taken for the data, which goes from
 * the file straight into the tensors. */
#include "format/safetensors.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/draft.h"
#include "base/text.h"
#include "format/safetensors_header.h"
#include "impasto/error.h"

G_STATIC_ASSERT (G_BYTE_ORDER == G_LITTLE_ENDIAN); /* data is copied as it lies in the file */

#define READ_MAX ((size_t) 1 << 30) /* bytes a call */

/* --- Reading --- */

/* A file, or memory that stands for one. */
struct source {
  const char *name;
  const char *bytes; /* NULL for a file */
  int fd;
  uint64_t size;
  bool header_only;
};

static bool
fail_input (const struct source *source, const char *what, GError **error)
{
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "%s is not a good safetensors file: %s", source->name, what);
  return false;
}

/* @offset + @size lies within the source. */
static bool
source_read (const struct source *source, uint64_t offset, void *into, size_t size, GError **error)
{
  char *at = into;

  if (source->bytes != NULL) {
    memcpy (into, source->bytes + offset, size);
    return true;
  }
  while (size > 0) {
    ssize_t got = pread (source->fd, at, MIN (size, READ_MAX), (off_t) offset);

    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      return fail_input (source, got == 0 ? "it ended while it was read" : g_strerror (errno), error);
    at += got;
    offset += (uint64_t) got;
    size -= (size_t) got;
  }
  return true;
}

static bool
read_tensors (const struct source *source, uint64_t data_start, const GPtrArray *items, struct weights *weights,
              GError **error)
{
  for (guint i = 0; i < items->len; i++) {
    const struct safetensors_item *item = g_ptr_array_index (items, i);
    g_autoptr (tensor) tensor = tensor_new (item->shape, item->dtype, error);

    if (tensor == NULL) {
      g_prefix_error (error, "%s: ", source->name);
      return false;
    }
    if (!source_read (source, data_start + item->begin, tensor->data, tensor->size, error))
      return false;
    weights_add (weights, item->name, tensor);
  }
  return true;
}

/* A sparse file can promise more than any machine has. */
static bool
check_memory (const struct source *source, GError **error)
{
  long pages = sysconf (_SC_PHYS_PAGES), page_size = sysconf (_SC_PAGESIZE);

  if (pages <= 0 || page_size <= 0 || source->size / (uint64_t) page_size < (uint64_t) pages)
    return true;
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY,
               "%s has %.1f GiB of weights, this machine %.1f GiB of memory", source->name,
               (double) source->size / (1 << 30), (double) pages * (double) page_size / (1 << 30));
  return false;
}

/* Bytes of the JSON header; 0 with @error. */
static size_t
header_size (const struct source *source, GError **error)
{
  g_autofree char *what = NULL;
  uint64_t size;

  if (source->size < sizeof size) {
    fail_input (source, source->size == 0 ? "it is empty" : "it is shorter than eight bytes", error);
    return 0;
  }
  if (!source_read (source, 0, &size, sizeof size, error))
    return 0;
  if (size >= 2 && size <= SAFETENSORS_HEADER_MAX && size <= source->size - sizeof size)
    return (size_t) size;
  what = g_strdup_printf ("its first eight bytes give a header of %" G_GUINT64_FORMAT " bytes, 2 to %" G_GUINT64_FORMAT
                          " expected",
                          size, MIN (source->size - sizeof size, SAFETENSORS_HEADER_MAX));
  fail_input (source, what, error);
  return 0;
}

static struct weights *
source_load (const struct source *source, GError **error)
{
  size_t size = header_size (source, error);
  g_autofree char *json = size > 0 ? g_try_malloc (size) : NULL;
  g_autofree char *problem = NULL;
  g_autoptr (weights) weights = weights_new ();
  g_autoptr (GPtrArray) items = NULL;
  uint64_t data_start = sizeof (uint64_t) + size;

  if (size == 0)
    return NULL;
  if (json == NULL) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "%s: out of memory for its header", source->name);
    return NULL;
  }
  if (!source_read (source, sizeof (uint64_t), json, size, error))
    return NULL;
  items = safetensors_header_parse (json, size, source->size - data_start, weights, &problem);
  if (items == NULL) {
    fail_input (source, problem, error);
    return NULL;
  }
  if (source->header_only)
    return g_steal_pointer (&weights);
  if (!check_memory (source, error) || !read_tensors (source, data_start, items, weights, error))
    return NULL;
  return g_steal_pointer (&weights);
}

struct weights *
safetensors_parse (const void *data, size_t size, const char *name, GError **error)
{
  struct source source = {.name = name, .bytes = size > 0 ? data : "", .fd = -1, .size = size};

  return source_load (&source, error);
}

static struct weights *
file_load (const char *path, bool header_only, GError **error)
{
  struct source source = {
    .name = path, .fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), .header_only = header_only};
  struct weights *weights = NULL;
  struct stat info;

  if (source.fd < 0 || fstat (source.fd, &info) != 0) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "cannot read %s: %s", path, g_strerror (errno));
  } else if (!S_ISREG (info.st_mode)) {
    fail_input (&source, S_ISDIR (info.st_mode) ? "it is a folder" : "it is not a regular file", error);
  } else {
    source.size = (uint64_t) info.st_size;
    weights = source_load (&source, error);
  }
  if (source.fd >= 0)
    close (source.fd);
  return weights;
}

struct weights *
safetensors_load (const char *path, GError **error)
{
  return file_load (path, false, error);
}

struct weights *
safetensors_load_metadata (const char *path, GError **error)
{
  return file_load (path, true, error);
}

/* --- Writing --- */

static void
append_string (GString *json, const char *text)
{
  g_string_append_c (json, '"');
  for (; *text != '\0'; text++) {
    if (*text == '"' || *text == '\\')
      g_string_append_printf (json, "\\%c", *text);
    else if ((guchar) *text < 0x20)
      g_string_append_printf (json, "\\u%04x", (guint) *text);
    else
      g_string_append_c (json, *text);
  }
  g_string_append_c (json, '"');
}

static void
append_metadata (GString *json, struct weights *weights)
{
  g_auto (GStrv) keys = weights_metadata_keys (weights);

  if (keys[0] == NULL)
    return;
  g_string_append (json, "\"" SAFETENSORS_METADATA "\":{");
  for (char **key = keys; *key != NULL; key++) {
    if (key != keys)
      g_string_append_c (json, ',');
    append_string (json, *key);
    g_string_append_c (json, ':');
    append_string (json, weights_metadata (weights, *key));
  }
  g_string_append_c (json, '}');
}

static void
append_tensor (GString *json, const char *name, const struct tensor *tensor, uint64_t begin)
{
  if (json->len > 1)
    g_string_append_c (json, ',');
  append_string (json, name);
  g_string_append_printf (json, ":{\"dtype\":\"%s\",\"shape\":[", dtype_name (tensor->dtype));
  for (int i = 0; i < tensor->shape.rank; i++)
    g_string_append_printf (json, i > 0 ? ",%" G_GINT64_FORMAT : "%" G_GINT64_FORMAT, tensor->shape.dim[i]);
  g_string_append_printf (json, "],\"data_offsets\":[%" G_GUINT64_FORMAT ",%" G_GUINT64_FORMAT "]}", begin,
                          begin + tensor->size);
}

/* Larger elements first, so that all of them are aligned; then by name. */
static int
compare_tensors (const void *a, const void *b, void *data)
{
  guint x = *(const guint *) a, y = *(const guint *) b;
  size_t x_size = dtype_size (weights_at (data, x)->dtype), y_size = dtype_size (weights_at (data, y)->dtype);

  if (x_size != y_size)
    return x_size > y_size ? -1 : 1;
  return strcmp (weights_name (data, x), weights_name (data, y));
}

static bool
fail_output (const char *path, const char *what, const char *text, GError **error)
{
  g_autofree char *shown = text_show (text);

  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_OUTPUT, "cannot write %s: %s '%s'", path, what, shown);
  return false;
}

/* What a reader would refuse is not written. */
static bool
check_strings (struct weights *weights, const char *path, GError **error)
{
  g_auto (GStrv) keys = weights_metadata_keys (weights);

  for (guint i = 0; i < weights_count (weights); i++) {
    if (g_str_equal (weights_name (weights, i), SAFETENSORS_METADATA))
      return fail_output (path, "no tensor may be called", SAFETENSORS_METADATA, error);
    if (!g_utf8_validate (weights_name (weights, i), -1, NULL))
      return fail_output (path, "not UTF-8: the tensor name", weights_name (weights, i), error);
  }
  for (char **key = keys; *key != NULL; key++)
    if (!g_utf8_validate (*key, -1, NULL) || !g_utf8_validate (weights_metadata (weights, *key), -1, NULL))
      return fail_output (path, "not UTF-8: metadata", *key, error);
  return true;
}

static bool
write_all (struct weights *weights, const GArray *order, const GString *json, const char *path, GError **error)
{
  g_autoptr (draft) draft = draft_new (path, error);
  uint64_t size = json->len;

  if (draft == NULL || !draft_write (draft, &size, sizeof size, error) ||
      !draft_write (draft, json->str, json->len, error))
    return false;
  for (guint i = 0; i < order->len; i++) {
    const struct tensor *tensor = weights_at (weights, g_array_index (order, guint, i));

    if (!draft_write (draft, tensor->data, tensor->size, error))
      return false;
  }
  return draft_commit (draft, error);
}

bool
safetensors_save (struct weights *weights, const char *path, GError **error)
{
  g_autoptr (GArray) order = g_array_new (FALSE, FALSE, sizeof (guint));
  g_autoptr (GString) json = g_string_new ("{");
  uint64_t begin = 0;

  if (!check_strings (weights, path, error))
    return false;
  for (guint i = 0; i < weights_count (weights); i++)
    g_array_append_val (order, i);
  g_array_sort_with_data (order, compare_tensors, weights);
  append_metadata (json, weights);
  for (guint i = 0; i < order->len; i++) {
    guint at = g_array_index (order, guint, i);

    append_tensor (json, weights_name (weights, at), weights_at (weights, at), begin);
    begin += weights_at (weights, at)->size;
  }
  g_string_append_c (json, '}');
  while (json->len % sizeof (uint64_t) != 0) /* so that the data is aligned */
    g_string_append_c (json, ' ');
  if (json->len > SAFETENSORS_HEADER_MAX || order->len > SAFETENSORS_COUNT_MAX)
    return fail_output (path, "too many or too long names; the first is", weights_name (weights, 0), error);
  return write_all (weights, order, json, path, error);
}
