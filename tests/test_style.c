/* SPDX-License-Identifier: Apache-2.0
 *
 * How the style recipe begins and what it draws: rows and brushes of a step, weights from a pack, rows into a pack. */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "image/picture.h"
#include "net/net_file.h"
#include "train/describer.h"
#include "train/loss.h"
#include "train/style_recipe.h"
#include "train_fixture.h"

/* What a step draws: shares that add up, an even brush, and the same again. */
static void
test_draws (void)
{
  static const struct style_net net = {.styles = 3, .photograph = true, .brush = true};
  static const struct style_net bare = {.styles = 3};
  struct style_data data = {.n_styles = 3, .n_anchors = STYLE_ANCHORS};
  int n = 4000, photographs = 0, whole = 0, coarse = 0;

  for (int i = 0; i < n; i++) {
    struct style_draw draw = style_draw (&net, 7, i / 2, i % 2, 2), again = style_draw (&net, 7, i / 2, i % 2, 2);
    float rows[6], targets[9];
    double sum = 0, styles = 0;

    g_assert_true (draw.style == again.style && draw.brush == again.brush && draw.photograph == again.photograph);
    g_assert_cmpint (draw.style, ==, i % 3);
    g_assert_true (draw.photograph == 0 || draw.brush == 0);
    style_draw_rows (draw, &net, rows);
    style_draw_targets (draw, &data, targets);
    for (int k = 0; k < 9; k++)
      sum += targets[k];
    for (int k = 0; k < 4; k++)
      styles += rows[k];
    g_assert_cmpfloat_with_epsilon (sum, 1, 1e-6);
    g_assert_cmpfloat_with_epsilon (styles, 1, 1e-6);
    g_assert_cmpfloat_with_epsilon (rows[4] - rows[5], draw.brush, 1e-6);
    g_assert_cmpfloat_with_epsilon (targets[3 * draw.style + 2] - targets[3 * draw.style], draw.brush, 1e-6);
    photographs += draw.photograph > 0;
    whole += draw.photograph == 1;
    coarse += draw.brush > 0;
    draw = style_draw (&bare, 7, i / 2, i % 2, 2);
    g_assert_true (draw.photograph == 0 && draw.brush == 0);
  }
  g_assert_cmpfloat_with_epsilon ((double) photographs / n, 0.2, 0.02);
  g_assert_cmpfloat_with_epsilon ((double) whole / n, 0.08, 0.02);
  g_assert_cmpfloat_with_epsilon ((double) coarse / n, 0.2, 0.02);
}

/* The palette loss: 0 for a picture's own colours, and by hand for grey pictures against a target. */
static void
test_palette (void)
{
  enum { SIDE = 8, PIXELS = SIDE * SIDE };
  g_autoptr (GError) error = NULL;
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (weights) weights = weights_new ();
  sym x = graph_input (graph, "x", SHAPE (1, 3, SIDE, SIDE)),
      target = graph_input (graph, "t", SHAPE (1, LOSS_PALETTE));
  graph_output (graph, "loss", loss_palette (x, target, (sym){0}));
  struct plan_options options = {.precision = PRECISION_F32, .threads = 1, .memory_limit = 1 << 28};
  g_autoptr (plan) plan = plan_compile (graph, weights, &options, &error);
  g_assert_no_error (error);
  float *rgb = tensor_floats (plan_input (plan, "x")), *t = tensor_floats (plan_input (plan, "t"));
  for (int i = 0; i < 3 * PIXELS; i++)
    rgb[i] = 0.5 + 0.4 * sin (0.37 * i * (1 + i / PIXELS));
  loss_palette_target (rgb, PIXELS, t);
  plan_run (plan, 0, 0);
  g_assert_cmpfloat_with_epsilon (tensor_floats (plan_output (plan, "loss"))[0], 0, 1e-6);

  for (int i = 0; i < 3 * PIXELS; i++)
    rgb[i] = 0.25; /* against means of 0.5, covariances of 0.2 and a variance of 0.1: 0.0625 / 0.1 + 0.04 / 0.01 */
  for (int i = 0; i < LOSS_PALETTE; i++)
    t[i] = i < 3 ? 0.5 : i < 12 ? 0.2 : 0.1;
  plan_run (plan, 0, 0);
  g_assert_cmpfloat_with_epsilon (tensor_floats (plan_output (plan, "loss"))[0], 4.625, 1e-4);
}

