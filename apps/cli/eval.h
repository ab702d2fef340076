/* SPDX-License-Identifier: Apache-2.0
 *
 * The other half of impasto eval: a set of samples against a set of real pictures (--reals). */
#pragma once

#include "command.h"

/* Prints the figures, with classes a row each; the exit status. */
int eval_sets (const struct arguments *arguments);
