/* SPDX-License-Identifier: Apache-2.0
 *
 * Curves: buckets against sums taken here, stats.jsonl good and bad, and drawings whose pixels are where the values
 * say. */
#include <glib/gstdio.h>
#include <locale.h>
#include <math.h>
#include <string.h>

#include "image/picture.h"
#include "impasto/error.h"
#include "train/curves.h"
#include "train/monitor.h"

static char *folder;

static char *
in (const char *name)
{
  return g_build_filename (folder, name, NULL);
}

static double
value_at (int64_t step)
{
  return (double) (step * 7919 % 1000) - 300;
}

/* Runs of many lengths: every bucket holds just its steps. */
static void
test_buckets (void)
{
  static const int64_t lengths[] = {1, 511, 512, 513, 1024, 1025, 5000, 100000};
  static const char *const names[] = {"all", "some"};

  for (size_t l = 0; l < G_N_ELEMENTS (lengths); l++) {
    g_autoptr (curves) curves = curves_new ();
    for (int64_t step = 1; step <= lengths[l]; step++) {
      double values[] = {value_at (step), step == 3 ? NAN : 5};
      curves_add (curves, step, step % 3 == 0 ? 2 : 1, names, values);
    }
    g_assert_cmpint (curves->steps, ==, lengths[l]);
    g_assert_cmpint (curves->width * CURVE_BUCKETS, >=, lengths[l]);
    g_assert_cmpint (curves->width * CURVE_BUCKETS, <, MAX (2 * lengths[l], CURVE_BUCKETS + 1));
    const struct curve *all = curves_find (curves, "all"), *some = curves_find (curves, "some");
    for (int k = 0; k < CURVE_BUCKETS; k++) {
      double sum = 0, least = INFINITY, most = -INFINITY;
      int64_t n = 0;
      for (int64_t step = k * curves->width + 1; step <= MIN ((k + 1) * curves->width, lengths[l]); step++, n++) {
        sum += value_at (step);
        least = fmin (least, value_at (step));
        most = fmax (most, value_at (step));
      }
      g_assert_cmpint (all->bucket[k].n, ==, n);
      g_assert_true (n == 0 ||
                     (all->bucket[k].sum == sum && all->bucket[k].least == least && all->bucket[k].most == most));
    }
    g_assert_true ((some == NULL) == (lengths[l] < 6)); /* a NaN is no value */
    g_assert_true (!some || (some->n == lengths[l] / 3 - 1 && curve_last (some) == 5));
    double last = 0;
    int64_t recent = MIN (lengths[l], CURVE_RECENT);
    for (int64_t step = lengths[l] - recent + 1; step <= lengths[l]; step++)
      last += value_at (step) / (double) recent;
    g_assert_cmpfloat (fabs (curve_last (all) - last), <, 1e-9);
  }
}

static void
save_text (const char *path, const char *text)
{
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
}