/* An edge of @photo in the photograph and of 0.5 in the painting, between two squares; strokes of @stroke. */
static double
calm_of (double photo, double stroke, double weight)
{
  enum { SIDE = 2 * CALM_SCALE, PIXELS = SIDE * SIDE };
  g_autoptr (GError) error = NULL;
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (weights) weights = weights_new ();
  sym y = graph_input (graph, "y", SHAPE (1, 3, SIDE, SIDE)), x = graph_input (graph, "x", SHAPE (1, 3, SIDE, SIDE));
  sym share = graph_input (graph, "weight", SHAPE (1, 1, 1, 1));
  graph_output (graph, "loss", loss_calm (y, x, share));
  struct plan_options options = {.precision = PRECISION_F32, .threads = 1, .memory_limit = 1 << 28};
  g_autoptr (plan) plan = plan_compile (graph, weights, &options, &error);
  g_assert_no_error (error);
  float *painting = tensor_floats (plan_input (plan, "y")), *scene = tensor_floats (plan_input (plan, "x"));
  tensor_floats (plan_input (plan, "weight"))[0] = (float) weight;
  for (int i = 0; i < 3 * PIXELS; i++) {
    bool right = i % SIDE >= CALM_SCALE;
    painting[i] = (right ? 0.75 : 0.25) + (i % 2 ? stroke : -stroke);
    scene[i] = right ? 0.3 + photo : 0.3;
  }
  plan_run (plan, 0, 0);
  return tensor_floats (plan_output (plan, "loss"))[0];
}

/* Spots cost where the photograph is calm, less across its edges; strokes cost nothing. By hand: 0.5^2 exp (-30
 * edge). */
static void
test_calm (void)
{
  g_assert_cmpfloat_with_epsilon (calm_of (0, 0, 1), 0.25, 1e-6);
  g_assert_cmpfloat_with_epsilon (calm_of (0, 0.2, 1), 0.25, 1e-6);
  g_assert_cmpfloat_with_epsilon (calm_of (0.1, 0, 1), 0.25 * exp (-3), 1e-6);
  g_assert_cmpfloat_with_epsilon (calm_of (0.5, 0, 1), 0, 1e-6);
  g_assert_cmpfloat_with_epsilon (calm_of (0, 0, 0.25), 0.0625, 1e-6);
}

static double
distance (const float *a, const float *b, int64_t n)
{
  double most = 0;

  for (int64_t i = 0; i < n; i++)
    most = fmax (most, fabs ((double) a[i] - b[i]));
  return most;
}

/* A pack like @path, but one that corrects photographs, is nothing to start with. */
static void
start_corrects (struct job *job, const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (pack) pack = pack_load (path, &error);
  g_autofree char *corrects = file ("corrects.safetensors");
  g_assert_no_error (error);
  pack->settings.skip = true;
  g_assert_true (pack_save (pack, corrects, &error));
  job_set (job, "start", corrects);
  check_fails (job, IMPASTO_ERROR_USAGE, "corrects photographs");
}

/* What a pack has comes along: rows by name, the photograph's and the brushes'; a further style begins as their
 * mean. */
