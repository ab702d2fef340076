/* SPDX-License-Identifier: Apache-2.0
 *
 * impasto bench: how fast a network, or a training step, is on this machine, on one line. */
#include <json-glib/json-glib.h>
#include <stdio.h>

#include "command.h"
#include "progress.h"

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

static void
print_json (const ImpastoBench *bench, double gflops)
{
  JsonObject *object = json_object_new ();
  g_autofree char *size = g_strdup_printf ("%dx%d", bench->width, bench->height);
  json_object_set_string_member (object, "net", bench->net);
  json_object_set_string_member (object, "size", size);
  json_object_set_int_member (object, "width", bench->width);
  json_object_set_int_member (object, "height", bench->height);
  if (bench->batch) {
    json_object_set_int_member (object, "batch", bench->batch);
    json_object_set_double_member (object, "images_per_second", bench->batch / bench->median_seconds);
  }
  json_object_set_double_member (object, "median_ms", bench->median_seconds * 1e3);
  json_object_set_double_member (object, "min_ms", bench->min_seconds * 1e3);
  json_object_set_double_member (object, "gflops", gflops);
  json_object_set_double_member (object, "peak_gflops", bench->peak_gflops);
  json_object_set_double_member (object, "peak_share", gflops / bench->peak_gflops);
  json_object_set_double_member (object, "plan_mib", bench->plan_bytes / MIB);
  json_object_set_double_member (object, "memory_mib", bench->memory_bytes / MIB);
  json_object_set_string_member (object, "precision", bench->precision);
  json_object_set_int_member (object, "threads", bench->threads);
  json_object_set_int_member (object, "runs", bench->runs);
  if (bench->n_parts > 0) {
    JsonObject *parts = json_object_new (); /* ms by kind of work */
    for (int i = 0; i < bench->n_parts; i++)
      json_object_set_double_member (parts, bench->parts[i].kind, bench->parts[i].seconds * 1e3);
    json_object_set_object_member (object, "parts_ms", parts);
  }
  print_json_line (object);
}

static void
print_line (const ImpastoBench *bench, double gflops)
{
  printf ("net %s  size %dx%d  ", bench->net, bench->width, bench->height);
  if (bench->batch)
    printf ("batch %d  ", bench->batch);
  printf ("median_ms %.1f  min_ms %.1f  ", bench->median_seconds * 1e3, bench->min_seconds * 1e3);
  if (bench->batch)
    printf ("images_per_second %.1f  ", bench->batch / bench->median_seconds);
  printf ("gflops %.0f  peak_share %.2f  memory_mib %.0f  precision %s  threads %d  runs %d\n", gflops,
          gflops / bench->peak_gflops, bench->memory_bytes / MIB, bench->precision, bench->threads, bench->runs);
  if (bench->layers)
    printf ("\n%s", bench->layers);
}

static int
bench_run (const struct arguments *arguments)
{
  g_autoptr (GError) error = NULL;
  ImpastoBench bench = {0};
  if (arguments->n_words > 1)
    return complain_usage ("bench times one network, not '%s' and '%s'", arguments->words[0], arguments->words[1]);
  g_autofree char *what = arguments->n_words ? arguments_run_word (arguments, &error) : NULL;
  bool done = !error && impasto_bench (what, arguments->options, &bench, &error);
  int status = done ? 0 : complain (error);
  double gflops = done ? bench.operations / bench.median_seconds * 1e-9 : 0;
  if (done && arguments_flag (arguments, "json"))
    print_json (&bench, gflops);
  else if (done)
    print_line (&bench, gflops);
  impasto_bench_clear (&bench);
  return status;
}

const struct command command_bench = {
  .name = "bench",
  .summary = "Measures how fast a network is here, or a training step",
  .usage = "[MODEL.onnx | PACK | STYLE | NET | RUN | --train RECIPE] [--size WxH]",
  .examples = {"impasto bench network.onnx --size 1024x768 --layers",
               "impasto bench --train style --batch 4 --size 256 --json"},
  .notes =
    "GFLOP/s counts what the network's convolutions and matrix products mean, whatever the kernels make of them.\n"
    "peak_share is that over what this machine reaches on convolutions that fit its caches. Memory is the peak of\n"
    "the process. --layers ends with the kinds of work; what a convolution's kernel takes over from its\n"
    "neighbours (padding, upsampling, activation) counts as convolution there.",
  .options = bench_options,
  .run = bench_run,
};
