/* SPDX-License-Identifier: Apache-2.0
 *
 * Limited-memory BFGS (Nocedal and Wright, Numerical Optimization, 2nd ed., algorithms 7.4 and 7.5) over a flat vector
 * of floats, with a line search that meets the strong Wolfe conditions (algorithms 3.5 and 3.6, cubic interpolation).
 * Vectors are float, everything that is added up is double, in a fixed order: the same function gives the same bits.
 * One owner, one thread at a time; the vector x is the caller's. */
#pragma once

#include "tensor/weights.h"

/* The value at @x, and its gradient into @gradient. A value or gradient that is not finite is taken for a step that
 * went too far. False stops. */
typedef bool (*lbfgs_function) (const float *x, double *value, float *gradient, void *data);

struct lbfgs_options {
  int memory;      /* pairs that are kept; 0 = 10, at most 100 */
  int evaluations; /* of the function by one step's line search, at most; 0 = 20 */
  double
    first; /* the largest change of a coordinate that the first step begins with; 0: a change of length 1 or less */
};

enum lbfgs_result {
  LBFGS_STEPPED,
  LBFGS_CONVERGED, /* no step makes the value smaller, in floats */
  LBFGS_STOPPED,   /* the function said so: x and the state are those before the step */
  LBFGS_FAILED,    /* not finite at x, or wherever the search looked */
};

typedef struct lbfgs lbfgs;

/* IMPASTO_ERROR_MEMORY */
struct lbfgs *lbfgs_new (int64_t n, const struct lbfgs_options *options, GError **error);
void lbfgs_free (struct lbfgs *lbfgs);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (lbfgs, lbfgs_free)

/* What lbfgs_new takes. */
uint64_t lbfgs_bytes (int64_t n, const struct lbfgs_options *options);

/* One step: @x becomes a better x. The first one evaluates the function at @x too. */
enum lbfgs_result lbfgs_step (struct lbfgs *lbfgs, float *x, lbfgs_function function, void *data);

double lbfgs_value (const struct lbfgs *lbfgs);        /* at x, after a step */
int64_t lbfgs_evaluations (const struct lbfgs *lbfgs); /* of the function, in all */

/* The function has changed: it is evaluated anew before the next step. What was learnt of its curvature is kept. */
void lbfgs_refresh (struct lbfgs *lbfgs);

/* The state as tensors "PREFIX.*", shared, not copied: to be saved before the next step. With the same x, steps go on
 * to the bits they would have had. Loading copies. IMPASTO_ERROR_INPUT: no such state, or of another size; @path is
 * named. */
void lbfgs_save (struct lbfgs *lbfgs, struct weights *weights, const char *prefix);
bool lbfgs_load (struct lbfgs *lbfgs, struct weights *weights, const char *prefix, const char *path, GError **error);
