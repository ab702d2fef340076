/* SPDX-License-Identifier: Apache-2.0
 *
 * Trees of groups, arrays and attributes, as HDF5 files hold them: hdf5_read.c and hdf5_write.c. */
#include "format/hdf5_internal.h"

#include <string.h>

static void
attribute_free (gpointer data)
{
  struct hdf5_attribute *attribute = data;
  g_free (attribute->name);
  g_strfreev (attribute->strings);
  g_free (attribute);
}

static struct hdf5 *
object_new (const char *name, bool group)
{
  struct hdf5 *object = g_new0 (struct hdf5, 1);
  object->name = g_strdup (name);
  object->group = group;
  object->members = g_ptr_array_new_with_free_func ((GDestroyNotify) hdf5_free);
  object->attributes = g_ptr_array_new_with_free_func (attribute_free);
  return object;
}

struct hdf5 *
hdf5_new (void)
{
  return object_new ("", true);
}

void
hdf5_free (struct hdf5 *root)
{
  if (!root)
    return;
  g_ptr_array_unref (root->members);
  g_ptr_array_unref (root->attributes);
  g_clear_pointer (&root->values, tensor_unref);
  g_free (root->name);
  g_free (root);
}

/* The member called by the first @length bytes of @name; members are in the order of their names. Otherwise NULL, and
 * where it would be in *@place. */
static struct hdf5 *
member (const struct hdf5 *group, const char *name, size_t length, guint *place)
{
  guint low = 0, high = group->members->len;
  while (low < high) {
    guint middle = (low + high) / 2;
    struct hdf5 *object = group->members->pdata[middle];
    int order = strncmp (object->name, name, length);
    if (order == 0 && !object->name[length])
      return object;
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
  *place = low;
  return NULL;
}

struct hdf5 *
hdf5_find (const struct hdf5 *group, const char *path)
{
  guint place;
  while (group && *path) {
    size_t length = strcspn (path, "/");
    group = member (group, path, length, &place);
    path += length;
    path += strspn (path, "/");
  }
  return (struct hdf5 *) group;
}

const struct hdf5_attribute *
hdf5_attribute (const struct hdf5 *object, const char *name)
{
  for (guint i = 0; i < object->attributes->len; i++) {
    const struct hdf5_attribute *attribute = object->attributes->pdata[i];
    if (g_str_equal (attribute->name, name))
      return attribute;
  }
  return NULL;
}

const char *
hdf5_string (const struct hdf5 *object, const char *name)
{
  const struct hdf5_attribute *attribute = hdf5_attribute (object, name);
  return attribute && !attribute->list ? attribute->strings[0] : NULL;
}

struct hdf5 *
hdf5_add_member (struct hdf5 *group, const char *name, bool is_group)
{
  guint place;
  if (member (group, name, strlen (name), &place))
    return NULL;
  struct hdf5 *object = object_new (name, is_group);
  g_ptr_array_insert (group->members, (int) place, object);
  return object;
}

/* The object at @path, made with the groups on its way where it is missing. */
static struct hdf5 *
make (struct hdf5 *group, const char *path, bool is_group)
{
  while (*path) {
    size_t length = strcspn (path, "/");
    bool last = path[length] == '\0';
    guint place;
    struct hdf5 *next = member (group, path, length, &place);
    if (!next) {
      g_autofree char *name = g_strndup (path, length);
      next = hdf5_add_member (group, name, !last || is_group);
    }
    group = next;
    path += length + !last;
  }
  return group;
}

struct hdf5 *
hdf5_add_group (struct hdf5 *group, const char *path)
{
  return make (group, path, true);
}

void
hdf5_add_array (struct hdf5 *group, const char *path, struct tensor *values)
{
  struct hdf5 *object = make (group, path, false);
  g_clear_pointer (&object->values, tensor_unref);
  object->values = tensor_ref (values);
}

void
hdf5_add_attribute (struct hdf5 *object, const char *name, char **strings, bool list)
{
  struct hdf5_attribute *attribute = g_new0 (struct hdf5_attribute, 1);
  attribute->name = g_strdup (name);
  attribute->strings = strings;
  attribute->list = list;
  g_ptr_array_add (object->attributes, attribute);
}

void
hdf5_set_string (struct hdf5 *object, const char *name, const char *text)
{
  hdf5_add_attribute (object, name, g_strdupv ((char *[]){(char *) text, NULL}), false);
}

void
hdf5_set_list (struct hdf5 *object, const char *name, const char *const *strings)
{
  hdf5_add_attribute (object, name, g_strdupv ((char **) strings), true);
}
