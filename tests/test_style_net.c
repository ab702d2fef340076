/* SPDX-License-Identifier: Apache-2.0
 *
 * What steers the painter: regions, statistics from outside, the photograph's row, the rows of the brushes. Each is
 * held against a painting without it. Pictures are larger than what a pixel of the small network sees. */
#include <math.h>
#include <string.h>

#include "compile/plan.h"
#include "net/net.h"
#include "noise.h"

enum { STYLES = 3, REACH = 32 };

/* A painter with its weights; rows: three styles, the photograph, the coarser and the finer brush. */
static const struct style_net settings = {
  .styles = STYLES,
  .photograph = true,
  .brush = true,
  .width = 6,
  .inner = 8,
  .residuals = 1,
  .ends = 5,
  .upsampling = UPSAMPLING_BILINEAR,
};
enum { PHOTOGRAPH = STYLES, COARSER, FINER, ROWS };

/* One painting: @mixes mixes of rows, and with @maps their shares at each pixel. */
struct job {
  int width, height, mixes;
  float rows[2][ROWS];
  const float *maps;
  bool gate;
  struct tensor **given; /* statistics, or NULL */
  struct tensor **noted; /* gets them, or NULL */
};

static sym
constant (struct graph *graph, struct shape shape, const float *values)
{
  g_autoptr (tensor) tensor = tensor_new (shape, DTYPE_F32, NULL);
  memcpy (tensor->data, values, tensor->size);
  return graph_constant (graph, tensor);
}

/* Initial weights, but for scales and shifts that tell the styles apart; the brushes' stay at nothing. */
static struct weights *
make_weights (struct graph *graph)
{
  struct weights *weights = weights_new ();
  g_assert_true (weights_init (weights, graph, 11, NULL));
  for (guint i = 0; i < weights_count (weights); i++) {
    const char *name = weights_name (weights, i);
    struct tensor *tensor = weights_at (weights, i);
    if (g_str_has_suffix (name, ".scale"))
      noise_fill (name, 0.8, 1, tensor_floats (tensor), shape_size (&tensor->shape));
    else if (g_str_has_suffix (name, ".shift"))
      noise_fill (name, 0.8, 0, tensor_floats (tensor), shape_size (&tensor->shape));
  }
  return weights;
}

static float *
make_photo (int width, int height)
{
  float *photo = g_new (float, 3 * width * height);
  for (int i = 0; i < 3 * width * height; i++)
    photo[i] = 0.5 + 0.3 * sin (i % width * 0.2) * cos (i / width * 0.15) + 0.2 * noise_at (9, i);
  return photo;
}

/* The painting (3,h,w). @brush goes into the tables of the brushes. */
static float *
paint (const struct job *job, double brush)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (graph) graph = graph_new ();
  g_autofree float *photo = make_photo (job->width, job->height);
  int64_t h = job->height, w = job->width, n = 3 * h * w;
  struct style_statistics statistics = {.given = job->given != NULL};
  struct style_control control = {.rows = constant (graph, SHAPE (job->mixes, ROWS), job->rows[0]), .gate = job->gate};
  if (job->maps)
    control.maps = constant (graph, SHAPE (1, job->mixes, h, w), job->maps);
  for (int i = 0; job->given && job->given[i]; i++)
    statistics.moments[i] = graph_constant (graph, job->given[i]);
  if (job->given || job->noted)
    control.statistics = &statistics;
  graph_output (graph, "painting", style_net (constant (graph, SHAPE (1, 3, h, w), photo), control, &settings));
  for (int i = 0; job->noted && i < statistics.count; i++) {
    g_autofree char *name = g_strdup_printf ("moments%d", i);
    graph_output (graph, g_intern_string (name), statistics.moments[i]);
  }
  g_assert_true (graph_check (graph, &error));
  g_autoptr (weights) weights = make_weights (graph);
  for (guint i = 0; brush != 0 && i < weights_count (weights); i++)
    if (strstr (weights_name (weights, i), ".brush_"))
      for (int64_t k = 0; k < shape_size (&weights_at (weights, i)->shape); k++)
        tensor_floats (weights_at (weights, i))[k] = brush;
  g_autoptr (plan) plan = plan_compile (graph, weights, &(struct plan_options){.precision = PRECISION_F32}, &error);
  g_assert_no_error (error);
  plan_run (plan, 0, 0);
  for (int i = 0; job->noted && i < statistics.count; i++) {
    g_autofree char *name = g_strdup_printf ("moments%d", i);
    job->noted[i] = tensor_ref (plan_output (plan, name));
  }
  return g_memdup2 (tensor_floats (plan_output (plan, "painting")), n * sizeof (float));
}

