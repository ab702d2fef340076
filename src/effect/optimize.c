/* SPDX-License-Identifier: Apache-2.0
 *
 * The method around a run of painting by optimisation: its options, the paintings and the network that it opens, what it
 * will take, what it is called, and its recipe, written and read. See optimize.h and optimize_run.h. */
#include "effect/optimize.h"

#include <math.h>
#include <string.h>

#include "base/text.h"
#include "compile/plan.h"
#include "effect/optimize_run.h"
#include "effect/recipe.h"
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
   "network that judges, VGG-19 for the finest; otherwise " WIDE_FEATURES_FILE " or " FEATURES_FILE
   " from the folders of packs",
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

/* VGG-19 where it is: pixels that nothing but a network judges want a wide one. */
static char *
find_features (GError **error)
{
  char *path = style_folders_find (WIDE_FEATURES_FILE);
  path = path ? path : style_folders_find (FEATURES_FILE);
  if (!path)
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE,
                 "no feature network: neither " WIDE_FEATURES_FILE " nor " FEATURES_FILE
                 " is in a folder of styles; name one with --features FILE");
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

/* "FILE" or "FILE:WEIGHT"; a file of that whole name comes first. */
static bool
parse_painting (const char *text, struct painting *painting, GError **error)
{
  const char *colon = strrchr (text, ':');
  painting->share = 1;
  painting->path = g_strdup (text);
  if (!colon || g_file_test (text, G_FILE_TEST_EXISTS))
    return true;
  char *end;
  double weight = g_ascii_strtod (colon + 1, &end);
  if (end == colon + 1 || *end)
    return true; /* a name with a colon: loading says what is wrong with it */
  if (!(weight > 0) || weight > 1e6) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE,
                 "--style-image: the weight of %s must be above 0, at most 1000000", text);
    return false;
  }
  painting->path[colon - text] = 0;
  painting->share = weight;
  return true;
}

/* Not larger than will be needed, and not smaller than can be measured. */
static struct picture *
load_painting (const char *path, GError **error)
{
  g_autoptr (picture) picture = picture_load (path, 0, error);
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
  g_auto (GStrv) parts = g_strsplit (self->paint->style_image ? self->paint->style_image : "", ",", -1);
  int n = g_strv_length (parts);
  if (n == 0) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE,
                 "--method optimize wants --style-image PAINTING (or several, FILE:WEIGHT joined by ',')");
    return false;
  }
  self->paintings = g_new0 (struct painting, n);
  self->n_paintings = n;
  double sum = 0;
  GString *name = g_string_new (NULL);
  for (int i = 0; i < n; i++) {
    struct painting *painting = &self->paintings[i];
    if (!parse_painting (g_strstrip (parts[i]), painting, error) ||
        !(painting->picture = load_painting (painting->path, error)) ||
        !(painting->sha256 = style_sha256 (painting->path, error))) {
      g_string_free (name, TRUE);
      return false;
    }
    sum += painting->share;
    g_autofree char *base = g_path_get_basename (painting->path);
    char *dot = strrchr (base, '.');
    g_string_append_printf (name, "%s%.*s", i ? "+" : "", (int) (dot && dot > base ? dot - base : 200), base);
  }
  self->name = g_string_free (name, FALSE);
  for (int i = 0; i < n; i++)
    self->paintings[i].share /= sum;
  return true;
}

static void
optimize_close (void *data)
{
  struct optimize *self = data;
  if (!self)
    return;
  for (int i = 0; i < self->n_paintings; i++) {
    g_free (self->paintings[i].path);
    g_free (self->paintings[i].sha256);
    g_clear_pointer (&self->paintings[i].picture, picture_free);
  }
  g_free (self->paintings);
  g_clear_pointer (&self->features, features_free);
  option_clear (optimize_options, &self->settings);
  g_free (self->features_sha256);
  g_free (self->name);
  g_free (self);
}

