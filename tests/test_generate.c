/* SPDX-License-Identifier: Apache-2.0
 *
 * Drawing with a trained generator: sheets, classes, codes, walks, animations; what makes no sense is refused in one
 * line. */
#include <math.h>
#include <string.h>
#include <vips/vips.h>

#include "bars.h"
#include "compile/plan.h"
#include "impasto/impasto.h"
#include "net/gan.h"
#include "net/net_file.h"
#include "onnx/onnx.h"

/* The same pictures however many, other ones by another seed; noise truncated. */
static void
test_generate (void)
{
  g_autofree char *made = run_whole ("steps=1");
  g_autoptr (picture) four = generate (made, "number=4 columns=2 threads=1"),
                      many = generate (made, "number=70 columns=2 threads=1"),
                      other = generate (made, "number=4 columns=2 threads=1 seed=2"),
                      near = generate (made, "number=4 columns=2 threads=1 truncate=0.1");
  g_assert_cmpint (many->height, ==, 35 * CELL - 2);
  g_assert_cmpint (many->width, ==, four->width);
  size_t row = four->width * sizeof (float);
  g_assert_cmpmem (four->rgb, row * four->height, many->rgb, row * four->height);
  g_assert_true (memcmp (four->rgb, other->rgb, row * four->height) != 0);
  double wide = 0, narrow = 0; /* small noise: all pictures are nearly one */
  for (int y = 0; y < SIDE; y++)
    for (int x = 0; x < SIDE; x++) {
      int a = y * four->width + x, b = a + CELL;
      wide += fabs (four->rgb[a] - four->rgb[b]), narrow += fabs (near->rgb[a] - near->rgb[b]);
    }
  g_assert_cmpfloat (narrow, <, 0.5 * wide);
}

/* The result of a run as Keras would have saved it. */
static char *
export_keras (const char *run)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *model = file_of (run, "result.safetensors");
  g_autoptr (ImpastoOptions) export = impasto_export_options_new ();
  char *keras = file ("generator.h5");
  impasto_options_set (export, "pack", model, &error);
  impasto_export (export, keras, &error);
  g_assert_no_error (error);
  return keras;
}

static void
same_drawn (const char *run, const char *keras, const char *words)
{
  g_autoptr (picture) of_keras = generate_from (keras, words), own = generate (run, words);
  g_assert_cmpint (own->width, ==, of_keras->width);
  g_assert_cmpint (own->height, ==, of_keras->height);
  for (int i = 0; i < own->width * own->height; i++)
    g_assert_cmpfloat_with_epsilon (own->rgb[i], of_keras->rgb[i], 1.01 / 255);
}

/* What an input is, is in its name, too: codes of all forms, with classes and without. */
static void
test_keras (void)
{
  static const struct {
    const char *run, *draw[3];
  } cases[] = {
    {"codes=3 continuous=2 conditional=concatenation",
     {"number=12 columns=4", "number=2 class=1 category=2 code=0.5,-1", "number=9 columns=3 sweep=2"}},
    {"codes=3 conditional=normalisation", {"number=12 columns=4", "number=3 class=0 category=1"}},
    {"codes=2 continuous=1", {"number=8 columns=4", "number=3 columns=3 category=1 sweep=1"}},
    {"continuous=2", {"number=4 columns=2", "number=2 code=1,0.5", "number=9 columns=3 sweep=1"}},
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *words = g_strconcat ("steps=1 kinds=0 latent=8 ", cases[i].run, NULL), *made = run_whole (words),
                    *keras = export_keras (made);
    for (int k = 0; k < 3 && cases[i].draw[k]; k++)
      same_drawn (made, keras, cases[i].draw[k]);
  }
}

/* Kinds of noise are part of the file, for Keras, too, whose form has no other place for them than the input's name. */
static void
test_kinds (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *made = run_whole ("steps=1 kinds=4 latent=8"), *model = file_of (made, "result.safetensors"),
                  *keras = export_keras (made);
  g_autoptr (ImpastoOptions) describe = impasto_describe_options_new (keras);
  same_drawn (made, keras, "number=9");
  g_autofree char *on = g_strdup_printf ("steps=1 latent=8 start=%s", model), *off = g_strconcat (on, " kinds=0", NULL),
                  *of_keras_too = g_strdup_printf ("steps=1 latent=8 start=%s", keras);
  const char *const words[] = {on, of_keras_too,
                               off}; /* a run that begins with it has its kinds, unless told otherwise */
  for (int i = 0; i < 3; i++) {
    g_autofree char *run = run_whole (words[i]), *path = file_of (run, "recipe.json"), *recipe = NULL;
    g_assert_true (g_file_get_contents (path, &recipe, NULL, NULL));
    g_assert_nonnull (strstr (recipe, i < 2 ? "\"kinds\" : 4," : "\"kinds\" : 0,"));
  }
  g_autofree char *text = impasto_describe (keras, describe, &error);
  g_assert_no_error (error);
  g_assert_nonnull (strstr (text, "one of the first 4 numbers"));
}

