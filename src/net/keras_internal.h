/* SPDX-License-Identifier: Apache-2.0
 *
 * What reading Keras's files shares: kinds of layers (keras_kinds.c), and what a layer's settings say. */
#pragma once

#include "net/keras.h"

struct keras_pass {
  struct graph *graph;
  struct weights *weights;
  const struct keras *keras;
};

/* A kind of layer: @build gets 1 to @inputs of them (0: any number). Values are (n, c, h, w), (n, t, c) or (n, c). */
struct keras_kind {
  const char *class_name;
  sym (*build) (struct keras_pass *pass, const struct keras_call *call, const sym *x, int n);
  int inputs;
};
const struct keras_kind *keras_kind_find (const char *class_name); /* NULL: not known */
extern const struct keras_kind keras_input;

/* Members of a layer's settings; of another type, or beyond the bounds, they are mistakes of the graph. */
int64_t keras_int (struct keras_pass *pass, const struct keras_call *call, const char *name, int64_t fallback,
                   int64_t least, int64_t most);
double keras_number (const struct keras_call *call, const char *name, double fallback);
bool keras_flag (const struct keras_call *call, const char *name, bool fallback);
const char *keras_text (const struct keras_call *call, const char *name); /* or NULL */
/* "[2, 3]" or "2"; what is missing is @fallback. */
void keras_pair (struct keras_pass *pass, const struct keras_call *call, const char *name, int64_t fallback,
                 int64_t pair[2]);

/* The layer's weight @leaf of @shape in Keras's order, with its axes permuted (NULL: as they are), as the parameter
 * "LAYER.LEAF". A mistake of the graph: missing, of another shape, not finite. */
sym keras_weight (struct keras_pass *pass, const struct keras_call *call, const char *leaf, struct shape shape,
                  const int *axes);
/* The same as values alone, (c): NULL after a mistake. */
struct tensor *keras_values (struct keras_pass *pass, const struct keras_call *call, const char *leaf,
                             struct shape shape);
/* Makes the parameter "LAYER.LEAF" of values. */
sym keras_parameter (struct keras_pass *pass, const struct keras_call *call, const char *leaf, struct tensor *values);

sym keras_activation (struct keras_pass *pass, const char *name, sym x); /* keras_activations.c */
