/* SPDX-License-Identifier: Apache-2.0
 *
 * HDF5, read. Every number that a file holds is checked against the file's bytes before it is followed. Work and memory
 * are paid from a budget in proportion to the file, so that pieces that overlap cannot make much out of little. */
#include "format/hdf5_internal.h"

#include <stdarg.h>
#include <string.h>

#include "format/mapped.h"
#include "impasto/error.h"

#define BUDGET_TIMES 4 /* a byte of a good file is met at most so often: as a message, a name, a string, an array */
#define ENTRY_SIZE 40  /* of a symbol table */
#define TREE_DEPTH_MAX 8

struct file {
  const uint8_t *data;
  uint64_t size, budget;
  GHashTable *met; /* addresses of the objects so far */
  char *mistake;   /* the first one */
  bool memory;     /* it is memory that lacks */
};

/* An object's messages, as far as they matter. */
struct header {
  struct hdf5 *object;
  bool is_group, is_array;
  uint64_t tree, heap; /* of a group */
  struct shape shape;
  bool empty; /* an extent of 0, or no extents at all */
  bool space, type, layout;
  bool known; /* the type has a dtype */
  enum dtype dtype;
  uint64_t address, stored; /* of an array's bytes */
};

static bool fail (struct file *file, const char *format, ...) G_GNUC_PRINTF (2, 3);

static bool
fail (struct file *file, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  if (!file->mistake)
    file->mistake = g_strdup_vprintf (format, args);
  va_end (args);
  return false;
}

static bool
pay (struct file *file, uint64_t bytes)
{
  if (bytes > file->budget)
    return fail (file, "its parts overlap");
  file->budget -= bytes;
  return true;
}

/* The @size bytes at @address, or NULL with a mistake. */
static const uint8_t *
bytes_at (struct file *file, uint64_t address, uint64_t size)
{
  if (address <= file->size && size <= file->size - address)
    return file->data + address;
  fail (file, "it is cut off, or damaged: it refers beyond its end");
  return NULL;
}

static uint64_t
number (const uint8_t *at, int bytes)
{
  uint64_t value = 0;
  for (int i = bytes - 1; i >= 0; i--)
    value = value << 8 | at[i];
  return value;
}

static uint64_t
padded (uint64_t size)
{
  return (size + 7) & ~(uint64_t) 7;
}

/* @length bytes as text; NULL with a mistake unless they are UTF-8. */
static char *
text_of (struct file *file, const uint8_t *at, uint64_t length)
{
  if (length > HDF5_STRING_MAX || !pay (file, length + 1))
    return fail (file, "a string in it is longer than %d MiB", HDF5_STRING_MAX >> 20), NULL;
  char *text = g_strndup ((const char *) at, length);
  if (g_utf8_validate (text, -1, NULL))
    return text;
  g_free (text);
  fail (file, "a string in it is not UTF-8");
  return NULL;
}

/* --- Shapes and types --- */

static bool
read_space (struct file *file, const uint8_t *at, uint64_t size, struct shape *shape, bool *empty)
{
  int version = size >= 4 ? at[0] : 0, rank = size >= 4 ? at[1] : 0;
  uint64_t start = version == 1 ? 8 : 4;
  if ((version != 1 && version != 2) || size < start + 8 * (uint64_t) rank)
    return fail (file, "a shape in it is damaged");
  if (rank > SHAPE_RANK_MAX)
    return fail (file, "an array in it has %d axes, at most %d are read", rank, SHAPE_RANK_MAX);
  *shape = (struct shape){.rank = rank};
  *empty = version == 2 && at[3] == 2;
  for (int i = 0; i < rank; i++) {
    uint64_t extent = number (at + start + 8 * i, 8);
    *empty |= extent == 0;
    shape->dim[i] = extent > SHAPE_SIZE_MAX ? SHAPE_SIZE_MAX + 1 : (int64_t) extent;
  }
  return *empty || shape_valid (shape) || fail (file, "a shape in it is larger than any machine can hold");
}

