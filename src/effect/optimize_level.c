/* SPDX-License-Identifier: Apache-2.0
 *
 * A level: the losses as a graph over the canvas. For L-BFGS the plan gives value and gradient, and the optimiser looks
 * for steps; for Adam the update is part of the graph and a step is one run. Pixels are free to leave 0..1, at a price
 * that grows with the square of the distance: a hard edge would stop the line search at it. See optimize_level.h. */
#include "effect/optimize_level.h"

#include <math.h>
#include <string.h>

#include "compile/grad.h"
#include "compile/plan.h"
#include "impasto/error.h"
#include "train/lbfgs.h"
#include "train/loss.h"
#include "train/optimizer.h"

#define MARGIN 8
#define MULTIPLE 16       /* of the canvas' sides: poolings at every scale come out even */
#define RANGE_WEIGHT 30   /* of L_range */
#define LAID_OUT 32       /* times a weight's bytes that its forms take: measured with VGG-19 */
#define MATCH_EVERY 25    /* steps */
#define FIRST_CHANGE 0.05 /* of a pixel, where L-BFGS begins to look */

static const struct lbfgs_options lbfgs_options = {.memory = 10, .evaluations = 10, .first = FIRST_CHANGE};
static const struct optimizer_options adam_options = {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8};

enum done { STEPS, CONVERGED, MATCHED, DONE_SIZE }; /* of Adam; no step helps any more; step of the next matching */

struct level {
  struct level_options options;
  int64_t width, height; /* of the canvas */
  struct weights *weights;
  struct plan *plan;
  struct lbfgs *lbfgs;              /* NULL: Adam */
  struct patch_matcher *matcher;    /* NULL: without patches */
  struct tensor *picture;           /* (1,3,h,w); the plan's or the weights' */
  struct tensor *done;              /* F64: enum done */
  struct level_losses losses, seen; /* at the picture; where it was looked last */
  level_tick_fn tick;
  void *tick_data;
};

static int64_t
canvas_extent (int64_t extent)
{
  return MAX (STYLE_LOSS_MIN, (extent + 2 * MARGIN + MULTIPLE - 1) / MULTIPLE * MULTIPLE);
}

/* Where index @i of an endlessly mirrored row of @n falls. */
static int64_t
mirrored (int64_t i, int64_t n)
{
  i = (i % (2 * n) + 2 * n) % (2 * n);
  return i < n ? i : 2 * n - 1 - i;
}

static void
copy_in (const struct level *level, const float *in, float *canvas)
{
  int64_t w = level->options.width, h = level->options.height;
  for (int64_t c = 0; c < 3; c++)
    for (int64_t y = 0; y < level->height; y++)
      for (int64_t x = 0; x < level->width; x++)
        canvas[(c * level->height + y) * level->width + x] =
          in[(c * h + mirrored (y - MARGIN, h)) * w + mirrored (x - MARGIN, w)];
}

void
level_picture (const struct level *level, float *out)
{
  int64_t w = level->options.width, h = level->options.height;
  const float *canvas = tensor_floats (level->picture);
  for (int64_t c = 0; c < 3; c++)
    for (int64_t y = 0; y < h; y++)
      for (int64_t x = 0; x < w; x++)
        out[(c * h + y) * w + x] =
          CLAMP (canvas[(c * level->height + y + MARGIN) * level->width + x + MARGIN], 0.0f, 1.0f);
}

/* --- The graph --- */

static bool
is_adam (const struct level_options *options)
{
  return options->settings->optimizer == OPTIMIZE_ADAM;
}

static struct plan_options
plan_options (const struct level_options *options, uint64_t *needed)
{
  bool brief = options->precision == PRECISION_BF16; /* rounding is noise to a line search: only when asked for */
  return (struct plan_options){.precision = brief ? PRECISION_BF16 : PRECISION_F32,
                               .threads = options->threads,
                               .memory_limit = options->limit,
                               .needed = needed};
}

/* Where content is compared, of @x. */
static sym
content_of (sym x, const struct features *features)
{
  struct feature_tap taps[FEATURE_TAPS];
  graph_push (x.graph, "eye");
  features_build (features, x, FEATURE_CONTENT, taps);
  graph_pop (x.graph);
  return feature_map (taps[FEATURE_CONTENT]);
}

static sym
loss_range (sym x)
{
  return sym_reshape (sym_mean (sym_square (sym_sub (x, sym_clamp (x, 0, 1))), AXES_ALL), SHAPE_SCALAR);
}

