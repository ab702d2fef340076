/* SPDX-License-Identifier: Apache-2.0
 *
 * What recipes would write alike: plans compiled as a run wants them, their inputs and figures by name, the photographs
 * that were left out, the averaged weights and the facts of a result. The thread that trains. */
#pragma once

#include <json-glib/json-glib.h>

#include "net/net_file.h"
#include "train/dataset.h"
#include "train/optimizer.h"
#include "train/trainer.h"

/* Whether all options that @given names (NULL-terminated, or NULL) have a meaning for @settings, which are settled.
 * IMPASTO_ERROR_USAGE. */
bool recipe_check_given (const struct recipe *recipe, const void *settings, const char *const *given, GError **error);

/* A plan over trainer->weights, in the run's precision, by its threads, within the memory that is free. Errors as
 * plan_compile. */
struct plan *recipe_compile (const struct trainer *trainer, struct graph *graph, GError **error);

/* Value @i of input @name; nothing where the plan has no such input. */
void recipe_set (struct plan *plan, const char *name, int64_t i, double value);

/* @n photographs for the sheets of a run, (n, 3, size, size), which no step sees; the caller's. */
float *recipe_sheet_photos (struct dataset *photos, int n, int64_t size, GError **error);

/* Input @name at picture @item, or NULL where the plan has no such input. */
float *recipe_input_at (struct plan *plan, const char *name, int64_t item);

/* The learning rate of the trainer's step, when the greatest is @rate: warmed up, then let down by a cosine; less after
 * rescues of the watchdog. */
double recipe_rate (const struct trainer *trainer, double rate);

/* linear_rate of a run. */
double recipe_linear_rate (const struct trainer *trainer, double rate, double hold);

/* The inputs "rate" and "decay" of optimizer_step at step @step, for a learning rate of @rate and a moving @average of
 * the weights. */
void recipe_set_rates (struct plan *plan, int64_t step, const struct optimizer_options *optimizer, double rate,
                       double average);

/* The input @name, if there is one, filled with noise in 0..1: for rehearsals. */
void recipe_fill_noise (struct plan *plan, const char *name, uint32_t stream);

/* Adds the outputs @names, (1), that the plan has to @stats. */
void recipe_stats (struct plan *plan, const char *const *names, guint n, struct train_stats *stats);

/* dataset_open, its files in the run's inventory; a new run says how many pictures there are. */
struct dataset *recipe_open_data (struct trainer *trainer, const char *dir, const struct dataset_options *options,
                                  GError **error);

/* Whether two classes at least have pictures; of a run that goes on nothing is asked. IMPASTO_ERROR_INPUT, naming
 * @path. */
bool recipe_check_classes (const struct trainer *trainer, const struct dataset *dataset, const char *path,
                           GError **error);

/* What the classes of a run's data are called: among its weights, bytes with a 0 behind each name, hence in
 * checkpoints; and from there those of @n classes in the facts of a file. Runs from before they were kept have none:
 * nothing happens. */
void recipe_keep_class_names (struct trainer *trainer, const struct dataset *dataset);
void recipe_name_classes (struct net_file *file, struct weights *run, int64_t n);

/* Says which files of @dataset (or NULL: none) cannot be used, each once, with the reason. */
void recipe_report (struct trainer *trainer, struct dataset *dataset);

/* Copies those weights of @from whose names begin with @part over the run's of the same names behind @prefix, and over
 * their averages. IMPASTO_ERROR_USAGE, naming @path: the run has none of this shape. */
bool recipe_start_from (const struct trainer *trainer, struct weights *from, const char *part, const char *prefix,
                        const char *path, GError **error);

/* The averages of the weights of @run whose names begin with @prefix, under what is left of their names. */
struct weights *recipe_averaged (struct weights *run, const char *prefix);

/* What a result tells of its training: the settings but those named in @hidden (NULL-terminated: places on this
 * machine), steps and seed. */
JsonObject *recipe_facts (const struct trainer *trainer, const char *const *hidden);
