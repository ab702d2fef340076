/* SPDX-License-Identifier: Apache-2.0
 *
 * .npy, read and written. The header is a Python dictionary of three known entries: {'descr': '<f4', 'fortran_order':
 * False, 'shape': (3, 4), }; it is read as that and nothing more. */
#include "format/npy.h"

#include <string.h>

#include "base/draft.h"
#include "base/text.h"
#include "format/mapped.h"
#include "impasto/error.h"

G_STATIC_ASSERT (G_BYTE_ORDER == G_LITTLE_ENDIAN); /* data is copied as it lies in the file */

#define MAGIC "\x93NUMPY"
#define MAGIC_SIZE 6
#define HEADER_MAX 65536

static double
load_i8 (const void *at)
{
  return *(const int8_t *) at;
}

static double
load_i16 (const void *at)
{
  int16_t x;

  memcpy (&x, at, sizeof x);
  return x;
}

static double
load_u16 (const void *at)
{
  uint16_t x;

  memcpy (&x, at, sizeof x);
  return x;
}

static double
load_i32 (const void *at)
{
  int32_t x;

  memcpy (&x, at, sizeof x);
  return x;
}

static double
load_u32 (const void *at)
{
  uint32_t x;

  memcpy (&x, at, sizeof x);
  return x;
}

/* Types by NumPy's code. Those without a loader lie in the file as in a tensor. */
static const struct kind {
  const char *code;
  size_t size;
  enum dtype dtype;
  bool boolean;
  double (*load) (const void *at); /* exact: 32 bits fit into a double */
} kinds[] = {
  {"f4", 4, DTYPE_F32},
  {"f8", 8, DTYPE_F64},
  {"f2", 2, DTYPE_F16},
  {"i8", 8, DTYPE_I64},
  {"u1", 1, DTYPE_U8},
  {"b1", 1, DTYPE_U8, true},
  {"i4", 4, DTYPE_I64, .load = load_i32},
  {"u4", 4, DTYPE_I64, .load = load_u32},
  {"i2", 2, DTYPE_I64, .load = load_i16},
  {"u2", 2, DTYPE_I64, .load = load_u16},
  {"i1", 1, DTYPE_I64, .load = load_i8},
};

struct header {
  const struct kind *kind;
  bool fortran;
  struct shape shape;
};

/* --- The header --- */

struct reader {
  const char *at, *end;
};

static void
skip_space (struct reader *reader)
{
  while (reader->at < reader->end && g_ascii_isspace (*reader->at))
    reader->at++;
}

/* Skips space, then @text if it is there. */
static bool
take (struct reader *reader, const char *text)
{
  size_t length = strlen (text);

  skip_space (reader);
  if ((size_t) (reader->end - reader->at) < length || memcmp (reader->at, text, length) != 0)
    return false;
  reader->at += length;
  return true;
}

/* A quoted word of at most 31 characters. */
static bool
take_word (struct reader *reader, char word[32])
{
  size_t n = 0;
  char quote;

  skip_space (reader);
  if (reader->at == reader->end || (*reader->at != '\'' && *reader->at != '"'))
    return false;
  quote = *reader->at++;
  while (reader->at < reader->end && *reader->at != quote && n < 31)
    word[n++] = *reader->at++;
  word[n] = '\0';
  return reader->at < reader->end && *reader->at++ == quote;
}

static bool
take_extent (struct reader *reader, int64_t *extent)
{
  int64_t value = 0;
  int digits = 0;

  skip_space (reader);
  for (; reader->at < reader->end && g_ascii_isdigit (*reader->at) && digits < 18; digits++)
    value = value * 10 + (*reader->at++ - '0');
  *extent = value;
  return digits > 0 && digits < 18;
}

/* "(3, 4)", "(3,)", "()". */
static const char *
take_shape (struct reader *reader, struct shape *shape)
{
  *shape = SHAPE_SCALAR;
  if (!take (reader, "("))
    return "its shape is no tuple";
  while (!take (reader, ")")) {
    if (shape->rank == SHAPE_RANK_MAX)
      return "it has more than six axes";
    if (!take_extent (reader, &shape->dim[shape->rank++]))
      return "its shape holds something else than extents";
    if (!take (reader, ",") && !(reader->at < reader->end && *reader->at == ')'))
      return "its shape is cut off";
  }
  return NULL;
}

