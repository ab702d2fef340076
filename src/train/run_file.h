/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs of the arbitrary, perceptual and classifier recipes as networks before their end: what a checkpoint has learnt
 * so far, in full precision. */
#pragma once

#include "net/net_file.h"

/* Whether @path is a checkpoint of such a run, or the folder of one. */
bool run_file_matches (const char *path);

/* The network that the run would end with by this checkpoint, or by the latest in its folder, without facts of
 * training; ->path is the checkpoint's. IMPASTO_ERROR_INPUT. */
struct net_file *run_file_load (const char *path, GError **error);

/* The network @net of a run or checkpoint, or else in the file @path. IMPASTO_ERROR_INPUT. */
struct net_file *run_file_or_file (const char *path, const struct net *net, GError **error);
