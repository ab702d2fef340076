/* SPDX-License-Identifier: Apache-2.0
 *
 * HDF5, written: superblock version 0, every group a symbol table with a tree of one level, arrays in one piece,
 * strings of variable length in one heap. A file is made in memory, what it refers to before what refers to it. */
#include "format/hdf5_internal.h"

#include <string.h>

#include "base/draft.h"
#include "impasto/error.h"

#define SUPERBLOCK_SIZE 96
#define LEAF_K 4    /* a symbol node holds twice as many names */
#define BRANCH_K 16 /* a tree node has twice as many children */
#define HEAP_LEAST 4096
#define MESSAGE_MAX 65528 /* bytes */

struct writer {
  GByteArray *bytes;
  int leaf_k;
  uint64_t strings; /* address of the heap of strings */
  unsigned n_strings;
  const char *mistake;
};

static void
put (GByteArray *bytes, uint64_t value, int size)
{
  for (int i = 0; i < size; i++, value >>= 8)
    g_byte_array_append (bytes, (const guint8[]){value & 255}, 1);
}

static void
put_bytes (GByteArray *bytes, const void *from, size_t size)
{
  g_byte_array_append (bytes, from, (guint) size);
}

/* Zeros up to @size bytes. */
static void
fill_to (GByteArray *bytes, size_t size)
{
  guint from = bytes->len;
  if (size <= from)
    return;
  g_byte_array_set_size (bytes, (guint) size);
  memset (bytes->data + from, 0, size - from);
}

static void
align (GByteArray *bytes)
{
  fill_to (bytes, (bytes->len + 7) & ~(size_t) 7);
}

/* --- Messages --- */

static void
put_message (GByteArray *header, int kind, int flags, GByteArray *body)
{
  align (body);
  put (header, (uint64_t) kind, 2);
  put (header, body->len, 2);
  put (header, (uint64_t) flags, 4);
  put_bytes (header, body->data, body->len);
  g_byte_array_set_size (body, 0);
}

static void
put_space (GByteArray *bytes, const struct shape *shape)
{
  put (bytes, 1, 1);
  put (bytes, (uint64_t) shape->rank, 1);
  put (bytes, shape->rank > 0, 6); /* largest extents follow */
  for (int most = 0; most < 2; most++)
    for (int i = 0; i < shape->rank; i++)
      put (bytes, (uint64_t) shape->dim[i], 8);
}

/* IEEE, little-endian. */
static void
put_float (GByteArray *bytes, bool twice)
{
  put (bytes, 0x11 | 0x20 << 8 | (twice ? 0x3f : 0x1f) << 16, 4);
  put (bytes, twice ? 8 : 4, 4);
  put (bytes, (twice ? 64 : 32) << 16, 4);
  put (bytes, twice ? 52 | 11 << 8 | 52 << 24 : 23 | 8 << 8 | 23 << 24, 4);
  put (bytes, twice ? 1023 : 127, 4);
}

static struct shape
attribute_shape (const struct hdf5_attribute *attribute)
{
  return attribute->list ? (struct shape){.rank = 1, .dim = {g_strv_length (attribute->strings)}} : SHAPE_SCALAR;
}

/* Type and values of a list: strings of the longest one's length, as NumPy has them; of none, floats, as NumPy has
 * those. */
static void
put_list (char **strings, GByteArray *type, GByteArray *values)
{
  size_t longest = 1;
  for (char **text = strings; *text; text++)
    longest = MAX (longest, strlen (*text));
  if (!*strings) {
    put_float (type, true);
    return;
  }
  put (type, 0x10 | HDF5_CLASS_STRING | 1 << 8, 4); /* filled up with zeros */
  put (type, longest, 4);
  for (char **text = strings; *text; text++) {
    put_bytes (values, *text, strlen (*text));
    fill_to (values, (size_t) (text - strings + 1) * longest);
  }
}

static void
put_variable (struct writer *writer, const char *text, GByteArray *type, GByteArray *values)
{
  put (type, 0x10 | HDF5_CLASS_VARIABLE | 1 << 8, 4); /* a string that ends with a zero */
  put (type, 16, 4);
  put (type, 0x10 | HDF5_CLASS_INTEGER, 4);
  put (type, 1, 4);
  put (type, 8 << 16, 4);
  put (values, strlen (text), 4);
  put (values, *text ? writer->strings : 0, 8);
  put (values, *text ? ++writer->n_strings : 0, 4);
}

