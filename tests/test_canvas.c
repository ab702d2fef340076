/* SPDX-License-Identifier: Apache-2.0
 *
 * Pictures of any size: tiles against the whole, the torus, octaves, the limit of memory. What is tested holds for any
 * network. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "canvas_fixture.h"
#include "effect/stylize.h"
#include "image/pixels.h"
#include "impasto/error.h"
#include "process.h"

/* Of twice the width: what it takes counts beside what the process takes anyway, and what its seams look like is
 * known. */
static const struct style_net wide_net = {
  .styles = 2,
  .photograph = true,
  .width = 8,
  .inner = 12,
  .residuals = 2,
  .ends = 5,
  .upsampling = UPSAMPLING_BILINEAR,
};

static double
mean_difference (const struct picture *a, const struct picture *b)
{
  double sum = 0;
  int64_t n = 3 * (int64_t) a->width * a->height;
  for (int64_t i = 0; i < n; i++)
    sum += fabs (a->rgb[i] - b->rgb[i]);
  return sum / n;
}

/* --- The network --- */

/* How far from a pixel of the photograph its painting changes, with given statistics. */
static int
measured_reach (const struct style_net *net)
{
  enum { SIDE = 192 };
  g_autoptr (pack) pack = canvas_pack (net);
  g_autoptr (graph) graph = graph_new ();
  struct style_statistics statistics = {.given = true};
  int64_t channels[STYLE_NORMS_MAX];
  int norms = style_net_norms (net, channels), far = 0;
  sym photo = graph_input (graph, "photo", SHAPE (1, 3, SIDE, SIDE));
  sym rows = graph_input (graph, "rows", SHAPE (1, style_net_rows (net)));
  for (int i = 0; i < norms; i++) {
    g_autoptr (tensor) moments = tensor_new (SHAPE (1, 2 * channels[i], 1, 1), DTYPE_F32, NULL);
    for (int64_t j = channels[i]; j < 2 * channels[i]; j++)
      tensor_floats (moments)[j] = 1;
    statistics.moments[i] = graph_constant (graph, moments);
  }
  graph_output (graph, "painting",
                style_net (photo, (struct style_control){.rows = rows, .statistics = &statistics}, net));
  g_autoptr (GError) error = NULL;
  g_autoptr (plan) plan =
    plan_compile (graph, pack->weights, &(struct plan_options){.precision = PRECISION_F32}, &error);
  g_assert_no_error (error);
  float *in = tensor_floats (plan_input (plan, "photo")), *out = tensor_floats (plan_output (plan, "painting"));
  struct tensor *row = plan_input (plan, "rows"); /* not all have a use for it */
  if (row)
    tensor_floats (row)[0] = 1;
  g_autofree float *before = g_new (float, SIDE *SIDE);
  for (int phase = 0; phase < 4; phase++) {
    int at = SIDE / 2 + phase;
    for (int i = 0; i < 3 * SIDE * SIDE; i++)
      in[i] = 0.5f;
    plan_run (plan, 1, 0);
    memcpy (before, out, SIDE * SIDE * sizeof (float));
    for (int c = 0; c < 3; c++)
      in[(c * SIDE + at) * SIDE + at] = 1e4f;
    plan_run (plan, 1, 0);
    for (int y = 0; y < SIDE; y++)
      for (int x = 0; x < SIDE; x++)
        if (fabsf (out[y * SIDE + x] - before[y * SIDE + x]) > 1e-6f)
          far = MAX (far, MAX (ABS (x - at), ABS (y - at)));
  }
  return far;
}

static void
test_reach (void)
{
  static const struct style_net nets[] = {
    {.styles = 1, .width = 4, .inner = 4, .residuals = 0, .ends = 5, .upsampling = UPSAMPLING_BILINEAR},
    {.styles = 1, .width = 4, .inner = 4, .residuals = 2, .ends = 9, .upsampling = UPSAMPLING_BILINEAR},
    {.styles = 1, .width = 4, .inner = 4, .residuals = 1, .ends = 3, .upsampling = UPSAMPLING_NEAREST},
    {.styles = 1, .width = 4, .inner = 4, .residuals = 1, .ends = 7, .upsampling = UPSAMPLING_TRANSPOSED},
    {.styles = 1, .width = 4, .layers = STYLE_PAINTER_GAN},
    {.styles = 1, .width = 4, .layers = STYLE_ANIME},
  };
  for (size_t i = 0; i < G_N_ELEMENTS (nets); i++) {
    int reach = style_net_reach (&nets[i]), measured = measured_reach (&nets[i]);
    g_test_message ("network %d: reach %d, measured %d", (int) i, reach, measured);
    g_assert_cmpint (reach % 4, ==, 0);
    g_assert_cmpint (measured, <=, reach);
    g_assert_cmpint (measured, >, reach - 8); /* and no more than needed, weights that cancel aside */
  }
}

