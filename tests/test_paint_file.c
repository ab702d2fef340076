/* SPDX-License-Identifier: Apache-2.0
 *
 * From file to file without holding the picture: the result is the one that is painted in memory. */
#include <glib/gstdio.h>
#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "effect/canvas.h"
#include "effect/colors.h"
#include "effect/paint_internal.h"
#include "image/vips.h"
#include "image_fixture.h"
#include "net/pack.h"
#include "process.h"

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
  guint before = count_files (folder);
  if (!painter_run_file (plenty, photo, held, NULL, NULL, &error) ||
      !painter_run_file (tight, photo, streamed, NULL, NULL, &error))
    g_error ("%s", error->message);
  g_assert_cmpuint (count_files (folder), ==, before + 2);

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

/* Paints a cut-out whose right part nobody sees and is @hidden there, in rows or not. */
static struct picture *
paint_cut_out (const char *pack, float hidden, bool rows)
{
  enum { W = 900, H = 300, CUT = 500 };
  g_autoptr (GError) error = NULL;
  g_autofree char *photo = file ("cut.tif"), *painting = file ("cut-painted.tif");
  g_autoptr (picture) picture = make_picture (W, H, true, 16);
  struct setting none = {NULL};
  for (int64_t i = 0; i < (int64_t) W * H; i++) {
    picture->alpha[i] = i % W < CUT;
    for (int c = 0; c < 3; c++)
      picture->rgb[c * W * H + i] = i % W < CUT ? 0.5f + 0.4f * sinf (i % W * 0.2f + c) : hidden;
  }
  g_assert_true (picture_save (picture, photo, NULL, &error));
  g_autofree char *memory = rows ? least_memory (pack, &none, photo) : g_strdup ("100G");
  g_autoptr (painter) painter = make_painter (pack, &none, memory);
  struct paint_forecast forecast;
  g_assert_true (painter_prepare_file (painter, photo, NULL, &forecast, &error));
  g_assert_cmpint (forecast.streams, ==, rows);
  g_assert_true (painter_run_file (painter, photo, painting, NULL, NULL, &error));
  struct picture *result = load (painting);
  g_assert_cmpint (g_remove (painting), ==, 0);
  return result;
}

/* What is under a transparent place does not matter to the rest. */
static void
test_hidden (void)
{
  g_autofree char *pack = make_pack (false);
  g_autoptr (picture) first = paint_cut_out (pack, 0, false);
  for (int i = 0; i < 3; i++) {
    g_autoptr (picture) other = paint_cut_out (pack, i % 2, i > 0);
    int64_t n = (int64_t) first->width * first->height;
    double worst = 0;
    for (int64_t k = 0; k < 3 * n; k++)
      if (first->alpha[k % n] > 0)
        worst = fmax (worst, fabs ((double) first->rgb[k] - other->rgb[k]));
    g_assert_cmpfloat (worst, <, i ? 1e-3 : 1e-4);
  }
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

/* A brush that the network does not know, a part of the grain: one painting, or a mix of two. */
static void
test_brush (void)
{
  compare ((struct setting[]){{"brush", "2"}, {"size", "1500"}, {NULL}}, true);
  compare ((struct setting[]){{"brush", "1.7"}, {"size", "1300"}, {NULL}}, false);
  compare ((struct setting[]){{"grain", "0.4"}, {"size", "1100"}, {NULL}}, false);
  compare ((struct setting[]){{"brush", "0.9"}, {"size", "1100"}, {"keep-colors", "palette"}, {NULL}}, true);
}

static char *
memory_of (uint64_t bytes)
{
  return g_strdup_printf ("%" G_GUINT64_FORMAT "M", (bytes + (1 << 20) - 1) >> 20);
}

/* Whole MiB that a forecast is of, rounded up, do as a limit. */
static void
test_forecast_as_limit (void)
{
  static const char *const sizes[] = {"0", "90", "500", "1024", "1100", "2000"};
  g_autofree char *pack = make_pack (true), *photo = make_photo (1400, 460);
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    struct setting settings[] = {{"size", sizes[i]}, {NULL}};
    struct paint_forecast forecast;
    g_autoptr (painter) plenty = make_painter (pack, settings, "100G");
    g_assert_true (painter_prepare_file (plenty, photo, NULL, &forecast, NULL));
    g_autofree char *memory = memory_of (forecast.bytes);
    g_autoptr (painter) tight = make_painter (pack, settings, memory);
    g_assert_true (painter_prepare_file (tight, photo, NULL, &forecast, NULL));
    g_assert_false (forecast.streams);
  }
}

/* The size that is advised, or 0. */
static int
advised (const char *message)
{
  const char *size = strstr (message, "shrink it with --size ");
  return size ? atoi (size + strlen ("shrink it with --size ")) : 0;
}

