/* SPDX-License-Identifier: Apache-2.0
 *
 * The header of a safetensors file. It has one fixed form, an object of flat objects, so it is read by a scanner for
 * just that form rather than by a general JSON parser: there is no depth to overflow, no tree larger than the file,
 * and duplicate names are seen. The list of tensors is then checked as a whole. */
#include "format/safetensors_header.h"

#include <stdarg.h>
#include <string.h>

#include "base/text.h"

static const enum dtype known_dtypes[] = {DTYPE_F32, DTYPE_F16, DTYPE_BF16, DTYPE_F64, DTYPE_I64, DTYPE_U8};

static void
item_free (void *data)
{
  struct safetensors_item *item = data;

  g_free (item->name);
  g_free (item);
}

/* --- The scanner --- */

struct scanner {
  const char *start, *at, *end;
  char *problem; /* the first one */
};

G_GNUC_PRINTF (2, 3) static bool problem (struct scanner *scanner, const char *format, ...)
{
  va_list arguments;

  if (scanner->problem != NULL)
    return false;
  va_start (arguments, format);
  scanner->problem = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  return false;
}

static bool
expected (struct scanner *scanner, const char *what)
{
  return problem (scanner, "byte %td of the header: %s expected", scanner->at - scanner->start, what);
}

/* The next character after white space, without taking it; '\0' at the end. */
static char
peek (struct scanner *scanner)
{
  while (scanner->at < scanner->end && memchr (" \t\r\n", *scanner->at, 4) != NULL)
    scanner->at++;
  return scanner->at < scanner->end ? *scanner->at : '\0';
}

static bool
take (struct scanner *scanner, char c)
{
  const char what[] = {'\'', c, '\'', '\0'};

  if (peek (scanner) != c)
    return expected (scanner, what);
  scanner->at++;
  return true;
}

/* Four hexadecimal digits. */
static bool
take_hex (struct scanner *scanner, gunichar *code)
{
  *code = 0;
  for (int i = 0; i < 4; i++, scanner->at++) {
    int digit = scanner->at < scanner->end ? g_ascii_xdigit_value (*scanner->at) : -1;

    if (digit < 0)
      return expected (scanner, "a hexadecimal digit");
    *code = *code << 4 | (gunichar) digit;
  }
  return true;
}

/* After "\u": a code point, or the two halves of a surrogate pair. */
static bool
take_unicode (struct scanner *scanner, GString *text)
{
  gunichar code, low;

  if (!take_hex (scanner, &code))
    return false;
  if (code >= 0xD800 && code < 0xDC00) {
    if (scanner->end - scanner->at < 2 || scanner->at[0] != '\\' || scanner->at[1] != 'u')
      return expected (scanner, "the second half of a surrogate pair");
    scanner->at += 2;
    if (!take_hex (scanner, &low))
      return false;
    if (low < 0xDC00 || low > 0xDFFF)
      return expected (scanner, "the second half of a surrogate pair");
    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
  }
  if (code == 0 || !g_unichar_validate (code))
    return expected (scanner, "a character");
  g_string_append_unichar (text, code);
  return true;
}

static bool
take_escape (struct scanner *scanner, GString *text)
{
  static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
  char c = scanner->at < scanner->end ? *scanner->at++ : '\0';
  const char *letter = c != '\0' ? strchr (letters, c) : NULL;

  if (c == 'u')
    return take_unicode (scanner, text);
  if (letter == NULL)
    return expected (scanner, "an escaped character");
  g_string_append_c (text, meanings[letter - letters]);
  return true;
}

