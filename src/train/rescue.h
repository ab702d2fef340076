/* SPDX-License-Identifier: Apache-2.0
 *
 * Rescue: what the trainer does about a trouble that the watchdog saw. The run goes back to its last good checkpoint,
 * goes on with what the recipe changed, and says so on the terminal, in log.txt and in stats.jsonl; checkpoints after
 * that one are deleted, and it is written anew with the changes, so that a run killed at any moment and resumed comes
 * to the same bits. A line of statistics tells of it: {"step": the step gone back to, "watchdog":
 * "collapse", "at": step, "said": text}; it stays when the run goes back again. */
#pragma once

#include "train/trainer.h"

#define RESCUES 3 /* from one trouble; then the run ends */

/* After @trouble in the step after trainer->step, of which the watchdog said @what. IMPASTO_ERROR_NUMERIC, or _INPUT
 * where the data are at fault, with advice: it cannot be rescued, or was too often. */
bool trainer_rescue (struct trainer *trainer, enum watchdog_trouble trouble, const char *what, GError **error);