static const char *
take_type (struct reader *reader, const struct kind **kind)
{
  char word[32];

  if (!take_word (reader, word))
    return "it holds records, which are not supported";
  if (word[0] == '>')
    return "its numbers are big-endian, which is not supported";
  for (size_t i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (strchr ("<|=", word[0]) && word[0] != '\0' && g_str_equal (word + 1, kinds[i].code)) {
      *kind = &kinds[i];
      return NULL;
    }
  return "its type is not supported: floats of 2, 4 or 8 bytes, whole numbers and booleans are";
}

static const char *
take_flag (struct reader *reader, bool *flag)
{
  *flag = take (reader, "True");
  return *flag || take (reader, "False") ? NULL : "fortran_order is neither True nor False";
}

/* What is wrong, or NULL. */
static const char *
parse_header (const char *text, size_t size, struct header *header)
{
  struct reader reader = {text, text + size};
  const char *mistake = NULL;
  unsigned seen = 0;
  char key[32];

  if (!take (&reader, "{"))
    return "its header is no dictionary";
  while (!mistake && !take (&reader, "}")) {
    if (!take_word (&reader, key) || !take (&reader, ":"))
      return "its header is damaged";
    if (g_str_equal (key, "descr")) {
      mistake = take_type (&reader, &header->kind);
      seen |= 1;
    } else if (g_str_equal (key, "fortran_order")) {
      mistake = take_flag (&reader, &header->fortran);
      seen |= 2;
    } else if (g_str_equal (key, "shape")) {
      mistake = take_shape (&reader, &header->shape);
      seen |= 4;
    } else
      return "its header has an unknown entry";
    if (!mistake && !take (&reader, ",") && !(reader.at < reader.end && *reader.at == '}'))
      return "its header is damaged";
  }
  return mistake ? mistake : seen == 7 ? NULL : "its header lacks an entry";
}

/* --- The data --- */

/* Element @i of the result, counted row-major, lies at this place in column-major data. */
static int64_t
fortran_index (const struct shape *shape, int64_t i)
{
  int64_t at[SHAPE_RANK_MAX], index = 0;

  for (int a = shape->rank - 1; a >= 0; a--) {
    at[a] = i % shape->dim[a];
    i /= shape->dim[a];
  }
  for (int a = shape->rank - 1; a >= 0; a--)
    index = index * shape->dim[a] + at[a];
  return index;
}

static void
copy_elements (const struct header *header, const char *data, struct tensor *tensor)
{
  int64_t n = shape_size (&tensor->shape);
  const struct kind *kind = header->kind;

  if (!kind->load && !header->fortran) {
    memcpy (tensor->data, data, tensor->size);
    return;
  }
  for (int64_t i = 0; i < n; i++) {
    const char *at = data + (header->fortran ? fortran_index (&tensor->shape, i) : i) * (int64_t) kind->size;

    if (kind->load)
      ((int64_t *) tensor->data)[i] = (int64_t) kind->load (at);
    else
      memcpy ((char *) tensor->data + i * (int64_t) kind->size, at, kind->size);
  }
}

/* Finds the header; @*body: what follows it. */
static const char *
split_header (const char *data, size_t size, struct header *header, const char **body)
{
  const uint8_t *bytes = (const uint8_t *) data;
  size_t length, start;

  if (size < MAGIC_SIZE + 4 || memcmp (data, MAGIC, MAGIC_SIZE) != 0)
    return "it does not begin like one";
  if (bytes[6] < 1 || bytes[6] > 3)
    return "its version is unknown";
  start = bytes[6] == 1 ? 10 : 12;
  if (size < start)
    return "it is cut off";
  length = bytes[8] | (size_t) bytes[9] << 8;
  if (bytes[6] > 1)
    length |= (size_t) bytes[10] << 16 | (size_t) bytes[11] << 24;
  if (length > HEADER_MAX || length > size - start)
    return "its header is cut off or too long";
  *body = data + start + length;
  return parse_header (data + start, length, header);
}

struct tensor *
npy_parse (const void *data, size_t size, const char *name, bool *boolean, GError **error)
{
  struct header header = {0};
  const char *body = NULL, *mistake = split_header (data, size, &header, &body);
  struct tensor *tensor;

  if (!mistake && !shape_valid (&header.shape))
    mistake = "it is empty, or of no size that fits";
  if (!mistake) {
    uint64_t wanted = (uint64_t) shape_size (&header.shape) * header.kind->size;

    if (wanted > size - (size_t) (body - (const char *) data))
      mistake = "its data is cut off";
  }
  if (mistake) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "%s is not a good .npy file: %s", name, mistake);
    return NULL;
  }
  tensor = tensor_new (header.shape, header.kind->dtype, error);
  if (tensor)
    copy_elements (&header, body, tensor);
  if (boolean)
    *boolean = header.kind->boolean;
  return tensor;
}

struct tensor *
npy_load (const char *path, bool *boolean, GError **error)
{
  g_autoptr (GMappedFile) file = mapped_open (path, error);
  return file
           ? npy_parse (g_mapped_file_get_contents (file), g_mapped_file_get_length (file), path, boolean, error)
           : NULL;
}

/* --- Writing --- */

static const char *
code_of (const struct tensor *tensor, bool boolean)
{
  for (size_t i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (!kinds[i].load && kinds[i].dtype == tensor->dtype && kinds[i].boolean == (boolean && tensor->dtype == DTYPE_U8))
      return kinds[i].code;
  return NULL;
}

bool
npy_save (const struct tensor *tensor, bool boolean, const char *path, GError **error)
{
  const char *code = code_of (tensor, boolean);
  GString *header = g_string_new (NULL);
  uint8_t start[10] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0};
  g_autofree char *text = NULL;
  size_t size;

  g_assert (code != NULL);
  g_string_printf (header, "{'descr': '%s%s', 'fortran_order': False, 'shape': (", code[1] == '1' ? "|" : "<", code);
  for (int i = 0; i < tensor->shape.rank; i++)
    g_string_append_printf (header, "%" G_GINT64_FORMAT "%s", tensor->shape.dim[i],
                            i + 1 < tensor->shape.rank ? ", "
                            : tensor->shape.rank == 1  ? ","
                                                       : "");
  g_string_append (header, "), }");
  while ((sizeof start + header->len + 1) % 64 != 0)
    g_string_append_c (header, ' ');
  g_string_append_c (header, '\n');
  size = header->len;
  start[8] = (uint8_t) (size & 0xff);
  start[9] = (uint8_t) (size >> 8);
  text = g_string_free (header, FALSE);
  g_autoptr (draft) draft = draft_new (path, error);
  return draft && draft_write (draft, start, sizeof start, error) && draft_write (draft, text, size, error) &&
         draft_write (draft, tensor->data, tensor->size, error) && draft_commit (draft, error);
}