static void *
optimize_open (const struct paint_settings *settings, GError **error)
{
  struct optimize *self = g_new0 (struct optimize, 1);
  self->paint = settings;
  option_init (optimize_options, &self->settings);
  g_autoptr (JsonObject) given = settings->optimize ? option_to_json (optimize_options, settings->optimize) : NULL;
  if ((!given || option_from_json (optimize_options, &self->settings, given, error)) && load_paintings (self, error) &&
      load_features (self, error))
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
optimize_describe (const void *data, JsonObject *recipe)
{
  const struct optimize *self = data;
  g_autofree char *features = g_path_get_basename (self->features->path);
  JsonArray *paintings = json_array_new ();
  for (int i = 0; i < self->n_paintings; i++) {
    JsonObject *painting = json_object_new ();
    g_autofree char *base = g_path_get_basename (self->paintings[i].path);
    json_object_set_string_member (painting, "file", base);
    json_object_set_string_member (painting, "sha256", self->paintings[i].sha256);
    json_object_set_double_member (painting, "share", self->paintings[i].share);
    json_array_add_object_element (paintings, painting);
  }
  json_object_set_string_member (recipe, "style", self->name);
  json_object_set_string_member (recipe, "pack", features);
  json_object_set_string_member (recipe, "sha256", self->features_sha256);
  json_object_set_array_member (recipe, "paintings", paintings);
  JsonObject *settings = option_to_json (optimize_options, &self->settings);
  for (const char *const *name = (const char *const[]){"features", "preview", "state", NULL}; *name; name++)
    json_object_remove_member (settings, *name);
  json_object_set_object_member (recipe, "optimize", settings);
}

/* A painting of the recipe as --style-image has it. */
static bool
replay_painting (JsonNode *node, const struct recipe_source *source, GString *images, GError **error)
{
  JsonObject *painting = JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
  JsonNode *share = painting ? json_object_get_member (painting, "share") : NULL;
  const char *name = share ? recipe_string (painting, "file", source, error) : NULL;
  const char *sha256 = name ? recipe_string (painting, "sha256", source, error) : NULL;
  g_autofree char *path = sha256 ? recipe_find_beside (source, "the painting", name, sha256, error) : NULL;
  if (!path && error && *error)
    return false;
  if (!path || strchr (path, ',') || !JSON_NODE_HOLDS_VALUE (share)) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "%s: its recipe has a painting that is none",
                 source->painting);
    return false;
  }
  g_autofree char *number = text_number (json_node_get_double (share));
  g_string_append_printf (images, "%s%s:%s", images->len ? "," : "", path, number);
  return true;
}

static bool
optimize_replay (JsonObject *recipe, const struct recipe_source *source, struct paint_settings *settings,
                 GError **error)
{
  JsonNode *paintings = json_object_get_member (recipe, "paintings"),
           *own = json_object_get_member (recipe, "optimize");
  const char *features = recipe_string (recipe, "pack", source, error);
  const char *sha256 = features ? recipe_string (recipe, "sha256", source, error) : NULL;
  if (!sha256)
    return false;
  if (!paintings || !JSON_NODE_HOLDS_ARRAY (paintings) || !own || !JSON_NODE_HOLDS_OBJECT (own)) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "%s: its recipe has no paintings, or no settings",
                 source->painting);
    return false;
  }
  g_autoptr (GString) images = g_string_new (NULL);
  JsonArray *array = json_node_get_array (paintings);
  for (guint i = 0; i < json_array_get_length (array); i++)
    if (!replay_painting (json_array_get_element (array, i), source, images, error))
      return false;
  g_auto (GStrv) folders = impasto_style_folders ();
  g_autofree char *beside = g_path_get_dirname (source->painting);
  g_autoptr (GPtrArray) all = g_ptr_array_new ();
  for (char **folder = folders; *folder; folder++)
    g_ptr_array_add (all, *folder);
  g_ptr_array_add (all, beside);
  g_ptr_array_add (all, NULL);
  g_autofree char *path = recipe_find_file (source, "the feature network", features, sha256,
                                            (const char *const *) all->pdata, "put it beside the painting", error);
  g_autoptr (JsonObject) stored = json_object_new ();
  for (const struct option *option = optimize_options; option->name; option++) { /* never names of files */
    JsonNode *value = json_object_get_member (json_node_get_object (own), option->name);
    if (value && option->type != OPTION_STRING && !g_str_equal (option->name, "preview"))
      json_object_set_member (stored, option->name, json_node_copy (value));
  }
  struct optimize_settings *to = settings->optimize;
  if (!path || !option_from_json (optimize_options, to, stored, error))
    return false;
  g_free (to->features);
  to->features = g_steal_pointer (&path);
  g_free (settings->style_image);
  settings->style_image = g_strdup (images->str);
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
  .describe = optimize_describe,
  .replay = optimize_replay,
};
