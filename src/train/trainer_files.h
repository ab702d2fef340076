/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of a run, as the trainer and its rescues use them: trainer.c has them. */
#pragma once

#include "train/trainer.h"

char *trainer_checkpoint_path (const struct trainer *trainer, int64_t step); /* a new string */
bool trainer_save_checkpoint (struct trainer *trainer, GError **error);

/* Deletes the checkpoints of steps after @step, the latest first. */
void trainer_drop_checkpoints (struct trainer *trainer, int64_t step);

/* Takes out of the statistics in the file @path what is of steps after @step, and a line that was cut off. */
void trainer_trim_stats (const char *path, int64_t step);
