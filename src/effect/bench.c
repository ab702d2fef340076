/* SPDX-License-Identifier: Apache-2.0
 *
 * How fast a network is here: that of a pack, one of ours with random weights, or a training step; timed without files.
 * Time does not depend on the values of weights as long as none is denormal. */
#include <string.h>
#include <sys/resource.h>

#include "base/text.h"
#include "compile/plan.h"
#include "device/cpu.h"
#include "effect/inspect.h"
#include "effect/options.h"
#include "effect/styles.h"
#include "train/trainer.h"

#define WARM_UPS 2
#define PROFILE_RUNS 20

struct bench_settings {
  char *net, *style, *size, *train, *features, *set;
  int precision;
  int64_t threads, runs, batch;
  bool layers;
};

static const struct option bench_options[] = {
  {"net", OPTION_STRING, offsetof (struct bench_settings, net),
   "johnson (Johnson 2016: width 32, inner 128, ends 9), default (what training starts from), or a network of impasto "
   "describe, with random weights",
   .text = "johnson", .metavar = "NAME"},
  {"style", OPTION_STRING, offsetof (struct bench_settings, style), "the network of this style or pack instead",
   .metavar = "NAME"},
  {"train", OPTION_STRING, offsetof (struct bench_settings, train),
   "a training step of this recipe instead, with random pictures and weights", .metavar = "RECIPE"},
  {"batch", OPTION_INT, offsetof (struct bench_settings, batch), "pictures a training step; 0 = the recipe's own", 0,
   64, 0},
  {"features", OPTION_STRING, offsetof (struct bench_settings, features),
   "weights of a recipe's feature network; random if not given", .metavar = "FILE"},
  {"set", OPTION_STRING, offsetof (struct bench_settings, set),
   "other settings of the network or recipe: NAME=VALUE, joined by ','", .metavar = "SETTINGS"},
  {"size", OPTION_STRING, offsetof (struct bench_settings, size),
   "of the picture; 512x512 if not given, for a training step the recipe's own", .metavar = "WxH"},
  {"precision", OPTION_CHOICE, offsetof (struct bench_settings, precision),
   "of the arithmetic; auto = bf16 where the CPU has it", .choices = precision_names},
  {"threads", OPTION_INT, offsetof (struct bench_settings, threads), "threads; 0 = all", 0, 1024, 0},
  {"runs", OPTION_INT, offsetof (struct bench_settings, runs), "how often; the median counts", 1, 100000, 20},
  {"layers", OPTION_BOOL, offsetof (struct bench_settings, layers), "show the time of every step, and of each kind"},
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

/* What is timed: a graph with its weights, then its plan. */
struct subject {
  struct graph *graph;
  struct weights *weights;
  struct plan *plan;
};

static void
subject_clear (struct subject *subject)
{
  g_clear_pointer (&subject->plan, plan_free);
  g_clear_pointer (&subject->weights, weights_unref);
  g_clear_pointer (&subject->graph, graph_free);
}
typedef struct subject subject;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (subject, subject_clear)

/* "inner=128,ends=9" */
static bool
apply_settings (const char *text, const struct option *table, void *object, GError **error)
{
  g_auto (GStrv) parts = g_strsplit (text ? text : "", ",", -1);
  for (int i = 0; parts[i]; i++) {
    char *value = strchr (parts[i], '=');
    if (value)
      *value++ = '\0';
    if (!option_set (table, object, g_strstrip (parts[i]), value, error)) {
      g_prefix_error (error, "--set: ");
      return false;
    }
  }
  return true;
}

static bool
is_net (const char *name)
{
  bool preset = g_str_equal (name, "default");
  for (size_t i = 0; i < G_N_ELEMENTS (presets); i++)
    preset |= g_str_equal (name, presets[i].name);
  return preset || net_find (name);
}

/* A network of ours: a preset or one of net_table, with the settings of --set. */
static bool
build_net (struct subject *subject, const char *name, const struct bench_settings *settings, struct shape shape,
           GError **error)
{
  const struct net *net = net_find (name);
  struct style_net style = {0};
  option_init (net_style.options, &style);
  for (size_t i = 0; i < G_N_ELEMENTS (presets); i++)
    if (g_str_equal (name, presets[i].name))
      style = presets[i].settings;
  if (!is_net (name)) {
    g_autofree char *shown = text_show (name), *names = g_strjoinv (", ", (char **) impasto_nets ());
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "there is no network '%s'; there are johnson, default, %s",
                 shown, names);
    return false;
  }
  net = net ? net : &net_style;
  g_autofree void *own = net == &net_style ? NULL : g_malloc0 (net->options_size + 1);
  void *object = own ? own : &style;
  if (own)
    option_init (net->options, own);
  if (!apply_settings (settings->set, net->options, object, error))
    return false;
  net_build (net, subject->graph, shape, object);
  return true;
}