static void
test_load (void)
{
  static const char *const bad[] = {
    "{\"step\":1,\"loss\":2}\nno JSON\n",
    "{\"step\":0,\"loss\":2}\n",
    "{\"step\":-5}\n",
    "{\"step\":1e300}\n",
    "{\"step\":9223372036854775807,\"loss\":1}\n",
    "{\"loss\":2}\n",
    "[1]\n",
    "\n",
    "{\"step\":1,\"x\":[[[[[[[[[[1]]]]]]]]]]}\n",
  };
  g_autofree char *path = in ("stats.jsonl"), *missing = in ("missing");
  g_autoptr (GError) error = NULL;

  save_text (path, "{\"step\":0,\"watchdog\":\"nan\",\"at\":3}\n"
                   "{\"step\":1,\"loss\":2,\"other\":1e-3,\"seconds\":0.5}\n"
                   "{\"step\":2,\"loss\":3,\"text\":\"x\",\"list\":[1],\"seconds\":0.25}\n"
                   "{\"step\":4,\"loss\":-7,\"seconds\":1}\n"
                   "{\"step\":5,\"loss\":9");
  g_autoptr (curves) curves = curves_load (path, &error);
  g_assert_no_error (error);
  const struct curve *loss = curves_find (curves, "loss"), *other = curves_find (curves, "other");
  g_assert_cmpint (curves->steps, ==, 4);
  g_assert_cmpfloat (curves->seconds, ==, 1.75);
  g_assert_cmpint (loss->n, ==, 3);
  g_assert_cmpfloat (loss->bucket[0].sum + loss->bucket[1].sum + loss->bucket[3].sum, ==, -2);
  g_assert_cmpint (loss->bucket[2].n, ==, 0);
  g_assert_cmpfloat (other->bucket[0].most, ==, 1e-3);
  g_assert_null (curves_find (curves, "seconds"));
  g_assert_null (curves_find (curves, "step"));

  for (size_t i = 0; i < G_N_ELEMENTS (bad); i++) {
    g_autoptr (GError) local = NULL;
    save_text (path, bad[i]);
    g_assert_null (curves_load (path, &local));
    g_assert_error (local, IMPASTO_ERROR, IMPASTO_ERROR_INPUT);
    g_assert_nonnull (strstr (local->message, i == 0 ? "line 2 is no line" : "line 1 is no line"));
  }
  g_autofree char *deep = g_strnfill (100000, '[');
  save_text (path, deep);
  g_autoptr (curves) nothing = curves_load (path, NULL); /* too long for a line, and cut off */
  g_assert_null (nothing);
  g_assert_null (curves_load (missing, &error));
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT);
}

/* Text and elements of a drawing, as a parser of XML sees them. */
struct seen {
  int paths, rects;
  GString *text;
};

static void
on_element (GMarkupParseContext *context, const char *name, const char **attributes, const char **values, gpointer data,
            GError **error)
{
  struct seen *seen = data;
  seen->paths += g_str_equal (name, "path");
  seen->rects += g_str_equal (name, "rect");
}

static void
on_text (GMarkupParseContext *context, const char *text, gsize n, gpointer data, GError **error)
{
  g_string_append_len (((struct seen *) data)->text, text, (gssize) n);
}

static void
test_svg (void)
{
  static const char *const names[] = {"loss", "a <b> & \"c\""}, *const labels[] = {"first", "second > first"};
  g_autoptr (curves) a = curves_new (), b = curves_new ();
  const struct curves *both[] = {a, b};
  struct seen seen = {.text = g_string_new (NULL)};
  const GMarkupParser parser = {.start_element = on_element, .text = on_text};

  for (int64_t step = 1; step <= 3000; step++) {
    curves_add (a, step, 2, names, (double[]){1.0 / (double) step, -2});
    curves_add (b, step, 1, names, (double[]){0.5});
  }
  setlocale (LC_NUMERIC, "de_DE.UTF-8"); /* where it is installed */
  g_autofree char *svg = curves_svg (both, labels, 2, "<title>");
  setlocale (LC_NUMERIC, "C");
  GMarkupParseContext *context = g_markup_parse_context_new (&parser, 0, &seen, NULL);
  g_assert_true (g_markup_parse_context_parse (context, svg, -1, NULL) &&
                 g_markup_parse_context_end_parse (context, NULL));
  g_markup_parse_context_free (context);
  const char *const wanted[] = {"<title>", "a <b> & \"c\"", "loss", "first", "second > first", "0.01", "3k", NULL};
  for (int i = 0; wanted[i]; i++)
    if (!strstr (seen.text->str, wanted[i]))
      g_error ("\"%s\" is not in the drawing", wanted[i]);
  g_assert_cmpint (seen.rects, ==, 4); /* the field, the ground, two frames */
  g_assert_cmpint (seen.paths, >=, 3 + 2);
  g_assert_null (strchr (strstr (svg, "d=\""), ',')); /* no decimal comma */
  g_string_free (seen.text, TRUE);
}