static void
test_start (void)
{
  struct job job;
  struct watch watch = {0};
  g_autoptr (GError) error = NULL;
  g_autofree char *pack = g_build_filename (uninterrupted (false), "result.safetensors", NULL);
  g_autofree char *runs = file ("start/00001-style/network-000001.safetensors");

  job_init (&job, "start", 2, false);
  job_set (&job, "start", pack);
  job_set (&job, "rate", "1e-8");
  job_set (&job, "names", "blue;new");
  run_until (&job, &watch, 1);
  g_autoptr (weights) from = safetensors_load (pack, &error), to = safetensors_load (runs, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < weights_count (from); i++) {
    const char *part = weights_name (from, i);
    g_autofree char *name = g_strconcat ("painter.", part, NULL);
    g_autoptr (tensor) old = tensor_convert (weights_at (from, i), DTYPE_F32, NULL);
    const float *a = tensor_floats (old), *b = tensor_floats (weights_find (to, name));
    int64_t n = shape_size (&old->shape), c = old->shape.dim[1];
    if (!g_str_has_suffix (part, ".scale") && !g_str_has_suffix (part, ".shift")) {
      g_assert_cmpfloat (distance (a, b, n), <, 1e-6);
      continue;
    }
    g_assert_cmpint (old->shape.dim[0], ==, 3);
    g_assert_cmpfloat (distance (a + c, b, c), <, 1e-6);
    for (int64_t k = 0; k < c; k++)
      g_assert_cmpfloat_with_epsilon (b[c + k], (a[k] + a[c + k]) / 2, 1e-6);
    g_assert_cmpfloat (distance (a + 2 * c, b + 2 * c, c), <, 1e-6);
  }
  job_set (&job, "width", "8");
  check_fails (&job, IMPASTO_ERROR_USAGE, "of another size");
  start_corrects (&job, pack);
  watch_clear (&watch);
  job_clear (&job);
}

/* Which has networks of its own. */
static void
job_set_into (struct job *job, const char *pack)
{
  static const char *const own[] = {"width", "inner", "residuals", "ends", "judge-width", "adversary-weight", NULL};
  job_set (job, "into", pack);
  job_unsay (job, own);
}

