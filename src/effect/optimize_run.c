/* SPDX-License-Identifier: Apache-2.0
 *
 * Running: where to start, level after level, progress and previews, and the state that a stopped painting goes on
 * from; see optimize_run.h. */
#include "effect/optimize_run.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "base/draft.h"
#include "base/random.h"
#include "base/text_json.h"
#include "compile/plan.h"
#include "effect/optimize_state.h"
#include "image/pixels.h"
#include "impasto/error.h"

#define FIRST_LEVEL 384 /* longer side of the coarsest size, at most */
#define LEVELS_MAX OPTIMIZE_LEVELS_MAX
#define SAVE_SECONDS 30
#define PREVIEW_RECIPE "{\"command\":\"preview\"}" /* by which previews are known, and replaced */

/* A run. */
struct run {
  struct optimize *optimize;
  const struct picture *photo;
  const struct paint_job *job;
  struct optimize_levels levels;
  char *state_path, *preview_path, *identity; /* NULL: none */
  int now;                                    /* level */
  double share;                               /* that was told */
  struct level *level;
  struct patches *patches; /* of the level's paintings; NULL: without */
  gint64 saved;            /* when, microseconds */
};

/* --- Levels --- */

static int
scaled (int extent, double scale)
{
  return MAX (1, (int) lrint (extent * scale));
}

struct optimize_levels
optimize_levels (const struct optimize *self, int width, int height)
{
  struct optimize_levels levels = {.n = self->settings.levels};
  int longer = MAX (width, height), natural = longer > FIRST_LEVEL / 2 ? 2 : 1;
  while (natural < LEVELS_MAX && longer >> (natural - 1) > FIRST_LEVEL)
    natural++;
  levels.n = MIN (levels.n ? levels.n : natural, (int) self->settings.steps);
  for (int i = 0; i < levels.n; i++) {
    double scale = ldexp (1, i + 1 - levels.n);
    levels.width[i] = scaled (width, scale);
    levels.height[i] = scaled (height, scale);
    levels.steps[i] = self->settings.steps * (i + 1) / levels.n - self->settings.steps * i / levels.n;
  }
  return levels;
}

double
optimize_cost (const struct optimize_levels *levels, int i)
{
  return (double) levels->width[i] * levels->height[i];
}

struct level_options
optimize_level_options (const struct optimize *self, const struct optimize_levels *levels, int i,
                        const struct style_target *target)
{
  return (struct level_options){.settings = &self->settings,
                                .features = self->features,
                                .target = target,
                                .width = levels->width[i],
                                .height = levels->height[i],
                                .steps = levels->steps[i],
                                .threads = (int) self->paint->threads,
                                .precision = self->paint->precision,
                                .seed = self->paint->seed,
                                .limit = self->limit};
}

/* --- Running --- */

/* Gram matrices, and patches if they count, of the paintings at the size that goes with level @i: as many pixels as the
 * picture has, times the square of the scale. */
static bool
measure_style (struct run *run, int i, struct style_target *target, GError **error)
{
  const struct optimize *self = run->optimize;
  double side = sqrt (optimize_cost (&run->levels, i)) * self->settings.style_scale * self->paint->brush;
  g_autofree struct style_painting *paintings = g_new0 (struct style_painting, self->n_paintings);
  g_autoptr (GPtrArray) resized = g_ptr_array_new_with_free_func ((GDestroyNotify) picture_free);
  for (int k = 0; k < self->n_paintings; k++) {
    const struct picture *whole = self->paintings[k].picture;
    double scale = fmin (1, side / sqrt ((double) whole->width * whole->height));
    scale = fmax (scale, (double) STYLE_LOSS_MIN / MIN (whole->width, whole->height));
    struct picture *picture = picture_resize (whole, (int) ceil (whole->width * scale - 1e-6),
                                              (int) ceil (whole->height * scale - 1e-6), error);
    if (!picture)
      return false;
    g_ptr_array_add (resized, picture);
    paintings[k] = (struct style_painting){picture, self->paintings[k].image->share};
  }
  int threads = (int) self->paint->threads;
  if (!style_target_measure (target, self->features, paintings, self->n_paintings, threads, self->limit, error))
    return false;
  if (self->settings.patch_weight > 0)
    run->patches =
      patches_new (self->features, paintings, self->n_paintings, self->settings.patches, threads, self->limit, error);
  return self->settings.patch_weight == 0 || run->patches;
}

enum optimize_start
optimize_start (const struct optimize *self)
{
  if (self->settings.start != OPTIMIZE_START_AUTO)
    return self->settings.start;
  return self->paint->style && *self->paint->style ? OPTIMIZE_START_NETWORK : OPTIMIZE_START_PHOTO;
}

/* @picture becomes what the feed-forward network of --style paints from it. */
static bool
paint_by_network (const struct run *run, struct picture *picture, GError **error)
{
  const struct method *method = &method_network;
  struct method_forecast forecast;
  void *network = method->open (run->optimize->paint, error);
  bool ok = network &&
            method->prepare (network, picture->width, picture->height, run->optimize->limit, &forecast, error) &&
            method->run (network, picture, NULL, error);
  if (network)
    method->close (network);
  return ok;
}

