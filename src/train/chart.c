/* SPDX-License-Identifier: Apache-2.0
 *
 * Curves drawn as SVG: small panels side by side, each with a scale of its own. The scale spans the first to the 99th
 * part of a hundred of the means, so that a spike does not flatten the rest: it is cut at the panel's edge. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/draft.h"
#include "image/svg.h"
#include "train/curves.h"

#define COLUMNS 3
#define PANEL_W 330 /* pixels, everything about a panel included */
#define PANEL_H 210
#define LEFT 56 /* of the field in a panel */
#define TOP 30
#define FIELD_W 256
#define FIELD_H 144
#define HEAD 40   /* above the panels */
#define LEGEND 18 /* a run's line below them */
#define MARKS_MAX 12
#define LOG_SPAN 30 /* from here on to a logarithmic scale */

static const char *const colors[] = {"#2a6f97", "#c1121f", "#588157", "#e09f3e", "#7b2d8b", "#495057"};

struct chart {
  const struct curves *const *runs;
  int n;
  int64_t steps; /* of the longest */
  GString *svg;
};

struct scale {
  double low, high; /* of what is drawn: values, or their logarithms */
  bool logarithmic;
};

static void put (GString *svg, const char *format, ...) G_GNUC_PRINTF (2, 3);

/* With a '.' in every locale: numbers are formatted beforehand. */
static void
put (GString *svg, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  g_string_append_vprintf (svg, format, args);
  va_end (args);
}

static void
put_number (GString *svg, double x)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  g_string_append (svg, g_ascii_formatd (text, sizeof text, "%.1f", x));
}

static void
put_text (GString *svg, double x, double y, const char *style, const char *text)
{
  g_autofree char *escaped = g_markup_escape_text (text, -1);

  g_string_append (svg, "<text x=\"");
  put_number (svg, x);
  g_string_append (svg, "\" y=\"");
  put_number (svg, y);
  put (svg, "\" %s>%s</text>\n", style, escaped);
}

/* "0.025", "1.2k", "3M", "4e+15". */
static char *
short_number (double x)
{
  static const char *const units[] = {"", "k", "M", "G"};
  char text[G_ASCII_DTOSTR_BUF_SIZE];
  int unit = 0;

  if (fabs (x) >= 1e12)
    return g_strdup (g_ascii_formatd (text, sizeof text, "%.3g", x));
  while (fabs (x) >= 1000 && unit < 3) {
    x /= 1000;
    unit++;
  }
  return g_strconcat (g_ascii_formatd (text, sizeof text, "%.4g", x), units[unit], NULL);
}

/* Scales */