/* --- Small pictures --- */

static void
test_small (void)
{
  g_autoptr (pack) pack = canvas_pack (&canvas_net_small);
  g_autoptr (picture) photo = canvas_photo (117, 90);
  struct painting painting = {0};
  g_autoptr (picture) found = canvas_paint_photo (pack, photo, &painting);

  /* As the network would by itself, with the mirrored margin. */
  enum { M = STYLIZE_MARGIN };
  int w = (117 + 2 * M + 3) / 4 * 4, h = (90 + 2 * M + 3) / 4 * 4;
  g_autoptr (graph) graph = graph_new ();
  sym input = graph_input (graph, "photo", SHAPE (1, 3, h, w)), rows = graph_input (graph, "rows", SHAPE (1, ROWS));
  graph_output (graph, "painting", style_net (input, (struct style_control){.rows = rows}, &canvas_net_small));
  g_autoptr (plan) plan = plan_compile (graph, pack->weights, &(struct plan_options){0}, NULL);
  float *in = tensor_floats (plan_input (plan, "photo")), *out = tensor_floats (plan_output (plan, "painting"));
  tensor_floats (plan_input (plan, "rows"))[0] = 1;
  for (int c = 0; c < 3; c++)
    for (int y = 0; y < h; y++)
      for (int x = 0; x < w; x++) {
        int from_x = x - M < 0 ? M - 1 - x : x - M >= 117 ? 2 * 117 - 1 - (x - M) : x - M;
        int from_y = y - M < 0 ? M - 1 - y : y - M >= 90 ? 2 * 90 - 1 - (y - M) : y - M;
        in[(c * h + y) * w + x] = photo->rgb[(c * 90 + from_y) * 117 + from_x];
      }
  plan_run (plan, 0, 0);
  double most = 0;
  for (int c = 0; c < 3; c++)
    for (int y = 0; y < 90; y++)
      for (int x = 0; x < 117; x++)
        most = fmax (most, fabs (found->rgb[(c * 90 + y) * 117 + x] - out[(c * h + y + M) * w + x + M]));
  g_assert_cmpfloat (most, <, 1e-5);
}

static void
test_tiny (void)
{
  static const int sizes[][2] = {{1, 1}, {1, 2},    {2, 2},    {3, 3},    {1, 70},  {70, 1},
                                 {2, 3}, {1, 1500}, {1500, 1}, {1501, 7}, {9, 1300}};
  static const double brushes[] = {1, 2, 0.5};
  g_autoptr (pack) pack = canvas_pack (&canvas_net_small);
  for (size_t i = 0; i < G_N_ELEMENTS (sizes); i++)
    for (int k = 0; k < 4 * (int) G_N_ELEMENTS (brushes); k++) {
      g_autoptr (picture) photo = canvas_photo (sizes[i][0], sizes[i][1]);
      struct painting painting = {
        .settings = {.strokes = k & 1, .wrap = k & 2}, .halves = i % 2, .brush = brushes[k / 4]};
      g_autoptr (picture) found = canvas_paint_photo (pack, photo, &painting);
      g_assert_cmpint (found->width, ==, sizes[i][0]);
      g_assert_true (isfinite (canvas_worst (found, photo)));
    }
}

