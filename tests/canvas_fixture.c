/* SPDX-License-Identifier: Apache-2.0 */
#include "canvas_fixture.h"

#include <math.h>

#include "effect/stylize.h"
#include "image/pixels.h"
#include "impasto/error.h"

const struct style_net canvas_net_small = {
  .styles = 2,
  .photograph = true,
  .width = 4,
  .inner = 8,
  .residuals = 2,
  .ends = 5,
  .upsampling = UPSAMPLING_BILINEAR,
};
const float canvas_first_style[ROWS] = {1, 0, 0}, canvas_photograph[ROWS] = {0, 0, 1};
static const float both_styles[2 * ROWS] = {1, 0, 0, 0, 0.7f, 0.3f};

struct pack *
canvas_pack (const struct style_net *net)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (weights) weights = weights_new ();
  sym photo = graph_input (graph, "photo", SHAPE (1, 3, 16, 16));
  sym rows = graph_input (graph, "rows", SHAPE (1, style_net_rows (net)));
  graph_output (graph, "painting", style_net (photo, (struct style_control){.rows = rows}, net));
  g_assert_true (weights_init (weights, graph, 5, &error));
  for (guint i = 0; i < weights_count (weights); i++) { /* rows that differ */
    struct tensor *tensor = weights_at (weights, i);
    bool table =
      g_str_has_suffix (weights_name (weights, i), "scale") || g_str_has_suffix (weights_name (weights, i), "shift");
    for (int64_t j = 0; table && j < shape_size (&tensor->shape); j++)
      tensor_floats (tensor)[j] += 0.3f * sinf (j * 1.7f + i);
  }
  return pack_new (net, weights);
}

struct picture *
canvas_photo (int width, int height)
{
  struct picture *picture = picture_new (width, height, false, NULL);
  for (int c = 0; c < 3; c++)
    for (int y = 0; y < height; y++)
      for (int x = 0; x < width; x++) {
        float grain = (((x * 7919 + y * 104729 + c * 31) * 2654435761u) >> 16) / 65536.0f / 65536.0f;
        float value =
          0.5f + 0.25f * sinf (x * 0.11f + c) * cosf (y * 0.07f - c) + ((x / 37 + y / 23) % 2 ? 0.15f : -0.1f);
        picture->rgb[((int64_t) c * height + y) * width + x] = CLAMP (value + 0.2f * grain, 0, 1);
      }
  return picture;
}

/* Two regions with a soft border, as a share of the width. */
static bool
soft_halves (void *data, int width, int height, int y, float *row, GError **error)
{
  for (int x = 0; x < width; x++) {
    float t = CLAMP (((x + 0.5f) / width - 0.45f) * 10, 0, 1);
    row[x] = 1 - t;
    row[width + x] = t;
  }
  return true;
}

struct picture *
canvas_paint_photo (const struct pack *pack, const struct picture *photo, struct painting *painting)
{
  g_autoptr (GError) error = NULL;
  struct canvas_net net = stylize_net (pack);
  net.wraps &= !painting->open;
  g_autoptr (canvas) canvas = canvas_new (&net, &painting->settings);
  if (painting->brush > 0)
    canvas_set_brush (canvas, photo->width, photo->height, painting->brush, true);
  struct picture *out = picture_crop (photo, 0, 0, photo->width, photo->height, &error);
  int mixes = painting->halves ? 2 : 0;
  bool ready = canvas_prepare (canvas, out->width, out->height, mixes, painting->limit ? painting->limit : PLENTY,
                               &painting->forecast, &error);
  g_assert_no_error (error);
  g_assert_true (ready);
  struct canvas_picture picture = {
    .source = rows_from (out),
    .sink = rows_into (out), /* in place */
    .maps = {mixes, mixes ? soft_halves : NULL, NULL},
    .rows = painting->rows ? painting->rows
            : mixes        ? both_styles
                           : canvas_first_style,
  };
  bool painted = canvas_paint (canvas, &picture, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (painted);
  return out;
}

double
canvas_worst (const struct picture *a, const struct picture *b)
{
  double most = 0;
  g_assert_cmpint (a->width, ==, b->width);
  g_assert_cmpint (a->height, ==, b->height);
  for (int64_t i = 0; i < 3 * (int64_t) a->width * a->height; i++)
    most = fmax (most, isfinite (a->rgb[i]) ? fabs (a->rgb[i] - b->rgb[i]) : INFINITY);
  return most;
}

uint64_t
canvas_least_memory (const struct pack *pack, const struct picture *photo, const struct painting *painting)
{
  g_autoptr (GError) error = NULL;
  struct canvas_net net = stylize_net (pack);
  g_autoptr (canvas) canvas = canvas_new (&net, &painting->settings);
  if (painting->brush > 0)
    canvas_set_brush (canvas, photo->width, photo->height, painting->brush, true);
  struct method_forecast forecast = {0};
  if (painting->brush > 0)
    canvas_set_brush (canvas, photo->width, photo->height, painting->brush, true);
  bool ready = canvas_prepare (canvas, photo->width, photo->height, painting->halves ? 2 : 0, 1, &forecast, &error);
  g_assert_false (ready);
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY);
  return forecast.bytes;
}
