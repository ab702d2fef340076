/* SPDX-License-Identifier: Apache-2.0
 *
 * Any painting as a style, through the painter, with a tiny network of random weights: tiles agree with larger tiles, a
 * mix with itself is itself, awkward pictures, refusals, cancelling, and the recipe's way back; and with brushwork of a
 * tiny pack before it. */
#include <math.h>
#include <string.h>

#include "compile/plan.h"
#include "effect/paint.h"
#include "effect/recipe.h"
#include "fixture.h"
#include "image/pixels.h"
#include "impasto/error.h"
#include "net/net_file.h"
#include "net/pack.h"
#include "train/describer.h"

/* Something with edges, a slope and three colours. */
static struct picture *
make_picture (int width, int height, int kind)
{
  struct picture *picture = picture_new (width, height, false, NULL);
  for (int c = 0; c < 3; c++)
    for (int y = 0; y < height; y++)
      for (int x = 0; x < width; x++) {
        double wave = sin (x * 0.11 * (1 + kind % 3) + c) * cos (y * 0.07 * (2 + kind) + kind);
        picture->rgb[((int64_t) c * height + y) * width + x] =
          (float) CLAMP (0.5 + 0.3 * wave + (wave > 0.4 ? 0.2 : 0) + 0.2 * ((double) x / width - 0.5), 0, 1);
      }
  return picture;
}

static void
save_picture (const char *name, int width, int height, int kind)
{
  g_autofree char *path = file (name);
  g_autoptr (picture) picture = make_picture (width, height, kind);
  g_assert_true (picture_save (picture, path, NULL, NULL));
}

static void
make_everything (void)
{
  static const struct arbitrary_net tiny = {.encoder = {{4, 6, 8}}, .keys = 4, .residuals = 1};
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (weights) weights = weights_new ();
  net_arbitrary.build (&net_arbitrary, graph, &tiny);
  g_assert_true (weights_init (weights, graph, 3, NULL));
  g_autoptr (net_file) net = net_file_new (&net_arbitrary, &tiny, weights);
  g_autofree char *path = file ("arbitrary.safetensors");
  g_assert_true (net_file_save (net, path, NULL));
  save_picture ("a.png", 90, 70, 1);
  save_picture ("b.png", 300, 80, 2);
  save_picture ("dot.png", 1, 1, 0);
  save_picture ("line.png", 1, 400, 0);
  g_autofree char *text = file ("text.png");
  g_assert_true (g_file_set_contents (text, "no picture", -1, NULL));
}

/* The encoder of arbitrary.safetensors as a network of its own: what describes paintings. */
static void
make_describer (const char *path)
{
  g_autofree char *from = file ("arbitrary.safetensors");
  g_autoptr (net_file) whole = net_file_load (from, &net_arbitrary, NULL);
  const struct arbitrary_net *settings = whole->settings;
  g_autoptr (weights) weights = weights_new ();
  for (guint i = 0; i < weights_count (whole->weights); i++)
    if (g_str_has_prefix (weights_name (whole->weights, i), "encoder."))
      weights_add (weights, weights_name (whole->weights, i) + strlen ("encoder."), weights_at (whole->weights, i));
  g_autoptr (net_file) describer = net_file_new (&net_perceptual, &settings->encoder, weights);
  g_assert_true (net_file_save (describer, path, NULL));
}

