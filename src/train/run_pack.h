/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs of the style, predictor and translate recipes as style packs before their end: what a checkpoint has learnt so
 * far, in full precision. */
#pragma once

#include "net/pack.h"

/* Whether @path is a checkpoint of such a run, or the folder of one. */
bool run_pack_matches (const char *path);

/* The pack that the run would end with by this checkpoint, or by the latest in its folder, without facts of training
 * and descriptors; ->path is the checkpoint's. IMPASTO_ERROR_INPUT. */
struct pack *run_pack_load (const char *path, GError **error);

/* That of a run or checkpoint, or else the pack in the file @path. IMPASTO_ERROR_INPUT. */
struct pack *run_pack_or_file (const char *path, GError **error);