/* The largest difference in the columns from @left on, below @right. */
static double
worst (const float *a, const float *b, const struct job *job, int left, int right)
{
  double most = 0;
  for (int i = 0; i < 3 * job->width * job->height; i++)
    if (i % job->width >= left && i % job->width < right)
      most = fmax (most, fabs ((double) a[i] - b[i]));
  return most;
}

static void
free_statistics (struct tensor **moments)
{
  for (int i = 0; i < STYLE_NORMS_MAX; i++)
    g_clear_pointer (&moments[i], tensor_unref);
}

static void
test_statistics (void)
{
  struct tensor *noted[STYLE_NORMS_MAX + 1] = {NULL}, *others[STYLE_NORMS_MAX + 1] = {NULL};
  int64_t channels[STYLE_NORMS_MAX];
  struct job job = {.width = 54, .height = 39, .mixes = 1, .rows = {{0.3f, 0.7f}}, .noted = noted};
  g_autofree float *plain = paint (&(struct job){.width = 54, .height = 39, .mixes = 1, .rows = {{0.3f, 0.7f}}}, 0);
  g_autofree float *noting = paint (&job, 0);
  g_assert_cmpfloat (worst (plain, noting, &job, 0, job.width), <, 1e-5); /* noting them down changes nothing */

  int n = style_net_norms (&settings, channels);
  for (int i = 0; i < n; i++)
    g_assert_true (shape_equal (&noted[i]->shape, &SHAPE (1, 2 * channels[i], 1, 1)));
  g_assert_null (noted[n]);

  job.noted = NULL;
  job.given = noted;
  g_autofree float *again = paint (&job, 0);
  g_assert_cmpfloat (worst (plain, again, &job, 0, job.width), <, 1e-5);

  g_autofree float *other = /* of another mix: they do count */
    paint (&(struct job){.width = 54, .height = 39, .mixes = 1, .rows = {{0, 0, 1}}, .noted = others}, 0);
  job.given = others;
  g_autofree float *off = paint (&job, 0);
  g_assert_cmpfloat (worst (plain, other, &job, 0, job.width), >, 0.01);
  g_assert_cmpfloat (worst (plain, off, &job, 0, job.width), >, 0.01);
  free_statistics (noted);
  free_statistics (others);
}

/* The first mix left of the middle, the second right of it. */
static float *
halves (int width, int height)
{
  float *maps = g_new0 (float, 2 * width * height);
  for (int i = 0; i < width * height; i++)
    maps[i % width < width / 2 ? i : width * height + i] = 1;
  return maps;
}

static void
test_regions (void)
{
  struct tensor *shared[STYLE_NORMS_MAX + 1] = {NULL};
  g_autofree float *maps = halves (133, 50);
  struct job whole = {.width = 133, .height = 50, .mixes = 1, .rows = {{0, 1}}, .noted = shared};
  g_autofree float *second = paint (&whole, 0); /* its statistics are everyone's */
  whole.noted = NULL;
  whole.given = shared;
  whole.rows[0][0] = 1;
  whole.rows[0][1] = 0;
  g_autofree float *first = paint (&whole, 0);
  struct job job = {.width = 133, .height = 50, .mixes = 2, .rows = {{1}, {0, 1}}, .maps = maps, .given = shared};
  g_autofree float *both = paint (&job, 0);
  int middle = job.width / 2;
  g_assert_cmpfloat (worst (both, first, &job, 0, middle - REACH), <, 1e-5);
  g_assert_cmpfloat (worst (both, second, &job, middle + REACH, job.width), <, 1e-5);
  g_assert_cmpfloat (worst (first, second, &job, 0, middle - REACH), >, 0.02); /* which are not the same */
  g_assert_cmpfloat (worst (first, second, &job, middle + REACH, job.width), >, 0.02);

  float *even = maps; /* half of each everywhere is the mix of the rows */
  for (int i = 0; i < 2 * 133 * 50; i++)
    even[i] = 0.5f;
  g_autofree float *shares = paint (&job, 0);
  whole.rows[0][0] = whole.rows[0][1] = 0.5f;
  g_autofree float *mixed = paint (&whole, 0);
  g_assert_cmpfloat (worst (shares, mixed, &job, 0, job.width), <, 1e-5);
  free_statistics (shared);
}

