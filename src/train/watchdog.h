/* SPDX-License-Identifier: Apache-2.0
 *
 * The watchdog: sees by a run's figures that it goes wrong, and why. Each step it is shown the figures; what they are
 * watched for is a table of struct watch_row of the recipe, and of every recipe that they are numbers. A hit adds 1 to
 * the row's count, each other step takes `leak` off; at `patience` the row's trouble is called, so a trouble that lasts
 * is seen within patience / (hits a step - leak * others a step) steps. NaN and explosions are what runs do not come
 * back from: the watchdog acts on them, and on data that are one picture. Of a judge that wins and of collapse, which
 * healthy runs can look like for a while, it warns once and lets the run go on, unless it is told to act on all. All
 * that it knows is one tensor among the run's weights, hence in checkpoints: a resumed run sees the same at the same
 * step. The trainer answers a trouble by going back to the last good checkpoint (train/rescue.h). Used by the trainer's
 * thread. */
#pragma once

#include "tensor/weights.h"

struct train_stats;

enum watchdog_trouble {
  WATCHDOG_WELL,
  WATCHDOG_NAN,       /* a figure is no number */
  WATCHDOG_EXPLOSION, /* gradients, or losses, are thrown about */
  WATCHDOG_JUDGE,     /* the judge knows all and teaches nothing */
  WATCHDOG_COLLAPSE,  /* the generator draws the same again and again */
  WATCHDOG_DATA,      /* the data are nearly one picture, or one class */
  WATCHDOG_TROUBLES
};

enum watch_rule {
  WATCH_JUMPS, /* a hit: more than @limit times the figure's geometric mean so far, and 3 times its peak, hits left out; from
                  the 20th on */
  WATCH_ABOVE, /* more than @limit, and than @limit times its geometric mean so far, hits left out; from the second on:
                  what is high from the beginning, or gets there smoothly, is not thrown about */
  WATCH_BELOW, /* less than @limit; only once it has been at twice that, or has been shown @grace times */
};

struct watch_row {
  const char *figure; /* name in the statistics; steps without it do not count */
  enum watchdog_trouble trouble;
  enum watch_rule rule;
  double limit, patience, leak;
  int grace;
};
#define WATCHES_MAX 8

typedef struct watchdog watchdog;

enum watchdog_mode { WATCHDOG_OFF, WATCHDOG_ON, WATCHDOG_ALL }; /* ON: warns of judges that win and of collapse */
extern const char *const watchdog_modes[];

/* Watches by @watches, which ends with a NULL figure and outlives it; NULL: the first figure for jumps. @all: acts on
 * all troubles, otherwise see above. Its tensor is WATCHDOG_STATE of @weights, made when it is not there.
 * IMPASTO_ERROR_MEMORY. */
#define WATCHDOG_STATE "watchdog.state"
struct watchdog *watchdog_new (struct weights *weights, const struct watch_row *watches, bool all, GError **error);
void watchdog_free (struct watchdog *watchdog);

/* Shows it the figures of a step. @what receives a new string that says what was seen: "judge is 0.01 of ..." */
enum watchdog_trouble watchdog_see (struct watchdog *watchdog, const struct train_stats *stats, char **what);

/* Whether @trouble is one to go back for; otherwise it is one to warn of. */
bool watchdog_acts (const struct watchdog *watchdog, enum watchdog_trouble trouble);

/* Whether to warn of @trouble, which is so once a run. */
bool watchdog_warns (struct watchdog *watchdog, enum watchdog_trouble trouble);

/* Whether no count of what it acts on is half of its patience: a checkpoint made now is one to go back to. */
bool watchdog_calm (const struct watchdog *watchdog);

/* The step of the last good checkpoint. */
int64_t watchdog_good (const struct watchdog *watchdog);
void watchdog_set_good (struct watchdog *watchdog, int64_t step);

/* How often the run was rescued from @trouble; from all, of WATCHDOG_WELL. @watchdog may be NULL. */
int watchdog_rescues (const struct watchdog *watchdog, enum watchdog_trouble trouble);
void watchdog_add_rescue (struct watchdog *watchdog, enum watchdog_trouble trouble);

/* What the rescues so far multiply learning rates by: a quarter for each explosion or NaN, a half for each collapse. */
double watchdog_rate (const struct watchdog *watchdog);

const char *watchdog_name (enum watchdog_trouble trouble);   /* "collapse", for statistics */
const char *watchdog_phrase (enum watchdog_trouble trouble); /* what it is, for people */
const char *watchdog_advice (enum watchdog_trouble trouble); /* what to change */
