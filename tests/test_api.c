/* SPDX-License-Identifier: Apache-2.0
 *
 * The library as other programs see it: linked to libimpasto, knowing impasto/impasto.h only. MAKE_PACK names the
 * program that writes a pack with random weights. */
#include <glib/gstdio.h>
#include <impasto/impasto.h>
#include <string.h>

#define WIDTH 37
#define HEIGHT 22

static char *folder, *pack;

static void
fill (guint8 *rgb)
{
  for (int i = 0; i < 3 * WIDTH * HEIGHT; i++)
    rgb[i] = i * 7919 % 256;
}

static ImpastoOptions *
new_options (void)
{
  ImpastoOptions *options = impasto_paint_options_new ();
  g_assert_true (impasto_options_set (options, "style", pack, NULL));
  return options;
}

/* Paints the picture of fill (); the painting is WIDTH x HEIGHT unless --size says otherwise. */
static ImpastoPicture *
paint (ImpastoPainter *painter)
{
  g_autoptr (GError) error = NULL;
  guint8 rgb[3 * WIDTH * HEIGHT];
  fill (rgb);
  ImpastoPicture *picture = impasto_picture_new_from_rgb (rgb, WIDTH, HEIGHT, 3 * WIDTH, &error);
  g_assert_no_error (error);
  g_assert_true (impasto_painter_paint (painter, picture, &error));
  g_assert_no_error (error);
  return picture;
}

static void
test_pixels (void)
{
  guint8 rgb[3 * WIDTH * HEIGHT], back[HEIGHT][3 * WIDTH + 5];
  fill (rgb);
  g_autoptr (ImpastoPicture) picture = impasto_picture_new_from_rgb (rgb, WIDTH, HEIGHT, 3 * WIDTH, NULL);
  impasto_picture_get_rgb (picture, back[0], sizeof back[0]);
  for (int y = 0; y < HEIGHT; y++)
    g_assert_cmpmem (rgb + 3 * WIDTH * y, 3 * WIDTH, back[y], 3 * WIDTH);
}

static void
test_paint (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ImpastoOptions) options = new_options ();
  g_autoptr (ImpastoPainter) painter = impasto_painter_new (options, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (impasto_painter_get_style (painter), ==, "only");
  g_assert_cmpstr (impasto_painter_get_pack (painter), ==, pack);
  g_auto (GStrv) sources = impasto_painter_get_sources (painter);
  g_assert_true (g_strv_equal ((const char *const *) sources, (const char *const[]){pack, NULL}));
  g_autoptr (ImpastoPicture) first = paint (painter), second = paint (painter);
  guint8 a[3 * WIDTH * HEIGHT], b[3 * WIDTH * HEIGHT], photo[3 * WIDTH * HEIGHT];
  fill (photo);
  impasto_picture_get_rgb (first, a, 3 * WIDTH);
  impasto_picture_get_rgb (second, b, 3 * WIDTH);
  g_assert_cmpmem (a, sizeof a, b, sizeof b);
  g_assert_true (memcmp (a, photo, sizeof a) != 0);
}

/* A painting in bf16 is the one in f32, give or take. */
static void
test_precision (void)
{
  guint8 painted[2][3 * WIDTH * HEIGHT];
  static const char *const precisions[] = {"f32", "auto"};
  for (int i = 0; i < 2; i++) {
    g_autoptr (ImpastoOptions) options = new_options ();
    g_assert_true (impasto_options_set (options, "precision", precisions[i], NULL));
    g_autoptr (ImpastoPainter) painter = impasto_painter_new (options, NULL);
    g_autoptr (ImpastoPicture) picture = paint (painter);
    impasto_picture_get_rgb (picture, painted[i], 3 * WIDTH);
  }
  double sum = 0;
  for (size_t i = 0; i < sizeof painted[0]; i++)
    sum += ABS (painted[0][i] - painted[1][i]);
  g_assert_cmpfloat (sum / sizeof painted[0], <, 3);
}

static void
test_size (void)
{
  g_autoptr (ImpastoOptions) options = new_options ();
  g_assert_true (impasto_options_set (options, "size", "74", NULL));
  g_autoptr (ImpastoPainter) painter = impasto_painter_new (options, NULL);
  g_autoptr (ImpastoPicture) picture = paint (painter);
  g_assert_cmpint (impasto_picture_get_width (picture), ==, 74);
  g_assert_cmpint (impasto_picture_get_height (picture), ==, 44);
}

