/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a run comes from: its recipe (recipe.json: recipe, inputs, settings) and the files it learns from (data.txt:
 * train/inventory.h). A run that is resumed must come from the same, or its user says that it need not. */
#pragma once

#include "train/trainer.h"

/* The recipe as text, without what a continuation may change; a new string. */
char *origin_recipe (const struct trainer *trainer);

/* Writes both files into the run's folder. */
bool origin_write (const struct trainer *trainer, GError **error);

/* Settings and inputs of the run that trainer->run.resume names, into trainer->settings, @run and @inputs: those of its
 * recipe.json, but for the options in @given (NULL-terminated, or NULL), which stay as trainer has them, and for those
 * that belong to the call: resume, runs, accept-changes. IMPASTO_ERROR_INPUT: there is none, or it is damaged;
 * IMPASTO_ERROR_USAGE: it is of another recipe. */
bool origin_read (struct trainer *trainer, const char *const *given, struct run_settings *run, char ***inputs,
                  GError **error);

/* Whether the recipe is still @was, a checkpoint's origin_recipe, and the files are those of data.txt; where not, says
 * what has changed if run.accept_changes, and fails otherwise. IMPASTO_ERROR_USAGE. */
bool origin_check_recipe (struct trainer *trainer, const char *was, GError **error);
bool origin_check_data (struct trainer *trainer, GError **error);

/* Writes both files of a resumed run anew where changes are accepted, or where an earlier version wrote no data.txt. To
 * be called once nothing is left that could refuse them. */
bool origin_update (const struct trainer *trainer, GError **error);
