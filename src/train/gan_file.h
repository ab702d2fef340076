/* SPDX-License-Identifier: Apache-2.0
 *
 * What a gan run has learnt as a model's file: from the run when it ends, or from one of its checkpoints. */
#pragma once

#include "net/gan.h"
#include "net/net_file.h"

/* The generator by its averaged weights, and with a code the recogniser that reads it, out of all weights of a run. */
struct net_file *gan_file_new (const struct gan_preset *preset, const struct gan_net *net, struct weights *run);

/* Whether @path is a checkpoint of a gan run, or the folder of one. */
bool gan_checkpoint_matches (const char *path);

/* The same from a checkpoint, or from the latest in a run's folder. IMPASTO_ERROR_INPUT. */
struct net_file *gan_checkpoint_load (const char *path, GError **error);

/* That of a run or checkpoint, or else the @preset's in the file @path. IMPASTO_ERROR_INPUT. */
struct net_file *gan_file_load (const char *path, const struct gan_preset *preset, GError **error);