static void
build (struct graph *graph, const struct level_options *options, int64_t width, int64_t height)
{
  const struct optimize_settings *settings = options->settings;
  struct shape shape = SHAPE (1, 3, height, width);
  struct feature_tap taps[FEATURE_TAPS];
  sym x = is_adam (options) ? graph_parameter (graph, "picture", shape, (struct init){INIT_ZERO, 0})
                            : graph_input (graph, "picture", shape);
  sym l_style = style_loss (x, options->features, options->target, taps);
  sym features = feature_map (taps[FEATURE_CONTENT]);
  sym l_content = loss_content (features, graph_input (graph, "content", sym_shape (features)));
  sym l_variation = loss_variation (x), l_range = loss_range (x);
  sym loss = sym_add (sym_scale (l_content, settings->content_weight), sym_scale (l_style, settings->style_weight));
  loss = sym_add (loss, sym_scale (l_variation, settings->variation_weight));
  loss = sym_add (loss, sym_scale (l_range, RANGE_WEIGHT));
  if (settings->patch_weight > 0) {
    sym seen = patch_features (x, options->features); /* the style loss has them already */
    sym l_patch = loss_content (seen, graph_input (graph, "patch-target", sym_shape (seen)));
    loss = sym_add (loss, sym_scale (l_patch, settings->patch_weight));
    graph_output (graph, "patch-loss", l_patch);
  }
  if (is_adam (options)) {
    sym rate = graph_input (graph, "rate", SHAPE_SCALAR);
    optimizer_step (loss, "picture", rate, (sym){graph, -1}, &adam_options);
  } else {
    sym gradient;
    graph_gradient (loss, &x, 1, &gradient);
    graph_output (graph, "gradient", gradient);
  }
  graph_output (graph, "loss", loss);
  graph_output (graph, "content-loss", l_content);
  graph_output (graph, "style-loss", l_style);
  graph_output (graph, "variation-loss", l_variation);
  graph_output (graph, "range-loss", l_range);
}

/* The plan of a step; parameters that @weights lacks are made. */
static struct plan *
compile (const struct level_options *options, struct weights *weights, uint64_t *needed, GError **error)
{
  g_autoptr (graph) graph = graph_new ();
  struct plan_options plan = plan_options (options, needed);
  build (graph, options, canvas_extent (options->width), canvas_extent (options->height));
  if (!graph_check (graph, error) || !weights_init (weights, graph, options->seed, error))
    return NULL;
  return plan_compile (graph, weights, &plan, error);
}

/* Bytes that do not go with the picture's size: the network's weights, as kernels lay them out for each scale and
 * direction, and Gram matrices. */
static uint64_t
fixed_bytes (const struct level_options *options)
{
  uint64_t bytes = 0;
  for (guint i = 0; i < weights_count (options->features->weights); i++)
    bytes += LAID_OUT * weights_at (options->features->weights, i)->size;
  for (int t = 0; t < FEATURE_TAPS; t++)
    bytes += 2 * STYLE_LOSS_SCALES * options->target->gram[0][t]->size;
  return bytes;
}

/* Bytes beside the plan's: those, the optimiser's, and pictures on their way in. */
static uint64_t
beside_plan (const struct level_options *options)
{
  int64_t values = 3 * canvas_extent (options->width) * canvas_extent (options->height);
  uint64_t bytes = fixed_bytes (options) + 3 * values * sizeof (float);
  return bytes + (is_adam (options) ? 3 * values * sizeof (float) : lbfgs_bytes (values, &lbfgs_options));
}

static struct patch_matcher *
new_matcher (const struct level_options *options, GError **error)
{
  return patch_matcher_new (options->features, canvas_extent (options->width), canvas_extent (options->height),
                            options->threads, options->limit, error);
}

/* Of the paintings' patches, at most. */
static uint64_t
patches_bytes (const struct level_options *options)
{
  return 2 * 9 * sizeof (float) * options->settings->patches * features_channels (options->features, FEATURE_CONTENT);
}

bool
level_forecast (const struct level_options *options, uint64_t *bytes, uint64_t *fixed, double *operations,
                GError **error)
{
  *fixed = fixed_bytes (options);
  struct level_options inner = *options;
  uint64_t beside = beside_plan (options), needed = 0;
  g_autoptr (weights) weights = weights_new ();
  features_add_weights (options->features, weights, "eye");
  g_autoptr (patch_matcher) matcher = NULL;
  if (options->settings->patch_weight > 0) {
    matcher = new_matcher (options, error);
    if (!matcher)
      return false;
    beside += patch_matcher_bytes (matcher) + patches_bytes (options);
  }
  inner.limit = options->limit == 0 ? 0 : options->limit > beside ? options->limit - beside : 1;
  g_autoptr (plan) plan = compile (&inner, weights, &needed, error);
  *bytes = needed + beside;
  *operations = plan ? plan_flops (plan) : 0;
  return plan != NULL;
}