static void
test_gate (void)
{
  const int sizes[][2] = {{32, 24}, {31, 26}, {9, 5}};
  for (size_t i = 0; i < G_N_ELEMENTS (sizes); i++) {
    struct job job = {.width = sizes[i][0], .height = sizes[i][1], .mixes = 1, .rows = {{0, 0, 0, 1}}, .gate = true};
    g_autofree float *photo = make_photo (job.width, job.height), *painting = paint (&job, 0);
    g_assert_cmpmem (painting, 3 * job.width * job.height * sizeof (float), photo,
                     3 * job.width * job.height * sizeof (float));
    job.gate = false; /* the row alone knows nothing of it */
    g_autofree float *open = paint (&job, 0);
    g_assert_cmpfloat (worst (open, photo, &job, 0, job.width), >, 0.01);
  }

  struct job half = {.width = 31, .height = 26, .mixes = 1, .rows = {{0.5f, 0, 0, 0.5f}}, .gate = true};
  g_autofree float *gated = paint (&half, 0); /* up to a half it is the network's */
  half.gate = false;
  g_autofree float *open = paint (&half, 0);
  g_assert_cmpfloat (worst (gated, open, &half, 0, half.width), <, 1e-6);

  g_autofree float *maps = halves (32, 24), *photo = make_photo (32, 24);
  struct job region = {.width = 32, .height = 24, .mixes = 2, .rows = {{0, 0, 0, 1}, {1}}, .maps = maps, .gate = true};
  g_autofree float *painting = paint (&region, 0);
  g_assert_cmpfloat (worst (painting, photo, &region, 0, 16), ==, 0);
  g_assert_cmpfloat (worst (painting, photo, &region, 16, 32), >, 0.01);
}

static void
test_brush (void)
{
  struct job job = {.width = 30, .height = 22, .mixes = 1, .rows = {{1}}};
  g_autofree float *plain = paint (&job, 0), *unaffected = paint (&job, 0.3);
  g_assert_cmpfloat (worst (plain, unaffected, &job, 0, job.width), ==, 0); /* weight 0 of whatever they hold */
  job.rows[0][COARSER] = 1;
  job.rows[0][FINER] = 0.5f;
  g_autofree float *fresh = paint (&job, 0), *trained = paint (&job, 0.3);
  g_assert_cmpfloat (worst (plain, fresh, &job, 0, job.width), ==, 0); /* they begin as nothing */
  g_assert_cmpfloat (worst (plain, trained, &job, 0, job.width), >, 0.01);
}

