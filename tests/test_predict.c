/* SPDX-License-Identifier: Apache-2.0
 *
 * Any painting as a style by rows that are guessed, with tiny networks of random weights: the painting is that of one
 * graph of predictor and painter, its controls, when it is chosen, tiles, regions, and the recipe's way back. */
#include <math.h>
#include <string.h>

#include "compile/plan.h"
#include "effect/recipe.h"
#include "fixture.h"
#include "image/pixels.h"
#include "impasto/error.h"
#include "net/net_file.h"
#include "net/pack.h"
#include "train/describer.h"
#include "transfer_fixture.h"

static const struct style_net tiny = {.styles = 2,
                                      .photograph = true,
                                      .brush = true,
                                      .width = 4,
                                      .inner = 6,
                                      .residuals = 1,
                                      .ends = 3,
                                      .upsampling = 1,
                                      .predictor = {.described = 42, .mixed = 2, .free = 3, .hidden = 5}};

/* @sub/masters.safetensors, with a predictor or not: all rows are another each. */
static void
make_masters (const char *sub, const struct style_net *settings)
{
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (weights) weights = weights_new ();
  style_net (graph_input (graph, "photo", SHAPE (1, 3, 16, 16)),
             (struct style_control){.rows = graph_input (graph, "rows", SHAPE (1, style_net_rows (settings)))},
             settings);
  if (settings->predictor.described > 0)
    predictor_net (graph_input (graph, "descriptor", SHAPE (1, settings->predictor.described)), &settings->predictor);
  g_assert_true (weights_init (weights, graph, 5, NULL));
  for (guint i = 0; i < weights_count (weights); i++) {
    struct tensor *table = weights_at (weights, i);
    const char *name = weights_name (weights, i);
    bool row = g_str_has_suffix (name, "scale") || g_str_has_suffix (name, "shift");
    for (int64_t k = 0; k < shape_size (&table->shape); k++)
      tensor_floats (table)[k] += row ? 0.4 * sin (1 + 2.3 * k + i) : strstr (name, "free.weight") ? sin (k + 1) : 0;
  }
  g_autoptr (pack) pack = pack_new (settings, weights);
  pack_add_style (pack, "a", NULL, NULL, NULL);
  pack_add_style (pack, "b", NULL, NULL, NULL);
  g_autofree char *below = file (sub), *path = g_build_filename (below, "masters.safetensors", NULL);
  g_assert_true (g_mkdir_with_parents (below, 0700) == 0 && pack_save (pack, path, NULL));
}

static void
make_packs (void)
{
  g_autofree char *describer = file ("perceptual.safetensors");
  struct style_net plain = tiny, other = tiny, bare = tiny;
  plain.predictor = (struct predictor_net){0};
  other.predictor.described = 40;
  bare.photograph = bare.brush = false;
  make_describer (describer);
  make_masters ("guess", &tiny);
  make_masters ("plain", &plain);
  make_masters ("other", &other);
  make_masters ("bare", &bare);
}

/* Packs are looked for in @sub too. */
static void
use_packs (const char *sub)
{
  g_autofree char *models = g_strdup_printf ("%s:%s/%s", folder, folder, sub);
  g_setenv ("IMPASTO_MODELS", models, TRUE);
}

/* The name of the method and of the fusion that the recipe of @picture holds. */
static void
check_method (const struct picture *picture, const char *method, const char *fusion)
{
  g_autoptr (JsonNode) root = json_from_string (picture->recipe, NULL);
  JsonObject *options = json_object_get_object_member (json_node_get_object (root), "options");
  g_assert_cmpstr (json_object_get_string_member (options, "method"), ==, method);
  g_assert_cmpstr (json_object_get_string_member (options, "fusion"), ==, fusion);
}

