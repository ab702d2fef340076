/* SPDX-License-Identifier: Apache-2.0
 *
 * Style packs: one .safetensors file with the weights of a style network and a JSON manifest in its metadata under
 * "impasto": network and its settings, the styles (one a row), defaults, provenance, licence. A loaded pack is constant
 * and may be shared between threads that only read it.
 *
 *   {"format": 1, "network": "style", "settings": {...}, "title": "...", "license": "...", "provenance": "...",
 *    "training": {...}, "styles": [{"name": "starry-night", "title": "The Starry Night", "artist": "...", "year": "1889"}]}
 *
 * Beside the weights there may be a tensor "descriptors", (styles, d), d at most PACK_DESCRIPTOR_MAX: what the painting
 * of each style looks like (perceptual_descriptor of net/net.h, the painting PACK_DESCRIPTOR_SIZE pixels on its longer
 * side). And there may be a predictor, which says what rows other paintings want: its weights "predictor....", and for
 * each table of rows a basis, "res1.norm1.basis_scale"; settings have its size. A loaded pack keeps it apart: whoever
 * paints in the pack's styles meets no row of it. */
#pragma once

#include <json-glib/json-glib.h>

#include "net/net.h"
#include "tensor/weights.h"

struct pack_style {
  char *name, *title, *artist, *year; /* name: lower case, digits and '-'; the others may be empty */
};

enum { PACK_DESCRIPTOR_SIZE = 512, PACK_DESCRIPTOR_MAX = 4096 };

struct pack {
  char *path; /* where it was loaded from, or NULL */
  struct style_net settings;  /* without predictor */
  struct weights *weights;    /* F32, names as the network's parameters: "res1.conv1.weight" */
  struct predictor_net predictor;
  struct weights *predicting; /* F32, of predictor and basis; NULL: there is none */
  GPtrArray *styles;          /* struct pack_style, one a row */
  struct tensor *descriptors; /* (styles, d) F32, or NULL */
  char *title, *license, *provenance;
  JsonObject *training; /* recipe and figures, or NULL */
};
typedef struct pack pack;

/* Takes what @weights hold of a predictor apart, if the settings have one. */
struct pack *pack_new (const struct style_net *settings, struct weights *weights);
void pack_add_style (struct pack *pack, const char *name, const char *title, const char *artist, const char *year);

/* IMPASTO_ERROR_INPUT: not a safetensors file, no manifest, another network or format, styles that do not match the
 * rows, a weight that is missing or of another shape, descriptors that are none, NaN. Half precision becomes F32. */
struct pack *pack_load (const char *path, GError **error);

/* The same from memory; @name stands for the file in messages. */
struct pack *pack_parse (const void *data, size_t size, const char *name, GError **error);

/* The manifest alone, from the head of the file; ->weights are empty. */
struct pack *pack_load_manifest (const char *path, GError **error);

/* Of a pack that comes from another file: every weight of the network there, of its shape, finite; as F32, and nothing
 * else. IMPASTO_ERROR_INPUT. */
bool pack_check_weights (struct pack *pack, const char *path, GError **error);

/* Gives @pack the predictor of @from, if it has one. */
void pack_share_predictor (struct pack *pack, const struct pack *from);

/* pack_predict.c: what its predictor, which it must have, says of paintings that look like @descriptors, (n,
 * described): weights over the basis, (n, basis). And the rows of the table @table that such weights mean, (n, c); NULL
 * without @error: it is no table of rows. IMPASTO_ERROR_NUMERIC: NaN or infinity. */
struct tensor *pack_predict (const struct pack *pack, struct tensor *descriptors, GError **error);
char *
pack_basis_name (const char *table); /* of the basis that belongs to it, a new string; NULL: it is no such table */
struct tensor *pack_predict_rows (const struct pack *pack, const char *table, struct tensor *weights, GError **error);

/* Half precision on disk. */
bool pack_save (struct pack *pack, const char *path, GError **error);

void pack_free (struct pack *pack);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (pack, pack_free)

/* Lower case letters, digits and '-', 1 to 64 of them. */
bool pack_valid_name (const char *name);

int pack_find_style (const struct pack *pack, const char *name); /* row, or -1 */
