/* SPDX-License-Identifier: Apache-2.0
 *
 * Distances between pictures: against scikit-image (tests/oracle/metrics.py made the numbers), identities, symmetry,
 * sizes down to a pixel; seams against what was put into the picture. */
#include <json-glib/json-glib.h>
#include <math.h>

#include "image/metrics.h"
#include "image_fixture.h"
#include "noise.h"

#define TEST_SUITE "metrics"

/* The two pictures of tests/oracle/metrics.py. */
static void
make_pair (int width, int height, double amount, struct picture **a, struct picture **b)
{
  uint32_t first = noise_seed ("first"), second = noise_seed ("second");
  *a = picture_new (width, height, false, NULL);
  *b = picture_new (width, height, false, NULL);
  for (int c = 0; c < 3; c++)
    for (int y = 0; y < height; y++)
      for (int x = 0; x < width; x++) {
        int64_t i = ((int64_t) c * height + y) * width + x;
        double value = 0.1 + 0.7 * ((x * 7 + y * (3 + c)) % 64 / 64.0) + 0.1 * noise_at (first, i);
        (*a)->rgb[i] = value;
        (*b)->rgb[i] = 0.95 * value + amount * noise_at (second, i);
      }
}

static void
test_scikit_image (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "oracle", "metrics.json", NULL);
  g_autoptr (JsonParser) parser = json_parser_new_immutable ();
  json_parser_load_from_file (parser, path, &error);
  g_assert_no_error (error);
  JsonArray *cases = json_node_get_array (json_parser_get_root (parser));
  g_assert_cmpuint (json_array_get_length (cases), >, 3);
  for (guint i = 0; i < json_array_get_length (cases); i++) {
    JsonObject *wanted = json_array_get_object_element (cases, i);
    g_autoptr (picture) a = NULL, b = NULL;
    make_pair (json_object_get_int_member (wanted, "width"), json_object_get_int_member (wanted, "height"),
               json_object_get_double_member (wanted, "amount"), &a, &b);
    double ssim = NAN;
    g_assert_true (picture_ssim (a, b, &ssim, &error));
    struct picture_distance distance = picture_compare (a, b);
    struct palette first = picture_palette (a), second = picture_palette (b);
    g_assert_cmpfloat_with_epsilon (ssim, json_object_get_double_member (wanted, "ssim"), 1e-6);
    g_assert_cmpfloat_with_epsilon (distance.psnr, json_object_get_double_member (wanted, "psnr"), 1e-4);
    g_assert_cmpfloat_with_epsilon (distance.mean, json_object_get_double_member (wanted, "mean"), 1e-6);
    g_assert_cmpfloat_with_epsilon (distance.most, json_object_get_double_member (wanted, "most"), 1e-6);
    g_assert_cmpfloat_with_epsilon (palette_distance (&first, &second),
                                    json_object_get_double_member (wanted, "palette"), 1e-6);
  }
}

/* Dots of height 1, one every @period pixels along both axes from @first on, on a slope. */
static double
mesh_of (int width, int height, int period, int first)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (picture) picture = picture_new (width, height, false, NULL);
  double mesh = NAN;
  for (int64_t i = 0; i < 3 * (int64_t) width * height; i++) {
    int x = i % width, y = i / width % height;
    picture->rgb[i] = 0.01 * x - 0.02 * y + (x % period == first && y % period == first);
  }
  g_assert_true (picture_mesh (picture, &mesh, &error));
  g_assert_no_error (error);
  return mesh;
}

/* By hand: of sixteen places one has 15/16, the others -1/16. */
static void
test_mesh (void)
{
  for (int first = 0; first < 4; first++)
    g_assert_cmpfloat_with_epsilon (mesh_of (58, 57, 4, first), sqrt (15) / 16, 1e-5);
  g_assert_cmpfloat_with_epsilon (mesh_of (10, 10, 4, 3), sqrt (15) / 16, 1e-5);
  g_assert_cmpfloat_with_epsilon (mesh_of (54, 54, 3, 0), 0, 1e-5); /* whole periods of both */
  g_assert_cmpfloat_with_epsilon (mesh_of (54, 54, 99, 98), 0, 1e-5);
  g_assert_cmpfloat (mesh_of (9, 300, 4, 0), ==, 0);
  g_assert_cmpfloat (mesh_of (1, 1, 4, 0), ==, 0);
}

/* A photograph, grey 0.5, in squares of 8 pixels; from row @edge on it is noise that no square sees in its mean. The
 * painting is likewise, but squares of odd columns are lighter by @step there where the photograph is flat, all by 1
 * where it is not. */