/* A type in @size bytes: its class, the bytes of one element, and whether it is a string of variable length. */
struct type {
  int class;
  uint64_t bytes;
  bool text, known;
  enum dtype dtype;
};

/* IEEE floats and whole numbers, little-endian, as they come; big-endian ones are of no type that is known. */
static bool
read_type (struct file *file, const uint8_t *at, uint64_t size, struct type *type)
{
  if (size < 8)
    return fail (file, "a type in it is damaged");
  bool little = !(at[1] & 1);
  *type = (struct type){.class = at[0] & 15, .bytes = number (at + 4, 4)};
  type->text = type->class == HDF5_CLASS_STRING || (type->class == HDF5_CLASS_VARIABLE && (at[1] & 15) == 1);
  if (type->bytes == 0)
    return fail (file, "a type in it has no bytes");
  if (type->class == HDF5_CLASS_VARIABLE && type->bytes != 16)
    return fail (file, "a type in it is damaged");
  if (type->class == HDF5_CLASS_INTEGER && type->bytes == 8 && little) {
    type->known = true;
    type->dtype = DTYPE_I64;
  }
  static const struct {
    unsigned bytes, exponent_at, exponent_bits, bias;
    enum dtype dtype;
  } floats[] = {{2, 10, 5, 15, DTYPE_F16}, {4, 23, 8, 127, DTYPE_F32}, {8, 52, 11, 1023, DTYPE_F64}};
  for (size_t i = 0; i < G_N_ELEMENTS (floats) && type->class == HDF5_CLASS_FLOAT && little && size >= 20; i++)
    if (type->bytes == floats[i].bytes && at[12] == floats[i].exponent_at && at[13] == floats[i].exponent_bits &&
        number (at + 16, 4) == floats[i].bias) {
      type->known = true;
      type->dtype = floats[i].dtype;
    }
  return true;
}

/* --- Attributes --- */

/* The string that a reference of 16 bytes names: length, collection of the global heap, index in it. */
static char *
read_variable (struct file *file, const uint8_t *reference)
{
  uint64_t length = number (reference, 4), address = number (reference + 4, 8), index = number (reference + 12, 4);
  if (length == 0)
    return g_strdup ("");
  const uint8_t *heap = bytes_at (file, address, 16);
  if (!heap)
    return NULL;
  uint64_t size = number (heap + 8, 8), at = 16;
  if (memcmp (heap, "GCOL", 4) != 0 || !bytes_at (file, address, size))
    return fail (file, "a string in it is damaged"), NULL;
  while (at + 16 <= size && pay (file, 1)) {
    uint64_t found = number (heap + at, 2), bytes = number (heap + at + 8, 8);
    if (bytes > size - at - 16)
      break;
    if (found == index && index != 0 && length <= bytes)
      return text_of (file, heap + at + 16, length);
    if (found == 0 || found == index)
      break;
    at += 16 + padded (bytes);
  }
  fail (file, "a string in it is damaged");
  return NULL;
}

static char **
read_strings (struct file *file, const uint8_t *at, uint64_t size, const struct type *type, uint64_t count)
{
  g_autoptr (GPtrArray) strings = g_ptr_array_new_with_free_func (g_free);
  if (count > size / type->bytes)
    return fail (file, "an attribute in it is cut off"), NULL;
  for (uint64_t i = 0; i < count; i++) {
    const uint8_t *one = at + i * type->bytes;
    char *text = type->class == HDF5_CLASS_VARIABLE ? read_variable (file, one)
                                                    : text_of (file, one, strnlen ((const char *) one, type->bytes));
    if (!text)
      return NULL;
    g_ptr_array_add (strings, text);
  }
  g_ptr_array_add (strings, NULL);
  return (char **) g_ptr_array_free (g_steal_pointer (&strings), FALSE);
}

