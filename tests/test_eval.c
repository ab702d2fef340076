/* SPDX-License-Identifier: Apache-2.0
 *
 * Figures of paintings: style and content distance against the training losses, built here from the features
 * themselves; what is equal; sizes from a pixel on; and the public face on files. */
#include <glib/gstdio.h>
#include <impasto/impasto.h>
#include <math.h>
#include <string.h>

#include "compile/plan.h"
#include "effect/distance.h"
#include "fixture.h"
#include "image/picture.h"
#include "net/net_file.h"
#include "noise.h"
#include "train/loss.h"
#include "train/style_loss.h"

static char *eye;

/* A small network of ours with random weights and biases. */
static void
save_eye (const char *path)
{
  static const struct perceptual_net settings = {.channels = {4, 6, 8}};
  g_autoptr (GError) error = NULL;
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (weights) weights = weights_new ();
  net_perceptual.build (&net_perceptual, graph, &settings);
  g_assert_true (weights_init (weights, graph, 3, &error));
  for (guint i = 0; i < weights_count (weights); i++)
    if (g_str_has_suffix (weights_name (weights, i), "bias"))
      noise_fill (weights_name (weights, i), 0.3, 0.1, tensor_floats (weights_at (weights, i)),
                  shape_size (&weights_at (weights, i)->shape));
  g_autoptr (net_file) made = net_file_new (&net_perceptual, &settings, weights);
  g_assert_true (net_file_save (made, path, &error));
  g_assert_no_error (error);
}

static struct features *
load_eye (void)
{
  struct features *features = features_load (eye, NULL);
  g_assert_nonnull (features);
  return features;
}

static struct picture *
make_picture (const char *name, int width, int height)
{
  struct picture *picture = picture_new (width, height, false, NULL);
  uint32_t seed = noise_seed (name);
  int64_t plane = (int64_t) width * height;
  for (int64_t i = 0; i < 3 * plane; i++) {
    double wave = sin (i % plane % width * (0.2 + seed % 7 * 0.1)) * cos (i % plane / width * 0.3 + i / plane);
    picture->rgb[i] = CLAMP (0.5 + 0.25 * wave + 0.3 * noise_at (seed, i), 0, 1);
  }
  return picture;
}

static sym
constant (struct graph *graph, const struct picture *picture)
{
  g_autoptr (tensor) tensor = tensor_new (SHAPE (1, 3, picture->height, picture->width), DTYPE_F32, NULL);
  memcpy (tensor->data, picture->rgb, tensor->size);
  return graph_constant (graph, tensor);
}

static void
build_eye (const struct features *features, sym picture, struct feature_tap taps[FEATURE_TAPS])
{
  graph_push (picture.graph, "eye");
  features_build (features, picture, FEATURE_TAPS - 1, taps);
  graph_pop (picture.graph);
}

/* The losses as they are trained, of whole features: heads first, Gram matrices after. */
static void
losses (const struct picture *painting, const struct picture *photo, const struct picture *style, double *l_style,
        double *l_content)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (features) features = load_eye ();
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (weights) weights = weights_new ();
  features_add_weights (features, weights, "eye");
  sym x = constant (graph, painting), wanted = constant (graph, style), sum = graph_scalar (graph, 0);
  for (int scale = 0; scale < 3; scale++) {
    struct feature_tap taps[FEATURE_TAPS], goal[FEATURE_TAPS];
    build_eye (features, x, taps);
    build_eye (features, wanted, goal);
    for (int i = 0; i < FEATURE_TAPS; i++) {
      sym target = sym_gram (feature_map (goal[i]));
      sym inverse = sym_rsqrt (sym_mean (sym_square (target), AXES_ALL));
      sum = sym_add (sum, loss_gram (feature_map (taps[i]), inverse, sym_mul (target, inverse)));
    }
    x = sym_avg_pool (x, 2, 2, 0);
    wanted = sym_avg_pool (wanted, 2, 2, 0);
  }
  struct feature_tap taps[FEATURE_TAPS], seen[FEATURE_TAPS];
  build_eye (features, constant (graph, painting), taps);
  build_eye (features, constant (graph, photo), seen);
  graph_output (graph, "style", sym_scale (sum, 1.0 / (3 * FEATURE_TAPS)));
  graph_output (graph, "content",
                loss_content (feature_map (taps[FEATURE_CONTENT]), feature_map (seen[FEATURE_CONTENT])));
  g_autoptr (plan) plan = plan_compile (graph, weights, &(struct plan_options){.precision = PRECISION_F32}, &error);
  g_assert_no_error (error);
  plan_run (plan, 0, 0);
  *l_style = tensor_floats (plan_output (plan, "style"))[0];
  *l_content = tensor_floats (plan_output (plan, "content"))[0];
}

