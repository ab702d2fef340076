/* SPDX-License-Identifier: Apache-2.0
 *
 * Heat maps; see heatmap.h. Titles and legend are drawn as SVG, the panels into its pixels. The picture shows through
 * in grey, darker where a bright map lies over it, so that a map is read with what it is about. */
#include "effect/heatmap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "image/svg.h"
#include "impasto/error.h"

#define GAP 16
#define TITLE 26  /* above each panel */
#define LEGEND 58 /* below them */
#define BAR_W 260
#define BAR_H 14

/* Colours at equal steps; those of amounts grow steadily in lightness. */
#define STOPS 5
static const float stops[][STOPS][3] = {
  [HEAT_AMOUNT] =
    {{0.00f, 0.00f, 0.02f}, {0.32f, 0.07f, 0.43f}, {0.73f, 0.21f, 0.33f}, {0.97f, 0.55f, 0.04f}, {0.99f, 1.00f, 0.64f}},
  [HEAT_OPINION] =
    {{0.02f, 0.19f, 0.58f}, {0.36f, 0.60f, 0.85f}, {0.93f, 0.93f, 0.93f}, {0.95f, 0.51f, 0.36f}, {0.60f, 0.03f, 0.10f}},
};

static void
color_at (enum heat_colors colors, float t, float out[3])
{
  float place = fminf (fmaxf (t, 0), 1) * (STOPS - 1);
  int i = MIN ((int) place, STOPS - 2);
  for (int c = 0; c < 3; c++)
    out[c] = stops[colors][i][c] + (place - (float) i) * (stops[colors][i + 1][c] - stops[colors][i][c]);
}

/* How much of the colour lies over the picture. */
static float
cover_of (enum heat_colors colors, float t)
{
  t = fminf (fmaxf (t, 0), 1);
  return colors == HEAT_AMOUNT ? 0.45f + 0.5f * t : 0.2f + 0.9f * fabsf (t - 0.5f);
}

static void
put_text (GString *svg, int x, int y, const char *anchor, const char *text)
{
  g_autofree char *escaped = g_markup_escape_text (text, -1);
  g_string_append_printf (svg, "<text x=\"%d\" y=\"%d\" text-anchor=\"%s\">%s</text>\n", x, y, anchor, escaped);
}

static void
put_bar (GString *svg, const struct heat_sheet *sheet, int x, int y)
{
  g_string_append (svg, "<linearGradient id=\"g\">\n");
  for (int i = 0; i < STOPS; i++) {
    const float *c = stops[sheet->colors][i];
    g_string_append_printf (svg, "<stop offset=\"%d%%\" stop-color=\"#%02x%02x%02x\"/>\n", 100 * i / (STOPS - 1),
                            (unsigned) (255 * c[0]), (unsigned) (255 * c[1]), (unsigned) (255 * c[2]));
  }
  g_string_append_printf (svg,
                          "</linearGradient>\n<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"url(#g)\" "
                          "stroke=\"#555\" stroke-width=\"0.5\"/>\n",
                          x, y, BAR_W, BAR_H);
  put_text (svg, x, y + BAR_H + 16, "start", sheet->low);
  put_text (svg, x + BAR_W, y + BAR_H + 16, "end", sheet->high);
}

/* Draws panel @panel with its upper left corner at (@left, @top). */
static void
draw_panel (const struct heat_sheet *sheet, const struct heat_panel *panel, struct picture *out, int left, int top)
{
  const struct picture *in = sheet->picture;
  int64_t from = (int64_t) in->width * in->height, to = (int64_t) out->width * out->height;
  for (int y = 0; y < in->height; y++)
    for (int x = 0; x < in->width; x++) {
      int64_t i = (int64_t) y * in->width + x, at = (int64_t) (top + y) * out->width + left + x;
      float grey = 0.2126f * in->rgb[i] + 0.7152f * in->rgb[from + i] + 0.0722f * in->rgb[2 * from + i], color[3];
      if (panel->map)
        color_at (sheet->colors, panel->map[i], color);
      for (int c = 0; c < 3; c++) {
        float cover = panel->map ? cover_of (sheet->colors, panel->map[i]) : 0;
        out->rgb[c * to + at] = panel->map ? grey + cover * (color[c] - grey) : in->rgb[c * from + i];
      }
    }
}

struct picture *
heat_draw (const struct heat_sheet *sheet, GError **error)
{
  int columns = MIN (sheet->columns, sheet->n), rows = (sheet->n + columns - 1) / columns;
  int cell_w = sheet->picture->width + GAP, cell_h = sheet->picture->height + TITLE + GAP;
  int width = MAX (GAP + columns * cell_w, BAR_W + 2 * GAP), height = rows * cell_h + LEGEND;
  g_autoptr (GString) svg = g_string_new (NULL);
  g_string_append_printf (svg,
                          "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
                          "font-family=\"sans-serif\" font-size=\"13\" fill=\"#222\">\n"
                          "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
                          width, height);
  for (int i = 0; i < sheet->n; i++)
    put_text (svg, GAP + i % columns * cell_w, i / columns * cell_h + TITLE - 8, "start", sheet->panels[i].title);
  put_bar (svg, sheet, GAP, rows * cell_h + 8);
  g_string_append (svg, "</svg>\n");
  g_autoptr (picture) out = picture_from_svg (svg->str, error);
  if (!out || out->width != width || out->height != height)
    return NULL;
  for (int i = 0; i < sheet->n; i++)
    draw_panel (sheet, &sheet->panels[i], out, GAP + i % columns * cell_w, i / columns * cell_h + TITLE);
  return g_steal_pointer (&out);
}

/* Box means along one direction: @n values, @stride apart, the edges' repeated. */
static void
smooth_line (float *line, int n, int64_t stride, int reach, double *sums)
{
  sums[0] = 0;
  for (int i = 0; i < n; i++)
    sums[i + 1] = sums[i] + line[i * stride];
  for (int i = 0; i < n; i++) {
    int from = MAX (i - reach, 0), to = MIN (i + reach + 1, n);
    line[i * stride] = (float) ((sums[to] - sums[from]) / (to - from));
  }
}

bool
heat_smooth (float *map, int width, int height, int reach, GError **error)
{
  g_autofree double *sums = g_try_new (double, MAX (width, height) + 1);
  if (!sums) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "no memory for a map");
    return false;
  }
  for (int pass = 0; pass < 2; pass++) {
    for (int y = 0; y < height; y++)
      smooth_line (map + (int64_t) y * width, width, 1, reach, sums);
    for (int x = 0; x < width; x++)
      smooth_line (map + x, height, width, reach, sums);
  }
  return true;
}

static int
compare_floats (const void *a, const void *b)
{
  float x = *(const float *) a, y = *(const float *) b;
  return (x > y) - (x < y);
}

float
heat_quantile (const float *map, int64_t n, double share)
{
  g_autofree float *sorted = g_memdup2 (map, (size_t) n * sizeof *map);
  qsort (sorted, (size_t) n, sizeof *sorted, compare_floats);
  return sorted[(int64_t) ((double) (n - 1) * (1 - share))];
}