/* By how much a picture must be larger for a brush: a fine one in a picture that is smaller than its strokes want. */
static void
test_brush (void)
{
  static const struct {
    int strokes, width, height;
    double brush, larger;
  } cases[] = {
    {STROKES_PREVIEW, 800, 600, 1, 1},     {STROKES_PREVIEW, 800, 600, 2, 1},
    {STROKES_PREVIEW, 800, 600, 0.5, 2},   {STROKES_PREVIEW, 600, 1536, 0.5, 4. / 3},
    {STROKES_PREVIEW, 4000, 3000, 0.5, 1}, {STROKES_PIXELS, 4000, 3000, 0.5, 2},
    {STROKES_PIXELS, 4000, 3000, 2, 1},
  };
  g_autoptr (pack) pack = canvas_pack (&canvas_net_small);
  struct canvas_net net = stylize_net (pack);
  for (size_t i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (canvas) canvas = canvas_new (&net, &(struct canvas_settings){.strokes = cases[i].strokes});
    g_assert_cmpfloat_with_epsilon (canvas_set_brush (canvas, cases[i].width, cases[i].height, cases[i].brush, true),
                                    cases[i].larger, 1e-9);
  }
}

/* --- Painters of other layers --- */

/* Without statistics tiles are what the whole is, but where it ends; and its regions, of one style, are that, too. */
static void
test_layers (void)
{
  enum { W = 1100, H = 40, FROM = 16 };
  for (int layers = STYLE_PAINTER_GAN; layers <= STYLE_ANIME; layers++) {
    struct style_net net = {.styles = 1, .width = 4, .layers = layers};
    g_autoptr (GError) error = NULL;
    g_autoptr (pack) pack = canvas_pack (&net);
    g_autoptr (picture) photo = canvas_photo (W, H);
    struct painting painting = {.settings = {.strokes = STROKES_PIXELS, .precision = PRECISION_F32}}, halves = painting;
    halves.halves = true;
    g_autoptr (picture) found = canvas_paint_photo (pack, photo, &painting),
                        regions = canvas_paint_photo (pack, photo, &halves);
    g_autoptr (graph) graph = graph_new ();
    sym input = graph_input (graph, "photo", SHAPE (1, 3, H, W));
    graph_output (graph, "painting", style_net (input, (struct style_control){0}, &net));
    struct plan_options options = {.precision = PRECISION_F32};
    g_autoptr (plan) plan = plan_compile (graph, pack->weights, &options, &error);
    g_assert_no_error (error);
    memcpy (plan_input (plan, "photo")->data, photo->rgb, 3 * H * W * sizeof (float));
    plan_run (plan, 0, 0);
    const float *out = tensor_floats (plan_output (plan, "painting"));
    double most = 0;
    for (int c = 0; c < 3; c++)
      for (int y = FROM; y < H - FROM; y++)
        for (int x = FROM; x < W - FROM; x++)
          most = fmax (most, fabs (found->rgb[(c * H + y) * W + x] - out[(c * H + y) * W + x]));
    g_assert_cmpfloat (most, <, 1e-5);
    g_assert_cmpfloat (canvas_worst (found, regions), <, 1e-5);
    struct painting torus = {.settings = {.strokes = STROKES_PIXELS, .wrap = true, .precision = PRECISION_F32}};
    g_autoptr (picture) seamless = canvas_paint_photo (pack, photo, &torus);
    g_assert_true (isfinite (canvas_worst (seamless, photo)));
  }
}

/* --- Tiles --- */

static void
test_tiles (void)
{
  static const struct {
    int width, height;
    bool halves, wrap;
    int strokes;
    double brush;
  } cases[] = {
    {1101, 303, false, false, STROKES_PIXELS},       {1030, 332, true, false, STROKES_PIXELS},
    {261, 1155, true, false, STROKES_PREVIEW},       {1100, 312, false, true, STROKES_PIXELS},
    {1033, 307, true, true, STROKES_PIXELS},         {1101, 303, false, true, STROKES_PREVIEW},
    {350, 1300, false, false, STROKES_PREVIEW},      {603, 405, true, false, STROKES_PREVIEW, 2},
    {1301, 143, true, false, STROKES_PREVIEW, 0.85}, {1300, 144, false, true, STROKES_PREVIEW, 0.85},
    {2203, 164, false, false, STROKES_PREVIEW, 0.7}, {501, 303, false, false, STROKES_PIXELS, 2},
  };
  g_autoptr (pack) pack = canvas_pack (&canvas_net_small);
  for (size_t i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (picture) photo = canvas_photo (cases[i].width, cases[i].height);
    struct painting whole = {
      .settings = {.precision = PRECISION_F32, .strokes = cases[i].strokes, .wrap = cases[i].wrap, .grain = 0.05},
      .brush = cases[i].brush,
      .halves = cases[i].halves,
    };
    struct painting tiles = whole;
    tiles.limit = canvas_least_memory (pack, photo, &tiles) * 1.02;
    g_autoptr (picture) a = canvas_paint_photo (pack, photo, &whole), b = canvas_paint_photo (pack, photo, &tiles);
    double most = canvas_worst (a, b);
    g_test_message ("%dx%d: %.1f MiB against %.1f, differ by %.2g", cases[i].width, cases[i].height,
                    tiles.forecast.bytes / 1048576.0, whole.forecast.bytes / 1048576.0, most);
    g_assert_cmpint (tiles.forecast.bytes, <=, tiles.limit);
    g_assert_cmpfloat (most, <, 1e-4);
    g_assert_cmpfloat (canvas_worst (a, photo), >, 0.05);
  }
}