/* A painting joins a pack: its rows alone are new, to the bit, whether or not the run was stopped. */
static void
test_into (void)
{
  struct job job;
  struct watch watch = {0}, rest = {0}, whole = {0};
  g_autoptr (GError) error = NULL;
  g_autofree char *base = g_build_filename (uninterrupted (true), "result.safetensors", NULL), *text = NULL;
  g_autofree char *pack = file ("base.safetensors"), *made = file ("extended.safetensors"), *photos = file ("photos");
  gsize size;

  g_assert_true (g_file_get_contents (base, &text, &size, NULL));
  g_assert_true (g_file_set_contents (pack, text, (gssize) size, NULL));
  job_init (&job, "into", 4, true);
  job_set_into (&job, uninterrupted (true));
  check_fails (&job, IMPASTO_ERROR_USAGE, "-o PACK.safetensors makes a pack for --into");
  job_set_into (&job, photos);
  check_fails (&job, IMPASTO_ERROR_USAGE, "is a folder; --into wants a pack");
  job_set_into (&job, pack);
  check_fails (&job, IMPASTO_ERROR_USAGE, "has a style red already");
  g_clear_pointer (&job.inputs[1], g_free);
  job_set (&job, "names", "green: Green, A Test, 1900");
  run_whole (&job, &whole);
  g_autofree char *uncut = g_build_filename (whole.folder, "result.safetensors", NULL);
  job_set (&job, "output", made);
  run_until (&job, &watch, 2);
  job_set (&job, "resume", watch.folder);
  run_whole (&job, &rest);
  g_autoptr (weights) old = safetensors_load (pack, &error), new = safetensors_load (made, &error);
  g_autoptr (weights) same = safetensors_load (uncut, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < weights_count (old); i++) {
    const char *name = weights_name (old, i);
    struct tensor *a = weights_at (old, i), *b = weights_find (new, name), *c = weights_find (same, name);
    g_assert_cmpmem (b->data, b->size, c->data, c->size);
    if (!g_str_has_suffix (name, ".scale") && !g_str_has_suffix (name, ".shift")) {
      g_assert_cmpmem (a->data, a->size, b->data, b->size);
      continue;
    }
    size_t row = a->size / 3; /* red, blue, the photograph */
    const char *x = a->data, *y = b->data;
    g_assert_cmpint (b->shape.dim[0], ==, 4);
    g_assert_cmpmem (x, 2 * row, y, 2 * row);
    g_assert_cmpmem (x + 2 * row, row, y + 3 * row, row);
    g_assert_true (memcmp (y + 2 * row, x, row) && memcmp (y + 2 * row, x + row, row));
  }
  g_autoptr (pack) loaded = pack_load (made, &error);
  g_assert_no_error (error);
  g_assert_cmpint (pack_find_style (loaded, "green"), ==, 2);
  g_assert_cmpstr (((struct pack_style *) loaded->styles->pdata[2])->artist, ==, "A Test");
  g_assert_true (json_object_has_member (loaded->training, "fitted"));
  g_clear_pointer (&text, g_free);
  g_assert_true (g_file_get_contents (made, &text, &size, NULL));
  g_assert_true (g_file_set_contents (pack, text, (gssize) size, NULL)); /* the extended one in its place: same trunk */
  job_set (&job, "names", "mauve");
  g_clear_pointer (&job.run.resume, g_free);
  job_set (&job, "output", pack); /* over the pack itself, as it is asked to */
  job_set (&job, "overwrite", "yes");
  watch_clear (&watch);
  run_until (&job, &watch, 1);
  g_autofree char *other = g_build_filename (uninterrupted (false), "result.safetensors", NULL);
  g_clear_pointer (&text, g_free);
  g_assert_true (g_file_get_contents (other, &text, &size, NULL));
  g_assert_true (g_file_set_contents (pack, text, (gssize) size, NULL));
  job_set (&job, "resume", watch.folder);
  check_fails (&job, IMPASTO_ERROR_INPUT, "is not the pack that this run began with");
  g_clear_pointer (&job.run.resume, g_free);
  job_set (&job, "start", other);
  check_fails (&job, IMPASTO_ERROR_USAGE, "leave --start out");
  watch_clear (&watch);
  watch_clear (&rest);
  watch_clear (&whole);
  job_clear (&job);
}

/* A slope with dots of height 1, one every @period pixels along both axes from @first on. */
static double
mesh_of (int period, int first, double weight)
{
  enum { SIDE = 56 }; /* less two blurs and a rest 48: whole periods of 3 and of 4 */
  g_autoptr (GError) error = NULL;
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (weights) weights = weights_new ();
  sym picture = graph_input (graph, "picture", SHAPE (1, 3, SIDE, SIDE));
  graph_output (graph, "loss", loss_mesh (picture, graph_input (graph, "weight", SHAPE (1, 1, 1, 1))));
  struct plan_options options = {.precision = PRECISION_F32, .threads = 1, .memory_limit = 1 << 28};
  g_autoptr (plan) plan = plan_compile (graph, weights, &options, &error);
  g_assert_no_error (error);
  tensor_floats (plan_input (plan, "weight"))[0] = (float) weight;
  for (int i = 0; i < 3 * SIDE * SIDE; i++) {
    int x = i % SIDE, y = i / SIDE % SIDE;
    tensor_floats (plan_input (plan, "picture"))[i] =
      0.01 * x - 0.02 * y + (x % period == first && y % period == first);
  }
  plan_run (plan, 0, 0);
  return tensor_floats (plan_output (plan, "loss"))[0];
}

/* Dots on the network's grid cost, wherever on it they are; others, and slopes, do not. By hand: one place of sixteen
 * has 15/16, the others -1/16. */
