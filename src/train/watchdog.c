/* SPDX-License-Identifier: Apache-2.0
 *
 * The watchdog; see watchdog.h. */
#include "train/watchdog.h"

#include <math.h>
#include <string.h>

#include "train/trainer.h"

#define TYPICAL_FROM 20   /* observations before a jump is one */
#define TYPICAL_RATE 0.02 /* by which the mean follows */
#define ABOVE_PEAK 3      /* a jump goes beyond all that was: coming back from nearly nothing is none */

const char *const watchdog_modes[] = {"off", "on", "all", NULL};

/* Where things are in the state. */
enum { GOOD, RESCUES, WARNED = RESCUES + WATCHDOG_TROUBLES, ROWS = WARNED + WATCHDOG_TROUBLES };
/* Of a row: times shown (negative: armed, too), mean logarithm, greatest logarithm, count. */
enum { SEEN, TYPICAL, PEAK, COUNT, ROW };

struct watchdog {
  double *state; /* of the tensor */
  const struct watch_row *watches;
  bool all;
  struct watch_row first[2]; /* of a recipe without a table: its figure gets a name at the first step */
};

static const struct {
  const char *name, *phrase, *advice;
} troubles[WATCHDOG_TROUBLES] = {
  [WATCHDOG_WELL] = {"well", "all is well", "nothing needs to be changed"},
  [WATCHDOG_NAN] = {"nan", "a figure is no number any more",
                    "start again with a lower learning rate, or with --precision f32"},
  [WATCHDOG_EXPLOSION] =
    {"explosion", "the run is thrown about: its learning rate is too high",
     "start again with a tenth of the learning rate, or hold gradients by --clip where there is one"},
  [WATCHDOG_JUDGE] = {"judge-wins", "the judge wins: it knows every drawn picture, and the generator learns nothing",
                      "give more pictures, or --augment-target 0.6 with --translation --cutout --color, --r1 1, "
                      "--noise 0.1, a lower --judge-rate"},
  [WATCHDOG_COLLAPSE] =
    {"collapse", "the generator has collapsed: it draws the same again and again",
     "try --minibatch, --r1 1, --spectral, --loss relativistic or hinge, lower rates, a larger --batch"},
  [WATCHDOG_DATA] = {"data", "the data are at fault: their pictures hardly differ",
                     "look at reals.png and run impasto data check on them"},
};

const char *
watchdog_name (enum watchdog_trouble trouble)
{
  return troubles[trouble].name;
}

const char *
watchdog_phrase (enum watchdog_trouble trouble)
{
  return troubles[trouble].phrase;
}

const char *
watchdog_advice (enum watchdog_trouble trouble)
{
  return troubles[trouble].advice;
}

struct watchdog *
watchdog_new (struct weights *weights, const struct watch_row *watches, bool all, GError **error)
{
  struct tensor *tensor = weights_find (weights, WATCHDOG_STATE);
  struct shape shape = SHAPE (ROWS + WATCHES_MAX * ROW);
  if (!tensor || tensor->dtype != DTYPE_F64 || !shape_equal (&tensor->shape, &shape)) {
    g_autoptr (tensor) own = tensor_new (shape, DTYPE_F64, error);
    if (!own)
      return NULL;
    memset (own->data, 0, own->size);
    weights_remove (weights, WATCHDOG_STATE);
    weights_add (weights, WATCHDOG_STATE, own);
    tensor = own;
  }
  struct watchdog *watchdog = g_new0 (struct watchdog, 1);
  watchdog->state = tensor->data;
  watchdog->all = all;
  watchdog->first[0] =
    (struct watch_row){.trouble = WATCHDOG_EXPLOSION, .rule = WATCH_JUMPS, .limit = 100, .patience = 3, .leak = 0.2};
  watchdog->watches = watches ? watches : watchdog->first;
  return watchdog;
}

void
watchdog_free (struct watchdog *watchdog)
{
  g_free (watchdog);
}

static bool
find (const struct train_stats *stats, const char *name, double *value)
{
  for (int i = 0; i < stats->n; i++)
    if (g_str_equal (stats->name[i], name)) {
      *value = stats->value[i];
      return true;
    }
  return false;
}

static bool
is_hit (const struct watch_row *watch, const double *row, double value)
{
  double seen = fabs (row[SEEN]), size = log (fabs (value) + 1e-30);
  bool armed = row[SEEN] < 0 || seen >= watch->grace;
  switch (watch->rule) {
  case WATCH_JUMPS:
    return seen >= TYPICAL_FROM && size > row[TYPICAL] + log (watch->limit) && size > row[PEAK] + log (ABOVE_PEAK);
  case WATCH_ABOVE: return value > watch->limit && seen > 0 && size > row[TYPICAL] + log (watch->limit);
  case WATCH_BELOW: return armed && value < watch->limit;
  }
  return false;
}