static void
put_attribute (struct writer *writer, const struct hdf5_attribute *attribute, GByteArray *header)
{
  g_autoptr (GByteArray) type = g_byte_array_new (), space = g_byte_array_new (), values = g_byte_array_new (),
                         body = g_byte_array_new ();
  struct shape shape = attribute_shape (attribute);
  put_space (space, &shape);
  if (attribute->list)
    put_list (attribute->strings, type, values);
  else
    put_variable (writer, attribute->strings[0], type, values);
  size_t name = strlen (attribute->name) + 1;
  put (body, 1, 2);
  put (body, name, 2);
  put (body, type->len, 2);
  put (body, space->len, 2);
  put_bytes (body, attribute->name, name);
  align (body);
  put_bytes (body, type->data, type->len);
  align (body);
  put_bytes (body, space->data, space->len);
  put_bytes (body, values->data, values->len);
  if (body->len > MESSAGE_MAX)
    writer->mistake = "a list of strings is longer than 64 KiB";
  else
    put_message (header, HDF5_MESSAGE_ATTRIBUTE, 4, body); /* may not be shared */
}

/* The messages as an object; returns its address. */
static uint64_t
put_object (struct writer *writer, const struct hdf5 *object, GByteArray *messages, int n)
{
  for (guint i = 0; i < object->attributes->len; i++)
    put_attribute (writer, object->attributes->pdata[i], messages);
  uint64_t address = writer->bytes->len;
  put (writer->bytes, 1, 2);
  put (writer->bytes, (uint64_t) n + object->attributes->len, 2);
  put (writer->bytes, 1, 4);
  put (writer->bytes, messages->len, 8);
  put_bytes (writer->bytes, messages->data, messages->len);
  return address;
}

/* --- Arrays and groups --- */

static uint64_t
put_array (struct writer *writer, const struct hdf5 *object)
{
  const struct tensor *values = object->values;
  g_autoptr (GByteArray) messages = g_byte_array_new (), body = g_byte_array_new ();
  uint64_t at = writer->bytes->len;
  put_bytes (writer->bytes, values->data, values->size);
  align (writer->bytes);
  put_space (body, &values->shape);
  put_message (messages, HDF5_MESSAGE_SPACE, 0, body);
  put_float (body, false);
  put_message (messages, HDF5_MESSAGE_TYPE, 1, body);
  put (body, 0x01020202, 4); /* nothing fills it */
  put (body, 0, 4);
  put_message (messages, HDF5_MESSAGE_FILL, 1, body);
  put (body, 0x0103, 2);
  put (body, at, 8);
  put (body, values->size, 8);
  put_message (messages, HDF5_MESSAGE_LAYOUT, 0, body);
  return put_object (writer, object, messages, 4);
}

/* A group's address, and those of its tree and of the heap of its names. */
struct place {
  uint64_t object, tree, heap;
};

/* The names of @group, one after the other behind an empty one; @at is where each begins. */
static uint64_t
put_names (struct writer *writer, const struct hdf5 *group, uint64_t *at)
{
  GByteArray *bytes = writer->bytes;
  uint64_t heap = bytes->len, start = heap + 32;
  put_bytes (bytes, "HEAP", 4);
  fill_to (bytes, start + 8);
  for (guint i = 0; i < group->members->len; i++) {
    const struct hdf5 *object = group->members->pdata[i];
    at[i] = bytes->len - start;
    put_bytes (bytes, object->name, strlen (object->name) + 1);
    align (bytes);
  }
  uint64_t numbers[3] = {GUINT64_TO_LE (bytes->len - start), GUINT64_TO_LE (1),
                         GUINT64_TO_LE (start)}; /* 1: none free */
  memcpy (bytes->data + heap + 8, numbers, sizeof numbers);
  return heap;
}

static void
put_entry (GByteArray *bytes, uint64_t name, const struct place *place)
{
  put (bytes, name, 8);
  put (bytes, place->object, 8);
  put (bytes, place->tree ? 1 : 0, 8); /* tree and heap are known here too */
  put (bytes, place->tree, 8);
  put (bytes, place->heap, 8);
}

/* The members as symbol nodes under one tree node; returns its address. */
static uint64_t
put_tree (struct writer *writer, const uint64_t *name, const struct place *member, guint n)
{
  GByteArray *bytes = writer->bytes;
  guint most = 2 * writer->leaf_k, nodes = (n + most - 1) / most;
  g_autofree uint64_t *node = g_new (uint64_t, nodes + 1);
  for (guint i = 0; i < nodes; i++) {
    guint from = i * most, to = MIN (n, from + most);
    node[i] = bytes->len;
    put_bytes (bytes, "SNOD\1", 6);
    put (bytes, to - from, 2);
    for (guint k = from; k < to; k++)
      put_entry (bytes, name[k], &member[k]);
    fill_to (bytes, node[i] + 8 + 40 * most);
  }
  uint64_t tree = bytes->len;
  put_bytes (bytes, "TREE\0", 6);
  put (bytes, nodes, 2);
  put (bytes, HDF5_NOWHERE, 8); /* no neighbours */
  put (bytes, HDF5_NOWHERE, 8);
  put (bytes, 0, 8);
  for (guint i = 0; i < nodes; i++) {
    put (bytes, node[i], 8);
    put (bytes, name[MIN (n, (i + 1) * most) - 1], 8); /* its last name */
  }
  fill_to (bytes, tree + 24 + 8 * (4 * BRANCH_K + 1));
  return tree;
}