/* Numbers have a unit as long as there are units. */
static void
test_large (void)
{
  static const struct {
    double value;
    const char *text;
  } cases[] = {{4.0021e9, ">4.002G<"}, {9.9e11, ">990G<"}, {4.002e15, ">4e+15<"}, {-1.234e300, ">-1.23e+300<"}};
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (curves) run = curves_new ();
    curves_add (run, 1, 1, (const char *const[]){"x"}, &cases[i].value);
    g_autofree char *svg = curves_svg ((const struct curves *const[]){run}, NULL, 1, "run");
    if (!strstr (svg, cases[i].text))
      g_error ("%s is not in the drawing", cases[i].text);
  }
}

/* Middle of the line in a column of the first panel's field, rows 72 to 212, or -1: nothing else there is that dark. */
static double
row_of (const struct picture *picture, int x)
{
  double sum = 0, all = 0;

  for (int y = 72; y < 212; y++) {
    double red = picture->rgb[(size_t) y * (size_t) picture->width + (size_t) x];
    if (red < 0.6) {
      sum += (1 - red) * (y + 0.5);
      all += 1 - red;
    }
  }
  return all > 0 ? sum / all : -1;
}

/* The line of a figure that rises evenly is straight from corner to corner; on a logarithmic scale so is a power. */
static void
test_picture (void)
{
  for (int logarithmic = 0; logarithmic < 2; logarithmic++) {
    g_autoptr (curves) run = curves_new ();
    g_autoptr (GError) error = NULL;
    g_autofree char *png = in (logarithmic ? "log.png" : "lin.png"), *svg_file = in ("lin.svg"), *bytes = NULL;

    for (int64_t step = 1; step <= 512; step++) {
      double t = (double) step / 512;
      curves_add (run, step, 1, (const char *const[]){"x"}, (double[]){logarithmic ? pow (10, 3 * t) : t - 0.5});
    }
    g_autofree char *svg = curves_svg ((const struct curves *const[]){run}, NULL, 1, "run");
    g_assert_true (curves_save (svg, svg_file, &error) && curves_save (svg, png, &error));
    g_assert_true (g_file_get_contents (svg_file, &bytes, NULL, NULL));
    g_assert_cmpstr (bytes, ==, svg);
    g_autoptr (picture) picture = picture_load (png, 0, &error);
    g_assert_no_error (error);
    /* The field: 256 x 144 at (56, 40 + 30). Scale: the 1st to the 99th part, padded by 7 %. */
    double low = 0.0098, high = 0.9922, pad = 0.07 * (high - low);
    for (int x = 60; x < 310; x += 10) {
      double share = (x + 0.5 - 56) / 256, y = 70 + 144 * (1 - (share - low + pad) / (high - low + 2 * pad));
      if (fabs (row_of (picture, x) - y) > 1)
        g_error ("at %d: the line is at %g, should be at %g", x, row_of (picture, x), y);
    }
  }
}

/* Nothing, one value, all the same, endless: drawn without a fuss. */
static void
test_edges (void)
{
  static const double values[][3] = {
    {0, 0, 0}, {5, 5, 5}, {-1e300, 0, 1e300}, {1e-300, 1e-200, 1e-100}, {-0.0, 0, 1e-320}, {1e16, 1e16 + 2, 1e16 + 4}};
  static const char *const name[] = {"x"};
  g_autoptr (curves) none = curves_new ();
  g_autofree char *empty = curves_svg ((const struct curves *const[]){none}, NULL, 1, "nothing yet"),
                  *path = in ("e.png");

  g_assert_true (curves_save (empty, path, NULL));
  for (size_t i = 0; i < G_N_ELEMENTS (values); i++)
    for (int n = 1; n <= 3; n++) {
      g_autoptr (curves) run = curves_new ();
      for (int k = 0; k < n; k++)
        curves_add (run, k + 1, 1, name, &values[i][k]);
      g_autofree char *svg = curves_svg ((const struct curves *const[]){run}, NULL, 1, "run");
      g_assert_null (strstr (svg, "nan"));
      g_assert_null (strstr (svg, "inf"));
      g_assert_cmpuint (strlen (svg), <, 20000);
      g_assert_true (curves_save (svg, path, NULL));
    }
  g_autoptr (GError) error = NULL;
  g_assert_false (curves_save ("no drawing", path, &error));
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT);
  g_clear_error (&error);
  g_assert_false (curves_save (empty, "/nowhere/x.svg", &error));
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_OUTPUT);
}