static void
test_files (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ImpastoOptions) options = new_options ();
  g_autoptr (ImpastoPainter) painter = impasto_painter_new (options, NULL);
  g_autoptr (ImpastoPicture) picture = paint (painter);
  g_autofree char *path = g_build_filename (folder, "painting.png", NULL);
  g_assert_true (impasto_picture_can_save (path, &error));
  g_assert_true (impasto_picture_save (picture, path, options, &error));
  g_autoptr (ImpastoPicture) loaded = impasto_picture_load (path, &error);
  g_assert_no_error (error);
  guint8 a[3 * WIDTH * HEIGHT], b[3 * WIDTH * HEIGHT];
  impasto_picture_get_rgb (picture, a, 3 * WIDTH);
  impasto_picture_get_rgb (loaded, b, 3 * WIDTH);
  g_assert_cmpmem (a, sizeof a, b, sizeof b);

  ImpastoForecast forecast;
  g_assert_true (impasto_painter_forecast (painter, path, &forecast, &error));
  g_assert_cmpint (forecast.width, ==, WIDTH);
  g_assert_cmpint (forecast.paint_height, ==, HEIGHT);
  g_assert_cmpuint (forecast.bytes, <, forecast.limit);
  g_assert_cmpfloat (forecast.operations, >, 0);
  g_unlink (path);
}

static gboolean
count (double share, const char *what, gpointer data)
{
  g_assert_cmpfloat (share, >=, 0);
  g_assert_cmpfloat (share, <=, 1);
  g_assert_cmpint (strlen (what), >, 0);
  return ++*(int *) data < 2;
}

/* Told of the painting, which ends when it is not wanted any more; and nobody is told afterwards. */
static void
test_progress (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ImpastoOptions) options = new_options ();
  g_autoptr (ImpastoPainter) painter = impasto_painter_new (options, NULL);
  int calls = 1;
  guint8 rgb[3 * WIDTH * HEIGHT];
  fill (rgb);
  impasto_painter_set_progress (painter, count, &calls);
  g_autoptr (ImpastoPicture) picture = impasto_picture_new_from_rgb (rgb, WIDTH, HEIGHT, 3 * WIDTH, NULL);
  g_assert_false (impasto_painter_paint (painter, picture, &error));
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_CANCELLED);
  g_assert_cmpint (calls, ==, 2);
  impasto_painter_set_progress (painter, NULL, NULL);
  impasto_picture_free (paint (painter));
  g_assert_cmpint (calls, ==, 2);
}

/* What was set before stays, the rest is the painting's. */
static void
test_replay (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ImpastoOptions) options = new_options (), again = impasto_paint_options_new ();
  g_autofree char *path = g_build_filename (folder, "replay.png", NULL);
  g_assert_true (impasto_options_set (options, "strength", "0.5", NULL));
  g_assert_true (impasto_options_set (options, "saturation", "1.5", NULL));
  g_assert_true (impasto_options_set (options, "threads", "1", NULL));
  g_autoptr (ImpastoPainter) painter = impasto_painter_new (options, NULL);
  g_autoptr (ImpastoPicture) picture = paint (painter);
  g_assert_true (impasto_picture_save (picture, path, NULL, &error));
  g_assert_cmpuint (impasto_picture_bytes (path), ==, 3 * sizeof (float) * WIDTH * HEIGHT);
  g_assert_cmpuint (impasto_picture_bytes (folder), ==, 0);
  g_assert_cmpuint (impasto_picture_loading_bytes (path), >, impasto_picture_bytes (path));
  g_assert_cmpuint (impasto_picture_loading_bytes (folder), ==, 0);
  g_assert_true (impasto_options_set (again, "saturation", "1", NULL));
  g_assert_true (impasto_paint_options_replay (again, path, FALSE, &error));
  g_assert_no_error (error);
  g_autofree char *strength = impasto_options_get (again, "strength");
  g_autofree char *saturation = impasto_options_get (again, "saturation"),
                  *style = impasto_options_get (again, "style");
  g_assert_cmpstr (strength, ==, "0.5");
  g_assert_cmpstr (saturation, ==, "1");
  g_assert_cmpint (impasto_options_get_int (again, "threads"), ==, 0);
  g_assert_true (g_str_has_prefix (style, pack));
  g_assert_true (g_str_has_suffix (style, ":only"));
  g_unlink (path);
}