static struct place
put_group (struct writer *writer, const struct hdf5 *group)
{
  guint n = group->members->len;
  g_autofree struct place *member = g_new0 (struct place, n + 1);
  g_autofree uint64_t *name = g_new (uint64_t, n + 1);
  g_autoptr (GByteArray) messages = g_byte_array_new (), body = g_byte_array_new ();
  for (guint i = 0; i < n; i++) {
    const struct hdf5 *object = group->members->pdata[i];
    if (object->group)
      member[i] = put_group (writer, object);
    else
      member[i].object = put_array (writer, object);
  }
  struct place place = {.heap = put_names (writer, group, name)};
  place.tree = put_tree (writer, name, member, n);
  put (body, place.tree, 8);
  put (body, place.heap, 8);
  put_message (messages, HDF5_MESSAGE_GROUP, 0, body);
  place.object = put_object (writer, group, messages, 1);
  return place;
}

/* --- The file --- */

/* The strings of variable length below @object in the order in which put_variable numbers them. */
static void
collect_strings (const struct hdf5 *object, GPtrArray *strings)
{
  for (guint i = 0; i < object->members->len; i++)
    collect_strings (object->members->pdata[i], strings);
  for (guint i = 0; i < object->attributes->len; i++) {
    const struct hdf5_attribute *attribute = object->attributes->pdata[i];
    if (!attribute->list && *attribute->strings[0])
      g_ptr_array_add (strings, attribute->strings[0]);
  }
}

static void
put_strings (struct writer *writer, const struct hdf5 *root)
{
  g_autoptr (GPtrArray) strings = g_ptr_array_new ();
  GByteArray *bytes = writer->bytes;
  collect_strings (root, strings);
  if (strings->len > G_MAXUINT16)
    writer->mistake = "too many strings";
  uint64_t start = writer->strings = bytes->len;
  put_bytes (bytes, "GCOL\1\0\0", 8);
  put (bytes, 0, 8);
  for (guint i = 0; i < strings->len; i++) {
    size_t length = strlen (strings->pdata[i]);
    put (bytes, i + 1, 2);
    put (bytes, 0, 6);
    put (bytes, length, 8);
    put_bytes (bytes, strings->pdata[i], length);
    align (bytes);
  }
  uint64_t used = bytes->len - start, size = GUINT64_TO_LE (MAX (used + 16, HEAP_LEAST));
  put (bytes, 0, 8); /* the free rest, which counts its own head */
  put (bytes, GUINT64_FROM_LE (size) - used, 8);
  fill_to (bytes, start + GUINT64_FROM_LE (size));
  memcpy (bytes->data + start + 8, &size, sizeof size);
}

static guint
largest_group (const struct hdf5 *object)
{
  guint most = object->members->len;
  for (guint i = 0; i < object->members->len; i++)
    most = MAX (most, largest_group (object->members->pdata[i]));
  return most;
}

static uint64_t
size_of (const struct hdf5 *object)
{
  uint64_t size = object->values ? object->values->size : 0;
  for (guint i = 0; i < object->members->len; i++)
    size += size_of (object->members->pdata[i]);
  return size;
}

static void
put_superblock (struct writer *writer, const struct place *root)
{
  g_autoptr (GByteArray) head = g_byte_array_new ();
  put_bytes (head, HDF5_SIGNATURE, 8);
  put (head, 0, 5);
  put (head, 0x0808, 3); /* bytes of an address, of a length */
  put (head, (uint64_t) writer->leaf_k, 2);
  put (head, BRANCH_K, 6);
  put (head, 0, 8);
  put (head, HDF5_NOWHERE, 8);
  put (head, writer->bytes->len, 8);
  put (head, HDF5_NOWHERE, 8);
  put_entry (head, 0, root);
  memcpy (writer->bytes->data, head->data, SUPERBLOCK_SIZE);
}

bool
hdf5_save (const struct hdf5 *root, const char *path, GError **error)
{
  guint leaf_k = (largest_group (root) + 4 * BRANCH_K - 1) / (4 * BRANCH_K); /* so that all nodes fit under one */
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  struct writer writer = {.bytes = bytes, .leaf_k = (int) MAX (leaf_k, LEAF_K)};
  if (size_of (root) > G_MAXUINT / 2)
    writer.mistake = "more than 2 GiB of weights";
  if (!writer.mistake) {
    fill_to (bytes, SUPERBLOCK_SIZE);
    put_strings (&writer, root);
    struct place place = put_group (&writer, root);
    put_superblock (&writer, &place);
  }
  if (writer.mistake) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_OUTPUT, "cannot write %s: %s", path, writer.mistake);
    return false;
  }
  g_autoptr (draft) draft = draft_new (path, error);
  return draft && draft_write (draft, bytes->data, bytes->len, error) && draft_commit (draft, error);
}