/* With bfloat16 too, where the CPU has it, a tile's place must not show. */
static void
test_tiles_auto (void)
{
  g_autoptr (pack) pack = canvas_pack (&canvas_net_small);
  g_autoptr (picture) photo = canvas_photo (1101, 303);
  struct painting whole = {.settings = {.strokes = STROKES_PIXELS}}, tiles = whole;
  tiles.limit = canvas_least_memory (pack, photo, &tiles);
  g_autoptr (picture) a = canvas_paint_photo (pack, photo, &whole), b = canvas_paint_photo (pack, photo, &tiles);
  g_test_message ("%s: %.2g", tiles.forecast.precision, canvas_worst (a, b));
  g_assert_cmpfloat (canvas_worst (a, b), <, 2 / 255.0);
}

/* --- Torus --- */

static struct picture *
rolled (const struct picture *picture, int dx, int dy)
{
  struct picture *out = picture_new (picture->width, picture->height, false, NULL);
  int w = picture->width, h = picture->height;
  for (int c = 0; c < 3; c++)
    for (int y = 0; y < h; y++)
      for (int x = 0; x < w; x++)
        out->rgb[((int64_t) c * h + (y + dy) % h) * w + (x + dx) % w] = picture->rgb[((int64_t) c * h + y) * w + x];
  return out;
}

static void
test_wrap_rolls (void)
{
  static const int sizes[][4] = {{96, 64, 32, 36}, {8, 200, 4, 84}, {1040, 520, 260, 260}}; /* and by how much */
  g_autoptr (pack) pack = canvas_pack (&canvas_net_small);
  for (size_t i = 0; i < G_N_ELEMENTS (sizes); i++) {
    g_autoptr (picture) photo = canvas_photo (sizes[i][0], sizes[i][1]);
    g_autoptr (picture) moved = rolled (photo, sizes[i][2], sizes[i][3]);
    struct painting painting = {.settings = {.precision = PRECISION_F32, .strokes = STROKES_PIXELS, .wrap = true}};
    g_autoptr (picture) a = canvas_paint_photo (pack, photo, &painting),
                        b = canvas_paint_photo (pack, moved, &painting);
    g_autoptr (picture) wanted = rolled (a, sizes[i][2], sizes[i][3]);
    double most = canvas_worst (b, wanted);
    g_test_message ("%dx%d: %.2g", sizes[i][0], sizes[i][1], most);
    /* A thumbnail is reduced without regard to the opposite side, so its statistics are a little different. */
    g_assert_cmpfloat (most, <, sizes[i][0]> CANVAS_PREVIEW ? 0.02 : 1e-4);
    painting.settings.wrap = false;
    g_autoptr (picture) plain = canvas_paint_photo (pack, photo, &painting);
    g_assert_cmpfloat (canvas_worst (plain, a), >, 0.01);
  }
}

#define SEAM 64 /* pixels that fade */

/* A small torus is painted as it is repeated: it comes out as in one in which it stands four times, but for what fades
 * at the seam where its sides are no multiples. */