/* The painting is what one graph of eye, predictor and painter with all rows paints of the mirrored photograph. */
static void
test_composed (void)
{
  enum { WIDTH = 80, HEIGHT = 56, MARGIN = 20, WIDE = WIDTH + 2 * MARGIN, HIGH = HEIGHT + 2 * MARGIN };
  g_autofree char *pack_path = file ("guess/masters.safetensors"), *eye_path = file ("perceptual.safetensors"),
                  *painting = file ("fit.png"); /* 96x80: is seen as it is */
  g_autoptr (GError) error = NULL;
  use_packs ("guess");
  g_autoptr (pack) pack = pack_load (pack_path, &error);
  g_autoptr (net_file) eye = net_file_load (eye_path, &net_perceptual, &error);
  g_assert_no_error (error);
  g_autoptr (picture) photo = make_picture (WIDTH, HEIGHT, 4), style = make_picture (96, 80, 2);
  g_assert_true (picture_save (style, painting, NULL, NULL));
  g_autoptr (picture)
    seen = picture_load (painting, 0, NULL),
    at_once = painted ("fit.png", (const char *const[]){"palette=0", "grain=0", "style-size=96", NULL}, WIDTH, HEIGHT);
  g_autoptr (tensor) look = tensor_new (SHAPE (1, 3, 80, 96), DTYPE_F32, NULL),
                     in = tensor_new (SHAPE (1, 3, HIGH, WIDE), DTYPE_F32, NULL);
  memcpy (look->data, seen->rgb, look->size);
  for (int i = 0; i < 3 * HIGH * WIDE; i++) /* mirrored */
    tensor_floats (in)[i] =
      photo->rgb[(i / (HIGH * WIDE) * HEIGHT + row_index (i / WIDE % HIGH - MARGIN, HEIGHT, false)) * WIDTH +
                 row_index (i % WIDE - MARGIN, WIDTH, false)];
  g_autoptr (weights) all = weights_new ();
  struct weights *parts[] = {pack->weights, pack->predicting, eye->weights};
  for (guint p = 0; p < G_N_ELEMENTS (parts); p++)
    for (guint i = 0; i < weights_count (parts[p]); i++)
      weights_add (all, weights_name (parts[p], i), weights_at (parts[p], i));
  g_autoptr (graph) graph = graph_new ();
  sym rows = predictor_net (perceptual_descriptor (graph_constant (graph, look), eye->settings), &tiny.predictor);
  rows = sym_pad (sym_reshape (rows, SHAPE (1, 1, 1, -1)), PAD_ZERO, 0, style_net_basis_row (&tiny), 0, 0);
  sym x =
    style_net (graph_constant (graph, in), (struct style_control){.rows = sym_reshape (rows, SHAPE (1, -1))}, &tiny);
  graph_output (graph, "out", sym_slice (sym_slice (x, 2, MARGIN, MARGIN + HEIGHT, 1), 3, MARGIN, MARGIN + WIDTH, 1));
  g_autoptr (plan) plan =
    plan_compile (graph, all, &(struct plan_options){.precision = PRECISION_F32, .threads = 1}, &error);
  g_assert_no_error (error);
  plan_run (plan, 0, 0);
  double most = 0;
  for (int i = 0; i < 3 * WIDTH * HEIGHT; i++)
    most = fmax (most, fabs ((double) tensor_floats (plan_output (plan, "out"))[i] - at_once->rgb[i]));
  g_assert_cmpfloat (most, <, 1e-4);
}