/* Whether the row has come to its trouble. */
static bool
observe (const struct watch_row *watch, double *row, double value)
{
  bool hit = is_hit (watch, row, value);
  bool armed = row[SEEN] < 0 || (watch->rule == WATCH_BELOW && value >= 2 * watch->limit);
  double seen = fabs (row[SEEN]) + 1, size = log (fabs (value) + 1e-30);
  if (!hit) {
    row[TYPICAL] += MAX (1 / seen, TYPICAL_RATE) * (size - row[TYPICAL]);
    row[PEAK] = seen > 1 ? MAX (row[PEAK], size) : size;
  }
  row[SEEN] = armed ? -seen : seen;
  row[COUNT] = hit ? row[COUNT] + 1 : MAX (0, row[COUNT] - watch->leak);
  return row[COUNT] >= watch->patience;
}

static char *
describe (const struct watch_row *watch, const double *row, double value)
{
  switch (watch->rule) {
  case WATCH_JUMPS:
    return g_strdup_printf ("%s is %.3g, more than %g times its usual %.3g", watch->figure, value, watch->limit,
                            exp (row[TYPICAL]));
  case WATCH_ABOVE: return g_strdup_printf ("%s is above %g again and again", watch->figure, watch->limit);
  case WATCH_BELOW: return g_strdup_printf ("%s stays below %g", watch->figure, watch->limit);
  }
  return NULL;
}

/* The first figure is a sum: its parts, behind it, name the cause. */
static bool
all_numbers (const struct train_stats *stats, char **what)
{
  for (int k = 1; k <= stats->n; k++) {
    int i = k % stats->n;
    if (!isfinite (stats->value[i])) {
      *what = g_strdup_printf ("%s became %s", stats->name[i], isnan (stats->value[i]) ? "NaN" : "infinite");
      return false;
    }
  }
  return true;
}

enum watchdog_trouble
watchdog_see (struct watchdog *watchdog, const struct train_stats *stats, char **what)
{
  enum watchdog_trouble trouble = WATCHDOG_WELL;
  double value;
  if (!all_numbers (stats, what))
    return WATCHDOG_NAN;
  if (watchdog->watches == watchdog->first && stats->n)
    watchdog->first[0].figure = stats->name[0];
  for (int i = 0; watchdog->watches[i].figure; i++) {
    const struct watch_row *watch = &watchdog->watches[i];
    double *row = watchdog->state + ROWS + i * ROW;
    g_assert (i < WATCHES_MAX);
    if (!find (stats, watch->figure, &value) || !observe (watch, row, value) || watchdog_acts (watchdog, trouble))
      continue; /* what is acted on comes before what is warned of */
    if (trouble && !watchdog_acts (watchdog, watch->trouble))
      continue;
    g_clear_pointer (what, g_free);
    trouble = watch->trouble;
    *what = describe (watch, row, value);
  }
  return trouble;
}

bool
watchdog_acts (const struct watchdog *watchdog, enum watchdog_trouble trouble)
{
  bool doubtful = trouble == WATCHDOG_JUDGE || trouble == WATCHDOG_COLLAPSE;
  return trouble != WATCHDOG_WELL && (watchdog->all || !doubtful);
}

bool
watchdog_warns (struct watchdog *watchdog, enum watchdog_trouble trouble)
{
  double *warned = &watchdog->state[WARNED + trouble];
  bool first = *warned == 0;
  *warned = 1;
  return first;
}

bool
watchdog_calm (const struct watchdog *watchdog)
{
  for (int i = 0; watchdog->watches[i].figure; i++)
    if (watchdog_acts (watchdog, watchdog->watches[i].trouble) &&
        watchdog->state[ROWS + i * ROW + COUNT] >= watchdog->watches[i].patience / 2)
      return false;
  return true;
}

int64_t
watchdog_good (const struct watchdog *watchdog)
{
  return watchdog->state[GOOD];
}

void
watchdog_set_good (struct watchdog *watchdog, int64_t step)
{
  watchdog->state[GOOD] = step;
}

int
watchdog_rescues (const struct watchdog *watchdog, enum watchdog_trouble trouble)
{
  int sum = 0;
  for (int i = 0; watchdog && i < WATCHDOG_TROUBLES; i++)
    sum += trouble == WATCHDOG_WELL || (int) trouble == i ? watchdog->state[RESCUES + i] : 0;
  return sum;
}

void
watchdog_add_rescue (struct watchdog *watchdog, enum watchdog_trouble trouble)
{
  watchdog->state[RESCUES + trouble]++;
}

double
watchdog_rate (const struct watchdog *watchdog)
{
  int wild = watchdog_rescues (watchdog, WATCHDOG_NAN) + watchdog_rescues (watchdog, WATCHDOG_EXPLOSION);
  return pow (0.25, wild) * pow (0.5, watchdog_rescues (watchdog, WATCHDOG_COLLAPSE));
}