/* --- A level --- */

/* Computes what the content loss compares with into the plan's input. */
static bool
measure_content (struct level *level, const float *photo, GError **error)
{
  g_autoptr (graph) graph = graph_new ();
  sym x = graph_input (graph, "photo", SHAPE (1, 3, level->height, level->width));
  graph_output (graph, "content", content_of (x, level->options.features));
  struct plan_options options = plan_options (&level->options, NULL);
  g_autoptr (plan) plan = plan_compile (graph, level->weights, &options, error);
  if (!plan)
    return false;
  copy_in (level, photo, tensor_floats (plan_input (plan, "photo")));
  plan_run (plan, 0, 0);
  struct tensor *from = plan_output (plan, "content"), *to = plan_input (level->plan, "content");
  memcpy (to->data, from->data, to->size);
  return true;
}

struct level *
level_new (const struct level_options *options, const float *photo, const float *start, GError **error)
{
  g_autoptr (level) level = g_new0 (struct level, 1);
  level->options = *options;
  level->width = canvas_extent (options->width);
  level->height = canvas_extent (options->height);
  level->weights = weights_new ();
  features_add_weights (options->features, level->weights, "eye");
  uint64_t beside = beside_plan (options);
  if (options->limit)
    level->options.limit = options->limit > beside ? options->limit - beside : 1;
  level->plan = compile (&level->options, level->weights, NULL, error);
  level->done = level->plan ? tensor_new (SHAPE (DONE_SIZE), DTYPE_F64, error) : NULL;
  if (!level->done)
    return NULL;
  if (options->patches && !(level->matcher = new_matcher (options, error)))
    return NULL;
  if (is_adam (options))
    level->picture = weights_find (level->weights, "picture");
  else {
    level->picture = plan_input (level->plan, "picture");
    level->lbfgs = lbfgs_new (shape_size (&level->picture->shape), &lbfgs_options, error);
    if (!level->lbfgs)
      return NULL;
  }
  copy_in (level, start, tensor_floats (level->picture));
  return measure_content (level, photo, error) ? g_steal_pointer (&level) : NULL;
}

void
level_free (struct level *level)
{
  if (!level)
    return;
  g_clear_pointer (&level->lbfgs, lbfgs_free);
  g_clear_pointer (&level->matcher, patch_matcher_free);
  g_clear_pointer (&level->plan, plan_free);
  g_clear_pointer (&level->done, tensor_unref);
  g_clear_pointer (&level->weights, weights_unref);
  g_free (level);
}

static double *
done (const struct level *level)
{
  return level->done->data;
}

int64_t
level_done (const struct level *level)
{
  return level->lbfgs ? lbfgs_evaluations (level->lbfgs) : (int64_t) done (level)[STEPS];
}

bool
level_finished (const struct level *level)
{
  return level_done (level) >= level->options.steps || done (level)[CONVERGED] != 0;
}

struct level_losses
level_losses (const struct level *level)
{
  return level->losses;
}

/* --- Steps --- */

static double
output (struct level *level, const char *name)
{
  struct tensor *tensor = plan_output (level->plan, name);
  return tensor ? tensor_floats (tensor)[0] : 0;
}

static void
read_losses (struct level *level)
{
  level->seen = (struct level_losses){.total = output (level, "loss"),
                                      .content = output (level, "content-loss"),
                                      .style = output (level, "style-loss"),
                                      .variation = output (level, "variation-loss"),
                                      .range = output (level, "range-loss"),
                                      .patches = output (level, "patch-loss")};
}

static bool
fail_numeric (const struct level *level, GError **error)
{
  const struct level_losses *seen = &level->seen;
  const struct {
    const char *name;
    double value;
  } parts[] = {{"content", seen->content},
               {"style", seen->style},
               {"variation", seen->variation},
               {"range", seen->range},
               {"patch", seen->patches}};
  const char *name = "gradient";
  double value = NAN;
  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    if (!isfinite (parts[i].value)) {
      name = parts[i].name;
      value = parts[i].value;
      break;
    }
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_NUMERIC,
               "step %" G_GINT64_FORMAT " at %dx%d: the %s loss became %s; %s", level_done (level) + 1,
               level->options.width, level->options.height, name, isinf (value) ? "infinite" : "NaN",
               is_adam (&level->options) ? "a lower --rate may help" : "the feature network may be damaged");
  return false;
}