/* It is the way where it is there, unless brushwork or a fusion is chosen; another pack is named. */
static void
test_chosen (void)
{
  use_packs ("guess");
  g_autoptr (picture) usual = painted ("a.png", NULL, 60, 44),
                      adain = painted ("a.png", (const char *const[]){"fusion=adain", NULL}, 60, 44),
                      strokes = painted ("a.png", (const char *const[]){"brushwork=none", NULL}, 60, 44);
  check_method (usual, "predict", "auto");
  check_method (adain, "image", "adain");
  check_method (strokes, "image", "adain");
  use_packs ("plain");
  g_autofree char *named = g_strdup_printf ("predictor=%s/guess/masters.safetensors", folder);
  g_autoptr (picture) without = painted ("a.png", NULL, 60, 44),
                      other = painted ("a.png", (const char *const[]){named, NULL}, 60, 44);
  check_method (without, "image", "adain");
  g_assert_cmpfloat (difference (usual, without), >, 0.02);
  g_assert_cmpfloat (difference (usual, other), ==, 0);
  static const struct {
    const char *packs, *text;
  } cases[] = {{"plain", "has no predictor"}, {"other", "was not trained with"}};
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    struct paint_settings settings;
    g_autoptr (GError) error = NULL;
    use_packs (cases[i].packs);
    settings_init (&settings, "a.png", (const char *const[]){"method=predict", NULL});
    g_assert_null (painter_new (&settings, &error));
    check_error (error, IMPASTO_ERROR_INPUT, cases[i].text);
    option_clear (paint_options, &settings);
  }
}

/* Strength 0, of either kind, is the photograph, and next to it is next to it, whatever the palette; a mix of a
 * painting with itself is the painting. A network without a row of the photograph has no such share of its features. */
static void
test_controls (void)
{
  static const char *const plain[] = {"palette=0", NULL}, *const none[] = {"strength=0", NULL},
                           *const faint[] = {"strength=0.01", NULL}, *const still[] = {"fusion-strength=0", NULL},
                           *const nearly[] = {"fusion-strength=0.01", NULL},
                           *const half[] = {"fusion-strength=0.5", NULL};
  g_autoptr (picture) photo = make_picture (75, 42, 4);
  use_packs ("guess");
  g_autoptr (picture) zero = painted ("a.png", none, 75, 42), next = painted ("a.png", faint, 75, 42),
                      kept = painted ("a.png", still, 75, 42), near = painted ("a.png", nearly, 75, 42),
                      some = painted ("a.png", half, 75, 42), a = painted ("a.png", plain, 75, 42),
                      b = painted ("b.png", plain, 75, 42), twice = painted ("a.png:1,a.png:3", plain, 75, 42);
  g_assert_cmpfloat (difference (zero, photo), ==, 0);
  g_assert_cmpfloat (difference (next, photo), <, 3 / 255.0);
  g_assert_cmpfloat (difference (kept, photo), <, 1e-6);
  g_assert_cmpfloat (difference (near, photo), <, 8 / 255.0);
  g_assert_cmpfloat (difference (some, photo), >, 0.01);
  g_assert_cmpfloat (difference (twice, a), <, 1e-5);
  g_assert_cmpfloat (difference (a, b), >, 0.01);
  struct paint_settings settings;
  g_autoptr (GError) error = NULL;
  use_packs ("bare");
  g_autoptr (picture) bare = painted ("a.png", faint, 75, 42);
  g_assert_cmpfloat (difference (bare, photo), <, 3 / 255.0);
  settings_init (&settings, "a.png", half);
  g_assert_null (painter_new (&settings, &error));
  check_error (error, IMPASTO_ERROR_USAGE, "has not learned the photograph");
  option_clear (paint_options, &settings);
}

static void
test_tiles (void)
{
  use_packs ("guess");
  check_tiles (&method_predict, NULL);
  check_tiles (&method_predict, (const char *const[]){"wrap=yes", "brush=1.3", NULL});
}

/* A region that is everywhere is its painting, and the photograph at strength 0; one of the same painting is no
 * region. */
static void
test_regions (void)
{
  save_mask ("all.png", 0);
  save_mask ("right.png", 60);
  use_packs ("guess");
  g_autofree char *all = g_strdup_printf ("region=%s/all.png=%s/b.png", folder, folder),
                  *same = g_strdup_printf ("region=%s/right.png=%s/a.png", folder, folder),
                  *none = g_strdup_printf ("region=%s/all.png=%s/b.png@0", folder, folder);
  g_autoptr (picture) photo = make_picture (120, 80, 4), b = painted ("b.png", NULL, 120, 80),
                      whole = painted ("a.png", (const char *const[]){all, NULL}, 120, 80),
                      bare = painted ("a.png", (const char *const[]){none, NULL}, 120, 80),
                      a = painted ("a.png", NULL, 120, 80),
                      twice = painted ("a.png", (const char *const[]){same, NULL}, 120, 80);
  g_assert_cmpfloat (difference (twice, a), <, 1e-4);
  g_assert_cmpfloat (difference (whole, b), <, 1e-4);
  g_assert_cmpfloat (difference (bare, photo), ==, 0);
}

