/* SPDX-License-Identifier: Apache-2.0
 *
 * HDF5: trees come back as they were written; what is damaged is refused in a line, wherever the damage is. What h5py
 * says of the same files is tests/oracle/keras_files.py's. */
#include <glib/gstdio.h>
#include <string.h>

#include "format/hdf5.h"
#include "impasto/error.h"

static struct tensor *
values_of (struct shape shape)
{
  struct tensor *tensor = tensor_new (shape, DTYPE_F32, NULL);
  for (int64_t i = 0; i < shape_size (&shape); i++)
    tensor_floats (tensor)[i] = (float) i - 3.5f;
  return tensor;
}

static void
add (struct hdf5 *root, const char *path, struct shape shape)
{
  g_autoptr (tensor) values = values_of (shape);
  hdf5_add_array (root, path, values);
}

static struct hdf5 *
example (void)
{
  struct hdf5 *root = hdf5_new ();
  g_autofree char *text = g_strnfill (70000, 'x');
  hdf5_set_string (root, "model_config", text);
  hdf5_set_string (root, "empty", "");
  hdf5_set_list (hdf5_add_group (root, "weights"), "names",
                 (const char *const[]){"dense", "b", "conv2d/kernel:0", NULL});
  hdf5_set_list (hdf5_add_group (root, "weights/none"), "names", (const char *const[]){NULL});
  add (root, "weights/dense/kernel:0", SHAPE (3, 4));
  add (root, "weights/dense/bias:0", SHAPE (4));
  add (root, "weights/conv/kernel:0", SHAPE (2, 1, 3, 2));
  add (root, "weights/scalar", SHAPE_SCALAR);
  return root;
}

/* The bytes of a file with @root. */
static GBytes *
bytes_of (const struct hdf5 *root)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_build_filename (g_get_tmp_dir (), "impasto-hdf5-XXXXXX", NULL), *text = NULL;
  gsize size;
  int fd = g_mkstemp (path);
  g_assert_true (fd >= 0 && g_close (fd, NULL));
  hdf5_save (root, path, &error);
  g_assert_no_error (error);
  g_assert_true (g_file_get_contents (path, &text, &size, NULL));
  g_unlink (path);
  return g_bytes_new_take (g_steal_pointer (&text), size);
}

static void
assert_equal (const struct hdf5 *a, const struct hdf5 *b)
{
  g_assert_cmpstr (a->name, ==, b->name);
  g_assert_true (a->group == b->group);
  g_assert_cmpuint (a->members->len, ==, b->members->len);
  g_assert_cmpuint (a->attributes->len, ==, b->attributes->len);
  for (guint i = 0; i < a->attributes->len; i++) {
    const struct hdf5_attribute *x = a->attributes->pdata[i], *y = hdf5_attribute (b, x->name);
    g_assert_nonnull (y);
    g_assert_true (x->list == y->list &&
                   g_strv_equal ((const char *const *) x->strings, (const char *const *) y->strings));
  }
  g_assert_true (!a->values == !b->values);
  if (a->values)
    g_assert_true (shape_equal (&a->values->shape, &b->values->shape) && a->values->dtype == b->values->dtype &&
                   memcmp (a->values->data, b->values->data, a->values->size) == 0);
  for (guint i = 0; i < a->members->len; i++)
    assert_equal (a->members->pdata[i], b->members->pdata[i]);
}

static void
check_round_trip (const struct hdf5 *root)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = bytes_of (root), again = NULL;
  gsize size;
  const void *data = g_bytes_get_data (bytes, &size);
  g_autoptr (hdf5) found = hdf5_parse (data, size, "input", &error);
  g_assert_no_error (error);
  assert_equal (root, found);
  again = bytes_of (found);
  g_assert_true (g_bytes_equal (bytes, again));
}

static void
test_round_trip (void)
{
  g_autoptr (hdf5) root = example ();
  check_round_trip (root);
  g_assert_cmpint (hdf5_find (root, "weights/dense/kernel:0")->values->shape.dim[1], ==, 4);
  g_assert_null (hdf5_find (root, "weights/den"));
  g_assert_null (hdf5_find (root, "weights/dense/kernel:0/x"));
}

/* More members than one tree node of the usual size has room for. */
static void
test_many (void)
{
  g_autoptr (hdf5) root = hdf5_new ();
  for (int i = 0; i < 700; i++) {
    g_autofree char *path = g_strdup_printf ("group/layer_%d", i);
    add (root, path, SHAPE (2));
  }
  check_round_trip (root);
}