static void
test_wrap_small (void)
{
  static const int sizes[][2] = {{8, 12},  {20, 60}, {44, 16},  {1, 1},     {3, 2},    {5, 9},
                                 {33, 33}, {70, 11}, {133, 61}, {133, 150}, {201, 143}};
  g_autoptr (pack) pack = canvas_pack (&canvas_net_small);
  for (size_t i = 0; i < G_N_ELEMENTS (sizes); i++) {
    int w = sizes[i][0], h = sizes[i][1];
    g_autoptr (picture) photo = canvas_photo (w, h), tiled = picture_new (4 * w, 4 * h, false, NULL);
    for (int c = 0; c < 3; c++)
      for (int y = 0; y < 4 * h; y++)
        for (int x = 0; x < 4 * w; x++)
          tiled->rgb[((int64_t) c * 4 * h + y) * 4 * w + x] = photo->rgb[((int64_t) c * h + y % h) * w + x % w];
    struct painting painting = {.settings = {.precision = PRECISION_F32, .strokes = STROKES_PIXELS, .wrap = true}};
    g_autoptr (picture) found = canvas_paint_photo (pack, photo, &painting),
                        larger = canvas_paint_photo (pack, tiled, &painting);
    g_autoptr (picture) wanted = picture_crop (larger, 0, 0, w, h, NULL);
    double mean = mean_difference (found, wanted), inside = 0;
    for (int y = w % 4 || h % 4 ? SEAM : 0; y < h - (w % 4 || h % 4 ? SEAM : 0); y++)
      for (int x = w % 4 || h % 4 ? SEAM : 0; x < w - (w % 4 || h % 4 ? SEAM : 0); x++)
        inside = MAX (inside, fabs (found->rgb[y * w + x] - wanted->rgb[y * w + x]));
    g_test_message ("%dx%d: %.3g, inside at most %.3g", w, h, mean, inside);
    g_assert_cmpfloat (mean, <, w % 4 || h % 4 ? 0.2 : 1e-4);
    g_assert_cmpfloat (inside, <, 1e-3);
  }
}

/* Mean difference between neighbours across the seam, and inside. */
static void
seam (const struct picture *picture, double *across, double *inside)
{
  int w = picture->width, h = picture->height;
  *across = *inside = 0;
  for (int y = 0; y < 3 * h; y++) {
    const float *row = picture->rgb + (int64_t) y * w;
    *across += fabs (row[w - 1] - row[0]) / (3 * h);
    for (int x = 1; x < w; x++)
      *inside += fabs (row[x] - row[x - 1]) / (3.0 * h * (w - 1));
  }
}

/* Whatever the size: a photograph whose sides meet gives a painting whose sides meet. */
static void
test_wrap_seam (void)
{
  static const int sizes[][2] = {{128, 96}, {133, 97}, {1063, 201}};
  g_autoptr (pack) pack = canvas_pack (&wide_net);
  for (size_t i = 0; i < G_N_ELEMENTS (sizes); i++)
    for (int strokes = 0; strokes < 2; strokes++) {
      int w = sizes[i][0], h = sizes[i][1];
      double across, inside;
      g_autoptr (picture) photo = canvas_photo (w, h);
      for (int c = 0; c < 3; c++)
        for (int y = 0; y < h; y++)
          for (int x = 0; x < w; x++)
            photo->rgb[((int64_t) c * h + y) * w + x] =
              0.5 + 0.3 * sin (2 * G_PI * (5.0 * x / w + c)) * cos (2 * G_PI * 3.0 * y / h);
      struct painting painting = {.settings = {.wrap = true, .strokes = strokes}};
      g_autoptr (picture) found = canvas_paint_photo (pack, photo, &painting);
      seam (found, &across, &inside);
      g_test_message ("%dx%d: %.4f across, %.4f inside", w, h, across, inside);
      g_assert_cmpfloat (across, <, 2 * inside);
    }
}

/* --- Octaves --- */

static void
test_octaves (void)
{
  g_autoptr (pack) pack = canvas_pack (&canvas_net_small);
  g_autoptr (picture) print = canvas_photo (2048, 400);
  int w, h;
  canvas_thumbnail_size (2048, 400, &w, &h);
  struct row_source source = rows_from (print);
  g_autoptr (picture) preview = rows_thumbnail (&source, w, h, NULL);
  struct painting painting = {.settings = {.strokes = STROKES_PREVIEW}};
  g_autoptr (picture) small = canvas_paint_photo (pack, preview, &painting),
                      large = canvas_paint_photo (pack, print, &painting);
  struct row_source painted = rows_from (large);
  g_autoptr (picture) reduced = rows_thumbnail (&painted, w, h, NULL);
  painting.settings.strokes = STROKES_PIXELS;
  g_autoptr (picture) pixels = canvas_paint_photo (pack, print, &painting);
  painted = rows_from (pixels);
  g_autoptr (picture) reduced_pixels = rows_thumbnail (&painted, w, h, NULL);
  double by_octaves = mean_difference (reduced, small), by_pixels = mean_difference (reduced_pixels, small);
  g_test_message ("reduced print and preview differ by %.4f, painted by pixels by %.4f", by_octaves, by_pixels);
  g_assert_cmpfloat (by_octaves, <, 0.012);
  g_assert_cmpfloat (by_octaves, <, by_pixels / 3);
  /* And the print has more in it than the preview enlarged. */
  g_autoptr (picture) enlarged = picture_resize (small, 2048, 400, NULL);
  g_assert_cmpfloat (mean_difference (enlarged, large), >, 0.01);
}

