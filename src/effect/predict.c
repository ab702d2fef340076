/* SPDX-License-Identifier: Apache-2.0
 *
 * Method "predict": any painting as a style, at once, by the network of a pack that has a predictor (net/net.h). Each
 * painting is seen once, when the method is opened; what the predictor makes of it is a row like those of the pack's
 * styles. From there on it is painted as in a style of the pack (stylize.c), but for the strength, which follows when
 * colours have been moved to the painting's palette. In a recipe, beside "style", "pack", "sha256" and "paintings":
 *
 *   "describer": {"pack": base name, "sha256": ...}, the network that tells what paintings look like */
#include <string.h>

#include "compile/plan.h"
#include "device/cpu.h"
#include "effect/colors.h"
#include "effect/predict.h"
#include "effect/steered.h"
#include "effect/style_images.h"
#include "effect/styles.h"
#include "effect/stylize.h"
#include "image/pixels.h"
#include "impasto/error.h"
#include "net/net_file.h"
#include "train/describer.h"

#define PACK "masters.safetensors"
#define DESCRIBER "perceptual.safetensors"
#define MULTIPLE 4 /* of a style image's sides: the describing network halves them twice */

struct predict {
  struct steered steered;
  const struct paint_settings *settings;
  struct style style; /* the pack whose predictor it is */
  struct pack *pack;  /* its network, with the paintings in the place of its styles */
  struct net_file *describer;
  char *describer_sha256, *label;
  struct colors_sums *palettes; /* of each mix */
};

static void
predict_close (void *self)
{
  struct predict *predict = self;
  steered_clear (&predict->steered);
  style_clear (&predict->style);
  g_clear_pointer (&predict->pack, pack_free);
  g_clear_pointer (&predict->describer, net_file_free);
  g_free (predict->describer_sha256);
  g_free (predict->palettes);
  g_free (predict->label);
  g_free (predict);
}

/* --- Rows of paintings --- */

/* @table with @rows in the place of its first @styles. */
static struct tensor *
replace_styles (struct tensor *table, int64_t styles, struct tensor *rows, GError **error)
{
  int64_t n = rows->shape.dim[0], rest = table->shape.dim[0] - styles, c = table->shape.dim[1];
  struct tensor *replaced = tensor_new (SHAPE (n + rest, c), DTYPE_F32, error);
  if (!replaced)
    return NULL;
  memcpy (tensor_floats (replaced), tensor_floats (rows), n * c * sizeof (float));
  memcpy (tensor_floats (replaced) + n * c, tensor_floats (table) + styles * c, rest * c * sizeof (float));
  return replaced;
}

/* The network of @from with a style for each painting, by the predictor's @weights of them. */
static struct pack *
pack_of_paintings (const struct pack *from, struct tensor *weights, GError **error)
{
  struct style_net net = from->settings;
  net.styles = weights->shape.dim[0];
  g_autoptr (weights) all = weights_new ();
  for (guint i = 0; i < weights_count (from->weights); i++) {
    const char *name = weights_name (from->weights, i);
    struct tensor *own = weights_at (from->weights, i);
    g_autoptr (GError) local = NULL;
    g_autoptr (tensor) rows = pack_predict_rows (from, name, weights, &local);
    g_autoptr (tensor) table = rows ? replace_styles (own, from->settings.styles, rows, &local) : NULL;
    if (local) {
      g_propagate_error (error, g_steal_pointer (&local));
      return NULL;
    }
    weights_add (all, name, table ? table : own);
  }
  struct pack *pack = pack_new (&net, all);
  pack->path = g_strdup (from->path);
  return pack;
}

/* Sees a painting: its descriptor and its palette. Small ones are enlarged: strokes are as wide as in those that the
 * predictor learned. */
static bool
look (const struct predict *predict, const char *path, float *descriptor, struct colors_sums *palette, GError **error)
{
  const struct paint_settings *settings = predict->settings;
  struct plan_options options = {.threads = settings->threads, .memory_limit = cpu_memory_available ()};
  g_autoptr (picture) whole = painting_load (path, error);
  g_autoptr (picture) painting = whole ? picture_fit (whole, settings->style_size, MULTIPLE, true, error) : NULL;
  if (!painting || !describe_picture (predict->describer, painting, options, descriptor, error))
    return false;
  int64_t pixels = (int64_t) painting->width * painting->height;
  colors_sums_add (palette, painting->rgb, pixels, painting->alpha, pixels);
  return true;
}