/* Pictures at the edge of what there is, as photograph and as painting; every file that is painted by. */
static void
test_awkward (void)
{
  static const char *const sources[] = {"guess/masters.safetensors", "perceptual.safetensors", "a.png"};
  struct paint_settings settings;
  g_autoptr (GError) error = NULL;
  use_packs ("guess");
  g_autoptr (picture) dot = painted ("a.png", NULL, 1, 1), line = painted ("line.png", NULL, 3, 90);
  g_assert_true (isfinite (dot->rgb[0]) && isfinite (line->rgb[0]));
  settings_init (&settings, "a.png", NULL);
  g_autoptr (painter) painter = painter_new (&settings, &error);
  g_assert_no_error (error);
  g_auto (GStrv) found = painter_sources (painter);
  g_assert_cmpuint (g_strv_length (found), ==, G_N_ELEMENTS (sources));
  for (guint i = 0; i < G_N_ELEMENTS (sources); i++) {
    g_autofree char *path = file (sources[i]);
    g_assert_cmpstr (found[i], ==, path);
  }
  option_clear (paint_options, &settings);
}

/* A recipe finds pack and paintings again, and says when the pack is another. */
static void
test_recipe (void)
{
  static const char *const bad[] = {"7", "\"../masters.safetensors\"", "\"classics.safetensors\""};
  static const char *const describers[] = {"null", "{}", "{\"pack\":\"perceptual.safetensors\",\"sha256\":\"x\"}"};
  g_autofree char *painting = file ("painting.png");
  struct recipe_source source = {painting, false};
  struct paint_settings settings = {0};
  g_autoptr (GError) error = NULL;
  use_packs ("guess");
  g_autoptr (picture) mixed = painted ("a.png:1,b.png:3", (const char *const[]){"strength=0.8", NULL}, 60, 50),
                      again = make_picture (60, 50, 4);
  option_init (paint_options, &settings);
  recipe_read (mixed->recipe, &source, false, &settings, &error);
  g_assert_no_error (error);
  g_autoptr (painter) painter = painter_new (&settings, &error);
  g_assert_true (painter && painter_run (painter, again, NULL, &error));
  g_assert_cmpfloat (difference (mixed, again), ==, 0);
  option_clear (paint_options, &settings);
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    check_recipe_refused (mixed->recipe, "pack", bad[i]);
  for (guint i = 0; i < G_N_ELEMENTS (describers); i++)
    check_recipe_refused (mixed->recipe, "describer", describers[i]);
  use_packs ("plain");
  check_recipe_refused (mixed->recipe, "style", "\"a+b\"");
  source.other_way = true; /* its paintings, whatever has become of the pack */
  option_init (paint_options, &settings);
  recipe_read (mixed->recipe, &source, false, &settings, &error);
  g_assert_no_error (error);
  g_assert_nonnull (settings.style_image);
  g_assert_null (settings.predictor);
  option_clear (paint_options, &settings);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  folder_make ();
  g_setenv ("IMPASTO_MODELS", folder, TRUE);
  make_everything ();
  make_packs ();
  g_test_add_func ("/predict/composed", test_composed);
  g_test_add_func ("/predict/chosen", test_chosen);
  g_test_add_func ("/predict/controls", test_controls);
  g_test_add_func ("/predict/tiles", test_tiles);
  g_test_add_func ("/predict/regions", test_regions);
  g_test_add_func ("/predict/awkward", test_awkward);
  g_test_add_func ("/predict/recipe", test_recipe);
  int status = g_test_run ();
  folder_remove ();
  return status;
}
