/* SPDX-License-Identifier: Apache-2.0
 *
 * Keras's .h5 files: architecture as JSON and weights by layer. Read: Sequential and functional models, also within
 * each other, of the layers in keras_kinds.c; as the versions 2.0 to 3 write them. Written: generators and judges of
 * ours (keras_gan.c). Keras's pictures are (n, h, w, c); what is built takes and gives them so, and has (n, c, h, w)
 * within.
 *
 * A model is constant once it is loaded; the caller owns it. */
#pragma once

#include <json-glib/json-glib.h>

#include "format/hdf5.h"
#include "graph/graph.h"
#include "net/gan.h"
#include "tensor/weights.h"

enum { KERAS_CALLS_MAX = 4096, KERAS_INPUTS_MAX = 8 };

struct keras_kind;

/* One use of a layer. */
struct keras_call {
  char *name, *group; /* the layer's, and the group of the file that has its weights */
  bool nested;        /* the group is that of a model within the model */
  const struct keras_kind *kind;
  JsonObject *config;
  GArray *inputs; /* int: earlier calls */
};

struct keras {
  char *path, *name, *version;
  GPtrArray *calls; /* struct keras_call, each after those it uses */
  int n_inputs, input[KERAS_INPUTS_MAX], output;
  GHashTable *weights; /* "GROUP/LEAF" and "GROUP/LAYER/LEAF" -> struct tensor */
  JsonNode *config;
};
typedef struct keras keras;

/* IMPASTO_ERROR_INPUT: what hdf5_load says; weights without an architecture; a layer that is not known; damaged. */
struct keras *keras_load (const char *path, GError **error);
struct keras *keras_parse (const void *data, size_t size, const char *name, GError **error);
struct keras *keras_from_tree (const struct hdf5 *root, const char *name, GError **error);
void keras_free (struct keras *keras);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (keras, keras_free)

const char *keras_input_name (const struct keras *keras, int i);
/* With 0 for extents that are open, the first of which is the batch. */
struct shape keras_input_shape (const struct keras *keras, int i);

/* Builds the model over @inputs, in Keras's order, and adds the weights of its parameters to @weights, in the graph's
 * form. Mistakes of layers stay in the graph. */
sym keras_build (const struct keras *keras, const sym *inputs, struct weights *weights);

/* Rows of its first embedding: how many classes there are when they are told by number; 0 without. */
int64_t keras_classes (const struct keras *keras);

/* What the last layer holds its values to: "tanh", "sigmoid", ...; "" where nothing does. */
const char *keras_range (const struct keras *keras);

/* How many kinds of noise of @latent numbers (gan_noise_fill) an input's name tells of: 32 of "z_32_kinds", else 0. */
int64_t keras_noise_kinds (const char *name, int64_t latent);

/* Whether an input's name tells of a code of @size numbers, and how many of them are shares of categories, then how
 * many continuous numbers: 10 and 2 of "code_10_categories_2_continuous". */
bool keras_code (const char *name, int64_t size, int64_t *categories, int64_t *continuous);

enum keras_part { KERAS_GENERATOR, KERAS_JUDGE, KERAS_ENCODER };

/* A network of a preset as Keras would have saved it, as `load_model` and `load_weights` read it. Its weights are those
 * of @weights whose names begin with @prefix; spectral normalisation is in them. IMPASTO_ERROR_USAGE: the preset has no
 * such part; IMPASTO_ERROR_INPUT: Keras has no layer for a row; a weight is missing; IMPASTO_ERROR_OUTPUT. */
bool keras_save_gan (const struct gan_preset *preset, const struct gan_net *net, enum keras_part part,
                     struct weights *weights, const char *prefix, const char *path, GError **error);

/* The weights of the preset @preset's generator out of a model of the same layers, in its names and shapes. Layers are
 * told by their order and class. IMPASTO_ERROR_INPUT: other layers, or other shapes. */
struct weights *keras_take (const struct keras *keras, const struct gan_preset *preset, const struct gan_net *net,
                            GError **error);
