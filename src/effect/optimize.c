/* SPDX-License-Identifier: Apache-2.0
 *
 * The method around a run of painting by optimisation: its options, the paintings and the network that it opens, what
 * it will take, what it is called, and its recipe, written and read. See optimize.h and optimize_run.h. */
#include "effect/optimize.h"

#include <math.h>
#include <string.h>

#include "compile/plan.h"
#include "effect/optimize_run.h"
#include "effect/recipe.h"
#include "effect/stylize.h"
#include "effect/styles.h"
#include "image/pixels.h"
#include "impasto/impasto.h"
#include "train/trainer.h"

#define WIDE_FEATURES_FILE "vgg19.safetensors"
#define PAINTING_MAX 2048 /* longer side of a painting that is kept */

static const char *const optimizer_names[] = {"lbfgs", "adam", NULL};
static const char *const start_names[] = {"auto", "network", "photo", "noise", NULL};

const struct option optimize_options[] = {
  {"features", OPTION_STRING, offsetof (struct optimize_settings, features),
   "network that judges: VGG-19 in torchvision's layout; otherwise " WIDE_FEATURES_FILE " from the folders of packs",
   .metavar = "FILE"},
  {"steps", OPTION_INT, offsetof (struct optimize_settings, steps), "steps in all", 1, 100000, 300},
  {"levels", OPTION_INT, offsetof (struct optimize_settings, levels),
   "sizes, each twice the one before, up to the painting's; 0 = by the picture", 0, OPTIMIZE_LEVELS_MAX, 0},
  {"optimizer", OPTION_CHOICE, offsetof (struct optimize_settings, optimizer), "what takes the steps",
   .choices = optimizer_names},
  {"start", OPTION_CHOICE, offsetof (struct optimize_settings, start),
   "what painting begins with; auto = the network's painting when there is a --style, else the photograph",
   .choices = start_names},
  {"content-weight", OPTION_FLOAT, offsetof (struct optimize_settings, content_weight), "how much of the scene stays",
   0, 1e6, 1},
  {"style-weight", OPTION_FLOAT, offsetof (struct optimize_settings, style_weight), "how much of the painting comes", 0,
   1e6, 30},
  {"variation-weight", OPTION_FLOAT, offsetof (struct optimize_settings, variation_weight), "smoothness", 0, 1e6, 1},
  {"patch-weight", OPTION_FLOAT, offsetof (struct optimize_settings, patch_weight),
   "how much every patch shall look like one of the painting's; 0 = not", 0, 1e6, 0},
  {"patches", OPTION_INT, offsetof (struct optimize_settings, patches), "of the paintings, to choose from", 1, 16384,
   2048},
  {"style-scale", OPTION_FLOAT, offsetof (struct optimize_settings, style_scale),
   "size of the paintings against the picture: larger = larger strokes", 0.1, 8, 1.3333},
  {"rate", OPTION_FLOAT, offsetof (struct optimize_settings, rate), "learning rate of adam", 1e-6, 1, 0.03},
  {"preview", OPTION_INT, offsetof (struct optimize_settings, preview),
   "write OUT-preview every so many steps; 0 = never", 0, 100000, 0},
  {"state", OPTION_STRING, offsetof (struct optimize_settings, state),
   "where a stopped painting is kept, for the same command to go on; OUT.state.safetensors if not given",
   .metavar = "FILE"},
  {NULL},
};

/* --- Opening --- */

/* VGG-19 where it is. The network that ships is not taken unasked: pixels that nothing but a narrow network judges turn
 * into what pleases it, which is noise to everyone else. */
static char *
find_features (GError **error)
{
  char *path = style_folders_find (WIDE_FEATURES_FILE);
  if (!path)
    g_set_error (
      error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE,
      "--method optimize wants --features FILE: VGG-19 as safetensors in torchvision's layout (or " WIDE_FEATURES_FILE
      " in a folder of styles); the network that ships is too narrow to judge alone");
  return path;
}

static bool
load_features (struct optimize *self, GError **error)
{
  g_autofree char *found = self->settings.features ? NULL : find_features (error);
  const char *path = self->settings.features ? self->settings.features : found;
  self->features = path ? features_load (path, error) : NULL;
  self->features_sha256 = self->features ? style_sha256 (path, error) : NULL;
  return self->features_sha256 != NULL;
}

/* Not larger than will be needed, and not smaller than can be measured. */
static struct picture *
load_painting (const char *path, GError **error)
{
  g_autoptr (picture) picture = painting_load (path, error);
  if (!picture)
    return NULL;
  double longer = MAX (picture->width, picture->height), shorter = MIN (picture->width, picture->height);
  double scale = fmax (fmin (1, PAINTING_MAX / longer), STYLE_LOSS_MIN / shorter);
  if (longer * scale > 2 * PAINTING_MAX) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "%s: too narrow for a painting (%dx%d)", path,
                 picture->width, picture->height);
    return NULL;
  }
  return scale == 1 ? g_steal_pointer (&picture)
                    : picture_resize (picture, (int) ceil (picture->width * scale - 1e-6),
                                      (int) ceil (picture->height * scale - 1e-6), error);
}

