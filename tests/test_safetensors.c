/* SPDX-License-Identifier: Apache-2.0
 *
 * safetensors: the exact bytes of a small file, round trips, a file written by others, and files that mean harm. */
#include <glib.h>
#include <glib/gstdio.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/random.h"
#include "format/safetensors.h"
#include "fixture.h"

/* --- Files in memory --- */

#define FILE_NAME "some.safetensors"

/* Header length, header, @data_size bytes 0, 1, 2... */
static GByteArray *
new_file (const char *header, size_t data_size)
{
  GByteArray *file = g_byte_array_new ();
  uint64_t size = strlen (header);

  g_byte_array_append (file, (const guint8 *) &size, sizeof size);
  g_byte_array_append (file, (const guint8 *) header, (guint) size);
  for (size_t i = 0; i < data_size; i++)
    g_byte_array_append (file, &(guint8){(guint8) i}, 1);
  return file;
}

static struct weights *
parse (const GByteArray *file, GError **error)
{
  g_autofree void *exact = g_memdup2 (file->data, file->len); /* so that a sanitizer sees the end */

  return safetensors_parse (exact, file->len, FILE_NAME, error);
}

static void
test_parse (void)
{
  g_autoptr (GByteArray) file = new_file (
    " {\"b\" : {\"data_offsets\":[8,10], \"dtype\":\"BF16\",\"shape\":[ ]}\n,\"a.\\u00e9\\ud83d\\ude00\\n\\\"\":"
    "{\"dtype\":\"U8\",\"shape\":[2,1,4],\"data_offsets\":[0,8]},"
    "\"__metadata__\":{\"format\":\"pt\",\"x\\\\\":\"\"}}   ",
    10);
  const guint8 bytes[] = {0, 1, 2, 3, 4, 5, 6, 7};
  g_autoptr (GError) error = NULL;
  g_autoptr (weights) weights = parse (file, &error);
  struct tensor *a, *b;

  g_assert_no_error (error);
  g_assert_cmpuint (weights_count (weights), ==, 2);
  g_assert_cmpstr (weights_name (weights, 0), ==, "b");
  b = weights_at (weights, 0);
  a = weights_find (weights, "a.\xc3\xa9\xf0\x9f\x98\x80\n\"");
  g_assert_nonnull (a);
  g_assert_true (shape_equal (&a->shape, &SHAPE (2, 1, 4)) && a->dtype == DTYPE_U8);
  g_assert_cmpmem (a->data, a->size, bytes, sizeof bytes);
  g_assert_true (b->dtype == DTYPE_BF16 && b->shape.rank == 0);
  g_assert_cmphex (*(uint16_t *) b->data, ==, 0x0908);
  g_assert_cmpstr (weights_metadata (weights, "format"), ==, "pt");
  g_assert_cmpstr (weights_metadata (weights, "x\\"), ==, "");
}