/* Nothing but the photograph's row: the photograph, through any number of octaves. */
static void
test_photograph (void)
{
  g_autoptr (pack) pack = canvas_pack (&canvas_net_small);
  g_autoptr (picture) photo = canvas_photo (2200, 200);
  struct painting painting = {.settings = {.precision = PRECISION_F32, .gate = true}, .rows = canvas_photograph};
  g_autoptr (picture) found = canvas_paint_photo (pack, photo, &painting);
  g_assert_cmpfloat (canvas_worst (found, photo), <, 2 / 65535.0);
}

static void
test_thumbnail_size (void)
{
  static const int cases[][4] = {{800, 600, 800, 600},    {1024, 1024, 1024, 1024}, {20000, 10000, 1024, 512},
                                 {3000, 2000, 1024, 683}, {20000, 500, 3238, 81},   {1, 5000, 1, 5000}};
  for (size_t i = 0; i < G_N_ELEMENTS (cases); i++) {
    int w, h;
    canvas_thumbnail_size (cases[i][0], cases[i][1], &w, &h);
    g_assert_cmpint (w, ==, cases[i][2]);
    g_assert_cmpint (h, ==, cases[i][3]);
  }
}

/* --- Memory --- */

/* Paints @photo with @painting's limit: no more is taken than was said. */
static void
check_memory (const struct pack *pack, const struct picture *photo, struct painting *painting)
{
  FILE *file = fopen ("/proc/self/clear_refs", "w");
  bool reset = file && fputs ("5", file) >= 0;
  if (file)
    fclose (file);
  uint64_t before =
    process_bytes ("VmRSS:") + 12 * (uint64_t) photo->width * photo->height; /* the copy that is painted */
  picture_free (canvas_paint_photo (pack, photo, painting));
  uint64_t peak = process_bytes ("VmHWM:"), taken = peak > before ? peak - before : 0;
  g_test_message ("limit %.1f MiB: forecast %.1f, taken %.1f", painting->limit / 1048576.0,
                  painting->forecast.bytes / 1048576.0, taken / 1048576.0);
  g_assert_cmpint (painting->forecast.bytes, <=, painting->limit);
  if (reset) /* kernels are compiled into memory that is nobody's */
    g_assert_cmpint (taken, <=, painting->forecast.bytes + (16 << 20));
}

static void
test_memory (void)
{
  g_autoptr (pack) pack = canvas_pack (&wide_net);
  g_autoptr (picture) photo = canvas_photo (1500, 1000);
  struct painting painting = {.settings = {.strokes = STROKES_PREVIEW}};
  uint64_t least = canvas_least_memory (pack, photo, &painting), last = 0;
  for (int i = 0; i < 2; i++) {
    painting.limit = least << 2 * i;
    check_memory (pack, photo, &painting);
    g_assert_cmpint (painting.forecast.bytes, >=, last);
    last = painting.forecast.bytes;
  }
}

/* Where the thumbnail is painted by tiles, the plans of both take turns. */
static void
test_memory_turns (void)
{
  g_autoptr (pack) pack = canvas_pack (&wide_net);
  g_autoptr (picture) photo = canvas_photo (1500, 1000);
  struct painting painting = {.settings = {.strokes = STROKES_PREVIEW, .wrap = true}, .open = true};
  painting.limit = 1.25 * canvas_least_memory (pack, photo, &painting); /* tiles about as large as the thumbnail */
  check_memory (pack, photo, &painting);
}

/* --- The job --- */

