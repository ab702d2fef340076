/* SPDX-License-Identifier: Apache-2.0
 *
 * Explaining: shares and losses of the layers add up, the pull is where a picture was spoilt, and nothing pulls at the
 * painting itself; a judge says what its network says when asked directly; what cannot be explained is refused in a
 * line. */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "compile/plan.h"
#include "effect/heatmap.h"
#include "fixture.h"
#include "format/safetensors.h"
#include "impasto/impasto.h"
#include "net/gan.h"
#include "net/net_file.h"
#include "noise.h"

enum { SIDE = 48 };

static char *eye;

static void
save_noise (const char *name, uint32_t seed, double wave)
{
  g_autofree char *path = file (name);
  g_autoptr (picture) picture = picture_new (SIDE, SIDE, false, NULL);
  picture->bits = 16;
  for (int i = 0; i < 3 * SIDE * SIDE; i++)
    picture->rgb[i] = (float) (0.5 + 0.2 * sin (i % SIDE * wave) + 0.15 * noise_at (seed, i));
  g_assert_true (picture_save (picture, path, NULL, NULL));
}

static void
save_eye (void)
{
  static const struct perceptual_net settings = {.channels = {4, 6, 8}};
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (weights) weights = weights_new ();
  eye = file ("eye.safetensors");
  net_perceptual.build (&net_perceptual, graph, &settings);
  g_assert_true (weights_init (weights, graph, 3, NULL));
  g_autoptr (net_file) made = net_file_new (&net_perceptual, &settings, weights);
  g_assert_true (net_file_save (made, eye, NULL));
}

/* A run's judges: of a style, or of each side of a translation; @expected: the names of their score maps. */
struct judged {
  struct patch_net net;
  const char *scopes[3], *expected[3];
};

/* Scores of @picture, those of all judges side by side. */
static sym
judge (sym picture, const struct judged *of)
{
  sym scores[2];
  int n = 0;
  for (; of->scopes[n]; n++) {
    graph_push (picture.graph, "%s", of->scopes[n]);
    scores[n] = patch_net (picture, &of->net);
    graph_pop (picture.graph);
  }
  return sym_concat (scores, n, 1);
}

/* A checkpoint as a run writes it, with a judge among other things. */
static struct weights *
save_judges (const struct judged *of)
{
  g_autofree char *path = file ("run/network-000010.safetensors"), *run = file ("run");
  g_autoptr (graph) graph = graph_new ();
  struct weights *weights = weights_new ();
  judge (graph_input (graph, "picture", SHAPE (1, 3, SIDE, SIDE)), of);
  graph_parameter (graph, "painter.weight", SHAPE (3), (struct init){INIT_ZERO, 0});
  g_assert_true (weights_init (weights, graph, 5, NULL));
  g_assert_cmpint (g_mkdir_with_parents (run, 0755), ==, 0);
  g_assert_true (safetensors_save (weights, path, NULL));
  return weights;
}

static const char *head; /* of a judge: NULL = the one it chooses */

static ImpastoExplanation *
explain (const char *picture, const char *name, const char *value, GError **error)
{
  g_autoptr (ImpastoOptions) options = impasto_explain_options_new ();
  g_autofree char *path = file (picture), *output = file ("maps.png");
  impasto_options_set (options, "features", eye, NULL);
  impasto_options_set (options, "size", "0", NULL);
  impasto_options_set (options, "style-size", "0", NULL);
  impasto_options_set (options, "threads", "1", NULL);
  if (head)
    impasto_options_set (options, "head", head, NULL);
  if (name)
    g_assert_true (impasto_options_set (options, name, value, error));
  return impasto_explain (path, options, output, error);
}

static const ImpastoExplained *
row (const ImpastoExplanation *explanation, guint i)
{
  return explanation->rows->pdata[i];
}