/* A torus that is rolled is the same torus: so is its painting, however the network enlarges. */
static void
test_torus (void)
{
  enum { SIDE = 24, ROLL = 8 };
  g_autofree float *photo = make_photo (SIDE, SIDE), *rolled = g_new (float, 3 * SIDE * SIDE);
  for (int i = 0; i < 3 * SIDE; i++)
    for (int x = 0; x < SIDE; x++)
      rolled[i * SIDE + (x + ROLL) % SIDE] = photo[i * SIDE + x];
  for (int upsampling = 0; upsampling_names[upsampling]; upsampling++) {
    struct style_net net = {.styles = 1, .width = 6, .inner = 8, .residuals = 1, .ends = 5, .upsampling = upsampling};
    struct style_control control = {.wrap = true};
    g_autoptr (GError) error = NULL;
    g_autoptr (graph) graph = graph_new ();
    graph_output (graph, "as it is", style_net (constant (graph, SHAPE (1, 3, SIDE, SIDE), photo), control, &net));
    graph_output (graph, "rolled", style_net (constant (graph, SHAPE (1, 3, SIDE, SIDE), rolled), control, &net));
    g_assert_true (graph_check (graph, &error));
    g_autoptr (weights) weights = make_weights (graph);
    g_autoptr (plan) plan = plan_compile (graph, weights, &(struct plan_options){.precision = PRECISION_F32}, &error);
    g_assert_no_error (error);
    plan_run (plan, 0, 0);
    const float *a = tensor_floats (plan_output (plan, "as it is")), *b = tensor_floats (plan_output (plan, "rolled"));
    double most = 0, low = 1, high = 0;
    for (int i = 0; i < 3 * SIDE; i++)
      for (int x = 0; x < SIDE; x++) {
        most = MAX (most, fabs (b[i * SIDE + (x + ROLL) % SIDE] - a[i * SIDE + x]));
        low = MIN (low, a[i * SIDE + x]), high = MAX (high, a[i * SIDE + x]);
      }
    g_test_message ("%s: differs by %g, values from %g to %g", upsampling_names[upsampling], most, low, high);
    g_assert_cmpfloat (most, <, 1e-4);
    g_assert_cmpfloat (high - low, >, 0.1);
  }
}

/* With a last layer of zeros a correction is none: the photograph, but for what white and black are kept from. */
static void
test_skip (void)
{
  enum { SIDE = 18 };
  struct style_net net = {
    .styles = 1, .width = 6, .inner = 8, .residuals = 1, .ends = 5, .upsampling = 1, .skip = true};
  g_autofree float *photo = make_photo (SIDE, SIDE);
  g_autoptr (GError) error = NULL;
  g_autoptr (graph) graph = graph_new ();
  for (int i = 0; i < 3 * SIDE * SIDE; i++)
    photo[i] = i == 0 ? 0 : i == 1 ? 1 : CLAMP (photo[i], 0, 1);
  sym x = constant (graph, SHAPE (1, 3, SIDE, SIDE), photo);
  graph_output (graph, "painting", style_net (x, (struct style_control){0}, &net));
  g_assert_true (graph_check (graph, &error));
  g_autoptr (weights) weights = make_weights (graph);
  for (int corrected = 0; corrected < 2; corrected++) {
    struct tensor *out = weights_find (weights, "out.weight");
    memset (out->data, 0, corrected ? 0 : out->size);
    g_autoptr (plan) plan = plan_compile (graph, weights, &(struct plan_options){.precision = PRECISION_F32}, &error);
    g_assert_no_error (error);
    plan_run (plan, 0, 0);
    const float *painting = tensor_floats (plan_output (plan, "painting"));
    double most = 0;
    for (int i = 0; i < 3 * SIDE * SIDE; i++) {
      g_assert_true (painting[i] >= 0 && painting[i] <= 1);
      most = MAX (most, fabs (painting[i] - (0.5 + 0.97 * (photo[i] - 0.5))));
    }
    g_assert_true (corrected ? most > 0.05 : most < 1e-5);
    noise_fill ("out", 0.3, 0, tensor_floats (out), shape_size (&out->shape));
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_assert_cmpint (style_net_rows (&settings), ==, ROWS);
  g_assert_cmpint (style_net_photograph_row (&settings), ==, PHOTOGRAPH);
  g_assert_cmpint (style_net_brush_row (&settings), ==, COARSER);
  g_test_add_func ("/style_net/statistics", test_statistics);
  g_test_add_func ("/style_net/regions", test_regions);
  g_test_add_func ("/style_net/gate", test_gate);
  g_test_add_func ("/style_net/brush", test_brush);
  g_test_add_func ("/style_net/torus", test_torus);
  g_test_add_func ("/style_net/skip", test_skip);
  return g_test_run ();
}