#define ENTRY(type, shape, offsets) "{\"dtype\":\"" type "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static void
test_refusals (void)
{
  static const struct {
    const char *header;
    size_t data_size;
    const char *problem;
  } cases[] = {
    {"[]", 0, "byte 0 of the header: '{' expected"},
    {"{}", 1, "the header describes 0 bytes of data, the file has 1"},
    {"{} x", 0, "byte 3 of the header: the end of the header expected"},
    {"{\"a\":1}", 0, "byte 5 of the header: '{' expected"},
    {"{\"a", 0, "byte 3 of the header: '\"' expected"},
    {"{\"a\"}", 0, "byte 4 of the header: ':' expected"},
    {"{\"a\":{}}", 0, "tensor 'a' wants dtype, shape and data_offsets"},
    {"{\"a\":{\"dtype\":\"F32\"}}", 0, "tensor 'a' wants dtype, shape and data_offsets"},
    {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F16\"}}", 0,
     "byte 28 of the header: no second value of the same name expected"},
    {"{\"a\":{\"type\":\"F32\"}}", 0, "byte 13 of the header: dtype, shape or data_offsets expected"},
    {"{\"a\":{\"shape\":[1,]}}", 0, "byte 17 of the header: a whole number expected"},
    {"{\"a\":{\"shape\":[1.0]}}", 0, "byte 16 of the header: a plain whole number expected"},
    {"{\"a\":{\"shape\":[01]}}", 0, "byte 17 of the header: a plain whole number expected"},
    {"{\"a\":{\"shape\":[-1]}}", 0, "byte 15 of the header: a whole number expected"},
    {"{\"a\":{\"shape\":[18446744073709551617]}}", 0, "byte 34 of the header: a smaller number expected"},
    {"{\"a\":{\"shape\":[1,1,1,1,1,1,1]}}", 0, "a list of more than 6 numbers before byte 27 of the header"},
    {"{\"a\":{\"data_offsets\":[1]}}", 0, "byte 24 of the header: two offsets expected"},
    {"{\"a\":" ENTRY ("F8_E4M3", "[4]", "[0,4]") "}", 4,
     "tensor 'a' has elements of type F8_E4M3; F32, F16, BF16, F64, I64 or U8 expected"},
    {"{\"a\":" ENTRY ("U8", "[0]", "[0,0]") "}", 0,
     "tensor 'a' has the shape (0); extents of 1 or more and at most 1099511627776 elements expected"},
    {"{\"a\":" ENTRY ("U8", "[4294967296,4294967296]", "[0,0]") "}", 0,
     "tensor 'a' has the shape (4294967296, 4294967296); extents of 1 or more and at most 1099511627776 elements "
     "expected"},
    {"{\"a\":" ENTRY ("F32", "[2]", "[0,7]") "}", 7, "tensor 'a' (2) of F32 takes 8 bytes, its offsets are 0 to 7"},
    {"{\"a\":" ENTRY ("U8", "[2]", "[4,2]") "}", 4, "tensor 'a' (2) of U8 takes 2 bytes, its offsets are 4 to 2"},
    {"{\"a\":" ENTRY ("U8", "[2]", "[9223372036854775806,9223372036854775807]") "}", 4,
     "byte 65 of the header: a smaller number expected"},
    {"{\"a\":" ENTRY ("U8", "[2]", "[900000000000000000,900000000000000002]") "}", 4,
     "tensor 'a' begins at byte 900000000000000000 of the data, 0 expected: tensors must follow each other without gap "
     "or overlap"},
    {"{\"a\":" ENTRY ("U8", "[8]", "[0,8]") "}", 4, "the header describes 8 bytes of data, the file has 4"},
    {"{\"a\":" ENTRY ("U8", "[4]", "[0,4]") ",\"b\":" ENTRY ("U8", "[4]", "[2,6]") "}", 6,
     "tensor 'b' begins at byte 2 of the data, 4 expected: tensors must follow each other without gap or overlap"},
    {"{\"a\":" ENTRY ("U8", "[4]", "[0,4]") ",\"b\":" ENTRY ("U8", "[4]", "[0,4]") "}", 4,
     "tensor 'b' begins at byte 0 of the data, 4 expected: tensors must follow each other without gap or overlap"},
    {"{\"a\":" ENTRY ("U8", "[4]", "[0,4]") ",\"b\":" ENTRY ("U8", "[1]", "[5,6]") "}", 6,
     "tensor 'b' begins at byte 5 of the data, 4 expected: tensors must follow each other without gap or overlap"},
    {"{\"a\":" ENTRY ("U8", "[1]", "[0,1]") ",\"\\u0061\":" ENTRY ("U8", "[1]", "[1,2]") "}", 2,
     "tensor 'a' is there twice"},
    {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, "__metadata__ is there twice"},
    {"{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}", 0, "metadata 'a' is there twice"},
    {"{\"__metadata__\":{\"a\":1}}", 0, "byte 21 of the header: a string expected"},
    {"{\"__metadata__\":{\"a\":{\"b\":\"c\"}}}", 0, "byte 21 of the header: a string expected"},
    {"{\"__metadata__\":{\"\xff\":\"\"}}", 0, "a string before byte 20 of the header is not UTF-8"},
    {"{\"__metadata__\":{\"a\nb\":\"\"}}", 0, "byte 19 of the header: no control character expected"},
    {"{\"__metadata__\":{\"\\u0000\":\"\"}}", 0, "byte 24 of the header: a character expected"},
    {"{\"__metadata__\":{\"\\udc00\":\"\"}}", 0, "byte 24 of the header: a character expected"},
    {"{\"__metadata__\":{\"\\ud800x\":\"\"}}", 0,
     "byte 24 of the header: the second half of a surrogate pair expected"},
    {"{\"__metadata__\":{\"\\x\":\"\"}}", 0, "byte 20 of the header: an escaped character expected"},
  };

  for (size_t i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GByteArray) file = new_file (cases[i].header, cases[i].data_size);
    g_autoptr (GError) error = NULL;
    g_autofree char *message = g_strconcat (FILE_NAME " is not a good safetensors file: ", cases[i].problem, NULL);

    g_assert_null (parse (file, &error));
    g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT);
    g_assert_cmpstr (error->message, ==, message);
  }
}

