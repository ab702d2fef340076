/* SPDX-License-Identifier: Apache-2.0
 *
 * Pruning: to the same size it is the identity, and what does nothing can go without the painting noticing: channels
 * whose scales and shifts are 0 give 0 behind the ReLU, a block whose last ones are 0 adds nothing. */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "compile/plan.h"
#include "train/prune.h"

#define SIZE 32

static struct pack *
make_pack (const struct style_net *settings)
{
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (weights) weights = weights_new ();
  g_autoptr (GError) error = NULL;
  sym photo = graph_input (graph, "photo", SHAPE (1, 3, SIZE, SIZE));
  sym rows = graph_input (graph, "rows", SHAPE (1, style_net_rows (settings)));
  graph_output (graph, "painting", style_net (photo, (struct style_control){.rows = rows}, settings));
  g_assert_true (weights_init (weights, graph, 3, &error));
  for (guint i = 0; i < weights_count (weights); i++) { /* tables begin alike: make every row another */
    struct tensor *tensor = weights_at (weights, i);
    if (tensor->shape.rank == 2)
      for (int64_t k = 0; k < shape_size (&tensor->shape); k++)
        tensor_floats (tensor)[k] += 0.5 * random_normal ((struct random_key){.stream = i}, k);
  }
  struct pack *pack = pack_new (settings, weights);
  for (int64_t i = 0; i < settings->styles; i++) {
    g_autofree char *name = g_strdup_printf ("style-%d", (int) i);
    pack_add_style (pack, name, NULL, NULL, NULL);
  }
  return pack;
}

static float *
paint (const struct pack *pack)
{
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (GError) error = NULL;
  sym photo = graph_input (graph, "photo", SHAPE (1, 3, SIZE, SIZE));
  sym rows = graph_input (graph, "rows", SHAPE (1, style_net_rows (&pack->settings)));
  graph_output (graph, "painting", style_net (photo, (struct style_control){.rows = rows}, &pack->settings));
  struct plan_options options = {.precision = PRECISION_F32, .threads = 1};
  g_autoptr (plan) plan = plan_compile (graph, pack->weights, &options, &error);
  g_assert_no_error (error);
  random_uniform_fill ((struct random_key){.seed = 1}, 0, tensor_floats (plan_input (plan, "photo")), 3 * SIZE * SIZE);
  for (int64_t i = 0; i < style_net_rows (&pack->settings); i++)
    tensor_floats (plan_input (plan, "rows"))[i] = (i + 1) / 8.0;
  plan_run (plan, 0, 0);
  return g_memdup2 (tensor_floats (plan_output (plan, "painting")), 3 * SIZE * SIZE * sizeof (float));
}

static void
test_identity (void)
{
  struct style_net settings = {
    .styles = 2, .photograph = true, .brush = true, .width = 4, .inner = 8, .residuals = 3, .ends = 3};
  g_autoptr (GError) error = NULL;
  g_autoptr (pack) whole = make_pack (&settings);
  g_autoptr (pack) pruned = prune (whole, &settings, &error);

  g_assert_no_error (error);
  g_assert_true (prune_fits (&settings, &settings));
  g_assert_cmpuint (weights_count (pruned->weights), ==, weights_count (whole->weights));
  for (guint i = 0; i < weights_count (whole->weights); i++) {
    struct tensor *a = weights_at (whole->weights, i), *b = weights_at (pruned->weights, i);
    g_assert_cmpstr (weights_name (whole->weights, i), ==, weights_name (pruned->weights, i));
    g_assert_true (shape_equal (&a->shape, &b->shape));
    g_assert_cmpmem (a->data, a->size, b->data, b->size);
  }
  g_assert_cmpint (pack_find_style (pruned, "style-1"), ==, 1);
}

/* Zeroes the channels of every table of @stage that @keep does not name, a bit each. */
static void
silence (struct pack *pack, const char *norm, unsigned keep)
{
  static const char *const tables[] = {"scale", "shift", "brush_scale", "brush_shift"};

  for (guint t = 0; t < G_N_ELEMENTS (tables); t++) {
    g_autofree char *name = g_strdup_printf ("%s.%s", norm, tables[t]);
    struct tensor *table = weights_find (pack->weights, name);
    for (int64_t i = 0; i < shape_size (&table->shape); i++)
      if (!(keep >> i % table->shape.dim[1] & 1))
        tensor_floats (table)[i] = 0;
  }
}

static void
test_silent_parts (void)
{
  struct style_net settings = {
    .styles = 2, .photograph = true, .brush = true, .width = 4, .inner = 8, .residuals = 5, .ends = 3};
  struct style_net small = settings;
  g_autoptr (GError) error = NULL;
  g_autoptr (pack) whole = make_pack (&settings);

  small.width = 2;
  small.residuals = 3;
  silence (whole, "down1.norm", 0x9);
  silence (whole, "down2.norm", 0x5a);
  silence (whole, "up1.norm", 0xa6);
  silence (whole, "up2.norm", 0x3);
  silence (whole, "res3.norm2", 0);
  silence (whole, "res4.norm2", 0);
  g_assert_true (prune_fits (&settings, &small));
  g_assert_false (prune_fits (&small, &settings));
  g_autoptr (pack) pruned = prune (whole, &small, &error);
  g_assert_no_error (error);
  g_autofree float *a = paint (whole), *b = paint (pruned);
  double most = 0, spread = 0;
  for (int i = 0; i < 3 * SIZE * SIZE; i++) {
    most = fmax (most, fabs (a[i] - b[i]));
    spread = fmax (spread, fabs (a[i] - a[0]));
  }
  g_test_message ("differ by %g of %g", most, spread);
  g_assert_cmpfloat (spread, >, 0.1);
  g_assert_cmpfloat (most, <, 2e-5);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/prune/identity", test_identity);
  g_test_add_func ("/prune/silent-parts", test_silent_parts);
  return g_test_run ();
}