static int
count_events (void)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  int n = 0;

  for (const char *name; (name = g_dir_read_name (dir));)
    n += g_str_has_prefix (name, "events.out.tfevents.");
  return n;
}

/* A run of 12 steps that is killed after 8 and resumed from 5 draws what an uninterrupted one does. */
static void
test_monitor (void)
{
  g_autofree char *stats_file = in ("stats.jsonl"), *sheet = in ("sheet.png"), *drawn = in ("curves.svg"),
                  *picture = in ("curves.png"), *got = NULL, *base = g_path_get_basename (folder);
  g_autoptr (picture) sample = picture_new (4, 4, false, NULL);
  g_autoptr (curves) whole = curves_new ();
  g_autoptr (GError) error = NULL;
  GString *lines = g_string_new (NULL);
  struct train_stats stats = {.n = 2, .name = {"loss", "diversity"}};

  g_assert_true (picture_save (sample, sheet, NULL, NULL));
  save_text (stats_file, "rubbish of nobody");
  struct monitor *first = monitor_new (folder, 0, &error);
  g_assert_no_error (error);
  for (int64_t step = 1; step <= 12; step++) {
    stats.value[0] = 1 + 1.0 / (double) (1 << step);
    stats.value[1] = (double) (step % 4) / 4;
    curves_add (whole, step, 2, stats.name, stats.value);
    if (step <= 5)
      g_string_append_printf (lines, "{\"step\":%d,\"loss\":%.17g,\"diversity\":%.17g,\"seconds\":1}\n", (int) step,
                              stats.value[0], stats.value[1]);
    if (step <= 8)
      g_assert_true (monitor_step (first, step, &stats, &error));
  }
  g_assert_true (monitor_draw (first, 8, NULL, &error));
  monitor_free (first);
  save_text (stats_file, lines->str);
  struct monitor *second = monitor_new (folder, 5, &error);
  g_assert_no_error (error);
  for (int64_t step = 6; step <= 12; step++) {
    stats.value[0] = 1 + 1.0 / (double) (1 << step);
    stats.value[1] = (double) (step % 4) / 4;
    g_assert_true (monitor_step (second, step, &stats, &error));
  }
  g_assert_true (monitor_draw (second, 12, sheet, &error));
  monitor_free (second);
  g_assert_cmpint (count_events (), ==, 2);

  g_autofree char *title = g_strdup_printf ("%s, step 12", base);
  g_autofree char *want = curves_svg ((const struct curves *const[]){whole}, NULL, 1, title);
  g_assert_true (g_file_get_contents (drawn, &got, NULL, NULL));
  g_assert_cmpstr (got, ==, want);
  g_assert_true (picture_probe (picture, 0, &(struct picture_info){0}, NULL));
  g_string_free (lines, TRUE);
  g_assert_null (monitor_new ("/nowhere", 0, &error));
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_OUTPUT);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("impasto-curves-XXXXXX", NULL);
  g_test_add_func ("/curves/buckets", test_buckets);
  g_test_add_func ("/curves/load", test_load);
  g_test_add_func ("/curves/svg", test_svg);
  g_test_add_func ("/curves/large", test_large);
  g_test_add_func ("/curves/picture", test_picture);
  g_test_add_func ("/curves/edges", test_edges);
  g_test_add_func ("/curves/monitor", test_monitor);
  int status = g_test_run ();
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  for (const char *name; (name = g_dir_read_name (dir));) {
    g_autofree char *path = in (name);
    g_remove (path);
  }
  g_rmdir (folder);
  g_free (folder);
  return status;
}