static void
test_mesh (void)
{
  for (int first = 0; first < 4; first++)
    g_assert_cmpfloat_with_epsilon (mesh_of (4, first, 1), 15.0 / 256, 1e-5);
  g_assert_cmpfloat_with_epsilon (mesh_of (4, 1, 0.5), 7.5 / 256, 1e-5);
  g_assert_cmpfloat_with_epsilon (mesh_of (3, 0, 1), 0, 1e-6);
  g_assert_cmpfloat_with_epsilon (mesh_of (100, 99, 1), 0, 1e-6);
}

/* Of four squares, the first two of the photograph @like apart in each channel, the others another colour: painted
 * alike but for the second, by 0.5; its pixels are @rough off their mean. */
static double
alike_of (double like, double rough, double weight)
{
  enum { SIDE = 2 * CALM_SCALE, PIXELS = SIDE * SIDE };
  g_autoptr (GError) error = NULL;
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (weights) weights = weights_new ();
  sym picture = graph_input (graph, "picture", SHAPE (1, 3, SIDE, SIDE));
  sym photo = graph_input (graph, "photo", SHAPE (1, 3, SIDE, SIDE));
  graph_output (graph, "loss", loss_alike (picture, photo, graph_input (graph, "weight", SHAPE (1, 1, 1))));
  struct plan_options options = {.precision = PRECISION_F32, .threads = 1, .memory_limit = 1 << 28};
  g_autoptr (plan) plan = plan_compile (graph, weights, &options, &error);
  g_assert_no_error (error);
  tensor_floats (plan_input (plan, "weight"))[0] = (float) weight;
  for (int i = 0; i < 3 * PIXELS; i++) {
    bool right = i % SIDE >= CALM_SCALE, below = i / SIDE % SIDE >= CALM_SCALE;
    tensor_floats (plan_input (plan, "picture"))[i] = right && !below ? 0.75 : 0.25;
    tensor_floats (plan_input (plan, "photo"))[i] = below ? 0 : right ? 0.9 + like + (i % 2 ? rough : -rough) : 0.9;
  }
  plan_run (plan, 0, 0);
  return tensor_floats (plan_output (plan, "loss"))[0];
}

/* Pairs of the squares of a large crop do not fill the memory. */
static void
alike_at (int size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (weights) weights = weights_new ();
  sym picture = graph_input (graph, "picture", SHAPE (1, 3, size, size));
  sym photo = graph_input (graph, "photo", SHAPE (1, 3, size, size));
  graph_output (graph, "loss", loss_alike (picture, photo, (sym){0}));
  struct plan_options options = {.precision = PRECISION_F32, .threads = 1, .memory_limit = 64 << 20};
  g_autoptr (plan) plan = plan_compile (graph, weights, &options, &error);
  g_assert_no_error (error);
  g_assert_nonnull (plan);
}

/* By hand: two of sixteen pairs, |dy|^2 = 3 0.5^2. What is dark is nothing like it. */
static void
test_alike (void)
{
  const double pair = 2 * 0.75 / 16;
  g_assert_cmpfloat_with_epsilon (alike_of (0, 0, 1), pair, 1e-5);
  g_assert_cmpfloat_with_epsilon (alike_of (0, 0, 0.5), pair / 2, 1e-5);
  g_assert_cmpfloat_with_epsilon (alike_of (0.1, 0, 1), pair * exp (-1.5), 1e-5);
  g_assert_cmpfloat_with_epsilon (alike_of (0, 0.05, 1), pair * exp (-1.5), 1e-4);
  g_assert_cmpfloat_with_epsilon (alike_of (0.6, 0, 1), 0, 1e-5);
  alike_at (1024);
  alike_at (1008); /* whose last squares are no whole ones */
}

/* The histogram of a picture in squares of random colours, as the loss sees and as it is counted; its distance from one
 * of a single colour. */