/* An ONNX model tells in its metadata what noise it wants, where that is not one normal distribution. */
static void
test_kinds_onnx (void)
{
  for (int kinds = 0; kinds <= 4; kinds += 4) {
    g_autoptr (GError) error = NULL;
    g_autofree char *words = g_strdup_printf ("steps=1 kinds=%d latent=8", kinds), *made = run_whole (words),
                    *model = file_of (made, "result.safetensors"), *written = file ("kinds.onnx");
    g_autoptr (ImpastoOptions) options = impasto_export_options_new ();
    impasto_options_set (options, "pack", model, &error);
    impasto_export (options, written, &error);
    g_assert_no_error (error);
    g_autoptr (onnx_model) read = onnx_open (written, &error);
    g_assert_no_error (error);
    const struct gan_net net = {.latent = 8, .kinds = kinds};
    g_autofree char *noise = g_strdup_printf ("normal; one of the first %d numbers, drawn evenly, is larger by %g",
                                              kinds, gan_kind_step (&net));
    g_assert_cmpstr (onnx_metadata (read, "noise"), ==, kinds ? noise : NULL);
  }
}

/* How often the recogniser of a file reads the category that was asked for off the pictures of a sheet. */
static double
recognised_share (const char *model, const struct picture *sheet, int columns, int n, int category)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (net_file) file = net_file_load (model, &gan_dcgan_28.net, &error);
  g_assert_no_error (error);
  g_autoptr (graph) graph = graph_new ();
  sym picture = graph_input (graph, "picture", SHAPE (n, 1, SIDE, SIDE));
  graph_push (graph, "recogniser");
  graph_output (graph, "code", gan_recognise (picture, &gan_dcgan_28, (struct gan_pass){.net = file->settings}));
  graph_pop (graph);
  g_autoptr (plan) plan = plan_compile (graph, file->weights, &(struct plan_options){.threads = 1}, &error);
  g_assert_no_error (error);
  float *x = tensor_floats (plan_input (plan, "picture"));
  for (int i = 0; i < n * SIDE * SIDE; i++) {
    int cell = i / SIDE / SIDE, at_y = cell / columns * CELL + i / SIDE % SIDE, at_x = cell % columns * CELL + i % SIDE;
    x[i] = 2 * sheet->rgb[at_y * sheet->width + at_x] - 1;
  }
  plan_run (plan, 0, 0);
  const float *code = tensor_floats (plan_output (plan, "code"));
  int right = 0;
  for (int i = 0; i < n; i++)
    right += code[i * 3 + category] > code[i * 3 + !category];
  return (double) right / n;
}

/* Chance is a half, and of one category only that which is always said. */
static void
test_codes (void)
{
  g_autofree char *made =
    run_whole ("codes=2 continuous=1 steps=80 batch=16 width=0.1 rate=0.004 average=0.9 save-every=1000");
  g_autofree char *model = file_of (made, "result.safetensors"), *walk = file_of (made, "walk.png");
  g_assert_true (g_file_test (walk, G_FILE_TEST_EXISTS));
  for (int category = 0; category < 2; category++) {
    g_autofree char *asked = g_strdup_printf ("number=16 columns=4 threads=1 category=%d", category);
    g_autoptr (picture) sheet = generate (made, asked);
    double read = recognised_share (model, sheet, 4, 16, category);
    g_test_message ("category %d: %g recognised", category, read);
    g_assert_cmpfloat (read, >=, 0.8);
  }
}

static void
same_cells (const struct picture *a, int i, const struct picture *b, int k, bool same)
{
  bool equal = true;
  for (int y = 0; y < SIDE; y++)
    for (int x = 0; x < SIDE; x++)
      equal &= a->rgb[y * a->width + i * CELL + x] == b->rgb[y * b->width + k * CELL + x];
  g_assert_true (equal == same);
}

/* Columns are categories of one noise; a code that is given is what a sweep comes by; a walk begins and ends at
 * pictures. */
