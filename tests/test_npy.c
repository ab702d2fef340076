/* SPDX-License-Identifier: Apache-2.0
 *
 * .npy files: every type in both orders against numbers written out here, a round trip, and what must be refused. */
#include <glib/gstdio.h>
#include <string.h>

#include "format/npy.h"
#include "impasto/error.h"

/* A file of version 1 with this dictionary and data; *@size its length. To be freed. */
static char *
make (const char *header, const void *data, size_t n, size_t *size)
{
  size_t length = strlen (header);
  char *bytes = g_malloc (10 + length + n);

  memcpy (bytes, "\x93NUMPY\x01\x00", 8);
  bytes[8] = (char) (length & 0xff);
  bytes[9] = (char) (length >> 8);
  memcpy (bytes + 10, header, length);
  if (n > 0)
    memcpy (bytes + 10 + length, data, n);
  *size = 10 + length + n;
  return bytes;
}

static void
test_types (void)
{
  static const struct {
    const char *type;
    size_t size;
    uint8_t bytes[8]; /* of -2, or of 254, 1 */
    double want;
    enum dtype dtype;
  } types[] = {
    {"<f4", 4, {0, 0, 0, 0xc0}, -2, DTYPE_F32},
    {"<f8", 8, {0, 0, 0, 0, 0, 0, 0, 0xc0}, -2, DTYPE_F64},
    {"<f2", 2, {0, 0xc0}, -2, DTYPE_F16},
    {"<i8", 8, {0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, -2, DTYPE_I64},
    {"<i4", 4, {0xfe, 0xff, 0xff, 0xff}, -2, DTYPE_I64},
    {"<i2", 2, {0xfe, 0xff}, -2, DTYPE_I64},
    {"|i1", 1, {0xfe}, -2, DTYPE_I64},
    {"<u4", 4, {0xfe, 0xff, 0xff, 0xff}, 4294967294.0, DTYPE_I64},
    {"<u2", 2, {0xfe, 0xff}, 65534, DTYPE_I64},
    {"|u1", 1, {0xfe}, 254, DTYPE_U8},
    {"|b1", 1, {1}, 1, DTYPE_U8},
  };

  for (size_t i = 0; i < G_N_ELEMENTS (types); i++) {
    g_autofree char *header =
      g_strdup_printf ("{'descr': '%s', 'fortran_order': False, 'shape': (1,), }\n", types[i].type);
    g_autoptr (GError) error = NULL;
    bool boolean;
    size_t size;
    g_autofree char *bytes = make (header, types[i].bytes, types[i].size, &size);
    g_autoptr (tensor) tensor = npy_parse (bytes, size, "FILE", &boolean, &error);

    g_assert_no_error (error);
    g_assert_cmpint (tensor->dtype, ==, types[i].dtype);
    g_assert_true (boolean == g_str_equal (types[i].type, "|b1"));
    g_autoptr (tensor) wide = tensor_convert (tensor, DTYPE_F64, NULL);
    g_assert_cmpfloat (((double *) wide->data)[0], ==, types[i].want);
  }
}

/* (2, 3) in column order: 0 3, 1 4, 2 5 is 0 1 2, 3 4 5; in the header's other spellings. */
static void
test_order (void)
{
  static const uint8_t columns[] = {0, 3, 1, 4, 2, 5};
  static const char *const headers[] = {
    "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }\n",
    "{ \"shape\":(2,3),\"fortran_order\":True,\"descr\":\"|u1\"}",
  };

  for (size_t k = 0; k < G_N_ELEMENTS (headers); k++) {
    size_t size;
    g_autofree char *bytes = make (headers[k], columns, sizeof columns, &size);
    g_autoptr (tensor) tensor = npy_parse (bytes, size, "FILE", NULL, NULL);

    g_assert_nonnull (tensor);
    for (int i = 0; i < 6; i++)
      g_assert_cmpint (((uint8_t *) tensor->data)[i], ==, i);
  }
}

static void
test_round_trip (void)
{
  static const struct shape shapes[] = {SHAPE_INIT (2, 3, 4), SHAPE_INIT (5), {.rank = 0}};
  static const enum dtype dtypes[] = {DTYPE_F32, DTYPE_F64, DTYPE_F16, DTYPE_I64, DTYPE_U8};
  g_autofree char *folder = g_dir_make_tmp ("impasto-npy-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "a.npy", NULL);

  for (size_t s = 0; s < G_N_ELEMENTS (shapes); s++)
    for (size_t d = 0; d < G_N_ELEMENTS (dtypes); d++)
      for (int as_boolean = 0; as_boolean < 2; as_boolean++) {
        g_autoptr (tensor) tensor = tensor_new (shapes[s], dtypes[d], NULL);
        g_autoptr (GError) error = NULL;
        bool boolean;

        for (size_t i = 0; i < tensor->size; i++)
          ((uint8_t *) tensor->data)[i] = (uint8_t) (i * 37 % 11);
        g_assert_true (npy_save (tensor, as_boolean, path, &error));
        g_autoptr (tensor) back = npy_load (path, &boolean, &error);
        g_assert_no_error (error);
        g_assert_true (back->dtype == tensor->dtype && shape_equal (&back->shape, &tensor->shape));
        g_assert_true (boolean == (as_boolean && dtypes[d] == DTYPE_U8));
        g_assert_cmpmem (back->data, back->size, tensor->data, tensor->size);
      }
  g_unlink (path);
  g_rmdir (folder);
}

static void
test_refused (void)
{
  static const struct {
    const char *header, *part;
  } files[] = {
    {"{'descr': '>f4', 'fortran_order': False, 'shape': (2,), }", "big-endian"},
    {"{'descr': '<c8', 'fortran_order': False, 'shape': (2,), }", "its type is not supported"},
    {"{'descr': '', 'fortran_order': False, 'shape': (2,), }", "its type is not supported"},
    {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }", "records"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", "cut off"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (0,), }", "empty"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", "something else than extents"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }", "something else than extents"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (4000000000, 4000000000), }", "no size that fits"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 1, 1, 1, 1, 1), }", "more than six axes"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (2", "cut off"},
    {"{'descr': '<f4', 'fortran_order': 1, 'shape': (2,), }", "neither True nor False"},
    {"{'descr': '<f4', 'fortran_order': False}", "lacks an entry"},
    {"{'descr': '<f4', 'evil': False}", "unknown entry"},
    {"{'descr", "damaged"},
    {"", "no dictionary"},
  };

  for (size_t i = 0; i < G_N_ELEMENTS (files); i++) {
    static const float data[2] = {1, 2};
    g_autoptr (GError) error = NULL;
    size_t size;
    g_autofree char *bytes = make (files[i].header, data, sizeof data, &size);

    g_assert_null (npy_parse (bytes, size, "FILE", NULL, &error));
    g_assert_true (g_error_matches (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT));
    g_assert_true (g_str_has_prefix (error->message, "FILE is not a good .npy file: "));
    if (!strstr (error->message, files[i].part))
      g_error ("\"%s\" lacks \"%s\"", error->message, files[i].part);
  }
}

/* Cut off anywhere. */
static void
test_cut (void)
{
  static const float data[2] = {1, 2};
  size_t size;
  g_autofree char *bytes = make ("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", data, sizeof data, &size);

  for (size_t n = 0; n < size; n++) {
    g_autofree char *part = g_memdup2 (bytes, n);

    g_assert_null (npy_parse (part ? part : "", n, "FILE", NULL, NULL));
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/npy/types", test_types);
  g_test_add_func ("/npy/order", test_order);
  g_test_add_func ("/npy/round-trip", test_round_trip);
  g_test_add_func ("/npy/refused", test_refused);
  g_test_add_func ("/npy/cut", test_cut);
  return g_test_run ();
}