/* @sub/masters.safetensors: styles a, b and c, which are another each; @descriptors: NULL = none. */
static void
make_masters (const char *sub, bool photograph, struct tensor *descriptors)
{
  const struct style_net tiny = {
    .styles = 3, .photograph = photograph, .width = 4, .inner = 6, .residuals = 1, .ends = 3, .upsampling = 1};
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (weights) weights = weights_new ();
  style_net (graph_input (graph, "photo", SHAPE (1, 3, 16, 16)),
             (struct style_control){.rows = graph_input (graph, "rows", SHAPE (1, style_net_rows (&tiny)))}, &tiny);
  g_assert_true (weights_init (weights, graph, 5, NULL));
  for (guint i = 0; i < weights_count (weights); i++)
    if (g_str_has_suffix (weights_name (weights, i), ".scale") ||
        g_str_has_suffix (weights_name (weights, i), ".shift"))
      for (int64_t k = 0; k < shape_size (&weights_at (weights, i)->shape); k++)
        tensor_floats (weights_at (weights, i))[k] += 0.6 * sin (1 + 2.3 * k + i);
  g_autoptr (pack) pack = pack_new (&tiny, weights);
  for (const char *const *name = (const char *const[]){"a", "b", "c", NULL}; *name; name++)
    pack_add_style (pack, *name, NULL, NULL, NULL);
  pack->descriptors = descriptors ? tensor_ref (descriptors) : NULL;
  g_autofree char *below = file (sub), *path = g_build_filename (below, "masters.safetensors", NULL);
  g_assert_true (g_mkdir_with_parents (below, 0700) == 0 && pack_save (pack, path, NULL));
}

/* Packs: "brush" with descriptors of a.png, b.png and line.png, "plain" without; "flat" has not learned the photograph
 * either. */
static void
make_packs (void)
{
  g_autofree char *describer = file ("perceptual.safetensors"), *a = file ("a.png"), *b = file ("b.png"),
                  *c = file ("line.png");
  g_autoptr (GError) error = NULL;
  make_describer (describer);
  g_autoptr (tensor) descriptors =
    describe_paintings (describer, (char *[]){a, b, c, NULL}, 3, (struct plan_options){.threads = 1}, &error);
  g_assert_no_error (error);
  make_masters ("brush", true, descriptors);
  make_masters ("plain", true, NULL);
  make_masters ("flat", false, NULL);
}

/* Packs are looked for in @sub too, or (NULL) not. */
static void
use_packs (const char *sub)
{
  g_autofree char *models = sub ? g_strdup_printf ("%s:%s/%s", folder, folder, sub) : g_strdup (folder);
  g_setenv ("IMPASTO_MODELS", models, TRUE);
}

/* Settings as a user gives them: "NAME=VALUE" ..., names of style images in the folder. */
static void
settings_init (struct paint_settings *settings, const char *images, const char *const *options)
{
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) parts = g_strsplit (images, ",", -1);
  g_autoptr (GString) text = g_string_new (NULL);
  *settings = (struct paint_settings){0};
  option_init (paint_options, settings);
  for (char **part = parts; *part; part++)
    g_string_append_printf (text, "%s%s/%s", text->len ? "," : "", folder, *part);
  option_set (paint_options, settings, "style-image", text->str, &error);
  option_set (paint_options, settings, "precision", "f32", &error);
  for (; options && *options; options++) {
    g_auto (GStrv) pair = g_strsplit (*options, "=", 2);
    option_set (paint_options, settings, pair[0], pair[1], &error);
  }
  g_assert_no_error (error);
}