static bool
fail_stopped (GError **error)
{
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_CANCELLED, "stopped while painting");
  return false;
}

struct evaluation {
  struct level *level;
  int64_t count;
};

/* The loss at @x, which is the plan's input, and its gradient. */
static bool
evaluate (const float *x, double *value, float *gradient, void *data)
{
  struct evaluation *evaluation = data;
  struct level *level = evaluation->level;
  if (level->tick &&
      !level->tick (MIN (level_done (level) + evaluation->count, level->options.steps), level->tick_data))
    return false;
  evaluation->count++;
  plan_run (level->plan, 0, 0);
  struct tensor *from = plan_output (level->plan, "gradient");
  memcpy (gradient, from->data, from->size);
  read_losses (level);
  *value = level->seen.total;
  return true;
}

static bool
step_lbfgs (struct level *level, GError **error)
{
  struct evaluation evaluation = {level, 0};
  enum lbfgs_result result = lbfgs_step (level->lbfgs, tensor_floats (level->picture), evaluate, &evaluation);
  if (result == LBFGS_STOPPED)
    return fail_stopped (error);
  if (result == LBFGS_FAILED)
    return fail_numeric (level, error);
  if (result == LBFGS_CONVERGED)
    done (level)[CONVERGED] = 1;
  else
    level->losses = level->seen;
  return true;
}

static bool
step_adam (struct level *level, GError **error)
{
  int64_t step = done (level)[STEPS];
  if (level->tick && !level->tick (step, level->tick_data))
    return fail_stopped (error);
  double rate = cosine_rate (level->options.settings->rate, step, level->options.steps, 0);
  tensor_floats (plan_input (level->plan, "rate"))[0] = optimizer_rate (&adam_options, rate, step);
  plan_run (level->plan, level->options.seed, step);
  read_losses (level);
  if (!isfinite (level->seen.total) || tensor_find_nonfinite (level->picture) >= 0)
    return fail_numeric (level, error);
  level->losses = level->seen;
  done (level)[STEPS]++;
  return true;
}

/* Finds anew what the picture's patches shall look like. */
static void
match (struct level *level)
{
  patch_match (level->matcher, level->options.patches, tensor_floats (level->picture),
               plan_input (level->plan, "patch-target"));
  done (level)[MATCHED] = level_done (level) + MATCH_EVERY;
  if (level->lbfgs)
    lbfgs_refresh (level->lbfgs);
}

bool
level_step (struct level *level, level_tick_fn tick, void *data, GError **error)
{
  if (level->matcher && level_done (level) >= done (level)[MATCHED])
    match (level);
  level->tick = tick;
  level->tick_data = data;
  return level->lbfgs ? step_lbfgs (level, error) : step_adam (level, error);
}

/* --- Saving --- */

static const char *const adam_state[] = {"optimizer.picture.m", "optimizer.picture.v"};

void
level_save (struct level *level, struct weights *weights)
{
  weights_add (weights, "picture", level->picture);
  weights_add (weights, "done", level->done);
  if (level->matcher)
    weights_add (weights, "patch-target", plan_input (level->plan, "patch-target"));
  if (level->lbfgs)
    lbfgs_save (level->lbfgs, weights, "lbfgs");
  for (guint i = 0; !level->lbfgs && i < G_N_ELEMENTS (adam_state); i++)
    weights_add (weights, adam_state[i], weights_find (level->weights, adam_state[i]));
}

static bool
load_tensor (struct tensor *to, struct weights *weights, const char *name, const char *path, GError **error)
{
  struct tensor *from = weights_find (weights, name);
  if (from && from->dtype == to->dtype && shape_equal (&from->shape, &to->shape) && tensor_find_nonfinite (from) < 0) {
    memcpy (to->data, from->data, to->size);
    return true;
  }
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "%s: no state of a painting: %s is %s", path, name,
               from ? "not as it should be" : "missing");
  return false;
}

bool
level_load (struct level *level, struct weights *weights, const char *path, GError **error)
{
  if (!load_tensor (level->picture, weights, "picture", path, error) ||
      !load_tensor (level->done, weights, "done", path, error))
    return false;
  if (level->matcher && !load_tensor (plan_input (level->plan, "patch-target"), weights, "patch-target", path, error))
    return false;
  for (guint i = 0; !level->lbfgs && i < G_N_ELEMENTS (adam_state); i++)
    if (!load_tensor (weights_find (level->weights, adam_state[i]), weights, adam_state[i], path, error))
      return false;
  return !level->lbfgs || lbfgs_load (level->lbfgs, weights, "lbfgs", path, error);
}
