/* SPDX-License-Identifier: Apache-2.0
 *
 * ONNX models for tests, good and bad ones: protobuf-c's structs, which a test may also bend by hand before they are
 * packed. A maker owns all that is made with it, maker_parse frees it; texts that are handed over are borrowed. Lists
 * are words between spaces ("2 3 h w"), the empty name is "-". Used by one thread. */
#pragma once

#include "onnx/model.h"

/* A model that grows; everything is owned by the lists and freed with them. */
struct maker {
  GPtrArray *garbage; /* blocks to be freed */
  GPtrArray *nodes, *inputs, *outputs, *initializers, *opsets, *functions, *metadata;
};

#define MAKE(maker, type, init) \
  ({ \
    type *made = keep ((maker), g_new (type, 1)); \
    init (made); \
    made; \
  })

struct maker maker_new (void);
void maker_clear (struct maker *maker);

/* The bytes of the model, to be freed; the maker has lost its graph. */
uint8_t *maker_pack (struct maker *maker, size_t *size);

/* What onnx_parse makes of them, under the name "FILE". Consumes the maker. */
struct onnx_model *maker_parse (struct maker *maker, const char *folder, GError **error);

/* @block, to be freed with the maker; words and whole numbers of a text. */
void *keep (struct maker *maker, void *block);
char **words (struct maker *maker, const char *text, size_t *n);
int64_t *numbers (struct maker *maker, const char *text, size_t *n);

/* Opset 17 of the standard ops when none is added. */
void add_opset (struct maker *maker, const char *domain, int64_t version);

/* Nodes, of the graph or loose, and their attributes. */
Onnx__NodeProto *make_node (struct maker *maker, const char *op, const char *inputs, const char *outputs);
Onnx__NodeProto *add_node (struct maker *maker, const char *op, const char *inputs, const char *outputs);
Onnx__AttributeProto *attribute (struct maker *maker, Onnx__NodeProto *node, const char *name, int type);
void set_int (struct maker *maker, Onnx__NodeProto *node, const char *name, int64_t value);
void set_float (struct maker *maker, Onnx__NodeProto *node, const char *name, float value);

/* Tensors: loose and without values; initialisers with the values 0, 1, 2 ... times @scale, and with whole numbers. */
Onnx__TensorProto *make_tensor (struct maker *maker, const char *name, int type, const char *dims);
Onnx__TensorProto *add_floats (struct maker *maker, const char *name, const char *dims, float scale);
Onnx__TensorProto *add_ints (struct maker *maker, const char *name, const char *dims, const char *values);

/* Inputs are float32; numbers are extents, words names of open axes. Outputs say nothing of themselves. */
void add_input (struct maker *maker, const char *name, const char *dims);
void add_output (struct maker *maker, const char *name);

/* An entry of the model's metadata; NULL: it has no key, or no value. */
void add_metadata (struct maker *maker, const char *key, const char *value);

/* A graph of everything collected so far, which is taken away: the maker is empty again. */
Onnx__GraphProto *take_graph (struct maker *maker);

/* x (2, 3), the op as the node "it", y. */
struct maker maker_one_node (const char *op, const char *inputs);