/* A size that is advised under a limit is accepted under it; what is said of the least size is so, too. */
static void
test_advice (void)
{
  static const struct setting settings[][2] = {{{NULL}}, {{"brush", "1.7"}, {NULL}}};
  g_autofree char *pack = make_pack (false), *photo = make_photo (1400, 460);
  int sizes = 0;
  for (int k = 0; k < 2; k++) {
    g_autofree char *most = least_memory (pack, settings[k], photo);
    const uint64_t bytes = g_ascii_strtoull (most, NULL, 10);
    for (uint64_t less = 1; less < 30; less += 14) {
      g_autofree char *memory = memory_of (bytes - (less << 20));
      g_autoptr (painter) tight = make_painter (pack, settings[k], memory);
      g_autoptr (GError) error = NULL;
      struct paint_forecast forecast;
      if (painter_prepare_file (tight, photo, NULL, &forecast, &error))
        continue;
      g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY);
      const int size = advised (error->message);
      if (!size) {
        g_assert_nonnull (strstr (error->message, "; even --size 64 takes some "));
        continue;
      }
      g_autofree char *text = g_strdup_printf ("%d", size);
      const struct setting again[] = {{"size", text}, settings[k][0], {NULL}};
      g_autoptr (painter) smaller = make_painter (pack, again, memory);
      g_test_message ("%s: %s", memory, error->message);
      g_assert_cmpint (size, >=, 64);
      g_assert_cmpint (size, <, 1400);
      g_assert_true (painter_prepare_file (smaller, photo, NULL, &forecast, NULL));
      g_assert_cmpint (forecast.bytes, <=, forecast.limit);
      sizes++;
    }
  }
  g_assert_cmpint (sizes, >, 1);
}

/* A picture of noise. */
static VipsImage *
make_noise (int width, int height)
{
  g_autoptr (vips_image) noise = NULL, grey = NULL;
  VipsImage *rgb = NULL;
  g_assert_cmpint (vips_gaussnoise (&noise, width, height, "mean", 128.0, NULL), ==, 0);
  g_assert_cmpint (vips_cast (noise, &grey, VIPS_FORMAT_UCHAR, NULL), ==, 0);
  VipsImage *three[] = {grey, grey, grey};
  g_assert_cmpint (vips_bandjoin (three, &rgb, 3, NULL), ==, 0);
  return rgb;
}

static char *
make_jpeg (int width, int height, bool progressive)
{
  char *path = file (progressive ? "progressive.jpg" : "baseline.jpg");
  g_autoptr (vips_image) rgb = make_noise (width, height);
  g_assert_cmpint (vips_jpegsave (rgb, path, "interlace", progressive, "Q", 95, NULL), ==, 0);
  return path;
}

/* What is taken while @photo is painted, at the peak; *@reset: whether that could be measured. */
static uint64_t
taken_by (struct painter *painter, const char *photo, bool *reset)
{
  g_autofree char *output = file ("small.png");
  malloc_trim (0);
  FILE *clear = fopen ("/proc/self/clear_refs", "we");
  *reset = clear && fputs ("5", clear) >= 0;
  if (clear)
    fclose (clear);
  const uint64_t before = process_bytes ("VmRSS:");
  g_assert_true (painter_run_file (painter, photo, output, NULL, NULL, NULL));
  const uint64_t peak = process_bytes ("VmHWM:");
  return peak > before ? peak - before : 0;
}

/* A photograph is read, scaled and saved in as little memory as is said to do: no more is taken than that, apart from
 * the program; nor much less. Returns the forecast. */
static uint64_t
check_taken (const char *pack, const char *photo)
{
  enum { SLACK = 2 << 20 };
  const struct setting settings[] = {{"size", "150"}, {"strength", "0"}, {NULL}};
  g_autofree char *memory = least_memory (pack, settings, photo);
  g_autoptr (painter) tight = make_painter (pack, settings, memory);
  const uint64_t forecast = g_ascii_strtoull (memory, NULL, 10);
  const uint64_t wanted = forecast - PAINT_BASE_BYTES + PAINT_CODE_BYTES;
  bool reset;
  const uint64_t taken = taken_by (tight, photo, &reset);
  g_test_message ("%s: forecast %.1f MiB beside the program, taken %.1f", photo, wanted / PAINT_MIB, taken / PAINT_MIB);
  if (reset && PROCESS_COUNTS_MEMORY) {
    g_assert_cmpint (taken, <=, wanted + SLACK);
    g_assert_cmpint (taken, >=, 0.4 * wanted); /* of AVIF it depends on threads */
  }
  return forecast;
}

/* A large photograph becomes a small one. */
static void
test_shrunk (void)
{
  enum { WIDTH = 5000, HEIGHT = 1000 };
  g_autofree char *pack = make_pack (true), *baseline = make_jpeg (WIDTH, HEIGHT, false),
                  *progressive = make_jpeg (WIDTH, HEIGHT, true);
  const uint64_t forecast = check_taken (pack, baseline);
  g_assert_cmpint (check_taken (pack, progressive) - forecast, ==, 6 * WIDTH * HEIGHT); /* of coefficients */
}

/* Strips and tiles of TIFF, which libtiff reads as a whole: one compressed strip; one that libvips cannot read line by
 * line; tiles, two rows of which are kept. */