static void
test_colors (void)
{
  enum { H = 3 * COLOR_SCALE, W = 5 * COLOR_SCALE, PIXELS = H * W };
  g_autoptr (GError) error = NULL;
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (weights) weights = weights_new ();
  sym picture = graph_input (graph, "picture", SHAPE (1, 3, H, W));
  sym target = graph_input (graph, "target", SHAPE (1, LOSS_COLORS));
  graph_output (graph, "loss", loss_colors (picture, target, graph_input (graph, "weight", SHAPE (1, 1, 1))));
  struct plan_options options = {.precision = PRECISION_F32, .threads = 1, .memory_limit = 1 << 28};
  g_autoptr (plan) plan = plan_compile (graph, weights, &options, &error);
  g_assert_no_error (error);
  float *rgb = tensor_floats (plan_input (plan, "picture")), *wanted = tensor_floats (plan_input (plan, "target"));
  random_uniform_fill ((struct random_key){.seed = 5}, 0, rgb, 3 * PIXELS);
  tensor_floats (plan_input (plan, "weight"))[0] = 0.5;
  loss_colors_target (rgb, H, W, wanted);
  plan_run (plan, 0, 0);
  g_assert_cmpfloat_with_epsilon (tensor_floats (plan_output (plan, "loss"))[0], 0, 1e-9);
  for (int i = 0; i < 3 * PIXELS; i++)
    rgb[i] = i < PIXELS ? 0.25 : i < 2 * PIXELS ? 0.5 : 1; /* the middle of cell 1, 2, 4 */
  double square = 0, apart = 0;
  for (int i = 0; i < LOSS_COLORS; i++) {
    double r = i / 25 - 1, g = i / 5 % 5 - 2, b = i % 5 - 4; /* in steps of 0.25 */
    double cell = exp (-0.5 * 0.25 * 0.25 * (r * r + g * g + b * b) / (0.15 * 0.15));
    square += wanted[i] * wanted[i];
    apart += (wanted[i] - cell) * (wanted[i] - cell);
  }
  plan_run (plan, 0, 0);
  g_assert_cmpfloat_with_epsilon (tensor_floats (plan_output (plan, "loss"))[0], 0.5 * apart / square, 1e-4);
}

/* -1 stands for the recipe's own number, and nothing else below 0 does. */
static void
test_refused (void)
{
  static const char *const names[] = {"calm-weight", "mesh-weight", "alike-weight", "colors-weight", "overexposed"};
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    struct job job;
    job_init (&job, "refused", 1, false);
    job_set (&job, names[i], "-0.5");
    check_fails (&job, IMPASTO_ERROR_USAGE, names[i]);
    job_clear (&job);
  }
  for (int side = 1; side <= 40; side += 39) { /* of one colour */
    struct job job;
    g_autoptr (picture) picture = picture_new (side, side, false, NULL);
    g_autofree char *plain = file ("plain.png");
    g_assert_true (picture_save (picture, plain, NULL, NULL));
    job_init (&job, "refused", 1, false);
    g_free (job.inputs[1]);
    job.inputs[1] = g_strdup (plain);
    check_fails (&job, IMPASTO_ERROR_INPUT, "plain.png: no style can be taken from it: it is of one colour");
    job_clear (&job);
  }
  static const char *const of_others[][2] = {
    {"width", "8"}, {"brush", "no"}, {"adversary-weight", "1"}, {"judge-rate", "0.1"}, {"pixel-weight", "1"}};
  for (guint i = 0; i < G_N_ELEMENTS (of_others); i++) {
    struct job job;
    job_init (&job, "refused", 1, false);
    job_set_into (&job, "pack.safetensors");
    job_set (&job, of_others[i][0], of_others[i][1]);
    check_fails (&job, IMPASTO_ERROR_USAGE, "--into");
    job_clear (&job);
  }
}