/* Its name, type and shape follow one another, each filled up to a multiple of 8 in version 1. */
static bool
read_attribute (struct file *file, const uint8_t *at, uint64_t size, struct hdf5 *object)
{
  int version = size >= 8 ? at[0] : 0;
  if (version < 1 || version > 3)
    return fail (file, "an attribute in it is damaged");
  if (version > 1 && at[1])
    return fail (file, "an attribute in it has a shared type, which is not read");
  uint64_t start = version == 3 ? 9 : 8, part[3], place[4] = {start};
  for (int i = 0; i < 3; i++) {
    part[i] = number (at + 2 + 2 * i, 2);
    place[i + 1] = place[i] + (version == 1 ? padded (part[i]) : part[i]);
  }
  struct type type;
  struct shape shape;
  bool empty;
  if (place[3] > size || part[0] == 0 || at[place[0] + part[0] - 1])
    return fail (file, "an attribute in it is damaged");
  g_autofree char *name = text_of (file, at + place[0], part[0] - 1);
  if (!name || !read_type (file, at + place[1], part[1], &type) ||
      !read_space (file, at + place[2], part[2], &shape, &empty))
    return false;
  if (hdf5_attribute (object, name))
    return fail (file, "an attribute stands in it twice");
  uint64_t count = empty || !type.text ? 0 : (uint64_t) shape_size (&shape);
  char **strings = read_strings (file, at + place[3], size - place[3], &type, count);
  if (strings)
    hdf5_add_attribute (object, name, strings, shape.rank > 0 || count == 0);
  return strings != NULL;
}

/* --- Objects --- */

static bool
read_layout (struct file *file, const uint8_t *at, uint64_t size, struct header *header)
{
  if (size < 2 || at[0] < 3 || at[0] > 4)
    return fail (file, "an array in it is laid out in a way that is not read");
  if (at[1] == 0 && size >= 4) { /* within the message */
    header->address = (uint64_t) (at + 4 - file->data);
    header->stored = number (at + 2, 2);
    return header->stored <= size - 4 || fail (file, "an array in it is cut off");
  }
  if (at[1] != 1 || size < 18)
    return fail (file, "an array in it is compressed or in chunks, which is not read; Keras writes it in one piece");
  header->address = number (at + 2, 8);
  header->stored = number (at + 10, 8);
  return true;
}

static bool
read_message (struct file *file, int kind, const uint8_t *at, uint64_t size, struct header *header)
{
  struct type type = {0};
  switch (kind) {
  case HDF5_MESSAGE_SPACE: return header->space = read_space (file, at, size, &header->shape, &header->empty);
  case HDF5_MESSAGE_TYPE:
    header->type = read_type (file, at, size, &type);
    header->known = header->type && type.known;
    header->dtype = type.dtype;
    return header->type;
  case HDF5_MESSAGE_LAYOUT: return header->layout = header->is_array = read_layout (file, at, size, header);
  case HDF5_MESSAGE_ATTRIBUTE: return read_attribute (file, at, size, header->object);
  case HDF5_MESSAGE_GROUP:
    if (size < 16 || header->is_group)
      return fail (file, "a group in it is damaged");
    header->is_group = true;
    header->tree = number (at, 8);
    header->heap = number (at + 8, 8);
    return true;
  case HDF5_MESSAGE_FILTER: return fail (file, "an array in it is compressed, which is not read");
  case HDF5_MESSAGE_EXTERNAL: return fail (file, "an array in it is kept in another file, which is not read");
  case HDF5_MESSAGE_LINK:
  case HDF5_MESSAGE_LINK_INFO:
  case HDF5_MESSAGE_ATTRIBUTE_INFO:
    return fail (file, "a group in it is of HDF5's newer layout, which is not read; h5py writes the old one unless "
                       "libver says otherwise");
  default: return true;
  }
}