static void
test_tiff_parts (void)
{
  enum { WIDTH = 3000, HEIGHT = 3000, SIDE = 1024 };
  g_autofree char *pack = make_pack (true), *path = file ("parts.tif");
  g_autoptr (vips_image) rgb = make_noise (WIDTH, HEIGHT);
  g_assert_cmpint (vips_tiffsave (rgb, path, "compression", VIPS_FOREIGN_TIFF_COMPRESSION_NONE, NULL), ==, 0);
  const int64_t lines = check_taken (pack, path);
  g_assert_cmpint (
    vips_tiffsave (rgb, path, "compression", VIPS_FOREIGN_TIFF_COMPRESSION_LZW, "tile_height", HEIGHT, NULL), ==, 0);
  g_autofree char *bytes = NULL;
  gsize size;
  g_assert_true (g_file_get_contents (path, &bytes, &size, NULL));
  g_assert_cmpint (size, >, 11 << 20); /* read in steps of 1, 10 and 100 MiB: 11 MiB are copied */
  g_assert_cmpint (size + (11 << 20) - ((int64_t) check_taken (pack, path) - lines), <, 4096);
  g_assert_cmpint (
    vips_tiffsave (rgb, path, "compression", VIPS_FOREIGN_TIFF_COMPRESSION_JPEG, "Q", 50, "tile_height", HEIGHT, NULL),
    ==, 0);
  g_assert_cmpint (check_taken (pack, path) - lines, >=, 2 * 3 * WIDTH * HEIGHT);
  g_assert_cmpint (vips_tiffsave (rgb, path, "bigtiff", TRUE, "compression", VIPS_FOREIGN_TIFF_COMPRESSION_DEFLATE,
                                  "tile", TRUE, "tile_width", SIDE, "tile_height", SIDE, NULL),
                   ==, 0);
  g_assert_cmpint (check_taken (pack, path) - lines, >=, 2 * 3 * WIDTH * SIDE);
}

/* The more, the finer chroma is. */
static void
test_avif (void)
{
  enum { WIDTH = 2400, HEIGHT = 1600 };
  static const VipsForeignSubsample subsample[] = {VIPS_FOREIGN_SUBSAMPLE_ON, VIPS_FOREIGN_SUBSAMPLE_OFF};
  int64_t forecasts[2];
  if (!image_start (true, "", NULL)) {
    g_test_skip ("libvips has no HEIF module");
    return;
  }
  g_autofree char *pack = make_pack (true), *path = file ("photo.avif");
  g_autoptr (vips_image) noise = make_noise (WIDTH, HEIGHT), rgb = NULL;
  g_assert_cmpint (vips_gaussblur (noise, &rgb, 4, NULL), ==, 0); /* quicker to encode */
  for (int i = 0; i < 2; i++) {
    g_assert_cmpint (vips_heifsave (rgb, path, "compression", VIPS_FOREIGN_HEIF_COMPRESSION_AV1, "effort", 0,
                                    "subsample_mode", subsample[i], NULL),
                     ==, 0);
    forecasts[i] = check_taken (pack, path);
  }
  g_assert_cmpint (forecasts[1] - forecasts[0], >=, 4 * WIDTH * HEIGHT);
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
  guint before = count_files (folder);
  g_assert_false (painter_run_file (painter, photo, output, NULL, &job, &error));
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_CANCELLED);
  g_assert_cmpuint (count_files (folder), ==, before);
}

/* What is more than 2^28 pixels goes from file to file whatever the memory, up to 2^30, read or painted. */
static void
test_megapixels (void)
{
  static const struct setting plain[] = {{NULL}}, enlarged[] = {{"size", "40000"}, {NULL}};
  static const struct {
    int width, height;
    const struct setting *settings;
    int code;            /* 0: is painted */
    const char *problem; /* or whether it streams */
  } cases[] = {
    {20000, 20000, plain, 0, "streams"},
    {100, 4000, plain, 0, NULL},
    {33200, 33200, plain, IMPASTO_ERROR_INPUT, "1102.2 megapixels"},
    {300, 400, enlarged, IMPASTO_ERROR_USAGE, "1200 megapixels"},
  };
  g_autofree char *pack = make_pack (true), *photo = file ("large.png"), *output = file ("painted.tif");
  for (size_t i = 0; i < G_N_ELEMENTS (cases); i++) {
    struct paint_forecast forecast;
    g_autoptr (GError) error = NULL;
    struct painter *painter = make_painter (pack, cases[i].settings, "64G");
    write_bomb (photo, cases[i].width, cases[i].height);
    bool ready = painter_prepare_file (painter, photo, output, &forecast, &error);
    painter_free (painter);
    if (cases[i].code) {
      check_error (error, cases[i].code, cases[i].problem);
      continue;
    }
    g_assert_no_error (error);
    g_assert_true (ready && forecast.streams == (cases[i].problem != NULL));
  }
}

static const struct test tests[] = {
  TEST (hidden),     TEST (plain),   TEST (around),     TEST (photograph),        TEST (palette),
  TEST (brush),      TEST (stopped), TEST (advice),     TEST (forecast_as_limit), TEST (shrunk),
  TEST (tiff_parts), TEST (avif),    TEST (megapixels),
};

int
main (int argc, char **argv)
{
  return run_tests (argc, argv, tests, G_N_ELEMENTS (tests));
}
