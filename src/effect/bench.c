/* SPDX-License-Identifier: Apache-2.0
 *
 * How fast a network or a training step is here: timed without files, beside what the machine reaches at best. */
#include <string.h>
#include <sys/resource.h>

#include "base/text.h"
#include "compile/plan.h"
#include "device/cpu.h"
#include "effect/options.h"
#include "effect/subject.h"
#include "format/npy.h"

#define WARM_UPS 2
#define PROFILE_RUNS 20

struct bench_settings {
  struct subject_options subject;
  char *output;
  int64_t runs;
  bool layers;
};

static const struct option bench_options[] = {
  {"net", OPTION_STRING, offsetof (struct bench_settings, subject.net),
   "johnson (Johnson 2016: width 32, inner 128, ends 9), default (what training starts from), or a network of impasto "
   "describe, with random weights",
   .text = "johnson", .metavar = "NAME"},
  {"style", OPTION_STRING, offsetof (struct bench_settings, subject.style), "the network of this style or pack instead",
   .metavar = "NAME"},
  {"train", OPTION_STRING, offsetof (struct bench_settings, subject.train),
   "a training step of this recipe instead, with random pictures and weights", .metavar = "RECIPE"},
  {"batch", OPTION_INT, offsetof (struct bench_settings, subject.batch),
   "pictures a training step; 0 = the recipe's own", 0, 64, 0},
  {"features", OPTION_STRING, offsetof (struct bench_settings, subject.features),
   "weights of a recipe's feature network; random if not given", .metavar = "FILE"},
  {"set", OPTION_STRING, offsetof (struct bench_settings, subject.set),
   "other settings of the network or recipe: NAME=VALUE, joined by ','", .metavar = "SETTINGS"},
  {"size", OPTION_STRING, offsetof (struct bench_settings, subject.size),
   "of the picture; 512x512 if not given, for a training step the recipe's own", .metavar = "WxH"},
  {"input", OPTION_STRING, offsetof (struct bench_settings, subject.input),
   "float32 values for the first input, which give its shape, too", .metavar = "FILE.npy"},
  {"output", OPTION_STRING, offsetof (struct bench_settings, output), "keeps what the last timed run gave",
   .metavar = "FILE.npy"},
  {"precision", OPTION_CHOICE, offsetof (struct bench_settings, subject.precision),
   "of the arithmetic; auto = bf16 where the CPU has it", .choices = precision_names},
  {"threads", OPTION_INT, offsetof (struct bench_settings, subject.threads), "threads; 0 = all", 0, 1024, 0},
  {"runs", OPTION_INT, offsetof (struct bench_settings, runs), "how often; the median counts", 1, 100000, 20},
  {"layers", OPTION_BOOL, offsetof (struct bench_settings, layers), "show the time of every step, and of each kind"},
  {NULL},
};

ImpastoOptions *
impasto_bench_options_new (void)
{
  ImpastoOptions *options = impasto_options_new ();
  options_add (options, NULL, bench_options, sizeof (struct bench_settings));
  return options;
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

static bool
check_output (const struct bench_settings *settings, GError **error)
{
  const char *path = settings->output;
  if (!path || (g_str_has_suffix (path, ".npy") && !settings->subject.train))
    return true;
  g_autofree char *shown = text_show (path);
  if (settings->subject.train)
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "--output keeps what a network gives, not a training step");
  else
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "--output wants a .npy file, not '%s'", shown);
  return false;
}

/* The first of the graph's outputs, as the last run left it. */
static bool
save_output (const struct subject *subject, const char *path, GError **error)
{
  return npy_save (plan_output (subject->plan, graph_result (subject->graph, 0).name), false, path, error);
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
  g_string_append_printf (text, "measured peak: %.0f GFLOP/s in %s, %d thread%s\n", bench->peak_gflops,
                          bench->precision, bench->threads, text_plural (bench->threads));
  bench->layers = g_string_free (text, FALSE);
}

gboolean
impasto_bench (const char *what, const ImpastoOptions *options, ImpastoBench *bench, GError **error)
{
  const struct bench_settings *settings = options_settings (options, bench_options);
  *bench = (ImpastoBench){0};
  g_return_val_if_fail (settings, FALSE);
  g_auto (subject) subject = {0};
  if (!check_output (settings, error))
    return FALSE;
  if (!subject_init (&subject, what, &settings->subject, error))
    return FALSE;
  *bench = (ImpastoBench){
    .net = g_steal_pointer (&subject.name),
    .width = subject.width,
    .height = subject.height,
    .batch = subject.batch,
    .runs = settings->runs,
    .operations = plan_flops (subject.plan),
    .plan_bytes = plan_memory (subject.plan),
    .precision = precision_names[plan_precision (subject.plan)],
  };
  struct cpu_scope scope = cpu_enter (settings->subject.threads);
  bench->threads = cpu_threads ();
  cpu_leave (scope);
  measure (subject.plan, settings->runs, bench);
  bench->memory_bytes = peak_memory (); /* before the peak of speed is measured, which takes some, too */
  if (settings->output && !save_output (&subject, settings->output, error))
    return FALSE;
  bench->peak_gflops = cpu_peak_gflops (plan_precision (subject.plan) == PRECISION_BF16, bench->threads);
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
