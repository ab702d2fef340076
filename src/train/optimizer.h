/* SPDX-License-Identifier: Apache-2.0
 *
 * Optimisers as graph: new values of the parameters and of the optimiser's own state are assigned by the same plan that
 * computes the loss. State lives in parameters "optimizer.NAME.m" and so on, hence in checkpoints. */
#pragma once

#include "op/sym.h"

enum optimizer {
  OPTIMIZER_ADAM,    /* Kingma and Ba 2015 */
  OPTIMIZER_RMSPROP, /* Tieleman and Hinton 2012: beta2, no momentum; without bias, as Adam */
  OPTIMIZER_SGD,     /* gradient descent; beta1 is its momentum (Polyak 1964) */
};
extern const char *const optimizer_names[]; /* NULL-terminated */

struct optimizer_options {
  int kind; /* enum optimizer */
  double beta1, beta2, epsilon;
  double clip;                       /* largest global norm of the gradient; 0 = none */
  double l1, l2;                     /* adds l1 sum |w| + l2 sum w^2 over the weights, not the biases, to the loss */
  bool (*wanted) (const char *name); /* which parameters are trained; NULL = all */
};

/* A step for every parameter whose name begins with @prefix and that nothing in the graph assigns yet, as running
 * statistics are. @rate is a scalar input that holds the learning rate of the step with its bias correction
 * (optimizer_rate). With @decay, a scalar input, "average.NAME" follows whatever below @prefix is assigned, running
 * statistics included, as an exponential moving average. Returns the global norm of the gradient of @loss before
 * clipping. */
sym optimizer_step (sym loss, const char *prefix, sym rate, sym decay, const struct optimizer_options *options);

/* What the input @rate is at step @step, counted from 0: of Adam rate * sqrt(1 - beta2^t) / (1 - beta1^t), of RMSprop
 * rate * sqrt(1 - beta2^t), t = step + 1. Otherwise RMSprop's first steps would be thirty times too long, its mean
 * square beginning at 0. */
double optimizer_rate (const struct optimizer_options *options, double rate, int64_t step);

/* min(decay, (1 + t) / (10 + t)): the average forgets its random start quickly */
double average_decay (double decay, int64_t step);

/* Learning rate of step @step of @steps: linear rise over @warmup steps, then half a cosine down to 1 % */
double cosine_rate (double rate, int64_t step, int64_t steps, int64_t warmup);

/* Likewise: @rate for the first @hold of the run, then down to 0 along a line. */
double linear_rate (double rate, int64_t step, int64_t steps, double hold);