static struct picture *
painted (const char *images, const char *const *options, int width, int height)
{
  struct paint_settings settings;
  g_autoptr (GError) error = NULL;
  settings_init (&settings, images, options);
  g_autoptr (painter) painter = painter_new (&settings, &error);
  g_assert_no_error (error);
  struct picture *picture = make_picture (width, height, 4);
  painter_run (painter, picture, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (picture->width, ==, width);
  g_assert_cmpint (picture->height, ==, height);
  option_clear (paint_options, &settings);
  return picture;
}

static double
difference (const struct picture *a, const struct picture *b)
{
  double most = 0;
  for (int64_t i = 0; i < 3 * (int64_t) a->width * a->height; i++)
    most = fmax (most, fabs ((double) a->rgb[i] - b->rgb[i]));
  return most;
}

/* Tiles of two sizes are one painting, with strokes of the preview's size and of pixels, by attention and without. */
static void
check_tiles (const char *const *options)
{
  struct paint_settings settings;
  struct method_forecast large, small;
  g_autoptr (GError) error = NULL;
  settings_init (&settings, "a.png,b.png", options);
  void *method = method_image.open (&settings, &error);
  g_assert_no_error (error);
  g_autoptr (picture) one = make_picture (1150, 300, 4), two = make_picture (1150, 300, 4);
  g_assert_true (method_image.prepare (method, 1150, 300, G_MAXINT64, &large, &error));
  g_assert_true (method_image.run (method, one, NULL, &error));
  method_image.close (method);
  method = method_image.open (&settings, &error); /* where nothing is ready */
  g_assert_true (method_image.prepare (method, 1150, 300, large.bytes - 1, &small, &error));
  g_assert_cmpuint (small.bytes, <, large.bytes);
  g_assert_true (method_image.run (method, two, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpfloat (difference (one, two), <, 1e-4);
  g_autoptr (picture) again = make_picture (1150, 300, 4);
  g_assert_true (method_image.run (method, again, NULL, &error));
  g_assert_cmpfloat (difference (two, again), ==, 0);
  g_assert_false (method_image.prepare (method, 1150, 300, 1000, &small, &error));
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY);
  method_image.close (method);
  option_clear (paint_options, &settings);
}

static void
test_tiles (void)
{
  check_tiles (NULL);
  check_tiles ((const char *const[]){"fusion=attention", "fusion-strength=0.8", NULL});
  check_tiles ((const char *const[]){"wrap=yes", NULL});
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

static void
save_mask (const char *name, int white_from)
{
  g_autofree char *path = file (name);
  g_autoptr (picture) mask = picture_new (120, 80, false, NULL);
  for (int i = 0; i < 3 * 120 * 80; i++)
    mask->rgb[i] = i % 120 >= white_from;
  g_assert_true (picture_save (mask, path, NULL, NULL));
}

/* A region that is everywhere is its style; half of it is half of each, as the network paints; and strength 0 leaves the
 * photograph. */
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
  static const char *const images[] = {"dot.png", "line.png", "a.png"};
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

  g_autoptr (JsonNode) old = json_from_string (first->recipe, NULL); /* before there was a palette */
  json_object_remove_member (json_object_get_object_member (json_node_get_object (old), "options"), "palette");
  g_autofree char *without = json_to_string (old, FALSE);
  settings = (struct paint_settings){0};
  option_init (paint_options, &settings);
  recipe_read (without, &source, false, &settings, &error);
  g_assert_no_error (error);
  g_assert_cmpfloat (settings.palette, ==, 0);
  option_clear (paint_options, &settings);

  static const char *const bad[] = {"[]", "[1]", "[{\"file\":\"../a.png\",\"sha256\":\"x\",\"share\":1}]",
                                    "[{\"file\":\"a.png\",\"sha256\":\"x\",\"share\":1}]",
                                    "[{\"file\":\"a.png\",\"sha256\":\"x\",\"share\":\"much\"}]"};
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    g_autoptr (JsonNode) root = json_from_string (first->recipe, NULL);
    json_object_set_member (json_node_get_object (root), "paintings", json_from_string (bad[i], NULL));
    g_autofree char *text = json_to_string (root, FALSE);
    settings = (struct paint_settings){0};
    option_init (paint_options, &settings);
    g_assert_false (recipe_read (text, &source, false, &settings, &error));
    g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT);
    g_clear_error (&error);
    option_clear (paint_options, &settings);
  }
}

/* The mix that the recipe of @picture names for its first painting; NULL: no brushwork. */
static char *
chosen (const struct picture *picture)
{
  g_autoptr (JsonNode) root = json_from_string (picture->recipe, NULL);
  JsonNode *node = json_object_get_member (json_node_get_object (root), "brushwork");
  JsonArray *all = node ? json_object_get_array_member (json_node_get_object (node), "chosen") : NULL;
  return all ? g_strdup (json_array_get_string_element (all, 0)) : NULL;
}

