/* SPDX-License-Identifier: Apache-2.0
 *
 * The inside of the gan recipe, shared by its files: recipe_gan.c (options, start, step, result), gan_sheet.c (sheets),
 * gan_watch.c (what the watchdog sees, and rescues) and gan_graph.c (the plans). */
#pragma once

#include "net/gan.h"
#include "train/gan_augment.h"
#include "train/dataset.h"
#include "train/optimizer.h"
#include "train/trainer.h"

enum gan_schedule { GAN_CONSTANT, GAN_LINEAR, GAN_COSINE };

struct gan_settings {
  char *data, *start, *title, *license;
  int preset;         /* index into gan_presets */
  struct gan_net net; /* as the options say */
  int64_t batch, judge_steps;
  int loss;            /* enum gan_loss_kind */
  double label, noise; /* what real pictures are called; deviation of the noise on what the judge sees, at first */
  double gradient_penalty, r1; /* weights; 0 = none */
  int64_t r1_every;            /* steps of the judge */
  int64_t warm_up;             /* steps over which rates rise */
  struct gan_augment augment;
  double augment_probability, augment_target; /* a target above 0: the probability adapts */
  int optimizer, schedule;
  double rate, judge_rate, momentum, beta2, clip, l1, l2, average;
  double information, information_continuous; /* weights of what the recogniser gets wrong */
  double information_augment;                 /* probability that a picture is moved and covered for it */
  double divergence; /* weight of an autoencoder's second term */
  double zoom, rotation;
  bool mirror;
};

/* A step of the judge, perhaps with R1's penalty, and perhaps of the generator too, is a plan: they share all
 * weights. */
enum { GAN_STEP_GENERATOR = 1, GAN_STEP_R1 = 2, GAN_STEPS = 4 };

struct gan_state {
  struct gan_settings now; /* the settings as rescues have changed them; strings are the settings' */
  const struct gan_preset *preset;
  struct gan_net net; /* with the data's channels and classes */
  struct dataset *data;
  struct plan *step[GAN_STEPS]; /* those that are needed */
  int64_t generator_of
    [GAN_STEPS];        /* in a step of the judge alone the generator is constant: that before which step, plus 1 */
  struct plan *sampler; /* inputs z, labels, code; output "picture", (n,3,side,side) in 0..1 */
  struct plan *inspector; /* what the watchdog measures of a batch, or NULL */
  int *labels;          /* (batch) */
  int columns, rows;    /* of a sheet */
};

/* Compiles state->step[@parts]. Inputs: real (batch,channels,side,side), labels (batch, classes), rate, judge-rate,
 * decay, noise; outputs: the statistics by name. */
bool gan_build_step (struct trainer *trainer, unsigned parts, GError **error);

/* Compiles state->sampler: the generator with averaged weights, a sheet at once. */
bool gan_build_sampler (struct trainer *trainer, GError **error);

/* Compiles the plans of steps that are lacking. */
bool gan_build_steps (struct trainer *trainer, GError **error);

/* gan_watch.c: rows of the watchdog; the figure "doubt" of a step; "variety" of the data and "diversity" of what is
 * drawn, every 25 steps, by the inputs of a @step's plan; whether the classes go with the pictures, said to the
 * user. */
extern const struct watch_row gan_watches[];
void gan_doubt (const struct gan_settings *settings, struct train_stats *stats);
bool gan_build_inspector (struct trainer *trainer, GError **error);
bool gan_inspect (struct trainer *trainer, struct plan *step, struct train_stats *stats, GError **error);
bool gan_check_labels (struct trainer *trainer, GError **error);

/* Sets state->now by the rescues so far. */
void gan_settle_rescues (struct trainer *trainer);
bool gan_rescue (struct trainer *trainer, enum watchdog_trouble trouble, char **did, GError **error);

/* One row a picture, 1 at its class. */
void gan_set_labels (struct plan *plan, const int *labels);

/* Columns and rows of sheets, as the networks have classes and codes. */
void gan_sheet_settle (struct gan_state *state);
/* The first batch; samples, of the same noise every time; walks from noise to noise, a row each. */
bool gan_reals (struct trainer *trainer, const char *path, GError **error);
bool gan_sample (struct trainer *trainer, const char *path, GError **error);
bool gan_walk_sheet (struct trainer *trainer, const char *path, GError **error);

/* Of the networks of a run; of both alike but for their rates. */
struct optimizer_options gan_optimizer (const struct gan_settings *settings);
