/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "transfer_fixture.h"

#include <math.h>

#include "compile/plan.h"
#include "effect/paint_internal.h"
#include "effect/recipe.h"
#include "fixture.h"
#include "net/net_file.h"

struct picture *
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

void
save_picture (const char *name, int width, int height, int kind)
{
  g_autofree char *path = file (name);
  g_autoptr (picture) picture = make_picture (width, height, kind);
  g_assert_true (picture_save (picture, path, NULL, NULL));
}

void
save_mask (const char *name, int white_from)
{
  g_autofree char *path = file (name);
  g_autoptr (picture) mask = picture_new (120, 80, false, NULL);
  for (int i = 0; i < 3 * 120 * 80; i++)
    mask->rgb[i] = i % 120 >= white_from;
  g_assert_true (picture_save (mask, path, NULL, NULL));
}

/* Pixels of all kinds that nobody sees. */
static void
save_clear (const char *name)
{
  g_autofree char *path = file (name);
  g_autoptr (picture) solid = make_picture (40, 40, 3), clear = picture_new (40, 40, true, NULL);
  memcpy (clear->rgb, solid->rgb, 3 * 40 * 40 * sizeof (float));
  g_assert_true (picture_save (clear, path, NULL, NULL));
}

void
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
  save_clear ("clear.png");
  save_picture ("line.png", 1, 400, 0);
  g_autofree char *text = file ("text.png");
  g_assert_true (g_file_set_contents (text, "no picture", -1, NULL));
}

void
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

void
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

struct picture *
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

double
difference (const struct picture *a, const struct picture *b)
{
  double most = 0;
  for (int64_t i = 0; i < 3 * (int64_t) a->width * a->height; i++)
    most = fmax (most, fabs ((double) a->rgb[i] - b->rgb[i]));
  return most;
}

void
check_tiles (const struct method *by, const char *const *options)
{
  struct paint_settings settings;
  struct method_forecast large, small;
  g_autoptr (GError) error = NULL;
  settings_init (&settings, "a.png,b.png", options);
  g_assert_true (paint_settle (&settings, &error));
  void *method = by->open (&settings, &error);
  g_assert_no_error (error);
  g_autoptr (picture) one = make_picture (1150, 300, 4), two = make_picture (1150, 300, 4);
  g_assert_true (by->prepare (method, 1150, 300, G_MAXINT64, &large, &error));
  g_assert_true (by->run (method, one, NULL, &error));
  by->close (method);
  method = by->open (&settings, &error); /* where nothing is ready */
  g_assert_true (by->prepare (method, 1150, 300, large.bytes - 1, &small, &error));
  g_assert_cmpuint (small.bytes, <, large.bytes);
  g_assert_true (by->run (method, two, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpfloat (difference (one, two), <, 1e-4);
  g_autoptr (picture) again = make_picture (1150, 300, 4);
  g_assert_true (by->run (method, again, NULL, &error));
  g_assert_cmpfloat (difference (two, again), ==, 0);
  g_assert_false (by->prepare (method, 1150, 300, 1000, &small, &error));
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY);
  by->close (method);
  option_clear (paint_options, &settings);
}

void
check_recipe_refused (const char *recipe, const char *member, const char *json)
{
  struct paint_settings settings = {0};
  g_autoptr (GError) error = NULL;
  g_autofree char *painting = file ("painting.png");
  struct recipe_source source = {painting, false};
  g_autoptr (JsonNode) root = json_from_string (recipe, NULL);
  json_object_set_member (json_node_get_object (root), member, json_from_string (json, NULL));
  g_autofree char *text = json_to_string (root, FALSE);
  option_init (paint_options, &settings);
  g_assert_false (recipe_read (text, &source, false, &settings, &error));
  check_error (error, IMPASTO_ERROR_INPUT, "painting.png");
  g_clear_error (&error);
  option_clear (paint_options, &settings);
}
