/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of training share: a temporary folder with made-up pictures and random feature weights, tiny runs and
 * their files. A child process of a test finds the folder of its parent. */
#pragma once

#include "fixture.h"
#include "format/safetensors.h"
#include "image/picture.h"
#include "net/net.h"
#include "net/pack.h"
#include "train/trainer.h"

#define VALUES_MAX 64

/* Makes the folder, or takes the parent's; returns g_test_run's result after removing it. */
void fixture_begin (int *argc, char ***argv);
int fixture_run (void);

/* The perceptual network of eye.safetensors, by which tiny runs compare pictures: random weights, as few channels as
 * do. */
extern const struct perceptual_net eye_net;

/* A VGG-19 as a file below the folder: random weights whose activations keep their size, @gain times, in one of its two
 * layouts. */
void make_features (const char *name, bool torchvision, double gain);

/* A run to be: settings as a user gives them. */
struct job {
  const struct recipe *recipe;
  void *settings;
  struct run_settings run;
  GPtrArray *given; /* names of options that job_set set */
  char *inputs[3];
};

void job_set (struct job *job, const char *name, const char *value);
void job_unsay (struct job *job, const char *const *names); /* that these were given; they stay as they were set */
void job_forget (struct job *job); /* that anything was set, and its inputs: as of a command that names the run alone */

/* A run of @recipe over @steps steps in one thread and float32, a checkpoint every other step, photographs given where
 * it takes some; run folders go below @runs. */
void job_new (struct job *job, const struct recipe *recipe, const char *runs, int steps);

/* The whole of a tiny run of the style recipe, with or without the adversary. */
void job_init (struct job *job, const char *runs, int steps, bool adversary);
void job_clear (struct job *job);

/* What a run said while it went, and when it is to stop. */
struct watch {
  int n, stop_at;
  double loss[VALUES_MAX];
  char *folder;
  GString *messages;
  void (*each) (const struct train_progress *progress);
};

void watch_clear (struct watch *watch);

bool run (struct job *job, struct watch *watch, GError **error);
void run_whole (struct job *job, struct watch *watch);
void run_until (struct job *job, struct watch *watch, int step);

void check_fails (struct job *job, int code, const char *text); /* a run that fails before or while it goes */

char *read_file (const char *run_folder, const char *name, gsize *size);
bool there (const char *run_folder, const char *name);
void same_run (const char *a, const char *b, int steps); /* two runs came to the same end */

/* Six steps of the run that @begin sets up, as a whole, and stopped after three and resumed, come to the same end. */
void check_resume (void (*begin) (struct job *job, int steps));

/* The losses of @steps steps of such a run at a learning rate, without an average; what a step sees does not depend on
 * it. The result goes to @output. */
void learn_at (void (*begin) (struct job *job, int steps), int steps, const char *rate, const char *output,
               struct watch *watch);

/* Folder of an uninterrupted run of six steps, made once for each kind. */
const char *uninterrupted (bool adversary);

double mean (const double *x, int n);
