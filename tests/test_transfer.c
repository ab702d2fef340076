/* SPDX-License-Identifier: Apache-2.0
 *
 * Any painting as a style, through the painter, with a tiny network of random weights: tiles agree with larger tiles, a
 * mix with itself is itself, awkward pictures, refusals, cancelling, and the recipe's way back. */
#include <math.h>
#include <string.h>

#include "effect/paint_internal.h"
#include "effect/recipe.h"
#include "fixture.h"
#include "image/pixels.h"
#include "impasto/error.h"
#include "transfer_fixture.h"

static void
test_tiles (void)
{
  check_tiles (&method_image, NULL);
  check_tiles (&method_image, (const char *const[]){"fusion=attention", "fusion-strength=0.8", NULL});
  check_tiles (&method_image, (const char *const[]){"wrap=yes", NULL});
}

static double
mean_difference (const struct picture *a, const struct picture *b, int from, int to)
{
  double sum = 0;
  for (int64_t i = 0; i < 3 * (int64_t) a->width * a->height; i++)
    sum += i % a->width >= from && i % a->width < to ? fabs ((double) a->rgb[i] - b->rgb[i]) : 0;
  return sum / (3 * (to - from) * a->height);
}

/* A painting larger than the preview, made smaller, is like the preview; painted by pixels it is not. */
static void
test_octaves (void)
{
  static const char *const pixels[] = {"strokes=pixels", NULL};
  g_autoptr (GError) error = NULL;
  g_autoptr (picture) photo = make_picture (1500, 420, 4), thumb = picture_resize (photo, 1024, 287, NULL);
  g_autoptr (picture) print = painted ("a.png", NULL, 1500, 420), fine = painted ("a.png", pixels, 1500, 420);
  g_autoptr (picture) small = picture_resize (print, 1024, 287, NULL),
                      small_fine = picture_resize (fine, 1024, 287, NULL);
  struct paint_settings settings;
  settings_init (&settings, "a.png", NULL);
  g_autoptr (painter) painter = painter_new (&settings, &error);
  painter_run (painter, thumb, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpfloat (mean_difference (thumb, small, 0, 1024), <, 0.5 * mean_difference (thumb, small_fine, 0, 1024));
  option_clear (paint_options, &settings);
}

/* A region that is everywhere is its style; half of it is half of each, as the network paints; and strength 0 leaves
 * the photograph. */
static void
test_regions (void)
{
  save_mask ("all.png", 0);
  save_mask ("right.png", 60);
  for (int i = 0; i < 2; i++) {
    g_autofree char *all = g_strdup_printf ("region=%s/all.png=%s/b.png", folder, folder),
                    *right = g_strdup_printf ("region=%s/right.png=%s/b.png:1,%s/b.png:2", folder, folder, folder),
                    *bare = g_strdup_printf ("region=%s/right.png=%s/b.png@0", folder, folder);
    const char *fusion = i ? "fusion=attention" : "fusion=adain", *plain = "palette=0";
    g_autoptr (picture) a = painted ("a.png", (const char *const[]){fusion, plain, NULL}, 120, 80),
                        b = painted ("b.png", (const char *const[]){fusion, plain, NULL}, 120, 80),
                        moved = painted ("b.png", (const char *const[]){fusion, NULL}, 120, 80),
                        whole = painted ("a.png", (const char *const[]){fusion, all, NULL}, 120, 80),
                        half = painted ("a.png", (const char *const[]){fusion, plain, right, NULL}, 120, 80),
                        none = painted ("a.png", (const char *const[]){fusion, bare, NULL}, 120, 80),
                        photo = make_picture (120, 80, 4);
    g_assert_cmpfloat (difference (whole, moved), <, 1e-4);
    int far = 40; /* what lies within sight of the other region differs a little */
    g_assert_cmpfloat (mean_difference (half, a, 0, 60 - far), <, 1e-4);
    g_assert_cmpfloat (mean_difference (half, b, 60 + far, 120), <, 1e-4);
    g_assert_cmpfloat (mean_difference (a, b, 0, 60 - far), >, 0.01);
    g_assert_cmpfloat (mean_difference (none, photo, 61, 120), ==, 0);
    g_assert_cmpfloat (mean_difference (none, photo, 0, 59), >, 0.01);
  }
}

static void
mean_colour (const struct picture *picture, int from, int to, double mean[3])
{
  for (int c = 0; c < 3; c++) {
    mean[c] = 0;
    for (int i = 0; i < picture->width * picture->height; i++)
      if (i % picture->width >= from && i % picture->width < to)
        mean[c] += picture->rgb[c * picture->width * picture->height + i] / ((to - from) * picture->height);
  }
}

/* Colours move to the painting's, in each region to its own painting's; half of the way is half of it. */
static void
test_palette (void)
{
  save_mask ("right.png", 60);
  g_autofree char *right = g_strdup_printf ("region=%s/right.png=%s/dark.png", folder, folder);
  g_autoptr (picture) bright = make_picture (90, 70, 1), dark = make_picture (80, 80, 2);
  for (int i = 0; i < 90 * 70; i++) { /* far from each other and from what the network paints */
    bright->rgb[i] = 0.6f + 0.4f * bright->rgb[i];
    bright->rgb[90 * 70 + i] *= 0.3f;
  }
  for (int i = 0; i < 3 * 80 * 80; i++)
    dark->rgb[i] *= 0.2f;
  g_autofree char *bright_path = file ("bright.png"), *dark_path = file ("dark.png");
  g_assert_true (picture_save (bright, bright_path, NULL, NULL) && picture_save (dark, dark_path, NULL, NULL));
  g_autoptr (picture) none = painted ("bright.png", (const char *const[]){"palette=0", NULL}, 120, 80),
                      some = painted ("bright.png", (const char *const[]){"palette=0.5", NULL}, 120, 80),
                      all = painted ("bright.png", NULL, 120, 80),
                      weak = painted ("bright.png", (const char *const[]){"fusion-strength=0", NULL}, 120, 80),
                      weak_none =
                        painted ("bright.png", (const char *const[]){"fusion-strength=0", "palette=0", NULL}, 120, 80),
                      both = painted ("bright.png", (const char *const[]){right, NULL}, 120, 80);
  double wanted[2][3], found[2][3];
  mean_colour (bright, 0, 90, wanted[0]);
  mean_colour (dark, 0, 80, wanted[1]);
  mean_colour (all, 0, 120, found[0]);
  for (int c = 0; c < 3; c++)
    g_assert_cmpfloat_with_epsilon (found[0][c], wanted[0][c], 0.03); /* what lies far out comes nearer */
  mean_colour (both, 0, 50, found[0]);
  mean_colour (both, 70, 120, found[1]);
  for (int c = 0; c < 3; c++) {
    g_assert_cmpfloat_with_epsilon (found[0][c], wanted[0][c], 0.08);
    g_assert_cmpfloat_with_epsilon (found[1][c], wanted[1][c], 0.08);
  }
  for (int i = 0; i < 3 * 120 * 80; i++)
    g_assert_cmpfloat_with_epsilon (some->rgb[i], (none->rgb[i] + all->rgb[i]) / 2, 1e-5);
  g_assert_cmpfloat (difference (weak, weak_none), ==, 0);
  g_assert_cmpfloat (mean_difference (none, all, 0, 120), >, 0.02);
}

/* A picture with holes of an odd colour. */
static void
save_holes (const char *name, int width, int height)
{
  g_autofree char *path = file (name);
  g_autoptr (picture) solid = make_picture (width, height, 4), picture = picture_new (width, height, true, NULL);
  int64_t n = (int64_t) width * height;
  memcpy (picture->rgb, solid->rgb, 3 * n * sizeof (float));
  for (int64_t i = 0; i < n; i++) {
    picture->alpha[i] = i / 60 % 3 > 0;
    picture->rgb[i] = picture->alpha[i] > 0 ? picture->rgb[i] : 1;
  }
  g_assert_true (picture_save (picture, path, NULL, NULL));
}

/* From file to file, within the least memory, as in memory. */
static void
test_file (void)
{
  save_mask ("right.png", 60);
  save_holes ("large.png", 1100, 800);
  g_autofree char *right = g_strdup_printf ("region=%s/right.png=%s/b.png", folder, folder),
                  *photo = file ("large.png"), *held = file ("held.png"), *streamed = file ("streamed.png"),
                  *memory = NULL;
  for (int i = 0; i < 3; i++) { /* how much is the least; that; plenty */
    const char *options[] = {right, "brush=1.2", i == 0 ? "memory=1M" : i == 1 ? memory : NULL, NULL};
    g_autoptr (GError) error = NULL;
    struct paint_settings settings;
    struct paint_forecast forecast;
    settings_init (&settings, "a.png", options);
    g_autoptr (painter) painter = painter_new (&settings, &error);
    bool ready = painter_prepare_file (painter, photo, NULL, &forecast, &error);
    g_assert_true (ready == (i > 0));
    g_assert_true (forecast.streams == (i < 2));
    if (i == 0)
      memory = g_strdup_printf ("memory=%" G_GUINT64_FORMAT,
                                forecast.bytes + (8 << 20)); /* the least takes the smallest tiles: slow */
    else if (!painter_run_file (painter, photo, i == 1 ? streamed : held, NULL, NULL, &error))
      g_error ("%s", error->message);
    option_clear (paint_options, &settings);
  }
  g_autoptr (picture) a = picture_load (streamed, 0, NULL), b = picture_load (held, 0, NULL);
  g_assert_cmpfloat (difference (a, b), <, 1.01 / 255);
}

static void
test_controls (void)
{
  static const char *const none[] = {"strength=0", NULL}, *const local[] = {"fusion=attention", NULL},
                           *const weak[] = {"fusion-strength=0", NULL}, *const half[] = {"fusion-strength=0.5", NULL};
  g_autoptr (picture) photo = make_picture (75, 42, 4), a = painted ("a.png", NULL, 75, 42),
                      b = painted ("b.png", NULL, 75, 42), exact = painted ("a.png", none, 75, 42),
                      twice = painted ("a.png:1,a.png:3", NULL, 75, 42), zero = painted ("a.png,b.png:0", NULL, 75, 42),
                      mixed = painted ("a.png,b.png", NULL, 75, 42), attended = painted ("a.png", local, 75, 42),
                      same = painted ("a.png", weak, 75, 42), other = painted ("b.png", weak, 75, 42),
                      between = painted ("a.png", half, 75, 42);
  g_assert_cmpfloat (difference (exact, photo), ==, 0);
  g_assert_cmpfloat (difference (a, twice), <, 1e-4);
  g_assert_cmpfloat (difference (a, zero), <, 1e-4);
  g_assert_cmpfloat (difference (same, other), <, 1e-4);
  g_assert_cmpfloat (difference (a, b), >, 0.02);
  g_assert_cmpfloat (difference (a, mixed), >, 0.01);
  g_assert_cmpfloat (difference (b, mixed), >, 0.01);
  g_assert_cmpfloat (difference (a, attended), >, 1e-4);
  g_assert_cmpfloat (difference (a, between), >, 0.005);
  g_assert_cmpfloat (difference (a, between), <, difference (a, same));
}

static void
test_awkward (void)
{
  static const int sizes[][2] = {{1, 1}, {1, 90}, {90, 1}, {7, 5}, {1100, 3}};
  static const char *const images[] = {"line.png", "a.png"};
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    for (guint k = 0; k < G_N_ELEMENTS (images); k++) {
      g_autoptr (picture) picture = painted (images[k], NULL, sizes[i][0], sizes[i][1]);
      for (int64_t p = 0; p < 3 * (int64_t) picture->width * picture->height; p++)
        g_assert_true (picture->rgb[p] >= 0 && picture->rgb[p] <= 1);
    }
}

static void
test_refused (void)
{
  static const struct {
    const char *images, *option, *text;
    int code;
  } cases[] = {
    {"missing.png", NULL, "missing.png", IMPASTO_ERROR_INPUT},
    {"text.png", NULL, "text.png", IMPASTO_ERROR_INPUT},
    {"dot.png", NULL, "of one colour", IMPASTO_ERROR_INPUT},
    {"clear.png", NULL, "transparent", IMPASTO_ERROR_INPUT},
    {"a.png:-1", NULL, "weight", IMPASTO_ERROR_USAGE},
    {"a.png:nan", NULL, "weight", IMPASTO_ERROR_USAGE},
    {"a.png:0,b.png:0", NULL, "all zero", IMPASTO_ERROR_USAGE},
    {"a.png", "style=starry-night", "do not go together", IMPASTO_ERROR_USAGE},
    {"a.png", "region=x.png=gone.png", "gone.png", IMPASTO_ERROR_INPUT},
    {"a.png", "region=x.png", "--region", IMPASTO_ERROR_USAGE},
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    struct paint_settings settings;
    g_autoptr (GError) error = NULL;
    const char *options[] = {cases[i].option, NULL};
    settings_init (&settings, cases[i].images, options);
    g_assert_null (painter_new (&settings, &error));
    g_assert_error (error, IMPASTO_ERROR, cases[i].code);
    if (!strstr (error->message, cases[i].text) || strchr (error->message, '\n'))
      g_error ("message is \"%s\", wanted \"%s\" in it", error->message, cases[i].text);
    option_clear (paint_options, &settings);
  }
}

static bool
cancel (double share, const char *what, void *data)
{
  return ++*(int *) data < 2;
}

static void
test_cancel_and_memory (void)
{
  struct paint_settings settings;
  struct paint_forecast forecast;
  g_autoptr (GError) error = NULL;
  static const char *const options[] = {"memory=60M", NULL};
  int calls = 0;
  struct paint_job job = {cancel, &calls};
  settings_init (&settings, "a.png", NULL);
  g_assert_true (paint_settle (&settings, &error));
  void *method = method_image.open (&settings, &error);
  struct method_forecast of_method;
  g_autoptr (picture) picture = make_picture (1200, 300, 4);
  g_assert_true (method_image.prepare (method, 1200, 300, G_MAXINT64, &of_method, &error));
  g_assert_false (method_image.run (method, picture, &job, &error));
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_CANCELLED);
  g_clear_error (&error);
  method_image.close (method);
  option_clear (paint_options, &settings);

  settings_init (&settings, "a.png", options);
  g_autoptr (painter) painter = painter_new (&settings, &error);
  g_assert_no_error (error);
  g_assert_false (painter_prepare (painter, 4000, 3000, false, &forecast, &error));
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY);
  g_assert_nonnull (strstr (error->message, "60 MiB"));
  g_assert_cmpuint (forecast.bytes, >, forecast.limit);
  option_clear (paint_options, &settings);
}