static bool
build_style (struct subject *subject, const char *name, struct shape shape, GError **error)
{
  struct style style = {0};
  if (!style_find (name, &style, error))
    return false;
  weights_unref (subject->weights);
  subject->weights = weights_ref (style.pack->weights);
  net_build (&net_style, subject->graph, shape, &style.pack->settings);
  style_clear (&style);
  return true;
}

/* Pictures without structure, but with values of every size; the first of several styles. */
static void
fill_inputs (const struct subject *subject)
{
  for (int id = 0; id < graph_count (subject->graph); id++) {
    const struct node *node = graph_node (subject->graph, id);
    struct tensor *input = node->op == &op_input ? plan_input (subject->plan, node->name) : NULL;
    if (!input)
      continue;
    float *x = tensor_floats (input);
    for (int64_t i = 0, n = shape_size (&input->shape); i < n; i++)
      x[i] = g_str_equal (node->name, "style") ? i == 0 : (float) (i * 2654435761u % 1000) / 1000;
  }
}

static bool
prepare_network (struct subject *subject, const char *what, const struct bench_settings *settings, ImpastoBench *bench,
                 GError **error)
{
  if (!parse_size ("size", settings->size ? settings->size : "512x512", &bench->width, &bench->height, error))
    return false;
  struct shape shape = SHAPE (1, 3, bench->height, bench->width);
  const char *name = what ? what : settings->style ? settings->style : settings->net;
  bool net = what ? is_net (what) : !settings->style;
  bench->net = g_strdup (name);
  subject->graph = graph_new ();
  subject->weights = weights_new ();
  if (!(net ? build_net (subject, name, settings, shape, error) : build_style (subject, name, shape, error)))
    return false;
  struct plan_options wanted = {
    .precision = settings->precision, .threads = settings->threads, .memory_limit = cpu_memory_available ()};
  if (!weights_init (subject->weights, subject->graph, 1, error) ||
      !(subject->plan = plan_compile (subject->graph, subject->weights, &wanted, error)))
    return false;
  fill_inputs (subject);
  return true;
}

/* Recipes call them the same: sets @name to @value unless that is 0. */
static bool
set_number (const struct recipe *recipe, void *object, const char *name, int64_t value, GError **error)
{
  g_autofree char *text = g_strdup_printf ("%" G_GINT64_FORMAT, value);
  return value == 0 || option_set (recipe->options, object, name, text, error);
}

static int64_t
get_number (const struct recipe *recipe, const void *object, const char *name)
{
  g_autofree char *text = option_find (recipe->options, name) ? option_get (recipe->options, object, name) : NULL;
  return text ? g_ascii_strtoll (text, NULL, 10) : 0;
}

static bool
prepare_training (struct subject *subject, const struct bench_settings *settings, ImpastoBench *bench, GError **error)
{
  const struct recipe *recipe = recipe_find (settings->train);
  int width = 0, height = 0;
  if (!recipe) {
    g_autofree char *shown = text_show (settings->train), *names = g_strjoinv (", ", (char **) impasto_recipes ());
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "no recipe '%s'; there are %s", shown, names);
    return false;
  }
  if (settings->size && !parse_size ("size", settings->size, &width, &height, error))
    return false;
  if (width != height) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "training takes square crops, not %dx%d", width, height);
    return false;
  }
  struct run_settings run = {0};
  option_init (run_options, &run);
  run.precision = settings->precision;
  run.threads = settings->threads;
  g_autofree void *object = g_malloc0 (recipe->settings_size);
  option_init (recipe->options, object);
  bool ok = set_number (recipe, object, "batch", settings->batch, error) &&
            set_number (recipe, object, "size", width, error) &&
            (!settings->features || option_set (recipe->options, object, "features", settings->features, error)) &&
            apply_settings (settings->set, recipe->options, object, error) &&
            (subject->plan = train_rehearse (recipe, object, &run, error));
  bench->net = g_strdup_printf ("train-%s", recipe->name);
  bench->batch = get_number (recipe, object, "batch");
  bench->width = bench->height = get_number (recipe, object, "size");
  option_clear (recipe->options, object);
  option_clear (run_options, &run);
  return ok;
}

