/* SPDX-License-Identifier: Apache-2.0
 *
 * Checkpoints: network-000200.safetensors in a run's folder, one file that holds all state of the run after so many
 * steps: weights, optimiser state and averages by name, and in its metadata the step, the recipe, the machine's facts
 * that decide about bits, and a digest by which damage is found out. */
#pragma once

#include <json-glib/json-glib.h>

#include "train/trainer.h"

char *checkpoint_path (const char *folder, int64_t step); /* a new string */

/* The state after trainer->step steps; deletes what run.keep does not keep, but for the one that the watchdog would go
 * back to. */
bool checkpoint_save (struct trainer *trainer, GError **error);

/* The latest checkpoint of trainer->folder that can be read, into trainer->weights and trainer->step; later ones, which
 * are damaged, get another name and are told. IMPASTO_ERROR_INPUT: there is none; IMPASTO_ERROR_USAGE: its recipe is
 * another; IMPASTO_ERROR_MEMORY. */
bool checkpoint_resume (struct trainer *trainer, GError **error);

/* A checkpoint's tensors and metadata. IMPASTO_ERROR_INPUT: it cannot be read, or its digest is another;
 * IMPASTO_ERROR_MEMORY. */
struct weights *checkpoint_load (const char *path, GError **error);

/* SHA-256 of names, shapes, numbers and metadata, the digest itself left out; a new string. Kept in the metadata by
 * that name. */
#define CHECKPOINT_DIGEST "digest"
char *checkpoint_digest (struct weights *weights);

/* Whether the checkpoint held the whole state: what had to be drawn anew lies behind the @loaded tensors that came from
 * it. IMPASTO_ERROR_INPUT. */
bool checkpoint_check_complete (struct trainer *trainer, guint loaded, GError **error);

/* Deletes the checkpoints of steps after trainer->step, the latest first, and takes the figures of those steps out of
 * stats.jsonl, and lines that are none. How many of the steps until then have figures there. */
int64_t checkpoint_forget_later (struct trainer *trainer);

/* The checkpoint that @path is, or the latest in it where it is a run's folder; a new string. IMPASTO_ERROR_INPUT: the
 * folder has none. */
char *checkpoint_find (const char *path, GError **error);

/* The step of the last checkpoint in @folder before @step; -1: there is none. */
int64_t checkpoint_before (const char *folder, int64_t step);

/* Whether a result may take the place of @path: not where a checkpoint is, or would be looked for.
 * IMPASTO_ERROR_USAGE. */
bool checkpoint_check_result (const char *path, GError **error);

/* What a checkpoint of one of some recipes holds. */
struct learnt {
  char *path;
  const struct recipe *recipe;
  struct weights *weights;
  JsonNode *run;  /* the object of checkpoint_recipe */
  void *settings; /* of the recipe */
};

/* Which of @recipes, NULL-terminated, the checkpoint @path is of, or the latest in the folder @path; NULL: none of
 * them, or it cannot be read. */
const struct recipe *checkpoint_of (const char *path, const struct recipe *const *recipes);

/* Why it is none of them: a run of another recipe, without a checkpoint or with a damaged one, no run, or another file.
 * IMPASTO_ERROR_INPUT; false. */
bool checkpoint_refuse (const char *path, const struct recipe *const *recipes, GError **error);

/* The same as checkpoint_of with all that it holds, to be cleared by learnt_clear. IMPASTO_ERROR_INPUT. */
bool checkpoint_open (const char *path, const struct recipe *const *recipes, struct learnt *learnt, GError **error);
void learnt_clear (struct learnt *learnt);

/* The object that tells of the run, {"recipe": NAME, "inputs": [...], "settings": {...}, "run": {...}}, from a
 * checkpoint's metadata; NULL: it is none of @recipe's. */
JsonNode *checkpoint_recipe (struct weights *checkpoint, const struct recipe *recipe);

/* The settings that such an object tells of, to be cleared by option_clear and freed. IMPASTO_ERROR_INPUT, naming
 * @path. */
void *checkpoint_settings (JsonNode *node, const struct recipe *recipe, const char *path, GError **error);

#define CHECKPOINT_TEXT_MAX 200 /* characters of a title or licence out of one */