/* The first eight bytes lie. */
static void
test_header_length (void)
{
  static const uint64_t lengths[] = {0, 1, 3, 1000, (100 << 20) + 1, G_MAXUINT64, G_MAXUINT64 - 7, G_MAXINT64};

  for (size_t i = 0; i < G_N_ELEMENTS (lengths); i++) {
    g_autoptr (GByteArray) file = new_file ("{}", 0);
    g_autoptr (GError) error = NULL;

    memcpy (file->data, &lengths[i], sizeof lengths[i]);
    g_assert_null (parse (file, &error));
    g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT);
  }
  for (guint size = 0; size < 10; size++) {
    g_autoptr (GByteArray) file = new_file ("{}", 0);
    g_autoptr (GError) error = NULL;

    g_byte_array_set_size (file, size);
    g_assert_null (parse (file, &error));
    g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT);
  }
}

/* Nesting, and more names than any network has. */
static void
test_bombs (void)
{
  static const char *const bombs[] = {"[", "{\"a\":", "{\"a\":{\"shape\":[", "{\"__metadata__\":"};
  g_autoptr (GString) names = g_string_new ("{\"__metadata__\":{");

  for (size_t i = 0; i < G_N_ELEMENTS (bombs); i++) {
    g_autoptr (GString) header = g_string_new (NULL);
    g_autoptr (GByteArray) file = NULL;
    g_autoptr (GError) error = NULL;

    while (header->len < 1 << 20)
      g_string_append (header, bombs[i]);
    file = new_file (header->str, 0);
    g_assert_null (parse (file, &error));
    g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT);
  }
  for (guint i = 0; i <= 1 << 17; i++)
    g_string_append_printf (names, "%s\"%x\":\"\"", i > 0 ? "," : "", i);
  g_string_append (names, "}}");
  {
    g_autoptr (GByteArray) file = new_file (names->str, 0);
    g_autoptr (GError) error = NULL;

    g_assert_null (parse (file, &error));
    g_assert_nonnull (strstr (error->message, "more than 131072 metadata strings"));
  }
}

/* --- Files on disk --- */

struct place {
  char *folder, *path;
};

static void
place_open (struct place *place, const void *unused)
{
  g_autoptr (GError) error = NULL;

  place->folder = g_dir_make_tmp ("impasto-XXXXXX", &error);
  g_assert_no_error (error);
  place->path = g_build_filename (place->folder, "a.safetensors", NULL);
}

static void
place_close (struct place *place, const void *unused)
{
  g_unlink (place->path);
  g_assert_cmpint (g_rmdir (place->folder), ==, 0); /* nothing was left behind */
  g_free (place->path);
  g_free (place->folder);
}

static struct tensor *
new_filled (struct shape shape, enum dtype dtype, uint64_t seed)
{
  struct tensor *tensor = tensor_new (shape, dtype, NULL);

  for (size_t i = 0; i < tensor->size; i++)
    ((uint8_t *) tensor->data)[i] = (uint8_t) random_bits ((struct random_key){.seed = seed}, i);
  return tensor;
}

static struct weights *
new_weights (void)
{
  static const enum dtype dtypes[] = {DTYPE_U8, DTYPE_F32, DTYPE_BF16, DTYPE_I64, DTYPE_F16, DTYPE_F64};
  struct weights *weights = weights_new ();

  for (guint i = 0; i < 12; i++) {
    g_autofree char *name = g_strdup_printf ("layer%u.\"weight\"\\ \xc3\xa9\t", (i * 7) % 12);
    g_autoptr (tensor) tensor = new_filled (i == 4 ? SHAPE_SCALAR : SHAPE (1 + i % 3, 5, 1 + i), dtypes[i % 6], i);

    weights_add (weights, name, tensor);
  }
  weights_set_metadata (weights, "manifest", "{\"a\": [1, 2],\n \"b\": \"\\\"\"}\x01\x7f");
  weights_set_metadata (weights, "empty", "");
  return weights;
}