/* Numbers that nobody chose are the recipe's. */
static void
test_defaults (void)
{
  for (int into = 0; into < 2; into++) {
    struct style_settings *settings = g_malloc0 (recipe_style.settings_size);
    struct run_settings run = {0};
    option_init (recipe_style.options, settings);
    option_init (run_options, &run);
    if (into)
      g_assert_true (option_set (recipe_style.options, settings, "into", "pack.safetensors", NULL));
    recipe_style.settle (settings, &run);
    g_assert_cmpint (run.steps, ==, into ? 300 : 0);
    g_assert_cmpfloat (settings->rate, ==, into ? 0.05 : 0.001);
    g_assert_cmpfloat (settings->calm_weight, ==, 100);
    g_assert_cmpfloat (settings->mesh_weight, ==, 4000);
    g_assert_cmpfloat (settings->alike_weight, ==, 100);
    g_assert_cmpfloat (settings->colors_weight, ==, 4);
    g_assert_cmpfloat (settings->overexposed, ==, 0.25);
    option_clear (recipe_style.options, settings);
    option_clear (run_options, &run);
    g_free (settings);
  }
}

static void
save_describer (const char *path)
{
  static const struct perceptual_net tiny = {{4, 6, 8}};
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (weights) weights = weights_new ();
  net_perceptual.build (&net_perceptual, graph, &tiny);
  g_assert_true (weights_init (weights, graph, 3, NULL));
  g_autoptr (net_file) net = net_file_new (&net_perceptual, &tiny, weights);
  g_assert_true (net_file_save (net, path, NULL));
}

/* A pack tells what its paintings look like; a further painting's row comes behind theirs. */
static void
test_descriptors (void)
{
  struct job job;
  struct watch watch = {0};
  g_autoptr (GError) error = NULL;
  g_autofree char *describer = file ("describer.safetensors"), *base = file ("described.safetensors"),
                  *more = file ("more.safetensors"), *blue = file ("blue.png"), *red = file ("red.png");
  save_describer (describer);
  job_init (&job, "described", 1, false);
  job_set (&job, "describer", describer);
  job_set (&job, "output", base);
  run_whole (&job, &watch);
  watch_clear (&watch);
  job_set_into (&job, base);
  job_set (&job, "output", more);
  job_set (&job, "names", "green;grey");
  run_whole (&job, &watch);
  g_autoptr (pack) first = pack_load (base, &error), second = pack_load (more, &error);
  g_assert_no_error (error);
  g_autoptr (tensor) alone =
    describe_paintings (describer, (char *[]){red, blue, NULL}, 2, (struct plan_options){.threads = 1}, &error);
  g_assert_no_error (error);
  g_autoptr (tensor) half = tensor_convert (alone, DTYPE_F16, NULL), table = tensor_convert (half, DTYPE_F32, NULL);
  g_assert_true (shape_equal (&first->descriptors->shape, &SHAPE (2, 2 * (3 + 4 + 6 + 8))));
  g_assert_cmpmem (first->descriptors->data, first->descriptors->size, table->data, table->size);
  g_assert_cmpint (second->descriptors->shape.dim[0], ==, 4);
  g_assert_cmpmem (second->descriptors->data, table->size, table->data, table->size);
  g_assert_cmpmem ((char *) second->descriptors->data + table->size, table->size, table->data, table->size);
  g_assert_cmpfloat (distance (tensor_floats (table), tensor_floats (table) + 42, 42), >, 0.01);
  watch_clear (&watch);
  job_clear (&job);
}

int
main (int argc, char **argv)
{
  fixture_begin (&argc, &argv);
  g_test_add_func ("/style/draws", test_draws);
  g_test_add_func ("/style/palette", test_palette);
  g_test_add_func ("/style/calm", test_calm);
  g_test_add_func ("/style/mesh", test_mesh);
  g_test_add_func ("/style/alike", test_alike);
  g_test_add_func ("/style/colors", test_colors);
  g_test_add_func ("/style/start", test_start);
  g_test_add_func ("/style/into", test_into);
  g_test_add_func ("/style/descriptors", test_descriptors);
  g_test_add_func ("/style/refused", test_refused);
  g_test_add_func ("/style/defaults", test_defaults);
  return fixture_run ();
}