static void
test_losses (void)
{
  const int sizes[][2] = {{48, 40}, {53, 37}, {16, 90}};
  g_autoptr (GError) error = NULL;
  g_autoptr (picture) style = make_picture ("style", 60, 44);
  g_autoptr (distance) distance = distance_new (load_eye (), 0);
  g_assert_true (distance_set_style (distance, style, &error));
  double first[2] = {0};
  for (size_t i = 0; i < G_N_ELEMENTS (sizes); i++) {
    g_autoptr (picture) painting = make_picture ("painting", sizes[i][0], sizes[i][1]);
    g_autoptr (picture) photo = make_picture ("photo", sizes[i][0], sizes[i][1]);
    double found[2], wanted[2];
    losses (painting, photo, style, &wanted[0], &wanted[1]);
    g_assert_true (distance_measure (distance, painting, photo, &found[0], &found[1], &error));
    for (int k = 0; k < 2; k++) {
      g_assert_cmpfloat (wanted[k], >, 1e-3);
      g_assert_cmpfloat_with_epsilon (found[k], wanted[k], 1e-4 * wanted[k]);
      first[k] = i == 0 ? found[k] : first[k];
    }
  }
  g_autoptr (picture) painting = make_picture ("painting", sizes[0][0], sizes[0][1]);
  g_autoptr (picture) photo = make_picture ("photo", sizes[0][0], sizes[0][1]);
  double alone[2]; /* each by itself, after other sizes: the same */
  g_assert_true (distance_measure (distance, painting, NULL, &alone[0], NULL, &error));
  g_assert_true (distance_measure (distance, painting, photo, NULL, &alone[1], &error));
  for (int k = 0; k < 2; k++)
    g_assert_cmpfloat_with_epsilon (alone[k], first[k], 1e-5 * first[k]);
}

/* What painting by optimisation goes down by is the figure: one graph with the loss in it, another without. */
static void
test_style_loss (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (picture) style = make_picture ("style", 60, 44), painting = make_picture ("painting", 53, 37);
  g_autoptr (features) features = load_eye ();
  struct style_painting alone = {style, 1};
  struct style_target target = {0};
  g_assert_true (style_target_measure (&target, features, &alone, 1, 0, 0, &error));
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (weights) weights = weights_new ();
  features_add_weights (features, weights, "eye");
  graph_output (graph, "style", style_loss (constant (graph, painting), features, &target, NULL));
  g_autoptr (plan) plan = plan_compile (graph, weights, &(struct plan_options){.precision = PRECISION_F32}, &error);
  g_assert_no_error (error);
  plan_run (plan, 0, 0);
  double found, loss = tensor_floats (plan_output (plan, "style"))[0];
  g_autoptr (distance) distance = distance_new (load_eye (), 0);
  g_assert_true (distance_set_style (distance, style, &error));
  g_assert_true (distance_measure (distance, painting, NULL, &found, NULL, &error));
  g_assert_cmpfloat (found, >, 1e-3);
  g_assert_cmpfloat_with_epsilon (loss, found, 1e-5 * found);
  style_target_clear (&target);
}

static void
test_equal (void)
{
  g_autoptr (picture) style = make_picture ("style", 60, 44), other = make_picture ("other", 60, 44);
  g_autoptr (distance) distance = distance_new (load_eye (), 0);
  double near, far, content;
  g_assert_true (distance_set_style (distance, style, NULL));
  g_assert_true (distance_measure (distance, style, style, &near, &content, NULL));
  g_assert_cmpfloat (near, <, 1e-9);
  g_assert_cmpfloat (content, ==, 0);
  g_assert_true (distance_measure (distance, other, NULL, &far, NULL, NULL));
  g_assert_cmpfloat (far, >, 1e-3);
}

static void
test_sizes (void)
{
  const int sizes[][2] = {{1, 1}, {15, 2}, {17, 33}, {5, 130}};
  g_autoptr (GError) error = NULL;
  g_autoptr (distance) distance = distance_new (load_eye (), 0);
  for (size_t i = 0; i < G_N_ELEMENTS (sizes); i++) {
    g_autoptr (picture) style = make_picture ("style", sizes[i][1], sizes[i][0]);
    g_autoptr (picture) painting = make_picture ("painting", sizes[i][0], sizes[i][1]);
    double near, far, content;
    g_assert_true (distance_set_style (distance, style, &error));
    g_assert_true (distance_measure (distance, painting, painting, &far, &content, &error));
    g_assert_true (distance_measure (distance, style, NULL, &near, NULL, &error));
    g_assert_true (isfinite (far) && far > near && near < 1e-9 && content == 0);
  }
}

