/* SPDX-License-Identifier: Apache-2.0
 *
 * The state of a painting by optimisation that was stopped, in a file: the level's tensors, which level it is, and the
 * identity of settings and inputs, which must agree when it goes on. */
#pragma once

#include "effect/optimize_level.h"

/* A draft that takes its name when it is whole. IMPASTO_ERROR_OUTPUT. */
bool optimize_state_save (const char *path, const char *identity, int number, struct level *level, GError **error);

/* @state stays NULL and the result is true when there is no such file. IMPASTO_ERROR_INPUT: damaged, or no state;
 * IMPASTO_ERROR_USAGE: of another painting, with what differs. */
bool optimize_state_load (const char *path, const char *identity, int levels, int *number, struct weights **state,
                          GError **error);