static struct picture_flatness
flatness_of (int side, int edge, double step)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (picture) photo = picture_new (side, side, false, NULL);
  g_autoptr (picture) painting = picture_new (side, side, false, NULL);
  struct picture_flatness flatness = {NAN, NAN};
  for (int64_t i = 0; i < 3 * (int64_t) side * side; i++) {
    int x = i % side, y = i / side % side;
    photo->rgb[i] = 0.5f + (y < edge ? 0 : (x + y) % 2 ? 0.5f : -0.5f);
    painting->rgb[i] = (float) (y < edge ? x / 8 % 2 * step : 1);
  }
  g_assert_true (picture_flatness (painting, photo, &flatness, &error));
  g_assert_no_error (error);
  return flatness;
}

/* Of 4 x 4 squares, whose columns are lighter by 0.01 from one to the next in the photograph and by 0.1 in turns in the
 * painting: what is less equal counts less. */
static void
test_flatness_weights (void)
{
  enum { SIDE = 32 };
  g_autoptr (GError) error = NULL;
  g_autoptr (picture) photo = picture_new (SIDE, SIDE, false, NULL), painting = picture_new (SIDE, SIDE, false, NULL);
  struct picture_flatness flatness;
  for (int i = 0; i < 3 * SIDE * SIDE; i++) {
    photo->rgb[i] = 0.3f + 0.01f * (i % SIDE / 8);
    painting->rgb[i] = 0.1f * (i % SIDE / 8 % 2);
  }
  g_assert_true (picture_flatness (painting, photo, &flatness, &error));
  const double across = 12 * exp (-1);
  g_assert_cmpfloat_with_epsilon (flatness.calm, 0.1 * sqrt (across / (across + 12)), 1e-5);
  const double one = 48 * exp (-1 / 3.), two = 32 * exp (-4 / 3.), three = 16 * exp (-3); /* columns apart */
  g_assert_cmpfloat_with_epsilon (flatness.alike, 0.1 * sqrt ((one + three) / (24 + one + two + three)), 1e-5);
}

/* By hand: of 4 x 2 flat squares, 6 of 10 pairs of neighbours differ and 16 of all 28. */
static void
test_flatness (void)
{
  struct picture_flatness flatness = flatness_of (32, 16, 0.1);
  g_assert_cmpfloat_with_epsilon (flatness.alike, 0.1 * sqrt (16.0 / 28), 1e-6);
  flatness = flatness_of (32, 32, 0.1); /* 4 x 4: 12 of 24, 64 of 120 */
  g_assert_cmpfloat_with_epsilon (flatness.calm, 0.1 * sqrt (12.0 / 24), 1e-6);
  g_assert_cmpfloat_with_epsilon (flatness.alike, 0.1 * sqrt (64.0 / 120), 1e-6);
  flatness = flatness_of (32, 32, 0);
  g_assert_cmpfloat (flatness.calm, ==, 0);
  g_assert_cmpfloat (flatness.alike, ==, 0);
  flatness = flatness_of (520, 520, 0.1); /* squares of 16 pixels see nothing of columns of 8 */
  g_assert_cmpfloat_with_epsilon (flatness.alike, 0, 1e-6);
  flatness = flatness_of (7, 7, 0.1);
  g_assert_cmpfloat (flatness.calm, ==, 0);
}

static void
test_identities (void)
{
  const int sizes[][2] = {{1, 1}, {1, 2}, {2, 1}, {3, 5}, {10, 10}, {11, 1}, {12, 300}};
  for (size_t i = 0; i < G_N_ELEMENTS (sizes); i++) {
    g_autoptr (picture) a = NULL, b = NULL;
    double same = 0, there = 0, back = 0;
    make_pair (sizes[i][0], sizes[i][1], 0.4, &a, &b);
    g_assert_true (isinf (picture_compare (a, a).psnr));
    g_assert_cmpfloat (picture_compare (a, a).most, ==, 0);
    g_assert_true (picture_ssim (a, a, &same, NULL) && picture_ssim (a, b, &there, NULL) &&
                   picture_ssim (b, a, &back, NULL));
    g_assert_cmpfloat_with_epsilon (same, 1, 1e-12);
    g_assert_cmpfloat_with_epsilon (there, back, 1e-12);
    g_assert_cmpfloat (there, <, 1 - 1e-6);
    g_assert_cmpfloat (there, >=, -1);
    g_assert_cmpfloat (picture_compare (a, b).psnr, ==, picture_compare (b, a).psnr);
    struct palette first = picture_palette (a), second = picture_palette (b);
    g_assert_cmpfloat (palette_distance (&first, &first), ==, 0);
    g_assert_cmpfloat (palette_distance (&first, &second), ==, palette_distance (&second, &first));
  }

  g_autoptr (picture) grey = picture_new (4, 4, false, NULL), lighter = picture_new (4, 4, false, NULL);
  for (int i = 0; i < 48; i++) {
    grey->rgb[i] = 0.25f;
    lighter->rgb[i] = 0.35f; /* a tenth apart: 20 dB; without contrast, SSIM is the first factor alone */
  }
  double ssim = 0;
  g_assert_cmpfloat_with_epsilon (picture_compare (grey, lighter).psnr, 20, 1e-4);
  g_assert_true (picture_ssim (grey, lighter, &ssim, NULL));
  g_assert_cmpfloat_with_epsilon (ssim, (2 * 0.25 * 0.35 + 1e-4) / (0.25 * 0.25 + 0.35 * 0.35 + 1e-4), 1e-5);
}