/* A painting that the pack knows is painted with its own style. Without brushwork nothing is as if there were no pack. */
static void
test_brushwork_chosen (void)
{
  static const char *const none[] = {"brushwork=none", NULL}, *const weak[] = {"brushwork-strength=0", NULL},
                           *const a[] = {"brushwork=a", NULL}, *const b[] = {"brushwork=b", NULL},
                           *const exact[] = {"strength=0", NULL}, *const full[] = {"brushwork-strength=1", NULL};
  use_packs ("plain"); /* has no descriptors */
  g_autoptr (picture) bare = painted ("a.png", NULL, 75, 42), named = painted ("a.png", a, 75, 42);
  g_assert_cmpstr (chosen (bare), ==, NULL);
  use_packs ("brush");
  g_autoptr (picture) photo = make_picture (75, 42, 4), own = painted ("a.png", NULL, 75, 42),
                      off = painted ("a.png", none, 75, 42), zero = painted ("a.png", weak, 75, 42),
                      other = painted ("a.png", b, 75, 42), kept = painted ("a.png", exact, 75, 42),
                      more = painted ("a.png", full, 75, 42), of_b = painted ("b.png", NULL, 75, 42);
  g_autofree char *mix = chosen (own), *mix_b = chosen (of_b);
  g_assert_cmpstr (mix, ==, "a:1.00");
  g_assert_cmpstr (mix_b, ==, "b:1.00");
  g_assert_cmpfloat (difference (bare, off), ==, 0);
  g_assert_cmpfloat (difference (bare, zero), ==, 0);
  g_assert_cmpfloat (difference (own, named), <, 1e-4);
  g_assert_cmpfloat (difference (kept, photo), ==, 0);
  g_assert_cmpfloat (difference (own, bare), >, 0.02);
  g_assert_cmpfloat (difference (own, other), >, 0.02);
  g_assert_cmpfloat (difference (own, more), >, 0.002);
}

/* Next to none of it is next to nothing, whether the pack has a row for the photograph or not. */
static void
test_brushwork_faint (void)
{
  static const char *const none[] = {"brushwork=none", NULL}, *const faint[] = {"brushwork=a",
                                                                                "brushwork-strength=0.0001", NULL};
  static const char *const packs[] = {"brush", "flat"};
  for (int i = 0; i < 2; i++) {
    use_packs (packs[i]);
    g_autoptr (picture) without = painted ("a.png", none, 75, 42), with = painted ("a.png", faint, 75, 42);
    g_assert_cmpfloat (difference (without, with), <, 1 / 255.0);
  }
}

/* @out of a plan of its own, given @in as "in". */
static struct tensor *
run_by_hand (struct graph *graph, sym out, struct weights *weights, const struct tensor *in)
{
  g_autoptr (GError) error = NULL;
  struct plan_options options = {.precision = PRECISION_F32, .threads = 1};
  graph_output (graph, "out", out);
  g_autoptr (plan) plan = plan_compile (graph, weights, &options, &error);
  g_assert_no_error (error);
  memcpy (plan_input (plan, "in")->data, in->data, in->size);
  plan_run (plan, 0, 0);
  return tensor_convert (plan_output (plan, "out"), DTYPE_F32, NULL);
}

/* One pass of one graph is the painting by pack @sub of the mirrored photograph, @strength of it, then painted with the
 * painting. */
