/* SPDX-License-Identifier: Apache-2.0
 *
 * What steers a painting: the language of mixes and regions, masks as shares, and that every control is continuous and
 * exact where it promises to be. MAKE_PACK names the program that writes packs with random weights. */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "compile/plan.h"
#include "effect/control.h"
#include "impasto/error.h"

#define W 48
#define H 36
#define N (W * H)

static char *folder, *pack, *plain;

static char *
in_folder (const char *name)
{
  return g_build_filename (folder, name, NULL);
}

/* A grey picture that is @left in the left half and @right in the other. */
static char *
make_mask (const char *name, int width, int height, double left, double right)
{
  g_autoptr (picture) mask = picture_new (width, height, false, NULL);
  char *path = in_folder (name);
  for (int i = 0; i < 3 * width * height; i++)
    mask->rgb[i] = i % width < width / 2 ? left : right;
  g_assert_true (picture_save (mask, path, NULL, NULL));
  return path;
}

static struct paint_settings
new_settings (const char *style)
{
  struct paint_settings settings = {0};
  option_init (paint_options, &settings);
  settings.style = g_strdup (style);
  settings.precision = PRECISION_F32;
  return settings;
}

static struct picture *
photograph (void)
{
  struct picture *picture = picture_new (W, H, false, NULL);
  for (int c = 0; c < 3; c++)
    for (int i = 0; i < N; i++)
      picture->rgb[c * N + i] = 0.5 + 0.3 * sin (0.2 * (i % W) + c) + 0.19 * cos (0.4 * (i / W) - c);
  return picture;
}

static struct picture *
paint (const struct paint_settings *settings)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (painter) painter = painter_new (settings, &error);
  g_assert_no_error (error);
  struct picture *picture = photograph ();
  g_assert_true (painter_run (painter, picture, NULL, &error));
  g_assert_no_error (error);
  return picture;
}

static double
mean_difference (const struct picture *a, const struct picture *b)
{
  double sum = 0;
  for (int i = 0; i < 3 * N; i++)
    sum += fabs (a->rgb[i] - b->rgb[i]);
  return sum / (3 * N);
}

/* --- The language --- */

static void
test_mixes (void)
{
  static const struct {
    const char *text;
    int n;
    double first;      /* weight of the first */
    const char *style; /* first */
  } good[] = {
    {"a", 1, 1, "a"},
    {"a:0.6", 1, 1, "a"},
    {"a:0.6,b:0.4", 2, 0.6, "a"},
    {"a:3,b:1", 2, 0.75, "a"},
    {"a, b", 2, 0.5, "a"},
    {"a:0,b:2", 2, 0, "a"},
    {"a:1e-1,b:.3", 2, 0.25, "a"},
    {"x.safetensors", 1, 1, "x.safetensors"},
    {"x.safetensors:a", 1, 1, "x.safetensors:a"},
    {"x.safetensors:a:1,b:3", 2, 0.25, "x.safetensors:a"},
    {"x.safetensors:2,b:2", 2, 0.5, "x.safetensors"},
    {"./Smith, J/x.safetensors:a:1,b", 2, 0.5, "./Smith, J/x.safetensors:a"},
    {"of:1/x.safetensors", 1, 1, "of:1/x.safetensors"},
  };
  static const char *const bad[] = {"",   "a:",     "a:-1", "a:nan", "a:inf",   "a:x",
                                    ",",  "a,",     ",a",   "a:0",   "a:0,b:0", "a:1e308,b:1e308",
                                    ":1", "a:0.5:", "a: 1", "a:1x",  NULL};
  for (guint i = 0; i < G_N_ELEMENTS (good); i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (GArray) parts = control_parse_mix ("style", good[i].text, &error);
    g_assert_no_error (error);
    g_assert_cmpint (parts->len, ==, good[i].n);
    g_assert_cmpstr (g_array_index (parts, struct control_part, 0).style, ==, good[i].style);
    g_assert_cmpfloat_with_epsilon (g_array_index (parts, struct control_part, 0).weight, good[i].first, 1e-12);
  }
  for (const char *const *text = bad; *text; text++) {
    g_autoptr (GError) error = NULL;
    g_assert_null (control_parse_mix ("style", *text, &error));
    g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE);
    g_assert_null (strchr (error->message, '\n'));
  }
  g_autoptr (GString) many = g_string_new ("a");
  for (int i = 0; i < CONTROL_PARTS_MAX; i++)
    g_string_append (many, ",a");
  g_assert_null (control_parse_mix ("style", many->str, NULL));
}