/* A ramp of a hundredth a pixel, with a step of @jump at x = @at. */
static struct picture *
ramp (int width, int height, int at, double jump)
{
  struct picture *picture = picture_new (width, height, false, NULL);
  for (int i = 0; i < 3 * width * height; i++)
    picture->rgb[i] = 0.01 * (i % width) + (i % width >= at ? jump : 0);
  return picture;
}

static void
test_seams (void)
{
  g_autoptr (picture) smooth = ramp (40, 24, 99, 0), seam = ramp (40, 24, 16, 0.1), other = ramp (40, 24, 15, 0.1);

  struct picture_seams found = picture_seams (smooth, 16, 100);
  g_assert_cmpint (found.lines, ==, 2); /* x = 16 and 32 */
  g_assert_cmpfloat_with_epsilon (found.step, 0.01, 1e-6);
  g_assert_cmpfloat_with_epsilon (found.worst, 0, 1e-6);

  found = picture_seams (seam, 16, 100);
  g_assert_cmpfloat_with_epsilon (found.step, 0.06, 1e-6); /* one line of two */
  g_assert_cmpfloat_with_epsilon (found.beside, 0.01, 1e-6);
  g_assert_cmpfloat_with_epsilon (found.worst, 0.1, 1e-6);
  g_assert_cmpfloat (picture_seams (other, 16, 100).worst, <, 0.001); /* a step that is not at a line */

  found = picture_seams (seam, 16, 10); /* y = 10 and 20 are flat */
  g_assert_cmpint (found.lines, ==, 2 * 3 + 2 * 3);
  g_assert_cmpfloat_with_epsilon (found.worst, 0.1, 1e-6);

  struct picture_distance at_lines = picture_compare_seams (smooth, seam, 16, 100);
  g_assert_cmpfloat_with_epsilon (at_lines.most, 0.1, 1e-6);
  g_assert_cmpfloat_with_epsilon (at_lines.mean, 0.075, 1e-6); /* three of the four columns */

  const int sizes[][2] = {{1, 1}, {2, 1}, {1, 3}, {2, 2}};
  for (size_t i = 0; i < G_N_ELEMENTS (sizes); i++) {
    g_autoptr (picture) tiny = ramp (sizes[i][0], sizes[i][1], 1, 0.5);
    found = picture_seams (tiny, 1, 1);
    g_assert_true (isfinite (found.step) && isfinite (found.worst));
    g_assert_cmpint (picture_seams (tiny, 50, 50).lines, ==, 0);
    g_assert_true (isinf (picture_compare_seams (tiny, tiny, 1, 1).psnr));
  }
}

static void
test_flatten (void)
{
  g_autoptr (picture) picture = picture_new (2, 1, true, NULL);
  picture->rgb[0] = 0.5f;
  picture->alpha[0] = 1;
  picture->rgb[1] = 0.5f;
  picture->alpha[1] = 0.5f;
  picture_flatten (picture);
  g_assert_null (picture->alpha);
  g_assert_cmpfloat (picture->rgb[0], ==, 0.5f);
  g_assert_cmpfloat (picture->rgb[1], ==, 0.75f);
  picture_flatten (picture);
  g_assert_cmpfloat (picture->rgb[1], ==, 0.75f);
}

int
main (int argc, char **argv)
{
  static const struct test tests[] = {TEST (scikit_image), TEST (identities),       TEST (seams),  TEST (mesh),
                                      TEST (flatness),     TEST (flatness_weights), TEST (flatten)};
  return run_tests (argc, argv, tests, G_N_ELEMENTS (tests));
}
