/* SPDX-License-Identifier: Apache-2.0
 *
 * Judges out of checkpoints. One of patches (net/patchgan.c) has the shape of its weights; of one of the pairs
 * painter-gan and anime (net/gan.h) the run's recipe, beside the checkpoint, tells what weights do not. */
#include "effect/judges.h"

#include <string.h>

#include "compile/grad.h"
#include "format/safetensors.h"
#include "impasto/error.h"
#include "net/manifest.h"
#include "train/gan_loss.h"
#include "train/runs.h"
#include "train/translate_recipe.h"

#define JUDGE "judge."
#define LAYERS_MAX 8
#define GRID 8 /* parts of a side in which a judge of the whole is looked into */
#define WIDTH_MOST 512
#define HEADS_MOST 4096

/* Where the weights of a run's judges are, after JUDGE: one judge, or one for each side of a translation. */
static const char *const scopes[] = {"", "painting.", "photo."};
#define PAIR_SCOPE "painting." /* that of a pair */

static const struct tensor *
find (struct weights *weights, const char *scope, const char *name)
{
  g_autofree char *whole = g_strconcat (JUDGE, scope, name, NULL);
  return weights_find (weights, whole);
}

/* The weight of convolution @layer, counted from 1. */
static const struct tensor *
layer_weight (struct weights *weights, const char *scope, int layer)
{
  g_autofree char *name = g_strdup_printf ("layer%d.conv.weight", layer);
  return find (weights, scope, name);
}

/* The settings that its weights tell; whether there are any. */
static bool
read_shape (struct weights *weights, const char *scope, struct patch_net *net)
{
  const struct tensor *heads = find (weights, scope, "heads.weight"), *first = layer_weight (weights, scope, 1);
  if (!heads || !first || heads->shape.rank != 4 || first->shape.rank != 4 || heads->shape.dim[0] > HEADS_MOST ||
      first->shape.dim[0] > WIDTH_MOST)
    return false;
  *net = (struct patch_net){.heads = heads->shape.dim[0],
                            .width = first->shape.dim[0],
                            .dense = heads->shape.dim[2] == 4, /* the last layer's kernel, see net/patchgan.c */
                            .norm = find (weights, scope, "layer2.norm.scale") != NULL};
  while (net->layers < LAYERS_MAX && layer_weight (weights, scope, (int) net->layers + 1))
    net->layers++;
  net->layers -= net->dense;
  return net->layers > 0;
}

static bool
ends_dense (const struct gan_preset *preset)
{
  const struct gan_layer *layer = preset->judge;
  while (layer->channels != GAN_SCORE)
    layer++;
  return layer->kind == &gan_dense;
}

/* The judge of a pair, which is that of @settings. */
static bool
settle_pair (const struct translate_settings *settings, struct judges *judges)
{
  const struct style_net painter = translate_net (settings);
  struct judge *judge = &judges->judge[0];
  *judge = (struct judge){.scope = PAIR_SCOPE,
                          .pair = painter_preset (&painter),
                          .gan = translate_judge_net (settings),
                          .logits = settings->loss != GAN_LEAST_SQUARES};
  judges->side = judge->pair && ends_dense (judge->pair) ? (int) settings->size : 0;
  judges->n = judge->pair && judges->side % GRID == 0;
  return judges->n > 0;
}

/* As recipe.json, its object @recipe, has it. */
static bool
read_recipe (JsonObject *recipe, struct judges *judges, GError **error)
{
  struct translate_settings settings = {0};
  JsonNode *node = json_object_get_member (recipe, "settings");
  bool translates = g_str_equal (json_object_get_string_member (recipe, "recipe"), recipe_translate.name);
  if (!translates || !node || !JSON_NODE_HOLDS_OBJECT (node)) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "is not of impasto train translate");
    return false;
  }
  option_init (recipe_translate.options, &settings);
  bool ok = option_from_json (recipe_translate.options, &settings, json_node_get_object (node), error);
  if (ok) {
    recipe_translate.settle (&settings, &(struct run_settings){0});
    ok = settle_pair (&settings, judges);
    if (!ok)
      g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "is of no preset whose judge the checkpoint holds");
  }
  option_clear (recipe_translate.options, &settings);
  return ok;
}