static void
test_style (void)
{
  g_autofree char *painting = file ("painting.png"), *maps = file ("maps.png");
  g_autoptr (GError) error = NULL;
  double share = 0, loss = 0;
  g_autoptr (ImpastoExplanation) explanation = explain ("photo.png", "style-image", painting, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (explanation->rows->len, ==, 5);
  for (guint i = 0; i < 4; i++) {
    share += row (explanation, i)->share;
    loss += row (explanation, i)->value;
  }
  g_assert_cmpfloat_with_epsilon (share, 1, 1e-6);
  g_assert_cmpfloat_with_epsilon (loss, row (explanation, 4)->value, 1e-5 * loss);
  for (guint i = 0; i < 5; i++) {
    double regions = 0;
    for (int k = 0; k < 9; k++)
      regions += row (explanation, i)->region[k];
    g_assert_cmpfloat_with_epsilon (regions, 1, 1e-6);
  }
  g_autoptr (picture) sheet = picture_load (maps, 0, &error);
  g_assert_no_error (error);
  g_assert_cmpint (sheet->width, >, 3 * SIDE);
  g_assert_cmpint (sheet->height, >, 2 * SIDE);

  /* The painting itself is as it should be. */
  g_autoptr (ImpastoExplanation) itself = explain ("painting.png", "style-image", painting, &error);
  g_assert_no_error (error);
  g_assert_cmpfloat (row (itself, 4)->value, <, 1e-8);
}

/* Noise in one ninth of a flat copy of the painting: that is where the pull is. */
static void
test_region (void)
{
  g_autofree char *painting = file ("painting.png"), *path = file ("spoilt.png");
  g_autoptr (GError) error = NULL;
  g_autoptr (picture) picture = picture_load (painting, 0, &error);
  for (int i = 0; i < 3 * SIDE * SIDE; i++)
    if (i / SIDE % SIDE < SIDE / 3 && i % SIDE >= 2 * SIDE / 3)
      picture->rgb[i] = i % 2 ? 1 : 0;
  g_assert_true (picture_save (picture, path, NULL, &error));
  g_autoptr (ImpastoExplanation) explanation = explain ("spoilt.png", "style-image", painting, &error);
  g_assert_no_error (error);
  for (int k = 0; k < 9; k++)
    if (k != 2)
      g_assert_cmpfloat (row (explanation, 0)->region[k], <, row (explanation, 0)->region[2]);
}

static void
test_judge (gconstpointer data)
{
  const struct judged *of = data;
  g_autoptr (weights) weights = save_judges (of);
  g_autofree char *run = file ("run"), *path = file ("photo.png");
  g_autoptr (GError) error = NULL;
  g_autoptr (ImpastoExplanation) explanation = explain ("photo.png", "judge", run, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (explanation->rows->len, ==, 2);

  g_autoptr (graph) graph = graph_new ();
  g_autoptr (picture) picture = picture_load (path, 0, &error);
  sym x = graph_input (graph, "picture", SHAPE (1, 3, SIDE, SIDE));
  graph_output (graph, "scores", judge (sym_affine (x, 2, -1), of));
  g_autoptr (plan) plan = plan_compile (graph, weights, &(struct plan_options){.precision = PRECISION_F32}, &error);
  g_assert_no_error (error);
  memcpy (plan_input (plan, "picture")->data, picture->rgb, sizeof (float) * 3 * SIDE * SIDE);
  plan_run (plan, 0, 0);
  struct tensor *scores = plan_output (plan, "scores");
  int64_t patches = scores->shape.dim[2] * scores->shape.dim[3];
  for (guint map = 0; map < 2; map++) {
    double mean = 0, passed = 0;
    for (int64_t i = 0; i < patches; i++) {
      mean += tensor_floats (scores)[map * patches + i] / (double) patches;
      passed += (tensor_floats (scores)[map * patches + i] > 0.5) / (double) patches;
    }
    g_assert_cmpstr (row (explanation, map)->name, ==, of->expected[map]);
    g_assert_cmpfloat_with_epsilon (row (explanation, map)->value, mean, 1e-4);
    g_assert_cmpfloat_with_epsilon (row (explanation, map)->share, passed, 1e-6);
  }
  head = "3";
  g_assert_null (explain ("photo.png", "judge", run, &error));
  head = NULL;
  check_error (error, IMPASTO_ERROR_USAGE, "it has 2 score maps, --head says 3");
}

/* The judge of a pair, which only the run's recipe tells apart from others. */
struct pair {
  const char *preset, *loss;
  const struct gan_preset *judged;
  bool sigmoid;
  const char *norm;
  int of_norm; /* enum gan_normalisation */
  bool
    corner; /* the dense layer listens to the upper right corner alone; then the picture is wide, its middle the photo */
};

static sym
pair_scores (sym picture, const struct pair *pair)
{
  struct gan_net net = painter_gan_net (4);
  net.judge_norm = pair->of_norm;
  graph_push (picture.graph, "judge.painting");
  sym scores = gan_score (picture, pair->judged, (struct gan_pass){.net = &net});
  graph_pop (picture.graph);
  return pair->sigmoid ? sym_sigmoid (scores) : scores;
}

/* Weights (1, c SIDE SIDE) of a dense layer become 0 but for its upper right corner, a fourth of the sides. */
static void
listen_to_corner (struct weights *weights)
{
  struct tensor *tensor = weights_find (weights, "judge.painting.dense1.weight");
  g_assert_nonnull (tensor);
  for (int64_t i = 0; i < shape_size (&tensor->shape); i++)
    if (i / SIDE % SIDE >= SIDE / 4 || i % SIDE < SIDE - SIDE / 4)
      tensor_floats (tensor)[i] = 0;
}

/* The photo with black to both sides of it. */
static void
save_wide (const struct picture *photo)
{
  g_autofree char *path = file ("wide.png");
  g_autoptr (picture) wide = picture_new (2 * SIDE, SIDE, false, NULL);
  wide->bits = 16;
  for (int i = 0; i < 3 * SIDE * SIDE; i++)
    wide->rgb[i / SIDE * 2 * SIDE + SIDE / 2 + i % SIDE] = photo->rgb[i];
  g_assert_true (picture_save (wide, path, NULL, NULL));
}

/* What is said of the whole picture is the mean of what is said of its parts. */
static void
test_pair (gconstpointer data)
{
  const struct pair *pair = data;
  g_autofree char *run = file (pair->preset), *recipe = g_build_filename (run, "recipe.json", NULL);
  g_autofree char *checkpoint = g_build_filename (run, "network-000010.safetensors", NULL), *path = file ("photo.png");
  g_autofree char *text =
    g_strdup_printf ("{\"recipe\": \"translate\", \"run\": {\"steps\": 10}, \"settings\": {\"preset\": \"%s\", "
                     "\"loss\": \"%s\", \"judge-norm\": \"%s\", \"size\": %d, \"judge-width\": 4}}",
                     pair->preset, pair->loss, pair->norm, SIDE);
  g_autoptr (GError) error = NULL;
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (weights) weights = weights_new ();
  g_autoptr (picture) picture = picture_load (path, 0, &error);
  sym x = graph_input (graph, "picture", SHAPE (1, 3, SIDE, SIDE));
  graph_output (graph, "scores", pair_scores (sym_affine (x, 2, -1), pair));
  g_assert_true (weights_init (weights, graph, 5, &error));
  if (pair->corner)
    listen_to_corner (weights);
  save_wide (picture);
  g_assert_cmpint (g_mkdir_with_parents (run, 0755), ==, 0);
  g_remove (recipe);
  g_assert_true (safetensors_save (weights, checkpoint, &error));
  g_assert_null (explain ("photo.png", "judge", run, &error));
  check_error (error, IMPASTO_ERROR_INPUT, "is no run folder");
  g_clear_error (&error);
  static const char *const wrong[][2] = {
    {"{\"recipe\": \"gan\", \"run\": {}}", "recipe.json: is not of impasto train translate"},
    {"{\"recipe\": \"translate\", \"run\": {}, \"settings\": {}}", "recipe.json: is of no preset"},
    {"{\"recipe\": \"translate\", \"run\": {}, \"settings\": {\"loss\": \"none\"}}", "recipe.json: "},
  };
  for (size_t i = 0; i < G_N_ELEMENTS (wrong); i++) {
    g_assert_true (g_file_set_contents (recipe, wrong[i][0], -1, &error));
    g_assert_null (explain ("photo.png", "judge", run, &error));
    check_error (error, IMPASTO_ERROR_INPUT, wrong[i][1]);
    g_clear_error (&error);
  }
  g_assert_true (g_file_set_contents (recipe, text, -1, &error));
  g_autoptr (ImpastoExplanation) explanation = explain (pair->corner ? "wide.png" : "photo.png", "judge", run, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (explanation->rows->len, ==, 1);

  g_autoptr (plan) plan = plan_compile (graph, weights, &(struct plan_options){.precision = PRECISION_F32}, &error);
  g_assert_no_error (error);
  memcpy (plan_input (plan, "picture")->data, picture->rgb, sizeof (float) * 3 * SIDE * SIDE);
  plan_run (plan, 0, 0);
  struct tensor *scores = plan_output (plan, "scores");
  int64_t patches = shape_size (&scores->shape);
  double mean = 0;
  for (int64_t i = 0; i < patches; i++)
    mean += tensor_floats (scores)[i] / (double) patches;
  g_assert_cmpstr (row (explanation, 0)->name, ==, "painting");
  g_assert_cmpfloat_with_epsilon (row (explanation, 0)->value, mean, 1e-4 * (1 + fabs (mean)));
  const double *region = row (explanation, 0)->region;
  g_assert_cmpfloat (fabs (region[2] - region[6]), >, pair->corner ? 0.01 : 0);
  for (int k = 3; pair->corner && k < 9; k++)
    if (k != 5)
      g_assert_cmpfloat_with_epsilon (region[k], region[6], 1e-6);
}

static void
test_smooth (void)
{
  float map[7 * 5] = {[2 * 7 + 3] = 1};
  double sum = 0;
  g_assert_true (heat_smooth (map, 7, 5, 1, NULL));
  g_assert_cmpfloat_with_epsilon (map[2 * 7 + 3], 1 / 9.0f, 1e-6); /* 3 of 9 by 3 of 9, twice */
  for (int i = 0; i < 7 * 5; i++)
    sum += map[i];
  g_assert_cmpfloat_with_epsilon (sum, 1, 0.15);
  g_assert_cmpfloat (map[2 * 7 + 2], ==, map[2 * 7 + 4]);
  g_assert_cmpfloat (heat_quantile ((const float[]){4, 1, 3, 2, 5}, 5, 0.5), ==, 3);
}

/* A judge of more channels than there can be. */
static void
save_wide_judge (const char *name)
{
  static const char *const names[] = {"judge.layer1.conv.weight", "judge.heads.weight"};
  g_autofree char *path = file (name);
  g_autoptr (weights) weights = weights_new ();
  for (int i = 0; i < 2; i++) {
    g_autoptr (tensor) tensor = tensor_new (SHAPE (i ? 1 : 1 << 20, 1, 1, 1), DTYPE_F32, NULL);
    weights_add (weights, names[i], tensor);
  }
  g_assert_true (safetensors_save (weights, path, NULL));
}

static void
test_refused (void)
{
  static const struct {
    const char *name, *value;
    int code;
    const char *text;
  } cases[] = {
    {NULL, NULL, IMPASTO_ERROR_USAGE, "one of them"},
    {"judge", "eye.safetensors", IMPASTO_ERROR_INPUT, "holds no judge"},
    {"judge", "wide.safetensors", IMPASTO_ERROR_INPUT, "holds no judge"},
    {"judge", "empty", IMPASTO_ERROR_INPUT, "no checkpoint"},
    {"judge", "nothing", IMPASTO_ERROR_INPUT, "nothing"},
    {"style-image", "nothing.png", IMPASTO_ERROR_INPUT, "nothing.png"},
  };
  g_autofree char *empty = file ("empty");
  save_wide_judge ("wide.safetensors");
  g_assert_cmpint (g_mkdir_with_parents (empty, 0755), ==, 0);
  for (size_t i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GError) error = NULL;
    g_autofree char *value = cases[i].value ? file (cases[i].value) : NULL;
    g_assert_null (explain ("photo.png", cases[i].name, value, &error));
    check_error (error, cases[i].code, cases[i].text);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  folder_make ();
  save_eye ();
  save_noise ("photo.png", 1, 0.4);
  save_noise ("painting.png", 2, 0.15);
  g_test_add_func ("/explain/style", test_style);
  g_test_add_func ("/explain/region", test_region);
  static const struct judged style = {
    {.heads = 2, .width = 4, .layers = 2, .norm = true}, {"judge"}, {"head1", "head2"}};
  static const struct judged sides = {{.heads = 1, .width = 4, .layers = 2, .dense = 1, .norm = true},
                                      {"judge.painting", "judge.photo"},
                                      {"painting", "photo"}};
  g_test_add_data_func ("/explain/judge", &style, test_judge);
  g_test_add_data_func ("/explain/judge/sides", &sides, test_judge);
  static const struct pair anime = {"anime", "non-saturating", &gan_anime, true, "batch", GAN_NORM_BATCH},
                           painter_gan = {"painter-gan", "least-squares", &gan_painter_gan,
                                          false,         "layer",         GAN_NORM_LAYER},
                           corner = {"painter-gan", "least-squares", &gan_painter_gan, false, "none", GAN_NORM_NONE,
                                     true};
  g_test_add_data_func ("/explain/judge/anime", &anime, test_pair);
  g_test_add_data_func ("/explain/judge/painter_gan", &painter_gan, test_pair);
  g_test_add_data_func ("/explain/judge/painter_gan/corner", &corner, test_pair);
  g_test_add_func ("/explain/smooth", test_smooth);
  g_test_add_func ("/explain/refused", test_refused);
  int failed = g_test_run ();
  folder_remove ();
  g_free (eye);
  return failed;
}
