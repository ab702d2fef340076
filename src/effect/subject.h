/* SPDX-License-Identifier: Apache-2.0
 *
 * What is timed: a network of ours, a style or pack, an ONNX model, or a recipe's training step, made ready to run with
 * inputs in place. */
#pragma once

#include "compile/plan.h"

struct subject_options {
  char *net, *style, *size, *train, *features, *set, *input;
  int precision;
  int64_t threads, batch;
};

typedef struct subject subject;

struct subject {
  char *name;
  int width, height, batch; /* batch: of a training step, else 0 */
  struct graph *graph;      /* NULL for a training step */
  struct weights *weights;
  struct plan *plan;
  struct tensor *values; /* of the first input, or NULL */
};

/* @what: a network's name, a style, a pack or a model's file; NULL: what @options says. */
bool subject_init (struct subject *subject, const char *what, const struct subject_options *options, GError **error);
void subject_clear (struct subject *subject);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (subject, subject_clear)
