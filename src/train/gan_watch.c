/* SPDX-License-Identifier: Apache-2.0
 *
 * What the watchdog looks at in the gan recipe, and what a rescue changes.
 *
 * Diversity is measured where the judge sees: the distance of each drawn picture to the nearest other one of its batch,
 * in the features of the judge's last layer before the score, over the same of real pictures. These features are at
 * hand for any size, channels and subject, and cost a pass forward; they change as the judge learns, but the ratio of
 * drawn to real ones at one moment does not mind their scale. Nearest neighbours, not the mean distance: a generator
 * that draws three digits again and again has a large spread, and no distance to its neighbours. */
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "impasto/error.h"
#include "train/gan_code.h"
#include "train/gan_loss.h"
#include "train/gan_recipe.h"
#include "train/labels.h"
#include "train/recipe.h"

#define INSPECT_EVERY 25   /* steps */
#define STREAM_INSPECT 612 /* and GAN_CODE_STREAMS behind it */
#define STREAM_INSPECT_KIND 615

const struct watch_row gan_watches[] = {
  {"gradient", WATCHDOG_EXPLOSION, WATCH_JUMPS, 100, 3, 0.2, 0},
  {"judge-gradient", WATCHDOG_EXPLOSION, WATCH_JUMPS, 100, 3, 0.2, 0},
  {"doubt", WATCHDOG_EXPLOSION, WATCH_ABOVE, 2, 6, 0.03,
   0}, /* far worse than guessing, and than usual; in health at most 1.7 */
  {"doubt", WATCHDOG_JUDGE, WATCH_BELOW, 0.02, 500, 2, 200},
  {"variety", WATCHDOG_DATA, WATCH_BELOW, 1e-4, 2, 1, 0},
  {"diversity", WATCHDOG_COLLAPSE, WATCH_BELOW, 0.1, 20, 1, 1000 / INSPECT_EVERY},
  {NULL},
};

/* How much the judge's loss leaves open: 1 = it guesses, 0 = it knows. With smoothed labels not even that takes the
 * loss to 0. */
void
gan_doubt (const struct gan_settings *settings, struct train_stats *stats)
{
  double guessing = gan_losses[settings->loss].guessing, l = settings->label, least = 0;
  if (guessing == 0)
    return; /* a critic's score has no zero */
  if (l < 1 && settings->loss != GAN_LEAST_SQUARES)
    least = -l * log (l) - (1 - l) * log (1 - l);
  for (int i = 0; i < stats->n; i++)
    if (g_str_equal (stats->name[i], "judge")) {
      stats->name[stats->n] = "doubt";
      stats->value[stats->n++] = (stats->value[i] - least) / (guessing - least);
      return;
    }
}

static sym
scalar (sym x)
{
  return sym_reshape (sym_mean (x, AXES_ALL), SHAPE_SCALAR);
}

/* The mean distance of rows (n, f) of @x to the nearest other row; @spread receives that to the mean of all. */
static sym
nearest (sym x, sym *spread)
{
  struct shape shape = sym_shape (x);
  int64_t n = shape.dim[0];
  g_autoptr (tensor) self = tensor_new (SHAPE (n, n), DTYPE_F32, NULL);
  if (!self)
    return graph_fail (x.graph, "no memory for distances");
  for (int64_t i = 0; i < n * n; i++)
    tensor_floats (self)[i] = i % (n + 1) == 0 ? 1e30f : 0;
  x = sym_sub (x, sym_mean (x, AXIS (0)));
  sym squares = sym_sum (sym_square (x), AXIS (1)); /* (n, 1) */
  sym products = sym_scale (sym_matmul_t (x, false, x, true), -2);
  sym distances = sym_add (sym_add (products, squares), sym_reshape (squares, SHAPE (1, n)));
  distances = sym_add (distances, graph_constant (x.graph, self));
  sym least = sym_neg (sym_max (sym_neg (distances), AXIS (1)));
  *spread = scalar (sym_sqrt (squares));
  return scalar (sym_sqrt (sym_relu (least)));
}

bool
gan_build_inspector (struct trainer *trainer, GError **error)
{
  const struct gan_settings *settings = trainer->settings;
  struct gan_state *state = trainer->state;
  int64_t n = settings->batch, side = state->preset->side;
  if (n < 4) /* too few to have neighbours */
    return true;
  g_autoptr (graph) graph = graph_new ();
  sym real = graph_input (graph, "real", SHAPE (n, state->net.channels, side, side)), spread, unused;
  struct gan_pass pass = {.net = &state->net, .training = true, .labels = gan_labels (graph, n, &state->net)};
  pass.code = gan_code_draw (graph, n, &state->net, STREAM_INSPECT + 1);
  graph_push (graph, "generator");
  sym fake =
    gan_generator (gan_noise_draw (graph, n, &state->net, STREAM_INSPECT, STREAM_INSPECT_KIND), state->preset, pass);
  graph_pop (graph);
  pass.training = false;
  graph_push (graph, "judge");
  sym of_real = sym_reshape (gan_features (real, state->preset, pass), SHAPE (n, -1));
  sym of_fake = sym_reshape (gan_features (fake, state->preset, pass), SHAPE (n, -1));
  graph_pop (graph);
  graph_output (graph, "near-real", nearest (of_real, &spread));
  graph_output (graph, "near-fake", nearest (of_fake, &unused));
  graph_output (graph, "spread-real", spread);
  graph_output (graph, "variety", scalar (sym_variance (real, AXIS (0))));
  state->inspector = recipe_compile (trainer, graph, error);
  return state->inspector != NULL;
}