/* What a painting says of itself paints the same again. */
static void
test_recipe (void)
{
  save_mask ("all.png", 0);
  save_mask ("right.png", 60);
  g_autofree char *regions = g_strdup_printf ("region=%s/all.png=%s/b.png;%s/right.png=%s/a.png:2,%s/b.png:1@0.5",
                                              folder, folder, folder, folder, folder);
  const char *const options[] = {"fusion=adain", "fusion-strength=0.7", "style-size=96", regions, NULL};
  g_autoptr (GError) error = NULL;
  g_autoptr (picture) first = painted ("a.png:1,b.png:3", options, 60, 50), second = make_picture (60, 50, 4);
  g_autofree char *painting = file ("painting.png");
  struct recipe_source source = {painting, false};
  struct paint_settings settings = {0};
  option_init (paint_options, &settings);
  g_assert_nonnull (first->recipe);
  recipe_read (first->recipe, &source, false, &settings, &error);
  g_assert_no_error (error);
  g_autoptr (painter) painter = painter_new (&settings, &error);
  g_assert_no_error (error);
  painter_run (painter, second, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpfloat (difference (first, second), ==, 0);
  g_assert_cmpstr (painter_style (painter), ==, "a+b");
  option_clear (paint_options, &settings);

  g_autoptr (JsonNode) old = json_from_string (first->recipe, NULL); /* before there was a palette, or grain */
  json_object_remove_member (json_object_get_object_member (json_node_get_object (old), "options"), "palette");
  json_object_remove_member (json_object_get_object_member (json_node_get_object (old), "options"), "grain");
  g_autofree char *without = json_to_string (old, FALSE);
  settings = (struct paint_settings){0};
  option_init (paint_options, &settings);
  recipe_read (without, &source, false, &settings, &error);
  g_assert_no_error (error);
  g_assert_cmpfloat (settings.palette, ==, 0);
  g_assert_cmpfloat (settings.grain, ==, 0);
  option_clear (paint_options, &settings);

  static const char *const bad[] = {"[]", "[1]", "[{\"file\":\"../a.png\",\"sha256\":\"x\",\"share\":1}]",
                                    "[{\"file\":\"a.png\",\"sha256\":\"x\",\"share\":1}]",
                                    "[{\"file\":\"a.png\",\"sha256\":\"x\",\"share\":\"much\"}]"};
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    check_recipe_refused (first->recipe, "paintings", bad[i]);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  folder_make ();
  g_setenv ("IMPASTO_MODELS", folder, TRUE);
  make_everything ();
  g_test_add_func ("/transfer/tiles", test_tiles);
  g_test_add_func ("/transfer/octaves", test_octaves);
  g_test_add_func ("/transfer/regions", test_regions);
  g_test_add_func ("/transfer/palette", test_palette);
  g_test_add_func ("/transfer/file", test_file);
  g_test_add_func ("/transfer/controls", test_controls);
  g_test_add_func ("/transfer/awkward", test_awkward);
  g_test_add_func ("/transfer/refused", test_refused);
  g_test_add_func ("/transfer/cancel-and-memory", test_cancel_and_memory);
  g_test_add_func ("/transfer/recipe", test_recipe);
  int status = g_test_run ();
  folder_remove ();
  return status;
}