/* --- Files --- */

static char *
save (const char *name, int width, int height, const char *kind)
{
  g_autoptr (GError) error = NULL;
  char *path = file (name);
  g_autoptr (picture) picture = make_picture (kind, width, height);
  g_assert_true (picture_save (picture, path, NULL, &error));
  g_assert_no_error (error);
  return path;
}

/* An evaluator with options NAME, VALUE, ..., NULL. */
static ImpastoEvaluator *
evaluator_of (bool photographs, GError **error, const char *name, ...)
{
  g_autoptr (ImpastoOptions) options = impasto_eval_options_new ();
  va_list args;
  va_start (args, name);
  for (; name; name = va_arg (args, const char *))
    g_assert_true (impasto_options_set (options, name, va_arg (args, const char *), NULL));
  va_end (args);
  return impasto_evaluator_new (options, photographs, error);
}

static double
figure (const ImpastoFigures *figures, const char *name)
{
  for (int i = 0; i < figures->n_figures; i++)
    if (g_str_equal (figures->figure[i].name, name))
      return figures->figure[i].value;
  return NAN;
}

static void
test_files (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *style = save ("style.png", 60, 44, "style"), *painting = save ("painting.png", 48, 40, "painting");
  g_autofree char *photo = save ("photo.png", 96, 80, "photo");
  g_autoptr (ImpastoEvaluator) evaluator =
    evaluator_of (true, &error, "features", eye, "style-image", style, "style-size", "0", "tile", "16x16", NULL);
  g_assert_no_error (error);
  ImpastoFigures figures;
  g_assert_true (impasto_evaluator_run (evaluator, painting, photo, painting, &figures, &error));
  g_assert_no_error (error);
  g_assert_cmpint (figures.width, ==, 48);
  g_assert_cmpint (figures.n_figures, ==, 16);
  g_assert_true (strstr (figures.notes, "photo.png is 96x80 and was scaled to 48x40") != NULL);
  g_assert_cmpfloat (figure (&figures, "style_distance"), >, 1e-3);
  g_assert_cmpfloat (figure (&figures, "content_distance"), >, 1e-3);
  g_assert_cmpfloat (figure (&figures, "palette_distance"), >, 1e-4);
  g_assert_cmpfloat (figure (&figures, "color_distance"), >, 1e-4);
  g_assert_true (isinf (figure (&figures, "psnr")));
  g_assert_cmpfloat_with_epsilon (figure (&figures, "ssim"), 1, 1e-9);
  g_assert_cmpfloat (figure (&figures, "max_difference"), ==, 0);
  g_assert_cmpfloat (figure (&figures, "max_at_seams"), ==, 0);
  g_assert_cmpfloat (figure (&figures, "seam_step"), >, 1); /* noise: as large as beside the lines */
  g_assert_cmpfloat_with_epsilon (figure (&figures, "seam_step"), figure (&figures, "step_beside"),
                                  0.2 * figure (&figures, "seam_step"));
  impasto_figures_clear (&figures);

  g_assert_true (impasto_evaluator_run (evaluator, style, NULL, NULL, &figures, &error));
  g_assert_cmpfloat (figure (&figures, "style_distance"), <, 1e-9);
  g_assert_cmpfloat (figure (&figures, "palette_distance"), <, 1e-9);
  g_assert_cmpfloat (figure (&figures, "color_distance"), <, 1e-9);
  g_assert_true (isnan (figure (&figures, "psnr")) && isnan (figure (&figures, "content_distance")));
  g_assert_null (figures.notes);
  impasto_figures_clear (&figures);
}