/* Of the run in whose folder the checkpoint @path lies. */
static bool
read_pair (const char *path, struct judges *judges, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (path);
  g_autoptr (JsonObject) recipe = run_options_load (folder, error);
  if (!recipe)
    return false;
  bool ok = read_recipe (recipe, judges, error);
  if (!ok)
    g_prefix_error (error, "%s/recipe.json: ", folder);
  return ok;
}

static bool
read_judges (struct weights *weights, const char *path, struct judges *judges, GError **error)
{
  *judges = (struct judges){0};
  for (size_t i = 0; i < G_N_ELEMENTS (scopes) && judges->n < JUDGES_MAX; i++) {
    struct judge *judge = &judges->judge[judges->n];
    judge->scope = scopes[i];
    judges->n += read_shape (weights, judge->scope, &judge->net);
  }
  if (judges->n > 0)
    return true;
  if (find (weights, PAIR_SCOPE, "conv1.weight"))
    return read_pair (path, judges, error);
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT,
               "%s: holds no judge; checkpoints of impasto train style and impasto train translate do", path);
  return false;
}

/* A judge that ends in a dense layer calls the whole picture one thing. The layer is a sum over places, whose parts the
 * gradient tells: for GRID by GRID parts, what the picture would be called if all of it said what this part says. */
static sym
score_parts (sym seen, const struct judge *judge, struct gan_pass pass)
{
  sym whole = gan_score (seen, judge->pair, pass), features = gan_features (seen, judge->pair, pass), weight;
  int64_t side = sym_shape (seen).dim[2], size = sym_shape (features).dim[1];
  graph_gradient (sym_sum (whole, AXES_ALL), &features, 1, &weight);
  sym places = sym_reshape (sym_mul (features, weight), SHAPE (1, size / (side * side), side, side));
  places = sym_sum (places, AXIS (1));
  sym rest = sym_sub (sym_reshape (whole, SHAPE (1, 1, 1, 1)), sym_sum (places, AXES_ALL));
  sym parts = sym_avg_pool (places, (int) (side / GRID), (int) (side / GRID), 0);
  return sym_add (sym_scale (parts, (double) (side * side)), sym_broadcast (rest, SHAPE (1, 1, GRID, GRID)));
}

static sym
score_pair (sym seen, const struct judge *judge)
{
  struct gan_pass pass = {.net = &judge->gan};
  sym scores = ends_dense (judge->pair) ? score_parts (seen, judge, pass) : gan_score (seen, judge->pair, pass);
  return judge->logits ? sym_sigmoid (scores) : scores;
}

sym
judges_score (sym picture, const struct judges *judges)
{
  sym scores[JUDGES_MAX], seen = sym_affine (picture, 2, -1); /* as in training */
  for (int i = 0; i < judges->n; i++) {
    const struct judge *judge = &judges->judge[i];
    int length = (int) strcspn (judge->scope, ".");
    if (length > 0)
      graph_push (picture.graph, "%.*s", length, judge->scope);
    scores[i] = judge->pair ? score_pair (seen, judge) : patch_net (seen, &judge->net);
    if (length > 0)
      graph_pop (picture.graph);
  }
  return sym_concat (scores, judges->n, 1);
}

int
judges_heads (const struct judges *judges)
{
  int heads = 0;
  for (int i = 0; i < judges->n; i++)
    heads += judges->judge[i].pair ? 1 : (int) judges->judge[i].net.heads;
  return heads;
}

/* A side that all of them can read. */
static int64_t
some_side (const struct judges *judges)
{
  const struct judge *judge = &judges->judge[0];
  return judges->side ? judges->side : judge->pair ? 64 : 16 << (judge->net.layers + judge->net.dense);
}

struct weights *
judges_load (const char *path, struct judges *judges, GError **error)
{
  g_autoptr (weights) all = safetensors_load (path, error), own = weights_new ();
  g_autoptr (graph) graph = graph_new ();
  if (!all || !read_judges (all, path, judges, error))
    return NULL;
  for (guint i = 0; i < weights_count (all); i++)
    if (g_str_has_prefix (weights_name (all, i), JUDGE))
      weights_add (own, weights_name (all, i) + strlen (JUDGE), weights_at (all, i));
  int64_t side = some_side (judges);
  judges_score (graph_input (graph, "picture", SHAPE (1, 3, side, side)), judges);
  return weights_checked (own, graph, path, error);
}
