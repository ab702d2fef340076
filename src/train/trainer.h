/* SPDX-License-Identifier: Apache-2.0
 *
 * The trainer: what every recipe shares. A run is a numbered folder with recipe.json, log.txt, stats.jsonl, sample
 * sheets and checkpoints; all state of a run is tensors by name, so that a resumed run gives the bits of an
 * uninterrupted one. A recipe is a struct recipe in its own file and a row in recipe_table. */
#pragma once

#include <stdio.h>

#include "base/option.h"
#include "compile/plan.h"
#include "train/watchdog.h"

/* Settings of any run. */
struct run_settings {
  int64_t steps, seed, threads;
  int precision;                    /* enum precision */
  int64_t save_every, sample_every; /* steps */
  int64_t keep;                     /* checkpoints to keep */
  int watchdog;                     /* enum watchdog_mode */
  char *runs;                       /* folder that holds the run folders */
  char *resume;                     /* run folder to go on with, or NULL */
  bool accept_changes;              /* of recipe and data, at a resume */
  char *output;                     /* what the recipe makes, or NULL */
  bool overwrite;                   /* a file that is where the output goes */
};
extern const struct option run_options[];

#define STATS_MAX 16

#define LINE_MAX_SAID 4096 /* characters of what is said or logged at once */

/* A recipe's option of this name is the feature network of net/feature_net.h; who calls train fills it with the file of
 * this name, which ships, when it is not given. */
#define FEATURES_OPTION "features"
#define ENCODER_OPTION "encoder" /* before the other: a network that the result holds */
#define FEATURES_FILE "perceptual.safetensors"
#define DESCRIBER_OPTION "describer" /* likewise: the perceptual network that tells what paintings look like */

struct train_stats {
  int n;
  const char *name[STATS_MAX];
  double value[STATS_MAX];
};

struct train_progress {
  int64_t step, steps; /* done, in all */
  const struct train_stats *stats;
  double steps_per_second, seconds_left;
  const char *folder, *output; /* of the run; where its result will be */
  enum precision precision;    /* of its arithmetic: never auto */
  int threads;
  const char *message;    /* something the user should read, lines joined by newlines; or NULL */
  const char *log;        /* what the log got since the last call, such lines among them; or NULL */
  const char *checkpoint; /* that was written since; or NULL */
};

/* Called after every step, when false stops the run after a checkpoint; and without figures: before the first step, and
 * when a checkpoint is written or something is said between steps and at the end. */
typedef bool (*train_progress_fn) (const struct train_progress *progress, void *data);

struct trainer {
  const struct recipe *recipe;
  void *settings; /* the recipe's struct */
  char **inputs;  /* positional arguments: paintings */
  struct run_settings run;
  char *folder;
  struct weights *weights; /* everything a checkpoint holds, and frozen networks under "frozen." */
  int64_t step;            /* steps done */
  bool changed;            /* recipe or data are others than the run had, and that was accepted */
  bool finished;           /* the result is written */
  void *state;             /* the recipe's own */
  FILE *log, *stats_file;
  int lock;                  /* on the folder; -1: none yet */
  struct monitor *monitor;   /* curves and events; train/monitor.h */
  struct watchdog *watchdog; /* or NULL */
  GString *message;          /* what trainer_say collected since progress was last told */
  GString *logged;           /* likewise all lines of the log */
  char *saved;               /* the checkpoint that was written since then, or NULL */
  GString *inventory;        /* of the files learnt from: start adds to it; train/inventory.h */
};

/* An option that has a meaning only where @applies says so of the settled settings; given elsewhere it is refused. */
struct option_use {
  const char *name; /* NULL ends a table */
  bool (*applies) (const void *settings);
  const char *where; /* behind the option's name: "goes with --method cut" */
};

struct recipe {
  const char *name, *help;
  const char *usage;       /* what follows the name: "PAINTING... --photos DIR [-o PACK]" */
  const char *examples[3]; /* one or two whole commands, NULL-terminated */
  const char *steps;       /* help of --steps: what 0 means */
  const struct option *options;
  const struct option_use *uses; /* of options that are not for all runs; or NULL */
  size_t settings_size;
  bool paintings; /* its inputs are paintings; otherwise it takes none */
  /* Fills in numbers that are 0 and whose defaults depend on other settings; or NULL. */
  void (*settle) (void *settings, struct run_settings *run);
  /* Opens data, builds plans; weights of a resumed checkpoint are in trainer->weights already. */
  bool (*start) (struct trainer *trainer, GError **error);
  /* One step: number trainer->step, counted from 0. */
  bool (*step) (struct trainer *trainer, struct train_stats *stats, GError **error);
  /* Writes a sheet of what is learnt from. */
  bool (*reals) (struct trainer *trainer, const char *path, GError **error);
  /* Writes a sheet of samples. */
  bool (*sample) (struct trainer *trainer, const char *path, GError **error);
  /* Writes the result. */
  bool (*finish) (struct trainer *trainer, const char *path, GError **error);
  void (*stop) (struct trainer *trainer); /* frees state */
  /* The network that a run of such settings and weights, averages among them, ends with, without facts of training;
   * NULL: the result is no file of one network, or takes more than these. */
  struct net_file *(*network) (const void *settings, struct weights *weights);
  /* What the watchdog looks at, or NULL: the first figure. */
  const struct watch_row *watches;
  /* After a rescue, which watchdog_rescues counts already and watchdog_rate tells of: brings plans in line with weights
   * that are of an earlier step, and changes what helps; @did receives a new string that says what. NULL: nothing is to
   * be done, rates follow recipe_rate. */
  bool (*rescue) (struct trainer *trainer, enum watchdog_trouble trouble, char **did, GError **error);
  /* A new plan of the step that `step` runs, without data: what weights and pictures it lacks is made up. */
  struct plan *(*rehearse) (struct trainer *trainer, GError **error);
};

extern const struct recipe *const recipe_table[]; /* NULL-terminated */
extern const struct recipe recipe_style, recipe_predictor, recipe_arbitrary, recipe_perceptual, recipe_gan;
extern const struct recipe recipe_translate, recipe_classifier;
const struct recipe *recipe_find (const char *name);

/* Runs @recipe to its end. With run->resume, the run goes on: by the options of its recipe.json, but for those that
 * @given names (NULL-terminated; NULL: none), and with its inputs, unless there are @inputs. What is another run then
 * is refused, unless run->accept_changes; IMPASTO_ERROR_USAGE. IMPASTO_ERROR_CANCELLED when @progress stopped it (a
 * checkpoint is kept and the message says how to go on), IMPASTO_ERROR_NUMERIC with the step and what became NaN, the
 * parts of the loss before their sum. */
bool train (const struct recipe *recipe, void *settings, const struct run_settings *run, const char *const *given,
            char **inputs, train_progress_fn progress, void *data, GError **error);

/* The plan of one step of @recipe, its inputs filled, ready to run: for measuring. Nothing is read but what @settings
 * names, nothing is written. */
struct plan *train_rehearse (const struct recipe *recipe, void *settings, const struct run_settings *run,
                             GError **error);

/* Adds a line to the run's log; `say` shows it to the user as well. */
void trainer_log (struct trainer *trainer, const char *format, ...) G_GNUC_PRINTF (2, 3);
void trainer_say (struct trainer *trainer, const char *format, ...) G_GNUC_PRINTF (2, 3);
