/* SPDX-License-Identifier: Apache-2.0
 *
 * Networks in files other than style packs, as they are drawn with, described and exported: a generator that impasto
 * trained (.safetensors; or a checkpoint of its run, or the run's folder: the latest) or a model that Keras saved
 * (.h5). Pictures of the first are (n, c, h, w), of the second (n, h, w, c). */
#pragma once

#include "net/gan.h"
#include "net/keras.h"
#include "net/net_file.h"

struct generator {
  char *path;
  struct net_file *file; /* of a preset; or NULL */
  struct keras *keras;   /* or NULL */
  bool last;             /* channels come last */
};
typedef struct generator generator;

/* Whether @path is a file that generator_load reads, by its first bytes. */
bool generator_matches (const char *path);

/* IMPASTO_ERROR_INPUT: what keras_load and net_file_load say; no such file; another network. */
struct generator *generator_load (const char *path, GError **error);
void generator_free (struct generator *generator);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (generator, generator_free)

/* Builds it for a batch of @n, with inputs by their names ("z", "labels", "code"; Keras's own), those that are pictures
 * of any size @h x @w. Weights that are not in @weights yet are added. Returns the result, which has no name yet. */
sym generator_build (const struct generator *generator, struct graph *graph, int64_t n, int64_t h, int64_t w,
                     struct weights *weights);

/* Values of black and white of its pictures: "-1..1", "0..1", or NULL: it does not say. */
const char *generator_range (const struct generator *generator);

/* The length and kinds of its noise, as gan_noise_fill takes them; and in words, a new string, NULL: of one kind. */
struct gan_net generator_noise_net (const struct generator *generator);
char *generator_noise (const struct generator *generator);

/* As an ONNX model for any batch; @into: to memory instead. */
bool generator_export (const struct generator *generator, int opset, bool half, const char *path, GByteArray *into,
                       GError **error);