static void
test_figures (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ImpastoOptions) options = new_options (), wanted = impasto_eval_options_new ();
  g_autoptr (ImpastoPainter) painter = impasto_painter_new (options, NULL);
  g_autoptr (ImpastoPicture) picture = paint (painter);
  g_autofree char *path = g_build_filename (folder, "painting.png", NULL);
  g_assert_true (impasto_picture_save (picture, path, options, &error));
  g_assert_true (impasto_options_set (wanted, "tile", "8x8", &error));
  g_autoptr (ImpastoEvaluator) evaluator = impasto_evaluator_new (wanted, FALSE, &error);
  g_assert_no_error (error);
  ImpastoFigures figures;
  g_assert_true (impasto_evaluator_run (evaluator, path, NULL, path, &figures, &error));
  g_assert_cmpint (figures.width, ==, WIDTH);
  g_assert_cmpint (figures.n_figures, ==, 9);
  g_assert_cmpstr (figures.figure[0].name, ==, "seam_step");
  g_assert_cmpstr (figures.figure[4].name, ==, "ssim");
  g_assert_cmpfloat_with_epsilon (figures.figure[4].value, 1, 1e-9);
  impasto_figures_clear (&figures);
  g_unlink (path);
}

static void
test_memory (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ImpastoOptions) options = new_options ();
  g_assert_true (impasto_options_set (options, "memory", "2M", NULL));
  g_autoptr (ImpastoPainter) painter = impasto_painter_new (options, NULL);
  guint8 rgb[3 * WIDTH * HEIGHT];
  fill (rgb);
  g_autoptr (ImpastoPicture) picture = impasto_picture_new_from_rgb (rgb, WIDTH, HEIGHT, 3 * WIDTH, NULL);
  g_assert_false (impasto_painter_paint (painter, picture, &error));
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY);
}

static void
test_options (void)
{
  static const ImpastoOption table[] = {
    {"count", IMPASTO_OPTION_INT, "how many", .min = 1, .max = 5, .fallback = 3},
    {"deep", IMPASTO_OPTION_BOOLEAN, "all the way"},
    {"word", IMPASTO_OPTION_STRING, "to say", .text = "hello", .metavar = "WORD"},
    {NULL},
  };
  g_autoptr (GError) error = NULL;
  g_autoptr (ImpastoOptions) options = impasto_paint_options_new ();
  impasto_options_add (options, "Own", table);
  g_assert_cmpint (impasto_options_get_int (options, "count"), ==, 3);
  g_assert_true (impasto_options_set (options, "count", "5", NULL));
  g_assert_false (impasto_options_set (options, "count", "6", &error));
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE);
  g_assert_cmpint (impasto_options_get_int (options, "count"), ==, 5);
  g_clear_error (&error);
  g_assert_true (impasto_options_set (options, "deep", NULL, NULL));
  g_assert_true (impasto_options_get_boolean (options, "deep"));
  g_assert_false (impasto_options_wants_value (options, "deep"));
  g_assert_true (impasto_options_wants_value (options, "word"));
  g_autofree char *word = impasto_options_get (options, "word"), *help = impasto_options_help (options);
  g_assert_cmpstr (word, ==, "hello");
  g_assert_nonnull (strstr (help, "Own:\n  --count N"));
  g_assert_nonnull (strstr (help, "--style"));
  g_assert_false (impasto_options_set (options, "stile", "x", &error));
  g_assert_nonnull (strstr (error->message, "--style"));
}

static void
test_styles (void)
{
  g_autoptr (GPtrArray) broken = NULL, styles = impasto_styles (&broken);
  g_assert_cmpuint (styles->len, ==, 1);
  g_assert_cmpuint (broken->len, ==, 1);
  const ImpastoStyle *style = styles->pdata[0];
  g_assert_cmpstr (style->name, ==, "only");
  g_assert_cmpstr (style->license, ==, "CC0-1.0");
  g_assert_cmpstr (style->pack, ==, pack);
}

static void
test_recipes (void)
{
  g_autoptr (GError) error = NULL;
  g_assert_true (g_strv_contains (impasto_recipes (), "style"));
  g_assert_nonnull (impasto_recipe_help ("style"));
  g_assert_null (impasto_train_options_new ("sty", &error));
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE);
  g_autoptr (ImpastoOptions) options = impasto_train_options_new ("style", NULL);
  g_assert_true (impasto_options_has (options, "photos"));
  g_assert_true (impasto_options_has (options, "resume"));
}

static void
test_run_find (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *runs = g_build_filename (folder, "runs", NULL), *run = g_build_filename (runs, "00004-gan", NULL),
                  *recipe = g_build_filename (run, "recipe.json", NULL);
  g_assert_cmpint (g_mkdir_with_parents (run, 0777), ==, 0);
  g_assert_true (g_file_set_contents (recipe, "{}", -1, NULL));
  for (const char *const *word = (const char *const[]){"4", "00004-gan", run, NULL}; *word; word++) {
    g_autofree char *found = impasto_run_find (*word, runs, &error);
    g_assert_no_error (error);
    g_assert_cmpstr (found, ==, run);
  }
  g_autofree char *other = impasto_run_find ("starry-night", runs, &error);
  g_assert_cmpstr (other, ==, "starry-night");
  g_assert_null (impasto_run_find ("5", runs, &error));
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT);
  g_clear_error (&error);
  g_autofree char *checkpoint = g_build_filename (run, "network-000002.safetensors", NULL);
  g_assert_true (impasto_result_can_replace (pack, &error));
  g_assert_false (impasto_result_can_replace (checkpoint, &error));
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE);
}