static bool
see_paintings (struct predict *predict, GPtrArray *paths, GError **error)
{
  struct pack *from = predict->style.pack;
  const struct control *control = predict->steered.control;
  int64_t d = from->predictor.described, n = paths->len;
  g_autofree struct colors_sums *palettes = g_new0 (struct colors_sums, n);
  g_autoptr (tensor) descriptors = tensor_new (SHAPE (n, d), DTYPE_F32, error);
  for (int64_t i = 0; descriptors && i < n; i++)
    if (!look (predict, paths->pdata[i], tensor_floats (descriptors) + i * d, &palettes[i], error))
      return false;
  g_autoptr (tensor) weights = descriptors ? pack_predict (from, descriptors, error) : NULL;
  predict->pack = weights ? pack_of_paintings (from, weights, error) : NULL;
  predict->palettes = g_new0 (struct colors_sums, control->mixes->len);
  for (guint m = 0; m < control->mixes->len; m++)
    for (guint i = 0; i < control_mix_at (control, m)->parts->len; i++) {
      const struct control_part *part = &g_array_index (control_mix_at (control, m)->parts, struct control_part, i);
      colors_sums_mix (&predict->palettes[m], &palettes[part->row], part->weight);
    }
  return predict->pack != NULL;
}

/* --- Files --- */

/* The pack or run that is named, or the pack that ships; its predictor must be there. */
static bool
load_pack (struct predict *predict, GError **error)
{
  const char *given = predict->settings->predictor, *named = given && *given ? given : NULL;
  g_autofree char *shipped = named ? NULL : style_folders_find (PACK);
  if (!named && !shipped)
    return style_fail (error, IMPASTO_ERROR_INPUT,
                       PACK ", which --method predict needs, is not there; set IMPASTO_MODELS to its folder, or choose "
                            "--method image");
  if (!style_load (named ? named : shipped, &predict->style, error))
    return false;
  return predict->style.pack->predicting ||
         style_fail (error, IMPASTO_ERROR_INPUT,
                     "%s has no predictor; impasto train predictor gives it one, and --method image does without",
                     predict->style.pack->path);
}

/* What features keep of the photograph is a share of its row. */
static bool
check_fusion (const struct predict *predict, GError **error)
{
  const struct pack *pack = predict->style.pack;
  return pack->settings.photograph || predict->settings->fusion_strength == 1 ||
         style_fail (error, IMPASTO_ERROR_USAGE,
                     "%s has not learned the photograph, which --fusion-strength wants; --strength does without",
                     pack->path);
}

static bool
load_describer (struct predict *predict, GError **error)
{
  g_autofree char *path = style_folders_find (DESCRIBER);
  const struct pack *pack = predict->style.pack;
  if (!path)
    return style_fail (error, IMPASTO_ERROR_INPUT,
                       DESCRIBER ", which --method predict needs, is not there; set IMPASTO_MODELS to its folder");
  predict->describer = net_file_load (path, &net_perceptual, error);
  predict->describer_sha256 = predict->describer ? style_sha256 (path, error) : NULL;
  if (!predict->describer_sha256)
    return false;
  return perceptual_descriptor_size (predict->describer->settings) == pack->predictor.described ||
         style_fail (error, IMPASTO_ERROR_INPUT, "%s: its predictor was not trained with %s", pack->path, path);
}

bool
predict_is_there (void)
{
  g_autofree char *path = style_folders_find (PACK), *describer = style_folders_find (DESCRIBER);
  g_autoptr (pack) pack = path ? pack_load_manifest (path, NULL) : NULL;
  g_autoptr (net_file) net = describer ? net_file_load (describer, &net_perceptual, NULL) : NULL;
  return pack && net && pack->predictor.described == perceptual_descriptor_size (net->settings);
}

/* --- The method --- */