static bool
goes_on (double share, const char *what, void *data)
{
  double *last = data;
  g_assert_cmpfloat (share, >=, *last);
  g_assert_cmpfloat (share, <=, 1);
  *last = share;
  return true;
}

static void
test_progress (void)
{
  static const double brushes[] = {1, 2, 0.8};
  g_autoptr (pack) pack = canvas_pack (&canvas_net_small);
  struct canvas_net net = stylize_net (pack);
  for (size_t i = 0; i < G_N_ELEMENTS (brushes); i++) {
    g_autoptr (picture) photo = canvas_photo (1500, 700);
    g_autoptr (canvas) canvas = canvas_new (&net, &(struct canvas_settings){0});
    struct method_forecast forecast = {0};
    double last = 0;
    canvas_set_brush (canvas, 1500, 700, brushes[i], true);
    g_assert_true (canvas_prepare (canvas, 1500, 700, 0, PLENTY, &forecast, NULL));
    struct canvas_picture picture = {
      .source = rows_from (photo), .sink = rows_into (photo), .rows = canvas_first_style};
    g_assert_true (canvas_paint (canvas, &picture, &(struct paint_job){goes_on, &last}, NULL));
    g_assert_true (brushes[i] >= 1 || last > 0.1); /* an octave more */
  }
}

static bool
cancel_later (double share, const char *what, void *data)
{
  return share < 0.5;
}

static void
test_cancel (void)
{
  g_autoptr (pack) pack = canvas_pack (&canvas_net_small);
  g_autoptr (picture) photo = canvas_photo (1500, 700);
  g_autoptr (GError) error = NULL;
  struct canvas_settings settings = {0};
  struct canvas_net net = stylize_net (pack);
  g_autoptr (canvas) canvas = canvas_new (&net, &settings);
  struct method_forecast forecast = {0};
  uint64_t least = canvas_least_memory (pack, photo, &(struct painting){0});
  g_assert_true (canvas_prepare (canvas, 1500, 700, 0, least, &forecast, NULL));
  struct canvas_picture picture = {.source = rows_from (photo), .sink = rows_into (photo), .rows = canvas_first_style};
  struct paint_job job = {cancel_later, NULL};
  g_assert_false (canvas_paint (canvas, &picture, &job, &error));
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_CANCELLED);
}

static void
test_nan (void)
{
  g_autoptr (pack) pack = canvas_pack (&canvas_net_small);
  g_autoptr (picture) photo = canvas_photo (1500, 300);
  g_autoptr (GError) error = NULL;
  struct canvas_settings settings = {0};
  struct canvas_net net = stylize_net (pack);
  g_autoptr (canvas) canvas = canvas_new (&net, &settings);
  struct method_forecast forecast = {0};
  tensor_floats (weights_find (pack->weights, "out.bias"))[1] = NAN;
  g_assert_true (canvas_prepare (canvas, 1500, 300, 0, PLENTY, &forecast, NULL));
  struct canvas_picture picture = {.source = rows_from (photo), .sink = rows_into (photo), .rows = canvas_first_style};
  g_assert_false (canvas_paint (canvas, &picture, NULL, &error));
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_NUMERIC);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/canvas/reach", test_reach);
  g_test_add_func ("/canvas/small", test_small);
  g_test_add_func ("/canvas/tiny", test_tiny);
  g_test_add_func ("/canvas/brush", test_brush);
  g_test_add_func ("/canvas/layers", test_layers);
  g_test_add_func ("/canvas/tiles", test_tiles);
  g_test_add_func ("/canvas/tiles_auto", test_tiles_auto);
  g_test_add_func ("/canvas/wrap_rolls", test_wrap_rolls);
  g_test_add_func ("/canvas/wrap_small", test_wrap_small);
  g_test_add_func ("/canvas/wrap_seam", test_wrap_seam);
  g_test_add_func ("/canvas/octaves", test_octaves);
  g_test_add_func ("/canvas/photograph", test_photograph);
  g_test_add_func ("/canvas/thumbnail_size", test_thumbnail_size);
  g_test_add_func ("/canvas/memory", test_memory);
  g_test_add_func ("/canvas/memory_turns", test_memory_turns);
  g_test_add_func ("/canvas/progress", test_progress);
  g_test_add_func ("/canvas/cancel", test_cancel);
  g_test_add_func ("/canvas/nan", test_nan);
  return g_test_run ();
}