static void
check_composed (const char *sub, double strength)
{
  g_autofree char *weak = g_strdup_printf ("brushwork-strength=%g", strength);
  const char *const both[] = {"brushwork=a:0.3,c:0.7", weak, "palette=0", NULL};
  enum { WIDTH = 80, HEIGHT = 56, MARGIN = 48, WIDE = WIDTH + 2 * MARGIN, HIGH = HEIGHT + 2 * MARGIN };
  use_packs (sub);
  g_autofree char *below = file (sub), *pack_path = g_build_filename (below, "masters.safetensors", NULL),
                  *net_path = file ("arbitrary.safetensors");
  g_autoptr (pack) pack = pack_load (pack_path, NULL);
  g_autoptr (net_file) net = net_file_load (net_path, &net_arbitrary, NULL);
  g_autoptr (picture) photo = make_picture (WIDTH, HEIGHT, 4), style = make_picture (96, 80, 2), at_once = NULL;
  g_autofree char *painting = file ("fit.png"); /* 96x80: is seen as it is */
  g_assert_true (picture_save (style, painting, NULL, NULL));
  at_once = painted ("fit.png", both, WIDTH, HEIGHT);
  g_autoptr (picture) seen = picture_load (painting, 0, NULL);
  g_autoptr (tensor) in = tensor_new (SHAPE (1, 3, HIGH, WIDE), DTYPE_F32, NULL),
                     look = tensor_new (SHAPE (1, 3, 80, 96), DTYPE_F32, NULL),
                     rows = tensor_new (SHAPE (1, style_net_rows (&pack->settings)), DTYPE_F32, NULL);
  for (int i = 0; i < 3 * HIGH * WIDE; i++) /* mirrored */
    tensor_floats (in)[i] =
      photo->rgb[(i / (HIGH * WIDE) * HEIGHT + row_index (i / WIDE % HIGH - MARGIN, HEIGHT, false)) * WIDTH +
                 row_index (i % WIDE - MARGIN, WIDTH, false)];
  memcpy (look->data, seen->rgb, look->size);
  tensor_floats (rows)[0] = 0.3f;
  tensor_floats (rows)[2] = 0.7f;
  g_autoptr (graph) first = graph_new (), second = graph_new ();
  sym x = graph_input (first, "in", in->shape);
  x = style_net (x, (struct style_control){.rows = graph_constant (first, rows)}, &pack->settings);
  g_autoptr (tensor) strokes = run_by_hand (first, x, pack->weights, in);
  g_assert_true (shape_equal (&strokes->shape, &SHAPE (1, 3, HIGH, WIDE)));
  for (int i = 0; i < 3 * HIGH * WIDE; i++)
    tensor_floats (strokes)[i] =
      (float) (tensor_floats (in)[i] + strength * (tensor_floats (strokes)[i] - tensor_floats (in)[i]));
  struct arbitrary_style of = arbitrary_encode (graph_constant (second, look), net->settings);
  x = arbitrary_net (graph_input (second, "in", strokes->shape),
                     (struct arbitrary_control){.styles = &of, .n_styles = 1}, net->settings);
  x = sym_slice (sym_slice (x, 2, MARGIN, MARGIN + HEIGHT, 1), 3, MARGIN, MARGIN + WIDTH, 1);
  g_autoptr (tensor) steps = run_by_hand (second, x, net->weights, strokes);
  double most = 0;
  for (int64_t i = 0; i < 3 * WIDTH * HEIGHT; i++)
    most = fmax (most, fabs ((double) tensor_floats (steps)[i] - at_once->rgb[i]));
  g_assert_cmpfloat (most, <, 1e-4);
}

static void
test_brushwork_composed (void)
{
  check_composed ("brush", 1);
  check_composed ("flat", 0.4);
}

/* Each region has the brushwork of its painting; and tiles are one painting. */
static void
test_brushwork_regions (void)
{
  save_mask ("all.png", 0);
  save_mask ("right.png", 60);
  use_packs ("brush");
  g_autofree char *all = g_strdup_printf ("region=%s/all.png=%s/b.png", folder, folder),
                  *right = g_strdup_printf ("region=%s/right.png=%s/b.png", folder, folder);
  g_autoptr (picture) b = painted ("b.png", NULL, 120, 80),
                      whole = painted ("a.png", (const char *const[]){all, NULL}, 120, 80);
  g_assert_cmpfloat (difference (whole, b), <, 1e-4);
  check_tiles ((const char *const[]){right, "strokes=pixels", "wrap=yes", NULL});
}