static bool
open_all (struct predict *predict, GError **error)
{
  struct steered *steered = &predict->steered;
  steered->control = control_new (predict->settings, true, error);
  g_autoptr (GPtrArray) paths = steered->control ? control_paintings (steered->control, error) : NULL;
  if (!paths || !load_pack (predict, error) || !check_fusion (predict, error) || !load_describer (predict, error) ||
      !see_paintings (predict, paths, error))
    return false;
  g_clear_pointer (&predict->style.pack->predicting, weights_unref); /* has said what it had to say */
  return true;
}

static void *
predict_open (const struct paint_settings *settings, GError **error)
{
  struct predict *predict = g_new0 (struct predict, 1);
  struct steered *steered = &predict->steered;
  predict->settings = settings;
  if (!open_all (predict, error)) {
    predict_close (predict);
    return NULL;
  }
  struct canvas_settings of_canvas = steered_settings (settings);
  struct canvas_net net = stylize_net (predict->pack);
  net.apart = true;
  of_canvas.gate = settings->fusion_strength < 0.5; /* shut from there on */
  predict->label = style_images_label (control_mix_at (steered->control, 0)->images);
  steered->canvas = canvas_new (&net, &of_canvas);
  steered->rows = g_new (float, steered->control->mixes->len *net.rows);
  control_rows (steered->control, &predict->pack->settings, &settings->fusion_strength, steered->rows);
  return predict;
}

static unsigned
predict_controls (const void *self)
{
  return stylize_controls_of (((const struct predict *) self)->pack) & ~METHOD_STRENGTH;
}

static const struct colors_sums *
predict_palettes (const void *self, int *n)
{
  const struct predict *predict = self;
  *n = (int) predict->steered.control->mixes->len;
  return predict->palettes;
}

static const char *
predict_style (const void *self)
{
  return ((const struct predict *) self)->label;
}

static const char *
predict_file (const void *self)
{
  return ((const struct predict *) self)->pack->path;
}

static void
predict_sources (const void *self, GPtrArray *paths)
{
  const struct predict *predict = self;
  g_ptr_array_add (paths, g_strdup (predict_file (self)));
  g_ptr_array_add (paths, g_strdup (predict->describer->path));
  control_sources (predict->steered.control, paths);
}

static void
predict_describe (const void *self, JsonObject *recipe)
{
  const struct predict *predict = self;
  g_autofree char *describer = g_path_get_basename (predict->describer->path);
  JsonObject *of_describer = json_object_new ();
  json_object_set_string_member (of_describer, "pack", describer);
  json_object_set_string_member (of_describer, "sha256", predict->describer_sha256);
  json_object_set_string_member (recipe, "style", predict->label);
  style_describe (&predict->style, recipe);
  json_object_set_object_member (recipe, "describer", of_describer);
  style_images_describe (control_mix_at (predict->steered.control, 0)->images, recipe);
  steered_describe (&predict->steered, recipe);
}

static bool
predict_replay (JsonObject *recipe, const struct recipe_source *source, struct paint_settings *settings, GError **error)
{
  if (source->other_way) {
    settings->style_image = style_images_replay (recipe, source, error);
    return settings->style_image && recipe_replay_regions (recipe, true, source, settings, error);
  }
  JsonNode *node = json_object_get_member (recipe, "describer");
  if (!node || !JSON_NODE_HOLDS_OBJECT (node))
    return style_fail (error, IMPASTO_ERROR_INPUT, "%s: its recipe has no \"describer\"", source->painting);
  if (!recipe_check_in_use (json_node_get_object (node), DESCRIBER, "its describing network", source, error))
    return false;
  settings->predictor = recipe_find_pack (recipe, "predictor", NULL, source, error);
  settings->style_image = settings->predictor ? style_images_replay (recipe, source, error) : NULL;
  return settings->style_image && recipe_replay_regions (recipe, true, source, settings, error);
}

const struct method method_predict = {
  .name = "predict",
  .open = predict_open,
  .close = predict_close,
  .controls = predict_controls,
  .set_brush = steered_set_brush,
  .prepare = steered_prepare,
  .run = steered_run,
  .run_rows = steered_run_rows,
  .strength = steered_strength,
  .palettes = predict_palettes,
  .shares = steered_shares,
  .style = predict_style,
  .file = predict_file,
  .sources = predict_sources,
  .describe = predict_describe,
  .replay = predict_replay,
};