/* A string in quotes; NULL when there is none. */
static char *
take_string (struct scanner *scanner)
{
  g_autoptr (GString) text = g_string_new (NULL);

  if (peek (scanner) != '"') {
    expected (scanner, "a string");
    return NULL;
  }
  for (scanner->at++; scanner->at < scanner->end && *scanner->at != '"';) {
    if ((guchar) *scanner->at < 0x20) {
      expected (scanner, "no control character");
      return NULL;
    }
    if (*scanner->at != '\\')
      g_string_append_c (text, *scanner->at++);
    else if (scanner->at++, !take_escape (scanner, text))
      return NULL;
  }
  if (!take (scanner, '"'))
    return NULL;
  if (!g_utf8_validate (text->str, (gssize) text->len, NULL)) {
    problem (scanner, "a string before byte %td of the header is not UTF-8", scanner->at - scanner->start);
    return NULL;
  }
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static bool
take_number (struct scanner *scanner, uint64_t *number)
{
  const char *first;

  *number = 0;
  if (!g_ascii_isdigit (peek (scanner)))
    return expected (scanner, "a whole number");
  first = scanner->at;
  for (; scanner->at < scanner->end && g_ascii_isdigit (*scanner->at); scanner->at++) {
    if (*number > (G_MAXINT64 - 9) / 10)
      return expected (scanner, "a smaller number");
    *number = *number * 10 + (uint64_t) (*scanner->at - '0');
  }
  if ((*first == '0' && scanner->at - first > 1) || (scanner->at < scanner->end && strchr (".eE", *scanner->at)))
    return expected (scanner, "a plain whole number");
  return true;
}

/* [1, 2, 3]; at most @max numbers. */
static bool
take_numbers (struct scanner *scanner, uint64_t *numbers, int max, int *count)
{
  *count = 0;
  if (!take (scanner, '['))
    return false;
  if (peek (scanner) == ']')
    return take (scanner, ']');
  do {
    if (*count == max)
      return problem (scanner, "a list of more than %d numbers before byte %td of the header", max,
                      scanner->at - scanner->start);
    if (!take_number (scanner, &numbers[(*count)++]))
      return false;
  } while (peek (scanner) == ',' && take (scanner, ','));
  return take (scanner, ']');
}

typedef bool (*value_func) (struct scanner *scanner, const char *name, void *data);

/* {"name": value, ...}; @take_value takes the value of each name. */
static bool
take_object (struct scanner *scanner, value_func take_value, void *data)
{
  if (!take (scanner, '{'))
    return false;
  if (peek (scanner) == '}')
    return take (scanner, '}');
  do {
    g_autofree char *name = take_string (scanner);

    if (name == NULL || !take (scanner, ':') || !take_value (scanner, name, data))
      return false;
  } while (peek (scanner) == ',' && take (scanner, ','));
  return take (scanner, '}');
}

/* --- The header --- */

struct header {
  GPtrArray *items;
  GHashTable *names; /* borrowed from the items */
  struct weights *weights;
  bool has_metadata;
  int metadata_count;
};

static bool
take_metadata_value (struct scanner *scanner, const char *name, void *data)
{
  struct header *header = data;
  g_autofree char *value = take_string (scanner), *shown = text_show (name);

  if (value == NULL)
    return false;
  if (weights_metadata (header->weights, name) != NULL)
    return problem (scanner, "metadata '%s' is there twice", shown);
  if (header->metadata_count++ >= SAFETENSORS_COUNT_MAX)
    return problem (scanner, "more than %d metadata strings", SAFETENSORS_COUNT_MAX);
  weights_set_metadata (header->weights, name, value);
  return true;
}

struct item_state {
  struct safetensors_item *item;
  bool has_dtype, has_shape, has_offsets;
};

static bool
take_dtype (struct scanner *scanner, struct safetensors_item *item)
{
  g_autofree char *text = take_string (scanner), *shown = NULL, *shown_name = NULL;

  if (text == NULL)
    return false;
  for (size_t i = 0; i < G_N_ELEMENTS (known_dtypes); i++) {
    if (g_str_equal (text, dtype_name (known_dtypes[i]))) {
      item->dtype = known_dtypes[i];
      return true;
    }
  }
  shown = text_show (text);
  shown_name = text_show (item->name);
  return problem (scanner, "tensor '%s' has elements of type %s; F32, F16, BF16, F64, I64 or U8 expected", shown_name,
                  shown);
}

static bool
take_shape (struct scanner *scanner, struct safetensors_item *item)
{
  uint64_t extents[SHAPE_RANK_MAX];

  if (!take_numbers (scanner, extents, SHAPE_RANK_MAX, &item->shape.rank))
    return false;
  for (int i = 0; i < item->shape.rank; i++)
    item->shape.dim[i] = (int64_t) extents[i];
  return true;
}

static bool
take_offsets (struct scanner *scanner, struct safetensors_item *item)
{
  uint64_t offsets[2];
  int count;

  if (!take_numbers (scanner, offsets, 2, &count))
    return false;
  if (count != 2)
    return expected (scanner, "two offsets");
  item->begin = offsets[0];
  item->end = offsets[1];
  return true;
}

static bool
take_item_value (struct scanner *scanner, const char *name, void *data)
{
  struct item_state *state = data;
  const struct {
    const char *name;
    bool (*take) (struct scanner *, struct safetensors_item *);
    bool *has;
  } members[] = {
    {"dtype", take_dtype, &state->has_dtype},
    {"shape", take_shape, &state->has_shape},
    {"data_offsets", take_offsets, &state->has_offsets},
  };

  for (size_t i = 0; i < G_N_ELEMENTS (members); i++) {
    if (!g_str_equal (name, members[i].name))
      continue;
    if (*members[i].has)
      return expected (scanner, "no second value of the same name");
    *members[i].has = true;
    return members[i].take (scanner, state->item);
  }
  return expected (scanner, "dtype, shape or data_offsets");
}

/* The bytes that type and shape ask for must be the bytes that the offsets give. */
static bool
check_item (struct scanner *scanner, const struct safetensors_item *item)
{
  g_autofree char *shown = text_show (item->name), *shape = shape_text (&item->shape);
  uint64_t wanted;

  if (!shape_valid (&item->shape))
    return problem (
      scanner, "tensor '%s' has the shape %s; extents of 1 or more and at most %" G_GINT64_FORMAT " elements expected",
      shown, shape, SHAPE_SIZE_MAX);
  wanted = (uint64_t) shape_size (&item->shape) * dtype_size (item->dtype);
  if (item->end < item->begin || item->end - item->begin != wanted)
    return problem (scanner,
                    "tensor '%s' %s of %s takes %" G_GUINT64_FORMAT " bytes, its offsets are %" G_GUINT64_FORMAT
                    " to %" G_GUINT64_FORMAT,
                    shown, shape, dtype_name (item->dtype), wanted, item->begin, item->end);
  return true;
}

static bool
take_header_value (struct scanner *scanner, const char *name, void *data)
{
  struct header *header = data;
  struct item_state state = {0};
  g_autofree char *shown = NULL;

  if (g_str_equal (name, SAFETENSORS_METADATA)) {
    if (header->has_metadata)
      return problem (scanner, SAFETENSORS_METADATA " is there twice");
    header->has_metadata = true;
    return take_object (scanner, take_metadata_value, header);
  }
  shown = text_show (name);
  if (g_hash_table_contains (header->names, name))
    return problem (scanner, "tensor '%s' is there twice", shown);
  if (header->items->len >= SAFETENSORS_COUNT_MAX)
    return problem (scanner, "more than %d tensors", SAFETENSORS_COUNT_MAX);
  state.item = g_new0 (struct safetensors_item, 1);
  state.item->name = g_strdup (name);
  g_ptr_array_add (header->items, state.item);
  g_hash_table_add (header->names, state.item->name);
  if (!take_object (scanner, take_item_value, &state))
    return false;
  if (!state.has_dtype || !state.has_shape || !state.has_offsets)
    return problem (scanner, "tensor '%s' wants dtype, shape and data_offsets", shown);
  return check_item (scanner, state.item);
}

static int
compare_offsets (const void *a, const void *b)
{
  const struct safetensors_item *x = *(struct safetensors_item *const *) a, *y = *(struct safetensors_item *const *) b;

  return (x->begin > y->begin) - (x->begin < y->begin);
}

/* The tensors must tile the data: no gap, no overlap, nothing left over. */
static bool
check_layout (struct scanner *scanner, GPtrArray *items, uint64_t data_size)
{
  g_autoptr (GPtrArray) sorted = g_ptr_array_new ();
  uint64_t at = 0;

  for (guint i = 0; i < items->len; i++)
    g_ptr_array_add (sorted, g_ptr_array_index (items, i));
  g_ptr_array_sort (sorted, compare_offsets);
  for (guint i = 0; i < sorted->len; i++) {
    const struct safetensors_item *item = g_ptr_array_index (sorted, i);
    g_autofree char *shown = text_show (item->name);

    if (item->begin != at)
      return problem (scanner,
                      "tensor '%s' begins at byte %" G_GUINT64_FORMAT " of the data, %" G_GUINT64_FORMAT
                      " expected: tensors must follow each other without gap or overlap",
                      shown, item->begin, at);
    at = item->end;
  }
  if (at != data_size)
    return problem (scanner,
                    "the header describes %" G_GUINT64_FORMAT " bytes of data, the file has %" G_GUINT64_FORMAT, at,
                    data_size);
  return true;
}

static bool
take_header (struct scanner *scanner, struct header *header, uint64_t data_size)
{
  if (!take_object (scanner, take_header_value, header))
    return false;
  peek (scanner); /* writers pad with spaces */
  if (scanner->at != scanner->end)
    return expected (scanner, "the end of the header");
  return check_layout (scanner, header->items, data_size);
}

GPtrArray *
safetensors_header_parse (const char *json, size_t size, uint64_t data_size, struct weights *weights, char **problem)
{
  g_autoptr (GPtrArray) items = g_ptr_array_new_with_free_func (item_free);
  g_autoptr (GHashTable) names = g_hash_table_new (g_str_hash, g_str_equal);
  struct header header = {.items = items, .names = names, .weights = weights};
  struct scanner scanner = {.start = json, .at = json, .end = json + size};

  if (take_header (&scanner, &header, data_size))
    return g_steal_pointer (&items);
  *problem = scanner.problem;
  return NULL;
}