/* Every file that is painted by, as often as it was named: networks, then paintings and masks. */
static void
test_sources (void)
{
  save_mask ("all.png", 0);
  save_mask ("right.png", 60);
  use_packs ("brush");
  g_autofree char *regions = g_strdup_printf ("region=%s/all.png=%s/b.png@0.5; %s/right.png=%s/line.png:2,%s/b.png:1",
                                              folder, folder, folder, folder, folder);
  static const char *const wanted[] = {"arbitrary.safetensors",
                                       "brush/masters.safetensors",
                                       "a.png",
                                       "b.png",
                                       "all.png",
                                       "b.png",
                                       "right.png",
                                       "line.png",
                                       "b.png",
                                       NULL};
  struct paint_settings settings;
  g_autoptr (GError) error = NULL;
  settings_init (&settings, "a.png:1,b.png:3", (const char *const[]){regions, NULL});
  g_autoptr (painter) painter = painter_new (&settings, &error);
  g_assert_no_error (error);
  g_auto (GStrv) sources = painter_sources (painter);
  for (guint i = 0; i < G_N_ELEMENTS (wanted); i++) {
    g_autofree char *path = wanted[i] ? file (wanted[i]) : NULL;
    g_assert_cmpstr (sources[i], ==, path);
  }
  option_clear (paint_options, &settings);
}

/* A recipe finds the pack it was painted with, says when it is another, and never takes brushwork that it does not name. */
static void
test_brushwork_recipe (void)
{
  static const char *const mix[] = {"brushwork=c:1,a:3", "brushwork-strength=0.7", NULL};
  g_autofree char *painting = file ("painting.png");
  struct recipe_source source = {painting, false};
  g_autoptr (GError) error = NULL;
  use_packs (NULL);
  g_autoptr (picture) bare = painted ("a.png", NULL, 60, 50);
  use_packs ("brush");
  g_autoptr (picture) own = painted ("a.png", NULL, 60, 50), mixed = painted ("a.png", mix, 60, 50);
  const struct picture *const pictures[] = {bare, own, mixed};
  for (guint i = 0; i < G_N_ELEMENTS (pictures); i++) {
    struct paint_settings settings = {0};
    option_init (paint_options, &settings);
    recipe_read (pictures[i]->recipe, &source, false, &settings, &error);
    g_assert_no_error (error);
    g_autoptr (painter) painter = painter_new (&settings, &error);
    g_autoptr (picture) again = make_picture (60, 50, 4);
    g_assert_true (painter && painter_run (painter, again, NULL, &error));
    g_assert_cmpfloat (difference (pictures[i], again), ==, 0);
    option_clear (paint_options, &settings);
    use_packs ("plain");
    option_init (paint_options, &settings);
    g_assert_true (recipe_read (pictures[i]->recipe, &source, false, &settings, &error) == (i == 0));
    if (i > 0)
      check_error (error, IMPASTO_ERROR_INPUT, "masters.safetensors");
    g_clear_error (&error);
    option_clear (paint_options, &settings);
    use_packs ("brush");
  }
  static const char *const bad[] = {"7", "{}", "{\"style\":\"auto\"}",
                                    "{\"style\":\"auto\",\"pack\":\"../masters.safetensors\",\"sha256\":\"x\"}",
                                    "{\"style\":\"/a\",\"pack\":\"masters.safetensors\",\"sha256\":\"x\"}"};
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    struct paint_settings settings = {0};
    g_autoptr (JsonNode) root = json_from_string (own->recipe, NULL);
    json_object_set_member (json_node_get_object (root), "brushwork", json_from_string (bad[i], NULL));
    g_autofree char *text = json_to_string (root, FALSE);
    option_init (paint_options, &settings);
    g_assert_false (recipe_read (text, &source, false, &settings, &error));
    check_error (error, IMPASTO_ERROR_INPUT, "painting.png");
    g_clear_error (&error);
    option_clear (paint_options, &settings);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  folder_make ();
  g_setenv ("IMPASTO_MODELS", folder, TRUE);
  make_everything ();
  make_packs ();
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
  g_test_add_func ("/transfer/brushwork/chosen", test_brushwork_chosen);
  g_test_add_func ("/transfer/brushwork/faint", test_brushwork_faint);
  g_test_add_func ("/transfer/brushwork/composed", test_brushwork_composed);
  g_test_add_func ("/transfer/brushwork/regions", test_brushwork_regions);
  g_test_add_func ("/transfer/sources", test_sources);
  g_test_add_func ("/transfer/brushwork/recipe", test_brushwork_recipe);
  int status = g_test_run ();
  folder_remove ();
  return status;
}