/* What the first level begins with, from the photograph at its size. */
static bool
start_picture (const struct run *run, struct picture *picture, GError **error)
{
  struct random_key key = {.seed = run->optimize->paint->seed};
  int64_t n = (int64_t) 3 * picture->width * picture->height;
  switch (optimize_start (run->optimize)) {
  case OPTIMIZE_START_NETWORK: return paint_by_network (run, picture, error);
  case OPTIMIZE_START_NOISE: random_uniform_fill (key, 0, picture->rgb, n); return true;
  default: return true;
  }
}

static bool
tick (int64_t done, void *data)
{
  struct run *run = data;
  double before = 0, all = 0;
  for (int i = 0; i < run->levels.n; i++) {
    double whole = run->levels.steps[i] * optimize_cost (&run->levels, i);
    before += i < run->now ? whole : i == run->now ? done * optimize_cost (&run->levels, i) : 0;
    all += whole;
  }
  struct level_losses losses = level_losses (run->level);
  g_autofree char *what = losses.total == 0 ? g_strdup_printf ("size %d of %d", run->now + 1, run->levels.n)
                                            : g_strdup_printf ("size %d of %d, style %.4f, content %.3f", run->now + 1,
                                                               run->levels.n, losses.style, losses.content);
  run->share = fmax (run->share, before / all); /* a search that failed is made again */
  return paint_progress (run->job, run->share, what, NULL);
}

/* The picture as it is now, enlarged to the painting's size. */
static bool
write_preview (const struct run *run, GError **error)
{
  int width = run->levels.width[run->now], height = run->levels.height[run->now];
  g_autoptr (picture) small = picture_new (width, height, false, error);
  if (!small)
    return false;
  level_picture (run->level, small->rgb);
  g_autoptr (picture) whole = picture_resize (small, run->photo->width, run->photo->height, error);
  if (whole)
    whole->recipe = g_strdup (PREVIEW_RECIPE);
  return whole && picture_save (whole, run->preview_path, NULL, error);
}

static bool
save_state (struct run *run, GError **error)
{
  if (!run->state_path)
    return true;
  run->saved = g_get_monotonic_time ();
  return optimize_state_save (run->state_path, run->identity, run->now, run->level, error);
}

/* The state of a stopped painting is saved, and the message says how to go on. */
static void
stop (struct run *run, GError **error)
{
  g_autoptr (GError) local = NULL;
  if (!save_state (run, &local)) {
    g_clear_error (error);
    g_propagate_error (error, g_steal_pointer (&local));
  } else if (run->state_path && error) {
    g_clear_error (error);
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_CANCELLED,
                 "stopped after step %" G_GINT64_FORMAT " of level %d of %d; the same command goes on from %s",
                 level_done (run->level), run->now + 1, run->levels.n, run->state_path);
  }
}

static bool
run_level (struct run *run, GError **error)
{
  int64_t every = run->optimize->settings.preview;
  while (!level_finished (run->level)) {
    int64_t before = level_done (run->level);
    GError *local = NULL;
    if (!level_step (run->level, tick, run, &local)) {
      if (g_error_matches (local, IMPASTO_ERROR, IMPASTO_ERROR_CANCELLED))
        stop (run, &local);
      g_propagate_error (error, local);
      return false;
    }
    bool crossed = every && level_done (run->level) / every != before / every;
    if (crossed && run->preview_path && !write_preview (run, error))
      return false;
    if (g_get_monotonic_time () - run->saved > SAVE_SECONDS * G_USEC_PER_SEC)
      save_state (run, NULL); /* a disk that is full now may have room when it counts */
  }
  return true;
}

/* Makes level @i, going on from @picture, which is freed, or from the state. */
static bool
begin_level (struct run *run, int i, struct picture *picture, struct weights *state, GError **error)
{
  g_autoptr (picture) before = picture;
  struct optimize *self = run->optimize;
  struct style_target target = {0};
  int width = run->levels.width[i], height = run->levels.height[i];
  g_autoptr (picture) photo = picture_resize (run->photo, width, height, error);
  g_autoptr (picture) start = photo ? picture_resize (before ? before : photo, width, height, error) : NULL;
  bool ok = start && (before || state || start_picture (run, start, error)) && measure_style (run, i, &target, error);
  if (ok) {
    struct level_options options = optimize_level_options (self, &run->levels, i, &target);
    options.patches = run->patches;
    run->now = i;
    run->level = level_new (&options, photo->rgb, start->rgb, error);
    ok = run->level && (!state || level_load (run->level, state, run->state_path, error));
  }
  style_target_clear (&target);
  return ok;
}

static void
end_level (struct run *run)
{
  g_clear_pointer (&run->level, level_free);
  g_clear_pointer (&run->patches, patches_free);
}