static void
assert_same (struct weights *a, struct weights *b)
{
  g_auto (GStrv) a_keys = weights_metadata_keys (a), b_keys = weights_metadata_keys (b);

  g_assert_cmpuint (weights_count (a), ==, weights_count (b));
  for (guint i = 0; i < weights_count (a); i++) {
    struct tensor *x = weights_at (a, i), *y = weights_find (b, weights_name (a, i));

    g_assert_true (y != NULL && x->dtype == y->dtype && shape_equal (&x->shape, &y->shape));
    g_assert_cmpmem (x->data, x->size, y->data, y->size);
  }
  g_assert_cmpstrv (a_keys, b_keys);
  for (char **key = a_keys; *key != NULL; key++)
    g_assert_cmpstr (weights_metadata (a, *key), ==, weights_metadata (b, *key));
}

/* All types, any bits (NaN among them), names and metadata that need escapes; equal weights in another order give equal
 * bytes; the data of every tensor is aligned to its elements. */
static void
test_round_trip (struct place *place, const void *unused)
{
  g_autoptr (weights) weights = new_weights (), reversed = weights_new (), loaded = NULL;
  g_autofree char *first = NULL, *second = NULL;
  g_autoptr (GError) error = NULL;
  gsize first_size, second_size;

  g_assert_true (safetensors_save (weights, place->path, &error));
  loaded = safetensors_load (place->path, &error);
  g_assert_no_error (error);
  assert_same (weights, loaded);
  for (guint i = 1; i < weights_count (loaded); i++)
    g_assert_cmpuint (dtype_size (weights_at (loaded, i)->dtype), <=, dtype_size (weights_at (loaded, i - 1)->dtype));

  for (guint i = weights_count (weights); i-- > 0;)
    weights_add (reversed, weights_name (weights, i), weights_at (weights, i));
  weights_set_metadata (reversed, "empty", "");
  weights_set_metadata (reversed, "manifest", weights_metadata (weights, "manifest"));
  g_assert_true (g_file_get_contents (place->path, &first, &first_size, NULL));
  g_assert_true (safetensors_save (reversed, place->path, &error));
  g_assert_true (g_file_get_contents (place->path, &second, &second_size, NULL));
  g_assert_cmpmem (first, first_size, second, second_size);
  g_assert_cmpuint (*(uint64_t *) first % 8, ==, 0);
  g_assert_cmpuint (count_files (place->folder), ==, 1);
}

/* The file of the format's own description, byte by byte. */
static void
test_exact_bytes (struct place *place, const void *unused)
{
  static const char header[] =
    "{\"__metadata__\":{\"k\":\"v\\u000a\"},\"w\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,8]},"
    "\"b\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[8,9]}}";
  const float values[] = {1, -2};
  const guint8 byte = 77;
  g_autoptr (weights) weights = weights_new ();
  g_autoptr (tensor) w = tensor_new (SHAPE (1, 2), DTYPE_F32, NULL), b = tensor_new (SHAPE_SCALAR, DTYPE_U8, NULL);
  g_autoptr (GString) expected = g_string_new (header);
  g_autofree char *bytes = NULL;
  g_autoptr (GError) error = NULL;
  uint64_t header_size;
  gsize size;

  while (expected->len % 8 != 0)
    g_string_append_c (expected, ' ');
  header_size = expected->len;
  g_string_prepend_len (expected, (const char *) &header_size, 8);
  g_string_append_len (expected, (const char *) values, sizeof values);
  g_string_append_len (expected, (const char *) &byte, 1);

  memcpy (w->data, values, sizeof values);
  memcpy (b->data, &byte, 1);
  weights_add (weights, "b", b);
  weights_add (weights, "w", w);
  weights_set_metadata (weights, "k", "v\n");
  g_assert_true (safetensors_save (weights, place->path, &error));
  g_assert_true (g_file_get_contents (place->path, &bytes, &size, NULL));
  g_assert_cmpmem (bytes, size, expected->str, expected->len);
}

