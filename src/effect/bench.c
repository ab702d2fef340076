/* SPDX-License-Identifier: Apache-2.0
 *
 * How fast painting is here: the network of a pack, or one of known settings with random weights, timed without files.
 * Time does not depend on the values of weights as long as none is denormal. */
#include <string.h>

#include "base/text.h"
#include "compile/plan.h"
#include "device/cpu.h"
#include "effect/inspect.h"
#include "effect/options.h"
#include "effect/styles.h"

#define WARM_UPS 2

struct bench_settings {
  char *net, *style, *size;
  int precision;
  int64_t threads, runs;
  bool layers;
};

static const struct option bench_options[] = {
  {"net", OPTION_STRING, offsetof (struct bench_settings, net),
   "johnson (Johnson 2016: width 32, inner 128, ends 9) or default (what training starts from), with random weights",
   .text = "johnson", .metavar = "NAME"},
  {"style", OPTION_STRING, offsetof (struct bench_settings, style), "the network of this style or pack instead",
   .metavar = "NAME"},
  {"size", OPTION_STRING, offsetof (struct bench_settings, size), "of the picture", .text = "512x512",
   .metavar = "WxH"},
  {"precision", OPTION_CHOICE, offsetof (struct bench_settings, precision),
   "of the arithmetic; auto = bf16 where the CPU has it", .choices = precision_names},
  {"threads", OPTION_INT, offsetof (struct bench_settings, threads), "threads; 0 = all", 0, 1024, 0},
  {"runs", OPTION_INT, offsetof (struct bench_settings, runs), "how often; the median counts", 1, 100000, 20},
  {"layers", OPTION_BOOL, offsetof (struct bench_settings, layers), "show the time of every step"},
  {NULL},
};

static const struct {
  const char *name;
  struct style_net settings;
} presets[] = {
  {"johnson", {.styles = 1, .width = 32, .inner = 128, .residuals = 5, .ends = 9}},
};

bool
parse_size (const char *name, const char *text, int *width, int *height, GError **error)
{
  char *end;
  gint64 w = g_ascii_strtoll (text, &end, 10), h = *end == '\0' ? w : 0;
  if (g_ascii_tolower (*end) == 'x')
    h = g_ascii_strtoll (end + 1, &end, 10);
  if (*end == '\0' && w >= 1 && h >= 1 && w <= 65536 && h <= 65536) {
    *width = w;
    *height = h;
    return true;
  }
  g_autofree char *shown = text_show (text);
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE,
               "--%s wants WIDTHxHEIGHT from 1 to 65536 like 512x384, not '%s'", name, shown);
  return false;
}

ImpastoOptions *
impasto_bench_options_new (void)
{
  ImpastoOptions *options = impasto_options_new ();
  options_add (options, NULL, bench_options, sizeof (struct bench_settings));
  return options;
}

static bool
find_preset (const char *name, struct style_net *net, GError **error)
{
  for (size_t i = 0; i < G_N_ELEMENTS (presets); i++)
    if (g_str_equal (name, presets[i].name)) {
      *net = presets[i].settings;
      return true;
    }
  option_init (net_style.options, net);
  if (g_str_equal (name, "default"))
    return true;
  g_autofree char *shown = text_show (name);
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "--net wants johnson or default, not '%s'", shown);
  return false;
}

static int
by_value (gconstpointer a, gconstpointer b)
{
  double x = *(const double *) a, y = *(const double *) b;
  return x < y ? -1 : x > y;
}

/* A picture without structure, but with values of every size. */
static void
fill (struct tensor *photo)
{
  float *x = tensor_floats (photo);
  for (int64_t i = 0, n = shape_size (&photo->shape); i < n; i++)
    x[i] = (float) (i * 2654435761u % 1000) / 1000;
}

static void
measure (struct plan *plan, int64_t runs, ImpastoBench *bench)
{
  g_autofree double *seconds = g_new (double, runs);
  for (int i = 0; i < WARM_UPS; i++)
    plan_run (plan, 1, 0);
  for (int64_t i = 0; i < runs; i++) {
    gint64 start = g_get_monotonic_time ();
    plan_run (plan, 1, 0);
    seconds[i] = (g_get_monotonic_time () - start) * 1e-6;
  }
  qsort (seconds, runs, sizeof *seconds, by_value);
  bench->median_seconds = runs % 2 ? seconds[runs / 2] : (seconds[runs / 2 - 1] + seconds[runs / 2]) / 2;
  bench->min_seconds = seconds[0];
}

gboolean
impasto_bench (const ImpastoOptions *options, ImpastoBench *bench, GError **error)
{
  const struct bench_settings *settings = options_settings (options, bench_options);
  g_return_val_if_fail (settings, FALSE);
  struct style style = {0};
  struct style_net net = {0};
  *bench = (ImpastoBench){.runs = settings->runs};
  if (!parse_size ("size", settings->size, &bench->width, &bench->height, error) ||
      !(settings->style ? style_find (settings->style, &style, error) : find_preset (settings->net, &net, error)))
    return FALSE;

  g_autoptr (weights) weights = style.pack ? weights_ref (style.pack->weights) : weights_new ();
  net = style.pack ? style.pack->settings : net;
  bench->net = g_strdup (style.pack ? settings->style : settings->net);
  style_clear (&style);
  g_autoptr (graph) graph = graph_new ();
  sym photo = graph_input (graph, "photo", SHAPE (1, 3, bench->height, bench->width));
  sym row = graph_input (graph, "style", SHAPE (1, net.styles));
  graph_output (graph, "painting", style_net (photo, row, &net));
  struct plan_options wanted = {
    .precision = settings->precision, .threads = settings->threads, .memory_limit = cpu_memory_available ()};
  g_autoptr (plan) plan = NULL;
  if (!weights_init (weights, graph, 1, error) || !(plan = plan_compile (graph, weights, &wanted, error)))
    return FALSE;
  fill (plan_input (plan, "photo"));
  tensor_floats (plan_input (plan, "style"))[0] = 1;
  measure (plan, settings->runs, bench);
  bench->operations = plan_flops (plan);
  bench->plan_bytes = plan_memory (plan);
  bench->precision = precision_names[plan_precision (plan)];
  bench->threads = cpu_threads ();
  bench->layers = settings->layers ? plan_profile (plan, MIN (settings->runs, 20)) : NULL;
  return TRUE;
}

void
impasto_bench_clear (ImpastoBench *bench)
{
  g_clear_pointer (&bench->net, g_free);
  g_clear_pointer (&bench->layers, g_free);
}
