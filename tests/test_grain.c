/* SPDX-License-Identifier: Apache-2.0
 *
 * The grain of the canvas: strokes where the photograph is flat, the photograph untouched where it is wanted itself. */
#include <math.h>

#include "canvas_fixture.h"
#include "impasto/error.h"

enum { WIDTH = 120, HEIGHT = 84 };

/* All of one colour. */
static struct picture *
flat_photo (void)
{
  struct picture *photo = picture_new (WIDTH, HEIGHT, false, NULL);
  for (int i = 0; i < 3 * WIDTH * HEIGHT; i++)
    photo->rgb[i] = 0.6f;
  return photo;
}

static double
deviation (const struct picture *picture)
{
  double sum = 0, squares = 0;
  for (int i = 0; i < WIDTH * HEIGHT; i++) {
    sum += picture->rgb[i];
    squares += (double) picture->rgb[i] * picture->rgb[i];
  }
  double mean = sum / (WIDTH * HEIGHT);
  return sqrt (fmax (0, squares / (WIDTH * HEIGHT) - mean * mean));
}

static struct picture *
painted (const struct style_net *net, const struct picture *photo, double grain, uint64_t seed)
{
  g_autoptr (pack) pack = canvas_pack (net);
  struct painting painting = {.settings = {.precision = PRECISION_F32, .grain = grain, .seed = seed}};
  return canvas_paint_photo (pack, photo, &painting);
}

static void
test_flat (void)
{
  g_autoptr (picture) photo = flat_photo ();
  g_autoptr (picture) none = painted (&canvas_net_small, photo, 0, 1),
                      some = painted (&canvas_net_small, photo, 0.01, 1),
                      again = painted (&canvas_net_small, photo, 0.01, 1),
                      other = painted (&canvas_net_small, photo, 0.01, 2);
  g_assert_cmpfloat (deviation (none), <, 0.005);
  g_assert_cmpfloat (deviation (some), >, 0.05);
  g_assert_cmpfloat (canvas_worst (some, again), ==, 0);
  g_assert_cmpfloat (canvas_worst (some, other), >, 0.05);
}

/* A translator shows its photograph, and would show the noise. */
static void
test_translator (void)
{
  struct style_net net = canvas_net_small;
  net.skip = true;
  g_autoptr (picture) photo = flat_photo ();
  g_autoptr (picture) none = painted (&net, photo, 0, 1), some = painted (&net, photo, 0.01, 1);
  g_assert_cmpfloat (canvas_worst (none, some), ==, 0);
}

/* The row of the photograph is the photograph, where it is a region, too; beside it there are strokes. */
static void
test_photograph (void)
{
  static const float both[2 * ROWS] = {0, 0, 1, 1, 0, 0};
  g_autoptr (pack) pack = canvas_pack (&canvas_net_small);
  g_autoptr (picture) photo = flat_photo ();
  struct painting all = {.settings = {.precision = PRECISION_F32, .grain = 0.01, .gate = true},
                         .rows = canvas_photograph};
  struct painting half = all;
  half.rows = both;
  half.halves = true;
  g_autoptr (picture) whole = canvas_paint_photo (pack, photo, &all), parts = canvas_paint_photo (pack, photo, &half);
  g_assert_cmpfloat (canvas_worst (whole, photo), <, 1e-6);
  double left = 0, right = 0;
  for (int i = 0; i < WIDTH * HEIGHT; i++) {
    double change = fabs (parts->rgb[i] - photo->rgb[i]);
    if (i % WIDTH < 0.4 * WIDTH)
      left = fmax (left, change);
    else if (i % WIDTH > 0.6 * WIDTH)
      right = fmax (right, change);
  }
  g_assert_cmpfloat (left, <, 1e-6);
  g_assert_cmpfloat (right, >, 0.05);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/grain/flat", test_flat);
  g_test_add_func ("/grain/translator", test_translator);
  g_test_add_func ("/grain/photograph", test_photograph);
  return g_test_run ();
}
