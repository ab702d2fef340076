/* SPDX-License-Identifier: Apache-2.0
 *
 * The elements of a TensorProto: raw little-endian bytes, typed lists, or bytes of a file beside the model. Sizes are
 * checked against the extents before anything is allocated, so a constant is never larger than what holds it times
 * eight. External data is read only from regular files inside the model's own folder, links followed. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "impasto/error.h"
#include "onnx/model.h"

/* Bytes of an element in raw data; 0: there is none. */
static size_t
raw_size (enum onnx_type type)
{
  switch (type) {
  case ONNX_UINT8:
  case ONNX_INT8:
  case ONNX_BOOL: return 1;
  case ONNX_UINT16:
  case ONNX_INT16:
  case ONNX_FLOAT16:
  case ONNX_BFLOAT16: return 2;
  case ONNX_FLOAT:
  case ONNX_INT32:
  case ONNX_UINT32: return 4;
  case ONNX_DOUBLE:
  case ONNX_INT64:
  case ONNX_UINT64: return 8;
  default: return 0;
  }
}

/* The shape, and the number of elements as far as bytes in memory can hold them. */
static bool
tensor_shape (const Onnx__TensorProto *tensor, struct shape *shape, uint64_t *count, GError **error)
{
  *shape = SHAPE_SCALAR;
  *count = 1;
  if (tensor->n_dims > SHAPE_RANK_MAX)
    return onnx_fail (error, "has %zu axes, %d are supported", tensor->n_dims, SHAPE_RANK_MAX);
  shape->rank = (int) tensor->n_dims;
  for (int i = 0; i < shape->rank; i++) {
    shape->dim[i] = tensor->dims[i];
    if (shape->dim[i] < 0)
      return onnx_fail (error, "axis %d has the extent %" G_GINT64_FORMAT, i, shape->dim[i]);
    if (shape->dim[i] > 0 && *count > (uint64_t) SHAPE_SIZE_MAX / (uint64_t) shape->dim[i])
      return onnx_fail (error, "has more than %" G_GINT64_FORMAT " elements", SHAPE_SIZE_MAX);
    *count *= (uint64_t) shape->dim[i];
  }
  return true;
}

static bool
holds (size_t have, uint64_t want, const char *what, GError **error)
{
  if (have == want)
    return true;
  return onnx_fail (error, "has %zu %s, its extents want %" G_GUINT64_FORMAT, have, what, want);
}

static uint64_t
little_endian (const uint8_t *bytes, size_t size)
{
  uint64_t value = 0;

  for (size_t i = size; i-- > 0;)
    value = value << 8 | bytes[i];
  return value;
}

static double
double_of_bits (uint64_t bits)
{
  double value;

  memcpy (&value, &bits, sizeof value);
  return value;
}

/* @count elements of raw bytes. */
static void
decode_raw (struct onnx_constant *constant, const uint8_t *bytes)
{
  size_t size = raw_size (constant->type);
  float *floats = constant->tensor ? tensor_floats (constant->tensor) : NULL;

  if (constant->type == ONNX_FLOAT && G_BYTE_ORDER == G_LITTLE_ENDIAN) {
    if (floats)
      memcpy (floats, bytes, constant->count * size);
    return;
  }
  for (int64_t i = 0; i < constant->count; i++) {
    uint64_t bits = little_endian (bytes + i * size, size);

    switch (constant->type) {
    case ONNX_FLOAT: memcpy (&floats[i], &(uint32_t){(uint32_t) bits}, sizeof (float)); break;
    case ONNX_FLOAT16: floats[i] = half_to_float ((uint16_t) bits); break;
    case ONNX_BFLOAT16: floats[i] = bfloat_to_float ((uint16_t) bits); break;
    case ONNX_DOUBLE: constant->doubles[i] = double_of_bits (bits); break;
    default: onnx_constant_set_int (constant, i, (int64_t) bits);
    }
  }
}