static int
by_value (gconstpointer a, gconstpointer b)
{
  double x = *(const double *) a, y = *(const double *) b;
  return x < y ? -1 : x > y;
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

/* Peak memory of the process so far, as GNU time reports it. */
static guint64
peak_memory (void)
{
  struct rusage usage;
  return getrusage (RUSAGE_SELF, &usage) == 0 ? (guint64) usage.ru_maxrss * 1024 : 0;
}

/* Which kinds of work eat the time, and what of its peak the machine reaches while it convolves. */
static void
report_layers (struct plan *plan, int64_t runs, ImpastoBench *bench)
{
  struct plan_part parts[PLAN_KINDS];
  g_autofree char *steps = plan_profile (plan, MIN (runs, PROFILE_RUNS));
  GString *text = g_string_new (steps);
  double total = 0;
  plan_parts (plan, parts);
  for (int i = 0; i < PLAN_KINDS; i++)
    total += parts[i].seconds;
  g_string_append_printf (text, "\n%-16s %10s %7s %9s %9s\n", "kind", "ms", "time", "GFLOP/s", "of peak");
  for (int i = 0; i < PLAN_KINDS; i++) {
    double gflops = parts[i].flops / MAX (parts[i].seconds, 1e-9) * 1e-9;
    if (parts[i].seconds <= 0)
      continue;
    bench->parts[bench->n_parts++] = (ImpastoBenchPart){plan_kind_names[i], parts[i].seconds, parts[i].flops};
    g_string_append_printf (text, "%-16s %10.3f %6.1f%%", plan_kind_names[i], parts[i].seconds * 1e3,
                            100 * parts[i].seconds / total);
    if (parts[i].flops > 0)
      g_string_append_printf (text, " %9.0f %8.1f%%", gflops, 100 * gflops / bench->peak_gflops);
    g_string_append_c (text, '\n');
  }
  g_string_append_printf (text, "measured peak: %.0f GFLOP/s in %s, %d threads\n", bench->peak_gflops, bench->precision,
                          bench->threads);
  bench->layers = g_string_free (text, FALSE);
}

gboolean
impasto_bench (const char *what, const ImpastoOptions *options, ImpastoBench *bench, GError **error)
{
  const struct bench_settings *settings = options_settings (options, bench_options);
  g_return_val_if_fail (settings, FALSE);
  g_auto (subject) subject = {0};
  *bench = (ImpastoBench){.runs = settings->runs};
  if (!(settings->train ? prepare_training (&subject, settings, bench, error)
                        : prepare_network (&subject, what, settings, bench, error)))
    return FALSE;
  bool bf16 = plan_precision (subject.plan) == PRECISION_BF16;
  bench->operations = plan_flops (subject.plan);
  bench->plan_bytes = plan_memory (subject.plan);
  bench->precision = precision_names[plan_precision (subject.plan)];
  struct cpu_scope scope = cpu_enter (settings->threads);
  bench->threads = cpu_threads ();
  cpu_leave (scope);
  measure (subject.plan, settings->runs, bench);
  bench->memory_bytes = peak_memory (); /* before the peak of speed is measured, which takes some, too */
  bench->peak_gflops = cpu_peak_gflops (bf16, settings->threads);
  if (settings->layers)
    report_layers (subject.plan, settings->runs, bench);
  return TRUE;
}

void
impasto_bench_clear (ImpastoBench *bench)
{
  g_clear_pointer (&bench->net, g_free);
  g_clear_pointer (&bench->layers, g_free);
}