static bool
run_levels (struct run *run, float *out, GError **error)
{
  int first = 0;
  g_autoptr (weights) state = NULL;
  if (run->state_path && !optimize_state_load (run->state_path, run->identity, run->levels.n, &first, &state, error))
    return false;
  struct picture *picture = NULL;
  run->saved = g_get_monotonic_time ();
  for (int i = first; i < run->levels.n; i++) {
    if (!begin_level (run, i, g_steal_pointer (&picture), i == first ? state : NULL, error))
      return false;
    g_clear_pointer (&state, weights_unref);
    if (!run_level (run, error))
      return false;
    if (i + 1 == run->levels.n)
      level_picture (run->level, out);
    else {
      picture = picture_new (run->levels.width[i], run->levels.height[i], false, error);
      if (!picture)
        return false;
      level_picture (run->level, picture->rgb);
    }
    end_level (run);
  }
  return true;
}

/* Settings and inputs on which the bits of a painting depend. */
static char *
identity (const struct run *run)
{
  const struct optimize *self = run->optimize;
  g_autoptr (JsonObject) object = option_to_json (optimize_options, &self->settings);
  for (const char *const *name = (const char *const[]){"features", "preview", "state", NULL}; *name; name++)
    json_object_remove_member (object, *name);
  g_autofree char *photo = g_compute_checksum_for_data (G_CHECKSUM_SHA256, (const guchar *) run->photo->rgb,
                                                        sizeof (float) * 3 * run->photo->width * run->photo->height);
  json_object_set_string_member (object, "photograph", photo);
  json_object_set_int_member (object, "width", run->photo->width);
  json_object_set_int_member (object, "height", run->photo->height);
  json_object_set_string_member (object, "features", self->features_sha256);
  g_autofree char *network = self->network ? text_json_write_object (self->network, FALSE) : NULL;
  json_object_set_string_member (object, "style", network ? network : "");
  json_object_set_int_member (object, "seed", self->paint->seed);
  json_object_set_double_member (object, "brush", self->paint->brush);
  json_object_set_string_member (object, "precision", self->forecast.precision);
  GString *paintings = g_string_new (NULL);
  for (int i = 0; i < self->n_paintings; i++)
    g_string_append_printf (paintings, "%s:%.9g ", self->paintings[i].image->sha256, self->paintings[i].image->share);
  json_object_set_string_member (object, "style-image", paintings->str);
  g_string_free (paintings, TRUE);
  return text_json_write_object (object, FALSE);
}

static bool
is_painted_by (const struct run *run, const char *path)
{
  g_autoptr (GPtrArray) sources = g_ptr_array_new_with_free_func (g_free);
  bool found = false;
  method_optimize.sources (run->optimize, sources);
  for (guint i = 0; i < sources->len; i++)
    found |= draft_replaces (path, sources->pdata[i]);
  return found;
}

/* That the files beside the painting can be written, and replace nothing but their like, is found out before the
 * work. */
static bool
check_files (const struct run *run, GError **error)
{
  g_autofree char *recipe = run->preview_path ? picture_recipe (run->preview_path, NULL) : NULL;
  bool there = run->preview_path && g_file_test (run->preview_path, G_FILE_TEST_EXISTS);
  if (there && g_strcmp0 (recipe, PREVIEW_RECIPE) != 0) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_OUTPUT,
                 "%s: is there already and no preview, which --preview would make of it; choose another -o",
                 run->preview_path);
    return false;
  }
  if (there && is_painted_by (run, run->preview_path)) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_OUTPUT,
                 "%s: --preview would replace what it is painted by; choose another -o", run->preview_path);
    return false;
  }
  g_autoptr (draft) state = run->state_path ? draft_new (run->state_path, error) : NULL;
  return !run->state_path || state;
}

bool
optimize_run (void *data, struct picture *picture, const struct paint_job *job, GError **error)
{
  struct optimize *self = data;
  struct run run = {.optimize = self, .photo = picture, .job = job};
  const char *output = job ? job->output : NULL;
  run.levels = optimize_levels (self, picture->width, picture->height);
  run.identity = identity (&run);
  run.state_path = self->settings.state ? g_strdup (self->settings.state)
                   : output             ? optimize_state_path (output)
                                        : NULL;
  run.preview_path = output && self->settings.preview ? optimize_preview_path (output) : NULL;
  bool ok = check_files (&run, error) && run_levels (&run, picture->rgb, error);
  if (ok && run.state_path)
    g_unlink (run.state_path);
  end_level (&run);
  g_free (run.state_path);
  g_free (run.preview_path);
  g_free (run.identity);
  return ok;
}

char *
optimize_state_path (const char *output)
{
  return g_strconcat (output, ".state.safetensors", NULL);
}

char *
optimize_preview_path (const char *output)
{
  const char *base = strrchr (output, '/'), *dot = strrchr (base ? base : output, '.');
  int stem = dot ? (int) (dot - output) : (int) strlen (output);
  return g_strdup_printf ("%.*s-preview%s", stem, output, output + stem);
}
