/* SPDX-License-Identifier: Apache-2.0
 *
 * Style packs and VGG-19 files: what is saved comes back, and whatever else a file says is refused in one line that
 * names the file, quickly and without a GLib warning (which is fatal here). Bad packs are made from a good one by
 * changing a piece of its manifest, its weights or its bytes. */
#include <math.h>
#include <string.h>

#include "compile/plan.h"
#include "fixture.h"
#include "format/safetensors.h"
#include "net/pack.h"
#include "vgg_maker.h"

static const struct style_net small = {.styles = 2, .width = 4, .inner = 8, .residuals = 1, .ends = 3};

static struct weights *
random_weights (const struct style_net *settings)
{
  g_autoptr (graph) graph = graph_new ();
  struct weights *weights = weights_new ();

  style_net (graph_input (graph, "photo", SHAPE (1, 3, 16, 16)),
             (struct style_control){.rows = graph_input (graph, "style", SHAPE (1, style_net_rows (settings)))},
             settings);
  g_assert_true (weights_init (weights, graph, 3, NULL));
  return weights;
}

static struct pack *
make_pack (void)
{
  g_autoptr (weights) weights = random_weights (&small);
  struct pack *pack = pack_new (&small, weights);

  pack_add_style (pack, "great-wave", "Die große Welle \"🌊\"", "北斎", "1831");
  pack_add_style (pack, "two", NULL, "", NULL);
  pack->title = g_strdup ("A \\ title");
  pack->license = g_strdup ("CC0-1.0");
  pack->training = json_object_new ();
  json_object_set_double_member (pack->training, "rate", 0.1);
  return pack;
}

static void
save_pack (const char *path)
{
  g_autoptr (pack) pack = make_pack ();
  g_autoptr (GError) error = NULL;

  g_assert_true (pack_save (pack, path, &error));
}

static void
check_message (GError *error, int code, const char *path, const char *text)
{
  g_assert_error (error, IMPASTO_ERROR, code);
  if (strstr (error->message, path) == NULL || strpbrk (error->message, "\r\n\033") != NULL ||
      !g_utf8_validate (error->message, -1, NULL) || (text != NULL && strstr (error->message, text) == NULL))
    g_error ("message is \"%s\", wanted \"%s\" in it", error->message, text != NULL ? text : path);
}

/* pack_load fails; with @text in the message. */
static void
check_refused (const char *path, const char *text)
{
  g_autoptr (GError) error = NULL;
  gint64 start = g_get_monotonic_time ();
  struct pack *pack = pack_load (path, &error);

  if (pack != NULL)
    g_error ("%s: was loaded, wanted \"%s\"", path, text);
  check_message (error, IMPASTO_ERROR_INPUT, path, text);
  g_assert_cmpint (g_get_monotonic_time () - start, <, 10 * G_USEC_PER_SEC);
}

