/* SPDX-License-Identifier: Apache-2.0
 *
 * Brushwork: strokes of a pack before any painting as a style, with tiny networks of random weights. What it chooses,
 * that one pass is the two passes, regions, tiles, the files it paints by, and the recipe's way back. */
#include <math.h>
#include <string.h>

#include "compile/plan.h"
#include "effect/recipe.h"
#include "fixture.h"
#include "image/pixels.h"
#include "net/net_file.h"
#include "net/pack.h"
#include "train/describer.h"
#include "transfer_fixture.h"

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

/* The mix that the recipe of @picture names for its first painting; NULL: no brushwork. */
static char *
chosen (const struct picture *picture)
{
  g_autoptr (JsonNode) root = json_from_string (picture->recipe, NULL);
  JsonNode *node = json_object_get_member (json_node_get_object (root), "brushwork");
  JsonArray *all = node ? json_object_get_array_member (json_node_get_object (node), "chosen") : NULL;
  return all ? g_strdup (json_array_get_string_element (all, 0)) : NULL;
}

/* A painting that the pack knows is painted with its own style. Without brushwork nothing is as if there were no
 * pack. */
static void
test_chosen (void)
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
test_faint (void)
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
  const char *const both[] = {"brushwork=a:0.3,c:0.7", weak, "palette=0", "grain=0", NULL};
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
test_composed (void)
{
  check_composed ("brush", 1);
  check_composed ("flat", 0.4);
}

/* Each region has the brushwork of its painting; and tiles are one painting. */
static void
test_regions (void)
{
  save_mask ("all.png", 0);
  save_mask ("right.png", 60);
  use_packs ("brush");
  g_autofree char *all = g_strdup_printf ("region=%s/all.png=%s/b.png", folder, folder),
                  *right = g_strdup_printf ("region=%s/right.png=%s/b.png", folder, folder);
  g_autoptr (picture) b = painted ("b.png", NULL, 120, 80),
                      whole = painted ("a.png", (const char *const[]){all, NULL}, 120, 80);
  g_assert_cmpfloat (difference (whole, b), <, 1e-4);
  check_tiles (&method_image, (const char *const[]){right, "strokes=pixels", "wrap=yes", NULL});
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

/* A recipe finds the pack it was painted with, says when it is another, and never takes brushwork that it does not
 * name. */
static void
test_recipe (void)
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
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    check_recipe_refused (own->recipe, "brushwork", bad[i]);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  folder_make ();
  g_setenv ("IMPASTO_MODELS", folder, TRUE);
  make_everything ();
  make_packs ();
  g_test_add_func ("/brushwork/chosen", test_chosen);
  g_test_add_func ("/brushwork/faint", test_faint);
  g_test_add_func ("/brushwork/composed", test_composed);
  g_test_add_func ("/brushwork/regions", test_regions);
  g_test_add_func ("/brushwork/sources", test_sources);
  g_test_add_func ("/brushwork/recipe", test_recipe);
  int status = g_test_run ();
  folder_remove ();
  return status;
}