static void
test_regions (void)
{
  g_autofree char *mask = make_mask ("half.png", 8, 8, 0, 1), *black = make_mask ("black.png", 8, 8, 0, 0);
  const struct {
    const char *format;
    int code;
    const char *says;
  } bad[] = {
    {"%s", IMPASTO_ERROR_USAGE, "MASK=STYLE"},
    {"%s=", IMPASTO_ERROR_USAGE, "MASK=STYLE"},
    {"", IMPASTO_ERROR_USAGE, "MASK=STYLE"},
    {" ;\n", IMPASTO_ERROR_USAGE, "MASK=STYLE"},
    {"%s=a@3", IMPASTO_ERROR_USAGE, "0..2"},
    {"%s=a:b", IMPASTO_ERROR_USAGE, "number"},
    {"%s.none=a", IMPASTO_ERROR_INPUT, "half.png.none"},
  };
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    g_autoptr (GError) error = NULL;
    struct paint_settings settings = new_settings ("a");
    settings.region = g_strdup_printf (bad[i].format, mask);
    g_assert_null (control_new (&settings, false, &error));
    g_assert_error (error, IMPASTO_ERROR, bad[i].code);
    g_assert_nonnull (strstr (error->message, bad[i].says));
    option_clear (paint_options, &settings);
  }
  g_autoptr (GError) error = NULL;
  struct paint_settings settings = new_settings ("a");
  settings.region = g_strdup_printf ("%s=b", black);
  g_assert_null (control_new (&settings, false, &error));
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT);
  g_assert_nonnull (strstr (error->message, "black.png: the mask is black"));
  g_free (settings.region);
  settings.region = g_strdup_printf ("%s=b:1,c:3@0.5;\n %s = c", mask, mask);
  g_autoptr (control) control = control_new (&settings, false, NULL);
  g_assert_cmpint (control->mixes->len, ==, 3);
  g_assert_cmpfloat (control_mix_at (control, 1)->strength, ==, 0.5);
  g_assert_cmpint (control_mix_at (control, 1)->parts->len, ==, 2);
  g_assert_cmpfloat (control_mix_at (control, 2)->strength, ==, 1);
  g_assert_cmpint (strlen (control_mix_at (control, 2)->sha256), ==, 64);
  g_assert_cmpfloat (control_least_strength (control), ==, 0.5);
  option_clear (paint_options, &settings);
  g_unlink (mask);
  g_unlink (black);
}

/* Shares add up to 1 and lie over one another; soft edges follow the grey; a mask of any size covers the picture. */
static void
test_shares (void)
{
  g_autofree char *half = make_mask ("half.png", 2, 2, 0, 1), *grey = make_mask ("grey.png", 5 * W, 5 * H, 0.6, 0.6);
  struct paint_settings settings = new_settings ("a");
  settings.region = g_strdup_printf ("%s=b;%s=c", half, grey);
  g_autoptr (control) control = control_new (&settings, false, NULL);
  g_assert_true (control_fit (control, W, H, NULL));
  g_autofree float *shares = g_new (float, 3 * N), *part = g_new (float, 3 * 4 * 5);
  control_shares (control, 0, 0, W, H, shares);
  for (int i = 0; i < N; i++) {
    g_assert_cmpfloat_with_epsilon (shares[i] + shares[N + i] + shares[2 * N + i], 1, 1e-5);
    g_assert_cmpfloat_with_epsilon (shares[2 * N + i], 0.6, 0.01);
    if (i % W)
      g_assert_cmpfloat (shares[N + i], >=, shares[N + i - 1] - 1e-6f); /* rises to the right */
  }
  g_assert_cmpfloat (shares[N], ==, 0);
  g_assert_cmpfloat_with_epsilon (shares[N + W - 1], 0.4, 0.01);
  g_assert_cmpfloat_with_epsilon (shares[N + W / 2], 0.2, 0.02);
  control_shares (control, -2, H - 2, 5, 4, part); /* a rectangle that hangs over */
  for (int k = 0; k < 3; k++)
    for (int y = 0; y < 4; y++)
      for (int x = 0; x < 5; x++) {
        int from_x = x < 2 ? 1 - x : x - 2, from_y = y < 2 ? H - 2 + y : H + 1 - y;
        g_assert_cmpfloat_with_epsilon (part[(k * 4 + y) * 5 + x], shares[k * N + from_y * W + from_x], 1e-6);
      }
  option_clear (paint_options, &settings);
  g_unlink (half);
  g_unlink (grey);
}