/* Refused in a line, or read; never anything else. Returns whether it was read. */
static bool
parse (const uint8_t *data, size_t size)
{
  g_autoptr (GError) error = NULL;
  g_autofree uint8_t *exact = g_memdup2 (data, size); /* so that a sanitizer sees the end */
  g_autoptr (hdf5) root = hdf5_parse (exact, size, "input", &error);
  g_assert_true (!root == (error != NULL));
  if (error) {
    g_assert_true (error->domain == IMPASTO_ERROR &&
                   (error->code == IMPASTO_ERROR_INPUT || error->code == IMPASTO_ERROR_MEMORY));
    g_assert_true (g_utf8_validate (error->message, -1, NULL) && !strpbrk (error->message, "\r\n"));
  }
  return root != NULL;
}

static struct hdf5 *
small (void)
{
  struct hdf5 *root = hdf5_new ();
  hdf5_set_string (root, "model_config", "{}");
  hdf5_set_list (hdf5_add_group (root, "w"), "names", (const char *const[]){"a", NULL});
  add (root, "w/a", SHAPE (2, 3));
  return root;
}

static void
test_damaged (void)
{
  static const uint8_t values[] = {0, 1, 2, 0x7f, 0x80, 0xff};
  g_autoptr (hdf5) root = small ();
  g_autoptr (GBytes) bytes = bytes_of (root);
  gsize size;
  const uint8_t *data = g_bytes_get_data (bytes, &size);
  int read = 0, refused = 0;
  g_assert_true (parse (data, size));
  for (gsize end = 0; end < size; end++)
    if (parse (data, end)) /* what is cut off may be the free end of a table, never more */
      g_assert_cmpuint (end, >, size - 64);
  g_autofree uint8_t *copy = g_memdup2 (data, size);
  for (gsize i = 0; i < size; i++)
    for (size_t k = 0; k < sizeof values; k++) {
      copy[i] = values[k];
      *(parse (copy, size) ? &read : &refused) += 1;
      copy[i] = data[i];
    }
  g_assert_cmpint (refused, >, 500);
}

/* Where @text stands in @data. */
static size_t
place_of (const uint8_t *data, size_t size, const char *text)
{
  const uint8_t *at = memmem (data, size, text, strlen (text));
  g_assert_nonnull (at);
  return (size_t) (at - data);
}

static void
refuses (uint8_t *data, size_t size, const char *pattern)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (hdf5) root = hdf5_parse (data, size, "input", &error);
  g_assert_null (root);
  if (!strstr (error->message, pattern))
    g_error ("%s: wanted %s", error->message, pattern);
}

/* A group that holds itself; links by name; other layouts; filters; files elsewhere; sizes of fancy. */
static void
test_refused (void)
{
  g_autoptr (hdf5) root = small ();
  g_autoptr (GBytes) bytes = bytes_of (root);
  gsize size;
  const uint8_t *data = g_bytes_get_data (bytes, &size);
  size_t node = place_of (data, size, "SNOD"); /* of the group w: its member a */
  g_autofree uint8_t *copy = g_memdup2 (data, size);
  const uint8_t layout[] = {0x08, 0, 24, 0}, space[] = {0x01, 0, 40, 0};
  size_t at = (size_t) ((uint8_t *) memmem (data, size, layout, 4) - data),
         shape = (size_t) ((uint8_t *) memmem (data, size, space, 4) - data);
  memcpy (copy + node + 16, data + 64, 8);
  refuses (copy, size, "twice, or in a circle");
  memcpy (copy, data, size);
  copy[node + 24] = 2;
  refuses (copy, size, "link by name");
  memcpy (copy, data, size);
  copy[8] = 2;
  refuses (copy, size, "superblock 2");
  memcpy (copy, data, size);
  copy[at] = 0x0b;
  refuses (copy, size, "compressed");
  copy[at] = 0x07;
  refuses (copy, size, "another file");
  copy[at] = 0x06;
  refuses (copy, size, "newer layout");
  memcpy (copy, data, size);
  copy[at + 9] = 2;
  refuses (copy, size, "in chunks");
  memcpy (copy, data, size);
  memset (copy + shape + 16, 0x7f, 8);
  refuses (copy, size, "larger than any machine");
  memcpy (copy, data, size);
  copy[shape + 16 + 2] = 1; /* 65538 rows */
  refuses (copy, size, "lacks values");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/hdf5/round-trip", test_round_trip);
  g_test_add_func ("/hdf5/many", test_many);
  g_test_add_func ("/hdf5/damaged", test_damaged);
  g_test_add_func ("/hdf5/refused", test_refused);
  return g_test_run ();
}
