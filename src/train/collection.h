/* SPDX-License-Identifier: Apache-2.0
 *
 * A collection: the pictures of one place, counted from 0 in an order that depends on nothing but their names, and the
 * class of each where they come in classes. A place is
 *
 *   - a folder of pictures, with what is below it if wanted; or one picture, if wanted;
 *   - a folder of class folders: everything below DIR/cat/ is of class "cat". Classes are numbered by name, names that
 *     are numbers first and by their value; a folder without pictures is no class, pictures beside the folders are left
 *     out;
 *   - an IDX file of grey pictures (MNIST), plain or gzip, or a folder that holds one; the file of labels lies beside it
 *     under the name that has "labels" and "idx1" for "images" and "idx3". Of several in a folder the one that begins
 *     with "train" is meant.
 *
 * Files of a folder are taken by their extension; those that begin with a dot are not; links to folders are not
 * followed. Opening lists, and reads an IDX file as a whole; pictures of folders are decoded when asked for. Read-only
 * after opening, hence free to all threads. */
#pragma once

#include "image/bitmap.h"

typedef struct collection collection;

struct collection_options {
  bool recursive; /* of a folder of pictures: also what is below */
  bool classes;   /* pictures come in classes: class folders, or labels of an IDX file */
  bool file;      /* the place may be one picture's file */
};

/* IMPASTO_ERROR_INPUT: nothing of the kind at @path, several IDX files and none for training, labels that are lacking,
 * damaged or of another number than pictures; IMPASTO_ERROR_MEMORY. An empty folder is no error. */
struct collection *collection_open (const char *path, const struct collection_options *options, GError **error);
void collection_free (struct collection *collection);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (collection, collection_free)

guint collection_count (const struct collection *collection);

/* "photos/a.jpg", "digits/t10k-images-idx3-ubyte.gz picture 17"; a new string. */
char *collection_name (const struct collection *collection, guint i);

/* The file of picture @i; NULL when it is one of an IDX file. */
const char *collection_path (const struct collection *collection, guint i);

/* Side by side: pictures of an IDX file are of one size. False for a folder. */
bool collection_extent (const struct collection *collection, int *width, int *height);

/* Number of classes, 0 without; the class of picture @i, 0 without; the name of class @k. */
int collection_classes (const struct collection *collection);
int collection_label (const struct collection *collection, guint i);
const char *collection_class_name (const struct collection *collection, int k);

/* How many of them have pictures; of numbers in an IDX file some may have none. */
int collection_classes_met (const struct collection *collection);

/* Picture @i, its shorter side scaled to @short_side if it is longer; errors as bitmap_load. */
struct bitmap *collection_load (const struct collection *collection, guint i, int short_side, GError **error);

/* Adds its files as they were when they were listed, an IDX file with that of its labels; see train/inventory.h. */
void collection_inventory (const struct collection *collection, GString *inventory);

/* Lines about what was found beside pictures and is left out; NULL-terminated, owned by the collection. */
const char *const *collection_notes (const struct collection *collection);

/* "path: why" of what is a picture by name and cannot be read at all: links that lead nowhere, pipes. Likewise. */
const char *const *collection_unread (const struct collection *collection);

/* How many pictures lie beside the class folders, of which a note tells. */
guint collection_beside (const struct collection *collection);

/* About files in the place that are not read as pictures, and folders that are not looked into: "4 files are no
 * pictures by their names, such as notes.txt; 2 folders are not looked into"; NULL without. A new string. */
char *collection_others (const struct collection *collection);
