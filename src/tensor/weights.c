/* SPDX-License-Identifier: Apache-2.0
 *
 * Weights: an array keeps the order, a hash table finds by name; both point at the same entries. */
#include "tensor/weights.h"

struct entry {
  char *name;
  struct tensor *tensor;
};

struct weights {
  gatomicrefcount ref_count;
  GPtrArray *entries;   /* struct entry, owned, in the order of adding */
  GHashTable *by_name;  /* name of the entry -> entry, both borrowed */
  GHashTable *metadata; /* string -> string, owned */
};

static void
entry_free (void *data)
{
  struct entry *entry = data;

  tensor_unref (entry->tensor);
  g_free (entry->name);
  g_free (entry);
}

struct weights *
weights_new (void)
{
  struct weights *weights = g_new0 (struct weights, 1);

  g_atomic_ref_count_init (&weights->ref_count);
  weights->entries = g_ptr_array_new_with_free_func (entry_free);
  weights->by_name = g_hash_table_new (g_str_hash, g_str_equal);
  weights->metadata = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  return weights;
}

struct weights *
weights_ref (struct weights *weights)
{
  g_atomic_ref_count_inc (&weights->ref_count);
  return weights;
}

void
weights_unref (struct weights *weights)
{
  if (weights == NULL || !g_atomic_ref_count_dec (&weights->ref_count))
    return;
  g_hash_table_unref (weights->by_name);
  g_hash_table_unref (weights->metadata);
  g_ptr_array_unref (weights->entries);
  g_free (weights);
}

void
weights_add (struct weights *weights, const char *name, struct tensor *tensor)
{
  struct entry *entry = g_hash_table_lookup (weights->by_name, name);

  tensor_ref (tensor); /* first: the entry may hold the last reference to this very tensor */
  if (entry != NULL) {
    tensor_unref (entry->tensor);
    entry->tensor = tensor;
    return;
  }
  entry = g_new0 (struct entry, 1);
  *entry = (struct entry){.name = g_strdup (name), .tensor = tensor};
  g_ptr_array_add (weights->entries, entry);
  g_hash_table_insert (weights->by_name, entry->name, entry);
}

struct tensor *
weights_find (struct weights *weights, const char *name)
{
  struct entry *entry = g_hash_table_lookup (weights->by_name, name);

  return entry != NULL ? entry->tensor : NULL;
}

bool
weights_remove (struct weights *weights, const char *name)
{
  struct entry *entry = g_hash_table_lookup (weights->by_name, name);

  if (entry == NULL)
    return false;
  g_hash_table_remove (weights->by_name, entry->name);
  g_ptr_array_remove (weights->entries, entry);
  return true;
}

guint
weights_count (struct weights *weights)
{
  return weights->entries->len;
}

const char *
weights_name (struct weights *weights, guint i)
{
  struct entry *entry = g_ptr_array_index (weights->entries, i);

  return entry->name;
}

struct tensor *
weights_at (struct weights *weights, guint i)
{
  struct entry *entry = g_ptr_array_index (weights->entries, i);

  return entry->tensor;
}

void
weights_set_metadata (struct weights *weights, const char *key, const char *value)
{
  g_hash_table_insert (weights->metadata, g_strdup (key), g_strdup (value));
}

const char *
weights_metadata (struct weights *weights, const char *key)
{
  return g_hash_table_lookup (weights->metadata, key);
}

static int
compare_keys (const void *a, const void *b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

char **
weights_metadata_keys (struct weights *weights)
{
  GPtrArray *keys = g_ptr_array_new ();
  GHashTableIter iter;
  void *key;

  g_hash_table_iter_init (&iter, weights->metadata);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    g_ptr_array_add (keys, g_strdup (key));
  g_ptr_array_sort (keys, compare_keys);
  g_ptr_array_add (keys, NULL);
  return (char **) g_ptr_array_free (keys, FALSE);
}