static void
test_empty (struct place *place, const void *unused)
{
  g_autoptr (weights) weights = weights_new (), loaded = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (safetensors_save (weights, place->path, &error));
  loaded = safetensors_load (place->path, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (weights_count (loaded), ==, 0);
}

/* No prefix of a file is a file, from disk or memory; and no flipped byte does more than change a value or be refused:
 * what comes out accounts for every byte of data. */
static void
test_damaged (struct place *place, const void *unused)
{
  g_autoptr (weights) weights = new_weights ();
  g_autoptr (GByteArray) file = g_byte_array_new ();
  g_autofree char *bytes = NULL;
  gsize size;

  g_assert_true (safetensors_save (weights, place->path, NULL));
  g_assert_true (g_file_get_contents (place->path, &bytes, &size, NULL));
  for (guint cut = 0; cut < size; cut += cut < 2000 ? 1 : 97) {
    g_autoptr (GError) error = NULL, disk_error = NULL;

    g_byte_array_set_size (file, 0);
    g_byte_array_append (file, (const guint8 *) bytes, cut);
    g_assert_null (parse (file, &error));
    g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT);
    if (cut % 100 != 0)
      continue;
    g_assert_true (g_file_set_contents (place->path, bytes, cut, NULL));
    g_assert_null (safetensors_load (place->path, &disk_error));
    g_assert_error (disk_error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT);
    g_assert_nonnull (strstr (disk_error->message, place->path));
  }
  for (uint64_t round = 0; round < 20000; round++) {
    struct random_key key = {.seed = 5, .step = round};
    g_autoptr (GError) error = NULL;
    g_autoptr (weights) result = NULL;
    size_t header = 0, total = 0;

    g_byte_array_set_size (file, 0);
    g_byte_array_append (file, (const guint8 *) bytes, (guint) size);
    for (uint64_t i = 0; i <= random_below (key, 0, 3); i++)
      file->data[random_below (key, 1 + 2 * i, 1100)] = (guint8) random_below (key, 2 + 2 * i, 256);
    result = parse (file, &error);
    g_assert_true ((result != NULL) == (error == NULL));
    if (result == NULL)
      continue;
    memcpy (&header, file->data, sizeof header);
    for (guint i = 0; i < weights_count (result); i++)
      total += weights_at (result, i)->size;
    g_assert_cmpuint (8 + header + total, ==, size);
  }
}

static void
test_not_files (struct place *place, const void *unused)
{
  g_autofree char *missing = g_build_filename (place->folder, "missing", NULL);
  const char *paths[] = {missing, place->folder, "/dev/zero", place->path};

  g_assert_cmpint (mkfifo (place->path, 0600), ==, 0); /* must not wait for a writer */
  for (size_t i = 0; i < G_N_ELEMENTS (paths); i++) {
    g_autoptr (GError) error = NULL;

    g_assert_null (safetensors_load (paths[i], &error));
    g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT);
    g_assert_nonnull (strstr (error->message, paths[i]));
  }
}

/* A sparse file of 4 TiB that is in order, but for the machine. */
static void
test_huge (struct place *place, const void *unused)
{
  g_autoptr (GByteArray) file = new_file ("{\"a\":" ENTRY ("F32", "[1099511627776]", "[0,4398046511104]") "}", 0);
  g_autoptr (GError) error = NULL;
  FILE *stream;

  g_assert_true (g_file_set_contents (place->path, (char *) file->data, file->len, NULL));
  stream = g_fopen (place->path, "r+");
  if (ftruncate (fileno (stream), (off_t) file->len + 4398046511104) != 0) {
    fclose (stream);
    g_test_skip ("this file system holds no sparse file of 4 TiB");
    return;
  }
  fclose (stream);
  g_assert_null (safetensors_load (place->path, &error));
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY);
}

static void
test_bad_names (struct place *place, const void *unused)
{
  static const char *const names[] = {"__metadata__", "bad\xff"};
  g_autoptr (tensor) tensor = tensor_new_scalar (1);

  for (size_t i = 0; i <= G_N_ELEMENTS (names); i++) {
    g_autoptr (weights) weights = weights_new ();
    g_autoptr (GError) error = NULL;

    if (i < G_N_ELEMENTS (names))
      weights_add (weights, names[i], tensor);
    else
      weights_set_metadata (weights, "k", "\xc3");
    g_assert_false (safetensors_save (weights, place->path, &error));
    g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_OUTPUT);
    g_assert_cmpuint (count_files (place->folder), ==, 0);
  }
}