/* The messages of the object header at @address, in one block or several that are continued. */
static bool
read_header (struct file *file, uint64_t address, struct header *header)
{
  const uint8_t *at = bytes_at (file, address, 16);
  if (!at)
    return false;
  if (at[0] != 1)
    return fail (file, "an object in it is of HDF5's newer layout, or damaged");
  g_autoptr (GArray) blocks = g_array_new (FALSE, FALSE, 2 * sizeof (uint64_t));
  uint64_t left = number (at + 2, 2), first[2] = {address + 16, number (at + 8, 4)};
  g_array_append_val (blocks, first);
  for (guint i = 0; i < blocks->len; i++) {
    const uint64_t *block = (const uint64_t *) blocks->data + 2 * i;
    uint64_t size = block[1], place = 0;
    const uint8_t *start = bytes_at (file, block[0], size);
    if (!start || !pay (file, size))
      return false;
    while (left > 0 && place + 8 <= size) {
      const uint8_t *message = start + place;
      uint64_t kind = number (message, 2), bytes = number (message + 2, 2);
      left--;
      if (bytes > size - place - 8)
        return fail (file, "an object in it is damaged");
      if (kind != HDF5_MESSAGE_NIL && (message[4] & 2))
        return fail (file, "an object in it has a shared message, which is not read");
      if (kind == HDF5_MESSAGE_CONTINUED && bytes >= 16) {
        uint64_t next[2] = {number (message + 8, 8), number (message + 16, 8)};
        g_array_append_val (blocks, next);
      } else if (!read_message (file, (int) kind, message + 8, bytes, header))
        return false;
      place += 8 + bytes;
    }
  }
  return true;
}

static bool
read_array (struct file *file, struct header *header)
{
  g_autoptr (GError) error = NULL;
  if (!header->space || !header->type)
    return fail (file, "an array in it has no shape or no type");
  if (header->empty || !header->known)
    return true;
  uint64_t size = (uint64_t) shape_size (&header->shape) * dtype_size (header->dtype);
  if (header->address == HDF5_NOWHERE || header->stored < size)
    return fail (file, "an array in it lacks values");
  const uint8_t *at = bytes_at (file, header->address, size);
  if (!at || !pay (file, size))
    return false;
  header->object->values = tensor_new (header->shape, header->dtype, &error);
  if (!header->object->values) {
    file->memory = true;
    return fail (file, "%s", error->message);
  }
  memcpy (header->object->values->data, at, size);
  return true;
}

static bool read_object (struct file *file, uint64_t address, struct hdf5 *parent, const char *name, int depth);

/* The names of a group. */
struct heap {
  const uint8_t *data;
  uint64_t size;
};

static bool
read_entries (struct file *file, uint64_t address, const struct heap *heap, struct hdf5 *group, int depth)
{
  const uint8_t *at = bytes_at (file, address, 8);
  if (!at)
    return false;
  uint64_t n = number (at + 6, 2);
  if (memcmp (at, "SNOD", 4) != 0 || !bytes_at (file, address, 8 + n * ENTRY_SIZE))
    return fail (file, "a group in it is damaged");
  if (!pay (file, 8 + n * ENTRY_SIZE))
    return false;
  for (uint64_t i = 0; i < n; i++) {
    const uint8_t *entry = at + 8 + i * ENTRY_SIZE;
    uint64_t place = number (entry, 8), kind = number (entry + 16, 4);
    if (kind == 2)
      return fail (file, "it has a link by name, which is not followed");
    uint64_t length = place < heap->size ? strnlen ((const char *) heap->data + place, heap->size - place) : 0;
    if (length == 0 || place + length == heap->size)
      return fail (file, "a name in it is damaged");
    g_autofree char *name = text_of (file, heap->data + place, length);
    if (!name || !read_object (file, number (entry + 8, 8), group, name, depth + 1))
      return false;
  }
  return true;
}

static bool
read_tree (struct file *file, uint64_t address, int level, const struct heap *heap, struct hdf5 *group, int depth)
{
  const uint8_t *at = bytes_at (file, address, 24);
  if (!at)
    return false;
  uint64_t n = number (at + 6, 2), size = 24 + n * 16 + 8;
  bool good = memcmp (at, "TREE", 4) == 0 && at[4] == 0 && at[5] <= TREE_DEPTH_MAX && (level < 0 || at[5] == level);
  if (!good || !bytes_at (file, address, size))
    return fail (file, "a group in it is damaged");
  if (!pay (file, size))
    return false;
  for (uint64_t i = 0; i < n; i++) {
    uint64_t child = number (at + 32 + 16 * i, 8);
    if (at[5] > 0 ? !read_tree (file, child, at[5] - 1, heap, group, depth)
                  : !read_entries (file, child, heap, group, depth))
      return false;
  }
  return true;
}

