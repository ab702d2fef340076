/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of generators share: pictures of two classes, an upright and a lying bar, in an IDX file with labels,
 * and runs of the gan recipe on them over a tiny network. */
#pragma once

#include "fixture.h"
#include "image/picture.h"
#include "train/trainer.h"

#define SIDE 28
#define BARS 60
#define CELL (SIDE + 2) /* of a sheet */

/* Makes the test's folder with the pictures; returns g_test_run's result after removing it. */
void bars_begin (int *argc, char ***argv);
int bars_run (void);

extern char *bars_folder;

/* Other IDX files in it: the head of one of @n pictures (axes 3) or labels (axes 1), then bytes. */
void bars_head (GByteArray *bytes, guint axes, guint n);
void bars_write (const char *name, const GByteArray *bytes);

struct job {
  void *settings;
  struct run_settings run;
  GPtrArray *given; /* names of options that job_set set */
  char *inputs[1];
  int stop_at, steps;
  char *folder;
  struct train_stats stats[400];
};

/* A run to be, of "name=value" pairs; its progress is kept, and ends it after step stop_at. */
struct job *job_new (const char *words);
void job_set (struct job *job, const char *name, const char *value);
bool job_on_progress (const struct train_progress *progress, void *user_data);
bool job_run (struct job *job, GError **error);
void job_stop (struct job *job, int64_t step); /* runs up to there, where it is stopped */
void job_go_on (struct job *job);              /* resumes its folder, to the end */
void job_free (struct job *job);

/* A run to its end; its folder. */
char *run_whole (const char *words);

/* The figure @name of a step, or NaN where there is none. */
double figure (const struct job *job, int step, const char *name);

char *file_of (const char *run, const char *name);
char *text_of (const char *run, const char *name);
void same_file (const char *a, const char *b, const char *name);

/* The sheet that the result of a run draws, by "name=value" pairs of impasto_generate. */
struct picture *generate (const char *run, const char *words);
struct picture *generate_from (const char *model, const char *words);
