/* SPDX-License-Identifier: Apache-2.0
 *
 * One training step of per-style transfer, as bench/compare.py --train times it in PyTorch: the Johnson network, a
 * batch of 4 at 256x256, VGG-19 blocks 1-3 with random weights, content loss at relu3_2, Gram losses at relu1_2,
 * relu2_2, relu3_2 and relu3_4, Adam. Prints one line of JSON.
 *
 *   train_step [f32|bf16] [THREADS] [RUNS] [profile] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "compile/plan.h"
#include "net/net.h"
#include "train/optimizer.h"

#define BATCH 4
#define SIZE 256

static sym
mean_squared (sym a, sym b)
{
  return sym_reshape (sym_mean (sym_square (sym_sub (a, b)), AXES_ALL), SHAPE_SCALAR);
}

static void
build (struct graph *graph)
{
  static const int channels[] = {64, 128, 256, 256};
  struct style_net johnson = {.styles = 1, .width = 32, .inner = 128, .residuals = 5, .ends = 9};
  sym photos = graph_input (graph, "photos", SHAPE (BATCH, 3, SIZE, SIZE));
  graph_push (graph, "painter");
  sym painted = style_net (photos, (struct style_control){0}, &johnson);
  graph_pop (graph);
  graph_push (graph, "vgg");
  struct vgg content = vgg19 (photos, VGG_RELU3_2), found = vgg19 (painted, VGG_RELU3_4);
  graph_pop (graph);
  sym features[] = {found.relu[0][1], found.relu[1][1], found.relu[2][1], found.relu[2][3]};
  sym loss = mean_squared (features[2], content.relu[2][1]);
  for (int i = 0; i < 4; i++) {
    g_autofree char *name = g_strdup_printf ("target%d", i);
    loss = sym_add (
      loss, mean_squared (sym_gram (features[i]), graph_input (graph, name, SHAPE (1, channels[i], channels[i]))));
  }
  struct optimizer_options options = {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8};
  optimizer_step (loss, "painter.", graph_input (graph, "rate", SHAPE_SCALAR), (sym){graph, -1}, &options);
  graph_output (graph, "loss", loss);
}

static int
by_value (const void *a, const void *b)
{
  double x = *(const double *) a, y = *(const double *) b;
  return (x > y) - (x < y);
}

int
main (int argc, char **argv)
{
  struct plan_options options = {.precision = argc > 1 && !strcmp (argv[1], "f32") ? PRECISION_F32 : PRECISION_BF16,
                                 .threads = argc > 2 ? atoi (argv[2]) : 2};
  int runs = argc > 3 ? MAX (1, atoi (argv[3])) : 7;
  g_autoptr (GError) error = NULL;
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (weights) weights = weights_new ();
  build (graph);
  g_autoptr (plan) plan =
    weights_init (weights, graph, 1, &error) ? plan_compile (graph, weights, &options, &error) : NULL;
  if (!plan) {
    fprintf (stderr, "train_step: %s\n", error->message);
    return 1;
  }
  struct tensor *photos = plan_input (plan, "photos");
  for (int64_t i = 0; i < shape_size (&photos->shape); i++)
    tensor_floats (photos)[i] = (i * 7919 % 1000) / 1000.0f;
  tensor_floats (plan_input (plan, "rate"))[0] = 1e-3f;
  g_autofree double *times = g_new (double, runs);
  for (int i = -1; i < runs; i++) {
    int64_t start = g_get_monotonic_time ();
    plan_run (plan, 1, i + 1);
    if (i >= 0)
      times[i] = (g_get_monotonic_time () - start) * 1e-6;
  }
  qsort (times, runs, sizeof *times, by_value);
  struct rusage usage = {0};
  getrusage (RUSAGE_SELF, &usage);
  printf ("{\"precision\": \"%s\", \"median_ms\": %.1f, \"min_ms\": %.1f, \"gflops\": %.0f, \"memory_mib\": %.0f}\n",
          precision_names[plan_precision (plan)], times[runs / 2] * 1e3, times[0] * 1e3,
          plan_flops (plan) * 1e-9 / times[runs / 2], usage.ru_maxrss / 1024.0);
  if (argc > 4) {
    g_autofree char *profile = plan_profile (plan, 3);
    fputs (profile, stderr);
  }
  return 0;
}
