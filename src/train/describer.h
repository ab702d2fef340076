/* SPDX-License-Identifier: Apache-2.0
 *
 * What paintings look like, for packs to carry: see net/pack.h. */
#pragma once

#include "compile/plan.h"

/* Descriptors (n, d) of the paintings @paths by the perceptual network @network, a file; with the threads of @options,
 * in float32. IMPASTO_ERROR_INPUT: no such network, no picture; IMPASTO_ERROR_NUMERIC: NaN or infinity. */
struct tensor *describe_paintings (const char *network, char **paths, int n, struct plan_options options,
                                   GError **error);