static int
compare_doubles (const void *a, const void *b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

static struct scale
scale_of (const struct chart *chart, const char *name)
{
  g_autoptr (GArray) means = g_array_new (FALSE, FALSE, sizeof (double));
  struct scale scale = {.low = 0, .high = 1};

  for (int r = 0; r < chart->n; r++) {
    const struct curve *curve = curves_find (chart->runs[r], name);
    for (int k = 0; curve && k < CURVE_BUCKETS; k++)
      if (curve->bucket[k].n > 0) {
        double mean = curve->bucket[k].sum / (double) curve->bucket[k].n;
        g_array_append_val (means, mean);
      }
  }
  if (means->len == 0)
    return scale;
  const double *x = (const double *) (void *) means->data;
  qsort (means->data, means->len, sizeof (double), compare_doubles);
  scale.low = x[means->len / 100];
  scale.high = x[means->len - 1 - means->len / 100];
  scale.logarithmic = scale.low > 0 && scale.high > LOG_SPAN * scale.low;
  if (scale.logarithmic) {
    scale.low = log10 (scale.low);
    scale.high = log10 (scale.high);
  }
  double pad = scale.high > scale.low ? 0.07 * (scale.high - scale.low) : fmax (fabs (scale.high) * 0.1, 1e-12);
  scale.low -= pad;
  scale.high += pad;
  return scale;
}

static double
place (const struct scale *scale, double value)
{
  double v = !scale->logarithmic ? value : value > 0 ? log10 (value) : scale->low - 1;
  double share = (v - scale->low) / (scale->high - scale->low);

  return TOP + FIELD_H * (1 - fmax (-1, fmin (share, 2)));
}

static double
across (const struct chart *chart, double step)
{
  return LEFT + FIELD_W * step / (double) chart->steps;
}

/* 1, 2 or 5 times a power of ten: a step that gives about @n marks. */
static double
mark_step (double span, int n)
{
  double raw = span / n, power = pow (10, floor (log10 (raw))), part = raw / power;

  return power * (part <= 1 ? 1 : part <= 2 ? 2 : part <= 5 ? 5 : 10);
}

static void
put_mark (struct chart *chart, double y, double value)
{
  g_autofree char *text = short_number (value);

  g_string_append (chart->svg, "<path class=\"mark\" d=\"M");
  put_number (chart->svg, LEFT);
  g_string_append (chart->svg, " ");
  put_number (chart->svg, y);
  put (chart->svg, "h%d\"/>\n", FIELD_W);
  put_text (chart->svg, LEFT - 5, y + 3.5, "class=\"number\" text-anchor=\"end\"", text);
}

static void
put_marks (struct chart *chart, const struct scale *scale)
{
  double step = mark_step (scale->high - scale->low, 4);

  if (scale->logarithmic)
    step = fmax (1, ceil (step));        /* whole powers of ten */
  for (int i = 0; i <= MARKS_MAX; i++) { /* counted: beside a large number a step may be too small to be added */
    double v = (ceil (scale->low / step) + i) * step;
    if (v > scale->high)
      break;
    double value = scale->logarithmic ? pow (10, v) : fabs (v) < step / 1e6 ? 0 : v;
    put_mark (chart, place (scale, value), value);
  }
  step = fmax (1, mark_step ((double) chart->steps, 4));
  for (double s = 0; s <= (double) chart->steps; s += step) {
    g_autofree char *text = short_number (s);
    put_text (chart->svg, across (chart, s), TOP + FIELD_H + 14, "class=\"number\" text-anchor=\"middle\"", text);
  }
}

/* Curves */

static void
put_point (GString *svg, bool *begun, double x, double y)
{
  g_string_append_c (svg, *begun ? 'L' : 'M');
  put_number (svg, x);
  g_string_append_c (svg, ' ');
  put_number (svg, y);
  *begun = true;
}

/* From least to most, as one shape: there along the most, back along the least. */
static void
put_span (struct chart *chart, const struct scale *scale, const struct curves *run, const struct curve *curve)
{
  bool begun = false;

  put (chart->svg, "<path fill=\"%s\" fill-opacity=\"0.18\" d=\"", colors[0]);
  for (int pass = 0; pass < 2; pass++)
    for (int i = 0; i < CURVE_BUCKETS; i++) {
      int k = pass == 0 ? i : CURVE_BUCKETS - 1 - i;
      const struct bucket *bucket = &curve->bucket[k];
      if (bucket->n > 0)
        put_point (chart->svg, &begun, across (chart, (k + 0.5) * (double) run->width),
                   place (scale, pass == 0 ? bucket->most : bucket->least));
    }
  g_string_append (chart->svg, "\"/>\n");
}

static void
put_line (struct chart *chart, const struct scale *scale, const struct curves *run, const struct curve *curve,
          int color)
{
  bool begun = false;
  double x = 0;

  put (chart->svg, "<path class=\"line\" stroke=\"%s\" d=\"", colors[color % (int) G_N_ELEMENTS (colors)]);
  for (int k = 0; k < CURVE_BUCKETS; k++) {
    const struct bucket *bucket = &curve->bucket[k];
    if (bucket->n == 0)
      continue;
    x = across (chart, (k + 0.5) * (double) run->width);
    put_point (chart->svg, &begun, x, place (scale, bucket->sum / (double) bucket->n));
  }
  if (curve->n == 1) /* a line of one point would not be seen */
    g_string_append (chart->svg, "h3");
  g_string_append (chart->svg, "\"/>\n");
}

static void
put_panel (struct chart *chart, const char *name, int number)
{
  struct scale scale = scale_of (chart, name);
  int x = number % COLUMNS * PANEL_W, y = HEAD + number / COLUMNS * PANEL_H;
  const struct curve *only = chart->n == 1 ? curves_find (chart->runs[0], name) : NULL;

  put (chart->svg, "<g transform=\"translate(%d %d)\">\n", x, y);
  put_text (chart->svg, LEFT, TOP - 8, "class=\"name\"", name);
  if (only) {
    g_autofree char *last = short_number (curve_last (only));
    put_text (chart->svg, LEFT + FIELD_W, TOP - 8, "class=\"number\" text-anchor=\"end\"", last);
  }
  put_marks (chart, &scale);
  put (chart->svg, "<g clip-path=\"url(#field)\">\n");
  for (int r = 0; r < chart->n; r++) {
    const struct curve *curve = curves_find (chart->runs[r], name);
    if (curve && only)
      put_span (chart, &scale, chart->runs[r], curve);
    if (curve)
      put_line (chart, &scale, chart->runs[r], curve, r);
  }
  put (chart->svg, "</g>\n<rect class=\"frame\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/>\n</g>\n", LEFT, TOP,
       FIELD_W, FIELD_H);
}

/* Names of figures, each once. */
static GPtrArray *
collect_names (const struct curves *const *runs, int n)
{
  GPtrArray *names = g_ptr_array_new ();

  for (int r = 0; r < n; r++)
    for (guint i = 0; i < runs[r]->list->len; i++) {
      const struct curve *curve = runs[r]->list->pdata[i];
      if (!g_ptr_array_find_with_equal_func (names, curve->name, g_str_equal, NULL))
        g_ptr_array_add (names, curve->name);
    }
  return names;
}

char *
curves_svg (const struct curves *const *runs, const char *const *labels, int n, const char *title)
{
  struct chart chart = {.runs = runs, .n = n, .steps = 1, .svg = g_string_new (NULL)};
  g_autoptr (GPtrArray) names = collect_names (runs, n);
  int rows = ((int) names->len + COLUMNS - 1) / COLUMNS, legend = n > 1 ? n * LEGEND + 10 : 0;
  int width = (int) CLAMP (names->len, 1, COLUMNS) * PANEL_W + 10, height = HEAD + rows * PANEL_H + legend;

  for (int r = 0; r < n; r++)
    chart.steps = MAX (chart.steps, runs[r]->steps);
  put (chart.svg,
       "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\">\n"
       "<style>text{font-family:'DejaVu Sans',sans-serif;fill:#212529}.title{font-size:15px;font-weight:bold}"
       ".name{font-size:12px}.number{font-size:10px;fill:#6c757d}.mark{stroke:#e9ecef;fill:none}"
       ".line{fill:none;stroke-width:1.5;stroke-linejoin:round}.frame{fill:none;stroke:#adb5bd}</style>\n"
       "<clipPath id=\"field\"><rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/></clipPath>\n"
       "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
       width, height, width, height, LEFT, TOP, FIELD_W, FIELD_H);
  put_text (chart.svg, 12, 24, "class=\"title\"", title);
  for (guint i = 0; i < names->len; i++)
    put_panel (&chart, names->pdata[i], (int) i);
  for (int r = 0; r < n && n > 1; r++) {
    int y = HEAD + rows * PANEL_H + r * LEGEND + 8;
    put (chart.svg, "<path class=\"line\" stroke=\"%s\" d=\"M%d %dh24\"/>\n", colors[r % (int) G_N_ELEMENTS (colors)],
         LEFT, y);
    put_text (chart.svg, LEFT + 32, y + 4, "class=\"name\"", labels[r]);
  }
  g_string_append (chart.svg, "</svg>\n");
  return g_string_free (chart.svg, FALSE);
}

bool
curves_save (const char *svg, const char *path, GError **error)
{
  if (!g_str_has_suffix (path, ".svg")) {
    g_autoptr (picture) picture = picture_from_svg (svg, error);
    return picture && picture_save (picture, path, NULL, error);
  }
  g_autoptr (draft) draft = draft_new (path, error);
  return draft && draft_write (draft, svg, strlen (svg), error) && draft_commit (draft, error);
}
