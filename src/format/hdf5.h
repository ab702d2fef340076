/* SPDX-License-Identifier: Apache-2.0
 *
 * HDF5 as far as Keras uses it, read and written without libhdf5, which falls over files that are damaged
 * (docs/decisions/0010-hdf5.md): the layout that h5py writes unless it is asked for another, superblock version 0 with
 * groups as symbol tables; arrays in one piece; attributes of strings. Format: HDF5 File Format Specification 3.0.
 *
 * Refused: compressed arrays and those in chunks, data in other files, links by name, newer layouts. Reading is
 * bounded: every object is met once, whatever links say; arrays may not add up to more than the file; all else is taken
 * in proportion to the file's bytes. A tree is owned by its root, one thread at a time. */
#pragma once

#include "tensor/tensor.h"

enum { HDF5_DEPTH_MAX = 32, HDF5_OBJECTS_MAX = 1 << 16, HDF5_STRING_MAX = 1 << 24 };

/* Strings, as one or as a list. Attributes of other types are read as lists of none. */
struct hdf5_attribute {
  char *name;
  char **strings; /* NULL-terminated; valid UTF-8 */
  bool list;      /* a list, whose strings have the same length in the file; otherwise one string of any length */
};

/* A group, or an array. */
struct hdf5 {
  char *name;
  bool group;
  GPtrArray *members;    /* of a group: struct hdf5, by name in the file's order, that of strcmp */
  GPtrArray *attributes; /* struct hdf5_attribute */
  struct tensor *values; /* of an array of F16, F32, F64 or I64; NULL: of another type, or empty */
};
typedef struct hdf5 hdf5;

struct hdf5 *hdf5_new (void); /* the root of a new tree */
void hdf5_free (struct hdf5 *root);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (hdf5, hdf5_free)

/* The member at "a/b/c" below @group, or NULL. */
struct hdf5 *hdf5_find (const struct hdf5 *group, const char *path);
const struct hdf5_attribute *hdf5_attribute (const struct hdf5 *object, const char *name); /* or NULL */
const char *hdf5_string (const struct hdf5 *object, const char *name); /* an attribute of one string, or NULL */

/* The group at @path below @group, made where it is missing. */
struct hdf5 *hdf5_add_group (struct hdf5 *group, const char *path);
void hdf5_add_array (struct hdf5 *group, const char *path, struct tensor *values); /* takes a reference; F32 */
void hdf5_set_string (struct hdf5 *object, const char *name, const char *text);
void hdf5_set_list (struct hdf5 *object, const char *name, const char *const *strings);

/* IMPASTO_ERROR_INPUT: missing, no HDF5 file, damaged, or of what is refused above; IMPASTO_ERROR_MEMORY. */
struct hdf5 *hdf5_load (const char *path, GError **error);

/* The same from memory; @name stands for the file in messages. */
struct hdf5 *hdf5_parse (const void *data, size_t size, const char *name, GError **error);

/* Whether a file of these first bytes is one. */
bool hdf5_matches (const void *head, size_t size);

/* As h5py writes it, without times, so that equal trees are equal bytes. Appears when it is complete.
 * IMPASTO_ERROR_OUTPUT. */
bool hdf5_save (const struct hdf5 *root, const char *path, GError **error);