/* A limit on the size of files stands for a full disk; the old file stays as it was. */
static void
test_full_disk (struct place *place, const void *unused)
{
  g_autoptr (weights) weights = weights_new (), old = NULL, before_weights = new_weights ();
  g_autoptr (tensor) tensor = tensor_new (SHAPE (1 << 16), DTYPE_F32, NULL);
  g_autoptr (GError) error = NULL;
  struct rlimit before, small;
  bool saved;

  g_assert_true (safetensors_save (before_weights, place->path, &error));
  weights_add (weights, "a", tensor);
  signal (SIGXFSZ, SIG_IGN);
  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &before), ==, 0);
  small = (struct rlimit){.rlim_cur = 1 << 14, .rlim_max = before.rlim_max};
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &small), ==, 0);
  saved = safetensors_save (weights, place->path, &error);
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &before), ==, 0);
  g_assert_false (saved);
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_OUTPUT);
  g_assert_nonnull (strstr (error->message, place->path));
  g_assert_cmpuint (count_files (place->folder), ==, 1);
  old = safetensors_load (place->path, NULL);
  assert_same (old, before_weights);
}

/* --- A file written by others --- */

/* Sum and Euclidean norm of each tensor, computed with NumPy in float64 from the bytes of the file. */
static void
test_vgg (void)
{
  static const struct {
    const char *name;
    double sum, norm;
  } facts[] = {
    {"features.conv1_1.weight", -203.58354692487046, 458.3565401747617},
    {"features.conv1_1.bias", 31.154571218416095, 5.60730133793863},
    {"features.conv1_2.weight", 154.49179516824762, 7.6987788752372905},
    {"features.conv2_1.weight", -29.5972038029617, 8.143753684736975},
    {"features.conv2_2.bias", 1.1570120917167515, 2.0498248681204143},
    {"features.conv3_1.weight", -75.85409928193518, 8.959490543257138},
    {"features.conv3_4.weight", 97.10269354548689, 7.923938031174679},
    {"features.conv3_4.bias", 4.800642366404645, 0.803517364650365},
  };
  g_autofree char *beside = g_test_build_filename (G_TEST_DIST, "..", "..", "shared", NULL), *path = NULL;
  const char *shared = g_getenv ("IMPASTO_SHARED");
  g_autoptr (weights) weights = NULL;
  g_autoptr (GError) error = NULL;

  path = g_build_filename (shared != NULL ? shared : beside, "data", "perceptual", "vgg19_blocks123.safetensors", NULL);
  if (!g_file_test (path, G_FILE_TEST_EXISTS)) {
    g_test_skip ("no data/perceptual/vgg19_blocks123.safetensors in the folder IMPASTO_SHARED names");
    return;
  }
  weights = safetensors_load (path, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (weights_count (weights), ==, 16);
  g_assert_cmpstr (weights_metadata (weights, "layout"), ==, "OIHW float32");
  g_assert_true (shape_equal (&weights_find (weights, "features.conv3_1.weight")->shape, &SHAPE (256, 128, 3, 3)));
  for (size_t f = 0; f < G_N_ELEMENTS (facts); f++) {
    struct tensor *tensor = weights_find (weights, facts[f].name);
    const float *x = tensor_floats (tensor);
    double sum = 0, squares = 0;

    for (int64_t i = 0; i < shape_size (&tensor->shape); i++) {
      sum += x[i];
      squares += (double) x[i] * x[i];
    }
    g_assert_cmpfloat_with_epsilon (sum, facts[f].sum, 1e-8);
    g_assert_cmpfloat_with_epsilon (sqrt (squares), facts[f].norm, 1e-8);
  }
}

int
main (int argc, char **argv)
{
  static const struct {
    const char *path;
    void (*run) (struct place *, const void *);
  } on_disk[] = {
    {"/safetensors/round-trip", test_round_trip}, {"/safetensors/exact-bytes", test_exact_bytes},
    {"/safetensors/empty", test_empty},           {"/safetensors/damaged", test_damaged},
    {"/safetensors/not-files", test_not_files},   {"/safetensors/huge", test_huge},
    {"/safetensors/bad-names", test_bad_names},   {"/safetensors/full-disk", test_full_disk},
  };

  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/safetensors/parse", test_parse);
  g_test_add_func ("/safetensors/refusals", test_refusals);
  g_test_add_func ("/safetensors/header-length", test_header_length);
  g_test_add_func ("/safetensors/bombs", test_bombs);
  for (size_t i = 0; i < G_N_ELEMENTS (on_disk); i++)
    g_test_add (on_disk[i].path, struct place, NULL, place_open, on_disk[i].run, place_close);
  g_test_add_func ("/safetensors/vgg", test_vgg);
  return g_test_run ();
}