static void
test_round_trip (void)
{
  g_autofree char *path = file ("pack.safetensors"), *again = file ("again.safetensors");
  g_autofree char *one = NULL, *two = NULL;
  g_autoptr (pack) made = make_pack ();
  g_autoptr (GError) error = NULL;
  gsize one_size = 0, two_size = 0;

  g_assert_true (pack_save (made, path, &error));
  g_autoptr (pack) pack = pack_load (path, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (pack->path, ==, path);
  g_assert_cmpmem (&pack->settings, sizeof pack->settings, &small, sizeof small);
  g_assert_cmpstr (pack->title, ==, made->title);
  g_assert_cmpstr (pack->license, ==, "CC0-1.0");
  g_assert_null (pack->provenance);
  g_assert_cmpfloat (json_object_get_double_member (pack->training, "rate"), ==, 0.1);
  g_assert_cmpuint (pack->styles->len, ==, 2);
  g_assert_cmpint (pack_find_style (pack, "two"), ==, 1);
  g_assert_cmpint (pack_find_style (pack, "three"), ==, -1);
  for (guint i = 0; i < 2; i++) {
    const struct pack_style *a = made->styles->pdata[i], *b = pack->styles->pdata[i];
    g_assert_cmpstr (a->name, ==, b->name);
    g_assert_cmpstr (a->title, ==, b->title);
    g_assert_cmpstr (a->artist, ==, b->artist);
    g_assert_cmpstr (a->year, ==, b->year);
  }
  g_assert_cmpuint (weights_count (pack->weights), ==, weights_count (made->weights));
  for (guint i = 0; i < weights_count (made->weights); i++) {
    struct tensor *a = weights_at (made->weights, i),
                  *b = weights_find (pack->weights, weights_name (made->weights, i));
    g_assert_true (shape_equal (&a->shape, &b->shape));
    for (int64_t k = 0; k < shape_size (&a->shape); k++) /* eleven bits */
      g_assert_cmpfloat_with_epsilon (tensor_floats (a)[k], tensor_floats (b)[k],
                                      fabsf (tensor_floats (a)[k]) / 2048 + 1e-7f);
  }
  g_assert_true (pack_save (pack, again, &error)); /* halves are halves now: the same file */
  g_assert_true (g_file_get_contents (path, &one, &one_size, NULL) &&
                 g_file_get_contents (again, &two, &two_size, NULL));
  g_assert_cmpmem (one, one_size, two, two_size);
  g_autoptr (pack) head = pack_load_manifest (path, &error);
  g_assert_cmpuint (head->styles->len, ==, 2);
  g_assert_cmpuint (weights_count (head->weights), ==, 0);
  g_autoptr (pack) parsed = pack_parse (one, one_size, "memory", &error);
  g_assert_cmpuint (weights_count (parsed->weights), ==, weights_count (made->weights));
}

/* What half precision cannot hold is refused, and nothing is left behind. */
static void
test_save_refused (void)
{
  g_autofree char *path = file ("never.safetensors"), *nowhere = file ("no-folder/pack.safetensors");
  g_autoptr (pack) pack = make_pack ();
  g_autoptr (GError) error = NULL;

  g_assert_false (pack_save (pack, nowhere, &error));
  check_message (error, IMPASTO_ERROR_OUTPUT, nowhere, NULL);
  g_clear_error (&error);
  tensor_floats (weights_find (pack->weights, "res1.conv1.weight"))[5] = 1e6f;
  g_assert_false (pack_save (pack, path, &error));
  check_message (error, IMPASTO_ERROR_NUMERIC, path, "res1.conv1.weight");
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
}

/* Manifests */

static void
write_manifest (const char *path, const char *manifest)
{
  g_autofree char *good = file ("good.safetensors");
  g_autoptr (GError) error = NULL;

  save_pack (good);
  g_autoptr (weights) weights = safetensors_load (good, &error);
  weights_set_metadata (weights, "impasto", manifest);
  g_assert_true (safetensors_save (weights, path, &error));
}

/* The good manifest with @from replaced by @to. */
static void
write_changed (const char *path, const char *from, const char *to)
{
  g_autofree char *good = file ("good.safetensors");

  save_pack (good);
  g_autoptr (weights) weights = safetensors_load (good, NULL);
  GString *text = g_string_new (weights_metadata (weights, "impasto"));
  if (g_string_replace (text, from, to, 1) != 1)
    g_error ("the manifest has no %s: %s", from, text->str);
  write_manifest (path, text->str);
  g_string_free (text, TRUE);
}

static void
test_manifest_changed (void)
{
  static const char *const changes[][3] = {
    {"\"format\":1", "\"format\":2", "format 1"},
    {"\"format\":1", "\"format\":\"1\"", "format 1"},
    {"\"format\":1", "\"format\":1.5", "format 1"},
    {"\"format\":1", "\"format\":true", "format 1"},
    {"\"format\":1", "\"format\":null", "format 1"},
    {"\"format\":1", "\"format\":[1]", "format 1"},
    {"\"format\":1", "\"format\":99999999999999999999", "format 1"},
    {"\"format\":1,", "", "format 1"},
    {"\"network\":\"style\"", "\"network\":\"dcgan\"", "network \"dcgan\""},
    {"\"network\":\"style\"", "\"network\":\"a\\nb\\u001b[2J\"", "network"},
    {"\"network\":\"style\"", "\"network\":7", "no string"},
    {"\"network\":\"style\",", "", "network \"\""},
    {"\"width\":4", "\"width\":\"4\"", "width"},
    {"\"width\":4", "\"width\":4.5", "width"},
    {"\"width\":4", "\"width\":0", "width"},
    {"\"width\":4", "\"width\":-4", "width"},
    {"\"width\":4", "\"width\":null", "width"},
    {"\"width\":4", "\"width\":[4]", "width"},
    {"\"width\":4", "\"width\":1e300", "width"},
    {"\"width\":4", "\"width\":9223372036854775807", "width"},
    {"\"width\":4", "\"wodth\":4", "wodth"},
    {"\"width\":4", "\"width\":5", "(5, 3, 3, 3)"},
    {"\"ends\":3", "\"ends\":2", "odd"},
    {"\"ends\":3", "\"ends\":5", "(4, 3, 5, 5)"},
    {"\"inner\":8", "\"inner\":1024", "1024"},
    {"\"residuals\":1", "\"residuals\":64", "res2.conv1.weight"},
    {"\"residuals\":1", "\"residuals\":65", "residuals"},
    {"\"layers\":\"residual\"", "\"layers\":\"anime\"", "anime layers know one style"},
    {"\"layers\":\"residual\"", "\"layers\":\"anima\"", "layers"},
    {"\"layers\":\"residual\"", "\"layers\":1", "layers"},
    {"\"styles\":2", "\"styles\":3", "3 rows"},
    {"\"styles\":2", "\"styles\":4097", "styles"},
    {"\"settings\":{", "\"settings\":1,\"x\":{", "settings"},
    {"\"settings\":{", "\"settings\":null,\"x\":{", "settings"},
    {"\"settings\":{", "\"settings\":[],\"x\":{", "settings"},
    {"\"title\":\"A", "\"title\":4,\"x\":\"A", "\"title\""},
    {"\"license\":\"CC0-1.0\"", "\"license\":{}", "\"license\""},
    {"\"license\":\"CC0-1.0\"", "\"provenance\":[\"a\"]", "\"provenance\""},
    {"\"training\":{", "\"training\":[],\"x\":{", "\"training\""},
    {"\"styles\":[", "\"styles\":{},\"x\":[", "0 styles"},
    {"\"styles\":[", "\"styles\":5,\"x\":[", "0 styles"},
    {"\"styles\":[", "\"styles\":[null,", "3 styles"},
    {"{\"name\":\"two\"}", "7", "style 2"},
    {"{\"name\":\"two\"}", "null", "style 2"},
    {"{\"name\":\"two\"}", "[]", "style 2"},
    {"{\"name\":\"two\"}", "{}", "style 2"},
    {"\"name\":\"two\"", "\"name\":2", "\"name\""},
    {"\"name\":\"two\"", "\"name\":\"\"", "style 2"},
    {"\"name\":\"two\"", "\"name\":\"Two\"", "style 2"},
    {"\"name\":\"two\"", "\"name\":\"../two\"", "style 2"},
    {"\"name\":\"two\"", "\"name\":\"great-wave\"", "listed twice"},
    {"\"artist\":\"北斎\"", "\"artist\":false", "\"artist\""},
  };
  g_autofree char *path = file ("changed.safetensors");

  for (guint i = 0; i < G_N_ELEMENTS (changes); i++) {
    write_changed (path, changes[i][0], changes[i][1]);
    check_refused (path, changes[i][2]);
  }
}

static char *
nested (int depth, char open, char close)
{
  GString *text = g_string_new ("{\"format\":1,\"x\":");

  for (int i = 0; i < depth; i++)
    g_string_append (text, open == '{' ? "{\"a\":" : "[");
  g_string_append_c (text, '0');
  for (int i = 0; i < depth; i++)
    g_string_append_c (text, close);
  g_string_append_c (text, '}');
  return g_string_free (text, FALSE);
}

static void
test_manifest_whole (void)
{
  static const char *const texts[] = {"",
                                      " ",
                                      "null",
                                      "5",
                                      "\"text\"",
                                      "[]",
                                      "{}",
                                      "{",
                                      "}",
                                      "{\"format\":1",
                                      "{\"format\":1}",
                                      "{\"format\":1,\"network\":\"style\"}",
                                      "[[[[",
                                      "\xc3\xa9",
                                      "{\"a\":\"\\ud800\"}",
                                      "// {}",
                                      "{'format':1}",
                                      "{\"format\":1,}"};
  g_autofree char *path = file ("whole.safetensors"), *arrays = nested (300000, '[', ']'),
                  *objects = nested (150000, '{', '}');
  g_autofree char *spaces = g_strnfill (30 << 20, ' ');

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++) {
    write_manifest (path, texts[i]);
    check_refused (path, NULL);
  }
  write_manifest (path, arrays);
  check_refused (path, NULL);
  write_manifest (path, objects);
  check_refused (path, NULL);
  write_manifest (path, spaces);
  check_refused (path, NULL);
}

