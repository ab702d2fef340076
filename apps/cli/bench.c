/* SPDX-License-Identifier: Apache-2.0
 *
 * impasto bench: how fast painting is on this machine, on one line. */
#include <json-glib/json-glib.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "command.h"

#define MIB 1048576.0

static const ImpastoOption options[] = {
  {"json", IMPASTO_OPTION_BOOLEAN, "the line as JSON"},
  {NULL},
};

static ImpastoOptions *
bench_options (const char *subject, GError **error)
{
  ImpastoOptions *all = impasto_bench_options_new ();
  impasto_options_add (all, NULL, options);
  return all;
}

/* Peak memory of the process, as GNU time reports it. */
static double
peak_mib (void)
{
  struct rusage usage;
  return getrusage (RUSAGE_SELF, &usage) == 0 ? usage.ru_maxrss / 1024.0 : 0;
}

static void
print_json (const ImpastoBench *bench, double gflops)
{
  g_autoptr (JsonObject) object = json_object_new ();
  g_autoptr (JsonNode) node = json_node_new (JSON_NODE_OBJECT);
  json_object_set_string_member (object, "net", bench->net);
  json_object_set_int_member (object, "width", bench->width);
  json_object_set_int_member (object, "height", bench->height);
  json_object_set_double_member (object, "median_ms", bench->median_seconds * 1e3);
  json_object_set_double_member (object, "min_ms", bench->min_seconds * 1e3);
  json_object_set_double_member (object, "gflops", gflops);
  json_object_set_double_member (object, "plan_mib", bench->plan_bytes / MIB);
  json_object_set_double_member (object, "memory_mib", peak_mib ());
  json_object_set_string_member (object, "precision", bench->precision);
  json_object_set_int_member (object, "threads", bench->threads);
  json_object_set_int_member (object, "runs", bench->runs);
  json_node_set_object (node, object);
  g_autofree char *text = json_to_string (node, FALSE);
  puts (text);
}

static int
bench_run (const struct arguments *arguments)
{
  g_autoptr (GError) error = NULL;
  ImpastoBench bench = {0};
  if (arguments->n_words > 0)
    return complain_usage ("bench takes no '%s'; the network is chosen with --net or --style", arguments->words[0]);
  int status = impasto_bench (arguments->options, &bench, &error) ? 0 : complain (error);
  double gflops = status ? 0 : bench.operations / bench.median_seconds * 1e-9;
  if (!status && arguments_flag (arguments, "json"))
    print_json (&bench, gflops);
  else if (!status)
    printf ("net %s  size %dx%d  median_ms %.1f  min_ms %.1f  gflops %.0f  memory_mib %.0f  precision %s  threads %d  "
            "runs %d\n",
            bench.net, bench.width, bench.height, bench.median_seconds * 1e3, bench.min_seconds * 1e3, gflops,
            peak_mib (), bench.precision, bench.threads, bench.runs);
  if (bench.layers)
    fputs (bench.layers, stdout);
  impasto_bench_clear (&bench);
  return status;
}

const struct command command_bench = {
  .name = "bench",
  .summary = "Measures how fast painting is here",
  .usage = "[--size WxH] [--net NAME | --style NAME]",
  .examples = {"impasto bench", "impasto bench --style starry-night --size 1024x768 --layers"},
  .notes = "GFLOP/s counts what the network's convolutions mean, whatever the kernels make of them; memory is the\n"
           "peak of the process.",
  .options = bench_options,
  .run = bench_run,
};