/* A mask of a print's size says the same with less memory, and its hash is the file's. */
static void
test_large_mask (void)
{
  g_autofree char *large = make_mask ("large.png", 4200, 4100, 0, 1), *bytes = NULL;
  gsize size;
  struct paint_settings settings = new_settings ("a");
  settings.region = g_strdup_printf ("%s=b", large);
  g_autoptr (control) control = control_new (&settings, false, NULL);
  g_autofree float *shares = g_new (float, 2 * N);
  g_assert_true (g_file_get_contents (large, &bytes, &size, NULL));
  g_autofree char *sha256 = g_compute_checksum_for_data (G_CHECKSUM_SHA256, (guchar *) bytes, size);
  g_assert_cmpstr (control_mix_at (control, 1)->sha256, ==, sha256);
  g_assert_cmpuint (control_bytes (control), <, 20 << 20);
  g_assert_true (control_fit (control, W, H, NULL));
  control_shares (control, 0, 0, W, H, shares);
  for (int i = 0; i < N; i++)
    if (ABS (i % W - W / 2) > 2)
      g_assert_cmpfloat_with_epsilon (shares[N + i], i % W >= W / 2, 0.01);
  option_clear (paint_options, &settings);
  g_unlink (large);
}

static void
test_rows (void)
{
  struct style_net net = {.styles = 3, .photograph = true, .brush = true};
  struct paint_settings settings = new_settings ("a:1,b:3");
  settings.strength = 0.8;
  settings.brush = 0.5;
  g_autoptr (control) control = control_new (&settings, false, NULL);
  GArray *parts = control_mix_at (control, 0)->parts;
  float rows[6], expected[6] = {0.6, 0, 0.2, 0.2, 0, 1};
  g_array_index (parts, struct control_part, 0).row = 2;
  g_array_index (parts, struct control_part, 1).row = 0;
  control_rows (control, &net, NULL, rows);
  for (int i = 0; i < 6; i++)
    g_assert_cmpfloat_with_epsilon (rows[i], expected[i], 1e-6);
  net = (struct style_net){.styles = 3};
  control_rows (control, &net, NULL, rows);
  g_assert_cmpfloat_with_epsilon (rows[0], 0.75, 1e-6);
  g_assert_cmpfloat_with_epsilon (rows[2], 0.25, 1e-6);
  option_clear (paint_options, &settings);
}

/* --- Paintings --- */

/* A step of 0.01 of any control moves the mean by less than 3/255, with rows in the pack and without. */
static void
test_continuous (void)
{
  static const double strengths[] = {0, 0.24, 0.49, 0.5, 0.99, 1.5}, brushes[] = {0.5, 0.7, 0.99, 1, 1.41, 1.6, 1.99},
                      weights[] = {0, 0.5, 0.98};
  const char *const packs[] = {pack, plain};
  for (int k = 0; k < 2; k++) {
    g_autofree char *style = g_strconcat (packs[k], ":alpha", NULL);
    struct paint_settings settings = new_settings (style);
    for (guint i = 0; i < G_N_ELEMENTS (strengths); i++) {
      settings.strength = strengths[i];
      g_autoptr (picture) before = paint (&settings);
      settings.strength += 0.01;
      g_autoptr (picture) after = paint (&settings);
      g_assert_cmpfloat (mean_difference (before, after), <, 3 / 255.0);
    }
    settings.strength = 1;
    for (guint i = 0; i < G_N_ELEMENTS (brushes); i++) {
      settings.brush = brushes[i];
      g_autoptr (picture) before = paint (&settings);
      settings.brush += 0.01;
      g_autoptr (picture) after = paint (&settings);
      g_assert_cmpfloat (mean_difference (before, after), <, 3 / 255.0);
    }
    settings.brush = 1;
    for (guint i = 0; i < G_N_ELEMENTS (weights); i++) {
      g_autoptr (picture) before = NULL, after = NULL;
      for (int step = 0; step < 2; step++) {
        double w = weights[i] + 0.01 * step;
        g_free (settings.style);
        settings.style = g_strdup_printf ("%s:alpha:%g,beta:%g", packs[k], w, 1 - w);
        *(step ? &after : &before) = paint (&settings);
      }
      g_assert_cmpfloat (mean_difference (before, after), <, 3 / 255.0);
    }
    option_clear (paint_options, &settings);
  }
}

