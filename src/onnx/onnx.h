/* SPDX-License-Identifier: Apache-2.0
 *
 * ONNX models in: opening reads and checks a file, importing makes graphs of it.
 *
 * A model is opened once (onnx_open): sizes, nesting, names, types, cycles and the files that it refers to are checked,
 * and its initialisers become tensors. Importing (onnx_import) takes the model and, for every input, the shape of
 * run-time data or a value known beforehand, and gives a graph for these shapes; so dynamic axes need no further
 * thought, and the shape arithmetic between layers is evaluated away. Imports of one model share its weights. A model
 * may be read by many threads; an import belongs to whoever made it. */
#pragma once

#include "graph/graph.h"
#include "onnx/constant.h"
#include "tensor/weights.h"

typedef struct onnx_model onnx_model;

/* An input or output as the model declares it. */
struct onnx_port {
  const char *name;
  enum onnx_type type;              /* ONNX_UNDEFINED where none is declared */
  int rank;                         /* -1: not declared */
  int64_t dim[SHAPE_RANK_MAX];      /* -1: any */
  const char *axis[SHAPE_RANK_MAX]; /* the name of an axis that may have any extent, or NULL */
  bool optional;                    /* an input with a default: an initialiser of its name */
};

/* IMPASTO_ERROR_INPUT: cannot be read, damaged; IMPASTO_ERROR_MODEL: makes no sense, or needs what impasto lacks. */
struct onnx_model *onnx_open (const char *path, GError **error);

/* A model in memory. @name stands for the file in messages; @folder is where external data may lie, NULL for
 * nowhere. */
struct onnx_model *onnx_parse (const void *data, size_t size, const char *name, const char *folder, GError **error);

void onnx_free (struct onnx_model *model);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (onnx_model, onnx_free)

/* Inputs without a default come first. */
guint onnx_input_count (const struct onnx_model *model);
const struct onnx_port *onnx_input (const struct onnx_model *model, guint i);
guint onnx_output_count (const struct onnx_model *model);
const struct onnx_port *onnx_output (const struct onnx_model *model, guint i);

/* "(1, 3, height, width)", "?" for an axis without a name, "of any shape". A new string. */
char *onnx_port_text (const struct onnx_port *port);

const char *onnx_name (const struct onnx_model *model); /* the file's, as given */
const char *onnx_producer (const struct onnx_model *model);
int onnx_opset (const struct onnx_model *model);
int64_t onnx_parameters (const struct onnx_model *model); /* elements of floating initialisers */

/* What the model says beside its graph, in its own order: the @i-th key, NULL after the last; the value of @key, or
 * NULL. Whatever bytes the file holds. */
const char *onnx_metadata_key (const struct onnx_model *model, guint i);
const char *onnx_metadata (const struct onnx_model *model, const char *key);

/* "Conv 12": each op with how often it occurs, in subgraphs too; ops that no rule imports are in @missing, unless that
 * is NULL. Sorted; new. */
char **onnx_ops (const struct onnx_model *model, char ***missing);

/* What an import is given for an input: a value, or the shape of run-time data. Neither: its default. */
struct onnx_given {
  const char *input;
  struct shape shape;
  struct onnx_constant *value; /* borrowed, or NULL */
};

/* The least and greatest value as far as the last ops tell (a tanh: -1 and 1); infinite where they do not. */
struct bounds {
  double low, high;
};

/* What it gives for an output: run-time data under its name in the graph, or a value that is known already. */
struct onnx_result {
  const char *name;
  enum onnx_type type;
  struct shape shape;
  struct onnx_constant *constant; /* NULL: run-time data, float32 */
  struct bounds bounds;           /* of run-time data */
};

typedef struct onnx_import onnx_import;

struct onnx_import {
  struct graph *graph;
  struct weights *weights;
  GArray *results; /* struct onnx_result, in the order of the model's outputs */
};

/* Whole numbers given by shape are run-time data, held as floats: exact to 2^24. @outputs: the ones wanted, NULL for
 * all. */
struct onnx_import *onnx_import_new (struct onnx_model *model, const struct onnx_given *given, guint n_given,
                                     const char *const *outputs, GError **error);
void onnx_import_free (struct onnx_import *import);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (onnx_import, onnx_import_free)