static double
output (struct plan *plan, const char *name)
{
  return tensor_floats (plan_output (plan, name))[0];
}

/* Of a data set smaller than a batch each picture has its double in it: nothing is to be compared with then. */
bool
gan_inspect (struct trainer *trainer, struct plan *step, struct train_stats *stats, GError **error)
{
  struct gan_state *state = trainer->state;
  struct plan *plan = state->inspector;
  if (!plan || (trainer->step + 1) % INSPECT_EVERY != 0)
    return true;
  if (!plan_refresh (plan, error))
    return false;
  struct tensor *real_of = plan_input (plan, "real");
  memcpy (real_of->data, plan_input (step, "real")->data, real_of->size);
  gan_set_labels (plan, state->labels);
  plan_run (plan, trainer->run.seed, trainer->step);
  double real = output (plan, "near-real"), spread = output (plan, "spread-real");
  stats->name[stats->n] = "variety";
  stats->value[stats->n++] = output (plan, "variety");
  if (real > 0.01 * spread || !isfinite (real)) {
    stats->name[stats->n] = "diversity";
    stats->value[stats->n++] = output (plan, "near-fake") / real;
  }
  return true;
}

bool
gan_check_labels (struct trainer *trainer, GError **error)
{
  const struct gan_settings *settings = trainer->settings;
  struct gan_state *state = trainer->state;
  struct label_check check;
  if (!label_check (state->data, state->preset->side, state->net.channels, &check, error))
    return false;
  if (check.n < LABELS_FEWEST) {
    trainer_say (trainer, "labels: %d picture%s are too few to tell whether labels go with them; %d would do", check.n,
                 text_plural (check.n), LABELS_FEWEST);
    return true;
  }
  trainer_say (trainer, "labels: those of the nearest pictures agree with %.0f %% of %d (%.0f %% by chance)",
               100 * check.agreement, check.n, 100 * check.chance);
  if (label_check_passes (&check))
    return true;
  if (trainer->run.watchdog != WATCHDOG_ALL) { /* of subjects that pixels do not tell apart they may be right */
    trainer_say (trainer,
                 "watchdog: that is hardly more than chance: look whether pictures and labels belong together");
    return true;
  }
  g_set_error (
    error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT,
    "%s: its labels do not go with the pictures: those of the nearest pictures agree with %.0f %%, and would "
    "with %.0f %% by chance; look whether pictures and labels belong together (--watchdog on goes on)",
    settings->data, 100 * check.agreement, 100 * check.chance);
  return false;
}

/* Rescue */

static bool
augments (const struct gan_settings *settings)
{
  return settings->augment.translation || settings->augment.cutout || settings->augment.colour;
}

/* R1 is possible where pictures are judged one by one, and not beside another penalty. */
static bool
allows_r1 (const struct gan_settings *settings)
{
  return settings->net.judge_norm != GAN_NORM_BATCH && settings->gradient_penalty == 0;
}

void
gan_settle_rescues (struct trainer *trainer)
{
  const struct gan_settings *settings = trainer->settings;
  struct gan_state *state = trainer->state;
  int judge = watchdog_rescues (trainer->watchdog, WATCHDOG_JUDGE);
  int both = judge + watchdog_rescues (trainer->watchdog, WATCHDOG_COLLAPSE);
  struct gan_settings *now = &state->now;
  *now = *settings;
  now->rate *= watchdog_rate (trainer->watchdog);
  now->judge_rate *= watchdog_rate (trainer->watchdog) * pow (0.5, judge);
  if (both && allows_r1 (settings))
    now->r1 = settings->r1 > 0 ? settings->r1 * pow (2, both) : 0.5 * pow (2, both - 1);
  if (judge && !augments (settings)) {
    now->augment.translation = now->augment.cutout = true;
    now->augment_probability = 0;
  }
  if (judge && settings->augment_target == 0)
    now->augment_probability = MIN (1, now->augment_probability + 0.3 * judge);
}

bool
gan_rescue (struct trainer *trainer, enum watchdog_trouble trouble, char **did, GError **error)
{
  struct gan_state *state = trainer->state;
  gan_settle_rescues (trainer);
  for (int i = 0; i < GAN_STEPS; i++) {
    g_clear_pointer (&state->step[i], plan_free);
    state->generator_of[i] = 0;
  }
  const struct gan_settings *now = &state->now;
  g_autoptr (GString) text = g_string_new (NULL);
  g_string_append_printf (text, "learning rates are %.3g and %.3g (judge)", now->rate, now->judge_rate);
  if (now->r1 > 0 && (trouble == WATCHDOG_JUDGE || trouble == WATCHDOG_COLLAPSE))
    g_string_append_printf (text, ", --r1 is %g", now->r1);
  if (trouble == WATCHDOG_JUDGE && augments (now))
    g_string_append_printf (text, ", the judge sees augmented pictures with probability %.2g",
                            now->augment_probability);
  *did = g_string_free (g_steal_pointer (&text), FALSE);
  return gan_build_steps (trainer, error);
}