/* The controls do something, and the mix lies between its parents. */
static void
test_effect (void)
{
  const char *const packs[] = {pack, plain};
  for (int k = 0; k < 2; k++) {
    struct picture *pictures[6];
    static const struct {
      const char *style;
      double strength, brush;
    } cases[] = {{"alpha", 1, 1}, {"beta", 1, 1},  {"alpha:1,beta", 1, 1},
                 {"alpha", 2, 1}, {"alpha", 1, 2}, {"alpha", 1, 0.5}};
    for (int i = 0; i < 6; i++) {
      g_autofree char *style = g_strdup_printf ("%s:%s", packs[k], cases[i].style);
      struct paint_settings settings = new_settings (style);
      settings.strength = cases[i].strength;
      settings.brush = cases[i].brush;
      pictures[i] = paint (&settings);
      option_clear (paint_options, &settings);
    }
    double between = mean_difference (pictures[0], pictures[1]);
    g_assert_cmpfloat (mean_difference (pictures[0], pictures[2]), <, between);
    g_assert_cmpfloat (mean_difference (pictures[1], pictures[2]), <, between);
    for (int i = 3; i < 6; i++)
      g_assert_cmpfloat (mean_difference (pictures[0], pictures[i]), >, 0.002);
    for (int i = 0; i < 6; i++)
      picture_free (pictures[i]);
  }
}

/* A part of the grain is a mix of the paintings without and with it, with any brush. */
static void
test_grain (void)
{
  static const double grains[] = {0, 1, 0.25}, brushes[] = {1, 1.5};
  g_autofree char *style = g_strconcat (plain, ":alpha", NULL);
  for (guint k = 0; k < G_N_ELEMENTS (brushes); k++) {
    struct picture *pictures[3];
    for (int i = 0; i < 3; i++) {
      struct paint_settings settings = new_settings (style);
      settings.grain = grains[i];
      settings.brush = brushes[k];
      pictures[i] = paint (&settings);
      option_clear (paint_options, &settings);
    }
    g_assert_cmpfloat (mean_difference (pictures[0], pictures[1]), >, 1e-4);
    for (int i = 0; i < 3 * N; i++)
      g_assert_cmpfloat_with_epsilon (pictures[2]->rgb[i], 0.75f * pictures[0]->rgb[i] + 0.25f * pictures[1]->rgb[i],
                                      1e-4);
    for (int i = 0; i < 3; i++)
      picture_free (pictures[i]);
  }
}

/* Strength 0 is the photograph, to the bit: everywhere, and in a region alone, whatever else is set. */
static void
test_nothing (void)
{
  g_autofree char *mask = make_mask ("right.png", W, H, 0, 1);
  const char *const packs[] = {pack, plain};
  g_autoptr (picture) photo = photograph ();
  for (int k = 0; k < 2; k++) {
    struct paint_settings settings = {0};
    g_autofree char *style = g_strconcat (packs[k], ":alpha", NULL);
    settings = new_settings (style);
    settings.strength = 0;
    settings.brush = 1.5;
    settings.keep_colors = 2;
    g_autoptr (picture) whole = paint (&settings);
    g_assert_cmpmem (whole->rgb, sizeof (float) * 3 * N, photo->rgb, sizeof (float) * 3 * N);
    settings.strength = 1;
    settings.keep_colors = 0;
    settings.region = g_strdup_printf ("%s=beta@0", mask);
    g_autoptr (picture) part = paint (&settings);
    double left = 0;
    for (int i = 0; i < 3 * N; i++)
      if (i % W >= W / 2)
        g_assert_cmpfloat (part->rgb[i], ==, photo->rgb[i]);
      else
        left += fabs (part->rgb[i] - photo->rgb[i]);
    g_assert_cmpfloat (left / (3 * N / 2), >, 0.01);
    option_clear (paint_options, &settings);
  }
  g_unlink (mask);
}

