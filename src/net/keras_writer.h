/* SPDX-License-Identifier: Apache-2.0
 *
 * Internal to this room: layers and weights of a network of ours as Keras's files have them, one after the other. What
 * a mistake was stays in the writer; what is added after it does not count. */
#pragma once

#include "format/hdf5.h"
#include "net/gan.h"
#include "tensor/weights.h"

#define NAME_SIZE 64 /* of a layer, with its end */

struct keras_writer {
  struct hdf5 *weights;
  struct weights *source;
  const char *prefix; /* of the names in @source */
  GString *layers;
  GPtrArray *names;   /* of the layers, as layer_names has them */
  GHashTable *counts; /* of layers of a class so far */
  struct gan_net net;
  int norm; /* enum gan_normalisation of this network */
  bool functional, spectral;
  char last[NAME_SIZE];       /* the layer that gave the value */
  bool vector;                /* it is one of c h w numbers, channels first; otherwise a picture */
  int64_t c, h, w;            /* of the value */
  const char *name, *mistake; /* of our layer; what it lacks */
};

/* A layer over the value so far, which becomes the value; @settings begin with a comma. Its name. */
const char *keras_add_layer (struct keras_writer *writer, const char *class_name, const char *base,
                             const char *settings);

void keras_add_input (struct keras_writer *writer, const char *name, const char *extents);

/* A layer over the value and another's, which becomes the value. */
void keras_merge (struct keras_writer *writer, const char *class_name, const char *base, const char *other);

/* Our weight "NAME.LEAF" of @n numbers; NULL is a mistake. */
const float *keras_find_weight (struct keras_writer *writer, const char *leaf, int64_t n);

/* A tensor to be filled; NULL is a mistake. */
struct tensor *keras_make_weight (struct keras_writer *writer, struct shape shape);

/* Takes @values (NULL after a mistake) as the next weight of the layer @name. */
void keras_add_weight (struct keras_writer *writer, const char *name, const char *leaf, struct tensor *values);

/* Which of c h w numbers, channels first, is number @i of them, channels last; @plane = h w. */
int64_t keras_from_last (int64_t i, int64_t c, int64_t plane);

/* @n numbers of ours in the order of a vector that was or will be a picture of @c channels, or of its channels
 * alone. */
struct tensor *keras_vector_values (struct keras_writer *writer, const float *from, int64_t n, int64_t c);

void keras_add_bias (struct keras_writer *writer, const char *name, int64_t n, int64_t c);

/* What a weight of @rows rows is divided by: its largest singular value by the vector "u", as layers.c estimates it. */
double keras_divisor (struct keras_writer *writer, const float *weight, int64_t rows, int64_t columns);