static void
test_generate_codes (void)
{
  g_autofree char *made = run_whole ("steps=1 codes=3 continuous=2");
  g_autoptr (picture) all = generate (made, "number=6 threads=1"),
                      two = generate (made, "number=1 threads=1 category=2"),
                      sweep = generate (made, "number=5 columns=5 threads=1 category=0 sweep=2 code=0.25"),
                      last = generate (made, "number=1 threads=1 category=0 code=0.25,1"),
                      middle = generate (made, "number=1 threads=1 category=0 code=0.25,0"),
                      way = generate (made, "interpolate=4 number=3 threads=1 category=0 code=0.25,1"),
                      pair = generate (made, "number=2 columns=2 threads=1 category=0 code=0.25,1");
  g_assert_cmpint (all->width, ==, 3 * CELL - 2);
  g_assert_cmpint (all->height, ==, 2 * CELL - 2);
  same_cells (all, 2, two, 0, true);
  same_cells (all, 1, two, 0, false);
  same_cells (sweep, 4, last, 0, true);
  same_cells (sweep, 2, middle, 0, true);
  same_cells (sweep, 0, last, 0, false);
  g_assert_cmpint (way->width, ==, 4 * CELL - 2);
  g_assert_cmpint (way->height, ==, 3 * CELL - 2);
  same_cells (way, 0, pair, 0, true);
  same_cells (way, 3, pair, 1, true);
  same_cells (way, 1, pair, 0, false);
}

/* Frames side by side for each class, from noise to noise and back, in a file that says how high a frame is. */
static void
test_animation (gconstpointer name)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *made = run_whole ("steps=1 conditional=concatenation"),
                  *model = file_of (made, "result.safetensors"), *output = file (name);
  g_autoptr (ImpastoOptions) options = impasto_generate_options_new ();
  g_assert_true (impasto_options_set (options, "interpolate", "3", NULL));
  g_assert_true (impasto_options_set (options, "number", "4", NULL));
  impasto_generate (model, options, output, &error);
  g_assert_no_error (error);
  VipsImage *frames = vips_image_new_from_file (output, "n", -1, NULL);
  g_assert_nonnull (frames);
  int by = 160 / SIDE;
  g_assert_cmpint (vips_image_get_page_height (frames), ==, CELL * by);
  g_assert_cmpint (vips_image_get_n_pages (frames), ==, 3 * 4);
  g_assert_cmpint (frames->Xsize, ==, (2 * CELL - 2) * by);
  g_object_unref (frames);
}

static void
test_generate_refused (void)
{
  g_autofree char *made = run_whole ("steps=1"), *model = file_of (made, "result.safetensors"),
                  *labelled = run_whole ("steps=1 conditional=normalisation"),
                  *coded = run_whole ("steps=1 codes=3 continuous=2"), *codes = file_of (coded, "result.safetensors"),
                  *other = file_of (labelled, "result.safetensors"), *output = file ("none.png"),
                  *idx = file_of (bars_folder, "bars-images-idx3-ubyte");
  const struct {
    const char *from, *name, *value, *text;
    int code;
  } cases[] = {
    {model, "class", "3", "no classes", IMPASTO_ERROR_USAGE},
    {model, "truncate", "0.01", "0.1", IMPASTO_ERROR_USAGE},
    {other, "class", "2", "classes 0 to 1", IMPASTO_ERROR_USAGE},
    {model, "category", "0", "no categories", IMPASTO_ERROR_USAGE},
    {model, "sweep", "1", "no continuous", IMPASTO_ERROR_USAGE},
    {codes, "category", "3", "categories 0 to 2", IMPASTO_ERROR_USAGE},
    {codes, "code", "0,0,0", "2 continuous", IMPASTO_ERROR_USAGE},
    {codes, "code", "0,2", "-1 to 1", IMPASTO_ERROR_USAGE},
    {codes, "code", "x", "-1 to 1", IMPASTO_ERROR_USAGE},
    {codes, "code", "", "-1 to 1", IMPASTO_ERROR_USAGE},
    {codes, "sweep", "3", "2 continuous", IMPASTO_ERROR_USAGE},
    {idx, "number", "4", "is no model", IMPASTO_ERROR_INPUT},
    {"/nowhere", "number", "4", "no such file", IMPASTO_ERROR_INPUT},
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (ImpastoOptions) options = impasto_generate_options_new ();
    g_assert_true (impasto_options_set (options, cases[i].name, cases[i].value, NULL));
    g_assert_false (impasto_generate (cases[i].from, options, output, &error));
    check_error (error, cases[i].code, cases[i].text);
    g_assert_false (g_file_test (output, G_FILE_TEST_EXISTS));
  }
}

int
main (int argc, char **argv)
{
  bars_begin (&argc, &argv);
  g_test_add_func ("/generate/sheet", test_generate);
  g_test_add_func ("/generate/keras", test_keras);
  g_test_add_func ("/generate/kinds", test_kinds);
  g_test_add_func ("/generate/kinds/onnx", test_kinds_onnx);
  g_test_add_func ("/generate/recognised", test_codes);
  g_test_add_func ("/generate/codes", test_generate_codes);
  g_test_add_data_func ("/generate/gif", "walk.gif", test_animation);
  g_test_add_data_func ("/generate/webp", "walk.webp", test_animation);
  g_test_add_func ("/generate/refused", test_generate_refused);
  return bars_run ();
}
