/* SPDX-License-Identifier: Apache-2.0
 *
 * From file to file without holding the picture: the result is the one that is painted in memory. */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "effect/canvas.h"
#include "effect/colors.h"
#include "image_fixture.h"
#include "net/pack.h"

#define TEST_SUITE "paint-file"

/* A small pack with random weights in the folder of the tests. */
static char *
make_pack (bool photograph)
{
  g_autoptr (GError) error = NULL;
  struct style_net net = {.styles = 1, .photograph = photograph, .width = 6, .inner = 8, .residuals = 1, .ends = 3};
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (weights) weights = weights_new ();
  sym rows = graph_input (graph, "rows", SHAPE (1, style_net_rows (&net)));
  graph_output (
    graph, "painting",
    style_net (graph_input (graph, "photo", SHAPE (1, 3, 16, 16)), (struct style_control){.rows = rows}, &net));
  g_assert_true (weights_init (weights, graph, 3, &error));
  g_autoptr (pack) pack = pack_new (&net, weights);
  pack_add_style (pack, "waves", "Waves", "Nobody", "today");
  char *path = file ("waves.safetensors");
  g_assert_true (pack_save (pack, path, &error));
  return path;
}

/* A picture of RGBA, 16 bits, on its side, with a recipe of before. */
static char *
make_photo (int width, int height)
{
  char *path = file ("photo.tif");
  g_autoptr (picture) picture = make_picture (width, height, true, 16);
  for (int64_t i = 0; i < (int64_t) width * height; i++)
    picture->rgb[i] = 0.5f + 0.4f * sinf (i % width * 0.2f) * cosf (i / width * 0.13f);
  g_autoptr (GObject) image = G_OBJECT (image_of (picture));
  vips_image_set_int (VIPS_IMAGE (image), VIPS_META_ORIENTATION, 6);
  write_image (VIPS_IMAGE (image), path);
  return path;
}

struct setting {
  const char *name, *value;
};

static struct painter *
make_painter (const char *pack, const struct setting *settings, const char *memory)
{
  g_autoptr (GError) error = NULL;
  struct paint_settings values = {0};
  option_init (paint_options, &values);
  g_assert_true (option_set (paint_options, &values, "style", pack, &error));
  g_assert_true (option_set (paint_options, &values, "precision", "f32", &error));
  g_assert_true (option_set (paint_options, &values, "memory", memory, &error));
  for (; settings->name; settings++)
    g_assert_true (option_set (paint_options, &values, settings->name, settings->value, &error));
  struct painter *painter = painter_new (&values, &error);
  g_assert_no_error (error);
  option_clear (paint_options, &values);
  return painter;
}

/* The least memory that is said to do for the file. */
static char *
least_memory (const char *pack, const struct setting *settings, const char *photo)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (painter) painter = make_painter (pack, settings, "1M");
  struct paint_forecast forecast;
  g_assert_false (painter_prepare_file (painter, photo, NULL, &forecast, &error));
  check_error (error, IMPASTO_ERROR_MEMORY, photo);
  g_assert_true (forecast.streams);
  return g_strdup_printf ("%" G_GUINT64_FORMAT, forecast.bytes);
}

static void
compare (const struct setting *settings, bool photograph)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *pack = make_pack (photograph), *photo = make_photo (1400, 460), *held = file ("held.tif"),
                  *streamed = file ("streamed.tif"), *memory = least_memory (pack, settings, photo);
  g_autoptr (painter) plenty = make_painter (pack, settings, "100G"), tight = make_painter (pack, settings, memory);
  struct paint_forecast forecast;
  g_assert_true (painter_prepare_file (plenty, photo, NULL, &forecast, &error));
  g_assert_false (forecast.streams);
  g_assert_true (painter_prepare_file (tight, photo, NULL, &forecast, &error));
  g_assert_no_error (error);
  g_assert_true (forecast.streams);
  guint before = count_files ();
  if (!painter_run_file (plenty, photo, held, NULL, NULL, &error) ||
      !painter_run_file (tight, photo, streamed, NULL, NULL, &error))
    g_error ("%s", error->message);
  g_assert_cmpuint (count_files (), ==, before + 2);

  g_autoptr (picture) a = load (held), b = load (streamed);
  int64_t n = (int64_t) a->width * a->height;
  g_assert_cmpint (a->width, ==, b->width);
  g_assert_cmpint (a->height, ==, b->height);
  g_assert_cmpint (b->bits, ==, 16);
  double worst = worst_difference (a->rgb, b->rgb, 3 * n);
  g_test_message ("%s %s: differ by %.2g", settings->name ? settings->name : "", memory, worst);
  g_assert_cmpfloat (worst, <, 1e-3);
  g_assert_cmpfloat (worst_difference (a->alpha, b->alpha, n), <, 2 / 65535.0);
  g_assert_nonnull (strstr (b->recipe, "waves"));
  g_assert_cmpint (g_remove (held) | g_remove (streamed), ==, 0);
}

static void
test_plain (void)
{
  compare ((struct setting[]){{NULL}}, true);
}

/* What is done around the method: strength, colours, finishing. */
static void
test_around (void)
{
  compare ((struct setting[]){{"strength", "0.6"}, {"keep-colors", "luminance"}, {"sharpen", "0.5"}, {NULL}}, false);
}

static void
test_photograph (void)
{
  compare ((struct setting[]){{"strength", "0"}, {"saturation", "0.5"}, {NULL}}, true);
}

/* The palette of a painting that is never held. */
static void
test_palette (void)
{
  compare ((struct setting[]){{"strength", "0.7"}, {"keep-colors", "palette"}, {"sharpen", "0.5"}, {NULL}}, false);
}

/* A brush that the network does not know: one painting, or two, at other sizes. */
static void
test_brush (void)
{
  compare ((struct setting[]){{"brush", "2"}, {"size", "1500"}, {NULL}}, true);
  compare ((struct setting[]){{"brush", "1.7"}, {"size", "1300"}, {NULL}}, false);
  compare ((struct setting[]){{"brush", "0.9"}, {"size", "1100"}, {"keep-colors", "palette"}, {NULL}}, true);
}

static bool
stop (double share, const char *what, void *data)
{
  return share < 0.3;
}

/* Nothing is left of what was stopped. */
static void
test_stopped (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *pack = make_pack (true), *photo = make_photo (1400, 460), *output = file ("out.png");
  struct setting none[] = {{NULL}};
  g_autofree char *memory = least_memory (pack, none, photo);
  g_autoptr (painter) painter = make_painter (pack, none, memory);
  struct paint_job job = {stop, NULL};
  guint before = count_files ();
  g_assert_false (painter_run_file (painter, photo, output, NULL, &job, &error));
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_CANCELLED);
  g_assert_cmpuint (count_files (), ==, before);
}

static const struct test tests[] = {
  TEST (plain), TEST (around), TEST (photograph), TEST (palette), TEST (brush), TEST (stopped),
};

int
main (int argc, char **argv)
{
  return run_tests (argc, argv, tests, G_N_ELEMENTS (tests));
}
