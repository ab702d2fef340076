/* SPDX-License-Identifier: Apache-2.0
 *
 * Optimisers as graph: new values of the parameters and of the optimiser's own state are assigned by the same plan that
 * computes the loss. State lives in parameters "optimizer.NAME.m" and so on, hence in checkpoints. */
#pragma once

#include "op/sym.h"

struct adam_options {
  double beta1, beta2, epsilon;
  double clip;                       /* largest global norm of the gradient; 0 = none */
  bool (*wanted) (const char *name); /* which parameters are trained; NULL = all */
};

/* Adam (Kingma and Ba 2015) for every parameter whose name begins with @prefix. @rate is a scalar input that holds the
 * learning rate of the step with its bias correction (adam_rate). With @decay, a scalar input, "average.NAME" follows
 * as an exponential moving average. Returns the global norm of the gradient before clipping. */
sym adam (sym loss, const char *prefix, sym rate, sym decay, const struct adam_options *options);

/* rate * sqrt(1 - beta2^t) / (1 - beta1^t), t = step + 1 */
double adam_rate (const struct adam_options *options, double rate, int64_t step);

/* min(decay, (1 + t) / (10 + t)): the average forgets its random start quickly */
double average_decay (double decay, int64_t step);

/* Learning rate of step @step of @steps: linear rise over @warmup steps, then half a cosine down to 1 % */
double cosine_rate (double rate, int64_t step, int64_t steps, int64_t warmup);