/* A region that is white all over is the painting of its style; what a region does not cover stays closer to the main
 * one: the statistics of normalisation are of the whole picture. */
static void
test_white_region (void)
{
  g_autofree char *white = make_mask ("white.png", 3, 3, 1, 1), *mask = make_mask ("right.png", W, H, 0, 1);
  g_autofree char *alpha = g_strconcat (pack, ":alpha", NULL), *beta = g_strconcat (pack, ":beta", NULL);
  struct paint_settings of_alpha = new_settings (alpha), of_beta = new_settings (beta), region = new_settings (alpha);
  region.region = g_strdup_printf ("%s=beta", white);
  g_autoptr (picture) a = paint (&of_alpha), b = paint (&of_beta), all = paint (&region);
  g_assert_cmpfloat (mean_difference (b, all), <, 1e-4);
  g_free (region.region);
  region.region = g_strdup_printf ("%s=beta", mask);
  g_autoptr (picture) half = paint (&region);
  double left_a = 0, left_b = 0, right_a = 0, right_b = 0;
  for (int i = 0; i < 3 * N; i++) {
    double *to_a = i % W < W / 2 ? &left_a : &right_a, *to_b = i % W < W / 2 ? &left_b : &right_b;
    *to_a += fabs (half->rgb[i] - a->rgb[i]);
    *to_b += fabs (half->rgb[i] - b->rgb[i]);
  }
  g_assert_cmpfloat (left_a, <, 0.7 * left_b);
  g_assert_cmpfloat (right_b, <, 0.7 * right_a);
  option_clear (paint_options, &of_alpha);
  option_clear (paint_options, &of_beta);
  option_clear (paint_options, &region);
  g_unlink (white);
  g_unlink (mask);
}

static void
test_two_packs (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *style = g_strdup_printf ("%s:alpha,%s:alpha", pack, plain);
  struct paint_settings settings = new_settings (style);
  g_assert_null (painter_new (&settings, &error));
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE);
  g_assert_nonnull (strstr (error->message, "two packs"));
  option_clear (paint_options, &settings);
}

static bool
stop (double share, const char *what, void *data)
{
  ++*(int *) data;
  return false;
}

static void
test_cancel (void)
{
  int calls = 0;
  g_autoptr (GError) error = NULL;
  g_autofree char *style = g_strconcat (pack, ":alpha", NULL);
  struct paint_settings settings = new_settings (style);
  g_autoptr (painter) painter = painter_new (&settings, &error);
  g_autoptr (picture) picture = photograph ();
  g_assert_false (painter_run (painter, picture, &(struct paint_job){stop, &calls}, &error));
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_CANCELLED);
  g_assert_cmpint (calls, ==, 1);
  option_clear (paint_options, &settings);
}

static char *
make_pack (const char *name, const char *setting)
{
  g_autoptr (GError) error = NULL;
  int status = -1;
  char *path = in_folder (name);
  const char *command[] = {g_getenv ("MAKE_PACK"), path, setting, "brush=no", "alpha", "beta", NULL};
  if (strstr (setting, "yes"))
    command[3] = "brush=yes";
  g_assert_true (
    g_spawn_sync (NULL, (char **) command, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL, NULL, &status, &error));
  g_assert_cmpint (status, ==, 0);
  return path;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("impasto-XXXXXX", &error);
  g_assert_no_error (error);
  pack = make_pack ("rows.safetensors", "photograph=yes");
  plain = make_pack ("plain.safetensors", "photograph=no");
  g_test_add_func ("/control/mixes", test_mixes);
  g_test_add_func ("/control/regions", test_regions);
  g_test_add_func ("/control/shares", test_shares);
  g_test_add_func ("/control/large-mask", test_large_mask);
  g_test_add_func ("/control/rows", test_rows);
  g_test_add_func ("/control/continuous", test_continuous);
  g_test_add_func ("/control/effect", test_effect);
  g_test_add_func ("/control/nothing", test_nothing);
  g_test_add_func ("/control/grain", test_grain);
  g_test_add_func ("/control/white-region", test_white_region);
  g_test_add_func ("/control/two-packs", test_two_packs);
  g_test_add_func ("/control/cancel", test_cancel);
  int result = g_test_run ();
  g_unlink (pack);
  g_unlink (plain);
  g_rmdir (folder);
  g_free (pack);
  g_free (plain);
  g_free (folder);
  return result;
}