static bool
load_paintings (struct optimize *self, GError **error)
{
  self->images = style_images_new ("style-image", self->paint->style_image, error);
  if (!self->images) {
    g_prefix_error (error, "--method optimize: ");
    return false;
  }
  self->name = style_images_label (self->images);
  self->n_paintings = self->images->len;
  self->paintings = g_new0 (struct painting, self->n_paintings);
  for (int i = 0; i < self->n_paintings; i++) {
    struct painting *painting = &self->paintings[i];
    painting->image = &g_array_index (self->images, struct style_image, i);
    painting->picture = load_painting (painting->image->path, error);
    if (!painting->picture)
      return false;
  }
  return true;
}

static void
optimize_close (void *data)
{
  struct optimize *self = data;
  if (!self)
    return;
  for (int i = 0; i < self->n_paintings; i++)
    g_clear_pointer (&self->paintings[i].picture, picture_free);
  g_free (self->paintings);
  g_clear_pointer (&self->images, g_array_unref);
  g_clear_pointer (&self->features, features_free);
  g_clear_pointer (&self->network, json_object_unref);
  option_clear (optimize_options, &self->settings);
  g_free (self->features_sha256);
  g_free (self->pack);
  g_free (self->name);
  g_free (self);
}

/* Finds out what the network paints that painting begins with, if it does. */
static bool
look_at_start (struct optimize *self, GError **error)
{
  bool style = self->paint->style && *self->paint->style, network = optimize_start (self) == OPTIMIZE_START_NETWORK;
  if (style != network) {
    g_set_error_literal (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE,
                         network ? "--start network wants a --style to begin with"
                                 : "--style is what painting begins with: it goes with --start network");
    return false;
  }
  if (!network)
    return true;
  void *opened = method_network.open (self->paint, error);
  if (!opened)
    return false;
  self->network = json_object_new ();
  stylize_describe_styles (opened, self->network);
  self->pack = g_strdup (method_network.file (opened));
  method_network.close (opened);
  return true;
}

static void *
optimize_open (const struct paint_settings *settings, GError **error)
{
  struct optimize *self = g_new0 (struct optimize, 1);
  self->paint = settings;
  option_init (optimize_options, &self->settings);
  g_autoptr (JsonObject) given = settings->optimize ? option_to_json (optimize_options, settings->optimize) : NULL;
  if ((!given || option_from_json (optimize_options, &self->settings, given, error)) && look_at_start (self, error) &&
      load_paintings (self, error) && load_features (self, error))
    return self;
  optimize_close (self);
  return NULL;
}

/* --- Forecast --- */

static bool
optimize_prepare (void *data, int width, int height, uint64_t limit, struct method_forecast *forecast, GError **error)
{
  struct optimize *self = data;
  if (self->width == width && self->height == height && self->forecast.bytes <= limit) {
    *forecast = self->forecast;
    self->limit = limit;
    return true;
  }
  struct style_target blank = {0};
  struct optimize_levels levels = optimize_levels (self, width, height);
  uint64_t bytes = 0, fixed = 0, paintings = 0;
  double operations = 0, relative = 0;
  for (int i = 0; i < self->n_paintings; i++)
    paintings += 24ull * self->paintings[i].picture->width * self->paintings[i].picture->height;
  self->width = 0;
  self->limit = limit > paintings ? limit - paintings : 1;
  bool ok = style_target_blank (&blank, self->features, error);
  struct level_options options = optimize_level_options (self, &levels, levels.n - 1, &blank);
  ok = ok && level_forecast (&options, &bytes, &fixed, &operations, error);
  style_target_clear (&blank);
  for (int i = 0; i < levels.n; i++)
    relative += levels.steps[i] * optimize_cost (&levels, i) / optimize_cost (&levels, levels.n - 1);
  *forecast = (struct method_forecast){.bytes = bytes + paintings,
                                       .held = paintings / 2,
                                       .fixed = fixed + paintings,
                                       .operations = operations * relative,
                                       .precision = self->paint->precision == PRECISION_BF16 ? "bf16" : "f32"};
  if (!ok)
    return false;
  self->width = width;
  self->height = height;
  self->forecast = *forecast;
  self->limit = limit;
  return true;
}

/* --- What it is called --- */

static const char *
optimize_style (const void *data)
{
  return ((const struct optimize *) data)->name;
}