static void
test_preview (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *small = save ("small.png", 48, 40, "painting"), *large = file ("large.png");
  g_autoptr (picture) flat = picture_new (96, 80, false, NULL);
  g_assert_true (picture_save (flat, large, NULL, NULL));
  ImpastoFigures figures;
  g_autoptr (ImpastoEvaluator) strict = evaluator_of (false, &error, NULL);
  g_autoptr (ImpastoEvaluator) preview = evaluator_of (false, &error, "preview", NULL, NULL);
  g_assert_no_error (error);
  g_assert_false (impasto_evaluator_run (strict, small, NULL, large, &figures, &error));
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT);
  g_assert_true (strstr (error->message, "48x40") && strstr (error->message, "96x80; --preview"));
  impasto_figures_clear (&figures);
  g_clear_error (&error);

  double found[2];
  for (int i = 0; i < 2; i++) { /* whichever comes first */
    g_assert_true (impasto_evaluator_run (preview, i ? large : small, NULL, i ? small : large, &figures, &error));
    g_assert_true (strstr (figures.notes, "large.png is 96x80 and was scaled to 48x40") != NULL);
    found[i] = figure (&figures, "mean_difference");
    impasto_figures_clear (&figures);
  }
  g_autoptr (picture) picture = picture_load (small, 0, NULL); /* against black: its own mean */
  double sum = 0;
  for (int i = 0; i < 3 * 48 * 40; i++)
    sum += picture->rgb[i];
  g_assert_cmpfloat_with_epsilon (found[0], sum / (3 * 48 * 40) * 255, 1e-3);
  g_assert_cmpfloat (found[0], ==, found[1]);
}

static void
check_refused (bool photographs, int code, const char *text, const char *name, const char *value)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ImpastoEvaluator) evaluator = evaluator_of (photographs, &error, name, value, NULL);
  g_assert_null (evaluator);
  g_assert_error (error, IMPASTO_ERROR, code);
  if (!strstr (error->message, text) || strchr (error->message, '\n'))
    g_error ("wanted \"%s\", found \"%s\"", text, error->message);
}

static void
test_refused (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *missing = file ("missing.png"), *painting = save ("painting.png", 20, 20, "painting");
  check_refused (false, IMPASTO_ERROR_INPUT, "missing.png", "features", missing);
  check_refused (false, IMPASTO_ERROR_INPUT, "missing.png", "style-image", missing);
  check_refused (false, IMPASTO_ERROR_USAGE, "--tile wants", "tile", "12by4");
  check_refused (true, IMPASTO_ERROR_INPUT, "--features", "tile", "12"); /* IMPASTO_MODELS has none */
  g_autoptr (ImpastoEvaluator) evaluator = evaluator_of (true, &error, "features", eye, NULL);
  g_assert_no_error (error);
  const char *const cases[][3] = {{missing}, {painting, missing}, {painting, NULL, missing}};
  for (size_t i = 0; i < G_N_ELEMENTS (cases); i++) {
    ImpastoFigures figures;
    g_assert_false (impasto_evaluator_run (evaluator, cases[i][0], cases[i][1], cases[i][2], &figures, &error));
    g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT);
    g_assert_nonnull (strstr (error->message, "missing.png"));
    impasto_figures_clear (&figures);
    g_clear_error (&error);
  }
}

/* The network that ships is found among the packs. */
static void
test_default (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *models = file ("models"), *shipped = g_build_filename (models, "perceptual.safetensors", NULL);
  g_autofree char *painting = save ("painting.png", 20, 20, "painting");
  g_assert_cmpint (g_mkdir (models, 0700), ==, 0);
  save_eye (shipped);
  g_setenv ("IMPASTO_MODELS", models, TRUE);
  g_autoptr (ImpastoEvaluator) evaluator = evaluator_of (true, &error, NULL);
  g_assert_no_error (error);
  ImpastoFigures figures;
  g_assert_true (impasto_evaluator_run (evaluator, painting, painting, NULL, &figures, &error));
  g_assert_cmpfloat (figure (&figures, "content_distance"), ==, 0);
  impasto_figures_clear (&figures);
  g_setenv ("IMPASTO_MODELS", folder, TRUE);
  g_unlink (shipped);
  g_rmdir (models);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  folder_make ();
  eye = file ("eye.safetensors");
  save_eye (eye);
  g_setenv ("IMPASTO_MODELS", folder, TRUE);
  g_test_add_func ("/eval/losses", test_losses);
  g_test_add_func ("/eval/style-loss", test_style_loss);
  g_test_add_func ("/eval/equal", test_equal);
  g_test_add_func ("/eval/sizes", test_sizes);
  g_test_add_func ("/eval/files", test_files);
  g_test_add_func ("/eval/preview", test_preview);
  g_test_add_func ("/eval/refused", test_refused);
  g_test_add_func ("/eval/default", test_default);
  int status = g_test_run ();
  folder_remove ();
  g_free (eye);
  return status;
}
