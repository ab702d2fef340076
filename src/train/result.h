/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a run's result goes: to run.output, or into the run's folder. It takes no other file's place without
 * run.overwrite; the run's own of before, which its log tells by path and SHA-256, it does. Used by the trainer's
 * thread. */
#pragma once

#include "train/trainer.h"

char *result_path (const struct trainer *trainer); /* a new string */

/* That the result can be written, which is to be found out before hours of work. IMPASTO_ERROR_USAGE: no name for one;
 * IMPASTO_ERROR_OUTPUT: another file is there, or none can be written. */
bool result_check (const struct trainer *trainer, GError **error);

/* Lets the recipe finish, and logs so. IMPASTO_ERROR_NUMERIC: the run has diverged. IMPASTO_ERROR_OUTPUT, too, when a
 * file has come to the result's place meanwhile: then the result is in the run's folder, and the message says where. */
bool result_write (struct trainer *trainer, GError **error);