static const char *
optimize_file (const void *data)
{
  return ((const struct optimize *) data)->features->path;
}

static void
optimize_sources (const void *data, GPtrArray *paths)
{
  const struct optimize *self = data;
  g_ptr_array_add (paths, g_strdup (self->features->path));
  if (self->pack)
    g_ptr_array_add (paths, g_strdup (self->pack));
  style_images_sources (self->images, paths);
}

static void
optimize_describe (const void *data, JsonObject *recipe)
{
  const struct optimize *self = data;
  g_autofree char *features = g_path_get_basename (self->features->path);
  json_object_set_string_member (recipe, "style", self->name);
  json_object_set_string_member (recipe, "pack", features);
  json_object_set_string_member (recipe, "sha256", self->features_sha256);
  style_images_describe (self->images, recipe);
  JsonObject *settings = option_to_json (optimize_options, &self->settings);
  for (const char *const *name = (const char *const[]){"features", "preview", "state", NULL}; *name; name++)
    json_object_remove_member (settings, *name);
  json_object_set_object_member (recipe, "optimize", settings);
  if (self->network)
    json_object_set_object_member (recipe, "network", json_object_ref (self->network));
}

/* The feature network a painting was optimised by: the one that is given, which must be the same unless forced, or one
 * of that name where packs are, or beside the painting. */
static char *
recorded_features (const struct recipe_source *source, const char *given, const char *name, const char *sha256,
                   GError **error)
{
  if (given) {
    g_autofree char *is = style_sha256 (given, error);
    if (is && !source->force && !g_str_equal (is, sha256))
      g_set_error (
        error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT,
        "%s: %s is another feature network than it was painted with (SHA-256 %.12s..., was %.12s...); --force "
        "takes it",
        source->painting, given, is, sha256);
    return is && (source->force || g_str_equal (is, sha256)) ? g_strdup (given) : NULL;
  }
  g_auto (GStrv) folders = impasto_style_folders ();
  g_autofree char *beside = g_path_get_dirname (source->painting);
  g_autoptr (GPtrArray) all = g_ptr_array_new ();
  for (char **folder = folders; *folder; folder++)
    g_ptr_array_add (all, *folder);
  g_ptr_array_add (all, beside);
  g_ptr_array_add (all, NULL);
  return recipe_find_file (source, "the feature network", name, sha256, (const char *const *) all->pdata,
                           "name it with --features", error);
}

static bool
replay_start (JsonNode *network, const struct recipe_source *source, struct paint_settings *settings, GError **error)
{
  if (!network || source->other_start)
    return true;
  if (JSON_NODE_HOLDS_OBJECT (network))
    return recipe_replay_mixes (json_node_get_object (network), source, settings, error);
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "%s: its recipe has a network that is none",
               source->painting);
  return false;
}

static bool
optimize_replay (JsonObject *recipe, const struct recipe_source *source, struct paint_settings *settings,
                 GError **error)
{
  JsonNode *own = json_object_get_member (recipe, "optimize");
  const char *features = recipe_string (recipe, "pack", source, error);
  const char *sha256 = features ? recipe_string (recipe, "sha256", source, error) : NULL;
  if (!sha256)
    return false;
  if (!own || !JSON_NODE_HOLDS_OBJECT (own)) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "%s: its recipe has no settings of optimisation",
                 source->painting);
    return false;
  }
  g_autofree char *images = style_images_replay (recipe, source, error);
  JsonNode *network = json_object_get_member (recipe, "network"); /* what painting began with */
  if (!images || !replay_start (network, source, settings, error))
    return false;
  struct optimize_settings *to = settings->optimize;
  g_autofree char *path = recorded_features (source, to->features, features, sha256, error);
  g_autoptr (JsonObject) stored = json_object_new ();
  for (const struct option *option = optimize_options; option->name; option++) { /* never names of files */
    JsonNode *value = json_object_get_member (json_node_get_object (own), option->name);
    if (value && option->type != OPTION_STRING && !g_str_equal (option->name, "preview"))
      json_object_set_member (stored, option->name, json_node_copy (value));
  }
  if (!path || !option_from_json (optimize_options, to, stored, error))
    return false;
  g_free (to->features);
  to->features = g_steal_pointer (&path);
  g_free (settings->style_image);
  settings->style_image = g_steal_pointer (&images);
  return true;
}

static unsigned
optimize_controls (const void *data)
{
  return METHOD_BRUSH;
}

const struct method method_optimize = {
  .name = "optimize",
  .open = optimize_open,
  .close = optimize_close,
  .controls = optimize_controls,
  .prepare = optimize_prepare,
  .run = optimize_run,
  .style = optimize_style,
  .file = optimize_file,
  .sources = optimize_sources,
  .describe = optimize_describe,
  .replay = optimize_replay,
};