static bool
read_group (struct file *file, const struct header *header, int depth)
{
  const uint8_t *at = bytes_at (file, header->heap, 32);
  if (!at)
    return false;
  struct heap heap = {.size = number (at + 8, 8)};
  if (memcmp (at, "HEAP", 4) != 0 || at[4] != 0)
    return fail (file, "a group in it is damaged");
  heap.data = bytes_at (file, number (at + 24, 8), heap.size);
  return heap.data && read_tree (file, header->tree, -1, &heap, header->object, depth);
}

/* Adds the object at @address to @parent as @name; without a name it is @parent itself, the root. */
static bool
read_object (struct file *file, uint64_t address, struct hdf5 *parent, const char *name, int depth)
{
  if (depth > HDF5_DEPTH_MAX)
    return fail (file, "its groups nest deeper than %d", HDF5_DEPTH_MAX);
  if (address >= file->size)
    return fail (file, "it is cut off, or damaged: it refers beyond its end");
  if (!g_hash_table_add (file->met, GSIZE_TO_POINTER (address)))
    return fail (file, "an object stands in it twice, or in a circle");
  if (g_hash_table_size (file->met) > HDF5_OBJECTS_MAX)
    return fail (file, "it has more than %d objects", HDF5_OBJECTS_MAX);
  struct header header = {.object = name ? hdf5_add_member (parent, name, true) : parent};
  if (!header.object)
    return fail (file, "a name stands in it twice");
  if (!read_header (file, address, &header))
    return false;
  header.object->group = header.is_group;
  if (header.is_group == header.is_array)
    return header.is_group ? fail (file, "an object in it is group and array at once")
                           : name != NULL || fail (file, "it has no root"); /* a named type: nothing of ours */
  return header.is_group ? read_group (file, &header, depth) : read_array (file, &header);
}

bool
hdf5_matches (const void *head, size_t size)
{
  return size >= 8 && memcmp (head, HDF5_SIGNATURE, 8) == 0;
}

static bool
read_all (struct file *file, struct hdf5 *root)
{
  if (!hdf5_matches (file->data, file->size))
    return fail (file, file->size == 0 ? "it is empty" : "its first bytes are others");
  const uint8_t *at = bytes_at (file, 0, 96);
  if (!at)
    return false;
  if (at[8] != 0)
    return fail (file,
                 "it is of HDF5's newer layout (superblock %d), which is not read; h5py writes the old one unless "
                 "libver says otherwise",
                 at[8]);
  if (at[13] != 8 || at[14] != 8)
    return fail (file, "its addresses have %d and %d bytes, wanted 8", at[13], at[14]);
  if (number (at + 24, 8) != 0)
    return fail (file, "it begins within another file");
  return read_object (file, number (at + 64, 8), root, NULL, 0);
}

struct hdf5 *
hdf5_parse (const void *data, size_t size, const char *name, GError **error)
{
  struct file file = {
    .data = size > 0 ? data : (const void *) "", .size = size, .budget = BUDGET_TIMES * (uint64_t) size};
  g_autoptr (hdf5) root = hdf5_new ();
  g_autoptr (GHashTable) met = g_hash_table_new (NULL, NULL);
  file.met = met;
  if (read_all (&file, root))
    return g_steal_pointer (&root);
  if (file.memory)
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "%s: %s", name, file.mistake);
  else
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "%s is not a good HDF5 file: %s", name, file.mistake);
  g_free (file.mistake);
  return NULL;
}

struct hdf5 *
hdf5_load (const char *path, GError **error)
{
  g_autoptr (GMappedFile) file = mapped_open (path, error);
  return file ? hdf5_parse (g_mapped_file_get_contents (file), g_mapped_file_get_length (file), path, error) : NULL;
}