/* The list of the proto that holds elements of this type, checked for its length. */
static bool
check_list (const Onnx__TensorProto *tensor, enum onnx_type type, uint64_t count, GError **error)
{
  switch (type) {
  case ONNX_FLOAT: return holds (tensor->n_float_data, count, "floats", error);
  case ONNX_DOUBLE: return holds (tensor->n_double_data, count, "doubles", error);
  case ONNX_INT64: return holds (tensor->n_int64_data, count, "whole numbers", error);
  case ONNX_UINT32:
  case ONNX_UINT64: return holds (tensor->n_uint64_data, count, "whole numbers", error);
  default: return holds (tensor->n_int32_data, count, "whole numbers", error);
  }
}

static void
decode_list (struct onnx_constant *constant, const Onnx__TensorProto *tensor)
{
  float *floats = constant->tensor ? tensor_floats (constant->tensor) : NULL;

  for (int64_t i = 0; i < constant->count; i++)
    switch (constant->type) {
    case ONNX_FLOAT: floats[i] = tensor->float_data[i]; break;
    case ONNX_DOUBLE: constant->doubles[i] = tensor->double_data[i]; break;
    case ONNX_FLOAT16: floats[i] = half_to_float ((uint16_t) tensor->int32_data[i]); break;
    case ONNX_BFLOAT16: floats[i] = bfloat_to_float ((uint16_t) tensor->int32_data[i]); break;
    case ONNX_INT64: onnx_constant_set_int (constant, i, tensor->int64_data[i]); break;
    case ONNX_UINT32:
    case ONNX_UINT64: onnx_constant_set_int (constant, i, (int64_t) tensor->uint64_data[i]); break;
    default: onnx_constant_set_int (constant, i, tensor->int32_data[i]);
    }
}

/* --- External data --- */

struct external {
  const char *location;
  uint64_t offset, length;
  bool has_length;
};

static bool
parse_size (const char *key, const char *text, uint64_t *value, GError **error)
{
  const char *end = text;

  if (g_ascii_isdigit (*text) && (*value = g_ascii_strtoull (text, (char **) &end, 10)) < G_MAXINT64 && *end == '\0')
    return true;
  g_autofree char *shown = text_show (text);
  return onnx_fail (error, "external data: %s is '%s'", key, shown);
}

static bool
external_read (const Onnx__TensorProto *tensor, struct external *external, GError **error)
{
  *external = (struct external){0};
  for (size_t i = 0; i < tensor->n_external_data; i++) {
    const Onnx__StringStringEntryProto *entry = tensor->external_data[i];
    const char *key = entry->key ? entry->key : "", *value = entry->value ? entry->value : "";

    if (g_str_equal (key, "location"))
      external->location = value;
    else if (g_str_equal (key, "offset")) {
      if (!parse_size (key, value, &external->offset, error))
        return false;
    } else if (g_str_equal (key, "length")) {
      external->has_length = true;
      if (!parse_size (key, value, &external->length, error))
        return false;
    }
  }
  return external->location != NULL || onnx_fail (error, "external data without a location");
}

/* The real path of a location below @folder; NULL when there is none or it is not below. */
static char *
external_path (const char *folder, const char *location, GError **error)
{
  g_autofree char *shown = text_show (location);
  g_auto (GStrv) parts = g_strsplit (location, "/", -1);

  if (folder == NULL) {
    onnx_fail (error, "external data in '%s', but the model lies in no folder", shown);
    return NULL;
  }
  if (g_path_is_absolute (location) || g_strv_contains ((const char *const *) parts, "..") || *location == '\0') {
    onnx_fail (error, "external data in '%s', which is not inside the model's folder", shown);
    return NULL;
  }
  g_autofree char *path = g_build_filename (folder, location, NULL);
  char *real_folder = realpath (folder, NULL), *real_path = real_folder ? realpath (path, NULL) : NULL;
  size_t length = real_folder ? strlen (real_folder) : 0;
  char *result = NULL;

  if (real_path == NULL)
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "external data in '%s': %s", shown, g_strerror (errno));
  else if (strncmp (real_path, real_folder, length) != 0 ||
           (real_path[length] != '/' && real_folder[length - 1] != '/'))
    onnx_fail (error, "external data in '%s', which leads out of the model's folder", shown);
  else
    result = g_strdup (real_path);
  free (real_folder);
  free (real_path);
  return result;
}