/* The planes of fill () for a model. */
static float *
planes (void)
{
  guint8 rgb[3 * WIDTH * HEIGHT];
  float *values = g_new (float, 3 * WIDTH * HEIGHT);
  fill (rgb);
  for (int i = 0; i < 3 * WIDTH * HEIGHT; i++)
    values[i % 3 * WIDTH * HEIGHT + i / 3] = rgb[i] / 255.0f;
  return values;
}

/* A style as a model, run by the library itself: what its painter paints, to eight bits. */
static void
test_export (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ImpastoOptions) options = impasto_export_options_new (), painting = new_options ();
  g_autofree char *path = g_build_filename (folder, "style.onnx", NULL);
  g_assert_true (impasto_options_set (options, "style", pack, NULL));
  g_assert_false (impasto_export (options, folder, &error));
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE);
  g_clear_error (&error);
  g_autofree char *name = impasto_export_name (options, &error);
  g_assert_cmpstr (name, ==, "only.onnx");
  g_assert_true (impasto_export (options, path, &error));
  g_assert_no_error (error);

  g_autoptr (ImpastoModel) model = impasto_model_open (path, NULL, &error);
  g_assert_no_error (error);
  g_autofree float *photo = planes ();
  ImpastoArray in = {.rank = 4, .extent = {1, 3, HEIGHT, WIDTH}, .data = photo}, out = {0};
  g_assert_true (impasto_model_run (model, &in, 1, &out, 1, &error));
  g_assert_no_error (error);
  g_assert_cmpint (out.extent[2], ==, HEIGHT);
  g_assert_cmpint (out.extent[3], ==, WIDTH);

  guint8 rgb[3 * WIDTH * HEIGHT];
  g_assert_true (impasto_options_set (painting, "precision", "f32", NULL));
  g_assert_true (impasto_options_set (painting, "grain", "0", NULL));
  g_autoptr (ImpastoPainter) painter = impasto_painter_new (painting, &error);
  g_autoptr (ImpastoPicture) picture = paint (painter);
  impasto_picture_get_rgb (picture, rgb, 3 * WIDTH);
  for (int i = 0; i < 3 * WIDTH * HEIGHT; i++) {
    float value = ((float *) out.data)[i % 3 * WIDTH * HEIGHT + i / 3] * 255;
    g_assert_cmpfloat (ABS (value - rgb[i]), <, 0.51);
  }
  impasto_array_clear (&out);
  g_unlink (path);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("impasto-XXXXXX", &error);
  g_assert_no_error (error);
  pack = g_build_filename (folder, "only.safetensors", NULL);
  g_autofree char *bad = g_build_filename (folder, "bad.safetensors", NULL);
  char *command[] = {(char *) g_getenv ("MAKE_PACK"), pack, (char *) "only", NULL};
  int status = -1;
  g_assert_true (g_file_set_contents (bad, "bad", -1, &error));
  g_assert_true (g_spawn_sync (NULL, command, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL, NULL, &status, &error));
  g_assert_cmpint (status, ==, 0);
  g_setenv ("IMPASTO_MODELS", folder, TRUE);
  g_setenv ("XDG_DATA_HOME", folder, TRUE);
  g_setenv ("XDG_DATA_DIRS", folder, TRUE);

  g_test_add_func ("/api/pixels", test_pixels);
  g_test_add_func ("/api/paint", test_paint);
  g_test_add_func ("/api/precision", test_precision);
  g_test_add_func ("/api/size", test_size);
  g_test_add_func ("/api/files", test_files);
  g_test_add_func ("/api/progress", test_progress);
  g_test_add_func ("/api/replay", test_replay);
  g_test_add_func ("/api/memory", test_memory);
  g_test_add_func ("/api/options", test_options);
  g_test_add_func ("/api/figures", test_figures);
  g_test_add_func ("/api/styles", test_styles);
  g_test_add_func ("/api/recipes", test_recipes);
  g_test_add_func ("/api/run_find", test_run_find);
  g_test_add_func ("/api/export", test_export);
  int result = g_test_run ();

  g_unlink (pack);
  g_unlink (bad);
  g_rmdir (folder);
  g_free (pack);
  g_free (folder);
  return result;
}