/* The largest network there may be, said by a file that holds next to nothing. */
static void
test_settings_cost_nothing (void)
{
  g_autofree char *path = file ("large.safetensors");
  GString *text =
    g_string_new ("{\"format\":1,\"network\":\"style\",\"settings\":{\"styles\":4096,\"width\":512,\"inner\":1024,"
                  "\"residuals\":64,\"ends\":15},\"styles\":[");
  gint64 start = g_get_monotonic_time ();

  for (int i = 0; i < 4096; i++)
    g_string_append_printf (text, "%s{\"name\":\"s%d\"}", i > 0 ? "," : "", i);
  g_string_append (text, "]}");
  write_manifest (path, text->str);
  check_refused (path, "(512, 3, 15, 15)");
  g_assert_cmpint (g_get_monotonic_time () - start, <, 10 * G_USEC_PER_SEC);
  g_string_free (text, TRUE);
}

/* What is printed to a terminal stays on its line. */
static void
test_titles_on_one_line (void)
{
  g_autofree char *path = file ("titles.safetensors");
  g_autoptr (GError) error = NULL;

  write_changed (path, "\"artist\":\"北斎\"", "\"artist\":\"a\\u001b[2J\\nb\\u009bc\"");
  g_autoptr (pack) pack = pack_load (path, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (((struct pack_style *) pack->styles->pdata[0])->artist, ==, "a [2J b c");
}

/* Weights */

static void
check_weights (const char *name, struct tensor *replacement, const char *text)
{
  g_autofree char *path = file ("weights.safetensors");
  g_autoptr (GError) error = NULL;

  save_pack (path);
  g_autoptr (weights) weights = safetensors_load (path, &error);
  g_assert_true (weights_remove (weights, name));
  if (replacement != NULL)
    weights_add (weights, name, replacement);
  g_assert_true (safetensors_save (weights, path, &error));
  check_refused (path, text);
}

static void
test_weights (void)
{
  const char *name = "res1.conv1.weight"; /* (8, 8, 3, 3) */
  g_autoptr (tensor) flat = tensor_new (SHAPE (8 * 8 * 3 * 3), DTYPE_F32, NULL);
  g_autoptr (tensor) wide = tensor_new (SHAPE (8, 8, 9, 1), DTYPE_F16, NULL);
  g_autoptr (tensor) scalar = tensor_new_scalar (1);
  g_autoptr (tensor) doubles = tensor_new (SHAPE (8, 8, 3, 3), DTYPE_F64, NULL);
  g_autoptr (tensor) integers = tensor_new (SHAPE (8, 8, 3, 3), DTYPE_I64, NULL);
  g_autoptr (tensor) nan = tensor_new (SHAPE (8, 8, 3, 3), DTYPE_F32, NULL);
  g_autoptr (tensor) inf = tensor_new (SHAPE (8, 8, 3, 3), DTYPE_F16, NULL);

  tensor_floats (nan)[575] = NAN;
  ((uint16_t *) inf->data)[7] = half_from_float (-INFINITY);
  check_weights (name, NULL, "weight res1.conv1.weight (8, 8, 3, 3) is missing");
  check_weights (name, flat, "weight res1.conv1.weight is (576), the network wants (8, 8, 3, 3)");
  check_weights (name, wide, "weight res1.conv1.weight is (8, 8, 9, 1), the network wants (8, 8, 3, 3)");
  check_weights (name, scalar, "weight res1.conv1.weight is (), the network wants (8, 8, 3, 3)");
  check_weights (name, doubles, "weight res1.conv1.weight is F64, wanted a float type");
  check_weights (name, integers, "weight res1.conv1.weight is I64, wanted a float type");
  check_weights (name, nan, "weight res1.conv1.weight holds NaN or infinity at element 575");
  check_weights (name, inf, "weight res1.conv1.weight holds NaN or infinity at element 7");
}

static void
test_bfloat (void)
{
  g_autofree char *path = file ("bfloat.safetensors");
  g_autoptr (GError) error = NULL;
  const char *name = "res1.conv1.weight";

  save_pack (path);
  g_autoptr (weights) weights = safetensors_load (path, &error);
  g_autoptr (tensor) bfloat = tensor_convert (weights_find (weights, name), DTYPE_BF16, NULL);
  g_autoptr (tensor) floats = tensor_convert (bfloat, DTYPE_F32, NULL);
  weights_add (weights, name, bfloat);
  g_assert_true (safetensors_save (weights, path, &error));
  g_autoptr (pack) pack = pack_load (path, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (weights_find (pack->weights, name)->data, floats->size, floats->data, floats->size);
}

/* Files */

static void
test_no_pack (void)
{
  g_autofree char *path = file ("bytes.safetensors"), *missing = file ("missing.safetensors"), *data = NULL;
  gsize size;

  check_refused (missing, NULL);
  check_refused (folder, NULL);
  g_assert_true (g_file_set_contents (path, "", 0, NULL));
  check_refused (path, NULL);
  g_assert_true (g_file_set_contents (path, "{\"format\": 1}\n", -1, NULL));
  check_refused (path, NULL);
  g_autoptr (weights) bare = random_weights (&small);
  g_assert_true (safetensors_save (bare, path, NULL));
  check_refused (path, "is no style pack");
  save_pack (path);
  g_assert_true (g_file_get_contents (path, &data, &size, NULL));
  for (gsize cut = 0; cut < size; cut += 1 + size / 60) {
    g_assert_true (g_file_set_contents (path, data, (gssize) cut, NULL));
    check_refused (path, NULL);
  }
}

/* VGG-19 */

/* Each layer can be told. */
static struct weights *
marked_vgg (bool torchvision)
{
  struct weights *weights = make_vgg (torchvision);

  for (int i = 0; i < VGG_LAYERS; i++) {
    tensor_floats (weights_at (weights, 2 * i))[i] = 1 + (float) i;
    tensor_floats (weights_at (weights, 2 * i + 1))[1] = 0.5f;
  }
  return weights;
}

static void
test_vgg_layouts (void)
{
  g_autofree char *path = file ("vgg.safetensors");

  for (int torchvision = 0; torchvision < 2; torchvision++) {
    g_autoptr (weights) made = marked_vgg (torchvision);
    g_autoptr (GError) error = NULL;
    g_assert_true (safetensors_save (made, path, &error));
    g_autoptr (weights) vgg = vgg19_load (path, &error);
    g_assert_no_error (error);
    g_assert_cmpuint (weights_count (vgg), ==, 16);
    g_assert_cmpfloat (tensor_floats (weights_find (vgg, "conv3_4.weight"))[7], ==, 8);
    struct tensor *bias = weights_find (vgg, "conv2_1.bias");
    g_assert_true (shape_equal (&bias->shape, &SHAPE (1, 128, 1, 1)));
    g_assert_cmpfloat (tensor_floats (bias)[1], ==, 0.5);
  }
}

static void
check_vgg (struct weights *weights, const char *text)
{
  g_autofree char *path = file ("vgg.safetensors");
  g_autoptr (GError) error = NULL;

  g_assert_true (safetensors_save (weights, path, NULL));
  g_assert_null (vgg19_load (path, &error));
  check_message (error, IMPASTO_ERROR_INPUT, path, text);
}

static void
test_vgg_refused (void)
{
  g_autofree char *missing = file ("missing.safetensors");
  g_autoptr (weights) weights = marked_vgg (false);
  g_autoptr (tensor) misshapen = tensor_new (SHAPE (64, 3, 1, 1), DTYPE_F32, NULL);
  g_autoptr (tensor) bytes = tensor_new (SHAPE (64), DTYPE_U8, NULL);
  g_autoptr (tensor) nan = tensor_new (SHAPE (64), DTYPE_F32, NULL), good = tensor_new (SHAPE (64), DTYPE_F32, NULL);
  g_autoptr (GError) error = NULL;

  g_assert_null (vgg19_load (missing, &error));
  check_message (error, IMPASTO_ERROR_INPUT, missing, NULL);
  tensor_floats (nan)[3] = NAN;
  weights_add (weights, "features.conv1_1.bias", nan);
  check_vgg (weights, "conv1_1.bias holds something else than finite floats");
  weights_add (weights, "features.conv1_1.bias", bytes);
  check_vgg (weights, "conv1_1.bias holds something else than finite floats");
  weights_add (weights, "features.conv1_1.bias", good);
  weights_remove (weights, "features.conv3_3.bias");
  check_vgg (weights, "neither features.conv3_3.bias nor features.14.bias");
  weights_add (weights, "features.conv1_1.weight", misshapen);
  check_vgg (weights, "conv1_1.weight is (64, 3, 1, 1), VGG-19 has (64, 3, 3, 3)");
}

/* What is no table of numbers, a row a style, is refused; what is one comes back. */
static void
test_descriptors (void)
{
  static const struct {
    int64_t shape[2];
    enum dtype type;
    float value;
    const char *text;
  } cases[] = {
    {{3, 5}, DTYPE_F32, 1, "descriptors"},    {{2, 5}, DTYPE_I64, 1, "descriptors"},
    {{2, 4097}, DTYPE_F32, 1, "descriptors"}, {{10, 1}, DTYPE_F16, 1, "descriptors"},
    {{2, 5}, DTYPE_F32, NAN, "NaN"},          {{2, 5}, DTYPE_F16, INFINITY, "NaN or infinity"},
    {{2, 5}, DTYPE_BF16, 1.5, NULL},
  };
  g_autofree char *path = file ("described.safetensors");
  g_autoptr (GError) error = NULL;
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    save_pack (path);
    g_autoptr (weights) weights = safetensors_load (path, &error);
    g_autoptr (tensor) floats = tensor_new (SHAPE (cases[i].shape[0], cases[i].shape[1]), DTYPE_F32, &error);
    for (int64_t k = 0; k < shape_size (&floats->shape); k++)
      tensor_floats (floats)[k] = cases[i].value;
    g_autoptr (tensor) table = cases[i].type == DTYPE_I64 ? tensor_new (floats->shape, DTYPE_I64, &error)
                                                          : tensor_convert (floats, cases[i].type, &error);
    g_assert_no_error (error);
    weights_add (weights, "descriptors", table);
    g_assert_true (safetensors_save (weights, path, &error));
    if (cases[i].text) {
      check_refused (path, cases[i].text);
      continue;
    }
    g_autoptr (pack) pack = pack_load (path, &error);
    g_assert_no_error (error);
    g_assert_true (pack_save (pack, path, &error));
    g_autoptr (pack) again = pack_load (path, &error);
    g_assert_no_error (error);
    g_assert_true (shape_equal (&again->descriptors->shape, &floats->shape));
    g_assert_cmpmem (again->descriptors->data, again->descriptors->size, floats->data, floats->size);
    g_assert_null (weights_find (again->weights, "descriptors"));
  }
}

int
main (int argc, char **argv)
{
  static const struct {
    const char *path;
    void (*run) (void);
  } tests[] = {
    {"/pack/round-trip", test_round_trip},
    {"/pack/save-refused", test_save_refused},
    {"/pack/manifest/changed", test_manifest_changed},
    {"/pack/manifest/whole", test_manifest_whole},
    {"/pack/manifest/settings-cost-nothing", test_settings_cost_nothing},
    {"/pack/manifest/titles-on-one-line", test_titles_on_one_line},
    {"/pack/weights", test_weights},
    {"/pack/bfloat", test_bfloat},
    {"/pack/descriptors", test_descriptors},
    {"/pack/no-pack", test_no_pack},
    {"/pack/vgg/layouts", test_vgg_layouts},
    {"/pack/vgg/refused", test_vgg_refused},
  };
  int failed;

  g_test_init (&argc, &argv, NULL);
  folder_make ();
  for (size_t i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add_func (tests[i].path, tests[i].run);
  failed = g_test_run ();
  folder_remove ();
  return failed;
}