static bool
read_fully (int fd, uint8_t *to, uint64_t size, uint64_t offset)
{
  while (size > 0) {
    ssize_t n = pread (fd, to, MIN (size, (uint64_t) 1 << 30), (off_t) offset);

    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return false;
    to += n;
    offset += (uint64_t) n;
    size -= (uint64_t) n;
  }
  return true;
}

/* @size bytes of external data; a new buffer. */
static uint8_t *
external_load (const Onnx__TensorProto *tensor, const char *folder, uint64_t size, GError **error)
{
  struct external external;
  struct stat status;
  uint8_t *bytes = NULL;

  if (!external_read (tensor, &external, error))
    return NULL;
  if (external.has_length && !holds (external.length, size, "bytes of external data", error))
    return NULL;
  g_autofree char *path = external_path (folder, external.location, error);
  g_autofree char *shown = text_show (external.location);
  int fd = path ? open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
  if (path == NULL)
    return NULL;
  if (fd < 0 || fstat (fd, &status) != 0)
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "external data in '%s': %s", shown, g_strerror (errno));
  else if (!S_ISREG (status.st_mode))
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "external data in '%s': not a regular file", shown);
  else if (external.offset > (uint64_t) status.st_size || size > (uint64_t) status.st_size - external.offset)
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT,
                 "external data in '%s': wants bytes %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT
                 ", it has %" G_GUINT64_FORMAT,
                 shown, external.offset, external.offset + size, (uint64_t) status.st_size);
  else if ((bytes = g_try_malloc (size + 1)) == NULL)
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "out of memory: external data wants %.1f MiB",
                 (double) size / (1 << 20));
  else if (!read_fully (fd, bytes, size, external.offset)) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "external data in '%s': %s", shown, g_strerror (errno));
    g_clear_pointer (&bytes, g_free);
  }
  if (fd >= 0)
    close (fd);
  return bytes;
}

static struct onnx_constant *
decode (const Onnx__TensorProto *tensor, const char *folder, GError **error)
{
  enum onnx_type type = (enum onnx_type) tensor->data_type;
  bool outside = tensor->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
  g_autofree uint8_t *loaded = NULL;
  const uint8_t *raw = NULL;
  struct onnx_constant *constant;
  struct shape shape;
  uint64_t count;

  if (!onnx_type_known (type)) {
    onnx_fail (error, "elements of type %d (%s) are not supported", (int) type,
               onnx_type_name (type) ? onnx_type_name (type) : "unknown");
    return NULL;
  }
  if (tensor->segment != NULL) {
    onnx_fail (error, "is stored in segments, which are not supported");
    return NULL;
  }
  if (!tensor_shape (tensor, &shape, &count, error))
    return NULL;
  if (outside) {
    loaded = external_load (tensor, folder, count * raw_size (type), error);
    if (loaded == NULL)
      return NULL;
    raw = loaded;
  } else if (tensor->has_raw_data && (tensor->raw_data.len > 0 || count == 0)) {
    if (!holds (tensor->raw_data.len, count * raw_size (type), "bytes", error))
      return NULL;
    raw = tensor->raw_data.data;
  } else if (!check_list (tensor, type, count, error))
    return NULL;
  constant = onnx_constant_new (type, shape, error);
  if (constant == NULL || count == 0)
    return constant;
  if (raw != NULL)
    decode_raw (constant, raw);
  else
    decode_list (constant, tensor);
  return constant;
}

struct onnx_constant *
onnx_tensor_decode (const Onnx__TensorProto *tensor, const char *folder, GError **error)
{
  struct onnx_constant *constant = decode (tensor, folder, error);

  if (constant == NULL) {
    g_autofree char *shown = text_show (tensor->name ? tensor->name : "");
    g_prefix_error (error, "tensor '%s': ", shown);
  }
  return constant;
}
